/* SPDX-License-Identifier: MIT
 * Sealed memory files: content for another process, which neither end can change any more.
 */
#pragma once
#include <satchel/stream.h>

/* Of @bytes; -1 with @error. */
int satchel_sealed_new (const char *name, const void *data, gsize len, GError **error);
/* @fd is a memory file with all seals: its size and content stay.  Of files that another process made. */
gboolean satchel_sealed_check (int fd, guint64 *ret_bytes);
/* The whole of it in memory; NULL: not sealed, longer than @max_bytes, or not readable. */
GBytes *satchel_sealed_read (int fd, gsize max_bytes);
