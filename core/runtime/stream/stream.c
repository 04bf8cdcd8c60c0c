/* SPDX-License-Identifier: MIT
 * Implements streams over memory and over a file, and the calls of stream.h.
 */
#include "config.h"

#include <errno.h>
#include <satchel/retry.h>
#include <satchel/stream.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
satchel_stream_init (SatchelStream *stream, const SatchelStreamOps *ops)
{
  stream->ops = ops;
  g_atomic_ref_count_init (&stream->refs);
}

SatchelStream *
satchel_stream_ref (SatchelStream *stream)
{
  g_atomic_ref_count_inc (&stream->refs);
  return stream;
}

void
satchel_stream_unref (SatchelStream *stream)
{
  if (stream != NULL && g_atomic_ref_count_dec (&stream->refs))
    stream->ops->free (stream);
}

gssize
satchel_stream_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  return stream->ops->read_at (stream, offset, buffer, MIN (len, G_MAXSSIZE), error);
}

gint64
satchel_stream_length (SatchelStream *stream, GError **error)
{
  return stream->ops->length (stream, error);
}

typedef struct BytesStream
{
  SatchelStream stream;
  GBytes *bytes;
} BytesStream;

static gssize
bytes_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (((BytesStream *) stream)->bytes, &size);
  if (offset >= size)
    return 0;
  gsize n = MIN (len, size - offset);
  memcpy (buffer, data + offset, n);
  return (gssize) n;
}

static gint64
bytes_length (SatchelStream *stream, GError **error)
{
  return (gint64) g_bytes_get_size (((BytesStream *) stream)->bytes);
}

static void
bytes_free (SatchelStream *stream)
{
  g_bytes_unref (((BytesStream *) stream)->bytes);
  g_free (stream);
}

static const SatchelStreamOps bytes_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = bytes_read_at,
  .length = bytes_length,
  .free = bytes_free,
};

SatchelStream *
satchel_stream_new_bytes (GBytes *bytes)
{
  BytesStream *self = g_new0 (BytesStream, 1);
  satchel_stream_init (&self->stream, &bytes_ops);
  self->bytes = g_bytes_ref (bytes);
  return &self->stream;
}

GBytes *
satchel_stream_bytes (SatchelStream *stream)
{
  return stream->ops == &bytes_ops ? ((BytesStream *) stream)->bytes : NULL;
}

typedef struct FdStream
{
  SatchelStream stream;
  int fd;
  guint64 skip;
} FdStream;

static gssize
fd_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  FdStream *self = (FdStream *) stream;
  gsize done = 0;
  if (offset > (guint64) G_MAXINT64 - self->skip)
    return 0;
  while (done < len)
    {
      gssize n = SATCHEL_RETRY (
          pread (self->fd, (guint8 *) buffer + done, len - done, (off_t) (self->skip + offset + done)));
      if (n < 0)
        {
          satchel_error_set_errno (error, errno, "a message file cannot be read");
          return -1;
        }
      if (n == 0)
        break;
      done += (gsize) n;
    }
  return (gssize) done;
}

static gint64
fd_length (SatchelStream *stream, GError **error)
{
  FdStream *self = (FdStream *) stream;
  struct stat info;
  if (fstat (self->fd, &info) < 0)
    {
      satchel_error_set_errno (error, errno, "the size of a message file cannot be found");
      return -1;
    }
  return MAX (0, (gint64) info.st_size - (gint64) self->skip);
}

static void
fd_free (SatchelStream *stream)
{
  close (((FdStream *) stream)->fd);
  g_free (stream);
}

static const SatchelStreamOps fd_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = fd_read_at,
  .length = fd_length,
  .free = fd_free,
};

SatchelStream *
satchel_stream_new_fd (int fd, guint64 offset)
{
  FdStream *self = g_new0 (FdStream, 1);
  satchel_stream_init (&self->stream, &fd_ops);
  self->fd = fd;
  self->skip = MIN (offset, (guint64) G_MAXINT64);
  return &self->stream;
}

gboolean
satchel_writer_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  return len == 0 || writer->ops->write (writer, data, len, error);
}

gboolean
satchel_writer_finish (SatchelWriter *writer, GError **error)
{
  return writer->ops->finish (writer, error);
}

void
satchel_writer_free (SatchelWriter *writer)
{
  if (writer != NULL)
    writer->ops->free (writer);
}
