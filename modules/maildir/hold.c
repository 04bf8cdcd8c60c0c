/* SPDX-License-Identifier: MIT
 * Syncs put off to the end of several calls of one thread, so that mailboxes made together share what the disk does:
 * written out at once first, then each file and directory that is still there is synced once.
 */
#include "config.h"

#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct Held
{
  int fd; /* ours */
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

/* TRUE: it is synced at the end of the hold.  The last time counts: what was put off before is durable before it. */
static gboolean
put_off (GArray *held, int fd)
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
md_fsync (int fd, const char *what, GError **error)
{
  GArray *held = g_private_get (&current);
  if ((held != NULL && put_off (held, fd)) || md_sys.fsync (fd) == 0)
    return TRUE;
  return satchel_error_set_errno (error, errno, "%s: fsync", what);
}

static gboolean
is_there (int fd)
{
  struct stat st;
  return md_sys.fstat (fd, &st) == 0 && st.st_nlink > 0;
}

gboolean
md_hold_syncs (SatchelStorage *storage, gboolean hold, GError **error)
{
  if (hold)
    {
      g_private_replace (&current, g_array_new (FALSE, FALSE, sizeof (Held)));
      return TRUE;
    }
  GArray *held = g_private_get (&current);
  gboolean ok = TRUE;
  /* Blocks of all files are given out and on their way before the first sync ends the kernel's transaction. */
  for (guint i = held->len; i > 0; i--)
    {
      int fd = g_array_index (held, Held, i - 1).fd;
      if (is_there (fd))
        sync_file_range (fd, 0, 0, SYNC_FILE_RANGE_WRITE);
      else /* replaced by a newer one */
        {
          close (fd);
          g_array_remove_index (held, i - 1);
        }
    }
  for (guint i = 0; ok && i < held->len; i++)
    if (md_sys.fsync (g_array_index (held, Held, i).fd) != 0)
      ok = satchel_error_set_errno (error, errno, "files of new mailboxes: fsync");
  g_private_replace (&current, NULL);
  return ok;
}
