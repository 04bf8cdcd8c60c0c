/* SPDX-License-Identifier: MIT
 * faults.h
 */
#include "config.h"

#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/faults.h"

#include <errno.h>

FaultCounts fault_counts;
static MdSys real;
static guint fail_at;
static FaultKind fail_kind;
static int fail_errno;
static gboolean is_persistent, was_reached;

static gboolean
fails (gboolean allocates)
{
  fault_counts.all++;
  if (fail_at == 0 || fault_counts.all < fail_at
      || (fault_counts.all > fail_at && !(is_persistent && allocates)))
    return FALSE;
  was_reached = TRUE;
  if (fail_kind != FAULT_ERROR)
    return FALSE;
  errno = fail_errno;
  return TRUE;
}

static int
fault_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  fault_counts.openat++;
  return fails ((flags & 0100) != 0) ? -1 : real.openat (dirfd, path, flags, mode);
}

static int
fault_close (int fd)
{
  int result = real.close (fd);
  return fails (FALSE) ? -1 : result;
}

static ssize_t
fault_pread (int fd, void *buffer, size_t len, off_t offset)
{
  fault_counts.pread++;
  return fails (FALSE) ? -1 : real.pread (fd, buffer, len, offset);
}

/* The call about to be made is the n-th and is to be short. */
static gboolean
is_short (void)
{
  return fail_kind == FAULT_SHORT_WRITE && fault_counts.all == fail_at;
}

static ssize_t
fault_pwrite (int fd, const void *buffer, size_t len, off_t offset)
{
  if (fails (TRUE))
    return -1;
  return real.pwrite (fd, buffer, is_short () && len > 1 ? len / 2 : len, offset);
}

static ssize_t
fault_pwritev (int fd, const struct iovec *parts, int n, off_t offset)
{
  if (fails (TRUE))
    return -1;
  struct iovec half = { .iov_base = parts[0].iov_base, .iov_len = (parts[0].iov_len + 1) / 2 };
  return is_short () ? real.pwritev (fd, &half, 1, offset) : real.pwritev (fd, parts, n, offset);
}

static ssize_t
fault_write (int fd, const void *buffer, size_t len)
{
  if (fails (TRUE))
    return -1;
  return real.write (fd, buffer, is_short () && len > 1 ? len / 2 : len);
}

static int
fault_fstat (int fd, struct stat *st)
{
  return fails (FALSE) ? -1 : real.fstat (fd, st);
}

static int
fault_fstatat (int dirfd, const char *path, struct stat *st, int flags)
{
  fault_counts.fstatat++;
  return fails (FALSE) ? -1 : real.fstatat (dirfd, path, st, flags);
}

static int
fault_linkat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)
{
  return fails (TRUE) ? -1 : real.linkat (olddirfd, oldpath, newdirfd, newpath, flags);
}

static int
fault_renameat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
  return fails (TRUE) ? -1 : real.renameat (olddirfd, oldpath, newdirfd, newpath);
}

static int
fault_unlinkat (int dirfd, const char *path, int flags)
{
  return fails (FALSE) ? -1 : real.unlinkat (dirfd, path, flags);
}

static int
fault_mkdirat (int dirfd, const char *path, mode_t mode)
{
  return fails (TRUE) ? -1 : real.mkdirat (dirfd, path, mode);
}

static int
fault_fsync (int fd)
{
  fault_counts.sync++;
  return fails (FALSE) ? -1 : real.fsync (fd);
}

static int
fault_fdatasync (int fd)
{
  fault_counts.sync++;
  return fails (FALSE) ? -1 : real.fdatasync (fd);
}

static int
fault_ftruncate (int fd, off_t len)
{
  return fails (FALSE) ? -1 : real.ftruncate (fd, len);
}

static int
fault_futimens (int fd, const struct timespec times[2])
{
  return fails (FALSE) ? -1 : real.futimens (fd, times);
}

static ssize_t
fault_getdents (int fd, void *buffer, size_t len)
{
  fault_counts.getdents++;
  return fails (FALSE) ? -1 : real.getdents (fd, buffer, len);
}

void
faults_start (guint nth, FaultKind kind, int errnum, gboolean persistent)
{
  md_sys_reset ();
  real = md_calls;
  fault_counts = (FaultCounts) { 0 };
  fail_at = nth;
  fail_kind = kind;
  fail_errno = errnum;
  is_persistent = persistent;
  was_reached = FALSE;
  md_calls = (MdSys) { .openat = fault_openat,
                       .close = fault_close,
                       .pread = fault_pread,
                       .pwrite = fault_pwrite,
                       .pwritev = fault_pwritev,
                       .write = fault_write,
                       .fstat = fault_fstat,
                       .fstatat = fault_fstatat,
                       .linkat = fault_linkat,
                       .renameat = fault_renameat,
                       .unlinkat = fault_unlinkat,
                       .mkdirat = fault_mkdirat,
                       .fsync = fault_fsync,
                       .fdatasync = fault_fdatasync,
                       .ftruncate = fault_ftruncate,
                       .futimens = fault_futimens,
                       .getdents = fault_getdents };
}

gboolean
faults_stop (void)
{
  md_sys_reset ();
  return was_reached;
}
