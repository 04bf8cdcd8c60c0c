/* SPDX-License-Identifier: MIT
 * Every system call of the driver that can fail for a reason outside of it, as a table, so that tests
 * can count calls and make the n-th one fail.
 */
#pragma once
#include <glib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct MdSys
{
  int (*openat) (int dirfd, const char *path, int flags, mode_t mode);
  /* The same, and a read, that fail with EAGAIN where they would wait for a disk. */
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

/* These are the calls that the driver makes: those below, repeated when a signal interrupts them. */
extern const MdSys md_sys;
/* These are the calls that tests replace. */
extern MdSys md_calls;
/* Puts the real calls back. */
void md_sys_reset (void);
