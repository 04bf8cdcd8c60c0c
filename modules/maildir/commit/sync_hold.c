/* SPDX-License-Identifier: MIT
 * Implements syncs that are put off to the end of several calls of one thread, so that mailboxes made
 * together, and messages staged together, share the work of the disk: everything is written out first, then
 * each file and directory that still exists is synced once.
 */
#include "config.h"

#include "driver.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "commit/sync_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct Held
{
  int fd; /* a descriptor of the hold's own */
  dev_t dev;
  ino_t ino;
} Held;

static void
free_held (gpointer data)
{
  GArray *held = data;
  for (guint i = 0; i < held->len; i++)
    close (g_array_index (held, Held, i).fd);
  g_array_unref (held);
}

static GPrivate current = G_PRIVATE_INIT (free_held);

/* Holds the sync of a file.  TRUE means that the file will be synced at the end of the hold.  If it was held
 * already, it goes to the end of the order, so that what was held before it is durable before it. */
static gboolean
hold_sync (GArray *held, int fd)
{
  struct stat st;
  if (md_sys.fstat (fd, &st) != 0)
    return FALSE;
  Held one = { fcntl (fd, F_DUPFD_CLOEXEC, 3), st.st_dev, st.st_ino };
  if (one.fd < 0)
    return FALSE;
  for (guint i = 0; i < held->len; i++)
    if (g_array_index (held, Held, i).ino == one.ino && g_array_index (held, Held, i).dev == one.dev)
      {
        close (g_array_index (held, Held, i).fd);
        g_array_remove_index (held, i);
        break;
      }
  g_array_append_val (held, one);
  return TRUE;
}

gboolean
md_hold_file (int fd)
{
  GArray *held = g_private_get (&current);
  return held != NULL && hold_sync (held, fd);
}

gboolean
md_fsync (int fd, const char *what, GError **error)
{
  if (md_hold_file (fd) || md_sys.fsync (fd) == 0)
    return TRUE;
  return satchel_error_set_errno (error, errno, "%s cannot be synced to disk", what);
}

static gboolean
has_name (int fd)
{
  struct stat st;
  return md_sys.fstat (fd, &st) == 0 && st.st_nlink > 0;
}

/* Syncs each, even if one fails, and takes out those that worked. */
static gboolean
sync_held (GArray *held, GError **error)
{
  guint n_failed = 0;
  for (guint i = 0; i < held->len; i++)
    {
      Held one = g_array_index (held, Held, i);
      if (md_sys.fsync (one.fd) == 0)
        close (one.fd);
      else
        {
          if (n_failed == 0)
            satchel_error_set_errno (error, errno, "new files of the user cannot be written to disk");
          g_array_index (held, Held, n_failed++) = one;
        }
    }
  g_array_set_size (held, n_failed);
  return n_failed == 0;
}

gboolean
md_hold_syncs (SatchelStorage *storage, const SatchelAccess *access, gboolean hold, GError **error)
{
  if (hold)
    {
      g_private_replace (&current, g_array_new (FALSE, FALSE, sizeof (Held)));
      return TRUE;
    }
  GArray *held = g_private_get (&current);
  /* Writeback of every file starts first, so that the first sync commits one transaction of the kernel's
   * journal for all. */
  for (guint i = held->len; i > 0; i--)
    {
      int fd = g_array_index (held, Held, i - 1).fd;
      if (has_name (fd))
        sync_file_range (fd, 0, 0, SYNC_FILE_RANGE_WRITE);
      else /* a newer file has replaced it */
        {
          close (fd);
          g_array_remove_index (held, i - 1);
        }
    }
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  gboolean ok = sync_held (held, error);
  if (!ok)
    {
      if (store->owed_syncs == NULL)
        store->owed_syncs = g_array_new (FALSE, FALSE, sizeof (Held));
      g_array_append_vals (store->owed_syncs, held->data, held->len);
      g_array_set_size (held, 0); /* the store owns them now */
      store->user->is_unsure = TRUE;
    }
  g_private_replace (&current, NULL);
  g_mutex_unlock (&store->writer);
  return ok;
}

gboolean
md_hold_settle (MdStore *store, GError **error)
{
  if (G_LIKELY (store->owed_syncs == NULL))
    return TRUE;
  if (!sync_held (store->owed_syncs, error))
    return FALSE;
  md_hold_drop (store);
  return TRUE;
}

void
md_hold_drop (MdStore *store)
{
  if (store->owed_syncs != NULL)
    free_held (g_steal_pointer (&store->owed_syncs));
}
