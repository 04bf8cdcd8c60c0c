/* SPDX-License-Identifier: MIT
 * What COPY and MOVE say of the copies besides, only_deleted, and metadata of layers.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

#define N_MESSAGES 3u
#define N_MANY 40u

typedef struct Pair
{
  SatchelMailbox *from, *to;
  guint32 uids[N_MESSAGES]; /* the second is \Deleted and \Seen, with the keyword "own" */
} Pair;

static Pair
make_pair (Fixture *fixture)
{
  Pair pair = { .from = fixture_open (fixture, "from"), .to = fixture_open (fixture, "to") };
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      g_autofree char *subject = g_strdup_printf ("message %u", i);
      pair.uids[i] = fixture_put (fixture, pair.from, subject);
    }
  fixture_set_flags (fixture, pair.from, pair.uids[1], SATCHEL_FLAGS_ADD,
                     SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DELETED, "own");
  return pair;
}

static void
end_pair (Pair *pair)
{
  satchel_mailbox_unref (pair->from);
  satchel_mailbox_unref (pair->to);
}

static SatchelOperation *
add_transfer (SatchelTransaction *transaction, SatchelOperationKind kind, SatchelMailbox *from,
              SatchelMailbox *to)
{
  g_auto (SatchelUidSet) all = uid_range (1, G_MAXUINT32);
  return kind == SATCHEL_OPERATION_COPY ? satchel_transaction_copy (transaction, from, &all, to)
                                        : satchel_transaction_move (transaction, from, &all, to);
}

static void
set_text (SatchelOperation *operation, const char *key, const char *text)
{
  g_autoptr (GBytes) value = text != NULL ? g_bytes_new (text, strlen (text)) : NULL;
  satchel_operation_set_metadata (operation, key, value);
}

static void
append_item (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  gsize len;
  const char *text = g_bytes_get_data (value, &len);
  g_string_append_printf (data, "%u %s=%.*s;", uid, key, (int) len, text);
}

/* "1 key=value;": of the @n messages from @first on; yours. */
static char *
metadata_of (SatchelMailbox *mailbox, guint32 first, guint n)
{
  GString *text = g_string_new (NULL);
  g_autofree guint32 *uids = g_new (guint32, n);
  for (guint i = 0; i < n; i++)
    uids[i] = first + i;
  OK (satchel_mailbox_list_metadata (mailbox, uids, n, append_item, text, E));
  return g_string_free (text, FALSE);
}

static void
assert_metadata (SatchelMailbox *mailbox, guint32 first, guint n, const char *expected)
{
  g_autofree char *found = metadata_of (mailbox, first, n);
  g_assert_cmpstr (found, ==, expected);
}

static guint32
put_with (Fixture *fixture, SatchelMailbox *mailbox, const char *key, const char *text)
{
  static const char content[] = "Subject: with metadata\r\n\r\nx\r\n";
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *append = satchel_transaction_append (
      transaction, mailbox, fixture_stage (fixture, content, strlen (content)), 0, NULL, 5);
  set_text (append, key, text);
  OK (satchel_transaction_commit (transaction, E));
  return g_array_index (append->ret_uids, guint32, 0);
}

/* ---- flags and keywords ---- */

