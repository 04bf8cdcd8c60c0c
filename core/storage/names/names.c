/* SPDX-License-Identifier: MIT
 * Implements operations on names of mailboxes, with the rules that hold for every driver (RFC 3501 5.1,
 * 6.3.3 to 6.3.9, RFC 6154), the list that is kept, and STATUS.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <string.h>

static gboolean
is_inbox (const char *name)
{
  return strcmp (name, "INBOX") == 0;
}

static gint
compare_infos (gconstpointer a, gconstpointer b)
{
  const char *first = (*(SatchelMailboxInfo *const *) a)->name,
             *second = (*(SatchelMailboxInfo *const *) b)->name;
  if (is_inbox (first) != is_inbox (second))
    return is_inbox (first) ? -1 : 1;
  return strcmp (first, second);
}

/* Says whether all accesses share the list; a layer may list other names for each access. */
static gboolean
is_list_shared (const SatchelStore *store)
{
  return SATCHEL_TOP (store->core, list)->below == NULL;
}

/* Returns a reference to the list that is kept, or NULL.  The caller holds list_lock. */
static GPtrArray *
kept_list (SatchelStore *store)
{
  if (is_list_shared (store))
    return store->core->list != NULL ? g_ptr_array_ref (store->core->list) : NULL;
  gboolean holds = store->list != NULL && store->list_generation == store->core->list_generation;
  return holds ? g_ptr_array_ref (store->list) : NULL;
}

/* Keeps a list, unless the names changed while it was made.  @generation is from before it was made. */
static void
keep_list (SatchelStore *store, GPtrArray *infos, guint generation)
{
  SatchelStoreCore *core = store->core;
  g_mutex_lock (&core->list_lock);
  GPtrArray **place = is_list_shared (store) ? &core->list : &store->list;
  if (generation == core->list_generation)
    {
      g_clear_pointer (place, g_ptr_array_unref);
      *place = g_ptr_array_ref (infos);
      store->list_generation = generation;
    }
  g_mutex_unlock (&core->list_lock);
}

static GPtrArray *
all_cached (SatchelStore *store)
{
  g_mutex_lock (&store->core->list_lock);
  GPtrArray *list = kept_list (store);
  g_mutex_unlock (&store->core->list_lock);
  if (list != NULL && !satchel_storage_list_is_current (SATCHEL_STACK (store)))
    g_clear_pointer (&list, g_ptr_array_unref);
  return list;
}

/* Compares the list with the change log, since another program may have changed the names. */
static void
hold_against_log (SatchelStore *store, GPtrArray *infos)
{
  if (store->core->changes == NULL || !is_list_shared (store))
    return;
  satchel_store_begin_write (store->core);
  if (!satchel_changes_know_names (store->core, infos))
    satchel_changes_mend (store->core);
  satchel_store_end_write (store->core);
}

GPtrArray *
satchel_store_list_all (SatchelStore *store, GError **error)
{
  SatchelStoreCore *core = store->core;
  GPtrArray *cached = all_cached (store);
  if (cached != NULL)
    return cached;
  g_mutex_lock (&core->list_lock);
  guint generation = core->list_generation;
  g_mutex_unlock (&core->list_lock);
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (SATCHEL_STACK (store), infos, error))
    return NULL;
  g_ptr_array_sort (infos, compare_infos);
  if (SATCHEL_TOP (core, list_is_current) != NULL)
    keep_list (store, infos, generation);
  hold_against_log (store, infos);
  return g_steal_pointer (&infos);
}

GPtrArray *
satchel_store_list (SatchelStore *store, GError **error)
{
  return satchel_rights_filter_list (store, satchel_store_list_all (store, error));
}

GPtrArray *
satchel_store_list_cached (SatchelStore *store)
{
  return satchel_rights_filter_list (store, all_cached (store));
}

/* Says whether the list has room for a name.  Mailboxes and subscriptions count alike, so that neither can
 * make it grow without end. */
gboolean
satchel_store_check_room (SatchelStore *store, GPtrArray *infos, GError **error)
{
  if (satchel_namespaces_count_own (store->core, infos) >= store->core->max_mailboxes)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "limits.mailboxes (%u) is reached",
                              store->core->max_mailboxes);
  return TRUE;
}

