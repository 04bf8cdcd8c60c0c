/* SPDX-License-Identifier: MIT
 * The header of a sealed message.
 */
#include "header.h"

#include <sodium.h>
#include <string.h>

#define VERSION 1u

#define FOLLOWS_FOR "satchel messages" /* in the derivation of a message's key from that of many */
G_STATIC_ASSERT (CRYPT_AT_PREFIX + CRYPT_PREFIX_BYTES == CRYPT_AT_BOXED);
G_STATIC_ASSERT (sizeof FOLLOWS_FOR == crypto_generichash_blake2b_PERSONALBYTES + 1);
G_STATIC_ASSERT (CRYPT_MESSAGE_ID_BYTES == crypto_generichash_blake2b_SALTBYTES);
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

CryptSuite crypt_suite_forced = CRYPT_SUITE_PLAIN;

CryptSuite
crypt_suite_here (void)
{
  if (crypt_suite_forced != CRYPT_SUITE_PLAIN)
    return crypt_suite_forced;
  return crypto_aead_aes256gcm_is_available () ? CRYPT_SUITE_AES : CRYPT_SUITE_CHACHA;
}

/* What is random in a header.  Random bytes are a system call, so all are fetched at once. */
typedef struct Random
{
  guint8 prefix[CRYPT_PREFIX_BYTES], message_id[CRYPT_MESSAGE_ID_BYTES], key[CRYPT_KEY_BYTES];
} Random;

static void
begin_sealed (CryptHeader *header, CryptSuite suite, const guint8 *key_id, const Random *random)
{
  begin (header, suite);
  header->bytes[CRYPT_AT_CHUNK_LOG2] = CRYPT_CHUNK_LOG2;
  memcpy (header->bytes + CRYPT_AT_PREFIX, random->prefix, CRYPT_PREFIX_BYTES);
  memcpy (header->bytes + CRYPT_AT_KEY_ID, key_id, CRYPT_KEY_ID_BYTES);
  memcpy (header->bytes + CRYPT_AT_MESSAGE_ID, random->message_id, CRYPT_MESSAGE_ID_BYTES);
}

void
crypt_header_make (CryptHeader *header, CryptSuite suite, const CryptPublic *half,
                   guint8 ret_key[CRYPT_KEY_BYTES])
{
  Random random;
  randombytes_buf (&random, sizeof random);
  begin_sealed (header, suite, half->id, &random);
  memcpy (ret_key, random.key, CRYPT_KEY_BYTES);
  sodium_memzero (&random, sizeof random);
  crypto_box_seal (header->bytes + CRYPT_AT_BOX, ret_key, CRYPT_KEY_BYTES, half->bytes);
}

/* Finds the key of a message from that of many.  Message ids are random, so no two messages have the same. */
static void
follow (const guint8 message_id[CRYPT_MESSAGE_ID_BYTES], const guint8 key[CRYPT_KEY_BYTES],
        guint8 ret_key[CRYPT_KEY_BYTES])
{
  crypto_generichash_blake2b_salt_personal (ret_key, CRYPT_KEY_BYTES, NULL, 0, key, CRYPT_KEY_BYTES,
                                            message_id, (const guint8 *) FOLLOWS_FOR);
}

void
crypt_header_make_shared (CryptHeader *header, CryptSuite suite, const CryptKeyBox *box,
                          const guint8 key[CRYPT_KEY_BYTES], guint8 ret_key[CRYPT_KEY_BYTES])
{
  Random random;
  randombytes_buf (&random, G_STRUCT_OFFSET (Random, key));
  begin_sealed (header, suite, box->key_id, &random);
  header->bytes[CRYPT_AT_BOXED] = CRYPT_BOX_OF_MANY;
  memcpy (header->bytes + CRYPT_AT_BOX, box->bytes, CRYPT_BOX_BYTES);
  follow (random.message_id, key, ret_key);
}

void
crypt_shared_make (CryptShared *shared, const CryptPublic *half)
{
  guint8 key[CRYPT_KEY_BYTES];
  crypt_shared_clear (shared);
  randombytes_buf (key, sizeof key);
  memcpy (shared->box.key_id, half->id, CRYPT_KEY_ID_BYTES);
  shared->key = satchel_secret_new (key, sizeof key);
  crypto_box_seal (shared->box.bytes, key, sizeof key, half->bytes);
  sodium_memzero (key, sizeof key);
}

void
crypt_shared_clear (CryptShared *shared)
{
  g_clear_pointer (&shared->key, g_bytes_unref);
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
  if (bytes[CRYPT_AT_CHUNK_LOG2] != CRYPT_CHUNK_LOG2 || bytes[CRYPT_AT_BOXED] > CRYPT_BOX_OF_MANY
      || !is_zero (bytes + CRYPT_AT_ZERO, CRYPT_AT_KEY_ID - CRYPT_AT_ZERO))
    return damage (error, "the header of the sealed message has been changed");
  memcpy (header->bytes, bytes, CRYPT_HEADER_BYTES);
  header->suite = (CryptSuite) bytes[CRYPT_AT_SUITE];
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
  if (bytes[CRYPT_AT_VERSION] == VERSION
      && (bytes[CRYPT_AT_SUITE] == CRYPT_SUITE_CHACHA || bytes[CRYPT_AT_SUITE] == CRYPT_SUITE_AES))
    return read_stream (header, bytes, len, error);
  return damage (error, "the message is sealed in a way that this version does not know, or was changed");
}

gboolean
crypt_box_open (const guint8 box[CRYPT_BOX_BYTES], CryptBoxed boxed,
                const guint8 message_id[CRYPT_MESSAGE_ID_BYTES], const CryptKey *key,
                guint8 ret_key[CRYPT_KEY_BYTES], GError **error)
{
  guint8 found[CRYPT_KEY_BYTES];
  if (crypto_box_seal_open (found, box, CRYPT_BOX_BYTES, key->half.bytes,
                            g_bytes_get_data (key->secret, NULL))
      != 0)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the message's key has been changed: the user's key does not open it");
  if (boxed == CRYPT_BOX_OF_MANY)
    follow (message_id, found, ret_key);
  else
    memcpy (ret_key, found, CRYPT_KEY_BYTES);
  sodium_memzero (found, sizeof found);
  return TRUE;
}

gboolean
crypt_header_is_sealed (const CryptHeader *header)
{
  return header->suite != CRYPT_SUITE_PLAIN;
}

gboolean
crypt_header_open (const CryptHeader *header, const CryptKey *key, guint8 ret_key[CRYPT_KEY_BYTES],
                   GError **error)
{
  return crypt_box_open (header->bytes + CRYPT_AT_BOX, (CryptBoxed) header->bytes[CRYPT_AT_BOXED],
                         header->bytes + CRYPT_AT_MESSAGE_ID, key, ret_key, error);
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
