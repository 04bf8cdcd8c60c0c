/* SPDX-License-Identifier: MIT
 * This file has the commands of conversions, as jobs in the process that owns the user: what is to be done by
 * the notes in both stores, the copying while the user works, and what is told of it.
 */
#include "config.h"

#include "core/session/convert/convert_command.h"

#include "core/session/convert/convert_private.h"

#include <satchel/job.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "convert"
/* The switch is tried once a pass has had so little to do. */
#define FEW_CHANGES 64u
#define PASSES_MAX 1000u

typedef struct RunOptions
{
  const char *to;
  guint64 throttle;
  gboolean verifies, is_dry, keeps_old, replaces;
} RunOptions;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, RunOptions, member)
static const SatchelConfigRow run_options[] = {
  { "to", INTO (STRING, to), NULL, "The profile or driver, and the volume",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "throttle", INTO (SIZE, throttle), "0", "Bytes a second" },
  { "verify", INTO (BOOL, verifies), "false", "Compare everything" },
  { "dry-run", INTO (BOOL, is_dry), "false", "Change nothing" },
  { "keep-old", INTO (BOOL, keeps_old), "false", "Keep the old store" },
  { "replace", INTO (BOOL, replaces), "false", "Remove a store at the target" },
  { NULL }
};

static gboolean
run_begin_target (SatchelConvertRun *run, const char *to, GError **error)
{
  g_autofree char *profile = NULL, *volume = NULL;
  if (to == NULL)
    return TRUE;
  if (!satchel_stores_find_target (to, &profile, &volume, error))
    return FALSE;
  run->target = satchel_place_new (&(SatchelPlace) {
      .path = run->from->path, .profile = profile, .volume = volume, .epoch = run->from->epoch });
  return TRUE;
}

/* Two runs for a user would be in each other's way. */
static GMutex alone_lock;
static GPtrArray *alone; /* names */

static gboolean
run_be_alone (SatchelConvertRun *run, GError **error)
{
  g_mutex_lock (&alone_lock);
  if (alone == NULL)
    alone = g_ptr_array_new_with_free_func (g_free);
  run->is_alone = !g_ptr_array_find_with_equal_func (alone, run->user, g_str_equal, NULL);
  if (run->is_alone)
    g_ptr_array_add (alone, g_strdup (run->user));
  g_mutex_unlock (&alone_lock);
  return run->is_alone
         || satchel_error_set (error, SATCHEL_ERROR_INUSE,
                               "a conversion of %s is at work; interrupt it first, or wait", run->user);
}

static void
run_end_alone (SatchelConvertRun *run)
{
  guint index;
  g_mutex_lock (&alone_lock);
  if (run->is_alone && g_ptr_array_find_with_equal_func (alone, run->user, g_str_equal, &index))
    g_ptr_array_remove_index_fast (alone, index);
  run->is_alone = FALSE;
  g_mutex_unlock (&alone_lock);
}

gboolean
satchel_convert_run_begin (SatchelConvertRun *run, SatchelAdminCall *call, gboolean is_alone, GError **error)
{
  *run = (SatchelConvertRun) { .call = call,
                               .user = satchel_admin_access (call)->owner,
                               .began_us = g_get_monotonic_time () };
  if (is_alone && !run_be_alone (run, error))
    return FALSE;
  run->store = satchel_admin_open_store (call, error);
  if (run->store == NULL)
    return FALSE;
  run->from = satchel_store_place (run->store);
  return satchel_convert_note_read (run->store, &run->note, error);
}

void
satchel_convert_run_clear (SatchelConvertRun *run)
{
  run_end_alone (run);
  satchel_convert_note_clear (&run->note);
  g_clear_pointer (&run->store, satchel_store_unref);
  g_clear_pointer (&run->from, satchel_place_unref);
  g_clear_pointer (&run->target, satchel_place_unref);
}

static char *
describe_place (const SatchelPlace *place)
{
  return place->volume != NULL && *place->volume != '\0'
             ? g_strdup_printf ("%s:%s", place->profile, place->volume)
             : g_strdup (place->profile);
}

static gboolean
is_place (const SatchelPlace *one, const SatchelPlace *other)
{
  return g_strcmp0 (one->profile, other->profile) == 0 && g_strcmp0 (one->volume, other->volume) == 0;
}

