/* SPDX-License-Identifier: MIT
 * This header declares reading and writing of a volume's tables.  Writers come one at a time; readers and the
 * writer may block each other for as long as a transaction lasts, which holds no sync.  All functions may be
 * called from any thread, and block.
 */
#pragma once
#include "volume/environment.h"
#include "volume/volume.h"

/* A key: what it is made of sorts by bytes. */
#define BDB_KEY_BYTES 1400u
typedef struct BdbKey
{
  guint len;
  guint8 bytes[BDB_KEY_BYTES];
} BdbKey;

/* A transaction of the database. */
typedef struct BdbWrite
{
  BdbVolume *volume;
  DB_TXN *txn;
  gsize n_bytes;         /* written so far */
  gboolean must_restart; /* a deadlock: the transaction is undone and done again */
} BdbWrite;

/* When a transaction is safe. */
typedef enum
{
  BDB_LATER = 0, /* with the next sync: an end of the process may lose it */
  BDB_WRITTEN,   /* on return it survives the end of the process */
  BDB_DURABLE    /* on return it survives the end of the machine */
} BdbSafety;

/* Makes the changes of a transaction.  It may be called several times, when all it did was undone.
 * FALSE undoes everything. */
typedef gboolean (*BdbWriteFunc) (BdbWrite *write, gpointer data, GError **error);
/* Runs @func in a transaction of its own. */
gboolean bdb_write (BdbVolume *volume, BdbSafety safety, BdbWriteFunc func, gpointer data, GError **error);
/* Makes all that was written durable; those who wait at the same time share a sync. */
gboolean bdb_flush (BdbVolume *volume, GError **error);

/* The calls below take @write, or NULL for a look of their own outside of transactions. */

/* Puts the value in @ret_value, whose content is replaced.  *@ret_found FALSE: there is none. */
gboolean bdb_get (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key,
                  GByteArray *ret_value, gboolean *ret_found, GError **error);
/* Does the same with at most @max bytes of it from @offset on. */
gboolean bdb_get_part (BdbVolume *volume, BdbWrite *write, BdbTable table, const BdbKey *key, guint offset,
                       guint max, GByteArray *ret_value, gboolean *ret_found, GError **error);
/* FALSE: the scan ends. */
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
/* Removes all entries whose keys begin with @prefix. */
gboolean bdb_remove_all (BdbWrite *write, BdbTable table, const BdbKey *prefix, GError **error);
