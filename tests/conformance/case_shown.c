/* SPDX-License-Identifier: MIT
 * Flags that are shown otherwise than they are stored, over the layer `shows` of tests/layers: to sessions
 * each message of "shows-Sd" is \Seen and none is \Deleted, and so on.  The case's own handle is the
 * server's, which is shown what is stored.
 */
#include "config.h"

#include "conformance.h"

#define SEEN SATCHEL_FLAG_SEEN
#define DELETED SATCHEL_FLAG_DELETED
#define FLAGGED SATCHEL_FLAG_FLAGGED

/* A mailbox as the server has it, and as a client of its owner sees it. */
typedef struct Sides
{
  SatchelStore *session;
  SatchelMailbox *stored, *shown;
} Sides;

static void
open_sides (Fixture *fixture, const char *name, Sides *sides)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .user = fixture->user,
                                                                            .owner = fixture->user,
                                                                            .service = "test",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  sides->stored = fixture_open (fixture, name);
  sides->session = satchel_store_with_access (fixture->store, access);
  OK ((sides->shown = satchel_store_open_mailbox (sides->session, name, E)) != NULL);
}

static void
close_sides (Sides *sides)
{
  satchel_mailbox_unref (sides->stored);
  satchel_mailbox_unref (sides->shown);
  satchel_store_unref (sides->session);
}

static guint32
flags_of (SatchelMailbox *mailbox, guint32 uid)
{
  SatchelMessageRow row;
  g_assert_true (row_of (mailbox, uid, &row));
  return row.flags;
}

static void
assert_flags (const Sides *sides, guint32 uid, guint32 stored, guint32 shown)
{
  g_assert_cmphex (flags_of (sides->stored, uid), ==, stored);
  g_assert_cmphex (flags_of (sides->shown, uid), ==, shown);
}

static guint32
put (Fixture *fixture, SatchelMailbox *mailbox, guint32 flags, const char *keyword)
{
  const char *const keywords[] = { keyword, NULL };
  return fixture_put_bytes (fixture, mailbox, "Subject: x\r\n\r\nbody\r\n", 20, flags, keywords, 1700000000);
}

/* The counters of the session's snapshot, and those that it gets without one. */
static void
assert_counters (const Sides *sides, const char *name, guint32 n_unseen, guint32 n_deleted)
{
  SatchelMailboxState open = state_of (sides->shown), told;
  OK (satchel_store_status (sides->session, name, &told, E));
  g_assert_cmpuint (open.n_unseen, ==, n_unseen);
  g_assert_cmpuint (told.n_unseen, ==, n_unseen);
  g_assert_cmpuint (open.n_deleted, ==, n_deleted);
  g_assert_cmpuint (told.n_deleted, ==, n_deleted);
  g_assert_cmpuint (told.n_messages, ==, state_of (sides->stored).n_messages);
  g_assert_cmpuint (told.highestmodseq, ==, state_of (sides->stored).highestmodseq);
}

/* Flags, keywords and counters, also when the store was opened anew. */
static void
case_columns (Fixture *fixture)
{
  static const struct
  {
    const char *name;
    guint32 shown[3]; /* of nothing, of \Deleted, of \Seen \Flagged */
    guint32 n_unseen, n_deleted;
    const char *keywords;
  } rows[] = {
    { "shows-Sd", { SEEN, SEEN, SEEN | FLAGGED }, 0, 0, "Key" },
    { "shows-sD", { DELETED, DELETED, FLAGGED | DELETED }, 3, 3, "Key" },
    { "a/shows-k", { 0, DELETED, SEEN | FLAGGED }, 2, 1, "" },
    { "shows-fk", { 0, DELETED, SEEN }, 2, 1, "" },
    { "shows-Ss", { SEEN, SEEN | DELETED, SEEN | FLAGGED }, 0, 1, "Key" },
    { "INBOX", { 0, DELETED, SEEN | FLAGGED }, 2, 1, "Key" },
  };
  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
        {
          Sides sides;
          open_sides (fixture, rows[i].name, &sides);
          if (round == 0)
            {
              put (fixture, sides.stored, 0, NULL);
              put (fixture, sides.stored, DELETED, NULL);
              put (fixture, sides.stored, SEEN | FLAGGED, "Key");
            }
          assert_flags (&sides, 1, 0, rows[i].shown[0]);
          assert_flags (&sides, 2, DELETED, rows[i].shown[1]);
          assert_flags (&sides, 3, SEEN | FLAGGED, rows[i].shown[2]);
          assert_counters (&sides, rows[i].name, rows[i].n_unseen, rows[i].n_deleted);
          g_autofree char *stored = keywords_of (sides.stored, 3), *shown = keywords_of (sides.shown, 3);
          g_assert_cmpstr (stored, ==, "Key");
          g_assert_cmpstr (shown, ==, rows[i].keywords);
          g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (sides.shown);
          g_assert_cmpint (satchel_snapshot_keyword (snapshot, "Key") >= 0, ==, rows[i].keywords[0] != '\0');
          close_sides (&sides);
        }
      fixture_reopen (fixture);
    }
}

