/* SPDX-License-Identifier: MIT
 * Implements content that is being received: a file in the user's tmp/. It has LF line ends as long as every
 * line came with CRLF and can be read back exactly, otherwise the bytes as they came. It is synced at its
 * end, outside of the commit queue.
 */
#include "config.h"

#include "files/access_error.h"
#include "driver.h"
#include "files/file_io.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/stage_message.h"
#include "commit/sync_hold.h"
#include "files/unique_name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BUFFER_BYTES 65536u

typedef struct Writer
{
  SatchelWriter base;
  MdStore *store;
  SatchelStaged *staged;
  char name[128];
  int fd; /* -1: there is no file yet */
  GByteArray *buffer;
  guint64 length, written; /* bytes that were given; bytes on disk */
  gboolean is_raw, is_finished;
  guint n_cr; /* how many CRs the input ended in; 2: two or more */
} Writer;

static gboolean
ensure_staged_file (Writer *writer, GError **error)
{
  if (writer->fd >= 0)
    return TRUE;
  md_unique_name (writer->name, g_get_real_time () / G_USEC_PER_SEC);
  writer->fd =
      md_sys.openat (writer->store->tmp_fd, writer->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (writer->fd >= 0)
    return TRUE;
  writer->name[0] = '\0';
  return md_error_at (error, errno, writer->store->tmp_fd, ".", MD_ACCESS_CHANGE, "new file in");
}

/* Says whether @data can be stored with LF: each LF must have exactly one CR before it. Several CRs before an
 * LF, or a bare LF, would not read back as they came. */
static gboolean
is_plain_crlf (Writer *writer, const guint8 *data, gsize len)
{
  const guint8 *p = data, *end = data + len;
  while (p < end)
    {
      const guint8 *lf = memchr (p, '\n', (gsize) (end - p));
      const guint8 *stop = lf != NULL ? lf : end;
      guint n_cr = 0;
      const guint8 *back = stop;
      while (back > data && back[-1] == '\r' && n_cr < 2)
        {
          back--;
          n_cr++;
        }
      if (back == data)
        n_cr += writer->n_cr;
      if (lf == NULL)
        {
          writer->n_cr = MIN (n_cr, 2);
          return TRUE;
        }
      if (n_cr != 1)
        return FALSE;
      writer->n_cr = 0;
      p = lf + 1;
    }
  return TRUE;
}

/* Drops the CR before each LF, in place. If the last byte is a CR whose LF has not come yet, it stays in
 * the buffer. */
static gsize
convert_to_lf (guint8 *data, gsize len)
{
  guint8 *out = data;
  const guint8 *p = data, *end = data + len;
  while (p < end)
    {
      const guint8 *lf = memchr (p, '\n', (gsize) (end - p));
      gsize n = (gsize) ((lf != NULL ? lf - 1 : end) - p);
      memmove (out, p, n);
      out += n;
      if (lf == NULL)
        break;
      *out++ = '\n';
      p = lf + 1;
    }
  return (gsize) (out - data);
}

/* Copies the staged file, whose lines end with LF, into a new one whose lines end with CRLF, as they did when
 * they came. What follows is stored as it comes. */
static gboolean
rewrite_raw (Writer *writer, GError **error)
{
  g_auto (MdFd) old_fd = writer->fd;
  char old_name[128];
  writer->is_raw = TRUE;
  if (old_fd < 0)
    return TRUE;
  memcpy (old_name, writer->name, sizeof old_name);
  guint64 size = writer->written;
  writer->fd = -1;
  writer->written = 0;
  gboolean ok = ensure_staged_file (writer, error);
  g_autofree guint8 *in = g_malloc (BUFFER_BYTES);
  g_autofree guint8 *out = g_malloc (2 * BUFFER_BYTES);
  for (guint64 at = 0; ok && at < size;)
    {
      ssize_t got = md_sys.pread (old_fd, in, MIN (BUFFER_BYTES, size - at), (off_t) at);
      if (got <= 0)
        {
          ok = satchel_error_set_errno (error, got < 0 ? errno : EIO,
                                        "the staged message cannot be read again");
          break;
        }
      gsize n = 0;
      for (ssize_t i = 0; i < got; i++)
        {
          if (in[i] == '\n')
            out[n++] = '\r';
          out[n++] = in[i];
        }
      ok = md_write_all (writer->fd, out, n, error) || md_error_in (error, writer->store->tmp_fd, ".");
      writer->written += n;
      at += (guint64) got;
    }
  md_sys.unlinkat (writer->store->tmp_fd, old_name, 0);
  return ok;
}

static gboolean
flush_staged (Writer *writer, gboolean is_last, GError **error)
{
  GByteArray *buffer = writer->buffer;
  if (!writer->is_raw && !is_plain_crlf (writer, buffer->data, buffer->len) && !rewrite_raw (writer, error))
    return FALSE;
  /* A CR at the end may belong to an LF that is still to come. */
  gboolean keep_cr = !writer->is_raw && !is_last && buffer->len > 0 && buffer->data[buffer->len - 1] == '\r';
  gsize take = buffer->len - (keep_cr ? 1 : 0);
  gsize len = writer->is_raw ? take : convert_to_lf (buffer->data, take);
  if (!ensure_staged_file (writer, error))
    return FALSE;
  /* The error names the directory, since with the file's name each message would make a new error. */
  if (!md_write_all (writer->fd, buffer->data, len, error))
    return md_error_in (error, writer->store->tmp_fd, ".");
  writer->written += len;
  g_byte_array_set_size (buffer, 0);
  if (keep_cr)
    {
      g_byte_array_append (buffer, (const guint8 *) "\r", 1);
      writer->n_cr--; /* the CRs are counted again with the rest */
    }
  return TRUE;
}

static gboolean
writer_write (SatchelWriter *base, const void *data, gsize len, GError **error)
{
  Writer *writer = (Writer *) base;
  const guint8 *p = data;
  writer->length += len;
  while (len > 0)
    {
      gsize take = MIN (len, BUFFER_BYTES - writer->buffer->len);
      g_byte_array_append (writer->buffer, p, (guint) take);
      p += take;
      len -= take;
      if (writer->buffer->len == BUFFER_BYTES && !flush_staged (writer, FALSE, error))
        return FALSE;
    }
  return TRUE;
}

/* Gives the file the date of its message as its time: other servers take the one for the other.  The file has
 * a time between @written_at, 0 if that is unknown, and now, so that the usual one needs no call.  TRUE means
 * that the file has changed. */
static gboolean
date_file (const Writer *writer, gint64 written_at)
{
  gint64 date = writer->staged->internal_date;
  if (date == written_at && date == g_get_real_time () / G_USEC_PER_SEC)
    return FALSE;
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t) date } };
  /* A file system that keeps no such time keeps the message all the same: its date is in the index and in
   * its name. */
  return md_sys.futimens (writer->fd, times) == 0;
}

