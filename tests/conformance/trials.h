/* SPDX-License-Identifier: MIT
 * Changes that are tried while something goes wrong (case_faults.c, case_kills.c): the user that each begins
 * with, what it does, and what a client sees before and after.
 */
#pragma once
#include "views.h"

typedef struct Trial
{
  const char *name;
  /* One of these.  `build` gets INBOX and "Other", and makes a transaction, which is committed. */
  gboolean (*run) (Fixture *user, GError **error);
  gboolean (*build) (Fixture *user, SatchelTransaction *transaction, SatchelMailbox *inbox,
                     SatchelMailbox *other, GError **error);
  /* May: the part of the change that may be left if all of it cannot be done, as the header says. */
  gboolean (*run_part) (Fixture *user, GError **error);
  gboolean begins_closed; /* `run` opens the store, which is new */
  gboolean removes;       /* messages, for good */
  /* The methods of the driver that it needs beyond those that each has. */
  gboolean needs_blobs, needs_import, needs_exchange;
  /* What it acknowledges may be lost while nothing at all can be written. */
  gboolean is_hint;
} Trial;
extern const Trial conformance_trials[]; /* ended by a NULL name */

gboolean trial_is_for (const Trial *trial, const SatchelConformanceBackend *backend);

/* Returns another user in the mail root of @fixture, who has what trials begin with (@ret_before).  The store
 * is opened after that, unless the trial begins closed. */
Fixture trial_begin (const Trial *trial, Fixture *fixture, View *ret_before);
gboolean trial_run (const Trial *trial, Fixture *user, GError **error);
void trial_end (Fixture *user);

/* What each trial is measured by: views before and after it, if nothing goes wrong. */
typedef struct TrialExpected
{
  char *before, *after;
  char *part;    /* the view after `run_part`, or NULL */
  guint n_calls; /* those that count (calls.h) */
} TrialExpected;
void trial_expect (const Trial *trial, Fixture *fixture, TrialExpected *ret_expected);
void trial_expected_clear (TrialExpected *expected);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TrialExpected, trial_expected_clear)
/* Says whether @view is one that may be after a failure. */
gboolean trial_may_show (const TrialExpected *expected, const View *view);
/* The store is open again: what it shows is all of one or the other, and mail still comes in.  @is_done: it
 * was acknowledged.  @before: of this user. */
void trial_check_reopened (Fixture *user, const TrialExpected *expected, const View *before, gboolean is_done,
                           const char *where);
