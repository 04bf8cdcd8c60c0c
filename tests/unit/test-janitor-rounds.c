/* SPDX-License-Identifier: MIT
 * The rounds of the janitor: who is visited, in which order and when, what it does while auth is away or
 * others work, and how it goes on after a restart.  The monotonic clock is the test's own, so that days pass
 * in milliseconds.
 */
#include "config.h"

#include "core/runtime/loop/job_private.h"
#include "core/runtime/log/log_private.h"
#include "core/session/janitor/janitor.h"
#include "core/session/janitor/janitor_state.h"
#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"
#include "tests/lib/own_clock.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/job.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

#define SLOT 3
#define MINUTE_MS (60 * (gint64) 1000)
#define HOUR_MS (60 * MINUTE_MS)

static char *root;
static SatchelLoader *loader;
static SatchelConfigSet *set;
static SatchelJanitorHost host;
static gint64 began_ms;

/* What auth is asked, and what it says. */
static const char *const accounts[] = { "anna@x.org", "bob@x.org", "carl@x.org",
                                        "dora@x.org", "ed@x.org",  NULL };
static guint n_lists, n_away;
static gboolean is_auth_away, is_auth_silent;
static const char *moved_away; /* is in the list, and belongs to another process when it is asked about */

/* What the upkeep did. */
static GMutex lock;
static GString *visits; /* "anna bob " */
static GString *lines;  /* of the log */
static guint n_more;    /* so many slices of carl are not the last one; G_MAXUINT: none is */

static void
keep_line (SatchelLogLevel level, const char *area, const char *message)
{
  g_mutex_lock (&lock);
  g_string_append_printf (lines, "%s\n", message);
  g_mutex_unlock (&lock);
}

static gboolean
has_logged (const char *words)
{
  g_mutex_lock (&lock);
  gboolean has = strstr (lines->str, words) != NULL;
  g_mutex_unlock (&lock);
  return has;
}

static guint
n_visits (void)
{
  g_mutex_lock (&lock);
  guint n = 0;
  for (const char *at = visits->str; *at != '\0'; at++)
    n += *at == ' ';
  g_mutex_unlock (&lock);
  return n;
}

static void
expect_visits (const char *expected)
{
  g_mutex_lock (&lock);
  g_assert_cmpstr (visits->str, ==, expected);
  g_string_truncate (visits, 0);
  g_mutex_unlock (&lock);
}

static SatchelMaintained
keep_up (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (satchel_store_user (store), "@", 2);
  SatchelMaintained result = SATCHEL_MAINTAIN_DONE;
  g_mutex_lock (&lock);
  g_string_append_printf (visits, "%s ", parts[0]);
  if (strcmp (parts[0], "carl") == 0 && n_more > 0)
    {
      n_more -= n_more != G_MAXUINT;
      result = SATCHEL_MAINTAIN_MORE;
    }
  g_mutex_unlock (&lock);
  if (strcmp (parts[0], "dora") != 0)
    return result;
  if (n_more == G_MAXUINT)
    return SATCHEL_MAINTAIN_MORE;
  satchel_error_set (error, SATCHEL_ERROR_IO, "the disk says no");
  return SATCHEL_MAINTAIN_FAILED;
}

static const SatchelMailboxListenerOps listener_ops = { .size = sizeof listener_ops, .maintain = keep_up };
static const SatchelStoreListener listener = { "upkeep", &listener_ops };

static void
answer (gpointer data)
{
  g_autoptr (SatchelIpcMessage) message = data;
  g_assert_true (satchel_janitor_auth_message (message));
}

