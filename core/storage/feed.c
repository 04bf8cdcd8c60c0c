/* SPDX-License-Identifier: MIT
 * The threads of durable listeners.  Each listener has its own, so that a slow or hanging one holds up only
 * itself: not commits, not other listeners, and no thread of the pool.  Users wait in line; a user for whom a
 * listener failed waits before the next try.
 */
#include "config.h"

#include "core/storage/feed.h"
#include "core/storage/store_private.h"

#include <satchel/counter.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

#define USERS_MAX 10000u /* users with changes to hear; others join when their store is opened again */
#define WAIT_MIN_MS 1000u
#define WAIT_MAX_MS 300000u
#define TELL_US (10 * G_USEC_PER_SEC)

SATCHEL_COUNTER (calls, "satchel_listener_calls_total", "Changes that durable listeners were told",
                 "listener", "result");

typedef struct Entry
{
  char *user;
  SatchelPlace *place; /* of the store that was opened last */
  gboolean is_running, is_due_again, is_in_line;
  SatchelFeedTurn turn;
  guint n_failures;
  gint64 due_us; /* 0: not waiting */
} Entry;

typedef struct Feed
{
  SatchelStoreListener listener;
  char *name;
  gboolean is_on;
  GThread *thread;
  GCond work;
  GHashTable *users; /* user -> Entry */
  GQueue line;       /* Entry */
  char *call;        /* "FLAGS user=..."; NULL: it is not called just now */
  gint64 call_since_us;
  guint64 n_told, n_failed;
  char *trouble; /* of the last failure, or NULL */
  gint64 logged_us;
} Feed;

static GMutex lock; /* for all below and in Feed */
static GPtrArray *feeds;
static gint is_stopping;
static guint64 max_bytes = 8u << 20;
static gint64 max_age = 7 * 86400;

static void
feed_entry_free (gpointer data)
{
  Entry *entry = data;
  g_free (entry->user);
  satchel_place_unref (entry->place);
  g_free (entry);
}

gboolean
satchel_feed_is_stopping (void)
{
  return g_atomic_int_get (&is_stopping) != 0;
}

void
satchel_feed_set_bounds (guint64 bytes, gint64 seconds)
{
  g_mutex_lock (&lock);
  max_bytes = bytes;
  max_age = seconds;
  g_mutex_unlock (&lock);
}

gboolean
satchel_feed_is_wanted (guint64 *ret_max_bytes, gint64 *ret_max_age)
{
  g_mutex_lock (&lock);
  gboolean is_wanted = FALSE;
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    is_wanted |= ((Feed *) feeds->pdata[i])->is_on;
  *ret_max_bytes = max_bytes;
  *ret_max_age = max_age;
  g_mutex_unlock (&lock);
  return is_wanted;
}

/* Under lock. */
static Feed *
find_feed (const char *name)
{
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    if (strcmp (((Feed *) feeds->pdata[i])->name, name) == 0)
      return feeds->pdata[i];
  return NULL;
}

/* Under lock. */
static Feed *
add_feed (const char *name)
{
  Feed *feed = g_new0 (Feed, 1);
  feed->name = g_strdup (name);
  g_cond_init (&feed->work);
  feed->users = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, feed_entry_free);
  g_queue_init (&feed->line);
  g_ptr_array_add (feeds, feed);
  return feed;
}

/* Those that are not named any more hear nothing; their threads are kept for when they are. */
void
satchel_feed_set_listeners (const SatchelStoreListener *listeners, guint n)
{
  g_mutex_lock (&lock);
  if (feeds == NULL)
    feeds = g_ptr_array_new ();
  for (guint i = 0; i < feeds->len; i++)
    ((Feed *) feeds->pdata[i])->is_on = FALSE;
  for (guint i = 0; i < n; i++)
    {
      if (!SATCHEL_HAS (listeners[i].ops, heard))
        continue;
      Feed *feed = find_feed (listeners[i].name);
      if (feed == NULL)
        feed = add_feed (listeners[i].name);
      feed->listener = (SatchelStoreListener) { feed->name, listeners[i].ops };
      feed->is_on = TRUE;
    }
  g_mutex_unlock (&lock);
}

void
satchel_feed_begin_call (const char *name, const char *user, const SatchelChange *change)
{
  g_mutex_lock (&lock);
  Feed *feed = find_feed (name);
  if (feed != NULL)
    {
      g_free (feed->call);
      GString *call = g_string_new (satchel_change_kind_name (change->kind));
      satchel_log_field (call, "user", user);
      feed->call = g_string_free (call, FALSE);
      feed->call_since_us = g_get_monotonic_time ();
    }
  g_mutex_unlock (&lock);
}

void
satchel_feed_end_call (const char *name, gboolean is_done)
{
  g_mutex_lock (&lock);
  Feed *feed = find_feed (name);
  if (feed != NULL)
    {
      g_clear_pointer (&feed->call, g_free);
      feed->n_told += is_done;
      feed->n_failed += !is_done;
    }
  g_mutex_unlock (&lock);
  satchel_counter_add (&calls, 1, name, is_done ? "ok" : "failed");
}

/* Under lock: the next one, when it is due.  *ret_due_us: when the first of those that wait is; 0: none does.
 */
