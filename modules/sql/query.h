/* SPDX-License-Identifier: MIT
 * Queries of the administrator's, with names where values belong.  A value is never part of a query's text.
 * Pure.
 */
#pragma once
#include <satchel/error.h>

typedef enum
{
  SQL_VALUE_USER = 0, /* :user or :address */
  SQL_VALUE_LOCAL,    /* :local, before the last '@' */
  SQL_VALUE_DOMAIN    /* :domain, behind it */
} SqlValue;

typedef struct SqlQuery
{
  char *text; /* the query as the database prepares it: "?1", "$2" for values */
  guint n_values;
  SqlValue values[3]; /* values[i] belongs to number i + 1 */
} SqlQuery;
/* Reads a query. @sign is '?' or '$'. NULL with INVALID means that no value is asked for, that one stands in
 * quotes, that the name is none, or that there is more than one command. */
SqlQuery *sql_query_parse (const char *text, char sign, GError **error);
void sql_query_free (SqlQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SqlQuery, sql_query_free)
/* Returns the values of @query for @address, in the order of their numbers, NULL-ended; the caller frees
 * them. */
char **sql_query_bind (const SqlQuery *query, const char *address);
