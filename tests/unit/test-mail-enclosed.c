/* SPDX-License-Identifier: MIT
 * Enclosed messages (message/rfc822, message/global), headers without the empty line that should end them,
 * and what mail is internationalized: structure, sections and line counts agree.
 */
#include "core/mail/attributes/blob_read.h"
#include <satchel/attributes.h>
#include <satchel/message.h>
#include <string.h>

#include "tests/lib/scan_check.h"

static GBytes *
scan (const char *data)
{
  GBytes *blob = scan_whole (data, strlen (data));
  for (guint32 seed = 1; seed < 40; seed++)
    {
      g_autoptr (GBytes) split = scan_split (data, strlen (data), seed);
      g_assert_true (g_bytes_equal (blob, split));
    }
  check_sections (blob, strlen (data));
  g_assert_true (satchel_attributes_check (blob));
  return blob;
}

/* @want NULL: NIL. */
static void
check_section (GBytes *blob, const char *data, const char *section, const char *want)
{
  guint64 offset, len;
  gboolean is_there = satchel_attributes_find_section (blob, section, &offset, &len);
  g_assert_true (is_there == (want != NULL));
  if (!is_there)
    return;
  g_autofree char *got = g_strndup (data + offset, len);
  g_assert_cmpstr (got, ==, want);
}

static void
check_body (GBytes *blob, const char *want)
{
  gsize len;
  const char *text = satchel_attributes_body_structure (blob, FALSE, &len);
  g_assert_true (imap_is_body (text, len, FALSE));
  g_autofree char *got = g_strndup (text, len);
  g_assert_cmpstr (got, ==, want);
}

#define NO_ENVELOPE "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
#define PLAIN(size, lines)                                                                                   \
  "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" " size " " lines ")"
#define ENCLOSED(subtype, size, envelope, body, lines)                                                       \
  "(\"message\" \"" subtype "\" NIL NIL NIL \"7bit\" " size " " envelope " " body " " lines ")"
#define SUBJECT(text) "(NIL \"" text "\" NIL NIL NIL NIL NIL NIL NIL NIL)"

/* RFC 9051 7.5.2, 6.4.5.1: message/global is described and taken apart as message/rfc822 is. */
static void
test_global (void)
{
  static const char alone[] = "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\na\r\nb\r\n";
  g_autoptr (GBytes) blob = scan (alone);
  check_body (blob, ENCLOSED ("global", "21", SUBJECT ("in"), PLAIN ("6", "2"), "4"));
  check_section (blob, alone, "1.HEADER", "Subject: in\r\n\r\n");
  check_section (blob, alone, "1.TEXT", "a\r\nb\r\n");
  check_section (blob, alone, "1.1", "a\r\nb\r\n");
  check_section (blob, alone, "1.1.MIME", "Subject: in\r\n\r\n");

  static const char digest[] =
      "Content-Type: multipart/digest; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: Message/Global\r\n\r\nSubject: one\r\nContent-Type: multipart/mixed; "
      "boundary=c\r\n\r\n"
      "--c\r\n\r\nx\r\n--c\r\nContent-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\ny\r\n--c--\r\n"
      "--b\r\n\r\nSubject: two\r\n\r\nz\r\n--b--\r\n";
  g_autoptr (GBytes) nested = scan (digest);
  check_section (nested, digest, "1.HEADER",
                 "Subject: one\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n");
  check_section (nested, digest, "1.1", "x");
  check_section (nested, digest, "1.2.HEADER", "Subject: deep\r\n\r\n");
  check_section (nested, digest, "1.2.1", "y");
  check_section (nested, digest, "2.TEXT", "z");
}

/* Other types of "message" are leaves: they are no messages, or not whole ones. */
static void
test_no_messages (void)
{
  static const char *const subtypes[] = { "delivery-status",
                                          "global-delivery-status",
                                          "global-headers",
                                          "global-disposition-notification",
                                          "disposition-notification",
                                          "external-body",
                                          "partial",
                                          "globals",
                                          "rfc" };
  for (guint i = 0; i < G_N_ELEMENTS (subtypes); i++)
    {
      g_autofree char *data =
          g_strdup_printf ("Content-Type: message/%s\r\n\r\nSubject: in\r\n\r\na\r\n", subtypes[i]);
      g_autoptr (GBytes) blob = scan (data);
      g_autofree char *want = g_strdup_printf ("(\"message\" \"%s\" NIL NIL NIL \"7bit\" 18)", subtypes[i]);
      check_body (blob, want);
      check_section (blob, data, "1.HEADER", NULL);
      check_section (blob, data, "1.1", NULL);
    }
}

