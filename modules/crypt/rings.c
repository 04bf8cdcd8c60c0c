/* SPDX-License-Identifier: MIT
 * The files of rings.  A change writes a new file, syncs it, and renames it over the old one.
 */
#include "rings.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/retry.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN_NAME_MAX 200u
#define NS_A_SECOND G_GINT64_CONSTANT (1000000000)
#define SETTLE_NS (2 * NS_A_SECOND)
#define RING ".ring"
#define COPY ".copy"
#define CLEAR ".clear"

static GMutex changes;
static char *directory;
static int lock_fd = -1; /* the directory, while a change has it locked against other processes */

void
crypt_rings_set_path (const char *path)
{
  g_free (directory);
  directory = g_strdup (path);
}

void
crypt_rings_lock (void)
{
  g_mutex_lock (&changes);
  /* Without the directory there is no ring that another process could change. */
  lock_fd = SATCHEL_RETRY (open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock_fd >= 0)
    (void) SATCHEL_RETRY (flock (lock_fd, LOCK_EX));
}

void
crypt_rings_unlock (void)
{
  satchel_fd_clear (&lock_fd);
  g_mutex_unlock (&changes);
}

/* Returns the name of a user's file; yours.  A user's name has no '/', and never begins with a dot alone. */
static char *
name_of (const char *user, const char *suffix)
{
  guint8 hash[16];
  char digits[2 * sizeof hash + 1];
  if (strlen (user) <= PLAIN_NAME_MAX)
    return g_strconcat (user, suffix, NULL);
  crypto_generichash (hash, sizeof hash, (const guint8 *) user, strlen (user), NULL, 0);
  return g_strconcat (sodium_bin2hex (digits, sizeof digits, hash, sizeof hash), suffix, NULL);
}

static CryptRing *
read_ring (int fd, const char *user, GError **error)
{
  g_autofree char *text = g_malloc (CRYPT_RING_BYTES_MAX + 1);
  gssize len = satchel_fd_read_all (fd, text, CRYPT_RING_BYTES_MAX + 1);
  if (len < 0)
    {
      satchel_error_set_errno (error, errno, "the ring of %s cannot be read", user);
      return NULL;
    }
  g_autoptr (CryptRing) ring = crypt_ring_parse (text, (gsize) len, error);
  sodium_memzero (text, (gsize) len);
  if (ring == NULL)
    g_prefix_error (error, "%s: ", user);
  else if (strcmp (ring->user, user) != 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the ring of %s lies in the place of that of %s",
                         ring->user, user);
      return NULL;
    }
  return g_steal_pointer (&ring);
}

/* Opens the file of a user; -1 with @error. */
static int
open_ring (const char *user, const char *suffix, GError **error)
{
  g_autofree char *name = name_of (user, suffix);
  g_autofree char *path = g_build_filename (directory, name, NULL);
  int fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd < 0)
    satchel_error_set_errno (error, errno, "the ring of %s cannot be opened", user);
  return fd;
}

static CryptRing *
load (const char *user, const char *suffix, GError **error)
{
  g_auto (SatchelFd) fd = open_ring (user, suffix, error);
  return fd >= 0 ? read_ring (fd, user, error) : NULL;
}

/* Makes the directory, for whom the one above it belongs to: the command that makes the first ring may be
 * root's, and auth is not root. */
static gboolean
make_directory (GError **error)
{
  struct stat above;
  g_autofree char *parent = g_path_get_dirname (directory);
  if (mkdir (directory, 0700) != 0)
    return errno == EEXIST
           || satchel_error_set_errno (error, errno, "the directory of rings (crypt.path, %s) cannot be made",
                                       directory);
  return geteuid () != 0
         || (stat (parent, &above) == 0 && lchown (directory, above.st_uid, above.st_gid) == 0)
         || satchel_error_set_errno (error, errno, "the directory of rings (crypt.path, %s)", directory);
}

