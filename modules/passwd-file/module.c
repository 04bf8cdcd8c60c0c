/* SPDX-License-Identifier: MIT
 * passwd-file: users and passwords from one file. Roles auth (look-ups, logins) and cli (`satchel user`).
 */
#include "database.h"
#include "edit.h"
#include "settings.h"
#include "verifier.h"

#include <satchel/log.h>
#include <satchel/module.h>
#include <sodium.h>
#include <string.h>

static struct
{
  char *path;
  PasswdDatabase *database;
} state;

static gboolean
look_up_credential (const char *user, SatchelCredential *ret_credential, GError **error)
{
  if (!passwd_database_refresh (state.database, error))
    return FALSE;
  const PasswdRecord *record = passwd_database_find (state.database, user, FALSE, error);
  if (record == NULL)
    return FALSE;
  ret_credential->user = g_strdup (record->user);
  ret_credential->verifier = g_strdup (record->verifier);
  ret_credential->is_locked = record->is_locked;
  return TRUE;
}

static SatchelVerify
verify_password (const SatchelCredential *credential, const char *secret, GError **error)
{
  if (credential != NULL && credential->verifier != NULL)
    return passwd_verifier_check (credential->verifier, secret, error);
  g_autofree char *dummy = passwd_database_dummy (state.database);
  return passwd_verifier_check (dummy, secret, error) == SATCHEL_VERIFY_ERROR ? SATCHEL_VERIFY_ERROR
                                                                              : SATCHEL_VERIFY_WRONG;
}

static guint64
find_verify_cost (const SatchelCredential *credential)
{
  guint64 cost = 0;
  g_autofree char *dummy =
      credential == NULL || credential->verifier == NULL ? passwd_database_dummy (state.database) : NULL;
  const char *verifier = dummy != NULL ? dummy : credential->verifier;
  passwd_verifier_scheme (verifier, &cost, NULL);
  return cost;
}

static gboolean
upgrade_verifier (const SatchelCredential *credential, const char *secret, GError **error)
{
  char *verifier = passwd_verifier_new (secret, error);
  if (verifier == NULL)
    return FALSE;
  PasswdEdit edit = { PASSWD_EDIT_UPGRADE, credential->user, verifier, credential->verifier };
  gboolean ok = passwd_edit_apply (state.path, &edit, error);
  sodium_memzero (verifier, strlen (verifier));
  g_free (verifier);
  return ok;
}

static gboolean
apply_edit (PasswdEditKind kind, const char *name, const char *secret, GError **error)
{
  g_autofree char *user = satchel_user_canonical (name, strlen (name), error);
  if (user == NULL)
    return FALSE;
  char *verifier = NULL;
  if (secret != NULL && (verifier = passwd_verifier_new (secret, error)) == NULL)
    return FALSE;
  PasswdEdit edit = { kind, user, verifier, NULL };
  gboolean ok = passwd_edit_apply (state.path, &edit, error);
  if (verifier != NULL)
    sodium_memzero (verifier, strlen (verifier));
  g_free (verifier);
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
  if (!passwd_database_refresh (state.database, error))
    return FALSE;
  passwd_database_list (state.database, func, data);
  return TRUE;
}

static SatchelUserdbStatus
find_record (const char *user, const PasswdRecord **ret_record, GError **error)
{
  g_autoptr (GError) why = NULL;
  *ret_record = NULL;
  if (passwd_database_refresh (state.database, &why))
    *ret_record = passwd_database_find (state.database, user, TRUE, &why);
  if (why != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return SATCHEL_USERDB_TEMPORARY;
    }
  return *ret_record != NULL ? SATCHEL_USERDB_FOUND : SATCHEL_USERDB_UNKNOWN;
}

static SatchelUserdbStatus
look_up_address (const char *address, GPtrArray *users, GError **error)
{
  const PasswdRecord *record;
  SatchelUserdbStatus status = find_record (address, &record, error);
  if (record != NULL)
    g_ptr_array_add (users, g_strdup (record->user));
  return status;
}

static SatchelUserdbStatus
report_attributes (const char *user, SatchelUserAttributeFunc func, gpointer data, GError **error)
{
  const PasswdRecord *record;
  SatchelUserdbStatus status = find_record (user, &record, error);
  if (record != NULL)
    passwd_record_foreach_attribute (record, func, data);
  return status;
}

static gboolean
has_user_domain (const char *domain)
{
  return passwd_database_refresh (state.database, NULL)
         && passwd_database_has_domain (state.database, domain);
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
  g_clear_pointer (&state.database, passwd_database_free);
  state.database = passwd_database_new (state.path);
  return TRUE;
}

static void
free_state (void)
{
  g_clear_pointer (&state.database, passwd_database_free);
  g_clear_pointer (&state.path, g_free);
}

static const SatchelPassdbOps passdb = {
  .size = sizeof passdb,
  .band = 500,
  .look_up = look_up_credential,
  .verify = verify_password,
  .verify_cost_bytes = find_verify_cost,
  .upgrade = upgrade_verifier,
  .add = add_user,
  .set_password = set_password,
  .remove = remove_user,
  .set_locked = set_user_locked,
  .list = list_users,
};
static const SatchelUserdbOps userdb = {
  .size = sizeof userdb,
  .band = 500,
  .look_up = look_up_address,
  .has_domain = has_user_domain,
  .flags = SATCHEL_USERDB_FILES,
  .attributes = report_attributes,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PASSDB, .ops = &passdb },
  { .kind = SATCHEL_KIND_USERDB, .ops = &userdb },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* of the headers it was built with */
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
