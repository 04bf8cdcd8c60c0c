/* SPDX-License-Identifier: MIT
 * What other programs do to a mailbox while somebody watches it is told at once where the kernel tells us,
 * and a little later where it does not.
 */
#include "config.h"

#include "core/runtime/loop/reactor_private.h"
#include "modules/maildir/mailbox/inotify_watch.h"
#include "modules/maildir/mailbox/mailbox.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/loop.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void
count_call (SatchelMailbox *mailbox, gpointer data)
{
  ++*(guint *) data;
}

/* How many directories the kernel watches for this process. */
static guint
n_kernel_watches (void)
{
  guint n = 0;
  g_autoptr (GDir) all = g_dir_open ("/proc/self/fdinfo", 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (all)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fdinfo", name, NULL), *text = NULL;
      if (!g_file_get_contents (path, &text, NULL, NULL))
        continue;
      for (const char *at = text; (at = strstr (at, "inotify wd:")) != NULL; at++)
        n++;
    }
  return n;
}

static MdMailbox *
driver_of (SatchelMailbox *mailbox)
{
  return mailbox->core->handle.driver;
}

static guint32
n_messages (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.n_messages;
}

/* No second look is due: only the kernel can tell. */
static void
settle (SatchelMailbox *mailbox)
{
  loop_settle ();
  while (driver_of (mailbox)->suspect_due_ms != 0)
    {
      sync_later (mailbox);
      loop_settle ();
      g_usleep (1000);
    }
}

static void
rename_in (const Place *place, const char *from, const char *to)
{
  g_autofree char *old = place_path (place, "%s", from), *new = place_path (place, "%s", to);
  g_assert_cmpint (rename (old, new), ==, 0);
}

static void
unlink_in (const Place *place, const char *name)
{
  g_autofree char *path = place_path (place, "%s", name);
  g_assert_cmpint (unlink (path), ==, 0);
}

/* New mail, a flag, and mail that goes: each wakes who watches. */
static void
test_told (void)
{
  Place place;
  GError *error = NULL;
  guint n = 0;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_assert_cmpuint (n_kernel_watches (), ==, 0);
  SatchelMailboxWatch *watch = satchel_mailbox_watch (inbox, count_call, &n);
  settle (inbox);
  g_assert_cmpuint (n_kernel_watches (), ==, 2); /* new and cur */
  static const char *const steps[][2] = { { NULL, "new/1700000001.M1P1.host" },
                                          { "new/1700000001.M1P1.host", "cur/1700000001.M1P1.host:2," },
                                          { "cur/1700000001.M1P1.host:2,", "cur/1700000001.M1P1.host:2,S" },
                                          { "cur/1700000001.M1P1.host:2,S", NULL } };
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      n = 0;
      if (steps[i][0] == NULL)
        place_put (&place, steps[i][1], "Subject: a\n\na\n");
      else if (steps[i][1] == NULL)
        unlink_in (&place, steps[i][0]);
      else
        rename_in (&place, steps[i][0], steps[i][1]);
      loop_until (n > 0);
      g_assert_true (satchel_mailbox_sync (inbox, &error));
      settle (inbox);
      g_assert_cmpuint (n_messages (inbox), ==, i == 3 ? 0 : 1);
    }
  satchel_mailbox_unwatch (watch);
  loop_settle ();
  g_assert_cmpuint (n_kernel_watches (), ==, 0);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* What came between the last look and the first watch. */
static void
test_before (void)
{
  Place place;
  guint n = 0;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  settle (inbox);
  place_put (&place, "new/1700000001.M1P1.host", "Subject: a\n\na\n");
  SatchelMailboxWatch *watch = satchel_mailbox_watch (inbox, count_call, &n);
  loop_until (n > 0);
  satchel_mailbox_unwatch (watch);
  loop_settle ();
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Each mailbox hears of itself only, also when another one is watched no more. */
static void
test_two (void)
{
  Place place;
  GError *error = NULL;
  guint n_inbox = 0, n_folder = 0;
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "A", 0, &error));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *folder = place_mailbox (&place, "A");
  SatchelMailboxWatch *first = satchel_mailbox_watch (inbox, count_call, &n_inbox),
                      *second = satchel_mailbox_watch (folder, count_call, &n_folder);
  settle (inbox);
  settle (folder);
  g_assert_cmpuint (n_kernel_watches (), ==, 4);
  n_inbox = n_folder = 0;
  place_put (&place, ".A/new/1700000001.M1P1.host", "Subject: a\n\na\n");
  loop_until (n_folder > 0);
  g_assert_cmpuint (n_inbox, ==, 0);
  g_assert_true (satchel_mailbox_sync (folder, &error));
  settle (folder);
  satchel_mailbox_unwatch (first);
  loop_settle ();
  g_assert_cmpuint (n_kernel_watches (), ==, 2);
  n_folder = 0;
  place_put (&place, ".A/new/1700000002.M2P1.host", "Subject: b\n\nb\n");
  loop_until (n_folder > 0);
  satchel_mailbox_unwatch (second);
  loop_settle ();
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (folder);
  place_remove (&place);
}

