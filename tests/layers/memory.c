/* SPDX-License-Identifier: MIT
 * Driver `memory`: the module, users and names.  See memory.h.
 */
#include "memory.h"

#include <satchel/module.h>
#include <string.h>

/* Users outlive their stores, as files would: VOLUME:PATH -> MemoryUser. */
static GMutex users_lock;
static GHashTable *users;

static MemoryUser *
user_new (void)
{
  MemoryUser *user = g_new0 (MemoryUser, 1);
  g_mutex_init (&user->lock);
  user->boxes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, memory_box_unref);
  user->subscriptions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  user->files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_byte_array_unref);
  user->spaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_hash_table_unref);
  user->modseq = 1;
  g_hash_table_insert (user->boxes, g_strdup ("INBOX"), memory_box_new (user));
  return user;
}

static void
user_free (gpointer data)
{
  MemoryUser *user = data;
  g_hash_table_unref (user->boxes);
  g_hash_table_unref (user->subscriptions);
  g_hash_table_unref (user->files);
  g_hash_table_unref (user->spaces);
  g_mutex_clear (&user->lock);
  g_free (user);
}

/* Volumes have names that begin with "v"; "": a volume, too. */
static char *
place_of (const SatchelStorageIdentity *identity)
{
  return g_strdup_printf ("%s:%s", identity->volume != NULL ? identity->volume : "", identity->path);
}

static gboolean
memory_exists (const SatchelStorageIdentity *identity, const SatchelConfig *section)
{
  g_autofree char *place = place_of (identity);
  g_mutex_lock (&users_lock);
  gboolean exists = users != NULL && g_hash_table_contains (users, place);
  g_mutex_unlock (&users_lock);
  return exists;
}

static gboolean
memory_has_volume (const char *volume, const SatchelConfig *section)
{
  return *volume == 'v';
}

static gboolean
memory_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  g_mutex_lock (&users_lock);
  if (users == NULL)
    users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, user_free);
  g_autofree char *place = place_of (storage->identity);
  MemoryUser *user = g_hash_table_lookup (users, place);
  if (user == NULL)
    g_hash_table_insert (users, g_steal_pointer (&place), user = user_new ());
  g_mutex_unlock (&users_lock);
  storage->self = user;
  return TRUE;
}

static void
memory_close (SatchelStorage *storage)
{
  storage->self = NULL;
}

static gboolean
memory_destroy (const SatchelStorageIdentity *identity, const SatchelConfig *section, GError **error)
{
  g_autofree char *place = place_of (identity);
  g_mutex_lock (&users_lock);
  if (users != NULL)
    g_hash_table_remove (users, place);
  g_mutex_unlock (&users_lock);
  return TRUE;
}

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

static gboolean
memory_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer key, value;
  g_mutex_lock (&user->lock);
  g_hash_table_iter_init (&iter, user->boxes);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      SatchelMailboxInfo *info = info_for (by_name, key);
      info->exists = info->is_selectable = TRUE;
      info->special_use = ((MemoryBox *) value)->special_use;
      g_autofree char *parent = g_strdup (key);
      for (char *slash = strrchr (parent, '/'); slash != NULL; slash = strrchr (parent, '/'))
        {
          *slash = '\0';
          info_for (by_name, parent)->exists = TRUE;
        }
    }
  g_hash_table_iter_init (&iter, user->subscriptions);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    info_for (by_name, key)->is_subscribed = TRUE;
  g_mutex_unlock (&user->lock);
  g_hash_table_iter_init (&iter, by_name);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (infos, value);
  return TRUE;
}

static gboolean
memory_list_is_current (SatchelStorage *storage, const SatchelAccess *access)
{
  return TRUE; /* nobody else changes anything, and the core forgets the list when it does */
}

/* ---- names ---- */

static gboolean
is_below (const char *name, const char *parent)
{
  gsize len = strlen (parent);
  return strncmp (name, parent, len) == 0 && name[len] == '/';
}

static gboolean
has_children (MemoryUser *user, const char *name)
{
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, user->boxes);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (is_below (key, name))
      return TRUE;
  return FALSE;
}

static void
move_use (MemoryUser *user, MemoryBox *to, guint special_use)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, user->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((MemoryBox *) value)->special_use &= ~special_use;
  to->special_use = special_use;
}

static gboolean
memory_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
               GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  if (g_hash_table_contains (user->boxes, name))
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "mailbox exists");
  MemoryBox *box = memory_box_new (user);
  g_hash_table_insert (user->boxes, g_strdup (name), box);
  move_use (user, box, special_use);
  return TRUE;
}

static gboolean
memory_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  MemoryUser *user = storage->self;
  SatchelStorageMailbox *handle = satchel_storage_find_mailbox (storage, name);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  if (!g_hash_table_contains (user->boxes, name))
    return has_children (user, name)
               ? satchel_error_set (error, SATCHEL_ERROR_CANNOT, "only a name with children")
               : satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  g_hash_table_remove (user->boxes, name);
  g_clear_pointer (&locker, g_mutex_locker_free);
  if (handle != NULL)
    satchel_storage_mailbox_renamed (handle, NULL);
  return TRUE;
}

