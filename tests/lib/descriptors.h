/* SPDX-License-Identifier: MIT
 * For tests: which files this process has open.
 */
#pragma once
#include <glib.h>

/* Fails the test if a descriptor of this process leads to @directory or below, except @own (or -1). */
static inline void
descriptors_assert_none_below (const char *directory, int own)
{
  g_autoptr (GDir) all = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  while (all != NULL && (name = g_dir_read_name (all)) != NULL)
    {
      g_autofree char *link = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *file = g_file_read_link (link, NULL);
      if (file != NULL && g_str_has_prefix (file, directory) && g_ascii_strtoll (name, NULL, 10) != own)
        g_error ("descriptor %s is still open: %s", name, file);
    }
}
