/* SPDX-License-Identifier: MIT
 * What the core does between protocols and drivers: layers, composed operations, the commit queue, listeners,
 * the cache of open stores.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/storage/store/store_open.h"
#include "core/storage/mailbox/suspects.h"
#include "core/storage/store/store_private.h"
#include "tests/lib/loop.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <satchel/attributes.h>
#include <satchel/module.h>
#include <string.h>
#include <unistd.h>

static guint n_users;

static const SatchelStorageOps *
memory_ops (void)
{
  return satchel_module ()->provides[0].ops;
}

static SatchelStore *
open_stack (const SatchelStorageOps *layer, const SatchelStorageOps *driver)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/store%u", ++n_users);
  SatchelStoreLevel levels[] = { { "layer", layer, NULL },
                                 { "memory", driver != NULL ? driver : memory_ops (), NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org",
    .path = path,
    .root_fd = -1,
    .levels = layer != NULL ? levels : levels + 1,
    .n_levels = layer != NULL ? 2 : 1,
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

static SatchelMailbox *
open_box (SatchelStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  if (strcmp (name, "INBOX") != 0)
    satchel_store_create (store, name, 0, NULL);
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

static SatchelTransaction *
append_to (SatchelStore *store, SatchelMailbox *mailbox)
{
  g_autoptr (GError) error = NULL;
  SatchelStage *stage = satchel_stage_new (store, 0, &error);
  g_assert_no_error (error);
  g_assert_true (satchel_stage_write (stage, "x", 1, &error));
  g_assert_true (satchel_stage_finish (stage, &error));
  SatchelTransaction *transaction = satchel_transaction_new (store);
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1);
  return transaction;
}

static void
put (SatchelStore *store, SatchelMailbox *mailbox)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction = append_to (store, mailbox);
  g_assert_true (satchel_transaction_commit (transaction, &error));
}

static guint32
count (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.n_messages;
}

/* ---- layers ---- */

static GString *seen; /* what the layer was asked */

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  seen = g_string_new (NULL);
  return TRUE;
}

static void
layer_close (SatchelStorage *storage)
{
  g_string_free (g_steal_pointer (&seen), TRUE);
}

static gboolean
note_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  static const char *const names[] = { "?", "append", "copy", "flags", "expunge", "move" };
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    g_string_append_printf (seen, "%s ", names[satchel_transaction_operation (transaction, i)->kind]);
  return TRUE;
}

static gboolean
refuse_expunge (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    if (satchel_transaction_operation (transaction, i)->kind == SATCHEL_OPERATION_EXPUNGE)
      return satchel_error_set (error, SATCHEL_ERROR_NOPERM, "kept");
  return TRUE;
}

/* As a retention layer would: what is to be removed is copied first. */
static gboolean
keep_expunged (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  g_autoptr (GError) local = NULL;
  const SatchelAccess *access = satchel_transaction_access (transaction);
  if (!satchel_storage_create (storage, access, "kept", 0, &local)
      && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_ALREADYEXISTS))
    return FALSE;
  g_autoptr (SatchelStorageMailbox) kept = satchel_storage_hold_mailbox (storage, access, "kept", error);
  if (kept == NULL)
    return FALSE;
  guint n = satchel_transaction_n_operations (transaction);
  for (guint i = 0; i < n; i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->kind != SATCHEL_OPERATION_EXPUNGE)
        continue;
      operation->kind = SATCHEL_OPERATION_MOVE;
      operation->destination = g_steal_pointer (&kept);
      return TRUE;
    }
  return TRUE;
}

static gboolean
never_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  g_assert_not_reached ();
}

#define LAYER(class_bits, newest, plan_func)                                                                 \
  { .size = sizeof (SatchelStorageOps),                                                                      \
    .band = 1,                                                                                               \
    .classes = (class_bits),                                                                                 \
    .newest_operation = (newest),                                                                            \
    .open = layer_open,                                                                                      \
    .close = layer_close,                                                                                    \
    .list = never_list,                                                                                      \
    .plan = (plan_func) }

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

/* ---- older modules ---- */

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

/* ---- links ---- */

static guint n_linked;

static gboolean
note_link (SatchelStorage *storage, const SatchelAccess *access, const char *path, gboolean is_lf,
           SatchelStaged *staged, GError **error)
{
  n_linked++;
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "no links here");
}

/* A layer that makes other content of what comes in ends linking; one that only looks at what is appended
 * does not. */
