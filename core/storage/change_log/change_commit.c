/* SPDX-License-Identifier: MIT
 * This file logs commits in the change log: before the driver executes them, what clients want to change;
 * with its answer, what was changed.
 */
#include "config.h"

#include "core/storage/change_log/change_delta.h"
#include "core/storage/change_log/changes.h"
#include "core/storage/change_log/feed.h"

/* SatchelChangeNote.mode has these parts: the bits of the SatchelFlagsMode, how far the kept flags are
 * shifted, and the bit of an operation that keeps keywords. */
#define MODE 0xffu
#define KEPT_FLAGS 8
#define KEEPS_KEYWORDS (1u << 31)

guint32
satchel_change_mark (guint64 size, gint64 internal_date)
{
  if (size == SATCHEL_SIZE_UNKNOWN || internal_date == SATCHEL_DATE_UNKNOWN)
    return 0;
  guint64 both[2] = { GUINT64_TO_LE (size), GUINT64_TO_LE ((guint64) internal_date) };
  return satchel_change_checksum (both, sizeof both) | 1;
}

static SatchelChangeKind
kind_of (SatchelOperationKind kind)
{
  switch (kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return SATCHEL_CHANGE_APPEND;
    case SATCHEL_OPERATION_COPY:
      return SATCHEL_CHANGE_COPY;
    case SATCHEL_OPERATION_FLAGS:
      return SATCHEL_CHANGE_FLAGS;
    case SATCHEL_OPERATION_EXPUNGE:
      return SATCHEL_CHANGE_EXPUNGE;
    case SATCHEL_OPERATION_MOVE:
      return SATCHEL_CHANGE_MOVE;
    }
  return SATCHEL_CHANGE_RESYNC;
}

static const char *const *
keywords_of (SatchelChangeSet *set, const SatchelOperation *operation)
{
  guint n = operation->keywords != NULL ? g_strv_length (operation->keywords) : 0;
  return satchel_change_set_keywords (set, (const char *const *) operation->keywords, n);
}

/* Returns the mode of an operation, with the flags that stay as they are because rights are missing. */
static guint32
mode_of (const SatchelOperation *operation)
{
  return (guint32) operation->mode | (operation->kept_flags & SATCHEL_FLAGS_ALL) << KEPT_FLAGS
         | (operation->keeps_keywords ? KEEPS_KEYWORDS : 0);
}

static void
intend_messages (SatchelChangeSet *set, SatchelChangeNote *note, const SatchelOperation *operation)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (operation->mailbox);
  const char *const *none = satchel_change_set_keywords (set, NULL, 0);
  for (guint r = 0; r < operation->uids.n_ranges; r++)
    {
      guint32 index;
      satchel_snapshot_find (snapshot, operation->uids.ranges[r].first, &index);
      for (; index < snapshot->state.n_messages; index++)
        {
          guint at;
          SatchelToldMessage before;
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
          if (chunk->uid[at] > operation->uids.ranges[r].last)
            break;
          if (operation->only_deleted && (chunk->flags[at] & SATCHEL_FLAG_DELETED) == 0)
            continue;
          satchel_change_read_message (set, snapshot, index, &before);
          SatchelChangedMessage message = { .uid = chunk->uid[at],
                                            .has_before = TRUE,
                                            .flags_before = before.flags,
                                            .keywords_before = before.keywords,
                                            .keywords = none };
          guint32 mark = satchel_change_mark (chunk->size[at], chunk->internal_date[at]);
          g_array_append_val (note->messages, message);
          g_array_append_val (note->marks, mark);
        }
    }
}

static void
intend_append (SatchelChangeSet *set, SatchelChangeNote *note, const SatchelOperation *operation)
{
  const char *const *none = satchel_change_set_keywords (set, NULL, 0);
  SatchelChangedMessage message = { .flags = operation->flags,
                                    .keywords_before = none,
                                    .keywords = note->keywords };
  guint32 mark = satchel_change_mark (satchel_stage_size (operation->stage), operation->internal_date);
  g_array_append_val (note->messages, message);
  g_array_append_val (note->marks, mark);
}

