/* SPDX-License-Identifier: MIT
 * Flags and keywords: in names of files and in the index, of an earlier version too, and where there is no
 * room for more.
 */
#include "config.h"

#include "modules/maildir/index/index_format.h"
#include "modules/maildir/tests/harness.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/runtime/log/log_private.h"

static char *
whole_file (int fd)
{
  off_t len = lseek (fd, 0, SEEK_END);
  char *text = g_malloc0 ((gsize) len + 1);
  g_assert_cmpint (pread (fd, text, (gsize) len, 0), ==, len);
  return text;
}

static void
test_flags (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  const char *const keywords[] = { "$Forwarded", "Work", NULL };
  GError *error = NULL;
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  append_text (inbox, "two\r\n", SATCHEL_FLAG_SEEN, keywords, NULL);
  g_autoptr (GPtrArray) fresh = place_files (&place, "new");
  g_assert_cmpuint (fresh->len, ==, 1);
  change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED | SATCHEL_FLAG_DELETED, NULL, &error);
  g_assert_no_error (error);
  assert_view (inbox, "1:c 2:1");
  g_autoptr (GPtrArray) files = place_files (&place, "cur");
  g_assert_cmpuint (files->len, ==, 2);
  g_assert_true (g_str_has_suffix (files->pdata[0], ":2,FT") || g_str_has_suffix (files->pdata[1], ":2,FT"));
  g_assert_true (g_str_has_suffix (files->pdata[0], ":2,Sab")
                 || g_str_has_suffix (files->pdata[1], ":2,Sab"));
  /* Without the index the names tell all. */
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_assert_cmpint (unlink (index), ==, 0);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  assert_view (inbox, "1:c 2:1");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  int bit = satchel_snapshot_keyword (snapshot, "work");
  g_assert_cmpint (bit, >=, 0);
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, 1, &row);
  g_assert_true (satchel_chunk_has_keyword (chunk, row, (guint) bit));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* What changed since a checkpoint of the index comes back with its mod-sequences: nothing looks changed
 * afterwards. */
static void
test_flags_reopened (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  const char *const keywords[] = { "Work", NULL };
  for (int i = 0; i < 4; i++)
    append_text (inbox, "text\r\n", 0, NULL, NULL);
  place_reopen (&place, &inbox);
  g_assert_true (change_flags (inbox, 1, 3, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, keywords, NULL));
  g_assert_true (change_flags (inbox, 2, 2, SATCHEL_FLAGS_REPLACE, 0, NULL, NULL));
  g_assert_true (
      change_flags (inbox, 3, 4, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DRAFT | SATCHEL_FLAG_ANSWERED, NULL, NULL));
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (inbox);
  place_reopen (&place, &inbox);
  assert_view (inbox, "1:1 2:0 3:13 4:12");
  g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (after->state.highestmodseq, ==, before->state.highestmodseq);
  for (guint32 i = 0; i < 4; i++)
    {
      guint was_at, at;
      const SatchelChunk *was = satchel_snapshot_at (before, i, &was_at),
                         *is = satchel_snapshot_at (after, i, &at);
      g_assert_cmpuint (is->modseq[at], ==, was->modseq[was_at]);
      SatchelKeywordSet set = satchel_chunk_keywords (is, at), was_set = satchel_chunk_keywords (was, was_at);
      g_assert_true (satchel_keyword_set_equal (&set, &was_set));
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* More keywords than letters: the rest survives a clean reopening, and what has letters any loss. */
#define FEW 64u

static void
test_many_keywords (void)
{
  Place place;
  satchel_keywords_set_limit (FEW);
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  for (guint i = 0; i < FEW + 1; i++)
    {
      g_autofree char *name = g_strdup_printf ("k%u", i);
      const char *const keywords[] = { name, NULL };
      g_autoptr (GError) error = NULL;
      gboolean ok = change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, 0, keywords, &error);
      if (i < FEW)
        g_assert_no_error (error);
      else
        g_assert_true (!ok && g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT));
    }
  for (int pass = 0; pass < 2; pass++)
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, 0, &row);
      for (guint i = 0; i < FEW; i++)
        {
          g_autofree char *name = g_strdup_printf ("k%u", i);
          int bit = satchel_snapshot_keyword (snapshot, name);
          g_assert_cmpint (bit, >=, 0);
          g_assert_true (satchel_chunk_has_keyword (chunk, row, (guint) bit));
        }
      place_reopen (&place, &inbox);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

static guint n_walks; /* over all messages for the keywords they have */

/* In the place of the server's, which does the same. */
SatchelKeywordSet
satchel_snapshot_used_keywords (const SatchelSnapshot *snapshot)
{
  SatchelKeywordSet used = { { 0 } };
  n_walks++;
  for (guint i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      SatchelKeywordSet set = satchel_chunk_keywords (chunk, row);
      satchel_keyword_set_unite (&used, &set);
    }
  return used;
}

