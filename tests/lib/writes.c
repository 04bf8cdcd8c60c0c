/* SPDX-License-Identifier: MIT
 * A library to preload (LD_PRELOAD) into a program: before its n-th call that changes a file or directory it
 * stands still for good, so that writes.py can kill it there.  The file that SATCHEL_TEST_WRITES names says
 * which call, and hears where the program stands; it is mapped before a process enters its sandbox.  With
 * SATCHEL_TEST_ROLE only the process of that role of a server counts.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef struct Plan
{
  int32_t stop_at; /* 0: nowhere */
  int32_t n_calls;
  int32_t stopped; /* the process that stands still, or 0 */
} Plan;

static Plan *plan;

__attribute__ ((constructor)) static void
map_file (int argc, char **argv)
{
  const char *path = getenv ("SATCHEL_TEST_WRITES"), *role = getenv ("SATCHEL_TEST_ROLE");
  char wanted[64] = "";
  int is_wanted = role == NULL;
  if (role != NULL)
    snprintf (wanted, sizeof wanted, "--role=%s", role);
  for (int i = 1; i < argc; i++)
    is_wanted = is_wanted || strcmp (argv[i], wanted) == 0;
  int fd = path != NULL && is_wanted ? open (path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0)
    return;
  void *map = mmap (NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  plan = map != MAP_FAILED ? map : NULL;
  close (fd);
}

static void
count (void)
{
  const struct timespec while_ns = { 0, 1000000 };
  if (plan == NULL || __atomic_load_n (&plan->stop_at, __ATOMIC_SEQ_CST) == 0
      || __atomic_add_fetch (&plan->n_calls, 1, __ATOMIC_SEQ_CST)
             != __atomic_load_n (&plan->stop_at, __ATOMIC_SEQ_CST))
    return;
  __atomic_store_n (&plan->stopped, (int32_t) getpid (), __ATOMIC_SEQ_CST);
  for (;;)
    nanosleep (&while_ns, NULL);
}

/* Counts a call on @fd if that is a file or a directory. */
static void
count_of (int fd)
{
  struct stat facts;
  if (plan != NULL && fstat (fd, &facts) == 0 && (S_ISREG (facts.st_mode) || S_ISDIR (facts.st_mode)))
    count ();
}

#define NEXT(name) ((__typeof__ (&name)) dlsym (RTLD_NEXT, #name))

#define OPENS(name, first, names, values)                                                                    \
  int name first;                                                                                            \
  int name first                                                                                             \
  {                                                                                                          \
    mode_t mode = 0;                                                                                         \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                                \
      {                                                                                                      \
        va_list rest;                                                                                        \
        va_start (rest, flags);                                                                              \
        mode = va_arg (rest, mode_t);                                                                        \
        va_end (rest);                                                                                       \
      }                                                                                                      \
    if ((flags & (O_CREAT | O_TRUNC)) != 0)                                                                  \
      count ();                                                                                              \
    return NEXT (name) values;                                                                               \
  }
OPENS (open, (const char *path, int flags, ...), (path, flags), (path, flags, mode))
OPENS (open64, (const char *path, int flags, ...), (path, flags), (path, flags, mode))
OPENS (openat, (int at, const char *path, int flags, ...), (at, path, flags), (at, path, flags, mode))
OPENS (openat64, (int at, const char *path, int flags, ...), (at, path, flags), (at, path, flags, mode))

#define ON_DESCRIPTOR(type, name, arguments, values)                                                         \
  type name arguments                                                                                        \
  {                                                                                                          \
    count_of (fd);                                                                                           \
    return NEXT (name) values;                                                                               \
  }
ON_DESCRIPTOR (ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len))
ON_DESCRIPTOR (ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n))
ON_DESCRIPTOR (ssize_t, pwrite, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
ON_DESCRIPTOR (ssize_t, pwrite64, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at))
ON_DESCRIPTOR (int, ftruncate, (int fd, off_t len), (fd, len))
ON_DESCRIPTOR (int, ftruncate64, (int fd, off64_t len), (fd, len))
ON_DESCRIPTOR (int, fsync, (int fd), (fd))
ON_DESCRIPTOR (int, fdatasync, (int fd), (fd))
ON_DESCRIPTOR (int, fchmod, (int fd, mode_t mode), (fd, mode))
ON_DESCRIPTOR (int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))

#define ON_NAME(name, arguments, values)                                                                     \
  int name arguments                                                                                         \
  {                                                                                                          \
    count ();                                                                                                \
    return NEXT (name) values;                                                                               \
  }
ON_NAME (rename, (const char *from, const char *to), (from, to))
ON_NAME (renameat, (int at, const char *from, int to_at, const char *to), (at, from, to_at, to))
ON_NAME (renameat2, (int at, const char *from, int to_at, const char *to, unsigned flags),
         (at, from, to_at, to, flags))
ON_NAME (link, (const char *from, const char *to), (from, to))
ON_NAME (linkat, (int at, const char *from, int to_at, const char *to, int flags),
         (at, from, to_at, to, flags))
ON_NAME (unlink, (const char *path), (path))
ON_NAME (unlinkat, (int at, const char *path, int flags), (at, path, flags))
ON_NAME (mkdir, (const char *path, mode_t mode), (path, mode))
ON_NAME (mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
