/* SPDX-License-Identifier: MIT
 * Implements the change log of a store, which is compared with the store when it is opened. Changes that
 * were not logged, because the process ended in the middle or another program made them, are found by names,
 * ids, UIDs and mod-sequences.
 */
#include "config.h"

#include "core/storage/change_log/changes.h"
#include "core/storage/change_log/feed.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

typedef struct Names
{
  GPtrArray *infos; /* SatchelMailboxInfo */
  GHashTable *by_name;
  GHashTable *states; /* name -> SatchelMailboxState of those that can be selected */
} Names;

static void
names_clear (Names *names)
{
  g_hash_table_unref (names->by_name);
  g_hash_table_unref (names->states);
  g_ptr_array_unref (names->infos);
}

static gint
compare_infos (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(SatchelMailboxInfo *const *) a)->name, (*(SatchelMailboxInfo *const *) b)->name);
}

static gboolean
names_read (SatchelStoreCore *store, Names *names, GError **error)
{
  names->infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  names->by_name = g_hash_table_new (satchel_string_hash, g_str_equal);
  names->states = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, g_free);
  if (!satchel_storage_list (&store->client, store->background, names->infos, error))
    return FALSE;
  g_ptr_array_sort (names->infos, compare_infos);
  for (guint i = 0; i < names->infos->len; i++)
    {
      SatchelMailboxInfo *info = names->infos->pdata[i];
      SatchelMailboxState state = { 0 };
      g_hash_table_insert (names->by_name, info->name, info);
      if (info->is_selectable
          && satchel_storage_status (&store->client, store->background, info->name, &state, NULL))
        g_hash_table_insert (names->states, info->name, g_memdup2 (&state, sizeof state));
    }
  return TRUE;
}

static const SatchelMailboxInfo *
find_info (const Names *names, const char *name)
{
  return g_hash_table_lookup (names->by_name, name);
}

static gboolean
is_there (const Names *names, const char *name)
{
  const SatchelMailboxInfo *info = find_info (names, name);
  return info != NULL && info->is_selectable;
}

static gboolean
has_id (const Names *names, const char *name, const guint8 id[16])
{
  const SatchelMailboxState *state = g_hash_table_lookup (names->states, name);
  return state != NULL && memcmp (state->mailbox_id, id, 16) == 0;
}

static const char *
name_of_id (const Names *names, const guint8 id[16])
{
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, names->states);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (has_id (names, name, id))
      return name;
  return NULL;
}

/* Says whether a mailbox has a new name: the old one was there, and the mailbox at the new one is the same.
 * A rename of INBOX moves its messages into a mailbox with another id (RFC 3501 6.3.5). */
static gboolean
is_renamed (const Names *names, const SatchelNameChange *change, const SatchelChangeRow *row,
            const SatchelChangeRow *to)
{
  if (change->to == NULL || row == NULL || !row->exists || (to != NULL && to->exists)
      || !is_there (names, change->to))
    return FALSE;
  return strcmp (change->name, "INBOX") == 0 || has_id (names, change->to, row->id);
}

/* Says whether a mailbox is gone, perhaps with another one of its name in its place. */
static gboolean
is_deleted (const Names *names, const char *name, const SatchelChangeRow *row)
{
  if (row == NULL || !row->exists)
    return FALSE;
  return !is_there (names, name)
         || (g_hash_table_contains (names->states, name) && !has_id (names, name, row->id));
}

