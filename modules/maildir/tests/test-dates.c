/* SPDX-License-Identifier: MIT
 * Internal dates and times of files.  Those of a Maildir that another program filled are unknown at first,
 * found when asked for, and kept from then on.  A file of ours has the date of its message as its time.
 */
#include "config.h"

#include "core/storage/store/store_open.h"
#include "modules/maildir/index/index.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_FILES 300u
#define FIRST_DATE 1200000000

static gint64
date_of (guint i)
{
  return FIRST_DATE + (gint64) i * 86400;
}

/* Names give a time that is not the file's. */
static void
fill (const Place *place, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *relative =
          g_strdup_printf ("%s/%u.M1P%u.elsewhere", i % 2 == 0 ? "cur" : "new", 1600000000 + i, i);
      place_put (place, relative, "A: b\n\nbody\n");
      g_autofree char *path = place_path (place, "%s", relative);
      const struct timespec times[2] = { { date_of (i), 0 }, { date_of (i), 0 } };
      g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
    }
}

static gint64
date_at (const SatchelSnapshot *snapshot, guint32 index)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  return chunk->internal_date[row];
}

static void
assert_dated (const SatchelSnapshot *snapshot, guint n)
{
  g_assert_cmpuint (snapshot->state.n_messages, ==, n);
  g_assert_cmpuint (snapshot->state.n_undated, ==, 0);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (date_at (snapshot, i), ==, date_of (i));
}

static void
test_many (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  fill (&place, N_FILES);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) first = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (first->state.n_undated, ==, N_FILES);
  g_assert_cmpint (date_at (first, 0), ==, SATCHEL_DATE_UNKNOWN);
  /* Undated ones survive a restart, and a lost index, as such. */
  for (int pass = 0; pass < 2; pass++)
    {
      satchel_mailbox_unref (inbox);
      place_close (&place);
      g_autofree char *index = place_path (&place, MD_INDEX_FILE);
      if (pass == 1)
        g_assert_cmpint (unlink (index), ==, 0);
      place_open (&place);
      inbox = place_mailbox (&place, "INBOX");
      g_autoptr (SatchelSnapshot) again = satchel_mailbox_snapshot (inbox);
      g_assert_cmpuint (again->state.n_undated, ==, N_FILES);
    }
  g_autoptr (SatchelSnapshot) dated = satchel_mailbox_dated_snapshot (inbox, &error);
  g_assert_no_error (error);
  assert_dated (dated, N_FILES);
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (inbox);
  g_assert_true (newest == dated);
  /* Kept: what happens to the files from then on changes nothing. */
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *file = place_path (&place, "cur/1600000000.M1P0.elsewhere");
  g_assert_cmpint (utimensat (AT_FDCWD, file, NULL, 0), ==, 0);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) kept = satchel_mailbox_snapshot (inbox);
  assert_dated (kept, N_FILES);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* What moves away before anybody asked takes its date along; a few arrivals are dated at once. */
static void
test_copies (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  fill (&place, N_FILES);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "other", 0, NULL));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *other = place_mailbox (&place, "other");
  g_assert_true (transfer (inbox, 1, 2, other, FALSE, &error));
  g_assert_true (transfer (inbox, 3, 4, other, TRUE, &error));
  g_autoptr (SatchelSnapshot) copies = satchel_mailbox_snapshot (other);
  assert_dated (copies, 4);
  g_autoptr (SatchelSnapshot) rest = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (rest->state.n_undated, ==, N_FILES - 2);
  place_put (&place, "new/1700000000.M1P1.elsewhere", "one more\n");
  sync_later (inbox);
  g_autoptr (SatchelSnapshot) more = satchel_mailbox_snapshot (inbox);
  g_assert_cmpuint (more->state.n_messages, ==, N_FILES - 1);
  g_assert_cmpuint (more->state.n_undated, ==, N_FILES - 2);
  satchel_mailbox_unref (other);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Renamed and removed by another program between the look at the directory and the question. */
