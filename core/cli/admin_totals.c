/* SPDX-License-Identifier: MIT
 * Implements the sums of records; see admin_totals.h.
 */
#include "config.h"

#include "core/cli/admin_totals.h"

#include <stdio.h>
#include <string.h>

#include "core/base/json.h"

typedef struct Value
{
  char *key;
  char *text; /* as it was written; NULL: a number */
  gint64 number;
} Value;

struct SatchelCliTotals
{
  GPtrArray *records; /* GArray of Value */
};

static void
value_clear (gpointer data)
{
  Value *value = data;
  g_free (value->key);
  g_free (value->text);
}

SatchelCliTotals *
satchel_cli_totals_new (void)
{
  SatchelCliTotals *totals = g_new0 (SatchelCliTotals, 1);
  totals->records = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  return totals;
}

void
satchel_cli_totals_free (SatchelCliTotals *totals)
{
  g_ptr_array_unref (totals->records);
  g_free (totals);
}

/* Returns the length of a value, which may stand in quotes. */
static gsize
value_len (const char *text)
{
  if (*text != '"')
    return strcspn (text, " ");
  gsize len = 1;
  while (text[len] != '\0' && text[len] != '"')
    len += text[len] == '\\' && text[len + 1] != '\0' ? 2 : 1;
  return len + (text[len] == '"');
}

static GArray *
parse_record (const char *at)
{
  GArray *record = g_array_new (FALSE, TRUE, sizeof (Value));
  g_array_set_clear_func (record, value_clear);
  while (*at != '\0')
    {
      gsize key_len = strcspn (at, "= ");
      Value value = { .key = g_strndup (at, key_len) };
      at += key_len + (at[key_len] == '=');
      gsize len = value_len (at);
      value.text = g_strndup (at, len);
      if (g_ascii_string_to_signed (value.text, 10, G_MININT64, G_MAXINT64, &value.number, NULL))
        g_clear_pointer (&value.text, g_free);
      g_array_append_val (record, value);
      at += len;
      at += strspn (at, " ");
    }
  return record;
}

static gboolean
is_same (const GArray *a, const GArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    if (strcmp (g_array_index (a, Value, i).key, g_array_index (b, Value, i).key) != 0
        || g_strcmp0 (g_array_index (a, Value, i).text, g_array_index (b, Value, i).text) != 0)
      return FALSE;
  return TRUE;
}

void
satchel_cli_totals_add (SatchelCliTotals *totals, const char *text)
{
  g_autoptr (GArray) record = parse_record (text);
  for (guint i = 0; i < totals->records->len; i++)
    {
      GArray *sum = totals->records->pdata[i];
      if (!is_same (sum, record))
        continue;
      for (guint k = 0; k < sum->len; k++)
        g_array_index (sum, Value, k).number += g_array_index (record, Value, k).number;
      return;
    }
  g_ptr_array_add (totals->records, g_steal_pointer (&record));
}

static void
print_json (const GArray *record)
{
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  for (guint i = 0; i < record->len; i++)
    {
      const Value *value = &g_array_index (record, Value, i);
      if (value->text != NULL)
        satchel_json_text (&json, value->key, value->text);
      else
        satchel_json_number (&json, value->key, value->number);
    }
  satchel_json_close (&json, '}');
  puts (out->str);
}

static void
print_text (const GArray *record)
{
  for (guint i = 0; i < record->len; i++)
    {
      const Value *value = &g_array_index (record, Value, i);
      printf ("%s%s=", i > 0 ? " " : "", value->key);
      if (value->text != NULL)
        fputs (value->text, stdout);
      else
        printf ("%" G_GINT64_FORMAT, value->number);
    }
  putchar ('\n');
}

void
satchel_cli_totals_print (const SatchelCliTotals *totals, gboolean is_json)
{
  for (guint i = 0; i < totals->records->len; i++)
    if (is_json)
      print_json (totals->records->pdata[i]);
    else
      print_text (totals->records->pdata[i]);
}
