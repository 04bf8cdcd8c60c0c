/* SPDX-License-Identifier: MIT
 * Implements drafts of mailboxes: it reads blocks of messages when an operation touches them, and writes
 * those that changed at the end, in the order of their keys.
 */
#include "config.h"

#include "commit/draft.h"
#include "message/history.h"
#include "message/metadata.h"
#include "volume/batch.h"

#define SLAB_BLOCKS 16u

static void
clear_block (gpointer data)
{
  bdb_block_clear (&((BdbDraftBlock *) data)->block);
}

/* Returns a block to be filled, which is zeroed. */
static BdbDraftBlock *
take_block (BdbDraft *draft)
{
  if (draft->n_free == 0)
    {
      draft->n_free = CLAMP (g_hash_table_size (draft->blocks), 1u, SLAB_BLOCKS);
      draft->free = g_new0 (BdbDraftBlock, draft->n_free);
      g_ptr_array_add (draft->slabs, draft->free);
    }
  draft->n_free--;
  return draft->free++;
}

static void
free_draft (gpointer data)
{
  BdbDraft *draft = data;
  satchel_snapshot_unref (draft->snapshot);
  satchel_uid_set_clear (&draft->removed);
  satchel_uid_set_clear (&draft->left);
  bdb_group_clear (&draft->group);
  g_hash_table_unref (draft->blocks);
  g_ptr_array_unref (draft->slabs);
  bdb_box_unref (draft->box);
  g_free (draft);
}

void
bdb_run_init (BdbRun *run, BdbStore *store)
{
  *run = (BdbRun) { .store = store,
                    .drafts = g_ptr_array_new_with_free_func (free_draft),
                    .references = { g_array_new (FALSE, FALSE, sizeof (guint64)),
                                    g_array_new (FALSE, FALSE, sizeof (guint64)) },
                    .buffer = g_byte_array_new (),
                    .now = g_get_real_time () / G_USEC_PER_SEC };
}

void
bdb_run_clear (BdbRun *run)
{
  g_ptr_array_unref (run->drafts);
  g_array_unref (run->references.more);
  g_array_unref (run->references.less);
  g_byte_array_unref (run->buffer);
}

BdbDraft *
bdb_draft_add (BdbRun *run, BdbBox *box, SatchelSnapshot *base, guint32 n_tombstones)
{
  BdbDraft *draft = g_new0 (BdbDraft, 1);
  draft->box = bdb_box_ref (box);
  draft->snapshot = satchel_snapshot_ref (base);
  draft->state = base->state;
  draft->first_new = base->state.uidnext;
  draft->n_tombstones = n_tombstones;
  draft->blocks = g_hash_table_new_full (NULL, NULL, NULL, clear_block);
  draft->slabs = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (run->drafts, draft);
  return draft;
}

BdbDraft *
bdb_draft_of (BdbRun *run, BdbBox *box)
{
  for (guint i = 0; i < run->drafts->len; i++)
    if (((BdbDraft *) run->drafts->pdata[i])->box == box)
      return run->drafts->pdata[i];
  return NULL;
}

void
bdb_draft_advance (BdbDraft *draft, SatchelSnapshotBuilder *builder)
{
  SatchelSnapshot *next = satchel_snapshot_builder_finish (builder, &draft->state);
  satchel_snapshot_unref (draft->snapshot);
  draft->snapshot = next;
}

void
bdb_draft_touch (BdbDraft *draft, guint64 modseq)
{
  draft->is_changed = TRUE;
  draft->state.highestmodseq = MAX (draft->state.highestmodseq, modseq);
}

/* ---- rows ---- */

/* Reads what is stored of a block, if it can have been stored. */
static gboolean
read_block (BdbRun *run, const BdbDraft *draft, guint32 number, BdbDraftBlock *ret_found, GError **error)
{
  BdbKey key;
  BdbBlock *block = &ret_found->block;
  ret_found->is_changed = ret_found->is_stored = FALSE;
  block->number = number;
  block->present = 0;
  if (number > (draft->first_new - 1) / BDB_BLOCK_MESSAGES)
    return TRUE;
  bdb_key_of_block (&key, run->store->user, draft->box->number, number);
  if (!bdb_get (run->store->volume, run->write, BDB_RECORDS, &key, run->buffer, &ret_found->is_stored, error))
    return FALSE;
  return !ret_found->is_stored || bdb_block_read (block, number, run->buffer->data, run->buffer->len)
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "messages of mailbox number %u of user number %u cannot be read",
                               draft->box->number, run->store->user);
}

