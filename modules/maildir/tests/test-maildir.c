/* SPDX-License-Identifier: MIT
 * The maildir driver through the storage API: what is on disk, what other programs change, what is told.
 */
#include "config.h"

#include "modules/maildir/index/cache.h"
#include "modules/maildir/files/checksum.h"
#include "modules/maildir/names/folder_name.h"
#include "modules/maildir/index/index.h"
#include "modules/maildir/index/index_format.h"
#include "modules/maildir/names/keyword_letters.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/settings.h"
#include "modules/maildir/foreign/uidlist.h"
#include "modules/maildir/store/user_file.h"
#include "modules/maildir/tests/harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/storage/store/store_open.h"
#include "core/runtime/log/log_private.h"

#define assert_view(mailbox, expected)                                                                       \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *view_ = describe (mailbox);                                                             \
    g_assert_cmpstr (view_, ==, expected);                                                                   \
  }                                                                                                          \
  G_STMT_END

static char *
whole_file (int fd)
{
  off_t len = lseek (fd, 0, SEEK_END);
  char *text = g_malloc0 ((gsize) len + 1);
  g_assert_cmpint (pread (fd, text, (gsize) len, 0), ==, len);
  return text;
}

static void
reopen (Place *place, SatchelMailbox **mailbox)
{
  g_autofree char *name = satchel_mailbox_name (*mailbox);
  satchel_mailbox_unref (*mailbox);
  place_close (place);
  place_open (place);
  *mailbox = place_mailbox (place, name);
}

static void
test_roundtrip (void)
{
  static const char *const texts[] = {
    "A: b\r\n\r\nbody\r\n",
    "A: b\r\n\r\nno end",
    "bare\nlf\r\n",
    "cr\r\r\nlf\r\n",
    "lone\rcr\r\n",
    "",
    "\r",
    "\n",
    "\r\n",
    "mixed\r\nthen\nbare\r\n",
    "ends in cr\r",
    "\r\r\n",
  };
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      GError *error = NULL;
      guint32 uid = append_text (inbox, texts[i], 0, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (uid, ==, i + 1);
    }
  for (int pass = 0; pass < 2; pass++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
        {
          g_autofree char *text = message_text (inbox, i + 1);
          g_assert_cmpstr (text, ==, texts[i]);
          g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
          guint row;
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
          g_assert_cmpuint (chunk->size[row], ==, strlen (texts[i]));
          g_assert_cmpint (chunk->internal_date[row], ==, 1500000000);
        }
      reopen (&place, &inbox);
    }
  /* LF on disk where that is reversible. */
  g_autoptr (GPtrArray) files = place_files (&place, "new");
  g_assert_cmpuint (files->len, ==, G_N_ELEMENTS (texts));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Line ends that fall on the edge of the writer's buffer. */
static void
test_roundtrip_big (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  for (int shift = 0; shift < 4; shift++)
    for (int spoil = 0; spoil < 3; spoil++)
      {
        g_autoptr (GString) text = g_string_new (NULL);
        for (int i = 0; i < shift; i++)
          g_string_append_c (text, 'x');
        while (text->len < 200000)
          g_string_append (text, "ab\r\n");
        if (spoil == 1)
          g_string_append (text, "bare\nend\r\n");
        if (spoil == 2)
          g_string_append (text, "end\r");
        guint32 uid = append_text (inbox, text->str, 0, NULL, NULL);
        g_autofree char *back = message_text (inbox, uid);
        g_assert_true (g_str_equal (back, text->str));
      }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
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
  reopen (&place, &inbox);
  g_assert_true (change_flags (inbox, 1, 3, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, keywords, NULL));
  g_assert_true (change_flags (inbox, 2, 2, SATCHEL_FLAGS_REPLACE, 0, NULL, NULL));
  g_assert_true (
      change_flags (inbox, 3, 4, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DRAFT | SATCHEL_FLAG_ANSWERED, NULL, NULL));
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (inbox);
  reopen (&place, &inbox);
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
      reopen (&place, &inbox);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

/* ---- at the bound of keywords ---- */

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
      reopen (&place, &full);
    }
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (full);
  place_remove (&place);
  satchel_keywords_set_limit (SATCHEL_KEYWORDS_MAX);
}

