/* SPDX-License-Identifier: MIT
 * The change log: its frames, what a process that ended in the middle leaves of it, its bounds, and cursors.
 * Over the driver `memory`, whose files are cut and damaged as a crash or a disk would.
 */
#include "config.h"

#include "core/storage/change_log/changes.h"
#include "memory.h"
#include "tests/lib/heard.h"
#include "tests/lib/keeper.h"

#include <satchel/module.h>

static guint n_users;
static char *user_path;
static SatchelStorageOps ops; /* memory's, of which tests replace some */
static gboolean commit_fails;
static gint writes_fail;

static const SatchelStorageOps *
memory_ops (void)
{
  return satchel_module ()->provides[0].ops;
}

static void
commit_or_fail (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  if (!commit_fails)
    memory_ops ()->commit (storage, transactions, n, results);
  for (guint i = 0; commit_fails && i < n; i++)
    satchel_error_set (&results[i], SATCHEL_ERROR_NOSPACE, "the disk is full");
}

static gboolean
write_or_fail (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
               GBytes *data, SatchelFileWrite how, GError **error)
{
  if (g_atomic_int_get (&writes_fail) != 0)
    return satchel_error_set (error, SATCHEL_ERROR_NOSPACE, "the disk is full");
  return memory_ops ()->write_file (storage, access, name, offset, data, how, error);
}

static gboolean
fail_to_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_NOSPACE, "the disk is full");
}

static SatchelStore *
open_store (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_SESSION,
                                                                            .owner = "u@example.org",
                                                                            .user = "u@example.org",
                                                                            .service = "imap",
                                                                            .session_id = "s1",
                                                                            .peer = "192.0.2.1",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  SatchelStoreLevel level = { "memory", &ops, NULL };
  SatchelStoreOpenOptions options = { .user = "u@example.org",
                                      .path = user_path,
                                      .root_fd = -1,
                                      .access = access,
                                      .levels = &level,
                                      .n_levels = 1 };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

/* A new user, whose store is open. */
static SatchelStore *
begin (void)
{
  user_path = g_strdup_printf ("example.org/changes%u", ++n_users);
  ops = *memory_ops ();
  ops.commit = commit_or_fail;
  ops.write_file = write_or_fail;
  commit_fails = FALSE;
  writes_fail = 0;
  heard_begin ();
  SatchelStore *store = open_store ();
  heard_expect (store, "RESYNC  by background\n");
  return store;
}

static void
end (SatchelStore *store)
{
  satchel_store_unref (store);
  heard_end ();
  satchel_feed_set_bounds (8u << 20, 7 * 86400);
  g_clear_pointer (&user_path, g_free);
}

static SatchelMailbox *
open_box (SatchelStore *store, const char *name)
{
  g_autoptr (GError) error = NULL;
  if (strcmp (name, "INBOX") != 0)
    satchel_store_create (store, name, 0, NULL);
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &error);
  g_assert_no_error (error);
  return mailbox;
}

static void
add_append (SatchelTransaction *transaction, SatchelStore *store, SatchelMailbox *mailbox, const char *text)
{
  g_autoptr (GError) error = NULL;
  SatchelStage *stage = satchel_stage_new (store, 0, &error);
  g_assert_true (satchel_stage_write (stage, text, strlen (text), &error));
  g_assert_true (satchel_stage_finish (stage, &error));
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, 1700000000);
}

static gboolean
put (SatchelStore *store, SatchelMailbox *mailbox, const char *text)
{
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  add_append (transaction, store, mailbox, text);
  return satchel_transaction_commit (transaction, NULL);
}

static SatchelUidSet
range (guint32 first, guint32 last)
{
  SatchelUidSet set = { NULL, 0 };
  satchel_uid_set_add (&set, first, last);
  return set;
}

