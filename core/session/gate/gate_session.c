/* SPDX-License-Identifier: MIT
 * Serves a connection before login: PROXY header, TLS, the half of the protocol that runs in the gate. RFC
 * 8314 3.3 (implicit TLS), RFC 3501 6.2.1 and RFC 2595 4 (STARTTLS, STLS).
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/trim.h"
#include "core/session/gate/gate_private.h"
#include "core/session/gate/proxy.h"
#include <errno.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANDSHAKES_A_TURN 3
#define FAREWELLS 20u

static SatchelTurn handshake_turn;
static struct
{
  guint n_in_second; /* handshakes that ended in a refusal within this second */
  gint64 second_ms;
} farewells;

static void queue_handshake (SatchelGateSession *session);
static void start_implicit_tls (SatchelGateSession *session);

/* There is no user name yet, so the breadcrumb has the address. */
static void
enter_protocol (SatchelGateSession *session, const char *call)
{
  satchel_job_main_crumb (NULL, session->listener->protocol->service, call);
  satchel_job_crumb ("%s %s", session->peer, session->id_text);
}

static void
leave_protocol (void)
{
  satchel_job_main_crumb (NULL, NULL, NULL);
}

static void
gate_input (SatchelConnection *connection, gpointer data)
{
  SatchelGateSession *session = data;
  enter_protocol (session, "input");
  session->listener->protocol->handlers->input (connection, session->self);
  leave_protocol ();
}

static void
gate_drained (SatchelConnection *connection, gpointer data)
{
  SatchelGateSession *session = data;
  const SatchelConnectionHandlers *handlers = session->listener->protocol->handlers;
  if (!SATCHEL_HAS (handlers, drained))
    return;
  enter_protocol (session, "drained");
  handlers->drained (connection, session->self);
  leave_protocol ();
}

static void
gate_shutdown (SatchelConnection *connection, gpointer data)
{
  SatchelGateSession *session = data;
  const SatchelConnectionHandlers *handlers = session->listener->protocol->handlers;
  if (session->state == GATE_OPEN && SATCHEL_HAS (handlers, shutdown))
    handlers->shutdown (connection, session->self);
  else
    satchel_connection_end (connection, SATCHEL_CLOSED_SHUTDOWN);
}

static void
gate_closed (SatchelConnection *connection, gpointer data, SatchelCloseReason reason)
{
  SatchelGateSession *session = data;
  session->connection = NULL;
  if (session->was_started)
    {
      enter_protocol (session, "closed");
      session->listener->protocol->handlers->closed (connection, session->self, reason);
      leave_protocol ();
    }
  session->was_started = FALSE;
  /* After a hand-over the session goes on, without its protocol. */
  if (session->state < GATE_RELAYED)
    gate_session_free (session);
}

static const SatchelConnectionHandlers gate_handlers = {
  .size = sizeof (SatchelConnectionHandlers),
  .input = gate_input,
  .drained = gate_drained,
  .shutdown = gate_shutdown,
  .closed = gate_closed,
};

static void
login_timed_out (SatchelTimer *timer, gpointer data)
{
  SatchelGateSession *session = data;
  gate_session_log (session, SATCHEL_LOG_INFO, "closed", "login-timeout");
  const SatchelConnectionHandlers *handlers =
      session->listener->protocol != NULL ? session->listener->protocol->handlers : NULL;
  if (session->state == GATE_OPEN && session->was_started && !session->has_timed_out
      && SATCHEL_HAS (handlers, timeout))
    {
      session->has_timed_out = TRUE;
      /* A goodbye may take a while to send, but not for ever. */
      satchel_timer_arm (timer, satchel_gate.handshake_timeout_ms, login_timed_out, session);
      handlers->timeout (session->connection, session->self);
      satchel_connection_close (session->connection);
      return;
    }
  if (session->state == GATE_GRANTING)
    gate_session_refuse (session, SATCHEL_REFUSED_UNAVAILABLE);
  else
    gate_session_end (session, SATCHEL_CLOSED_TIMEOUT);
}

void
gate_session_time_out (SatchelGateSession *session)
{
  satchel_timer_cancel (&session->login_timer);
  login_timed_out (&session->login_timer, session);
}

void
gate_session_end (SatchelGateSession *session, SatchelCloseReason reason)
{
  gate_leave_handshakes (session);
  if (session->connection != NULL)
    satchel_connection_end (session->connection, reason); /* gate_closed does what is left to do */
  else
    gate_session_free (session);
}

