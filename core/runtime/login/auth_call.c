/* SPDX-License-Identifier: MIT
 * Makes calls to passdbs, userdbs, factors and keyrings.  For the core a call ends once, by its answer or its
 * deadline; for the module it ends once, by its answer.  A call is kept until both have ended it.
 * auth_answer.c has what modules do with it.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/login/auth_call_state.h"

#include <string.h>

#define PENDING_MAX 1024u /* most calls without an answer, for each source */

static SatchelAuthCall *pending;
/* A module is being asked this just now; NULL once the call has been freed. Main thread only. */
static SatchelAuthCall *asked_now;
/* There are a few tables of functions, which stay for the life of the process. */
typedef struct Source
{
  const void *source;
  guint n_pending;
} Source;
static GArray *sources;
static SatchelCallWorker run_work;

void
satchel_calls_set_worker (SatchelCallWorker worker)
{
  run_work = worker;
}

SatchelCallWorker
satchel_calls_worker (void)
{
  return run_work;
}

static Source *
find_source (const void *source)
{
  if (sources == NULL)
    sources = g_array_new (FALSE, TRUE, sizeof (Source));
  for (guint i = 0; i < sources->len; i++)
    {
      Source *known = &g_array_index (sources, Source, i);
      if (known->source == source)
        return known;
    }
  Source fresh = { .source = source };
  g_array_append_val (sources, fresh);
  return &g_array_index (sources, Source, sources->len - 1);
}

guint
satchel_calls_n_pending (void)
{
  guint n = 0;
  SATCHEL_LIST_EACH (SatchelAuthCall, call, pending)
    {
      n++;
    }
  return n;
}

static void
answer_clear (SatchelCallAnswer *answer)
{
  g_clear_error (&answer->error);
  satchel_credential_clear (&answer->credential);
  g_clear_pointer (&answer->key, g_bytes_unref);
  g_clear_pointer (&answer->notice, g_free);
  g_clear_pointer (&answer->copy, g_bytes_unref);
  g_clear_pointer (&answer->credential_id, g_free);
  g_clear_pointer (&answer->scopes, g_free);
  satchel_shared_secret_unref (answer->key_secret);
  g_clear_pointer (&answer->texts, g_strfreev);
}

static void
call_free (SatchelAuthCall *call)
{
  if (asked_now == call)
    asked_now = NULL;
  satchel_timer_cancel (&call->timer);
  SATCHEL_LIST_REMOVE (pending, call);
  find_source (call->source)->n_pending--;
  answer_clear (&call->answer);
  satchel_login_unref (call->login);
  satchel_shared_secret_unref (call->secret);
  satchel_credential_clear (&call->credential);
  g_free (call->user);
  g_free ((char *) call->material.slot);
  g_free ((char *) call->material.variant);
  satchel_shared_secret_unref ((char *) call->material.data);
  g_mutex_clear (&call->lock);
  g_free (call);
}

static void
tell_core (SatchelAuthCall *call, SatchelCallAnswer *answer)
{
  SatchelCallDoneFunc done = g_steal_pointer (&call->done);
  satchel_timer_cancel (&call->timer);
  if (done != NULL)
    done (answer, call->done_data);
}

void
satchel_call_take_answer (gpointer data)
{
  SatchelAuthCall *call = data;
  tell_core (call, &call->answer);
  call_free (call);
}

gboolean
satchel_call_begin_answer (SatchelAuthCall *call, SatchelCallKind kind, SatchelCallKind other)
{
  g_mutex_lock (&call->lock);
  if (call->is_answered)
    g_error ("a module answered a question about a login twice");
  call->is_answered = TRUE;
  if (call->kind == kind || call->kind == other)
    return TRUE;
  satchel_error_set (&call->answer.error, SATCHEL_ERROR_FAILED, "the module answered another question");
  return FALSE;
}

void
satchel_call_end_answer (SatchelAuthCall *call)
{
  gboolean is_working = call->is_working;
  g_mutex_unlock (&call->lock);
  if (is_working)
    return; /* work_done ends the call */
  if (g_thread_self () == call->thread)
    satchel_call_take_answer (call);
  else
    satchel_defer (satchel_call_take_answer, call);
}

