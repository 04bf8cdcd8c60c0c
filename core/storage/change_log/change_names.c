/* SPDX-License-Identifier: MIT
 * Changes of names in the change log.
 */
#include "config.h"

#include "core/storage/change_log/changes.h"
#include "core/storage/change_log/feed.h"

#include <string.h>

gboolean
satchel_change_kind_is_of_names (SatchelChangeKind kind)
{
  return kind >= SATCHEL_CHANGE_CREATE && kind <= SATCHEL_CHANGE_SPECIAL_USE;
}

/* Drops a name with neither mailbox nor subscription from the table; the round frees its row. */
static void
settle_row (SatchelChangeRound *round, SatchelChangeRow *row)
{
  satchel_change_round_touch (round, row);
  if (row->exists || row->is_subscribed)
    return;
  g_hash_table_steal (round->log->rows, row->name);
  g_ptr_array_add (round->gone, row);
}

/* Notes the present state of the mailbox; the messages in it count as logged. */
static void
take_state (SatchelChangeRound *round, SatchelChangeRow *row)
{
  SatchelStoreCore *store = round->log->store;
  SatchelMailboxState state = { 0 };
  row->exists = TRUE;
  satchel_change_round_touch (round, row);
  if (!satchel_storage_status (&store->client, store->background, row->name, &state, NULL))
    return;
  memcpy (row->id, state.mailbox_id, sizeof row->id);
  row->uidvalidity = state.uidvalidity;
  row->uidnext = state.uidnext;
  row->modseq = state.highestmodseq;
}

static void
take_uses (SatchelChangeRound *round, const char *name, guint special_use)
{
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, round->log->rows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SatchelChangeRow *row = value;
      if ((row->special_use & special_use) == 0 || strcmp (row->name, name) == 0)
        continue;
      row->special_use &= ~special_use;
      satchel_change_round_touch (round, row);
    }
  SatchelChangeRow *row = satchel_change_log_row (round->log, name);
  row->special_use = special_use;
  satchel_change_round_touch (round, row);
}

static GPtrArray *
rows_at_or_below (SatchelChangeLog *log, const char *name)
{
  GPtrArray *rows = g_ptr_array_new ();
  gsize len = strlen (name);
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, log->rows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const char *found = ((SatchelChangeRow *) value)->name;
      if (strncmp (found, name, len) == 0 && (found[len] == '\0' || found[len] == '/'))
        g_ptr_array_add (rows, value);
    }
  return rows;
}

/* Moves a row, and all rows below it, to another name. */
static void
move_rows (SatchelChangeRound *round, const char *from, const char *to)
{
  g_autoptr (GPtrArray) rows = rows_at_or_below (round->log, from);
  for (guint i = 0; i < rows->len; i++)
    {
      SatchelChangeRow *old = rows->pdata[i];
      g_autofree char *name = g_strconcat (to, old->name + strlen (from), NULL);
      SatchelChangeRow *row = satchel_change_log_row (round->log, name);
      memcpy (row->id, old->id, sizeof row->id);
      row->uidvalidity = old->uidvalidity;
      row->uidnext = old->uidnext;
      row->modseq = old->modseq;
      row->special_use = old->special_use;
      row->exists |= old->exists;
      row->is_subscribed |= old->is_subscribed;
      satchel_change_round_touch (round, row);
      old->exists = old->is_subscribed = FALSE;
      settle_row (round, old);
    }
}

/* Notes that INBOX is empty, since its messages are in the new mailbox (RFC 3501 6.3.5). */
static void
empty_inbox (SatchelChangeRound *round, const char *to)
{
  take_state (round, satchel_change_log_row (round->log, to));
  take_state (round, satchel_change_log_row (round->log, "INBOX"));
  SatchelMailboxCore *core = satchel_store_look_up (round->log->store, "INBOX");
  if (core == NULL)
    return;
  SatchelSnapshot *now = satchel_storage_mailbox_snapshot (&core->handle);
  g_mutex_lock (&core->lock);
  SatchelSnapshot *old = core->logged;
  core->logged = now;
  g_mutex_unlock (&core->lock);
  g_clear_pointer (&old, satchel_snapshot_unref);
  satchel_storage_mailbox_unref (&core->handle);
}

