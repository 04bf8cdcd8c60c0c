/* SPDX-License-Identifier: MIT
 * This file reads the messages that are kept, and what is known of their removal; see items.h.
 */
#include "items.h"

#include <string.h>

#define BATCH 500u /* messages whose metadata is read at once */

/* What is read of the metadata of a message. */
typedef struct Found
{
  gboolean has_record;
  RetentionRecord record;
  char *mailbox;
} Found;

typedef struct Batch
{
  SatchelMessageRow rows[BATCH];
  guint32 uids[BATCH];
  Found found[BATCH];
  guint n, at;
} Batch;

static void
batch_clear (Batch *batch)
{
  for (guint i = 0; i < batch->n; i++)
    {
      retention_record_clear (&batch->found[i].record);
      g_clear_pointer (&batch->found[i].mailbox, g_free);
      batch->found[i].has_record = FALSE;
    }
  batch->n = batch->at = 0;
}

static void
take_metadata (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  Batch *batch = data;
  while (batch->at < batch->n && batch->uids[batch->at] != uid)
    batch->at++;
  if (batch->at == batch->n)
    return;
  Found *found = &batch->found[batch->at];
  gsize len;
  const char *text = g_bytes_get_data (value, &len);
  if (strcmp (key, RETENTION_RECORD) == 0 && !found->has_record)
    found->has_record = retention_record_parse (value, &found->record);
  else if (strcmp (key, RETENTION_RECORD_MAILBOX) == 0 && found->mailbox == NULL
           && g_utf8_validate_len (text, len, NULL))
    found->mailbox = g_strndup (text, len);
}

static gboolean
read_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
               Batch *batch, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (satchel_storage_list_metadata (storage, access, mailbox, batch->uids, batch->n, take_metadata, batch,
                                     &local)
      || g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* Gives @func the items of a batch.  FALSE means that @func ended it. */
static gboolean
hand_over (const Batch *batch, const char *name, RetentionItemFunc func, gpointer data)
{
  for (guint i = 0; i < batch->n; i++)
    {
      const Found *found = &batch->found[i];
      gint64 time_s = batch->rows[i].save_date;
      if (found->has_record)
        time_s = MAX (time_s, found->record.time_s);
      const RetentionItem item = { .uid = batch->uids[i],
                                   .mailbox = found->mailbox != NULL ? found->mailbox : name,
                                   .time_s = time_s,
                                   .row = batch->rows[i],
                                   .record = found->has_record ? &found->record : NULL };
      if (!func (&item, data))
        return FALSE;
    }
  return TRUE;
}

/* Fills @batch from *@ref_index on. */
static void
fill_batch (const SatchelSnapshot *snapshot, gint64 until_s, guint32 *ref_index, Batch *batch)
{
  for (; *ref_index < snapshot->state.n_messages && batch->n < BATCH; (*ref_index)++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, *ref_index, &row);
      if (chunk->save_date[row] > until_s)
        continue;
      satchel_chunk_get_row (chunk, row, &batch->rows[batch->n]);
      batch->uids[batch->n++] = chunk->uid[row];
    }
}

gboolean
retention_items_walk (SatchelStorage *storage, const SatchelAccess *access, const char *stored,
                      gint64 until_s, RetentionItemFunc func, gpointer data, gboolean *ret_ended,
                      GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree Batch *batch = g_new0 (Batch, 1);
  const char *name = retention_original (stored);
  g_autoptr (SatchelStorageMailbox) mailbox = satchel_storage_hold_mailbox (storage, access, stored, &local);
  gboolean ok = TRUE, goes_on = mailbox != NULL;
  if (mailbox == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_autoptr (SatchelSnapshot) snapshot = mailbox != NULL ? satchel_storage_mailbox_snapshot (mailbox) : NULL;
  for (guint32 index = 0; ok && goes_on && index < snapshot->state.n_messages;)
    {
      fill_batch (snapshot, until_s, &index, batch);
      ok = batch->n == 0 || read_metadata (storage, access, mailbox, batch, error);
      goes_on = ok && hand_over (batch, name != NULL ? name : "INBOX", func, data);
      batch_clear (batch);
    }
  if (ok && ret_ended != NULL)
    *ret_ended = mailbox != NULL && !goes_on;
  return ok;
}
