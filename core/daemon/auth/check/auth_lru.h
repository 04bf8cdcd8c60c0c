/* SPDX-License-Identifier: MIT
 * Declares a table of bounded size that forgets what was used least recently. Keys are bytes from outside:
 * the hash is keyed. Pure; main thread.
 */
#pragma once
#include <glib.h>

typedef struct SatchelLru SatchelLru;
/* Values are @value_len bytes, zeroed when added. */
SatchelLru *satchel_lru_new (gsize value_len, guint max_entries);
/* Makes a table that calls @clear for each value that it drops. */
SatchelLru *satchel_lru_new_full (gsize value_len, guint max_entries, void (*clear) (gpointer value));
void satchel_lru_free (SatchelLru *lru);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelLru, satchel_lru_free)
/* Returns the value, now the most recently used one; NULL: not there.  Valid until the next add. */
gpointer satchel_lru_find (SatchelLru *lru, gconstpointer key, gsize key_len);
/* Does the same, made if it is not there. */
gpointer satchel_lru_add (SatchelLru *lru, gconstpointer key, gsize key_len);
void satchel_lru_remove (SatchelLru *lru, gconstpointer key, gsize key_len);
/* Removes the entry of @value, which find or add has returned and which is still there. */
void satchel_lru_drop (SatchelLru *lru, gpointer value);
/* Removes those of which @func says TRUE. */
void satchel_lru_remove_if (SatchelLru *lru, gboolean (*func) (gpointer value, gpointer data), gpointer data);
/* Calls @func for each entry, the most recently used first; @func may not change the table. */
typedef void (*SatchelLruFunc) (gconstpointer key, gsize key_len, gpointer value, gpointer data);
void satchel_lru_foreach (SatchelLru *lru, SatchelLruFunc func, gpointer data);
void satchel_lru_clear (SatchelLru *lru);
guint satchel_lru_count (SatchelLru *lru);
