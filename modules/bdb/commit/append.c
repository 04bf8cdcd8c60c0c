/* SPDX-License-Identifier: MIT
 * This file executes APPEND, also of messages that another store had.
 */
#include "config.h"

#include "commit/operation.h"
#include "message/stage.h"

#include <string.h>

static gboolean
check_unique_id (BdbRun *run, const BdbDraft *draft, const char *id, GError **error)
{
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  bdb_key_begin (&key, run->store->user, BDB_KIND_UNIQUE_ID);
  bdb_key_u32 (&key, draft->box->number);
  bdb_key_bytes (&key, id, strlen (id));
  if (!bdb_get (run->store->volume, run->write, BDB_RECORDS, &key, value, &is_found, error))
    return FALSE;
  return !is_found
         || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "another message has the unique id %s", id);
}

static gboolean
save_unique_id (BdbRun *run, const BdbDraft *draft, guint32 uid, const char *id, GError **error)
{
  BdbKey key, other;
  guint32 little = GUINT32_TO_LE (uid);
  bdb_key_begin (&key, run->store->user, BDB_KIND_UNIQUE_ID);
  bdb_key_u32 (&key, draft->box->number);
  bdb_key_bytes (&key, id, strlen (id));
  bdb_key_begin (&other, run->store->user, BDB_KIND_UID_UNIQUE);
  bdb_key_u32 (&other, draft->box->number);
  bdb_key_u32 (&other, uid);
  return bdb_put (run->write, BDB_RECORDS, &key, &little, sizeof little, error)
         && bdb_put (run->write, BDB_RECORDS, &other, id, strlen (id), error);
}

static gboolean
save_email_id (BdbRun *run, guint64 content, const guint8 id[16], GError **error)
{
  BdbKey key;
  bdb_key_begin (&key, run->store->user, BDB_KIND_IMPORTED);
  bdb_key_u64 (&key, content);
  return bdb_put (run->write, BDB_RECORDS, &key, id, 16, error);
}

static gboolean
check_ids (BdbRun *run, const BdbDraft *draft, const SatchelOperation *operation, GError **error)
{
  if (operation->uid != 0 && (operation->uid < draft->state.uidnext || operation->uid == G_MAXUINT32))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "UID %u is below UIDNEXT (%u), or the last one there could be", operation->uid,
                              draft->state.uidnext);
  if (draft->state.uidnext == G_MAXUINT32)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the mailbox has no UID left");
  return operation->unique_id == NULL || check_unique_id (run, draft, operation->unique_id, error);
}

/* Writes the content and what belongs to the message beside its row. */
static gboolean
save_parts (BdbRun *run, const BdbDraft *draft, guint32 uid, BdbRow *row, const SatchelOperation *operation,
            GError **error)
{
  const SatchelStaged *staged = satchel_stage_staged (operation->stage);
  BdbStaged *own = staged->driver;
  if (operation->unique_id != NULL)
    row->flags |= BDB_ROW_HAS_UNIQUE_ID;
  return bdb_staged_save (own, run->write, error)
         && (staged->attributes == NULL
             || bdb_content_put_attributes (run->store, run->write, own->content, staged->attributes, error))
         && (operation->unique_id == NULL || save_unique_id (run, draft, uid, operation->unique_id, error))
         && (!satchel_operation_has_email_id (operation)
             || save_email_id (run, own->content, operation->email_id, error))
         && bdb_save_metadata (run, draft, uid, row, operation, error);
}

static void
fill_row (BdbRow *row, const SatchelMessageRow *message, const BdbStaged *staged)
{
  *row = (BdbRow) { .flags = message->flags,
                    .modseq = message->modseq,
                    .size = message->size,
                    .length = staged->length,
                    .content = staged->content,
                    .internal_date = message->internal_date,
                    .save_date = message->save_date };
}

gboolean
bdb_run_append (BdbRun *run, SatchelOperation *operation, GError **error)
{
  BdbDraft *draft = bdb_draft_of (run, operation->mailbox->driver);
  const SatchelStaged *staged = satchel_stage_staged (operation->stage);
  g_autoptr (SatchelSnapshotBuilder) builder = satchel_snapshot_builder_new (draft->snapshot);
  SatchelMessageRow message = {
    .uid = operation->uid != 0 ? operation->uid : draft->state.uidnext,
    .flags = operation->flags,
    .modseq = operation->modseq != 0 ? operation->modseq : run->modseq,
    .size = staged->size,
    .internal_date = operation->internal_date,
    .save_date = operation->save_date == SATCHEL_DATE_UNKNOWN ? 0
                 : operation->save_date != 0                  ? operation->save_date
                                                              : run->now,
  };
  if (!check_ids (run, draft, operation, error)
      || !bdb_keyword_bits (builder, operation->keywords, &draft->n_without, &message.keywords, error))
    return FALSE;
  BdbRow *row = bdb_draft_new_row (run, draft, message.uid, error);
  if (row == NULL)
    return FALSE;
  fill_row (row, &message, staged->driver);
  bdb_draft_set_keywords (draft, message.uid, &message.keywords);
  if (!save_parts (run, draft, message.uid, row, operation, error))
    return FALSE;
  satchel_snapshot_builder_append (builder, &message);
  draft->state.uidnext = message.uid + 1;
  bdb_draft_touch (draft, message.modseq);
  operation->ret_modseq = message.modseq;
  bdb_draft_advance (draft, g_steal_pointer (&builder));
  operation->ret_uidvalidity = draft->state.uidvalidity;
  operation->ret_uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_val (operation->ret_uids, message.uid);
  return TRUE;
}
