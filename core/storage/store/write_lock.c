/* SPDX-License-Identifier: MIT
 * Implements the write lock of a store, which allows one writing call at a time, and none once another
 * process owns the user.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

void
satchel_store_begin_write (SatchelStoreCore *store)
{
  g_rec_mutex_lock (&store->write_lock);
  if (store->write_depth++ == 0)
    g_atomic_pointer_set (&store->writer, g_thread_self ());
}

void
satchel_store_end_write (SatchelStoreCore *store)
{
  if (--store->write_depth == 0)
    g_atomic_pointer_set (&store->writer, NULL);
  g_rec_mutex_unlock (&store->write_lock);
}

gboolean
satchel_store_is_writer (SatchelStoreCore *store)
{
  return g_atomic_pointer_get (&store->writer) == (gpointer) g_thread_self ();
}

gboolean
satchel_store_check_fence (SatchelStoreCore *store, GError **error)
{
  if (!g_atomic_int_get (&store->is_fenced))
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "another mail process owns the user now");
}
