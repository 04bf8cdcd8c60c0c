/* SPDX-License-Identifier: MIT
 * The threads of durable listeners: each change is told to each of them, whoever else is slow, fails or
 * hangs; when they are called again after a failure; whose store they are given.  Over the driver `memory`.
 */
#include "config.h"

#include "core/storage/change_log/change_log.h"
#include "core/storage/change_log/feed_private.h"
#include "memory.h"
#include "tests/lib/loop.h"

#include <satchel/module.h>
#include <string.h>

#define OVER_US 1

static GMutex lock; /* for what follows */
static GCond changed;
static GString *told[2]; /* "a APPEND\n": what each listener was told */
static gboolean is_held; /* the first listener does not return */
static guint n_fails;    /* so many of its calls fail */
static guint n_works, n_more,
    n_idle; /* its own work: calls, and how many of the next ones want more, or fail */
static SatchelErrorCode acquire_code; /* 0: stores can be had */
static GString *acquired;             /* the places of the stores that were asked for, a line each */
static GHashTable *stores;            /* user -> SatchelStore */

static gboolean
tell (guint listener, SatchelStore *store, const SatchelChange *change, GError **error)
{
  g_mutex_lock (&lock);
  gboolean fails = listener == 0 && n_fails > 0;
  if (fails)
    n_fails--;
  else
    g_string_append_printf (told[listener], "%.1s %s\n", satchel_store_user (store),
                            satchel_change_kind_name (change->kind));
  while (listener == 0 && is_held)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);
  return !fails || satchel_error_set (error, SATCHEL_ERROR_FAILED, "not now");
}

static gboolean
tell_first (SatchelStore *store, const SatchelChange *change, GError **error)
{
  return tell (0, store, change, error);
}

static gboolean
tell_second (SatchelStore *store, const SatchelChange *change, GError **error)
{
  return tell (1, store, change, error);
}

static SatchelMaintained
work_first (SatchelStore *store, GError **error)
{
  SatchelMaintained result = SATCHEL_MAINTAIN_DONE;
  g_mutex_lock (&lock);
  n_works++;
  if (n_more > 0)
    {
      n_more--;
      result = SATCHEL_MAINTAIN_MORE;
    }
  else if (n_idle > 0)
    {
      n_idle--;
      satchel_error_set (error, SATCHEL_ERROR_FAILED, "nobody answers");
      result = SATCHEL_MAINTAIN_FAILED;
    }
  g_mutex_unlock (&lock);
  return result;
}

static const SatchelMailboxListenerOps first_ops = { .size = sizeof first_ops,
                                                     .heard = tell_first,
                                                     .work = work_first },
                                       second_ops = { .size = sizeof second_ops, .heard = tell_second };
static const SatchelStoreListener listeners[] = { { "first", &first_ops }, { "second", &second_ops } };

static SatchelStore *
acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error)
{
  g_mutex_lock (&lock);
  SatchelErrorCode code = acquire_code;
  while (code == 0 && !g_hash_table_contains (stores, access->owner)) /* it is being opened */
    g_cond_wait (&changed, &lock);
  SatchelStore *store = code == 0 ? g_hash_table_lookup (stores, access->owner) : NULL;
  g_string_append_printf (acquired, "%s %s %s %" G_GUINT64_FORMAT " %s\n", place->path, place->profile,
                          place->volume, place->epoch,
                          place->attributes != NULL ? place->attributes : "none");
  store = store != NULL ? satchel_store_with_access (store, access) : NULL;
  g_mutex_unlock (&lock);
  g_assert_cmpint (access->cause, ==, SATCHEL_CAUSE_BACKGROUND);
  if (store == NULL)
    satchel_error_set (error, code, "no store");
  return store;
}

