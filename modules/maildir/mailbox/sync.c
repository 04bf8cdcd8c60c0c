/* SPDX-License-Identifier: MIT
 * Takes in what new/ and cur/ hold; the same code serves after a crash, a lost index and another program's
 * change. Names decide which messages exist, their system flags and the keywords with letters. README.md
 * says how UIDs are found.
 */
#include "config.h"

#include "index/cache.h"
#include "names/file_name.h"
#include "index/index.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "commit/journal.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"
#include "index/planned.h"
#include "mailbox/scan.h"
#include "mailbox/sync.h"
#include "mailbox/sync_arrivals.h"
#include "foreign/uidlist_write.h"
#include "store/user_file.h"

#include <string.h>

static int
compare_arrival_uids (const void *a, const void *b)
{
  const Arrival *x = a, *y = b;
  return (x->uid > y->uid) - (x->uid < y->uid);
}

static gboolean
take_sync_modseq (Sync *sync, GError **error)
{
  return sync->modseq != 0 || md_user_next_modseq (sync->mb->store, &sync->modseq, error);
}

static void
set_row_from_name (const MdMailbox *mb, guint32 flags, guint32 letters, SatchelMessageRow *row)
{
  row->flags = (row->flags & ~(guint32) SATCHEL_FLAGS_ALL) | flags;
  SatchelKeywordSet lettered = md_keywords_lettered (&mb->keywords),
                    named = md_keywords_from_letters (&mb->keywords, letters);
  satchel_keyword_set_subtract (&row->keywords, &lettered);
  satchel_keyword_set_unite (&row->keywords, &named);
}

/* Removes a message of which no file was found. */
static void
remove_known (Sync *sync, MdEntry *entry, guint32 row_index)
{
  MdMailbox *mb = sync->mb;
  satchel_snapshot_builder_remove (sync->builder, row_index);
  g_mutex_lock (&mb->store->table);
  entry->bits |= MD_ENTRY_DEAD;
  mb->table.n_dead++;
  mb->cache.dead += entry->cache_len;
  g_mutex_unlock (&mb->store->table);
  md_metadata_drop (mb, entry->uid);
  md_mailbox_add_tombstone (mb, entry->uid, sync->modseq);
}

static gboolean
has_name (const MdMailbox *mb, const MdEntry *entry, const MdFound *found, const char *name)
{
  gboolean is_new = (entry->bits & MD_ENTRY_NEW) != 0;
  return is_new == found->is_new && strcmp (md_table_name (&mb->table, entry), name) == 0;
}

/* Says whether the content of the message was exchanged, which the index does not say yet. */
static gboolean
is_other_content (const MdMailbox *mb, const MdEntry *entry, const char *name, const MdName *parsed)
{
  return parsed->base_len != entry->base_len
         || memcmp (md_table_name (&mb->table, entry), name, parsed->base_len) != 0;
}

/* Takes over what the new name of a message says of its flags. */
static void
rename_known (Sync *sync, MdEntry *entry, guint32 row_index, const MdFound *found, const char *name)
{
  MdMailbox *mb = sync->mb;
  guint8 bits = (guint8) ((entry->bits & ~MD_ENTRY_NEW) | (found->is_new ? MD_ENTRY_NEW : 0));
  MdName parsed;
  SatchelMessageRow row;
  md_name_parse (name, found->len, &parsed);
  satchel_snapshot_builder_get (sync->builder, row_index, &row);
  SatchelMessageRow before = row;
  set_row_from_name (mb, parsed.flags, parsed.letters, &row);
  g_mutex_lock (&mb->store->table);
  if (is_other_content (mb, entry, name, &parsed))
    {
      bits |= MD_ENTRY_OURS;
      mb->cache.dead += entry->cache_len;
      entry->cache_off = 0;
      entry->cache_len = 0;
    }
  md_table_rename (&mb->table, entry, bits, name, parsed.base_len);
  g_mutex_unlock (&mb->store->table);
  /* After a loss all mod-sequences rise, since we do not know what clients were told since the index was
   * written. */
  if (row.flags != before.flags || !satchel_keyword_set_equal (&row.keywords, &before.keywords)
      || mb->trust != MD_INDEX_EXACT)
    row.modseq = sync->modseq;
  satchel_snapshot_builder_set (sync->builder, row_index, &row);
  md_index_row (mb, &row, entry);
}

