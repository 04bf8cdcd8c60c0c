/* SPDX-License-Identifier: MIT
 * Implements the history of a mailbox: the UIDs that vanished, one record for each change.
 */
#include "config.h"

#include "driver.h"
#include "format/record.h"
#include "message/history.h"

#define TOMBSTONES_MAX 10000u
#define TOMBSTONES_KEPT 9000u

static void
begin_key (BdbKey *key, const BdbStore *store, const BdbBox *box)
{
  bdb_key_begin (key, store->user, BDB_KIND_TOMBSTONES);
  bdb_key_u32 (key, box->number);
}

gboolean
bdb_history_add (BdbStore *store, BdbWrite *write, const BdbBox *box, guint64 modseq,
                 const SatchelUidSet *uids, GError **error)
{
  BdbKey key;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  begin_key (&key, store, box);
  bdb_key_u64 (&key, modseq);
  for (guint i = 0; i < uids->n_ranges; i++)
    {
      bdb_record_u32 (record, uids->ranges[i].first);
      bdb_record_u32 (record, uids->ranges[i].last);
    }
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

typedef struct Trim
{
  guint n_surplus; /* how many ranges must be removed */
  guint n_gone;
  GArray *modseqs; /* guint64: mod-sequences of the records that are removed */
} Trim;

static gboolean
trim_record (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Trim *trim = data;
  if (trim->n_gone >= trim->n_surplus)
    return FALSE;
  guint64 modseq = bdb_key_read_u64 (key + BDB_KEY_HEAD + 4);
  g_array_append_val (trim->modseqs, modseq);
  trim->n_gone += value_len / 8;
  return TRUE;
}

gboolean
bdb_history_trim (BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 *n_tombstones,
                  guint64 *history_start, GError **error)
{
  BdbKey key;
  if (*n_tombstones <= TOMBSTONES_MAX)
    return TRUE;
  g_autoptr (GArray) modseqs = g_array_new (FALSE, FALSE, sizeof (guint64));
  Trim trim = { *n_tombstones - TOMBSTONES_KEPT, 0, modseqs };
  begin_key (&key, store, box);
  if (!bdb_scan (store->volume, write, BDB_RECORDS, &key, NULL, trim_record, &trim, error))
    return FALSE;
  for (guint i = 0; i < modseqs->len; i++)
    {
      *history_start = g_array_index (modseqs, guint64, i);
      begin_key (&key, store, box);
      bdb_key_u64 (&key, *history_start);
      if (!bdb_remove (write, BDB_RECORDS, &key, error))
        return FALSE;
    }
  *n_tombstones -= MIN (trim.n_gone, *n_tombstones);
  return TRUE;
}

static gboolean
collect_record (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  BdbReader reader = { value, value_len, FALSE };
  guint64 modseq = bdb_key_read_u64 (key + BDB_KEY_HEAD + 4);
  while (reader.len >= 8)
    {
      SatchelTombstone tombstone = { .modseq = modseq };
      tombstone.first = bdb_reader_u32 (&reader);
      tombstone.last = bdb_reader_u32 (&reader);
      g_array_append_val ((GArray *) data, tombstone);
    }
  return TRUE;
}

static gboolean
collect_after (BdbStore *store, BdbBox *box, guint64 modseq, GArray *tombstones, GError **error)
{
  BdbKey prefix, start;
  begin_key (&prefix, store, box);
  start = prefix;
  bdb_key_u64 (&start, modseq == G_MAXUINT64 ? modseq : modseq + 1);
  return bdb_scan (store->volume, NULL, BDB_RECORDS, &prefix, &start, collect_record, tombstones, error);
}

static guint64
history_start_of (BdbStore *store, BdbBox *box)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&store->lock);
  return box->state.history_start;
}

gboolean
bdb_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error)
{
  BdbStore *store = storage->self;
  g_autoptr (GArray) tombstones = g_array_new (FALSE, FALSE, sizeof (SatchelTombstone));
  if (!collect_after (store, mailbox->driver, modseq, tombstones, error))
    return FALSE;
  for (guint i = 0; i < tombstones->len; i++)
    {
      const SatchelTombstone *one = &g_array_index (tombstones, SatchelTombstone, i);
      satchel_uid_set_add (ret_uids, one->first, one->last);
    }
  *ret_is_complete = modseq >= history_start_of (store, mailbox->driver);
  return TRUE;
}

gboolean
bdb_tombstones (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                GArray *tombstones, guint64 *ret_history_start, GError **error)
{
  BdbStore *store = storage->self;
  if (!collect_after (store, mailbox->driver, 0, tombstones, error))
    return FALSE;
  *ret_history_start = history_start_of (store, mailbox->driver);
  return TRUE;
}