static void
apply_change (SatchelChangeRound *round, const SatchelNameChange *change, SatchelChangeRow *row)
{
  switch (change->kind)
    {
    case SATCHEL_CHANGE_CREATE:
      take_state (round, row);
      if (change->special_use != 0)
        take_uses (round, change->name, change->special_use);
      break;
    case SATCHEL_CHANGE_DELETE:
      row->exists = FALSE;
      row->special_use = 0;
      settle_row (round, row);
      break;
    case SATCHEL_CHANGE_RENAME:
      if (strcmp (change->name, "INBOX") == 0)
        empty_inbox (round, change->to);
      else
        move_rows (round, change->name, change->to);
      break;
    case SATCHEL_CHANGE_SUBSCRIBE:
    case SATCHEL_CHANGE_UNSUBSCRIBE:
      row->is_subscribed = change->kind == SATCHEL_CHANGE_SUBSCRIBE;
      settle_row (round, row);
      break;
    case SATCHEL_CHANGE_SPECIAL_USE:
      take_uses (round, change->name, change->special_use);
      break;
    case SATCHEL_CHANGE_RESYNC:
    case SATCHEL_CHANGE_APPEND:
    case SATCHEL_CHANGE_COPY:
    case SATCHEL_CHANGE_MOVE:
    case SATCHEL_CHANGE_FLAGS:
    case SATCHEL_CHANGE_EXPUNGE:
      break;
    }
}

/* Says whether a name already is as the change says, so that nothing changes. */
static gboolean
is_so (const SatchelNameChange *change, const SatchelChangeRow *row)
{
  if (change->kind == SATCHEL_CHANGE_SPECIAL_USE)
    return row->special_use == change->special_use;
  return (change->kind == SATCHEL_CHANGE_SUBSCRIBE && row->is_subscribed)
         || (change->kind == SATCHEL_CHANGE_UNSUBSCRIBE && !row->is_subscribed);
}

void
satchel_change_round_name (SatchelChangeRound *round, const SatchelNameChange *change)
{
  SatchelChangeRow *row = satchel_change_log_row (round->log, change->name);
  if (is_so (change, row))
    {
      settle_row (round, row);
      return;
    }
  SatchelChangeNote *note = satchel_change_set_add (round->set, change->kind, change->access);
  SatchelChangedMailbox before = { 0 };
  satchel_change_describe (round->set, &before, row);
  apply_change (round, change, row);
  note->change.mailbox = before;
  if (change->kind == SATCHEL_CHANGE_CREATE || change->kind == SATCHEL_CHANGE_SPECIAL_USE)
    satchel_change_describe (round->set, &note->change.mailbox,
                             satchel_change_log_row (round->log, change->name));
  if (change->to != NULL)
    satchel_change_describe (round->set, &note->change.destination,
                             satchel_change_log_row (round->log, change->to));
}

void
satchel_changes_intend_name (SatchelStoreCore *store, const SatchelNameChange *change)
{
  if (store->changes == NULL)
    return;
  g_autoptr (SatchelChangeSet) set = satchel_change_set_new ();
  SatchelChangeNote *note = satchel_change_set_add (set, change->kind, change->access);
  note->change.mailbox.name = satchel_change_set_text (set, change->name);
  note->change.mailbox.special_use = change->special_use;
  note->change.destination.name = satchel_change_set_text (set, change->to);
  satchel_change_log_intend (store->changes, set);
}

void
satchel_changes_record_name (SatchelStoreCore *store, const SatchelNameChange *change, gboolean is_done)
{
  if (store->changes == NULL)
    return;
  g_autoptr (SatchelChangeRound) round = satchel_change_round_new (store->changes);
  if (is_done)
    satchel_change_round_name (round, change);
  satchel_change_log_append (store->changes, round->set, round->rows,
                             round->set->notes->len > 0 && change->access->cause != SATCHEL_CAUSE_BACKGROUND);
  satchel_feed_wake (store);
}