/* Applies to known messages that they were renamed or removed. Indexes of the builder count the messages
 * of the snapshot. */
static void
apply_known (Sync *sync)
{
  MdMailbox *mb = sync->mb;
  guint32 n_alive = 0;
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      if ((entry->bits & MD_ENTRY_DEAD) != 0)
        continue;
      guint32 row_index = n_alive++;
      if (sync->entry_of[i] == 0)
        {
          remove_known (sync, entry, row_index);
          continue;
        }
      const MdFound *found = &g_array_index (sync->scan.found, MdFound, sync->entry_of[i] - 1);
      const char *name = md_sync_found_name (sync, found);
      if (mb->trust != MD_INDEX_EXACT || !has_name (mb, entry, found, name))
        rename_known (sync, entry, row_index, found, name);
    }
}

static gboolean
has_planned_uid (const Arrival *arrival, const MdPlanned *planned)
{
  return planned->row.uid == (arrival->uid != 0 ? arrival->uid : arrival->named_uid);
}

/* Takes over what was planned for the message.  Its name says what happened to it since.  Mod-sequences of an
 * index that was lost or fell behind rise. */
static void
take_planned (Sync *sync, const Arrival *arrival, SatchelMessageRow *row)
{
  MdMailbox *mb = sync->mb;
  const MdPlanned *planned = md_planned_find (mb, arrival->name, arrival->base_len);
  if (planned == NULL)
    return;
  const guint64 modseq = row->modseq;
  *row = planned->row;
  row->uid = arrival->uid;
  if (mb->trust != MD_INDEX_EXACT || !has_planned_uid (arrival, planned))
    row->modseq = modseq;
  GHashTableIter iter;
  gpointer key, value;
  if (planned->metadata != NULL)
    {
      g_hash_table_iter_init (&iter, planned->metadata);
      while (g_hash_table_iter_next (&iter, &key, &value))
        md_metadata_set (mb, row->uid, key, value);
    }
  md_planned_remove (mb, arrival->name, arrival->base_len);
}

/* Adds the arrival to snapshot and table. */
static void
append_arrival (Sync *sync, const Arrival *arrival, SatchelMessageRow *ret_row, MdEntry **ret_entry)
{
  *ret_row = (SatchelMessageRow) {
    .uid = arrival->uid, .modseq = sync->modseq, .size = arrival->wire, .internal_date = arrival->date
  };
  take_planned (sync, arrival, ret_row);
  set_row_from_name (sync->mb, arrival->flags, arrival->letters, ret_row);
  sync->highest = MAX (sync->highest, ret_row->modseq);
  satchel_snapshot_builder_append (sync->builder, ret_row);
  gboolean ours = arrival->named_uidvalidity == sync->mb->uidvalidity && arrival->named_uid == arrival->uid;
  guint8 bits = (guint8) ((arrival->is_new ? MD_ENTRY_NEW : 0) | (ours ? MD_ENTRY_OURS : 0));
  *ret_entry = md_table_add (&sync->mb->table, arrival->uid, bits, arrival->name, arrival->base_len);
}

static void
apply_arrivals (Sync *sync)
{
  MdMailbox *mb = sync->mb;
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      const Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      SatchelMessageRow row;
      MdEntry *entry;
      g_mutex_lock (&mb->store->table);
      append_arrival (sync, arrival, &row, &entry);
      g_mutex_unlock (&mb->store->table);
      md_index_row (mb, &row, entry);
      md_metadata_index (mb, row.uid);
    }
}

/* Used only when a mailbox is opened with an index that was lost or fell behind. Arrivals may have UIDs
 * between those that are known, so table and snapshot are made anew. */
