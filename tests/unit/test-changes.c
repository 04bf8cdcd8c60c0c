/* SPDX-License-Identifier: MIT
 * The change log: its frames, damage to it and its bounds, cursors of listeners, and changes that layers
 * make.
 */
#include "config.h"

#include "tests/lib/change_store.h"

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
  g_test_add_func ("/changes/torn-tail", test_torn_tail);
  g_test_add_func ("/changes/damaged", test_damaged);
  g_test_add_func ("/changes/bound", test_bound);
  g_test_add_func ("/changes/over-the-end-of-a-file", test_over_the_end_of_a_file);
  g_test_add_func ("/changes/reopened-over-the-end-of-a-file", test_reopened_over_the_end_of_a_file);
  g_test_add_func ("/changes/long-frames", test_long_frames);
  g_test_add_func ("/changes/unheard", test_unheard);
  g_test_add_func ("/changes/disk-full", test_disk_full);
  g_test_add_func ("/changes/cursor-damaged", test_cursor_damaged);
  g_test_add_func ("/changes/hidden-by-a-layer", test_hidden_by_a_layer);
  g_test_add_func ("/changes/added-by-a-layer", test_added_by_a_layer);
  g_test_add_func ("/changes/gone-at-once", test_gone_at_once);
  g_test_add_func ("/changes/nobody", test_nobody);
  return g_test_run ();
}
