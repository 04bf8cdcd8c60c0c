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
  ring->former = g_ptr_array_new_with_free_func ((GDestroyNotify) crypt_ring_free);
  return ring;
}

void
crypt_ring_free (CryptRing *ring)
{
  g_free (ring->user);
  g_array_unref (ring->slots);
  g_ptr_array_unref (ring->former);
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

/* Says whether the slot opens its key for good.  A password that is wanted may not be the user's any more. */
static gboolean
is_lasting (const CryptRing *ring, const CryptSlot *slot)
{
  return slot->kind != CRYPT_WANTED && (slot->kind != CRYPT_BY_KEY || ring->user == NULL);
}

/* Counts slots: *@ret_of those of the credential, and returns how many others open the ring. */
static guint
count_others (const CryptRing *ring, const char *name, guint *ret_of)
{
  guint n = 0;
  *ret_of = 0;
  for (guint i = 0; i < ring->slots->len; i++)
    {
      const CryptSlot *slot = slot_at (ring, i);
      if (is_of_credential (slot, name))
        ++*ret_of;
      else if (is_lasting (ring, slot))
        n++;
    }
  return n;
}

static void
drop_all (CryptRing *ring, const char *name)
{
  for (guint i = ring->slots->len; i > 0; i--)
    if (is_of_credential (slot_at (ring, i - 1), name))
      g_array_remove_index (ring->slots, i - 1);
}

/* Drops the slots of former keys.  One that nothing else would give stays, as the credential itself is
 * revoked, and opens no login. */
static guint
drop_former (CryptRing *ring, const char *name)
{
  guint n_dropped = 0, n;
  for (guint i = 0; i < ring->former->len; i++)
    if (count_others (ring->former->pdata[i], name, &n) > 0)
      {
        drop_all (ring->former->pdata[i], name);
        n_dropped += n;
      }
  return n_dropped;
}

gboolean
crypt_ring_drop (CryptRing *ring, const char *name, GError **error)
{
  guint n, n_others = count_others (ring, name, &n);
  guint n_former = drop_former (ring, name);
  if (n == 0)
    return n_former > 0
           || satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the ring has no slot \"%s\"", name);
  if (n_others == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "\"%s\" is the last slot of the ring: the mail of %s would be lost", name,
                              ring->user);
  drop_all (ring, name);
  return TRUE;
}

void
crypt_ring_remove_kind (CryptRing *ring, CryptOpenerKind kind)
{
  for (guint i = ring->slots->len; i > 0; i--)
    if (slot_at (ring, i - 1)->kind == kind)
      g_array_remove_index (ring->slots, i - 1);
}

/* ---- boxes ---- */

const CryptSlot *
crypt_ring_find_box (const CryptRing *ring, CryptOpenerKind kind, const CryptPublic *to)
{
  char name[CRYPT_BOX_NAME_CHARS + 1];
  crypt_box_name (to, name);
  for (guint i = 0; i < ring->slots->len; i++)
    if (slot_at (ring, i)->kind == kind && strcmp (slot_at (ring, i)->name, name) == 0)
      return slot_at (ring, i);
  return NULL;
}

gboolean
crypt_ring_put_box (CryptRing *ring, CryptOpenerKind kind, const CryptPublic *to, GBytes *secret,
                    GError **error)
{
  CryptBox box;
  CryptSlot slot;
  gboolean ok = crypt_box_for (&box, kind, to, error)
                && crypt_slot_seal (&slot, &box.opener, NULL, &ring->half, secret, error);
  crypt_box_clear (&box);
  if (!ok)
    return FALSE;
  const CryptSlot *there = crypt_ring_find_box (ring, kind, to);
  if (kind == CRYPT_BY_ESCROW)
    crypt_ring_remove_kind (ring, kind);
  else if (there != NULL)
    g_array_remove_index (ring->slots, (guint) (there - slot_at (ring, 0)));
  return crypt_ring_put (ring, &slot, error);
}

GBytes *
crypt_ring_unbox (const CryptRing *ring, CryptOpenerKind kind, const CryptPublic *to, GBytes *by,
                  GError **error)
{
  CryptBox box;
  const CryptSlot *slot = crypt_ring_find_box (ring, kind, to);
  if (slot == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_NOPERM, "the ring has no slot for that key");
      return NULL;
    }
  GBytes *secret = crypt_box_by (&box, slot, to, by, error)
                       ? crypt_slot_open (slot, &box.opener, &ring->half, error)
                       : NULL;
  crypt_box_clear (&box);
  return secret;
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

/* ---- former keys ---- */

