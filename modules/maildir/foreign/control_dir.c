/* SPDX-License-Identifier: MIT
 * Implements the directory of another server's files, if `control_path` is set: UID lists and keywords of
 * each mailbox, subscriptions of the user. Without the setting they are in the Maildir. Directories in it
 * have the names of the folders, and INBOX has one as well.
 */
#include "config.h"

#include "foreign/control_dir.h"
#include "files/file_io.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "settings.h"

#include <fcntl.h>
#include <string.h>

static const char *
control_path_of (const MdStore *store, const char *dir)
{
  return dir[0] != '\0' ? dir : (store->settings.layout & MD_LAYOUT_FS) != 0 ? "INBOX" : ".INBOX";
}

static gboolean
has_control_path (const MdStore *store)
{
  return store->control_fd != store->user_fd;
}

int
md_control_open (MdStore *store, const char *dir, int fd, gboolean create, GError **error)
{
  return has_control_path (store)
             ? md_open_path (store->control_fd, control_path_of (store, dir), create, error)
             : fd;
}

/* Moves the directory after its mailbox. If that fails the UIDs of foreign files are still in the index. */
void
md_control_renamed (MdStore *store, const char *from, const char *to)
{
  g_autofree char *parent = g_path_get_dirname (to);
  if (!has_control_path (store))
    return;
  int parent_fd = md_open_path (store->control_fd, strcmp (parent, ".") == 0 ? "" : parent, TRUE, NULL);
  md_fd_clear (&parent_fd);
  if (md_sys.renameat (store->control_fd, from, store->control_fd, to) == 0)
    md_sys.fsync (store->control_fd);
}

static void
remove_file (const char *name, gsize len, guint8 type, gpointer data)
{
  md_sys.unlinkat (*(int *) data, name, 0);
}

/* Removes files only: in layout fs children may be below it. */
void
md_control_removed (MdStore *store, const char *dir)
{
  g_auto (MdFd) fd = has_control_path (store)
                         ? md_open_path (store->control_fd, control_path_of (store, dir), FALSE, NULL)
                         : -1;
  if (fd < 0)
    return;
  md_read_dir (fd, remove_file, &fd, NULL);
  md_sys.unlinkat (store->control_fd, control_path_of (store, dir), AT_REMOVEDIR);
}
