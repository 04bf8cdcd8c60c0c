/* SPDX-License-Identifier: MIT
 * Commits a batch of transactions: looks for outside changes, plans, writes ahead what names of files will
 * not say, writes the journal, does the steps, syncs once and publishes. A transaction that fails is put
 * back, and the others go on without it.
 */
#include "config.h"

#include "driver.h"
#include "index/index.h"
#include "mailbox/inotify_watch.h"
#include "commit/journal.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "mailbox/sync.h"
#include "commit/sync_hold.h"
#include "commit/transaction_plan.h"

#define ATTEMPTS 4
#define MANY_FILES 64

typedef struct Member
{
  SatchelTransaction *transaction;
  GError **result;
  MdPlan *plan;
  guint attempts;
  gboolean is_done;
} Member;

static void
fail_member (Member *member, GError *error)
{
  if (*member->result == NULL)
    *member->result = error;
  else
    g_error_free (error);
  member->is_done = TRUE;
}

static gboolean
sync_mailbox (MdMailbox *mb, gboolean force, GError **error)
{
  if (mb == NULL || mb->is_deleted)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox was deleted");
  return md_sync (mb, force, error);
}

/* Takes in outside changes, so that the plan is made of names that still exist. */
static void
prepare_member (MdStore *store, Member *member)
{
  GError *error = NULL;
  guint n = satchel_transaction_n_operations (member->transaction);
  md_hold_settle (store, &error);
  for (guint i = 0; i < n && error == NULL; i++)
    {
      SatchelOperation *op = satchel_transaction_operation (member->transaction, i);
      gboolean force = member->attempts > 0;
      if (sync_mailbox (op->mailbox->driver, force, &error) && op->destination != NULL
          && op->destination != op->mailbox)
        sync_mailbox (op->destination->driver, force, &error);
      if (error == NULL && (op->destination != NULL || op->kind == SATCHEL_OPERATION_APPEND))
        md_index_prepare (op->destination != NULL ? op->destination->driver : op->mailbox->driver);
    }
  if (error != NULL)
    fail_member (member, error);
}

static void
plan_member (MdStore *store, Member *member)
{
  GError *error = NULL;
  member->plan = md_plan_new (store);
  guint n = satchel_transaction_n_operations (member->transaction);
  gboolean ok = md_plan_begin_imports (store, member->transaction, &error);
  for (guint i = 0; ok && i < n; i++)
    ok = md_plan_operation (member->plan, satchel_transaction_operation (member->transaction, i), &error);
  if (ok && md_plan_save_imports (member->plan, &error))
    return;
  md_plan_undo (member->plan);
  g_clear_pointer (&member->plan, md_plan_free);
  fail_member (member, error);
}

/* Undoes the plans from @first on, last to first. Their members have no result yet and are planned again. */
static void
drop_plans (Member **members, guint first, guint n)
{
  for (guint i = n; i > first; i--)
    {
      md_plan_undo (members[i - 1]->plan);
      g_clear_pointer (&members[i - 1]->plan, md_plan_free);
    }
}

/* Says whether the plan only changes flags, moves and removes, which is how a user frees space. */
static gboolean
plan_takes_no_space (const MdPlan *plan)
{
  for (guint i = 0; i < plan->steps->len; i++)
    {
      MdStepKind kind = g_array_index (plan->steps, MdStep, i).kind;
      if (kind != MD_STEP_UNLINK && kind != MD_STEP_RENAME)
        return FALSE;
    }
  return !plan->syncs_tmp;
}

/* Writes to the index what only it can say of new messages.  FALSE means that this is not on disk, that the
 * transactions which bring them have failed, and that nothing was done. */
static gboolean
write_ahead (Member **members, guint n)
{
  g_autofree MdPlan **plans = g_new (MdPlan *, n);
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < n; i++)
    plans[i] = members[i]->plan;
  if (md_plan_write_ahead (plans, n, &error))
    return TRUE;
  for (guint i = 0; i < n; i++)
    if (md_plan_says_more (plans[i]))
      fail_member (members[i], g_error_copy (error));
  return FALSE;
}

/* Writes one record for all transactions that take several steps. FALSE: these have failed, and nothing
 * was done. */
static gboolean
journal_plans (MdStore *store, Member **members, guint n, gboolean *ret_written)
{
  g_autoptr (GPtrArray) plans = g_ptr_array_new ();
  gboolean none_takes_space = TRUE, syncs_tmp = FALSE;
  for (guint i = 0; i < n; i++)
    if (members[i]->plan->steps->len > 1)
      {
        g_ptr_array_add (plans, members[i]->plan);
        none_takes_space &= plan_takes_no_space (members[i]->plan);
        syncs_tmp |= members[i]->plan->syncs_tmp;
      }
  *ret_written = FALSE;
  if (plans->len == 0)
    return TRUE;
  g_autoptr (GError) error = NULL;
  /* Recovery finds staged files by their names, so these must be durable. */
  if ((!syncs_tmp || md_fsync (store->tmp_fd, "tmp", &error))
      && md_journal_write (store, (MdPlan *const *) plans->pdata, plans->len, &error))
    {
      *ret_written = TRUE;
      return TRUE;
    }
  /* On a full disk a user must still be able to remove messages and to flag them as deleted, if need be
   * without the promise that a crash in the middle leaves all or nothing. */
  if (none_takes_space && g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE))
    return TRUE;
  for (guint i = 0; i < n; i++)
    if (members[i]->plan->steps->len > 1)
      fail_member (members[i], g_error_copy (error));
  return FALSE;
}

/* Does the plans in order and returns how many are done. The member whose plan failed has its result, or
 * is planned again.  If the journal is to do the plan again, it will do those behind it, too. */