/* Returns a block that is not the one that was used last. */
static BdbDraftBlock *
find_other_block (BdbRun *run, BdbDraft *draft, guint32 number, GError **error)
{
  BdbDraftBlock *found = g_hash_table_lookup (draft->blocks, GUINT_TO_POINTER (number));
  if (found == NULL)
    {
      found = take_block (draft);
      if (!read_block (run, draft, number, found, error))
        {
          clear_block (found); /* its memory is the slab's */
          return NULL;
        }
      g_hash_table_insert (draft->blocks, GUINT_TO_POINTER (number), found);
    }
  draft->block = found;
  return found;
}

/* Returns the block of a message; @changes: it has to be written. */
static BdbBlock *
find_block (BdbRun *run, BdbDraft *draft, guint32 uid, gboolean changes, GError **error)
{
  const guint32 number = uid / BDB_BLOCK_MESSAGES;
  BdbDraftBlock *found = draft->block;
  if (found == NULL || found->block.number != number)
    found = find_other_block (run, draft, number, error);
  if (found == NULL)
    return NULL;
  found->is_changed |= changes;
  return &found->block;
}

/* Returns a message of a block; NULL with @error if there is none, though the snapshot has it. */
static BdbRow *
find_row (const BdbRun *run, const BdbDraft *draft, BdbBlock *block, guint32 uid, GError **error)
{
  if ((block->present >> uid % BDB_BLOCK_MESSAGES & 1) != 0)
    return &block->rows[uid % BDB_BLOCK_MESSAGES];
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                     "message %u of mailbox number %u of user number %u has no record", uid,
                     draft->box->number, run->store->user);
  return NULL;
}

BdbRow *
bdb_draft_row (BdbRun *run, BdbDraft *draft, guint32 uid, gboolean changes, GError **error)
{
  BdbBlock *block = find_block (run, draft, uid, changes, error);
  return block != NULL ? find_row (run, draft, block, uid, error) : NULL;
}

BdbRow *
bdb_draft_new_row (BdbRun *run, BdbDraft *draft, guint32 uid, GError **error)
{
  BdbBlock *block = find_block (run, draft, uid, TRUE, error);
  if (block == NULL)
    return NULL;
  block->present |= (guint16) (1u << uid % BDB_BLOCK_MESSAGES);
  return &block->rows[uid % BDB_BLOCK_MESSAGES];
}

void
bdb_draft_set_keywords (BdbDraft *draft, guint32 uid, const SatchelKeywordSet *keywords)
{
  bdb_block_set_keywords (&draft->block->block, uid % BDB_BLOCK_MESSAGES, keywords);
}

static gboolean
remove_unique_id (BdbRun *run, BdbDraft *draft, guint32 uid, GError **error)
{
  BdbKey key, other;
  gboolean is_found;
  g_autoptr (GByteArray) id = g_byte_array_new ();
  bdb_key_begin (&key, run->store->user, BDB_KIND_UID_UNIQUE);
  bdb_key_u32 (&key, draft->box->number);
  bdb_key_u32 (&key, uid);
  if (!bdb_get (run->store->volume, run->write, BDB_RECORDS, &key, id, &is_found, error))
    return FALSE;
  bdb_key_begin (&other, run->store->user, BDB_KIND_UNIQUE_ID);
  bdb_key_u32 (&other, draft->box->number);
  bdb_key_bytes (&other, id->data, id->len);
  return bdb_remove (run->write, BDB_RECORDS, &key, error)
         && bdb_remove (run->write, BDB_RECORDS, &other, error);
}

static gboolean
remove_metadata (BdbRun *run, BdbDraft *draft, guint32 uid, GError **error)
{
  BdbKey prefix;
  bdb_key_of_metadata (&prefix, run->store, draft->box, uid, NULL);
  return bdb_remove_all (run->write, BDB_RECORDS, &prefix, error);
}