static void
test_links (void)
{
  SatchelStorageOps layer = LAYER (SATCHEL_CLASS_CONTENT_IN, SATCHEL_OPERATION_MOVE, note_plan);
  SatchelStorageOps driver = *memory_ops ();
  driver.stage_spooled = note_link;
  g_autoptr (GError) error = NULL;
  g_autofree char *root = g_dir_make_tmp ("satchel-store-XXXXXX", &error);
  g_autofree char *spool = g_build_filename (root, "spool", NULL),
                  *file = g_build_filename (spool, "1", NULL);
  g_assert_no_errno (g_mkdir (spool, 0700));
  g_assert_true (g_file_set_contents (file, "x", 1, &error));
  for (guint i = 0; i < 2; i++)
    {
      layer.stage = i == 0 ? NULL : satchel_storage_stage;
      g_autoptr (SatchelStore) store = open_stack (&layer, &driver);
      store->core->identity.root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      g_autoptr (SatchelStage) stage = satchel_stage_new_spooled (store, "spool/1", FALSE, 1, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (satchel_stage_size (stage), ==, 1);
      close (store->core->identity.root_fd);
      g_assert_cmpuint (n_linked, ==, 1);
    }
  g_unlink (file);
  g_rmdir (spool);
  g_rmdir (root);
}

/* ---- modules that fail without a word ---- */

static gboolean
fail_silently (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  return FALSE;
}

static SatchelStream *
open_nothing (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              guint32 uid, GError **error)
{
  return NULL;
}

static gboolean
plan_nothing (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  return FALSE;
}

static void
commit_nothing (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
}

static void
assert_silent (GError **error, const char *module)
{
  g_assert_error (*error, SATCHEL_ERROR, SATCHEL_ERROR_IO);
  g_assert_nonnull (strstr ((*error)->message, module));
  g_assert_nonnull (strstr ((*error)->message, "failed without giving a reason"));
  g_clear_error (error);
}

static void
test_silent_failures (void)
{
  static const SatchelStorageOps layer = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, plan_nothing);
  g_autoptr (GError) error = NULL;
  SatchelStorageOps silent = *memory_ops ();
  silent.remove = fail_silently;
  silent.open_message = open_nothing;
  g_autoptr (SatchelStore) store = open_stack (&layer, &silent);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  put (store, inbox);
  g_assert_false (satchel_store_delete (store, "x", &error));
  assert_silent (&error, "memory");
  g_assert_null (satchel_mailbox_open_message (inbox, 1, &error));
  assert_silent (&error, "memory");
  g_autoptr (SatchelTransaction) expunge = satchel_transaction_new (store);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_transaction_expunge (expunge, inbox, &uids, FALSE);
  g_assert_false (satchel_transaction_commit (expunge, &error));
  assert_silent (&error, "layer");
  silent.commit = commit_nothing;
  g_autoptr (SatchelTransaction) lost = append_to (store, inbox);
  g_assert_false (satchel_transaction_commit (lost, &error));
  assert_silent (&error, "memory");
}

/* ---- the commit queue ---- */

#define LEFT 4u /* that do not fit into the second round */
#define WAITING (SATCHEL_ROUND_MAX + LEFT)

static guint batches[16], n_batches; /* transactions that the driver got in each call */
static guint n_waiting;              /* that the first call waits for */
static SatchelStore *queue_store;
static gint has_begun; /* the first call */

static void
wait_for_queue (guint len)
{
  for (gboolean is_long = FALSE; !is_long; g_thread_yield ())
    {
      g_mutex_lock (&queue_store->core->queue_lock);
      is_long = queue_store->core->queue.length == len;
      g_mutex_unlock (&queue_store->core->queue_lock);
    }
}

/* The first call takes until all others wait in line. */
static void
slow_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  g_atomic_int_set (&has_begun, TRUE);
  if (n_batches == 0)
    wait_for_queue (n_waiting);
  g_assert_cmpuint (n_batches, <, G_N_ELEMENTS (batches));
  batches[n_batches++] = n;
  memory_ops ()->commit (storage, transactions, n, results);
}

static gpointer
commit_one (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction = data;
  g_assert_true (satchel_transaction_commit (transaction, &error));
  return NULL;
}

/* Commits the @n transactions: the first is alone in its round, the others come when that is under way, in
 * their order. */
