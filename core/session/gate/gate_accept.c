/* SPDX-License-Identifier: MIT
 * Role gate: set-up, listeners and accepting connections.  A gate that is full, or out of descriptors, stops
 * accepting and leaves new connections to its sisters and to the kernel's queue; it never spins.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loop/trim.h"
#include "core/session/gate/gate_private.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 16
#define FULL_MS 5000
#define TURNED_AWAY 64

static int
accept_client (int fd, SatchelAddress *ret_address)
{
  struct sockaddr_storage peer = { 0 };
  socklen_t len = sizeof peer;
  int client = accept4 (fd, (struct sockaddr *) &peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0)
    return -1;
  satchel_address_from_socket (ret_address, &peer);
  if (!ret_address->is_local)
    {
      /* Answers leave as a whole at the end of a turn, so that Nagle's algorithm would only delay them. */
      int on = 1;
      (void) setsockopt (client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
  return client;
}

/* Ends sessions that have not logged in early if the gate is full.  People who type a password have three
 * minutes, but in a full gate a third of that; otherwise a few machines that send nothing would keep
 * everybody out.  TRUE means that a session is about to end. */
static gboolean
hurry_logins (void)
{
  gint64 limit_ms = satchel_now_ms () + satchel_gate.login_timeout_ms - satchel_gate.login_timeout_ms / 3;
  gboolean has_ended_one = FALSE;
  SATCHEL_LIST_EACH (SatchelGateSession, session, satchel_gate.first)
    {
      if (session->state != GATE_OPEN || session->has_timed_out || session->exchange == EXCHANGE_ASKED
          || session->exchange == EXCHANGE_ANSWERED || gate_is_for_others (session)
          || session->login_timer.due_ms >= limit_ms)
        continue;
      gate_session_time_out (session);
      has_ended_one = TRUE;
    }
  return has_ended_one;
}

/* Refuses clients with a reason when the gate has been full for a while and no other gate took them from the
 * kernel's queue, rather than let them wait. */
static void
turn_away (SatchelTimer *timer, gpointer data)
{
  if (satchel_gate.is_stopping || satchel_gate.n_served < satchel_gate.max_connections)
    return;
  gboolean has_room_soon = hurry_logins ();
  for (guint i = 0; i < satchel_gate.listeners->len && !has_room_soon; i++)
    {
      GateListener *listener = g_ptr_array_index (satchel_gate.listeners, i);
      SatchelAddress address;
      int client = -1;
      for (guint n = 0; n < TURNED_AWAY && listener->watch != NULL && gate_may_turn_away (listener)
                        && (client = accept_client (listener->fd, &address)) >= 0;
           n++)
        gate_session_turn_away (listener, client, &address);
    }
  satchel_timer_arm (timer, FULL_MS, turn_away, NULL);
}

static void
listener_event (int fd, guint32 events, gpointer data)
{
  GateListener *listener = data;
  for (guint i = 0; i < ACCEPTS_A_TURN; i++)
    {
      if (satchel_gate.n_served >= satchel_gate.max_connections)
        {
          gate_pause_accepting ("limits.connections", FALSE);
          satchel_timer_arm (&satchel_gate.full_timer, FULL_MS, turn_away, NULL);
          return;
        }
      SatchelAddress address;
      int client = accept_client (fd, &address);
      if (client < 0)
        {
          if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            gate_pause_accepting (g_strerror (errno), TRUE);
          return;
        }
      gate_session_begin (listener, client, &address);
    }
}

static GateListener *
add_listener (int fd, const SatchelGateListenerOptions *options)
{
  GateListener *listener = g_new0 (GateListener, 1);
  listener->name = g_strdup (options->name);
  listener->group = g_strdup (options->group);
  listener->fd = fd;
  listener->protocol = options->protocol;
  listener->service = options->service;
  listener->implicit_tls = options->implicit_tls;
  listener->allow_cleartext = options->allow_cleartext;
  listener->trusted_proxies = g_strdupv ((char **) options->trusted_proxies);
  listener->id_networks = g_strdupv ((char **) options->id_networks);
  listener->mechanisms = g_strdupv ((char **) options->mechanisms);
  listener->asks_certificate = options->asks_certificate;
  g_ptr_array_add (satchel_gate.listeners, listener);
  return listener;
}

