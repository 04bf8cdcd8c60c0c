/* SPDX-License-Identifier: MIT
 * satchel totp ...: what administrators see and change.  Jobs of the auth process.
 */
#include "totp.h"

#include <satchel/account_event.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <sodium.h>
#include <string.h>

#define PENDING_S 900
#define PENDING_MAX 1000u

/* Enrolments that wait for their first code: user -> Pending.  Under the lock. */
typedef struct Pending
{
  TotpUser *user;
  gint64 until_s;
} Pending;
static GHashTable *all_pending;

static void
pending_free (gpointer data)
{
  Pending *pending = data;
  g_clear_pointer (&pending->user, totp_user_free);
  g_free (pending);
}

static const char *
user_of (const SatchelAdminCall *call)
{
  return satchel_admin_access (call)->owner;
}

static gboolean
not_enrolled (const char *name, GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                            "%s is not enrolled; run: satchel totp enrol %s", name, name);
}

/* ---- sessions of what was revoked ---- */

typedef struct Ended
{
  char *user, *credential;
} Ended;

static void
end_now (gpointer data)
{
  Ended *ended = data;
  satchel_auth_end_credential (ended->user, ended->credential);
  g_free (ended->user);
  g_free (ended->credential);
  g_free (ended);
}

/* The names of grants, for end_sessions once they are revoked durably. */
static GPtrArray *
names_of (const TotpUser *user, guint64 id)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < user->grants->len; i++)
    {
      const TotpGrant *grant = user->grants->pdata[i];
      if (id == 0 || grant->id == id)
        g_ptr_array_add (names, totp_grant_name (grant));
    }
  return names;
}

static void
end_sessions (const char *user, const GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    {
      Ended *ended = g_new (Ended, 1);
      *ended = (Ended) { g_strdup (user), g_strdup (names->pdata[i]) };
      satchel_defer (end_now, ended);
    }
}

/* Changes are made under the lock; what is said waits for a terminal, so it is said without. */
static gboolean
lock_state (GError **error)
{
  g_mutex_lock (&totp.lock);
  if (totp_ready (error))
    return TRUE;
  g_mutex_unlock (&totp.lock);
  return FALSE;
}

/* ---- enrol ---- */

static gboolean
check_new (const char *name, GError **error)
{
  return totp_state_find (totp.state, name) == NULL
         || satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS,
                               "%s is enrolled already; to begin anew run first: satchel totp reset %s", name,
                               name);
}

static gboolean
add_user (TotpUser *user, GError **error)
{
  totp_state_add (totp.state, user);
  if (totp_state_commit (totp.state, error))
    {
      satchel_log (SATCHEL_LOG_INFO, TOTP_AREA, "user=\"%s\" is enrolled", user->name);
      satchel_account_event (&(SatchelAccountEvent) {
          .size = sizeof (SatchelAccountEvent), .kind = SATCHEL_ACCOUNT_FACTOR_ADDED, .user = user->name });
      return TRUE;
    }
  totp_state_remove (totp.state, user);
  return FALSE;
}

/* The code is used up by it. */
static gboolean
enrol_by_code (const char *name, const char *typed, GError **error)
{
  g_autofree char *text = g_strconcat ("-", typed, NULL); /* in the place of a password */
  char code[TOTP_DIGITS_MAX + 1];
  gsize len;
  guint64 step = 0;
  gint64 now_s = totp_now_s ();
  Pending *pending = all_pending != NULL ? g_hash_table_lookup (all_pending, name) : NULL;
  if (!check_new (name, error))
    return FALSE;
  if (pending == NULL || now_s > pending->until_s)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "no enrolment of %s waits for a code; run: satchel totp enrol %s", name, name);
  if (totp_split_code (text, pending->user->digits, &len, code) && len == 1
      && !totp_find_step (pending->user, code, now_s, &step, NULL, error))
    return FALSE;
  if (step == 0)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "that is not the code that the app shows now, if its clock and the server's are "
        "right; run again: satchel totp enrol %s --code CODE",
        name);
  TotpUser *user = g_steal_pointer (&pending->user);
  g_hash_table_remove (all_pending, name);
  totp_user_use (user, step);
  return add_user (user, error);
}

