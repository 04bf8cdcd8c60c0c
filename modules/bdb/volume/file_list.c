/* SPDX-License-Identifier: MIT
 * This file lists directories for Berkeley DB; see file_list.h.
 */
#include "config.h"

#include "volume/file_list.h"

#include <dirent.h>
#include <errno.h>
#include <glib.h>
#include <string.h>

static gboolean
is_itself_or_parent (const char *name)
{
  return strcmp (name, ".") == 0 || strcmp (name, "..") == 0;
}

int
bdb_file_list (const char *path, char ***ret_names, int *ret_n)
{
  DIR *directory = opendir (path);
  if (directory == NULL)
    return errno;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const struct dirent *entry;
  while (errno = 0, (entry = readdir (directory)) != NULL)
    if (!is_itself_or_parent (entry->d_name))
      g_ptr_array_add (names, g_strdup (entry->d_name));
  int code = errno;
  closedir (directory);
  if (code != 0)
    return code;
  *ret_n = (int) names->len;
  g_ptr_array_add (names, NULL);
  *ret_names = (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
  return 0;
}

void
bdb_file_list_free (char **names, int n)
{
  g_strfreev (names);
}
