/* SPDX-License-Identifier: MIT
 * Reads and writes whole files; see fd.h.
 */
#include "config.h"

#include "core/base/fd.h"

#include <sys/stat.h>

gssize
satchel_fd_read_all (int fd, void *buffer, gsize max_bytes)
{
  gsize filled = 0;
  while (filled < max_bytes)
    {
      gssize n = SATCHEL_RETRY (pread (fd, (guint8 *) buffer + filled, max_bytes - filled, (off_t) filled));
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      filled += (gsize) n;
    }
  return (gssize) filled;
}

GBytes *
satchel_fd_read_bytes (int fd, gsize max_bytes, GError **error)
{
  struct stat st;
  if (fstat (fd, &st) != 0)
    {
      satchel_error_set_errno (error, errno, "the file cannot be read");
      return NULL;
    }
  if (!S_ISREG (st.st_mode) || st.st_size <= 0 || (guint64) st.st_size > max_bytes)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "the file is empty, or larger than %" G_GSIZE_FORMAT " bytes", max_bytes);
      return NULL;
    }
  g_autofree guint8 *data = g_malloc ((gsize) st.st_size);
  gssize n = satchel_fd_read_all (fd, data, (gsize) st.st_size);
  if (n != st.st_size)
    {
      satchel_error_set_errno (error, n < 0 ? errno : EIO, "the file cannot be read");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&data), (gsize) n);
}

gboolean
satchel_fd_write_all (int fd, const void *data, gsize len)
{
  for (gsize written = 0; written < len;)
    {
      gssize n = SATCHEL_RETRY (write (fd, (const guint8 *) data + written, len - written));
      if (n == 0)
        errno = EIO;
      if (n <= 0)
        return FALSE;
      written += (gsize) n;
    }
  return TRUE;
}
