/* SPDX-License-Identifier: MIT
 * This file limits how much may be kept; see caps.h.
 */
#include "caps.h"
#include "hold.h"

#include <satchel/counter.h>
#include <satchel/log.h>

#define DAY_S 86400

SATCHEL_COUNTER (refusals, "satchel_retention_refusals_total",
                 "Removals that were refused for a limit of what is kept", "limit");
SATCHEL_COUNTER (dropped, "satchel_retention_dropped_total",
                 "Messages that were dropped before their time, for a limit of what is kept");

static void
tell (SatchelStorage *storage, const char *limit, const GError *error)
{
  g_autoptr (GError) once = NULL;
  satchel_counter_add (&refusals, 1, limit);
  /* The numbers differ from time to time, and clients try again and again. */
  satchel_error_set (&once, SATCHEL_ERROR_LIMIT, "%s of %s", limit, storage->identity->user);
  if (!satchel_error_is_news (once))
    return;
  g_autoptr (GString) line = g_string_new ("removal refused:");
  satchel_log_field (line, "user", storage->identity->user);
  satchel_log_field (line, "limit", limit);
  satchel_log_field (line, "reason", error->message);
  satchel_log (SATCHEL_LOG_WARNING, "retention", "%s", line->str);
}

/* ---- the day ---- */

/* Adds what came into mailbox @stored of the tree since @since_s. */
static gboolean
add_since (SatchelStorage *storage, const SatchelAccess *access, const char *stored, gint64 since_s,
           guint64 *ref_bytes, GError **error)
{
  g_autoptr (SatchelStorageMailbox) mailbox = satchel_storage_hold_mailbox (storage, access, stored, error);
  if (mailbox == NULL)
    return FALSE;
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  for (guint c = 0; c < snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      for (guint row = 0; row < chunk->n; row++)
        if (chunk->save_date[row] >= since_s && chunk->size[row] != SATCHEL_SIZE_UNKNOWN)
          *ref_bytes += chunk->size[row];
    }
  return TRUE;
}

static gboolean
check_day (SatchelStorage *storage, const SatchelAccess *access, const RetentionLimits *limits, guint64 kept,
           guint64 more, GError **error)
{
  guint64 bytes = 0;
  gint64 since_s = g_get_real_time () / G_USEC_PER_SEC - DAY_S;
  if (access->cause != SATCHEL_CAUSE_SESSION || limits->daily_bytes == G_MAXUINT64
      || kept + more <= limits->daily_bytes)
    return TRUE;
  g_autoptr (GPtrArray) names = retention_list_kept (storage, access, error);
  for (guint i = 0; names != NULL && i < names->len; i++)
    if (!add_since (storage, access, names->pdata[i], since_s, &bytes, error))
      return FALSE;
  if (names == NULL)
    return FALSE;
  if (bytes + more <= limits->daily_bytes)
    return TRUE;
  g_autoptr (GError) limit = NULL;
  satchel_error_set (&limit, SATCHEL_ERROR_LIMIT,
                     "%" G_GUINT64_FORMAT " bytes were removed within 24 hours, these are %" G_GUINT64_FORMAT
                     " more, and retention.daily allows %" G_GUINT64_FORMAT,
                     bytes, more, limits->daily_bytes);
  tell (storage, "daily", limit);
  g_propagate_error (error, g_steal_pointer (&limit));
  return FALSE;
}

/* ---- all that is kept ---- */

typedef struct Oldest
{
  SatchelStorageMailbox *mailbox;
  SatchelSnapshot *snapshot;
  guint32 next; /* index of the first message that is still there */
} Oldest;

static void
oldest_free (gpointer data)
{
  Oldest *oldest = data;
  satchel_snapshot_unref (oldest->snapshot);
  satchel_storage_mailbox_unref (oldest->mailbox);
  g_free (oldest);
}

static GPtrArray *
open_all (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (oldest_free);
  g_autoptr (GPtrArray) names = retention_list_kept (storage, access, error);
  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      SatchelStorageMailbox *mailbox = satchel_storage_hold_mailbox (storage, access, names->pdata[i], error);
      if (mailbox == NULL)
        return NULL;
      Oldest *oldest = g_new0 (Oldest, 1);
      *oldest = (Oldest) { mailbox, satchel_storage_mailbox_snapshot (mailbox), 0 };
      g_ptr_array_add (all, oldest);
    }
  return names != NULL ? g_steal_pointer (&all) : NULL;
}

/* The message that was removed first. In a mailbox of the tree they are in that order. NULL: there is none.
 */
