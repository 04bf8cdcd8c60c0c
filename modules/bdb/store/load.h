/* SPDX-License-Identifier: MIT
 * Declares how a store comes into memory.
 */
#pragma once
#include "store/store.h"

/* Reads the record of a mailbox.  FALSE means that it is malformed. */
gboolean bdb_box_read (BdbBox *box, const guint8 *data, gsize len);
/* Finds the number of the user, who is made with an INBOX if there is none. */
gboolean bdb_store_find_user (BdbStore *store, const char *path, GError **error);
/* Reads names, mailboxes, subscriptions and counters in place of those in memory.  *ret_before: the mailboxes
 * that were there, by name; yours.  Mailboxes that are open and still there keep their structures. */
gboolean bdb_store_load (BdbStore *store, GHashTable **ret_before, GError **error);
