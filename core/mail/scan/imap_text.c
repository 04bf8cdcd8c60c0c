/* SPDX-License-Identifier: MIT
 * ENVELOPE, BODY and BODYSTRUCTURE as RFC 3501 7.4.2 and 9 want them.
 */
#include "config.h"

#include <satchel/number.h>
#include <string.h>

#include "core/mail/header/text.h"
#include "core/mail/attributes/blob.h"
#include "core/mail/scan/scan.h"

typedef struct EnvelopeFields
{
  SatchelHeaderField first[HEADER_IN_REPLY_TO + 1]; /* Date .. In-Reply-To */
  GString *lists[HEADER_BCC + 1];                   /* From .. Bcc: all fields of the name together */
} EnvelopeFields;

static void
append_address (GString *out, const SatchelAddress *address)
{
  g_string_append_c (out, '(');
  satchel_imap_append_string (out, address->name, -1);
  g_string_append_c (out, ' ');
  satchel_imap_append_string (out, address->route, -1);
  g_string_append_c (out, ' ');
  satchel_imap_append_string (out, address->mailbox, -1);
  g_string_append_c (out, ' ');
  satchel_imap_append_string (out, address->host, -1);
  g_string_append_c (out, ')');
}

static void
append_addresses (GString *out, const SatchelHeaderField *field, guint *n_addresses)
{
  g_autoptr (GPtrArray) list = satchel_addresses_parse (
      field->value, field->value_len, SATCHEL_SCAN_ADDRESSES - MIN (*n_addresses, SATCHEL_SCAN_ADDRESSES));
  *n_addresses += list->len;
  for (guint i = 0; i < list->len; i++)
    append_address (out, g_ptr_array_index (list, i));
}

static void
gather_envelope (EnvelopeFields *fields, const char *block, gsize len, guint *n_addresses)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    {
      int number = satchel_header_number (field.name, field.name_len);
      if (number < 0 || number > HEADER_IN_REPLY_TO)
        continue;
      if (number >= HEADER_FROM && number <= HEADER_BCC)
        {
          if (fields->lists[number] == NULL)
            fields->lists[number] = g_string_new (NULL);
          append_addresses (fields->lists[number], &field, n_addresses);
        }
      else if (fields->first[number].raw == NULL)
        fields->first[number] = field;
    }
}

static void
append_field (GString *out, const SatchelHeaderField *field)
{
  g_autofree char *value =
      field->raw != NULL ? satchel_header_unfold (field->value, field->value_len, NULL) : NULL;
  satchel_imap_append_string (out, value, -1);
}

static void
append_list (GString *out, const GString *list)
{
  if (list == NULL || list->len == 0)
    g_string_append (out, " NIL");
  else
    {
      g_string_append (out, " (");
      g_string_append_len (out, list->str, list->len);
      g_string_append_c (out, ')');
    }
}

void
satchel_scan_envelope (GString *out, const char *block, gsize len, guint *n_addresses)
{
  EnvelopeFields fields = { 0 };
  gather_envelope (&fields, block, len, n_addresses);
  g_string_append_c (out, '(');
  append_field (out, &fields.first[HEADER_DATE]);
  g_string_append_c (out, ' ');
  append_field (out, &fields.first[HEADER_SUBJECT]);
  for (int i = HEADER_FROM; i <= HEADER_BCC; i++)
    {
      const GString *list = fields.lists[i];
      /* An absent or empty Sender or Reply-To is that of From (RFC 3501 7.4.2). */
      if ((i == HEADER_SENDER || i == HEADER_REPLY_TO) && (list == NULL || list->len == 0))
        list = fields.lists[HEADER_FROM];
      append_list (out, list);
    }
  g_string_append_c (out, ' ');
  append_field (out, &fields.first[HEADER_IN_REPLY_TO]);
  g_string_append_c (out, ' ');
  append_field (out, &fields.first[HEADER_MESSAGE_ID]);
  g_string_append_c (out, ')');
  for (int i = HEADER_FROM; i <= HEADER_BCC; i++)
    if (fields.lists[i] != NULL)
      g_string_free (fields.lists[i], TRUE);
}

static void
append_piece (const ScanTree *tree, GString *out, ScanText piece)
{
  g_string_append_len (out, tree->pool->str + piece.offset, piece.len);
}

static void
append_pool_string (const ScanTree *tree, GString *out, ScanText piece)
{
  satchel_imap_append_string (out, tree->pool->str + piece.offset, piece.len);
}

static void
append_number (GString *out, guint64 number)
{
  char digits[SATCHEL_NUMBER_DIGITS];
  g_string_append_len (out, digits, satchel_number_put (digits, number) - digits);
}

/* Reads up to the children. */
static void
open_part (const ScanTree *tree, const ScanPart *part, GString *out)
{
  g_string_append_c (out, '(');
  if (part->kind == SATCHEL_PART_MULTIPART)
    return;
  append_pool_string (tree, out, part->type);
  g_string_append_c (out, ' ');
  append_pool_string (tree, out, part->subtype);
  g_string_append_c (out, ' ');
  append_piece (tree, out, part->parameters);
  g_string_append_c (out, ' ');
  append_piece (tree, out, part->description);
  g_string_append_c (out, ' ');
  append_number (out, part->end_offset - part->body_offset);
  if (part->kind == SATCHEL_PART_MESSAGE)
    {
      const ScanPart *child = part + 1; /* the tree is in pre-order */
      g_string_append_c (out, ' ');
      append_piece (tree, out, child->envelope);
      g_string_append_c (out, ' ');
    }
}

/* Appends the text that follows the children of a part. */
static void
close_part (const ScanTree *tree, const ScanPart *part, gboolean is_extended, GString *out)
{
  if (part->kind == SATCHEL_PART_MULTIPART)
    {
      g_string_append_c (out, ' ');
      append_pool_string (tree, out, part->subtype);
      if (is_extended)
        {
          g_string_append_c (out, ' ');
          append_piece (tree, out, part->parameters);
        }
    }
  else
    {
      if (part->kind == SATCHEL_PART_MESSAGE || strcmp (tree->pool->str + part->type.offset, "text") == 0)
        {
          g_string_append_c (out, ' ');
          append_number (out, part->body_lines);
        }
      if (is_extended)
        {
          g_string_append_c (out, ' ');
          append_piece (tree, out, part->md5);
        }
    }
  if (is_extended)
    {
      g_string_append_c (out, ' ');
      append_piece (tree, out, part->disposition);
    }
  g_string_append_c (out, ')');
}

void
satchel_scan_body_structure (const ScanTree *tree, gboolean is_extended, GString *out)
{
  guint32 open[SATCHEL_SCAN_DEPTH + 4];
  guint n_open = 0;
  for (guint i = 0; i < tree->parts->len; i++)
    {
      const ScanPart *part = scan_tree_part (tree, i);
      while (n_open > 0 && i > open[n_open - 1] + scan_tree_part (tree, open[n_open - 1])->n_descendants)
        close_part (tree, scan_tree_part (tree, open[--n_open]), is_extended, out);
      open_part (tree, part, out);
      open[n_open++] = i;
    }
  while (n_open > 0)
    close_part (tree, scan_tree_part (tree, open[--n_open]), is_extended, out);
}
