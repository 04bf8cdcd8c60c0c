/* SPDX-License-Identifier: MIT
 * This file turns a header block into the description of a part: type, encoding, disposition (RFC 2045,
 * 2046, 2183, 3282, 2557), and for the message itself also the fields that the blob keeps.
 */
#include "config.h"

#include <satchel/charset.h>
#include <satchel/date.h>
#include <string.h>

#include "core/mail/charset/charset_reader.h"
#include "core/mail/header/fields.h"
#include "core/mail/attributes/blob.h"
#include "core/mail/scan/scan.h"
#include "core/mail/header/text.h"

#define KEPT_FIELD_BYTES 8192u
#define KEPT_BYTES 32768u

/* The first field of each number counts; fields that come again are ignored (RFC 5322 3.6 allows one). */
typedef struct Fields
{
  SatchelHeaderField first[N_HEADERS];
} Fields;

/* Appends @text to the pool, with a NUL behind it. */
static ScanText
pool_add (ScanTree *tree, const char *text, gsize len)
{
  ScanText piece = { (guint32) tree->pool->len, (guint32) len };
  g_string_append_len (tree->pool, text, len);
  g_string_append_c (tree->pool, '\0');
  return piece;
}

static ScanText
pool_end (ScanTree *tree, gsize start)
{
  ScanText piece = { (guint32) start, (guint32) (tree->pool->len - start) };
  g_string_append_c (tree->pool, '\0');
  return piece;
}

static void
keep_record (ScanTree *tree, const SatchelHeaderField *field, int number)
{
  if (field->raw_len > KEPT_FIELD_BYTES || tree->header_records->len + field->raw_len > KEPT_BYTES)
    {
      tree->headers_missing |= G_GUINT64_CONSTANT (1) << number;
      return;
    }
  guint8 record[HEADER_RECORD_BYTES] = { (guint8) number, (guint8) field->name_len };
  blob_put_u32 (record + 2, (guint32) field->raw_len);
  g_byte_array_append (tree->header_records, record, sizeof record);
  g_byte_array_append (tree->header_records, (const guint8 *) field->raw, (guint) field->raw_len);
}

static void
gather_fields (ScanTree *tree, const char *block, gsize len, gboolean keep, Fields *fields)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  memset (fields, 0, sizeof *fields);
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    {
      int number = satchel_header_number (field.name, field.name_len);
      if (number < 0)
        continue;
      if (keep && number < N_KEPT_HEADERS)
        keep_record (tree, &field, number);
      if (fields->first[number].raw == NULL)
        fields->first[number] = field;
    }
}

/* Appends the unfolded value as an nstring: NIL if there is no such field. */
static void
append_value (GString *out, const SatchelHeaderField *field)
{
  gsize len;
  g_autofree char *value =
      field->raw != NULL ? satchel_header_unfold (field->value, field->value_len, &len) : NULL;
  satchel_imap_append_string (out, value, -1);
}

static void
append_parameters (GString *out, const GPtrArray *parameters, gboolean add_charset)
{
  if ((parameters == NULL || parameters->len == 0) && !add_charset)
    {
      g_string_append (out, "NIL");
      return;
    }
  const char *lead = "(";
  for (guint i = 0; parameters != NULL && i < parameters->len; i++)
    {
      const SatchelParameter *parameter = g_ptr_array_index (parameters, i);
      g_string_append (out, lead);
      satchel_imap_append_string (out, parameter->name, -1);
      g_string_append_c (out, ' ');
      satchel_imap_append_string (out, parameter->value, -1);
      lead = " ";
    }
  if (add_charset)
    {
      g_string_append (out, lead);
      g_string_append (out, "\"charset\" \"us-ascii\"");
    }
  g_string_append_c (out, ')');
}

static const char *
parameter_value (const SatchelParameterized *field, const char *name)
{
  for (guint i = 0; i < field->parameters->len; i++)
    {
      const SatchelParameter *parameter = g_ptr_array_index (field->parameters, i);
      if (strcmp (parameter->name, name) == 0)
        return parameter->value;
    }
  return NULL;
}

/* Splits "type/subtype". FALSE means that the text is not one. */
static gboolean
split_type (const char *token, char **ret_type, char **ret_subtype)
{
  const char *slash = token != NULL ? strchr (token, '/') : NULL;
  if (slash == NULL || slash == token || slash[1] == '\0' || strchr (slash + 1, '/') != NULL
      || !g_str_is_ascii (token))
    return FALSE;
  *ret_type = g_strndup (token, slash - token);
  *ret_subtype = g_strdup (slash + 1);
  return TRUE;
}

/* Reads type and subtype of Content-Type. RFC 2045 5.2: without usable ones they are text/plain (in a digest
 * message/rfc822, which is @default_type). */
