/* SPDX-License-Identifier: MIT
 * Mailbox handles: one a mailbox and store, shared by all who use it, kept a while when nobody does, and closed by
 * satchel_store_sweep.
 */
#include "config.h"

#include "core/storage/store_private.h"

SatchelMailboxCore *
satchel_mailbox_core (SatchelMailbox *mailbox)
{
  return (SatchelMailboxCore *) mailbox;
}

SatchelMailbox *
satchel_mailbox_new (SatchelStorage *storage, const char *name)
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
  g_ptr_array_unref (core->watches);
  g_mutex_clear (&core->lock);
  satchel_key_cache_free (core->keys);
  satchel_uid_set_clear (&core->checked);
  g_free (core->name);
  g_free (core);
}

/* Under handles_lock. */
static SatchelMailbox *
use_locked (SatchelMailboxCore *core)
{
  if (core->users++ == 0)
    satchel_store_ref (core->store);
  return &core->handle;
}

SatchelMailbox *
satchel_mailbox_ref (SatchelMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->store->handles_lock);
  use_locked (core);
  g_mutex_unlock (&core->store->handles_lock);
  return mailbox;
}

void
satchel_mailbox_unref (SatchelMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  SatchelStore *store = core->store;
  g_mutex_lock (&store->handles_lock);
  gboolean is_last = --core->users == 0;
  if (is_last)
    core->idle_since_ms = satchel_store_clock_ms ();
  g_mutex_unlock (&store->handles_lock);
  if (is_last)
    satchel_store_unref (store);
}

/* A reference to the open handle, or NULL. */
static SatchelMailbox *
look_up (SatchelStore *store, const char *name)
{
  g_mutex_lock (&store->handles_lock);
  SatchelMailboxCore *core = g_hash_table_lookup (store->handles, name);
  SatchelMailbox *mailbox = core != NULL ? use_locked (core) : NULL;
  g_mutex_unlock (&store->handles_lock);
  return mailbox;
}

static SatchelMailbox *
open_locked (SatchelStore *store, const char *name, GError **error)
{
  SatchelMailbox *mailbox = look_up (store, name);
  if (mailbox != NULL)
    return mailbox;
  mailbox = satchel_storage_open_mailbox (&store->client, name, error);
  if (mailbox == NULL)
    return NULL;
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&store->handles_lock);
  g_hash_table_insert (store->handles, g_strdup (core->name), core);
  use_locked (core);
  g_mutex_unlock (&store->handles_lock);
  return mailbox;
}

SatchelMailbox *
satchel_store_open_mailbox (SatchelStore *store, const char *name, GError **error)
{
  if (!satchel_store_check_name (name, error))
    return NULL;
  g_autoptr (SatchelMailbox) mailbox = look_up (store, name);
  if (mailbox != NULL)
    {
      if (!satchel_mailbox_sync (mailbox, error))
        return NULL;
      if (!satchel_mailbox_is_deleted (mailbox))
        return g_steal_pointer (&mailbox);
    }
  satchel_store_begin_write (store);
  SatchelMailbox *opened = open_locked (store, name, error);
  satchel_store_end_write (store);
  return opened;
}

static gboolean
is_current (SatchelMailbox *mailbox)
{
  return satchel_storage_is_current (&satchel_mailbox_core (mailbox)->store->client, mailbox);
}

SatchelMailbox *
satchel_store_peek_mailbox (SatchelStore *store, const char *name)
{
  SatchelMailbox *mailbox = look_up (store, name);
  if (mailbox != NULL && !is_current (mailbox))
    g_clear_pointer (&mailbox, satchel_mailbox_unref);
  return mailbox;
}

SatchelMailbox *
satchel_store_handle (SatchelStore *store, const char *name)
{
  g_mutex_lock (&store->handles_lock);
  SatchelMailboxCore *core = g_hash_table_lookup (store->handles, name);
  g_mutex_unlock (&store->handles_lock);
  return core != NULL ? &core->handle : NULL;
}

char *
satchel_mailbox_name (SatchelMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->store->handles_lock);
  char *name = g_strdup (core->name);
  g_mutex_unlock (&core->store->handles_lock);
  return name;
}

gboolean
satchel_mailbox_is_deleted (SatchelMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->store->handles_lock);
  gboolean is_deleted = core->is_deleted;
  g_mutex_unlock (&core->store->handles_lock);
  return is_deleted;
}

