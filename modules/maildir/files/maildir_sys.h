/* SPDX-License-Identifier: MIT
 * Defines every system call of the driver that can fail for a reason outside of it, as a table, so that
 * tests can count calls and make the n-th one fail.
 */
#pragma once
#include <errno.h>
#include <satchel/fd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct MdSys
{
  int (*openat) (int dirfd, const char *path, int flags, mode_t mode);
  /* These do the same as openat, and read a file, but fail with EAGAIN if they would wait for a disk. */
  int (*openat_cached) (int dirfd, const char *path, int flags);
  ssize_t (*pread_cached) (int fd, void *buffer, size_t len, off_t offset);
  int (*close) (int fd);
  ssize_t (*pread) (int fd, void *buffer, size_t len, off_t offset);
  ssize_t (*pwrite) (int fd, const void *buffer, size_t len, off_t offset);
  ssize_t (*pwritev) (int fd, const struct iovec *parts, int n, off_t offset);
  ssize_t (*write) (int fd, const void *buffer, size_t len);
  int (*fstat) (int fd, struct stat *st);
  int (*fstatat) (int dirfd, const char *path, struct stat *st, int flags);
  int (*linkat) (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags);
  int (*renameat) (int olddirfd, const char *oldpath, int newdirfd, const char *newpath);
  int (*unlinkat) (int dirfd, const char *path, int flags);
  int (*mkdirat) (int dirfd, const char *path, mode_t mode);
  int (*fsync) (int fd);
  int (*fdatasync) (int fd);
  int (*ftruncate) (int fd, off_t len);
  int (*futimens) (int fd, const struct timespec times[2]);
  ssize_t (*getdents) (int fd, void *buffer, size_t len);
} MdSys;

/* The driver makes these calls: those below, repeated when a signal interrupts them. */
extern const MdSys md_sys;
/* Tests replace these calls. */
extern MdSys md_calls;

/* Its scope owns the descriptor, as in g_auto (MdFd) fd = md_open_dir (...). It is closed at the end of the
 * scope, and errno stays as it was; satchel_fd_steal takes it out. -1: none. */
typedef int MdFd;

static inline void
md_fd_close (MdFd fd)
{
  int saved = errno;
  (void) md_sys.close (fd);
  errno = saved;
}
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (MdFd, md_fd_close, -1)

/* Closes what *@fd owns, if anything, and leaves -1 there. */
static inline void
md_fd_clear (int *fd)
{
  if (*fd >= 0)
    md_fd_close (*fd);
  *fd = -1;
}
/* Puts the real calls back. */
void md_sys_reset (void);
