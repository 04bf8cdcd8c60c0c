/* SPDX-License-Identifier: MIT
 * This file looks whether the disk of a volume is full.  The log must have room when mail is removed, so what
 * takes up space is refused while some is left (setting reserve).
 */
#include "config.h"

#include "volume/volume_private.h"

#include <sys/statvfs.h>

gboolean
bdb_volume_is_full (BdbVolume *volume)
{
  struct statvfs disk;
  if (fstatvfs (volume->home_fd, &disk) != 0)
    return FALSE; /* the write itself will tell */
  guint64 total = (guint64) disk.f_blocks * disk.f_frsize,
          free_bytes = (guint64) disk.f_bavail * disk.f_frsize;
  return free_bytes < MIN (volume->reserve, total / 4);
}

gboolean
bdb_volume_check_space (BdbVolume *volume, GError **error)
{
  return !bdb_volume_is_full (volume)
         || satchel_error_set (error, SATCHEL_ERROR_NOSPACE,
                               "the disk of volume %s is full but for the reserve (bdb.reserve); free some "
                               "space, or make the reserve smaller",
                               volume->home);
}
