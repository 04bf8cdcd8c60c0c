/* SPDX-License-Identifier: MIT
 * The commands `satchel crypt ...`: a ring is made, shown, and opened again for a login.
 */
#include "admin.h"
#include "keyring.h"
#include "recovery.h"

#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

static const char *
user_of (SatchelAdminCall *call)
{
  return satchel_admin_access (call)->owner;
}

/* ---- enable ---- */

/* Adds a slot for a new recovery key, in place of an earlier one, and writes the key to @ret_shown. */
static gboolean
put_recovery (CryptRing *ring, GBytes *secret, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  CryptSlot slot;
  CryptOpener opener = crypt_recovery_make (ret_shown);
  gboolean ok = crypt_slot_seal (&slot, &opener, NULL, &ring->half, secret, error)
                && crypt_ring_put (ring, &slot, error);
  crypt_recovery_clear (&opener);
  return ok;
}

/* Makes the ring of a user who has none. */
static CryptRing *
make_ring (const char *user, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  if (keys == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for a key");
      return NULL;
    }
  g_autoptr (CryptRing) ring = crypt_ring_new (user, &crypt_keys_first (keys)->half);
  return put_recovery (ring, secret, ret_shown, error) && crypt_ring_set_open (ring, secret, error)
             ? g_steal_pointer (&ring)
             : NULL;
}

static gboolean
check_has_none (const char *user, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &why);
  if (ring != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "the mail of %s is sealed already", user);
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static void
show_recovery (SatchelAdminCall *call, const char *shown)
{
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user_of (call)),
                        SATCHEL_ADMIN_TEXT ("recovery_key", shown));
  satchel_admin_print (call, "The recovery key is shown this once. It opens the mail when the password is "
                             "lost; without both, nobody can.");
}

static gboolean
run_enable (SatchelAdminCall *call, GError **error)
{
  char shown[CRYPT_RECOVERY_SHOWN + 1];
  const char *user = user_of (call);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = check_has_none (user, error) ? make_ring (user, shown, error) : NULL;
  gboolean ok = ring != NULL && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (!ok)
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" has a ring: new mail is sealed from now on", user);
  satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
  show_recovery (call, shown);
  satchel_admin_print (call,
                       "New mail is sealed from now on; earlier mail stays as it is. Until the user logs "
                       "in with the password, the key lies readable in the ring.");
  explicit_bzero (shown, sizeof shown);
  return TRUE;
}

/* ---- status ---- */

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  g_autoptr (GError) why = NULL;
  const char *user = user_of (call);
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &why);
  if (ring == NULL && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user), SATCHEL_ADMIN_BOOL ("sealed", ring != NULL),
                        SATCHEL_ADMIN_BOOL ("waits_for_login", ring != NULL && ring->is_open));
  for (guint i = 0; ring != NULL && i < ring->slots->len; i++)
    {
      const CryptSlot *slot = &g_array_index (ring->slots, CryptSlot, i);
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("slot", slot->name),
                            SATCHEL_ADMIN_TEXT ("opened_by", crypt_opener_words[slot->kind]),
                            SATCHEL_ADMIN_TEXT ("variant", slot->variant));
    }
  return TRUE;
}

/* ---- with a secret that opens the ring ---- */

/* Opens @ring with what was typed: the recovery key, or a password that a slot is for.  Yours. */
static GBytes *
open_typed (const CryptRing *ring, const char *typed, GError **error)
{
  CryptOpener recovery = { 0 };
  GBytes *secret = NULL;
  if (crypt_recovery_read (typed, &recovery))
    secret = crypt_ring_unlock (ring, &recovery, NULL);
  crypt_recovery_clear (&recovery);
  if (secret != NULL)
    return secret;
  char *prepared = satchel_secret_prepare (typed);
  CryptOpener password = { .kind = CRYPT_BY_PASSWORD,
                           .name = SATCHEL_CREDENTIAL_PASSWORD,
                           .variant = "",
                           .data = (const guint8 *) prepared,
                           .len = strlen (prepared) };
  secret = crypt_ring_unlock (ring, &password, NULL);
  explicit_bzero (prepared, strlen (prepared));
  g_free (prepared);
  if (secret == NULL)
    satchel_error_set (
        error, SATCHEL_ERROR_NOPERM,
        "that is neither the recovery key of %s nor the password that sealed the key of the mail",
        ring->user);
  return secret;
}

