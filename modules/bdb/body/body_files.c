/* SPDX-License-Identifier: MIT
 * This file writes, syncs and reads bodies in the body files of a volume.
 */
#include "config.h"

#include "body/body_files_private.h"
#include "volume/file_list.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <string.h>
#include <sys/stat.h>

/* ---- opening ---- */

/* Finds the last file, behind whose end writing goes on. */
static gboolean
find_end (BdbBodyFiles *files, GError **error)
{
  struct stat st;
  char name[BDB_BODY_NAME_BYTES];
  g_auto (GStrv) names = NULL;
  int n = 0, code = bdb_file_list (files->path, &names, &n);
  if (code != 0)
    return satchel_error_set_errno (error, code, "the directory %s cannot be read", files->path);
  for (int i = 0; i < n; i++)
    files->end.file = MAX (files->end.file, bdb_body_number (names[i]));
  if (files->end.file == 0)
    return TRUE;
  bdb_body_name (name, files->end.file);
  if (fstatat (files->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return satchel_error_set_errno (error, errno, "the body file %s/%s cannot be looked at", files->path,
                                    name);
  files->end.offset = ((guint64) st.st_size + BDB_BODY_ALIGN - 1) / BDB_BODY_ALIGN * BDB_BODY_ALIGN;
  return TRUE;
}

BdbBodyFiles *
bdb_body_files_open (int home_fd, const char *home, GError **error)
{
  g_autofree char *path = g_build_filename (home, BDB_BODIES_DIR, NULL);
  gboolean is_new = mkdirat (home_fd, BDB_BODIES_DIR, 0700) == 0;
  g_auto (SatchelFd) fd = openat (home_fd, BDB_BODIES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || (is_new && SATCHEL_RETRY (fsync (home_fd)) != 0))
    {
      satchel_error_set_errno (error, errno, "the directory %s of the volume cannot be opened", path);
      return NULL;
    }
  BdbBodyFiles *files = g_new0 (BdbBodyFiles, 1);
  files->dir_fd = satchel_fd_steal (&fd);
  files->path = g_steal_pointer (&path);
  for (guint i = 0; i < BDB_BODY_OPEN_FILES; i++)
    files->slots[i].fd = -1;
  g_mutex_init (&files->lock);
  g_mutex_init (&files->sync_lock);
  if (!find_end (files, error))
    {
      bdb_body_files_close (files);
      return NULL;
    }
  files->epoch_start = files->end;
  files->first_dirty = files->end.file;
  return files;
}

void
bdb_body_files_close (BdbBodyFiles *files)
{
  for (guint i = 0; i < BDB_BODY_OPEN_FILES; i++)
    satchel_fd_clear (&files->slots[i].fd);
  satchel_fd_clear (&files->dir_fd);
  g_mutex_clear (&files->lock);
  g_mutex_clear (&files->sync_lock);
  g_free (files->path);
  g_free (files);
}

/* ---- writing ---- */

void
bdb_body_files_begin_writer (BdbBodyFiles *files, BdbBodyTicket *ret_ticket)
{
  g_mutex_lock (&files->lock);
  files->n_writers++;
  *ret_ticket = (BdbBodyTicket) { .epoch = files->epoch };
  g_mutex_unlock (&files->lock);
}

void
bdb_body_files_end_writer (BdbBodyFiles *files, gboolean has_left_some)
{
  g_mutex_lock (&files->lock);
  files->n_writers--;
  files->has_leftovers |= has_left_some;
  g_mutex_unlock (&files->lock);
}

/* Makes a new file.  The directory is synced as well, so that the file is found after a crash.  The caller
 * holds the lock, so others wait, but this is rare. */
static gboolean
begin_file (BdbBodyFiles *files, GError **error)
{
  char name[BDB_BODY_NAME_BYTES];
  bdb_body_name (name, files->end.file + 1);
  g_auto (SatchelFd) fd =
      openat (files->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 || SATCHEL_RETRY (fsync (files->dir_fd)) != 0)
    return satchel_error_set_errno (error, errno, "the body file %s/%s cannot be made", files->path, name);
  files->end = (BdbBodyPlace) { files->end.file + 1, 0 };
  return TRUE;
}

static gboolean
take_place (BdbBodyFiles *files, gsize len, BdbBodyPlace *ret_place, GError **error)
{
  gsize room = (len + BDB_BODY_ALIGN - 1) / BDB_BODY_ALIGN * BDB_BODY_ALIGN;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&files->lock);
  if ((files->end.file == 0 || files->end.offset + room > BDB_BODY_FILE_BYTES) && !begin_file (files, error))
    return FALSE;
  *ret_place = files->end;
  files->end.offset += room;
  return TRUE;
}

static gboolean
write_all (int fd, guint64 offset, const guint8 *data, gsize len)
{
  for (gsize done = 0; done < len;)
    {
      gssize n = SATCHEL_RETRY (pwrite (fd, data + done, len - done, (off_t) (offset + done)));
      if (n < 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

gboolean
bdb_body_files_write (BdbBodyFiles *files, BdbBodyTicket *ticket, const void *data, gsize len,
                      BdbBodyPlace *ret_place, GError **error)
{
  if (!take_place (files, len, ret_place, error))
    return FALSE;
  int fd = bdb_body_files_get (files, ret_place->file);
  gboolean ok = fd >= 0 && write_all (fd, ret_place->offset, data, len);
  if (!ok)
    satchel_error_set_errno (error, errno, "a body cannot be written to the file %010u in %s",
                             ret_place->file, files->path);
  if (fd >= 0)
    bdb_body_files_put (files, ret_place->file, fd);
  g_mutex_lock (&files->lock);
  ticket->write = ++files->n_writes;
  files->first_dirty = MIN (files->first_dirty, ret_place->file);
  g_mutex_unlock (&files->lock);
  return ok;
}

/* ---- syncs ---- */

static gboolean
sync_file (BdbBodyFiles *files, guint32 number, GError **error)
{
  int fd = bdb_body_files_get (files, number);
  if (fd < 0 && errno == ENOENT)
    return TRUE; /* no body in it was used any more, so it was removed */
  gboolean ok = fd >= 0 && SATCHEL_RETRY (fdatasync (fd)) == 0;
  if (!ok)
    satchel_error_set_errno (error, errno, "the body file %010u in %s cannot be synced", number, files->path);
  if (fd >= 0)
    bdb_body_files_put (files, number, fd);
  return ok;
}

/* Syncs the files that have new bodies.  The kernel forgets what it could not write, so a failed sync is not
 * repeated: everything that was written and not committed counts as lost.  The caller holds the sync lock. */
static gboolean
sync_written (BdbBodyFiles *files, GError **error)
{
  g_mutex_lock (&files->lock);
  guint64 n_writes = files->n_writes;
  guint32 first = files->first_dirty, last = files->end.file;
  files->first_dirty = last;
  g_mutex_unlock (&files->lock);
  gboolean ok = TRUE;
  for (guint32 number = MAX (first, 1); ok && number <= last; number++) /* there is no file 0 */
    ok = sync_file (files, number, error);
  if (ok)
    files->n_synced = n_writes;
  else
    files->has_failed = TRUE;
  return ok;
}

gboolean
bdb_body_files_is_current (BdbBodyFiles *files, const BdbBodyTicket *ticket, GError **error)
{
  g_mutex_lock (&files->lock);
  gboolean is_current = ticket->epoch == files->epoch;
  g_mutex_unlock (&files->lock);
  return is_current
         || satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                               "the volume failed while the message was written");
}

gboolean
bdb_body_files_sync (BdbBodyFiles *files, const BdbBodyTicket *ticket, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&files->sync_lock);
  if (!bdb_body_files_is_current (files, ticket, error))
    return FALSE;
  if (files->has_failed)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "a sync of the files in %s has failed",
                              files->path);
  return ticket->write <= files->n_synced || sync_written (files, error);
}

void
bdb_body_files_begin_epoch (BdbBodyFiles *files)
{
  g_mutex_lock (&files->sync_lock);
  g_mutex_lock (&files->lock);
  files->epoch++;
  files->epoch_start = files->end;
  files->has_leftovers = FALSE;
  files->first_dirty = files->end.file;
  files->n_synced = files->n_writes;
  files->has_failed = FALSE;
  g_mutex_unlock (&files->lock);
  g_mutex_unlock (&files->sync_lock);
}

/* ---- reading ---- */

gboolean
bdb_body_files_read (BdbBodyFiles *files, BdbBodyPlace place, void *buffer, gsize len, GError **error)
{
  int fd = bdb_body_files_get (files, place.file);
  if (fd < 0)
    return satchel_error_set (error, errno == ENOENT ? SATCHEL_ERROR_CORRUPT : SATCHEL_ERROR_UNAVAILABLE,
                              "the body file %s/%010u cannot be opened: %s", files->path, place.file,
                              g_strerror (errno));
  gsize done = 0;
  gssize n = 1;
  while (n > 0 && done < len)
    {
      n = SATCHEL_RETRY (pread (fd, (guint8 *) buffer + done, len - done, (off_t) (place.offset + done)));
      done += n > 0 ? (gsize) n : 0;
    }
  int reason = errno;
  bdb_body_files_put (files, place.file, fd);
  if (n < 0)
    return satchel_error_set_errno (error, reason, "the body file %s/%010u cannot be read", files->path,
                                    place.file);
  return done == len
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "the body file %s/%010u ends before a body in it does", files->path,
                               place.file);
}
