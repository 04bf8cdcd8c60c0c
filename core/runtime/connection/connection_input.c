/* SPDX-License-Identifier: MIT
 * Implements the input of a connection: it takes reports about the descriptor, reads, and gives input to the
 * handlers.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/connection/connection_struct.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READS_A_TURN 8

const guint8 *
satchel_connection_peek (SatchelConnection *connection, gsize *ret_len)
{
  *ret_len = connection->in_len;
  return connection->in_len > 0 ? connection->in + connection->in_start : (const guint8 *) "";
}

void
satchel_connection_consume (SatchelConnection *connection, gsize len)
{
  g_return_if_fail (len <= connection->in_len);
  gboolean was_stopped = connection->in_len >= connection->in_limit;
  connection_wipe (connection, connection->in_start, len);
  connection->in_start += len;
  connection->in_len -= len;
  if (connection->depth == 0)
    connection_settle_input (connection);
  if (was_stopped && connection_wants_to_read (connection))
    {
      connection_queue_soon (connection);
      connection_update_events (connection);
    }
}

void
satchel_connection_drop_input (SatchelConnection *connection)
{
  satchel_connection_consume (connection, connection->in_len);
}

void
satchel_connection_push_input (SatchelConnection *connection, const void *data, gsize len)
{
  if (len == 0 || connection->state != STATE_OPEN)
    return;
  g_return_if_fail (connection->depth == 0);
  guint8 *own = g_malloc (connection->in_len + len);
  if (connection->in_len > 0)
    memcpy (own, connection->in + connection->in_start, connection->in_len);
  memcpy (own + connection->in_len, data, len);
  gsize total = connection->in_len + len;
  connection_free_input (connection);
  connection->in = own;
  connection->in_len = connection->in_size = total;
  connection->wants_input = TRUE;
  connection_queue_soon (connection);
}

static void
drain_lingering (SatchelConnection *connection)
{
  SATCHEL_UNSET guint8 rest[4096];
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

static void
call_input (SatchelConnection *connection)
{
  connection->wants_input = FALSE;
  if (connection->state == STATE_OPEN && !connection_is_stopped (connection) && connection->in_len > 0)
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
        connection_tell_closed (connection);
    }
  else if (connection->state == STATE_OPEN && !connection_is_stopped (connection))
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
      else if ((events & EPOLLIN) && connection_is_stopped (connection))
        connection->events = 0; /* input comes during the pause, so the system call is made now */
    }
  connection_check_end (connection);
  connection_update_events (connection);
  connection_unref_call (connection);
}

void
connection_attach (SatchelConnection *connection)
{
  connection->soon_turn.func = soon_turn;
  connection->events = EPOLLIN;
  connection->watch = satchel_watch_add (connection->transport->fd, EPOLLIN, connection_event, connection);
}

void
satchel_connection_pause (SatchelConnection *connection)
{
  connection->is_paused = TRUE;
}

static void
go_on (SatchelConnection *connection)
{
  if (connection_is_stopped (connection) || connection->state != STATE_OPEN)
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
