/* SPDX-License-Identifier: MIT
 * Implements one attempt to log in: the steps of its mechanism, its check, and its answer.
 */
#include "config.h"

#include "core/daemon/auth/exchange/auth_gate.h"

#include <string.h>

#define MAX_DELAY_MS 18000
#define SPARE_MS 2000 /* between the end of the delay and the moment when the gate gives up */

static void
exchange_free (Exchange *exchange)
{
  if (exchange == NULL)
    return;
  if (exchange->check != NULL && exchange->is_refuted)
    satchel_auth_log_failure (&exchange->event, satchel_check_abandon_refuted (exchange->check));
  else if (exchange->check != NULL)
    satchel_check_withdraw (exchange->check);
  g_free ((char *) exchange->event.name);
  satchel_sasl_free (exchange->sasl);
  satchel_login_unref (exchange->login);
  g_free (exchange);
}

void
auth_session_drop_exchange (Session *session)
{
  Exchange *exchange = g_steal_pointer (&session->exchange);
  if (exchange != NULL && session->state == STATE_RUNNING)
    exchange->session = NULL;
  else
    exchange_free (exchange);
}

Exchange *
auth_exchange_new (Session *session, SatchelLogin *login, guint secure, gint64 deadline_ms)
{
  Exchange *exchange = g_new0 (Exchange, 1);
  exchange->session = session;
  exchange->auth = session->gate->auth;
  exchange->login = login;
  exchange->event = (SatchelAuthEvent) { .service = login->service,
                                         .method = login->mechanism,
                                         .peer = login->peer,
                                         .session_id = session->id,
                                         .has_tls = login->tls_version != 0 };
  exchange->secure = secure;
  exchange->deadline_ms = deadline_ms;
  session->exchange = exchange;
  return exchange;
}

void
auth_exchange_set_name (Exchange *exchange, const char *name, gsize len)
{
  g_free ((char *) exchange->event.name);
  exchange->event.name = g_strndup (len > 0 ? name : "", len);
  exchange->event.name_len = len;
}

void
auth_session_reply (Session *session, SatchelAuthStatus status, const Answer *answer)
{
  gsize len = 0;
  const void *challenge = answer->challenge != NULL ? g_bytes_get_data (answer->challenge, &len) : NULL;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_REPLY, session->id);
  satchel_ipc_put_u32 (message, answer->is_withheld ? SATCHEL_IPC_AUTH_WITHHELD : status);
  satchel_ipc_put_bytes (message, challenge, len);
  satchel_ipc_put_string (message, answer->explain);
  satchel_ipc_put_bytes (message, answer->grant, answer->grant != NULL ? SATCHEL_GRANT_BYTES : 0);
  satchel_ipc_put_u32 (message, answer->mail_slot);
  satchel_ipc_put_string (message, answer->user);
  /* The mail process hears of a grant before the gate does, or it would refuse the connection. */
  SatchelPeer *owner = NULL;
  if (answer->grant != NULL)
    owner = satchel_role_peer (session->gate->auth->context, SATCHEL_ROLE_MAIL, answer->mail_slot);
  satchel_peer_send_after (session->gate->peer, message, owner);
}

static gboolean
is_elsewhere (const Exchange *exchange)
{
  return (exchange->secure & SATCHEL_IPC_SECURE_ELSEWHERE) != 0;
}

void
auth_session_refuse (Session *session, SatchelAuthStatus status, const char *explain)
{
  Exchange *exchange = g_steal_pointer (&session->exchange);
  session->state = STATE_IDLE;
  /* A server that has its clients' logins checked may log whose login failed. */
  const char *name = exchange != NULL && is_elsewhere (exchange) ? exchange->event.name : NULL;
  auth_session_reply (session, status, &(Answer) { .explain = explain, .user = name });
  exchange_free (exchange);
}

static void
delay_over (SatchelTimer *timer, gpointer data)
{
  Session *session = data;
  auth_session_refuse (session, SATCHEL_AUTH_FAILED, session->explain);
}

/* Returns what a client with the right password is told, where auth.explain allows it; these are no guesses,
 * and not slowed down. */
