/* SPDX-License-Identifier: MIT
 * Reads an attributes blob: the check, and what the message's own header says.
 */
#include "config.h"

#include <satchel/header.h>
#include <satchel/message.h>

#include "core/mail/attributes/blob_read.h"
#include "core/mail/attributes/blob.h"
#include "core/mail/header/fields.h"

#define MAX_REFERENCES 1000u

static const guint8 *
section_of (GBytes *blob, BlobSection section, gsize *ret_len)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);
  *ret_len = 0;
  if (len < BLOB_FIXED_BYTES)
    return (const guint8 *) "";
  const guint8 *entry = data + BLOB_TABLE_OFFSET + 8 * section;
  guint32 offset = blob_u32 (entry), section_len = blob_u32 (entry + 4);
  if (offset > len || section_len > len - offset)
    return (const guint8 *) "";
  *ret_len = section_len;
  return data + offset;
}

static const guint8 *
summary_of (GBytes *blob)
{
  static const guint8 none[SUMMARY_BYTES];
  gsize len;
  const guint8 *summary = section_of (blob, SECTION_SUMMARY, &len);
  return len >= SUMMARY_BYTES ? summary : none;
}

static gboolean
check_frame (GBytes *blob, gboolean with_checksum)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);
  if (len < BLOB_FIXED_BYTES || len > G_MAXUINT32 || memcmp (data, BLOB_MAGIC, 4) != 0
      || data[4] != BLOB_VERSION || data[5] != 0 || data[6] != N_SECTIONS || data[7] != 0
      || blob_u32 (data + 8) != len)
    return FALSE;
  if (with_checksum
      && blob_u64 (data + BLOB_CHECKSUM_OFFSET)
             != satchel_blob_checksum (data + BLOB_TABLE_OFFSET, len - BLOB_TABLE_OFFSET))
    return FALSE;
  for (guint i = 0; i < N_SECTIONS; i++)
    {
      guint32 offset = blob_u32 (data + BLOB_TABLE_OFFSET + 8 * i);
      guint32 section_len = blob_u32 (data + BLOB_TABLE_OFFSET + 8 * i + 4);
      if (offset < BLOB_FIXED_BYTES || offset > len || section_len > len - offset)
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_part (const guint8 *parts, guint n_parts, guint i, guint64 size, gsize strings_len)
{
  const guint8 *part = parts + (gsize) i * BLOB_PART_BYTES;
  const guint64 header = blob_u64 (part + PART_HEADER), body = blob_u64 (part + PART_BODY),
                end = blob_u64 (part + PART_END);
  const guint32 parent = blob_u32 (part + PART_PARENT), n_descendants = blob_u32 (part + PART_DESCENDANTS);
  if (header > body || body > end || end > size || n_descendants >= n_parts - i
      || part[PART_ENCODING] > SATCHEL_ENCODING_UUENCODE || part[PART_KIND] > SATCHEL_PART_MESSAGE
      || (part[PART_KIND] != SATCHEL_PART_LEAF) != (n_descendants > 0))
    return FALSE;
  for (guint field = PART_TYPE; field <= PART_CHARSET; field += 4)
    if (blob_u32 (part + field) >= strings_len)
      return FALSE;
  if (i == 0)
    return parent == G_MAXUINT32 && n_descendants == n_parts - 1;
  if (parent >= i)
    return FALSE;
  const guint8 *above = parts + (gsize) parent * BLOB_PART_BYTES;
  return above[PART_KIND] != SATCHEL_PART_LEAF
         && i + n_descendants <= parent + blob_u32 (above + PART_DESCENDANTS)
         && header >= blob_u64 (above + PART_BODY) && end <= blob_u64 (above + PART_END);
}

static gboolean
check_headers (const guint8 *records, gsize len)
{
  while (len > 0)
    {
      if (len < HEADER_RECORD_BYTES || records[0] >= N_KEPT_HEADERS)
        return FALSE;
      const guint32 raw_len = blob_u32 (records + 2);
      if (raw_len > len - HEADER_RECORD_BYTES || records[1] >= raw_len)
        return FALSE;
      records += HEADER_RECORD_BYTES + raw_len;
      len -= HEADER_RECORD_BYTES + raw_len;
    }
  return TRUE;
}

static gboolean
check_blob (GBytes *blob, gboolean with_checksum)
{
  gsize summary_len, parts_len, strings_len, headers_len;
  if (!check_frame (blob, with_checksum))
    return FALSE;
  const guint8 *summary = section_of (blob, SECTION_SUMMARY, &summary_len);
  const guint8 *parts = section_of (blob, SECTION_PARTS, &parts_len);
  const guint8 *strings = section_of (blob, SECTION_STRINGS, &strings_len);
  const guint8 *headers = section_of (blob, SECTION_HEADERS, &headers_len);
  const guint n_parts = (guint) (parts_len / BLOB_PART_BYTES);
  if (summary_len != SUMMARY_BYTES || n_parts == 0 || parts_len % BLOB_PART_BYTES != 0 || strings_len == 0
      || strings[strings_len - 1] != 0 || summary[SUMMARY_BLANK_LINE] > 2)
    return FALSE;
  for (guint i = 0; i < n_parts; i++)
    if (!check_part (parts, n_parts, i, blob_u64 (summary + SUMMARY_SIZE), strings_len))
      return FALSE;
  return check_headers (headers, headers_len);
}

gboolean
satchel_attributes_check (GBytes *blob)
{
  return check_blob (blob, TRUE);
}

gboolean
satchel_attributes_check_bounds (GBytes *blob)
{
  return check_blob (blob, FALSE);
}

guint64
satchel_attributes_size (GBytes *blob)
{
  return blob_u64 (summary_of (blob) + SUMMARY_SIZE);
}

guint64
satchel_attributes_lines (GBytes *blob)
{
  return blob_u64 (summary_of (blob) + SUMMARY_LINES);
}

guint64
satchel_attributes_header_size (GBytes *blob)
{
  SatchelPart part;
  return satchel_attributes_part (blob, 0, &part) ? part.body_offset : 0;
}

gboolean
satchel_attributes_is_parsed (GBytes *blob)
{
  return (summary_of (blob)[SUMMARY_FLAGS] & SUMMARY_FLAG_PARSED) != 0;
}

gboolean
satchel_attributes_is_internationalized (GBytes *blob)
{
  return (summary_of (blob)[SUMMARY_FLAGS] & SUMMARY_FLAG_INTERNATIONALIZED) != 0;
}

gboolean
satchel_attributes_ends_in_crlf (GBytes *blob)
{
  return (summary_of (blob)[SUMMARY_FLAGS] & SUMMARY_FLAG_ENDS_IN_CRLF) != 0;
}

const char *
satchel_attributes_envelope (GBytes *blob, gsize *ret_len)
{
  return (const char *) section_of (blob, SECTION_ENVELOPE, ret_len);
}

const char *
satchel_attributes_body_structure (GBytes *blob, gboolean is_extended, gsize *ret_len)
{
  return (const char *) section_of (blob, is_extended ? SECTION_BODYSTRUCTURE : SECTION_BODY, ret_len);
}

gboolean
satchel_attributes_sent_date (GBytes *blob, gint64 *ret_time, int *ret_zone)
{
  const guint8 *summary = summary_of (blob);
  if ((summary[SUMMARY_FLAGS] & SUMMARY_FLAG_DATE) == 0)
    return FALSE;
  if (ret_time != NULL)
    *ret_time = (gint64) blob_u64 (summary + SUMMARY_DATE);
  if (ret_zone != NULL)
    *ret_zone = (gint16) (summary[SUMMARY_ZONE] | summary[SUMMARY_ZONE + 1] << 8);
  return TRUE;
}

const char *
satchel_attributes_preview (GBytes *blob, gsize *ret_len)
{
  const char *preview = (const char *) section_of (blob, SECTION_PREVIEW, ret_len);
  /* The text is checked here, where it is used, since not every reader of a blob needs it. */
  if (g_utf8_validate_len (preview, *ret_len, NULL))
    return preview;
  *ret_len = 0;
  return "";
}

typedef struct Record
{
  guint number, name_len;
  const char *raw;
  gsize raw_len;
} Record;

/* Reads the next record and moves @offset behind it. FALSE means that there is none. */
static gboolean
next_record (const guint8 *records, gsize len, gsize *offset, Record *ret)
{
  if (*offset > len || len - *offset < HEADER_RECORD_BYTES)
    return FALSE;
  const guint8 *at = records + *offset;
  *ret = (Record) { at[0], at[1], (const char *) at + HEADER_RECORD_BYTES, blob_u32 (at + 2) };
  if (ret->raw_len > len - *offset - HEADER_RECORD_BYTES)
    return FALSE;
  *offset += HEADER_RECORD_BYTES + ret->raw_len;
  return TRUE;
}

static void
record_value (const Record *record, const char **ret_value, gsize *ret_len)
{
  const char *end = record->raw + record->raw_len,
             *at = record->raw + MIN (record->name_len, record->raw_len);
  if (end > at && end[-1] == '\n')
    end--;
  if (end > at && end[-1] == '\r')
    end--;
  while (at < end && *at != ':')
    at++;
  at += at < end;
  if (ret_value != NULL)
    *ret_value = at;
  if (ret_len != NULL)
    *ret_len = end - at;
}

/* Returns the number of a kept field; -1 means that this blob does not keep it. */
static int
kept_number (GBytes *blob, const char *name)
{
  int number = satchel_header_number (name, strlen (name));
  if (number < 0 || number >= N_KEPT_HEADERS)
    return -1;
  guint64 missing = blob_u64 (summary_of (blob) + SUMMARY_HEADERS_MISSING);
  return (missing >> number & 1) != 0 ? -1 : number;
}

gboolean
satchel_attributes_header_next (GBytes *blob, const char *name, gsize *state, const char **ret_value,
                                gsize *ret_len)
{
  gsize len;
  const guint8 *records = section_of (blob, SECTION_HEADERS, &len);
  int number = satchel_header_number (name, strlen (name));
  Record record;
  while (number >= 0 && next_record (records, len, state, &record))
    if ((int) record.number == number)
      {
        record_value (&record, ret_value, ret_len);
        return TRUE;
      }
  return FALSE;
}

SatchelHeaderState
satchel_attributes_header (GBytes *blob, const char *name, const char **ret_value, gsize *ret_len)
{
  gsize state = 0;
  if (kept_number (blob, name) < 0)
    return SATCHEL_HEADER_UNKNOWN;
  return satchel_attributes_header_next (blob, name, &state, ret_value, ret_len) ? SATCHEL_HEADER_PRESENT
                                                                                 : SATCHEL_HEADER_ABSENT;
}

gboolean
satchel_attributes_header_fields (GBytes *blob, const SatchelHeaderNames *names, GString *out)
{
  guint64 wanted;
  if (!satchel_header_names_kept (names, &wanted)
      || (wanted & blob_u64 (summary_of (blob) + SUMMARY_HEADERS_MISSING)) != 0)
    return FALSE;
  gsize len, offset = 0;
  const guint8 *records = section_of (blob, SECTION_HEADERS, &len);
  Record record;
  while (next_record (records, len, &offset, &record))
    if (record.number < 64 && (wanted >> record.number & 1) != 0)
      g_string_append_len (out, record.raw, record.raw_len);
  switch (summary_of (blob)[SUMMARY_BLANK_LINE])
    {
    case 1:
      g_string_append_c (out, '\n');
      break;
    case 2:
      g_string_append_len (out, "\r\n", 2);
      break;
    default:
      break;
    }
  return TRUE;
}

/* Appends an id without quotes: <"a"@b> is <a@b> (RFC 5256 3). A quote inside a word is just that. White
 * space is folding, or wrong. */
static void
append_id (const char *at, const char *end, GString *out)
{
  const char *start = at;
  for (gboolean is_quoted = FALSE; at < end; at++)
    {
      if (is_quoted && *at == '\\' && at + 1 < end)
        at++;
      else if (*at == '"' && (is_quoted || (at > start && (at[-1] == '<' || at[-1] == '.'))))
        {
          is_quoted = !is_quoted;
          continue;
        }
      if ((guchar) *at > ' ')
        g_string_append_c (out, *at);
    }
}

GPtrArray *
satchel_message_ids_parse (const char *value, gsize len, guint max)
{
  const char *at = value, *end = value + len;
  g_autoptr (GArray) starts = g_array_new (FALSE, FALSE, sizeof (const char *));
  while ((at = memchr (at, '<', end - at)) != NULL)
    {
      g_array_append_val (starts, at);
      at++;
    }
  /* Ids are read from the last to the first, so that a bound keeps the nearest ancestors. */
  GPtrArray *ids = g_ptr_array_new_with_free_func (g_free);
  const char *limit = end;
  for (guint i = starts->len; i > 0 && ids->len < max; i--)
    {
      const char *start = g_array_index (starts, const char *, i - 1);
      const char *close = memchr (start, '>', limit - start);
      limit = start;
      if (close == NULL)
        continue;
      GString *id = g_string_sized_new (close - start + 2);
      append_id (start, close + 1, id);
      if (id->len > 2)
        g_ptr_array_add (ids, g_string_free (id, FALSE));
      else
        g_string_free (id, TRUE);
    }
  for (guint i = 0; i < ids->len / 2; i++)
    {
      gpointer swap = ids->pdata[i];
      ids->pdata[i] = ids->pdata[ids->len - 1 - i];
      ids->pdata[ids->len - 1 - i] = swap;
    }
  return ids;
}

static GPtrArray *
ids_of (GBytes *blob, const char *name, guint max)
{
  const char *value = "";
  gsize len = 0;
  satchel_attributes_header (blob, name, &value, &len);
  return satchel_message_ids_parse (value, len, max);
}

char *
satchel_attributes_message_id (GBytes *blob)
{
  g_autoptr (GPtrArray) ids = ids_of (blob, "message-id", G_MAXUINT);
  return ids->len > 0 ? g_strdup (g_ptr_array_index (ids, 0)) : NULL;
}

GPtrArray *
satchel_attributes_references (GBytes *blob)
{
  GPtrArray *ids = ids_of (blob, "references", MAX_REFERENCES);
  if (ids->len > 0)
    return ids;
  g_ptr_array_unref (ids);
  /* Only the first id of In-Reply-To counts (RFC 5256 3), since that field often quotes addresses as well. */
  ids = ids_of (blob, "in-reply-to", G_MAXUINT);
  if (ids->len > 1)
    g_ptr_array_set_size (ids, 1);
  return ids;
}
