/* SPDX-License-Identifier: MIT
 * The real calls behind maildir_sys.h.
 */
#include "config.h"

#include "maildir_sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
real_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  return openat (dirfd, path, flags | O_CLOEXEC, mode);
}

static ssize_t
real_getdents (int fd, void *buffer, size_t len)
{
  return syscall (SYS_getdents64, fd, buffer, len);
}

#define REAL_CALLS                                                                                                   \
  {                                                                                                                  \
    .openat = real_openat, .close = close, .pread = pread, .pwrite = pwrite, .write = write, .fstat = fstat,         \
    .fstatat = fstatat, .linkat = linkat, .renameat = renameat, .unlinkat = unlinkat, .mkdirat = mkdirat,            \
    .fsync = fsync, .fdatasync = fdatasync, .ftruncate = ftruncate, .futimens = futimens, .getdents = real_getdents, \
  }

MdSys md_sys = REAL_CALLS;

void
md_sys_reset (void)
{
  md_sys = (MdSys) REAL_CALLS;
}
