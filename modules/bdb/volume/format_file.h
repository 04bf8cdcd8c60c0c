/* SPDX-License-Identifier: MIT
 * Declares the file `satchel-format` of a volume, which says which versions may open it.
 */
#pragma once
#include <satchel/error.h>

/* Checks that this server and this version of Berkeley DB may open the volume in @home.  A directory without
 * tables and logs is new, and gets the file.  UNAVAILABLE: another version wrote the volume; nothing was
 * changed. [blocks] */
gboolean bdb_format_check (const char *home, GError **error);
/* Writes the file of this server's format.  [blocks] */
gboolean bdb_format_write (const char *home, GError **error);
