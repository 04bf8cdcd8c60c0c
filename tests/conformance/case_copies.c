/* SPDX-License-Identifier: MIT
 * COPY and MOVE (RFC 3501 6.4.7, RFC 4315, RFC 6851).
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

typedef struct Pair
{
  SatchelMailbox *from, *to;
  guint32 uids[5];
} Pair;

/* Five messages of which the middle one is gone. */
static Pair
make_pair (Fixture *fixture)
{
  Pair pair = { .from = fixture_open (fixture, "from"), .to = fixture_open (fixture, "to") };
  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *subject = g_strdup_printf ("message %u", i);
      pair.uids[i] = fixture_put (fixture, pair.from, subject);
    }
  fixture_set_flags (fixture, pair.from, pair.uids[1], SATCHEL_FLAGS_ADD,
                     SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED, "alpha");
  fixture_set_flags (fixture, pair.from, pair.uids[3], SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, "beta");
  fixture_expunge (fixture, pair.from, pair.uids[2], pair.uids[2]);
  return pair;
}

static void
end_pair (Pair *pair)
{
  satchel_mailbox_unref (pair->from);
  satchel_mailbox_unref (pair->to);
}

/* The messages of @operation are in the destination as they were in @before. */
static void
check_arrived (const SatchelOperation *operation, SatchelMailbox *to, const SatchelSnapshot *before, guint n)
{
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_source), ==, n);
  g_assert_cmpuint (operation->ret_uids->len, ==, n);
  g_assert_cmpuint (operation->ret_uidvalidity, ==, state_of (to).uidvalidity);
  guint at = 0;
  guint32 last = 0;
  for (guint r = 0; r < operation->ret_source.n_ranges; r++)
    for (guint32 uid = operation->ret_source.ranges[r].first; uid <= operation->ret_source.ranges[r].last;
         uid++, at++)
      {
        guint32 index, new_uid = g_array_index (operation->ret_uids, guint32, at);
        guint row_at;
        SatchelMessageRow row;
        g_assert_true (satchel_snapshot_find (before, uid, &index));
        const SatchelChunk *chunk = satchel_snapshot_at (before, index, &row_at);
        g_assert_cmpuint (new_uid, >, last);
        last = new_uid;
        g_assert_true (row_of (to, new_uid, &row));
        g_assert_cmpuint (row.flags, ==, chunk->flags[row_at]);
        g_assert_cmpint (row.internal_date, ==, chunk->internal_date[row_at]);
        g_assert_cmpuint (row.size, ==, chunk->size[row_at]);
        g_assert_cmpint (row.save_date, >=, chunk->save_date[row_at]);
        g_autofree char *keywords = keywords_of (to, new_uid);
        const char *expected = "";
        for (guint k = 0; k < before->n_keywords; k++)
          if (satchel_chunk_has_keyword (chunk, row_at, k))
            expected = before->keywords[k];
        g_assert_cmpstr (keywords, ==, expected);
      }
}

static void
case_copy (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  /* The destination has other keywords at the same places. */
  guint32 resident = fixture_put (fixture, pair.to, "resident");
  fixture_set_flags (fixture, pair.to, resident, SATCHEL_FLAGS_ADD, 0, "gamma");
  fixture_set_flags (fixture, pair.to, resident, SATCHEL_FLAGS_ADD, 0, "beta");
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (pair.from);
  g_autoptr (GBytes) content = content_of (pair.from, pair.uids[4]);
  {
    g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
    g_auto (SatchelUidSet) uids = uid_range (pair.uids[1], pair.uids[4] + 1000);
    SatchelOperation *operation = satchel_transaction_copy (transaction, pair.from, &uids, pair.to);
    OK (satchel_transaction_commit (transaction, E));
    check_arrived (operation, pair.to, before, 3);
    assert_content (pair.to, g_array_index (operation->ret_uids, guint32, 2),
                    g_bytes_get_data (content, NULL), g_bytes_get_size (content));
    g_assert_cmpuint (state_of (pair.from).n_messages, ==, 4);
    g_assert_cmpuint (state_of (pair.to).n_messages, ==, 4);
    g_assert_cmpuint (state_of (pair.from).highestmodseq, ==, before->state.highestmodseq);
    g_assert_cmpuint (state_of (pair.to).highestmodseq, ==, operation->ret_modseq);
  }
  g_autofree char *to_before = describe_mailbox (pair.to);
  end_pair (&pair);
  fixture_reopen (fixture);
  g_autoptr (SatchelMailbox) to = fixture_open (fixture, "to");
  g_autofree char *to_after = describe_mailbox (to);
  g_assert_cmpstr (to_after, ==, to_before);
}

