/* SPDX-License-Identifier: MIT
 * Implements the life of snapshots, and look-ups in them. snapshot_builder.c makes them, snapshot_compare.c
 * compares them.
 */
#include "config.h"

#include "core/storage/snapshot/chunk.h"

SatchelSnapshot *
satchel_snapshot_ref (SatchelSnapshot *snapshot)
{
  g_atomic_ref_count_inc (&snapshot->refs);
  return snapshot;
}

void
satchel_snapshot_unref (SatchelSnapshot *snapshot)
{
  if (!g_atomic_ref_count_dec (&snapshot->refs))
    return;
  for (guint i = 0; i < snapshot->n_chunks; i++)
    satchel_chunk_unref (snapshot->chunks[i]);
  g_free (snapshot->chunks);
  g_free (snapshot->first_index);
  satchel_keywords_unref (snapshot->keywords);
  g_free (snapshot);
}

/* Returns the last chunk whose first index is <= @index. */
static guint
chunk_of_index (const SatchelSnapshot *snapshot, guint32 index)
{
  guint low = 0, high = snapshot->n_chunks;
  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      if (snapshot->first_index[middle] <= index)
        low = middle;
      else
        high = middle;
    }
  return low;
}

const SatchelChunk *
satchel_snapshot_at (const SatchelSnapshot *snapshot, guint32 index, guint *ret_row)
{
  g_return_val_if_fail (index < snapshot->state.n_messages, NULL);
  guint at = chunk_of_index (snapshot, index);
  *ret_row = index - snapshot->first_index[at];
  return snapshot->chunks[at];
}

gboolean
satchel_snapshot_find (const SatchelSnapshot *snapshot, guint32 uid, guint32 *ret_index)
{
  guint low = 0, high = snapshot->n_chunks;
  while (low < high) /* finds the first chunk whose last UID is >= uid */
    {
      guint middle = low + (high - low) / 2;
      const SatchelChunk *chunk = snapshot->chunks[middle];
      if (chunk->uid[chunk->n - 1] < uid)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == snapshot->n_chunks)
    {
      *ret_index = snapshot->state.n_messages;
      return FALSE;
    }
  const SatchelChunk *chunk = snapshot->chunks[low];
  guint row = 0, end = chunk->n;
  while (row < end)
    {
      guint middle = row + (end - row) / 2;
      if (chunk->uid[middle] < uid)
        row = middle + 1;
      else
        end = middle;
    }
  *ret_index = snapshot->first_index[low] + row;
  return chunk->uid[row] == uid;
}

SatchelKeywordSet
satchel_snapshot_used_keywords (const SatchelSnapshot *snapshot)
{
  SatchelKeywordSet used = { { 0 } };
  for (guint c = 0; c < snapshot->n_chunks; c++)
    satchel_chunk_add_used_keywords (snapshot->chunks[c], &used);
  return used;
}

int
satchel_snapshot_keyword (const SatchelSnapshot *snapshot, const char *name)
{
  return satchel_keywords_find (snapshot->keywords, snapshot->n_keywords, name);
}

/* Returns the last row of the run of adjacent UIDs that starts at @row.  In a run UID - row is constant, and
 * it never falls, so a binary search finds the end. */
static guint
end_of_run (const SatchelChunk *chunk, guint row)
{
  guint32 lead = chunk->uid[row] - row;
  guint low = row, high = chunk->n - 1;
  while (low < high)
    {
      guint middle = low + (high - low + 1) / 2;
      if (chunk->uid[middle] - middle == lead)
        low = middle;
      else
        high = middle - 1;
    }
  return low;
}

void
satchel_snapshot_uids (const SatchelSnapshot *snapshot, SatchelUidSet *set)
{
  for (guint i = 0; i < snapshot->n_chunks; i++)
    {
      const SatchelChunk *chunk = snapshot->chunks[i];
      for (guint row = 0, last; row < chunk->n; row = last + 1)
        {
          last = end_of_run (chunk, row);
          satchel_uid_set_add (set, chunk->uid[row], chunk->uid[last]);
        }
    }
}