/* Auth says which of the names are of this process, or lists the accounts. */
static gboolean
hear_question (SatchelIpcMessage *message)
{
  g_autoptr (SatchelIpcMessage) owned = message;
  guint64 number = satchel_ipc_get_u64 (message);
  gboolean is_list = satchel_ipc_get_u32 (message) == 1;
  (void) satchel_ipc_get_string (message);
  const char *name = satchel_ipc_get_u32 (message) > 0 ? satchel_ipc_get_string (message) : NULL;
  n_lists += is_list && !is_auth_away;
  n_away += is_auth_away;
  if (is_auth_away)
    return FALSE;
  if (is_auth_silent)
    return TRUE;
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_OWNED_REPLY, 0);
  gboolean is_here = name != NULL && g_strcmp0 (name, moved_away) != 0;
  satchel_ipc_put_u64 (reply, number);
  satchel_ipc_put_u32 (reply, TRUE);
  satchel_ipc_put_string (reply, "");
  satchel_ipc_put_u32 (reply, is_list ? G_N_ELEMENTS (accounts) - 1 : is_here ? 1 : 0);
  for (guint i = 0; is_list || is_here; i++)
    {
      const char *user = is_list ? accounts[i] : i == 0 ? name : NULL;
      if (user == NULL)
        break;
      g_autoptr (SatchelPlace) place = satchel_place_new (&(SatchelPlace) { .path = user });
      satchel_ipc_put_string (reply, user);
      satchel_place_put (reply, place);
    }
  satchel_defer (answer, reply);
  return TRUE;
}

static const SatchelConfig *
group (const char *name)
{
  return satchel_config_set_group (set, name);
}

static SatchelStore *
acquire (const SatchelAccess *access, const SatchelPlace *place, GError **error)
{
  if (strcmp (access->owner, "ed@x.org") == 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "ed moves");
      return NULL;
    }
  return satchel_store_acquire (access, place, error);
}

static void
load_settings (const char *interval)
{
  g_autoptr (GError) error = NULL;
  const char *const overrides[] = { "storage.driver=\"memory\"", "storage.layers=( )", "mailboxes.sent=\"\"",
                                    interval, NULL };
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  SatchelConfigSet *loaded =
      satchel_config_load (root, root, overrides, satchel_loader_schema, loader, problems);
  g_assert_nonnull (loaded);
  g_assert_true (satchel_stores_configure (loader, loaded, SLOT, -1, &error));
  g_assert_no_error (error);
  satchel_store_set_listeners (&listener, 1);
  g_clear_pointer (&set, satchel_config_set_free);
  set = loaded;
}

/* Does what is due, and once nothing is, lets time pass until the next timer; @n_blocked jobs do not end. */
static void
pass_time (guint n_blocked)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (satchel_job_n_pending () > n_blocked)
    {
      g_main_context_iteration (NULL, TRUE);
      return;
    }
  gint64 rest_ms = satchel_timer_next_ms () - satchel_clock_ms ();
  own_clock_pass_ms (MAX (rest_ms, 0));
}

#define pass_until(condition)                                                                                \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gint64 pass_end = own_clock_kernel_us () + 60 * G_USEC_PER_SEC;                                          \
    while (!(condition))                                                                                     \
      {                                                                                                      \
        if (own_clock_kernel_us () > pass_end)                                                               \
          g_error ("%s:%d: never became true: %s", __FILE__, __LINE__, #condition);                          \
        pass_time (0);                                                                                       \
      }                                                                                                      \
  }                                                                                                          \
  G_STMT_END

static gint64
passed_ms (void)
{
  return satchel_clock_ms () - began_ms;
}

static char *
description (void)
{
  GString *text = g_string_new (NULL);
  satchel_janitor_describe (text);
  return g_string_free (text, FALSE);
}

static gboolean
says (const char *words)
{
  g_autofree char *text = description ();
  return strstr (text, words) != NULL;
}

/* An hour ago the round of before began; anna and bob had their visits. */
static void
begin_from_file (void)
{
  g_autoptr (GError) error = NULL;
  SatchelJanitorState state = { .began_s = g_get_real_time () / G_USEC_PER_SEC - 3600,
                                .after = g_strdup ("bob@x.org") };
  g_assert_true (satchel_janitor_state_save (host.root_fd, SLOT, &state, FALSE, &error));
  satchel_janitor_state_clear (&state);
  g_assert_true (says ("") && !says ("janitor"));
  is_auth_away = TRUE;
  satchel_janitor_start (&host);
  g_assert_true (says ("state=loading"));
}

