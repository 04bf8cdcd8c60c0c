/* SPDX-License-Identifier: MIT
 * sql: users in SQLite or PostgreSQL.  Roles auth (asks, compares hashes) and helper (has the connections).
 */
#include "helper.h"
#include "settings.h"
#include "source.h"

#include <satchel/module.h>
#include <sodium.h>

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  SqlSettings settings = { 0 };
  satchel_config_fill (section, sql_schema, &settings);
  return sql_settings_check (&settings, error);
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  if (sodium_init () < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library libsodium cannot be initialized");
  sql_source_init ();
  return sql_helper_configure (section, error);
}

static gboolean
start (SatchelRole role, GError **error)
{
  const char *trouble = sql_helper_trouble ();
  if (role == SATCHEL_ROLE_HELPER && trouble != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "%s", trouble);
  if (role != SATCHEL_ROLE_HELPER)
    sql_helper_clear (); /* the password of the database is not auth's */
  return TRUE;
}

/* Threads of the helper may still use what it has: that goes with the process. */
static void
stop (void)
{
  sql_source_clear ();
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PASSDB, .ops = &sql_passdb },
  { .kind = SATCHEL_KIND_USERDB, .ops = &sql_userdb },
  { .kind = SATCHEL_KIND_HELPER, .ops = &sql_helper },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = SQL_NAME,
  .version = "0.1.0",
  .description = "Users in SQLite or PostgreSQL",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_HELPER,
  .schema = sql_schema,
  .provides = provides,
  .check = check_settings,
  .configure = configure,
  .start = start,
  .stop = stop,
  .rights = SATCHEL_RIGHT_CONNECT, /* libpq takes no socket */
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
