/* SPDX-License-Identifier: MIT
 * Implements AES-256-GCM with a random nonce: nonce, then ciphertext and tag.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_seal.h"

#include <gnutls/crypto.h>
#include <string.h>

#define NONCE_BYTES 12u
#define TAG_BYTES 16u

static gnutls_aead_cipher_hd_t
open_cipher (const guint8 key[SATCHEL_SEAL_KEY_BYTES])
{
  gnutls_aead_cipher_hd_t cipher;
  const gnutls_datum_t datum = { (guint8 *) key, SATCHEL_SEAL_KEY_BYTES };
  return gnutls_aead_cipher_init (&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum) == 0 ? cipher : NULL;
}

GBytes *
satchel_seal (const guint8 key[SATCHEL_SEAL_KEY_BYTES], GBytes *secret)
{
  gsize len, sealed_len;
  const void *data = g_bytes_get_data (secret, &len);
  gnutls_aead_cipher_hd_t cipher = open_cipher (key);
  if (cipher == NULL)
    return NULL;
  g_autofree guint8 *sealed = g_malloc (NONCE_BYTES + len + TAG_BYTES);
  sealed_len = len + TAG_BYTES;
  gboolean ok = gnutls_rnd (GNUTLS_RND_NONCE, sealed, NONCE_BYTES) == 0
                && gnutls_aead_cipher_encrypt (cipher, sealed, NONCE_BYTES, NULL, 0, TAG_BYTES, data, len,
                                               sealed + NONCE_BYTES, &sealed_len)
                       == 0;
  gnutls_aead_cipher_deinit (cipher);
  return ok ? g_bytes_new_take (g_steal_pointer (&sealed), NONCE_BYTES + sealed_len) : NULL;
}

GBytes *
satchel_unseal (const guint8 key[SATCHEL_SEAL_KEY_BYTES], GBytes *sealed)
{
  guint8 plain[SATCHEL_SECRET_BYTES_MAX];
  gsize len, plain_len = sizeof plain;
  const guint8 *data = g_bytes_get_data (sealed, &len);
  gnutls_aead_cipher_hd_t cipher =
      len > NONCE_BYTES + TAG_BYTES && len <= NONCE_BYTES + sizeof plain + TAG_BYTES ? open_cipher (key)
                                                                                     : NULL;
  if (cipher == NULL)
    return NULL;
  int status = gnutls_aead_cipher_decrypt (cipher, data, NONCE_BYTES, NULL, 0, TAG_BYTES, data + NONCE_BYTES,
                                           len - NONCE_BYTES, plain, &plain_len);
  gnutls_aead_cipher_deinit (cipher);
  GBytes *secret = status == 0 ? satchel_secret_new (plain, plain_len) : NULL;
  explicit_bzero (plain, sizeof plain);
  return secret;
}
