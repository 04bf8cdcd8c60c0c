/* SPDX-License-Identifier: MIT
 * This file stages content.  Pieces of long content are written in transactions of their own, which nobody
 * waits for: the log keeps their order, so that they are durable when the message is.
 */
#include "config.h"

#include "driver.h"
#include "message/stage.h"
#include "store/load.h"

#include <string.h>

#define PIECES_AT_ONCE 16u

typedef struct StageWriter
{
  SatchelWriter writer;
  SatchelStaged *staged; /* of the core */
  BdbStaged *own;        /* NULL: handed over */
} StageWriter;

/* ---- pieces ---- */

static void
key_of_staged (BdbKey *key, const BdbStaged *staged)
{
  bdb_key_begin (key, staged->store->user, BDB_KIND_STAGED);
  bdb_key_u64 (key, staged->content);
}

static gboolean
put_rest (const BdbStaged *staged, BdbWrite *write, GError **error)
{
  const GByteArray *rest = staged->rest;
  guint32 piece = staged->n_stored;
  for (gsize at = 0; at < rest->len; at += BDB_PIECE_BYTES)
    if (!bdb_content_put_piece (staged->store, write, staged->content, ++piece, rest->data + at,
                                MIN (BDB_PIECE_BYTES, rest->len - at), error))
      return FALSE;
  return TRUE;
}

static gboolean
put_pieces (BdbWrite *write, gpointer data, GError **error)
{
  const BdbStaged *staged = data;
  BdbKey key;
  key_of_staged (&key, staged);
  return (staged->n_stored > 0 || bdb_put (write, BDB_RECORDS, &key, "", 0, error))
         && put_rest (staged, write, error);
}

/* Writes the whole pieces that are in memory. */
static gboolean
spill (BdbStaged *staged, GError **error)
{
  if (!bdb_volume_check_space (staged->store->volume, error)
      || !bdb_write (staged->store->volume, BDB_LATER, put_pieces, staged, error))
    return FALSE;
  staged->n_stored += staged->rest->len / BDB_PIECE_BYTES;
  g_byte_array_set_size (staged->rest, 0);
  return TRUE;
}

gboolean
bdb_staged_save (const BdbStaged *staged, BdbWrite *write, GError **error)
{
  BdbKey key;
  key_of_staged (&key, staged);
  return put_rest (staged, write, error)
         && (staged->n_stored == 0 || bdb_remove (write, BDB_RECORDS, &key, error));
}

void
bdb_staged_free (BdbStaged *staged)
{
  g_byte_array_unref (staged->rest);
  g_free (staged);
}

/* ---- the writer ---- */

static gboolean
stage_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  BdbStaged *own = ((StageWriter *) writer)->own;
  const gsize most = (gsize) PIECES_AT_ONCE * BDB_PIECE_BYTES;
  while (len > 0)
    {
      gsize n = MIN (len, most - own->rest->len);
      g_byte_array_append (own->rest, data, (guint) n);
      own->length += n;
      data = (const guint8 *) data + n;
      len -= n;
      if (own->rest->len == most && !spill (own, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
stage_finish (SatchelWriter *writer, GError **error)
{
  StageWriter *stage = (StageWriter *) writer;
  stage->staged->driver = g_steal_pointer (&stage->own);
  return TRUE;
}

static void
drop (BdbStaged *staged)
{
  if (staged->n_stored > 0)
    bdb_store_drop_content (staged->store, staged->content, NULL); /* else the next opening does it */
  bdb_staged_free (staged);
}

static void
stage_free (SatchelWriter *writer)
{
  StageWriter *stage = (StageWriter *) writer;
  if (stage->own != NULL)
    drop (stage->own);
  g_free (stage);
}

SatchelWriter *
bdb_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint, SatchelStaged *staged,
           GError **error)
{
  static const SatchelWriterOps ops = {
    .size = sizeof ops, .write = stage_write, .finish = stage_finish, .free = stage_free
  };
  BdbStore *store = storage->self;
  guint64 content = bdb_store_take_content (store, error);
  if (content == 0)
    return NULL;
  StageWriter *stage = g_new0 (StageWriter, 1);
  stage->writer.ops = &ops;
  stage->staged = staged;
  stage->own = g_new0 (BdbStaged, 1);
  stage->own->store = store;
  stage->own->content = content;
  stage->own->rest = g_byte_array_sized_new ((guint) MIN (size_hint, BDB_PIECE_BYTES));
  return &stage->writer;
}

void
bdb_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged)
{
  drop (g_steal_pointer (&staged->driver));
}
