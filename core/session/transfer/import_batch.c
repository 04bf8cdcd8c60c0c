/* SPDX-License-Identifier: MIT
 * This file takes messages into a mailbox, many in a transaction, through all layers as every message comes.
 * The record of what was imported (core/storage/taken) knows of each batch before it is committed.  If a
 * batch fails because of a message, its messages are tried one by one.
 */
#include "config.h"

#include "core/session/transfer/import.h"

#include <satchel/keywords.h>
#include <string.h>

#include "core/storage/store/store_open.h"

#define BATCH_MESSAGES 64u
#define BATCH_BYTES (8u * 1024u * 1024u)

G_STATIC_ASSERT (BATCH_MESSAGES <= SATCHEL_TAKEN_BATCH_MAX);

void
satchel_import_item_clear (SatchelImportItem *item)
{
  g_clear_pointer (&item->keywords, g_ptr_array_unref);
  g_clear_pointer (&item->stage, satchel_stage_free);
}

static void
item_free (gpointer data)
{
  SatchelImportItem *item = data;
  item->free (item);
}

static gboolean
open_mailbox (SatchelImportBatch *batch, GError **error)
{
  SatchelStore *store = batch->import->transfer.store;
  g_autoptr (GError) local = NULL;
  batch->mailbox = satchel_store_open_mailbox (store, batch->name, &local);
  if (batch->mailbox != NULL)
    return TRUE;
  if (!g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!satchel_store_create (store, batch->name, 0, error)
      || (batch->import->subscribed == NULL && !satchel_store_subscribe (store, batch->name, TRUE, error)))
    return FALSE;
  batch->mailbox = satchel_store_open_mailbox (store, batch->name, error);
  return batch->mailbox != NULL;
}

gboolean
satchel_import_batch_begin (SatchelImportBatch *batch, SatchelImport *import, const char *mailbox,
                            GError **error)
{
  const SatchelTransfer *transfer = &import->transfer;
  *batch = (SatchelImportBatch) { .import = import,
                                  .name = g_strdup (mailbox),
                                  .items = g_ptr_array_new_with_free_func (item_free),
                                  .n_messages_before = transfer->n_messages,
                                  .n_done_before = transfer->n_done,
                                  .n_known_before = transfer->n_known,
                                  .n_failed_before = transfer->n_failed };
  import->transfer.n_mailboxes++;
  return transfer->is_dry || open_mailbox (batch, error);
}

static gboolean
hold (SatchelImportBatch *batch, gboolean holds, GError **error)
{
  if (batch->is_holding == holds)
    return TRUE;
  batch->is_holding = holds;
  return satchel_store_hold_syncs (batch->import->transfer.store, holds, error);
}

void
satchel_import_batch_clear (SatchelImportBatch *batch)
{
  g_clear_pointer (&batch->items, g_ptr_array_unref);
  if (batch->is_holding)
    (void) hold (batch, FALSE, NULL);
  g_clear_pointer (&batch->mailbox, satchel_mailbox_unref);
  g_clear_pointer (&batch->name, g_free);
}

/* Content goes into a hash and, if there is one, into a stage. */
typedef struct Sink
{
  SatchelTransfer *transfer;
  GChecksum *hash;
  SatchelStage *stage;
  gboolean has_failed; /* the stage has failed, not the source */
} Sink;

static gboolean
take (const void *data, gsize len, gpointer to, GError **error)
{
  Sink *sink = to;
  g_checksum_update (sink->hash, data, (gssize) len);
  sink->has_failed = !((sink->stage == NULL || satchel_stage_write (sink->stage, data, len, error))
                       && (len < 4096 || satchel_transfer_step (sink->transfer, error)));
  return !sink->has_failed;
}