static void
case_copy_nothing (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  g_autofree char *before = describe_mailbox (pair.to);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (pair.uids[2], pair.uids[2]);
  SatchelOperation *operation = satchel_transaction_copy (transaction, pair.from, &uids, pair.to);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (operation->ret_source.n_ranges, ==, 0);
  g_assert_true (operation->ret_uids == NULL || operation->ret_uids->len == 0);
  g_autofree char *after = describe_mailbox (pair.to);
  g_assert_cmpstr (after, ==, before);
  end_pair (&pair);
}

static void
case_copy_to_itself (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (pair.from);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (1, G_MAXUINT32);
  SatchelOperation *operation = satchel_transaction_copy (transaction, pair.from, &uids, pair.from);
  OK (satchel_transaction_commit (transaction, E));
  check_arrived (operation, pair.from, before, 4);
  g_assert_cmpuint (state_of (pair.from).n_messages, ==, 8);
  end_pair (&pair);
}

static void
case_copy_lives_alone (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  g_autoptr (GBytes) content = content_of (pair.from, pair.uids[0]);
  guint32 copied;
  {
    g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
    g_auto (SatchelUidSet) uids = uid_range (pair.uids[0], pair.uids[0]);
    SatchelOperation *operation = satchel_transaction_copy (transaction, pair.from, &uids, pair.to);
    OK (satchel_transaction_commit (transaction, E));
    copied = g_array_index (operation->ret_uids, guint32, 0);
  }
  fixture_set_flags (fixture, pair.to, copied, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_ANSWERED, NULL);
  SatchelMessageRow row;
  g_assert_true (row_of (pair.from, pair.uids[0], &row));
  g_assert_cmpuint (row.flags, ==, 0);
  fixture_expunge (fixture, pair.from, 1, G_MAXUINT32);
  assert_content (pair.to, copied, g_bytes_get_data (content, NULL), g_bytes_get_size (content));
  end_pair (&pair);
  fixture_reopen (fixture);
  OK (satchel_store_delete (fixture->store, "from", E));
  g_autoptr (SatchelMailbox) to = fixture_open (fixture, "to");
  assert_content (to, copied, g_bytes_get_data (content, NULL), g_bytes_get_size (content));
}

static void
case_move (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (pair.from);
  g_autoptr (GBytes) content = content_of (pair.from, pair.uids[3]);
  guint32 arrived;
  {
    g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
    g_auto (SatchelUidSet) uids = uid_range (pair.uids[1], pair.uids[3]);
    SatchelOperation *operation = satchel_transaction_move (transaction, pair.from, &uids, pair.to);
    OK (satchel_transaction_commit (transaction, E));
    check_arrived (operation, pair.to, before, 2);
    arrived = g_array_index (operation->ret_uids, guint32, 1);
    g_assert_cmpuint (operation->ret_modseq, ==, state_of (pair.from).highestmodseq);
    g_assert_cmpuint (operation->ret_modseq, ==, state_of (pair.to).highestmodseq);
    g_assert_cmpuint (operation->ret_modseq, >, before->state.highestmodseq);
  }
  SatchelMessageRow row;
  g_assert_false (row_of (pair.from, pair.uids[1], &row) || row_of (pair.from, pair.uids[3], &row));
  g_assert_true (row_of (pair.from, pair.uids[0], &row) && row_of (pair.from, pair.uids[4], &row));
  FAILS (SATCHEL_ERROR_GONE, satchel_mailbox_open_message (pair.from, pair.uids[3], E));
  g_autofree char *from_before = describe_mailbox (pair.from), *to_before = describe_mailbox (pair.to);
  end_pair (&pair);
  fixture_reopen (fixture);
  g_autoptr (SatchelMailbox) from = fixture_open (fixture, "from");
  g_autoptr (SatchelMailbox) to = fixture_open (fixture, "to");
  g_autofree char *from_after = describe_mailbox (from), *to_after = describe_mailbox (to);
  g_assert_cmpstr (from_after, ==, from_before);
  g_assert_cmpstr (to_after, ==, to_before);
  assert_content (to, arrived, g_bytes_get_data (content, NULL), g_bytes_get_size (content));
}

