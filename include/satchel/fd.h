/* SPDX-License-Identifier: MIT
 * Declares file descriptors that close themselves, and files that are read, written and replaced whole. Any
 * thread.
 */
#pragma once
#include <satchel/error.h>
#include <satchel/retry.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* Its scope owns the descriptor, as in g_auto (SatchelFd) fd = open (...). It is closed at the end of the
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

/* Reads a file from its beginning, wherever its position is, until @max_bytes or its end.  How many bytes
 * came; -1 with errno. */
SATCHEL_API gssize satchel_fd_read_all (int fd, void *buffer, gsize max_bytes);
/* Writes all of @data at the position of @fd. FALSE: it failed, with errno, and the number of bytes written
 * is not known. */
SATCHEL_API gboolean satchel_fd_write_all (int fd, const void *data, gsize len);
/* Replaces file @name of directory @dirfd by @data: after a crash there is the old file or the new one, never
 * a part.  The caller alone writes NAME.new meanwhile, which is removed if it is there.  @like: gives the
 * mode, and, if the process is root, the owner and group; NULL: 0600, the process's own.  @is_durable:
 * content and name are on disk on return.  Errors: of the system call; only where the name could not be made
 * durable may the new file be there.  [blocks] */
SATCHEL_API gboolean satchel_file_replace (int dirfd, const char *name, const void *data, gsize len,
                                           const struct stat *like, gboolean is_durable, GError **error);

G_END_DECLS
