/* SPDX-License-Identifier: MIT
 * Any bytes as IMAP commands: the lexer's result does not depend on how they are cut, its bounds hold, and
 * every parser of arguments takes every command without reading past it.
 */
#include "modules/imap/grammar/arguments.h"
#include <string.h>

#include "tests/fuzz/driver.h"

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = {
  "a NOOP\r\nb FETCH 1:*,3 (FLAGS BODY.PEEK[HEADER.FIELDS (To \"CC\")]<0.10> RFC822.SIZE)\r\n",
  "a LOGIN {5}\r\nalice {2+}\r\npw\r\n",
  "a SEARCH CHARSET utf-8 OR OR SEEN FLAGGED OR (NEW 1:3) NOT BODY {3}\r\nabc SINCE 1-Feb-1994 KEYWORD x\r\n",
  "a APPEND INBOX (\\Seen $x) \"17-Jul-1996 02:44:25 -0700\" {5+}\r\nabcde\r\nb UID STORE 5 +FLAGS.SILENT "
  "(\\Deleted)\r\n",
  "a APPEND INBOX (\\Seen) CATENATE (TEXT {3+}\r\nabc URL \"/INBOX/;UID=1\" UTF8 (~{2+}\r\nxy)) "
  "{1+}\r\nz\r\nb REPLACE 1 x ~{2}\r\n",
  "a STATUS \"x\\\"y\" (MESSAGES UIDNEXT)\r\n\x01 {9+}\r\n",
  "a ID (\"name\" NIL \"x\" \"y\")\r\n",
  "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (% \"x*\") RETURN (CHILDREN STATUS (SIZE UNSEEN))\r\n",
  "a SORT RETURN (MIN SAVE) (REVERSE DATE SUBJECT) UTF-8 OLDER 5 $\r\nb UID THREAD REFS x EMAILID M-1 "
  "SAVEDON 1-Feb-1994\r\n",
  "a CREATE x (USE (\\Sent \\Junk))\r\n",
  NULL
};
const char *const fuzz_tokens[] = { "\r\n",
                                    "\n",
                                    "\r",
                                    "{3}\r\n",
                                    "{3+}\r\n",
                                    "~{3+}\r\n",
                                    "CATENATE (",
                                    "UTF8 (",
                                    "TEXT ",
                                    "URL ",
                                    "{99999999999}\r\n",
                                    "(",
                                    ")",
                                    "\"",
                                    "\\",
                                    " ",
                                    "BODY[",
                                    "]<0.1>",
                                    "1:*",
                                    "OR ",
                                    "NOT ",
                                    "HEADER.FIELDS (",
                                    "FLAGS",
                                    "*",
                                    "%",
                                    "\xe9",
                                    "FETCH ",
                                    "SEARCH ",
                                    "STORE ",
                                    NULL };

static const ImapLexerLimits limits = {
  .command_bytes = 4096, .literal_bytes = 512, .nodes = 64, .depth = 8
};

static const struct
{
  gboolean (*parse) (ImapReader *, gpointer);
  void (*clear) (gpointer);
} parsers[] = {
  { imap_parse_mailbox, imap_mailbox_arguments_clear },
  { imap_parse_two_mailboxes, imap_mailbox_arguments_clear },
  { imap_parse_list, imap_list_arguments_clear },
  { imap_parse_status, imap_status_arguments_clear },
  { imap_parse_lsub, imap_list_arguments_clear },
  { imap_parse_create, imap_mailbox_arguments_clear },
  { imap_parse_append, imap_append_arguments_clear },
  { imap_parse_replace, imap_append_arguments_clear },
  { imap_parse_set, imap_set_arguments_clear },
  { imap_parse_copy, imap_set_arguments_clear },
  { imap_parse_store, imap_store_arguments_clear },
  { imap_parse_enable, imap_list_of_names_clear },
  { imap_parse_id, imap_list_of_names_clear },
  { imap_parse_fetch, imap_fetch_arguments_clear },
  { imap_parse_search, imap_search_arguments_clear },
  { imap_parse_sort, imap_search_arguments_clear },
  { imap_parse_thread, imap_search_arguments_clear },
};