static void
merge_arrivals (Sync *sync)
{
  MdMailbox *mb = sync->mb;
  SatchelMailboxState state;
  md_mailbox_state (mb, sync->modseq, &state);
  SatchelSnapshot *known = satchel_snapshot_builder_finish (sync->builder, &state);
  sync->builder = satchel_snapshot_builder_new (NULL);
  satchel_snapshot_builder_set_keywords (sync->builder, mb->keywords.names, mb->keywords.n);
  MdTable old = mb->table;
  md_table_init (&mb->table);
  guint at = 0;
  for (guint32 i = 0; i <= known->state.n_messages; i++)
    {
      guint row_at = 0;
      const SatchelChunk *chunk =
          i < known->state.n_messages ? satchel_snapshot_at (known, i, &row_at) : NULL;
      guint32 uid = chunk != NULL ? chunk->uid[row_at] : G_MAXUINT32;
      for (; at < sync->arrivals->len && g_array_index (sync->arrivals, Arrival, at).uid < uid; at++)
        {
          SatchelMessageRow row;
          MdEntry *entry;
          append_arrival (sync, &g_array_index (sync->arrivals, Arrival, at), &row, &entry);
        }
      const MdEntry *before = chunk != NULL ? md_table_find (&old, uid) : NULL;
      if (before == NULL)
        continue;
      SatchelMessageRow row;
      satchel_chunk_get_row (chunk, row_at, &row);
      satchel_snapshot_builder_append (sync->builder, &row);
      MdEntry *copy =
          md_table_add (&mb->table, uid, before->bits, md_table_name (&old, before), before->base_len);
      copy->cache_off = before->cache_off;
      copy->cache_len = before->cache_len;
    }
  md_table_clear (&old);
  satchel_snapshot_unref (known);
}

static gboolean
has_renames (const Sync *sync)
{
  const MdMailbox *mb = sync->mb;
  if (mb->trust != MD_INDEX_EXACT)
    return TRUE;
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      if ((entry->bits & MD_ENTRY_DEAD) != 0 || sync->entry_of[i] == 0)
        continue;
      const MdFound *found = &g_array_index (sync->scan.found, MdFound, sync->entry_of[i] - 1);
      if (((entry->bits & MD_ENTRY_NEW) != 0) != found->is_new
          || strcmp (md_table_name (&mb->table, entry), md_sync_found_name (sync, found)) != 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_sorted_by_uid (const GArray *arrivals)
{
  for (guint i = 1; i < arrivals->len; i++)
    if (g_array_index (arrivals, Arrival, i - 1).uid > g_array_index (arrivals, Arrival, i).uid)
      return FALSE;
  return TRUE;
}

static gboolean
snapshot_has_keywords (const MdMailbox *mb)
{
  gboolean is_same = mb->snapshot != NULL && mb->snapshot->n_keywords == mb->keywords.n;
  for (guint i = 0; is_same && i < mb->keywords.n; i++)
    is_same = strcmp (mb->snapshot->keywords[i], mb->keywords.names[i]) == 0;
  return is_same;
}

/* Says whether what the directory has is what the snapshot says. */
static gboolean
is_as_known (const Sync *sync)
{
  return sync->mb->snapshot != NULL && sync->n_missing == 0 && sync->arrivals->len == 0 && !has_renames (sync)
         && snapshot_has_keywords (sync->mb);
}

/* Gives the arrivals their UIDs, and brings them into that order. */
static gboolean
number_arrivals (Sync *sync, GError **error)
{
  if (sync->arrivals->len == 0)
    return TRUE;
  if (!md_sync_assign_uids (sync, error))
    return FALSE;
  if (!is_sorted_by_uid (sync->arrivals))
    g_array_sort (sync->arrivals, compare_arrival_uids);
  return TRUE;
}

/* The builder gets the names of keywords as they are now; the index gets those that are not the snapshot's.
 */
static void
apply_keyword_names (Sync *sync)
{
  MdMailbox *mb = sync->mb;
  guint n_known = mb->snapshot != NULL ? mb->snapshot->n_keywords : 0;
  for (guint i = 0; i < mb->keywords.n; i++)
    if (i >= n_known || strcmp (mb->keywords.names[i], mb->snapshot->keywords[i]) != 0)
      md_index_keyword (mb, i);
  satchel_snapshot_builder_set_keywords (sync->builder, mb->keywords.names, mb->keywords.n);
}

/* Says whether all that happened is that messages came whose mod-sequences were planned. */
static gboolean
has_planned_modseqs (const Sync *sync)
{
  const MdMailbox *mb = sync->mb;
  if (mb->planned == NULL || mb->trust != MD_INDEX_EXACT || mb->snapshot == NULL || sync->n_missing > 0
      || has_renames (sync) || !snapshot_has_keywords (mb))
    return FALSE;
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      const Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      const MdPlanned *planned = md_planned_find (mb, arrival->name, arrival->base_len);
      if (planned == NULL || !has_planned_uid (arrival, planned))
        return FALSE;
    }
  return TRUE;
}

/* Gives the arrivals their UIDs, and takes a mod-sequence for all that has none of its own. */
static gboolean
number_look (Sync *sync, GError **error)
{
  if (!has_planned_modseqs (sync) && !take_sync_modseq (sync, error))
    return FALSE;
  return number_arrivals (sync, error) && (has_planned_modseqs (sync) || take_sync_modseq (sync, error));
}

/* Makes the snapshot that says what the look has found.  If the index was lost or fell behind, nobody knows
 * what was expunged before, so that the history of expunges begins here. */
static gboolean
apply_look (Sync *sync, GError **error)
{
  MdMailbox *mb = sync->mb;
  gboolean is_index_whole = mb->trust == MD_INDEX_EXACT;
  if (is_as_known (sync))
    return TRUE;
  if (!number_look (sync, error))
    return FALSE;
  if (!is_index_whole)
    {
      g_array_set_size (mb->tombstones, 0);
      mb->history_start = sync->modseq;
    }
  sync->builder = satchel_snapshot_builder_new (mb->snapshot);
  apply_keyword_names (sync);
  if (mb->snapshot != NULL)
    apply_known (sync);
  if (is_index_whole)
    apply_arrivals (sync);
  else
    merge_arrivals (sync);
  SatchelMailboxState state;
  const guint64 before = mb->snapshot != NULL ? mb->snapshot->state.highestmodseq : 0;
  md_mailbox_state (mb, MAX (before, MAX (sync->modseq, sync->highest)), &state);
  md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (g_steal_pointer (&sync->builder), &state));
  return TRUE;
}

