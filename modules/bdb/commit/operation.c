/* SPDX-License-Identifier: MIT
 * This file executes operations: EXPUNGE and MOVE here, the others in files of their own.
 */
#include "config.h"

#include "commit/operation.h"

/* Removes the messages of a span.  @contents: gets the numbers of their contents; or NULL. */
static gboolean
remove_span (BdbRun *run, BdbDraft *draft, SatchelSnapshotBuilder *builder, const BdbSpan *span,
             GArray *contents, GError **error)
{
  const guint32 first = span->chunk->uid[span->row];
  for (guint i = 0; i < span->n; i++)
    {
      guint64 content;
      if (!bdb_draft_remove_row (run, draft, first + i, &content, error))
        return FALSE;
      if (contents != NULL)
        g_array_append_val (contents, content);
      satchel_snapshot_builder_remove (builder, span->index + i);
    }
  satchel_uid_set_add (&draft->removed, first, first + span->n - 1);
  return TRUE;
}

/* Removes messages.  @moves says that other messages have their contents now, which therefore stay. */
static gboolean
remove_messages (BdbRun *run, SatchelOperation *operation, const SatchelUidSet *uids, gboolean moves,
                 GError **error)
{
  BdbDraft *draft = bdb_draft_of (run, operation->mailbox->driver);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (draft->snapshot);
  g_autoptr (GArray) spans = bdb_find_spans (draft->snapshot, uids, !moves && operation->only_deleted);
  for (guint i = 0; i < spans->len; i++)
    {
      const BdbSpan *span = &g_array_index (spans, BdbSpan, i);
      const guint32 first = span->chunk->uid[span->row];
      if (!remove_span (run, draft, builder, span, moves ? NULL : run->references.less, error))
        return FALSE;
      if (!moves)
        satchel_uid_set_add (&operation->ret_source, first, first + span->n - 1);
    }
  if (spans->len > 0)
    {
      const guint64 modseq = operation->modseq != 0 ? operation->modseq : run->modseq;
      draft->removed_modseq = MAX (draft->removed_modseq, modseq);
      bdb_draft_touch (draft, modseq);
      operation->ret_modseq = modseq;
    }
  bdb_draft_advance (draft, g_steal_pointer (&builder));
  return TRUE;
}

static gboolean
run_move (BdbRun *run, SatchelOperation *operation, GError **error)
{
  if (!bdb_run_copy (run, operation, error))
    return FALSE;
  g_auto (SatchelUidSet) copied = { NULL, 0 };
  satchel_uid_set_copy (&operation->ret_source, &copied);
  return remove_messages (run, operation, &copied, TRUE, error);
}

gboolean
bdb_run_operation (BdbRun *run, SatchelOperation *operation, GError **error)
{
  switch (operation->kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return bdb_run_append (run, operation, error);
    case SATCHEL_OPERATION_COPY:
      return bdb_run_copy (run, operation, error);
    case SATCHEL_OPERATION_FLAGS:
      return bdb_run_flags (run, operation, error);
    case SATCHEL_OPERATION_EXPUNGE:
      return remove_messages (run, operation, &operation->uids, FALSE, error);
    case SATCHEL_OPERATION_MOVE:
      return run_move (run, operation, error);
    }
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "there is no operation of kind %d", operation->kind);
}
