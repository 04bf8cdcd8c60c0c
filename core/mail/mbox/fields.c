/* SPDX-License-Identifier: MIT
 * This file reads what programs that keep mail in mbox files note in the header of a message: flags,
 * keywords, and where its content ends.  A header that ends as the writer (writer.c) ends it has the writer's
 * notes there and nowhere else, so a message that came with such fields of its own keeps them.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include "core/mail/mbox/notes.h"

#include <satchel/keywords.h>
#include <satchel/number.h>
#include <string.h>

typedef struct Reading
{
  SatchelMboxMessage *message;
  SatchelMboxFields *fields;
  const char *header;
  gboolean has_ximap, has_subject;
} Reading;

void
satchel_mbox_fields_clear (SatchelMboxFields *fields)
{
  g_clear_pointer (&fields->keywords, g_ptr_array_unref);
  g_clear_pointer (&fields->cuts, g_array_unref);
}

static gboolean
has_keyword (const GPtrArray *keywords, const char *name)
{
  for (guint i = 0; i < keywords->len; i++)
    if (g_ascii_strcasecmp (keywords->pdata[i], name) == 0)
      return TRUE;
  return FALSE;
}

static void
add_keyword (SatchelMboxFields *fields, const char *name)
{
  if (*name != '\0' && strlen (name) <= SATCHEL_KEYWORD_BYTES
      && fields->keywords->len < SATCHEL_MBOX_KEYWORDS_MAX && !has_keyword (fields->keywords, name))
    g_ptr_array_add (fields->keywords, g_strdup (name));
}

static void
take_keywords (Reading *reading, const char *value)
{
  g_auto (GStrv) words = g_strsplit_set (value, " \t\r\n", -1);
  for (char **word = words; *word != NULL; word++)
    add_keyword (reading->fields, *word);
}

static void
take_status (Reading *reading, const char *value)
{
  static const struct
  {
    char letter;
    guint32 flag;
  } letters[] = { { 'R', SATCHEL_FLAG_SEEN },
                  { 'A', SATCHEL_FLAG_ANSWERED },
                  { 'F', SATCHEL_FLAG_FLAGGED },
                  { 'D', SATCHEL_FLAG_DELETED },
                  { 'T', SATCHEL_FLAG_DRAFT } };
  for (guint i = 0; i < G_N_ELEMENTS (letters); i++)
    if (strchr (value, letters[i].letter) != NULL)
      reading->fields->flags |= letters[i].flag;
}

static void
take_mozilla_status (Reading *reading, const char *value)
{
  guint64 bits;
  if (!satchel_number_take (&value, NULL, 16, G_MAXUINT32, &bits))
    return;
  reading->fields->flags |=
      ((bits & 0x1) != 0 ? SATCHEL_FLAG_SEEN : 0) | ((bits & 0x2) != 0 ? SATCHEL_FLAG_ANSWERED : 0)
      | ((bits & 0x4) != 0 ? SATCHEL_FLAG_FLAGGED : 0) | ((bits & 0x8) != 0 ? SATCHEL_FLAG_DELETED : 0);
  if ((bits & 0x1000) != 0)
    add_keyword (reading->fields, "$Forwarded");
}

static void
take_end (Reading *reading, const char *value)
{
  SatchelMboxMessage *message = reading->message;
  const guint64 newline = message->is_crlf ? 2 : 1;
  if (strcmp (value, SATCHEL_MBOX_END_NO_BODY) == 0 && message->end == message->body)
    message->end = message->body = message->body - newline;
  else if (strcmp (value, SATCHEL_MBOX_END_NO_LINE) == 0 && message->end == message->body)
    {
      SatchelMboxCut *first = &g_array_index (reading->fields->cuts, SatchelMboxCut, 0);
      first->offset -= newline; /* the writer also wrote the line end before it */
      first->len += newline;
      message->end = message->body = message->body - newline;
    }
  else if (strcmp (value, SATCHEL_MBOX_END_NO_NEWLINE) == 0 && message->end >= message->body + newline)
    message->end -= newline;
}

static void
take_nothing (Reading *reading, const char *value)
{
}

static void
take_internal (Reading *reading, const char *value)
{
  reading->has_ximap = TRUE;
}

