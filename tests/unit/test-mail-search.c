/* SPDX-License-Identifier: MIT
 * Text search: decoded headers and bodies, needles over every border.
 */
#include "core/mail/attributes/blob_read.h"
#include "core/mail/scan/scanner.h"
#include <satchel/attributes.h>
#include <satchel/keys.h>
#include <satchel/message.h>
#include <satchel/search.h>
#include <string.h>

typedef struct Mail
{
  GBytes *attributes;
  SatchelStream *content;
} Mail;

static Mail
mail_new (const char *data, gsize len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);
  Mail mail = { NULL, satchel_stream_new_bytes (bytes) };
  mail.attributes = satchel_scan_stream (mail.content, NULL);
  g_assert_true (satchel_attributes_check (mail.attributes));
  return mail;
}

static void
mail_clear (Mail *mail)
{
  g_bytes_unref (mail->attributes);
  satchel_stream_unref (mail->content);
}

static gboolean
finds (const Mail *mail, SatchelSearchKind kind, const char *name, const char *text)
{
  g_autoptr (SatchelNeedle) needle = satchel_needle_new (text, strlen (text));
  SatchelSearchTerm term = { kind, name, needle, TRUE };
  g_assert_true (satchel_search_content (mail->attributes, mail->content, &term, 1, NULL));
  return term.is_found;
}

static const char letter[] =
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from\r\n =?iso-8859-1?q?K=F6ln?=\r\nFrom: \"Bob\" "
    "<Bob@Example.COM>\r\n"
    "To: a@x, b@y\r\nTo: c@z\r\nX-Unkept: Some =?utf-8?q?th=C3=AFng?=\r\nX-Empty:\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble text\r\n--b\r\nContent-Type: text/plain; "
    "charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\nContent-Description: quotedpart\r\n\r\nThe qu=\r\nick "
    "br=6Fwn F=\r\nox, "
    "=C3=9Cber=20alles.\r\n--b\r\nContent-Type: text/html; charset=iso-2022-jp\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\n"
    "PGI+GyRCRnxLXBsoQjwvYj4gTGF6\r\neSBET0c=\r\n--b\r\nContent-Type: "
    "application/octet-stream\r\n\r\nbinaryword\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner subject\r\n\r\ninner "
    "body\r\n--b--\r\nepilogue text\r\n";

static void
test_kept_headers (void)
{
  Mail mail = mail_new (letter, sizeof letter - 1);
  static const struct
  {
    const char *name, *text;
    SatchelMatch match;
  } cases[] = {
    { "subject", "GRÜSSE FROM köln", SATCHEL_MATCH_YES },
    { "Subject", "grüße", SATCHEL_MATCH_YES },
    { "Subject", "grusse", SATCHEL_MATCH_NO },
    { "FROM", "example.com", SATCHEL_MATCH_YES },
    { "From", "\"bob\"", SATCHEL_MATCH_YES },
    { "to", "c@z", SATCHEL_MATCH_YES },
    { "to", "d@", SATCHEL_MATCH_NO },
    { "cc", "", SATCHEL_MATCH_NO },
    { "to", "", SATCHEL_MATCH_YES },
    { "x-unkept", "some", SATCHEL_MATCH_UNKNOWN },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SatchelNeedle) needle = satchel_needle_new (cases[i].text, strlen (cases[i].text));
      g_assert_cmpint (satchel_search_header (mail.attributes, cases[i].name, needle), ==, cases[i].match);
      if (cases[i].match != SATCHEL_MATCH_UNKNOWN)
        g_assert_true (finds (&mail, SATCHEL_SEARCH_HEADER, cases[i].name, cases[i].text)
                       == (cases[i].match == SATCHEL_MATCH_YES));
    }
  g_assert_true (finds (&mail, SATCHEL_SEARCH_HEADER, "X-Unkept", "some thïng"));
  g_assert_false (finds (&mail, SATCHEL_SEARCH_HEADER, "X-Unkept", "nothing"));
  g_assert_true (finds (&mail, SATCHEL_SEARCH_HEADER, "X-Empty", ""));
  g_assert_false (finds (&mail, SATCHEL_SEARCH_HEADER, "X-Missing", ""));
  mail_clear (&mail);
}

/* FROM and friends find what ENVELOPE shows, beside what stands there: in what is kept, in keys, and in the
 * content. */
