/* SPDX-License-Identifier: MIT
 * Who acts, and what is locked for whom: over the layer `sealed` of tests/layers, whose messages that begin
 * with "Sealed: WORD" are for accesses with the key WORD.
 */
#include "config.h"

#include "conformance.h"

#include <satchel/attributes.h>
#include <string.h>

static const char sealed_text[] =
    "Sealed: wax\r\nFrom: a@example.org\r\nSubject: secret\r\n\r\nsecret body\r\n";

/* A handle of the case's store for somebody who has @word as key, or none. */
static SatchelStore *
store_with (Fixture *fixture, const char *word)
{
  g_autoptr (GBytes) key = word != NULL ? satchel_secret_new (word, strlen (word)) : NULL;
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .user = fixture->user,
                                                                            .owner = fixture->user,
                                                                            .service = "test",
                                                                            .key = key,
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  return satchel_store_with_access (fixture->store, access);
}

static SatchelMailbox *
inbox_with (SatchelStore *store)
{
  SatchelMailbox *mailbox;
  OK ((mailbox = satchel_store_open_mailbox (store, "INBOX", E)) != NULL);
  return mailbox;
}

/* UID 1 is sealed, UID 2 is not. */
static void
put_two (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  g_assert_cmpuint (
      fixture_put_bytes (fixture, inbox, sealed_text, strlen (sealed_text), 0, NULL, 1700000000), ==, 1);
  g_assert_cmpuint (fixture_put (fixture, inbox, "plain"), ==, 2);
}

/* What attributes say of UIDs 1 (sealed), 2 (plain) and 3 (never there). */
static void
assert_attributes (SatchelMailbox *mailbox, gboolean is_open)
{
  const guint32 uids[] = { 1, 2, 3 };
  GBytes *found[3];
  SatchelErrorCode codes[3] = { 99, 99, 99 };
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (satchel_mailbox_attributes (mailbox, uids, 3, found, codes, &error), ==, is_open);
  if (!is_open)
    g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED);
  g_assert_cmpint (codes[0], ==, is_open ? 0 : SATCHEL_ERROR_LOCKED);
  g_assert_cmpint (found[0] != NULL, ==, is_open);
  g_assert_cmpint (codes[1], ==, 0);
  g_assert_nonnull (found[1]);
  g_assert_cmpint (codes[2], ==, SATCHEL_ERROR_GONE);
  g_assert_null (found[2]);
  for (guint i = 0; i < 3; i++)
    g_clear_pointer (&found[i], g_bytes_unref);
}

static void
assert_sealed (SatchelMailbox *mailbox)
{
  FAILS (SATCHEL_ERROR_LOCKED, satchel_mailbox_open_message (mailbox, 1, E));
  g_assert_null (satchel_mailbox_peek_message (mailbox, 1));
  assert_attributes (mailbox, FALSE);
}

/* Whoever lacks the key is told LOCKED, whoever has it reads, in whatever order and at the same time. */
static void
case_locked (Fixture *fixture)
{
  put_two (fixture);
  g_autoptr (SatchelStore) without = store_with (fixture, NULL), with = store_with (fixture, "wax"),
                           other = store_with (fixture, "gum");
  g_autoptr (SatchelMailbox) locked = inbox_with (without), open = inbox_with (with),
                             wrong = inbox_with (other);
  for (guint round = 0; round < 2; round++)
    {
      assert_sealed (locked);
      assert_content (open, 1, sealed_text, strlen (sealed_text));
      assert_attributes (open, TRUE);
      assert_sealed (wrong);
    }
  /* It is no less there: it is listed, flagged, copied and removed. */
  g_assert_cmpuint (state_of (locked).n_messages, ==, 2);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (without);
  g_auto (SatchelUidSet) uids = uid_range (1, 1);
  satchel_transaction_flags (transaction, locked, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL,
                             G_MAXUINT64);
  satchel_transaction_copy (transaction, locked, &uids, locked);
  satchel_transaction_expunge (transaction, locked, &uids, FALSE);
  OK (satchel_transaction_commit (transaction, E));
  assert_content (open, 3, sealed_text, strlen (sealed_text));
  FAILS (SATCHEL_ERROR_LOCKED, satchel_mailbox_open_message (locked, 3, E));
  FAILS (SATCHEL_ERROR_GONE, satchel_mailbox_open_message (locked, 1, E));
}

