/* SPDX-License-Identifier: MIT
 * What clients that come and go rely on (RFC 7162): from any mod-sequence on, the store tells exactly what
 * has changed.
 */
#include "config.h"

#include "conformance.h"
#include "tests/lib/rounds.h"

#define N_CLIENTS 8u

/* A client's memory of a mailbox: every row it knows, and the mod-sequence it has come to. */
typedef struct Memory
{
  GArray *rows; /* SatchelMessageRow, ascending by UID */
  guint64 modseq;
  guint32 uidnext;
} Memory;

static void
memory_add (Memory *memory, const SatchelChunk *chunk, guint row)
{
  SatchelMessageRow copy;
  satchel_chunk_get_row (chunk, row, &copy);
  g_array_append_val (memory->rows, copy);
}

/* Comes back: drops what has vanished, takes over what has changed, adds what is new; then it must hold what
 * is there. */
static void
memory_catch_up (Memory *memory, SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) now = satchel_mailbox_snapshot (mailbox);
  g_auto (SatchelUidSet) vanished = { NULL, 0 };
  gboolean is_complete = FALSE;
  OK (satchel_mailbox_vanished (mailbox, memory->modseq, &vanished, &is_complete, E));
  g_assert_true (is_complete);
  guint n = 0;
  for (guint i = 0; i < memory->rows->len; i++)
    {
      SatchelMessageRow *row = &g_array_index (memory->rows, SatchelMessageRow, i);
      if (satchel_uid_set_contains (&vanished, row->uid))
        continue;
      guint32 index;
      guint r;
      g_assert_true (satchel_snapshot_find (now, row->uid, &index));
      const SatchelChunk *chunk = satchel_snapshot_at (now, index, &r);
      g_assert_cmpuint (chunk->modseq[r], <=, now->state.highestmodseq);
      g_assert_cmpuint (chunk->modseq[r], <=, chunk->highest_modseq);
      if (chunk->modseq[r] <= memory->modseq)
        {
          g_assert_cmpuint (row->flags, ==, chunk->flags[r]);
          SatchelKeywordSet keywords = satchel_chunk_keywords (chunk, r);
          g_assert_true (satchel_keyword_set_equal (&row->keywords, &keywords));
        }
      satchel_chunk_get_row (chunk, r, &g_array_index (memory->rows, SatchelMessageRow, n++));
    }
  g_array_set_size (memory->rows, n);
  for (guint c = 0; c < now->n_chunks; c++)
    for (guint row = 0; row < now->chunks[c]->n; row++)
      if (now->chunks[c]->uid[row] >= memory->uidnext)
        {
          g_assert_cmpuint (now->chunks[c]->modseq[row], >, memory->modseq);
          g_assert_false (satchel_uid_set_contains (&vanished, now->chunks[c]->uid[row]));
          memory_add (memory, now->chunks[c], row);
        }
  g_assert_cmpuint (memory->rows->len, ==, now->state.n_messages);
  for (guint i = 0; i < memory->rows->len; i++)
    {
      guint r;
      const SatchelChunk *chunk = satchel_snapshot_at (now, i, &r);
      g_assert_cmpuint (g_array_index (memory->rows, SatchelMessageRow, i).uid, ==, chunk->uid[r]);
    }
  g_assert_cmpuint (now->state.highestmodseq, >=, memory->modseq);
  memory->modseq = now->state.highestmodseq;
  memory->uidnext = now->state.uidnext;
}

/* UIDs of two neighbours somewhere in the mailbox. */
static SatchelRange
pick (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) now = satchel_mailbox_snapshot (mailbox);
  guint row;
  guint32 at = (guint32) g_test_rand_int_range (0, (gint32) now->state.n_messages);
  guint32 last = at + (guint32) g_test_rand_int_range (0, 3);
  const SatchelChunk *chunk = satchel_snapshot_at (now, at, &row);
  SatchelRange range = { .first = chunk->uid[row] };
  chunk = satchel_snapshot_at (now, MIN (last, now->state.n_messages - 1), &row);
  range.last = chunk->uid[row];
  return range;
}

static void
change_something (Fixture *fixture, SatchelMailbox *mailbox, SatchelMailbox *other)
{
  static const char *const keywords[] = { "k0", "k1", "k2" };
  int what = g_test_rand_int_range (0, 10);
  if (what < 3 || state_of (mailbox).n_messages < 4)
    {
      fixture_put (fixture, mailbox, "x");
      return;
    }
  SatchelRange range = pick (mailbox);
  if (what < 7)
    fixture_set_flags (fixture, mailbox, range.first, (SatchelFlagsMode) g_test_rand_int_range (1, 4),
                       (guint32) g_test_rand_int_range (0, 32), keywords[g_test_rand_int_range (0, 3)]);
  else if (what < 9)
    fixture_expunge (fixture, mailbox, range.first, range.last);
  else
    fixture_move (fixture, mailbox, range.first, other);
}

