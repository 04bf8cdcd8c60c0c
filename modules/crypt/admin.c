/* SPDX-License-Identifier: MIT
 * The commands `satchel crypt ...`: a ring is made, shown, and opened again for a login.
 */
#include "admin.h"
#include "admin_private.h"
#include "work_admin.h"

#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

/* ---- enable ---- */

/* Makes the ring of a user who has none. */
static CryptRing *
make_ring (const char *user, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  g_autoptr (GBytes) secret = NULL;
  g_autoptr (CryptRing) ring = crypt_ring_make (user, &secret, error);
  return ring != NULL && crypt_recovery_put (ring, secret, ret_shown, error)
                 && crypt_ring_set_open (ring, secret, error)
             ? g_steal_pointer (&ring)
             : NULL;
}

/* Loads the ring of @user; yours.  NULL without @error: there is none. */
static CryptRing *
load_ring (const char *user, GError **error)
{
  g_autoptr (GError) why = NULL;
  CryptRing *ring = crypt_rings_load (user, &why);
  if (ring == NULL && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    g_propagate_error (error, g_steal_pointer (&why));
  return ring;
}

/* Returns the ring by which mail is sealed from now on: a new one, or one whose mail was being opened, whose
 * recovery key stays (@ret_shown is empty). */
static CryptRing *
ring_to_enable (const char *user, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  GError *why = NULL;
  CryptRing *ring = load_ring (user, &why);
  ret_shown[0] = '\0';
  if (ring == NULL && why == NULL)
    ring = make_ring (user, ret_shown, &why);
  else if (ring != NULL && !ring->is_opening)
    {
      satchel_error_set (&why, SATCHEL_ERROR_ALREADYEXISTS, "the mail of %s is sealed already", user);
      g_clear_pointer (&ring, crypt_ring_free);
    }
  if (ring != NULL && !crypt_rings_set_clear (user, FALSE, &why))
    g_clear_pointer (&ring, crypt_ring_free);
  if (ring != NULL)
    crypt_ring_decide (ring, FALSE);
  else
    g_propagate_error (error, why);
  return ring;
}

static gboolean
run_enable (SatchelAdminCall *call, GError **error)
{
  char shown[CRYPT_RECOVERY_SHOWN + 1];
  const char *user = crypt_admin_user (call);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = ring_to_enable (user, shown, error);
  gboolean ok = ring != NULL && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (!ok)
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" has a ring: mail is sealed from now on", user);
  satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
  if (shown[0] != '\0')
    crypt_admin_show_recovery (call, shown);
  satchel_admin_print (call, "New mail is sealed from now on, and earlier mail in the background.%s",
                       ring->is_open ? " Until the user logs in with the password, the key lies readable in "
                                       "the ring."
                                     : "");
  explicit_bzero (shown, sizeof shown);
  return TRUE;
}

/* ---- disable ---- */

/* Lets the mail of a ring be opened. */
static gboolean
begin_opening (CryptRing *ring, GError **error)
{
  if (ring->is_opening)
    return TRUE;
  crypt_ring_decide (ring, TRUE);
  if (!crypt_rings_store (ring, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" mail is opened, and new mail is not sealed",
               ring->user);
  return TRUE;
}

/* Who has no ring keeps none, though crypt.policy may be `everyone`. */
static gboolean
run_disable (SatchelAdminCall *call, GError **error)
{
  const char *user = crypt_admin_user (call);
  GError *why = NULL;
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = load_ring (user, &why);
  gboolean ok =
      why == NULL && crypt_rings_set_clear (user, TRUE, &why) && (ring == NULL || begin_opening (ring, &why));
  crypt_rings_unlock ();
  if (!ok)
    g_propagate_error (error, why);
  else if (ring != NULL)
    satchel_admin_print (call,
                         "New mail is not sealed any more. Sealed mail is opened while a session of the "
                         "user is there, or with --recovery; then the ring is removed.");
  else
    satchel_admin_print (call, "The mail of %s is not sealed, and stays so until `satchel crypt enable`.",
                         user);
  return ok;
}

/* ---- status ---- */

/* Counts the former keys that the present one does not give. */
static guint
n_locked (const CryptRing *ring)
{
  guint n = 0;
  for (guint i = 0; i < ring->former->len; i++)
    n += crypt_ring_is_linked (ring, ring->former->pdata[i]) ? 0 : 1;
  return n;
}

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  GError *why = NULL;
  const char *user = crypt_admin_user (call);
  g_autoptr (CryptRing) ring = load_ring (user, &why);
  if (why != NULL)
    {
      g_propagate_error (error, why);
      return FALSE;
    }
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user),
                        SATCHEL_ADMIN_BOOL ("sealed", ring != NULL && !ring->is_opening),
                        SATCHEL_ADMIN_BOOL ("waits_for_login", ring != NULL && ring->is_open),
                        SATCHEL_ADMIN_NUMBER ("former_keys", ring != NULL ? ring->former->len : 0),
                        SATCHEL_ADMIN_NUMBER ("locked_keys", ring != NULL ? n_locked (ring) : 0));
  for (guint i = 0; ring != NULL && i < ring->slots->len; i++)
    {
      const CryptSlot *slot = &g_array_index (ring->slots, CryptSlot, i);
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("slot", slot->name),
                            SATCHEL_ADMIN_TEXT ("opened_by", crypt_opener_words[slot->kind]),
                            SATCHEL_ADMIN_TEXT ("variant", slot->variant));
    }
  return TRUE;
}

/* ---- table ---- */

static const SatchelAdminCommand enable = CRYPT_COMMAND (
    "enable", "Seal a user's mail", .run = run_enable, .options = crypt_continue_options, .then = "continue",
    .by_domain = TRUE,
    .details = "A recovery key is shown once: give it to the user.  Mail of before is sealed in the\n"
               "background, which `satchel crypt status` shows.\n"
               "Sessions opened with the password end, so that the next login\n"
               "brings what seals the user's key; until then the key lies readable in the ring.\n"
               "App passwords of before open locked mail only, and have to be made anew.");
static const SatchelAdminCommand disable = CRYPT_COMMAND (
    "disable", "Open a user's mail again, and keep it in clear", .run = run_disable,
    .options = crypt_continue_options, .then = "continue",
    .details =
        "New mail is stored in clear at once.  Sealed mail is opened in the background while a session\n"
        "of the user is there, or by this command with the recovery key; when none is sealed any more,\n"
        "the ring is removed.  `satchel crypt enable` takes it back; until then no login makes a ring,\n"
        "whatever crypt.policy is.");
static const SatchelAdminCommand status =
    CRYPT_COMMAND ("status", "Show whether a user's mail is sealed, and what opens it", .run = run_status,
                   .then = "progress");

static const SatchelAdminCommand *const commands[] = { &enable,
                                                       &disable,
                                                       &status,
                                                       &crypt_command_recover,
                                                       &crypt_command_recovery_key,
                                                       &crypt_command_rekey,
                                                       &crypt_command_escrow_key,
                                                       &crypt_command_continue,
                                                       &crypt_command_progress,
                                                       &crypt_command_copy,
                                                       &crypt_command_restore,
                                                       &crypt_command_verify,
                                                       NULL };
const SatchelAdminOps crypt_commands = { sizeof crypt_commands, commands };
