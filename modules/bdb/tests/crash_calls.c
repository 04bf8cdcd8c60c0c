/* SPDX-License-Identifier: MIT
 * This file records the calls; see crash_calls.h.
 */
#include "config.h"

#include "modules/bdb/tests/crash_calls.h"

#include <db.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

static GMutex lock; /* needed since the upkeep has a thread of its own */
static gboolean is_recording;
/* this thread is in a call of the recorder, whose own calls are not recorded */
static __thread gboolean is_inside;

/* Calls the real function unless it is to be recorded. */
#define RECORD(recorded, real)                                                                               \
  do                                                                                                         \
    {                                                                                                        \
      if (!is_recording || is_inside)                                                                        \
        return real;                                                                                         \
      g_mutex_lock (&lock);                                                                                  \
      is_inside = TRUE;                                                                                      \
      __typeof__ (real) result = recorded;                                                                   \
      is_inside = FALSE;                                                                                     \
      g_mutex_unlock (&lock);                                                                                \
      return result;                                                                                         \
    }                                                                                                        \
  while (0)

/* A program for large files calls the one name or the other, so both are wrapped. */
#define WRAP(type, name, parameters, ...)                                                                    \
  type __wrap_##name parameters;                                                                             \
  type __real_##name parameters;                                                                             \
  type __wrap_##name parameters __VA_ARGS__

WRAP (int, openat, (int dir_fd, const char *path, int flags, mode_t mode),
      { RECORD (crashfs_openat (dir_fd, path, flags, mode), __real_openat (dir_fd, path, flags, mode)); })
WRAP (int, openat64, (int dir_fd, const char *path, int flags, mode_t mode),
      { return __wrap_openat (dir_fd, path, flags, mode); })
WRAP (int, open, (const char *path, int flags, mode_t mode),
      { return __wrap_openat (AT_FDCWD, path, flags, mode); })
WRAP (int, open64, (const char *path, int flags, mode_t mode),
      { return __wrap_openat (AT_FDCWD, path, flags, mode); })
WRAP (ssize_t, pwrite, (int fd, const void *buffer, size_t len, off_t offset),
      { RECORD (crashfs_pwrite (fd, buffer, len, offset), __real_pwrite (fd, buffer, len, offset)); })
WRAP (ssize_t, pwrite64, (int fd, const void *buffer, size_t len, off_t offset),
      { return __wrap_pwrite (fd, buffer, len, offset); })
WRAP (int, ftruncate, (int fd, off_t len),
      { RECORD (crashfs_ftruncate (fd, len), __real_ftruncate (fd, len)); })
WRAP (int, ftruncate64, (int fd, off_t len), { return __wrap_ftruncate (fd, len); })
WRAP (int, fallocate, (int fd, int mode, off_t offset, off_t len),
      { RECORD (crashfs_fallocate (fd, mode, offset, len), __real_fallocate (fd, mode, offset, len)); })
WRAP (int, fallocate64, (int fd, int mode, off_t offset, off_t len),
      { return __wrap_fallocate (fd, mode, offset, len); })
WRAP (int, unlinkat, (int dir_fd, const char *path, int flags),
      { RECORD (crashfs_unlinkat (dir_fd, path, flags), __real_unlinkat (dir_fd, path, flags)); })
WRAP (int, mkdirat, (int dir_fd, const char *path, mode_t mode),
      { RECORD (crashfs_mkdirat (dir_fd, path, mode), __real_mkdirat (dir_fd, path, mode)); })
/* Nothing is synced really, since the states are made from the record. */
WRAP (int, fsync, (int fd), { RECORD (crashfs_fsync (fd), 0); })
WRAP (int, fdatasync, (int fd), { return __wrap_fsync (fd); })

/* The library calls these functions for its files, which it opens through the driver. */

static ssize_t
do_write (int fd, const void *buffer, size_t len)
{
  RECORD (crashfs_write (fd, buffer, len), write (fd, buffer, len));
}

static int
do_rename (const char *from, const char *to)
{
  RECORD (crashfs_renameat (AT_FDCWD, from, AT_FDCWD, to), renameat (AT_FDCWD, from, AT_FDCWD, to));
}

static int
do_unlink (const char *path)
{
  return __wrap_unlinkat (AT_FDCWD, path, 0);
}

void
crash_calls_start (int root_fd)
{
  crashfs_start (root_fd);
  is_recording = TRUE;
  db_env_set_func_pwrite (__wrap_pwrite);
  db_env_set_func_write (do_write);
  db_env_set_func_ftruncate (__wrap_ftruncate);
  db_env_set_func_rename (do_rename);
  db_env_set_func_unlink (do_unlink);
  db_env_set_func_fsync (__wrap_fsync);
}

void
crash_calls_stop (void)
{
  is_recording = FALSE;
}
