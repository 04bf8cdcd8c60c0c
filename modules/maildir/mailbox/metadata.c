/* SPDX-License-Identifier: MIT
 * Implements metadata that layers keep with messages: in memory while a mailbox is open, and in the index.
 */
#include "config.h"

#include "driver.h"
#include "index/index.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"

#include <satchel/hash.h>
#include <string.h>

void
md_metadata_set (MdMailbox *mb, guint32 uid, const char *key, GBytes *value)
{
  if (mb->metadata == NULL)
    {
      if (value == NULL)
        return;
      mb->metadata =
          g_hash_table_new_full (satchel_number_hash, NULL, NULL, (GDestroyNotify) g_hash_table_unref);
    }
  GHashTable *keys = g_hash_table_lookup (mb->metadata, GUINT_TO_POINTER (uid));
  if (keys == NULL)
    {
      keys = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
      g_hash_table_insert (mb->metadata, GUINT_TO_POINTER (uid), keys);
    }
  if (value != NULL)
    g_hash_table_replace (keys, g_strdup (key), g_bytes_ref (value));
  else
    g_hash_table_remove (keys, key);
}

void
md_metadata_drop (MdMailbox *mb, guint32 uid)
{
  if (mb->metadata != NULL)
    g_hash_table_remove (mb->metadata, GUINT_TO_POINTER (uid));
}

GHashTable *
md_metadata_of (const MdMailbox *mb, guint32 uid)
{
  GHashTable *keys = mb->metadata != NULL ? g_hash_table_lookup (mb->metadata, GUINT_TO_POINTER (uid)) : NULL;
  return keys != NULL && g_hash_table_size (keys) > 0 ? keys : NULL;
}

void
md_metadata_index (MdMailbox *mb, guint32 uid)
{
  GHashTable *keys = md_metadata_of (mb, uid);
  GHashTableIter iter;
  gpointer key, value;
  if (keys == NULL)
    return;
  g_hash_table_iter_init (&iter, keys);
  while (g_hash_table_iter_next (&iter, &key, &value))
    md_index_metadata (mb, uid, key, value);
}

void
md_plan_set_metadata (MdMailbox *mb, guint32 uid, const SatchelOperation *op)
{
  for (guint i = 0; op->metadata != NULL && i < op->metadata->len; i++)
    {
      const SatchelMetadata *item = op->metadata->pdata[i];
      md_metadata_set (mb, uid, item->key, item->value);
    }
}

gboolean
md_get_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 uid, const char *key, GBytes **ret, GError **error)
{
  MdMailbox *mb = mailbox->driver;
  g_mutex_lock (&mb->store->writer);
  gboolean exists = md_table_find (&mb->table, uid) != NULL;
  GHashTable *keys = md_metadata_of (mb, uid);
  GBytes *value = keys != NULL ? g_hash_table_lookup (keys, key) : NULL;
  if (exists)
    *ret = value != NULL ? g_bytes_ref (value) : NULL;
  g_mutex_unlock (&mb->store->writer);
  return exists || satchel_error_set (error, SATCHEL_ERROR_GONE, "message %u is gone", uid);
}

gboolean
md_put_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 uid, const char *key, GBytes *value, GError **error)
{
  MdMailbox *mb = mailbox->driver;
  gsize key_len = strlen (key);
  if (key_len == 0 || key_len > 255 || (value != NULL && g_bytes_get_size (value) > SATCHEL_METADATA_BYTES))
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "metadata has keys of 1 to 255 bytes and values of at most %u bytes",
                              SATCHEL_METADATA_BYTES);
  g_mutex_lock (&mb->store->writer);
  gboolean exists = md_table_find (&mb->table, uid) != NULL;
  if (exists)
    {
      md_metadata_set (mb, uid, key, value);
      md_index_metadata (mb, uid, key, value);
      mb->index.needs_sync = TRUE; /* durable with the next commit */
      md_index_flush (mb, FALSE, NULL);
    }
  g_mutex_unlock (&mb->store->writer);
  return exists || satchel_error_set (error, SATCHEL_ERROR_GONE, "message %u is gone", uid);
}

static int
compare_keys (const void *a, const void *b)
{
  const SatchelMetadata *x = a, *y = b;
  return strcmp (x->key, y->key);
}

static void
clear_metadata (gpointer data)
{
  SatchelMetadata *item = data;
  g_free (item->key);
  g_bytes_unref (item->value);
}

/* Collects what a message has, sorted by key. */
static void
collect_metadata (MdMailbox *mb, guint32 uid, GArray *items)
{
  GHashTableIter iter;
  gpointer key, value;
  g_array_set_size (items, 0);
  g_mutex_lock (&mb->store->writer);
  GHashTable *keys = md_metadata_of (mb, uid);
  if (keys != NULL && md_table_find (&mb->table, uid) != NULL)
    {
      g_hash_table_iter_init (&iter, keys);
      while (g_hash_table_iter_next (&iter, &key, &value))
        {
          SatchelMetadata item = { g_strdup (key), g_bytes_ref (value) };
          g_array_append_val (items, item);
        }
    }
  g_mutex_unlock (&mb->store->writer);
  g_array_sort (items, compare_keys);
}

gboolean
md_list_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                  const guint32 *uids, guint n, SatchelMetadataFunc func, gpointer data, GError **error)
{
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (SatchelMetadata));
  g_array_set_clear_func (items, clear_metadata);
  for (guint i = 0; i < n; i++)
    {
      collect_metadata (mailbox->driver, uids[i], items);
      for (guint k = 0; k < items->len; k++)
        {
          const SatchelMetadata *item = &g_array_index (items, SatchelMetadata, k);
          func (uids[i], item->key, item->value, data);
        }
    }
  return TRUE;
}
