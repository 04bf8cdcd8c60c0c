/* SPDX-License-Identifier: MIT
 * Exchanges contents of messages.  The staged file gets a name with the UID, the email id and the flags of
 * the message, and then the file of before is removed; the journal has both steps.
 */
#include "config.h"

#include "commit/stage_message.h"
#include "commit/sync_hold.h"
#include "commit/transaction_plan.h"
#include "driver.h"
#include "files/maildir_sys.h"
#include "files/unique_name.h"
#include "foreign/unique_ids.h"
#include "index/cache.h"
#include "index/index.h"
#include "mailbox/mailbox.h"
#include "mailbox/sync.h"
#include "names/file_name.h"
#include "store/maildir_store.h"

#include <fcntl.h>
#include <string.h>

#define ATTEMPTS 4

/* Makes the new name up to its flags, in plan->new_name.  It is another one also where sizes are the same, so
 * that a look at the directory shows that the content is another. */
static gboolean
name_exchanged (MdPlan *plan, const MdMailbox *mb, const MdEntry *entry, const SatchelMessageRow *row,
                const SatchelStaged *staged, GError **error)
{
  const char *old = md_table_name (&mb->table, entry);
  const MdStaged *content = staged->driver;
  g_autoptr (GString) prefix = g_string_new (NULL);
  MdName parsed;
  md_name_parse (old, entry->base_len, &parsed);
  md_name_id (old, entry->base_len, prefix);
  MdNameParts parts = { .prefix = prefix->str,
                        .size = content->disk_size,
                        .wire = staged->size,
                        .length = content->length,
                        .date = row->internal_date,
                        .is_raw = content->is_raw,
                        .uidvalidity = mb->uidvalidity,
                        .uid = row->uid,
                        .times = parsed.times + 1 };
  if (md_name_build (g_string_truncate (plan->new_name, 0), &parts))
    return TRUE;
  md_plan_short_prefix (old, entry, prefix);
  parts.prefix = prefix->str;
  return md_name_build (g_string_truncate (plan->new_name, 0), &parts)
         || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the file name of the message would be too long");
}

/* The unique id that clients know may follow from the file's name, and is saved before that changes. */
static gboolean
keep_unique_id (MdPlan *plan, MdMailbox *mb, const SatchelMessageRow *row, GError **error)
{
  MdUniqueIds *ids = md_unique_ids_current (mb, error);
  if (ids == NULL)
    return FALSE;
  g_autofree char *id = md_unique_id (mb, ids, row->uid);
  md_unique_ids_drop (ids);
  if (id != NULL)
    md_plan_save_unique_id (plan, mb, row, plan->new_name, id);
  return TRUE;
}

static void
step_into_place (MdPlan *plan, const MdMailbox *mb, const MdEntry *entry, MdStaged *content)
{
  gboolean is_new = (entry->bits & MD_ENTRY_NEW) != 0;
  MdStep *step = md_plan_step_from_staged (plan, content);
  step->to_fd = is_new ? mb->new_fd : mb->cur_fd;
  step->to_dir = is_new ? mb->new_path : mb->cur_path;
  step->to = md_plan_name (plan, plan->new_name->str);
  md_plan_step_from_entry (plan, md_plan_step (plan, MD_STEP_UNLINK), mb, entry);
}

