/* SPDX-License-Identifier: MIT
 * A transaction as steps on the file system and effects on what is in memory.  Planning changes only memory,
 * and md_plan_undo takes that back; steps.c then does the steps.
 */
#include "config.h"

#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void
clear_effect (gpointer data)
{
  MdEffect *effect = data;
  if (effect->attributes != NULL)
    g_bytes_unref (effect->attributes);
}

static void
unref_snapshot (gpointer data)
{
  if (data != NULL)
    satchel_snapshot_unref (data);
}

MdPlan *
md_plan_new (MdStore *store)
{
  MdPlan *plan = g_new0 (MdPlan, 1);
  plan->store = store;
  plan->steps = g_array_new (FALSE, TRUE, sizeof (MdStep));
  plan->effects = g_array_new (FALSE, TRUE, sizeof (MdEffect));
  g_array_set_clear_func (plan->effects, clear_effect);
  plan->mailboxes = g_ptr_array_new ();
  plan->before = g_ptr_array_new_with_free_func (unref_snapshot);
  plan->staged = g_ptr_array_new ();
  plan->keyword_uses = g_array_new (FALSE, TRUE, sizeof (MdKeywordUse));
  plan->imports = g_ptr_array_new_with_free_func (md_import_free);
  plan->names = g_string_chunk_new (1024);
  plan->new_name = g_string_sized_new (MD_NAME_MAX);
  plan->unknown = g_string_sized_new (MD_LETTERS);
  return plan;
}

void
md_plan_free (MdPlan *plan)
{
  g_array_unref (plan->steps);
  g_array_unref (plan->effects);
  g_ptr_array_unref (plan->mailboxes);
  g_ptr_array_unref (plan->before);
  g_ptr_array_unref (plan->staged);
  g_array_unref (plan->keyword_uses);
  g_ptr_array_unref (plan->imports);
  g_string_chunk_free (plan->names);
  g_string_free (plan->new_name, TRUE);
  g_string_free (plan->unknown, TRUE);
  g_free (plan);
}

void
md_plan_touch (MdPlan *plan, MdMailbox *mb)
{
  if (g_ptr_array_find (plan->mailboxes, mb, NULL))
    return;
  g_ptr_array_add (plan->mailboxes, mb);
  g_ptr_array_add (plan->before, satchel_snapshot_ref (mb->snapshot));
}

MdStep *
md_plan_step (MdPlan *plan, MdStepKind kind)
{
  MdStep step = { .kind = kind, .from_fd = -1, .to_fd = -1 };
  g_array_append_val (plan->steps, step);
  return &g_array_index (plan->steps, MdStep, plan->steps->len - 1);
}

const char *
md_plan_name (MdPlan *plan, const char *name)
{
  return g_string_chunk_insert (plan->names, name);
}

MdEffect *
md_plan_add_effect (MdPlan *plan, MdMailbox *mb, guint32 uid, int kind)
{
  MdEffect effect = { .mb = mb, .uid = uid, .kind = kind, .modseq = plan->modseq };
  g_array_append_val (plan->effects, effect);
  return &g_array_index (plan->effects, MdEffect, plan->effects->len - 1);
}

void
md_plan_undo (MdPlan *plan)
{
  GMutex *lock = &plan->store->table;
  g_mutex_lock (lock);
  for (guint i = plan->effects->len; i > 0; i--)
    {
      const MdEffect *effect = &g_array_index (plan->effects, MdEffect, i - 1);
      MdTable *table = &effect->mb->table;
      MdEntry *entries = (MdEntry *) (void *) table->entries->data;
      MdEntry *entry = NULL;
      switch (effect->kind)
        {
        case MD_EFFECT_ADD:
          md_metadata_drop (effect->mb, effect->uid);
          entry = md_table_find (table, effect->uid);
          if (entry != NULL)
            {
              entry->bits |= MD_ENTRY_DEAD;
              table->n_dead++;
            }
          break;
        case MD_EFFECT_RENAME:
          entry = md_table_find (table, effect->uid);
          if (entry != NULL)
            *entry = effect->before;
          break;
        case MD_EFFECT_REMOVE:
          /* It is dead: find does not see it. */
          for (guint low = 0, high = table->entries->len; low < high && entry == NULL;)
            {
              guint middle = low + (high - low) / 2;
              if (entries[middle].uid == effect->uid)
                entry = &entries[middle];
              else if (entries[middle].uid < effect->uid)
                low = middle + 1;
              else
                high = middle;
            }
          if (entry != NULL)
            {
              *entry = effect->before;
              table->n_dead--;
            }
          break;
        case MD_EFFECT_TOUCH:
          break;
        }
    }
  g_mutex_unlock (lock);
  md_plan_undo_imports (plan);
  for (guint i = 0; i < plan->mailboxes->len; i++)
    md_mailbox_take_snapshot (plan->mailboxes->pdata[i], satchel_snapshot_ref (plan->before->pdata[i]));
}

