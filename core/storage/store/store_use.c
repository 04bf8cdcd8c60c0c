/* SPDX-License-Identifier: MIT
 * Uses of an open store, which keep it open: handles, and mailboxes in use.  Who keeps the store without any
 * is its keeper.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

GMutex satchel_store_uses_lock;

gint64
satchel_store_clock_ms (void)
{
  return g_get_monotonic_time () / 1000;
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
  /* Whoever keeps it may close it from here on. */
  if (is_last && keeper->keep == NULL)
    keeper->close (store);
}