/* Auth is asked again half a minute later; then the round goes on behind bob, evenly over the 23 hours. */
static void
finish_first_round (void)
{
  pass_until (n_away == 1);
  g_assert_true (says ("state=listing"));
  g_assert_cmpuint (n_visits (), ==, 0);
  pass_until (n_away == 2);
  g_assert_cmpint (passed_ms (), >=, 29000);
  g_assert_cmpint (passed_ms (), <, MINUTE_MS);
  is_auth_away = FALSE;
  n_more = 2;
  pass_until (n_visits () == 3);
  expect_visits ("carl carl carl ");
  g_assert_cmpint (passed_ms (), <, 3 * MINUTE_MS);
  pass_until (n_visits () == 1);
  expect_visits ("dora ");
  g_assert_cmpint (passed_ms (), >, 23 * HOUR_MS / 3 - MINUTE_MS);
  g_assert_cmpint (passed_ms (), <, 23 * HOUR_MS / 3 + 5 * MINUTE_MS);
  pass_until (says ("state=waiting"));
  g_assert_true (says ("users=0 visited=3 failed=1 ")); /* ed's cannot be opened */
  g_assert_true (has_logged ("round over: users=5 visited=3 failed=1 s=36"));
  g_assert_true (has_logged ("user=dora@x.org module=upkeep: the disk says no"));
  g_assert_cmpuint (n_lists, ==, 1);
  g_assert_cmpuint (satchel_stores_n_open (), ==, 0);
}

static SatchelStore *
open_annas (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .user = "anna@x.org",
                                                                            .owner = "anna@x.org",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  g_autoptr (SatchelPlace) place = satchel_place_new (&(SatchelPlace) { .path = "anna@x.org" });
  SatchelStore *store = satchel_store_acquire (access, place, &error);
  g_assert_no_error (error);
  return store;
}

/* A new round begins a day after the one before began, with the first user.  A store that was open for others
 * stays open. */
static void
begin_second_round (void)
{
  moved_away = "bob@x.org";
  pass_until (n_lists == 2);
  satchel_store_unref (open_annas ());
  g_assert_cmpuint (satchel_stores_n_open (), ==, 1);
  g_assert_cmpint (passed_ms (), >, 22 * HOUR_MS);
  pass_until (n_visits () == 1);
  expect_visits ("anna ");
  pass_until (says ("state=resting"));
  g_assert_cmpuint (satchel_stores_n_open (), ==, 1);
  g_assert_true (says ("users=5 visited=1 failed=0 "));
}

static void
load_progress (SatchelJanitorState *ret_state)
{
  satchel_janitor_state_load (host.root_fd, SLOT, ret_state);
}

/* When bob is next, auth is away: the same user is asked about again, and then belongs to another process. */
static void
pass_one_who_moved (void)
{
  n_away = 0;
  is_auth_away = TRUE;
  pass_until (n_away == 2);
  g_assert_true (says ("visited=1 "));
  is_auth_away = FALSE;
  is_auth_silent = TRUE;
  pass_until (says ("state=visiting"));
  g_assert_true (says (" user=bob@x.org\n"));
  is_auth_silent = FALSE;
  satchel_janitor_auth_lost (); /* it is asked again, half a minute later */
  n_more = 0;
  pass_until (n_visits () == 1);
  expect_visits ("carl ");
  pass_until (says ("visited=3 "));
}

static GCond may_end;
static gboolean is_released;

static void
wait_in_job (gpointer data)
{
  g_mutex_lock (&lock);
  while (!is_released)
    g_cond_wait (&may_end, &lock);
  g_mutex_unlock (&lock);
}

static void
ignore (gpointer data)
{
}

/* While more than four jobs of others are pending nobody is visited. */
static void
pause_for_others (void)
{
  for (guint i = 0; i < 5; i++)
    satchel_job_submit (NULL, "test", wait_in_job, ignore, NULL);
  gint64 end_ms = satchel_clock_ms () + 30 * HOUR_MS;
  while (satchel_clock_ms () < end_ms)
    pass_time (5);
  g_assert_true (says ("state=resting"));
  g_mutex_lock (&lock);
  is_released = TRUE;
  g_cond_broadcast (&may_end);
  g_mutex_unlock (&lock);
  expect_visits ("");
  pass_until (n_visits () == 1);
  expect_visits ("dora ");
  pass_until (says ("visited=4 failed=1 "));
}

