/* SPDX-License-Identifier: MIT
 * Runs the helper's half, which keeps connections, and asks the database by prepared queries.
 */
#include "helper.h"

#include <satchel/source.h>
#include <string.h>

static struct
{
  SqlConfiguration configuration;
  const SqlDriver *driver;
  char *trouble;
} own;

/* Nobody uses these connections; the one used last is on top. There are never more of them than calls at a
 * time, max_calls. */
static GMutex lock;
static GPtrArray *idle;

static gpointer
take_idle (void)
{
  g_mutex_lock (&lock);
  gpointer connection = idle->len > 0 ? g_ptr_array_steal_index (idle, idle->len - 1) : NULL;
  g_mutex_unlock (&lock);
  return connection;
}

static void
give_back (gpointer connection)
{
  g_mutex_lock (&lock);
  g_ptr_array_add (idle, connection);
  g_mutex_unlock (&lock);
}

/* Returns a connection that works, as far as can be told without asking the server; NULL with @error. */
static gpointer
take_connection (SatchelHelperCall *call, GError **error)
{
  gpointer connection;
  while ((connection = take_idle ()) != NULL)
    {
      if (own.driver->is_alive (connection))
        return connection;
      own.driver->disconnect (connection);
    }
  return own.driver->connect (&own.configuration, call, error);
}

static SqlResult *
ask (SqlQueryKind kind, const char *name, SatchelHelperCall *call, GError **error)
{
  gpointer connection = take_connection (call, error);
  if (connection == NULL)
    return NULL;
  g_auto (GStrv) values = sql_query_bind (own.configuration.queries[kind], name);
  SqlResult *result = own.driver->query (connection, kind, values, call, error);
  if (result != NULL)
    give_back (connection);
  else
    own.driver->disconnect (connection);
  return result;
}

/* Says whether a row is that of @name. Column "user", if the query has one, must have the name that was asked
 * for, with or without domain: a database that compares loosely (a collation that ignores blanks) would open
 * one account by two names. */
static gboolean
is_row_of (const SqlResult *result, char *const *row, const char *name)
{
  for (guint i = 0; i < result->columns->len; i++)
    if (strcmp (result->columns->pdata[i], "user") == 0)
      return satchel_source_is_name (row[i] != NULL ? row[i] : "", name);
  return TRUE;
}

/* Adds the columns of the user's row.  Two rows are an error, since nothing says which one is the user's. */
static void
add_columns (const SqlResult *result, const char *name, GPtrArray *texts, GError **error)
{
  if (result->rows->len > 1)
    satchel_error_set (error, SATCHEL_ERROR_INVALID,
                       "user_query gives %u rows for one user; it must give one at most: restrict the query",
                       result->rows->len);
  char *const *row = result->rows->len > 0 ? result->rows->pdata[0] : NULL;
  if (row != NULL && !is_row_of (result, row, name))
    row = NULL;
  for (guint i = 0; row != NULL && i < result->columns->len; i++)
    if (row[i] != NULL && strcmp (result->columns->pdata[i], "user") != 0)
      {
        g_ptr_array_add (texts, g_strdup (result->columns->pdata[i]));
        g_ptr_array_add (texts, g_strdup (row[i]));
      }
  if (row != NULL && texts->len == 0)
    g_ptr_array_add (texts, g_strdup (""));
}

static void
answer_user (SatchelHelperCall *call, const char *name, GPtrArray *texts, GError **error)
{
  g_autoptr (SqlResult) result = ask (SQL_OF_USER, name, call, error);
  if (result != NULL)
    add_columns (result, name, texts, error);
}

static void
answer_address (SatchelHelperCall *call, const char *name, GPtrArray *texts, GError **error)
{
  g_autoptr (SqlResult) result = NULL, user = NULL;
  if (own.configuration.queries[SQL_OF_ADDRESS] != NULL)
    result = ask (SQL_OF_ADDRESS, name, call, error);
  for (guint i = 0; result != NULL && i < result->rows->len; i++)
    {
      char *const *row = result->rows->pdata[i];
      if (result->columns->len > 0 && row[0] != NULL)
        g_ptr_array_add (texts, g_strdup (row[0]));
    }
  if (*error == NULL && texts->len == 0)
    {
      user = ask (SQL_OF_USER, name, call, error);
      if (user != NULL && user->rows->len > 0 && is_row_of (user, user->rows->pdata[0], name))
        g_ptr_array_add (texts, g_strdup (name));
    }
}

static const SatchelSourceOps source = { .size = sizeof source,
                                         .user = answer_user,
                                         .address = answer_address };

static void
handle (SatchelHelperCall *call)
{
  satchel_source_handle (call, &source);
}

SatchelHelperOps sql_helper = { .size = sizeof sql_helper, .max_calls = 4, .handle = handle };

static gboolean
parse_queries (GError **error)
{
  const char *const texts[SQL_N_QUERIES] = { own.configuration.settings.user_query,
                                             own.configuration.settings.address_query };
  for (guint i = 0; i < SQL_N_QUERIES; i++)
    if (texts[i] != NULL
        && (own.configuration.queries[i] = sql_query_parse (texts[i], own.driver->sign, error)) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
sql_helper_configure (const SatchelConfig *section, GError **error)
{
  g_autoptr (GError) why = NULL;
  sql_helper_clear ();
  idle = g_ptr_array_new ();
  own.configuration.section = section;
  satchel_config_fill (section, sql_schema, &own.configuration.settings);
  own.driver = own.configuration.settings.kind == SQL_SQLITE ? &sql_sqlite : &sql_postgresql;
  sql_helper.max_calls = own.configuration.settings.connections;
  own.configuration.password = satchel_config_secret (section, "password", &why);
  /* It is no mistake if only the helper's account can read the file. */
  if (why != NULL && why->code != SATCHEL_ERROR_NONEXISTENT)
    own.trouble = g_strdup_printf ("password: %s", why->message);
  return parse_queries (error);
}

const char *
sql_helper_trouble (void)
{
  return own.trouble;
}

void
sql_helper_clear (void)
{
  for (guint i = 0; idle != NULL && i < idle->len; i++)
    own.driver->disconnect (idle->pdata[i]);
  g_clear_pointer (&idle, g_ptr_array_unref);
  for (guint i = 0; i < SQL_N_QUERIES; i++)
    g_clear_pointer (&own.configuration.queries[i], sql_query_free);
  satchel_secret_free (own.configuration.password);
  g_free (own.trouble);
  memset (&own, 0, sizeof own);
}
