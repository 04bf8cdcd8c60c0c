/* SPDX-License-Identifier: MIT
 * This file takes the messages of gates.  It keeps one record of each connection, from its first login
 * attempt to its end.  A gate may be hostile: a message that does not fit closes its link, and nothing is
 * granted without a login of the very connection.
 */
#include "config.h"

#include "core/daemon/auth/exchange/auth_gate.h"

#include <satchel/hash.h>
#include <string.h>

#define SPARE_SESSIONS 1024 /* room for connections whose end auth has not heard of yet */
#define CLIENT_ID_MAX 255
#define BINDING_MAX 64
#define CERTIFICATE_MAX 8192
#define WORD_MAX 32 /* of a service and a mechanism */

static void
session_free (gpointer data)
{
  Session *session = data;
  auth_session_drop_exchange (session);
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
  const GPtrArray *mechanisms = gate->auth->settings.mechanisms;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_MECHANISMS, 0);
  satchel_ipc_put_u32 (message, mechanisms->len);
  for (guint i = 0; i < mechanisms->len; i++)
    {
      const SatchelSaslOps *ops = mechanisms->pdata[i];
      satchel_ipc_put_string (message, ops->name);
      satchel_ipc_put_u32 (message, ops->flags);
    }
  satchel_peer_send (gate->peer, message);
}

guint
satchel_auth_gate_n_sessions (gpointer data)
{
  return g_hash_table_size (((Gate *) data)->sessions);
}

static gboolean
is_word (const char *text, gsize max_len)
{
  gsize len = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
  return len > 0 && len <= max_len && text[len] == '\0';
}

/* A gate's message says this of the attempt. */
typedef struct Told
{
  SatchelLogin login;
  char network[SATCHEL_PLACE_BYTES];
  guint secure;
} Told;

static void
read_login (SatchelIpcMessage *message, Told *told)
{
  told->login.service = satchel_ipc_get_string (message);
  told->login.mechanism = satchel_ipc_get_string (message);
  told->login.listener = satchel_ipc_get_string (message);
  told->login.peer = satchel_ipc_get_string (message);
  told->login.via = satchel_ipc_get_string (message);
  told->login.client_id = satchel_ipc_get_string (message);
  told->login.deadline_ms = (gint64) message->deadline_ms;
  told->login.network = told->network;
  told->secure = satchel_ipc_get_u32 (message);
  if (told->secure & SATCHEL_IPC_SECURE_TLS)
    told->login.tls_version = told->secure & SATCHEL_IPC_SECURE_TLS13 ? 0x0304 : 0x0303;
}

static GBytes *
read_bytes (SatchelIpcMessage *message, gsize max_len)
{
  gsize len;
  const guint8 *data = satchel_ipc_get_bytes (message, &len);
  if (len > max_len)
    message->failed = TRUE;
  return len > 0 && len <= max_len ? g_bytes_new (data, len) : NULL;
}

static gboolean
is_plausible (Told *told)
{
  char place[SATCHEL_PLACE_BYTES];
  return (*told->login.via == '\0' || satchel_place_from_peer (told->login.via, place))
         && is_word (told->login.service, WORD_MAX) && is_word (told->login.mechanism, WORD_MAX)
         && strlen (told->login.listener) <= 255 && strlen (told->login.client_id) <= CLIENT_ID_MAX
         && (told->secure & ~(guint) SATCHEL_IPC_SECURE_ALL) == 0
         && satchel_place_from_peer (told->login.peer, told->network);
}

static void
copy_word (const char *word, char (*change) (char c), char ret_copy[WORD_MAX + 1])
{
  gsize len = strnlen (word, WORD_MAX);
  for (gsize i = 0; i < len; i++)
    ret_copy[i] = change (word[i]);
  ret_copy[len] = '\0';
}

/* Makes a login whose service and mechanism have the case that they have in logs. */
static SatchelLogin *
make_login (const Told *told, const char *mechanism)
{
  char service[WORD_MAX + 1], method[WORD_MAX + 1];
  copy_word (told->login.service, g_ascii_tolower, service);
  copy_word (mechanism, g_ascii_toupper, method);
  SatchelLogin login = told->login;
  login.service = service;
  login.mechanism = method;
  login.is_elsewhere = (told->secure & SATCHEL_IPC_SECURE_ELSEWHERE) != 0;
  return satchel_login_new (&login);
}

/* Returns the record of connection @id.  NULL means that the connection may not ask now, or that the gate has
 * more of them than it may have. */
static Session *
session_for (Gate *gate, guint64 id)
{
  Session *session = g_hash_table_lookup (gate->sessions, &id);
  if (session != NULL)
    return session->state == STATE_IDLE || session->state == STATE_SASL ? session : NULL;
  if (g_hash_table_size (gate->sessions) >= gate->auth->settings.max_sessions + SPARE_SESSIONS)
    return NULL;
  session = g_new0 (Session, 1);
  session->gate = gate;
  session->id = id;
  g_hash_table_insert (gate->sessions, &session->id, session);
  return session;
}

/* Finds the mechanism @name.  Whether it may be used depends on the connection and the settings as well
 * (find_obstacle). */
static const SatchelSaslOps *
find_mechanism (SatchelAuth *auth, const char *name)
{
  for (guint i = 0; i < auth->settings.mechanisms->len; i++)
    {
      const SatchelSaslOps *ops = auth->settings.mechanisms->pdata[i];
      if (g_ascii_strcasecmp (ops->name, name) == 0)
        return ops;
    }
  return NULL;
}

