/* SPDX-License-Identifier: MIT
 * This file executes FLAGS.
 */
#include "config.h"

#include "commit/operation.h"

static void
change_message (SatchelMessageRow *message, const SatchelOperation *operation, const SatchelKeywordSet *bits)
{
  const SatchelMessageRow old = *message;
  switch (operation->mode)
    {
    case SATCHEL_FLAGS_REPLACE:
      message->flags = operation->flags | (old.flags & ~(guint32) SATCHEL_FLAGS_ALL);
      message->keywords = *bits;
      break;
    case SATCHEL_FLAGS_ADD:
      message->flags |= operation->flags;
      satchel_keyword_set_unite (&message->keywords, bits);
      break;
    case SATCHEL_FLAGS_REMOVE:
      message->flags &= ~operation->flags;
      satchel_keyword_set_subtract (&message->keywords, bits);
      break;
    }
  message->flags = (message->flags & ~operation->kept_flags) | (old.flags & operation->kept_flags);
  if (operation->keeps_keywords)
    message->keywords = old.keywords;
}

static gboolean
save_message (BdbRun *run, BdbDraft *draft, const SatchelMessageRow *message, GError **error)
{
  BdbRow *row = bdb_draft_row (run, draft, message->uid, TRUE, error);
  if (row == NULL)
    return FALSE;
  row->flags = message->flags | (row->flags & BDB_ROW_PRIVATE);
  row->modseq = message->modseq;
  row->keywords = message->keywords;
  return TRUE;
}

gboolean
bdb_run_flags (BdbRun *run, SatchelOperation *operation, GError **error)
{
  BdbDraft *draft = bdb_draft_of (run, operation->mailbox->driver);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (draft->snapshot);
  g_autoptr (GArray) indexes = bdb_find_indexes (draft->snapshot, &operation->uids);
  const guint64 modseq = operation->modseq != 0 ? operation->modseq : run->modseq;
  SatchelKeywordSet bits = { { 0 } };
  if (indexes->len > 0 && !bdb_keyword_bits (builder, operation->keywords, NULL, &bits, error))
    return FALSE;
  for (guint i = 0; i < indexes->len; i++)
    {
      guint32 index = g_array_index (indexes, guint32, i);
      SatchelMessageRow message, old;
      satchel_snapshot_builder_get (builder, index, &old);
      if (old.modseq > operation->unchanged_since)
        {
          satchel_uid_set_add (&operation->ret_failed, old.uid, old.uid);
          continue;
        }
      message = old;
      change_message (&message, operation, &bits);
      satchel_uid_set_add (&operation->ret_source, old.uid, old.uid);
      if (operation->modseq == 0 && message.flags == old.flags
          && satchel_keyword_set_equal (&message.keywords, &old.keywords))
        continue;
      message.modseq = modseq;
      if (!save_message (run, draft, &message, error))
        return FALSE;
      satchel_snapshot_builder_set (builder, index, &message);
      bdb_draft_touch (draft, modseq);
      operation->ret_modseq = modseq;
    }
  bdb_draft_advance (draft, g_steal_pointer (&builder));
  return TRUE;
}
