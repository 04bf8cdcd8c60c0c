/* SPDX-License-Identifier: MIT
 * Implements SQLite databases, which are only read.
 */
#include "database.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

/* instructions of SQLite's virtual machine between two looks at the time */
#define STEPS_A_LOOK 10000
#define PAUSE_US 10000 /* pause before another try when another program has locked the file */

typedef struct Connection
{
  sqlite3 *db;
  const char *path;
  struct stat status; /* status of the file when it was opened */
  sqlite3_stmt *statements[SQL_N_QUERIES];
  SatchelHelperCall *call; /* the call that is being worked on */
} Connection;

static void
disconnect (gpointer data)
{
  Connection *connection = data;
  for (guint i = 0; i < SQL_N_QUERIES; i++)
    sqlite3_finalize (connection->statements[i]);
  sqlite3_close (connection->db);
  g_free (connection);
}

static int
wait_for_lock (void *data, int n_tries)
{
  Connection *connection = data;
  if (sql_is_over (connection->call, NULL))
    return 0;
  g_usleep (PAUSE_US);
  return 1;
}

static int
look_at_time (void *data)
{
  return sql_is_over (((Connection *) data)->call, NULL);
}

static gboolean
fail (Connection *connection, int rc, GError **error)
{
  if ((rc == SQLITE_BUSY || rc == SQLITE_INTERRUPT) && sql_is_over (connection->call, error))
    return FALSE;
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s: %s", connection->path,
                            sqlite3_errmsg (connection->db));
}

static gboolean
prepare (Connection *connection, const SqlConfiguration *configuration, GError **error)
{
  for (guint i = 0; i < SQL_N_QUERIES; i++)
    {
      const char *rest = "";
      if (configuration->queries[i] == NULL)
        continue;
      int rc = sqlite3_prepare_v2 (connection->db, configuration->queries[i]->text, -1,
                                   &connection->statements[i], &rest);
      if (rc != SQLITE_OK)
        return fail (connection, rc, error);
      if (connection->statements[i] == NULL || !sqlite3_stmt_readonly (connection->statements[i]))
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s: a query does more than read",
                                  connection->path);
    }
  return TRUE;
}

static gpointer
open_file (const SqlConfiguration *configuration, SatchelHelperCall *call, GError **error)
{
  Connection *connection = g_new0 (Connection, 1);
  connection->path = configuration->settings.path;
  connection->call = call;
  if (stat (connection->path, &connection->status) != 0)
    satchel_error_set_errno (error, errno, "%s cannot be looked at", connection->path);
  else
    {
      int rc = sqlite3_open_v2 (connection->path, &connection->db,
                                SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
      sqlite3_busy_handler (connection->db, wait_for_lock, connection);
      sqlite3_progress_handler (connection->db, STEPS_A_LOOK, look_at_time, connection);
      if (rc != SQLITE_OK)
        fail (connection, rc, error);
      else if (prepare (connection, configuration, error))
        return connection;
    }
  disconnect (connection);
  return NULL;
}

/* Says whether the file is still the one that was opened: somebody may have put another one in its place. */
static gboolean
is_alive (gpointer data)
{
  const Connection *connection = data;
  struct stat status;
  return stat (connection->path, &status) == 0 && status.st_dev == connection->status.st_dev
         && status.st_ino == connection->status.st_ino;
}

static SqlResult *
new_result (sqlite3_stmt *statement)
{
  SqlResult *result = g_new0 (SqlResult, 1);
  result->columns = g_ptr_array_new_with_free_func (g_free);
  result->rows = g_ptr_array_new ();
  for (int i = 0; i < sqlite3_column_count (statement); i++)
    g_ptr_array_add (result->columns, g_strdup (sqlite3_column_name (statement, i)));
  return result;
}

static gboolean
add_row (sqlite3_stmt *statement, SqlResult *result, GError **error)
{
  g_autofree const char **texts = g_new0 (const char *, result->columns->len + 1);
  for (guint i = 0; i < result->columns->len; i++)
    {
      texts[i] = (const char *) sqlite3_column_text (statement, (int) i);
      if (texts[i] != NULL && strlen (texts[i]) != (gsize) sqlite3_column_bytes (statement, (int) i))
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "column %s has a NUL in it",
                                  (const char *) result->columns->pdata[i]);
    }
  return sql_result_add (result, texts, error);
}

static gboolean
read_rows (Connection *connection, sqlite3_stmt *statement, SqlResult *result, GError **error)
{
  int rc;
  while ((rc = sqlite3_step (statement)) == SQLITE_ROW)
    if (!add_row (statement, result, error))
      return FALSE;
  return rc == SQLITE_DONE || fail (connection, rc, error);
}

static SqlResult *
query (gpointer data, SqlQueryKind kind, char *const *values, SatchelHelperCall *call, GError **error)
{
  Connection *connection = data;
  sqlite3_stmt *statement = connection->statements[kind];
  g_autoptr (SqlResult) result = new_result (statement);
  connection->call = call;
  gboolean ok = TRUE;
  for (int i = 0; ok && values[i] != NULL; i++)
    {
      int rc = sqlite3_bind_text (statement, i + 1, values[i], -1, SQLITE_STATIC);
      ok = rc == SQLITE_OK || fail (connection, rc, error);
    }
  ok = ok && read_rows (connection, statement, result, error);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return ok ? g_steal_pointer (&result) : NULL;
}

const SqlDriver sql_sqlite = {
  .sign = '?', .connect = open_file, .disconnect = disconnect, .is_alive = is_alive, .query = query
};
