/* SPDX-License-Identifier: MIT
 * What users' changes say about spam, the queue of messages to learn, and which messages are known.  Over the
 * driver `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/runtime/log/log_private.h"
#include "core/storage/store/store_private.h"
#include "known.h"
#include "names.h"
#include "queue.h"
#include "wish.h"

#include <satchel/message.h>
#include <satchel/module.h>
#include <string.h>

static void
drop_log (SatchelLogLevel level, const char *area, const char *message)
{
}

/* ---- wishes ---- */

static const char *const no_words[] = { NULL }, *const junk[] = { "$Junk", NULL },
                         *const not_junk[] = { "$NotJunk", NULL },
                         *const both[] = { "$junk", "$NotJunk", NULL };

static SpamWish
wish (SatchelCause cause, SatchelChangeKind kind, guint from_use, guint to_use, const char *const *before,
      const char *const *keywords)
{
  g_autoptr (SatchelAccess) access = satchel_access_new (
      &(SatchelAccess) { .size = sizeof (SatchelAccess), .cause = cause, .owner = "u@example.org" });
  const SatchelChangedMessage message = { .has_before = before != NULL,
                                          .keywords_before = before != NULL ? before : no_words,
                                          .keywords = keywords };
  const SatchelChange change = { .size = sizeof change,
                                 .kind = kind,
                                 .mailbox = { .name = "from", .special_use = from_use },
                                 .destination = { .name = "to", .special_use = to_use },
                                 .messages = &message,
                                 .n_messages = 1,
                                 .access = access };
  return spam_wish_of (&change, 0);
}

static void
test_moves (void)
{
  static const SatchelChangeKind kinds[] = { SATCHEL_CHANGE_COPY, SATCHEL_CHANGE_MOVE };
  static const struct
  {
    guint from, to;
    SpamWish wish;
  } cases[] = { { 0, SATCHEL_USE_JUNK, SPAM_WISH_SPAM },
                { SATCHEL_USE_TRASH, SATCHEL_USE_JUNK, SPAM_WISH_SPAM },
                { SATCHEL_USE_JUNK, 0, SPAM_WISH_HAM },
                { SATCHEL_USE_JUNK, SATCHEL_USE_ARCHIVE, SPAM_WISH_HAM },
                { SATCHEL_USE_JUNK, SATCHEL_USE_TRASH, SPAM_WISH_NONE },
                { SATCHEL_USE_JUNK, SATCHEL_USE_JUNK, SPAM_WISH_NONE },
                { 0, SATCHEL_USE_TRASH, SPAM_WISH_NONE },
                { 0, 0, SPAM_WISH_NONE } };
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
      {
        g_assert_cmpint (
            wish (SATCHEL_CAUSE_SESSION, kinds[k], cases[i].from, cases[i].to, no_words, no_words), ==,
            cases[i].wish);
        g_assert_cmpint (wish (SATCHEL_CAUSE_ADMIN, kinds[k], cases[i].from, cases[i].to, no_words, no_words),
                         ==, SPAM_WISH_NONE);
        g_assert_cmpint (
            wish (SATCHEL_CAUSE_OUTSIDE, kinds[k], cases[i].from, cases[i].to, no_words, no_words), ==,
            SPAM_WISH_NONE);
      }
}

