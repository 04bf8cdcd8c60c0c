/* SPDX-License-Identifier: MIT
 * What gates ask: one record a connection, from its first login attempt to its end.  A gate is hostile: a
 * message that does not fit closes its link, and nothing is granted without a login of this very connection.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <satchel/hash.h>
#include <string.h>

#define PASSWORD_MAX_BYTES 1024
#define SPARE_SESSIONS 1024 /* ends that are on their way */
#define MAX_DELAY_MS 18000  /* gates wait 20 s for an answer */

typedef enum
{
  STATE_IDLE = 0,
  STATE_SASL,    /* a challenge is with the client */
  STATE_RUNNING, /* being checked */
  STATE_DELAYED, /* failed, not answered yet */
  STATE_GRANTED  /* logged in: nothing but its end may follow */
} State;

typedef struct Gate
{
  SatchelAuth *auth;
  SatchelPeer *peer;
  GHashTable *sessions; /* id -> Session */
} Gate;

/* One login attempt; outlives its connection while it is checked. */
typedef struct Exchange
{
  struct Session *session; /* NULL: gone */
  SatchelAuth *auth;
  SatchelAuthEvent event; /* strings owned */
  guint secure;
  SatchelSasl *sasl;
} Exchange;

typedef struct Session
{
  Gate *gate;
  guint64 id;
  State state;
  Exchange *exchange;
  SatchelTimer delay;
  const char *explain; /* for the delayed answer; static */
  char *user;          /* of a granted login; counted */
} Session;

static void
exchange_free (Exchange *exchange)
{
  if (exchange == NULL)
    return;
  g_free ((char *) exchange->event.peer);
  g_free ((char *) exchange->event.service);
  g_free ((char *) exchange->event.method);
  g_free ((char *) exchange->event.name);
  satchel_sasl_free (exchange->sasl);
  g_free (exchange);
}

/* A running check keeps its exchange and finds the session gone. */
static void
session_drop_exchange (Session *session)
{
  Exchange *exchange = g_steal_pointer (&session->exchange);
  if (exchange != NULL && session->state == STATE_RUNNING)
    exchange->session = NULL;
  else
    exchange_free (exchange);
}

static void
session_free (gpointer data)
{
  Session *session = data;
  session_drop_exchange (session);
  satchel_timer_cancel (&session->delay);
  if (session->user != NULL)
    satchel_auth_grant_end (session->gate->auth, session->user);
  g_free (session->user);
  g_free (session);
}

gpointer
satchel_auth_gate_new (SatchelAuth *auth, SatchelPeer *peer)
{
  Gate *gate = g_new0 (Gate, 1);
  gate->auth = auth;
  gate->peer = peer;
  gate->sessions = g_hash_table_new_full (satchel_number64_hash, g_int64_equal, NULL, session_free);
  satchel_auth_gate_send_mechanisms (gate);
  return gate;
}

void
satchel_auth_gate_free (gpointer data)
{
  Gate *gate = data;
  if (gate == NULL)
    return;
  g_hash_table_unref (gate->sessions);
  g_free (gate);
}

void
satchel_auth_gate_send_mechanisms (gpointer data)
{
  Gate *gate = data;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_MECHANISMS, 0);
  satchel_ipc_put_string (message, gate->auth->settings.mechanisms);
  satchel_peer_send (gate->peer, message);
}

guint
satchel_auth_gate_n_sessions (gpointer data)
{
  return g_hash_table_size (((Gate *) data)->sessions);
}

typedef struct
{
  const char *challenge, *explain, *user;
  const guint8 *grant;
  guint mail_slot;
} Answer;

static void
send_reply (Session *session, SatchelAuthStatus status, const Answer *answer)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_REPLY, session->id);
  satchel_ipc_put_u32 (message, status);
  satchel_ipc_put_bytes (message, answer->challenge,
                         answer->challenge != NULL ? strlen (answer->challenge) : 0);
  satchel_ipc_put_string (message, answer->explain);
  satchel_ipc_put_bytes (message, answer->grant, answer->grant != NULL ? SATCHEL_GRANT_BYTES : 0);
  satchel_ipc_put_u32 (message, answer->mail_slot);
  satchel_ipc_put_string (message, answer->user);
  satchel_peer_send (session->gate->peer, message);
}

/* Ends the exchange with an answer that grants nothing. */
static void
refuse_exchange (Session *session, SatchelAuthStatus status, const char *explain)
{
  exchange_free (g_steal_pointer (&session->exchange));
  session->state = STATE_IDLE;
  send_reply (session, status, &(Answer) { .explain = explain });
}

static void
delay_over (SatchelTimer *timer, gpointer data)
{
  Session *session = data;
  refuse_exchange (session, SATCHEL_AUTH_FAILED, session->explain);
}

