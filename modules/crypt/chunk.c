/* SPDX-License-Identifier: MIT
 * One chunk of a sealed message.  AES is GnuTLS's, which has it for any processor, so that mail which was
 * sealed where it is quick is opened everywhere.
 */
#include "chunk.h"

#include <gnutls/crypto.h>
#include <sodium.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define AES_NONCE_BYTES 12u
#define COUNTER_BYTES 5u /* number of the chunk, and whether it is the last one */
G_STATIC_ASSERT (NONCE_BYTES == CRYPT_PREFIX_BYTES + COUNTER_BYTES);
G_STATIC_ASSERT (CRYPT_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES);
G_STATIC_ASSERT (CRYPT_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

/* Makes a nonce of @len bytes; that of AES has less of the prefix.  The key is the message's alone, so the
 * counter keeps the nonces of its chunks apart. */
static void
make_nonce (guint8 *nonce, gsize len, const CryptHeader *header, guint32 index, gboolean is_last)
{
  guint32 counter = GUINT32_TO_BE (index);
  memcpy (nonce, header->bytes + CRYPT_AT_PREFIX, len - COUNTER_BYTES);
  memcpy (nonce + len - COUNTER_BYTES, &counter, sizeof counter);
  nonce[len - 1] = is_last ? 1 : 0;
}

/* ---- AES-256-GCM ---- */

static gboolean
begin_aes (gnutls_aead_cipher_hd_t *ret, const guint8 key[CRYPT_KEY_BYTES])
{
  const gnutls_datum_t datum = { (guint8 *) key, CRYPT_KEY_BYTES };
  return gnutls_aead_cipher_init (ret, GNUTLS_CIPHER_AES_256_GCM, &datum) == 0;
}

static gboolean
seal_aes (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], const guint8 *nonce,
          const guint8 *data, gsize len, guint8 *ret)
{
  gnutls_aead_cipher_hd_t cipher;
  gsize sealed_len = len + CRYPT_TAG_BYTES;
  if (!begin_aes (&cipher, key))
    return FALSE;
  const int result =
      gnutls_aead_cipher_encrypt (cipher, nonce, AES_NONCE_BYTES, header->bytes, CRYPT_HEADER_BYTES,
                                  CRYPT_TAG_BYTES, data, len, ret, &sealed_len);
  gnutls_aead_cipher_deinit (cipher);
  return result == 0 && sealed_len == len + CRYPT_TAG_BYTES;
}

static gboolean
open_aes (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], const guint8 *nonce,
          const guint8 *sealed, gsize len, guint8 *ret)
{
  gnutls_aead_cipher_hd_t cipher;
  gsize clear_len = len - CRYPT_TAG_BYTES;
  if (!begin_aes (&cipher, key))
    return FALSE;
  const int result =
      gnutls_aead_cipher_decrypt (cipher, nonce, AES_NONCE_BYTES, header->bytes, CRYPT_HEADER_BYTES,
                                  CRYPT_TAG_BYTES, sealed, len, ret, &clear_len);
  gnutls_aead_cipher_deinit (cipher);
  return result == 0 && clear_len == len - CRYPT_TAG_BYTES;
}

/* ---- either ---- */

gboolean
crypt_chunk_seal (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                  gboolean is_last, const guint8 *data, gsize len, guint8 *ret)
{
  guint8 nonce[NONCE_BYTES];
  const gboolean is_aes = header->suite == CRYPT_SUITE_AES;
  make_nonce (nonce, is_aes ? AES_NONCE_BYTES : NONCE_BYTES, header, index, is_last);
  if (is_aes)
    return seal_aes (header, key, nonce, data, len, ret);
  return crypto_aead_xchacha20poly1305_ietf_encrypt (ret, NULL, data, len, header->bytes, CRYPT_HEADER_BYTES,
                                                     NULL, nonce, key)
         == 0;
}

gboolean
crypt_chunk_open (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                  gboolean is_last, const guint8 *sealed, gsize len, guint8 *ret)
{
  guint8 nonce[NONCE_BYTES];
  const gboolean is_aes = header->suite == CRYPT_SUITE_AES;
  make_nonce (nonce, is_aes ? AES_NONCE_BYTES : NONCE_BYTES, header, index, is_last);
  if (is_aes ? open_aes (header, key, nonce, sealed, len, ret)
             : crypto_aead_xchacha20poly1305_ietf_decrypt (ret, NULL, NULL, sealed, len, header->bytes,
                                                           CRYPT_HEADER_BYTES, nonce, key)
                   == 0)
    return TRUE;
  sodium_memzero (ret, len - CRYPT_TAG_BYTES);
  return FALSE;
}
