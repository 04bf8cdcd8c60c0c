/* SPDX-License-Identifier: MIT
 * This file makes names of mbox files.
 */
#include "config.h"

#include "core/session/transfer/mbox_path.h"

#include <string.h>

static gboolean
is_misread (const char *level)
{
  static const char *const ends[] = { SATCHEL_MBOX_BELOW, ".mbox", ".mbx", ".msf", ".dat", ".part" };
  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      const gsize len = strlen (level), end_len = strlen (ends[i]);
      if (len >= end_len && g_ascii_strcasecmp (level + len - end_len, ends[i]) == 0)
        return TRUE;
    }
  return level[0] == '.';
}

static void
append_level (GString *path, const char *level)
{
  const gsize last_dot = is_misread (level) ? (gsize) (strrchr (level, '.') - level) : G_MAXSIZE;
  for (gsize i = 0; level[i] != '\0'; i++)
    if (level[i] == '%' || (level[i] == '.' && (i == 0 || i == last_dot)))
      g_string_append_printf (path, "%%%02X", (guint) (guchar) level[i]);
    else
      g_string_append_c (path, level[i]);
}

char *
satchel_mbox_path (const char *mailbox)
{
  g_auto (GStrv) levels = g_strsplit (mailbox, "/", -1);
  GString *path = g_string_new (NULL);
  for (char **level = levels; *level != NULL; level++)
    {
      if (level != levels)
        g_string_append (path, SATCHEL_MBOX_BELOW "/");
      append_level (path, *level);
    }
  return g_string_free (path, FALSE);
}

char *
satchel_mbox_unescape (const char *level)
{
  GString *out = g_string_new (NULL);
  for (; *level != '\0'; level++)
    if (level[0] == '%' && g_ascii_isxdigit (level[1]) && g_ascii_isxdigit (level[2]))
      {
        g_string_append_c (out,
                           (char) (g_ascii_xdigit_value (level[1]) << 4 | g_ascii_xdigit_value (level[2])));
        level += 2;
      }
    else
      g_string_append_c (out, *level);
  return g_string_free (out, FALSE);
}
