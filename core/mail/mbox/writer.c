/* SPDX-License-Identifier: MIT
 * This file writes messages to mbox files (mboxrd): a From_ line with the internal date, flags and keywords
 * as the last fields of the header, and every line that could be taken for a From_ line with a '>' more.
 * Content whose lines all end in CRLF is written with LF.  Any other is written as it is, and its From_
 * line ends in CRLF to say so.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include "core/mail/mbox/notes.h"
#include "core/mail/mbox/window.h"

#include <string.h>

#define FOLD_BYTES 900u

/* The first byte of content is written when so much is known of it. */
typedef struct Shape
{
  guint64 len;
  guint64 body;         /* where the body begins; `len` if there is none */
  gboolean has_body;    /* a blank line ends the header */
  gboolean has_end;     /* the last line has an end */
  gboolean is_verbatim; /* some line does not end in exactly CRLF */
} Shape;

typedef struct Writer
{
  SatchelMboxTakeFunc take;
  gpointer data;
  SatchelStream *content;
  Shape shape;
} Writer;

/* Passes over a line.  *ret_is_blank says whether it has nothing but its end. */
static gssize
pass_line (SatchelWindow *window, Shape *shape, gboolean *ret_is_blank, GError **error)
{
  guint8 last[2] = { 0, 0 };
  const guint8 *bytes;
  gsize len = 0;
  gssize n;
  while ((n = satchel_window_see (window, 1, &bytes, error)) > 0)
    {
      const guint8 *newline = memchr (bytes, '\n', (gsize) n);
      const gsize used = newline != NULL ? (gsize) (newline - bytes) + 1 : (gsize) n;
      /* the number of bytes before the LF, of which the last two matter */
      const gsize n_before = used - (newline != NULL);
      if (n_before >= 2)
        memcpy (last, bytes + n_before - 2, 2);
      else if (n_before == 1)
        {
          last[0] = last[1];
          last[1] = bytes[0];
        }
      satchel_window_use (window, used);
      len += used;
      if (newline == NULL)
        continue;
      const gboolean is_crlf = last[1] == '\r' && len >= 2,
                     is_crcrlf = is_crlf && len >= 3 && last[0] == '\r';
      shape->is_verbatim = shape->is_verbatim || !is_crlf || is_crcrlf;
      shape->has_end = TRUE;
      *ret_is_blank = len == (is_crlf ? 2u : 1u);
      return (gssize) len;
    }
  *ret_is_blank = FALSE;
  shape->has_end = shape->has_end && len == 0;
  return n < 0 ? -1 : (gssize) len;
}

static gboolean
find_shape (SatchelStream *content, Shape *shape, GError **error)
{
  g_auto (SatchelWindow) window = { NULL };
  gint64 length = satchel_stream_length (content, error);
  if (length < 0)
    return FALSE;
  *shape = (Shape) { .len = (guint64) length, .body = (guint64) length };
  satchel_window_open (&window, content, 0, shape->len);
  for (;;)
    {
      gboolean is_blank;
      gssize n = pass_line (&window, shape, &is_blank, error);
      if (n <= 0)
        return n == 0;
      if (is_blank && !shape->has_body)
        {
          shape->has_body = TRUE;
          shape->body = window.offset;
        }
    }
}

static gboolean
put (const Writer *writer, const char *text, GError **error)
{
  return writer->take (text, strlen (text), writer->data, error);
}

static const char *
line_end (const Writer *writer)
{
  return writer->shape.is_verbatim ? "\r\n" : "\n";
}

/* Writes a piece of a line, with LF or CRLF as the file has it. */
static gboolean
put_piece (const Writer *writer, const guint8 *bytes, gsize n, GError **error)
{
  if (!writer->shape.is_verbatim && n >= 2 && bytes[n - 1] == '\n')
    return (n == 2 || writer->take (bytes, n - 2, writer->data, error)) && put (writer, "\n", error);
  return writer->take (bytes, n, writer->data, error);
}

static gboolean
would_separate (const guint8 *bytes, gsize n)
{
  const gsize max = MIN (n, SATCHEL_MBOX_QUOTE_BYTES - 1);
  gsize n_quotes = 0;
  while (n_quotes < max && bytes[n_quotes] == '>')
    n_quotes++;
  return max - n_quotes >= 5 && memcmp (bytes + n_quotes, "From ", 5) == 0;
}

/* A CR that the window shows last waits for what is behind it, so that CRLF is never cut in two. */
static gboolean
put_range (const Writer *writer, guint64 start, guint64 end, GError **error)
{
  g_auto (SatchelWindow) window = { NULL };
  const guint8 *bytes;
  gboolean is_start = TRUE;
  gssize n;
  satchel_window_open (&window, writer->content, start, end);
  while ((n = satchel_window_see (&window, SATCHEL_MBOX_QUOTE_BYTES, &bytes, error)) > 0)
    {
      if (is_start && would_separate (bytes, (gsize) n) && !put (writer, ">", error))
        return FALSE;
      const guint8 *newline = memchr (bytes, '\n', (gsize) n);
      gsize used = newline != NULL ? (gsize) (newline - bytes) + 1 : (gsize) n;
      if (newline == NULL && used > 1 && bytes[used - 1] == '\r')
        used--;
      if (!put_piece (writer, bytes, used, error))
        return FALSE;
      satchel_window_use (&window, used);
      is_start = newline != NULL;
    }
  return n == 0;
}

