/* SPDX-License-Identifier: MIT
 * What operations have besides their kinds, and levels that do not know it: refused, never told as done. What
 * a MOVE is composed of keeps it.  Over the driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/module.h>
#include <string.h>

static SatchelStore *store;
static SatchelMailbox *inbox, *to;

/* ---- levels ---- */

static GString *seen;
static SatchelMailbox *keeps_in; /* see keep_removed */

static gboolean
layer_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static gboolean
note_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      const SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      g_string_append_printf (seen, "kind=%d deleted=%d flags=%u clear=%u %d keywords=%u metadata=%u; ",
                              operation->kind, operation->only_deleted, operation->flags,
                              operation->clear_flags, operation->clear_keywords,
                              operation->keywords != NULL ? g_strv_length (operation->keywords) : 0,
                              operation->metadata != NULL ? operation->metadata->len : 0);
    }
  return TRUE;
}

static void
note_committed (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error)
{
}

/* As a layer that keeps what is removed. */
static gboolean
keep_removed (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      g_autoptr (GBytes) why = g_bytes_new_static ("expunged", 8);
      if (operation->kind != SATCHEL_OPERATION_EXPUNGE)
        continue;
      operation->kind = SATCHEL_OPERATION_MOVE;
      operation->destination = satchel_storage_mailbox_ref (&keeps_in->core->handle);
      operation->clear_flags = SATCHEL_FLAG_DELETED;
      operation->flags = SATCHEL_FLAG_SEEN;
      satchel_operation_set_metadata (operation, "why", why);
    }
  return TRUE;
}

static SatchelStorageOps
layer_of (guint classes, guint newest, guint fields)
{
  return (SatchelStorageOps) { .size = sizeof (SatchelStorageOps),
                               .band = 1,
                               .classes = classes,
                               .newest_operation = newest,
                               .fields = fields,
                               .open = layer_open };
}

static const SatchelStorageOps *
memory_ops (void)
{
  return satchel_module ()->provides[0].ops;
}

/* ---- a store with three messages, of which the second is \Deleted ---- */

static SatchelStage *
stage_text (void)
{
  g_autoptr (GError) error = NULL;
  SatchelStage *stage = satchel_stage_new (store, 0, &error);
  g_assert_true (satchel_stage_write (stage, "x", 1, &error) && satchel_stage_finish (stage, &error));
  return stage;
}

/* @layer, @driver: or NULL. */
static void
set_up (const SatchelStorageOps *layer, const SatchelStorageOps *driver)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/operations%u", ++n);
  SatchelStoreLevel levels[2], *level = levels;
  if (layer != NULL)
    *level++ = (SatchelStoreLevel) { "layer", layer, NULL };
  *level++ = (SatchelStoreLevel) { "memory", driver != NULL ? driver : memory_ops (), NULL };
  SatchelStoreOpenOptions options = { .user = "u@example.org",
                                      .path = path,
                                      .root_fd = -1,
                                      .levels = levels,
                                      .n_levels = (guint) (level - levels) };
  seen = g_string_new (NULL);
  store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  g_assert_true (satchel_store_create (store, "to", 0, &error));
  inbox = satchel_store_open_mailbox (store, "INBOX", &error);
  to = satchel_store_open_mailbox (store, "to", &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
      satchel_transaction_append (transaction, inbox, stage_text (), i == 1 ? SATCHEL_FLAG_DELETED : 0, NULL,
                                  1);
      g_assert_true (satchel_transaction_commit (transaction, &error));
    }
  g_string_truncate (seen, 0);
}

static void
take_down (void)
{
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&to, satchel_mailbox_unref);
  g_clear_pointer (&store, satchel_store_unref);
  g_string_free (g_steal_pointer (&seen), TRUE);
}

static guint32
count (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.n_messages;
}