static void
check_flags (Fixture *fixture, SatchelOperationKind kind)
{
  Pair pair = make_pair (fixture);
  SatchelMessageRow row;
  guint8 id[16], new_id[16];
  static const char *const added[] = { "kept", NULL };
  OK (satchel_mailbox_email_id (pair.from, pair.uids[1], id, E));
  g_autofree char *before = describe_mailbox (pair.from);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *transfer = add_transfer (transaction, kind, pair.from, pair.to);
  transfer->clear_flags = SATCHEL_FLAG_DELETED | SATCHEL_FLAG_SEEN | SATCHEL_FLAG_DRAFT;
  transfer->flags = SATCHEL_FLAG_SEEN | SATCHEL_FLAG_FLAGGED; /* \Seen in both: set */
  transfer->keywords = g_strdupv ((char **) added);
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (transfer->ret_uids->len, ==, N_MESSAGES);
  if (kind == SATCHEL_OPERATION_COPY)
    {
      g_autofree char *after = describe_mailbox (pair.from);
      g_assert_cmpstr (after, ==, before); /* the messages themselves are as they were */
    }
  else
    g_assert_cmpuint (state_of (pair.from).n_messages, ==, 0);
  const guint32 arrived = g_array_index (transfer->ret_uids, guint32, 1);
  end_pair (&pair);
  fixture_reopen (fixture);
  g_autoptr (SatchelMailbox) to = fixture_open (fixture, "to");
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      g_autofree char *keywords = keywords_of (to, arrived - 1 + i);
      g_assert_true (row_of (to, arrived - 1 + i, &row));
      g_assert_cmpuint (row.flags, ==, SATCHEL_FLAG_SEEN | SATCHEL_FLAG_FLAGGED);
      g_assert_cmpstr (keywords, ==, i == 1 ? "kept own" : "kept");
    }
  g_assert_cmpuint (state_of (to).n_unseen, ==, 0);
  g_assert_cmpuint (state_of (to).n_deleted, ==, 0);
  OK (satchel_mailbox_email_id (to, arrived, new_id, E));
  g_assert_cmpmem (id, sizeof id, new_id, sizeof new_id);
}

static void
case_copy_flags (Fixture *fixture)
{
  check_flags (fixture, SATCHEL_OPERATION_COPY);
}

static void
case_move_flags (Fixture *fixture)
{
  check_flags (fixture, SATCHEL_OPERATION_MOVE);
}

/* Without those of the message, but with those of the operation. */
static void
case_clear_keywords (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  static const char *const added[] = { "kept", NULL };
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *copy = add_transfer (transaction, SATCHEL_OPERATION_COPY, pair.from, pair.to);
  copy->clear_keywords = TRUE;
  copy->keywords = g_strdupv ((char **) added);
  SatchelOperation *move = add_transfer (transaction, SATCHEL_OPERATION_MOVE, pair.from, pair.to);
  move->clear_keywords = TRUE;
  OK (satchel_transaction_commit (transaction, E));
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      g_autofree char *copied = keywords_of (pair.to, g_array_index (copy->ret_uids, guint32, i));
      g_autofree char *moved = keywords_of (pair.to, g_array_index (move->ret_uids, guint32, i));
      g_assert_cmpstr (copied, ==, "kept");
      g_assert_cmpstr (moved, ==, "");
    }
  end_pair (&pair);
}

/* A keyword that has no room does not keep the message back. */
static void
case_keyword_without_room (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  static const char *const added[] = { "kept", NULL };
  guint32 full = fixture_put (fixture, pair.to, "full");
  satchel_keywords_set_limit (FEW_KEYWORDS);
  for (guint k = 0; k < FEW_KEYWORDS; k++)
    {
      g_autofree char *name = g_strdup_printf ("full%u", k);
      fixture_set_flags (fixture, pair.to, full, SATCHEL_FLAGS_ADD, 0, name);
    }
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *copy = add_transfer (transaction, SATCHEL_OPERATION_COPY, pair.from, pair.to);
  copy->keywords = g_strdupv ((char **) added);
  OK (satchel_transaction_commit (transaction, E));
  g_autofree char *keywords = keywords_of (pair.to, full + 1);
  g_assert_cmpstr (keywords, ==, "");
  g_assert_cmpuint (state_of (pair.to).n_messages, ==, N_MESSAGES + 1);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
  end_pair (&pair);
}

/* Keywords that no client could have set fail it, and nothing is done. */
static void
case_bad_keyword (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  static const char *const bad[] = { "good", "b d", NULL };
  g_autofree char *before = describe_mailbox (pair.to);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *copy = add_transfer (transaction, SATCHEL_OPERATION_COPY, pair.from, pair.to);
  copy->keywords = g_strdupv ((char **) bad);
  FAILS (SATCHEL_ERROR_INVALID, satchel_transaction_commit (transaction, E));
  g_autofree char *after = describe_mailbox (pair.to);
  g_assert_cmpstr (after, ==, before);
  end_pair (&pair);
}

