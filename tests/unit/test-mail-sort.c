/* SPDX-License-Identifier: MIT
 * Base subjects (RFC 5256 2.1), i;unicode-casemap (RFC 5051), the sorter, keys of messages.
 */
#include "core/mail/attributes/blob_read.h"
#include "core/mail/charset/casefold.h"
#include "core/mail/header/fields.h"
#include <satchel/charset.h>
#include <satchel/keys.h>
#include <satchel/message.h>
#include <string.h>

static void
test_base_subject (void)
{
  static const struct
  {
    const char *subject, *base;
    gboolean is_reply;
  } cases[] = {
    { "", "", FALSE },
    { "  hello  ", "hello", FALSE },
    { "a\t b\r\n  c", "a b c", FALSE }, /* step 1 */
    { "Re: hello", "hello", TRUE },
    { "RE:re : Fw:FWD : hello", "hello", TRUE },
    { "Re:", "", TRUE },
    { "Regards: hello", "Regards: hello", FALSE },
    { "fwdd: hello", "fwdd: hello", FALSE },
    { "re hello", "re hello", FALSE },
    { "hello (fwd)", "hello", TRUE }, /* step 2 */
    { "hello (FWD) (fwd)  ", "hello", TRUE },
    { "(fwd)", "", TRUE },
    { "hello (fwd) x", "hello (fwd) x", FALSE },
    { "[list] hello", "hello", FALSE }, /* step 4 */
    { "[list] [two]hello", "hello", FALSE },
    { "[list] Re: hello", "hello", TRUE }, /* step 3: blobs before refwd */
    { "Re: [list] hello", "hello", TRUE },
    { "Re [2]: hello", "hello", TRUE },
    { "Re [a[b]: hello", "Re [a[b]: hello", FALSE },
    { "Re[2]x: hello", "Re[2]x: hello", FALSE },
    { "[list] [two] Fwd: [three] re: hello", "hello", TRUE },
    { "[only]", "[only]", FALSE }, /* what is left must not be empty */
    { "[a] [b]", "[b]", FALSE },
    { "Re: [a]", "[a]", TRUE },
    { "[unclosed hello", "[unclosed hello", FALSE },
    { "[a]] hello", "] hello", FALSE },
    { "[fwd: hello]", "hello", TRUE }, /* step 6 */
    { "[Fwd: [fwd: Re: hello (fwd) ]]", "hello", TRUE },
    { "[fwd:]", "", TRUE },
    { "[fwd: hello", "[fwd: hello", FALSE },
    { "[fwd: [x] hello]", "hello", TRUE },
    { "Re: [list] [fwd: hello] (fwd)", "hello", TRUE }, /* the last blob stays, and is a forward */
    { "=?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=",
      "Gr\xc3\xbc\xc3\x9f"
      "e",
      TRUE },
    { "=?iso-8859-1?q?Re:?= =?iso-8859-1?q?_[x]_y?=", "y", TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize len;
      gboolean is_reply = !cases[i].is_reply;
      g_autofree char *base =
          satchel_base_subject (cases[i].subject, strlen (cases[i].subject), &len, &is_reply);
      g_test_message ("%s", cases[i].subject);
      g_assert_cmpstr (base, ==, cases[i].base);
      g_assert_cmpuint (len, ==, strlen (base));
      g_assert_cmpint (is_reply, ==, cases[i].is_reply);
    }
}

/* A header is at most 8 KiB: what repeats in it must not cost its square, nor a stack. */
static void
test_base_subject_bounds (void)
{
  static const char *const pieces[] = { "[",     "]",   "[]",     "[a] ", "re:", "[fwd:",
                                        "(fwd)", "re[", "[x]re:", " ",    "\t " };
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    for (guint k = 0; k < G_N_ELEMENTS (pieces); k++)
      {
        g_autoptr (GString) text = g_string_new (NULL);
        while (text->len < 4096)
          g_string_append (text, pieces[i]);
        while (text->len < 8192)
          g_string_append (text, pieces[k]);
        gsize len;
        g_autofree char *base = satchel_base_subject (text->str, text->len, &len, NULL);
        g_assert_cmpuint (len, <=, text->len);
        g_assert_true (len == 0 || (base[0] != ' ' && base[len - 1] != ' '));
      }
}

static void
test_casemap (void)
{
  static const struct
  {
    const char *text, *mapped;
  } cases[] = {
    { "", "" },
    { "Hello_1", "HELLO_1" },
    { "stra\xc3\x9f"
      "e",
      "STRA\xc3\x9f"
      "E" },                     /* sharp s has no titlecase of one character */
    { "\xc3\xa9", "E\xcc\x81" }, /* canonical decomposition */
    { "e\xcc\x81", "E\xcc\x81" },
    { "\xc7\x86", "Dz\xcc\x8c" },                   /* U+01C6: RFC 5051 2 has this one, titlecase U+01C5 */
    { "\xc7\x84", "Dz\xcc\x8c" },                   /* U+01C4 */
    { "\xef\xac\x81", "fi" },                       /* ligature: compatibility, after titlecase */
    { "\xea\xb0\x80", "\xe1\x84\x80\xe1\x85\xa1" }, /* Hangul */
    { "a\xff"
      "b",
      "A\xef\xbf\xbd"
      "B" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize len;
      g_autofree char *mapped = satchel_casemap (cases[i].text, strlen (cases[i].text), &len);
      g_assert_cmpstr (mapped, ==, cases[i].mapped);
      g_assert_cmpuint (len, ==, strlen (mapped));
    }
}

static void
check_order (SatchelSorter *sorter, guint n, const guint32 *expected)
{
  g_autofree guint32 *order = satchel_sorter_finish (sorter);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (order[i], ==, expected[i]);
}

static void
test_numbers (void)
{
  static const gint64 numbers[] = { 5, -1, G_MAXINT64, 5, G_MININT64, 0 };
  g_autoptr (SatchelSorter) up = satchel_sorter_new (6, 1, 0), down = satchel_sorter_new (6, 1, 1);
  for (guint i = 0; i < 6; i++)
    {
      satchel_sorter_set_number (up, i, 0, numbers[i]);
      satchel_sorter_set_number (down, i, 0, numbers[i]);
    }
  check_order (up, 6, (const guint32[]) { 4, 1, 5, 0, 3, 2 });
  /* REVERSE turns the key around, not the order of equal ones (RFC 5256 3). */
  check_order (down, 6, (const guint32[]) { 2, 0, 3, 5, 1, 4 });
}

static void
test_texts (void)
{
  static const char *const texts[] = {
    "LONGER THAN EIGHT B", "LONGER THAN EIGHT", "", "LONGER T", "LONGER THAN EIGHT A", "Z", "\xc3\xa9"
  };
  g_autoptr (SatchelSorter) up = satchel_sorter_new (7, 1, 0), down = satchel_sorter_new (7, 1, 1);
  for (guint i = 0; i < 7; i++)
    {
      /* No text may be NULL: a column of keys that are all empty has no bytes (UBSan watches). */
      satchel_sorter_set_text (up, i, 0, *texts[i] != '\0' ? texts[i] : NULL, strlen (texts[i]));
      satchel_sorter_set_text (down, i, 0, texts[i], strlen (texts[i]));
    }
  check_order (up, 7, (const guint32[]) { 2, 3, 1, 4, 0, 5, 6 });
  check_order (down, 7, (const guint32[]) { 6, 5, 0, 4, 1, 3, 2 });
}

static void
test_several (void)
{
  static const char *const subjects[] = { "B", "A SUBJECT OF SOME LENGTH", "A SUBJECT OF SOME LENGTH", "B",
                                          "A SUBJECT OF SOME LENGTH" };
  static const gint64 dates[] = { 1, 2, 3, 4, 3 };
  g_autoptr (SatchelSorter) sorter = satchel_sorter_new (5, 2, 2);
  for (guint i = 0; i < 5; i++)
    {
      satchel_sorter_set_text (sorter, i, 0, subjects[i], strlen (subjects[i]));
      satchel_sorter_set_number (sorter, i, 1, dates[i]);
    }
  check_order (sorter, 5, (const guint32[]) { 2, 4, 1, 3, 0 });
  g_autoptr (SatchelSorter) none = satchel_sorter_new (0, 1, 0);
  check_order (none, 0, NULL);
}

/* ---- keys of a message ---- */

static GBytes *
scan (const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (SatchelStream) content = satchel_stream_new_bytes (bytes);
  return satchel_scan_stream (content, NULL);
}

static void
check_key (GBytes *attributes, SatchelKeyKind kind, const char *expected)
{
  g_autoptr (GByteArray) key = g_byte_array_new ();
  satchel_key_append (attributes, kind, key);
  g_assert_cmpmem (key->data, key->len, expected, strlen (expected));
}

static SatchelMatch
search_key (GBytes *attributes, SatchelKeyKind kind, const char *text)
{
  g_autoptr (GByteArray) key = g_byte_array_new ();
  g_autoptr (SatchelNeedle) needle = satchel_needle_new (text, strlen (text));
  satchel_key_append (attributes, kind, key);
  return satchel_key_search (key->data, key->len, needle);
}

static void
test_keys (void)
{
  g_autoptr (GBytes) mail = scan ("From: =?utf-8?q?Zo=C3=A9?= <Bob@x>\nTo: friends: ;, carl@y (Carl)\nCc: "
                                  "\"\" <Dora@z>\nSubject: Re: =?utf-8?q?=C3=84?= (x)\n"
                                  "Subject: second\nDate: Wed, 1 Jan 2020 00:30:00 +0100\nMessage-ID: "
                                  "<\"m\"@x>\nReferences: <a@x> <b@x>\nIn-Reply-To: <c@x>\n\n");
  g_autoptr (GBytes) none = scan ("X: y\n\n"), empty = scan ("Subject:\nFrom: \n\n");
  check_key (mail, SATCHEL_KEY_SUBJECT, "A\xcc\x88 (X)");
  check_key (mail, SATCHEL_KEY_FROM, "BOB");
  check_key (mail, SATCHEL_KEY_DISPLAY_FROM, "ZOE\xcc\x81");
  /* A group's start is an address structure as well, with the group's name (RFC 3501 7.4.2). */
  check_key (mail, SATCHEL_KEY_TO, "FRIENDS");
  check_key (mail, SATCHEL_KEY_DISPLAY_TO, "FRIENDS");
  check_key (mail, SATCHEL_KEY_CC, "DORA");
  for (guint kind = SATCHEL_KEY_SUBJECT; kind <= SATCHEL_KEY_DISPLAY_TO; kind++)
    check_key (none, (SatchelKeyKind) kind, "");
  g_assert_cmpint (search_key (mail, SATCHEL_KEY_IN_SUBJECT, "re: \xc3\xa4"), ==, SATCHEL_MATCH_YES);
  g_assert_cmpint (search_key (mail, SATCHEL_KEY_IN_SUBJECT, "SECOND"), ==, SATCHEL_MATCH_YES);
  g_assert_cmpint (search_key (mail, SATCHEL_KEY_IN_SUBJECT, "third"), ==, SATCHEL_MATCH_NO);
  g_assert_cmpint (search_key (mail, SATCHEL_KEY_IN_TO, "friends"), ==, SATCHEL_MATCH_YES);
  /* The empty text is in every field that is there, if it is (RFC 3501 6.4.4). */
  g_assert_cmpint (search_key (empty, SATCHEL_KEY_IN_SUBJECT, ""), ==, SATCHEL_MATCH_YES);
  g_assert_cmpint (search_key (empty, SATCHEL_KEY_IN_CC, ""), ==, SATCHEL_MATCH_NO);
  g_autoptr (GBytes) odd =
      scan ("From: \"a \\\"(b) \xc3\xa9\" <c@d>\nTo: nohost\nCc: <\"x (y)\"@z>, e@f\nSubject: (((\n\n");
  check_key (odd, SATCHEL_KEY_FROM, "C");
  check_key (odd, SATCHEL_KEY_DISPLAY_FROM, "A \"(B) E\xcc\x81");
  check_key (odd, SATCHEL_KEY_DISPLAY_TO, "NOHOST");
  check_key (odd, SATCHEL_KEY_CC, "X (Y)");
  g_autoptr (GString) many = g_string_new ("To: Zed <first@a>");
  while (many->len < 20000)
    g_string_append (many, ",\n many@b");
  g_string_append (many, "\nCc: last@c\n\n");
  g_autoptr (GBytes) list = scan (many->str);
  check_key (list, SATCHEL_KEY_TO, "FIRST");
  check_key (list, SATCHEL_KEY_CC, "LAST");
  g_autofree char *repeated = g_strnfill (1100, 'x'),
                  *text = g_strconcat ("Subject: ", repeated, "\n\n", NULL);
  g_autoptr (GBytes) long_mail = scan (text);
  g_assert_cmpint (search_key (long_mail, SATCHEL_KEY_IN_SUBJECT, "y"), ==, SATCHEL_MATCH_UNKNOWN);
}

static void
test_thread_keys (void)
{
  static const char *const texts[] = {
    "Message-ID: <\"m\"@x>\nSubject: Re: [l] a\nDate: Wed, 1 Jan 2020 00:30:00 +0100\n"
    "References: <a@x> <b@x>\nIn-Reply-To: <c@x>\n\n",
    "Message-ID: <b@x>\nSubject: A\nIn-Reply-To: <a@x> <m@x>\n\n", "X: y\n\n"
  };
  SatchelThreadMessage messages[3];
  guint64 references[3][SATCHEL_KEY_REFERENCES];
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GBytes) mail = scan (texts[i]);
      g_autoptr (GByteArray) key = g_byte_array_new ();
      satchel_key_append (mail, SATCHEL_KEY_THREAD, key);
      messages[i] = (SatchelThreadMessage) { .sent = 5, .arrived = 6 };
      satchel_key_thread (key->data, key->len, &messages[i], references[i]);
    }
  g_assert_cmpuint (messages[0].n_references, ==, 2);
  g_assert_cmpuint (messages[1].n_references, ==, 1);
  g_assert_cmpuint (messages[2].n_references, ==, 0);
  g_assert_cmpuint (references[0][1], ==, messages[1].message_id);
  g_assert_cmpuint (references[0][0], ==, references[1][0]);
  g_assert_cmpuint (messages[0].base_subject, ==, messages[1].base_subject);
  g_assert_true (messages[0].is_reply && !messages[1].is_reply);
  g_assert_cmpint (messages[0].sent, ==, 1577835000);
  g_assert_cmpint (messages[1].sent, ==, 5);
  g_assert_true (messages[2].message_id == 0 && messages[2].base_subject == 0 && messages[2].arrived == 6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/sort/base-subject", test_base_subject);
  g_test_add_func ("/mail/sort/base-subject-bounds", test_base_subject_bounds);
  g_test_add_func ("/mail/sort/casemap", test_casemap);
  g_test_add_func ("/mail/sort/numbers", test_numbers);
  g_test_add_func ("/mail/sort/texts", test_texts);
  g_test_add_func ("/mail/sort/several", test_several);
  g_test_add_func ("/mail/sort/keys", test_keys);
  g_test_add_func ("/mail/sort/thread-keys", test_thread_keys);
  return g_test_run ();
}