static Oldest *
find_oldest (const GPtrArray *all, gint64 *ret_time_s)
{
  Oldest *found = NULL;
  for (guint i = 0; i < all->len; i++)
    {
      guint row;
      Oldest *one = all->pdata[i];
      if (one->next >= one->snapshot->state.n_messages)
        continue;
      gint64 time_s = satchel_snapshot_at (one->snapshot, one->next, &row)->save_date[row];
      if (found == NULL || time_s < *ret_time_s)
        {
          found = one;
          *ret_time_s = time_s;
        }
    }
  return found;
}

/* Adds to @transaction the removal of what was removed first, until that is @bytes. */
static guint
drop (SatchelTransaction *transaction, const GPtrArray *all, guint64 bytes)
{
  guint n = 0;
  Oldest *oldest;
  gint64 time_s = 0;
  for (guint64 done = 0; done < bytes && (oldest = find_oldest (all, &time_s)) != NULL; n++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (oldest->snapshot, oldest->next++, &row);
      done += chunk->size[row] != SATCHEL_SIZE_UNKNOWN ? chunk->size[row] : 0;
    }
  for (guint i = 0; i < all->len; i++)
    {
      guint row;
      const Oldest *one = all->pdata[i];
      g_auto (SatchelUidSet) uids = { NULL, 0 };
      for (guint32 k = 0; k < one->next; k++)
        {
          const SatchelChunk *chunk = satchel_snapshot_at (one->snapshot, k, &row);
          satchel_uid_set_add (&uids, chunk->uid[row], chunk->uid[row]);
        }
      if (one->next > 0)
        satchel_transaction_add (transaction, SATCHEL_OPERATION_EXPUNGE, one->mailbox, &uids, NULL);
    }
  return n;
}

static gboolean
drop_oldest (SatchelStorage *storage, const SatchelAccess *access, guint64 bytes, GError **error)
{
  Retention *self = storage->self;
  g_autoptr (GPtrArray) all = open_all (storage, access, error);
  if (all == NULL)
    return FALSE;
  g_autoptr (SatchelTransaction) transaction = satchel_storage_new_transaction (storage, access);
  guint n = drop (transaction, all, bytes);
  if (n == 0 || !satchel_storage_commit_transaction (storage, transaction, error))
    return n == 0;
  retention_books_changed (&self->books, NULL);
  g_atomic_int_inc (&self->names_changed);
  satchel_counter_add (&dropped, n);
  g_autoptr (GString) line = g_string_new ("dropped before its time:");
  satchel_log_field (line, "user", storage->identity->user);
  g_string_append_printf (line, " messages=%u", n);
  satchel_log (SATCHEL_LOG_WARNING, "retention", "%s", line->str);
  return TRUE;
}

static gboolean
check_all (SatchelStorage *storage, const SatchelAccess *access, const RetentionLimits *limits,
           gboolean drops_oldest, guint64 kept, guint64 more, GError **error)
{
  if (limits->storage_bytes == G_MAXUINT64 || kept + more <= limits->storage_bytes)
    return TRUE;
  g_autoptr (GError) local = NULL;
  g_autofree char *hold = drops_oldest ? retention_hold_get (storage, access, &local) : NULL;
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (drops_oldest && hold == NULL && more <= limits->storage_bytes)
    return drop_oldest (storage, access, kept + more - limits->storage_bytes, error);
  satchel_error_set (&local, SATCHEL_ERROR_LIMIT,
                     "%" G_GUINT64_FORMAT " bytes are kept, these are %" G_GUINT64_FORMAT
                     " more, and retention.storage allows %" G_GUINT64_FORMAT,
                     kept, more, limits->storage_bytes);
  tell (storage, "storage", local);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

gboolean
retention_caps_check (SatchelStorage *storage, const SatchelAccess *access, guint64 more, GError **error)
{
  Retention *self = storage->self;
  SatchelUsage kept;
  g_autoptr (RetentionSettings) settings = retention_settings_current (error);
  if (settings == NULL)
    return FALSE;
  RetentionLimits limits = retention_limits_of (settings, storage);
  if (limits.storage_bytes == G_MAXUINT64 && limits.daily_bytes == G_MAXUINT64)
    return TRUE;
  return retention_books_sum (&self->books, storage, access, &kept, error)
         && check_day (storage, access, &limits, kept.bytes, more, error)
         && check_all (storage, access, &limits, retention_settings_drops_oldest (settings), kept.bytes, more,
                       error);
}
