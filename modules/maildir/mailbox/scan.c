/* SPDX-License-Identifier: MIT
 * Implements one pass over new/ and cur/. It reads names only and calls no stat for files.
 */
#include "config.h"

#include "files/file_io.h"
#include "names/file_name.h"
#include "files/maildir_sys.h"
#include "mailbox/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

/* Times of directories can be this coarse (a tick of the kernel's clock), or a second if they have no
 * fraction. */
#define GRANULE_US 20000

static void
add_found_file (const char *name, gsize len, guint8 type, gpointer data)
{
  MdScan *scan = data;
  if (name[0] == '.' || len > MD_NAME_MAX)
    return;
  if (type == DT_UNKNOWN)
    {
      struct stat st;
      if (md_sys.fstatat (scan->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG (st.st_mode))
        return;
    }
  else if (type != DT_REG)
    return; /* a planted link, FIFO or directory is not a message */
  MdFound found = { .name = scan->names->len, .len = (guint8) len, .is_new = scan->is_new };
  g_byte_array_append (scan->names, (const guint8 *) name, (guint) len + 1);
  g_array_append_val (scan->found, found);
}

static gboolean
is_stamp_racy (const MdStamp *stamp, gint64 started_us)
{
  gint64 window = stamp->nsec == 0 ? 2 * G_USEC_PER_SEC : GRANULE_US;
  gint64 changed_us = stamp->sec * G_USEC_PER_SEC + stamp->nsec / 1000;
  return changed_us > started_us - window;
}

static gboolean
scan_dir (MdScan *scan, int fd, gboolean is_new, MdStamp *stamp, GError **error)
{
  MdStamp after;
  scan->fd = fd;
  scan->is_new = is_new;
  if (!md_stamp_of (fd, stamp, error) || !md_read_dir (fd, add_found_file, scan, error)
      || !md_stamp_of (fd, &after, error))
    return FALSE;
  if (!md_stamp_equal (stamp, &after) || is_stamp_racy (stamp, scan->started_us))
    scan->is_clean = FALSE;
  return TRUE;
}

gboolean
md_scan (int new_fd, int cur_fd, MdScan *ret, GError **error)
{
  memset (ret, 0, sizeof *ret);
  ret->found = g_array_new (FALSE, FALSE, sizeof (MdFound));
  ret->names = g_byte_array_new ();
  ret->started_us = g_get_real_time ();
  ret->is_clean = TRUE;
  /* new/ is read first: a file that another client moves to cur/ meanwhile is seen twice rather than not
   * at all. */
  if (scan_dir (ret, new_fd, TRUE, &ret->new_stamp, error)
      && scan_dir (ret, cur_fd, FALSE, &ret->cur_stamp, error))
    return TRUE;
  md_scan_clear (ret);
  return FALSE;
}

void
md_scan_clear (MdScan *scan)
{
  g_clear_pointer (&scan->found, g_array_unref);
  g_clear_pointer (&scan->names, g_byte_array_unref);
}
