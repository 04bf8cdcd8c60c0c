/* SPDX-License-Identifier: MIT
 * This file reads and writes tables of a volume.
 */
#include "config.h"

#include "volume/access.h"
#include "volume/volume_private.h"

#include <string.h>

#define ATTEMPTS 50u
#define VALUE_BYTES 4096u /* a value of at most so many bytes needs one look-up, as most do */
#define SCAN_BYTES (256u * 1024u)
#define SCAN_STEP 1024u /* the library wants a multiple of this */

static DBT
dbt_of (gconstpointer data, gsize len)
{
  DBT dbt = { .data = (void *) data, .size = (u_int32_t) len };
  return dbt;
}

static gboolean
fail_read (BdbVolume *volume, BdbWrite *write, int code, GError **error)
{
  if (write != NULL && code == DB_LOCK_DEADLOCK)
    write->must_restart = TRUE;
  return bdb_volume_error (volume, error, code, "reading");
}

gboolean
bdb_write_fail (BdbWrite *write, int code, GError **error)
{
  if (code == DB_LOCK_DEADLOCK)
    write->must_restart = TRUE;
  return bdb_volume_error (write->volume, error, code, "writing");
}

/* ---- transactions ---- */

/* Fails the volume until it is opened again.  From here on memory and log may differ, so the library and the
 * stores must begin anew from the log.  A panic keeps the library from writing pages of a transaction whose
 * log record may be lost; not every failure of the log causes one. */
static gboolean
fail_for_good (BdbVolume *volume, int code, const char *what, GError **error)
{
  DB_ENV *env = volume->environment.env;
  bdb_volume_error (volume, error, code, what);
  g_atomic_int_set (&volume->has_failed, TRUE);
  env->set_flags (env, DB_PANIC_ENVIRONMENT, 1);
  return FALSE;
}

static gboolean
end_write (BdbWrite *write, gboolean ok, BdbSafety safety, GError **error)
{
  DB_TXN *txn = write->txn;
  if (!ok)
    {
      int code = txn->abort (txn);
      return code == 0 ? FALSE : bdb_volume_error (write->volume, NULL, code, "undoing");
    }
  int code = txn->commit (txn, safety == BDB_WRITTEN ? DB_TXN_WRITE_NOSYNC : DB_TXN_NOSYNC);
  return code == 0 || fail_for_good (write->volume, code, "committing", error);
}

static gboolean
try_write (BdbWrite *write, BdbSafety safety, BdbWriteFunc func, gpointer data, GError **error)
{
  DB_ENV *env = write->volume->environment.env;
  write->must_restart = FALSE;
  write->n_bytes = 0;
  int code = env->txn_begin (env, NULL, &write->txn, 0);
  if (code != 0)
    return bdb_volume_error (write->volume, error, code, "beginning a transaction");
  return end_write (write, func (write, data, error), safety, error);
}

/* Makes sure that the log can be written.  A checkpoint removes old files of the log, which leaves their room
 * to a new one. */
static gboolean
may_log (BdbVolume *volume, GError **error)
{
  if (bdb_space_check_log (volume, NULL))
    return TRUE;
  bdb_upkeep_write_pages (volume, FALSE);
  return bdb_space_check_log (volume, error);
}

