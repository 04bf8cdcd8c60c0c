/* SPDX-License-Identifier: MIT
 * Implements a session's view of its mailbox: moving it to the newest snapshot and telling the difference
 * (RFC 3501 5.2, 7.3, 7.4).
 */
#include "view/view.h"

#include <satchel/hash.h>
#include <satchel/transaction.h>

#define OWN_CHANGES_MAX 64u /* beyond it the client hears of its own changes once more */

static void
own_clear (gpointer data)
{
  g_strfreev (((ImapOwnChange *) data)->keywords);
}

/* Returns a digest of the names of keywords, since a name may go and another one have its place. */
static guint64
digest_keywords (const SatchelSnapshot *snapshot)
{
  guint64 digest = snapshot->n_keywords;
  for (guint k = 0; k < snapshot->n_keywords; k++)
    digest = digest * 31 + satchel_string_hash (snapshot->keywords[k]);
  return digest;
}

ImapView *
imap_view_new (SatchelMailbox *mailbox, SatchelSnapshot *snapshot, gboolean is_read_only, gboolean has_recent)
{
  ImapView *view = g_new0 (ImapView, 1);
  view->mailbox = satchel_mailbox_ref (mailbox);
  view->snapshot = satchel_snapshot_ref (snapshot);
  view->told_keywords = digest_keywords (snapshot);
  view->is_read_only = is_read_only;
  view->has_recent = has_recent;
  view->own = g_array_new (FALSE, FALSE, sizeof (ImapOwnChange));
  g_array_set_clear_func (view->own, own_clear);
  return view;
}

static void
end_update (ImapView *view)
{
  if (view->phase == IMAP_UPDATE_NONE)
    return;
  satchel_difference_clear (&view->difference);
  g_clear_pointer (&view->after, satchel_snapshot_unref);
  g_clear_pointer (&view->renamed, g_free);
  g_clear_pointer (&view->ranks, g_free);
  view->phase = IMAP_UPDATE_NONE;
}

void
imap_view_free (ImapView *view)
{
  end_update (view);
  g_clear_pointer (&view->watch, satchel_mailbox_unwatch);
  g_clear_pointer (&view->snapshot, satchel_snapshot_unref);
  satchel_uid_set_clear (&view->uids);
  satchel_uid_set_clear (&view->recent);
  satchel_uid_set_clear (&view->saved);
  g_array_unref (view->own);
  satchel_mailbox_unref (view->mailbox);
  g_free (view);
}

guint64
imap_view_modseq (const ImapView *view)
{
  return view->snapshot != NULL ? view->snapshot->state.highestmodseq : view->modseq;
}

gboolean
imap_view_is_behind (const ImapView *view)
{
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (view->mailbox);
  if (view->phase != IMAP_UPDATE_NONE)
    return TRUE;
  if (view->snapshot != NULL)
    return newest != view->snapshot;
  return newest->state.highestmodseq != view->modseq || newest->state.uidnext != view->uidnext
         || newest->state.n_messages != view->n_messages;
}

void
imap_view_add_own (ImapView *view, guint64 modseq, SatchelFlagsMode mode, guint32 flags,
                   char *const *keywords)
{
  if (view->own->len >= OWN_CHANGES_MAX)
    g_array_set_size (view->own, 0);
  ImapOwnChange change = {
    .modseq = modseq, .mode = mode, .flags = flags, .keywords = g_strdupv ((char **) keywords)
  };
  g_array_append_val (view->own, change);
}

void
imap_view_forget_own (ImapView *view)
{
  g_array_set_size (view->own, 0);
}

gboolean
imap_view_claim_recent (ImapView *view, const SatchelMailboxState *state, GError **error)
{
  guint32 first = state->first_recent_uid;
  if (!imap_view_can_claim (view, state))
    return TRUE;
  if (!view->is_read_only && !satchel_mailbox_claim_recent (view->mailbox, state->uidnext, &first, error))
    return FALSE;
  guint32 known = view->recent.n_ranges > 0 ? view->recent.ranges[view->recent.n_ranges - 1].last + 1 : 0;
  first = MAX (first, known);
  if (first < state->uidnext)
    satchel_uid_set_add (&view->recent, first, state->uidnext - 1);
  return TRUE;
}

void
imap_view_forget_recent (ImapView *view)
{
  view->has_recent = FALSE;
  satchel_uid_set_clear (&view->recent);
}