static void
commit_behind (SatchelStore *store, SatchelTransaction **transactions, guint n)
{
  g_autofree GThread **threads = g_new (GThread *, n);
  queue_store = store;
  n_waiting = n - 1;
  n_batches = 0;
  g_atomic_int_set (&has_begun, FALSE);
  threads[0] = g_thread_new ("commit", commit_one, transactions[0]);
  while (!g_atomic_int_get (&has_begun))
    g_thread_yield ();
  for (guint i = 1; i < n; i++)
    {
      threads[i] = g_thread_new ("commit", commit_one, transactions[i]);
      if (i < n - 1)
        wait_for_queue (i);
    }
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
}

static void
test_merged_commits (void)
{
  SatchelStorageOps slow = *memory_ops ();
  slow.commit = slow_commit;
  SatchelTransaction *transactions[WAITING + 1];
  g_autoptr (SatchelStore) store = open_stack (NULL, &slow);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  for (guint i = 0; i <= WAITING; i++)
    transactions[i] = append_to (store, inbox);
  commit_behind (store, transactions, WAITING + 1);
  g_assert_cmpuint (n_batches, ==, 3);
  g_assert_cmpuint (batches[0], ==, 1);
  g_assert_cmpuint (batches[1], ==, SATCHEL_ROUND_MAX);
  g_assert_cmpuint (batches[2], ==, LEFT);
  g_assert_cmpuint (count (inbox), ==, WAITING + 1);
}

/* What waits before a transaction that a layer plans is carried out first, and once. */
static void
test_planned_between (void)
{
  static const SatchelStorageOps layer = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, note_plan);
  SatchelStorageOps slow = *memory_ops ();
  slow.commit = slow_commit;
  g_autoptr (SatchelStore) store = open_stack (&layer, &slow);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  SatchelTransaction *transactions[] = { append_to (store, inbox), append_to (store, inbox),
                                         satchel_transaction_new (store) };
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 2, 2); /* the message of the second one */
  satchel_transaction_expunge (transactions[2], inbox, &uids, FALSE);
  commit_behind (store, transactions, G_N_ELEMENTS (transactions));
  g_assert_cmpstr (seen->str, ==, "expunge ");
  g_assert_cmpuint (n_batches, ==, 3);
  for (guint i = 0; i < n_batches; i++)
    g_assert_cmpuint (batches[i], ==, 1);
  g_assert_cmpuint (count (inbox), ==, 1);
}

/* ---- attributes ---- */

static gboolean
know_nothing (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes, GError **error)
{
  return TRUE;
}

static guint n_kept;

static gboolean
count_kept (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
            const guint32 *uids, guint n, GBytes *const *attributes, const guint64 *sizes, GError **error)
{
  n_kept += n;
  return TRUE;
}

/* What the store has not is computed and handed down; a message that crashed the scanner is never scanned
 * again. */
static void
test_attributes (void)
{
  SatchelStorageOps forgetful = *memory_ops ();
  forgetful.get_attributes = know_nothing;
  forgetful.put_attributes = count_kept;
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (NULL, &forgetful);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  for (guint i = 0; i < 100; i++)
    put (store, inbox);
  guint32 uids[101];
  GBytes *got[101];
  for (guint i = 0; i < 101; i++)
    uids[i] = i + 1;
  g_assert_true (satchel_mailbox_attributes (inbox, uids, 101, got, NULL, &error));
  g_assert_null (got[100]);
  for (guint i = 0; i < 100; i++)
    {
      g_assert_true (satchel_attributes_is_parsed (got[i]));
      g_bytes_unref (got[i]);
    }
  g_assert_cmpuint (n_kept, ==, 100);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_autoptr (GString) crumb = g_string_new (NULL);
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (crumb, "%02x", snapshot->state.mailbox_id[i]);
  g_string_append (crumb, " 2");
  satchel_store_add_suspect (crumb->str);
  g_assert_true (satchel_mailbox_attributes (inbox, uids, 3, got, NULL, &error));
  g_assert_true (satchel_attributes_is_parsed (got[0]));
  g_assert_false (satchel_attributes_is_parsed (got[1]));
  g_assert_cmpuint (satchel_attributes_size (got[1]), ==, 1);
  for (guint i = 0; i < 3; i++)
    g_bytes_unref (got[i]);
}

/* Content on its way in: a suspect is stored whole, and unparsed; the size is said beforehand and names it,
 * too. */
