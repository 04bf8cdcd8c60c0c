/* SPDX-License-Identifier: MIT
 * Each call that changes a file fails in turn, for each change that a client can make, and each call that
 * reads. After it the error is one of the machine, the change is done in whole or not at all, and so it is
 * when the store was opened again.
 */
#include "config.h"

#include "calls.h"
#include "tests/lib/rounds.h"
#include "trials.h"

#include <errno.h>
#include <string.h>

typedef struct FaultKind
{
  const char *name;
  CallsFault fault;
  int errnum;
  gboolean for_good;
} FaultKind;

/* Errors that say nothing of the machine would be told to a client as his own mistake. */
static void
check_error (const GError *error, const char *where)
{
  if (error == NULL)
    g_error ("%s: the change failed without an error", where);
  if (error->domain != SATCHEL_ERROR || error->message[0] == '\0'
      || (!satchel_error_is_of_machine (error) && error->code != SATCHEL_ERROR_UNAVAILABLE))
    g_error ("%s: the error is none of the machine: %s, %d: %s", where, g_quark_to_string (error->domain),
             error->code, error->message);
}

/* What the store shows while it is still open; one that has failed may refuse to say.  A failed change may
 * appear in the middle of a look, as if another session had made it; so the second look counts. */
static void
check_open_store (Fixture *user, const TrialExpected *expected, gboolean ok, View *ret_view,
                  const char *where)
{
  g_autoptr (GError) error = NULL;
  if (user->store == NULL)
    return;
  if (!ok && view_take (user, ret_view, NULL))
    view_clear (ret_view);
  gboolean is_read = view_take (user, ret_view, &error);
  if (!is_read && ok)
    g_error ("%s: the change was acknowledged, but the store cannot be read: %s", where, error->message);
  if (!is_read)
    {
      check_error (error, where);
      return;
    }
  if (ok ? strcmp (ret_view->seen, expected->after) != 0 : !trial_may_show (expected, ret_view))
    g_error ("%s: %s. Before:\n%s\nAfter:\n%s\nFound:\n%s", where,
             ok ? "what was acknowledged is not there" : "a failed change is half there", expected->before,
             expected->after, ret_view->seen);
}

/* FALSE: the @nth call is not made any more. */
static gboolean
run_with_fault (Fixture *fixture, const Trial *trial, const TrialExpected *expected, const FaultKind *kind,
                guint nth)
{
  g_auto (View) before = { 0 }, after = { 0 }, reopened = { 0 };
  g_autoptr (GError) error = NULL;
  Fixture user = trial_begin (trial, fixture, &before);
  calls_start (fixture->root, nth, kind->fault, kind->errnum, kind->for_good);
  gboolean ok = trial_run (trial, &user, &error);
  gboolean was_made = calls_stop ();
  g_autofree char *where =
      g_strdup_printf ("%s, call %u (%s), %s", trial->name, nth, calls_describe (), kind->name);
  if (!ok)
    check_error (error, where);
  if (!ok && !was_made)
    g_error ("%s: the change fails although no call did: %s", where, error->message);
  if (g_test_verbose ())
    g_test_message ("%s: %s", where, ok ? "done" : error->message);
  check_open_store (&user, expected, ok, &after, where);
  fixture_close_store (&user);
  g_clear_error (&error);
  if (!fixture_try_open_store (&user, &error))
    g_error ("%s: the store cannot be opened again: %s", where, error->message);
  if (ok)
    {
      OK (view_take (&user, &reopened, E));
      g_assert_cmpstr (reopened.exact, ==, after.exact);
      view_assert_numbers_hold (&after, &reopened, where);
    }
  trial_check_reopened (&user, expected, &before, ok, where);
  trial_end (&user);
  return was_made;
}

/* Many calls that read are alike: some of them are enough where the store is open. */
static guint
get_stride (const Trial *trial, const FaultKind *kind)
{
  return kind->fault == CALLS_FAIL_READ && !trial->begins_closed && !is_long_run () ? 6 : 1;
}

