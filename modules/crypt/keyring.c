/* SPDX-License-Identifier: MIT
 * The keyring.  What a login brings is tried in a thread, since a password is stretched; a ring that waits
 * for its first login gets a slot there.
 */
#include "keyring.h"

#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

static CryptCost own_cost;

void
crypt_keyring_set_cost (const CryptCost *cost)
{
  own_cost = *cost;
}

const CryptCost *
crypt_keyring_cost (void)
{
  return &own_cost;
}

static CryptOpener
opener_of (const SatchelKeyMaterial *material)
{
  static const CryptOpenerKind kinds[] = { [SATCHEL_KEY_SECRET] = CRYPT_BY_PASSWORD,
                                           [SATCHEL_KEY_CLIENT] = CRYPT_BY_CLIENT,
                                           [SATCHEL_KEY_APP] = CRYPT_BY_APP };
  return (CryptOpener) { .kind = kinds[material->source],
                         .name = material->slot,
                         .variant = material->variant,
                         .data = material->data,
                         .len = material->len };
}

/* ---- changes ---- */

/* Opens @ring with @opener, or as one that waits for a login, which needs nothing. */
static GBytes *
open_ring (const CryptRing *ring, const CryptOpener *opener, GError **error)
{
  GBytes *secret = crypt_ring_unlock_first (ring, NULL);
  return secret != NULL ? secret : crypt_ring_unlock (ring, opener, error);
}

static gboolean
put_slot (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error)
{
  CryptSlot slot;
  return crypt_slot_seal (&slot, opener, &own_cost, &ring->half, secret, error)
         && crypt_ring_put (ring, &slot, error);
}

/* Changes @ring, which @secret opens. */
typedef gboolean (*ChangeFunc) (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error);

static gboolean
change_ring (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
             ChangeFunc change, GError **error)
{
  CryptOpener by = opener_of (opener), wanted = opener_of (material);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  g_autoptr (GBytes) secret = ring != NULL ? open_ring (ring, &by, error) : NULL;
  gboolean ok = secret != NULL && change (ring, secret, &wanted, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  return ok;
}

static gboolean
add_slot (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
          GError **error)
{
  return change_ring (user, opener, material, put_slot, error);
}

/* Puts a slot in the place of all of that name, which another secret opened. */
static gboolean
replace_slot (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error)
{
  CryptSlot slot;
  if (!crypt_slot_seal (&slot, opener, &own_cost, &ring->half, secret, error))
    return FALSE;
  /* None may be left, also if it is the last one: the new one comes next. */
  for (guint i = ring->slots->len; i > 0; i--)
    if (strcmp (g_array_index (ring->slots, CryptSlot, i - 1).name, opener->name) == 0)
      g_array_remove_index (ring->slots, i - 1);
  return crypt_ring_put (ring, &slot, error);
}

static gboolean
rewrap (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
        GError **error)
{
  return change_ring (user, opener, material, replace_slot, error);
}

static gboolean
drop_slot (const char *user, const char *name, GError **error)
{
  g_autoptr (GError) why = NULL;
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  gboolean is_dropped = ring != NULL && crypt_ring_drop (ring, name, &why);
  gboolean ok = is_dropped && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (is_dropped || ring == NULL)
    return ok;
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* ---- logins ---- */

static void
say (SatchelLogLevel level, const char *user, const char *what)
{
  satchel_log (level, CRYPT_AREA, "user=\"%s\" %s", user, what);
}

/* Gives a ring that waits for its first login the slot of this one, and returns its key.  NULL: it waits no
 * more, or @error. */
static GBytes *
adopt (const char *user, const CryptOpener *opener, GError **error)
{
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  g_autoptr (GBytes) secret = ring != NULL && ring->is_open ? crypt_ring_unlock_first (ring, error) : NULL;
  gboolean ok = secret != NULL && replace_slot (ring, secret, opener, error)
                && (opener->kind == CRYPT_BY_APP || crypt_ring_set_open (ring, NULL, error))
                && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (ok)
    say (SATCHEL_LOG_INFO, user, "the key of the mail is sealed with what this login brought");
  return ok ? g_steal_pointer (&secret) : NULL;
}

/* Returns the key, or NULL: with @error if it cannot be told, else because nothing opens it. */
static GBytes *
unlock_ring (const char *user, const CryptRing *ring, const CryptOpener *opener, GError **error)
{
  g_autoptr (GError) why = NULL;
  if (ring->is_open)
    return adopt (user, opener, error);
  GBytes *secret = crypt_ring_unlock (ring, opener, &why);
  if (secret != NULL)
    return secret;
  if (!g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
  say (
      SATCHEL_LOG_WARNING, user,
      crypt_ring_find (ring, opener) != NULL
          ? "the password was changed, and does not open the key of the mail: the mail is locked until "
            "`satchel crypt recover` was run with the former password or the recovery key"
          : "this login has no slot in the ring: the mail is locked for it; app passwords are made anew, and "
            "for another mechanism `satchel crypt recover` helps");
  return NULL;
}

/* Works in a thread, with the ring as it is by then. */
static void
work (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const char *user = satchel_auth_call_user (call);
  CryptOpener opener = opener_of (satchel_auth_call_material (call));
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &error);
  g_autoptr (GBytes) secret = ring != NULL ? unlock_ring (user, ring, &opener, &error) : NULL;
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    satchel_auth_call_unlocked (call, secret);
}

static void
cancelled (SatchelAuthCall *call)
{
}

static void
unlock (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CryptRing) ring = crypt_rings_load (satchel_auth_call_user (call), &error);
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    satchel_auth_call_unlocked (call, NULL);
  else if (ring == NULL)
    satchel_auth_call_fail (call, error);
  else
    {
      CryptOpener opener = opener_of (satchel_auth_call_material (call));
      const CryptSlot *slot = crypt_ring_find (ring, &opener);
      gsize cost =
          MAX (slot != NULL ? slot->cost.memory_bytes : 0, ring->is_open ? own_cost.memory_bytes : 0);
      satchel_auth_call_work (call, cost, work);
    }
}

static gboolean
tell_attributes (const char *user, GPtrArray *attributes, GError **error)
{
  g_autoptr (GError) why = NULL;
  char digits[2 * CRYPT_KEY_BYTES + 1];
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &why);
  if (ring != NULL)
    g_ptr_array_add (attributes,
                     g_strconcat (CRYPT_ATTRIBUTE "=",
                                  sodium_bin2hex (digits, sizeof digits, ring->half.bytes, CRYPT_KEY_BYTES),
                                  NULL));
  if (ring != NULL || g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

const SatchelKeyringOps crypt_keyring = {
  .size = sizeof crypt_keyring,
  .band = 500,
  .unlock = unlock,
  .cancelled = cancelled,
  .rewrap = rewrap,
  .add_slot = add_slot,
  .drop_slot = drop_slot,
  .attributes = tell_attributes,
};
