/* SPDX-License-Identifier: MIT
 * Implements the durable numbers of a mailbox, the snapshot that readers get, and whether both still hold.
 */
#include "config.h"

#include "files/boot_id.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "index/index.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "store/slots.h"
#include "files/unique_name.h"
#include "store/user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/stat.h>

void
md_mailbox_set_paths (MdMailbox *mb)
{
  g_free (mb->new_path);
  g_free (mb->cur_path);
  const char *slash = mb->dir[0] != '\0' ? "/" : "";
  mb->new_path = g_strconcat (mb->dir, slash, "new", NULL);
  mb->cur_path = g_strconcat (mb->dir, slash, "cur", NULL);
}

void
md_mailbox_state (MdMailbox *mb, guint64 modseq, SatchelMailboxState *ret)
{
  memset (ret, 0, sizeof *ret);
  memcpy (ret->mailbox_id, &mb->state.words[MD_STATE_ID_1], 16);
  ret->uidvalidity = mb->uidvalidity;
  ret->uidnext = mb->uidnext;
  ret->highestmodseq = MAX (modseq, 1);
  ret->first_recent_uid = mb->first_recent;
  ret->history_start = mb->history_start;
}

gboolean
md_mailbox_reserve_uids (MdMailbox *mb, guint32 upto, GError **error)
{
  guint64 *words = mb->state.words;
  if (upto <= words[MD_STATE_UID_LIMIT])
    return TRUE;
  if (upto > MD_UID_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "mailbox %s has no UIDs left", mb->name);
  guint64 before = words[MD_STATE_UID_LIMIT], recent = words[MD_STATE_RECENT];
  words[MD_STATE_UID_LIMIT] = (guint64) upto + MD_UID_BLOCK;
  words[MD_STATE_RECENT] = mb->first_recent;
  if (md_slots_commit (&mb->state, error))
    return TRUE;
  words[MD_STATE_UID_LIMIT] = before;
  words[MD_STATE_RECENT] = recent;
  return FALSE;
}

void
md_mailbox_add_tombstone (MdMailbox *mb, guint32 uid, guint64 modseq)
{
  GArray *tombstones = mb->tombstones;
  MdTombstone *last =
      tombstones->len > 0 ? &g_array_index (tombstones, MdTombstone, tombstones->len - 1) : NULL;
  md_index_expunged (mb, uid, modseq);
  if (last != NULL && last->modseq == modseq && last->last + 1 == uid)
    {
      last->last = uid;
      return;
    }
  MdTombstone tombstone = { uid, uid, modseq };
  g_array_append_val (tombstones, tombstone);
  if (tombstones->len <= MD_TOMBSTONES_MAX)
    return;
  guint drop = tombstones->len / 4;
  mb->history_start = g_array_index (tombstones, MdTombstone, drop - 1).modseq;
  g_array_remove_range (tombstones, 0, drop);
}

/* Drops the snapshot that was there before. */
void
md_mailbox_take_snapshot (MdMailbox *mb, SatchelSnapshot *snapshot)
{
  SatchelSnapshot *old = mb->snapshot;
  g_atomic_pointer_set (&mb->snapshot, snapshot);
  g_clear_pointer (&old, satchel_snapshot_unref);
}

void
md_mailbox_publish (MdMailbox *mb)
{
  if (mb->handle == NULL || mb->snapshot == mb->published)
    return;
  SatchelSnapshot *old = mb->published;
  g_atomic_pointer_set (&mb->published, satchel_snapshot_ref (mb->snapshot));
  g_clear_pointer (&old, satchel_snapshot_unref);
  satchel_storage_mailbox_publish (mb->handle, satchel_snapshot_ref (mb->snapshot));
}

/* Our own changes move the directory's time, so what another program did between two looks would not show.
 * The directories are read once more after them, at a cost of at most a hundredth of the time. */
void
md_mailbox_mark_suspect (MdMailbox *mb, gint64 at_least_ms)
{
  mb->suspect_due_ms = g_get_monotonic_time () / 1000 + MAX (at_least_ms, mb->scan_ms * 100);
}

/* Another program may have removed or renamed the folder. Then this mailbox does not exist any more,
 * whatever it is called now. */
