/* SPDX-License-Identifier: MIT
 * Implements handles, which sessions and deliveries hold of a store and of its mailboxes, each with its
 * access. It also counts the keys of these accesses. What handles share is in store.c and mailbox.c.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/storage/mailbox/key_cache.h"

SatchelStorage *
satchel_store_level (SatchelStore *store, const SatchelStorageOps *ops)
{
  SatchelStoreCore *core = store->core;
  for (guint i = 0; i < core->n_levels; i++)
    if (core->levels[i].ops == ops)
      return &core->levels[i];
  return NULL;
}

static void
tell_levels (SatchelStoreCore *core, const SatchelAccess *access, gboolean is_attach)
{
  for (guint i = 0; i < core->n_levels; i++)
    {
      SatchelStorage *level = &core->levels[is_attach ? core->n_levels - 1 - i : i];
      if (is_attach && SATCHEL_HAS (level->ops, attach))
        level->ops->attach (level, access);
      else if (!is_attach && SATCHEL_HAS (level->ops, detach))
        level->ops->detach (level, access);
    }
}

/* Finds the use of a key.  The caller holds keys_lock. */
static SatchelKeyUse *
find_use (SatchelStoreCore *core, GBytes *key)
{
  for (guint i = 0; i < core->key_uses->len; i++)
    {
      SatchelKeyUse *use = core->key_uses->pdata[i];
      if (satchel_secret_equal (use->key, key))
        return use;
    }
  return NULL;
}

/* Counts a use of the access's key, and returns the key's id. */
static guint
attach_key (SatchelStoreCore *core, const SatchelAccess *access)
{
  if (access->key == NULL)
    return 0;
  g_mutex_lock (&core->keys_lock);
  SatchelKeyUse *use = find_use (core, access->key);
  if (use == NULL)
    {
      use = g_new0 (SatchelKeyUse, 1);
      use->key = g_bytes_ref (access->key);
      use->id = ++core->last_key_id;
      g_ptr_array_add (core->key_uses, use);
      tell_levels (core, access, TRUE);
    }
  use->n_handles++;
  guint id = use->id;
  g_mutex_unlock (&core->keys_lock);
  return id;
}

/* Drops what was made with a key that no access has any more. */
static void
forget_keys (SatchelStoreCore *core, guint id)
{
  GHashTableIter iter;
  gpointer value;
  g_mutex_lock (&core->handles_lock);
  g_hash_table_iter_init (&iter, core->handles);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    satchel_key_cache_forget (value, id);
  for (guint i = 0; i < core->orphans->len; i++)
    satchel_key_cache_forget (core->orphans->pdata[i], id);
  g_mutex_unlock (&core->handles_lock);
}

static void
detach_key (SatchelStoreCore *core, const SatchelAccess *access)
{
  if (access->key == NULL)
    return;
  g_mutex_lock (&core->keys_lock);
  SatchelKeyUse *use = find_use (core, access->key);
  if (--use->n_handles == 0)
    {
      tell_levels (core, access, FALSE);
      forget_keys (core, use->id);
      g_ptr_array_remove_fast (core->key_uses, use);
      g_bytes_unref (use->key);
      g_free (use);
    }
  g_mutex_unlock (&core->keys_lock);
}

SatchelStore *
satchel_store_handle_new (SatchelStoreCore *core, const SatchelAccess *access)
{
  SatchelStore *store = g_new0 (SatchelStore, 1);
  g_atomic_ref_count_init (&store->refs);
  store->core = core;
  store->access = satchel_access_ref (access);
  store->key_id = attach_key (core, access);
  return store;
}

SatchelStore *
satchel_store_with_access (SatchelStore *store, const SatchelAccess *access)
{
  return satchel_store_handle_new (satchel_store_core_ref (store->core), access);
}

SatchelStore *
satchel_store_ref (SatchelStore *store)
{
  g_atomic_ref_count_inc (&store->refs);
  return store;
}

