/* SPDX-License-Identifier: MIT
 * This file makes mailboxes, and writes their records.
 */
#include "config.h"

#include "format/record.h"
#include "store/load.h"
#include "store/store.h"

#include <string.h>

#define BOX_FORMAT 1u

BdbBox *
bdb_box_new (void)
{
  BdbBox *box = g_new0 (BdbBox, 1);
  g_atomic_ref_count_init (&box->refs);
  box->keywords = g_ptr_array_new_with_free_func (g_free);
  return box;
}

BdbBox *
bdb_box_ref (BdbBox *box)
{
  g_atomic_ref_count_inc (&box->refs);
  return box;
}

void
bdb_box_unref (gpointer data)
{
  BdbBox *box = data;
  if (!g_atomic_ref_count_dec (&box->refs))
    return;
  g_clear_pointer (&box->snapshot, satchel_snapshot_unref);
  g_ptr_array_unref (box->keywords);
  g_free (box);
}

BdbBox *
bdb_box_make (BdbStore *store)
{
  BdbBox *box = bdb_box_new ();
  BdbCounters *counters = &store->counters;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  counters->last_uidvalidity = MAX (counters->last_uidvalidity + 1, (guint32) now);
  box->number = ++counters->last_box;
  box->state = (SatchelMailboxState) { .uidvalidity = counters->last_uidvalidity,
                                       .uidnext = 1,
                                       .highestmodseq = counters->modseq,
                                       .first_recent_uid = 1,
                                       .history_start = counters->modseq };
  for (guint i = 0; i < sizeof box->state.mailbox_id; i++)
    box->state.mailbox_id[i] = (guint8) g_random_int_range (0, 256);
  return box;
}

static void
write_state (GByteArray *out, const SatchelMailboxState *state)
{
  g_byte_array_append (out, state->mailbox_id, sizeof state->mailbox_id);
  bdb_record_u32 (out, state->uidvalidity);
  bdb_record_u32 (out, state->uidnext);
  bdb_record_u64 (out, state->highestmodseq);
  bdb_record_u32 (out, state->first_recent_uid);
  bdb_record_u32 (out, state->n_messages);
  bdb_record_u32 (out, state->n_unseen);
  bdb_record_u32 (out, state->n_deleted);
  bdb_record_u64 (out, state->size_bytes);
  bdb_record_u64 (out, state->history_start);
}

static void
read_state (BdbReader *reader, SatchelMailboxState *state)
{
  bdb_reader_bytes (reader, state->mailbox_id, sizeof state->mailbox_id);
  state->uidvalidity = bdb_reader_u32 (reader);
  state->uidnext = bdb_reader_u32 (reader);
  state->highestmodseq = bdb_reader_u64 (reader);
  state->first_recent_uid = bdb_reader_u32 (reader);
  state->n_messages = bdb_reader_u32 (reader);
  state->n_unseen = bdb_reader_u32 (reader);
  state->n_deleted = bdb_reader_u32 (reader);
  state->size_bytes = bdb_reader_u64 (reader);
  state->history_start = bdb_reader_u64 (reader);
}

gboolean
bdb_box_save (BdbStore *store, BdbWrite *write, const BdbBox *box, const SatchelMailboxState *state,
              char *const *keywords, guint n_keywords, guint32 n_tombstones, GError **error)
{
  BdbKey key;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_record_u8 (record, BOX_FORMAT);
  bdb_record_u32 (record, box->special_use);
  write_state (record, state);
  bdb_record_u32 (record, n_tombstones);
  bdb_record_u32 (record, n_keywords);
  for (guint i = 0; i < n_keywords; i++)
    bdb_record_text (record, keywords[i]);
  bdb_key_begin (&key, store->user, BDB_KIND_MAILBOX);
  bdb_key_u32 (&key, box->number);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

gboolean
bdb_box_save_as_is (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error)
{
  return bdb_box_save (store, write, box, &box->state, (char *const *) box->keywords->pdata,
                       box->keywords->len, box->n_tombstones, error);
}

gboolean
bdb_box_read (BdbBox *box, const guint8 *data, gsize len)
{
  BdbReader reader = { data, len, FALSE };
  if (bdb_reader_u8 (&reader) != BOX_FORMAT)
    return FALSE;
  box->special_use = bdb_reader_u32 (&reader);
  read_state (&reader, &box->state);
  box->n_tombstones = bdb_reader_u32 (&reader);
  guint32 n_keywords = bdb_reader_u32 (&reader);
  for (guint32 i = 0; i < n_keywords && i < SATCHEL_KEYWORDS_MAX && !reader.is_bad; i++)
    g_ptr_array_add (box->keywords, bdb_reader_text (&reader));
  return !reader.is_bad && reader.len == 0;
}

gboolean
bdb_store_save_name (BdbStore *store, BdbWrite *write, const char *name, const BdbBox *box, GError **error)
{
  BdbKey key;
  guint32 number = GUINT32_TO_LE (box->number);
  bdb_key_begin (&key, store->user, BDB_KIND_NAME);
  bdb_key_bytes (&key, name, strlen (name));
  return bdb_put (write, BDB_RECORDS, &key, &number, sizeof number, error);
}
