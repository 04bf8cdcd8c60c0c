/* SPDX-License-Identifier: MIT
 * Declares structs with a reference count that lie in one piece of memory with the texts that they point to,
 * since there is one for each session or user. Any thread may use them.
 */
#pragma once
#include <glib.h>

/* Returns a new g_atomic_rc_box with a copy of the @size bytes of @from. @offsets say where in the structure
 * its texts are (const char *); each text is copied, and one that is NULL stays so. The last
 * g_atomic_rc_box_release frees all of it. */
gpointer satchel_packed_new (gconstpointer from, gsize size, const gsize *offsets, guint n_offsets);
