/* SPDX-License-Identifier: MIT
 * Stages messages in the form that they are to have, and exchanges them in one turn.
 */
#include "work_batch.h"
#include "attributes.h"
#include "reader.h"

#include <sodium.h>
#include <string.h>

#define MESSAGES_MAX 64u
#define BYTES_MAX (8u * 1024u * 1024u)

struct CryptBatch
{
  CryptWork *work;
  SatchelStorageMailbox *mailbox;
  GArray *uids;      /* guint32 */
  GPtrArray *stages; /* SatchelStage, in the order of `uids` */
  guint64 n_bytes;
};

CryptBatch *
crypt_batch_new (CryptWork *work, SatchelStorageMailbox *mailbox)
{
  CryptBatch *batch = g_new0 (CryptBatch, 1);
  batch->work = work;
  batch->mailbox = satchel_storage_mailbox_ref (mailbox);
  batch->uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  batch->stages = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_stage_free);
  return batch;
}

void
crypt_batch_free (CryptBatch *batch)
{
  g_ptr_array_unref (batch->stages);
  g_array_unref (batch->uids);
  satchel_storage_mailbox_unref (batch->mailbox);
  g_free (batch);
}

gboolean
crypt_batch_is_full (const CryptBatch *batch)
{
  return batch->uids->len >= MESSAGES_MAX || batch->n_bytes >= BYTES_MAX;
}

guint
crypt_batch_size (const CryptBatch *batch)
{
  return batch->uids->len;
}

guint64
crypt_batch_bytes (const CryptBatch *batch)
{
  return batch->n_bytes;
}

gboolean
crypt_batch_begin (CryptBatch *batch, GError **error)
{
  return satchel_storage_hold_syncs (batch->work->storage, batch->work->access, TRUE, error);
}

/* ---- one message ---- */

/* Says whether a message that begins with @header is to have another form. */
static gboolean
needs_other_form (const CryptWork *work, CryptFound found, const CryptHeader *header)
{
  const gboolean is_sealed = found == CRYPT_FOUND_HEADER && crypt_header_is_sealed (header);
  if (!work->state.is_sealed)
    return is_sealed;
  return !is_sealed || memcmp (header->bytes + CRYPT_AT_KEY_ID, work->state.half.id, CRYPT_KEY_ID_BYTES) != 0;
}

/* Reads the attributes as clients see them, NULL where there are none that can be read, and with them which
 * message they say it is. */
static GBytes *
read_attributes (const CryptBatch *batch, guint32 uid, CryptKnown *ret_known, gboolean *ret_is_known)
{
  const CryptWork *work = batch->work;
  SatchelErrorCode code = 0;
  g_autoptr (GBytes) stored = NULL;
  *ret_is_known = FALSE;
  if (!satchel_storage_get_attributes (work->storage, work->access, batch->mailbox, &uid, 1, &stored, &code,
                                       NULL)
      || stored == NULL)
    return NULL;
  if (!crypt_attributes_is_sealed (stored, NULL))
    return g_steal_pointer (&stored);
  GBytes *clear = crypt_attributes_open (stored, work->keys, ret_known, NULL);
  *ret_is_known = clear != NULL;
  return clear;
}

static SatchelStage *
stage_anew (const CryptBatch *batch, const SatchelMessageRow *row, SatchelStream *below, GError **error)
{
  const CryptWork *work = batch->work;
  CryptKnown known;
  gboolean is_known;
  g_autoptr (GBytes) attributes = read_attributes (batch, row->uid, &known, &is_known);
  g_autoptr (SatchelStream) content = crypt_reader_new (below, work->keys, is_known ? &known : NULL, error);
  sodium_memzero (&known, sizeof known);
  return content != NULL ? satchel_storage_stage_anew (work->storage, work->access, content, attributes,
                                                       row->internal_date, error)
                         : NULL;
}

static CryptAdd
judge (const GError *error)
{
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_GONE))
    return CRYPT_ADD_DONE;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED))
    return CRYPT_ADD_LOCKED;
  return g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT) ? CRYPT_ADD_DAMAGED : CRYPT_ADD_FAILED;
}

CryptAdd
crypt_batch_add (CryptBatch *batch, const SatchelMessageRow *row, GError **error)
{
  const CryptWork *work = batch->work;
  guint8 head[CRYPT_HEADER_BYTES];
  CryptHeader header;
  g_autoptr (GError) why = NULL;
  g_autoptr (SatchelStream) below =
      satchel_storage_open_message (work->storage, work->access, batch->mailbox, row->uid, &why);
  gssize len = below != NULL ? crypt_head_read (below, head, &why) : -1;
  CryptFound found = len >= 0 ? crypt_header_read (&header, head, (gsize) len, work->keys, &why) : 0;
  if (why == NULL && !needs_other_form (work, found, &header))
    return CRYPT_ADD_DONE;
  SatchelStage *stage = why == NULL ? stage_anew (batch, row, below, &why) : NULL;
  if (stage == NULL)
    {
      const CryptAdd result = judge (why);
      if (result != CRYPT_ADD_DONE)
        g_propagate_error (error, g_steal_pointer (&why));
      return result;
    }
  g_array_append_val (batch->uids, row->uid);
  g_ptr_array_add (batch->stages, stage);
  batch->n_bytes += satchel_stage_size (stage);
  return CRYPT_ADD_DONE;
}

/* ---- the exchange ---- */

static gboolean
exchange_in_turn (SatchelStorage *storage, gpointer data, GError **error)
{
  const CryptBatch *batch = data;
  const guint n = batch->uids->len;
  const guint32 *uids = (const guint32 *) (void *) batch->uids->data;
  g_autofree SatchelStaged **staged = g_new (SatchelStaged *, n);
  for (guint i = 0; i < n; i++)
    staged[i] = satchel_stage_staged (batch->stages->pdata[i]);
  crypt_store_begin_exchange (storage->self);
  gboolean ok =
      satchel_storage_exchange (storage, batch->work->access, batch->mailbox, uids, staged, n, error);
  crypt_store_forget (storage->self, batch->mailbox, uids, n);
  crypt_store_end_exchange (storage->self);
  return ok;
}

gboolean
crypt_batch_exchange (CryptBatch *batch, GError **error)
{
  CryptWork *work = batch->work;
  if (!satchel_storage_hold_syncs (work->storage, work->access, FALSE, error))
    return FALSE;
  if (batch->uids->len == 0)
    return TRUE;
  if (!satchel_storage_run_in_turn (work->storage, exchange_in_turn, batch, error))
    return FALSE;
  work->counts.n_changed += batch->uids->len;
  work->counts.n_bytes += batch->n_bytes;
  return TRUE;
}