static gboolean
run_enrol_code (SatchelAdminCall *call, const char *code, GError **error)
{
  const char *name = user_of (call);
  if (!lock_state (error))
    return FALSE;
  gboolean ok = enrol_by_code (name, code, error);
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  satchel_admin_print (call, "%s is enrolled: every login needs a code behind the password now.", name);
  satchel_admin_print (call, "For a lost phone: satchel totp recovery-codes %s", name);
  return TRUE;
}

static void
put_pending (TotpUser *user)
{
  Pending *pending = g_new (Pending, 1);
  *pending = (Pending) { user, totp_now_s () + PENDING_S };
  if (all_pending == NULL)
    all_pending = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, pending_free);
  if (g_hash_table_size (all_pending) >= PENDING_MAX)
    g_hash_table_remove_all (all_pending);
  g_hash_table_replace (all_pending, user->name, pending);
}

static char *
make_uri (const TotpUser *user, const char *secret)
{
  g_autofree char *issuer = g_uri_escape_string (totp_settings_issuer (totp.settings), NULL, FALSE);
  g_autofree char *name = g_uri_escape_string (user->name, "@", FALSE);
  return g_strdup_printf ("otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=%s&digits=%u&period=%u", issuer,
                          name, secret, issuer, totp_algorithm_name (user->algorithm), user->digits,
                          TOTP_STEP_S);
}

typedef struct NewSecret
{
  char *secret, *uri, *algorithm;
  guint digits;
} NewSecret;

static gboolean
make_user (const char *name, gboolean counts_at_once, NewSecret *ret_new, GError **error)
{
  guint8 secret[TOTP_SECRET_BYTES];
  if (!check_new (name, error))
    return FALSE;
  TotpUser *user = totp_user_new (name);
  user->algorithm = totp_settings_algorithm (totp.settings);
  user->digits = totp_settings_digits (totp.settings);
  user->created_s = totp_now_s ();
  randombytes_buf (secret, sizeof secret);
  user->sealed = totp_seal (totp.keys, name, secret, sizeof secret);
  ret_new->secret = totp_base32 (secret, sizeof secret);
  sodium_memzero (secret, sizeof secret);
  ret_new->uri = make_uri (user, ret_new->secret);
  ret_new->algorithm = g_strdup (totp_algorithm_name (user->algorithm));
  ret_new->digits = user->digits;
  if (counts_at_once)
    return add_user (user, error);
  put_pending (user);
  return TRUE;
}

static void
show_secret (SatchelAdminCall *call, const NewSecret *new_secret)
{
  satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("user", user_of (call)), SATCHEL_ADMIN_TEXT ("secret", new_secret->secret),
      SATCHEL_ADMIN_TEXT ("uri", new_secret->uri), SATCHEL_ADMIN_TEXT ("algorithm", new_secret->algorithm),
      SATCHEL_ADMIN_NUMBER ("digits", new_secret->digits), SATCHEL_ADMIN_NUMBER ("period", TOTP_STEP_S));
  satchel_admin_qr (call, new_secret->uri);
}

static void
new_secret_clear (NewSecret *new_secret)
{
  satchel_secret_free (new_secret->secret);
  satchel_secret_free (new_secret->uri);
  g_free (new_secret->algorithm);
}

static gboolean
run_enrol (SatchelAdminCall *call, GError **error)
{
  const SatchelConfig *options = satchel_admin_options (call);
  const char *code = satchel_config_string (options, "code");
  gboolean counts_at_once = satchel_config_bool (options, "no-confirm");
  if (code != NULL)
    return run_enrol_code (call, code, error);
  if (!lock_state (error))
    return FALSE;
  NewSecret new_secret = { 0 };
  gboolean ok = make_user (user_of (call), counts_at_once, &new_secret, error);
  g_mutex_unlock (&totp.lock);
  if (ok)
    show_secret (call, &new_secret);
  if (ok && !counts_at_once)
    satchel_admin_ask (call, "code", "Code that the app shows now");
  new_secret_clear (&new_secret);
  return ok;
}

/* ---- status ---- */

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  static const char *const policies[] = { "off", "optional", "required", "required-unknown" };
  const char *name = user_of (call);
  TotpUser copy = { 0 };
  guint n_grants = 0;
  if (!lock_state (error))
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
  if (all_pending != NULL)
    g_hash_table_remove (all_pending, name);
  if (user == NULL)
    return not_enrolled (name, error);
  *ret_names = names_of (user, 0);
  totp_state_remove (totp.state, user);
  return totp_state_commit (totp.state, error);
}

