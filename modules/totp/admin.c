/* SPDX-License-Identifier: MIT
 * Lists the commands `satchel totp ...`, and those that are short. They run as jobs of the auth process.
 */
#include "admin.h"

#include <satchel/log.h>
#include <sodium.h>

/* ---- status ---- */

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  static const char *const policies[] = { "off", "optional", "required", "required-unknown" };
  const char *name = totp_admin_user (call);
  TotpUser copy = { 0 };
  guint n_grants = 0;
  if (!totp_lock_state (error))
    return FALSE;
  TotpUser *user = totp_state_find (totp.state, name);
  if (user != NULL)
    {
      totp_state_expire (totp.state, user, totp_settings_grant_times (totp.settings), totp_now_s ());
      n_grants = user->grants->len;
      copy = *user;
    }
  TotpPolicy policy = totp_settings_policy (totp.settings, name);
  g_mutex_unlock (&totp.lock);
  if (user == NULL)
    return satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", name),
                                 SATCHEL_ADMIN_BOOL ("enrolled", FALSE),
                                 SATCHEL_ADMIN_TEXT ("policy", policies[policy]));
  return satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("user", name), SATCHEL_ADMIN_BOOL ("enrolled", TRUE),
      SATCHEL_ADMIN_TEXT ("policy", policies[policy]), SATCHEL_ADMIN_NUMBER ("since", copy.created_s),
      SATCHEL_ADMIN_TEXT ("algorithm", totp_algorithm_name (copy.algorithm)),
      SATCHEL_ADMIN_NUMBER ("digits", copy.digits), SATCHEL_ADMIN_NUMBER ("recovery_codes", copy.n_recovery),
      SATCHEL_ADMIN_NUMBER ("grants", n_grants), SATCHEL_ADMIN_NUMBER ("wrong_codes", copy.n_wrong),
      SATCHEL_ADMIN_BOOL ("shut", copy.is_shut));
}

/* ---- reset ---- */

static gboolean
remove_user (const char *name, GPtrArray **ret_names, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  totp_forget_pending (name);
  if (user == NULL)
    return totp_fail_not_enrolled (name, error);
  *ret_names = totp_grant_names (user, 0);
  totp_state_remove (totp.state, user);
  return totp_state_commit (totp.state, error);
}

/* Takes all of a user away, and ends the sessions of grants. NONEXISTENT means that there is nothing. */
static gboolean
reset_user (const char *name, GError **error)
{
  g_autoptr (GPtrArray) names = NULL;
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = remove_user (name, &names, error);
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  totp_end_sessions (name, names);
  satchel_log (SATCHEL_LOG_INFO, TOTP_AREA, "user=\"%s\" is no longer enrolled", name);
  return TRUE;
}

