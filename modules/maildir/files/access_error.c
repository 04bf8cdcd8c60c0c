/* SPDX-License-Identifier: MIT
 * Implements errors of system calls on files of the driver. They say which path was refused, to which uid,
 * and which permission is missing on it.
 */
#include "config.h"

#include "files/access_error.h"
#include "files/maildir_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MODE_BITS 07777u

/* Returns the path of @name below an open directory; of the directory itself if @name is ".". */
static char *
path_below (int dirfd, const char *name)
{
  SATCHEL_UNSET char link[64], path[4096];
  g_snprintf (link, sizeof link, "/proc/self/fd/%d", dirfd);
  ssize_t n = readlink (link, path, sizeof path);
  if (n <= 0 || n == (ssize_t) sizeof path)
    return g_strdup (name);
  path[n] = '\0';
  return name[0] == '.' && name[1] == '\0' ? g_strdup (path) : g_build_filename (path, name, NULL);
}

static gboolean
is_in_group (gid_t gid)
{
  gid_t groups[64];
  int n = getgroups (G_N_ELEMENTS (groups), groups);
  for (int i = 0; i < n; i++)
    if (groups[i] == gid)
      return TRUE;
  return getegid () == gid;
}

/* Returns the bits of @wants that the server lacks: 4 read, 2 write, 1 search, as for others in a mode. */
static guint
find_missing_bits (const struct stat *st, guint wants)
{
  guint has = st->st_uid == geteuid ()   ? st->st_mode >> 6
              : is_in_group (st->st_gid) ? st->st_mode >> 3
                                         : st->st_mode;
  return geteuid () != 0 ? wants & ~has & 7 : 0;
}

gboolean
md_may_read (const struct stat *st)
{
  return find_missing_bits (st, S_ISDIR (st->st_mode) ? 5 : 4) == 0;
}

/* Says whether a permission is missing; @why says which. */
static gboolean
lacks_permission (const struct stat *st, guint wants, const char *path, GString *why)
{
  guint missing = find_missing_bits (st, wants);
  if (missing == 0)
    return FALSE;
  g_string_append_printf (why, "; %s belongs to uid %u, gid %u, has mode %04o, and uid %u lacks %s%s%s", path,
                          (guint) st->st_uid, (guint) st->st_gid, (guint) st->st_mode & MODE_BITS,
                          (guint) geteuid (), missing & 4 ? "r" : "", missing & 2 ? "w" : "",
                          missing & 1 ? "x" : "");
  if (st->st_uid != geteuid ())
    g_string_append_printf (why, ": run chown %u", (guint) geteuid ());
  return TRUE;
}

static void
explain_refusal (int dirfd, const char *name, MdAccess access, GString *why)
{
  struct stat dir, st;
  g_autofree char *dir_path = path_below (dirfd, "."), *path = path_below (dirfd, name);
  if (md_sys.fstat (dirfd, &dir) == 0
      && lacks_permission (&dir, access == MD_ACCESS_CHANGE ? 3 : 1, dir_path, why))
    return;
  if (md_sys.fstatat (dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    {
      guint wants = S_ISDIR (st.st_mode) ? 5 : access == MD_ACCESS_READ ? 4 : 6;
      if (access != MD_ACCESS_CHANGE && lacks_permission (&st, wants, path, why))
        return;
    }
  g_string_append_printf (
      why, "; owner and mode would let uid %u: look for an ACL, an attribute or a security module",
      (guint) geteuid ());
}

/* Explains a full disk of which bytes are free but no inodes, since "No space left" alone would mislead. */
static void
explain_full_disk (int dirfd, GString *why)
{
  struct statvfs disk;
  if (fstatvfs (dirfd, &disk) == 0 && disk.f_files > 0 && disk.f_favail == 0)
    {
      g_autofree char *dir_path = path_below (dirfd, ".");
      g_string_append_printf (why, "; no inode is free there (df -i %s): remove files of others", dir_path);
    }
}

gboolean
md_error_in (GError **error, int dirfd, const char *name)
{
  g_autofree char *path = path_below (dirfd, name);
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

gboolean
md_error_at (GError **error, int errnum, int dirfd, const char *name, MdAccess access, const char *what)
{
  if (error == NULL)
    return FALSE;
  g_autofree char *path = path_below (dirfd, name);
  satchel_error_set_errno (error, errnum, "%s %s", what, path);
  if (errnum != EACCES && errnum != EPERM && errnum != ENOSPC)
    return FALSE;
  g_autoptr (GString) why = g_string_new ((*error)->message);
  if (errnum == ENOSPC)
    explain_full_disk (dirfd, why);
  else
    explain_refusal (dirfd, name, access, why);
  g_free ((*error)->message);
  (*error)->message = g_string_free (g_steal_pointer (&why), FALSE);
  return FALSE;
}
