/* SPDX-License-Identifier: MIT
 * Layers in their turn of the commit queue: what `plan` sees, when and in which order `committed` is told,
 * and what a layer commits below itself.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"

#include <satchel/module.h>
#include <string.h>

#define N_LAYERS 2 /* "outer" is the nearer to the client */

static GString *seen;
static gboolean inner_refuses, inner_flags; /* what the inner layer does in `plan`, and when it is told */

/* ---- the layers ---- */

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static gboolean
is_inner (const SatchelStorage *storage)
{
  return storage->below->below == NULL;
}

static void
note (const SatchelStorage *storage, const char *what)
{
  g_string_append_printf (seen, "%s.%s", is_inner (storage) ? "inner" : "outer", what);
}

static gboolean
layer_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  note (storage, "plan(");
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      if (i > 0)
        g_string_append_c (seen, ' ');
      satchel_uid_set_format (&satchel_transaction_operation (transaction, i)->uids, seen);
    }
  g_string_append (seen, ") ");
  if (is_inner (storage) && inner_refuses)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "refused");
  return TRUE;
}

/* As a layer that keeps books would: the first message of the mailbox gets a flag. */
static void
flag_first (SatchelStorage *storage, SatchelTransaction *told)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction =
      satchel_storage_new_transaction (storage, satchel_transaction_access (told));
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  SatchelOperation *flags = satchel_transaction_add (
      transaction, SATCHEL_OPERATION_FLAGS, satchel_transaction_operation (told, 0)->mailbox, &uids, NULL);
  flags->mode = SATCHEL_FLAGS_ADD;
  flags->flags = SATCHEL_FLAG_FLAGGED;
  g_assert_true (satchel_storage_commit_transaction (storage, transaction, &error));
  g_assert_no_error (error);
}

static void
layer_committed (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error)
{
  const SatchelOperation *last =
      satchel_transaction_operation (transaction, satchel_transaction_n_operations (transaction) - 1);
  note (storage, "committed(");
  if (error != NULL)
    g_string_append_printf (seen, "error %d) ", error->code);
  else
    {
      satchel_uid_set_format (&last->ret_source, seen);
      g_string_append (seen, ") ");
    }
  if (is_inner (storage) && inner_flags)
    flag_first (storage, transaction);
}

static const SatchelStorageOps layer_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 1,
  .classes = SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_FLAGS,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = layer_open,
  .plan = layer_plan,
  .committed = layer_committed,
};
/* From before there was `committed`. */
static const SatchelStorageOps short_ops = {
  .size = G_STRUCT_OFFSET (SatchelStorageOps, committed),
  .band = 1,
  .classes = SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_FLAGS,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = layer_open,
  .plan = layer_plan,
  .committed = layer_committed,
};

/* ---- a store with three messages ---- */

static SatchelStore *store;
static SatchelMailbox *inbox;

static void
set_up (const SatchelStorageOps *layer)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/turn%u", ++n);
  SatchelStoreLevel levels[] = { { "outer", layer, NULL },
                                 { "inner", layer, NULL },
                                 { "memory", satchel_module ()->provides[0].ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = N_LAYERS + 1
  };
  seen = g_string_new (NULL);
  inner_refuses = inner_flags = FALSE;
  store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  inbox = satchel_store_open_mailbox (store, "INBOX", &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
      SatchelStage *stage = satchel_stage_new (store, 0, &error);
      g_assert_true (satchel_stage_write (stage, "x", 1, &error) && satchel_stage_finish (stage, &error));
      satchel_transaction_append (transaction, inbox, stage, i == 1 ? 0 : SATCHEL_FLAG_DELETED, NULL, 1);
      g_assert_true (satchel_transaction_commit (transaction, &error));
    }
  g_assert_cmpstr (seen->str, ==, ""); /* APPEND is of no class of theirs */
}

static void
take_down (void)
{
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&store, satchel_store_unref);
  g_string_free (g_steal_pointer (&seen), TRUE);
}

static gboolean
expunge (guint32 first, guint32 last, gboolean only_deleted, GError **error)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, first, last);
  satchel_transaction_expunge (transaction, inbox, &uids, only_deleted);
  return satchel_transaction_commit (transaction, error);
}

static char *
uids_left (void)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  GString *text = g_string_new (NULL);
  satchel_snapshot_uids (snapshot, &uids);
  satchel_uid_set_format (&uids, text);
  return g_string_free (text, FALSE);
}

static void
assert_left (const char *uids)
{
  g_autofree char *left = uids_left ();
  g_assert_cmpstr (left, ==, uids);
}

/* ---- cases ---- */

/* Sets hold what is there; the outcome comes from the driver up. */
static void
test_resolved (void)
{
  set_up (&layer_ops);
  g_assert_true (expunge (1, 99, TRUE, NULL));
  g_assert_cmpstr (seen->str, ==,
                   "outer.plan(1,3) inner.plan(1,3) inner.committed(1,3) outer.committed(1,3) ");
  assert_left ("2");
  take_down ();
}

/* An operation that comes after another one on the same mailbox is given as it is. */
static void
test_after_another (void)
{
  set_up (&layer_ops);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) two = { NULL, 0 };
  g_auto (SatchelUidSet) all = { NULL, 0 };
  satchel_uid_set_add (&two, 2, 9);
  satchel_uid_set_add (&all, 1, 99);
  satchel_transaction_flags (transaction, inbox, &two, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL,
                             G_MAXUINT64);
  satchel_transaction_expunge (transaction, inbox, &all, TRUE);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  g_assert_cmpstr (seen->str, ==,
                   "outer.plan(2:3 1:99) inner.plan(2:3 1:99) inner.committed(1:3) outer.committed(1:3) ");
  assert_left ("");
  take_down ();
}

