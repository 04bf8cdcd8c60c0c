/* SPDX-License-Identifier: MIT
 * Finds what a client missed while it was away (RFC 7162 3.2.5, 3.2.6), and reports it.
 */
#include "view/resync.h"

/* Adds the UIDs that are in both sets. */
static void
intersect (const SatchelUidSet *a, const SatchelUidSet *b, SatchelUidSet *ret)
{
  for (guint i = 0, k = 0; i < a->n_ranges && k < b->n_ranges;)
    {
      guint32 first = MAX (a->ranges[i].first, b->ranges[k].first),
              last = MIN (a->ranges[i].last, b->ranges[k].last);
      if (first <= last)
        satchel_uid_set_add (ret, first, last);
      if (a->ranges[i].last < b->ranges[k].last)
        i++;
      else
        k++;
    }
}

/* Adds the UIDs of @range that @snapshot does not have. */
static void
add_absent (const SatchelSnapshot *snapshot, SatchelRange range, SatchelUidSet *ret)
{
  guint32 index, next = range.first;
  for (satchel_snapshot_find (snapshot, range.first, &index); index < snapshot->state.n_messages; index++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
      if (chunk->uid[row] > range.last)
        break;
      satchel_uid_set_add (ret, next, chunk->uid[row] - 1);
      next = chunk->uid[row] + 1;
    }
  satchel_uid_set_add (ret, next, range.last);
}

gboolean
imap_resync_vanished (const ImapView *view, guint64 modseq, const SatchelUidSet *wanted, guint32 known_upto,
                      SatchelUidSet *ret_uids, GError **error)
{
  const SatchelSnapshot *snapshot = view->snapshot;
  g_auto (SatchelUidSet) removed = { 0 };
  g_auto (SatchelUidSet) found = { 0 };
  gboolean is_complete;
  if (!satchel_mailbox_vanished (view->mailbox, modseq, &removed, &is_complete, error))
    return FALSE;
  /* What the client knows is older than the history, so all that is not there has vanished (RFC 7162
   * 3.2.6). */
  if (is_complete)
    intersect (&removed, wanted, &found);
  else
    satchel_uid_set_copy (wanted, &found);
  for (guint i = 0; i < found.n_ranges; i++)
    {
      SatchelRange range = { MAX (found.ranges[i].first, known_upto + 1),
                             MIN (found.ranges[i].last, snapshot->state.uidnext - 1) };
      if (range.first <= range.last)
        add_absent (snapshot, range, ret_uids);
    }
  return TRUE;
}

void
imap_resync_changed (const ImapView *view, const SatchelSnapshot *newest, guint64 modseq,
                     const SatchelUidSet *rows, SatchelUidSet *ret_rows)
{
  for (guint c = 0; c < newest->n_chunks; c++)
    {
      const SatchelChunk *chunk = newest->chunks[c];
      for (guint row = 0; chunk->highest_modseq > modseq && row < chunk->n; row++)
        {
          guint32 index = newest->first_index[c] + row;
          if (chunk->modseq[row] > modseq
              && (newest == view->snapshot || satchel_snapshot_find (view->snapshot, chunk->uid[row], &index))
              && satchel_uid_set_contains (rows, index + 1))
            satchel_uid_set_add (ret_rows, index + 1, index + 1);
        }
    }
}

static guint32
uid_at (const SatchelSnapshot *snapshot, guint32 number)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, number - 1, &row);
  return chunk->uid[row];
}

/* Returns the last of the numbers [first, last] whose UID is itself plus @distance, 0: none.  UIDs grow at
 * least as fast as numbers, so what is left and right of it tells where to look. */
static guint32
last_match (const SatchelSnapshot *snapshot, guint32 first, guint32 last, gint64 distance)
{
  guint32 low = first, high = MIN (last, snapshot->state.n_messages);
  if (low > high)
    return 0;
  while (low < high)
    {
      guint32 middle = low + (high - low + 1) / 2;
      if ((gint64) uid_at (snapshot, middle) - middle <= distance)
        low = middle;
      else
        high = middle - 1;
    }
  return (gint64) uid_at (snapshot, low) - low == distance ? low : 0;
}

guint32
imap_resync_match (const ImapView *view, const ImapSequence *numbers, const ImapSequence *uids)
{
  guint32 best = 0;
  SatchelRange number = { 0, 0 }, uid = { 0, 0 };
  gboolean has_number = FALSE, has_uid = FALSE;
  for (guint i = 0, k = 0;;)
    {
      if (!has_number && i == numbers->n_ranges)
        return best;
      if (!has_uid && k == uids->n_ranges)
        return best;
      number = has_number ? number : numbers->ranges[i++];
      uid = has_uid ? uid : uids->ranges[k++];
      guint32 length = MIN (number.last - number.first, uid.last - uid.first);
      guint32 found =
          last_match (view->snapshot, number.first, number.first + length, (gint64) uid.first - number.first);
      best = found != 0 ? uid.first + (found - number.first) : best;
      has_number = number.last - number.first > length;
      has_uid = uid.last - uid.first > length;
      number.first += length + 1;
      uid.first += length + 1;
    }
}

void
imap_resync_clear (ImapResync *resync)
{
  satchel_uid_set_clear (&resync->vanished);
  satchel_uid_set_clear (&resync->rows);
}

gboolean
imap_resync_tell_vanished (ImapResync *resync, ImapWriter *writer)
{
  while (resync->at_vanished < resync->vanished.n_ranges)
    {
      if (imap_writer_is_full (writer))
        return FALSE;
      resync->at_vanished = imap_write_vanished (writer, &resync->vanished, resync->at_vanished, TRUE);
    }
  return TRUE;
}

gboolean
imap_resync_tell_rows (ImapResync *resync, const ImapView *view, ImapWriter *writer)
{
  ImapFlagsMemo memo = { 0 };
  for (; resync->at_range < resync->rows.n_ranges; resync->at_range++, resync->at = 0)
    {
      const SatchelRange *range = &resync->rows.ranges[resync->at_range];
      for (resync->at = MAX (resync->at, range->first); resync->at <= range->last; resync->at++)
        {
          guint row;
          const SatchelChunk *chunk = satchel_snapshot_at (view->snapshot, resync->at - 1, &row);
          if (imap_writer_is_full (writer))
            return FALSE;
          imap_view_write_fetch (view, writer, &memo, resync->at, view->snapshot, chunk, row,
                                 IMAP_FETCH_UID | IMAP_FETCH_FLAGS | IMAP_FETCH_MODSEQ);
        }
    }
  return TRUE;
}
