/* SPDX-License-Identifier: MIT
 * Internal dates of a Maildir that another program filled: unknown at first, found when asked for, kept from
 * then on.
 */
#include "config.h"

#include "modules/maildir/index.h"
#include "modules/maildir/tests/harness.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/dates/many", test_many);
  g_test_add_func ("/maildir/dates/copies", test_copies);
  g_test_add_func ("/maildir/dates/moved-away", test_moved_away);
  return g_test_run ();
}