static gboolean
check_room (SatchelStore *store, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list_all (store, error);
  return infos != NULL && satchel_store_check_room (store, infos, error);
}

static gboolean
may_create (SatchelStore *store, const char *name, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list_all (store, error);
  return infos != NULL && satchel_rights_check_create (store, infos, name, error);
}

static gboolean
create_locked (SatchelStore *store, const char *name, guint special_use, GError **error)
{
  if (is_inbox (name))
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "INBOX always exists");
  if (!may_create (store, name, error) || !check_room (store, error))
    return FALSE;
  return satchel_storage_create (SATCHEL_STACK (store), name, special_use, error);
}

static void
begin_change (SatchelStore *store, const SatchelNameChange *change)
{
  satchel_store_begin_write (store->core);
  satchel_changes_intend_name (store->core, change);
}

static gboolean
end_change (SatchelStore *store, const SatchelNameChange *change, gboolean result)
{
  satchel_changes_record_name (store->core, change, result);
  satchel_store_end_write (store->core);
  return result;
}

gboolean
satchel_store_create (SatchelStore *store, const char *name, guint special_use, GError **error)
{
  if (!satchel_store_check_name (name, error))
    return FALSE;
  SatchelNameChange change = { SATCHEL_CHANGE_CREATE, store->access, name, NULL, special_use };
  begin_change (store, &change);
  return end_change (store, &change, create_locked (store, name, special_use, error));
}

gboolean
satchel_store_delete (SatchelStore *store, const char *name, GError **error)
{
  if (!satchel_store_check_name (name, error))
    return FALSE;
  if (is_inbox (name))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "INBOX cannot be deleted");
  SatchelNameChange change = { SATCHEL_CHANGE_DELETE, store->access, name, NULL, 0 };
  begin_change (store, &change);
  return end_change (store, &change,
                     satchel_rights_check (store, name, SATCHEL_ACT_DELETE, error)
                         && satchel_storage_remove (SATCHEL_STACK (store), name, error));
}

static gboolean
check_rename (const char *from, const char *to, GError **error)
{
  gsize len = strlen (from);
  if (is_inbox (to) || strcmp (from, to) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "there is a mailbox %s already", to);
  /* INBOX may be renamed below itself: only its messages move. */
  if (!is_inbox (from) && strncmp (from, to, len) == 0 && to[len] == '/')
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a mailbox cannot move below itself");
  return TRUE;
}

/* Checks what every driver's rename relies on: the source exists, the new name is free, and all names stay in
 * bounds. */
static gboolean
check_rename_list (SatchelStore *store, GPtrArray *infos, const char *from, const char *to, GError **error)
{
  const SatchelMailboxInfo *source = satchel_list_find (infos, from), *taken = satchel_list_find (infos, to);
  if (!satchel_rights_check (store, from, is_inbox (from) ? SATCHEL_ACT_RENAME_INBOX : SATCHEL_ACT_RENAME,
                             error)
      || !satchel_rights_check_create (store, infos, to, error))
    return FALSE;
  if (source == NULL || !source->exists)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  if (taken != NULL && taken->exists)
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "there is a mailbox %s already", to);
  if (is_inbox (from))
    return check_room (store, error);
  gsize len = strlen (from), new_len = strlen (to);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (strncmp (info->name, from, len) == 0 && info->name[len] == '/'
          && new_len + strlen (info->name + len) > SATCHEL_MAILBOX_NAME_BYTES)
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the name of a child would be too long");
    }
  return TRUE;
}

/* Renames subscriptions, since somebody who renames a mailbox wants to go on seeing it, and its children, in
 * a client that shows subscribed mailboxes (decision 0013).  @infos is the list from before.  The mailbox has
 * its new name already, so a failure is only logged. */
