/* SPDX-License-Identifier: MIT
 * Implements the calls by which layers, drivers and listeners read an open mailbox.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

SatchelMailboxCore *
satchel_mailbox_core (SatchelStorageMailbox *mailbox)
{
  return (SatchelMailboxCore *) mailbox;
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
