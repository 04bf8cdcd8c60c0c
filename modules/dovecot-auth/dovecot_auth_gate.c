/* SPDX-License-Identifier: MIT
 * dovecot-auth-gate.so: the server's side of the Dovecot authentication protocol, as Postfix and Exim speak
 * it. An MTA asks one login after another; what is pipelined waits in the connection.
 */
#include "replies.h"
#include "request.h"
#include "settings.h"

#include <satchel/log.h>
#include <satchel/module.h>
#include <satchel/protocol.h>
#include <satchel/sasl.h>
#include <string.h>
#include <sys/random.h>

#define AREA "dovecot-auth"
#define LINE_BYTES 8192u

/* What the connection waits for; set_state alone changes it.
 *
 *   state    waits for                    goes on when
 *   VERSION  the version of the peer      it is ours: IDLE
 *   IDLE     a request                    AUTH: ASKED
 *   ASKED    the core's answer            it is a challenge: CONT; it cannot tell: CLOSING; else IDLE
 *   CONT     the client's response        it comes: ASKED; CANCEL, or another AUTH: IDLE
 *   CLOSING  nothing                      never */
typedef enum
{
  DOVECOT_AT_VERSION = 0,
  DOVECOT_AT_IDLE,
  DOVECOT_AT_ASKED,
  DOVECOT_AT_CONT,
  DOVECOT_AT_CLOSING
} DovecotState;

typedef struct Dovecot
{
  SatchelGateSession *session;
  SatchelConnection *connection;
  DovecotState state;
  guint32 id; /* id of the request, in ASKED and CONT */
} Dovecot;

#define TO(state) (1u << DOVECOT_AT_##state)
static const guint8 next_states[] = {
  [DOVECOT_AT_VERSION] = TO (IDLE) | TO (CLOSING),
  [DOVECOT_AT_IDLE] = TO (ASKED) | TO (CLOSING),
  [DOVECOT_AT_ASKED] = TO (IDLE) | TO (CONT) | TO (CLOSING),
  [DOVECOT_AT_CONT] = TO (IDLE) | TO (ASKED) | TO (CLOSING),
  [DOVECOT_AT_CLOSING] = 0,
};

static void
set_state (Dovecot *dovecot, DovecotState state)
{
  g_return_if_fail ((next_states[dovecot->state] & 1u << state) != 0);
  dovecot->state = state;
}

static void
close_unclear (Dovecot *dovecot, const char *why)
{
  satchel_log (SATCHEL_LOG_WARNING, AREA, "the connection of an MTA is closed: %s", why);
  set_state (dovecot, DOVECOT_AT_CLOSING);
  satchel_connection_close (dovecot->connection);
}

/* ---- replies ---- */

static void
send_result (Dovecot *dovecot, const SatchelAuthResult *result)
{
  const char *reason = result->explain;
  if (result->status == SATCHEL_AUTH_NOT_ALLOWED)
    reason = "logins are taken over TLS only";
  else if (result->status == SATCHEL_AUTH_BAD_MECHANISM)
    reason = "this mechanism is not offered";
  if (result->status == SATCHEL_AUTH_CONTINUE)
    dovecot_send_challenge (dovecot->connection, dovecot->id, result->challenge, result->challenge_len);
  else if (result->status == SATCHEL_AUTH_OK)
    dovecot_send_success (dovecot->connection, dovecot->id, result->user);
  else /* only a client that gave the right password is told more than that it failed */
    dovecot_send_failure (dovecot->connection, dovecot->id, result->user,
                          result->explain != NULL ? "authz" : NULL, reason);
}

/* Says whether a failure is temporary. The protocol has a word for it, "temp", but Postfix takes every FAIL
 * for a wrong password, and its client asks its user for another one. When the connection is lost, Postfix
 * and Exim both let the client try again later. */
static gboolean
is_temporary (const SatchelAuthResult *result)
{
  return result->status == SATCHEL_AUTH_UNAVAILABLE || result->status == SATCHEL_AUTH_LIMITED
         || (result->status == SATCHEL_AUTH_OK && result->user == NULL);
}