/* What a client does with @flags; returns the mod-sequence, 0: nothing was changed. */
static guint64
change (const Sides *sides, SatchelFlagsMode mode, guint32 flags, const char *keyword)
{
  const char *const keywords[] = { keyword, NULL };
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (sides->session);
  g_auto (SatchelUidSet) uids = uid_range (1, 1);
  SatchelOperation *operation =
      satchel_transaction_flags (transaction, sides->shown, &uids, mode, flags, keywords, G_MAXUINT64);
  OK (satchel_transaction_commit (transaction, E));
  return operation->ret_modseq;
}

/* A client changes what it sees; the rest stays as it is stored, which is no error. */
static void
case_kept (Fixture *fixture)
{
  Sides sides;
  gboolean keeps_keywords = FALSE;
  open_sides (fixture, "shows-Sd", &sides);
  put (fixture, sides.stored, DELETED, NULL);
  g_assert_cmphex (satchel_mailbox_permanent_flags (sides.shown, &keeps_keywords), ==,
                   SATCHEL_FLAGS_ALL & ~(guint32) (SEEN | DELETED));
  g_assert_true (keeps_keywords);
  g_assert_cmphex (satchel_mailbox_permanent_flags (sides.stored, &keeps_keywords), ==, SATCHEL_FLAGS_ALL);
  g_assert_cmpuint (change (&sides, SATCHEL_FLAGS_ADD, SEEN, NULL), ==, 0);
  g_assert_cmpuint (change (&sides, SATCHEL_FLAGS_REMOVE, SEEN | DELETED, NULL), ==, 0);
  assert_flags (&sides, 1, DELETED, SEEN);
  g_assert_cmpuint (change (&sides, SATCHEL_FLAGS_REPLACE, SEEN | FLAGGED, "Key"), >, 0);
  assert_flags (&sides, 1, DELETED | FLAGGED, SEEN | FLAGGED);
  g_assert_cmpuint (change (&sides, SATCHEL_FLAGS_REPLACE, 0, NULL), >, 0);
  assert_flags (&sides, 1, DELETED, SEEN);
  close_sides (&sides);
  open_sides (fixture, "shows-k", &sides);
  put (fixture, sides.stored, 0, "Old");
  g_assert_cmphex (satchel_mailbox_permanent_flags (sides.shown, &keeps_keywords), ==, SATCHEL_FLAGS_ALL);
  g_assert_false (keeps_keywords);
  g_assert_cmpuint (change (&sides, SATCHEL_FLAGS_REPLACE, FLAGGED, "New"), >, 0);
  g_autofree char *keywords = keywords_of (sides.stored, 1);
  g_assert_cmpstr (keywords, ==, "Old");
  assert_flags (&sides, 1, FLAGGED, FLAGGED);
  close_sides (&sides);
}

/* A new message of a client does not get what the mailbox does not keep. */
static void
case_appended (Fixture *fixture)
{
  Sides sides;
  open_sides (fixture, "shows-Sdk", &sides);
  Fixture client = *fixture;
  client.store = sides.session;
  put (&client, sides.shown, SEEN | DELETED | FLAGGED, "Key");
  assert_flags (&sides, 1, FLAGGED, SEEN | FLAGGED);
  g_autofree char *keywords = keywords_of (sides.stored, 1);
  g_assert_cmpstr (keywords, ==, "");
  close_sides (&sides);
}

static guint32
expunge (const Sides *sides)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (sides->session);
  g_auto (SatchelUidSet) uids = uid_range (1, 2);
  SatchelOperation *operation = satchel_transaction_expunge (transaction, sides->shown, &uids, TRUE);
  OK (satchel_transaction_commit (transaction, E));
  return (guint32) satchel_uid_set_count (&operation->ret_source);
}

/* EXPUNGE removes neither what looks undeleted nor what only looks deleted. */
static void
case_expunge (Fixture *fixture)
{
  static const char *const names[] = { "shows-d", "shows-D", "shows-S" };
  static const guint32 removed[] = { 0, 1, 1 };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      Sides sides;
      open_sides (fixture, names[i], &sides);
      put (fixture, sides.stored, 0, NULL);
      put (fixture, sides.stored, DELETED, NULL);
      g_assert_cmpuint (expunge (&sides), ==, removed[i]);
      g_assert_cmpuint (state_of (sides.shown).n_messages, ==, 2 - removed[i]);
      g_assert_cmphex (flags_of (sides.stored, 1), ==, 0);
      close_sides (&sides);
    }
}

