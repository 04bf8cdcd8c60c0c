/* SPDX-License-Identifier: MIT
 * Lists the settings of module sql.
 */
#include "settings.h"

#include "query.h"

#include <string.h>

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, SqlSettings, member)

const SatchelConfigRow sql_schema[] = {
  { "driver", INTO (ENUM, kind), "sqlite", "Kind of the database", .choices = "sqlite|postgresql" },
  { "path", INTO (PATH, path), NULL,
    "SQLite: file of the database, which the account of helpers must be able to read" },
  { "server", INTO (ENDPOINT, server), NULL, "PostgreSQL: where it listens, by TCP",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "database", INTO (STRING, database), NULL, "PostgreSQL: name of the database" },
  { "user", INTO (STRING, user), "satchel",
    "PostgreSQL: role to connect as, with the right to read and no other" },
  { "password", SATCHEL_CONFIG_SECRET, NULL, "PostgreSQL: password of that role" },
  { "tls", INTO (ENUM, tls), "verify",
    "PostgreSQL: verify: by TLS only, with a certificate for the name in `server`; off: in clear, for a "
    "server on this machine",
    .choices = "verify|off" },
  { "ca_file", INTO (PATH, ca_file), NULL, "PostgreSQL: certificates that its own must follow from" },
  { "user_query", INTO (STRING, user_query), NULL,
    "Query for a user, with :user (or :local and :domain) where the name belongs, without quotes; column "
    "`password` is the hash, `locked` may be a boolean, `scram` SCRAM keys, `user` the name as it is stored, "
    "which must be that of the login; any other is an attribute of that name (\"quota.storage\"); no row: "
    "there is no such user",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "address_query", INTO (STRING, address_query), NULL,
    "Query for an address, as before; the first column of each row is a user or another address; no row: the "
    "address is looked for as a user" },
  { "connections", INTO (INT, connections), "4", "Connections to the database, each for one query at a time",
    .min = 1, .max = 64 },
  { NULL }
};

static gboolean
check_query (const char *key, const char *text, GError **error)
{
  g_autoptr (SqlQuery) query = text != NULL ? sql_query_parse (text, '?', error) : NULL;
  if (text != NULL && query == NULL)
    g_prefix_error (error, "%s: ", key);
  return text == NULL || query != NULL;
}

gboolean
sql_settings_check (const SqlSettings *settings, GError **error)
{
  if (settings->kind == SQL_SQLITE && settings->path == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "path: driver \"sqlite\" needs it");
  if (settings->kind == SQL_POSTGRESQL && settings->server == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "server: driver \"postgresql\" needs it");
  if (settings->kind == SQL_POSTGRESQL && g_str_has_prefix (settings->server, "unix:"))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "server: PostgreSQL is reached by TCP only: write HOST:PORT");
  if (settings->kind == SQL_POSTGRESQL && settings->database == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "database: driver \"postgresql\" needs it");
  if (settings->kind == SQL_POSTGRESQL && settings->tls == SQL_TLS_VERIFY && settings->ca_file == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "ca_file: tls = \"verify\" needs it; /etc/ssl/certs/ca-certificates.crt has "
                              "those of the public authorities");
  return check_query ("user_query", settings->user_query, error)
         && check_query ("address_query", settings->address_query, error);
}