static guint32
count_recent (const ImapView *view)
{
  guint32 count = 0;
  for (guint i = 0; i < view->recent.n_ranges; i++)
    {
      guint32 from, to;
      satchel_snapshot_find (view->snapshot, view->recent.ranges[i].first, &from);
      if (satchel_snapshot_find (view->snapshot, view->recent.ranges[i].last, &to))
        to++;
      count += to - from;
    }
  return count;
}

void
imap_view_tell_size (const ImapView *view, ImapWriter *writer)
{
  imap_write_format (writer, "* %u EXISTS\r\n", view->snapshot->state.n_messages);
  if (view->has_recent)
    imap_write_format (writer, "* %u RECENT\r\n", count_recent (view));
}

void
imap_view_rest (ImapView *view)
{
  if (view->snapshot == NULL || view->phase != IMAP_UPDATE_NONE)
    return;
  satchel_uid_set_clear (&view->uids);
  satchel_snapshot_uids (view->snapshot, &view->uids);
  view->modseq = view->snapshot->state.highestmodseq;
  view->uidnext = view->snapshot->state.uidnext;
  view->n_messages = view->snapshot->state.n_messages;
  g_clear_pointer (&view->snapshot, satchel_snapshot_unref);
}

/* Makes a snapshot with the old numbering of UIDs: a message that has vanished is an empty row, and a change
 * that was not reported yet counts as one. */
static void
wake_with_ghosts (ImapView *view)
{
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  satchel_snapshot_builder_set_keywords (builder, view->after->keywords, view->after->n_keywords);
  for (guint i = 0; i < view->uids.n_ranges; i++)
    for (guint64 uid = view->uids.ranges[i].first; uid <= view->uids.ranges[i].last; uid++)
      {
        SatchelMessageRow row = { .uid = (guint32) uid, .modseq = view->modseq };
        guint32 index;
        if (satchel_snapshot_find (view->after, row.uid, &index))
          {
            guint r;
            const SatchelChunk *chunk = satchel_snapshot_at (view->after, index, &r);
            satchel_chunk_get_row (chunk, r, &row);
            row.modseq = MIN (row.modseq, view->modseq);
          }
        satchel_snapshot_builder_append (builder, &row);
      }
  SatchelMailboxState state = view->after->state;
  state.highestmodseq = view->modseq;
  state.uidnext = view->uidnext;
  view->snapshot = satchel_snapshot_builder_finish (builder, &state);
  view->is_rebuilt = TRUE;
}

static void
compute_ranks (ImapView *view)
{
  guint32 before = 0;
  view->ranks = g_new (guint32, view->uids.n_ranges + 1);
  for (guint i = 0; i < view->uids.n_ranges; i++)
    {
      view->ranks[i] = before;
      before += view->uids.ranges[i].last - view->uids.ranges[i].first + 1;
    }
}

/* Returns the sequence number of @uid in the old view, 0: not in it. */
static guint32
old_sequence (const ImapView *view, guint32 uid)
{
  guint32 index;
  if (view->snapshot != NULL)
    return satchel_snapshot_find (view->snapshot, uid, &index) ? index + 1 : 0;
  guint low = 0, high = view->uids.n_ranges;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (view->uids.ranges[middle].last < uid)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == view->uids.n_ranges || view->uids.ranges[low].first > uid)
    return 0;
  return view->ranks[low] + (uid - view->uids.ranges[low].first) + 1;
}

/* Notes that messages vanished of which the client may not be told yet: the view stays as it is. */
static void
hold_view (ImapView *view, SatchelSnapshot *newest)
{
  if (view->snapshot != NULL)
    return;
  view->after = satchel_snapshot_ref (newest);
  wake_with_ghosts (view);
  g_clear_pointer (&view->after, satchel_snapshot_unref);
}

/* Begins to report @difference, which is taken over, as is @newest. */
static void
start_phases (ImapView *view, const ImapUpdate *update, SatchelSnapshot *newest,
              const SatchelDifference *difference)
{
  view->after = newest;
  view->difference = *difference;
  for (guint i = 0; i < view->own->len; i++)
    g_array_index (view->own, ImapOwnChange, i).has_bits = FALSE;
  view->phase = IMAP_UPDATE_EXPUNGES;
  view->at_range = update->uses_vanished ? 0 : difference->vanished.n_ranges;
  view->at_uid = 0;
  view->at_changed = 0;
  if (view->snapshot == NULL && difference->vanished.n_ranges > 0)
    compute_ranks (view);
}

/* Decides what to do about @difference.  DONE: nothing now; BLOCK: \Recent must be claimed, in a job; AGAIN:
 * report it. */
