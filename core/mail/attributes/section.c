/* SPDX-License-Identifier: MIT
 * Implements parts of a blob and section specifications (RFC 3501 6.4.5).
 */
#include "config.h"

#include "core/mail/attributes/blob.h"

#include <satchel/number.h>

#define MAX_PATH_NUMBERS 256u

typedef struct Parts
{
  const guint8 *records;
  guint n;
  const char *strings;
  gsize strings_len;
} Parts;

/* Reads where the parts of the blob are; all are 0 if the blob is damaged. */
static Parts
parts_of (GBytes *blob)
{
  Parts parts = { 0 };
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);
  if (len < BLOB_FIXED_BYTES)
    return parts;
  const guint8 *entry = data + BLOB_TABLE_OFFSET + 8 * SECTION_PARTS;
  const guint32 offset = blob_u32 (entry), parts_len = blob_u32 (entry + 4);
  const guint32 strings = blob_u32 (entry + 8), strings_len = blob_u32 (entry + 12);
  if (offset > len || parts_len > len - offset || strings > len || strings_len > len - strings
      || strings_len == 0 || data[strings + strings_len - 1] != 0)
    return parts;
  parts.records = data + offset;
  parts.n = parts_len / BLOB_PART_BYTES;
  parts.strings = (const char *) data + strings;
  parts.strings_len = strings_len;
  return parts;
}

static const char *
string_at (const Parts *parts, guint32 offset)
{
  return offset < parts->strings_len ? parts->strings + offset : "";
}

guint
satchel_attributes_n_parts (GBytes *blob)
{
  return parts_of (blob).n;
}

static gboolean
read_part (const Parts *parts, guint index, SatchelPart *ret_part)
{
  if (index >= parts->n)
    return FALSE;
  const guint8 *record = parts->records + (gsize) index * BLOB_PART_BYTES;
  ret_part->kind = record[PART_KIND];
  ret_part->encoding = record[PART_ENCODING];
  ret_part->parent = blob_u32 (record + PART_PARENT);
  ret_part->depth = record[PART_DEPTH] | (guint) record[PART_DEPTH + 1] << 8;
  ret_part->n_descendants = blob_u32 (record + PART_DESCENDANTS);
  ret_part->header_offset = blob_u64 (record + PART_HEADER);
  ret_part->body_offset = blob_u64 (record + PART_BODY);
  ret_part->end_offset = blob_u64 (record + PART_END);
  ret_part->body_lines = blob_u64 (record + PART_LINES);
  ret_part->type = string_at (parts, blob_u32 (record + PART_TYPE));
  ret_part->subtype = string_at (parts, blob_u32 (record + PART_SUBTYPE));
  ret_part->charset = string_at (parts, blob_u32 (record + PART_CHARSET));
  return TRUE;
}

gboolean
satchel_attributes_part (GBytes *blob, guint index, SatchelPart *ret_part)
{
  Parts parts = parts_of (blob);
  return read_part (&parts, index, ret_part);
}

static gboolean
nth_child (const Parts *parts, guint parent, guint32 number, guint *ret_index)
{
  SatchelPart part, child;
  if (number == 0 || !read_part (parts, parent, &part))
    return FALSE;
  for (guint index = parent + 1; index <= parent + part.n_descendants && read_part (parts, index, &child);
       index += 1 + child.n_descendants)
    if (--number == 0)
      {
        *ret_index = index;
        return TRUE;
      }
  return FALSE;
}

/* Follows one number of a path. @is_message: part @index is meant as a message, whose single body part is
 * number 1. */
static gboolean
step_down (const Parts *parts, guint *index, gboolean *is_message, guint32 number)
{
  SatchelPart part;
  if (!read_part (parts, *index, &part))
    return FALSE;
  if (!*is_message && part.kind == SATCHEL_PART_MESSAGE)
    {
      (*index)++;
      *is_message = TRUE;
      if (!read_part (parts, *index, &part))
        return FALSE;
    }
  if (part.kind == SATCHEL_PART_MULTIPART)
    {
      *is_message = FALSE;
      return nth_child (parts, *index, number, index);
    }
  if (!*is_message || number != 1)
    return FALSE;
  *is_message = FALSE;
  return TRUE;
}

gboolean
satchel_attributes_find_part (GBytes *blob, const guint32 *path, guint n_path, guint *ret_index)
{
  Parts parts = parts_of (blob);
  guint index = 0;
  gboolean is_message = TRUE;
  if (parts.n == 0)
    return FALSE;
  for (guint i = 0; i < n_path; i++)
    if (!step_down (&parts, &index, &is_message, path[i]))
      return FALSE;
  *ret_index = index;
  return TRUE;
}

gboolean
satchel_attributes_section (GBytes *blob, const guint32 *path, guint n_path, SatchelSectionKind kind,
                            guint64 *ret_offset, guint64 *ret_len)
{
  Parts parts = parts_of (blob);
  SatchelPart part;
  guint index;
  if (!satchel_attributes_find_part (blob, path, n_path, &index))
    return FALSE;
  read_part (&parts, index, &part);
  guint64 start = part.body_offset, end = part.end_offset;
  switch (kind)
    {
    case SATCHEL_SECTION_CONTENT:
      if (n_path == 0)
        start = part.header_offset;
      break;
    case SATCHEL_SECTION_MIME:
      /* "MIME" needs a part number. */
      if (n_path == 0)
        return FALSE;
      start = part.header_offset;
      end = part.body_offset;
      break;
    case SATCHEL_SECTION_HEADER:
    case SATCHEL_SECTION_TEXT:
      /* The section belongs to the message, or to the message that a message/rfc822 part encloses. */
      if (n_path > 0 && (part.kind != SATCHEL_PART_MESSAGE || !read_part (&parts, index + 1, &part)))
        return FALSE;
      start = kind == SATCHEL_SECTION_HEADER ? part.header_offset : part.body_offset;
      end = kind == SATCHEL_SECTION_HEADER ? part.body_offset : part.end_offset;
      break;
    }
  *ret_offset = start;
  *ret_len = end > start ? end - start : 0;
  return TRUE;
}

gboolean
satchel_attributes_find_section (GBytes *blob, const char *section, guint64 *ret_offset, guint64 *ret_len)
{
  guint32 path[MAX_PATH_NUMBERS];
  guint n = 0;
  SatchelSectionKind kind = SATCHEL_SECTION_CONTENT;
  while (g_ascii_isdigit (*section))
    {
      if (n == MAX_PATH_NUMBERS || !satchel_number_take_u32 (&section, NULL, G_MAXUINT32, &path[n])
          || path[n++] == 0)
        return FALSE;
      if (*section == '\0')
        return satchel_attributes_section (blob, path, n, kind, ret_offset, ret_len);
      if (*section++ != '.' || *section == '\0')
        return FALSE;
    }
  if (g_ascii_strcasecmp (section, "HEADER") == 0)
    kind = SATCHEL_SECTION_HEADER;
  else if (g_ascii_strcasecmp (section, "TEXT") == 0)
    kind = SATCHEL_SECTION_TEXT;
  else if (g_ascii_strcasecmp (section, "MIME") == 0)
    kind = SATCHEL_SECTION_MIME;
  else if (*section != '\0')
    return FALSE;
  return satchel_attributes_section (blob, path, n, kind, ret_offset, ret_len);
}