/* Says why the mechanism may not be used.  NULL means that it may. */
static const char *
find_obstacle (const SatchelSaslOps *ops, const Told *told)
{
  if ((ops->flags & SATCHEL_SASL_SENDS_PASSWORD) && (told->secure & SATCHEL_IPC_SECURE_PASSWORD) == 0)
    return "no-tls";
  if ((ops->flags & SATCHEL_SASL_NEEDS_BINDING) && told->login.tls_exporter == NULL
      && told->login.tls_server_end_point == NULL)
    return "no-channel-binding";
  if ((ops->flags & SATCHEL_SASL_NEEDS_CERTIFICATE) && told->login.client_certificate == NULL)
    return "no-certificate";
  return NULL;
}

static void
start_exchange (Session *session, const SatchelSaslOps *ops, const Told *told, const guint8 *initial,
                gsize len)
{
  Exchange *exchange =
      auth_exchange_new (session, make_login (told, ops->name), told->secure, told->login.deadline_ms);
  const char *obstacle = find_obstacle (ops, told);
  if (obstacle != NULL)
    {
      satchel_auth_log_refusal (&exchange->event, obstacle);
      auth_session_refuse (session, SATCHEL_AUTH_NOT_ALLOWED, NULL);
      return;
    }
  exchange->sasl = satchel_sasl_new (ops, exchange->login);
  auth_exchange_step (session, initial, len, told->login.deadline_ms);
}

static gboolean
auth_start (Gate *gate, SatchelIpcMessage *message)
{
  Told told = { 0 };
  gsize len;
  read_login (message, &told);
  gboolean has_initial = satchel_ipc_get_u32 (message) != 0;
  const guint8 *initial = satchel_ipc_get_bytes (message, &len);
  g_autoptr (GBytes) exporter = told.login.tls_exporter = read_bytes (message, BINDING_MAX);
  g_autoptr (GBytes) end_point = told.login.tls_server_end_point = read_bytes (message, BINDING_MAX);
  g_autoptr (GBytes) certificate = told.login.client_certificate = read_bytes (message, CERTIFICATE_MAX);
  if (!satchel_ipc_message_is_done (message) || !is_plausible (&told) || (!has_initial && len > 0))
    return FALSE;
  Session *session = session_for (gate, message->session_id);
  if (session == NULL)
    return FALSE;
  auth_session_drop_exchange (session);
  session->state = STATE_IDLE;
  const SatchelSaslOps *ops = find_mechanism (gate->auth, told.login.mechanism);
  if (ops == NULL)
    auth_session_refuse (session, SATCHEL_AUTH_BAD_MECHANISM, NULL);
  else
    start_exchange (session, ops, &told,
                    has_initial ? (initial != NULL ? initial : (const guint8 *) "") : NULL, len);
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
  auth_exchange_step (session, response != NULL ? response : (const guint8 *) "", len,
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
  /* A client may abort in any state, since our answer may be on its way.  A check that runs goes on, and
   * counts. */
  auth_session_drop_exchange (session);
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
  Told told = { 0 };
  read_login (message, &told);
  gsize name_len, password_len;
  const char *name = (const char *) satchel_ipc_get_bytes (message, &name_len);
  const char *password = (const char *) satchel_ipc_get_bytes (message, &password_len);
  if (!satchel_ipc_message_is_done (message) || !is_plausible (&told))
    return FALSE;
  Session *session = session_for (gate, message->session_id);
  if (session == NULL || session->state != STATE_IDLE)
    return FALSE;
  Exchange *exchange = auth_exchange_new (session, make_login (&told, told.login.mechanism), told.secure,
                                          told.login.deadline_ms);
  if ((told.secure & SATCHEL_IPC_SECURE_PASSWORD) == 0)
    {
      satchel_auth_log_refusal (&exchange->event, "no-tls");
      auth_session_refuse (session, SATCHEL_AUTH_NOT_ALLOWED, NULL);
    }
  else if (password_len == 0 || password_len > SATCHEL_SASL_SECRET_MAX
           || memchr (password, '\0', password_len) != NULL)
    {
      auth_exchange_set_name (exchange, name, MIN (name_len, 255));
      auth_exchange_fail (exchange, name_len > 0 ? SATCHEL_LOGIN_BAD_PASSWORD : SATCHEL_LOGIN_MALFORMED,
                          NULL);
    }
  else
    auth_exchange_password (session, name_len > 0 ? name : "", name_len, NULL,
                            satchel_shared_secret_new (password, password_len));
  return TRUE;
}

static gboolean
service_grant (Gate *gate, SatchelIpcMessage *message)
{
  const char *service = satchel_ipc_get_string (message), *peer = satchel_ipc_get_string (message);
  char place[SATCHEL_PLACE_BYTES];
  if (!satchel_ipc_message_is_done (message) || !is_word (service, WORD_MAX)
      || !satchel_place_from_peer (peer, place))
    return FALSE;
  Session *session = session_for (gate, message->session_id);
  if (session == NULL || session->state != STATE_IDLE)
    return FALSE;
  guint8 grant[SATCHEL_GRANT_BYTES];
  guint mail_slot = 0;
  SatchelAuthStatus status = SATCHEL_AUTH_NOT_ALLOWED;
  if (satchel_auth_may_use_service (gate->auth, service, peer))
    {
      const SatchelGrantRequest request = { .gate_slot = gate->peer->slot,
                                            .session_id = session->id,
                                            .service = service };
      status = satchel_auth_grant (gate->auth, &request, grant, &mail_slot);
    }
  else
    satchel_auth_log_refusal (
        &(SatchelAuthEvent) { .peer = peer, .service = service, .method = "NONE", .session_id = session->id },
        "network");
  if (status != SATCHEL_AUTH_OK)
    {
      auth_session_refuse (session, status, NULL);
      return TRUE;
    }
  session->state = STATE_GRANTED;
  auth_session_reply (session, SATCHEL_AUTH_OK, &(Answer) { .grant = grant, .mail_slot = mail_slot });
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
