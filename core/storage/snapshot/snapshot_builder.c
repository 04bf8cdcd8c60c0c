/* SPDX-License-Identifier: MIT
 * This file makes new snapshots from old ones: it copies the columns of the chunks that it touches, shares
 * the rest, and keeps counters by difference, so that a change costs O(changed chunks).
 */
#include "config.h"

#include "core/storage/snapshot/chunk.h"

#include <string.h>

/* Adjacent chunks are joined up to this size, so that expunging leaves no tiny chunks. */
#define JOIN_BELOW (SATCHEL_CHUNK_MESSAGES / 2)

typedef struct Slot
{
  SatchelChunk *chunk; /* the slot has a reference */
  gboolean is_copy;    /* `chunk` is a copy that may be changed */
  guint owned;         /* a bit for each column whose cells are a copy */
  guint room;          /* rows for which cells of all columns are taken; 0: none are */
  guint8 *removed;     /* a byte for each row, which marks it as removed; or NULL */
  guint n_removed;
} Slot;

struct SatchelSnapshotBuilder
{
  SatchelSnapshot *base; /* the snapshot from which this one is made, or NULL */
  GArray *slots;         /* Slot */
  GArray *first_index;   /* guint32 for each slot: the index of its first row, before removals */
  char **keywords;
  guint n_keywords;
  guint room;               /* how many names `keywords` has room for, if it is the builder's own; else 0 */
  SatchelKeywordSet handed; /* bits of keywords that were asked for, even if no message has them yet */
  guint32 last_uid;
  gint64 n_messages, n_unseen, n_deleted, n_undated, n_unsized;
  guint64 size_bytes;
};

static Slot *
slot_at (SatchelSnapshotBuilder *builder, guint at)
{
  return &g_array_index (builder->slots, Slot, at);
}

static void
add_slot (SatchelSnapshotBuilder *builder, SatchelChunk *chunk, gboolean is_copy, guint32 first_index)
{
  Slot slot = { .chunk = chunk, .is_copy = is_copy, .owned = is_copy ? (1u << SATCHEL_N_COLUMNS) - 1 : 0 };
  g_array_append_val (builder->slots, slot);
  g_array_append_val (builder->first_index, first_index);
}

SatchelSnapshotBuilder *
satchel_snapshot_builder_new (SatchelSnapshot *base)
{
  SatchelSnapshotBuilder *builder = g_new0 (SatchelSnapshotBuilder, 1);
  builder->slots = g_array_new (FALSE, FALSE, sizeof (Slot));
  builder->first_index = g_array_new (FALSE, FALSE, sizeof (guint32));
  if (base == NULL)
    {
      builder->keywords = satchel_keywords_new (NULL, 0, 0);
      return builder;
    }
  builder->base = satchel_snapshot_ref (base);
  builder->keywords = satchel_keywords_ref (base->keywords);
  builder->n_keywords = base->n_keywords;
  for (guint i = 0; i < base->n_chunks; i++)
    add_slot (builder, satchel_chunk_ref (base->chunks[i]), FALSE, base->first_index[i]);
  if (base->n_chunks > 0)
    {
      const SatchelChunk *last = base->chunks[base->n_chunks - 1];
      builder->last_uid = last->uid[last->n - 1];
    }
  builder->n_messages = base->state.n_messages;
  builder->n_unseen = base->state.n_unseen;
  builder->n_deleted = base->state.n_deleted;
  builder->n_undated = base->state.n_undated;
  builder->n_unsized = base->state.n_unsized;
  builder->size_bytes = base->state.size_bytes;
  return builder;
}

static void
count_message (SatchelSnapshotBuilder *builder, guint32 flags, gint64 internal_date, guint64 size, int sign)
{
  builder->n_messages += sign;
  if ((flags & SATCHEL_FLAG_SEEN) == 0)
    builder->n_unseen += sign;
  if ((flags & SATCHEL_FLAG_DELETED) != 0)
    builder->n_deleted += sign;
  if (internal_date == SATCHEL_DATE_UNKNOWN)
    builder->n_undated += sign;
  if (size != SATCHEL_SIZE_UNKNOWN)
    builder->size_bytes += sign > 0 ? size : -size;
  else
    builder->n_unsized += sign;
}

static void
count_row (SatchelSnapshotBuilder *builder, const SatchelMessageRow *row, int sign)
{
  count_message (builder, row->flags, row->internal_date, row->size, sign);
}