static void
test_suspect_content (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_stack (NULL, memory_ops ());
  g_autofree char *large = g_strnfill (100000, 'a');
  g_autofree char *crumb = satchel_suspect_crumb (large, 65536, 100000);
  for (guint round = 0; round < 2; round++)
    for (guint piece = 1000; piece <= 100000; piece *= 100)
      {
        g_autoptr (SatchelStage) stage = satchel_stage_new (store, 100000, &error);
        for (guint at = 0; at < 100000; at += piece)
          g_assert_true (satchel_stage_write (stage, large + at, piece, &error));
        g_assert_true (satchel_stage_finish (stage, &error));
        g_assert_cmpint (satchel_attributes_is_parsed (satchel_stage_attributes (stage)), ==, round == 0);
        g_assert_cmpuint (satchel_attributes_size (satchel_stage_attributes (stage)), ==, 100000);
        if (round == 0 && piece == 100000)
          satchel_store_add_suspect (crumb);
      }
}

/* ---- listeners ---- */

static GString *told;

static void
note_event (const SatchelMailboxEvent *event)
{
  g_autofree char *name = satchel_storage_mailbox_name (event->mailbox);
  g_assert_cmpuint (event->operation->ret_modseq, >, 0); /* it has happened */
  g_string_append_printf (told, "%d:%s:%s ", event->kind, event->user, name);
}

static void
test_listeners (void)
{
  static const SatchelMailboxListenerOps ops = { sizeof (SatchelMailboxListenerOps), 1, note_event };
  const SatchelStoreListener listener = { "note", &ops };
  g_autoptr (GError) error = NULL;
  told = g_string_new (NULL);
  g_autoptr (SatchelStore) store = open_stack (NULL, NULL);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  satchel_store_set_listeners (&listener, 1);
  put (store, inbox);
  g_assert_cmpstr (told->str, ==, "1:u@example.org:INBOX ");
  g_string_truncate (told, 0);
  /* Nothing for what changes nothing, nothing for what fails. */
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 77, 77);
  g_autoptr (SatchelTransaction) nothing = satchel_transaction_new (store);
  satchel_transaction_expunge (nothing, inbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (nothing, &error));
  g_autoptr (SatchelMailbox) gone = open_box (store, "gone");
  g_autoptr (SatchelTransaction) failing = append_to (store, gone);
  g_assert_true (satchel_store_delete (store, "gone", &error));
  g_assert_false (satchel_transaction_commit (failing, NULL));
  g_assert_cmpstr (told->str, ==, "");
  satchel_store_set_listeners (NULL, 0);
  g_string_free (told, TRUE);
}

/* A listener hears what the client did, whatever layers made of it. */
static void
told_through (const SatchelStorageOps *layer, gboolean is_move, const char *expected)
{
  static const SatchelMailboxListenerOps ops = { sizeof (SatchelMailboxListenerOps), 1, note_event };
  const SatchelStoreListener listener = { "note", &ops };
  told = g_string_new (NULL);
  g_autoptr (SatchelStore) store = open_stack (layer, NULL);
  g_autoptr (SatchelMailbox) inbox = open_box (store, "INBOX");
  g_autoptr (SatchelMailbox) to = open_box (store, "to");
  put (store, inbox);
  satchel_store_set_listeners (&listener, 1);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, 1, 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  if (is_move)
    satchel_transaction_move (transaction, inbox, &uids, to);
  else
    satchel_transaction_expunge (transaction, inbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  g_assert_cmpstr (told->str, ==, expected);
  satchel_store_set_listeners (NULL, 0);
  g_string_free (told, TRUE);
}

static void
test_listeners_hear_the_client (void)
{
  static const SatchelStorageOps old = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_EXPUNGE, note_plan);
  static const SatchelStorageOps keeper = LAYER (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, keep_expunged);
  told_through (&old, TRUE, "5:u@example.org:INBOX ");
  told_through (&keeper, FALSE, "4:u@example.org:INBOX ");
}

/* ---- the cache ---- */

static SatchelConfigSet *
load_settings (SatchelLoader *loader, const char *idle)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("satchel-store-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *store_idle = g_strdup_printf ("limits.store_idle=\"%s\"", idle);
  const char *const overrides[] = { "storage.driver=\"memory\"", store_idle, NULL };
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  SatchelConfigSet *set = satchel_config_load (dir, dir, overrides, satchel_loader_schema, loader, problems);
  for (guint i = 0; set == NULL && i < problems->len; i++)
    g_test_message ("%s", ((SatchelConfigProblem *) problems->pdata[i])->text);
  g_assert_nonnull (set);
  g_rmdir (dir);
  return set;
}