/* While a commit renames files the kernel is not asked; afterwards it is, and what others did meanwhile is
 * found at the second look. */
static void
test_paused (void)
{
  Place place;
  guint n = 0;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  md_watch_pause (driver_of (inbox), TRUE); /* nobody watches: nothing happens */
  md_watch_pause (driver_of (inbox), FALSE);
  g_assert_cmpuint (n_kernel_watches (), ==, 0);
  SatchelMailboxWatch *watch = satchel_mailbox_watch (inbox, count_call, &n);
  settle (inbox);
  md_watch_pause (driver_of (inbox), TRUE);
  g_assert_cmpuint (n_kernel_watches (), ==, 0);
  md_watch_pause (driver_of (inbox), FALSE);
  md_watch_pause (driver_of (inbox), FALSE);
  g_assert_cmpuint (n_kernel_watches (), ==, 2);
  loop_settle ();
  n = 0;
  place_put (&place, "new/1700000001.M1P1.host", "Subject: a\n\na\n");
  loop_until (n > 0);
  satchel_mailbox_unwatch (watch);
  loop_settle ();
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Waits until somebody was told, without waiting for timers. */
static void
turn_wheel_until_told (const guint *ref_n)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  while (*ref_n == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      if (!g_main_context_iteration (NULL, FALSE) && satchel_timer_next_ms () >= 0)
        satchel_timer_run (satchel_timer_next_ms ());
    }
}

/* What the kernel did not tell of is found at the next look. */
static void
test_looked_for (void)
{
  Place place;
  guint n = 0;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  SatchelMailboxWatch *watch = satchel_mailbox_watch (inbox, count_call, &n);
  settle (inbox);
  md_watch_pause (driver_of (inbox), TRUE);
  n = 0;
  place_put (&place, "new/1700000001.M1P1.host", "Subject: a\n\na\n");
  turn_wheel_until_told (&n);
  satchel_mailbox_unwatch (watch);
  loop_settle ();
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Without inotify (a process has too many open files) who watches is told as well, of new mail and of the
 * mail after it. */
static void
test_without_inotify (void)
{
  Place place;
  GError *error = NULL;
  guint n = 0;
  struct rlimit limit, full;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  md_watch_stop ();
  SatchelMailboxWatch *watch = satchel_mailbox_watch (inbox, count_call, &n);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  full = limit;
  full.rlim_cur = (rlim_t) dup (0); /* the lowest that is free */
  close ((int) full.rlim_cur);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &full), ==, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpuint (n_kernel_watches (), ==, 0);
  for (guint i = 0; i < 2; i++)
    {
      settle (inbox);
      n = 0;
      g_autofree char *name = g_strdup_printf ("new/170000000%u.M1P1.host", i);
      place_put (&place, name, "Subject: a\n\na\n");
      turn_wheel_until_told (&n);
      g_assert_true (satchel_mailbox_sync (inbox, &error));
      g_assert_cmpuint (n_messages (inbox), ==, i + 1);
    }
  satchel_mailbox_unwatch (watch);
  loop_settle ();
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/watch/told", test_told);
  g_test_add_func ("/maildir/watch/before", test_before);
  g_test_add_func ("/maildir/watch/two", test_two);
  g_test_add_func ("/maildir/watch/paused", test_paused);
  g_test_add_func ("/maildir/watch/looked-for", test_looked_for);
  g_test_add_func ("/maildir/watch/without-inotify", test_without_inotify);
  return g_test_run ();
}
