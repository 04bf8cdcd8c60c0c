/* SPDX-License-Identifier: MIT
 * Files below the mail root are damaged between two openings, one at a time.  The driver heals what it finds,
 * or refuses with an error; it never crashes, hands out other bytes, or has fewer messages without a word.
 * Files that are a message, with its line ends or with LF, are left alone: damage there cannot be noticed.
 */
#include "config.h"

#include "tests/lib/rounds.h"
#include "trials.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const char *const mailbox_names[] = { "INBOX", "Work", "Work/deep" };
#define MESSAGES_EACH 3u

/* ---- the mail ---- */

static GBytes *messages[G_N_ELEMENTS (mailbox_names)][MESSAGES_EACH]; /* for the life of the program */

/* Message @index of mailbox @mailbox, borrowed; one in each is longer than what drivers keep in one piece. */
static GBytes *
get_message (guint mailbox, guint index)
{
  if (messages[mailbox][index] != NULL)
    return messages[mailbox][index];
  GString *text = g_string_new (NULL);
  g_string_append_printf (text, "Subject: %u of %s\r\n\r\n", index, mailbox_names[mailbox]);
  for (guint line = 0; line < (index == 1 ? 3000u : 3u); line++)
    g_string_append_printf (text, "line %u of message %u in mailbox %u\r\n", line, index, mailbox);
  return messages[mailbox][index] = g_string_free_to_bytes (text);
}

static guint32
flags_of (guint index)
{
  return index == 0 ? SATCHEL_FLAG_SEEN : index == 1 ? SATCHEL_FLAG_FLAGGED | SATCHEL_FLAG_ANSWERED : 0;
}

static void
fill (Fixture *user)
{
  const char *const keywords[] = { "Kept", NULL };
  for (guint m = 0; m < G_N_ELEMENTS (mailbox_names); m++)
    {
      g_autoptr (SatchelMailbox) mailbox = fixture_open (user, mailbox_names[m]);
      for (guint i = 0; i < MESSAGES_EACH; i++)
        {
          GBytes *message = get_message (m, i);
          fixture_put_bytes (user, mailbox, g_bytes_get_data (message, NULL), g_bytes_get_size (message),
                             flags_of (i), i == 1 ? keywords : NULL, 1700000000);
        }
    }
  OK (satchel_store_subscribe (user->store, "Work", TRUE, E));
}

/* Says whether @bytes are @text with LF for each CRLF. */
static gboolean
is_with_lf (const char *text, gsize n, const char *bytes, gsize len)
{
  gsize at = 0;
  for (gsize i = 0; i < n; i++)
    if (text[i] != '\r' && (at == len || bytes[at++] != text[i]))
      return FALSE;
  return at == len;
}

static gboolean
is_a_message (const char *bytes, gsize len)
{
  for (guint m = 0; m < G_N_ELEMENTS (mailbox_names); m++)
    for (guint i = 0; i < MESSAGES_EACH; i++)
      {
        GBytes *message = get_message (m, i);
        gsize n;
        const char *text = g_bytes_get_data (message, &n);
        if ((n == len && memcmp (text, bytes, len) == 0) || is_with_lf (text, n, bytes, len))
          return TRUE;
      }
  return FALSE;
}

/* ---- trees of files ---- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Adds the files below @path in @root, with @path in front, in an order that does not change. */
static void
find_files (const char *root, const char *path, GPtrArray *files)
{
  g_autofree char *whole = g_build_filename (root, path, NULL);
  g_autoptr (GDir) dir = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *entry;
  OK ((dir = g_dir_open (whole, 0, E)) != NULL);
  while ((entry = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (entry));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *name = g_build_filename (path, names->pdata[i], NULL);
      g_autofree char *file = g_build_filename (root, name, NULL);
      if (g_file_test (file, G_FILE_TEST_IS_DIR))
        find_files (root, name, files);
      else
        g_ptr_array_add (files, g_steal_pointer (&name));
    }
}

static const char *copy_source; /* of copy_entry, which nftw calls */
static char *copy_target;

