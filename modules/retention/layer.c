/* SPDX-License-Identifier: MIT
 * The storage layer: the tree as clients see it. Every method with a name translates it.
 */
#include "layer.h"
#include "deletion.h"
#include "purge.h"
#include "removal.h"

#include <satchel/hash.h>
#include <string.h>

#define READ_ONLY (SATCHEL_RIGHT_LOOKUP | SATCHEL_RIGHT_READ)
/* The administrator's restore moves what is kept back to where it was. */
#define RESTORE (READ_ONLY | SATCHEL_RIGHT_DELETE_MESSAGES | SATCHEL_RIGHT_EXPUNGE)

static void
retention_close (SatchelStorage *storage)
{
  Retention *self = storage->self;
  retention_books_clear (&self->books);
  g_clear_pointer (&self->undone, g_ptr_array_unref);
  g_mutex_clear (&self->lock);
  g_free (self->shown);
  g_free (self);
}

/* The server itself, in `open`, where nobody else acts. */
static SatchelAccess *
own_access (SatchelStorage *storage)
{
  return satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                .cause = SATCHEL_CAUSE_BACKGROUND,
                                                .owner = storage->identity->user,
                                                .rights = SATCHEL_RIGHTS_ALL });
}

static gboolean
retention_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  g_autoptr (RetentionSettings) settings = retention_settings_current (error);
  g_autoptr (SatchelAccess) access = own_access (storage);
  char *shown = settings != NULL
                    ? satchel_storage_free_name (storage, retention_settings_name (settings), error)
                    : NULL;
  if (shown == NULL)
    return FALSE;
  Retention *self = g_new0 (Retention, 1);
  self->shown = shown;
  self->clock_s = RETENTION_CLOCK_UNREAD;
  self->is_hidden = retention_limits_of (settings, storage).is_hidden;
  g_mutex_init (&self->lock);
  retention_books_init (&self->books);
  storage->self = self;
  satchel_storage_add_namespace (storage, SATCHEL_NAMESPACE_PERSONAL, shown, RESTORE);
  if (retention_deletion_load (storage, access, error))
    return TRUE;
  retention_close (storage);
  storage->self = NULL;
  return FALSE;
}

/* ---- names ---- */

static char *
retention_shown_name (SatchelStorage *storage, const SatchelAccess *access, const char *name)
{
  g_autofree char *below = satchel_storage_shown_name (storage, access, name);
  char *shown = retention_to_shown (storage, below != NULL ? below : name);
  return shown != NULL ? shown : g_strconcat (RETENTION_STORED "-hidden/", name, NULL);
}

/* As retention_to_stored; a mailbox that is being deleted is not there. */
static char *
to_present (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  g_autofree char *stored = retention_to_stored (storage, name, error);
  if (stored == NULL || !retention_deletion_is_undone (storage, access, stored))
    return g_steal_pointer (&stored);
  satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox has been deleted");
  return NULL;
}

static void
retention_rights (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                  SatchelMailboxRights *rights)
{
  const Retention *self = storage->self;
  g_autofree char *stored = retention_to_stored (storage, name, NULL);
  if (stored == NULL)
    return;
  satchel_storage_rights (storage, access, stored, rights);
  if (!retention_is_kept (stored))
    return;
  rights->rights &= access->cause == SATCHEL_CAUSE_ADMIN ? RESTORE : READ_ONLY;
  if (self->is_hidden && access->cause == SATCHEL_CAUSE_SESSION)
    rights->rights = 0;
}

/* What is kept is of no concern to whoever looks for unread or new mail, and not about to go. The stored
 * flags come back with a copy; the server itself (an export) sees no others. */
static void
retention_shown_flags (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                       SatchelShownFlags *shown)
{
  g_autofree char *stored = retention_to_stored (storage, name, NULL);
  if (stored == NULL)
    return;
  satchel_storage_shown_flags (storage, access, stored, shown);
  if (!retention_is_kept (stored) || access->cause == SATCHEL_CAUSE_BACKGROUND)
    return;
  satchel_shown_flags_add (shown, SATCHEL_FLAG_DELETED, SATCHEL_FLAG_SEEN);
  shown->hides_recent = TRUE;
}

/* Says whether there is a mailbox with messages at @name or below it. */
static gboolean
has_kept (GHashTable *filled, const char *name)
{
  GHashTableIter iter;
  gpointer one;
  if (g_hash_table_contains (filled, name))
    return TRUE;
  g_hash_table_iter_init (&iter, filled);
  while (g_hash_table_iter_next (&iter, &one, NULL))
    if (retention_after (one, name) != NULL)
      return TRUE;
  return FALSE;
}

/* A mailbox that is emptied and not removed yet is shown as it will be then: as a name with children, or not
 * at all. */
static void
show_undone (const GPtrArray *infos, SatchelMailboxInfo *info)
{
  gboolean has_children = FALSE;
  for (guint i = 0; !has_children && i < infos->len; i++)
    {
      const SatchelMailboxInfo *other = infos->pdata[i];
      has_children = other != info && other->exists && retention_after (other->name, info->name) != NULL;
    }
  info->exists = has_children;
  info->is_selectable = FALSE;
  info->special_use = 0;
}