static SatchelAccess *
access_of (const char *user)
{
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_SESSION,
                                                .user = user,
                                                .owner = user,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

static guint64 acquire_epoch;
static const SatchelPlace shared_place = { .path = "example.org/shared",
                                           .profile = SATCHEL_DEFAULT_PROFILE,
                                           .volume = "" };

static gpointer
acquire_one (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = access_of (data);
  SatchelPlace place = shared_place;
  place.epoch = acquire_epoch;
  SatchelStore *store = satchel_store_acquire (access, &place, &error);
  g_assert_no_error (error);
  return store;
}

static void
note_released (const char *user, guint64 epoch, SatchelLook look, const char *what, gpointer data)
{
  g_assert_cmpuint (epoch, ==, 1);
  g_assert_cmpint (look, ==, SATCHEL_LOOK_FREE);
  g_string_append_printf (data, "%s ", user);
}

static void
test_cache (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_MAIL, NULL);
  g_autoptr (SatchelAccess) early = access_of ("early@example.org"), access = access_of ("a@example.org");
  g_assert_null (satchel_store_acquire (early, &shared_place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_true (satchel_loader_add (loader, satchel_module (), FALSE, &error));
  g_assert_no_error (error);
  g_autoptr (SatchelConfigSet) set = load_settings (loader, "1h");
  g_assert_true (satchel_stores_configure (loader, set, 3, -1, &error));
  g_assert_no_error (error);

  /* Many at once open it once. */
  GThread *threads[8];
  SatchelStore *stores[8];
  g_assert_null (satchel_store_peek (access));
  acquire_epoch = 1;
  for (guint i = 0; i < 8; i++)
    threads[i] = g_thread_new ("acquire", acquire_one, (gpointer) "a@example.org");
  for (guint i = 0; i < 8; i++)
    {
      stores[i] = g_thread_join (threads[i]);
      g_assert_true (stores[i]->core == stores[0]->core); /* a handle each, of the one that is open */
    }
  g_assert_cmpuint (satchel_stores_n_open (), ==, 1);
  g_autofree char *trash = satchel_store_find_special_use (stores[0], SATCHEL_USE_TRASH, &error);
  g_assert_cmpstr (trash, ==, "Trash"); /* made at opening */
  for (guint i = 1; i < 8; i++)
    satchel_store_unref (stores[i]);

  /* RELEASE waits for those who hold it as of this epoch, and nobody new gets it. */
  g_autoptr (GString) released = g_string_new (NULL);
  SatchelPlace place = shared_place;
  place.epoch = 1;
  satchel_store_release ("a@example.org", &place, NULL, note_released, released);
  satchel_store_release ("never@example.org", &place, NULL, note_released, released);
  loop_until (released->len > 0);
  g_assert_cmpstr (released->str, ==, "never@example.org ");
  g_assert_null (satchel_store_acquire (access, &shared_place, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_string_truncate (released, 0);
  satchel_store_unref (stores[0]);
  loop_until (released->len > 0);
  g_assert_cmpstr (released->str, ==, "a@example.org ");
  g_assert_cmpuint (satchel_stores_n_open (), ==, 0);
  satchel_store_adopt ("a@example.org", 2);
  g_assert_null (
      satchel_store_acquire (access, &place, &error)); /* whoever comes with the old epoch comes too late */
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  acquire_epoch = 2;
  satchel_store_unref (acquire_one ((gpointer) "a@example.org"));
  g_assert_cmpuint (satchel_stores_n_open (), ==, 1); /* stays a while */
  satchel_stores_close ();
  g_assert_cmpuint (satchel_stores_n_open (), ==, 0);

  /* store_idle = 0: gone with the last who holds it. */
  g_autoptr (SatchelConfigSet) hasty = load_settings (loader, "0s");
  g_assert_true (satchel_stores_configure (loader, hasty, 3, -1, NULL));
  satchel_store_unref (acquire_one ((gpointer) "b@example.org"));
  loop_until (satchel_stores_n_open () == 0);
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
  g_test_add_func ("/store/links", test_links);
  g_test_add_func ("/store/silent-failures", test_silent_failures);
  g_test_add_func ("/store/commit/merged", test_merged_commits);
  g_test_add_func ("/store/commit/planned-between", test_planned_between);
  g_test_add_func ("/store/attributes", test_attributes);
  g_test_add_func ("/store/suspect-content", test_suspect_content);
  g_test_add_func ("/store/listeners", test_listeners);
  g_test_add_func ("/store/listeners/client", test_listeners_hear_the_client);
  g_test_add_func ("/store/cache", test_cache);
  return g_test_run ();
}
