/* SPDX-License-Identifier: MIT
 * This file keeps open mailboxes: one for each mailbox and store, which all handles (handle.c) share.
 * Without handles a mailbox is kept for a while, and then closed by satchel_store_sweep.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <string.h>

SatchelStorageMailbox *
satchel_storage_mailbox_new (SatchelStorage *storage, const char *name)
{
  SatchelMailboxCore *core = g_new0 (SatchelMailboxCore, 1);
  core->handle.core = core;
  core->store = storage->store;
  core->name = g_strdup (name);
  core->idle_since_ms = satchel_store_clock_ms ();
  core->watches = g_ptr_array_new ();
  g_mutex_init (&core->lock);
  return &core->handle;
}

static void
core_free (SatchelMailboxCore *core)
{
  g_clear_pointer (&core->snapshot, satchel_snapshot_unref);
  g_clear_pointer (&core->logged, satchel_snapshot_unref);
  g_clear_pointer (&core->shown, g_ptr_array_unref);
  g_ptr_array_unref (core->watches);
  g_mutex_clear (&core->lock);
  g_clear_pointer (&core->keys, g_ptr_array_unref);
  satchel_uid_set_clear (&core->checked);
  g_free (core->name);
  g_free (core);
}

SatchelMailboxCore *
satchel_store_look_up_shown (SatchelStorage *storage, const SatchelAccess *access, const char *name)
{
  SatchelMailboxCore *core = satchel_store_look_up (storage->store, name);
  g_autofree char *shown = core != NULL ? satchel_storage_shown_name (storage, access, name) : NULL;
  if (shown == NULL || strcmp (shown, name) == 0)
    return core;
  satchel_storage_mailbox_unref (&core->handle);
  return NULL;
}

static SatchelMailboxCore *
open_locked (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  SatchelStoreCore *store = storage->store;
  SatchelMailboxCore *core = satchel_store_look_up_shown (storage, access, name);
  if (core != NULL)
    return core;
  SatchelStorageMailbox *mailbox = satchel_storage_open_mailbox (storage, access, name, error);
  if (mailbox == NULL)
    return NULL;
  core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&store->handles_lock);
  gboolean is_open = g_hash_table_lookup (store->handles, core->name) == core;
  if (!is_open)
    g_hash_table_insert (store->handles, g_strdup (core->name), core);
  satchel_mailbox_use_locked (core);
  g_mutex_unlock (&store->handles_lock);
  if (!is_open)
    satchel_changes_look (core);
  if (!is_open || satchel_mailbox_sync_core (core, access, error))
    return core;
  satchel_storage_mailbox_unref (mailbox);
  return NULL;
}

SatchelMailboxCore *
satchel_store_open_core (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                         GError **error)
{
  if (!satchel_store_check_name (name, error))
    return NULL;
  SatchelMailboxCore *core = satchel_store_look_up_shown (storage, access, name);
  if (core != NULL)
    {
      gboolean is_synced = satchel_mailbox_sync_core (core, access, error);
      if (is_synced && !satchel_storage_mailbox_is_deleted (&core->handle))
        return core;
      satchel_storage_mailbox_unref (&core->handle);
      if (!is_synced)
        return NULL;
    }
  satchel_store_begin_write (storage->store);
  core = open_locked (storage, access, name, error);
  satchel_store_end_write (storage->store);
  return core;
}

SatchelStorageMailbox *
satchel_storage_hold_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                              GError **error)
{
  SatchelMailboxCore *core = satchel_store_open_core (storage, access, name, error);
  return core != NULL ? &core->handle : NULL;
}

void
satchel_storage_mailbox_publish (SatchelStorageMailbox *mailbox, SatchelSnapshot *snapshot)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  SatchelSnapshot *old = core->snapshot;
  core->snapshot = snapshot;
  if (old == NULL && core->store->changes != NULL)
    /* satchel_changes_look finds out whether this state has been logged. */
    core->logged = satchel_snapshot_ref (snapshot);
  g_mutex_unlock (&core->lock);
  g_clear_pointer (&old, satchel_snapshot_unref);
  satchel_mailbox_notify (core);
}

void
satchel_storage_mailbox_renamed (SatchelStorageMailbox *mailbox, const char *name)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  SatchelStoreCore *store = core->store;
  g_mutex_lock (&store->handles_lock);
  if (!core->is_deleted && g_hash_table_lookup (store->handles, core->name) == core)
    g_hash_table_remove (store->handles, core->name);
  if (name == NULL && !core->is_deleted)
    {
      core->is_deleted = TRUE;
      g_ptr_array_add (store->orphans, core);
    }
  if (name != NULL)
    {
      g_free (core->name);
      core->name = g_strdup (name);
      g_hash_table_replace (store->handles, g_strdup (name), core);
    }
  g_mutex_unlock (&store->handles_lock);
  satchel_mailbox_notify (core);
}

/* Takes out of the tables the mailboxes that have had no users since @before_ms, and returns them.  The
 * caller holds write_lock, so that no call of the driver uses them. */
static GPtrArray *
take_idle (SatchelStoreCore *store, gint64 before_ms)
{
  GPtrArray *idle = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&store->handles_lock);
  g_hash_table_iter_init (&iter, store->handles);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SatchelMailboxCore *core = value;
      if (core->users > 0 || core->idle_since_ms > before_ms)
        continue;
      g_ptr_array_add (idle, core);
      g_hash_table_iter_remove (&iter);
    }
  for (guint i = store->orphans->len; i > 0; i--)
    {
      SatchelMailboxCore *core = store->orphans->pdata[i - 1];
      if (core->users == 0)
        g_ptr_array_add (idle, g_ptr_array_remove_index_fast (store->orphans, i - 1));
    }
  g_mutex_unlock (&store->handles_lock);
  return idle;
}

static void
close_idle (SatchelStoreCore *store, gint64 before_ms)
{
  satchel_store_begin_write (store);
  g_autoptr (GPtrArray) idle = take_idle (store, before_ms);
  for (guint i = 0; i < idle->len; i++)
    {
      SatchelMailboxCore *core = idle->pdata[i];
      satchel_storage_close_mailbox (&store->client, store->background, &core->handle);
      core_free (core);
    }
  satchel_store_end_write (store);
}

void
satchel_store_sweep_core (SatchelStoreCore *store, gint64 idle_ms)
{
  close_idle (store, satchel_store_clock_ms () - idle_ms);
}

void
satchel_store_sweep (SatchelStore *store, gint64 idle_ms)
{
  satchel_store_sweep_core (store->core, idle_ms);
}

void
satchel_store_close_handles (SatchelStoreCore *store)
{
  close_idle (store, G_MAXINT64);
}

guint
satchel_store_n_handles (SatchelStore *store)
{
  g_mutex_lock (&store->core->handles_lock);
  guint n = g_hash_table_size (store->core->handles) + store->core->orphans->len;
  g_mutex_unlock (&store->core->handles_lock);
  return n;
}
