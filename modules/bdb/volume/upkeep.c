/* SPDX-License-Identifier: MIT
 * Implements the thread of a volume, which makes checkpoints by size and by time, and gives room in body
 * files back. It sleeps while nothing is written.
 */
#include "config.h"

#include "body/body_notes.h"
#include "volume/volume_private.h"

#include <satchel/log.h>

#define PAGES_AT_ONCE 4096u

/* Moves some pages into free ones nearer to the start, and makes the files shorter. */
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
  return code == DB_LOCK_DEADLOCK ? 0 : code; /* another call will do more */
}

/* Makes a checkpoint.  FALSE means that it has to be tried again. */
static gboolean
check_point (BdbVolume *volume, gboolean wants_room)
{
  g_autoptr (GError) error = NULL;
  if (!bdb_volume_begin_use (volume, &error))
    return FALSE; /* the next call that uses the volume gets the error */
  int code = bdb_upkeep_write_pages (volume, wants_room);
  if (code == 0 && wants_room && bdb_volume_has_room (volume))
    {
      code = give_pages_back (volume);
      if (code == 0)
        code = bdb_upkeep_write_pages (volume, TRUE);
    }
  if (code != 0)
    bdb_volume_error (volume, &error, code, "pages cannot be written to the tables, so the log grows");
  bdb_volume_end_use (volume);
  if (code == 0)
    bdb_body_reclaim (volume, &error);
  if (error != NULL && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_ERROR, "bdb", "%s", error->message);
  return code == 0;
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
      gboolean ok = check_point (volume, wants_room);
      g_mutex_lock (&volume->upkeep_lock);
      volume->is_dirty |= !ok;
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