/* NONEXISTENT: the user is not enrolled. */
static gboolean
reset_user (const char *name, GError **error)
{
  g_autoptr (GPtrArray) names = NULL;
  if (!lock_state (error))
    return FALSE;
  gboolean ok = remove_user (name, &names, error);
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  end_sessions (name, names);
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
  if (!reset_user (user_of (call), error))
    return FALSE;
  satchel_admin_print (call, "%s is no longer enrolled.", user_of (call));
  return TRUE;
}

/* ---- unlock ---- */

static gboolean
open_codes (const char *name, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return not_enrolled (name, error);
  totp_user_forgive (user);
  totp_state_note_user (totp.state, user);
  return totp_state_commit (totp.state, error);
}

static gboolean
run_unlock (SatchelAdminCall *call, GError **error)
{
  if (!lock_state (error))
    return FALSE;
  gboolean ok = open_codes (user_of (call), error);
  g_mutex_unlock (&totp.lock);
  if (ok)
    satchel_admin_print (call, "Codes of %s are looked at again.", user_of (call));
  return ok;
}

/* ---- recovery codes ---- */

static gboolean
make_recovery (const char *name, GPtrArray *codes, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return not_enrolled (name, error);
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
  if (!lock_state (error))
    return FALSE;
  gboolean ok = make_recovery (user_of (call), codes, error);
  g_mutex_unlock (&totp.lock);
  for (guint i = 0; ok && i < codes->len; i++)
    {
      const char *code = codes->pdata[i];
      g_autofree char *grouped = g_strdup_printf ("%.4s-%.4s-%.4s-%s", code, code + 4, code + 8, code + 12);
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("code", grouped));
    }
  return ok;
}

/* ---- grants ---- */

static TotpGrant *
copy_grant (const TotpGrant *grant)
{
  TotpGrant *copy = g_memdup2 (grant, sizeof *grant);
  copy->network = g_strdup (grant->network);
  copy->service = g_strdup (grant->service);
  copy->peer = g_strdup (grant->peer);
  copy->client = g_strdup (grant->client);
  return copy;
}

static gboolean
copy_grants (const char *name, GPtrArray *copies, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return not_enrolled (name, error);
  totp_state_expire (totp.state, user, totp_settings_grant_times (totp.settings), totp_now_s ());
  for (guint i = 0; i < user->grants->len; i++)
    g_ptr_array_add (copies, copy_grant (user->grants->pdata[i]));
  return TRUE;
}

static gboolean
run_grants (SatchelAdminCall *call, GError **error)
{
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func ((GDestroyNotify) totp_grant_free);
  if (!lock_state (error))
    return FALSE;
  gboolean ok = copy_grants (user_of (call), copies, error);
  g_mutex_unlock (&totp.lock);
  for (guint i = 0; ok && i < copies->len; i++)
    {
      const TotpGrant *grant = copies->pdata[i];
      g_autofree char *id = totp_grant_name (grant);
      satchel_admin_record (
          call, SATCHEL_ADMIN_TEXT ("id", id), SATCHEL_ADMIN_TEXT ("network", grant->network),
          SATCHEL_ADMIN_TEXT ("address", grant->peer), SATCHEL_ADMIN_TEXT ("service", grant->service),
          SATCHEL_ADMIN_TEXT ("client", grant->client), SATCHEL_ADMIN_NUMBER ("since", grant->created_s),
          SATCHEL_ADMIN_NUMBER ("used", grant->used_s));
    }
  return ok;
}

static gboolean
end_grants (const char *name, guint64 id, GPtrArray **ret_names, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return not_enrolled (name, error);
  *ret_names = names_of (user, id);
  if (id != 0 && (*ret_names)->len == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "%s has no such grant; `satchel totp grants %s` shows all", name, name);
  for (guint i = user->grants->len; i-- > 0;)
    {
      TotpGrant *grant = user->grants->pdata[i];
      if (id == 0 || grant->id == id)
        totp_state_end_grant (totp.state, user, grant);
    }
  return totp_state_commit (totp.state, error);
}

