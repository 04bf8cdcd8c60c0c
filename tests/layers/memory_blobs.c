/* SPDX-License-Identifier: MIT
 * Driver `memory`: blobs of modules.  Changes are made on a copy of the space, which takes its place when all
 * of them worked.
 */
#include "memory.h"

GBytes *
memory_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space, const char *name,
                 GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  GHashTable *blobs = g_hash_table_lookup (user->spaces, space);
  GBytes *value = blobs != NULL ? g_hash_table_lookup (blobs, name) : NULL;
  if (value == NULL)
    satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such blob");
  return value != NULL ? g_bytes_ref (value) : NULL;
}

gboolean
memory_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space, GPtrArray *names,
                   GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  GHashTable *blobs = g_hash_table_lookup (user->spaces, space);
  GHashTableIter iter;
  gpointer name;
  if (blobs == NULL)
    return TRUE;
  g_hash_table_iter_init (&iter, blobs);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, g_strdup (name));
  return TRUE;
}

static GHashTable *
copy_space (GHashTable *blobs)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  GHashTableIter iter;
  gpointer name, value;
  if (blobs == NULL)
    return copy;
  g_hash_table_iter_init (&iter, blobs);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_hash_table_insert (copy, g_strdup (name), g_bytes_ref (value));
  return copy;
}

static guint64
size_of_space (GHashTable *blobs)
{
  GHashTableIter iter;
  gpointer value;
  guint64 size = 0;
  g_hash_table_iter_init (&iter, blobs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    size += g_bytes_get_size (value);
  return size;
}

gboolean
memory_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
                  const SatchelBlob *changes, guint n, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  g_autoptr (GHashTable) blobs = copy_space (g_hash_table_lookup (user->spaces, space));
  for (guint i = 0; i < n; i++)
    if (changes[i].value != NULL)
      g_hash_table_insert (blobs, g_strdup (changes[i].name), g_bytes_ref (changes[i].value));
    else
      g_hash_table_remove (blobs, changes[i].name);
  if (g_hash_table_size (blobs) > SATCHEL_BLOBS_MAX || size_of_space (blobs) > SATCHEL_BLOBS_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "no room for another blob");
  g_hash_table_insert (user->spaces, g_strdup (space), g_steal_pointer (&blobs));
  return TRUE;
}

gboolean
memory_list_spaces (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  GHashTableIter iter;
  gpointer space, blobs;
  g_hash_table_iter_init (&iter, user->spaces);
  while (g_hash_table_iter_next (&iter, &space, &blobs))
    if (g_hash_table_size (blobs) > 0)
      g_ptr_array_add (spaces, g_strdup (space));
  return TRUE;
}
