/* SPDX-License-Identifier: MIT
 * What a user's mail takes up: the sum of RFC822.SIZE and the number of messages, after each thing that
 * changes them.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

static SatchelUsage
usage_of (Fixture *fixture)
{
  SatchelUsage usage;
  OK (satchel_store_usage (fixture->store, &usage, E));
  return usage;
}

#define ASSERT_USAGE(fixture, n_bytes, n_messages)                                                           \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    SatchelUsage usage_now = usage_of (fixture);                                                             \
    g_assert_cmpuint (usage_now.bytes, ==, (n_bytes));                                                       \
    g_assert_cmpuint (usage_now.messages, ==, (n_messages));                                                 \
  }                                                                                                          \
  G_STMT_END

/* A message of @bytes bytes. */
static guint32
put_sized (Fixture *fixture, SatchelMailbox *mailbox, gsize bytes)
{
  g_autoptr (GString) text = g_string_new ("Subject: sized\r\n\r\n");
  while (text->len + 2 < bytes)
    g_string_append_c (text, 'x');
  g_string_append (text, "\r\n");
  g_assert_cmpuint (text->len, ==, bytes);
  return fixture_put_bytes (fixture, mailbox, text->str, text->len, 0, NULL, 1700000000);
}

static void
copy (Fixture *fixture, SatchelMailbox *from, guint32 first, guint32 last, SatchelMailbox *to)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (first, last);
  satchel_transaction_copy (transaction, from, &uids, to);
  OK (satchel_transaction_commit (transaction, E));
}

/* Each change of messages, also across a restart. */
static void
case_messages (Fixture *fixture)
{
  ASSERT_USAGE (fixture, 0, 0);
  SatchelMailbox *inbox = fixture_open (fixture, "INBOX"), *other = fixture_open (fixture, "other");
  guint32 first = put_sized (fixture, inbox, 100), second = put_sized (fixture, inbox, 1000);
  ASSERT_USAGE (fixture, 1100, 2);
  copy (fixture, inbox, first, second, other);
  ASSERT_USAGE (fixture, 2200, 4);
  copy (fixture, inbox, first, first, inbox);
  ASSERT_USAGE (fixture, 2300, 5);
  fixture_move (fixture, inbox, second, other);
  ASSERT_USAGE (fixture, 2300, 5);
  fixture_set_flags (fixture, inbox, first, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, "word");
  ASSERT_USAGE (fixture, 2300, 5);
  fixture_expunge (fixture, inbox, first, first);
  ASSERT_USAGE (fixture, 2200, 4);
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (other);
  fixture_reopen (fixture);
  ASSERT_USAGE (fixture, 2200, 4);
  inbox = fixture_open (fixture, "INBOX");
  put_sized (fixture, inbox, 300);
  ASSERT_USAGE (fixture, 2500, 5);
  satchel_mailbox_unref (inbox);
}

/* Each change of mailboxes; those that are not open count as well. */
static void
case_mailboxes (Fixture *fixture)
{
  SatchelMailbox *inbox = fixture_open (fixture, "INBOX"), *box = fixture_open (fixture, "a/b");
  put_sized (fixture, inbox, 100);
  put_sized (fixture, box, 200);
  g_clear_pointer (&inbox, satchel_mailbox_unref);
  g_clear_pointer (&box, satchel_mailbox_unref);
  ASSERT_USAGE (fixture, 300, 2);
  OK (satchel_store_rename (fixture->store, "a", "c", E));
  ASSERT_USAGE (fixture, 300, 2);
  OK (satchel_store_rename (fixture->store, "INBOX", "old", E));
  ASSERT_USAGE (fixture, 300, 2);
  fixture_reopen (fixture);
  ASSERT_USAGE (fixture, 300, 2);
  OK (satchel_store_rename (fixture->store, "c/b", "d", E));
  ASSERT_USAGE (fixture, 300, 2);
  OK (satchel_store_delete (fixture->store, "d", E));
  ASSERT_USAGE (fixture, 100, 1);
  /* One of the same name begins anew. */
  box = fixture_open (fixture, "d");
  ASSERT_USAGE (fixture, 100, 1);
  put_sized (fixture, box, 400);
  ASSERT_USAGE (fixture, 500, 2);
  OK (satchel_store_delete (fixture->store, "d", E));
  ASSERT_USAGE (fixture, 100, 1);
  g_clear_pointer (&box, satchel_mailbox_unref);
  fixture_reopen (fixture);
  OK (satchel_store_delete (fixture->store, "old", E));
  ASSERT_USAGE (fixture, 0, 0);
}

/* Of one mailbox and of some messages, of which some are not there. */
static void
case_of_some (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX"), other = fixture_open (fixture, "other");
  guint32 first = put_sized (fixture, inbox, 100), second = put_sized (fixture, inbox, 1000),
          third = put_sized (fixture, inbox, 500);
  put_sized (fixture, other, 50);
  fixture_expunge (fixture, inbox, second, second);
  SatchelUsage usage;
  OK (satchel_mailbox_usage (inbox, NULL, &usage, E));
  g_assert_cmpuint (usage.bytes, ==, 600);
  g_assert_cmpuint (usage.messages, ==, 2);
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  satchel_uid_set_add (&uids, second, third);
  satchel_uid_set_add (&uids, third + 10, G_MAXUINT32);
  OK (satchel_mailbox_usage (inbox, &uids, &usage, E));
  g_assert_cmpuint (usage.bytes, ==, 500);
  g_assert_cmpuint (usage.messages, ==, 1);
  g_auto (SatchelUidSet) none = { NULL, 0 };
  OK (satchel_mailbox_usage (inbox, &none, &usage, E));
  g_assert_cmpuint (usage.bytes, ==, 0);
  g_assert_cmpuint (usage.messages, ==, 0);
  g_assert_cmpuint (first, <, second);
}

/* A transaction that fails as a whole counts nothing. */
static void
case_failed (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX"), gone = fixture_open (fixture, "gone");
  put_sized (fixture, inbox, 100);
  OK (satchel_store_delete (fixture->store, "gone", E));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  static const char text[] = "Subject: a\r\n\r\nb\r\n";
  satchel_transaction_append (transaction, inbox, fixture_stage (fixture, text, strlen (text)), 0, NULL,
                              1700000000);
  satchel_transaction_append (transaction, gone, fixture_stage (fixture, text, strlen (text)), 0, NULL,
                              1700000000);
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_transaction_commit (transaction, E));
  ASSERT_USAGE (fixture, 100, 1);
}

const ConformanceCase conformance_usage[] = { { "messages", case_messages },
                                              { "mailboxes", case_mailboxes },
                                              { "of-some", case_of_some },
                                              { "failed", case_failed },
                                              { NULL, NULL } };
