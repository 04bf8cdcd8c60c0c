/* SPDX-License-Identifier: MIT
 * Implements the content of one delivery: in memory up to 64 KiB, then in one file in spool/ below the mail
 * root, which owners link or copy. The file has LF if every line came with CRLF, so that a driver can link
 * it as it is; or it is sealed.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/session/delivery/delivery_private.h"
#include "core/session/delivery/spool_seal.h"
#include "core/storage/mailbox/suspects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_DIRECTORY "spool"
#define STALE_SECONDS 3600

struct SatchelSpool
{
  char *path;
  int fd;              /* -1: the content is in memory */
  GByteArray *memory;  /* the content as it was written; freed when there is a file */
  gboolean is_lf;      /* no line end but CRLF was seen; the file has LF for it */
  gboolean ends_in_cr; /* the content ends in a CR, which is not written yet */
  guint64 size;
  GBytes *attributes;
  gboolean is_sealed;
  GBytes *key;      /* of a sealed file; NULL: there is none */
  GByteArray *part; /* what has come of the part that is sealed next */
  guint64 n_parts;  /* that have been sealed */
};

SatchelSpool *
satchel_spool_new (const char *id, gboolean is_sealed)
{
  SatchelSpool *spool = g_new0 (SatchelSpool, 1);
  spool->path = g_strdup_printf (SPOOL_DIRECTORY "/%s", id);
  spool->fd = -1;
  spool->memory = g_byte_array_new ();
  spool->is_sealed = is_sealed;
  spool->is_lf = !is_sealed;
  return spool;
}

void
satchel_spool_free (SatchelSpool *spool)
{
  if (spool->fd >= 0)
    {
      close (spool->fd);
      unlinkat (satchel_delivery_host ()->root_fd, spool->path, 0);
    }
  g_clear_pointer (&spool->memory, g_byte_array_unref);
  g_clear_pointer (&spool->attributes, g_bytes_unref);
  g_clear_pointer (&spool->key, g_bytes_unref);
  g_clear_pointer (&spool->part, g_byte_array_unref);
  g_free (spool->path);
  g_free (spool);
}

static gboolean
write_content (int fd, const guint8 *data, gsize len, GError **error)
{
  return satchel_fd_write_all (fd, data, len)
         || satchel_error_set_errno (error, errno, "the spool cannot be written");
}

/* Appends @data with CRLF turned into LF.  FALSE: a line end that is not CRLF. */
static gboolean
append_as_lf (SatchelSpool *spool, const guint8 *data, gsize len, GByteArray *out)
{
  gsize at = 0;
  if (spool->ends_in_cr && len > 0)
    {
      if (data[0] != '\n')
        return FALSE;
      spool->ends_in_cr = FALSE;
      g_byte_array_append (out, (const guint8 *) "\n", 1);
      at = 1;
    }
  while (at < len)
    {
      const guint8 *lf = memchr (data + at, '\n', len - at);
      gsize n = lf != NULL ? (gsize) (lf - (data + at)) : len - at;
      const guint8 *cr = memchr (data + at, '\r', n);
      gboolean cr_is_last = cr != NULL && cr == data + at + n - 1;
      if ((cr != NULL && !cr_is_last) || (lf != NULL && !cr_is_last))
        return FALSE;
      g_byte_array_append (out, data + at, (guint) (n - (cr_is_last ? 1 : 0)));
      if (lf != NULL)
        g_byte_array_append (out, (const guint8 *) "\n", 1);
      else
        spool->ends_in_cr = cr_is_last;
      at += n + (lf != NULL ? 1 : 0);
    }
  return TRUE;
}

