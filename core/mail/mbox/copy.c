/* SPDX-License-Identifier: MIT
 * This file gives the content of a message of an mbox file: without the notes in its header, with the line
 * ends and the unquoted lines that it had.
 */
#include "config.h"

#include "core/mail/mbox/notes.h"
#include "core/mail/mbox/window.h"

#include <string.h>

typedef struct Copy
{
  SatchelWindow window;
  gboolean is_crlf;
  gboolean unquotes_all; /* lines with several '>' lose one as well */
  gboolean unquotes;
  SatchelMboxTakeFunc take;
  gpointer data;
} Copy;

static void
copy_clear (Copy *copy)
{
  satchel_window_clear (&copy->window);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Copy, copy_clear)

/* Says whether these bytes begin a quoted line. */
static gboolean
is_quoted (const Copy *copy, const guint8 *bytes, gsize n)
{
  gsize n_quotes = 0;
  const gsize max = MIN (n, SATCHEL_MBOX_QUOTE_BYTES);
  while (n_quotes < max && bytes[n_quotes] == '>')
    n_quotes++;
  return (n_quotes == 1 || (n_quotes > 1 && copy->unquotes_all)) && max - n_quotes >= 5
         && memcmp (bytes + n_quotes, "From ", 5) == 0;
}

/* Gives a piece of a line.  @before: the byte before it. */
static gboolean
give_piece (Copy *copy, const guint8 *bytes, gsize n, guint8 before, GError **error)
{
  const gboolean ends_in_lf =
      !copy->is_crlf && bytes[n - 1] == '\n' && (n > 1 ? bytes[n - 2] : before) != '\r';
  if (!ends_in_lf)
    return copy->take (bytes, n, copy->data, error);
  return (n == 1 || copy->take (bytes, n - 1, copy->data, error))
         && copy->take ("\r\n", 2, copy->data, error);
}

/* Copies what the window shows, line by line. */
static gboolean
copy_lines (Copy *copy, GError **error)
{
  gboolean is_start = TRUE;
  guint8 before = '\n';
  const guint8 *bytes;
  gssize n;
  while ((n = satchel_window_see (&copy->window, is_start ? SATCHEL_MBOX_QUOTE_BYTES : 1, &bytes, error)) > 0)
    {
      gsize skip = is_start && copy->unquotes && is_quoted (copy, bytes, (gsize) n) ? 1 : 0;
      const guint8 *newline = memchr (bytes, '\n', (gsize) n);
      gsize used = newline != NULL ? (gsize) (newline - bytes) + 1 : (gsize) n;
      if (!give_piece (copy, bytes + skip, used - skip, before, error))
        return FALSE;
      before = bytes[used - 1];
      is_start = newline != NULL;
      satchel_window_use (&copy->window, used);
    }
  return n == 0;
}

static gboolean
copy_range (Copy *copy, SatchelStream *stream, guint64 start, guint64 end, GError **error)
{
  if (start >= end)
    return TRUE;
  satchel_window_clear (&copy->window);
  satchel_window_open (&copy->window, stream, start, end);
  return copy_lines (copy, error);
}

gboolean
satchel_mbox_copy (SatchelStream *stream, const SatchelMboxMessage *message, const SatchelMboxFields *fields,
                   SatchelMboxVariant variant, SatchelMboxTakeFunc take, gpointer data, GError **error)
{
  g_auto (Copy) copy = { .is_crlf = message->is_crlf,
                         .unquotes = fields->is_own,
                         .unquotes_all = fields->is_own || variant != SATCHEL_MBOX_O,
                         .take = take,
                         .data = data };
  guint64 at = message->start;
  for (guint i = 0; i < fields->cuts->len; i++)
    {
      const SatchelMboxCut *cut = &g_array_index (fields->cuts, SatchelMboxCut, i);
      if (!copy_range (&copy, stream, at, cut->offset, error))
        return FALSE;
      at = cut->offset + cut->len;
    }
  if (!copy_range (&copy, stream, at, message->body, error))
    return FALSE;
  copy.unquotes = fields->is_own
                  || (variant != SATCHEL_MBOX_CL2 && !(variant == SATCHEL_MBOX_AUTO && message->is_counted));
  return copy_range (&copy, stream, message->body, message->end, error);
}
