/* SPDX-License-Identifier: MIT
 * Declares copies of files, for backups and for what is saved of a damaged volume.
 */
#pragma once
#include <glib.h>

/* Copies the file @name to another directory, where it is new, and syncs it.  A file that has gone meanwhile
 * becomes an empty one.  FALSE with errno.  [blocks] */
gboolean bdb_file_copy (int from_dir, int to_dir, const char *name);
