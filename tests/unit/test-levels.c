/* SPDX-License-Identifier: MIT
 * The levels of a store: what layers and drivers of this and of older versions may leave out, change and
 * refuse.
 */
#include "config.h"

#include "tests/lib/toy_layers.h"

static gboolean
refuse_expunge (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    if (satchel_transaction_operation (transaction, i)->kind == SATCHEL_OPERATION_EXPUNGE)
      return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "kept");
  return TRUE;
}

typedef struct MoveResult
{
  gboolean ok;
  guint32 n_from, n_to;
  char *seen;
  GError *error;
} MoveResult;

static void
move_result_clear (MoveResult *result)
{
  g_free (result->seen);
  g_clear_error (&result->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MoveResult, move_result_clear)

/* Three messages, two of them moved through @layer. */
static void
move_through (const SatchelStorageOps *layer, MoveResult *ret_result)
{
  g_autoptr (SatchelStore) store = open_stack (layer, NULL);
  g_autoptr (SatchelMailbox) from = open_box (store, "INBOX");
  g_autoptr (SatchelMailbox) to = open_box (store, "to");
  for (guint i = 0; i < 3; i++)
    put (store, from);
  g_string_truncate (seen, 0);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 2, 9);
  SatchelOperation *move = satchel_transaction_move (transaction, from, &uids, to);
  ret_result->ok = satchel_transaction_commit (transaction, &ret_result->error);
  ret_result->n_from = count (from);
  ret_result->n_to = count (to);
  ret_result->seen = g_strdup (seen->str);
  if (!ret_result->ok)
    return;
  g_assert_cmpint (move->kind, ==, SATCHEL_OPERATION_MOVE);
  g_assert_cmpuint (satchel_uid_set_count (&move->ret_source), ==, 2);
  g_assert_cmpuint (move->ret_uids->len, ==, 2);
  g_assert_cmpuint (g_array_index (move->ret_uids, guint32, 1), ==, 2);
  g_autoptr (SatchelSnapshot) now = satchel_mailbox_snapshot (to);
  g_assert_cmpuint (move->ret_uidvalidity, ==, now->state.uidvalidity);
  g_assert_cmpuint (move->ret_modseq, ==, now->state.highestmodseq);
}

static void
test_old_layer (void)
{
  static const SatchelStorageOps old = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_EXPUNGE, note_plan);
  static const SatchelStorageOps new = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, note_plan);
  g_auto (MoveResult) through_old = { 0 }, through_new = { 0 };
  move_through (&old, &through_old);
  g_assert_no_error (through_old.error);
  g_assert_cmpstr (through_old.seen, ==, "copy expunge ");
  g_assert_cmpuint (through_old.n_from, ==, 1);
  g_assert_cmpuint (through_old.n_to, ==, 2);
  move_through (&new, &through_new);
  g_assert_cmpstr (through_new.seen, ==, "move ");
  g_assert_cmpuint (through_new.n_to, ==, 2);
}

/* An old layer that refuses removals is not slipped past by MOVE. */
static void
test_old_layer_refuses (void)
{
  static const SatchelStorageOps old =
      LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_EXPUNGE, refuse_expunge);
  g_auto (MoveResult) result = { 0 };
  move_through (&old, &result);
  g_assert_false (result.ok);
  g_assert_error (result.error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_assert_cmpuint (result.n_from, ==, 3);
  g_assert_cmpuint (result.n_to, ==, 0);
}

static void
test_unconcerned_layer (void)
{
  static const SatchelStorageOps flags_only = LAYER (SATCHEL_CLASS_FLAGS, SATCHEL_OPERATION_FLAGS, note_plan);
  g_auto (MoveResult) result = { 0 };
  move_through (&flags_only, &result); /* never_list is not of its class either */
  g_assert_cmpstr (result.seen, ==, "");
  g_assert_cmpuint (result.n_to, ==, 2);
}

static void
test_layer_changes_operations (void)
{
  static const SatchelStorageOps keeper = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, keep_expunged);
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (&keeper, NULL);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  put (store, inbox);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  satchel_transaction_expunge (transaction, inbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_autoptr (SatchelMailbox) kept = open_box (store, "kept");
  g_assert_cmpuint (count (inbox), ==, 0);
  g_assert_cmpuint (count (kept), ==, 1);
}

