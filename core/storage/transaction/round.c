/* SPDX-License-Identifier: MIT
 * Implements a round of the commit queue. Transactions that no layer plans go to the driver together, so
 * that they share its sync. One that a layer plans waits until those before it are carried out: the layer
 * sees what they have left.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/counter.h>

SATCHEL_HISTOGRAM (commit_time, "satchel_commit_seconds",
                   "Time that the storage driver takes for the transactions it is given at once");
SATCHEL_COUNTER (transactions_ended, "satchel_transactions_total",
                 "Transactions that the storage driver was given", "result");

/* Says whether a transaction may run.  One whose mailbox is gone, or whose owner is of an older epoch, fails
 * before any level sees it. */
static gboolean
is_runnable (const SatchelTransaction *transaction, GError **error)
{
  if (!satchel_store_check_fence (transaction->store, error))
    return FALSE;
  for (guint i = 0; i < transaction->operations->len; i++)
    {
      const SatchelOperation *operation = transaction->operations->pdata[i];
      if (satchel_storage_mailbox_is_deleted (operation->mailbox)
          || (operation->destination != NULL && satchel_storage_mailbox_is_deleted (operation->destination)))
        return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox has been deleted");
    }
  return TRUE;
}

/* A driver that says of an APPEND neither that it failed nor which UID it has got has not carried it out. */
static gboolean
is_carried_out (const SatchelTransaction *transaction)
{
  for (guint i = 0; i < transaction->operations->len; i++)
    {
      const SatchelOperation *operation = transaction->operations->pdata[i];
      if (operation->kind == SATCHEL_OPERATION_APPEND
          && (operation->ret_uids == NULL || operation->ret_uids->len != 1))
        return FALSE;
    }
  return TRUE;
}

/* Tells layers the outcome of a transaction, those next to the driver first. */
static void
tell_layers (SatchelStoreCore *store, SatchelCommitRequest *request)
{
  for (guint i = request->told != NULL ? request->told->len : 0; i > 0; i--)
    {
      SatchelStorage *level = &store->levels[g_array_index (request->told, guint, i - 1)];
      level->ops->committed (level, request->transaction, request->error);
    }
  g_clear_pointer (&request->told, g_array_unref);
}

static void
take_result (SatchelStoreCore *store, SatchelCommitRequest *request, GError *result)
{
  if (result == NULL && !is_carried_out (request->transaction))
    satchel_dispatch_check_error (SATCHEL_TOP (store, commit), "commit", &result);
  request->error = result;
  if (result == NULL)
    satchel_operation_fill_composed (request->transaction);
  satchel_counter_add (&transactions_ended, 1, result == NULL ? "ok" : "failed");
}

/* Has the driver carry out those that wait in @planned, which is empty then.  Layers may commit transactions
 * of their own when they hear of this, in a round of their own. */
static void
commit_planned (SatchelStoreCore *store, SatchelCommitRound *planned)
{
  if (planned->n == 0)
    return;
  SATCHEL_UNSET SatchelTransaction *transactions[SATCHEL_ROUND_MAX];
  SATCHEL_UNSET GError *results[SATCHEL_ROUND_MAX];
  for (guint i = 0; i < planned->n; i++)
    {
      transactions[i] = planned->requests[i]->transaction;
      results[i] = NULL;
    }
  satchel_changes_intend (store, planned);
  gint64 began_us = g_get_monotonic_time ();
  satchel_storage_commit (&store->client, transactions, planned->n, results);
  satchel_counter_observe (&commit_time, (guint64) (g_get_monotonic_time () - began_us));
  for (guint i = 0; i < planned->n; i++)
    take_result (store, planned->requests[i], results[i]);
  satchel_changes_record (store, planned);
  for (guint i = 0; i < planned->n; i++)
    tell_layers (store, planned->requests[i]);
  planned->n = 0;
}

/* Has earlier transactions carried out first if this level plans the transaction or hears of it, so that its
 * sets hold the messages that are there.  Returns whether the level plans it. */
static gboolean
begin_plan (SatchelStoreCore *store, SatchelCommitRound *planned, SatchelCommitRequest *request,
            const SatchelStorage *level)
{
  gboolean has_plan = SATCHEL_HAS (level->ops, plan), is_told = SATCHEL_HAS (level->ops, committed);
  if (!has_plan && !is_told)
    return FALSE;
  if (request->told == NULL)
    {
      commit_planned (store, planned);
      satchel_operation_resolve (request->transaction);
      request->told = g_array_new (FALSE, FALSE, sizeof (guint));
    }
  return has_plan;
}

static void
add_told (SatchelStoreCore *store, SatchelCommitRequest *request, guint index)
{
  if (request->told != NULL && SATCHEL_HAS (store->levels[index].ops, committed))
    g_array_append_val (request->told, index);
}

/* Asks each layer that is concerned to plan the transaction, the one nearest to the client first. */
static gboolean
plan (SatchelStoreCore *store, SatchelCommitRound *planned, SatchelCommitRequest *request, GError **error)
{
  SatchelTransaction *transaction = request->transaction;
  for (guint i = request->from; i < store->n_levels; i++)
    {
      SatchelStorage *level = &store->levels[i];
      gboolean is_concerned;
      if (!satchel_operation_suit_level (transaction, level, &is_concerned, error))
        return FALSE;
      if (level->below == NULL || !is_concerned)
        continue;
      if (begin_plan (store, planned, request, level) && !level->ops->plan (level, transaction, error))
        {
          satchel_dispatch_check_error (level, "plan", error);
          return FALSE;
        }
      if (transaction->error != NULL) /* the layer added an operation that is not possible */
        {
          g_propagate_error (error, g_steal_pointer (&transaction->error));
          return FALSE;
        }
      add_told (store, request, i);
    }
  return TRUE;
}

void
satchel_store_run_round (SatchelStoreCore *store, const SatchelCommitRound *round)
{
  SATCHEL_UNSET SatchelCommitRound planned;
  planned.n = 0;
  for (guint i = 0; i < round->n; i++)
    {
      SatchelCommitRequest *request = round->requests[i];
      if (is_runnable (request->transaction, &request->error)
          && plan (store, &planned, request, &request->error))
        planned.requests[planned.n++] = request;
      else
        tell_layers (store, request);
    }
  commit_planned (store, &planned);
}
