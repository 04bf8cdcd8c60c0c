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
  bdb_draft_set_keywords (draft, message->uid, &message->keywords);
  return TRUE;
}

/* Operations FLAGS go through this. */
typedef struct Flagging
{
  BdbRun *run;
  SatchelOperation *operation;
  BdbDraft *draft;
  SatchelSnapshotBuilder *builder;
  guint64 modseq;
  SatchelKeywordSet bits; /* of the operation's keywords */
} Flagging;

static gboolean
flag_message (Flagging *flagging, guint32 index, GError **error)
{
  SatchelOperation *operation = flagging->operation;
  SatchelMessageRow message, old;
  satchel_snapshot_builder_get (flagging->builder, index, &old);
  if (old.modseq > operation->unchanged_since)
    {
      satchel_uid_set_add (&operation->ret_failed, old.uid, old.uid);
      return TRUE;
    }
  message = old;
  change_message (&message, operation, &flagging->bits);
  satchel_uid_set_add (&operation->ret_source, old.uid, old.uid);
  if (operation->modseq == 0 && message.flags == old.flags
      && satchel_keyword_set_equal (&message.keywords, &old.keywords))
    return TRUE;
  message.modseq = flagging->modseq;
  if (!save_message (flagging->run, flagging->draft, &message, error))
    return FALSE;
  satchel_snapshot_builder_set (flagging->builder, index, &message);
  bdb_draft_touch (flagging->draft, flagging->modseq);
  operation->ret_modseq = flagging->modseq;
  return TRUE;
}

gboolean
bdb_run_flags (BdbRun *run, SatchelOperation *operation, GError **error)
{
  BdbDraft *draft = bdb_draft_of (run, operation->mailbox->driver);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (draft->snapshot);
  g_autoptr (GArray) spans = bdb_find_spans (draft->snapshot, &operation->uids, FALSE);
  Flagging flagging = { .run = run,
                        .operation = operation,
                        .draft = draft,
                        .builder = builder,
                        .modseq = operation->modseq != 0 ? operation->modseq : run->modseq };
  if (spans->len > 0 && !bdb_keyword_bits (builder, operation->keywords, NULL, &flagging.bits, error))
    return FALSE;
  for (guint i = 0; i < spans->len; i++)
    {
      const BdbSpan *span = &g_array_index (spans, BdbSpan, i);
      for (guint k = 0; k < span->n; k++)
        if (!flag_message (&flagging, span->index + k, error))
          return FALSE;
    }
  bdb_draft_advance (draft, g_steal_pointer (&builder));
  return TRUE;
}
