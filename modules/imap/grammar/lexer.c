/* SPDX-License-Identifier: MIT
 * Implements the IMAP lexer (RFC 3501 9, literals of RFC 7888, literal8 of RFC 3516): a state machine over
 * single bytes. Entry: imap_lexer_feed.
 */
#include "grammar/lexer.h"

#include <string.h>

typedef enum
{
  STATE_BETWEEN = 0, /* between tokens */
  STATE_ATOM,
  STATE_QUOTED,
  STATE_ESCAPE,  /* after a backslash in a quoted string */
  STATE_SIZE,    /* in "{123+}", up to the end of the line */
  STATE_SIZE_CR, /* behind the CR after "{123+}" */
  STATE_LITERAL, /* the caller has been told that a literal begins */
  STATE_BYTES,
  STATE_CR,      /* behind the CR of the line */
  STATE_REFUSED, /* a synchronising literal was refused, so the command is over */
  /* The rest of the command is not kept.  A line that ends in a non-synchronising literal goes on behind
   * that. */
  STATE_SKIP,
  STATE_SKIP_BYTES
} State;

#define KEEP_BYTES 4096u /* bytes of the buffer that are kept between commands */
/* room for flags and a date, which come with each message of APPEND (RFC 3502) */
#define NODES_PER_STREAMED 16u

void
imap_lexer_init (ImapLexer *lexer, const ImapLexerLimits *limits)
{
  memset (lexer, 0, sizeof *lexer);
  lexer->limits = *limits;
  lexer->limits.depth = MIN (limits->depth, IMAP_LEXER_DEPTH_MAX);
  lexer->text = g_byte_array_new ();
  lexer->nodes = g_array_new (FALSE, FALSE, sizeof (ImapNode));
  lexer->after_space = TRUE;
}

static void
wipe_text (ImapLexer *lexer)
{
  if (lexer->text->len > 0)
    explicit_bzero (lexer->text->data, lexer->text->len);
}

void
imap_lexer_clear (ImapLexer *lexer)
{
  if (lexer->text == NULL)
    return;
  wipe_text (lexer);
  g_clear_pointer (&lexer->text, g_byte_array_unref);
  g_clear_pointer (&lexer->nodes, g_array_unref);
  g_clear_pointer (&lexer->stack, g_free);
}

void
imap_lexer_reset (ImapLexer *lexer, gboolean wipe)
{
  if (wipe)
    wipe_text (lexer);
  if (lexer->text->len > KEEP_BYTES)
    {
      g_byte_array_unref (lexer->text);
      lexer->text = g_byte_array_new ();
    }
  if (lexer->nodes->len * sizeof (ImapNode) > KEEP_BYTES)
    {
      g_array_unref (lexer->nodes);
      lexer->nodes = g_array_new (FALSE, FALSE, sizeof (ImapNode));
    }
  g_byte_array_set_size (lexer->text, 0);
  g_array_set_size (lexer->nodes, 0);
  g_clear_pointer (&lexer->stack, g_free);
  lexer->error = NULL;
  lexer->is_too_big = lexer->is_skipping = lexer->has_utf8 = lexer->is_unkept = FALSE;
  lexer->blamed = 0;
  lexer->n_unkept = 0;
  lexer->line_end = (ImapLineEnd) { 0 };
  lexer->state = STATE_BETWEEN;
  lexer->depth = lexer->n_streamed = 0;
  lexer->after_space = TRUE;
}

gboolean
imap_lexer_is_empty (const ImapLexer *lexer)
{
  return lexer->state == STATE_BETWEEN && lexer->nodes->len == 0 && lexer->text->len == 0;
}

/* Skips the rest of the command; the client gets the first error. */
static void
start_skipping (ImapLexer *lexer, const char *error, gboolean is_too_big)
{
  if (lexer->error == NULL)
    {
      lexer->error = error;
      lexer->is_too_big = is_too_big;
    }
  lexer->is_skipping = TRUE;
  lexer->state = STATE_SKIP;
}

