/* SPDX-License-Identifier: MIT
 * This file makes calls to passdbs, userdbs, factors and keyrings.  For the core a call ends once, by its
 * answer or its deadline; for the module it ends once, by its answer.  A call is kept until both have ended
 * it.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/login/auth_call_private.h"

#include <satchel/helper.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <string.h>

#define PENDING_MAX 1024u /* most calls without an answer, for each source */

struct SatchelAuthCall
{
  SatchelCallKind kind;
  const void *source;
  void (*cancelled) (SatchelAuthCall *call);
  SatchelLogin *login;
  char *user, *secret;
  gboolean has_credential;
  SatchelCredential credential;
  gsize password_len;
  SatchelKeyMaterial material; /* slot, variant and data are owned */
  gint64 deadline_ms;
  gpointer data;

  SatchelCallDoneFunc done; /* NULL: the core has been told how the call ended */
  gpointer done_data;
  SatchelTimer timer;
  GThread *thread; /* the main thread */
  SatchelAuthWorkFunc work;
  SatchelHelperPending *helper; /* a helper has been asked, and has not replied */
  SatchelAuthReplyFunc replied;
  SatchelAuthCall *previous, *next;

  GMutex lock; /* guards the members below */
  gboolean is_working, is_answered;
  SatchelCallAnswer answer;
};

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

/* Takes the module's answer, in the main thread, when no other thread uses the call any more. */
static void
take_answer (gpointer data)
{
  SatchelAuthCall *call = data;
  tell_core (call, &call->answer);
  call_free (call);
}

/* Begins an answer. TRUE means that the caller fills `answer`, and then calls end_answer. */
static gboolean
begin_answer (SatchelAuthCall *call, SatchelCallKind kind, SatchelCallKind other)
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

static void
end_answer (SatchelAuthCall *call)
{
  gboolean is_working = call->is_working;
  g_mutex_unlock (&call->lock);
  if (is_working)
    return; /* work_done ends the call */
  if (g_thread_self () == call->thread)
    take_answer (call);
  else
    satchel_defer (take_answer, call);
}

static void
copy_credential (const SatchelCredential *from, SatchelCredential *to)
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

/* ---- the module's side ---- */

const SatchelLogin *
satchel_auth_call_login (const SatchelAuthCall *call)
{
  return call->login;
}

const char *
satchel_auth_call_user (const SatchelAuthCall *call)
{
  return call->user;
}

const char *
satchel_auth_call_secret (const SatchelAuthCall *call)
{
  return call->secret;
}

const SatchelCredential *
satchel_auth_call_credential (const SatchelAuthCall *call)
{
  return call->has_credential ? &call->credential : NULL;
}

gsize
satchel_auth_call_password_len (const SatchelAuthCall *call)
{
  return call->password_len;
}

const SatchelKeyMaterial *
satchel_auth_call_material (const SatchelAuthCall *call)
{
  return call->material.size > 0 ? &call->material : NULL;
}

gint64
satchel_auth_call_left_ms (const SatchelAuthCall *call)
{
  return call->deadline_ms == 0 ? G_MAXINT32 : MAX (call->deadline_ms - g_get_monotonic_time () / 1000, 0);
}

void
satchel_auth_call_set_data (SatchelAuthCall *call, gpointer data)
{
  g_atomic_pointer_set (&call->data, data);
}

gpointer
satchel_auth_call_data (SatchelAuthCall *call)
{
  return g_atomic_pointer_get (&call->data);
}

static void
work_run (gpointer data)
{
  SatchelAuthCall *call = data;
  call->work (call);
}

static void
work_done (gpointer data, gboolean ran)
{
  SatchelAuthCall *call = data;
  g_mutex_lock (&call->lock);
  call->is_working = FALSE;
  if (!ran)
    {
      call->is_answered = TRUE;
      satchel_error_set (&call->answer.error, SATCHEL_ERROR_INUSE, "too many logins wait for their check");
    }
  gboolean is_answered = call->is_answered;
  g_mutex_unlock (&call->lock);
  if (is_answered)
    take_answer (call);
}

void
satchel_auth_call_work (SatchelAuthCall *call, guint64 cost_bytes, SatchelAuthWorkFunc func)
{
  call->work = func;
  g_mutex_lock (&call->lock);
  call->is_working = TRUE;
  g_mutex_unlock (&call->lock);
  if (run_work != NULL)
    {
      run_work (call->login != NULL ? call->login->network : "", cost_bytes, call->deadline_ms, work_run,
                work_done, call);
      return;
    }
  work_run (call);
  work_done (call, TRUE);
}

static void
helper_done (GBytes *reply, const GError *error, gpointer data)
{
  SatchelAuthCall *call = data;
  call->helper = NULL;
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    call->replied (call, reply);
}

void
satchel_auth_call_ask_helper (SatchelAuthCall *call, const char *module, GBytes *request,
                              SatchelAuthReplyFunc func)
{
  call->replied = func;
  call->helper =
      satchel_helper_call (module, request, -1, MAX (satchel_auth_call_left_ms (call), 1), helper_done, call);
}

void
satchel_auth_call_fail (SatchelAuthCall *call, const GError *error)
{
  g_autoptr (GError) copy = NULL;
  if (error != NULL)
    copy = g_error_copy (error);
  else
    satchel_error_set (&copy, SATCHEL_ERROR_FAILED, "the module gave no reason");
  if (begin_answer (call, call->kind, call->kind))
    call->answer.error = g_steal_pointer (&copy);
  end_answer (call);
}

