/* SPDX-License-Identifier: MIT
 * This file copies messages: content in pieces, and with it everything that the store knows of the message. A
 * transaction has several of them, so that they share its syncs.
 */
#include "config.h"

#include "core/mail/scan/scanner.h"
#include "core/storage/convert/convert_private.h"

#include <string.h>

#define BATCH_MESSAGES 64u
#define BATCH_BYTES (8u * 1024u * 1024u)
#define BLOCK_BYTES 65536u

typedef struct Batch
{
  SatchelConvertPair *pair;
  SatchelTransaction *transaction;
  GPtrArray *operations; /* SatchelOperation, in the order of `uids` */
  GArray *uids;          /* guint32 */
  guint64 n_bytes;
} Batch;

static void
batch_clear (Batch *batch)
{
  satchel_transaction_free (batch->transaction);
  g_ptr_array_unref (batch->operations);
  g_array_unref (batch->uids);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Batch, batch_clear)

static void
batch_begin (Batch *batch, SatchelConvertPair *pair)
{
  *batch = (Batch) { .pair = pair,
                     .transaction = satchel_transaction_new (pair->conversion->to),
                     .operations = g_ptr_array_new (),
                     .uids = g_array_new (FALSE, FALSE, sizeof (guint32)) };
}

static void
note_metadata (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  Batch *batch = data;
  for (guint i = 0; i < batch->uids->len; i++)
    if (g_array_index (batch->uids, guint32, i) == uid)
      satchel_operation_set_metadata (batch->operations->pdata[i], key, value);
}

/* Adds the metadata of the messages.  A driver that keeps none, and one that gives no ids of its own, has
 * none to copy. */