static gboolean
read_item (SatchelImportBatch *batch, SatchelImportItem *item, SatchelStage *stage, GError **error)
{
  Sink sink = { &batch->import->transfer, satchel_taken_hash_new (batch->name), stage, FALSE };
  g_autoptr (GError) local = NULL;
  gboolean ok = item->copy (item, take, &sink, &local);
  item->id = satchel_taken_hash_end (sink.hash);
  if (ok)
    return TRUE;
  /* If content cannot be read, only this message fails; if it cannot be stored, the import may have to end.
   * */
  if (!sink.has_failed && !satchel_transfer_is_end (local))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "it cannot be read: %s", local->message);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
stage_item (SatchelImportBatch *batch, SatchelImportItem *item, GError **error)
{
  g_autoptr (SatchelStage) stage = satchel_stage_new (batch->import->transfer.store, 0, error);
  if (stage == NULL)
    return FALSE;
  if (item->date == SATCHEL_DATE_UNKNOWN)
    item->date = g_get_real_time () / G_USEC_PER_SEC;
  satchel_stage_set_internal_date (stage, item->date);
  if (!read_item (batch, item, stage, error) || !satchel_stage_finish (stage, error))
    return FALSE;
  g_clear_pointer (&item->stage, satchel_stage_free);
  item->stage = g_steal_pointer (&stage);
  return TRUE;
}

/* Returns the keywords of a message; those that are no atoms are left out. */
static const char **
keywords_of (const SatchelImportItem *item)
{
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; item->keywords != NULL && i < item->keywords->len; i++)
    if (satchel_keyword_is_atom (item->keywords->pdata[i])
        && strlen (item->keywords->pdata[i]) <= SATCHEL_KEYWORD_BYTES)
      g_ptr_array_add (names, item->keywords->pdata[i]);
  g_ptr_array_add (names, NULL);
  return (const char **) g_ptr_array_free (names, FALSE);
}

static gboolean
note_batch (SatchelImportBatch *batch, SatchelImportItem *const *items, guint n, GError **error)
{
  SatchelTakenId ids[BATCH_MESSAGES];
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (batch->mailbox);
  for (guint i = 0; i < n; i++)
    ids[i] = items[i]->id;
  return batch->import->taken == NULL
         || satchel_taken_begin (batch->import->taken, batch->name, &snapshot->state, ids, n, error);
}

/* Commits staged items, all or none. */
static gboolean
commit_items (SatchelImportBatch *batch, SatchelImportItem *const *items, guint n, GError **error)
{
  SatchelTransfer *transfer = &batch->import->transfer;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (transfer->store);
  guint64 n_bytes = 0;
  for (guint i = 0; i < n; i++)
    {
      g_autofree const char **keywords = keywords_of (items[i]);
      n_bytes += satchel_stage_size (items[i]->stage);
      SatchelOperation *append =
          satchel_transaction_append (transaction, batch->mailbox, g_steal_pointer (&items[i]->stage),
                                      items[i]->flags, keywords, items[i]->date);
      append->uid = items[i]->uid;
    }
  if (!note_batch (batch, items, n, error))
    return FALSE;
  gboolean ok = satchel_transaction_commit (transaction, error);
  if (batch->import->taken != NULL)
    satchel_taken_end (batch->import->taken, ok);
  if (!ok)
    return FALSE;
  transfer->n_done += n;
  transfer->n_bytes += n_bytes;
  return satchel_transfer_keep_rate (transfer, n_bytes, error);
}

static void
fail_item (SatchelImportBatch *batch, const SatchelImportItem *item, GError *error)
{
  batch->import->transfer.n_failed++;
  satchel_transfer_problem (&batch->import->transfer, item->path, item->offset, error);
}

/* Imports one message in a transaction of its own.  A UID that does not fit any more, since other mail has
 * come in, is given up. */