/* Clients that sleep for different times, while the mailbox changes and the store is closed and opened. */
static void
case_sleepers (Fixture *fixture)
{
  Memory clients[N_CLIENTS];
  guint64 highest = 0;
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  for (guint i = 0; i < N_CLIENTS; i++)
    clients[i] = (Memory) { g_array_new (FALSE, FALSE, sizeof (SatchelMessageRow)),
                            state_of (mailbox).highestmodseq, 1 };
  for (guint round = 0; round < 300; round++)
    {
      change_something (fixture, mailbox, other);
      g_assert_cmpuint (state_of (mailbox).highestmodseq, >=, highest);
      highest = state_of (mailbox).highestmodseq;
      if (round % 60 == 59)
        {
          g_clear_pointer (&mailbox, satchel_mailbox_unref);
          g_clear_pointer (&other, satchel_mailbox_unref);
          fixture_reopen (fixture);
          mailbox = fixture_open (fixture, "INBOX");
          other = fixture_open (fixture, "other");
          g_assert_cmpuint (state_of (mailbox).highestmodseq, >=, highest);
        }
      guint client = (guint) g_test_rand_int_range (0, 4 * N_CLIENTS);
      if (client < N_CLIENTS)
        memory_catch_up (&clients[client], mailbox);
    }
  for (guint i = 0; i < N_CLIENTS; i++)
    {
      memory_catch_up (&clients[i], mailbox);
      g_array_unref (clients[i].rows);
    }
}

/* COPY to the mailbox itself until there are @n messages and more. */
static void
fill (Fixture *fixture, SatchelMailbox *mailbox, guint n)
{
  fixture_put (fixture, mailbox, "x");
  while (state_of (mailbox).n_messages < n)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      g_auto (SatchelUidSet) all = uid_range (1, state_of (mailbox).uidnext - 1);
      satchel_transaction_copy (transaction, mailbox, &all, mailbox);
      OK (satchel_transaction_commit (transaction, E));
    }
}

/* FALSE: the driver no longer knows what was removed since then. */
static gboolean
check_removed (SatchelMailbox *mailbox, guint64 modseq, const SatchelUidSet *removed)
{
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  gboolean is_complete = 42;
  OK (satchel_mailbox_vanished (mailbox, modseq, &uids, &is_complete, E));
  if (!is_complete)
    {
      g_assert_cmpuint (modseq, <, state_of (mailbox).history_start);
      return FALSE;
    }
  g_assert_cmpuint (uids.n_ranges, ==, removed->n_ranges);
  g_assert_cmpmem (uids.ranges, uids.n_ranges * sizeof (SatchelRange), removed->ranges,
                   removed->n_ranges * sizeof (SatchelRange));
  return TRUE;
}

/* Many removals in pieces: history may be bounded, but it is never wrong, and the newest is there. */
static void
case_long_history (Fixture *fixture)
{
  guint n = count_rounds (2000, 65000);
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  fill (fixture, mailbox, n);
  g_auto (SatchelUidSet) removed = { NULL, 0 };
  g_auto (SatchelUidSet) last = { NULL, 0 };
  guint64 start = state_of (mailbox).highestmodseq, before_last = 0;
  guint32 uidnext = state_of (mailbox).uidnext;
  gboolean is_newest_known = TRUE;
  for (guint part = 0; part < 5; part++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      g_auto (SatchelUidSet) uids = { NULL, 0 };
      for (guint32 uid = 1 + part * 2; uid < uidnext; uid += 10)
        {
          satchel_uid_set_add (&uids, uid, uid);
          satchel_uid_set_add (&removed, uid, uid);
        }
      before_last = state_of (mailbox).highestmodseq;
      satchel_transaction_expunge (transaction, mailbox, &uids, FALSE);
      OK (satchel_transaction_commit (transaction, E));
      satchel_uid_set_clear (&last);
      satchel_uid_set_copy (&uids, &last);
    }
  for (guint pass = 0; pass < 2; pass++)
    {
      check_removed (mailbox, start, &removed);
      is_newest_known &= check_removed (mailbox, before_last, &last);
      g_assert_cmpuint (state_of (mailbox).history_start, <=, state_of (mailbox).highestmodseq);
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
    }
  if (!is_newest_known)
    g_test_skip ("the driver keeps no history of the last 200 removals");
}

/* RENAME of INBOX moves everything away (RFC 3501 6.3.5): that is a removal like any other. */
static void
case_rename_inbox (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 first = fixture_put (fixture, mailbox, "1"), last = fixture_put (fixture, mailbox, "2");
  g_auto (SatchelUidSet) removed = uid_range (first, last);
  SatchelMailboxState before = state_of (mailbox);
  OK (satchel_store_rename (fixture->store, "INBOX", "old", E));
  g_assert_cmpuint (state_of (mailbox).highestmodseq, >, before.highestmodseq);
  g_assert_cmpuint (state_of (mailbox).history_start, <=, before.highestmodseq);
  for (guint pass = 0; pass < 2; pass++)
    {
      g_assert_true (check_removed (mailbox, before.highestmodseq, &removed));
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
    }
}

const ConformanceCase conformance_sync[] = {
  { "sleepers", case_sleepers },
  { "long-history", case_long_history },
  { "rename-inbox", case_rename_inbox },
  { NULL, NULL },
};
