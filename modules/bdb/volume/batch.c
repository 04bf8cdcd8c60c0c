/* SPDX-License-Identifier: MIT
 * This file writes batches; see batch.h.  The library takes entries in buffers of its own form.
 */
#include "config.h"

#include "volume/batch.h"
#include "volume/volume_private.h"

#define BUFFER_BYTES 32768u
#define FIRST_BYTES 8192u /* most batches are of one message */

/* Entries are kept in the form of the library. */
typedef struct Buffer
{
  DBT entries;
  void *end; /* where the next entry is noted */
  guint n;
} Buffer;

struct BdbBatch
{
  BdbWrite *write;
  BdbTable table;
  Buffer puts, removals; /* memory is taken when they get an entry */
};

BdbBatch *
bdb_batch_new (BdbWrite *write, BdbTable table)
{
  BdbBatch *batch = g_new0 (BdbBatch, 1);
  batch->write = write;
  batch->table = table;
  return batch;
}

void
bdb_batch_free (BdbBatch *batch)
{
  g_free (batch->puts.entries.data);
  g_free (batch->removals.entries.data);
  g_free (batch);
}

/* Makes the buffer empty, with room for @len bytes at least. */
static void
reset (Buffer *buffer, guint32 len)
{
  if (buffer->entries.ulen < len)
    {
      g_free (buffer->entries.data);
      buffer->entries.data = g_malloc (len);
      buffer->entries.ulen = len;
    }
  buffer->entries.flags = DB_DBT_USERMEM;
  DB_MULTIPLE_WRITE_INIT (buffer->end, &buffer->entries);
  buffer->n = 0;
}

static gboolean
flush_puts (BdbBatch *batch, GError **error)
{
  DB *db = batch->write->volume->environment.tables[batch->table];
  DBT unused = { 0 };
  if (batch->puts.n == 0)
    return TRUE;
  int code = db->put (db, batch->write->txn, &batch->puts.entries, &unused, DB_MULTIPLE_KEY);
  reset (&batch->puts, FIRST_BYTES);
  return code == 0 || bdb_write_fail (batch->write, code, error);
}

static gboolean
flush_removals (BdbBatch *batch, GError **error)
{
  DB *db = batch->write->volume->environment.tables[batch->table];
  if (batch->removals.n == 0)
    return TRUE;
  int code = db->del (db, batch->write->txn, &batch->removals.entries, DB_MULTIPLE);
  reset (&batch->removals, FIRST_BYTES);
  return code == 0 || bdb_write_fail (batch->write, code, error);
}

static gboolean
try_put (Buffer *buffer, const BdbKey *key, gconstpointer value, gsize len)
{
  if (buffer->entries.data == NULL)
    reset (buffer, FIRST_BYTES);
  void *end = buffer->end;
  DB_MULTIPLE_KEY_WRITE_NEXT (end, &buffer->entries, key->bytes, key->len, value, len);
  if (end == NULL)
    return FALSE;
  buffer->end = end;
  buffer->n++;
  return TRUE;
}

gboolean
bdb_batch_put (BdbBatch *batch, const BdbKey *key, gconstpointer value, gsize len, GError **error)
{
  if (try_put (&batch->puts, key, value, len))
    {
      batch->write->n_bytes += key->len + len;
      return TRUE;
    }
  if (!flush_puts (batch, error))
    return FALSE;
  reset (&batch->puts, BUFFER_BYTES);
  if (!try_put (&batch->puts, key, value, len)) /* it is longer than the buffer */
    return bdb_put (batch->write, batch->table, key, value, len, error);
  batch->write->n_bytes += key->len + len;
  return TRUE;
}

static gboolean
try_remove (Buffer *buffer, const BdbKey *key)
{
  if (buffer->entries.data == NULL)
    reset (buffer, FIRST_BYTES);
  void *end = buffer->end;
  DB_MULTIPLE_WRITE_NEXT (end, &buffer->entries, key->bytes, key->len);
  if (end == NULL)
    return FALSE;
  buffer->end = end;
  buffer->n++;
  return TRUE;
}

gboolean
bdb_batch_remove (BdbBatch *batch, const BdbKey *key, GError **error)
{
  batch->write->n_bytes += key->len;
  if (try_remove (&batch->removals, key))
    return TRUE;
  if (!flush_removals (batch, error))
    return FALSE;
  reset (&batch->removals, BUFFER_BYTES);
  return try_remove (&batch->removals, key);
}

gboolean
bdb_batch_end (BdbBatch *batch, GError **error)
{
  return flush_puts (batch, error) && flush_removals (batch, error);
}
