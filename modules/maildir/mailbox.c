/* SPDX-License-Identifier: MIT
 * One mailbox: opening and closing its files, its durable state, and the calls that only read it.
 */
#include "config.h"

#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <string.h>

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

/* The snapshot readers will get; what was there before is dropped. */
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

/* Our own changes move the directory's time; what another program did between two looks at it would go
 * unseen.  So after them the directories are read once more, at a cost of at most a hundredth of the time. */
void
md_mailbox_mark_suspect (MdMailbox *mb, gint64 at_least_ms)
{
  mb->suspect_due_ms = md_monotonic_ms () + MAX (at_least_ms, mb->scan_ms * 100);
}

/* Another program may have removed or renamed the folder: then this mailbox is no more, whatever it is called
 * now. */
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
  g_autofree char *cur_path =
      g_strdup (mb->cur_path); /* by its path: the folder may be gone, or another one */
  g_mutex_unlock (&mb->store->table);
  if (due != 0 && md_monotonic_ms () >= due)
    return FALSE;
  if (!md_stamp_of (mb->new_fd, &new_stamp, NULL) || !md_stamp_equal (&new_stamp, &new_known)
      || md_sys.fstatat (mb->store->user_fd, cur_path, &cur, AT_SYMLINK_NOFOLLOW) != 0)
    return FALSE;
  const MdStamp cur_stamp = { .ino = cur.st_ino, .sec = cur.st_mtim.tv_sec, .nsec = cur.st_mtim.tv_nsec };
  return md_stamp_equal (&cur_stamp, &cur_known);
}

/* ---------------------------------------------------------------- durable state */

static gboolean
new_state (MdStore *store, MdSlots *slots, guint32 uidvalidity, guint32 uid_limit, GError **error)
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

/* For a directory just made: new, cur, tmp and the state. */
gboolean
md_mailbox_create_files (MdStore *store, int fd, const SatchelMailboxImport *as, GError **error)
{
  static const char *const names[] = { "tmp", "new", "cur" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (md_sys.mkdirat (fd, names[i], 0700) != 0 && errno != EEXIST)
      return satchel_error_set_errno (error, errno, "mkdir %s", names[i]);
  MdSlots slots;
  gboolean ok =
      new_state (store, &slots, as != NULL ? as->uidvalidity : 0, as != NULL ? as->uidnext : 1, error);
  if (as != NULL)
    memcpy (&slots.words[MD_STATE_ID_1], as->mailbox_id, 16);
  ok = ok && md_slots_create (&slots, fd, MD_STATE_FILE, FALSE, error);
  md_slots_close (&slots);
  return ok;
}

/* What the names say about a lost state file. */
typedef struct Majority
{
  GHashTable *votes; /* UIDVALIDITY -> count */
  guint32 max_uid;
} Majority;

static void
count_names (const MdScan *scan, Majority *majority)
{
  for (guint i = 0; i < scan->found->len; i++)
    {
      const MdFound *found = &g_array_index (scan->found, MdFound, i);
      MdName name;
      md_name_parse ((const char *) scan->names->data + found->name, found->len, &name);
      if (!name.has_uid)
        continue;
      gpointer key = GUINT_TO_POINTER (name.uidvalidity);
      guint votes = GPOINTER_TO_UINT (g_hash_table_lookup (majority->votes, key));
      g_hash_table_insert (majority->votes, key, GUINT_TO_POINTER (votes + 1));
    }
}

static guint32
highest_uid (const MdScan *scan, guint32 uidvalidity)
{
  guint32 highest = 0;
  for (guint i = 0; i < scan->found->len; i++)
    {
      const MdFound *found = &g_array_index (scan->found, MdFound, i);
      MdName name;
      md_name_parse ((const char *) scan->names->data + found->name, found->len, &name);
      if (name.has_uid && name.uidvalidity == uidvalidity)
        highest = MAX (highest, name.uid);
    }
  return highest;
}

/* That of the server which numbered here last. */
static MdUidlist *
foreign_list (MdMailbox *mb)
{
  gboolean is_courier = mb->store->user->server == MD_SERVER_COURIER;
  MdUidlist *list = is_courier ? md_uidlist_load (mb->fd, MD_COURIER_UIDS, 0)
                               : md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, 0);
  if (!is_courier || list->uidvalidity != 0)
    return list;
  md_uidlist_free (list);
  return md_uidlist_load (mb->control_fd, MD_UIDLIST_FILE, 0);
}

