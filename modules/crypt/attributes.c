/* SPDX-License-Identifier: MIT
 * Sealed attributes.
 */
#include "attributes.h"

#include <sodium.h>
#include <string.h>

#define VERSION 1u
#define BLOCK_BYTES 256u /* lengths are a multiple of it, so that they say little */
#define PAD 0x80u        /* begins the padding (ISO/IEC 7816-4) */
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define MESSAGE_KEY_FOR "satcratt"
#define MESSAGE_KEY 1u

/* How they are sealed. */
enum
{
  BY_MESSAGE = 1,    /* with a key that follows from the message's, whose box they have */
  BY_USER = 2,       /* with the user's index key, behind the message's key, which this way needs no box */
  BY_ONE_OF_MANY = 3 /* as BY_MESSAGE; the box has a key of many messages */
};

/* Where things are. */
enum
{
  AT_VERSION = 8,
  AT_FORM = 9,
  AT_ZERO = 10,
  AT_KEY_ID = 16,
  AT_MESSAGE_ID = 32,
  AT_REST = 48, /* BY_MESSAGE: the box; BY_USER: the nonce; then what is sealed */
  BY_MESSAGE_BYTES = AT_REST + CRYPT_BOX_BYTES,
  BY_USER_BYTES = AT_REST + NONCE_BYTES
};
G_STATIC_ASSERT (sizeof MESSAGE_KEY_FOR == crypto_kdf_CONTEXTBYTES + 1);

static const guint8 magic[CRYPT_MAGIC_BYTES] = { 0x89, 'S', 'A', 'T', 'C', 'R', 'A', '\n' };

static void
begin (guint8 *head, guint8 form, const guint8 *key_id, const guint8 *message_id)
{
  memset (head, 0, AT_REST);
  memcpy (head, magic, sizeof magic);
  head[AT_VERSION] = VERSION;
  head[AT_FORM] = form;
  memcpy (head + AT_KEY_ID, key_id, CRYPT_KEY_ID_BYTES);
  memcpy (head + AT_MESSAGE_ID, message_id, CRYPT_MESSAGE_ID_BYTES);
}

/* Pads what is in @bytes, where there is room for a block more.  Returns its length then. */
static gsize
pad (guint8 *bytes, gsize len)
{
  const gsize padded = (len / BLOCK_BYTES + 1) * BLOCK_BYTES;
  memset (bytes + len, 0, padded - len);
  bytes[len] = PAD;
  return padded;
}

/* Finds the length without padding.  FALSE: there is none.  The padding was verified with all else, so the
 * time that this takes tells nobody anything. */
static gboolean
unpad (const guint8 *bytes, gsize len, gsize *ret_len)
{
  gsize end = len;
  while (end > 0 && bytes[end - 1] == 0)
    end--;
  if (len % BLOCK_BYTES != 0 || end == 0 || bytes[end - 1] != PAD || len - end >= BLOCK_BYTES)
    return FALSE;
  *ret_len = end - 1;
  return TRUE;
}

/* Seals @message_key, unless it is NULL, and @attributes behind @head, which is their associated data. */
static GBytes *
seal (GBytes *attributes, const guint8 *message_key, const guint8 *head, gsize head_len,
      const guint8 nonce[NONCE_BYTES], const guint8 key[CRYPT_KEY_BYTES])
{
  gsize len, first = message_key != NULL ? CRYPT_KEY_BYTES : 0;
  const guint8 *data = g_bytes_get_data (attributes, &len);
  gsize room = ((first + len) / BLOCK_BYTES + 1) * BLOCK_BYTES;
  guint8 *bytes = g_malloc (head_len + room + CRYPT_TAG_BYTES);
  memcpy (bytes, head, head_len);
  if (message_key != NULL)
    memcpy (bytes + head_len, message_key, first);
  if (len > 0)
    memcpy (bytes + head_len + first, data, len);
  const gsize padded = pad (bytes + head_len, first + len);
  crypto_aead_xchacha20poly1305_ietf_encrypt (bytes + head_len, NULL, bytes + head_len, padded, head,
                                              head_len, NULL, nonce, key);
  return g_bytes_new_take (bytes, head_len + padded + CRYPT_TAG_BYTES);
}

/* The key is for these attributes alone, so the nonce may be zero. */
static const guint8 no_nonce[NONCE_BYTES];

static void
derive (guint8 ret[CRYPT_KEY_BYTES], const guint8 message_key[CRYPT_KEY_BYTES])
{
  crypto_kdf_derive_from_key (ret, CRYPT_KEY_BYTES, MESSAGE_KEY, MESSAGE_KEY_FOR, message_key);
}

GBytes *
crypt_attributes_seal (GBytes *attributes, const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES])
{
  guint8 head[BY_MESSAGE_BYTES], own[CRYPT_KEY_BYTES];
  begin (head, header->bytes[CRYPT_AT_BOXED] == CRYPT_BOX_OF_MANY ? BY_ONE_OF_MANY : BY_MESSAGE,
         header->bytes + CRYPT_AT_KEY_ID, header->bytes + CRYPT_AT_MESSAGE_ID);
  memcpy (head + AT_REST, header->bytes + CRYPT_AT_BOX, CRYPT_BOX_BYTES);
  derive (own, key);
  GBytes *sealed = seal (attributes, NULL, head, sizeof head, no_nonce, own);
  sodium_memzero (own, sizeof own);
  return sealed;
}