static SatchelOperation *
add_operation (SatchelTransaction *transaction, SatchelOperationKind kind)
{
  g_auto (SatchelUidSet) all = { NULL, 0 };
  satchel_uid_set_add (&all, 1, G_MAXUINT32);
  switch (kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return satchel_transaction_append (transaction, inbox, stage_text (), 0, NULL, 1);
    case SATCHEL_OPERATION_COPY:
      return satchel_transaction_copy (transaction, inbox, &all, to);
    case SATCHEL_OPERATION_MOVE:
      return satchel_transaction_move (transaction, inbox, &all, to);
    case SATCHEL_OPERATION_FLAGS:
      return satchel_transaction_flags (transaction, inbox, &all, SATCHEL_FLAGS_ADD, 0, NULL, G_MAXUINT64);
    case SATCHEL_OPERATION_EXPUNGE:
      return satchel_transaction_expunge (transaction, inbox, &all, FALSE);
    }
  g_assert_not_reached ();
}

/* ---- each of them ---- */

static void
set_only_deleted (SatchelOperation *operation)
{
  operation->only_deleted = TRUE;
}

static void
set_flags (SatchelOperation *operation)
{
  operation->flags = SATCHEL_FLAG_SEEN;
}

static void
set_keywords (SatchelOperation *operation)
{
  static const char *const names[] = { "kept", NULL };
  operation->keywords = g_strdupv ((char **) names);
}

static void
clear_flags (SatchelOperation *operation)
{
  operation->clear_flags = SATCHEL_FLAG_DELETED;
}

static void
set_metadata (SatchelOperation *operation)
{
  g_autoptr (GBytes) value = g_bytes_new_static ("v", 1);
  satchel_operation_set_metadata (operation, "k", value);
}

static void
set_uid (SatchelOperation *operation)
{
  operation->uid = 50;
}

static void
set_modseq (SatchelOperation *operation)
{
  operation->modseq = 50;
}

static void
forget_save_date (SatchelOperation *operation)
{
  operation->save_date = SATCHEL_DATE_UNKNOWN;
}

static void
set_email_id (SatchelOperation *operation)
{
  operation->email_id[15] = 1;
}

static void
set_unique_id (SatchelOperation *operation)
{
  operation->unique_id = g_strdup ("u");
}

#define BIT(kind) (1u << SATCHEL_OPERATION_##kind)
static void
keep_flags (SatchelOperation *operation)
{
  operation->kept_flags = SATCHEL_FLAG_SEEN;
}

static void
keep_keywords (SatchelOperation *operation)
{
  operation->keeps_keywords = TRUE;
}

static const struct Case
{
  void (*set) (SatchelOperation *operation);
  guint bit;
  guint first, later; /* kinds */
} cases[] = {
  { set_only_deleted, SATCHEL_FIELD_ONLY_DELETED, BIT (EXPUNGE), BIT (COPY) | BIT (MOVE) },
  { set_flags, SATCHEL_FIELD_COPY_FLAGS, BIT (APPEND) | BIT (FLAGS), BIT (COPY) | BIT (MOVE) },
  { set_keywords, SATCHEL_FIELD_COPY_FLAGS, BIT (APPEND) | BIT (FLAGS), BIT (COPY) | BIT (MOVE) },
  { clear_flags, SATCHEL_FIELD_COPY_FLAGS, 0, BIT (COPY) | BIT (MOVE) },
  { set_metadata, SATCHEL_FIELD_METADATA, 0, BIT (APPEND) | BIT (COPY) | BIT (MOVE) },
  { keep_flags, SATCHEL_FIELD_KEPT_FLAGS, 0, BIT (FLAGS) },
  { keep_keywords, SATCHEL_FIELD_KEPT_FLAGS, 0, BIT (FLAGS) },
  { set_uid, SATCHEL_FIELD_IMPORT, 0, BIT (APPEND) },
  { set_modseq, SATCHEL_FIELD_IMPORT | SATCHEL_FIELD_IMPORT_CHANGES, 0,
    BIT (APPEND) | BIT (FLAGS) | BIT (EXPUNGE) },
  { forget_save_date, SATCHEL_FIELD_IMPORT_CHANGES, 0, BIT (APPEND) },
  { set_email_id, SATCHEL_FIELD_IMPORT, 0, BIT (APPEND) },
  { set_unique_id, SATCHEL_FIELD_IMPORT, 0, BIT (APPEND) },
};

