/* SPDX-License-Identifier: MIT
 * Lexer and lines of imap.  Every input is also fed one byte at a time and cut at every place, with the same
 * result.
 */
#include "modules/imap/grammar/lexer.h"

#include <string.h>

static const ImapLexerLimits limits = {
  .command_bytes = 65536, .literal_bytes = 1024, .nodes = 256, .depth = 8
};

/* What the lexer made of @input, one line an event: a command's tokens, "BAD reason", "LITERAL n", "FATAL".
 */
static void
describe_nodes (const ImapLexer *lexer, guint from, guint to, GString *out)
{
  for (guint i = from; i < to;)
    {
      const ImapNode *node = imap_lexer_node (lexer, i);
      g_string_append (out, node->is_glued ? "~" : " ");
      switch (node->type)
        {
        case IMAP_NODE_LIST:
          g_string_append (out, "(");
          describe_nodes (lexer, i + 1, node->end, out);
          g_string_append (out, " )");
          break;
        case IMAP_NODE_STREAMED:
          g_string_append (out, "<stream>");
          break;
        default:
          g_string_append_printf (out, "%c:%s",
                                  node->type == IMAP_NODE_ATOM     ? 'a'
                                  : node->type == IMAP_NODE_QUOTED ? 'q'
                                                                   : 'l',
                                  imap_lexer_text (lexer, node));
          g_assert_cmpuint (strlen (imap_lexer_text (lexer, node)), ==, node->len);
        }
      i = node->end;
    }
}

