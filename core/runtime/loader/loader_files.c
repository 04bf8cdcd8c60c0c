/* SPDX-License-Identifier: MIT
 * Finds module files, and checks their owners: the file and every directory above it must belong to root
 * (or to the user of an unprivileged server), and nobody else may write them. Sticky directories of root
 * are allowed.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/loader/loader_private.h"

#define NAME_MAX_BYTES 64

gboolean
satchel_loader_name_is_valid (const char *name)
{
  gsize len = strlen (name);
  if (len == 0 || len > NAME_MAX_BYTES || !g_ascii_islower (name[0]) || g_str_has_suffix (name, "-gate"))
    return FALSE;
  return strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

char *
satchel_loader_file_name (const char *name, gboolean is_gate)
{
  return g_strconcat (name, is_gate ? "-gate.so" : ".so", NULL);
}

char **
satchel_loader_search_path (const char *module_dir)
{
  const char *path = getauxval (AT_SECURE) ? NULL : g_getenv ("SATCHEL_MODULE_PATH");
  if (path != NULL && *path != '\0')
    return g_strsplit (path, ":", 16);
  const char *dirs[] = { module_dir, NULL };
  return g_strdupv ((char **) dirs);
}

/* Checks owner and mode of one file or directory. The message has the command that repairs them. */
static gboolean
check_owner (SatchelLoader *loader, const struct stat *st, const char *path, GError **error)
{
  gboolean is_dir = S_ISDIR (st->st_mode);
  if (st->st_uid != 0 && st->st_uid != loader->trusted_uid)
    {
      const char *owner = loader->trusted_uid == 0 ? "root" : "root or the user that runs the server";
      return satchel_error_set (
          error, SATCHEL_ERROR_NOPERM, "%s %s belongs to uid %u, not to %s; run: chown %u %s",
          is_dir ? "directory" : "module file", path, (guint) st->st_uid, owner, loader->trusted_uid, path);
    }
  if (is_dir && (st->st_mode & S_ISVTX) && st->st_uid == 0)
    return TRUE;
  if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return TRUE;
  return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                            "%s %s (mode %04o) can be changed by others than its owner; run: chmod go-w %s",
                            is_dir ? "directory" : "module file", path, (guint) st->st_mode & 07777, path);
}

gboolean
satchel_loader_check_file (SatchelLoader *loader, int fd, const char *path, GError **error)
{
  struct stat st;
  if (fstat (fd, &st) != 0)
    return satchel_error_set_errno (error, errno, "%s cannot be looked at", path);
  if (!S_ISREG (st.st_mode))
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "%s is not a regular file; install the module anew", path);
  return check_owner (loader, &st, path, error);
}