/* A malformed exchange guesses at no password, but its sender is slowed down all the same. */
static gboolean
slows_down (SatchelLoginVerdict verdict)
{
  return verdict != SATCHEL_LOGIN_CODE_MISSING && verdict != SATCHEL_LOGIN_CODE_STALE
         && verdict != SATCHEL_LOGIN_UNAVAILABLE;
}

/* This is the one failure whose reason a client may learn (auth.explain), since its password was right. */
static const char *
explain_verdict (SatchelAuth *auth, SatchelLoginVerdict verdict, const char *user, const char *place)
{
  if (verdict != SATCHEL_LOGIN_CODE_MISSING && verdict != SATCHEL_LOGIN_CODE_STALE)
    return NULL;
  if (auth->settings.explain == SATCHEL_EXPLAIN_NEVER
      || (auth->settings.explain == SATCHEL_EXPLAIN_KNOWN_NETWORKS
          && !satchel_throttle_is_known (auth->throttle, user, place)))
    return NULL;
  return verdict == SATCHEL_LOGIN_CODE_MISSING ? "Append your one-time code to the password"
                                               : "That code was used already; wait for the next one";
}

/* Logged at once, answered after the delay; a connection that has gone is counted and logged all the same. */
static void
fail_exchange (Exchange *exchange, SatchelLoginVerdict verdict, const char *user)
{
  SatchelAuth *auth = exchange->auth;
  char place[SATCHEL_PLACE_BYTES];
  satchel_place_from_peer (exchange->event.peer, place);
  guint n_failures =
      slows_down (verdict) ? satchel_throttle_fail_place (auth->throttle, place, satchel_now_ms ()) : 0;
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
      refuse_exchange (session, SATCHEL_AUTH_UNAVAILABLE, NULL);
      return;
    }
  gint64 delay_ms =
      MIN (satchel_throttle_delay_ms (n_failures, auth->settings.failure_delay_ms), MAX_DELAY_MS);
  session->state = STATE_DELAYED;
  session->explain = user != NULL ? explain_verdict (auth, verdict, user, place) : NULL;
  if (delay_ms > 0)
    satchel_timer_arm (&session->delay, delay_ms, delay_over, session);
  else
    delay_over (&session->delay, session);
}

static void
grant_exchange (Exchange *exchange, const char *user, GBytes *unlocked)
{
  Session *session = exchange->session;
  SatchelAuth *auth = exchange->auth;
  guint8 grant[SATCHEL_GRANT_BYTES];
  guint mail_slot = 0;
  session->state = STATE_IDLE;
  SatchelAuthStatus status = satchel_auth_grant (auth, session->gate->peer->slot, session->id,
                                                 exchange->event.service, user, unlocked, grant, &mail_slot);
  if (status != SATCHEL_AUTH_OK)
    {
      satchel_auth_log_refusal (&exchange->event,
                                status == SATCHEL_AUTH_LIMITED ? "too-many-connections" : "mail-away");
      refuse_exchange (session, status, NULL);
      return;
    }
  satchel_auth_log_success (&exchange->event, user);
  exchange_free (g_steal_pointer (&session->exchange));
  session->state = STATE_GRANTED;
  session->user = g_strdup (user);
  /* The mail process has its GRANT first: it was sent before this. */
  send_reply (session, SATCHEL_AUTH_OK, &(Answer) { .grant = grant, .mail_slot = mail_slot, .user = user });
  explicit_bzero (grant, sizeof grant);
}

static void
login_done (SatchelLoginVerdict verdict, const char *user, GBytes *unlocked, gpointer data)
{
  Exchange *exchange = data;
  if (verdict != SATCHEL_LOGIN_RIGHT)
    fail_exchange (exchange, verdict, user);
  else if (exchange->session != NULL)
    grant_exchange (exchange, user, unlocked);
  else
    exchange_free (exchange);
}

static gboolean
is_word (const char *text, gsize max_len)
{
  gsize len = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
  return len > 0 && len <= max_len && text[len] == '\0';
}

static Exchange *
exchange_new (Session *session, const char *service, const char *method, const char *peer, guint secure)
{
  Exchange *exchange = g_new0 (Exchange, 1);
  exchange->session = session;
  exchange->auth = session->gate->auth;
  exchange->event = (SatchelAuthEvent) { .service = g_ascii_strdown (service, -1),
                                         .method = g_ascii_strup (method, -1),
                                         .peer = g_strdup (peer),
                                         .session_id = session->id,
                                         .has_tls = (secure & SATCHEL_IPC_SECURE_TLS) != 0 };
  exchange->secure = secure;
  return exchange;
}

