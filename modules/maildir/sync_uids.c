/* SPDX-License-Identifier: MIT
 * UIDs of files that are new to us: from the list of foreign ones, from their names, else fresh and durable before told.
 */
#include "config.h"

#include "sync.h"

#include <fcntl.h>
#include <string.h>

static gboolean
name_is_believed (const Sync *sync, const Arrival *arrival)
{
  const MdMailbox *mb = sync->mb;
  const MdName *name = &arrival->parsed;
  if (!name->has_uid || name->uidvalidity != mb->uidvalidity || name->uid >= mb->state.words[MD_STATE_UID_LIMIT])
    return FALSE;
  /* With a whole index a UID below UIDNEXT that is not there was expunged, or is there under another name. */
  return mb->trust == MD_INDEX_EXACT ? name->uid >= mb->uidnext : TRUE;
}

static void
find_date (Sync *sync, Arrival *arrival, const MdUidlistLine *line)
{
  MdMailbox *mb = sync->mb;
  struct stat st;
  if (arrival->parsed.has_date)
    arrival->date = arrival->parsed.date;
  else if (line != NULL && line->date != G_MININT64)
    arrival->date = line->date;
  /* Others keep the internal date as the time of the file, which the time in its name need not be. */
  else if (md_sys.fstatat (arrival->is_new ? mb->new_fd : mb->cur_fd, arrival->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    arrival->date = st.st_mtim.tv_sec;
}

/* UIDs given to arrivals so far. */
typedef struct UidTable
{
  guint32 *slots, mask;
} UidTable;

static UidTable
uid_table_new (guint n)
{
  guint32 size = 16;
  while (size < 2 * n)
    size *= 2;
  return (UidTable){ g_new0 (guint32, size), size - 1 };
}

static gboolean
uid_is_taken (UidTable *taken, MdMailbox *mb, guint32 uid)
{
  if (md_table_find (&mb->table, uid) != NULL)
    return TRUE;
  guint32 at = uid * 0x9e3779b1u & taken->mask;
  for (; taken->slots[at] != 0; at = (at + 1) & taken->mask)
    if (taken->slots[at] == uid)
      return TRUE;
  taken->slots[at] = uid;
  return FALSE;
}

typedef struct ListedFile
{
  guint32 uid;
  const char *base;
  guint len;
  gint64 date;
} ListedFile;

static int
by_listed_uid (const void *a, const void *b)
{
  const ListedFile *x = a, *y = b;
  return (x->uid > y->uid) - (x->uid < y->uid);
}

/* The list whole again, from all that is known: after damage, or when most of its lines are of files long gone. */
static void
list_everything (Sync *sync)
{
  MdMailbox *mb = sync->mb;
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (ListedFile));
  for (guint i = 0; i < mb->table.entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (mb->table.entries, MdEntry, i);
      guint32 index;
      if ((entry->bits & (MD_ENTRY_OURS | MD_ENTRY_DEAD)) != 0 || sync->entry_of[i] == 0
          || !satchel_snapshot_find (mb->snapshot, entry->uid, &index))
        continue;
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (mb->snapshot, index, &row);
      ListedFile file = { entry->uid, md_table_name (&mb->table, entry), entry->base_len, chunk->internal_date[row] };
      g_array_append_val (files, file);
    }
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      const Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      ListedFile file = { arrival->uid, arrival->name, arrival->parsed.base_len, arrival->date };
      if (arrival->is_listed)
        g_array_append_val (files, file);
    }
  g_array_sort (files, by_listed_uid);
  g_string_truncate (sync->lines, 0);
  for (guint i = 0; i < files->len; i++)
    {
      const ListedFile *file = &g_array_index (files, ListedFile, i);
      md_uidlist_line (sync->lines, sync->mb->uidvalidity, file->uid, file->base, file->len, file->date);
    }
}

/* The list goes before the names: a copy that another program made carries the UID of its original in its name, and
 * was listed when it was first seen. */
static void
uids_from_list (Sync *sync, UidTable *taken, guint32 *next)
{
  MdMailbox *mb = sync->mb;
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      const MdUidlistLine *line = md_uidlist_find (sync->list, arrival->name, arrival->parsed.base_len);
      arrival->uid = 0;
      /* With a whole index a known UID below UIDNEXT that is not there was expunged. */
      if (line == NULL || line->uid >= mb->state.words[MD_STATE_UID_LIMIT]
          || (mb->trust == MD_INDEX_EXACT && line->uid < mb->uidnext) || uid_is_taken (taken, mb, line->uid))
        continue;
      find_date (sync, arrival, line);
      arrival->is_listed = TRUE;
      arrival->uid = line->uid;
      *next = MAX (*next, line->uid + 1);
    }
}

static void
uids_from_names (Sync *sync, UidTable *taken, guint32 *next)
{
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      if (arrival->uid != 0 || !name_is_believed (sync, arrival) || uid_is_taken (taken, sync->mb, arrival->parsed.uid))
        continue;
      arrival->uid = arrival->parsed.uid;
      arrival->date = arrival->parsed.has_date ? arrival->parsed.date : 0;
      *next = MAX (*next, arrival->uid + 1);
    }
}

/* A UID is told only once it is durable. */
static gboolean
write_lines (Sync *sync, guint32 uidnext, GError **error)
{
  MdMailbox *mb = sync->mb;
  gboolean anew = sync->list->is_damaged || sync->list->uidvalidity != mb->uidvalidity
                  || sync->list->lines->len > 2 * (mb->table.entries->len + sync->arrivals->len) + 1000;
  if (anew)
    list_everything (sync);
  return md_uidlist_append (mb->fd, mb->uidvalidity, (const guint8 *) &mb->state.words[MD_STATE_ID_1], uidnext,
                            sync->lines, anew, error);
}

gboolean
md_sync_assign_uids (Sync *sync, GError **error)
{
  MdMailbox *mb = sync->mb;
  GArray *arrivals = sync->arrivals;
  UidTable taken = uid_table_new (arrivals->len);
  guint32 next = mb->uidnext;
  sync->list = md_uidlist_load (mb->fd, mb->uidvalidity);
  uids_from_list (sync, &taken, &next);
  uids_from_names (sync, &taken, &next);
  g_free (taken.slots);
  sync->lines = g_string_new (NULL);
  guint32 first_fresh = next;
  for (guint i = 0; i < arrivals->len; i++)
    {
      Arrival *arrival = &g_array_index (arrivals, Arrival, i);
      if (arrival->uid != 0)
        continue;
      if (next >= MD_UID_MAX)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "mailbox %s has no UIDs left", mb->name);
      find_date (sync, arrival, NULL);
      arrival->is_listed = TRUE;
      arrival->uid = next++;
      md_uidlist_line (sync->lines, mb->uidvalidity, arrival->uid, arrival->name, arrival->parsed.base_len,
                       arrival->date);
    }
  if (next == first_fresh || (md_mailbox_reserve_uids (mb, next, error) && write_lines (sync, next, error)))
    {
      mb->uidnext = next;
      return TRUE;
    }
  if (error != NULL && *error != NULL && !g_error_matches (*error, SATCHEL_ERROR, SATCHEL_ERROR_OVERQUOTA))
    return FALSE;
  /* On a full disk what is known can still be read and removed; the new ones wait unseen. */
  g_clear_error (error);
  for (guint i = arrivals->len; i > 0; i--)
    if (g_array_index (arrivals, Arrival, i - 1).uid >= first_fresh)
      g_array_remove_index (arrivals, i - 1);
  mb->uidnext = first_fresh;
  sync->is_partial = TRUE;
  return TRUE;
}
