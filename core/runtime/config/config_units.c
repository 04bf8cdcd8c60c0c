/* SPDX-License-Identifier: MIT
 * Converts sizes, times, modes and choices from text and to text, with words for what is wrong.
 */
#include "config.h"

#include <satchel/number.h>
#include <string.h>

#include "core/runtime/config/config_private.h"
#include "core/runtime/ipc/endpoint.h"

typedef struct Unit
{
  const char *name;
  gint64 factor;
} Unit;

static const Unit size_units[] = { { "T", G_GINT64_CONSTANT (1) << 40 },
                                   { "G", 1 << 30 },
                                   { "M", 1 << 20 },
                                   { "K", 1 << 10 },
                                   { "", 1 },
                                   { NULL, 0 } };
static const Unit time_units[] = { { "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
                                   { "s", 1000 },      { "ms", 1 },       { NULL, 0 } };

static gboolean
parse_number (const char *text, gint64 *ret_number, const char **ret_end)
{
  guint64 number;
  *ret_end = text;
  if (!satchel_number_take (ret_end, NULL, 10, G_MAXINT64, &number))
    return FALSE;
  *ret_number = (gint64) number;
  return TRUE;
}

static gboolean
parse_with_unit (const char *text, const Unit *units, gint64 *ret_number)
{
  gint64 number;
  const char *end;
  if (!parse_number (text, &number, &end))
    return FALSE;
  if (number == 0 && *end == '\0')
    {
      *ret_number = 0;
      return TRUE;
    }
  for (const Unit *unit = units; unit->name != NULL; unit++)
    if (strcmp (end, unit->name) == 0)
      return !__builtin_mul_overflow (number, unit->factor, ret_number);
  return FALSE;
}

static void
format_with_unit (gint64 number, const Unit *units, GString *out)
{
  if (number != 0)
    for (const Unit *unit = units; unit->name != NULL; unit++)
      if (number % unit->factor == 0)
        {
          g_string_append_printf (out, "%" G_GINT64_FORMAT "%s", number / unit->factor, unit->name);
          return;
        }
  g_string_append_printf (out, "%" G_GINT64_FORMAT, number);
}

void
satchel_config_number_format (SatchelConfigType type, gint64 number, GString *out)
{
  switch (type)
    {
    case SATCHEL_CONFIG_BOOL:
      g_string_append (out, number != 0 ? "true" : "false");
      break;
    case SATCHEL_CONFIG_SIZE:
      format_with_unit (number, size_units, out);
      break;
    case SATCHEL_CONFIG_DURATION:
      format_with_unit (number, time_units, out);
      break;
    case SATCHEL_CONFIG_MODE:
      g_string_append_printf (out, "%04o", (guint) number);
      break;
    case SATCHEL_CONFIG_INT:
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_ENUM:
    case SATCHEL_CONFIG_STRINGS:
    case SATCHEL_CONFIG_GROUPS:
    case SATCHEL_CONFIG_ENDPOINT:
      g_string_append_printf (out, "%" G_GINT64_FORMAT, number);
      break;
    }
}

gboolean
satchel_config_check_range (const SatchelConfigRow *row, gint64 number, char **ret_why)
{
  if ((row->min == 0 && row->max == 0) || (number >= row->min && number <= row->max))
    return TRUE;
  g_autoptr (GString) min = g_string_new (NULL), max = g_string_new (NULL), now = g_string_new (NULL);
  satchel_config_number_format (row->type, row->min, min);
  satchel_config_number_format (row->type, row->max, max);
  satchel_config_number_format (row->type, number, now);
  *ret_why =
      g_strdup_printf ("%s is out of range; write a value from %s to %s", now->str, min->str, max->str);
  return FALSE;
}

static gboolean
parse_mode (const char *text, gint64 *ret_number)
{
  gsize len = strlen (text);
  guint64 number;
  if (len < 3 || len > 4 || !g_ascii_string_to_unsigned (text, 8, 0, 07777, &number, NULL))
    return FALSE;
  *ret_number = (gint64) number;
  return TRUE;
}

static gboolean
is_choice (const char *choices, const char *text)
{
  g_auto (GStrv) list = g_strsplit (choices, "|", -1);
  return g_strv_contains ((const char *const *) list, text);
}

static gboolean
parse_choice (const SatchelConfigRow *row, const char *text, char **ret_why)
{
  if (row->choices == NULL || is_choice (row->choices, text))
    return TRUE;
  g_auto (GStrv) list = g_strsplit (row->choices, "|", -1);
  g_autofree char *all = g_strjoinv ("\", \"", list);
  const char *near = satchel_suggest (text, (const char *const *) list);
  if (near != NULL)
    *ret_why =
        g_strdup_printf ("\"%.64s\" is not a choice; did you mean \"%s\"? Choices: \"%s\"", text, near, all);
  else
    *ret_why = g_strdup_printf ("\"%.64s\" is not a choice; write one of \"%s\"", text, all);
  return FALSE;
}

static gboolean
is_endpoint (const char *text, char **ret_why)
{
  g_autoptr (SatchelEndpoint) endpoint = satchel_endpoint_parse (text, ret_why);
  return endpoint != NULL;
}

static gboolean
parse_bool (const char *text, gint64 *ret_number)
{
  *ret_number = g_ascii_strcasecmp (text, "true") == 0;
  return *ret_number != 0 || g_ascii_strcasecmp (text, "false") == 0;
}

static gboolean
parse_int (const char *text, gint64 *ret_number)
{
  const gboolean is_negative = *text == '-';
  const char *end;
  if (!parse_number (text + is_negative, ret_number, &end) || *end != '\0')
    return FALSE;
  if (is_negative)
    *ret_number = -*ret_number;
  return TRUE;
}

/* Parses a value that is a number to us.  Returns NULL, or what should have been written. */
static const char *
parse_as_number (SatchelConfigType type, const char *text, gint64 *ret_number)
{
  switch (type)
    {
    case SATCHEL_CONFIG_BOOL:
      return parse_bool (text, ret_number) ? NULL : "true or false, without quotes";
    case SATCHEL_CONFIG_INT:
      return parse_int (text, ret_number) ? NULL : "a whole number, without quotes";
    case SATCHEL_CONFIG_SIZE:
      return parse_with_unit (text, size_units, ret_number)
                 ? NULL
                 : "a size: a whole number and K, M, G or T, in quotes, like \"50M\"";
    case SATCHEL_CONFIG_DURATION:
      return parse_with_unit (text, time_units, ret_number)
                 ? NULL
                 : "a time: a whole number and ms, s, m, h, d or w, in quotes, like \"30d\"";
    case SATCHEL_CONFIG_MODE:
      return parse_mode (text, ret_number) ? NULL : "rights in octal, in quotes, like \"0660\"";
    case SATCHEL_CONFIG_STRINGS:
    case SATCHEL_CONFIG_GROUPS:
      return "a list";
    case SATCHEL_CONFIG_ENUM:
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_ENDPOINT:
      return NULL;
    }
  return NULL;
}

gboolean
satchel_config_scalar_parse (const SatchelConfigRow *row, const char *text, SatchelConfigValue *value,
                             char **ret_why)
{
  gint64 number = 0;
  const char *expected = parse_as_number (row->type, text, &number);
  if (expected != NULL)
    {
      *ret_why = g_strdup_printf ("\"%.64s\" will not do; write %s", text, expected);
      return FALSE;
    }
  if ((row->type == SATCHEL_CONFIG_ENUM && !parse_choice (row, text, ret_why))
      || (row->type == SATCHEL_CONFIG_ENDPOINT && !is_endpoint (text, ret_why))
      || !satchel_config_check_range (row, number, ret_why))
    return FALSE;
  value->number = number;
  g_free (value->string);
  value->string = g_strdup (text);
  return TRUE;
}

void
satchel_config_quote (const char *text, GString *out)
{
  g_string_append_c (out, '"');
  for (const char *p = text; *p != '\0'; p++)
    if (*p == '"' || *p == '\\')
      g_string_append_printf (out, "\\%c", *p);
    else if (*p == '\n')
      g_string_append (out, "\\n");
    else if ((guchar) *p < 0x20 || *p == 0x7f)
      g_string_append_printf (out, "\\x%02x", (guchar) *p);
    else
      g_string_append_c (out, *p);
  g_string_append_c (out, '"');
}

gboolean
satchel_config_number_parse (const SatchelConfigRow *row, const char *text, gint64 *ret_number,
                             GError **error)
{
  SatchelConfigValue value = { 0 };
  g_autofree char *why = NULL;
  if (!satchel_config_scalar_parse (row, text, &value, &why))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s", why);
  *ret_number = value.number;
  g_free (value.string);
  return TRUE;
}