/* Says whether a change that was intended shows in @names and not yet in the log's rows. */
static gboolean
has_happened (SatchelChangeLog *log, const Names *names, const SatchelNameChange *change)
{
  const SatchelChangeRow *row = g_hash_table_lookup (log->rows, change->name);
  const SatchelChangeRow *to = change->to != NULL ? g_hash_table_lookup (log->rows, change->to) : NULL;
  const SatchelMailboxInfo *info = find_info (names, change->name);
  const gboolean was_subscribed = row != NULL && row->is_subscribed,
                 is_subscribed = info != NULL && info->is_subscribed;
  switch (change->kind)
    {
    case SATCHEL_CHANGE_CREATE:
      return is_there (names, change->name) && (row == NULL || !row->exists);
    case SATCHEL_CHANGE_DELETE:
      return is_deleted (names, change->name, row);
    case SATCHEL_CHANGE_RENAME:
      return is_renamed (names, change, row, to);
    case SATCHEL_CHANGE_SUBSCRIBE:
      return is_subscribed && !was_subscribed;
    case SATCHEL_CHANGE_UNSUBSCRIBE:
      return was_subscribed && !is_subscribed;
    case SATCHEL_CHANGE_SPECIAL_USE:
      return info != NULL && info->special_use == change->special_use
             && (row == NULL || row->special_use != info->special_use);
    case SATCHEL_CHANGE_RESYNC:
    case SATCHEL_CHANGE_APPEND:
    case SATCHEL_CHANGE_COPY:
    case SATCHEL_CHANGE_MOVE:
    case SATCHEL_CHANGE_FLAGS:
    case SATCHEL_CHANGE_EXPUNGE:
      break;
    }
  return FALSE;
}

static void
match_name (SatchelChangeRound *round, const Names *names, const SatchelChangeNote *intent)
{
  const SatchelChange *change = &intent->change;
  SatchelNameChange wanted = { change->kind, change->access, change->mailbox.name,
                               change->destination.name[0] != '\0' ? change->destination.name : NULL,
                               change->mailbox.special_use };
  if (has_happened (round->log, names, &wanted))
    satchel_change_round_name (round, &wanted);
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
row_names (SatchelChangeLog *log)
{
  GPtrArray *sorted = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, log->rows);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (sorted, g_strdup (name));
  g_ptr_array_sort (sorted, compare_texts);
  return sorted;
}

/* Notes what another program renamed or removed. Parents come first: their children are moved along. */
static void
mend_old_names (SatchelChangeRound *round, const Names *names, const SatchelAccess *outside)
{
  g_autoptr (GPtrArray) known = row_names (round->log);
  for (guint i = 0; i < known->len; i++)
    {
      SatchelChangeRow *row = g_hash_table_lookup (round->log->rows, known->pdata[i]);
      if (row == NULL || !row->exists || has_id (names, row->name, row->id))
        continue;
      if (is_there (names, row->name) && !g_hash_table_contains (names->states, row->name))
        continue; /* the mailbox cannot be read now */
      const char *to = name_of_id (names, row->id);
      const SatchelChangeRow *taken = to != NULL ? g_hash_table_lookup (round->log->rows, to) : NULL;
      gboolean is_renamed = to != NULL && (taken == NULL || !taken->exists);
      guint n_notes = round->set->notes->len;
      satchel_change_round_name (
          round, &(SatchelNameChange) { is_renamed ? SATCHEL_CHANGE_RENAME : SATCHEL_CHANGE_DELETE, outside,
                                        known->pdata[i], is_renamed ? to : NULL, 0 });
      if (satchel_namespaces_find (round->log->store, known->pdata[i])
          != NULL) /* the mailbox belongs to a layer, whose changes are not logged */
        g_ptr_array_set_size (round->set->notes, (gint) n_notes);
    }
}

static void
mend_use (SatchelChangeRound *round, const SatchelMailboxInfo *info, const char *name,
          const SatchelAccess *outside)
{
  const SatchelChangeRow *row = g_hash_table_lookup (round->log->rows, name);
  gboolean is_subscribed = info != NULL && info->is_subscribed;
  guint special_use = info != NULL && info->is_selectable ? info->special_use : 0;
  if (is_subscribed != (row != NULL && row->is_subscribed))
    satchel_change_round_name (
        round, &(SatchelNameChange) { is_subscribed ? SATCHEL_CHANGE_SUBSCRIBE : SATCHEL_CHANGE_UNSUBSCRIBE,
                                      outside, name, NULL, 0 });
  row = g_hash_table_lookup (round->log->rows, name);
  if (row != NULL && row->exists && row->special_use != special_use)
    satchel_change_round_name (
        round, &(SatchelNameChange) { SATCHEL_CHANGE_SPECIAL_USE, outside, name, NULL, special_use });
}

