/* SPDX-License-Identifier: MIT
 * This file makes the rounds of the janitor: it lists users and visits one after the other, spread over
 * `janitor.interval`, each visit in slices.  It has at most one store open at a time, and pauses while
 * other jobs wait.  Entry point: satchel_janitor_start.
 */
#include "config.h"

#include "core/runtime/config/core_settings.h"
#include "core/session/janitor/janitor.h"

#include <satchel/counter.h>
#include <satchel/job.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <string.h>
#include <time.h>

#include "core/runtime/loop/job_private.h"
#include "core/session/convert/convert_leftover.h"
#include "core/session/janitor/janitor_state.h"
#include "core/session/janitor/janitor_users.h"
#include "core/storage/store/store_open.h"

#define AREA "janitor"
/* Between two visits or slices the janitor rests at least this long, and this many times as long as the one
 * before took. */
#define REST_MIN_MS 20
#define REST_FACTOR 4
/* The janitor pauses this long while more jobs than this are pending. */
#define BUSY_MS 250
#define BUSY_JOBS 4u
#define AGAIN_MS 30000 /* when to ask again after auth was away */
#define SLICES_MAX 1000u
#define DURABLE_MS 60000
#define LOOK_MS 60000 /* how often the clock is looked at */

SATCHEL_COUNTER (visits, "satchel_janitor_visits_total", "Visits of the janitor to a user's store", "result");
SATCHEL_COUNTER (postponed, "satchel_janitor_postponed_total",
                 "Slices of the janitor that waited for jobs of others");

typedef enum
{
  PHASE_OFF = 0, /* nothing to do, or disabled */
  PHASE_LOADING, /* reads the progress of an earlier process */
  PHASE_WAITING, /* waits for the next round */
  PHASE_LISTING,
  PHASE_RESTING, /* rests between visits, or between slices of a visit */
  PHASE_VISITING
} Phase;
static const char *const phase_names[] = { "off", "loading", "waiting", "listing", "resting", "visiting" };

/* The job has the visit while it runs. */
typedef struct Visit
{
  char *user;
  SatchelPlace *place; /* where the user is; NULL before the first slice */
  guint step, n_slices, n_failed;
  gboolean is_asked; /* somebody asked for this visit, which is none of the round */
  gboolean was_open; /* the store was open for others before the visit */
  gboolean is_clean; /* no leftover of a conversion exists */
  /* The current slice has these: */
  SatchelMaintenance maintenance;
  SatchelMaintained result;
  gboolean is_refused; /* the store could not be opened */
  gint64 used_us;
  gboolean saves, is_durable;
  SatchelJanitorState state; /* the progress to save */
} Visit;

static SatchelJanitorHost host;
static Phase phase;
static gboolean is_stopping;
static SatchelJanitorState state;
static GPtrArray *names;
static GQueue asked = G_QUEUE_INIT; /* char *, users for whom somebody asked for a visit */
static guint next_name, n_visited, n_failed;
static Visit *visit;
static gint64 last_used_ms, durable_at_ms;
static SatchelTimer timer, look_timer;

static void rest (gint64 ms);
static void schedule (void);

static SatchelJanitorSettings
read_settings (void)
{
  SatchelJanitorSettings settings;
  satchel_janitor_settings_read (host.group ("janitor"), &settings);
  return settings;
}

