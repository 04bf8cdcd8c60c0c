/* SPDX-License-Identifier: MIT
 * Checks group `storage`: each driver, layer and profile that it names must exist, and may be named once
 * only.
 */
#include "config.h"

#include "core/daemon/config/config_role.h"
#include "core/runtime/config/core_settings.h"
#include "core/storage/store/place.h"
#include "core/storage/store/store_open.h"

#include <satchel/storage.h>
#include <string.h>

/* Values of slot_by. */
#define BY_VOLUME "volume"
#define BY_USER "user"

/* Lists what enabled modules provide. Others were loaded as well, to have their settings checked. */
static GPtrArray *
find_enabled (SatchelConfigWork *work, SatchelKind kind)
{
  GPtrArray *found = satchel_loader_find_all (work->loader, kind);
  for (guint i = found->len; i > 0; i--)
    if (!satchel_config_set_is_enabled (work->set,
                                        ((const SatchelProvided *) found->pdata[i - 1])->module->name))
      g_ptr_array_remove_index (found, i - 1);
  return found;
}

static const SatchelProvided *
find_provided (GPtrArray *provided, const char *name)
{
  for (guint i = 0; i < provided->len; i++)
    if (strcmp (((const SatchelProvided *) provided->pdata[i])->name, name) == 0)
      return provided->pdata[i];
  return NULL;
}

/* Finds the driver of a stack; without a name it is the only one. */
static const SatchelProvided *
find_driver (GPtrArray *drivers, const char *name)
{
  if (name != NULL)
    return find_provided (drivers, name);
  return drivers->len == 1 ? drivers->pdata[0] : NULL;
}

/* Checks the driver of a stack. @what: "storage.driver" or "profile NAME: driver". */
static void
check_driver (SatchelConfigWork *work, const SatchelConfig *section, const char *what, const char *driver,
              GPtrArray *drivers)
{
  if (driver == NULL && drivers->len != 1)
    satchel_config_work_problem (
        work, FALSE, section, "driver", "%s: %s", what,
        drivers->len == 0
            ? "no module that stores mail is enabled; enable one (satchel module list shows them)"
            : "several modules that store mail are enabled; set storage.driver to the one to use");
  if (driver != NULL && find_provided (drivers, driver) == NULL)
    satchel_config_work_problem (
        work, FALSE, section, "driver",
        "%s: no enabled module provides the storage driver \"%s\"; set %s = { enabled = true; }", what,
        driver, driver);
}

/* Returns the settings of the module of a driver; NULL: it has none. */
static const SatchelConfig *
find_section (SatchelConfigWork *work, const SatchelProvided *driver)
{
  return driver->module->schema != NULL ? satchel_config_set_group (work->set, driver->module->name) : NULL;
}

/* Works out how users of a stack are spread if @section does not say so: as the driver needs it, else as
 * storage.slot_by says, else by name. */
static void
settle_slots (SatchelConfigWork *work, const SatchelConfig *section, const char *what, const char *driver,
              GPtrArray *drivers)
{
  const SatchelProvided *provided = find_driver (drivers, driver);
  const SatchelStorageOps *ops = provided != NULL ? provided->ops : NULL;
  const gboolean needs_volume = ops != NULL && SATCHEL_HAS (ops, is_of_one_process)
                                && ops->is_of_one_process (find_section (work, provided));
  if (!satchel_config_is_set (section, "slot_by"))
    {
      const SatchelConfig *storage = satchel_config_set_group (work->set, "storage");
      if (needs_volume || !satchel_config_is_set (storage, "slot_by"))
        satchel_config_settle (section, "slot_by", needs_volume ? BY_VOLUME : BY_USER);
    }
  else if (needs_volume && strcmp (satchel_config_string (section, "slot_by"), BY_VOLUME) != 0)
    satchel_config_work_problem (work, FALSE, section, "slot_by",
                                 "%s: a volume of the driver %s is open in one mail process only, so slot_by "
                                 "must be \"" BY_VOLUME "\"; take it out, or set that",
                                 what, provided->name);
}

static void
check_layers (SatchelConfigWork *work, const SatchelConfig *section, const char *what,
              const char *const *names, GPtrArray *layers)
{
  for (guint i = 0; names[i] != NULL; i++)
    {
      gboolean is_twice = FALSE;
      for (guint k = 0; k < i; k++)
        is_twice = is_twice || strcmp (names[k], names[i]) == 0;
      if (is_twice)
        satchel_config_work_problem (work, FALSE, section, "layers", "%s names \"%s\" twice", what, names[i]);
      else if (find_provided (layers, names[i]) == NULL)
        satchel_config_work_problem (
            work, FALSE, section, "layers",
            "%s names \"%s\", which is not an enabled storage layer; enable it, or take it out", what,
            names[i]);
    }
}

