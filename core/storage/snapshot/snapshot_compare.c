/* SPDX-License-Identifier: MIT
 * Finds what happened between two views of a mailbox. The work grows with the difference: shared chunks
 * are skipped as a whole, shared columns of UIDs row by row.
 */
#include "config.h"

#include "core/storage/snapshot/chunk.h"

typedef struct Cursor
{
  const SatchelSnapshot *snapshot;
  guint at, row;
} Cursor;

static const SatchelChunk *
cursor_chunk (const Cursor *cursor)
{
  return cursor->at < cursor->snapshot->n_chunks ? cursor->snapshot->chunks[cursor->at] : NULL;
}

static void
cursor_advance (Cursor *cursor, guint n_rows)
{
  cursor->row += n_rows;
  if (cursor->row >= cursor->snapshot->chunks[cursor->at]->n)
    {
      cursor->at++;
      cursor->row = 0;
    }
}

static guint32
cursor_index (const Cursor *cursor)
{
  return cursor->snapshot->first_index[cursor->at] + cursor->row;
}

/* Compares rows of both snapshots that hold the same messages; those whose mod-sequence has grown have
 * changed. */
static void
compare_rows (const SatchelChunk *before, guint row_before, const Cursor *after, guint n_rows,
              GArray *changed)
{
  const SatchelChunk *chunk = cursor_chunk (after);
  const guint64 *old = before->modseq + row_before, *new = chunk->modseq + after->row;
  if (old == new)
    return;
  guint32 index = cursor_index (after);
  for (guint i = 0; i < n_rows; i++)
    if (new[i] > old[i])
      {
        guint32 place = index + i;
        g_array_append_val (changed, place);
      }
}

void
satchel_snapshot_compare (const SatchelSnapshot *before, const SatchelSnapshot *after,
                          SatchelDifference *ret_difference)
{
  *ret_difference = (SatchelDifference) { .changed = g_array_new (FALSE, FALSE, sizeof (guint32)) };
  satchel_snapshot_find (after, before->state.uidnext, &ret_difference->first_new_index);
  Cursor old = { before, 0, 0 }, new = { after, 0, 0 };
  const SatchelChunk *a, *b;
  while ((a = cursor_chunk (&old)) != NULL)
    {
      b = cursor_chunk (&new);
      if (a == b && old.row == new.row)
        {
          cursor_advance (&old, a->n);
          cursor_advance (&new, a->n);
        }
      else if (b == NULL || a->uid[old.row] < b->uid[new.row])
        {
          satchel_uid_set_add (&ret_difference->vanished, a->uid[old.row], a->uid[old.row]);
          cursor_advance (&old, 1);
        }
      else if (a->uid[old.row] > b->uid[new.row])
        cursor_advance (&new, 1);
      else
        {
          guint same = 1;
          if (a->uid == b->uid && old.row == new.row)
            same = MIN (a->n, b->n) - old.row;
          compare_rows (a, old.row, &new, same, ret_difference->changed);
          cursor_advance (&old, same);
          cursor_advance (&new, same);
        }
    }
}

/* Adds the UIDs of [first, last] that are not in @snapshot. */
static void
add_missing (const SatchelSnapshot *snapshot, SatchelRange range, SatchelUidSet *missing)
{
  guint32 index;
  guint64 expected = range.first;
  satchel_snapshot_find (snapshot, range.first, &index);
  while (expected <= range.last && index < snapshot->state.n_messages)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
      guint32 uid = chunk->uid[row];
      if (uid > range.last)
        break;
      if (uid > expected)
        satchel_uid_set_add (missing, (guint32) expected, uid - 1);
      /* The longest run of adjacent UIDs begins here; its end is looked for by halves. */
      guint low = row, high = MIN ((guint64) chunk->n - 1, (guint64) row + (range.last - uid));
      while (low < high)
        {
          guint middle = low + (high - low + 1) / 2;
          if (chunk->uid[middle] - middle == uid - row)
            low = middle;
          else
            high = middle - 1;
        }
      index += low - row + 1;
      expected = (guint64) chunk->uid[low] + 1;
    }
  if (expected <= range.last)
    satchel_uid_set_add (missing, (guint32) expected, range.last);
}

void
satchel_snapshot_compare_uids (const SatchelUidSet *before, guint64 modseq, guint32 uidnext,
                               const SatchelSnapshot *after, SatchelDifference *ret_difference)
{
  *ret_difference = (SatchelDifference) { .changed = g_array_new (FALSE, FALSE, sizeof (guint32)) };
  satchel_snapshot_find (after, uidnext, &ret_difference->first_new_index);
  for (guint i = 0; i < before->n_ranges; i++)
    add_missing (after, before->ranges[i], &ret_difference->vanished);
  for (guint c = 0; c < after->n_chunks; c++)
    {
      const SatchelChunk *chunk = after->chunks[c];
      if (chunk->highest_modseq <= modseq)
        continue;
      for (guint row = 0; row < chunk->n && chunk->uid[row] < uidnext; row++)
        if (chunk->modseq[row] > modseq && satchel_uid_set_contains (before, chunk->uid[row]))
          {
            guint32 index = after->first_index[c] + row;
            g_array_append_val (ret_difference->changed, index);
          }
    }
}

void
satchel_difference_clear (SatchelDifference *difference)
{
  satchel_uid_set_clear (&difference->vanished);
  g_clear_pointer (&difference->changed, g_array_unref);
  difference->first_new_index = 0;
}
