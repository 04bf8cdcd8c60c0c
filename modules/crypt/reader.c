/* SPDX-License-Identifier: MIT
 * Content on its way out of storage.
 */
#include "reader.h"
#include "chunk.h"

#include <sodium.h>
#include <string.h>

/* The first read takes the header, and a small message whole that is not in memory. */
#define FIRST_BYTES 8192u

typedef struct First
{
  gsize len;
  guint8 bytes[FIRST_BYTES];
} First;

/* ---- sealed ---- */

typedef struct Reader
{
  SatchelStream stream;
  SatchelStream *below;
  GBytes *stored; /* all of `below`, borrowed, where that is in memory; or NULL */
  CryptHeader header;
  guint8 key[CRYPT_KEY_BYTES];
  guint64 length;      /* of what is in it */
  guint8 *buffer;      /* has one chunk; NULL until it is needed */
  gsize room;          /* of `buffer` */
  gboolean has;        /* the buffer has the chunk `index`, opened */
  gboolean is_at_hand; /* the buffer has the only chunk, as it is stored */
  guint32 index;
} Reader;

static guint32
last_chunk (const Reader *self)
{
  return self->length == 0 ? 0 : (guint32) ((self->length - 1) / CRYPT_CHUNK_BYTES);
}

static gsize
chunk_length (const Reader *self, guint32 index)
{
  return (gsize) MIN (self->length - (guint64) index * CRYPT_CHUNK_BYTES, CRYPT_CHUNK_BYTES);
}

/* Reads all @len bytes at @offset. */
static gboolean
read_all (SatchelStream *below, guint64 offset, guint8 *buffer, gsize len, GError **error)
{
  for (gsize done = 0; done < len;)
    {
      gssize n = satchel_stream_read_at (below, offset + done, buffer + done, len - done, error);
      if (n < 0)
        return FALSE;
      if (n == 0)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the sealed message is cut off");
      done += (gsize) n;
    }
  return TRUE;
}

static void
make_room (Reader *self)
{
  if (self->buffer != NULL)
    return;
  self->room = (gsize) MIN (self->length, CRYPT_CHUNK_BYTES) + CRYPT_TAG_BYTES;
  self->buffer = g_malloc (self->room);
}

/* Finds a chunk as it is stored, in memory or by reading it; NULL with @error. */
static const guint8 *
fetch_chunk (Reader *self, guint32 index, gsize len, GError **error)
{
  const guint64 offset = CRYPT_HEADER_BYTES + (guint64) index * CRYPT_SEALED_CHUNK_BYTES;
  if (self->stored != NULL)
    return (const guint8 *) g_bytes_get_data (self->stored, NULL) + offset;
  if (!self->is_at_hand)
    {
      make_room (self);
      if (!read_all (self->below, offset, self->buffer, len, error))
        return NULL;
    }
  self->is_at_hand = FALSE;
  return self->buffer;
}

/* Opens a chunk to @ret, or (NULL) to the buffer. */
static gboolean
open_chunk (Reader *self, guint32 index, guint8 *ret, GError **error)
{
  gsize len = chunk_length (self, index) + CRYPT_TAG_BYTES;
  self->has = FALSE;
  const guint8 *sealed = fetch_chunk (self, index, len, error);
  if (sealed == NULL)
    return FALSE;
  if (ret == NULL)
    make_room (self);
  if (crypt_chunk_open (&self->header, self->key, index, index == last_chunk (self), sealed, len,
                        ret != NULL ? ret : self->buffer))
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                            "the sealed message has been changed or damaged in the %u. piece of %u KiB",
                            index + 1, CRYPT_CHUNK_BYTES / 1024);
}

static gboolean
load_chunk (Reader *self, guint32 index, GError **error)
{
  if (self->has && self->index == index)
    return TRUE;
  if (!open_chunk (self, index, NULL, error))
    return FALSE;
  self->index = index;
  self->has = TRUE;
  return TRUE;
}

