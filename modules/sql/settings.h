/* SPDX-License-Identifier: MIT
 * Declares the settings of module sql.
 */
#pragma once
#include <satchel/config.h>

typedef enum
{
  SQL_SQLITE = 0,
  SQL_POSTGRESQL
} SqlKind;

typedef enum
{
  SQL_TLS_VERIFY = 0,
  SQL_TLS_OFF
} SqlTls;

typedef struct SqlSettings
{
  SqlKind kind;
  const char *path;   /* SQLite */
  const char *server; /* PostgreSQL: the endpoint, as text */
  const char *database, *user, *ca_file;
  SqlTls tls;
  const char *user_query, *address_query; /* NULL: unset */
  guint connections;
} SqlSettings;

extern const SatchelConfigRow sql_schema[];
/* Checks what the table of settings cannot. */
gboolean sql_settings_check (const SqlSettings *settings, GError **error);