/* ---- only_deleted ---- */

static void
check_only_deleted (Fixture *fixture, SatchelOperationKind kind)
{
  Pair pair = make_pair (fixture);
  const gboolean moves = kind == SATCHEL_OPERATION_MOVE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *transfer = add_transfer (transaction, kind, pair.from, pair.to);
  transfer->only_deleted = TRUE;
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (satchel_uid_set_count (&transfer->ret_source), ==, 1);
  g_assert_true (satchel_uid_set_contains (&transfer->ret_source, pair.uids[1]));
  g_assert_cmpuint (transfer->ret_uids->len, ==, 1);
  g_assert_cmpuint (state_of (pair.to).n_messages, ==, 1);
  g_assert_cmpuint (state_of (pair.from).n_messages, ==, moves ? N_MESSAGES - 1 : N_MESSAGES);
  end_pair (&pair);
}

static void
case_copy_only_deleted (Fixture *fixture)
{
  check_only_deleted (fixture, SATCHEL_OPERATION_COPY);
}

static void
case_move_only_deleted (Fixture *fixture)
{
  check_only_deleted (fixture, SATCHEL_OPERATION_MOVE);
}

/* What is un-deleted before it in the commit stays; what is deleted before it goes. */
static void
case_undeleted_before (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  g_auto (SatchelUidSet) second = uid_range (pair.uids[1], pair.uids[1]);
  g_auto (SatchelUidSet) third = uid_range (pair.uids[2], pair.uids[2]);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  satchel_transaction_flags (transaction, pair.from, &second, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_DELETED,
                             NULL, G_MAXUINT64);
  satchel_transaction_flags (transaction, pair.from, &third, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL,
                             G_MAXUINT64);
  SatchelOperation *move = add_transfer (transaction, SATCHEL_OPERATION_MOVE, pair.from, pair.to);
  move->only_deleted = TRUE;
  OK (satchel_transaction_commit (transaction, E));
  SatchelMessageRow row;
  g_assert_true (row_of (pair.from, pair.uids[1], &row));
  g_assert_false (row_of (pair.from, pair.uids[2], &row));
  g_assert_cmpuint (move->ret_uids->len, ==, 1);
  end_pair (&pair);
}

static void
case_only_deleted_nothing (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) from = fixture_open (fixture, "from");
  g_autoptr (SatchelMailbox) to = fixture_open (fixture, "to");
  fixture_put (fixture, from, "stays");
  g_autofree char *before = describe_mailbox (to);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  SatchelOperation *move = add_transfer (transaction, SATCHEL_OPERATION_MOVE, from, to);
  move->only_deleted = TRUE;
  OK (satchel_transaction_commit (transaction, E));
  g_autofree char *after = describe_mailbox (to);
  g_assert_cmpstr (after, ==, before);
  g_assert_cmpuint (move->ret_modseq, ==, 0);
  g_assert_cmpuint (state_of (from).n_messages, ==, 1);
}

/* ---- metadata ---- */

static void
case_metadata_of_append (Fixture *fixture)
{
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  guint32 plain = fixture_put (fixture, mailbox, "plain");
  guint32 uid = put_with (fixture, mailbox, "from", "here");
  assert_metadata (mailbox, plain, 2, "2 from=here;");
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_metadata (mailbox, plain, 2, "2 from=here;");
  fixture_expunge (fixture, mailbox, uid, uid);
  assert_metadata (mailbox, plain, 2, "");
  satchel_mailbox_unref (mailbox);
}

