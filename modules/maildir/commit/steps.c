/* SPDX-License-Identifier: MIT
 * Does the steps of plans, puts them back if one fails, makes them durable, and tells index and readers of
 * them.
 */
#include "config.h"

#include "files/access_error.h"
#include "index/cache.h"
#include "foreign/courier.h"
#include "files/file_io.h"
#include "index/index.h"
#include "commit/journal.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"
#include "commit/stage_message.h"
#include "commit/transaction_plan.h"
#include "foreign/uidlist_write.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <string.h>
#include <unistd.h>

static int
attempt_step (const MdStep *step)
{
  switch (step->kind)
    {
    case MD_STEP_RENAME:
    case MD_STEP_RENAME_DIR:
      return md_sys.renameat (step->from_fd, step->from, step->to_fd, step->to);
    case MD_STEP_LINK:
      return md_sys.linkat (step->from_fd, step->from, step->to_fd, step->to, 0);
    case MD_STEP_UNLINK:
      return md_sys.unlinkat (step->from_fd, step->from, 0);
    }
  errno = EINVAL;
  return -1;
}

static gboolean
is_noted (const MdPlan *plan)
{
  return plan->steps->len > 1 && plan->store->journal.is_in_force;
}

/* Puts a step back.  FALSE means that it stays done.  @is_noted says that the journal has it. */
static gboolean
put_step_back (MdStep *step, gboolean is_noted)
{
  if (!step->is_done)
    return TRUE;
  step->is_done = FALSE;
  switch (step->kind)
    {
    case MD_STEP_RENAME:
    case MD_STEP_RENAME_DIR:
      /* Staged content that the journal does not have is rather removed than left as a message that was not
       * acknowledged. */
      return md_sys.renameat (step->to_fd, step->to, step->from_fd, step->from) == 0
             || md_sys.renameat (step->to_fd, step->to, step->from_fd, step->from) == 0
             || (step->is_staged && !is_noted && md_sys.unlinkat (step->to_fd, step->to, 0) == 0);
    case MD_STEP_LINK:
      return md_sys.unlinkat (step->to_fd, step->to, 0) == 0
             || md_sys.unlinkat (step->to_fd, step->to, 0) == 0;
    case MD_STEP_UNLINK: /* never happens: md_plan_run does removals last */
      break;
    }
  return TRUE;
}

/* The journal has all steps done later, if it has them. */
static void
leave_half_done (MdPlan *plan)
{
  if (is_noted (plan))
    g_atomic_int_set (&plan->store->journal.is_half_done, TRUE);
}

void
md_plan_roll_back (MdPlan *plan)
{
  gboolean ok = TRUE;
  for (guint i = plan->steps->len; i > 0; i--)
    ok &= put_step_back (&g_array_index (plan->steps, MdStep, i - 1), is_noted (plan));
  plan->stays_done = !ok;
  if (!ok)
    leave_half_done (plan);
}

void
md_plan_keep_staged (MdPlan *plan)
{
  for (guint i = 0; plan->staged != NULL && i < plan->staged->len; i++)
    ((MdStaged *) plan->staged->pdata[i])->name[0] = '\0';
}

gboolean
md_plan_has_removed (const MdPlan *plan)
{
  for (guint i = 0; i < plan->steps->len; i++)
    {
      const MdStep *step = &g_array_index (plan->steps, MdStep, i);
      if (step->kind == MD_STEP_UNLINK && step->is_done)
        return TRUE;
    }
  return FALSE;
}

static gboolean
run_step (MdPlan *plan, guint index, gboolean past_return, GError **error)
{
  MdStep *step = &g_array_index (plan->steps, MdStep, index);
  int result = attempt_step (step);
  if (result != 0 && past_return && errno != ENOENT)
    result = attempt_step (step);
  if (result != 0 && past_return)
    {
      /* Something was removed already, so this cannot fail.  A file that stays is removed later if the
       * journal has it; otherwise it is a message again at the next look, so none is lost. */
      if (errno != ENOENT)
        {
          satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "a message cannot be removed: %s", g_strerror (errno));
          leave_half_done (plan);
        }
      plan->size_change.is_unknown = TRUE; /* the file stays, or another program has removed and counted it */
      result = 0;
    }
  if (result == 0)
    {
      step->is_done = TRUE;
      return TRUE;
    }
  int errnum = errno;
  /* GONE says that the file has another name than we knew: the caller looks again and makes a new plan. */
  if (errno == ENOENT && !step->is_external)
    return satchel_error_set (error, SATCHEL_ERROR_GONE, "a file was changed by another program");
  gboolean is_source =
      step->kind == MD_STEP_UNLINK || faccessat (step->to_fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
  return md_error_at (error, errnum, is_source ? step->from_fd : step->to_fd,
                      is_source ? step->from : step->to, MD_ACCESS_CHANGE, "change of");
}

