/* SPDX-License-Identifier: MIT
 * This file counts the uses of an open mailbox, which keep it and its store open.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

/* Takes a use of @core.  The caller holds handles_lock. */
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
