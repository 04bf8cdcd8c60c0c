/* SPDX-License-Identifier: MIT
 * ldap: users in a directory.  Roles auth (asks) and helper (has the connections).
 */
#include "helper.h"
#include "settings.h"
#include "source.h"

#include <satchel/module.h>

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  LdapSettings settings = { 0 };
  satchel_config_fill (section, ldap_schema, &settings);
  return ldap_settings_check (&settings, error);
}

/* Starts the module. Nothing stops it: connections and threads of the helper end with its process. */
static gboolean
start (SatchelRole role, GError **error)
{
  const char *trouble = ldap_helper_trouble ();
  if (role == SATCHEL_ROLE_HELPER && trouble != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "%s", trouble);
  if (role != SATCHEL_ROLE_HELPER)
    ldap_helper_clear (); /* the directory's password is not auth's */
  return TRUE;
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PASSDB, .ops = &ldap_passdb },
  { .kind = SATCHEL_KIND_USERDB, .ops = &ldap_userdb },
  { .kind = SATCHEL_KIND_HELPER, .ops = &ldap_helper },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = LDAP_NAME,
  .version = "0.1.0",
  .description = "Users in an LDAP directory",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_HELPER,
  .schema = ldap_schema,
  .provides = provides,
  .check = check_settings,
  .configure = ldap_helper_configure,
  .start = start,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
