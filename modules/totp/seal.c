/* SPDX-License-Identifier: MIT
 * Implements keys, seals and keyed hashes, by libsodium.
 */
#include "seal.h"

#include <satchel/secret.h>
#include <sodium.h>
#include <string.h>

#define KEY_ID_BYTES 4u
#define KEY_ID_CHARS (2 * KEY_ID_BYTES)
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HASH_KEY_BYTES 32u
#define NO_USER "" /* the user with whose name the key of hashes is sealed */
#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

struct TotpKeys
{
  GBytes *seal, *mac; /* keys made by satchel_secret_new */
  char id[KEY_ID_CHARS + 1];
};

static GBytes *
derive (const guint8 root[crypto_kdf_KEYBYTES], guint64 number)
{
  guint8 key[HASH_KEY_BYTES];
  crypto_kdf_derive_from_key (key, sizeof key, number, "satchtp1", root);
  GBytes *secret = satchel_secret_new (key, sizeof key);
  sodium_memzero (key, sizeof key);
  return secret;
}

TotpKeys *
totp_keys_new (const char *master, GError **error)
{
  guint8 root[crypto_kdf_KEYBYTES], id[16];
  if (strlen (master) < TOTP_MASTER_CHARS_MIN)
    {
      satchel_error_set (
          error, SATCHEL_ERROR_INVALID,
          "key: the master key has fewer than %u characters; make one with: openssl rand -hex 32",
          TOTP_MASTER_CHARS_MIN);
      return NULL;
    }
  crypto_generichash (root, sizeof root, (const guint8 *) master, strlen (master), NULL, 0);
  g_autoptr (TotpKeys) keys = g_new0 (TotpKeys, 1);
  keys->seal = derive (root, 1);
  keys->mac = derive (root, 2);
  crypto_kdf_derive_from_key (id, sizeof id, 3, "satchtp1", root);
  sodium_bin2hex (keys->id, sizeof keys->id, id, KEY_ID_BYTES);
  sodium_memzero (root, sizeof root);
  if (keys->seal != NULL && keys->mac != NULL)
    return g_steal_pointer (&keys);
  satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for the keys of totp");
  return NULL;
}

void
totp_keys_free (TotpKeys *keys)
{
  if (keys == NULL)
    return;
  g_clear_pointer (&keys->seal, g_bytes_unref);
  g_clear_pointer (&keys->mac, g_bytes_unref);
  g_free (keys);
}

static const guint8 *
key_bytes (GBytes *key)
{
  return g_bytes_get_data (key, NULL);
}

/* Returns the associated data: the id of the key, and the user. */
static char *
bound_to (const TotpKeys *keys, const char *user)
{
  return g_strconcat (keys->id, " ", user, NULL);
}

char *
totp_seal (const TotpKeys *keys, const char *user, const guint8 *secret, gsize len)
{
  guint8 box[NONCE_BYTES + TOTP_SECRET_BYTES_MAX + TAG_BYTES];
  char text[2 * sizeof box];
  g_autofree char *aad = bound_to (keys, user);
  randombytes_buf (box, NONCE_BYTES);
  crypto_aead_xchacha20poly1305_ietf_encrypt (box + NONCE_BYTES, NULL, secret, len, (const guint8 *) aad,
                                              strlen (aad), NULL, box, key_bytes (keys->seal));
  sodium_bin2base64 (text, sizeof text, box, NONCE_BYTES + len + TAG_BYTES, BASE64);
  return g_strconcat (keys->id, ":", text, NULL);
}

gboolean
totp_keys_have_sealed (const TotpKeys *keys, const char *sealed)
{
  return strncmp (sealed, keys->id, KEY_ID_CHARS) == 0 && sealed[KEY_ID_CHARS] == ':';
}

gboolean
totp_unseal (const TotpKeys *keys, const char *user, const char *sealed,
             guint8 ret_secret[TOTP_SECRET_BYTES_MAX], gsize *ret_len, GError **error)
{
  guint8 box[NONCE_BYTES + TOTP_SECRET_BYTES_MAX + TAG_BYTES];
  gsize len = 0;
  unsigned long long n = 0;
  g_autofree char *aad = bound_to (keys, user);
  if (!totp_keys_have_sealed (keys, sealed))
    return satchel_error_set (
        error, SATCHEL_ERROR_CANNOT,
        "totp.key is not the key that the secret of %s was sealed with; put the old key "
        "back",
        user);
  if (sodium_base642bin (box, sizeof box, sealed + KEY_ID_CHARS + 1, strlen (sealed) - KEY_ID_CHARS - 1, NULL,
                         &len, NULL, BASE64)
          != 0
      || len < NONCE_BYTES + TAG_BYTES
      || crypto_aead_xchacha20poly1305_ietf_decrypt (ret_secret, &n, NULL, box + NONCE_BYTES,
                                                     len - NONCE_BYTES, (const guint8 *) aad, strlen (aad),
                                                     box, key_bytes (keys->seal))
             != 0)
    return satchel_error_set (
        error, SATCHEL_ERROR_CORRUPT,
        "the sealed secret of %s is damaged, or of another user; run: satchel totp reset %s", user, user);
  *ret_len = (gsize) n;
  return TRUE;
}

void
totp_keys_share_hashes (TotpKeys *keys, const TotpKeys *others)
{
  g_bytes_unref (keys->mac);
  keys->mac = g_bytes_ref (others->mac);
}

char *
totp_keys_seal_hashes (const TotpKeys *keys)
{
  return totp_seal (keys, NO_USER, key_bytes (keys->mac), g_bytes_get_size (keys->mac));
}

gboolean
totp_keys_unseal_hashes (TotpKeys *keys, const char *sealed, GError **error)
{
  guint8 key[TOTP_SECRET_BYTES_MAX];
  gsize len;
  if (!totp_keys_have_sealed (keys, sealed))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "totp.key is not the key that the file of totp.path is sealed with; put that "
                              "one there: the key that `satchel totp rekey` changed to last");
  if (!totp_unseal (keys, NO_USER, sealed, key, &len, error))
    return FALSE;
  GBytes *mac = len == HASH_KEY_BYTES ? satchel_secret_new (key, len) : NULL;
  sodium_memzero (key, sizeof key);
  if (mac == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the sealed key of hashes cannot be used");
  g_bytes_unref (keys->mac);
  keys->mac = mac;
  return TRUE;
}

void
totp_hash (const TotpKeys *keys, const char *what, const char *user, const char *text,
           guint8 ret_hash[TOTP_HASH_BYTES])
{
  crypto_generichash_state state;
  crypto_generichash_init (&state, key_bytes (keys->mac), HASH_KEY_BYTES, TOTP_HASH_BYTES);
  /* The texts go in with their NULs, so that no two lists of words are the same bytes. */
  crypto_generichash_update (&state, (const guint8 *) what, strlen (what) + 1);
  crypto_generichash_update (&state, (const guint8 *) user, strlen (user) + 1);
  crypto_generichash_update (&state, (const guint8 *) text, strlen (text) + 1);
  crypto_generichash_final (&state, ret_hash, TOTP_HASH_BYTES);
  sodium_memzero (&state, sizeof state);
}
