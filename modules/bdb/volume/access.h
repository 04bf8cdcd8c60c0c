/* SPDX-License-Identifier: MIT
 * Declares reading and writing of a volume's tables. Writers come one at a time; readers and the writer may
 * block each other for as long as a transaction lasts, which holds no sync. All functions may be called from
 * any thread, and block.
 */
#pragma once
#include "volume/environment.h"
#include "volume/volume.h"

/* The bytes of a key sort as what it is made of does. */
#define BDB_KEY_BYTES 1400u
typedef struct BdbKey
{
  guint len;
  guint8 bytes[BDB_KEY_BYTES];
} BdbKey;

/* Counts what a transaction of the database changes. */
typedef struct BdbWrite
{
  BdbVolume *volume;
  DB_TXN *txn;
  gsize n_bytes;         /* bytes that were written so far */
  gboolean must_restart; /* after a deadlock: the transaction is undone and made again */
} BdbWrite;

/* Says how safe a transaction is when it returns. */
typedef enum
{
  BDB_LATER = 0, /* it becomes durable with the next sync; the end of the process may lose it */
  BDB_WRITTEN,   /* it survives the end of the process */
  BDB_DURABLE    /* it survives a crash of the machine */
} BdbSafety;

/* Makes the changes of a transaction.  It may be called several times, when all it did was undone.
 * FALSE undoes everything. */
typedef gboolean (*BdbWriteFunc) (BdbWrite *write, gpointer data, GError **error);
/* Runs @func in a transaction of its own. */
gboolean bdb_write (BdbVolume *volume, BdbSafety safety, BdbWriteFunc func, gpointer data, GError **error);
/* Makes everything that was written durable.  Callers that wait at the same time share a sync. */
gboolean bdb_flush (BdbVolume *volume, GError **error);

/* The calls below take @write, or NULL to read outside of transactions. */

/* Reads a value into @ret_value, whose content is replaced.  *@ret_found is FALSE if there is none. */
gboolean bdb_get (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key,
                  GByteArray *ret_value, gboolean *ret_found, GError **error);
/* Reads at most @max bytes of a value, from @offset on. */
gboolean bdb_get_part (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key, guint offset,
                       guint max, GByteArray *ret_value, gboolean *ret_found, GError **error);
/* Takes an entry.  Returning FALSE ends the scan. */
typedef gboolean (*BdbScanFunc) (const guint8 *key, guint key_len, const guint8 *value, guint value_len,
                                 gpointer data);
/* Calls @func for each entry whose key begins with @prefix, from @start on (NULL: from the first), in order.
 * No lock is held meanwhile, and @func may use the volume. */
gboolean bdb_scan (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *prefix,
                   const BdbKey *start, BdbScanFunc func, gpointer data, GError **error);

gboolean bdb_put (BdbWrite *write, BdbTable table, const BdbKey *key, gconstpointer value, gsize len,
                  GError **error);
/* Removes an entry, if there is one. */
gboolean bdb_remove (BdbWrite *write, BdbTable table, const BdbKey *key, GError **error);
/* Removes entries whose keys begin with @prefix, at most @max.  *ret_n_removed less than that: all are gone.
 */
gboolean bdb_remove_some (BdbWrite *write, BdbTable table, const BdbKey *prefix, guint max,
                          guint *ret_n_removed, GError **error);
/* Removes all entries whose keys begin with @prefix. */
gboolean bdb_remove_all (BdbWrite *write, BdbTable table, const BdbKey *prefix, GError **error);
