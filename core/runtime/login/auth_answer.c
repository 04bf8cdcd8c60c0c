/* SPDX-License-Identifier: MIT
 * Serves modules that are asked about a login (<satchel/auth.h>): what they may know of the question, work
 * that they have done elsewhere, and their answers, which must keep to the contract.
 */
#include "config.h"

#include "core/runtime/login/auth_call_state.h"

#include <string.h>

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
    satchel_call_take_answer (call);
}

void
satchel_auth_call_work (SatchelAuthCall *call, guint64 cost_bytes, SatchelAuthWorkFunc func)
{
  call->work = func;
  g_mutex_lock (&call->lock);
  call->is_working = TRUE;
  g_mutex_unlock (&call->lock);
  SatchelCallWorker worker = satchel_calls_worker ();
  if (worker != NULL)
    {
      worker (call->login != NULL ? call->login->network : "", cost_bytes, call->deadline_ms, work_run,
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
  if (satchel_call_begin_answer (call, call->kind, call->kind))
    call->answer.error = g_steal_pointer (&copy);
  satchel_call_end_answer (call);
}

void
satchel_auth_call_found (SatchelAuthCall *call, const SatchelCredential *credential)
{
  if (satchel_call_begin_answer (call, SATCHEL_CALL_LOOK_UP, SATCHEL_CALL_LOOK_UP) && credential != NULL)
    {
      call->answer.is_found = TRUE;
      satchel_credential_copy (credential, &call->answer.credential);
    }
  satchel_call_end_answer (call);
}

static void
answer_texts (SatchelAuthCall *call, SatchelCallKind kind, const char *const *texts)
{
  if (satchel_call_begin_answer (call, kind, kind))
    call->answer.texts = g_strdupv ((char **) texts);
  satchel_call_end_answer (call);
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
  if (satchel_call_begin_answer (call, SATCHEL_CALL_VERIFY, SATCHEL_CALL_VERIFY))
    {
      if (verdict < SATCHEL_VERIFY_WRONG || verdict > SATCHEL_VERIFY_RIGHT_UPGRADE)
        satchel_error_set (&call->answer.error, SATCHEL_ERROR_FAILED, "the module gave no verdict");
      else if (verdict != SATCHEL_VERIFY_WRONG)
        put_key (call, key);
      call->answer.verdict = verdict;
    }
  satchel_call_end_answer (call);
}

void
satchel_auth_call_upgraded (SatchelAuthCall *call)
{
  (void) satchel_call_begin_answer (call, SATCHEL_CALL_UPGRADE, SATCHEL_CALL_UPGRADE);
  satchel_call_end_answer (call);
}

void
satchel_auth_call_unlocked (SatchelAuthCall *call, GBytes *key)
{
  if (satchel_call_begin_answer (call, SATCHEL_CALL_UNLOCK, SATCHEL_CALL_UNLOCK))
    put_key (call, key);
  satchel_call_end_answer (call);
}

void
satchel_auth_call_withheld (SatchelAuthCall *call, const char *text)
{
  if (satchel_call_begin_answer (call, SATCHEL_CALL_UNLOCK, SATCHEL_CALL_UNLOCK))
    {
      call->answer.is_withheld = TRUE;
      g_free (call->answer.notice);
      call->answer.notice = g_strndup (text, SATCHEL_NOTICE_BYTES_MAX);
    }
  satchel_call_end_answer (call);
}

void
satchel_auth_call_notice (SatchelAuthCall *call, const char *text)
{
  g_mutex_lock (&call->lock);
  g_free (call->answer.notice);
  call->answer.notice = g_strndup (text, SATCHEL_NOTICE_BYTES_MAX);
  g_mutex_unlock (&call->lock);
}

void
satchel_auth_call_changed (SatchelAuthCall *call)
{
  g_mutex_lock (&call->lock);
  call->answer.has_changed = TRUE;
  g_mutex_unlock (&call->lock);
}

void
satchel_auth_call_copy (SatchelAuthCall *call, GBytes *copy)
{
  if (g_bytes_get_size (copy) > SATCHEL_RING_COPY_BYTES_MAX)
    return;
  g_mutex_lock (&call->lock);
  g_clear_pointer (&call->answer.copy, g_bytes_unref);
  call->answer.copy = g_bytes_ref (copy);
  g_mutex_unlock (&call->lock);
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
  if (satchel_call_begin_answer (call, SATCHEL_CALL_EXAMINE, SATCHEL_CALL_CONFIRM)
      && check_judgement (call, &copy, &call->answer.error))
    {
      call->answer.judgement = copy;
      call->answer.judgement.credential = call->answer.credential_id = g_strdup (copy.credential);
      call->answer.judgement.scopes = call->answer.scopes = g_strdup (copy.scopes);
      call->answer.judgement.key_secret = call->answer.key_secret =
          copy.key_secret != NULL ? satchel_shared_secret_new (copy.key_secret, strlen (copy.key_secret))
                                  : NULL;
    }
  satchel_call_end_answer (call);
}
