/* SPDX-License-Identifier: MIT
 * This file opens and closes the environment of a volume.
 *
 * Pages have 4 KiB: the kernel writes such a block whole or not at all when the process is killed, while a
 * larger page may be torn, and its checksum then makes the volume unusable (decision 0080).
 */
#include "config.h"

#include "volume/environment.h"
#include "volume/file_list.h"
#include "volume/file_open.h"
#include "volume/format_file.h"

#include <errno.h>
#include <string.h>

#define PAGE_BYTES 4096u
#define MUTEX_SPINS 1u
#define LOCKS_INITIAL 2000u
#define OPEN_FLAGS                                                                                           \
  (DB_CREATE | DB_PRIVATE | DB_RECOVER | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK | DB_THREAD)

static const char *const table_files[BDB_N_TABLES] = BDB_TABLE_FILES;

typedef struct Listener
{
  BdbMessageFunc func;
  gpointer data;
} Listener;

gboolean
bdb_error_set (GError **error, int code, const char *what)
{
  if (code == DB_RUNRECOVERY)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "%s: Berkeley DB has stopped the volume until it is recovered", what);
  if (code == DB_LOCK_DEADLOCK || code == DB_LOCK_NOTGRANTED)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s: others held the locks for too long",
                              what);
  if (code > 0 && code != EINVAL)
    return satchel_error_set_errno (error, code, "Berkeley DB failed at: %s", what);
  return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s: %s", what, db_strerror (code));
}

static void
hear_error (const DB_ENV *env, const char *prefix, const char *message)
{
  const Listener *listener = env->app_private;
  listener->func (listener->data, message);
}

static void
hear_event (DB_ENV *env, u_int32_t event, void *info)
{
  const Listener *listener = env->app_private;
  if (event == DB_EVENT_PANIC)
    listener->func (listener->data, NULL);
}

static int
set_up (DB_ENV *env, const BdbSettings *settings)
{
  int code = env->set_cachesize (env, (u_int32_t) (settings->cache >> 30),
                                 (u_int32_t) (settings->cache & ((1u << 30) - 1)), 1);
  if (code == 0)
    code = env->set_lg_max (env, (u_int32_t) settings->log_file);
  if (code == 0)
    code = env->set_lg_bsize (env, BDB_LOG_BUFFER_BYTES);
  /* A log file that is filled with zeros first can be synced without changing the inode. */
  if (code == 0)
    code = env->log_set_config (env, DB_LOG_ZERO, 1);
  if (code == 0)
    code = env->mutex_set_tas_spins (env, MUTEX_SPINS);
  if (code == 0)
    code = env->set_memory_init (env, DB_MEM_LOCK, LOCKS_INITIAL);
  /* Readers begin again at little cost, so they give way to the writer. */
  return code == 0 ? env->set_lk_detect (env, DB_LOCK_MINWRITE) : code;
}

static int
open_table (BdbEnvironment *environment, BdbTable table)
{
  DB *db;
  int code = db_create (&db, environment->env, 0);
  if (code != 0)
    return code;
  environment->tables[table] = db;
  code = db->set_flags (db, DB_CHKSUM);
  if (code == 0)
    code = db->set_pagesize (db, PAGE_BYTES);
  return code == 0 ? db->open (db, NULL, table_files[table], NULL, DB_BTREE,
                               DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, 0600)
                   : code;
}

static int
open_env (BdbEnvironment *environment, const char *home, const BdbSettings *settings)
{
  int code = set_up (environment->env, settings);
  if (code == 0)
    code = environment->env->open (environment->env, home, OPEN_FLAGS, 0600);
  for (guint i = 0; code == 0 && i < BDB_N_TABLES; i++)
    code = open_table (environment, i);
  return code;
}

static int
make_env (BdbEnvironment *environment, BdbMessageFunc func, gpointer data)
{
  int code = db_env_create (&environment->env, 0);
  if (code != 0)
    return code;
  Listener *listener = g_new (Listener, 1);
  *listener = (Listener) { func, data };
  environment->env->app_private = listener;
  environment->env->set_errcall (environment->env, hear_error);
  environment->env->set_event_notify (environment->env, hear_event);
  return 0;
}

gboolean
bdb_environment_open (BdbEnvironment *environment, const char *home, const BdbSettings *settings,
                      BdbMessageFunc func, gpointer data, GError **error)
{
  *environment = (BdbEnvironment) { 0 };
  db_env_set_func_open (bdb_file_open);
  db_env_set_func_dirlist (bdb_file_list);
  db_env_set_func_dirfree (bdb_file_list_free);
  if (!bdb_format_check (home, error))
    return FALSE;
  environment->memory = bdb_memory_new ();
  bdb_memory_enter (environment->memory);
  int code = make_env (environment, func, data);
  if (code == 0)
    code = open_env (environment, home, settings);
  bdb_memory_leave ();
  if (code == 0)
    return TRUE;
  bdb_environment_close (environment, TRUE);
  g_autofree char *what = g_strdup_printf ("the volume in %s cannot be opened", home);
  return bdb_error_set (error, code, what);
}

static void
close_env (BdbEnvironment *environment, gboolean has_failed)
{
  DB_ENV *env = environment->env;
  gpointer listener = env->app_private;
  for (guint i = 0; i < BDB_N_TABLES; i++)
    if (environment->tables[i] != NULL)
      environment->tables[i]->close (environment->tables[i], 0);
  if (!has_failed)
    env->txn_checkpoint (env, 0, 0, 0);
  env->close (env, 0);
  g_free (listener);
}

void
bdb_environment_close (BdbEnvironment *environment, gboolean has_failed)
{
  if (environment->memory == NULL)
    return;
  bdb_memory_enter (environment->memory);
  if (environment->env != NULL)
    close_env (environment, has_failed);
  bdb_memory_leave ();
  bdb_memory_free (environment->memory);
  *environment = (BdbEnvironment) { 0 };
}
