/* SPDX-License-Identifier: MIT
 * Implements the threads of durable listeners. Each listener has its own, so that a slow or hanging one
 * holds up only itself: not commits, not other listeners, and no thread of the pool. Users wait in line; a
 * user for whom a listener failed waits before the next try.
 */
#include "config.h"

#include "core/runtime/loop/job_private.h"
#include "core/storage/change_log/feed_private.h"

#include <satchel/log.h>
#include <string.h>

/* so many users may have changes to hear; others are added when their store is opened again */
#define USERS_MAX 10000u
#define WAIT_MIN_MS 1000u
#define WAIT_MAX_MS 300000u
#define TELL_US (10 * G_USEC_PER_SEC)

/* Returns the next entry that is due.  *ret_due_us is when the first entry that waits is due; 0 means that
 * none waits.  The caller holds satchel_feeds_lock. */
static SatchelFeedEntry *
next_entry (SatchelFeed *feed, gint64 *ret_due_us)
{
  gint64 now_us = g_get_monotonic_time ();
  GHashTableIter iter;
  gpointer value;
  *ret_due_us = 0;
  g_hash_table_iter_init (&iter, feed->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SatchelFeedEntry *entry = value;
      if (entry->due_us == 0)
        continue;
      if (entry->due_us <= now_us)
        {
          entry->due_us = 0;
          entry->is_in_line = TRUE;
          g_queue_push_tail (&feed->line, entry);
        }
      else if (*ret_due_us == 0 || entry->due_us < *ret_due_us)
        *ret_due_us = entry->due_us;
    }
  SatchelFeedEntry *entry = g_queue_pop_head (&feed->line);
  if (entry != NULL)
    entry->is_in_line = FALSE;
  return entry;
}

/* Logs a failure of a listener, but not each failure for each user. */
static void
log_failure (SatchelFeed *feed, const SatchelFeedEntry *entry, guint wait_ms, const char *why)
{
  gint64 now_us = g_get_monotonic_time ();
  if (feed->logged_us != 0 && now_us - feed->logged_us < TELL_US)
    return;
  feed->logged_us = now_us;
  satchel_log (SATCHEL_LOG_WARNING, "listener",
               "listener=%s user=%s failed %u times, is called again in %u s: %s", feed->name, entry->user,
               entry->n_failures, wait_ms / 1000, why);
}

/* Ends the work on an entry.  The caller holds satchel_feeds_lock. */
static void
end_entry (SatchelFeed *feed, SatchelFeedEntry *entry, gboolean ok, guint wait_ms, const GError *error)
{
  gboolean waits = ok && wait_ms > 0;
  entry->is_running = FALSE;
  if (entry->turn != SATCHEL_FEED_AGAIN)
    entry->turn = waits ? SATCHEL_FEED_WAITED : SATCHEL_FEED_AGAIN;
  if (ok && wait_ms == 0)
    {
      entry->n_failures = 0;
      if (entry->is_due_again)
        {
          entry->is_in_line = TRUE;
          g_queue_push_tail (&feed->line, entry);
        }
      else
        g_hash_table_remove (feed->users, entry->user);
      return;
    }
  /* Another process owns the user now, and opens the log itself. */
  if (error != NULL && g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE))
    {
      g_hash_table_remove (feed->users, entry->user);
      return;
    }
  const char *why = ok ? "the process ended several times while it was called" : error->message;
  if (!ok)
    wait_ms = MIN (WAIT_MAX_MS, WAIT_MIN_MS << MIN (entry->n_failures, 9u));
  entry->n_failures++;
  entry->due_us = g_get_monotonic_time () + (gint64) wait_ms * 1000;
  g_free (feed->trouble);
  feed->trouble = g_strdup (why);
  log_failure (feed, entry, wait_ms, why);
}

/* Has the listener go on with its own work for the user. */
static SatchelMaintained
call_work (const SatchelFeed *feed, SatchelStore *store, GError **error)
{
  g_autoptr (GError) local = NULL;
  satchel_feed_begin_call (feed->name, satchel_store_user (store), NULL);
  SatchelMaintained result = feed->listener.ops->work (store, &local);
  satchel_feed_end_call (feed->name, result != SATCHEL_MAINTAIN_FAILED);
  if (result != SATCHEL_MAINTAIN_FAILED)
    return result;
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  else
    satchel_error_set (error, SATCHEL_ERROR_FAILED, "the listener gave no reason");
  return SATCHEL_MAINTAIN_FAILED;
}

