/* SPDX-License-Identifier: MIT
 * passwd-file: users and passwords from one file. Roles auth (look-ups, logins) and cli (`satchel user`).
 */
#include "database.h"
#include "edit.h"
#include "settings.h"
#include "verifier.h"

#include <satchel/log.h>
#include <satchel/module.h>
#include <satchel/reactor.h>
#include <sodium.h>
#include <string.h>

static struct
{
  char *path;
  PasswdDatabase *database;
  /* the record that the last look-up found, for this millisecond; NULL: none */
  const PasswdRecord *looked_up;
  gint64 looked_up_ms;
} state;

/* Reads the file again if it has changed.  No record from before may be used any more. */
static gboolean
refresh (GError **error)
{
  state.looked_up = NULL;
  return passwd_database_refresh (state.database, error);
}

static void
look_up_credential (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const PasswdRecord *record = NULL;
  if (refresh (&error))
    record = passwd_database_find (state.database, satchel_auth_call_user (call), FALSE, &error);
  if (error != NULL)
    {
      satchel_auth_call_fail (call, error);
      return;
    }
  SatchelCredential credential = { .size = sizeof credential };
  g_auto (GStrv) attributes = record != NULL ? passwd_record_attributes (record) : NULL;
  if (record != NULL)
    {
      credential.attributes = attributes;
      credential.user = record->user;
      credential.verifier = record->verifier;
      credential.is_locked = record->is_locked;
      credential.scram = record->scram;
    }
  satchel_auth_call_found (call, record != NULL ? &credential : NULL);
}

/* Returns the verifier that a call is about. NULL means that there is none, and that a dummy is hashed. */
static const char *
find_verifier (const SatchelAuthCall *call)
{
  const SatchelCredential *credential = satchel_auth_call_credential (call);
  return credential != NULL ? credential->verifier : NULL;
}

static void
run_verify (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const char *verifier = find_verifier (call), *secret = satchel_auth_call_secret (call);
  g_autofree char *dummy = verifier == NULL ? passwd_database_dummy (state.database) : NULL;
  SatchelVerify verdict = passwd_verifier_check (verifier != NULL ? verifier : dummy, secret, &error);
  if (verdict == SATCHEL_VERIFY_RIGHT && verifier != NULL && passwd_policy.is_upgrading
      && passwd_scram_is_outdated (satchel_auth_call_credential (call)->scram))
    verdict = SATCHEL_VERIFY_RIGHT_UPGRADE;
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    satchel_auth_call_verified (call, verifier != NULL ? verdict : SATCHEL_VERIFY_WRONG, NULL);
}

static void
verify_password (SatchelAuthCall *call)
{
  guint64 cost = 0;
  const char *verifier = find_verifier (call);
  g_autofree char *dummy = verifier == NULL ? passwd_database_dummy (state.database) : NULL;
  passwd_verifier_scheme (verifier != NULL ? verifier : dummy, &cost, NULL);
  satchel_auth_call_work (call, cost, run_verify);
}

static void
wipe (char *text)
{
  if (text != NULL)
    sodium_memzero (text, strlen (text));
  g_free (text);
}

