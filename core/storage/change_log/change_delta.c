/* SPDX-License-Identifier: MIT
 * Finds what has become of a mailbox since it was logged; see change_delta.h.
 */
#include "config.h"

#include "core/storage/change_log/change_delta.h"
#include "core/storage/change_log/changes.h"

#include <satchel/hash.h>
#include <string.h>

char *
satchel_changes_name_of (SatchelStorageMailbox *mailbox)
{
  SatchelStoreCore *store = satchel_mailbox_core (mailbox)->store;
  g_autofree char *name = satchel_storage_mailbox_name (mailbox);
  char *shown = satchel_storage_shown_name (&store->client, store->background, name);
  return shown != NULL ? shown : g_steal_pointer (&name);
}

gboolean
satchel_changes_know_mailbox (SatchelStorageMailbox *mailbox)
{
  g_autofree char *name = satchel_changes_name_of (mailbox);
  const SatchelChangeRow *row =
      g_hash_table_lookup (satchel_mailbox_core (mailbox)->store->changes->rows, name);
  return row != NULL && row->exists;
}

static void
delta_free (gpointer data)
{
  SatchelChangeDelta *delta = data;
  satchel_storage_mailbox_unref (&delta->core->handle);
  g_clear_pointer (&delta->base, satchel_snapshot_unref);
  satchel_snapshot_unref (delta->now);
  satchel_uid_set_clear (&delta->vanished);
  g_array_unref (delta->changed);
  g_hash_table_unref (delta->told);
  g_free (delta);
}

SatchelChangeRound *
satchel_change_round_new (SatchelChangeLog *log)
{
  SatchelChangeRound *round = g_new0 (SatchelChangeRound, 1);
  round->log = log;
  round->set = satchel_change_set_new ();
  round->deltas = g_hash_table_new_full (NULL, NULL, NULL, delta_free);
  round->order = g_ptr_array_new ();
  round->rows = g_ptr_array_new ();
  round->gone = g_ptr_array_new_with_free_func (satchel_change_row_free);
  return round;
}

void
satchel_change_round_free (SatchelChangeRound *round)
{
  satchel_change_set_free (round->set);
  g_ptr_array_unref (round->order);
  g_hash_table_unref (round->deltas);
  g_ptr_array_unref (round->rows);
  g_ptr_array_unref (round->gone);
  g_free (round);
}

void
satchel_change_round_touch (SatchelChangeRound *round, SatchelChangeRow *row)
{
  if (!g_ptr_array_find (round->rows, row, NULL))
    g_ptr_array_add (round->rows, row);
}

void
satchel_change_round_end (SatchelChangeRound *round, gboolean sync)
{
  if (round->set->notes->len > 0 || round->rows->len > 0)
    satchel_change_log_append (round->log, round->set, round->rows, sync);
}

/* Says whether the snapshot in memory is no newer than the logged state, so that it says what messages were
 * like. */
static gboolean
is_usable (const SatchelChangeRow *row, const SatchelSnapshot *base)
{
  return base != NULL && base->state.uidvalidity == row->uidvalidity
         && base->state.highestmodseq <= row->modseq;
}

static void
compare_with_base (SatchelChangeDelta *delta)
{
  g_auto (SatchelDifference) difference = { 0 };
  satchel_snapshot_compare (delta->base, delta->now, &difference);
  satchel_uid_set_copy (&difference.vanished, &delta->vanished);
  for (guint i = 0; i < difference.changed->len; i++)
    {
      guint32 index = g_array_index (difference.changed, guint32, i);
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (delta->now, index, &at);
      if (chunk->modseq[at] > delta->row->modseq && index < delta->first_new)
        g_array_append_val (delta->changed, index);
    }
}

/* Compares a mailbox with its row by mod-sequences alone. */
static void
compare_with_row (SatchelChangeDelta *delta)
{
  SatchelStoreCore *store = delta->core->store;
  const SatchelChangeRow *row = delta->row;
  g_auto (SatchelUidSet) vanished = { NULL, 0 };
  gboolean is_complete = FALSE;
  guint32 index = 0;
  for (guint c = 0; c < delta->now->n_chunks; c++)
    for (guint i = 0; i < delta->now->chunks[c]->n; i++, index++)
      if (delta->now->chunks[c]->modseq[i] > row->modseq && index < delta->first_new)
        g_array_append_val (delta->changed, index);
  if (!satchel_storage_vanished (&store->client, store->background, &delta->core->handle, row->modseq,
                                 &vanished, &is_complete, NULL)
      || !is_complete)
    delta->is_lost = TRUE;
  for (guint i = 0; i < vanished.n_ranges; i++)
    if (vanished.ranges[i].first < row->uidnext)
      satchel_uid_set_add (&delta->vanished, vanished.ranges[i].first,
                           MIN (vanished.ranges[i].last, row->uidnext - 1));
}