static void
test_incomplete_driver (void)
{
  SatchelStorageOps incomplete = *memory_ops ();
  incomplete.vanished = NULL;
  g_autoptr (GError) error = NULL;
  SatchelStoreLevel level = { "half", &incomplete, NULL };
  SatchelStoreOpenOptions options = {
    .user = "u", .path = "p", .root_fd = -1, .levels = &level, .n_levels = 1
  };
  g_assert_null (satchel_store_open (&options, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  g_assert_nonnull (strstr (error->message, "vanished"));
}

/* One message of two is moved; a driver that knows no MOVE gets what it is made of. */
static void
test_old_driver (void)
{
  SatchelStorageOps old = *memory_ops ();
  old.newest_operation = SATCHEL_OPERATION_EXPUNGE;
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (NULL, &old);
  g_autoptr (SatchelMailbox) from = open_box (store, "INBOX");
  g_autoptr (SatchelMailbox) to = open_box (store, "to");
  put (store, from);
  put (store, from);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 2, 2);
  SatchelOperation *move = satchel_transaction_move (transaction, from, &uids, to);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_assert_cmpint (satchel_transaction_operation (transaction, 0)->kind, ==, SATCHEL_OPERATION_COPY);
  g_assert_cmpint (satchel_transaction_operation (transaction, 1)->kind, ==, SATCHEL_OPERATION_EXPUNGE);
  g_assert_cmpuint (move->ret_uids->len, ==, 1);
  g_assert_cmpuint (count (from), ==, 1);
  g_assert_cmpuint (count (to), ==, 1);
}

/* Commits an EXPUNGE, or what @kind says it is, of the one message there is; TRUE: it is gone. */
static gboolean
expunge_through (const SatchelStorageOps *layer, const SatchelStorageOps *driver, guint kind,
                 const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (layer, driver);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  put (store, inbox);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  satchel_transaction_expunge (transaction, inbox, &uids, FALSE)->kind = kind;
  gboolean ok = satchel_transaction_commit (transaction, &error);
  g_assert_cmpuint (count (inbox), ==, ok ? 0 : 1);
  if (!ok)
    {
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
      g_assert_nonnull (strstr (error->message, message));
    }
  return ok;
}

/* What cannot be said in older operations is refused, never told as done. */
static void
test_unknown_operation (void)
{
  static const SatchelStorageOps layer = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_FLAGS, note_plan);
  static const SatchelStorageOps unconcerned =
      LAYER (SATCHEL_CLASS_FLAGS, SATCHEL_OPERATION_FLAGS, note_plan);
  SatchelStorageOps driver = *memory_ops ();
  driver.newest_operation = SATCHEL_OPERATION_FLAGS;
  g_assert_false (expunge_through (&layer, NULL, SATCHEL_OPERATION_EXPUNGE,
                                   "module layer is too old for the operation EXPUNGE"));
  g_assert_false (expunge_through (NULL, &driver, SATCHEL_OPERATION_EXPUNGE,
                                   "module memory is too old for the operation EXPUNGE"));
  g_assert_true (expunge_through (&unconcerned, NULL, SATCHEL_OPERATION_EXPUNGE, NULL));
  /* Also if the driver says that it knows all there will ever be. */
  driver.newest_operation = G_MAXUINT;
  g_assert_false (expunge_through (NULL, &driver, 77, "operation 77 is not one that this server knows"));
  g_assert_false (expunge_through (NULL, &driver, 0, "operation 0 is not one that this server knows"));
}

static void
refuse_metadata (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  g_assert_not_reached ();
}

/* The tables end where those of an older module end: the core calls no member behind that end. */
static void
test_shorter_tables (void)
{
  SatchelStorageOps layer = LAYER (SATCHEL_CLASS_CONTENT_OUT, SATCHEL_OPERATION_MOVE, note_plan);
  SatchelStorageOps driver = *memory_ops ();
  layer.list = NULL;
  layer.open_message = satchel_storage_open_message;
  layer.size = driver.size = offsetof (SatchelStorageOps, get_metadata);
  memset ((char *) &driver + driver.size, 0xff, sizeof (driver) - driver.size);
  memset ((char *) &layer + layer.size, 0xff, sizeof (layer) - layer.size);
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (&layer, &driver);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  put (store, inbox);
  g_assert_null (satchel_store_get_blob (store, "toy", "one", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  g_clear_error (&error);
  const guint32 uid = 1;
  g_assert_false (satchel_mailbox_list_metadata (inbox, &uid, 1, refuse_metadata, NULL, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  g_clear_error (&error);
  g_autoptr (SatchelStream) content = satchel_mailbox_open_message (inbox, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (satchel_stream_length (content, &error), ==, 1);
}

/* A layer that makes other content hides what the driver has ready, unless it has a fast way of its own. */
static void
test_guards (void)
{
  SatchelStorageOps layer = LAYER (SATCHEL_CLASS_CONTENT_OUT, SATCHEL_OPERATION_MOVE, note_plan);
  for (guint i = 0; i < 3; i++)
    {
      layer.open_message = i > 0 ? satchel_storage_open_message : NULL;
      layer.peek_message = i > 1 ? satchel_storage_peek_message : NULL;
      g_autoptr (SatchelStore) store = open_stack (&layer, NULL);
      g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
      put (store, inbox);
      g_autoptr (SatchelStream) peeked = satchel_mailbox_peek_message (inbox, 1);
      g_assert_cmpint (peeked != NULL, ==, i != 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/layer/old", test_old_layer);
  g_test_add_func ("/store/layer/old-refuses", test_old_layer_refuses);
  g_test_add_func ("/store/layer/unconcerned", test_unconcerned_layer);
  g_test_add_func ("/store/layer/changes-operations", test_layer_changes_operations);
  g_test_add_func ("/store/driver/incomplete", test_incomplete_driver);
  g_test_add_func ("/store/driver/old", test_old_driver);
  g_test_add_func ("/store/old/unknown-operation", test_unknown_operation);
  g_test_add_func ("/store/old/shorter-tables", test_shorter_tables);
  g_test_add_func ("/store/old/guards", test_guards);
  return g_test_run ();
}
