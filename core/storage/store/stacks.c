/* SPDX-License-Identifier: MIT
 * This file makes the stacks that the configuration names: the default one (storage.driver, storage.layers)
 * and those of storage.profiles.  It also looks whether a stack has mail of a user.
 */
#include "config.h"

#include "core/runtime/config/core_settings.h"
#include "core/storage/store/store_private.h"

#include <string.h>

static void
stack_free (gpointer data)
{
  SatchelStack *stack = data;
  g_free (stack->name);
  g_ptr_array_unref (stack->levels);
  g_free (stack);
}

static void
add_level (GPtrArray *levels, const SatchelProvided *provided, const SatchelConfigSet *config)
{
  SatchelStoreLevel *level = g_new0 (SatchelStoreLevel, 1);
  level->name = provided->name;
  level->ops = provided->ops;
  level->section =
      provided->module->schema != NULL ? satchel_config_set_group (config, provided->module->name) : NULL;
  g_ptr_array_add (levels, level);
}

/* Picks the layers that @order names, in its order. @what: the setting, for messages. */
static GPtrArray *
pick_layers (GPtrArray *layers, const char *const *order, const char *what, GError **error)
{
  g_autoptr (GPtrArray) picked = g_ptr_array_new ();
  for (; order != NULL && *order != NULL; order++)
    {
      const SatchelProvided *found = NULL;
      for (guint i = 0; i < layers->len && found == NULL; i++)
        if (strcmp (((SatchelProvided *) layers->pdata[i])->name, *order) == 0)
          found = layers->pdata[i];
      if (found == NULL)
        satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                           "%s names %s, which is not an enabled storage layer; enable it, or take it out",
                           what, *order);
      else if (g_ptr_array_find (picked, found, NULL))
        satchel_error_set (error, SATCHEL_ERROR_CANNOT, "%s names %s twice", what, *order);
      if (found == NULL || g_ptr_array_find (picked, found, NULL))
        return NULL;
      g_ptr_array_add (picked, (gpointer) found);
    }
  return g_steal_pointer (&picked);
}

static gboolean
is_of_a_profile (const SatchelConfig *storage, const char *layer)
{
  for (guint i = 0; i < satchel_config_n_groups (storage, "profiles"); i++)
    {
      SatchelStackSettings profile;
      satchel_profile_settings_read (satchel_config_group (storage, "profiles", i), &profile);
      if (g_strv_contains (profile.layers, layer))
        return TRUE;
    }
  return FALSE;
}

/* Returns all that are enabled, by band; or in the order that `storage.layers` gives: it may leave out only
 * what a profile has. */
static GPtrArray *
default_layers (GPtrArray *layers, const SatchelConfig *storage, const char *const *order, GError **error)
{
  if (!satchel_config_is_set (storage, "layers"))
    return g_ptr_array_ref (layers);
  g_autoptr (GPtrArray) picked = pick_layers (layers, order, "storage.layers", error);
  for (guint i = 0; picked != NULL && i < layers->len; i++)
    {
      const SatchelProvided *layer = layers->pdata[i];
      if (g_ptr_array_find (picked, layer, NULL) || is_of_a_profile (storage, layer->name))
        continue;
      satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                         "storage.layers leaves out %s, which is enabled; add it or disable it", layer->name);
      return NULL;
    }
  return g_steal_pointer (&picked);
}

/* Finds the driver @name of @section; NULL means the one that is enabled. */
static const SatchelProvided *
find_driver (SatchelLoader *loader, const char *name, const SatchelConfig *section, GError **error)
{
  g_autoptr (GPtrArray) drivers = satchel_loader_find_all (loader, SATCHEL_KIND_STORAGE_DRIVER);
  if (name == NULL && drivers->len == 1)
    return drivers->pdata[0];
  const SatchelProvided *driver =
      name != NULL ? satchel_loader_find (loader, SATCHEL_KIND_STORAGE_DRIVER, name) : NULL;
  if (driver == NULL && name != NULL)
    satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                       "%s: %s.driver: no storage driver %s is loaded; set %s.enabled = true",
                       satchel_config_origin (section, "driver"), satchel_config_name (section), name, name);
  else if (driver == NULL)
    satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                       "%u storage drivers are enabled; enable one, or name it in storage.driver",
                       drivers->len);
  return driver;
}

/* Adds a stack.  Takes @layers over; FALSE means that @error is set. */
static gboolean
add_stack (GPtrArray *stacks, const char *name, GPtrArray *layers, const SatchelProvided *driver,
           const SatchelConfigSet *config)
{
  g_autoptr (GPtrArray) own = layers;
  if (own == NULL)
    return FALSE;
  SatchelStack *stack = g_new0 (SatchelStack, 1);
  stack->name = g_strdup (name);
  stack->levels = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < own->len; i++)
    add_level (stack->levels, own->pdata[i], config);
  add_level (stack->levels, driver, config);
  g_ptr_array_add (stacks, stack);
  return TRUE;
}

