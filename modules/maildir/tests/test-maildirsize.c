/* SPDX-License-Identifier: MIT
 * The file maildirsize says what another program would count, whatever Satchel does to the Maildir and
 * whatever lies in the file's place.
 */
#include "config.h"

#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/settings.h"
#include "modules/maildir/tests/harness.h"
#include "tests/lib/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "maildirsize"
#define TEXT "A: b\r\n\r\nbody\r\n"
#define LONGER "A: b\r\n\r\nbody\r\nmore of it\r\n"

static gboolean is_fs; /* the layout of all cases */

/* A sum as README.maildirquota of Courier has it, from the directory alone. */
static void
add_directory (const char *path, gint64 *bytes, gint64 *messages)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      const char *flags = strstr (name, ":2,"), *size = strstr (name, ",S=");
      g_autofree char *file = g_build_filename (path, name, NULL);
      struct stat st;
      if (name[0] == '.' || (flags != NULL && strchr (flags, 'T') != NULL))
        continue;
      g_assert_cmpint (lstat (file, &st), ==, 0);
      *bytes += size != NULL ? atoll (size + 3) : (gint64) st.st_size;
      (*messages)++;
    }
  if (dir != NULL)
    g_dir_close (dir);
}

static void
count_again (const Place *place, gint64 *bytes, gint64 *messages)
{
  static const char *const parts[] = { "new", "cur" };
  static const char *const names[] = { "", "A", "B", "C", "A/D", "Trash/E", NULL };
  *bytes = *messages = 0;
  for (guint i = 0; names[i] != NULL; i++)
    for (guint p = 0; p < G_N_ELEMENTS (parts); p++)
      {
        g_autofree char *plus =
            names[i][0] != '\0' ? g_strdelimit (g_strconcat (".", names[i], NULL), "/", '.') : g_strdup ("");
        g_autofree char *path = place_path (place, "%s/%s", is_fs ? names[i] : plus, parts[p]);
        add_directory (path, bytes, messages);
      }
}

static char *
read_size_file (const Place *place)
{
  g_autofree char *path = place_path (place, FILE_NAME);
  char *text = NULL;
  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

/* Returns the number of lines after the first. */
static guint
assert_true_sums (const Place *place, const char *first_line)
{
  gint64 bytes, messages, sum_bytes = 0, sum_messages = 0;
  g_autofree char *text = read_size_file (place);
  g_assert_nonnull (text);
  g_assert_cmpuint (strlen (text), <, 5120);
  g_assert_true (g_str_has_suffix (text, "\n"));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_assert_cmpstr (lines[0], ==, first_line);
  guint n = 0;
  for (; lines[n + 1][0] != '\0'; n++)
    {
      long long one, other;
      char rest;
      g_assert_cmpint (sscanf (lines[n + 1], "%lld %lld%c", &one, &other, &rest), ==, 2);
      sum_bytes += one;
      sum_messages += other;
    }
  count_again (place, &bytes, &messages);
  g_assert_cmpint (sum_bytes, ==, bytes);
  g_assert_cmpint (sum_messages, ==, messages);
  return n;
}

static void
begin (Place *place)
{
  place_make (place);
  g_autofree char *settings =
      g_strdup_printf ("maildirsize = true; layout = \"%s\";", is_fs ? "fs" : "maildir++");
  const SatchelConfigSet *set = keep (satchel_config_set_from_text ("maildir", md_schema, settings, NULL));
  place->section = satchel_config_set_group (set, "maildir");
  place_open (place);
}

static SatchelMailbox *
make_mailbox (Place *place, const char *name)
{
  g_autoptr (GError) error = NULL;
  satchel_store_create (place->store, name, 0, &error);
  g_assert_no_error (error);
  return place_mailbox (place, name);
}

static guint32
append (SatchelMailbox *mailbox, const char *text, guint32 flags)
{
  g_autoptr (GError) error = NULL;
  guint32 uid = append_text (mailbox, text, flags, NULL, &error);
  g_assert_no_error (error);
  return uid;
}

#define DO(call)                                                                                             \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autoptr (GError) do_error = NULL;                                                                      \
    gboolean do_ok = (call);                                                                                 \
    g_assert_no_error (do_error);                                                                            \
    g_assert_true (do_ok);                                                                                   \
  }                                                                                                          \
  G_STMT_END

