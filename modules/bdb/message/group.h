/* SPDX-License-Identifier: MIT
 * Declares groups. COPY and MOVE give all messages that they make the same metadata, and the UIDs of these
 * follow one another: such a group has one record for each key, however many messages it has.
 */
#pragma once
#include "store/store.h"

typedef struct BdbGroup
{
  guint32 first, last; /* its UIDs */
  GPtrArray *items;    /* SatchelMetadata; NULL: no group has been found yet */
} BdbGroup;

void bdb_group_clear (BdbGroup *group);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BdbGroup, bdb_group_clear)
/* Returns an empty array of SatchelMetadata that frees what is in it; yours. */
GPtrArray *bdb_metadata_list_new (void);
/* Adds a copy to @items; @value is borrowed. */
void bdb_metadata_list_add (GPtrArray *items, const char *key, gsize key_len, gconstpointer value, gsize len);

/* Makes a group of the new messages @first to @last, which have the values of @metadata (SatchelMetadata). */
gboolean bdb_group_save (const BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 first,
                         guint32 last, const GPtrArray *metadata, GError **error);
/* Makes of *@ref_group the group of @uid, which it may be already.  If there is none it has no items. */
gboolean bdb_group_find (const BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 uid,
                         BdbGroup *ref_group, GError **error);
/* Removes the groups of which @snapshot has no message any more.  @left: UIDs of messages of groups that are
 * gone, at least one. */
gboolean bdb_groups_trim (const BdbStore *store, BdbWrite *write, const BdbBox *box,
                          const SatchelUidSet *left, const SatchelSnapshot *snapshot, GError **error);
