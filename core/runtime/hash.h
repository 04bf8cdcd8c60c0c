/* SPDX-License-Identifier: MIT
 * Hashing of strings from outside, keyed by a secret of the process (SipHash-1-3): g_str_hash is unkeyed, so that
 * a stranger could choose strings that collide.
 */
#pragma once
#include <glib.h>

/* A GHashFunc for NUL-ended strings; goes with g_str_equal. */
guint satchel_string_hash (gconstpointer string);
guint64 satchel_keyed_hash (gconstpointer data, gsize len);