static void
describe_mailbox (SatchelChangeLog *log, SatchelChangeSet *set, SatchelChangedMailbox *ret,
                  SatchelStorageMailbox *mailbox)
{
  g_autofree char *name = satchel_changes_name_of (mailbox);
  satchel_change_describe (set, ret, satchel_change_log_row (log, name));
}

static void
intend (SatchelChangeLog *log, SatchelChangeSet *set, const SatchelAsked *asked, const SatchelAccess *access)
{
  const SatchelOperation *operation = asked->operation;
  SatchelChangeNote *note = satchel_change_set_add (set, kind_of (asked->kind), access);
  describe_mailbox (log, set, &note->change.mailbox, operation->mailbox);
  if (asked->destination != NULL)
    describe_mailbox (log, set, &note->change.destination, asked->destination);
  note->mode = mode_of (operation);
  note->flags = operation->flags;
  note->keywords = keywords_of (set, operation);
  if (asked->kind == SATCHEL_OPERATION_APPEND)
    intend_append (set, note, operation);
  else
    intend_messages (set, note, operation);
  satchel_change_note_end (note);
}

void
satchel_changes_intend (SatchelStoreCore *store, const SatchelCommitRound *commits)
{
  if (store->changes == NULL)
    return;
  g_autoptr (SatchelChangeSet) set = satchel_change_set_new ();
  for (guint i = 0; i < commits->n; i++)
    {
      const SatchelCommitRequest *request = commits->requests[i];
      for (guint k = 0; request->asked != NULL && k < request->asked->len; k++)
        intend (store->changes, set, &g_array_index (request->asked, SatchelAsked, k),
                request->transaction->access);
    }
  satchel_change_log_intend (store->changes, set);
}

typedef struct Outcome
{
  SatchelChangeRound *round;
  SatchelChangeDelta *from, *to; /* `to` is NULL if the operation has no destination */
  SatchelChangeNote *note;
} Outcome;

static const char *const *
apply_keywords (SatchelChangeSet *set, guint mode, const char *const *keywords, const char *const *before)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; mode != SATCHEL_FLAGS_REPLACE && before[i] != NULL; i++)
    {
      gboolean is_named = FALSE;
      for (guint k = 0; keywords[k] != NULL && !is_named; k++)
        is_named = g_ascii_strcasecmp (keywords[k], before[i]) == 0;
      if (!is_named || mode == SATCHEL_FLAGS_ADD)
        g_ptr_array_add (names, (gpointer) before[i]);
    }
  for (guint k = 0; mode != SATCHEL_FLAGS_REMOVE && keywords[k] != NULL; k++)
    g_ptr_array_add (names, (gpointer) keywords[k]);
  return satchel_change_set_keywords (set, (const char *const *) names->pdata, names->len);
}

void
satchel_change_apply (SatchelChangeSet *set, guint32 how, guint32 flags, const char *const *keywords,
                      SatchelToldMessage *message)
{
  guint mode = how & MODE;
  guint32 before = message->flags, kept = how >> KEPT_FLAGS & SATCHEL_FLAGS_ALL;
  guint32 after = mode == SATCHEL_FLAGS_ADD      ? before | flags
                  : mode == SATCHEL_FLAGS_REMOVE ? before & ~flags
                                                 : flags;
  message->flags = (after & ~kept) | (before & kept);
  if ((how & KEEPS_KEYWORDS) == 0)
    message->keywords = apply_keywords (set, mode, keywords, message->keywords);
}

