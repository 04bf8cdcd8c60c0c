/* SPDX-License-Identifier: MIT
 * Adds and removes header fields while content is read (RFC 5322 2.2, 3.6.8); see header_edit.h.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include "core/session/delivery/header_edit.h"

#include <satchel/filter.h>
#include <satchel/header.h>
#include <string.h>

#define FIRST_READ_BYTES 16384u

void
satchel_header_edit_init (SatchelHeaderEdit *edit)
{
  edit->added = g_string_new (NULL);
  edit->removed = g_ptr_array_new_with_free_func (g_free);
}

void
satchel_header_edit_clear (SatchelHeaderEdit *edit)
{
  g_string_free (g_steal_pointer (&edit->added), TRUE);
  g_clear_pointer (&edit->removed, g_ptr_array_unref);
}

gboolean
satchel_header_edit_is_empty (const SatchelHeaderEdit *edit)
{
  return edit->added->len == 0 && edit->removed->len == 0;
}

static gboolean
check_field_name (const char *name, GError **error)
{
  gsize len = strlen (name);
  if (len > SATCHEL_FILTER_NAME_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the name of a header field is too long");
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isgraph (name[i]) || name[i] == ':')
      return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                "the name of a header field has a character that RFC 5322 forbids");
  return len > 0 || satchel_error_set (error, SATCHEL_ERROR_INVALID, "a header field needs a name");
}

static gboolean
is_blank (const char *line, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (line[i] != ' ' && line[i] != '\t')
      return FALSE;
  return TRUE;
}

/* Appends "NAME: VALUE" with CRLF at each line's end. */
static gboolean
append_field (GString *out, const char *name, const char *value, GError **error)
{
  if (!g_utf8_validate (value, -1, NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "the value of a header field is not valid UTF-8");
  g_string_append_printf (out, "%s:", name);
  gsize in_line = strlen (name) + 1;
  for (gboolean is_first = TRUE;; is_first = FALSE)
    {
      gsize len = strcspn (value, "\n"),
            text_len = len > 0 && value[len] == '\n' && value[len - 1] == '\r' ? len - 1 : len;
      for (gsize i = 0; i < text_len; i++)
        if (g_ascii_iscntrl (value[i]) && value[i] != '\t')
          return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                    "the value of a header field has a control character");
      if (!is_first && ((*value != ' ' && *value != '\t') || is_blank (value, text_len)))
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "a folded line of a header field begins with a space, and is not blank");
      if (is_first && *value != ' ')
        g_string_append_c (out, ' ');
      if (in_line + text_len + 1 > SATCHEL_FILTER_LINE_BYTES)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a line of a header field is too long");
      g_string_append_len (out, value, (gssize) text_len);
      g_string_append (out, "\r\n");
      if (value[len] == '\0')
        return TRUE;
      value += len + 1;
      in_line = 0;
    }
}

gboolean
satchel_header_edit_add (SatchelHeaderEdit *edit, const char *name, const char *value, GError **error)
{
  g_autoptr (GString) field = g_string_new (NULL);
  if (strlen (value) > SATCHEL_FILTER_HEADER_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the value of a header field is too long");
  if (!check_field_name (name, error) || !append_field (field, name, value, error))
    return FALSE;
  if (edit->added->len + field->len > SATCHEL_FILTER_HEADER_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a filter adds more than %u bytes to a header",
                              SATCHEL_FILTER_HEADER_BYTES);
  g_string_prepend_len (edit->added, field->str, (gssize) field->len);
  return TRUE;
}

gboolean
satchel_header_edit_remove (SatchelHeaderEdit *edit, const char *name, GError **error)
{
  if (!check_field_name (name, error))
    return FALSE;
  if (edit->removed->len >= SATCHEL_FILTER_NAMES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "a filter removes more than %u names of header fields",
                              SATCHEL_FILTER_NAMES_MAX);
  g_ptr_array_add (edit->removed, g_strdup (name));
  return TRUE;
}

typedef struct EditStream
{
  SatchelStream stream;
  SatchelStream *below;
  SatchelHeaderEdit edit;
  GMutex lock; /* held during the first read */
  /* replaces the first replaced_len bytes of the stream below; NULL: it has not been read yet */
  GByteArray *head;
  guint64 replaced_len;
} EditStream;

/* Finds the header, without the blank line, in @head. FALSE means that it has not ended. */
static gboolean
find_end (const GByteArray *head, gsize *ret_len)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  const char *last = (const char *) head->data;
  satchel_header_reader_init (&reader, last, head->len);
  while (satchel_header_reader_next (&reader, &field))
    last = field.raw;
  gboolean has_ended = reader.at < reader.end;
  /* the next piece may continue the last field, so that is read again */
  *ret_len = (gsize) ((has_ended ? reader.at : last) - (const char *) head->data);
  return has_ended;
}

