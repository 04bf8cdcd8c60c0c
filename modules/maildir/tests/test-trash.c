/* SPDX-License-Identifier: MIT
 * What is removed is gone from the disk: mailboxes that were deleted, and what an earlier process left
 * behind.
 */
#include "config.h"

#include "modules/maildir/names/folder_name.h"
#include "modules/maildir/tests/harness.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files below @path whose content has @text. */
static guint
count_with (const char *path, const char *text)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL), *content = NULL;
      gsize len;
      if (g_file_test (inner, G_FILE_TEST_IS_DIR) && !g_file_test (inner, G_FILE_TEST_IS_SYMLINK))
        n += count_with (inner, text);
      else if (g_file_get_contents (inner, &content, &len, NULL))
        n += g_strstr_len (content, (gssize) len, text) != NULL;
    }
  return n;
}

static gboolean
exists (const Place *place, const char *relative)
{
  struct stat st;
  g_autofree char *path = place_path (place, "%s", relative);
  return lstat (path, &st) == 0;
}

/* After DELETE no copy of the mail is left, and nothing of the mailbox. */
static void
test_deleted (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "box", 0, &error));
  SatchelMailbox *box = place_mailbox (&place, "box"), *inbox = place_mailbox (&place, "INBOX");
  append_text (box, "Subject: secret\r\n\r\nprivate words\r\n", 0, NULL, &error);
  append_text (box, "Subject: secret\r\n\r\nprivate words\r\n", SATCHEL_FLAG_SEEN, NULL, &error);
  append_text (inbox, "Subject: other\r\n\r\nother words\r\n", 0, NULL, &error);
  g_assert_cmpuint (count_with (place.user, "private words"), ==, 2);
  satchel_mailbox_unref (box);
  satchel_mailbox_unref (inbox);
  g_assert_true (satchel_store_delete (place.store, "box", &error));
  place_close (&place);
  g_assert_cmpuint (count_with (place.user, "private words"), ==, 0);
  g_assert_cmpuint (count_with (place.user, "other words"), ==, 1);
  g_assert_false (exists (&place, ".box"));
  g_autoptr (GPtrArray) trash = place_files (&place, MD_TRASH_DIR);
  g_assert_cmpuint (trash->len, ==, 0);
  place_remove (&place);
}

static void
fill_trash (Place *place)
{
  g_autofree char *target = place_path (place, "target"), *directory = place_path (place, "kept");
  g_autofree char *link = place_path (place, MD_TRASH_DIR "/one/link"),
                  *link_to_directory = place_path (place, MD_TRASH_DIR "/one/way");
  place_put (place, "target", "left alone");
  place_put (place, "kept/file", "left alone");
  place_put (place, MD_TRASH_DIR "/file", "left behind");
  place_put (place, MD_TRASH_DIR "/one/cur/message", "left behind");
  place_put (place, MD_TRASH_DIR "/one/new/message", "left behind");
  place_put (place, MD_TRASH_DIR "/two/one/cur/message", "left behind");
  g_assert_cmpint (symlink (target, link), ==, 0);
  g_assert_cmpint (symlink (directory, link_to_directory), ==, 0);
}

static void
forget_last_sweep (Place *place)
{
  g_autoptr (GPtrArray) files = place_files (place, ".");
  guint n = 0;
  for (guint i = 0; i < files->len; i++)
    if (strstr (files->pdata[i], "swept") != NULL)
      {
        g_autofree char *path = place_path (place, "%s", (char *) files->pdata[i]);
        g_assert_cmpint (g_unlink (path), ==, 0);
        n++;
      }
  g_assert_cmpuint (n, ==, 1);
}

/* What a process that ended in the middle of a removal left goes when the store is opened, once a while;
 * links are removed, and not what they lead to. */
static void
test_left_behind (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  place_close (&place);
  fill_trash (&place);
  place_open (&place); /* too soon after the last time */
  place_close (&place);
  g_assert_cmpuint (count_with (place.user, "left behind"), ==, 4);
  forget_last_sweep (&place);
  place_open (&place);
  place_close (&place);
  g_assert_cmpuint (count_with (place.user, "left behind"), ==, 0);
  g_assert_false (exists (&place, MD_TRASH_DIR "/one"));
  g_assert_false (exists (&place, MD_TRASH_DIR "/two"));
  g_assert_false (exists (&place, MD_TRASH_DIR "/file"));
  g_assert_cmpuint (count_with (place.user, "left alone"), ==, 2);
  place_remove (&place);
}

/* A tree that is deeper than any of ours was planted: it costs a bounded number of levels. */
static void
test_planted (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  place_close (&place);
  place_put (&place, MD_TRASH_DIR "/1/2/3/4/fits", "left behind");
  place_put (&place, MD_TRASH_DIR "/a/b/c/d/e/deeper", "planted");
  forget_last_sweep (&place);
  place_open (&place);
  place_close (&place);
  g_assert_cmpuint (count_with (place.user, "left behind"), ==, 0);
  g_assert_cmpuint (count_with (place.user, "planted"), ==, 1);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/maildir/trash/deleted", test_deleted);
  g_test_add_func ("/maildir/trash/left-behind", test_left_behind);
  g_test_add_func ("/maildir/trash/planted", test_planted);
  return g_test_run ();
}
