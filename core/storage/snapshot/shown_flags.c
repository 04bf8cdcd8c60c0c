/* SPDX-License-Identifier: MIT
 * Implements flags that are shown otherwise than they are stored (decision 0056): what levels say of a
 * mailbox and an access, counters by arithmetic, and snapshots with other columns of flags and keywords.
 * These are made from the stored snapshot when somebody asks for one, and kept beside it; chunks that have
 * not changed are the same in the next one.
 */
#include "config.h"

#include "core/storage/snapshot/chunk.h"
#include "core/storage/store/store_private.h"

#define KEPT_MAX 4u /* ways of showing a mailbox that are kept at one time; the oldest goes */

/* A snapshot is kept as it is shown in one way. */
typedef struct Shown
{
  SatchelShownFlags flags;
  SatchelSnapshot *stored, *snapshot;
} Shown;

static void
shown_free (gpointer data)
{
  Shown *shown = data;
  satchel_snapshot_unref (shown->stored);
  satchel_snapshot_unref (shown->snapshot);
  g_free (shown);
}

gboolean
satchel_shown_flags_find (SatchelStore *store, const char *name, SatchelShownFlags *ret_shown)
{
  *ret_shown = (SatchelShownFlags) { .size = sizeof *ret_shown };
  satchel_storage_shown_flags (SATCHEL_STACK (store), name, ret_shown);
  ret_shown->added &= SATCHEL_FLAGS_ALL;
  ret_shown->hidden = (ret_shown->hidden & SATCHEL_FLAGS_ALL) | ret_shown->added;
  return ret_shown->hidden != 0 || ret_shown->hides_keywords || ret_shown->hides_recent;
}

void
satchel_shown_flags_count (const SatchelShownFlags *shown, SatchelMailboxState *state)
{
  if ((shown->hidden & SATCHEL_FLAG_SEEN) != 0)
    state->n_unseen = (shown->added & SATCHEL_FLAG_SEEN) != 0 ? 0 : state->n_messages;
  if ((shown->hidden & SATCHEL_FLAG_DELETED) != 0)
    state->n_deleted = (shown->added & SATCHEL_FLAG_DELETED) != 0 ? state->n_messages : 0;
  if (shown->hides_recent)
    state->first_recent_uid = state->uidnext;
}

static gboolean
is_same_way (const SatchelShownFlags *one, const SatchelShownFlags *other)
{
  return one->hidden == other->hidden && one->added == other->added
         && !one->hides_keywords == !other->hides_keywords && !one->hides_recent == !other->hides_recent;
}

static guint32
shown_flags_of (const SatchelShownFlags *shown, guint32 stored)
{
  return (stored & ~shown->hidden) | shown->added;
}

static gboolean
shows_stored (const SatchelShownFlags *shown, const SatchelChunk *chunk)
{
  gboolean is_same = !shown->hides_keywords;
  for (guint row = 0; is_same && row < chunk->n; row++)
    is_same = shown_flags_of (shown, chunk->flags[row]) == chunk->flags[row];
  return is_same;
}

static SatchelChunk *
show_chunk (const SatchelShownFlags *shown, SatchelChunk *stored)
{
  if (shows_stored (shown, stored))
    return satchel_chunk_ref (stored);
  SatchelChunk *chunk = satchel_chunk_share (stored);
  satchel_chunk_own_column (chunk, SATCHEL_COLUMN_FLAGS, chunk->n);
  for (guint row = 0; row < chunk->n; row++)
    satchel_chunk_put (chunk, SATCHEL_COLUMN_FLAGS, row, shown_flags_of (shown, stored->flags[row]));
  if (shown->hides_keywords)
    satchel_chunk_clear_keywords (chunk);
  return chunk;
}

/* Chunks that @before has of the same stored ones are taken from there.  Chunks are in order of UIDs. */
static void
show_chunks (const SatchelShownFlags *shown, const SatchelSnapshot *stored, const Shown *before,
             SatchelChunk **ret_chunks)
{
  guint n_before = before != NULL ? before->stored->n_chunks : 0;
  for (guint i = 0, at = 0; i < stored->n_chunks; i++)
    {
      SatchelChunk *chunk = stored->chunks[i];
      while (at < n_before && before->stored->chunks[at]->uid[0] < chunk->uid[0])
        at++;
      gboolean is_known = at < n_before && before->stored->chunks[at] == chunk;
      ret_chunks[i] = is_known ? satchel_chunk_ref (before->snapshot->chunks[at]) : show_chunk (shown, chunk);
    }
}

static SatchelSnapshot *
show_snapshot (const SatchelShownFlags *shown, const SatchelSnapshot *stored, const Shown *before)
{
  SatchelSnapshot *snapshot = g_new0 (SatchelSnapshot, 1);
  g_atomic_ref_count_init (&snapshot->refs);
  snapshot->state = stored->state;
  satchel_shown_flags_count (shown, &snapshot->state);
  snapshot->n_chunks = stored->n_chunks;
  snapshot->chunks = g_new (SatchelChunk *, stored->n_chunks);
  show_chunks (shown, stored, before, snapshot->chunks);
  snapshot->first_index = g_memdup2 (stored->first_index, stored->n_chunks * sizeof *stored->first_index);
  snapshot->n_keywords = shown->hides_keywords ? 0 : stored->n_keywords;
  snapshot->keywords =
      shown->hides_keywords ? satchel_keywords_new (NULL, 0, 0) : satchel_keywords_ref (stored->keywords);
  return snapshot;
}

/* The caller holds the mailbox's lock. The record is taken out of the list; NULL means that there is none. */
static Shown *
take_kept (SatchelMailboxCore *core, const SatchelShownFlags *flags)
{
  for (guint i = 0; core->shown != NULL && i < core->shown->len; i++)
    if (is_same_way (&((Shown *) core->shown->pdata[i])->flags, flags))
      return g_ptr_array_steal_index (core->shown, i);
  return NULL;
}

/* The caller holds the mailbox's lock.  Takes @shown over. */
static void
keep (SatchelMailboxCore *core, Shown *shown)
{
  if (core->shown == NULL)
    core->shown = g_ptr_array_new_with_free_func (shown_free);
  if (core->shown->len == KEPT_MAX)
    g_ptr_array_remove_index (core->shown, 0);
  g_ptr_array_add (core->shown, shown);
}

/* The lock is held meanwhile, so that there is one snapshot for all who look in the same way. */
SatchelSnapshot *
satchel_shown_flags_snapshot (SatchelMailboxCore *core, const SatchelShownFlags *flags)
{
  g_mutex_lock (&core->lock);
  Shown *kept = take_kept (core, flags);
  if (kept == NULL || kept->stored != core->snapshot)
    {
      Shown *shown = g_new (Shown, 1);
      *shown = (Shown) { *flags, satchel_snapshot_ref (core->snapshot),
                         show_snapshot (flags, core->snapshot, kept) };
      g_clear_pointer (&kept, shown_free);
      kept = shown;
    }
  keep (core, kept);
  SatchelSnapshot *snapshot = satchel_snapshot_ref (kept->snapshot);
  g_mutex_unlock (&core->lock);
  return snapshot;
}
