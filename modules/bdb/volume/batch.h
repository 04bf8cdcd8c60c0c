/* SPDX-License-Identifier: MIT
 * Declares batches: entries of a table that are written together in the order of their keys, for which the
 * library looks up a page once and not for each of them.
 */
#pragma once
#include "volume/access.h"

typedef struct BdbBatch BdbBatch;

/* Begins a batch of entries to put, or of keys to remove. */
BdbBatch *bdb_batch_new (BdbWrite *write, BdbTable table);
void bdb_batch_free (BdbBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BdbBatch, bdb_batch_free)
/* Puts an entry.  It is in the table after bdb_batch_end, or before. */
gboolean bdb_batch_put (BdbBatch *batch, const BdbKey *key, gconstpointer value, gsize len, GError **error);
/* Removes the entry of a key, which must be there. */
gboolean bdb_batch_remove (BdbBatch *batch, const BdbKey *key, GError **error);
/* Writes what is still to be written. */
gboolean bdb_batch_end (BdbBatch *batch, GError **error);