/* Decision 0015: RFC 6532 3.5 allows an encoding; the text within is the content, to be decoded as it is
 * told. */
static void
test_encoded (void)
{
  static const char base64[] =
      "Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ0KDQpi\r\n";
  g_autoptr (GBytes) blob = scan (base64);
  check_body (blob, "(\"message\" \"global\" NIL NIL NIL \"base64\" 22 " NO_ENVELOPE
                    " (\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"base64\" 22 1) 1)");
  check_section (blob, base64, "1", "U3ViamVjdDogYQ0KDQpi\r\n");
  check_section (blob, base64, "1.HEADER", "");
  check_section (blob, base64, "1.TEXT", "U3ViamVjdDogYQ0KDQpi\r\n");
  check_section (blob, base64, "1.1", "U3ViamVjdDogYQ0KDQpi\r\n");
  /* What looks like a header, a boundary or another message in there is none of it. */
  static const char printable[] =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\nContent-Type: multipart/mixed; boundary=3Dc\r\n\r\n"
      "--c\r\n\r\nx\r\n--c--\r\n--b\r\n\r\nnext\r\n--b--\r\n";
  g_autoptr (GBytes) two = scan (printable);
  check_section (two, printable, "1.HEADER", "");
  check_section (two, printable, "1.1",
                 "Content-Type: multipart/mixed; boundary=3Dc\r\n\r\n--c\r\n\r\nx\r\n--c--");
  check_section (two, printable, "2", "next");
  static const char uuencoded[] =
      "Content-Type: message/global\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n"
      "begin 644 x\r\n#0V%T\r\n`\r\nend\r\n";
  g_autoptr (GBytes) three = scan (uuencoded);
  check_body (three, "(\"message\" \"global\" NIL NIL NIL \"x-uuencode\" 28 " NO_ENVELOPE
                     " (\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"x-uuencode\" 28 4) 4)");
  /* 8bit is none. */
  static const char plain[] =
      "Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: a\r\n\r\nb";
  g_autoptr (GBytes) identity = scan (plain);
  check_section (identity, plain, "1.HEADER", "Subject: a\r\n\r\n");
}

/* Lines are the line ends in what BODY[n] gives; of a part whose blank line is all there is, that one counts.
 */
static void
test_lines (void)
{
  static const char inner[] = "Content-Type: message/rfc822\r\n\r\n";
  static const char *const types[] = { "rfc822", "global" };
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autofree char *direct = g_strdup_printf (
          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/%s\r\n\r\n"
          "%s--b--\r\n",
          types[i], inner);
      g_autofree char *spaced = g_strdup_printf (
          "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/%s\r\n\r\n"
          "%s\r\n--b--\r\n",
          types[i], inner);
      g_autofree char *alone = g_strdup_printf ("Content-Type: message/%s\r\n\r\n%s", types[i], inner);
      g_autofree char *empty =
          g_strdup_printf ("(\"message\" \"%s\" NIL NIL NIL \"7bit\" 32 " NO_ENVELOPE
                           " " ENCLOSED ("rfc822", "0", NO_ENVELOPE, PLAIN ("0", "0"), "0") " 2)",
                           types[i]);
      g_autofree char *in_multipart = g_strdup_printf ("(%s \"mixed\")", empty);
      g_autoptr (GBytes) first = scan (direct), second = scan (spaced), third = scan (alone);
      check_section (first, direct, "1", inner);
      check_body (first, in_multipart);
      check_section (second, spaced, "1", inner);
      check_body (second, in_multipart);
      check_body (third, empty);
    }
  /* As Python writes it: the innermost message is an empty line. */
  static const char line[] =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
      "Content-Type: message/rfc822\r\n\r\n\r\n\r\n--b--\r\n";
  g_autoptr (GBytes) fourth = scan (line);
  check_section (fourth, line, "1.TEXT", "\r\n");
  check_body (fourth, "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 34 " NO_ENVELOPE
                      " " ENCLOSED ("rfc822", "2", NO_ENVELOPE, PLAIN ("0", "0"), "1") " 3) \"mixed\")");
  /* An enclosed message of nothing, and one of a header whose blank line the delimiter follows at once. */
  static const char nothing[] =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/global\r\n\r\n--b\r\n"
      "Content-Type: message/global\r\n\r\nSubject: a\r\n\r\n--b--\r\n";
  g_autoptr (GBytes) blob = scan (nothing);
  check_body (blob, "(" ENCLOSED ("global", "0", NO_ENVELOPE, PLAIN ("0", "0"), "0")
                        ENCLOSED ("global", "14", SUBJECT ("a"), PLAIN ("0", "0"), "2") " \"mixed\")");
}

