/* SPDX-License-Identifier: MIT
 * This file counts the uses of an open store, which are its handles and its mailboxes in use.  They keep it
 * open; the keeper of the store may keep it open without any.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

GMutex satchel_store_uses_lock;

gint64
satchel_store_clock_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

gboolean
satchel_store_hold_syncs (SatchelStore *store, gboolean hold, GError **error)
{
  return satchel_storage_hold_syncs (SATCHEL_STACK (store), hold, error);
}

SatchelStoreCore *
satchel_store_core_ref (SatchelStoreCore *store)
{
  g_mutex_lock (&satchel_store_uses_lock);
  store->users++;
  g_mutex_unlock (&satchel_store_uses_lock);
  return store;
}

void
satchel_store_core_unref (SatchelStoreCore *store)
{
  const SatchelStoreKeeper *keeper = store->keeper;
  g_mutex_lock (&satchel_store_uses_lock);
  gboolean is_last = --store->users == 0;
  if (is_last)
    store->idle_since_ms = satchel_store_clock_ms ();
  if (is_last && keeper->keep != NULL)
    keeper->keep (store);
  g_mutex_unlock (&satchel_store_uses_lock);
  /* The keeper may close the store from here on. */
  if (is_last && keeper->keep == NULL)
    keeper->close (store);
}
