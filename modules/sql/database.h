/* SPDX-License-Identifier: MIT
 * Declares databases for the helper: connections, each used by one thread at a time, with queries that are
 * prepared once.
 */
#pragma once
#include "query.h"
#include "settings.h"

#include <satchel/helper.h>

typedef enum
{
  SQL_OF_USER = 0,
  SQL_OF_ADDRESS,
  SQL_N_QUERIES
} SqlQueryKind;

#define SQL_ROWS_MAX 1000u
#define SQL_BYTES_MAX (128u * 1024u) /* most bytes of one result */

/* A result has texts; NULL in a row is SQL's NULL. */
typedef struct SqlResult
{
  GPtrArray *columns; /* names */
  GPtrArray *rows;    /* char ** with as many places as columns */
  gsize n_bytes;
} SqlResult;
/* Adds a row. @texts are borrowed, one for each column. FALSE means that the result is too long. */
gboolean sql_result_add (SqlResult *result, const char *const *texts, GError **error);
/* Frees the result, and wipes it before, since it may have hashes of passwords. */
void sql_result_free (SqlResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SqlResult, sql_result_free)

typedef struct SqlConfiguration
{
  const SatchelConfig *section;
  SqlSettings settings;
  char *password;                   /* or NULL */
  SqlQuery *queries[SQL_N_QUERIES]; /* NULL: there is none */
} SqlConfiguration;

/* Each kind of database has such calls. All functions may block, until the time of @call is over or its
 * caller gone. */
typedef struct SqlDriver
{
  char sign; /* character before the numbers of values: '?' or '$' */
  gpointer (*connect) (const SqlConfiguration *configuration, SatchelHelperCall *call, GError **error);
  void (*disconnect) (gpointer connection);
  /* Says whether the connection can still be used, without a question to the server. */
  gboolean (*is_alive) (gpointer connection);
  /* Asks a query. NULL with @error means that it failed; the connection is closed then. */
  SqlResult *(*query) (gpointer connection, SqlQueryKind kind, char *const *values, SatchelHelperCall *call,
                       GError **error);
} SqlDriver;
extern const SqlDriver sql_sqlite, sql_postgresql;

/* Says, with @error, whether the caller has given up. */
gboolean sql_is_over (SatchelHelperCall *call, GError **error);