/* First the steps that can be put back, then the removals: the first of these fails for any reason for
 * which the others could. */
gboolean
md_plan_run (MdPlan *plan, GError **error)
{
  for (int pass = 0; pass < 2; pass++)
    {
      gboolean removed = FALSE;
      if (pass == 1 && plan->store->settings.keeps_maildirsize)
        md_maildirsize_count_plan (plan);
      for (guint i = 0; i < plan->steps->len; i++)
        {
          gboolean is_removal = g_array_index (plan->steps, MdStep, i).kind == MD_STEP_UNLINK;
          if (is_removal != (pass == 1))
            continue;
          if (!run_step (plan, i, removed, error))
            {
              md_plan_roll_back (plan);
              return FALSE;
            }
          removed |= is_removal;
        }
    }
  return TRUE;
}

static void
add_sync_fd (GArray *fds, int fd)
{
  for (guint i = 0; i < fds->len; i++)
    if (g_array_index (fds, int, i) == fd)
      return;
  if (fd >= 0)
    g_array_append_val (fds, fd);
}

/* After a failed sync no later one on the descriptor reports the failure, so the same number gets a fresh
 * descriptor. */
static void
reopen_dir (int fd)
{
  g_auto (MdFd) fresh = md_sys.openat (fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (fresh >= 0)
    dup3 (fresh, fd, O_CLOEXEC);
}

gboolean
md_plan_sync (MdPlan *const *plans, guint n, GError **error)
{
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  /* Destinations before sources: after a crash a message may be in both places, but never in none. */
  for (int sources = 0; sources < 2; sources++)
    for (guint p = 0; p < n; p++)
      for (guint i = 0; i < plans[p]->steps->len; i++)
        {
          const MdStep *step = &g_array_index (plans[p]->steps, MdStep, i);
          if (sources == 0)
            add_sync_fd (fds, step->to_fd);
          else if (step->kind != MD_STEP_LINK && step->from_fd != plans[p]->store->tmp_fd)
            add_sync_fd (fds, step->from_fd);
        }
  for (guint i = 0; i < fds->len; i++)
    {
      int fd = g_array_index (fds, int, i);
      if (md_sys.fsync (fd) == 0)
        continue;
      satchel_error_set_errno (error, errno, "a mail directory cannot be written to disk");
      reopen_dir (fd);
      return FALSE;
    }
  return TRUE;
}

static void
store_attributes (MdMailbox *mb, MdPlan *const *plans, guint n)
{
  g_autoptr (GArray) uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GPtrArray) blobs = g_ptr_array_new ();
  for (guint p = 0; p < n; p++)
    for (guint i = 0; i < plans[p]->effects->len; i++)
      {
        const MdEffect *effect = &g_array_index (plans[p]->effects, MdEffect, i);
        if (effect->mb != mb || effect->attributes == NULL)
          continue;
        g_array_append_val (uids, effect->uid);
        g_ptr_array_add (blobs, effect->attributes);
      }
  if (uids->len == 0)
    return;
  g_autofree guint64 *offsets = g_new (guint64, uids->len);
  md_cache_put (mb, (const guint32 *) (void *) uids->data, (GBytes *const *) blobs->pdata, uids->len,
                offsets);
  g_mutex_lock (&mb->store->table);
  for (guint i = 0; i < uids->len; i++)
    {
      MdEntry *entry = md_table_find (&mb->table, g_array_index (uids, guint32, i));
      if (entry == NULL)
        continue;
      entry->cache_off = offsets[i];
      entry->cache_len = (guint32) g_bytes_get_size (blobs->pdata[i]);
    }
  g_mutex_unlock (&mb->store->table);
}

static void
index_effects (MdMailbox *mb, const MdPlan *plan)
{
  for (guint i = 0; i < plan->effects->len; i++)
    {
      const MdEffect *effect = &g_array_index (plan->effects, MdEffect, i);
      SatchelMessageRow row;
      if (effect->mb != mb)
        continue;
      if (effect->kind == MD_EFFECT_REMOVE)
        {
          mb->cache.dead += effect->before.cache_len;
          md_mailbox_add_tombstone (mb, effect->uid, effect->modseq != 0 ? effect->modseq : plan->modseq);
          continue;
        }
      MdEntry *entry = md_table_find (&mb->table, effect->uid);
      if (entry == NULL || !md_find_row (mb->snapshot, effect->uid, &row))
        continue;
      if (effect->kind == MD_EFFECT_ADD)
        {
          /* What names of files do not say is durable already (md_plan_write_ahead). */
          md_index_row (mb, &row, entry);
          md_metadata_index (mb, effect->uid);
        }
      else if (effect->kind == MD_EFFECT_EXCHANGE)
        {
          mb->cache.dead += effect->before.cache_len;
          md_index_row (mb, &row, entry);
        }
      else
        {
          md_index_flags (mb, &row, entry);
          mb->index.needs_sync |= effect->is_beyond_name;
        }
    }
}

