/* SPDX-License-Identifier: MIT
 * This file exchanges contents of messages: a message gets a new content, and does not use its former one any
 * more, which goes with the upkeep.
 */
#include "config.h"

#include "commit/draft.h"
#include "driver.h"
#include "message/stage.h"

#include <string.h>

typedef struct Exchange
{
  SatchelStorage *storage;
  SatchelStorageMailbox *mailbox;
  const guint32 *uids;
  SatchelStaged *const *staged;
  guint n;
  BdbRun run;
  gboolean is_run; /* `run` is in use */
} Exchange;

/* The email id follows from the number of the content, so a new content has that of the former one
 * recorded. */
static gboolean
keep_email_id (BdbRun *run, guint64 former, guint64 content, GError **error)
{
  BdbKey key;
  gboolean is_found;
  guint64 id[2] = { GUINT64_TO_BE (run->store->counters.seed), GUINT64_TO_BE (former) };
  bdb_key_begin (&key, run->store->user, BDB_KIND_IMPORTED);
  bdb_key_u64 (&key, former);
  if (!bdb_get (run->store->volume, run->write, BDB_RECORDS, &key, run->buffer, &is_found, error))
    return FALSE;
  if (is_found && run->buffer->len == sizeof id)
    memcpy (id, run->buffer->data, sizeof id);
  bdb_key_begin (&key, run->store->user, BDB_KIND_IMPORTED);
  bdb_key_u64 (&key, content);
  return bdb_put (run->write, BDB_RECORDS, &key, id, sizeof id, error);
}

static gboolean
exchange_one (BdbRun *run, BdbDraft *draft, guint32 uid, const SatchelStaged *staged, GError **error)
{
  BdbStaged *own = staged->driver;
  BdbRow *row = bdb_draft_row (run, draft, uid, TRUE, error);
  if (row == NULL || !keep_email_id (run, row->content, own->content, error)
      || !bdb_staged_save (own, run->write, error)
      || (staged->attributes != NULL
          && !bdb_content_put_attributes (run->store, run->write, own->content, staged->attributes, error)))
    return FALSE;
  g_array_append_val (run->references.less, row->content);
  row->content = own->content;
  row->length = own->length;
  draft->is_changed = TRUE;
  return TRUE;
}

static gboolean
has_message (const SatchelSnapshot *snapshot, guint32 uid)
{
  guint32 index;
  return satchel_snapshot_find (snapshot, uid, &index);
}

static gboolean
execute (BdbWrite *write, gpointer data, GError **error)
{
  Exchange *exchange = data;
  BdbRun *run = &exchange->run;
  BdbBox *box = exchange->mailbox->driver;
  if (exchange->is_run)
    bdb_run_clear (run);
  bdb_run_init (run, exchange->storage->self);
  exchange->is_run = TRUE;
  run->write = write;
  BdbDraft *draft = bdb_draft_add (run, box, box->snapshot, box->n_tombstones);
  for (guint i = 0; i < exchange->n; i++)
    if (has_message (box->snapshot, exchange->uids[i])
        && !exchange_one (run, draft, exchange->uids[i], exchange->staged[i], error))
      return FALSE;
  return bdb_run_save (run, error);
}

static gboolean
sync_bodies (const Exchange *exchange, GError **error)
{
  for (guint i = 0; i < exchange->n; i++)
    if (!bdb_staged_sync (exchange->staged[i]->driver, error))
      return FALSE;
  return TRUE;
}

/* Hands over the stages whose contents messages have now. */
static void
take_stages (const Exchange *exchange)
{
  const BdbBox *box = exchange->mailbox->driver;
  for (guint i = 0; i < exchange->n; i++)
    if (has_message (box->snapshot, exchange->uids[i]))
      bdb_staged_free (g_steal_pointer (&exchange->staged[i]->driver));
}

/* Removes contents that no message uses, but for those that are read. */
static gboolean
remove_unused (BdbStore *store, GError **error)
{
  gboolean is_done = FALSE;
  while (!is_done)
    if (!bdb_references_settle (store, &is_done, error))
      return FALSE;
  return TRUE;
}

gboolean
bdb_exchange (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error)
{
  BdbStore *store = storage->self;
  Exchange exchange = { .storage = storage, .mailbox = mailbox, .uids = uids, .staged = staged, .n = n };
  if (!bdb_store_catch_up (storage, error))
    return FALSE;
  if (n == 0)
    return remove_unused (store, error);
  if (satchel_storage_mailbox_is_deleted (mailbox))
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the mailbox was deleted");
  gboolean ok = bdb_volume_check_space (store->volume, error) && sync_bodies (&exchange, error)
                && bdb_write (store->volume, BDB_LATER, execute, &exchange, error)
                && bdb_flush (store->volume, error);
  if (ok)
    take_stages (&exchange);
  if (exchange.is_run)
    bdb_run_clear (&exchange.run);
  return ok;
}
