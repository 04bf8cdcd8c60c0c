/* SPDX-License-Identifier: MIT
 * This file reads IMAP URLs (RFC 5092 11).  Pure.
 */
#include "grammar/url.h"

#include <satchel/number.h>
#include <string.h>

void
imap_url_clear (ImapUrl *url)
{
  g_clear_pointer (&url->mailbox, g_free);
  g_clear_pointer (&url->section, g_free);
}

/* Says whether a character is a bchar of RFC 5092 11, without "%". */
static gboolean
is_plain (char c)
{
  return g_ascii_isalnum (c) || (c != '\0' && strchr ("-._~!$'()*+,&=:@/", c) != NULL);
}

/* Decodes @len bytes.  NULL means that a character is not allowed in a URL, is NUL, or that the text is not
 * UTF-8. */
static char *
decode (const char *text, gsize len)
{
  g_autoptr (GString) out = g_string_sized_new (len);
  for (gsize i = 0; i < len; i++)
    {
      char c = text[i];
      if (c == '%')
        {
          if (len - i < 3 || !g_ascii_isxdigit (text[i + 1]) || !g_ascii_isxdigit (text[i + 2]))
            return NULL;
          c = (char) (g_ascii_xdigit_value (text[i + 1]) << 4 | g_ascii_xdigit_value (text[i + 2]));
          i += 2;
          if (c == '\0')
            return NULL;
        }
      else if (!is_plain (c))
        return NULL;
      g_string_append_c (out, c);
    }
  if (!g_utf8_validate (out->str, (gssize) out->len, NULL))
    return NULL;
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* Takes @name (";UID="), in any case of letters, at *@at, and moves *@at behind it. */
static gboolean
take_name (const char **at, const char *name)
{
  gsize len = strlen (name);
  if (g_ascii_strncasecmp (*at, name, len) != 0)
    return FALSE;
  *at += len;
  return TRUE;
}

static gboolean
take_number (const char **at, guint32 min, guint32 *ret)
{
  return satchel_number_take_u32 (at, NULL, G_MAXUINT32, ret) && *ret >= min;
}

/* Reads enc-mailbox [uidvalidity] "/". */
static gboolean
take_mailbox (const char **at, ImapUrl *url)
{
  const char *start = *at, *end = strchr (start, ';');
  if (end == NULL || end == start)
    return FALSE;
  *at = end;
  if (take_name (at, ";UIDVALIDITY="))
    {
      if (!take_number (at, 1, &url->uidvalidity) || !take_name (at, "/"))
        return FALSE;
    }
  else if (*--end != '/')
    return FALSE;
  url->mailbox = decode (start, (gsize) (end - start));
  return url->mailbox != NULL && *url->mailbox != '\0';
}

/* Reads partial-range. */
static gboolean
take_partial (const char **at, ImapUrl *url)
{
  guint32 offset, count;
  if (!take_number (at, 0, &offset))
    return FALSE;
  url->offset = offset;
  if (!take_name (at, "."))
    return TRUE;
  if (!take_number (at, 1, &count))
    return FALSE;
  url->count = count;
  return TRUE;
}

gboolean
imap_url_parse (const char *text, ImapUrl *ret_url)
{
  *ret_url = (ImapUrl) { .count = G_MAXUINT64 };
  const char *at = text;
  if (strlen (text) > IMAP_URL_BYTES_MAX)
    return FALSE;
  /* A relative path is refused, since it would depend on the selected mailbox, and so is "//", which begins
   * the name of a server. */
  if (take_name (&at, "/") ? *at == '/' || !take_mailbox (&at, ret_url) : *at != ';')
    return FALSE;
  if (!take_name (&at, ";UID=") || !take_number (&at, 1, &ret_url->uid))
    return FALSE;
  if (take_name (&at, "/;SECTION="))
    {
      gsize len = strcspn (at, ";");
      if (at[len] == ';' && (len == 0 || at[--len] != '/'))
        return FALSE;
      ret_url->section = decode (at, len);
      at += len;
      if (len == 0 || ret_url->section == NULL)
        return FALSE;
    }
  else
    ret_url->section = g_strdup ("");
  if (take_name (&at, "/;PARTIAL=") && !take_partial (&at, ret_url))
    return FALSE;
  return *at == '\0';
}
