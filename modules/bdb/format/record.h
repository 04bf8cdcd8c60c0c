/* SPDX-License-Identifier: MIT
 * Declares records that are made of numbers, bytes and texts in a fixed order (modules/bdb/FORMAT.md).
 */
#pragma once
#include <glib.h>
#include <string.h>

void bdb_record_u8 (GByteArray *out, guint8 number);
void bdb_record_u32 (GByteArray *out, guint32 number);
void bdb_record_u64 (GByteArray *out, guint64 number);
/* At most 255 bytes. */
void bdb_record_text (GByteArray *out, const char *text);

/* Read the number whose bytes begin at @bytes, of which the caller knows that they are there. */
static inline guint32
bdb_record_read_u32 (const guint8 *bytes)
{
  guint32 little;
  memcpy (&little, bytes, sizeof little);
  return GUINT32_FROM_LE (little);
}

static inline guint64
bdb_record_read_u64 (const guint8 *bytes)
{
  guint64 little;
  memcpy (&little, bytes, sizeof little);
  return GUINT64_FROM_LE (little);
}

/* A record that is read; `is_bad` when more was asked than there is, and all that is read then is 0. */
typedef struct BdbReader
{
  const guint8 *data;
  gsize len;
  gboolean is_bad;
} BdbReader;
guint8 bdb_reader_u8 (BdbReader *reader);
guint32 bdb_reader_u32 (BdbReader *reader);
guint64 bdb_reader_u64 (BdbReader *reader);
char *bdb_reader_text (BdbReader *reader); /* yours */
void bdb_reader_bytes (BdbReader *reader, guint8 *ret_bytes, gsize len);
