/* SPDX-License-Identifier: MIT
 * Implements "token; name=value" fields (RFC 2045 5.1, RFC 2183 2) with continuations and charsets (RFC
 * 2231), read as leniently as clients do.
 */
#include "config.h"

#include <satchel/charset.h>
#include <satchel/header.h>
#include <string.h>

#include "core/mail/charset/charset_reader.h"
#include "core/mail/header/text.h"

#define MAX_PARAMETERS 100u
#define MAX_SEGMENTS 100u

/* A parameter is kept as it is written. "name*3*" has the name "name", number 3, and is_extended. */
typedef struct Segment
{
  char *name;
  int number; /* number of a piece of a value (RFC 2231 3); -1: the value is whole */
  gboolean is_extended;
  char *value;
} Segment;

static void
segment_free (Segment *segment)
{
  g_free (segment->name);
  g_free (segment->value);
  g_free (segment);
}

static void
parameter_free (SatchelParameter *parameter)
{
  g_free (parameter->name);
  g_free (parameter->value);
  g_free (parameter);
}

static const char *
read_token (const char *at, const char *end, const char *stops, GString *out)
{
  while (at < end && (guchar) *at > ' ' && *at != 127 && strchr (stops, *at) == NULL)
    g_string_append_c (out, *at++);
  return at;
}

/* Reads a value without quotes, which may hold spaces and tspecials in practice: it runs to ';', a comment or
 * the line's end. */
static const char *
read_bare_value (const char *at, const char *end, GString *out)
{
  for (; at < end && *at != ';' && *at != '\n'; at++)
    {
      if (*at == '(' && out->len > 0 && out->str[out->len - 1] == ' ')
        break;
      if (*at != '\r' && *at != '\0')
        g_string_append_c (out, *at == '\t' ? ' ' : *at);
    }
  while (out->len > 0 && out->str[out->len - 1] == ' ')
    g_string_truncate (out, out->len - 1);
  return at;
}

static Segment *
segment_new (GString *name, const char *value)
{
  Segment *segment = g_new0 (Segment, 1);
  segment->number = -1;
  if (name->len > 1 && name->str[name->len - 1] == '*')
    {
      segment->is_extended = TRUE;
      g_string_truncate (name, name->len - 1);
    }
  const char *star = strrchr (name->str, '*');
  guint64 number;
  if (star != NULL && star != name->str && g_ascii_string_to_unsigned (star + 1, 10, 0, 999, &number, NULL))
    {
      segment->number = (int) number;
      g_string_truncate (name, star - name->str);
    }
  segment->name = g_ascii_strdown (name->str, name->len);
  segment->value = g_strdup (value);
  return segment;
}

static const char *
read_parameter (const char *at, const char *end, GPtrArray *segments)
{
  g_autoptr (GString) name = g_string_new (NULL);
  g_autoptr (GString) value = g_string_new (NULL);
  at = satchel_skip_cfws (at, end, NULL);
  at = read_token (at, end, "=;\"(", name);
  at = satchel_skip_cfws (at, end, NULL);
  gboolean has_value = at < end && *at == '=';
  if (has_value)
    {
      at = satchel_skip_cfws (at + 1, end, NULL);
      if (at < end && *at == '"')
        at = satchel_read_quoted (at, end, value);
      else
        at = read_bare_value (at, end, value);
    }
  if (has_value && name->len > 0 && name->len <= 128 && segments->len < MAX_SEGMENTS)
    g_ptr_array_add (segments, segment_new (name, value->str));
  /* What follows up to ';' is junk, but a missing ';' before the next line is common: a line that
   * starts with "name=" is taken as a parameter. */
  while (at < end && *at != ';')
    {
      if (*at == '"')
        at = satchel_read_quoted (at, end, value);
      else if (*at == '\n' && has_value)
        return at + 1;
      else
        at++;
    }
  return at < end ? at + 1 : end;
}

static const SatchelParameter *
find_parameter (const GPtrArray *parameters, const char *name)
{
  for (guint i = 0; i < parameters->len; i++)
    {
      const SatchelParameter *parameter = g_ptr_array_index (parameters, i);
      if (strcmp (parameter->name, name) == 0)
        return parameter;
    }
  return NULL;
}

static void
add_parameter (GPtrArray *parameters, char *name, char *value)
{
  SatchelParameter *parameter = g_new0 (SatchelParameter, 1);
  parameter->name = name;
  parameter->value = value;
  if (parameters->len < MAX_PARAMETERS && find_parameter (parameters, name) == NULL)
    g_ptr_array_add (parameters, parameter);
  else
    parameter_free (parameter);
}

static const Segment *
find_segment (const GPtrArray *segments, const char *name, int number)
{
  for (guint i = 0; i < segments->len; i++)
    {
      const Segment *segment = g_ptr_array_index (segments, i);
      if (segment->number == number && strcmp (segment->name, name) == 0)
        return segment;
    }
  return NULL;
}

