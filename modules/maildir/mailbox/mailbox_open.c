/* SPDX-License-Identifier: MIT
 * Opens and closes a mailbox.
 */
#include "config.h"

#include "index/cache.h"
#include "foreign/control_dir.h"
#include "foreign/courier.h"
#include "driver.h"
#include "files/file_io.h"
#include "names/folder_name.h"
#include "index/index.h"
#include "mailbox/inotify_watch.h"
#include "names/keyword_letters.h"
#include "store/list.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "index/planned.h"
#include "mailbox/scan.h"
#include "store/slots.h"
#include "mailbox/sync.h"
#include "foreign/uidlist_write.h"
#include "foreign/unique_ids.h"
#include "mailbox/unsized.h"

#include <string.h>

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

/* Opens the directories of a mailbox. A name that LIST does not show, such as a symbolic link, is not a
 * mailbox here either. */
static gboolean
open_dirs (MdMailbox *mb, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (open_dirs_if_there (mb, &local))
    return TRUE;
  if (!md_folder_exists (mb->store, mb->dir))
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such mailbox");
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
      /* The index belongs to another mailbox, or is older than a renumbering. */
      md_mailbox_take_snapshot (mb, NULL);
      md_index_forget (mb);
      mb->trust = MD_INDEX_LOST;
      mb->first_recent = 1;
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
  mb->first_recent = (guint32) MAX (words[MD_STATE_RECENT], mb->first_recent);
  if (mb->trust != MD_INDEX_LOST)
    {
      mb->cache.id = summary->cache_id;
      /* The snapshot was made before the state file was read, and no reader has it yet. */
      mb->snapshot->state.uidvalidity = mb->uidvalidity;
      mb->snapshot->state.first_recent_uid = mb->first_recent;
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
  if (!md_index_load (mb, &mb->trust, &snapshot, &summary, error))
    return FALSE;
  mb->snapshot = snapshot;
  if (!has_state)
    {
      if (!md_file_is_lost (local))
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
  if (!md_keywords_load (&mb->keywords, mb->control_fd, error))
    return FALSE;
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
  if (mb->control_fd != mb->fd)
    md_fd_clear (&mb->control_fd);
  md_fd_clear (&mb->fd);
  md_fd_clear (&mb->new_fd);
  md_fd_clear (&mb->cur_fd);
  g_clear_pointer (&mb->snapshot, satchel_snapshot_unref);
  g_clear_pointer (&mb->published, satchel_snapshot_unref);
  g_clear_pointer (&mb->indexed, satchel_snapshot_unref);
  g_clear_pointer (&mb->metadata, g_hash_table_unref);
  md_planned_clear (mb);
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
  if (!md_journal_finish (store, error))
    return NULL;
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
