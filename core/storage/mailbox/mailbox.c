/* SPDX-License-Identifier: MIT
 * Implements the calls that protocols and deliveries make with a handle of a mailbox.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

SatchelMailbox *
satchel_store_open_mailbox (SatchelStore *store, const char *name, GError **error)
{
  if (!satchel_store_check_name (name, error) || !satchel_rights_check (store, name, SATCHEL_ACT_OPEN, error))
    return NULL;
  SatchelMailboxCore *core = satchel_store_open_core (SATCHEL_STACK (store), name, error);
  if (core != NULL && store->core->changes != NULL
      && !g_atomic_int_get (&core->is_logged)) /* the mailbox was made by another program */
    {
      satchel_store_begin_write (store->core);
      satchel_changes_mend (store->core);
      satchel_store_end_write (store->core);
    }
  return core != NULL ? satchel_mailbox_handle_new (store, core) : NULL;
}

SatchelMailbox *
satchel_store_peek_mailbox (SatchelStore *store, const char *name)
{
  SatchelMailboxCore *core = satchel_rights_check (store, name, SATCHEL_ACT_OPEN, NULL)
                                 ? satchel_store_look_up_shown (SATCHEL_STACK (store), name)
                                 : NULL;
  if (core == NULL)
    return NULL;
  if (satchel_mailbox_is_current (core, store->access))
    return satchel_mailbox_handle_new (store, core);
  satchel_storage_mailbox_unref (&core->handle);
  return NULL;
}

SatchelSnapshot *
satchel_mailbox_dated_snapshot (SatchelMailbox *mailbox, GError **error)
{
  SatchelStoreCore *store = mailbox->core->store;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  if (snapshot->state.n_undated == 0)
    return g_steal_pointer (&snapshot);
  satchel_store_begin_write (store);
  gboolean ok = satchel_mailbox_is_deleted (mailbox)
                || satchel_storage_fill_dates (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, error);
  satchel_store_end_write (store);
  return ok ? satchel_mailbox_snapshot (mailbox) : NULL;
}

gboolean
satchel_mailbox_sync (SatchelMailbox *mailbox, GError **error)
{
  return satchel_mailbox_sync_core (mailbox->core, mailbox->store->access, error);
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
  SatchelStoreCore *store = mailbox->core->store;
  guint32 first = upto_uid;
  gboolean ok = TRUE;
  /* The mark of recent messages only grows; if there is nothing to claim, as in most SELECTs, nothing is
   * written. */
  if (first_recent (mailbox) < upto_uid)
    {
      satchel_store_begin_write (store);
      if (!satchel_mailbox_is_deleted (mailbox) && first_recent (mailbox) < upto_uid)
        ok = satchel_storage_claim_recent (SATCHEL_STACK (mailbox->store), &mailbox->core->handle, upto_uid,
                                           &first, error);
      satchel_store_end_write (store);
    }
  if (ok)
    *ret_first = MIN (first, upto_uid);
  return ok;
}

gboolean
satchel_mailbox_try_lock (SatchelMailbox *mailbox, gconstpointer owner)
{
  SatchelMailboxCore *core = mailbox->core;
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
  SatchelMailboxCore *core = mailbox->core;
  g_mutex_lock (&core->lock);
  if (core->owner == owner)
    core->owner = NULL;
  g_mutex_unlock (&core->lock);
}
