/* SPDX-License-Identifier: MIT
 * This file writes and reads records of bodies (modules/bdb/FORMAT.md): u64 length; then for each extent u32
 * file, u64 offset and a u64 for each piece.  So the place of a piece in the record follows from its number.
 */
#include "config.h"

#include "body/body_record.h"
#include "format/record.h"

#include <string.h>
#include <xxhash.h>

#define HEAD_BYTES 8u
#define PLACE_BYTES 12u
#define SUM_BYTES 8u
#define EXTENT_RECORD_BYTES (PLACE_BYTES + BDB_BODY_EXTENT_PIECES * SUM_BYTES)
/* No body is longer; it keeps sums of lengths in range. */
#define MAX_LENGTH (G_GUINT64_CONSTANT (1) << 40)

GByteArray *
bdb_body_record_new (void)
{
  GByteArray *record = g_byte_array_sized_new (HEAD_BYTES + PLACE_BYTES + SUM_BYTES);
  bdb_record_u64 (record, 0);
  return record;
}

static BdbBodyPlace
read_place (const guint8 *at)
{
  return (BdbBodyPlace) { bdb_record_read_u32 (at), bdb_record_read_u64 (at + 4) };
}

void
bdb_body_record_add (GByteArray *record, BdbBodyPlace place, const guint8 *data, gsize len)
{
  guint64 length = GUINT64_TO_LE (bdb_record_read_u64 (record->data) + len);
  memcpy (record->data, &length, sizeof length);
  bdb_record_u32 (record, place.file);
  bdb_record_u64 (record, place.offset);
  for (gsize at = 0; at < len; at += BDB_BODY_PIECE_BYTES)
    bdb_record_u64 (record, XXH3_64bits (data + at, MIN (len - at, BDB_BODY_PIECE_BYTES)));
}

/* ---- reading ---- */

static guint64
count (guint64 length, guint64 unit)
{
  return (length + unit - 1) / unit;
}

gboolean
bdb_body_record_length (const guint8 *record, gsize len, guint64 *ret_length)
{
  if (len < HEAD_BYTES)
    return FALSE;
  guint64 length = bdb_record_read_u64 (record);
  *ret_length = length;
  return length <= MAX_LENGTH
         && len
                == HEAD_BYTES + count (length, BDB_BODY_EXTENT_BYTES) * PLACE_BYTES
                       + count (length, BDB_BODY_PIECE_BYTES) * SUM_BYTES;
}

BdbBodyPiece
bdb_body_record_piece (const guint8 *record, gsize len, guint64 piece)
{
  guint64 inside = piece % BDB_BODY_EXTENT_PIECES;
  const guint8 *extent = record + HEAD_BYTES + piece / BDB_BODY_EXTENT_PIECES * EXTENT_RECORD_BYTES;
  BdbBodyPiece ret = { .place = read_place (extent),
                       .length = (guint) MIN (bdb_record_read_u64 (record) - piece * BDB_BODY_PIECE_BYTES,
                                              BDB_BODY_PIECE_BYTES),
                       .sum = bdb_record_read_u64 (extent + PLACE_BYTES + inside * SUM_BYTES) };
  ret.place.offset += inside * BDB_BODY_PIECE_BYTES;
  return ret;
}

gboolean
bdb_body_piece_is_right (const BdbBodyPiece *piece, const guint8 *data)
{
  return XXH3_64bits (data, piece->length) == piece->sum;
}

void
bdb_body_record_extents (const guint8 *record, gsize len, BdbBodyExtentFunc func, gpointer data)
{
  guint64 length = bdb_record_read_u64 (record);
  for (guint64 at = 0; at < length; at += BDB_BODY_EXTENT_BYTES)
    func (read_place (record + HEAD_BYTES + at / BDB_BODY_EXTENT_BYTES * EXTENT_RECORD_BYTES),
          (guint) MIN (length - at, BDB_BODY_EXTENT_BYTES), data);
}
