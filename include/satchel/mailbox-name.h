/* SPDX-License-Identifier: MIT
 * Mailbox names: modified UTF-7 (RFC 3501 5.1.3), the form that storage.h asks for, what clients see
 * (namespace), and LIST patterns.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

#define SATCHEL_MAILBOX_NAME_BYTES 1024u

/* Strict: NULL for 8-bit, bad base64, needless or unterminated shifts, lone surrogates, NUL.  Yours. */
SATCHEL_API char *satchel_utf7_decode (const char *text, gsize len);
/* @utf8: valid.  Yours. */
SATCHEL_API char *satchel_utf7_encode (const char *utf8);

/* The name storage knows: NFC, '/' between levels, first level INBOX in upper case if it is inbox in any
 * case. INVALID: not UTF-8, empty, empty level, "." or "..", control characters, longer than 1,024 bytes.
 * Yours. */
SATCHEL_API char *satchel_mailbox_name_normalise (const char *name, gsize len, GError **error);
/* TRUE if normalise would return @name as it is. */
SATCHEL_API gboolean satchel_mailbox_name_is_valid (const char *name);

/* What clients see: INBOX is INBOX; any other name is prefix + name with `separator` for '/'.  With '.' as
 * separator,
 * '.' and '/' change places, so that every name has one client name and back.  With prefix "INBOX.", internal
 * "Sent" is "INBOX.Sent", internal "INBOX/Sent" (child of INBOX) is "INBOX.INBOX.Sent". */
typedef struct SatchelNamespace
{
  const char *prefix;        /* "" or e.g. "INBOX." */
  char separator;            /* '/' or '.' */
  const char *const *others; /* names of other namespaces (satchel_store_namespace_names), NULL-ended, or
                                NULL: what is one of them, or below it, is shown without prefix */
  SATCHEL_RESERVED (1);
} SatchelNamespace;
/* @name: UTF-8 (decoded already), as a client sent it; one trailing separator is dropped (RFC 3501 6.3.3).
 * Errors: INVALID; CANNOT: outside the namespace, or a second name of what another one has.  Yours. */
SATCHEL_API char *satchel_namespace_to_internal (const SatchelNamespace *ns, const char *name, gsize len,
                                                 GError **error);
/* @name: valid.  UTF-8; yours. */
SATCHEL_API char *satchel_namespace_to_client (const SatchelNamespace *ns, const char *name);

/* RFC 3501 6.3.8: '*' any characters, '%' any but @separator; "INBOX" matches without case.  Both UTF-8, both
 * as clients see them.  At most length * length steps, never exponential. */
SATCHEL_API gboolean satchel_list_match (const char *pattern, const char *name, char separator);

G_END_DECLS
