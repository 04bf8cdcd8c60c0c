/* SPDX-License-Identifier: MIT
 * Driver `memory`: mailboxes from another store, and what an export asks for.  See memory.h.
 */
#include "memory.h"

#include <string.h>

static gboolean
id_is_taken (MemoryUser *user, const MemoryBox *but, const guint8 id[16])
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, user->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (value != but && memcmp (((MemoryBox *) value)->snapshot->state.mailbox_id, id, 16) == 0)
      return TRUE;
  return FALSE;
}

static void
set_box (MemoryUser *user, MemoryBox *box, const SatchelMailboxImport *import)
{
  SatchelMailboxState state = box->snapshot->state;
  memcpy (state.mailbox_id, import->mailbox_id, sizeof (state.mailbox_id));
  state.uidvalidity = import->uidvalidity;
  state.uidnext = import->uidnext;
  state.first_recent_uid = MAX (import->first_recent_uid, 1);
  state.highestmodseq = import->highestmodseq;
  state.history_start = import->history_start != 0 ? import->history_start : import->highestmodseq;
  g_array_set_size (box->tombstones, 0);
  for (guint i = 0; i < import->n_tombstones; i++)
    for (guint32 uid = import->tombstones[i].first; uid <= import->tombstones[i].last; uid++)
      memory_box_bury (box, uid, import->tombstones[i].modseq);
  user->modseq = MAX (user->modseq, import->highestmodseq);
  user->last_uidvalidity = MAX (user->last_uidvalidity, import->uidvalidity);
  memory_box_publish (box,
                      satchel_snapshot_builder_finish (satchel_snapshot_builder_new (box->snapshot), &state));
}

gboolean
memory_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                       const SatchelMailboxImport *import, GError **error)
{
  MemoryUser *user = storage->self;
  SatchelStorageMailbox *handle = satchel_storage_find_mailbox (storage, name);
  gboolean is_same = FALSE;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  MemoryBox *box = g_hash_table_lookup (user->boxes, name);
  if (id_is_taken (user, box, import->mailbox_id))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "another mailbox has the id");
  if (box != NULL && !satchel_mailbox_import_fits (import, box->snapshot, &is_same, error))
    return FALSE;
  if (is_same)
    {
      set_box (user, box, import);
      return TRUE;
    }
  MemoryBox *fresh = memory_box_new (user);
  fresh->special_use = box != NULL ? box->special_use : 0;
  set_box (user, fresh, import);
  g_hash_table_replace (user->boxes, g_strdup (name), fresh);
  g_clear_pointer (&locker, g_mutex_locker_free);
  if (handle != NULL)
    satchel_storage_mailbox_renamed (handle, NULL);
  return TRUE;
}

/* ---- export ---- */

static GHashTable *
metadata_of (MemoryUser *user, MemoryBox *box, guint32 uid)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  MemoryMessage *message = g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uid));
  if (message == NULL || g_hash_table_size (message->metadata) == 0)
    return NULL;
  MemoryMessage *copy = memory_message_copy (message);
  GHashTable *metadata = g_hash_table_ref (copy->metadata);
  memory_message_unref (copy);
  return metadata;
}

gboolean
memory_list_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                      const guint32 *uids, guint n, SatchelMetadataFunc func, gpointer data, GError **error)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GHashTable) metadata = metadata_of (storage->self, mailbox->driver, uids[i]);
      if (metadata == NULL)
        continue;
      g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (metadata), (GCompareFunc) strcmp);
      for (const GList *key = keys; key != NULL; key = key->next)
        func (uids[i], key->data, g_hash_table_lookup (metadata, key->data), data);
    }
  return TRUE;
}

gboolean
memory_tombstones (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   GArray *tombstones, guint64 *ret_history_start, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  for (guint i = 0; i < box->tombstones->len; i++)
    {
      const MemoryTombstone *one = &g_array_index (box->tombstones, MemoryTombstone, i);
      SatchelTombstone *last =
          tombstones->len > 0 ? &g_array_index (tombstones, SatchelTombstone, tombstones->len - 1) : NULL;
      if (last != NULL && last->modseq == one->modseq && last->last + 1 == one->uid)
        last->last = one->uid;
      else
        g_array_append_val (tombstones, ((SatchelTombstone) { one->uid, one->uid, one->modseq }));
    }
  *ret_history_start = box->snapshot->state.history_start;
  g_mutex_unlock (&user->lock);
  return TRUE;
}