static void
make_copy (Slot *slot)
{
  if (slot->is_copy)
    return;
  SatchelChunk *copy = satchel_chunk_share (slot->chunk);
  satchel_chunk_unref (slot->chunk);
  slot->chunk = copy;
  slot->is_copy = TRUE;
}

/* Gives back cells that were taken for rows to come. */
static void
release_room (Slot *slot)
{
  if (slot->room > 0)
    satchel_chunk_release (slot->chunk);
  slot->room = 0;
}

/* Makes sure that there is room for one more row, with @keywords. */
static void
make_room (Slot *slot, const SatchelKeywordSet *keywords)
{
  const guint words = satchel_keyword_set_n_words (keywords);
  if (slot->chunk->n < slot->room && words <= slot->chunk->keyword_words)
    return;
  release_room (slot);
  slot->room = satchel_chunk_claim (slot->chunk, words, &slot->owned);
}

static void
push_row (Slot *slot, const SatchelMessageRow *row)
{
  make_room (slot, &row->keywords);
  satchel_chunk_append (slot->chunk, row);
}

/* Returns the slot that the next row goes to, with room for it; @keywords: those that it has. */
static Slot *
find_room (SatchelSnapshotBuilder *builder, const SatchelKeywordSet *keywords)
{
  guint n = builder->slots->len;
  Slot *last = n > 0 ? slot_at (builder, n - 1) : NULL;
  /* A slot with removed rows keeps its length until the end, since its marks are by row. */
  if (last == NULL || last->chunk->n >= SATCHEL_CHUNK_MESSAGES || last->removed != NULL)
    {
      guint32 first =
          last == NULL ? 0 : g_array_index (builder->first_index, guint32, n - 1) + last->chunk->n;
      add_slot (builder, satchel_chunk_new (), TRUE, first);
      last = slot_at (builder, n);
    }
  make_copy (last);
  make_room (last, keywords);
  return last;
}

void
satchel_snapshot_builder_append (SatchelSnapshotBuilder *builder, const SatchelMessageRow *row)
{
  g_return_if_fail (row->uid > builder->last_uid);
  satchel_chunk_append (find_room (builder, &row->keywords)->chunk, row);
  builder->last_uid = row->uid;
  count_row (builder, row, 1);
}

void
satchel_snapshot_builder_append_copies (SatchelSnapshotBuilder *builder, const SatchelChunk *chunk, guint row,
                                        guint n, guint32 clear_flags, const SatchelMessageRow *like)
{
  SatchelMessageRow next = *like;
  g_return_if_fail (n == 0 || like->uid > builder->last_uid);
  while (n > 0)
    {
      const Slot *slot = find_room (builder, &like->keywords);
      SatchelChunk *to = slot->chunk;
      const guint first = to->n, fits = MIN (n, slot->room - first);
      satchel_chunk_append_copies (to, chunk, row, fits, clear_flags, &next);
      for (guint i = first; i < to->n; i++)
        count_message (builder, to->flags[i], to->internal_date[i], to->size[i], 1);
      builder->last_uid = to->uid[to->n - 1];
      next.uid += fits;
      row += fits;
      n -= fits;
    }
}

/* Returns the slot, and the row in it, of an index from before removals; NULL means that there is none. */
static Slot *
find_slot (SatchelSnapshotBuilder *builder, guint32 index, guint *ret_row)
{
  guint low = 0, high = builder->slots->len;
  while (high - low > 1)
    {
      guint middle = low + (high - low) / 2;
      if (g_array_index (builder->first_index, guint32, middle) <= index)
        low = middle;
      else
        high = middle;
    }
  if (high == 0)
    return NULL;
  Slot *slot = slot_at (builder, low);
  *ret_row = index - g_array_index (builder->first_index, guint32, low);
  return *ret_row < slot->chunk->n ? slot : NULL;
}

void
satchel_snapshot_builder_get (SatchelSnapshotBuilder *builder, guint32 index, SatchelMessageRow *ret_row)
{
  guint row;
  Slot *slot = find_slot (builder, index, &row);
  g_return_if_fail (slot != NULL);
  satchel_chunk_get_row (slot->chunk, row, ret_row);
}

