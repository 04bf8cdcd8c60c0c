/* SPDX-License-Identifier: MIT
 * Implements files that are read, written or replaced whole; directories opened step by step and read in
 * bulk.
 */
#include "config.h"

#include "files/access_error.h"
#include "files/file_io.h"
#include "files/maildir_sys.h"
#include "commit/sync_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/error.h>
#include <string.h>
#include <sys/stat.h>

gboolean
md_write_all (int fd, const void *data, gsize len, GError **error)
{
  const guint8 *p = data;
  while (len > 0)
    {
      ssize_t n = md_sys.write (fd, p, len);
      if (n <= 0)
        return satchel_error_set_errno (error, n < 0 ? errno : EIO, "the file cannot be written");
      p += n;
      len -= (gsize) n;
    }
  return TRUE;
}

gboolean
md_pwrite_all (int fd, const void *data, gsize len, guint64 offset, const char *what, GError **error)
{
  const guint8 *p = data;
  while (len > 0)
    {
      ssize_t n = md_sys.pwrite (fd, p, len, (off_t) offset);
      if (n <= 0)
        return satchel_error_set_errno (error, n < 0 ? errno : EIO, "%s cannot be written", what);
      p += n;
      len -= (gsize) n;
      offset += (guint64) n;
    }
  return TRUE;
}

gboolean
md_pwritev_all (int fd, struct iovec *parts, guint n, guint64 offset, const char *what, GError **error)
{
  while (n > 0)
    {
      ssize_t done = md_sys.pwritev (fd, parts, (int) n, (off_t) offset);
      if (done <= 0)
        return satchel_error_set_errno (error, done < 0 ? errno : EIO, "%s cannot be written", what);
      offset += (guint64) done;
      for (; n > 0 && (gsize) done >= parts->iov_len; parts++, n--)
        done -= (ssize_t) parts->iov_len;
      if (n > 0)
        {
          parts->iov_base = (guint8 *) parts->iov_base + done;
          parts->iov_len -= (gsize) done;
        }
    }
  return TRUE;
}

static gboolean
is_regular (int fd, const char *name, struct stat *st, GError **error)
{
  if (md_sys.fstat (fd, st) != 0)
    return satchel_error_set_errno (error, errno, "%s cannot be looked at", name);
  if (!S_ISREG (st->st_mode))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s is not a regular file", name);
  return TRUE;
}

/* Sets an error of opening a file. What is planted under its name, and is no file, is damage; it is not an
 * error of the machine, after which the file would be there again. */
static gboolean
say_not_opened (GError **error, int errnum, int dirfd, const char *name, MdAccess access)
{
  if (errnum == ELOOP || errnum == EISDIR || errnum == ENXIO)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s is not a regular file", name);
  return md_error_at (error, errnum, dirfd, name, access, "open");
}

gboolean
md_file_is_lost (const GError *error)
{
  return g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
         || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT);
}

int
md_open_file (int dirfd, const char *name, GError **error)
{
  /* O_NONBLOCK, because a FIFO planted under the name must not make us wait. */
  g_auto (MdFd) fd = md_sys.openat (dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0)
    {
      say_not_opened (error, errno, dirfd, name, MD_ACCESS_WRITE);
      return -1;
    }
  struct stat st;
  return is_regular (fd, name, &st, error) ? satchel_fd_steal (&fd) : -1;
}

static gboolean
read_to_end (int fd, guint8 *data, gsize len, const char *name, GError **error)
{
  for (gsize at = 0; at < len;)
    {
      ssize_t n = md_sys.pread (fd, data + at, len - at, (off_t) at);
      if (n < 0)
        return satchel_error_set_errno (error, errno, "%s cannot be read", name);
      if (n == 0)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                  "the file %s became shorter while it was read", name);
      at += (gsize) n;
    }
  return TRUE;
}

GByteArray *
md_read_file (int dirfd, const char *name, gsize max, GError **error)
{
  g_auto (MdFd) fd = md_sys.openat (dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0)
    {
      say_not_opened (error, errno, dirfd, name, MD_ACCESS_READ);
      return NULL;
    }
  struct stat st;
  g_autoptr (GByteArray) data = g_byte_array_new ();
  gboolean ok = is_regular (fd, name, &st, error);
  if (ok && (guint64) st.st_size > MIN (max, G_MAXINT32))
    ok = satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                            "the file %s has more than %" G_GSIZE_FORMAT " bytes", name, max);
  if (ok)
    {
      g_byte_array_set_size (data, (guint) st.st_size);
      ok = read_to_end (fd, data->data, data->len, name, error);
    }
  return ok ? g_steal_pointer (&data) : NULL;
}