static void
add_message (Outcome *outcome, guint32 uid, guint32 new_uid, const SatchelToldMessage *before,
             const SatchelToldMessage *after)
{
  SatchelToldMessage none = { .keywords = satchel_change_set_keywords (outcome->round->set, NULL, 0) };
  SatchelChangedMessage message = { .uid = uid,
                                    .new_uid = new_uid,
                                    .has_before = before != NULL,
                                    .flags_before = (before != NULL ? before : &none)->flags,
                                    .flags = (after != NULL ? after : &none)->flags,
                                    .keywords_before = (before != NULL ? before : &none)->keywords,
                                    .keywords = (after != NULL ? after : &none)->keywords };
  satchel_change_round_add (outcome->round, &outcome->note, &message);
}

static void
record_append (Outcome *outcome, const SatchelOperation *operation)
{
  for (guint i = 0; operation->ret_uids != NULL && i < operation->ret_uids->len; i++)
    {
      guint32 uid = g_array_index (operation->ret_uids, guint32, i);
      SatchelToldMessage now;
      if (!satchel_change_delta_now (outcome->round, outcome->from, uid, &now))
        now = (SatchelToldMessage) { .flags = operation->flags & SATCHEL_FLAGS_ALL,
                                     .keywords = keywords_of (outcome->round->set, operation) };
      add_message (outcome, uid, 0, NULL, &now);
      satchel_change_delta_tell (outcome->from, uid, &now);
    }
}

static void
record_flags (Outcome *outcome, const SatchelOperation *operation, guint32 uid)
{
  SatchelToldMessage before, after;
  gboolean has_before = satchel_change_delta_before (outcome->round, outcome->from, uid, &before);
  if (has_before && operation->kind == SATCHEL_OPERATION_FLAGS)
    {
      after = before;
      satchel_change_apply (outcome->round->set, mode_of (operation), operation->flags,
                            keywords_of (outcome->round->set, operation), &after);
      if (after.flags == before.flags && satchel_change_keywords_equal (after.keywords, before.keywords))
        return;
    }
  else
    satchel_change_delta_now (outcome->round, outcome->from, uid, &after);
  add_message (outcome, uid, 0, has_before ? &before : NULL, &after);
  satchel_change_delta_tell (outcome->from, uid, &after);
}

/* Logs what a COPY, a MOVE or an EXPUNGE has done with message @uid; @index is its place in the result. */
static void
record_other (Outcome *outcome, const SatchelOperation *operation, SatchelOperationKind kind, guint32 uid,
              guint index)
{
  SatchelToldMessage before, after;
  guint32 new_uid = 0;
  gboolean has_before = satchel_change_delta_before (outcome->round, outcome->from, uid, &before);
  gboolean has_after = FALSE;
  if (outcome->to != NULL && operation->ret_uids != NULL && index < operation->ret_uids->len)
    {
      new_uid = g_array_index (operation->ret_uids, guint32, index);
      has_after = TRUE;
      if (!satchel_change_delta_now (outcome->round, outcome->to, new_uid, &after))
        after = before;
      satchel_change_delta_tell (outcome->to, new_uid, &after);
    }
  add_message (outcome, uid, new_uid, has_before ? &before : NULL, has_after ? &after : NULL);
  if (kind == SATCHEL_OPERATION_COPY)
    return;
  before.is_gone = TRUE;
  satchel_change_delta_tell (outcome->from, uid, &before);
}

