/* SPDX-License-Identifier: MIT
 * This program tests blocks of messages: what is written is read again whatever the numbers are, also one row
 * alone, a block of an earlier build is read, and one that was cut or damaged is refused.
 */
#include "config.h"

#include "format/message_block.h"

#include <string.h>

#define N_ROUNDS 300

/* A number of any width. */
static guint64
random_number (GRand *rand)
{
  guint64 number = (guint64) g_rand_int (rand) << 32 | g_rand_int (rand);
  return number >> g_rand_int_range (rand, 0, 64);
}

static void
fill_row (BdbBlock *block, guint place, GRand *rand, guint64 base)
{
  SatchelKeywordSet keywords = { { 0 } };
  block->rows[place] = (BdbRow) { .flags = (guint32) random_number (rand),
                                  .modseq = base + random_number (rand) % 300,
                                  .size = random_number (rand),
                                  .length = base,
                                  .content = random_number (rand),
                                  .internal_date = -(gint64) (random_number (rand) >> 1),
                                  .save_date = (gint64) base };
  if (g_rand_boolean (rand))
    satchel_keyword_set_add (&keywords, g_rand_boolean (rand) ? 3 : 200);
  bdb_block_set_keywords (block, place, &keywords);
}

static void
assert_rows (const BdbRow *one, const BdbRow *other)
{
  g_assert_cmpuint (one->flags, ==, other->flags);
  g_assert_cmpuint (one->modseq, ==, other->modseq);
  g_assert_cmpuint (one->size, ==, other->size);
  g_assert_cmpuint (one->length, ==, other->length);
  g_assert_cmpuint (one->content, ==, other->content);
  g_assert_cmpint (one->internal_date, ==, other->internal_date);
  g_assert_cmpint (one->save_date, ==, other->save_date);
}

static void
assert_keywords (const BdbBlock *one, const BdbBlock *other, guint place)
{
  SatchelKeywordSet of_one, of_other;
  bdb_block_get_keywords (one, place, &of_one);
  bdb_block_get_keywords (other, place, &of_other);
  g_assert_true (satchel_keyword_set_equal (&of_one, &of_other));
}

/* Reads from a copy of just that length, so that a sanitizer sees what is read beyond it. */
static gboolean
read_copy (BdbBlock *block, const GByteArray *record, gsize len)
{
  g_autofree guint8 *copy = g_memdup2 (record->data, len);
  return bdb_block_read (block, 5, copy, len);
}

static void
test_round_trip (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autoptr (GByteArray) record = g_byte_array_new ();
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_auto (BdbBlock) block = { .number = 5, .present = (guint16) g_rand_int (rand) };
      g_auto (BdbBlock) read = { 0 };
      guint64 base = random_number (rand) / 2;
      for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
        fill_row (&block, i, rand, base);
      bdb_block_write (&block, record);
      g_assert_true (read_copy (&read, record, record->len));
      g_assert_cmpuint (read.present, ==, block.present);
      for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
        {
          BdbRow row;
          gboolean is_found;
          g_assert_true (bdb_block_read_row (record->data, record->len, 5 * 16 + i, &row, &is_found));
          g_assert_cmpint (is_found, ==, block.present >> i & 1);
          if (is_found)
            assert_rows (&row, &block.rows[i]);
          if (is_found)
            assert_rows (&read.rows[i], &block.rows[i]);
          if (is_found)
            assert_keywords (&read, &block, i);
        }
      gsize cut = (gsize) g_rand_int_range (rand, 0, (gint32) record->len);
      g_assert_false (read_copy (&read, record, cut));
      record->data[g_rand_int_range (rand, 0, (gint32) record->len)] ^= (guint8) g_rand_int (rand);
      read_copy (&read, record, record->len); /* whatever it says, nothing else is read */
    }
}

/* Numbers of 4 and 8 bytes. */
static void
test_earlier_build (void)
{
  g_auto (BdbBlock) block = { 0 };
  g_autoptr (GByteArray) record = g_byte_array_new ();
  static const guint8 head[] = { 1, 1, 0x01, 0x80 }; /* messages 0 and 15, one word of keywords */
  g_byte_array_append (record, head, sizeof head);
  for (guint i = 0; i < 2; i++)
    {
      guint32 flags = GUINT32_TO_LE (0x10001u + i);
      g_byte_array_append (record, (const guint8 *) &flags, sizeof flags);
      for (guint k = 0; k < 7; k++)
        {
          guint64 number = GUINT64_TO_LE ((G_GUINT64_CONSTANT (1) << (8 * k)) + i);
          g_byte_array_append (record, (const guint8 *) &number, sizeof number);
        }
    }
  g_assert_true (bdb_block_read (&block, 5, record->data, record->len));
  g_assert_cmpuint (block.present, ==, 0x8001);
  for (guint i = 0; i < 2; i++)
    {
      BdbRow expected = { .flags = 0x10001u + i,
                          .modseq = 1 + i,
                          .size = (1u << 8) + i,
                          .length = (1u << 16) + i,
                          .content = (1u << 24) + i,
                          .internal_date = (G_GINT64_CONSTANT (1) << 32) + i,
                          .save_date = (G_GINT64_CONSTANT (1) << 40) + i };
      SatchelKeywordSet keywords;
      bdb_block_get_keywords (&block, i * 15, &keywords);
      g_assert_cmpuint (keywords.words[0], ==, (G_GUINT64_CONSTANT (1) << 48) + i);
      g_assert_cmpuint (satchel_keyword_set_n_words (&keywords), ==, 1);
      assert_rows (&block.rows[i * 15], &expected);
    }
  g_assert_false (bdb_block_read (&block, 5, record->data, record->len - 1));
  record->data[0] = 3;
  g_assert_false (bdb_block_read (&block, 5, record->data, record->len));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bdb/blocks/round-trip", test_round_trip);
  g_test_add_func ("/bdb/blocks/earlier-build", test_earlier_build);
  return g_test_run ();
}
