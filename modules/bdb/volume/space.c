/* SPDX-License-Identifier: MIT
 * This file finds out whether the disk of a volume is full.  Berkeley DB ends an environment whose log
 * cannot be written, so changes that need space are refused before that.  A file `reserve` keeps room from
 * other programs, and is made smaller when the log needs another file, when a checkpoint writes tables that
 * have grown, and for a recovery.  When the reserve is used up as well, every change is refused, and
 * reading goes on (decision 0089).
 */
#include "config.h"

#include "volume/memory.h"
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
#define HYSTERESIS_BYTES (2u * 1024u * 1024u)
/* With less room than this in its file, the log needs another file before a large transaction has ended. */
#define LOG_ROOM_BYTES (1024u * 1024u)

/* The library fills a log file with zeros up to the end of a buffer of its own. */
static guint64
count_log_file (BdbVolume *volume)
{
  return volume->settings.log_file + BDB_LOG_BUFFER_BYTES + MARGIN_BYTES;
}

static guint64
count_written (BdbVolume *volume)
{
  return (guint64) g_atomic_int_get (&volume->n_written_kib) * 1024;
}

/* Returns how many bytes the log and the tables may need until the next checkpoint or a recovery has ended.
 */
static guint64
count_needed (BdbVolume *volume)
{
  return count_log_file (volume) + count_written (volume);
}

/* Asks how much room the disk has.  FALSE means that it cannot be asked; the write itself will show it. */
static gboolean
ask_disk (BdbVolume *volume, guint64 *ret_has, guint64 *ret_all)
{
  struct statvfs disk;
  if (fstatvfs (volume->home_fd, &disk) != 0)
    return FALSE;
  *ret_has = (guint64) disk.f_bavail * disk.f_frsize;
  *ret_all = (guint64) disk.f_blocks * disk.f_frsize;
  return TRUE;
}

/* ---- the file; under the space lock ---- */

static int
open_reserve (BdbVolume *volume, int flags)
{
  return openat (volume->home_fd, RESERVE_FILE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
}

/* Makes the reserve @n_bytes smaller, or empties it. */
static void
give_free (BdbVolume *volume, guint64 n_bytes)
{
  const guint64 left = volume->reserve_bytes - MIN (n_bytes, volume->reserve_bytes);
  if (volume->reserve_bytes == 0)
    return;
  g_auto (SatchelFd) fd = open_reserve (volume, 0);
  if (fd >= 0 && ftruncate (fd, (off_t) left) != 0)
    satchel_log (SATCHEL_LOG_WARNING, "bdb", "%s/" RESERVE_FILE " cannot be made smaller: %s; remove it",
                 volume->home, g_strerror (errno));
  volume->reserve_bytes = left;
}

/* Makes the reserve @n_bytes long.  A file system that cannot reserve blocks has no reserve. */
static void
take_reserve (BdbVolume *volume, guint64 n_bytes)
{
  g_auto (SatchelFd) fd = open_reserve (volume, O_CREAT);
  if (fd < 0 || volume->lacks_reserve)
    return;
  if (fallocate (fd, 0, 0, (off_t) n_bytes) == 0)
    {
      volume->reserve_bytes = n_bytes;
      return;
    }
  volume->lacks_reserve = errno != ENOSPC && errno != EDQUOT;
  if (ftruncate (fd, (off_t) volume->reserve_bytes) != 0)
    volume->lacks_reserve = TRUE;
}

/* Sees to it that @n_bytes are free on the disk, if need be by taking them from the reserve, in which @kept
 * bytes have to stay. */
static gboolean
make_free (BdbVolume *volume, guint64 n_bytes, guint64 kept)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&volume->space_lock);
  guint64 has, all;
  if (!ask_disk (volume, &has, &all) || has >= n_bytes)
    return TRUE;
  if (kept > 0 && volume->reserve_bytes < n_bytes - has + kept)
    return FALSE;
  give_free (volume, n_bytes - has);
  return !ask_disk (volume, &has, &all) || has >= n_bytes;
}

/* ---- what may go on ---- */

