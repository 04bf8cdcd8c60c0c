/* SPDX-License-Identifier: MIT
 * A process is killed before each call that changes a file, for each change that a client can make, and while
 * it closes the store.  The store opens without help; the change is there in whole or not at all, and it is
 * there if it was acknowledged.
 */
#include "config.h"

#include "calls.h"
#include "kills.h"
#include "tests/lib/rounds.h"
#include "trials.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_VARIABLE "SATCHEL_STORAGE_CHECK_CHILD" /* "TRIAL NTH USER PATH ROOT" */
#define DONE "done"
#define CLOSED "closed"

/* ---- the child ---- */

gboolean
kills_is_child (void)
{
  return g_getenv (CHILD_VARIABLE) != NULL;
}

static const Trial *
find_trial (const char *name)
{
  const Trial *trial = conformance_trials;
  while (trial->name != NULL && strcmp (trial->name, name) != 0)
    trial++;
  return trial->name != NULL ? trial : NULL;
}

static void
say (const char *word)
{
  g_assert_cmpint (write (STDOUT_FILENO, word, strlen (word)), ==, strlen (word));
}

int
kills_run_child (const SatchelConformanceBackend *backend)
{
  g_auto (GStrv) words = g_strsplit (g_getenv (CHILD_VARIABLE), " ", 5);
  g_assert_cmpuint (g_strv_length (words), ==, 5);
  const Trial *trial = find_trial (words[0]);
  Fixture user = { .backend = backend, .user = words[2], .path = words[3], .root = words[4] };
  g_autoptr (GError) error = NULL;
  g_assert_nonnull (trial);
  user.root_fd = open (user.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (user.root_fd, >=, 0);
  if (!trial->begins_closed)
    fixture_open_store (&user);
  calls_start (user.root, (guint) strtoul (words[1], NULL, 10), CALLS_KILL, 0, FALSE);
  if (!trial_run (trial, &user, &error))
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  say (DONE " ");
  fixture_close_store (&user);
  calls_stop ();
  say (CLOSED);
  close (user.root_fd);
  return EXIT_SUCCESS;
}

/* ---- the parent ---- */

/* Runs the child; returns what it said.  *@ret_was_killed: it did not come to its end. */
static char *
run_child (Fixture *user, const Trial *trial, guint nth, gboolean *ret_was_killed)
{
  g_autofree char *said = NULL, *complained = NULL;
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  g_autofree char *task =
      g_strdup_printf ("%s %u %s %s %s", trial->name, nth, user->user, user->path, user->root);
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), CHILD_VARIABLE, task, TRUE);
  int status;
  g_ptr_array_add (words, (gpointer) "/proc/self/exe");
  for (const char *const *word = user->backend->arguments; *word != NULL; word++)
    g_ptr_array_add (words, (gpointer) *word);
  g_ptr_array_add (words, NULL);
  /* With its descriptors left open, which close by themselves, the child is made without a copy of the memory
   * map, which is large after other cases. */
  OK (g_spawn_sync (NULL, (char **) words->pdata, environment, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL,
                    &said, &complained, &status, E));
  *ret_was_killed = WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL;
  if (!*ret_was_killed && (!WIFEXITED (status) || WEXITSTATUS (status) != 0))
    g_error ("%s, killed before call %u: the child ended with status %#x: %s", trial->name, nth, status,
             complained);
  return g_steal_pointer (&said);
}

/* FALSE: the change and the closing have fewer calls. */
static gboolean
run_with_kill (Fixture *fixture, const Trial *trial, const TrialExpected *expected, guint nth)
{
  g_auto (View) before = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean was_killed;
  Fixture user = trial_begin (trial, fixture, &before);
  fixture_close_store (&user);
  g_autofree char *said = run_child (&user, trial, nth, &was_killed);
  gboolean is_done = g_str_has_prefix (said, DONE);
  g_autofree char *where = g_strdup_printf ("%s, killed before call %u%s", trial->name, nth,
                                            is_done ? ", after it was acknowledged" : "");
  g_assert_true (is_done || was_killed);
  if (!fixture_try_open_store (&user, &error))
    g_error ("%s: the store cannot be opened again: %s", where, error->message);
  if (g_test_verbose ())
    g_test_message ("%s", where);
  trial_check_reopened (&user, expected, &before, is_done, where);
  trial_end (&user);
  return was_killed;
}

static void
case_each_call (Fixture *fixture)
{
  guint n_kills = 0, n_trials = 0;
  fixture_close_store (fixture); /* the child alone has a store open, which may be locked as a whole */
  for (const Trial *trial = conformance_trials; trial->name != NULL; trial++)
    {
      g_auto (TrialExpected) expected = { 0 };
      if (!trial_is_for (trial, fixture->backend))
        continue;
      trial_expect (trial, fixture, &expected);
      if (expected.n_calls == 0)
        continue;
      const guint step = get_kill_step ();
      for (guint nth = 1 + n_trials++ % step; run_with_kill (fixture, trial, &expected, nth); nth += step)
        n_kills++;
    }
  if (n_trials == 0)
    g_test_skip ("the driver makes no calls below the mail root before which it could be killed");
  g_test_message ("%u kills in %u changes", n_kills, n_trials);
}

const ConformanceCase conformance_kills[] = {
  { "each-call", case_each_call },
  { NULL, NULL },
};
