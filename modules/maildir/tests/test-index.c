/* SPDX-License-Identifier: MIT
 * The index of a mailbox: of earlier versions, marked, and how much is read and written with it.
 */
#include "config.h"

#include "modules/maildir/mailbox/mailbox.h"
#include "modules/maildir/tests/faults.h"
#include "modules/maildir/tests/harness.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An index that is whole but of an earlier time, as from a backup, gives no UID again. */
static void
test_old_index (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  g_autofree char *old = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (index, &old, &len, NULL));
  append_text (inbox, "two\r\n", 0, NULL, NULL);
  g_assert_true (expunge (inbox, 2, 2, NULL));
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (inbox);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_assert_true (g_file_set_contents (index, old, (gssize) len, NULL));
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (after->state.uidvalidity, ==, before->state.uidvalidity);
  g_assert_cmpuint (after->state.highestmodseq, >, before->state.highestmodseq);
  g_assert_cmpuint (append_text (inbox, "three\r\n", 0, NULL, NULL), >, 2);
  g_autofree char *text = message_text (inbox, 1);
  g_assert_cmpstr (text, ==, "one\r\n");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static void
test_cost_of_open (void)
{
  const guint n = 20000;
  Place place;
  place_make (&place);
  place_put (&place, "new/1.first.host", "x\n");
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *path = place_path (&place, "cur/%u.M%06uP1.bench,S=2,W=3:2,", 1600000000 + i * 300, i);
      if (i == 0)
        {
          g_autofree char *dir = g_path_get_dirname (path);
          g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
        }
      int fd = open (path, O_CREAT | O_WRONLY, 0600);
      g_assert_cmpint (fd, >=, 0);
      close (fd);
    }
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *first = describe (inbox);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  for (int lost = 0; lost < 2; lost++)
    {
      g_autofree char *index = place_path (&place, MD_INDEX_FILE);
      if (lost)
        unlink (index);
      place_open (&place);
      faults_start (0, FAULT_ERROR, 0, FALSE);
      inbox = place_mailbox (&place, "INBOX");
      faults_stop ();
      /* No stat, open or sync a message, with the index or without. */
      g_assert_cmpuint (fault_counts.all, <, 200);
      g_assert_cmpuint (fault_counts.fstatat, <, 10);
      g_assert_cmpuint (fault_counts.sync, <, 8);
      if (!lost)
        g_assert_cmpuint (fault_counts.getdents, <=, 16);
      g_autofree char *view = describe (inbox);
      g_assert_true (g_str_equal (view, first));
      satchel_mailbox_unref (inbox);
      place_close (&place);
    }
  place_remove (&place);
}

/* A copy takes along what is known of the structure of its message, so that the file need not be read again.
 */
static void
test_cost_of_copy (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "other", 0, NULL));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *other = place_mailbox (&place, "other");
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (append_text (inbox, "Subject: copied\r\n\r\ntext\r\n", 0, NULL, &error), ==, i + 1);
  g_assert_true (transfer (inbox, 1, 2, other, FALSE, &error));
  g_assert_true (transfer (inbox, 3, 3, other, TRUE, &error));
  for (guint32 uid = 1; uid <= 3; uid++)
    {
      GBytes *attributes = NULL;
      faults_start (0, FAULT_ERROR, 0, FALSE);
      g_assert_true (satchel_mailbox_attributes (other, &uid, 1, &attributes, NULL, &error));
      faults_stop ();
      g_assert_nonnull (attributes);
      g_assert_cmpuint (fault_counts.openat, ==, 0);
      g_bytes_unref (attributes);
    }
  satchel_mailbox_unref (other);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* A byte behind the last frame, with which the driver marks an index that says more than is true, makes the
 * directories decide: mod-sequences rise, so that clients ask for all flags again. */
