/* SPDX-License-Identifier: MIT
 * This file looks whether the disk of a volume is full.  Berkeley DB ends an environment whose log cannot be
 * written, so what takes up space is refused before that.  A file `reserve` has room that is given free then,
 * so that the log can go on while users remove mail.
 */
#include "config.h"

#include "volume/volume_private.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/log.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_FILE "reserve"
#define MARGIN_BYTES (1024u * 1024u)

/* What the log and the tables may need before the next checkpoint is over. */
static guint64
count_needed (BdbVolume *volume)
{
  return volume->settings.log_file + (guint64) g_atomic_int_get (&volume->n_written_kib) * 1024
         + MARGIN_BYTES;
}

static void
give_reserve_free (BdbVolume *volume)
{
  g_auto (SatchelFd) fd = openat (volume->home_fd, RESERVE_FILE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && ftruncate (fd, 0) != 0)
    satchel_log (SATCHEL_LOG_WARNING, "bdb", "%s/" RESERVE_FILE " cannot be made empty: %s; remove it",
                 volume->home, g_strerror (errno));
  volume->has_reserve = FALSE;
}

/* A file system that cannot set blocks aside does without. */
static void
take_reserve (BdbVolume *volume, guint64 n_bytes)
{
  g_auto (SatchelFd) fd =
      openat (volume->home_fd, RESERVE_FILE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 || volume->lacks_reserve)
    return;
  if (fallocate (fd, 0, 0, (off_t) n_bytes) == 0)
    volume->has_reserve = TRUE;
  else
    {
      volume->lacks_reserve = errno != ENOSPC && errno != EDQUOT;
      if (ftruncate (fd, 0) != 0)
        volume->lacks_reserve = TRUE;
    }
}

/* Under the space lock. */
static gboolean
look_at_disk (BdbVolume *volume)
{
  struct statvfs disk;
  if (fstatvfs (volume->home_fd, &disk) != 0)
    return FALSE; /* the write itself will tell */
  guint64 reserve = MIN (volume->reserve, (guint64) disk.f_blocks * disk.f_frsize / 4);
  guint64 has = (guint64) disk.f_bavail * disk.f_frsize, needed = count_needed (volume);
  if (volume->has_reserve && has >= needed)
    return FALSE;
  if (volume->has_reserve)
    {
      give_reserve_free (volume);
      satchel_log (
          SATCHEL_LOG_WARNING, "bdb",
          "the disk of volume %s is full: new mail is refused for the moment until %" G_GUINT64_FORMAT
          " MiB are free",
          volume->home, (reserve + needed) >> 20);
      return TRUE;
    }
  if (has < reserve + needed)
    return TRUE;
  take_reserve (volume, reserve);
  return FALSE;
}

gboolean
bdb_volume_is_full (BdbVolume *volume)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&volume->space_lock);
  return look_at_disk (volume);
}

gboolean
bdb_volume_has_room (BdbVolume *volume)
{
  struct statvfs disk;
  return fstatvfs (volume->home_fd, &disk) != 0
         || (guint64) disk.f_bavail * disk.f_frsize >= count_needed (volume);
}

void
bdb_space_start (BdbVolume *volume)
{
  struct stat st;
  volume->has_reserve =
      fstatat (volume->home_fd, RESERVE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_blocks > 0;
  bdb_volume_is_full (volume);
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
