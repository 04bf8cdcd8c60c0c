/* SPDX-License-Identifier: MIT
 * Commands that open a ring with a secret that the administrator types.
 */
#include "admin_private.h"
#include "escrow.h"
#include "wanted.h"

#include <satchel/log.h>
#include <string.h>

void
crypt_admin_show_recovery (SatchelAdminCall *call, const char *shown)
{
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", crypt_admin_user (call)),
                        SATCHEL_ADMIN_TEXT ("recovery_key", shown));
  satchel_admin_print (call, "The recovery key is shown this once. It opens the mail when the password is "
                             "lost; without both, nobody can.");
}

/* Opens @ring with what was typed: the recovery key, the site's private key, or a password that a slot is
 * for. Yours, or NULL. */
static GBytes *
open_typed (const CryptRing *ring, const char *typed)
{
  CryptOpener recovery = { 0 };
  GBytes *secret = NULL;
  if (crypt_recovery_read (typed, &recovery))
    secret = crypt_ring_unlock (ring, &recovery, NULL);
  crypt_recovery_clear (&recovery);
  if (secret == NULL)
    secret = crypt_escrow_open_by (ring, typed);
  if (secret != NULL)
    return secret;
  char *prepared = satchel_secret_prepare (typed);
  CryptOpener password = { .kind = CRYPT_BY_PASSWORD,
                           .name = SATCHEL_CREDENTIAL_PASSWORD,
                           .variant = "",
                           .data = (const guint8 *) prepared,
                           .len = strlen (prepared) };
  CryptOpener former = crypt_login_former (&password);
  secret = crypt_ring_unlock (ring, &password, NULL);
  if (secret == NULL)
    secret = crypt_ring_unlock (ring, &former, NULL);
  explicit_bzero (prepared, strlen (prepared));
  g_free (prepared);
  return secret;
}

static gboolean
refuse (const CryptRing *ring, GError **error)
{
  return satchel_error_set (
      error, SATCHEL_ERROR_NOPERM,
      "that is neither the recovery key of %s nor the password that sealed the key of the mail%s", ring->user,
      crypt_escrow_is_on () ? ", nor the site's private key" : "");
}

/* What was done with the secret that was typed. */
typedef struct Typed
{
  const char *text;
  char shown[CRYPT_RECOVERY_SHOWN + 1]; /* a new recovery key */
  guint n_former;                       /* keys of before that the present one gives now */
  gboolean is_open, is_given;           /* for the next login; for the password that was changed */
} Typed;
typedef gboolean (*ChangeFunc) (CryptRing *ring, Typed *typed, GError **error);

static gboolean
change_typed (SatchelAdminCall *call, ChangeFunc change, Typed *typed, GError **error)
{
  typed->text = satchel_config_string (satchel_admin_options (call), "password");
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (crypt_admin_user (call), error);
  gboolean ok = ring != NULL && change (ring, typed, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  return ok;
}

/* Says whether something was typed; else asks for it. */
static gboolean
is_typed (SatchelAdminCall *call)
{
  if (satchel_config_string (satchel_admin_options (call), "password") != NULL)
    return TRUE;
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", crypt_admin_user (call)),
                        SATCHEL_ADMIN_TEXT ("needs", "password"));
  satchel_admin_ask (call, "password", "The recovery key, or the password that sealed the key of the mail");
  return FALSE;
}

/* ---- recover ---- */

static gboolean
link_former (CryptRing *ring, Typed *typed, GError **error)
{
  for (guint i = 0; i < ring->former->len; i++)
    {
      CryptRing *former = ring->former->pdata[i];
      g_autoptr (GBytes) secret =
          !crypt_ring_is_linked (ring, former) ? open_typed (former, typed->text) : NULL;
      if (secret != NULL && !crypt_ring_link (ring, former, secret, error))
        return FALSE;
      typed->n_former += secret != NULL ? 1 : 0;
    }
  return TRUE;
}

/* A password that the user has logged in with is given the key; else the next one is, whatever it is. */
static gboolean
open_for_login (CryptRing *ring, Typed *typed, GError **error)
{
  if (!link_former (ring, typed, error))
    return FALSE;
  g_autoptr (GBytes) secret = open_typed (ring, typed->text);
  if (secret == NULL)
    return typed->n_former > 0 || refuse (ring, error);
  typed->is_given = crypt_wanted_is_waiting (ring);
  typed->is_open = !typed->is_given;
  return typed->is_given ? crypt_wanted_give (ring, secret, error)
                         : crypt_ring_set_open (ring, secret, error);
}

