/* SPDX-License-Identifier: MIT
 * The scanner: structure, sections, texts ready to send, and every split.
 */
#include "core/mail/attributes/blob_read.h"
#include "core/mail/scan/scanner.h"
#include <string.h>

#include "tests/lib/scan_check.h"

/* RFC 3501 6.4.5's example of part numbers, with bodies that say their number. */
static const char example[] =
    "Subject: numbers\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n"
    "--x\r\nContent-Type: text/plain\r\n\r\npart 1\r\n"
    "--x\r\nContent-Type: application/octet-stream\r\n\r\npart 2\r\n"
    "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: part 3\r\nContent-Type: multipart/mixed; "
    "boundary=y\r\n\r\n"
    "--y\r\nContent-Type: text/plain\r\n\r\npart 3.1\r\n--y\r\nContent-Type: "
    "application/octet-stream\r\n\r\npart 3.2\r\n--y--\r\n"
    "\r\n--x\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n"
    "--z\r\nContent-Type: image/gif\r\nContent-ID: <a@b>\r\n\r\npart 4.1\r\n"
    "--z\r\nContent-Type: message/rfc822\r\n\r\nSubject: part 4.2\r\nContent-Type: multipart/mixed; "
    "boundary=w\r\n\r\n"
    "--w\r\n\r\npart 4.2.1\r\n--w\r\nContent-Type: multipart/alternative; boundary=v\r\n\r\n"
    "--v\r\n\r\npart 4.2.2.1\r\n--v\r\nContent-Type: text/richtext\r\n\r\npart "
    "4.2.2.2\r\n--v--\r\n--w--\r\n--z--\r\n--x--\r\n";

static void
check_section (GBytes *blob, const char *data, const char *section, const char *want)
{
  guint64 offset, len;
  if (!satchel_attributes_find_section (blob, section, &offset, &len))
    {
      if (want != NULL)
        g_error ("no section %s", section);
      return;
    }
  if (want == NULL)
    g_error ("section %s should not be", section);
  g_autofree char *text = g_strndup (data + offset, len);
  g_assert_cmpstr (text, ==, want);
}

static void
test_sections (void)
{
  g_autoptr (GBytes) blob = scan_checked (example, sizeof example - 1, 1);
  static const char *const numbers[] = { "1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2" };
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *want = g_strconcat ("part ", numbers[i], NULL);
      check_section (blob, example, numbers[i], want);
    }
  check_section (blob, example, "1.MIME", "Content-Type: text/plain\r\n\r\n");
  check_section (blob, example, "4.1.mime", "Content-Type: image/gif\r\nContent-ID: <a@b>\r\n\r\n");
  check_section (blob, example, "3.HEADER",
                 "Subject: part 3\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n");
  check_section (blob, example, "4.2.HEADER",
                 "Subject: part 4.2\r\nContent-Type: multipart/mixed; boundary=w\r\n\r\n");
  check_section (
      blob, example, "HEADER",
      "Subject: numbers\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n");
  check_section (blob, example, "3.TEXT",
                 "--y\r\nContent-Type: text/plain\r\n\r\npart 3.1\r\n--y\r\nContent-Type: "
                 "application/octet-stream\r\n\r\n"
                 "part 3.2\r\n--y--\r\n");
  static const char *const none[] = { "5",        "1.1",    "2.1",         "3.3",    "1.HEADER",
                                      "4.HEADER", "4.TEXT", "MIME",        "0",      "1.0",
                                      "1.",       ".1",     "1..1",        "x",      "1.x",
                                      "3.1.1",    "4.2.3",  "99999999999", "4.2.2.3" };
  for (gsize i = 0; i < G_N_ELEMENTS (none); i++)
    check_section (blob, example, none[i], NULL);
  const guint32 path[] = { 4, 2, 2, 2 };
  guint index;
  SatchelPart part;
  g_assert_true (satchel_attributes_find_part (blob, path, 4, &index));
  g_assert_true (satchel_attributes_part (blob, index, &part));
  g_assert_cmpstr (part.subtype, ==, "richtext");
  g_assert_cmpuint (satchel_attributes_n_parts (blob), ==, 15);
  /* A path of 500 numbers is just not there. */
  g_autofree guint32 *deep = g_new (guint32, 500);
  for (int i = 0; i < 500; i++)
    deep[i] = 1;
  g_assert_false (satchel_attributes_find_part (blob, deep, 500, &index));
}