static void
open_user (const char *user, guint64 epoch, const char *attributes)
{
  static const SatchelStoreKeeper keeper = { .close = satchel_store_free, .acquire = acquire };
  static guint n;
  g_autofree char *path = g_strdup_printf ("example.org/feed%u", ++n);
  g_autoptr (GError) error = NULL;
  SatchelStoreLevel level = { "memory", satchel_module ()->provides[0].ops, NULL };
  SatchelStoreOpenOptions options = { .user = user,
                                      .path = path,
                                      .profile = "p",
                                      .volume = "v",
                                      .epoch = epoch,
                                      .attributes = attributes,
                                      .root_fd = -1,
                                      .levels = &level,
                                      .n_levels = 1,
                                      .keeper = &keeper };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  g_mutex_lock (&lock);
  g_hash_table_replace (stores, g_strdup (user), store);
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

static SatchelFeed *
feed_of (guint listener)
{
  g_mutex_lock (&satchel_feeds_lock);
  g_autoptr (GPtrArray) feeds = satchel_feeds_enabled ();
  g_mutex_unlock (&satchel_feeds_lock);
  g_assert_cmpuint (feeds->len, ==, 2);
  return feeds->pdata[listener];
}

static guint
n_waiting (guint listener)
{
  SatchelFeed *feed = feed_of (listener);
  g_mutex_lock (&satchel_feeds_lock);
  guint n = g_hash_table_size (feed->users);
  g_mutex_unlock (&satchel_feeds_lock);
  return n;
}

static gboolean
is_told (guint listener, const char *expected)
{
  g_mutex_lock (&lock);
  gboolean is_so = strcmp (told[listener]->str, expected) == 0;
  g_mutex_unlock (&lock);
  return is_so;
}

static gint
compare_lines (gconstpointer a, gconstpointer b)
{
  return strncmp (*(const char *const *) a, *(const char *const *) b, 1);
}

/* By user: which one's turn it is is not promised. */
static char *
sort_lines (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, "\n", -1);
  g_autoptr (GPtrArray) lines = g_ptr_array_new ();
  for (guint i = 0; words[i] != NULL; i++)
    g_ptr_array_add (lines, words[i]);
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **) lines->pdata);
}

/* Once there is nothing left to tell, what was told is this. */
static void
expect_told (guint listener, const char *expected)
{
  loop_until (n_waiting (listener) == 0);
  g_mutex_lock (&lock);
  g_autofree char *found = sort_lines (told[listener]->str), *sorted = sort_lines (expected);
  g_assert_cmpstr (found, ==, sorted);
  g_string_truncate (told[listener], 0);
  g_mutex_unlock (&lock);
}

static void
change (const char *user)
{
  static guint n;
  SatchelStore *store = g_hash_table_lookup (stores, user);
  g_autofree char *name = g_strdup_printf ("box%u", ++n);
  g_assert_true (satchel_store_create (store, name, 0, NULL));
}

static void
begin (void)
{
  stores = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) satchel_store_unref);
  acquired = g_string_new (NULL);
  told[0] = g_string_new (NULL);
  told[1] = g_string_new (NULL);
  is_held = FALSE;
  n_fails = n_works = n_more = n_idle = 0;
  acquire_code = 0;
  satchel_store_set_listeners (listeners, G_N_ELEMENTS (listeners));
}

/* A user who has heard of the beginning. */
static void
add_user (const char *user)
{
  open_user (user, 0, NULL);
  change (user);
  g_autofree char *expected = g_strdup_printf ("%.1s RESYNC\n%.1s CREATE\n", user, user);
  expect_told (0, expected);
  expect_told (1, expected);
}

static void
end (void)
{
  loop_until (n_waiting (0) == 0 && n_waiting (1) == 0);
  g_hash_table_unref (stores);
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    g_string_free (told[i], TRUE);
  g_string_free (acquired, TRUE);
}

