/* SPDX-License-Identifier: MIT
 * Parses the paths of MAIL FROM and RCPT TO (RFC 5321 4.1.2, 4.5.3.1) in linear time, without recursion.
 */
#include "lmtp_session.h"

#include <string.h>

enum
{
  LOCAL_MAX = 64 * 4, /* RFC 5321 4.5.3.1.1 says 64 octets, but longer local parts are in use */
  PATH_MAX_BYTES = 512
};

static gboolean
is_atext_or_dot (unsigned char c)
{
  return g_ascii_isalnum (c) || c >= 0x80 || (c != 0 && strchr ("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static gboolean
is_domain_char (unsigned char c)
{
  return g_ascii_isalnum (c) || c >= 0x80 || c == '-' || c == '.' || c == '_';
}

/* Skips a source route, "@a,@b:", which must be accepted and ignored (RFC 5321 appendix C). */
static const char *
skip_route (const char *at)
{
  if (*at != '@')
    return at;
  while (is_domain_char ((unsigned char) *at) || *at == '@' || *at == ',')
    at++;
  return *at == ':' ? at + 1 : NULL;
}

/* Reads a local part; its unquoted form goes to @out. */
static const char *
parse_local (const char *at, GString *out)
{
  if (*at != '"')
    {
      while (is_atext_or_dot ((unsigned char) *at))
        g_string_append_c (out, *at++);
      return at;
    }
  for (at++; *at != '\0' && *at != '"'; at++)
    {
      if (*at == '\\' && at[1] != '\0')
        at++;
      if ((unsigned char) *at < 0x20 || *at == 0x7f)
        return NULL;
      g_string_append_c (out, *at);
    }
  return *at == '"' ? at + 1 : NULL;
}

/* Reads an address literal, "[192.0.2.1]", or a name. */
static const char *
parse_domain (const char *at, GString *out)
{
  if (*at == '[')
    {
      const char *end = strchr (at, ']');
      if (end == NULL)
        return NULL;
      for (; at <= end; at++)
        {
          if (!g_ascii_isgraph (*at))
            return NULL;
          g_string_append_c (out, *at);
        }
      return at;
    }
  gsize before = out->len;
  while (is_domain_char ((unsigned char) *at))
    g_string_append_c (out, *at++);
  return out->len > before ? at : NULL;
}

char *
lmtp_parse_path (const char *text, gboolean allow_null, gboolean is_utf8, const char **ret_rest)
{
  const char *at = text + strspn (text, " ");
  /* Some clients leave out the brackets that RFC 5321 4.1.1.3 requires, which is accepted if the path is
   * clear. */
  gboolean has_brackets = *at == '<';
  if (has_brackets)
    at++;
  g_autoptr (GString) out = g_string_new (NULL);
  if (!(has_brackets && *at == '>' && allow_null))
    {
      at = skip_route (at);
      if (at == NULL || (at = parse_local (at, out)) == NULL || out->len == 0 || out->len > LOCAL_MAX)
        return NULL;
      if (*at == '@')
        {
          g_string_append_c (out, '@');
          if ((at = parse_domain (at + 1, out)) == NULL)
            return NULL;
        }
      if (out->len > PATH_MAX_BYTES)
        return NULL;
    }
  if (has_brackets && *at++ != '>')
    return NULL;
  if (*at != '\0' && *at != ' ')
    return NULL;
  if (!g_utf8_validate (out->str, (gssize) out->len, NULL))
    return NULL;
  /* Non-ASCII characters are allowed only where SMTPUTF8 was asked for (RFC 6531 3.3). For RCPT @is_utf8
   * comes from MAIL. */
  for (gsize i = 0; !is_utf8 && i < out->len; i++)
    if ((unsigned char) out->str[i] >= 0x80)
      return NULL;
  *ret_rest = at + strspn (at, " ");
  return g_string_free (g_steal_pointer (&out), FALSE);
}
