/* SPDX-License-Identifier: MIT
 * One chunk of a sealed message.
 */
#include "chunk.h"

#include <sodium.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
G_STATIC_ASSERT (NONCE_BYTES == CRYPT_PREFIX_BYTES + 4 + 1);
G_STATIC_ASSERT (CRYPT_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES);
G_STATIC_ASSERT (CRYPT_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

static void
make_nonce (guint8 nonce[NONCE_BYTES], const CryptHeader *header, guint32 index, gboolean is_last)
{
  guint32 counter = GUINT32_TO_BE (index);
  memcpy (nonce, header->bytes + CRYPT_AT_PREFIX, CRYPT_PREFIX_BYTES);
  memcpy (nonce + CRYPT_PREFIX_BYTES, &counter, sizeof counter);
  nonce[NONCE_BYTES - 1] = is_last ? 1 : 0;
}

void
crypt_chunk_seal (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                  gboolean is_last, const guint8 *data, gsize len, guint8 *ret)
{
  guint8 nonce[NONCE_BYTES];
  make_nonce (nonce, header, index, is_last);
  crypto_aead_xchacha20poly1305_ietf_encrypt (ret, NULL, data, len, header->bytes, CRYPT_HEADER_BYTES, NULL,
                                              nonce, key);
}

gboolean
crypt_chunk_open (const CryptHeader *header, const guint8 key[CRYPT_KEY_BYTES], guint32 index,
                  gboolean is_last, guint8 *bytes, gsize len)
{
  guint8 nonce[NONCE_BYTES];
  make_nonce (nonce, header, index, is_last);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt (bytes, NULL, NULL, bytes, len, header->bytes,
                                                  CRYPT_HEADER_BYTES, nonce, key)
      == 0)
    return TRUE;
  sodium_memzero (bytes, len);
  return FALSE;
}
