/* SPDX-License-Identifier: MIT
 * The change log of a process that was killed: at every step of a commit, at names, in a batch.
 */
#include "config.h"

#include "tests/lib/change_store.h"

static gboolean
fail_to_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_NOSPACE, "the disk is full");
}

/* As if the process had ended between the commit and what is logged of it. */
static void
end_after_commit (SatchelStore *store)
{
  g_byte_array_set_size (log_file (store), last_frame (store, SATCHEL_FRAME_CHANGES));
  satchel_store_unref (store);
}

static SatchelStore *
kill_after_commit (SatchelStore *store)
{
  end_after_commit (store);
  return open_store ();
}

static void
test_killed (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX"), *to = open_box (store, "to");
  put (store, inbox, "one");
  put (store, inbox, "the second");
  set_flags (store, inbox, 1, SATCHEL_FLAG_SEEN);
  g_autofree char *before = heard_now (store);
  static const char *const expected[] = { "APPEND INBOX 3:?/ by session\n", "FLAGS INBOX 2:/F by session\n",
                                          "MOVE INBOX>to 1>1:S/S 2>2:F/F by session\n",
                                          "COPY INBOX>to 3>3:/ by session\n",
                                          "EXPUNGE INBOX 3:/ by session\n" };
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_auto (SatchelUidSet) two = range (1, 2), third = range (3, 3);
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
      if (i == 0)
        add_append (transaction, store, inbox, "3");
      else if (i == 1)
        set_flags (store, inbox, 2, SATCHEL_FLAG_FLAGGED);
      else if (i == 2)
        satchel_transaction_move (transaction, inbox, &two, to);
      else if (i == 3)
        satchel_transaction_copy (transaction, inbox, &third, to);
      else
        satchel_transaction_expunge (transaction, inbox, &third, FALSE);
      g_assert_true (satchel_transaction_commit (transaction, NULL));
      g_clear_pointer (&transaction, satchel_transaction_free);
      satchel_mailbox_unref (inbox);
      satchel_mailbox_unref (to);
      store = kill_after_commit (store);
      heard_expect (store, expected[i]);
      inbox = open_box (store, "INBOX");
      to = open_box (store, "to");
      heard_expect (store, "");
    }
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (to);
  end (store);
}

static void
test_killed_at_names (void)
{
  SatchelStore *store = begin ();
  g_assert_true (satchel_store_create (store, "a", 0, NULL));
  store = kill_after_commit (store);
  heard_expect (store, "CREATE a by session\n");
  g_assert_true (satchel_store_subscribe (store, "a", TRUE, NULL));
  store = kill_after_commit (store);
  heard_expect (store, "SUBSCRIBE a by session\n");
  g_assert_true (satchel_store_rename (store, "a", "b", NULL));
  store = kill_after_commit (store);
  heard_expect (store, "RENAME a>b by session\n");
  g_assert_true (satchel_store_set_special_use (store, "b", SATCHEL_USE_JUNK, NULL));
  store = kill_after_commit (store);
  heard_expect (store, "SPECIAL_USE b by session\n");
  g_assert_true (satchel_store_delete (store, "b", NULL));
  store = kill_after_commit (store);
  heard_expect (store, "DELETE b by session\n");
  g_assert_true (satchel_store_subscribe (store, "b", FALSE, NULL));
  store = kill_after_commit (store);
  heard_expect (store, "UNSUBSCRIBE b by session\n");
  end (store);
}

/* A mailbox that was to be deleted, and is there. */
static void
test_not_deleted (void)
{
  SatchelStore *store = begin ();
  g_assert_true (satchel_store_create (store, "a", 0, NULL));
  heard_expect (store, "CREATE a by session\n");
  ops.remove = fail_to_remove;
  g_assert_false (satchel_store_delete (store, "a", NULL));
  store = kill_after_commit (store);
  heard_expect (store, "");
  end (store);
}

/* Before the next start another mailbox gets the name of the one that was deleted: both are told. */
static void
test_made_anew_after_a_kill (void)
{
  SatchelStore *store = begin ();
  g_assert_true (satchel_store_create (store, "a", 0, NULL));
  heard_expect (store, "CREATE a by session\n");
  g_assert_true (satchel_store_delete (store, "a", NULL));
  end_after_commit (store);
  satchel_store_set_listeners (NULL, 0);
  store = open_store ();
  g_assert_true (satchel_store_create (store, "a", 0, NULL));
  satchel_store_unref (store);
  satchel_store_set_listeners (&heard_listener, 1);
  store = open_store ();
  heard_expect (store, "DELETE a by session\nCREATE a by outside\n");
  end (store);
}

