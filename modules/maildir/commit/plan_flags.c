/* SPDX-License-Identifier: MIT
 * Implements flags and keywords of messages, and EXPUNGE.
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

static gboolean
rename_message (MdPlan *plan, MdMailbox *mb, const SatchelMessageRow *row, GError **error)
{
  MdEntry *entry = md_plan_entry_of (mb, row->uid, error);
  if (entry == NULL)
    return FALSE;
  const char *old = md_table_name (&mb->table, entry);
  gboolean was_new = (entry->bits & MD_ENTRY_NEW) != 0;
  if (was_new && !md_plan_needs_cur (mb, row))
    {
      md_plan_add_effect (plan, mb, row->uid, MD_EFFECT_TOUCH);
      return TRUE;
    }
  GString *unknown = g_string_truncate (plan->unknown, 0), *name = g_string_truncate (plan->new_name, 0);
  g_string_append_len (name, old, entry->base_len);
  md_name_unknown (old, entry->name_len, md_keywords_letters (&mb->keywords), unknown);
  md_name_append_flags (name, row->flags, md_keywords_to_letters (&mb->keywords, &row->keywords),
                        unknown->str);
  if (!was_new && strcmp (name->str, old) == 0)
    {
      md_plan_add_effect (plan, mb, row->uid, MD_EFFECT_TOUCH);
      return TRUE;
    }
  if (name->len > MD_NAME_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "a file name of another program leaves no room for flags");
  MdStep *step = md_plan_step (plan, MD_STEP_RENAME);
  md_plan_step_from_entry (plan, step, mb, entry);
  step->to_fd = mb->cur_fd;
  step->to_dir = mb->cur_path;
  step->to = md_plan_name (plan, name->str);
  md_plan_add_effect (plan, mb, row->uid, MD_EFFECT_RENAME)->before = *entry;
  g_mutex_lock (&plan->store->table);
  md_table_rename (&mb->table, entry, entry->bits & ~MD_ENTRY_NEW, name->str, entry->base_len);
  g_mutex_unlock (&plan->store->table);
  return TRUE;
}

/* Applies the operation to the flags of a row. Flags and keywords that it may not touch stay as they are, and
 * so do those of Satchel itself. */
static void
change_row (const SatchelOperation *op, const SatchelKeywordSet *keywords, SatchelMessageRow *row)
{
  const guint32 private_flags = ~(guint32) SATCHEL_FLAGS_ALL;
  const SatchelMessageRow before = *row;
  switch (op->mode)
    {
    case SATCHEL_FLAGS_REPLACE:
      row->flags = op->flags | (row->flags & private_flags);
      row->keywords = *keywords;
      break;
    case SATCHEL_FLAGS_ADD:
      row->flags |= op->flags;
      satchel_keyword_set_unite (&row->keywords, keywords);
      break;
    case SATCHEL_FLAGS_REMOVE:
      row->flags &= ~op->flags;
      satchel_keyword_set_subtract (&row->keywords, keywords);
      break;
    }
  row->flags = (row->flags & ~op->kept_flags) | (before.flags & op->kept_flags);
  if (op->keeps_keywords)
    row->keywords = before.keywords;
}

static gboolean
has_same_flags (const SatchelMessageRow *a, const SatchelMessageRow *b)
{
  return a->flags == b->flags && satchel_keyword_set_equal (&a->keywords, &b->keywords);
}

static gboolean
change_message_flags (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder, guint32 index,
                      SatchelMessageRow *row, gpointer data, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  const SatchelMessageRow before = *row;
  const gboolean is_import = op->modseq != 0;
  if (op->unchanged_since != G_MAXUINT64 && row->modseq > op->unchanged_since)
    {
      satchel_uid_set_add (&op->ret_failed, row->uid, row->uid);
      return TRUE;
    }
  change_row (op, data, row);
  satchel_uid_set_add (&op->ret_source, row->uid, row->uid);
  if (!is_import && has_same_flags (row, &before))
    return TRUE;
  if (!is_import && !md_plan_take_modseq (plan, error))
    return FALSE;
  row->modseq = plan->op_modseq;
  satchel_snapshot_builder_set (builder, index, row);
  plan->op_changes = TRUE;
  if (!rename_message (plan, mb, row, error))
    return FALSE;
  md_plan_last_effect (plan)->is_beyond_name = is_import || md_plan_differ_beyond_names (mb, row, &before);
  return TRUE;
}

gboolean
md_plan_flags (MdPlan *plan, SatchelOperation *op, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  SatchelKeywordSet keywords;
  if (!md_plan_keyword_bits (plan, mb, op->keywords,
                             op->mode != SATCHEL_FLAGS_REMOVE ? MD_KEYWORDS_ALL : MD_KEYWORDS_KNOWN,
                             &keywords, error))
    return FALSE;
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, mb);
  gboolean ok = md_plan_each_message (plan, op, builder, change_message_flags, &keywords, error);
  md_plan_finish_builder (plan, mb, builder);
  return ok;
}

static gboolean
expunge_message (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder, guint32 index,
                 SatchelMessageRow *row, gpointer data, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  if (op->only_deleted && (row->flags & SATCHEL_FLAG_DELETED) == 0)
    return TRUE;
  MdEntry *entry = md_plan_entry_of (mb, row->uid, error);
  if (entry == NULL)
    return FALSE;
  md_plan_step_from_entry (plan, md_plan_step (plan, MD_STEP_UNLINK), mb, entry);
  satchel_uid_set_add (&op->ret_source, row->uid, row->uid);
  return md_plan_drop_message (plan, mb, builder, index, row->uid, error);
}

gboolean
md_plan_expunge (MdPlan *plan, SatchelOperation *op, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, mb);
  gboolean ok = md_plan_each_message (plan, op, builder, expunge_message, NULL, error);
  md_plan_finish_builder (plan, mb, builder);
  return ok;
}