/* Is the operation with it carried out?  If not, then nothing is, and CANNOT says whose fault it is. */
static gboolean
is_done (const struct Case *with, SatchelOperationKind kind, const SatchelStorageOps *layer,
         const SatchelStorageOps *driver, const char *who)
{
  g_autoptr (GError) error = NULL;
  set_up (layer, driver);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  with->set (add_operation (transaction, kind));
  gboolean ok = satchel_transaction_commit (transaction, &error);
  if (!ok)
    {
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
      g_assert_nonnull (strstr (error->message, who));
      g_assert_cmpuint (count (inbox), ==, 3);
      g_assert_cmpuint (count (to), ==, 0);
    }
  g_clear_pointer (&transaction, satchel_transaction_free);
  take_down ();
  return ok;
}

/* Each kind with each of them: what a kind never has is refused, what came later needs the driver's word. */
static void
test_driver (void)
{
  SatchelStorageOps old = *memory_ops (), knows_one = *memory_ops ();
  old.fields = 0;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint kind = SATCHEL_OPERATION_APPEND; kind <= SATCHEL_OPERATION_MOVE; kind++)
      {
        const struct Case *one = &cases[i];
        gboolean is_first = (one->first & 1u << kind) != 0, is_later = (one->later & 1u << kind) != 0;
        const char *who = is_later ? "module memory is too old" : "an operation";
        knows_one.fields = SATCHEL_FIELDS_ALL & ~one->bit;
        g_assert_cmpint (is_done (one, kind, NULL, NULL, who), ==, is_first || is_later);
        g_assert_cmpint (is_done (one, kind, NULL, &old, who), ==, is_first);
        g_assert_cmpint (is_done (one, kind, NULL, &knows_one, who), ==, is_first);
      }
}

/* A layer that looks at operations must know what they have; one that does not, or that is not concerned,
 * need not. */
static void
test_layer (void)
{
  const guint all_classes =
      SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_FLAGS;
  SatchelStorageOps blind = layer_of (all_classes, SATCHEL_OPERATION_MOVE, 0),
                    unconcerned = layer_of (SATCHEL_CLASS_LIST, SATCHEL_OPERATION_MOVE, 0);
  SatchelStorageOps plans = blind, is_told = blind,
                    knows = layer_of (all_classes, SATCHEL_OPERATION_MOVE, SATCHEL_FIELDS_ALL);
  plans.plan = unconcerned.plan = knows.plan = note_plan;
  is_told.committed = note_committed;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SatchelOperationKind kind = SATCHEL_OPERATION_APPEND;
      while ((cases[i].later & 1u << kind) == 0)
        kind++;
      g_assert_false (is_done (&cases[i], kind, &plans, NULL, "module layer is too old"));
      g_assert_false (is_done (&cases[i], kind, &is_told, NULL, "module layer is too old"));
      g_assert_true (is_done (&cases[i], kind, &blind, NULL, ""));
      g_assert_true (is_done (&cases[i], kind, &unconcerned, NULL, ""));
      g_assert_true (is_done (&cases[i], kind, &knows, NULL, ""));
    }
}

/* ---- composing ---- */

static void
set_all (SatchelOperation *operation)
{
  set_only_deleted (operation);
  set_flags (operation);
  set_keywords (operation);
  clear_flags (operation);
  operation->clear_keywords = TRUE;
  set_metadata (operation);
}

/* A layer or a driver from before MOVE gets all of it in COPY, and removes only what was copied. */
static void
test_composed (void)
{
  SatchelStorageOps layer = layer_of (SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_CONTENT_OUT,
                                      SATCHEL_OPERATION_EXPUNGE, SATCHEL_FIELDS_ALL),
                    driver = *memory_ops ();
  layer.plan = note_plan;
  driver.newest_operation = SATCHEL_OPERATION_EXPUNGE;
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      set_up (i == 0 ? &layer : NULL, i == 0 ? NULL : &driver);
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
      SatchelOperation *move = add_operation (transaction, SATCHEL_OPERATION_MOVE);
      set_all (move);
      g_assert_true (satchel_transaction_commit (transaction, &error));
      if (i == 0)
        g_assert_cmpstr (seen->str, ==,
                         "kind=2 deleted=1 flags=1 clear=8 1 keywords=1 metadata=1; kind=4 deleted=1 flags=0 "
                         "clear=0 0 keywords=0 metadata=0; ");
      g_assert_cmpuint (count (inbox), ==, 2);
      g_assert_cmpuint (count (to), ==, 1);
      g_assert_cmpuint (move->ret_uids->len, ==, 1);
      g_assert_true (satchel_uid_set_contains (&move->ret_source, 2));
      g_autoptr (SatchelSnapshot) arrived = satchel_mailbox_snapshot (to);
      g_assert_cmpuint (arrived->chunks[0]->flags[0], ==, SATCHEL_FLAG_SEEN);
      g_assert_true (satchel_chunk_has_keyword (arrived->chunks[0], 0, 0));
      g_clear_pointer (&transaction, satchel_transaction_free);
      take_down ();
    }
}