/* RFC 3501 6.3.5: the messages of INBOX move, INBOX stays. */
static void
rename_inbox (MemoryUser *user, const char *to)
{
  MemoryBox *inbox = g_hash_table_lookup (user->boxes, "INBOX"), *box = memory_box_new (user);
  guint64 modseq = ++user->modseq;
  SatchelSnapshotBuilder *filled = satchel_snapshot_builder_new (box->snapshot);
  SatchelSnapshotBuilder *emptied = satchel_snapshot_builder_new (inbox->snapshot);
  SatchelMailboxState filled_state = box->snapshot->state, emptied_state = inbox->snapshot->state;
  satchel_snapshot_builder_set_keywords (filled, inbox->snapshot->keywords, inbox->snapshot->n_keywords);
  for (guint32 i = 0; i < inbox->snapshot->state.n_messages; i++)
    {
      SatchelMessageRow row;
      satchel_snapshot_builder_get (emptied, i, &row);
      satchel_snapshot_builder_remove (emptied, i);
      memory_box_bury (inbox, row.uid, modseq);
      MemoryMessage *message = g_hash_table_lookup (inbox->messages, GUINT_TO_POINTER (row.uid));
      row.uid = filled_state.uidnext++;
      row.modseq = modseq;
      satchel_snapshot_builder_append (filled, &row);
      g_hash_table_insert (box->messages, GUINT_TO_POINTER (row.uid), memory_message_ref (message));
    }
  g_hash_table_remove_all (inbox->messages);
  filled_state.highestmodseq = emptied_state.highestmodseq = modseq;
  memory_box_publish (box, satchel_snapshot_builder_finish (filled, &filled_state));
  memory_box_publish (inbox, satchel_snapshot_builder_finish (emptied, &emptied_state));
  g_hash_table_insert (user->boxes, g_strdup (to), box);
}

static gboolean
memory_rename (SatchelStorage *storage, const SatchelAccess *access, const char *from, const char *to,
               GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer key, value;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  if (strcmp (from, "INBOX") == 0)
    {
      rename_inbox (user, to);
      return TRUE;
    }
  g_hash_table_iter_init (&iter, user->boxes);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    if (strcmp (key, from) == 0 || is_below (key, from))
      g_ptr_array_add (names, g_strdup (key));
  for (guint i = 0; i < names->len; i++)
    {
      char *old = names->pdata[i], *new = g_strconcat (to, old + strlen (from), NULL);
      SatchelStorageMailbox *handle = satchel_storage_find_mailbox (storage, old);
      g_hash_table_steal_extended (user->boxes, old, &key, &value);
      g_free (key);
      g_hash_table_insert (user->boxes, new, value);
      if (handle != NULL)
        satchel_storage_mailbox_renamed (handle, new);
    }
  return TRUE;
}

static gboolean
memory_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name, gboolean subscribe,
                  GError **error)
{
  MemoryUser *user = storage->self;
  g_mutex_lock (&user->lock);
  if (subscribe)
    g_hash_table_add (user->subscriptions, g_strdup (name));
  else
    g_hash_table_remove (user->subscriptions, name);
  g_mutex_unlock (&user->lock);
  return TRUE;
}

static gboolean
memory_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                        guint special_use, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  MemoryBox *box = g_hash_table_lookup (user->boxes, name);
  if (box == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  move_use (user, box, special_use);
  return TRUE;
}

/* ---- files of the core ---- */

static gboolean
memory_read_file (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
                  gsize max, GByteArray *data, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  const GByteArray *file = g_hash_table_lookup (user->files, name);
  if (file != NULL && offset < file->len)
    g_byte_array_append (data, file->data + offset, (guint) MIN (max, file->len - offset));
  return TRUE;
}

static gboolean
memory_write_file (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
                   GBytes *data, SatchelFileWrite how, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  GByteArray *file = g_hash_table_lookup (user->files, name);
  gsize len;
  const guint8 *bytes = g_bytes_get_data (data, &len);
  if (file == NULL)
    g_hash_table_insert (user->files, g_strdup (name), file = g_byte_array_new ());
  if (offset > file->len)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "a hole in file %s", name);
  g_byte_array_set_size (file, (guint) offset);
  g_byte_array_append (file, bytes, (guint) len);
  return TRUE;
}

static const SatchelStorageOps memory_ops = {
  .size = sizeof (SatchelStorageOps),
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = memory_open,
  .close = memory_close,
  .list = memory_list,
  .list_is_current = memory_list_is_current,
  .create = memory_create,
  .remove = memory_remove,
  .rename = memory_rename,
  .subscribe = memory_subscribe,
  .set_special_use = memory_set_special_use,
  .open_mailbox = memory_open_mailbox,
  .close_mailbox = memory_close_mailbox,
  .status = memory_status,
  .sync = memory_sync,
  .is_current = memory_is_current,
  .claim_recent = memory_claim_recent,
  .vanished = memory_vanished,
  .stage = memory_stage,
  .stage_drop = memory_stage_drop,
  .commit = memory_commit,
  .open_message = memory_open_message,
  .peek_message = memory_peek_message,
  .email_id = memory_email_id,
  .unique_ids = memory_unique_ids,
  .usage = memory_usage,
  .get_blob = memory_get_blob,
  .list_blobs = memory_list_blobs,
  .put_blobs = memory_put_blobs,
  .get_attributes = memory_get_attributes,
  .put_attributes = memory_put_attributes,
  .get_metadata = memory_get_metadata,
  .put_metadata = memory_put_metadata,
  .import_mailbox = memory_import_mailbox,
  .list_metadata = memory_list_metadata,
  .tombstones = memory_tombstones,
  .fields = SATCHEL_FIELDS_ALL,
  .read_file = memory_read_file,
  .write_file = memory_write_file,
  .exists = memory_exists,
  .has_volume = memory_has_volume,
  .list_spaces = memory_list_spaces,
  .destroy = memory_destroy,
  .exchange = memory_exchange,
};

/* `broken` has the driver in it. */
#ifndef MEMORY_MODULE
#define MEMORY_MODULE satchel_module
#else
const SatchelModule *MEMORY_MODULE (void);
#endif

const SatchelModule *
MEMORY_MODULE (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_DRIVER, NULL, &memory_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "memory",
    .version = "0.1",
    .description = "Mail in memory, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
