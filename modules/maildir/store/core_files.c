/* SPDX-License-Identifier: MIT
 * Implements files that the core keeps beside the mail (storage.h: read_file, write_file): the change log
 * and the cursors of listeners.
 */
#include "config.h"

#include "driver.h"
#include "files/file_io.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/sync_hold.h"

#include <errno.h>
#include <fcntl.h>

static char *
make_core_file_name (const char *name)
{
  return g_strconcat ("satchel-", name, NULL);
}

gboolean
md_read_part (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
              gsize max, GByteArray *data, GError **error)
{
  const MdStore *store = storage->self;
  g_autofree char *file = make_core_file_name (name);
  g_autoptr (GError) local = NULL;
  struct stat st;
  g_auto (MdFd) fd = md_open_file (store->control_fd, file, &local);
  if (fd < 0 && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  if (fd < 0)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  guint before = data->len, want = 0;
  gboolean ok =
      md_sys.fstat (fd, &st) == 0 || satchel_error_set_errno (error, errno, "%s cannot be looked at", file);
  if (ok && (guint64) st.st_size > offset)
    want = (guint) MIN (MIN (max, (guint64) st.st_size - offset), G_MAXINT32);
  g_byte_array_set_size (data, before + want);
  guint got = 0;
  while (ok && got < want)
    {
      ssize_t n = md_sys.pread (fd, data->data + before + got, want - got, (off_t) (offset + got));
      if (n < 0)
        ok = satchel_error_set_errno (error, errno, "%s cannot be read", file);
      if (n <= 0)
        break;
      got += (guint) n;
    }
  g_byte_array_set_size (data, before + (ok ? got : 0));
  return ok;
}

static int
open_or_make_file (const MdStore *store, const char *file, gboolean *ret_is_new, GError **error)
{
  g_autoptr (GError) local = NULL;
  int fd = md_open_file (store->control_fd, file, &local);
  *ret_is_new = fd < 0 && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  if (*ret_is_new)
    return md_make_file (store->control_fd, file, "", 0, FALSE, error)
               ? md_open_file (store->control_fd, file, error)
               : -1;
  if (fd < 0)
    g_propagate_error (error, g_steal_pointer (&local));
  return fd;
}

gboolean
md_write_part (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
               GBytes *bytes, SatchelFileWrite how, GError **error)
{
  const MdStore *store = storage->self;
  g_autofree char *file = make_core_file_name (name);
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  if (how == SATCHEL_FILE_REPLACE || how == SATCHEL_FILE_REPLACE_SYNC)
    return md_replace_file (store->control_fd, file, data, len, how == SATCHEL_FILE_REPLACE_SYNC, error);
  gboolean is_new;
  struct stat st;
  g_auto (MdFd) fd = open_or_make_file (store, file, &is_new, error);
  if (fd < 0)
    return FALSE;
  gboolean ok = md_pwrite_all (fd, data, len, offset, file, error);
  /* Cuts off what another process left behind when it ended in the middle of a write. */
  if (ok && (md_sys.fstat (fd, &st) != 0 || (guint64) st.st_size > offset + len)
      && md_sys.ftruncate (fd, (off_t) (offset + len)) != 0)
    ok = satchel_error_set_errno (error, errno, "the file %s cannot be cut to its length", file);
  if (ok && how == SATCHEL_FILE_SYNC && md_sys.fdatasync (fd) != 0)
    ok = satchel_error_set_errno (error, errno, "the file %s cannot be written to disk", file);
  return ok
         && (!is_new || how != SATCHEL_FILE_SYNC || md_fsync (store->control_fd, "control directory", error));
}