static char *
lex (const char *input, gsize len, const gsize *cuts, guint n_cuts)
{
  g_autoptr (GString) out = g_string_new (NULL);
  ImapLexer lexer;
  imap_lexer_init (&lexer, &limits);
  gsize at = 0;
  guint cut = 0;
  gboolean is_over = FALSE;
  while (!is_over && (at < len || lexer.error != NULL))
    {
      while (cut < n_cuts && cuts[cut] <= at)
        cut++;
      gsize end = cut < n_cuts ? cuts[cut] : len, n;
      gsize before = end - at;
      ImapLexStatus status = imap_lexer_feed (&lexer, (const guint8 *) input + at, before, &n);
      g_assert_cmpuint (n, <=, before);
      at += n;
      switch (status)
        {
        case IMAP_LEX_MORE:
          g_assert_cmpuint (n, ==, before);
          if (at == len)
            is_over = TRUE;
          break;
        case IMAP_LEX_LITERAL:
          g_string_append_printf (out, "%s{%" G_GUINT64_FORMAT "%s}\n", lexer.literal_is_binary ? "~" : "",
                                  lexer.literal_size, lexer.literal_is_sync ? "" : "+");
          imap_lexer_take_literal (&lexer);
          break;
        case IMAP_LEX_COMMAND:
          describe_nodes (&lexer, 0, lexer.nodes->len, out);
          g_string_append_c (out, '\n');
          imap_lexer_reset (&lexer, FALSE);
          break;
        case IMAP_LEX_BAD:
          g_string_append_printf (out, "BAD %s%s\n", lexer.error, lexer.is_too_big ? " (big)" : "");
          imap_lexer_reset (&lexer, TRUE);
          break;
        case IMAP_LEX_FATAL:
          g_string_append_printf (out, "FATAL %s\n", lexer.error);
          is_over = TRUE;
          break;
        }
    }
  imap_lexer_clear (&lexer);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* The same whole, byte by byte, and cut once at each place. */
static void
check_lexed (const char *input, gsize len, const char *expected)
{
  g_autofree char *whole = lex (input, len, NULL, 0);
  g_assert_cmpstr (whole, ==, expected);
  g_autofree gsize *cuts = g_new (gsize, len + 1);
  for (gsize i = 0; i < len; i++)
    cuts[i] = i + 1;
  g_autofree char *bytes = lex (input, len, cuts, (guint) len);
  g_assert_cmpstr (bytes, ==, expected);
  for (gsize i = 1; i < len; i++)
    {
      g_autofree char *cut = lex (input, len, &i, 1);
      g_assert_cmpstr (cut, ==, expected);
    }
}
#define LEXES(input, expected) check_lexed (input, sizeof (input) - 1, expected)

static void
test_tokens (void)
{
  LEXES ("a NOOP\r\n", " a:a a:NOOP\n");
  LEXES ("a  LOGIN \"x\\\"y\\\\\" {3}\r\nabc {0+}\r\n \"\"\r\n",
         "{3}\n{0+}\n a:a a:LOGIN q:x\"y\\ l:abc l: q:\n");
  LEXES ("a FETCH 1:*,3 (FLAGS BODY.PEEK[HEADER.FIELDS (To \"CC\")]<0.10> (()))\r\n",
         " a:a a:FETCH a:1:*,3 ( a:FLAGS a:BODY.PEEK[HEADER.FIELDS ( a:To q:CC )~a:]<0.10> ( ( ) ) )\n");
  LEXES ("a b\r\nc d\r\n", " a:a a:b\n a:c a:d\n");
  LEXES ("a {3+}\r\nx yz\r\n", "{3+}\n a:a l:x y~a:z\n");
  LEXES ("\r\na b\r\n", "\n a:a a:b\n");
  LEXES ("a {2}\r\n\r\n\r\n", "{2}\n a:a l:\r\n\n");
}

static void
test_bad (void)
{
  LEXES ("a x\ny z\r\n", "BAD Bare LF\n a:y a:z\n");
  LEXES ("a x\rb\r\ny z\r\n", "BAD Bare CR\n a:y a:z\n");
  LEXES ("a \0\r\ny z\r\n", "BAD Invalid character\n a:y a:z\n");
  LEXES ("a \"x\0y\"\r\ny z\r\n", "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("a \"x\xa9y\"\r\ny z\r\n", "BAD Invalid UTF-8 in quoted string\n a:y a:z\n");
  LEXES ("a \"x\\y\"\r\ny z\r\n", "BAD Invalid escape in quoted string\n a:y a:z\n");
  LEXES ("a \"x\r\ny z\r\n", "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("\xe9 b\r\ny z\r\n", "BAD Invalid character\n a:y a:z\n");
  LEXES ("a (b\r\ny z\r\n", "BAD Unbalanced parenthesis\n a:y a:z\n");
  LEXES ("a b)\r\ny z\r\n", "BAD Unbalanced parenthesis\n a:y a:z\n");
  LEXES ("a {3}\r\nx\0y d\r\ny z\r\n", "{3}\nBAD NUL in literal\n a:y a:z\n");
  LEXES ("a (((((((((x\r\ny z\r\n", "BAD Lists nested too deeply (big)\n a:y a:z\n");
}

/* RFC 6855 3: UTF-8 in quoted strings, and nothing that only looks like it. */
static void
test_utf8 (void)
{
  LEXES ("a \"x\xc3\xa9\\\"\xf0\x9f\x98\x80\" \"\"\r\n", " a:a q:x\xc3\xa9\"\xf0\x9f\x98\x80 q:\n");
  LEXES ("a \"\xc3\"\r\ny z\r\n", "BAD Invalid UTF-8 in quoted string\n a:y a:z\n");
  LEXES ("a \"\xc0\xaf\" {3+}\r\nb\r\n\r\ny z\r\n", "BAD Invalid UTF-8 in quoted string\n a:y a:z\n");
  LEXES ("a \"\xed\xa0\x80\"\r\ny z\r\n", "BAD Invalid UTF-8 in quoted string\n a:y a:z\n");
  LEXES ("a \"\xf4\x90\x80\x80\"\r\ny z\r\n", "BAD Invalid UTF-8 in quoted string\n a:y a:z\n");
  LEXES ("a \"x\xc3\\\xa9\"\r\ny z\r\n", "BAD Invalid escape in quoted string\n a:y a:z\n");
  LEXES ("a \"\xc3\xa9\r\ny z\r\n", "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("a \xc3\xa9\r\ny z\r\n", "BAD Invalid character\n a:y a:z\n");
}

/* What follows a refused literal never runs. */
static void
test_refused_literals (void)
{
  LEXES ("a \x01 {10+}\r\nb DELETE x\r\ny z\r\n", "BAD Invalid character\n a:y a:z\n");
  LEXES ("a {2000+}\r\n", "{2000+}\n");
  LEXES ("a {2000}\r\ny z\r\n", "{2000}\nBAD Literal too large (big)\n a:y a:z\n");
  LEXES ("a {4294967295}\r\ny z\r\n", "{4294967295}\nBAD Literal too large (big)\n a:y a:z\n");
  LEXES ("a {4294967296}\r\ny z\r\n", "FATAL Invalid literal\n");
  LEXES ("a {18446744073709551616+}\r\ny z\r\n", "FATAL Invalid literal\n");
  LEXES ("a {00000000000000000001}\r\ny z\r\n", "FATAL Invalid literal\n");
  LEXES ("a {-1}\r\ny z\r\n", "FATAL Invalid literal\n");
  LEXES ("a {}\r\ny z\r\n", "FATAL Invalid literal\n");
  LEXES ("a {5+}\ny z\r\n", "FATAL Invalid literal\n");
  LEXES ("a {x} b\r\ny z\r\n", "BAD Invalid literal\n a:y a:z\n");
  /* Broken elsewhere in the line (RFC 7888 3). */
  LEXES ("a (b\"c) {10+}\r\nb DELETE x\r\ny z\r\n", "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("a \"b {10+}\r\nb DELETE x {3+}\r\nb x\r\ny z\r\n",
         "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("a \"b {5} {007+}\r\nb x\r\n12\r\ny z\r\n", "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("a {5{3+}\r\nb x\r\ny z\r\n", "BAD Invalid literal\n a:y a:z\n");
  LEXES ("a {5 {3+}\r\nb x\r\ny z\r\n", "BAD Invalid literal\n a:y a:z\n");
  LEXES ("a b\rc {3+}\r\nb x\r\ny z\r\n", "BAD Bare CR\n a:y a:z\n");
  LEXES ("a \"b {3}\r\ny z\r\n", "BAD Invalid character in quoted string\n a:y a:z\n");
  LEXES ("a \"b {3+}\ny z\r\n", "FATAL Bare LF\n");
  LEXES ("a \"b {3+}\r\r\ny z\r\n", "FATAL Invalid character in quoted string\n");
  LEXES ("a \"b {3+} \r\ny z\r\n", "FATAL Invalid character in quoted string\n");
  LEXES ("a \"b {99999999999+}\r\ny z\r\n", "FATAL Invalid character in quoted string\n");
}

/* literal8 of RFC 3516 7: refused where a node would be made of it, its bytes are skipped. */
static void
test_literal8 (void)
{
  LEXES ("a b ~{3+}\r\nx\0y z\r\nc d\r\n", "~{3+}\nBAD Binary literal not allowed here\n a:c a:d\n");
  LEXES ("a b (~{3}\r\nc d\r\n", "~{3}\nBAD Binary literal not allowed here\n a:c a:d\n");
  LEXES ("a ~{0+}\r\n\r\nc d\r\n", "~{0+}\nBAD Binary literal not allowed here\n a:c a:d\n");
  /* No literal8, but an atom before a literal, a list, and the atom itself. */
  LEXES ("a x~{1+}\r\nb\r\n", "{1+}\n a:a a:x~~l:b\n");
  LEXES ("a ~ {1+}\r\nb\r\n", "{1+}\n a:a a:~ l:b\n");
  LEXES ("a (~){1+}\r\nb\r\n", "{1+}\n a:a ( a:~ )~l:b\n");
  LEXES ("a ~~{1+}\r\nb\r\n", "{1+}\n a:a a:~~~l:b\n");
  LEXES ("a ~\r\n", " a:a a:~\n");
  LEXES ("a ~{x\r\nb c\r\n", "BAD Invalid literal\n a:b a:c\n");
}

static void
test_skipped_literal (void)
{
  g_autoptr (GString) input = g_string_new ("a {2000+}\r\n");
  for (guint i = 0; i < 2000 / 10; i++)
    g_string_append (input, "b DELETE\r\n");
  g_string_append (input, " {3+}\r\nc\r\n {0+}\r\n\r\ny z\r\n");
  check_lexed (input->str, input->len, "{2000+}\nBAD Literal too large (big)\n a:y a:z\n");
}

static void
test_limits (void)
{
  g_autoptr (GString) many = g_string_new ("a");
  for (guint i = 0; i < 300; i++)
    g_string_append (many, " x");
  g_string_append (many, "\r\ny z\r\n");
  g_autofree char *out = lex (many->str, many->len, NULL, 0);
  g_assert_cmpstr (out, ==, "BAD Too many arguments (big)\n a:y a:z\n");

  g_autoptr (GString) literals = g_string_new ("a SEARCH");
  for (guint i = 0; i < 100; i++)
    {
      g_string_append (literals, " {1000+}\r\n");
      for (guint k = 0; k < 1000; k++)
        g_string_append_c (literals, 'x');
    }
  g_string_append (literals, "\r\ny z\r\n");
  g_autofree char *big = lex (literals->str, literals->len, NULL, 0);
  g_assert_nonnull (strstr (big, "BAD Literal too large (big)\n a:y a:z\n"));

  g_autofree char *line = g_malloc (100002);
  memset (line, 'x', 100000);
  memcpy (line + 100000, "\r\n", 2);
  g_autofree char *too_long = lex (line, 100002, NULL, 0);
  g_assert_cmpstr (too_long, ==, "BAD Command too long (big)\n");
}

static void
test_limit_closes (void)
{
  ImapLexerLimits strict = limits;
  ImapLexer lexer;
  gsize n;
  strict.close_on_limit = TRUE;
  strict.command_bytes = 16;
  imap_lexer_init (&lexer, &strict);
  g_assert_cmpint (
      imap_lexer_feed (&lexer, (const guint8 *) "a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 39, &n), ==,
      IMAP_LEX_FATAL);
  imap_lexer_clear (&lexer);
  imap_lexer_init (&lexer, &strict);
  strict.depth = 1;
  g_assert_cmpint (imap_lexer_feed (&lexer, (const guint8 *) "a ((((((((((((((((", 18, &n), ==,
                   IMAP_LEX_FATAL);
  imap_lexer_clear (&lexer);
}

static void
test_tag (void)
{
  static const struct
  {
    const char *line, *tag;
  } cases[] = { { "A1.x-[ NOOP\r\n", "A1.x-[" }, { "a+b NOOP\r\n", NULL }, { "* NOOP\r\n", NULL },
                { "\"a\" NOOP\r\n", NULL },      { "(a) NOOP\r\n", NULL }, { "a\\ x\r\n", NULL } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ImapLexer lexer;
      gsize n;
      imap_lexer_init (&lexer, &limits);
      imap_lexer_feed (&lexer, (const guint8 *) cases[i].line, strlen (cases[i].line), &n);
      g_assert_cmpstr (imap_lexer_tag (&lexer), ==, cases[i].tag);
      imap_lexer_clear (&lexer);
    }
}

static void
test_line (void)
{
  ImapLine line = { 0 };
  gsize n;
  g_assert_cmpint (imap_line_feed (&line, 10, (const guint8 *) "DO", 2, &n), ==, IMAP_LINE_MORE);
  g_assert_cmpint (imap_line_feed (&line, 10, (const guint8 *) "NE\r\nx", 5, &n), ==, IMAP_LINE_COMPLETE);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpstr (line.text->str, ==, "DONE");
  imap_line_reset (&line, TRUE);
  g_assert_cmpint (imap_line_feed (&line, 10, (const guint8 *) "DONE\n", 5, &n), ==, IMAP_LINE_BAD);
  imap_line_reset (&line, TRUE);
  g_assert_cmpint (imap_line_feed (&line, 10, (const guint8 *) "DO\0NE\r\n", 7, &n), ==, IMAP_LINE_BAD);
  imap_line_reset (&line, TRUE);
  g_assert_cmpint (imap_line_feed (&line, 10, (const guint8 *) "xxxxxxxxxxxxxxxx", 16, &n), ==,
                   IMAP_LINE_TOO_LONG);
  imap_line_reset (&line, TRUE);
}

/* A literal at the end of a line that is no command belongs to the line (RFC 7888 3). */
static void
test_line_literal (void)
{
  static const struct
  {
    const char *text;
    ImapLineStatus status;
    gsize n;
  } cases[] = { { "x {6+}\r\nDONE\r\n\r\nDONE\r\n", IMAP_LINE_BAD, 16 },
                { "{4+}\r\nDONE{2+}\r\n\r\nx\r\nDONE\r\n", IMAP_LINE_BAD, 21 },
                { "{0+}\r\n\r\nDONE\r\n", IMAP_LINE_BAD, 8 },
                { "x {6}\r\nDONE\r\n", IMAP_LINE_COMPLETE, 7 },
                { "x {99999999999+}\r\nDONE\r\n", IMAP_LINE_UNCLEAR, 18 },
                { "x {6+}\nDONE\r\n", IMAP_LINE_UNCLEAR, 7 } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize step = 1; step < 40; step++)
      {
        ImapLine line = { 0 };
        gsize at = 0, n, len = strlen (cases[i].text);
        ImapLineStatus status = IMAP_LINE_MORE;
        for (; at < len && status == IMAP_LINE_MORE; at += n)
          status = imap_line_feed (&line, 20, (const guint8 *) cases[i].text + at, MIN (step, len - at), &n);
        g_assert_cmpint (status, ==, cases[i].status);
        g_assert_cmpuint (at, ==, cases[i].n);
        imap_line_reset (&line, TRUE);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/imap/lexer/tokens", test_tokens);
  g_test_add_func ("/imap/lexer/bad", test_bad);
  g_test_add_func ("/imap/lexer/utf8", test_utf8);
  g_test_add_func ("/imap/lexer/refused-literals", test_refused_literals);
  g_test_add_func ("/imap/lexer/literal8", test_literal8);
  g_test_add_func ("/imap/lexer/skipped-literal", test_skipped_literal);
  g_test_add_func ("/imap/lexer/limits", test_limits);
  g_test_add_func ("/imap/lexer/line-literal", test_line_literal);
  g_test_add_func ("/imap/lexer/limit-closes", test_limit_closes);
  g_test_add_func ("/imap/lexer/tag", test_tag);
  g_test_add_func ("/imap/lexer/line", test_line);
  return g_test_run ();
}
