/* SPDX-License-Identifier: MIT
 * What a login does with a ring.
 */
#include "login.h"
#include "escrow.h"
#include "wanted.h"

#include <satchel/log.h>
#include <satchel/scram.h>
#include <string.h>

#define CHANGED                                                                                              \
  "Your password was changed, and does not open your sealed mail yet. Log in once with an app password, or " \
  "ask your administrator to recover it with your recovery key."
#define NO_SLOT                                                                                              \
  "This login does not open your sealed mail. Log in once with the password itself, or make a new app "      \
  "password."
#define WITHHELD                                                                                             \
  "Your mail is sealed, and this login brings nothing that opens it: log in with your password, or an app "  \
  "password."
#define ESCROWED "Your mail is sealed, and whoever runs this server has a key that opens it, too (escrow)."
#define BEGUN                                                                                                \
  "Your mail is sealed with your password from now on. Ask for a recovery key: without it, a lost password " \
  "loses the mail."
#define CARRIED "An app password let your changed password open your sealed mail from now on."

static CryptSite own;

void
crypt_site_set (const CryptSite *site)
{
  g_clear_pointer (&own.policies, g_hash_table_unref);
  own = *site;
}

CryptPolicy
crypt_site_policy (const char *user)
{
  const char *at = strrchr (user, '@');
  gpointer found;
  g_autofree char *domain = g_ascii_strdown (at != NULL ? at + 1 : "", -1);
  return own.policies != NULL && g_hash_table_lookup_extended (own.policies, domain, NULL, &found)
             ? (CryptPolicy) GPOINTER_TO_UINT (found)
             : own.policy;
}

CryptRing *
crypt_ring_make (const char *user, GBytes **ret_secret, GError **error)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  if (keys == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for a key");
      return NULL;
    }
  g_autoptr (CryptRing) ring = crypt_ring_new (user, &crypt_keys_first (keys)->half);
  crypt_ring_decide (ring, FALSE);
  if (!crypt_escrow_settle (ring, secret, error))
    return NULL;
  *ret_secret = g_steal_pointer (&secret);
  return g_steal_pointer (&ring);
}

const CryptSite *
crypt_site (void)
{
  return &own;
}

static void
say (SatchelLogLevel level, const char *user, const char *what)
{
  satchel_log (level, CRYPT_AREA, "user=\"%s\" %s", user, what);
}

/* ---- slots ---- */

CryptOpener
crypt_login_former (const CryptOpener *opener)
{
  CryptOpener former = *opener;
  former.variant = "former";
  return former;
}

gboolean
crypt_login_put (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error)
{
  CryptSlot slot;
  return crypt_slot_seal (&slot, opener, &own.cost, &ring->half, secret, error)
         && crypt_ring_put (ring, &slot, error);
}

/* Puts slots for what SCRAM brings in the place of the password that @opener is, by what the passdb says of
 * the user (or NULL). */
static gboolean
put_clients (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  gboolean ok = TRUE;
  const char *scram = login->credential != NULL ? login->credential->scram : NULL;
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
      if (scram == NULL || !satchel_scram_keys_parse (scram, hash, &keys)
          || !satchel_scram_client_key (&keys, (const char *) login->opener.data, client_key))
        continue;
      ok = crypt_login_put (ring, secret, &client, error);
      explicit_bzero (client_key, sizeof client_key);
    }
  return ok;
}

/* Puts a slot of the password in the place of all that another password had. */
static gboolean
put_password (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  CryptOpener former = crypt_login_former (&login->opener);
  crypt_ring_remove (ring, &former);
  crypt_wanted_clear (ring);
  return crypt_login_put (ring, secret, &login->opener, error) && put_clients (ring, secret, login, error);
}

static gboolean
put_opener (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  return crypt_login_put (ring, secret, &login->opener, error);
}

