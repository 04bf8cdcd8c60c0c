/* SPDX-License-Identifier: MIT
 * This file makes commands of bytes: it feeds the lexer, answers literals (RFC 7888), and gives content and
 * lines to the commands that take them.  Role mail.  Entry: imap_input_read.
 */
#include "imap_session.h"

#include <string.h>

#define UTF8_TEXT "UTF-8 in quoted string without ENABLE UTF8=ACCEPT"
#define BLAMED_BYTES 100u /* bytes of a word that an answer quotes */

/* Writes "FETCH", "UID FETCH"; "" if there is none. */
static void
command_name (const ImapLexer *lexer, char name[32])
{
  name[0] = '\0';
  for (guint i = 1; i < MIN (3, lexer->nodes->len); i++)
    {
      const ImapNode *node = imap_lexer_node (lexer, i);
      if (node->type != IMAP_NODE_ATOM || strlen (name) + node->len + 2 > 32)
        return;
      if (i == 2)
        strcat (name, " ");
      strcat (name, imap_lexer_text (lexer, node));
      if (g_ascii_strcasecmp (name, "UID") != 0)
        return;
    }
}

static const ImapCommandRow *
find_row (const ImapSession *session, const char *name)
{
  for (const ImapCommandRow *row = session->commands; row->name != NULL; row++)
    if (g_ascii_strcasecmp (name, row->name) == 0)
      return row;
  return NULL;
}

static guint
state_of (const ImapSession *session)
{
  return session->view != NULL ? IMAP_STATE_SELECTED : IMAP_STATE_AUTHENTICATED;
}

/* Says whether a quoted string has more than ASCII though the client has not enabled that (RFC 6855 3); it
 * could not be told from a name in modified UTF-7. */
static gboolean
has_wrong_utf8 (const ImapSession *session, const ImapCommandRow *row)
{
  return session->lexer.has_utf8 && !imap_session_is_utf8 (session)
         && (row->flags & IMAP_COMMAND_TAKES_UTF8) == 0;
}

void
imap_ask_for_literal (ImapSession *session)
{
  if (!session->lexer.literal_is_sync || session->lexer.error != NULL)
    return;
  imap_write_continuation (&session->writer, "OK");
  imap_session_flush (session);
}

static void
begin_literal (ImapSession *session)
{
  ImapLexer *lexer = &session->lexer;
  char name[32];
  session->refusal_status = IMAP_BAD;
  session->refusal_code = NULL;
  command_name (lexer, name);
  const ImapCommandRow *row = find_row (session, name);
  gboolean streams = row != NULL && row->begin_literal != NULL;
  if (streams && (row->states & state_of (session)) == 0)
    imap_lexer_refuse_literal (lexer, "No mailbox is selected.", FALSE);
  else if (streams && has_wrong_utf8 (session, row))
    imap_lexer_refuse_literal (lexer, UTF8_TEXT, FALSE);
  else if (streams && row->begin_literal (session, row))
    return;
  else
    imap_lexer_take_literal (lexer);
  imap_ask_for_literal (session);
}

/* ---- commands ---- */

static void
say_bad (ImapSession *session, const char *tag, ImapStatus status, const char *code, const char *text)
{
  ImapWriter *writer = &session->writer;
  const char *word = status == IMAP_NO && tag != NULL ? "NO" : "BAD";
  const ImapLexer *lexer = &session->lexer;
  imap_write_format (writer, "%s %s ", tag != NULL ? tag : "*", word);
  if (code != NULL)
    imap_write_format (writer, "[%s] ", code);
  imap_write (writer, text);
  if (lexer->blamed > 0)
    {
      imap_write (writer, ": ");
      imap_write_safe_text (writer, imap_lexer_text (lexer, imap_lexer_node (lexer, lexer->blamed)),
                            BLAMED_BYTES);
    }
  imap_write (writer, "\r\n");
  imap_session_flush (session);
}

static void
refuse_command (ImapSession *session, const char *text, ImapStatus status, const char *code)
{
  say_bad (session, imap_lexer_tag (&session->lexer), status, code, text);
  imap_lexer_reset (&session->lexer, FALSE);
  imap_incoming_clear (&session->incoming);
  session->refusal_status = IMAP_BAD;
  session->refusal_code = NULL;
  if (status == IMAP_BAD && ++session->n_bad >= session->settings.bad_commands)
    imap_session_bye (session, "Too many bad commands.");
}

/* Finds the command that the client names.  NULL means that it was refused: it is not known, or not in this
 * state. */