static void
record_asked (SatchelChangeRound *round, const SatchelAsked *asked, const SatchelAccess *access)
{
  const SatchelOperation *operation = asked->operation;
  Outcome outcome = { .round = round, .from = satchel_change_round_delta (round, operation->mailbox) };
  outcome.to = asked->destination != NULL ? satchel_change_round_delta (round, asked->destination) : NULL;
  if (!satchel_operation_has_effect (operation) || outcome.from == NULL
      || (asked->destination != NULL && outcome.to == NULL))
    return;
  outcome.note = satchel_change_round_note (round, kind_of (asked->kind), access, outcome.from, outcome.to,
                                            operation->ret_modseq);
  SatchelChangeNote *first = outcome.note;
  guint index = 0;
  if (asked->kind == SATCHEL_OPERATION_APPEND)
    record_append (&outcome, operation);
  else
    for (guint r = 0; r < operation->ret_source.n_ranges; r++)
      for (guint64 uid = operation->ret_source.ranges[r].first; uid <= operation->ret_source.ranges[r].last;
           uid++)
        if (asked->kind == SATCHEL_OPERATION_FLAGS)
          record_flags (&outcome, operation, (guint32) uid);
        else
          record_other (&outcome, operation, asked->kind, (guint32) uid, index++);
  if (first->messages->len == 0) /* no message was changed, since all flags were set that way already */
    g_ptr_array_set_size (round->set->notes, (gint) round->set->notes->len - 1);
}

/* A mailbox that the log does not know may be one that a layer keeps for itself. */
static SatchelChangeDelta *
known_delta (SatchelChangeRound *round, SatchelStorageMailbox *mailbox)
{
  return mailbox != NULL && satchel_changes_know_mailbox (mailbox)
             ? satchel_change_round_delta (round, mailbox)
             : NULL;
}

/* Changes that layers made or added are not logged as such; nor are they changes of another program. */
static void
explain_operation (SatchelChangeRound *round, const SatchelOperation *operation)
{
  SatchelChangeDelta *from = known_delta (round, operation->mailbox),
                     *to = known_delta (round, operation->destination);
  SatchelChangeDelta *into = operation->kind == SATCHEL_OPERATION_APPEND ? from : to;
  gboolean removes =
      operation->kind == SATCHEL_OPERATION_EXPUNGE || operation->kind == SATCHEL_OPERATION_MOVE;
  for (guint i = 0; into != NULL && operation->ret_uids != NULL && i < operation->ret_uids->len; i++)
    {
      guint32 uid = g_array_index (operation->ret_uids, guint32, i);
      SatchelToldMessage now;
      if (!satchel_change_delta_is_told (into, uid) && satchel_change_delta_now (round, into, uid, &now))
        satchel_change_delta_tell (into, uid, &now);
    }
  for (guint r = 0; from != NULL && r < operation->ret_source.n_ranges; r++)
    for (guint64 uid = operation->ret_source.ranges[r].first; uid <= operation->ret_source.ranges[r].last;
         uid++)
      {
        SatchelToldMessage now;
        gboolean is_there = satchel_change_delta_now (round, from, (guint32) uid, &now);
        now.is_gone = removes && !is_there;
        if ((removes || operation->kind == SATCHEL_OPERATION_FLAGS)
            && !satchel_change_delta_is_told (from, (guint32) uid))
          satchel_change_delta_tell (from, (guint32) uid, &now);
      }
}

void
satchel_changes_record (SatchelStoreCore *store, const SatchelCommitRound *commits)
{
  if (store->changes == NULL)
    return;
  g_autoptr (SatchelChangeRound) round = satchel_change_round_new (store->changes);
  for (guint i = 0; i < commits->n; i++)
    {
      const SatchelCommitRequest *request = commits->requests[i];
      for (guint k = 0; request->error == NULL && request->asked != NULL && k < request->asked->len; k++)
        record_asked (round, &g_array_index (request->asked, SatchelAsked, k), request->transaction->access);
    }
  gboolean is_acknowledged = round->set->notes->len > 0;
  for (guint i = 0; i < commits->n; i++)
    {
      const SatchelCommitRequest *request = commits->requests[i];
      for (guint k = 0; request->error == NULL && k < request->transaction->operations->len; k++)
        explain_operation (round, request->transaction->operations->pdata[k]);
    }
  satchel_change_round_settle (round, 0);
  /* The record is written even if it is empty, since it ends the intent. */
  satchel_change_log_append (store->changes, round->set, round->rows, is_acknowledged);
  satchel_feed_wake (store);
}
