/* SPDX-License-Identifier: MIT
 * The janitor's clock and its file.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "core/session/janitor/janitor_state.h"

#define HOUR_MS (3600 * (gint64) 1000)
#define DAY_MS (24 * HOUR_MS)
#define BEGIN_MS (20000 * DAY_MS)

static gboolean
look (SatchelJanitorClock *clock, gint64 wall_ms, gint64 boot_ms)
{
  return satchel_janitor_clock_look (clock, wall_ms, boot_ms, DAY_MS, 7 * DAY_MS);
}

static void
test_clock_steady (void)
{
  SatchelJanitorClock clock = { 0 };
  for (gint64 at = HOUR_MS; at < 60 * DAY_MS; at += 3 * HOUR_MS)
    g_assert_false (look (&clock, BEGIN_MS + at, at));
  /* Days without a look are no jump: the other clock went on as well. */
  g_assert_false (look (&clock, BEGIN_MS + 90 * DAY_MS, 90 * DAY_MS));
  /* Half a day is believed. */
  g_assert_false (look (&clock, BEGIN_MS + 90 * DAY_MS + 12 * HOUR_MS, 90 * DAY_MS));
  g_assert_cmpint (clock.ahead_ms, ==, 0);
}

static void
test_clock_jump (void)
{
  SatchelJanitorClock clock = { 0 };
  const gint64 year = 365 * DAY_MS;
  g_assert_false (look (&clock, BEGIN_MS, HOUR_MS));
  g_assert_true (look (&clock, BEGIN_MS + year, 2 * HOUR_MS));
  g_assert_cmpint (clock.ahead_ms, ==, year - HOUR_MS);
  g_assert_true (look (&clock, BEGIN_MS + year + 6 * DAY_MS, 2 * HOUR_MS + 6 * DAY_MS));
  /* It is back: no harm. */
  g_assert_false (look (&clock, BEGIN_MS + 6 * DAY_MS, 2 * HOUR_MS + 6 * DAY_MS));
  /* Again: the time of before does not count. */
  g_assert_true (look (&clock, BEGIN_MS + year, 3 * HOUR_MS + 6 * DAY_MS));
  g_assert_true (look (&clock, BEGIN_MS + year + 6 * DAY_MS, 3 * HOUR_MS + 12 * DAY_MS));
  g_assert_false (look (&clock, BEGIN_MS + year + 8 * DAY_MS, 3 * HOUR_MS + 14 * DAY_MS));
  g_assert_false (look (&clock, BEGIN_MS + year + 9 * DAY_MS, 3 * HOUR_MS + 15 * DAY_MS));
}

static void
test_clock_behind (void)
{
  SatchelJanitorClock clock = { 0 };
  g_assert_false (look (&clock, BEGIN_MS, DAY_MS));
  /* Years back, and right again a day later. */
  g_assert_false (look (&clock, BEGIN_MS - 9000 * DAY_MS, DAY_MS));
  g_assert_false (look (&clock, BEGIN_MS + DAY_MS, 2 * DAY_MS));
  /* Back for long is the time; forward from there is a jump. */
  g_assert_false (look (&clock, BEGIN_MS - 9000 * DAY_MS, 3 * DAY_MS));
  g_assert_false (look (&clock, BEGIN_MS - 8990 * DAY_MS, 13 * DAY_MS));
  g_assert_true (look (&clock, BEGIN_MS + 13 * DAY_MS, 14 * DAY_MS));
}

static void
test_clock_start_of_machine (void)
{
  SatchelJanitorClock clock = { 0 };
  g_assert_false (look (&clock, BEGIN_MS, 40 * DAY_MS));
  /* Off for ten minutes; off for ten days, which nobody can tell from a jump. */
  g_assert_false (look (&clock, BEGIN_MS + HOUR_MS, HOUR_MS / 2));
  g_assert_true (look (&clock, BEGIN_MS + 10 * DAY_MS, HOUR_MS / 4));
}

static void
test_state (void)
{
  g_autofree char *dir = g_dir_make_tmp ("satchel-janitor-XXXXXX", NULL),
                  *path = g_build_filename (dir, "spool", ".janitor-3", NULL);
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  SatchelJanitorState state = { 0 }, other = { 0 };
  satchel_janitor_state_load (fd, 3, &state);
  g_assert_cmpint (state.began_s, ==, 0);
  state = (SatchelJanitorState) { 17, TRUE, g_strdup ("a b@example.org"), { 1, 2, -3, 4 } };
  g_assert_true (satchel_janitor_state_save (fd, 3, &state, TRUE, &error));
  satchel_janitor_state_load (fd, 3, &other);
  g_assert_cmpint (other.began_s, ==, 17);
  g_assert_true (other.is_over);
  g_assert_cmpstr (other.after, ==, "a b@example.org");
  g_assert_cmpmem (&other.clock, sizeof other.clock, &state.clock, sizeof state.clock);
  satchel_janitor_state_clear (&other);
  /* Another process's. */
  satchel_janitor_state_load (fd, 4, &other);
  g_assert_null (other.after);
  /* Cut off anywhere, or nonsense: what was read before counts, or nothing. */
  g_autofree char *text = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &text, &len, NULL));
  for (gsize cut = 0; cut < len; cut++)
    {
      g_assert_true (g_file_set_contents (path, text, (gssize) cut, NULL));
      satchel_janitor_state_load (fd, 3, &other);
      g_assert_true (other.after == NULL || strcmp (other.after, "a b@example.org") == 0);
      g_assert_true (other.began_s == 0 || other.began_s == 17);
      satchel_janitor_state_clear (&other);
    }
  static const char *const nonsense[] = { "",
                                          "x",
                                          "satchel-janitor 2\nbegan 5\n",
                                          "satchel-janitor 1\nbegan x\n",
                                          "satchel-janitor 1\nbegan 99999999999999999999\n",
                                          "satchel-janitor 1\nbegan 5\nwall -5\n",
                                          "satchel-janitor 1\nbegan 5\nafter \xff\n",
                                          "satchel-janitor 1\nbegan 5\nelse 1\n" };
  for (guint i = 0; i < G_N_ELEMENTS (nonsense); i++)
    {
      g_assert_true (g_file_set_contents (path, nonsense[i], -1, NULL));
      satchel_janitor_state_load (fd, 3, &other);
      g_assert_cmpint (other.began_s, ==, 0);
      g_assert_null (other.after);
    }
  satchel_janitor_state_clear (&state);
  g_unlink (path);
  g_autofree char *spool = g_build_filename (dir, "spool", NULL);
  g_rmdir (spool);
  g_rmdir (dir);
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/janitor/clock/steady", test_clock_steady);
  g_test_add_func ("/janitor/clock/jump", test_clock_jump);
  g_test_add_func ("/janitor/clock/behind", test_clock_behind);
  g_test_add_func ("/janitor/clock/start-of-machine", test_clock_start_of_machine);
  g_test_add_func ("/janitor/state", test_state);
  return g_test_run ();
}
