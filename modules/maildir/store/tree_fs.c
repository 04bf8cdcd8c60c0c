/* SPDX-License-Identifier: MIT
 * Implements the layout fs: a mailbox is a directory with cur/, new/ and tmp/ beside the directories of its
 * children. cur/ makes it a mailbox, so it is moved last when one is made, and first when one is removed.
 */
#include "config.h"

#include "files/file_io.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/sync_hold.h"
#include "store/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Opens the directory above @dir. The caller frees the name of @dir in it. */
static int
open_parent (MdStore *store, const char *dir, gboolean create, char **ret_leaf, GError **error)
{
  const char *slash = strrchr (dir, '/');
  g_autofree char *parent = slash != NULL ? g_strndup (dir, (gsize) (slash - dir)) : g_strdup ("");
  *ret_leaf = g_strdup (slash != NULL ? slash + 1 : dir);
  return md_open_path (store->user_fd, parent, create, error);
}

typedef struct Content
{
  GPtrArray *own;      /* names of its files, and of cur, new, tmp */
  gboolean has_others; /* it has directories of children */
  int fd;
} Content;

static void
collect_content (const char *name, gsize len, guint8 type, gpointer data)
{
  Content *content = data;
  struct stat st;
  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    return;
  if (type == DT_UNKNOWN && md_sys.fstatat (content->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
      && S_ISDIR (st.st_mode))
    type = DT_DIR;
  if (type == DT_DIR && strcmp (name, "cur") != 0 && strcmp (name, "new") != 0 && strcmp (name, "tmp") != 0)
    content->has_others = TRUE;
  else
    g_ptr_array_add (content->own, g_strdup (name));
}

static gboolean
read_content (int fd, Content *content, GError **error)
{
  *content = (Content) { .own = g_ptr_array_new_with_free_func (g_free), .fd = fd };
  return md_read_dir (fd, collect_content, content, error);
}

/* Moves what makes a mailbox, with cur/ first or last. Files that a crash left at the destination are
 * replaced. */
static gboolean
move_content (int from_fd, const GPtrArray *names, int to_fd, gboolean cur_first, GError **error)
{
  for (int pass = 0; pass < 2; pass++)
    for (guint i = 0; i < names->len; i++)
      {
        const char *name = names->pdata[i];
        if ((strcmp (name, "cur") == 0) != (cur_first == (pass == 0)))
          continue;
        if (md_sys.renameat (from_fd, name, to_fd, name) != 0)
          return satchel_error_set_errno (error, errno, "%s of the mailbox cannot be moved", name);
      }
  return TRUE;
}

static gboolean
move_into_existing (int trash_fd, const char *unique, int parent_fd, const char *leaf, GError **error)
{
  g_auto (MdFd) from_fd = md_open_dir (trash_fd, unique, FALSE, error);
  g_auto (MdFd) to_fd = from_fd >= 0 ? md_open_dir (parent_fd, leaf, FALSE, error) : -1;
  Content content = { NULL };
  gboolean ok = to_fd >= 0 && read_content (from_fd, &content, error);
  if (ok)
    {
      /* Removes empty directories that are left of a removal that a crash cut off. */
      md_sys.unlinkat (to_fd, "new", AT_REMOVEDIR);
      md_sys.unlinkat (to_fd, "tmp", AT_REMOVEDIR);
      ok = move_content (from_fd, content.own, to_fd, FALSE, error) && md_fsync (to_fd, "mailbox", error);
    }
  g_clear_pointer (&content.own, g_ptr_array_unref);
  return ok;
}

gboolean
md_fs_place (MdStore *store, int trash_fd, const char *unique, const char *dir, GError **error)
{
  g_autofree char *leaf = NULL;
  g_auto (MdFd) parent_fd = open_parent (store, dir, TRUE, &leaf, error);
  if (parent_fd < 0)
    return FALSE;
  gboolean ok = TRUE;
  if (md_sys.renameat (trash_fd, unique, parent_fd, leaf) != 0)
    ok = errno == ENOTEMPTY || errno == EEXIST
             ? move_into_existing (trash_fd, unique, parent_fd, leaf, error)
             : satchel_error_set_errno (error, errno, "the directory of the mailbox cannot be renamed");
  ok = ok && md_fsync (parent_fd, "mail directory", error);
  return ok;
}

/* Removes directories that have become empty, since these are no mailboxes' parents any more. */
static void
remove_empty_parents (MdStore *store, const char *dir)
{
  g_autofree char *path = g_strdup (dir);
  for (char *slash = strrchr (path, '/'); slash != NULL; slash = strrchr (path, '/'))
    {
      *slash = '\0';
      if (md_sys.unlinkat (store->user_fd, path, AT_REMOVEDIR) != 0)
        return;
    }
}

gboolean
md_fs_displace (MdStore *store, const char *dir, int trash_fd, const char *unique, GError **error)
{
  g_autofree char *leaf = NULL;
  g_auto (MdFd) parent_fd = open_parent (store, dir, FALSE, &leaf, error);
  g_auto (MdFd) fd = parent_fd >= 0 ? md_open_dir (parent_fd, leaf, FALSE, error) : -1;
  Content content = { NULL };
  gboolean ok = fd >= 0 && read_content (fd, &content, error);
  if (ok && !content.has_others)
    {
      ok = md_sys.renameat (parent_fd, leaf, trash_fd, unique) == 0
           || satchel_error_set_errno (error, errno, "the directory of the mailbox cannot be renamed");
      if (ok && !md_fsync (parent_fd, "mail directory", error))
        {
          md_sys.renameat (trash_fd, unique, parent_fd, leaf);
          ok = FALSE;
        }
      if (ok)
        remove_empty_parents (store, dir);
    }
  else if (ok)
    {
      g_auto (MdFd) to_fd = md_open_dir (trash_fd, unique, TRUE, error);
      ok = to_fd >= 0 && move_content (fd, content.own, to_fd, TRUE, error)
           && md_fsync (fd, "mail directory", error);
      g_autoptr (GError) ignored = NULL;
      if (!ok && to_fd >= 0)
        move_content (to_fd, content.own, fd, FALSE, &ignored);
    }
  g_clear_pointer (&content.own, g_ptr_array_unref);
  return ok;
}

gboolean
md_fs_rename (MdStore *store, const char *from, const char *to, GError **error)
{
  g_autofree char *from_leaf = NULL, *to_leaf = NULL;
  g_auto (MdFd) from_fd = open_parent (store, from, FALSE, &from_leaf, error);
  g_auto (MdFd) to_fd = from_fd >= 0 ? open_parent (store, to, TRUE, &to_leaf, error) : -1;
  gboolean ok = to_fd >= 0;
  if (ok)
    {
      md_sys.unlinkat (to_fd, to_leaf, AT_REMOVEDIR); /* an empty directory may have the name */
      struct stat st;
      if (md_sys.fstatat (to_fd, to_leaf, &st, AT_SYMLINK_NOFOLLOW) == 0)
        ok = satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS,
                                "the Maildir has a file or directory of the new name");
      else if (md_sys.renameat (from_fd, from_leaf, to_fd, to_leaf) != 0)
        ok = satchel_error_set_errno (error, errno, "the directory of the mailbox cannot be renamed");
      else if (!md_fsync (to_fd, "mail directory", error) || !md_fsync (from_fd, "mail directory", error))
        {
          md_sys.renameat (to_fd, to_leaf, from_fd, from_leaf);
          ok = FALSE;
        }
    }
  if (ok)
    remove_empty_parents (store, from);
  return ok;
}
