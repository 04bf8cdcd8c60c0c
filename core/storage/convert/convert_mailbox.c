/* SPDX-License-Identifier: MIT
 * This file brings a mailbox of the copy up to date.  Messages that vanished are expunged, flags that
 * changed are set with the mod-sequence that they have in the store, and new messages are added; then the
 * mailbox gets the numbers and the history of the one that it stands for.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

#include <string.h>

#define OPERATIONS_MAX 500u

static gboolean
commit (SatchelConvertPair *pair, SatchelTransaction *transaction, GError **error)
{
  pair->conversion->counts.n_changes += satchel_transaction_n_operations (transaction);
  return satchel_transaction_commit (transaction, error) && satchel_convert_step (pair->conversion, error);
}

/* Removes messages that the mailbox of the store does not have any more. */
static gboolean
expunge (SatchelConvertPair *pair, GError **error)
{
  g_auto (SatchelUidSet) gone = { NULL, 0 };
  const SatchelSnapshot *wanted = pair->wanted, *present = pair->present;
  for (guint32 i = 0; i < present->state.n_messages; i++)
    {
      guint row;
      guint32 index;
      const SatchelChunk *chunk = satchel_snapshot_at (present, i, &row);
      if (!satchel_snapshot_find (wanted, chunk->uid[row], &index))
        satchel_uid_set_add (&gone, chunk->uid[row], chunk->uid[row]);
    }
  if (gone.n_ranges == 0)
    return TRUE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (pair->conversion->to);
  satchel_transaction_expunge (transaction, pair->to, &gone, FALSE)->modseq = wanted->state.highestmodseq;
  return commit (pair, transaction, error);
}

static gboolean
is_like_last (const SatchelMessageRow *row, const SatchelMessageRow *last)
{
  return row->modseq == last->modseq && row->flags == last->flags
         && satchel_keyword_set_equal (&row->keywords, &last->keywords);
}

static void
add_flags (SatchelConvertPair *pair, SatchelTransaction *transaction, const SatchelMessageRow *row,
           const SatchelUidSet *uids)
{
  g_autofree const char **keywords = satchel_snapshot_keyword_names (pair->wanted, &row->keywords);
  if (uids->n_ranges == 0)
    return;
  satchel_transaction_flags (transaction, pair->to, uids, SATCHEL_FLAGS_REPLACE,
                             row->flags & SATCHEL_FLAGS_ALL, keywords, G_MAXUINT64)
      ->modseq = row->modseq;
}

/* Says whether the message at @index of the wanted snapshot is in the copy with other flags. */
static gboolean
has_changed (const SatchelConvertPair *pair, guint32 index, SatchelMessageRow *ret_row)
{
  guint at, present_at;
  guint32 present;
  const SatchelChunk *chunk = satchel_snapshot_at (pair->wanted, index, &at);
  if (!satchel_snapshot_find (pair->present, chunk->uid[at], &present))
    return FALSE;
  const SatchelChunk *own = satchel_snapshot_at (pair->present, present, &present_at);
  if (own->modseq[present_at] == chunk->modseq[at])
    return FALSE;
  satchel_chunk_get_row (chunk, at, ret_row);
  return TRUE;
}

/* Sets changed flags.  Adjacent messages that changed in the same way are one operation. */
static gboolean
change_flags (SatchelConvertPair *pair, GError **error)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (pair->conversion->to);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  SatchelMessageRow row, last = { 0 };
  for (guint32 i = 0; i < pair->wanted->state.n_messages; i++)
    {
      if (!has_changed (pair, i, &row))
        continue;
      if (!is_like_last (&row, &last))
        {
          add_flags (pair, transaction, &last, &uids);
          satchel_uid_set_clear (&uids);
          last = row;
        }
      satchel_uid_set_add (&uids, row.uid, row.uid);
      if (satchel_transaction_n_operations (transaction) < OPERATIONS_MAX)
        continue;
      if (!commit (pair, transaction, error))
        return FALSE;
      satchel_transaction_free (transaction);
      transaction = satchel_transaction_new (pair->conversion->to);
    }
  add_flags (pair, transaction, &last, &uids);
  return satchel_transaction_n_operations (transaction) == 0 || commit (pair, transaction, error);
}

