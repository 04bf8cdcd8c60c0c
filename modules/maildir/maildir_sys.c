/* SPDX-License-Identifier: MIT
 * The real calls behind maildir_sys.h.
 */
#include "config.h"

#include "maildir_sys.h"

#include <fcntl.h>
#include <linux/openat2.h>
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

#define REAL_CALLS                                                                                                   \
  {                                                                                                                  \
    .openat = real_openat, .openat_cached = real_openat_cached, .pread_cached = real_pread_cached, .close = close, .pread = pread, .pwrite = pwrite, .pwritev = pwritev, .write = write, .fstat = fstat, \
    .fstatat = fstatat, .linkat = linkat, .renameat = renameat, .unlinkat = unlinkat, .mkdirat = mkdirat,            \
    .fsync = fsync, .fdatasync = fdatasync, .ftruncate = ftruncate, .futimens = futimens, .getdents = real_getdents, \
  }

MdSys md_sys = REAL_CALLS;

void
md_sys_reset (void)
{
  md_sys = (MdSys) REAL_CALLS;
}
