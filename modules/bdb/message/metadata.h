/* SPDX-License-Identifier: MIT
 * Declares metadata of messages for transactions.
 */
#pragma once
#include "format/message_block.h"
#include "message/group.h"

/* Makes the key of metadata of a message.  @name NULL: the prefix of all of them. */
void bdb_key_of_metadata (BdbKey *key, const BdbStore *store, const BdbBox *box, guint32 uid,
                          const char *name);
/* Returns the metadata of a message: SatchelMetadata, sorted by key; yours.  @flags: those of its row.
 * @ref_group: the group that was found last.  NULL: @error is set. */
GPtrArray *bdb_metadata_of (BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 uid, guint32 flags,
                            BdbGroup *ref_group, GError **error);
/* Says whether a message with such a row may have metadata. */
gboolean bdb_row_has_metadata (guint32 flags);
