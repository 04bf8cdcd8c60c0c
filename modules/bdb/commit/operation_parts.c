/* SPDX-License-Identifier: MIT
 * Keeps what several operations do: find messages, number keywords, write metadata.
 */
#include "config.h"

#include "commit/operation.h"
#include "message/metadata.h"

#include <string.h>

/* Returns how many messages from @row on make a span. */
static guint
measure_span (const SatchelChunk *chunk, guint row, guint32 last, gboolean only_deleted)
{
  guint n = 0;
  while (row + n < chunk->n && chunk->uid[row + n] == chunk->uid[row] + n && chunk->uid[row + n] <= last
         && (!only_deleted || (chunk->flags[row + n] & SATCHEL_FLAG_DELETED) != 0))
    n++;
  return n;
}

/* Appends spans of messages from @row on, whose index is @index, up to UID @last.  TRUE: the chunk has no
 * message after these. */
static gboolean
append_spans (const SatchelChunk *chunk, guint row, guint32 index, guint32 last, gboolean only_deleted,
              GArray *spans)
{
  while (row < chunk->n && chunk->uid[row] <= last)
    {
      const BdbSpan span = { chunk, row, measure_span (chunk, row, last, only_deleted), index };
      if (span.n > 0)
        g_array_append_val (spans, span);
      row += MAX (span.n, 1);
      index += MAX (span.n, 1);
    }
  return row == chunk->n;
}

GArray *
bdb_find_spans (const SatchelSnapshot *snapshot, const SatchelUidSet *uids, gboolean only_deleted)
{
  GArray *spans = g_array_new (FALSE, FALSE, sizeof (BdbSpan));
  for (guint i = 0; i < uids->n_ranges; i++)
    {
      guint32 index;
      guint row;
      satchel_snapshot_find (snapshot, uids->ranges[i].first, &index);
      while (index < snapshot->state.n_messages)
        {
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
          if (!append_spans (chunk, row, index, uids->ranges[i].last, only_deleted, spans))
            break;
          index += chunk->n - row;
        }
    }
  return spans;
}

gboolean
bdb_keyword_bits (SatchelSnapshotBuilder *builder, char *const *keywords, guint *ref_n_without,
                  SatchelKeywordSet *ret_bits, GError **error)
{
  SatchelKeywordSet bits = { { 0 } };
  for (; keywords != NULL && *keywords != NULL; keywords++)
    {
      int bit = satchel_snapshot_builder_keyword (builder, *keywords);
      if (bit < 0 && ref_n_without == NULL)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                                  "the messages of the mailbox have as many keywords as they may "
                                  "(limits.keywords); remove one of them from all messages first");
      if (bit >= 0)
        satchel_keyword_set_add (&bits, (guint) bit);
      else
        (*ref_n_without)++;
    }
  *ret_bits = bits;
  return TRUE;
}

gboolean
bdb_save_metadata (BdbRun *run, const BdbDraft *draft, guint32 uid, BdbRow *row,
                   const SatchelOperation *operation, GError **error)
{
  for (guint i = 0; operation->metadata != NULL && i < operation->metadata->len; i++)
    {
      const SatchelMetadata *item = operation->metadata->pdata[i];
      BdbKey key;
      if (item->value == NULL)
        continue;
      bdb_key_of_metadata (&key, run->store, draft->box, uid, item->key);
      if (!bdb_put (run->write, BDB_RECORDS, &key, g_bytes_get_data (item->value, NULL),
                    g_bytes_get_size (item->value), error))
        return FALSE;
      row->flags |= BDB_ROW_HAS_METADATA;
    }
  return TRUE;
}

static gboolean
is_said (const GPtrArray *said, const char *key)
{
  for (guint i = 0; said != NULL && i < said->len; i++)
    if (strcmp (((const SatchelMetadata *) said->pdata[i])->key, key) == 0)
      return TRUE;
  return FALSE;
}

gboolean
bdb_copy_metadata (BdbRun *run, BdbDraft *source, guint32 from, guint32 flags, const BdbDraft *destination,
                   guint32 to, BdbRow *row, const GPtrArray *said, GError **error)
{
  g_autoptr (GPtrArray) items =
      bdb_metadata_of (run->store, run->write, source->box, from, flags, &source->group, error);
  for (guint i = 0; items != NULL && i < items->len; i++)
    {
      const SatchelMetadata *item = items->pdata[i];
      BdbKey key;
      if (is_said (said, item->key))
        continue;
      bdb_key_of_metadata (&key, run->store, destination->box, to, item->key);
      row->flags |= BDB_ROW_HAS_METADATA;
      if (!bdb_put (run->write, BDB_RECORDS, &key, g_bytes_get_data (item->value, NULL),
                    g_bytes_get_size (item->value), error))
        return FALSE;
    }
  return items != NULL;
}
