/* SPDX-License-Identifier: MIT
 * Storage layer `xor`, for tests: content below it is a header of 20 bytes and the message with every byte
 * turned, so that sizes differ and nothing below can read mail.  What has no such header (delivered below the
 * layer) passes as it is.
 */
#include <satchel/module.h>
#include <satchel/storage.h>
#include <string.h>

#define HEADER_BYTES 20u
#define PATTERN 0x5au

static const char magic[HEADER_BYTES + 1] = "satchel xor layer 1\n";

/* ---- in ---- */

typedef struct XorWriter
{
  SatchelWriter writer;
  SatchelWriter *below;
} XorWriter;

static gboolean
xor_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  guint8 buffer[4096];
  const guint8 *bytes = data;
  for (gsize done = 0; done < len;)
    {
      gsize n = MIN (len - done, sizeof (buffer));
      for (gsize i = 0; i < n; i++)
        buffer[i] = bytes[done + i] ^ PATTERN;
      if (!satchel_writer_write (((XorWriter *) writer)->below, buffer, n, error))
        return FALSE;
      done += n;
    }
  return TRUE;
}

static gboolean
xor_finish (SatchelWriter *writer, GError **error)
{
  return satchel_writer_finish (((XorWriter *) writer)->below, error);
}

static void
xor_writer_free (SatchelWriter *writer)
{
  satchel_writer_free (((XorWriter *) writer)->below);
  g_free (writer);
}

static SatchelWriter *
xor_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint, SatchelStaged *staged,
           GError **error)
{
  static const SatchelWriterOps ops = {
    .size = sizeof (SatchelWriterOps),
    .write = xor_write,
    .finish = xor_finish,
    .free = xor_writer_free,
  };
  g_autoptr (SatchelWriter) below =
      satchel_storage_stage (storage, access, size_hint == 0 ? 0 : size_hint + HEADER_BYTES, staged, error);
  if (below == NULL || !satchel_writer_write (below, magic, HEADER_BYTES, error))
    return NULL;
  XorWriter *writer = g_new0 (XorWriter, 1);
  writer->writer.ops = &ops;
  writer->below = g_steal_pointer (&below);
  return &writer->writer;
}

/* ---- out ---- */

typedef struct XorStream
{
  SatchelStream stream;
  SatchelStream *below;
} XorStream;

static gssize
xor_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  guint8 *bytes = buffer;
  if (offset > G_MAXINT64 - HEADER_BYTES)
    return 0;
  gssize n =
      satchel_stream_read_at (((XorStream *) stream)->below, offset + HEADER_BYTES, buffer, len, error);
  for (gssize i = 0; i < n; i++)
    bytes[i] ^= PATTERN;
  return n;
}

static gint64
xor_length (SatchelStream *stream, GError **error)
{
  gint64 length = satchel_stream_length (((XorStream *) stream)->below, error);
  return length < 0 ? -1 : length - (gint64) HEADER_BYTES;
}

static void
xor_stream_free (SatchelStream *stream)
{
  satchel_stream_unref (((XorStream *) stream)->below);
  g_free (stream);
}

static SatchelStream *
xor_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                  guint32 uid, GError **error)
{
  static const SatchelStreamOps ops = {
    .size = sizeof (SatchelStreamOps),
    .read_at = xor_read_at,
    .length = xor_length,
    .free = xor_stream_free,
  };
  g_autoptr (SatchelStream) below = satchel_storage_open_message (storage, access, mailbox, uid, error);
  char start[HEADER_BYTES];
  if (below == NULL)
    return NULL;
  gssize n = satchel_stream_read_at (below, 0, start, HEADER_BYTES, error);
  if (n < 0)
    return NULL;
  if (n < (gssize) HEADER_BYTES || memcmp (start, magic, HEADER_BYTES) != 0)
    return g_steal_pointer (&below);
  XorStream *stream = g_new0 (XorStream, 1);
  satchel_stream_init (&stream->stream, &ops);
  stream->below = g_steal_pointer (&below);
  return &stream->stream;
}

static gboolean
xor_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static const SatchelStorageOps xor_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 300,
  .classes = SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = xor_open,
  .stage = xor_stage,
  .open_message = xor_open_message,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &xor_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "xor",
    .version = "0.1",
    .description = "A storage layer that changes content and sizes, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
