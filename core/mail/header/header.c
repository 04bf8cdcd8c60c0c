/* SPDX-License-Identifier: MIT
 * Implements header blocks: fields, folding, selection (RFC 5322 2.2, RFC 3501 6.4.5).
 */
#include "config.h"

#include <satchel/header.h>
#include <string.h>

#include "core/mail/header/fields.h"
#include "core/mail/header/text.h"

void
satchel_header_reader_init (SatchelHeaderReader *reader, const char *block, gsize len)
{
  reader->at = block;
  reader->end = block + len;
}

/* Returns the end of the line at @at, past its LF. */
static const char *
line_end (const char *at, const char *end)
{
  const char *feed = memchr (at, '\n', end - at);
  return feed != NULL ? feed + 1 : end;
}

gboolean
satchel_is_blank_line (const char *at, const char *end)
{
  return at < end && (*at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n'));
}

gboolean
satchel_can_be_field (const char *at, const char *end)
{
  const char *start = at;
  while (at < end && (guchar) *at > ' ' && *at != 127 && *at != ':')
    at++;
  gboolean has_name = at > start;
  while (at < end && (*at == ' ' || *at == '\t'))
    at++;
  return has_name && at < end && *at == ':';
}

/* Finds the name of a field: printable US-ASCII characters but the colon (RFC 5322 2.2); white space may come
 * before the colon (4.5).  A line without a colon has no name. */
static void
split_field (SatchelHeaderField *field)
{
  const char *end = field->raw + field->raw_len, *at = field->raw;
  if (end > at && end[-1] == '\n')
    end--;
  if (end > at && end[-1] == '\r')
    end--;
  while (at < end && *at > ' ' && *at < 127 && *at != ':')
    at++;
  gsize name_len = at - field->raw;
  while (at < end && (*at == ' ' || *at == '\t'))
    at++;
  field->name = field->raw;
  field->name_len = at < end && *at == ':' ? name_len : 0;
  field->value = field->name_len > 0 ? at + 1 : field->raw;
  field->value_len = end - field->value;
}

gboolean
satchel_header_reader_next (SatchelHeaderReader *reader, SatchelHeaderField *ret_field)
{
  if (reader->at >= reader->end || satchel_is_blank_line (reader->at, reader->end))
    return FALSE;
  const char *at = line_end (reader->at, reader->end);
  while (at < reader->end && (*at == ' ' || *at == '\t'))
    at = line_end (at, reader->end);
  ret_field->raw = reader->at;
  ret_field->raw_len = at - reader->at;
  split_field (ret_field);
  reader->at = at;
  return TRUE;
}

gboolean
satchel_header_field_is (const SatchelHeaderField *field, const char *name)
{
  gsize len = strlen (name);
  return len > 0 && field->name_len == len && g_ascii_strncasecmp (field->name, name, len) == 0;
}

void
satchel_header_select (const char *block, gsize len, const SatchelHeaderNames *names, gboolean is_not,
                       GString *out)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    if (satchel_header_names_contain (names, &field) != !!is_not)
      g_string_append_len (out, field.raw, field.raw_len);
  /* RFC 3501 6.4.5: the blank line is included in all header fetches. */
  if (reader.at < reader.end)
    g_string_append_len (out, reader.at, *reader.at == '\n' ? 1 : 2);
}

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *
satchel_header_unfold (const char *value, gsize len, gsize *ret_len)
{
  const char *end = value + len;
  while (value < end && is_space (*value))
    value++;
  while (end > value && is_space (end[-1]))
    end--;
  char *text = g_malloc (end - value + 1);
  gsize n = 0;
  for (; value < end; value++)
    {
      /* Only the line end goes; the white space that follows stays (RFC 5322 2.2.3). */
      if (*value == '\n' || (*value == '\r' && value + 1 < end && value[1] == '\n') || *value == '\0')
        continue;
      /* A bare CR cannot stay: it may neither be quoted in IMAP nor mean anything. */
      text[n++] = *value == '\r' ? ' ' : *value;
    }
  text[n] = '\0';
  if (ret_len != NULL)
    *ret_len = n;
  return text;
}

void
satchel_imap_append_string (GString *out, const char *text, gssize text_len)
{
  if (text == NULL)
    {
      g_string_append_len (out, "NIL", 3);
      return;
    }
  gsize len = text_len < 0 ? strlen (text) : (gsize) text_len;
  gsize n_escaped = 0, n_nul = 0;
  gboolean is_quotable = len <= 1000;
  for (gsize i = 0; i < len; i++)
    {
      guchar c = text[i];
      if (c == '\0')
        n_nul++;
      else if (c >= 0x80 || c == '\r' || c == '\n')
        is_quotable = FALSE;
      else if (c == '"' || c == '\\')
        n_escaped++;
    }
  if (is_quotable)
    g_string_append_c (out, '"');
  else
    g_string_append_printf (out, "{%" G_GSIZE_FORMAT "}\r\n", len - n_nul);
  if (n_nul == 0 && (n_escaped == 0 || !is_quotable))
    g_string_append_len (out, text, len);
  else
    for (gsize i = 0; i < len; i++)
      {
        if (is_quotable && (text[i] == '"' || text[i] == '\\'))
          g_string_append_c (out, '\\');
        if (text[i] != '\0')
          g_string_append_c (out, text[i]);
      }
  if (is_quotable)
    g_string_append_c (out, '"');
}
