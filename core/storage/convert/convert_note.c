/* SPDX-License-Identifier: MIT
 * This file reads and writes the notes of conversions, each a line of text beside the mail.
 */
#include "config.h"

#include "core/storage/convert/convert_note.h"
#include "core/storage/store/store_private.h"

#include <satchel/number.h>
#include <string.h>

#define FILE_NAME "conversion"
#define NOTE_BYTES 8192u
#define MAGIC "satchel-conversion 1 "

void
satchel_convert_note_clear (SatchelConvertNote *note)
{
  g_clear_pointer (&note->place, satchel_place_unref);
  *note = (SatchelConvertNote) { 0 };
}

/* Parses "satchel-conversion 1 STATE BEGAN KEEPS PLACE". */
static gboolean
parse_note (const char *text, SatchelConvertNote *note)
{
  guint64 state, began, keeps;
  if (!satchel_text_take (&text, MAGIC)
      || !satchel_number_take (&text, NULL, 10, SATCHEL_CONVERT_UNDOING, &state)
      || state == SATCHEL_CONVERT_NONE || !satchel_text_take (&text, " ")
      || !satchel_number_take (&text, NULL, 10, G_MAXINT64, &began) || !satchel_text_take (&text, " ")
      || !satchel_number_take (&text, NULL, 10, 1, &keeps) || !satchel_text_take (&text, " "))
    return FALSE;
  *note = (SatchelConvertNote) { (SatchelConvertState) state, satchel_place_from_text (text), (gint64) began,
                                 keeps != 0 };
  return note->place != NULL;
}

gboolean
satchel_convert_note_read (SatchelStore *store, SatchelConvertNote *ret_note, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  *ret_note = (SatchelConvertNote) { 0 };
  if (!satchel_storage_read_file (SATCHEL_STACK (store), FILE_NAME, 0, NOTE_BYTES, data, error))
    return FALSE;
  if (data->len == 0)
    return TRUE;
  g_autofree char *text = g_strndup ((const char *) data->data, data->len);
  if (g_str_has_suffix (text, "\n"))
    text[strlen (text) - 1] = '\0'; /* the last field may be empty */
  return parse_note (text, ret_note)
         || satchel_error_set (
             error, SATCHEL_ERROR_CORRUPT,
             "the note of a conversion beside the mail cannot be understood; it is the file "
             "that ends in \"" FILE_NAME "\"");
}

gboolean
satchel_convert_note_write (SatchelStore *store, const SatchelConvertNote *note, GError **error)
{
  g_autofree char *place = note->place != NULL ? satchel_place_to_text (note->place) : NULL;
  g_autofree char *text = note->state == SATCHEL_CONVERT_NONE
                              ? g_strdup ("")
                              : g_strdup_printf (MAGIC "%u %" G_GINT64_FORMAT " %d %s\n", (guint) note->state,
                                                 note->began_s, note->keeps_old, place);
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  return satchel_storage_write_file (SATCHEL_STACK (store), FILE_NAME, 0, bytes, SATCHEL_FILE_REPLACE_SYNC,
                                     error);
}
