/* SPDX-License-Identifier: MIT
 * This file reads and makes names of message files: "BASE:2,FLAGS".  BASE may have ",S=" with the size of
 * the file and ",W=" with that of the message with CRLF (Maildir++).
 */
#include "config.h"

#include "core/mail/tree/tree.h"

#include <satchel/number.h>
#include <string.h>

static const struct
{
  char letter;
  guint32 flag;
} letters[] = { { 'D', SATCHEL_FLAG_DRAFT },
                { 'F', SATCHEL_FLAG_FLAGGED },
                { 'R', SATCHEL_FLAG_ANSWERED },
                { 'S', SATCHEL_FLAG_SEEN },
                { 'T', SATCHEL_FLAG_DELETED } };

/* Reads ",S=N" or ",W=N" of the base; @field is the letter. */
static gboolean
find_size (const char *base, gsize len, char field, guint64 *ret_size)
{
  for (const char *at = base, *end = base + len; at + 3 < end; at++)
    if (at[0] == ',' && at[1] == field && at[2] == '=')
      {
        const char *number = at + 3;
        return satchel_number_take (&number, end, 10, G_MAXINT64, ret_size)
               && (number == end || *number == ',');
      }
  return FALSE;
}

void
satchel_tree_name_parse (const char *name, guint64 size, SatchelTreeName *ret_name)
{
  guint64 of_file, of_message;
  const char *colon = strrchr (name, ':');
  *ret_name = (SatchelTreeName) { .base_len = colon != NULL ? (gsize) (colon - name) : strlen (name) };
  if (colon != NULL && g_str_has_prefix (colon, ":2,"))
    for (const char *at = colon + 3; *at != '\0' && *at != ','; at++)
      {
        for (guint i = 0; i < G_N_ELEMENTS (letters); i++)
          if (*at == letters[i].letter)
            ret_name->flags |= letters[i].flag;
        ret_name->is_forwarded = ret_name->is_forwarded || *at == 'P';
        if (*at >= 'a' && *at <= 'z')
          ret_name->letters |= 1u << (*at - 'a');
      }
  ret_name->has_size = find_size (name, ret_name->base_len, 'S', &of_file) && of_file == size;
  ret_name->is_verbatim =
      ret_name->has_size && find_size (name, ret_name->base_len, 'W', &of_message) && of_message == size;
}

char *
satchel_tree_name_make (gint64 internal_date, guint32 uidvalidity, guint32 uid, guint64 file_size,
                        guint64 size)
{
  return g_strdup_printf ("%" G_GINT64_FORMAT ".V%uU%u.satchel,S=%" G_GUINT64_FORMAT ",W=%" G_GUINT64_FORMAT,
                          MAX (internal_date, 0), uidvalidity, uid, file_size, size);
}

void
satchel_tree_name_add_flags (GString *name, guint32 flags, guint32 keyword_letters)
{
  g_string_append (name, ":2,");
  for (guint i = 0; i < G_N_ELEMENTS (letters); i++)
    if ((flags & letters[i].flag) != 0)
      g_string_append_c (name, letters[i].letter);
  for (guint i = 0; i < SATCHEL_TREE_LETTERS; i++)
    if ((keyword_letters >> i & 1) != 0)
      g_string_append_c (name, (char) ('a' + i));
}
