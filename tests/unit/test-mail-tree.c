/* SPDX-License-Identifier: MIT
 * Names and lists of Maildir trees: those of other servers, damaged ones, and what is made of mailboxes.
 */
#include "core/mail/tree/tree.h"
#include <string.h>

static const struct
{
  const char *name;
  guint64 size;
  gsize base_len;
  guint32 flags, letters;
  gboolean is_forwarded, has_size, is_verbatim;
} names[] = {
  { "1.M1.host", 5, 9, 0, 0, FALSE, FALSE, FALSE },
  { "1.M1.host:2,", 5, 9, 0, 0, FALSE, FALSE, FALSE },
  { "1.M1.host:2,DFPRSTaz", 5, 9, SATCHEL_FLAGS_ALL, 1u | 1u << 25, TRUE, FALSE, FALSE },
  { "1.M1.host:1,S", 5, 9, 0, 0, FALSE, FALSE, FALSE },
  { "1.M1.host,S=5:2,S", 5, 13, SATCHEL_FLAG_SEEN, 0, FALSE, TRUE, FALSE },
  { "1.M1.host,S=5,W=5:2,S", 5, 17, SATCHEL_FLAG_SEEN, 0, FALSE, TRUE, TRUE },
  { "1.M1.host,S=5,W=6:2,S", 5, 17, SATCHEL_FLAG_SEEN, 0, FALSE, TRUE, FALSE },
  { "1.M1.host,S=4,W=4:2,", 5, 17, 0, 0, FALSE, FALSE, FALSE },
  { "1.M1.host,S=99999999999999999999:2,", 5, 32, 0, 0, FALSE, FALSE, FALSE },
  { ":2,S", 5, 0, SATCHEL_FLAG_SEEN, 0, FALSE, FALSE, FALSE },
  { "", 5, 0, 0, 0, FALSE, FALSE, FALSE },
};

static void
test_names (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      SatchelTreeName name;
      satchel_tree_name_parse (names[i].name, names[i].size, &name);
      g_assert_cmpuint (name.base_len, ==, names[i].base_len);
      g_assert_cmphex (name.flags, ==, names[i].flags);
      g_assert_cmphex (name.letters, ==, names[i].letters);
      g_assert_cmpint (name.is_forwarded, ==, names[i].is_forwarded);
      g_assert_cmpint (name.has_size, ==, names[i].has_size);
      g_assert_cmpint (name.is_verbatim, ==, names[i].is_verbatim);
    }
  g_autofree char *base = satchel_tree_name_make (1000000000, 7, 8, 90, 100);
  g_autoptr (GString) made = g_string_new (base);
  satchel_tree_name_add_flags (made, SATCHEL_FLAGS_ALL, 5);
  g_assert_cmpstr (made->str, ==, "1000000000.V7U8.satchel,S=90,W=100:2,DFRSTac");
}

static void
test_uids (void)
{
  static const char three[] =
      "3 V12 N34 Gaa\n1 :one\n2 S5 W6 :two:2,S\n3 P:x :three\nx\n4294967295 :max\n0 :zero\n5 :cut";
  g_autoptr (SatchelTreeUids) uids = satchel_tree_uids_parse (three, strlen (three));
  g_assert_nonnull (uids);
  g_assert_cmpuint (uids->uidvalidity, ==, 12);
  g_assert_cmpuint (uids->uidnext, ==, 34);
  g_assert_cmpuint (satchel_tree_uids_find (uids, "one:2,S", 3), ==, 1);
  g_assert_cmpuint (satchel_tree_uids_find (uids, "two", 3), ==, 2);
  g_assert_cmpuint (satchel_tree_uids_find (uids, "max", 3), ==, 0);
  g_assert_cmpuint (satchel_tree_uids_find (uids, "zero", 4), ==, 0);
  g_assert_cmpuint (satchel_tree_uids_find (uids, "none", 4), ==, 0);
  static const char one[] = "1 12 34\r\n1 one\r\n2 two\r\n";
  g_autoptr (SatchelTreeUids) old = satchel_tree_uids_parse (one, strlen (one));
  g_assert_nonnull (old);
  g_assert_cmpuint (old->uidnext, ==, 34);
  g_assert_cmpuint (satchel_tree_uids_find (old, "two", 3), ==, 2);
  g_assert_null (satchel_tree_uids_parse ("", 0));
  g_assert_null (satchel_tree_uids_parse ("2 V1\n", 5));
  g_assert_null (satchel_tree_uids_parse ("3", 1));
}

static void
test_keywords (void)
{
  static const char text[] = "0 $Forwarded\n25 last\n26 none\n1 \n0 again\n2 two words\n3 cut";
  g_autoptr (GPtrArray) keywords = satchel_tree_keywords_parse (text, strlen (text));
  g_assert_cmpuint (keywords->len, ==, SATCHEL_TREE_LETTERS);
  g_assert_cmpstr (keywords->pdata[0], ==, "$Forwarded");
  g_assert_cmpstr (keywords->pdata[25], ==, "last");
  g_assert_null (keywords->pdata[1]);
  g_assert_cmpstr (keywords->pdata[3], ==, "cut");
  g_assert_cmpint (satchel_tree_keywords_letter (keywords, "LAST"), ==, 25);
  g_assert_cmpint (satchel_tree_keywords_letter (keywords, "new"), ==, 1);
  for (guint i = 0; i < SATCHEL_TREE_LETTERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("k%u", i);
      g_assert_cmpint (satchel_tree_keywords_letter (keywords, name), ==, i < 21 ? (int) i + 4 : -1);
    }
}