static void
test_addresses (void)
{
  static const struct
  {
    const char *field, *text;
    gboolean is_found;
  } cases[] = {
    { "<user-from (comment)@ (comment) domain.org>", "user-from@domain.org", TRUE },
    { "<user-from (comment)@ (comment) domain.org>", "(comment)@ (c", TRUE },
    { "<user-from (comment)@ (comment) domain.org>", "user-from@domain.com", FALSE },
    { "A\r\n <folded\r\n @domain\r\n .org>", "folded@domain.org", TRUE },
    { "\"quoted\"@domain.org", "quoted@domain.org", TRUE },
    { "\"two words\" <\"a b\"@domain.org>", "a b@DOMAIN", TRUE },
    { "\"esc\\aped \\\"name\\\"\" <a@b>", "escaped \"name\"", TRUE },
    { "=?utf-8?q?K=C3=B6ln?= <k@b>", "K\xc3\xb6LN", TRUE },
    { "\"=?utf-8?q?K=C3=B6ln?=\" <k@b>", "k\xc3\xb6ln", TRUE },
    { "My (old) Friends: a@b, c (x) @ d;", "my friends", TRUE },
    { "My (old) Friends: a@b, c (x) @ d;", "c@d", TRUE },
    { "a@b (Bob Comment)", "bob comment", TRUE },
    { "a@b, c@d", "b, c", TRUE },
    { "\"a\" <b@c>, \"d\" <e@f>", "ad", FALSE },
    { "\"a\" <b@c>, d (x) @e", "b@cd@e", FALSE },
  };
  static const char *const names[] = { "From", "To", "Cc", "Bcc", "Sender", "Reply-To" };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint n = 0; n < G_N_ELEMENTS (names); n++)
      for (guint is_long = 0; is_long < 2; is_long++)
        {
          /* A field of 9 KiB is not kept: the content is read. */
          g_autofree char *more = is_long ? g_strnfill (9000, ' ') : g_strdup ("");
          g_autofree char *text =
              g_strdup_printf ("%s: %s%s\r\n\r\nbody\r\n", names[n], more, cases[i].field);
          Mail mail = mail_new (text, strlen (text));
          g_autoptr (SatchelNeedle) needle = satchel_needle_new (cases[i].text, strlen (cases[i].text));
          SatchelMatch want = is_long             ? SATCHEL_MATCH_UNKNOWN
                              : cases[i].is_found ? SATCHEL_MATCH_YES
                                                  : SATCHEL_MATCH_NO;
          g_assert_cmpint (satchel_search_header (mail.attributes, names[n], needle), ==, want);
          if (finds (&mail, SATCHEL_SEARCH_HEADER, names[n], cases[i].text) != cases[i].is_found)
            g_error ("%s: %s in %s", names[n], cases[i].text, cases[i].field);
          SatchelKeyKind kind;
          if (satchel_key_of_header (names[n], &kind))
            {
              g_autoptr (GByteArray) key = g_byte_array_new ();
              satchel_key_append (mail.attributes, kind, key);
              g_assert_cmpint (satchel_key_search (key->data, key->len, needle), ==, want);
            }
          mail_clear (&mail);
        }
  /* Other fields are looked at as they stand. */
  static const char other[] = "X-From: a (x) @b\r\nSubject: c (x) @d\r\n\r\n";
  Mail mail = mail_new (other, strlen (other));
  g_assert_false (finds (&mail, SATCHEL_SEARCH_HEADER, "X-From", "a@b"));
  g_assert_false (finds (&mail, SATCHEL_SEARCH_HEADER, "Subject", "c@d"));
  mail_clear (&mail);
}

/* A header in plain ASCII is searched as one block: its folded lines are joined, its fields are not. */
static void
test_plain_header (void)
{
  static const char plain[] =
      "Subject: one long\r\n subject\r\nX-First: alpha\r\nX-Second: beta\r\n\r\nbody\r\n";
  static const char line_feeds[] = "Subject: one long\n\tsubject\nX-First: alpha\nX-Second: beta\n\nbody\n";
  Mail mails[] = { mail_new (plain, sizeof plain - 1), mail_new (line_feeds, sizeof line_feeds - 1) };
  for (guint i = 0; i < G_N_ELEMENTS (mails); i++)
    {
      const char *unfolded = i == 0 ? "one long subject" : "one long\tsubject";
      g_assert_true (finds (&mails[i], SATCHEL_SEARCH_TEXT, NULL, unfolded));
      g_assert_true (finds (&mails[i], SATCHEL_SEARCH_TEXT, NULL, "x-second: beta"));
      g_assert_false (finds (&mails[i], SATCHEL_SEARCH_TEXT, NULL, "alphax-second"));
      mail_clear (&mails[i]);
    }
}

