/* SPDX-License-Identifier: MIT
 * This file looks at what new/ and cur/ hold, and tells files of known messages from those of new ones.
 */
#include "config.h"

#include "files/maildir_sys.h"
#include "files/unique_name.h"
#include "index/name_table.h"
#include "mailbox/mailbox.h"
#include "mailbox/scan.h"
#include "mailbox/sync_arrivals.h"
#include "names/file_name.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/number.h>
#include <stdlib.h>
#include <string.h>

#define SCANS_MAX 4

const char *
md_sync_found_name (const Sync *sync, const MdFound *found)
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

/* Says whether the file is the message of @entry with other content (exchange), of which the index does not
 * know. */
static gboolean
is_exchanged (const MdMailbox *mb, const MdEntry *entry, const char *name, guint base_len)
{
  guint8 id[16], own[16];
  md_name_email_id (name, base_len, id);
  md_name_email_id (md_table_name (&mb->table, entry), entry->base_len, own);
  return memcmp (id, own, sizeof id) == 0;
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
      if (entry != NULL
          && (has_base_name (mb, entry, name, parsed->base_len)
              || is_exchanged (mb, entry, name, parsed->base_len)))
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

/* Gives a file a name of its own.  TRUE means that it was renamed, and the next scan shows it. */
static gboolean
give_unique_name (Sync *sync, const MdFound *found, gint64 seconds)
{
  const int fd = found->is_new ? sync->mb->new_fd : sync->mb->cur_fd;
  const char *old = md_sync_found_name (sync, found);
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
  if (md_sys.fstatat (first_fd, md_sync_found_name (sync, first), &a, AT_SYMLINK_NOFOLLOW) != 0
      || md_sys.fstatat (second_fd, md_sync_found_name (sync, second), &b, AT_SYMLINK_NOFOLLOW) != 0)
    return FALSE;
  if (a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_nlink > 1 && first->is_new != second->is_new)
    {
      md_sys.unlinkat (mb->new_fd, md_sync_found_name (sync, first->is_new ? first : second), 0);
      return FALSE;
    }
  return give_unique_name (sync, second, b.st_mtim.tv_sec);
}

static void
add_arrival (Sync *sync, guint index, const MdName *parsed)
{
  const MdFound *found = &g_array_index (sync->scan.found, MdFound, index);
  const char *name = md_sync_found_name (sync, found);
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
      md_name_parse (md_sync_found_name (sync, found), found->len, &parsed);
      gint64 at = find_known_entry (sync, md_sync_found_name (sync, found), &parsed);
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

void
md_sync_clear_look (Sync *sync)
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

gboolean
md_sync_look (Sync *sync, GError **error)
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
      md_sync_clear_look (sync);
    }
}
