/* SPDX-License-Identifier: MIT
 * What SORT, THREAD and SEARCH compare of a message, and POP3 has to know of all, in its smallest form: made
 * of its attributes, and kept in memory by the mailbox (storage.h: satchel_mailbox_keys).  Pure.
 */
#pragma once
#include <satchel/search.h>
#include <satchel/sort.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_KEY_SENT = 0, /* see satchel_key_sent */
  SATCHEL_KEY_THREAD,   /* see satchel_key_thread */
  /* Texts to compare by bytes (i;unicode-casemap), "" if there is none, cut off at SATCHEL_KEY_TEXT_BYTES. */
  SATCHEL_KEY_SUBJECT, /* base subject */
  SATCHEL_KEY_FROM,    /* addr-mailbox of the first address, RFC 5256 3 */
  SATCHEL_KEY_TO,
  SATCHEL_KEY_CC,
  SATCHEL_KEY_DISPLAY_FROM, /* its name, else its address: RFC 5957 3 */
  SATCHEL_KEY_DISPLAY_TO,
  /* Header fields to search in: see satchel_key_search. */
  SATCHEL_KEY_IN_SUBJECT,
  SATCHEL_KEY_IN_FROM,
  SATCHEL_KEY_IN_TO,
  SATCHEL_KEY_IN_CC,
  SATCHEL_KEY_MAILDROP, /* see satchel_key_maildrop */
  SATCHEL_N_KEYS
} SatchelKeyKind;

#define SATCHEL_KEY_TEXT_BYTES 256u
#define SATCHEL_KEY_SEARCH_BYTES 1024u
#define SATCHEL_KEY_REFERENCES 100u /* the first, and the last ones */

/* SENT.  FALSE: no Date field that makes sense; then the internal date counts (RFC 5256 2.2). */
SATCHEL_API gboolean satchel_key_sent (const void *key, gsize len, gint64 *ret_time, int *ret_zone_minutes);
/* THREAD, but for `arrived`.  `sent` is set if there is a Date field only.  References go to @references. */
SATCHEL_API void satchel_key_thread (const void *key, gsize len, SatchelThreadMessage *ret_message,
                                     guint64 references[SATCHEL_KEY_REFERENCES]);
/* IN_...: as satchel_search_header has it.  UNKNOWN: too long to keep. */
SATCHEL_API SatchelMatch satchel_key_search (const void *key, gsize len, const SatchelNeedle *needle);
/* MAILDROP: as the functions of attributes.h have it. */
SATCHEL_API void satchel_key_maildrop (const void *key, gsize len, gboolean *ret_is_internationalized,
                                       gboolean *ret_ends_in_crlf);
/* The key that holds field @name, any case; FALSE: none does. */
SATCHEL_API gboolean satchel_key_of_header (const char *name, SatchelKeyKind *ret_kind);

G_END_DECLS