static void
note_subject (guint index, const void *key, gsize len, gpointer data)
{
  ((gboolean *) data)[index] = TRUE;
}

/* What SORT compares is kept with the mailbox: for those with the same key only. */
static void
case_keys (Fixture *fixture)
{
  put_two (fixture);
  g_autoptr (SatchelStore) without = store_with (fixture, NULL), with = store_with (fixture, "wax");
  g_autoptr (SatchelMailbox) locked = inbox_with (without), open = inbox_with (with);
  const guint32 uids[] = { 1, 2 };
  gboolean seen[2] = { FALSE, FALSE };
  SatchelErrorCode codes[2] = { 99, 99 };
  OK (satchel_mailbox_keys (open, SATCHEL_KEY_SUBJECT, uids, 2, note_subject, seen, codes, E));
  g_assert_true (seen[0] && seen[1] && codes[0] == 0 && codes[1] == 0);
  g_assert_true (satchel_mailbox_peek_key (open, SATCHEL_KEY_SUBJECT, 1, note_subject, seen));
  memset (seen, 0, sizeof seen);
  g_assert_false (satchel_mailbox_peek_key (locked, SATCHEL_KEY_SUBJECT, 1, note_subject, seen));
  OK (satchel_mailbox_keys (locked, SATCHEL_KEY_SUBJECT, uids, 2, note_subject, seen, codes, E));
  g_assert_true (!seen[0] && seen[1]);
  g_assert_cmpint (codes[0], ==, SATCHEL_ERROR_LOCKED);
  g_assert_cmpint (codes[1], ==, 0);
  /* A whole batch that is locked is an answer, too. */
  OK (satchel_mailbox_keys (locked, SATCHEL_KEY_SUBJECT, uids, 1, note_subject, seen, codes, E));
  g_assert_cmpint (codes[0], ==, SATCHEL_ERROR_LOCKED);
  /* Another handle with the same key shares what was read; when the last one goes, it goes. */
  g_autoptr (SatchelStore) again = store_with (fixture, "wax");
  g_autoptr (SatchelMailbox) shared = inbox_with (again);
  g_assert_true (satchel_mailbox_peek_key (shared, SATCHEL_KEY_SUBJECT, 1, note_subject, seen));
  g_clear_pointer (&open, satchel_mailbox_unref);
  g_clear_pointer (&with, satchel_store_unref);
  g_assert_true (satchel_mailbox_peek_key (shared, SATCHEL_KEY_SUBJECT, 1, note_subject, seen));
  g_clear_pointer (&shared, satchel_mailbox_unref);
  g_clear_pointer (&again, satchel_store_unref);
  g_autoptr (SatchelStore) later = store_with (fixture, "wax");
  g_autoptr (SatchelMailbox) fresh = inbox_with (later);
  g_assert_false (satchel_mailbox_peek_key (fresh, SATCHEL_KEY_SUBJECT, 1, note_subject, seen));
}

/* Two handles show one and the same mailbox. */
static void
case_shared (Fixture *fixture)
{
  put_two (fixture);
  g_autoptr (SatchelStore) one = store_with (fixture, NULL), other = store_with (fixture, "wax");
  g_autoptr (SatchelMailbox) first = inbox_with (one), second = inbox_with (other), again = inbox_with (one);
  g_assert_true (first == again);
  g_assert_true (first != second);
  g_assert_true (satchel_mailbox_store (second) == other);
  g_assert_true (satchel_mailbox_try_lock (first, first));
  g_assert_false (satchel_mailbox_try_lock (second, second));
  satchel_mailbox_unlock (first, first);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (one);
  g_auto (SatchelUidSet) uids = uid_range (1, 2);
  satchel_transaction_expunge (transaction, first, &uids, FALSE);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (state_of (second).n_messages, ==, 0);
}

const ConformanceCase conformance_access[] = {
  { "locked", case_locked }, { "keys", case_keys }, { "shared", case_shared }, { NULL, NULL }
};
