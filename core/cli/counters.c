/* SPDX-License-Identifier: MIT
 * Reads the lines of counters that the server sends.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/cli/counters.h"
#include "core/cli/table.h"

/* Calls @func with key and value of each pair of @list, which has the form "A:B,C:D". */
static void
each_pair (const char *list, void (*func) (SatchelJson *json, const char *key, const char *value),
           SatchelJson *json)
{
  g_auto (GStrv) pairs = g_strsplit (list != NULL ? list : "", ",", -1);
  for (char **pair = pairs; *pair != NULL; pair++)
    {
      char *colon = strchr (*pair, ':');
      if (colon == NULL)
        continue;
      *colon = '\0';
      func (json, *pair, colon + 1);
    }
}

static void
bucket_to_json (SatchelJson *json, const char *upper, const char *count)
{
  satchel_json_open (json, NULL, '{');
  /* The bucket above all others has no upper bound, which JSON says with null. */
  satchel_json_decimal (json, "le", upper);
  satchel_json_decimal (json, "count", count);
  satchel_json_close (json, '}');
}

static void
counter_to_json (SatchelJson *json, const char *line)
{
  g_autofree char *name = satchel_cli_line_value (line, "name"),
                  *kind = satchel_cli_line_value (line, "kind");
  g_autofree char *labels = satchel_cli_line_value (line, "labels"),
                  *value = satchel_cli_line_value (line, "value");
  g_autofree char *count = satchel_cli_line_value (line, "count"),
                  *sum = satchel_cli_line_value (line, "sum");
  g_autofree char *buckets = satchel_cli_line_value (line, "buckets");
  gint64 number;
  satchel_json_open (json, NULL, '{');
  satchel_json_text (json, "name", name);
  satchel_json_text (json, "kind", kind);
  satchel_json_open (json, "labels", '{');
  each_pair (labels, satchel_json_text, json);
  satchel_json_close (json, '}');
  if (value != NULL && g_ascii_string_to_signed (value, 10, G_MININT64, G_MAXINT64, &number, NULL))
    satchel_json_number (json, "value", number);
  if (count != NULL && sum != NULL)
    {
      satchel_json_decimal (json, "count", count);
      satchel_json_decimal (json, "sum", sum);
      satchel_json_open (json, "buckets", '[');
      each_pair (buckets, bucket_to_json, json);
      satchel_json_close (json, ']');
    }
  satchel_json_close (json, '}');
}

void
satchel_cli_counters_to_json (SatchelJson *json, char **lines)
{
  satchel_json_open (json, "counters", '[');
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, SATCHEL_CLI_COUNTER))
      counter_to_json (json, *line);
  satchel_json_close (json, ']');
}

/* Formats a counter as "12", a histogram as "12, on average 0.003 s". */
static char *
format_amount (const char *line, const char *name)
{
  g_autofree char *value = satchel_cli_line_value (line, "value"),
                  *count = satchel_cli_line_value (line, "count");
  g_autofree char *sum = satchel_cli_line_value (line, "sum");
  if (value != NULL)
    return strcmp (value, "0") != 0 ? g_steal_pointer (&value) : NULL;
  double n = count != NULL ? g_ascii_strtod (count, NULL) : 0;
  if (n < 1 || sum == NULL)
    return NULL;
  const char *unit = g_str_has_suffix (name, "_seconds") ? " s"
                     : g_str_has_suffix (name, "_bytes") ? " bytes"
                                                         : "";
  char mean[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_formatd (mean, sizeof mean, *unit == ' ' && unit[1] == 's' ? "%.6f" : "%.0f",
                   g_ascii_strtod (sum, NULL) / n);
  return g_strdup_printf ("%s, on average %s%s", count, mean, unit);
}

static void
add_row (GPtrArray *rows, char *first, char *second, char *third)
{
  char **row = g_new0 (char *, 4);
  row[0] = first;
  row[1] = second;
  row[2] = third;
  g_ptr_array_add (rows, row);
}

void
satchel_cli_print_counters (char **lines)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  add_row (rows, g_strdup ("COUNTER"), g_strdup ("LABELS"), g_strdup ("VALUE"));
  for (char **line = lines; *line != NULL; line++)
    {
      if (!g_str_has_prefix (*line, SATCHEL_CLI_COUNTER))
        continue;
      g_autofree char *name = satchel_cli_line_value (*line, "name"),
                      *labels = satchel_cli_line_value (*line, "labels");
      char *text = name != NULL ? format_amount (*line, name) : NULL;
      if (text != NULL)
        add_row (rows, g_steal_pointer (&name),
                 labels != NULL && *labels != '\0' ? g_steal_pointer (&labels) : g_strdup ("-"), text);
    }
  satchel_cli_print_table (rows, 3);
}