static void
test_content (void)
{
  Mail mail = mail_new (letter, sizeof letter - 1);
  static const struct
  {
    const char *text;
    gboolean in_body, in_text;
  } cases[] = {
    { "quick BROWN fox", TRUE, TRUE }, /* over soft line breaks */
    { "über ALLES", TRUE, TRUE },      { "日本", TRUE, TRUE },
    { "lazy dog", TRUE, TRUE }, /* over base64 lines */
    { "binaryword", FALSE, FALSE },    { "preamble", FALSE, FALSE },
    { "epilogue", FALSE, FALSE },      { "inner subject", TRUE, TRUE },
    { "inner body", TRUE, TRUE },      { "quotedpart", FALSE, TRUE },
    { "bob@example", FALSE, TRUE },    { "subject: grüsse", FALSE, TRUE },
    { "some thïng", FALSE, TRUE },     { "", TRUE, TRUE },
    { "no such thing", FALSE, FALSE }, { "br=6fwn", FALSE, FALSE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      if (finds (&mail, SATCHEL_SEARCH_BODY, NULL, cases[i].text) != cases[i].in_body)
        g_error ("BODY %s", cases[i].text);
      if (finds (&mail, SATCHEL_SEARCH_TEXT, NULL, cases[i].text) != cases[i].in_text)
        g_error ("TEXT %s", cases[i].text);
    }
  /* Several terms, one pass. */
  g_autoptr (SatchelNeedle) fox = satchel_needle_new ("fox", 3);
  g_autoptr (SatchelNeedle) japan = satchel_needle_new ("日本", 6);
  g_autoptr (SatchelNeedle) zebra = satchel_needle_new ("zebra", 5);
  SatchelSearchTerm terms[] = { { SATCHEL_SEARCH_BODY, NULL, fox, FALSE },
                                { SATCHEL_SEARCH_TEXT, NULL, japan, FALSE },
                                { SATCHEL_SEARCH_TEXT, NULL, zebra, TRUE },
                                { SATCHEL_SEARCH_HEADER, "subject", fox, TRUE } };
  g_assert_true (satchel_search_content (mail.attributes, mail.content, terms, 4, NULL));
  g_assert_true (terms[0].is_found && terms[1].is_found && !terms[2].is_found && !terms[3].is_found);
  mail_clear (&mail);
}

/* A needle at every offset around the 64 KiB border of reads, in each encoding. */
static void
test_borders (void)
{
  static const char *const headers[] = {
    "Content-Type: text/plain; charset=us-ascii\r\n\r\n", "Content-Type: text/plain; charset=utf-8\r\n\r\n",
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
  };
  static const char *const needles[] = { "NEEDLE", "nädelÉ" };
  for (gsize h = 0; h < G_N_ELEMENTS (headers); h++)
    for (gsize n = h == 0 ? 0 : 1; n < (h == 0 ? 1 : 2); n++)
      for (gsize before = 65520; before < 65545; before++)
        {
          g_autoptr (GString) body = g_string_new (NULL);
          gsize fill = h == 3 ? before * 3 / 4 : before;
          while (body->len + 20 < fill)
            g_string_append (body, "xé nädelE neeDL\r\n");
          while (body->len < fill)
            g_string_append_c (body, 'x');
          g_string_append (body, n == 0 ? "nEEdLe" : "NÄDELé");
          g_string_append (body, " the end\r\n");
          if (h == 0)
            for (gsize i = 0; i < body->len; i++)
              body->str[i] &= 0x7f;
          g_autoptr (GString) content = g_string_new (headers[h]);
          if (h == 3)
            {
              g_autofree char *base64 = g_base64_encode ((const guchar *) body->str, body->len);
              g_string_append (content, base64);
            }
          else
            g_string_append_len (content, body->str, body->len);
          Mail mail = mail_new (content->str, content->len);
          g_assert_true (finds (&mail, SATCHEL_SEARCH_BODY, NULL, needles[n]));
          g_assert_true (finds (&mail, SATCHEL_SEARCH_BODY, NULL, "the end"));
          g_assert_false (finds (&mail, SATCHEL_SEARCH_BODY, NULL, "needlex"));
          mail_clear (&mail);
        }
}

static void
test_unparsed (void)
{
  static const char data[] = "Subject: x\r\n\r\nhello there";
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, sizeof data - 1);
  Mail mail = { satchel_attributes_unparsed (sizeof data - 1), satchel_stream_new_bytes (bytes) };
  g_assert_true (satchel_attributes_check (mail.attributes));
  g_assert_true (finds (&mail, SATCHEL_SEARCH_BODY, NULL, "HELLO"));
  g_assert_false (finds (&mail, SATCHEL_SEARCH_HEADER, "subject", "x"));
  mail_clear (&mail);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/search/kept-headers", test_kept_headers);
  g_test_add_func ("/mail/search/addresses", test_addresses);
  g_test_add_func ("/mail/search/plain-header", test_plain_header);
  g_test_add_func ("/mail/search/content", test_content);
  g_test_add_func ("/mail/search/borders", test_borders);
  g_test_add_func ("/mail/search/unparsed", test_unparsed);
  return g_test_run ();
}