static void
run_trials (Fixture *fixture, const FaultKind *kinds, guint n_kinds)
{
  guint n_runs = 0, n_trials = 0;
  fixture_close_store (fixture); /* what users share is opened anew with the store of each user */
  for (const Trial *trial = conformance_trials; trial->name != NULL; trial++)
    {
      g_auto (TrialExpected) expected = { 0 };
      if (!trial_is_for (trial, fixture->backend))
        continue;
      trial_expect (trial, fixture, &expected);
      if (expected.n_calls == 0 && kinds[0].fault != CALLS_FAIL_READ)
        continue;
      n_trials++;
      for (guint k = 0; k < n_kinds; k++)
        for (guint nth = 1; !(trial->is_hint && kinds[k].for_good)
                            && run_with_fault (fixture, trial, &expected, &kinds[k], nth);
             nth += get_stride (trial, &kinds[k]))
          n_runs++;
    }
  if (n_runs == 0)
    g_test_skip ("the driver makes no calls below the mail root that could fail");
  g_test_message ("%u calls failed in %u changes", n_runs, n_trials);
}

static void
case_once (Fixture *fixture)
{
  const FaultKind kinds[] = { { "EIO once", CALLS_FAIL, EIO, FALSE },
                              { "ENOSPC once", CALLS_FAIL, ENOSPC, FALSE } };
  run_trials (fixture, kinds, is_long_run () ? 2 : 1);
}

static void
case_for_good (Fixture *fixture)
{
  const FaultKind kinds[] = { { "EIO from then on", CALLS_FAIL, EIO, TRUE } };
  run_trials (fixture, kinds, G_N_ELEMENTS (kinds));
}

static void
case_disk_full (Fixture *fixture)
{
  const FaultKind kinds[] = { { "ENOSPC from then on", CALLS_FAIL, ENOSPC, TRUE } };
  run_trials (fixture, kinds, G_N_ELEMENTS (kinds));
}

static void
case_half_written (Fixture *fixture)
{
  const FaultKind kinds[] = { { "half written", CALLS_WRITE_HALF, 0, FALSE } };
  run_trials (fixture, kinds, G_N_ELEMENTS (kinds));
}

static void
case_read_for_a_change (Fixture *fixture)
{
  const FaultKind kinds[] = { { "EIO of a call that reads", CALLS_FAIL_READ, EIO, FALSE } };
  run_trials (fixture, kinds, G_N_ELEMENTS (kinds));
}

/* FALSE: the @nth call is not made any more.  @expected: the view when nothing goes wrong. */
static gboolean
look_with_fault (Fixture *user, const View *expected, guint nth)
{
  g_auto (View) shown = { 0 }, later = { 0 };
  g_autoptr (GError) error = NULL;
  fixture_close_store (user);
  calls_start (user->root, nth, CALLS_FAIL_READ, EIO, FALSE);
  gboolean ok = fixture_try_open_store (user, &error) && view_take (user, &shown, &error);
  gboolean was_made = calls_stop ();
  g_autofree char *where = g_strdup_printf ("looking, call %u (%s)", nth, calls_describe ());
  if (g_test_verbose ())
    g_test_message ("%s: %s", where, ok ? "shown" : error->message);
  if (!ok)
    check_error (error, where);
  else if (strcmp (shown.exact, expected->exact) != 0)
    g_error ("%s: something else is shown. Before:\n%s\nFound:\n%s", where, expected->exact, shown.exact);
  g_clear_error (&error);
  if (user->store == NULL && !fixture_try_open_store (user, &error))
    g_error ("%s: the store cannot be opened afterwards: %s", where, error->message);
  if (!view_take (user, &later, &error))
    g_error ("%s: the store cannot be read afterwards: %s", where, error->message);
  if (strcmp (later.exact, expected->exact) != 0)
    g_error ("%s: something else is there. Before:\n%s\nFound:\n%s", where, expected->exact, later.exact);
  return was_made;
}

/* Who cannot read says so: a message is not gone for it, nor a mailbox empty. */
static void
case_read (Fixture *fixture)
{
  g_auto (View) expected = { 0 };
  guint n = 0;
  fixture_close_store (fixture);
  Fixture user = trial_begin (conformance_trials + 1, fixture, &expected);
  view_clear (&expected);
  OK (view_take (&user, &expected, E));
  while (look_with_fault (&user, &expected, n + 1))
    n++;
  if (n == 0)
    g_test_skip ("the driver makes no calls below the mail root that read");
  g_test_message ("%u calls that read failed", n);
  trial_end (&user);
}

const ConformanceCase conformance_faults[] = {
  { "read", case_read },
  { "read-for-a-change", case_read_for_a_change },
  { "once", case_once },
  { "for-good", case_for_good },
  { "disk-full", case_disk_full },
  { "half-written", case_half_written },
  { NULL, NULL },
};
