/* SPDX-License-Identifier: MIT
 * Driver `memory`: transactions.  Each is tried on drafts of the mailboxes that it touches; the drafts
 * replace them when all of its operations worked.
 */
#include "memory.h"

#include <string.h>

/* A mailbox as the transaction leaves it. */
typedef struct Draft
{
  MemoryBox *box;
  SatchelSnapshot *snapshot; /* with the operations so far */
  SatchelMailboxState state; /* likewise */
  GHashTable *added;         /* uid -> MemoryMessage */
  GArray *removed;           /* MemoryTombstone */
  gboolean is_changed;
} Draft;

typedef struct Run
{
  MemoryUser *user;
  GPtrArray *drafts;
  guint64 modseq; /* of this transaction, if it changes anything: above all that it imports */
  gint64 now;
} Run;

static void
draft_free (gpointer data)
{
  Draft *draft = data;
  satchel_snapshot_unref (draft->snapshot);
  g_hash_table_unref (draft->added);
  g_array_unref (draft->removed);
  g_free (draft);
}

static Draft *
draft_of (Run *run, SatchelStorageMailbox *mailbox)
{
  MemoryBox *box = mailbox->driver;
  for (guint i = 0; i < run->drafts->len; i++)
    if (((Draft *) run->drafts->pdata[i])->box == box)
      return run->drafts->pdata[i];
  Draft *draft = g_new0 (Draft, 1);
  draft->box = box;
  draft->snapshot = satchel_snapshot_ref (box->snapshot);
  draft->state = box->snapshot->state;
  draft->added = g_hash_table_new_full (NULL, NULL, NULL, memory_message_unref);
  draft->removed = g_array_new (FALSE, FALSE, sizeof (MemoryTombstone));
  g_ptr_array_add (run->drafts, draft);
  return draft;
}

static MemoryMessage *
draft_message (Draft *draft, guint32 uid)
{
  MemoryMessage *message = g_hash_table_lookup (draft->added, GUINT_TO_POINTER (uid));
  return message != NULL ? message : g_hash_table_lookup (draft->box->messages, GUINT_TO_POINTER (uid));
}

static void
draft_advance (Draft *draft, SatchelSnapshotBuilder *builder)
{
  SatchelSnapshot *next = satchel_snapshot_builder_finish (builder, &draft->state);
  satchel_snapshot_unref (draft->snapshot);
  draft->snapshot = next;
}

static void
draft_touch (Draft *draft, Run *run, SatchelOperation *operation)
{
  guint64 modseq = operation->modseq != 0 ? operation->modseq : run->modseq;
  draft->is_changed = TRUE;
  draft->state.highestmodseq = MAX (draft->state.highestmodseq, modseq);
  operation->ret_modseq = modseq;
}

/* Indexes in the draft of those of @uids that are there. */
static GArray *
find_rows (const SatchelSnapshot *snapshot, const SatchelUidSet *uids)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; i < uids->n_ranges; i++)
    {
      guint32 index;
      guint at;
      satchel_snapshot_find (snapshot, uids->ranges[i].first, &index);
      for (; index < snapshot->state.n_messages; index++)
        {
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
          if (chunk->uid[at] > uids->ranges[i].last)
            break;
          g_array_append_val (rows, index);
        }
    }
  return rows;
}

static gboolean
keyword_bits (SatchelSnapshotBuilder *builder, char *const *keywords, gboolean may_drop,
              SatchelKeywordSet *ret_bits, GError **error)
{
  SatchelKeywordSet bits = { { 0 } };
  for (; keywords != NULL && *keywords != NULL; keywords++)
    {
      int bit = satchel_snapshot_builder_keyword (builder, *keywords);
      if (bit < 0 && may_drop) /* a message is not refused for its keywords */
        continue;
      if (bit < 0)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "no room for another keyword");
      satchel_keyword_set_add (&bits, (guint) bit);
    }
  *ret_bits = bits;
  return TRUE;
}

