/* SPDX-License-Identifier: MIT
 * Declares the columns of a chunk, private to snapshots. A column is ref-counted by itself, so that chunks
 * with different flags share UIDs and dates. It has room at its end: a newer chunk may use cells that older
 * chunks, which share the column, never look at.
 */
#pragma once
#include <satchel/snapshot.h>

typedef enum
{
  SATCHEL_COLUMN_UID,
  SATCHEL_COLUMN_MODSEQ,
  SATCHEL_COLUMN_FLAGS,
  SATCHEL_COLUMN_KEYWORDS,
  SATCHEL_COLUMN_INTERNAL_DATE,
  SATCHEL_COLUMN_SAVE_DATE,
  SATCHEL_COLUMN_SIZE,
  SATCHEL_N_COLUMNS
} SatchelColumnKind;

/* Returns a chunk without rows and columns. */
SatchelChunk *satchel_chunk_new (void);
SatchelChunk *satchel_chunk_ref (SatchelChunk *chunk);
void satchel_chunk_unref (SatchelChunk *chunk);
/* Returns another chunk with the same columns. */
SatchelChunk *satchel_chunk_share (const SatchelChunk *chunk);

/* Returns the cells of a column. */
gpointer satchel_chunk_cells (const SatchelChunk *chunk, SatchelColumnKind kind);
/* Gives @chunk a copy of its own of the first chunk->n cells, with room for @capacity. */
void satchel_chunk_own_column (SatchelChunk *chunk, SatchelColumnKind kind, guint capacity);
/* Writes cell @row of a column that @chunk owns alone. */
void satchel_chunk_put (SatchelChunk *chunk, SatchelColumnKind kind, guint row, guint64 value);
/* Takes cells after the rows of @chunk for it, in all columns, for rows whose keywords have up to @words
 * words.  Free room of shared columns is taken if no other chunk has it; columns without room become the
 * chunk's own, a bit of *@ref_owned for each.  Returns how many rows there is room for in all. */
guint satchel_chunk_claim (SatchelChunk *chunk, guint words, guint *ref_owned);
/* Writes a row after the last one, where cells were taken for it. */
void satchel_chunk_append (SatchelChunk *chunk, const SatchelMessageRow *row);
/* Writes @n rows in the same way, which are copies of those from @row on in @from, as
 * satchel_snapshot_builder_append_copies says. */
void satchel_chunk_append_copies (SatchelChunk *chunk, const SatchelChunk *from, guint row, guint n,
                                  guint32 clear_flags, const SatchelMessageRow *like);
/* Gives back the cells that were taken for the chunk and have no row. */
void satchel_chunk_release (SatchelChunk *chunk);

/* Writes cell @row of the column of keywords, which the chunk owns alone and which is widened if necessary.
 */
void satchel_chunk_put_keywords (SatchelChunk *chunk, guint row, const SatchelKeywordSet *keywords);

/* Gives @chunk a column of its own in which no message has a keyword. */
void satchel_chunk_clear_keywords (SatchelChunk *chunk);

/* Returns the value of a row in a column other than that of keywords. */
guint64 satchel_row_value (const SatchelMessageRow *row, SatchelColumnKind kind);

/* Adds the keywords that at least one of its messages has. */
void satchel_chunk_add_used_keywords (const SatchelChunk *chunk, SatchelKeywordSet *used);

/* keywords.c has the keyword names of a snapshot.  A list is NULL-ended and counts its references; a new one
 * has room for @n_more names. */
char **satchel_keywords_new (char *const *names, guint n, guint n_more);
char **satchel_keywords_ref (char **names);
void satchel_keywords_unref (char **names);
/* Returns the place of @name, whatever its case, among all @n of a list; -1: none. */
int satchel_keywords_find (char *const *names, guint n, const char *name);
/* Sets or adds a name in a list that no other snapshot has. */
void satchel_keywords_put (char **names, guint at, const char *name);