static void
test_marked_index (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append_text (inbox, "one\r\n", 0, NULL, NULL);
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (inbox);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  int fd = open (index, O_WRONLY | O_APPEND);
  g_assert_cmpint (write (fd, "", 1), ==, 1);
  close (fd);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) after = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (after->state.n_messages, ==, 1);
  g_assert_cmpuint (after->state.highestmodseq, >, before->state.highestmodseq);
  g_assert_cmpuint (after->state.history_start, >, before->state.highestmodseq);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* The change after the old index was none of names or directories, so only the hint in the state file shows
 * it. */
static void
test_status_of_old_index (void)
{
  static const char *const last[] = { "one-more", NULL };
  const char *names[28] = { NULL };
  char texts[27][8];
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_snprintf (texts[i], sizeof texts[i], "word%u", i);
      names[i] = texts[i];
    }
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_assert_cmpuint (append_text (inbox, "one\r\n", 0, names, &error), ==, 1);
  /* Times of a while ago, which nothing can have changed unseen. */
  const struct timespec times[2] = { { 1600000000, 1 }, { 1600000000, 1 } };
  g_autofree char *new_dir = place_path (&place, "new"), *cur_dir = place_path (&place, "cur");
  g_assert_cmpint (utimensat (AT_FDCWD, new_dir, times, 0), ==, 0);
  g_assert_cmpint (utimensat (AT_FDCWD, cur_dir, times, 0), ==, 0);
  sync_later (inbox);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE), *old = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (index, &old, &len, NULL));
  place_open (&place);
  SatchelMailboxState state;
  faults_start (0, FAULT_ERROR, 0, FALSE);
  g_assert_true (satchel_store_status (place.store, "INBOX", &state, &error));
  faults_stop ();
  g_assert_cmpuint (fault_counts.getdents, ==, 0); /* such an index answers by itself */
  inbox = place_mailbox (&place, "INBOX");
  g_assert_true (change_flags (inbox, 1, 1, SATCHEL_FLAGS_ADD, 0, last, &error));
  sync_later (inbox);
  g_autoptr (SatchelSnapshot) before = satchel_mailbox_snapshot (inbox);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_assert_true (g_file_set_contents (index, old, (gssize) len, NULL));
  place_open (&place);
  g_assert_true (satchel_store_status (place.store, "INBOX", &state, &error));
  g_assert_cmpuint (state.highestmodseq, >=, before->state.highestmodseq);
  place_remove (&place);
}

/* What is known of the structure of messages stays known, also of those that came before and after a restart.
 */
static void
test_cost_of_reopened (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  place_make (&place);
  for (guint32 uid = 1; uid <= 3; uid++)
    {
      place_open (&place);
      SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
      g_assert_cmpuint (append_text (inbox, "Subject: kept\r\n\r\ntext\r\n", 0, NULL, &error), ==, uid);
      satchel_mailbox_unref (inbox);
      place_close (&place);
    }
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  const guint32 uids[] = { 1, 2, 3 };
  GBytes *attributes[3] = { NULL };
  faults_start (0, FAULT_ERROR, 0, FALSE);
  g_assert_true (satchel_mailbox_attributes (inbox, uids, 3, attributes, NULL, &error));
  faults_stop ();
  g_assert_cmpuint (fault_counts.openat, <=, 1); /* the cache, but no message */
  for (guint i = 0; i < 3; i++)
    {
      g_assert_nonnull (attributes[i]);
      g_bytes_unref (attributes[i]);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  /* In memory where there is room: the calls count here, not the disk. */
  if (access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/damage/old-index", test_old_index);
  g_test_add_func ("/maildir/damage/marked-index", test_marked_index);
  /* A directory is read again where its times tell too little, so that these count calls with exact times
   * only. */
  if (g_getenv ("MAILDIR_TIMES") == NULL)
    {
      g_test_add_func ("/maildir/damage/old-index-status", test_status_of_old_index);
      g_test_add_func ("/maildir/cost/open", test_cost_of_open);
      g_test_add_func ("/maildir/cost/copy", test_cost_of_copy);
      g_test_add_func ("/maildir/cost/reopened", test_cost_of_reopened);
    }
  return g_test_run ();
}