static void
compare_delta (SatchelChangeDelta *delta)
{
  const SatchelChangeRow *row = delta->row;
  satchel_snapshot_find (delta->now, row->uidnext, &delta->first_new);
  if (row->uidvalidity == 0) /* the log did not know the mailbox, so all messages are new */
    return;
  if (row->uidvalidity != delta->now->state.uidvalidity)
    delta->is_lost = TRUE;
  else if (is_usable (row, delta->base))
    compare_with_base (delta);
  else if (row->modseq < delta->now->state.highestmodseq)
    compare_with_row (delta);
}

SatchelChangeDelta *
satchel_change_round_delta (SatchelChangeRound *round, SatchelStorageMailbox *mailbox)
{
  SatchelMailboxCore *core = satchel_mailbox_core (mailbox);
  SatchelChangeDelta *delta = g_hash_table_lookup (round->deltas, core);
  if (delta != NULL || satchel_storage_mailbox_is_deleted (mailbox))
    return delta;
  g_autofree char *name = satchel_changes_name_of (mailbox);
  delta = g_new0 (SatchelChangeDelta, 1);
  satchel_storage_mailbox_ref (mailbox);
  delta->core = core;
  delta->now = satchel_storage_mailbox_snapshot (mailbox);
  delta->changed = g_array_new (FALSE, FALSE, sizeof (guint32));
  delta->told = g_hash_table_new_full (satchel_number_hash, NULL, NULL, g_free);
  delta->row = satchel_change_log_row (round->log, name);
  if (!delta->row->exists || memcmp (delta->row->id, delta->now->state.mailbox_id, 16) != 0)
    {
      delta->row->exists = TRUE;
      delta->row->uidvalidity = 0;
      delta->row->uidnext = 1;
      delta->row->modseq = 0;
      memcpy (delta->row->id, delta->now->state.mailbox_id, 16);
    }
  g_mutex_lock (&core->lock);
  if (core->logged != NULL && is_usable (delta->row, core->logged))
    delta->base = satchel_snapshot_ref (core->logged);
  g_mutex_unlock (&core->lock);
  compare_delta (delta);
  g_hash_table_insert (round->deltas, core, delta);
  g_ptr_array_add (round->order, delta);
  return delta;
}

void
satchel_change_read_message (SatchelChangeSet *into, const SatchelSnapshot *snapshot, guint32 index,
                             SatchelToldMessage *ret)
{
  guint at;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
  SatchelKeywordSet set = satchel_chunk_keywords (chunk, at);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (int bit = satchel_keyword_set_next (&set, 0); bit >= 0 && (guint) bit < snapshot->n_keywords;
       bit = satchel_keyword_set_next (&set, (guint) bit + 1))
    g_ptr_array_add (names, snapshot->keywords[bit]);
  *ret = (SatchelToldMessage) { .flags = chunk->flags[at] & SATCHEL_FLAGS_ALL,
                                .keywords = satchel_change_set_keywords (
                                    into, (const char *const *) names->pdata, names->len) };
}

gboolean
satchel_change_delta_now (SatchelChangeRound *round, const SatchelChangeDelta *delta, guint32 uid,
                          SatchelToldMessage *ret)
{
  guint32 index;
  *ret = (SatchelToldMessage) { .keywords = satchel_change_set_keywords (round->set, NULL, 0) };
  if (!satchel_snapshot_find (delta->now, uid, &index))
    return FALSE;
  satchel_change_read_message (round->set, delta->now, index, ret);
  return TRUE;
}

gboolean
satchel_change_delta_before (SatchelChangeRound *round, const SatchelChangeDelta *delta, guint32 uid,
                             SatchelToldMessage *ret)
{
  guint32 index;
  const SatchelToldMessage *told = g_hash_table_lookup (delta->told, GUINT_TO_POINTER (uid));
  *ret = (SatchelToldMessage) { .keywords = satchel_change_set_keywords (round->set, NULL, 0) };
  if (told != NULL)
    *ret = *told;
  else if (delta->base != NULL && satchel_snapshot_find (delta->base, uid, &index))
    satchel_change_read_message (round->set, delta->base, index, ret);
  else
    return FALSE;
  return !ret->is_gone;
}

