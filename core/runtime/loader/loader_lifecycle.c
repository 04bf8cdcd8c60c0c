/* SPDX-License-Identifier: MIT
 * Takes all modules of a process through configure, start, reload and stop.  Start and reload succeed for all
 * modules or are undone; if configure fails for one, the process does not start, and what the others took
 * goes with it.
 */
#include "config.h"

#include <string.h>

#include "core/runtime/config/config_private.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loader/loader_private.h"
#include "core/runtime/log/log_private.h"
#include "core/base/user.h"

#define TRY_TIMEOUT_MS 5000

static const SatchelConfigRow no_rows[] = { { NULL } };

const SatchelConfigRow *
satchel_loader_schema (const char *group, gpointer data)
{
  SatchelLoader *loader = data;
  const SatchelModule *module = satchel_loader_module (loader, group, FALSE);
  gboolean may_load = loader->role == SATCHEL_ROLE_CONFIG || loader->role == SATCHEL_ROLE_CLI;
  if (module == NULL && may_load && satchel_loader_name_is_valid (group)
      && !g_hash_table_contains (loader->why_not, group))
    {
      g_autoptr (GError) error = NULL;
      if (satchel_loader_try (loader, group, FALSE, TRY_TIMEOUT_MS, &error))
        module = satchel_loader_load (loader, group, FALSE, &error);
      if (module == NULL)
        g_hash_table_insert (loader->why_not, g_strdup (group), g_strdup (error->message));
    }
  if (module == NULL)
    return NULL;
  return module->schema != NULL ? module->schema : no_rows;
}

const char *
satchel_loader_why_not (SatchelLoader *loader, const char *name)
{
  return g_hash_table_lookup (loader->why_not, name);
}

/* Adds a problem of a module: what is about a setting is reported with the place of the setting, anything
 * else with the place that enables the module.  @error may be NULL. */
static void
add_problem (GPtrArray *problems, const SatchelConfig *section, const char *name, const GError *error)
{
  SatchelConfigProblem *problem = g_new0 (SatchelConfigProblem, 1);
  const char *text = error != NULL ? error->message : "refused its settings without a reason; ask its author";
  const char *key = satchel_error_setting (error);
  gboolean is_key = key != NULL && section != NULL && satchel_config_find (section, key) != NULL;
  const char *origin = section != NULL ? satchel_config_origin (section, is_key ? key : "enabled") : NULL;
  problem->where = g_strdup (origin != NULL && strcmp (origin, "default") != 0 ? origin : "");
  problem->text = g_str_has_prefix (text, "module ")
                      ? g_strdup (text)
                      : g_strdup_printf ("%s%s%s", name, is_key ? "." : ": ", text);
  problem->setting = is_key ? g_strdup_printf ("%s.%s", name, key) : g_strdup (name);
  g_ptr_array_add (problems, problem);
}

/* Sets the rules for user names, since modules read names from their own files in configure or check. */
static void
use_user_rules (const SatchelConfigSet *set)
{
  const SatchelConfig *group = satchel_config_set_group (set, "server");
  if (group == NULL)
    return;
  SatchelServerSettings server;
  satchel_server_settings_read (group, &server);
  satchel_user_set_rules (server.default_domain, server.lowers_users);
}

static GPtrArray *checked; /* takes the lines that a check logs */

/* Turns a log line of a check into a warning: it is no reason to refuse a start, but `config check` has to
 * show it. */
static void
take_line (SatchelLogLevel level, const char *area, const char *message)
{
  if (level == SATCHEL_LOG_ERROR || level == SATCHEL_LOG_WARNING)
    satchel_config_problem_add (checked, TRUE, g_strdup (""), "%s", message);
}

void
satchel_loader_collect_lines (GPtrArray *problems)
{
  checked = problems;
  satchel_log_divert (problems != NULL ? take_line : NULL);
}

/* Removes the lines that a check logged and then also returned as its error, since they are one mistake. */
static void
drop_told (GPtrArray *problems, guint first, const GError *error)
{
  for (guint i = problems->len; error != NULL && i > first; i--)
    if (g_str_has_prefix (((const SatchelConfigProblem *) problems->pdata[i - 1])->text, error->message))
      g_ptr_array_remove_index (problems, i - 1);
}