/* A part's header ends before the first line that can be no field. */
static void
test_missing_blank_line (void)
{
  static const char data[] =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
      "--b\r\nContent-Type: text/plain\r\nhello there\r\nSubject: not this\r\n\r\nend\r\n"
      "--b\r\nContent-Type: application/pdf;\r\n name=x.pdf\r\nContent-Transfer-Encoding: "
      "base64\r\nJVBERi0x\r\nLjQK\r\n"
      "--b\r\nno header at all\r\n"
      "--b\r\n indented\r\n"
      "--b\r\nContent-Type: message/rfc822\r\nhello\r\n"
      "--b\r\nContent-Type: text/html\r\n<p>a b</p>\r\n--b--\r\n";
  g_autoptr (GBytes) blob = scan (data);
  check_section (blob, data, "1.MIME", "Content-Type: text/plain\r\n");
  check_section (blob, data, "1", "hello there\r\nSubject: not this\r\n\r\nend");
  check_section (blob, data, "2.MIME",
                 "Content-Type: application/pdf;\r\n name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n");
  check_section (blob, data, "2", "JVBERi0x\r\nLjQK");
  check_section (blob, data, "3", "no header at all");
  check_section (blob, data, "4", " indented");
  check_section (blob, data, "5.HEADER", "");
  check_section (blob, data, "5.TEXT", "hello");
  check_section (blob, data, "6", "<p>a b</p>");
  check_body (
      blob,
      "(" PLAIN ("37",
                 "3") "(\"application\" \"pdf\" (\"name\" \"x.pdf\") NIL NIL \"base64\" 14)" PLAIN ("16", "0")
          PLAIN ("9", "0") "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 5 " NO_ENVELOPE
                           " " PLAIN ("5", "0") " 0)"
                                                "(\"text\" \"html\" NIL NIL NIL \"7bit\" 10 0) \"mixed\")");
}

/* A message that begins with no field has no header; mbox lines and lost folding before the first field
 * belong to it, behind one any line does, so that a stray one hides no field. */