/* What MOVE is composed of is refused where COPY would be. */
static void
test_composed_refused (void)
{
  SatchelStorageOps driver = *memory_ops ();
  driver.newest_operation = SATCHEL_OPERATION_EXPUNGE;
  driver.fields = SATCHEL_FIELD_COPY_FLAGS;
  static const struct Case all = { set_all, 0, 0, 0 };
  g_assert_false (is_done (&all, SATCHEL_OPERATION_MOVE, NULL, &driver,
                           "module memory is too old for the operation COPY"));
}

/* COPY and EXPUNGE of all there is must not remove the copies. */
static void
test_composed_to_itself (void)
{
  SatchelStorageOps driver = *memory_ops ();
  driver.newest_operation = SATCHEL_OPERATION_EXPUNGE;
  g_autoptr (GError) error = NULL;
  g_auto (SatchelUidSet) all = { NULL, 0 };
  satchel_uid_set_add (&all, 1, G_MAXUINT32);
  set_up (NULL, &driver);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  SatchelOperation *move = satchel_transaction_move (transaction, inbox, &all, inbox);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_assert_cmpuint (count (inbox), ==, 3);
  g_assert_cmpuint (g_array_index (move->ret_uids, guint32, 2), ==, 6);
  g_clear_pointer (&transaction, satchel_transaction_free);
  take_down ();
}

/* A removal that a layer turns into a MOVE: the message arrives with what the layer says of it. */
static void
test_kept (void)
{
  SatchelStorageOps keeper = layer_of (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, SATCHEL_FIELDS_ALL);
  keeper.plan = keep_removed;
  g_autoptr (GError) error = NULL;
  g_auto (SatchelUidSet) all = { NULL, 0 };
  satchel_uid_set_add (&all, 1, 99);
  set_up (&keeper, NULL);
  keeps_in = to;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_expunge (transaction, inbox, &all, TRUE);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_assert_cmpuint (count (inbox), ==, 2);
  g_autoptr (SatchelSnapshot) kept = satchel_mailbox_snapshot (to);
  g_assert_cmpuint (kept->state.n_messages, ==, 1);
  g_assert_cmpuint (kept->chunks[0]->flags[0], ==, SATCHEL_FLAG_SEEN);
  g_autoptr (GBytes) why = NULL;
  g_assert_true (
      satchel_storage_get_metadata (SATCHEL_STACK (store), &to->core->handle, 1, "why", &why, &error));
  g_assert_cmpuint (g_bytes_get_size (why), ==, 8);
  g_clear_pointer (&transaction, satchel_transaction_free);
  take_down ();
}

/* ---- a race ---- */

static gpointer
undelete (gpointer data)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_auto (SatchelUidSet) two = { NULL, 0 };
  satchel_uid_set_add (&two, 2, 2);
  satchel_transaction_flags (transaction, inbox, &two, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_DELETED, NULL,
                             G_MAXUINT64);
  return GINT_TO_POINTER (satchel_transaction_commit (transaction, NULL));
}

static gpointer
move_deleted (gpointer data)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  set_only_deleted (add_operation (transaction, SATCHEL_OPERATION_MOVE));
  return GINT_TO_POINTER (satchel_transaction_commit (transaction, NULL));
}

static void
wait_for_queue (guint n)
{
  guint length = 0;
  while (length != n)
    {
      g_mutex_lock (&store->core->queue_lock);
      length = store->core->queue.length;
      g_mutex_unlock (&store->core->queue_lock);
      g_thread_yield ();
    }
}