static void
read_type (const SatchelHeaderField *field, const char *default_type, SatchelParameterized *parsed,
           char **ret_type, char **ret_subtype)
{
  if (split_type (parsed->token, ret_type, ret_subtype))
    return;
  /* Very old mailers write "text" alone; its parameters count.  Those of anything else without a subtype do
   * not. */
  gboolean is_text = g_strcmp0 (parsed->token, "text") == 0;
  if (!is_text && parsed->parameters != NULL)
    g_ptr_array_set_size (parsed->parameters, 0);
  split_type (field->raw == NULL ? default_type : "text/plain", ret_type, ret_subtype);
}

/* Returns the boundary of a multipart, yours; NULL means that it has none that can be used. */
static char *
read_boundary (const SatchelParameterized *parsed)
{
  /* Some mailers write the boundary as RFC 2231 has it. */
  const char *plain = parameter_value (parsed, "boundary");
  g_autofree char *boundary =
      plain != NULL ? g_strdup (plain) : satchel_parameterized_get (parsed, "boundary");
  if (boundary == NULL || boundary[0] == '\0' || strlen (boundary) > SATCHEL_SCAN_BOUNDARY_BYTES)
    return NULL;
  g_strchomp (boundary); /* delimiter lines lose trailing white space, so the boundary does as well */
  return g_steal_pointer (&boundary);
}

/* RFC 9051 7.5.2 treats message/global like message/rfc822. */
static gboolean
is_message_type (const char *type, const char *subtype)
{
  return strcmp (type, "message") == 0
         && (strcmp (subtype, "rfc822") == 0 || strcmp (subtype, "global") == 0);
}

/* Keeps type, subtype, charset and body-fld-param of a part. */
static void
keep_type (ScanTree *tree, ScanPart *part, const char *type, const char *subtype,
           const SatchelParameterized *parsed)
{
  const char *charset = parameter_value (parsed, "charset");
  const gboolean is_plain = strcmp (type, "text") == 0 && strcmp (subtype, "plain") == 0;
  g_autofree char *lower =
      charset != NULL && strlen (charset) < 64 ? g_ascii_strdown (charset, -1) : g_strdup ("");
  part->type = pool_add (tree, type, strlen (type));
  part->subtype = pool_add (tree, subtype, strlen (subtype));
  part->charset = pool_add (tree, lower, strlen (lower));
  gsize start = tree->pool->len;
  append_parameters (tree->pool, parsed->parameters, is_plain && charset == NULL);
  part->parameters = pool_end (tree, start);
}

/* Reads Content-Type.  Returns the boundary of a multipart, yours, and NULL for another part. */
static char *
scan_type (ScanTree *tree, ScanPart *part, const SatchelHeaderField *field, const char *default_type)
{
  g_auto (SatchelParameterized) parsed = { NULL, NULL };
  g_autofree char *type = NULL, *subtype = NULL, *boundary = NULL;
  const gboolean has_field = field->raw != NULL;
  satchel_parameterized_parse (has_field ? field->value : "", has_field ? field->value_len : 0, &parsed);
  read_type (field, default_type, &parsed, &type, &subtype);
  if (is_message_type (type, subtype))
    part->kind = SATCHEL_PART_MESSAGE;
  if (strcmp (type, "multipart") == 0)
    boundary = read_boundary (&parsed);
  if (boundary != NULL)
    part->kind = SATCHEL_PART_MULTIPART;
  else if (strcmp (type, "multipart") == 0)
    {
      /* Some mailers have text in mind when they name no boundary. */
      g_ptr_array_set_size (parsed.parameters, 0);
      keep_type (tree, part, "text", "plain", &parsed);
      return NULL;
    }
  keep_type (tree, part, type, subtype, &parsed);
  return g_steal_pointer (&boundary);
}

/* Writes body-fld-id SP body-fld-desc SP body-fld-enc */
static void
scan_description (ScanTree *tree, ScanPart *part, const Fields *fields)
{
  const SatchelHeaderField *field = &fields->first[HEADER_CONTENT_TRANSFER_ENCODING];
  g_autoptr (GString) encoding = g_string_new (NULL);
  if (field->raw != NULL)
    {
      const char *end = field->value + field->value_len;
      const char *at = satchel_skip_cfws (field->value, end, NULL);
      if (at < end && *at == '"')
        satchel_read_quoted (at, end, encoding);
      else
        while (at < end && (guchar) *at > ' ' && (guchar) *at < 127 && strchr ("(;,", *at) == NULL)
          g_string_append_c (encoding, *at++);
    }
  if (encoding->len == 0 || encoding->len > 64)
    g_string_assign (encoding, "7bit");
  g_string_ascii_down (encoding);
  part->encoding = satchel_encoding_from_name (encoding->str, encoding->len);
  gsize start = tree->pool->len;
  append_value (tree->pool, &fields->first[HEADER_CONTENT_ID]);
  g_string_append_c (tree->pool, ' ');
  append_value (tree->pool, &fields->first[HEADER_CONTENT_DESCRIPTION]);
  g_string_append_c (tree->pool, ' ');
  satchel_imap_append_string (tree->pool, encoding->str, encoding->len);
  part->description = pool_end (tree, start);
}

