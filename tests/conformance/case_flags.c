/* SPDX-License-Identifier: MIT
 * Flags and keywords (RFC 3501 2.3.2), conditions (RFC 7162 3.1.3).
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

static void
assert_flags (SatchelMailbox *mailbox, guint32 uid, guint32 flags, const char *keywords)
{
  SatchelMessageRow row;
  g_autofree char *names = keywords_of (mailbox, uid);
  g_assert_true (row_of (mailbox, uid, &row));
  g_assert_cmpuint (row.flags, ==, flags);
  g_assert_cmpstr (names, ==, keywords);
}

static void
case_modes (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x"), other = fixture_put (fixture, mailbox, "y");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_FLAGGED,
                     "one");
  assert_flags (mailbox, uid, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_FLAGGED, "one");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_ANSWERED, "two");
  assert_flags (mailbox, uid, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_FLAGGED | SATCHEL_FLAG_ANSWERED, "one two");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DRAFT,
                     "one");
  assert_flags (mailbox, uid, SATCHEL_FLAG_FLAGGED | SATCHEL_FLAG_ANSWERED, "two");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REPLACE, SATCHEL_FLAG_DELETED | SATCHEL_FLAG_DRAFT,
                     "three");
  assert_flags (mailbox, uid, SATCHEL_FLAG_DELETED | SATCHEL_FLAG_DRAFT, "three");
  assert_flags (mailbox, other, 0, "");
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_flags (mailbox, uid, SATCHEL_FLAG_DELETED | SATCHEL_FLAG_DRAFT, "three");
  assert_flags (mailbox, other, 0, "");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REPLACE, 0, NULL);
  assert_flags (mailbox, uid, 0, "");
}

static void
case_each_flag (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uids[32];
  for (guint32 flags = 0; flags < 32; flags++)
    uids[flags] = fixture_put (fixture, mailbox, "x");
  for (guint32 flags = 0; flags < 32; flags++)
    fixture_set_flags (fixture, mailbox, uids[flags], SATCHEL_FLAGS_REPLACE, flags, NULL);
  SatchelMailboxState state = state_of (mailbox);
  g_assert_cmpuint (state.n_unseen, ==, 16);
  g_assert_cmpuint (state.n_deleted, ==, 16);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  for (guint32 flags = 0; flags < 32; flags++)
    assert_flags (mailbox, uids[flags], flags, "");
}

static void
case_range (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 first = fixture_put (fixture, mailbox, "1"), second = fixture_put (fixture, mailbox, "2"),
          third = fixture_put (fixture, mailbox, "3");
  fixture_expunge (fixture, mailbox, second, second);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (first, G_MAXUINT32);
  SatchelOperation *operation = satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_ADD,
                                                           SATCHEL_FLAG_SEEN, NULL, G_MAXUINT64);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_source), ==, 2);
  g_assert_true (satchel_uid_set_contains (&operation->ret_source, third));
  g_assert_cmpuint (operation->ret_failed.n_ranges, ==, 0);
  g_assert_cmpuint (state_of (mailbox).n_unseen, ==, 0);
  g_assert_cmpuint (operation->ret_modseq, ==, state_of (mailbox).highestmodseq);
}

/* A change that is none has no mod-sequence of its own. */
static void
case_without_effect (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "k");
  SatchelMailboxState before = state_of (mailbox);
  SatchelMessageRow old, new;
  g_assert_true (row_of (mailbox, uid, &old));
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "K");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_DRAFT, NULL);
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REPLACE, SATCHEL_FLAG_SEEN, "k");
  fixture_set_flags (fixture, mailbox, uid + 100, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL);
  g_assert_true (row_of (mailbox, uid, &new));
  g_assert_cmpuint (new.modseq, ==, old.modseq);
  g_assert_cmpuint (state_of (mailbox).highestmodseq, ==, before.highestmodseq);
}