/* The file has LF, but the new content forbids that: writes the file anew, with the content as it came. */
static gboolean
undo_conversion (SatchelSpool *spool, GError **error)
{
  int root = satchel_delivery_host ()->root_fd;
  g_auto (SatchelFd) fd =
      SATCHEL_RETRY (openat (root, SPOOL_DIRECTORY, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (fd < 0)
    return satchel_error_set_errno (error, errno, "no file can be made in the spool");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  guint8 buffer[16384];
  off_t offset = 0;
  ssize_t n;
  gboolean ok = TRUE;
  while (ok && (n = SATCHEL_RETRY (pread (spool->fd, buffer, sizeof buffer, offset))) > 0)
    {
      g_byte_array_set_size (out, 0);
      for (ssize_t i = 0; i < n; i++)
        {
          if (buffer[i] == '\n')
            g_byte_array_append (out, (const guint8 *) "\r", 1);
          g_byte_array_append (out, buffer + i, 1);
        }
      offset += n;
      ok = write_content (fd, out->data, out->len, error);
    }
  if (ok && n < 0)
    ok = satchel_error_set_errno (error, errno, "the spooled message cannot be read");
  if (ok && spool->ends_in_cr)
    ok = write_content (fd, (const guint8 *) "\r", 1, error);
  g_autofree char *self = g_strdup_printf ("/proc/self/fd/%d", fd);
  /* The old name goes first; a crash in between loses only what was never acknowledged. */
  if (ok
      && (SATCHEL_RETRY (unlinkat (root, spool->path, 0)) < 0
          || SATCHEL_RETRY (linkat (AT_FDCWD, self, root, spool->path, AT_SYMLINK_FOLLOW)) < 0))
    ok = satchel_error_set_errno (error, errno, "the spool file cannot be put in the place of the old one");
  if (!ok)
    return FALSE;
  satchel_fd_clear (&spool->fd);
  spool->fd = satchel_fd_steal (&fd);
  spool->is_lf = spool->ends_in_cr = FALSE;
  return TRUE;
}

/* Seals what has come of a part, and writes it. */
static gboolean
put_part (SatchelSpool *spool, GError **error)
{
  g_autofree guint8 *sealed = g_malloc (SATCHEL_SPOOL_PART_BYTES + SATCHEL_SPOOL_TAG_BYTES);
  gsize len = spool->part->len;
  if (!satchel_spool_part_seal (spool->key, spool->n_parts, spool->part->data, len, sealed, error))
    return FALSE;
  spool->n_parts++;
  explicit_bzero (spool->part->data, len);
  g_byte_array_set_size (spool->part, 0);
  return write_content (spool->fd, sealed, len + SATCHEL_SPOOL_TAG_BYTES, error);
}

static gboolean
write_sealed (SatchelSpool *spool, const guint8 *data, gsize len, GError **error)
{
  while (len > 0)
    {
      gsize n = MIN (len, SATCHEL_SPOOL_PART_BYTES - spool->part->len);
      g_byte_array_append (spool->part, data, (guint) n);
      data += n;
      len -= n;
      if (spool->part->len == SATCHEL_SPOOL_PART_BYTES && !put_part (spool, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_to_file (SatchelSpool *spool, const guint8 *data, gsize len, GError **error)
{
  if (spool->is_sealed)
    return write_sealed (spool, data, len, error);
  if (spool->is_lf)
    {
      g_autoptr (GByteArray) out = g_byte_array_sized_new ((guint) MIN (len, G_MAXUINT));
      gboolean ended_in_cr = spool->ends_in_cr;
      if (append_as_lf (spool, data, len, out))
        return write_content (spool->fd, out->data, out->len, error);
      spool->ends_in_cr = ended_in_cr;
      if (!undo_conversion (spool, error))
        return FALSE;
    }
  return write_content (spool->fd, data, len, error);
}

static gboolean
make_file (SatchelSpool *spool, GError **error)
{
  int root = satchel_delivery_host ()->root_fd;
  int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  spool->fd = SATCHEL_RETRY (openat (root, spool->path, flags, 0600));
  if (spool->fd < 0 && errno == ENOENT
      && (SATCHEL_RETRY (mkdirat (root, SPOOL_DIRECTORY, 0700)) == 0 || errno == EEXIST))
    spool->fd = SATCHEL_RETRY (openat (root, spool->path, flags, 0600));
  if (spool->fd < 0)
    return satchel_error_set_errno (error, errno, "the spool file %s cannot be made", spool->path);
  if (spool->is_sealed)
    {
      spool->key = satchel_spool_key_new (error);
      spool->part = g_byte_array_sized_new (SATCHEL_SPOOL_PART_BYTES);
      if (spool->key == NULL)
        return FALSE;
    }
  g_autoptr (GByteArray) memory = g_steal_pointer (&spool->memory);
  return write_to_file (spool, memory->data, memory->len, error);
}

gboolean
satchel_spool_write (SatchelSpool *spool, const void *data, gsize len, GError **error)
{
  spool->size += len;
  if (spool->memory != NULL && spool->memory->len + len <= SATCHEL_SPOOL_MEMORY_BYTES)
    {
      g_byte_array_append (spool->memory, data, (guint) len);
      return TRUE;
    }
  if (spool->fd < 0 && !make_file (spool, error))
    return FALSE;
  return write_to_file (spool, data, len, error);
}

const GByteArray *
satchel_spool_memory (SatchelSpool *spool)
{
  return spool->memory;
}

gboolean
satchel_spool_end (SatchelSpool *spool, GError **error)
{
  if (spool->key != NULL)
    return spool->part->len == 0 || put_part (spool, error);
  return !spool->ends_in_cr || undo_conversion (spool, error);
}

SatchelStream *
satchel_spool_content (const SatchelSpool *spool)
{
  if (spool->memory == NULL)
    return satchel_spool_stream_new (spool->path, spool->is_lf, spool->size, spool->key);
  g_autoptr (GBytes) bytes = g_bytes_new (spool->memory->data, spool->memory->len);
  return satchel_stream_new_bytes (bytes);
}

gboolean
satchel_spool_replace (SatchelSpool **spool, SatchelStream *content, GError **error)
{
  const char *id = (*spool)->path + sizeof SPOOL_DIRECTORY;
  g_autofree char *other_id = g_strconcat (id, "f", NULL);
  g_autofree guint8 *block = g_malloc (SATCHEL_SPOOL_MEMORY_BYTES);
  SatchelSpool *other = satchel_spool_new (other_id, (*spool)->is_sealed);
  gssize n = 0;
  gboolean ok = TRUE;
  while (ok
         && (n = satchel_stream_read_at (content, other->size, block, SATCHEL_SPOOL_MEMORY_BYTES, error)) > 0)
    ok = satchel_spool_write (other, block, (gsize) n, error);
  ok = ok && n == 0 && satchel_spool_end (other, error);
  satchel_spool_free (ok ? *spool : other);
  if (ok)
    *spool = other;
  return ok;
}

gboolean
satchel_spool_sync (SatchelSpool *spool, GError **error)
{
  if (spool->fd < 0)
    {
      /* The attributes are computed while the content is in memory. */
      g_autoptr (GBytes) bytes = g_bytes_new_static (spool->memory->data, spool->memory->len);
      g_autoptr (SatchelStream) content = satchel_stream_new_bytes (bytes);
      spool->attributes = satchel_scan_spooled (content, spool->size, error);
      if (spool->attributes == NULL)
        return FALSE;
      if (!make_file (spool, error))
        return FALSE;
    }
  if (!satchel_spool_end (spool, error))
    return FALSE;
  /* Of a sealed file each owner makes a copy, which is synced; after a crash nobody could open the file. */
  if (!spool->is_sealed && SATCHEL_RETRY (fdatasync (spool->fd)) < 0)
    return satchel_error_set_errno (error, errno, "the spooled message %s cannot be written to disk",
                                    spool->path);
  return TRUE;
}

const char *
satchel_spool_path (SatchelSpool *spool)
{
  return spool->path;
}

gboolean
satchel_spool_is_lf (SatchelSpool *spool)
{
  return spool->is_lf;
}

GBytes *
satchel_spool_key (SatchelSpool *spool)
{
  return spool->key;
}

guint64
satchel_spool_size (SatchelSpool *spool)
{
  return spool->size;
}

GBytes *
satchel_spool_attributes (SatchelSpool *spool, GError **error)
{
  if (spool->attributes != NULL)
    return spool->attributes;
  g_autoptr (SatchelStream) stream =
      satchel_spool_open (spool->path, spool->is_lf, spool->size, spool->key, error);
  if (stream == NULL)
    return NULL;
  spool->attributes = satchel_scan_spooled (stream, spool->size, error);
  return spool->attributes;
}

gboolean
satchel_spool_is_path (const char *path)
{
  return g_str_has_prefix (path, SPOOL_DIRECTORY "/") && path[sizeof SPOOL_DIRECTORY] != '.'
         && strchr (path + sizeof SPOOL_DIRECTORY, '/') == NULL && path[sizeof SPOOL_DIRECTORY] != '\0';
}

void
satchel_spool_clean (void)
{
  int fd = SATCHEL_RETRY (openat (satchel_delivery_host ()->root_fd, SPOOL_DIRECTORY,
                                  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  DIR *directory = fd >= 0 ? fdopendir (fd) : NULL;
  if (directory == NULL)
    return;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  struct dirent *entry;
  while ((entry = readdir (directory)) != NULL)
    {
      struct stat status;
      if (entry->d_name[0] != '.' && fstatat (fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0
          && S_ISREG (status.st_mode) && status.st_ctime < now - STALE_SECONDS)
        unlinkat (fd, entry->d_name, 0);
    }
  closedir (directory);
}