/* A chunk that is read whole is opened where it is wanted. */
static gssize
reader_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  Reader *self = (Reader *) stream;
  gsize done = 0;
  if (offset >= self->length)
    return 0;
  len = (gsize) MIN (len, self->length - offset);
  while (done < len)
    {
      guint32 index = (guint32) ((offset + done) / CRYPT_CHUNK_BYTES);
      gsize at = (gsize) ((offset + done) % CRYPT_CHUNK_BYTES), whole = chunk_length (self, index);
      gsize n = MIN (len - done, whole - at);
      guint8 *to = (guint8 *) buffer + done;
      const gboolean is_direct = n == whole && !(self->has && self->index == index);
      if (!(is_direct ? open_chunk (self, index, to, error) : load_chunk (self, index, error)))
        return -1;
      if (!is_direct)
        memcpy (to, self->buffer + at, n);
      done += n;
    }
  return (gssize) done;
}

/* An empty message is one chunk without content, which is verified here, since nobody reads it. */
static gint64
reader_length (SatchelStream *stream, GError **error)
{
  Reader *self = (Reader *) stream;
  if (self->length == 0 && !load_chunk (self, 0, error))
    return -1;
  return (gint64) self->length;
}

static void
reader_free (SatchelStream *stream)
{
  Reader *self = (Reader *) stream;
  satchel_stream_unref (self->below);
  sodium_memzero (self->key, sizeof self->key);
  if (self->has)
    sodium_memzero (self->buffer, self->room);
  g_free (self->buffer);
  g_free (self);
}

static gboolean
open_key (const CryptHeader *header, const CryptKeys *keys, const CryptKnown *known,
          guint8 ret_key[CRYPT_KEY_BYTES], GError **error)
{
  const CryptKey *key = crypt_keys_find (keys, header->bytes + CRYPT_AT_KEY_ID);
  if (key == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_LOCKED,
                              "the message is sealed, and the key that opens it is not here");
  if (known == NULL || !known->has_key)
    return crypt_header_open (header, key, ret_key, error);
  memcpy (ret_key, known->key, CRYPT_KEY_BYTES);
  return TRUE;
}

static const SatchelStreamOps reader_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = reader_read_at,
  .length = reader_length,
  .free = reader_free,
};

gboolean
crypt_reader_tell (SatchelStream *stream, CryptKnown *ret_known)
{
  const Reader *self = (const Reader *) stream;
  if (stream->ops != &reader_ops)
    return FALSE;
  memcpy (ret_known->message_id, self->header.bytes + CRYPT_AT_MESSAGE_ID, CRYPT_MESSAGE_ID_BYTES);
  memcpy (ret_known->key, self->key, CRYPT_KEY_BYTES);
  ret_known->has_key = TRUE;
  return TRUE;
}

/* Keeps what was read with the header, if it is all of the message. */
static void
keep_first (Reader *self, const First *first)
{
  gsize len = (gsize) MIN (self->length, FIRST_BYTES) + CRYPT_TAG_BYTES;
  if (self->stored != NULL || first->len != CRYPT_HEADER_BYTES + len)
    return;
  make_room (self);
  memcpy (self->buffer, first->bytes + CRYPT_HEADER_BYTES, len);
  self->is_at_hand = TRUE;
}

static SatchelStream *
open_sealed (SatchelStream *below, const First *first, const CryptHeader *header, const CryptKeys *keys,
             const CryptKnown *known, GError **error)
{
  gint64 sealed = satchel_stream_length (below, error);
  gint64 length = sealed < 0 ? -1 : crypt_clear_size ((guint64) sealed);
  if (sealed >= 0 && length < 0)
    satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the sealed message is cut off, or has grown");
  if (length < 0)
    return NULL;
  Reader *self = g_new0 (Reader, 1);
  satchel_stream_init (&self->stream, &reader_ops);
  self->below = satchel_stream_ref (below);
  self->stored = satchel_stream_bytes (below);
  self->header = *header;
  self->length = (guint64) length;
  keep_first (self, first);
  if (open_key (header, keys, known, self->key, error))
    return &self->stream;
  satchel_stream_unref (&self->stream);
  return NULL;
}