gboolean
satchel_convert_show_step (const SatchelConvertCounts *counts, gpointer data)
{
  SatchelConvertRun *run = data;
  char what[64] = "messages";
  const gint64 ran_s = (g_get_monotonic_time () - run->began_us) / G_USEC_PER_SEC;
  if (run->n_done_before == 0)
    run->n_done_before = MAX (counts->n_done, 1);
  const guint64 n_own = counts->n_done > run->n_done_before ? counts->n_done - run->n_done_before : 0;
  if (ran_s > 1 && n_own > 0 && counts->n_messages > counts->n_done)
    g_snprintf (what, sizeof what, "messages, %" G_GUINT64_FORMAT " s left",
                (counts->n_messages - counts->n_done) * (guint64) ran_s / n_own);
  if (satchel_admin_is_cancelled (run->call) || satchel_store_is_released (run->store))
    return FALSE;
  return satchel_admin_progress (run->call, counts->n_done, counts->n_messages, what);
}

/* Nobody else's mail may be at the target, nor an unfinished conversion elsewhere. */
static gboolean
check_target (SatchelConvertRun *run, gboolean replaces, GError **error)
{
  g_autofree char *to = describe_place (run->target);
  if (run->note.state == SATCHEL_CONVERT_COPYING)
    {
      g_autofree char *other = describe_place (run->note.place);
      return is_place (run->note.place, run->target)
             || satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                                   "a conversion to %s has begun; finish it, or end it with --abort", other);
    }
  if (!satchel_stores_may_have_mail (run->user, run->target))
    return TRUE;
  if (!replaces)
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS,
                              "there is a store of the user at %s already; --replace removes it first", to);
  return run->is_dry || satchel_stores_destroy (run->user, run->target, error);
}

static gboolean
ask_auth (SatchelConvertRun *run, GError **error)
{
  SatchelTurnAnswer answer;
  return satchel_turn_ask (run->user, run->from, run->target, FALSE, satchel_convert_is_stopping, run->call,
                           &answer, error)
         == SATCHEL_TURN_DONE;
}

/* Notes that a conversion has begun. From here on the same command continues it, and --abort takes it back.
 */
static gboolean
note_begin (SatchelConvertRun *run, GError **error)
{
  if (run->note.state == SATCHEL_CONVERT_COPYING)
    return TRUE;
  satchel_convert_note_clear (&run->note);
  run->note = (SatchelConvertNote) { SATCHEL_CONVERT_COPYING, satchel_place_ref (run->target),
                                     g_get_real_time () / G_USEC_PER_SEC, run->keeps_old };
  return satchel_convert_note_write (run->store, &run->note, error);
}

/* Copies until little is left to do. */
static gboolean
catch_up (SatchelConvertRun *run, SatchelConversion *conversion, GError **error)
{
  guint64 n_changes = G_MAXUINT64;
  for (guint i = 0; n_changes > FEW_CHANGES; i++)
    {
      if (i == PASSES_MAX)
        return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                                  "the user's mail changes faster than it can be copied; try again");
      if (!satchel_conversion_pass (conversion, &n_changes, error))
        return FALSE;
    }
  return TRUE;
}

/* Tells what was done. */
static gboolean
report (SatchelConvertRun *run, const SatchelConvertCounts *counts, const char *state)
{
  g_autofree char *from = describe_place (run->from), *to = describe_place (run->target);
  return satchel_admin_record (
      run->call, SATCHEL_ADMIN_TEXT ("user", run->user), SATCHEL_ADMIN_TEXT ("state", state),
      SATCHEL_ADMIN_TEXT ("from", from), SATCHEL_ADMIN_TEXT ("to", to),
      SATCHEL_ADMIN_NUMBER ("messages", (gint64) counts->n_messages),
      SATCHEL_ADMIN_NUMBER ("bytes", (gint64) counts->n_bytes),
      SATCHEL_ADMIN_BOOL ("verified", run->verifies), SATCHEL_ADMIN_NUMBER ("held_ms", run->held_us / 1000),
      SATCHEL_ADMIN_NUMBER ("seconds", (g_get_monotonic_time () - run->began_us) / G_USEC_PER_SEC));
}

static gboolean
convert (SatchelConvertRun *run, guint64 rate, GError **error)
{
  SatchelStore *target = satchel_stores_open_beside (run->user, run->target, run->is_bare, error);
  if (target == NULL)
    return FALSE;
  SatchelConversion *conversion =
      satchel_conversion_new (run->store, target, run->is_bare, rate, satchel_convert_show_step, run);
  if (!catch_up (run, conversion, error) || (run->verifies && !satchel_conversion_verify (conversion, error))
      || (run->verifies && !catch_up (run, conversion, error)))
    {
      satchel_conversion_free (conversion);
      satchel_store_unref (target);
      return FALSE;
    }
  const SatchelConvertCounts counts = *satchel_conversion_counts (conversion);
  return satchel_convert_switch (run, conversion, target, error)
         && (run->keeps_old || satchel_convert_remove_old (run, run->from, error))
         && satchel_convert_forget_note (run, error) && report (run, &counts, "converted");
}