static ImapStep
judge_difference (ImapView *view, const ImapUpdate *update, SatchelSnapshot *newest,
                  const SatchelDifference *difference, gboolean may_block)
{
  const gboolean has_vanished = difference->vanished.n_ranges > 0,
                 has_new = difference->first_new_index < newest->state.n_messages;
  view->is_held = has_vanished && !update->may_expunge;
  if (view->is_held)
    {
      hold_view (view, newest);
      return IMAP_STEP_DONE;
    }
  if (update->puts_off_flags && !has_new && !has_vanished && view->snapshot != NULL)
    return IMAP_STEP_DONE;
  if (!has_new || !imap_view_can_claim (view, &newest->state))
    return IMAP_STEP_AGAIN;
  if (!view->is_read_only && !may_block)
    return IMAP_STEP_BLOCK;
  g_autoptr (GError) ignored = NULL; /* the messages are reported all the same, without \Recent */
  (void) imap_view_claim_recent (view, &newest->state, &ignored);
  return IMAP_STEP_AGAIN;
}

/* Finds what there is to report.  DONE: nothing, or nothing that may be reported now; AGAIN: go on with the
 * phases. */
static ImapStep
begin_update (ImapView *view, const ImapUpdate *update, gboolean may_block)
{
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (view->mailbox);
  if (newest == view->snapshot)
    return IMAP_STEP_DONE;
  SatchelDifference difference = { 0 };
  if (view->snapshot != NULL)
    satchel_snapshot_compare (view->snapshot, newest, &difference);
  else
    satchel_snapshot_compare_uids (&view->uids, view->modseq, view->uidnext, newest, &difference);
  ImapStep step = judge_difference (view, update, newest, &difference, may_block);
  if (step == IMAP_STEP_AGAIN)
    start_phases (view, update, g_steal_pointer (&newest), &difference);
  else
    satchel_difference_clear (&difference);
  return step;
}

/* Reports expunges from the last message to the first, so that no number shifts meanwhile. */
static gboolean
tell_expunges (ImapView *view, ImapWriter *writer)
{
  view->told_expunges = view->told_expunges || view->at_range > 0;
  while (view->at_range > 0)
    {
      const SatchelRange *range = &view->difference.vanished.ranges[view->at_range - 1];
      if (view->at_uid == 0)
        view->at_uid = range->last;
      for (;;)
        {
          if (imap_writer_is_full (writer))
            return FALSE;
          guint32 sequence = old_sequence (view, view->at_uid);
          if (sequence != 0)
            {
              imap_write (writer, "* ");
              imap_write_number (writer, sequence);
              imap_write (writer, " EXPUNGE\r\n");
            }
          if (view->at_uid == range->first)
            break;
          view->at_uid--;
        }
      view->at_uid = 0;
      view->at_range--;
    }
  return TRUE;
}

static gboolean
tell_vanished (ImapView *view, ImapWriter *writer)
{
  const SatchelUidSet *vanished = &view->difference.vanished;
  for (; view->at_range < vanished->n_ranges; view->told_expunges = TRUE)
    {
      if (imap_writer_is_full (writer))
        return FALSE;
      view->at_range = imap_write_vanished (writer, vanished, view->at_range, FALSE);
    }
  return TRUE;
}

void
imap_view_tell_permanent_flags (const ImapView *view, ImapWriter *writer, const SatchelSnapshot *snapshot)
{
  gboolean keeps_keywords;
  guint32 flags = satchel_mailbox_permanent_flags (view->mailbox, &keeps_keywords);
  keeps_keywords = keeps_keywords && !view->is_read_only;
  imap_write (writer, "* OK [PERMANENTFLAGS ");
  imap_write_known_flags (writer, view->is_read_only ? 0 : flags, snapshot->keywords,
                          keeps_keywords ? snapshot->n_keywords : 0, keeps_keywords);
  imap_write (writer, "] Flags permitted.\r\n");
}

void
imap_view_tell_keywords (ImapView *view, ImapWriter *writer, const SatchelSnapshot *snapshot)
{
  guint64 digest = digest_keywords (snapshot);
  if (digest == view->told_keywords)
    return;
  view->told_keywords = digest;
  imap_write (writer, "* FLAGS ");
  imap_write_known_flags (writer, SATCHEL_FLAGS_ALL, snapshot->keywords, snapshot->n_keywords, FALSE);
  imap_write (writer, "\r\n");
  if (!view->is_read_only)
    imap_view_tell_permanent_flags (view, writer, snapshot);
}

