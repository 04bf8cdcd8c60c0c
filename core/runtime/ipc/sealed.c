/* SPDX-License-Identifier: MIT
 * Makes and reads sealed memory files; see sealed.h.
 */
#include "config.h"

#include "core/runtime/ipc/sealed.h"

#include "core/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/helper.h>
#include <satchel/retry.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define COPY_BYTES 65536u

static gboolean
write_content (int fd, const void *data, gsize len, GError **error)
{
  return satchel_fd_write_all (fd, data, len)
         || satchel_error_set_errno (error, errno, "no file in memory can be made");
}

static int
make_memory_file (const char *name, GError **error)
{
  int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0)
    satchel_error_set_errno (error, errno, "no file in memory can be made");
  return fd;
}

/* Seals @fd and returns it. -1: it failed, and @fd is closed. */
static int
seal_memory_file (int fd, gboolean is_whole, GError **error)
{
  if (is_whole && fcntl (fd, F_ADD_SEALS, SEALS) == 0)
    return fd;
  if (is_whole)
    satchel_error_set_errno (error, errno, "a memory file cannot be sealed");
  close (fd);
  return -1;
}

int
satchel_sealed_new (const char *name, const void *data, gsize len, GError **error)
{
  int fd = make_memory_file (name, error);
  return fd < 0 ? -1 : seal_memory_file (fd, write_content (fd, data, len, error), error);
}

gboolean
satchel_sealed_check (int fd, guint64 *ret_bytes)
{
  struct stat st;
  int seals = fcntl (fd, F_GET_SEALS);
  if (seals < 0 || (seals & SEALS) != SEALS || fstat (fd, &st) != 0)
    return FALSE;
  *ret_bytes = (guint64) st.st_size;
  return TRUE;
}

GBytes *
satchel_sealed_read (int fd, gsize max_bytes)
{
  guint64 len;
  if (!satchel_sealed_check (fd, &len) || len > max_bytes)
    return NULL;
  g_autofree guint8 *data = g_malloc (MAX (len, 1));
  if (satchel_fd_read_all (fd, data, (gsize) len) != (gssize) len)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&data), (gsize) len);
}

static gboolean
copy_stream (SatchelStream *stream, int fd, guint64 max_bytes, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (COPY_BYTES);
  for (guint64 offset = 0;;)
    {
      gssize n = satchel_stream_read_at (stream, offset, buffer, COPY_BYTES, error);
      if (n <= 0)
        return n == 0;
      if ((guint64) n > max_bytes - offset)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                                  "content for a helper is longer than %" G_GUINT64_FORMAT " bytes",
                                  max_bytes);
      if (!write_content (fd, buffer, (gsize) n, error))
        return FALSE;
      offset += (guint64) n;
    }
}

int
satchel_helper_content_new (SatchelStream *stream, guint64 max_bytes, GError **error)
{
  int fd = make_memory_file ("satchel-content", error);
  return fd < 0 ? -1 : seal_memory_file (fd, copy_stream (stream, fd, max_bytes, error), error);
}
