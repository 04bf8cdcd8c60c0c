/* SPDX-License-Identifier: MIT
 * For tests: which files this process has open.
 */
#pragma once
#include <glib.h>

/* The name of a file at or below @directory that this process has open by a descriptor other than @own (or
 * -1); NULL if there is none. */
static inline char *
descriptors_find_below (const char *directory, int own)
{
  g_autoptr (GDir) all = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  while (all != NULL && (name = g_dir_read_name (all)) != NULL)
    {
      g_autofree char *link = g_build_filename ("/proc/self/fd", name, NULL);
      char *file = g_file_read_link (link, NULL);
      if (file != NULL && g_str_has_prefix (file, directory) && g_ascii_strtoll (name, NULL, 10) != own)
        return file;
      g_free (file);
    }
  return NULL;
}

static inline gboolean
descriptors_are_closed_below (const char *directory, int own)
{
  g_autofree char *file = descriptors_find_below (directory, own);
  return file == NULL;
}

/* Fails the test if something at or below @directory stays open.  Calls that were deferred to the main loop,
 * and the jobs that they start, keep a store open for a moment. */
static inline void
descriptors_assert_none_below (const char *directory, int own)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  while (!descriptors_are_closed_below (directory, own) && g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
  g_autofree char *file = descriptors_find_below (directory, own);
  if (file != NULL)
    g_error ("this file is still open: %s", file);
}
