/* SPDX-License-Identifier: MIT
 * The buffers of connections.  Input is read into one buffer of the process and copied only if its reader
 * leaves some of it, so that an idle client holds no buffer and a busy one costs no allocation.  Output is a
 * list of blocks, which are recycled, and of borrowed GBytes.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/runtime/connection/connection_struct.h"
#include <string.h>

#define SCRATCH_BYTES 65536u
#define SPARE_BLOCKS 16

static guint8 *scratch;
static gboolean is_scratch_taken;

void
connection_wipe (SatchelConnection *connection, gsize start, gsize len)
{
  if (connection->is_wiping && len > 0)
    explicit_bzero (connection->in + start, len);
  else
    satchel_heap_wipe (connection->in + start, len);
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

static OutBlock *spare_blocks;
static guint n_spare;

OutBlock *
connection_new_block (void)
{
  OutBlock *block = spare_blocks;
  if (block != NULL)
    {
      spare_blocks = block->next;
      n_spare--;
    }
  else
    block = g_malloc (sizeof *block + CONNECTION_BLOCK_BYTES);
  block->next = NULL;
  block->bytes = NULL;
  block->start = block->end = 0;
  return block;
}

static void
block_free (OutBlock *block)
{
  if (block->bytes != NULL)
    {
      g_bytes_unref (block->bytes);
      g_free (block);
      return;
    }
  if (n_spare >= SPARE_BLOCKS)
    {
      g_free (block);
      return;
    }
  satchel_heap_wipe (block->data, block->end);
  block->next = spare_blocks;
  spare_blocks = block;
  n_spare++;
}

void
connection_output_free (SatchelConnection *connection)
{
  while (connection->out_head != NULL)
    {
      OutBlock *block = connection->out_head;
      connection->out_head = block->next;
      block_free (block);
    }
  connection->out_tail = NULL;
  connection->out_pending = 0;
}

const guint8 *
connection_block_data (const OutBlock *block)
{
  return block->bytes != NULL ? g_bytes_get_data (block->bytes, NULL) : block->data;
}

GBytes *
connection_output_take (SatchelConnection *connection)
{
  GByteArray *all = g_byte_array_sized_new ((guint) connection->out_pending);
  for (OutBlock *block = connection->out_head; block != NULL; block = block->next)
    g_byte_array_append (all, connection_block_data (block) + block->start,
                         (guint) (block->end - block->start));
  connection_output_free (connection);
  return g_byte_array_free_to_bytes (all);
}

void
connection_drop_sent (SatchelConnection *connection, gsize len)
{
  connection->out_pending -= len;
  while (connection->out_head != NULL)
    {
      OutBlock *block = connection->out_head;
      gsize n = MIN (len, block->end - block->start);
      block->start += n;
      len -= n;
      if (block->start < block->end)
        break;
      connection->out_head = block->next;
      block_free (block);
    }
  if (connection->out_head == NULL)
    connection->out_tail = NULL;
}

void
connection_append_block (SatchelConnection *connection, OutBlock *block)
{
  if (connection->out_tail != NULL)
    connection->out_tail->next = block;
  else
    connection->out_head = block;
  connection->out_tail = block;
}
