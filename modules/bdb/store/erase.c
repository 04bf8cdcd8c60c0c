/* SPDX-License-Identifier: MIT
 * This file removes everything that belongs to a mailbox.
 */
#include "config.h"

#include "message/content.h"
#include "store/store.h"

gboolean
bdb_box_erase (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error)
{
  static const BdbKind kinds[] = { BDB_KIND_MESSAGES,  BDB_KIND_TOMBSTONES, BDB_KIND_METADATA, BDB_KIND_GROUP,
                                   BDB_KIND_UNIQUE_ID, BDB_KIND_UID_UNIQUE, BDB_KIND_MAILBOX };
  if (!bdb_references_drop_box (store, write, box, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      BdbKey key;
      bdb_key_begin (&key, store->user, kinds[i]);
      bdb_key_u32 (&key, box->number);
      if (!bdb_remove_all (write, BDB_RECORDS, &key, error))
        return FALSE;
    }
  return TRUE;
}