gboolean
totp_forget_user (const char *name, GError **error)
{
  g_autoptr (GError) own = NULL;
  if (reset_user (name, &own) || g_error_matches (own, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

static gboolean
run_reset (SatchelAdminCall *call, GError **error)
{
  if (!reset_user (totp_admin_user (call), error))
    return FALSE;
  satchel_admin_print (call, "%s is no longer enrolled.", totp_admin_user (call));
  return TRUE;
}

/* ---- unlock ---- */

static gboolean
open_codes (const char *name, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return totp_fail_not_enrolled (name, error);
  totp_user_forgive (user);
  totp_state_note_user (totp.state, user);
  return totp_state_commit (totp.state, error);
}

static gboolean
run_unlock (SatchelAdminCall *call, GError **error)
{
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = open_codes (totp_admin_user (call), error);
  g_mutex_unlock (&totp.lock);
  if (ok)
    satchel_admin_print (call, "Codes of %s are looked at again.", totp_admin_user (call));
  return ok;
}

/* ---- recovery codes ---- */

static gboolean
make_recovery (const char *name, GPtrArray *codes, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return totp_fail_not_enrolled (name, error);
  for (user->n_recovery = 0; user->n_recovery < TOTP_RECOVERY_CODES; user->n_recovery++)
    {
      guint8 bytes[TOTP_RECOVERY_CHARS * 5 / 8];
      randombytes_buf (bytes, sizeof bytes);
      char *code = totp_base32 (bytes, sizeof bytes);
      g_ptr_array_add (codes, code);
      totp_hash (totp.keys, "recovery", name, code, user->recovery[user->n_recovery]);
    }
  totp_state_note_user (totp.state, user);
  return totp_state_commit (totp.state, error);
}

static gboolean
run_recovery (SatchelAdminCall *call, GError **error)
{
  g_autoptr (GPtrArray) codes = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_secret_free);
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = make_recovery (totp_admin_user (call), codes, error);
  g_mutex_unlock (&totp.lock);
  for (guint i = 0; ok && i < codes->len; i++)
    {
      const char *code = codes->pdata[i];
      g_autofree char *grouped = g_strdup_printf ("%.4s-%.4s-%.4s-%s", code, code + 4, code + 8, code + 12);
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("code", grouped));
    }
  return ok;
}

/* ---- the master key ---- */

/* Changes the master key. What waits for a code is sealed with the old key, and is not kept. */
static gboolean
run_rekey (SatchelAdminCall *call, GError **error)
{
  guint n = 0;
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = totp_rekey (&n, error);
  if (ok)
    totp_clear_pending ();
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  satchel_log (SATCHEL_LOG_WARNING, TOTP_AREA, "%u secrets are sealed with another master key", n);
  satchel_admin_print (call,
                       "%u secrets are sealed with the new key. Now let totp.key name it, and remove "
                       "totp.new_key. Backups of before need the old key.",
                       n);
  return TRUE;
}

/* ---- table ---- */

static const SatchelConfigRow enrol_options[] = {
  { "code", SATCHEL_CONFIG_STRING, NULL, "The code that the app shows, to end an enrolment that was begun" },
  { "no-confirm", SATCHEL_CONFIG_BOOL, "false", "Let the secret count at once, without a code" },
  { NULL }
};
static const SatchelConfigRow revoke_options[] = {
  { "grant", SATCHEL_CONFIG_STRING, NULL, "Only this grant, by its id; otherwise all" }, { NULL }
};

#define COMMAND(a_name, a_summary, ...)                                                                      \
  { .size = sizeof (SatchelAdminCommand),                                                                    \
    .name = a_name,                                                                                          \
    .summary = a_summary,                                                                                    \
    .of_user = TRUE,                                                                                         \
    .in_auth = TRUE,                                                                                         \
    __VA_ARGS__ }
static const SatchelAdminCommand enrol = COMMAND (
    "enrol", "Give a user a secret for one-time codes", .run = totp_run_enrol, .options = enrol_options,
    .details = "The secret is shown as an otpauth: address, and as a QR code on a terminal, for an app.\n"
               "It counts once one of its codes was typed back within 15 minutes.\n"
               "From then on the user types the code behind the password, with or without a blank between.");
static const SatchelAdminCommand status =
    COMMAND ("status", "Show whether a user is enrolled", .run = run_status);
static const SatchelAdminCommand reset =
    COMMAND ("reset", "Take a user's secret, recovery codes and grants away", .run = run_reset,
             .details = "The password alone opens the mailbox then, unless the policy is `required`.");
static const SatchelAdminCommand unlock = COMMAND (
    "unlock", "Look at a user's codes again after too many wrong ones", .run = run_unlock,
    .details = "After 10 wrong codes with the right password in a day only a recovery code helps, or "
               "this.");
static const SatchelAdminCommand recovery =
    COMMAND ("recovery-codes", "Make ten recovery codes for a user", .run = run_recovery,
             .details = "Each works once, in the place of a code.  Earlier ones stop to work.");
static const SatchelAdminCommand grants =
    COMMAND ("grants", "Show from where a user's programs log in", .run = totp_run_grants,
             .details = "A grant is a string of password and code that works again from one network.");
static const SatchelAdminCommand revoke =
    COMMAND ("revoke", "End a user's grants and their sessions", .run = totp_run_revoke,
             .options = revoke_options, .details = "The programs need a new code then.");

static const SatchelAdminCommand rekey = {
  .size = sizeof (SatchelAdminCommand),
  .name = "rekey",
  .summary = "Change the master key",
  .in_auth = TRUE,
  .run = run_rekey,
  .details = "Before: make another key, let totp.new_key name it, and restart the server.\n"
             "All secrets are sealed with it at once; codes, grants and recovery codes go on.\n"
             "Then let totp.key name it, and remove totp.new_key."
};

static const SatchelAdminCommand *const commands[] = { &enrol,  &status, &reset, &unlock, &recovery,
                                                       &grants, &revoke, &rekey, NULL };
const SatchelAdminOps totp_commands = { sizeof totp_commands, commands };