static void
tell_recovered (SatchelAdminCall *call, const Typed *typed)
{
  const char *user = crypt_admin_user (call);
  if (typed->n_former > 0)
    satchel_admin_print (call, "Earlier mail of %s, sealed with a key of before, is readable again.", user);
  if (typed->is_given)
    satchel_admin_print (call, "The changed password that %s logged in with opens the mail from now on.",
                         user);
  if (typed->is_open)
    satchel_admin_print (call,
                         "The next login of %s with the password opens the mail, and so does every later "
                         "one. Until then the key lies readable in the ring.",
                         user);
}

static gboolean
run_recover (SatchelAdminCall *call, GError **error)
{
  const char *user = crypt_admin_user (call);
  Typed typed = { 0 };
  if (!is_typed (call))
    return TRUE;
  if (!change_typed (call, open_for_login, &typed, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" %s", user,
               typed.is_open ? "the ring waits for the next login" : "the ring was opened to the password");
  satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
  tell_recovered (call, &typed);
  return TRUE;
}

/* ---- recovery-key ---- */

static gboolean
put_typed (CryptRing *ring, Typed *typed, GError **error)
{
  g_autoptr (GBytes) secret = open_typed (ring, typed->text);
  return secret != NULL ? crypt_recovery_put (ring, secret, typed->shown, error) : refuse (ring, error);
}

static gboolean
run_recovery_key (SatchelAdminCall *call, GError **error)
{
  Typed typed = { 0 };
  if (!is_typed (call))
    return TRUE;
  gboolean ok = change_typed (call, put_typed, &typed, error);
  if (ok)
    {
      satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" has another recovery key",
                   crypt_admin_user (call));
      crypt_admin_show_recovery (call, typed.shown);
    }
  explicit_bzero (typed.shown, sizeof typed.shown);
  return ok;
}

/* ---- rekey ---- */

/* Gives the ring another key, which gives the former one, so that all mail stays readable.  The next login
 * brings what seals the new one. */
static gboolean
rekey_typed (CryptRing *ring, Typed *typed, GError **error)
{
  g_autoptr (GBytes) old = open_typed (ring, typed->text);
  g_autoptr (GBytes) secret = old != NULL ? crypt_key_generate () : NULL;
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  if (old == NULL)
    return refuse (ring, error);
  if (keys == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for a key");
  if (ring->is_opening)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "the mail is being opened (`satchel crypt disable`)");
  if (!crypt_ring_renew (ring, &crypt_keys_first (keys)->half, error)
      || !crypt_ring_link (ring, ring->former->pdata[0], old, error))
    return FALSE;
  ring->is_rekeying = TRUE;
  return crypt_recovery_put (ring, secret, typed->shown, error) && crypt_escrow_settle (ring, secret, error)
         && crypt_ring_set_open (ring, secret, error);
}

static gboolean
run_rekey (SatchelAdminCall *call, GError **error)
{
  const char *user = crypt_admin_user (call);
  Typed typed = { 0 };
  if (!is_typed (call))
    return TRUE;
  gboolean ok = change_typed (call, rekey_typed, &typed, error);
  if (ok)
    {
      satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" has another key: mail is sealed anew", user);
      satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
      crypt_admin_show_recovery (call, typed.shown);
      satchel_admin_print (call,
                           "New mail is sealed with the new key; earlier mail is sealed anew while a "
                           "session of the user is there, and then the former key is forgotten. Until "
                           "the user logs in with the password, the new key lies readable in the ring.");
    }
  explicit_bzero (typed.shown, sizeof typed.shown);
  return ok;
}

/* ---- table ---- */

static const SatchelConfigRow opened_options[] = {
  { "password", SATCHEL_CONFIG_STRING, NULL,
    "The recovery key, or the password that sealed the key of the mail; asked for if it is not given" },
  { NULL }
};

const SatchelAdminCommand crypt_command_recover = CRYPT_COMMAND (
    "recover", "Let a user's changed password open the mail", .run = run_recover, .options = opened_options,
    .details =
        "This is for a password that was changed: it needs the former one, or the recovery key.  If the\n"
        "user has logged in with the changed password, that one gets the key, else the next login does.\n"
        "Mail from before `satchel user passwd --lose-mail` is opened by what opened it then.");
const SatchelAdminCommand crypt_command_recovery_key =
    CRYPT_COMMAND ("recovery-key", "Make another recovery key for a user", .run = run_recovery_key,
                   .options = opened_options, .details = "The former one opens nothing any more.");
const SatchelAdminCommand crypt_command_rekey = CRYPT_COMMAND (
    "rekey", "Give a user's mail another key", .run = run_rekey, .options = opened_options,
    .then = "progress",
    .details =
        "It needs the recovery key, or the password that sealed the key of the mail, and shows a new\n"
        "recovery key.  All mail stays readable; what the former key sealed is sealed anew while a\n"
        "session of the user is there, and then the former key is forgotten.  App passwords of before\n"
        "have to be made anew.");