gboolean
bdb_draft_remove_row (BdbRun *run, BdbDraft *draft, guint32 uid, guint64 *ret_content, GError **error)
{
  BdbBlock *block = find_block (run, draft, uid, TRUE, error);
  const BdbRow *row = block != NULL ? find_row (run, draft, block, uid, error) : NULL;
  if (row == NULL)
    return FALSE;
  if ((row->flags & BDB_ROW_HAS_METADATA) != 0 && !remove_metadata (run, draft, uid, error))
    return FALSE;
  if ((row->flags & BDB_ROW_HAS_UNIQUE_ID) != 0 && !remove_unique_id (run, draft, uid, error))
    return FALSE;
  if ((row->flags & BDB_ROW_IN_GROUP) != 0)
    satchel_uid_set_add (&draft->left, uid, uid);
  *ret_content = row->content;
  block->present &= (guint16) ~(1u << uid % BDB_BLOCK_MESSAGES);
  return TRUE;
}

/* ---- writing ---- */

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint32 one = *(const guint32 *) a, other = *(const guint32 *) b;
  return (one > other) - (one < other);
}

/* Returns the numbers of the blocks that changed, sorted. */
static GArray *
sort_changed (const BdbDraft *draft)
{
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (guint32));
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, draft->blocks);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const BdbDraftBlock *found = value;
      if (found->is_changed)
        g_array_append_val (numbers, found->block.number);
    }
  g_array_sort (numbers, compare_numbers);
  return numbers;
}

static gboolean
save_block (BdbRun *run, const BdbDraft *draft, const BdbDraftBlock *found, BdbBatch *batch, GError **error)
{
  BdbKey key;
  GByteArray *record = run->buffer;
  bdb_key_of_block (&key, run->store->user, draft->box->number, found->block.number);
  if (found->block.present == 0)
    return !found->is_stored || bdb_batch_remove (batch, &key, error);
  bdb_block_write (&found->block, record);
  return bdb_batch_put (batch, &key, record->data, record->len, error);
}

static gboolean
save_blocks (BdbRun *run, const BdbDraft *draft, GError **error)
{
  g_autoptr (BdbBatch) batch = bdb_batch_new (run->write, BDB_RECORDS);
  g_autoptr (GArray) numbers = sort_changed (draft);
  for (guint i = 0; i < numbers->len; i++)
    {
      guint32 number = g_array_index (numbers, guint32, i);
      if (!save_block (run, draft, g_hash_table_lookup (draft->blocks, GUINT_TO_POINTER (number)), batch,
                       error))
        return FALSE;
    }
  return bdb_batch_end (batch, error);
}

static gboolean
save_draft (BdbRun *run, BdbDraft *draft, GError **error)
{
  const SatchelUidSet *removed = &draft->removed;
  if (removed->n_ranges > 0)
    {
      const guint64 modseq = draft->removed_modseq != 0 ? draft->removed_modseq : run->modseq;
      draft->n_tombstones += removed->n_ranges;
      if (!bdb_history_add (run->store, run->write, draft->box, modseq, removed, error)
          || !bdb_history_trim (run->store, run->write, draft->box, &draft->n_tombstones,
                                &draft->state.history_start, error))
        return FALSE;
    }
  if (draft->left.n_ranges > 0
      && !bdb_groups_trim (run->store, run->write, draft->box, &draft->left, draft->snapshot, error))
    return FALSE;
  draft->state.n_messages = draft->snapshot->state.n_messages;
  draft->state.n_unseen = draft->snapshot->state.n_unseen;
  draft->state.n_deleted = draft->snapshot->state.n_deleted;
  draft->state.size_bytes = draft->snapshot->state.size_bytes;
  /* no other thread has the snapshot yet */
  draft->snapshot->state.history_start = draft->state.history_start;
  return save_blocks (run, draft, error)
         && bdb_box_save (run->store, run->write, draft->box, &draft->state, draft->snapshot->keywords,
                          draft->snapshot->n_keywords, draft->n_tombstones, error);
}

gboolean
bdb_run_save (BdbRun *run, GError **error)
{
  for (guint i = 0; i < run->drafts->len; i++)
    {
      BdbDraft *draft = run->drafts->pdata[i];
      if (draft->is_changed && !save_draft (run, draft, error))
        return FALSE;
    }
  return bdb_references_save (run->store, run->write, &run->references, error);
}
