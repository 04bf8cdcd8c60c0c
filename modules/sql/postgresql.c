/* SPDX-License-Identifier: MIT
 * PostgreSQL, by libpq's calls that do not wait, so that no server holds a thread longer than its call.
 */
#include "database.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <satchel/endpoint.h>
#include <string.h>

#define NOWHERE "/dev/null/none" /* libpq would look in a home directory, which the sandbox has not */
#define LOOK_MS 100              /* between looks whether the caller has gone */

static const char *const statement_names[] = { "user", "address" };

typedef struct Connection
{
  PGconn *pg;
} Connection;

static void
disconnect (gpointer data)
{
  Connection *connection = data;
  PQfinish (connection->pg);
  g_free (connection);
}

/* Fails in one line: libpq ends its messages with a line end, and may write several lines. */
static gboolean
fail (const char *message, GError **error)
{
  g_autofree char *text = g_strdup (message);
  g_strdelimit (g_strchomp (text), "\n", ' ');
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "PostgreSQL: %s",
                            *text != '\0' ? text : "the connection was closed");
}

/* Waits until the socket can be read or written, as @events says. */
static gboolean
wait_for_socket (const Connection *connection, short events, SatchelHelperCall *call, GError **error)
{
  while (!sql_is_over (call, error))
    {
      struct pollfd one = { .fd = PQsocket (connection->pg), .events = events };
      int n = poll (&one, 1, (int) MIN (satchel_helper_call_left_ms (call), LOOK_MS));
      if (n > 0)
        return TRUE;
      if (n < 0 && errno != EINTR)
        return satchel_error_set_errno (error, errno,
                                        "the connection to the database cannot be watched (poll)");
    }
  return FALSE;
}

static gboolean
finish_connecting (Connection *connection, SatchelHelperCall *call, GError **error)
{
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK)
    {
      if (status == PGRES_POLLING_FAILED)
        return fail (PQerrorMessage (connection->pg), error);
      if (!wait_for_socket (connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, call, error))
        return FALSE;
      status = PQconnectPoll (connection->pg);
    }
  return PQsetnonblocking (connection->pg, 1) == 0 || fail (PQerrorMessage (connection->pg), error);
}

/* Returns the result of what was sent, which the caller frees; NULL with @error. */
static PGresult *
take_result (Connection *connection, SatchelHelperCall *call, GError **error)
{
  int unsent;
  while ((unsent = PQflush (connection->pg)) > 0)
    if (!wait_for_socket (connection, POLLIN | POLLOUT, call, error) || !PQconsumeInput (connection->pg))
      break;
  PGresult *result = NULL;
  while (unsent == 0)
    {
      while (PQisBusy (connection->pg))
        if (!wait_for_socket (connection, POLLIN, call, error))
          {
            PQclear (result);
            return NULL;
          }
        else if (!PQconsumeInput (connection->pg))
          break;
      PGresult *next = PQgetResult (connection->pg);
      if (next == NULL)
        break;
      PQclear (result);
      result = next;
    }
  if (result != NULL
      && (PQresultStatus (result) == PGRES_TUPLES_OK || PQresultStatus (result) == PGRES_COMMAND_OK))
    return result;
  if (*error == NULL)
    fail (result != NULL ? PQresultErrorMessage (result) : PQerrorMessage (connection->pg), error);
  PQclear (result);
  return NULL;
}