/* Switched off it stops at the next thing to do; switched on it goes on with the round. */
static void
switch_off_and_on (void)
{
  load_settings ("janitor.interval=\"0s\"");
  satchel_janitor_start (&host);
  pass_until (!says ("janitor"));
  load_settings ("janitor.interval=\"1d\"");
  satchel_janitor_start (&host);
  g_assert_true (says ("state=resting users=5 visited=4 failed=1 "));
  pass_until (says ("state=waiting"));
  g_assert_true (says ("visited=5 "));
  expect_visits ("");
}

static SatchelTimer alarm_timer;

static void
end_of_day (SatchelTimer *timer, gpointer data)
{
}

static void
expect_no_visit_in_a_day (void)
{
  gint64 end_ms = satchel_clock_ms () + 25 * HOUR_MS;
  guint n = n_visits ();
  satchel_timer_arm (&alarm_timer, 25 * HOUR_MS, end_of_day, NULL);
  while (satchel_clock_ms () < end_ms)
    pass_time (0);
  g_assert_cmpuint (n_visits (), ==, n);
}

/* A visit that does not come to an end is given up after a thousand slices. Stopped in the middle of the next
 * one, the janitor says who had the last whole visit. */
static void
stop_behind_carl (void)
{
  moved_away = NULL;
  n_more = G_MAXUINT;
  pass_until (says ("visited=3 "));
  g_assert_cmpuint (n_visits (), ==, 2 + 1000);
  g_assert_cmpuint (satchel_stores_n_open (), ==, 0);
  while (n_visits () == 2 + 1000)
    pass_time (0);
  satchel_janitor_stop ();
  while (satchel_job_n_pending () > 0)
    g_main_context_iteration (NULL, TRUE);
  SatchelJanitorState state = { 0 };
  load_progress (&state);
  g_assert_cmpstr (state.after, ==, "carl@x.org");
  g_assert_false (state.is_over);
  g_assert_cmpint (state.began_s, >, g_get_real_time () / G_USEC_PER_SEC - 1800);
  g_assert_cmpint (state.clock.wall_ms, >, 0);
  g_assert_cmpint (state.clock.boot_ms, >, 0);
  satchel_janitor_state_clear (&state);
  /* Nothing begins any more, also not by a reload. */
  satchel_janitor_start (&host);
  expect_no_visit_in_a_day ();
  g_assert_false (has_logged ("clock"));
}

static void
test_rounds (void)
{
  g_autoptr (GError) error = NULL;
  root = g_dir_make_tmp ("satchel-janitor-XXXXXX", NULL);
  visits = g_string_new (NULL);
  lines = g_string_new (NULL);
  satchel_log_divert (keep_line);
  loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  g_assert_true (satchel_loader_add (loader, satchel_module (), FALSE, &error));
  load_settings ("janitor.interval=\"1d\"");
  host = (SatchelJanitorHost) { .slot = SLOT,
                                .root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                .group = group,
                                .acquire_store = acquire,
                                .send_to_auth = hear_question };
  guint tick = g_timeout_add (50, loop_tick_func, NULL);
  began_ms = satchel_clock_ms ();
  begin_from_file ();
  finish_first_round ();
  begin_second_round ();
  pass_one_who_moved ();
  pause_for_others ();
  switch_off_and_on ();
  stop_behind_carl ();
  g_source_remove (tick);
  satchel_stores_close ();
  close (host.root_fd);
  g_autofree char *spool = g_build_filename (root, "spool", NULL),
                  *file = g_build_filename (spool, ".janitor-3", NULL);
  g_assert_cmpint (g_unlink (file), ==, 0);
  g_rmdir (spool);
  g_rmdir (root);
  g_free (root);
  satchel_log_divert (NULL);
  g_string_free (visits, TRUE);
  g_string_free (lines, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/janitor/rounds", test_rounds);
  return g_test_run ();
}