static gboolean
import_alone (SatchelImportBatch *batch, SatchelImportItem *item, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (stage_item (batch, item, &local) && commit_items (batch, &item, 1, &local))
    return TRUE;
  if (item->uid != 0 && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      item->uid = 0;
      return import_alone (batch, item, error);
    }
  if (satchel_transfer_is_fatal (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  fail_item (batch, item, g_steal_pointer (&local));
  return TRUE;
}

gboolean
satchel_import_batch_flush (SatchelImportBatch *batch, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GPtrArray) items = batch->items;
  batch->items = g_ptr_array_new_with_free_func (item_free);
  batch->n_bytes = 0;
  if (!hold (batch, FALSE, error))
    return FALSE;
  if (items->len == 0)
    return TRUE;
  if (commit_items (batch, (SatchelImportItem *const *) items->pdata, items->len, &local))
    return TRUE;
  const gboolean is_full = g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_OVERQUOTA);
  if (satchel_transfer_is_fatal (local) && !is_full)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  for (guint i = 0; i < items->len; i++)
    if (!import_alone (batch, items->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* Says whether the message was imported earlier, so that it need not be staged. */
static gboolean
look_up (SatchelImportBatch *batch, SatchelImportItem *item, gboolean *ret_is_known, GError **error)
{
  SatchelTaken *taken = batch->import->taken;
  *ret_is_known = FALSE;
  if (taken == NULL || satchel_taken_is_empty (taken))
    return TRUE;
  if (!read_item (batch, item, NULL, error))
    return FALSE;
  *ret_is_known = satchel_taken_use (taken, &item->id);
  return TRUE;
}

static gboolean
add_new (SatchelImportBatch *batch, SatchelImportItem *item, gboolean *ret_is_added, GError **error)
{
  gboolean is_known;
  *ret_is_added = FALSE;
  if (!look_up (batch, item, &is_known, error))
    return FALSE;
  batch->import->transfer.n_known += is_known;
  if (is_known)
    return satchel_transfer_step (&batch->import->transfer, error);
  if (!hold (batch, TRUE, error) || !stage_item (batch, item, error))
    return FALSE;
  *ret_is_added = TRUE;
  return TRUE;
}

gboolean
satchel_import_batch_add (SatchelImportBatch *batch, SatchelImportItem *item, GError **error)
{
  g_autoptr (GError) local = NULL;
  gboolean is_added;
  batch->import->transfer.n_messages++;
  if (batch->import->transfer.is_dry)
    {
      item_free (item);
      return satchel_transfer_step (&batch->import->transfer, error);
    }
  if (!add_new (batch, item, &is_added, &local))
    {
      gboolean goes_on = !satchel_transfer_is_fatal (local);
      if (goes_on)
        fail_item (batch, item, g_steal_pointer (&local));
      else
        g_propagate_error (error, g_steal_pointer (&local));
      item_free (item);
      return goes_on;
    }
  if (!is_added)
    {
      item_free (item);
      return TRUE;
    }
  batch->n_bytes += satchel_stage_size (item->stage);
  g_ptr_array_add (batch->items, item);
  return (batch->items->len < BATCH_MESSAGES && batch->n_bytes < BATCH_BYTES)
         || satchel_import_batch_flush (batch, error);
}

gboolean
satchel_import_batch_finish (SatchelImportBatch *batch, const char *file, GError **error)
{
  const SatchelTransfer *transfer = &batch->import->transfer;
  g_autofree char *valid = g_utf8_make_valid (*file != '\0' ? file : ".", -1);
  if (!batch->import->transfer.is_dry && !satchel_import_batch_flush (batch, error))
    return FALSE;
  return satchel_admin_record (
             transfer->call, SATCHEL_ADMIN_TEXT ("mailbox", batch->name), SATCHEL_ADMIN_TEXT ("from", valid),
             SATCHEL_ADMIN_NUMBER ("messages", (gint64) (transfer->n_messages - batch->n_messages_before)),
             SATCHEL_ADMIN_NUMBER ("done", (gint64) (transfer->n_done - batch->n_done_before)),
             SATCHEL_ADMIN_NUMBER ("known", (gint64) (transfer->n_known - batch->n_known_before)),
             SATCHEL_ADMIN_NUMBER ("failed", (gint64) (transfer->n_failed - batch->n_failed_before)))
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}
