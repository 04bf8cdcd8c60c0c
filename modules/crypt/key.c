/* SPDX-License-Identifier: MIT
 * The key pair of a user's mail, and what is derived of it.
 */
#include "key.h"

#include <sodium.h>
#include <string.h>

#define KEYS_MAX (SATCHEL_SECRET_BYTES_MAX / CRYPT_KEY_BYTES)
#define ID_KEY "satchel crypt key id"
#define DERIVED_FOR "satcrypt"
#define INDEX_KEY 1u

struct CryptKeys
{
  gatomicrefcount refs;
  guint n;
  CryptKey keys[];
};

G_STATIC_ASSERT (CRYPT_KEY_BYTES == crypto_box_PUBLICKEYBYTES && CRYPT_KEY_BYTES == crypto_box_SECRETKEYBYTES
                 && CRYPT_KEY_BYTES == crypto_kdf_KEYBYTES);
G_STATIC_ASSERT (sizeof DERIVED_FOR == crypto_kdf_CONTEXTBYTES + 1);

void
crypt_public_set (CryptPublic *half, const guint8 bytes[CRYPT_KEY_BYTES])
{
  memcpy (half->bytes, bytes, CRYPT_KEY_BYTES);
  crypto_generichash (half->id, CRYPT_KEY_ID_BYTES, bytes, CRYPT_KEY_BYTES, (const guint8 *) ID_KEY,
                      strlen (ID_KEY));
}

static gboolean
fill_key (CryptKey *key, const guint8 secret[CRYPT_KEY_BYTES])
{
  guint8 half[CRYPT_KEY_BYTES], index_key[CRYPT_KEY_BYTES];
  crypto_kdf_derive_from_key (index_key, sizeof index_key, INDEX_KEY, DERIVED_FOR, secret);
  key->secret = satchel_secret_new (secret, CRYPT_KEY_BYTES);
  key->index_key = satchel_secret_new (index_key, sizeof index_key);
  sodium_memzero (index_key, sizeof index_key);
  if (key->secret == NULL || key->index_key == NULL || crypto_scalarmult_base (half, secret) != 0)
    return FALSE;
  crypt_public_set (&key->half, half);
  return TRUE;
}

CryptKeys *
crypt_keys_new (GBytes *secret)
{
  gsize len = 0;
  const guint8 *bytes = secret != NULL ? g_bytes_get_data (secret, &len) : NULL;
  if (len == 0 || len % CRYPT_KEY_BYTES != 0 || len / CRYPT_KEY_BYTES > KEYS_MAX)
    return NULL;
  guint n = (guint) (len / CRYPT_KEY_BYTES);
  g_autoptr (CryptKeys) keys = g_malloc0 (sizeof *keys + n * sizeof keys->keys[0]);
  g_atomic_ref_count_init (&keys->refs);
  keys->n = n;
  for (guint i = 0; i < n; i++)
    if (!fill_key (&keys->keys[i], bytes + i * CRYPT_KEY_BYTES))
      return NULL;
  return g_steal_pointer (&keys);
}

CryptKeys *
crypt_keys_ref (CryptKeys *keys)
{
  g_atomic_ref_count_inc (&keys->refs);
  return keys;
}

void
crypt_keys_unref (CryptKeys *keys)
{
  if (!g_atomic_ref_count_dec (&keys->refs))
    return;
  for (guint i = 0; i < keys->n; i++)
    {
      g_clear_pointer (&keys->keys[i].secret, g_bytes_unref);
      g_clear_pointer (&keys->keys[i].index_key, g_bytes_unref);
    }
  g_free (keys);
}

const CryptKey *
crypt_keys_find (const CryptKeys *keys, const guint8 id[CRYPT_KEY_ID_BYTES])
{
  for (guint i = 0; keys != NULL && i < keys->n; i++)
    if (memcmp (keys->keys[i].half.id, id, CRYPT_KEY_ID_BYTES) == 0)
      return &keys->keys[i];
  return NULL;
}

const CryptKey *
crypt_keys_first (const CryptKeys *keys)
{
  return &keys->keys[0];
}

GBytes *
crypt_key_generate (void)
{
  guint8 half[CRYPT_KEY_BYTES], secret[CRYPT_KEY_BYTES];
  crypto_box_keypair (half, secret);
  GBytes *key = satchel_secret_new (secret, sizeof secret);
  sodium_memzero (secret, sizeof secret);
  return key;
}
