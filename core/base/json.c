/* SPDX-License-Identifier: MIT
 * Writes JSON; see json.h.
 */
#include "config.h"

#include "core/base/json.h"

static void
append_string (GString *out, const char *text)
{
  /* RFC 8259 8.1 allows UTF-8 only; bytes that are not UTF-8 become U+FFFD. */
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_string_append_c (out, '"');
  for (const char *p = valid; *p != '\0'; p++)
    switch (*p)
      {
      case '"':
      case '\\':
        g_string_append_printf (out, "\\%c", *p);
        break;
      case '\n':
        g_string_append (out, "\\n");
        break;
      case '\t':
        g_string_append (out, "\\t");
        break;
      default:
        if ((guchar) *p < 0x20 || *p == 0x7f)
          g_string_append_printf (out, "\\u%04x", (guchar) *p);
        else
          g_string_append_c (out, *p);
      }
  g_string_append_c (out, '"');
}

static void
begin_member (SatchelJson *json, const char *key)
{
  if (json->needs_comma)
    g_string_append (json->out, ", ");
  json->needs_comma = TRUE;
  if (key == NULL)
    return;
  append_string (json->out, key);
  g_string_append (json->out, ": ");
}

void
satchel_json_open (SatchelJson *json, const char *key, char bracket)
{
  begin_member (json, key);
  g_string_append_c (json->out, bracket);
  json->needs_comma = FALSE;
}

void
satchel_json_close (SatchelJson *json, char bracket)
{
  g_string_append_c (json->out, bracket);
  json->needs_comma = TRUE;
}

void
satchel_json_text (SatchelJson *json, const char *key, const char *value)
{
  begin_member (json, key);
  if (value != NULL)
    append_string (json->out, value);
  else
    g_string_append (json->out, "null");
}

void
satchel_json_number (SatchelJson *json, const char *key, gint64 value)
{
  begin_member (json, key);
  g_string_append_printf (json->out, "%" G_GINT64_FORMAT, value);
}

void
satchel_json_decimal (SatchelJson *json, const char *key, const char *number)
{
  char *end = NULL;
  begin_member (json, key);
  gboolean is_number = g_ascii_isdigit (*number) && (g_ascii_strtod (number, &end), *end == '\0')
                       && strspn (number, "0123456789.") == strlen (number);
  g_string_append (json->out, is_number ? number : "null");
}

void
satchel_json_bool (SatchelJson *json, const char *key, gboolean value)
{
  begin_member (json, key);
  g_string_append (json->out, value ? "true" : "false");
}
