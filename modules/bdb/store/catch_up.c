/* SPDX-License-Identifier: MIT
 * This file brings a store up to date after a failure of its volume, since what is in memory may be wrong
 * then.
 */
#include "config.h"

#include "message/mailbox.h"
#include "store/load.h"

BdbSafety
bdb_store_safety (const BdbStore *store)
{
  return store->holder == g_thread_self () ? BDB_LATER : BDB_DURABLE;
}

gboolean
bdb_store_is_behind (BdbStore *store)
{
  return bdb_volume_has_failed (store->volume) || store->generation != bdb_volume_generation (store->volume);
}

/* Reports handles of mailboxes that are gone as deleted; the others get what is stored now. */
gboolean
bdb_store_catch_up (SatchelStorage *storage, GError **error)
{
  BdbStore *store = storage->self;
  g_autoptr (GHashTable) before = NULL;
  GHashTableIter iter;
  gpointer name, value;
  /* Opens a volume that has failed here, so that nobody reads with the help of what was in memory before.  As
   * long as it cannot be opened, clients keep what they see. */
  bdb_volume_mend (store->volume);
  if (store->generation == bdb_volume_generation (store->volume))
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
