/* SPDX-License-Identifier: MIT
 * Implements the end of an IMAP line, and bare lines outside commands (RFC 7888 3). Entry:
 * imap_line_end_feed, imap_line_feed.
 */
#include "grammar/line.h"

#include <string.h>

#define DIGITS_MAX 10u /* RFC 3501 9: number is 32 bits */

enum
{
  END_NONE = 0,
  END_SIZE,  /* within "{123" */
  END_PLUS,  /* after "{123+" */
  END_CLOSED /* after "{123}" or "{123+}" */
};

static guint8
next_state (ImapLineEnd *end, guint8 byte)
{
  if (byte == '{')
    {
      end->size = 0;
      end->n_digits = 0;
      return END_SIZE;
    }
  if (end->state == END_SIZE && g_ascii_isdigit (byte) && end->n_digits < DIGITS_MAX)
    {
      end->size = end->size * 10 + (byte - '0');
      end->n_digits++;
      return end->size <= G_MAXUINT32 ? END_SIZE : END_NONE;
    }
  if (end->state == END_SIZE && byte == '+' && end->n_digits > 0)
    return END_PLUS;
  if (byte == '}' && ((end->state == END_SIZE && end->n_digits > 0) || end->state == END_PLUS))
    return END_CLOSED;
  return END_NONE;
}

void
imap_line_end_feed (ImapLineEnd *end, guint8 byte)
{
  if (byte == '\r' && !end->has_cr)
    {
      end->has_cr = TRUE;
      return;
    }
  gboolean was_plus = end->state == END_PLUS && !end->has_cr;
  end->state = end->has_cr && byte != '{' ? END_NONE : next_state (end, byte);
  end->has_cr = FALSE;
  if (end->state == END_CLOSED)
    end->is_sync = !was_plus;
  if (byte == '{')
    end->saw_brace = TRUE;
  if (strchr (" \t\r", byte) == NULL) /* and no NUL */
    end->last_is_brace = byte == '}';
}

gboolean
imap_line_end_is_open (const ImapLineEnd *end)
{
  return end->state != END_NONE;
}

ImapLineEndKind
imap_line_end_kind (const ImapLineEnd *end)
{
  if (end->state == END_CLOSED && end->has_cr)
    return end->is_sync ? IMAP_LINE_END_SYNC : IMAP_LINE_END_NONSYNC;
  return end->saw_brace && end->last_is_brace ? IMAP_LINE_END_UNCLEAR : IMAP_LINE_END_PLAIN;
}

/* Ends a line, with its LF. MORE: the line announces a literal, behind which the command goes on. */
static ImapLineStatus
end_line (ImapLine *line)
{
  GString *text = line->text;
  const ImapLineEnd end = line->end;
  ImapLineEndKind kind = imap_line_end_kind (&end);
  line->end = (ImapLineEnd) { 0 };
  if (kind == IMAP_LINE_END_UNCLEAR)
    return IMAP_LINE_UNCLEAR;
  if (kind == IMAP_LINE_END_NONSYNC)
    {
      line->literal_left = end.size;
      line->is_bad = TRUE;
      return IMAP_LINE_MORE;
    }
  if (line->is_bad || text->len == 0 || text->str[text->len - 1] != '\r')
    return IMAP_LINE_BAD;
  g_string_truncate (text, text->len - 1);
  if (memchr (text->str, '\0', text->len) != NULL || strchr (text->str, '\r') != NULL)
    return IMAP_LINE_BAD;
  return IMAP_LINE_COMPLETE;
}

ImapLineStatus
imap_line_feed (ImapLine *line, gsize limit, const guint8 *data, gsize len, gsize *ret_consumed)
{
  gsize at = 0;
  ImapLineStatus status = IMAP_LINE_MORE;
  if (line->text == NULL)
    line->text = g_string_new (NULL);
  while (at < len && status == IMAP_LINE_MORE)
    if (line->literal_left > 0)
      {
        gsize n = MIN (line->literal_left, len - at);
        line->literal_left -= n;
        at += n;
      }
    else if (data[at] == '\n')
      {
        status = end_line (line);
        at++;
      }
    else if (line->text->len >= limit)
      status = IMAP_LINE_TOO_LONG;
    else
      {
        imap_line_end_feed (&line->end, data[at]);
        g_string_append_c (line->text, (char) data[at++]);
      }
  *ret_consumed = at;
  return status;
}

void
imap_line_reset (ImapLine *line, gboolean wipe)
{
  if (line->text != NULL && wipe)
    explicit_bzero (line->text->str, line->text->allocated_len);
  if (line->text != NULL)
    g_string_free (line->text, TRUE);
  *line = (ImapLine) { 0 };
}
