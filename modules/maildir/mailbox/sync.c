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
#include "files/maildir_sys.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"
#include "mailbox/scan.h"
#include "mailbox/sync.h"
#include "mailbox/sync_arrivals.h"
#include "foreign/uidlist_write.h"
#include "files/unique_name.h"
#include "store/user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/number.h>
#include <stdlib.h>
#include <string.h>

#define SCANS_MAX 4

static const char *
found_name (const Sync *sync, const MdFound *found)
{
  return (const char *) sync->scan.names->data + found->name;
}

static gboolean
has_base_name (const MdMailbox *mb, const MdEntry *entry, const char *name, guint base_len)
{
  return entry->base_len == base_len && memcmp (md_table_name (&mb->table, entry), name, base_len) == 0;
}

static void
hash_foreign_names (Sync *sync)
{
  MdTable *table = &sync->mb->table;
  guint n = 0, size = 16;
  for (guint i = 0; i < table->entries->len; i++)
    n += (g_array_index (table->entries, MdEntry, i).bits & (MD_ENTRY_OURS | MD_ENTRY_DEAD)) == 0;
  if (n == 0)
    return;
  while (size < 2 * n)
    size *= 2;
  sync->mask = size - 1;
  sync->buckets = g_new0 (guint32, size);
  for (guint i = 0; i < table->entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (table->entries, MdEntry, i);
      if ((entry->bits & (MD_ENTRY_OURS | MD_ENTRY_DEAD)) != 0)
        continue;
      guint at = (guint) satchel_keyed_hash (md_table_name (table, entry), entry->base_len) & sync->mask;
      while (sync->buckets[at] != 0)
        at = (at + 1) & sync->mask;
      sync->buckets[at] = i + 1;
    }
}

/* Returns the index of the entry of this file; -1 means that the file is new. */
static gint64
find_known_entry (Sync *sync, const char *name, const MdName *parsed)
{
  MdMailbox *mb = sync->mb;
  MdEntry *entries = (MdEntry *) (void *) mb->table.entries->data;
  if (parsed->has_uid && parsed->uidvalidity == mb->uidvalidity)
    {
      MdEntry *entry = md_table_find (&mb->table, parsed->uid);
      if (entry != NULL && has_base_name (mb, entry, name, parsed->base_len))
        return entry - entries;
    }
  if (sync->buckets == NULL)
    return -1;
  for (guint at = (guint) satchel_keyed_hash (name, parsed->base_len) & sync->mask; sync->buckets[at] != 0;
       at = (at + 1) & sync->mask)
    if (has_base_name (mb, &entries[sync->buckets[at] - 1], name, parsed->base_len))
      return (gint64) sync->buckets[at] - 1;
  return -1;
}

/* TRUE means: the file was renamed, and the next scan shows it. */
static gboolean
give_unique_name (Sync *sync, const MdFound *found, gint64 seconds)
{
  const int fd = found->is_new ? sync->mb->new_fd : sync->mb->cur_fd;
  const char *old = found_name (sync, found);
  char unique[128];
  MdName parsed;
  md_name_parse (old, found->len, &parsed);
  md_unique_name (unique, parsed.has_date ? parsed.date : seconds);
  g_autofree char *name = g_strconcat (unique, old + parsed.base_len, NULL);
  return md_sys.renameat (fd, old, fd, name) == 0;
}

/* Two files have one base name. If it is one file seen twice (moved while we read), the later sight counts.
 * Two real files are two messages, and the second gets a name of its own, since nothing else could tell them
 * apart. One file that has both names (a move from new/ that a crash cut off, where the file system allows
 * that) loses the old one. TRUE means that @second was renamed, and the next scan shows it. */
static gboolean
settle_double (Sync *sync, const MdFound *first, const MdFound *second)
{
  MdMailbox *mb = sync->mb;
  struct stat a, b;
  int first_fd = first->is_new ? mb->new_fd : mb->cur_fd,
      second_fd = second->is_new ? mb->new_fd : mb->cur_fd;
  if (md_sys.fstatat (first_fd, found_name (sync, first), &a, AT_SYMLINK_NOFOLLOW) != 0
      || md_sys.fstatat (second_fd, found_name (sync, second), &b, AT_SYMLINK_NOFOLLOW) != 0)
    return FALSE;
  if (a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_nlink > 1 && first->is_new != second->is_new)
    {
      md_sys.unlinkat (mb->new_fd, found_name (sync, first->is_new ? first : second), 0);
      return FALSE;
    }
  return give_unique_name (sync, second, b.st_mtim.tv_sec);
}

