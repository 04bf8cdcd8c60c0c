/* SPDX-License-Identifier: MIT
 * Output of a connection: what waits in its list of blocks is written with one writev at the end of the turn.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/connection/connection_private.h"
#include "core/runtime/connection/connection_struct.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FLUSH_BYTES 16384u
#define COPY_BELOW 2048u
#define PARTS_MAX 64

static void
write_timer_fired (SatchelTimer *timer, gpointer data)
{
  SatchelConnection *connection = data;
  gint64 waited = satchel_clock_ms () - connection->last_progress_ms;
  if (!connection->is_blocked || connection->write_timeout_ms <= 0)
    return;
  if (waited >= connection->write_timeout_ms)
    connection_die (connection, SATCHEL_CLOSED_TIMEOUT);
  else
    satchel_timer_arm (timer, connection->write_timeout_ms - waited, write_timer_fired, connection);
}

static void
set_blocked (SatchelConnection *connection, gboolean is_blocked)
{
  if (connection->is_blocked == (guint) is_blocked)
    return;
  connection->is_blocked = is_blocked;
  if (is_blocked && connection->write_timeout_ms > 0)
    {
      connection->last_progress_ms = satchel_clock_ms ();
      satchel_timer_arm (&connection->write_timer, connection->write_timeout_ms, write_timer_fired,
                         connection);
    }
  else
    satchel_timer_cancel (&connection->write_timer);
  connection_update_events (connection);
}

/* Writes until nothing waits or the descriptor takes no more. Makes no callback. */
static void
send_waiting (SatchelConnection *connection)
{
  while (connection->out_pending > 0 && connection->transport != NULL)
    {
      struct iovec parts[PARTS_MAX];
      int n = 0;
      gsize total = 0;
      for (OutBlock *block = connection->out_head; block != NULL && n < PARTS_MAX; block = block->next, n++)
        {
          parts[n].iov_base = (void *) (connection_block_data (block) + block->start);
          parts[n].iov_len = block->end - block->start;
          total += parts[n].iov_len;
        }
      gssize sent = connection->transport->ops->write (connection->transport, parts, n);
      if (sent == SATCHEL_IO_AGAIN)
        {
          set_blocked (connection, TRUE);
          return;
        }
      if (sent < 0)
        {
          connection_die (connection, sent == SATCHEL_IO_CUT ? SATCHEL_CLOSED_CUT : SATCHEL_CLOSED_RESET);
          return;
        }
      connection->last_progress_ms = satchel_now_ms ();
      connection_drop_sent (connection, (gsize) sent);
      if ((gsize) sent < total)
        {
          set_blocked (connection, TRUE);
          return;
        }
    }
  set_blocked (connection, FALSE);
}

void
connection_output_run (SatchelConnection *connection)
{
  if (connection->state != STATE_OPEN && connection->state != STATE_CLOSING)
    return;
  connection->depth++;
  send_waiting (connection);
  if (connection->out_pending == 0 && connection->flushed != NULL && connection->transport != NULL)
    {
      SatchelConnectionFunc flushed = g_steal_pointer (&connection->flushed);
      flushed (connection, connection->flushed_data);
    }
  if (connection->state == STATE_OPEN && connection->was_full
      && connection->out_pending <= connection->high_water / 2)
    {
      connection->was_full = FALSE;
      if (SATCHEL_HAS (connection->handlers, drained))
        connection->handlers->drained (connection, connection->self);
    }
  if (connection->state == STATE_CLOSING && connection->out_pending == 0)
    connection_linger (connection);
  connection_check_end (connection);
  connection_unref_call (connection);
}

static void
flush_turn (SatchelTurn *turn)
{
  connection_output_run (SATCHEL_CONTAINER (turn, SatchelConnection, flush_turn));
}

void
connection_queue_flush (SatchelConnection *connection)
{
  /* A blocked connection continues when the descriptor is writable. */
  if (!connection->is_blocked)
    satchel_turn_queue_flush (&connection->flush_turn, flush_turn);
}

static void
output_added (SatchelConnection *connection)
{
  if (connection->out_pending >= FLUSH_BYTES && !connection->is_blocked && connection->transport != NULL)
    send_waiting (connection);
  /* The flush is needed even if all output was sent, since it also handles `drained`, closing and the end of
   * the peer. */
  if (connection->state == STATE_OPEN)
    connection_queue_flush (connection);
}

void
satchel_connection_write (SatchelConnection *connection, const void *data, gsize len)
{
  const guint8 *from = data;
  if (connection->state != STATE_OPEN || len == 0)
    return;
  while (len > 0)
    {
      OutBlock *tail = connection->out_tail;
      if (tail == NULL || tail->bytes != NULL || tail->end == CONNECTION_BLOCK_BYTES)
        {
          tail = connection_new_block ();
          connection_append_block (connection, tail);
        }
      gsize n = MIN (len, CONNECTION_BLOCK_BYTES - tail->end);
      memcpy (tail->data + tail->end, from, n);
      tail->end += n;
      connection->out_pending += n;
      from += n;
      len -= n;
    }
  output_added (connection);
}

void
satchel_connection_print (SatchelConnection *connection, const char *format, ...)
{
  char text[1024];
  va_list arguments;
  va_start (arguments, format);
  int n = vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);
  if (n >= 0 && (gsize) n < sizeof text)
    {
      satchel_connection_write (connection, text, (gsize) n);
      return;
    }
  va_start (arguments, format);
  g_autofree char *longer = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_connection_write (connection, longer, strlen (longer));
}

void
satchel_connection_write_bytes (SatchelConnection *connection, GBytes *bytes)
{
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  if (connection->state != STATE_OPEN || len < COPY_BELOW)
    {
      satchel_connection_write (connection, data, len);
      g_bytes_unref (bytes);
      return;
    }
  OutBlock *block = g_new0 (OutBlock, 1);
  block->bytes = bytes;
  block->end = len;
  connection_append_block (connection, block);
  connection->out_pending += len;
  output_added (connection);
}

gsize
satchel_connection_pending (SatchelConnection *connection)
{
  return connection->out_pending;
}

gsize
satchel_connection_room (SatchelConnection *connection)
{
  if (connection->state == STATE_OPEN && connection->out_pending < connection->high_water)
    return connection->high_water - connection->out_pending;
  connection->was_full = TRUE;
  return 0;
}

gboolean
satchel_connection_is_full (SatchelConnection *connection)
{
  return satchel_connection_room (connection) == 0;
}

void
satchel_connection_set_high_water (SatchelConnection *connection, gsize bytes)
{
  connection->high_water = MAX (bytes, 1);
}

void
satchel_connection_set_write_timeout (SatchelConnection *connection, gint64 timeout_ms)
{
  connection->write_timeout_ms = timeout_ms;
}

gboolean
satchel_connection_flush (SatchelConnection *connection)
{
  if (connection->state == STATE_OPEN && !connection->is_blocked)
    send_waiting (connection);
  return connection->out_pending == 0;
}

void
satchel_connection_when_flushed (SatchelConnection *connection, SatchelConnectionFunc func, gpointer data)
{
  connection->flushed = func;
  connection->flushed_data = data;
  connection_queue_flush (connection);
}