static gboolean
is_told (const Draft *draft, GHashTable *messages, const char *id)
{
  GHashTableIter iter;
  gpointer uid, message;
  g_hash_table_iter_init (&iter, messages);
  while (g_hash_table_iter_next (&iter, &uid, &message))
    {
      g_autofree char *told = memory_unique_id (draft->box, GPOINTER_TO_UINT (uid), message);
      if (g_strcmp0 (told, id) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_ids (const Draft *draft, const SatchelOperation *operation, GError **error)
{
  if (operation->uid != 0 && (operation->uid < draft->state.uidnext || operation->uid == G_MAXUINT32))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "the UID is below UIDNEXT, or the last one there could be");
  if (operation->unique_id != NULL
      && (is_told (draft, draft->box->messages, operation->unique_id)
          || is_told (draft, draft->added, operation->unique_id)))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "another message has the unique id");
  return TRUE;
}

static void
set_metadata (MemoryMessage *message, const SatchelOperation *operation)
{
  for (guint i = 0; operation->metadata != NULL && i < operation->metadata->len; i++)
    {
      const SatchelMetadata *item = operation->metadata->pdata[i];
      if (item->value != NULL)
        g_hash_table_insert (message->metadata, g_strdup (item->key), g_bytes_ref (item->value));
      else
        g_hash_table_remove (message->metadata, item->key);
    }
}

static MemoryMessage *
new_message (const SatchelOperation *operation)
{
  const SatchelStaged *staged = satchel_stage_staged (operation->stage);
  MemoryMessage *message = memory_message_new (staged->driver);
  message->attributes = staged->attributes != NULL ? g_bytes_ref (staged->attributes) : NULL;
  message->unique_id = g_strdup (operation->unique_id);
  if (satchel_operation_has_email_id (operation))
    memcpy (message->email_id, operation->email_id, sizeof (message->email_id));
  set_metadata (message, operation);
  return message;
}

static gboolean
run_append (Run *run, SatchelOperation *operation, GError **error)
{
  Draft *draft = draft_of (run, operation->mailbox);
  SatchelStaged *staged = satchel_stage_staged (operation->stage);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (draft->snapshot);
  SatchelMessageRow row = {
    .uid = operation->uid != 0 ? operation->uid : draft->state.uidnext,
    .flags = operation->flags,
    .modseq = operation->modseq != 0 ? operation->modseq : run->modseq,
    .size = staged->size,
    .internal_date = operation->internal_date,
    .save_date = operation->save_date == SATCHEL_DATE_UNKNOWN ? 0
                 : operation->save_date != 0                  ? operation->save_date
                                                              : run->now,
  };
  if (!check_ids (draft, operation, error)
      || !keyword_bits (builder, operation->keywords, TRUE, &row.keywords, error))
    return FALSE;
  satchel_snapshot_builder_append (builder, &row);
  draft->state.uidnext = row.uid + 1;
  draft_touch (draft, run, operation);
  draft_advance (draft, g_steal_pointer (&builder));
  g_hash_table_insert (draft->added, GUINT_TO_POINTER (row.uid), new_message (operation));
  operation->ret_uidvalidity = draft->state.uidvalidity;
  operation->ret_uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_val (operation->ret_uids, row.uid);
  return TRUE;
}

/* The keywords of a row, by name, as bits of another mailbox. */
static gboolean
map_keywords (const SatchelSnapshot *from, const SatchelKeywordSet *bits, SatchelSnapshotBuilder *builder,
              SatchelKeywordSet *ret_bits, GError **error)
{
  SatchelKeywordSet mapped = { { 0 } };
  for (int k = satchel_keyword_set_next (bits, 0); k >= 0; k = satchel_keyword_set_next (bits, (guint) k + 1))
    {
      char *const name[] = { from->keywords[k], NULL };
      SatchelKeywordSet bit;
      if (!keyword_bits (builder, name, TRUE, &bit, error))
        return FALSE;
      satchel_keyword_set_unite (&mapped, &bit);
    }
  *ret_bits = mapped;
  return TRUE;
}

/* The copy of a row, with what the operation says besides. */
static gboolean
copy_row (Run *run, const SatchelOperation *operation, const SatchelSnapshot *from,
          const SatchelMessageRow *source, SatchelSnapshotBuilder *builder, SatchelMessageRow *ret_row,
          GError **error)
{
  SatchelKeywordSet added,
      kept = operation->clear_keywords ? (SatchelKeywordSet) { { 0 } } : source->keywords;
  *ret_row = *source;
  ret_row->flags = (source->flags & ~operation->clear_flags) | operation->flags;
  ret_row->modseq = run->modseq;
  ret_row->save_date = run->now;
  if (!map_keywords (from, &kept, builder, &ret_row->keywords, error)
      || !keyword_bits (builder, operation->keywords, TRUE, &added, error))
    return FALSE;
  satchel_keyword_set_unite (&ret_row->keywords, &added);
  return TRUE;
}

static gboolean
run_copy (Run *run, SatchelOperation *operation, GError **error)
{
  Draft *source = draft_of (run, operation->mailbox), *destination = draft_of (run, operation->destination);
  g_autoptr (SatchelSnapshot) from = satchel_snapshot_ref (source->snapshot);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (destination->snapshot);
  g_autoptr (GArray) rows = find_rows (from, &operation->uids);
  operation->ret_uidvalidity = destination->state.uidvalidity;
  operation->ret_uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; i < rows->len; i++)
    {
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (from, g_array_index (rows, guint32, i), &at);
      SatchelMessageRow old, row;
      satchel_chunk_get_row (chunk, at, &old);
      if (operation->only_deleted && (old.flags & SATCHEL_FLAG_DELETED) == 0)
        continue;
      if (!copy_row (run, operation, from, &old, builder, &row, error))
        return FALSE;
      row.uid = destination->state.uidnext++;
      satchel_snapshot_builder_append (builder, &row);
      MemoryMessage *message = memory_message_copy (draft_message (source, old.uid));
      set_metadata (message, operation);
      g_hash_table_insert (destination->added, GUINT_TO_POINTER (row.uid), message);
      satchel_uid_set_add (&operation->ret_source, old.uid, old.uid);
      g_array_append_val (operation->ret_uids, row.uid);
    }
  if (operation->ret_uids->len > 0)
    draft_touch (destination, run, operation);
  draft_advance (destination, g_steal_pointer (&builder));
  return TRUE;
}