/* A copy has what its original has, and what the operation says; the original is as it was. */
static void
case_metadata_of_copies (Fixture *fixture)
{
  SatchelMailbox *from = fixture_open (fixture, "from"), *to = fixture_open (fixture, "to");
  guint32 uid = put_with (fixture, from, "gone", "1");
  g_autoptr (SatchelTransaction) copying = satchel_transaction_new (fixture->store);
  SatchelOperation *copy = add_transfer (copying, SATCHEL_OPERATION_COPY, from, to);
  set_text (copy, "who", "anna");
  set_text (copy, "a", "first");
  set_text (copy, "a", "later");
  OK (satchel_transaction_commit (copying, E));
  assert_metadata (to, 1, 1, "1 a=later;1 gone=1;1 who=anna;");
  assert_metadata (from, uid, 1, "1 gone=1;");
  g_autoptr (SatchelTransaction) moving = satchel_transaction_new (fixture->store);
  SatchelOperation *move = add_transfer (moving, SATCHEL_OPERATION_MOVE, to, from);
  set_text (move, "gone", NULL);
  set_text (move, "never there", NULL);
  OK (satchel_transaction_commit (moving, E));
  assert_metadata (from, uid, 2, "1 gone=1;2 a=later;2 who=anna;");
  assert_metadata (to, 1, 1, "");
  satchel_mailbox_unref (from);
  satchel_mailbox_unref (to);
  fixture_reopen (fixture);
  from = fixture_open (fixture, "from");
  assert_metadata (from, uid, 2, "1 gone=1;2 a=later;2 who=anna;");
  satchel_mailbox_unref (from);
}

/* "1 @text;" of each of @n messages from @first on; yours. */
static char *
expected_of_many (guint32 first, guint n, const char *text)
{
  GString *expected = g_string_new (NULL);
  for (guint32 uid = first; uid < first + n; uid++)
    g_string_append_printf (expected, "%u %s;", uid, text);
  return g_string_free (expected, FALSE);
}

/* What one operation says is of each of its copies, and of no other message, whichever of them go. */
static void
case_metadata_of_many (Fixture *fixture)
{
  SatchelMailbox *from = fixture_open (fixture, "from"), *to = fixture_open (fixture, "to");
  put_with (fixture, from, "who", "nobody");
  put_with (fixture, from, "own", "x");
  for (guint i = 2; i < N_MANY; i++)
    fixture_put (fixture, from, "one of many");
  fixture_put (fixture, to, "without");
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SatchelTransaction) copying = satchel_transaction_new (fixture->store);
      set_text (add_transfer (copying, SATCHEL_OPERATION_COPY, from, to), "who", i == 0 ? "anna" : "bert");
      OK (satchel_transaction_commit (copying, E));
    }
  assert_metadata (to, 1, 4, "2 who=anna;3 own=x;3 who=anna;4 who=anna;");
  fixture_expunge (fixture, to, 1, 4);
  fixture_expunge (fixture, to, 6, 1 + N_MANY - 1);
  satchel_mailbox_unref (from);
  satchel_mailbox_unref (to);
  fixture_reopen (fixture);
  from = fixture_open (fixture, "from");
  to = fixture_open (fixture, "to");
  assert_metadata (to, 1, N_MANY + 4, "5 who=anna;41 who=anna;42 who=bert;43 own=x;43 who=bert;44 who=bert;");
  g_autofree char *later = expected_of_many (N_MANY + 4, N_MANY - 2, "who=bert");
  assert_metadata (to, N_MANY + 4, N_MANY + 10, later);
  fixture_expunge (fixture, from, 1, N_MANY);
  g_autoptr (SatchelTransaction) moving = satchel_transaction_new (fixture->store);
  set_text (add_transfer (moving, SATCHEL_OPERATION_MOVE, to, from), "since", "now");
  OK (satchel_transaction_commit (moving, E));
  assert_metadata (to, 1, 2 * N_MANY + 2, "");
  assert_metadata (from, 1, N_MANY + 4,
                   "41 since=now;41 who=anna;42 since=now;42 who=anna;43 since=now;43 who=bert;44 own=x;44 "
                   "since=now;44 who=bert;");
  fixture_expunge (fixture, from, 1, G_MAXUINT32 - 1);
  fixture_put (fixture, to, "without");
  assert_metadata (to, 1, 2 * N_MANY + 4, "");
  satchel_mailbox_unref (from);
  satchel_mailbox_unref (to);
}