/* Reads which messages vanished, as far as the snapshot knows; later ones are for the next pass. */
static gboolean
read_history (SatchelConvertPair *pair, GArray *tombstones, guint64 *ret_start, GError **error)
{
  const SatchelConversion *conversion = pair->conversion;
  g_autoptr (GError) local = NULL;
  if (!satchel_storage_tombstones (conversion->source, conversion->access, &pair->from->handle, tombstones,
                                   ret_start, &local))
    {
      *ret_start = 0;
      g_array_set_size (tombstones, 0);
      if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  const SatchelMailboxState *state = &pair->wanted->state;
  while (tombstones->len > 0
         && g_array_index (tombstones, SatchelTombstone, tombstones->len - 1).modseq > state->highestmodseq)
    g_array_set_size (tombstones, tombstones->len - 1);
  if (*ret_start > state->highestmodseq)
    *ret_start = 0;
  return TRUE;
}

static gboolean
set_numbers (SatchelConvertPair *pair, GError **error)
{
  const SatchelMailboxState *state = &pair->wanted->state;
  g_autoptr (GArray) tombstones = g_array_new (FALSE, FALSE, sizeof (SatchelTombstone));
  SatchelMailboxImport import = { .size = sizeof import,
                                  .uidvalidity = state->uidvalidity,
                                  .uidnext = state->uidnext,
                                  .first_recent_uid = state->first_recent_uid,
                                  .highestmodseq = state->highestmodseq };
  memcpy (import.mailbox_id, state->mailbox_id, sizeof import.mailbox_id);
  if (!read_history (pair, tombstones, &import.history_start, error))
    return FALSE;
  import.tombstones = (const SatchelTombstone *) tombstones->data;
  import.n_tombstones = tombstones->len;
  return satchel_store_import_mailbox (pair->conversion->to, pair->name, &import, error);
}

static gboolean
is_up_to_date (const SatchelConvertPair *pair)
{
  const SatchelMailboxState *wanted = &pair->wanted->state, *present = &pair->present->state;
  return wanted->uidnext == present->uidnext && wanted->highestmodseq == present->highestmodseq
         && wanted->n_messages == present->n_messages && wanted->first_recent_uid == present->first_recent_uid
         && wanted->history_start == present->history_start;
}

gboolean
satchel_convert_pair (SatchelConvertPair *pair, GError **error)
{
  if (!satchel_convert_begin_anew_if_needed (pair, error))
    return FALSE;
  if (is_up_to_date (pair))
    {
      pair->conversion->counts.n_done += pair->wanted->state.n_messages;
      return TRUE;
    }
  if (!expunge (pair, error) || !change_flags (pair, error) || !satchel_convert_append (pair, error)
      || !set_numbers (pair, error))
    return FALSE;
  pair->conversion->counts.n_changes++;
  satchel_snapshot_unref (pair->present);
  pair->present = satchel_mailbox_snapshot (pair->to);
  return TRUE;
}

/* Says whether nothing has happened in the mailbox since it was copied, so that a pass over many mailboxes is
 * short. */
static gboolean
is_done (SatchelConversion *conversion, const char *name, SatchelMailboxState *ret_state)
{
  const SatchelMailboxState *before = g_hash_table_lookup (conversion->done, name);
  return before != NULL
         && satchel_storage_status (conversion->source, conversion->access, name, ret_state, NULL)
         && ret_state->uidnext == before->uidnext && ret_state->highestmodseq == before->highestmodseq
         && ret_state->n_messages == before->n_messages
         && ret_state->first_recent_uid == before->first_recent_uid
         && ret_state->uidvalidity == before->uidvalidity
         && memcmp (ret_state->mailbox_id, before->mailbox_id, sizeof before->mailbox_id) == 0;
}

gboolean
satchel_convert_mailbox (SatchelConversion *conversion, const char *name, GError **error)
{
  g_auto (SatchelConvertPair) pair = { NULL };
  SatchelMailboxState state;
  if (is_done (conversion, name, &state))
    {
      conversion->counts.n_done += state.n_messages;
      return satchel_convert_step (conversion, error);
    }
  if (!satchel_convert_open_pair (conversion, name, &pair, error) || !satchel_convert_pair (&pair, error))
    return FALSE;
  g_hash_table_replace (conversion->done, g_strdup (name),
                        g_memdup2 (&pair.wanted->state, sizeof pair.wanted->state));
  return satchel_convert_step (conversion, error);
}