static gint64
now_s (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

static gint64
boot_ms (void)
{
  struct timespec time;
  return clock_gettime (CLOCK_BOOTTIME, &time) == 0 ? (gint64) time.tv_sec * 1000 + time.tv_nsec / 1000000
                                                    : 0;
}

static gboolean
look_at_clock (void)
{
  gboolean was_ahead = state.clock.ahead_ms > 0;
  gboolean is_ahead =
      satchel_janitor_clock_look (&state.clock, g_get_real_time () / 1000, boot_ms (),
                                  read_settings ().clock_bound_ms, read_settings ().clock_settle_ms);
  if (is_ahead && !was_ahead)
    satchel_log (SATCHEL_LOG_WARNING, AREA,
                 "the clock is %" G_GINT64_FORMAT
                 " s ahead of the time that has passed: no mail is removed for its age until the clock is "
                 "back, or has run like this for janitor.clock_settle",
                 state.clock.ahead_ms / 1000);
  else if (was_ahead && !is_ahead)
    satchel_log (SATCHEL_LOG_INFO, AREA, "the clock is trusted again");
  return is_ahead;
}

static void
look_now_and_then (SatchelTimer *a_timer, gpointer data)
{
  (void) look_at_clock ();
  satchel_timer_arm (a_timer, LOOK_MS, look_now_and_then, NULL);
}

static void
copy_state (SatchelJanitorState *to)
{
  *to = state;
  to->after = g_strdup (state.after);
}

static void
save_state (const SatchelJanitorState *what, gboolean is_durable)
{
  g_autoptr (GError) error = NULL;
  if (!satchel_janitor_state_save (host.root_fd, host.slot, what, is_durable, &error)
      && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_WARNING, AREA, "the janitor's progress cannot be stored: %s", error->message);
}

static void
save_in_job (gpointer data)
{
  save_state (data, TRUE);
}

static void
was_saved (gpointer data)
{
  satchel_janitor_state_clear (data);
  g_free (data);
}

static void
save_soon (void)
{
  SatchelJanitorState *copy = g_new0 (SatchelJanitorState, 1);
  copy_state (copy);
  satchel_job_submit (NULL, "janitor state", save_in_job, was_saved, copy);
}

static void
visit_free (Visit *old)
{
  g_free (old->user);
  g_clear_pointer (&old->place, satchel_place_unref);
  satchel_janitor_state_clear (&old->state);
  g_free (old);
}

/* Removes what a conversion of the user's mail left, before other upkeep. */
static SatchelMaintained
clean_up (Visit *own, SatchelStore *store)
{
  g_autoptr (GError) error = NULL;
  if (own->is_clean)
    return SATCHEL_MAINTAIN_DONE;
  const SatchelMaintained result = satchel_convert_maintain (store, &own->maintenance, &error);
  own->is_clean = result != SATCHEL_MAINTAIN_MORE;
  if (result != SATCHEL_MAINTAIN_FAILED)
    return result;
  own->n_failed++;
  if (satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_ERROR, AREA, "user=%s %s", own->user, error->message);
  return SATCHEL_MAINTAIN_DONE;
}

static void
run_slice (gpointer data)
{
  Visit *own = data;
  gint64 began_us = g_get_monotonic_time ();
  if (own->saves)
    save_state (&own->state, own->is_durable);
  g_autoptr (GError) error = NULL;
  const SatchelAccess who = { .size = sizeof who,
                              .cause = SATCHEL_CAUSE_BACKGROUND,
                              .owner = own->user,
                              .service = "janitor",
                              .rights = SATCHEL_RIGHTS_ALL };
  g_autoptr (SatchelAccess) access = satchel_access_new (&who);
  g_autoptr (SatchelStore) open = own->n_slices == 1 ? satchel_store_peek (access) : NULL;
  own->was_open = own->was_open || open != NULL;
  SatchelStore *store = host.acquire_store (access, own->place, &error);
  own->is_refused = store == NULL;
  if (store == NULL && satchel_error_is_of_machine (error) && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_WARNING, AREA, "user=%s is left out of this round of upkeep: %s", own->user,
                 error->message);
  if (store != NULL)
    {
      own->maintenance.end_us += g_get_monotonic_time ();
      own->result = clean_up (own, store);
      if (own->result == SATCHEL_MAINTAIN_DONE)
        own->result = satchel_store_maintain (store, &own->maintenance, &own->step, &own->n_failed);
      satchel_store_unref (store);
    }
  g_clear_pointer (&open, satchel_store_unref);
  /* The store is closed now rather than after its idle time, or a round would have many stores open. */
  if (!own->was_open && (own->result != SATCHEL_MAINTAIN_MORE || own->n_slices >= SLICES_MAX))
    satchel_store_close_unused (own->user);
  own->used_us = g_get_monotonic_time () - began_us;
}

static void
end_visit (const char *result)
{
  satchel_counter_add (&visits, 1, result);
  n_visited += !visit->is_asked;
  g_clear_pointer (&visit, visit_free);
}

/* Notes that a round that is continued goes on behind @user; NULL: at the first user. */
static void
pass_user (const char *user)
{
  g_free (state.after);
  state.after = g_strdup (user);
}

/* Takes back that the user was visited, since the end of the process cut the visit short. */
static void
return_to_user (void)
{
  pass_user (next_name >= 2 ? names->pdata[next_name - 2] : NULL);
  save_soon ();
}

static void
slice_done (gpointer data)
{
  last_used_ms = visit->used_us / 1000;
  n_failed += visit->n_failed > 0 && visit->result == SATCHEL_MAINTAIN_DONE;
  phase = PHASE_RESTING;
  if (visit->is_refused)
    end_visit ("skipped");
  else if (visit->result == SATCHEL_MAINTAIN_DONE)
    end_visit (visit->n_failed > 0 ? "failed" : "done");
  else if (is_stopping && !visit->is_asked)
    return_to_user ();
  else if (visit->n_slices >= SLICES_MAX)
    end_visit ("unfinished");
  if (!is_stopping)
    schedule ();
}

static void
begin_slice (void)
{
  gboolean is_ahead = look_at_clock ();
  gint64 now_ms = g_get_monotonic_time () / 1000;
  visit->maintenance = (SatchelMaintenance) { .size = sizeof (SatchelMaintenance),
                                              .now_s = now_s (),
                                              .clock_jumped = is_ahead,
                                              .ahead_s = is_ahead ? state.clock.ahead_ms / 1000 : 0,
                                              .end_us = read_settings ().slice_ms * 1000 };
  /* Progress is saved before the visit, so that upkeep which hangs or crashes at one user does not come back
   * to that user after each restart. */
  visit->saves = visit->n_slices++ == 0 && !visit->is_asked;
  visit->is_durable = visit->saves && now_ms - durable_at_ms > DURABLE_MS;
  if (visit->is_durable)
    durable_at_ms = now_ms;
  if (visit->saves)
    pass_user (visit->user);
  satchel_janitor_state_clear (&visit->state);
  copy_state (&visit->state);
  phase = PHASE_VISITING;
  satchel_job_submit (visit->user, "janitor", run_slice, slice_done, visit);
}

static void
take_owner (gboolean is_answered, const SatchelPlace *place)
{
  if (is_stopping)
    return;
  if (!is_answered)
    {
      phase = PHASE_RESTING;
      if (visit->is_asked)
        g_queue_push_tail (&asked, g_steal_pointer (&visit->user));
      else
        next_name--;
      g_clear_pointer (&visit, visit_free);
      rest (AGAIN_MS);
      return;
    }
  if (place == NULL)
    {
      phase = PHASE_RESTING;
      if (!visit->is_asked)
        pass_user (visit->user);
      end_visit ("skipped");
      schedule ();
      return;
    }
  visit->place = satchel_place_ref (place);
  begin_slice ();
}

static void
begin_visit (void)
{
  visit = g_new0 (Visit, 1);
  visit->user = g_queue_pop_head (&asked);
  visit->is_asked = visit->user != NULL;
  if (!visit->is_asked)
    visit->user = g_strdup (names->pdata[next_name++]);
  phase = PHASE_VISITING;
  satchel_janitor_users_ask (&host, visit->user, take_owner);
}

static void
end_round (void)
{
  satchel_log (SATCHEL_LOG_INFO, AREA, "round over: users=%u visited=%u failed=%u s=%" G_GINT64_FORMAT,
               names != NULL ? names->len : 0, n_visited, n_failed, MAX (now_s () - state.began_s, 0));
  g_clear_pointer (&names, g_ptr_array_unref);
  g_clear_pointer (&state.after, g_free);
  state.is_over = TRUE;
  save_soon ();
}

static void
take_names (GPtrArray *found)
{
  g_clear_pointer (&names, g_ptr_array_unref);
  names = found;
  if (is_stopping)
    return;
  if (found == NULL)
    {
      rest (AGAIN_MS);
      return;
    }
  for (next_name = 0;
       next_name < found->len && state.after != NULL && strcmp (found->pdata[next_name], state.after) <= 0;)
    next_name++;
  phase = PHASE_RESTING;
  rest (0);
}

static void
begin_list (void)
{
  phase = PHASE_LISTING;
  satchel_janitor_users_find (&host, take_names);
}

static void
begin_round (void)
{
  state.began_s = now_s ();
  state.is_over = FALSE;
  n_visited = n_failed = 0;
  g_clear_pointer (&state.after, g_free);
  begin_list ();
}

/* Does what is due now. */
static void
run_phase (SatchelTimer *a_timer, gpointer data)
{
  if (read_settings ().interval_ms == 0 || !satchel_stores_have_upkeep ())
    phase = PHASE_OFF;
  else if (phase == PHASE_WAITING && g_queue_is_empty (&asked))
    begin_round ();
  else if (satchel_job_n_pending () > BUSY_JOBS)
    {
      satchel_counter_add (&postponed, 1);
      satchel_timer_arm (a_timer, BUSY_MS, run_phase, NULL);
    }
  else if (visit != NULL)
    begin_slice ();
  else if (!g_queue_is_empty (&asked))
    begin_visit ();
  else if (names == NULL)
    begin_list ();
  else if (next_name < names->len)
    begin_visit ();
  else
    {
      end_round ();
      schedule ();
    }
}

static void
rest (gint64 ms)
{
  satchel_timer_arm (&timer, ms, run_phase, NULL);
}

/* Sets the timer for the next thing that is due. */
static void
schedule (void)
{
  gint64 interval_ms = read_settings ().interval_ms, passed_ms = MAX (now_s () - state.began_s, 0) * 1000,
         rest_ms = MAX (REST_MIN_MS, REST_FACTOR * last_used_ms);
  gint64 left_ms = MAX (interval_ms - passed_ms, 0);
  if (visit != NULL || !g_queue_is_empty (&asked))
    rest (rest_ms);
  else if (state.began_s == 0 || state.is_over)
    {
      phase = PHASE_WAITING;
      rest (state.began_s == 0 ? 0 : left_ms);
    }
  else if (names == NULL)
    rest (rest_ms);
  else
    rest (MAX (next_name < names->len ? left_ms / (names->len - next_name + 1) : 0, rest_ms));
}

static void
load_in_job (gpointer data)
{
  satchel_janitor_state_load (host.root_fd, host.slot, data);
}

static void
was_loaded (gpointer data)
{
  SatchelJanitorState *loaded = data;
  state = *loaded;
  g_free (loaded);
  phase = PHASE_RESTING;
  look_now_and_then (&look_timer, NULL);
  if (!is_stopping)
    schedule ();
}

void
satchel_janitor_start (const SatchelJanitorHost *a_host)
{
  static gboolean has_begun;
  host = *a_host;
  if (is_stopping || read_settings ().interval_ms == 0 || !satchel_stores_have_upkeep ())
    return;
  if (!has_begun)
    {
      has_begun = TRUE;
      phase = PHASE_LOADING;
      satchel_job_submit (NULL, "janitor state", load_in_job, was_loaded, g_new0 (SatchelJanitorState, 1));
    }
  else if (phase == PHASE_OFF || phase == PHASE_WAITING || phase == PHASE_RESTING)
    {
      phase = PHASE_RESTING;
      schedule ();
    }
}

void
satchel_janitor_visit_soon (const char *user)
{
  if (is_stopping || g_queue_find_custom (&asked, user, (GCompareFunc) strcmp) != NULL)
    return;
  g_queue_push_tail (&asked, g_strdup (user));
  if ((phase == PHASE_WAITING || phase == PHASE_RESTING) && visit == NULL)
    rest (REST_MIN_MS);
}

gboolean
satchel_janitor_auth_message (SatchelIpcMessage *message)
{
  return satchel_janitor_users_message (message);
}

void
satchel_janitor_auth_lost (void)
{
  satchel_janitor_users_lost ();
}

void
satchel_janitor_stop (void)
{
  if (is_stopping)
    return;
  is_stopping = TRUE;
  satchel_timer_cancel (&timer);
  satchel_timer_cancel (&look_timer);
  satchel_maintenance_stop ();
  /* A slice that runs now ends by slice_done, which does the same. */
  if (visit != NULL && phase == PHASE_RESTING && !visit->is_asked)
    return_to_user ();
  else if (state.clock.wall_ms != 0)
    save_soon ();
}

void
satchel_janitor_describe (GString *text)
{
  if (phase == PHASE_OFF)
    return;
  g_string_append_printf (text,
                          "janitor: slot=%u state=%s users=%u visited=%u failed=%u began=%" G_GINT64_FORMAT
                          " clock_ahead_s=%" G_GINT64_FORMAT,
                          host.slot, phase_names[phase], names != NULL ? names->len : 0, n_visited, n_failed,
                          state.began_s, MAX (state.clock.ahead_ms, 0) / 1000);
  if (visit != NULL)
    satchel_log_field (text, "user", visit->user);
  g_string_append_c (text, '\n');
}
