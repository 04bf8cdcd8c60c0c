/* SPDX-License-Identifier: MIT
 * The keyring.  What a login brings is tried in a thread, since a password is stretched; a ring that waits
 * for its first login gets a slot there.
 */
#include "keyring.h"

#include <satchel/log.h>
#include <satchel/scram.h>
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

/* Returns @opener, a password, as the opener of the slot that the password before had. */
static CryptOpener
as_former (const CryptOpener *opener)
{
  CryptOpener former = *opener;
  former.variant = "former";
  return former;
}

/* Whoever stores the new password does that afterwards, and may be killed before: until a login shows which
 * password counts, both open the ring. */
static gboolean
keep_former (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error)
{
  CryptOpener former = as_former (opener);
  return opener->kind != CRYPT_BY_PASSWORD || opener->len == 0 || put_slot (ring, secret, &former, error);
}

static gboolean
rewrap (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
        GError **error)
{
  CryptOpener by = opener_of (opener), wanted = opener_of (material);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  g_autoptr (GBytes) secret = ring != NULL ? open_ring (ring, &by, error) : NULL;
  gboolean ok = secret != NULL && keep_former (ring, secret, &by, error)
                && put_slot (ring, secret, &wanted, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  return ok;
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

/* Puts slots for what SCRAM brings in the place of the password that @opener is, by what the passdb says of
 * the user (or NULL). */
static gboolean
put_clients (CryptRing *ring, GBytes *secret, const CryptOpener *opener, const SatchelCredential *credential,
             GError **error)
{
  gboolean ok = TRUE;
  for (SatchelScramHash hash = SATCHEL_SCRAM_SHA_1; ok && hash <= SATCHEL_SCRAM_SHA_256; hash++)
    {
      SatchelScramKeys keys;
      guint8 client_key[SATCHEL_SCRAM_KEY_MAX];
      CryptOpener client = { .kind = CRYPT_BY_CLIENT,
                             .name = SATCHEL_CREDENTIAL_PASSWORD,
                             .variant = satchel_scram_hash_name (hash),
                             .data = client_key,
                             .len = satchel_scram_hash_bytes (hash) };
      crypt_ring_remove (ring, &client);
      if (credential == NULL || credential->scram == NULL
          || !satchel_scram_keys_parse (credential->scram, hash, &keys)
          || !satchel_scram_client_key (&keys, (const char *) opener->data, client_key))
        continue;
      ok = put_slot (ring, secret, &client, error);
      explicit_bzero (client_key, sizeof client_key);
    }
  return ok;
}

/* Puts a slot of the password in the place of all that another password had. */
static gboolean
put_password (CryptRing *ring, GBytes *secret, const CryptOpener *opener, const SatchelCredential *credential,
              GError **error)
{
  CryptOpener former = as_former (opener);
  crypt_ring_remove (ring, &former);
  return put_slot (ring, secret, opener, error) && put_clients (ring, secret, opener, credential, error);
}

/* Gives a ring that waits for its first login the slot of this one.  The password, from which all its other
 * slots can be made, ends the waiting. */
static gboolean
take_login (CryptRing *ring, GBytes *secret, const CryptOpener *opener, const SatchelCredential *credential,
            GError **error)
{
  if (opener->kind == CRYPT_BY_PASSWORD)
    return put_password (ring, secret, opener, credential, error) && crypt_ring_set_open (ring, NULL, error);
  return put_slot (ring, secret, opener, error);
}

/* Does that, and returns the key.  NULL: it waits no more, or @error. */
static GBytes *
adopt (const char *user, const CryptOpener *opener, const SatchelCredential *credential, GError **error)
{
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  g_autoptr (GBytes) secret = ring != NULL && ring->is_open ? crypt_ring_unlock_first (ring, error) : NULL;
  gboolean ok = secret != NULL && take_login (ring, secret, opener, credential, error)
                && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (ok && opener->kind == CRYPT_BY_PASSWORD)
    say (SATCHEL_LOG_INFO, user, "the key of the mail is sealed with the password");
  else if (ok)
    say (SATCHEL_LOG_WARNING, user,
         "the key of the mail lies readable in the ring until the user logs in with the password itself");
  return ok ? g_steal_pointer (&secret) : NULL;
}

/* Says whether the password, which opened @ring, has slots to make or to drop. */
static gboolean
is_unsettled (const CryptRing *ring, const CryptOpener *opener, const SatchelCredential *credential)
{
  CryptOpener former = as_former (opener);
  if (opener->kind != CRYPT_BY_PASSWORD)
    return FALSE;
  gboolean lacks = FALSE;
  for (SatchelScramHash hash = SATCHEL_SCRAM_SHA_1; hash <= SATCHEL_SCRAM_SHA_256; hash++)
    {
      SatchelScramKeys keys;
      const CryptOpener client = { .kind = CRYPT_BY_CLIENT,
                                   .name = SATCHEL_CREDENTIAL_PASSWORD,
                                   .variant = satchel_scram_hash_name (hash) };
      lacks = lacks
              || (credential != NULL && credential->scram != NULL
                  && satchel_scram_keys_parse (credential->scram, hash, &keys)
                  && crypt_ring_find (ring, &client) == NULL);
    }
  return lacks || crypt_ring_find (ring, &former) != NULL;
}

/* Makes and drops them.  Where that fails, the next login does it. */
static void
settle (const char *user, const CryptOpener *opener, GBytes *secret, const SatchelCredential *credential)
{
  g_autoptr (GError) error = NULL;
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &error);
  gboolean ok = ring != NULL && put_password (ring, secret, opener, credential, &error)
                && crypt_rings_store (ring, &error);
  crypt_rings_unlock ();
  if (!ok)
    satchel_log (SATCHEL_LOG_WARNING, CRYPT_AREA,
                 "user=\"%s\" slots of the ring stay as they are for now: %s", user, error->message);
}

/* Returns the key, or NULL: with @error if it cannot be told, else because nothing opens it. */
static GBytes *
unlock_ring (const char *user, const CryptRing *ring, const CryptOpener *opener,
             const SatchelCredential *credential, GError **error)
{
  g_autoptr (GError) why = NULL;
  CryptOpener former = as_former (opener);
  if (ring->is_open)
    return adopt (user, opener, credential, error);
  GBytes *secret = crypt_ring_unlock (ring, opener, &why);
  if (secret != NULL && is_unsettled (ring, opener, credential))
    settle (user, opener, secret, credential);
  if (secret == NULL && opener->kind == CRYPT_BY_PASSWORD)
    secret = crypt_ring_unlock (ring, &former, NULL);
  if (secret != NULL)
    return secret;
  if (!g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
  say (SATCHEL_LOG_WARNING, user,
       crypt_ring_find (ring, opener) != NULL
           ? "the password was changed, and does not open the key of the mail: the mail is locked until "
             "`satchel crypt recover` was run with the former password or the recovery key"
           : "this login has no slot in the ring: the mail is locked for it; an app password is made anew, "
             "and "
             "SCRAM has a slot after a login with the password itself");
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
  g_autoptr (GBytes) secret =
      ring != NULL ? unlock_ring (user, ring, &opener, satchel_auth_call_credential (call), &error) : NULL;
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
