/* SPDX-License-Identifier: MIT
 * Passwords that were changed elsewhere.
 */
#include "wanted.h"

#include <sodium.h>
#include <string.h>

/* Returns the slot of the pair, and its public half; NULL: there is none. */
static const CryptSlot *
find_pair (const CryptRing *ring, CryptPublic *ret_half)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  for (guint i = 0; i < ring->slots->len; i++)
    {
      const CryptSlot *slot = &g_array_index (ring->slots, CryptSlot, i);
      gsize n = 0;
      if (slot->kind != CRYPT_WANTED
          || sodium_hex2bin (bytes, sizeof bytes, slot->name, strlen (slot->name), NULL, &n, NULL) != 0
          || n != sizeof bytes)
        continue;
      crypt_public_set (ret_half, bytes);
      return slot;
    }
  return NULL;
}

/* Opens the pair with the password; yours, or NULL. */
static GBytes *
open_pair (const CryptRing *ring, const CryptOpener *opener, CryptPublic *ret_half)
{
  const CryptSlot *slot = find_pair (ring, ret_half);
  return slot != NULL && opener->len > 0 ? crypt_slot_open (slot, opener, &ring->half, NULL) : NULL;
}

gboolean
crypt_wanted_put (CryptRing *ring, const CryptOpener *opener, const CryptCost *cost, GError **error)
{
  CryptSlot slot;
  char name[2 * CRYPT_KEY_BYTES + 1];
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptKeys) pair = crypt_keys_new (secret);
  if (pair == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for a key");
  sodium_bin2hex (name, sizeof name, crypt_keys_first (pair)->half.bytes, CRYPT_KEY_BYTES);
  CryptOpener wanted = *opener;
  wanted.kind = CRYPT_WANTED;
  wanted.name = name;
  wanted.variant = "";
  crypt_wanted_clear (ring);
  return crypt_slot_seal (&slot, &wanted, cost, &ring->half, secret, error)
         && crypt_ring_put (ring, &slot, error);
}

gboolean
crypt_wanted_is_there (const CryptRing *ring)
{
  CryptPublic half;
  return find_pair (ring, &half) != NULL;
}

gboolean
crypt_wanted_is_waiting (const CryptRing *ring)
{
  CryptPublic half;
  return find_pair (ring, &half) != NULL && crypt_ring_find_box (ring, CRYPT_BY_KEY, &half) == NULL;
}

gboolean
crypt_wanted_is_of (const CryptRing *ring, const CryptOpener *opener)
{
  CryptPublic half;
  g_autoptr (GBytes) pair = open_pair (ring, opener, &half);
  return pair != NULL;
}

gboolean
crypt_wanted_give (CryptRing *ring, GBytes *secret, GError **error)
{
  CryptPublic half;
  return find_pair (ring, &half) == NULL || crypt_ring_put_box (ring, CRYPT_BY_KEY, &half, secret, error);
}

GBytes *
crypt_wanted_take (const CryptRing *ring, const CryptOpener *opener)
{
  CryptPublic half;
  if (!crypt_wanted_is_there (ring) || crypt_wanted_is_waiting (ring))
    return NULL;
  g_autoptr (GBytes) pair = open_pair (ring, opener, &half);
  return pair != NULL ? crypt_ring_unbox (ring, CRYPT_BY_KEY, &half, pair, NULL) : NULL;
}

void
crypt_wanted_clear (CryptRing *ring)
{
  crypt_ring_remove_kind (ring, CRYPT_WANTED);
  crypt_ring_remove_kind (ring, CRYPT_BY_KEY);
}