static guint
n_profiles (const SatchelConfig *storage)
{
  return satchel_config_n_groups (storage, "profiles");
}

static SatchelStackSettings
get_profile (const SatchelConfig *storage, guint index)
{
  SatchelStackSettings profile;
  satchel_profile_settings_read (satchel_config_group (storage, "profiles", index), &profile);
  return profile;
}

static gboolean
is_of_a_profile (const SatchelConfig *storage, const char *layer)
{
  for (guint i = 0; i < n_profiles (storage); i++)
    if (g_strv_contains (get_profile (storage, i).layers, layer))
      return TRUE;
  return FALSE;
}

/* Reports layers that are enabled but in no stack, since nobody would notice that they do nothing. */
static void
check_left_out (SatchelConfigWork *work, const SatchelConfig *storage, const char *const *named,
                GPtrArray *layers)
{
  if (!satchel_config_is_set (storage, "layers"))
    return;
  for (guint i = 0; i < layers->len; i++)
    {
      const char *name = ((const SatchelProvided *) layers->pdata[i])->name;
      if (!g_strv_contains (named, name) && !is_of_a_profile (storage, name))
        satchel_config_work_problem (work, FALSE, storage, "layers",
                                     "storage.layers leaves out %s, which is enabled; add it or disable it",
                                     name);
    }
}

/* Says why @name cannot be the name of a profile. NULL means that it can. */
static const char *
why_no_name (const char *name)
{
  if (*name == '\0' || strlen (name) > SATCHEL_PLACE_NAME_MAX)
    return "must have 1 to 64 characters";
  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && *c != '-' && *c != '_')
      return "may have letters, digits, - and _ only";
  return strcmp (name, SATCHEL_DEFAULT_PROFILE) == 0
             ? "is the name of the stack of storage.driver and storage.layers already"
             : NULL;
}

static void
check_profile (SatchelConfigWork *work, const SatchelConfig *storage, guint index, GPtrArray *drivers,
               GPtrArray *layers)
{
  const SatchelConfig *profile = satchel_config_group (storage, "profiles", index);
  const SatchelStackSettings settings = get_profile (storage, index);
  const char *name = settings.name;
  if (name == NULL || settings.driver == NULL) /* reported already */
    return;
  const char *why = why_no_name (name);
  if (why != NULL)
    satchel_config_work_problem (work, FALSE, profile, "name",
                                 "storage.profiles: \"%.80s\" cannot be the name of a profile: it %s", name,
                                 why);
  g_autofree char *what = g_strdup_printf ("storage.profiles: \"%.80s\"", name);
  check_driver (work, profile, what, settings.driver, drivers);
  settle_slots (work, profile, what, settings.driver, drivers);
  check_layers (work, profile, what, settings.layers, layers);
}

/* Finds the stack that is called @name. FALSE means that there is none. */
static gboolean
find_stack (const SatchelConfig *storage, const char *name, SatchelStackSettings *ret_stack)
{
  if (strcmp (name, SATCHEL_DEFAULT_PROFILE) == 0)
    {
      satchel_stack_settings_read (storage, ret_stack);
      return TRUE;
    }
  for (guint i = 0; i < n_profiles (storage); i++)
    if (g_strcmp0 (get_profile (storage, i).name, name) == 0)
      {
        *ret_stack = get_profile (storage, i);
        return TRUE;
      }
  return FALSE;
}

static const char *
suggest_profile (const SatchelConfig *storage, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_ptr_array_add (names, (gpointer) SATCHEL_DEFAULT_PROFILE);
  for (guint i = 0; i < n_profiles (storage); i++)
    if (get_profile (storage, i).name != NULL)
      g_ptr_array_add (names, (gpointer) get_profile (storage, i).name);
  g_ptr_array_add (names, NULL);
  return satchel_suggest (name, (const char *const *) names->pdata);
}

static void
check_volume (SatchelConfigWork *work, const SatchelConfig *rule, const char *volume, const char *driver,
              GPtrArray *drivers)
{
  const SatchelProvided *provided = find_driver (drivers, driver);
  if (volume == NULL || *volume == '\0' || provided == NULL)
    return;
  const SatchelStorageOps *ops = provided->ops;
  const SatchelConfig *section = find_section (work, provided);
  if (strlen (volume) > SATCHEL_PLACE_NAME_MAX || strpbrk (volume, "\t\r\n") != NULL)
    satchel_config_work_problem (
        work, FALSE, rule, "volume",
        "storage.rules: the name of a volume must have 1 to 64 bytes, no tabs and no line ends");
  else if (!SATCHEL_HAS (ops, has_volume))
    satchel_config_work_problem (
        work, FALSE, rule, "volume",
        "storage.rules: volume \"%s\": the driver %s keeps all mail in one place; leave volume out", volume,
        provided->name);
  else if (!ops->has_volume (volume, section))
    satchel_config_work_problem (work, FALSE, rule, "volume",
                                 "storage.rules: the driver %s has no volume \"%s\"", provided->name, volume);
}