static int
copy_entry (const char *path, const struct stat *status, int type, struct FTW *where)
{
  g_autofree char *target = g_strconcat (copy_target, path + strlen (copy_source), NULL);
  g_autofree char *bytes = NULL;
  gsize len;
  if (type == FTW_D)
    return where->level > 0 ? mkdir (target, status->st_mode & 0777) : 0;
  if (!g_file_get_contents (path, &bytes, &len, NULL)
      || !g_file_set_contents_full (target, bytes, (gssize) len, G_FILE_SET_CONTENTS_NONE,
                                    (int) status->st_mode & 0777, NULL))
    return -1;
  const struct timespec times[] = { status->st_atim, status->st_mtim };
  return utimensat (AT_FDCWD, target, times, 0);
}

/* Makes a copy of @root, with the times of its files; yours. */
static char *
copy_tree (const char *root)
{
  char *copy = NULL;
  OK ((copy = g_dir_make_tmp ("satchel-conformance-XXXXXX", E)) != NULL);
  copy_source = root;
  copy_target = copy;
  g_assert_cmpint (nftw (root, copy_entry, 16, FTW_PHYS), ==, 0);
  return copy;
}

/* ---- damages ---- */

typedef enum
{
  DAMAGE_FIRST_BYTE,
  DAMAGE_BYTE_AT_A_THIRD,
  DAMAGE_BYTE_AT_TWO_THIRDS,
  DAMAGE_LAST_BYTE,
  DAMAGE_HALF,
  DAMAGE_EMPTY,
  DAMAGE_ZEROS,
  N_DAMAGES
} Damage;
static const char *const damage_names[N_DAMAGES] = {
  "its first byte is turned", "a byte at a third is turned", "a byte at two thirds is turned",
  "its last byte is turned",  "the second half is cut off",  "it is empty",
  "it is all zeros"
};

/* @n: up to the last byte that is not 0, since some files are filled with zeros in advance. */
static gsize
place_of (Damage damage, gsize n)
{
  return damage == DAMAGE_FIRST_BYTE           ? 0
         : damage == DAMAGE_BYTE_AT_A_THIRD    ? n / 3
         : damage == DAMAGE_BYTE_AT_TWO_THIRDS ? n * 2 / 3
                                               : n - 1;
}

static void
do_damage (const char *path, char *bytes, gsize len, Damage damage)
{
  gsize n = len;
  while (n > 1 && bytes[n - 1] == 0)
    n--;
  if (damage == DAMAGE_HALF)
    len = n / 2;
  else if (damage == DAMAGE_EMPTY)
    len = 0;
  else if (damage == DAMAGE_ZEROS)
    memset (bytes, 0, len);
  else
    bytes[place_of (damage, n)] ^= 0x55;
  int fd = open (path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, bytes, len), ==, (gssize) len);
  close (fd);
}

/* ---- what is left ---- */

static void
assert_told (const GError *error, const char *what, const char *where)
{
  if (error == NULL || error->domain != SATCHEL_ERROR || error->message[0] == '\0')
    g_error ("%s: %s fails without a clear error", where, what);
  if (error->code == SATCHEL_ERROR_NONEXISTENT || error->code == SATCHEL_ERROR_GONE)
    g_error ("%s: %s is said to be no more: %s", where, what, error->message);
  if (g_test_verbose ())
    g_test_message ("%s: %s: %s", where, what, error->message);
}

/* The index of the message that @content is, if it has its flags as well; -1: it is none that was put there.
 */
static int
find_message (guint mailbox, GBytes *content, guint32 flags)
{
  for (guint i = 0; i < MESSAGES_EACH; i++)
    {
      GBytes *message = get_message (mailbox, i);
      if (g_bytes_equal (message, content))
        return flags == flags_of (i) ? (int) i : -1;
    }
  return -1;
}

/* NULL with the error. */
static GBytes *
read_message (SatchelMailbox *mailbox, guint32 uid, GError **error)
{
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, error);
  gint64 length = stream != NULL ? satchel_stream_length (stream, error) : -1;
  if (length < 0)
    return NULL;
  g_assert_cmpint (length, <=, 16 * 1024 * 1024);
  g_autofree guint8 *bytes = g_malloc ((gsize) length + 1);
  gssize n = satchel_stream_read_at (stream, 0, bytes, (gsize) length + 1, error);
  return n < 0 ? NULL : g_bytes_new (bytes, (gsize) n);
}