static void
case_unchanged_since (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 touched = fixture_put (fixture, mailbox, "touched"),
          quiet = fixture_put (fixture, mailbox, "quiet");
  guint64 known = state_of (mailbox).highestmodseq; /* just that of the quiet one: not above it */
  fixture_set_flags (fixture, mailbox, touched, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, NULL);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (touched, quiet);
  SatchelOperation *operation = satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_ADD,
                                                           SATCHEL_FLAG_DELETED, NULL, known);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_failed), ==, 1);
  g_assert_true (satchel_uid_set_contains (&operation->ret_failed, touched));
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_source), ==, 1);
  g_assert_true (satchel_uid_set_contains (&operation->ret_source, quiet));
  assert_flags (mailbox, touched, SATCHEL_FLAG_FLAGGED, "");
  assert_flags (mailbox, quiet, SATCHEL_FLAG_DELETED, "");
  /* 0 fails for every message that is there (RFC 7162 3.1.3). */
  g_autoptr (SatchelTransaction) never = satchel_transaction_new (fixture->store);
  operation =
      satchel_transaction_flags (never, mailbox, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, 0);
  OK (satchel_transaction_commit (never, E));
  g_assert_cmpuint (satchel_uid_set_count (&operation->ret_failed), ==, 2);
  g_assert_cmpuint (operation->ret_modseq, ==, 0);
}

static void
case_keyword_case (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, 0, "$Junk");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, 0, "$JUNK");
  assert_flags (mailbox, uid, 0, "$Junk");
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REMOVE, 0, "$junk");
  assert_flags (mailbox, uid, 0, "");
}

static void
case_keyword_limit (Fixture *fixture)
{
  satchel_keywords_set_limit (FEW_KEYWORDS);
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x"), other = fixture_put (fixture, mailbox, "y");
  for (guint k = 0; k < FEW_KEYWORDS; k++)
    {
      g_autofree char *name = g_strdup_printf ("Keyword-%u", k);
      fixture_set_flags (fixture, mailbox, k % 2 == 0 ? uid : other, SATCHEL_FLAGS_ADD, 0, name);
    }
  const char *const more[] = { "Another", NULL };
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, more,
                             G_MAXUINT64);
  FAILS (SATCHEL_ERROR_LIMIT, satchel_transaction_commit (transaction, E));
  SatchelMessageRow row;
  g_assert_true (row_of (mailbox, uid, &row));
  g_assert_cmpuint (row.flags, ==, 0);
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_ADD, 0, "keyword-63");
  g_autofree char *before = keywords_of (mailbox, uid), *other_before = keywords_of (mailbox, other);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  g_clear_pointer (&transaction, satchel_transaction_free);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_flags (mailbox, uid, 0, before);
  assert_flags (mailbox, other, 0, other_before);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

/* A keyword that no message has any more makes room; whoever looks at an older snapshot sees the old name. */
static void
case_keyword_room (Fixture *fixture)
{
  satchel_keywords_set_limit (FEW_KEYWORDS);
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x"), other = fixture_put (fixture, mailbox, "y");
  for (guint k = 0; k < 3 * FEW_KEYWORDS; k++)
    {
      g_autofree char *name = g_strdup_printf ("Once-%u", k);
      fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REPLACE, 0, name);
    }
  for (guint k = 0; k < FEW_KEYWORDS; k++)
    {
      g_autofree char *name = g_strdup_printf ("Keyword-%u", k);
      fixture_set_flags (fixture, mailbox, k < 40 ? uid : other,
                         k == 0 ? SATCHEL_FLAGS_REPLACE : SATCHEL_FLAGS_ADD, 0, name);
    }
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (mailbox);
  g_autofree char *other_names = keywords_of (mailbox, other);
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REMOVE, 0, "Keyword-7");
  fixture_set_flags (fixture, mailbox, other, SATCHEL_FLAGS_ADD, 0, "Another");
  g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (mailbox);
  g_assert_cmpint (satchel_snapshot_keyword (before, "Keyword-7"), >=, 0);
  g_assert_cmpint (satchel_snapshot_keyword (before, "Another"), ==, -1);
  g_assert_cmpint (satchel_snapshot_keyword (after, "Keyword-7"), ==, -1);
  g_assert_cmpint (satchel_snapshot_keyword (after, "Another"), >=, 0);
  g_autofree char *now = g_strconcat (other_names, " Another", NULL), *all = keywords_of (mailbox, other);
  g_auto (GStrv) expected = g_strsplit (now, " ", -1), found = g_strsplit (all, " ", -1);
  g_assert_cmpuint (g_strv_length (found), ==, g_strv_length (expected));
  g_assert_true (g_strv_contains ((const char *const *) found, "Another"));
  fixture_expunge (fixture, mailbox, uid, uid); /* 39 of them */
  fixture_set_flags (fixture, mailbox, other, SATCHEL_FLAGS_ADD, 0,
                     "Keyword-7"); /* a name that was given up is one like any other */
  for (guint k = 0; k < 38; k++)
    {
      g_autofree char *name = g_strdup_printf ("Late-%u", k);
      fixture_set_flags (fixture, mailbox, other, SATCHEL_FLAGS_ADD, 0, name);
    }
  g_autofree char *full = keywords_of (mailbox, other);
  g_auto (GStrv) last = g_strsplit (full, " ", -1);
  g_assert_cmpuint (g_strv_length (last), ==, FEW_KEYWORDS);
  g_assert_true (g_strv_contains ((const char *const *) last, "Another")
                 && g_strv_contains ((const char *const *) last, "Keyword-7"));
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_flags (mailbox, other, 0, full);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

