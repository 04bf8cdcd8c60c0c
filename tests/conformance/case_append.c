/* SPDX-License-Identifier: MIT
 * APPEND: rows, batches, all or nothing, UIDs, what survives closing.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

static void
case_row (Fixture *fixture)
{
  const char text[] = "Subject: hello\r\n\r\nworld\r\n";
  const char *const keywords[] = { "$Forwarded", "NonJunk", NULL };
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  SatchelMailboxState old = state_of (mailbox);
  guint32 uid = fixture_put_bytes (fixture, mailbox, text, strlen (text),
                                   SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DRAFT, keywords, 1234567890);
  gint64 after = g_get_real_time () / G_USEC_PER_SEC;
  SatchelMailboxState new = state_of (mailbox);
  SatchelMessageRow row;
  g_assert_true (row_of (mailbox, uid, &row));
  g_assert_cmpuint (uid, >=, old.uidnext);
  g_assert_cmpuint (new.uidnext, >, uid);
  g_assert_cmpuint (row.flags, ==, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DRAFT);
  g_assert_cmpint (row.internal_date, ==, 1234567890);
  g_assert_true (row.save_date >= before && row.save_date <= after);
  g_assert_cmpuint (row.size, ==, strlen (text));
  g_assert_cmpuint (row.modseq, >, old.highestmodseq);
  g_assert_cmpuint (row.modseq, ==, new.highestmodseq);
  g_assert_cmpuint (new.n_messages, ==, 1);
  g_assert_cmpuint (new.n_unseen, ==, 0);
  g_assert_cmpuint (new.size_bytes, ==, strlen (text));
  g_autofree char *names = keywords_of (mailbox, uid);
  g_assert_cmpstr (names, ==, "$Forwarded NonJunk");
  assert_content (mailbox, uid, text, strlen (text));
}

static void
case_dates (Fixture *fixture)
{
  /* Before 1970, zero, after 2038 and 2106. */
  const gint64 dates[] = { -86400, 0, 1, 951782400, 2147483648, 4294967296, 7258118400 };
  guint32 uids[G_N_ELEMENTS (dates)];
  SatchelMessageRow row;
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < G_N_ELEMENTS (dates); i++)
    uids[i] = fixture_put_bytes (fixture, mailbox, "x", 1, 0, NULL, dates[i]);
  for (guint pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (dates); i++)
        {
          g_assert_true (row_of (mailbox, uids[i], &row));
          g_assert_cmpint (row.internal_date, ==, dates[i]);
        }
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      fixture_reopen (fixture);
      mailbox = fixture_open (fixture, "INBOX");
    }
}

static void
case_save_date_given (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *operation =
      satchel_transaction_append (transaction, mailbox, fixture_stage (fixture, "x", 1), 0, NULL, 1000);
  operation->save_date = 999999999;
  OK (satchel_transaction_commit (transaction, E));
  SatchelMessageRow row;
  g_assert_true (row_of (mailbox, g_array_index (operation->ret_uids, guint32, 0), &row));
  g_assert_cmpint (row.save_date, ==, 999999999);
}

static void
case_many_at_once (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *operations[50];
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *text = g_strdup_printf ("Subject: %u\r\n\r\n", i);
      operations[i] = satchel_transaction_append (
          transaction, mailbox, fixture_stage (fixture, text, strlen (text)), 0, NULL, (gint64) i);
    }
  g_assert_cmpuint (satchel_transaction_n_operations (transaction), ==, 50);
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 0);
  OK (satchel_transaction_commit (transaction, E));
  guint32 last = 0;
  guint64 modseq = state_of (mailbox).highestmodseq;
  for (guint i = 0; i < 50; i++)
    {
      SatchelMessageRow row;
      guint32 uid = g_array_index (operations[i]->ret_uids, guint32, 0);
      g_assert_cmpuint (uid, >, last);
      g_assert_true (row_of (mailbox, uid, &row));
      g_assert_cmpint (row.internal_date, ==, i);
      g_assert_cmpuint (row.modseq, ==, modseq);
      last = uid;
    }
}

static void
case_two_mailboxes (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  satchel_transaction_append (transaction, inbox, fixture_stage (fixture, "a", 1), 0, NULL, 1);
  SatchelOperation *second =
      satchel_transaction_append (transaction, other, fixture_stage (fixture, "bb", 2), 0, NULL, 2);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (second->ret_uidvalidity, ==, state_of (other).uidvalidity);
  g_assert_cmpuint (state_of (inbox).n_messages, ==, 1);
  g_assert_cmpuint (state_of (other).n_messages, ==, 1);
  g_assert_cmpuint (state_of (inbox).highestmodseq, ==, state_of (other).highestmodseq);
  assert_content (other, g_array_index (second->ret_uids, guint32, 0), "bb", 2);
}

