/* SPDX-License-Identifier: MIT
 * Implements the names of a user's mailboxes: list, create, delete, rename, subscribe, special use. What is
 * in memory changes once the transaction is safe.
 */
#include "config.h"

#include "driver.h"
#include "store/store.h"

#include <satchel/hash.h>
#include <string.h>

/* ---- list ---- */

static SatchelMailboxInfo *
info_for (GHashTable *infos, const char *name)
{
  SatchelMailboxInfo *info = g_hash_table_lookup (infos, name);
  if (info == NULL)
    {
      info = g_new0 (SatchelMailboxInfo, 1);
      info->name = g_strdup (name);
      g_hash_table_insert (infos, info->name, info);
    }
  return info;
}

static void
add_box (GHashTable *infos, const char *name, const BdbBox *box)
{
  SatchelMailboxInfo *info = info_for (infos, name);
  info->exists = info->is_selectable = TRUE;
  info->special_use = box->special_use;
  g_autofree char *parent = g_strdup (name);
  for (char *slash = strrchr (parent, '/'); slash != NULL; slash = strrchr (parent, '/'))
    {
      *slash = '\0';
      info_for (infos, parent)->exists = TRUE;
    }
}

gboolean
bdb_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  BdbStore *store = storage->self;
  g_autoptr (GHashTable) by_name = g_hash_table_new (satchel_string_hash, g_str_equal);
  GHashTableIter iter;
  gpointer name, value;
  g_mutex_lock (&store->lock);
  store->listed_generation = store->generation;
  g_hash_table_iter_init (&iter, store->boxes);
  while (g_hash_table_iter_next (&iter, &name, &value))
    add_box (by_name, name, value);
  g_hash_table_iter_init (&iter, store->subscriptions);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    info_for (by_name, name)->is_subscribed = TRUE;
  g_mutex_unlock (&store->lock);
  g_hash_table_iter_init (&iter, by_name);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (infos, value);
  return TRUE;
}

gboolean
bdb_list_is_current (SatchelStorage *storage, const SatchelAccess *access)
{
  BdbStore *store = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&store->lock);
  return !bdb_store_is_behind (store) && store->listed_generation == store->generation;
}

/* ---- a change of names ---- */

typedef struct NameChange
{
  BdbStore *store;
  const char *name, *to; /* `to` is set for a rename */
  BdbBox *box;           /* the mailbox that is there, or the new one */
  guint special_use;
  GPtrArray *names; /* of a rename: char *, all names that change */
} NameChange;

static void
key_of_name (BdbKey *key, const BdbStore *store, BdbKind kind, const char *name)
{
  bdb_key_begin (key, store->user, kind);
  bdb_key_bytes (key, name, strlen (name));
}

/* Takes @special_use from the mailboxes that have it, in the database. */
static gboolean
save_uses (NameChange *change, BdbWrite *write, GError **error)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, change->store->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      BdbBox *box = value;
      guint before = box->special_use;
      if (box == change->box || (before & change->special_use) == 0)
        continue;
      box->special_use &= ~change->special_use;
      gboolean ok = bdb_box_save_as_is (change->store, write, box, error);
      box->special_use = before; /* the old use stays in memory until the new one is safe */
      if (!ok)
        return FALSE;
    }
  guint before = change->box->special_use;
  change->box->special_use = change->special_use;
  gboolean ok = bdb_box_save_as_is (change->store, write, change->box, error);
  change->box->special_use = before;
  return ok;
}

static void
take_uses (NameChange *change)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, change->store->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((BdbBox *) value)->special_use &= ~change->special_use;
  change->box->special_use = change->special_use;
}

static gboolean
save_new (BdbWrite *write, gpointer data, GError **error)
{
  NameChange *change = data;
  return bdb_store_save_name (change->store, write, change->name, change->box, error)
         && save_uses (change, write, error) && bdb_store_save_counters (change->store, write, error);
}

gboolean
bdb_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
            GError **error)
{
  BdbStore *store = storage->self;
  if (!bdb_store_catch_up (storage, error))
    return FALSE;
  if (g_hash_table_contains (store->boxes, name))
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "the mailbox exists");
  if (!bdb_volume_check_space (store->volume, error))
    return FALSE;
  NameChange change = {
    .store = store, .name = name, .box = bdb_box_make (store), .special_use = special_use
  };
  if (!bdb_write (store->volume, bdb_store_safety (store), save_new, &change, error))
    {
      bdb_box_unref (change.box);
      return FALSE;
    }
  g_mutex_lock (&store->lock);
  g_hash_table_insert (store->boxes, g_strdup (name), change.box);
  take_uses (&change);
  g_mutex_unlock (&store->lock);
  return TRUE;
}

static gboolean
save_special_use (BdbWrite *write, gpointer data, GError **error)
{
  return save_uses (data, write, error);
}