static gboolean
run_revoke (SatchelAdminCall *call, GError **error)
{
  const char *text = satchel_config_string (satchel_admin_options (call), "grant");
  g_autoptr (GPtrArray) names = NULL;
  guint64 id = 0;
  if (text != NULL
      && !g_ascii_string_to_unsigned (g_str_has_prefix (text, "grant:") ? text + strlen ("grant:") : text, 10,
                                      1, G_MAXUINT64, &id, NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "\"%s\" is not the id of a grant, such as grant:17", text);
  if (!lock_state (error))
    return FALSE;
  gboolean ok = end_grants (user_of (call), id, &names, error);
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  end_sessions (user_of (call), names);
  satchel_admin_print (call, "%u grants of %s have ended, and their sessions.", names->len, user_of (call));
  return TRUE;
}

/* ---- the master key ---- */

/* What waits for a code is sealed with the old key, and is not kept. */
static gboolean
run_rekey (SatchelAdminCall *call, GError **error)
{
  guint n = 0;
  if (!lock_state (error))
    return FALSE;
  gboolean ok = totp_rekey (&n, error);
  if (ok)
    totp_commands_clear ();
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

/* ---- lists of devices ---- */

gboolean
totp_list_credentials (const char *name, SatchelCredentialEntryFunc func, gpointer data, GError **error)
{
  if (!lock_state (error))
    return FALSE;
  TotpUser *user = totp_state_find (totp.state, name);
  if (user != NULL)
    totp_state_expire (totp.state, user, totp_settings_grant_times (totp.settings), totp_now_s ());
  for (guint i = 0; user != NULL && i < user->grants->len; i++)
    {
      const TotpGrant *grant = user->grants->pdata[i];
      g_autofree char *id = totp_grant_name (grant);
      func (&(SatchelCredentialEntry) { .size = sizeof (SatchelCredentialEntry),
                                        .id = id,
                                        .label = "",
                                        .network = grant->network,
                                        .service = grant->service,
                                        .peer = grant->peer,
                                        .client = grant->client,
                                        .created_s = grant->created_s,
                                        .used_s = grant->used_s },
            data);
    }
  g_mutex_unlock (&totp.lock);
  return TRUE;
}

/* 0: the credential is no grant. */
static guint64
grant_id (const char *credential)
{
  guint64 id = 0;
  if (g_str_has_prefix (credential, "grant:"))
    g_ascii_string_to_unsigned (credential + strlen ("grant:"), 10, 1, G_MAXUINT64, &id, NULL);
  return id;
}

gboolean
totp_end_credential (const char *name, const char *credential, GError **error)
{
  g_autoptr (GPtrArray) names = NULL;
  guint64 id = grant_id (credential);
  if (id == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s is not the id of a grant", credential);
  if (!lock_state (error))
    return FALSE;
  gboolean ok = end_grants (name, id, &names, error);
  g_mutex_unlock (&totp.lock);
  if (ok)
    end_sessions (name, names);
  return ok;
}

/* Notes what the client of a grant calls itself, which is written to the file with the next use. */
void
totp_client_named (const char *name, const char *credential, const char *client)
{
  guint64 id = grant_id (credential);
  if (id == 0 || !lock_state (NULL))
    return;
  TotpUser *user = totp_state_find (totp.state, name);
  for (guint i = 0; user != NULL && i < user->grants->len; i++)
    {
      TotpGrant *grant = user->grants->pdata[i];
      if (grant->id != id)
        continue;
      g_free (grant->client);
      grant->client = g_utf8_make_valid (client, (gssize) strnlen (client, TOTP_CLIENT_BYTES));
    }
  g_mutex_unlock (&totp.lock);
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
    "enrol", "Give a user a secret for one-time codes", .run = run_enrol, .options = enrol_options,
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
    COMMAND ("grants", "Show from where a user's programs log in", .run = run_grants,
             .details = "A grant is a string of password and code that works again from one network.");
static const SatchelAdminCommand revoke =
    COMMAND ("revoke", "End a user's grants and their sessions", .run = run_revoke, .options = revoke_options,
             .details = "The programs need a new code then.");

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

void
totp_commands_clear (void)
{
  g_clear_pointer (&all_pending, g_hash_table_unref);
}
