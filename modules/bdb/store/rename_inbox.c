/* SPDX-License-Identifier: MIT
 * This file renames INBOX: its messages move to a new mailbox, and INBOX stays (RFC 3501 6.3.5).
 */
#include "config.h"

#include "commit/operation.h"
#include "driver.h"
#include "message/metadata.h"

typedef struct Emptying
{
  BdbStore *store;
  BdbBox *inbox, *box; /* `box`: the new one */
  SatchelSnapshot *before, *nothing;
  const char *to;
  BdbRun run;
  gboolean is_run;
} Emptying;

static gboolean
move_row (Emptying *emptying, const SatchelMessageRow *message, guint32 from, GError **error)
{
  BdbRun *run = &emptying->run;
  BdbDraft *source = run->drafts->pdata[0], *destination = run->drafts->pdata[1];
  const BdbRow *found = bdb_draft_row (run, source, from, FALSE, error);
  if (found == NULL)
    return FALSE;
  BdbRow old = *found;
  BdbRow *row = bdb_draft_new_row (run, destination, message->uid, error);
  if (row == NULL)
    return FALSE;
  *row = old;
  row->flags = message->flags;
  row->modseq = message->modseq;
  bdb_draft_set_keywords (destination, message->uid, &message->keywords);
  return (!bdb_row_has_metadata (old.flags)
          || bdb_copy_metadata (run, source, from, old.flags, destination, message->uid, row, NULL, error))
         && bdb_draft_remove_row (run, source, from, &old.content, error);
}

static gboolean
move_rows (Emptying *emptying, SatchelSnapshotBuilder *filled, SatchelSnapshotBuilder *emptied,
           GError **error)
{
  BdbRun *run = &emptying->run;
  BdbDraft *source = run->drafts->pdata[0], *destination = run->drafts->pdata[1];
  for (guint32 i = 0; i < emptying->before->state.n_messages; i++)
    {
      SatchelMessageRow message;
      satchel_snapshot_builder_get (emptied, i, &message);
      guint32 from = message.uid;
      message.uid = destination->state.uidnext++;
      message.modseq = run->modseq;
      if (!move_row (emptying, &message, from, error))
        return FALSE;
      satchel_uid_set_add (&source->removed, from, from);
      satchel_snapshot_builder_append (filled, &message);
      satchel_snapshot_builder_remove (emptied, i);
    }
  return TRUE;
}

static gboolean
fill_drafts (Emptying *emptying, GError **error)
{
  BdbRun *run = &emptying->run;
  BdbDraft *source = bdb_draft_add (run, emptying->inbox, emptying->before, emptying->inbox->n_tombstones);
  BdbDraft *destination = bdb_draft_add (run, emptying->box, emptying->nothing, 0);
  g_autoptr (SatchelSnapshotBuilder) filled = satchel_snapshot_builder_new (emptying->nothing);
  g_autoptr (SatchelSnapshotBuilder) emptied = satchel_snapshot_builder_new (emptying->before);
  satchel_snapshot_builder_set_keywords (filled, emptying->before->keywords, emptying->before->n_keywords);
  if (!move_rows (emptying, filled, emptied, error))
    return FALSE;
  bdb_draft_touch (source, run->modseq);
  bdb_draft_touch (destination, run->modseq);
  bdb_draft_advance (source, g_steal_pointer (&emptied));
  bdb_draft_advance (destination, g_steal_pointer (&filled));
  return TRUE;
}

static gboolean
save_emptying (BdbWrite *write, gpointer data, GError **error)
{
  Emptying *emptying = data;
  if (emptying->is_run)
    bdb_run_clear (&emptying->run);
  bdb_run_init (&emptying->run, emptying->store);
  emptying->is_run = TRUE;
  emptying->run.write = write;
  emptying->run.modseq = emptying->store->counters.modseq + 1;
  return fill_drafts (emptying, error) && bdb_run_save (&emptying->run, error)
         && bdb_store_save_name (emptying->store, write, emptying->to, emptying->box, error)
         && bdb_store_save_counters (emptying->store, write, error);
}

static void
take_drafts (Emptying *emptying)
{
  BdbStore *store = emptying->store;
  const BdbDraft *source = emptying->run.drafts->pdata[0], *destination = emptying->run.drafts->pdata[1];
  store->counters.modseq = emptying->run.modseq;
  bdb_box_take (store, emptying->box, satchel_snapshot_ref (destination->snapshot), 0);
  bdb_box_take (store, emptying->inbox, satchel_snapshot_ref (source->snapshot), source->n_tombstones);
  g_mutex_lock (&store->lock);
  g_hash_table_insert (store->boxes, g_strdup (emptying->to), bdb_box_ref (emptying->box));
  g_mutex_unlock (&store->lock);
}

gboolean
bdb_rename_inbox (SatchelStorage *storage, const char *to, GError **error)
{
  BdbStore *store = storage->self;
  Emptying emptying = { .store = store, .to = to, .inbox = g_hash_table_lookup (store->boxes, "INBOX") };
  if (emptying.inbox == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "user number %u has no INBOX", store->user);
  emptying.before = bdb_box_load_snapshot (store, emptying.inbox, error);
  if (emptying.before == NULL)
    return FALSE;
  emptying.box = bdb_box_make (store);
  emptying.nothing =
      satchel_snapshot_builder_finish (satchel_snapshot_builder_new (NULL), &emptying.box->state);
  gboolean ok = bdb_write (store->volume, BDB_DURABLE, save_emptying, &emptying, error);
  if (ok)
    take_drafts (&emptying);
  if (emptying.is_run)
    bdb_run_clear (&emptying.run);
  satchel_snapshot_unref (emptying.before);
  satchel_snapshot_unref (emptying.nothing);
  bdb_box_unref (emptying.box);
  return ok;
}
