/* SPDX-License-Identifier: MIT
 * Arguments of APPEND and REPLACE (RFC 3501 6.3.11, RFC 3502, RFC 4466, RFC 4469, RFC 6855 4, RFC 8508).
 * Pure.  They are parsed as far as they have come whenever a literal begins, and once more when the command
 * is complete.
 */
#include "grammar/arguments.h"

#include <satchel/date.h>

#define LITERAL_EXPECTED "Message literal expected"

static void
message_free (gpointer data)
{
  ImapAppendMessage *message = data;
  imap_flag_list_clear (&message->flags);
  g_ptr_array_unref (message->parts);
  g_free (message);
}

ImapAppendMessage *
imap_append_add_message (ImapAppendArguments *append)
{
  ImapAppendMessage *message = g_new0 (ImapAppendMessage, 1);
  message->parts = g_ptr_array_new_with_free_func (g_free);
  if (append->messages == NULL)
    append->messages = g_ptr_array_new_with_free_func (message_free);
  g_ptr_array_add (append->messages, message);
  return message;
}

static gboolean
read_literal (ImapReader *reader, ImapAppendMessage *message, gboolean is_binary)
{
  message->wants_binary = is_binary;
  if (imap_reader_peek (reader) != IMAP_NODE_STREAMED)
    return imap_reader_fail_for_lack (
        reader, imap_reader_is_done (reader) ? IMAP_LACKS_LITERAL : IMAP_LACKS_NOTHING, LITERAL_EXPECTED);
  imap_reader_skip (reader);
  g_ptr_array_add (message->parts, NULL);
  return TRUE;
}

/* Reads utf8-literal (RFC 6855 4), behind "UTF8". */
static gboolean
read_utf8 (ImapReader *reader, ImapAppendMessage *message)
{
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  if (!read_literal (&members, message, TRUE))
    return imap_reader_fail_for_lack (reader, members.lack, members.error);
  return imap_read_list_end (reader, &members);
}

/* Reads cat-part (RFC 4469 5). */
static gboolean
read_part (ImapReader *reader, ImapAppendMessage *message)
{
  const char *kind, *url;
  gsize len;
  if (message->parts->len >= IMAP_APPEND_PARTS_MAX)
    return imap_reader_fail (reader, "Too many parts");
  if (!imap_read_atom (reader, &kind))
    return FALSE;
  if (g_ascii_strcasecmp (kind, "TEXT") == 0)
    return read_literal (reader, message, FALSE);
  if (g_ascii_strcasecmp (kind, "UTF8") == 0)
    return read_utf8 (reader, message);
  if (g_ascii_strcasecmp (kind, "URL") != 0)
    return imap_reader_fail (reader, "Unknown kind of part");
  if (!imap_read_astring (reader, &url, &len))
    return FALSE;
  g_ptr_array_add (message->parts, g_strndup (url, len));
  return TRUE;
}

static gboolean
read_catenate (ImapReader *reader, ImapAppendMessage *message)
{
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (read_part (&members, message) && !imap_reader_is_done (&members))
    ;
  return imap_read_list_end (reader, &members);
}

/* Reads append-data (RFC 4466 3). */
static gboolean
read_data (ImapReader *reader, ImapAppendMessage *message)
{
  const char *kind = imap_reader_peek_atom (reader);
  if (kind == NULL)
    return read_literal (reader, message, FALSE);
  imap_reader_skip (reader);
  if (g_ascii_strcasecmp (kind, "CATENATE") == 0)
    return read_catenate (reader, message);
  if (g_ascii_strcasecmp (kind, "UTF8") == 0)
    return read_utf8 (reader, message);
  return imap_reader_fail (reader, LITERAL_EXPECTED);
}

static gboolean
read_message (ImapReader *reader, ImapAppendMessage *message)
{
  /* RFC 3501 9 does not allow \Recent here, but programs that copy mail between servers send it. */
  message->flags.takes_recent = TRUE;
  if (imap_reader_peek (reader) == IMAP_NODE_LIST && !imap_parse_flag_list (reader, &message->flags))
    return FALSE;
  if (imap_reader_peek (reader) == IMAP_NODE_QUOTED)
    {
      const char *date;
      gsize len;
      if (!imap_read_quoted (reader, &date, &len))
        return FALSE;
      if (!satchel_imap_date_time_parse (date, len, &message->date))
        return imap_reader_fail (reader, "Invalid date");
      message->has_date = TRUE;
    }
  return read_data (reader, message);
}

gboolean
imap_parse_append_messages (ImapReader *reader, ImapAppendArguments *append)
{
  do
    {
      append->at = reader->at;
      if (!read_message (reader, imap_append_add_message (append)))
        return FALSE;
    }
  while (!imap_reader_is_done (reader));
  return TRUE;
}

gboolean
imap_parse_append (ImapReader *reader, gpointer arguments)
{
  ImapAppendArguments *append = arguments;
  return imap_parse_name (reader, &append->name) && imap_parse_append_messages (reader, append);
}

/* Reads seq-number or uid, mailbox, one append-message (RFC 8508 5). */
gboolean
imap_parse_replace (ImapReader *reader, gpointer arguments)
{
  ImapAppendArguments *append = arguments;
  if (!imap_read_number (reader, G_MAXUINT32, &append->number))
    return FALSE;
  if (append->number == 0)
    return imap_reader_fail (reader, "Number expected");
  if (!imap_parse_append (reader, append))
    return FALSE;
  return append->messages->len == 1 || imap_reader_fail (reader, "Too many arguments");
}

void
imap_append_arguments_clear (gpointer arguments)
{
  ImapAppendArguments *append = arguments;
  g_clear_pointer (&append->name, g_free);
  g_clear_pointer (&append->messages, g_ptr_array_unref);
}
