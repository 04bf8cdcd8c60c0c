/* SPDX-License-Identifier: MIT
 * Implements UIDs of files that are new to us: from the UID list, from their names, or fresh ones that are
 * durable before a client sees them.
 */
#include "config.h"

#include "foreign/courier.h"
#include "names/file_name.h"
#include "index/index.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "settings.h"
#include "mailbox/sync_arrivals.h"
#include "foreign/uidlist.h"
#include "foreign/uidlist_write.h"

#include <fcntl.h>
#include <satchel/hash.h>
#include <string.h>

#define DATED_AT_ONCE 64u

static gboolean
name_is_believed (const Sync *sync, const Arrival *arrival)
{
  const MdMailbox *mb = sync->mb;
  const guint32 uid = arrival->named_uid;
  if (uid == 0 || arrival->named_uidvalidity != mb->uidvalidity || uid >= mb->state.words[MD_STATE_UID_LIMIT])
    return FALSE;
  /* With a whole index a message that has a UID below UIDNEXT and no entry was expunged, or has another
   * name. */
  return mb->trust == MD_INDEX_EXACT ? uid >= mb->uidnext : TRUE;
}

static void
find_arrival_date (Sync *sync, Arrival *arrival, const MdUidlistLine *line)
{
  MdMailbox *mb = sync->mb;
  struct stat st;
  if (arrival->date != SATCHEL_DATE_UNKNOWN)
    return;
  if (line != NULL && line->date != SATCHEL_DATE_UNKNOWN)
    arrival->date = line->date;
  /* Other servers keep the internal date as the time of the file, which the time in its name need not be.
   * In a big Maildir files are not asked one by one before the first SELECT is answered. */
  else if (sync->arrivals->len > DATED_AT_ONCE)
    arrival->date = SATCHEL_DATE_UNKNOWN;
  else if (md_sys.fstatat (arrival->is_new ? mb->new_fd : mb->cur_fd, arrival->name, &st, AT_SYMLINK_NOFOLLOW)
           == 0)
    arrival->date = st.st_mtim.tv_sec;
}

/* Arrivals got these UIDs so far. */
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
  return (UidTable) { g_new0 (guint32, size), size - 1 };
}

static gboolean
uid_is_taken (UidTable *taken, MdMailbox *mb, guint32 uid)
{
  if (md_table_find (&mb->table, uid) != NULL)
    return TRUE;
  guint32 at = satchel_number_hash (GUINT_TO_POINTER (uid)) & taken->mask;
  for (; taken->slots[at] != 0; at = (at + 1) & taken->mask)
    if (taken->slots[at] == uid)
      return TRUE;
  taken->slots[at] = uid;
  return FALSE;
}

/* The list counts before names: a copy that another program made has the UID of its original in its name,
 * and was listed when it was first seen. */
static void
take_uids_from_list (Sync *sync, const MdUidlist *list, UidTable *taken, guint32 *next)
{
  MdMailbox *mb = sync->mb;
  guint64 limit = mb->state.words[MD_STATE_UID_LIMIT];
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      const MdUidlistLine *line =
          arrival->uid == 0 ? md_uidlist_find_hashed (list, arrival->hash, arrival->name, arrival->base_len)
                            : NULL;
      /* With a whole index a listed UID below UIDNEXT that has no entry was expunged. Another server gives
       * UIDs above our limit. */
      if (line == NULL || line->uid >= (line->is_checked ? limit : MIN (limit + MD_UID_JUMP, MD_UID_MAX))
          || (mb->trust == MD_INDEX_EXACT && line->uid < mb->uidnext) || uid_is_taken (taken, mb, line->uid))
        continue;
      sync->needs_list |= list != sync->list;
      find_arrival_date (sync, arrival, line);
      arrival->is_listed = TRUE;
      arrival->uid = line->uid;
      *next = MAX (*next, line->uid + 1);
    }
}

static void
take_uids_from_names (Sync *sync, UidTable *taken, guint32 *next)
{
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      if (arrival->uid != 0 || !name_is_believed (sync, arrival)
          || uid_is_taken (taken, sync->mb, arrival->named_uid))
        continue;
      arrival->uid = arrival->named_uid;
      if (arrival->date == SATCHEL_DATE_UNKNOWN)
        arrival->date = 0;
      arrival->is_listed = md_uidlist_has_ours (sync->mb);
      sync->needs_list |= arrival->is_listed;
      *next = MAX (*next, arrival->uid + 1);
    }
}

static MdListed
make_listed (Sync *sync, const Arrival *arrival)
{
  MdListed file = {
    .uid = arrival->uid, .base = arrival->name, .len = arrival->base_len, .date = arrival->date
  };
  if (sync->saved_ids == NULL)
    return file;
  g_autofree char *base = g_strndup (arrival->name, arrival->base_len);
  const char *id = g_hash_table_lookup (sync->saved_ids, base);
  if (id != NULL)
    {
      file.fields = id;
      file.fields_len = strlen (id);
    }
  return file;
}

