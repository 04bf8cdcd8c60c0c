/* SPDX-License-Identifier: MIT
 * Implements stores that are opened beside those of the cache, since nobody is served from them yet, or any
 * more: what a conversion makes, and what it leaves.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelStoreSetup, satchel_store_setup_unref)

static SatchelStoreSetup *
get_setup (GError **error)
{
  SatchelStoreSetup *setup = satchel_stores_setup ();
  if (setup == NULL)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "storage is not set up");
  return setup;
}

/* Finds the stack of that name; if there is none, the one with that driver, of several the default one. */
static const SatchelStack *
find_named (const GPtrArray *stacks, const char *name, GError **error)
{
  const SatchelStack *found = satchel_stacks_find (stacks, name);
  g_autoptr (GString) others = g_string_new (NULL);
  guint n = 0;
  for (guint i = 0; found == NULL && i < stacks->len; i++)
    {
      const SatchelStack *stack = stacks->pdata[i];
      if (strcmp (satchel_stack_driver (stack)->name, name) != 0)
        continue;
      if (i == 0)
        return stack;
      n++;
      g_string_append_printf (others, " %s", stack->name);
    }
  for (guint i = 0; n == 1 && found == NULL && i < stacks->len; i++)
    if (strcmp (satchel_stack_driver (stacks->pdata[i])->name, name) == 0)
      found = stacks->pdata[i];
  if (found == NULL && n == 0)
    satchel_error_set (error, SATCHEL_ERROR_INVALID,
                       "there is no profile and no driver of a profile with the name \"%s\"; see "
                       "storage.profiles",
                       name);
  else if (found == NULL)
    satchel_error_set (error, SATCHEL_ERROR_INVALID,
                       "several profiles have the driver %s: name one of them:%s", name, others->str);
  return found;
}

gboolean
satchel_stores_find_target (const char *to, char **ret_profile, char **ret_volume, GError **error)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (error);
  const char *colon = strchr (to, ':'), *volume = colon != NULL ? colon + 1 : "";
  g_autofree char *name = g_strndup (to, colon != NULL ? (gsize) (colon - to) : strlen (to));
  const SatchelStack *stack =
      setup != NULL ? find_named (satchel_store_setup_stacks (setup), name, error) : NULL;
  if (stack == NULL)
    return FALSE;
  if (strlen (volume) > SATCHEL_PLACE_NAME_MAX || !satchel_stack_has_volume (stack, volume))
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "the driver of profile \"%s\" has no volume \"%s\"; the settings of %s name its volumes", stack->name,
        volume, satchel_stack_driver (stack)->name);
  *ret_profile = g_strdup (stack->name);
  *ret_volume = g_strdup (volume);
  return TRUE;
}

SatchelPlace *
satchel_store_place (SatchelStore *store)
{
  const SatchelStorageIdentity *identity = &store->core->identity;
  g_autofree char *attributes = satchel_store_user_attributes (store->core);
  return satchel_place_new (&(SatchelPlace) { .attributes = attributes,
                                              .path = identity->path,
                                              .profile = identity->profile,
                                              .volume = identity->volume,
                                              .epoch = identity->epoch });
}

static const SatchelStack *
stack_of (const SatchelStoreSetup *setup, const SatchelPlace *place)
{
  const char *profile = place->profile != NULL ? place->profile : SATCHEL_DEFAULT_PROFILE;
  return satchel_stacks_find (satchel_store_setup_stacks (setup), profile);
}

gboolean
satchel_stores_are_same (const SatchelPlace *one, const SatchelPlace *other)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (NULL);
  const SatchelStack *a = setup != NULL ? stack_of (setup, one) : NULL,
                     *b = setup != NULL ? stack_of (setup, other) : NULL;
  return a != NULL && b != NULL && satchel_stack_driver (a)->ops == satchel_stack_driver (b)->ops
         && g_strcmp0 (one->volume, other->volume) == 0;
}

/* Returns the next layer of @stack, from *@ref_level on, by which mail may be presented in another way than
 * it is stored; NULL: there is none. */
static const SatchelStorageOps *
next_layer (const SatchelStack *stack, guint *ref_level)
{
  while (*ref_level + 1 < stack->levels->len)
    {
      const SatchelStoreLevel *level = stack->levels->pdata[(*ref_level)++];
      if (satchel_ops_present_mail (level->ops))
        return level->ops;
    }
  return NULL;
}