static Entry *
next_entry (Feed *feed, gint64 *ret_due_us)
{
  gint64 now_us = g_get_monotonic_time ();
  GHashTableIter iter;
  gpointer value;
  *ret_due_us = 0;
  g_hash_table_iter_init (&iter, feed->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;
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
  Entry *entry = g_queue_pop_head (&feed->line);
  if (entry != NULL)
    entry->is_in_line = FALSE;
  return entry;
}

/* Not every failure of every user: a line in a while. */
static void
log_failure (Feed *feed, const Entry *entry, guint wait_ms, const char *why)
{
  gint64 now_us = g_get_monotonic_time ();
  if (feed->logged_us != 0 && now_us - feed->logged_us < TELL_US)
    return;
  feed->logged_us = now_us;
  satchel_log (SATCHEL_LOG_WARNING, "listener",
               "listener=%s user=%s failed %u times, is called again in %u s: %s", feed->name, entry->user,
               entry->n_failures, wait_ms / 1000, why);
}

/* Under lock. */
static void
end_entry (Feed *feed, Entry *entry, gboolean ok, guint wait_ms, const GError *error)
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
  /* The user is another process's now, which opens the log itself. */
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

static gboolean
serve_user (Feed *feed, const Entry *entry, const SatchelPlace *place, guint *ret_wait_ms, GError **error)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .owner = entry->user,
                                                                            .cause = SATCHEL_CAUSE_BACKGROUND,
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  g_autoptr (SatchelStore) store = satchel_store_acquire (access, place, error);
  *ret_wait_ms = 0;
  return store != NULL && satchel_feed_run (store, &feed->listener, entry->turn, ret_wait_ms, error);
}

static gpointer
run_feed (gpointer data)
{
  Feed *feed = data;
  g_mutex_lock (&lock);
  while (!satchel_feed_is_stopping ())
    {
      gint64 due_us;
      Entry *entry = next_entry (feed, &due_us);
      if (entry == NULL)
        {
          if (due_us != 0)
            g_cond_wait_until (&feed->work, &lock, due_us);
          else
            g_cond_wait (&feed->work, &lock);
          continue;
        }
      g_autoptr (GError) error = NULL;
      guint wait_ms = 0;
      entry->is_running = TRUE;
      entry->is_due_again = FALSE;
      g_autoptr (SatchelPlace) place = satchel_place_ref (entry->place);
      g_mutex_unlock (&lock);
      gboolean ok = serve_user (feed, entry, place, &wait_ms, &error);
      g_mutex_lock (&lock);
      end_entry (feed, entry, ok, wait_ms, error);
    }
  g_mutex_unlock (&lock);
  return NULL;
}

/* Under lock. */
static void
wake_feed (Feed *feed, SatchelStoreCore *store)
{
  Entry *entry = g_hash_table_lookup (feed->users, store->user);
  if (entry == NULL)
    {
      if (g_hash_table_size (feed->users) >= USERS_MAX)
        return;
      entry = g_new0 (Entry, 1);
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
  entry->is_due_again = TRUE;
  if (entry->is_running || entry->is_in_line || entry->due_us != 0)
    return;
  entry->is_in_line = TRUE;
  g_queue_push_tail (&feed->line, entry);
  /* Without a thread it waits: the next one asks again. */
  if (feed->thread == NULL)
    feed->thread = g_thread_try_new ("listener", run_feed, feed, NULL);
  g_cond_signal (&feed->work);
}

void
satchel_feed_wake (SatchelStoreCore *store)
{
  if (store->changes == NULL || !store->is_fed)
    return;
  g_mutex_lock (&lock);
  for (guint i = 0; feeds != NULL && i < feeds->len && !satchel_feed_is_stopping (); i++)
    if (((Feed *) feeds->pdata[i])->is_on)
      wake_feed (feeds->pdata[i], store);
  g_mutex_unlock (&lock);
}

void
satchel_feed_attach (SatchelStoreCore *store)
{
  g_mutex_lock (&lock);
  g_autoptr (GPtrArray) all = feeds != NULL ? g_ptr_array_copy (feeds, NULL, NULL) : g_ptr_array_new ();
  g_mutex_unlock (&lock);
  for (guint i = 0; i < all->len; i++)
    {
      g_autoptr (GError) error = NULL;
      Feed *feed = all->pdata[i];
      if (feed->is_on && !satchel_feed_cursor_attach (store, feed->name, &error))
        satchel_log (SATCHEL_LOG_WARNING, "listener",
                     "listener=%s user=%s its progress in the log of changes cannot be stored: %s",
                     feed->name, store->user, error->message);
    }
}

void
satchel_feed_stop (void)
{
  g_atomic_int_set (&is_stopping, 1);
  g_mutex_lock (&lock);
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    g_cond_signal (&((Feed *) feeds->pdata[i])->work);
  g_mutex_unlock (&lock);
}

/* Under lock. */
static char *
describe_feed (const Feed *feed)
{
  guint n_failing = 0;
  GString *line = g_string_new ("listener:");
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, feed->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n_failing += ((Entry *) value)->n_failures > 0;
  satchel_log_field (line, "name", feed->name);
  g_string_append_printf (line, " waiting=%u failing=%u told=%" G_GUINT64_FORMAT " failed=%" G_GUINT64_FORMAT,
                          g_hash_table_size (feed->users), n_failing, feed->n_told, feed->n_failed);
  if (feed->call != NULL)
    {
      satchel_log_field (line, "call", feed->call);
      g_string_append_printf (line, " since_ms=%" G_GINT64_FORMAT,
                              (g_get_monotonic_time () - feed->call_since_us) / 1000);
    }
  if (n_failing > 0 && feed->trouble != NULL)
    satchel_log_field (line, "error", feed->trouble);
  return g_string_free (line, FALSE);
}

void
satchel_feed_describe (SatchelFeedDescribeFunc func, gpointer data)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_mutex_lock (&lock);
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    if (((Feed *) feeds->pdata[i])->is_on)
      g_ptr_array_add (lines, describe_feed (feeds->pdata[i]));
  g_mutex_unlock (&lock);
  for (guint i = 0; i < lines->len; i++)
    func (lines->pdata[i], data);
}
