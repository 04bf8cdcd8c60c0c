/* SPDX-License-Identifier: MIT
 * This file removes what a conversion leaves: the store that the user had before, and a copy that is taken
 * back.  The note in the user's store says which, until nothing is left.  A command does it with progress;
 * if it ends early, or its process does, the upkeep does it in slices.
 */
#include "config.h"

#include "core/session/convert/convert_leftover.h"

#include "core/session/convert/convert_private.h"

#include <satchel/job.h>
#include <satchel/log.h>

#define AREA "convert"
#define CLOSE_TRIES 120u

gboolean
satchel_convert_has_leftover (const SatchelConvertNote *note)
{
  return note->state == SATCHEL_CONVERT_CAME || note->state == SATCHEL_CONVERT_UNDOING;
}

/* Removes the store that the note of @store names, if it is to be removed, and then the note. */
static gboolean
remove_leftover (SatchelStore *store, const SatchelConvertNote *note, SatchelDestroyStepFunc step,
                 gpointer data, GError **error)
{
  const char *user = satchel_store_user (store);
  g_autoptr (SatchelPlace) at = satchel_store_place (store);
  const gboolean stays =
      (note->state == SATCHEL_CONVERT_CAME && note->keeps_old) || satchel_stores_are_same (at, note->place);
  if (!stays && !satchel_stores_destroy (user, note->place, step, data, error))
    return FALSE;
  if (!satchel_convert_note_write (store, &(SatchelConvertNote) { 0 }, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s: user=\"%s\" profile=%s volume=\"%s\"",
               stays                                 ? "store of before stays"
               : note->state == SATCHEL_CONVERT_CAME ? "store of before removed"
                                                     : "conversion taken back",
               user, note->place->profile, note->place->volume != NULL ? note->place->volume : "");
  return TRUE;
}

/* ---- by a command ---- */

static gboolean
stop (const SatchelConvertRun *run, GError **error)
{
  return satchel_error_set (
      error, SATCHEL_ERROR_CANCELLED,
      run->note.state == SATCHEL_CONVERT_CAME
          ? "the user is converted, but a part of the old store is left; the same command "
            "removes it, or the upkeep does"
          : "a part of the copy is left; the same command removes it, or the upkeep does");
}

/* Waits until the old store is closed: its sessions have been told to end, and it closes with the last of
 * them. */
static gboolean
wait_closed (SatchelConvertRun *run, GError **error)
{
  for (guint i = 0; i < CLOSE_TRIES; i++)
    {
      if (satchel_store_wait_closed (run->user, run->note.place->epoch))
        return TRUE;
      if (satchel_admin_is_cancelled (run->call))
        return stop (run, error);
    }
  return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                            "the user is converted, but the old store is still in use and stays; the same "
                            "command removes it later, or the upkeep does");
}

gboolean
satchel_convert_show_removed (guint64 n_removed, gpointer data)
{
  SatchelConvertRun *run = data;
  const char *what = run->note.state == SATCHEL_CONVERT_CAME      ? "entries of the old store removed"
                     : run->note.state == SATCHEL_CONVERT_UNDOING ? "entries of the copy removed"
                                                                  : "entries at the target removed";
  if (satchel_admin_is_cancelled (run->call) || satchel_store_is_released (run->store))
    return FALSE;
  return satchel_admin_progress (run->call, n_removed, 0, what);
}

gboolean
satchel_convert_clean_up (SatchelConvertRun *run, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (run->note.state == SATCHEL_CONVERT_CAME && !wait_closed (run, error))
    return FALSE;
  if (remove_leftover (run->store, &run->note, satchel_convert_show_removed, run, &local))
    {
      satchel_convert_note_clear (&run->note);
      return TRUE;
    }
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED))
    return stop (run, error);
  g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s",
                              run->note.state == SATCHEL_CONVERT_CAME
                                  ? "the user is converted, but the old store stays: "
                                  : "the copy stays: ");
  return FALSE;
}

/* ---- by the upkeep ---- */

static gboolean
has_time (guint64 n_removed, gpointer maintenance)
{
  return !satchel_maintenance_is_over (maintenance);
}

static SatchelMaintained
clean_slice (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error)
{
  g_auto (SatchelConvertNote) note = { SATCHEL_CONVERT_NONE, NULL, 0, FALSE };
  g_autoptr (GError) local = NULL;
  /* A store whose driver keeps no files beside the mail cannot have a note, and was never converted. */
  if (!satchel_convert_note_read (store, &note, &local) && local->code != SATCHEL_ERROR_CANNOT)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return SATCHEL_MAINTAIN_FAILED;
    }
  if (!satchel_convert_has_leftover (&note)
      || !satchel_store_wait_closed (satchel_store_user (store), note.place->epoch))
    return SATCHEL_MAINTAIN_DONE;
  if (remove_leftover (store, &note, has_time, (gpointer) maintenance, &local))
    return SATCHEL_MAINTAIN_DONE;
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED))
    return SATCHEL_MAINTAIN_MORE;
  g_propagate_prefixed_error (error, g_steal_pointer (&local), "what a conversion left stays: ");
  return SATCHEL_MAINTAIN_FAILED;
}

SatchelMaintained
satchel_convert_maintain (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error)
{
  const char *user = satchel_store_user (store);
  if (!satchel_convert_be_alone (user, NULL))
    return SATCHEL_MAINTAIN_DONE;
  const SatchelMaintained result = clean_slice (store, maintenance, error);
  satchel_convert_end_alone (user);
  return result;
}