static void
remove_rows (Run *run, SatchelOperation *operation, const SatchelUidSet *uids, gboolean only_deleted)
{
  Draft *draft = draft_of (run, operation->mailbox);
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (draft->snapshot);
  g_autoptr (GArray) rows = find_rows (draft->snapshot, uids);
  const guint64 modseq = operation->modseq != 0 ? operation->modseq : run->modseq;
  guint n_removed = 0;
  for (guint i = 0; i < rows->len; i++)
    {
      SatchelMessageRow row;
      satchel_snapshot_builder_get (builder, g_array_index (rows, guint32, i), &row);
      if (only_deleted && (row.flags & SATCHEL_FLAG_DELETED) == 0)
        continue;
      satchel_snapshot_builder_remove (builder, g_array_index (rows, guint32, i));
      g_array_append_val (draft->removed, ((MemoryTombstone) { modseq, row.uid }));
      if (operation->kind == SATCHEL_OPERATION_EXPUNGE)
        satchel_uid_set_add (&operation->ret_source, row.uid, row.uid);
      n_removed++;
    }
  if (n_removed > 0)
    draft_touch (draft, run, operation);
  draft_advance (draft, builder);
}

static gboolean
run_move (Run *run, SatchelOperation *operation, GError **error)
{
  if (!run_copy (run, operation, error))
    return FALSE;
  g_auto (SatchelUidSet) copied = { NULL, 0 };
  satchel_uid_set_copy (&operation->ret_source, &copied);
  remove_rows (run, operation, &copied, FALSE);
  return TRUE;
}

static void
change_row (SatchelMessageRow *row, const SatchelOperation *operation, const SatchelKeywordSet *bits)
{
  guint32 private_flags = row->flags & ~(guint32) SATCHEL_FLAGS_ALL;
  switch (operation->mode)
    {
    case SATCHEL_FLAGS_REPLACE:
      row->flags = operation->flags | private_flags;
      row->keywords = *bits;
      break;
    case SATCHEL_FLAGS_ADD:
      row->flags |= operation->flags;
      satchel_keyword_set_unite (&row->keywords, bits);
      break;
    case SATCHEL_FLAGS_REMOVE:
      row->flags &= ~operation->flags;
      satchel_keyword_set_subtract (&row->keywords, bits);
      break;
    }
}