static void
case_move_to_itself (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  guint32 uidnext = state_of (pair.from).uidnext;
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (pair.from);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (pair.uids[0], pair.uids[1]);
  SatchelOperation *operation = satchel_transaction_move (transaction, pair.from, &uids, pair.from);
  OK (satchel_transaction_commit (transaction, E));
  check_arrived (operation, pair.from, before, 2);
  g_assert_cmpuint (g_array_index (operation->ret_uids, guint32, 0), >=, uidnext);
  g_assert_cmpuint (state_of (pair.from).n_messages, ==, 4);
  SatchelMessageRow row;
  g_assert_false (row_of (pair.from, pair.uids[0], &row));
  end_pair (&pair);
}

static void
case_there_and_back (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  guint32 uid = fixture_put (fixture, inbox, "traveller"), first = uid;
  g_autoptr (GBytes) content = content_of (inbox, uid);
  for (guint i = 0; i < 3; i++)
    {
      guint32 there = (guint32) fixture_move (fixture, inbox, uid, other);
      g_assert_cmpuint (there, !=, 0);
      guint32 back = (guint32) fixture_move (fixture, other, there, inbox);
      g_assert_cmpuint (back, >, uid);
      uid = back;
    }
  g_assert_cmpuint (state_of (inbox).n_messages, ==, 1);
  g_assert_cmpuint (state_of (other).n_messages, ==, 0);
  assert_content (inbox, uid, g_bytes_get_data (content, NULL), g_bytes_get_size (content));
  FAILS (SATCHEL_ERROR_GONE, satchel_mailbox_open_message (inbox, first, E));
}

/* Keywords that have no room do not keep a message from moving; the rest of its flags and keywords goes
 * along. */
static void
case_move_without_room (Fixture *fixture)
{
  satchel_keywords_set_limit (FEW_KEYWORDS);
  Pair pair = make_pair (fixture);
  guint32 full = fixture_put (fixture, pair.to, "full");
  for (guint k = 0; k < FEW_KEYWORDS; k++)
    {
      g_autofree char *name = k > 0 ? g_strdup_printf ("full%u", k) : g_strdup ("beta");
      fixture_set_flags (fixture, pair.to, full, SATCHEL_FLAGS_ADD, 0, name);
    }
  g_autofree char *before = keywords_of (pair.to, full);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (1, G_MAXUINT32);
  SatchelOperation *move =
      satchel_transaction_move (transaction, pair.from, &uids, pair.to); /* alpha has no place there */
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (state_of (pair.from).n_messages, ==, 0);
  g_assert_cmpuint (state_of (pair.to).n_messages, ==, 5);
  SatchelMessageRow row;
  guint32 second = g_array_index (move->ret_uids, guint32, 1),
          fourth = g_array_index (move->ret_uids, guint32, 2);
  g_assert_true (row_of (pair.to, second, &row));
  g_assert_cmpuint (row.flags, ==, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED);
  g_autofree char *second_names = keywords_of (pair.to, second),
                  *fourth_names = keywords_of (pair.to, fourth);
  g_assert_cmpstr (second_names, ==, "");
  g_assert_cmpstr (fourth_names, ==, "beta");
  g_autofree char *after = keywords_of (pair.to, full);
  g_assert_cmpstr (after, ==, before);
  end_pair (&pair);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

const ConformanceCase conformance_copies[] = {
  { "copy", case_copy },
  { "copy-nothing", case_copy_nothing },
  { "copy-to-itself", case_copy_to_itself },
  { "copy-lives-alone", case_copy_lives_alone },
  { "move", case_move },
  { "move-to-itself", case_move_to_itself },
  { "there-and-back", case_there_and_back },
  { "move-without-room", case_move_without_room },
  { NULL, NULL },
};