/* NULL: this connection has no business asking now, or there are more of them than the gate may have. */
static Session *
session_for (Gate *gate, guint64 id)
{
  Session *session = g_hash_table_lookup (gate->sessions, &id);
  if (session != NULL)
    return session->state == STATE_IDLE || session->state == STATE_SASL ? session : NULL;
  guint max = (guint) satchel_config_int (satchel_config_set_group (gate->auth->context->config, "limits"),
                                          "connections");
  if (g_hash_table_size (gate->sessions) >= max + SPARE_SESSIONS)
    return NULL;
  session = g_new0 (Session, 1);
  session->gate = gate;
  session->id = id;
  g_hash_table_insert (gate->sessions, &session->id, session);
  return session;
}

static void
begin_exchange (Session *session, Exchange *exchange, gint64 deadline_ms, const char *name, gsize name_len,
                const char *authorisation, char *secret)
{
  exchange->event.name = g_strndup (name, name_len);
  exchange->event.name_len = name_len;
  session->state = STATE_RUNNING;
  satchel_login_start (exchange->auth, name, name_len, authorisation, secret, exchange->event.peer,
                       deadline_ms, login_done, exchange);
}

static void
step_exchange (Session *session, const guint8 *response, gsize len, gint64 deadline_ms)
{
  Exchange *exchange = session->exchange;
  const char *challenge = "";
  switch (satchel_sasl_step (exchange->sasl, response, len, &challenge))
    {
    case SATCHEL_SASL_CHALLENGE:
      session->state = STATE_SASL;
      send_reply (session, SATCHEL_AUTH_CONTINUE, &(Answer) { .challenge = challenge });
      return;
    case SATCHEL_SASL_COMPLETE:
      {
        SatchelSasl *sasl = exchange->sasl;
        begin_exchange (session, exchange, deadline_ms, sasl->user, strlen (sasl->user), sasl->authorisation,
                        g_steal_pointer (&sasl->password));
        return;
      }
    case SATCHEL_SASL_MALFORMED:
      exchange->event.name = g_strdup (exchange->sasl->user != NULL ? exchange->sasl->user : "");
      exchange->event.name_len = strlen (exchange->event.name);
      fail_exchange (exchange, SATCHEL_LOGIN_MALFORMED, NULL);
      return;
    }
}

static gboolean
mechanism_is_offered (SatchelAuth *auth, const char *name)
{
  g_auto (GStrv) offered = g_strsplit (auth->settings.mechanisms, " ", -1);
  return g_strv_contains ((const char *const *) offered, name);
}

static gboolean
auth_start (Gate *gate, SatchelIpcMessage *message)
{
  const char *service = satchel_ipc_get_string (message), *mechanism_name = satchel_ipc_get_string (message);
  const char *peer = satchel_ipc_get_string (message);
  guint secure = satchel_ipc_get_u32 (message);
  gboolean has_initial = satchel_ipc_get_u32 (message) != 0;
  gsize len;
  const guint8 *initial = satchel_ipc_get_bytes (message, &len);
  char place[SATCHEL_PLACE_BYTES];
  if (!satchel_ipc_message_is_done (message) || !is_word (service, 32)
      || !satchel_place_from_peer (peer, place) || (!has_initial && len > 0))
    return FALSE;
  Session *session = session_for (gate, message->session_id);
  if (session == NULL)
    return FALSE;
  session_drop_exchange (session);
  session->state = STATE_IDLE;
  const SatchelSaslMechanism *mechanism = satchel_sasl_find (mechanism_name);
  if (mechanism == NULL || !mechanism_is_offered (gate->auth, mechanism->name))
    {
      refuse_exchange (session, SATCHEL_AUTH_BAD_MECHANISM, NULL);
      return TRUE;
    }
  session->exchange = exchange_new (session, service, mechanism->name, peer, secure);
  if (mechanism->sends_password && (secure & SATCHEL_IPC_SECURE_PASSWORD) == 0)
    {
      satchel_auth_log_refusal (&session->exchange->event, "no-tls");
      refuse_exchange (session, SATCHEL_AUTH_NOT_ALLOWED, NULL);
      return TRUE;
    }
  session->exchange->sasl = satchel_sasl_new (mechanism);
  step_exchange (session, has_initial ? (initial != NULL ? initial : (const guint8 *) "") : NULL, len,
                 (gint64) message->deadline_ms);
  return TRUE;
}

static gboolean
auth_step (Gate *gate, SatchelIpcMessage *message)
{
  gsize len;
  const guint8 *response = satchel_ipc_get_bytes (message, &len);
  Session *session = g_hash_table_lookup (gate->sessions, &message->session_id);
  if (!satchel_ipc_message_is_done (message) || session == NULL || session->state != STATE_SASL)
    return FALSE;
  session->state = STATE_IDLE;
  step_exchange (session, response != NULL ? response : (const guint8 *) "", len,
                 (gint64) message->deadline_ms);
  return TRUE;
}