static gboolean
prepare (Connection *connection, const SqlConfiguration *configuration, SatchelHelperCall *call,
         GError **error)
{
  g_autoptr (GError) why = NULL;
  for (guint i = 0; i < SQL_N_QUERIES && why == NULL; i++)
    {
      const SqlQuery *query = configuration->queries[i];
      if (query == NULL)
        continue;
      if (PQsendPrepare (connection->pg, statement_names[i], query->text, 0, NULL) == 0)
        fail (PQerrorMessage (connection->pg), &why);
      else
        PQclear (take_result (connection, call, &why));
    }
  if (why == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* Begins to connect. @address is "192.0.2.1:5432" or "[2001:db8::1]:5432"; libpq gets its parts, and the name
 * that the certificate must be for. */
static gboolean
start_connecting (Connection *connection, const SqlConfiguration *configuration, const char *address)
{
  const SqlSettings *settings = &configuration->settings;
  const char *colon = strrchr (address, ':'), *name_end = strrchr (settings->server, ':');
  g_autofree char *host = g_strndup (address, (gsize) (colon - address)),
                  *name = g_strndup (settings->server, (gsize) (name_end - settings->server));
  gboolean is_v6 = host[0] == '[';
  if (is_v6)
    host[strlen (host) - 1] = '\0';
  gboolean uses_tls = settings->tls == SQL_TLS_VERIFY;
  const char *const keys[] = { "hostaddr",
                               "host",
                               "port",
                               "dbname",
                               "user",
                               "password",
                               "sslmode",
                               "sslrootcert",
                               "gssencmode",
                               "passfile",
                               "client_encoding",
                               "fallback_application_name",
                               "sslcert",
                               "sslcrl",
                               NULL };
  const char *const values[] = { host + is_v6,
                                 name,
                                 colon + 1,
                                 settings->database,
                                 settings->user,
                                 configuration->password,
                                 uses_tls ? "verify-full" : "disable",
                                 uses_tls ? settings->ca_file : NULL,
                                 "disable",
                                 "/dev/null",
                                 "UTF8",
                                 "satchel",
                                 NOWHERE,
                                 NOWHERE,
                                 NULL };
  connection->pg = PQconnectStartParams (keys, values, 0);
  return connection->pg != NULL && PQstatus (connection->pg) != CONNECTION_BAD;
}

static gpointer
connect_to (const SqlConfiguration *configuration, SatchelHelperCall *call, GError **error)
{
  g_autofree char *address = satchel_endpoint_resolve (configuration->section, "server",
                                                       MAX (satchel_helper_call_left_ms (call), 1), error);
  if (address == NULL)
    return NULL;
  Connection *connection = g_new0 (Connection, 1);
  if (!start_connecting (connection, configuration, address))
    fail (connection->pg != NULL ? PQerrorMessage (connection->pg) : "no memory", error);
  else if (finish_connecting (connection, call, error) && prepare (connection, configuration, call, error))
    return connection;
  disconnect (connection);
  return NULL;
}

/* Says whether the server is still there: one that has gone left word on the socket. */
static gboolean
is_alive (gpointer data)
{
  const Connection *connection = data;
  return PQconsumeInput (connection->pg) == 1 && PQstatus (connection->pg) == CONNECTION_OK;
}

static SqlResult *
read_rows (const PGresult *from, GError **error)
{
  g_autoptr (SqlResult) result = g_new0 (SqlResult, 1);
  result->columns = g_ptr_array_new_with_free_func (g_free);
  result->rows = g_ptr_array_new ();
  for (int i = 0; i < PQnfields (from); i++)
    g_ptr_array_add (result->columns, g_strdup (PQfname (from, i)));
  g_autofree const char **texts = g_new0 (const char *, result->columns->len + 1);
  for (int row = 0; row < PQntuples (from); row++)
    {
      for (int i = 0; i < PQnfields (from); i++)
        texts[i] = PQgetisnull (from, row, i) ? NULL : PQgetvalue (from, row, i);
      if (!sql_result_add (result, texts, error))
        return NULL;
    }
  return g_steal_pointer (&result);
}

static SqlResult *
query (gpointer data, SqlQueryKind kind, char *const *values, SatchelHelperCall *call, GError **error)
{
  Connection *connection = data;
  g_autoptr (GError) why = NULL;
  int n = (int) g_strv_length ((char **) values);
  PGresult *result = NULL;
  if (PQsendQueryPrepared (connection->pg, statement_names[kind], n, (const char *const *) values, NULL, NULL,
                           0)
      == 0)
    fail (PQerrorMessage (connection->pg), &why);
  else
    result = take_result (connection, call, &why);
  SqlResult *rows = result != NULL ? read_rows (result, &why) : NULL;
  PQclear (result);
  if (why != NULL)
    g_propagate_error (error, g_steal_pointer (&why));
  return rows;
}

const SqlDriver sql_postgresql = {
  .sign = '$', .connect = connect_to, .disconnect = disconnect, .is_alive = is_alive, .query = query
};