static void
test_message_header (void)
{
  static const struct
  {
    const char *header, *text;
  } cases[] = {
    { "Subject: a\r\nhello there\r\nTo: b\r\n\r\n", "end\r\n" },
    { "From joe@example.org Thu Jan  1 00:00:00 1970\r\nSubject: a\r\n\r\n", "x\r\n" },
    { ">From joe@example.org Thu Jan  1 00:00:00 1970\r\nSubject: a\r\n\r\n", "x\r\n" },
    { " lost folding\r\n\tmore: of it\r\nSubject: a\r\n\r\n", "x\r\n" },
    { "Subject: a\r\nFrom now on no field\r\n\r\n", "x\r\n" },
    { "\xef\xbb\xbf"
      "From: a@b\r\nSubject: a\r\n\r\n",
      "x\r\n" },
    { "Subject: a\r\nX-\xe4: b\r\nTo : c@d\r\n\r\n", "x\r\n" },
    { "\r\n", "Subject: a\r\n\r\nx\r\n" },
    { "", "no field\r\n" },
    { "", "no end" },
    { "Subject: a\r\n folded\r\n \r\n\r\n", "x" },
    { "Subject: a\n--hello\nTo: b\n", "" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *data = g_strconcat (cases[i].header, cases[i].text, NULL);
      g_autoptr (GBytes) blob = scan (data);
      check_section (blob, data, "HEADER", cases[i].header);
      check_section (blob, data, "TEXT", cases[i].text);
      check_section (blob, data, "1", cases[i].text);
    }
  /* A line of 3 MiB that is no field costs the rest of the message nothing of what is kept for headers. */
  g_autoptr (GString) large = g_string_new ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
  for (guint i = 0; i < 3 * 1024 * 1024; i++)
    g_string_append_c (large, 'x');
  gsize size = large->len;
  g_string_append (large, "\r\n--b\r\nContent-Type: message/global\r\n\r\nSubject: a\r\n\r\nb\r\n--b--\r\n");
  g_autoptr (GBytes) blob = scan_whole (large->str, large->len);
  check_section (blob, large->str, "2.HEADER", "Subject: a\r\n\r\n");
  guint64 offset, len;
  g_assert_true (satchel_attributes_find_section (blob, "1", &offset, &len));
  g_assert_cmpuint (offset + len, ==, size);
  g_assert_cmpuint (len, ==, 3 * 1024 * 1024);
}

/* Mail for which POP3 makes a surrogate: never that which has 8-bit bytes and nothing else. */
static void
test_internationalized (void)
{
  static const struct
  {
    const char *header;
    gboolean is_internationalized;
  } cases[] = {
    { "Received: from a (b)\r\n\tby c with UTF8LMTP id x; now\r\nSubject: a\r\n", TRUE },
    { "Received: from a by c\r\n with UTF8SMTPSA id x; now\r\n", TRUE },
    { "Received: from a by c with LMTP id x; now\r\nReceived: from b by a with UTF8SMTP id y\r\nSubject: "
      "\xc3\xa4\r\n",
      FALSE },
    { "From: J\xc3\xb6rg <j\xc3\xb6rg@example.org>\r\n", TRUE },
    { "To: a@b, \"\xc3\xa4 b\" <a@\xc3\xa4.example>\r\n", TRUE },
    { "Return-Path: <\xc3\xa4@example.org>\r\n", TRUE },
    { "From: J\xc3\xb6rg <joerg@example.org>\r\nSubject: \xc3\xa4\r\nMessage-ID: <\xc3\xa4@b>\r\n", FALSE },
    { "From: J\xc3\xb6rg M joerg@example.org\r\n", FALSE },
    { "From: \xc3\xa4\r\nTo: \xc3\xa4: ;\r\nCc: a@b (\xc3\xa4)\r\n", FALSE },
    { "From: <\xe4@example.org>\r\n", FALSE },
    { "\xef\xbb\xbf"
      "From: <a@example.org>\r\n",
      FALSE },
    { "Subject: with UTF8LMTP\r\nX: \xc3\xa4@\xc3\xa4\r\n", FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *data = g_strconcat (cases[i].header, "\r\ntext \xc3\xa4\r\n", NULL);
      g_autoptr (GBytes) blob = scan (data);
      g_assert_cmpint (satchel_attributes_is_internationalized (blob), ==, cases[i].is_internationalized);
      g_assert_true (satchel_attributes_ends_in_crlf (blob));
    }
  static const char *const unended[] = {
    "a", "\n", "A: b\r\n\r\nx\n", "A: b\r\n\r\nx", "A: b\r", "A: b\r\n\r\n-\r"
  };
  for (guint i = 0; i < G_N_ELEMENTS (unended); i++)
    {
      g_autoptr (GBytes) blob = scan (unended[i]);
      g_assert_false (satchel_attributes_ends_in_crlf (blob));
    }
  g_autoptr (GBytes) empty = scan ("");
  g_assert_true (satchel_attributes_ends_in_crlf (empty));
}

/* Structures that were kept by an older version are not used: they would go on to say what it said. */
static void
test_older_blob (void)
{
  g_autoptr (GBytes) blob = scan ("Content-Type: message/global\r\n\r\nSubject: in\r\n\r\na\r\n");
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);
  for (guint version = 0; version < 4; version++)
    {
      g_autofree guint8 *older = g_memdup2 (data, len);
      older[4] = (guint8) version;
      g_autoptr (GBytes) kept = g_bytes_new (older, len);
      g_assert_false (satchel_attributes_check (kept));
      g_assert_false (satchel_attributes_check_bounds (kept));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/enclosed/global", test_global);
  g_test_add_func ("/mail/enclosed/no-messages", test_no_messages);
  g_test_add_func ("/mail/enclosed/encoded", test_encoded);
  g_test_add_func ("/mail/enclosed/lines", test_lines);
  g_test_add_func ("/mail/enclosed/missing-blank-line", test_missing_blank_line);
  g_test_add_func ("/mail/enclosed/message-header", test_message_header);
  g_test_add_func ("/mail/enclosed/internationalized", test_internationalized);
  g_test_add_func ("/mail/enclosed/older-blob", test_older_blob);
  return g_test_run ();
}