static void
on_result (gpointer self, const SatchelAuthResult *result)
{
  Dovecot *dovecot = self;
  if (dovecot->state != DOVECOT_AT_ASKED)
    return;
  if (is_temporary (result))
    {
      set_state (dovecot, DOVECOT_AT_CLOSING);
      satchel_connection_close (dovecot->connection);
      return;
    }
  send_result (dovecot, result);
  set_state (dovecot, result->status == SATCHEL_AUTH_CONTINUE ? DOVECOT_AT_CONT : DOVECOT_AT_IDLE);
}

/* ---- requests ---- */

/* Says whether AUTH brings an initial response.  Exim writes "resp=" where its client sent none, so that only
 * "=" is an empty one. */
static gboolean
has_response (const DovecotRequest *request)
{
  return request->response != NULL && *request->response != '\0';
}

/* Decodes a response; "=" is an empty one (RFC 4954 4). free_response frees *ret_response. */
static gboolean
decode_response (const char *text, guint8 **ret_response, gsize *ret_len)
{
  *ret_len = 0;
  *ret_response =
      *text == '\0' || strcmp (text, "=") == 0 ? g_malloc0 (1) : satchel_sasl_decode (text, ret_len);
  return *ret_response != NULL;
}

static void
free_response (guint8 *response, gsize len)
{
  if (response != NULL)
    explicit_bzero (response, len);
  g_free (response);
}

static gboolean
is_served (Dovecot *dovecot, const char *service)
{
  DovecotSettings settings;
  satchel_config_fill (satchel_gate_config (dovecot->session), dovecot_schema, &settings);
  for (const char *const *known = settings.services; service != NULL && known != NULL && *known != NULL;
       known++)
    if (g_ascii_strcasecmp (*known, service) == 0)
      return TRUE;
  return FALSE;
}

/* Announces the client to the core.  Returns what is wrong with the request, for the MTA, or NULL. */
static const char *
announce (Dovecot *dovecot, const DovecotRequest *request)
{
  const SatchelGateClient client = { .size = sizeof client,
                                     .service = request->service,
                                     .address = request->address,
                                     .has_tls = request->is_secured };
  if (!is_served (dovecot, request->service))
    return "this service is not in dovecot-auth.services";
  return satchel_gate_auth_for (dovecot->session, &client) ? NULL : "rip= is no IP address";
}

static void
run_auth (Dovecot *dovecot, const DovecotRequest *request)
{
  guint8 *response = NULL;
  gsize len = 0;
  if (dovecot->state == DOVECOT_AT_CONT)
    {
      /* An MTA whose client has gone leaves its request unfinished. */
      satchel_gate_auth_cancel (dovecot->session);
      dovecot_send_failure (dovecot->connection, dovecot->id, NULL, "temp",
                            "another login was asked for meanwhile");
      set_state (dovecot, DOVECOT_AT_IDLE);
    }
  const char *why = announce (dovecot, request);
  if (why != NULL)
    {
      satchel_log (SATCHEL_LOG_WARNING, AREA, "a login that an MTA asks for is refused: %s", why);
      dovecot_send_failure (dovecot->connection, request->id, NULL, NULL, why);
      return;
    }
  if (has_response (request) && !decode_response (request->response, &response, &len))
    {
      dovecot_send_failure (dovecot->connection, request->id, NULL, NULL, "the response is not base64");
      return;
    }
  dovecot->id = request->id;
  set_state (dovecot, DOVECOT_AT_ASKED);
  satchel_gate_auth_start (dovecot->session, request->mechanism, response, len);
  free_response (response, len);
}

static void
run_cont (Dovecot *dovecot, const DovecotRequest *request)
{
  guint8 *response;
  gsize len;
  if (dovecot->state != DOVECOT_AT_CONT || request->id != dovecot->id)
    return; /* the request has failed already */
  if (!decode_response (request->response, &response, &len))
    {
      satchel_gate_auth_cancel (dovecot->session);
      dovecot_send_failure (dovecot->connection, request->id, NULL, NULL, "the response is not base64");
      set_state (dovecot, DOVECOT_AT_IDLE);
      return;
    }
  set_state (dovecot, DOVECOT_AT_ASKED);
  satchel_gate_auth_step (dovecot->session, response, len);
  free_response (response, len);
}

