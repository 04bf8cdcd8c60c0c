/* SPDX-License-Identifier: MIT
 * Sealed memory files hold content for another process, and neither end can change them any more.
 */
#pragma once
#include <satchel/stream.h>

/* Makes a sealed memory file. -1 with @error. */
int satchel_sealed_new (const char *name, const void *data, gsize len, GError **error);
/* Says whether @fd, which another process made, is a memory file with all seals, so that its size and
 * content stay. */
gboolean satchel_sealed_check (int fd, guint64 *ret_bytes);
/* Reads a sealed file as a whole. NULL means that it is not sealed, longer than @max_bytes, or not
 * readable. */
GBytes *satchel_sealed_read (int fd, gsize max_bytes);
