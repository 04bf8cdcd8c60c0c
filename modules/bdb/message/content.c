/* SPDX-License-Identifier: MIT
 * This file writes and reads contents.
 */
#include "config.h"

#include "message/content.h"

#include <string.h>

#define ATTRIBUTES 0u
#define BODY 1u

static gboolean
put (BdbStore *store, BdbWrite *write, guint64 content, guint32 part, const void *data, gsize len,
     GError **error)
{
  BdbKey key;
  bdb_key_part (&key, store->user, content, part);
  return bdb_put (write, BDB_CONTENT, &key, data, len, error);
}

gboolean
bdb_content_put_body (BdbStore *store, BdbWrite *write, guint64 content, const void *data, gsize len,
                      GError **error)
{
  return put (store, write, content, BODY, data, len, error);
}

static void
key_of_record (BdbKey *key, guint32 user, guint64 content)
{
  bdb_key_begin (key, user, BDB_KIND_BODY);
  bdb_key_u64 (key, content);
}

gboolean
bdb_content_put_record (BdbStore *store, BdbWrite *write, guint64 content, const GByteArray *record,
                        GError **error)
{
  BdbKey key;
  key_of_record (&key, store->user, content);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

gboolean
bdb_content_put_attributes (BdbStore *store, BdbWrite *write, guint64 content, GBytes *attributes,
                            GError **error)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (attributes, &len);
  return put (store, write, content, ATTRIBUTES, data, len, error);
}

GBytes *
bdb_content_get_attributes (BdbStore *store, guint64 content, GByteArray *buffer, GError **error)
{
  BdbKey key;
  gboolean is_found;
  bdb_key_part (&key, store->user, content, ATTRIBUTES);
  if (!bdb_get (store->volume, NULL, BDB_CONTENT, &key, buffer, &is_found, error) || !is_found)
    return NULL;
  return g_bytes_new (buffer->data, buffer->len);
}

/* ---- streams ---- */

/* This reads a content.  The store may be closed before the stream; then the volume alone keeps the content,
 * which is not removed before the store is opened again. */
typedef struct ContentStream
{
  SatchelStream stream;
  BdbVolume *volume;
  BdbPins *pins;
  guint32 user;
  guint64 content, length;
  GByteArray *record; /* where a body lies in body files; NULL: it is short, and in `buffer` */
  guint64 piece;      /* number of the piece that `buffer` has */
  GByteArray *buffer; /* bytes of a piece; empty: none has been read */
} ContentStream;

static gboolean
fail_damaged (const ContentStream *stream, const char *what, GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                            "%s of content %" G_GUINT64_FORMAT " of user number %u is missing or damaged",
                            what, stream->content, stream->user);
}

static gboolean
load_short (ContentStream *stream, GError **error)
{
  BdbKey key;
  gboolean is_found;
  guint expected = (guint) stream->length;
  bdb_key_part (&key, stream->user, stream->content, BODY);
  if (!bdb_get_part (stream->volume, NULL, BDB_CONTENT, &key, 0, expected, stream->buffer, &is_found, error))
    return FALSE;
  return (is_found && stream->buffer->len == expected) || fail_damaged (stream, "the body", error);
}

static gboolean
load_record (ContentStream *stream, GError **error)
{
  BdbKey key;
  gboolean is_found;
  guint64 length;
  stream->record = g_byte_array_new ();
  key_of_record (&key, stream->user, stream->content);
  if (!bdb_get (stream->volume, NULL, BDB_RECORDS, &key, stream->record, &is_found, error))
    return FALSE;
  return (is_found && bdb_body_record_length (stream->record->data, stream->record->len, &length)
          && length == stream->length)
         || fail_damaged (stream, "the record", error);
}

static gboolean
load_piece (ContentStream *stream, guint64 number, GError **error)
{
  if (stream->buffer->len > 0 && stream->piece == number)
    return TRUE;
  BdbBodyPiece piece = bdb_body_record_piece (stream->record->data, stream->record->len, number);
  g_byte_array_set_size (stream->buffer, piece.length);
  gboolean ok =
      bdb_body_files_read (bdb_volume_bodies (stream->volume), piece.place, stream->buffer->data,
                           piece.length, error)
      && (bdb_body_piece_is_right (&piece, stream->buffer->data) || fail_damaged (stream, "a piece", error));
  g_byte_array_set_size (stream->buffer, ok ? piece.length : 0);
  stream->piece = number;
  return ok;
}

static gssize
stream_read_at (SatchelStream *base, guint64 offset, void *buffer, gsize len, GError **error)
{
  ContentStream *stream = (ContentStream *) base;
  gsize done = 0;
  while (done < len && offset < stream->length)
    {
      if (stream->record != NULL && !load_piece (stream, offset / BDB_BODY_PIECE_BYTES, error))
        return -1;
      gsize at = stream->record != NULL ? offset % BDB_BODY_PIECE_BYTES : offset;
      gsize n = MIN (len - done, stream->buffer->len - at);
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
  g_clear_pointer (&stream->record, g_byte_array_unref);
  g_free (stream);
}

/* Reads the first piece, so that a damaged body is refused before its size was announced. */
static gboolean
load_first (ContentStream *stream, GError **error)
{
  if (stream->length == 0)
    return TRUE;
  if (stream->length <= BDB_SHORT_BODY_BYTES)
    return load_short (stream, error);
  return load_record (stream, error) && load_piece (stream, 0, error);
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
  if (load_first (stream, error))
    return &stream->stream;
  satchel_stream_unref (&stream->stream);
  return NULL;
}
