/* SPDX-License-Identifier: MIT
 * Implements a user's open stack: made from levels, closed in the reverse order.
 */
#include "config.h"

#include "core/runtime/config/core_settings.h"
#include "core/storage/store/store_private.h"

#include <satchel/hash.h>

/* A store that is opened alone has no keeper but itself. */
static const SatchelStoreKeeper nobody = { .close = satchel_store_free };

static void
name_user (SatchelStoreCore *store, const SatchelStoreOpenOptions *options)
{
  store->user = g_strdup (options->user);
  store->path = g_strdup (options->path);
  store->profile = g_strdup (options->profile != NULL ? options->profile : SATCHEL_DEFAULT_PROFILE);
  store->volume = g_strdup (options->volume != NULL ? options->volume : "");
  store->identity = (SatchelStorageIdentity) {
    .user = store->user,
    .path = store->path,
    .root_fd = options->root_fd,
    .profile = store->profile,
    .volume = store->volume,
    .slot = options->slot,
    .epoch = options->epoch,
  };
}

/* Makes a level for each layer, from the top, and one for the driver. */
static void
make_levels (SatchelStoreCore *store, const SatchelStoreOpenOptions *options)
{
  store->n_levels = options->n_levels;
  store->levels = g_new0 (SatchelStorage, options->n_levels);
  store->level_names = g_new0 (char *, options->n_levels + 1);
  for (guint i = 0; i < options->n_levels; i++)
    {
      store->level_names[i] = g_strdup (options->levels[i].name);
      store->levels[i] = (SatchelStorage) {
        .ops = options->levels[i].ops,
        .below = i + 1 < options->n_levels ? &store->levels[i + 1] : NULL,
        .store = store,
        .identity = &store->identity,
      };
    }
}

static void
read_limits (SatchelStoreCore *store, const SatchelConfig *config)
{
  SatchelLimitSettings limits = { .mailboxes = 10000 };
  if (config != NULL)
    satchel_limit_settings_read (config, &limits);
  store->max_mailboxes = limits.mailboxes;
}

static void
init_locks (SatchelStoreCore *store)
{
  g_rec_mutex_init (&store->write_lock);
  g_mutex_init (&store->queue_lock);
  g_cond_init (&store->queue_changed);
  g_mutex_init (&store->handles_lock);
  g_mutex_init (&store->list_lock);
  g_mutex_init (&store->attributes_lock);
  g_mutex_init (&store->keys_lock);
}

static SatchelStoreCore *
store_new (const SatchelStoreOpenOptions *options)
{
  SatchelStoreCore *store = g_new0 (SatchelStoreCore, 1);
  store->users = 1;
  store->keeper = options->keeper != NULL ? options->keeper : &nobody;
  name_user (store, options);
  make_levels (store, options);
  read_limits (store, options->limits);
  init_locks (store);
  g_queue_init (&store->queue);
  store->handles = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  store->orphans = g_ptr_array_new ();
  store->key_uses = g_ptr_array_new ();
  satchel_store_set_user_attributes (store, options->attributes);
  satchel_namespaces_init (store);
  store->background = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                             .owner = store->user,
                                                             .cause = SATCHEL_CAUSE_BACKGROUND,
                                                             .rights = SATCHEL_RIGHTS_ALL });
  return store;
}

/* Frees what is left after `n_opened` levels, counted from the driver, were closed. */
static void
close_levels (SatchelStoreCore *store, guint n_opened)
{
  for (guint i = store->n_levels - n_opened; i < store->n_levels; i++)
    if (SATCHEL_HAS (store->levels[i].ops, close))
      store->levels[i].ops->close (&store->levels[i]);
}

static void
store_dispose (SatchelStoreCore *store)
{
  g_clear_pointer (&store->list, g_ptr_array_unref);
  g_hash_table_unref (store->handles);
  g_ptr_array_unref (store->orphans);
  g_rec_mutex_clear (&store->write_lock);
  g_mutex_clear (&store->queue_lock);
  g_cond_clear (&store->queue_changed);
  g_mutex_clear (&store->handles_lock);
  g_mutex_clear (&store->list_lock);
  g_mutex_clear (&store->keys_lock);
  g_ptr_array_unref (store->key_uses);
  satchel_namespaces_clear (store);
  satchel_access_unref (store->background);
  g_strfreev (store->level_names);
  g_free (store->below);
  g_free (store->levels);
  g_free (store->user);
  g_free (store->path);
  g_free (store->profile);
  g_free (store->volume);
  g_free (store->user_attributes);
  g_mutex_clear (&store->attributes_lock);
  g_free (store);
}

void
satchel_store_free (SatchelStoreCore *store)
{
  satchel_store_close_handles (store);
  satchel_changes_close (store);
  close_levels (store, store->n_levels);
  store_dispose (store);
}

static gboolean
check_options (const SatchelStoreOpenOptions *options, GError **error)
{
  if (options->n_levels == 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "no storage driver is configured");
  for (guint i = 0; i < options->n_levels; i++)
    if (options->levels[i].ops->size < offsetof (SatchelStorageOps, list)
        || options->levels[i].ops->open == NULL)
      return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "storage module %s lacks method open",
                                options->levels[i].name);
  return TRUE;
}

/* Makes and marks mailboxes of special uses, with the access of the server itself. */
static void
ensure_special_use (SatchelStoreCore *core, const SatchelConfig *mailboxes)
{
  g_autoptr (SatchelStore) store = satchel_store_handle_new (satchel_store_core_ref (core), core->background);
  satchel_store_ensure_special_use (store, mailboxes);
}

SatchelStoreCore *
satchel_store_core_open (const SatchelStoreOpenOptions *options, GError **error)
{
  if (!check_options (options, error))
    return NULL;
  SatchelStoreCore *store = store_new (options);
  if (!satchel_dispatch_build (store, error))
    {
      store_dispose (store);
      return NULL;
    }
  guint n_opened = 0;
  satchel_store_begin_write (store);
  for (; n_opened < store->n_levels; n_opened++)
    {
      guint i = store->n_levels - 1 - n_opened;
      if (!store->levels[i].ops->open (&store->levels[i], options->levels[i].section, error))
        {
          g_prefix_error (error, "%s: ", store->level_names[i]);
          break;
        }
    }
  gboolean is_open = n_opened == store->n_levels;
  if (is_open && !options->is_unheard)
    satchel_changes_open (store);
  if (is_open && options->mailboxes != NULL)
    ensure_special_use (store, options->mailboxes);
  satchel_store_end_write (store);
  if (is_open)
    return store;
  close_levels (store, n_opened);
  store_dispose (store);
  return NULL;
}

gboolean
satchel_storage_is_fenced (const SatchelStorage *storage)
{
  return g_atomic_int_get (&storage->store->is_fenced);
}

SatchelStore *
satchel_store_open (const SatchelStoreOpenOptions *options, GError **error)
{
  SatchelStoreCore *core = satchel_store_core_open (options, error);
  if (core == NULL)
    return NULL;
  return satchel_store_handle_new (core, options->access != NULL ? options->access : core->background);
}
