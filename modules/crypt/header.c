/* SPDX-License-Identifier: MIT
 * The header of a sealed message.
 */
#include "header.h"

#include <sodium.h>
#include <string.h>

#define VERSION 1u

G_STATIC_ASSERT (CRYPT_AT_PREFIX + CRYPT_PREFIX_BYTES == CRYPT_AT_ZERO);
G_STATIC_ASSERT (CRYPT_AT_BOX + CRYPT_BOX_BYTES == CRYPT_HEADER_BYTES);
G_STATIC_ASSERT (CRYPT_BOX_BYTES == CRYPT_KEY_BYTES + crypto_box_SEALBYTES);

/* The LF without a CR says to a driver that stores LF for CRLF that these are no lines. */
const guint8 crypt_magic[CRYPT_MAGIC_BYTES] = { 0x89, 'S', 'A', 'T', 'C', 'R', 'Y', '\n' };

static void
begin (CryptHeader *header, CryptSuite suite)
{
  memset (header, 0, sizeof *header);
  header->suite = suite;
  memcpy (header->bytes, crypt_magic, sizeof crypt_magic);
  header->bytes[CRYPT_AT_VERSION] = VERSION;
  header->bytes[CRYPT_AT_SUITE] = (guint8) suite;
}

void
crypt_header_make (CryptHeader *header, const CryptPublic *half, guint8 ret_key[CRYPT_KEY_BYTES])
{
  /* Random bytes are a system call, so all are fetched at once. */
  guint8 random[CRYPT_PREFIX_BYTES + CRYPT_MESSAGE_ID_BYTES + CRYPT_KEY_BYTES];
  randombytes_buf (random, sizeof random);
  begin (header, CRYPT_SUITE_STREAM);
  header->bytes[CRYPT_AT_CHUNK_LOG2] = CRYPT_CHUNK_LOG2;
  memcpy (header->bytes + CRYPT_AT_PREFIX, random, CRYPT_PREFIX_BYTES);
  memcpy (header->bytes + CRYPT_AT_KEY_ID, half->id, CRYPT_KEY_ID_BYTES);
  memcpy (header->bytes + CRYPT_AT_MESSAGE_ID, random + CRYPT_PREFIX_BYTES, CRYPT_MESSAGE_ID_BYTES);
  memcpy (ret_key, random + CRYPT_PREFIX_BYTES + CRYPT_MESSAGE_ID_BYTES, CRYPT_KEY_BYTES);
  sodium_memzero (random, sizeof random);
  crypto_box_seal (header->bytes + CRYPT_AT_BOX, ret_key, CRYPT_KEY_BYTES, half->bytes);
}

void
crypt_header_make_plain (CryptHeader *header)
{
  begin (header, CRYPT_SUITE_PLAIN);
}

/* Says whether the bytes, which do not begin with the magic, are a header all the same. */
static gboolean
was_header (const guint8 *bytes, gsize len, const CryptKeys *keys)
{
  return len >= CRYPT_AT_KEY_ID + CRYPT_KEY_ID_BYTES
         && crypt_keys_find (keys, bytes + CRYPT_AT_KEY_ID) != NULL;
}

static gboolean
is_zero (const guint8 *bytes, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (bytes[i] != 0)
      return FALSE;
  return TRUE;
}

static CryptFound
damage (GError **error, const char *what)
{
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s", what);
  return CRYPT_FOUND_DAMAGE;
}

static CryptFound
read_plain (CryptHeader *header, const guint8 *bytes, GError **error)
{
  if (!is_zero (bytes + CRYPT_AT_CHUNK_LOG2, CRYPT_PLAIN_HEADER_BYTES - CRYPT_AT_CHUNK_LOG2))
    return damage (error, "the header of the message has been changed");
  begin (header, CRYPT_SUITE_PLAIN);
  return CRYPT_FOUND_HEADER;
}

static CryptFound
read_stream (CryptHeader *header, const guint8 *bytes, gsize len, GError **error)
{
  if (len < CRYPT_HEADER_BYTES)
    return damage (error, "the header of the sealed message is cut off");
  if (bytes[CRYPT_AT_CHUNK_LOG2] != CRYPT_CHUNK_LOG2
      || !is_zero (bytes + CRYPT_AT_ZERO, CRYPT_AT_KEY_ID - CRYPT_AT_ZERO))
    return damage (error, "the header of the sealed message has been changed");
  memcpy (header->bytes, bytes, CRYPT_HEADER_BYTES);
  header->suite = CRYPT_SUITE_STREAM;
  return CRYPT_FOUND_HEADER;
}

CryptFound
crypt_header_read (CryptHeader *header, const guint8 *bytes, gsize len, const CryptKeys *keys, GError **error)
{
  if (len < CRYPT_MAGIC_BYTES || memcmp (bytes, crypt_magic, CRYPT_MAGIC_BYTES) != 0)
    return was_header (bytes, len, keys)
               ? damage (error, "the first bytes of the sealed message have been changed")
               : CRYPT_FOUND_CLEAR;
  if (len < CRYPT_PLAIN_HEADER_BYTES)
    return damage (error, "the header of the message is cut off");
  if (bytes[CRYPT_AT_VERSION] == VERSION && bytes[CRYPT_AT_SUITE] == CRYPT_SUITE_PLAIN)
    return read_plain (header, bytes, error);
  if (bytes[CRYPT_AT_VERSION] == VERSION && bytes[CRYPT_AT_SUITE] == CRYPT_SUITE_STREAM)
    return read_stream (header, bytes, len, error);
  return damage (error, "the message is sealed in a way that this version does not know, or was changed");
}

gboolean
crypt_box_open (const guint8 box[CRYPT_BOX_BYTES], const CryptKey *key, guint8 ret_key[CRYPT_KEY_BYTES],
                GError **error)
{
  return crypto_box_seal_open (ret_key, box, CRYPT_BOX_BYTES, key->half.bytes,
                               g_bytes_get_data (key->secret, NULL))
             == 0
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "the message's key has been changed: the user's key does not open it");
}

guint64
crypt_sealed_size (guint64 size)
{
  guint64 n_chunks = size == 0 ? 1 : (size - 1) / CRYPT_CHUNK_BYTES + 1;
  return CRYPT_HEADER_BYTES + size + n_chunks * CRYPT_TAG_BYTES;
}

gint64
crypt_clear_size (guint64 sealed)
{
  if (sealed < CRYPT_HEADER_BYTES + CRYPT_TAG_BYTES || sealed > G_MAXINT64)
    return -1;
  guint64 body = sealed - CRYPT_HEADER_BYTES;
  guint64 n_chunks = (body - 1) / CRYPT_SEALED_CHUNK_BYTES + 1;
  guint64 last = body - (n_chunks - 1) * CRYPT_SEALED_CHUNK_BYTES;
  if (last < CRYPT_TAG_BYTES || (last == CRYPT_TAG_BYTES && n_chunks > 1) || n_chunks > G_MAXUINT32)
    return -1;
  return (gint64) (body - n_chunks * CRYPT_TAG_BYTES);
}