/* Says whether @login, whose password opened @ring, has slots to make or to drop. */
static gboolean
is_unsettled (const CryptRing *ring, const CryptLogin *login)
{
  CryptOpener former = crypt_login_former (&login->opener);
  const char *scram = login->credential != NULL ? login->credential->scram : NULL;
  if (login->opener.kind != CRYPT_BY_PASSWORD)
    return FALSE;
  gboolean lacks = FALSE;
  for (SatchelScramHash hash = SATCHEL_SCRAM_SHA_1; hash <= SATCHEL_SCRAM_SHA_256; hash++)
    {
      SatchelScramKeys keys;
      const CryptOpener client = { .kind = CRYPT_BY_CLIENT,
                                   .name = SATCHEL_CREDENTIAL_PASSWORD,
                                   .variant = satchel_scram_hash_name (hash) };
      lacks = lacks
              || (scram != NULL && satchel_scram_keys_parse (scram, hash, &keys)
                  && crypt_ring_find (ring, &client) == NULL);
    }
  return lacks || crypt_wanted_is_there (ring) || crypt_ring_find (ring, &former) != NULL;
}

/* ---- a ring that waits for a login ---- */

void
crypt_login_link (CryptRing *ring, const CryptOpener *opener)
{
  for (guint i = 0; i < ring->former->len; i++)
    {
      CryptRing *former = ring->former->pdata[i];
      g_autoptr (GBytes) secret =
          !crypt_ring_is_linked (ring, former) ? crypt_ring_unlock (former, opener, NULL) : NULL;
      if (secret != NULL)
        (void) crypt_ring_link (ring, former, secret, NULL);
    }
}

/* Gives a ring that waits for its first login the slot of this one.  The password, from which all its other
 * slots can be made, ends the waiting. */
static gboolean
take_login (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  crypt_login_link (ring, &login->opener);
  if (!crypt_escrow_settle (ring, secret, error))
    return FALSE;
  if (login->opener.kind == CRYPT_BY_PASSWORD)
    return put_password (ring, secret, login, error) && crypt_ring_set_open (ring, NULL, error);
  return crypt_login_put (ring, secret, &login->opener, error);
}