/* One operation fails: none of the others happened, and what follows works. */
static void
case_all_or_nothing (Fixture *fixture)
{
  satchel_keywords_set_limit (FEW_KEYWORDS);
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  guint32 uid = fixture_put (fixture, inbox, "stays"), moving = fixture_put (fixture, inbox, "stays too");
  for (guint k = 0; k < FEW_KEYWORDS; k++)
    {
      g_autofree char *name = g_strdup_printf ("k%u", k);
      fixture_set_flags (fixture, inbox, uid, SATCHEL_FLAGS_ADD, 0, name);
    }
  g_autofree char *inbox_before = describe_mailbox (inbox), *other_before = describe_mailbox (other);
  const char *const one_more[] = { "k64", NULL };
  g_auto (SatchelUidSet) uids = uid_range (uid, uid), moved = uid_range (moving, moving);
  {
    g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
    satchel_transaction_append (transaction, other, fixture_stage (fixture, "new", 3), 0, NULL, 1);
    satchel_transaction_flags (transaction, inbox, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL,
                               G_MAXUINT64);
    satchel_transaction_move (transaction, inbox, &moved, other);
    satchel_transaction_append (transaction, inbox, fixture_stage (fixture, "new", 3), 0, NULL, 1);
    satchel_transaction_flags (transaction, inbox, &uids, SATCHEL_FLAGS_ADD, 0, one_more, G_MAXUINT64);
    FAILS (SATCHEL_ERROR_LIMIT, satchel_transaction_commit (transaction, E));
    FAILS (SATCHEL_ERROR_CANNOT, satchel_transaction_commit (transaction, E)); /* once only */
  }
  g_autofree char *inbox_after = describe_mailbox (inbox), *other_after = describe_mailbox (other);
  g_assert_cmpstr (inbox_after, ==, inbox_before);
  g_assert_cmpstr (other_after, ==, other_before);
  fixture_put (fixture, other, "works");
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&other, satchel_mailbox_unref);
  fixture_reopen (fixture);
  inbox = fixture_open (fixture, "INBOX");
  other = fixture_open (fixture, "other");
  g_assert_cmpuint (state_of (inbox).n_messages, ==, 2);
  g_assert_cmpuint (state_of (other).n_messages, ==, 1);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

/* Where messages have all keywords that there can be, one more comes in without its own: mail is not refused
 * for them. */
static void
case_append_without_room (Fixture *fixture)
{
  satchel_keywords_set_limit (FEW_KEYWORDS);
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, inbox, "full");
  for (guint k = 0; k < FEW_KEYWORDS; k++)
    {
      g_autofree char *name = g_strdup_printf ("k%u", k);
      fixture_set_flags (fixture, inbox, uid, SATCHEL_FLAGS_ADD, 0, name);
    }
  const char *const names[] = { "one-more", "K5", NULL };
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *append = satchel_transaction_append (
      transaction, inbox, fixture_stage (fixture, "new", 3), SATCHEL_FLAG_SEEN, names, 1);
  OK (satchel_transaction_commit (transaction, E));
  g_autofree char *keywords = keywords_of (inbox, g_array_index (append->ret_uids, guint32, 0));
  g_assert_cmpstr (keywords, ==, "k5");
  g_autofree char *full = keywords_of (inbox, uid);
  g_auto (GStrv) all = g_strsplit (full, " ", -1);
  g_assert_cmpuint (g_strv_length (all), ==, FEW_KEYWORDS);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

static void
case_dropped (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  satchel_stage_free (fixture_stage (fixture, "thrown away", 11));
  SatchelStage *half;
  OK ((half = satchel_stage_new (fixture->store, 0, E)) != NULL);
  OK (satchel_stage_write (half, "half", 4, E));
  satchel_stage_free (half);
  SatchelTransaction *transaction = satchel_transaction_new (fixture->store);
  satchel_transaction_append (transaction, mailbox, fixture_stage (fixture, "never", 5), 0, NULL, 1);
  satchel_transaction_free (transaction);
  g_autoptr (SatchelTransaction) unfinished = satchel_transaction_new (fixture->store);
  OK ((half = satchel_stage_new (fixture->store, 0, E)) != NULL);
  satchel_transaction_append (unfinished, mailbox, half, 0, NULL, 1);
  FAILS (SATCHEL_ERROR_CANNOT, satchel_transaction_commit (unfinished, E));
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 0);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  g_clear_pointer (&unfinished, satchel_transaction_free);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  OK (satchel_mailbox_sync (mailbox, E));
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 0);
}

