/* SPDX-License-Identifier: MIT
 * This file makes connections, has their settings and timeouts, and takes them apart.  Their states are in
 * connection_life.c, input and output in connection_input.c and connection_output.c.
 */
#include "config.h"

#include "core/runtime/connection/connection_struct.h"

#define INPUT_LIMIT 65536u
#define HIGH_WATER 262144u

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
  connection->last_input_ms = satchel_now_ms ();
  connection_begin (connection);
  connection_attach (connection);
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
  if (connection_is_stopped (connection) || connection->out_pending > 0)
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
  connection_set_state (connection, STATE_CLOSING);
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
      connection_attach (connection);
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
  connection_tell_closed (connection);
  connection_unref_call (connection);
  return transport;
}

gsize
satchel_connection_memory (SatchelConnection *connection)
{
  gsize total = connection->is_scratch ? 0 : connection->in_size;
  for (OutBlock *block = connection->out_head; block != NULL; block = block->next)
    total += block->bytes != NULL ? g_bytes_get_size (block->bytes) : CONNECTION_BLOCK_BYTES;
  return total;
}