void
crypt_ring_decide (CryptRing *ring, gboolean is_opening)
{
  ring->is_opening = is_opening;
  ring->is_rekeying = FALSE;
  ring->serial = MAX ((guint64) g_get_real_time (), ring->serial + 1);
}

gboolean
crypt_ring_renew (CryptRing *ring, const CryptPublic *half, GError **error)
{
  if (ring->former->len >= CRYPT_FORMERS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the ring of %s has %u former keys, the most",
                              ring->user, CRYPT_FORMERS_MAX);
  CryptRing *former = crypt_ring_new (NULL, &ring->half);
  crypt_ring_decide (ring, FALSE);
  shut (ring);
  crypt_ring_remove_kind (ring, CRYPT_WANTED);
  crypt_ring_remove_kind (ring, CRYPT_BY_KEY);
  GArray *none = former->slots;
  former->slots = ring->slots;
  ring->slots = none;
  ring->half = *half;
  g_ptr_array_insert (ring->former, 0, former);
  return TRUE;
}

static gboolean
has_key (const CryptRing *ring, const CryptPublic *half)
{
  gboolean has = memcmp (ring->half.id, half->id, sizeof half->id) == 0;
  for (guint i = 0; !has && i < ring->former->len; i++)
    has = memcmp (((CryptRing *) ring->former->pdata[i])->half.id, half->id, sizeof half->id) == 0;
  return has;
}

static gboolean
take_key (CryptRing *ring, const CryptRing *from, GError **error)
{
  if (has_key (ring, &from->half))
    return TRUE;
  if (ring->former->len >= CRYPT_FORMERS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the ring of %s has %u former keys, the most",
                              ring->user, CRYPT_FORMERS_MAX);
  CryptRing *former = crypt_ring_new (NULL, &from->half);
  g_array_append_vals (former->slots, from->slots->data, from->slots->len);
  g_ptr_array_add (ring->former, former);
  return TRUE;
}

gboolean
crypt_ring_take_keys (CryptRing *ring, const CryptRing *from, GError **error)
{
  for (guint i = 0; i < from->former->len; i++)
    if (!take_key (ring, from->former->pdata[i], error))
      return FALSE;
  return take_key (ring, from, error);
}

gboolean
crypt_ring_is_linked (const CryptRing *ring, const CryptRing *former)
{
  return crypt_ring_find_box (former, CRYPT_BY_KEY, &ring->half) != NULL;
}

void
crypt_ring_forget_linked (CryptRing *ring)
{
  for (guint i = ring->former->len; i > 0; i--)
    if (crypt_ring_is_linked (ring, ring->former->pdata[i - 1]))
      g_ptr_array_remove_index (ring->former, i - 1);
}

/* Does that for one key.  Further ones are found from it, at most as many as there are. */
static gboolean
link_one (CryptRing *ring, CryptRing *former, GBytes *secret, guint depth, GError **error)
{
  crypt_ring_remove_kind (former, CRYPT_BY_KEY);
  if (!crypt_ring_put_box (former, CRYPT_BY_KEY, &ring->half, secret, error))
    return FALSE;
  for (guint i = 0; depth > 0 && i < ring->former->len; i++)
    {
      CryptRing *other = ring->former->pdata[i];
      g_autoptr (GBytes) given = crypt_ring_unbox (other, CRYPT_BY_KEY, &former->half, secret, NULL);
      if (given != NULL && !link_one (ring, other, given, depth - 1, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
crypt_ring_link (CryptRing *ring, CryptRing *former, GBytes *secret, GError **error)
{
  return link_one (ring, former, secret, ring->former->len, error);
}

GBytes *
crypt_ring_all_of (const CryptRing *ring, const CryptRing *of, GBytes *secret)
{
  guint8 all[(1 + CRYPT_FORMERS_MAX) * CRYPT_KEY_BYTES];
  gsize len = CRYPT_KEY_BYTES;
  memcpy (all, g_bytes_get_data (secret, NULL), CRYPT_KEY_BYTES);
  for (guint i = 0; i < ring->former->len; i++)
    {
      g_autoptr (GBytes) former =
          crypt_ring_unbox (ring->former->pdata[i], CRYPT_BY_KEY, &of->half, secret, NULL);
      if (former == NULL)
        continue;
      memcpy (all + len, g_bytes_get_data (former, NULL), CRYPT_KEY_BYTES);
      len += CRYPT_KEY_BYTES;
    }
  GBytes *keys = satchel_secret_new (all, len);
  sodium_memzero (all, sizeof all);
  return keys;
}
