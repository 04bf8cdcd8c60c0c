/* SPDX-License-Identifier: MIT
 * This file removes what has been kept long enough; see purge.h.
 */
#include "purge.h"
#include "clock.h"
#include "deletion.h"
#include "hold.h"
#include "items.h"
#include "tree.h"

#include <satchel/counter.h>
#include <satchel/log.h>

#define BATCH 200u     /* messages that go at once: sessions wait for it */
#define AGE_MIN_S 3600 /* no setting is shorter */

SATCHEL_COUNTER (purged, "satchel_retention_purged_total", "Messages that were purged for their age");
SATCHEL_COUNTER (distrusted, "satchel_retention_clock_jumps_total",
                 "Visits of users whose mail was not purged, since the clock had jumped");

/* A walk through a mailbox finds this. */
typedef struct Due
{
  const RetentionSettings *settings;
  const RetentionLimits *limits;
  const RetentionPurge *purge;
  SatchelUidSet uids, undated; /* undated: messages of which no time is known */
  guint n, n_undated;
  guint64 bytes;
} Due;

static gboolean
is_due (const Due *due, const RetentionItem *item)
{
  gint64 age_s = due->purge->older_s >= 0 ? due->purge->older_s
                                          : retention_age_of (due->settings, due->limits, item->mailbox);
  return age_s != RETENTION_FOREVER && item->time_s + age_s <= due->purge->now_s;
}

static gboolean
add_due (const RetentionItem *item, gpointer data)
{
  Due *due = data;
  if (item->time_s <= 0)
    {
      satchel_uid_set_add (&due->undated, item->uid, item->uid);
      due->n_undated++;
    }
  else if (is_due (due, item))
    {
      satchel_uid_set_add (&due->uids, item->uid, item->uid);
      due->bytes += item->row.size != SATCHEL_SIZE_UNKNOWN ? item->row.size : 0;
      due->n++;
    }
  return due->purge->is_dry || due->n + due->n_undated < BATCH;
}

/* Messages of which no time is known count as removed now, from now on. */
static gboolean
date (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
      const SatchelUidSet *uids, GError **error)
{
  g_autoptr (GBytes) record = retention_record_new (retention_clock_now (storage, access), access);
  for (guint i = 0; i < uids->n_ranges; i++)
    for (guint32 uid = uids->ranges[i].first; uid <= uids->ranges[i].last; uid++)
      if (!satchel_storage_put_metadata (storage, access, mailbox, uid, RETENTION_RECORD, record, error))
        return FALSE;
  return TRUE;
}

static gboolean
expunge (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
         const SatchelUidSet *uids, GError **error)
{
  g_autoptr (SatchelTransaction) transaction = satchel_storage_new_transaction (storage, access);
  satchel_transaction_add (transaction, SATCHEL_OPERATION_EXPUNGE, mailbox, uids, NULL);
  return satchel_storage_commit_transaction (storage, transaction, error);
}

/* Returns the time after which nothing of mailbox @stored is due; FALSE: nothing ever is. */
static gboolean
find_until (const char *stored, const Due *due, gint64 *ret_until_s)
{
  const char *name = retention_original (stored);
  gint64 age_s = due->purge->older_s;
  if (age_s < 0)
    age_s = name != NULL ? retention_age_of (due->settings, due->limits, name) : AGE_MIN_S;
  *ret_until_s = age_s != RETENTION_FOREVER ? due->purge->now_s - age_s : 0;
  return age_s != RETENTION_FOREVER;
}

/* Finds and removes the next messages that are due. *@ret_more: there may be others. */
static gboolean
purge_batch (SatchelStorage *storage, const SatchelAccess *access, const char *stored, Due *due,
             RetentionPurge *purge, gboolean *ret_more, GError **error)
{
  gint64 until_s;
  Retention *self = storage->self;
  *ret_more = FALSE;
  if (!find_until (stored, due, &until_s))
    return TRUE;
  if (!retention_items_walk (storage, access, stored, until_s, add_due, due, ret_more, error))
    return FALSE;
  purge->n_messages += due->n;
  purge->n_bytes += due->bytes;
  if (purge->is_dry || due->n + due->n_undated == 0)
    return TRUE;
  g_autoptr (SatchelStorageMailbox) mailbox = satchel_storage_hold_mailbox (storage, access, stored, error);
  if (mailbox == NULL || !date (storage, access, mailbox, &due->undated, error)
      || (due->n > 0 && !expunge (storage, access, mailbox, &due->uids, error)))
    return FALSE;
  retention_books_changed (&self->books, stored);
  satchel_counter_add (&purged, due->n);
  return TRUE;
}

