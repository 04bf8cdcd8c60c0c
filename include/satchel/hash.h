/* SPDX-License-Identifier: MIT
 * Declares hash functions for tables, keyed by a secret of the process (SipHash-1-3). Names, addresses,
 * numbers and headers come from strangers, who could choose keys that collide under a fixed hash such as
 * GLib's for strings, and turn a table into a list. So every table uses these functions; tools/check-hashes
 * checks the tree.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* Returns a hash, which stays the same for the life of the process. It must not be stored or sent
 * anywhere. */
SATCHEL_API guint64 satchel_keyed_hash (gconstpointer data, gsize len);

/* Hashes NUL-ended strings, as a GHashFunc; its companion is g_str_equal. */
SATCHEL_API guint satchel_string_hash (gconstpointer string);
/* Returns a GHashFunc for numbers from outside that are stored as pointers (GUINT_TO_POINTER); its companion
 * is NULL or g_direct_equal. */
SATCHEL_API guint satchel_number_hash (gconstpointer number);
/* Hashes pointers to 64-bit numbers, as a GHashFunc; its companion is g_int64_equal. */
SATCHEL_API guint satchel_number64_hash (gconstpointer number);

G_END_DECLS