static void
test_single_part (void)
{
  static const char data[] = "Subject: one\r\n\r\nhello\r\nworld\r\n";
  g_autoptr (GBytes) blob = scan_checked (data, sizeof data - 1, 2);
  check_section (blob, data, "1", "hello\r\nworld\r\n");
  check_section (blob, data, "TEXT", "hello\r\nworld\r\n");
  check_section (blob, data, "1.MIME", "Subject: one\r\n\r\n");
  check_section (blob, data, "1.1", NULL);
  check_section (blob, data, "2", NULL);
  check_section (blob, data, "1.TEXT", NULL);
  static const char forwarded[] = "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntext";
  g_autoptr (GBytes) outer = scan_checked (forwarded, sizeof forwarded - 1, 3);
  check_section (outer, forwarded, "1", "Subject: in\r\n\r\ntext");
  check_section (outer, forwarded, "1.HEADER", "Subject: in\r\n\r\n");
  check_section (outer, forwarded, "1.1", "text");
  check_section (outer, forwarded, "1.1.1", NULL);
}

static void
check_texts (const char *data, const char *envelope, const char *body, const char *structure)
{
  gsize len;
  g_autoptr (GBytes) blob = scan_checked (data, strlen (data), 4);
  g_autofree char *text = NULL;
  const char *at = satchel_attributes_envelope (blob, &len);
  if (envelope != NULL)
    {
      text = g_strndup (at, len);
      g_assert_cmpstr (text, ==, envelope);
    }
  at = satchel_attributes_body_structure (blob, FALSE, &len);
  g_autofree char *body_text = g_strndup (at, len);
  if (body != NULL)
    g_assert_cmpstr (body_text, ==, body);
  at = satchel_attributes_body_structure (blob, TRUE, &len);
  g_autofree char *structure_text = g_strndup (at, len);
  if (structure != NULL)
    g_assert_cmpstr (structure_text, ==, structure);
}

static void
test_texts (void)
{
  /* RFC 3501 8: the sample connection's ENVELOPE and BODY. */
  check_texts (
      "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
      "Subject: IMAP4rev1 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
      "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
      "Message-Id: <B27397-0100000@cac.washington.edu>\r\nMIME-Version: 1.0\r\n"
      "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nline\r\n",
      "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" "
      "\"cac.washington.edu\")) "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) "
      "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
      "\"<B27397-0100000@cac.washington.edu>\")",
      "(\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 6 1)", NULL);
  /* Quotes, 8-bit, NUL-free literals, empty against absent. */
  check_texts (
      "Subject: a \"quoted\" \\ one\r\nFrom: \"K\xc3\xb6ln\" <k@x>\r\nReply-To: \r\nTo:\r\nBcc: g:;\r\n\r\n",
      "(NIL \"a \\\"quoted\\\" \\\\ one\" (({5}\r\nK\xc3\xb6ln NIL \"k\" \"x\")) (({5}\r\nK\xc3\xb6ln NIL "
      "\"k\" \"x\")) "
      "(({5}\r\nK\xc3\xb6ln NIL \"k\" \"x\")) NIL NIL ((NIL NIL \"g\" NIL)(NIL NIL NIL NIL)) NIL NIL)",
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)", NULL);
  check_texts ("Subject:\r\nDate: x\r\n\r\n", "(\"x\" \"\" NIL NIL NIL NIL NIL NIL NIL NIL)", NULL, NULL);
  check_texts ("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)", NULL,
               "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)");
  /* Extension data. */
  check_texts (
      "Content-Type: image/png; name=\"x y.png\"\r\nContent-ID: <id@x>\r\nContent-Description: a\r\n b\r\n"
      "Content-Transfer-Encoding: BASE64\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
      "Content-Disposition: attachment; filename*=utf-8''%C3%BC\r\nContent-Language: en, de (x)\r\n"
      "Content-Location: http://x/y\r\n\r\nAAAA",
      NULL, "(\"image\" \"png\" (\"name\" \"x y.png\") \"<id@x>\" \"a b\" \"base64\" 4)",
      "(\"image\" \"png\" (\"name\" \"x y.png\") \"<id@x>\" \"a b\" \"base64\" 4 "
      "\"Q2hlY2sgSW50ZWdyaXR5IQ==\" "
      "(\"attachment\" (\"filename*\" \"utf-8''%C3%BC\")) (\"en\" \"de\") \"http://x/y\")");
  check_texts ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\r\nb\r\n--b\r\nContent-Type: "
               "multipart/digest; boundary=c\r\n"
               "\r\n--c\r\n\r\nSubject: d\r\n\r\nx\r\n--c--\r\n--b--\r\n",
               NULL,
               "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 1)((\"message\" "
               "\"rfc822\" NIL NIL NIL \"7bit\" 15 "
               "(NIL \"d\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") "
               "NIL NIL \"7bit\" 1 0) 2) "
               "\"digest\") \"mixed\")",
               NULL);
}