static GByteArray *
read_header (SatchelStream *below, gsize *ret_len, GError **error)
{
  g_autoptr (GByteArray) head = g_byte_array_new ();
  for (guint want = FIRST_READ_BYTES;; want *= 2)
    {
      guint had = head->len;
      g_byte_array_set_size (head, want);
      gssize n = satchel_stream_read_at (below, had, head->data + had, want - had, error);
      if (n < 0)
        return NULL;
      g_byte_array_set_size (head, had + (guint) n);
      if (find_end (head, ret_len) || want >= SATCHEL_FILTER_HEAD_BYTES)
        return g_steal_pointer (&head);
      if (head->len < want) /* the content ends here, so all of it is header */
        {
          *ret_len = head->len;
          return g_steal_pointer (&head);
        }
    }
}

/* Says whether a field is one of the trace fields that this server put in front, in their order (RFC 5321
 * 4.4). Added fields come behind them, so that a message begins the same at each try of its sender. */
static gboolean
is_own_trace (const SatchelHeaderField *field, guint *stage)
{
  static const char *const names[] = { "Return-Path", "Delivered-To", "Received" };
  for (guint i = *stage; i < G_N_ELEMENTS (names); i++)
    if (satchel_header_field_is (field, names[i]))
      {
        *stage = i + 1;
        return TRUE;
      }
  return FALSE;
}

static gboolean
ends_in_newline (const GByteArray *bytes)
{
  return bytes->len == 0 || bytes->data[bytes->len - 1] == '\n';
}

static void
append_bytes (GByteArray *out, const char *data, gsize len)
{
  g_byte_array_append (out, (const guint8 *) data, (guint) len);
}

static GByteArray *
edit_header (const SatchelHeaderEdit *edit, const char *header, gsize len)
{
  g_autoptr (SatchelHeaderNames) names =
      satchel_header_names_new ((const char *const *) edit->removed->pdata, edit->removed->len);
  GByteArray *out = g_byte_array_new ();
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  gboolean is_trace = TRUE;
  guint stage = 0;
  satchel_header_reader_init (&reader, header, len);
  while (satchel_header_reader_next (&reader, &field))
    {
      gboolean was_trace = is_trace;
      is_trace = is_trace && is_own_trace (&field, &stage);
      if (was_trace && !is_trace)
        append_bytes (out, edit->added->str, edit->added->len);
      if (is_trace || !satchel_header_names_contain (names, &field))
        append_bytes (out, field.raw, field.raw_len);
    }
  if (is_trace && !ends_in_newline (out))
    append_bytes (out, "\r\n", 2);
  if (is_trace)
    append_bytes (out, edit->added->str, edit->added->len);
  return out;
}

static gboolean
read_head (EditStream *self, GError **error)
{
  g_mutex_lock (&self->lock);
  if (self->head == NULL)
    {
      gsize len = 0;
      g_autoptr (GByteArray) header = read_header (self->below, &len, error);
      if (header != NULL)
        {
          self->replaced_len = len;
          self->head = edit_header (&self->edit, (const char *) header->data, len);
        }
    }
  gboolean ok = self->head != NULL;
  g_mutex_unlock (&self->lock);
  return ok;
}

static gssize
edit_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  EditStream *self = (EditStream *) stream;
  if (!read_head (self, error))
    return -1;
  gsize from_head = offset < self->head->len ? (gsize) MIN (self->head->len - offset, len) : 0;
  if (from_head > 0)
    memcpy (buffer, self->head->data + offset, from_head);
  if (from_head == len)
    return (gssize) len;
  gssize n = satchel_stream_read_at (self->below, offset + from_head - self->head->len + self->replaced_len,
                                     (guint8 *) buffer + from_head, len - from_head, error);
  return n < 0 ? -1 : (gssize) from_head + n;
}

static gint64
edit_length (SatchelStream *stream, GError **error)
{
  EditStream *self = (EditStream *) stream;
  gint64 below = read_head (self, error) ? satchel_stream_length (self->below, error) : -1;
  return below < 0 ? -1 : below - (gint64) self->replaced_len + (gint64) self->head->len;
}

static void
edit_free (SatchelStream *stream)
{
  EditStream *self = (EditStream *) stream;
  satchel_stream_unref (self->below);
  satchel_header_edit_clear (&self->edit);
  g_clear_pointer (&self->head, g_byte_array_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static const SatchelStreamOps edit_ops = {
  .size = sizeof (SatchelStreamOps),
  .read_at = edit_read_at,
  .length = edit_length,
  .free = edit_free,
};

SatchelStream *
satchel_header_edit_stream (SatchelStream *below, const SatchelHeaderEdit *edit)
{
  EditStream *self = g_new0 (EditStream, 1);
  satchel_stream_init (&self->stream, &edit_ops);
  self->below = satchel_stream_ref (below);
  satchel_header_edit_init (&self->edit);
  g_string_append_len (self->edit.added, edit->added->str, (gssize) edit->added->len);
  for (guint i = 0; i < edit->removed->len; i++)
    g_ptr_array_add (self->edit.removed, g_strdup (g_ptr_array_index (edit->removed, i)));
  g_mutex_init (&self->lock);
  return &self->stream;
}