static void
append_percent (GString *out, const char *text)
{
  for (; *text != '\0'; text++)
    if (strchr (" \"%'*()<>@,;:\\/[]?=", *text) != NULL || (guchar) *text < ' ' || (guchar) *text >= 127)
      g_string_append_printf (out, "%%%02X", (guchar) *text);
    else
      g_string_append_c (out, *text);
}

/* RFC 2231 3 has segments 0, 1, 2, ... of one name. If any is extended the whole is, and its plain ones are
 * escaped. */
static void
join_segments (const GPtrArray *segments, const Segment *first, GPtrArray *parameters)
{
  g_autoptr (GString) value = g_string_new (NULL);
  gboolean is_extended = first->is_extended;
  const Segment *segment = first;
  for (int i = 0; segment != NULL; segment = find_segment (segments, first->name, ++i))
    if (is_extended && !segment->is_extended)
      append_percent (value, segment->value);
    else
      g_string_append (value, segment->value);
  char *name = g_strconcat (first->name, is_extended ? "*" : "", NULL);
  add_parameter (parameters, name, g_strndup (value->str, value->len));
}

void
satchel_parameterized_parse (const char *value, gsize len, SatchelParameterized *ret_field)
{
  const char *at = value, *end = value + len;
  g_autoptr (GString) token = g_string_new (NULL);
  g_autoptr (GPtrArray) segments = g_ptr_array_new_with_free_func ((GDestroyNotify) segment_free);

  at = satchel_skip_cfws (at, end, NULL);
  at = read_token (at, end, ";\"(,", token);
  /* White space is allowed within a type: "text / plain". */
  for (const char *next = satchel_skip_cfws (at, end, NULL);
       next < end && (*next == '/' || (token->len > 0 && token->str[token->len - 1] == '/' && *next != ';'));
       next = satchel_skip_cfws (at, end, NULL))
    {
      const gsize before = token->len;
      at = read_token (next, end, ";\"(,", token);
      if (token->len == before)
        break;
    }
  /* "text/plain charset=..." without ';' still has its parameters. */
  at = satchel_skip_cfws (at, end, NULL);
  if (at < end && *at == ';')
    at++;
  while (at < end && segments->len < MAX_SEGMENTS)
    at = read_parameter (at, end, segments);

  ret_field->token = token->len > 0 && token->len <= 256 ? g_ascii_strdown (token->str, token->len) : NULL;
  ret_field->parameters = g_ptr_array_new_with_free_func ((GDestroyNotify) parameter_free);
  for (guint i = 0; i < segments->len; i++)
    {
      const Segment *segment = g_ptr_array_index (segments, i);
      if (segment->number == 0)
        join_segments (segments, segment, ret_field->parameters);
      else if (segment->number < 0)
        add_parameter (ret_field->parameters,
                       g_strconcat (segment->name, segment->is_extended ? "*" : "", NULL),
                       g_strdup (segment->value));
    }
}

void
satchel_parameterized_clear (SatchelParameterized *field)
{
  g_clear_pointer (&field->token, g_free);
  g_clear_pointer (&field->parameters, g_ptr_array_unref);
}

/* Decodes "charset'language'%41%42" (RFC 2231 4). */
static char *
decode_extended (const char *value)
{
  const char *quote = strchr (value, '\'');
  const char *second = quote != NULL ? strchr (quote + 1, '\'') : NULL;
  g_autofree char *charset =
      second != NULL && quote - value <= 64 ? g_strndup (value, quote - value) : g_strdup ("");
  const char *at = second != NULL ? second + 1 : value;
  g_autoptr (GString) bytes = g_string_new (NULL);
  for (; *at != '\0'; at++)
    if (*at == '%' && g_ascii_isxdigit (at[1]) && g_ascii_isxdigit (at[2]))
      {
        g_string_append_c (bytes, (char) (g_ascii_xdigit_value (at[1]) << 4 | g_ascii_xdigit_value (at[2])));
        at += 2;
      }
    else
      g_string_append_c (bytes, *at);
  return satchel_charset_to_utf8 (charset, bytes->str, bytes->len, NULL);
}

char *
satchel_parameterized_get (const SatchelParameterized *field, const char *name)
{
  g_autofree char *extended = g_strconcat (name, "*", NULL);
  if (field->parameters == NULL)
    return NULL;
  const SatchelParameter *parameter = find_parameter (field->parameters, extended);
  if (parameter != NULL)
    return decode_extended (parameter->value);
  parameter = find_parameter (field->parameters, name);
  if (parameter == NULL)
    return NULL;
  return satchel_header_decode (parameter->value, strlen (parameter->value), NULL);
}
