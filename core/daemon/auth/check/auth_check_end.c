/* SPDX-License-Identifier: MIT
 * This file ends a check: it gives back attempts that were no failure of the user's, and tells whoever
 * waits.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_check.h"

#include <satchel/account_event.h>

#define STORE_KNOWN_MS 10000

static void
check_free (SatchelAuthCheck *check)
{
  satchel_credential_clear (&check->credential);
  satchel_shared_secret_unref (check->secret);
  satchel_shared_secret_unref (check->password);
  satchel_shared_secret_unref (check->key_secret);
  g_clear_pointer (&check->unlocked, g_bytes_unref);
  g_clear_pointer (&check->copy, g_bytes_unref);
  g_free (check->notice);
  g_clear_pointer (&check->client_key, g_bytes_unref);
  satchel_login_unref (check->login);
  g_free (check->credential_id);
  g_free (check->scopes);
  g_free (check->attributes);
  g_free (check->user);
  g_free (check);
}

/* Says whether a verdict counts against the account: what is no failure of the user's does not. */
static gboolean
counts_as_failure (SatchelLoginVerdict verdict)
{
  switch (verdict)
    {
    case SATCHEL_LOGIN_BAD_PASSWORD:
    case SATCHEL_LOGIN_UNKNOWN_USER:
    case SATCHEL_LOGIN_LOCKED:
    case SATCHEL_LOGIN_BAD_CODE:
    /* A stale code counts, too, but like any guess that is repeated only once an hour. */
    case SATCHEL_LOGIN_CODE_STALE:
      return TRUE;
    case SATCHEL_LOGIN_UNAVAILABLE:
    case SATCHEL_LOGIN_RIGHT:
    case SATCHEL_LOGIN_THROTTLED:
    case SATCHEL_LOGIN_CODE_MISSING:
    case SATCHEL_LOGIN_MALFORMED:
    case SATCHEL_LOGIN_NEEDS_APP_PASSWORD:
    case SATCHEL_LOGIN_NEEDS_GRANT:
    case SATCHEL_LOGIN_OUT_OF_SCOPE:
    case SATCHEL_LOGIN_NO_KEY:
      break;
    }
  return FALSE;
}

SatchelGuess
satchel_check_guess (const SatchelAuthCheck *check)
{
  return (SatchelGuess) {
    .user = check->user, .is_user = check->is_user, .place = check->login->network, .secret = check->guess
  };
}

void
satchel_check_note (const SatchelAuthCheck *check, const char *step, gconstpointer source, const char *format,
                    ...)
{
  if (check->note == NULL)
    return;
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  check->note (step, source, text, check->data);
}

static void
store_known (SatchelTimer *timer, gpointer data)
{
  satchel_known_sync (((SatchelAuth *) data)->known);
}

/* Notes that the user logged in from this network, which keeps a share of the account's attempts from now on.
 * Many such networks are stored at once.  @by is the check that found the login to be right. */
static void
remember_network (const SatchelAuthCheck *check, const SatchelAuthCheck *by)
{
  SatchelAuth *auth = check->auth;
  if (satchel_known_remember (auth->known, check->user, check->login->network, by->source != SATCHEL_KEY_APP,
                              g_get_real_time () / G_USEC_PER_SEC)
      && auth->known_timer.due_ms == 0)
    satchel_timer_arm (&auth->known_timer, STORE_KNOWN_MS, store_known, auth);
}

/* Says whether the verdict means that something beside the password was missing or wrong. */
static gboolean
lacks_more (SatchelLoginVerdict verdict)
{
  switch (verdict)
    {
    case SATCHEL_LOGIN_THROTTLED:
    case SATCHEL_LOGIN_BAD_CODE:
    case SATCHEL_LOGIN_CODE_MISSING:
    case SATCHEL_LOGIN_CODE_STALE:
    case SATCHEL_LOGIN_NEEDS_APP_PASSWORD:
    case SATCHEL_LOGIN_NEEDS_GRANT:
      return TRUE;
    case SATCHEL_LOGIN_UNAVAILABLE:
    case SATCHEL_LOGIN_RIGHT:
    case SATCHEL_LOGIN_BAD_PASSWORD:
    case SATCHEL_LOGIN_UNKNOWN_USER:
    case SATCHEL_LOGIN_LOCKED:
    case SATCHEL_LOGIN_MALFORMED:
    case SATCHEL_LOGIN_OUT_OF_SCOPE:
    case SATCHEL_LOGIN_NO_KEY:
      break;
    }
  return FALSE;
}

/* Tells listeners what the user should hear of; from networks that are known, nothing. The password was right
 * where the passdb said so, or where SCRAM proved it. */
