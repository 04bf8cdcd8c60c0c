/* SPDX-License-Identifier: MIT
 * This file executes COPY, and the first half of MOVE: new messages that share contents.
 */
#include "config.h"

#include "commit/operation.h"
#include "message/metadata.h"

/* Maps keywords by name to bits of another mailbox.  Those that there is no room for are left out. */
static void
map_keywords (const SatchelSnapshot *from, const SatchelKeywordSet *bits, SatchelSnapshotBuilder *builder,
              guint *ref_n_without, SatchelKeywordSet *ret_bits)
{
  SatchelKeywordSet mapped = { { 0 } };
  for (int k = satchel_keyword_set_next (bits, 0); k >= 0; k = satchel_keyword_set_next (bits, (guint) k + 1))
    {
      char *const name[] = { from->keywords[k], NULL };
      SatchelKeywordSet bit = { { 0 } };
      bdb_keyword_bits (builder, name, ref_n_without, &bit, NULL);
      satchel_keyword_set_unite (&mapped, &bit);
    }
  *ret_bits = mapped;
}

static void
make_copy (const BdbRun *run, const SatchelOperation *operation, const SatchelSnapshot *from,
           SatchelSnapshotBuilder *builder, BdbDraft *destination, SatchelMessageRow *message)
{
  SatchelKeywordSet added = { { 0 } },
                    kept = operation->clear_keywords ? (SatchelKeywordSet) { { 0 } } : message->keywords;
  message->flags = (message->flags & ~operation->clear_flags) | operation->flags;
  message->modseq = run->modseq;
  message->save_date = run->now;
  map_keywords (from, &kept, builder, &destination->n_without, &message->keywords);
  bdb_keyword_bits (builder, operation->keywords, &destination->n_without, &added, NULL);
  satchel_keyword_set_unite (&message->keywords, &added);
}

/* Writes the copy's row, and the metadata of the original; @message has its new UID. */
static gboolean
save_copy (BdbRun *run, const SatchelOperation *operation, gboolean makes_group, BdbDraft *source,
           guint32 from, BdbDraft *destination, const SatchelMessageRow *message, GError **error)
{
  const BdbRow *found = bdb_draft_row (run, source, from, FALSE, error);
  if (found == NULL)
    return FALSE;
  BdbRow old = *found; /* a copy, since the next call may move the row */
  BdbRow *row = bdb_draft_new_row (run, destination, message->uid, error);
  if (row == NULL)
    return FALSE;
  *row = old;
  row->flags = message->flags | (makes_group ? BDB_ROW_IN_GROUP : 0u);
  row->modseq = message->modseq;
  row->save_date = message->save_date;
  row->keywords = message->keywords;
  if (operation->kind == SATCHEL_OPERATION_COPY)
    g_array_append_val (run->references.more, old.content);
  return !bdb_row_has_metadata (old.flags)
         || bdb_copy_metadata (run, source, from, old.flags, destination, message->uid, row,
                               operation->metadata, error);
}

/* Says whether the operation gives metadata to the copies, which makes a group of them. */
static gboolean
gives_metadata (const SatchelOperation *operation)
{
  for (guint i = 0; operation->metadata != NULL && i < operation->metadata->len; i++)
    if (((const SatchelMetadata *) operation->metadata->pdata[i])->value != NULL)
      return TRUE;
  return FALSE;
}

gboolean
bdb_run_copy (BdbRun *run, SatchelOperation *operation, GError **error)
{
  BdbDraft *source = bdb_draft_of (run, operation->mailbox->driver);
  BdbDraft *destination = bdb_draft_of (run, operation->destination->driver);
  g_autoptr (SatchelSnapshot) from = satchel_snapshot_ref (source->snapshot);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (destination->snapshot);
  g_autoptr (GArray) indexes = bdb_find_indexes (from, &operation->uids);
  const gboolean makes_group = gives_metadata (operation);
  const guint32 first = destination->state.uidnext;
  operation->ret_uidvalidity = destination->state.uidvalidity;
  operation->ret_uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; i < indexes->len; i++)
    {
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (from, g_array_index (indexes, guint32, i), &at);
      SatchelMessageRow message;
      satchel_chunk_get_row (chunk, at, &message);
      if (operation->only_deleted && (message.flags & SATCHEL_FLAG_DELETED) == 0)
        continue;
      guint32 old_uid = message.uid;
      if (destination->state.uidnext == G_MAXUINT32)
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the mailbox has no UID left");
      make_copy (run, operation, from, builder, destination, &message);
      message.uid = destination->state.uidnext++;
      if (!save_copy (run, operation, makes_group, source, old_uid, destination, &message, error))
        return FALSE;
      satchel_snapshot_builder_append (builder, &message);
      satchel_uid_set_add (&operation->ret_source, old_uid, old_uid);
      g_array_append_val (operation->ret_uids, message.uid);
    }
  if (operation->ret_uids->len > 0)
    {
      bdb_draft_touch (destination, run->modseq);
      operation->ret_modseq = run->modseq;
    }
  bdb_draft_advance (destination, g_steal_pointer (&builder));
  return !makes_group || operation->ret_uids->len == 0
         || bdb_group_save (run->store, run->write, destination->box, first, destination->state.uidnext - 1,
                            operation->metadata, error);
}
