/* SPDX-License-Identifier: MIT
 * This file parses comments and quoted strings (RFC 5322 3.2.2, 3.2.4).
 */
#include "config.h"

#include "core/mail/header/text.h"

#include <string.h>

static const char *
skip_comment (const char *at, const char *end, GString *comment)
{
  guint depth = 1;
  if (comment != NULL)
    g_string_truncate (comment, 0);
  for (at++; at < end; at++)
    {
      char c = *at;
      if (c == '\\' && at + 1 < end)
        c = *++at;
      else if (c == '(')
        depth++;
      else if (c == ')' && --depth == 0)
        return at + 1;
      else if (c == '\r' || c == '\n' || c == '\0')
        continue;
      if (comment != NULL && c != '\0')
        g_string_append_c (comment, c);
    }
  return end;
}

const char *
satchel_skip_cfws (const char *at, const char *end, GString *comment)
{
  while (at < end)
    {
      if (*at == '(')
        at = skip_comment (at, end, comment);
      else if (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n' || *at == '\0')
        at++;
      else
        break;
    }
  return at;
}

const char *
satchel_read_quoted (const char *at, const char *end, GString *out)
{
  for (at++; at < end; at++)
    {
      if (*at == '"')
        return at + 1;
      if (*at == '\\' && at + 1 < end)
        at++;
      if (*at != '\r' && *at != '\n' && *at != '\0')
        g_string_append_c (out, *at);
    }
  return end;
}
