/* SPDX-License-Identifier: MIT
 * Implements columns and chunks of snapshots, see chunk.h.
 */
#include "config.h"

#include "core/storage/snapshot/chunk.h"

#include <string.h>

/* Each column begins with this head in memory. Its cells follow it, and what points to a column points to
 * them. */
typedef struct Column
{
  gatomicrefcount refs;
  guint capacity;
  gint used; /* how many cells any chunk has taken; atomic */
  guint cell_bytes;
} Column;

G_STATIC_ASSERT (sizeof (Column) % sizeof (guint64) == 0);

static const struct
{
  gsize offset;
  guint cell_bytes;
} layout[SATCHEL_N_COLUMNS] = {
  [SATCHEL_COLUMN_UID] = { offsetof (SatchelChunk, uid), sizeof (guint32) },
  [SATCHEL_COLUMN_MODSEQ] = { offsetof (SatchelChunk, modseq), sizeof (guint64) },
  [SATCHEL_COLUMN_FLAGS] = { offsetof (SatchelChunk, flags), sizeof (guint32) },
  [SATCHEL_COLUMN_KEYWORDS] = { offsetof (SatchelChunk, keywords), sizeof (guint64) },
  [SATCHEL_COLUMN_INTERNAL_DATE] = { offsetof (SatchelChunk, internal_date), sizeof (gint64) },
  [SATCHEL_COLUMN_SAVE_DATE] = { offsetof (SatchelChunk, save_date), sizeof (gint64) },
  [SATCHEL_COLUMN_SIZE] = { offsetof (SatchelChunk, size), sizeof (guint64) },
};

static gpointer *
cells_place (const SatchelChunk *chunk, SatchelColumnKind kind)
{
  return (gpointer *) ((char *) chunk + layout[kind].offset);
}

gpointer
satchel_chunk_cells (const SatchelChunk *chunk, SatchelColumnKind kind)
{
  return *cells_place (chunk, kind);
}

static guint
cell_bytes (const SatchelChunk *chunk, SatchelColumnKind kind)
{
  return kind == SATCHEL_COLUMN_KEYWORDS ? chunk->keyword_words * layout[kind].cell_bytes
                                         : layout[kind].cell_bytes;
}

static Column *
column_of (gpointer cells)
{
  return (Column *) cells - 1;
}

/* Returns the cells of a new column, which has no content yet and one reference. The Column stands before
 * them, where column_of finds it. */
static gpointer
column_new (guint bytes, guint capacity)
{
  Column *column = g_malloc (sizeof (Column) + (gsize) capacity * bytes);
  g_atomic_ref_count_init (&column->refs);
  column->capacity = capacity;
  column->used = 0;
  column->cell_bytes = bytes;
  return column + 1;
}

static void
column_unref (gpointer cells)
{
  if (cells != NULL && g_atomic_ref_count_dec (&column_of (cells)->refs))
    g_free (column_of (cells));
}

SatchelChunk *
satchel_chunk_new (void)
{
  SatchelChunk *chunk = g_new0 (SatchelChunk, 1);
  g_atomic_ref_count_init (&chunk->refs);
  chunk->keyword_words = 1;
  return chunk;
}

SatchelChunk *
satchel_chunk_ref (SatchelChunk *chunk)
{
  g_atomic_ref_count_inc (&chunk->refs);
  return chunk;
}

void
satchel_chunk_unref (SatchelChunk *chunk)
{
  if (!g_atomic_ref_count_dec (&chunk->refs))
    return;
  for (guint kind = 0; kind < SATCHEL_N_COLUMNS; kind++)
    column_unref (satchel_chunk_cells (chunk, kind));
  g_free (chunk);
}

SatchelChunk *
satchel_chunk_share (const SatchelChunk *chunk)
{
  SatchelChunk *copy = satchel_chunk_new ();
  copy->n = chunk->n;
  copy->highest_modseq = chunk->highest_modseq;
  copy->keyword_words = chunk->keyword_words;
  for (guint kind = 0; kind < SATCHEL_N_COLUMNS; kind++)
    {
      gpointer cells = satchel_chunk_cells (chunk, kind);
      if (cells != NULL)
        g_atomic_ref_count_inc (&column_of (cells)->refs);
      *cells_place (copy, kind) = cells;
    }
  return copy;
}

