/* SPDX-License-Identifier: MIT
 * Describes alias-file, which reads domains and aliases from a file. It provides two userdbs: one is asked
 * before those that have users, and one after. Role auth.
 */
#include "aliases.h"
#include "settings.h"

#include <satchel/module.h>

static AliasFile *aliases;

static void
look_up_with (gboolean (*find) (AliasFile *, const char *, GPtrArray *), SatchelAuthCall *call)
{
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  if (!alias_file_refresh (aliases, &error))
    {
      satchel_auth_call_fail (call, error);
      return;
    }
  gboolean is_found = find (aliases, satchel_auth_call_user (call), targets);
  g_ptr_array_add (targets, NULL);
  satchel_auth_call_resolved (call, is_found ? (const char *const *) targets->pdata : NULL);
}

static void
look_up_alias (SatchelAuthCall *call)
{
  look_up_with (alias_file_find, call);
}

static void
look_up_fallback (SatchelAuthCall *call)
{
  look_up_with (alias_file_find_fallback, call);
}

static gboolean
has_alias_domain (const char *domain)
{
  return alias_file_refresh (aliases, NULL) && alias_file_has_domain (aliases, domain);
}

static void
list_aliases (SatchelAddressFunc func, gpointer data)
{
  if (alias_file_refresh (aliases, NULL))
    alias_file_list (aliases, func, data);
}

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  AliasSettings settings = { 0 };
  satchel_config_fill (section, alias_schema, &settings);
  g_autoptr (AliasFile) file = alias_file_new (settings.path);
  return alias_file_check (file, error);
}

static gboolean
apply_settings (const SatchelConfig *section, GError **error)
{
  AliasSettings settings = { 0 };
  satchel_config_fill (section, alias_schema, &settings);
  g_clear_pointer (&aliases, alias_file_free);
  aliases = alias_file_new (settings.path);
  return TRUE;
}

static void
free_aliases (void)
{
  g_clear_pointer (&aliases, alias_file_free);
}

static const SatchelUserdbOps userdb = {
  .size = sizeof userdb,
  .band = 100,
  .look_up = look_up_alias,
  .has_domain = has_alias_domain,
  .flags = SATCHEL_USERDB_ALIASES | SATCHEL_USERDB_FILES,
  .list_aliases = list_aliases,
};
static const SatchelUserdbOps fallback = {
  .size = sizeof fallback,
  .band = 900,
  .look_up = look_up_fallback,
  .has_domain = has_alias_domain,
  .flags = SATCHEL_USERDB_ALIASES | SATCHEL_USERDB_FILES,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_USERDB, .ops = &userdb },
  { .kind = SATCHEL_KIND_USERDB, .name = "alias-file-fallback", .ops = &fallback },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "alias-file", .version = "0.1.0",         .description = "Domains and aliases from a file",
  .licence = "MIT",     .roles = SATCHEL_ROLE_AUTH, .schema = alias_schema,
  .provides = provides, .check = check_settings,    .configure = apply_settings,
  .stop = free_aliases,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
