/* SPDX-License-Identifier: MIT
 * Any bytes as a block of messages in a volume of Berkeley DB: refused, or its rows are those that are read
 * one by one, and a block that is written of them reads the same.  Any bytes as a record of texts and
 * numbers: nothing is read beyond its end.  Any bytes as the record of a body: refused, or its pieces and
 * extents add up to its length.
 */
#include "modules/bdb/body/body_record.h"
#include "modules/bdb/format/message_block.h"
#include "modules/bdb/format/record.h"

#include <string.h>

#include "tests/fuzz/driver.h"

#define HEAD_BYTES 4
#define ROW_BYTES 52
#define COLUMNS_BYTES (7 * 9) /* of a head that tells the widths and bases of seven columns */

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = { "\x01\x01\x03\x80row of a message", "\x01\x02\x01\x01",
                                   "\x02 another format", "\x05text", NULL };
const char *const fuzz_tokens[] = { "\x01", "\x10", "\x11", "\xff", "\xff\xff\xff\xff", NULL };

static void
assert_same (const BdbRow *a, const BdbRow *b)
{
  g_assert_cmpuint (a->flags, ==, b->flags);
  g_assert_cmpuint (a->modseq, ==, b->modseq);
  g_assert_cmpuint (a->size, ==, b->size);
  g_assert_cmpuint (a->length, ==, b->length);
  g_assert_cmpuint (a->content, ==, b->content);
  g_assert_cmpint (a->internal_date, ==, b->internal_date);
  g_assert_cmpint (a->save_date, ==, b->save_date);
}

static void
assert_rows (const BdbBlock *block, const guint8 *data, gsize len)
{
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    {
      BdbRow row;
      gboolean is_found;
      g_assert_true (bdb_block_read_row (data, len, 32 + i, &row, &is_found));
      g_assert_cmpint (is_found, ==, block->present >> i & 1);
      if (is_found)
        assert_same (&row, &block->rows[i]);
    }
}

static void
assert_keywords (const BdbBlock *one, const BdbBlock *other)
{
  for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
    {
      SatchelKeywordSet a, b;
      bdb_block_get_keywords (one, i, &a);
      bdb_block_get_keywords (other, i, &b);
      if (one->present >> i & 1)
        g_assert_cmpmem (&a, sizeof a, &b, sizeof b);
    }
}

static void
try_block (const guint8 *data, gsize len)
{
  /* Copies of the exact length, so that a sanitizer sees each byte beyond. */
  g_autofree guint8 *exact = g_memdup2 (data, len);
  g_auto (BdbBlock) block = { 0 };
  g_auto (BdbBlock) again = { 0 };
  BdbRow row;
  gboolean is_found;
  if (!bdb_block_read (&block, 2, exact, len))
    {
      g_assert_false (bdb_block_read_row (exact, len, 32, &row, &is_found));
      return;
    }
  assert_rows (&block, exact, len);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  bdb_block_write (&block, out);
  /* Numbers that have nothing in common are no shorter than in the format of fixed widths. */
  gsize n = (gsize) __builtin_popcount (block.present);
  g_assert_cmpuint (out->len, <=, HEAD_BYTES + COLUMNS_BYTES + n * (ROW_BYTES + 8 * (gsize) exact[1]));
  g_assert_true (bdb_block_read (&again, 2, out->data, out->len));
  g_assert_cmpuint (again.present, ==, block.present);
  assert_rows (&block, out->data, out->len);
  assert_keywords (&block, &again);
}

/* A block whose length is what its head asks for: random bytes hardly ever are one. */
static void
try_sound_block (const guint8 *data, gsize len)
{
  guint n_words = data[1] % (SATCHEL_KEYWORD_WORDS + 1);
  guint n = (guint) __builtin_popcount (data[2] | data[3] << 8);
  g_autoptr (GByteArray) made = g_byte_array_new ();
  g_byte_array_append (made, (const guint8[]) { 1, (guint8) n_words, data[2], data[3] }, HEAD_BYTES);
  gsize wanted = HEAD_BYTES + n * (ROW_BYTES + 8 * (gsize) n_words);
  while (made->len < wanted)
    g_byte_array_append (made, data, (guint) MIN (len, wanted - made->len));
  g_auto (BdbBlock) block = { 0 };
  g_assert_true (bdb_block_read (&block, 2, made->data, made->len));
  try_block (made->data, made->len);
}

static void
try_record (const guint8 *data, gsize len)
{
  g_autofree guint8 *exact = g_memdup2 (data, len);
  BdbReader reader = { .data = exact, .len = len };
  for (guint n = 0; !reader.is_bad; n++)
    {
      gsize before = reader.len;
      g_autofree char *text = n % 2 == 0 ? bdb_reader_text (&reader) : NULL;
      if (n % 2 != 0)
        (void) (n % 4 == 1 ? bdb_reader_u64 (&reader) : bdb_reader_u32 (&reader));
      if (text != NULL)
        g_assert_cmpuint (strlen (text), <=, before);
      g_assert_true (reader.is_bad || reader.len < before);
    }
  g_assert_cmpuint (bdb_reader_u32 (&reader), ==, 0);
}

static void
add_length (BdbBodyPlace place, guint length, gpointer data)
{
  g_assert_cmpuint (length, >, 0);
  *(guint64 *) data += length;
}

static void
try_body (const guint8 *data, gsize len)
{
  g_autofree guint8 *exact = g_memdup2 (data, len);
  guint64 length, of_pieces = 0, of_extents = 0;
  if (!bdb_body_record_length (exact, len, &length))
    return;
  for (guint64 i = 0; i * BDB_BODY_PIECE_BYTES < length; i++)
    of_pieces += bdb_body_record_piece (exact, len, i).length;
  bdb_body_record_extents (exact, len, add_length, &of_extents);
  g_assert_cmpuint (of_pieces, ==, length);
  g_assert_cmpuint (of_extents, ==, length);
}

/* Random bytes hardly ever are a length that fits. */
static void
try_sound_body (const guint8 *data, gsize len)
{
  g_autoptr (GByteArray) made = bdb_body_record_new ();
  const gsize extent = BDB_BODY_EXTENT_BYTES;
  g_autofree guint8 *body = g_malloc0 (extent);
  for (guint i = 0; i < data[0] % 3u; i++)
    bdb_body_record_add (made, (BdbBodyPlace) { data[1], data[2] * 4096u }, body, extent);
  bdb_body_record_add (made, (BdbBodyPlace) { data[1] + 1u, 0 }, body, data[3] * 1000u + 1u);
  guint64 length;
  g_assert_true (bdb_body_record_length (made->data, made->len, &length));
  try_body (made->data, made->len);
  made->data[len % made->len] ^= data[2];
  try_body (made->data, made->len);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  try_block (data, size);
  try_record (data, size);
  try_body (data, size);
  if (size >= HEAD_BYTES)
    {
      try_sound_block (data, size);
      try_sound_body (data, size);
    }
  return 0;
}