gboolean
retention_purge_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                         RetentionPurge *purge, gboolean (*is_over) (gpointer data), gpointer data,
                         gboolean *ret_is_done, GError **error)
{
  Retention *self = storage->self;
  g_autoptr (RetentionSettings) settings = retention_settings_current (error);
  if (settings == NULL)
    return FALSE;
  RetentionLimits limits = retention_limits_of (settings, storage);
  *ret_is_done = FALSE;
  for (gboolean more = TRUE; more;)
    {
      Due due = { .settings = settings, .limits = &limits, .purge = purge };
      if (is_over != NULL && is_over (data))
        return TRUE;
      gboolean ok = purge_batch (storage, access, stored, &due, purge, &more, error);
      satchel_uid_set_clear (&due.uids);
      satchel_uid_set_clear (&due.undated);
      if (!ok)
        return FALSE;
    }
  *ret_is_done = TRUE;
  if (purge->is_dry || !retention_tree_remove_empty (storage, access, stored, NULL))
    return TRUE;
  g_atomic_int_inc (&self->names_changed);
  return TRUE;
}

/* ---- upkeep ---- */

static gboolean
slice_is_over (gpointer data)
{
  return satchel_maintenance_is_over (data);
}

static SatchelMaintained
distrust (SatchelStorage *storage, const SatchelMaintenance *maintenance)
{
  g_autoptr (GError) once = NULL;
  satchel_counter_add (&distrusted, 1);
  satchel_error_set (&once, SATCHEL_ERROR_UNAVAILABLE, "the clock has jumped");
  if (satchel_error_is_news (once))
    satchel_log (SATCHEL_LOG_ERROR, "retention",
                 "nothing is purged: the machine's clock is %" G_GINT64_FORMAT
                 " s ahead of the time that has passed; set it right, or wait for janitor.clock_settle",
                 maintenance->ahead_s);
  return SATCHEL_MAINTAIN_DONE;
}

static SatchelMaintained
purge_all (SatchelStorage *storage, const SatchelAccess *access, const SatchelMaintenance *maintenance,
           RetentionPurge *purge, GError **error)
{
  g_autoptr (GPtrArray) names = retention_list_kept (storage, access, error);
  for (guint i = names != NULL ? names->len : 0; i > 0; i--) /* children before their parents */
    {
      gboolean is_done;
      if (!retention_purge_mailbox (storage, access, names->pdata[i - 1], purge, slice_is_over,
                                    (gpointer) maintenance, &is_done, error))
        return SATCHEL_MAINTAIN_FAILED;
      if (!is_done)
        return SATCHEL_MAINTAIN_MORE;
    }
  return names != NULL ? SATCHEL_MAINTAIN_DONE : SATCHEL_MAINTAIN_FAILED;
}

SatchelMaintained
retention_maintain (SatchelStorage *storage, const SatchelAccess *access,
                    const SatchelMaintenance *maintenance, GError **error)
{
  Retention *self = storage->self;
  RetentionPurge purge = { .now_s = maintenance->now_s, .older_s = -1 };
  g_autoptr (GError) local = NULL;
  retention_deletion_finish (storage, access);
  if (maintenance->clock_jumped)
    return distrust (storage, maintenance);
  if (!retention_clock_trust (storage, access, maintenance->now_s, error))
    return SATCHEL_MAINTAIN_FAILED;
  g_autofree char *hold = retention_hold_get (storage, access, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return SATCHEL_MAINTAIN_FAILED;
    }
  if (hold != NULL)
    return SATCHEL_MAINTAIN_DONE;
  retention_books_changed (&self->books, NULL); /* other programs may have been here */
  SatchelMaintained result = purge_all (storage, access, maintenance, &purge, error);
  if (purge.n_messages > 0)
    {
      g_autoptr (GString) line = g_string_new ("purged:");
      satchel_log_field (line, "user", storage->identity->user);
      g_string_append_printf (line, " messages=%" G_GUINT64_FORMAT " bytes=%" G_GUINT64_FORMAT,
                              purge.n_messages, purge.n_bytes);
      satchel_log (SATCHEL_LOG_INFO, "retention", "%s", line->str);
    }
  return result;
}
