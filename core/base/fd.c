/* SPDX-License-Identifier: MIT
 * Reads, writes and replaces whole files; see <satchel/fd.h>.
 */
#include "config.h"

#include "core/base/fd.h"

#include <fcntl.h>
#include <stdio.h>

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

static gboolean
set_status (int fd, const struct stat *like, GError **error)
{
  if (like == NULL)
    return TRUE;
  if (geteuid () == 0 && fchown (fd, like->st_uid, like->st_gid) != 0)
    return satchel_error_set_errno (error, errno, "the owner cannot be set (fchown)");
  return fchmod (fd, like->st_mode & 07777) == 0
         || satchel_error_set_errno (error, errno, "the rights cannot be set (fchmod)");
}

static gboolean
write_new (int dirfd, const char *new_name, const void *data, gsize len, const struct stat *like,
           gboolean is_durable, GError **error)
{
  int fd =
      SATCHEL_RETRY (openat (dirfd, new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd < 0)
    return satchel_error_set_errno (error, errno, "the file cannot be made");
  gboolean ok = satchel_fd_write_all (fd, data, len)
                || satchel_error_set_errno (error, errno, "the file cannot be written");
  ok = ok && set_status (fd, like, error);
  if (ok && is_durable && SATCHEL_RETRY (fsync (fd)) != 0)
    ok = satchel_error_set_errno (error, errno, "the file cannot be written to disk (fsync)");
  if (satchel_close (fd) != 0 && ok)
    ok = satchel_error_set_errno (error, errno, "the file cannot be written (close)");
  return ok;
}

gboolean
satchel_file_replace (int dirfd, const char *name, const void *data, gsize len, const struct stat *like,
                      gboolean is_durable, GError **error)
{
  g_autofree char *new_name = g_strconcat (name, ".new", NULL);
  (void) unlinkat (dirfd, new_name, 0); /* left by a crash, or planted */
  gboolean ok = write_new (dirfd, new_name, data, len, like, is_durable, error);
  if (ok && SATCHEL_RETRY (renameat (dirfd, new_name, dirfd, name)) != 0)
    ok = satchel_error_set_errno (error, errno, "the file cannot be put in its place (rename)");
  if (!ok)
    {
      (void) unlinkat (dirfd, new_name, 0);
      g_prefix_error (error, "%s: ", new_name);
    }
  else if (is_durable && SATCHEL_RETRY (fsync (dirfd)) != 0)
    ok = satchel_error_set_errno (error, errno, "the directory of %s cannot be written to disk", name);
  return ok;
}