static gboolean
run_flags (Run *run, SatchelOperation *operation, GError **error)
{
  Draft *draft = draft_of (run, operation->mailbox);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (draft->snapshot);
  g_autoptr (GArray) rows = find_rows (draft->snapshot, &operation->uids);
  SatchelKeywordSet bits = { { 0 } };
  if (rows->len > 0 && !keyword_bits (builder, operation->keywords, FALSE, &bits, error))
    return FALSE;
  for (guint i = 0; i < rows->len; i++)
    {
      guint32 index = g_array_index (rows, guint32, i);
      SatchelMessageRow row, old;
      satchel_snapshot_builder_get (builder, index, &old);
      if (old.modseq > operation->unchanged_since)
        {
          satchel_uid_set_add (&operation->ret_failed, old.uid, old.uid);
          continue;
        }
      row = old;
      change_row (&row, operation, &bits);
      row.flags = (row.flags & ~operation->kept_flags) | (old.flags & operation->kept_flags);
      if (operation->keeps_keywords)
        row.keywords = old.keywords;
      satchel_uid_set_add (&operation->ret_source, old.uid, old.uid);
      if (operation->modseq == 0 && row.flags == old.flags
          && satchel_keyword_set_equal (&row.keywords, &old.keywords))
        continue;
      row.modseq = operation->modseq != 0 ? operation->modseq : run->modseq;
      satchel_snapshot_builder_set (builder, index, &row);
      draft_touch (draft, run, operation);
    }
  draft_advance (draft, g_steal_pointer (&builder));
  return TRUE;
}

static gboolean
run_operation (Run *run, SatchelOperation *operation, GError **error)
{
  switch (operation->kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return run_append (run, operation, error);
    case SATCHEL_OPERATION_COPY:
      return run_copy (run, operation, error);
    case SATCHEL_OPERATION_FLAGS:
      return run_flags (run, operation, error);
    case SATCHEL_OPERATION_EXPUNGE:
      remove_rows (run, operation, &operation->uids, operation->only_deleted);
      return TRUE;
    case SATCHEL_OPERATION_MOVE:
      return run_move (run, operation, error);
    }
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "unknown operation %d", operation->kind);
}

static void
adopt_draft (Draft *draft)
{
  MemoryBox *box = draft->box;
  GHashTableIter iter;
  gpointer uid, message;
  g_hash_table_iter_init (&iter, draft->added);
  while (g_hash_table_iter_next (&iter, &uid, &message))
    g_hash_table_insert (box->messages, uid, memory_message_ref (message));
  for (guint i = 0; i < draft->removed->len; i++)
    {
      const MemoryTombstone *removed = &g_array_index (draft->removed, MemoryTombstone, i);
      g_hash_table_remove (box->messages, GUINT_TO_POINTER (removed->uid));
      memory_box_bury (box, removed->uid, removed->modseq);
    }
  memory_box_publish (box, satchel_snapshot_ref (draft->snapshot));
}

static guint64
next_modseq (const MemoryUser *user, SatchelTransaction *transaction)
{
  guint64 modseq = user->modseq;
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    modseq = MAX (modseq, satchel_transaction_operation (transaction, i)->modseq);
  return modseq + 1;
}

static void
commit_one (MemoryUser *user, SatchelTransaction *transaction, GError **error)
{
  Run run = {
    .user = user,
    .drafts = g_ptr_array_new_with_free_func (draft_free),
    .modseq = next_modseq (user, transaction),
    .now = g_get_real_time () / G_USEC_PER_SEC,
  };
  gboolean ok = TRUE;
  guint n = satchel_transaction_n_operations (transaction);
  for (guint i = 0; ok && i < n; i++)
    ok = run_operation (&run, satchel_transaction_operation (transaction, i), error);
  for (guint i = 0; ok && i < run.drafts->len; i++)
    {
      Draft *draft = run.drafts->pdata[i];
      if (!draft->is_changed)
        continue;
      user->modseq = run.modseq;
      adopt_draft (draft);
    }
  for (guint i = 0; ok && i < n; i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->stage != NULL)
        memory_stage_drop (NULL, NULL,
                           satchel_stage_staged (operation->stage)); /* the message has its own reference */
    }
  g_ptr_array_unref (run.drafts);
}

void
memory_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  MemoryUser *user = storage->self;
  g_mutex_lock (&user->lock);
  for (guint i = 0; i < n; i++)
    commit_one (user, transactions[i], &results[i]);
  g_mutex_unlock (&user->lock);
}