static void
test_operations (void)
{
  Place place;
  begin (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *a = make_mailbox (&place, "A"),
                 *trash = make_mailbox (&place, "Trash"), *below = make_mailbox (&place, "Trash/E");
  for (guint i = 0; i < 6; i++)
    append (inbox, i % 2 == 0 ? TEXT : LONGER, i == 5 ? SATCHEL_FLAG_DELETED : 0);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 5); /* the last one has the flag T */
  append (trash, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 5);
  DO (transfer (inbox, 1, 3, a, FALSE, &do_error));
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 6);
  DO (transfer (inbox, 1, 1, a, TRUE, &do_error)); /* what moves changes nothing */
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 6);
  DO (transfer (inbox, 2, 2, trash, TRUE, &do_error));
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 7);
  DO (transfer (trash, 1, 2, inbox, TRUE, &do_error));
  assert_true_sums (&place, "0S");
  DO (transfer (inbox, 3, 3, below, TRUE, &do_error)); /* folders below Trash count */
  assert_true_sums (&place, "0S");
  DO (change_flags (inbox, 4, 4, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, &do_error));
  const guint n = assert_true_sums (&place, "0S");
  DO (change_flags (inbox, 4, 4, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL, &do_error));
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, n + 1);
  DO (expunge (inbox, 4, 4, &do_error)); /* was subtracted with its flag */
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, n + 1);
  DO (change_flags (inbox, 6, 6, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_DELETED, NULL, &do_error));
  assert_true_sums (&place, "0S");
  DO (expunge (inbox, 5, 6, &do_error));
  assert_true_sums (&place, "0S");
  DO (transfer (inbox, 1, 100, trash, FALSE, &do_error));
  assert_true_sums (&place, "0S");
  satchel_mailbox_unref (below);
  satchel_mailbox_unref (trash);
  satchel_mailbox_unref (a);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static void
test_mailboxes (void)
{
  Place place;
  begin (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *a = make_mailbox (&place, "A"),
                 *d = make_mailbox (&place, "A/D");
  append (inbox, TEXT, 0);
  append (a, LONGER, 0);
  append (a, LONGER, SATCHEL_FLAG_DELETED);
  append (d, TEXT, 0);
  satchel_mailbox_unref (d);
  satchel_mailbox_unref (a);
  DO (satchel_store_rename (place.store, "A/D", "B", &do_error));
  assert_true_sums (&place, "0S");
  DO (satchel_store_rename (place.store, "A", "Trash", &do_error));
  assert_true_sums (&place, "0S");
  DO (satchel_store_rename (place.store, "Trash", "C", &do_error));
  assert_true_sums (&place, "0S");
  DO (satchel_store_rename (place.store, "INBOX", "A", &do_error));
  assert_true_sums (&place, "0S");
  DO (satchel_store_delete (place.store, "C", &do_error));
  g_assert_cmpuint (assert_true_sums (&place, "0S"), >, 1);
  DO (satchel_store_rename (place.store, "B", "Trash", &do_error));
  DO (satchel_store_delete (place.store, "Trash", &do_error));
  assert_true_sums (&place, "0S");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Files of other programs are in the sums by their own lines; without S= they count as they lie. */
static void
test_foreign (void)
{
  Place place;
  begin (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *trash = make_mailbox (&place, "Trash");
  append (inbox, TEXT, 0);
  place_put (&place, "new/1700000000.M1P1.elsewhere", TEXT LONGER);
  place_put (&place, "cur/1700000000.M2P1.elsewhere:2,S", LONGER);
  place_put (&place, "cur/1700000000.M3P1.elsewhere,S=40:2,", "A: b\n\n");
  g_autofree char *path = place_path (&place, FILE_NAME);
  FILE *file = fopen (path, "a");
  fprintf (file, "%d 3\n", (int) (strlen (TEXT LONGER) + strlen (LONGER) + 40));
  fclose (file);
  sync_later (inbox);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 2);
  DO (change_flags (inbox, 2, 3, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_DELETED, NULL, &do_error));
  assert_true_sums (&place, "0S");
  DO (change_flags (inbox, 2, 2, SATCHEL_FLAGS_REMOVE, SATCHEL_FLAG_DELETED, NULL, &do_error));
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 4);
  DO (transfer (inbox, 4, 4, trash, TRUE, &do_error));
  DO (expunge (inbox, 2, 2, &do_error));
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 6);
  satchel_mailbox_unref (trash);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Below 5,120 bytes each change is a line; then one line has all of it. */
static void
test_long_file (void)
{
  Place place;
  begin (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  guint last = 0, n_anew = 0;
  for (guint i = 0; i < 250; i++)
    {
      append (inbox, TEXT, 0);
      const guint n = assert_true_sums (&place, "0S");
      g_assert_true (n == last + 1 || (n == 1 && last > 150));
      n_anew += n == 1;
      last = n;
    }
  g_assert_cmpuint (n_anew, ==, 2);
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static void
test_damaged (void)
{
  static const char *const texts[] = { "",
                                       "\n",
                                       "0S",
                                       "0S\n",
                                       "0S\nx y\n",
                                       "0S\n1000 2",
                                       "0S\n1 2 3\n",
                                       "0S\n-1000000 0\n",
                                       "0S\n0 -1000000\n",
                                       "what\n1 2\n",
                                       "5Q\n1 2\n",
                                       "0S\n99999999999999999999 1\n",
                                       "0S\n1 99999999999999999999\n",
                                       "0S\n\n",
                                       "99999999999999999999S\n1 1\n" };
  Place place;
  begin (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append (inbox, TEXT, 0);
  g_autofree char *path = place_path (&place, FILE_NAME), *other = place_path (&place, "other");
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      place_put (&place, FILE_NAME, texts[i]);
      append (inbox, TEXT, 0);
      g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
    }
  g_assert_true (g_file_set_contents (path, "0S\n1 \0 1\n", 9, NULL));
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
  g_autofree char *huge = g_strnfill (1000000, '1');
  place_put (&place, FILE_NAME, huge);
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
  g_assert_cmpint (unlink (path), ==, 0);
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
  /* What another file has under the name, or waits for a reader there, is left alone. */
  place_put (&place, "other", "0S\n10 1\n");
  for (int kind = 0; kind < 3; kind++)
    {
      struct stat st;
      g_assert_cmpint (unlink (path), ==, 0);
      g_assert_cmpint (kind == 0   ? symlink (other, path)
                       : kind == 1 ? link (other, path)
                                   : mkfifo (path, 0600),
                       ==, 0);
      append (inbox, TEXT, 0);
      g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
      g_autofree char *kept = NULL;
      g_assert_true (g_file_get_contents (other, &kept, NULL, NULL));
      g_assert_cmpstr (kept, ==, "0S\n10 1\n");
      g_assert_cmpint (lstat (path, &st), ==, 0);
      g_assert_true (S_ISREG (st.st_mode) && st.st_nlink == 1);
    }
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* The limits of the file stay, unless the user has attributes. Satchel itself does not keep to them. */
static void
test_limits (void)
{
  Place place;
  begin (&place);
  place_put (&place, FILE_NAME, "10S,1C\n0 0\n");
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append (inbox, LONGER, 0);
  append (inbox, LONGER, 0);
  assert_true_sums (&place, "10S,1C");
  place_put (&place, FILE_NAME, "1000C\nrubbish\n");
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "1000C"), ==, 1);
  satchel_store_set_user_attributes (place.store->core, "quota.storage=2K\x1fquota.messages=30\x1f");
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "2048S,30C"), ==, 1);
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "2048S,30C"), ==, 2);
  satchel_store_set_user_attributes (place.store->core, "quota.storage=3K\x1f");
  append (inbox, TEXT, 0);
  assert_true_sums (&place, "3072S");
  satchel_store_set_user_attributes (place.store->core, "quota.storage=lots\x1f");
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "3072S"), ==, 2);
  satchel_store_set_user_attributes (place.store->core, "quota.storage=0\x1f");
  append (inbox, TEXT, 0);
  assert_true_sums (&place, "0S");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static int (*real_openat) (int dirfd, const char *path, int flags, mode_t mode);