/* Opens @dir (O_PATH) component by component, and checks each. */
static int
open_checked_dir (SatchelLoader *loader, const char *dir, GError **error)
{
  /* Symbolic links in the configured path are allowed (/lib is one): the resolved path is opened, without
   * following any. */
  g_autofree char *real = realpath (dir, NULL);
  if (real == NULL)
    {
      satchel_error_set_errno (error, errno, "the module directory %s cannot be opened", dir);
      return -1;
    }
  g_auto (SatchelFd) fd = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_auto (GStrv) parts = g_strsplit (real + 1, "/", -1);
  g_autoptr (GString) so_far = g_string_new ("/");
  for (guint i = 0; fd >= 0; i++)
    {
      struct stat st;
      if (fstat (fd, &st) != 0 || !check_owner (loader, &st, so_far->str, error))
        return -1;
      if (parts[i] == NULL || *parts[i] == '\0')
        break;
      int next = openat (fd, parts[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      satchel_fd_close (fd);
      fd = next;
      if (so_far->len > 1)
        g_string_append_c (so_far, '/');
      g_string_append (so_far, parts[i]);
    }
  if (fd < 0)
    satchel_error_set_errno (error, errno, "the module directory %s cannot be opened", so_far->str);
  return satchel_fd_steal (&fd);
}

static int
open_in (SatchelLoader *loader, const char *dir, const char *file, char **ret_path, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  if (access (path, F_OK) != 0 && errno == ENOENT)
    {
      struct stat st; /* a dangling link counts as a file here, and is refused below */
      if (lstat (path, &st) != 0)
        {
          satchel_error_set_errno (error, ENOENT, "%s cannot be opened", path);
          return -1;
        }
    }
  g_auto (SatchelFd) dir_fd = open_checked_dir (loader, dir, error);
  if (dir_fd < 0)
    return -1;
  g_auto (SatchelFd) fd = openat (dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  int saved = errno;
  if (fd < 0 && saved == ELOOP)
    satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                       "module file %s is a symbolic link; put the file itself there", path);
  else if (fd < 0)
    satchel_error_set_errno (error, saved, "the module file %s cannot be opened", path);
  else if (!satchel_loader_check_file (loader, fd, path, error))
    return -1;
  if (fd >= 0 && ret_path != NULL)
    *ret_path = g_steal_pointer (&path);
  return satchel_fd_steal (&fd);
}

int
satchel_loader_open (SatchelLoader *loader, const char *name, gboolean is_gate, char **ret_path,
                     GError **error)
{
  if (!satchel_loader_name_is_valid (name))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "\"%s\" cannot be the name of a module; names are a-z, 0-9 and -", name);
      return -1;
    }
  g_autofree char *file = satchel_loader_file_name (name, is_gate);
  for (guint i = 0; loader->dirs[i] != NULL; i++)
    {
      g_autoptr (GError) local = NULL;
      int fd = open_in (loader, loader->dirs[i], file, ret_path, &local);
      if (fd >= 0)
        return fd;
      if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT) && loader->dirs[i + 1] != NULL)
        continue;
      if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
        break;
      g_propagate_prefixed_error (error, g_steal_pointer (&local), "module %s: ", name);
      return -1;
    }
  g_autofree char *where = g_strjoinv (", ", loader->dirs);
  satchel_error_set (
      error, SATCHEL_ERROR_NONEXISTENT,
      "module %s: there is no %s in %s; install it, or remove the group \"%s\" from the configuration", name,
      file, *where != '\0' ? where : "any module directory", name);
  return -1;
}

static void
module_file_free (SatchelModuleFile *file)
{
  g_free (file->name);
  g_free (file->path);
  g_free (file);
}

static gint
compare_files (gconstpointer a, gconstpointer b)
{
  const SatchelModuleFile *x = *(SatchelModuleFile *const *) a, *y = *(SatchelModuleFile *const *) b;
  int order = strcmp (x->name, y->name);
  return order != 0 ? order : x->is_gate - y->is_gate;
}

static gboolean
has_file (GPtrArray *files, const char *name, gboolean is_gate)
{
  for (guint i = 0; i < files->len; i++)
    {
      const SatchelModuleFile *file = g_ptr_array_index (files, i);
      if (file->is_gate == is_gate && strcmp (file->name, name) == 0)
        return TRUE;
    }
  return FALSE;
}

GPtrArray *
satchel_loader_list (SatchelLoader *loader)
{
  GPtrArray *files = g_ptr_array_new_with_free_func ((GDestroyNotify) module_file_free);
  for (guint i = 0; loader->dirs[i] != NULL; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (loader->dirs[i], 0, NULL);
      const char *entry;
      while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
        {
          gboolean is_gate = g_str_has_suffix (entry, "-gate.so");
          if (!g_str_has_suffix (entry, ".so"))
            continue;
          g_autofree char *name = g_strndup (entry, strlen (entry) - strlen (is_gate ? "-gate.so" : ".so"));
          if (!satchel_loader_name_is_valid (name) || has_file (files, name, is_gate))
            continue;
          SatchelModuleFile *file = g_new0 (SatchelModuleFile, 1);
          file->is_gate = is_gate;
          file->path = g_build_filename (loader->dirs[i], entry, NULL);
          file->name = g_steal_pointer (&name);
          g_ptr_array_add (files, file);
        }
    }
  g_ptr_array_sort (files, compare_files);
  return files;
}
