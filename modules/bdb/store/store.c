/* SPDX-License-Identifier: MIT
 * This file opens and closes the store of a user.
 */
#include "config.h"

#include "driver.h"
#include "settings.h"
#include "store/load.h"
#include "store/store.h"

#include <satchel/hash.h>
#include <sys/stat.h>

static BdbStore *
make_store (void)
{
  BdbStore *store = g_new0 (BdbStore, 1);
  g_mutex_init (&store->lock);
  store->boxes = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, bdb_box_unref);
  store->subscriptions = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  store->pins = bdb_pins_new ();
  return store;
}

gboolean
bdb_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  const SatchelStorageIdentity *identity = storage->identity;
  BdbSettings settings;
  bdb_settings_fill (section, &settings);
  if (!bdb_settings_has_volume (&settings, identity->volume))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "there is no volume \"%s\"; add it to bdb.volumes",
                              identity->volume);
  g_autoptr (GHashTable) before = NULL;
  BdbStore *store = make_store ();
  storage->self = store;
  store->volume = bdb_volume_open (identity->root_fd, &settings, identity->volume, error);
  if (store->volume != NULL && bdb_store_find_user (store, identity->path, error)
      && bdb_store_load (store, &before, error))
    return TRUE;
  bdb_close (storage);
  return FALSE;
}

void
bdb_close (SatchelStorage *storage)
{
  BdbStore *store = storage->self;
  if (store == NULL)
    return;
  g_hash_table_unref (store->boxes);
  g_hash_table_unref (store->subscriptions);
  bdb_pins_unref (store->pins);
  g_clear_pointer (&store->volume, bdb_volume_unref);
  g_mutex_clear (&store->lock);
  g_free (store);
  storage->self = NULL;
}

gboolean
bdb_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section)
{
  BdbSettings settings;
  BdbKey key;
  struct stat st;
  gboolean is_found = TRUE;
  bdb_settings_fill (section, &settings);
  g_autofree char *home = bdb_volume_home (identity->root_fd, &settings, identity->volume);
  if (home != NULL && lstat (home, &st) != 0)
    return FALSE;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  g_autoptr (BdbVolume) volume = bdb_volume_open (identity->root_fd, &settings, identity->volume, NULL);
  bdb_key_of_user (&key, identity->path);
  if (volume != NULL && !bdb_get (volume, NULL, BDB_RECORDS, &key, record, &is_found, NULL))
    return TRUE;
  return is_found;
}

gboolean
bdb_has_volume (const char *volume, const SatchelConfig *section)
{
  BdbSettings settings;
  bdb_settings_fill (section, &settings);
  return bdb_settings_has_volume (&settings, volume);
}

gboolean
bdb_is_of_one_process (const SatchelConfig *section)
{
  return TRUE;
}

gboolean
bdb_hold_syncs (SatchelStorage *storage, const SatchelAccess *access, gboolean hold, GError **error)
{
  BdbStore *store = storage->self;
  store->holder = hold ? g_thread_self () : NULL;
  return hold || bdb_flush (store->volume, error);
}