static void
case_bad_keyword (Fixture *fixture)
{
  const char *const bad[] = {
    "", "two words", "(x", "x\"", "\\Seen", "x\r\ny", "\xc3\xbc", "a%", "a*", "a]"
  };
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *const keywords[] = { "fine", bad[i], NULL };
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      satchel_transaction_append (transaction, mailbox, fixture_stage (fixture, "x", 1), 0, keywords, 1);
      FAILS (SATCHEL_ERROR_INVALID, satchel_transaction_commit (transaction, E));
    }
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 0);
}

/* A UID, once told, is durable and never used again. */
static void
case_uids_never_again (Fixture *fixture)
{
  guint32 highest = 0;
  for (guint round = 0; round < 4; round++)
    {
      g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
      for (guint i = 0; i < 3; i++)
        {
          guint32 uid = fixture_put (fixture, mailbox, "x");
          g_assert_cmpuint (uid, >, highest);
          highest = uid;
        }
      fixture_expunge (fixture, mailbox, highest - (round == 1 ? 2 : 0), highest);
      g_assert_cmpuint (state_of (mailbox).uidnext, >, highest);
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      if (round % 2 == 0)
        fixture_reopen (fixture);
    }
}

static void
case_survives (Fixture *fixture)
{
  const char *const keywords[] = { "$MDNSent", "Label", NULL };
  g_autofree char *inbox_before = NULL, *other_before = NULL;
  {
    g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
    g_autoptr (SatchelMailbox) other = fixture_open (fixture, "a/b");
    for (guint i = 0; i < 30; i++)
      fixture_put_bytes (fixture, inbox, "Subject: x\r\n\r\ny\r\n", 17, i % 32, i % 3 == 0 ? keywords : NULL,
                         i * 1000);
    fixture_expunge (fixture, inbox, 5, 9);
    fixture_set_flags (fixture, inbox, 12, SATCHEL_FLAGS_REPLACE, SATCHEL_FLAG_FLAGGED, "Other");
    fixture_move (fixture, inbox, 15, other);
    inbox_before = describe_mailbox (inbox);
    other_before = describe_mailbox (other);
  }
  fixture_reopen (fixture);
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "a/b");
  g_autofree char *inbox_after = describe_mailbox (inbox), *other_after = describe_mailbox (other);
  g_assert_cmpstr (inbox_after, ==, inbox_before);
  g_assert_cmpstr (other_after, ==, other_before);
}

static void
case_beyond_a_chunk (Fixture *fixture)
{
  const guint n = SATCHEL_CHUNK_MESSAGES + 200;
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  for (guint part = 0; part < 4; part++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      for (guint i = 0; i < n / 4; i++)
        satchel_transaction_append (transaction, mailbox, fixture_stage (fixture, "x", 1), 0, NULL,
                                    part * 10000 + i);
      OK (satchel_transaction_commit (transaction, E));
    }
  fixture_set_flags (fixture, mailbox, 4100, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "late");
  fixture_expunge (fixture, mailbox, 4000, 4090);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_assert_cmpuint (snapshot->state.n_messages, ==, n - 91);
  g_assert_cmpuint (snapshot->state.n_unseen, ==, n - 92);
  guint32 index;
  g_assert_true (satchel_snapshot_find (snapshot, 4100, &index));
  g_assert_cmpuint (index, ==, 4100 - 1 - 91);
}

const ConformanceCase conformance_append[] = {
  { "row", case_row },
  { "dates", case_dates },
  { "save-date-given", case_save_date_given },
  { "many-at-once", case_many_at_once },
  { "two-mailboxes", case_two_mailboxes },
  { "all-or-nothing", case_all_or_nothing },
  { "append-without-room", case_append_without_room },
  { "dropped", case_dropped },
  { "bad-keyword", case_bad_keyword },
  { "uids-never-again", case_uids_never_again },
  { "survives", case_survives },
  { "beyond-a-chunk", case_beyond_a_chunk },
  { NULL, NULL },
};