gboolean
md_mailbox_is_in_place (const MdMailbox *mb)
{
  struct stat st;
  if (mb->dir[0] == '\0')
    return TRUE;
  if (md_sys.fstatat (mb->store->user_fd, mb->cur_path, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno != ENOENT && errno != ENOTDIR;
  struct stat own;
  return md_sys.fstat (mb->cur_fd, &own) != 0 || (st.st_ino == own.st_ino && st.st_dev == own.st_dev);
}

void
md_mailbox_lose (MdMailbox *mb)
{
  MdStore *store = mb->store;
  satchel_log (SATCHEL_LOG_INFO, MD_AREA, "user=%s mailbox %s was removed or renamed by another program",
               store->storage->identity->user, mb->name);
  g_mutex_lock (&store->table);
  if (g_hash_table_lookup (store->open, mb->dir) == mb)
    g_hash_table_remove (store->open, mb->dir);
  mb->is_deleted = TRUE;
  g_mutex_unlock (&store->table);
  satchel_storage_mailbox_renamed (mb->handle, NULL);
}

gboolean
md_mailbox_is_current (MdMailbox *mb)
{
  MdStamp new_stamp, new_known, cur_known;
  struct stat cur;
  g_mutex_lock (&mb->store->table);
  gint64 due = mb->suspect_due_ms;
  new_known = mb->new_stamp;
  cur_known = mb->cur_stamp;
  g_autofree char *cur_path = g_strdup (mb->cur_path); /* by path, since another directory may have it now */
  g_mutex_unlock (&mb->store->table);
  if (due != 0 && g_get_monotonic_time () / 1000 >= due)
    return FALSE;
  if (g_atomic_int_get (&mb->store->journal.is_half_done))
    return FALSE;
  if (!md_stamp_of (mb->new_fd, &new_stamp, NULL) || !md_stamp_equal (&new_stamp, &new_known)
      || md_sys.fstatat (mb->store->user_fd, cur_path, &cur, AT_SYMLINK_NOFOLLOW) != 0)
    return FALSE;
  const MdStamp cur_stamp = { .ino = cur.st_ino, .sec = cur.st_mtim.tv_sec, .nsec = cur.st_mtim.tv_nsec };
  return md_stamp_equal (&cur_stamp, &cur_known);
}

gboolean
md_mailbox_new_state (MdStore *store, MdSlots *slots, guint32 uidvalidity, guint32 uid_limit, GError **error)
{
  memset (slots, 0, sizeof *slots);
  slots->fd = -1;
  if (uidvalidity == 0 && !md_user_next_uidvalidity (store, &uidvalidity, error))
    return FALSE;
  slots->words[MD_STATE_UIDVALIDITY] = uidvalidity;
  slots->words[MD_STATE_UID_LIMIT] = uid_limit;
  slots->words[MD_STATE_RECENT] = 1;
  md_random (&slots->words[MD_STATE_ID_1], 16);
  return TRUE;
}

/* Makes new/, cur/, tmp/ and the state file in a directory that was just made. */
gboolean
md_mailbox_create_files (MdStore *store, int fd, const SatchelMailboxImport *as, GError **error)
{
  static const char *const names[] = { "tmp", "new", "cur" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (md_sys.mkdirat (fd, names[i], 0700) != 0 && errno != EEXIST)
      return satchel_error_set_errno (error, errno, "the directory %s cannot be made", names[i]);
  MdSlots slots;
  gboolean ok = md_mailbox_new_state (store, &slots, as != NULL ? as->uidvalidity : 0,
                                      as != NULL ? as->uidnext : 1, error);
  if (as != NULL)
    memcpy (&slots.words[MD_STATE_ID_1], as->mailbox_id, 16);
  ok = ok && md_slots_create (&slots, fd, MD_STATE_FILE, FALSE, error);
  md_slots_close (&slots);
  return ok;
}

gboolean
md_hint_is_of (const MdSlots *state, guint64 sequence)
{
  return state->hints_valid && state->hints[MD_HINT_SEQUENCE] == sequence
         && memcmp (&state->hints[MD_HINT_INDEX_BOOT_1], md_boot_id (), 16) == 0;
}

gboolean
md_find_row (const SatchelSnapshot *snapshot, guint32 uid, SatchelMessageRow *ret)
{
  guint32 index;
  guint at;
  if (!satchel_snapshot_find (snapshot, uid, &index))
    return FALSE;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
  satchel_chunk_get_row (chunk, at, ret);
  return TRUE;
}
