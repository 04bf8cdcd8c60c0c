/* SPDX-License-Identifier: MIT
 * EXPUNGE, mod-sequences, history (RFC 7162).
 */
#include "config.h"

#include "conformance.h"

static void
case_expunge (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uids[6];
  for (guint i = 0; i < 6; i++)
    uids[i] = fixture_put (fixture, mailbox, "x");
  SatchelMailboxState before = state_of (mailbox);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) set = { NULL, 0 };
  satchel_uid_set_add (&set, uids[1], uids[2]);
  satchel_uid_set_add (&set, uids[5], uids[5] + 7);
  SatchelOperation *operation = satchel_transaction_expunge (transaction, mailbox, &set, FALSE);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_source), ==, 3);
  SatchelMailboxState after = state_of (mailbox);
  g_assert_cmpuint (after.n_messages, ==, 3);
  g_assert_cmpuint (after.n_unseen, ==, 3);
  g_assert_cmpuint (after.uidnext, ==, before.uidnext);
  g_assert_cmpuint (after.highestmodseq, >, before.highestmodseq);
  g_assert_cmpuint (after.highestmodseq, ==, operation->ret_modseq);
  g_assert_cmpuint (after.size_bytes, ==, before.size_bytes / 2);
}

static void
case_only_deleted (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uids[4];
  for (guint i = 0; i < 4; i++)
    uids[i] = fixture_put (fixture, mailbox, "x");
  fixture_set_flags (fixture, mailbox, uids[1], SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL);
  fixture_set_flags (fixture, mailbox, uids[3], SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) set = uid_range (uids[0], uids[2]); /* UID EXPUNGE (RFC 4315 2.1) */
  SatchelOperation *operation = satchel_transaction_expunge (transaction, mailbox, &set, TRUE);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_source), ==, 1);
  g_assert_true (satchel_uid_set_contains (&operation->ret_source, uids[1]));
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 3);
  g_assert_cmpuint (state_of (mailbox).n_deleted, ==, 1);
}

static void
case_expunge_nothing (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x");
  SatchelMailboxState before = state_of (mailbox);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) set = uid_range (uid, uid);
  SatchelOperation *operation = satchel_transaction_expunge (transaction, mailbox, &set, TRUE);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (operation->ret_source.n_ranges, ==, 0);
  g_assert_cmpuint (operation->ret_modseq, ==, 0);
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, before.highestmodseq);
}

/* One counter a user, over all mailboxes; it never goes back. */
static void
case_modseq_grows (Fixture *fixture)
{
  guint64 last = 0;
  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < 6; i++)
        {
          g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, i % 2 == 0 ? "INBOX" : "other");
          guint32 uid = fixture_put (fixture, mailbox, "x");
          g_assert_cmpuint (state_of (mailbox).highestmodseq, >, last);
          last = state_of (mailbox).highestmodseq;
          fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL);
          g_assert_cmpuint (state_of (mailbox).highestmodseq, >, last);
          last = state_of (mailbox).highestmodseq;
          SatchelMessageRow row;
          g_assert_true (row_of (mailbox, uid, &row));
          g_assert_cmpuint (row.modseq, ==, last);
          if (i < 4)
            continue;
          fixture_expunge (fixture, mailbox, uid, uid);
          g_assert_cmpuint (state_of (mailbox).highestmodseq, >, last);
          last = state_of (mailbox).highestmodseq;
        }
      fixture_reopen (fixture);
      g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "other");
      g_assert_cmpuint (state_of (mailbox).highestmodseq, >=, last);
    }
}

static void
check_vanished (SatchelMailbox *mailbox, guint64 modseq, const char *expected)
{
  SatchelUidSet uids = { (SatchelRange *) 1, 77 }; /* poison: nothing of it is read or freed */
  gboolean is_complete = 42;
  OK (satchel_mailbox_vanished (mailbox, modseq, &uids, &is_complete, E));
  g_assert_true (is_complete == TRUE || is_complete == FALSE);
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_uid_set_format (&uids, text);
  if (expected != NULL)
    {
      g_assert_true (is_complete);
      g_assert_cmpstr (text->str, ==, expected);
    }
  else
    g_assert_false (is_complete);
  satchel_uid_set_clear (&uids);
}

static void
case_vanished (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  guint32 first = fixture_put (fixture, mailbox, "1");
  for (guint i = 0; i < 9; i++)
    fixture_put (fixture, mailbox, "x");
  guint64 start = state_of (mailbox).highestmodseq;
  g_autofree char *one = g_strdup_printf ("%u", first + 1);
  g_autofree char *two = g_strdup_printf ("%u,%u:%u", first + 1, first + 4, first + 6);
  g_autofree char *three = g_strdup_printf ("%u,%u:%u", first + 1, first + 4, first + 7);
  g_autofree char *late = g_strdup_printf ("%u:%u", first + 4, first + 7);
  check_vanished (mailbox, start, "");
  fixture_expunge (fixture, mailbox, first + 1, first + 1);
  guint64 after_one = state_of (mailbox).highestmodseq;
  check_vanished (mailbox, start, one);
  fixture_expunge (fixture, mailbox, first + 4, first + 6);
  check_vanished (mailbox, start, two);
  fixture_move (fixture, mailbox, first + 7, other);
  for (guint pass = 0; pass < 2; pass++)
    {
      check_vanished (mailbox, start, three);
      check_vanished (mailbox, after_one, late);
      check_vanished (mailbox, state_of (mailbox).highestmodseq, "");
      check_vanished (mailbox, state_of (mailbox).highestmodseq + 1000, "");
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      g_clear_pointer (&other, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
      g_assert_cmpuint (state_of (mailbox).history_start, <=, start);
    }
}

/* What a client that was away works out from its memory is the truth. */
static void
case_resynchronise (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < 40; i++)
    fixture_put (fixture, mailbox, "x");
  g_auto (SatchelUidSet) known = { NULL, 0 };
  g_autoptr (SatchelSnapshot) old = satchel_mailbox_snapshot (mailbox);
  satchel_snapshot_uids (old, &known);
  guint32 base = known.ranges[0].first;
  fixture_expunge (fixture, mailbox, base + 3, base + 8);
  fixture_set_flags (fixture, mailbox, base + 20, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "k");
  fixture_put (fixture, mailbox, "new");
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelSnapshot) now = satchel_mailbox_snapshot (mailbox);
  g_auto (SatchelDifference) difference = { 0 };
  satchel_snapshot_compare_uids (&known, old->state.highestmodseq, old->state.uidnext, now, &difference);
  g_assert_cmpuint (satchel_uid_set_count (&difference.vanished), ==, 6);
  g_assert_cmpuint (difference.changed->len, ==, 1);
  g_assert_cmpuint (g_array_index (difference.changed, guint32, 0), ==, 14);
  g_assert_cmpuint (difference.first_new_index, ==, 34);
  g_auto (SatchelUidSet) vanished = { NULL, 0 };
  gboolean is_complete;
  OK (satchel_mailbox_vanished (mailbox, old->state.highestmodseq, &vanished, &is_complete, E));
  g_assert_true (is_complete);
  g_assert_cmpuint (satchel_uid_set_count (&vanished), ==, 6);
}

const ConformanceCase conformance_changes[] = {
  { "expunge", case_expunge },
  { "only-deleted", case_only_deleted },
  { "expunge-nothing", case_expunge_nothing },
  { "modseq-grows", case_modseq_grows },
  { "vanished", case_vanished },
  { "resynchronise", case_resynchronise },
  { NULL, NULL },
};
