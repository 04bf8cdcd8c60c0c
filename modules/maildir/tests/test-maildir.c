/* SPDX-License-Identifier: MIT
 * The maildir driver through the storage API: what is on disk, names of mailboxes, and what is told.
 */
#include "config.h"

#include "modules/maildir/names/folder_name.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/harness.h"

#include <string.h>
#include <unistd.h>

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
      place_reopen (&place, &inbox);
    }
  /* LF on disk where that is reversible. */
  g_autoptr (GPtrArray) files = place_files (&place, "new");
  g_assert_cmpuint (files->len, ==, G_N_ELEMENTS (texts));
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Content comes to the driver in pieces; wherever these end, it is read back as it came, and a file that was
 * begun in the wrong form is gone. */
static void
test_cut_anywhere (void)
{
  static const char *const ends[] = { "\r\nend\r\n", "\r\r\nend\r\n", "\nend\r\n", "\r" };
  const guint piece = 65536;
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *line = g_strnfill (piece + 2, 'x');
  for (guint len = piece - 3; len <= piece + 1; len++)
    for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
      {
        g_autofree char *text = g_strdup_printf ("%.*s%s", (int) len, line, ends[i]);
        guint32 uid = append_text (inbox, text, 0, NULL, &error);
        g_assert_no_error (error);
        g_autofree char *got = message_text (inbox, uid);
        g_assert_true (strcmp (got, text) == 0);
      }
  g_autoptr (GPtrArray) left = place_files (&place, "tmp");
  g_assert_cmpuint (left->len, ==, 0);
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
  place_reopen (&place, &inbox);
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
  place_reopen (&place, &crowd.mailbox);
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
  place_reopen (&place, &inbox);
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
  place_reopen (&place, &inbox);
  g_assert_true (satchel_mailbox_claim_recent (inbox, 2, &first, NULL));
  g_assert_cmpuint (first, ==, 2);
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
  g_test_add_func ("/maildir/content/cut-anywhere", test_cut_anywhere);
  g_test_add_func ("/maildir/commit/copy-move-expunge", test_copy_move_expunge);
  g_test_add_func ("/maildir/names/bijective", test_names);
  g_test_add_func ("/maildir/names/tree", test_tree);
  g_test_add_func ("/maildir/names/adopt", test_adopt);
  g_test_add_func ("/maildir/state/recent", test_recent);
  g_test_add_func ("/maildir/state/sweep", test_sweep);
  g_test_add_func ("/maildir/content/dropped", test_dropped);
  g_test_add_func ("/maildir/content/spooled", test_spooled);
  g_test_add_func ("/maildir/commit/crowd", test_crowd);
  g_test_add_func ("/maildir/versions", test_versions);
  return g_test_run ();
}
