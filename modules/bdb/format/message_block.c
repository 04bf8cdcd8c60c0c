/* SPDX-License-Identifier: MIT
 * This file reads and writes blocks of messages (modules/bdb/FORMAT.md): a head, then the rows that are
 * there, in which each number has as many bytes as the differences within the block need.
 */
#include "config.h"

#include "format/message_block.h"

#include <string.h>

#define FIXED_FORMAT 1u /* as earlier builds wrote them: numbers of fixed widths */
#define BLOCK_FORMAT 2u
#define HEAD_BYTES 4u
#define NUMBER_BYTES 8u

typedef enum
{
  COLUMN_FLAGS,
  COLUMN_MODSEQ,
  COLUMN_SIZE,
  COLUMN_LENGTH,
  COLUMN_CONTENT,
  COLUMN_INTERNAL_DATE,
  COLUMN_SAVE_DATE,
  N_COLUMNS
} Column;

/* Says where the numbers of a block are. */
typedef struct Layout
{
  guint16 present;
  guint n_words;           /* 8 bytes of keywords each */
  guint64 base[N_COLUMNS]; /* what is added to each number of the column */
  guint8 width[N_COLUMNS]; /* bytes of each of these numbers */
  gsize head_len, row_len;
} Layout;

static void
get_values (const BdbRow *row, guint64 ret_values[N_COLUMNS])
{
  ret_values[COLUMN_FLAGS] = row->flags;
  ret_values[COLUMN_MODSEQ] = row->modseq;
  ret_values[COLUMN_SIZE] = row->size;
  ret_values[COLUMN_LENGTH] = row->length;
  ret_values[COLUMN_CONTENT] = row->content;
  ret_values[COLUMN_INTERNAL_DATE] = (guint64) row->internal_date;
  ret_values[COLUMN_SAVE_DATE] = (guint64) row->save_date;
}

static void
measure_rows (Layout *layout)
{
  layout->row_len = 8 * (gsize) layout->n_words;
  for (guint i = 0; i < N_COLUMNS; i++)
    layout->row_len += layout->width[i];
}

/* ---- keywords ---- */

void
bdb_block_clear (BdbBlock *block)
{
  g_clear_pointer (&block->words, g_free);
  block->n_words = 0;
}

/* Gives all rows @n_words words of keywords, which are 0. */
static void
make_words (BdbBlock *block, guint n_words)
{
  bdb_block_clear (block);
  block->n_words = n_words;
  if (n_words > 0)
    block->words = g_new0 (guint64, (gsize) n_words * BDB_BLOCK_MESSAGES);
}

/* Makes room for sets of @n_words words. */
static void
widen (BdbBlock *block, guint n_words)
{
  BdbBlock old = { .n_words = block->n_words, .words = g_steal_pointer (&block->words) };
  make_words (block, n_words);
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    for (guint k = 0; k < old.n_words; k++)
      block->words[i * n_words + k] = old.words[i * old.n_words + k];
  bdb_block_clear (&old);
}

void
bdb_block_get_keywords (const BdbBlock *block, guint place, SatchelKeywordSet *ret_keywords)
{
  *ret_keywords = (SatchelKeywordSet) { { 0 } };
  for (guint i = 0; i < block->n_words; i++)
    ret_keywords->words[i] = block->words[place * block->n_words + i];
}

void
bdb_block_set_keywords (BdbBlock *block, guint place, const SatchelKeywordSet *keywords)
{
  const guint n_words = satchel_keyword_set_n_words (keywords);
  if (n_words > block->n_words)
    widen (block, n_words);
  for (guint i = 0; i < block->n_words; i++)
    block->words[place * block->n_words + i] = keywords->words[i];
}

/* Returns how many words the keywords of row @place need. */
static guint
count_words (const BdbBlock *block, guint place)
{
  guint n = block->n_words;
  while (n > 0 && block->words[place * block->n_words + n - 1] == 0)
    n--;
  return n;
}

/* ---- reading ---- */

/* Reads a number of @width bytes; the record ends at @end. */
static inline guint64
read_number (const guint8 *from, const guint8 *end, guint width)
{
  guint64 number = 0;
  if (width == 0)
    return 0;
  if ((gsize) (end - from) < NUMBER_BYTES)
    {
      while (width-- > 0)
        number = number << 8 | from[width];
      return number;
    }
  memcpy (&number, from, NUMBER_BYTES);
  return GUINT64_FROM_LE (number) & G_MAXUINT64 >> 8 * (NUMBER_BYTES - width);
}

/* Reads the widths and bases of columns.  FALSE means that they are malformed. */
static gboolean
read_columns (Layout *layout, const guint8 *data, gsize len)
{
  for (guint i = 0; i < N_COLUMNS; i++)
    {
      if (len == layout->head_len)
        return FALSE;
      guint of_base = data[layout->head_len] >> 4;
      layout->width[i] = data[layout->head_len++] & 15;
      if (of_base > NUMBER_BYTES || layout->width[i] > NUMBER_BYTES || len - layout->head_len < of_base)
        return FALSE;
      layout->base[i] = read_number (data + layout->head_len, data + len, of_base);
      layout->head_len += of_base;
    }
  return TRUE;
}

static gboolean
read_head (const guint8 *data, gsize len, Layout *ret_layout)
{
  static const guint8 fixed[N_COLUMNS] = { 4, 8, 8, 8, 8, 8, 8 };
  if (len < HEAD_BYTES || data[1] > SATCHEL_KEYWORD_WORDS)
    return FALSE;
  *ret_layout =
      (Layout) { .present = (guint16) (data[2] | data[3] << 8), .n_words = data[1], .head_len = HEAD_BYTES };
  if (data[0] == FIXED_FORMAT)
    memcpy (ret_layout->width, fixed, sizeof fixed);
  else if (data[0] != BLOCK_FORMAT || !read_columns (ret_layout, data, len))
    return FALSE;
  measure_rows (ret_layout);
  return len == ret_layout->head_len + (gsize) __builtin_popcount (ret_layout->present) * ret_layout->row_len;
}