void
satchel_change_delta_tell (SatchelChangeDelta *delta, guint32 uid, const SatchelToldMessage *told)
{
  g_hash_table_insert (delta->told, GUINT_TO_POINTER (uid), g_memdup2 (told, sizeof *told));
}

gboolean
satchel_change_delta_is_told (const SatchelChangeDelta *delta, guint32 uid)
{
  return g_hash_table_contains (delta->told, GUINT_TO_POINTER (uid));
}

void
satchel_change_describe (SatchelChangeSet *set, SatchelChangedMailbox *ret, const SatchelChangeRow *row)
{
  ret->name = satchel_change_set_text (set, row->name);
  memcpy (ret->id, row->id, sizeof ret->id);
  ret->uidvalidity = row->uidvalidity;
  ret->special_use = row->special_use;
}

static void
describe_delta (SatchelChangeRound *round, SatchelChangedMailbox *ret, const SatchelChangeDelta *delta)
{
  satchel_change_describe (round->set, ret, delta->row);
  ret->uidvalidity = delta->now->state.uidvalidity;
}

SatchelChangeNote *
satchel_change_round_note (SatchelChangeRound *round, SatchelChangeKind kind, const SatchelAccess *access,
                           const SatchelChangeDelta *delta, const SatchelChangeDelta *to, guint64 modseq)
{
  SatchelChangeNote *note = satchel_change_set_add (round->set, kind, access);
  describe_delta (round, &note->change.mailbox, delta);
  if (to != NULL)
    describe_delta (round, &note->change.destination, to);
  note->change.modseq = modseq;
  return note;
}

void
satchel_change_round_add (SatchelChangeRound *round, SatchelChangeNote **note,
                          const SatchelChangedMessage *message)
{
  SatchelChangeNote *full = *note;
  if (full->messages->len >= SATCHEL_CHANGE_MESSAGES)
    {
      *note = satchel_change_set_add (round->set, full->change.kind, full->change.access);
      (*note)->change.mailbox = full->change.mailbox;
      (*note)->change.destination = full->change.destination;
      (*note)->change.modseq = full->change.modseq;
      full->change.is_continued = TRUE;
    }
  g_array_append_val ((*note)->messages, *message);
}

typedef struct Residue
{
  SatchelChangeRound *round;
  SatchelChangeDelta *delta;
  SatchelAccess *access;
  SatchelChangeNote *note; /* the note to which messages are added; NULL: none was added yet */
} Residue;

static void
add_residue (Residue *residue, SatchelChangeKind kind, const SatchelChangedMessage *message)
{
  if (residue->note == NULL)
    residue->note = satchel_change_round_note (residue->round, kind, residue->access, residue->delta, NULL,
                                               residue->delta->now->state.highestmodseq);
  satchel_change_round_add (residue->round, &residue->note, message);
}

static void
tell_vanished (Residue *residue)
{
  SatchelChangeDelta *delta = residue->delta;
  residue->note = NULL;
  for (guint r = 0; r < delta->vanished.n_ranges; r++)
    for (guint64 uid = delta->vanished.ranges[r].first; uid <= delta->vanished.ranges[r].last; uid++)
      {
        SatchelToldMessage before,
            none = { .keywords = satchel_change_set_keywords (residue->round->set, NULL, 0) };
        SatchelToldMessage *told = g_hash_table_lookup (delta->told, GUINT_TO_POINTER ((guint32) uid));
        if (told != NULL && told->is_gone)
          continue;
        gboolean has_before = satchel_change_delta_before (residue->round, delta, (guint32) uid, &before);
        SatchelChangedMessage message = { .uid = (guint32) uid,
                                          .has_before = has_before,
                                          .flags_before = before.flags,
                                          .keywords_before = before.keywords,
                                          .keywords = none.keywords };
        add_residue (residue, SATCHEL_CHANGE_EXPUNGE, &message);
      }
}

