/* SPDX-License-Identifier: MIT
 * Reads the lines of Courier's files, and the names of messages in them.
 */
#include "config.h"

#include "foreign/courier_private.h"
#include "files/file_io.h"
#include "files/log_area.h"

#include <satchel/log.h>
#include <string.h>

gboolean
md_courier_read_lines (int fd, const char *file, gsize max, char ***ret_lines, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GByteArray) data = md_read_file (fd, file, max, &local);
  *ret_lines = NULL;
  if (data == NULL && !md_file_is_lost (local))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "a file of Courier cannot be read and is not taken over: %s",
                 local->message);
  if (data == NULL)
    return TRUE;
  g_byte_array_append (data, (const guint8 *) "", 1);
  *ret_lines = g_strsplit ((const char *) data->data, "\n", -1);
  return TRUE;
}

char *
md_courier_base_name (const char *name, gssize len)
{
  g_autofree char *whole = g_strndup (name, len >= 0 ? (gsize) len : strlen (name));
  char *colon = strchr (whole, ':');
  if (colon != NULL)
    *colon = '\0';
  return g_steal_pointer (&whole);
}