/* Has a listener hear the changes of a user.  *ret_has_more says that it wants to go on soon. */
static gboolean
serve_user (SatchelFeed *feed, const SatchelFeedEntry *entry, const SatchelPlace *place,
            const SatchelStoreKeeper *keeper, guint *ret_wait_ms, gboolean *ret_has_more, GError **error)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .owner = entry->user,
                                                                            .cause = SATCHEL_CAUSE_BACKGROUND,
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  g_autoptr (SatchelStore) store = keeper->acquire (access, place, error);
  *ret_wait_ms = 0;
  *ret_has_more = FALSE;
  if (store == NULL || !satchel_feed_run (store, &feed->listener, entry->turn, ret_wait_ms, error))
    return FALSE;
  if (*ret_wait_ms > 0 || !SATCHEL_HAS (feed->listener.ops, work) || satchel_feed_is_stopping ())
    return TRUE;
  SatchelMaintained result = call_work (feed, store, error);
  *ret_has_more = result == SATCHEL_MAINTAIN_MORE;
  return result != SATCHEL_MAINTAIN_FAILED;
}

static gpointer
run_feed (gpointer data)
{
  SatchelFeed *feed = data;
  satchel_job_begin_listener_thread (feed->number);
  g_mutex_lock (&satchel_feeds_lock);
  while (!satchel_feed_is_stopping ())
    {
      gint64 due_us;
      SatchelFeedEntry *entry = next_entry (feed, &due_us);
      if (entry == NULL)
        {
          if (due_us != 0)
            g_cond_wait_until (&feed->work, &satchel_feeds_lock, due_us);
          else
            g_cond_wait (&feed->work, &satchel_feeds_lock);
          continue;
        }
      g_autoptr (GError) error = NULL;
      guint wait_ms = 0;
      gboolean has_more = FALSE;
      entry->is_running = TRUE;
      entry->is_due_again = FALSE;
      g_autoptr (SatchelPlace) place = satchel_place_ref (entry->place);
      const SatchelStoreKeeper *keeper = entry->keeper;
      g_mutex_unlock (&satchel_feeds_lock);
      gboolean ok = serve_user (feed, entry, place, keeper, &wait_ms, &has_more, &error);
      g_mutex_lock (&satchel_feeds_lock);
      entry->is_due_again = entry->is_due_again || has_more;
      end_entry (feed, entry, ok, wait_ms, error);
    }
  g_mutex_unlock (&satchel_feeds_lock);
  return NULL;
}

/* Puts the user of @store in the listener's line.  The caller holds satchel_feeds_lock. */
static void
wake_feed (SatchelFeed *feed, SatchelStoreCore *store)
{
  if (satchel_feed_skips (feed, store->user))
    return;
  SatchelFeedEntry *entry = g_hash_table_lookup (feed->users, store->user);
  if (entry == NULL)
    {
      if (g_hash_table_size (feed->users) >= USERS_MAX)
        return;
      entry = g_new0 (SatchelFeedEntry, 1);
      entry->user = g_strdup (store->user);
      g_hash_table_insert (feed->users, entry->user, entry);
    }
  g_autofree char *attributes = satchel_store_user_attributes (store);
  if (entry->place == NULL || entry->place->epoch != store->identity.epoch
      || g_strcmp0 (entry->place->attributes, attributes) != 0)
    {
      g_clear_pointer (&entry->place, satchel_place_unref);
      entry->place = satchel_place_new (&(SatchelPlace) { .path = store->path,
                                                          .profile = store->profile,
                                                          .volume = store->volume,
                                                          .epoch = store->identity.epoch,
                                                          .attributes = attributes });
    }
  entry->keeper = store->keeper;
  entry->is_due_again = TRUE;
  if (entry->is_running || entry->is_in_line || entry->due_us != 0)
    return;
  entry->is_in_line = TRUE;
  g_queue_push_tail (&feed->line, entry);
  /* If no thread can be made, the entry waits until the next one tries again. */
  if (feed->thread == NULL)
    feed->thread = g_thread_try_new ("listener", run_feed, feed, NULL);
  g_cond_signal (&feed->work);
}

void
satchel_feed_wake (SatchelStoreCore *store)
{
  if (store->changes == NULL || store->keeper->acquire == NULL)
    return;
  g_mutex_lock (&satchel_feeds_lock);
  g_autoptr (GPtrArray) feeds = satchel_feeds_enabled ();
  for (guint i = 0; i < feeds->len && !satchel_feed_is_stopping (); i++)
    wake_feed (feeds->pdata[i], store);
  g_mutex_unlock (&satchel_feeds_lock);
}

void
satchel_feed_attach (SatchelStoreCore *store)
{
  g_mutex_lock (&satchel_feeds_lock);
  g_autoptr (GPtrArray) feeds = satchel_feeds_enabled ();
  g_mutex_unlock (&satchel_feeds_lock);
  for (guint i = 0; i < feeds->len; i++)
    {
      g_autoptr (GError) error = NULL;
      SatchelFeed *feed = feeds->pdata[i];
      if (!satchel_feed_cursor_attach (store, feed->name, &error))
        satchel_log (SATCHEL_LOG_WARNING, "listener",
                     "listener=%s user=%s its progress in the log of changes cannot be stored: %s",
                     feed->name, store->user, error->message);
    }
}
