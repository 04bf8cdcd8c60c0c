/* SPDX-License-Identifier: MIT
 * Implements APPEND and REPLACE (RFC 3501 6.3.11, RFC 3502, RFC 4469, RFC 8508): literals stream into
 * stages, one a message; what URLs name is copied in between, in jobs; one transaction at the end. Entry:
 * imap_append_begin, imap_run_append.
 */
#include "imap_session.h"

#include <string.h>

#define STREAM_CHUNK 65536u /* bytes that one job writes; a shorter message takes one job in all */

/* Adds the parts of @messages from @first on, which is under way, as far as no literal is needed. */
static gboolean
add_parts (ImapSession *session, const GPtrArray *messages, guint first, gboolean is_last_whole)
{
  ImapIncoming *incoming = &session->incoming;
  for (guint i = first; i < messages->len; i++)
    {
      const ImapAppendMessage *message = messages->pdata[i];
      for (; incoming->at_part < message->parts->len; incoming->at_part++)
        if (message->parts->pdata[incoming->at_part] != NULL
            && !imap_catenate (session, message->parts->pdata[incoming->at_part]))
          return FALSE;
      if ((i + 1 < messages->len || is_last_whole) && !imap_incoming_finish_message (session, message))
        return FALSE;
    }
  return incoming->text == NULL;
}

/* ---- literals ---- */

static gboolean
refuse_append (ImapSession *session, ImapStatus status, const char *code, const char *text)
{
  session->refusal_status = status;
  session->refusal_code = code;
  imap_lexer_refuse_literal (&session->lexer, text, FALSE);
  return TRUE;
}

static void
write_chunk (ImapSession *session)
{
  imap_incoming_write_buffer (session);
}

static void
take_content (ImapSession *session, const guint8 *data, gsize len)
{
  ImapIncoming *incoming = &session->incoming;
  if (incoming->text != NULL)
    g_byte_array_set_size (incoming->buffer, 0);
  gsize n = MIN (MIN (len, incoming->left), STREAM_CHUNK - incoming->buffer->len);
  /* A literal has no NUL (RFC 3501 9), and a literal8 that has could not be sent as FETCH BODY wants it (RFC
   * 3516 4.4). The client is to encode it (decision 0020). */
  if (memchr (data, '\0', n) != NULL)
    imap_incoming_fail (incoming, incoming->is_binary ? "UNKNOWN-CTE" : "CANNOT",
                        "Content with NUL is not stored, encode it.");
  if (incoming->text == NULL)
    g_byte_array_append (incoming->buffer, data, (guint) n);
  satchel_connection_consume (session->connection, n);
  incoming->left -= n;
  if (incoming->left == 0)
    {
      incoming->take = NULL;
      imap_lexer_stream_literal (&session->lexer);
    }
  if (incoming->buffer->len == STREAM_CHUNK)
    imap_session_run_job (session, "imap APPEND", write_chunk, NULL);
}

/* Asks for the literal that was announced, or refuses it if what comes before it has failed. */
static gboolean
begin_content (ImapSession *session)
{
  ImapIncoming *incoming = &session->incoming;
  const ImapLexer *lexer = &session->lexer;
  if (incoming->text != NULL || !imap_incoming_add_size (session, lexer->literal_size))
    return refuse_append (session, IMAP_NO, incoming->code, incoming->text);
  incoming->take = take_content;
  incoming->is_binary = lexer->literal_is_binary;
  incoming->left = lexer->literal_size;
  incoming->at_part++;
  imap_ask_for_literal (session);
  return TRUE;
}

/* Finds the destination. A missing one is reported before anything else: the client can create it (RFC 3501
 * 6.3.11), and its URLs may be right. [blocks] */
static gboolean
find_destination (ImapSession *session)
{
  ImapIncoming *incoming = &session->incoming;
  GError *error = NULL;
  if (incoming->is_found || incoming->text != NULL)
    return incoming->text == NULL;
  g_autoptr (SatchelMailbox) mailbox = imap_name_open (session, incoming->name, TRUE, &error);
  incoming->is_found = mailbox != NULL;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_error_free (error);
      return imap_incoming_fail (incoming, "TRYCREATE", "No such mailbox.");
    }
  return mailbox != NULL || imap_incoming_fail_error (session, error);
}

/* Takes what precedes the literal: the destination, and the parts that URLs name. [blocks] */
static void
take_parts_ahead (ImapSession *session)
{
  if (find_destination (session))
    add_parts (session, session->incoming.ahead.messages, 0, FALSE);
}

