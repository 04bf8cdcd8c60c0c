/* SPDX-License-Identifier: MIT
 * This file makes a volume in a directory of its own, and removes it; see place.h.
 */
#include "config.h"

#include "modules/bdb/tests/place.h"
#include "volume/volume_private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

BdbVolume *
open_small_volume (int root_fd, const char *name, GError **error)
{
  const BdbSettings settings = { .path = "bdb",
                                 .cache = 1 << 20,
                                 .log_file = 4 << 20,
                                 .log_bytes = 64 << 20,
                                 .reserve = 1 << 20,
                                 .checkpoint_ms = 3600 * 1000 };
  return bdb_volume_open (root_fd, &settings, name, error);
}

void
set_up (Place *place)
{
  GError *error = NULL;
  place->root = g_dir_make_tmp ("satchel-bdb-XXXXXX", NULL);
  place->root_fd = open (place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  place->store.user = 7;
  place->box.number = 3;
  place->store.volume = open_small_volume (place->root_fd, "", &error);
  g_assert_no_error (error);
}

void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL;
       name = g_dir_read_name (dir))
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      if (g_remove (child) != 0)
        remove_tree (child);
    }
  g_rmdir (path);
}

void
tear_down (Place *place)
{
  bdb_volume_unref (place->store.volume);
  close (place->root_fd);
  remove_tree (place->root);
  g_free (place->root);
}
