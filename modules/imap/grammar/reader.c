/* SPDX-License-Identifier: MIT
 * This file reads tokens as the types of RFC 3501 9.  Pure.
 */
#include "grammar/reader.h"

#include <string.h>

void
imap_reader_init (ImapReader *reader, const ImapLexer *lexer)
{
  *reader = (ImapReader) { .lexer = lexer, .at = 1, .end = lexer->nodes->len };
}

gboolean
imap_reader_is_done (const ImapReader *reader)
{
  return reader->at >= reader->end;
}

gboolean
imap_reader_fail (ImapReader *reader, const char *error)
{
  return imap_reader_fail_for_lack (reader, IMAP_LACKS_NOTHING, error);
}

gboolean
imap_reader_fail_for_lack (ImapReader *reader, ImapReaderLack lack, const char *error)
{
  if (reader->error == NULL)
    {
      reader->error = error;
      reader->lack = lack;
    }
  return FALSE;
}

gboolean
imap_reader_finish (ImapReader *reader)
{
  return imap_reader_is_done (reader) || imap_reader_fail (reader, "Too many arguments");
}

ImapNodeType
imap_reader_peek (const ImapReader *reader)
{
  return imap_reader_is_done (reader) ? 0 : (ImapNodeType) imap_lexer_node (reader->lexer, reader->at)->type;
}

const char *
imap_reader_peek_atom (const ImapReader *reader)
{
  if (imap_reader_peek (reader) != IMAP_NODE_ATOM)
    return NULL;
  return imap_lexer_text (reader->lexer, imap_lexer_node (reader->lexer, reader->at));
}

void
imap_reader_skip (ImapReader *reader)
{
  if (!imap_reader_is_done (reader))
    reader->at = imap_lexer_node (reader->lexer, reader->at)->end;
}

gboolean
imap_reader_skip_word (ImapReader *reader, const char *word)
{
  const char *atom = imap_reader_peek_atom (reader);
  if (atom == NULL || g_ascii_strcasecmp (atom, word) != 0)
    return FALSE;
  imap_reader_skip (reader);
  return TRUE;
}

/* Returns the next token, used up; NULL at the end, or if no space precedes it. */
static const ImapNode *
next_node (ImapReader *reader)
{
  if (imap_reader_is_done (reader))
    {
      imap_reader_fail_for_lack (reader, IMAP_LACKS_ARGUMENT, "Missing argument");
      return NULL;
    }
  const ImapNode *node = imap_lexer_node (reader->lexer, reader->at);
  if (node->is_glued)
    {
      imap_reader_fail (reader, "Missing space between arguments");
      return NULL;
    }
  reader->at = node->end;
  return node;
}

static gboolean
give_text (ImapReader *reader, const ImapNode *node, const char **ret, gsize *ret_len)
{
  *ret = imap_lexer_text (reader->lexer, node);
  if (ret_len != NULL)
    *ret_len = node->len;
  return TRUE;
}

gboolean
imap_read_word (ImapReader *reader, const char **ret)
{
  const ImapNode *node = next_node (reader);
  if (node == NULL)
    return FALSE;
  if (node->type != IMAP_NODE_ATOM)
    return imap_reader_fail (reader, "Atom expected");
  return give_text (reader, node, ret, NULL);
}

gboolean
imap_is_atom (const char *text)
{
  if (*text == '\0')
    return FALSE;
  for (; *text != '\0'; text++)
    if ((guint8) *text <= 0x20 || (guint8) *text >= 0x7f || strchr ("(){%*\"\\]", *text) != NULL)
      return FALSE;
  return TRUE;
}

gboolean
imap_read_atom (ImapReader *reader, const char **ret)
{
  return imap_read_word (reader, ret)
         && (imap_is_atom (*ret) || imap_reader_fail (reader, "Invalid character in atom"));
}

/* Reads an astring. @forbidden: characters that its atom form may not have. */
static gboolean
read_astring (ImapReader *reader, const char *forbidden, const char **ret, gsize *ret_len)
{
  const ImapNode *node = next_node (reader);
  if (node == NULL)
    return FALSE;
  if (node->type == IMAP_NODE_LIST || node->type == IMAP_NODE_STREAMED)
    return imap_reader_fail (reader, "String expected");
  if (node->type == IMAP_NODE_ATOM && strpbrk (imap_lexer_text (reader->lexer, node), forbidden) != NULL)
    return imap_reader_fail (reader, "Invalid character in atom");
  return give_text (reader, node, ret, ret_len);
}

gboolean
imap_read_astring (ImapReader *reader, const char **ret, gsize *ret_len)
{
  return read_astring (reader, "%*\\", ret, ret_len);
}

gboolean
imap_read_list_mailbox (ImapReader *reader, const char **ret, gsize *ret_len)
{
  return read_astring (reader, "\\", ret, ret_len);
}

gboolean
imap_read_string (ImapReader *reader, const char **ret, gsize *ret_len)
{
  const ImapNode *node = next_node (reader);
  if (node == NULL)
    return FALSE;
  if (node->type != IMAP_NODE_QUOTED && node->type != IMAP_NODE_LITERAL)
    return imap_reader_fail (reader, "String expected");
  return give_text (reader, node, ret, ret_len);
}

gboolean
imap_read_quoted (ImapReader *reader, const char **ret, gsize *ret_len)
{
  if (imap_reader_peek (reader) != IMAP_NODE_QUOTED)
    return imap_reader_fail (reader, "Quoted string expected");
  return imap_read_string (reader, ret, ret_len);
}

gboolean
imap_read_nstring (ImapReader *reader, const char **ret, gsize *ret_len)
{
  const char *atom = imap_reader_peek_atom (reader);
  if (atom == NULL || g_ascii_strcasecmp (atom, "NIL") != 0)
    return imap_read_string (reader, ret, ret_len);
  imap_reader_skip (reader);
  *ret = NULL;
  *ret_len = 0;
  return TRUE;
}

gboolean
imap_read_number (ImapReader *reader, guint64 max, guint64 *ret)
{
  const char *text;
  if (!imap_read_word (reader, &text))
    return FALSE;
  if (!g_ascii_isdigit (*text) || strlen (text) > 19
      || !g_ascii_string_to_unsigned (text, 10, 0, max, ret, NULL))
    return imap_reader_fail (reader, "Number expected");
  return TRUE;
}

gboolean
imap_read_list (ImapReader *reader, ImapReader *ret_members)
{
  if (imap_reader_peek (reader) != IMAP_NODE_LIST)
    return imap_reader_fail (reader, "List expected");
  guint first = reader->at + 1;
  const ImapNode *node = next_node (reader);
  if (node == NULL)
    return FALSE;
  *ret_members = (ImapReader) { .lexer = reader->lexer, .at = first, .end = MIN (node->end, reader->end) };
  return TRUE;
}

gboolean
imap_read_list_end (ImapReader *reader, ImapReader *members)
{
  if (members->error != NULL)
    {
      reader->blamed = members->blamed;
      return imap_reader_fail_for_lack (reader, members->lack, members->error);
    }
  return imap_reader_is_done (members) || imap_reader_fail (reader, "Unexpected argument in list");
}
