/* SPDX-License-Identifier: MIT
 * This file keeps the durable listeners of the process: which there are, what each is called for just now,
 * and a line about each for the administrator.
 */
#include "config.h"

#include "core/runtime/loop/job_private.h"
#include "core/storage/change_log/feed_private.h"
#include "core/storage/mailbox/suspects.h"

#include <satchel/counter.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

SATCHEL_COUNTER (calls, "satchel_listener_calls_total", "Changes that durable listeners were told",
                 "listener", "result");

GMutex satchel_feeds_lock; /* guards everything below */
static GPtrArray *feeds;   /* SatchelFeed; none is removed, since its thread stays */
static gint is_stopping;
static guint64 max_bytes = 8u << 20;
static gint64 max_age = 7 * 86400;

static void
feed_entry_free (gpointer data)
{
  SatchelFeedEntry *entry = data;
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
  g_mutex_lock (&satchel_feeds_lock);
  max_bytes = bytes;
  max_age = seconds;
  g_mutex_unlock (&satchel_feeds_lock);
}

gboolean
satchel_feed_is_wanted (guint64 *ret_max_bytes, gint64 *ret_max_age)
{
  g_mutex_lock (&satchel_feeds_lock);
  gboolean is_wanted = FALSE;
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    is_wanted |= ((SatchelFeed *) feeds->pdata[i])->is_on;
  *ret_max_bytes = max_bytes;
  *ret_max_age = max_age;
  g_mutex_unlock (&satchel_feeds_lock);
  return is_wanted;
}

/* Finds a listener by name.  The caller holds satchel_feeds_lock. */
static SatchelFeed *
find_feed (const char *name)
{
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    if (strcmp (((SatchelFeed *) feeds->pdata[i])->name, name) == 0)
      return feeds->pdata[i];
  return NULL;
}

/* Adds a listener.  The caller holds satchel_feeds_lock. */
static SatchelFeed *
add_feed (const char *name)
{
  SatchelFeed *feed = g_new0 (SatchelFeed, 1);
  feed->name = g_strdup (name);
  feed->number = feeds->len;
  feed->skipped = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  g_cond_init (&feed->work);
  feed->users = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, feed_entry_free);
  g_queue_init (&feed->line);
  g_ptr_array_add (feeds, feed);
  return feed;
}

/* A listener that is not named any more gets no changes; its thread is kept for the time when it is named
 * again. */
void
satchel_feed_set_listeners (const SatchelStoreListener *listeners, guint n)
{
  g_mutex_lock (&satchel_feeds_lock);
  if (feeds == NULL)
    feeds = g_ptr_array_new ();
  for (guint i = 0; i < feeds->len; i++)
    ((SatchelFeed *) feeds->pdata[i])->is_on = FALSE;
  for (guint i = 0; i < n; i++)
    {
      if (!SATCHEL_HAS (listeners[i].ops, heard))
        continue;
      SatchelFeed *feed = find_feed (listeners[i].name);
      if (feed == NULL)
        feed = add_feed (listeners[i].name);
      feed->listener = (SatchelStoreListener) { feed->name, listeners[i].ops };
      feed->is_on = TRUE;
    }
  g_mutex_unlock (&satchel_feeds_lock);
}

/* Notes what this thread does, in case that the process crashes of it. */
static void
write_crumb (const char *name, const char *user, const char *what)
{
  g_autofree char *operation = g_strconcat (SATCHEL_SUSPECT_LISTENER, name, NULL);
  satchel_job_listener_crumb (user, operation);
  satchel_job_call (NULL, what);
}

void
satchel_feed_begin_call (const char *name, const char *user, const SatchelChange *change)
{
  g_mutex_lock (&satchel_feeds_lock);
  SatchelFeed *feed = find_feed (name);
  if (feed != NULL)
    {
      g_free (feed->call);
      const char *what = change != NULL ? satchel_change_kind_name (change->kind) : "WORK";
      GString *call = g_string_new (what);
      satchel_log_field (call, "user", user);
      feed->call = g_string_free (call, FALSE);
      feed->call_since_us = g_get_monotonic_time ();
      write_crumb (name, user, what);
    }
  g_mutex_unlock (&satchel_feeds_lock);
}

void
satchel_feed_end_call (const char *name, gboolean is_done)
{
  satchel_job_listener_crumb (NULL, NULL);
  g_mutex_lock (&satchel_feeds_lock);
  SatchelFeed *feed = find_feed (name);
  if (feed != NULL)
    {
      g_clear_pointer (&feed->call, g_free);
      feed->n_told += is_done;
      feed->n_failed += !is_done;
    }
  g_mutex_unlock (&satchel_feeds_lock);
  satchel_counter_add (&calls, 1, name, is_done ? "ok" : "failed");
}

gboolean
satchel_feed_skips (SatchelFeed *feed, const char *user)
{
  if (!satchel_store_is_suspect_listener (feed->name, user))
    return FALSE;
  if (g_hash_table_add (feed->skipped, g_strdup (user)))
    satchel_log (
        SATCHEL_LOG_ERROR, "listener",
        "listener=%s user=%s is not called any more until the server is restarted, since the process "
        "crashed each time; then it hears what it missed",
        feed->name, user);
  return TRUE;
}

/* Returns the listeners that are enabled.  The caller holds satchel_feeds_lock. */
GPtrArray *
satchel_feeds_enabled (void)
{
  GPtrArray *enabled = g_ptr_array_new ();
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    if (((SatchelFeed *) feeds->pdata[i])->is_on)
      g_ptr_array_add (enabled, feeds->pdata[i]);
  return enabled;
}

void
satchel_feed_stop (void)
{
  g_atomic_int_set (&is_stopping, 1);
  g_mutex_lock (&satchel_feeds_lock);
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    g_cond_signal (&((SatchelFeed *) feeds->pdata[i])->work);
  g_mutex_unlock (&satchel_feeds_lock);
}

/* Returns the line about a listener.  The caller holds satchel_feeds_lock. */
static char *
describe_feed (const SatchelFeed *feed)
{
  guint n_failing = 0;
  GString *line = g_string_new ("listener:");
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, feed->users);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n_failing += ((SatchelFeedEntry *) value)->n_failures > 0;
  satchel_log_field (line, "name", feed->name);
  g_string_append_printf (
      line, " waiting=%u failing=%u told=%" G_GUINT64_FORMAT " failed=%" G_GUINT64_FORMAT " skipped=%u",
      g_hash_table_size (feed->users), n_failing, feed->n_told, feed->n_failed,
      g_hash_table_size (feed->skipped));
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
  g_mutex_lock (&satchel_feeds_lock);
  for (guint i = 0; feeds != NULL && i < feeds->len; i++)
    if (((SatchelFeed *) feeds->pdata[i])->is_on)
      g_ptr_array_add (lines, describe_feed (feeds->pdata[i]));
  g_mutex_unlock (&satchel_feeds_lock);
  for (guint i = 0; i < lines->len; i++)
    func (lines->pdata[i], data);
}