/* Both wait for one round: what is un-deleted before it stays where it is, whether a layer plans the MOVE or
 * not. */
static void
test_undeleted_meanwhile (void)
{
  SatchelStorageOps layer = layer_of (SATCHEL_CLASS_REMOVE, SATCHEL_OPERATION_MOVE, SATCHEL_FIELDS_ALL);
  layer.plan = note_plan;
  for (guint i = 0; i < 2; i++)
    {
      set_up (i == 0 ? NULL : &layer, NULL);
      satchel_store_begin_write (store->core);
      GThread *first = g_thread_new ("undelete", undelete, NULL);
      wait_for_queue (1);
      GThread *second = g_thread_new ("move", move_deleted, NULL);
      wait_for_queue (2);
      satchel_store_end_write (store->core);
      g_assert_true (GPOINTER_TO_INT (g_thread_join (first)) && GPOINTER_TO_INT (g_thread_join (second)));
      g_assert_cmpuint (count (inbox), ==, 3);
      g_assert_cmpuint (count (to), ==, 0);
      take_down ();
    }
}

/* ---- methods that came later ---- */

static gboolean
pass_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
             GError **error)
{
  return satchel_storage_create (storage, access, name, special_use, error);
}

static gboolean
import_box (GError **error)
{
  SatchelMailboxImport import = {
    .size = sizeof import, .mailbox_id = { 1 }, .uidvalidity = 1, .uidnext = 1, .highestmodseq = 1
  };
  return satchel_store_import_mailbox (store, "box", &import, error);
}

/* What a layer does to names is not slipped past by an import; a driver without it says so. */
static void
test_import (void)
{
  SatchelStorageOps guards = layer_of (SATCHEL_CLASS_LIST, SATCHEL_OPERATION_MOVE, 0), passes = guards,
                    lacks_import = *memory_ops ();
  guards.create = pass_create;
  lacks_import.import_mailbox = NULL;
  const struct
  {
    const SatchelStorageOps *layer, *driver;
    gboolean is_possible;
  } stacks[] = {
    { NULL, NULL, TRUE }, { &passes, NULL, TRUE }, { &guards, NULL, FALSE }, { NULL, &lacks_import, FALSE }
  };
  for (guint i = 0; i < G_N_ELEMENTS (stacks); i++)
    {
      g_autoptr (GError) error = NULL;
      set_up (stacks[i].layer, stacks[i].driver);
      g_assert_cmpint (import_box (&error), ==, stacks[i].is_possible);
      if (!stacks[i].is_possible)
        g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
      take_down ();
    }
}

static void
never_called (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  g_assert_not_reached ();
}

static void
test_export (void)
{
  SatchelStorageOps lacks_export = *memory_ops ();
  g_autoptr (GError) no_metadata = NULL, no_tombstones = NULL;
  g_autoptr (GArray) tombstones = g_array_new (FALSE, FALSE, sizeof (SatchelTombstone));
  guint32 uid = 1;
  guint64 history = 77;
  lacks_export.list_metadata = NULL;
  lacks_export.tombstones = NULL;
  set_up (NULL, &lacks_export);
  g_assert_false (satchel_mailbox_list_metadata (inbox, &uid, 1, never_called, NULL, &no_metadata));
  g_assert_error (no_metadata, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  g_assert_false (satchel_mailbox_tombstones (inbox, tombstones, &history, &no_tombstones));
  g_assert_error (no_tombstones, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT);
  g_assert_cmpuint (history, ==, 77);
  take_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/operations/fields/driver", test_driver);
  g_test_add_func ("/operations/fields/layer", test_layer);
  g_test_add_func ("/operations/composed", test_composed);
  g_test_add_func ("/operations/composed/refused", test_composed_refused);
  g_test_add_func ("/operations/composed/to-itself", test_composed_to_itself);
  g_test_add_func ("/operations/kept", test_kept);
  g_test_add_func ("/operations/undeleted-meanwhile", test_undeleted_meanwhile);
  g_test_add_func ("/operations/import", test_import);
  g_test_add_func ("/operations/export", test_export);
  return g_test_run ();
}
