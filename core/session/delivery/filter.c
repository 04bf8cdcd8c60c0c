/* SPDX-License-Identifier: MIT
 * Asks filters one after the other, each with a bound and a deadline of its own that hold whatever the
 * filter does (role mail). Everything but run_question belongs to the main thread. See filter_private.h.
 */
#include "config.h"

#include "core/session/delivery/filter_private.h"

#include "core/runtime/config/core_settings.h"
#include "core/runtime/loop/job_private.h"
#include "core/storage/mailbox/suspects.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define THREADS_MAX 128u /* most threads of all filters together, in each mail process */

typedef struct SatchelFilter
{
  const SatchelProvided *provided;
  guint max_questions;
  gint64 deadline_ms;
  SatchelFilterVerdict on_error;
  /* how many questions have no answer, or a call that has not returned; how many of them the core does not
   * wait for any more */
  guint n_asked, n_overdue;
  GQueue waiting; /* SatchelFilterQuestion */
} SatchelFilter;

SATCHEL_COUNTER (answers, "satchel_filter_answers_total", "Questions to delivery filters that have ended",
                 "filter", "result");
SATCHEL_HISTOGRAM (answer_time, "satchel_filter_seconds",
                   "Time from asking a delivery filter to its answer or the deadline");

static SatchelFilter *filters;
static guint n_filters, n_runs;

static void
apply_settings (SatchelFilter *filter, const SatchelFilterSettings *settings)
{
  filter->max_questions = settings->concurrent;
  filter->deadline_ms = settings->deadline_ms;
  filter->on_error = ((const SatchelDeliveryFilterOps *) filter->provided->ops)->on_error;
  if (settings->failure != SATCHEL_FAILURE_BY_MODULE)
    filter->on_error =
        settings->failure == SATCHEL_FAILURE_PASS ? SATCHEL_FILTER_CONTINUE : SATCHEL_FILTER_TEMPORARY;
}

/* Returns what the first rule for @filter says; without one, what holds for all. */
static SatchelFilterSettings
settings_of (const SatchelFilter *filter, const SatchelConfig *group)
{
  SatchelFilterSettings settings;
  for (guint i = 0; i < satchel_config_n_groups (group, "rules"); i++)
    {
      satchel_filter_rule_settings_read (satchel_config_group (group, "rules", i), &settings);
      if (g_strcmp0 (settings.filter, filter->provided->module->name) == 0)
        return settings;
    }
  satchel_filters_settings_read (group, &settings);
  return settings;
}

void
satchel_filters_configure (const GPtrArray *provided, const SatchelConfig *group)
{
  if (filters == NULL)
    {
      n_filters = provided->len;
      filters = g_new0 (SatchelFilter, n_filters + 1);
      for (guint i = 0; i < n_filters; i++)
        {
          filters[i].provided = provided->pdata[i];
          g_queue_init (&filters[i].waiting);
        }
    }
  guint n_threads = 0;
  for (guint i = 0; i < n_filters; i++)
    {
      const SatchelFilterSettings settings = settings_of (&filters[i], group);
      apply_settings (&filters[i], &settings);
      n_threads += filters[i].max_questions;
    }
  satchel_job_set_apart_limit (MIN (n_threads, THREADS_MAX));
}

static gboolean
has_stage (const SatchelFilter *filter, SatchelFilterStage stage)
{
  const SatchelDeliveryFilterOps *ops = filter->provided->ops;
  return stage == SATCHEL_FILTER_MESSAGE ? SATCHEL_HAS (ops, message) : SATCHEL_HAS (ops, recipient);
}

gboolean
satchel_filters_has (SatchelFilterStage stage)
{
  return satchel_filters_longest_ms (stage) > 0;
}

gint64
satchel_filters_longest_ms (SatchelFilterStage stage)
{
  gint64 ms = 0;
  for (guint i = 0; i < n_filters; i++)
    ms += has_stage (&filters[i], stage) ? filters[i].deadline_ms : 0;
  return ms;
}

guint
satchel_filters_n_running (void)
{
  return n_runs;
}

static void ask_next_filter (SatchelFilterRun *run);

void
satchel_filter_run_clear (SatchelFilterRun *run)
{
  g_clear_pointer (&run->content, satchel_stream_unref);
  satchel_disposition_clear (&run->where);
  g_clear_pointer (&run->crumb, g_free);
  g_clear_pointer (&run->text, g_free);
}