static void
case_metadata_within_transaction (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) from = fixture_open (fixture, "from");
  g_autoptr (SatchelMailbox) over = fixture_open (fixture, "over");
  g_autoptr (SatchelMailbox) to = fixture_open (fixture, "to");
  put_with (fixture, from, "k", "v");
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  set_text (add_transfer (transaction, SATCHEL_OPERATION_MOVE, from, over), "first", "step");
  set_text (add_transfer (transaction, SATCHEL_OPERATION_MOVE, over, to), "second", "step");
  OK (satchel_transaction_commit (transaction, E));
  g_assert_cmpuint (state_of (over).n_messages, ==, 0);
  assert_metadata (to, 1, 1, "1 first=step;1 k=v;1 second=step;");
}

static void
case_metadata_too_long (Fixture *fixture)
{
  Pair pair = make_pair (fixture);
  g_autofree char *before = describe_mailbox (pair.from);
  g_autofree char *longest = g_strnfill (SATCHEL_METADATA_BYTES, 'v'),
                  *longer = g_strnfill (SATCHEL_METADATA_BYTES + 1, 'v');
  g_autofree char *key = g_strnfill (256, 'k');
  const char *const keys[] = { "k", key, "" }, *const values[] = { longer, "v", "v" };
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
      set_text (add_transfer (transaction, SATCHEL_OPERATION_MOVE, pair.from, pair.to), keys[i], values[i]);
      FAILS (SATCHEL_ERROR_LIMIT, satchel_transaction_commit (transaction, E));
    }
  g_autofree char *after = describe_mailbox (pair.from);
  g_assert_cmpstr (after, ==, before);
  g_assert_cmpuint (state_of (pair.to).n_messages, ==, 0);
  guint32 uid = put_with (fixture, pair.to, key + 1, longest);
  g_autofree char *expected = g_strdup_printf ("%u %s=%s;", uid, key + 1, longest);
  assert_metadata (pair.to, uid, 1, expected);
  end_pair (&pair);
}

/* What fails leaves nothing behind, for whoever gets its UIDs. */
static void
case_metadata_of_what_failed (Fixture *fixture)
{
  SatchelMailbox *mailbox = fixture_open (fixture, "INBOX");
  fixture_put (fixture, mailbox, "one");
  g_auto (SatchelUidSet) all = uid_range (1, G_MAXUINT32);
  const char *const many[] = { "a", "b", NULL };
  satchel_keywords_set_limit (1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (fixture->store);
  set_text (add_transfer (transaction, SATCHEL_OPERATION_COPY, mailbox, mailbox), "k", "v");
  satchel_transaction_flags (transaction, mailbox, &all, SATCHEL_FLAGS_ADD, 0, many, G_MAXUINT64);
  FAILS (SATCHEL_ERROR_LIMIT, satchel_transaction_commit (transaction, E));
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
  guint32 uid = fixture_put (fixture, mailbox, "two");
  assert_metadata (mailbox, 1, uid + 2, "");
  satchel_mailbox_unref (mailbox);
  fixture_reopen (fixture);
  mailbox = fixture_open (fixture, "INBOX");
  assert_metadata (mailbox, 1, uid + 2, "");
  satchel_mailbox_unref (mailbox);
}

const ConformanceCase conformance_fields[] = {
  { "copy-flags", case_copy_flags },
  { "move-flags", case_move_flags },
  { "clear-keywords", case_clear_keywords },
  { "keyword-without-room", case_keyword_without_room },
  { "bad-keyword", case_bad_keyword },
  { "copy-only-deleted", case_copy_only_deleted },
  { "move-only-deleted", case_move_only_deleted },
  { "undeleted-before", case_undeleted_before },
  { "only-deleted-nothing", case_only_deleted_nothing },
  { "metadata-of-append", case_metadata_of_append },
  { "metadata-of-copies", case_metadata_of_copies },
  { "metadata-of-many", case_metadata_of_many },
  { "metadata-within-transaction", case_metadata_within_transaction },
  { "metadata-too-long", case_metadata_too_long },
  { "metadata-of-what-failed", case_metadata_of_what_failed },
  { NULL, NULL },
};
