/* SPDX-License-Identifier: MIT
 * Removes a directory with all that is in it, file by file as they are read, so that neither memory nor a
 * step grows with what is there.
 */
#include "config.h"

#include "files/file_io.h"
#include "files/maildir_sys.h"
#include "store/maildir_store.h"

#include <fcntl.h>
#include <string.h>

typedef struct Directory
{
  int fd;
  MdRemovedFunc removed;
  gpointer data;
  gboolean is_stopped;
  GPtrArray *directories; /* names in it, which are no files */
} Directory;

static void
remove_file (const char *name, gsize len, guint8 type, gpointer data)
{
  Directory *directory = data;
  if (directory->is_stopped || strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    return;
  if (md_sys.unlinkat (directory->fd, name, 0) == 0)
    directory->is_stopped = directory->removed != NULL && !directory->removed (directory->data);
  else
    g_ptr_array_add (directory->directories, g_strdup (name));
}

gboolean
md_remove_tree (int dirfd, const char *name, guint depth, MdRemovedFunc removed, gpointer data)
{
  if (md_sys.unlinkat (dirfd, name, 0) == 0)
    return removed == NULL || removed (data);
  g_auto (MdFd) fd = depth > 0 ? md_open_dir (dirfd, name, FALSE, NULL) : -1;
  if (fd < 0)
    return TRUE;
  g_autoptr (GPtrArray) directories = g_ptr_array_new_with_free_func (g_free);
  Directory directory = { fd, removed, data, FALSE, directories };
  md_read_dir (fd, remove_file, &directory, NULL);
  for (guint i = 0; i < directories->len && !directory.is_stopped; i++)
    directory.is_stopped = !md_remove_tree (fd, directories->pdata[i], depth - 1, removed, data);
  if (!directory.is_stopped)
    md_sys.unlinkat (dirfd, name, AT_REMOVEDIR);
  return !directory.is_stopped;
}