gboolean
satchel_loader_check (SatchelLoader *loader, const SatchelConfigSet *set, GPtrArray *problems)
{
  gboolean ok = TRUE;
  use_user_rules (set);
  satchel_loader_collect_lines (problems);
  for (guint i = 0; i < loader->entries->len; i++)
    {
      const SatchelLoaderEntry *entry = g_ptr_array_index (loader->entries, i);
      if (entry->module->check == NULL || !satchel_config_set_is_enabled (set, entry->name))
        continue;
      g_autoptr (GError) error = NULL;
      const SatchelConfig *section = satchel_config_set_group (set, entry->name);
      guint first = problems->len;
      if (entry->module->check (section, &error))
        continue;
      drop_told (problems, first, error);
      add_problem (problems, section, entry->name, error);
      ok = FALSE;
    }
  satchel_loader_collect_lines (NULL);
  return ok;
}

static gboolean
name_failure (const SatchelLoaderEntry *entry, const char *step, GError **error)
{
  if (error != NULL && *error == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                              "module %s: %s failed without a reason; ask its author", entry->name, step);
  g_prefix_error (error, "module %s: %s: ", entry->name, step);
  return FALSE;
}

static gboolean
configure_entry (SatchelLoaderEntry *entry, const SatchelConfigSet *set, GError **error)
{
  if (!entry->is_active || entry->is_configured)
    return TRUE;
  const SatchelConfig *section = satchel_config_set_group (set, entry->name);
  if (entry->module->configure != NULL && !entry->module->configure (section, error))
    return name_failure (entry, "configure", error);
  entry->is_configured = TRUE;
  return TRUE;
}

gboolean
satchel_loader_configure (SatchelLoader *loader, const SatchelConfigSet *set, GError **error)
{
  use_user_rules (set);
  for (guint i = 0; i < loader->entries->len; i++)
    if (!configure_entry (g_ptr_array_index (loader->entries, i), set, error))
      {
        satchel_loader_stop (loader);
        return FALSE;
      }
  return TRUE;
}

gboolean
satchel_loader_start (SatchelLoader *loader, GError **error)
{
  for (guint i = 0; i < loader->entries->len; i++)
    {
      SatchelLoaderEntry *entry = g_ptr_array_index (loader->entries, i);
      if (!entry->is_active || entry->is_started)
        continue;
      if (entry->module->start != NULL && !entry->module->start (loader->role, error))
        {
          name_failure (entry, "start", error);
          satchel_loader_stop (loader);
          return FALSE;
        }
      entry->is_started = TRUE;
    }
  return TRUE;
}

void
satchel_loader_stop (SatchelLoader *loader)
{
  for (guint i = loader->entries->len; i-- > 0;)
    {
      SatchelLoaderEntry *entry = g_ptr_array_index (loader->entries, i);
      if (entry->is_configured && entry->module->stop != NULL)
        entry->module->stop ();
      entry->is_configured = entry->is_started = FALSE;
    }
}

static gboolean
prepare_entry (SatchelLoaderEntry *entry, const SatchelConfigSet *set, GError **error)
{
  if (!entry->is_active || entry->module->reload == NULL)
    return TRUE;
  if (!entry->module->reload (satchel_config_set_group (set, entry->name), error))
    return name_failure (entry, "reload", error);
  entry->is_prepared = TRUE;
  return TRUE;
}

gboolean
satchel_loader_reload_prepare (SatchelLoader *loader, const SatchelConfigSet *set, GError **error)
{
  for (guint i = 0; i < loader->entries->len; i++)
    if (!prepare_entry (g_ptr_array_index (loader->entries, i), set, error))
      {
        satchel_loader_reload_end (loader, FALSE);
        return FALSE;
      }
  return TRUE;
}

void
satchel_loader_reload_end (SatchelLoader *loader, gboolean is_commit)
{
  for (guint i = 0; i < loader->entries->len; i++)
    {
      SatchelLoaderEntry *entry = g_ptr_array_index (loader->entries, i);
      if (entry->is_prepared)
        entry->module->reload_end (is_commit);
      entry->is_prepared = FALSE;
    }
}