/* Stores @secret, or NULL, as the policy has it; @secret is prepared already. */
static gboolean
store_secret (PasswdEdit *edit, const char *secret, GError **error)
{
  g_autoptr (GError) why = NULL;
  char *verifier = secret != NULL ? passwd_verifier_new (secret, &why) : NULL;
  char *scram = verifier != NULL ? passwd_scram_new (secret, &why) : NULL;
  edit->verifier = verifier;
  edit->scram = scram;
  if (why == NULL)
    passwd_edit_apply (state.path, edit, &why);
  wipe (verifier);
  wipe (scram);
  if (why == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static void
run_upgrade (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  PasswdEdit edit = { .kind = PASSWD_EDIT_UPGRADE,
                      .user = satchel_auth_call_user (call),
                      .expected = find_verifier (call) };
  if (store_secret (&edit, satchel_auth_call_secret (call), &error))
    satchel_auth_call_upgraded (call);
  else
    satchel_auth_call_fail (call, error);
}

static void
upgrade_verifier (SatchelAuthCall *call)
{
  satchel_auth_call_work (call, passwd_policy.memory_bytes, run_upgrade);
}

static gboolean
apply_edit (PasswdEditKind kind, const char *name, const char *secret, GError **error)
{
  g_autofree char *user = satchel_user_canonical (name, strlen (name), error);
  if (user == NULL)
    return FALSE;
  char *prepared = secret != NULL ? satchel_secret_prepare (secret) : NULL;
  PasswdEdit edit = { .kind = kind, .user = user };
  gboolean ok = store_secret (&edit, prepared, error);
  wipe (prepared);
  return ok;
}

static gboolean
add_user (const char *user, const char *secret, GError **error)
{
  return apply_edit (PASSWD_EDIT_ADD, user, secret, error);
}

static gboolean
set_password (const char *user, const char *secret, GError **error)
{
  if (secret == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "no password was given");
  return apply_edit (PASSWD_EDIT_SET_PASSWORD, user, secret, error);
}

static gboolean
remove_user (const char *user, GError **error)
{
  return apply_edit (PASSWD_EDIT_REMOVE, user, NULL, error);
}

static gboolean
set_user_locked (const char *user, gboolean locked, GError **error)
{
  return apply_edit (locked ? PASSWD_EDIT_LOCK : PASSWD_EDIT_UNLOCK, user, NULL, error);
}

static gboolean
list_users (SatchelUserEntryFunc func, gpointer data, GError **error)
{
  if (!refresh (error))
    return FALSE;
  passwd_database_list (state.database, func, data);
  return TRUE;
}

/* Finds a record. NULL with @error means that it cannot be told whether there is such a user. */
static const PasswdRecord *
find_record (const char *user, GError **error)
{
  if (!refresh (error))
    return NULL;
  state.looked_up = passwd_database_find (state.database, user, TRUE, error);
  state.looked_up_ms = satchel_now_ms ();
  return state.looked_up;
}

/* Finds the record of the last look-up again. Attributes are asked for right after their user was found: that
 * is one look-up, with one look at the file. */
static const PasswdRecord *
find_again (const char *user, GError **error)
{
  gboolean is_same = state.looked_up != NULL && strcmp (state.looked_up->user, user) == 0
                     && state.looked_up_ms == satchel_now_ms ();
  return is_same ? state.looked_up : find_record (user, error);
}

static void
look_up_address (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const PasswdRecord *record = find_record (satchel_auth_call_user (call), &error);
  const char *const users[] = { record != NULL ? record->user : NULL, NULL };
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    satchel_auth_call_resolved (call, record != NULL ? users : NULL);
}

static void
tell_attributes (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const PasswdRecord *record = find_again (satchel_auth_call_user (call), &error);
  g_auto (GStrv) attributes = record != NULL ? passwd_record_attributes (record) : NULL;
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    satchel_auth_call_attributes (call, (const char *const *) attributes);
}

static gboolean
has_user_domain (const char *domain)
{
  return refresh (NULL) && passwd_database_has_domain (state.database, domain);
}

/* Logs what the auth process would log of the file. */
static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  if (sodium_init () < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library libsodium cannot be initialized");
  PasswdSettings settings = { 0 };
  satchel_config_fill (section, passwd_schema, &settings);
  passwd_policy.allows_plain = settings.policy.allows_plain;
  g_autoptr (PasswdDatabase) database = passwd_database_new (settings.path);
  (void) passwd_database_refresh (database, NULL);
  return TRUE;
}

static gboolean
apply_settings (const SatchelConfig *section, GError **error)
{
  if (sodium_init () < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library libsodium cannot be initialized");
  PasswdSettings settings = { 0 };
  satchel_config_fill (section, passwd_schema, &settings);
  passwd_policy = settings.policy;
  g_free (state.path);
  state.path = g_strdup (settings.path);
  state.looked_up = NULL;
  g_clear_pointer (&state.database, passwd_database_free);
  state.database = passwd_database_new (state.path);
  return TRUE;
}

static void
free_state (void)
{
  state.looked_up = NULL;
  g_clear_pointer (&state.database, passwd_database_free);
  g_clear_pointer (&state.path, g_free);
}

static const SatchelUserdbOps userdb = {
  .size = sizeof userdb,
  .band = 500,
  .look_up = look_up_address,
  .has_domain = has_user_domain,
  .flags = SATCHEL_USERDB_FILES,
  .attributes = tell_attributes,
};
static const SatchelPassdbOps passdb = {
  .size = sizeof passdb,
  .band = 500,
  .look_up = look_up_credential,
  .verify = verify_password,
  .upgrade = upgrade_verifier,
  .add = add_user,
  .set_password = set_password,
  .remove = remove_user,
  .set_locked = set_user_locked,
  .list = list_users,
  .userdb = &userdb,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PASSDB, .ops = &passdb },
  { .kind = SATCHEL_KIND_USERDB, .ops = &userdb },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "passwd-file",
  .version = "0.1.0",
  .description = "Users and passwords from one file",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_CLI,
  .schema = passwd_schema,
  .provides = provides,
  .check = check_settings,
  .configure = apply_settings,
  .stop = free_state,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