GPtrArray *
satchel_stacks_new (SatchelLoader *loader, const SatchelConfigSet *config, GError **error)
{
  const SatchelConfig *storage = satchel_config_set_group (config, "storage");
  SatchelStackSettings first;
  satchel_stack_settings_read (storage, &first);
  const SatchelProvided *driver = find_driver (loader, first.driver, storage, error);
  if (driver == NULL)
    return NULL;
  g_autoptr (GPtrArray) layers = satchel_loader_find_all (loader, SATCHEL_KIND_STORAGE_LAYER);
  g_autoptr (GPtrArray) stacks = g_ptr_array_new_with_free_func (stack_free);
  if (!add_stack (stacks, SATCHEL_DEFAULT_PROFILE, default_layers (layers, storage, first.layers, error),
                  driver, config))
    return NULL;
  for (guint i = 0; i < satchel_config_n_groups (storage, "profiles"); i++)
    {
      const SatchelConfig *group = satchel_config_group (storage, "profiles", i);
      SatchelStackSettings profile;
      satchel_profile_settings_read (group, &profile);
      const SatchelProvided *own = find_driver (loader, profile.driver, group, error);
      if (own == NULL
          || !add_stack (stacks, profile.name,
                         pick_layers (layers, profile.layers, "a profile of storage.profiles", error), own,
                         config))
        return NULL;
    }
  return g_steal_pointer (&stacks);
}

const SatchelStack *
satchel_stacks_find (const GPtrArray *stacks, const char *name)
{
  for (guint i = 0; i < stacks->len; i++)
    if (strcmp (((SatchelStack *) stacks->pdata[i])->name, name) == 0)
      return stacks->pdata[i];
  return NULL;
}

const SatchelStoreLevel *
satchel_stack_driver (const SatchelStack *stack)
{
  return stack->levels->pdata[stack->levels->len - 1];
}

gboolean
satchel_stack_has_volume (const SatchelStack *stack, const char *volume)
{
  const SatchelStoreLevel *driver = satchel_stack_driver (stack);
  return *volume == '\0'
         || (SATCHEL_HAS (driver->ops, has_volume) && driver->ops->has_volume (volume, driver->section));
}

gboolean
satchel_stack_may_have_mail (const SatchelStack *stack, const SatchelStoreOpenOptions *options)
{
  const SatchelStoreLevel *driver = satchel_stack_driver (stack);
  const SatchelStorageIdentity identity = { .user = options->user,
                                            .path = options->path,
                                            .root_fd = options->root_fd,
                                            .profile = stack->name,
                                            .volume = options->volume,
                                            .slot = options->slot,
                                            .epoch = options->epoch };
  return !SATCHEL_HAS (driver->ops, exists) || driver->ops->exists (&identity, driver->section);
}

/* Looks for traces of use in one mailbox: messages, or that the user has made it. */
static SatchelLook
look_at (SatchelStore *store, const SatchelMailboxInfo *info, char **ret_what)
{
  SatchelMailboxState state;
  g_autoptr (GError) error = NULL;
  if (!info->exists)
    return SATCHEL_LOOK_FREE;
  if (info->is_selectable && !satchel_store_status (store, info->name, &state, &error))
    {
      *ret_what = g_strdup_printf ("mailbox %s cannot be looked at: %s", info->name, error->message);
      return SATCHEL_LOOK_FAILED;
    }
  if (info->is_selectable && state.n_messages > 0)
    *ret_what = g_strdup_printf ("%u messages in %s", state.n_messages, info->name);
  else if (info->special_use == 0 && strcmp (info->name, "INBOX") != 0)
    *ret_what = g_strdup_printf ("a mailbox %s", info->name);
  return *ret_what != NULL ? SATCHEL_LOOK_HAS_MAIL : SATCHEL_LOOK_FREE;
}

SatchelLook
satchel_stack_look (const SatchelStack *stack, const SatchelStoreOpenOptions *options, char **ret_what)
{
  if (!satchel_stack_may_have_mail (stack, options))
    return SATCHEL_LOOK_FREE;
  g_autoptr (GError) error = NULL;
  g_autofree SatchelStoreLevel *levels = g_new (SatchelStoreLevel, stack->levels->len);
  for (guint i = 0; i < stack->levels->len; i++)
    levels[i] = *(SatchelStoreLevel *) stack->levels->pdata[i];
  SatchelStoreOpenOptions own = *options;
  own.profile = stack->name;
  own.levels = levels;
  own.n_levels = stack->levels->len;
  own.mailboxes = NULL;
  g_autoptr (SatchelStore) store = satchel_store_open (&own, &error);
  g_autoptr (GPtrArray) infos = store != NULL ? satchel_store_list (store, &error) : NULL;
  if (infos == NULL)
    {
      *ret_what = g_strdup_printf ("whether there is mail is not known: %s", error->message);
      return SATCHEL_LOOK_FAILED;
    }
  SatchelLook look = SATCHEL_LOOK_FREE;
  for (guint i = 0; look == SATCHEL_LOOK_FREE && i < infos->len; i++)
    look = look_at (store, infos->pdata[i], ret_what);
  return look;
}