GBytes *
crypt_attributes_seal_again (GBytes *attributes, const CryptKnown *known, const CryptKey *key)
{
  guint8 head[BY_USER_BYTES];
  begin (head, BY_USER, key->half.id, known->message_id);
  randombytes_buf (head + AT_REST, NONCE_BYTES);
  return seal (attributes, known->key, head, sizeof head, head + AT_REST,
               g_bytes_get_data (key->index_key, NULL));
}

gboolean
crypt_attributes_is_sealed (GBytes *stored, const guint8 **ret_message_id)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (stored, &len);
  if (len < AT_REST || memcmp (data, magic, sizeof magic) != 0)
    return FALSE;
  if (ret_message_id != NULL)
    *ret_message_id = data + AT_MESSAGE_ID;
  return TRUE;
}

const guint8 *
crypt_attributes_key_id (GBytes *stored)
{
  return (const guint8 *) g_bytes_get_data (stored, NULL) + AT_KEY_ID;
}

gboolean
crypt_attributes_is_slow (GBytes *stored)
{
  const guint8 *data = g_bytes_get_data (stored, NULL);
  return data[AT_FORM] != BY_USER;
}

static GBytes *
refuse (GError **error)
{
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the sealed attributes have been changed or damaged");
  return NULL;
}

/* Opens what is behind the head. */
static GBytes *
open_behind (const guint8 *data, gsize len, gsize head_len, const guint8 *nonce,
             const guint8 key[CRYPT_KEY_BYTES], GError **error)
{
  unsigned long long n;
  gsize clear_len;
  if (len < head_len + CRYPT_TAG_BYTES)
    return refuse (error);
  guint8 *clear = g_malloc (len - head_len);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt (clear, &n, NULL, data + head_len, len - head_len, data,
                                                  head_len, nonce, key)
          != 0
      || !unpad (clear, (gsize) n, &clear_len))
    {
      g_free (clear);
      return refuse (error);
    }
  return g_bytes_new_take (clear, clear_len);
}

static GBytes *
open_by_message (const guint8 *data, gsize len, const CryptKey *key, guint8 ret_message_key[CRYPT_KEY_BYTES],
                 GError **error)
{
  guint8 own[CRYPT_KEY_BYTES];
  if (len < BY_MESSAGE_BYTES)
    return refuse (error);
  if (!crypt_box_open (data + AT_REST, data[AT_FORM] == BY_MESSAGE ? CRYPT_BOX_OF_MESSAGE : CRYPT_BOX_OF_MANY,
                       data + AT_MESSAGE_ID, key, ret_message_key, error))
    return NULL;
  derive (own, ret_message_key);
  GBytes *clear = open_behind (data, len, BY_MESSAGE_BYTES, no_nonce, own, error);
  sodium_memzero (own, sizeof own);
  return clear;
}

static GBytes *
open_by_user (const guint8 *data, gsize len, const CryptKey *key, guint8 ret_message_key[CRYPT_KEY_BYTES],
              GError **error)
{
  if (len < BY_USER_BYTES)
    return refuse (error);
  g_autoptr (GBytes) clear =
      open_behind (data, len, BY_USER_BYTES, data + AT_REST, g_bytes_get_data (key->index_key, NULL), error);
  if (clear == NULL)
    return NULL;
  gsize n;
  guint8 *both = g_bytes_unref_to_data (g_steal_pointer (&clear), &n);
  if (n < CRYPT_KEY_BYTES)
    {
      g_free (both);
      return refuse (error);
    }
  /* Attributes are kept for longer than the key may be. */
  memcpy (ret_message_key, both, CRYPT_KEY_BYTES);
  memmove (both, both + CRYPT_KEY_BYTES, n - CRYPT_KEY_BYTES);
  sodium_memzero (both + n - CRYPT_KEY_BYTES, CRYPT_KEY_BYTES);
  return g_bytes_new_take (both, n - CRYPT_KEY_BYTES);
}

GBytes *
crypt_attributes_open (GBytes *stored, const CryptKeys *keys, CryptKnown *ret_known, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (stored, &len);
  const CryptKey *key = crypt_keys_find (keys, data + AT_KEY_ID);
  if (key == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_LOCKED,
                         "the attributes are sealed, and the key that opens them is not here");
      return NULL;
    }
  memcpy (ret_known->message_id, data + AT_MESSAGE_ID, CRYPT_MESSAGE_ID_BYTES);
  ret_known->has_key = TRUE;
  if (data[AT_VERSION] == VERSION && (data[AT_FORM] == BY_MESSAGE || data[AT_FORM] == BY_ONE_OF_MANY))
    return open_by_message (data, len, key, ret_known->key, error);
  if (data[AT_VERSION] == VERSION && data[AT_FORM] == BY_USER)
    return open_by_user (data, len, key, ret_known->key, error);
  return refuse (error);
}
