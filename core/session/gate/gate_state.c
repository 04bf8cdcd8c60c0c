/* SPDX-License-Identifier: MIT
 * Keeps what all files of role gate share: its sessions, whether it has room for more, log lines, and what
 * protocols ask of a session. It calls none of the others.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/loop/trim.h"
#include "core/session/gate/gate_private.h"
#include "core/session/gate/log_budget.h"
#include <string.h>
#include <sys/epoll.h>

#define RETRY_MS 200

Gate satchel_gate;

#define TO(state) (1u << GATE_##state)
static const guint8 next_states[] = {
  [GATE_NEW] = TO (PROXY) | TO (HANDSHAKE) | TO (OPEN) | TO (GRANTING),
  [GATE_PROXY] = TO (HANDSHAKE) | TO (OPEN) | TO (GRANTING),
  [GATE_HANDSHAKE] = TO (HANDSHAKE) | TO (OPEN) | TO (GRANTING),
  [GATE_OPEN] = TO (HANDSHAKE) | TO (RELAYED),
  [GATE_GRANTING] = TO (RELAYED),
  [GATE_RELAYED] = TO (RELAYED) | TO (HANDED),
  [GATE_HANDED] = 0,
};

void
gate_set_state (SatchelGateSession *session, GateState state)
{
  g_return_if_fail ((next_states[session->state] & 1u << state) != 0);
  session->state = state;
}

static void
set_accepting (gboolean is_accepting)
{
  for (guint i = 0; i < satchel_gate.listeners->len; i++)
    {
      GateListener *listener = g_ptr_array_index (satchel_gate.listeners, i);
      if (listener->watch != NULL)
        satchel_watch_set_events (listener->watch, is_accepting ? EPOLLIN | EPOLLEXCLUSIVE : 0);
    }
  satchel_gate.is_paused = !is_accepting;
}

static void
accept_again (SatchelTimer *timer, gpointer data)
{
  gate_sessions_changed ();
}

void
gate_sessions_changed (void)
{
  satchel_trim_note (satchel_gate.n_served);
  if (!satchel_gate.is_paused || satchel_gate.is_stopping || satchel_gate.accept_timer.due_ms != 0)
    return;
  if (satchel_gate.n_served < satchel_gate.max_connections)
    set_accepting (TRUE);
}

void
gate_pause_accepting (const char *reason, gboolean is_retrying)
{
  static gint64 logged_ms;
  gint64 now = satchel_clock_ms ();
  if (logged_ms == 0 || now - logged_ms > 60 * 1000)
    {
      satchel_log (SATCHEL_LOG_WARNING, "gate", "no new connections are accepted for now: connections=%u: %s",
                   satchel_gate.n_served, reason);
      logged_ms = now;
    }
  set_accepting (FALSE);
  if (is_retrying)
    satchel_timer_arm (&satchel_gate.accept_timer, RETRY_MS, accept_again, NULL);
}

void
gate_session_log (SatchelGateSession *session, SatchelLogLevel level, const char *text, const char *reason)
{
  static SatchelLogBudget budget = {
    .area = "gate", .burst = 20, .an_hour = 120, .burst_in_all = 400, .a_second = 10
  };
  if (!satchel_log_is_enabled (level) || !satchel_log_budget_take (&budget, text, session->peer))
    return;
  const char *service =
      session->listener->protocol != NULL ? session->listener->protocol->service : session->listener->name;
  g_autoptr (GString) line = g_string_new (text);
  g_string_append_c (line, ':');
  satchel_log_field (line, "rip", session->peer);
  satchel_log_field (line, "service", service);
  satchel_log_field (line, "session", session->id_text);
  if (reason != NULL)
    satchel_log_field (line, "reason", reason);
  satchel_log (level, "gate", "%s", line->str);
}

void
gate_leave_handshakes (SatchelGateSession *session)
{
  satchel_watch_remove (g_steal_pointer (&session->watch));
  satchel_timer_cancel (&session->step_timer);
  if (session->is_in_handshake_queue)
    g_queue_remove (&satchel_gate.handshakes, session);
  session->is_in_handshake_queue = FALSE;
}

void
gate_forget_auth (SatchelGateSession *session)
{
  if (session->is_told_auth)
    satchel_gate.host.send_to_auth (satchel_ipc_message_new (SATCHEL_IPC_SESSION_END, session->id));
  session->is_told_auth = FALSE;
}

gboolean
gate_is_for_others (const SatchelGateSession *session)
{
  const SatchelGateProtocolOps *protocol = session->listener->protocol;
  return protocol != NULL && (protocol->flags & SATCHEL_PROTOCOL_FOR_OTHERS) != 0;
}

void
gate_forget_client (SatchelGateSession *session)
{
  GateClient *client = g_steal_pointer (&session->client);
  if (client == NULL)
    return;
  g_free (client->service);
  g_free (client);
}

void
gate_session_free (SatchelGateSession *session)
{
  gate_forget_auth (session);
  gate_forget_client (session);
  satchel_turn_cancel (&session->turn);
  satchel_timer_cancel (&session->login_timer);
  gate_leave_handshakes (session);
  if (session->transport != NULL)
    satchel_transport_destroy (session->transport);
  satchel_relay_free (session->relay);
  satchel_gate.n_farewells -= session->refusal != 0 ? 1 : 0;
  if (session->is_counted)
    satchel_connection_table_remove (satchel_gate.table, &session->address);
  if (session->state != GATE_HANDED)
    satchel_gate.n_served--;
  g_hash_table_remove (satchel_gate.sessions, &session->id);
  SATCHEL_LIST_REMOVE (satchel_gate.first, session);
  g_clear_pointer (&session->challenge, g_bytes_unref);
  g_free (session->explain);
  g_free (session->user);
  g_free (session->tls_info);
  g_free (session->client_id);
  g_free (session->proxy);
  explicit_bzero (session->grant, sizeof session->grant);
  g_free (session);
  gate_sessions_changed ();
}

SatchelConnection *
satchel_gate_connection (SatchelGateSession *session)
{
  return session->connection;
}

gboolean
satchel_gate_has_tls (SatchelGateSession *session)
{
  return session->has_tls;
}

gboolean
satchel_gate_can_start_tls (SatchelGateSession *session)
{
  return satchel_gate.tls != NULL && !session->has_tls && session->state == GATE_OPEN
         && session->exchange == EXCHANGE_NONE;
}

gboolean
satchel_gate_may_login (SatchelGateSession *session)
{
  const GateClient *client = session->client;
  gboolean has_tls = session->has_tls;
  const SatchelAddress *address = &session->address;
  if (gate_is_for_others (session))
    {
      if (client == NULL)
        return TRUE; /* no client was announced, so no password will come */
      has_tls = client->has_tls;
      address = &client->address;
    }
  return has_tls || session->listener->allow_cleartext || satchel_address_is_loopback (address);
}