/* Lines that have ours beside a unique id were imported, or of another server; what it told goes on. */
static gboolean
has_own_unique_ids (const MdUidlist *list)
{
  for (guint i = 0; i < list->lines->len; i++)
    {
      const MdUidlistLine *line = &g_array_index (list->lines, MdUidlistLine, i);
      gsize len;
      if (line->is_checked && md_uidlist_field (line, 'P', &len) != NULL)
        return TRUE;
    }
  return FALSE;
}

/* State file lost: UIDVALIDITY from a whole index, the list of foreign UIDs, or most of the names; else a
 * new one.  Numbering goes on far above all that is seen: a UID that was told and removed is not given twice.
 */
gboolean
md_mailbox_recover_state (MdMailbox *mb, MdIndexTrust trust, const MdSummary *summary, GError **error)
{
  if (!md_scan (mb->new_fd, mb->cur_fd, &mb->early_scan, error))
    return FALSE;
  mb->has_early_scan = TRUE; /* for md_sync, which comes next */
  const MdScan *scan = &mb->early_scan;
  Majority majority = { .votes = g_hash_table_new (satchel_number_hash, NULL) };
  count_names (scan, &majority);
  guint32 uidvalidity = 0;
  guint best = 0;
  GHashTableIter iter;
  gpointer key, votes;
  g_hash_table_iter_init (&iter, majority.votes);
  while (g_hash_table_iter_next (&iter, &key, &votes))
    if (GPOINTER_TO_UINT (votes) > best)
      {
        best = GPOINTER_TO_UINT (votes);
        uidvalidity = GPOINTER_TO_UINT (key);
      }
  g_hash_table_unref (majority.votes);
  g_autoptr (MdUidlist) list = foreign_list (mb);
  guint64 limit = 1;
  if (trust == MD_INDEX_EXACT)
    {
      uidvalidity = summary->uidvalidity;
      limit = (guint64) summary->uidnext + MD_UID_BLOCK;
    }
  else if (list->uidvalidity != 0 && uidvalidity == 0)
    uidvalidity = list->uidvalidity;
  gboolean is_ours = uidvalidity != 0 && (best > 0 || trust == MD_INDEX_EXACT);
  guint32 highest = highest_uid (scan, uidvalidity);
  if (list->uidvalidity == uidvalidity && uidvalidity != 0)
    {
      guint n = list->lines->len;
      limit = MAX (limit, MAX ((guint64) list->uidnext, 1));
      if (n > 0)
        limit = MAX (limit, (guint64) g_array_index (list->lines, MdUidlistLine, n - 1).uid + 1);
      if (list->is_damaged && !is_ours)
        {
          satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                       "mailbox %s: the UID list is damaged: %u UIDs are kept, other messages get new ones",
                       mb->name, n);
          limit += MD_UID_JUMP; /* above what it may have said */
        }
    }
  /* A list that came with the Maildir from another server is exact; our own UIDs are not in it. */
  if (is_ours && trust != MD_INDEX_EXACT)
    limit = MAX (limit, (guint64) highest + 1) + MD_UID_JUMP;
  if (limit > MD_UID_MAX - MD_UID_JUMP)
    {
      satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                   "mailbox %s: UIDs up to %" G_GUINT64_FORMAT " leave no room: it gets a new UIDVALIDITY",
                   mb->name, limit);
      uidvalidity = 0;
      limit = 1;
    }
  if (!new_state (mb->store, &mb->state, uidvalidity, (guint32) limit, error))
    return FALSE;
  mb->state.words[MD_STATE_HAS_UNIQUE_IDS] = is_ours && has_own_unique_ids (list);
  return md_slots_create (&mb->state, mb->fd, MD_STATE_FILE, TRUE, error);
}

/* ---------------------------------------------------------------- open and close */

static gboolean
open_dirs_if_there (MdMailbox *mb, GError **error)
{
  mb->fd = md_open_path (mb->store->user_fd, mb->dir, FALSE, error);
  mb->control_fd = mb->fd >= 0 ? md_control_open (mb->store, mb->dir, mb->fd, TRUE, error) : -1;
  if (mb->control_fd < 0)
    return FALSE;
  mb->cur_fd = md_open_dir (mb->fd, "cur", mb->dir[0] == '\0', error);
  if (mb->cur_fd < 0)
    return FALSE;
  mb->new_fd = md_open_dir (mb->fd, "new", TRUE, error);
  return mb->new_fd >= 0;
}

