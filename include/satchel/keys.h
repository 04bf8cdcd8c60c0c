/* SPDX-License-Identifier: MIT
 * Declares keys: what SORT, THREAD and SEARCH compare of a message, and what POP3 needs of all messages, in
 * its smallest form. They are made of a message's attributes, and the mailbox keeps them in memory
 * (store.h: satchel_mailbox_keys). Pure.
 */
#pragma once
#include <satchel/search.h>
#include <satchel/sort.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_KEY_SENT = 0, /* see satchel_key_sent */
  SATCHEL_KEY_THREAD,   /* see satchel_key_thread */
  /* Texts that are compared by bytes (i;unicode-casemap), cut off at SATCHEL_KEY_TEXT_BYTES; "" if the
   * message has none. */
  SATCHEL_KEY_SUBJECT, /* base subject */
  SATCHEL_KEY_FROM,    /* addr-mailbox of the first address, RFC 5256 3 */
  SATCHEL_KEY_TO,
  SATCHEL_KEY_CC,
  SATCHEL_KEY_DISPLAY_FROM, /* the name of the first address, else the address: RFC 5957 3 */
  SATCHEL_KEY_DISPLAY_TO,
  /* SEARCH looks into these header fields (satchel_key_search). */
  SATCHEL_KEY_IN_SUBJECT,
  SATCHEL_KEY_IN_FROM,
  SATCHEL_KEY_IN_TO,
  SATCHEL_KEY_IN_CC,
  SATCHEL_KEY_MAILDROP, /* see satchel_key_maildrop */
  SATCHEL_N_KEYS
} SatchelKeyKind;

#define SATCHEL_KEY_TEXT_BYTES 256u
#define SATCHEL_KEY_SEARCH_BYTES 1024u
#define SATCHEL_KEY_REFERENCES 100u /* the first one, and the last ones */

/* Reads a key SENT.  FALSE means that the message has no Date field that can be read; then the internal date
 * counts (RFC 5256 2.2). */
SATCHEL_API gboolean satchel_key_sent (const void *key, gsize len, gint64 *ret_time, int *ret_zone_minutes);
/* Reads a key THREAD; the caller sets `arrived`.  `sent` is set only if there is a Date field.  References
 * go to @references. */
SATCHEL_API void satchel_key_thread (const void *key, gsize len, SatchelThreadMessage *ret_message,
                                     guint64 references[SATCHEL_KEY_REFERENCES]);
/* Searches a key IN_..., as satchel_search_header does.  UNKNOWN: the field was too long to keep. */
SATCHEL_API SatchelMatch satchel_key_search (const void *key, gsize len, const SatchelNeedle *needle);
/* Reads a key MAILDROP.  @ret_is_internationalized: the message came by SMTPUTF8 (RFC 6531), or an address
 * in its header is not ASCII; such mail has a surrogate (downgrade.h).  @ret_ends_in_crlf: the last line
 * ends in CRLF, or there is no line. */
SATCHEL_API void satchel_key_maildrop (const void *key, gsize len, gboolean *ret_is_internationalized,
                                       gboolean *ret_ends_in_crlf);
/* Finds the key that has field @name, in any case; FALSE means that none has. */
SATCHEL_API gboolean satchel_key_of_header (const char *name, SatchelKeyKind *ret_kind);

G_END_DECLS