static void
test_moved_away (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  fill (&place, N_FILES);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *old = place_path (&place, "cur/1600000000.M1P0.elsewhere");
  g_autofree char *now = place_path (&place, "cur/1600000000.M1P0.elsewhere:2,S");
  g_autofree char *gone =
      place_path (&place, "new/%u.M1P%u.elsewhere", 1600000000 + N_FILES - 1, N_FILES - 1);
  g_assert_cmpint (rename (old, now), ==, 0);
  g_assert_cmpint (unlink (gone), ==, 0);
  g_autoptr (SatchelSnapshot) dated = satchel_mailbox_dated_snapshot (inbox, &error);
  g_assert_no_error (error);
  assert_dated (dated, N_FILES - 1);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* ---- times of files that we write ---- */

#define OWN_DATE 1234567890

static gint64 synced_time; /* of the file that was synced last */
static guint n_futimens;
static int futimens_errno;

static int
note_sync (int fd)
{
  struct stat st;
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    synced_time = st.st_mtim.tv_sec;
  return fsync (fd);
}

static int
count_futimens (int fd, const struct timespec times[2])
{
  n_futimens++;
  errno = futimens_errno;
  return futimens_errno != 0 ? -1 : futimens (fd, times);
}

static void
watch_times (void)
{
  synced_time = 0;
  n_futimens = 0;
  futimens_errno = 0;
  md_calls.fsync = note_sync;
  md_calls.futimens = count_futimens;
}

/* The time of the only file in @directory of the user. */
static gint64
time_of_file (const Place *place, const char *directory)
{
  g_autoptr (GPtrArray) files = place_files (place, directory);
  g_assert_cmpuint (files->len, ==, 1);
  g_autofree char *path = place_path (place, "%s/%s", directory, (char *) files->pdata[0]);
  struct stat st;
  g_assert_cmpint (stat (path, &st), ==, 0);
  return st.st_mtim.tv_sec;
}

static SatchelStage *
stage_text (const Place *place, const char *text, gint64 date)
{
  GError *error = NULL;
  SatchelStage *stage = satchel_stage_new (place->store, 0, &error);
  g_assert_no_error (error);
  g_assert_true (satchel_stage_write (stage, text, strlen (text), &error));
  if (date != SATCHEL_DATE_UNKNOWN)
    satchel_stage_set_internal_date (stage, date);
  return stage;
}

static void
append_stage (const Place *place, SatchelMailbox *mailbox, SatchelStage *stage)
{
  GError *error = NULL;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (place->store);
  satchel_transaction_append (transaction, mailbox, stage, 0, NULL, satchel_stage_internal_date (stage));
  g_assert_true (satchel_transaction_commit (transaction, &error));
  g_assert_no_error (error);
}

/* Another server that takes the Maildir over shows the time of the file. */
static void
test_own_date (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  watch_times ();
  g_assert_true (satchel_store_create (place.store, "other", 0, NULL));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *other = place_mailbox (&place, "other");
  SatchelStage *stage = stage_text (&place, "A: b\r\n\r\nbody\r\n", OWN_DATE);
  g_assert_true (satchel_stage_finish (stage, &error));
  g_assert_cmpint (synced_time, ==, OWN_DATE); /* a crash finds it with the message */
  append_stage (&place, inbox, stage);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpint (date_at (snapshot, 0), ==, OWN_DATE);
  g_assert_cmpint (time_of_file (&place, "new"), ==, OWN_DATE);
  g_assert_true (transfer (inbox, 1, 1, other, FALSE, &error));
  g_assert_cmpint (time_of_file (&place, ".other/new"), ==, OWN_DATE);
  g_assert_true (expunge (other, 1, 1, &error));
  g_assert_true (transfer (inbox, 1, 1, other, TRUE, &error));
  g_assert_cmpint (time_of_file (&place, ".other/new"), ==, OWN_DATE);
  satchel_mailbox_unref (other);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
  md_sys_reset ();
}

/* A date before 1970 stands in the file's name, by which it is found again when the index is lost and the
 * time of the file says something else. */
static void
test_before_1970 (void)
{
  const gint64 date = -86400 * 365;
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  SatchelStage *stage = stage_text (&place, "A: b\r\n\r\nbody\r\n", date);
  g_assert_true (satchel_stage_finish (stage, &error));
  append_stage (&place, inbox, stage);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  g_autofree char *index = place_path (&place, MD_INDEX_FILE);
  g_assert_cmpint (unlink (index), ==, 0);
  g_autoptr (GPtrArray) files = place_files (&place, "new");
  g_assert_cmpuint (files->len, ==, 1);
  g_autofree char *path = place_path (&place, "new/%s", (char *) files->pdata[0]);
  const struct timespec later[2] = { { OWN_DATE, 0 }, { OWN_DATE, 0 } };
  g_assert_cmpint (utimensat (AT_FDCWD, path, later, 0), ==, 0);
  place_open (&place);
  inbox = place_mailbox (&place, "INBOX");
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_dated_snapshot (inbox, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshot->state.n_messages, ==, 1);
  g_assert_cmpint (date_at (snapshot, 0), ==, date);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Mail without a date of its own is as old as its file already: that costs no call, but where a second ends
 * in between. */
static void
test_usual_date (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  watch_times ();
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  for (guint i = 1; i <= 5; i++)
    {
      SatchelStage *stage = stage_text (&place, "A: b\r\n\r\nbody\r\n", SATCHEL_DATE_UNKNOWN);
      g_assert_true (satchel_stage_finish (stage, &error));
      gint64 date = satchel_stage_internal_date (stage);
      append_stage (&place, inbox, stage);
      g_assert_cmpint (time_of_file (&place, "new"), ==, date);
      g_assert_true (expunge (inbox, i, i, &error));
    }
  g_assert_cmpuint (n_futimens, <, 5);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
  md_sys_reset ();
}

/* The last bytes came long ago, when the end of the message comes by itself. */
static void
test_slow (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *text = g_malloc0 (65536 + 1);
  memset (text, 'x', 65536);
  memcpy (text + 65534, "\r\n", 2);
  SatchelStage *stage = stage_text (&place, text, SATCHEL_DATE_UNKNOWN);
  g_autoptr (GPtrArray) files = place_files (&place, "tmp");
  g_assert_cmpuint (files->len, ==, 1);
  g_autofree char *path = place_path (&place, "tmp/%s", (char *) files->pdata[0]);
  const struct timespec before[2] = { { OWN_DATE, 0 }, { OWN_DATE, 0 } };
  g_assert_cmpint (utimensat (AT_FDCWD, path, before, 0), ==, 0);
  g_assert_true (satchel_stage_finish (stage, &error));
  gint64 date = satchel_stage_internal_date (stage);
  g_assert_cmpint (date, >, OWN_DATE);
  append_stage (&place, inbox, stage);
  g_assert_cmpint (time_of_file (&place, "new"), ==, date);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Many recipients share one file, so they share its time. */
static void
test_spooled_date (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_autofree char *spool = g_build_filename (place.root, "spool", NULL);
  g_autofree char *file = g_build_filename (spool, "one", NULL);
  g_assert_cmpint (g_mkdir_with_parents (spool, 0700), ==, 0);
  g_assert_true (g_file_set_contents (file, "Subject: s\n\nbody\n", -1, NULL));
  const struct timespec before[2] = { { OWN_DATE, 0 }, { OWN_DATE, 0 } };
  g_assert_cmpint (utimensat (AT_FDCWD, file, before, 0), ==, 0);
  SatchelStage *stage = satchel_stage_new_spooled (place.store, "spool/one", TRUE, 20, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (satchel_stage_internal_date (stage), ==, OWN_DATE);
  append_stage (&place, inbox, stage);
  g_assert_cmpint (time_of_file (&place, "new"), ==, OWN_DATE);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static void
test_no_times (void)
{
  Place place;
  GError *error = NULL;
  place_make (&place);
  place_open (&place);
  watch_times ();
  futimens_errno = ENOSYS;
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  SatchelStage *stage = stage_text (&place, "A: b\r\n\r\nbody\r\n", OWN_DATE);
  g_assert_true (satchel_stage_finish (stage, &error));
  append_stage (&place, inbox, stage);
  g_assert_cmpuint (n_futimens, ==, 1);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (inbox);
  g_assert_cmpint (date_at (snapshot, 0), ==, OWN_DATE);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
  md_sys_reset ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/dates/many", test_many);
  g_test_add_func ("/maildir/dates/copies", test_copies);
  g_test_add_func ("/maildir/dates/moved-away", test_moved_away);
  g_test_add_func ("/maildir/dates/own", test_own_date);
  g_test_add_func ("/maildir/dates/before-1970", test_before_1970);
  g_test_add_func ("/maildir/dates/usual", test_usual_date);
  g_test_add_func ("/maildir/dates/slow", test_slow);
  g_test_add_func ("/maildir/dates/spooled", test_spooled_date);
  g_test_add_func ("/maildir/dates/no-times", test_no_times);
  return g_test_run ();
}