static gboolean
run_write (BdbVolume *volume, BdbSafety safety, BdbWriteFunc func, gpointer data, GError **error)
{
  BdbWrite write = { .volume = volume };
  for (guint i = 1;; i++)
    {
      g_autoptr (GError) failure = NULL;
      g_mutex_lock (&volume->writer);
      gboolean ok = may_log (volume, &failure) && try_write (&write, safety, func, data, &failure);
      g_mutex_unlock (&volume->writer);
      if (ok)
        bdb_upkeep_note (volume, write.n_bytes);
      if (ok)
        return TRUE;
      if (write.must_restart && i < ATTEMPTS)
        continue;
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
}

static gboolean
flush_log (BdbVolume *volume, GError **error)
{
  DB_ENV *env = volume->environment.env;
  int code = env->log_flush (env, NULL);
  return code == 0 || fail_for_good (volume, code, "the log cannot be synced", error);
}

gboolean
bdb_write (BdbVolume *volume, BdbSafety safety, BdbWriteFunc func, gpointer data, GError **error)
{
  if (!bdb_volume_begin_use (volume, error))
    return FALSE;
  gboolean ok =
      run_write (volume, safety, func, data, error) && (safety != BDB_DURABLE || flush_log (volume, error));
  bdb_volume_end_use (volume);
  return ok;
}

gboolean
bdb_flush (BdbVolume *volume, GError **error)
{
  if (!bdb_volume_begin_use (volume, error))
    return FALSE;
  gboolean ok = flush_log (volume, error);
  bdb_volume_end_use (volume);
  return ok;
}

/* ---- reading ---- */

static int
get_once (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key, DBT *value,
          GByteArray *ret_value)
{
  DB *db = volume->environment.tables[table];
  DB_TXN *txn = write != NULL ? write->txn : NULL;
  for (;;)
    {
      DBT found = dbt_of (key->bytes, key->len);
      value->data = ret_value->data;
      value->ulen = ret_value->len;
      int code = db->get (db, txn, &found, value, 0);
      if (code != DB_BUFFER_SMALL)
        return code;
      g_byte_array_set_size (ret_value, value->size);
    }
}

static gboolean
get_value (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key, DBT *value,
           GByteArray *ret_value, gboolean *ret_found, GError **error)
{
  int code = DB_LOCK_DEADLOCK;
  for (guint i = 0; code == DB_LOCK_DEADLOCK && i < (write == NULL ? ATTEMPTS : 1); i++)
    code = get_once (volume, write, table, key, value, ret_value);
  *ret_found = code == 0;
  g_byte_array_set_size (ret_value, code == 0 ? value->size : 0);
  return code == 0 || code == DB_NOTFOUND || fail_read (volume, write, code, error);
}

gboolean
bdb_get_part (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key, guint offset, guint max,
              GByteArray *ret_value, gboolean *ret_found, GError **error)
{
  if (write == NULL && !bdb_volume_begin_use (volume, error))
    return FALSE;
  DBT value = { .flags = DB_DBT_USERMEM | DB_DBT_PARTIAL, .doff = offset, .dlen = max };
  g_byte_array_set_size (ret_value, max);
  gboolean ok = get_value (volume, write, table, key, &value, ret_value, ret_found, error);
  if (write == NULL)
    bdb_volume_end_use (volume);
  return ok;
}

gboolean
bdb_get (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key, GByteArray *ret_value,
         gboolean *ret_found, GError **error)
{
  if (write == NULL && !bdb_volume_begin_use (volume, error))
    return FALSE;
  DBT value = { .flags = DB_DBT_USERMEM };
  g_byte_array_set_size (ret_value, VALUE_BYTES);
  gboolean ok = get_value (volume, write, table, key, &value, ret_value, ret_found, error);
  if (write == NULL)
    bdb_volume_end_use (volume);
  return ok;
}

/* ---- scanning ---- */

typedef struct Scan
{
  BdbVolume *volume;
  BdbWrite *write;
  BdbTable table;
  const BdbKey *prefix;
  BdbScanFunc func;
  gpointer data;
  BdbKey next;        /* key at which the next batch begins */
  GByteArray *buffer; /* a batch, as the library packs it */
  gboolean is_over;
} Scan;

/* Fills the buffer with entries from `next` on. */
static int
read_batch (Scan *scan)
{
  DB *db = scan->volume->environment.tables[scan->table];
  DBC *cursor;
  int code = db->cursor (db, scan->write != NULL ? scan->write->txn : NULL, &cursor, 0);
  if (code != 0)
    return code;
  for (;;)
    {
      BdbKey found = scan->next; /* the library overwrites this with the first key that it finds */
      DBT key = dbt_of (found.bytes, found.len);
      key.ulen = sizeof found.bytes;
      key.flags = DB_DBT_USERMEM;
      DBT batch = { .data = scan->buffer->data, .ulen = scan->buffer->len, .flags = DB_DBT_USERMEM };
      code = cursor->get (cursor, &key, &batch, DB_SET_RANGE | DB_MULTIPLE_KEY);
      if (code != DB_BUFFER_SMALL)
        break;
      guint needed = MAX (batch.size, scan->buffer->len) + SCAN_BYTES;
      g_byte_array_set_size (scan->buffer, needed / SCAN_STEP * SCAN_STEP);
    }
  int closed = cursor->close (cursor);
  return code != 0 ? code : closed;
}

static void
hand_out_batch (Scan *scan)
{
  DBT batch = { .data = scan->buffer->data, .ulen = scan->buffer->len };
  const BdbKey *prefix = scan->prefix;
  void *at;
  u_int8_t *key, *value;
  u_int32_t key_len, value_len;
  DB_MULTIPLE_INIT (at, &batch);
  for (;;)
    {
      DB_MULTIPLE_KEY_NEXT (at, &batch, key, key_len, value, value_len);
      if (at == NULL)
        return;
      if (key_len < prefix->len || key_len >= BDB_KEY_BYTES || memcmp (key, prefix->bytes, prefix->len) != 0
          || !scan->func (key, key_len, value, value_len, scan->data))
        {
          scan->is_over = TRUE;
          return;
        }
      memcpy (scan->next.bytes, key, key_len);
      scan->next.bytes[key_len] = 0; /* the least key after this one */
      scan->next.len = key_len + 1;
    }
}

static gboolean
scan_batch (Scan *scan, GError **error)
{
  if (scan->write == NULL && !bdb_volume_begin_use (scan->volume, error))
    return FALSE;
  int code = DB_LOCK_DEADLOCK;
  for (guint i = 0; code == DB_LOCK_DEADLOCK && i < (scan->write == NULL ? ATTEMPTS : 1); i++)
    code = read_batch (scan);
  gboolean ok = code == 0 || code == DB_NOTFOUND || fail_read (scan->volume, scan->write, code, error);
  if (scan->write == NULL)
    bdb_volume_end_use (scan->volume);
  if (ok && code == DB_NOTFOUND)
    scan->is_over = TRUE;
  else if (ok)
    hand_out_batch (scan);
  return ok;
}

gboolean
bdb_scan (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *prefix, const BdbKey *start,
          BdbScanFunc func, gpointer data, GError **error)
{
  g_autoptr (GByteArray) buffer = g_byte_array_sized_new (SCAN_BYTES);
  g_byte_array_set_size (buffer, SCAN_BYTES);
  Scan scan = { .volume = volume,
                .write = write,
                .table = table,
                .prefix = prefix,
                .func = func,
                .data = data,
                .next = start != NULL ? *start : *prefix,
                .buffer = buffer };
  while (!scan.is_over)
    if (!scan_batch (&scan, error))
      return FALSE;
  return TRUE;
}

/* ---- writing ---- */

gboolean
bdb_put (BdbWrite *write, BdbTable table, const BdbKey *key, gconstpointer value, gsize len, GError **error)
{
  DB *db = write->volume->environment.tables[table];
  DBT where = dbt_of (key->bytes, key->len), what = dbt_of (value, len);
  int code = db->put (db, write->txn, &where, &what, 0);
  write->n_bytes += key->len + len;
  return code == 0 || bdb_write_fail (write, code, error);
}

gboolean
bdb_remove (BdbWrite *write, BdbTable table, const BdbKey *key, GError **error)
{
  DB *db = write->volume->environment.tables[table];
  DBT where = dbt_of (key->bytes, key->len);
  int code = db->del (db, write->txn, &where, 0);
  write->n_bytes += key->len;
  return code == 0 || code == DB_NOTFOUND || bdb_write_fail (write, code, error);
}

static int
remove_range (BdbWrite *write, DBC *cursor, const BdbKey *prefix, guint max, guint *ref_n_removed)
{
  BdbKey found = *prefix;
  DBT key = dbt_of (found.bytes, found.len), value = { .flags = DB_DBT_USERMEM | DB_DBT_PARTIAL };
  key.ulen = sizeof found.bytes;
  key.flags = DB_DBT_USERMEM;
  int code = cursor->get (cursor, &key, &value, DB_SET_RANGE | DB_RMW);
  while (code == 0 && key.size >= prefix->len && memcmp (found.bytes, prefix->bytes, prefix->len) == 0)
    {
      if (*ref_n_removed == max)
        return 0;
      write->n_bytes += key.size;
      code = cursor->del (cursor, 0);
      *ref_n_removed += code == 0;
      if (code == 0)
        code = cursor->get (cursor, &key, &value, DB_NEXT | DB_RMW);
    }
  return code == DB_NOTFOUND ? 0 : code;
}

gboolean
bdb_remove_some (BdbWrite *write, BdbTable table, const BdbKey *prefix, guint max, guint *ret_n_removed,
                 GError **error)
{
  DB *db = write->volume->environment.tables[table];
  DBC *cursor;
  *ret_n_removed = 0;
  int code = db->cursor (db, write->txn, &cursor, 0);
  if (code == 0)
    {
      code = remove_range (write, cursor, prefix, max, ret_n_removed);
      int closed = cursor->close (cursor);
      code = code != 0 ? code : closed;
    }
  return code == 0 || bdb_write_fail (write, code, error);
}

gboolean
bdb_remove_all (BdbWrite *write, BdbTable table, const BdbKey *prefix, GError **error)
{
  guint n_removed;
  return bdb_remove_some (write, table, prefix, G_MAXUINT, &n_removed, error);
}
