/* SPDX-License-Identifier: MIT
 * From bytes to commands: feeds the lexer, answers literals (RFC 7888), streams the content of APPEND to the store in
 * bounded memory, starts what is complete.  Role mail.  Entry: imap_session_read.
 */
#include "session.h"

#include <string.h>

#define STREAM_CHUNK 65536u          /* of an APPEND, written by one job; a shorter message takes one job in all */
#define LITERAL_MINUS_MAX 4096u      /* RFC 7888 5 */

void
imap_incoming_clear (ImapIncoming *incoming)
{
  g_clear_pointer (&incoming->buffer, g_byte_array_unref);
  g_clear_pointer (&incoming->stage, satchel_stage_free);
  g_clear_error (&incoming->error);
  incoming->is_active = FALSE;
}

/* "FETCH", "UID FETCH"; "" if there is none. */
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

static void
refuse (ImapSession *session, ImapStatus status, const char *code, const char *text)
{
  session->refusal_status = status;
  session->refusal_code = code;
  imap_lexer_refuse_literal (&session->lexer, text, FALSE);
}

/* Is the literal that begins the content of an APPEND?  Refuses one that is too big or comes with bad arguments before
 * it is asked for. */
static gboolean
begin_content (ImapSession *session)
{
  ImapLexer *lexer = &session->lexer;
  char name[32];
  command_name (lexer, name);
  const ImapCommandRow *row = imap_command_find (name);
  if (row == NULL || !(row->flags & IMAP_COMMAND_STREAMS) || lexer->nodes->len < 3 || lexer->depth > 0)
    return FALSE;
  ImapAppendArguments arguments = { 0 };
  ImapReader reader;
  imap_reader_init (&reader, lexer);
  imap_reader_skip (&reader);
  imap_parse_append (&reader, &arguments);
  imap_append_arguments_clear (&arguments);
  if (reader.error != imap_append_wants_literal)
    refuse (session, IMAP_BAD, NULL, reader.error != NULL ? reader.error : "Too many arguments");
  else if (lexer->literal_size > session->settings.message_bytes)
    refuse (session, IMAP_NO, "TOOBIG", "Message too large.");
  else if (lexer->literal_size == 0)
    refuse (session, IMAP_NO, NULL, "A message cannot be empty."); /* RFC 3501 6.3.11; RFC 3502 2 */
  else
    {
      session->incoming.is_active = TRUE;
      session->incoming.left = lexer->literal_size;
      session->incoming.buffer = g_byte_array_sized_new ((guint) MIN (lexer->literal_size, STREAM_CHUNK));
    }
  return TRUE;
}

static void
begin_literal (ImapSession *session)
{
  ImapLexer *lexer = &session->lexer;
  gboolean is_sync = lexer->literal_is_sync;
  session->refusal_status = IMAP_BAD;
  session->refusal_code = NULL;
  if (!is_sync && session->settings.is_literal_minus && lexer->literal_size > LITERAL_MINUS_MAX)
    {
      session->refusal_code = "TOOBIG";
      imap_lexer_refuse_literal (lexer, "Non-synchronizing literal too large", TRUE);
      return;
    }
  if (!begin_content (session))
    imap_lexer_take_literal (lexer);
  if (is_sync && lexer->error == NULL)
    satchel_connection_write (session->connection, "+ OK\r\n", 6);
}

/* ---- content of APPEND ---- */

static void
write_chunk (gpointer data)
{
  ImapSession *session = data;
  ImapIncoming *incoming = &session->incoming;
  if (incoming->error != NULL)
    return;
  if (incoming->stage == NULL)
    incoming->stage = satchel_stage_new (session->store, incoming->buffer->len + incoming->left, &incoming->error);
  if (incoming->stage != NULL)
    satchel_stage_write (incoming->stage, incoming->buffer->data, incoming->buffer->len, &incoming->error);
}

static void
chunk_written (gpointer data)
{
  ImapSession *session = data;
  session->in_job = FALSE;
  if (session->connection == NULL || session->is_closing)
    return;
  g_byte_array_set_size (session->incoming.buffer, 0);
  imap_session_read (session);
}

/* Takes what has come of the content.  After the last byte the lexer goes on. */
static void
read_content (ImapSession *session, const guint8 *data, gsize len)
{
  ImapIncoming *incoming = &session->incoming;
  gsize n = MIN (MIN (len, incoming->left), STREAM_CHUNK - incoming->buffer->len);
  g_byte_array_append (incoming->buffer, data, n);
  satchel_connection_consume (session->connection, n);
  incoming->left -= n;
  gboolean is_last = incoming->left == 0;
  if (is_last)
    {
      incoming->is_active = FALSE;
      imap_lexer_stream_literal (&session->lexer);
    }
  if (incoming->buffer->len == STREAM_CHUNK || (is_last && incoming->stage != NULL))
    {
      session->in_job = TRUE;
      satchel_session_run (session->session, "imap APPEND", write_chunk, chunk_written, session);
    }
}