static void
tell_new (Residue *residue)
{
  SatchelChangeDelta *delta = residue->delta;
  residue->note = NULL;
  for (guint32 index = delta->first_new; index < delta->now->state.n_messages; index++)
    {
      guint at;
      SatchelToldMessage now;
      guint32 uid = satchel_snapshot_at (delta->now, index, &at)->uid[at];
      if (satchel_change_delta_is_told (delta, uid))
        continue;
      satchel_change_read_message (residue->round->set, delta->now, index, &now);
      SatchelChangedMessage message = { .uid = uid,
                                        .flags = now.flags,
                                        .keywords = now.keywords,
                                        .keywords_before =
                                            satchel_change_set_keywords (residue->round->set, NULL, 0) };
      add_residue (residue, SATCHEL_CHANGE_APPEND, &message);
    }
}

static void
tell_changed (Residue *residue)
{
  SatchelChangeDelta *delta = residue->delta;
  residue->note = NULL;
  for (guint i = 0; i < delta->changed->len; i++)
    {
      guint at;
      guint32 index = g_array_index (delta->changed, guint32, i);
      SatchelToldMessage now, before;
      guint32 uid = satchel_snapshot_at (delta->now, index, &at)->uid[at];
      satchel_change_read_message (residue->round->set, delta->now, index, &now);
      gboolean has_before = satchel_change_delta_before (residue->round, delta, uid, &before);
      if (has_before && before.flags == now.flags
          && satchel_change_keywords_equal (before.keywords, now.keywords))
        continue;
      SatchelChangedMessage message = { .uid = uid,
                                        .has_before = has_before,
                                        .flags_before = before.flags,
                                        .flags = now.flags,
                                        .keywords_before = before.keywords,
                                        .keywords = now.keywords };
      add_residue (residue, SATCHEL_CHANGE_FLAGS, &message);
    }
}

static void
tell_residue (SatchelChangeRound *round, SatchelChangeDelta *delta, SatchelAccess *access)
{
  Residue residue = { .round = round, .delta = delta, .access = access };
  /* Mailboxes of a namespace that a layer added come and go by the layer's doing, and are left out. */
  if (satchel_namespaces_find (round->log->store, delta->row->name) != NULL)
    return;
  if (delta->is_lost)
    {
      satchel_change_round_note (round, SATCHEL_CHANGE_RESYNC, access, delta, NULL, 0);
      return;
    }
  if (delta->row->uidvalidity == 0)
    satchel_change_round_note (round, SATCHEL_CHANGE_CREATE, access, delta, NULL, 0);
  tell_vanished (&residue);
  tell_new (&residue);
  tell_changed (&residue);
}

static void
accept (SatchelChangeRound *round, SatchelChangeDelta *delta)
{
  const SatchelMailboxState *state = &delta->now->state;
  SatchelChangeRow *row = delta->row;
  if (row->uidvalidity != state->uidvalidity || row->uidnext != state->uidnext
      || row->modseq != state->highestmodseq)
    {
      row->uidvalidity = state->uidvalidity;
      row->uidnext = state->uidnext;
      row->modseq = state->highestmodseq;
      satchel_change_round_touch (round, row);
    }
  g_mutex_lock (&delta->core->lock);
  SatchelSnapshot *old = delta->core->logged;
  delta->core->logged = satchel_snapshot_ref (delta->now);
  g_atomic_int_set (&delta->core->is_logged, TRUE);
  g_mutex_unlock (&delta->core->lock);
  g_clear_pointer (&old, satchel_snapshot_unref);
}

/* Puts the notes from @from on before those from @to on. */
static void
bring_forward (GPtrArray *notes, guint from, guint to)
{
  g_autofree gpointer *copy = g_memdup2 (notes->pdata, notes->len * sizeof (gpointer));
  guint n = notes->len - from;
  if (n == 0 || copy == NULL)
    return;
  memcpy (&notes->pdata[to], &copy[from], n * sizeof (gpointer));
  memcpy (&notes->pdata[to + n], &copy[to], (from - to) * sizeof (gpointer));
}

void
satchel_change_round_settle (SatchelChangeRound *round, guint first)
{
  SatchelStoreCore *store = round->log->store;
  g_autoptr (SatchelAccess) outside = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                             .owner = store->user,
                                                                             .cause = SATCHEL_CAUSE_OUTSIDE,
                                                                             .rights = SATCHEL_RIGHTS_ALL });
  guint n = round->set->notes->len;
  for (guint i = 0; i < round->order->len; i++)
    {
      tell_residue (round, round->order->pdata[i], outside);
      accept (round, round->order->pdata[i]);
    }
  bring_forward (round->set->notes, n, first);
}