static void
test_appends (void)
{
  const SatchelChangeKind append = SATCHEL_CHANGE_APPEND;
  const SatchelCause client = SATCHEL_CAUSE_SESSION, delivery = SATCHEL_CAUSE_DELIVERY;
  g_assert_cmpint (wish (client, append, SATCHEL_USE_JUNK, 0, NULL, no_words), ==, SPAM_WISH_SPAM);
  g_assert_cmpint (wish (client, append, SATCHEL_USE_JUNK, 0, NULL, not_junk), ==, SPAM_WISH_HAM);
  g_assert_cmpint (wish (client, append, 0, 0, NULL, junk), ==, SPAM_WISH_SPAM);
  g_assert_cmpint (wish (client, append, 0, 0, NULL, no_words), ==, SPAM_WISH_HAM_IF_KNOWN);
  g_assert_cmpint (wish (client, append, SATCHEL_USE_ARCHIVE, 0, NULL, no_words), ==, SPAM_WISH_HAM_IF_KNOWN);
  g_assert_cmpint (wish (client, append, SATCHEL_USE_TRASH, 0, NULL, no_words), ==, SPAM_WISH_NONE);
  g_assert_cmpint (wish (client, append, SATCHEL_USE_SENT, 0, NULL, no_words), ==, SPAM_WISH_NONE);
  g_assert_cmpint (wish (delivery, append, SATCHEL_USE_JUNK, 0, NULL, junk), ==, SPAM_WISH_FILED);
  g_assert_cmpint (wish (delivery, append, 0, 0, NULL, junk), ==, SPAM_WISH_NONE);
  g_assert_cmpint (wish (SATCHEL_CAUSE_ADMIN, append, SATCHEL_USE_JUNK, 0, NULL, no_words), ==,
                   SPAM_WISH_NONE);
}

static void
test_keywords (void)
{
  const SatchelChangeKind flags = SATCHEL_CHANGE_FLAGS;
  const SatchelCause client = SATCHEL_CAUSE_SESSION;
  g_assert_cmpint (wish (client, flags, 0, 0, no_words, junk), ==, SPAM_WISH_SPAM);
  g_assert_cmpint (wish (client, flags, 0, 0, NULL, junk), ==, SPAM_WISH_SPAM);
  g_assert_cmpint (wish (client, flags, 0, 0, junk, junk), ==, SPAM_WISH_NONE);
  g_assert_cmpint (wish (client, flags, 0, 0, junk, both), ==, SPAM_WISH_HAM);
  g_assert_cmpint (wish (client, flags, 0, 0, not_junk, both), ==, SPAM_WISH_SPAM);
  g_assert_cmpint (wish (client, flags, 0, 0, junk, no_words), ==, SPAM_WISH_NONE);
  g_assert_cmpint (wish (client, SATCHEL_CHANGE_EXPUNGE, SATCHEL_USE_JUNK, 0, junk, junk), ==,
                   SPAM_WISH_NONE);
}

/* ---- a store ---- */

static SatchelStore *
open_store (void)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/learn%u", ++n);
  SatchelStoreLevel levels[] = { { "memory", satchel_module ()->provides[0].ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = 1
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

static void
put (SatchelStore *store, SpamQueue *queue, SpamKnown *known)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (SatchelBlob));
  if (queue != NULL)
    spam_queue_add_changes (queue, changes);
  if (known != NULL)
    spam_known_add_changes (known, changes);
  satchel_store_put_blobs (store, SPAM_SPACE, (const SatchelBlob *) changes->data, changes->len, &error);
  g_assert_no_error (error);
}

static SpamQueue *
load_queue (SatchelStore *store)
{
  g_autoptr (GError) error = NULL;
  SpamQueue *queue = spam_queue_load (store, &error);
  g_assert_no_error (error);
  g_assert_true (spam_queue_need (queue, G_MAXUINT, &error));
  g_assert_no_error (error);
  return queue;
}

static SpamItem
item_of (guint32 uid)
{
  SpamItem item = { .is_spam = uid % 2 == 0,
                    .had_contrary = uid % 3 == 0,
                    .uidvalidity = 0xfffffffe,
                    .uid = uid,
                    .queued_s = 1700000000 + uid };
  memset (item.mailbox_id, (int) (uid % 251), sizeof item.mailbox_id);
  return item;
}

static void
assert_first (const SpamQueue *queue, guint index, guint32 uid)
{
  SpamItem item = { 0 }, expected = item_of (uid);
  g_assert_true (spam_queue_item (queue, index, &item));
  g_assert_cmpint (item.is_spam, ==, expected.is_spam);
  g_assert_cmpint (item.had_contrary, ==, expected.had_contrary);
  g_assert_cmpuint (item.uid, ==, uid);
  g_assert_cmpuint (item.uidvalidity, ==, expected.uidvalidity);
  g_assert_cmpint (item.queued_s, ==, expected.queued_s);
  g_assert_cmpmem (item.mailbox_id, 16, expected.mailbox_id, 16);
}