gboolean
satchel_stores_have_same_layers (const SatchelPlace *one, const SatchelPlace *other)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (NULL);
  const SatchelStack *a = setup != NULL ? stack_of (setup, one) : NULL,
                     *b = setup != NULL ? stack_of (setup, other) : NULL;
  guint at_a = 0, at_b = 0;
  const SatchelStorageOps *of_a = NULL;
  if (a == NULL || b == NULL)
    return FALSE;
  do
    {
      of_a = next_layer (a, &at_a);
      if (of_a != next_layer (b, &at_b))
        return FALSE;
    }
  while (of_a != NULL);
  return TRUE;
}

SatchelStore *
satchel_stores_open_beside (const char *user, const SatchelPlace *place, gboolean is_bare, GError **error)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (error);
  if (setup == NULL)
    return NULL;
  const SatchelStack *stack = stack_of (setup, place);
  if (stack == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "there is no profile %s here", place->profile);
      return NULL;
    }
  SatchelStoreOpenOptions options = satchel_store_setup_options (setup, user, place);
  const guint first = is_bare ? stack->levels->len - 1 : 0;
  g_autofree SatchelStoreLevel *levels = g_new (SatchelStoreLevel, stack->levels->len);
  for (guint i = first; i < stack->levels->len; i++)
    levels[i - first] = *(SatchelStoreLevel *) stack->levels->pdata[i];
  options.profile = stack->name;
  options.levels = levels;
  options.n_levels = stack->levels->len - first;
  options.mailboxes = NULL;
  options.is_unheard = TRUE;
  return satchel_store_open (&options, error);
}

gboolean
satchel_stores_may_have_mail (const char *user, const SatchelPlace *place)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (NULL);
  const SatchelStack *stack = setup != NULL ? stack_of (setup, place) : NULL;
  if (stack == NULL)
    return TRUE;
  SatchelStoreOpenOptions options = satchel_store_setup_options (setup, user, place);
  return satchel_stack_may_have_mail (stack, &options);
}

static const SatchelStack *
find_stack (const SatchelStoreSetup *setup, const SatchelPlace *place, GError **error)
{
  const SatchelStack *stack = setup != NULL ? stack_of (setup, place) : NULL;
  if (stack == NULL && setup != NULL)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "there is no profile %s here", place->profile);
  return stack;
}

static SatchelStorageIdentity
identity_of (const SatchelStack *stack, const SatchelStoreOpenOptions *options)
{
  return (SatchelStorageIdentity) { .user = options->user,
                                    .path = options->path,
                                    .root_fd = options->root_fd,
                                    .profile = stack->name,
                                    .volume = options->volume,
                                    .slot = options->slot,
                                    .epoch = options->epoch };
}

gboolean
satchel_stores_can_salvage (const SatchelPlace *place)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (NULL);
  const SatchelStack *stack = find_stack (setup, place, NULL);
  return stack != NULL && SATCHEL_HAS (satchel_stack_driver (stack)->ops, salvage);
}

gboolean
satchel_stores_salvage (const char *user, const SatchelPlace *place, GString *said, GError **error)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (error);
  const SatchelStack *stack = find_stack (setup, place, error);
  if (stack == NULL)
    return FALSE;
  const SatchelStoreLevel *driver = satchel_stack_driver (stack);
  if (!SATCHEL_HAS (driver->ops, salvage))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "the driver %s has nothing to save: what can be read is where it was",
                              driver->name);
  const SatchelStoreOpenOptions options = satchel_store_setup_options (setup, user, place);
  const SatchelStorageIdentity identity = identity_of (stack, &options);
  return driver->ops->salvage (&identity, driver->section, said, error);
}

gboolean
satchel_stores_destroy (const char *user, const SatchelPlace *place, SatchelDestroyStepFunc step,
                        gpointer data, GError **error)
{
  g_autoptr (SatchelStoreSetup) setup = get_setup (error);
  const SatchelStack *stack = find_stack (setup, place, error);
  if (stack == NULL)
    return FALSE;
  const SatchelStoreOpenOptions options = satchel_store_setup_options (setup, user, place);
  const SatchelStorageIdentity identity = identity_of (stack, &options);
  return satchel_store_level_destroy (satchel_stack_driver (stack), &identity, step, data, error);
}
