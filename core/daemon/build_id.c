/* SPDX-License-Identifier: MIT
 * Makes the build id from the files that are mapped into this process, so a file that was replaced on disk
 * since does not count.
 */
#include "config.h"

#include "core/daemon/build_id.h"

#include <stdio.h>

#include "core/runtime/loader/loader.h"

/* Returns "DEVICE:INODE" of the mapping that holds @address. */
static char *
mapped_file (guintptr address)
{
  g_autofree char *maps = NULL;
  if (!g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL))
    return g_strdup ("?");
  g_auto (GStrv) lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long first, end, inode;
      char device[32];
      if (sscanf (lines[i], "%lx-%lx %*s %*s %31s %lu", &first, &end, device, &inode) == 4 && address >= first
          && address < end)
        return g_strdup_printf ("%s:%lu", device, inode);
    }
  return g_strdup ("?");
}

char *
satchel_build_id (void)
{
  g_autofree char *program = mapped_file ((guintptr) satchel_build_id);
  g_autofree char *library =
      mapped_file (*(guintptr *) (gpointer) & (gpointer) { (gpointer) satchel_loader_new });
  return g_strconcat (PACKAGE_VERSION, " ", program, " ", library, NULL);
}