static void
log_trouble (const SatchelFilterRun *run, const SatchelFilter *filter, const char *what, const char *why)
{
  g_autoptr (GString) line = g_string_new (what);
  g_autofree char *reason = g_strdup_printf ("module %s: %s", filter->provided->module->name, why);
  satchel_log_field (line, "id", run->envelope->id);
  if (run->user != NULL)
    satchel_log_field (line, "user", run->user);
  satchel_log_field (line, "reason", reason);
  satchel_log_field (line, "then", filter->on_error == SATCHEL_FILTER_CONTINUE ? "passed-by" : "deferred");
  satchel_log_field (line, "sender", run->envelope->sender);
  satchel_filter_envelope_log_origin (line, run->envelope);
  satchel_log (SATCHEL_LOG_WARNING, "delivery", "%s", line->str);
}

static void
count_answer (const SatchelFilter *filter, const char *result)
{
  satchel_counter_add (&answers, 1, filter->provided->module->name, result);
}

/* Does what the filter said. FALSE means that no further filter is asked. */
static gboolean
take_verdict (SatchelFilterRun *run, const SatchelFilter *filter, SatchelFilterVerdict verdict)
{
  static const char *const results[] = { "continue", "done", "refuse", "discard", "temporary" };
  count_answer (filter, results[verdict]);
  run->by = filter->provided->module->name;
  run->verdict = verdict == SATCHEL_FILTER_DONE ? SATCHEL_FILTER_CONTINUE : verdict;
  return verdict == SATCHEL_FILTER_CONTINUE;
}

/* Does what the settings say of a filter that failed. FALSE means that no further filter is asked. */
static gboolean
take_failure (SatchelFilterRun *run, const SatchelFilter *filter, const char *what, const char *why)
{
  log_trouble (run, filter, what, why);
  count_answer (filter, "failed");
  run->by = filter->provided->module->name;
  run->verdict = filter->on_error;
  return filter->on_error == SATCHEL_FILTER_CONTINUE;
}

static void pump (SatchelFilter *filter);

/* Notes that the filter no longer has the question. */
static void
release_question (SatchelFilterQuestion *question)
{
  SatchelFilter *filter = question->filter;
  if (!question->has_returned || !question->has_ended)
    return;
  filter->n_asked--;
  filter->n_overdue -= question->is_overdue;
  satchel_filter_question_unref (question);
  pump (filter);
}

/* Makes a breadcrumb for the message that is the same at each try of its sender. */
static char *
crumb_of (const SatchelFilterQuestion *question, GError **error)
{
  g_autofree guint8 *head = g_malloc (SATCHEL_SUSPECT_HEAD_BYTES);
  gssize n = satchel_stream_read_at (question->content, 0, head, SATCHEL_SUSPECT_HEAD_BYTES, error);
  return n < 0 ? NULL : satchel_suspect_crumb (head, (gsize) n, question->item.content_bytes);
}

/* Prepares a question. FALSE means that it has been answered instead. */
static gboolean
prepare_question (SatchelFilterQuestion *question)
{
  g_autoptr (GError) error = NULL;
  gint64 length = satchel_stream_length (question->content, &error);
  question->item.content_bytes = (guint64) MAX (length, 0);
  if (length >= 0 && question->crumb == NULL)
    question->crumb = crumb_of (question, &error);
  if (error != NULL)
    satchel_filter_fail (&question->item, error->message);
  else if (satchel_store_is_suspect_by (question->filter->provided->module->name, question->crumb))
    {
      question->is_suspect = TRUE;
      satchel_filter_fail (&question->item, "crashed or hung on it twice");
    }
  else
    return TRUE;
  return FALSE;
}

/* Runs in a thread of filters, under a breadcrumb that names filter and message. */
static void
run_question (gpointer data)
{
  SatchelFilterQuestion *question = data;
  const SatchelDeliveryFilterOps *ops = question->filter->provided->ops;
  if (!prepare_question (question))
    return;
  if (!g_atomic_int_compare_and_exchange (&question->state, SATCHEL_FILTER_WAITING, SATCHEL_FILTER_ASKED))
    {
      satchel_filter_fail (&question->item, "was not asked in time");
      return;
    }
  void (*ask) (SatchelFilterItem *item) = question->user != NULL ? ops->recipient : ops->message;
  satchel_job_crumb ("%s", question->crumb);
  satchel_job_call (question->filter->provided->module->name, "filter");
  ask (&question->item);
  satchel_job_call (NULL, NULL);
}

static void
question_returned (gpointer data)
{
  SatchelFilterQuestion *question = data;
  question->has_returned = TRUE;
  release_question (question);
}

static void
pump (SatchelFilter *filter)
{
  while (filter->n_asked < filter->max_questions && !g_queue_is_empty (&filter->waiting))
    {
      SatchelFilterQuestion *question = g_queue_pop_head (&filter->waiting);
      question->is_started = TRUE;
      filter->n_asked++;
      satchel_job_submit_apart (question->user, "delivery filter", run_question, question_returned, question);
    }
}