static const char *
find_explanation (SatchelLoginVerdict verdict)
{
  switch (verdict)
    {
    case SATCHEL_LOGIN_CODE_MISSING:
      return "code required: add the 6-digit code after your password, or use an app password";
    case SATCHEL_LOGIN_CODE_STALE:
      return "that code was used already; wait for the next one";
    case SATCHEL_LOGIN_NEEDS_APP_PASSWORD:
      return "an app password is required here";
    case SATCHEL_LOGIN_NEEDS_GRANT:
      return "log in once with password and code, or use an app password";
    case SATCHEL_LOGIN_UNAVAILABLE:
    case SATCHEL_LOGIN_RIGHT:
    case SATCHEL_LOGIN_BAD_PASSWORD:
    case SATCHEL_LOGIN_UNKNOWN_USER:
    case SATCHEL_LOGIN_LOCKED:
    case SATCHEL_LOGIN_THROTTLED:
    case SATCHEL_LOGIN_BAD_CODE:
    case SATCHEL_LOGIN_MALFORMED:
    case SATCHEL_LOGIN_OUT_OF_SCOPE:
    case SATCHEL_LOGIN_NO_KEY:
      break;
    }
  return NULL;
}

/* Says whether a failure delays the answer. A malformed exchange guesses at no password, but its sender is
 * slowed down all the same. */
static gboolean
slows_down (SatchelLoginVerdict verdict)
{
  return find_explanation (verdict) == NULL && verdict != SATCHEL_LOGIN_UNAVAILABLE
         && verdict != SATCHEL_LOGIN_OUT_OF_SCOPE && verdict != SATCHEL_LOGIN_NO_KEY;
}

const char *
satchel_auth_explain (SatchelAuth *auth, SatchelLoginVerdict verdict, const char *user, const char *place)
{
  gboolean may_tell = auth->settings.explain == SATCHEL_EXPLAIN_ALWAYS
                      || (auth->settings.explain == SATCHEL_EXPLAIN_KNOWN_NETWORKS
                          && satchel_known_find (auth->known, user, place) != NULL);
  return may_tell ? find_explanation (verdict) : NULL;
}

void
auth_exchange_fail (Exchange *exchange, SatchelLoginVerdict verdict, const char *user)
{
  SatchelAuth *auth = exchange->auth;
  const char *place = exchange->login->network;
  /* A check has counted its attempt already. */
  if (slows_down (verdict) && !exchange->was_checked)
    satchel_throttle_fail_place (auth->throttle, place, satchel_now_ms ());
  guint n_failures =
      slows_down (verdict) ? satchel_throttle_n_failures (auth->throttle, place, satchel_now_ms ()) : 0;
  satchel_auth_log_failure (&exchange->event, verdict);
  Session *session = exchange->session;
  if (session == NULL)
    {
      exchange_free (exchange);
      return;
    }
  session->state = STATE_IDLE;
  if (verdict == SATCHEL_LOGIN_UNAVAILABLE)
    {
      auth_session_refuse (session, SATCHEL_AUTH_UNAVAILABLE, NULL);
      return;
    }
  gint64 delay_ms =
      MIN (satchel_throttle_delay_ms (n_failures, auth->settings.failure_delay_ms), MAX_DELAY_MS);
  if (exchange->deadline_ms > 0)
    delay_ms = MIN (delay_ms, exchange->deadline_ms - SPARE_MS - satchel_now_ms ());
  session->state = STATE_DELAYED;
  session->explain = user != NULL ? satchel_auth_explain (auth, verdict, user, place) : NULL;
  if (delay_ms > 0)
    satchel_timer_arm (&session->delay, delay_ms, delay_over, session);
  else
    delay_over (&session->delay, session);
}

/* Tells the server that asked about a client: it is in. */
static void
tell_verdict (Exchange *exchange, const SatchelCheckResult *result)
{
  Session *session = exchange->session;
  satchel_auth_log_success (&exchange->event, result->user, result->credential);
  exchange_free (g_steal_pointer (&session->exchange));
  session->state = STATE_IDLE;
  auth_session_reply (session, SATCHEL_AUTH_OK, &(Answer) { .user = result->user });
}

