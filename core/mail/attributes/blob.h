/* SPDX-License-Identifier: MIT
 * Defines the layout of the attributes blob, version 4: a header of fixed size, a table of sections, and the
 * sections. Numbers are little-endian. Readers refuse another version, and the message is scanned again.
 */
#pragma once
#include <satchel/attributes.h>
#include <string.h>

#define BLOB_MAGIC "SaB1"
#define BLOB_VERSION 4u

typedef enum
{
  SECTION_SUMMARY = 0,
  SECTION_ENVELOPE,
  SECTION_BODY, /* FETCH BODY */
  SECTION_BODYSTRUCTURE,
  SECTION_PARTS,   /* BLOB_PART_BYTES each */
  SECTION_STRINGS, /* NUL-ended, referenced by parts */
  SECTION_HEADERS, /* records: u8 id, u8 name length, u32 raw length, raw field with its line end */
  SECTION_PREVIEW,
  N_SECTIONS
} BlobSection;

/* magic 4, version u16, n_sections u16, total length u32, zero u32, checksum u64 over all that follows */
#define BLOB_CHECKSUM_OFFSET 16u
#define BLOB_TABLE_OFFSET 24u /* n_sections * (u32 offset, u32 length) */
#define BLOB_FIXED_BYTES (BLOB_TABLE_OFFSET + 8u * N_SECTIONS)

/* Section SUMMARY has its numbers at these offsets. */
#define SUMMARY_SIZE 0u             /* u64 */
#define SUMMARY_LINES 8u            /* u64 */
#define SUMMARY_DATE 16u            /* i64 */
#define SUMMARY_HEADERS_MISSING 24u /* u64 */
#define SUMMARY_ZONE 32u            /* i16 */
#define SUMMARY_FLAGS 34u           /* u8 */
#define SUMMARY_BLANK_LINE 35u      /* u8 */
#define SUMMARY_BYTES 40u
#define SUMMARY_FLAG_DATE 1u
#define SUMMARY_FLAG_PARSED 2u
#define SUMMARY_FLAG_ENDS_IN_CRLF 4u
#define SUMMARY_FLAG_INTERNATIONALIZED 8u

/* A record of section PARTS has its numbers at these offsets. */
#define PART_HEADER 0u       /* u64 */
#define PART_BODY 8u         /* u64 */
#define PART_END 16u         /* u64 */
#define PART_LINES 24u       /* u64 */
#define PART_PARENT 32u      /* u32 */
#define PART_DESCENDANTS 36u /* u32 */
#define PART_TYPE 40u        /* u32, into STRINGS */
#define PART_SUBTYPE 44u
#define PART_CHARSET 48u
#define PART_DEPTH 52u    /* u16 */
#define PART_KIND 54u     /* u8 */
#define PART_ENCODING 55u /* u8 */
#define BLOB_PART_BYTES 56u

#define HEADER_RECORD_BYTES 6u

/* Header fields have numbers. Those below N_KEPT_HEADERS are kept in the blob; the others only need a
 * number. */
#define N_KEPT_HEADERS 47
enum
{
  HEADER_DATE = 0,
  HEADER_SUBJECT,
  HEADER_FROM,
  HEADER_SENDER,
  HEADER_REPLY_TO,
  HEADER_TO,
  HEADER_CC,
  HEADER_BCC,
  HEADER_MESSAGE_ID,
  HEADER_IN_REPLY_TO,
  HEADER_REFERENCES,
  HEADER_CONTENT_TYPE,
  HEADER_CONTENT_TRANSFER_ENCODING,
  HEADER_CONTENT_DESCRIPTION = 36,
  HEADER_CONTENT_ID = N_KEPT_HEADERS,
  HEADER_CONTENT_MD5,
  HEADER_CONTENT_DISPOSITION,
  HEADER_CONTENT_LANGUAGE,
  HEADER_CONTENT_LOCATION,
  N_HEADERS
};
/* Returns the number of a field name, in any case; -1 for others. */
int satchel_header_number (const char *name, gsize len);

static inline guint32
blob_u32 (const guint8 *at)
{
  guint32 value;
  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static inline guint64
blob_u64 (const guint8 *at)
{
  guint64 value;
  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static inline void
blob_put_u32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static inline void
blob_put_u64 (guint8 *at, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

guint64 satchel_blob_checksum (const guint8 *data, gsize len);

G_STATIC_ASSERT (N_HEADERS <= 64); /* a set of them is a guint64 */