static void
ask_for_content (ImapSession *session)
{
  begin_content (session);
}

/* Parses the arguments since the message under way began.  Returns what they lack; IMAP_LACKS_NOTHING: no
 * literal belongs here, and *ret_error says why. */
static ImapReaderLack
read_ahead (ImapSession *session, const ImapCommandRow *row, const char **ret_error)
{
  ImapIncoming *incoming = &session->incoming;
  ImapReader reader;
  imap_append_arguments_clear (&incoming->ahead);
  imap_reader_init (&reader, &session->lexer);
  gboolean is_whole;
  if (incoming->at > 0)
    {
      reader.at = incoming->at;
      is_whole = imap_parse_append_messages (&reader, &incoming->ahead);
    }
  else
    {
      for (const char *at = row->name; at != NULL; at = strchr (at + 1, ' '))
        imap_reader_skip (&reader);
      is_whole = row->parse (&reader, &incoming->ahead);
    }
  if (incoming->name == NULL)
    incoming->name = g_strdup (incoming->ahead.name);
  if (!is_whole)
    {
      session->lexer.blamed = reader.blamed;
      *ret_error = reader.error;
      return reader.lack;
    }
  /* The literal is the first part of another message. */
  imap_append_add_message (&incoming->ahead);
  incoming->ahead.at = reader.at;
  *ret_error = "Unexpected literal";
  return session->lexer.depth == 0 ? IMAP_LACKS_LITERAL : IMAP_LACKS_NOTHING;
}

gboolean
imap_append_begin (ImapSession *session, const ImapCommandRow *row)
{
  ImapIncoming *incoming = &session->incoming;
  const ImapLexer *lexer = &session->lexer;
  const char *error = NULL;
  switch (read_ahead (session, row, &error))
    {
    case IMAP_LACKS_ARGUMENT:
      return FALSE;
    case IMAP_LACKS_NOTHING:
      return refuse_append (session, IMAP_BAD, NULL, error);
    case IMAP_LACKS_LITERAL:
      break;
    }
  const GPtrArray *messages = incoming->ahead.messages;
  const ImapAppendMessage *last = messages->pdata[messages->len - 1];
  if (last->flags.has_long_keyword)
    return refuse_append (session, IMAP_NO, "LIMIT", imap_text_long_keyword);
  if (incoming->stages == NULL)
    {
      incoming->stages = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_stage_free);
      incoming->buffer = g_byte_array_sized_new ((guint) MIN (lexer->literal_size, STREAM_CHUNK));
    }
  guint n_messages = incoming->stages->len + messages->len;
  if (n_messages > 1 && (row->flags & IMAP_COMMAND_ONE_MESSAGE))
    return refuse_append (session, IMAP_BAD, NULL, "Too many arguments");
  if (last->wants_binary && !lexer->literal_is_binary)
    return refuse_append (session, IMAP_BAD, NULL, "Binary literal expected");
  if (n_messages > session->settings.append_messages)
    return refuse_append (session, IMAP_NO, "LIMIT", "Too many messages in one command.");
  if (lexer->literal_size == 0 && lexer->depth == 0)
    /* An empty message is also how a client cancels APPEND (RFC 3502 6.3.11). */
    return refuse_append (session, IMAP_NO, NULL, "A message cannot be empty.");
  incoming->at = incoming->ahead.at;
  gboolean needs_job = messages->len > 1;
  for (guint i = incoming->at_part; i < last->parts->len && !needs_job; i++)
    needs_job = last->parts->pdata[i] != NULL;
  if (!needs_job)
    return begin_content (session);
  imap_session_run_job (session, "imap APPEND", take_parts_ahead, ask_for_content);
  return TRUE;
}

/* ---- the commands ---- */

/* Adds the appends of @arguments in @transaction.  FALSE means that the command is answered. */
static gboolean
add_appends (ImapSession *session, ImapCommand *command, SatchelTransaction *transaction,
             SatchelMailbox *mailbox)
{
  ImapIncoming *incoming = &session->incoming;
  const GPtrArray *messages = ((ImapAppendArguments *) command->arguments)->messages;
  if (messages->len > session->settings.append_messages)
    imap_incoming_fail (incoming, "LIMIT", "Too many messages in one command.");
  for (guint i = 0; i < messages->len; i++)
    if (((const ImapAppendMessage *) messages->pdata[i])->flags.has_long_keyword)
      imap_incoming_fail (incoming, "LIMIT", imap_text_long_keyword);
  if (incoming->stages == NULL) /* the message had URLs only */
    {
      incoming->stages = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_stage_free);
      incoming->buffer = g_byte_array_new ();
    }
  if (incoming->text != NULL || !add_parts (session, messages, incoming->stages->len, TRUE))
    {
      imap_command_no (command, incoming->code, incoming->text);
      return FALSE;
    }
  gsize n;
  g_autofree gpointer *stages = g_ptr_array_steal (incoming->stages, &n);
  for (gsize i = 0; i < n; i++)
    {
      const ImapAppendMessage *message = messages->pdata[i];
      satchel_transaction_append (transaction, mailbox, stages[i], message->flags.flags,
                                  (const char *const *) message->flags.keywords,
                                  satchel_stage_internal_date (stages[i]));
    }
  return TRUE;
}