static void
move_subscriptions (SatchelStore *store, GPtrArray *infos, const char *from, const char *to)
{
  gsize len = strlen (from);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      g_autoptr (GError) error = NULL;
      if (!info->is_subscribed || strncmp (info->name, from, len) != 0
          || (info->name[len] != '\0' && info->name[len] != '/'))
        continue;
      g_autofree char *name = g_strconcat (to, info->name + len, NULL);
      if (strlen (name) <= SATCHEL_MAILBOX_NAME_BYTES
          && (!satchel_storage_subscribe (SATCHEL_STACK (store), name, TRUE, &error)
              || !satchel_storage_subscribe (SATCHEL_STACK (store), info->name, FALSE, &error)))
        satchel_log (SATCHEL_LOG_WARNING, "storage",
                     "user=%s the subscription of mailbox %s could not be moved to its new name: %s",
                     store->core->user, info->name, error->message);
    }
}

gboolean
satchel_store_rename (SatchelStore *store, const char *from, const char *to, GError **error)
{
  if (!satchel_store_check_name (from, error) || !satchel_store_check_name (to, error)
      || !check_rename (from, to, error))
    return FALSE;
  SatchelNameChange change = { SATCHEL_CHANGE_RENAME, store->access, from, to, 0 };
  begin_change (store, &change);
  g_autoptr (GPtrArray) infos = satchel_store_list_all (store, error);
  gboolean is_renamed = infos != NULL && check_rename_list (store, infos, from, to, error)
                        && satchel_storage_rename (SATCHEL_STACK (store), from, to, error);
  if (is_renamed && !is_inbox (from))
    move_subscriptions (store, infos, from, to);
  return end_change (store, &change, is_renamed);
}

static gboolean
subscribe_locked (SatchelStore *store, const char *name, gboolean subscribe, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list_all (store, error);
  if (infos == NULL)
    return FALSE;
  /* The driver is asked even if nothing changes, since only it knows whether the subscription is durable. */
  if (subscribe && satchel_list_find (infos, name) == NULL
      && satchel_namespaces_count_own (store->core, infos) >= store->core->max_mailboxes)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "limits.mailboxes (%u) is reached",
                              store->core->max_mailboxes);
  return satchel_storage_subscribe (SATCHEL_STACK (store), name, subscribe, error);
}

gboolean
satchel_store_subscribe (SatchelStore *store, const char *name, gboolean subscribe, GError **error)
{
  if (!satchel_store_check_name (name, error))
    return FALSE;
  SatchelNameChange change = { subscribe ? SATCHEL_CHANGE_SUBSCRIBE : SATCHEL_CHANGE_UNSUBSCRIBE,
                               store->access, name, NULL, 0 };
  begin_change (store, &change);
  return end_change (store, &change, subscribe_locked (store, name, subscribe, error));
}

gboolean
satchel_store_set_special_use (SatchelStore *store, const char *name, guint special_use, GError **error)
{
  if (!satchel_store_check_name (name, error))
    return FALSE;
  SatchelNameChange change = { SATCHEL_CHANGE_SPECIAL_USE, store->access, name, NULL, special_use };
  begin_change (store, &change);
  return end_change (
      store, &change,
      satchel_rights_check (store, name, SATCHEL_ACT_SET_USE, error)
          && satchel_storage_set_special_use (SATCHEL_STACK (store), name, special_use, error));
}

char *
satchel_store_find_special_use (SatchelStore *store, guint special_use, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (store, error);
  if (infos == NULL)
    return NULL;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_selectable && (info->special_use & special_use) != 0
          && satchel_rights_check (store, info->name, SATCHEL_ACT_INSERT, NULL))
        return g_strdup (info->name);
    }
  satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no mailbox has this special use");
  return NULL;
}

gboolean
satchel_store_status (SatchelStore *store, const char *name, SatchelMailboxState *ret_state, GError **error)
{
  if (!satchel_store_check_name (name, error))
    return FALSE;
  SatchelMailboxState state = { 0 };
  if (!satchel_rights_check (store, name, SATCHEL_ACT_STATUS, error))
    return FALSE;
  if (!satchel_storage_status (SATCHEL_STACK (store), name, &state, error))
    return FALSE;
  satchel_changes_look_at (store->core, name, &state);
  SatchelShownFlags shown;
  if (satchel_shown_flags_find (store, name, &shown))
    satchel_shown_flags_count (&shown, &state);
  *ret_state = state;
  return TRUE;
}