static void
leave_question (SatchelFilterRun *run, SatchelFilterQuestion *question)
{
  satchel_counter_observe (&answer_time, (guint64) (g_get_monotonic_time () - question->asked_us));
  satchel_timer_cancel (&run->timer);
  run->question = NULL;
  question->run = NULL;
}

/* Takes the answer to a question. FALSE means that no further filter is asked. */
static gboolean
take_question_answer (SatchelFilterRun *run, SatchelFilterQuestion *question)
{
  const SatchelFilter *filter = question->filter;
  if (run->crumb == NULL)
    run->crumb = g_strdup (question->crumb);
  if (question->failure != NULL)
    return take_failure (run, filter,
                         question->is_suspect ? "filter passed by:" : "filter failed:", question->failure);
  run->text = g_steal_pointer (&question->text);
  if (run->stage == SATCHEL_FILTER_MESSAGE && question->note != NULL
      && !satchel_disposition_add_note (&run->where, filter->provided->module->name, question->note))
    log_trouble (run, filter, "note left out:", "filters note more of a message than there is room for");
  if (satchel_disposition_merge (&run->where, &question->where) > 0)
    log_trouble (run, filter, "keywords left out:", "sets more than a message may get from filters");
  if (!satchel_header_edit_is_empty (&question->edit))
    {
      SatchelStream *edited = satchel_header_edit_stream (run->content, &question->edit);
      satchel_stream_unref (run->content);
      run->content = edited;
      run->is_changed = TRUE;
    }
  return take_verdict (run, filter, question->verdict);
}

static void
end_run (SatchelFilterRun *run)
{
  n_runs--;
  run->done (run, run->data);
}

static void
question_answered (gpointer data)
{
  SatchelFilterQuestion *question = data;
  SatchelFilterRun *run = question->run;
  question->has_ended = TRUE;
  if (run != NULL)
    leave_question (run, question);
  gboolean goes_on = run != NULL && take_question_answer (run, question);
  release_question (question);
  if (goes_on)
    ask_next_filter (run);
  else if (run != NULL)
    end_run (run);
}

static void
time_over (SatchelTimer *timer, gpointer data)
{
  SatchelFilterRun *run = data;
  SatchelFilterQuestion *question = run->question;
  SatchelFilter *filter = question->filter;
  if (g_atomic_int_get (&question->is_answered))
    return; /* the answer is on its way to this thread */
  leave_question (run, question);
  if (question->is_started)
    {
      const SatchelDeliveryFilterOps *ops = filter->provided->ops;
      question->is_overdue = TRUE;
      filter->n_overdue++;
      g_atomic_int_set (&question->is_cancelled, 1);
      gboolean was_asked = !g_atomic_int_compare_and_exchange (&question->state, SATCHEL_FILTER_WAITING,
                                                               SATCHEL_FILTER_TOO_LATE);
      if (was_asked && SATCHEL_HAS (ops, cancelled))
        ops->cancelled (&question->item);
    }
  else
    {
      g_queue_remove (&filter->waiting, question);
      satchel_filter_question_unref (question);
    }
  if (take_failure (run, filter, "filter failed:", "did not answer in time"))
    ask_next_filter (run);
  else
    end_run (run);
}

static void
ask_filter (SatchelFilterRun *run, SatchelFilter *filter)
{
  SatchelFilterQuestion *question = satchel_filter_question_new (run, filter->deadline_ms, question_answered);
  question->filter = filter;
  if (run->stage == SATCHEL_FILTER_RECIPIENT)
    question->note = g_strdup (satchel_disposition_note (&run->where, filter->provided->module->name));
  question->run = run;
  run->question = question;
  satchel_timer_arm (&run->timer, filter->deadline_ms, time_over, run);
  g_queue_push_tail (&filter->waiting, question);
  pump (filter);
}

static void
ask_next_filter (SatchelFilterRun *run)
{
  while (run->next < n_filters)
    {
      SatchelFilter *filter = &filters[run->next++];
      if (!has_stage (filter, run->stage))
        continue;
      /* If all questions that the filter may have at a time are overdue, it makes no sense to wait for it. */
      if (filter->n_overdue < filter->max_questions)
        {
          ask_filter (run, filter);
          return;
        }
      if (!take_failure (run, filter, "filter failed:", "answers none of those that it has"))
        break;
    }
  end_run (run);
}

void
satchel_filters_run (SatchelFilterRun *run)
{
  n_runs++;
  run->verdict = SATCHEL_FILTER_CONTINUE;
  ask_next_filter (run);
}