static void
add_arrival (Sync *sync, guint index, const MdName *parsed)
{
  const MdFound *found = &g_array_index (sync->scan.found, MdFound, index);
  const char *name = found_name (sync, found);
  Arrival arrival = { .name = name,
                      .hash = satchel_keyed_hash (name, parsed->base_len),
                      .wire = parsed->has_wire ? parsed->wire : SATCHEL_SIZE_UNKNOWN,
                      .date = parsed->has_date ? parsed->date : SATCHEL_DATE_UNKNOWN,
                      .flags = parsed->flags,
                      .letters = parsed->letters,
                      .named_uidvalidity = parsed->uidvalidity,
                      .named_uid = parsed->uid,
                      .len = found->len,
                      .base_len = (guint8) parsed->base_len,
                      .is_new = found->is_new };
  guint64 when;
  if (satchel_number_take (&name, NULL, 10, G_MAXINT64, &when))
    arrival.when = (gint64) when;
  else if (g_ascii_isdigit (*name))
    arrival.when = G_MAXINT64;
  g_array_append_val (sync->arrivals, arrival);
}

/* Makes one scan and matches it with what is known. *ret_again: a file was renamed, so another scan is
 * needed. */
static gboolean
look_once (Sync *sync, gboolean *ret_again, GError **error)
{
  MdMailbox *mb = sync->mb;
  *ret_again = FALSE;
  if (mb->has_early_scan)
    sync->scan = mb->early_scan;
  else if (!md_scan (mb->new_fd, mb->cur_fd, &sync->scan, error))
    return FALSE;
  mb->has_early_scan = FALSE;
  guint n_entries = mb->table.entries->len;
  sync->entry_of = g_new0 (guint32, n_entries + 1);
  sync->arrivals = g_array_new (FALSE, FALSE, sizeof (Arrival));
  hash_foreign_names (sync);
  for (guint i = 0; i < sync->scan.found->len; i++)
    {
      const MdFound *found = &g_array_index (sync->scan.found, MdFound, i);
      MdName parsed;
      md_name_parse (found_name (sync, found), found->len, &parsed);
      gint64 at = find_known_entry (sync, found_name (sync, found), &parsed);
      if (at < 0)
        {
          add_arrival (sync, i, &parsed);
          continue;
        }
      if (sync->entry_of[at] != 0)
        *ret_again |=
            settle_double (sync, &g_array_index (sync->scan.found, MdFound, sync->entry_of[at] - 1), found);
      sync->entry_of[at] = i + 1;
    }
  sync->n_missing = 0;
  for (guint i = 0; i < n_entries; i++)
    sync->n_missing +=
        sync->entry_of[i] == 0 && (g_array_index (mb->table.entries, MdEntry, i).bits & MD_ENTRY_DEAD) == 0;
  return TRUE;
}

static void
clear_look (Sync *sync)
{
  md_scan_clear (&sync->scan);
  g_clear_pointer (&sync->entry_of, g_free);
  g_clear_pointer (&sync->buckets, g_free);
  g_clear_pointer (&sync->arrivals, g_array_unref);
}

/* Compares arrivals by the time of delivery in their names, then by base name, so that doubles are
 * neighbours. */
static int
compare_arrivals (const void *a, const void *b)
{
  const Arrival *x = a, *y = b;
  if (x->when != y->when)
    return x->when < y->when ? -1 : 1;
  int c = memcmp (x->name, y->name, MIN (x->base_len, y->base_len));
  return c != 0 ? c : (int) x->base_len - (int) y->base_len;
}

static int
compare_arrival_uids (const void *a, const void *b)
{
  const Arrival *x = a, *y = b;
  return (x->uid > y->uid) - (x->uid < y->uid);
}

static MdFound
found_of (const Sync *sync, const Arrival *arrival)
{
  return (MdFound) { (guint32) (arrival->name - (const char *) sync->scan.names->data), arrival->len,
                     arrival->is_new };
}

/* Settles arrivals of one base name as settle_double does; of one seen twice the first sight is dropped. A
 * name with a line end cannot be a line of the UID list, so the file gets another. */
static gboolean
settle_arrivals (Sync *sync)
{
  gboolean again = FALSE;
  g_array_sort (sync->arrivals, compare_arrivals);
  guint n_kept = 0;
  Arrival *all = (Arrival *) (void *) sync->arrivals->data;
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      if (memchr (all[i].name, '\n', all[i].base_len) != NULL
          || memchr (all[i].name, '\r', all[i].base_len) != NULL)
        {
          const MdFound odd = found_of (sync, &all[i]);
          again |= give_unique_name (sync, &odd, g_get_real_time () / G_USEC_PER_SEC);
        }
      Arrival *before = n_kept > 0 ? &all[n_kept - 1] : NULL;
      if (before == NULL || compare_arrivals (before, &all[i]) != 0)
        {
          all[n_kept++] = all[i];
          continue;
        }
      /* A file in cur/ was seen later than one in new/. */
      Arrival gone = before->is_new ? *before : all[i], kept = before->is_new ? all[i] : *before;
      const MdFound first = found_of (sync, &kept), second = found_of (sync, &gone);
      again |= settle_double (sync, &first, &second);
      *before = kept;
    }
  g_array_set_size (sync->arrivals, n_kept);
  return again;
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

/* Applies to known messages that they were renamed or removed. Indexes of the builder count the messages
 * of the snapshot. */