static void
hold (gboolean is_to_be_held)
{
  g_mutex_lock (&lock);
  is_held = is_to_be_held;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

static void
add_line (const char *line, gpointer text)
{
  g_string_append_printf (text, "%s\n", line);
}

static void
expect_described (const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_feed_describe (add_line, text);
  if (strstr (text->str, expected) == NULL)
    g_error ("no \"%s\" in %s", expected, text->str);
}

/* ---- cases ---- */

static void
test_told (void)
{
  begin ();
  add_user ("a@x.org");
  add_user ("b@x.org");
  change ("a@x.org");
  change ("a@x.org");
  expect_told (0, "a CREATE\na CREATE\n");
  expect_told (1, "a CREATE\na CREATE\n");
  change ("b@x.org");
  expect_told (0, "b CREATE\n");
  expect_told (1, "b CREATE\n");
  end ();
}

/* A listener that does not return holds up itself alone, and afterwards hears everything in order. */
static void
test_held (void)
{
  begin ();
  add_user ("a@x.org");
  add_user ("b@x.org");
  hold (TRUE);
  change ("a@x.org");
  loop_until (is_told (0, "a CREATE\n"));
  change ("b@x.org");
  change ("a@x.org");
  expect_told (1, "a CREATE\nb CREATE\na CREATE\n");
  g_assert_true (is_told (0, "a CREATE\n"));
  expect_described ("name=first waiting=2 failing=0");
  expect_described ("call=\"CREATE user");
  expect_described ("a@x.org\" since_ms=");
  hold (FALSE);
  expect_told (0, "a CREATE\na CREATE\nb CREATE\n");
  expect_described ("name=first waiting=0 failing=0");
  end ();
}

/* The listener fails for the user, after @before_us, and is called again @wait_s seconds after that, here
 * only once the test lets it. */
static void
expect_wait (const char *user, gint64 before_us, guint wait_s)
{
  SatchelFeed *feed = feed_of (0);
  gint64 due_us = 0, now_us = 0;
  while (due_us <= OVER_US)
    {
      g_thread_yield ();
      g_mutex_lock (&satchel_feeds_lock);
      SatchelFeedEntry *entry = g_hash_table_lookup (feed->users, user);
      due_us = entry != NULL && !entry->is_running ? entry->due_us : 0;
      now_us = g_get_monotonic_time ();
      if (due_us > OVER_US)
        entry->due_us = G_MAXINT64;
      g_mutex_unlock (&satchel_feeds_lock);
    }
  g_assert_cmpint (due_us, >=, before_us + wait_s * G_USEC_PER_SEC);
  g_assert_cmpint (due_us, <=, now_us + wait_s * G_USEC_PER_SEC);
}

/* The time for the next call has come, as long ago as that. */
static gint64
let_wait_end (const char *user)
{
  SatchelFeed *feed = feed_of (0);
  gint64 now_us = g_get_monotonic_time ();
  g_mutex_lock (&satchel_feeds_lock);
  ((SatchelFeedEntry *) g_hash_table_lookup (feed->users, user))->due_us = OVER_US;
  g_cond_signal (&feed->work);
  g_mutex_unlock (&satchel_feeds_lock);
  return now_us;
}

/* A listener's own work follows what it hears, goes on as long as it wants, and comes again after a failure,
 * also when nothing has changed meanwhile. */
static void
test_works (void)
{
  begin ();
  n_more = 3;
  add_user ("a@x.org");
  g_mutex_lock (&lock);
  g_assert_cmpuint (n_more, ==, 0);
  g_assert_cmpuint (n_works, >=, 4);
  n_works = 0;
  n_idle = 2;
  g_mutex_unlock (&lock);
  gint64 before_us = g_get_monotonic_time ();
  change ("a@x.org");
  expect_wait ("a@x.org", before_us, 1);
  expect_described ("name=first waiting=1 failing=1");
  expect_described ("error=\"nobody answers\"");
  g_assert_true (is_told (0, "a CREATE\n"));
  before_us = let_wait_end ("a@x.org");
  expect_wait ("a@x.org", before_us, 2);
  let_wait_end ("a@x.org");
  expect_told (0, "a CREATE\n");
  expect_told (1, "a CREATE\n");
  g_assert_cmpuint (n_works, ==, 3);
  end ();
}

/* After a failure the same change comes again, later and later; for other users it goes on meanwhile. */
static void
test_fails (void)
{
  static const guint waits_s[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 };
  begin ();
  add_user ("a@x.org");
  add_user ("b@x.org");
  n_fails = G_N_ELEMENTS (waits_s);
  gint64 before_us = g_get_monotonic_time ();
  change ("a@x.org");
  for (guint i = 0; i < G_N_ELEMENTS (waits_s); i++)
    {
      expect_wait ("a@x.org", before_us, waits_s[i]);
      before_us = let_wait_end ("a@x.org");
      if (i == 3)
        {
          expect_wait ("a@x.org", before_us, waits_s[++i]);
          n_fails = 0;
          change ("b@x.org");
          loop_until (is_told (0, "b CREATE\n") && n_waiting (0) == 1);
          expect_described ("name=first waiting=1 failing=1");
          expect_described ("error=\"not now\"");
          change ("a@x.org"); /* it does not come sooner for that */
          n_fails = G_N_ELEMENTS (waits_s) - 1 - i;
          before_us = let_wait_end ("a@x.org");
        }
    }
  expect_told (0, "b CREATE\na CREATE\na CREATE\n");
  expect_told (1, "a CREATE\nb CREATE\na CREATE\n");
  expect_described ("name=first waiting=0 failing=0");
  /* It has worked meanwhile: the next failure counts as the first. */
  n_fails = 1;
  before_us = g_get_monotonic_time ();
  change ("a@x.org");
  expect_wait ("a@x.org", before_us, 1);
  let_wait_end ("a@x.org");
  expect_told (0, "a CREATE\n");
  end ();
}

/* Whom another process owns now is forgotten; a store that cannot be had for now is tried again. */
static void
test_no_store (void)
{
  begin ();
  add_user ("a@x.org");
  g_mutex_lock (&lock);
  acquire_code = SATCHEL_ERROR_UNAVAILABLE;
  g_mutex_unlock (&lock);
  change ("a@x.org");
  expect_told (0, "");
  expect_told (1, "");
  g_mutex_lock (&lock);
  acquire_code = SATCHEL_ERROR_NOSPACE;
  g_mutex_unlock (&lock);
  gint64 before_us = g_get_monotonic_time ();
  change ("a@x.org");
  expect_wait ("a@x.org", before_us, 1);
  expect_described ("error=\"no store\"");
  g_mutex_lock (&lock);
  acquire_code = 0;
  g_mutex_unlock (&lock);
  let_wait_end ("a@x.org");
  expect_told (0, "a CREATE\na CREATE\n");
  end ();
}

/* The store is that of the place where the user was opened last, also for whoever waits already. */
static void
test_place (void)
{
  static const struct
  {
    guint64 epoch;
    const char *attributes;
  } places[] = { { 3, NULL }, { 4, NULL }, { 4, "quota\t1\n" }, { 4, "quota\t2\n" } };
  begin ();
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_mutex_lock (&lock);
      acquire_code = SATCHEL_ERROR_NOSPACE;
      g_string_truncate (acquired, 0);
      g_mutex_unlock (&lock);
      gint64 before_us = g_get_monotonic_time ();
      open_user ("a@x.org", places[i].epoch, places[i].attributes);
      change ("a@x.org");
      if (i > 0)
        before_us = let_wait_end ("a@x.org");
      expect_wait ("a@x.org", before_us, i > 0 ? 1u << i : 1);
      const SatchelStore *store = g_hash_table_lookup (stores, "a@x.org");
      g_autofree char *expected =
          g_strdup_printf ("%s p v %" G_GUINT64_FORMAT " %s\n", store->core->path, places[i].epoch,
                           places[i].attributes != NULL ? places[i].attributes : "none");
      g_mutex_lock (&lock);
      g_assert_nonnull (strstr (acquired->str, expected));
      g_mutex_unlock (&lock);
    }
  g_mutex_lock (&lock);
  acquire_code = 0;
  g_mutex_unlock (&lock);
  let_wait_end ("a@x.org");
  expect_told (0, "a RESYNC\na CREATE\n");
  end ();
}