gboolean
bdb_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                     guint special_use, GError **error)
{
  BdbStore *store = storage->self;
  if (!bdb_store_catch_up (storage, error))
    return FALSE;
  NameChange change = { .store = store, .special_use = special_use };
  change.box = g_hash_table_lookup (store->boxes, name);
  if (change.box == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such mailbox");
  if (!bdb_write (store->volume, bdb_store_safety (store), save_special_use, &change, error))
    return FALSE;
  g_mutex_lock (&store->lock);
  take_uses (&change);
  g_mutex_unlock (&store->lock);
  return TRUE;
}

/* ---- subscriptions ---- */

typedef struct Subscription
{
  BdbStore *store;
  const char *name;
  gboolean is_wanted;
} Subscription;

static gboolean
save_subscription (BdbWrite *write, gpointer data, GError **error)
{
  const Subscription *subscription = data;
  BdbKey key;
  key_of_name (&key, subscription->store, BDB_KIND_SUBSCRIPTION, subscription->name);
  return subscription->is_wanted ? bdb_put (write, BDB_RECORDS, &key, "", 0, error)
                                 : bdb_remove (write, BDB_RECORDS, &key, error);
}

gboolean
bdb_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name, gboolean subscribe,
               GError **error)
{
  BdbStore *store = storage->self;
  Subscription subscription = { store, name, subscribe };
  if (!bdb_store_catch_up (storage, error) || (subscribe && !bdb_volume_check_space (store->volume, error))
      || !bdb_write (store->volume, bdb_store_safety (store), save_subscription, &subscription, error))
    return FALSE;
  g_mutex_lock (&store->lock);
  if (subscribe)
    g_hash_table_add (store->subscriptions, g_strdup (name));
  else
    g_hash_table_remove (store->subscriptions, name);
  g_mutex_unlock (&store->lock);
  return TRUE;
}

/* ---- delete ---- */

static gboolean
is_below (const char *name, const char *parent)
{
  gsize len = strlen (parent);
  return strncmp (name, parent, len) == 0 && name[len] == '/';
}

static gboolean
has_children (BdbStore *store, const char *name)
{
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, store->boxes);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (is_below (key, name))
      return TRUE;
  return FALSE;
}

static gboolean
save_removal (BdbWrite *write, gpointer data, GError **error)
{
  NameChange *change = data;
  BdbKey key;
  key_of_name (&key, change->store, BDB_KIND_NAME, change->name);
  /* The counters keep the highest mod-sequence of the deleted mailbox. */
  return bdb_remove (write, BDB_RECORDS, &key, error)
         && bdb_box_erase (change->store, write, change->box, error)
         && bdb_store_save_counters (change->store, write, error);
}

gboolean
bdb_remove_box (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  BdbStore *store = storage->self;
  if (!bdb_store_catch_up (storage, error))
    return FALSE;
  NameChange change = { .store = store, .name = name };
  change.box = g_hash_table_lookup (store->boxes, name);
  if (change.box == NULL)
    return has_children (store, name)
               ? satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the name only has children")
               : satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such mailbox");
  if (!bdb_write (store->volume, BDB_DURABLE, save_removal, &change, error))
    return FALSE;
  g_mutex_lock (&store->lock);
  SatchelStorageMailbox *handle = change.box->handle;
  g_hash_table_remove (store->boxes, name);
  g_mutex_unlock (&store->lock);
  if (handle != NULL)
    satchel_storage_mailbox_renamed (handle, NULL);
  return TRUE;
}

/* ---- rename ---- */

static gboolean
save_renames (BdbWrite *write, gpointer data, GError **error)
{
  NameChange *change = data;
  for (guint i = 0; i < change->names->len; i++)
    {
      const char *old = change->names->pdata[i];
      g_autofree char *new = g_strconcat (change->to, old + strlen (change->name), NULL);
      BdbKey key;
      key_of_name (&key, change->store, BDB_KIND_NAME, old);
      if (!bdb_remove (write, BDB_RECORDS, &key, error)
          || !bdb_store_save_name (change->store, write, new, g_hash_table_lookup (change->store->boxes, old),
                                   error))
        return FALSE;
    }
  return TRUE;
}

static void
take_renames (SatchelStorage *storage, NameChange *change)
{
  BdbStore *store = change->store;
  for (guint i = 0; i < change->names->len; i++)
    {
      const char *old = change->names->pdata[i];
      char *new = g_strconcat (change->to, old + strlen (change->name), NULL);
      gpointer key, value;
      g_mutex_lock (&store->lock);
      g_hash_table_steal_extended (store->boxes, old, &key, &value);
      g_free (key);
      g_hash_table_insert (store->boxes, new, value);
      SatchelStorageMailbox *handle = ((BdbBox *) value)->handle;
      g_mutex_unlock (&store->lock);
      if (handle != NULL)
        satchel_storage_mailbox_renamed (handle, new);
    }
}

static gboolean
rename_boxes (SatchelStorage *storage, NameChange *change, GError **error)
{
  GHashTableIter iter;
  gpointer name;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_hash_table_iter_init (&iter, change->store->boxes);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (strcmp (name, change->name) == 0 || is_below (name, change->name))
      g_ptr_array_add (names, g_strdup (name));
  change->names = names;
  if (!bdb_write (change->store->volume, BDB_DURABLE, save_renames, change, error))
    return FALSE;
  take_renames (storage, change);
  return TRUE;
}

gboolean
bdb_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
            GError **error)
{
  NameChange change = { .store = storage->self, .name = from, .to = to };
  if (!bdb_store_catch_up (storage, error))
    return FALSE;
  return strcmp (from, "INBOX") == 0 ? bdb_rename_inbox (storage, to, error)
                                     : rename_boxes (storage, &change, error);
}
