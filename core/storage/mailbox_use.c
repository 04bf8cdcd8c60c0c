/* SPDX-License-Identifier: MIT
 * Uses of an open mailbox, and what layers, drivers and listeners read of it.
 */
#include "config.h"

#include "core/storage/store_private.h"

SatchelMailboxCore *
satchel_mailbox_core (SatchelStorageMailbox *mailbox)
{
  return (SatchelMailboxCore *) mailbox;
}

/* Under handles_lock. */
SatchelMailboxCore *
satchel_mailbox_use_locked (SatchelMailboxCore *core)
{
  if (core->users++ == 0)
    satchel_store_core_ref (core->store);
  return core;
}

SatchelStorageMailbox *
satchel_storage_mailbox_ref (SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->store->handles_lock);
  satchel_mailbox_use_locked (core);
  g_mutex_unlock (&core->store->handles_lock);
  return mailbox;
}

void
satchel_storage_mailbox_unref (SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  SatchelStoreCore *store = core->store;
  g_mutex_lock (&store->handles_lock);
  gboolean is_last = --core->users == 0;
  if (is_last)
    core->idle_since_ms = satchel_store_clock_ms ();
  g_mutex_unlock (&store->handles_lock);
  if (is_last)
    satchel_store_core_unref (store);
}

SatchelMailboxCore *
satchel_store_look_up (SatchelStoreCore *store, const char *name)
{
  g_mutex_lock (&store->handles_lock);
  SatchelMailboxCore *core = g_hash_table_lookup (store->handles, name);
  if (core != NULL)
    satchel_mailbox_use_locked (core);
  g_mutex_unlock (&store->handles_lock);
  return core;
}

SatchelStorageMailbox *
satchel_storage_find_mailbox (SatchelStorage *storage, const char *name)
{
  SatchelStoreCore *store = storage->store;
  g_mutex_lock (&store->handles_lock);
  SatchelMailboxCore *core = g_hash_table_lookup (store->handles, name);
  g_mutex_unlock (&store->handles_lock);
  return core != NULL ? &core->handle : NULL;
}

char *
satchel_storage_mailbox_name (SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->store->handles_lock);
  char *name = g_strdup (core->name);
  g_mutex_unlock (&core->store->handles_lock);
  return name;
}

gboolean
satchel_storage_mailbox_is_deleted (SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->store->handles_lock);
  gboolean is_deleted = core->is_deleted;
  g_mutex_unlock (&core->store->handles_lock);
  return is_deleted;
}

SatchelSnapshot *
satchel_storage_mailbox_snapshot (SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  SatchelSnapshot *snapshot = satchel_snapshot_ref (core->snapshot);
  g_mutex_unlock (&core->lock);
  return snapshot;
}
