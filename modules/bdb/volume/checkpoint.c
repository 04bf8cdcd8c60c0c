/* SPDX-License-Identifier: MIT
 * This file writes checkpoints, removes log files that recovery does not need any more, and says when the
 * thread of a volume has something to do.
 */
#include "config.h"

#include "volume/backup_lock.h"
#include "volume/volume_private.h"

int
bdb_upkeep_write_pages (BdbVolume *volume, gboolean always)
{
  DB_ENV *env = volume->environment.env;
  bdb_space_before_checkpoint (volume);
  const gint n_kib = g_atomic_int_get (&volume->n_written_kib);
  g_atomic_int_add (&volume->n_written_kib, -n_kib);
  int code = env->txn_checkpoint (env, 0, 0, always ? DB_FORCE : 0);
  if (code != 0)
    g_atomic_int_add (&volume->n_written_kib, n_kib); /* the pages still have to be written */
  if (code == 0 && bdb_backup_lock_try (volume->home_fd))
    {
      code = env->log_archive (env, NULL, DB_ARCH_REMOVE);
      bdb_backup_lock_release (volume->home_fd);
    }
  return code;
}

void
bdb_upkeep_note (BdbVolume *volume, gsize n_bytes)
{
  gint kib = (gint) (n_bytes / 1024) + 1;
  gint before = g_atomic_int_add (&volume->n_written_kib, kib);
  const guint64 due_kib = volume->settings.log_bytes / 1024;
  /* It is due once for each such amount, so that a failed checkpoint is not tried again at every write. */
  gboolean is_due = (guint64) before / due_kib != ((guint64) before + (guint64) kib) / due_kib;
  if (before > 0 && !is_due)
    return;
  g_mutex_lock (&volume->upkeep_lock);
  volume->is_dirty = TRUE;
  volume->is_due |= is_due;
  g_cond_signal (&volume->upkeep_cond);
  g_mutex_unlock (&volume->upkeep_lock);
}

void
bdb_volume_make_room (BdbVolume *volume)
{
  g_mutex_lock (&volume->upkeep_lock);
  volume->is_dirty = volume->is_due = volume->wants_room = TRUE;
  g_cond_signal (&volume->upkeep_cond);
  g_mutex_unlock (&volume->upkeep_lock);
}
