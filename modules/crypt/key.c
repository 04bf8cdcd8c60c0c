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

#define KNOWN_MAX 8192u /* half a MiB at most: pages that are used */

/* A public half that was computed before.  It follows from the private half, which is not kept: what is
 * looked for is a keyed hash of that. */
typedef struct KnownHalf
{
  guint8 of[CRYPT_KEY_ID_BYTES];
  CryptPublic half;
} KnownHalf;

static GMutex known_lock;
static KnownHalf *known; /* KNOWN_MAX of them, each at the place that its hash says */
static guint8 known_key[crypto_generichash_KEYBYTES];

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

/* Finds the place of a private half.  The caller holds the lock. */
static KnownHalf *
find_known (const guint8 secret[CRYPT_KEY_BYTES], guint8 ret_of[CRYPT_KEY_ID_BYTES])
{
  guint16 at;
  if (known == NULL)
    {
      known = g_new0 (KnownHalf, KNOWN_MAX);
      randombytes_buf (known_key, sizeof known_key);
    }
  crypto_generichash (ret_of, CRYPT_KEY_ID_BYTES, secret, CRYPT_KEY_BYTES, known_key, sizeof known_key);
  memcpy (&at, ret_of, sizeof at);
  return &known[at % KNOWN_MAX];
}

/* Computes the public half, or finds that it was computed before: each login needs it. */
static gboolean
find_half (const guint8 secret[CRYPT_KEY_BYTES], CryptPublic *ret_half)
{
  guint8 of[CRYPT_KEY_ID_BYTES], bytes[CRYPT_KEY_BYTES];
  g_mutex_lock (&known_lock);
  KnownHalf *place = find_known (secret, of);
  const gboolean is_known = memcmp (place->of, of, sizeof of) == 0;
  if (is_known)
    *ret_half = place->half;
  g_mutex_unlock (&known_lock);
  if (is_known)
    return TRUE;
  if (crypto_scalarmult_base (bytes, secret) != 0)
    return FALSE;
  crypt_public_set (ret_half, bytes);
  g_mutex_lock (&known_lock);
  memcpy (place->of, of, sizeof of);
  place->half = *ret_half;
  g_mutex_unlock (&known_lock);
  return TRUE;
}

static gboolean
fill_key (CryptKey *key, const guint8 secret[CRYPT_KEY_BYTES])
{
  guint8 index_key[CRYPT_KEY_BYTES];
  crypto_kdf_derive_from_key (index_key, sizeof index_key, INDEX_KEY, DERIVED_FOR, secret);
  key->secret = satchel_secret_new (secret, CRYPT_KEY_BYTES);
  key->index_key = satchel_secret_new (index_key, sizeof index_key);
  sodium_memzero (index_key, sizeof index_key);
  return key->secret != NULL && key->index_key != NULL && find_half (secret, &key->half);
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