static gboolean
put_from (const Writer *writer, gint64 internal_date, GError **error)
{
  const gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr (GDateTime) date =
      g_date_time_new_from_unix_utc (internal_date != SATCHEL_DATE_UNKNOWN ? internal_date : now);
  static const char days[] = "MonTueWedThuFriSatSun", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  g_autofree char *line =
      date != NULL ? g_strdup_printf ("From MAILER-DAEMON %.3s %.3s %2d %02d:%02d:%02d %04d%s",
                                      days + 3 * (g_date_time_get_day_of_week (date) - 1),
                                      months + 3 * (g_date_time_get_month (date) - 1),
                                      g_date_time_get_day_of_month (date), g_date_time_get_hour (date),
                                      g_date_time_get_minute (date), g_date_time_get_second (date),
                                      g_date_time_get_year (date), line_end (writer))
                   : g_strdup_printf ("From MAILER-DAEMON Thu Jan  1 00:00:00 1970%s", line_end (writer));
  return put (writer, line, error);
}

static void
append_keywords (GString *out, const char *const *keywords, const char *end)
{
  gsize line_start = out->len;
  g_string_append (out, SATCHEL_MBOX_KEYWORDS ":");
  for (; *keywords != NULL; keywords++)
    {
      if (out->len - line_start > FOLD_BYTES)
        {
          g_string_append (out, end);
          line_start = out->len;
        }
      g_string_append_printf (out, " %s", *keywords);
    }
  g_string_append (out, end);
}

static gboolean
put_notes (const Writer *writer, guint32 flags, const char *const *keywords, GError **error)
{
  const char *end = line_end (writer);
  const Shape *shape = &writer->shape;
  g_autoptr (GString) out = g_string_new (NULL);
  if (!shape->has_body && !shape->has_end && shape->len > 0)
    g_string_append (out, end); /* the last field has no line end */
  g_string_append_printf (
      out, SATCHEL_MBOX_STATUS ": %sO%s" SATCHEL_MBOX_X_STATUS ": %s%s%s%s%s",
      (flags & SATCHEL_FLAG_SEEN) != 0 ? "R" : "", end, (flags & SATCHEL_FLAG_ANSWERED) != 0 ? "A" : "",
      (flags & SATCHEL_FLAG_FLAGGED) != 0 ? "F" : "", (flags & SATCHEL_FLAG_DRAFT) != 0 ? "T" : "",
      (flags & SATCHEL_FLAG_DELETED) != 0 ? "D" : "", end);
  append_keywords (out, keywords, end);
  if (!shape->has_body)
    g_string_append_printf (
        out, SATCHEL_MBOX_FIELD_END ": %s%s",
        shape->has_end || shape->len == 0 ? SATCHEL_MBOX_END_NO_BODY : SATCHEL_MBOX_END_NO_LINE, end);
  else if (!shape->has_end && shape->body < shape->len)
    g_string_append_printf (out, SATCHEL_MBOX_FIELD_END ": " SATCHEL_MBOX_END_NO_NEWLINE "%s", end);
  return put (writer, out->str, error);
}

gboolean
satchel_mbox_write (SatchelStream *content, gint64 internal_date, guint32 flags, const char *const *keywords,
                    SatchelMboxTakeFunc take, gpointer data, GError **error)
{
  Writer writer = { .take = take, .data = data, .content = content };
  Shape *shape = &writer.shape;
  if (!find_shape (content, shape, error))
    return FALSE;
  const char *end = line_end (&writer);
  guint8 first[2];
  /* The blank line that ends the header comes behind the notes. */
  gboolean is_lf =
      shape->has_body && shape->body >= 1
      && satchel_stream_read_at (content, shape->body - MIN (shape->body, 2), first, 2, NULL) == 2
      && !(first[0] == '\r' && first[1] == '\n');
  const guint64 header_end = shape->has_body ? shape->body - (is_lf || shape->body < 2 ? 1 : 2) : shape->len;
  return put_from (&writer, internal_date, error) && put_range (&writer, 0, header_end, error)
         && put_notes (&writer, flags, keywords, error)
         && (shape->has_body ? put_range (&writer, header_end, shape->body, error)
                             : put (&writer, end, error))
         && put_range (&writer, shape->body, shape->len, error)
         && (shape->has_end || !shape->has_body || shape->body == shape->len || put (&writer, end, error))
         && put (&writer, end, error);
}
