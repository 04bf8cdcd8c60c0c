/* SPDX-License-Identifier: MIT
 * This file executes COPY, and the first half of MOVE: new messages that share contents.
 */
#include "config.h"

#include "commit/operation.h"

/* Keywords by name, as bits of another mailbox; those there is no room for are left out. */
static void
map_keywords (const SatchelSnapshot *from, const SatchelKeywordSet *bits, SatchelSnapshotBuilder *builder,
              SatchelKeywordSet *ret_bits)
{
  SatchelKeywordSet mapped = { { 0 } };
  for (int k = satchel_keyword_set_next (bits, 0); k >= 0; k = satchel_keyword_set_next (bits, (guint) k + 1))
    {
      char *const name[] = { from->keywords[k], NULL };
      SatchelKeywordSet bit = { { 0 } };
      bdb_keyword_bits (builder, name, TRUE, &bit, NULL);
      satchel_keyword_set_unite (&mapped, &bit);
    }
  *ret_bits = mapped;
}

static void
make_copy (const BdbRun *run, const SatchelOperation *operation, const SatchelSnapshot *from,
           SatchelSnapshotBuilder *builder, SatchelMessageRow *message)
{
  SatchelKeywordSet added,
      kept = operation->clear_keywords ? (SatchelKeywordSet) { { 0 } } : message->keywords;
  message->flags = (message->flags & ~operation->clear_flags) | operation->flags;
  message->modseq = run->modseq;
  message->save_date = run->now;
  map_keywords (from, &kept, builder, &message->keywords);
  bdb_keyword_bits (builder, operation->keywords, TRUE, &added, NULL);
  satchel_keyword_set_unite (&message->keywords, &added);
}

/* Writes the copy's row and metadata; @message has its new UID. */
static gboolean
save_copy (BdbRun *run, const SatchelOperation *operation, BdbDraft *source, guint32 from,
           BdbDraft *destination, const SatchelMessageRow *message, GError **error)
{
  const BdbRow *found = bdb_draft_row (run, source, from, FALSE, error);
  if (found == NULL)
    return FALSE;
  BdbRow old = *found; /* the next call may move it */
  BdbRow *row = bdb_draft_new_row (run, destination, message->uid, error);
  if (row == NULL)
    return FALSE;
  *row = old;
  row->flags = message->flags;
  row->modseq = message->modseq;
  row->save_date = message->save_date;
  row->keywords = message->keywords;
  if (operation->kind == SATCHEL_OPERATION_COPY)
    g_array_append_val (run->references.more, old.content);
  return ((old.flags & BDB_ROW_HAS_METADATA) == 0
          || bdb_copy_metadata (run, source, from, destination, message->uid, row, error))
         && bdb_save_metadata (run, destination, message->uid, row, operation, error);
}

gboolean
bdb_run_copy (BdbRun *run, SatchelOperation *operation, GError **error)
{
  BdbDraft *source = bdb_draft_of (run, operation->mailbox->driver);
  BdbDraft *destination = bdb_draft_of (run, operation->destination->driver);
  g_autoptr (SatchelSnapshot) from = satchel_snapshot_ref (source->snapshot);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (destination->snapshot);
  g_autoptr (GArray) indexes = bdb_find_indexes (from, &operation->uids);
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
      make_copy (run, operation, from, builder, &message);
      message.uid = destination->state.uidnext++;
      if (!save_copy (run, operation, source, old_uid, destination, &message, error))
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
  return TRUE;
}
