/* SPDX-License-Identifier: MIT
 * Has what operations on messages share: they find the messages that they name, add one, and remove one.
 */
#include "config.h"

#include "names/file_name.h"
#include "commit/journal.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "index/name_table.h"
#include "commit/transaction_plan.h"

#include <string.h>

SatchelSnapshotBuilder *
md_plan_builder_for (MdPlan *plan, MdMailbox *mb)
{
  md_plan_touch (plan, mb);
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (mb->snapshot);
  satchel_snapshot_builder_set_keywords (builder, mb->keywords.names, mb->keywords.n);
  return builder;
}

void
md_plan_finish_builder (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder)
{
  SatchelMailboxState state;
  guint64 modseq = mb->snapshot->state.highestmodseq;
  md_mailbox_state (mb, plan->op_changes ? MAX (plan->op_modseq, modseq) : modseq, &state);
  md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (builder, &state));
}

/* Says whether a message belongs into cur/: one whose flags the name can hold does; one without any stays in
 * new/ as if just delivered. */
gboolean
md_plan_needs_cur (const MdMailbox *mb, const SatchelMessageRow *row)
{
  return (row->flags & SATCHEL_FLAGS_ALL) != 0 || md_keywords_to_letters (&mb->keywords, &row->keywords) != 0;
}

/* Says whether @one and @two differ in what names of files cannot hold. */
gboolean
md_plan_differ_beyond_names (const MdMailbox *mb, const SatchelMessageRow *one, const SatchelMessageRow *two)
{
  if (((one->flags ^ two->flags) & ~(guint32) SATCHEL_FLAGS_ALL) != 0)
    return TRUE;
  if (satchel_keyword_set_equal (&one->keywords, &two->keywords))
    return FALSE;
  SatchelKeywordSet lettered = md_keywords_lettered (&mb->keywords), first = one->keywords,
                    second = two->keywords;
  satchel_keyword_set_subtract (&first, &lettered);
  satchel_keyword_set_subtract (&second, &lettered);
  return !satchel_keyword_set_equal (&first, &second);
}

void
md_plan_add_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder, SatchelMessageRow *row,
                     GString *name, GBytes *attributes, MdStep *step)
{
  MdName parsed;
  guint base_len = (guint) name->len;
  gboolean in_cur = md_plan_needs_cur (mb, row);
  if (in_cur)
    md_name_append_flags (name, row->flags, md_keywords_to_letters (&mb->keywords, &row->keywords), NULL);
  step->to_fd = in_cur ? mb->cur_fd : mb->new_fd;
  step->to_dir = in_cur ? mb->cur_path : mb->new_path;
  step->to = md_plan_name (plan, name->str);
  md_name_parse (name->str, base_len, &parsed);
  satchel_snapshot_builder_append (builder, row);
  plan->op_changes = TRUE;
  g_mutex_lock (&plan->store->table);
  md_table_add (&mb->table, row->uid, MD_ENTRY_OURS | (in_cur ? 0 : MD_ENTRY_NEW), name->str, base_len);
  g_mutex_unlock (&plan->store->table);
  MdEffect *effect = md_plan_add_effect (plan, mb, row->uid, MD_EFFECT_ADD);
  effect->is_beyond_name = md_plan_differ_beyond_names (mb, row, &(SatchelMessageRow) { 0 });
  effect->attributes = attributes != NULL ? g_bytes_ref (attributes) : NULL;
}

/* Calls @func for each message of the set that is there. */
gboolean
md_plan_each_message (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder, MdRowFunc func,
                      gpointer data, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  g_autoptr (SatchelSnapshot) snapshot = satchel_snapshot_ref (mb->snapshot);
  for (guint r = 0; r < op->uids.n_ranges; r++)
    {
      guint32 index;
      satchel_snapshot_find (snapshot, op->uids.ranges[r].first, &index);
      for (; index < snapshot->state.n_messages; index++)
        {
          guint at;
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
          if (chunk->uid[at] > op->uids.ranges[r].last)
            break;
          SatchelMessageRow row;
          satchel_chunk_get_row (chunk, at, &row);
          if (!func (plan, op, builder, index, &row, data, error))
            return FALSE;
        }
    }
  return TRUE;
}

MdEntry *
md_plan_entry_of (MdMailbox *mb, guint32 uid, GError **error)
{
  MdEntry *entry = md_table_find (&mb->table, uid);
  if (entry == NULL)
    satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "mailbox %s: a message has no file", mb->name);
  return entry;
}

void
md_plan_step_from_entry (MdPlan *plan, MdStep *step, const MdMailbox *mb, const MdEntry *entry)
{
  gboolean is_new = (entry->bits & MD_ENTRY_NEW) != 0;
  step->from_fd = is_new ? mb->new_fd : mb->cur_fd;
  step->from_dir = is_new ? mb->new_path : mb->cur_path;
  step->from = md_plan_name (plan, md_table_name (&mb->table, entry));
}

gboolean
md_plan_drop_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder, guint32 index,
                      guint32 uid, GError **error)
{
  MdEntry *entry = md_plan_entry_of (mb, uid, error);
  if (entry == NULL)
    return FALSE;
  md_plan_add_effect (plan, mb, uid, MD_EFFECT_REMOVE)->before = *entry;
  g_mutex_lock (&plan->store->table);
  entry->bits |= MD_ENTRY_DEAD;
  mb->table.n_dead++;
  g_mutex_unlock (&plan->store->table);
  satchel_snapshot_builder_remove (builder, index);
  plan->op_changes = TRUE;
  return TRUE;
}