static void
mend_uses (SatchelChangeRound *round, const Names *names, const SatchelAccess *outside)
{
  g_autoptr (GPtrArray) known = row_names (round->log);
  for (guint i = 0; i < known->len; i++)
    mend_use (round, find_info (names, known->pdata[i]), known->pdata[i], outside);
  for (guint i = 0; i < names->infos->len; i++)
    mend_use (round, names->infos->pdata[i], ((SatchelMailboxInfo *) names->infos->pdata[i])->name, outside);
}

static gboolean
is_intended (SatchelChangeLog *log, const SatchelChangeRow *row)
{
  for (guint i = 0; i < log->pending->notes->len; i++)
    {
      const SatchelChange *change = &((SatchelChangeNote *) log->pending->notes->pdata[i])->change;
      if (memcmp (change->mailbox.id, row->id, 16) == 0 || memcmp (change->destination.id, row->id, 16) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
open_delta (SatchelChangeRound *round, const char *name)
{
  SatchelStoreCore *store = round->log->store;
  g_autoptr (GError) error = NULL;
  SatchelMailboxCore *core = satchel_store_open_core (&store->client, store->background, name, &error);
  if (core == NULL)
    {
      satchel_log (SATCHEL_LOG_WARNING, "storage",
                   "user=%s mailbox=\"%s\" cannot be compared with the log of changes: %s", store->user, name,
                   error->message);
      return;
    }
  satchel_change_round_delta (round, &core->handle);
  satchel_storage_mailbox_unref (&core->handle);
}

static void
open_deltas (SatchelChangeRound *round, const Names *names)
{
  for (guint i = 0; i < names->infos->len; i++)
    {
      const char *name = ((SatchelMailboxInfo *) names->infos->pdata[i])->name;
      const SatchelMailboxState *state = g_hash_table_lookup (names->states, name);
      const SatchelChangeRow *row = g_hash_table_lookup (round->log->rows, name);
      if (state != NULL
          && (row == NULL || !row->exists || memcmp (row->id, state->mailbox_id, 16) != 0
              || row->uidvalidity != state->uidvalidity || row->modseq != state->highestmodseq
              || row->uidnext != state->uidnext || is_intended (round->log, row)))
        open_delta (round, name);
    }
}

/* Everything that is there counts as logged: a new listener looks at everything. */
static void
take_all (SatchelChangeLog *log, const Names *names)
{
  for (guint i = 0; i < names->infos->len; i++)
    {
      const SatchelMailboxInfo *info = names->infos->pdata[i];
      const SatchelMailboxState *state = g_hash_table_lookup (names->states, info->name);
      if (state == NULL && !info->is_subscribed)
        continue;
      SatchelChangeRow *row = satchel_change_log_row (log, info->name);
      row->is_subscribed = info->is_subscribed;
      if (state == NULL)
        continue;
      row->exists = TRUE;
      row->special_use = info->special_use;
      memcpy (row->id, state->mailbox_id, sizeof row->id);
      row->uidvalidity = state->uidvalidity;
      row->uidnext = state->uidnext;
      row->modseq = state->highestmodseq;
    }
  satchel_change_log_append (log, NULL, NULL, TRUE);
}

static void
hold_against (SatchelChangeLog *log, const Names *names)
{
  g_autoptr (SatchelChangeRound) round = satchel_change_round_new (log);
  g_autoptr (SatchelAccess) outside = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                             .owner = log->store->user,
                                                                             .cause = SATCHEL_CAUSE_OUTSIDE,
                                                                             .rights = SATCHEL_RIGHTS_ALL });
  for (guint i = 0; i < log->pending->notes->len; i++)
    if (satchel_change_kind_is_of_names (((SatchelChangeNote *) log->pending->notes->pdata[i])->change.kind))
      match_name (round, names, log->pending->notes->pdata[i]);
  mend_old_names (round, names, outside);
  open_deltas (round, names);
  for (guint i = 0; i < log->pending->notes->len; i++)
    satchel_change_round_match (round, log->pending->notes->pdata[i]);
  satchel_change_round_settle (round, round->set->notes->len);
  mend_uses (round, names, outside);
  if (round->set->notes->len > 0 || round->rows->len > 0 || log->pending->notes->len > 0 || log->has_gap)
    satchel_change_log_append (log, round->set, round->rows, TRUE);
}

void
satchel_changes_mend (SatchelStoreCore *store)
{
  SatchelChangeLog *log = store->changes;
  g_autoptr (GError) error = NULL;
  Names names;
  if (log == NULL || log->is_mending)
    return;
  log->is_mending = TRUE;
  if (!names_read (store, &names, &error))
    satchel_log (SATCHEL_LOG_WARNING, "storage",
                 "user=%s the log of changes cannot be compared with the store: %s", store->user,
                 error->message);
  else if (log->is_fresh)
    take_all (log, &names);
  else
    hold_against (log, &names);
  names_clear (&names);
  log->is_mending = FALSE;
  satchel_feed_wake (store);
}

void
satchel_changes_open (SatchelStoreCore *store)
{
  g_autoptr (GError) error = NULL;
  guint64 max_bytes;
  gint64 max_age;
  if (!satchel_feed_is_wanted (&max_bytes, &max_age) || SATCHEL_TOP (store, read_file) == NULL
      || SATCHEL_TOP (store, write_file) == NULL)
    return;
  store->changes = satchel_change_log_open (store, max_bytes, max_age, &error);
  if (store->changes == NULL)
    satchel_log (SATCHEL_LOG_ERROR, "storage",
                 "user=%s the log of changes cannot be read, so listeners hear nothing: %s", store->user,
                 error->message);
  satchel_changes_mend (store);
  if (store->changes != NULL)
    satchel_feed_attach (store);
}

void
satchel_changes_close (SatchelStoreCore *store)
{
  g_clear_pointer (&store->changes, satchel_change_log_free);
}

void
satchel_changes_look_at (SatchelStoreCore *store, const char *name, const SatchelMailboxState *state)
{
  if (store->changes == NULL)
    return;
  satchel_store_begin_write (store);
  const SatchelChangeRow *row = g_hash_table_lookup (store->changes->rows, name);
  gboolean is_logged =
      row != NULL && row->uidvalidity == state->uidvalidity && row->modseq >= state->highestmodseq;
  SatchelMailboxCore *core = NULL;
  if (row == NULL || !row->exists)
    satchel_changes_mend (store);
  else if (!is_logged && !store->changes->is_mending)
    core = satchel_store_open_core (&store->client, store->background, name, NULL);
  if (core != NULL)
    {
      satchel_changes_look (core);
      satchel_storage_mailbox_unref (&core->handle);
    }
  satchel_store_end_write (store);
}

gboolean
satchel_changes_know_names (SatchelStoreCore *store, const GPtrArray *infos)
{
  SatchelChangeLog *log = store->changes;
  if (log == NULL || log->is_mending)
    return TRUE;
  guint n = 0;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (!info->is_selectable && !info->is_subscribed)
        continue;
      const SatchelChangeRow *row = g_hash_table_lookup (log->rows, info->name);
      if (row == NULL || row->exists != info->is_selectable || row->is_subscribed != info->is_subscribed
          || (row->exists && row->special_use != info->special_use))
        return FALSE;
      n++;
    }
  GHashTableIter iter;
  gpointer row;
  g_hash_table_iter_init (&iter, log->rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    n -= ((SatchelChangeRow *) row)->exists || ((SatchelChangeRow *) row)->is_subscribed;
  return n == 0;
}

void
satchel_changes_record_import (SatchelStoreCore *store, const SatchelAccess *access, const char *name)
{
  if (store->changes == NULL)
    return;
  const SatchelChangeRow *row = g_hash_table_lookup (store->changes->rows, name);
  if (row == NULL || !row->exists)
    satchel_changes_record_name (store, &(SatchelNameChange) { SATCHEL_CHANGE_CREATE, access, name, NULL, 0 },
                                 TRUE);
  else
    satchel_changes_mend (store);
}