static void
test_refused (void)
{
  g_autoptr (GError) error = NULL;
  set_up (&layer_ops);
  inner_refuses = TRUE;
  g_assert_false (expunge (1, 1, FALSE, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_autofree char *expected =
      g_strdup_printf ("outer.plan(1) inner.plan(1) outer.committed(error %d) ", SATCHEL_ERROR_NOPERM);
  g_assert_cmpstr (seen->str, ==, expected);
  assert_left ("1:3");
  take_down ();
}

static void
test_driver_fails (void)
{
  g_autoptr (GError) error = NULL;
  set_up (&layer_ops);
  satchel_keywords_set_limit (1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 2, 2);
  const char *const keywords[] = { "one", "two", NULL };
  satchel_transaction_flags (transaction, inbox, &uids, SATCHEL_FLAGS_ADD, 0, keywords, G_MAXUINT64);
  g_assert_false (satchel_transaction_commit (transaction, &error));
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  g_autofree char *expected =
      g_strdup_printf ("outer.plan(2) inner.plan(2) inner.committed(error %d) outer.committed(error %d) ",
                       SATCHEL_ERROR_LIMIT, SATCHEL_ERROR_LIMIT);
  g_assert_cmpstr (seen->str, ==, expected);
  take_down ();
}

/* What a layer commits below itself is durable before anybody goes on, and asks neither it nor who is above.
 */
static void
test_below (void)
{
  set_up (&layer_ops);
  inner_flags = TRUE;
  g_assert_true (expunge (3, 3, FALSE, NULL));
  g_assert_cmpstr (seen->str, ==, "outer.plan(3) inner.plan(3) inner.committed(3) outer.committed(3) ");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->chunks[0]->flags[0], ==, SATCHEL_FLAG_DELETED | SATCHEL_FLAG_FLAGGED);
  take_down ();
}

static void
test_short_table (void)
{
  set_up (&short_ops);
  g_assert_true (expunge (1, 99, TRUE, NULL));
  g_assert_cmpstr (seen->str, ==, "outer.plan(1,3) inner.plan(1,3) ");
  take_down ();
}

/* ---- two at once ---- */

static gpointer
expunge_first (gpointer data)
{
  return GINT_TO_POINTER (expunge (1, 1, FALSE, NULL));
}

static gpointer
expunge_all (gpointer data)
{
  return GINT_TO_POINTER (expunge (1, 99, FALSE, NULL));
}

static void
wait_for_queue (guint n)
{
  for (;;)
    {
      g_mutex_lock (&store->core->queue_lock);
      guint length = store->core->queue.length;
      g_mutex_unlock (&store->core->queue_lock);
      if (length == n)
        return;
      g_thread_yield ();
    }
}

/* They wait in one round: the second is planned when the first is carried out. */
static void
test_one_after_the_other (void)
{
  set_up (&layer_ops);
  satchel_store_begin_write (store->core);
  GThread *first = g_thread_new ("first", expunge_first, NULL);
  wait_for_queue (1);
  GThread *second = g_thread_new ("second", expunge_all, NULL);
  wait_for_queue (2);
  satchel_store_end_write (store->core);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (first)) && GPOINTER_TO_INT (g_thread_join (second)));
  g_assert_cmpstr (seen->str, ==,
                   "outer.plan(1) inner.plan(1) inner.committed(1) outer.committed(1) "
                   "outer.plan(2:3) inner.plan(2:3) inner.committed(2:3) outer.committed(2:3) ");
  assert_left ("");
  take_down ();
}

/* ---- a turn of a layer's own ---- */

/* Another thread that commits waits for as long as the turn lasts, and the layer's own calls do not. */
static gboolean
act_in_turn (SatchelStorage *storage, gpointer data, GError **error)
{
  GThread **other = data;
  g_assert_true (satchel_store_is_writer (storage->store));
  *other = g_thread_new ("other", expunge_first, NULL);
  wait_for_queue (1);
  g_assert_true (satchel_storage_create (storage, satchel_store_access (store), "made", 0, error));
  assert_left ("1:3");
  return TRUE;
}

static gboolean
fail_silently (SatchelStorage *storage, gpointer data, GError **error)
{
  return FALSE;
}

static void
test_own_turn (void)
{
  GThread *other = NULL;
  g_autoptr (GError) error = NULL;
  set_up (&layer_ops);
  SatchelStorage *inner = &store->core->levels[1];
  g_assert_true (satchel_storage_run_in_turn (inner, act_in_turn, &other, &error));
  g_assert_no_error (error);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (other)));
  assert_left ("2:3");
  g_assert_false (satchel_storage_run_in_turn (inner, fail_silently, NULL, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_IO);
  g_clear_error (&error);
  g_atomic_int_set (&store->core->is_fenced, TRUE);
  g_assert_false (satchel_storage_run_in_turn (inner, act_in_turn, NULL, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_atomic_int_set (&store->core->is_fenced, FALSE);
  take_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/turn/resolved", test_resolved);
  g_test_add_func ("/turn/after-another", test_after_another);
  g_test_add_func ("/turn/refused", test_refused);
  g_test_add_func ("/turn/driver-fails", test_driver_fails);
  g_test_add_func ("/turn/below", test_below);
  g_test_add_func ("/turn/short-table", test_short_table);
  g_test_add_func ("/turn/one-after-the-other", test_one_after_the_other);
  g_test_add_func ("/turn/own", test_own_turn);
  return g_test_run ();
}