static void
set_flags (SatchelStore *store, SatchelMailbox *mailbox, guint32 uid, guint32 flags)
{
  g_auto (SatchelUidSet) uids = range (uid, uid);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_flags (transaction, mailbox, &uids, SATCHEL_FLAGS_ADD, flags, NULL, G_MAXUINT64);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
}

/* ---- files ---- */

static GHashTable *
files_of (SatchelStore *store)
{
  return ((MemoryUser *) store->core->levels[0].self)->files;
}

static GByteArray *
log_file (SatchelStore *store)
{
  return g_hash_table_lookup (files_of (store),
                              (store->core->changes->generation & 1) != 0 ? "changes-1" : "changes-0");
}

/* Where the last frame of @kind begins. */
static guint
last_frame (SatchelStore *store, SatchelFrameKind kind)
{
  const GByteArray *file = log_file (store);
  guint found = 0;
  SatchelFrame frame;
  for (guint at = 0;
       at < file->len && satchel_frame_check (file->data + at, file->len - at, &frame) == SATCHEL_FRAME_OK;
       at += frame.len)
    if (frame.kind == kind)
      found = at;
  g_assert_cmpuint (found, >, 0);
  return found;
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

/* ---- frames ---- */

static GBytes *
make_frame (void)
{
  static const char *const names[] = { "b", "a", "A" };
  g_autoptr (SatchelChangeSet) set = satchel_change_set_new ();
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_DELIVERY,
                                                                            .user = "a@b",
                                                                            .service = "lmtp",
                                                                            .session_id = "id",
                                                                            .peer = "local",
                                                                            .client_name = "mta",
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  SatchelChangeNote *note = satchel_change_set_add (set, SATCHEL_CHANGE_MOVE, access);
  note->change.modseq = 5000000000;
  note->change.is_continued = TRUE;
  note->change.mailbox = (SatchelChangedMailbox) { "INBOX", { 1, 2, 3 }, 77, SATCHEL_USE_TRASH };
  note->change.destination = (SatchelChangedMailbox) { "to/x", { 4, 5, 6 }, 78, 0 };
  SatchelChangedMessage message = { 7,
                                    8,
                                    TRUE,
                                    SATCHEL_FLAG_SEEN,
                                    SATCHEL_FLAG_DRAFT,
                                    satchel_change_set_keywords (set, names, 1),
                                    satchel_change_set_keywords (set, names, 3) };
  guint32 mark = 99;
  g_array_append_val (note->messages, message);
  g_array_append_val (note->marks, mark);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (satchel_change_row_free);
  SatchelChangeRow *row = satchel_change_row_new ("INBOX");
  row->uidnext = 9;
  row->modseq = 12;
  row->exists = TRUE;
  g_ptr_array_add (rows, row);
  return satchel_frame_write (&(SatchelFrame) { SATCHEL_FRAME_CHANGES, 3, 40, 1000, 0 }, set, rows);
}

static void
test_frame (void)
{
  g_autoptr (GBytes) bytes = make_frame ();
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  SatchelFrame frame;
  g_assert_cmpint (satchel_frame_check (data, len, &frame), ==, SATCHEL_FRAME_OK);
  g_assert_cmpuint (frame.len, ==, len);
  g_assert_cmpuint (frame.generation, ==, 3);
  g_autoptr (SatchelChangeSet) set = satchel_change_set_new ();
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (satchel_change_row_free);
  g_assert_true (satchel_frame_read (data, &frame, "owner@b", set, rows));
  const SatchelChange *change = &((SatchelChangeNote *) set->notes->pdata[0])->change;
  g_assert_cmpuint (change->sequence, ==, 40);
  g_assert_cmpuint (change->modseq, ==, 5000000000);
  g_assert_true (change->is_continued);
  g_assert_cmpstr (change->mailbox.name, ==, "INBOX");
  g_assert_cmpuint (change->mailbox.special_use, ==, SATCHEL_USE_TRASH);
  g_assert_cmpuint (change->destination.uidvalidity, ==, 78);
  g_assert_cmpuint (change->destination.id[2], ==, 6);
  g_assert_cmpuint (change->n_messages, ==, 1);
  g_assert_cmpuint (change->messages[0].new_uid, ==, 8);
  g_assert_cmpuint (change->messages[0].flags_before, ==, SATCHEL_FLAG_SEEN);
  g_assert_cmpstr (change->messages[0].keywords_before[0], ==, "b");
  g_assert_cmpstr (change->messages[0].keywords[0], ==, "a");
  g_assert_cmpstr (change->messages[0].keywords[1], ==, "b");
  g_assert_null (change->messages[0].keywords[2]);
  g_assert_cmpint (change->access->cause, ==, SATCHEL_CAUSE_DELIVERY);
  g_assert_cmpstr (change->access->owner, ==, "owner@b");
  g_assert_cmpstr (change->access->client_name, ==, "mta");
  g_assert_cmpuint (((SatchelChangeRow *) rows->pdata[0])->modseq, ==, 12);
}

/* What is cut off, or has one bit turned, is never taken for whole. */
static void
test_frame_damage (void)
{
  g_autoptr (GBytes) bytes = make_frame ();
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  SatchelFrame frame;
  g_autofree guint8 *copy = g_memdup2 (data, len);
  for (gsize i = 0; i < len; i++)
    {
      g_assert_cmpint (satchel_frame_check (data, i, &frame), ==, SATCHEL_FRAME_SHORT);
      copy[i] ^= 0x10;
      g_assert_cmpint (satchel_frame_check (copy, len, &frame), !=, SATCHEL_FRAME_OK);
      /* Where the checksum is right by chance, or made so, reading is bounded all the same. */
      g_autoptr (SatchelChangeSet) set = satchel_change_set_new ();
      if (i >= SATCHEL_CHANGE_HEAD_BYTES)
        satchel_frame_read (copy, &(SatchelFrame) { SATCHEL_FRAME_CHANGES, 3, 40, 1000, len }, "o", set,
                            NULL);
      copy[i] ^= 0x10;
    }
}

/* ---- a process that ends ---- */

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

/* The tail may end anywhere. */
static void
test_torn_tail (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  put (store, inbox, "one");
  g_autofree char *before = heard_now (store);
  put (store, inbox, "the second");
  satchel_mailbox_unref (inbox);
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  g_byte_array_append (whole, log_file (store)->data, log_file (store)->len);
  g_autoptr (GBytes) cursor = NULL;
  const GByteArray *kept = g_hash_table_lookup (files_of (store), "cursor-heard");
  cursor = g_bytes_new (kept->data, kept->len);
  guint intent = last_frame (store, SATCHEL_FRAME_INTENT), last = last_frame (store, SATCHEL_FRAME_CHANGES);
  for (guint cut = intent; cut < whole->len; cut++)
    {
      GByteArray *file = log_file (store);
      g_byte_array_set_size (file, 0);
      g_byte_array_append (file, whole->data, cut);
      file = g_hash_table_lookup (files_of (store), "cursor-heard");
      g_byte_array_set_size (file, 0);
      g_byte_array_append (file, g_bytes_get_data (cursor, NULL), (guint) g_bytes_get_size (cursor));
      satchel_store_unref (store);
      store = open_store ();
      heard_last = 0;
      heard_expect (store, cut < last ? "APPEND INBOX 2:?/ by outside\n" : "APPEND INBOX 2:?/ by session\n");
    }
  end (store);
}

/* ---- damage and bounds ---- */

static void
test_damaged (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  for (guint i = 0; i < 5; i++)
    put (store, inbox, "x");
  satchel_mailbox_unref (inbox);
  GByteArray *file = log_file (store);
  file->data[file->len / 2] ^= 1;
  satchel_store_unref (store);
  store = open_store ();
  g_autofree char *heard = heard_now (store);
  g_assert_nonnull (strstr (heard, "RESYNC"));
  inbox = open_box (store, "INBOX");
  put (store, inbox, "y");
  heard_expect (store, "APPEND INBOX 6:?/ by session\n");
  /* And the whole of it. */
  GHashTableIter iter;
  gpointer value;
  satchel_mailbox_unref (inbox);
  g_hash_table_iter_init (&iter, files_of (store));
  while (g_hash_table_iter_next (&iter, NULL, &value))
    memset (((GByteArray *) value)->data, 'z', ((GByteArray *) value)->len);
  satchel_store_unref (store);
  store = open_store ();
  heard_last = 0;
  g_autofree char *again = heard_now (store);
  g_assert_nonnull (strstr (again, "RESYNC"));
  end (store);
}

static void
test_bound (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  satchel_mailbox_unref (inbox);
  satchel_store_unref (store);
  satchel_feed_set_bounds (65536, 7 * 86400);
  store = open_store ();
  inbox = open_box (store, "INBOX");
  put (store, inbox, "x");
  for (guint i = 0; i < 500; i++)
    {
      g_auto (SatchelUidSet) uids = range (1, 1);
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
      satchel_transaction_flags (transaction, inbox, &uids,
                                 i % 2 == 0 ? SATCHEL_FLAGS_ADD : SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_SEEN,
                                 NULL, G_MAXUINT64);
      g_assert_true (satchel_transaction_commit (transaction, NULL));
      guint64 total = 0;
      for (guint n = 0; n < 2; n++)
        {
          const GByteArray *file = g_hash_table_lookup (files_of (store), n == 0 ? "changes-0" : "changes-1");
          total += file != NULL ? file->len : 0;
        }
      g_assert_cmpuint (total, <, 65536 + 2048);
    }
  g_assert_cmpuint (store->core->changes->oldest_generation, ==, store->core->changes->generation - 1);
  heard_expect (store, "RESYNC  by background\n");
  set_flags (store, inbox, 1, SATCHEL_FLAG_FLAGGED);
  heard_expect (store, "FLAGS INBOX 1:/F by session\n");
  /* By age, too. */
  guint64 generation = store->core->changes->generation;
  store->core->changes->began -= 4 * 86400;
  set_flags (store, inbox, 1, SATCHEL_FLAG_DRAFT);
  g_assert_cmpuint (store->core->changes->generation, ==, generation + 1);
  heard_expect (store, "FLAGS INBOX 1:F/FD by session\n");
  satchel_mailbox_unref (inbox);
  end (store);
}

/* A reader that is in the older file goes on into the newer one, and misses nothing. */
static void
test_over_the_end_of_a_file (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  for (guint i = 0; i < 6; i++)
    {
      put (store, inbox, "x");
      store->core->changes->began -= i % 3 == 2 ? 4 * 86400 : 0;
    }
  heard_expect (store,
                "APPEND INBOX 1:?/ by session\nAPPEND INBOX 2:?/ by session\nAPPEND INBOX 3:?/ by session\n"
                "APPEND INBOX 4:?/ by session\nAPPEND INBOX 5:?/ by session\nAPPEND INBOX 6:?/ by session\n");
  satchel_mailbox_unref (inbox);
  end (store);
}

/* The same where the process ended meanwhile, whichever of the two files is the newer one. */
static void
test_reopened_over_the_end_of_a_file (void)
{
  for (guint n_before = 0; n_before < 2; n_before++)
    {
      SatchelStore *store = begin ();
      SatchelMailbox *inbox = open_box (store, "INBOX");
      for (guint i = 0; i < n_before; i++)
        {
          store->core->changes->began -= 4 * 86400;
          put (store, inbox, "x");
        }
      g_autofree char *before = heard_now (store);
      put (store, inbox, "y");
      store->core->changes->began -= 4 * 86400;
      put (store, inbox, "z");
      satchel_mailbox_unref (inbox);
      satchel_store_unref (store);
      store = open_store ();
      g_autofree char *expected = g_strdup_printf (
          "APPEND INBOX %u:?/ by session\nAPPEND INBOX %u:?/ by session\n", n_before + 1, n_before + 2);
      heard_expect (store, expected);
      end (store);
    }
}

/* What is longer than one read: the head of a file that lists many mailboxes, and a change of many messages
 * with long keywords. */
static void
test_long_frames (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  g_autofree char *filler = g_strnfill (180, 'n');
  for (guint i = 0; i < 500; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s%u", filler, i);
      g_assert_true (satchel_store_create (store, name, 0, NULL));
    }
  for (guint i = 0; i < 1000; i++)
    put (store, inbox, "x");
  g_autofree char *before = heard_now (store);
  store->core->changes->began -= 4 * 86400;
  put (store, inbox, "x");
  g_autofree char *keyword = g_strnfill (128, 'k');
  const char *const keywords[] = { keyword, NULL };
  g_auto (SatchelUidSet) uids = range (1, 1000);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_flags (transaction, inbox, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, keywords,
                             G_MAXUINT64);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  g_clear_pointer (&transaction, satchel_transaction_free);
  satchel_mailbox_unref (inbox);
  satchel_store_unref (store);
  store = open_store ();
  g_autofree char *text = heard_now (store);
  g_assert_null (strstr (text, "RESYNC"));
  g_assert_true (g_str_has_prefix (text, "APPEND INBOX 1001:?/ by session\nFLAGS INBOX 1:/S+kkk"));
  g_autofree char *last = g_strdup_printf (" 1000:/S+%s by session\n", keyword);
  g_assert_true (g_str_has_suffix (text, last));
  end (store);
}

/* While nobody listened there was no log: what changed is found by comparing, be it mail, flags only, or a
 * mailbox that was made anew. */
static void
change_unheard (void (*change) (SatchelStore *store, SatchelMailbox *mailbox), const char *expected)
{
  SatchelStore *store = begin ();
  SatchelMailbox *box = open_box (store, "box");
  put (store, box, "one");
  put (store, box, "two");
  g_autofree char *before = heard_now (store);
  satchel_mailbox_unref (box);
  satchel_store_unref (store);
  satchel_store_set_listeners (NULL, 0);
  store = open_store ();
  box = satchel_store_open_mailbox (store, "box", NULL);
  change (store, box);
  satchel_mailbox_unref (box);
  satchel_store_unref (store);
  satchel_store_set_listeners (&heard_listener, 1);
  store = open_store ();
  heard_expect (store, expected);
  end (store);
}

static void
change_flags (SatchelStore *store, SatchelMailbox *mailbox)
{
  set_flags (store, mailbox, 2, SATCHEL_FLAG_FLAGGED);
}

static void
change_mail (SatchelStore *store, SatchelMailbox *mailbox)
{
  put (store, mailbox, "three");
}

static void
change_nothing (SatchelStore *store, SatchelMailbox *mailbox)
{
}

static void
test_unheard (void)
{
  change_unheard (change_nothing, "");
  change_unheard (change_flags, "FLAGS box 2:?/F by outside\n");
  change_unheard (change_mail, "APPEND box 3:?/ by outside\n");
}

static void
test_disk_full (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  writes_fail = 1;
  g_assert_true (put (store, inbox, "one"));
  set_flags (store, inbox, 1, SATCHEL_FLAG_SEEN);
  writes_fail = 0;
  heard_expect (store, "");
  set_flags (store, inbox, 1, SATCHEL_FLAG_FLAGGED);
  heard_expect (store, "RESYNC  by background\n");
  set_flags (store, inbox, 1, SATCHEL_FLAG_DRAFT);
  heard_expect (store, "FLAGS INBOX 1:SF/SFD by session\n");
  satchel_mailbox_unref (inbox);
  end (store);
}

/* ---- cursors ---- */

static void
test_cursor_damaged (void)
{
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  put (store, inbox, "x");
  g_autofree char *before = heard_now (store);
  put (store, inbox, "y");
  GByteArray *cursor = g_hash_table_lookup (files_of (store), "cursor-heard");
  cursor->data[cursor->len / 2] ^= 1;
  heard_expect (store, "RESYNC  by background\n");
  put (store, inbox, "z");
  heard_expect (store, "APPEND INBOX 3:?/ by session\n");
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

/* ---- layers ---- */

static SatchelStore *
open_with_layer (const SatchelStorageOps *layer)
{
  g_autoptr (GError) error = NULL;
  SatchelStoreLevel levels[] = { { "layer", layer, NULL }, { "memory", &ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = user_path, .root_fd = -1, .levels = levels, .n_levels = 2
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

/* Nobody hears what a layer keeps for itself, now or after the next opening. */
static void
test_hidden_by_a_layer (void)
{
  SatchelStore *store = begin ();
  satchel_store_unref (store);
  store = open_with_layer (&keeper_ops);
  SatchelMailbox *inbox = open_box (store, "INBOX");
  put (store, inbox, "x");
  g_auto (SatchelUidSet) uids = range (1, 1);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_expunge (transaction, inbox, &uids, FALSE);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  g_clear_pointer (&transaction, satchel_transaction_free);
  heard_expect (store, "APPEND INBOX 1:?/ by background\nEXPUNGE INBOX 1:/ by background\n");
  satchel_mailbox_unref (inbox);
  satchel_store_unref (store);
  store = open_with_layer (&keeper_ops);
  heard_expect (store, "");
  end (store);
}

static SatchelOperationKind added_kind;

static gboolean
adder_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  const SatchelOperation *own = satchel_transaction_operation (transaction, 0);
  g_auto (SatchelUidSet) uids = range (1, 1);
  SatchelStorageMailbox *to =
      added_kind == SATCHEL_OPERATION_COPY || added_kind == SATCHEL_OPERATION_MOVE ? own->destination : NULL;
  SatchelOperation *added = satchel_transaction_add (transaction, added_kind, own->mailbox, &uids, to);
  if (added_kind == SATCHEL_OPERATION_FLAGS)
    {
      added->mode = SATCHEL_FLAGS_ADD;
      added->flags = SATCHEL_FLAG_FLAGGED;
    }
  return TRUE;
}

/* Nor what it does besides, be it in a mailbox that all see: it is no change of another program, now or after
 * the next opening. */
static void
test_added_by_a_layer (void)
{
  static const SatchelOperationKind kinds[] = { SATCHEL_OPERATION_COPY, SATCHEL_OPERATION_FLAGS,
                                                SATCHEL_OPERATION_EXPUNGE, SATCHEL_OPERATION_MOVE };
  static const SatchelStorageOps adder = { .size = sizeof adder,
                                           .band = 1,
                                           .classes = SATCHEL_CLASS_CONTENT_OUT,
                                           .newest_operation = SATCHEL_OPERATION_MOVE,
                                           .open = keeper_open,
                                           .plan = adder_plan };
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      SatchelStore *store = begin ();
      SatchelMailbox *inbox = open_box (store, "INBOX"), *to = open_box (store, "to");
      put (store, inbox, "one");
      put (store, inbox, "two");
      g_autofree char *before = heard_now (store);
      satchel_mailbox_unref (inbox);
      satchel_mailbox_unref (to);
      satchel_store_unref (store);
      added_kind = kinds[i];
      store = open_with_layer (&adder);
      inbox = open_box (store, "INBOX");
      to = open_box (store, "to");
      g_auto (SatchelUidSet) second = range (2, 2);
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
      satchel_transaction_copy (transaction, inbox, &second, to);
      g_autoptr (GError) error = NULL;
      satchel_transaction_commit (transaction, &error);
      g_assert_no_error (error);
      g_clear_pointer (&transaction, satchel_transaction_free);
      satchel_mailbox_unref (inbox);
      satchel_mailbox_unref (to);
      heard_expect (store, "COPY INBOX>to 2>1:/ by background\n");
      satchel_store_unref (store);
      store = open_store ();
      inbox = open_box (store, "INBOX");
      to = open_box (store, "to");
      heard_expect (store, "");
      satchel_mailbox_unref (inbox);
      satchel_mailbox_unref (to);
      end (store);
    }
}

/* A message that is gone before the log looks is told of with what it came with. */
static void
test_gone_at_once (void)
{
  static const char *const keywords[] = { "word", NULL };
  SatchelStore *store = begin ();
  SatchelMailbox *inbox = open_box (store, "INBOX"), *to = open_box (store, "to");
  g_auto (SatchelUidSet) first = range (1, 1);
  g_autofree char *before = heard_now (store);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  add_append (transaction, store, inbox, "one");
  SatchelOperation *append = satchel_transaction_operation (transaction, 0);
  append->flags = SATCHEL_FLAG_SEEN;
  append->keywords = g_strdupv ((char **) keywords);
  satchel_transaction_copy (transaction, inbox, &first, to);
  satchel_transaction_expunge (transaction, inbox, &first, FALSE);
  satchel_transaction_expunge (transaction, to, &first, FALSE);
  g_assert_true (satchel_transaction_commit (transaction, NULL));
  heard_expect (store, "APPEND INBOX 1:?/S+word by session\n"
                       "COPY INBOX>to 1>1:S+word/S+word by session\n"
                       "EXPUNGE INBOX 1:S+word/ by session\n"
                       "EXPUNGE to 1:S+word/ by session\n");
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (to);
  end (store);
}

/* Who does not listen has no log. */
static void
test_nobody (void)
{
  SatchelStore *store = begin ();
  satchel_store_unref (store);
  heard_end ();
  g_clear_pointer (&user_path, g_free);
  user_path = g_strdup_printf ("example.org/changes%u", ++n_users);
  store = open_store ();
  SatchelMailbox *inbox = open_box (store, "INBOX");
  put (store, inbox, "x");
  g_assert_cmpuint (g_hash_table_size (files_of (store)), ==, 0);
  satchel_mailbox_unref (inbox);
  satchel_store_unref (store);
  g_clear_pointer (&user_path, g_free);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_func ("/changes/frame", test_frame);
  g_test_add_func ("/changes/frame-damage", test_frame_damage);
  g_test_add_func ("/changes/killed", test_killed);
  g_test_add_func ("/changes/killed-at-names", test_killed_at_names);
  g_test_add_func ("/changes/not-deleted", test_not_deleted);
  g_test_add_func ("/changes/made-anew-after-a-kill", test_made_anew_after_a_kill);
  g_test_add_func ("/changes/killed-in-a-batch", test_killed_in_a_batch);
  g_test_add_func ("/changes/not-committed", test_not_committed);
  g_test_add_func ("/changes/torn-tail", test_torn_tail);
  g_test_add_func ("/changes/damaged", test_damaged);
  g_test_add_func ("/changes/bound", test_bound);
  g_test_add_func ("/changes/over-the-end-of-a-file", test_over_the_end_of_a_file);
  g_test_add_func ("/changes/reopened-over-the-end-of-a-file", test_reopened_over_the_end_of_a_file);
  g_test_add_func ("/changes/long-frames", test_long_frames);
  g_test_add_func ("/changes/unheard", test_unheard);
  g_test_add_func ("/changes/disk-full", test_disk_full);
  g_test_add_func ("/changes/cursor-damaged", test_cursor_damaged);
  g_test_add_func ("/changes/deaths", test_deaths);
  g_test_add_func ("/changes/hidden-by-a-layer", test_hidden_by_a_layer);
  g_test_add_func ("/changes/added-by-a-layer", test_added_by_a_layer);
  g_test_add_func ("/changes/gone-at-once", test_gone_at_once);
  g_test_add_func ("/changes/nobody", test_nobody);
  return g_test_run ();
}
