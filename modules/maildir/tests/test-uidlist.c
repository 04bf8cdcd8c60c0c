/* SPDX-License-Identifier: MIT
 * The list of UIDs of files that other programs put there: whatever has become of it, the next file that
 * comes makes it whole again, and no UID changes, with the index or without.
 */
#include "config.h"

#include "modules/maildir/foreign/uidlist.h"
#include "modules/maildir/index/index.h"
#include "modules/maildir/tests/harness.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define N_FILES 5u
#define N_STALE 1100u /* more lines than are left in a list of so few messages */

static void
put_foreign (const Place *place, guint number)
{
  g_autofree char *name = g_strdup_printf ("new/%u.foreign.host", number),
                  *text = g_strdup_printf ("%u\n", number);
  place_put (place, name, text);
}

static char *
read_list (const Place *place)
{
  g_autofree char *path = place_path (place, "%s", MD_UIDLIST_FILE);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* The list has this UIDVALIDITY and a line for each message, ascending, with its UID. */
static void
check_list (const Place *place, SatchelMailbox *mailbox)
{
  g_autofree char *text = read_list (place);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autofree char *header = g_strdup_printf ("3 V%u N", snapshot->state.uidvalidity);
  g_assert_true (g_str_has_prefix (lines[0], header));
  g_assert_cmpuint (g_strv_length (lines), ==,
                    snapshot->state.n_messages + 2); /* header, and what is behind the end */
  for (guint32 index = 0; index < snapshot->state.n_messages; index++)
    {
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &at);
      g_autofree char *content = message_text (mailbox, chunk->uid[at]);
      content[strcspn (content, "\r\n")] = '\0';
      g_autofree char *start = g_strdup_printf ("%u ", chunk->uid[at]),
                      *end = g_strdup_printf (":%s.foreign.host", content);
      if (!g_str_has_prefix (lines[index + 1], start) || !g_str_has_suffix (lines[index + 1], end))
        g_error ("no line \"%s...%s\" at its place in %s", start, end, text);
    }
}

/* ---- what becomes of a list; each returns the new text ---- */

static char *
leave_alone (char *const *lines)
{
  return g_strjoinv ("\n", (char **) lines);
}

static char *
cut_last_line (char *const *lines)
{
  g_autofree char *text = leave_alone (lines);
  return g_strndup (text, strlen (text) - 4);
}

static char *
swap_lines (char *const *lines)
{
  const char *other[] = { lines[0], lines[2], lines[1], lines[3], lines[4], lines[5], "", NULL };
  return g_strjoinv ("\n", (char **) other);
}

static char *
add_nonsense (char *const *lines)
{
  const char *other[] = { lines[0], lines[1], "nonsense", lines[2], lines[3], lines[4], lines[5], "", NULL };
  return g_strjoinv ("\n", (char **) other);
}

static char *
use_version_1 (char *const *lines)
{
  GString *text = g_string_new (NULL);
  guint uidvalidity = (guint) atoi (strchr (lines[0], 'V') + 1);
  g_string_append_printf (text, "1 %u %u\n", uidvalidity, N_FILES + 1);
  for (guint i = 1; i <= N_FILES; i++)
    g_string_append_printf (text, "%u %s\n", i, strrchr (lines[i], ':') + 1);
  return g_string_free (text, FALSE);
}

static char *
use_other_uidvalidity (char *const *lines)
{
  const char *other[] = { "3 V7 N6", lines[1], lines[2], lines[3], lines[4], lines[5], "", NULL };
  return g_strjoinv ("\n", (char **) other);
}

static char *
add_stale_lines (char *const *lines)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i <= N_FILES; i++)
    g_string_append_printf (text, "%s\n", lines[i]);
  for (guint i = 0; i < N_STALE; i++)
    g_string_append_printf (text, "%u :stale.%u.host\n", 100 + i, i);
  return g_string_free (text, FALSE);
}

static char *
remove_list (char *const *lines)
{
  return NULL;
}

static void
test_mended (void)
{
  static char *(*const changes[]) (
      char *const *lines) = { leave_alone,   cut_last_line,         swap_lines,      add_nonsense,
                              use_version_1, use_other_uidvalidity, add_stale_lines, remove_list };
  for (guint i = 0; i < 2 * G_N_ELEMENTS (changes); i++)
    {
      Place place;
      gboolean loses_index = i % 2 == 1;
      place_make (&place);
      place_open (&place);
      for (guint n = 1; n <= N_FILES; n++)
        put_foreign (&place, n);
      SatchelMailbox *inbox = place_mailbox (&place, "INBOX");
      sync_later (inbox);
      check_list (&place, inbox);
      satchel_mailbox_unref (inbox);
      place_close (&place);
      g_autofree char *before = read_list (&place), *path = place_path (&place, "%s", MD_UIDLIST_FILE),
                      *index = place_path (&place, "%s", MD_INDEX_FILE);
      g_auto (GStrv) lines = g_strsplit (before, "\n", -1);
      g_autofree char *after = changes[i / 2](lines);
      if (after != NULL)
        g_assert_true (g_file_set_contents (path, after, -1, NULL));
      else
        g_assert_cmpint (g_unlink (path), ==, 0);
      place_open (&place);
      put_foreign (&place, 6);
      inbox = place_mailbox (&place, "INBOX");
      sync_later (inbox);
      check_list (&place, inbox);
      g_autofree char *view = describe (inbox);
      g_assert_true (g_str_has_prefix (view, "1:0 2:0 3:0 4:0 5:0 "));
      satchel_mailbox_unref (inbox);
      place_close (&place);
      if (loses_index)
        g_assert_cmpint (g_unlink (index), ==, 0);
      place_open (&place);
      inbox = place_mailbox (&place, "INBOX");
      g_autofree char *again = describe (inbox);
      g_assert_cmpstr (again, ==, view);
      check_list (&place, inbox);
      satchel_mailbox_unref (inbox);
      place_remove (&place);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/maildir/uidlist/mended", test_mended);
  return g_test_run ();
}
