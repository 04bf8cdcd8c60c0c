/* SPDX-License-Identifier: MIT
 * This file makes mailboxes as they were in another store, and sets their state.
 */
#include "config.h"

#include "driver.h"
#include "message/history.h"
#include "message/mailbox.h"

#include <string.h>

typedef struct Import
{
  BdbStore *store;
  const char *name;
  const SatchelMailboxImport *import;
  BdbBox *before;            /* the mailbox that has the name now, or NULL */
  BdbBox *box;               /* the mailbox that is imported: `before`, or a new one */
  SatchelMailboxState state; /* the state that it gets */
  SatchelSnapshot *snapshot; /* the messages that it has */
  guint32 n_tombstones;
} Import;

static gboolean
id_is_taken (BdbStore *store, const BdbBox *but, const guint8 id[16])
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, store->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (value != but && memcmp (((BdbBox *) value)->state.mailbox_id, id, 16) == 0)
      return TRUE;
  return FALSE;
}

static void
set_state (Import *import)
{
  const SatchelMailboxImport *from = import->import;
  SatchelMailboxState *state = &import->state;
  memcpy (state->mailbox_id, from->mailbox_id, sizeof state->mailbox_id);
  state->uidvalidity = from->uidvalidity;
  state->uidnext = from->uidnext;
  state->first_recent_uid = MAX (from->first_recent_uid, 1);
  state->highestmodseq = from->highestmodseq;
  state->history_start = from->history_start != 0 ? from->history_start : from->highestmodseq;
}

/* Writes the history anew: a record for each mod-sequence. */
static gboolean
save_history (Import *import, BdbWrite *write, GError **error)
{
  const SatchelMailboxImport *from = import->import;
  BdbKey prefix;
  bdb_key_begin (&prefix, import->store->user, BDB_KIND_TOMBSTONES);
  bdb_key_u32 (&prefix, import->box->number);
  import->n_tombstones = 0;
  if (!bdb_remove_all (write, BDB_RECORDS, &prefix, error))
    return FALSE;
  for (guint i = 0; i < from->n_tombstones;)
    {
      g_auto (SatchelUidSet) uids = { NULL, 0 };
      guint64 modseq = from->tombstones[i].modseq;
      for (; i < from->n_tombstones && from->tombstones[i].modseq == modseq; i++)
        satchel_uid_set_add (&uids, from->tombstones[i].first, from->tombstones[i].last);
      import->n_tombstones += uids.n_ranges;
      if (!bdb_history_add (import->store, write, import->box, modseq, &uids, error))
        return FALSE;
    }
  return bdb_history_trim (import->store, write, import->box, &import->n_tombstones,
                           &import->state.history_start, error);
}

static gboolean
save_import (BdbWrite *write, gpointer data, GError **error)
{
  Import *import = data;
  BdbStore *store = import->store;
  set_state (import);
  return (import->before == NULL || import->before == import->box
          || bdb_box_erase (store, write, import->before, error))
         && save_history (import, write, error)
         && bdb_box_save (store, write, import->box, &import->state, import->snapshot->keywords,
                          import->snapshot->n_keywords, import->n_tombstones, error)
         && bdb_store_save_name (store, write, import->name, import->box, error)
         && bdb_store_save_counters (store, write, error);
}

static void
take_import (Import *import)
{
  BdbStore *store = import->store;
  SatchelStorageMailbox *handle = NULL;
  bdb_box_take (
      store, import->box,
      satchel_snapshot_builder_finish (satchel_snapshot_builder_new (import->snapshot), &import->state),
      import->n_tombstones);
  if (import->box == import->before)
    return;
  g_mutex_lock (&store->lock);
  if (import->before != NULL)
    handle = import->before->handle;
  g_hash_table_replace (store->boxes, g_strdup (import->name), bdb_box_ref (import->box));
  g_mutex_unlock (&store->lock);
  if (handle != NULL)
    satchel_storage_mailbox_renamed (handle, NULL);
}

static gboolean
run_import (Import *import, GError **error)
{
  BdbStore *store = import->store;
  BdbCounters before = store->counters;
  store->counters.modseq = MAX (before.modseq, import->import->highestmodseq);
  store->counters.last_uidvalidity = MAX (before.last_uidvalidity, import->import->uidvalidity);
  if (!bdb_write (store->volume, BDB_DURABLE, save_import, import, error))
    return FALSE;
  take_import (import);
  return TRUE;
}

gboolean
bdb_import_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                    const SatchelMailboxImport *from, GError **error)
{
  BdbStore *store = storage->self;
  gboolean is_same = FALSE;
  if (!bdb_store_catch_up (storage, error) || !bdb_volume_check_space (store->volume, error))
    return FALSE;
  Import import = { .store = store, .name = name, .import = from };
  import.before = g_hash_table_lookup (store->boxes, name);
  if (id_is_taken (store, import.before, from->mailbox_id))
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "another mailbox has the id");
  g_autoptr (SatchelSnapshot) present =
      import.before != NULL ? bdb_box_load_snapshot (store, import.before, error) : NULL;
  if (import.before != NULL
      && (present == NULL || !satchel_mailbox_import_fits (from, present, &is_same, error)))
    return FALSE;
  g_autoptr (SatchelSnapshot) nothing = NULL;
  if (is_same)
    {
      import.box = bdb_box_ref (import.before);
      import.snapshot = present;
    }
  else
    {
      import.box = bdb_box_make (store);
      import.box->special_use = import.before != NULL ? import.before->special_use : 0;
      nothing = satchel_snapshot_builder_finish (satchel_snapshot_builder_new (NULL), &import.box->state);
      import.snapshot = nothing;
    }
  import.state = import.snapshot->state;
  gboolean ok = run_import (&import, error);
  bdb_box_unref (import.box);
  return ok;
}