/* What is taken from the front and added at the end is there the next time, in order. */
static void
test_queue (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamQueue) queue = load_queue (store);
  SpamItem item;
  g_assert_cmpuint (spam_queue_n_items (queue), ==, 0);
  g_assert_false (spam_queue_item (queue, 0, &item));
  for (guint32 uid = 1; uid <= 1200; uid++)
    {
      item = item_of (uid);
      g_assert_true (spam_queue_add (queue, &item));
    }
  spam_queue_set_sequence (queue, G_MAXUINT64 - 1);
  put (store, queue, NULL);
  g_autoptr (SpamQueue) second = load_queue (store);
  g_assert_cmpuint (spam_queue_n_items (second), ==, 1200);
  g_assert_cmpuint (spam_queue_sequence (second), ==, G_MAXUINT64 - 1);
  assert_first (second, 0, 1);
  assert_first (second, 1199, 1200);
  spam_queue_remove_first (second, 600);
  item = item_of (5);
  g_assert_true (spam_queue_add (second, &item));
  put (store, second, NULL);
  g_autoptr (SpamQueue) third = load_queue (store);
  g_assert_cmpuint (spam_queue_n_items (third), ==, 601);
  assert_first (third, 0, 601);
  assert_first (third, 600, 5);
  spam_queue_remove_first (third, 10000);
  put (store, third, NULL);
  g_autoptr (SpamQueue) fourth = load_queue (store);
  g_assert_cmpuint (spam_queue_n_items (fourth), ==, 0);
  g_auto (GStrv) names = satchel_store_list_blobs (store, SPAM_SPACE, NULL);
  g_assert_cmpuint (g_strv_length (names), ==, 1); /* the state */
}

/* Who adds reads the end alone, and who takes what stands in front as much as is needed. */
static void
test_queue_in_parts (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamQueue) queue = load_queue (store);
  for (guint32 uid = 1; uid <= 3 * SPAM_SEGMENT_ITEMS + 9; uid++)
    {
      const SpamItem item = item_of (uid);
      g_assert_true (spam_queue_add (queue, &item));
    }
  put (store, queue, NULL);
  static const guint needs[] = { 0, 1, SPAM_SEGMENT_ITEMS, SPAM_SEGMENT_ITEMS + 1 },
                     segments[] = { 0, 1, 1, 2 };
  for (guint i = 0; i < G_N_ELEMENTS (needs); i++)
    {
      g_autoptr (SpamQueue) part = spam_queue_load (store, NULL);
      g_assert_false (spam_queue_is_empty (part));
      g_assert_true (spam_queue_need (part, needs[i], NULL));
      g_assert_cmpuint (spam_queue_n_items (part), ==, segments[i] * SPAM_SEGMENT_ITEMS + 9);
    }
  g_autoptr (SpamQueue) part = spam_queue_load (store, NULL);
  const SpamItem item = item_of (7);
  g_assert_true (spam_queue_need (part, 10, NULL));
  spam_queue_remove_first (part, 10);
  g_assert_true (spam_queue_add (part, &item));
  put (store, part, NULL);
  g_autoptr (SpamQueue) whole = load_queue (store);
  g_assert_cmpuint (spam_queue_n_items (whole), ==, 3 * SPAM_SEGMENT_ITEMS);
  assert_first (whole, 0, 11);
  assert_first (whole, 3 * SPAM_SEGMENT_ITEMS - 2, 3 * SPAM_SEGMENT_ITEMS + 9);
  assert_first (whole, 3 * SPAM_SEGMENT_ITEMS - 1, 7);
}

/* The last one that could not be learnt goes to the end, which is the front. */
static void
test_queue_again (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (SpamQueue) queue = load_queue (store);
      const SpamItem item = item_of (7);
      g_assert_cmpuint (spam_queue_n_items (queue), ==, round > 0);
      spam_queue_remove_first (queue, 1);
      g_assert_true (spam_queue_add (queue, &item));
      put (store, queue, NULL);
    }
  g_autoptr (SpamQueue) last = load_queue (store);
  g_assert_cmpuint (spam_queue_n_items (last), ==, 1);
  assert_first (last, 0, 7);
}