static gboolean
writer_finish (SatchelWriter *base, GError **error)
{
  Writer *writer = (Writer *) base;
  struct timespec now; /* by the clock of files, which is up to a tick behind */
  clock_gettime (CLOCK_REALTIME_COARSE, &now);
  guint64 written_before = writer->written;
  if (!flush_staged (writer, TRUE, error))
    return FALSE;
  gboolean is_dated = date_file (writer, writer->written > written_before ? now.tv_sec : 0);
  if (!md_hold_file (writer->fd) && (is_dated ? md_sys.fsync : md_sys.fdatasync) (writer->fd) != 0)
    return md_error_at (error, errno, writer->store->tmp_fd, ".", MD_ACCESS_CHANGE, "sync of a file in");
  if (md_sys.close (satchel_fd_steal (&writer->fd)) != 0)
    return satchel_error_set_errno (error, errno, "the staged message cannot be closed");
  MdStaged *content = g_new0 (MdStaged, 1);
  memcpy (content->name, writer->name, sizeof content->name);
  content->disk_size = writer->written;
  content->length = writer->length;
  content->is_raw = writer->is_raw;
  writer->name[0] = '\0';
  writer->staged->driver = content;
  return TRUE;
}

static void
writer_free (SatchelWriter *base)
{
  Writer *writer = (Writer *) base;
  md_fd_clear (&writer->fd);
  if (writer->name[0] != '\0')
    md_sys.unlinkat (writer->store->tmp_fd, writer->name, 0);
  g_byte_array_unref (writer->buffer);
  g_free (writer);
}

SatchelWriter *
md_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint, SatchelStaged *staged,
          GError **error)
{
  static const SatchelWriterOps ops = {
    .size = sizeof ops, .write = writer_write, .finish = writer_finish, .free = writer_free
  };
  Writer *writer = g_new0 (Writer, 1);
  writer->base.ops = &ops;
  writer->store = storage->self;
  writer->staged = staged;
  writer->fd = -1;
  writer->buffer =
      g_byte_array_sized_new (size_hint > 0 && size_hint < BUFFER_BYTES ? (guint) size_hint : 4096);
  return &writer->base;
}

gboolean
md_stage_spooled (SatchelStorage *storage, const SatchelAccess *access, const char *path, gboolean is_lf,
                  SatchelStaged *staged, GError **error)
{
  MdStore *store = storage->self;
  struct stat st;
  if (md_sys.fstatat (store->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return satchel_error_set_errno (error, errno, "the spooled message cannot be found");
  /* ext4 allows 65,000 links to a file; this stays far below. */
  if (!S_ISREG (st.st_mode) || st.st_nlink > 30000)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "the spooled message cannot be linked into the user's directory");
  MdStaged *content = g_new0 (MdStaged, 1);
  content->spool = g_strdup (path);
  staged->internal_date = st.st_mtim.tv_sec;
  content->disk_size = (guint64) st.st_size;
  content->length = staged->size;
  content->is_raw = !is_lf;
  staged->driver = content;
  return TRUE;
}

void
md_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged)
{
  MdStore *store = storage->self;
  MdStaged *content = staged->driver;
  if (content == NULL)
    return;
  if (content->name[0] != '\0')
    md_sys.unlinkat (store->tmp_fd, content->name, 0);
  g_free (content->spool);
  g_free (content);
  staged->driver = NULL;
}
