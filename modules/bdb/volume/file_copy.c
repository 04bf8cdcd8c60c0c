/* SPDX-License-Identifier: MIT
 * This file copies files of a volume that is in use, holes and all.
 */
#include "config.h"

#include "volume/file_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <sys/stat.h>

#define COPY_BYTES (256u * 1024u)

/* Copies the bytes from @start to @end. */
static gboolean
copy_range (int from, int to, off_t start, off_t end, guint8 *buffer)
{
  while (start < end)
    {
      gssize n = SATCHEL_RETRY (pread (from, buffer, (gsize) MIN ((off_t) COPY_BYTES, end - start), start));
      if (n <= 0)
        return n == 0; /* it was made shorter */
      for (gssize done = 0; done < n;)
        {
          gssize part = SATCHEL_RETRY (pwrite (to, buffer + done, (gsize) (n - done), start + done));
          if (part < 0)
            return FALSE;
          done += part;
        }
      start += n;
    }
  return TRUE;
}

static gboolean
copy_data (int from, int to)
{
  struct stat st;
  g_autofree guint8 *buffer = g_malloc (COPY_BYTES);
  if (fstat (from, &st) != 0 || SATCHEL_RETRY (ftruncate (to, st.st_size)) != 0)
    return FALSE;
  for (off_t start = lseek (from, 0, SEEK_DATA); start >= 0 && start < st.st_size;)
    {
      off_t end = lseek (from, start, SEEK_HOLE);
      if (end < 0 || !copy_range (from, to, start, MIN (end, st.st_size), buffer))
        return FALSE;
      start = lseek (from, end, SEEK_DATA); /* -1: a hole up to the end */
    }
  return SATCHEL_RETRY (fsync (to)) == 0;
}

gboolean
bdb_file_copy (int from_dir, int to_dir, const char *name)
{
  g_auto (SatchelFd) from = openat (from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  g_auto (SatchelFd) to = openat (to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  return to >= 0 && ((from < 0 && errno == ENOENT) || (from >= 0 && copy_data (from, to)));
}