/* Does that, and returns the keys.  NULL: it waits no more, or @error. */
static GBytes *
adopt (const CryptLogin *login, const char **ret_notice, GError **error)
{
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (login->user, error);
  g_autoptr (GBytes) secret = ring != NULL && ring->is_open ? crypt_ring_unlock_first (ring, error) : NULL;
  gboolean ok = secret != NULL && take_login (ring, secret, login, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (ok && login->opener.kind == CRYPT_BY_PASSWORD)
    say (SATCHEL_LOG_INFO, login->user, "the key of the mail is sealed with the password");
  else if (ok)
    say (SATCHEL_LOG_WARNING, login->user,
         "the key of the mail lies readable in the ring until the user logs in with the password itself");
  if (ok && crypt_escrow_is_on () && login->opener.kind == CRYPT_BY_PASSWORD)
    *ret_notice = ESCROWED;
  return ok ? crypt_ring_all_of (ring, ring, secret) : NULL;
}

/* ---- a ring with slots ---- */

/* Changes the ring of @login, whose present key is @secret. */
typedef gboolean (*ChangeFunc) (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error);

/* Makes the change.  FALSE: it failed, which is logged; the next login tries again. */
static gboolean
change (const CryptLogin *login, GBytes *secret, ChangeFunc func)
{
  g_autoptr (GError) error = NULL;
  if (login->is_test)
    return FALSE;
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (login->user, &error);
  gboolean ok = ring != NULL && func (ring, secret, login, &error) && crypt_rings_store (ring, &error);
  crypt_rings_unlock ();
  if (!ok)
    satchel_log (SATCHEL_LOG_WARNING, CRYPT_AREA,
                 "user=\"%s\" slots of the ring stay as they are for now: %s", login->user, error->message);
  return ok;
}

static gboolean
put_escrow (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  return crypt_escrow_settle (ring, secret, error);
}

/* Gives or takes the slot of the site's key, and lets the user know of a new one. */
static void
settle_escrow (const CryptRing *ring, const CryptLogin *login, GBytes *secret, const char **ret_notice)
{
  if (crypt_escrow_is_settled (ring) || !change (login, secret, put_escrow))
    return;
  if (crypt_escrow_is_on ())
    *ret_notice = ESCROWED;
  say (SATCHEL_LOG_INFO, login->user,
       crypt_escrow_is_on () ? "the site's key opens the mail from now on"
                             : "the site's key opens the mail no more");
}

/* Gives a login that opens nothing its slot, by the site's key, if that is here. */
static GBytes *
open_by_escrow (const CryptRing *ring, const CryptLogin *login)
{
  GBytes *secret = crypt_escrow_open (ring);
  if (secret != NULL
      && change (login, secret, login->opener.kind == CRYPT_BY_PASSWORD ? put_password : put_opener))
    say (SATCHEL_LOG_INFO, login->user, "the site's key gave a login that opened nothing its slot");
  return secret;
}

static gboolean
hand_over (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  crypt_login_link (ring, &login->opener);
  return !crypt_wanted_is_waiting (ring) || crypt_wanted_give (ring, secret, error);
}

/* Says whether the app password of the login opens what the present key does not give. */
static gboolean
has_lost (const CryptRing *ring, const CryptOpener *opener)
{
  for (guint i = 0; i < ring->former->len; i++)
    if (!crypt_ring_is_linked (ring, ring->former->pdata[i])
        && crypt_ring_find (ring->former->pdata[i], opener) != NULL)
      return TRUE;
  return FALSE;
}

/* Lets what the user changed elsewhere have the key, by an app password that opens it. */
static void
carry_over (const CryptRing *ring, const CryptLogin *login, GBytes *secret, const char **ret_notice)
{
  gboolean is_waiting = crypt_wanted_is_waiting (ring);
  if (login->opener.kind != CRYPT_BY_APP || !own.carries_over
      || (!is_waiting && !has_lost (ring, &login->opener)) || !change (login, secret, hand_over)
      || !is_waiting)
    return;
  *ret_notice = CARRIED;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA,
               "user=\"%s\" the app password %s handed the key of the mail to the password that was changed",
               login->user, login->opener.name);
}

/* Returns the present key, by the password of before or what was handed to this one. */
static GBytes *
open_by_password (const CryptRing *ring, const CryptLogin *login)
{
  CryptOpener former = crypt_login_former (&login->opener);
  GBytes *secret = crypt_ring_unlock (ring, &former, NULL);
  if (secret != NULL)
    return secret; /* it stays, since the one after it may be about to count */
  secret = crypt_wanted_take (ring, &login->opener);
  if (secret != NULL && change (login, secret, put_password))
    say (SATCHEL_LOG_INFO, login->user, "the key of the mail is sealed with the password that was changed");
  return secret;
}

static gboolean
want (CryptRing *ring, GBytes *secret, const CryptLogin *login, GError **error)
{
  return crypt_wanted_put (ring, &login->opener, &own.cost, error);
}

/* Notes a password that opens nothing, and says so. */
static void
tell_changed (const CryptRing *ring, const CryptLogin *login, const char **ret_notice)
{
  if (login->opener.kind == CRYPT_BY_PASSWORD && !crypt_wanted_is_of (ring, &login->opener))
    (void) change (login, NULL, want);
  gboolean is_changed =
      login->opener.kind == CRYPT_BY_PASSWORD
      || (login->opener.kind == CRYPT_BY_CLIENT && crypt_ring_find (ring, &login->opener) != NULL);
  *ret_notice = is_changed ? CHANGED : NO_SLOT;
  say (SATCHEL_LOG_WARNING, login->user,
       is_changed
           ? "the password was changed, and does not open the key of the mail: the mail is locked until a "
             "login with an app password, or `satchel crypt recover` with the recovery key or the former "
             "password"
           : "this login has no slot in the ring: the mail is locked for it; an app password is made anew, "
             "and SCRAM has a slot after a login with the password itself");
}

