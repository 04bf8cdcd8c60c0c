/* SPDX-License-Identifier: MIT
 * This header declares metadata of messages for transactions.
 */
#pragma once
#include "store/store.h"

/* @name NULL: the prefix of all metadata of the message. */
void bdb_key_of_metadata (BdbKey *key, const BdbStore *store, const BdbBox *box, guint32 uid,
                          const char *name);
/* SatchelMetadata, sorted by key; yours.  NULL: @error. */
GPtrArray *bdb_metadata_of (BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 uid, GError **error);
