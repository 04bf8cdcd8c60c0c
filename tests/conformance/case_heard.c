/* SPDX-License-Identifier: MIT
 * The change log and durable listeners (listener.h).
 */
#include "config.h"

#include "conformance.h"

#include "core/storage/store/store_private.h"
#include "tests/lib/heard.h"

/* Is there a log?  A driver may have no files of the core. */
static gboolean
begin (Fixture *fixture)
{
  heard_begin ();
  fixture_reopen (fixture);
  if (fixture->store->core->changes != NULL)
    {
      heard_expect (fixture->store, "RESYNC  by background\n");
      return TRUE;
    }
  g_test_skip ("the driver keeps no files of the core");
  return FALSE;
}

static void
end (Fixture *fixture)
{
  heard_end ();
  fixture_reopen (fixture);
}

static void
change_messages (Fixture *fixture, SatchelMailbox *inbox, SatchelMailbox *to)
{
  static const char *const keywords[] = { "work", NULL };
  fixture_put_bytes (fixture, inbox, "a: b\r\n\r\nc\r\n", 11, SATCHEL_FLAG_SEEN, keywords, 1700000000);
  fixture_put (fixture, inbox, "two");
  fixture_put (fixture, inbox, "three");
  fixture_set_flags (fixture, inbox, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, "later");
  fixture_set_flags (fixture, inbox, 1, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_SEEN, "none");
  fixture_set_flags (fixture, inbox, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED, NULL); /* so already */
  fixture_move (fixture, inbox, 2, to);
  g_autoptr (SatchelTransaction) copy = satchel_transaction_new (fixture->store);
  g_auto (SatchelUidSet) uids = uid_range (1, 3);
  satchel_transaction_copy (copy, inbox, &uids, to);
  OK (satchel_transaction_commit (copy, E));
  fixture_expunge (fixture, inbox, 1, 9);
}

static const char *messages_heard = "APPEND INBOX 1:?/S+work by background\n"
                                    "APPEND INBOX 2:?/ by background\n"
                                    "APPEND INBOX 3:?/ by background\n"
                                    "FLAGS INBOX 2:/F+later by background\n"
                                    "FLAGS INBOX 1:S+work/+work by background\n"
                                    "MOVE INBOX>to 2>1:F+later/F+later by background\n"
                                    "COPY INBOX>to 1>2:+work/+work 3>3:/ by background\n"
                                    "EXPUNGE INBOX 1:+work/ 3:/ by background\n";

static void
case_messages (Fixture *fixture)
{
  if (begin (fixture))
    {
      g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX"), to = fixture_open (fixture, "to");
      heard_expect (fixture->store, "CREATE to by background\n");
      change_messages (fixture, inbox, to);
      heard_expect (fixture->store, messages_heard);
      heard_expect (fixture->store, "");
    }
  end (fixture);
}

/* What is not heard yet is heard after the next opening, and nothing twice. */
static void
case_reopened (Fixture *fixture)
{
  if (begin (fixture))
    {
      SatchelMailbox *inbox = fixture_open (fixture, "INBOX"), *to = fixture_open (fixture, "to");
      heard_expect (fixture->store, "CREATE to by background\n");
      change_messages (fixture, inbox, to);
      satchel_mailbox_unref (inbox);
      satchel_mailbox_unref (to);
      fixture_reopen (fixture);
      heard_expect (fixture->store, messages_heard);
      fixture_reopen (fixture);
      heard_expect (fixture->store, "");
    }
  end (fixture);
}

static void
case_names (Fixture *fixture)
{
  if (begin (fixture))
    {
      OK (satchel_store_create (fixture->store, "a", SATCHEL_USE_JUNK, E));
      OK (satchel_store_create (fixture->store, "a/b", 0, E));
      OK (satchel_store_subscribe (fixture->store, "a/b", TRUE, E));
      OK (satchel_store_subscribe (fixture->store, "a/b", TRUE, E));
      OK (satchel_store_rename (fixture->store, "a", "c", E));
      OK (satchel_store_subscribe (fixture->store, "c/b", FALSE, E));
      OK (satchel_store_set_special_use (fixture->store, "c/b", SATCHEL_USE_JUNK, E));
      FAILS (SATCHEL_ERROR_ALREADYEXISTS, satchel_store_create (fixture->store, "c", 0, E));
      OK (satchel_store_delete (fixture->store, "c/b", E));
      heard_expect (fixture->store,
                    "CREATE a by background\nCREATE a/b by background\nSUBSCRIBE a/b by background\n"
                    "RENAME a>c by background\nUNSUBSCRIBE c/b by background\nSPECIAL_USE c/b by background\n"
                    "DELETE c/b by background\n");
      fixture_reopen (fixture);
      heard_expect (fixture->store, "");
    }
  end (fixture);
}

