/* SPDX-License-Identifier: MIT
 * calls.h
 */
#undef _FORTIFY_SOURCE /* whose headers define some of these functions */
#define _GNU_SOURCE 1
#include "calls.h"
#include "tests/lib/rounds.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITES_IN_A_ROW 4u

typedef enum
{
  CALL_READS,
  CALL_WRITES,
  CALL_TAKES_SPACE, /* another call that may */
  CALL_SYNCS,
  CALL_REMOVES
} CallKind;

static gint is_armed;
static GMutex lock; /* for what follows */
static guint n_calls;
static char root[PATH_MAX]; /* the true name of the directory */
static guint fail_at;
static CallsFault fail_how;
static int fail_errno;
static gboolean fails_for_good;
static char described[PATH_MAX + 64];
static char last_written[PATH_MAX]; /* the file that the last call wrote */
static guint n_in_a_row;            /* writes of it since another call */

void
calls_start (const char *directory, guint nth, CallsFault fault, int errnum, gboolean for_good)
{
  g_assert_nonnull (realpath (directory, root));
  n_calls = n_in_a_row = 0;
  last_written[0] = '\0';
  fail_at = nth;
  fail_how = fault;
  fail_errno = errnum;
  fails_for_good = for_good;
  described[0] = '\0';
  g_atomic_int_set (&is_armed, TRUE);
}

gboolean
calls_stop (void)
{
  g_atomic_int_set (&is_armed, FALSE);
  return fail_at > 0 && calls_n () >= fail_at;
}

guint
calls_n (void)
{
  return n_calls;
}

const char *
calls_describe (void)
{
  return described[0] != '\0' ? described : "no call";
}

/* ---- which calls ---- */

