/* SPDX-License-Identifier: MIT
 * This file lets calls use the environment of a volume, and opens it again after a failure.
 */
#include "config.h"

#include "volume/volume_private.h"

#include <satchel/log.h>

#define RETRY_US (5 * (gint64) G_USEC_PER_SEC)

static void
hear_message (gpointer data, const char *message)
{
  BdbVolume *volume = data;
  if (message == NULL)
    {
      g_atomic_int_set (&volume->has_failed, TRUE);
      return;
    }
  g_mutex_lock (&volume->message_lock);
  g_free (volume->message);
  volume->message = g_strdup (message);
  g_mutex_unlock (&volume->message_lock);
  satchel_log (SATCHEL_LOG_DEBUG, "bdb", "volume %s: %s", volume->home, message);
}

void
bdb_volume_fail (BdbVolume *volume)
{
  g_atomic_int_set (&volume->has_failed, TRUE);
}

gboolean
bdb_volume_error (BdbVolume *volume, GError **error, int code, const char *what)
{
  if (code == DB_RUNRECOVERY)
    g_atomic_int_set (&volume->has_failed, TRUE);
  g_mutex_lock (&volume->message_lock);
  g_autofree char *message = g_strdup (volume->message);
  g_mutex_unlock (&volume->message_lock);
  bdb_error_set (error, code, what);
  if (error != NULL && message != NULL && code < 0)
    g_prefix_error (error, "volume %s: %s: ", volume->home, message);
  else if (error != NULL)
    g_prefix_error (error, "volume %s: ", volume->home);
  return FALSE;
}

gboolean
bdb_volume_start (BdbVolume *volume, GError **error)
{
  gint64 start_us = g_get_monotonic_time ();
  bdb_space_before_recovery (volume);
  if (!bdb_environment_open (&volume->environment, volume->home, &volume->settings, hear_message, volume,
                             error))
    {
      g_mutex_lock (&volume->message_lock);
      if (volume->message != NULL && error != NULL)
        g_prefix_error (error, "%s: ", volume->message);
      g_mutex_unlock (&volume->message_lock);
      return FALSE;
    }
  if (volume->bodies == NULL)
    volume->bodies = bdb_body_files_open (volume->home_fd, volume->home, error);
  else
    bdb_body_files_begin_epoch (volume->bodies);
  if (volume->bodies == NULL)
    {
      bdb_environment_close (&volume->environment, FALSE);
      return FALSE;
    }
  bdb_space_after_recovery (volume);
  g_atomic_int_set (&volume->has_failed, FALSE);
  g_atomic_int_inc (&volume->generation);
  satchel_log (SATCHEL_LOG_DEBUG, "bdb", "volume %s is open after %" G_GINT64_FORMAT " ms", volume->home,
               (g_get_monotonic_time () - start_us) / 1000);
  return TRUE;
}

/* ---- use ---- */

/* The first call some seconds after a failure opens the environment again. */
static gboolean
recover (BdbVolume *volume, GError **error)
{
  gboolean ok = TRUE;
  g_rw_lock_writer_lock (&volume->use_lock);
  if (g_atomic_int_get (&volume->has_failed))
    {
      gint64 now_us = g_get_monotonic_time ();
      if (now_us < volume->retry_us)
        ok = satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "volume %s has failed: %s", volume->home,
                                volume->message != NULL ? volume->message : "the log has the reason");
      else
        {
          volume->retry_us = now_us + RETRY_US;
          satchel_log (SATCHEL_LOG_WARNING, "bdb",
                       "volume %s has failed (%s) and is opened again with recovery", volume->home,
                       volume->message != NULL ? volume->message : "no reason is known");
          bdb_environment_close (&volume->environment, TRUE);
          ok = bdb_volume_start (volume, error);
        }
    }
  g_rw_lock_writer_unlock (&volume->use_lock);
  return ok;
}

gboolean
bdb_volume_begin_use (BdbVolume *volume, GError **error)
{
  for (;;)
    {
      g_rw_lock_reader_lock (&volume->use_lock);
      if (!g_atomic_int_get (&volume->has_failed))
        {
          bdb_memory_enter (volume->environment.memory);
          return TRUE;
        }
      g_rw_lock_reader_unlock (&volume->use_lock);
      if (!recover (volume, error))
        return FALSE;
    }
}

void
bdb_volume_end_use (BdbVolume *volume)
{
  bdb_memory_leave ();
  g_rw_lock_reader_unlock (&volume->use_lock);
}

gboolean
bdb_volume_has_failed (BdbVolume *volume)
{
  return g_atomic_int_get (&volume->has_failed);
}

void
bdb_volume_mend (BdbVolume *volume)
{
  if (bdb_volume_has_failed (volume) && bdb_volume_begin_use (volume, NULL))
    bdb_volume_end_use (volume);
}

guint
bdb_volume_generation (BdbVolume *volume)
{
  return (guint) g_atomic_int_get (&volume->generation);
}