/* Nothing is \Recent to whoever is not shown it, and no claim takes it from others. */
static void
case_recent (Fixture *fixture)
{
  Sides sides;
  guint32 first = 0;
  SatchelMailboxState told;
  open_sides (fixture, "shows-r", &sides);
  put (fixture, sides.stored, SEEN, NULL);
  put (fixture, sides.stored, 0, NULL);
  g_assert_cmpuint (state_of (sides.stored).first_recent_uid, ==, 1);
  g_assert_cmpuint (state_of (sides.shown).first_recent_uid, ==, 3);
  OK (satchel_store_status (sides.session, "shows-r", &told, E));
  g_assert_cmpuint (told.first_recent_uid, ==, 3);
  assert_flags (&sides, 1, SEEN, SEEN);
  OK (satchel_mailbox_claim_recent (sides.shown, 3, &first, E));
  g_assert_cmpuint (first, ==, 3);
  g_assert_cmpuint (state_of (sides.stored).first_recent_uid, ==, 1);
  close_sides (&sides);
}

static void
copy (const Sides *from, SatchelMailbox *to, gboolean is_move)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (from->session);
  g_auto (SatchelUidSet) uids = uid_range (1, 1);
  if (is_move)
    satchel_transaction_move (transaction, from->shown, &uids, to);
  else
    satchel_transaction_copy (transaction, from->shown, &uids, to);
  OK (satchel_transaction_commit (transaction, E));
}

/* COPY and MOVE, in and out, carry what is stored: there and back a message is as it was. */
static void
case_copies (Fixture *fixture)
{
  for (guint is_move = 0; is_move < 2; is_move++)
    {
      Sides inbox, tree, back;
      open_sides (fixture, is_move ? "from1" : "from0", &inbox);
      open_sides (fixture, is_move ? "1/shows-sDk" : "0/shows-sDk", &tree);
      open_sides (fixture, is_move ? "back1" : "back0", &back);
      put (fixture, inbox.stored, SEEN | FLAGGED, "Key");
      copy (&inbox, tree.shown, is_move);
      assert_flags (&tree, 1, SEEN | FLAGGED, DELETED | FLAGGED);
      copy (&tree, back.shown, is_move);
      assert_flags (&back, 1, SEEN | FLAGGED, SEEN | FLAGGED);
      g_autofree char *keywords = keywords_of (back.shown, 1);
      g_assert_cmpstr (keywords, ==, "Key");
      close_sides (&inbox);
      close_sides (&tree);
      close_sides (&back);
    }
}

/* One snapshot for all who see the same, and none of it made anew that has not changed. */
static void
case_snapshots (Fixture *fixture)
{
  Sides sides, other;
  open_sides (fixture, "shows-S", &sides);
  open_sides (fixture, "shows-S", &other);
  const guint n = SATCHEL_CHUNK_MESSAGES + 1;
  for (guint done = 0; done < n;)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      for (guint i = 0; i < 500 && done < n; i++, done++)
        satchel_transaction_append (transaction, sides.stored, fixture_stage (fixture, "x\r\n", 3), 0, NULL,
                                    1700000000);
      OK (satchel_transaction_commit (transaction, E));
    }
  g_autoptr (SatchelSnapshot) one = satchel_mailbox_snapshot (sides.shown),
                              again = satchel_mailbox_snapshot (sides.shown),
                              others = satchel_mailbox_snapshot (other.shown);
  g_assert_true (one == again && one == others);
  fixture_set_flags (fixture, sides.stored, n, SATCHEL_FLAGS_ADD, SEEN, NULL);
  g_autoptr (SatchelSnapshot) later = satchel_mailbox_snapshot (sides.shown);
  g_assert_true (later != one);
  g_assert_cmpuint (later->n_chunks, ==, one->n_chunks);
  g_assert_true (later->chunks[0] == one->chunks[0]);
  /* The message has a new mod-sequence, since its stored flags have changed, and the flags that it had. */
  SatchelDifference difference;
  satchel_snapshot_compare (one, later, &difference);
  g_assert_cmpuint (difference.changed->len, ==, 1);
  g_assert_cmpuint (g_array_index (difference.changed, guint32, 0), ==, n - 1);
  satchel_difference_clear (&difference);
  assert_flags (&sides, n, SEEN, SEEN);
  assert_counters (&sides, "shows-S", 0, 0);
  fixture_expunge (fixture, sides.stored, 2, n);
  assert_flags (&sides, 1, 0, SEEN);
  close_sides (&other);
  close_sides (&sides);
}

const ConformanceCase conformance_shown[] = { { "columns", case_columns },     { "kept", case_kept },
                                              { "appended", case_appended },   { "expunge", case_expunge },
                                              { "recent", case_recent },       { "copies", case_copies },
                                              { "snapshots", case_snapshots }, { NULL, NULL } };
