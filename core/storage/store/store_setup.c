/* SPDX-License-Identifier: MIT
 * Implements the set-up with which stores of this process are opened: stacks, settings, the mail root. It
 * decides which stack a user has: the one that auth says, or, for a user whom a rule has just placed here,
 * the one that has mail.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/reactor.h>

struct SatchelStoreSetup
{
  GPtrArray *stacks; /* SatchelStack */
  const SatchelConfig *mailboxes, *limits;
  guint slot;
  int root_fd;
};

static SatchelStoresHooks hooks;

SatchelStoreSetup *
satchel_store_setup_new (SatchelLoader *loader, const SatchelConfigSet *config, guint slot, int root_fd,
                         GError **error)
{
  GPtrArray *stacks = satchel_stacks_new (loader, config, error);
  if (stacks == NULL)
    return NULL;
  SatchelStoreSetup *setup = g_atomic_rc_box_new0 (SatchelStoreSetup);
  setup->stacks = stacks;
  setup->mailboxes = satchel_config_set_group (config, "mailboxes");
  setup->limits = satchel_config_set_group (config, "limits");
  setup->slot = slot;
  setup->root_fd = root_fd;
  return setup;
}

static void
setup_clear (gpointer data)
{
  g_ptr_array_unref (((SatchelStoreSetup *) data)->stacks);
}

SatchelStoreSetup *
satchel_store_setup_ref (SatchelStoreSetup *setup)
{
  return g_atomic_rc_box_acquire (setup);
}

void
satchel_store_setup_unref (SatchelStoreSetup *setup)
{
  g_atomic_rc_box_release_full (setup, setup_clear);
}

void
satchel_stores_set_hooks (const SatchelStoresHooks *new_hooks)
{
  hooks = *new_hooks;
}

const GPtrArray *
satchel_store_setup_stacks (const SatchelStoreSetup *setup)
{
  return setup->stacks;
}

SatchelStoreOpenOptions
satchel_store_setup_options (const SatchelStoreSetup *with, const char *user, const SatchelPlace *place)
{
  return (SatchelStoreOpenOptions) {
    .user = user,
    .path = place->path,
    .profile = place->profile,
    .volume = place->volume,
    .slot = with->slot,
    .epoch = place->epoch,
    .attributes = place->attributes,
    .root_fd = with->root_fd,
    .mailboxes = with->mailboxes,
    .limits = with->limits,
  };
}

typedef struct Placed
{
  char *user;
  guint64 epoch;
  gboolean has_mail;
} Placed;

static void
tell_placed (gpointer data)
{
  Placed *placed = data;
  if (hooks.placed != NULL)
    hooks.placed (placed->user, placed->epoch, placed->has_mail);
  g_free (placed->user);
  g_free (placed);
}

static void
tell_outdated (gpointer data)
{
  Placed *placed = data;
  if (hooks.outdated != NULL)
    hooks.outdated (placed->user, placed->epoch);
  g_free (placed->user);
  g_free (placed);
}

static void
tell_turned (gpointer data)
{
  Placed *placed = data;
  if (hooks.turned != NULL)
    hooks.turned (placed->user, placed->epoch);
  g_free (placed->user);
  g_free (placed);
}

/* What a level says of a user to others in the process, or in auth. */
typedef struct Said
{
  char *user, *module, *text;
} Said;

static void
said_free (Said *said)
{
  g_free (said->user);
  g_free (said->module);
  g_free (said->text);
  g_free (said);
}

static void
ask_upkeep (gpointer data)
{
  Said *said = data;
  if (hooks.wants_upkeep != NULL)
    hooks.wants_upkeep (said->user);
  said_free (said);
}

static void
tell_keyring (gpointer data)
{
  Said *said = data;
  if (hooks.tells_keyring != NULL)
    hooks.tells_keyring (said->user, said->module, said->text);
  said_free (said);
}

static void
defer_said (SatchelStorage *storage, GDestroyNotify func, const char *text)
{
  Said *said = g_new (Said, 1);
  *said = (Said) { g_strdup (storage->identity->user), g_strdup (satchel_dispatch_level_name (storage)),
                   g_strdup (text) };
  satchel_defer (func, said);
}

void
satchel_storage_ask_upkeep (SatchelStorage *storage)
{
  defer_said (storage, ask_upkeep, NULL);
}

void
satchel_storage_tell_keyring (SatchelStorage *storage, const char *text)
{
  defer_said (storage, tell_keyring, text);
}

static void
defer_call (GDestroyNotify func, const char *user, guint64 epoch, gboolean has_mail)
{
  Placed *placed = g_new (Placed, 1);
  *placed = (Placed) { g_strdup (user), epoch, has_mail };
  satchel_defer (func, placed);
}

