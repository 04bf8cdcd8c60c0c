/* SPDX-License-Identifier: MIT
 * Declares open mailboxes, and messages in them.
 */
#pragma once
#include "format/message_block.h"
#include "store/store.h"

/* Reads the messages of an open mailbox, and publishes them. */
gboolean bdb_mailbox_reload (BdbStore *store, BdbBox *box, GError **error);
/* Returns the newest snapshot of an open mailbox; yours. */
SatchelSnapshot *bdb_box_snapshot (BdbStore *store, BdbBox *box);
/* Makes @snapshot (taken over) and what belongs to it the state of the mailbox, and publishes it if it is
 * open. */
void bdb_box_take (BdbStore *store, BdbBox *box, SatchelSnapshot *snapshot, guint32 n_tombstones);
/* Reads the messages of a mailbox that need not be open; yours. */
SatchelSnapshot *bdb_box_load_snapshot (BdbStore *store, const BdbBox *box, GError **error);
/* Reads one message.  FALSE with GONE means that there is none. */
gboolean bdb_find_row (BdbStore *store, const BdbBox *box, guint32 uid, BdbRow *ret_row, GError **error);
void bdb_key_of_block (BdbKey *key, guint32 user, guint32 box, guint32 block);