/* Reads the row at @data, which ends before @end. */
static void
read_row (const Layout *layout, BdbRow *row, const guint8 *data, const guint8 *end)
{
  guint64 values[N_COLUMNS];
  for (guint i = 0; i < N_COLUMNS; i++)
    {
      values[i] = layout->base[i] + read_number (data, end, layout->width[i]);
      data += layout->width[i];
    }
  *row = (BdbRow) { .flags = (guint32) values[COLUMN_FLAGS],
                    .modseq = values[COLUMN_MODSEQ],
                    .size = values[COLUMN_SIZE],
                    .length = values[COLUMN_LENGTH],
                    .content = values[COLUMN_CONTENT],
                    .internal_date = (gint64) values[COLUMN_INTERNAL_DATE],
                    .save_date = (gint64) values[COLUMN_SAVE_DATE] };
}

/* Reads the keywords of row @place, which begin at @data. */
static void
read_words (BdbBlock *block, guint place, const guint8 *data, const guint8 *end)
{
  for (guint i = 0; i < block->n_words; i++)
    block->words[place * block->n_words + i] = read_number (data + NUMBER_BYTES * i, end, NUMBER_BYTES);
}

gboolean
bdb_block_read (BdbBlock *block, guint32 number, const guint8 *data, gsize len)
{
  Layout layout;
  const guint8 *end = data + len;
  block->number = number;
  if (!read_head (data, len, &layout))
    return FALSE;
  block->present = layout.present;
  if (layout.n_words != block->n_words)
    make_words (block, layout.n_words);
  data += layout.head_len;
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      {
        read_row (&layout, &block->rows[i], data, end);
        data += layout.row_len;
        read_words (block, i, data - NUMBER_BYTES * (gsize) layout.n_words, end);
      }
  return TRUE;
}

gboolean
bdb_block_read_row (const guint8 *data, gsize len, guint32 uid, BdbRow *ret_row, gboolean *ret_found)
{
  Layout layout;
  const guint place = uid % BDB_BLOCK_MESSAGES;
  if (!read_head (data, len, &layout))
    return FALSE;
  *ret_found = layout.present >> place & 1;
  guint before = (guint) __builtin_popcount (layout.present & ((1u << place) - 1));
  if (*ret_found)
    read_row (&layout, ret_row, data + layout.head_len + before * layout.row_len, data + len);
  return TRUE;
}

/* ---- writing ---- */

static guint8
bytes_of (guint64 number)
{
  return number == 0 ? 0 : (guint8) ((64 - __builtin_clzll (number) + 7) / 8);
}

/* Writes 8 bytes, of which the next number overwrites those beyond @width. */
static guint8 *
write_number (guint8 *to, guint64 number, guint width)
{
  guint64 little = GUINT64_TO_LE (number);
  memcpy (to, &little, sizeof little);
  return to + width;
}

static Layout
plan_layout (const BdbBlock *block)
{
  Layout layout = { .present = block->present };
  guint64 last[N_COLUMNS] = { 0 }, values[N_COLUMNS];
  for (guint c = 0; block->present != 0 && c < N_COLUMNS; c++)
    layout.base[c] = G_MAXUINT64;
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    {
      if ((block->present >> i & 1) == 0)
        continue;
      get_values (&block->rows[i], values);
      for (guint c = 0; c < N_COLUMNS; c++)
        {
          layout.base[c] = MIN (layout.base[c], values[c]);
          last[c] = MAX (last[c], values[c]);
        }
      layout.n_words = MAX (layout.n_words, count_words (block, i));
    }
  for (guint c = 0; c < N_COLUMNS; c++)
    layout.width[c] = bytes_of (last[c] - layout.base[c]);
  measure_rows (&layout);
  return layout;
}

static guint8 *
write_row (const Layout *layout, const BdbBlock *block, guint place, guint8 *to)
{
  guint64 values[N_COLUMNS];
  get_values (&block->rows[place], values);
  for (guint c = 0; c < N_COLUMNS; c++)
    if (layout->width[c] > 0)
      to = write_number (to, values[c] - layout->base[c], layout->width[c]);
  for (guint i = 0; i < layout->n_words; i++)
    to = write_number (to, block->words[place * block->n_words + i], NUMBER_BYTES);
  return to;
}

void
bdb_block_write (const BdbBlock *block, GByteArray *out)
{
  const Layout layout = plan_layout (block);
  const gsize rows_len = (gsize) __builtin_popcount (block->present) * layout.row_len;
  g_byte_array_set_size (out,
                         (guint) (HEAD_BYTES + N_COLUMNS * (1 + NUMBER_BYTES) + rows_len + NUMBER_BYTES));
  guint8 *to = out->data;
  *to++ = BLOCK_FORMAT;
  *to++ = (guint8) layout.n_words;
  *to++ = (guint8) block->present;
  *to++ = (guint8) (block->present >> 8);
  for (guint c = 0; c < N_COLUMNS; c++)
    {
      guint8 of_base = bytes_of (layout.base[c]);
      *to++ = (guint8) (of_base << 4 | layout.width[c]);
      to = write_number (to, layout.base[c], of_base);
    }
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      to = write_row (&layout, block, i, to);
  g_byte_array_set_size (out, (guint) (to - out->data));
}