/* Where processes ended during the call, this one waits first, and then calls. */
static void
test_deaths (void)
{
  begin ();
  add_user ("a@x.org");
  const SatchelStore *store = g_hash_table_lookup (stores, "a@x.org");
  const MemoryUser *user = store->core->levels[0].self;
  GByteArray *cursor = g_hash_table_lookup (user->files, "cursor-first");
  g_autofree char *text =
      g_strdup_printf ("satchel-cursor 1 %" G_GUINT64_FORMAT " 0 0 0 0 4", store->core->changes->generation);
  g_autofree char *line = g_strdup_printf ("%s %08x\n", text, satchel_change_checksum (text, strlen (text)));
  g_byte_array_set_size (cursor, 0);
  g_byte_array_append (cursor, (const guint8 *) line, (guint) strlen (line));
  gint64 before_us = g_get_monotonic_time ();
  change ("a@x.org");
  expect_wait ("a@x.org", before_us, 2);
  g_assert_true (is_told (0, ""));
  expect_described ("error=\"the process ended several times while it was called\"");
  hold (TRUE);
  let_wait_end ("a@x.org");
  loop_until (is_told (0, "a CREATE\n"));
  /* Should this process end now, the next one waits longer. */
  g_autofree char *written = g_strndup ((const char *) cursor->data, cursor->len);
  g_auto (GStrv) words = g_strsplit (written, " ", -1);
  g_assert_cmpstr (words[7], ==, "5");
  hold (FALSE);
  expect_told (0, "a CREATE\na CREATE\n");
  end ();
}