/* ---- with a header, and not sealed ---- */

typedef struct Behind
{
  SatchelStream stream;
  SatchelStream *below;
} Behind;

static gssize
behind_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  if (offset > G_MAXINT64 - CRYPT_PLAIN_HEADER_BYTES)
    return 0;
  return satchel_stream_read_at (((Behind *) stream)->below, offset + CRYPT_PLAIN_HEADER_BYTES, buffer, len,
                                 error);
}

static gint64
behind_length (SatchelStream *stream, GError **error)
{
  gint64 length = satchel_stream_length (((Behind *) stream)->below, error);
  return length < 0 ? -1 : length - (gint64) CRYPT_PLAIN_HEADER_BYTES;
}

static void
behind_free (SatchelStream *stream)
{
  satchel_stream_unref (((Behind *) stream)->below);
  g_free (stream);
}

static SatchelStream *
open_behind (SatchelStream *below)
{
  static const SatchelStreamOps ops = {
    .size = sizeof (SatchelStreamOps),
    .read_at = behind_read_at,
    .length = behind_length,
    .free = behind_free,
  };
  Behind *self = g_new0 (Behind, 1);
  satchel_stream_init (&self->stream, &ops);
  self->below = satchel_stream_ref (below);
  return &self->stream;
}

/* ---- either ---- */

static SatchelStream *
refuse (GError **error, const char *what)
{
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s", what);
  return NULL;
}

/* Reads the header, or as much of it as there is, and what comes with it. */
static gboolean
read_first (SatchelStream *below, First *first, GError **error)
{
  gssize n = 1;
  const gsize most = satchel_stream_bytes (below) != NULL ? CRYPT_HEADER_BYTES : FIRST_BYTES;
  first->len = 0;
  while (first->len < CRYPT_HEADER_BYTES && n > 0)
    {
      n = satchel_stream_read_at (below, first->len, first->bytes + first->len, most - first->len, error);
      first->len += n > 0 ? (gsize) n : 0;
    }
  return n >= 0;
}

SatchelStream *
crypt_reader_new (SatchelStream *sealed, const CryptKeys *keys, const CryptKnown *known, GError **error)
{
  First first;
  CryptHeader header;
  if (!read_first (sealed, &first, error))
    return NULL;
  CryptFound found =
      crypt_header_read (&header, first.bytes, MIN (first.len, CRYPT_HEADER_BYTES), keys, error);
  if (found == CRYPT_FOUND_DAMAGE)
    return NULL;
  gboolean is_sealed = found == CRYPT_FOUND_HEADER && crypt_header_is_sealed (&header);
  if (known != NULL && !is_sealed)
    return refuse (error, "the message was sealed, and something else is in its place");
  if (known != NULL
      && memcmp (header.bytes + CRYPT_AT_MESSAGE_ID, known->message_id, CRYPT_MESSAGE_ID_BYTES) != 0)
    return refuse (error, "another sealed message is in the place of this one");
  if (is_sealed)
    return open_sealed (sealed, &first, &header, keys, known, error);
  return found == CRYPT_FOUND_HEADER ? open_behind (sealed) : satchel_stream_ref (sealed);
}

gssize
crypt_head_read (SatchelStream *stored, guint8 head[CRYPT_HEADER_BYTES], GError **error)
{
  gsize len = 0;
  gssize n = 1;
  while (len < CRYPT_HEADER_BYTES && n > 0)
    {
      n = satchel_stream_read_at (stored, len, head + len, CRYPT_HEADER_BYTES - len, error);
      len += n > 0 ? (gsize) n : 0;
    }
  return n < 0 ? -1 : (gssize) len;
}
