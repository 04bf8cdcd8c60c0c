/* SPDX-License-Identifier: MIT
 * This file copies volumes by the library, which reads whole pages while others write them, and checks
 * copies.
 */
#include "config.h"

#include "volume/backup_lock.h"
#include "volume/copy.h"
#include "volume/format_file.h"
#include "volume/volume_private.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUPS_DIR "backups"

static gboolean
make_dir (const char *path, GError **error)
{
  return mkdir (path, 0700) == 0
         || satchel_error_set_errno (error, errno, "the directory %s cannot be made", path);
}

static gboolean
copy_to (BdbVolume *volume, const char *target, GError **error)
{
  g_auto (SatchelFd) lock = bdb_backup_lock_share (volume->home_fd, error);
  if (lock < 0 || !make_dir (target, error) || !bdb_volume_begin_use (volume, error))
    return FALSE;
  DB_ENV *env = volume->environment.env;
  int code = env->backup (env, target, DB_BACKUP_CLEAN);
  bdb_volume_end_use (volume);
  return (code == 0 || bdb_volume_error (volume, error, code, "the copy failed"))
         && bdb_format_write (target, error);
}

char *
bdb_copy_volume (BdbVolume *volume, const char *name, GError **error)
{
  g_autofree char *backups = g_build_filename (volume->home, BACKUPS_DIR, NULL);
  g_autofree char *target = g_build_filename (backups, name, NULL);
  struct stat st;
  if (stat (backups, &st) != 0 && !make_dir (backups, error))
    return NULL;
  return copy_to (volume, target, error) ? g_steal_pointer (&target) : NULL;
}

/* A copy has files only. */
static void
remove_copy (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL;
       name = g_dir_read_name (dir))
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      unlink (file);
    }
  rmdir (path);
}

static void
hear_nothing (gpointer data, const char *message)
{
}

static gboolean
verify_tables (const char *path, GError **error)
{
  static const char *const files[] = BDB_TABLE_FILES;
  for (guint i = 0; i < BDB_N_TABLES; i++)
    {
      DB *db;
      g_autofree char *file = g_build_filename (path, files[i], NULL);
      int code = db_create (&db, NULL, 0);
      if (code == 0)
        code = db->verify (db, file, NULL, NULL, 0); /* it ends the handle */
      if (code != 0)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                  "table %s is damaged (%s); go back to a backup, or run satchel bdb salvage",
                                  files[i], db_strerror (code));
    }
  return TRUE;
}

gboolean
bdb_copy_verify (BdbVolume *volume, GError **error)
{
  BdbEnvironment copy;
  BdbSettings settings = volume->settings;
  g_autofree char *target = g_build_filename (volume->home, "verify", NULL);
  settings.cache = MIN (settings.cache, 8u << 20);
  remove_copy (target); /* of a process that was killed */
  gboolean ok = copy_to (volume, target, error)
                && bdb_environment_open (&copy, target, &settings, hear_nothing, NULL, error);
  if (ok)
    {
      bdb_environment_close (&copy, FALSE);
      ok = verify_tables (target, error);
    }
  remove_copy (target);
  return ok;
}