/* Changes the ring with what opens it; @ret_shown is for a new recovery key. */
typedef gboolean (*OpenedFunc) (CryptRing *ring, GBytes *secret, char ret_shown[CRYPT_RECOVERY_SHOWN + 1],
                                GError **error);

static gboolean
change_opened (SatchelAdminCall *call, OpenedFunc change, char ret_shown[CRYPT_RECOVERY_SHOWN + 1],
               GError **error)
{
  const char *typed = satchel_config_string (satchel_admin_options (call), "password");
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user_of (call), error);
  g_autoptr (GBytes) secret = ring != NULL ? open_typed (ring, typed, error) : NULL;
  gboolean ok = secret != NULL && change (ring, secret, ret_shown, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  return ok;
}

/* Says whether something was typed; else asks for it. */
static gboolean
is_typed (SatchelAdminCall *call)
{
  if (satchel_config_string (satchel_admin_options (call), "password") != NULL)
    return TRUE;
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user_of (call)),
                        SATCHEL_ADMIN_TEXT ("needs", "password"));
  satchel_admin_ask (call, "password", "The recovery key, or the password that sealed the key of the mail");
  return FALSE;
}

static gboolean
open_for_login (CryptRing *ring, GBytes *secret, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  return crypt_ring_set_open (ring, secret, error);
}

static gboolean
run_recover (SatchelAdminCall *call, GError **error)
{
  const char *user = user_of (call);
  if (!is_typed (call))
    return TRUE;
  if (!change_opened (call, open_for_login, NULL, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" the ring waits for the next login", user);
  satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
  satchel_admin_print (call,
                       "The next login of %s with the password opens the mail, and so does every later one. "
                       "Until then the key lies readable in the ring.",
                       user);
  return TRUE;
}

static gboolean
run_recovery_key (SatchelAdminCall *call, GError **error)
{
  char shown[CRYPT_RECOVERY_SHOWN + 1];
  if (!is_typed (call))
    return TRUE;
  if (!change_opened (call, put_recovery, shown, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" has another recovery key", user_of (call));
  show_recovery (call, shown);
  explicit_bzero (shown, sizeof shown);
  return TRUE;
}

/* ---- table ---- */

static const SatchelConfigRow opened_options[] = {
  { "password", SATCHEL_CONFIG_STRING, NULL,
    "The recovery key, or the password that sealed the key of the mail; asked for if it is not given" },
  { NULL }
};

#define COMMAND(a_name, a_summary, ...)                                                                      \
  { .size = sizeof (SatchelAdminCommand),                                                                    \
    .name = a_name,                                                                                          \
    .summary = a_summary,                                                                                    \
    .of_user = TRUE,                                                                                         \
    .in_auth = TRUE,                                                                                         \
    __VA_ARGS__ }
static const SatchelAdminCommand enable = COMMAND (
    "enable", "Seal a user's new mail", .run = run_enable,
    .details = "A recovery key is shown once: give it to the user.  It cannot be undone.\n"
               "Earlier mail is not sealed.  Sessions opened with the password end, so that the next login\n"
               "brings what seals the user's key; until then the key lies readable in the ring.\n"
               "App passwords of before open locked mail only, and have to be made anew.");
static const SatchelAdminCommand status =
    COMMAND ("status", "Show whether a user's new mail is sealed, and what opens it", .run = run_status);
static const SatchelAdminCommand recover = COMMAND (
    "recover", "Let a user's next login open the mail", .run = run_recover, .options = opened_options,
    .details = "This is for a password that was changed: it needs the former one, or the recovery key.");
static const SatchelAdminCommand recovery_key =
    COMMAND ("recovery-key", "Make another recovery key for a user", .run = run_recovery_key,
             .options = opened_options, .details = "The former one opens nothing any more.");

static const SatchelAdminCommand *const commands[] = { &enable, &status, &recover, &recovery_key, NULL };
const SatchelAdminOps crypt_commands = { sizeof crypt_commands, commands };
