/* SPDX-License-Identifier: MIT
 * The life of a connection: its states, what it waits for, and its end.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/connection/connection_struct.h"
#include <sys/epoll.h>

#define LINGER_MS 2000
#define LINGER_STOPPING_MS 300 /* the process is about to end */

static SatchelConnection *all_connections;
static guint n_connections;
static gint64 linger_ms = LINGER_MS;

void
connection_queue_soon (SatchelConnection *connection)
{
  satchel_turn_queue (&connection->soon_turn, connection->soon_turn.func);
}

gboolean
connection_is_stopped (const SatchelConnection *connection)
{
  return connection->is_paused || connection->is_busy;
}

gboolean
connection_wants_to_read (const SatchelConnection *connection)
{
  return connection->state == STATE_OPEN && !connection_is_stopped (connection) && !connection->has_peer_ended
         && connection->in_len < connection->in_limit;
}

void
connection_update_events (SatchelConnection *connection)
{
  if (connection->watch == NULL)
    return;
  /* With EPOLLET alone the watch hears once that the peer has vanished (epoll always reports HUP and ERR). */
  guint32 events = EPOLLET;
  if (connection_wants_to_read (connection) || connection->state == STATE_LINGER)
    events = EPOLLIN;
  else if (connection_is_stopped (connection) && connection->state == STATE_OPEN
           && (connection->events & EPOLLIN))
    /* Most pauses end before more input comes, so EPOLLIN stays, and they cost no system call. */
    events = EPOLLIN;
  if (connection->is_blocked && connection->state != STATE_LINGER)
    events = (events & ~(guint32) EPOLLET) | EPOLLOUT;
  connection->events = events;
  satchel_watch_set_events (connection->watch, events);
}

void
connection_begin (SatchelConnection *connection)
{
  connection->state = STATE_OPEN;
  SATCHEL_LIST_PREPEND (all_connections, connection);
  n_connections++;
}

/* The states that may follow each state. */
#define TO(state) (1u << (state))
static const guint8 next_states[] = {
  [STATE_OPEN] = TO (STATE_CLOSING) | TO (STATE_DEAD) | TO (STATE_GONE),
  [STATE_CLOSING] = TO (STATE_LINGER) | TO (STATE_DEAD) | TO (STATE_GONE),
  [STATE_LINGER] = TO (STATE_GONE),
  [STATE_DEAD] = TO (STATE_GONE),
  [STATE_GONE] = 0,
};

void
connection_set_state (SatchelConnection *connection, ConnectionState state)
{
  g_return_if_fail ((next_states[connection->state] & TO (state)) != 0);
  connection->state = state;
}

static void
connection_free (SatchelConnection *connection)
{
  satchel_turn_cancel (&connection->soon_turn);
  satchel_turn_cancel (&connection->flush_turn);
  satchel_timer_cancel (&connection->idle_timer);
  satchel_timer_cancel (&connection->write_timer);
  satchel_watch_remove (connection->watch);
  if (connection->transport != NULL)
    satchel_transport_destroy (connection->transport);
  connection_output_free (connection);
  if (connection->in != NULL)
    connection_wipe (connection, connection->in_start, connection->in_len);
  connection_free_input (connection);
  SATCHEL_LIST_REMOVE (all_connections, connection);
  n_connections--;
  g_free (connection);
}

void
connection_unref_call (SatchelConnection *connection)
{
  if (--connection->depth > 0)
    return;
  if (connection->state == STATE_GONE)
    connection_free (connection);
  else
    connection_settle_input (connection);
}

static void
release_transport (SatchelConnection *connection)
{
  satchel_watch_remove (g_steal_pointer (&connection->watch));
  if (connection->transport != NULL)
    satchel_transport_destroy (g_steal_pointer (&connection->transport));
}

void
connection_die (SatchelConnection *connection, SatchelCloseReason reason)
{
  if (connection->state >= STATE_DEAD)
    return;
  gboolean was_told = connection->state == STATE_LINGER;
  connection_set_state (connection, was_told ? STATE_GONE : STATE_DEAD);
  connection->reason = reason;
  release_transport (connection);
  connection_output_free (connection);
  connection_wipe (connection, connection->in_start, connection->in_len);
  connection->in_len = 0;
  connection->was_full = FALSE;
  connection->flushed = NULL;
  satchel_timer_cancel (&connection->idle_timer);
  satchel_timer_cancel (&connection->write_timer);
  connection_queue_soon (connection);
}

void
connection_tell_closed (SatchelConnection *connection)
{
  connection_set_state (connection, STATE_GONE);
  const SatchelConnectionHandlers *handlers = g_steal_pointer (&connection->handlers);
  if (handlers != NULL)
    handlers->closed (connection, connection->self, (SatchelCloseReason) connection->reason);
}

static void
linger_ended (SatchelTimer *timer, gpointer data)
{
  connection_die (data, SATCHEL_CLOSED_BY_US);
}

void
connection_linger (SatchelConnection *connection)
{
  if (connection->transport == NULL)
    {
      connection_die (connection, SATCHEL_CLOSED_BY_US);
      return;
    }
  const SatchelConnectionHandlers *handlers = g_steal_pointer (&connection->handlers);
  connection->transport->ops->end_output (connection->transport);
  connection_set_state (connection, STATE_LINGER);
  satchel_timer_cancel (&connection->write_timer);
  satchel_timer_arm (&connection->idle_timer, linger_ms, linger_ended, connection);
  connection_update_events (connection);
  if (handlers != NULL)
    handlers->closed (connection, connection->self, SATCHEL_CLOSED_BY_US);
  if (connection->has_peer_ended)
    connection_die (connection, SATCHEL_CLOSED_BY_US);
}

void
connection_check_end (SatchelConnection *connection)
{
  if (connection->has_peer_ended && connection->state == STATE_OPEN && !connection_is_stopped (connection)
      && !connection->wants_input && connection->out_pending == 0)
    connection_die (connection,
                    connection->end_reason > 0 ? connection->end_reason - 1 : SATCHEL_CLOSED_BY_PEER);
}

void
satchel_connections_shutdown (void)
{
  linger_ms = LINGER_STOPPING_MS;
  SATCHEL_LIST_EACH (SatchelConnection, connection, all_connections)
    {
      if (connection->state == STATE_LINGER)
        satchel_timer_arm (&connection->idle_timer, linger_ms, linger_ended, connection);
      if (connection->state != STATE_OPEN)
        continue;
      connection->depth++;
      if (SATCHEL_HAS (connection->handlers, shutdown))
        connection->handlers->shutdown (connection, connection->self);
      else
        connection_die (connection, SATCHEL_CLOSED_SHUTDOWN);
      connection_unref_call (connection);
    }
}

guint
satchel_connections_count (void)
{
  return n_connections;
}
