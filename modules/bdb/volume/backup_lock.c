/* SPDX-License-Identifier: MIT
 * Implements the lock between backups and the removal of log files: flock(2) on the file backup.lock.
 */
#include "config.h"

#include "volume/backup_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <sys/file.h>

#define BACKUP_LOCK "backup.lock"

static GMutex remover; /* one remover at a time in this process */
static int remover_fd = -1;

static int
open_lock (int home_fd)
{
  return openat (home_fd, BACKUP_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

gboolean
bdb_backup_lock_try (int home_fd)
{
  g_mutex_lock (&remover);
  remover_fd = open_lock (home_fd);
  if (remover_fd >= 0 && flock (remover_fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  satchel_fd_clear (&remover_fd);
  g_mutex_unlock (&remover);
  return FALSE;
}

void
bdb_backup_lock_release (int home_fd)
{
  satchel_fd_clear (&remover_fd);
  g_mutex_unlock (&remover);
}

int
bdb_backup_lock_share (int home_fd, GError **error)
{
  g_auto (SatchelFd) fd = open_lock (home_fd);
  if (fd < 0 || flock (fd, LOCK_SH) != 0)
    {
      satchel_error_set_errno (error, errno, "the lock of backups, " BACKUP_LOCK ", cannot be taken");
      return -1;
    }
  return satchel_fd_steal (&fd);
}