static void
tell_counts (ImapView *view, ImapWriter *writer)
{
  g_clear_pointer (&view->snapshot, satchel_snapshot_unref);
  satchel_uid_set_clear (&view->uids);
  view->snapshot = satchel_snapshot_ref (view->after);
  view->is_rebuilt = FALSE;
  if (view->difference.first_new_index < view->after->state.n_messages)
    imap_view_tell_size (view, writer);
  imap_view_tell_keywords (view, writer, view->after);
}

SatchelKeywordSet
imap_view_keyword_bits (const SatchelSnapshot *snapshot, char *const *keywords)
{
  SatchelKeywordSet bits = { { 0 } };
  for (guint i = 0; keywords != NULL && keywords[i] != NULL; i++)
    {
      int bit = satchel_snapshot_keyword (snapshot, keywords[i]);
      if (bit >= 0)
        satchel_keyword_set_add (&bits, (guint) bit);
    }
  return bits;
}

static const SatchelKeywordSet *
own_bits (const ImapView *view, ImapOwnChange *own)
{
  if (!own->has_bits)
    own->bits = imap_view_keyword_bits (view->after, own->keywords);
  own->has_bits = TRUE;
  return &own->bits;
}

static const SatchelKeywordSet *
renamed_keywords (ImapView *view, const SatchelSnapshot *before)
{
  if (view->renamed != NULL)
    return view->renamed;
  view->renamed = g_new0 (SatchelKeywordSet, 1);
  for (guint k = 0; k < before->n_keywords; k++)
    if (k >= view->after->n_keywords || strcmp (before->keywords[k], view->after->keywords[k]) != 0)
      satchel_keyword_set_add (view->renamed, k);
  return view->renamed;
}

/* Says whether the flags of the message now are exactly what this session's own change made of the old
 * ones. */
static gboolean
is_own (ImapView *view, const SatchelSnapshot *before, const SatchelChunk *chunk, guint row)
{
  ImapOwnChange *own = NULL;
  for (guint i = 0; i < view->own->len && own == NULL; i++)
    if (g_array_index (view->own, ImapOwnChange, i).modseq == chunk->modseq[row])
      own = &g_array_index (view->own, ImapOwnChange, i);
  guint32 index;
  if (own == NULL || before == NULL || view->is_rebuilt
      || !satchel_snapshot_find (before, chunk->uid[row], &index))
    return FALSE;
  guint r;
  const SatchelChunk *old = satchel_snapshot_at (before, index, &r);
  guint32 flags = old->flags[r] & SATCHEL_FLAGS_ALL;
  SatchelKeywordSet bits = satchel_chunk_keywords (old, r);
  const SatchelKeywordSet *asked = own_bits (view, own);
  switch (own->mode)
    {
    case SATCHEL_FLAGS_ADD:
      flags |= own->flags;
      satchel_keyword_set_unite (&bits, asked);
      break;
    case SATCHEL_FLAGS_REMOVE:
      flags &= ~own->flags;
      satchel_keyword_set_subtract (&bits, asked);
      break;
    case SATCHEL_FLAGS_REPLACE:
      flags = own->flags;
      bits = *asked;
      break;
    }
  if (before->keywords != view->after->keywords)
    {
      SatchelKeywordSet renamed = *renamed_keywords (view, before);
      satchel_keyword_set_intersect (&renamed, &bits);
      if (!satchel_keyword_set_is_empty (&renamed))
        return FALSE; /* a bit is another keyword's now */
    }
  return flags == (chunk->flags[row] & SATCHEL_FLAGS_ALL) && satchel_chunk_keywords_are (chunk, row, &bits);
}

void
imap_view_write_flags (const ImapView *view, ImapWriter *writer, ImapFlagsMemo *memo,
                       const SatchelSnapshot *snapshot, const SatchelChunk *chunk, guint row)
{
  imap_write_flags_memo (writer, memo, snapshot, chunk, row, imap_view_is_recent (view, chunk->uid[row]));
}

void
imap_view_write_fetch (const ImapView *view, ImapWriter *writer, ImapFlagsMemo *memo, guint32 sequence,
                       const SatchelSnapshot *snapshot, const SatchelChunk *chunk, guint row, guint items)
{
  imap_write_fetch_start (writer, sequence);
  if (items & IMAP_FETCH_UID)
    {
      imap_write (writer, "UID ");
      imap_write_number (writer, chunk->uid[row]);
    }
  if (items & IMAP_FETCH_FLAGS)
    {
      imap_write (writer, items & IMAP_FETCH_UID ? " FLAGS " : "FLAGS ");
      imap_view_write_flags (view, writer, memo, snapshot, chunk, row);
    }
  if (items & IMAP_FETCH_MODSEQ)
    {
      imap_write (writer, " MODSEQ (");
      imap_write_number (writer, chunk->modseq[row]);
      imap_write (writer, ")");
    }
  imap_write (writer, ")\r\n");
}