static void
show_kept (GHashTable *filled, SatchelMailboxInfo *info)
{
  info->exists = info->exists && has_kept (filled, info->name);
  info->is_selectable = info->exists && g_hash_table_contains (filled, info->name);
}

/* Makes @infos, which the level below lists, what the layer shows. */
static void
show_all (SatchelStorage *storage, const SatchelAccess *access, GHashTable *filled, GPtrArray *infos)
{
  for (guint i = 0; i < infos->len; i++)
    {
      SatchelMailboxInfo *info = infos->pdata[i];
      if (retention_is_kept (info->name))
        show_kept (filled, info);
      else if (info->exists && retention_deletion_is_undone (storage, access, info->name))
        show_undone (infos, info);
    }
  for (guint i = infos->len; i > 0; i--)
    {
      SatchelMailboxInfo *info = infos->pdata[i - 1];
      char *shown = retention_to_shown (storage, info->name);
      g_free (info->name);
      info->name = shown;
      if (shown == NULL || (!info->exists && !info->is_subscribed))
        g_ptr_array_remove_index_fast (infos, i - 1);
    }
}

static gboolean
retention_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  Retention *self = storage->self;
  g_atomic_int_set (&self->names_listed, g_atomic_int_get (&self->names_changed));
  g_autoptr (GHashTable) filled = retention_books_filled (&self->books, storage, access, error);
  if (filled == NULL || !satchel_storage_list (storage, access, infos, error))
    return FALSE;
  show_all (storage, access, filled, infos);
  return TRUE;
}

static gboolean
retention_list_is_current (SatchelStorage *storage, const SatchelAccess *access)
{
  Retention *self = storage->self;
  return g_atomic_int_get (&self->names_listed) == g_atomic_int_get (&self->names_changed)
         && satchel_storage_list_is_current (storage, access);
}

/* ---- calls with a name ---- */

/* Refuses a new mailbox that would be taken for one of the tree. */
static gboolean
check_new_name (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  if (retention_is_kept (name))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a name of the layer");
  retention_deletion_finish (storage, access);
  return TRUE;
}

static gboolean
retention_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
                  GError **error)
{
  return check_new_name (storage, access, name, error)
         && satchel_storage_create (storage, access, name, special_use, error);
}

static gboolean
retention_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                          const SatchelMailboxImport *import, GError **error)
{
  return check_new_name (storage, access, name, error)
         && satchel_storage_import_mailbox (storage, access, name, import, error);
}

static gboolean
retention_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
                  GError **error)
{
  g_autofree char *stored = to_present (storage, access, from, error);
  return stored != NULL && check_new_name (storage, access, to, error)
         && satchel_storage_rename (storage, access, stored, to, error);
}

static gboolean
retention_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                     gboolean subscribe, GError **error)
{
  g_autofree char *stored = retention_to_stored (storage, name, error);
  return stored != NULL && satchel_storage_subscribe (storage, access, stored, subscribe, error);
}

static gboolean
retention_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                           guint special_use, GError **error)
{
  g_autofree char *stored = to_present (storage, access, name, error);
  return stored != NULL && satchel_storage_set_special_use (storage, access, stored, special_use, error);
}

static SatchelStorageMailbox *
retention_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        GError **error)
{
  g_autofree char *stored = to_present (storage, access, name, error);
  return stored != NULL ? satchel_storage_open_mailbox (storage, access, stored, error) : NULL;
}

static gboolean
retention_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                  SatchelMailboxState *ret_state, GError **error)
{
  g_autofree char *stored = to_present (storage, access, name, error);
  return stored != NULL && satchel_storage_status (storage, access, stored, ret_state, error);
}

/* What is kept is not the user's any more: it counts in no quota. */
static gboolean
retention_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error)
{
  Retention *self = storage->self;
  SatchelUsage kept = { 0 };
  if (!satchel_storage_usage (storage, access, mailbox, uids, ret_usage, error))
    return FALSE;
  if (mailbox != NULL)
    return TRUE;
  if (!retention_books_sum (&self->books, storage, access, &kept, error))
    return FALSE;
  ret_usage->bytes -= MIN (kept.bytes, ret_usage->bytes);
  ret_usage->messages -= MIN (kept.messages, ret_usage->messages);
  return TRUE;
}

/* It is next to the driver: a quota above it sees removals as such, and does not count what is kept. */
const SatchelStorageOps retention_ops = {
  .size = sizeof retention_ops,
  .band = 50,
  .classes = SATCHEL_CLASS_LIST | SATCHEL_CLASS_REMOVE,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .fields = SATCHEL_FIELDS_ALL,
  .open = retention_open,
  .close = retention_close,
  .maintain = retention_maintain,
  .list = retention_list,
  .list_is_current = retention_list_is_current,
  .create = retention_create,
  .import_mailbox = retention_import_mailbox,
  .remove = retention_remove,
  .rename = retention_rename,
  .subscribe = retention_subscribe,
  .set_special_use = retention_set_special_use,
  .open_mailbox = retention_open_mailbox,
  .status = retention_status,
  .usage = retention_usage,
  .plan = retention_plan,
  .committed = retention_committed,
  .rights = retention_rights,
  .shown_name = retention_shown_name,
  .shown_flags = retention_shown_flags,
};
