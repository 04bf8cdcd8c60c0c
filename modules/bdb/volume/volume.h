/* SPDX-License-Identifier: MIT
 * Declares volumes, which are environments that this process opens once, at the first use. A volume that
 * fails refuses all calls for some seconds, and is then opened again with recovery.
 */
#pragma once
#include "settings.h"

#include <satchel/error.h>

typedef struct BdbVolume BdbVolume;
typedef struct BdbBodyFiles BdbBodyFiles;

/* Returns the volume @name ("": default) below the mail root @root_fd, opened; yours.  UNAVAILABLE: another
 * process has it.  [blocks] */
BdbVolume *bdb_volume_open (int root_fd, const BdbSettings *settings, const char *name, GError **error);
BdbVolume *bdb_volume_ref (BdbVolume *volume);
void bdb_volume_unref (BdbVolume *volume); /* [blocks] */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BdbVolume, bdb_volume_unref)
/* Returns the directory of a volume; yours. */
char *bdb_volume_home (int root_fd, const BdbSettings *settings, const char *name);
/* Closes the volumes that nobody uses (setting keep_open); when the module stops.  [blocks] */
void bdb_volumes_release (void);
/* Returns a number that grows whenever the environment is opened, after which cached values may be wrong. */
guint bdb_volume_generation (BdbVolume *volume);
/* Says whether Berkeley DB has stopped the volume. */
gboolean bdb_volume_has_failed (BdbVolume *volume);
/* Opens the environment of a failed volume again if it is time to do so, as any use of the volume does. */
void bdb_volume_mend (BdbVolume *volume);
/* Says whether the disk is so full that only changes which free space may go on. [blocks] */
gboolean bdb_volume_is_full (BdbVolume *volume);
/* Says whether so little was free at the last look that room of removed mail should be given back at once. */
gboolean bdb_volume_is_tight (BdbVolume *volume);
/* Refuses (NOSPACE) what takes up space if it is. */
gboolean bdb_volume_check_space (BdbVolume *volume, GError **error);
/* Makes the upkeep give pages of removed mail back to the disk, later. */
void bdb_volume_make_room (BdbVolume *volume);
/* Says whether the disk has room for the log of a change that frees space. [blocks] */
gboolean bdb_volume_has_room (BdbVolume *volume);
/* Says that what was written may be lost: all calls fail until the volume was opened again. */
void bdb_volume_fail (BdbVolume *volume);
/* Returns the body files of the volume; borrowed. */
BdbBodyFiles *bdb_volume_bodies (const BdbVolume *volume);
/* Returns the directory of the volume; borrowed. */
const char *bdb_volume_path (const BdbVolume *volume);
