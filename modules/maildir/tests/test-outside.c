/* SPDX-License-Identifier: MIT
 * What other programs do to a Maildir, and names of files that somebody else made up.
 */
#include "config.h"

#include "modules/maildir/index/cache.h"
#include "modules/maildir/index/index_format.h"
#include "modules/maildir/names/keyword_letters.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/foreign/uidlist.h"
#include "modules/maildir/store/user_file.h"
#include "modules/maildir/tests/harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static guint n_renames_to_lose;

/* Another program is faster: it gives the file the flag F just before the driver renames it. */
static int
lose_rename (int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
  if (n_renames_to_lose > 0 && strstr (newpath, ":2,") != NULL)
    {
      g_autofree char *taken = g_strconcat (oldpath, strstr (oldpath, ":2,") == NULL ? ":2,F" : "F", NULL);
      n_renames_to_lose--;
      g_assert_cmpint (renameat (olddirfd, oldpath, olddirfd, taken), ==, 0);
    }
  return renameat (olddirfd, oldpath, newdirfd, newpath);
}

/* What another program renames in the middle of a commit is looked for again and changed under its new name;
 * the client hears that once that is so. */
static void
test_during_a_commit (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", SATCHEL_FLAG_DRAFT, NULL, NULL);
  md_calls.renameat = lose_rename;
  n_renames_to_lose = 1;
  g_assert_true (change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, &error));
  g_assert_no_error (error);
  md_sys_reset ();
  g_assert_cmpuint (n_renames_to_lose, ==, 0);
  g_autoptr (GPtrArray) files = place_files (&place, "cur");
  g_assert_cmpuint (files->len, ==, 1);
  g_assert_true (g_str_has_suffix (files->pdata[0], ":2,DFS"));
  place_reopen (&place, &inbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (snapshot->state.n_unseen, ==, 0);
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/outside/changes", test_outside);
  g_test_add_func ("/maildir/outside/before-a-commit", test_before_a_commit);
  g_test_add_func ("/maildir/outside/during-a-commit", test_during_a_commit);
  g_test_add_func ("/maildir/outside/planted", test_planted);
  g_test_add_func ("/maildir/outside/forged-names", test_forged_names);
  g_test_add_func ("/maildir/outside/line-ends", test_line_ends);
  g_test_add_func ("/maildir/outside/double-base", test_double_base);
  g_test_add_func ("/maildir/outside/one-file-two-names", test_one_file_two_names);
  return g_test_run ();
}