/* Writes body-fld-lang: one string, or a list (RFC 3282). */
static void
append_languages (GString *out, const SatchelHeaderField *field)
{
  guint n = 0;
  if (field->raw != NULL)
    {
      const char *at = field->value, *end = field->value + field->value_len;
      g_autoptr (GString) tag = g_string_new (NULL);
      while (n < 100 && (at = satchel_skip_cfws (at, end, NULL)) < end)
        {
          g_string_truncate (tag, 0);
          while (at < end && (guchar) *at > ' ' && *at != ',' && *at != '(' && *at != 127)
            g_string_append_c (tag, *at++);
          if (tag->len > 0)
            {
              g_string_append_c (out, n++ == 0 ? '(' : ' ');
              satchel_imap_append_string (out, tag->str, tag->len);
            }
          else
            at++;
        }
    }
  g_string_append (out, n == 0 ? "NIL" : ")");
}

/* Writes body-fld-dsp SP body-fld-lang SP body-fld-loc */
static void
scan_disposition (ScanTree *tree, ScanPart *part, const Fields *fields)
{
  const SatchelHeaderField *field = &fields->first[HEADER_CONTENT_DISPOSITION];
  gsize start = tree->pool->len;
  g_auto (SatchelParameterized) parsed = { NULL, NULL };
  if (field->raw != NULL)
    satchel_parameterized_parse (field->value, field->value_len, &parsed);
  if (parsed.token == NULL)
    g_string_append (tree->pool, "NIL");
  else
    {
      part->is_attachment = strcmp (parsed.token, "attachment") == 0;
      g_string_append_c (tree->pool, '(');
      satchel_imap_append_string (tree->pool, parsed.token, -1);
      g_string_append_c (tree->pool, ' ');
      append_parameters (tree->pool, parsed.parameters, FALSE);
      g_string_append_c (tree->pool, ')');
    }
  g_string_append_c (tree->pool, ' ');
  append_languages (tree->pool, &fields->first[HEADER_CONTENT_LANGUAGE]);
  g_string_append_c (tree->pool, ' ');
  append_value (tree->pool, &fields->first[HEADER_CONTENT_LOCATION]);
  part->disposition = pool_end (tree, start);
}

char *
satchel_scan_header (ScanTree *tree, ScanPart *part, const char *block, gsize len, const char *default_type,
                     gboolean is_message)
{
  SATCHEL_UNSET Fields fields;
  const gboolean is_top = part->parent == NO_PART;
  gather_fields (tree, block, len, is_top, &fields);
  char *boundary = scan_type (tree, part, &fields.first[HEADER_CONTENT_TYPE], default_type);
  scan_description (tree, part, &fields);
  gsize start = tree->pool->len;
  append_value (tree->pool, &fields.first[HEADER_CONTENT_MD5]);
  part->md5 = pool_end (tree, start);
  scan_disposition (tree, part, &fields);
  if (is_message)
    {
      start = tree->pool->len;
      satchel_scan_envelope (tree->pool, block, len, &tree->n_addresses);
      part->envelope = pool_end (tree, start);
    }
  if (is_top)
    tree->is_internationalized = satchel_scan_is_internationalized (block, len);
  const SatchelHeaderField *date = &fields.first[HEADER_DATE];
  if (is_top && date->raw != NULL)
    tree->has_date = satchel_date_parse (date->value, date->value_len, &tree->date, &tree->zone);
  return boundary;
}

void
satchel_scan_encoded_message (ScanTree *tree, ScanPart *part, SatchelEncoding encoding)
{
#define TEXT_IN(encoding)                                                                                    \
  "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " encoding "\r\n"
  static const char *const blocks[] = { [SATCHEL_ENCODING_BASE64] = TEXT_IN ("base64"),
                                        [SATCHEL_ENCODING_QUOTED_PRINTABLE] = TEXT_IN ("quoted-printable"),
                                        [SATCHEL_ENCODING_UUENCODE] = TEXT_IN ("x-uuencode") };
#undef TEXT_IN
  const char *block = blocks[encoding];
  g_free (satchel_scan_header (tree, part, block, strlen (block), "text/plain", TRUE));
}

void
satchel_scan_force_leaf (ScanTree *tree, ScanPart *part)
{
  part->kind = SATCHEL_PART_LEAF;
  part->type = pool_add (tree, "application", 11);
  part->subtype = pool_add (tree, "octet-stream", 12);
  part->charset = pool_add (tree, "", 0);
  part->parameters = pool_add (tree, "NIL", 3);
}