static void
check_mailbox (Fixture *user, guint m, const char *where)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (user->store, mailbox_names[m], &error);
  gboolean is_there[MESSAGES_EACH] = { FALSE };
  guint n_unreadable = 0, n_missing = 0;
  if (mailbox == NULL)
    {
      assert_told (error, mailbox_names[m], where);
      return;
    }
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      g_autoptr (GError) unreadable = NULL;
      g_autoptr (GBytes) content = read_message (mailbox, chunk->uid[row], &unreadable);
      if (content == NULL)
        {
          assert_told (unreadable, "a message", where);
          n_unreadable++;
          continue;
        }
      int index = find_message (m, content, chunk->flags[row] & SATCHEL_FLAGS_ALL);
      if (index < 0 || is_there[index])
        g_error ("%s: UID %u of %s has other content or flags than any message that was put there", where,
                 chunk->uid[row], mailbox_names[m]);
      is_there[index] = TRUE;
    }
  for (guint i = 0; i < MESSAGES_EACH; i++)
    n_missing += is_there[i] ? 0 : 1;
  if (n_missing != n_unreadable)
    g_error ("%s: of %s %u messages are missing, and %u cannot be read", where, mailbox_names[m], n_missing,
             n_unreadable);
}

/* FALSE: it was refused. */
static gboolean
check_store (Fixture *user, const View *before, const char *where)
{
  g_autoptr (GError) error = NULL;
  g_auto (View) view = { 0 };
  if (!fixture_try_open_store (user, &error))
    {
      assert_told (error, "the store", where);
      return FALSE;
    }
  for (guint m = 0; m < G_N_ELEMENTS (mailbox_names); m++)
    check_mailbox (user, m, where);
  if (view_take (user, &view, &error))
    view_assert_numbers_hold (before, &view, where);
  else
    assert_told (error, "a part of the store", where);
  fixture_close_store (user);
  return TRUE;
}

/* Twice: what is healed stays so. */
static void
try_damage (const Fixture *original, const View *before, const char *file, Damage damage)
{
  g_autofree char *where = g_strdup_printf ("%s: %s", file, damage_names[damage]);
  Fixture user = *original;
  g_autofree char *root = user.root = copy_tree (original->root);
  g_autofree char *path = g_build_filename (root, file, NULL);
  g_autofree char *bytes = NULL;
  gsize len;
  user.root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  OK (g_file_get_contents (path, &bytes, &len, E));
  do_damage (path, bytes, len, damage);
  gboolean is_open = check_store (&user, before, where);
  g_autofree char *again = g_strconcat (where, ", opened again", NULL);
  if (is_open && !check_store (&user, before, again))
    g_error ("%s: the store is refused, although it was opened before", again);
  close (user.root_fd);
  fixture_remove_tree (root);
}

static void
case_each_file (Fixture *fixture)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_auto (View) before = { 0 };
  guint n = 0;
  fill (fixture);
  OK (view_take (fixture, &before, E));
  fixture_close_store (fixture);
  find_files (fixture->root, "", files);
  for (guint f = 0; f < files->len; f++)
    {
      g_autofree char *path = g_build_filename (fixture->root, files->pdata[f], NULL);
      g_autofree char *bytes = NULL;
      gsize len;
      OK (g_file_get_contents (path, &bytes, &len, E));
      if (len == 0 || is_a_message (bytes, len))
        continue;
      for (Damage damage = 0; damage < N_DAMAGES; damage++, n++)
        try_damage (fixture, &before, files->pdata[f], damage);
    }
  if (n == 0)
    g_test_skip ("the driver has no files below the mail root but messages");
  g_test_message ("%u damages", n);
}

const ConformanceCase conformance_damage[] = {
  { "each-file", case_each_file },
  { NULL, NULL },
};
