/* SPDX-License-Identifier: MIT
 * Implements output of IMAP (RFC 3501 4.3, 7): quoting, literals, numbers, flags, dates. Pure.
 */
#include "writer.h"

#include "grammar/reader.h"

#include <satchel/date.h>
#include <satchel/mailbox_name.h>
#include <satchel/number.h>
#include <stdio.h>

#define QUOTED_MAX 1024u
#define VANISHED_RANGES 256u /* a line: below 6 KiB */

void
imap_writer_clear (ImapWriter *writer)
{
  g_free (writer->data);
  *writer = (ImapWriter) { .room = writer->room, .is_utf8 = writer->is_utf8 };
}

char *
imap_writer_reserve (ImapWriter *writer, gsize n)
{
  if (writer->size - writer->len < n)
    {
      gsize size = MAX (writer->size * 2, 1024);
      while (size - writer->len < n)
        size *= 2;
      writer->data = g_realloc (writer->data, size);
      writer->size = size;
    }
  return writer->data + writer->len;
}

void
imap_write_continuation (ImapWriter *writer, const char *text)
{
  imap_write (writer, "+ ");
  imap_write (writer, text);
  imap_write (writer, "\r\n");
}

void
imap_write_format (ImapWriter *writer, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  imap_write (writer, text);
}

void
imap_write_number (ImapWriter *writer, guint64 number)
{
  char *start = imap_writer_reserve (writer, SATCHEL_NUMBER_DIGITS);
  writer->len += (gsize) (satchel_number_put (start, number) - start);
}

void
imap_write_fetch_start (ImapWriter *writer, guint32 sequence)
{
  char *start = imap_writer_reserve (writer, 32), *at = start;
  *at++ = '*';
  *at++ = ' ';
  at = satchel_number_put (at, sequence);
  memcpy (at, " FETCH (", 8);
  writer->len += (gsize) (at + 8 - start);
}

void
imap_write_literal_header (ImapWriter *writer, guint64 size)
{
  imap_write (writer, "{");
  imap_write_number (writer, size);
  imap_write (writer, "}\r\n");
}

void
imap_write_string (ImapWriter *writer, const char *text, gsize len)
{
  g_autofree char *without_nul = NULL;
  if (memchr (text, '\0', len) != NULL)
    {
      gsize n = 0;
      without_nul = g_malloc (len);
      for (gsize i = 0; i < len; i++)
        if (text[i] != '\0')
          without_nul[n++] = text[i];
      text = without_nul;
      len = n;
    }
  gboolean is_quotable = len <= QUOTED_MAX;
  gboolean is_ascii = TRUE;
  for (gsize i = 0; i < len && is_quotable; i++)
    {
      is_ascii = is_ascii && (guint8) text[i] < 0x80;
      is_quotable = (is_ascii || writer->is_utf8) && text[i] != '\r' && text[i] != '\n';
    }
  is_quotable = is_quotable && (is_ascii || g_utf8_validate_len (text, len, NULL));
  if (!is_quotable)
    {
      imap_write_literal_header (writer, len);
      imap_write_raw (writer, text, len);
      return;
    }
  char *start = imap_writer_reserve (writer, 2 * len + 2), *at = start;
  *at++ = '"';
  for (gsize i = 0; i < len; i++)
    {
      if (text[i] == '"' || text[i] == '\\')
        *at++ = '\\';
      *at++ = text[i];
    }
  *at++ = '"';
  writer->len += (gsize) (at - start);
}

void
imap_write_nstring (ImapWriter *writer, const char *text)
{
  if (text == NULL)
    imap_write (writer, "NIL");
  else
    imap_write_string (writer, text, strlen (text));
}

void
imap_write_mailbox (ImapWriter *writer, const char *name)
{
  g_autofree char *encoded = writer->is_utf8 ? g_strdup (name) : satchel_utf7_encode (name);
  imap_write_string (writer, encoded, strlen (encoded));
}

static const struct
{
  guint32 flag;
  const char *name;
} system_flags[] = {
  { SATCHEL_FLAG_ANSWERED, "\\Answered" }, { SATCHEL_FLAG_FLAGGED, "\\Flagged" },
  { SATCHEL_FLAG_DELETED, "\\Deleted" },   { SATCHEL_FLAG_SEEN, "\\Seen" },
  { SATCHEL_FLAG_DRAFT, "\\Draft" },
};