/* Writes a cell.  @cell has column_of (cells)->cell_bytes bytes. */
static void
put_cell (gpointer cells, guint row, gconstpointer cell)
{
  guint bytes = column_of (cells)->cell_bytes;
  memcpy ((char *) cells + (gsize) row * bytes, cell, bytes);
}

void
satchel_chunk_own_column (SatchelChunk *chunk, SatchelColumnKind kind, guint capacity)
{
  gpointer old = satchel_chunk_cells (chunk, kind);
  gpointer cells = column_new (cell_bytes (chunk, kind), MAX (capacity, chunk->n));
  if (chunk->n > 0)
    memcpy (cells, old, (gsize) chunk->n * cell_bytes (chunk, kind));
  column_of (cells)->used = chunk->n;
  *cells_place (chunk, kind) = cells;
  column_unref (old);
}

/* Returns a value in the size that cells of a column have: 32 or 64 bits, unless it is that of keywords. */
static gconstpointer
cell_of (SatchelColumnKind kind, const guint64 *value, guint32 *narrow)
{
  *narrow = (guint32) *value;
  return layout[kind].cell_bytes == sizeof *narrow ? (gconstpointer) narrow : value;
}

void
satchel_chunk_put (SatchelChunk *chunk, SatchelColumnKind kind, guint row, guint64 value)
{
  guint32 narrow;
  put_cell (satchel_chunk_cells (chunk, kind), row, cell_of (kind, &value, &narrow));
}

/* Makes the column anew, for messages with up to @words words: then it is the chunk's own.  FALSE means that
 * it is wide enough. */
static gboolean
widen (SatchelChunk *chunk, guint words)
{
  if (words <= chunk->keyword_words)
    return FALSE;
  guint64 *old = chunk->keywords;
  guint capacity = old != NULL ? MAX (column_of (old)->capacity, 1u) : 16u;
  guint64 *cells = column_new (words * layout[SATCHEL_COLUMN_KEYWORDS].cell_bytes, capacity);
  for (guint row = 0; row < chunk->n; row++)
    for (guint i = 0; i < words; i++)
      cells[(gsize) row * words + i] =
          i < chunk->keyword_words ? old[(gsize) row * chunk->keyword_words + i] : 0;
  column_of (cells)->used = (gint) chunk->n;
  chunk->keywords = cells;
  chunk->keyword_words = words;
  column_unref (old);
  return TRUE;
}

void
satchel_chunk_put_keywords (SatchelChunk *chunk, guint row, const SatchelKeywordSet *keywords)
{
  widen (chunk, satchel_keyword_set_n_words (keywords));
  put_cell (chunk->keywords, row, keywords->words);
}

/* ---- appending ---- */

/* Takes the free cells of a column.  FALSE: it has none, or another chunk has taken them. */
static gboolean
claim_cells (gpointer cells, guint n)
{
  Column *column = cells != NULL ? column_of (cells) : NULL;
  return column != NULL && n < column->capacity
         && g_atomic_int_compare_and_exchange (&column->used, (gint) n, (gint) column->capacity);
}

guint
satchel_chunk_claim (SatchelChunk *chunk, guint words, guint *ref_owned)
{
  guint room = SATCHEL_CHUNK_MESSAGES;
  if (widen (chunk, words))
    *ref_owned |= 1u << SATCHEL_COLUMN_KEYWORDS;
  for (guint kind = 0; kind < SATCHEL_N_COLUMNS; kind++)
    {
      if (!claim_cells (satchel_chunk_cells (chunk, kind), chunk->n))
        {
          satchel_chunk_own_column (chunk, kind, CLAMP (chunk->n * 2, 16u, SATCHEL_CHUNK_MESSAGES));
          claim_cells (satchel_chunk_cells (chunk, kind), chunk->n);
          *ref_owned |= 1u << kind;
        }
      room = MIN (room, column_of (satchel_chunk_cells (chunk, kind))->capacity);
    }
  return room;
}