/* A file that another program brought has its date in its time alone. */
static gboolean
complete_date (const MdMailbox *mb, const MdEntry *entry, SatchelMessageRow *row, GError **error)
{
  struct stat st;
  if (row->internal_date != SATCHEL_DATE_UNKNOWN)
    return TRUE;
  const int fd = (entry->bits & MD_ENTRY_NEW) != 0 ? mb->new_fd : mb->cur_fd;
  if (md_sys.fstatat (fd, md_table_name (&mb->table, entry), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_GONE, "a file was changed by another program");
  row->internal_date = st.st_mtim.tv_sec;
  return TRUE;
}

static gboolean
plan_one (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder, guint32 uid, SatchelStaged *staged,
          GError **error)
{
  guint32 index;
  SatchelMessageRow row;
  if (!satchel_snapshot_find (mb->snapshot, uid, &index))
    return TRUE;
  MdEntry *entry = md_plan_entry_of (mb, uid, error);
  satchel_snapshot_builder_get (builder, index, &row);
  if (entry == NULL || !complete_date (mb, entry, &row, error)
      || !name_exchanged (plan, mb, entry, &row, staged, error) || !keep_unique_id (plan, mb, &row, error))
    return FALSE;
  const guint base_len = (guint) plan->new_name->len;
  g_string_append (plan->new_name, md_table_name (&mb->table, entry) + entry->base_len);
  step_into_place (plan, mb, entry, staged->driver);
  row.size = staged->size;
  satchel_snapshot_builder_set (builder, index, &row);
  MdEffect *effect = md_plan_add_effect (plan, mb, uid, MD_EFFECT_EXCHANGE);
  effect->before = *entry;
  effect->attributes = staged->attributes != NULL ? g_bytes_ref (staged->attributes) : NULL;
  g_mutex_lock (&plan->store->table);
  md_table_rename (&mb->table, entry, entry->bits | MD_ENTRY_OURS, plan->new_name->str, base_len);
  entry->cache_off = 0;
  entry->cache_len = 0;
  g_mutex_unlock (&plan->store->table);
  return TRUE;
}

static gboolean
plan_all (MdPlan *plan, MdMailbox *mb, const guint32 *uids, SatchelStaged *const *staged, guint n,
          GError **error)
{
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, mb);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < n; i++)
    ok = plan_one (plan, mb, builder, uids[i], staged[i], error);
  md_plan_finish_builder (plan, mb, builder);
  return ok && md_plan_save_imports (plan, error);
}

static gboolean
exchange_once (MdStore *store, MdMailbox *mb, const guint32 *uids, SatchelStaged *const *staged, guint n,
               GError **error)
{
  g_autoptr (MdPlan) plan = md_plan_new (store);
  if (!plan_all (plan, mb, uids, staged, n, error))
    {
      md_plan_undo (plan);
      return FALSE;
    }
  /* Recovery finds staged files by their names. */
  if (plan->steps->len > 0 && !md_fsync (store->tmp_fd, "tmp", error))
    {
      md_plan_undo (plan);
      return FALSE;
    }
  return plan->steps->len == 0 || md_plan_execute (plan, error);
}

/* Gives up attributes that no message has. */
static gboolean
clean_cache (MdMailbox *mb)
{
  if (md_cache_open (mb, FALSE) && md_cache_compact (mb, TRUE))
    md_index_checkpoint (mb);
  return TRUE;
}

/* Another program may rename or remove files meanwhile, so that the plan is made of names that are gone. */
static gboolean
try_exchange (MdStore *store, MdMailbox *mb, const guint32 *uids, SatchelStaged *const *staged, guint n,
              GError **error)
{
  for (guint attempt = 0;; attempt++)
    {
      g_autoptr (GError) why = NULL;
      if (mb->is_deleted)
        return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox was deleted");
      if (!md_hold_settle (store, error) || !md_sync (mb, attempt > 0, error))
        return FALSE;
      if (n == 0)
        return clean_cache (mb);
      if (exchange_once (store, mb, uids, staged, n, &why))
        return TRUE;
      if (why->code != SATCHEL_ERROR_GONE || store->journal.is_half_done || attempt + 1 == ATTEMPTS)
        {
          g_propagate_error (error, g_steal_pointer (&why));
          return FALSE;
        }
    }
}

gboolean
md_exchange (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
             const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error)
{
  MdStore *store = storage->self;
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&store->writer);
  g_atomic_int_add (&mb->busy, 1);
  gboolean ok = try_exchange (store, mb, uids, staged, n, error);
  g_atomic_int_add (&mb->busy, -1);
  g_mutex_unlock (&store->writer);
  return ok;
}