/* ---------------------------------------------------------------- pieces */

static gboolean
take_modseq (MdPlan *plan, GError **error)
{
  if (plan->modseq == 0 && !md_user_next_modseq (plan->store, &plan->modseq, error))
    return FALSE;
  plan->op_modseq = plan->modseq;
  return TRUE;
}

gboolean
md_plan_take_uid (MdMailbox *mb, guint32 *ret, GError **error)
{
  if (!md_mailbox_reserve_uids (mb, mb->uidnext + 1, error))
    return FALSE;
  *ret = mb->uidnext++; /* not given back when the transaction fails, unless it imports */
  return TRUE;
}

static MdKeywordUse *
keyword_use_of (MdPlan *plan, MdMailbox *mb)
{
  for (guint i = 0; i < plan->keyword_uses->len; i++)
    {
      MdKeywordUse *use = &g_array_index (plan->keyword_uses, MdKeywordUse, i);
      if (use->mb == mb)
        return use;
    }
  MdKeywordUse use = { .mb = mb };
  g_array_append_val (plan->keyword_uses, use);
  return &g_array_index (plan->keyword_uses, MdKeywordUse, plan->keyword_uses->len - 1);
}

static void
count_used (MdKeywordUse *use)
{
  if (use->is_counted)
    return;
  use->is_counted = TRUE;
  SatchelKeywordSet used = satchel_snapshot_used_keywords (use->mb->snapshot);
  satchel_keyword_set_unite (&use->used, &used);
  if (use->mb->published == NULL || use->mb->published == use->mb->snapshot)
    return;
  used = satchel_snapshot_used_keywords (use->mb->published);
  satchel_keyword_set_unite (&use->used, &used);
}

/* One that no message has, now or before this commit, and nothing before in this transaction asked for;
 * without a letter if there is such a one; -1: none. */
static int
unused_keyword (MdKeywordUse *use)
{
  const MdKeywords *keywords = &use->mb->keywords;
  int lettered = -1;
  if (use->is_full)
    return -1;
  count_used (use);
  for (guint bit = 0; bit < keywords->n; bit++)
    if (!satchel_keyword_set_has (&use->used, bit) && keywords->letter[bit] < 0)
      return (int) bit;
    else if (!satchel_keyword_set_has (&use->used, bit) && lettered < 0)
      lettered = (int) bit;
  use->is_full = lettered < 0;
  return lettered;
}

/* The bit of a name that is new; where all are taken, that of one which no message has, now or before this
 * commit (one that another transaction of it takes away may come back).  -1: none. */
static int
add_keyword (MdKeywordUse *use, const char *name, gboolean *needs_file)
{
  MdMailbox *mb = use->mb;
  gboolean took_letter = FALSE;
  int bit = md_keywords_add (&mb->keywords, name, &took_letter);
  if (bit < 0)
    {
      bit = unused_keyword (use);
      if (bit < 0)
        return -1;
      took_letter = md_keywords_rename (&mb->keywords, (guint) bit, name);
    }
  *needs_file |= took_letter;
  mb->index.needs_sync |= !took_letter;
  return bit;
}

static gboolean
find_or_add (MdPlan *plan, MdMailbox *mb, char *const *names, MdKeywordsWanted wanted, SatchelKeywordSet *ret,
             gboolean *needs_file, GError **error)
{
  SatchelKeywordSet bits = { { 0 } };
  MdKeywordUse *use = keyword_use_of (plan, mb);
  /* All that are there first, so that none of them makes room for another. */
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      int bit = md_keywords_find (&mb->keywords, names[i]);
      if (bit >= 0)
        satchel_keyword_set_add (&bits, (guint) bit);
    }
  satchel_keyword_set_unite (&use->used, &bits);
  for (; names != NULL && *names != NULL && wanted != MD_KEYWORDS_KNOWN; names++)
    {
      if (md_keywords_find (&mb->keywords, *names) >= 0)
        continue;
      if (!md_keywords_is_valid (*names))
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "keyword cannot be stored");
      int bit = add_keyword (use, *names, needs_file);
      if (bit < 0 && wanted == MD_KEYWORDS_ALL)
        return satchel_error_set (
            error, SATCHEL_ERROR_LIMIT,
            "mailbox %s: its messages have %u keywords (limits.keywords); take one away from them first",
            mb->name, mb->keywords.n);
      if (bit < 0)
        {
          use->n_without++;
          continue;
        }
      satchel_keyword_set_add (&bits, (guint) bit);
      satchel_keyword_set_add (&use->used, (guint) bit);
    }
  *ret = bits;
  return TRUE;
}

