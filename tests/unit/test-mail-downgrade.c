/* SPDX-License-Identifier: MIT
 * Headers for clients without UTF-8: RFC 6858 2, with RFC 2047 and RFC 2231 where they can say the same.
 */
#include "core/mail/header/fields.h"
#include <satchel/downgrade.h>
#include <satchel/header.h>
#include <satchel/message.h>
#include <string.h>

static char *
downgrade (const char *block)
{
  g_autoptr (GString) out = g_string_new (NULL);
  satchel_header_downgrade (block, strlen (block), out);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static void
check (const char *before, const char *after)
{
  g_autofree char *got = downgrade (before);
  g_assert_cmpstr (got, ==, after);
  g_assert_false (satchel_header_needs_utf8 (got, strlen (got)));
}

static void
test_untouched (void)
{
  static const char *const blocks[] = {
    "",
    "\r\n",
    "Subject: plain\r\n\r\n",
    "Subject: =?UTF-8?Q?=C3=A4?=\r\n folded\r\n\r\n",
    "Subject: Latin-1 \xe4\r\n\r\n", /* no UTF-8: no mode makes it right */
    "no end",
  };
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    {
      g_assert_false (satchel_header_needs_utf8 (blocks[i], strlen (blocks[i])));
      check (blocks[i], blocks[i]);
    }
}

static void
test_unstructured (void)
{
  check ("Subject: Gr\xc3\xbc\xc3\x9f"
         "e\r\n\r\n",
         "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n\r\n");
  check ("Subject: Re: \xc3\xa4 and \xc3\xb6 end\nTo: a@b\n\n",
         "Subject: Re: =?UTF-8?B?w6QgYW5kIMO2?= end\nTo: a@b\n\n");
  check ("X-Thing:\xc3\xa4\r\n", "X-Thing: =?UTF-8?B?w6Q=?=\r\n");
  /* What is encoded already is not encoded twice, and cannot smuggle a line end in. */
  check ("Subject: =?UTF-8?Q?a=0D=0AX:_b?= \xc3\xa4\r\n", "Subject: a X: b =?UTF-8?B?w6Q=?=\r\n");
  /* 44 bytes a word, since no character is cut; each on its line. */
  check ("Subject: "
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
         "\xc3\xa4\xc3\xa4"
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\r\n",
         "Subject:\r\n =?UTF-8?B?w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6Q=?=\r\n "
         "=?UTF-8?B?w6Q=?=\r\n");
}

static void
test_addresses (void)
{
  check ("From: J\xc3\xb8ran <jo@example.org>\r\n", "From: =?UTF-8?B?SsO4cmFu?= <jo@example.org>\r\n");
  check ("To: A <a@example.org>, \"B, C\" <b@example.org>, \xc3\xa4 <c@example.org>, d@example.org\r\n",
         "To: A <a@example.org>, \"B, C\" <b@example.org>, =?UTF-8?B?w6Q=?=\r\n <c@example.org>, "
         "d@example.org\r\n");
  /* "jøran@example.org", then "J <jøran@example.org>" */
  check ("Cc: j\xc3\xb8ran@example.org\r\n",
         "Cc: =?UTF-8?B?asO4cmFuQGV4YW1wbGUub3Jn?=\r\n <invalid@internationalized-address.invalid>\r\n");
  check (
      "Cc: J <j\xc3\xb8ran@example.org>\r\n",
      "Cc: =?UTF-8?B?SiA8asO4cmFuQGV4YW1wbGUub3JnPg==?=\r\n <invalid@internationalized-address.invalid>\r\n");
  check ("To: Friends: a@example.org, \xc3\xa4 <b@example.org>;, c@example.org\r\n",
         "To: Friends: a@example.org, =?UTF-8?B?w6Q=?= <b@example.org>;, c@example.org\r\n");
}

static void
test_parameters (void)
{
  check ("Content-Type: text/plain; charset=utf-8; name=\"\xc3\xa4 b.txt\"\r\n",
         "Content-Type: text/plain; charset=utf-8; name*=UTF-8''%C3%A4%20b.txt\r\n");
  check ("Content-Disposition: attachment; x=\"a b\"; filename=\"\xc3\xa4\"\n",
         "Content-Disposition: attachment; x=\"a b\"; filename*=UTF-8''%C3%A4\n");
}

/* No field goes: what has no form in its syntax is renamed (RFC 6857), and what is no field stays as it is.
 */
static void
test_kept (void)
{
  check ("Message-ID: <\xc3\xa4@example.org>\r\nSubject: s\r\nReturn-Path: <\xc3\xa4@example.org>\r\n\r\n",
         "Downgraded-Message-ID: =?UTF-8?B?PMOkQGV4YW1wbGUub3JnPg==?=\r\nSubject: s\r\n"
         "Downgraded-Return-Path: =?UTF-8?B?PMOkQGV4YW1wbGUub3JnPg==?=\r\n\r\n");
  check ("References: <a@b>\r\n <\xc3\xa4@b>\r\nX: y\r\n",
         "Downgraded-References: =?UTF-8?B?PGFAYj4gPMOkQGI+?=\r\nX: y\r\n");
  check ("Content-Type: \xc3\xa4/b\r\n", "Downgraded-Content-Type: =?UTF-8?B?w6QvYg==?=\r\n");
  static const char *const lines[] = {
    "no field \xc3\xa4\r\n\r\n",
    "\xef\xbb\xbf"
    "From: a@b\r\nTo: c@d\r\n\r\n",
    "X-\xc3\xa4: b\r\n\r\n",
    " folding of nothing \xc3\xa4\r\nA: b\r\n\r\n",
    "\xc3\xa4\r\n\r\n",
  };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    check (lines[i], lines[i]);
  /* Neither a NUL nor a field that is half Latin-1 is cut out of a message. */
  g_autoptr (GString) out = g_string_new (NULL);
  satchel_header_downgrade ("Subject: \xc3\xa4\0b\r\nTo: \xc3\xa4\xe4\r\n\r\n", 26, out);
  g_assert_cmpmem (out->str, out->len, "Subject: \xc3\xa4\0b\r\nTo: \xc3\xa4\xe4\r\n\r\n", 26);
}

/* Too long for a line: pieces of RFC 2231 3, which say the same when they are joined; no piece is cut within
 * "%C3". */
static void
test_long_parameter (void)
{
  g_autoptr (GString) name = g_string_new (NULL), plain = g_string_new (NULL);
  for (guint i = 0; i < 700; i++)
    g_string_append (name, i % 3 == 0 ? "\xc3\xa4" : "x");
  for (guint i = 0; i < 900; i++)
    g_string_append (plain, "\\\"");
  g_autofree char *before = g_strdup_printf (
      "Content-Disposition: attachment; filename=\"%s\"; other=\"%s\"\r\n", name->str, plain->str);
  g_autofree char *after = downgrade (before);
  g_assert_false (satchel_header_needs_utf8 (after, strlen (after)));
  g_auto (GStrv) lines = g_strsplit (after, "\r\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    g_assert_cmpuint (strlen (lines[i]), <=, 998);
  g_auto (SatchelParameterized) field = { 0 };
  const char *value = after + strlen ("Content-Disposition:");
  satchel_parameterized_parse (value, strlen (value) - 2, &field);
  g_autofree char *got = satchel_parameterized_get (&field, "filename"),
                  *other = satchel_parameterized_get (&field, "other");
  g_assert_cmpstr (got, ==, name->str);
  g_assert_cmpuint (strlen (other), ==, 900);
}

static void
test_stream (void)
{
  static const char text[] =
      "Subject: \xc3\xa4\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
      "--x\r\nContent-Type: text/plain; name=\xc3\xb6\r\n\r\nbody \xc3\xbc\r\n"
      "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: \xc3\xa4\r\n\r\nend\r\n--x--\r\n";
  static const char want[] =
      "Subject: =?UTF-8?B?w6Q=?=\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
      "--x\r\nContent-Type: text/plain; name*=UTF-8''%C3%B6\r\n\r\nbody \xc3\xbc\r\n"
      "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?UTF-8?B?w6Q=?=\r\n\r\nend\r\n--x--\r\n";
  gsize len = sizeof want - 1;
  g_autoptr (GBytes) bytes = g_bytes_new_static (text, sizeof text - 1);
  g_autoptr (SatchelStream) content = satchel_stream_new_bytes (bytes);
  g_autoptr (GBytes) attributes = satchel_scan_stream (content, NULL);
  guint64 header = 0;
  g_autoptr (SatchelStream) view = satchel_stream_new_downgraded (content, attributes, &header, NULL);
  g_assert_cmpint (satchel_stream_length (view, NULL), ==, (gint64) len);
  g_assert_cmpuint (header, ==, strstr (want, "--x") - want);
  char buffer[sizeof want];
  for (gsize at = 0; at <= len; at++)
    for (gsize n = 1; n <= len - at + 1 && n <= 40; n++)
      {
        gsize expected = MIN (n, len - at);
        g_assert_cmpint (satchel_stream_read_at (view, at, buffer, n, NULL), ==, (gssize) expected);
        g_assert_cmpmem (buffer, expected, want + at, expected);
      }
  /* Nothing to do: the same stream. */
  g_autoptr (GBytes) done = g_bytes_new_static (want, len);
  g_autoptr (SatchelStream) plain = satchel_stream_new_bytes (done);
  g_autoptr (GBytes) plain_attributes = satchel_scan_stream (plain, NULL);
  g_autoptr (SatchelStream) same = satchel_stream_new_downgraded (plain, plain_attributes, &header, NULL);
  g_assert_true (same == plain);
  g_assert_cmpuint (header, ==, strstr (want, "--x") - want);
  /* Attributes of another message lead nowhere wrong. */
  g_autoptr (SatchelStream) odd = satchel_stream_new_downgraded (plain, attributes, NULL, NULL);
  g_assert_nonnull (odd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/downgrade/untouched", test_untouched);
  g_test_add_func ("/mail/downgrade/unstructured", test_unstructured);
  g_test_add_func ("/mail/downgrade/addresses", test_addresses);
  g_test_add_func ("/mail/downgrade/parameters", test_parameters);
  g_test_add_func ("/mail/downgrade/kept", test_kept);
  g_test_add_func ("/mail/downgrade/long-parameter", test_long_parameter);
  g_test_add_func ("/mail/downgrade/stream", test_stream);
  return g_test_run ();
}
