/* SPDX-License-Identifier: MIT
 * Prints the server's lines of KEY=VALUE as columns for people.
 */
#include "config.h"

#include "core/cli/table.h"

#include <stdio.h>
#include <string.h>

char *
satchel_cli_next_word (const char **at)
{
  GString *word = g_string_new (NULL);
  gboolean quoted = FALSE;
  const char *p = *at + strspn (*at, " ");
  for (; *p != '\0' && (quoted || *p != ' '); p++)
    if (*p == '"')
      quoted = !quoted;
    else if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
      g_string_append_c (word, *++p);
    else
      g_string_append_c (word, *p);
  *at = p;
  return g_string_free (word, FALSE);
}

char *
satchel_cli_line_value (const char *line, const char *key)
{
  gsize len = strlen (key);
  for (const char *at = line + strspn (line, " "); *at != '\0'; at += strspn (at, " "))
    {
      g_autofree char *word = satchel_cli_next_word (&at);
      if (strncmp (word, key, len) == 0 && word[len] == '=')
        return g_strdup (word + len + 1);
    }
  return NULL;
}

char *
satchel_cli_age (gint64 seconds)
{
  gint64 minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0)
    return g_strdup_printf ("%" G_GINT64_FORMAT "d%02dh", days, (int) (hours % 24));
  if (hours > 0)
    return g_strdup_printf ("%" G_GINT64_FORMAT "h%02dm", hours, (int) (minutes % 60));
  if (minutes > 0)
    return g_strdup_printf ("%" G_GINT64_FORMAT "m%02ds", minutes, (int) (seconds % 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT "s", seconds);
}

void
satchel_cli_print_table (const GPtrArray *rows, guint n_columns)
{
  g_autofree gsize *widths = g_new0 (gsize, n_columns);
  for (guint i = 0; i < rows->len; i++)
    for (guint j = 0; j < n_columns; j++)
      {
        const char *const *row = g_ptr_array_index (rows, i);
        widths[j] = MAX (widths[j], (gsize) g_utf8_strlen (row[j], -1));
      }
  for (guint i = 0; i < rows->len; i++)
    {
      const char *const *row = g_ptr_array_index (rows, i);
      for (guint j = 0; j + 1 < n_columns; j++)
        printf ("%s%*s", row[j], (int) (widths[j] - (gsize) g_utf8_strlen (row[j], -1) + 2), "");
      puts (row[n_columns - 1]);
    }
}
