/* SPDX-License-Identifier: MIT
 * Content on its way into storage.  The writer that seals holds one chunk, and knows of each whether it is
 * the last one only when more has come or the content ends.
 */
#include "writer.h"
#include "chunk.h"

#include <sodium.h>
#include <string.h>

#define FIRST_ROOM 4096u

/* ---- sealing ---- */

typedef struct SealingWriter
{
  SatchelWriter writer;
  SatchelWriter *below;
  CryptHeader header;
  guint8 key[CRYPT_KEY_BYTES];
  guint32 n_chunks; /* that have been written */
  /* The header, then what came of the present chunk, which is sealed in its place, then room for a tag: so
   * the header and the first chunk are written together. */
  guint8 *buffer;
  gsize len, room;       /* of the chunk */
  CryptSealedFunc ended; /* with `data` */
  gpointer data;
  GDestroyNotify data_free; /* or NULL */
} SealingWriter;

/* Makes room for @len bytes of the chunk; what is moved leaves nothing behind. */
static void
make_room (SealingWriter *self, gsize len)
{
  if (len <= self->room)
    return;
  gsize room = MIN (MAX (self->room == 0 ? len : 2 * len, FIRST_ROOM), CRYPT_CHUNK_BYTES);
  guint8 *buffer = g_malloc (CRYPT_HEADER_BYTES + room + CRYPT_TAG_BYTES);
  memcpy (buffer, self->header.bytes, CRYPT_HEADER_BYTES);
  if (self->len > 0)
    {
      memcpy (buffer + CRYPT_HEADER_BYTES, self->buffer + CRYPT_HEADER_BYTES, self->len);
      sodium_memzero (self->buffer + CRYPT_HEADER_BYTES, self->len);
    }
  g_free (self->buffer);
  self->buffer = buffer;
  self->room = room;
}

static gboolean
put_chunk (SealingWriter *self, gboolean is_last, GError **error)
{
  guint8 *chunk = self->buffer + CRYPT_HEADER_BYTES;
  const gsize len = self->len + CRYPT_TAG_BYTES, before = self->n_chunks == 0 ? CRYPT_HEADER_BYTES : 0;
  if (self->n_chunks == G_MAXUINT32)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the message is too long to be sealed");
  if (!crypt_chunk_seal (&self->header, self->key, self->n_chunks, is_last, chunk, self->len, chunk))
    return satchel_error_set (error, SATCHEL_ERROR_IO, "the message cannot be sealed");
  self->n_chunks++;
  self->len = 0;
  return satchel_writer_write (self->below, chunk - before, before + len, error);
}

static gboolean
sealing_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  SealingWriter *self = (SealingWriter *) writer;
  for (const guint8 *at = data; len > 0;)
    {
      if (self->len == CRYPT_CHUNK_BYTES && !put_chunk (self, FALSE, error))
        return FALSE;
      gsize n = MIN (len, CRYPT_CHUNK_BYTES - self->len);
      make_room (self, self->len + n);
      memcpy (self->buffer + CRYPT_HEADER_BYTES + self->len, at, n);
      self->len += n;
      at += n;
      len -= n;
    }
  return TRUE;
}

static gboolean
sealing_finish (SatchelWriter *writer, GError **error)
{
  SealingWriter *self = (SealingWriter *) writer;
  make_room (self, 1);
  if (!put_chunk (self, TRUE, error))
    return FALSE;
  self->ended (&self->header, self->key, self->data);
  return satchel_writer_finish (self->below, error);
}

static void
sealing_free (SatchelWriter *writer)
{
  SealingWriter *self = (SealingWriter *) writer;
  satchel_writer_free (self->below);
  sodium_memzero (self->key, sizeof self->key);
  if (self->data_free != NULL)
    self->data_free (self->data);
  if (self->len > 0)
    sodium_memzero (self->buffer + CRYPT_HEADER_BYTES, self->len);
  g_free (self->buffer);
  g_free (self);
}

SatchelWriter *
crypt_writer_new_sealing (SatchelWriter *below, const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES],
                          CryptSealedFunc ended, gpointer data, GDestroyNotify data_free)
{
  static const SatchelWriterOps ops = {
    .size = sizeof (SatchelWriterOps),
    .write = sealing_write,
    .finish = sealing_finish,
    .free = sealing_free,
  };
  SealingWriter *self = g_new0 (SealingWriter, 1);
  self->writer.ops = &ops;
  self->below = below;
  self->header = *header;
  memcpy (self->key, key, sizeof self->key);
  self->ended = ended;
  self->data = data;
  self->data_free = data_free;
  return &self->writer;
}

/* ---- not sealing ---- */

typedef struct PlainWriter
{
  SatchelWriter writer;
  SatchelWriter *below;
  guint8 head[CRYPT_MAGIC_BYTES]; /* what has come of the first bytes */
  gsize n_head;
  gboolean is_past_head;
} PlainWriter;

/* Writes the first bytes, once they or the end of the content have come. */
static gboolean
put_head (PlainWriter *self, GError **error)
{
  CryptHeader header;
  self->is_past_head = TRUE;
  crypt_header_make_plain (&header);
  if (self->n_head == CRYPT_MAGIC_BYTES && memcmp (self->head, crypt_magic, CRYPT_MAGIC_BYTES) == 0
      && !satchel_writer_write (self->below, header.bytes, CRYPT_PLAIN_HEADER_BYTES, error))
    return FALSE;
  return self->n_head == 0 || satchel_writer_write (self->below, self->head, self->n_head, error);
}

static gboolean
plain_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  PlainWriter *self = (PlainWriter *) writer;
  const guint8 *at = data;
  if (!self->is_past_head)
    {
      gsize n = MIN (len, CRYPT_MAGIC_BYTES - self->n_head);
      memcpy (self->head + self->n_head, at, n);
      self->n_head += n;
      at += n;
      len -= n;
      if (self->n_head == CRYPT_MAGIC_BYTES && !put_head (self, error))
        return FALSE;
    }
  return len == 0 || satchel_writer_write (self->below, at, len, error);
}

static gboolean
plain_finish (SatchelWriter *writer, GError **error)
{
  PlainWriter *self = (PlainWriter *) writer;
  return (self->is_past_head || put_head (self, error)) && satchel_writer_finish (self->below, error);
}

static void
plain_free (SatchelWriter *writer)
{
  satchel_writer_free (((PlainWriter *) writer)->below);
  g_free (writer);
}

SatchelWriter *
crypt_writer_new_plain (SatchelWriter *below)
{
  static const SatchelWriterOps ops = {
    .size = sizeof (SatchelWriterOps),
    .write = plain_write,
    .finish = plain_finish,
    .free = plain_free,
  };
  PlainWriter *self = g_new0 (PlainWriter, 1);
  self->writer.ops = &ops;
  self->below = below;
  return &self->writer;
}
