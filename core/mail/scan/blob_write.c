/* SPDX-License-Identifier: MIT
 * This file writes the scanner's result as a blob.
 */
#include "config.h"

#include "core/mail/scan/scanner.h"
#include "core/mail/attributes/blob.h"
#include "core/mail/scan/scan.h"

static void
start_section (GByteArray *blob, BlobSection section)
{
  static const guint8 zero[8];
  g_byte_array_append (blob, zero, (8 - blob->len % 8) % 8);
  blob_put_u32 (blob->data + BLOB_TABLE_OFFSET + 8 * section, blob->len);
}

static void
end_section (GByteArray *blob, BlobSection section)
{
  guint8 *entry = blob->data + BLOB_TABLE_OFFSET + 8 * section;
  blob_put_u32 (entry + 4, blob->len - blob_u32 (entry));
}

static void
add_section (GByteArray *blob, BlobSection section, const void *data, gsize len)
{
  start_section (blob, section);
  g_byte_array_append (blob, data, (guint) len);
  end_section (blob, section);
}

static void
write_summary (const ScanTree *tree, guint8 flags, GByteArray *blob)
{
  guint8 summary[SUMMARY_BYTES] = { 0 };
  const guint16 zone = (guint16) tree->zone;
  blob_put_u64 (summary + SUMMARY_SIZE, tree->size);
  blob_put_u64 (summary + SUMMARY_LINES, tree->lines);
  blob_put_u64 (summary + SUMMARY_DATE, (guint64) tree->date);
  blob_put_u64 (summary + SUMMARY_HEADERS_MISSING, tree->headers_missing);
  summary[SUMMARY_ZONE] = zone & 0xff;
  summary[SUMMARY_ZONE + 1] = (guint8) (zone >> 8);
  summary[SUMMARY_FLAGS] = (guint8) (flags | (tree->has_date ? SUMMARY_FLAG_DATE : 0)
                                     | (tree->ends_in_crlf ? SUMMARY_FLAG_ENDS_IN_CRLF : 0)
                                     | (tree->is_internationalized ? SUMMARY_FLAG_INTERNATIONALIZED : 0));
  summary[SUMMARY_BLANK_LINE] = tree->blank_line;
  add_section (blob, SECTION_SUMMARY, summary, sizeof summary);
}

/* Returns the offset of @text in STRINGS.  It is added unless the first part of STRINGS has it. */
static guint32
add_string (GString *strings, const ScanTree *tree, ScanText text)
{
  const char *value = tree->pool->str + text.offset;
  /* Since few types make up most mail, only the start of the table is searched. */
  for (gsize at = 0; at < MIN (strings->len, 256); at += strlen (strings->str + at) + 1)
    if (strcmp (strings->str + at, value) == 0)
      return (guint32) at;
  gsize offset = strings->len;
  g_string_append_len (strings, value, strlen (value) + 1);
  return (guint32) offset;
}

static void
write_parts (const ScanTree *tree, GByteArray *blob)
{
  g_autoptr (GString) strings = g_string_new (NULL);
  start_section (blob, SECTION_PARTS);
  for (guint i = 0; i < tree->parts->len; i++)
    {
      const ScanPart *part = scan_tree_part (tree, i);
      guint8 record[BLOB_PART_BYTES] = { 0 };
      blob_put_u64 (record + PART_HEADER, part->header_offset);
      blob_put_u64 (record + PART_BODY, part->body_offset);
      blob_put_u64 (record + PART_END, part->end_offset);
      blob_put_u64 (record + PART_LINES, part->body_lines);
      blob_put_u32 (record + PART_PARENT, part->parent);
      blob_put_u32 (record + PART_DESCENDANTS, part->n_descendants);
      blob_put_u32 (record + PART_TYPE, add_string (strings, tree, part->type));
      blob_put_u32 (record + PART_SUBTYPE, add_string (strings, tree, part->subtype));
      blob_put_u32 (record + PART_CHARSET, add_string (strings, tree, part->charset));
      record[PART_DEPTH] = part->depth & 0xff;
      record[PART_DEPTH + 1] = (guint8) (part->depth >> 8);
      record[PART_KIND] = (guint8) part->kind;
      record[PART_ENCODING] = (guint8) part->encoding;
      g_byte_array_append (blob, record, sizeof record);
    }
  end_section (blob, SECTION_PARTS);
  add_section (blob, SECTION_STRINGS, strings->str, strings->len);
}

static void
write_structure (const ScanTree *tree, gboolean is_extended, GByteArray *blob)
{
  g_autoptr (GString) text = g_string_sized_new (1024);
  satchel_scan_body_structure (tree, is_extended, text);
  add_section (blob, is_extended ? SECTION_BODYSTRUCTURE : SECTION_BODY, text->str, text->len);
}

static GBytes *
write_blob (const ScanTree *tree, guint8 flags)
{
  GByteArray *blob = g_byte_array_sized_new (4096);
  g_byte_array_set_size (blob, BLOB_FIXED_BYTES);
  memset (blob->data, 0, BLOB_FIXED_BYTES);
  memcpy (blob->data, BLOB_MAGIC, 4);
  blob->data[4] = BLOB_VERSION;
  blob->data[6] = N_SECTIONS;
  write_summary (tree, flags, blob);
  const ScanText envelope = scan_tree_part (tree, 0)->envelope;
  add_section (blob, SECTION_ENVELOPE, tree->pool->str + envelope.offset, envelope.len);
  write_structure (tree, FALSE, blob);
  write_structure (tree, TRUE, blob);
  write_parts (tree, blob);
  add_section (blob, SECTION_HEADERS, tree->header_records->data, tree->header_records->len);
  add_section (blob, SECTION_PREVIEW, tree->preview->str, tree->preview->len);
  blob_put_u32 (blob->data + 8, blob->len);
  blob_put_u64 (blob->data + BLOB_CHECKSUM_OFFSET,
                satchel_blob_checksum (blob->data + BLOB_TABLE_OFFSET, blob->len - BLOB_TABLE_OFFSET));
  return g_byte_array_free_to_bytes (blob);
}

GBytes *
satchel_scan_write_blob (const ScanTree *tree)
{
  return write_blob (tree, SUMMARY_FLAG_PARSED);
}

GBytes *
satchel_attributes_unparsed (guint64 size)
{
  ScanPart part = { .parent = NO_PART, .end_offset = size };
  g_autoptr (GArray) parts = g_array_new (FALSE, TRUE, sizeof (ScanPart));
  g_autoptr (GString) pool = g_string_new (NULL);
  g_autoptr (GString) preview = g_string_new (NULL);
  g_autoptr (GByteArray) records = g_byte_array_new ();
  ScanTree tree = {
    .parts = parts, .pool = pool, .preview = preview, .header_records = records, .size = size
  };
  satchel_scan_header (&tree, &part, "", 0, "text/plain", TRUE);
  tree.headers_missing = G_MAXUINT64;
  g_array_append_val (parts, part);
  return write_blob (&tree, 0);
}
