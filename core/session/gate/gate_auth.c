/* SPDX-License-Identifier: MIT
 * Runs the gate's side of an exchange with auth. The gate gets a status and, on success, a grant that is
 * good for this one connection. If no answer comes in time, the client is told that logins are unavailable,
 * and is never let in.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/session/gate/gate_private.h"
#include <string.h>

#define ANSWER_MS 20000
#define ANSWER_ELSEWHERE_MS 9000 /* shorter than the 10 s for which an MTA waits (Postfix) */

static gint64
answer_ms (const SatchelGateSession *session)
{
  return gate_is_for_others (session) ? ANSWER_ELSEWHERE_MS : ANSWER_MS;
}

static SatchelIpcMessage *
new_message (SatchelGateSession *session, SatchelIpcType type)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (type, session->id);
  message->deadline_ms = (guint64) (satchel_clock_ms () + answer_ms (session));
  return message;
}

/* Adds what auth has to know of the client.  @method is the mechanism, or the command. */
static void
put_login (SatchelIpcMessage *message, SatchelGateSession *session, const char *method)
{
  const GateClient *client = session->client;
  satchel_ipc_put_string (message, client != NULL ? client->service : session->listener->protocol->service);
  satchel_ipc_put_string (message, method);
  satchel_ipc_put_string (message, session->listener->name);
  satchel_ipc_put_string (message, client != NULL ? client->peer : session->peer);
  satchel_ipc_put_string (message, client != NULL ? "" : session->via);
  satchel_ipc_put_string (message, session->client_id);
  /* The gate asks for a password only where one may be sent. */
  guint32 secure = SATCHEL_IPC_SECURE_PASSWORD;
  if (client != NULL)
    {
      secure |= SATCHEL_IPC_SECURE_ELSEWHERE | (client->has_tls ? SATCHEL_IPC_SECURE_TLS : 0);
      satchel_ipc_put_u32 (message, secure);
      gate_forget_client (session); /* each exchange needs its own satchel_gate_auth_for */
      return;
    }
  if (satchel_gate_has_tls (session))
    secure |= SATCHEL_IPC_SECURE_TLS;
  if (satchel_gate_has_tls (session) && session->tls_info != NULL
      && g_str_has_prefix (session->tls_info, "TLS1.3"))
    secure |= SATCHEL_IPC_SECURE_TLS13;
  satchel_ipc_put_u32 (message, secure);
}

/* Adds the TLS data that the mechanism asks for, and no other, so that most messages stay small. */
static void
put_tls_bytes (SatchelIpcMessage *message, SatchelGateSession *session, gboolean is_wanted,
               GBytes *(*get) (SatchelTransport *transport))
{
  gsize len = 0;
  g_autoptr (GBytes) bytes =
      is_wanted && session->has_tls ? get (satchel_connection_transport (session->connection)) : NULL;
  const void *data = bytes != NULL ? g_bytes_get_data (bytes, &len) : NULL;
  satchel_ipc_put_bytes (message, data, len);
}

static void
tell_result (SatchelTurn *turn)
{
  SatchelGateSession *session = SATCHEL_CONTAINER (turn, SatchelGateSession, turn);
  if (session->connection == NULL || session->state != GATE_OPEN || !session->was_started)
    return;
  g_autoptr (GBytes) challenge = g_steal_pointer (&session->challenge);
  g_autofree char *explain = g_steal_pointer (&session->explain), *user = g_steal_pointer (&session->user);
  SatchelAuthResult result = {
    .size = sizeof result, .status = session->status, .explain = explain, .user = user
  };
  result.is_withheld = session->status == SATCHEL_AUTH_FAILED && session->is_withheld;
  if (challenge != NULL)
    result.challenge = g_bytes_get_data (challenge, &result.challenge_len);
  session->exchange = session->status == SATCHEL_AUTH_CONTINUE ? EXCHANGE_CONTINUE : EXCHANGE_NONE;
  guint64 id = session->id;
  session->listener->protocol->auth_result (session->self, &result);
  /* The session may have been handed over, or closed, since. */
  session = g_hash_table_lookup (satchel_gate.sessions, &id);
  if (session == NULL || session->connection == NULL || session->state != GATE_OPEN)
    return;
  if (session->exchange != EXCHANGE_ASKED)
    satchel_connection_set_busy (session->connection, FALSE);
  if (satchel_gate.is_stopping && gate_is_for_others (session) && session->exchange == EXCHANGE_NONE)
    satchel_connection_close (session->connection);
}

static void
answer_session (SatchelGateSession *session, SatchelAuthStatus status)
{
  satchel_timer_cancel (&session->step_timer);
  session->exchange = EXCHANGE_ANSWERED;
  session->status = status;
  if (session->state == GATE_GRANTING)
    {
      session->take_grant (session, status);
      return;
    }
  satchel_connection_set_busy (session->connection, TRUE);
  satchel_turn_queue (&session->turn, tell_result);
}

static void
answer_is_late (SatchelTimer *timer, gpointer data)
{
  SatchelGateSession *session = data;
  satchel_gate.host.send_to_auth (satchel_ipc_message_new (SATCHEL_IPC_AUTH_CANCEL, session->id));
  answer_session (session, SATCHEL_AUTH_UNAVAILABLE);
}