static const struct
{
  const char *mailbox, *folder;
} folders[] = {
  { "INBOX", "" },
  { "Work", ".Work" },
  { "Work/2026", ".Work.2026" },
  { "a.b", ".a&AC4-b" },
  { "\xc3\xa9.", ".&AOkALg-" },
  { "R&D", ".R&-D" },
  { "INBOX/below", ".INBOX.below" },
};

static void
test_folders (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = satchel_tree_folder (folders[i].mailbox);
      g_autofree char *back = satchel_tree_mailbox (folders[i].folder, SATCHEL_LAYOUT_PLUS);
      g_assert_cmpstr (folder, ==, folders[i].folder);
      g_assert_cmpstr (back, ==, folders[i].mailbox);
    }
  static const char *const others[][2] = {
    { ".\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },
    { ".A&B", "A&B" },
    { "Work", NULL },
    { ".", NULL },
    { ".a..b", NULL },
    { ".\xff", NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *name = satchel_tree_mailbox (others[i][0], SATCHEL_LAYOUT_PLUS);
      g_assert_cmpstr (name, ==, others[i][1]);
    }
  g_autofree char *fs = satchel_tree_mailbox ("a.b/&AOk-", SATCHEL_LAYOUT_FS);
  g_assert_cmpstr (fs, ==, "a.b/\xc3\xa9");
  g_autofree char *long_name = g_strnfill (255, 'x');
  g_assert_null (satchel_tree_folder (long_name));
}

static void
test_subscriptions (void)
{
  g_autoptr (GPtrArray) subscribed = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    g_ptr_array_add (subscribed, (gpointer) folders[i].mailbox);
  g_autofree char *text = satchel_tree_subscriptions_make (subscribed);
  g_autoptr (GPtrArray) back = satchel_tree_subscriptions_parse (text, strlen (text), SATCHEL_LAYOUT_PLUS);
  g_assert_cmpuint (back->len, ==, subscribed->len);
  for (guint i = 0; i < back->len; i++)
    g_assert_cmpstr (back->pdata[i], ==, subscribed->pdata[i]);
  static const char old[] = "INBOX\r\nINBOX.A.B\nC\n\n..\n";
  g_autoptr (GPtrArray) of_courier =
      satchel_tree_subscriptions_parse (old, strlen (old), SATCHEL_LAYOUT_PLUS);
  g_assert_cmpuint (of_courier->len, ==, 3);
  g_assert_cmpstr (of_courier->pdata[1], ==, "A/B");
}

static gboolean
take_text (const void *data, gsize len, gpointer out, GError **error)
{
  g_string_append_len (out, data, (gssize) len);
  return TRUE;
}

static void
check_copy (const char *content, gsize len, gboolean is_lf)
{
  g_autoptr (GBytes) bytes = g_bytes_new (content, len);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  g_autoptr (GString) out = g_string_new (NULL);
  guint64 size;
  g_assert_true (satchel_tree_copy (stream, take_text, out, &size, NULL));
  g_assert_cmpuint (size, ==, len);
  if (!is_lf)
    {
      g_assert_cmpmem (out->str, out->len, content, len);
      return;
    }
  g_assert_cmpuint (out->len, <, len);
  g_autoptr (GBytes) file = g_bytes_new (out->str, out->len);
  g_autoptr (SatchelStream) below = satchel_stream_new_bytes (file);
  g_autoptr (SatchelStream) view = satchel_stream_new_crlf (below, -1);
  g_autofree char *back = g_malloc (len + 1);
  g_assert_cmpint (satchel_stream_read_at (view, 0, back, len + 1, NULL), ==, (gssize) len);
  g_assert_cmpmem (back, len, content, len);
}

static void
test_content (void)
{
  static const struct
  {
    const char *text;
    gboolean is_lf;
  } contents[] = { { "", FALSE },           { "x", FALSE },
                   { "a\r\nb\r\n", TRUE },  { "a\r\nb", TRUE },
                   { "a\r\nb\n", FALSE },   { "\r\n", TRUE },
                   { "\n", FALSE },         { "a\r\r\n", FALSE },
                   { "a\rb\r\nc\r", TRUE }, { "a\r\n\r\n\r\n", TRUE } };
  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    check_copy (contents[i].text, strlen (contents[i].text), contents[i].is_lf);
  /* Around the places where a window is cut. */
  for (guint at = 65530; at < 65542; at++)
    for (guint last = 0; last < 2; last++)
      {
        g_autoptr (GString) text = g_string_new (NULL);
        while (text->len < at)
          g_string_append_c (text, 'x');
        g_string_append (text, last == 0 ? "\r\ny\r\n" : "\r\r\ny\r\n");
        check_copy (text->str, text->len, last == 0);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/tree/names", test_names);
  g_test_add_func ("/mail/tree/uids", test_uids);
  g_test_add_func ("/mail/tree/keywords", test_keywords);
  g_test_add_func ("/mail/tree/folders", test_folders);
  g_test_add_func ("/mail/tree/subscriptions", test_subscriptions);
  g_test_add_func ("/mail/tree/content", test_content);
  return g_test_run ();
}
