/* SPDX-License-Identifier: MIT
 * Implements a plan: its steps, its effects in memory, and undoing them.
 */
#include "config.h"

#include "names/file_name.h"
#include "commit/journal.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"
#include "index/planned.h"
#include "commit/transaction_plan.h"
#include "foreign/unique_ids.h"
#include "store/user_file.h"

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
  plan->names = g_string_chunk_new (512); /* malloc has blocks of up to 1 KiB at hand */
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
  g_clear_pointer (&plan->staged, g_ptr_array_unref);
  g_clear_pointer (&plan->keyword_uses, g_array_unref);
  g_clear_pointer (&plan->imports, g_ptr_array_unref);
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
  MdEffect effect = { .mb = mb, .uid = uid, .kind = kind, .modseq = plan->op_modseq };
  g_array_append_val (plan->effects, effect);
  return md_plan_last_effect (plan);
}

MdEffect *
md_plan_last_effect (MdPlan *plan)
{
  return &g_array_index (plan->effects, MdEffect, plan->effects->len - 1);
}

GPtrArray *
md_plan_all_mailboxes (MdPlan *const *plans, guint n)
{
  GPtrArray *all = g_ptr_array_new ();
  for (guint p = 0; p < n; p++)
    for (guint i = 0; i < plans[p]->mailboxes->len; i++)
      if (!g_ptr_array_find (all, plans[p]->mailboxes->pdata[i], NULL))
        g_ptr_array_add (all, plans[p]->mailboxes->pdata[i]);
  return all;
}

/* Drops dead entries from the end of the table, which is in the order of UIDs, before their UIDs are given
 * again. */
static void
forget_entries (MdTable *table, guint32 first)
{
  for (guint n = table->entries->len; n > 0; n--)
    {
      const MdEntry *entry = &g_array_index (table->entries, MdEntry, n - 1);
      if (entry->uid < first || (entry->bits & MD_ENTRY_DEAD) == 0)
        return;
      table->garbage += entry->name_len + 1u;
      table->n_dead--;
      g_array_set_size (table->entries, n - 1);
    }
}

/* It is called when all effects are undone. Lines that were written to the UID list stay; they name files
 * that do not exist and are passed over. */
static void
undo_imports (MdPlan *plan)
{
  for (guint i = 0; plan->imports != NULL && i < plan->imports->len; i++)
    {
      const MdImport *import = plan->imports->pdata[i];
      MdMailbox *mb = import->mb;
      mb->uidnext = import->uidnext;
      g_clear_pointer (&mb->told_ids, g_hash_table_unref);
      g_mutex_lock (&mb->store->table);
      forget_entries (&mb->table, mb->uidnext);
      MdUniqueIds *ids = g_steal_pointer (&mb->unique_ids);
      g_mutex_unlock (&mb->store->table);
      md_unique_ids_drop (ids);
    }
}

/* The message comes all the same: its file could not be put back, or the journal has it done later. */
static void
keep_planned (const MdEffect *effect)
{
  MdMailbox *mb = effect->mb;
  SatchelMessageRow row;
  const MdEntry *entry = md_table_find (&mb->table, effect->uid);
  GHashTable *metadata = md_metadata_of (mb, effect->uid);
  if (entry == NULL || (!effect->is_beyond_name && !effect->is_import && metadata == NULL)
      || !md_find_row (mb->snapshot, effect->uid, &row))
    return;
  MdPlanned *planned = md_planned_add (mb, md_table_name (&mb->table, entry), entry->base_len, &row);
  GHashTableIter iter;
  gpointer key, value;
  if (metadata == NULL)
    return;
  g_hash_table_iter_init (&iter, metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    md_planned_set_metadata (planned, key, value);
}

/* Brings the entry of one message back to what it was before @effect.  The caller holds the lock of the
 * table. */
static void
undo_effect (const MdEffect *effect)
{
  MdTable *table = &effect->mb->table;
  MdEntry *entry;
  switch (effect->kind)
    {
    case MD_EFFECT_ADD:
      md_metadata_drop (effect->mb, effect->uid);
      if ((entry = md_table_find (table, effect->uid)) == NULL)
        break;
      entry->bits |= MD_ENTRY_DEAD;
      table->n_dead++;
      break;
    case MD_EFFECT_RENAME:
    case MD_EFFECT_EXCHANGE:
      if ((entry = md_table_find (table, effect->uid)) != NULL)
        *entry = effect->before;
      break;
    case MD_EFFECT_REMOVE:
      if ((entry = md_table_find_even_dead (table, effect->uid)) == NULL)
        break;
      *entry = effect->before;
      table->n_dead--;
      break;
    case MD_EFFECT_TOUCH:
      break;
    }
}

void
md_plan_undo (MdPlan *plan)
{
  GMutex *lock = &plan->store->table;
  g_mutex_lock (lock);
  /* The last effect is undone first, since each has kept the entry as it found it. */
  for (guint i = plan->effects->len; i > 0; i--)
    {
      const MdEffect *effect = &g_array_index (plan->effects, MdEffect, i - 1);
      if (effect->kind == MD_EFFECT_ADD && (plan->stays_done || plan->store->journal.is_half_done))
        keep_planned (effect);
      undo_effect (effect);
    }
  g_mutex_unlock (lock);
  undo_imports (plan);
  for (guint i = 0; i < plan->mailboxes->len; i++)
    md_mailbox_take_snapshot (plan->mailboxes->pdata[i], satchel_snapshot_ref (plan->before->pdata[i]));
}

gboolean
md_plan_take_uid (MdMailbox *mb, guint32 *ret, GError **error)
{
  if (!md_mailbox_reserve_uids (mb, mb->uidnext + 1, error))
    return FALSE;
  *ret = mb->uidnext++; /* a UID is not given back when the transaction fails, unless it imports */
  return TRUE;
}

gboolean
md_plan_take_modseq (MdPlan *plan, GError **error)
{
  if (plan->modseq == 0 && !md_user_next_modseq (plan->store, &plan->modseq, error))
    return FALSE;
  plan->op_modseq = plan->modseq;
  return TRUE;
}
