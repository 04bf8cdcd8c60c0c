/* SPDX-License-Identifier: MIT
 * Serves the time after a process ended in the middle: what was intended is held against what the store has.
 * A message that was to come is the next one of its size and date; one that was to go is gone; flags are as
 * they were to be.
 */
#include "config.h"

#include "core/storage/change_log/changes.h"

#include <string.h>

typedef struct Match
{
  SatchelChangeRound *round;
  const SatchelChangeNote *intent;
  SatchelChangeDelta *from, *to;
  SatchelChangeNote *note; /* NULL: no part of the change has been found yet */
} Match;

static SatchelChangeDelta *
find_delta (SatchelChangeRound *round, const SatchelChangedMailbox *mailbox)
{
  for (guint i = 0; i < round->order->len; i++)
    {
      SatchelChangeDelta *delta = round->order->pdata[i];
      if (memcmp (delta->row->id, mailbox->id, sizeof mailbox->id) == 0 && !delta->is_lost)
        return delta;
    }
  return NULL;
}

/* Returns the UID of the next message of @delta with @mark that has no change yet. 0 means that there is
 * none. */
static guint32
next_new (const SatchelChangeDelta *delta, guint32 mark, guint32 above_uid)
{
  for (guint32 index = delta->first_new; index < delta->now->state.n_messages; index++)
    {
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (delta->now, index, &at);
      guint32 own = satchel_change_mark (chunk->size[at], chunk->internal_date[at]);
      if (chunk->uid[at] > above_uid && !satchel_change_delta_is_told (delta, chunk->uid[at])
          && (mark == 0 || own == 0 || own == mark))
        return chunk->uid[at];
    }
  return 0;
}

static guint32
mark_of (const SatchelChangeNote *intent, guint i)
{
  return i < intent->marks->len ? g_array_index (intent->marks, guint32, i) : 0;
}

static void
add_message (Match *match, guint32 uid, guint32 new_uid, const SatchelToldMessage *before,
             const SatchelToldMessage *after)
{
  SatchelChangeSet *set = match->round->set;
  SatchelToldMessage none = { .keywords = satchel_change_set_keywords (set, NULL, 0) };
  SatchelChangedMessage message = { .uid = uid, .new_uid = new_uid, .has_before = before != NULL };
  before = before != NULL ? before : &none;
  after = after != NULL ? after : &none;
  message.flags_before = before->flags;
  message.keywords_before = before->keywords;
  message.flags = after->flags;
  message.keywords = after->keywords;
  if (match->note == NULL)
    {
      const SatchelChangeDelta *of = match->to != NULL ? match->to : match->from;
      match->note =
          satchel_change_round_note (match->round, match->intent->change.kind, match->intent->change.access,
                                     match->from, match->to, of->now->state.highestmodseq);
    }
  satchel_change_round_add (match->round, &match->note, &message);
}

/* Returns the state that the intent gives for the message; a state that was logged since counts more. */
static SatchelToldMessage
before_of (Match *match, const SatchelChangedMessage *message)
{
  SatchelChangeSet *set = match->round->set;
  SatchelToldMessage before;
  if (satchel_change_delta_is_told (match->from, message->uid)
      && satchel_change_delta_before (match->round, match->from, message->uid, &before))
    return before;
  guint n = 0;
  while (message->keywords_before[n] != NULL)
    n++;
  return (SatchelToldMessage) { .flags = message->flags_before,
                                .keywords = satchel_change_set_keywords (set, message->keywords_before, n) };
}

static void
match_append (Match *match)
{
  SatchelToldMessage now;
  guint32 uid = next_new (match->from, mark_of (match->intent, 0), 0);
  if (uid == 0)
    return;
  satchel_change_delta_now (match->round, match->from, uid, &now);
  add_message (match, uid, 0, NULL, &now);
  satchel_change_delta_tell (match->from, uid, &now);
}

static gboolean
is_changed (const SatchelChangeDelta *delta, guint32 uid)
{
  guint32 index;
  if (!satchel_snapshot_find (delta->now, uid, &index))
    return FALSE;
  guint low = 0, high = delta->changed->len;
  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (delta->changed, guint32, middle) < index)
        low = middle + 1;
      else
        high = middle;
    }
  return low < delta->changed->len && g_array_index (delta->changed, guint32, low) == index;
}