static guint
run_plans (MdStore *store, Member **members, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      GError *error = NULL;
      if (md_plan_run (members[i]->plan, &error))
        continue;
      const gboolean is_half_done = store->journal.is_half_done;
      for (guint k = i; is_half_done && k < n; k++)
        {
          md_plan_keep_staged (members[k]->plan);
          if (k > i)
            fail_member (members[k], g_error_copy (error));
        }
      if (!is_half_done && error->code == SATCHEL_ERROR_GONE && ++members[i]->attempts < ATTEMPTS)
        g_error_free (error);
      else
        fail_member (members[i], error);
      drop_plans (members, i, n);
      return i;
    }
  return n;
}

/* Makes what the plans did durable.  FALSE means that all members have failed.  Everything is put back,
 * unless something was removed, which cannot be put back; then all that was done stays visible. */
static gboolean
make_plans_durable (MdStore *store, MdPlan **plans, Member **members, guint n)
{
  g_autoptr (GError) error = NULL;
  if (md_plan_sync (plans, n, &error) && md_journal_settle (store, &error)
      && md_plan_sync_indexes (plans, n, &error))
    return TRUE;
  gboolean removed = FALSE;
  for (guint i = 0; i < n; i++)
    removed |= md_plan_has_removed (plans[i]);
  for (guint i = n; !removed && i > 0; i--)
    md_plan_roll_back (plans[i - 1]);
  for (guint i = n; !removed && i > 0; i--)
    md_plan_undo (plans[i - 1]);
  for (guint i = n; i > 0; i--)
    {
      if (store->journal.is_half_done)
        md_plan_keep_staged (plans[i - 1]);
      md_plan_distrust_indexes (plans[i - 1], !removed);
      fail_member (members[i - 1], g_error_copy (error));
    }
  if (removed)
    md_plan_finish (plans, n);
  return FALSE;
}

/* Makes one attempt for all members that have no result yet. */
static void
run_round (MdStore *store, GPtrArray *pending)
{
  for (guint i = 0; i < pending->len; i++)
    prepare_member (store, pending->pdata[i]);
  for (guint i = 0; i < pending->len; i++)
    if (!((Member *) pending->pdata[i])->is_done)
      plan_member (store, pending->pdata[i]);
  for (guint i = pending->len; i > 0; i--)
    if (((Member *) pending->pdata[i - 1])->is_done)
      g_ptr_array_remove_index (pending, i - 1);
  Member **members = (Member **) pending->pdata;
  guint n = pending->len;
  gboolean journaled;
  if (!write_ahead (members, n) || !journal_plans (store, members, n, &journaled))
    {
      drop_plans (members, 0, n);
      return;
    }
  guint done = run_plans (store, members, n);
  g_autoptr (GPtrArray) plans = g_ptr_array_new_with_free_func ((GDestroyNotify) md_plan_free);
  for (guint i = 0; i < done; i++)
    g_ptr_array_add (plans, g_steal_pointer (&members[i]->plan));
  gboolean ok = done == 0 || make_plans_durable (store, (MdPlan **) plans->pdata, members, done);
  if (journaled)
    {
      md_journal_retire (store);
      if (!ok || done < n)
        md_journal_settle (store, NULL); /* what was put back must not be redone */
    }
  if (!ok)
    return;
  md_plan_finish ((MdPlan *const *) plans->pdata, done);
  for (guint i = 0; i < done; i++)
    members[i]->is_done = TRUE;
}

static void
count_busy (SatchelTransaction *const *transactions, guint n, int by)
{
  for (guint t = 0; t < n; t++)
    for (guint i = 0; i < satchel_transaction_n_operations (transactions[t]); i++)
      {
        const SatchelOperation *op = satchel_transaction_operation (transactions[t], i);
        MdMailbox *mb = op->mailbox->driver;
        if (mb != NULL)
          g_atomic_int_add (&mb->busy, by);
        mb = op->destination != NULL ? op->destination->driver : NULL;
        if (mb != NULL)
          g_atomic_int_add (&mb->busy, by);
      }
}

/* Pauses the watches of mailboxes in which the transactions change many files, or takes them up again.  TRUE
 * means that there is such a mailbox. */
static gboolean
pause_watches (SatchelTransaction *const *transactions, guint n, gboolean pause)
{
  gboolean any = FALSE;
  for (guint t = 0; t < n; t++)
    for (guint i = 0; i < satchel_transaction_n_operations (transactions[t]); i++)
      {
        const SatchelOperation *op = satchel_transaction_operation (transactions[t], i);
        if (op->mailbox->driver == NULL || satchel_uid_set_count (&op->uids) < MANY_FILES)
          continue;
        md_watch_pause (op->mailbox->driver, pause);
        any = TRUE;
      }
  return any;
}

static gboolean
has_pending (const Member *members, guint n)
{
  for (guint i = 0; i < n; i++)
    if (!members[i].is_done)
      return TRUE;
  return FALSE;
}

void
md_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  MdStore *store = storage->self;
  g_autofree Member *members = g_new0 (Member, n);
  for (guint i = 0; i < n; i++)
    members[i] = (Member) { .transaction = transactions[i], .result = &results[i] };
  g_mutex_lock (&store->writer);
  count_busy (transactions, n, 1);
  gboolean is_paused = pause_watches (transactions, n, TRUE);
  while (has_pending (members, n))
    {
      g_autoptr (GPtrArray) pending = g_ptr_array_sized_new (n);
      for (guint i = 0; i < n; i++)
        if (!members[i].is_done)
          g_ptr_array_add (pending, &members[i]);
      run_round (store, pending);
    }
  if (is_paused)
    pause_watches (transactions, n, FALSE);
  count_busy (transactions, n, -1);
  g_mutex_unlock (&store->writer);
}