/* What LIST does not show, such as a link, is no mailbox here either. */
static gboolean
open_dirs (MdMailbox *mb, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (open_dirs_if_there (mb, &local))
    return TRUE;
  if (!md_folder_exists (mb->store, mb->dir))
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static void
unite_state_and_index (MdMailbox *mb, const MdSummary *summary)
{
  guint64 *words = mb->state.words;
  mb->uidvalidity = (guint32) words[MD_STATE_UIDVALIDITY];
  if (mb->trust != MD_INDEX_LOST
      && (summary->uidvalidity != mb->uidvalidity || summary->uidnext > words[MD_STATE_UID_LIMIT]))
    {
      /* Of another mailbox, or older than a renumbering. */
      md_table_clear (&mb->table);
      md_table_init (&mb->table);
      md_keywords_clear (&mb->keywords);
      g_clear_pointer (&mb->metadata, g_hash_table_unref);
      g_array_set_size (mb->tombstones, 0);
      md_mailbox_take_snapshot (mb, NULL);
      md_index_discard (mb);
      mb->trust = MD_INDEX_LOST;
    }
  if (mb->trust != MD_INDEX_EXACT)
    {
      mb->uidnext = (guint32) MAX (words[MD_STATE_UID_LIMIT], 1);
      mb->index.is_broken = TRUE; /* the next write is a checkpoint */
    }
  else
    {
      mb->new_stamp = summary->new_stamp;
      mb->cur_stamp = summary->cur_stamp;
      mb->listed_upto = summary->listed_upto;
    }
  if (mb->trust == MD_INDEX_LOST)
    mb->first_recent = (guint32) MAX (words[MD_STATE_RECENT], 1);
  else
    {
      mb->cache.id = summary->cache_id;
      /* Read before the state file was known to be good; nobody else has it yet. */
      mb->snapshot->state.uidvalidity = mb->uidvalidity;
      memcpy (mb->snapshot->state.mailbox_id, &words[MD_STATE_ID_1], 16);
    }
}

static gboolean
load_files (MdMailbox *mb, GError **error)
{
  MdSummary summary = { 0 };
  SatchelSnapshot *snapshot = NULL;
  g_autoptr (GError) local = NULL;
  gboolean has_state = md_slots_open (&mb->state, mb->fd, MD_STATE_FILE, &local);
  mb->trust = md_index_load (mb, &snapshot, &summary);
  mb->snapshot = snapshot;
  if (!has_state)
    {
      if (!g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
          && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      if (!md_courier_take_keywords (mb, mb->trust == MD_INDEX_LOST, error)
          || !md_mailbox_recover_state (mb, mb->trust, &summary, error))
        return FALSE;
    }
  else if (!md_courier_take_keywords (mb, FALSE, error))
    return FALSE;
  unite_state_and_index (mb, &summary);
  md_keywords_load (&mb->keywords, mb->control_fd);
  if (mb->trust == MD_INDEX_EXACT && mb->snapshot != NULL)
    mb->indexed = satchel_snapshot_ref (mb->snapshot);
  if (!md_sync (mb, mb->trust != MD_INDEX_EXACT || summary.is_suspect, error))
    return FALSE;
  md_uidlist_add_ours (mb);
  mb->is_changed |= !has_state || md_courier_lacks (mb);
  return TRUE;
}

MdMailbox *
md_mailbox_load (MdStore *store, const char *name, GError **error)
{
  MdMailbox *mb = g_new0 (MdMailbox, 1);
  mb->store = store;
  mb->name = g_strdup (name);
  mb->fd = mb->new_fd = mb->cur_fd = mb->control_fd = mb->state.fd = -1;
  mb->watch_wd[0] = mb->watch_wd[1] = -1;
  mb->first_recent = 1;
  md_table_init (&mb->table);
  md_keywords_init (&mb->keywords);
  md_index_init (&mb->index);
  md_cache_init (&mb->cache);
  mb->tombstones = g_array_new (FALSE, FALSE, sizeof (MdTombstone));
  mb->dir = md_folder_dir (store->settings.layout, name, error);
  if (mb->dir != NULL)
    {
      md_mailbox_set_paths (mb);
      if (open_dirs (mb, error) && load_files (mb, error))
        return mb;
    }
  md_mailbox_unload (mb);
  g_prefix_error (error, "mailbox %s: ", name);
  return NULL;
}

void
md_mailbox_unload (MdMailbox *mb)
{
  if (mb->has_early_scan)
    md_scan_clear (&mb->early_scan);
  md_courier_write (mb);
  md_unique_ids_drop (mb->unique_ids);
  md_unsized_free (mb->unsized);
  g_clear_pointer (&mb->told_ids, g_hash_table_unref);
  md_index_close (mb);
  md_cache_close (&mb->cache);
  md_slots_close (&mb->state);
  int fds[] = { mb->control_fd != mb->fd ? mb->control_fd : -1, mb->fd, mb->new_fd, mb->cur_fd };
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      md_sys.close (fds[i]);
  g_clear_pointer (&mb->snapshot, satchel_snapshot_unref);
  g_clear_pointer (&mb->published, satchel_snapshot_unref);
  g_clear_pointer (&mb->indexed, satchel_snapshot_unref);
  g_clear_pointer (&mb->metadata, g_hash_table_unref);
  md_table_clear (&mb->table);
  md_keywords_clear (&mb->keywords);
  g_array_unref (mb->tombstones);
  g_free (mb->name);
  g_free (mb->dir);
  g_free (mb->new_path);
  g_free (mb->cur_path);
  g_free (mb);
}

SatchelStorageMailbox *
md_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  MdMailbox *mb = md_mailbox_load (store, name, error);
  SatchelStorageMailbox *handle = NULL;
  if (mb != NULL)
    {
      handle = satchel_storage_mailbox_new (storage, name);
      handle->driver = mb;
      mb->handle = handle;
      g_mutex_lock (&store->table);
      g_hash_table_insert (store->open, mb->dir, mb);
      g_mutex_unlock (&store->table);
      if (mb->indexed != NULL && mb->indexed != mb->snapshot)
        satchel_storage_mailbox_publish (handle, g_steal_pointer (&mb->indexed));
      g_clear_pointer (&mb->indexed, satchel_snapshot_unref);
      md_mailbox_publish (mb);
    }
  g_mutex_unlock (&store->writer);
  return handle;
}

void
md_close_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox->driver;
  if (mb == NULL)
    return;
  md_watch_forget (mb);
  g_mutex_lock (&store->writer);
  g_mutex_lock (&store->table);
  if (g_hash_table_lookup (store->open, mb->dir) == mb)
    g_hash_table_remove (store->open, mb->dir);
  g_mutex_unlock (&store->table);
  mb->handle = NULL;
  mailbox->driver = NULL;
  md_mailbox_unload (mb);
  g_mutex_unlock (&store->writer);
}