void
satchel_snapshot_builder_set (SatchelSnapshotBuilder *builder, guint32 index, const SatchelMessageRow *row)
{
  guint at;
  Slot *slot = find_slot (builder, index, &at);
  g_return_if_fail (slot != NULL);
  if (slot->removed != NULL && slot->removed[at])
    return;
  SatchelMessageRow old;
  satchel_chunk_get_row (slot->chunk, at, &old);
  for (guint kind = SATCHEL_COLUMN_UID + 1; kind < SATCHEL_N_COLUMNS; kind++)
    {
      gboolean is_keywords = kind == SATCHEL_COLUMN_KEYWORDS;
      guint64 value = satchel_row_value (row, kind);
      if (is_keywords ? satchel_keyword_set_equal (&old.keywords, &row->keywords)
                      : satchel_row_value (&old, kind) == value)
        continue;
      make_copy (slot);
      release_room (slot); /* a column that is copied has none */
      if ((slot->owned & 1u << kind) == 0)
        satchel_chunk_own_column (slot->chunk, kind, slot->chunk->n);
      slot->owned |= 1u << kind;
      if (is_keywords)
        satchel_chunk_put_keywords (slot->chunk, at, &row->keywords);
      else
        satchel_chunk_put (slot->chunk, kind, at, value);
    }
  if (slot->is_copy)
    slot->chunk->highest_modseq = MAX (slot->chunk->highest_modseq, row->modseq);
  count_row (builder, &old, -1);
  count_row (builder, row, 1);
}

void
satchel_snapshot_builder_remove (SatchelSnapshotBuilder *builder, guint32 index)
{
  guint at;
  Slot *slot = find_slot (builder, index, &at);
  g_return_if_fail (slot != NULL);
  if (slot->removed == NULL)
    slot->removed = g_new0 (guint8, slot->chunk->n);
  if (slot->removed[at])
    return;
  const SatchelChunk *chunk = slot->chunk;
  slot->removed[at] = 1;
  slot->n_removed++;
  count_message (builder, chunk->flags[at], chunk->internal_date[at], chunk->size[at], -1);
}

/* Gives the builder a list of keywords of its own, with room for @n names. */
static void
own_keywords (SatchelSnapshotBuilder *builder, guint n)
{
  if (builder->room >= MAX (n, 1u))
    return;
  guint room = MAX (n, builder->room * 2);
  char **copy = satchel_keywords_new (builder->keywords, builder->n_keywords, room - builder->n_keywords);
  satchel_keywords_unref (builder->keywords);
  builder->keywords = copy;
  builder->room = room;
}

void
satchel_snapshot_builder_set_keywords (SatchelSnapshotBuilder *builder, char *const *names, guint n)
{
  g_return_if_fail (n <= SATCHEL_KEYWORDS_MAX);
  gboolean is_same = n == builder->n_keywords;
  for (guint k = 0; is_same && k < n; k++)
    is_same = strcmp (names[k], builder->keywords[k]) == 0;
  if (is_same)
    return;
  satchel_keywords_unref (builder->keywords);
  builder->keywords = satchel_keywords_new (names, n, 0);
  builder->n_keywords = builder->room = n;
}

/* Renames a keyword.  Snapshots that clients have keep the old name. */
static void
rename_keyword (SatchelSnapshotBuilder *builder, guint bit, const char *name)
{
  own_keywords (builder, builder->n_keywords);
  satchel_keywords_put (builder->keywords, bit, name);
}

/* Returns the bit of a keyword that no message has; -1 means that there is none.  Removed rows count as well,
 * which may cost a bit, but saves looking at the marks. */
static int
unused_keyword (SatchelSnapshotBuilder *builder)
{
  SatchelKeywordSet used = builder->handed;
  for (guint i = 0; i < builder->slots->len; i++)
    satchel_chunk_add_used_keywords (slot_at (builder, i)->chunk, &used);
  for (guint bit = 0; bit < builder->n_keywords; bit++)
    if (!satchel_keyword_set_has (&used, bit))
      return (int) bit;
  return -1;
}

int
satchel_snapshot_builder_keyword (SatchelSnapshotBuilder *builder, const char *name)
{
  int bit = satchel_keywords_find (builder->keywords, builder->n_keywords, name);
  if (bit < 0 && builder->n_keywords < satchel_keywords_limit ())
    {
      own_keywords (builder, builder->n_keywords + 1);
      bit = (int) builder->n_keywords++;
      satchel_keywords_put (builder->keywords, (guint) bit, name);
    }
  if (bit < 0)
    {
      bit = unused_keyword (builder);
      if (bit < 0)
        return -1;
      rename_keyword (builder, (guint) bit, name);
    }
  satchel_keyword_set_add (&builder->handed, (guint) bit);
  return bit;
}