/* Operations of a transaction see what those before them did. */
static void
case_in_order (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 first = fixture_put (fixture, mailbox, "1"), second = fixture_put (fixture, mailbox, "2");
  g_auto (SatchelUidSet) all = uid_range (first, second), one = uid_range (first, first);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  satchel_transaction_flags (transaction, mailbox, &one, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL,
                             G_MAXUINT64);
  SatchelOperation *expunge = satchel_transaction_expunge (transaction, mailbox, &all, TRUE);
  SatchelOperation *flags = satchel_transaction_flags (transaction, mailbox, &all, SATCHEL_FLAGS_ADD,
                                                       SATCHEL_FLAG_SEEN, NULL, G_MAXUINT64);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (satchel_uid_set_count (&expunge->ret_source), ==, 1);
  g_assert_true (satchel_uid_set_contains (&expunge->ret_source, first));
  g_assert_cmpuint (satchel_uid_set_count (&flags->ret_source), ==, 1);
  g_assert_cmpuint (state_of (mailbox).n_messages, ==, 1);
  assert_flags (mailbox, second, SATCHEL_FLAG_SEEN, "");
}

/* What the core says that a change must leave as it is (rights). */
static void
case_kept (Fixture *fixture)
{
  static const struct
  {
    SatchelFlagsMode mode;
    guint32 flags, result;
  } rows[] = {
    { SATCHEL_FLAGS_REPLACE, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DRAFT,
      SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED },
    { SATCHEL_FLAGS_ADD, SATCHEL_FLAG_ANSWERED | SATCHEL_FLAG_DRAFT,
      SATCHEL_FLAG_SEEN | SATCHEL_FLAG_ANSWERED | SATCHEL_FLAG_DELETED },
    { SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED,
      SATCHEL_FLAG_ANSWERED | SATCHEL_FLAG_DELETED },
  };
  const char *const keywords[] = { "New", "Old", NULL };
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "kept");
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  fixture_set_flags (fixture, mailbox, uid, SATCHEL_FLAGS_REPLACE,
                     SATCHEL_FLAG_DELETED | SATCHEL_FLAG_FLAGGED, "Old");
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      SatchelOperation *operation = satchel_transaction_flags (transaction, mailbox, &uids, rows[i].mode,
                                                               rows[i].flags, keywords, G_MAXUINT64);
      operation->kept_flags = SATCHEL_FLAG_DELETED | SATCHEL_FLAG_DRAFT;
      operation->keeps_keywords = TRUE;
      OK (satchel_transaction_commit (transaction, E));
      assert_flags (mailbox, uid, rows[i].result, "Old");
    }
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_flags (mailbox, uid, rows[2].result, "Old");
}

