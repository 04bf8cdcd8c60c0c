/* SPDX-License-Identifier: MIT
 * This file removes a user's whole store: the Maildir, and what is kept beside it.  Nobody has the store
 * open.  The directory whose existence says that there is mail is removed last.
 */
#include "config.h"

#include "driver.h"
#include "files/file_io.h"
#include "files/maildir_sys.h"
#include "settings.h"
#include "store/maildir_store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Names of mailboxes in layout `fs` have at most 1,024 bytes; nobody nests them this deep. */
#define STORE_DEPTH 256u

static gboolean
count_file (gpointer data)
{
  return satchel_destroy_step (1, data);
}

/* Removes the directory at @path below @root_fd. */
static gboolean
remove_directory (int root_fd, const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autoptr (GError) local = NULL;
  struct stat st;
  g_auto (MdFd) fd = md_open_path (root_fd, strcmp (parent, ".") == 0 ? "" : parent, FALSE, &local);
  if (fd < 0 && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  if (fd < 0)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!md_remove_tree (fd, name, STORE_DEPTH, count_file, error))
    return FALSE;
  if (md_sys.fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_IO,
                              "%s below server.mail_root cannot be removed whole; remove what is left of it",
                              path);
  return errno == ENOENT || satchel_error_set_errno (error, errno, "%s cannot be looked at", path);
}

gboolean
md_destroy (const SatchelStorageIdentity *identity, const SatchelConfig *section, GError **error)
{
  MdSettings settings;
  md_settings_init (&settings, section, identity);
  gboolean ok =
      (settings.control_path == NULL || remove_directory (identity->root_fd, settings.control_path, error))
      && remove_directory (identity->root_fd, settings.path, error);
  md_settings_clear (&settings);
  return ok;
}
