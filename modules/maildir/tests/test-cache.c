/* SPDX-License-Identifier: MIT
 * The cache of what was found in messages: when most of its file is of messages that are gone, it is written
 * anew, and says of those that are left what it said before.
 */
#include "config.h"

#include "modules/maildir/index/cache.h"
#include "modules/maildir/tests/harness.h"

#include <string.h>
#include <sys/stat.h>

#define N_MESSAGES 100u
#define N_COPIES 7u
#define N_ALL (N_MESSAGES * N_COPIES)
#define N_GONE 420u

/* With a To of some 12 KB, which the cache has again as an address list. */
static char *
long_message (guint number)
{
  GString *text = g_string_new (NULL);
  g_string_append_printf (text, "Subject: message %u\r\nTo: a@example.org", number);
  for (guint i = 0; i < 300; i++)
    g_string_append_printf (text, ",\r\n someone-with-a-long-name-%u@example.org", i);
  g_string_append (text, "\r\n\r\ntext\r\n");
  return g_string_free (text, FALSE);
}

static gsize
cache_bytes (const Place *place)
{
  struct stat st;
  g_autofree char *path = place_path (place, ".box/%s", MD_CACHE_FILE);
  return stat (path, &st) == 0 ? (gsize) st.st_size : 0;
}

static void
read_all (SatchelMailbox *box, guint32 first, GBytes **ret)
{
  g_autoptr (GError) error = NULL;
  for (guint32 uid = first; uid <= N_ALL; uid++)
    {
      g_assert_true (satchel_mailbox_attributes (box, &uid, 1, &ret[uid], NULL, &error));
      g_assert_no_error (error);
    }
}

static void
assert_as_before (SatchelMailbox *box, GBytes **before)
{
  GBytes *now[N_ALL + 1] = { NULL };
  read_all (box, N_GONE + 1, now);
  for (guint32 uid = N_GONE + 1; uid <= N_ALL; uid++)
    {
      g_assert_true (g_bytes_equal (now[uid], before[uid]));
      g_bytes_unref (now[uid]);
    }
}

static void
test_written_anew (void)
{
  Place place;
  g_autoptr (GError) error = NULL;
  GBytes *before[N_ALL + 1] = { NULL };
  place_make (&place);
  place_open (&place);
  g_assert_true (satchel_store_create (place.store, "box", 0, &error));
  SatchelMailbox *inbox = place_mailbox (&place, "INBOX"), *box = place_mailbox (&place, "box");
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      g_autofree char *text = long_message (i);
      g_assert_cmpuint (append_text (inbox, text, 0, NULL, &error), ==, i + 1);
    }
  for (guint i = 0; i < N_COPIES; i++)
    g_assert_true (transfer (inbox, 1, N_MESSAGES, box, FALSE, &error));
  read_all (box, 1, before);
  gsize full = cache_bytes (&place);
  g_assert_cmpuint (full, >, 4 << 20);
  g_assert_true (expunge (box, 1, N_GONE, &error));
  sync_later (box);
  gsize left = cache_bytes (&place);
  g_assert_cmpuint (left, >, full / N_ALL * (N_ALL - N_GONE) * 9 / 10);
  g_assert_cmpuint (left, <, full / N_ALL * (N_ALL - N_GONE) * 11 / 10);
  assert_as_before (box, before);
  /* Another process reads it from the file, and a second time nothing is to be gained. */
  satchel_mailbox_unref (inbox);
  satchel_mailbox_unref (box);
  place_close (&place);
  place_open (&place);
  box = place_mailbox (&place, "box");
  assert_as_before (box, before);
  sync_later (box);
  g_assert_cmpuint (cache_bytes (&place), ==, left);
  for (guint32 uid = 1; uid <= N_ALL; uid++)
    g_bytes_unref (before[uid]);
  satchel_mailbox_unref (box);
  place_remove (&place);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/maildir/cache/written-anew", test_written_anew);
  return g_test_run ();
}