static void
apply_known (Sync *sync)
{
  MdMailbox *mb = sync->mb;
  guint32 index = 0;
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      if ((entry->bits & MD_ENTRY_DEAD) != 0)
        continue;
      guint32 row_index = index++;
      SatchelMessageRow row;
      if (sync->entry_of[i] == 0)
        {
          satchel_snapshot_builder_remove (sync->builder, row_index);
          g_mutex_lock (&mb->store->table);
          entry->bits |= MD_ENTRY_DEAD;
          mb->table.n_dead++;
          mb->cache.dead += entry->cache_len;
          g_mutex_unlock (&mb->store->table);
          md_metadata_drop (mb, entry->uid);
          md_mailbox_add_tombstone (mb, entry->uid, sync->modseq);
          continue;
        }
      const MdFound *found = &g_array_index (sync->scan.found, MdFound, sync->entry_of[i] - 1);
      const char *name = found_name (sync, found);
      gboolean is_new = (entry->bits & MD_ENTRY_NEW) != 0;
      if (is_new == found->is_new && strcmp (md_table_name (&mb->table, entry), name) == 0
          && mb->trust == MD_INDEX_EXACT)
        continue;
      MdName parsed;
      md_name_parse (name, found->len, &parsed);
      satchel_snapshot_builder_get (sync->builder, row_index, &row);
      SatchelMessageRow before = row;
      set_row_from_name (mb, parsed.flags, parsed.letters, &row);
      g_mutex_lock (&mb->store->table);
      md_table_rename (&mb->table, entry,
                       (guint8) ((entry->bits & ~MD_ENTRY_NEW) | (found->is_new ? MD_ENTRY_NEW : 0)), name,
                       parsed.base_len);
      g_mutex_unlock (&mb->store->table);
      /* After a loss all mod-sequences rise, since we do not know what clients were told since the index
       * was written. */
      if (row.flags != before.flags || !satchel_keyword_set_equal (&row.keywords, &before.keywords)
          || mb->trust != MD_INDEX_EXACT)
        row.modseq = sync->modseq;
      satchel_snapshot_builder_set (sync->builder, row_index, &row);
      md_index_row (mb, &row, entry);
    }
}

/* Adds the arrival to snapshot and table. */
static void
append_arrival (Sync *sync, const Arrival *arrival, SatchelMessageRow *ret_row, MdEntry **ret_entry)
{
  *ret_row = (SatchelMessageRow) {
    .uid = arrival->uid, .modseq = sync->modseq, .size = arrival->wire, .internal_date = arrival->date
  };
  set_row_from_name (sync->mb, arrival->flags, arrival->letters, ret_row);
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
          || strcmp (md_table_name (&mb->table, entry), found_name (sync, found)) != 0)
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

/* Makes the snapshot that says what the look has found.  If the index was lost or fell behind, nobody knows
 * what was expunged before, so that the history of expunges begins here. */
static gboolean
apply_look (Sync *sync, GError **error)
{
  MdMailbox *mb = sync->mb;
  gboolean is_index_whole = mb->trust == MD_INDEX_EXACT;
  if (is_as_known (sync))
    return TRUE;
  if (!take_sync_modseq (sync, error) || !number_arrivals (sync, error))
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
  md_mailbox_state (mb, sync->modseq, &state);
  md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (g_steal_pointer (&sync->builder), &state));
  return TRUE;
}

/* Scans until a missing message is missing for sure: a file that is renamed while the directory is read
 * may not be seen at all. */
static gboolean
look_until_sure (Sync *sync, GError **error)
{
  for (int attempt = 1;; attempt++)
    {
      gboolean again;
      if (!look_once (sync, &again, error))
        return FALSE;
      again |= settle_arrivals (sync);
      gboolean unsure = sync->n_missing > 0 && !sync->scan.is_clean && attempt < SCANS_MAX;
      if ((!again && !unsure) || attempt > SCANS_MAX)
        return TRUE;
      clear_look (sync);
    }
}

gboolean
md_sync (MdMailbox *mb, gboolean force, GError **error)
{
  if (!force && md_mailbox_is_current (mb))
    return TRUE;
  Sync sync = { .mb = mb };
  gint64 started_ms = g_get_monotonic_time () / 1000;
  if (mb->trust == MD_INDEX_EXACT && mb->snapshot != NULL)
    md_keywords_load (&mb->keywords,
                      mb->control_fd); /* another program may have given a letter to a keyword */
  gboolean ok = look_until_sure (&sync, error) && apply_look (&sync, error);
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
      mb->trust = MD_INDEX_EXACT;
      md_uidlist_add_ours (mb);
      if (md_cache_compact (mb))
        md_index_checkpoint (mb);
      md_index_flush (mb, FALSE, NULL);
    }
  clear_look (&sync);
  if (sync.builder != NULL)
    satchel_snapshot_unref (satchel_snapshot_builder_finish (
        sync.builder, &(SatchelMailboxState) { .uidvalidity = 1, .uidnext = 1 }));
  return ok;
}