static gboolean
has_keyword (SatchelMailbox *mailbox, guint32 uid, const char *name)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  int bit = satchel_snapshot_keyword (snapshot, name);
  guint32 index;
  guint row;
  g_assert_true (satchel_snapshot_find (snapshot, uid, &index));
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  return bit >= 0 && satchel_chunk_has_keyword (chunk, row, (guint) bit);
}

#define N_COPIED 50u

/* Copies or moves messages to a mailbox that can take one keyword more: keywords that it has and the first
 * new one arrive, the others are dropped with one warning, and the destination is read through only once. */
static void
test_copy_at_bound (gconstpointer data)
{
  gboolean moves = data != NULL;
  Place place;
  satchel_keywords_set_limit (40);
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "Full", 0, NULL));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *full = place_mailbox (&place, "Full");
  g_auto (GStrv) names = g_new0 (char *, 40);
  for (guint i = 0; i < 39; i++)
    names[i] = g_strdup_printf ("has%u", i);
  append_text (full, "holds them\r\n", 0, (const char *const *) names, NULL);
  for (guint i = 0; i < N_COPIED; i++)
    {
      g_autofree char *own = g_strdup_printf ("own%u", i % 30);
      const char *const keywords[] = { "HAS7", own, NULL };
      append_text (inbox, "copied\r\n", 0, keywords, NULL);
    }
  n_walks = 0;
  int log_fd = memfd_create ("log", MFD_CLOEXEC);
  satchel_log_open (dup (log_fd), SATCHEL_LOG_WARNING, "test"); /* which takes that over */
  g_assert_true (transfer (inbox, 1, N_COPIED, full, moves, NULL));
  g_autofree char *log = whole_file (log_fd);
  satchel_log_open (dup (STDERR_FILENO), SATCHEL_LOG_WARNING, "test");
  close (log_fd);
  g_assert_cmpuint (n_walks, ==, 1);
  const char *line = strstr (log, "mailbox Full: ");
  g_assert_nonnull (line);
  g_assert_true (g_strrstr (log, "mailbox Full: ") == line);
  g_assert_nonnull (strstr (line, "40 keywords (limits.keywords)"));
  g_assert_nonnull (strstr (line, "without 29 others"));
  for (int pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < N_COPIED; i++)
        {
          g_autofree char *own = g_strdup_printf ("own%u", i % 30);
          g_assert_true (has_keyword (full, 2 + i, "has7"));
          g_assert_cmpint (has_keyword (full, 2 + i, own), ==, i % 30 == 0);
          g_assert_false (has_keyword (full, 2 + i, "has8"));
        }
      for (guint i = 0; i < 39; i++)
        g_assert_true (has_keyword (full, 1, names[i]));
      place_reopen (&place, &full);
    }
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (full);
  place_remove (&place);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

/* Length of the item at @at after its letter; the name of a keyword is included. */
static gsize
item_bytes (const guint8 *at)
{
  RowItem row;
  FlagsItem flags;
  KeywordItem keyword;
  switch (*at)
    {
    case 'R':
    case 'P':
      memcpy (&row, at + 1, sizeof row);
      return sizeof row + row.name_len;
    case 'F':
      memcpy (&flags, at + 1, sizeof flags);
      return sizeof flags + flags.end_len;
    case 'k':
      memcpy (&keyword, at + 1, sizeof keyword);
      return sizeof keyword + keyword.name_len;
    case 'X':
      return 16;
    default:
      g_error ("an index without wide keywords and metadata has no item %c", *at);
    }
}

/* The payload of a frame as version 3 had it: numbers and letters of keywords in a byte each, nothing
 * planned. */
static GByteArray *
old_payload (const guint8 *data, gsize len)
{
  GByteArray *old = g_byte_array_new ();
  for (const guint8 *at = data; at < data + len; at += 1 + item_bytes (at))
    if (*at == 'k')
      {
        KeywordItem item;
        memcpy (&item, at + 1, sizeof item);
        const guint8 head[] = { 'K', (guint8) item.bit, (guint8) item.letter, item.name_len };
        g_byte_array_append (old, head, sizeof head);
        g_byte_array_append (old, at + 1 + sizeof item, item.name_len);
      }
    else if (*at != 'P')
      g_byte_array_append (old, at, (guint) (1 + item_bytes (at)));
  return old;
}

