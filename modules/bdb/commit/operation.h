/* SPDX-License-Identifier: MIT
 * This header declares the operations of a transaction, each executed on drafts.
 */
#pragma once
#include "commit/draft.h"

gboolean bdb_run_operation (BdbRun *run, SatchelOperation *operation, GError **error);

/* For the files of operations: */
gboolean bdb_run_append (BdbRun *run, SatchelOperation *operation, GError **error);
gboolean bdb_run_copy (BdbRun *run, SatchelOperation *operation, GError **error);
gboolean bdb_run_flags (BdbRun *run, SatchelOperation *operation, GError **error);
/* Indexes in the snapshot of those of @uids that are there: guint32; yours. */
GArray *bdb_find_indexes (const SatchelSnapshot *snapshot, const SatchelUidSet *uids);
/* The bits of @keywords.  LIMIT: there is no room, unless @may_drop leaves such keywords out. */
gboolean bdb_keyword_bits (SatchelSnapshotBuilder *builder, char *const *keywords, gboolean may_drop,
                           SatchelKeywordSet *ret_bits, GError **error);
/* Writes the operation's metadata to a new message. */
gboolean bdb_save_metadata (BdbRun *run, const BdbDraft *draft, guint32 uid, BdbRow *row,
                            const SatchelOperation *operation, GError **error);
/* Gives the metadata of message @from to a new one, whose row notes it. */
gboolean bdb_copy_metadata (BdbRun *run, const BdbDraft *source, guint32 from, const BdbDraft *destination,
                            guint32 to, BdbRow *row, GError **error);
