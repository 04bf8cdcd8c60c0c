/* SPDX-License-Identifier: MIT
 * Implements the preview text of a message (RFC 8970): the first words of its first text part, decoded, in
 * one line.
 */
#include "config.h"

#include <satchel/charset.h>
#include <string.h>

#include "core/mail/charset/charset_reader.h"
#include "core/mail/scan/scan.h"

#define PREVIEW_CHARS 200u
#define PIECE_BYTES 512u

/* Skips an element whose text readers do not see; @at is past '<'.  NULL means that it is another element. */
static const char *
skip_hidden (const char *at, const char *end)
{
  static const char *const hidden[] = { "style", "script", "head", "title" };
  for (gsize i = 0; i < G_N_ELEMENTS (hidden); i++)
    {
      gsize len = strlen (hidden[i]);
      if ((gsize) (end - at) <= len || g_ascii_strncasecmp (at, hidden[i], len) != 0
          || g_ascii_isalnum (at[len]))
        continue;
      for (const char *close = at; (close = memchr (close, '<', end - close)) != NULL; close++)
        if ((gsize) (end - close) > len + 2 && close[1] == '/'
            && g_ascii_strncasecmp (close + 2, hidden[i], len) == 0)
          return close;
      return end;
    }
  return NULL;
}

/* Appends the character of an entity such as "&amp;". FALSE means that it is a plain '&'. */
static gboolean
append_entity (const char **at, const char *end, GString *out)
{
  static const struct
  {
    const char *name, *text;
  } entities[] = { { "&nbsp;", " " }, { "&amp;", "&" },   { "&lt;", "<" },
                   { "&gt;", ">" },   { "&quot;", "\"" }, { "&apos;", "'" },
                   { "&#39;", "'" },  { "&zwnj;", "" },   { "&#8203;", "" } };
  for (gsize i = 0; i < G_N_ELEMENTS (entities); i++)
    {
      gsize len = strlen (entities[i].name);
      if ((gsize) (end - *at) >= len && memcmp (*at, entities[i].name, len) == 0)
        {
          g_string_append (out, entities[i].text);
          *at += len;
          return TRUE;
        }
    }
  return FALSE;
}

static char *
strip_html (const char *text, gsize len)
{
  GString *out = g_string_new (NULL);
  const char *at = text, *end = text + len;
  /* The end of a comment is looked for once; if there is none, nothing is a comment. This keeps the work
   * linear. */
  gboolean has_comment_end = TRUE;
  while (at < end && out->len < 4096)
    {
      if (*at == '&' && append_entity (&at, end, out))
        continue;
      if (*at != '<')
        {
          g_string_append_c (out, *at++);
          continue;
        }
      at++;
      const char *after = NULL;
      if (end - at > 3 && memcmp (at, "!--", 3) == 0 && has_comment_end)
        {
          after = g_strstr_len (at, end - at, "-->");
          has_comment_end = after != NULL;
          at = after != NULL ? after + 3 : at;
          if (after != NULL)
            continue;
        }
      after = skip_hidden (at, end);
      if (after != NULL)
        {
          at = after;
          continue;
        }
      after = memchr (at, '>', end - at);
      at = after != NULL ? after + 1 : end;
      g_string_append_c (out, ' ');
    }
  return g_string_free (out, FALSE);
}

/* In the line that is being made, a run of white space and control characters becomes one space. */
typedef struct Line
{
  GString *out;
  guint n_chars;
  gboolean needs_space;
} Line;

static void
append_line (Line *line, const char *text)
{
  for (; *text != '\0' && line->n_chars < PREVIEW_CHARS; text = g_utf8_next_char (text))
    {
      gunichar c = (guchar) *text < 0x80 ? (guchar) *text : g_utf8_get_char (text);
      if (c <= ' ' || c == 0x7f
          || (c > 0x7f && (g_unichar_isspace (c) || g_unichar_iscntrl (c) || c == 0xfeff)))
        {
          line->needs_space = line->n_chars > 0;
          continue;
        }
      if (line->needs_space && ++line->n_chars < PREVIEW_CHARS)
        g_string_append_c (line->out, ' ');
      line->needs_space = FALSE;
      if (line->n_chars < PREVIEW_CHARS && c < 0x80)
        g_string_append_c (line->out, (char) c);
      else if (line->n_chars < PREVIEW_CHARS)
        g_string_append_len (line->out, text, g_utf8_next_char (text) - text);
      line->n_chars++;
    }
}

void
satchel_scan_preview (const ScanPart *part, const ScanTree *tree, const GByteArray *raw, GString *out)
{
  const char *pool = tree->pool->str;
  const gboolean is_html = strcmp (pool + part->subtype.offset, "html") == 0;
  SatchelTransferDecoder decoder;
  Line line = { out, 0, FALSE };
  g_autoptr (GByteArray) decoded = g_byte_array_new ();
  g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new (pool + part->charset.offset);
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_transfer_decoder_init (&decoder, part->encoding);
  /* A character that the bound cut is left out, since it would be the last piece. Plain text mostly needs the
   * first piece only. */
  for (guint at = 0; at < raw->len && line.n_chars < PREVIEW_CHARS; at += PIECE_BYTES)
    {
      g_byte_array_set_size (decoded, 0);
      satchel_transfer_decoder_push (&decoder, raw->data + at, MIN (PIECE_BYTES, raw->len - at), FALSE,
                                     decoded);
      satchel_charset_reader_push (reader, decoded->data, decoded->len, FALSE, text);
      if (is_html)
        continue;
      append_line (&line, text->str);
      g_string_truncate (text, 0);
    }
  if (is_html)
    {
      g_autofree char *plain = strip_html (text->str, text->len);
      append_line (&line, plain);
    }
}