/* Appends to @into the rows of @chunk that are not removed. */
static void
push_rest (Slot *into, const SatchelChunk *chunk, const guint8 *removed)
{
  for (guint row = 0; row < chunk->n; row++)
    {
      SatchelMessageRow values;
      if (removed != NULL && removed[row])
        continue;
      satchel_chunk_get_row (chunk, row, &values);
      push_row (into, &values);
    }
}

/* Returns the chunks of the new snapshot, each with a reference: without removed rows, and with small
 * neighbours joined where rows were removed. */
static GPtrArray *
finished_chunks (SatchelSnapshotBuilder *builder)
{
  GPtrArray *chunks = g_ptr_array_new ();
  gboolean last_is_fresh = FALSE; /* the last one in `chunks` has lost rows, or got some by a join */
  for (guint i = 0; i < builder->slots->len; i++)
    {
      Slot *slot = slot_at (builder, i);
      release_room (slot);
      guint left = slot->chunk->n - slot->n_removed;
      gboolean is_fresh = slot->n_removed > 0;
      SatchelChunk *last = chunks->len > 0 ? chunks->pdata[chunks->len - 1] : NULL;
      if (left == 0)
        {
          last_is_fresh = TRUE;
          continue;
        }
      if (last != NULL && (is_fresh || last_is_fresh) && last->n + left <= JOIN_BELOW)
        {
          Slot joined = { .chunk = satchel_chunk_share (last), .is_copy = TRUE };
          push_rest (&joined, slot->chunk, slot->removed);
          release_room (&joined);
          satchel_chunk_unref (last);
          chunks->pdata[chunks->len - 1] = joined.chunk;
          last_is_fresh = TRUE;
          continue;
        }
      if (is_fresh)
        {
          Slot rest = { .chunk = satchel_chunk_new (), .is_copy = TRUE, .owned = ~0u };
          push_rest (&rest, slot->chunk, slot->removed);
          release_room (&rest);
          g_ptr_array_add (chunks, rest.chunk);
        }
      else
        g_ptr_array_add (chunks, satchel_chunk_ref (slot->chunk));
      last_is_fresh = is_fresh;
    }
  return chunks;
}

static void
builder_free (SatchelSnapshotBuilder *builder)
{
  for (guint i = 0; i < builder->slots->len; i++)
    {
      release_room (slot_at (builder, i));
      satchel_chunk_unref (slot_at (builder, i)->chunk);
      g_free (slot_at (builder, i)->removed);
    }
  g_array_unref (builder->slots);
  g_array_unref (builder->first_index);
  g_clear_pointer (&builder->base, satchel_snapshot_unref);
  g_clear_pointer (&builder->keywords, satchel_keywords_unref);
  g_free (builder);
}

SatchelSnapshot *
satchel_snapshot_builder_finish (SatchelSnapshotBuilder *builder, const SatchelMailboxState *state)
{
  SatchelSnapshot *snapshot = g_new0 (SatchelSnapshot, 1);
  g_atomic_ref_count_init (&snapshot->refs);
  snapshot->state = *state;
  snapshot->state.n_messages = (guint32) builder->n_messages;
  snapshot->state.n_unseen = (guint32) builder->n_unseen;
  snapshot->state.n_deleted = (guint32) builder->n_deleted;
  snapshot->state.n_undated = (guint32) builder->n_undated;
  snapshot->state.n_unsized = (guint32) builder->n_unsized;
  snapshot->state.size_bytes = builder->size_bytes;
  GPtrArray *chunks = finished_chunks (builder);
  snapshot->n_chunks = chunks->len;
  snapshot->first_index = g_new (guint32, MAX (chunks->len, 1u));
  guint32 index = 0;
  for (guint i = 0; i < chunks->len; i++)
    {
      snapshot->first_index[i] = index;
      index += ((SatchelChunk *) chunks->pdata[i])->n;
    }
  snapshot->chunks = (SatchelChunk **) g_ptr_array_free (chunks, FALSE);
  snapshot->n_keywords = builder->n_keywords;
  snapshot->keywords = g_steal_pointer (&builder->keywords);
  builder_free (builder);
  return snapshot;
}

void
satchel_snapshot_builder_free (SatchelSnapshotBuilder *builder)
{
  builder_free (builder);
}