/* Says whether there is room for @len more bytes of arguments. */
static gboolean
has_room (const ImapLexer *lexer, guint64 len)
{
  gsize limit = lexer->is_unkept ? lexer->limits.unkept_bytes : lexer->limits.command_bytes;
  gsize used = lexer->is_unkept ? lexer->n_unkept : lexer->text->len;
  return len <= limit && used <= limit - len;
}

static void
keep_bytes (ImapLexer *lexer, const guint8 *data, gsize len)
{
  gsize room = len;
  if (lexer->is_unkept)
    {
      lexer->n_unkept += len;
      room = MIN (len, lexer->kept_until - MIN (lexer->text->len, lexer->kept_until));
    }
  g_byte_array_append (lexer->text, data, (guint) room);
}

static gboolean
put_bytes (ImapLexer *lexer, const guint8 *data, gsize len)
{
  if (!has_room (lexer, len))
    {
      start_skipping (lexer, "Command too long", TRUE);
      return FALSE;
    }
  keep_bytes (lexer, data, len);
  return TRUE;
}

/* Says, once the name of the command is complete, whether its arguments are not kept. */
static gboolean
is_unkept_command (const ImapLexer *lexer)
{
  const ImapNode *name = imap_lexer_node (lexer, 1);
  return lexer->limits.unkept_command != NULL && name->type == IMAP_NODE_ATOM
         && g_ascii_strcasecmp (imap_lexer_text (lexer, name), lexer->limits.unkept_command) == 0;
}

static gboolean
begin_node (ImapLexer *lexer, ImapNodeType type)
{
  if (lexer->nodes->len >= lexer->limits.nodes + lexer->n_streamed * NODES_PER_STREAMED)
    {
      start_skipping (lexer, "Too many arguments", TRUE);
      return FALSE;
    }
  if (lexer->nodes->len == 2)
    {
      lexer->is_unkept = is_unkept_command (lexer);
      lexer->kept_until = lexer->text->len + lexer->limits.kept_bytes;
    }
  ImapNode node = { .type = type, .is_glued = !lexer->after_space, .offset = lexer->text->len };
  node.end = lexer->nodes->len + 1;
  g_array_append_val (lexer->nodes, node);
  lexer->after_space = FALSE;
  return TRUE;
}

static gboolean
end_node (ImapLexer *lexer)
{
  ImapNode *node = &g_array_index (lexer->nodes, ImapNode, lexer->nodes->len - 1);
  node->len = lexer->text->len - node->offset;
  lexer->state = STATE_BETWEEN;
  if (!lexer->is_unkept)
    return put_bytes (lexer, (const guint8 *) "", 1);
  g_byte_array_append (lexer->text, (const guint8 *) "", 1); /* a text that was cut gets its NUL as well */
  return TRUE;
}

static void
open_list (ImapLexer *lexer)
{
  if (lexer->depth >= lexer->limits.depth)
    {
      start_skipping (lexer, "Lists nested too deeply", TRUE);
      return;
    }
  if (!begin_node (lexer, IMAP_NODE_LIST))
    return;
  g_array_index (lexer->nodes, ImapNode, lexer->nodes->len - 1).end = G_MAXUINT32;
  if (lexer->stack == NULL)
    lexer->stack = g_new (guint32, lexer->limits.depth);
  lexer->stack[lexer->depth++] = lexer->nodes->len - 1;
  lexer->after_space = TRUE;
}

static void
close_list (ImapLexer *lexer)
{
  if (lexer->depth == 0)
    {
      start_skipping (lexer, "Unbalanced parenthesis", FALSE);
      return;
    }
  g_array_index (lexer->nodes, ImapNode, lexer->stack[--lexer->depth]).end = lexer->nodes->len;
  lexer->after_space = FALSE;
}

static inline gboolean
is_atom_byte (guint8 byte)
{
  return byte > 0x20 && byte < 0x7f && byte != '(' && byte != ')' && byte != '{' && byte != '"';
}

static void
begin_size (ImapLexer *lexer, gboolean is_binary)
{
  lexer->literal_is_binary = is_binary;
  lexer->state = STATE_SIZE;
}

/* Takes back the atom that the "~" of a literal8 (RFC 3516 7) has begun before its brace.  FALSE means that
 * it is an atom. */
