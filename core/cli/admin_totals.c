/* SPDX-License-Identifier: MIT
 * Implements the sums of records; see admin_totals.h.
 */
#include "config.h"

#include "core/cli/admin_totals.h"

#include <satchel/log.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"

typedef struct Value
{
  char *key;
  char type;  /* as of SatchelAdminField */
  char *text; /* NULL: null */
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

/* Returns the character that "\u" and four digits mean, and moves *@ref_at to the last digit. */
static gunichar
take_code (const char **ref_at)
{
  gunichar code = 0;
  for (guint i = 0; i < 4 && g_ascii_isxdigit ((*ref_at)[1]); i++)
    code = code * 16 + (gunichar) g_ascii_xdigit_value (*++*ref_at);
  return code;
}

/* Reads a string, and moves *@ref_at from its first quote to behind the last. */
static char *
take_string (const char **ref_at)
{
  GString *text = g_string_new (NULL);
  const char *at = *ref_at + 1;
  for (; *at != '\0' && *at != '"'; at++)
    if (*at != '\\')
      g_string_append_c (text, *at);
    else if (*++at == 'u')
      g_string_append_unichar (text, take_code (&at));
    else if (*at != '\0')
      g_string_append_c (text, *at == 'n' ? '\n' : *at == 't' ? '\t' : *at);
    else
      break;
  *ref_at = at + (*at == '"');
  return g_string_free (text, FALSE);
}

static Value
take_value (const char **ref_at, char *key)
{
  Value value = { .key = key, .type = 't' };
  if (**ref_at == '"')
    {
      value.text = take_string (ref_at);
      return value;
    }
  gsize len = strcspn (*ref_at, ",}");
  g_autofree char *word = g_strndup (*ref_at, len);
  *ref_at += len;
  if (g_ascii_string_to_signed (word, 10, G_MININT64, G_MAXINT64, &value.number, NULL))
    value.type = 'n';
  else if (strcmp (word, "null") != 0)
    {
      value.type = 'b';
      value.text = g_strdup (word);
    }
  return value;
}

/* Reads an object as the server writes it (core/base/json.c), whose values are no objects. */
static GArray *
parse_record (const char *at)
{
  GArray *record = g_array_new (FALSE, TRUE, sizeof (Value));
  g_array_set_clear_func (record, value_clear);
  for (at += *at == '{'; *at == '"'; at += strspn (at, ", "))
    {
      char *key = take_string (&at);
      at += strspn (at, ": ");
      Value value = take_value (&at, key);
      g_array_append_val (record, value);
    }
  return record;
}

static gboolean
is_same (const GArray *a, const GArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++)
    {
      const Value *one = &g_array_index (a, Value, i), *other = &g_array_index (b, Value, i);
      if (strcmp (one->key, other->key) != 0 || one->type != other->type
          || g_strcmp0 (one->text, other->text) != 0)
        return FALSE;
    }
  return TRUE;
}

void
satchel_cli_totals_add (SatchelCliTotals *totals, const char *line)
{
  g_autoptr (GArray) record = parse_record (line);
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
      if (value->type == 'n')
        satchel_json_number (&json, value->key, value->number);
      else if (value->type == 'b')
        satchel_json_bool (&json, value->key, strcmp (value->text, "true") == 0);
      else
        satchel_json_text (&json, value->key, value->text);
    }
  satchel_json_close (&json, '}');
  puts (out->str);
}

static void
print_text (const GArray *record)
{
  g_autoptr (GString) out = g_string_new (NULL);
  for (guint i = 0; i < record->len; i++)
    {
      const Value *value = &g_array_index (record, Value, i);
      if (value->type == 'n')
        g_string_append_printf (out, " %s=%" G_GINT64_FORMAT, value->key, value->number);
      else if (value->type == 'b')
        g_string_append_printf (out, " %s=%s", value->key, strcmp (value->text, "true") == 0 ? "yes" : "no");
      else
        satchel_log_field (out, value->key, value->text);
    }
  puts (out->str + (*out->str == ' '));
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