static void
say_refusal (SatchelGateSession *session, SatchelRefusal why)
{
  const SatchelGateProtocolOps *protocol = session->listener->protocol;
  const char *text = protocol != NULL && SATCHEL_HAS (protocol, refusal) ? protocol->refusal (why) : NULL;
  if (text == NULL || session->transport == NULL)
    return;
  /* Nothing was written before, so the text fits. Unread input of the client would turn the end into a
   * reset. */
  char dropped[1024];
  struct iovec part = { (void *) text, strlen (text) };
  (void) session->transport->ops->read (session->transport, dropped, sizeof dropped);
  (void) session->transport->ops->write (session->transport, &part, 1);
  session->transport->ops->end_output (session->transport);
}

gboolean
gate_may_turn_away (const GateListener *listener)
{
  gint64 now_ms = satchel_clock_ms ();
  if (!listener->implicit_tls)
    return TRUE;
  if (now_ms - farewells.second_ms >= 1000)
    {
      farewells.second_ms = now_ms;
      farewells.n_in_second = 0;
    }
  return satchel_gate.tls != NULL && satchel_gate.n_farewells < FAREWELLS
         && farewells.n_in_second < FAREWELLS;
}

void
gate_session_refuse (SatchelGateSession *session, SatchelRefusal why)
{
  gboolean needs_tls = session->listener->implicit_tls && !session->has_tls;
  if (needs_tls && gate_may_turn_away (session->listener))
    {
      session->refusal = why;
      satchel_gate.n_farewells++;
      farewells.n_in_second++;
      start_implicit_tls (session);
      return;
    }
  if (!needs_tls)
    say_refusal (session, why);
  gate_session_free (session);
}

/* Takes auth's decision about a connection without login. */
static void
take_grant (SatchelGateSession *session, SatchelAuthStatus status)
{
  gboolean is_away = status == SATCHEL_AUTH_UNAVAILABLE;
  if (status == SATCHEL_AUTH_OK)
    {
      gate_hand_over (session, NULL, 0);
      return;
    }
  gate_session_log (session, SATCHEL_LOG_INFO, "refused", is_away ? "unavailable" : "not-allowed");
  gate_session_refuse (session, is_away ? SATCHEL_REFUSED_UNAVAILABLE : SATCHEL_REFUSED_NETWORK);
}

static void
start_service (SatchelGateSession *session)
{
  const SatchelServiceOps *service = session->listener->service;
  SatchelConnection *connection =
      satchel_connection_new (g_steal_pointer (&session->transport), service->handlers, NULL);
  gpointer self =
      service->session_new (connection, session->peer, satchel_gate.host.group (session->listener->group));
  if (self == NULL)
    satchel_connection_set_handlers (connection, NULL, NULL);
  else
    satchel_connection_set_handlers (connection, service->handlers, self);
  if (self == NULL)
    satchel_connection_close (connection);
  gate_session_free (session);
}

void
gate_session_greet (SatchelGateSession *session)
{
  const SatchelGateProtocolOps *protocol = session->listener->protocol;
  satchel_watch_remove (g_steal_pointer (&session->watch));
  if (protocol == NULL)
    {
      start_service (session);
      return;
    }
  if (protocol->flags & SATCHEL_PROTOCOL_NO_LOGIN)
    {
      gate_set_state (session, GATE_GRANTING);
      gate_auth_ask_grant (session, take_grant);
      return;
    }
  gate_set_state (session, GATE_OPEN);
  if (gate_is_for_others (session))
    satchel_timer_cancel (&session->login_timer);
  SatchelConnection *connection =
      satchel_connection_new (g_steal_pointer (&session->transport), &gate_handlers, session);
  session->connection = connection;
  satchel_connection_set_wiping (connection, TRUE);
  satchel_connection_set_input_limit (connection, 2 * satchel_gate.prelogin_line);
  satchel_connection_set_high_water (connection, satchel_gate.output_buffer);
  satchel_connection_set_write_timeout (connection, satchel_gate.write_timeout_ms);
  session->self = protocol->session_new (session);
  session->was_started = session->self != NULL;
  if (session->self == NULL)
    satchel_connection_abort (connection);
}

static void
handshake_event (int fd, guint32 events, gpointer data)
{
  SatchelGateSession *session = data;
  satchel_watch_set_events (session->watch, 0);
  queue_handshake (session);
}

static void
handshake_timed_out (SatchelTimer *timer, gpointer data)
{
  gate_session_log (data, SATCHEL_LOG_INFO, "tls failed", "timeout");
  gate_session_end (data, SATCHEL_CLOSED_TIMEOUT);
}

/* Before login an alert means that the certificate is refused; afterwards the reason of a client that
 * leaves does not matter. */
static void
alert_came (const char *alert, gpointer data)
{
  SatchelGateSession *session = data;
  if (session->state < GATE_RELAYED)
    gate_session_log (session, SATCHEL_LOG_INFO, "tls failed", alert);
}