static gboolean
begin_literal8 (ImapLexer *lexer)
{
  const ImapNode *node = imap_lexer_node (lexer, lexer->nodes->len - 1);
  if (lexer->text->len != node->offset + 1 || lexer->text->data[node->offset] != '~')
    return FALSE;
  lexer->after_space = !node->is_glued;
  g_byte_array_set_size (lexer->text, node->offset);
  g_array_set_size (lexer->nodes, lexer->nodes->len - 1);
  begin_size (lexer, TRUE);
  return TRUE;
}

/* Takes a byte where a token may start. */
static void
feed_between (ImapLexer *lexer, guint8 byte)
{
  switch (byte)
    {
    case ' ':
      lexer->after_space = TRUE;
      break;
    case '\r':
      lexer->state = STATE_CR;
      break;
    case '(':
      open_list (lexer);
      break;
    case ')':
      close_list (lexer);
      break;
    case '"':
      if (begin_node (lexer, IMAP_NODE_QUOTED))
        lexer->state = STATE_QUOTED;
      break;
    case '{':
      begin_size (lexer, FALSE);
      break;
    default:
      if (!is_atom_byte (byte))
        start_skipping (lexer, "Invalid character", FALSE);
      else if (begin_node (lexer, IMAP_NODE_ATOM) && put_bytes (lexer, &byte, 1))
        lexer->state = STATE_ATOM;
    }
}

/* Begins a literal, since the line has ended with what `line_end` says. */
static void
begin_literal (ImapLexer *lexer, ImapLineEndKind kind)
{
  lexer->literal_size = lexer->line_end.size;
  lexer->literal_is_sync = kind == IMAP_LINE_END_SYNC;
  lexer->line_end = (ImapLineEnd) { 0 };
  lexer->state = STATE_LITERAL;
}

/* Takes the size of a literal. One that is not synchronising may be too large of its own (RFC 7888 5). */
static ImapLexStatus
end_size (ImapLexer *lexer)
{
  const ImapLexerLimits *limits = &lexer->limits;
  begin_literal (lexer, imap_line_end_kind (&lexer->line_end));
  if (lexer->literal_is_sync || limits->nonsync_bytes == 0 || lexer->literal_size <= limits->nonsync_bytes)
    return IMAP_LEX_LITERAL;
  gboolean is_too_big = !limits->close_on_limit || lexer->literal_size > limits->literal_bytes;
  imap_lexer_refuse_literal (lexer, "Non-synchronizing literal too large", is_too_big);
  return IMAP_LEX_MORE;
}

/* Reads "123+}" behind the brace, and CRLF. */
static ImapLexStatus
feed_size (ImapLexer *lexer, guint8 byte)
{
  ImapLineEndKind kind = imap_line_end_kind (&lexer->line_end);
  if (byte == '\n')
    return end_size (lexer); /* only after its CR */
  if (byte == '\r' && (kind == IMAP_LINE_END_SYNC || kind == IMAP_LINE_END_NONSYNC))
    lexer->state = STATE_SIZE_CR;
  else if (byte == '\r' || byte == '{' || !imap_line_end_is_open (&lexer->line_end))
    start_skipping (lexer, "Invalid literal", FALSE);
  return IMAP_LEX_MORE;
}

static ImapLexStatus
end_line (ImapLexer *lexer)
{
  if (lexer->depth > 0)
    lexer->error = "Unbalanced parenthesis";
  return lexer->error != NULL ? IMAP_LEX_BAD : IMAP_LEX_COMMAND;
}

/* Returns the end of a line of a command that is thrown away: does a literal follow that must be thrown away
 * as well?
 */
static ImapLexStatus
end_skipped_line (ImapLexer *lexer)
{
  ImapLineEndKind kind = imap_line_end_kind (&lexer->line_end);
  switch (kind)
    {
    case IMAP_LINE_END_PLAIN:
    case IMAP_LINE_END_SYNC:
      return IMAP_LEX_BAD;
    case IMAP_LINE_END_UNCLEAR:
      return IMAP_LEX_FATAL;
    case IMAP_LINE_END_NONSYNC:
      begin_literal (lexer, kind);
      imap_lexer_refuse_literal (lexer, lexer->error, FALSE);
      break;
    }
  return IMAP_LEX_MORE;
}