static gboolean
add_metadata (Batch *batch, GError **error)
{
  const SatchelConversion *conversion = batch->pair->conversion;
  SatchelStorageMailbox *mailbox = &batch->pair->from->handle;
  const guint32 *uids = (const guint32 *) batch->uids->data;
  const guint n = batch->uids->len;
  g_autoptr (GError) local = NULL;
  if (!satchel_storage_list_metadata (conversion->source, conversion->access, mailbox, uids, n, note_metadata,
                                      batch, &local)
      && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_autofree char **ids = g_new0 (char *, n);
  gboolean ok =
      satchel_storage_unique_ids (conversion->source, conversion->access, mailbox, uids, n, ids, error);
  for (guint i = 0; i < n; i++)
    ((SatchelOperation *) batch->operations->pdata[i])->unique_id = ids[i];
  return ok;
}

static gboolean
batch_commit (Batch *batch, GError **error)
{
  SatchelConvertPair *pair = batch->pair;
  if (batch->uids->len == 0)
    return TRUE;
  if (!add_metadata (batch, error) || !satchel_transaction_commit (batch->transaction, error))
    return FALSE;
  pair->conversion->counts.n_changes += batch->uids->len;
  pair->conversion->counts.n_done += batch->uids->len;
  pair->conversion->counts.n_bytes += batch->n_bytes;
  guint64 n_bytes = batch->n_bytes;
  batch_clear (batch);
  batch_begin (batch, pair);
  return satchel_convert_keep_rate (pair->conversion, n_bytes, error);
}

static gboolean
copy_content (SatchelStream *content, SatchelStage *stage, SatchelConversion *conversion, GError **error)
{
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  for (guint64 offset = 0;;)
    {
      gssize n = satchel_stream_read_at (content, offset, block, BLOCK_BYTES, error);
      if (n <= 0)
        return n == 0;
      if (!satchel_stage_write (stage, block, (gsize) n, error) || !satchel_convert_step (conversion, error))
        return FALSE;
      offset += (guint64) n;
    }
}

/* Without layers the content is taken as it is stored; with them the copy gets what its own layers make of
 * it. */
static SatchelStage *
new_stage (const SatchelConvertPair *pair, const SatchelMessageRow *row, GError **error)
{
  SatchelConversion *conversion = pair->conversion;
  SatchelErrorCode code = 0;
  g_autoptr (GBytes) attributes = NULL;
  if (!conversion->is_bare && (row->flags & SATCHEL_FLAG_UNPARSED) == 0)
    return satchel_stage_new (conversion->to, row->size != SATCHEL_SIZE_UNKNOWN ? row->size : 0, error);
  if (!conversion->is_bare)
    attributes = satchel_attributes_unparsed (row->size);
  else if (!satchel_storage_get_attributes (conversion->source, conversion->access, &pair->from->handle,
                                            &row->uid, 1, &attributes, &code, error))
    return NULL;
  return satchel_stage_new_raw (conversion->to, row->size, attributes, error);
}

static SatchelStage *
copy_message (const SatchelConvertPair *pair, const SatchelMessageRow *row, guint8 ret_id[16], GError **error)
{
  SatchelConversion *conversion = pair->conversion;
  SatchelStorageMailbox *mailbox = &pair->from->handle;
  g_autoptr (SatchelStream) content =
      satchel_storage_open_message (conversion->source, conversion->access, mailbox, row->uid, error);
  if (content == NULL
      || !satchel_storage_email_id (conversion->source, conversion->access, mailbox, row->uid, ret_id, error))
    return NULL;
  g_autoptr (SatchelStage) stage = new_stage (pair, row, error);
  if (stage == NULL)
    return NULL;
  satchel_stage_set_internal_date (stage, row->internal_date);
  if (!copy_content (content, stage, conversion, error) || !satchel_stage_finish (stage, error))
    return NULL;
  return g_steal_pointer (&stage);
}

static gboolean
add_message (Batch *batch, const SatchelMessageRow *row, GError **error)
{
  SatchelConvertPair *pair = batch->pair;
  g_autoptr (GError) local = NULL;
  guint8 email_id[16];
  SatchelStage *stage = copy_message (pair, row, email_id, &local);
  if (stage == NULL && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_GONE)
      && !pair->conversion->is_held)
    return TRUE; /* the message was removed since the snapshot, which the next pass will find */
  if (stage == NULL)
    {
      g_prefix_error (&local, "mailbox %s, message %u: ", pair->name, row->uid);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  batch->n_bytes += satchel_stage_size (stage);
  g_autofree const char **keywords = satchel_snapshot_keyword_names (pair->wanted, &row->keywords);
  SatchelOperation *append = satchel_transaction_append (batch->transaction, pair->to, stage, row->flags,
                                                         keywords, row->internal_date);
  append->uid = row->uid;
  append->modseq = row->modseq;
  append->save_date = row->save_date != 0 ? row->save_date : SATCHEL_DATE_UNKNOWN;
  memcpy (append->email_id, email_id, sizeof email_id);
  g_ptr_array_add (batch->operations, append);
  g_array_append_val (batch->uids, row->uid);
  return TRUE;
}

/* Adds messages from @index on until the batch is full, or there are no more. */
static gboolean
batch_fill (Batch *batch, guint32 *index, GError **error)
{
  const SatchelSnapshot *wanted = batch->pair->wanted;
  for (;
       *index < wanted->state.n_messages && batch->uids->len < BATCH_MESSAGES && batch->n_bytes < BATCH_BYTES;
       ++*index)
    {
      guint at;
      SatchelMessageRow row;
      const SatchelChunk *chunk = satchel_snapshot_at (wanted, *index, &at);
      satchel_chunk_get_row (chunk, at, &row);
      if (!add_message (batch, &row, error))
        return FALSE;
    }
  return TRUE;
}

/* Stages the messages of a batch.  A driver that has a file for each message syncs them together, which may
 * take no longer than syncing one. */
static gboolean
batch_stage (Batch *batch, guint32 *index, GError **error)
{
  SatchelStore *to = batch->pair->conversion->to;
  if (!satchel_storage_hold_syncs (SATCHEL_STACK (to), TRUE, error))
    return FALSE;
  gboolean ok = batch_fill (batch, index, error);
  return satchel_storage_hold_syncs (SATCHEL_STACK (to), FALSE, ok ? error : NULL) && ok;
}

gboolean
satchel_convert_append (SatchelConvertPair *pair, GError **error)
{
  guint32 index;
  g_auto (Batch) batch = { NULL };
  batch_begin (&batch, pair);
  satchel_snapshot_find (pair->wanted, pair->present->state.uidnext, &index);
  pair->conversion->counts.n_done += index;
  while (index < pair->wanted->state.n_messages)
    if (!batch_stage (&batch, &index, error) || !batch_commit (&batch, error))
      return FALSE;
  return TRUE;
}
