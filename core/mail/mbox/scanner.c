/* SPDX-License-Identifier: MIT
 * This file finds the messages of an mbox file.  A From_ line with a date begins one, wherever it stands; a
 * file whose first line has no date is one of a careless program, and each "From " behind a blank line begins
 * a message there.  Content-Length is believed only if the next message, or the end, is where it says.
 */
#include "config.h"

#include "core/mail/mbox/notes.h"
#include "core/mail/mbox/window.h"

#include <satchel/header.h>
#include <satchel/number.h>
#include <string.h>

#define HEAD_BYTES 1024u

/* `head` has its first HEAD_BYTES bytes without its end; it is valid until the next line is read. */
typedef struct Line
{
  guint64 offset, len; /* `len` includes the end of the line */
  gsize head_len;
  gboolean is_blank, is_crlf, is_from;
  gint64 from_date;
  char head[HEAD_BYTES];
} Line;

struct SatchelMboxScanner
{
  SatchelStream *stream; /* a reference */
  SatchelMboxVariant variant;
  SatchelWindow window;
  guint64 length;
  gboolean has_begun, has_line; /* has_line: `line` is the From_ line of the next message */
  gboolean is_careless;
  Line line;
};

SatchelMboxScanner *
satchel_mbox_scanner_new (SatchelStream *stream, SatchelMboxVariant variant)
{
  SatchelMboxScanner *scanner = g_new0 (SatchelMboxScanner, 1);
  scanner->stream = satchel_stream_ref (stream);
  scanner->variant = variant;
  return scanner;
}

void
satchel_mbox_scanner_free (SatchelMboxScanner *scanner)
{
  satchel_window_clear (&scanner->window);
  satchel_stream_unref (scanner->stream);
  g_free (scanner);
}

/* Passes over the rest of a line, of which the window shows @n bytes. */
static gboolean
pass_line (SatchelWindow *window, Line *line, const guint8 *bytes, gssize n, GError **error)
{
  guint8 last = 0;
  while (n > 0)
    {
      const guint8 *newline = memchr (bytes, '\n', (gsize) n);
      const gsize used = newline != NULL ? (gsize) (newline - bytes) + 1 : (gsize) n;
      line->is_crlf = newline != NULL && (used > 1 ? newline[-1] : last) == '\r';
      last = bytes[used - 1];
      line->len += used;
      satchel_window_use (window, used);
      if (newline != NULL)
        return TRUE;
      n = satchel_window_see (window, 1, &bytes, error);
    }
  return n == 0;
}

/* Reads a line; its `len` is 0 at the end of the file. */
static gboolean
next_line (SatchelMboxScanner *scanner, Line *line, GError **error)
{
  const guint8 *bytes;
  gssize n = satchel_window_see (&scanner->window, HEAD_BYTES, &bytes, error);
  if (n < 0)
    return FALSE;
  line->offset = scanner->window.offset;
  line->len = 0;
  line->is_blank = line->is_crlf = line->is_from = FALSE;
  gsize head = MIN ((gsize) n, HEAD_BYTES);
  const guint8 *newline = memchr (bytes, '\n', head);
  if (newline != NULL)
    head = (gsize) (newline - bytes);
  if (newline != NULL && head > 0 && bytes[head - 1] == '\r')
    head--;
  line->is_blank = newline != NULL && head == 0;
  line->head_len = 0;
  if (head >= 5 && memcmp (bytes, "From ", 5) == 0)
    {
      line->head_len = head;
      memcpy (line->head, bytes, head);
      line->is_from = satchel_mbox_from_parse (line->head, head, &line->from_date);
    }
  return pass_line (&scanner->window, line, bytes, n, error);
}

static gboolean
is_separator (const SatchelMboxScanner *scanner, const Line *line, gboolean is_behind_blank)
{
  return line->is_from || (scanner->is_careless && is_behind_blank && line->head_len > 0);
}

/* Finds the first message. */
static SatchelMboxResult
begin (SatchelMboxScanner *scanner, GError **error)
{
  Line *line = &scanner->line;
  gint64 length = satchel_stream_length (scanner->stream, error);
  if (length < 0)
    return SATCHEL_MBOX_FAILED;
  scanner->length = (guint64) length;
  scanner->has_begun = TRUE;
  satchel_window_open (&scanner->window, scanner->stream, 0, scanner->length);
  do
    if (!next_line (scanner, line, error))
      return SATCHEL_MBOX_FAILED;
  while (line->is_blank);
  if (line->len == 0)
    return SATCHEL_MBOX_END;
  if (line->head_len == 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "this is no mbox file: its first line does not begin with \"From \"");
      return SATCHEL_MBOX_FAILED;
    }
  scanner->is_careless = !line->is_from;
  scanner->has_line = TRUE;
  return SATCHEL_MBOX_MESSAGE;
}

/* Says whether @offset, behind at most two line ends, has a From_ line or the end of the file.  Only a few
 * bytes are looked at, since each message of a file may claim a false length. */
