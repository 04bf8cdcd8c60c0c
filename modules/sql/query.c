/* SPDX-License-Identifier: MIT
 * Finds the names of values in a query: outside of quotes and comments, a colon and a word.
 */
#include "query.h"

#include <string.h>

static const char *const names[] = { "user", "local", "domain", "address" };

void
sql_query_free (SqlQuery *query)
{
  g_free (query->text);
  g_free (query);
}

/* Returns the end of what begins at @p and is no place for values: a text in quotes or a comment; else @p. */
static const char *
skip_opaque (const char *p)
{
  const char *end = NULL;
  if (*p == '\'' || *p == '"' || *p == '`')
    end = strchr (p + 1, *p);
  else if (g_str_has_prefix (p, "--"))
    end = strchr (p, '\n');
  else if (g_str_has_prefix (p, "/*"))
    {
      end = strstr (p + 2, "*/");
      return end != NULL ? end + 2 : p + strlen (p);
    }
  else
    return p;
  return end != NULL ? end + 1 : p + strlen (p);
}

static gboolean
is_word (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

/* Finds the value of that name. FALSE means that it is none of ours. */
static gboolean
find_value (const char *name, gsize len, SqlValue *ret_value)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strlen (names[i]) == len && strncmp (names[i], name, len) == 0)
      {
        *ret_value = i % 3; /* an address is what a user is */
        return TRUE;
      }
  return FALSE;
}

static guint
number_value (SqlQuery *query, SqlValue value)
{
  for (guint i = 0; i < query->n_values; i++)
    if (query->values[i] == value)
      return i + 1;
  query->values[query->n_values++] = value;
  return query->n_values;
}

static gboolean
has_value_inside (const char *text, gsize len)
{
  for (gsize i = 0; i + 1 < len; i++)
    {
      gsize n = 0;
      SqlValue value;
      while (text[i] == ':' && i + 1 + n < len && is_word (text[i + 1 + n]))
        n++;
      if (n > 0 && find_value (text + i + 1, n, &value))
        return TRUE;
    }
  return FALSE;
}

/* Copies a string, a quoted name or a comment, and refuses a value in it, which would be mere text of the
 * query. */
static gboolean
copy_opaque (const char *begin, const char *end, GString *out, GError **error)
{
  gboolean is_comment = *begin == '-' || *begin == '/';
  if (!is_comment && has_value_inside (begin, (gsize) (end - begin)))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "a value stands in quotes at %.20s; write it without", begin);
  g_string_append_len (out, begin, end - begin);
  return TRUE;
}

/* Refuses parameters as databases write them, and a second statement. */
static gboolean
check_mark (const char *at, GError **error)
{
  gboolean is_last = strspn (at + 1, " \t\r\n") == strlen (at + 1);
  if (*at == '?' || *at == '$' || (*at == ';' && !is_last))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "\"%c\" has no place in a query; values are :user, :local and :domain", *at);
  return TRUE;
}

/* Returns the length of NAME where ":NAME" is at @at; 0 means that it is not. */
static gsize
name_length (const char *at)
{
  gsize n = 0;
  while (*at == ':' && is_word (at[1 + n]))
    n++;
  return n;
}

/* Puts the database's parameter in the place of the value @name. */
static gboolean
put_value (const char *name, gsize len, char sign, SqlQuery *query, GString *out, GError **error)
{
  SqlValue value;
  if (!find_value (name, len, &value))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "there is no value \":%.*s\"; values are :user, :local and :domain", (int) len,
                              name);
  g_string_append_printf (out, "%c%u", sign, number_value (query, value));
  return TRUE;
}

static gboolean
parse (const char *text, char sign, SqlQuery *query, GString *out, GError **error)
{
  for (const char *p = text; *p != '\0';)
    {
      const char *end = skip_opaque (p);
      gsize n = name_length (p);
      if (end != p)
        {
          if (!copy_opaque (p, end, out, error))
            return FALSE;
          p = end;
        }
      else if (!check_mark (p, error))
        return FALSE;
      else if (g_str_has_prefix (p, "::")) /* a cast */
        {
          g_string_append (out, "::");
          p += 2;
        }
      else if (n == 0)
        g_string_append_c (out, *p++);
      else
        {
          if (!put_value (p + 1, n, sign, query, out, error))
            return FALSE;
          p += 1 + n;
        }
    }
  return query->n_values > 0
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "the query asks for nobody: :user, or :local and :domain, must be in it");
}

SqlQuery *
sql_query_parse (const char *text, char sign, GError **error)
{
  g_autoptr (SqlQuery) query = g_new0 (SqlQuery, 1);
  GString *out = g_string_new (NULL);
  gboolean ok = parse (text, sign, query, out, error);
  query->text = g_string_free (out, FALSE);
  return ok ? g_steal_pointer (&query) : NULL;
}

char **
sql_query_bind (const SqlQuery *query, const char *address)
{
  const char *at = strrchr (address, '@');
  char **values = g_new0 (char *, query->n_values + 1);
  for (guint i = 0; i < query->n_values; i++)
    switch (query->values[i])
      {
      case SQL_VALUE_USER:
        values[i] = g_strdup (address);
        break;
      case SQL_VALUE_LOCAL:
        values[i] = at != NULL ? g_strndup (address, (gsize) (at - address)) : g_strdup (address);
        break;
      case SQL_VALUE_DOMAIN:
        values[i] = g_strdup (at != NULL ? at + 1 : "");
        break;
      }
  return values;
}