/* The user is at the target already: is there something left to be removed? */
static gboolean
end_earlier (SatchelConvertRun *run, GError **error)
{
  const SatchelConvertCounts none = { 0 };
  if (run->note.state != SATCHEL_CONVERT_CAME)
    return report (run, &none, "there already");
  return (run->note.keeps_old || satchel_convert_remove_old (run, run->note.place, error))
         && satchel_convert_note_write (run->store, &(SatchelConvertNote) { 0 }, error)
         && report (run, &none, "cleaned up");
}

static gboolean
run_convert (SatchelAdminCall *call, GError **error)
{
  RunOptions options = { 0 };
  g_auto (SatchelConvertRun) run = { NULL };
  satchel_config_fill (satchel_admin_options (call), run_options, &options);
  if (!satchel_convert_run_begin (&run, call, TRUE, error) || !run_begin_target (&run, options.to, error))
    return FALSE;
  run.verifies = options.verifies;
  run.keeps_old = options.keeps_old;
  run.is_dry = options.is_dry;
  run.is_bare = satchel_stores_have_same_layers (run.from, run.target);
  if (satchel_stores_are_same (run.from, run.target))
    return end_earlier (&run, error);
  if (run.note.state == SATCHEL_CONVERT_CAME)
    return satchel_error_set (
        error, SATCHEL_ERROR_CANNOT,
        "the conversion of before is not cleaned up; run it once more with the same --to");
  if (!ask_auth (&run, error) || !check_target (&run, options.replaces, error))
    return FALSE;
  if (run.is_dry)
    {
      SatchelUsage usage = { 0 };
      if (!satchel_store_usage (run.store, &usage, error))
        return FALSE;
      return report (&run, &(SatchelConvertCounts) { .n_messages = usage.messages, .n_bytes = usage.bytes },
                     "would be converted");
    }
  return note_begin (&run, error) && convert (&run, options.throttle, error);
}

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  static const char *const states[] = { "none", "copying", "not cleaned up", "left" };
  g_auto (SatchelConvertRun) run = { NULL };
  if (!satchel_convert_run_begin (&run, call, FALSE, error))
    return FALSE;
  g_autofree char *at = describe_place (run.from),
                  *other = run.note.place != NULL ? describe_place (run.note.place) : g_strdup ("");
  return satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("user", run.user), SATCHEL_ADMIN_TEXT ("at", at),
      SATCHEL_ADMIN_TEXT ("state", states[run.note.state]), SATCHEL_ADMIN_TEXT ("other", other),
      SATCHEL_ADMIN_NUMBER ("began", run.note.began_s), SATCHEL_ADMIN_BOOL ("keeps_old", run.note.keeps_old));
}

static gboolean
run_abort (SatchelAdminCall *call, GError **error)
{
  g_auto (SatchelConvertRun) run = { NULL };
  if (!satchel_convert_run_begin (&run, call, TRUE, error))
    return FALSE;
  if (run.note.state != SATCHEL_CONVERT_COPYING)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no conversion of %s has begun", run.user);
  g_autofree char *to = describe_place (run.note.place);
  if (!satchel_stores_destroy (run.user, run.note.place, error)
      || !satchel_convert_note_write (run.store, &(SatchelConvertNote) { 0 }, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, AREA, "conversion taken back: user=\"%s\" to=%s", run.user, to);
  return satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", run.user),
                               SATCHEL_ADMIN_TEXT ("state", "aborted"), SATCHEL_ADMIN_TEXT ("to", to));
}

static const SatchelAdminCommand command_run = { .size = sizeof command_run,
                                                 .name = "run",
                                                 .summary = "Convert a user's store",
                                                 .options = run_options,
                                                 .of_user = TRUE,
                                                 .run = run_convert };
static const SatchelAdminCommand command_status = { .size = sizeof command_status,
                                                    .name = "status",
                                                    .summary = "Show a user's conversion",
                                                    .of_user = TRUE,
                                                    .run = run_status };
static const SatchelAdminCommand command_abort = { .size = sizeof command_abort,
                                                   .name = "abort",
                                                   .summary = "Take a user's conversion back",
                                                   .of_user = TRUE,
                                                   .run = run_abort };
static const SatchelAdminCommand *const commands[] = { &command_run, &command_status, &command_abort, NULL };
const SatchelAdminOps satchel_convert_commands = { .size = sizeof satchel_convert_commands,
                                                   .commands = commands };
