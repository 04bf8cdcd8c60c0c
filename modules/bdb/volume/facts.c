/* SPDX-License-Identifier: MIT
 * This file asks Berkeley DB what it counts.
 */
#include "config.h"

#include "volume/facts.h"
#include "volume/volume_private.h"

#include <fcntl.h>
#include <sys/stat.h>

static guint64
size_of (int home_fd, const char *name)
{
  struct stat st;
  return fstatat (home_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (guint64) st.st_size : 0;
}

static int
ask (DB_ENV *env, BdbVolumeFacts *facts)
{
  DB_LOG_STAT *log = NULL;
  DB_TXN_STAT *txn = NULL;
  DB_MPOOL_STAT *pool = NULL;
  DB_LOCK_STAT *lock = NULL;
  int code = env->log_stat (env, &log, 0);
  if (code == 0)
    code = env->txn_stat (env, &txn, 0);
  if (code == 0)
    code = env->memp_stat (env, &pool, NULL, 0);
  if (code == 0)
    code = env->lock_stat (env, &lock, 0);
  if (code == 0)
    {
      facts->n_since_checkpoint = (guint64) log->st_wc_mbytes * 1024 * 1024 + log->st_wc_bytes;
      facts->n_syncs = log->st_scount;
      facts->n_commits = txn->st_ncommits;
      facts->n_hits = pool->st_cache_hit;
      facts->n_misses = pool->st_cache_miss;
      facts->n_deadlocks = lock->st_ndeadlocks;
    }
  bdb_memory_give_back (log);
  bdb_memory_give_back (txn);
  bdb_memory_give_back (pool);
  bdb_memory_give_back (lock);
  return code;
}

gboolean
bdb_volume_facts (BdbVolume *volume, BdbVolumeFacts *ret_facts, GError **error)
{
  static const char *const files[] = BDB_TABLE_FILES;
  if (!bdb_volume_begin_use (volume, error))
    return FALSE;
  *ret_facts = (BdbVolumeFacts) { 0 };
  int code = ask (volume->environment.env, ret_facts);
  bdb_volume_end_use (volume);
  if (code != 0)
    return bdb_volume_error (volume, error, code, "its counters cannot be read");
  for (guint i = 0; i < BDB_N_TABLES; i++)
    ret_facts->table_bytes[i] = size_of (volume->home_fd, files[i]);
  g_autoptr (GDir) dir = g_dir_open (volume->home, 0, NULL);
  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL;
       name = g_dir_read_name (dir))
    if (g_str_has_prefix (name, "log."))
      ret_facts->log_bytes += size_of (volume->home_fd, name);
  ret_facts->bodies_bytes = bdb_body_files_usage (volume->bodies);
  ret_facts->home = g_strdup (volume->home);
  return TRUE;
}