static ssize_t (*real_write) (int fd, const void *buffer, size_t len);
static gboolean cannot_open, cannot_write;
static guint n_opened;

static int
count_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  const gboolean is_ours = g_str_has_prefix (path, FILE_NAME);
  n_opened += is_ours;
  if (is_ours && cannot_open)
    {
      errno = EIO;
      return -1;
    }
  return real_openat (dirfd, path, flags, mode);
}

static ssize_t
cut_write (int fd, const void *buffer, size_t len)
{
  return real_write (fd, buffer, cannot_write && len == 26 ? 13 : len);
}

/* Mail comes in and goes whatever happens to the file, which is true again after the next change. */
static void
test_failures (void)
{
  Place place;
  begin (&place);
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append (inbox, TEXT, 0);
  real_openat = md_calls.openat;
  real_write = md_calls.write;
  md_calls.openat = count_openat;
  md_calls.write = cut_write;
  cannot_open = TRUE;
  append (inbox, LONGER, 0);
  cannot_open = FALSE;
  append (inbox, TEXT, 0);
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
  cannot_write = TRUE;
  append (inbox, LONGER, 0);
  cannot_write = FALSE;
  g_assert_cmpuint (assert_true_sums (&place, "0S"), ==, 1);
  md_calls.openat = real_openat;
  md_calls.write = real_write;
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

/* Without the setting nobody looks at the file. */
static void
test_off (void)
{
  Place place;
  place_make (&place);
  place_open (&place);
  place_put (&place, FILE_NAME, "5S\n1 1\n");
  real_openat = md_calls.openat;
  md_calls.openat = count_openat;
  n_opened = 0;
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
  append (inbox, TEXT, 0);
  DO (expunge (inbox, 1, 1, &do_error));
  g_assert_cmpuint (n_opened, ==, 0);
  md_calls.openat = real_openat;
  g_autofree char *text = read_size_file (&place);
  g_assert_cmpstr (text, ==, "5S\n1 1\n");
  satchel_mailbox_unref (inbox);
  place_remove (&place);
}

static void
test_layout_fs (void)
{
  is_fs = TRUE;
  test_operations ();
  test_mailboxes ();
  is_fs = FALSE;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maildirsize/operations", test_operations);
  g_test_add_func ("/maildirsize/mailboxes", test_mailboxes);
  g_test_add_func ("/maildirsize/foreign", test_foreign);
  g_test_add_func ("/maildirsize/long-file", test_long_file);
  g_test_add_func ("/maildirsize/damaged", test_damaged);
  g_test_add_func ("/maildirsize/limits", test_limits);
  g_test_add_func ("/maildirsize/failures", test_failures);
  g_test_add_func ("/maildirsize/off", test_off);
  g_test_add_func ("/maildirsize/layout-fs", test_layout_fs);
  return g_test_run ();
}
