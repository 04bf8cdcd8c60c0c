/* SPDX-License-Identifier: MIT
 * This file stages content.  A body that is longer than a short one goes to the body files, an extent at a
 * time, before the transaction that names it.
 */
#include "config.h"

#include "driver.h"
#include "message/stage.h"

#include <string.h>

typedef struct StageWriter
{
  SatchelWriter writer;
  SatchelStaged *staged; /* the core's struct */
  BdbStaged *own;        /* NULL: it was handed over to the core */
} StageWriter;

static BdbBodyFiles *
files_of (const BdbStaged *staged)
{
  return bdb_volume_bodies (staged->store->volume);
}

/* Writes the bytes in memory to the body files. */
static gboolean
spill (BdbStaged *staged, GError **error)
{
  BdbBodyPlace place = { 0 };
  if (!bdb_volume_check_space (staged->store->volume, error))
    return FALSE;
  if (staged->record == NULL)
    {
      staged->record = bdb_body_record_new ();
      bdb_body_files_begin_writer (files_of (staged), &staged->ticket);
    }
  gboolean ok = bdb_body_files_write (files_of (staged), &staged->ticket, staged->rest->data,
                                      staged->rest->len, &place, error);
  if (place.file != 0)
    bdb_body_record_add (staged->record, place, staged->rest->data, staged->rest->len);
  g_byte_array_set_size (staged->rest, 0);
  return ok;
}

/* ---- transactions ---- */

gboolean
bdb_staged_sync (const BdbStaged *staged, GError **error)
{
  if (staged->record == NULL || bdb_body_files_sync (files_of (staged), &staged->ticket, error))
    return TRUE;
  bdb_volume_fail (staged->store->volume);
  return FALSE;
}

gboolean
bdb_staged_save (BdbStaged *staged, BdbWrite *write, GError **error)
{
  if (staged->record == NULL)
    return staged->length == 0
           || bdb_content_put_body (staged->store, write, staged->content, staged->rest->data,
                                    staged->rest->len, error);
  staged->is_named = TRUE;
  return bdb_body_files_is_current (files_of (staged), &staged->ticket, error)
         && bdb_content_put_record (staged->store, write, staged->content, staged->record, error);
}

static void
free_staged (BdbStaged *staged)
{
  g_byte_array_unref (staged->rest);
  g_clear_pointer (&staged->record, g_byte_array_unref);
  g_free (staged);
}

void
bdb_staged_free (BdbStaged *staged)
{
  if (staged->record != NULL)
    bdb_body_files_end_writer (files_of (staged), FALSE);
  free_staged (staged);
}

static void
give_back (BdbBodyPlace place, guint length, gpointer data)
{
  bdb_body_files_punch (data, place, length, NULL); /* if this fails, the room stays in use */
}

/* Drops a stage.  If a failed transaction has named its content, the content stays, since the transaction may
 * turn out to exist when the volume has been opened again. */
static void
drop (BdbStaged *staged)
{
  if (staged->record != NULL && !staged->is_named)
    bdb_body_record_extents (staged->record->data, staged->record->len, give_back, files_of (staged));
  if (staged->record != NULL)
    bdb_body_files_end_writer (files_of (staged), staged->is_named);
  free_staged (staged);
}

/* ---- the writer ---- */

static gboolean
stage_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  BdbStaged *own = ((StageWriter *) writer)->own;
  const gsize most = BDB_BODY_EXTENT_BYTES;
  while (len > 0)
    {
      if (own->rest->len == most && !spill (own, error))
        return FALSE;
      gsize n = MIN (len, most - own->rest->len);
      g_byte_array_append (own->rest, data, (guint) n);
      own->length += n;
      data = (const guint8 *) data + n;
      len -= n;
    }
  return TRUE;
}

static gboolean
stage_finish (SatchelWriter *writer, GError **error)
{
  StageWriter *stage = (StageWriter *) writer;
  BdbStaged *own = stage->own;
  if (own->length > BDB_SHORT_BODY_BYTES && own->rest->len > 0 && !spill (own, error))
    return FALSE;
  stage->staged->driver = g_steal_pointer (&stage->own);
  return TRUE;
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
  stage->own->rest = g_byte_array_sized_new ((guint) MIN (size_hint, BDB_BODY_PIECE_BYTES));
  return &stage->writer;
}

void
bdb_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged)
{
  drop (g_steal_pointer (&staged->driver));
}