static void
check_patterns (SatchelConfigWork *work, const SatchelConfig *rule, const SatchelRuleSettings *settings)
{
  for (const char *const *user = settings->users; *user != NULL; user++)
    if (strchr (*user, '@') == NULL && strchr (*user, '*') == NULL)
      satchel_config_work_problem (work, FALSE, rule, "users",
                                   "storage.rules: \"%s\" applies to nobody, since users are LOCAL@DOMAIN; "
                                   "write %s@example.org, or %s@*",
                                   *user, *user, *user);
  for (const char *const *domain = settings->domains; *domain != NULL; domain++)
    if (strchr (*domain, '@') != NULL || **domain == '\0')
      satchel_config_work_problem (
          work, FALSE, rule, "domains",
          "storage.rules: \"%s\" applies to no domain; write example.org, or put it into users", *domain);
}

static void
check_rule (SatchelConfigWork *work, const SatchelConfig *storage, guint index, GPtrArray *drivers)
{
  const SatchelConfig *rule = satchel_config_group (storage, "rules", index);
  SatchelRuleSettings settings;
  SatchelStackSettings owner;
  satchel_placing_rule_settings_read (rule, &settings);
  if (!find_stack (storage, settings.profile, &owner))
    {
      const char *meant = suggest_profile (storage, settings.profile);
      satchel_config_work_problem (work, FALSE, rule, "profile",
                                   "storage.rules: there is no profile \"%s\" in storage.profiles%s%s%s",
                                   settings.profile, meant != NULL ? "; did you mean \"" : "",
                                   meant != NULL ? meant : "", meant != NULL ? "\"?" : "");
    }
  else
    check_volume (work, rule, settings.volume, owner.driver, drivers);
  check_patterns (work, rule, &settings);
}

/* Reports rules that never apply, since a rule before them applies to everybody. */
static void
check_order (SatchelConfigWork *work, const SatchelConfig *storage)
{
  SatchelRuleSettings all = { 0 }; /* a rule for all users; its name is NULL until there is one */
  for (guint i = 0; i < satchel_config_n_groups (storage, "rules"); i++)
    {
      const SatchelConfig *rule = satchel_config_group (storage, "rules", i);
      SatchelRuleSettings settings;
      satchel_placing_rule_settings_read (rule, &settings);
      if (all.name != NULL)
        satchel_config_work_problem (work, TRUE, rule, "name",
                                     "storage.rules: \"%s\" never applies, since \"%s\" before it applies to "
                                     "all users; move it up, or remove it",
                                     settings.name, all.name);
      else if ((settings.users[0] == NULL && settings.domains[0] == NULL)
               || g_strv_contains (settings.users, "*") || g_strv_contains (settings.users, "*@*")
               || g_strv_contains (settings.domains, "*"))
        all = settings;
    }
}

static gboolean
hides_content (GPtrArray *layers)
{
  for (guint i = 0; i < layers->len; i++)
    if (satchel_storage_hides_content (((const SatchelProvided *) layers->pdata[i])->ops))
      return TRUE;
  return FALSE;
}

/* Settles server.wipe_memory: what a layer hides on the disk must not stay in memory either. */
static void
settle_wiping (SatchelConfigWork *work, GPtrArray *layers)
{
  const SatchelConfig *server = satchel_config_set_group (work->set, "server");
  SatchelServerSettings settings;
  satchel_server_settings_read (server, &settings);
  if (settings.wipe_memory == SATCHEL_WIPE_AUTO && hides_content (layers))
    satchel_config_settle (server, "wipe_memory", "always");
}

void
satchel_config_work_storage (SatchelConfigWork *work)
{
  const SatchelConfig *storage = satchel_config_set_group (work->set, "storage");
  g_autoptr (GPtrArray) drivers = find_enabled (work, SATCHEL_KIND_STORAGE_DRIVER);
  g_autoptr (GPtrArray) layers = find_enabled (work, SATCHEL_KIND_STORAGE_LAYER);
  SatchelStackSettings settings;
  satchel_stack_settings_read (storage, &settings);
  check_driver (work, storage, "storage.driver", settings.driver, drivers);
  settle_slots (work, storage, "storage.slot_by", settings.driver, drivers);
  check_layers (work, storage, "storage.layers", settings.layers, layers);
  check_left_out (work, storage, settings.layers, layers);
  for (guint i = 0; i < n_profiles (storage); i++)
    check_profile (work, storage, i, drivers, layers);
  for (guint i = 0; i < satchel_config_n_groups (storage, "rules"); i++)
    check_rule (work, storage, i, drivers);
  check_order (work, storage);
  settle_wiping (work, layers);
}
