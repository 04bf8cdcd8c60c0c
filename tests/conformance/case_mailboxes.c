/* SPDX-License-Identifier: MIT
 * Mailbox handles and their state: identity, UIDVALIDITY, \Recent, the lock, watchers.
 */
#include "config.h"

#include "conformance.h"

#include "tests/lib/loop.h"

#include <string.h>

static void
case_recreated_differs (Fixture *fixture)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  guint8 last_id[16] = { 0 };
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "again");
      SatchelMailboxState state = state_of (mailbox);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (state.uidvalidity)));
      g_assert_cmpint (memcmp (state.mailbox_id, last_id, 16), !=, 0);
      memcpy (last_id, state.mailbox_id, 16);
      fixture_put (fixture, mailbox, "x");
      OK (satchel_store_delete (fixture->store, "again", E));
      if (i == 2)
        {
          g_clear_pointer (&mailbox, satchel_mailbox_unref);
          fixture_reopen (fixture);
        }
    }
}

static void
case_handle_shared (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) first = fixture_open (fixture, "INBOX");
  g_autoptr (SatchelMailbox) second = fixture_open (fixture, "INBOX");
  g_assert_true (first == second);
  g_assert_true (satchel_mailbox_store (first) == fixture->store);
  fixture_put (fixture, first, "seen by both");
  g_assert_cmpuint (state_of (second).n_messages, ==, 1);
  g_autoptr (SatchelMailbox) peeked = satchel_store_peek_mailbox (fixture->store, "INBOX");
  g_assert_true (peeked == NULL || peeked == first);
  g_assert_null (satchel_store_peek_mailbox (fixture->store, "nowhere"));
}

static void
case_handle_swept (Fixture *fixture)
{
  guint32 uid;
  {
    g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
    uid = fixture_put (fixture, mailbox, "kept");
    satchel_store_sweep (fixture->store, 0);
    g_assert_cmpuint (satchel_store_n_handles (fixture->store), ==, 1);
  }
  satchel_store_sweep (fixture->store, 3600 * 1000);
  g_assert_cmpuint (satchel_store_n_handles (fixture->store), ==, 1);
  satchel_store_sweep (fixture->store, 0);
  g_assert_cmpuint (satchel_store_n_handles (fixture->store), ==, 0);
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  SatchelMessageRow row;
  g_assert_true (row_of (mailbox, uid, &row));
}

static void
case_deleted_handle (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "gone");
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  guint32 uid = fixture_put (fixture, mailbox, "x");
  OK (satchel_store_delete (fixture->store, "gone", E));
  g_assert_true (satchel_mailbox_is_deleted (mailbox));
  OK (satchel_mailbox_sync (mailbox, E));
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (uid, uid);
  satchel_transaction_copy (transaction, mailbox, &uids, inbox);
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_transaction_commit (transaction, E));
  g_autoptr (SatchelTransaction) other = satchel_transaction_new (fixture->store);
  g_autofree char *text = g_strdup ("x");
  satchel_transaction_append (other, mailbox, fixture_stage (fixture, text, 1), 0, NULL, 0);
  FAILS (SATCHEL_ERROR_NONEXISTENT, satchel_transaction_commit (other, E));
  g_autoptr (SatchelMailbox) again = fixture_open (fixture, "gone");
  g_assert_true (again != mailbox);
  g_assert_cmpuint (state_of (again).n_messages, ==, 0);
  g_assert_cmpuint (state_of (inbox).n_messages, ==, 0);
}

static guint32
claim (SatchelMailbox *mailbox, guint32 upto)
{
  guint32 first = 0xdeadbeef;
  OK (satchel_mailbox_claim_recent (mailbox, upto, &first, E));
  g_assert_cmpuint (first, <=, upto);
  return first;
}

/* RFC 3501 2.3.2: one session is the first to be notified. */
static void
case_recent_once (Fixture *fixture)
{
  guint32 first, last;
  {
    g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
    g_assert_cmpuint (claim (mailbox, state_of (mailbox).uidnext), ==, state_of (mailbox).uidnext);
    first = fixture_put (fixture, mailbox, "one");
    fixture_put (fixture, mailbox, "two");
    last = fixture_put (fixture, mailbox, "three");
    g_assert_cmpuint (claim (mailbox, last), ==, first); /* two of three */
    g_assert_cmpuint (claim (mailbox, last), ==, last);
    g_assert_cmpuint (state_of (mailbox).first_recent_uid, ==, last);
  }
  fixture_reopen (fixture);
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  guint32 got = claim (mailbox, last + 1);
  g_assert_cmpuint (got, ==, last);
  g_assert_cmpuint (claim (mailbox, last + 1), ==, last + 1);
  g_clear_pointer (&mailbox, satchel_mailbox_unref);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  g_assert_cmpuint (claim (mailbox, last + 1), ==, last + 1);
  SatchelMailboxState state;
  OK (satchel_store_status (fixture->store, "INBOX", &state, E));
  g_assert_cmpuint (state.first_recent_uid, >, last);
}