gboolean
md_sync (MdMailbox *mb, gboolean force, GError **error)
{
  if (mb->store->journal.is_half_done && !md_journal_settle (mb->store, error))
    return FALSE;
  if (!force && md_mailbox_is_current (mb))
    return TRUE;
  Sync sync = { .mb = mb };
  gint64 started_ms = g_get_monotonic_time () / 1000;
  /* Another program may have given a letter to a keyword. */
  if (mb->trust == MD_INDEX_EXACT && mb->snapshot != NULL
      && !md_keywords_load (&mb->keywords, mb->control_fd, error))
    return FALSE;
  gboolean ok = md_sync_look (&sync, error) && apply_look (&sync, error);
  if (ok)
    {
      g_mutex_lock (&mb->store->table);
      mb->new_stamp = sync.scan.new_stamp;
      mb->cur_stamp = sync.scan.cur_stamp;
      mb->scan_ms = g_get_monotonic_time () / 1000 - started_ms;
      mb->suspect_due_ms = 0;
      if (!sync.scan.is_clean || sync.is_partial)
        md_mailbox_mark_suspect (mb, sync.is_partial ? 1000 : 50);
      md_table_compact (&mb->table);
      g_mutex_unlock (&mb->store->table);
      if (sync.scan.is_clean && !sync.is_partial)
        md_planned_clear (mb);
      mb->trust = MD_INDEX_EXACT;
      md_uidlist_add_ours (mb);
      if (md_cache_compact (mb, FALSE))
        md_index_checkpoint (mb);
      md_index_flush (mb, FALSE, NULL);
    }
  md_sync_clear_look (&sync);
  if (sync.builder != NULL)
    satchel_snapshot_unref (satchel_snapshot_builder_finish (
        sync.builder, &(SatchelMailboxState) { .uidvalidity = 1, .uidnext = 1 }));
  return ok;
}