/* Replaces a user's file, durably. */
static gboolean
write_file (const char *user, const char *suffix, const char *text, GError **error)
{
  g_autofree char *name = name_of (user, suffix);
  if (!make_directory (error))
    return FALSE;
  g_auto (SatchelFd) at = SATCHEL_RETRY (open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at < 0)
    return satchel_error_set_errno (error, errno, "the directory of rings (crypt.path, %s) cannot be opened",
                                    directory);
  /* The administrator's command leaves the file to whom it belongs, and a new one to whom the directory does.
   */
  struct stat old;
  gboolean has_old = fstatat (at, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (!has_old && fstat (at, &old) == 0)
    {
      old.st_mode = S_IFREG | 0600;
      has_old = TRUE;
    }
  return satchel_file_replace (at, name, text, strlen (text), has_old ? &old : NULL, TRUE, error);
}

static gboolean
store (const CryptRing *ring, const char *suffix, GError **error)
{
  char *text = crypt_ring_to_text (ring);
  gboolean ok = strlen (text) <= CRYPT_RING_BYTES_MAX
                    ? write_file (ring->user, suffix, text, error)
                    : satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                                         "the ring of %s is larger than %u bytes; revoke app passwords first",
                                         ring->user, CRYPT_RING_BYTES_MAX);
  sodium_memzero (text, strlen (text));
  g_free (text);
  return ok;
}

CryptRing *
crypt_rings_load (const char *user, GError **error)
{
  return load (user, RING, error);
}

static gint64
to_ns (const struct timespec *time)
{
  return (gint64) time->tv_sec * NS_A_SECOND + time->tv_nsec;
}

static CryptRingStamp
stamp_of (const struct stat *st)
{
  return (CryptRingStamp) { .device = st->st_dev,
                            .inode = st->st_ino,
                            .n_bytes = (guint64) st->st_size,
                            .modified_ns = to_ns (&st->st_mtim),
                            .changed_ns = to_ns (&st->st_ctim) };
}

int
crypt_rings_stamp (const char *user, CryptRingStamp *ret_stamp)
{
  struct stat st;
  g_autofree char *name = name_of (user, RING);
  g_autofree char *path = g_build_filename (directory, name, NULL);
  if (lstat (path, &st) != 0)
    return errno;
  *ret_stamp = stamp_of (&st);
  return 0;
}

gboolean
crypt_ring_stamp_is_same (const CryptRingStamp *one, const CryptRingStamp *other)
{
  return memcmp (one, other, sizeof *one) == 0;
}

gboolean
crypt_ring_stamp_is_settled (const CryptRingStamp *stamp)
{
  return g_get_real_time () * 1000 - stamp->changed_ns > SETTLE_NS;
}

CryptRing *
crypt_rings_load_stamped (const char *user, CryptRingStamp *ret_stamp, GError **error)
{
  struct stat st;
  g_auto (SatchelFd) fd = open_ring (user, RING, error);
  if (fd < 0)
    return NULL;
  /* The stamp is taken before the content, so that a change meanwhile is noticed the next time. */
  if (fstat (fd, &st) != 0)
    {
      satchel_error_set_errno (error, errno, "the ring of %s cannot be looked at", user);
      return NULL;
    }
  *ret_stamp = stamp_of (&st);
  return read_ring (fd, user, error);
}

gboolean
crypt_rings_store (const CryptRing *ring, GError **error)
{
  return store (ring, RING, error);
}

/* Removes a file, durably. */
static gboolean
remove_file (const char *name, GError **error)
{
  g_auto (SatchelFd) at = SATCHEL_RETRY (open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at < 0 || (unlinkat (at, name, 0) != 0 && errno != ENOENT) || fsync (at) != 0)
    return satchel_error_set_errno (error, errno, "%s cannot be removed", name);
  return TRUE;
}

gboolean
crypt_rings_remove (const CryptRing *ring, GError **error)
{
  g_autofree char *name = name_of (ring->user, RING);
  return remove_file (name, error);
}

static gboolean
is_there (const char *user, const char *suffix)
{
  struct stat found;
  g_autofree char *name = name_of (user, suffix);
  g_autofree char *path = g_build_filename (directory, name, NULL);
  return lstat (path, &found) == 0;
}

/* ---- who wants mail in clear ---- */

gboolean
crypt_rings_is_clear (const char *user)
{
  return is_there (user, CLEAR);
}

gboolean
crypt_rings_set_clear (const char *user, gboolean is_clear, GError **error)
{
  g_autofree char *name = name_of (user, CLEAR);
  if (is_clear == crypt_rings_is_clear (user))
    return TRUE;
  return is_clear ? write_file (user, CLEAR, "", error) : remove_file (name, error);
}

/* ---- copies ---- */

gboolean
crypt_rings_has_copy (const char *user)
{
  return is_there (user, COPY);
}

CryptRing *
crypt_rings_load_copy (const char *user, GError **error)
{
  return load (user, COPY, error);
}

gboolean
crypt_rings_store_copy (const CryptRing *copy, GError **error)
{
  return store (copy, COPY, error);
}

gboolean
crypt_rings_remove_copy (const char *user, GError **error)
{
  g_autofree char *name = name_of (user, COPY);
  return remove_file (name, error);
}
