/* SPDX-License-Identifier: MIT
 * A user's ring in memory.
 */
#include "ring.h"

#include <sodium.h>
#include <string.h>

#define FIRST_LOGIN "first-login"

CryptRing *
crypt_ring_new (const char *user, const CryptPublic *half)
{
  CryptRing *ring = g_new0 (CryptRing, 1);
  ring->user = g_strdup (user);
  ring->half = *half;
  ring->slots = g_array_new (FALSE, TRUE, sizeof (CryptSlot));
  return ring;
}

void
crypt_ring_free (CryptRing *ring)
{
  g_free (ring->user);
  g_array_unref (ring->slots);
  sodium_memzero (ring->first_secret, sizeof ring->first_secret);
  g_free (ring);
}

static CryptSlot *
slot_at (const CryptRing *ring, guint index)
{
  return &g_array_index (ring->slots, CryptSlot, index);
}

static CryptSlot *
find_slot (const CryptRing *ring, CryptOpenerKind kind, const char *name, const char *variant)
{
  for (guint i = 0; i < ring->slots->len; i++)
    {
      CryptSlot *slot = slot_at (ring, i);
      if (slot->kind == kind && strcmp (slot->name, name) == 0 && strcmp (slot->variant, variant) == 0)
        return slot;
    }
  return NULL;
}

const CryptSlot *
crypt_ring_find (const CryptRing *ring, const CryptOpener *opener)
{
  return find_slot (ring, opener->kind, opener->name, opener->variant);
}

GBytes *
crypt_ring_unlock (const CryptRing *ring, const CryptOpener *opener, GError **error)
{
  /* An empty secret opens nothing, whatever it costs to try. */
  const CryptSlot *slot = opener->len > 0 ? crypt_ring_find (ring, opener) : NULL;
  if (slot != NULL)
    return crypt_slot_open (slot, opener, &ring->half, error);
  satchel_error_set (error, SATCHEL_ERROR_NOPERM, "the ring has no slot \"%s\" that this could open",
                     opener->name);
  return NULL;
}

gboolean
crypt_ring_put (CryptRing *ring, const CryptSlot *slot, GError **error)
{
  CryptSlot *there = find_slot (ring, slot->kind, slot->name, slot->variant);
  if (there != NULL)
    *there = *slot;
  else if (ring->slots->len < CRYPT_SLOTS_MAX)
    g_array_append_val (ring->slots, *slot);
  else
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "the ring of %s has %u slots, which is the most; revoke app passwords first",
                              ring->user, CRYPT_SLOTS_MAX);
  return TRUE;
}

void
crypt_ring_remove (CryptRing *ring, const CryptOpener *opener)
{
  CryptSlot *slot = find_slot (ring, opener->kind, opener->name, opener->variant);
  if (slot != NULL)
    g_array_remove_index (ring->slots, (guint) (slot - slot_at (ring, 0)));
}

static gboolean
is_of_credential (const CryptSlot *slot, const char *name)
{
  return slot->kind <= CRYPT_BY_APP && strcmp (slot->name, name) == 0;
}

static guint
count_of (const CryptRing *ring, const char *name)
{
  guint n = 0;
  for (guint i = 0; i < ring->slots->len; i++)
    n += is_of_credential (slot_at (ring, i), name) ? 1 : 0;
  return n;
}

gboolean
crypt_ring_drop (CryptRing *ring, const char *name, GError **error)
{
  guint n = count_of (ring, name);
  if (n == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the ring has no slot \"%s\"", name);
  if (n == ring->slots->len)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "\"%s\" is the last slot of the ring: the mail of %s would be lost", name,
                              ring->user);
  for (guint i = ring->slots->len; i > 0; i--)
    if (is_of_credential (slot_at (ring, i - 1), name))
      g_array_remove_index (ring->slots, i - 1);
  return TRUE;
}

/* ---- until the first login ---- */

static CryptOpener
first_opener (const guint8 *secret)
{
  return (CryptOpener) { .kind = CRYPT_BY_FIRST_LOGIN,
                         .name = FIRST_LOGIN,
                         .variant = "",
                         .data = secret,
                         .len = CRYPT_FIRST_SECRET_BYTES };
}

static void
shut (CryptRing *ring)
{
  for (guint i = ring->slots->len; i > 0; i--)
    if (slot_at (ring, i - 1)->kind == CRYPT_BY_FIRST_LOGIN)
      g_array_remove_index (ring->slots, i - 1);
  sodium_memzero (ring->first_secret, sizeof ring->first_secret);
  ring->is_open = FALSE;
}

gboolean
crypt_ring_set_open (CryptRing *ring, GBytes *secret, GError **error)
{
  CryptSlot slot;
  shut (ring);
  if (secret == NULL)
    return TRUE;
  randombytes_buf (ring->first_secret, sizeof ring->first_secret);
  CryptOpener opener = first_opener (ring->first_secret);
  ring->is_open = crypt_slot_seal (&slot, &opener, NULL, &ring->half, secret, error)
                  && crypt_ring_put (ring, &slot, error);
  return ring->is_open;
}

GBytes *
crypt_ring_unlock_first (const CryptRing *ring, GError **error)
{
  CryptOpener opener = first_opener (ring->first_secret);
  if (ring->is_open)
    return crypt_ring_unlock (ring, &opener, error);
  satchel_error_set (error, SATCHEL_ERROR_NOPERM, "the ring is not open for a login");
  return NULL;
}