void
satchel_store_unref (SatchelStore *store)
{
  if (!g_atomic_ref_count_dec (&store->refs))
    return;
  detach_key (store->core, store->access);
  satchel_access_unref (store->access);
  g_clear_pointer (&store->list, g_ptr_array_unref);
  satchel_store_core_unref (store->core);
  g_free (store);
}

gboolean
satchel_store_is_light (const SatchelStore *store)
{
  return store->list == NULL && (store->access->key == NULL || !store->had_mailbox);
}

const char *
satchel_store_user (SatchelStore *store)
{
  return store->core->user;
}

const SatchelAccess *
satchel_store_access (SatchelStore *store)
{
  return store->access;
}

gboolean
satchel_store_is_same (const SatchelStore *one, const SatchelStore *other)
{
  return one != NULL && other != NULL && one->core == other->core;
}

char *
satchel_store_describe (SatchelStore *store)
{
  return g_strjoinv (" > ", store->core->level_names);
}

SatchelMailbox *
satchel_mailbox_handle_new (SatchelStore *store, SatchelMailboxCore *core)
{
  SatchelMailbox *mailbox;
  g_mutex_lock (&core->store->handles_lock);
  for (mailbox = store->mailboxes; mailbox != NULL && mailbox->core != core;)
    mailbox = mailbox->next;
  if (mailbox != NULL)
    {
      mailbox->refs++;
      g_mutex_unlock (&core->store->handles_lock);
      satchel_storage_mailbox_unref (&core->handle);
      return mailbox;
    }
  mailbox = g_new0 (SatchelMailbox, 1);
  *mailbox = (SatchelMailbox) { .refs = 1, .core = core, .store = satchel_store_ref (store) };
  SATCHEL_LIST_PREPEND (store->mailboxes, mailbox);
  store->had_mailbox = TRUE;
  g_mutex_unlock (&core->store->handles_lock);
  return mailbox;
}

SatchelMailbox *
satchel_mailbox_ref (SatchelMailbox *mailbox)
{
  g_mutex_lock (&mailbox->core->store->handles_lock);
  mailbox->refs++;
  g_mutex_unlock (&mailbox->core->store->handles_lock);
  return mailbox;
}

void
satchel_mailbox_unref (SatchelMailbox *mailbox)
{
  SatchelStoreCore *core = mailbox->core->store;
  g_mutex_lock (&core->handles_lock);
  gboolean is_last = --mailbox->refs == 0;
  if (is_last)
    SATCHEL_LIST_REMOVE (mailbox->store->mailboxes, mailbox);
  g_mutex_unlock (&core->handles_lock);
  if (!is_last)
    return;
  satchel_storage_mailbox_unref (&mailbox->core->handle);
  satchel_store_unref (mailbox->store);
  g_free (mailbox);
}

SatchelStore *
satchel_mailbox_store (SatchelMailbox *mailbox)
{
  return mailbox->store;
}

char *
satchel_mailbox_name (SatchelMailbox *mailbox)
{
  g_autofree char *name = satchel_storage_mailbox_name (&mailbox->core->handle);
  char *shown = satchel_storage_shown_name (SATCHEL_STACK (mailbox->store), name);
  return shown != NULL ? shown : g_steal_pointer (&name);
}

gboolean
satchel_mailbox_is_deleted (SatchelMailbox *mailbox)
{
  return satchel_storage_mailbox_is_deleted (&mailbox->core->handle);
}

SatchelSnapshot *
satchel_mailbox_snapshot (SatchelMailbox *mailbox)
{
  SatchelShownFlags shown;
  if (SATCHEL_TOP (mailbox->store->core, shown_flags) != NULL)
    {
      g_autofree char *name = satchel_mailbox_name (mailbox);
      if (satchel_shown_flags_find (mailbox->store, name, &shown))
        return satchel_shown_flags_snapshot (mailbox->core, &shown);
    }
  return satchel_storage_mailbox_snapshot (&mailbox->core->handle);
}
