/* SPDX-License-Identifier: MIT
 * This file makes snapshots: the blocks of messages become one when a mailbox is opened, and it stays in
 * memory while the mailbox is open.
 */
#include "config.h"

#include "message/mailbox.h"

void
bdb_key_of_block (BdbKey *key, guint32 user, guint32 box, guint32 block)
{
  bdb_key_begin (key, user, BDB_KIND_MESSAGES);
  bdb_key_u32 (key, box);
  bdb_key_u32 (key, block);
}

typedef struct Load
{
  SatchelSnapshotBuilder *builder;
  BdbBlock block;
  gboolean is_bad;
} Load;

static gboolean
load_block (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Load *load = data;
  BdbBlock *block = &load->block;
  load->is_bad = key_len != BDB_KEY_HEAD + 8
                 || !bdb_block_read (block, bdb_key_read_u32 (key + BDB_KEY_HEAD + 4), value, value_len);
  for (guint i = 0; !load->is_bad && i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      {
        const BdbRow *row = &block->rows[i];
        SatchelMessageRow message = { .uid = block->number * BDB_BLOCK_MESSAGES + i,
                                      .flags = row->flags & ~(guint32) BDB_ROW_PRIVATE,
                                      .modseq = row->modseq,
                                      .size = row->size,
                                      .internal_date = row->internal_date,
                                      .save_date = row->save_date };
        bdb_block_get_keywords (block, i, &message.keywords);
        satchel_snapshot_builder_append (load->builder, &message);
      }
  return !load->is_bad;
}

SatchelSnapshot *
bdb_box_load_snapshot (BdbStore *store, const BdbBox *box, GError **error)
{
  BdbKey prefix;
  Load load = { .builder = satchel_snapshot_builder_new (NULL) };
  bdb_key_begin (&prefix, store->user, BDB_KIND_MESSAGES);
  bdb_key_u32 (&prefix, box->number);
  satchel_snapshot_builder_set_keywords (load.builder, (char *const *) box->keywords->pdata,
                                         box->keywords->len);
  gboolean is_read = bdb_scan (store->volume, NULL, BDB_RECORDS, &prefix, NULL, load_block, &load, error);
  bdb_block_clear (&load.block);
  if (is_read && !load.is_bad)
    return satchel_snapshot_builder_finish (load.builder, &box->state);
  satchel_snapshot_builder_free (load.builder);
  if (load.is_bad)
    satchel_error_set (
        error, SATCHEL_ERROR_CORRUPT,
        "messages of mailbox number %u of user number %u cannot be read; `satchel fsck --save` "
        "saves what can be saved",
        box->number, store->user);
  return NULL;
}

SatchelSnapshot *
bdb_box_snapshot (BdbStore *store, BdbBox *box)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&store->lock);
  return satchel_snapshot_ref (box->snapshot);
}

void
bdb_box_take (BdbStore *store, BdbBox *box, SatchelSnapshot *snapshot, guint32 n_tombstones)
{
  g_mutex_lock (&store->lock);
  box->state = snapshot->state;
  box->n_tombstones = n_tombstones;
  g_ptr_array_set_size (box->keywords, 0);
  for (guint i = 0; i < snapshot->n_keywords; i++)
    g_ptr_array_add (box->keywords, g_strdup (snapshot->keywords[i]));
  SatchelStorageMailbox *handle = box->handle;
  SatchelSnapshot *before = box->snapshot;
  box->snapshot = handle != NULL ? satchel_snapshot_ref (snapshot) : NULL;
  g_mutex_unlock (&store->lock);
  if (before != NULL)
    satchel_snapshot_unref (before);
  if (handle != NULL)
    satchel_storage_mailbox_publish (handle, snapshot);
  else
    satchel_snapshot_unref (snapshot);
}

gboolean
bdb_mailbox_reload (BdbStore *store, BdbBox *box, GError **error)
{
  SatchelSnapshot *snapshot = bdb_box_load_snapshot (store, box, error);
  if (snapshot == NULL)
    return FALSE;
  bdb_box_take (store, box, snapshot, box->n_tombstones);
  return TRUE;
}