/* Returns the stack for @place.  Whom a rule sends elsewhere although he has had mail before is where the
 * mail is. */
static const SatchelStack *
find_stack (SatchelStoreSetup *with, SatchelStoreOpenOptions *options, const SatchelPlace *place,
            GError **error)
{
  const SatchelStack *stack = satchel_stacks_find (with->stacks, place->profile),
                     *plain = with->stacks->pdata[0];
  if (stack == NULL || !satchel_stack_has_volume (stack, place->volume))
    {
      satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "there is no profile %s with a volume \"%s\" here",
                         place->profile, place->volume);
      return NULL;
    }
  if (!place->is_new || (stack == plain && *place->volume == '\0'))
    return stack;
  SatchelStoreOpenOptions before = *options;
  before.volume = "";
  gboolean stays = satchel_stack_may_have_mail (plain, &before);
  defer_call (tell_placed, options->user, place->epoch, stays);
  if (!stays)
    return stack;
  options->volume = "";
  if (place->may_stay)
    return plain;
  satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                     "the user has mail in the default stack from before there were rules, and stays there");
  return NULL;
}

SatchelStoreCore *
satchel_store_setup_open (SatchelStoreSetup *with, const char *user, const SatchelPlace *place,
                          const SatchelStoreKeeper *keeper, GError **error)
{
  SatchelStoreOpenOptions options = satchel_store_setup_options (with, user, place);
  const SatchelStack *stack = find_stack (with, &options, place, error);
  if (stack == NULL)
    return NULL;
  g_autofree SatchelStoreLevel *levels = g_new (SatchelStoreLevel, stack->levels->len);
  for (guint i = 0; i < stack->levels->len; i++)
    levels[i] = *(SatchelStoreLevel *) stack->levels->pdata[i];
  options.profile = stack->name;
  options.levels = levels;
  options.n_levels = stack->levels->len;
  options.keeper = keeper;
  return satchel_store_core_open (&options, error);
}

void
satchel_stores_tell_outdated (const char *user, guint64 epoch)
{
  defer_call (tell_outdated, user, epoch, FALSE);
}

void
satchel_stores_tell_turned (const char *user, guint64 epoch)
{
  defer_call (tell_turned, user, epoch, FALSE);
}

/* Says whether a level of a stack is as @is_so says. */
static gboolean
has_level (const SatchelStoreSetup *setup, gboolean (*is_so) (const SatchelStorageOps *ops))
{
  for (guint i = 0; i < setup->stacks->len; i++)
    {
      const SatchelStack *stack = setup->stacks->pdata[i];
      for (guint k = 0; k < stack->levels->len; k++)
        if (is_so (((const SatchelStoreLevel *) stack->levels->pdata[k])->ops))
          return TRUE;
    }
  return FALSE;
}

static gboolean
has_upkeep (const SatchelStorageOps *ops)
{
  return SATCHEL_HAS (ops, maintain);
}

gboolean
satchel_store_setup_has_upkeep (const SatchelStoreSetup *setup)
{
  return has_level (setup, has_upkeep);
}

gboolean
satchel_storage_hides_content (const SatchelStorageOps *ops)
{
  return ops->size >= G_STRUCT_OFFSET (SatchelStorageOps, hides_content) + sizeof ops->hides_content
         && ops->hides_content;
}

gboolean
satchel_store_setup_hides_content (const SatchelStoreSetup *setup)
{
  return has_level (setup, satchel_storage_hides_content);
}

SatchelLook
satchel_store_setup_look (SatchelStoreSetup *with, const char *user, const SatchelPlace *place,
                          const SatchelPlace *target, char **ret_what)
{
  SatchelStoreOpenOptions options = satchel_store_setup_options (with, user, place);
  const SatchelStack *from = satchel_stacks_find (with->stacks, place->profile),
                     *to = satchel_stacks_find (with->stacks, target->profile);
  if (to == NULL || !satchel_stack_has_volume (to, target->volume))
    *ret_what = g_strdup_printf ("profile \"%s\" has no volume \"%s\"", target->profile, target->volume);
  else if (from == NULL)
    *ret_what = g_strdup_printf ("the user's present profile \"%s\" is not configured (storage.profiles), so "
                                 "nobody knows whether mail is left there",
                                 place->profile);
  else
    {
      SatchelLook look = satchel_stack_look (from, &options, ret_what);
      /* If a rule placed the user here, it is not known yet whether the user's mail is here. */
      const SatchelStack *plain = with->stacks->pdata[0];
      gboolean is_meant = to == plain && *target->volume == '\0';
      options.volume = "";
      return look == SATCHEL_LOOK_FREE && place->is_new && !is_meant
                 ? satchel_stack_look (plain, &options, ret_what)
                 : look;
    }
  return SATCHEL_LOOK_FAILED;
}