/* These fields are no part of the content.  The first NOTES of them are those of the writer, in its order. */
#define NOTES 4u
static const struct
{
  const char *name;
  void (*take) (Reading *reading, const char *value);
} notes[] = {
  { SATCHEL_MBOX_STATUS, take_status },
  { SATCHEL_MBOX_X_STATUS, take_status },
  { SATCHEL_MBOX_KEYWORDS, take_keywords },
  { SATCHEL_MBOX_FIELD_END, take_end },
  { "X-Mozilla-Status", take_mozilla_status },
  { "X-Mozilla-Status2", take_nothing },
  { "X-Mozilla-Keys", take_keywords },
  { "X-UID", take_nothing },
  { "X-IMAP", take_internal },
  { "X-IMAPbase", take_nothing },
};

static int
find_note (const SatchelHeaderField *field)
{
  for (guint i = 0; i < G_N_ELEMENTS (notes); i++)
    if (satchel_header_field_is (field, notes[i].name))
      return (int) i;
  return -1;
}

static void
take_note (Reading *reading, const SatchelHeaderField *field, int note)
{
  const SatchelMboxCut cut = { reading->message->start + (guint64) (field->raw - reading->header),
                               field->raw_len };
  g_autofree char *value = satchel_header_unfold (field->value, field->value_len, NULL);
  if (note >= 0)
    notes[note].take (reading, value);
  g_array_append_val (reading->fields->cuts, cut);
}

static void
look_at (Reading *reading, const SatchelHeaderField *field)
{
  SatchelMboxFields *fields = reading->fields;
  if (satchel_header_field_is (field, "Date") && fields->date == SATCHEL_DATE_UNKNOWN
      && !satchel_date_parse (field->value, field->value_len, &fields->date, NULL))
    fields->date = SATCHEL_DATE_UNKNOWN;
  if (satchel_header_field_is (field, "Subject"))
    reading->has_subject =
        g_strstr_len (field->value, (gssize) field->value_len, "FOLDER INTERNAL DATA") != NULL;
}

guint
satchel_mbox_find_own_notes (const char *header, gsize len)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  guint n = 0, first = 0;
  int last = -1;
  satchel_header_reader_init (&reader, header, len);
  for (; satchel_header_reader_next (&reader, &field); n++)
    {
      int note = find_note (&field);
      if (note == 0)
        first = n;
      last = note == 0 ? 0 : last >= 0 && note == last + 1 && note < (int) NOTES ? note : -1;
    }
  return last == 2 || last == 3 ? first : G_MAXUINT;
}

gboolean
satchel_mbox_fields_read (SatchelStream *stream, SatchelMboxMessage *message, SatchelMboxFields *ret_fields,
                          GError **error)
{
  const guint64 header_len = message->body - message->start;
  const gsize room = (gsize) MIN (header_len, SATCHEL_MBOX_HEADER_MAX);
  g_autofree char *header = g_malloc (room + 1);
  gssize len = satchel_stream_read_at (stream, message->start, header, room, error);
  if (len < 0)
    return FALSE;
  SatchelMboxFields *fields = ret_fields;
  *fields = (SatchelMboxFields) { .date = SATCHEL_DATE_UNKNOWN,
                                  .keywords = g_ptr_array_new_null_terminated (0, g_free, TRUE),
                                  .cuts = g_array_new (FALSE, FALSE, sizeof (SatchelMboxCut)) };
  Reading reading = { .message = message, .fields = fields, .header = header };
  const guint own = header_len <= room ? satchel_mbox_find_own_notes (header, (gsize) len) : G_MAXUINT;
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, header, (gsize) len);
  for (guint n = 0; satchel_header_reader_next (&reader, &field); n++)
    {
      const int note = find_note (&field);
      look_at (&reading, &field);
      if (own != G_MAXUINT ? n >= own : note >= 0)
        take_note (&reading, &field, note);
      else if (own == G_MAXUINT && message->is_counted && satchel_header_field_is (&field, "Content-Length"))
        take_note (&reading, &field, -1);
    }
  fields->is_own = own != G_MAXUINT;
  fields->is_pseudo = reading.has_ximap && reading.has_subject;
  return TRUE;
}
