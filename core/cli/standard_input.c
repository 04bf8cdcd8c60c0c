/* SPDX-License-Identifier: MIT
 * This file makes a file of standard input: the reader of mbox files goes back and forth in it.
 */
#include "config.h"

#include "core/cli/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"

#define COPY_BYTES (256u * 1024u)

/* Says whether standard input is a file already, of which nothing was read. */
static gboolean
is_whole_file (int fd)
{
  struct stat st;
  const int flags = fcntl (fd, F_GETFL);
  return fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && flags >= 0 && (flags & O_ACCMODE) == O_RDONLY
         && lseek (fd, 0, SEEK_CUR) == 0;
}

static gboolean
copy_all (int from, int to, const char *dir, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (COPY_BYTES);
  for (;;)
    {
      const gssize n = SATCHEL_RETRY (read (from, buffer, COPY_BYTES));
      if (n == 0)
        return TRUE;
      if (n < 0)
        return satchel_error_set_errno (error, errno, "standard input cannot be read");
      if (!satchel_fd_write_all (to, buffer, (gsize) n))
        return satchel_error_set_errno (
            error, errno, "standard input cannot be kept in %s meanwhile (TMPDIR names another directory)",
            dir);
    }
}

int
satchel_standard_input_open (GError **error)
{
  if (isatty (STDIN_FILENO))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "standard input is a terminal; write < FILE, or | in front of the command");
      return -1;
    }
  if (is_whole_file (STDIN_FILENO))
    return fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  const char *set = g_getenv ("TMPDIR"), *dir = set != NULL && *set != '\0' ? set : "/var/tmp";
  g_auto (SatchelFd) file = open (dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (file < 0)
    {
      satchel_error_set_errno (error, errno, "no file can be made in %s (TMPDIR names another directory)",
                               dir);
      return -1;
    }
  if (!copy_all (STDIN_FILENO, file, dir, error))
    return -1;
  /* The server is lent what it cannot change. */
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", file);
  const int reader = open (path, O_RDONLY | O_CLOEXEC);
  if (reader < 0)
    satchel_error_set_errno (error, errno, "the file with standard input in %s cannot be opened", dir);
  return reader;
}
