/* SPDX-License-Identifier: MIT
 * Sealing and opening in memory.
 */
#include "sealing.h"

#include <string.h>

/* ---- a writer into memory ---- */

typedef struct MemoryWriter
{
  SatchelWriter writer;
  GByteArray *to;
} MemoryWriter;

static gboolean
memory_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  g_byte_array_append (((MemoryWriter *) writer)->to, data, (guint) len);
  return TRUE;
}

static gboolean
memory_finish (SatchelWriter *writer, GError **error)
{
  return TRUE;
}

static void
memory_free (SatchelWriter *writer)
{
  g_free (writer);
}

static SatchelWriter *
memory_writer (GByteArray *to)
{
  static const SatchelWriterOps ops = {
    .size = sizeof (SatchelWriterOps), .write = memory_write, .finish = memory_finish, .free = memory_free
  };
  MemoryWriter *writer = g_new0 (MemoryWriter, 1);
  writer->writer.ops = &ops;
  writer->to = to;
  return &writer->writer;
}

/* ---- */

CryptKeys *
keys_of (guint8 seed)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  memset (bytes, seed, sizeof bytes);
  g_autoptr (GBytes) secret = satchel_secret_new (bytes, sizeof bytes);
  return crypt_keys_new (secret);
}

typedef struct Attributes
{
  GBytes *clear, **ret;
} Attributes;

static void
seal_attributes (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], gpointer data)
{
  const Attributes *attributes = data;
  if (attributes->clear != NULL)
    *attributes->ret = crypt_attributes_seal (attributes->clear, header, key);
}

SealingWay sealing_way = { CRYPT_SUITE_CHACHA, FALSE };

static void
make_header (const CryptPublic *half, CryptHeader *header, guint8 key[CRYPT_KEY_BYTES])
{
  CryptShared shared = { .key = NULL };
  if (!sealing_way.is_shared)
    {
      crypt_header_make (header, sealing_way.suite, half, key);
      return;
    }
  crypt_shared_make (&shared, half);
  crypt_header_make_shared (header, sealing_way.suite, &shared.box, g_bytes_get_data (shared.key, NULL), key);
  crypt_shared_clear (&shared);
}

static void
write_pieces (SatchelWriter *writer, const guint8 *data, gsize len, gsize piece)
{
  for (gsize at = 0; at < len; at += piece)
    g_assert_true (satchel_writer_write (writer, data + at, MIN (piece, len - at), NULL));
  g_assert_true (satchel_writer_finish (writer, NULL));
  satchel_writer_free (writer);
}

GByteArray *
seal_bytes (const CryptKeys *keys, const guint8 *data, gsize len, gsize piece, GBytes *attributes,
            GBytes **ret_attributes)
{
  GByteArray *sealed = g_byte_array_new ();
  Attributes with = { attributes, ret_attributes };
  CryptHeader header;
  guint8 key[CRYPT_KEY_BYTES];
  make_header (&crypt_keys_first (keys)->half, &header, key);
  SatchelWriter *writer =
      crypt_writer_new_sealing (memory_writer (sealed), &header, key, seal_attributes, &with, NULL);
  write_pieces (writer, data, len, piece);
  g_assert_cmpuint (sealed->len, ==, crypt_sealed_size (len));
  return sealed;
}

GByteArray *
pass_bytes (const guint8 *data, gsize len, gsize piece)
{
  GByteArray *passed = g_byte_array_new ();
  write_pieces (crypt_writer_new_plain (memory_writer (passed)), data, len, piece);
  return passed;
}

SatchelStream *
open_bytes (const GByteArray *sealed, const CryptKeys *keys, const guint8 *message_id, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (sealed->data, sealed->len);
  g_autoptr (SatchelStream) below = satchel_stream_new_bytes (bytes);
  CryptKnown known = { .has_key = FALSE };
  if (message_id != NULL)
    memcpy (known.message_id, message_id, sizeof known.message_id);
  return crypt_reader_new (below, keys, message_id != NULL ? &known : NULL, error);
}

GByteArray *
read_whole (SatchelStream *stream, gsize piece, GError **error)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_autofree guint8 *buffer = g_malloc (piece);
  if (satchel_stream_length (stream, error) < 0)
    return NULL;
  for (gssize n = 1; n > 0;)
    {
      n = satchel_stream_read_at (stream, all->len, buffer, piece, error);
      if (n < 0)
        return NULL;
      g_byte_array_append (all, buffer, (guint) n);
    }
  return g_steal_pointer (&all);
}

GByteArray *
open_whole (const GByteArray *sealed, const CryptKeys *keys, GError **error)
{
  g_autoptr (SatchelStream) stream = open_bytes (sealed, keys, NULL, error);
  return stream != NULL ? read_whole (stream, 100000, error) : NULL;
}