/* Says whether the operation would leave the message as it is. */
static gboolean
agrees (Match *match, const SatchelToldMessage *now)
{
  const SatchelChangeNote *intent = match->intent;
  SatchelToldMessage after = *now;
  satchel_change_apply (match->round->set, intent->mode, intent->flags, intent->keywords, &after);
  return after.flags == now->flags && satchel_change_keywords_equal (after.keywords, now->keywords);
}

static void
match_flags (Match *match, const SatchelChangedMessage *message)
{
  SatchelToldMessage before = before_of (match, message), now;
  if (!is_changed (match->from, message->uid)
      || !satchel_change_delta_now (match->round, match->from, message->uid, &now) || !agrees (match, &now)
      || (before.flags == now.flags && satchel_change_keywords_equal (before.keywords, now.keywords)))
    return;
  add_message (match, message->uid, 0, &before, &now);
  satchel_change_delta_tell (match->from, message->uid, &now);
}

static gboolean
is_newly_gone (const SatchelChangeDelta *delta, guint32 uid)
{
  const SatchelToldMessage *told = g_hash_table_lookup (delta->told, GUINT_TO_POINTER (uid));
  return satchel_uid_set_contains (&delta->vanished, uid) && (told == NULL || !told->is_gone);
}

static void
tell_gone (Match *match, guint32 uid, SatchelToldMessage before)
{
  before.is_gone = TRUE;
  satchel_change_delta_tell (match->from, uid, &before);
}

/* A MOVE whose copy is not found is left to be logged as another program's changes. */
static void
match_move (Match *match, const SatchelChangedMessage *message, guint i)
{
  SatchelToldMessage before = before_of (match, message), now;
  guint32 new_uid =
      is_newly_gone (match->from, message->uid) ? next_new (match->to, mark_of (match->intent, i), 0) : 0;
  if (new_uid == 0)
    return;
  satchel_change_delta_now (match->round, match->to, new_uid, &now);
  add_message (match, message->uid, new_uid, &before, &now);
  satchel_change_delta_tell (match->to, new_uid, &now);
  tell_gone (match, message->uid, before);
}

static void
match_expunge (Match *match, const SatchelChangedMessage *message)
{
  SatchelToldMessage before = before_of (match, message);
  if (!is_newly_gone (match->from, message->uid))
    return;
  add_message (match, message->uid, 0, &before, NULL);
  tell_gone (match, message->uid, before);
}

/* Matches a COPY, which is all or nothing; the sources do not show it. */
static void
match_copy (Match *match)
{
  const SatchelChangeNote *intent = match->intent;
  g_autofree guint32 *uids = g_new0 (guint32, intent->messages->len + 1);
  guint32 last = 0;
  for (guint i = 0; i < intent->messages->len; i++)
    {
      last = uids[i] = next_new (match->to, mark_of (intent, i), last);
      if (last == 0)
        return;
    }
  for (guint i = 0; i < intent->messages->len; i++)
    {
      const SatchelChangedMessage *message = &g_array_index (intent->messages, SatchelChangedMessage, i);
      SatchelToldMessage before = before_of (match, message), now;
      satchel_change_delta_now (match->round, match->to, uids[i], &now);
      add_message (match, message->uid, uids[i], &before, &now);
      satchel_change_delta_tell (match->to, uids[i], &now);
    }
}

void
satchel_change_round_match (SatchelChangeRound *round, const SatchelChangeNote *intent)
{
  Match match = { .round = round, .intent = intent, .from = find_delta (round, &intent->change.mailbox) };
  SatchelChangeKind kind = intent->change.kind;
  gboolean has_destination = kind == SATCHEL_CHANGE_COPY || kind == SATCHEL_CHANGE_MOVE;
  match.to = has_destination ? find_delta (round, &intent->change.destination) : NULL;
  if (match.from == NULL || (has_destination && match.to == NULL))
    return;
  if (kind == SATCHEL_CHANGE_APPEND)
    match_append (&match);
  else if (kind == SATCHEL_CHANGE_COPY)
    match_copy (&match);
  for (guint i = 0; !has_destination || kind == SATCHEL_CHANGE_MOVE; i++)
    {
      if (i >= intent->messages->len)
        break;
      const SatchelChangedMessage *message = &g_array_index (intent->messages, SatchelChangedMessage, i);
      if (kind == SATCHEL_CHANGE_FLAGS)
        match_flags (&match, message);
      else if (kind == SATCHEL_CHANGE_MOVE)
        match_move (&match, message, i);
      else if (kind == SATCHEL_CHANGE_EXPUNGE)
        match_expunge (&match, message);
    }
}