static gboolean
tell_flags (ImapView *view, ImapWriter *writer, const ImapUpdate *update)
{
  ImapFlagsMemo memo = { 0 };
  for (; view->at_changed < view->difference.changed->len; view->at_changed++)
    {
      guint32 index = g_array_index (view->difference.changed, guint32, view->at_changed);
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (view->after, index, &row);
      if (chunk->modseq[row] <= update->answered_modseq
          && satchel_uid_set_contains (update->answered, chunk->uid[row]))
        continue;
      if (imap_writer_is_full (writer))
        return FALSE;
      imap_view_write_fetch (view, writer, &memo, index + 1, view->after, chunk, row, update->items);
    }
  return TRUE;
}

/* Takes out of `changed` what the client did itself, as long as the old snapshot is at hand. */
static void
forget_own_changes (ImapView *view)
{
  GArray *changed = view->difference.changed;
  guint n = 0;
  for (guint i = 0; i < changed->len && view->own->len > 0; i++)
    {
      guint32 index = g_array_index (changed, guint32, i);
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (view->after, index, &row);
      if (!is_own (view, view->snapshot, chunk, row))
        g_array_index (changed, guint32, n++) = index;
    }
  if (view->own->len > 0)
    g_array_set_size (changed, n);
  g_array_set_size (view->own, 0);
}

ImapStep
imap_view_update (ImapView *view, ImapWriter *writer, const ImapUpdate *update, gboolean may_block)
{
  if (view->phase == IMAP_UPDATE_NONE)
    {
      ImapStep step = begin_update (view, update, may_block);
      if (step != IMAP_STEP_AGAIN)
        return step;
    }
  if (view->phase == IMAP_UPDATE_EXPUNGES)
    {
      if (update->uses_vanished ? !tell_vanished (view, writer) : !tell_expunges (view, writer))
        return IMAP_STEP_AGAIN;
      forget_own_changes (view);
      view->phase = IMAP_UPDATE_COUNTS;
    }
  if (view->phase == IMAP_UPDATE_COUNTS)
    {
      if (imap_writer_is_full (writer))
        return IMAP_STEP_AGAIN;
      tell_counts (view, writer);
      view->phase = IMAP_UPDATE_FLAGS;
    }
  if (!tell_flags (view, writer, update))
    return IMAP_STEP_AGAIN;
  end_update (view);
  return IMAP_STEP_DONE;
}

static void
rows_of_uids (const SatchelSnapshot *snapshot, const SatchelUidSet *uids, SatchelUidSet *ret_rows)
{
  for (guint i = 0; i < uids->n_ranges; i++)
    {
      guint32 from, to;
      satchel_snapshot_find (snapshot, uids->ranges[i].first, &from);
      if (satchel_snapshot_find (snapshot, uids->ranges[i].last, &to))
        to++;
      if (from < to)
        satchel_uid_set_add (ret_rows, from + 1, to);
    }
}

gboolean
imap_view_rows (ImapView *view, const ImapSequence *sequence, gboolean is_uid, SatchelUidSet *ret_rows)
{
  const SatchelSnapshot *snapshot = view->snapshot;
  guint32 n = snapshot->state.n_messages;
  if (sequence->is_saved)
    {
      rows_of_uids (snapshot, &view->saved, ret_rows);
      return TRUE;
    }
  if (!is_uid)
    {
      if (!imap_sequence_fits (sequence, n))
        return FALSE;
      imap_sequence_resolve (sequence, n, ret_rows);
      return TRUE;
    }
  if (n == 0)
    return TRUE;
  guint row;
  const SatchelChunk *last = satchel_snapshot_at (snapshot, n - 1, &row);
  g_auto (SatchelUidSet) uids = { 0 };
  imap_sequence_resolve (sequence, last->uid[row], &uids);
  rows_of_uids (snapshot, &uids, ret_rows);
  return TRUE;
}

void
imap_view_uids (const ImapView *view, const SatchelUidSet *rows, SatchelUidSet *ret_uids)
{
  for (guint i = 0; i < rows->n_ranges; i++)
    for (guint32 sequence = rows->ranges[i].first; sequence <= rows->ranges[i].last; sequence++)
      {
        guint row;
        const SatchelChunk *chunk = satchel_snapshot_at (view->snapshot, sequence - 1, &row);
        satchel_uid_set_add (ret_uids, chunk->uid[row], chunk->uid[row]);
      }
}
