/* SPDX-License-Identifier: MIT
 * This file opens files for Berkeley DB; see file_open.h.
 */
#include "config.h"

#include "volume/file_open.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <satchel/fd.h>
#include <stdarg.h>
#include <unistd.h>

static gboolean
sync_name (const char *path)
{
  g_autofree char *name = g_path_get_dirname (path);
  g_auto (SatchelFd) dir = open (name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return dir >= 0 && fsync (dir) == 0;
}

int
bdb_file_open (const char *path, int flags, ...)
{
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0)
    {
      va_list arguments;
      va_start (arguments, flags);
      mode = va_arg (arguments, mode_t);
      va_end (arguments);
    }
  g_auto (SatchelFd) fd = open (path, flags | O_CLOEXEC, mode);
  if (fd >= 0 && (flags & O_CREAT) != 0 && !sync_name (path))
    return -1;
  return satchel_fd_steal (&fd);
}