/* Returns former keys that the login opens, though it does not open the present one.  NULL: none. */
static GBytes *
open_former (const CryptRing *ring, const CryptOpener *opener)
{
  for (guint i = 0; opener->kind == CRYPT_BY_APP && i < ring->former->len; i++)
    {
      g_autoptr (GBytes) secret = crypt_ring_unlock (ring->former->pdata[i], opener, NULL);
      if (secret != NULL)
        return crypt_ring_all_of (ring, ring->former->pdata[i], secret);
    }
  return NULL;
}

GBytes *
crypt_login_open (const CryptLogin *login, const CryptRing *ring, const char **ret_notice, GError **error)
{
  g_autoptr (GError) why = NULL;
  *ret_notice = NULL;
  if (ring->is_open && login->is_test)
    return crypt_ring_unlock_first (ring, error);
  if (ring->is_open)
    return adopt (login, ret_notice, error);
  g_autoptr (GBytes) secret = crypt_ring_unlock (ring, &login->opener, &why);
  if (secret != NULL && is_unsettled (ring, login))
    (void) change (login, secret, put_password);
  else if (secret != NULL)
    carry_over (ring, login, secret, ret_notice);
  else if (login->opener.kind == CRYPT_BY_PASSWORD)
    secret = open_by_password (ring, login);
  if (secret == NULL && g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    secret = open_by_escrow (ring, login);
  if (secret != NULL)
    {
      settle_escrow (ring, login, secret, ret_notice);
      return crypt_ring_all_of (ring, ring, secret);
    }
  if (!g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
  tell_changed (ring, login, ret_notice);
  return open_former (ring, &login->opener);
}

GBytes *
crypt_login_begin (const CryptLogin *login, const char **ret_notice, GError **error)
{
  g_autoptr (GBytes) secret = NULL;
  crypt_rings_lock ();
  g_autoptr (CryptRing) there = crypt_rings_load (login->user, NULL);
  const gboolean is_clear = there == NULL && crypt_rings_is_clear (login->user);
  g_autoptr (CryptRing) ring =
      there == NULL && !is_clear ? crypt_ring_make (login->user, &secret, error) : NULL;
  gboolean ok = ring != NULL && put_password (ring, secret, login, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (there != NULL)
    return crypt_login_open (login, there, ret_notice, error);
  if (!ok)
    return NULL;
  *ret_notice = crypt_escrow_is_on () ? ESCROWED : BEGUN;
  say (SATCHEL_LOG_INFO, login->user, "has a ring by crypt.policy: new mail is sealed from now on");
  return crypt_ring_all_of (ring, ring, secret);
}

GBytes *
crypt_login_open_proved (const char *user, const CryptRing *ring, gboolean *ret_is_withheld,
                         const char **ret_notice)
{
  g_autoptr (GBytes) secret = crypt_escrow_open (ring);
  *ret_is_withheld = secret == NULL;
  if (secret != NULL)
    return crypt_ring_all_of (ring, ring, secret);
  *ret_notice = WITHHELD;
  say (
      SATCHEL_LOG_WARNING, user,
      crypt_escrow_has_key ()
          ? "a login without a secret is refused: the ring has no slot for the site's key, which it gets "
            "when "
            "the user logs in with the password"
          : "a login without a secret is refused, since it opens no sealed mail: the user needs the password "
            "or an app password, or the site crypt.escrow and crypt.escrow_key");
  return NULL;
}

gsize
crypt_login_cost (const CryptRing *ring, const CryptOpener *opener)
{
  const CryptSlot *slot = crypt_ring_find (ring, opener);
  return MAX (slot != NULL ? slot->cost.memory_bytes : 0,
              ring->is_open || opener->kind == CRYPT_BY_PASSWORD ? own.cost.memory_bytes : 0);
}
