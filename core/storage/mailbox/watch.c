/* SPDX-License-Identifier: MIT
 * This file tells sessions of changes: in the main thread, with one call for many changes.
 */
#include "config.h"

#include <satchel/reactor.h>

#include "core/storage/store/store_private.h"

struct SatchelMailboxWatch
{
  gatomicrefcount refs;
  SatchelMailbox *mailbox;      /* a reference */
  SatchelMailboxWatchFunc func; /* NULL: the watch was removed; used by the main thread */
  gpointer data;
};

static void
watch_unref (gpointer data)
{
  SatchelMailboxWatch *watch = data;
  if (!g_atomic_ref_count_dec (&watch->refs))
    return;
  satchel_mailbox_unref (watch->mailbox);
  g_free (watch);
}

/* Calls the watchers, in the main thread.  The list may change while they are called. */
static void
call_watchers (gpointer data)
{
  SatchelMailboxCore *core = data;
  g_autoptr (GPtrArray) watches = g_ptr_array_new_with_free_func (watch_unref);
  g_mutex_lock (&core->lock);
  core->is_notified = FALSE;
  for (guint i = 0; i < core->watches->len; i++)
    {
      SatchelMailboxWatch *watch = core->watches->pdata[i];
      g_atomic_ref_count_inc (&watch->refs);
      g_ptr_array_add (watches, watch);
    }
  g_mutex_unlock (&core->lock);
  for (guint i = 0; i < watches->len; i++)
    {
      SatchelMailboxWatch *watch = watches->pdata[i];
      if (watch->func != NULL)
        watch->func (watch->mailbox, watch->data);
    }
  satchel_storage_mailbox_unref (&core->handle);
}

void
satchel_mailbox_notify (SatchelMailboxCore *core)
{
  g_mutex_lock (&core->lock);
  gboolean is_due = core->watches->len > 0 && !core->is_notified;
  if (is_due)
    core->is_notified = TRUE;
  g_mutex_unlock (&core->lock);
  if (is_due)
    satchel_defer (call_watchers, satchel_storage_mailbox_ref (&core->handle));
}

/* Tells the driver, in the main thread, whether to look for outside changes, which it does while there are
 * watches. */
static void
update_driver (gpointer data)
{
  SatchelMailbox *mailbox = data;
  SatchelMailboxCore *core = mailbox->core;
  g_mutex_lock (&core->lock);
  gboolean is_wanted = core->watches->len > 0;
  gboolean is_change = is_wanted != core->is_watching;
  core->is_watching = is_wanted;
  g_mutex_unlock (&core->lock);
  if (is_change)
    satchel_storage_watch (SATCHEL_STACK (mailbox->store), &core->handle, is_wanted);
  satchel_mailbox_unref (mailbox);
}

SatchelMailboxWatch *
satchel_mailbox_watch (SatchelMailbox *mailbox, SatchelMailboxWatchFunc func, gpointer data)
{
  SatchelMailboxCore *core = mailbox->core;
  SatchelMailboxWatch *watch = g_new0 (SatchelMailboxWatch, 1);
  g_atomic_ref_count_init (&watch->refs);
  watch->mailbox = satchel_mailbox_ref (mailbox);
  watch->func = func;
  watch->data = data;
  g_mutex_lock (&core->lock);
  g_ptr_array_add (core->watches, watch);
  gboolean is_first = core->watches->len == 1;
  g_mutex_unlock (&core->lock);
  if (is_first)
    satchel_defer (update_driver, satchel_mailbox_ref (mailbox));
  return watch;
}

void
satchel_mailbox_unwatch (SatchelMailboxWatch *watch)
{
  SatchelMailboxCore *core = watch->mailbox->core;
  watch->func = NULL;
  g_mutex_lock (&core->lock);
  g_ptr_array_remove_fast (core->watches, watch);
  gboolean is_last = core->watches->len == 0;
  g_mutex_unlock (&core->lock);
  if (is_last)
    satchel_defer (update_driver, satchel_mailbox_ref (watch->mailbox));
  watch_unref (watch);
}
