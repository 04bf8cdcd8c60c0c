/* SPDX-License-Identifier: MIT
 * This file reads of an index only what its last frame says of the whole mailbox.
 */
#include "config.h"

#include "files/boot_id.h"
#include "files/file_io.h"
#include "files/maildir_sys.h"
#include "index/index.h"
#include "index/index_format.h"

#include <fcntl.h>
#include <string.h>

gboolean
md_index_peek (int dirfd, MdSummary *ret, guint32 *ret_n_unsized)
{
  g_auto (MdFd) fd = md_sys.openat (dirfd, MD_INDEX_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;
  struct stat st;
  FrameTail tail;
  FrameHead head = { 0 };
  gboolean ok =
      md_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && (guint64) st.st_size >= sizeof head + sizeof tail
      && md_sys.pread (fd, &tail, sizeof tail, st.st_size - (off_t) sizeof tail) == (ssize_t) sizeof tail
      && tail_is_good (&tail);
  if (ok)
    {
      *ret = tail.summary;
      *ret_n_unsized = tail.unsized - 1;
    }
  return ok && memcmp (ret->boot_id, md_boot_id (), 16) == 0;
}