gboolean
md_make_file (int dirfd, const char *name, const void *data, gsize len, gboolean durable, GError **error)
{
  g_autofree char *temporary = g_strconcat (name, ".new", NULL);
  md_sys.unlinkat (dirfd, temporary, 0); /* left by an earlier try, or planted */
  int fd = md_sys.openat (dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (fd < 0)
    return md_error_at (error, errno, dirfd, temporary, MD_ACCESS_CHANGE, "create");
  gboolean ok = (md_write_all (fd, data, len, error) && (!durable || md_fsync (fd, "content", error)))
                || md_error_in (error, dirfd, temporary);
  if (md_sys.close (fd) != 0 && ok && durable)
    ok = satchel_error_set_errno (error, errno, "%s cannot be closed", temporary);
  if (ok && md_sys.renameat (dirfd, temporary, dirfd, name) != 0)
    ok = md_error_at (error, errno, dirfd, name, MD_ACCESS_CHANGE, "replace");
  if (!ok)
    md_sys.unlinkat (dirfd, temporary, 0);
  return ok;
}

gboolean
md_replace_file (int dirfd, const char *name, const void *data, gsize len, gboolean durable, GError **error)
{
  return md_make_file (dirfd, name, data, len, durable, error) && (!durable || md_fsync (dirfd, name, error));
}

int
md_open_dir (int dirfd, const char *name, gboolean create, GError **error)
{
  gboolean is_made = FALSE;
  for (int attempt = 0;; attempt++)
    {
      g_auto (MdFd) fd = md_sys.openat (dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
      /* Files in the directory will be synced, which is worth nothing unless its own name is durable. */
      if (fd >= 0 && is_made && !md_fsync (dirfd, name, error))
        {
          md_sys.unlinkat (dirfd, name, AT_REMOVEDIR);
          return -1;
        }
      if (fd >= 0)
        return satchel_fd_steal (&fd);
      int saved = errno;
      if (saved == ENOENT && create && attempt == 0
          && ((is_made = md_sys.mkdirat (dirfd, name, 0700) == 0) || errno == EEXIST))
        continue;
      gboolean is_new = create && saved == ENOENT;
      md_error_at (error, is_new ? errno : saved, dirfd, name, is_new ? MD_ACCESS_CHANGE : MD_ACCESS_READ,
                   "directory");
      return -1;
    }
}

int
md_open_path (int dirfd, const char *path, gboolean create, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  g_auto (MdFd) fd = md_open_dir (dirfd, ".", FALSE, error);
  for (char **part = parts; fd >= 0 && *part != NULL && path[0] != '\0'; part++)
    {
      int next = -1;
      if (**part == '\0' || strcmp (*part, ".") == 0 || strcmp (*part, "..") == 0)
        satchel_error_set (error, SATCHEL_ERROR_INVALID, "the path %s is not valid", path);
      else
        next = md_open_dir (fd, *part, create, error);
      md_fd_clear (&fd);
      fd = next;
    }
  return satchel_fd_steal (&fd);
}

gboolean
md_stamp_of (int fd, MdStamp *ret, GError **error)
{
  struct stat st;
  if (md_sys.fstat (fd, &st) != 0)
    return satchel_error_set_errno (error, errno, "the time of a directory cannot be read (stat)");
  *ret = (MdStamp) { .ino = st.st_ino, .sec = st.st_mtim.tv_sec, .nsec = st.st_mtim.tv_nsec };
  return TRUE;
}

gboolean
md_stamp_equal (const MdStamp *a, const MdStamp *b)
{
  return a->ino == b->ino && a->sec == b->sec && a->nsec == b->nsec;
}

struct dirent_64
{
  guint64 ino;
  gint64 off;
  guint16 len;
  guint8 type;
  char name[];
};

/* Most directories fit into the first buffer, which is on the stack. One from the heap would leave a hole
 * there each time, behind which what is kept of a user lies scattered. */
#define DIR_BYTES_FIRST 8192u
#define DIR_BYTES_MORE (256u * 1024)
#define DIR_ENTRY_BYTES_MAX 320u

gboolean
md_read_dir (int dirfd, MdEntryFunc func, gpointer data, GError **error)
{
  SATCHEL_UNSET guint64 first[DIR_BYTES_FIRST / sizeof (guint64)]; /* aligned as entries are */
  g_autofree guint8 *more = NULL;
  guint8 *buffer = (guint8 *) first;
  gsize size = sizeof first;
  /* The scan needs a descriptor of its own, because all users of one share its position. */
  g_auto (MdFd) fd = md_sys.openat (dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    return md_error_at (error, errno, dirfd, ".", MD_ACCESS_READ, "read directory");
  gboolean ok = TRUE;
  for (;;)
    {
      ssize_t got = md_sys.getdents (fd, buffer, size);
      if (got < 0)
        ok = md_error_at (error, errno, dirfd, ".", MD_ACCESS_READ, "read directory");
      if (got <= 0)
        break;
      for (ssize_t at = 0; at < got;)
        {
          const struct dirent_64 *entry = (const struct dirent_64 *) (buffer + at);
          func (entry->name, strlen (entry->name), entry->type, data);
          at += entry->len;
        }
      if (more == NULL && (gsize) got > size - DIR_ENTRY_BYTES_MAX)
        buffer = more = g_malloc (size = DIR_BYTES_MORE);
    }
  return ok;
}
