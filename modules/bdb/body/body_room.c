/* SPDX-License-Identifier: MIT
 * This file gives the room of bodies that nobody uses back to the disk: as holes, since what lies around them
 * stays where it is.
 */
#include "config.h"

#include "body/body_files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <sys/stat.h>

/* Removes a file without blocks, unless new bodies may be about to go into it. */
static gboolean
remove_if_empty (BdbBodyFiles *files, guint32 number, int fd)
{
  struct stat st;
  char name[BDB_BODY_NAME_BYTES];
  if (fstat (fd, &st) != 0 || st.st_blocks > 0)
    return FALSE;
  bdb_body_name (name, number);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&files->lock);
  return files->n_writers == 0 && number < files->end.file && unlinkat (files->dir_fd, name, 0) == 0;
}

gboolean
bdb_body_files_punch (BdbBodyFiles *files, BdbBodyPlace place, guint64 len, GError **error)
{
  guint64 room = (len + BDB_BODY_ALIGN - 1) / BDB_BODY_ALIGN * BDB_BODY_ALIGN;
  int fd = bdb_body_files_get (files, place.file);
  if (fd < 0 && errno == ENOENT)
    return TRUE;
  gboolean ok = fd >= 0
                && SATCHEL_RETRY (fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                             (off_t) place.offset, (off_t) room))
                       == 0;
  if (!ok)
    satchel_error_set_errno (error, errno, "the body file %s/%010u keeps the room of removed mail",
                             files->path, place.file);
  gboolean is_removed = ok && remove_if_empty (files, place.file, fd);
  if (fd >= 0)
    bdb_body_files_put (files, place.file, fd);
  if (is_removed)
    bdb_body_files_forget (files, place.file);
  return ok;
}

gboolean
bdb_body_files_end (BdbBodyFiles *files, BdbBodyPlace *ret_end)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&files->lock);
  *ret_end = files->end;
  return files->n_writers == 0 && !files->has_leftovers;
}

BdbBodyPlace
bdb_body_files_epoch_start (BdbBodyFiles *files)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&files->lock);
  return files->epoch_start;
}

static gboolean
look_at (BdbBodyFiles *files, const char *name, struct stat *ret_st)
{
  return fstatat (files->dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}

guint64
bdb_body_files_length (BdbBodyFiles *files, guint32 file)
{
  struct stat st;
  char name[BDB_BODY_NAME_BYTES];
  bdb_body_name (name, file);
  return look_at (files, name, &st) ? (guint64) st.st_size : 0;
}

guint64
bdb_body_files_usage (BdbBodyFiles *files)
{
  struct stat st;
  guint64 n_bytes = 0;
  g_autoptr (GDir) dir = g_dir_open (files->path, 0, NULL);
  for (const char *name = dir != NULL ? g_dir_read_name (dir) : NULL; name != NULL;
       name = g_dir_read_name (dir))
    if (bdb_body_number (name) != 0 && look_at (files, name, &st))
      n_bytes += (guint64) st.st_blocks * 512;
  return n_bytes;
}
