/* SPDX-License-Identifier: MIT
 * Implements the volumes of this process: a table by directory, and the lock that keeps other processes out.
 */
#include "config.h"

#include "body/body_notes.h"
#include "volume/volume_private.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/hash.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_FILE "owner.lock"
#define PATH_BYTES 4096u

static GMutex volumes_lock;
static GHashTable *volumes; /* home -> BdbVolume; without references of its own */
static GPtrArray *kept;     /* BdbVolume, references: those that stay open (keep_open) */

char *
bdb_volume_home (int root_fd, const BdbSettings *settings, const char *name)
{
  char link[64], root[PATH_BYTES];
  g_snprintf (link, sizeof link, "/proc/self/fd/%d", root_fd);
  ssize_t n = readlink (link, root, sizeof root - 1);
  if (n <= 0)
    return NULL;
  root[n] = '\0';
  return g_build_filename (root, settings->path, name != NULL && *name != '\0' ? name : "default", NULL);
}

/* ---- opening ---- */

/* Opened level by level, so that no symbolic link is followed. */
static int
open_home (int root_fd, const char *path, const char *name, GError **error)
{
  g_autofree char *whole = g_build_filename (path, name != NULL && *name != '\0' ? name : "default", NULL);
  g_auto (GStrv) parts = g_strsplit (whole, "/", -1);
  g_auto (SatchelFd) fd = fcntl (root_fd, F_DUPFD_CLOEXEC, 0);
  for (char **part = parts; fd >= 0 && *part != NULL; part++)
    {
      gboolean is_made = mkdirat (fd, *part, 0700) == 0;
      if (is_made ? fsync (fd) != 0 : errno != EEXIST)
        {
          satchel_error_set_errno (error, errno, "the directory %s of the volume cannot be made", whole);
          return -1;
        }
      int next = openat (fd, *part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      satchel_fd_clear (&fd);
      fd = next;
    }
  if (fd < 0)
    satchel_error_set_errno (error, errno, "the directory %s of the volume cannot be opened", whole);
  return satchel_fd_steal (&fd);
}

static gboolean
take_lock (BdbVolume *volume, GError **error)
{
  volume->lock_fd = openat (volume->home_fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (volume->lock_fd < 0)
    return satchel_error_set_errno (error, errno, "%s/" LOCK_FILE " cannot be opened", volume->home);
  if (flock (volume->lock_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  if (errno != EWOULDBLOCK)
    return satchel_error_set_errno (error, errno, "%s/" LOCK_FILE " cannot be locked", volume->home);
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                            "another process has the volume in %s open; if it is another server, stop one",
                            volume->home);
}

static void
free_volume (BdbVolume *volume)
{
  g_clear_pointer (&volume->bodies, bdb_body_files_close);
  satchel_fd_clear (&volume->lock_fd);
  satchel_fd_clear (&volume->home_fd);
  g_rw_lock_clear (&volume->use_lock);
  g_mutex_clear (&volume->writer);
  g_mutex_clear (&volume->space_lock);
  g_mutex_clear (&volume->message_lock);
  g_mutex_clear (&volume->upkeep_lock);
  g_cond_clear (&volume->upkeep_cond);
  g_free (volume->message);
  g_free (volume->home);
  g_free (volume);
}

static BdbVolume *
make_volume (int root_fd, const BdbSettings *settings, const char *name, char *home, GError **error)
{
  BdbVolume *volume = g_new0 (BdbVolume, 1);
  g_atomic_ref_count_init (&volume->refs);
  volume->home = home;
  volume->settings = *settings;
  volume->reserve = settings->reserve;
  volume->lock_fd = -1;
  g_rw_lock_init (&volume->use_lock);
  g_mutex_init (&volume->writer);
  g_mutex_init (&volume->space_lock);
  g_mutex_init (&volume->message_lock);
  g_mutex_init (&volume->upkeep_lock);
  g_cond_init (&volume->upkeep_cond);
  volume->home_fd = open_home (root_fd, settings->path, name, error);
  if (volume->home_fd >= 0 && take_lock (volume, error) && bdb_volume_start (volume, error))
    {
      bdb_upkeep_start (volume);
      return volume;
    }
  free_volume (volume);
  return NULL;
}

BdbVolume *
bdb_volume_open (int root_fd, const BdbSettings *settings, const char *name, GError **error)
{
  g_autofree char *home = bdb_volume_home (root_fd, settings, name);
  if (home == NULL)
    {
      satchel_error_set_errno (error, errno, "the path of server.mail_root cannot be found in /proc/self/fd");
      return NULL;
    }
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&volumes_lock);
  if (volumes == NULL)
    volumes = g_hash_table_new (satchel_string_hash, g_str_equal);
  BdbVolume *volume = g_hash_table_lookup (volumes, home);
  if (volume != NULL)
    return bdb_volume_ref (volume);
  volume = make_volume (root_fd, settings, name, g_steal_pointer (&home), error);
  if (volume != NULL)
    g_hash_table_insert (volumes, volume->home, volume);
  if (volume != NULL && settings->keeps_open)
    {
      if (kept == NULL)
        kept = g_ptr_array_new ();
      g_ptr_array_add (kept, bdb_volume_ref (volume));
    }
  return volume;
}

/* ---- closing ---- */

BdbVolume *
bdb_volume_ref (BdbVolume *volume)
{
  g_atomic_ref_count_inc (&volume->refs);
  return volume;
}

static void
close_volume (BdbVolume *volume)
{
  bdb_upkeep_stop (volume);
  if (!g_atomic_int_get (&volume->has_failed))
    bdb_body_mark_end (volume, NULL); /* else the next opening looks at what is in use */
  bdb_environment_close (&volume->environment, g_atomic_int_get (&volume->has_failed));
  free_volume (volume);
}

void
bdb_volume_unref (BdbVolume *volume)
{
  g_mutex_lock (&volumes_lock);
  gboolean is_last = g_atomic_ref_count_dec (&volume->refs);
  if (is_last)
    g_hash_table_remove (volumes, volume->home);
  /* Closed under the lock, or the next one to open it would find it locked. */
  if (is_last)
    close_volume (volume);
  g_mutex_unlock (&volumes_lock);
}

void
bdb_volumes_release (void)
{
  g_mutex_lock (&volumes_lock);
  GPtrArray *released = g_steal_pointer (&kept);
  g_mutex_unlock (&volumes_lock);
  for (guint i = 0; released != NULL && i < released->len; i++)
    bdb_volume_unref (released->pdata[i]);
  g_clear_pointer (&released, g_ptr_array_unref);
}

BdbBodyFiles *
bdb_volume_bodies (const BdbVolume *volume)
{
  return volume->bodies;
}

const char *
bdb_volume_path (const BdbVolume *volume)
{
  return volume->home;
}