static void
ask_auth (SatchelGateSession *session, SatchelIpcMessage *message)
{
  if (session->connection != NULL)
    satchel_connection_set_busy (session->connection, TRUE);
  session->exchange = EXCHANGE_ASKED;
  if (!satchel_gate.host.send_to_auth (message))
    {
      answer_session (session, SATCHEL_AUTH_UNAVAILABLE);
      return;
    }
  session->is_told_auth = TRUE;
  satchel_timer_arm (&session->step_timer, answer_ms (session), answer_is_late, session);
}

/* LMTP may wait for an auth process that is about to be back; the login timeout ends it. */
void
gate_auth_ask_grant (SatchelGateSession *session, GateGrantFunc func)
{
  session->take_grant = func;
  if (!satchel_gate.host.is_auth_up ())
    return;
  SatchelIpcMessage *message = new_message (session, SATCHEL_IPC_SERVICE_GRANT);
  satchel_ipc_put_string (message, session->listener->protocol->service);
  satchel_ipc_put_string (message, session->peer);
  ask_auth (session, message);
}

static gboolean
may_start (SatchelGateSession *session)
{
  g_return_val_if_fail (session->state == GATE_OPEN, FALSE);
  if (session->exchange == EXCHANGE_ASKED || session->exchange == EXCHANGE_ANSWERED)
    return FALSE; /* one exchange is under way, and its answer will come */
  session->has_grant = FALSE;
  gboolean is_announced = session->client != NULL || !gate_is_for_others (session);
  if (is_announced && satchel_gate_may_login (session))
    return TRUE;
  gate_forget_client (session);
  answer_session (session, SATCHEL_AUTH_NOT_ALLOWED);
  return FALSE;
}

/* Checks the name by the rule of auth, which closes the link when it gets any other name. */
static gboolean
is_service (const char *text)
{
  gsize len = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
  return len > 0 && len <= 32 && text[len] == '\0';
}

gboolean
satchel_gate_auth_for (SatchelGateSession *session, const SatchelGateClient *client)
{
  SatchelAddress address = session->address;
  g_return_val_if_fail (gate_is_for_others (session), FALSE);
  if (session->exchange == EXCHANGE_ASKED || session->exchange == EXCHANGE_ANSWERED
      || !is_service (client->service)
      || (client->address != NULL
          && (!satchel_address_parse (client->address, &address) || address.is_local)))
    return FALSE;
  gate_forget_client (session);
  session->client = g_new0 (GateClient, 1);
  session->client->service = g_strdup (client->service);
  session->client->address = address;
  session->client->has_tls = client->has_tls;
  satchel_address_text (&address, session->client->peer);
  return TRUE;
}

void
satchel_gate_auth_start (SatchelGateSession *session, const char *mechanism, const guint8 *initial, gsize len)
{
  if (!may_start (session))
    return;
  const GateMechanism *known = gate_find_mechanism (session, mechanism);
  if (known == NULL)
    {
      gate_forget_client (session);
      answer_session (session, satchel_gate.host.is_auth_up () ? SATCHEL_AUTH_BAD_MECHANISM
                                                               : SATCHEL_AUTH_UNAVAILABLE);
      return;
    }
  SatchelIpcMessage *message = new_message (session, SATCHEL_IPC_AUTH_START);
  gboolean sees_binding =
      (known->flags & SATCHEL_SASL_NEEDS_BINDING) != 0
      || ((known->flags & SATCHEL_SASL_SEES_BINDING) != 0 && gate_offers_binding (session));
  put_login (message, session, known->name);
  satchel_ipc_put_u32 (message, initial != NULL);
  satchel_ipc_put_bytes (message, initial, initial != NULL ? len : 0);
  put_tls_bytes (message, session, sees_binding, satchel_tls_exporter);
  put_tls_bytes (message, session, sees_binding, satchel_tls_server_end_point);
  put_tls_bytes (message, session, (known->flags & SATCHEL_SASL_NEEDS_CERTIFICATE) != 0,
                 satchel_tls_peer_certificate);
  ask_auth (session, message);
}

void
satchel_gate_auth_step (SatchelGateSession *session, const guint8 *response, gsize len)
{
  if (session->exchange != EXCHANGE_CONTINUE)
    return;
  SatchelIpcMessage *message = new_message (session, SATCHEL_IPC_AUTH_STEP);
  satchel_ipc_put_bytes (message, response, len);
  ask_auth (session, message);
}

void
satchel_gate_auth_cancel (SatchelGateSession *session)
{
  if (session->exchange == EXCHANGE_ASKED || session->exchange == EXCHANGE_CONTINUE)
    satchel_gate.host.send_to_auth (satchel_ipc_message_new (SATCHEL_IPC_AUTH_CANCEL, session->id));
  satchel_timer_cancel (&session->step_timer);
  satchel_turn_cancel (&session->turn);
  session->exchange = EXCHANGE_NONE;
  if (session->connection != NULL)
    satchel_connection_set_busy (session->connection, FALSE);
}

