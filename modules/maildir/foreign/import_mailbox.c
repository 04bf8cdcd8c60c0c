/* SPDX-License-Identifier: MIT
 * Mailboxes that come from another store with its ids and numbers, and what an export asks for. State files
 * of the other mailboxes say which ids are taken.
 */
#include "config.h"

#include "driver.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "names/folder_name.h"
#include "index/index.h"
#include "commit/journal.h"
#include "store/list.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "store/slots.h"
#include "mailbox/sync.h"
#include "commit/sync_hold.h"
#include "store/tree.h"
#include "store/user_file.h"

#include <fcntl.h>
#include <string.h>

static gboolean
mailbox_has_id (MdStore *store, const char *dir, const guint8 id[16])
{
  MdSlots state = { .fd = -1 };
  g_auto (MdFd) fd = md_open_path (store->user_fd, dir, FALSE, NULL);
  gboolean has = fd >= 0 && md_slots_open (&state, fd, MD_STATE_FILE, NULL)
                 && memcmp (&state.words[MD_STATE_ID_1], id, 16) == 0;
  md_slots_close (&state);
  return has;
}

static gboolean
id_is_free (MdStore *store, const char *but, const guint8 id[16], GError **error)
{
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, error);
  if (dirs == NULL)
    return FALSE;
  g_ptr_array_add (dirs, g_strdup (""));
  for (guint i = 0; i < dirs->len; i++)
    if (strcmp (dirs->pdata[i], but) != 0 && mailbox_has_id (store, dirs->pdata[i], id))
      return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "another mailbox has this mailbox id");
  return TRUE;
}

/* The index of the old mailbox is removed first: it must never be found beside a state file that it does
 * not belong to. */
static gboolean
change_identity (MdMailbox *mb, const SatchelMailboxImport *import, GError **error)
{
  guint64 before[MD_SLOT_WORDS], *words = mb->state.words;
  memcpy (before, words, sizeof before);
  md_index_discard (mb);
  if (!md_fsync (mb->fd, "mailbox", error))
    return FALSE;
  memset (words, 0, sizeof before);
  words[MD_STATE_UIDVALIDITY] = import->uidvalidity;
  words[MD_STATE_UID_LIMIT] = import->uidnext;
  words[MD_STATE_RECENT] = 1;
  memcpy (&words[MD_STATE_ID_1], import->mailbox_id, 16);
  if (md_slots_commit (&mb->state, error))
    return TRUE;
  memcpy (words, before, sizeof before);
  md_slots_commit (&mb->state, NULL); /* we do not know which of them is on disk */
  return FALSE;
}

/* Sessions that have the old mailbox open see it deleted; it had no messages. */
static void
leave_mailbox (MdMailbox *mb)
{
  MdStore *store = mb->store;
  if (mb->handle == NULL)
    {
      md_mailbox_unload (mb);
      return;
    }
  g_mutex_lock (&store->table);
  if (g_hash_table_lookup (store->open, mb->dir) == mb)
    g_hash_table_remove (store->open, mb->dir);
  mb->is_deleted = TRUE;
  g_mutex_unlock (&store->table);
  satchel_storage_mailbox_renamed (mb->handle, NULL);
}

static gboolean
save_numbers (MdMailbox *mb, const SatchelMailboxImport *import, GError **error)
{
  guint64 before[MD_SLOT_WORDS], *words = mb->state.words;
  memcpy (before, words, sizeof before);
  words[MD_STATE_UID_LIMIT] = MAX (words[MD_STATE_UID_LIMIT], import->uidnext);
  words[MD_STATE_RECENT] = MAX (import->first_recent_uid, 1);
  if (md_user_raise (mb->store, import->highestmodseq, import->uidvalidity, error)
      && (memcmp (before, words, sizeof before) == 0 || md_slots_commit (&mb->state, error)))
    return TRUE;
  memcpy (words, before, sizeof before);
  return FALSE;
}

static void
set_history (MdMailbox *mb, const SatchelMailboxImport *import)
{
  const guint skip = import->n_tombstones > MD_TOMBSTONES_MAX ? import->n_tombstones - MD_TOMBSTONES_MAX : 0;
  mb->history_start = import->history_start != 0 ? import->history_start : import->highestmodseq;
  if (skip > 0)
    mb->history_start = import->tombstones[skip - 1].modseq;
  for (guint i = skip; i < import->n_tombstones; i++)
    {
      const SatchelTombstone *from = &import->tombstones[i];
      MdTombstone tombstone = { from->first, from->last, from->modseq };
      g_array_append_val (mb->tombstones, tombstone);
    }
}

