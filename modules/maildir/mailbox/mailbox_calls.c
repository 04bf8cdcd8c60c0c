/* SPDX-License-Identifier: MIT
 * Implements calls of the driver that look at a mailbox: STATUS, NOOP, the first \Recent message, removed
 * UIDs.
 */
#include "config.h"

#include "files/access_error.h"
#include "driver.h"
#include "files/file_io.h"
#include "names/folder_name.h"
#include "index/index.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "store/slots.h"
#include "mailbox/sync.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

gboolean
md_mailbox_peek (MdStore *store, const char *dir, MdSummary *ret_summary, SatchelMailboxState *ret_state)
{
  g_auto (MdFd) fd = md_open_path (store->user_fd, dir, FALSE, NULL);
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
      ret_state->first_recent_uid = (guint32) MAX (summary.first_recent, state.words[MD_STATE_RECENT]);
      ret_state->n_messages = summary.n_messages;
      ret_state->n_unseen = summary.n_unseen;
      ret_state->n_deleted = summary.n_deleted;
      ret_state->size_bytes = summary.size_bytes;
      ret_state->history_start = summary.history_start;
      ret_state->n_unsized = n_unsized;
      *ret_summary = summary;
    }
  md_slots_close (&state);
  return ok;
}

gboolean
md_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
           SatchelMailboxState *ret_state, GError **error)
{
  MdStore *store = storage->self;
  g_autofree char *dir = md_folder_dir (store->settings.layout, name, error);
  if (dir == NULL || !md_journal_finish (store, error))
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
  if (!md_journal_finish (store, error))
    return FALSE;
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
  /* Reading a message, or a status, may have taken in changes that only a call which may publish makes
   * known. */
  gboolean is_published = g_atomic_pointer_get (&mb->snapshot) == g_atomic_pointer_get (&mb->published);
  return mb->is_deleted || (is_published && md_mailbox_is_current (mb));
}

/* The index has the claim, and the state file has it at some later time.  If the index cannot be written, the
 * state file gets it at once, which needs no space.  If a power cut takes the claim back, or nothing can be
 * written, some messages are only seen as recent twice: that must keep nobody from reading. */
static void
note_recent (MdMailbox *mb)
{
  if (!mb->index.is_broken)
    return;
  mb->state.words[MD_STATE_RECENT] = mb->first_recent;
  md_slots_commit (&mb->state, NULL);
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
      SatchelMailboxState state;
      md_mailbox_state (mb, mb->snapshot->state.highestmodseq, &state);
      SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (mb->snapshot);
      md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (builder, &state));
      md_index_flush (mb, FALSE, NULL);
      note_recent (mb);
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
