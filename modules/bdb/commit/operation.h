/* SPDX-License-Identifier: MIT
 * Declares the operations of a transaction, each executed on drafts.
 */
#pragma once
#include "commit/draft.h"

gboolean bdb_run_operation (BdbRun *run, SatchelOperation *operation, GError **error);

/* These execute one kind of operation each. */
gboolean bdb_run_append (BdbRun *run, SatchelOperation *operation, GError **error);
gboolean bdb_run_copy (BdbRun *run, SatchelOperation *operation, GError **error);
gboolean bdb_run_flags (BdbRun *run, SatchelOperation *operation, GError **error);
/* The UIDs of these messages of a chunk follow one another. */
typedef struct BdbSpan
{
  const SatchelChunk *chunk; /* borrowed from the snapshot */
  guint row, n;              /* its rows from `row` on */
  guint32 index;             /* of the first one in the snapshot */
} BdbSpan;
/* Returns those of @uids that exist (with @only_deleted: and have \Deleted) in spans, ascending; yours. */
GArray *bdb_find_spans (const SatchelSnapshot *snapshot, const SatchelUidSet *uids, gboolean only_deleted);
/* Finds the bits of @keywords.  Those that there is no room for are left out and counted in *@ref_n_without;
 * if that is NULL they are the error LIMIT. */
gboolean bdb_keyword_bits (SatchelSnapshotBuilder *builder, char *const *keywords, guint *ref_n_without,
                           SatchelKeywordSet *ret_bits, GError **error);
/* Writes the operation's metadata to a new message. */
gboolean bdb_save_metadata (BdbRun *run, const BdbDraft *draft, guint32 uid, BdbRow *row,
                            const SatchelOperation *operation, GError **error);
/* Gives the metadata of message @from, which has @flags in its row, to a new one, whose row notes it.  @said
 * (SatchelMetadata, NULL: nothing) has the keys that the operation decides. */
gboolean bdb_copy_metadata (BdbRun *run, BdbDraft *source, guint32 from, guint32 flags,
                            const BdbDraft *destination, guint32 to, BdbRow *row, const GPtrArray *said,
                            GError **error);
