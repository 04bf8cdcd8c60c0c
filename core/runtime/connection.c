/* SPDX-License-Identifier: MIT
 * Handles the life of connections, reading and timeouts. Buffers are in connection_input.c and
 * connection_output.c.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/connection_struct.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_LIMIT 65536u
#define HIGH_WATER 262144u
#define LINGER_MS 2000
#define LINGER_STOPPING_MS 300 /* the process is about to end */
#define READS_A_TURN 8

static SatchelConnection *all_connections;
static guint n_connections;
static gint64 linger_ms = LINGER_MS;

static void soon_turn (SatchelTurn *turn);
static void idle_timer_fired (SatchelTimer *timer, gpointer data);

void
connection_queue_soon (SatchelConnection *connection)
{
  satchel_turn_queue (&connection->soon_turn, soon_turn);
}

static gboolean
is_stopped (const SatchelConnection *connection)
{
  return connection->is_paused || connection->is_busy;
}

gboolean
connection_wants_to_read (const SatchelConnection *connection)
{
  return connection->state == STATE_OPEN && !is_stopped (connection) && !connection->has_peer_ended
         && connection->in_len < connection->in_limit;
}

void
connection_update_events (SatchelConnection *connection)
{
  if (connection->watch == NULL)
    return;
  /* EPOLLET alone: the watch hears once that the peer has vanished (epoll always reports HUP and ERR). */
  guint32 events = EPOLLET;
  if (connection_wants_to_read (connection) || connection->state == STATE_LINGER)
    events = EPOLLIN;
  else if (is_stopped (connection) && connection->state == STATE_OPEN && (connection->events & EPOLLIN))
    events = EPOLLIN; /* most pauses end before more input comes, so they should cost no system call */
  if (connection->is_blocked && connection->state != STATE_LINGER)
    events = (events & ~(guint32) EPOLLET) | EPOLLOUT;
  connection->events = events;
  satchel_watch_set_events (connection->watch, events);
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
  connection->state = was_told ? STATE_GONE : STATE_DEAD;
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

/* Calls `closed`, and ends the connection. */
static void
tell_closed (SatchelConnection *connection)
{
  connection->state = STATE_GONE;
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
  connection->state = STATE_LINGER;
  satchel_timer_cancel (&connection->write_timer);
  satchel_timer_arm (&connection->idle_timer, linger_ms, linger_ended, connection);
  connection_update_events (connection);
  if (handlers != NULL)
    handlers->closed (connection, connection->self, SATCHEL_CLOSED_BY_US);
  if (connection->has_peer_ended)
    connection_die (connection, SATCHEL_CLOSED_BY_US);
}

static void
drain_lingering (SatchelConnection *connection)
{
  guint8 rest[4096];
  for (guint i = 0; i < 16; i++)
    {
      gssize n = recv (connection->transport->fd, rest, sizeof rest, MSG_DONTWAIT);
      if (n > 0)
        continue;
      if (n == 0 || errno != EAGAIN)
        connection_die (connection, SATCHEL_CLOSED_BY_US);
      return;
    }
}

void
connection_check_end (SatchelConnection *connection)
{
  if (connection->has_peer_ended && connection->state == STATE_OPEN && !is_stopped (connection)
      && !connection->wants_input && connection->out_pending == 0)
    connection_die (connection,
                    connection->end_reason > 0 ? connection->end_reason - 1 : SATCHEL_CLOSED_BY_PEER);
}

static void
call_input (SatchelConnection *connection)
{
  connection->wants_input = FALSE;
  if (connection->state == STATE_OPEN && !is_stopped (connection) && connection->in_len > 0)
    connection->handlers->input (connection, connection->self);
}

/* Ends a connection whose input is damaged. The protocol may still say goodbye, since output is not. */
static void
end_damaged (SatchelConnection *connection)
{
  if (SATCHEL_HAS (connection->handlers, damaged))
    connection->handlers->damaged (connection, connection->self);
  if (connection->state == STATE_OPEN)
    connection_die (connection, SATCHEL_CLOSED_CUT);
}

/* Reads until a read is short, and also takes what the transport has decrypted beyond that. */
static void
read_input (SatchelConnection *connection)
{
  gssize n = 0;
  gboolean has_more = FALSE;
  for (guint i = 0; i < READS_A_TURN && connection_wants_to_read (connection); i++)
    {
      gsize room = connection_make_room (connection, 4096);
      if (room == 0)
        break;
      n = connection->transport->ops->read (connection->transport,
                                            connection->in + connection->in_start + connection->in_len, room);
      if (n <= 0)
        break;
      connection->in_len += (gsize) n;
      connection->wants_input = TRUE;
      has_more = connection->transport->ops->has_buffered (connection->transport);
      if (!has_more)
        break;
    }
  if (connection->wants_input)
    {
      connection->last_input_ms = satchel_now_ms ();
      call_input (connection);
    }
  if (connection->state != STATE_OPEN)
    return;
  if (n == SATCHEL_IO_END)
    connection->has_peer_ended = TRUE;
  else if (n == SATCHEL_IO_CUT)
    connection_die (connection, SATCHEL_CLOSED_CUT);
  else if (n == SATCHEL_IO_RESET)
    connection_die (connection, SATCHEL_CLOSED_RESET);
  else if (n == SATCHEL_IO_DAMAGED)
    end_damaged (connection);
  else if (has_more)
    connection_queue_soon (connection);
}

static void
soon_turn (SatchelTurn *turn)
{
  SatchelConnection *connection = SATCHEL_CONTAINER (turn, SatchelConnection, soon_turn);
  connection->depth++;
  if (connection->state == STATE_DEAD)
    {
      SatchelConnectionFunc dying = connection->holds > 0 ? g_steal_pointer (&connection->dying) : NULL;
      if (dying != NULL)
        dying (connection, connection->dying_data);
      else if (connection->holds == 0)
        tell_closed (connection);
    }
  else if (connection->state == STATE_OPEN && !is_stopped (connection))
    {
      if (connection->in_len > 0)
        call_input (connection);
      else
        connection->wants_input = FALSE;
      if (connection_wants_to_read (connection) && connection->transport != NULL
          && connection->transport->ops->has_buffered (connection->transport))
        read_input (connection);
    }
  connection_check_end (connection);
  connection_update_events (connection);
  connection_unref_call (connection);
}

static void
connection_event (int fd, guint32 events, gpointer data)
{
  SatchelConnection *connection = data;
  connection->depth++;
  if (connection->state == STATE_LINGER)
    drain_lingering (connection);
  else
    {
      if (events & EPOLLOUT)
        connection_output_run (connection);
      if (connection_wants_to_read (connection) && connection->transport != NULL
          && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        read_input (connection);
      else if (events & (EPOLLHUP | EPOLLERR))
        connection_die (connection, connection->end_reason > 0 ? connection->end_reason - 1
                                    : events & EPOLLERR        ? SATCHEL_CLOSED_RESET
                                                               : SATCHEL_CLOSED_BY_PEER);
      else if ((events & EPOLLIN) && is_stopped (connection))
        connection->events = 0; /* input comes during the pause, so the system call is made now */
    }
  connection_check_end (connection);
  connection_update_events (connection);
  connection_unref_call (connection);
}

void
satchel_connection_pause (SatchelConnection *connection)
{
  connection->is_paused = TRUE;
}

static void
go_on (SatchelConnection *connection)
{
  if (is_stopped (connection) || connection->state != STATE_OPEN)
    return;
  connection->last_input_ms = satchel_now_ms ();
  connection->wants_input = connection->in_len > 0;
  connection_queue_soon (connection);
}

void
satchel_connection_resume (SatchelConnection *connection)
{
  if (!connection->is_paused)
    return;
  connection->is_paused = FALSE;
  go_on (connection);
}

void
satchel_connection_set_busy (SatchelConnection *connection, gboolean is_busy)
{
  if (connection->is_busy == (guint) is_busy)
    return;
  connection->is_busy = is_busy;
  if (!is_busy)
    go_on (connection);
}

SatchelConnection *
satchel_connection_new (SatchelTransport *transport, const SatchelConnectionHandlers *handlers, gpointer self)
{
  SatchelConnection *connection = g_new0 (SatchelConnection, 1);
  connection->transport = transport;
  connection->handlers = handlers;
  connection->self = self;
  connection->in_limit = INPUT_LIMIT;
  connection->high_water = HIGH_WATER;
  connection->write_timeout_ms = 5 * 60 * 1000;
  connection->state = STATE_OPEN;
  connection->last_input_ms = satchel_now_ms ();
  SATCHEL_LIST_PREPEND (all_connections, connection);
  n_connections++;
  connection->events = EPOLLIN;
  connection->watch = satchel_watch_add (transport->fd, EPOLLIN, connection_event, connection);
  /* The TLS handshake may have read the first commands together with the client's last message. */
  if (transport->ops->has_buffered (transport))
    connection_queue_soon (connection);
  return connection;
}

void
satchel_connection_set_handlers (SatchelConnection *connection, const SatchelConnectionHandlers *handlers,
                                 gpointer self)
{
  connection->handlers = handlers;
  connection->self = self;
}

SatchelTransport *
satchel_connection_transport (SatchelConnection *connection)
{
  return connection->transport;
}

void
satchel_connection_set_input_limit (SatchelConnection *connection, gsize limit_bytes)
{
  connection->in_limit = CLAMP (limit_bytes, 1, 64 * 1024 * 1024);
}

void
satchel_connection_set_wiping (SatchelConnection *connection, gboolean is_wiping)
{
  connection->is_wiping = is_wiping;
}

static void
idle_timer_fired (SatchelTimer *timer, gpointer data)
{
  SatchelConnection *connection = data;
  if (connection->state != STATE_OPEN)
    return;
  gint64 now = satchel_clock_ms ();
  /* A running job and a client that still reads are not idle. */
  if (is_stopped (connection) || connection->out_pending > 0)
    connection->last_input_ms = now;
  gint64 left = connection->last_input_ms + connection->idle_timeout_ms - now;
  if (left > 0)
    {
      satchel_timer_arm (timer, left, idle_timer_fired, connection);
      return;
    }
  if (!SATCHEL_HAS (connection->handlers, timeout))
    {
      connection_die (connection, SATCHEL_CLOSED_TIMEOUT);
      return;
    }
  connection->depth++;
  connection->last_input_ms = now;
  connection->handlers->timeout (connection, connection->self);
  if (connection->state == STATE_OPEN && connection->idle_timeout_ms > 0)
    satchel_timer_arm (timer, connection->idle_timeout_ms, idle_timer_fired, connection);
  connection_unref_call (connection);
}

void
satchel_connection_set_idle_timeout (SatchelConnection *connection, gint64 timeout_ms)
{
  connection->idle_timeout_ms = timeout_ms;
  connection->last_input_ms = satchel_clock_ms ();
  if (connection->state != STATE_OPEN)
    return;
  if (timeout_ms > 0)
    satchel_timer_arm (&connection->idle_timer, timeout_ms, idle_timer_fired, connection);
  else
    satchel_timer_cancel (&connection->idle_timer);
}

void
satchel_connection_set_keepalive (SatchelConnection *connection, guint within_s)
{
  if (connection->keepalive != NULL)
    connection->keepalive (connection->keepalive_data, within_s);
  else if (connection->transport != NULL)
    satchel_socket_set_keepalive (connection->transport->fd, within_s);
}

void
satchel_connection_set_keepalive_hook (SatchelConnection *connection,
                                       void (*func) (gpointer data, guint within_s), gpointer data)
{
  connection->keepalive = func;
  connection->keepalive_data = data;
}

void
satchel_connection_close (SatchelConnection *connection)
{
  if (connection->state != STATE_OPEN)
    return;
  connection->state = STATE_CLOSING;
  connection_wipe (connection, connection->in_start, connection->in_len);
  connection->in_len = 0;
  satchel_timer_cancel (&connection->idle_timer);
  connection_update_events (connection);
  connection_queue_flush (connection);
}

void
satchel_connection_end (SatchelConnection *connection, SatchelCloseReason reason)
{
  connection_die (connection, reason);
}

void
satchel_connection_abort (SatchelConnection *connection)
{
  connection_die (connection, SATCHEL_CLOSED_BY_US);
}

void
satchel_connection_hold (SatchelConnection *connection)
{
  connection->holds++;
}

void
satchel_connection_release (SatchelConnection *connection)
{
  if (--connection->holds == 0 && connection->state == STATE_DEAD)
    connection_queue_soon (connection);
}

gboolean
satchel_connection_is_dead (SatchelConnection *connection)
{
  return connection->state >= STATE_DEAD;
}

void
satchel_connection_set_dying (SatchelConnection *connection, SatchelConnectionFunc func, gpointer data)
{
  connection->dying = func;
  connection->dying_data = data;
}

void
satchel_connection_set_end_reason (SatchelConnection *connection, SatchelCloseReason reason)
{
  connection->end_reason = (guint) reason + 1;
}

SatchelTransport *
satchel_connection_swap_transport (SatchelConnection *connection, SatchelTransport *transport)
{
  SatchelTransport *old = connection->transport;
  satchel_watch_remove (g_steal_pointer (&connection->watch));
  connection->transport = transport;
  connection->is_blocked = FALSE;
  if (transport != NULL)
    {
      connection->events = EPOLLIN;
      connection->watch = satchel_watch_add (transport->fd, EPOLLIN, connection_event, connection);
      connection_queue_soon (connection);
    }
  return old;
}

gboolean
satchel_connection_compress (SatchelConnection *connection)
{
  if (connection->state != STATE_OPEN || connection->transport == NULL || connection->is_compressed)
    return FALSE;
  gsize len;
  const guint8 *input = satchel_connection_peek (connection, &len);
  SatchelTransport *compressed =
      satchel_transport_new_deflate (connection->transport, input, len, connection->out_pending);
  if (compressed == NULL)
    return FALSE;
  connection->transport = compressed;
  connection->is_compressed = TRUE;
  satchel_connection_consume (connection, len);
  connection_queue_soon (connection); /* the transport may have more input than one read gives */
  return TRUE;
}

void
satchel_connection_rest (SatchelConnection *connection)
{
  if (connection->is_compressed && connection->transport != NULL)
    satchel_transport_deflate_rest (connection->transport);
}

SatchelTransport *
satchel_connection_take_apart (SatchelConnection *connection, GBytes **ret_input, GBytes **ret_output)
{
  gsize len;
  const guint8 *data = satchel_connection_peek (connection, &len);
  *ret_input = g_bytes_new (data, len);
  *ret_output = connection_output_take (connection);
  satchel_watch_remove (g_steal_pointer (&connection->watch));
  SatchelTransport *transport = g_steal_pointer (&connection->transport);
  connection->depth++;
  connection->reason = SATCHEL_CLOSED_BY_US;
  connection_wipe (connection, connection->in_start, connection->in_len);
  connection->in_len = 0;
  tell_closed (connection);
  connection_unref_call (connection);
  return transport;
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

gsize
satchel_connection_memory (SatchelConnection *connection)
{
  gsize total = connection->is_scratch ? 0 : connection->in_size;
  for (OutBlock *block = connection->out_head; block != NULL; block = block->next)
    total += block->bytes != NULL ? g_bytes_get_size (block->bytes) : 16384;
  return total;
}