static void
handshake_done (SatchelGateSession *session)
{
  satchel_timer_cancel (&session->step_timer);
  session->has_tls = TRUE;
  session->tls_info = satchel_tls_info (session->transport);
  if (session->listener->protocol != NULL) /* a service's connection outlives the session */
    satchel_tls_set_alert_func (session->transport, alert_came, session);
  if (session->refusal != 0)
    {
      gate_session_refuse (session, session->refusal);
      return;
    }
  if (session->connection == NULL)
    {
      gate_session_greet (session);
      return;
    }
  /* The handshake of STARTTLS is over: what was known or promised before it does not count any more. */
  satchel_watch_remove (g_steal_pointer (&session->watch));
  gate_set_state (session, GATE_OPEN);
  satchel_connection_swap_transport (session->connection, g_steal_pointer (&session->transport));
  satchel_connection_set_busy (session->connection, FALSE);
  session->listener->protocol->tls_started (session->self);
}

static void
step_handshake (SatchelGateSession *session)
{
  const char *why = "";
  switch (satchel_tls_handshake (session->transport, &why))
    {
    case SATCHEL_HANDSHAKE_DONE:
      handshake_done (session);
      break;
    case SATCHEL_HANDSHAKE_READ:
      satchel_watch_set_events (session->watch, EPOLLIN);
      break;
    case SATCHEL_HANDSHAKE_WRITE:
      satchel_watch_set_events (session->watch, EPOLLOUT);
      break;
    case SATCHEL_HANDSHAKE_FAILED:
      gate_session_log (session, SATCHEL_LOG_INFO, "tls failed", why);
      shutdown (session->transport->fd, SHUT_WR); /* lets the alert arrive */
      gate_session_end (session, SATCHEL_CLOSED_CUT);
      break;
    }
}

/* A handshake costs about a millisecond; after a few the loop serves the relays again. */
static void
run_handshakes (SatchelTurn *turn)
{
  for (guint i = 0; i < HANDSHAKES_A_TURN && !g_queue_is_empty (&satchel_gate.handshakes); i++)
    {
      SatchelGateSession *session = g_queue_pop_head (&satchel_gate.handshakes);
      session->is_in_handshake_queue = FALSE;
      step_handshake (session);
    }
  if (!g_queue_is_empty (&satchel_gate.handshakes))
    satchel_turn_queue (turn, run_handshakes);
}

static void
queue_handshake (SatchelGateSession *session)
{
  if (session->is_in_handshake_queue)
    return;
  session->is_in_handshake_queue = TRUE;
  g_queue_push_tail (&satchel_gate.handshakes, session);
  satchel_turn_queue (&handshake_turn, run_handshakes);
}

void
gate_handshake_start (SatchelGateSession *session, int fd)
{
  const char *alpn = session->listener->protocol != NULL ? session->listener->protocol->alpn : NULL;
  gate_set_state (session, GATE_HANDSHAKE);
  session->transport = satchel_tls_transport_new (satchel_gate.tls, fd, alpn);
  if (session->transport == NULL)
    {
      close (fd);
      gate_session_end (session, SATCHEL_CLOSED_RESET);
      return;
    }
  if (session->listener->asks_certificate)
    satchel_tls_ask_certificate (session->transport);
  session->watch = satchel_watch_add (fd, EPOLLIN, handshake_event, session);
  satchel_timer_arm (&session->step_timer, satchel_gate.handshake_timeout_ms, handshake_timed_out, session);
}

/* Everything the client sent in clear after the command is dropped unread, and what still lies in the socket
 * can only be a handshake: injected commands are never run (CVE-2011-0411 and its many sisters). */
static void
plain_flushed (SatchelConnection *connection, gpointer data)
{
  SatchelGateSession *session = data;
  satchel_connection_drop_input (connection);
  SatchelTransport *plain = satchel_connection_swap_transport (connection, NULL);
  int fd = plain->fd;
  plain->fd = -1;
  satchel_transport_destroy (plain);
  gate_handshake_start (session, fd);
}

void
satchel_gate_start_tls (SatchelGateSession *session)
{
  g_return_if_fail (satchel_gate_can_start_tls (session));
  satchel_connection_set_busy (session->connection, TRUE);
  satchel_connection_drop_input (session->connection);
  gate_set_state (session, GATE_HANDSHAKE);
  satchel_connection_when_flushed (session->connection, plain_flushed, session);
}

static void
start_implicit_tls (SatchelGateSession *session)
{
  SatchelTransport *plain = g_steal_pointer (&session->transport);
  int fd = plain->fd;
  plain->fd = -1;
  satchel_transport_destroy (plain);
  satchel_watch_remove (g_steal_pointer (&session->watch));
  gate_handshake_start (session, fd);
}