void
satchel_chunk_append (SatchelChunk *chunk, const SatchelMessageRow *row)
{
  const guint n = chunk->n++, words = chunk->keyword_words;
  chunk->uid[n] = row->uid;
  chunk->modseq[n] = row->modseq;
  chunk->flags[n] = row->flags;
  for (guint i = 0; i < words; i++)
    chunk->keywords[(gsize) n * words + i] = row->keywords.words[i];
  chunk->internal_date[n] = row->internal_date;
  chunk->save_date[n] = row->save_date;
  chunk->size[n] = row->size;
  chunk->highest_modseq = MAX (chunk->highest_modseq, row->modseq);
}

void
satchel_chunk_append_copies (SatchelChunk *chunk, const SatchelChunk *from, guint row, guint n,
                             guint32 clear_flags, const SatchelMessageRow *like)
{
  const guint first = chunk->n, words = chunk->keyword_words;
  for (guint i = 0; i < n; i++)
    {
      chunk->uid[first + i] = like->uid + i;
      chunk->modseq[first + i] = like->modseq;
      chunk->flags[first + i] = (from->flags[row + i] & ~clear_flags) | like->flags;
      chunk->save_date[first + i] = like->save_date;
    }
  for (guint i = 0; i < n * words; i++)
    chunk->keywords[(gsize) first * words + i] = like->keywords.words[i % words];
  memcpy (chunk->internal_date + first, from->internal_date + row, n * sizeof *chunk->internal_date);
  memcpy (chunk->size + first, from->size + row, n * sizeof *chunk->size);
  chunk->highest_modseq = MAX (chunk->highest_modseq, like->modseq);
  chunk->n += n;
}

void
satchel_chunk_release (SatchelChunk *chunk)
{
  for (guint kind = 0; kind < SATCHEL_N_COLUMNS; kind++)
    g_atomic_int_set (&column_of (satchel_chunk_cells (chunk, kind))->used, (gint) chunk->n);
}

void
satchel_chunk_clear_keywords (SatchelChunk *chunk)
{
  column_unref (chunk->keywords);
  chunk->keyword_words = 1;
  chunk->keywords = column_new (cell_bytes (chunk, SATCHEL_COLUMN_KEYWORDS), chunk->n);
  column_of (chunk->keywords)->used = (gint) chunk->n;
  memset (chunk->keywords, 0, (gsize) chunk->n * cell_bytes (chunk, SATCHEL_COLUMN_KEYWORDS));
}

void
satchel_chunk_get_row (const SatchelChunk *chunk, guint row, SatchelMessageRow *ret_row)
{
  const guint words = chunk->keyword_words;
  const gsize rest = sizeof (SatchelMessageRow) - offsetof (SatchelMessageRow, keywords);
  G_STATIC_ASSERT (offsetof (SatchelMessageRow, reserved) > offsetof (SatchelMessageRow, keywords));
  ret_row->uid = chunk->uid[row];
  ret_row->flags = chunk->flags[row];
  ret_row->modseq = chunk->modseq[row];
  ret_row->size = chunk->size[row];
  ret_row->internal_date = chunk->internal_date[row];
  ret_row->save_date = chunk->save_date[row];
  for (guint i = 0; i < words; i++)
    ret_row->keywords.words[i] = chunk->keywords[(gsize) row * words + i];
  memset (ret_row->keywords.words + words, 0, rest - words * sizeof (guint64));
}

guint64
satchel_row_value (const SatchelMessageRow *row, SatchelColumnKind kind)
{
  switch (kind)
    {
    case SATCHEL_COLUMN_UID:
      return row->uid;
    case SATCHEL_COLUMN_MODSEQ:
      return row->modseq;
    case SATCHEL_COLUMN_FLAGS:
      return row->flags;
    case SATCHEL_COLUMN_INTERNAL_DATE:
      return (guint64) row->internal_date;
    case SATCHEL_COLUMN_SAVE_DATE:
      return (guint64) row->save_date;
    case SATCHEL_COLUMN_SIZE:
      return row->size;
    case SATCHEL_COLUMN_KEYWORDS:
    case SATCHEL_N_COLUMNS:
      break;
    }
  return 0;
}

void
satchel_chunk_add_used_keywords (const SatchelChunk *chunk, SatchelKeywordSet *used)
{
  const guint64 *cell = chunk->keywords;
  for (guint row = 0; row < chunk->n; row++)
    for (guint i = 0; i < chunk->keyword_words; i++)
      used->words[i] |= *cell++;
}