/* Broken MIME, as a reader would want it. */
static void
test_broken (void)
{
  /* No delimiter at all: the text is there as part 1. */
  static const char undelimited[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n";
  g_autoptr (GBytes) blob = scan_checked (undelimited, sizeof undelimited - 1, 1);
  check_section (blob, undelimited, "1", "hello\r\n");
  check_texts ("Content-Type: multipart/mixed\r\n\r\nhello\r\n", NULL,
               "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1)", NULL);
  check_texts ("Content-Type: garbage; charset=utf-8\r\n\r\nx", NULL,
               "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0)", NULL);
  check_texts ("Content-Type: text; charset=utf-8\r\n\r\nx", NULL,
               "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 1 0)", NULL);
  /* Missing close; a boundary that is a prefix of another; a delimiter with white space; a header that ends
   * in one. */
  static const char prefix[] =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
      "boundary=bb\r\n\r\n"
      "--bb\r\n\r\none\r\n--bb \t\r\nContent-Type: text/html\r\n--b\r\n\r\ntwo\r\n--bbb\r\n";
  g_autoptr (GBytes) nested = scan_checked (prefix, sizeof prefix - 1, 2);
  check_section (nested, prefix, "1.1", "one");
  check_section (nested, prefix, "1.2", "");
  check_section (nested, prefix, "1.2.MIME", "Content-Type: text/html");
  check_section (nested, prefix, "2", "two\r\n--bbb\r\n");
  /* After its close a boundary means nothing; the epilogue is no part. */
  static const char closed[] = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n";
  g_autoptr (GBytes) once = scan_checked (closed, sizeof closed - 1, 3);
  g_assert_cmpuint (satchel_attributes_n_parts (once), ==, 2);
  check_section (once, closed, "1", "one");
  check_section (once, closed, "HEADER", "Content-Type: multipart/mixed; boundary=b\n\n");
  /* Inner multipart with the outer boundary: the inner one takes it. */
  static const char same[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
                             "multipart/mixed; boundary=b\r\n\r\n"
                             "--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--\r\n";
  g_autoptr (GBytes) twice = scan_checked (same, sizeof same - 1, 4);
  check_section (twice, same, "1.1", "x");
  check_section (twice, same, "2", "y");
  /* A message/rfc822 of no length, cut short, with its own boundary inside. */
  static const char empty_inner[] =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n--b\r\n"
      "Content-Type: message/rfc822\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x";
  g_autoptr (GBytes) inner = scan_checked (empty_inner, sizeof empty_inner - 1, 5);
  check_section (inner, empty_inner, "1", "");
  check_section (inner, empty_inner, "2.HEADER", "");
  check_section (inner, empty_inner, "3.HEADER", "Subject: x");
}

static void
test_header_fields (void)
{
  static const char data[] =
      "Received: x\r\nSubject: a\r\n b\r\nTo: x@y\r\nTO: z@w\r\nX-Other: q\r\nReferences: <1@a> <2@b>\r\n"
      "Message-ID: <3@c>\r\nDate: Tue, 1 Jul 2003 10:52:37 +0200\r\n\r\nbody";
  g_autoptr (GBytes) blob = scan_checked (data, sizeof data - 1, 6);
  static const char *const wanted[] = { "TO", "subject", "Bcc" }, *const more[] = { "subject", "received" };
  g_autoptr (SatchelHeaderNames) names = satchel_header_names_new (wanted, 3),
                                 unkept = satchel_header_names_new (more, 2);
  g_autoptr (GString) out = g_string_new ("+");
  g_assert_true (satchel_attributes_header_fields (blob, names, out));
  g_assert_cmpstr (out->str, ==, "+Subject: a\r\n b\r\nTo: x@y\r\nTO: z@w\r\n\r\n");
  g_assert_false (satchel_attributes_header_fields (blob, unkept, out));
  const char *value;
  gsize len;
  g_assert_cmpint (satchel_attributes_header (blob, "Subject", &value, &len), ==, SATCHEL_HEADER_PRESENT);
  g_assert_cmpmem (value, len, " a\r\n b", 6);
  g_assert_cmpint (satchel_attributes_header (blob, "Cc", NULL, NULL), ==, SATCHEL_HEADER_ABSENT);
  g_assert_cmpint (satchel_attributes_header (blob, "Received", NULL, NULL), ==, SATCHEL_HEADER_UNKNOWN);
  g_autofree char *id = satchel_attributes_message_id (blob);
  g_assert_cmpstr (id, ==, "<3@c>");
  g_autoptr (GPtrArray) references = satchel_attributes_references (blob);
  g_assert_cmpuint (references->len, ==, 2);
  g_assert_cmpstr (references->pdata[1], ==, "<2@b>");
  gint64 time;
  int zone;
  g_assert_true (satchel_attributes_sent_date (blob, &time, &zone));
  g_assert_cmpint (time, ==, 1057049557);
  g_assert_cmpint (zone, ==, 120);
  g_assert_cmpuint (satchel_attributes_lines (blob), ==, 10);
  /* A field too long to keep is not answered from memory, and its absence is not claimed. */
  g_autoptr (GString) big = g_string_new ("To: ");
  for (int i = 0; i < 3000; i++)
    g_string_append (big, "a@b,\r\n ");
  g_string_append (big, "c@d\r\nSubject: x\r\n\r\n");
  g_autoptr (GBytes) large = scan_checked (big->str, big->len, 7);
  g_assert_cmpint (satchel_attributes_header (large, "to", NULL, NULL), ==, SATCHEL_HEADER_UNKNOWN);
  g_assert_cmpint (satchel_attributes_header (large, "subject", NULL, NULL), ==, SATCHEL_HEADER_PRESENT);
  static const char headers_only[] = "Subject: x\r\n";
  g_autoptr (GBytes) cut = scan_checked (headers_only, sizeof headers_only - 1, 8);
  g_string_truncate (out, 0);
  g_assert_true (satchel_attributes_header_fields (cut, names, out));
  g_assert_cmpstr (out->str, ==, "Subject: x\r\n");
}

static void
check_preview (const char *data, const char *want)
{
  gsize len;
  g_autoptr (GBytes) blob = scan_checked (data, strlen (data), 9);
  const char *preview = satchel_attributes_preview (blob, &len);
  g_autofree char *text = g_strndup (preview, len);
  g_assert_cmpstr (text, ==, want);
}

static void
test_preview (void)
{
  check_preview ("\r\n  Hello,\r\n\r\nworld  \t!", "Hello, world !");
  check_preview ("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
                 "quoted-printable\r\n\r\nGr=FC=DFe au=\r\ns K=F6ln",
                 "Grüße aus Köln");
  check_preview ("Content-Type: text/html\r\n\r\n<html><head><title>T</title><style>p{}</style></head><!-- c "
                 "-->\r\n<p>One &amp; two</p><br>3&nbsp;4",
                 "One & two 3 4");
  check_preview ("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: "
                 "text/html\r\n\r\n<p>html</p>\r\n"
                 "--b\r\n\r\nplain\r\n--b--\r\n",
                 "plain");
  check_preview (
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment\r\n\r\nno\r\n"
      "--b\r\nContent-Type: image/png\r\n\r\nno\r\n--b--\r\n",
      "");
  g_autofree char *many = g_strnfill (1000, 'x');
  g_autofree char *long_mail = g_strconcat ("\r\n", many, NULL);
  g_autofree char *start = g_strndup (many, 200);
  check_preview (long_mail, start);
}

static void
test_every_split (void)
{
  for (gsize cut = 0; cut < sizeof example; cut++)
    {
      g_autoptr (GBytes) whole = scan_whole (example, sizeof example - 1);
      SatchelScanner *scanner = satchel_scanner_new ();
      satchel_scanner_feed (scanner, example, cut);
      satchel_scanner_feed (scanner, example + cut, sizeof example - 1 - cut);
      g_autoptr (GBytes) split = satchel_scanner_finish (scanner);
      g_assert_true (g_bytes_equal (whole, split));
      /* And a message that ends there. */
      g_autoptr (GBytes) prefix = scan_checked (example, cut, (guint32) cut);
      g_assert_nonnull (prefix);
    }
}

static void
test_damaged (void)
{
  g_autoptr (GBytes) blob = scan_whole (example, sizeof example - 1);
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);
  g_autofree guint8 *copy = g_memdup2 (data, len);
  for (gsize i = 0; i < len; i++)
    {
      copy[i] ^= (guint8) (1u << (i % 8));
      g_autoptr (GBytes) damaged = g_bytes_new_static (copy, len);
      /* The reserved word is not read. */
      g_assert_true (!satchel_attributes_check (damaged) || (i >= 12 && i < 16));
      copy[i] ^= (guint8) (1u << (i % 8));
    }
  for (gsize i = 0; i < len; i++)
    {
      g_autoptr (GBytes) cut = g_bytes_new_static (copy, i);
      g_assert_false (satchel_attributes_check (cut));
    }
}

static void
test_unparsed (void)
{
  g_autoptr (GBytes) blob = satchel_attributes_unparsed (G_GUINT64_CONSTANT (5000000000));
  guint64 offset, len;
  gsize text_len;
  g_assert_true (satchel_attributes_check (blob));
  g_assert_false (satchel_attributes_is_parsed (blob));
  g_assert_cmpuint (satchel_attributes_size (blob), ==, G_GUINT64_CONSTANT (5000000000));
  g_assert_true (satchel_attributes_find_section (blob, "TEXT", &offset, &len));
  g_assert_cmpuint (len, ==, G_GUINT64_CONSTANT (5000000000));
  g_assert_cmpint (satchel_attributes_header (blob, "subject", NULL, NULL), ==, SATCHEL_HEADER_UNKNOWN);
  const char *text = satchel_attributes_body_structure (blob, TRUE, &text_len);
  g_assert_true (imap_is_body (text, text_len, TRUE));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/scan/sections", test_sections);
  g_test_add_func ("/mail/scan/single-part", test_single_part);
  g_test_add_func ("/mail/scan/texts", test_texts);
  g_test_add_func ("/mail/scan/broken", test_broken);
  g_test_add_func ("/mail/scan/header-fields", test_header_fields);
  g_test_add_func ("/mail/scan/preview", test_preview);
  g_test_add_func ("/mail/scan/every-split", test_every_split);
  g_test_add_func ("/mail/scan/damaged-blob", test_damaged);
  g_test_add_func ("/mail/scan/unparsed", test_unparsed);
  return g_test_run ();
}