static void
run_cancel (Dovecot *dovecot, const DovecotRequest *request)
{
  if (dovecot->state != DOVECOT_AT_CONT || request->id != dovecot->id)
    return;
  satchel_gate_auth_cancel (dovecot->session);
  set_state (dovecot, DOVECOT_AT_IDLE);
}

static void
run_request (Dovecot *dovecot, const DovecotRequest *request)
{
  if (request->command == DOVECOT_BAD)
    close_unclear (dovecot, "it sent a line that is none of the Dovecot authentication protocol, version 1");
  else if (request->command == DOVECOT_VERSION && dovecot->state == DOVECOT_AT_VERSION)
    set_state (dovecot, DOVECOT_AT_IDLE);
  else if (request->command > DOVECOT_VERSION && dovecot->state == DOVECOT_AT_VERSION)
    close_unclear (dovecot, "it asked for a login before it told its version");
  else if (request->command == DOVECOT_AUTH)
    run_auth (dovecot, request);
  else if (request->command == DOVECOT_CONT)
    run_cont (dovecot, request);
  else if (request->command == DOVECOT_CANCEL)
    run_cancel (dovecot, request);
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Dovecot *dovecot = self;
  while (dovecot->state != DOVECOT_AT_ASKED && dovecot->state != DOVECOT_AT_CLOSING)
    {
      gsize len;
      const guint8 *data = satchel_connection_peek (connection, &len);
      const guint8 *end = len > 0 ? memchr (data, '\n', len) : NULL;
      gsize n = end != NULL ? (gsize) (end - data) : len;
      if (n > LINE_BYTES)
        {
          close_unclear (dovecot, "it sent a line of more than 8,192 bytes");
          return;
        }
      if (end == NULL || satchel_connection_is_full (connection))
        return;
      char *line = g_malloc (n + 1);
      DovecotRequest request;
      memcpy (line, data, n);
      line[n] = '\0';
      satchel_connection_consume (connection, n + 1);
      dovecot_request_parse (line, n, &request);
      run_request (dovecot, &request);
      explicit_bzero (line, n);
      g_free (line);
    }
}

/* ---- the connection ---- */

/* Makes the state of a connection. Without mechanisms, which auth has not told yet, there is nothing to
 * offer, and the MTA would remember that, so the connection is refused. */
static gpointer
session_new (SatchelGateSession *session)
{
  guint8 cookie[DOVECOT_COOKIE_BYTES];
  g_autofree const char **names = NULL;
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  for (const char *const *name = satchel_gate_mechanisms (session); *name != NULL; name++)
    g_ptr_array_add (all, (gpointer) *name);
  if (all->len == 0 || getrandom (cookie, sizeof cookie, 0) != sizeof cookie)
    return NULL;
  g_ptr_array_add (all, NULL);
  names = (const char **) (gpointer) g_ptr_array_steal (all, NULL);
  Dovecot *dovecot = g_new0 (Dovecot, 1);
  dovecot->session = session;
  dovecot->connection = satchel_gate_connection (session);
  satchel_connection_set_input_limit (dovecot->connection, 2 * LINE_BYTES);
  dovecot_send_handshake (session, names, cookie);
  return dovecot;
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  g_free (self);
}

static const SatchelConnectionHandlers handlers = {
  .size = sizeof handlers,
  .input = on_input,
  .drained = on_input,
  .closed = on_closed,
};

static const SatchelGateProtocolOps gate_ops = {
  .size = sizeof gate_ops,
  .flags = SATCHEL_PROTOCOL_FOR_OTHERS,
  .service = "dovecot-auth",
  .session_new = session_new,
  .handlers = &handlers,
  .auth_result = on_result,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL_GATE, .name = "dovecot-auth", .ops = &gate_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "dovecot-auth",
  .version = "0.1.0",
  .description = "Logins for an MTA, by the Dovecot authentication protocol",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_GATE,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