void
md_plan_tell_keywords (const MdPlan *plan)
{
  for (guint i = 0; i < plan->keyword_uses->len; i++)
    {
      const MdKeywordUse *use = &g_array_index (plan->keyword_uses, MdKeywordUse, i);
      if (use->n_without > 0)
        satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                     "user=%s mailbox %s: its messages have %u keywords (limits.keywords), new ones come in "
                     "without %u others",
                     plan->store->storage->identity->user, use->mb->name, use->mb->keywords.n,
                     use->n_without);
    }
}

static gboolean
has_all (const MdKeywords *keywords, char *const *names)
{
  for (; names != NULL && *names != NULL; names++)
    if (md_keywords_find (keywords, *names) < 0)
      return FALSE;
  return TRUE;
}

/* Bits of @names in @mb; those it lacks are added, with a letter while there are any, durably before use.
 * Names whose save failed are given up: the next use of one writes again. */
gboolean
md_plan_keyword_bits (MdPlan *plan, MdMailbox *mb, char *const *names, MdKeywordsWanted wanted,
                      SatchelKeywordSet *ret, GError **error)
{
  *ret = (SatchelKeywordSet) { { 0 } };
  if (names == NULL || names[0] == NULL)
    return TRUE;
  gboolean needs_file = wanted != MD_KEYWORDS_KNOWN && mb->keywords.is_unsure;
  if (!needs_file && (wanted == MD_KEYWORDS_KNOWN || has_all (&mb->keywords, names)))
    return find_or_add (plan, mb, names, wanted, ret, &needs_file, error);
  MdKeywords before;
  md_keywords_copy (&mb->keywords, &before);
  gboolean ok = find_or_add (plan, mb, names, wanted, ret, &needs_file, error)
                && (!needs_file || md_keywords_save (&mb->keywords, mb->control_fd, error));
  for (guint bit = 0; ok && bit < mb->keywords.n; bit++)
    if (bit >= before.n || strcmp (mb->keywords.names[bit], before.names[bit]) != 0)
      md_index_keyword (mb, bit);
  if (!ok)
    {
      MdKeywords failed = mb->keywords;
      mb->keywords = before;
      mb->keywords.is_unsure = failed.is_unsure;
      before = failed;
    }
  md_keywords_clear (&before);
  return ok;
}

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

/* What names can hold of these flags goes to cur/; a message without any stays in new/ as a fresh delivery.
 */
static gboolean
needs_cur (const MdMailbox *mb, const SatchelMessageRow *row)
{
  return (row->flags & SATCHEL_FLAGS_ALL) != 0 || md_keywords_to_letters (&mb->keywords, &row->keywords) != 0;
}

/* Do @one and @two differ in what names of files cannot hold? */
static gboolean
differ_beyond_names (const MdMailbox *mb, const SatchelMessageRow *one, const SatchelMessageRow *two)
{
  SatchelKeywordSet lettered = md_keywords_lettered (&mb->keywords), first = one->keywords,
                    second = two->keywords;
  satchel_keyword_set_subtract (&first, &lettered);
  satchel_keyword_set_subtract (&second, &lettered);
  return ((one->flags ^ two->flags) & ~(guint32) SATCHEL_FLAGS_ALL) != 0
         || !satchel_keyword_set_equal (&first, &second);
}

void
md_plan_add_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder, SatchelMessageRow *row,
                     GString *name, GBytes *attributes, MdStep *step)
{
  MdName parsed;
  guint base_len = (guint) name->len;
  gboolean in_cur = needs_cur (mb, row);
  if (in_cur)
    md_name_append_flags (name, row->flags, md_keywords_to_letters (&mb->keywords, &row->keywords), NULL);
  step->to_fd = in_cur ? mb->cur_fd : mb->new_fd;
  step->to_dir = in_cur ? mb->cur_path : mb->new_path;
  step->to = md_plan_name (plan, name->str);
  md_name_parse (name->str, base_len, &parsed);
  mb->index.needs_sync |= differ_beyond_names (mb, row, &(SatchelMessageRow) { 0 });
  satchel_snapshot_builder_append (builder, row);
  plan->op_changes = TRUE;
  g_mutex_lock (&plan->store->table);
  md_table_add (&mb->table, row->uid, MD_ENTRY_OURS | (in_cur ? 0 : MD_ENTRY_NEW), name->str, base_len);
  g_mutex_unlock (&plan->store->table);
  MdEffect *effect = md_plan_add_effect (plan, mb, row->uid, MD_EFFECT_ADD);
  effect->attributes = attributes != NULL ? g_bytes_ref (attributes) : NULL;
}

/* ---------------------------------------------------------------- operations */

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
    satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "mailbox %s: no file for a message", mb->name);
  return entry;
}