static void
parse_all (const ImapLexer *lexer)
{
  for (guint i = 0; i < G_N_ELEMENTS (parsers); i++)
    {
      guint64 arguments[32] = { 0 };
      ImapReader reader;
      imap_reader_init (&reader, lexer);
      imap_reader_skip (&reader);
      gboolean ok = parsers[i].parse (&reader, arguments);
      g_assert_true (ok || reader.error != NULL);
      parsers[i].clear (arguments);
    }
}

static void
note_command (const ImapLexer *lexer, GString *out)
{
  g_assert_cmpuint (lexer->nodes->len, <=, limits.nodes);
  g_assert_cmpuint (lexer->text->len, <=, limits.command_bytes + limits.nodes);
  g_string_append_printf (out, "tag %s:", imap_lexer_tag (lexer) != NULL ? imap_lexer_tag (lexer) : "-");
  for (guint i = 0; i < lexer->nodes->len; i++)
    {
      const ImapNode *node = imap_lexer_node (lexer, i);
      g_assert_cmpuint (node->end, >, i);
      g_assert_cmpuint (node->end, <=, lexer->nodes->len);
      g_string_append_printf (out, " %d", node->type);
      if (node->type == IMAP_NODE_LIST)
        continue;
      g_assert_cmpuint (node->offset + node->len, <, lexer->text->len);
      g_assert_cmpuint (strlen (imap_lexer_text (lexer, node)), ==, node->len);
      g_string_append_len (out, imap_lexer_text (lexer, node), node->len);
    }
}

/* Is it content of APPEND that comes next?  The parser looks at commands that are not complete. */
static gboolean
wants_content (const ImapLexer *lexer)
{
  ImapAppendArguments append = { 0 };
  ImapReader reader;
  imap_reader_init (&reader, lexer);
  imap_reader_skip (&reader);
  gboolean ok = imap_parse_append (&reader, &append);
  g_assert_true (ok || reader.error != NULL);
  imap_append_arguments_clear (&append);
  return ok || reader.lack == IMAP_LACKS_LITERAL;
}

/* What comes out for @data fed in pieces of @step bytes. */
static char *
lex (const uint8_t *data, size_t size, size_t step, gboolean parses)
{
  GString *out = g_string_new (NULL);
  ImapLexer lexer;
  gboolean is_over = FALSE;
  imap_lexer_init (&lexer, &limits);
  for (size_t at = 0; !is_over && (at < size || lexer.error != NULL);)
    {
      size_t len = MIN (step, size - at), n;
      ImapLexStatus status = imap_lexer_feed (&lexer, data + at, len, &n);
      g_assert_cmpuint (n, <=, len);
      at += n;
      switch (status)
        {
        case IMAP_LEX_MORE:
          g_assert_cmpuint (n, ==, len);
          is_over = at == size;
          break;
        case IMAP_LEX_LITERAL:
          if (!wants_content (&lexer))
            imap_lexer_take_literal (&lexer);
          else
            {
              imap_lexer_stream_literal (&lexer);
              at += MIN (lexer.literal_size, size - at);
            }
          break;
        case IMAP_LEX_COMMAND:
          note_command (&lexer, out);
          if (parses)
            parse_all (&lexer);
          imap_lexer_reset (&lexer, FALSE);
          break;
        case IMAP_LEX_BAD:
          g_string_append_printf (out, "BAD %s\n", lexer.error);
          imap_lexer_reset (&lexer, TRUE);
          break;
        case IMAP_LEX_FATAL:
          g_string_append_printf (out, "FATAL %s\n", lexer.error);
          is_over = TRUE;
          break;
        }
    }
  imap_lexer_clear (&lexer);
  return g_string_free (out, FALSE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *whole = lex (data, size, MAX (size, 1), TRUE);
  g_autofree char *bytes = lex (data, size, 1, FALSE);
  g_assert_cmpstr (bytes, ==, whole);
  g_autofree char *pieces = lex (data, size, 7, FALSE);
  g_assert_cmpstr (pieces, ==, whole);
  return 0;
}
