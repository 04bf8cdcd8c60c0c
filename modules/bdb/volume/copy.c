/* SPDX-License-Identifier: MIT
 * This file copies volumes by the library, which reads whole pages while others write them, and checks
 * copies.
 */
#include "config.h"

#include "body/body_notes.h"
#include "volume/backup_lock.h"
#include "volume/copy.h"
#include "volume/file_copy.h"
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

/* The tables come first: the log that is copied after them has all that their pages lack. */
static int
copy_tables (BdbVolume *volume, const char *target)
{
  static const char *const files[] = BDB_TABLE_FILES;
  DB_ENV *env = volume->environment.env;
  int code = 0;
  for (guint i = 0; code == 0 && i < BDB_N_TABLES; i++)
    code = env->dbbackup (env, files[i], target, DB_EXCL);
  return code;
}

static gboolean
copy_log_files (BdbVolume *volume, char *const *names, const char *target, GError **error)
{
  g_auto (SatchelFd) to = open (target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (to < 0)
    return satchel_error_set_errno (error, errno, "the directory %s cannot be opened", target);
  for (; *names != NULL; names++)
    if (!bdb_file_copy (volume->home_fd, to, *names))
      return satchel_error_set_errno (error, errno, "%s/%s cannot be copied to %s", volume->home, *names,
                                      target);
  return TRUE;
}

static gboolean
copy_log (BdbVolume *volume, const char *target, GError **error)
{
  DB_ENV *env = volume->environment.env;
  char **names = NULL;
  int code = env->log_flush (env, NULL);
  if (code == 0)
    code = env->log_archive (env, &names, DB_ARCH_LOG);
  if (code != 0)
    return bdb_volume_error (volume, error, code, "the log cannot be copied");
  gboolean ok = names == NULL || copy_log_files (volume, names, target, error);
  bdb_memory_give_back (names);
  return ok;
}

/* The library's own copy of all at once (DB_ENV->backup) keeps a text in a variable of the whole process,
 * which would outlive the memory of its environment, and which two copies at the same time would free twice.
 */
static gboolean
copy_environment (BdbVolume *volume, const char *target, GError **error)
{
  if (!bdb_volume_begin_use (volume, error))
    return FALSE;
  int code = copy_tables (volume, target);
  gboolean ok = code == 0 ? copy_log (volume, target, error)
                          : bdb_volume_error (volume, error, code, "the copy failed");
  bdb_volume_end_use (volume);
  return ok;
}

/* Bodies come last: those that the tables name are all there then.  A copy that is only checked has none;
 * they are checked where they are. */
static gboolean
copy_to (BdbVolume *volume, const char *target, gboolean with_bodies, GError **error)
{
  g_auto (SatchelFd) lock = bdb_backup_lock_share (volume->home_fd, error);
  return lock >= 0 && make_dir (target, error) && copy_environment (volume, target, error)
         && (with_bodies ? bdb_body_files_copy (volume->home, target, error)
                         : bdb_body_verify (volume, error))
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
  return copy_to (volume, target, TRUE, error) ? g_steal_pointer (&target) : NULL;
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
      BdbMemory *memory = bdb_memory_new ();
      bdb_memory_enter (memory);
      int code = db_create (&db, NULL, 0);
      if (code == 0)
        code = db->verify (db, file, NULL, NULL, 0); /* it ends the handle */
      bdb_memory_leave ();
      bdb_memory_free (memory);
      if (code != 0)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                  "table %s is damaged (%s); go back to a backup, or run satchel fsck --save",
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
  gboolean ok = copy_to (volume, target, FALSE, error)
                && bdb_environment_open (&copy, target, &settings, hear_nothing, NULL, error);
  if (ok)
    {
      bdb_environment_close (&copy, FALSE);
      ok = verify_tables (target, error);
    }
  remove_copy (target);
  return ok;
}