/* ---- commands ---- */

static void
say_bad (ImapSession *session, const char *tag, ImapStatus status, const char *code, const char *text)
{
  SatchelConnection *connection = session->connection;
  const char *word = status == IMAP_NO && tag != NULL ? "NO" : "BAD";
  tag = tag != NULL ? tag : "*";
  if (code != NULL)
    satchel_connection_print (connection, "%s %s [%s] %s\r\n", tag, word, code, text);
  else
    satchel_connection_print (connection, "%s %s %s\r\n", tag, word, text);
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

/* The state gate, then the arguments. */
static void
start_command (ImapSession *session)
{
  ImapLexer *lexer = &session->lexer;
  const char *tag = imap_lexer_tag (lexer);
  char name[32];
  command_name (lexer, name);
  const ImapCommandRow *row = imap_command_find (name);
  guint state = session->view != NULL ? IMAP_STATE_SELECTED : IMAP_STATE_AUTHENTICATED;
  if (tag == NULL)
    {
      refuse_command (session, "Invalid tag.", IMAP_BAD, NULL);
      return;
    }
  if (row == NULL)
    {
      refuse_command (session, "Unknown command.", IMAP_BAD, NULL);
      return;
    }
  if (!(row->states & state))
    {
      refuse_command (session, row->states == 0 ? "Already logged in." : "No mailbox is selected.", IMAP_BAD, NULL);
      return;
    }
  g_autofree gpointer arguments = row->arguments_size > 0 ? g_malloc0 (row->arguments_size) : NULL;
  ImapReader reader;
  imap_reader_init (&reader, lexer);
  for (const char *at = row->name; at != NULL; at = strchr (at + 1, ' '))
    imap_reader_skip (&reader);
  if (!row->parse (&reader, arguments))
    {
      if (row->clear != NULL)
        row->clear (arguments);
      refuse_command (session, reader.error != NULL ? reader.error : "Invalid arguments.", IMAP_BAD, NULL);
      return;
    }
  ImapCommand *command = g_new0 (ImapCommand, 1);
  command->row = row;
  command->tag = g_strdup (tag);
  command->arguments = g_steal_pointer (&arguments);
  session->command = command;
  satchel_timer_cancel (&session->rest_timer);
  if ((row->flags & IMAP_COMMAND_WRITES) && session->view->is_read_only)
    {
      imap_command_no (command, "NOPERM", "The mailbox is selected read-only.");
      command->phase = IMAP_PHASE_UPDATE;
    }
  imap_session_advance (session);
}

static void
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
      start_command (session);
      break;
    case IMAP_LEX_BAD:
      refuse_command (session, session->lexer.error, session->refusal_status == IMAP_NO ? IMAP_NO : IMAP_BAD,
                      session->refusal_code != NULL ? session->refusal_code
                                                    : session->lexer.is_too_big ? "TOOBIG" : NULL);
      break;
    case IMAP_LEX_FATAL:
      say_bad (session, imap_lexer_tag (&session->lexer), IMAP_BAD, NULL, session->lexer.error);
      imap_session_bye (session, "Cannot tell where the next command starts.");
      break;
    }
}

static void
read_line (ImapSession *session, const guint8 *data, gsize len)
{
  gsize n;
  ImapLineStatus status = imap_line_feed (&session->line, 1024, data, len, &n);
  satchel_connection_consume (session->connection, n);
  if (status == IMAP_LINE_MORE)
    return;
  if (status == IMAP_LINE_TOO_LONG)
    {
      imap_session_bye (session, "Line too long.");
      return;
    }
  g_autofree char *line = g_strdup (status == IMAP_LINE_COMPLETE ? session->line.text->str : "");
  imap_line_reset (&session->line, FALSE);
  imap_idle_line (session, session->command, line);
}

void
imap_session_read (ImapSession *session)
{
  /* Commands end inside this loop, and what ends one may call here again. */
  if (session->is_reading)
    return;
  session->is_reading = TRUE;
  session->refs++;
  while (session->connection != NULL && !session->is_closing && !session->in_job && !session->is_deferred &&
         session->login_tag == NULL && !satchel_connection_is_full (session->connection))
    {
      gsize len;
      const guint8 *data = satchel_connection_peek (session->connection, &len);
      gboolean is_refused = session->lexer.error != NULL; /* a refused literal ends without further input */
      if (len == 0 && !is_refused)
        break;
      if (session->command != NULL && !session->is_waiting)
        break;
      if (session->command != NULL)
        read_line (session, data, len);
      else if (session->incoming.is_active)
        read_content (session, data, len);
      else
        {
          read_command (session, data, len);
          if (len == 0 && session->lexer.error != NULL)
            break;
        }
    }
  session->is_reading = FALSE;
  imap_session_unref (session);
}
