/* SPDX-License-Identifier: MIT
 * This file makes the switch from a store to its copy.  While nothing can change the store, the copy gets
 * the last changes and a note of where it came from, auth records the new place, and whoever waits for the
 * store gets the new one.  Until the record is written the user is at the old place, and afterwards at the
 * new one, whichever process ends in between.
 */
#include "config.h"

#include "core/session/convert/convert_private.h"

#include <satchel/job.h>
#include <satchel/log.h>

#define AREA "convert"

gboolean
satchel_convert_is_stopping (gpointer call)
{
  return satchel_admin_is_cancelled (call);
}

/* Says whether the process stops, since nothing else may end the wait for auth's answer. */
static gboolean
is_process_stopping (gpointer data)
{
  SatchelAdminCall *call = data;
  (void) satchel_admin_is_cancelled (call);
  g_mutex_lock (&call->lock);
  gboolean is = call->is_cancelled && call->why == SATCHEL_ERROR_UNAVAILABLE;
  g_mutex_unlock (&call->lock);
  return is;
}

static SatchelPlace *
place_at (const SatchelPlace *place, guint64 epoch)
{
  SatchelPlace with = *place;
  with.epoch = epoch;
  return satchel_place_new (&with);
}

/* Has auth record the new place, and puts the copy in the place of the store.  The caller holds the store. */
static gboolean
turn (SatchelConvertRun *run, GError **error)
{
  SatchelTurnAnswer answer;
  SatchelTurnResult result = satchel_turn_ask (run->user, run->from, run->target, TRUE, is_process_stopping,
                                               run->call, &answer, error);
  if (result == SATCHEL_TURN_REFUSED)
    return FALSE;
  g_autoptr (SatchelPlace) place =
      place_at (run->target, result == SATCHEL_TURN_DONE ? answer.epoch : run->from->epoch);
  satchel_store_turn (run->store, place, result == SATCHEL_TURN_DONE && answer.slot == run->call->slot);
  if (result != SATCHEL_TURN_DONE)
    return FALSE;
  satchel_place_unref (run->target);
  run->target = g_steal_pointer (&place);
  return TRUE;
}

/* Makes the last pass, and writes the note by which the next owner of the copy knows where it came from. */
static gboolean
finish_copy (SatchelConvertRun *run, SatchelConversion *conversion, SatchelStore *target, GError **error)
{
  guint64 n_changes;
  const SatchelConvertNote came = { SATCHEL_CONVERT_CAME, run->from, run->note.began_s, run->keeps_old };
  return satchel_conversion_pass (conversion, &n_changes, error)
         && (!run->verifies || satchel_conversion_verify (conversion, error))
         && satchel_convert_note_write (target, &came, error);
}

gboolean
satchel_convert_switch (SatchelConvertRun *run, SatchelConversion *conversion, SatchelStore *target,
                        GError **error)
{
  const gint64 began_us = g_get_monotonic_time ();
  satchel_conversion_hold (conversion);
  gboolean ok = finish_copy (run, conversion, target, error);
  satchel_conversion_close_copy (conversion);
  satchel_store_unref (target);
  ok = ok && turn (run, error);
  satchel_conversion_unhold (conversion);
  run->held_us = g_get_monotonic_time () - began_us;
  satchel_conversion_free (conversion);
  if (!ok)
    return FALSE;
  if (run->keeps_old)
    {
      g_autoptr (GError) local = NULL;
      const SatchelConvertNote left = { SATCHEL_CONVERT_LEFT, run->target, run->note.began_s, TRUE };
      if (!satchel_convert_note_write (run->store, &left, &local))
        satchel_log (SATCHEL_LOG_WARNING, AREA, "user=%s the note in the store that was left stays: %s",
                     run->user, local->message);
    }
  satchel_log (SATCHEL_LOG_INFO, AREA,
               "user converted: user=\"%s\" profile=%s volume=\"%s\" epoch=%" G_GUINT64_FORMAT
               " held_ms=%" G_GINT64_FORMAT,
               run->user, run->target->profile, run->target->volume, run->target->epoch, run->held_us / 1000);
  g_clear_pointer (&run->store, satchel_store_unref);
  satchel_convert_note_clear (&run->note);
  run->store = satchel_store_acquire (run->call->access, run->target, error);
  return run->store != NULL && satchel_convert_note_read (run->store, &run->note, error);
}