static void
case_empty_transaction (Fixture *fixture)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  OK (satchel_transaction_commit (transaction, E));
  FAILS (SATCHEL_ERROR_CANNOT, satchel_transaction_commit (transaction, E));
}

static char **
names_new (const char *prefix, guint first, guint n)
{
  char **names = g_new0 (char *, n + 1);
  for (guint k = 0; k < n; k++)
    names[k] = g_strdup_printf ("%s%03u", prefix, first + k);
  return names;
}

static void
assert_has_names (SatchelMailbox *mailbox, guint32 uid, char *const *names)
{
  g_autofree char *has = keywords_of (mailbox, uid), *wanted = g_strjoinv (" ", (char **) names);
  g_assert_cmpstr (has, ==, wanted);
}

/* Many more keywords than a word has bits: on messages of one mailbox and copied to one that numbers them
 * otherwise, after a change of some, and after everything was closed. */
static void
case_many_keywords (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) other = fixture_open (fixture, "other");
  g_auto (GStrv) first = names_new ("k", 0, 200), second = names_new ("k", 150, 120),
                 others = names_new ("other", 0, 100);
  const char *text = "Subject: x\r\n\r\ny\r\n";
  guint32 plain = fixture_put (fixture, inbox, "none"), fades = fixture_put (fixture, inbox, "fades");
  guint32 uid = fixture_put_bytes (fixture, inbox, text, strlen (text), 0, (const char *const *) first, 1);
  guint32 next = fixture_put_bytes (fixture, inbox, text, strlen (text), SATCHEL_FLAG_SEEN,
                                    (const char *const *) second, 1);
  guint32 there = fixture_put_bytes (fixture, other, text, strlen (text), 0, (const char *const *) others, 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) copied = uid_range (uid, uid), moved = uid_range (next, next);
  SatchelOperation *copy = satchel_transaction_copy (transaction, inbox, &copied, other);
  SatchelOperation *move = satchel_transaction_move (transaction, inbox, &moved, other);
  OK (satchel_transaction_commit (transaction, E));
  guint32 copy_uid = g_array_index (copy->ret_uids, guint32, 0),
          move_uid = g_array_index (move->ret_uids, guint32, 0);
  g_clear_pointer (&transaction, satchel_transaction_free);
  fixture_set_flags (fixture, inbox, uid, SATCHEL_FLAGS_REMOVE, 0, "K199");
  fixture_set_flags (fixture, inbox, plain, SATCHEL_FLAGS_ADD, 0, "k269");
  fixture_set_flags (fixture, inbox, fades, SATCHEL_FLAGS_ADD, 0, "k269");
  fixture_set_flags (fixture, inbox, fades, SATCHEL_FLAGS_REPLACE, 0, "k001");
  g_auto (GStrv) rest = names_new ("k", 0, 199);
  for (guint pass = 0; pass < 2; pass++)
    {
      assert_flags (inbox, plain, 0, "k269");
      assert_flags (inbox, fades, 0, "k001");
      assert_has_names (inbox, uid, rest);
      assert_has_names (other, copy_uid, first);
      assert_has_names (other, move_uid, second);
      assert_has_names (other, there, others);
      g_clear_pointer (&inbox, satchel_mailbox_unref);
      g_clear_pointer (&other, satchel_mailbox_unref);
      fixture_reopen (fixture);
      inbox = fixture_open (fixture, "INBOX");
      other = fixture_open (fixture, "other");
    }
}

const ConformanceCase conformance_flags[] = {
  { "modes", case_modes },
  { "each-flag", case_each_flag },
  { "range", case_range },
  { "without-effect", case_without_effect },
  { "unchanged-since", case_unchanged_since },
  { "keyword-case", case_keyword_case },
  { "keyword-limit", case_keyword_limit },
  { "keyword-room", case_keyword_room },
  { "many-keywords", case_many_keywords },
  { "in-order", case_in_order },
  { "kept", case_kept },
  { "empty-transaction", case_empty_transaction },
  { NULL, NULL },
};