/* Writes lines, because a client may see a UID only when it is durable. */
static gboolean
write_list_lines (Sync *sync, guint32 uidnext, GError **error)
{
  MdMailbox *mb = sync->mb;
  gboolean anew = sync->needs_list || sync->list->is_damaged || sync->list->is_unsorted
                  || sync->list->version == 1 || sync->list->uidvalidity != mb->uidvalidity
                  || sync->list->lines->len > 2 * (mb->table.entries->len + sync->arrivals->len) + 1000;
  if (anew)
    {
      g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (MdListed));
      for (guint i = 0; i < sync->arrivals->len; i++)
        {
          const Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
          MdListed file = make_listed (sync, arrival);
          if (arrival->is_listed)
            g_array_append_val (files, file);
        }
      md_uidlist_everything (mb, sync->list, files, sync->lines);
    }
  else if (sync->lines->len == 0)
    return TRUE;
  const MdUidlistChange change = {
    .lines = sync->lines, .is_whole = anew, .is_durable = TRUE, .uidnext = uidnext, .guid = sync->list->guid
  };
  if (!md_uidlist_write (mb, &change, error))
    return FALSE;
  if (anew)
    mb->listed_upto = mb->uidnext;
  return TRUE;
}

/* Loads the UID lists of the servers that numbered here before us. */
static gboolean
load_lists (Sync *sync, GError **error)
{
  MdMailbox *mb = sync->mb;
  sync->list = md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, mb->uidvalidity, error);
  if (sync->list == NULL || mb->store->user->server != MD_SERVER_COURIER)
    return sync->list != NULL;
  sync->courier = md_uidlist_load (mb->fd, MD_COURIER_UIDS, mb->uidvalidity, error);
  if (sync->courier == NULL)
    return FALSE;
  if (mb->dir[0] != '\0')
    return TRUE;
  sync->saved_ids = md_courier_unique_ids (mb, error);
  sync->needs_list |= sync->saved_ids != NULL && g_hash_table_size (sync->saved_ids) > 0;
  return sync->saved_ids != NULL;
}

/* On a full disk known messages can still be read and removed. The new ones stay unseen for now. */
static void
leave_out_arrivals (Sync *sync, guint32 first)
{
  GArray *arrivals = sync->arrivals;
  for (guint i = arrivals->len; i > 0; i--)
    if (g_array_index (arrivals, Arrival, i - 1).uid >= first)
      g_array_remove_index (arrivals, i - 1);
  sync->mb->uidnext = first;
  sync->mb->listed_upto = 0;
  sync->is_partial = TRUE;
}

/* Takes the UIDs that lists and names give to arrivals.  *@next rises above each of them. */
static gboolean
take_known_uids (Sync *sync, guint32 *next, GError **error)
{
  md_uidlist_add_ours (sync->mb); /* their UIDs are below those of the arrivals */
  if (!load_lists (sync, error))
    return FALSE;
  UidTable taken = uid_table_new (sync->arrivals->len);
  take_uids_from_list (sync, sync->list, &taken, next);
  if (sync->courier != NULL)
    take_uids_from_list (sync, sync->courier, &taken, next);
  take_uids_from_names (sync, &taken, next);
  g_free (taken.slots);
  return TRUE;
}

/* Gives the other arrivals fresh UIDs from *@next on, and notes their lines of the UID list. */
static gboolean
give_fresh_uids (Sync *sync, guint32 *next, GError **error)
{
  sync->lines = g_string_new (NULL);
  for (guint i = 0; i < sync->arrivals->len; i++)
    {
      Arrival *arrival = &g_array_index (sync->arrivals, Arrival, i);
      if (arrival->uid != 0)
        continue;
      if (*next >= MD_UID_MAX)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "mailbox %s has no UIDs left", sync->mb->name);
      find_arrival_date (sync, arrival, NULL);
      arrival->is_listed = TRUE;
      arrival->uid = (*next)++;
      MdListed file = make_listed (sync, arrival);
      md_uidlist_add (sync->mb, &file, sync->lines);
    }
  return TRUE;
}

/* Makes UIDs up to @next durable, before a client sees them. */
static gboolean
save_uids (Sync *sync, gboolean has_fresh, guint32 next, GError **error)
{
  gboolean is_saved = !has_fresh && !sync->needs_list && next <= sync->mb->state.words[MD_STATE_UID_LIMIT];
  return is_saved
         || (md_mailbox_reserve_uids (sync->mb, next, error) && write_list_lines (sync, next, error));
}

/* Without room on the disk, arrivals that need a fresh UID are left out of the mailbox for now. */
static gboolean
assign_uids (Sync *sync, GError **error)
{
  g_autoptr (GError) why = NULL;
  MdMailbox *mb = sync->mb;
  guint32 next = mb->uidnext;
  if (!take_known_uids (sync, &next, error))
    return FALSE;
  guint32 first_fresh = next;
  if (!give_fresh_uids (sync, &next, error))
    return FALSE;
  if (save_uids (sync, next > first_fresh, next, &why))
    {
      if (mb->listed_upto == mb->uidnext)
        mb->listed_upto = next;
      mb->uidnext = next;
      return TRUE;
    }
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE))
    {
      leave_out_arrivals (sync, first_fresh);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

gboolean
md_sync_assign_uids (Sync *sync, GError **error)
{
  /* The size in a name is used only where many files come at once and counting would take long (decision
   * 0020). */
  for (guint i = 0; sync->arrivals->len <= DATED_AT_ONCE && i < sync->arrivals->len; i++)
    g_array_index (sync->arrivals, Arrival, i).wire = SATCHEL_SIZE_UNKNOWN;
  gboolean ok = assign_uids (sync, error);
  /* Both are as big as the mailbox and not needed any more. */
  g_clear_pointer (&sync->list, md_uidlist_free);
  g_clear_pointer (&sync->courier, md_uidlist_free);
  g_clear_pointer (&sync->saved_ids, g_hash_table_unref);
  if (sync->lines != NULL)
    g_string_free (g_steal_pointer (&sync->lines), TRUE);
  return ok;
}