static ImapLexStatus
feed_literal_bytes (ImapLexer *lexer, const guint8 *data, gsize len, gsize *ret_taken)
{
  gsize n = MIN (lexer->literal_left, len);
  *ret_taken = n;
  lexer->literal_left -= n;
  if (lexer->state == STATE_SKIP_BYTES)
    {
      if (lexer->literal_left == 0)
        lexer->state = STATE_SKIP;
      return IMAP_LEX_MORE;
    }
  if (memchr (data, 0, n) != NULL)
    {
      /* A CHAR8 is any octet but NUL (RFC 3501 9). */
      guint64 left = lexer->literal_left;
      start_skipping (lexer, "NUL in literal", FALSE);
      lexer->literal_left = left;
      if (left > 0)
        lexer->state = STATE_SKIP_BYTES;
      return IMAP_LEX_MORE;
    }
  keep_bytes (lexer, data, n); /* room for the literal was checked when it was announced */
  if (lexer->literal_left == 0)
    end_node (lexer);
  return IMAP_LEX_MORE;
}

/* Takes the closing quote: UTF-8 that is broken makes the command bad (RFC 6855 3).  Which commands take it
 * at all is for the caller to say. */
static void
end_quoted (ImapLexer *lexer)
{
  const ImapNode *node = imap_lexer_node (lexer, lexer->nodes->len - 1);
  const char *text = imap_lexer_text (lexer, node);
  if (lexer->has_utf8 && !lexer->is_unkept
      && !g_utf8_validate_len (text, lexer->text->len - node->offset, NULL))
    start_skipping (lexer, "Invalid UTF-8 in quoted string", FALSE);
  else
    end_node (lexer);
}

static void
feed_quoted (ImapLexer *lexer, guint8 byte)
{
  if (lexer->state == STATE_ESCAPE)
    {
      if (byte != '"' && byte != '\\')
        start_skipping (lexer, "Invalid escape in quoted string", FALSE);
      else if (put_bytes (lexer, &byte, 1))
        lexer->state = STATE_QUOTED;
    }
  else if (byte == '\\')
    lexer->state = STATE_ESCAPE;
  else if (byte == '"')
    end_quoted (lexer);
  else if (byte == 0 || byte == '\r')
    start_skipping (lexer, "Invalid character in quoted string", FALSE);
  else
    {
      lexer->has_utf8 = lexer->has_utf8 || byte >= 0x80;
      put_bytes (lexer, &byte, 1);
    }
}

/* Takes one byte in any state but BYTES. @again: the byte was not used up. */
static ImapLexStatus
feed_state (ImapLexer *lexer, guint8 byte, gboolean *again)
{
  switch ((State) lexer->state)
    {
    case STATE_BETWEEN:
      feed_between (lexer, byte);
      break;
    case STATE_ATOM:
      if (is_atom_byte (byte))
        put_bytes (lexer, &byte, 1);
      else if (byte != '{' || !begin_literal8 (lexer))
        *again = end_node (lexer);
      break;
    case STATE_QUOTED:
    case STATE_ESCAPE:
      feed_quoted (lexer, byte);
      break;
    case STATE_SIZE:
    case STATE_SIZE_CR:
      return feed_size (lexer, byte);
    case STATE_CR:
      if (byte == '\n')
        return end_line (lexer);
      start_skipping (lexer, "Bare CR", FALSE);
      break;
    case STATE_SKIP:
      return byte == '\n' ? end_skipped_line (lexer) : IMAP_LEX_MORE;
    case STATE_LITERAL:
    case STATE_BYTES:
    case STATE_SKIP_BYTES:
    case STATE_REFUSED:
      break;
    }
  return IMAP_LEX_MORE;
}

/* Takes a byte of a line, which `line_end` sees whatever it is read as.  Returns how many bytes were used up:
 * 0 or 1. */