void
satchel_credential_copy (const SatchelCredential *from, SatchelCredential *to)
{
  *to = (SatchelCredential) { .size = sizeof *to,
                              .user = g_strdup (from->user),
                              .verifier = g_strdup (from->verifier),
                              .is_locked = from->is_locked };
  if (SATCHEL_HAS (from, scram))
    to->scram = g_strdup (from->scram);
  if (SATCHEL_HAS (from, attributes))
    to->attributes = g_strdupv (from->attributes);
}

/* Ends the call for the core now; the module keeps the call until it answers. */
static void
give_up (SatchelAuthCall *call, SatchelErrorCode code, const char *why)
{
  SatchelCallAnswer answer = { 0 };
  satchel_error_set (&answer.error, code, "%s", why);
  tell_core (call, &answer);
  answer_clear (&answer);
}

static void
deadline_over (SatchelTimer *timer, gpointer data)
{
  SatchelAuthCall *call = data;
  g_mutex_lock (&call->lock);
  gboolean is_answered = call->is_answered; /* the answer may be on its way to this thread */
  gboolean is_working = call->is_working;
  g_mutex_unlock (&call->lock);
  if (is_answered)
    return;
  give_up (call, SATCHEL_ERROR_TIMEOUT, "the module did not answer in time");
  if (call->helper != NULL)
    satchel_helper_cancel (call->helper);
  if (!is_working && call->cancelled != NULL)
    call->cancelled (call);
}

static void
copy_material (const SatchelKeyMaterial *from, SatchelKeyMaterial *to)
{
  *to = (SatchelKeyMaterial) {
    .size = sizeof *to,
    .source = from->source,
    .slot = g_strdup (from->slot),
    .variant = g_strdup (from->variant != NULL ? from->variant : ""),
    .data = (const guint8 *) satchel_shared_secret_new ((const char *) from->data, from->len),
    .len = from->len,
  };
}

static SatchelAuthCall *
call_new (const SatchelQuestion *question, SatchelCallDoneFunc done, gpointer data)
{
  SatchelAuthCall *call = g_new0 (SatchelAuthCall, 1);
  call->kind = question->kind;
  call->source = question->source;
  call->cancelled = question->cancelled;
  call->login = question->login != NULL ? satchel_login_ref (question->login) : NULL;
  call->user = g_strdup (question->user);
  call->secret = satchel_shared_secret_ref (question->secret);
  if (question->credential != NULL)
    satchel_credential_copy (question->credential, &call->credential);
  call->has_credential = question->credential != NULL;
  call->password_len = question->password_len;
  if (question->material != NULL)
    copy_material (question->material, &call->material);
  call->deadline_ms = question->deadline_ms;
  call->done = done;
  call->done_data = data;
  call->thread = g_thread_self ();
  g_mutex_init (&call->lock);
  call->answer.credential.size = sizeof call->answer.credential;
  SATCHEL_LIST_PREPEND (pending, call);
  find_source (call->source)->n_pending++;
  return call;
}

void
satchel_call_ask (const SatchelQuestion *question, SatchelCallDoneFunc done, gpointer data)
{
  if (find_source (question->source)->n_pending >= PENDING_MAX)
    {
      SatchelCallAnswer answer = { 0 };
      satchel_error_set (&answer.error, SATCHEL_ERROR_INUSE,
                         "%u questions to the module are not answered yet", PENDING_MAX);
      done (&answer, data);
      answer_clear (&answer);
      return;
    }
  SatchelAuthCall *call = call_new (question, done, data);
  /* Most modules answer at once, and need no timer. */
  SatchelAuthCall *asked = asked_now;
  asked_now = call;
  question->ask (call);
  if (asked_now == call && question->deadline_ms > 0)
    satchel_timer_arm (&call->timer, MAX (question->deadline_ms - satchel_now_ms (), 1), deadline_over, call);
  asked_now = asked;
}

void
satchel_calls_end (void)
{
  SATCHEL_LIST_EACH (SatchelAuthCall, call, pending)
    {
      give_up (call, SATCHEL_ERROR_CANCELLED, "the process stops");
    }
}
