/* SPDX-License-Identifier: MIT
 * Declares names of mailboxes: modified UTF-7 (RFC 3501 5.1.3), the form that storage uses (store.h), the
 * form that clients see (namespace), and LIST patterns.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

#define SATCHEL_MAILBOX_NAME_BYTES 1024u

/* Decodes modified UTF-7 strictly: NULL for 8-bit bytes, bad base64, needless or unterminated shifts, lone
 * surrogates and NUL.  Yours. */
SATCHEL_API char *satchel_utf7_decode (const char *text, gsize len);
/* Encodes @utf8, which must be valid, in modified UTF-7; yours. */
SATCHEL_API char *satchel_utf7_encode (const char *utf8);

/* Returns the form of a name in storage: NFC, '/' between levels, the first level INBOX in upper case if it
 * is "inbox" in any case.  INVALID: not UTF-8, empty, an empty level, "." or "..", control characters, longer
 * than 1,024 bytes.  Yours. */
SATCHEL_API char *satchel_mailbox_name_normalise (const char *name, gsize len, GError **error);
/* Says whether satchel_mailbox_name_normalise would return @name unchanged. */
SATCHEL_API gboolean satchel_mailbox_name_is_valid (const char *name);

/* Clients see names in this form: INBOX is INBOX; */
typedef struct SatchelNamespace
{
  const char *prefix; /* "" or e.g. "INBOX." */
  char separator;     /* '/' or '.' */
  /* Names of other namespaces (satchel_store_namespace_names), NULL-ended, or NULL: these, and names below
   * them, are shown without the prefix. */
  const char *const *others;
  SATCHEL_RESERVED (1);
} SatchelNamespace;
/* Returns the name in storage of a name that a client sent.  @name is UTF-8 (decoded already); one trailing
 * separator is dropped (RFC 3501 6.3.3).  Errors: INVALID; CANNOT: the name is outside the namespace, or
 * would be a second name of a mailbox that has another.  Yours. */
SATCHEL_API char *satchel_namespace_to_internal (const SatchelNamespace *ns, const char *name, gsize len,
                                                 GError **error);
/* Returns the name that clients see of a valid name in storage, in UTF-8; yours. */
SATCHEL_API char *satchel_namespace_to_client (const SatchelNamespace *ns, const char *name);

/* Matches a LIST pattern (RFC 3501 6.3.8): '*' stands for any characters, '%' for any but @separator;
 * "INBOX" matches without case.  Both texts are UTF-8 as clients see them.  It takes at most length *
 * length steps. */
SATCHEL_API gboolean satchel_list_match (const char *pattern, const char *name, char separator);

G_END_DECLS
