/* SPDX-License-Identifier: MIT
 * Input buffers of connections.  Input is read into one buffer of the process and copied only if its reader
 * leaves some of it, so that an idle client holds no buffer and a busy one costs no allocation.
 */
#include "config.h"

#include "core/runtime/connection_struct.h"
#include <string.h>

#define SCRATCH_BYTES 65536u

static guint8 *scratch;
static gboolean is_scratch_taken;

void
connection_wipe (SatchelConnection *connection, gsize start, gsize len)
{
  if (connection->is_wiping && len > 0)
    explicit_bzero (connection->in + start, len);
}

void
connection_free_input (SatchelConnection *connection)
{
  if (connection->is_scratch)
    is_scratch_taken = FALSE;
  else
    g_free (connection->in);
  connection->in = NULL;
  connection->is_scratch = FALSE;
  connection->in_start = connection->in_len = connection->in_size = 0;
}

/* Moves unread input into a buffer of the connection, or frees that buffer if all was read. */
void
connection_settle_input (SatchelConnection *connection)
{
  if (connection->in_len == 0)
    {
      connection_free_input (connection);
      return;
    }
  if (!connection->is_scratch)
    return;
  gsize len = connection->in_len;
  guint8 *own = g_malloc (len);
  memcpy (own, connection->in + connection->in_start, len);
  connection_wipe (connection, connection->in_start, len);
  connection_free_input (connection);
  connection->in = own;
  connection->in_len = connection->in_size = len;
}

/* Makes room for at least one more byte. Returns the number of bytes for which there is room. */
gsize
connection_make_room (SatchelConnection *connection, gsize wanted)
{
  gsize room = connection->in_limit - connection->in_len;
  if (connection->in == NULL && !is_scratch_taken)
    {
      if (scratch == NULL)
        scratch = g_malloc (SCRATCH_BYTES);
      is_scratch_taken = TRUE;
      connection->is_scratch = TRUE;
      connection->in = scratch;
      connection->in_size = SCRATCH_BYTES;
    }
  if (connection->in_start > 0 && !connection->is_scratch)
    {
      memmove (connection->in, connection->in + connection->in_start, connection->in_len);
      connection->in_start = 0;
    }
  gsize end = connection->in_start + connection->in_len;
  if (!connection->is_scratch && connection->in_size - end < MIN (room, wanted))
    {
      gsize size = MIN (connection->in_limit, MAX (connection->in_len + wanted, 2 * connection->in_len));
      guint8 *larger = g_malloc (size);
      if (connection->in_len > 0)
        memcpy (larger, connection->in, connection->in_len);
      connection_wipe (connection, 0, connection->in_size);
      g_free (connection->in);
      connection->in = larger;
      connection->in_size = size;
    }
  return MIN (room, connection->in_size - end);
}

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