static const ImapCommandRow *
choose_row (ImapSession *session)
{
  char name[32];
  command_name (&session->lexer, name);
  const ImapCommandRow *row = find_row (session, name);
  const char *why = NULL;
  if (imap_lexer_tag (&session->lexer) == NULL)
    why = "Invalid tag.";
  else if (row == NULL)
    why = "Unknown command.";
  else if (!(row->states & state_of (session)))
    why = row->states == 0 ? "Already logged in." : "No mailbox is selected.";
  else if (has_wrong_utf8 (session, row))
    why = UTF8_TEXT;
  if (why == NULL)
    return row;
  refuse_command (session, why, IMAP_BAD, NULL);
  return NULL;
}

/* Parses the arguments behind the command's name, which may have several words.  FALSE means that the command
 * was refused. */
static gboolean
parse_arguments (ImapSession *session, const ImapCommandRow *row, gpointer arguments)
{
  ImapReader reader;
  imap_reader_init (&reader, &session->lexer);
  for (const char *at = row->name; at != NULL; at = strchr (at + 1, ' '))
    imap_reader_skip (&reader);
  if (row->parse (&reader, arguments))
    return TRUE;
  if (row->clear != NULL)
    row->clear (arguments);
  session->lexer.blamed = reader.blamed;
  refuse_command (session, reader.error != NULL ? reader.error : "Invalid arguments.", IMAP_BAD, NULL);
  return FALSE;
}

/* Makes session->command, unless it is refused.  The state gate comes first, then the arguments. */
static void
make_command (ImapSession *session)
{
  const ImapCommandRow *row = choose_row (session);
  if (row == NULL)
    return;
  g_autofree gpointer arguments = row->arguments_size > 0 ? g_malloc0 (row->arguments_size) : NULL;
  if (!parse_arguments (session, row, arguments))
    return;
  ImapCommand *command = g_new0 (ImapCommand, 1);
  command->row = row;
  command->tag = g_strdup (imap_lexer_tag (&session->lexer));
  command->arguments = g_steal_pointer (&arguments);
  if ((row->flags & IMAP_COMMAND_WRITES) && session->view->is_read_only)
    {
      imap_command_no (command, "NOPERM", "The mailbox is selected read-only.");
      command->phase = IMAP_PHASE_UPDATE;
    }
  session->command = command;
}

static ImapInput
read_command (ImapSession *session, const guint8 *data, gsize len)
{
  gsize n;
  ImapLexStatus status = imap_lexer_feed (&session->lexer, data, len, &n);
  satchel_connection_consume (session->connection, n);
  switch (status)
    {
    case IMAP_LEX_MORE:
      break;
    case IMAP_LEX_LITERAL:
      begin_literal (session);
      break;
    case IMAP_LEX_COMMAND:
      make_command (session);
      if (session->command != NULL)
        return IMAP_INPUT_RUN;
      break;
    case IMAP_LEX_BAD:
      refuse_command (session, session->lexer.error, session->refusal_status == IMAP_NO ? IMAP_NO : IMAP_BAD,
                      session->refusal_code != NULL ? session->refusal_code
                      : session->lexer.is_too_big   ? "TOOBIG"
                                                    : NULL);
      break;
    case IMAP_LEX_FATAL:
      say_bad (session, imap_lexer_tag (&session->lexer), IMAP_BAD, NULL, session->lexer.error);
      imap_session_bye (session, "Cannot tell where the next command starts.");
      break;
    }
  return len == 0 && session->lexer.error != NULL ? IMAP_INPUT_NONE : IMAP_INPUT_MORE;
}

static ImapInput
read_line (ImapSession *session, const guint8 *data, gsize len)
{
  gsize n;
  ImapLineStatus status = imap_line_feed (&session->line, 1024, data, len, &n);
  satchel_connection_consume (session->connection, n);
  if (status == IMAP_LINE_MORE)
    return IMAP_INPUT_MORE;
  if (status == IMAP_LINE_TOO_LONG || status == IMAP_LINE_UNCLEAR)
    {
      imap_session_bye (session, status == IMAP_LINE_TOO_LONG ? "Line too long."
                                                              : "Cannot tell where the next line starts.");
      return IMAP_INPUT_MORE;
    }
  g_autofree char *line = g_strdup (status == IMAP_LINE_COMPLETE ? session->line.text->str : "");
  imap_line_reset (&session->line, FALSE);
  session->command->row->take_line (session, session->command, line);
  return IMAP_INPUT_RUN;
}

ImapInput
imap_input_read (ImapSession *session)
{
  gsize len;
  const guint8 *data = satchel_connection_peek (session->connection, &len);
  gboolean is_refused = session->lexer.error != NULL; /* a refused literal ends without further input */
  if (len == 0 && !is_refused)
    return IMAP_INPUT_NONE;
  if (session->state == IMAP_SESSION_WAITING)
    return read_line (session, data, len);
  if (session->incoming.take == NULL)
    return read_command (session, data, len);
  session->incoming.take (session, data, len);
  return IMAP_INPUT_MORE;
}