/* Its messages are in the new mailbox; nobody is told that another program moved them. */
static void
case_rename_of_inbox (Fixture *fixture)
{
  if (begin (fixture))
    {
      SatchelMailbox *inbox = fixture_open (fixture, "INBOX");
      fixture_put (fixture, inbox, "one");
      OK (satchel_store_rename (fixture->store, "INBOX", "old", E));
      OK (satchel_mailbox_sync (inbox, E));
      SatchelMailbox *old = fixture_open (fixture, "old");
      fixture_set_flags (fixture, old, 1, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL);
      satchel_mailbox_unref (inbox);
      satchel_mailbox_unref (old);
      fixture_reopen (fixture);
      heard_expect (
          fixture->store,
          "APPEND INBOX 1:?/ by background\nRENAME INBOX>old by background\nFLAGS old 1:/S by background\n");
    }
  end (fixture);
}

/* Nobody listened for a while: what happened is told, if not by whom. */
static void
case_unheard (Fixture *fixture)
{
  if (begin (fixture))
    {
      SatchelMailbox *inbox = fixture_open (fixture, "INBOX");
      fixture_put (fixture, inbox, "one");
      fixture_put (fixture, inbox, "two");
      satchel_mailbox_unref (inbox);
      g_autofree char *before = heard_now (fixture->store);
      satchel_store_set_listeners (NULL, 0);
      fixture_reopen (fixture);
      g_assert_null (fixture->store->core->changes);
      inbox = fixture_open (fixture, "INBOX");
      fixture_expunge (fixture, inbox, 1, 1);
      fixture_set_flags (fixture, inbox, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL);
      fixture_put (fixture, inbox, "three");
      OK (satchel_store_create (fixture->store, "fresh", 0, E));
      satchel_mailbox_unref (inbox);
      satchel_store_set_listeners (&heard_listener, 1);
      fixture_reopen (fixture);
      heard_expect (
          fixture->store,
          "EXPUNGE INBOX 1:?/ by outside\nAPPEND INBOX 3:?/ by outside\nFLAGS INBOX 2:?/S by outside\n"
          "CREATE fresh by outside\n");
    }
  end (fixture);
}

/* One that fails hears the same again, and nothing after it before. */
static void
case_fails (Fixture *fixture)
{
  if (begin (fixture))
    {
      g_autoptr (GError) error = NULL;
      guint wait_ms;
      g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
      fixture_put (fixture, inbox, "one");
      fixture_put (fixture, inbox, "two");
      heard_fails = 1;
      g_assert_false (
          satchel_feed_run (fixture->store, &heard_listener, SATCHEL_FEED_AGAIN, &wait_ms, &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_FAILED);
      g_assert_cmpstr (heard_text->str, ==, "");
      heard_expect (fixture->store, "APPEND INBOX 1:?/ by background\nAPPEND INBOX 2:?/ by background\n");
    }
  end (fixture);
}

/* An operation on many messages comes in pieces, each message once. */
static void
case_many (Fixture *fixture)
{
  if (begin (fixture))
    {
      g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX"), to = fixture_open (fixture, "to");
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      for (guint i = 0; i < 1100; i++)
        satchel_transaction_append (transaction, inbox, fixture_stage (fixture, "a: b\r\n\r\nc\r\n", 11), 0,
                                    NULL, 1700000000);
      OK (satchel_transaction_commit (transaction, E));
      g_autofree char *appended = heard_now (fixture->store);
      g_autoptr (SatchelTransaction) move = satchel_transaction_new (fixture->store);
      g_auto (SatchelUidSet) uids = uid_range (1, 1100);
      satchel_transaction_move (move, inbox, &uids, to);
      OK (satchel_transaction_commit (move, E));
      g_autofree char *moved = heard_now (fixture->store);
      g_auto (GStrv) lines = g_strsplit (moved, "\n", -1);
      g_assert_cmpuint (g_strv_length (lines), ==, 4);
      g_assert_true (g_str_has_prefix (lines[0], "MOVE INBOX>to 1>1:/ 2>2:/ "));
      g_assert_true (g_str_has_prefix (lines[2], "MOVE INBOX>to 1025>1025:/ "));
      g_assert_true (g_str_has_suffix (lines[2], " 1100>1100:/ by background"));
    }
  end (fixture);
}

const ConformanceCase conformance_heard[] = {
  { "messages", case_messages }, { "reopened", case_reopened },
  { "names", case_names },       { "rename-of-inbox", case_rename_of_inbox },
  { "unheard", case_unheard },   { "fails", case_fails },
  { "many", case_many },         { NULL, NULL },
};