static gsize
feed_byte (ImapLexer *lexer, guint8 byte, ImapLexStatus *status)
{
  gboolean again = FALSE;
  const ImapLineEnd before = lexer->line_end;
  if (byte != '\n')
    imap_line_end_feed (&lexer->line_end, byte);
  /* A bare LF ends the line, so that nobody waits for ever, but it is no line of RFC 3501 2.2. */
  else if (!lexer->is_skipping && lexer->state != STATE_CR && lexer->state != STATE_SIZE_CR)
    {
      start_skipping (lexer, lexer->state == STATE_SIZE ? "Invalid literal" : "Bare LF", FALSE);
      return 0;
    }
  *status = feed_state (lexer, byte, &again);
  if (again)
    lexer->line_end = before;
  return again ? 0 : 1;
}

/* Takes a run of characters of an atom, which make up most of a long command.  The run has no brace that
 * opens a literal. */
static gsize
feed_atom_run (ImapLexer *lexer, const guint8 *data, gsize len)
{
  gsize n = 0;
  while (n < len && is_atom_byte (data[n]))
    n++;
  if (n == 0 || !put_bytes (lexer, data, n))
    return 0;
  imap_line_end_feed (&lexer->line_end, data[n - 1]);
  return n;
}

ImapLexStatus
imap_lexer_feed (ImapLexer *lexer, const guint8 *data, gsize len, gsize *ret_consumed)
{
  gsize at = 0;
  ImapLexStatus status = IMAP_LEX_MORE;
  if (lexer->state == STATE_REFUSED)
    status = IMAP_LEX_BAD;
  else if (lexer->is_too_big && lexer->limits.close_on_limit)
    status = IMAP_LEX_FATAL; /* a literal was refused in this command */
  while (at < len && status == IMAP_LEX_MORE)
    {
      gsize taken = 0;
      if (lexer->state == STATE_BYTES || lexer->state == STATE_SKIP_BYTES)
        status = feed_literal_bytes (lexer, data + at, len - at, &taken);
      else if (lexer->state == STATE_ATOM && (taken = feed_atom_run (lexer, data + at, len - at)) > 0)
        ;
      else
        taken = feed_byte (lexer, data[at], &status);
      at += taken;
      if (lexer->is_too_big && lexer->limits.close_on_limit)
        status = IMAP_LEX_FATAL;
    }
  *ret_consumed = at;
  return status;
}

void
imap_lexer_take_literal (ImapLexer *lexer)
{
  g_return_if_fail (lexer->state == STATE_LITERAL);
  if (lexer->literal_is_binary)
    {
      imap_lexer_refuse_literal (lexer, "Binary literal not allowed here", FALSE);
      return;
    }
  if (!begin_node (lexer, IMAP_NODE_LITERAL))
    {
      imap_lexer_refuse_literal (lexer, lexer->error, TRUE);
      return;
    }
  if ((!lexer->is_unkept && lexer->literal_size > lexer->limits.literal_bytes)
      || !has_room (lexer, lexer->literal_size))
    {
      imap_lexer_refuse_literal (lexer, "Literal too large", TRUE);
      return;
    }
  lexer->literal_left = lexer->literal_size;
  lexer->state = STATE_BYTES;
  if (lexer->literal_left == 0)
    end_node (lexer);
}

void
imap_lexer_stream_literal (ImapLexer *lexer)
{
  g_return_if_fail (lexer->state == STATE_LITERAL);
  if (!begin_node (lexer, IMAP_NODE_STREAMED))
    return;
  end_node (lexer);
  lexer->n_streamed++;
}

void
imap_lexer_refuse_literal (ImapLexer *lexer, const char *error, gboolean is_too_big)
{
  guint64 size = lexer->literal_size;
  gboolean is_sync = lexer->literal_is_sync;
  start_skipping (lexer, error, is_too_big);
  lexer->literal_left = size;
  lexer->state = is_sync ? STATE_REFUSED : size > 0 ? STATE_SKIP_BYTES : STATE_SKIP;
}

const char *
imap_lexer_tag (const ImapLexer *lexer)
{
  if (lexer->nodes->len == 0)
    return NULL;
  const ImapNode *node = imap_lexer_node (lexer, 0);
  if (node->type != IMAP_NODE_ATOM || node->len == 0 || node->len > 128
      || lexer->text->len < node->offset + node->len + 1)
    return NULL;
  const char *tag = imap_lexer_text (lexer, node);
  return strpbrk (tag, "+%*\\\"") == NULL ? tag : NULL;
}
