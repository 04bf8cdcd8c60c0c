/* SPDX-License-Identifier: MIT
 * This file writes and reads the parts of records; numbers are little-endian.
 */
#include "config.h"

#include "format/record.h"

#include <string.h>

#define TEXT_BYTES 255u

void
bdb_record_u8 (GByteArray *out, guint8 number)
{
  g_byte_array_append (out, &number, 1);
}

void
bdb_record_u32 (GByteArray *out, guint32 number)
{
  guint32 little = GUINT32_TO_LE (number);
  g_byte_array_append (out, (const guint8 *) &little, sizeof little);
}

void
bdb_record_u64 (GByteArray *out, guint64 number)
{
  guint64 little = GUINT64_TO_LE (number);
  g_byte_array_append (out, (const guint8 *) &little, sizeof little);
}

void
bdb_record_text (GByteArray *out, const char *text)
{
  gsize len = MIN (strlen (text), TEXT_BYTES);
  bdb_record_u8 (out, (guint8) len);
  g_byte_array_append (out, (const guint8 *) text, (guint) len);
}

void
bdb_reader_bytes (BdbReader *reader, guint8 *ret_bytes, gsize len)
{
  if (reader->is_bad || reader->len < len)
    {
      reader->is_bad = TRUE;
      memset (ret_bytes, 0, len);
      return;
    }
  memcpy (ret_bytes, reader->data, len);
  reader->data += len;
  reader->len -= len;
}

guint8
bdb_reader_u8 (BdbReader *reader)
{
  guint8 number;
  bdb_reader_bytes (reader, &number, 1);
  return number;
}

guint32
bdb_reader_u32 (BdbReader *reader)
{
  guint8 bytes[sizeof (guint32)];
  bdb_reader_bytes (reader, bytes, sizeof bytes);
  return bdb_record_read_u32 (bytes);
}

guint64
bdb_reader_u64 (BdbReader *reader)
{
  guint8 bytes[sizeof (guint64)];
  bdb_reader_bytes (reader, bytes, sizeof bytes);
  return bdb_record_read_u64 (bytes);
}

char *
bdb_reader_text (BdbReader *reader)
{
  char text[TEXT_BYTES + 1];
  guint8 len = bdb_reader_u8 (reader);
  bdb_reader_bytes (reader, (guint8 *) text, len);
  text[len] = '\0';
  return g_strdup (text);
}
