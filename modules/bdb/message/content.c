/* SPDX-License-Identifier: MIT
 * This file writes and reads contents.
 */
#include "config.h"

#include "message/content.h"

#include <string.h>

gboolean
bdb_content_put_piece (BdbStore *store, BdbWrite *write, guint64 content, guint32 piece, const void *data,
                       gsize len, GError **error)
{
  BdbKey key;
  bdb_key_piece (&key, store->user, content, piece);
  return bdb_put (write, BDB_CONTENT, &key, data, len, error);
}

gboolean
bdb_content_put_attributes (BdbStore *store, BdbWrite *write, guint64 content, GBytes *attributes,
                            GError **error)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (attributes, &len);
  return bdb_content_put_piece (store, write, content, 0, data, len, error);
}

GBytes *
bdb_content_get_attributes (BdbStore *store, guint64 content, GError **error)
{
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  bdb_key_piece (&key, store->user, content, 0);
  if (!bdb_get (store->volume, NULL, BDB_CONTENT, &key, value, &is_found, error) || !is_found)
    return NULL;
  return g_byte_array_free_to_bytes (g_steal_pointer (&value));
}

/* ---- streams ---- */

/* The store may be closed before the stream; then only the volume keeps the content, which is not removed
 * before somebody opens the store again. */
typedef struct ContentStream
{
  SatchelStream stream;
  BdbVolume *volume;
  BdbPins *pins;
  guint32 user;
  guint64 content, length;
  guint32 piece; /* that is in `buffer`; 0: none */
  GByteArray *buffer;
} ContentStream;

static gboolean
load_piece (ContentStream *stream, guint32 piece, GError **error)
{
  BdbKey key;
  gboolean is_found;
  if (stream->piece == piece)
    return TRUE;
  guint64 rest = stream->length - (guint64) (piece - 1) * BDB_PIECE_BYTES;
  guint expected = (guint) MIN (rest, BDB_PIECE_BYTES);
  stream->piece = 0;
  bdb_key_piece (&key, stream->user, stream->content, piece);
  if (!bdb_get_part (stream->volume, NULL, BDB_CONTENT, &key, 0, expected, stream->buffer, &is_found, error))
    return FALSE;
  if (!is_found || stream->buffer->len != expected)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "piece %u of content %" G_GUINT64_FORMAT " of user number %u is missing", piece,
                              stream->content, stream->user);
  stream->piece = piece;
  return TRUE;
}

static gssize
stream_read_at (SatchelStream *base, guint64 offset, void *buffer, gsize len, GError **error)
{
  ContentStream *stream = (ContentStream *) base;
  gsize done = 0;
  while (done < len && offset < stream->length)
    {
      if (!load_piece (stream, (guint32) (offset / BDB_PIECE_BYTES) + 1, error))
        return -1;
      gsize at = offset % BDB_PIECE_BYTES, n = MIN (len - done, stream->buffer->len - at);
      memcpy ((guint8 *) buffer + done, stream->buffer->data + at, n);
      done += n;
      offset += n;
    }
  return (gssize) done;
}

static gint64
stream_length (SatchelStream *base, GError **error)
{
  return (gint64) ((ContentStream *) base)->length;
}

static void
stream_free (SatchelStream *base)
{
  ContentStream *stream = (ContentStream *) base;
  bdb_pins_remove (stream->pins, stream->content);
  bdb_pins_unref (stream->pins);
  bdb_volume_unref (stream->volume);
  g_byte_array_unref (stream->buffer);
  g_free (stream);
}

SatchelStream *
bdb_content_open (BdbStore *store, guint64 content, guint64 length, GError **error)
{
  static const SatchelStreamOps ops = {
    .size = sizeof ops, .read_at = stream_read_at, .length = stream_length, .free = stream_free
  };
  ContentStream *stream = g_new0 (ContentStream, 1);
  satchel_stream_init (&stream->stream, &ops);
  stream->volume = bdb_volume_ref (store->volume);
  stream->pins = bdb_pins_ref (store->pins);
  bdb_pins_add (stream->pins, content);
  stream->user = store->user;
  stream->content = content;
  stream->length = length;
  stream->buffer = g_byte_array_new ();
  /* Read now, so that a content that is damaged is refused before its size was told. */
  if (length == 0 || load_piece (stream, 1, error))
    return &stream->stream;
  satchel_stream_unref (&stream->stream);
  return NULL;
}