static void
step_from_entry (MdPlan *plan, MdStep *step, const MdMailbox *mb, const MdEntry *entry)
{
  gboolean is_new = (entry->bits & MD_ENTRY_NEW) != 0;
  step->from_fd = is_new ? mb->new_fd : mb->cur_fd;
  step->from_dir = is_new ? mb->new_path : mb->cur_path;
  step->from = md_plan_name (plan, md_table_name (&mb->table, entry));
}

static gboolean
rename_for_flags (MdPlan *plan, MdMailbox *mb, const SatchelMessageRow *row, GError **error)
{
  MdEntry *entry = md_plan_entry_of (mb, row->uid, error);
  if (entry == NULL)
    return FALSE;
  const char *old = md_table_name (&mb->table, entry);
  gboolean was_new = (entry->bits & MD_ENTRY_NEW) != 0;
  if (was_new && !needs_cur (mb, row))
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
  step_from_entry (plan, step, mb, entry);
  step->to_fd = mb->cur_fd;
  step->to_dir = mb->cur_path;
  step->to = md_plan_name (plan, name->str);
  md_plan_add_effect (plan, mb, row->uid, MD_EFFECT_RENAME)->before = *entry;
  g_mutex_lock (&plan->store->table);
  md_table_rename (&mb->table, entry, entry->bits & ~MD_ENTRY_NEW, name->str, entry->base_len);
  g_mutex_unlock (&plan->store->table);
  return TRUE;
}

static gboolean
change_flags (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder, guint32 index,
              SatchelMessageRow *row, gpointer data, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  const SatchelKeywordSet *keywords = data;
  const guint32 private_flags = ~(guint32) SATCHEL_FLAGS_ALL;
  if (op->unchanged_since != G_MAXUINT64 && row->modseq > op->unchanged_since)
    {
      satchel_uid_set_add (&op->ret_failed, row->uid, row->uid);
      return TRUE;
    }
  SatchelMessageRow before = *row;
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
  satchel_uid_set_add (&op->ret_source, row->uid, row->uid);
  if (row->flags == before.flags && satchel_keyword_set_equal (&row->keywords, &before.keywords))
    return TRUE;
  if (!take_modseq (plan, error))
    return FALSE;
  row->modseq = plan->modseq;
  mb->index.needs_sync |= differ_beyond_names (mb, row, &before);
  satchel_snapshot_builder_set (builder, index, row);
  plan->op_changes = TRUE;
  return rename_for_flags (plan, mb, row, error);
}

static gboolean
plan_flags (MdPlan *plan, SatchelOperation *op, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  SatchelKeywordSet keywords;
  if (!md_plan_keyword_bits (plan, mb, op->keywords,
                             op->mode != SATCHEL_FLAGS_REMOVE ? MD_KEYWORDS_ALL : MD_KEYWORDS_KNOWN,
                             &keywords, error))
    return FALSE;
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, mb);
  gboolean ok = md_plan_each_message (plan, op, builder, change_flags, &keywords, error);
  md_plan_finish_builder (plan, mb, builder);
  return ok;
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
  step_from_entry (plan, md_plan_step (plan, MD_STEP_UNLINK), mb, entry);
  satchel_uid_set_add (&op->ret_source, row->uid, row->uid);
  return md_plan_drop_message (plan, mb, builder, index, row->uid, error);
}

static gboolean
plan_expunge (MdPlan *plan, SatchelOperation *op, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, mb);
  gboolean ok = md_plan_each_message (plan, op, builder, expunge_message, NULL, error);
  md_plan_finish_builder (plan, mb, builder);
  return ok;
}

static gboolean
plan_kind (MdPlan *plan, SatchelOperation *op, GError **error)
{
  switch (op->kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return md_plan_append (plan, op, error);
    case SATCHEL_OPERATION_FLAGS:
      return plan_flags (plan, op, error);
    case SATCHEL_OPERATION_EXPUNGE:
      return plan_expunge (plan, op, error);
    case SATCHEL_OPERATION_COPY:
    case SATCHEL_OPERATION_MOVE:
      return md_plan_copy (plan, op, error);
    }
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "unknown operation %d", (int) op->kind);
}

gboolean
md_plan_operation (MdPlan *plan, SatchelOperation *op, GError **error)
{
  satchel_uid_set_clear (&op->ret_source);
  satchel_uid_set_clear (&op->ret_failed);
  if (op->ret_uids == NULL)
    op->ret_uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_set_size (op->ret_uids, 0);
  plan->op_changes = FALSE;
  if (op->kind != SATCHEL_OPERATION_FLAGS && !take_modseq (plan, error))
    return FALSE;
  if (op->modseq != 0)
    plan->op_modseq = op->modseq;
  gboolean ok = plan_kind (plan, op, error);
  op->ret_modseq = plan->op_changes ? plan->op_modseq : 0;
  return ok;
}