static void
tell_listeners (const SatchelAuthCheck *check, SatchelLoginVerdict verdict)
{
  const SatchelLogin *login = check->login;
  gboolean knows_password = check->verdict >= SATCHEL_VERIFY_RIGHT || check->client_key != NULL;
  SatchelAccountEvent event = { .size = sizeof event,
                                .user = check->user,
                                .network = login->network,
                                .service = login->service,
                                .client = login->client_id };
  if (check->note != NULL || !check->is_user
      || satchel_known_find (check->auth->known, check->user, login->network) != NULL)
    return;
  if (verdict == SATCHEL_LOGIN_RIGHT && check->has_made)
    event.kind = SATCHEL_ACCOUNT_DEVICE_ADDED;
  else if (lacks_more (verdict) && knows_password)
    event.kind = SATCHEL_ACCOUNT_PASSWORD_ALONE;
  if (event.kind != 0)
    satchel_account_event (&event);
}

static void
settle_attempt (SatchelAuthCheck *check, SatchelLoginVerdict verdict, const SatchelAuthCheck *by)
{
  const SatchelGuess guess = satchel_check_guess (check);
  if (check->note != NULL)
    return;
  if (counts_as_failure (verdict))
    satchel_throttle_fail (check->auth->throttle, &guess, satchel_now_ms (), &check->attempt);
  else
    satchel_throttle_give_back (check->auth->throttle, &guess, &check->attempt);
  if (verdict == SATCHEL_LOGIN_RIGHT)
    remember_network (check, by);
}

static void
tell_verdict (SatchelAuthCheck *check, SatchelLoginVerdict verdict, const SatchelAuthCheck *by)
{
  SatchelCheckResult result = { .verdict = verdict, .user = check->is_name ? check->user : NULL };
  /* listeners are told first, since the network counts as known afterwards */
  tell_listeners (check, verdict);
  settle_attempt (check, verdict, by);
  if (check->would_be_throttled && verdict != SATCHEL_LOGIN_UNAVAILABLE)
    {
      satchel_check_note (check, "throttle", NULL, "without it the login would end as: %s",
                          satchel_auth_reason (verdict));
      result.verdict = SATCHEL_LOGIN_THROTTLED;
    }
  if (verdict == SATCHEL_LOGIN_RIGHT || verdict == SATCHEL_LOGIN_NO_KEY)
    result.notice = by->notice;
  if (verdict == SATCHEL_LOGIN_RIGHT)
    {
      result.unlocked = by->unlocked;
      result.copy = by->copy;
      result.credential = by->credential_id != NULL ? by->credential_id : SATCHEL_CREDENTIAL_PASSWORD;
      result.scopes = by->scopes != NULL ? by->scopes : "";
      result.attributes = by->attributes;
    }
  if (check->func != NULL)
    check->func (&result, check->data);
}

static GSList *
take_joined (SatchelAuthCheck *check)
{
  if (check->is_running)
    g_hash_table_remove (check->auth->running, check->key);
  check->is_running = FALSE;
  return g_slist_reverse (g_steal_pointer (&check->joined));
}

void
satchel_check_finish (SatchelAuthCheck *check, SatchelLoginVerdict verdict)
{
  GSList *joined = take_joined (check);
  if (verdict == SATCHEL_LOGIN_RIGHT && check->verdict == 0)
    satchel_hash_pool_hurry (check->auth->pool);
  tell_verdict (check, verdict, check);
  for (GSList *other = joined; other != NULL; other = other->next)
    {
      /* it waited for the check of the same secret of the same user */
      tell_verdict (other->data, verdict, check);
      check_free (other->data);
    }
  g_slist_free (joined);
  check_free (check);
}

void
satchel_check_part (SatchelAuthCheck *check, SatchelCheckNext next)
{
  GSList *joined = take_joined (check);
  for (GSList *other = joined; other != NULL; other = other->next)
    next (other->data);
  g_slist_free (joined);
}

void
satchel_check_trouble (SatchelAuthCheck *check, const GError *error)
{
  /* An overload is logged with each login that it refuses, so it needs no line here. */
  if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE)
      && !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED) && check->note == NULL)
    satchel_auth_log_trouble (check->user, check->login->network, error->message);
  satchel_check_finish (check, SATCHEL_LOGIN_UNAVAILABLE);
}

SatchelQuestion
satchel_check_question (SatchelAuthCheck *check, SatchelCallKind kind, gconstpointer source,
                        void (*ask) (SatchelAuthCall *call), void (*cancelled) (SatchelAuthCall *call))
{
  return (SatchelQuestion) { .kind = kind,
                             .source = source,
                             .ask = ask,
                             .cancelled = cancelled,
                             .login = check->login,
                             .user = check->user,
                             .credential = check->is_user ? &check->credential : NULL,
                             .deadline_ms = check->asked_until_ms };
}