/* A listener at whose work for a user processes crashed is not called for that user; all others are heard. */
static void
test_skipped (void)
{
  begin ();
  satchel_store_add_suspect ("listener first s@x.org");
  add_user ("a@x.org");
  open_user ("s@x.org", 0, NULL);
  change ("s@x.org");
  expect_told (1, "s RESYNC\ns CREATE\n");
  change ("a@x.org");
  expect_told (0, "a CREATE\n");
  expect_described (" skipped=1");
  end ();
}

static gboolean
is_made_up (gpointer user, gpointer entry, gpointer data)
{
  return ((const SatchelFeedEntry *) entry)->due_us == G_MAXINT64;
}

/* So many users can wait for a listener; more are heard of when their store changes again. */
static void
test_bound (void)
{
  begin ();
  add_user ("a@x.org");
  SatchelFeed *feed = feed_of (0);
  g_mutex_lock (&satchel_feeds_lock);
  for (guint i = 0; i < 10000; i++)
    {
      SatchelFeedEntry *entry = g_new0 (SatchelFeedEntry, 1);
      entry->user = g_strdup_printf ("%u@x.org", i);
      entry->place = satchel_place_new (&(SatchelPlace) { .path = "" });
      entry->due_us = G_MAXINT64;
      g_hash_table_insert (feed->users, entry->user, entry);
    }
  g_mutex_unlock (&satchel_feeds_lock);
  hold (TRUE); /* whoever is in line stays there */
  change ("a@x.org");
  expect_told (1, "a CREATE\n");
  g_assert_cmpuint (n_waiting (0), ==, 10000);
  hold (FALSE);
  g_mutex_lock (&satchel_feeds_lock);
  g_hash_table_remove (feed->users, "77@x.org");
  g_mutex_unlock (&satchel_feeds_lock);
  change ("a@x.org");
  loop_until (is_told (0, "a CREATE\na CREATE\n"));
  g_mutex_lock (&satchel_feeds_lock);
  g_hash_table_foreach_remove (feed->users, is_made_up, NULL); /* the thread may still be at "a" */
  g_mutex_unlock (&satchel_feeds_lock);
  end ();
}

/* The last: threads end when the process does. */
static void
test_stop (void)
{
  begin ();
  add_user ("a@x.org");
  satchel_feed_stop ();
  for (guint i = 0; i < G_N_ELEMENTS (listeners); i++)
    g_thread_join (g_steal_pointer (&feed_of (i)->thread));
  change ("a@x.org");
  expect_told (0, "");
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_func ("/feed/told", test_told);
  g_test_add_func ("/feed/held", test_held);
  g_test_add_func ("/feed/fails", test_fails);
  g_test_add_func ("/feed/works", test_works);
  g_test_add_func ("/feed/no-store", test_no_store);
  g_test_add_func ("/feed/place", test_place);
  g_test_add_func ("/feed/deaths", test_deaths);
  g_test_add_func ("/feed/skipped", test_skipped);
  g_test_add_func ("/feed/bound", test_bound);
  g_test_add_func ("/feed/stop", test_stop);
  return g_test_run ();
}
