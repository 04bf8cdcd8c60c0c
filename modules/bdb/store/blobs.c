/* SPDX-License-Identifier: MIT
 * Keeps what modules keep with a user: one record for each blob.
 */
#include "config.h"

#include "driver.h"
#include "store/store.h"

#include <string.h>

static void
key_of_blob (BdbKey *key, const BdbStore *store, const char *space, const char *name)
{
  bdb_key_begin (key, store->user, BDB_KIND_BLOB);
  bdb_key_text (key, space);
  if (name != NULL)
    bdb_key_bytes (key, name, strlen (name));
}

GBytes *
bdb_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space, const char *name,
              GError **error)
{
  BdbStore *store = storage->self;
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) value = g_byte_array_new ();
  key_of_blob (&key, store, space, name);
  if (!bdb_get (store->volume, NULL, BDB_RECORDS, &key, value, &is_found, error))
    return NULL;
  if (is_found)
    return g_byte_array_free_to_bytes (g_steal_pointer (&value));
  satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such blob");
  return NULL;
}

typedef struct Space
{
  guint head;       /* bytes of a key in front of the name */
  GPtrArray *names; /* NULL: the blobs are only counted */
  guint n;
  guint64 n_bytes;
} Space;

static gboolean
note_blob (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Space *space = data;
  space->n++;
  space->n_bytes += value_len;
  if (space->names != NULL)
    g_ptr_array_add (space->names, g_strndup ((const char *) key + space->head, key_len - space->head));
  return TRUE;
}

static gboolean
look_at_space (BdbStore *store, BdbWrite *write, const char *name, Space *space, GError **error)
{
  BdbKey prefix;
  key_of_blob (&prefix, store, name, NULL);
  space->head = prefix.len;
  return bdb_scan (store->volume, write, BDB_RECORDS, &prefix, NULL, note_blob, space, error);
}

gboolean
bdb_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space, GPtrArray *names,
                GError **error)
{
  Space found = { .names = names };
  return look_at_space (storage->self, NULL, space, &found, error);
}

typedef struct Put
{
  BdbStore *store;
  const char *space;
  const SatchelBlob *changes;
  guint n;
} Put;

static gboolean
save_blobs (BdbWrite *write, gpointer data, GError **error)
{
  const Put *put = data;
  Space space = { 0 };
  for (guint i = 0; i < put->n; i++)
    {
      const SatchelBlob *change = &put->changes[i];
      BdbKey key;
      key_of_blob (&key, put->store, put->space, change->name);
      if (change->value == NULL ? !bdb_remove (write, BDB_RECORDS, &key, error)
                                : !bdb_put (write, BDB_RECORDS, &key, g_bytes_get_data (change->value, NULL),
                                            g_bytes_get_size (change->value), error))
        return FALSE;
    }
  if (!look_at_space (put->store, write, put->space, &space, error))
    return FALSE;
  return (space.n <= SATCHEL_BLOBS_MAX && space.n_bytes <= SATCHEL_BLOBS_BYTES)
         || satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                               "the space %s would have more than %u blobs or %u bytes", put->space,
                               SATCHEL_BLOBS_MAX, SATCHEL_BLOBS_BYTES);
}

gboolean
bdb_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
               const SatchelBlob *changes, guint n, GError **error)
{
  BdbStore *store = storage->self;
  Put put = { store, space, changes, n };
  gboolean takes_space = FALSE;
  for (guint i = 0; i < n; i++)
    takes_space |= changes[i].value != NULL;
  return (!takes_space || bdb_volume_check_space (store->volume, error))
         && bdb_write (store->volume, BDB_DURABLE, save_blobs, &put, error);
}

static gboolean
note_space (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  g_autofree char *space = g_strndup ((const char *) key + BDB_KEY_HEAD, key_len - BDB_KEY_HEAD);
  if (!g_ptr_array_find_with_equal_func (data, space, g_str_equal, NULL))
    g_ptr_array_add (data, g_steal_pointer (&space));
  return TRUE;
}

gboolean
bdb_list_spaces (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces, GError **error)
{
  BdbStore *store = storage->self;
  BdbKey prefix;
  bdb_key_begin (&prefix, store->user, BDB_KIND_BLOB);
  return bdb_scan (store->volume, NULL, BDB_RECORDS, &prefix, NULL, note_space, spaces, error);
}