/* Returns "APPENDUID 38505 3955:3957" (RFC 4315 3, RFC 3502) of the first @n operations. */
static char *
appenduid (const SatchelTransaction *transaction, guint n)
{
  ImapWriter writer = { .room = 1 };
  g_auto (SatchelUidSet) uids = { 0 };
  guint32 uidvalidity = 0;
  for (guint i = 0; i < n; i++)
    {
      const SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      guint32 uid = g_array_index (operation->ret_uids, guint32, 0);
      satchel_uid_set_add (&uids, uid, uid);
      uidvalidity = operation->ret_uidvalidity;
    }
  imap_write_format (&writer, "APPENDUID %u ", uidvalidity);
  imap_write_set (&writer, &uids);
  imap_write_raw (&writer, "", 1);
  return writer.data;
}

ImapStep
imap_run_append (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapAppendArguments *arguments = command->arguments;
  g_autoptr (SatchelMailbox) mailbox = imap_name_open (session, arguments->name, TRUE, &error);
  if (mailbox == NULL)
    return imap_command_destination_error (session, command, error);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  if (!add_appends (session, command, transaction, mailbox))
    return IMAP_STEP_DONE;
  if (!satchel_transaction_commit (transaction, &error))
    return imap_command_destination_error (session, command, error);
  g_autofree char *name = satchel_mailbox_name (mailbox);
  imap_announce_supplied (session, arguments->name, name); /* RFC 9051 6.3.12 */
  command->code = appenduid (transaction, arguments->messages->len);
  return imap_command_ok (command, "APPEND completed.");
}

/* Returns the UID of the message that REPLACE names.  0 means that there is none. */
static guint32
replaced_uid (ImapSession *session, const ImapCommand *command)
{
  guint32 number = (guint32) ((ImapAppendArguments *) command->arguments)->number;
  SatchelRange range = { number, number };
  const ImapSequence sequence = { &range, 1 };
  g_auto (SatchelUidSet) rows = { 0 };
  g_auto (SatchelUidSet) uids = { 0 };
  if (!imap_view_rows (session->view, &sequence, (command->row->flags & IMAP_COMMAND_UID) != 0, &rows))
    return 0;
  imap_view_uids (session->view, &rows, &uids);
  return uids.n_ranges > 0 ? uids.ranges[0].first : 0;
}

/* Runs REPLACE (RFC 8508): one transaction adds the new message and removes the old one. */
ImapStep
imap_run_replace (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapAppendArguments *arguments = command->arguments;
  guint32 uid = replaced_uid (session, command), index;
  if (uid == 0 && !(command->row->flags & IMAP_COMMAND_UID))
    return imap_command_bad (command, "No such message.");
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (session->view->mailbox);
  if (uid == 0 || !satchel_snapshot_find (newest, uid, &index))
    return imap_command_no (command, "NONEXISTENT", "No such message.");
  g_autoptr (SatchelMailbox) mailbox = imap_name_open (session, arguments->name, TRUE, &error);
  if (mailbox == NULL)
    return imap_command_destination_error (session, command, error);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  if (!add_appends (session, command, transaction, mailbox))
    return IMAP_STEP_DONE;
  g_auto (SatchelUidSet) replaced = { 0 };
  satchel_uid_set_add (&replaced, uid, uid);
  satchel_transaction_expunge (transaction, session->view->mailbox, &replaced, FALSE);
  if (!satchel_transaction_commit (transaction, &error))
    return imap_command_destination_error (session, command, error);
  /* This response precedes the EXPUNGE, which the update sends (RFC 8508 4.3). */
  g_autofree char *code = appenduid (transaction, 1);
  imap_write (&session->writer, "* OK [");
  imap_write (&session->writer, code);
  imap_write (&session->writer, "] Replacement message ready.\r\n");
  return imap_command_ok (command, "REPLACE completed.");
}
