/* SPDX-License-Identifier: MIT
 * This file reads the content of a spool file.  The file is opened at once, or at the first read, so that
 * the main thread may make the stream.
 */
#include "config.h"

#include "core/session/delivery/delivery_private.h"
#include "core/session/delivery/spool_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>

typedef struct SpoolStream
{
  SatchelStream stream;
  char *path;
  gboolean is_lf;
  guint64 size;
  GBytes *key;          /* or NULL */
  GMutex lock;          /* held while the file is opened */
  SatchelStream *below; /* NULL: the file is not open yet */
} SpoolStream;

SatchelStream *
satchel_spool_open (const char *path, gboolean is_lf, guint64 size, GBytes *key, GError **error)
{
  int fd = SATCHEL_RETRY (
      openat (satchel_delivery_host ()->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "the spooled message %s cannot be opened", path);
      return NULL;
    }
  g_autoptr (SatchelStream) file = satchel_stream_new_fd (fd, 0);
  if (key != NULL)
    return satchel_spool_unsealed (file, key, size);
  return is_lf ? satchel_stream_new_crlf (file, (gint64) size) : g_steal_pointer (&file);
}

static gboolean
ensure_open (SpoolStream *self, GError **error)
{
  g_mutex_lock (&self->lock);
  if (self->below == NULL)
    self->below = satchel_spool_open (self->path, self->is_lf, self->size, self->key, error);
  gboolean is_open = self->below != NULL;
  g_mutex_unlock (&self->lock);
  return is_open;
}

static gssize
spool_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  SpoolStream *self = (SpoolStream *) stream;
  return ensure_open (self, error) ? satchel_stream_read_at (self->below, offset, buffer, len, error) : -1;
}

static gint64
spool_length (SatchelStream *stream, GError **error)
{
  SpoolStream *self = (SpoolStream *) stream;
  return ensure_open (self, error) ? (gint64) self->size : -1;
}

static void
spool_free (SatchelStream *stream)
{
  SpoolStream *self = (SpoolStream *) stream;
  g_clear_pointer (&self->below, satchel_stream_unref);
  g_clear_pointer (&self->key, g_bytes_unref);
  g_mutex_clear (&self->lock);
  g_free (self->path);
  g_free (self);
}

static const SatchelStreamOps spool_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = spool_read_at,
  .length = spool_length,
  .free = spool_free,
};

SatchelStream *
satchel_spool_stream_new (const char *path, gboolean is_lf, guint64 size, GBytes *key)
{
  SpoolStream *self = g_new0 (SpoolStream, 1);
  satchel_stream_init (&self->stream, &spool_ops);
  self->path = g_strdup (path);
  self->is_lf = is_lf;
  self->size = size;
  self->key = key != NULL ? g_bytes_ref (key) : NULL;
  g_mutex_init (&self->lock);
  return &self->stream;
}
