/* SPDX-License-Identifier: MIT
 * A slot.
 */
#include "slot.h"

#include <sodium.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PERSONAL "satchel slot\0\0\0\0"
G_STATIC_ASSERT (CRYPT_SEALED_KEY_BYTES == NONCE_BYTES + CRYPT_KEY_BYTES + TAG_BYTES);
G_STATIC_ASSERT (CRYPT_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES
                 && CRYPT_SALT_BYTES == crypto_generichash_blake2b_SALTBYTES);
G_STATIC_ASSERT (sizeof PERSONAL == crypto_generichash_blake2b_PERSONALBYTES + 1);

const char *const crypt_opener_words[CRYPT_N_OPENERS] = { [CRYPT_BY_PASSWORD] = "password",
                                                          [CRYPT_BY_CLIENT] = "client",
                                                          [CRYPT_BY_APP] = "app",
                                                          [CRYPT_BY_RECOVERY] = "recovery",
                                                          [CRYPT_BY_FIRST_LOGIN] = "first-login",
                                                          [CRYPT_BY_ESCROW] = "escrow",
                                                          [CRYPT_BY_KEY] = "key",
                                                          [CRYPT_WANTED] = "wanted" };

gboolean
crypt_opener_is_stretched (CryptOpenerKind kind)
{
  return kind == CRYPT_BY_PASSWORD || kind == CRYPT_WANTED;
}

static gboolean
no_memory (GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_RESOURCES,
                            "there is no memory to open a key with a password");
}

/* Makes the key that seals the slot. */
static gboolean
derive (const CryptSlot *slot, const CryptOpener *opener, guint8 ret[CRYPT_KEY_BYTES], GError **error)
{
  if (slot->cost.passes > 0)
    return crypto_pwhash (ret, CRYPT_KEY_BYTES, (const char *) opener->data, opener->len, slot->salt,
                          slot->cost.passes, slot->cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13)
               == 0
           || no_memory (error);
  crypto_generichash_blake2b_salt_personal (ret, CRYPT_KEY_BYTES, opener->data, opener->len, NULL, 0,
                                            slot->salt, (const guint8 *) PERSONAL);
  return TRUE;
}

/* Returns what the slot is bound to; yours. */
static char *
bound_to (const CryptSlot *slot, const CryptPublic *half)
{
  char digits[2 * CRYPT_KEY_BYTES + 1];
  sodium_bin2hex (digits, sizeof digits, half->bytes, CRYPT_KEY_BYTES);
  return g_strdup_printf ("satchel slot\n%s\n%s\n%s\n%s\n%" G_GSIZE_FORMAT " %u\n", digits,
                          crypt_opener_words[slot->kind], slot->name, slot->variant, slot->cost.memory_bytes,
                          slot->cost.passes);
}

gboolean
crypt_slot_seal (CryptSlot *slot, const CryptOpener *opener, const CryptCost *cost, const CryptPublic *half,
                 GBytes *secret, GError **error)
{
  guint8 key[CRYPT_KEY_BYTES];
  CryptSlot made = { .kind = opener->kind };
  if (g_strlcpy (made.name, opener->name, sizeof made.name) >= sizeof made.name
      || g_strlcpy (made.variant, opener->variant, sizeof made.variant) >= sizeof made.variant)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the name of a slot is longer than %u bytes",
                              CRYPT_SLOT_NAME_MAX);
  if (crypt_opener_is_stretched (opener->kind))
    made.cost = *cost;
  randombytes_buf (made.salt, sizeof made.salt);
  randombytes_buf (made.sealed, NONCE_BYTES);
  if (!derive (&made, opener, key, error))
    return FALSE;
  g_autofree char *bound = bound_to (&made, half);
  crypto_aead_xchacha20poly1305_ietf_encrypt (made.sealed + NONCE_BYTES, NULL,
                                              g_bytes_get_data (secret, NULL), CRYPT_KEY_BYTES,
                                              (const guint8 *) bound, strlen (bound), NULL, made.sealed, key);
  sodium_memzero (key, sizeof key);
  *slot = made;
  return TRUE;
}

GBytes *
crypt_slot_open (const CryptSlot *slot, const CryptOpener *opener, const CryptPublic *half, GError **error)
{
  guint8 key[CRYPT_KEY_BYTES], secret[CRYPT_KEY_BYTES];
  if (!derive (slot, opener, key, error))
    return NULL;
  g_autofree char *bound = bound_to (slot, half);
  gboolean is_open = crypto_aead_xchacha20poly1305_ietf_decrypt (
                         secret, NULL, NULL, slot->sealed + NONCE_BYTES, CRYPT_SEALED_KEY_BYTES - NONCE_BYTES,
                         (const guint8 *) bound, strlen (bound), slot->sealed, key)
                     == 0;
  sodium_memzero (key, sizeof key);
  GBytes *opened = is_open ? satchel_secret_new (secret, sizeof secret) : NULL;
  sodium_memzero (secret, sizeof secret);
  if (!is_open)
    satchel_error_set (error, SATCHEL_ERROR_NOPERM, "that does not open the slot \"%s\"", slot->name);
  else if (opened == NULL)
    no_memory (error);
  return opened;
}