static void
grant_exchange (Exchange *exchange, const SatchelCheckResult *result)
{
  Session *session = exchange->session;
  guint8 grant[SATCHEL_GRANT_BYTES];
  guint mail_slot = 0;
  session->state = STATE_IDLE;
  const SatchelGrantRequest request = { .gate_slot = session->gate->peer->slot,
                                        .session_id = session->id,
                                        .service = exchange->event.service,
                                        .user = result->user,
                                        .unlocked = result->unlocked,
                                        .copy = result->copy,
                                        .notice = result->notice,
                                        .credential = result->credential,
                                        .scopes = result->scopes,
                                        .attributes = result->attributes };
  SatchelAuthStatus status = satchel_auth_grant (exchange->auth, &request, grant, &mail_slot);
  if (status != SATCHEL_AUTH_OK)
    {
      satchel_auth_log_refusal (&exchange->event,
                                status == SATCHEL_AUTH_LIMITED ? "too-many-connections" : "mail-away");
      auth_session_refuse (session, status, NULL);
      return;
    }
  satchel_auth_log_success (&exchange->event, result->user, result->credential);
  exchange_free (g_steal_pointer (&session->exchange));
  session->state = STATE_GRANTED;
  session->user = g_strdup (result->user);
  auth_session_reply (session, SATCHEL_AUTH_OK,
                      &(Answer) { .grant = grant, .mail_slot = mail_slot, .user = result->user });
  explicit_bzero (grant, sizeof grant);
}

/* Refuses a login that is right, and cannot open the user's mail.  The client hears why, whatever
 * auth.explain says: it has shown who it is. */
static void
withhold (Exchange *exchange, const SatchelCheckResult *result)
{
  Session *session = exchange->session;
  satchel_auth_log_failure (&exchange->event, result->verdict);
  if (session == NULL)
    {
      exchange_free (exchange);
      return;
    }
  session->exchange = NULL;
  session->state = STATE_IDLE;
  auth_session_reply (session, SATCHEL_AUTH_FAILED,
                      &(Answer) { .explain = result->notice, .is_withheld = TRUE });
  exchange_free (exchange);
}

static void
check_done (const SatchelCheckResult *result, gpointer data)
{
  Exchange *exchange = data;
  exchange->check = NULL;
  exchange->was_checked = TRUE;
  if (result->verdict == SATCHEL_LOGIN_NO_KEY)
    withhold (exchange, result);
  else if (result->verdict != SATCHEL_LOGIN_RIGHT)
    auth_exchange_fail (exchange, result->verdict, result->user);
  else if (exchange->session != NULL && is_elsewhere (exchange))
    tell_verdict (exchange, result);
  else if (exchange->session != NULL)
    grant_exchange (exchange, result);
  else
    exchange_free (exchange);
}

void
auth_exchange_password (Session *session, const char *name, gsize name_len, const char *authorisation,
                        char *secret)
{
  Exchange *exchange = session->exchange;
  auth_exchange_set_name (exchange, name, name_len);
  session->state = STATE_RUNNING;
  exchange->login->deadline_ms = exchange->deadline_ms;
  satchel_check_password (exchange->auth, exchange->login, name, name_len, authorisation, secret, check_done,
                          exchange);
}

static void follow (Exchange *exchange, SatchelSaslResult result);

/* Takes the user that a mechanism asked for in the middle of its exchange. */
static void
found_user (SatchelAuthCheck *check, const char *user, const SatchelCredential *credential, gpointer data)
{
  Exchange *exchange = data;
  exchange->check = check;
  if (exchange->session == NULL)
    exchange_free (exchange);
  else
    follow (exchange, satchel_sasl_found (exchange->sasl, user, credential));
}

static void
look_up (Exchange *exchange)
{
  const SatchelSaslTurn *turn = &exchange->sasl->turn;
  auth_exchange_set_name (exchange, turn->user, strlen (turn->user));
  exchange->session->state = STATE_RUNNING;
  exchange->login->deadline_ms = exchange->deadline_ms;
  /* the answer overwrites the turn that these belong to */
  g_autofree char *user = g_strdup (turn->user), *authorisation = g_strdup (turn->authorisation);
  satchel_check_look_up (exchange->auth, exchange->login, user, authorisation, found_user, check_done,
                         exchange);
}

static void
fail_malformed (Exchange *exchange)
{
  const char *name = exchange->sasl->turn.name;
  if (exchange->event.name == NULL)
    auth_exchange_set_name (exchange, name, name != NULL ? strlen (name) : 0);
  if (exchange->check != NULL && exchange->is_refuted)
    {
      exchange->session->state = STATE_RUNNING;
      satchel_check_refuted (g_steal_pointer (&exchange->check));
      return;
    }
  if (exchange->check != NULL)
    satchel_check_withdraw (g_steal_pointer (&exchange->check));
  auth_exchange_fail (exchange, SATCHEL_LOGIN_MALFORMED, NULL);
}

