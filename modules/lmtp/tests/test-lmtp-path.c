/* SPDX-License-Identifier: MIT
 * The paths of MAIL and RCPT: which are taken, as what address, and what is left behind them for the
 * parameters of the command (RFC 5321 4.1.2, RFC 6531 3.3).
 */
#include "modules/lmtp/lmtp_session.h"

#include <string.h>

/* Says what the path is read as: "ADDRESS|REST", or "malformed". */
static char *
read_path (const char *text, gboolean allow_null, gboolean is_utf8)
{
  const char *rest = "untouched";
  g_autofree char *address = lmtp_parse_path (text, allow_null, is_utf8, &rest);
  if (address == NULL)
    {
      g_assert_cmpstr (rest, ==, "untouched");
      return g_strdup ("malformed");
    }
  g_assert_true (rest >= text && rest <= text + strlen (text));
  return g_strconcat (address, "|", rest, NULL);
}

static void
assert_path (const char *text, const char *expected)
{
  g_autofree char *found = read_path (text, FALSE, FALSE);
  g_assert_cmpstr (found, ==, expected);
}

static void
test_paths (void)
{
  assert_path ("<ann@example.org>", "ann@example.org|");
  assert_path (" <ann@example.org>", "ann@example.org|");
  assert_path ("<ann@example.org> SIZE=7  BODY=8BITMIME", "ann@example.org|SIZE=7  BODY=8BITMIME");
  assert_path ("<ann>", "ann|");
  assert_path ("<ann+lists@[192.0.2.1]>", "ann+lists@[192.0.2.1]|");
  /* Without brackets, as some clients send it. */
  assert_path ("ann@example.org SIZE=7", "ann@example.org|SIZE=7");
}

static void
test_quoted (void)
{
  assert_path ("<\"ann b\"@example.org>", "ann b@example.org|");
  assert_path ("<\"a\\\"b\\\\c\"@example.org>", "a\"b\\c@example.org|");
  assert_path ("<\"a>b\"@example.org> X", "a>b@example.org|X");
  assert_path ("<\"ann@example.org>", "malformed");
  assert_path ("<\"a\\", "malformed");
  assert_path ("<\"a\tb\"@example.org>", "malformed");
  assert_path ("<\"\"@example.org>", "malformed");
}

/* A source route is accepted and ignored (RFC 5321 appendix C). */
static void
test_routes (void)
{
  assert_path ("<@a.example,@b.example:ann@example.org>", "ann@example.org|");
  assert_path ("<@a.example ann@example.org>", "malformed");
  assert_path ("<@a.example:>", "malformed");
}

static void
test_malformed (void)
{
  static const char *const paths[] = {
    "",
    "<",
    ">",
    "<ann@>",
    "<@example.org>",
    "<ann@example.org",
    "<ann@example.org>x",
    "<ann b@example.org>",
    "<a<b@example.org>",
    "<ann@exa mple.org>",
    "<ann@[192.0.2.1>",
    "<ann@[192.0.2.1 ]>",
    "<ann@b@c>",
    "<ann@example.org!",
  };
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    assert_path (paths[i], "malformed");
}

/* Only MAIL may have a path without an address, and only in brackets. */
static void
test_null (void)
{
  g_autofree char *sender = read_path ("<> SIZE=7", TRUE, FALSE);
  g_assert_cmpstr (sender, ==, "|SIZE=7");
  assert_path ("<>", "malformed");
  g_autofree char *bare = read_path ("", TRUE, FALSE);
  g_assert_cmpstr (bare, ==, "malformed");
}

static void
test_utf8 (void)
{
  g_autofree char *taken = read_path ("<\303\244nn@b\303\274cher.example>", FALSE, TRUE);
  g_assert_cmpstr (taken, ==, "\303\244nn@b\303\274cher.example|");
  assert_path ("<\303\244nn@example.org>", "malformed");
  assert_path ("<ann@b\303\274cher.example>", "malformed");
  g_autofree char *broken = read_path ("<\303nn@example.org>", FALSE, TRUE);
  g_assert_cmpstr (broken, ==, "malformed");
}

static void
assert_length (guint local, guint domain, gboolean is_taken)
{
  g_autofree char *name = g_strnfill (local, 'a');
  g_autofree char *host = g_strnfill (domain, 'b');
  g_autofree char *text = g_strdup_printf ("<%s@%s>", name, host);
  g_autofree char *found = read_path (text, FALSE, FALSE);
  g_assert_cmpint (strcmp (found, "malformed") != 0, ==, is_taken);
}

/* A local part may have 256 bytes, an address 512. */
static void
test_lengths (void)
{
  assert_length (256, 255, TRUE);
  assert_length (257, 1, FALSE);
  assert_length (256, 256, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lmtp/path/addresses", test_paths);
  g_test_add_func ("/lmtp/path/quoted", test_quoted);
  g_test_add_func ("/lmtp/path/routes", test_routes);
  g_test_add_func ("/lmtp/path/malformed", test_malformed);
  g_test_add_func ("/lmtp/path/null", test_null);
  g_test_add_func ("/lmtp/path/utf8", test_utf8);
  g_test_add_func ("/lmtp/path/lengths", test_lengths);
  return g_test_run ();
}
