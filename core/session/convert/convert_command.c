/* SPDX-License-Identifier: MIT
 * Runs the commands of conversions, which run as jobs in the process that owns the user. The notes in both
 * stores say what is to be done; then the store is copied while the user works, and the result is reported.
 */
#include "config.h"

#include "core/session/convert/convert_command.h"

#include "core/session/convert/convert_private.h"

#include <satchel/job.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "convert"
/* After a pass with at most so many changes, the switch is tried. */
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
  run->target = satchel_place_new (&(SatchelPlace) { .path = run->from->path,
                                                     .profile = profile,
                                                     .volume = volume,
                                                     .epoch = run->from->epoch,
                                                     .attributes = run->from->attributes });
  return TRUE;
}

gboolean
satchel_convert_run_begin (SatchelConvertRun *run, SatchelAdminCall *call, gboolean is_alone, GError **error)
{
  *run = (SatchelConvertRun) { .call = call,
                               .user = satchel_admin_access (call)->owner,
                               .began_us = g_get_monotonic_time () };
  run->is_alone = is_alone && satchel_convert_be_alone (run->user, error);
  if (is_alone && !run->is_alone)
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
  if (run->is_alone)
    satchel_convert_end_alone (run->user);
  run->is_alone = FALSE;
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

/* Begins a phase.  The time of an earlier phase says nothing about the rest of this one. */
static void
begin_phase (SatchelConvertRun *run, const SatchelConvertCounts *counts)
{
  if (run->phase_us != 0 && run->is_comparing == counts->is_comparing)
    return;
  run->phase_us = g_get_monotonic_time ();
  run->n_done_before = counts->n_done;
  run->is_comparing = counts->is_comparing;
}

gboolean
satchel_convert_show_step (const SatchelConvertCounts *counts, gpointer data)
{
  SatchelConvertRun *run = data;
  g_autoptr (GString) what = g_string_new (counts->is_comparing ? "messages compared" : "messages copied");
  begin_phase (run, counts);
  const gint64 ran_s = (g_get_monotonic_time () - run->phase_us) / G_USEC_PER_SEC;
  const guint64 n_own = counts->n_done > run->n_done_before ? counts->n_done - run->n_done_before : 0;
  if (ran_s > 1 && n_own > 0 && counts->n_messages > counts->n_done)
    g_string_append_printf (what, ", %" G_GUINT64_FORMAT " s left",
                            (counts->n_messages - counts->n_done) * (guint64) ran_s / n_own);
  if (satchel_admin_is_cancelled (run->call) || satchel_store_is_released (run->store))
    return FALSE;
  return satchel_admin_progress (run->call, counts->n_done, counts->n_messages, what->str);
}

static gboolean
refuse_other_target (const SatchelConvertRun *run, GError **error)
{
  g_autofree char *other = describe_place (run->note.place);
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                            "a conversion to %s has begun; finish it with --to %s, or end it with --abort",
                            other, other);
}

/* Checks that no unfinished conversion leads elsewhere, and that no other mail is at the target.  With
 * @replaces such mail is removed, except in a dry run. */
static gboolean
check_target (SatchelConvertRun *run, gboolean replaces, GError **error)
{
  g_autofree char *to = describe_place (run->target);
  if (run->note.state == SATCHEL_CONVERT_COPYING)
    return is_place (run->note.place, run->target) || refuse_other_target (run, error);
  /* A dry run ignores what a real run would remove first. */
  if ((satchel_convert_has_leftover (&run->note) && is_place (run->note.place, run->target))
      || !satchel_stores_may_have_mail (run->user, run->target))
    return TRUE;
  if (!replaces)
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS,
                              "there is a store of the user at %s already; --replace removes it first", to);
  return run->is_dry
         || satchel_stores_destroy (run->user, run->target, satchel_convert_show_removed, run, error);
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

/* Adds to an error NOSPACE what becomes of the copy that was begun, and how the conversion is continued or
 * ended.  Returns FALSE. */
static gboolean
say_how_to_go_on (GError **error)
{
  if (error == NULL || !g_error_matches (*error, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE))
    return FALSE;
  g_autofree char *message = g_steal_pointer (&(*error)->message);
  (*error)->message = g_strdup_printf ("%s; the user stays where he is: when there is space the same command "
                                       "goes on with the copy, and --abort removes it",
                                       message);
  return FALSE;
}

static gboolean
convert (SatchelConvertRun *run, guint64 rate, GError **error)
{
  SatchelStore *target = satchel_stores_open_beside (run->user, run->target, run->is_bare, error);
  if (target == NULL)
    return say_how_to_go_on (error);
  SatchelConversion *conversion =
      satchel_conversion_new (run->store, target, run->is_bare, rate, satchel_convert_show_step, run);
  if (!catch_up (run, conversion, error) || (run->verifies && !satchel_conversion_verify (conversion, error))
      || (run->verifies && !catch_up (run, conversion, error)))
    {
      satchel_conversion_free (conversion);
      satchel_store_unref (target);
      return say_how_to_go_on (error);
    }
  const SatchelConvertCounts counts = *satchel_conversion_counts (conversion);
  return satchel_convert_switch (run, conversion, target, error) && satchel_convert_clean_up (run, error)
         && report (run, &counts, "converted");
}