void
satchel_auth_call_found (SatchelAuthCall *call, const SatchelCredential *credential)
{
  if (begin_answer (call, SATCHEL_CALL_LOOK_UP, SATCHEL_CALL_LOOK_UP) && credential != NULL)
    {
      call->answer.is_found = TRUE;
      copy_credential (credential, &call->answer.credential);
    }
  end_answer (call);
}

static void
answer_texts (SatchelAuthCall *call, SatchelCallKind kind, const char *const *texts)
{
  if (begin_answer (call, kind, kind))
    call->answer.texts = g_strdupv ((char **) texts);
  end_answer (call);
}

void
satchel_auth_call_resolved (SatchelAuthCall *call, const char *const *users)
{
  answer_texts (call, SATCHEL_CALL_RESOLVE, users);
}

void
satchel_auth_call_attributes (SatchelAuthCall *call, const char *const *attributes)
{
  answer_texts (call, SATCHEL_CALL_ATTRIBUTES, attributes);
}

/* Takes the key of an answer.  An empty key, or one of more than SATCHEL_SECRET_BYTES_MAX bytes, is an error,
 * since a grant cannot carry it. */
static void
put_key (SatchelAuthCall *call, GBytes *key)
{
  gsize len = key != NULL ? g_bytes_get_size (key) : 0;
  if (key != NULL && len > 0 && len <= SATCHEL_SECRET_BYTES_MAX)
    call->answer.key = g_bytes_ref (key);
  else if (key != NULL)
    satchel_error_set (&call->answer.error, SATCHEL_ERROR_LIMIT, "the module gave a key of %zu bytes", len);
}

void
satchel_auth_call_verified (SatchelAuthCall *call, SatchelVerify verdict, GBytes *key)
{
  if (begin_answer (call, SATCHEL_CALL_VERIFY, SATCHEL_CALL_VERIFY))
    {
      if (verdict < SATCHEL_VERIFY_WRONG || verdict > SATCHEL_VERIFY_RIGHT_UPGRADE)
        satchel_error_set (&call->answer.error, SATCHEL_ERROR_FAILED, "the module gave no verdict");
      else if (verdict != SATCHEL_VERIFY_WRONG)
        put_key (call, key);
      call->answer.verdict = verdict;
    }
  end_answer (call);
}

void
satchel_auth_call_upgraded (SatchelAuthCall *call)
{
  (void) begin_answer (call, SATCHEL_CALL_UPGRADE, SATCHEL_CALL_UPGRADE);
  end_answer (call);
}

void
satchel_auth_call_unlocked (SatchelAuthCall *call, GBytes *key)
{
  if (begin_answer (call, SATCHEL_CALL_UNLOCK, SATCHEL_CALL_UNLOCK))
    put_key (call, key);
  end_answer (call);
}

gboolean
satchel_credential_id_check (const char *id)
{
  gsize len = strspn (id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:");
  return len > 0 && len <= SATCHEL_CREDENTIAL_ID_MAX && id[len] == '\0';
}

static gboolean
check_judgement (const SatchelAuthCall *call, const SatchelFactorAnswer *answer, GError **error)
{
  gsize len = call->secret != NULL ? strlen (call->secret) : 0;
  gboolean ok = answer->verdict <= SATCHEL_FACTOR_OUT_OF_SCOPE && answer->password_len <= len
                && answer->n_candidates <= SATCHEL_FACTOR_CANDIDATES_MAX
                && (answer->credential == NULL || satchel_credential_id_check (answer->credential))
                && (answer->scopes == NULL || strlen (answer->scopes) <= 255)
                && (answer->key_secret == NULL || strlen (answer->key_secret) <= len);
  if (answer->verdict == SATCHEL_FACTOR_CANDIDATES)
    ok = ok && call->kind == SATCHEL_CALL_EXAMINE && call->secret != NULL && answer->n_candidates > 0;
  if (answer->verdict == SATCHEL_FACTOR_NOT_MINE)
    ok = ok && call->kind == SATCHEL_CALL_EXAMINE;
  for (guint i = 0; ok && answer->verdict == SATCHEL_FACTOR_CANDIDATES && i < answer->n_candidates; i++)
    ok = answer->candidates[i] > 0 && answer->candidates[i] <= len;
  return ok || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the module's judgement breaks the contract");
}

void
satchel_auth_call_judge (SatchelAuthCall *call, const SatchelFactorAnswer *answer)
{
  SatchelFactorAnswer copy = { 0 };
  memcpy (&copy, answer, MIN (answer->size, sizeof copy));
  if (begin_answer (call, SATCHEL_CALL_EXAMINE, SATCHEL_CALL_CONFIRM)
      && check_judgement (call, &copy, &call->answer.error))
    {
      call->answer.judgement = copy;
      call->answer.judgement.credential = call->answer.credential_id = g_strdup (copy.credential);
      call->answer.judgement.scopes = call->answer.scopes = g_strdup (copy.scopes);
      call->answer.judgement.key_secret = call->answer.key_secret =
          copy.key_secret != NULL ? satchel_shared_secret_new (copy.key_secret, strlen (copy.key_secret))
                                  : NULL;
    }
  end_answer (call);
}

/* ---- the core's side ---- */

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
    copy_credential (question->credential, &call->credential);
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
