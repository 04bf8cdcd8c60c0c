/* SPDX-License-Identifier: MIT
 * Implements files of the core beside the mail: pieces of 4 KiB, each a record.
 */
#include "config.h"

#include "driver.h"
#include "store/store.h"

#include <string.h>

#define PIECE_BYTES 4000u

static void
key_of_piece (BdbKey *key, const BdbStore *store, const char *name, guint32 piece)
{
  bdb_key_begin (key, store->user, BDB_KIND_FILE);
  bdb_key_text (key, name);
  bdb_key_u32 (key, piece);
}

typedef struct Read
{
  guint64 offset; /* offset in the piece that comes next */
  gsize max;
  GByteArray *data;
} Read;

static gboolean
read_piece (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Read *read = data;
  if (read->offset < value_len)
    {
      gsize n = MIN (read->max, value_len - read->offset);
      g_byte_array_append (read->data, value + read->offset, (guint) n);
      read->max -= n;
    }
  read->offset = 0;
  return read->max > 0 && value_len == PIECE_BYTES;
}

gboolean
bdb_read_file (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
               gsize max, GByteArray *data, GError **error)
{
  BdbStore *store = storage->self;
  BdbKey prefix, start;
  Read read = { offset % PIECE_BYTES, max, data };
  key_of_piece (&start, store, name, (guint32) (offset / PIECE_BYTES));
  prefix = start;
  prefix.len -= 4;
  return bdb_scan (store->volume, NULL, BDB_RECORDS, &prefix, &start, read_piece, &read, error);
}

typedef struct Write
{
  BdbStore *store;
  const char *name;
  guint64 offset;
  const guint8 *data;
  gsize len;
} Write;

/* Removes the pieces that are there from @piece on; a file is short, so they are looked at one by one. */
static gboolean
cut_file (BdbWrite *write, const Write *file, guint32 piece, GError **error)
{
  BdbKey key;
  gboolean is_found = TRUE;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  for (; is_found; piece++)
    {
      key_of_piece (&key, file->store, file->name, piece);
      if (!bdb_get_part (file->store->volume, write, BDB_RECORDS, &key, 0, 1, value, &is_found, error)
          || (is_found && !bdb_remove (write, BDB_RECORDS, &key, error)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
save_file (BdbWrite *write, gpointer data, GError **error)
{
  const Write *file = data;
  BdbKey key;
  gboolean is_found;
  guint32 piece = (guint32) (file->offset / PIECE_BYTES);
  gsize head = file->offset % PIECE_BYTES, done = 0;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  if (head > 0)
    {
      key_of_piece (&key, file->store, file->name, piece);
      if (!bdb_get (file->store->volume, write, BDB_RECORDS, &key, value, &is_found, error))
        return FALSE;
      if (value->len < head)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "file %s would have a hole", file->name);
    }
  for (;; head = 0)
    {
      gsize n = MIN (file->len - done, PIECE_BYTES - head);
      if (head + n == 0)
        break;
      g_byte_array_set_size (value, (guint) (head + n));
      if (n > 0)
        memcpy (value->data + head, file->data + done, n);
      key_of_piece (&key, file->store, file->name, piece++);
      if (!bdb_put (write, BDB_RECORDS, &key, value->data, value->len, error))
        return FALSE;
      done += n;
      if (done == file->len && value->len < PIECE_BYTES)
        break;
    }
  return cut_file (write, file, piece, error);
}

gboolean
bdb_write_file (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
                GBytes *data, SatchelFileWrite how, GError **error)
{
  BdbStore *store = storage->self;
  gsize len;
  Write file = { .store = store, .name = name, .offset = offset };
  file.data = g_bytes_get_data (data, &len);
  file.len = len;
  gboolean is_durable = how == SATCHEL_FILE_SYNC || how == SATCHEL_FILE_REPLACE_SYNC;
  return bdb_write (store->volume, is_durable ? BDB_DURABLE : BDB_WRITTEN, save_file, &file, error);
}
