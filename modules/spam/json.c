/* SPDX-License-Identifier: MIT
 * Walks through a JSON text.  What is inside of nested values is checked for brackets and quotes only.
 */
#include "json.h"

#include <string.h>

typedef struct Reader
{
  const char *at, *end;
} Reader;

static void
skip_blanks (Reader *reader)
{
  while (reader->at < reader->end && strchr (" \t\r\n", *reader->at) != NULL && *reader->at != '\0')
    reader->at++;
}

static gboolean
take (Reader *reader, char c)
{
  skip_blanks (reader);
  if (reader->at >= reader->end || *reader->at != c)
    return FALSE;
  reader->at++;
  return TRUE;
}

/* Takes a text in quotes; what is between them is borrowed. */
static gboolean
take_text (Reader *reader, const char **ret_text, gsize *ret_len)
{
  if (!take (reader, '"'))
    return FALSE;
  const char *from = reader->at;
  for (; reader->at < reader->end && (guchar) *reader->at >= ' '; reader->at++)
    if (*reader->at == '"')
      {
        *ret_text = from;
        *ret_len = (gsize) (reader->at++ - from);
        return TRUE;
      }
    else if (*reader->at == '\\' && ++reader->at >= reader->end)
      return FALSE;
  return FALSE;
}

static gboolean
take_plain (Reader *reader, const char **ret_text, gsize *ret_len)
{
  const char *from = reader->at;
  while (reader->at < reader->end && (g_ascii_isalnum (*reader->at) || strchr ("+-.", *reader->at) != NULL)
         && *reader->at != '\0')
    reader->at++;
  *ret_text = from;
  *ret_len = (gsize) (reader->at - from);
  return *ret_len > 0;
}

/* Skips an object or array, with all in it. */
static gboolean
skip_nested (Reader *reader)
{
  char closing[SPAM_JSON_DEPTH];
  guint depth = 0;
  do
    {
      const char *text;
      gsize len;
      skip_blanks (reader);
      if (reader->at >= reader->end)
        return FALSE;
      char c = *reader->at;
      if (c == '"')
        {
          if (!take_text (reader, &text, &len))
            return FALSE;
          continue;
        }
      reader->at++;
      if ((c == '{' || c == '[') && depth < SPAM_JSON_DEPTH)
        closing[depth++] = c == '{' ? '}' : ']';
      else if (c == '{' || c == '[' || ((c == '}' || c == ']') && closing[--depth] != c))
        return FALSE;
    }
  while (depth > 0);
  return TRUE;
}

static gboolean
take_member (Reader *reader, SpamJsonFunc func, gpointer data)
{
  const char *name, *value = NULL;
  gsize name_len, value_len = 0;
  SpamJsonKind kind = SPAM_JSON_NESTED;
  if (!take_text (reader, &name, &name_len) || !take (reader, ':'))
    return FALSE;
  skip_blanks (reader);
  char first = reader->at < reader->end ? *reader->at : '\0';
  gboolean ok;
  if (first == '"')
    {
      kind = SPAM_JSON_TEXT;
      ok = take_text (reader, &value, &value_len);
    }
  else if (first == '{' || first == '[')
    ok = skip_nested (reader);
  else
    {
      kind = SPAM_JSON_PLAIN;
      ok = take_plain (reader, &value, &value_len);
    }
  if (ok)
    func (name, name_len, kind, value, value_len, data);
  return ok;
}

gboolean
spam_json_read (const char *text, gsize len, SpamJsonFunc func, gpointer data)
{
  Reader reader = { text, text + len };
  if (!take (&reader, '{'))
    return FALSE;
  if (!take (&reader, '}'))
    {
      do
        if (!take_member (&reader, func, data))
          return FALSE;
      while (take (&reader, ','));
      if (!take (&reader, '}'))
        return FALSE;
    }
  skip_blanks (&reader);
  return reader.at == reader.end;
}