/* Says whether the disk is full, and renews the reserve if it is not.  A disk that cannot be asked is not
 * full.  The caller holds the space lock. */
static gboolean
look_at_disk (BdbVolume *volume)
{
  guint64 has, all;
  if (!ask_disk (volume, &has, &all))
    return FALSE;
  const guint64 reserve = MIN (volume->reserve, all / 4);
  const guint64 missing = reserve - MIN (reserve, volume->reserve_bytes);
  const gboolean was_full = g_atomic_int_get (&volume->is_full);
  const guint64 wanted = count_needed (volume) + missing + (was_full ? HYSTERESIS_BYTES : 0);
  const gboolean is_full = has < wanted;
  g_atomic_int_set (&volume->is_full, is_full);
  g_atomic_int_set (&volume->is_tight, has < wanted + reserve);
  if (is_full && !was_full)
    satchel_log (SATCHEL_LOG_WARNING, "bdb",
                 "the disk of volume %s is full: new mail is refused for the moment until %" G_GUINT64_FORMAT
                 " MiB are free",
                 volume->home, ((wanted + HYSTERESIS_BYTES) >> 20) + 1);
  if (!is_full && missing > 0)
    take_reserve (volume, reserve);
  return is_full;
}

gboolean
bdb_volume_is_full (BdbVolume *volume)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&volume->space_lock);
  return look_at_disk (volume);
}

gboolean
bdb_volume_is_tight (BdbVolume *volume)
{
  return g_atomic_int_get (&volume->is_tight);
}

gboolean
bdb_volume_has_room (BdbVolume *volume)
{
  return make_free (volume, count_needed (volume), count_needed (volume));
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

/* Returns how many bytes the log can take before it needs another file. */
static guint64
count_log_room (BdbVolume *volume)
{
  DB_LOG_STAT *log = NULL;
  if (volume->environment.env->log_stat (volume->environment.env, &log, 0) != 0)
    return 0;
  const guint64 room = log->st_lg_size > log->st_cur_offset ? log->st_lg_size - log->st_cur_offset : 0;
  bdb_memory_give_back (log);
  return room;
}

gboolean
bdb_space_check_log (BdbVolume *volume, GError **error)
{
  if (!g_atomic_int_get (&volume->is_full) || count_log_room (volume) >= LOG_ROOM_BYTES
      || make_free (volume, count_log_file (volume), count_needed (volume)))
    return TRUE;
  return satchel_error_set (
      error, SATCHEL_ERROR_NOSPACE,
      "the disk of volume %s is full and its reserve is used up, so that nothing can be "
      "changed, only read; free some space",
      volume->home);
}

void
bdb_space_before_checkpoint (BdbVolume *volume)
{
  if (g_atomic_int_get (&volume->is_full))
    make_free (volume, count_written (volume) + MARGIN_BYTES, 0);
}

/* ---- opening ---- */

static guint64
count_logs (BdbVolume *volume)
{
  guint64 n_bytes = 0;
  g_autoptr (GDir) dir = g_dir_open (volume->home, 0, NULL);
  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL;
       name = g_dir_read_name (dir))
    {
      struct stat st;
      if (g_str_has_prefix (name, "log.") && fstatat (volume->home_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        n_bytes += (guint64) st.st_size;
    }
  return n_bytes;
}

void
bdb_space_before_recovery (BdbVolume *volume)
{
  struct stat st;
  volume->reserve_bytes = 0;
  if (fstatat (volume->home_fd, RESERVE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG (st.st_mode)
      && st.st_blocks > 0)
    volume->reserve_bytes = (guint64) st.st_size;
  make_free (volume, count_logs (volume) + count_log_file (volume), 0);
}

void
bdb_space_after_recovery (BdbVolume *volume)
{
  guint64 has, all;
  if (!bdb_volume_is_full (volume))
    return;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&volume->space_lock);
  if (!ask_disk (volume, &has, &all) || has <= MARGIN_BYTES)
    return;
  take_reserve (volume, MIN (MIN (volume->reserve, all / 4), volume->reserve_bytes + has - MARGIN_BYTES));
}