/* Writes to the index what is done, and to disk what only the index holds of changed messages, before readers
 * hear of it. */
gboolean
md_plan_sync_indexes (MdPlan *const *plans, guint n, GError **error)
{
  g_autoptr (GPtrArray) all = md_plan_all_mailboxes (plans, n);
  for (guint i = 0; i < all->len; i++)
    {
      MdMailbox *mb = all->pdata[i];
      MdStamp new_stamp, cur_stamp;
      store_attributes (mb, plans, n);
      for (guint p = 0; p < n; p++)
        index_effects (mb, plans[p]);
      gboolean has_stamps =
          md_stamp_of (mb->new_fd, &new_stamp, NULL) && md_stamp_of (mb->cur_fd, &cur_stamp, NULL);
      g_mutex_lock (&mb->store->table);
      if (has_stamps)
        {
          mb->new_stamp = new_stamp;
          mb->cur_stamp = cur_stamp;
        }
      md_mailbox_mark_suspect (mb, 1000);
      g_mutex_unlock (&mb->store->table);
      if (!md_courier_changed (mb, error))
        return FALSE;
      md_uidlist_add_ours (mb);
      if (!md_index_flush (mb, TRUE, error))
        return FALSE;
    }
  return TRUE;
}

void
md_plan_finish (MdPlan *const *plans, guint n)
{
  g_autoptr (GPtrArray) all = md_plan_all_mailboxes (plans, n);
  if (n > 0 && plans[0]->store->settings.keeps_maildirsize)
    md_maildirsize_add_plans (plans[0]->store, plans, n);
  for (guint p = 0; p < n; p++)
    {
      md_plan_log_keywords (plans[p]);
      md_plan_keep_staged (plans[p]);
      for (guint i = 0; i < plans[p]->effects->len; i++)
        {
          const MdEffect *effect = &g_array_index (plans[p]->effects, MdEffect, i);
          if (effect->kind == MD_EFFECT_REMOVE)
            md_metadata_drop (effect->mb, effect->uid);
        }
    }
  for (guint i = 0; i < all->len; i++)
    {
      MdMailbox *mb = all->pdata[i];
      g_mutex_lock (&mb->store->table);
      md_table_compact (&mb->table);
      g_mutex_unlock (&mb->store->table);
      md_mailbox_publish (mb);
    }
}

/* Says whether @tombstone is of a message that @plan was to remove from @mb. */
static gboolean
is_of_plan (const MdPlan *plan, const MdMailbox *mb, const MdTombstone *tombstone)
{
  for (guint i = 0; i < plan->effects->len; i++)
    {
      const MdEffect *effect = &g_array_index (plan->effects, MdEffect, i);
      const guint64 modseq = effect->modseq != 0 ? effect->modseq : plan->modseq;
      if (effect->mb == mb && effect->kind == MD_EFFECT_REMOVE && modseq == tombstone->modseq)
        return TRUE;
    }
  return FALSE;
}

void
md_plan_distrust_indexes (const MdPlan *plan, gboolean is_undone)
{
  for (guint k = 0; k < plan->mailboxes->len; k++)
    {
      MdMailbox *mb = plan->mailboxes->pdata[k];
      md_index_distrust (mb);
      for (guint t = mb->tombstones->len; is_undone && t > 0; t--)
        if (is_of_plan (plan, mb, &g_array_index (mb->tombstones, MdTombstone, t - 1)))
          g_array_remove_index (mb->tombstones, t - 1);
      g_mutex_lock (&mb->store->table);
      mb->suspect_due_ms = 1;
      g_mutex_unlock (&mb->store->table);
    }
}

gboolean
md_plan_execute (MdPlan *plan, GError **error)
{
  MdStore *store = plan->store;
  gboolean journaled = plan->steps->len > 1;
  gboolean ok =
      md_plan_write_ahead (&plan, 1, error) && (!journaled || md_journal_write (store, &plan, 1, error));
  gboolean ran = ok && md_plan_run (plan, error);
  ok = ran && md_plan_sync (&plan, 1, error) && md_journal_settle (store, error)
       && md_plan_sync_indexes (&plan, 1, error);
  /* What was removed cannot be put back, so all that was done stays visible. */
  const gboolean stays = !ok && ran && md_plan_has_removed (plan);
  if (stays)
    md_plan_distrust_indexes (plan, FALSE);
  else if (!ok)
    {
      if (ran)
        md_plan_roll_back (plan);
      if (store->journal.is_half_done)
        md_plan_keep_staged (plan); /* the journal has them put into place later */
      md_plan_undo (plan);
    }
  if (journaled)
    {
      md_journal_retire (store);
      if (!ok)
        md_journal_settle (store, NULL);
    }
  if (ok || stays)
    md_plan_finish (&plan, 1);
  return ok;
}