static void
begin_counted (SatchelGateSession *session)
{
  satchel_address_text (&session->address, session->peer);
  if (!satchel_connection_table_add (satchel_gate.table, &session->address, satchel_gate.max_per_address))
    {
      gate_session_log (session, SATCHEL_LOG_WARNING, "refused", "connections-per-address");
      gate_session_refuse (session, SATCHEL_REFUSED_ADDRESS);
      return;
    }
  session->is_counted = TRUE;
  if (!session->listener->implicit_tls)
    {
      gate_session_greet (session);
      return;
    }
  if (satchel_gate.tls == NULL)
    {
      gate_session_log (session, SATCHEL_LOG_ERROR, "refused", "no-certificate");
      gate_session_free (session);
      return;
    }
  start_implicit_tls (session);
}

static gboolean
parse_proxy (SatchelGateSession *session)
{
  int rest = satchel_proxy_rest (session->proxy);
  if (rest < 0)
    return FALSE;
  if (session->proxy_len < SATCHEL_PROXY_HEADER_BYTES + (guint) rest)
    return TRUE;
  if (!satchel_proxy_parse (session->proxy, session->proxy + SATCHEL_PROXY_HEADER_BYTES, (gsize) rest,
                            &session->address))
    return FALSE;
  g_clear_pointer (&session->proxy, g_free);
  return TRUE;
}

/* Reads the PROXY header and not a byte more, since what follows belongs to TLS or to the protocol. */
static void
proxy_event (int fd, guint32 events, gpointer data)
{
  SatchelGateSession *session = data;
  for (;;)
    {
      guint wanted = SATCHEL_PROXY_HEADER_BYTES;
      if (session->proxy_len >= wanted)
        wanted += (guint) satchel_proxy_rest (session->proxy);
      gssize n = recv (fd, session->proxy + session->proxy_len, wanted - session->proxy_len, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      if (n > 0)
        session->proxy_len += (guint) n;
      if (n <= 0 || (session->proxy_len >= SATCHEL_PROXY_HEADER_BYTES && !parse_proxy (session)))
        {
          gate_session_log (session, SATCHEL_LOG_WARNING, "refused", "proxy-header");
          gate_session_free (session);
          return;
        }
      if (session->proxy != NULL)
        continue;
      begin_counted (session);
      return;
    }
}

static SatchelGateSession *
session_new (GateListener *listener, int fd, const SatchelAddress *address)
{
  SatchelGateSession *session = g_new0 (SatchelGateSession, 1);
  session->id = satchel_session_id_new (satchel_gate.host.slot);
  satchel_session_id_text (session->id, session->id_text);
  session->listener = listener;
  session->address = *address;
  session->transport = satchel_transport_new_plain (fd);
  SATCHEL_LIST_PREPEND (satchel_gate.first, session);
  satchel_trim_note (++satchel_gate.n_served);
  g_hash_table_insert (satchel_gate.sessions, &session->id, session);
  satchel_address_text (address, session->peer);
  satchel_timer_arm (&session->login_timer, satchel_gate.login_timeout_ms, login_timed_out, session);
  return session;
}

void
gate_session_turn_away (GateListener *listener, int fd, const SatchelAddress *address)
{
  gate_session_refuse (session_new (listener, fd, address), SATCHEL_REFUSED_FULL);
}

void
gate_session_begin (GateListener *listener, int fd, const SatchelAddress *address)
{
  SatchelGateSession *session = session_new (listener, fd, address);
  if (!satchel_networks_contain ((const char *const *) listener->trusted_proxies, address))
    {
      begin_counted (session);
      return;
    }
  satchel_address_text (address, session->via);
  gate_set_state (session, GATE_PROXY);
  session->proxy = g_malloc0 (SATCHEL_PROXY_MAX_BYTES);
  session->watch = satchel_watch_add (fd, EPOLLIN, proxy_event, session);
}

static void
close_flushed (SatchelConnection *connection, gpointer data)
{
  satchel_connection_close (connection);
}

gboolean
satchel_gate_count_bad (SatchelGateSession *session)
{
  if (++session->n_bad < satchel_gate.bad_commands)
    return TRUE;
  if (session->n_bad > satchel_gate.bad_commands || session->connection == NULL)
    return FALSE;
  gate_session_log (session, SATCHEL_LOG_INFO, "closed", "bad-commands");
  satchel_connection_set_busy (session->connection, TRUE);
  satchel_connection_when_flushed (session->connection, close_flushed, NULL);
  return FALSE;
}