static gboolean
ends_at (SatchelMboxScanner *scanner, guint64 body, guint64 offset, gboolean *ret_does, GError **error)
{
  guint8 before = '\n';
  const guint8 *bytes;
  gint64 date;
  *ret_does = FALSE;
  if (offset > body && satchel_stream_read_at (scanner->stream, offset - 1, &before, 1, error) != 1)
    return FALSE;
  satchel_window_seek (&scanner->window, offset);
  gssize n = satchel_window_see (&scanner->window, HEAD_BYTES, &bytes, error);
  if (n < 0)
    return FALSE;
  const char *at = (const char *) bytes, *end = at + n;
  for (guint i = 0; i < 2; i++)
    {
      const char *next = at < end && *at == '\r' ? at + 1 : at;
      if (next == end || *next != '\n')
        break;
      before = '\n';
      at = next + 1;
    }
  const char *newline = memchr (at, '\n', (gsize) (end - at));
  const gsize len = (gsize) ((newline != NULL ? newline : end) - at);
  *ret_does = at == end || (before == '\n' && satchel_mbox_from_parse (at, len, &date));
  if (*ret_does)
    satchel_window_use (&scanner->window, (gsize) (at - (const char *) bytes));
  return TRUE;
}

static gboolean
read_content_length (SatchelMboxScanner *scanner, const SatchelMboxMessage *message, guint64 *ret_length,
                     GError **error)
{
  const gsize room = (gsize) MIN (message->body - message->start, SATCHEL_MBOX_HEADER_MAX);
  g_autofree char *header = g_malloc (room + 1);
  gssize len = satchel_stream_read_at (scanner->stream, message->start, header, room, error);
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  *ret_length = G_MAXUINT64;
  if (len < 0)
    return FALSE;
  /* A message that the writer of this server wrote has no Content-Length of the file; one may have come with
   * its content. */
  if (satchel_mbox_find_own_notes (header, (gsize) len) != G_MAXUINT)
    return TRUE;
  satchel_header_reader_init (&reader, header, (gsize) len);
  while (satchel_header_reader_next (&reader, &field))
    if (satchel_header_field_is (&field, "Content-Length"))
      {
        const char *at = field.value, *end = field.value + field.value_len;
        while (at < end && (*at == ' ' || *at == '\t'))
          at++;
        if (!satchel_number_take (&at, end, 10, G_MAXINT64, ret_length))
          *ret_length = G_MAXUINT64;
        return TRUE;
      }
  return TRUE;
}

/* Looks whether Content-Length says where the message ends. */
static gboolean
count (SatchelMboxScanner *scanner, SatchelMboxMessage *message, GError **error)
{
  guint64 length;
  if (scanner->variant == SATCHEL_MBOX_O || scanner->variant == SATCHEL_MBOX_RD)
    return TRUE;
  if (!read_content_length (scanner, message, &length, error))
    return FALSE;
  if (length > scanner->length - message->body)
    return TRUE;
  if (!ends_at (scanner, message->body, message->body + length, &message->is_counted, error))
    return FALSE;
  if (!message->is_counted)
    {
      satchel_window_seek (&scanner->window, message->body);
      return TRUE;
    }
  message->end = message->body + length;
  if (!next_line (scanner, &scanner->line, error))
    return FALSE;
  scanner->has_line = scanner->line.len > 0;
  return TRUE;
}

/* Reads lines until the one that begins the next message. */
static gboolean
find_end (SatchelMboxScanner *scanner, SatchelMboxMessage *message, GError **error)
{
  Line *line = &scanner->line;
  gboolean is_behind_blank = FALSE;
  for (guint64 blank = 0;; is_behind_blank = line->is_blank)
    {
      if (!next_line (scanner, line, error))
        return FALSE;
      if (line->len == 0 || is_separator (scanner, line, is_behind_blank))
        {
          scanner->has_line = line->len > 0;
          message->end = is_behind_blank ? blank : line->offset;
          return TRUE;
        }
      blank = line->offset;
    }
}

/* Reads the lines of the header.  *ret_has_body: a blank line ends it. */
static gboolean
pass_header (SatchelMboxScanner *scanner, SatchelMboxMessage *message, gboolean *ret_has_body, GError **error)
{
  Line *line = &scanner->line;
  for (;;)
    {
      if (!next_line (scanner, line, error))
        return FALSE;
      *ret_has_body = line->is_blank;
      message->body = line->offset + (line->is_blank ? line->len : 0);
      if (line->is_blank || line->len == 0 || line->is_from)
        return TRUE;
    }
}

SatchelMboxResult
satchel_mbox_scanner_next (SatchelMboxScanner *scanner, SatchelMboxMessage *ret_message, GError **error)
{
  SatchelMboxResult begun = scanner->has_begun ? SATCHEL_MBOX_MESSAGE : begin (scanner, error);
  if (begun != SATCHEL_MBOX_MESSAGE || !scanner->has_line)
    return begun != SATCHEL_MBOX_FAILED ? SATCHEL_MBOX_END : begun;
  const Line *line = &scanner->line;
  SatchelMboxMessage message = { .offset = line->offset,
                                 .start = line->offset + line->len,
                                 .from_date = line->is_from ? line->from_date : SATCHEL_DATE_UNKNOWN,
                                 .is_crlf = line->is_crlf };
  gboolean has_body;
  if (!pass_header (scanner, &message, &has_body, error))
    return SATCHEL_MBOX_FAILED;
  if (!has_body)
    {
      scanner->has_line = line->len > 0;
      message.end = message.body;
    }
  else if (!count (scanner, &message, error) || (!message.is_counted && !find_end (scanner, &message, error)))
    return SATCHEL_MBOX_FAILED;
  *ret_message = message;
  return SATCHEL_MBOX_MESSAGE;
}
