/* SPDX-License-Identifier: MIT
 * Declares the history of a mailbox, which says which UIDs vanished.
 */
#pragma once
#include "store/store.h"

/* Notes that @uids vanished with @modseq.  It may be called once for each mod-sequence. */
gboolean bdb_history_add (BdbStore *store, BdbWrite *write, const BdbBox *box, guint64 modseq,
                          const SatchelUidSet *uids, GError **error);
/* Forgets the oldest changes if there are too many, and adjusts *n_tombstones and *history_start then. */
gboolean bdb_history_trim (BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 *n_tombstones,
                           guint64 *history_start, GError **error);