void
satchel_gate_listen (int fd, const SatchelGateListenerOptions *options)
{
  GateListener *listener = add_listener (fd, options);
  listener->watch = satchel_watch_add (fd, EPOLLIN | EPOLLEXCLUSIVE, listener_event, listener);
}

void
satchel_gate_take (int fd, const struct sockaddr_storage *peer, const SatchelGateListenerOptions *options)
{
  SatchelAddress address;
  satchel_address_from_socket (&address, peer);
  gate_session_begin (add_listener (-1, options), fd, &address);
}

void
satchel_gate_configure (void)
{
  SatchelLimitSettings limits;
  satchel_limit_settings_read (satchel_gate.host.group ("limits"), &limits);
  satchel_gate.max_connections = limits.connections;
  satchel_gate.max_per_address = limits.connections_per_address;
  satchel_gate.bad_commands = limits.bad_commands;
  satchel_gate.handshake_timeout_ms = limits.handshake_ms;
  satchel_gate.login_timeout_ms = limits.login_ms;
  satchel_gate.write_timeout_ms = limits.write_ms;
  satchel_gate.prelogin_line = limits.of_protocols.prelogin_line;
  satchel_gate.output_buffer = limits.output_buffer;
}

void
satchel_gate_init (const SatchelGateHost *host, gpointer table, gsize table_len, const guint8 key[64])
{
  satchel_gate.host = *host;
  memcpy (satchel_gate.key, key, 64);
  satchel_connection_table_free (satchel_gate.table);
  satchel_gate.table = satchel_connection_table_new (table, table_len, host->slot, key);
  if (satchel_gate.listeners == NULL)
    {
      satchel_gate.listeners = g_ptr_array_new ();
      satchel_gate.sessions = g_hash_table_new (satchel_number64_hash, g_int64_equal);
      satchel_gate.mechanisms = g_array_new (FALSE, TRUE, sizeof (GateMechanism));
    }
  satchel_gate_configure ();
}

void
satchel_gate_set_tls (SatchelTlsContext *context)
{
  SatchelTlsContext *old = satchel_gate.tls;
  satchel_gate.tls = context != NULL ? satchel_tls_context_ref (context) : NULL;
  satchel_tls_context_unref (old);
}

void
satchel_gate_stop (gboolean is_drain_only)
{
  if (!satchel_gate.is_stopping)
    {
      satchel_gate.is_stopping = TRUE;
      satchel_timer_cancel (&satchel_gate.accept_timer);
      for (guint i = 0; i < satchel_gate.listeners->len; i++)
        {
          GateListener *listener = g_ptr_array_index (satchel_gate.listeners, i);
          satchel_watch_remove (g_steal_pointer (&listener->watch));
        }
    }
  /* These would stay for ever; their peers come back to the next gate.  An exchange ends before. */
  SATCHEL_LIST_EACH (SatchelGateSession, session, satchel_gate.first)
    {
      if (session->state == GATE_OPEN && session->exchange == EXCHANGE_NONE && gate_is_for_others (session))
        gate_session_end (session, SATCHEL_CLOSED_SHUTDOWN);
    }
  if (is_drain_only)
    return;
  SATCHEL_LIST_EACH (SatchelGateSession, session, satchel_gate.first)
    {
      if (session->state == GATE_GRANTING)
        gate_session_refuse (session, SATCHEL_REFUSED_UNAVAILABLE);
      else if (session->state == GATE_PROXY || session->state == GATE_HANDSHAKE)
        gate_session_end (session, SATCHEL_CLOSED_SHUTDOWN);
      else if (session->state == GATE_HANDED)
        gate_session_free (session);
    }
  /* Sessions of the gate say goodbye; relays end when their mail process has done so. */
  satchel_connections_shutdown ();
}

guint
satchel_gate_n_connections (void)
{
  return satchel_gate.n_served;
}

guint
satchel_gate_n_relays (void)
{
  return satchel_gate.n_relays;
}
