/* SPDX-License-Identifier: MIT
 * Secrets: bytes that must not leave the process, such as keys.  Any thread.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

#define SATCHEL_SECRET_BYTES_MAX 4096u

/* Makes a copy of @data (1 to SATCHEL_SECRET_BYTES_MAX bytes) on pages that have keys only, which are left
 * out of core files, are locked in memory where the limits allow, and are wiped when the last reference goes.
 * NULL means that @len is out of range, or there is no memory. The caller wipes its own copy. */
SATCHEL_API GBytes *satchel_secret_new (const void *data, gsize len);
/* Compares in a time that depends on the lengths only.  NULL is equal to NULL. */
SATCHEL_API gboolean satchel_secret_equal (GBytes *a, GBytes *b);

/* Returns a secret as it is stored and compared: spaces of other scripts become ASCII's, and the rest is put
 * in Unicode NFC (RFC 8265 4, OpaqueString), so that one password typed at two keyboards is one.  What is no
 * UTF-8 stays as it is.  Yours, to be wiped. */
SATCHEL_API char *satchel_secret_prepare (const char *secret);

G_END_DECLS
