/* SPDX-License-Identifier: MIT
 * This file reads and writes blocks of messages (modules/bdb/FORMAT.md): a head of 4 bytes, then the rows
 * that are there.
 */
#include "config.h"

#include "format/message_block.h"

#include <string.h>

#define BLOCK_FORMAT 1u
#define HEAD_BYTES 4u
#define ROW_BYTES 52u

static guint64
read_u64 (const guint8 *data)
{
  guint64 little;
  memcpy (&little, data, sizeof little);
  return GUINT64_FROM_LE (little);
}

static guint32
read_u32 (const guint8 *data)
{
  guint32 little;
  memcpy (&little, data, sizeof little);
  return GUINT32_FROM_LE (little);
}

static guint8 *
write_u64 (guint8 *to, guint64 number)
{
  guint64 little = GUINT64_TO_LE (number);
  memcpy (to, &little, sizeof little);
  return to + sizeof little;
}

static void
read_row (BdbRow *row, const guint8 *data, guint n_words)
{
  row->flags = read_u32 (data);
  row->modseq = read_u64 (data + 4);
  row->size = read_u64 (data + 12);
  row->length = read_u64 (data + 20);
  row->content = read_u64 (data + 28);
  row->internal_date = (gint64) read_u64 (data + 36);
  row->save_date = (gint64) read_u64 (data + 44);
  row->keywords = (SatchelKeywordSet) { { 0 } };
  for (guint i = 0; i < n_words; i++)
    row->keywords.words[i] = read_u64 (data + ROW_BYTES + 8 * i);
}

static guint8 *
write_row (const BdbRow *row, guint8 *to, guint n_words)
{
  guint32 flags = GUINT32_TO_LE (row->flags);
  memcpy (to, &flags, sizeof flags);
  to = write_u64 (to + sizeof flags, row->modseq);
  to = write_u64 (to, row->size);
  to = write_u64 (to, row->length);
  to = write_u64 (to, row->content);
  to = write_u64 (to, (guint64) row->internal_date);
  to = write_u64 (to, (guint64) row->save_date);
  for (guint i = 0; i < n_words; i++)
    to = write_u64 (to, row->keywords.words[i]);
  return to;
}

/* The bits of @data that say which messages are there, and the bytes of a row. */
static gboolean
read_head (const guint8 *data, gsize len, guint16 *ret_present, guint *ret_n_words)
{
  if (len < HEAD_BYTES || data[0] != BLOCK_FORMAT || data[1] > SATCHEL_KEYWORD_WORDS)
    return FALSE;
  *ret_present = (guint16) (data[2] | data[3] << 8);
  *ret_n_words = data[1];
  return len
         == HEAD_BYTES + (gsize) __builtin_popcount (*ret_present) * (ROW_BYTES + 8 * (gsize) *ret_n_words);
}

gboolean
bdb_block_read (BdbBlock *block, guint32 number, const guint8 *data, gsize len)
{
  guint n_words;
  block->number = number;
  if (!read_head (data, len, &block->present, &n_words))
    return FALSE;
  data += HEAD_BYTES;
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      {
        read_row (&block->rows[i], data, n_words);
        data += ROW_BYTES + 8 * n_words;
      }
  return TRUE;
}

gboolean
bdb_block_read_row (const guint8 *data, gsize len, guint32 uid, BdbRow *ret_row, gboolean *ret_found)
{
  guint n_words, place = uid % BDB_BLOCK_MESSAGES;
  guint16 present;
  if (!read_head (data, len, &present, &n_words))
    return FALSE;
  *ret_found = present >> place & 1;
  guint before = (guint) __builtin_popcount (present & ((1u << place) - 1));
  if (*ret_found)
    read_row (ret_row, data + HEAD_BYTES + before * (ROW_BYTES + 8 * (gsize) n_words), n_words);
  return TRUE;
}

void
bdb_block_write (const BdbBlock *block, GByteArray *out)
{
  guint n_words = 0;
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      n_words = MAX (n_words, satchel_keyword_set_n_words (&block->rows[i].keywords));
  guint n = (guint) __builtin_popcount (block->present);
  g_byte_array_set_size (out, HEAD_BYTES + n * (ROW_BYTES + 8 * n_words));
  guint8 *to = out->data;
  *to++ = BLOCK_FORMAT;
  *to++ = (guint8) n_words;
  *to++ = (guint8) block->present;
  *to++ = (guint8) (block->present >> 8);
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    if (block->present >> i & 1)
      to = write_row (&block->rows[i], to, n_words);
}
