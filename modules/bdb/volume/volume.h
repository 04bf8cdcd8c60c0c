/* SPDX-License-Identifier: MIT
 * This header declares volumes: environments that are opened once in this process, by whoever comes first.
 * A volume that fails refuses all calls for some seconds, and is then opened again with recovery.
 */
#pragma once
#include "settings.h"

#include <satchel/error.h>

typedef struct BdbVolume BdbVolume;

/* Returns the volume @name ("": default) below the mail root @root_fd, opened; yours.  UNAVAILABLE: another
 * process has it.  [blocks] */
BdbVolume *bdb_volume_open (int root_fd, const BdbSettings *settings, const char *name, GError **error);
BdbVolume *bdb_volume_ref (BdbVolume *volume);
void bdb_volume_unref (BdbVolume *volume); /* [blocks] */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BdbVolume, bdb_volume_unref)
/* The directory of a volume; yours. */
char *bdb_volume_home (int root_fd, const BdbSettings *settings, const char *name);
/* Closes the volumes that nobody uses (setting keep_open); when the module stops.  [blocks] */
void bdb_volumes_release (void);
/* Grows whenever the environment was opened: what was cached before may be wrong then. */
guint bdb_volume_generation (BdbVolume *volume);
/* Is the disk so full that only what frees space may go on?  [blocks] */
gboolean bdb_volume_is_full (BdbVolume *volume);
/* Refuses (NOSPACE) what takes up space if it is. */
gboolean bdb_volume_check_space (BdbVolume *volume, GError **error);
/* Has the upkeep give pages of removed mail back to the disk; it does so later. */
void bdb_volume_make_room (BdbVolume *volume);
/* Has the disk room for the log of what frees space, too? */
gboolean bdb_volume_has_room (BdbVolume *volume);
/* Its directory; borrowed. */
const char *bdb_volume_path (const BdbVolume *volume);
