/* SPDX-License-Identifier: MIT
 * This file brings a store up to date after a failure of its volume: what is in memory may be wrong then.
 */
#include "config.h"

#include "message/mailbox.h"
#include "store/load.h"

BdbSafety
bdb_store_safety (const BdbStore *store)
{
  return store->holds_syncs ? BDB_LATER : BDB_DURABLE;
}

gboolean
bdb_store_is_behind (BdbStore *store)
{
  return store->generation != bdb_volume_generation (store->volume);
}

/* Handles of mailboxes that are gone are reported as deleted; the others get what is stored now. */
gboolean
bdb_store_catch_up (SatchelStorage *storage, GError **error)
{
  BdbStore *store = storage->self;
  g_autoptr (GHashTable) before = NULL;
  GHashTableIter iter;
  gpointer name, value;
  if (!bdb_store_is_behind (store))
    return TRUE;
  if (!bdb_store_load (store, &before, error))
    return FALSE;
  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      BdbBox *box = value;
      if (box->handle == NULL)
        continue;
      if (g_hash_table_lookup (store->boxes, name) != box)
        satchel_storage_mailbox_renamed (box->handle, NULL);
      else if (!bdb_mailbox_reload (store, box, error))
        {
          store->generation = 0; /* the next call tries again */
          return FALSE;
        }
    }
  return TRUE;
}
