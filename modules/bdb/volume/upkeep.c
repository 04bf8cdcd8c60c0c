/* SPDX-License-Identifier: MIT
 * This file has the thread of a volume: checkpoints by size and by time, and the removal of log files that
 * recovery does not need any more.  It sleeps while nothing is written.
 */
#include "config.h"

#include "volume/backup_lock.h"
#include "volume/volume_private.h"

#include <satchel/log.h>

#define PAGES_AT_ONCE 4096u

/* Moves pages to where free ones are, some at a time, and cuts the files. */
static int
give_pages_back (BdbVolume *volume)
{
  int code = 0;
  for (guint i = 0; code == 0 && i < BDB_N_TABLES; i++)
    {
      DB *db = volume->environment.tables[i];
      DB_COMPACT bounds = { .compact_pages = PAGES_AT_ONCE };
      code = db->compact (db, NULL, NULL, NULL, &bounds, DB_FREE_SPACE, NULL);
    }
  return code == DB_LOCK_DEADLOCK ? 0 : code; /* the next time does more */
}

static int
write_pages (BdbVolume *volume, guint flags)
{
  DB_ENV *env = volume->environment.env;
  g_atomic_int_set (&volume->n_written_kib, 0);
  int code = env->txn_checkpoint (env, 0, 0, flags);
  if (code == 0 && bdb_backup_lock_try (volume->home_fd))
    {
      code = env->log_archive (env, NULL, DB_ARCH_REMOVE);
      bdb_backup_lock_release (volume->home_fd);
    }
  return code;
}

static void
check_point (BdbVolume *volume, gboolean wants_room)
{
  g_autoptr (GError) error = NULL;
  if (!bdb_volume_begin_use (volume, &error))
    return; /* who uses the volume is told */
  int code = write_pages (volume, wants_room ? DB_FORCE : 0);
  if (code == 0 && wants_room && bdb_volume_has_room (volume))
    {
      code = give_pages_back (volume);
      if (code == 0)
        code = write_pages (volume, DB_FORCE);
    }
  if (code != 0)
    bdb_volume_error (volume, &error, code, "pages cannot be written to the tables, so the log grows");
  bdb_volume_end_use (volume);
  if (error != NULL && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_ERROR, "bdb", "%s", error->message);
}

static gpointer
run_upkeep (gpointer data)
{
  BdbVolume *volume = data;
  g_mutex_lock (&volume->upkeep_lock);
  while (!volume->is_ending)
    {
      if (!volume->is_dirty)
        {
          g_cond_wait (&volume->upkeep_cond, &volume->upkeep_lock);
          continue;
        }
      gint64 end_us = g_get_monotonic_time () + volume->settings.checkpoint_ms * 1000;
      while (!volume->is_ending && !volume->is_due
             && g_cond_wait_until (&volume->upkeep_cond, &volume->upkeep_lock, end_us))
        ;
      if (volume->is_ending)
        break;
      gboolean wants_room = volume->wants_room;
      volume->is_dirty = volume->is_due = volume->wants_room = FALSE;
      g_mutex_unlock (&volume->upkeep_lock);
      check_point (volume, wants_room);
      g_mutex_lock (&volume->upkeep_lock);
    }
  g_mutex_unlock (&volume->upkeep_lock);
  return NULL;
}

void
bdb_upkeep_start (BdbVolume *volume)
{
  volume->upkeep = g_thread_new ("bdb-upkeep", run_upkeep, volume);
}

void
bdb_upkeep_stop (BdbVolume *volume)
{
  g_mutex_lock (&volume->upkeep_lock);
  volume->is_ending = TRUE;
  g_cond_signal (&volume->upkeep_cond);
  g_mutex_unlock (&volume->upkeep_lock);
  g_thread_join (volume->upkeep);
}

void
bdb_upkeep_note (BdbVolume *volume, gsize n_bytes)
{
  gint kib = (gint) (n_bytes / 1024) + 1;
  gint before = g_atomic_int_add (&volume->n_written_kib, kib);
  gboolean is_due = (guint64) before + (guint64) kib >= volume->settings.log_bytes / 1024;
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
