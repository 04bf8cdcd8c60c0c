/* SPDX-License-Identifier: MIT
 * Hashing for tables, keyed by a secret of the process (SipHash-1-3).  Names, addresses, numbers and headers
 * come from strangers; with a fixed hash, as GLib's for strings is, they could choose ones that collide and
 * make a table a list.  So every table hashes with these; tools/check-hashes holds the tree to it.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* The same for as long as the process lives; never to be stored, nor told to anybody. */
SATCHEL_API guint64 satchel_keyed_hash (gconstpointer data, gsize len);

/* GHashFuncs: for NUL-ended strings, goes with g_str_equal; */
SATCHEL_API guint satchel_string_hash (gconstpointer string);
/* for foreign numbers kept as pointers (GUINT_TO_POINTER), goes with NULL or g_direct_equal; */
SATCHEL_API guint satchel_number_hash (gconstpointer number);
/* for 64-bit numbers pointed to, goes with g_int64_equal. */
SATCHEL_API guint satchel_number64_hash (gconstpointer number);

G_END_DECLS
