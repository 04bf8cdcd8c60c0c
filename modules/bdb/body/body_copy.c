/* SPDX-License-Identifier: MIT
 * This file copies body files, for backups and for what is saved of a damaged volume.
 */
#include "config.h"

#include "body/body_files_private.h"
#include "volume/file_copy.h"
#include "volume/file_list.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <sys/stat.h>

static gboolean
link_file (int from_dir, int to_dir, const char *name)
{
  return linkat (from_dir, name, to_dir, name, 0) == 0;
}

typedef gboolean (*FileFunc) (int from_dir, int to_dir, const char *name);

static gboolean
for_each_file (const char *home, const char *target, FileFunc func, GError **error)
{
  g_autofree char *from = g_build_filename (home, BDB_BODIES_DIR, NULL),
                  *to = g_build_filename (target, BDB_BODIES_DIR, NULL);
  if (mkdir (to, 0700) != 0)
    return satchel_error_set_errno (error, errno, "the directory %s cannot be made", to);
  g_auto (SatchelFd) from_fd = open (from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_auto (SatchelFd) to_fd = open (to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from_fd < 0 || to_fd < 0)
    return satchel_error_set_errno (error, errno, "the directories %s and %s cannot be opened", from, to);
  g_auto (GStrv) names = NULL;
  int n = 0, code = bdb_file_list (from, &names, &n);
  if (code != 0)
    return satchel_error_set_errno (error, code, "the directory %s cannot be read", from);
  for (int i = 0; i < n; i++)
    if (bdb_body_number (names[i]) != 0 && !func (from_fd, to_fd, names[i]))
      return satchel_error_set_errno (error, errno, "the body file %s/%s cannot be copied", from, names[i]);
  return SATCHEL_RETRY (fsync (to_fd)) == 0
         || satchel_error_set_errno (error, errno, "the directory %s cannot be synced", to);
}

gboolean
bdb_body_files_copy (const char *home, const char *target, GError **error)
{
  return for_each_file (home, target, bdb_file_copy, error);
}

gboolean
bdb_body_files_link (const char *home, const char *target, GError **error)
{
  return for_each_file (home, target, link_file, error);
}