static gboolean
is_below_root (const char *path)
{
  gsize len = strlen (root);
  return strncmp (path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Is what @fd, or @path relative to it, stands for at or below the directory?  @ret_where: what it is. */
static gboolean
concerns_root (int fd, const char *path, char ret_where[PATH_MAX])
{
  ret_where[0] = '\0';
  if (path == NULL || path[0] != '/')
    {
      char link[64];
      if (fd == AT_FDCWD)
        g_strlcpy (link, "/proc/self/cwd", sizeof link);
      else
        g_snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
      ssize_t n = readlink (link, ret_where, PATH_MAX - 1);
      ret_where[MAX (n, 0)] = '\0';
    }
  if (path != NULL)
    {
      if (ret_where[0] != '\0')
        g_strlcat (ret_where, "/", PATH_MAX);
      g_strlcat (ret_where, path, PATH_MAX);
    }
  return is_below_root (ret_where);
}

static gboolean
counts (CallKind kind)
{
  if (fail_how == CALLS_FAIL_READ || kind == CALL_READS)
    return fail_how == CALLS_FAIL_READ && kind == CALL_READS;
  if (fail_how == CALLS_WRITE_HALF)
    return kind == CALL_WRITES;
  /* What a write changes is there before the next sync or rename as well. */
  if (fail_how == CALLS_KILL)
    return kind != CALL_WRITES || is_long_run ();
  return fail_errno != ENOSPC || kind == CALL_WRITES || kind == CALL_TAKES_SPACE;
}

/* Files are filled with zeros in hundreds of writes, which are alike. */
static gboolean
is_one_of_many (CallKind kind, const char *where)
{
  if (kind != CALL_WRITES || strcmp (last_written, where) != 0)
    n_in_a_row = 0;
  g_strlcpy (last_written, kind == CALL_WRITES ? where : "", sizeof last_written);
  return ++n_in_a_row > WRITES_IN_A_ROW && !is_long_run ();
}

/* Counts a call below the directory; TRUE means that it has the fault. */
static gboolean
count_call (CallKind kind, const char *name, const char *where)
{
  if (is_one_of_many (kind, where))
    return fail_at > 0 && n_calls >= fail_at && fails_for_good;
  n_calls++;
  if (fail_at == 0 || n_calls < fail_at || (n_calls > fail_at && !fails_for_good))
    return FALSE;
  if (n_calls == fail_at)
    g_snprintf (described, sizeof described, "%s of %s", name,
                where[strlen (root)] == '/' ? where + strlen (root) + 1 : ".");
  return TRUE;
}

/* Says whether the call about to be made has the fault, and makes the fault of all but short writes. */
static gboolean
has_fault (CallKind kind, const char *name, int fd, const char *path)
{
  char where[PATH_MAX];
  if (!g_atomic_int_get (&is_armed))
    return FALSE;
  int saved = errno;
  gboolean fails = FALSE;
  if (counts (kind) && concerns_root (fd, path, where))
    {
      g_mutex_lock (&lock);
      fails = count_call (kind, name, where);
      g_mutex_unlock (&lock);
    }
  if (fails && fail_how == CALLS_KILL)
    (void) kill (getpid (), SIGKILL);
  errno = fails && (fail_how == CALLS_FAIL || fail_how == CALLS_FAIL_READ) ? fail_errno : saved;
  return fails;
}

/* Of a write: TRUE means that it fails.  A fault of the other kind makes *@ref_len shorter. */
static gboolean
write_has_fault (const char *name, int fd, size_t *ref_len)
{
  if (!has_fault (CALL_WRITES, name, fd, NULL))
    return FALSE;
  if (fail_how != CALLS_WRITE_HALF)
    return TRUE;
  *ref_len = (*ref_len + 1) / 2;
  return FALSE;
}

/* ---- the functions ---- */

/* Returns the function that would have been called: of the C library, or of a sanitizer above it. */
static void *
find_next (void **slot, const char *name)
{
  void *found = __atomic_load_n (slot, __ATOMIC_RELAXED);
  if (found == NULL)
    {
      found = dlsym (RTLD_NEXT, name);
      if (found == NULL)
        abort ();
      __atomic_store_n (slot, found, __ATOMIC_RELAXED);
    }
  return found;
}

#define NEXT(name)                                                                                           \
  (__extension__ ({                                                                                          \
    static void *slot;                                                                                       \
    (__typeof__ (&name)) find_next (&slot, #name);                                                           \
  }))
#define EXPORT __attribute__ ((visibility ("default")))

static gboolean
makes_file (int flags)
{
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/* The kind of a call that opens a file. */
static CallKind
kind_of_open (int flags)
{
  return makes_file (flags) ? CALL_TAKES_SPACE : CALL_READS;
}

static mode_t
mode_of (int flags, va_list args)
{
  return makes_file (flags) ? va_arg (args, mode_t) : 0;
}

#define OPEN(name)                                                                                           \
  EXPORT int name (const char *path, int flags, ...)                                                         \
  {                                                                                                          \
    va_list args;                                                                                            \
    va_start (args, flags);                                                                                  \
    mode_t mode = mode_of (flags, args);                                                                     \
    va_end (args);                                                                                           \
    if (has_fault (kind_of_open (flags), #name, AT_FDCWD, path))                                             \
      return -1;                                                                                             \
    return NEXT (name) (path, flags, mode);                                                                  \
  }
#define OPENAT(name)                                                                                         \
  EXPORT int name (int fd, const char *path, int flags, ...)                                                 \
  {                                                                                                          \
    va_list args;                                                                                            \
    va_start (args, flags);                                                                                  \
    mode_t mode = mode_of (flags, args);                                                                     \
    va_end (args);                                                                                           \
    if (has_fault (kind_of_open (flags), #name, fd, path))                                                   \
      return -1;                                                                                             \
    return NEXT (name) (fd, path, flags, mode);                                                              \
  }
OPEN (open)
OPEN (open64)
OPENAT (openat)
OPENAT (openat64)

EXPORT ssize_t
write (int fd, const void *buffer, size_t len)
{
  return write_has_fault ("write", fd, &len) ? -1 : NEXT (write) (fd, buffer, len);
}

#define PWRITE(name, offset_type)                                                                            \
  EXPORT ssize_t name (int fd, const void *buffer, size_t len, offset_type offset)                           \
  {                                                                                                          \
    return write_has_fault (#name, fd, &len) ? -1 : NEXT (name) (fd, buffer, len, offset);                   \
  }
PWRITE (pwrite, off_t)
PWRITE (pwrite64, off64_t)

/* Half of a vector is half of its first part. */
EXPORT ssize_t
writev (int fd, const struct iovec *parts, int n)
{
  struct iovec first = n > 0 ? parts[0] : (struct iovec) { 0 };
  size_t len = first.iov_len;
  if (write_has_fault ("writev", fd, &len))
    return -1;
  gboolean is_short = len < first.iov_len;
  first.iov_len = len;
  return is_short ? NEXT (writev) (fd, &first, 1) : NEXT (writev) (fd, parts, n);
}

#define PWRITEV(name, offset_type)                                                                           \
  EXPORT ssize_t name (int fd, const struct iovec *parts, int n, offset_type offset)                         \
  {                                                                                                          \
    struct iovec first = n > 0 ? parts[0] : (struct iovec) { 0 };                                            \
    size_t len = first.iov_len;                                                                              \
    if (write_has_fault (#name, fd, &len))                                                                   \
      return -1;                                                                                             \
    gboolean is_short = len < first.iov_len;                                                                 \
    first.iov_len = len;                                                                                     \
    return is_short ? NEXT (name) (fd, &first, 1, offset) : NEXT (name) (fd, parts, n, offset);              \
  }
PWRITEV (pwritev, off_t)
PWRITEV (pwritev64, off64_t)

/* A function of @parameters, called with @arguments, that fails with -1. */
#define CALL_OF(type, kind, fd, path, name, parameters, ...)                                                 \
  EXPORT type name parameters                                                                                \
  {                                                                                                          \
    return has_fault (kind, #name, fd, path) ? -1 : NEXT (name) (__VA_ARGS__);                               \
  }
#define CALL(kind, fd, path, name, parameters, ...)                                                          \
  CALL_OF (int, kind, fd, path, name, parameters, __VA_ARGS__)
CALL (CALL_SYNCS, fd, NULL, fsync, (int fd), fd)
CALL (CALL_SYNCS, fd, NULL, fdatasync, (int fd), fd)
CALL (CALL_SYNCS, fd, NULL, syncfs, (int fd), fd)
CALL (CALL_REMOVES, fd, NULL, ftruncate, (int fd, off_t len), fd, len)
CALL (CALL_REMOVES, fd, NULL, ftruncate64, (int fd, off64_t len), fd, len)
CALL (CALL_TAKES_SPACE, fd, NULL, fallocate, (int fd, int mode, off_t at, off_t len), fd, mode, at, len)
CALL (CALL_TAKES_SPACE, AT_FDCWD, path, mkdir, (const char *path, mode_t mode), path, mode)
CALL (CALL_TAKES_SPACE, fd, path, mkdirat, (int fd, const char *path, mode_t mode), fd, path, mode)
CALL (CALL_TAKES_SPACE, AT_FDCWD, to, link, (const char *from, const char *to), from, to)
CALL (CALL_TAKES_SPACE, fd, to, linkat, (int old, const char *from, int fd, const char *to, int flags), old,
      from, fd, to, flags)
CALL (CALL_TAKES_SPACE, AT_FDCWD, to, rename, (const char *from, const char *to), from, to)
CALL (CALL_TAKES_SPACE, fd, to, renameat, (int old, const char *from, int fd, const char *to), old, from, fd,
      to)
CALL (CALL_TAKES_SPACE, fd, to, renameat2,
      (int old, const char *from, int fd, const char *to, unsigned int flags), old, from, fd, to, flags)
CALL (CALL_REMOVES, AT_FDCWD, path, unlink, (const char *path), path)
CALL (CALL_REMOVES, AT_FDCWD, path, rmdir, (const char *path), path)
CALL (CALL_REMOVES, fd, path, unlinkat, (int fd, const char *path, int flags), fd, path, flags)

CALL_OF (ssize_t, CALL_READS, fd, NULL, read, (int fd, void *buffer, size_t len), fd, buffer, len)
CALL_OF (ssize_t, CALL_READS, fd, NULL, readv, (int fd, const struct iovec *parts, int n), fd, parts, n)
CALL_OF (ssize_t, CALL_READS, fd, NULL, pread, (int fd, void *buffer, size_t len, off_t at), fd, buffer, len,
         at)
CALL_OF (ssize_t, CALL_READS, fd, NULL, pread64, (int fd, void *buffer, size_t len, off64_t at), fd, buffer,
         len, at)
CALL_OF (ssize_t, CALL_READS, fd, NULL, preadv, (int fd, const struct iovec *parts, int n, off_t at), fd,
         parts, n, at)
CALL_OF (ssize_t, CALL_READS, fd, NULL, preadv64, (int fd, const struct iovec *parts, int n, off64_t at), fd,
         parts, n, at)
CALL (CALL_READS, AT_FDCWD, path, stat, (const char *path, struct stat *to), path, to)
CALL (CALL_READS, AT_FDCWD, path, stat64, (const char *path, struct stat64 *to), path, to)
CALL (CALL_READS, AT_FDCWD, path, lstat, (const char *path, struct stat *to), path, to)
CALL (CALL_READS, fd, NULL, fstat, (int fd, struct stat *to), fd, to)
CALL (CALL_READS, fd, NULL, fstat64, (int fd, struct stat64 *to), fd, to)
CALL (CALL_READS, fd, path, fstatat, (int fd, const char *path, struct stat *to, int flags), fd, path, to,
      flags)
CALL (CALL_READS, fd, path, statx, (int fd, const char *path, int flags, unsigned int mask, struct statx *to),
      fd, path, flags, mask, to)

/* NULL with an errno. */
#define READDIR(name, type)                                                                                  \
  EXPORT struct type *name (DIR *directory)                                                                  \
  {                                                                                                          \
    return has_fault (CALL_READS, #name, dirfd (directory), NULL) ? NULL : NEXT (name) (directory);          \
  }
READDIR (readdir, dirent)
READDIR (readdir64, dirent64)