/* Several deliveries in a round: each is found by what it is. */
static void
test_killed_in_a_batch (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX"), *to = open_box (store, "to");
  g_autofree char *before = heard_now (store);
  SatchelTransaction *transaction = satchel_transaction_new (store);
  add_append (transaction, store, inbox, "1");
  add_append (transaction, store, to, "22");
  add_append (transaction, store, inbox, "333");
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  satchel_transaction_free (transaction);
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (to);
  store = kill_after_commit (store);
  heard_expect (store,
                "APPEND INBOX 1:?/ by session\nAPPEND to 1:?/ by session\nAPPEND INBOX 2:?/ by session\n");
  end (store);
}

/* What was intended and did not happen is not told: neither after the failure nor after the end of the
 * process. */
static void
test_not_committed (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  commit_fails = TRUE;
  g_assert_false (put (store, inbox, "one"));
  heard_expect (store, "");
  satchel_mailbox_unref (inbox);
  store = kill_after_commit (store);
  heard_expect (store, "");
  commit_fails = FALSE;
  inbox = open_box (store, "INBOX");
  g_assert_true (put (store, inbox, "two"));
  heard_expect (store, "APPEND INBOX 1:?/ by session\n");
  g_auto (SatchelUidSet) uids = range (1, 1);
  g_autoptr (SatchelTransaction) expunge = satchel_transaction_new (store);
  satchel_transaction_expunge (expunge, inbox, &uids, FALSE);
  commit_fails = TRUE;
  g_assert_false (satchel_transaction_commit (expunge, NULL));
  g_clear_pointer (&expunge, satchel_transaction_free);
  satchel_mailbox_unref (inbox);
  store = kill_after_commit (store);
  heard_expect (store, "");
  inbox = open_box (store, "INBOX");
  satchel_mailbox_unref (inbox);
  end (store);
}

/* Processes that end while a listener is called: the next ones wait longer and longer, until it lives. */
static void
test_deaths (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  put (store, inbox, "x");
  guint wait_ms = 0, before_ms = 0;
  for (guint i = 0; i < 6; i++)
    {
      /* As left by a process that ended there: the count is written before the call, and the place is not. */
      GByteArray *cursor = g_hash_table_lookup (files_of (store), "cursor-heard");
      g_autoptr (GError) error = NULL;
      heard_fails = 0;
      g_autoptr (GByteArray) kept = g_byte_array_new ();
      gboolean is_told = FALSE;
      g_assert_true (satchel_feed_run (store, &heard_listener, SATCHEL_FEED_FIRST, &wait_ms, &error));
      is_told = heard_text->len > 0;
      g_assert_cmpint (is_told, ==, wait_ms == 0);
      g_string_truncate (heard_text, 0);
      g_autofree char *text = g_strdup_printf ("satchel-cursor 1 %" G_GUINT64_FORMAT " 0 0 0 0 %u",
                                               store->core->changes->generation, i + 1);
      g_autofree char *line =
          g_strdup_printf ("%s %08x\n", text, satchel_change_checksum (text, strlen (text)));
      heard_last = 0;
      g_byte_array_set_size (cursor, 0);
      g_byte_array_append (cursor, (const guint8 *) line, (guint) strlen (line));
      g_assert_cmpuint (wait_ms, >=, before_ms);
      before_ms = wait_ms;
    }
  g_assert_cmpuint (before_ms, ==, 4000);
  /* Who ends while he waits told nothing: the next one waits no longer. */
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (satchel_feed_run (store, &heard_listener, SATCHEL_FEED_FIRST, &wait_ms, NULL));
      g_assert_cmpuint (wait_ms, ==, 8000);
      g_assert_cmpuint (heard_text->len, ==, 0);
    }
  g_assert_true (satchel_feed_run (store, &heard_listener, SATCHEL_FEED_WAITED, &wait_ms, NULL));
  g_assert_cmpuint (wait_ms, ==, 0);
  g_assert_cmpstr (heard_text->str, ==, "APPEND INBOX 1:?/ by session\n");
  satchel_mailbox_unref (inbox);
  end (store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_func ("/changes/killed", test_killed);
  g_test_add_func ("/changes/killed-at-names", test_killed_at_names);
  g_test_add_func ("/changes/not-deleted", test_not_deleted);
  g_test_add_func ("/changes/made-anew-after-a-kill", test_made_anew_after_a_kill);
  g_test_add_func ("/changes/killed-in-a-batch", test_killed_in_a_batch);
  g_test_add_func ("/changes/not-committed", test_not_committed);
  g_test_add_func ("/changes/deaths", test_deaths);
  return g_test_run ();
}
