/* SPDX-License-Identifier: MIT
 * This file commits a batch of transactions.  Each is a transaction of the database, and one sync of the
 * log makes all of them durable, together with those of other users who wait at the same time.  Then the
 * changes are published.
 */
#include "config.h"

#include "commit/operation.h"
#include "driver.h"
#include "message/stage.h"

#include <satchel/log.h>

#define SETTLED_AT_ONCE 64u /* transactions by which contents are settled after a batch */

/* Each transaction of the batch is a member. */
typedef struct Member
{
  SatchelTransaction *transaction;
  GError **result;
  BdbRun run;
  gboolean is_run; /* `run` is in use */
} Member;

typedef struct Batch
{
  BdbStore *store;
  Member *members;
  guint n;
  guint current; /* index of the member that is being executed */
} Batch;

/* ---- one transaction ---- */

static guint64
next_modseq (const BdbStore *store, SatchelTransaction *transaction)
{
  guint64 modseq = store->counters.modseq;
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    modseq = MAX (modseq, satchel_transaction_operation (transaction, i)->modseq);
  return modseq + 1;
}

/* Forgets the results of an attempt that a deadlock may have ended in the middle. */
static void
forget_results (SatchelTransaction *transaction)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      satchel_uid_set_clear (&operation->ret_source);
      satchel_uid_set_clear (&operation->ret_failed);
      g_clear_pointer (&operation->ret_uids, g_array_unref);
      operation->ret_modseq = 0;
      operation->ret_uidvalidity = 0;
    }
}

/* Begins with what the last transaction of the batch that concerns the mailbox left. */
static gboolean
prepare_box (Batch *batch, SatchelStorageMailbox *mailbox, GError **error)
{
  BdbRun *run = &batch->members[batch->current].run;
  BdbBox *box = mailbox->driver;
  if (bdb_draft_of (run, box) != NULL)
    return TRUE;
  if (satchel_storage_mailbox_is_deleted (mailbox))
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox was deleted");
  for (guint i = batch->current; i > 0; i--)
    {
      const BdbDraft *draft =
          batch->members[i - 1].is_run ? bdb_draft_of (&batch->members[i - 1].run, box) : NULL;
      if (draft != NULL)
        {
          bdb_draft_add (run, box, draft->snapshot, draft->n_tombstones);
          return TRUE;
        }
    }
  bdb_draft_add (run, box, box->snapshot, box->n_tombstones);
  return TRUE;
}

static gboolean
run_operations (Batch *batch, SatchelTransaction *transaction, BdbRun *run, GError **error)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (!prepare_box (batch, operation->mailbox, error)
          || (operation->destination != NULL && !prepare_box (batch, operation->destination, error))
          || !bdb_run_operation (run, operation, error))
        return FALSE;
    }
  return bdb_run_save (run, error);
}

static gboolean
execute (BdbWrite *write, gpointer data, GError **error)
{
  Batch *batch = data;
  Member *member = &batch->members[batch->current];
  if (member->is_run)
    bdb_run_clear (&member->run);
  forget_results (member->transaction);
  bdb_run_init (&member->run, batch->store);
  member->is_run = TRUE;
  member->run.write = write;
  member->run.modseq = next_modseq (batch->store, member->transaction);
  return run_operations (batch, member->transaction, &member->run, error);
}

static gboolean
changes_anything (const BdbRun *run)
{
  for (guint i = 0; i < run->drafts->len; i++)
    if (((BdbDraft *) run->drafts->pdata[i])->is_changed)
      return TRUE;
  return FALSE;
}

static gboolean
takes_space (SatchelTransaction *transaction)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      SatchelOperationKind kind = satchel_transaction_operation (transaction, i)->kind;
      if (kind == SATCHEL_OPERATION_APPEND || kind == SATCHEL_OPERATION_COPY)
        return TRUE;
    }
  return FALSE;
}

/* Makes the bodies of a transaction durable, which must be done before the transaction that names them is. */
static gboolean
sync_stages (SatchelTransaction *transaction, GError **error)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      const SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->stage != NULL
          && !bdb_staged_sync (satchel_stage_staged (operation->stage)->driver, error))
        return FALSE;
    }
  return TRUE;
}

