/* SPDX-License-Identifier: MIT
 * The commit queue of a store: threads that commit wait in line, one of them leads, takes everybody's transactions and
 * hands them to the driver as one batch, so that they share its sync.
 */
#include "config.h"

#include "core/storage/store_private.h"

#include <satchel/counter.h>

/* More than this waits for the next round. */
#define BATCH_MAX 256u

static GMutex listeners_lock;
static SatchelStoreListener *listeners;
static guint n_listeners;

void
satchel_store_set_listeners (const SatchelStoreListener *new_listeners, guint n)
{
  g_mutex_lock (&listeners_lock);
  g_free (listeners);
  listeners = g_new (SatchelStoreListener, MAX (n, 1u));
  for (guint i = 0; i < n; i++)
    listeners[i] = new_listeners[i];
  n_listeners = n;
  g_mutex_unlock (&listeners_lock);
}

/* A mailbox that is gone fails its transaction before the driver sees it. */
static gboolean
is_runnable (const SatchelTransaction *transaction, GError **error)
{
  for (guint i = 0; i < transaction->operations->len; i++)
    {
      const SatchelOperation *operation = transaction->operations->pdata[i];
      if (satchel_storage_mailbox_is_deleted (operation->mailbox)
          || (operation->destination != NULL && satchel_storage_mailbox_is_deleted (operation->destination)))
        return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox has been deleted");
    }
  return TRUE;
}

SATCHEL_HISTOGRAM (commit_time, "satchel_commit_seconds", "Time that the storage driver takes for the transactions of one round");
SATCHEL_COUNTER (transactions_ended, "satchel_transactions_total", "Transactions that the storage driver was given", "result");

/* A driver that says of an APPEND neither that it failed nor which UID it has got has not carried it out. */
static gboolean
is_carried_out (const SatchelTransaction *transaction)
{
  for (guint i = 0; i < transaction->operations->len; i++)
    {
      const SatchelOperation *operation = transaction->operations->pdata[i];
      if (operation->kind == SATCHEL_OPERATION_APPEND && (operation->ret_uids == NULL || operation->ret_uids->len != 1))
        return FALSE;
    }
  return TRUE;
}

/* The driver's view of a round.  Under write_lock, queue_lock not held. */
static void
run_round (SatchelStoreCore *store, GPtrArray *round)
{
  g_autofree SatchelTransaction **transactions = g_new (SatchelTransaction *, round->len);
  g_autofree SatchelCommitRequest **requests = g_new (SatchelCommitRequest *, round->len);
  g_autofree GError **results = g_new0 (GError *, round->len);
  guint n = 0;
  for (guint i = 0; i < round->len; i++)
    {
      SatchelCommitRequest *request = round->pdata[i];
      if (!is_runnable (request->transaction, &request->error))
        continue;
      requests[n] = request;
      transactions[n++] = request->transaction;
    }
  if (n > 0)
    {
      gint64 began_us = g_get_monotonic_time ();
      satchel_storage_commit (&store->client, transactions, n, results);
      satchel_counter_observe (&commit_time, (guint64) (g_get_monotonic_time () - began_us));
    }
  for (guint i = 0; i < n; i++)
    {
      if (results[i] == NULL && !is_carried_out (transactions[i]))
        satchel_dispatch_check_error (SATCHEL_TOP (store, commit), "commit", &results[i]);
      requests[i]->error = results[i];
      satchel_counter_add (&transactions_ended, 1, results[i] == NULL ? "ok" : "failed");
    }
}

static void
lead (SatchelStoreCore *store)
{
  g_autoptr (GPtrArray) round = g_ptr_array_new ();
  satchel_store_begin_write (store);
  g_mutex_lock (&store->queue_lock);
  while (round->len < BATCH_MAX && !g_queue_is_empty (&store->queue))
    g_ptr_array_add (round, g_queue_pop_head (&store->queue));
  g_mutex_unlock (&store->queue_lock);
  run_round (store, round);
  satchel_store_end_write (store);
  g_mutex_lock (&store->queue_lock);
  for (guint i = 0; i < round->len; i++)
    ((SatchelCommitRequest *) round->pdata[i])->is_done = TRUE;
}

/* Returns when @request was in a round, its own or another thread's. */
static void
wait_in_line (SatchelStoreCore *store, SatchelCommitRequest *request)
{
  g_mutex_lock (&store->queue_lock);
  g_queue_push_tail (&store->queue, request);
  while (!request->is_done)
    {
      if (store->has_leader)
        {
          g_cond_wait (&store->queue_changed, &store->queue_lock);
          continue;
        }
      store->has_leader = TRUE;
      g_mutex_unlock (&store->queue_lock);
      lead (store); /* comes back with queue_lock held */
      store->has_leader = FALSE;
      g_cond_broadcast (&store->queue_changed);
    }
  g_mutex_unlock (&store->queue_lock);
}

static void
run_alone (SatchelStoreCore *store, SatchelCommitRequest *request)
{
  g_autoptr (GPtrArray) round = g_ptr_array_new ();
  g_ptr_array_add (round, request);
  run_round (store, round);
}

/* In the committing job, after durability. */
static void
tell_listeners (SatchelTransaction *transaction)
{
  g_mutex_lock (&listeners_lock);
  guint n = n_listeners;
  g_autofree SatchelStoreListener *told = n > 0 ? g_new (SatchelStoreListener, n) : NULL;
  for (guint i = 0; i < n; i++)
    told[i] = listeners[i];
  g_mutex_unlock (&listeners_lock);
  for (guint i = 0; n > 0 && i < transaction->operations->len; i++)
    {
      const SatchelOperation *operation = transaction->operations->pdata[i];
      SatchelMailboxEvent event = {
        .size = sizeof (SatchelMailboxEvent),
        .kind = operation->kind,
        .user = transaction->store->user,
        .mailbox = operation->mailbox,
        .destination = operation->destination,
        .operation = operation,
        .access = satchel_transaction_access (transaction),
      };
      for (guint k = 0; satchel_operation_has_effect (operation) && k < n; k++)
        if (SATCHEL_HAS (told[k].ops, changed))
          told[k].ops->changed (&event);
    }
}

gboolean
satchel_transaction_commit (SatchelTransaction *transaction, GError **error)
{
  if (transaction->is_spent)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a transaction is committed once only");
  transaction->is_spent = TRUE;
  if (transaction->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&transaction->error));
      return FALSE;
    }
  if (!satchel_operation_prepare (transaction, error))
    return FALSE;
  if (transaction->error != NULL) /* a layer added an operation that cannot be */
    {
      g_propagate_error (error, g_steal_pointer (&transaction->error));
      return FALSE;
    }
  if (transaction->operations->len == 0)
    return TRUE;
  SatchelCommitRequest request = { .transaction = transaction };
  if (satchel_store_is_writer (transaction->store)) /* a layer inside a writing call: it is its turn already */
    run_alone (transaction->store, &request);
  else
    wait_in_line (transaction->store, &request);
  if (request.error != NULL)
    {
      g_propagate_error (error, request.error);
      return FALSE;
    }
  satchel_operation_fill_composed (transaction);
  tell_listeners (transaction);
  return TRUE;
}