/* ---- an index that an older server wrote ---- */

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
  reopen (&place, &inbox);
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

static void
test_copy_move_expunge (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  GError *error = NULL;
  satchel_store_create (place.store, "Archive/2024", 0, &error);
  g_assert_no_error (error);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *archive = place_mailbox (&place, "Archive/2024");
  const char *const keywords[] = { "Work", NULL };
  for (int i = 0; i < 5; i++)
    {
      g_autofree char *text = g_strdup_printf ("mail %d\r\n", i + 1);
      append_text (inbox, text, i % 2 ? SATCHEL_FLAG_SEEN : 0, i == 3 ? keywords : NULL, NULL);
    }
  guint8 before[16], after[16];
  g_assert_true (satchel_mailbox_email_id (inbox, 4, before, NULL));
  g_assert_true (transfer (inbox, 2, 3, archive, FALSE, &error));
  g_assert_true (transfer (inbox, 4, 5, archive, TRUE, &error));
  assert_view (inbox, "1:0 2:1 3:0");
  assert_view (archive, "1:1 2:0 3:1 4:0");
  g_assert_true (satchel_mailbox_email_id (archive, 3, after, NULL));
  g_assert_cmpmem (before, 16, after, 16);
  g_autofree char *text = message_text (archive, 3);
  g_assert_cmpstr (text, ==, "mail 4\r\n");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (archive);
  g_assert_cmpint (satchel_snapshot_keyword (snapshot, "Work"), ==, 0);
  g_assert_true (expunge (inbox, 1, 2, &error));
  assert_view (inbox, "3:0");
  g_auto (SatchelUidSet) vanished = { 0 };
  gboolean complete = FALSE;
  g_assert_true (
      satchel_mailbox_vanished (inbox, snapshot->state.highestmodseq - 1, &vanished, &complete, NULL));
  g_assert_true (satchel_uid_set_contains (&vanished, 5) && satchel_uid_set_contains (&vanished, 1));
  g_assert_true (complete);
  g_autoptr (SatchelSnapshot) last = satchel_mailbox_snapshot (inbox);
  satchel_mailbox_unref (archive); /* it holds the store */
  reopen (&place, &inbox);
  assert_view (inbox, "3:0");
  g_autoptr (SatchelSnapshot) again = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (again->state.uidvalidity, ==, last->state.uidvalidity);
  g_assert_cmpuint (again->state.highestmodseq, ==, last->state.highestmodseq);
  g_assert_cmpuint (again->state.uidnext, ==, last->state.uidnext);
  g_assert_cmpmem (again->state.mailbox_id, 16, last->state.mailbox_id, 16);
  g_assert_cmpuint (append_text (inbox, "next\r\n", 0, NULL, NULL), ==, 6);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* What another program renamed at the last moment is changed, and removed, under its new name. */
static void
test_before_a_commit (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  append_text (inbox, "two\r\n", 0, NULL, NULL);
  g_autoptr (GPtrArray) files = place_files (&place, "new");
  g_assert_cmpuint (files->len, ==, 2);
  for (guint i = 0; i < files->len; i++)
    {
      g_autofree char *from = place_path (&place, "new/%s", (char *) files->pdata[i]);
      g_autofree char *to = place_path (&place, "cur/%s:2,F", (char *) files->pdata[i]);
      g_assert_cmpint (rename (from, to), ==, 0);
    }
  change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, &error);
  g_assert_no_error (error);
  expunge (inbox, 2, 2, &error);
  g_assert_no_error (error);
  sync_later (inbox);
  g_autofree char *expected = g_strdup_printf ("1:%x", SATCHEL_FLAG_SEEN | SATCHEL_FLAG_FLAGGED);
  assert_view (inbox, expected);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Every kind of change that another program makes. */
static void
test_outside (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "ours\r\n", 0, NULL, NULL);
  place_put (&place, "new/1600000000.foreign1.host", "Subject: x\n\nforeign\n");
  place_put (&place, "cur/1600000001.foreign2.host,S=4:2,SPz", "two\n");
  sync_later (inbox);
  assert_view (inbox, "1:0 2:0 3:1");
  g_autofree char *text = message_text (inbox, 2);
  g_assert_cmpstr (text, ==, "Subject: x\r\n\r\nforeign\r\n");
  /* Taken from new to cur with a flag; ours too. */
  g_autoptr (GPtrArray) files = place_files (&place, "new");
  g_assert_cmpuint (files->len, ==, 2);
  for (guint i = 0; i < files->len; i++)
    {
      g_autofree char *from = place_path (&place, "new/%s", (char *) files->pdata[i]);
      g_autofree char *to = place_path (&place, "cur/%s:2,F", (char *) files->pdata[i]);
      g_assert_cmpint (rename (from, to), ==, 0);
    }
  /* Without a sync a message is found under its new name. */
  g_autofree char *renamed = message_text (inbox, 1);
  g_assert_cmpstr (renamed, ==, "ours\r\n");
  sync_later (inbox);
  assert_view (inbox, "1:4 2:4 3:1");
  /* Letters that mean nothing to us survive our renames. */
  g_assert_true (change_flags (inbox, 3, 3, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_ANSWERED, NULL, NULL));
  g_autofree char *kept = place_path (&place, "cur/1600000001.foreign2.host,S=4:2,PRSz");
  g_assert_true (g_file_test (kept, G_FILE_TEST_EXISTS));
  g_assert_cmpint (unlink (kept), ==, 0);
  sync_later (inbox);
  assert_view (inbox, "1:4 2:4");
  g_assert_null (message_text (inbox, 3));
  /* UIDs of foreign files survive the loss of the index. */
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  g_assert_cmpint (unlink (index), ==, 0);
  place_put (&place, "new/1500000000.foreign3.host", "older, but later\n");
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autofree char *view = describe (inbox);
  g_assert_true (g_str_has_prefix (view, "1:4 2:4 "));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* What is planted is no message, is not followed, and blocks nobody. */
static void
test_planted (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "ours\r\n", 0, NULL, NULL);
  g_autofree char *link_path = place_path (&place, "new/1.link.host"),
                  *fifo = place_path (&place, "cur/2.fifo.host:2,"),
                  *dir = place_path (&place, "cur/3.dir.host:2,"),
                  *secret = g_build_filename (place.root, "secret", NULL);
  g_assert_true (g_file_set_contents (secret, "secret\n", -1, NULL));
  g_assert_cmpint (symlink (secret, link_path), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  sync_later (inbox);
  assert_view (inbox, "1:0");
  /* A message swapped for a link or a FIFO while we know its name. */
  g_autoptr (GPtrArray) files = place_files (&place, "new");
  g_autofree char *ours = place_path (&place, "new/%s", (char *) files->pdata[0]);
  g_assert_cmpint (unlink (ours), ==, 0);
  g_assert_cmpint (symlink (secret, ours), ==, 0);
  g_assert_null (message_text (inbox, 1));
  g_assert_cmpint (unlink (ours), ==, 0);
  g_assert_cmpint (mkfifo (ours, 0600), ==, 0);
  g_assert_null (message_text (inbox, 1));
  satchel_mailbox_unref (inbox);
  place_close (&place);
  /* Our own files as FIFOs or links. */
  static const char *const own[] = { MD_INDEX_FILE, MD_CACHE_FILE, MD_UIDLIST_FILE, MD_KEYWORDS_FILE,
                                     MD_USER_FILE };
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    {
      g_autofree char *path = place_path (&place, "%s", own[i]);
      unlink (path);
      g_assert_cmpint (i % 2 ? symlink (secret, path) : mkfifo (path, 0600), ==, 0);
    }
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  place_put (&place, "new/9.foreign.host", "x\n");
  sync_later (inbox);
  g_assert_cmpuint (
      append_text (inbox, "again\r\n", SATCHEL_FLAG_SEEN, (const char *const[]) { "K", NULL }, NULL), >, 0);
  g_autofree char *untouched = NULL;
  g_assert_true (g_file_get_contents (secret, &untouched, NULL, NULL));
  g_assert_cmpstr (untouched, ==, "secret\n");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* A name with a UID of ours that cannot be: each file is a message of its own and no UID comes twice. */
static void
test_forged_names (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  append_text (inbox, "two\r\n", 0, NULL, NULL);
  g_assert_true (expunge (inbox, 2, 2, NULL));
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  guint32 v = snapshot->state.uidvalidity;
  g_autofree char *taken = g_strdup_printf ("new/1.a.h,U=%u.1", v),
                  *gone = g_strdup_printf ("new/2.b.h,U=%u.2", v),
                  *high = g_strdup_printf ("new/3.c.h,U=%u.4000000000", v),
                  *other = g_strdup_printf ("new/4.d.h,U=%u.9", v - 7);
  place_put (&place, taken, "a\n");
  place_put (&place, gone, "b\n");
  place_put (&place, high, "c\n");
  place_put (&place, other, "d\n");
  sync_later (inbox);
  assert_view (inbox, "1:0 3:0 4:0 5:0 6:0");
  g_assert_cmpuint (append_text (inbox, "next\r\n", 0, NULL, NULL), ==, 7);
  /* The same files without the index. */
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  g_assert_cmpint (unlink (index), ==, 0);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autofree char *one = message_text (inbox, 1), *three = message_text (inbox, 3);
  g_assert_cmpstr (one, ==, "one\r\n");
  g_assert_cmpstr (three, ==, "a\r\n");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Names that a list of lines cannot hold: their UIDs survive the loss of the index all the same. */
static void
test_line_ends (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  place_put (&place, "new/5.a\nb.host", "first\n");
  place_put (&place, "cur/6.c.host\r:2,S", "second\n");
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  sync_later (inbox);
  assert_view (inbox, "1:0 2:1");
  append_text (inbox, "third\r\n", 0, NULL, NULL);
  g_assert_true (expunge (inbox, 1, 1, NULL));
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  g_assert_cmpint (unlink (index), ==, 0);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  assert_view (inbox, "2:1 3:0");
  g_autofree char *second = message_text (inbox, 2);
  g_assert_cmpstr (second, ==, "second\r\n");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Two files of one base name are two messages. */
static void
test_double_base (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  place_put (&place, "cur/5.same.host:2,S", "first\n");
  place_put (&place, "cur/5.same.host:2,F", "second\n");
  place_put (&place, "new/5.same.host", "third\n");
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  sync_later (inbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 3);
  g_autoptr (GString) all = g_string_new (NULL);
  for (guint32 uid = 1; uid <= 3; uid++)
    {
      g_autofree char *text = message_text (inbox, uid);
      g_string_append (all, text);
    }
  g_assert_nonnull (strstr (all->str, "first"));
  g_assert_nonnull (strstr (all->str, "second"));
  g_assert_nonnull (strstr (all->str, "third"));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* One file that a power cut left in new/ and cur/, on a file system that allows it, is one message, with its
 * UID if it had one. */
static void
test_one_file_two_names (void)
{
  for (guint known = 0; known < 2; known++)
    {
      Place place;
      place_make (&place);
      place_put (&place, "new/5.same.host", "text\n");
      place_open (&place);
      SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
      if (known == 0)
        {
          satchel_mailbox_unref (inbox);
          place_close (&place);
          g_autofree char *index = place_path (&place, "satchel-index");
          unlink (index);
        }
      g_autofree char *from = place_path (&place, "new/5.same.host"),
                      *to = place_path (&place, "cur/5.same.host:2,S");
      g_assert_cmpint (link (from, to), ==, 0);
      if (known == 0)
        {
          place_open (&place);
          inbox = place_mailbox (&place, "INBOX");
        }
      else
        sync_later (inbox);
      g_autofree char *now = describe (inbox), *text = message_text (inbox, 1);
      g_assert_cmpstr (now, ==, "1:1");
      g_assert_cmpstr (text, ==, "text\r\n");
      g_autoptr (GPtrArray) old = place_files (&place, "new");
      g_autoptr (GPtrArray) files = place_files (&place, "cur");
      g_assert_cmpuint (old->len, ==, 0);
      g_assert_cmpuint (files->len, ==, 1);
      satchel_mailbox_unref (inbox);
      place_remove (&place);
    }
}

static void
test_names (void)
{
  static const char *const names[] = { "A",
                                       "A/B",
                                       "Dots.in.name",
                                       "\303\234ml\303\244ut/\346\227\245\346\234\254",
                                       "R&D/a&b",
                                       "\360\237\223\254",
                                       "INBOX/child",
                                       "&",
                                       "sp ace",
                                       "x.\303\251.y",
                                       "..." };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *dir = md_folder_dir (MD_LAYOUT_PLUS, names[i], NULL);
      g_assert_nonnull (dir);
      g_autofree char *name = md_folder_name (MD_LAYOUT_PLUS, dir);
      g_assert_cmpstr (name, ==, names[i]);
    }
  g_autofree char *dotted = md_folder_dir (MD_LAYOUT_PLUS, "a.b", NULL);
  g_assert_cmpstr (dotted, ==, ".a&AC4-b");
  static const char *const foreign[] = { "..",     ".",         ".A..B",     ".a&",    ".a&AGE-",
                                         ".a&!-",  ".\303\244", ".&AC8-",    ".&2AA-", ".inbox",
                                         ".INBOX", ".&AC4-",    ".&AC4ALg-", ".A." };
  for (guint i = 0; i < G_N_ELEMENTS (foreign); i++)
    g_assert_null (md_folder_name (MD_LAYOUT_PLUS, foreign[i]));
  g_autofree char *big = g_strnfill (256, 'x');
  g_assert_null (md_folder_dir (MD_LAYOUT_PLUS, big, NULL));
}

static void
test_tree (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  GError *error = NULL;
  g_assert_true (satchel_store_create (place.store, "A", 0, &error));
  g_assert_true (satchel_store_create (place.store, "A/B", SATCHEL_USE_SENT, &error));
  g_assert_true (satchel_store_create (place.store, "AB", 0, &error));
  SatchelMailbox *child = place_mailbox (&place, "A/B");
  append_text (child, "in b\r\n", 0, NULL, NULL);
  g_assert_true (satchel_store_rename (place.store, "A", "Z/Y", &error));
  g_autofree char *name = satchel_mailbox_name (child);
  g_assert_cmpstr (name, ==, "Z/Y/B");
  g_assert_cmpuint (append_text (child, "more\r\n", 0, NULL, NULL), ==, 2);
  g_autofree char *sent = satchel_store_find_special_use (place.store, SATCHEL_USE_SENT, NULL);
  g_assert_cmpstr (sent, ==, "Z/Y/B");
  /* Deleted with a child left: a name that cannot be selected. */
  g_assert_true (satchel_store_delete (place.store, "Z/Y", &error));
  g_autoptr (GPtrArray) infos = satchel_store_list (place.store, &error);
  g_assert_no_error (error);
  g_autoptr (GString) list = g_string_new (NULL);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      g_string_append_printf (list, "%s%s ", info->name, info->is_selectable ? "" : "(noselect)");
    }
  g_assert_cmpstr (list->str, ==, "INBOX AB Z(noselect) Z/Y(noselect) Z/Y/B ");
  /* INBOX stays when it is renamed. */
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "in inbox\r\n", SATCHEL_FLAG_SEEN, NULL, NULL);
  append_text (inbox, "two\r\n", 0, NULL, NULL);
  g_assert_true (satchel_store_rename (place.store, "INBOX", "Old", &error));
  assert_view (inbox, "");
  SatchelMailbox *old = place_mailbox (&place, "Old");
  assert_view (old, "1:1 2:0");
  /* A new UIDVALIDITY even within one second. */
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (old);
  satchel_mailbox_unref (old);
  g_assert_true (satchel_store_delete (place.store, "Old", &error));
  g_assert_true (satchel_store_create (place.store, "Old", 0, &error));
  old = place_mailbox (&place, "Old");
  g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (old);
  g_assert_cmpuint (after->state.uidvalidity, !=, before->state.uidvalidity);
  satchel_mailbox_unref (old);
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (child);
  place_remove (&place);
}

/* A Maildir of another server: UIDs, UIDVALIDITY, keywords and subscriptions stay. */
static void
test_adopt (void)
{
  Place place;
  place_make (&place);
  place_put (&place, "cur/1600000000.M1P1.h,S=6,W=7:2,Sb", "hello\n");
  place_put (&place, "cur/1600000300.M2P1.h,S=6,W=7:2,", "world\n");
  place_put (&place, "dovecot-uidlist",
             "3 V1234567 N20 Gabc\n7 W7 :1600000300.M2P1.h,S=6,W=7\n12 :1600000000.M1P1.h,S=6,W=7\n");
  place_put (&place, "dovecot-keywords", "0 $Junk\n1 Work\n");
  place_put (&place, "subscriptions", "Sent\nA.B\n");
  place_put (&place, ".Sent/cur/1.x.h:2,", "sent\n");
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  assert_view (inbox, "7:0 12:1");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.uidvalidity, ==, 1234567);
  g_assert_cmpuint (snapshot->state.uidnext, ==, 20);
  g_autofree char *first = message_text (inbox, 7);
  g_assert_cmpstr (first, ==, "world\r\n");
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, 1, &row);
  SatchelKeywordSet work = { { 0 } }, set = satchel_chunk_keywords (chunk, row);
  satchel_keyword_set_add (&work, (guint) satchel_snapshot_keyword (snapshot, "Work"));
  g_assert_true (satchel_keyword_set_equal (&set, &work));
  g_autoptr (GPtrArray) infos = satchel_store_list (place.store, NULL);
  guint subscribed = 0;
  for (guint i = 0; i < infos->len; i++)
    subscribed += ((SatchelMailboxInfo *) infos->pdata[i])->is_subscribed;
  g_assert_cmpuint (subscribed, ==, 2);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Readers beside commits: each sees whole messages, and at the end everything adds up. */
typedef struct Crowd
{
  SatchelMailbox *mailbox;
  gint stop, n_read;
} Crowd;

static gpointer
append_many (gpointer data)
{
  Crowd *crowd = data;
  for (int i = 0; i < 40; i++)
    {
      GError *error = NULL;
      guint32 uid = append_text (crowd->mailbox, "Subject: x\r\n\r\ncrowd\r\n", 0, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (change_flags (crowd->mailbox, 1, uid, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, NULL));
      if (i % 4 == 0)
        g_assert_true (expunge (crowd->mailbox, uid, uid, NULL));
    }
  return NULL;
}

static gpointer
read_many (gpointer data)
{
  Crowd *crowd = data;
  while (g_atomic_int_get (&crowd->stop) == 0)
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (crowd->mailbox);
      for (guint32 i = 0; i < snapshot->state.n_messages; i++)
        {
          guint row;
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
          g_autofree char *text = message_text (crowd->mailbox, chunk->uid[row]);
          if (text == NULL)
            continue; /* expunged meanwhile */
          g_assert_cmpstr (text, ==, "Subject: x\r\n\r\ncrowd\r\n");
          GBytes *attributes = NULL;
          satchel_mailbox_attributes (crowd->mailbox, &chunk->uid[row], 1, &attributes, NULL, NULL);
          g_clear_pointer (&attributes, g_bytes_unref);
          g_atomic_int_inc (&crowd->n_read);
        }
      satchel_mailbox_sync (crowd->mailbox, NULL);
    }
  return NULL;
}

static void
test_crowd (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  Crowd crowd = { .mailbox = place_mailbox (&place, "INBOX") };
  append_text (crowd.mailbox, "Subject: x\r\n\r\ncrowd\r\n", 0, NULL, NULL);
  GThread *writers[3], *readers[2];
  for (guint i = 0; i < 3; i++)
    writers[i] = g_thread_new ("append", append_many, &crowd);
  for (guint i = 0; i < 2; i++)
    readers[i] = g_thread_new ("read", read_many, &crowd);
  for (guint i = 0; i < 3; i++)
    g_thread_join (writers[i]);
  while (g_atomic_int_get (&crowd.n_read) == 0)
    g_usleep (1000);
  g_atomic_int_set (&crowd.stop, 1);
  for (guint i = 0; i < 2; i++)
    g_thread_join (readers[i]);
  reopen (&place, &crowd.mailbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (crowd.mailbox);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 1 + 3 * 30);
  g_assert_cmpuint (snapshot->state.n_unseen, ==, 0);
  g_assert_cmpuint (snapshot->state.uidnext, ==, 1 + 1 + 3 * 40);
  satchel_mailbox_unref (crowd.mailbox);
  place_remove (&place);
}

/* One spooled file for many: linked where all lines end in CRLF, told back as it was sent. */
static void
test_spooled (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *spool = g_build_filename (place.root, "spool", NULL);
  g_autofree char *file = g_build_filename (spool, "one", NULL);
  g_assert_cmpint (g_mkdir_with_parents (spool, 0700), ==, 0);
  g_assert_true (g_file_set_contents (file, "Subject: s\n\nbody\n", -1, NULL));
  GError *error = NULL;
  SatchelStage *stage = satchel_stage_new_spooled (place.store, "spool/one", TRUE, 20, NULL, &error);
  g_assert_no_error (error);
  SatchelTransaction *transaction = satchel_transaction_new (place.store);
  satchel_transaction_append (transaction, inbox, stage, 0, NULL, 1500000000);
  g_assert_true (satchel_transaction_commit (transaction, &error));
  satchel_transaction_free (transaction); /* it holds the store */
  g_assert_cmpint (unlink (file), ==, 0);
  reopen (&place, &inbox);
  g_autofree char *text = message_text (inbox, 1);
  g_assert_cmpstr (text, ==, "Subject: s\r\n\r\nbody\r\n");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static void
test_recent (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  guint32 first = 0;
  g_assert_true (satchel_mailbox_claim_recent (inbox, 2, &first, NULL));
  g_assert_cmpuint (first, ==, 1);
  reopen (&place, &inbox);
  g_assert_true (satchel_mailbox_claim_recent (inbox, 2, &first, NULL));
  g_assert_cmpuint (first, ==, 2);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
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

static MdSys real_calls;

/* Files whose names begin with "old" are of two days ago; those with "set" only by the time that a program
 * can set. */
static int
fstatat_of_old (int dirfd, const char *path, struct stat *st, int flags)
{
  int result = real_calls.fstatat (dirfd, path, st, flags);
  const time_t ago = time (NULL) - 48 * 3600;
  if (g_str_has_prefix (path, "old"))
    st->st_mtime = st->st_ctime = ago;
  else if (g_str_has_prefix (path, "set"))
    st->st_mtime = ago;
  return result;
}

/* tmp/ is cleared of what lies there for days, and of nothing else: other programs deliver by way of it. */
static void
test_sweep (void)
{
  Place place;
  place_make (&place);
  place_put (&place, "tmp/old", "x");
  place_put (&place, "tmp/set", "x");
  place_put (&place, "tmp/fresh", "x");
  real_calls = md_calls;
  md_calls.fstatat = fstatat_of_old;
  place_open (&place);
  md_sys_reset ();
  g_autoptr (GPtrArray) left = place_files (&place, "tmp");
  g_assert_cmpuint (left->len, ==, 2);
  g_assert_cmpstr (left->pdata[0], ==, "fresh");
  g_assert_cmpstr (left->pdata[1], ==, "set");
  place_remove (&place);
}

/* Content that nobody takes leaves no file. */
static void
test_dropped (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  g_autofree char *text = g_strnfill (1 << 20, 'x');
  for (int finished = 0; finished < 2; finished++)
    {
      SatchelStage *stage = satchel_stage_new (place.store, 0, &error);
      g_assert_true (satchel_stage_write (stage, text, 1 << 20, &error));
      g_autoptr (GPtrArray) files = place_files (&place, "tmp");
      g_assert_cmpuint (files->len, ==, 1);
      g_assert_true (!finished || satchel_stage_finish (stage, &error));
      satchel_stage_free (stage);
      g_autoptr (GPtrArray) left = place_files (&place, "tmp");
      g_assert_cmpuint (left->len, ==, 0);
    }
  place_remove (&place);
}

/* Each of our files says what it is, its version, and the oldest that can read it: programs of a later
 * version go by that. */
static void
test_versions (void)
{
  static const struct
  {
    const char *name, *magic;
    gsize at; /* of the version */
  } files[] = { { "satchel-state", "SATSLOTS", 8 },
                { "satchel-modseq", "SATSLOTS", 8 },
                { "satchel-journal", "SATJRNAL", 8 },
                { "satchel-cache", "SATCACHE", 16 } };
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "Subject: a\r\n\r\na\r\n", 0, NULL, &error);
  append_text (inbox, "Subject: b\r\n\r\nb\r\n", 0, NULL, &error);
  g_assert_true (change_flags (inbox, 1, 2, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, &error));
  satchel_mailbox_unref (inbox);
  place_close (&place);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = place_path (&place, "%s", files[i].name), *text = NULL;
      guint32 versions[2];
      gsize len;
      g_test_message ("%s", files[i].name);
      g_assert_true (g_file_get_contents (path, &text, &len, NULL));
      g_assert_cmpuint (len, >=, files[i].at + sizeof versions);
      g_assert_cmpmem (text, 8, files[i].magic, 8);
      memcpy (versions, text + files[i].at, sizeof versions);
      g_assert_cmpuint (versions[0], >=, 1);
      g_assert_cmpuint (versions[1], >=, 1);
      g_assert_cmpuint (versions[1], <=, versions[0]);
    }
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/content/roundtrip", test_roundtrip);
  g_test_add_func ("/maildir/content/roundtrip-big", test_roundtrip_big);
  g_test_add_func ("/maildir/flags/names", test_flags);
  g_test_add_func ("/maildir/flags/reopened", test_flags_reopened);
  g_test_add_func ("/maildir/flags/many-keywords", test_many_keywords);
  g_test_add_data_func ("/maildir/flags/copy-at-bound", NULL, test_copy_at_bound);
  g_test_add_data_func ("/maildir/flags/move-at-bound", GINT_TO_POINTER (1), test_copy_at_bound);
  g_test_add_func ("/maildir/flags/old-index", test_old_index);
  g_test_add_func ("/maildir/commit/copy-move-expunge", test_copy_move_expunge);
  g_test_add_func ("/maildir/outside/changes", test_outside);
  g_test_add_func ("/maildir/outside/before-a-commit", test_before_a_commit);
  g_test_add_func ("/maildir/outside/planted", test_planted);
  g_test_add_func ("/maildir/outside/forged-names", test_forged_names);
  g_test_add_func ("/maildir/outside/line-ends", test_line_ends);
  g_test_add_func ("/maildir/outside/double-base", test_double_base);
  g_test_add_func ("/maildir/outside/one-file-two-names", test_one_file_two_names);
  g_test_add_func ("/maildir/names/bijective", test_names);
  g_test_add_func ("/maildir/names/tree", test_tree);
  g_test_add_func ("/maildir/names/adopt", test_adopt);
  g_test_add_func ("/maildir/state/recent", test_recent);
  g_test_add_func ("/maildir/flags/removed", test_keyword_removed);
  g_test_add_func ("/maildir/state/sweep", test_sweep);
  g_test_add_func ("/maildir/content/dropped", test_dropped);
  g_test_add_func ("/maildir/content/spooled", test_spooled);
  g_test_add_func ("/maildir/commit/crowd", test_crowd);
  g_test_add_func ("/maildir/versions", test_versions);
  return g_test_run ();
}