static void
check_password_of (Exchange *exchange)
{
  const SatchelSaslTurn *turn = &exchange->sasl->turn;
  char *secret = satchel_shared_secret_new (turn->secret, strlen (turn->secret));
  g_autofree char *user = g_strdup (turn->user), *authorisation = g_strdup (turn->authorisation);
  auth_exchange_password (exchange->session, user, strlen (user), authorisation, secret);
}

static void
prove (Exchange *exchange, gboolean is_right)
{
  SatchelAuthCheck *check = g_steal_pointer (&exchange->check);
  if (check == NULL) /* the mechanism has looked up no user */
    {
      fail_malformed (exchange);
      return;
    }
  exchange->session->state = STATE_RUNNING;
  if (is_right && !exchange->is_refuted)
    satchel_check_proved (check, &exchange->sasl->turn, exchange->deadline_ms);
  else
    satchel_check_refuted (check);
}

/* Notes that the client has failed its mechanism, and logs why, before the client is told. */
static void
note_refutation (Exchange *exchange, SatchelSaslResult result)
{
  const SatchelSaslTurn *turn = &exchange->sasl->turn;
  if (result != SATCHEL_SASL_WRONG && !(result == SATCHEL_SASL_CHALLENGE && turn->is_refuted))
    return;
  exchange->is_refuted = TRUE;
  if (turn->why != NULL)
    satchel_auth_log_proof (&exchange->event, turn->why);
}

static void
helper_answered (SatchelSaslResult result, gpointer data)
{
  Exchange *exchange = data;
  if (exchange->session != NULL)
    {
      follow (exchange, result);
      return;
    }
  note_refutation (exchange, result);
  exchange_free (exchange);
}

static void
ask_helper (Exchange *exchange)
{
  gint64 left_ms = exchange->auth->settings.source_ms;
  exchange->session->state = STATE_RUNNING;
  if (exchange->deadline_ms > 0)
    left_ms = MIN (left_ms, exchange->deadline_ms - satchel_now_ms ());
  satchel_sasl_ask (exchange->sasl, left_ms, helper_answered, exchange);
}

static void
fail_unavailable (Exchange *exchange)
{
  const char *why = exchange->sasl->turn.why;
  if (exchange->check != NULL)
    satchel_check_withdraw (g_steal_pointer (&exchange->check));
  if (why != NULL)
    satchel_auth_log_trouble (exchange->event.name != NULL ? exchange->event.name : "",
                              exchange->login->network, why);
  auth_exchange_fail (exchange, SATCHEL_LOGIN_UNAVAILABLE, NULL);
}

static void
follow (Exchange *exchange, SatchelSaslResult result)
{
  note_refutation (exchange, result);
  switch (result)
    {
    case SATCHEL_SASL_CHALLENGE:
      exchange->session->state = STATE_SASL;
      auth_session_reply (exchange->session, SATCHEL_AUTH_CONTINUE,
                          &(Answer) { .challenge = exchange->sasl->turn.challenge });
      return;
    case SATCHEL_SASL_LOOK_UP:
      if (exchange->check != NULL)
        fail_malformed (exchange);
      else
        look_up (exchange);
      return;
    case SATCHEL_SASL_PASSWORD:
      check_password_of (exchange);
      return;
    case SATCHEL_SASL_RIGHT:
    case SATCHEL_SASL_WRONG:
      prove (exchange, result == SATCHEL_SASL_RIGHT);
      return;
    case SATCHEL_SASL_ASK:
      if (exchange->check != NULL)
        ask_helper (exchange);
      else
        fail_malformed (exchange);
      return;
    case SATCHEL_SASL_UNAVAILABLE:
      fail_unavailable (exchange);
      return;
    case SATCHEL_SASL_MALFORMED:
      fail_malformed (exchange);
      return;
    }
}

void
auth_exchange_step (Session *session, const guint8 *response, gsize len, gint64 deadline_ms)
{
  Exchange *exchange = session->exchange;
  exchange->deadline_ms = deadline_ms;
  follow (exchange, satchel_sasl_step (exchange->sasl, response, len));
}