gboolean
satchel_gate_set_origin (SatchelGateSession *session, const char *address)
{
  SatchelAddress origin;
  if (!satchel_networks_contain ((const char *const *) session->listener->id_networks, &session->address))
    return FALSE;
  /* "local" names no client. */
  if (!satchel_address_parse (address, &origin) || origin.is_local)
    return FALSE;
  satchel_address_text (&session->address, session->via);
  satchel_address_text (&origin, session->peer);
  return TRUE;
}

void
satchel_gate_set_client_id (SatchelGateSession *session, const char *text)
{
  g_free (session->client_id);
  session->client_id = g_utf8_validate (text, -1, NULL) && strlen (text) <= 255 ? g_strdup (text) : NULL;
}

/* Says whether a mechanism is offered.  That depends on connection, listener and settings, and never on the
 * user, of whom nothing is known here.  A client whose login another server asks for cannot bind to this
 * connection. */
static gboolean
is_offered (SatchelGateSession *session, const GateMechanism *mechanism)
{
  gboolean has_channel = session->has_tls && !gate_is_for_others (session);
  SatchelTransport *transport = has_channel ? satchel_connection_transport (session->connection) : NULL;
  char **only = session->listener->mechanisms;
  gboolean is_listed = only == NULL || only[0] == NULL;
  for (; !is_listed && *only != NULL; only++)
    is_listed = g_ascii_strcasecmp (*only, mechanism->name) == 0;
  return is_listed && satchel_gate_may_login (session)
         && ((mechanism->flags & SATCHEL_SASL_NEEDS_BINDING) == 0
             || (transport != NULL && satchel_tls_can_bind (transport)))
         && ((mechanism->flags & SATCHEL_SASL_NEEDS_CERTIFICATE) == 0
             || (transport != NULL && satchel_tls_has_peer_certificate (transport)));
}

const GateMechanism *
gate_find_mechanism (SatchelGateSession *session, const char *name)
{
  for (guint i = 0; i < satchel_gate.mechanisms->len; i++)
    {
      const GateMechanism *mechanism = &g_array_index (satchel_gate.mechanisms, GateMechanism, i);
      if (g_ascii_strcasecmp (mechanism->name, name) == 0)
        return is_offered (session, mechanism) ? mechanism : NULL;
    }
  return NULL;
}

gboolean
gate_offers_binding (SatchelGateSession *session)
{
  for (guint i = 0; i < satchel_gate.mechanisms->len; i++)
    {
      const GateMechanism *mechanism = &g_array_index (satchel_gate.mechanisms, GateMechanism, i);
      if ((mechanism->flags & SATCHEL_SASL_NEEDS_BINDING) && is_offered (session, mechanism))
        return TRUE;
    }
  return FALSE;
}

const char *const *
satchel_gate_mechanisms (SatchelGateSession *session)
{
  guint n = 0;
  for (guint i = 0; i < satchel_gate.mechanisms->len; i++)
    {
      const GateMechanism *mechanism = &g_array_index (satchel_gate.mechanisms, GateMechanism, i);
      if (is_offered (session, mechanism))
        satchel_gate.offered[n++] = mechanism->name;
    }
  satchel_gate.offered[n] = NULL;
  return satchel_gate.offered;
}

guint
satchel_gate_mechanism_flags (SatchelGateSession *session, const char *name)
{
  const GateMechanism *mechanism = gate_find_mechanism (session, name);
  return mechanism != NULL ? mechanism->flags : 0;
}

const SatchelConfig *
satchel_gate_config (SatchelGateSession *session)
{
  return satchel_gate.host.group (session->listener->group);
}