SatchelStore *
satchel_mailbox_store (SatchelMailbox *mailbox)
{
  return satchel_mailbox_core (mailbox)->store;
}

SatchelSnapshot *
satchel_mailbox_snapshot (SatchelMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  SatchelSnapshot *snapshot = satchel_snapshot_ref (core->snapshot);
  g_mutex_unlock (&core->lock);
  return snapshot;
}

SatchelSnapshot *
satchel_mailbox_dated_snapshot (SatchelMailbox *mailbox, GError **error)
{
  SatchelStore *store = satchel_mailbox_core (mailbox)->store;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  if (snapshot->state.n_undated == 0)
    return g_steal_pointer (&snapshot);
  satchel_store_begin_write (store);
  gboolean ok = satchel_mailbox_is_deleted (mailbox) || satchel_storage_fill_dates (&store->client, mailbox, error);
  satchel_store_end_write (store);
  return ok ? satchel_mailbox_snapshot (mailbox) : NULL;
}

void
satchel_mailbox_publish (SatchelMailbox *mailbox, SatchelSnapshot *snapshot)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  SatchelSnapshot *old = core->snapshot;
  core->snapshot = snapshot;
  g_mutex_unlock (&core->lock);
  g_clear_pointer (&old, satchel_snapshot_unref);
  satchel_mailbox_notify (core);
}

void
satchel_mailbox_renamed (SatchelMailbox *mailbox, const char *name)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  SatchelStore *store = core->store;
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

/* Handles without users since @before_ms, taken out of the tables.  Under write_lock: no call of the driver is at work on them. */
static GPtrArray *
take_idle (SatchelStore *store, gint64 before_ms)
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
close_idle (SatchelStore *store, gint64 before_ms)
{
  satchel_store_begin_write (store);
  g_autoptr (GPtrArray) idle = take_idle (store, before_ms);
  for (guint i = 0; i < idle->len; i++)
    {
      SatchelMailboxCore *core = idle->pdata[i];
      satchel_storage_close_mailbox (&store->client, &core->handle);
      core_free (core);
    }
  satchel_store_end_write (store);
}

void
satchel_store_sweep (SatchelStore *store, gint64 idle_ms)
{
  close_idle (store, satchel_store_clock_ms () - idle_ms);
}

void
satchel_store_close_handles (SatchelStore *store)
{
  close_idle (store, G_MAXINT64);
}

guint
satchel_store_n_handles (SatchelStore *store)
{
  g_mutex_lock (&store->handles_lock);
  guint n = g_hash_table_size (store->handles) + store->orphans->len;
  g_mutex_unlock (&store->handles_lock);
  return n;
}

gboolean
satchel_mailbox_sync (SatchelMailbox *mailbox, GError **error)
{
  SatchelStore *store = satchel_mailbox_core (mailbox)->store;
  if (is_current (mailbox))
    return TRUE;
  satchel_store_begin_write (store);
  gboolean is_deleted = satchel_mailbox_is_deleted (mailbox);
  gboolean ok = is_deleted ? TRUE : satchel_storage_sync (&store->client, mailbox, error);
  satchel_store_end_write (store);
  return ok;
}

static guint32
first_recent (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.first_recent_uid;
}

gboolean
satchel_mailbox_claim_recent (SatchelMailbox *mailbox, guint32 upto_uid, guint32 *ret_first, GError **error)
{
  SatchelStore *store = satchel_mailbox_core (mailbox)->store;
  guint32 first = upto_uid;
  gboolean ok = TRUE;
  /* It only grows: with nothing to claim nothing is written, which is the usual SELECT. */
  if (first_recent (mailbox) < upto_uid)
    {
      satchel_store_begin_write (store);
      if (!satchel_mailbox_is_deleted (mailbox) && first_recent (mailbox) < upto_uid)
        ok = satchel_storage_claim_recent (&store->client, mailbox, upto_uid, &first, error);
      satchel_store_end_write (store);
    }
  if (ok)
    *ret_first = MIN (first, upto_uid);
  return ok;
}

gboolean
satchel_mailbox_try_lock (SatchelMailbox *mailbox, gconstpointer owner)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  gboolean is_free = core->owner == NULL || core->owner == owner;
  if (is_free)
    core->owner = owner;
  g_mutex_unlock (&core->lock);
  return is_free;
}

void
satchel_mailbox_unlock (SatchelMailbox *mailbox, gconstpointer owner)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  if (core->owner == owner)
    core->owner = NULL;
  g_mutex_unlock (&core->lock);
}