static void
test_queue_is_bounded (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamQueue) queue = load_queue (store);
  const SpamItem item = item_of (1);
  for (guint i = 0; i < SPAM_SEGMENT_ITEMS * SPAM_SEGMENTS_MAX; i++)
    g_assert_true (spam_queue_add (queue, &item));
  g_assert_false (spam_queue_add (queue, &item));
  put (store, queue, NULL); /* within the bounds of blobs */
  spam_queue_remove_first (queue, 1);
  g_assert_false (spam_queue_add (queue, &item)); /* only a whole segment makes room */
  spam_queue_remove_first (queue, SPAM_SEGMENT_ITEMS - 1);
  g_assert_true (spam_queue_add (queue, &item));
}

/* A part that is damaged costs what was in it alone. */
static void
test_queue_damaged (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamQueue) queue = load_queue (store);
  for (guint32 uid = 1; uid <= SPAM_SEGMENT_ITEMS + 3; uid++)
    {
      const SpamItem item = item_of (uid);
      spam_queue_add (queue, &item);
    }
  put (store, queue, NULL);
  g_autoptr (GBytes) rubbish = g_bytes_new_static ("rubbish", 7);
  const SatchelBlob changes[] = { { "queue-00000000", rubbish },
                                  { "state", rubbish },
                                  { "queue-x", rubbish } };
  g_assert_true (satchel_store_put_blobs (store, SPAM_SPACE, changes, G_N_ELEMENTS (changes), NULL));
  g_autoptr (SpamQueue) again = load_queue (store);
  g_assert_cmpuint (spam_queue_n_items (again), ==, 3);
  g_assert_cmpuint (spam_queue_sequence (again), ==, 0);
  assert_first (again, 0, SPAM_SEGMENT_ITEMS + 1);
  /* It is not kept, else the queue would never be empty. */
  spam_queue_remove_first (again, 3);
  put (store, again, NULL);
  g_autoptr (SpamQueue) empty = spam_queue_load (store, NULL);
  g_assert_true (spam_queue_is_empty (empty));
}

#define DAY (24 * 3600)

static void
test_counts (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamQueue) queue = load_queue (store);
  const gint64 now_s = 20000 * (gint64) DAY + 5;
  for (guint day = 0; day < 20; day++)
    spam_queue_count (queue, SPAM_COUNT_HAM, day + 1, now_s + day * DAY);
  put (store, queue, NULL);
  g_autoptr (SpamQueue) again = load_queue (store);
  const gint64 last_s = now_s + 19 * DAY;
  g_assert_cmpuint (spam_queue_sum (again, SPAM_COUNT_HAM, 1, last_s), ==, 20);
  g_assert_cmpuint (spam_queue_sum (again, SPAM_COUNT_HAM, 7, last_s), ==, 20 + 19 + 18 + 17 + 16 + 15 + 14);
  g_assert_cmpuint (spam_queue_sum (again, SPAM_COUNT_HAM, 1, last_s + DAY), ==, 0);
  g_assert_cmpuint (spam_queue_sum (again, SPAM_COUNT_HAM, 7, last_s + 30 * DAY), ==, 0);
  g_assert_cmpuint (spam_queue_sum (again, SPAM_COUNT_SPAM, 7, last_s), ==, 0);
}

/* ---- known messages ---- */

static gboolean
key_of (const char *header, SpamKey *ret_key)
{
  g_autofree char *text = g_strconcat (header, "\r\ntext\r\n", NULL);
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  g_autoptr (GBytes) attributes = satchel_scan_stream (stream, NULL);
  return spam_key_of (attributes, ret_key);
}

#define HEADER "Message-ID: <a@b>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: a@b\r\nSubject: s\r\n"