void
imap_write_flags (ImapWriter *writer, guint32 flags, const SatchelKeywordSet *bits, char *const *keywords,
                  guint n_keywords, gboolean is_recent)
{
  const char *space = "";
  imap_write (writer, "(");
  for (guint i = 0; i < G_N_ELEMENTS (system_flags); i++)
    if (flags & system_flags[i].flag)
      {
        imap_write (writer, space);
        imap_write (writer, system_flags[i].name);
        space = " ";
      }
  if (is_recent)
    {
      imap_write (writer, space);
      imap_write (writer, "\\Recent");
      space = " ";
    }
  /* A store made by others may hold names that are no atoms: those are never shown. */
  for (int i = satchel_keyword_set_next (bits, 0); i >= 0 && (guint) i < n_keywords;
       i = satchel_keyword_set_next (bits, (guint) i + 1))
    if (imap_is_atom (keywords[i]))
      {
        imap_write (writer, space);
        imap_write (writer, keywords[i]);
        space = " ";
      }
  imap_write (writer, ")");
}

void
imap_write_flags_memo (ImapWriter *writer, ImapFlagsMemo *memo, const SatchelSnapshot *snapshot,
                       const SatchelChunk *chunk, guint row, gboolean is_recent)
{
  guint32 flags = chunk->flags[row] & SATCHEL_FLAGS_ALL;
  if (memo->len > 0 && memo->flags == flags && memo->is_recent == is_recent
      && satchel_chunk_keywords_are (chunk, row, &memo->bits))
    {
      imap_write_raw (writer, memo->text, memo->len);
      return;
    }
  gsize before = writer->len;
  memo->bits = satchel_chunk_keywords (chunk, row);
  imap_write_flags (writer, flags, &memo->bits, snapshot->keywords, snapshot->n_keywords, is_recent);
  gsize len = writer->len - before;
  memo->len = len <= sizeof memo->text ? (guint) len : 0;
  memo->flags = flags;
  memo->is_recent = is_recent;
  memcpy (memo->text, writer->data + before, memo->len);
}

void
imap_write_known_flags (ImapWriter *writer, guint32 flags, char *const *keywords, guint n_keywords,
                        gboolean may_add)
{
  const char *space = "";
  imap_write (writer, "(");
  for (guint i = 0; i < G_N_ELEMENTS (system_flags); i++)
    if (flags & system_flags[i].flag)
      {
        imap_write (writer, space);
        imap_write (writer, system_flags[i].name);
        space = " ";
      }
  for (guint i = 0; i < n_keywords; i++)
    if (imap_is_atom (keywords[i]))
      {
        imap_write (writer, space);
        imap_write (writer, keywords[i]);
        space = " ";
      }
  if (may_add)
    {
      imap_write (writer, space);
      imap_write (writer, "\\*");
    }
  imap_write (writer, ")");
}

void
imap_write_date_time (ImapWriter *writer, gint64 time)
{
  char text[SATCHEL_DATE_BYTES];
  satchel_imap_date_time_format (time, text);
  imap_write_string (writer, text, strlen (text));
}

void
imap_write_set (ImapWriter *writer, const SatchelUidSet *set)
{
  for (guint i = 0; i < set->n_ranges; i++)
    {
      if (i > 0)
        imap_write (writer, ",");
      imap_write_number (writer, set->ranges[i].first);
      if (set->ranges[i].last != set->ranges[i].first)
        {
          imap_write (writer, ":");
          imap_write_number (writer, set->ranges[i].last);
        }
    }
}

guint
imap_write_vanished (ImapWriter *writer, const SatchelUidSet *set, guint at, gboolean is_earlier)
{
  const SatchelUidSet part = { set->ranges + at, MIN (set->n_ranges - at, VANISHED_RANGES) };
  imap_write (writer, is_earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
  imap_write_set (writer, &part);
  imap_write (writer, "\r\n");
  return at + part.n_ranges;
}

void
imap_write_safe_text (ImapWriter *writer, const char *text, gsize max)
{
  for (gsize i = 0; text[i] != '\0' && i < max; i++)
    if ((guint8) text[i] >= 0x20 && (guint8) text[i] < 0x7f && text[i] != ']' && text[i] != '[')
      imap_write_raw (writer, &text[i], 1);
}

void
imap_write_base64 (ImapWriter *writer, const guint8 *data, gsize len)
{
  g_autofree char *text = g_base64_encode (data, len);
  imap_write (writer, text);
}
