/* SPDX-License-Identifier: MIT
 * Implements internal dates of files that others wrote. The date is the time of the file, which is read when
 * a client first asks for it.
 */
#include "config.h"

#include "driver.h"
#include "names/file_name.h"
#include "index/index.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "mailbox/sync.h"

#include <errno.h>
#include <fcntl.h>

/* Takes the time of the file of @entry for the date of its row.  *ret_gone: no file has that name any more. A
 * size that only the name tells, and that the file cannot have, is unknown from now on. */
static gboolean
fill_date (MdMailbox *mb, SatchelSnapshotBuilder *builder, guint32 index, const MdEntry *entry,
           gboolean *ret_gone, GError **error)
{
  struct stat st;
  SatchelMessageRow row;
  int fd = (entry->bits & MD_ENTRY_NEW) != 0 ? mb->new_fd : mb->cur_fd;
  if (md_sys.fstatat (fd, md_table_name (&mb->table, entry), &st, AT_SYMLINK_NOFOLLOW) != 0)
    {
      if (errno != ENOENT)
        return satchel_error_set_errno (error, errno,
                                        "mailbox %s: the time of a message file cannot be found", mb->name);
      *ret_gone = TRUE;
      return TRUE;
    }
  satchel_snapshot_builder_get (builder, index, &row);
  row.internal_date = st.st_mtim.tv_sec;
  if (!md_name_fits (md_table_name (&mb->table, entry), entry->name_len, &st) && entry->cache_off == 0)
    row.size = SATCHEL_SIZE_UNKNOWN;
  satchel_snapshot_builder_set (builder, index, &row);
  md_index_row (mb, &row, entry);
  return TRUE;
}

static gboolean
fill_all_dates (MdMailbox *mb, gboolean *ret_gone, GError **error)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_snapshot_ref (mb->snapshot);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (snapshot);
  const MdEntry *entry = (const MdEntry *) (void *) mb->table.entries->data,
                *end = entry + mb->table.entries->len;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      for (guint i = 0; i < chunk->n; i++)
        {
          if (chunk->internal_date[i] != SATCHEL_DATE_UNKNOWN)
            continue;
          while (entry < end && (entry->uid < chunk->uid[i] || (entry->bits & MD_ENTRY_DEAD) != 0))
            entry++;
          if (entry < end && entry->uid == chunk->uid[i]
              && !fill_date (mb, builder, snapshot->first_index[c] + i, entry, ret_gone, error))
            return FALSE;
        }
    }
  SatchelMailboxState state;
  md_mailbox_state (mb, snapshot->state.highestmodseq, &state);
  md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (g_steal_pointer (&builder), &state));
  return TRUE;
}

gboolean
md_fill_dates (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
               GError **error)
{
  MdMailbox *mb = mailbox->driver;
  gboolean is_gone = FALSE;
  g_mutex_lock (&mb->store->writer);
  gboolean ok = fill_all_dates (mb, &is_gone, error);
  /* Another program renamed or removed files: try once more with the names that exist now. */
  if (ok && is_gone)
    ok = md_sync (mb, TRUE, error) && fill_all_dates (mb, &is_gone, error);
  md_index_flush (mb, FALSE, NULL);
  md_mailbox_publish (mb);
  g_mutex_unlock (&mb->store->writer);
  return ok;
}