/* Writes to disk what only the index holds, before a client hears of it. */
static gboolean
write_new_index (MdMailbox *mb, guint64 highestmodseq, GError **error)
{
  SatchelMailboxState state;
  md_mailbox_state (mb, highestmodseq, &state);
  md_mailbox_take_snapshot (
      mb, satchel_snapshot_builder_finish (satchel_snapshot_builder_new (mb->snapshot), &state));
  mb->index.needs_sync = mb->index.is_broken = TRUE; /* this makes the next write a new index */
  return md_index_flush (mb, TRUE, error);
}

static gboolean
set_numbers (MdMailbox *mb, const SatchelMailboxImport *import, GError **error)
{
  if (!save_numbers (mb, import, error))
    return FALSE;
  const guint32 uidnext = mb->uidnext, first_recent = mb->first_recent;
  const guint64 history_start = mb->history_start;
  g_autoptr (SatchelSnapshot) before = satchel_snapshot_ref (mb->snapshot);
  GArray *tombstones = mb->tombstones;
  mb->tombstones = g_array_new (FALSE, FALSE, sizeof (MdTombstone));
  mb->uidnext = import->uidnext;
  mb->first_recent = MAX (import->first_recent_uid, 1);
  set_history (mb, import);
  gboolean ok = write_new_index (mb, import->highestmodseq, error);
  if (!ok)
    {
      mb->uidnext = uidnext;
      mb->first_recent = first_recent;
      mb->history_start = history_start;
      GArray *failed = mb->tombstones;
      mb->tombstones = tombstones;
      tombstones = failed;
      md_mailbox_take_snapshot (mb, satchel_snapshot_ref (before));
    }
  g_array_unref (tombstones);
  return ok;
}

/* Returns the mailbox that is open, brought up to date, or one that is loaded for this call. */
static MdMailbox *
load_current_mailbox (MdStore *store, const char *name, const char *dir, GError **error)
{
  MdMailbox *mb = g_hash_table_lookup (store->open, dir);
  if (mb != NULL && !md_mailbox_is_in_place (mb))
    {
      md_mailbox_lose (mb);
      mb = NULL;
    }
  if (mb == NULL)
    return md_mailbox_load (store, name, error);
  return md_sync (mb, FALSE, error) ? mb : NULL;
}

static gboolean
import_numbers (MdStore *store, const char *name, const char *dir, const SatchelMailboxImport *import,
                GError **error)
{
  gboolean is_same = FALSE;
  MdMailbox *mb = load_current_mailbox (store, name, dir, error);
  gboolean ok = mb != NULL && satchel_mailbox_import_fits (import, mb->snapshot, &is_same, error);
  if (ok && !is_same)
    {
      ok = change_identity (mb, import, error);
      if (ok)
        {
          leave_mailbox (mb);
          mb = md_mailbox_load (store, name, error);
          ok = mb != NULL;
        }
    }
  ok = ok && set_numbers (mb, import, error);
  if (mb != NULL && mb->handle != NULL)
    md_mailbox_publish (mb);
  else if (mb != NULL)
    md_mailbox_unload (mb);
  return ok;
}

static gboolean
import_mailbox_locked (MdStore *store, const char *name, const SatchelMailboxImport *import, GError **error)
{
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, error);
  if (dir == NULL || !id_is_free (store, dir, import->mailbox_id, error))
    return FALSE;
  if (import->uidnext >= MD_UID_MAX - MD_UID_JUMP)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "mailbox %s: UIDNEXT %u leaves no UID for new messages", name, import->uidnext);
  gboolean is_new = !md_folder_exists (store, dir);
  if (is_new && !md_create_as (store, name, import, error))
    return FALSE;
  gboolean ok = import_numbers (store, name, dir, import, error);
  if (!ok && is_new)
    md_remove_locked (store, name, NULL);
  return ok;
}

gboolean
md_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                   const SatchelMailboxImport *import, GError **error)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  gboolean ok = md_journal_settle (store, error) && md_hold_settle (store, error)
                && import_mailbox_locked (store, name, import, error);
  g_mutex_unlock (&store->writer);
  return ok;
}

gboolean
md_tombstones (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
               GArray *tombstones, guint64 *ret_history_start, GError **error)
{
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&mb->store->writer);
  for (guint i = 0; i < mb->tombstones->len; i++)
    {
      const MdTombstone *from = &g_array_index (mb->tombstones, MdTombstone, i);
      SatchelTombstone tombstone = { from->first, from->last, from->modseq };
      g_array_append_val (tombstones, tombstone);
    }
  *ret_history_start = mb->history_start;
  g_mutex_unlock (&mb->store->writer);
  return TRUE;
}
