/* SPDX-License-Identifier: MIT
 * This file has the metadata that layers keep with messages.
 */
#include "config.h"

#include "driver.h"
#include "message/mailbox.h"
#include "message/metadata.h"

#include <string.h>

void
bdb_key_of_metadata (BdbKey *key, const BdbStore *store, const BdbBox *box, guint32 uid, const char *name)
{
  bdb_key_begin (key, store->user, BDB_KIND_METADATA);
  bdb_key_u32 (key, box->number);
  bdb_key_u32 (key, uid);
  if (name != NULL)
    bdb_key_bytes (key, name, strlen (name));
}

gboolean
bdb_get_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                  guint32 uid, const char *key, GBytes **ret, GError **error)
{
  BdbStore *store = storage->self;
  BdbRow row;
  BdbKey where;
  gboolean is_found = FALSE;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  if (!bdb_find_row (store, mailbox->driver, uid, &row, error))
    return FALSE;
  bdb_key_of_metadata (&where, store, mailbox->driver, uid, key);
  if ((row.flags & BDB_ROW_HAS_METADATA) != 0
      && !bdb_get (store->volume, NULL, BDB_RECORDS, &where, value, &is_found, error))
    return FALSE;
  *ret = is_found ? g_byte_array_free_to_bytes (g_steal_pointer (&value)) : NULL;
  return TRUE;
}

typedef struct Put
{
  BdbStore *store;
  BdbBox *box;
  guint32 uid;
  const char *key;
  GBytes *value;
} Put;

/* The row says that there is metadata, so that the removal of a message looks for it. */
static gboolean
mark_row (const Put *put, BdbWrite *write, GError **error)
{
  BdbKey key;
  BdbBlock block;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  guint32 number = put->uid / BDB_BLOCK_MESSAGES;
  bdb_key_of_block (&key, put->store->user, put->box->number, number);
  if (!bdb_get (put->store->volume, write, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  if (!is_found || !bdb_block_read (&block, number, record->data, record->len))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the record of message %u cannot be read",
                              put->uid);
  block.rows[put->uid % BDB_BLOCK_MESSAGES].flags |= BDB_ROW_HAS_METADATA;
  bdb_block_write (&block, record);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

static gboolean
save_metadata (BdbWrite *write, gpointer data, GError **error)
{
  const Put *put = data;
  BdbKey key;
  bdb_key_of_metadata (&key, put->store, put->box, put->uid, put->key);
  if (put->value == NULL)
    return bdb_remove (write, BDB_RECORDS, &key, error);
  return bdb_put (write, BDB_RECORDS, &key, g_bytes_get_data (put->value, NULL),
                  g_bytes_get_size (put->value), error)
         && mark_row (put, write, error);
}

gboolean
bdb_put_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                  guint32 uid, const char *key, GBytes *value, GError **error)
{
  BdbStore *store = storage->self;
  Put put = { store, mailbox->driver, uid, key, value };
  BdbRow row;
  if (value != NULL && g_bytes_get_size (value) > SATCHEL_METADATA_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the metadata has more than %u bytes",
                              SATCHEL_METADATA_BYTES);
  return bdb_find_row (store, mailbox->driver, uid, &row, error)
         && (value == NULL || bdb_volume_check_space (store->volume, error))
         && bdb_write (store->volume, BDB_LATER, save_metadata, &put, error);
}

/* ---- all of it ---- */

static gboolean
collect_item (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  SatchelMetadata *item = g_new0 (SatchelMetadata, 1);
  guint head = BDB_KEY_HEAD + 8;
  item->key = g_strndup ((const char *) key + head, key_len - head);
  item->value = g_bytes_new (value, value_len);
  g_ptr_array_add (data, item);
  return TRUE;
}

static void
free_item (gpointer data)
{
  SatchelMetadata *item = data;
  g_free (item->key);
  g_bytes_unref (item->value);
  g_free (item);
}

GPtrArray *
bdb_metadata_of (BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 uid, GError **error)
{
  BdbKey prefix;
  GPtrArray *items = g_ptr_array_new_with_free_func (free_item);
  bdb_key_of_metadata (&prefix, store, box, uid, NULL);
  if (bdb_scan (store->volume, write, BDB_RECORDS, &prefix, NULL, collect_item, items, error))
    return items;
  g_ptr_array_unref (items);
  return NULL;
}

gboolean
bdb_list_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const guint32 *uids, guint n, SatchelMetadataFunc func, gpointer data, GError **error)
{
  BdbStore *store = storage->self;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GPtrArray) items = bdb_metadata_of (store, NULL, mailbox->driver, uids[i], error);
      if (items == NULL)
        return FALSE;
      for (guint k = 0; k < items->len; k++)
        {
          const SatchelMetadata *item = items->pdata[k];
          func (uids[i], item->key, item->value, data);
        }
    }
  return TRUE;
}
