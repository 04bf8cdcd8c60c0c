/* SPDX-License-Identifier: MIT
 * Implements open mailboxes: handles, \Recent, and how much room messages take.
 */
#include "config.h"

#include "driver.h"
#include "message/mailbox.h"

SatchelStorageMailbox *
bdb_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  BdbStore *store = storage->self;
  if (!bdb_store_catch_up (storage, error))
    return NULL;
  BdbBox *box = g_hash_table_lookup (store->boxes, name);
  if (box == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such mailbox");
      return NULL;
    }
  SatchelSnapshot *snapshot = bdb_box_load_snapshot (store, box, error);
  if (snapshot == NULL)
    return NULL;
  SatchelStorageMailbox *mailbox = satchel_storage_mailbox_new (storage, name);
  mailbox->driver = bdb_box_ref (box);
  g_mutex_lock (&store->lock);
  box->handle = mailbox;
  g_mutex_unlock (&store->lock);
  bdb_box_take (store, box, snapshot, box->n_tombstones);
  return mailbox;
}

void
bdb_close_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox)
{
  BdbStore *store = storage->self;
  BdbBox *box = mailbox->driver;
  g_mutex_lock (&store->lock);
  box->handle = NULL;
  g_clear_pointer (&box->snapshot, satchel_snapshot_unref);
  g_mutex_unlock (&store->lock);
  bdb_box_unref (box);
}

gboolean
bdb_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
            SatchelMailboxState *ret_state, GError **error)
{
  BdbStore *store = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&store->lock);
  const BdbBox *box = g_hash_table_lookup (store->boxes, name);
  if (box == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such mailbox");
  *ret_state = box->state;
  return TRUE;
}

gboolean
bdb_sync (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
          GError **error)
{
  return bdb_store_catch_up (storage, error);
}

gboolean
bdb_is_current (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox)
{
  return !bdb_store_is_behind (storage->self);
}

/* ---- \Recent ---- */

typedef struct Claim
{
  BdbStore *store;
  BdbBox *box;
  SatchelMailboxState state;
} Claim;

static gboolean
save_claim (BdbWrite *write, gpointer data, GError **error)
{
  const Claim *claim = data;
  return bdb_box_save (claim->store, write, claim->box, &claim->state,
                       (char *const *) claim->box->keywords->pdata, claim->box->keywords->len,
                       claim->box->n_tombstones, error);
}

/* The claim is not synced: if a power cut takes it back, some messages are only shown as recent a second
 * time. */
gboolean
bdb_claim_recent (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                  guint32 upto_uid, guint32 *ret_first, GError **error)
{
  BdbStore *store = storage->self;
  BdbBox *box = mailbox->driver;
  if (!bdb_store_catch_up (storage, error))
    return FALSE;
  Claim claim = { store, box, box->state };
  guint32 upto = MIN (upto_uid, box->state.uidnext), first = MIN (box->state.first_recent_uid, upto_uid);
  claim.state.first_recent_uid = upto;
  if (first < upto)
    {
      if (!bdb_write (store->volume, BDB_WRITTEN, save_claim, &claim, error))
        return FALSE;
      g_autoptr (SatchelSnapshot) snapshot = bdb_box_snapshot (store, box);
      bdb_box_take (store, box,
                    satchel_snapshot_builder_finish (satchel_snapshot_builder_new (snapshot), &claim.state),
                    box->n_tombstones);
    }
  *ret_first = first;
  return TRUE;
}

/* ---- usage ---- */

/* Adds the messages of a chunk from @row on whose UIDs are up to @last.  TRUE: all of them are. */
static gboolean
sum_rows (const SatchelChunk *chunk, guint row, guint32 last, SatchelUsage *ref_usage)
{
  const guint first = row;
  for (; row < chunk->n && chunk->uid[row] <= last; row++)
    ref_usage->bytes += chunk->size[row];
  ref_usage->messages += row - first;
  return row == chunk->n;
}

static SatchelUsage
sum_messages (const SatchelSnapshot *snapshot, const SatchelUidSet *uids)
{
  SatchelUsage usage = { 0 };
  for (guint i = 0; i < uids->n_ranges; i++)
    {
      guint32 index;
      guint row;
      satchel_snapshot_find (snapshot, uids->ranges[i].first, &index);
      while (index < snapshot->state.n_messages)
        {
          const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
          if (!sum_rows (chunk, row, uids->ranges[i].last, &usage))
            break;
          index += chunk->n - row;
        }
    }
  return usage;
}

gboolean
bdb_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
           const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error)
{
  BdbStore *store = storage->self;
  BdbBox *box = mailbox != NULL ? mailbox->driver : NULL;
  SatchelUsage usage = { 0 };
  GHashTableIter iter;
  gpointer value;
  if (box != NULL && uids != NULL)
    {
      g_autoptr (SatchelSnapshot) snapshot = bdb_box_snapshot (store, box);
      *ret_usage = sum_messages (snapshot, uids);
      return TRUE;
    }
  g_mutex_lock (&store->lock);
  g_hash_table_iter_init (&iter, store->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (box == NULL || value == box)
      {
        usage.bytes += ((BdbBox *) value)->state.size_bytes;
        usage.messages += ((BdbBox *) value)->state.n_messages;
      }
  g_mutex_unlock (&store->lock);
  *ret_usage = usage;
  return TRUE;
}