static gboolean
auth_cancel (Gate *gate, SatchelIpcMessage *message)
{
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  Session *session = g_hash_table_lookup (gate->sessions, &message->session_id);
  if (session == NULL)
    return TRUE;
  /* In any state: our answer may have crossed it.  A check that runs goes on, and counts. */
  session_drop_exchange (session);
  satchel_timer_cancel (&session->delay);
  if (session->user != NULL)
    satchel_auth_grant_end (gate->auth, session->user);
  g_clear_pointer (&session->user, g_free);
  session->state = STATE_IDLE;
  return TRUE;
}

static gboolean
auth_password (Gate *gate, SatchelIpcMessage *message)
{
  const char *service = satchel_ipc_get_string (message), *method = satchel_ipc_get_string (message);
  const char *peer = satchel_ipc_get_string (message);
  guint secure = satchel_ipc_get_u32 (message);
  gsize name_len, password_len;
  const char *name = (const char *) satchel_ipc_get_bytes (message, &name_len);
  const char *password = (const char *) satchel_ipc_get_bytes (message, &password_len);
  char place[SATCHEL_PLACE_BYTES];
  if (!satchel_ipc_message_is_done (message) || !is_word (service, 32) || !is_word (method, 32)
      || !satchel_place_from_peer (peer, place))
    return FALSE;
  Session *session = session_for (gate, message->session_id);
  if (session == NULL || session->state != STATE_IDLE)
    return FALSE;
  Exchange *exchange = session->exchange = exchange_new (session, service, method, peer, secure);
  if ((secure & SATCHEL_IPC_SECURE_PASSWORD) == 0)
    {
      satchel_auth_log_refusal (&exchange->event, "no-tls");
      refuse_exchange (session, SATCHEL_AUTH_NOT_ALLOWED, NULL);
    }
  else if (password_len == 0 || password_len > PASSWORD_MAX_BYTES
           || memchr (password, '\0', password_len) != NULL)
    {
      exchange->event.name = g_strndup (name_len > 0 ? name : "", MIN (name_len, 255));
      exchange->event.name_len = strlen (exchange->event.name);
      fail_exchange (exchange, name_len > 0 ? SATCHEL_LOGIN_BAD_PASSWORD : SATCHEL_LOGIN_MALFORMED, NULL);
    }
  else
    begin_exchange (session, exchange, (gint64) message->deadline_ms, name_len > 0 ? name : "", name_len,
                    NULL, g_strndup (password, password_len));
  return TRUE;
}

static gboolean
service_grant (Gate *gate, SatchelIpcMessage *message)
{
  const char *service = satchel_ipc_get_string (message), *peer = satchel_ipc_get_string (message);
  char place[SATCHEL_PLACE_BYTES];
  if (!satchel_ipc_message_is_done (message) || !is_word (service, 32)
      || !satchel_place_from_peer (peer, place))
    return FALSE;
  Session *session = session_for (gate, message->session_id);
  if (session == NULL || session->state != STATE_IDLE)
    return FALSE;
  guint8 grant[SATCHEL_GRANT_BYTES];
  guint mail_slot = 0;
  SatchelAuthStatus status = SATCHEL_AUTH_NOT_ALLOWED;
  if (satchel_auth_may_use_service (gate->auth, service, peer))
    status = satchel_auth_grant (gate->auth, gate->peer->slot, session->id, service, NULL, NULL, grant,
                                 &mail_slot);
  else
    satchel_auth_log_refusal (
        &(SatchelAuthEvent) { .peer = peer, .service = service, .method = "NONE", .session_id = session->id },
        "network");
  if (status != SATCHEL_AUTH_OK)
    {
      refuse_exchange (session, status, NULL);
      return TRUE;
    }
  session->state = STATE_GRANTED;
  send_reply (session, SATCHEL_AUTH_OK, &(Answer) { .grant = grant, .mail_slot = mail_slot });
  return TRUE;
}

static gboolean
session_end (Gate *gate, SatchelIpcMessage *message)
{
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  /* Connections that never tried to log in are not known here. */
  g_hash_table_remove (gate->sessions, &message->session_id);
  return TRUE;
}

static const struct
{
  SatchelIpcType type;
  gboolean (*func) (Gate *gate, SatchelIpcMessage *message);
} questions[] = {
  { SATCHEL_IPC_AUTH_START, auth_start },       { SATCHEL_IPC_AUTH_STEP, auth_step },
  { SATCHEL_IPC_AUTH_CANCEL, auth_cancel },     { SATCHEL_IPC_AUTH_PASSWORD, auth_password },
  { SATCHEL_IPC_SERVICE_GRANT, service_grant }, { SATCHEL_IPC_SESSION_END, session_end },
};

gboolean
satchel_auth_gate_message (gpointer data, SatchelIpcMessage *message)
{
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    if (message->type == questions[i].type)
      return questions[i].func (data, message);
  return FALSE;
}
