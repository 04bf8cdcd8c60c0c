/* SPDX-License-Identifier: MIT
 * This file converts names of mailboxes to folders of a Maildir tree, and to lines in files of
 * subscriptions.
 */
#include "config.h"

#include "core/mail/name/utf7.h"
#include "core/mail/tree/tree.h"

#include <satchel/mailbox_name.h>
#include <string.h>

#define FOLDER_BYTES 255u

/* Appends a level, decoded from modified UTF-7; if it is not in UTF-7, it is appended as it stands. */
static void
append_level (GString *out, const char *level, char shifted)
{
  g_autofree char *decoded =
      g_str_is_ascii (level) ? satchel_utf7_decode_with (level, strlen (level), shifted) : NULL;
  if (out->len > 0)
    g_string_append_c (out, '/');
  g_string_append (out, decoded != NULL ? decoded : level);
}

static char *
from_levels (const char *path, const char *separator, char shifted)
{
  g_auto (GStrv) levels = g_strsplit (path, separator, -1);
  g_autoptr (GString) name = g_string_new (NULL);
  for (char **level = levels; *level != NULL; level++)
    append_level (name, *level, shifted);
  return satchel_mailbox_name_normalise (name->str, name->len, NULL);
}

char *
satchel_tree_mailbox (const char *dir, SatchelTreeLayout layout)
{
  if (*dir == '\0')
    return g_strdup ("INBOX");
  if (layout == SATCHEL_LAYOUT_PLUS)
    return dir[0] == '.' ? from_levels (dir + 1, ".", '.') : NULL;
  return from_levels (dir, "/", '\0');
}

char *
satchel_tree_folder (const char *mailbox)
{
  if (strcmp (mailbox, "INBOX") == 0)
    return g_strdup ("");
  g_auto (GStrv) levels = g_strsplit (mailbox, "/", -1);
  g_autoptr (GString) dir = g_string_new (NULL);
  for (char **level = levels; *level != NULL; level++)
    {
      g_autofree char *encoded = satchel_utf7_encode_with (*level, '.');
      g_string_append_printf (dir, ".%s", encoded);
    }
  return dir->len <= FOLDER_BYTES ? g_string_free (g_steal_pointer (&dir), FALSE) : NULL;
}

GPtrArray *
satchel_tree_subscriptions_parse (const char *text, gsize len, SatchelTreeLayout layout)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *copy = g_strndup (text, len);
  g_auto (GStrv) lines = g_strsplit (copy, "\n", -1);
  const gboolean has_tabs = lines[0] != NULL && g_str_has_prefix (lines[0], "V\t2");
  for (char **line = lines + has_tabs; *line != NULL; line++)
    {
      g_strchomp (*line);
      const char *path = g_str_has_prefix (*line, "INBOX.") && !has_tabs ? *line + strlen ("INBOX.") : *line;
      char *name = *path == '\0'                 ? NULL
                   : has_tabs                    ? from_levels (path, "\t", '.')
                   : layout == SATCHEL_LAYOUT_FS ? from_levels (path, "/", '\0')
                                                 : from_levels (path, ".", '.');
      if (name != NULL)
        g_ptr_array_add (names, name);
    }
  return names;
}

char *
satchel_tree_subscriptions_make (const GPtrArray *mailboxes)
{
  GString *text = g_string_new ("V\t2\n\n");
  for (guint i = 0; i < mailboxes->len; i++)
    {
      g_auto (GStrv) levels = g_strsplit (mailboxes->pdata[i], "/", -1);
      for (char **level = levels; *level != NULL; level++)
        {
          g_autofree char *encoded = satchel_utf7_encode_with (*level, '.');
          g_string_append_printf (text, "%s%s", level != levels ? "\t" : "", encoded);
        }
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}