/* ---------------------------------------------------------------- the calls */

gboolean
md_mailbox_peek (MdStore *store, const char *dir, MdSummary *ret_summary, SatchelMailboxState *ret_state)
{
  int fd = md_open_path (store->user_fd, dir, FALSE, NULL);
  MdSummary summary;
  guint32 n_unsized;
  MdSlots state = { .fd = -1 };
  struct stat st[2];
  gboolean ok = fd >= 0 && md_index_peek (fd, &summary, &n_unsized) && !summary.is_suspect
                && md_sys.fstatat (fd, "new", &st[0], AT_SYMLINK_NOFOLLOW) == 0
                && md_sys.fstatat (fd, "cur", &st[1], AT_SYMLINK_NOFOLLOW) == 0
                && md_slots_open (&state, fd, MD_STATE_FILE, NULL)
                && state.words[MD_STATE_UIDVALIDITY] == summary.uidvalidity
                && md_hint_is_of (&state, summary.sequence);
  const MdStamp *known[2] = { ok ? &summary.new_stamp : NULL, ok ? &summary.cur_stamp : NULL };
  for (guint i = 0; ok && i < 2; i++)
    ok = md_may_read (&st[i]) && known[i]->ino == st[i].st_ino && known[i]->sec == st[i].st_mtim.tv_sec
         && known[i]->nsec == st[i].st_mtim.tv_nsec;
  if (ok)
    {
      memset (ret_state, 0, sizeof *ret_state);
      memcpy (ret_state->mailbox_id, &state.words[MD_STATE_ID_1], 16);
      ret_state->uidvalidity = summary.uidvalidity;
      ret_state->uidnext = summary.uidnext;
      ret_state->highestmodseq = MAX (summary.highestmodseq, 1);
      ret_state->first_recent_uid = summary.first_recent;
      ret_state->n_messages = summary.n_messages;
      ret_state->n_unseen = summary.n_unseen;
      ret_state->n_deleted = summary.n_deleted;
      ret_state->size_bytes = summary.size_bytes;
      ret_state->history_start = summary.history_start;
      ret_state->n_unsized = n_unsized;
      *ret_summary = summary;
    }
  md_slots_close (&state);
  if (fd >= 0)
    md_sys.close (fd);
  return ok;
}

