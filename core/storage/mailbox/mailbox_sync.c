/* SPDX-License-Identifier: MIT
 * This file compares an open mailbox with what other programs may have changed below it: when somebody asks
 * for it, or in a job when the driver noticed something.
 */
#include "config.h"

#include <satchel/job.h>
#include <satchel/log.h>
#include <satchel/reactor.h>

#include "core/storage/store/store_private.h"

gboolean
satchel_mailbox_is_current (SatchelMailboxCore *core, const SatchelAccess *access)
{
  return satchel_storage_is_current (&core->store->client, access, &core->handle);
}

gboolean
satchel_mailbox_sync_core (SatchelMailboxCore *core, const SatchelAccess *access, GError **error)
{
  SatchelStoreCore *store = core->store;
  if (satchel_mailbox_is_current (core, access))
    return TRUE;
  satchel_store_begin_write (store);
  gboolean is_deleted = satchel_storage_mailbox_is_deleted (&core->handle);
  gboolean ok = is_deleted || satchel_storage_sync (&store->client, access, &core->handle, error);
  if (ok && !is_deleted)
    satchel_changes_look (core);
  satchel_store_end_write (store);
  return ok;
}

static void
sync_job (gpointer data)
{
  SatchelMailboxCore *core = data;
  g_mutex_lock (&core->lock);
  core->sync_queued = FALSE; /* a change from here on asks for another job */
  g_mutex_unlock (&core->lock);
  g_autoptr (GError) error = NULL;
  if (!satchel_mailbox_sync_core (core, core->store->background, &error))
    satchel_log (SATCHEL_LOG_WARNING, "storage",
                 "user=%s a mailbox that another program changed cannot be read again: %s", core->store->user,
                 error->message);
}

static void
sync_done (gpointer data)
{
  satchel_storage_mailbox_unref (data);
}

static void
queue_sync (gpointer data)
{
  SatchelMailboxCore *core = data;
  satchel_job_submit (core->store->user, "storage sync", sync_job, sync_done, core);
}

void
satchel_storage_mailbox_changed_outside (SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  g_mutex_lock (&core->lock);
  gboolean is_due = !core->sync_queued;
  core->sync_queued = TRUE;
  g_mutex_unlock (&core->lock);
  if (is_due)
    satchel_defer (queue_sync, satchel_storage_mailbox_ref (mailbox));
}
