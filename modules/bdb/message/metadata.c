/* SPDX-License-Identifier: MIT
 * Implements the metadata that layers keep with messages.
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

/* Says whether a message with such a row has what its group says. */
static gboolean
is_of_group (guint32 flags)
{
  return (flags & (BDB_ROW_IN_GROUP | BDB_ROW_LEFT_GROUP)) == BDB_ROW_IN_GROUP;
}

gboolean
bdb_row_has_metadata (guint32 flags)
{
  return (flags & BDB_ROW_HAS_METADATA) != 0 || is_of_group (flags);
}

static const SatchelMetadata *
find_item (const GPtrArray *items, const char *key)
{
  for (guint i = 0; i < items->len; i++)
    if (strcmp (((const SatchelMetadata *) items->pdata[i])->key, key) == 0)
      return items->pdata[i];
  return NULL;
}

static gboolean
get_of_group (BdbStore *store, const BdbBox *box, guint32 uid, const char *key, GBytes **ret, GError **error)
{
  g_auto (BdbGroup) group = { 0 };
  if (!bdb_group_find (store, NULL, box, uid, &group, error))
    return FALSE;
  const SatchelMetadata *item = find_item (group.items, key);
  *ret = item != NULL ? g_bytes_ref (item->value) : NULL;
  return TRUE;
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
  return is_found || !is_of_group (row.flags) || get_of_group (store, mailbox->driver, uid, key, ret, error);
}

typedef struct Put
{
  BdbStore *store;
  BdbBox *box;
  guint32 uid;
  const char *key;
  GBytes *value;
} Put;

/* What the group of a message says becomes the message's own, and the group's is not looked at any more. */
static gboolean
leave_group (const Put *put, BdbWrite *write, guint32 flags, GError **error)
{
  g_auto (BdbGroup) group = { 0 };
  g_autoptr (GPtrArray) items = bdb_metadata_of (put->store, write, put->box, put->uid, flags, &group, error);
  for (guint i = 0; items != NULL && i < items->len; i++)
    {
      BdbKey key;
      const SatchelMetadata *item = items->pdata[i];
      bdb_key_of_metadata (&key, put->store, put->box, put->uid, item->key);
      if (!bdb_put (write, BDB_RECORDS, &key, g_bytes_get_data (item->value, NULL),
                    g_bytes_get_size (item->value), error))
        return FALSE;
    }
  return items != NULL;
}

/* The row says that there is metadata, so that the removal of a message looks for it. */
static gboolean
save_metadata (BdbWrite *write, gpointer data, GError **error)
{
  const Put *put = data;
  BdbKey key, of_block;
  g_auto (BdbBlock) block = { 0 };
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  guint32 number = put->uid / BDB_BLOCK_MESSAGES;
  bdb_key_of_metadata (&key, put->store, put->box, put->uid, put->key);
  bdb_key_of_block (&of_block, put->store->user, put->box->number, number);
  if (!bdb_get (put->store->volume, write, BDB_RECORDS, &of_block, record, &is_found, error))
    return FALSE;
  if (!is_found || !bdb_block_read (&block, number, record->data, record->len))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the record of message %u cannot be read",
                              put->uid);
  guint32 *flags = &block.rows[put->uid % BDB_BLOCK_MESSAGES].flags;
  if (put->value == NULL && !is_of_group (*flags))
    return bdb_remove (write, BDB_RECORDS, &key, error);
  if (put->value == NULL && !leave_group (put, write, *flags, error))
    return FALSE;
  *flags |= BDB_ROW_HAS_METADATA | (put->value == NULL ? BDB_ROW_LEFT_GROUP : 0u);
  bdb_block_write (&block, record);
  return (put->value == NULL ? bdb_remove (write, BDB_RECORDS, &key, error)
                             : bdb_put (write, BDB_RECORDS, &key, g_bytes_get_data (put->value, NULL),
                                        g_bytes_get_size (put->value), error))
         && bdb_put (write, BDB_RECORDS, &of_block, record->data, record->len, error);
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
  const guint head = BDB_KEY_HEAD + 8;
  bdb_metadata_list_add (data, (const char *) key + head, key_len - head, value, value_len);
  return TRUE;
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const SatchelMetadata *const *one = a, *const *other = b;
  return strcmp ((*one)->key, (*other)->key);
}

/* Adds what the group says and the message itself does not. */
static void
add_of_group (GPtrArray *items, const BdbGroup *group)
{
  const guint n_own = items->len;
  for (guint i = 0; i < group->items->len; i++)
    {
      const SatchelMetadata *item = group->items->pdata[i];
      if (n_own == 0 || find_item (items, item->key) == NULL)
        bdb_metadata_list_add (items, item->key, strlen (item->key), g_bytes_get_data (item->value, NULL),
                               g_bytes_get_size (item->value));
    }
  if (n_own > 0)
    g_ptr_array_sort (items, compare_items);
}

GPtrArray *
bdb_metadata_of (BdbStore *store, BdbWrite *write, const BdbBox *box, guint32 uid, guint32 flags,
                 BdbGroup *ref_group, GError **error)
{
  BdbKey prefix;
  g_autoptr (GPtrArray) items = bdb_metadata_list_new ();
  bdb_key_of_metadata (&prefix, store, box, uid, NULL);
  if (((flags & BDB_ROW_HAS_METADATA) != 0
       && !bdb_scan (store->volume, write, BDB_RECORDS, &prefix, NULL, collect_item, items, error))
      || (is_of_group (flags) && !bdb_group_find (store, write, box, uid, ref_group, error)))
    return NULL;
  if (is_of_group (flags))
    add_of_group (items, ref_group);
  return g_steal_pointer (&items);
}

/* Gives @func the metadata of a message; of one that is gone there is none. */
static gboolean
list_message (BdbStore *store, const BdbBox *box, guint32 uid, BdbGroup *ref_group, SatchelMetadataFunc func,
              gpointer data, GError **error)
{
  BdbRow row;
  g_autoptr (GError) local = NULL;
  if (!bdb_find_row (store, box, uid, &row, &local))
    {
      if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_GONE))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_autoptr (GPtrArray) items = bdb_metadata_of (store, NULL, box, uid, row.flags, ref_group, error);
  for (guint i = 0; items != NULL && i < items->len; i++)
    {
      const SatchelMetadata *item = items->pdata[i];
      func (uid, item->key, item->value, data);
    }
  return items != NULL;
}

gboolean
bdb_list_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const guint32 *uids, guint n, SatchelMetadataFunc func, gpointer data, GError **error)
{
  g_auto (BdbGroup) group = { 0 };
  for (guint i = 0; i < n; i++)
    if (!list_message (storage->self, mailbox->driver, uids[i], &group, func, data, error))
      return FALSE;
  return TRUE;
}
