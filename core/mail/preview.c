/* SPDX-License-Identifier: MIT
 * The preview text of a message (RFC 8970): the first words of its first text part, decoded, in one line.
 */
#include "config.h"

#include <satchel/charset.h>
#include <string.h>

#include "core/mail/scan.h"

#define PREVIEW_CHARS 200u

/* Skips an element whose text nobody reads; @at is past '<'. NULL: none of them. */
static const char *
skip_hidden (const char *at, const char *end)
{
  static const char *const hidden[] = { "style", "script", "head", "title" };
  for (gsize i = 0; i < G_N_ELEMENTS (hidden); i++)
    {
      gsize len = strlen (hidden[i]);
      if ((gsize) (end - at) <= len || g_ascii_strncasecmp (at, hidden[i], len) != 0 || g_ascii_isalnum (at[len]))
        continue;
      for (const char *close = at; (close = memchr (close, '<', end - close)) != NULL; close++)
        if ((gsize) (end - close) > len + 2 && close[1] == '/' && g_ascii_strncasecmp (close + 2, hidden[i], len) == 0)
          return close;
      return end;
    }
  return NULL;
}

/* "&amp;" and friends; FALSE: a plain '&'. */
static gboolean
append_entity (const char **at, const char *end, GString *out)
{
  static const struct
  {
    const char *name, *text;
  } entities[] = { { "&nbsp;", " " }, { "&amp;", "&" }, { "&lt;", "<" }, { "&gt;", ">" }, { "&quot;", "\"" },
                   { "&apos;", "'" }, { "&#39;", "'" }, { "&zwnj;", "" }, { "&#8203;", "" } };
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
  /* One look for the end of a comment: without one there is no comment (keeps it linear). */
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

/* At most PREVIEW_CHARS characters; runs of white space and control characters are one space. */
static void
append_line (const char *text, GString *out)
{
  guint n = 0;
  gboolean needs_space = FALSE;
  for (; *text != '\0' && n < PREVIEW_CHARS; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);
      if (g_unichar_isspace (c) || g_unichar_iscntrl (c) || c == 0xfeff)
        {
          needs_space = n > 0;
          continue;
        }
      if (needs_space && ++n < PREVIEW_CHARS)
        g_string_append_c (out, ' ');
      needs_space = FALSE;
      if (n < PREVIEW_CHARS)
        g_string_append_unichar (out, c);
      n++;
    }
}

void
satchel_scan_preview (const ScanPart *part, const ScanTree *tree, const GByteArray *raw, GString *out)
{
  const char *pool = tree->pool->str;
  SatchelTransferDecoder decoder;
  g_autoptr (GByteArray) decoded = g_byte_array_new ();
  satchel_transfer_decoder_init (&decoder, part->encoding);
  satchel_transfer_decoder_push (&decoder, raw->data, raw->len, FALSE, decoded);
  g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new (pool + part->charset.offset);
  g_autoptr (GString) text = g_string_new (NULL);
  /* Not the last piece: a character cut by the bound is left out. */
  satchel_charset_reader_push (reader, decoded->data, decoded->len, FALSE, text);
  if (strcmp (pool + part->subtype.offset, "html") == 0)
    {
      g_autofree char *plain = strip_html (text->str, text->len);
      append_line (plain, out);
    }
  else
    append_line (text->str, out);
}