/* Removes what an earlier conversion left, if the user is at the target already. */
static gboolean
end_earlier (SatchelConvertRun *run, GError **error)
{
  const SatchelConvertCounts none = { 0 };
  const gboolean has_leftover = satchel_convert_has_leftover (&run->note);
  if (run->note.state == SATCHEL_CONVERT_COPYING)
    return refuse_other_target (run, error);
  if (run->is_dry || !has_leftover)
    return report (run, &none, has_leftover ? "would be cleaned up" : "there already");
  return satchel_convert_clean_up (run, error) && report (run, &none, "cleaned up");
}

/* Says what would be done, if nothing is in the way. */
static gboolean
report_dry (SatchelConvertRun *run, GError **error)
{
  SatchelUsage usage = { 0 };
  if (!satchel_store_usage (run->store, &usage, error))
    return FALSE;
  return report (run, &(SatchelConvertCounts) { .n_messages = usage.messages, .n_bytes = usage.bytes },
                 "would be converted");
}

static gboolean
convert_or_tell (SatchelConvertRun *run, const RunOptions *options, GError **error)
{
  run->verifies = options->verifies;
  run->keeps_old = options->keeps_old;
  run->is_dry = options->is_dry;
  run->is_bare = satchel_stores_have_same_layers (run->from, run->target);
  if (satchel_stores_are_same (run->from, run->target))
    return end_earlier (run, error);
  if (!run->is_dry && satchel_convert_has_leftover (&run->note) && !satchel_convert_clean_up (run, error))
    return FALSE;
  if (!ask_auth (run, error) || !check_target (run, options->replaces, error))
    return FALSE;
  return run->is_dry ? report_dry (run, error)
                     : note_begin (run, error) && convert (run, options->throttle, error);
}

/* Fails the run with @failure.  If that is CANCELLED though nobody interrupted the run, it becomes
 * UNAVAILABLE: the user was released or is being moved. */
static gboolean
explain_end (const SatchelConvertRun *run, GError *failure, GError **error)
{
  if (g_error_matches (failure, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED)
      && !satchel_admin_is_cancelled (run->call))
    failure->code = SATCHEL_ERROR_UNAVAILABLE;
  if (failure->code == SATCHEL_ERROR_UNAVAILABLE && run->store != NULL
      && satchel_store_is_released (run->store))
    g_prefix_error (&failure, "%s is released, or is being moved: ", run->user);
  g_propagate_error (error, failure);
  return FALSE;
}

static gboolean
run_convert (SatchelAdminCall *call, GError **error)
{
  RunOptions options = { 0 };
  GError *failure = NULL;
  g_auto (SatchelConvertRun) run = { NULL };
  satchel_config_fill (satchel_admin_options (call), run_options, &options);
  return (satchel_convert_run_begin (&run, call, TRUE, &failure)
          && run_begin_target (&run, options.to, &failure) && convert_or_tell (&run, &options, &failure))
         || (failure != NULL && explain_end (&run, failure, error));
}

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  static const char *const states[] = { "none", "copying", "not cleaned up", "left", "being taken back" };
  g_auto (SatchelConvertRun) run = { NULL };
  if (!satchel_convert_run_begin (&run, call, FALSE, error))
    return FALSE;
  g_autofree char *at = describe_place (run.from),
                  *other = run.note.place != NULL ? describe_place (run.note.place) : g_strdup ("");
  return satchel_admin_record (
      call, SATCHEL_ADMIN_TEXT ("user", run.user), SATCHEL_ADMIN_TEXT ("at", at),
      SATCHEL_ADMIN_TEXT ("state", states[run.note.state]), SATCHEL_ADMIN_TEXT ("other", other),
      SATCHEL_ADMIN_NUMBER ("began", run.note.began_s), SATCHEL_ADMIN_BOOL ("keeps_old", run.note.keeps_old),
      SATCHEL_ADMIN_BOOL ("at_work", satchel_convert_is_at_work (run.user)));
}

/* Takes a conversion back.  The note is written first, since a copy of which a part is removed must not be
 * continued. */
static gboolean
run_abort (SatchelAdminCall *call, GError **error)
{
  g_auto (SatchelConvertRun) run = { NULL };
  if (!satchel_convert_run_begin (&run, call, TRUE, error))
    return FALSE;
  if (run.note.state != SATCHEL_CONVERT_COPYING && run.note.state != SATCHEL_CONVERT_UNDOING)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no conversion of %s has begun", run.user);
  g_autofree char *to = describe_place (run.note.place);
  run.note.state = SATCHEL_CONVERT_UNDOING;
  return satchel_convert_note_write (run.store, &run.note, error) && satchel_convert_clean_up (&run, error)
         && satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", run.user),
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