static void
case_lock (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  int one, two;
  g_assert_true (satchel_mailbox_try_lock (mailbox, &one));
  g_assert_false (satchel_mailbox_try_lock (mailbox, &two));
  satchel_mailbox_unlock (mailbox, &two); /* not his */
  g_assert_false (satchel_mailbox_try_lock (mailbox, &two));
  fixture_put (fixture, mailbox, "the lock keeps nobody else out");
  satchel_mailbox_unlock (mailbox, &one);
  g_assert_true (satchel_mailbox_try_lock (mailbox, &two));
  satchel_mailbox_unlock (mailbox, &two);
}

static void
count_call (SatchelMailbox *mailbox, gpointer data)
{
  ++*(guint *) data;
}

static void
case_watch (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "watched");
  guint n_first = 0, n_second = 0;
  SatchelMailboxWatch *first = satchel_mailbox_watch (mailbox, count_call, &n_first);
  SatchelMailboxWatch *second = satchel_mailbox_watch (mailbox, count_call, &n_second);
  loop_settle ();
  n_first = n_second = 0;
  for (guint i = 0; i < 10; i++)
    fixture_put (fixture, mailbox, "x");
  loop_until (n_first > 0 && n_second > 0);
  g_assert_cmpuint (n_first, <, 10); /* one call for many changes */
  satchel_mailbox_unwatch (first);
  loop_settle ();
  n_first = n_second = 0;
  fixture_set_flags (fixture, mailbox, 1, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL);
  loop_until (n_second > 0);
  g_assert_cmpuint (n_first, ==, 0);
  n_second = 0;
  OK (satchel_store_delete (fixture->store, "watched", E));
  loop_until (n_second > 0);
  g_assert_true (satchel_mailbox_is_deleted (mailbox));
  satchel_mailbox_unwatch (second);
  loop_settle ();
}

static void
case_sync_without_changes (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  fixture_put (fixture, mailbox, "x");
  OK (satchel_mailbox_sync (mailbox, E));
  g_autofree char *before = describe_mailbox (mailbox);
  for (guint i = 0; i < 5; i++)
    OK (satchel_mailbox_sync (mailbox, E));
  g_autofree char *after = describe_mailbox (mailbox);
  g_assert_cmpstr (after, ==, before);
}

static void
case_snapshot_stays (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) mailbox = fixture_open (fixture, "INBOX");
  for (guint i = 0; i < 20; i++)
    fixture_put (fixture, mailbox, "x");
  g_autoptr (SatchelSnapshot) old = satchel_mailbox_snapshot (mailbox);
  guint32 first = old->chunks[0]->uid[0], last = old->chunks[0]->uid[19];
  fixture_set_flags (fixture, mailbox, first, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, "$New");
  fixture_expunge (fixture, mailbox, last, last);
  guint32 added = fixture_put (fixture, mailbox, "y");
  g_assert_cmpuint (old->state.n_messages, ==, 20);
  g_assert_cmpuint (old->chunks[0]->n, ==, 20);
  g_assert_cmpuint (old->chunks[0]->flags[0], ==, 0);
  g_assert_cmpint (satchel_snapshot_keyword (old, "$New"), ==, -1);
  g_autoptr (SatchelSnapshot) new = satchel_mailbox_snapshot (mailbox);
  g_auto (SatchelDifference) difference = { 0 };
  satchel_snapshot_compare (old, new, &difference);
  g_assert_cmpuint (satchel_uid_set_count (&difference.vanished), ==, 1);
  g_assert_true (satchel_uid_set_contains (&difference.vanished, last));
  g_assert_cmpuint (difference.changed->len, ==, 1);
  g_assert_cmpuint (difference.first_new_index, ==, 19);
  g_assert_cmpuint (new->chunks[0]->uid[19], ==, added);
}

const ConformanceCase conformance_mailboxes[] = {
  { "recreated-differs", case_recreated_differs },
  { "handle-shared", case_handle_shared },
  { "handle-swept", case_handle_swept },
  { "deleted-handle", case_deleted_handle },
  { "recent-once", case_recent_once },
  { "lock", case_lock },
  { "watch", case_watch },
  { "sync-without-changes", case_sync_without_changes },
  { "snapshot-stays", case_snapshot_stays },
  { NULL, NULL },
};