void
satchel_gate_auth_password (SatchelGateSession *session, const char *method, const char *user, gsize user_len,
                            const char *password, gsize password_len)
{
  if (!may_start (session))
    return;
  if (!satchel_gate.host.is_auth_up ())
    {
      gate_forget_client (session);
      answer_session (session, SATCHEL_AUTH_UNAVAILABLE);
      return;
    }
  SatchelIpcMessage *message = new_message (session, SATCHEL_IPC_AUTH_PASSWORD);
  put_login (message, session, method);
  satchel_ipc_put_bytes (message, user, user_len);
  satchel_ipc_put_bytes (message, password, password_len);
  ask_auth (session, message);
}

static gboolean
take_reply (SatchelIpcMessage *message)
{
  gsize challenge_len, grant_len;
  guint32 status = satchel_ipc_get_u32 (message);
  const guint8 *challenge = satchel_ipc_get_bytes (message, &challenge_len);
  const char *explain = satchel_ipc_get_string (message);
  const guint8 *grant = satchel_ipc_get_bytes (message, &grant_len);
  guint32 mail_slot = satchel_ipc_get_u32 (message);
  const char *user = satchel_ipc_get_string (message);
  gboolean is_withheld = status == SATCHEL_IPC_AUTH_WITHHELD;
  if (is_withheld)
    status = SATCHEL_AUTH_FAILED;
  if (!satchel_ipc_message_is_done (message) || status < SATCHEL_AUTH_CONTINUE
      || status > SATCHEL_AUTH_LIMITED)
    return FALSE;
  SatchelGateSession *session = g_hash_table_lookup (satchel_gate.sessions, &message->session_id);
  if (session == NULL || session->exchange != EXCHANGE_ASKED)
    return TRUE; /* the session has gone, or the answer is too late; auth hears, or has heard, of its end */
  gboolean is_elsewhere = gate_is_for_others (session);
  if (status == SATCHEL_AUTH_OK && grant_len != (is_elsewhere ? 0 : sizeof session->grant))
    return FALSE;
  g_clear_pointer (&session->challenge, g_bytes_unref);
  g_clear_pointer (&session->explain, g_free);
  g_clear_pointer (&session->user, g_free);
  session->is_withheld = is_withheld;
  if (is_elsewhere && *user != '\0')
    session->user = g_strdup (user);
  if (status == SATCHEL_AUTH_CONTINUE)
    session->challenge = g_bytes_new (challenge, challenge_len);
  if (*explain != '\0')
    session->explain = g_strdup (explain);
  if (status == SATCHEL_AUTH_OK && !is_elsewhere)
    {
      memcpy (session->grant, grant, sizeof session->grant);
      session->has_grant = TRUE;
      session->mail_slot = mail_slot;
      if (!satchel_gate.host.is_mail_up (mail_slot))
        {
          session->has_grant = FALSE;
          gate_forget_auth (session);
          status = SATCHEL_AUTH_UNAVAILABLE;
        }
    }
  answer_session (session, (SatchelAuthStatus) status);
  return TRUE;
}

static gboolean
take_mechanisms (SatchelIpcMessage *message)
{
  guint32 n = satchel_ipc_get_u32 (message);
  if (n > GATE_MECHANISMS_MAX)
    return FALSE;
  g_autoptr (GArray) all = g_array_new (FALSE, TRUE, sizeof (GateMechanism));
  for (guint32 i = 0; i < n; i++)
    {
      GateMechanism mechanism = { 0 };
      g_strlcpy (mechanism.name, satchel_ipc_get_string (message), sizeof mechanism.name);
      mechanism.flags = satchel_ipc_get_u32 (message);
      g_array_append_val (all, mechanism);
    }
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  g_array_set_size (satchel_gate.mechanisms, 0);
  if (all->len > 0)
    g_array_append_vals (satchel_gate.mechanisms, all->data, all->len);
  return TRUE;
}

gboolean
satchel_gate_auth_message (SatchelIpcMessage *message)
{
  if (message->type == SATCHEL_IPC_AUTH_REPLY)
    return take_reply (message);
  return message->type == SATCHEL_IPC_MECHANISMS && take_mechanisms (message);
}

void
satchel_gate_auth_up (void)
{
  SATCHEL_LIST_EACH (SatchelGateSession, session, satchel_gate.first)
    {
      if (session->state == GATE_GRANTING && session->exchange == EXCHANGE_NONE)
        gate_auth_ask_grant (session, session->take_grant);
    }
}

void
satchel_gate_auth_lost (void)
{
  SATCHEL_LIST_EACH (SatchelGateSession, session, satchel_gate.first)
    {
      session->is_told_auth = FALSE; /* a new auth process knows none of the sessions */
      if (session->state == GATE_GRANTING)
        {
          satchel_timer_cancel (&session->step_timer);
          session->exchange = EXCHANGE_NONE;
        }
      else if (session->exchange == EXCHANGE_ASKED || session->exchange == EXCHANGE_CONTINUE)
        answer_session (session, SATCHEL_AUTH_UNAVAILABLE);
    }
}
