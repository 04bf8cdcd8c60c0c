/* SPDX-License-Identifier: MIT
 * File descriptors that close themselves, and calls that read and write whole files.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/retry.h>

/* A descriptor that its scope owns, as in g_auto (SatchelFd) fd = open (...). It is closed at the end of the
 * scope, and errno stays as it was. -1: none. */
typedef int SatchelFd;

static inline void
satchel_fd_close (SatchelFd fd)
{
  int saved = errno;
  (void) satchel_close (fd);
  errno = saved;
}
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (SatchelFd, satchel_fd_close, -1)

/* Closes what *@fd owns, if anything, and leaves -1 there. */
static inline void
satchel_fd_clear (int *fd)
{
  if (*fd >= 0)
    satchel_fd_close (*fd);
  *fd = -1;
}

/* Gives *@fd to the caller and leaves -1 there. */
static inline int
satchel_fd_steal (int *fd)
{
  int stolen = *fd;
  *fd = -1;
  return stolen;
}

/* Both ends of a socketpair(2) or a pipe(2): g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE. */
typedef struct SatchelFdPair
{
  int ends[2];
} SatchelFdPair;
#define SATCHEL_FD_PAIR_NONE { { -1, -1 } }

static inline void
satchel_fd_pair_clear (SatchelFdPair *pair)
{
  satchel_fd_clear (&pair->ends[0]);
  satchel_fd_clear (&pair->ends[1]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelFdPair, satchel_fd_pair_clear)

/* Reads a file from its beginning, wherever its position is, up to @max_bytes or its end. Returns the number
 * of bytes; -1 with errno. */
gssize satchel_fd_read_all (int fd, void *buffer, gsize max_bytes);
/* Returns the whole file; yours. Errors: INVALID (it is empty, larger than @max_bytes, or not a file), IO. */
GBytes *satchel_fd_read_bytes (int fd, gsize max_bytes, GError **error);
/* Writes all of @data at the position of @fd. FALSE: it failed, with errno, and the number of bytes written
 * is not known. */
gboolean satchel_fd_write_all (int fd, const void *data, gsize len);
