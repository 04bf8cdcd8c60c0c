/* SPDX-License-Identifier: MIT
 * Implements the commit queue of a store: threads that commit wait in line, one of them leads, takes
 * everybody's transactions and hands them to the driver as one batch, so that they share its sync.
 */
#include "config.h"

#include "core/storage/change_log/feed.h"
#include "core/storage/store/store_private.h"

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
  satchel_feed_set_listeners (new_listeners, n);
}

SatchelStoreListener *
satchel_store_get_listeners (guint *ret_n)
{
  g_mutex_lock (&listeners_lock);
  guint n = n_listeners;
  SatchelStoreListener *copy = n > 0 ? g_new (SatchelStoreListener, n) : NULL;
  for (guint i = 0; i < n; i++)
    copy[i] = listeners[i];
  g_mutex_unlock (&listeners_lock);
  *ret_n = n;
  return copy;
}

static void
lead (SatchelStoreCore *store)
{
  SATCHEL_UNSET SatchelCommitRound round;
  round.n = 0;
  satchel_store_begin_write (store);
  g_mutex_lock (&store->queue_lock);
  /* What does not fit waits for the next round. */
  while (round.n < SATCHEL_ROUND_MAX && !g_queue_is_empty (&store->queue))
    round.requests[round.n++] = g_queue_pop_head (&store->queue);
  g_mutex_unlock (&store->queue_lock);
  satchel_store_run_round (store, &round);
  satchel_store_end_write (store);
  g_mutex_lock (&store->queue_lock);
  for (guint i = 0; i < round.n; i++)
    round.requests[i]->is_done = TRUE;
}

/* Waits until @request was in a round: one of this thread's, or of another that leads meanwhile. */
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
      lead (store); /* takes queue_lock again before it returns */
      store->has_leader = FALSE;
      g_cond_broadcast (&store->queue_changed);
    }
  g_mutex_unlock (&store->queue_lock);
}

static void
run_alone (SatchelStoreCore *store, SatchelCommitRequest *request)
{
  SATCHEL_UNSET SatchelCommitRound round;
  round.n = 1;
  round.requests[0] = request;
  satchel_store_run_round (store, &round);
}

static void
asked_clear (gpointer data)
{
  SatchelAsked *asked = data;
  g_clear_pointer (&asked->destination, satchel_storage_mailbox_unref);
}

static GArray *
note_asked (const SatchelTransaction *transaction)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (SatchelAsked));
  g_array_set_clear_func (all, asked_clear);
  for (guint i = 0; i < transaction->operations->len; i++)
    {
      SatchelOperation *operation = transaction->operations->pdata[i];
      SatchelAsked asked = { operation, operation->kind,
                             operation->destination != NULL
                                 ? satchel_storage_mailbox_ref (operation->destination)
                                 : NULL };
      g_array_append_val (all, asked);
    }
  return all;
}

/* Calls the @n listeners, in the job that commits, once the change is durable. */
static void
tell_listeners (SatchelTransaction *transaction, const GArray *all, const SatchelStoreListener *told, guint n)
{
  for (guint i = 0; n > 0 && i < all->len; i++)
    {
      const SatchelAsked *asked = &g_array_index (all, SatchelAsked, i);
      SatchelMailboxEvent event = {
        .size = sizeof (SatchelMailboxEvent),
        .kind = asked->kind,
        .user = transaction->store->user,
        .mailbox = asked->operation->mailbox,
        .destination = asked->destination,
        .operation = asked->operation,
        .access = satchel_transaction_access (transaction),
      };
      for (guint k = 0; satchel_operation_has_effect (asked->operation) && k < n; k++)
        if (SATCHEL_HAS (told[k].ops, changed))
          told[k].ops->changed (&event);
    }
}

static gboolean
commit_from (SatchelTransaction *transaction, const GArray *asked, guint from, GError **error)
{
  if (transaction->is_spent)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a transaction is committed once only");
  transaction->is_spent = TRUE;
  if (transaction->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&transaction->error));
      return FALSE;
    }
  if (transaction->operations->len == 0)
    return TRUE;
  SatchelCommitRequest request = { .transaction = transaction, .asked = asked, .from = from };
  if (satchel_store_is_writer (
          transaction->store)) /* a layer inside a writing call: it is its turn already */
    run_alone (transaction->store, &request);
  else
    wait_in_line (transaction->store, &request);
  if (request.error != NULL)
    {
      g_propagate_error (error, request.error);
      return FALSE;
    }
  return TRUE;
}

gboolean
satchel_transaction_commit (SatchelTransaction *transaction, GError **error)
{
  /* Listeners are those of modules, which are the same while the process runs. */
  guint n;
  g_autofree SatchelStoreListener *told = satchel_store_get_listeners (&n);
  gboolean is_heard = n > 0 || transaction->store->changes != NULL;
  g_autoptr (GArray) asked = is_heard ? note_asked (transaction) : NULL;
  if (!satchel_rights_check_transaction (transaction, error) || !commit_from (transaction, asked, 0, error))
    return FALSE;
  tell_listeners (transaction, asked, told, n);
  return TRUE;
}

gboolean
satchel_storage_commit_transaction (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  return commit_from (transaction, NULL, satchel_dispatch_level_index (storage) + 1, error);
}

gboolean
satchel_storage_run_in_turn (SatchelStorage *storage, SatchelStorageTurnFunc func, gpointer data,
                             GError **error)
{
  SatchelStoreCore *store = storage->store;
  satchel_store_begin_write (store);
  gboolean may = satchel_store_check_fence (store, error);
  gboolean ok = may && func (storage, data, error);
  satchel_store_end_write (store);
  if (may && !ok)
    satchel_dispatch_check_error (storage, "run_in_turn", error);
  return ok;
}
