/* SPDX-License-Identifier: MIT
 * Counts how much a user's mail takes up. Open mailboxes are counted from their snapshots. The sums of
 * others are in their indexes, and are remembered as long as their directories do not change.
 */
#include "config.h"

#include "files/access_error.h"
#include "driver.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "names/folder_name.h"
#include "index/index.h"
#include "store/list.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "mailbox/sync.h"
#include "mailbox/unsized.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

/* Returns the sum for one snapshot, kept by chunk since most chunks are those of the snapshot before. */

static SatchelUsage
get_mailbox_usage (MdMailbox *mb)
{
  const SatchelMailboxState *state = &mb->snapshot->state;
  return (SatchelUsage) { state->size_bytes + md_unsized_bytes (mb), state->n_messages };
}

static SatchelUsage
get_uids_usage (MdMailbox *mb, const SatchelUidSet *uids)
{
  const SatchelSnapshot *snapshot = mb->snapshot;
  SatchelUsage usage = { 0 };
  for (guint r = 0; r < uids->n_ranges; r++)
    {
      guint32 index;
      satchel_snapshot_find (snapshot, uids->ranges[r].first, &index);
      for (; index < snapshot->state.n_messages; index++)
        {
          guint at;
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
          if (chunk->uid[at] > uids->ranges[r].last)
            break;
          gboolean is_known = chunk->size[at] != SATCHEL_SIZE_UNKNOWN;
          usage.bytes += is_known ? chunk->size[at] : md_file_bytes (mb, chunk->uid[at]);
          usage.messages++;
        }
    }
  return usage;
}

/* The sums of a mailbox that is not open hold as long as its directories have these times. */
typedef struct Counted
{
  MdStamp new_stamp, cur_stamp;
  SatchelUsage usage;
  guint round;
} Counted;

static gboolean
dir_has_stamp (MdStore *store, const char *dir, const char *part, const MdStamp *stamp)
{
  char path[2 * MD_NAME_MAX];
  struct stat st;
  g_autofree char *longer = NULL;
  const char *at = path;
  if (g_snprintf (path, sizeof path, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", part) >= (int) sizeof path)
    at = longer = g_strconcat (dir, "/", part, NULL);
  return md_sys.fstatat (store->user_fd, at, &st, AT_SYMLINK_NOFOLLOW) == 0 && md_may_read (&st)
         && st.st_ino == stamp->ino && st.st_mtim.tv_sec == stamp->sec && st.st_mtim.tv_nsec == stamp->nsec;
}

static void
remember_usage (MdStore *store, const char *dir, guint round, const MdStamp *new_stamp,
                const MdStamp *cur_stamp, SatchelUsage usage)
{
  if (store->counted == NULL)
    store->counted = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  Counted *counted = g_new (Counted, 1);
  *counted = (Counted) { *new_stamp, *cur_stamp, usage, round };
  g_hash_table_insert (store->counted, g_strdup (dir), counted);
}

/* Counts a mailbox from its index, or by opening it. */
static gboolean
count_closed_folder (MdStore *store, const char *dir, const char *name, guint round, SatchelUsage *ret_usage,
                     GError **error)
{
  MdSummary summary;
  SatchelMailboxState state;
  if (md_mailbox_peek (store, dir, &summary, &state) && state.n_unsized == 0)
    {
      *ret_usage = (SatchelUsage) { state.size_bytes, state.n_messages };
      remember_usage (store, dir, round, &summary.new_stamp, &summary.cur_stamp, *ret_usage);
      return TRUE;
    }
  MdMailbox *mb = md_mailbox_load (store, name, error);
  if (mb == NULL)
    return FALSE;
  *ret_usage = get_mailbox_usage (mb);
  if (mb->suspect_due_ms == 0)
    remember_usage (store, dir, round, &mb->new_stamp, &mb->cur_stamp, *ret_usage);
  md_mailbox_unload (mb);
  return TRUE;
}

static gboolean
get_folder_usage (MdStore *store, const char *dir, const char *name, guint round, SatchelUsage *ret_usage,
                  GError **error)
{
  MdMailbox *open = g_hash_table_lookup (store->open, dir);
  if (open != NULL && md_mailbox_is_in_place (open))
    {
      if (!md_mailbox_is_current (open) && !md_sync (open, FALSE, error))
        return FALSE;
      *ret_usage = get_mailbox_usage (open);
      return TRUE;
    }
  Counted *counted = store->counted != NULL ? g_hash_table_lookup (store->counted, dir) : NULL;
  if (counted != NULL && dir_has_stamp (store, dir, "new", &counted->new_stamp)
      && dir_has_stamp (store, dir, "cur", &counted->cur_stamp))
    {
      counted->round = round;
      *ret_usage = counted->usage;
      return TRUE;
    }
  return count_closed_folder (store, dir, name, round, ret_usage, error);
}

/* Adds the usage of a folder. A mailbox that cannot be read counts as empty, since a folder that somebody
 * planted must not keep mail from coming in. */
static void
add_folder_usage (MdStore *store, const char *dir, const char *name, guint round, SatchelUsage *sum)
{
  SatchelUsage usage = { 0 };
  g_autoptr (GError) error = NULL;
  if (get_folder_usage (store, dir, name, round, &usage, &error))
    {
      sum->bytes += usage.bytes;
      sum->messages += usage.messages;
    }
  else if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
           && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "user=%s mailbox %s is left out of the user's usage: %s",
                 store->storage->identity->user, name, error->message);
}

static gboolean
is_of_old_round (gpointer dir, gpointer counted, gpointer round)
{
  return ((Counted *) counted)->round != GPOINTER_TO_UINT (round);
}

static gboolean
sum_store_usage (MdStore *store, SatchelUsage *ret_usage, GError **error)
{
  g_autoptr (GPtrArray) dirs = md_folder_dirs (store, NULL, error);
  if (dirs == NULL)
    return FALSE;
  SatchelUsage sum = { 0 };
  guint round = ++store->count_round;
  add_folder_usage (store, "", "INBOX", round, &sum);
  for (guint i = 0; i < dirs->len; i++)
    {
      g_autofree char *name = md_folder_name (store->settings.layout, dirs->pdata[i]);
      if (name != NULL)
        add_folder_usage (store, dirs->pdata[i], name, round, &sum);
    }
  if (store->counted != NULL && g_hash_table_size (store->counted) > dirs->len + 1)
    g_hash_table_foreach_remove (store->counted, is_of_old_round, GUINT_TO_POINTER (round));
  *ret_usage = sum;
  return TRUE;
}

gboolean
md_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
          const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox != NULL ? mailbox->driver : NULL;
  gboolean ok = TRUE;
  g_mutex_lock (&store->writer);
  if (mailbox == NULL)
    ok = sum_store_usage (store, ret_usage, error);
  else if (mb == NULL || mb->is_deleted)
    *ret_usage = (SatchelUsage) { 0 };
  else
    *ret_usage = uids != NULL ? get_uids_usage (mb, uids) : get_mailbox_usage (mb);
  g_mutex_unlock (&store->writer);
  return ok;
}
