/* SPDX-License-Identifier: MIT
 * Puts names into filters as values that match themselves and nothing else.
 */
#include "filter.h"

#include <string.h>

static const char *const names[] = { "user", "local", "domain" };

static gboolean
is_word (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

/* Returns the place in `names` of what begins at @p, or -1. */
static int
find_name (const char *p, gsize *ret_len)
{
  gsize n = 0;
  while (p[0] == ':' && is_word (p[1 + n]))
    n++;
  *ret_len = n + 1;
  for (int i = 0; n > 0 && i < (int) G_N_ELEMENTS (names); i++)
    if (strlen (names[i]) == n && strncmp (names[i], p + 1, n) == 0)
      return i;
  return -1;
}

gboolean
ldap_filter_check (const char *text, GError **error)
{
  guint n_names = 0, depth = 0;
  gsize len;
  for (const char *p = text; *p != '\0'; p++)
    {
      n_names += find_name (p, &len) >= 0;
      depth += *p == '(';
      if (*p == ')' && depth-- == 0)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "the brackets of the filter do not match");
    }
  if (depth != 0 || text[0] != '(')
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "the brackets of the filter do not match");
  return n_names > 0
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "the filter asks for nobody: :user, or :local and :domain, must be in it");
}

static void
add_escaped (GString *out, const char *value, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (strchr ("*()\\", value[i]) != NULL || (guchar) value[i] < ' ')
      g_string_append_printf (out, "\\%02x", (guchar) value[i]);
    else
      g_string_append_c (out, value[i]);
}

char *
ldap_filter_fill (const char *text, const char *address)
{
  const char *at = strrchr (address, '@');
  gsize len, all = strlen (address), local = at != NULL ? (gsize) (at - address) : all;
  GString *out = g_string_new (NULL);
  for (const char *p = text; *p != '\0';)
    switch (find_name (p, &len))
      {
      case 0:
        add_escaped (out, address, all);
        p += len;
        break;
      case 1:
        add_escaped (out, address, local);
        p += len;
        break;
      case 2:
        if (at != NULL)
          add_escaped (out, at + 1, all - local - 1);
        p += len;
        break;
      default:
        g_string_append_c (out, *p++);
      }
  return g_string_free (out, FALSE);
}