gboolean
md_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
           SatchelMailboxState *ret_state, GError **error)
{
  MdStore *store = storage->self;
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, error);
  if (dir == NULL)
    return FALSE;
  gboolean ok = TRUE;
  MdSummary summary;
  g_mutex_lock (&store->writer);
  MdMailbox *open = g_hash_table_lookup (store->open, dir);
  if (open != NULL && md_mailbox_is_in_place (open))
    {
      if (!md_mailbox_is_current (open))
        ok = md_sync (open, FALSE, error);
      if (ok)
        *ret_state = open->snapshot->state;
    }
  else if (!md_mailbox_peek (store, dir, &summary, ret_state))
    {
      MdMailbox *mb = md_mailbox_load (store, name, error);
      ok = mb != NULL;
      if (ok)
        {
          *ret_state = mb->snapshot->state;
          md_mailbox_unload (mb);
        }
    }
  g_mutex_unlock (&store->writer);
  return ok;
}

gboolean
md_sync_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 GError **error)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&store->writer);
  if (!mb->is_deleted && !md_mailbox_is_in_place (mb))
    md_mailbox_lose (mb);
  gboolean ok = mb->is_deleted || md_sync (mb, FALSE, error);
  if (ok && !mb->is_deleted)
    md_mailbox_publish (mb);
  g_mutex_unlock (&store->writer);
  return ok;
}

gboolean
md_is_current (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox)
{
  MdMailbox *mb = mailbox->driver;
  /* A reader or a status may have taken something in that only a writing call may publish. */
  gboolean is_published = g_atomic_pointer_get (&mb->snapshot) == g_atomic_pointer_get (&mb->published);
  return mb->is_deleted || (is_published && md_mailbox_is_current (mb));
}

gboolean
md_claim_recent (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 upto_uid, guint32 *ret_first, GError **error)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&store->writer);
  guint32 first = mb->first_recent;
  if (upto_uid > first && !mb->is_deleted)
    {
      mb->first_recent = MIN (upto_uid, mb->uidnext);
      /* The state file follows at its next write: what a power cut takes back is only seen as recent twice.
       */
      SatchelMailboxState state;
      md_mailbox_state (mb, mb->snapshot->state.highestmodseq, &state);
      SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (mb->snapshot);
      md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (builder, &state));
      md_index_flush (mb, FALSE, NULL);
      md_mailbox_publish (mb);
    }
  *ret_first = first;
  g_mutex_unlock (&store->writer);
  return TRUE;
}

static int
by_first (const void *a, const void *b)
{
  const MdTombstone *x = a, *y = b;
  return (x->first > y->first) - (x->first < y->first);
}

gboolean
md_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
             guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&store->writer);
  g_autoptr (GArray) since = g_array_new (FALSE, FALSE, sizeof (MdTombstone));
  for (guint i = mb->tombstones->len; i > 0; i--)
    {
      MdTombstone tombstone = g_array_index (mb->tombstones, MdTombstone, i - 1);
      if (tombstone.modseq <= modseq)
        break;
      g_array_append_val (since, tombstone);
    }
  *ret_is_complete = modseq >= mb->history_start;
  g_mutex_unlock (&store->writer);
  g_array_sort (since, by_first);
  for (guint i = 0; i < since->len; i++)
    {
      const MdTombstone *tombstone = &g_array_index (since, MdTombstone, i);
      satchel_uid_set_add (ret_uids, tombstone->first, tombstone->last);
    }
  return TRUE;
}