static void
make_index_old (const char *path)
{
  g_autofree char *data = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &data, &len, NULL));
  g_autoptr (GByteArray) out = g_byte_array_new ();
  for (gsize at = 0; at < len;)
    {
      FrameHead head;
      FrameTail tail;
      memcpy (&head, data + at, sizeof head);
      memcpy (&tail, data + at + sizeof head + head.len, sizeof tail);
      g_assert_cmpuint (head.version, ==, INDEX_VERSION);
      g_autoptr (GByteArray) payload = old_payload ((const guint8 *) data + at + sizeof head, head.len);
      at += sizeof head + head.len + sizeof tail;
      head = (FrameHead) { FRAME_MAGIC, 3, payload->len, md_crc32c (0, payload->data, payload->len) };
      tail.version = 3;
      tail.payload_crc = head.crc;
      tail.crc = md_crc32c (0, &tail, G_STRUCT_OFFSET (FrameTail, crc));
      g_byte_array_append (out, (const guint8 *) &head, sizeof head);
      g_byte_array_append (out, payload->data, payload->len);
      g_byte_array_append (out, (const guint8 *) &tail, sizeof tail);
    }
  /* In place, as if that server had left it. */
  int fd = open (path, O_WRONLY | O_TRUNC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, out->data, out->len), ==, out->len);
  close (fd);
}

/* Nothing is numbered anew, no keyword is lost, no mod-sequence rises, and it goes on from there. */
static void
test_old_index (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  char *names[65] = { NULL };
  for (guint i = 0; i < 64; i++)
    names[i] = g_strdup_printf ("k%02u", i);
  append_text (inbox, "one\r\n", SATCHEL_FLAG_SEEN, (const char *const *) names, NULL);
  append_text (inbox, "two\r\n", 0, NULL, NULL);
  append_text (inbox, "three\r\n", 0, (const char *const *) names + 63, NULL);
  g_assert_true (expunge (inbox, 2, 2, NULL));
  g_assert_true (change_flags (inbox, 3, 3, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_FLAGGED,
                               (const char *const *) names + 30, NULL));
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (inbox);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  make_index_old (index);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (after->state.uidvalidity, ==, before->state.uidvalidity);
  g_assert_cmpuint (after->state.highestmodseq, ==, before->state.highestmodseq);
  g_assert_cmpuint (after->n_keywords, ==, 64);
  g_assert_cmpuint (after->state.n_messages, ==, 2);
  for (guint32 i = 0; i < 2; i++)
    {
      guint was_at, at;
      const SatchelChunk *was = satchel_snapshot_at (before, i, &was_at),
                         *is = satchel_snapshot_at (after, i, &at);
      SatchelKeywordSet set = satchel_chunk_keywords (is, at), was_set = satchel_chunk_keywords (was, was_at);
      g_assert_cmpuint (is->uid[at], ==, was->uid[was_at]);
      g_assert_cmpuint (is->modseq[at], ==, was->modseq[was_at]);
      g_assert_true (satchel_keyword_set_equal (&set, &was_set));
    }
  g_assert_cmpstr (after->keywords[63], ==, "k63");
  const char *const more[] = { "the-65th", NULL };
  g_assert_true (change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, 0, more, NULL));
  place_reopen (&place, &inbox);
  g_autoptr (SatchelSnapshot) last = satchel_mailbox_snapshot (inbox);
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (last, 0, &row);
  g_assert_true (satchel_chunk_has_keyword (chunk, row, (guint) satchel_snapshot_keyword (last, "the-65th")));
  g_assert_true (satchel_chunk_has_keyword (chunk, row, (guint) satchel_snapshot_keyword (last, "k63")));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
  for (guint i = 0; i < 64; i++)
    g_free (names[i]);
}

/* A keyword that was taken away is gone from the name as well, so that no other server, nor we without an
 * index, see it again. */
static void
test_keyword_removed (void)
{
  Place place;
  GError *error = NULL;
  const char *const keywords[] = { "first", "second", NULL };
  const char *const first[] = { "first", NULL };
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", 0, keywords, NULL);
  g_assert_true (change_flags (inbox, 1, 1, SATCHEL_FLAGS_REMOVE, 0, first, &error));
  g_autoptr (GPtrArray) files = place_files (&place, "cur");
  g_assert_cmpuint (files->len, ==, 1);
  g_assert_true (g_str_has_suffix (files->pdata[0], ":2,b"));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/flags/names", test_flags);
  g_test_add_func ("/maildir/flags/reopened", test_flags_reopened);
  g_test_add_func ("/maildir/flags/many-keywords", test_many_keywords);
  g_test_add_data_func ("/maildir/flags/copy-at-bound", NULL, test_copy_at_bound);
  g_test_add_data_func ("/maildir/flags/move-at-bound", GINT_TO_POINTER (1), test_copy_at_bound);
  g_test_add_func ("/maildir/flags/old-index", test_old_index);
  g_test_add_func ("/maildir/flags/removed", test_keyword_removed);
  return g_test_run ();
}
