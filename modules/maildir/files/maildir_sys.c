/* SPDX-License-Identifier: MIT
 * Implements the real calls behind maildir_sys.h.
 */
#include "config.h"

#include "files/maildir_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <satchel/retry.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
real_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  return openat (dirfd, path, flags | O_CLOEXEC, mode);
}

static int
real_openat_cached (int dirfd, const char *path, int flags)
{
  struct open_how how = { .flags = (guint64) (flags | O_CLOEXEC), .resolve = RESOLVE_CACHED };
  return (int) syscall (SYS_openat2, dirfd, path, &how, sizeof how);
}

static ssize_t
real_pread_cached (int fd, void *buffer, size_t len, off_t offset)
{
  struct iovec part = { .iov_base = buffer, .iov_len = len };
  return preadv2 (fd, &part, 1, offset, RWF_NOWAIT);
}

static ssize_t
real_getdents (int fd, void *buffer, size_t len)
{
  return syscall (SYS_getdents64, fd, buffer, len);
}

#define REAL_CALLS                                                                                           \
  {                                                                                                          \
    .openat = real_openat,                                                                                   \
    .openat_cached = real_openat_cached,                                                                     \
    .pread_cached = real_pread_cached,                                                                       \
    .close = close,                                                                                          \
    .pread = pread,                                                                                          \
    .pwrite = pwrite,                                                                                        \
    .pwritev = pwritev,                                                                                      \
    .write = write,                                                                                          \
    .fstat = fstat,                                                                                          \
    .fstatat = fstatat,                                                                                      \
    .linkat = linkat,                                                                                        \
    .renameat = renameat,                                                                                    \
    .unlinkat = unlinkat,                                                                                    \
    .mkdirat = mkdirat,                                                                                      \
    .fsync = fsync,                                                                                          \
    .fdatasync = fdatasync,                                                                                  \
    .ftruncate = ftruncate,                                                                                  \
    .futimens = futimens,                                                                                    \
    .getdents = real_getdents,                                                                               \
  }

MdSys md_calls = REAL_CALLS;

void
md_sys_reset (void)
{
  md_calls = (MdSys) REAL_CALLS;
}

/* Calls that a signal interrupted are made again. None of them is half done then; a write says how much it
 * wrote. */
#define AGAIN(type, name, parameters, ...)                                                                   \
  static type again_##name parameters                                                                        \
  {                                                                                                          \
    return SATCHEL_RETRY (md_calls.name (__VA_ARGS__));                                                      \
  }

AGAIN (int, openat, (int dirfd, const char *path, int flags, mode_t mode), dirfd, path, flags, mode)
AGAIN (int, openat_cached, (int dirfd, const char *path, int flags), dirfd, path, flags)
AGAIN (ssize_t, pread_cached, (int fd, void *buffer, size_t len, off_t offset), fd, buffer, len, offset)
AGAIN (ssize_t, pread, (int fd, void *buffer, size_t len, off_t offset), fd, buffer, len, offset)
AGAIN (ssize_t, pwrite, (int fd, const void *buffer, size_t len, off_t offset), fd, buffer, len, offset)
AGAIN (ssize_t, pwritev, (int fd, const struct iovec *parts, int n, off_t offset), fd, parts, n, offset)
AGAIN (ssize_t, write, (int fd, const void *buffer, size_t len), fd, buffer, len)
AGAIN (int, fstat, (int fd, struct stat *st), fd, st)
AGAIN (int, fstatat, (int dirfd, const char *path, struct stat *st, int flags), dirfd, path, st, flags)
AGAIN (int, linkat, (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags),
       olddirfd, oldpath, newdirfd, newpath, flags)
AGAIN (int, renameat, (int olddirfd, const char *oldpath, int newdirfd, const char *newpath), olddirfd,
       oldpath, newdirfd, newpath)
AGAIN (int, unlinkat, (int dirfd, const char *path, int flags), dirfd, path, flags)
AGAIN (int, mkdirat, (int dirfd, const char *path, mode_t mode), dirfd, path, mode)
AGAIN (int, fsync, (int fd), fd)
AGAIN (int, fdatasync, (int fd), fd)
AGAIN (int, ftruncate, (int fd, off_t len), fd, len)
AGAIN (int, futimens, (int fd, const struct timespec times[2]), fd, times)
AGAIN (ssize_t, getdents, (int fd, void *buffer, size_t len), fd, buffer, len)

static int
close_once (int fd)
{
  return md_calls.close (fd) == 0 || errno == EINTR ? 0 : -1;
}

const MdSys md_sys = {
  .close = close_once,
  .openat = again_openat,
  .openat_cached = again_openat_cached,
  .pread_cached = again_pread_cached,
  .pread = again_pread,
  .pwrite = again_pwrite,
  .pwritev = again_pwritev,
  .write = again_write,
  .fstat = again_fstat,
  .fstatat = again_fstatat,
  .linkat = again_linkat,
  .renameat = again_renameat,
  .unlinkat = again_unlinkat,
  .mkdirat = again_mkdirat,
  .fsync = again_fsync,
  .fdatasync = again_fdatasync,
  .ftruncate = again_ftruncate,
  .futimens = again_futimens,
  .getdents = again_getdents,
};