/* Fields that a client adds make no other message; the same id with another subject does. */
static void
test_keys (void)
{
  SpamKey key, same, other;
  g_assert_true (key_of (HEADER, &key));
  g_assert_true (key_of ("X-TUID: abcdef\r\nReturn-Path: <x@y>\r\n" HEADER, &same));
  g_assert_cmpmem (&key, sizeof key, &same, sizeof same);
  g_assert_true (key_of ("Message-ID: <a@b>\r\nFrom: a@b\r\nSubject: t\r\n", &other));
  g_assert_cmpint (memcmp (&key, &other, sizeof key), !=, 0);
  g_assert_false (key_of ("From: a@b\r\nSubject: s\r\n", &other));
}

static void
assert_known (SatchelStore *store, SpamKnown *known, guint8 first, guint16 n, SpamKnownAs expected)
{
  const SpamKey key = { { first, (guint8) n, (guint8) (n >> 8) } };
  SpamKnownAs as;
  g_assert_true (spam_known_find (known, store, &key, &as, NULL));
  g_assert_cmpint (as, ==, expected);
}

static void
set_known (SatchelStore *store, SpamKnown *known, guint8 first, guint16 n, SpamKnownAs as)
{
  const SpamKey key = { { first, (guint8) n, (guint8) (n >> 8) } };
  SpamKnownAs before;
  g_assert_true (spam_known_find (known, store, &key, &before, NULL));
  spam_known_set (known, &key, as);
}

static void
test_known (void)
{
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamKnown) known = spam_known_new ();
  assert_known (store, known, 3, 1, SPAM_KNOWN_NOT);
  set_known (store, known, 3, 1, SPAM_KNOWN_FILED);
  set_known (store, known, 3, 1, SPAM_KNOWN_SPAM);
  set_known (store, known, 19, 1, SPAM_KNOWN_HAM); /* in the same bucket */
  set_known (store, known, 4, 1, SPAM_KNOWN_FILED);
  put (store, NULL, known);
  g_autoptr (SpamKnown) again = spam_known_new ();
  assert_known (store, again, 3, 1, SPAM_KNOWN_SPAM);
  assert_known (store, again, 19, 1, SPAM_KNOWN_HAM);
  assert_known (store, again, 4, 1, SPAM_KNOWN_FILED);
  assert_known (store, again, 4, 2, SPAM_KNOWN_NOT);
  /* The oldest is forgotten; one that is set again is new. */
  for (guint16 n = 2; n <= SPAM_KNOWN_PER_BUCKET - 1; n++)
    set_known (store, again, 3, n, SPAM_KNOWN_SPAM);
  set_known (store, again, 3, 1, SPAM_KNOWN_HAM);
  set_known (store, again, 3, 5000, SPAM_KNOWN_SPAM);
  assert_known (store, again, 3, 1, SPAM_KNOWN_HAM);
  assert_known (store, again, 19, 1, SPAM_KNOWN_NOT);
  put (store, NULL, again);
  g_autoptr (GBytes) rubbish = g_bytes_new_static ("rubbish", 7);
  g_assert_true (satchel_store_put_blobs (store, SPAM_SPACE, &(SatchelBlob) { "known-3", rubbish }, 1, NULL));
  g_autoptr (SpamKnown) damaged = spam_known_new ();
  assert_known (store, damaged, 3, 1, SPAM_KNOWN_NOT);
  assert_known (store, damaged, 4, 1, SPAM_KNOWN_FILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_log_divert (drop_log);
  g_test_add_func ("/spam/wish/moves", test_moves);
  g_test_add_func ("/spam/wish/appends", test_appends);
  g_test_add_func ("/spam/wish/keywords", test_keywords);
  g_test_add_func ("/spam/queue/kept", test_queue);
  g_test_add_func ("/spam/queue/in-parts", test_queue_in_parts);
  g_test_add_func ("/spam/queue/again", test_queue_again);
  g_test_add_func ("/spam/queue/bounded", test_queue_is_bounded);
  g_test_add_func ("/spam/queue/damaged", test_queue_damaged);
  g_test_add_func ("/spam/queue/counts", test_counts);
  g_test_add_func ("/spam/known/keys", test_keys);
  g_test_add_func ("/spam/known/kept", test_known);
  return g_test_run ();
}