static void
run_member (Batch *batch, gboolean is_full)
{
  Member *member = &batch->members[batch->current];
  gboolean ok = (!is_full || !takes_space (member->transaction)
                 || bdb_volume_check_space (batch->store->volume, member->result))
                && sync_stages (member->transaction, member->result)
                && bdb_write (batch->store->volume, BDB_LATER, execute, batch, member->result);
  if (ok && changes_anything (&member->run))
    batch->store->counters.modseq = member->run.modseq;
  if (!ok && member->is_run)
    {
      bdb_run_clear (&member->run);
      member->is_run = FALSE;
    }
}

/* ---- the batch ---- */

static gboolean
any_changes (const Batch *batch)
{
  for (guint i = 0; i < batch->n; i++)
    if (batch->members[i].is_run && changes_anything (&batch->members[i].run))
      return TRUE;
  return FALSE;
}

static void
hand_over_stages (SatchelTransaction *transaction)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->stage != NULL)
        bdb_staged_free (g_steal_pointer (&satchel_stage_staged (operation->stage)->driver));
    }
}

/* Returns the name of a mailbox.  The caller holds the store's lock. */
static const char *
name_of (BdbStore *store, const BdbBox *box)
{
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, store->boxes);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (value == box)
      return name;
  return "?";
}

static void
log_keywords (BdbStore *store, const char *user, const BdbDraft *draft)
{
  if (draft->n_without == 0)
    return;
  g_mutex_lock (&store->lock);
  g_autofree char *name = g_strdup (name_of (store, draft->box));
  g_mutex_unlock (&store->lock);
  satchel_log (SATCHEL_LOG_WARNING, "bdb",
               "user=%s mailbox %s: its messages have %u keywords (limits.keywords), new ones come in "
               "without %u others",
               user, name, draft->snapshot->n_keywords, draft->n_without);
}

static void
publish (Batch *batch, const char *user)
{
  for (guint i = 0; i < batch->n; i++)
    {
      Member *member = &batch->members[i];
      if (!member->is_run)
        continue;
      for (guint k = 0; k < member->run.drafts->len; k++)
        {
          BdbDraft *draft = member->run.drafts->pdata[k];
          if (draft->is_changed)
            bdb_box_take (batch->store, draft->box, satchel_snapshot_ref (draft->snapshot),
                          draft->n_tombstones);
          log_keywords (batch->store, user, draft);
        }
      hand_over_stages (member->transaction);
    }
}

/* Fails all members after a failed sync.  Whether their transactions exist is known when the volume has been
 * opened again. */
static void
fail_batch (Batch *batch, const GError *error)
{
  for (guint i = 0; i < batch->n; i++)
    if (batch->members[i].is_run)
      *batch->members[i].result = g_error_copy (error);
}

static gboolean
removes_anything (const Batch *batch)
{
  for (guint i = 0; i < batch->n; i++)
    if (batch->members[i].is_run && batch->members[i].run.references.less->len > 0)
      return TRUE;
  return FALSE;
}

/* Removes contents at once if the disk is nearly full, so that a user who removes mail soon gets new mail. */
static void
make_room (BdbStore *store)
{
  gboolean is_done = FALSE;
  for (guint i = 0; !is_done && i < SETTLED_AT_ONCE; i++)
    if (!bdb_references_settle (store, &is_done, NULL))
      return; /* the user's upkeep tries again, and logs a failure */
  bdb_volume_make_room (store->volume);
}

void
bdb_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  BdbStore *store = storage->self;
  g_autofree Member *members = g_new0 (Member, n);
  g_autoptr (GError) error = NULL;
  Batch batch = { .store = store, .members = members, .n = n };
  gboolean is_current = bdb_store_catch_up (storage, &error);
  gboolean is_full = is_current && bdb_volume_is_full (store->volume);
  for (guint i = 0; i < n; i++)
    members[i] = (Member) { .transaction = transactions[i], .result = &results[i] };
  for (; batch.current < n; batch.current++)
    if (is_current)
      run_member (&batch, is_full);
    else
      results[batch.current] = g_error_copy (error);
  if (is_current && any_changes (&batch) && !bdb_flush (store->volume, &error))
    fail_batch (&batch, error);
  else
    publish (&batch, storage->identity->user);
  gboolean has_removed = removes_anything (&batch);
  for (guint i = 0; i < n; i++)
    if (members[i].is_run)
      bdb_run_clear (&members[i].run);
  if (has_removed && error == NULL && bdb_volume_is_tight (store->volume))
    make_room (store);
}
