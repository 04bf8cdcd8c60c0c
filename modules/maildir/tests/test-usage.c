/* SPDX-License-Identifier: MIT
 * What a user's mail takes up when other programs add and remove messages and folders, and what it costs to
 * ask again.
 */
#include "config.h"

#include "modules/maildir/index/index.h"
#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT "A: b\n\nbody\n"            /* 11 bytes */
#define WIRE_TEXT "A: b\r\n\r\nbody\r\n" /* 14 bytes */
#define MANY 300u

static void
assert_usage (const Place *place, guint64 bytes, guint64 messages)
{
  SatchelUsage usage;
  g_autoptr (GError) error = NULL;
  g_assert_true (satchel_store_usage (place->store, &usage, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (usage.bytes, ==, bytes);
  g_assert_cmpuint (usage.messages, ==, messages);
}

static void
make_folder (const Place *place, const char *dir)
{
  static const char *const parts[] = { "", "/cur", "/new", "/tmp" };
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *path = place_path (place, "%s%s", dir, parts[i]);
      g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
    }
}

static void
remove_file (const Place *place, const char *relative)
{
  g_autofree char *path = place_path (place, "%s", relative);
  g_assert_cmpint (unlink (path), ==, 0);
}

/* In a folder that is not open, and in one that is. */
static void
test_outside (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  assert_usage (&place, 0, 0);
  make_folder (&place, ".other");
  place_put (&place, ".other/new/1700000000.M1P1.elsewhere", WIRE_TEXT);
  place_put (&place, ".other/cur/1700000000.M2P1.elsewhere:2,S", WIRE_TEXT);
  assert_usage (&place, 28, 2);
  remove_file (&place, ".other/new/1700000000.M1P1.elsewhere");
  assert_usage (&place, 14, 1);
  place_put (&place, "new/1700000000.M3P1.elsewhere", WIRE_TEXT);
  assert_usage (&place, 28, 2);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  place_put (&place, "new/1700000000.M4P1.elsewhere", WIRE_TEXT);
  sync_later (inbox);
  assert_usage (&place, 42, 3);
  remove_file (&place, "new/1700000000.M4P1.elsewhere");
  sync_later (inbox);
  assert_usage (&place, 28, 2);
  /* A folder that another program removes, or gives another name. */
  g_autofree char *old = place_path (&place, ".other"), *now = place_path (&place, ".another"),
                  *away = place_path (&place, "away");
  g_assert_cmpint (g_rename (old, now), ==, 0);
  assert_usage (&place, 28, 2);
  g_assert_cmpint (g_rename (now, away), ==, 0);
  assert_usage (&place, 14, 1);
  g_assert_cmpint (g_rename (away, old), ==, 0);
  assert_usage (&place, 28, 2);
  satchel_mailbox_unref (inbox);
  place_close (&place);
  /* While nobody looks, and without an index. */
  place_put (&place, ".other/cur/1700000000.M5P1.elsewhere:2,", WIRE_TEXT);
  remove_file (&place, MD_INDEX_FILE);
  place_open (&place);
  assert_usage (&place, 42, 3);
  place_remove (&place);
}

/* Of a message whose size nobody has looked for, its file counts, as its name says if it does. */
static void
test_unsized (void)
{
  Place place;
  place_make (&place);
  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *relative =
          g_strdup_printf ("cur/%u.M1P%u.elsewhere%s:2,", 1600000000 + i, i, i % 3 == 0 ? ",S=11" : "");
      place_put (&place, relative, TEXT);
    }
  place_open (&place);
  assert_usage (&place, 11 * MANY, MANY);
  place_close (&place);
  place_open (&place); /* what the index says of sizes is not all of it */
  assert_usage (&place, 11 * MANY, MANY);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  g_auto (SatchelUidSet) some = { NULL, 0 };
  satchel_uid_set_add (&some, 2, 11);
  SatchelUsage usage;
  g_assert_true (satchel_mailbox_usage (inbox, &some, &usage, NULL));
  g_assert_cmpuint (usage.bytes, ==, 110);
  g_assert_true (transfer (inbox, 1, 10, inbox, FALSE, NULL));
  assert_usage (&place, 11 * (MANY + 10), MANY + 10);
  g_assert_true (expunge (inbox, 1, 10, NULL));
  assert_usage (&place, 11 * MANY, MANY);
  const guint32 uid = 20;
  GBytes *attributes = NULL;
  g_assert_true (satchel_mailbox_attributes (inbox, &uid, 1, &attributes, NULL, NULL));
  g_bytes_unref (attributes);
  assert_usage (&place, 11 * MANY + 3, MANY);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Gives a directory the time @seconds. */
static void
set_time (const Place *place, const char *dir, gint64 seconds)
{
  const struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };
  g_autofree char *path = place_path (place, "%s", dir);
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

/* A time that may yet be that of another change, since it is not past, says nothing. */
static void
test_same_time (void)
{
  Place place;
  const gint64 later = g_get_real_time () / G_USEC_PER_SEC + 3600;
  place_make (&place);
  place_open (&place);
  make_folder (&place, ".other");
  place_put (&place, ".other/new/1700000000.M1P1.elsewhere", WIRE_TEXT);
  place_put (&place, ".other/new/1700000000.M2P1.elsewhere", WIRE_TEXT);
  set_time (&place, ".other/new", later);
  assert_usage (&place, 28, 2);
  remove_file (&place, ".other/new/1700000000.M1P1.elsewhere");
  set_time (&place, ".other/new", later);
  assert_usage (&place, 14, 1);
  place_remove (&place);
}

static guint n_looks;

static int
count_open (int dirfd, const char *path, int flags, mode_t mode)
{
  n_looks += strcmp (path, MD_INDEX_FILE) == 0;
  return openat (dirfd, path, flags, mode);
}

/* What was long ago says for sure that nothing has changed since. */
static void
make_old (const Place *place, const char *dir)
{
  g_autofree char *cur = g_strconcat (dir, "/cur", NULL), *new = g_strconcat (dir, "/new", NULL);
  set_time (place, cur, 1600000000);
  set_time (place, new, 1600000000);
}

/* Asked again, closed mailboxes are not looked into. */
static void
test_cost (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  make_folder (&place, ".a");
  make_folder (&place, ".b");
  place_put (&place, ".a/cur/1700000000.M1P1.elsewhere:2,S", WIRE_TEXT);
  make_old (&place, ".");
  make_old (&place, ".a");
  make_old (&place, ".b");
  for (guint round = 0; round < 2; round++)
    {
      md_calls.openat = count_open;
      n_looks = 0;
      assert_usage (&place, 14, 1);
      g_assert_cmpuint (n_looks, >, 0);
      n_looks = 0;
      assert_usage (&place, 14, 1);
      g_assert_cmpuint (n_looks, ==, 0);
      md_sys_reset ();
      place_close (&place);
      place_open (&place);
    }
  place_remove (&place);
}

static int
refuse_open (int dirfd, const char *path, int flags, mode_t mode)
{
  if (strcmp (path, ".a") != 0)
    return openat (dirfd, path, flags, mode);
  errno = EACCES;
  return -1;
}

/* What cannot be read counts nothing, and keeps nobody from anything. */
static void
test_unreadable (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  make_folder (&place, ".a");
  make_folder (&place, ".b");
  place_put (&place, ".a/cur/1700000000.M1P1.elsewhere:2,S", WIRE_TEXT);
  place_put (&place, ".b/cur/1700000000.M2P1.elsewhere:2,S", WIRE_TEXT);
  md_calls.openat = refuse_open;
  assert_usage (&place, 14, 1);
  md_sys_reset ();
  assert_usage (&place, 28, 2);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildir/usage/outside", test_outside);
  g_test_add_func ("/maildir/usage/unsized", test_unsized);
  g_test_add_func ("/maildir/usage/same-time", test_same_time);
  g_test_add_func ("/maildir/usage/cost", test_cost);
  g_test_add_func ("/maildir/usage/unreadable", test_unreadable);
  return g_test_run ();
}
