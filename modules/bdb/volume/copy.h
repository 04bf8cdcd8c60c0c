/* SPDX-License-Identifier: MIT
 * Declares copies of a volume: made while it is in use, checked, and made of what a damaged one still has.
 * All block for long.
 */
#pragma once
#include "volume/volume.h"

/* Copies the volume to backups/@name in its directory, which must not exist.  Returns the path of the copy;
 * yours.  NULL means that @error is set. */
char *bdb_copy_volume (BdbVolume *volume, const char *name, GError **error);
/* Copies the volume, checks the copy, and removes it.  CORRUPT: the volume is damaged. */
gboolean bdb_copy_verify (BdbVolume *volume, GError **error);
/* Makes a new volume in the directory salvage of @home of the records that can be read there. */
gboolean bdb_copy_salvage (const char *home, guint64 *ret_n_records, GError **error);
