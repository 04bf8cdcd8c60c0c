/* SPDX-License-Identifier: MIT
 * This file records the calls of crashfs.h.
 */
#include "config.h"

#include "tests/lib/crashfs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

GArray *crashfs_operations;
GPtrArray *crashfs_inodes;
static GHashTable *numbers; /* guint64 of the machine -> guint + 1 */
static char *left_out;
static guint n_left_out;
static guint n_calls, fail_at;
static int fail_errno;
static gboolean fail_for_good;

/* ---------------------------------------------------------------- the record */

static void
operation_clear (gpointer data)
{
  CrashOperation *operation = data;
  g_free (operation->name);
  g_free (operation->old);
  g_clear_pointer (&operation->data, g_bytes_unref);
}

void
crashfs_inode_free (gpointer data)
{
  CrashInode *inode = data;
  g_free (inode->name);
  g_byte_array_unref (inode->content);
  g_hash_table_unref (inode->names);
  g_array_unref (inode->pending);
  g_free (inode);
}

CrashInode *
crashfs_inode_new (gboolean is_dir, const char *name)
{
  CrashInode *inode = g_new0 (CrashInode, 1);
  inode->is_dir = is_dir;
  inode->name = g_strdup (name);
  inode->content = g_byte_array_new ();
  inode->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  inode->pending = g_array_new (FALSE, FALSE, sizeof (guint));
  return inode;
}

static guint
add_inode (const struct stat *st, const char *name)
{
  g_ptr_array_add (crashfs_inodes, crashfs_inode_new (S_ISDIR (st->st_mode), name));
  g_hash_table_insert (numbers, g_memdup2 (&(guint64) { st->st_ino }, 8),
                       GUINT_TO_POINTER (crashfs_inodes->len));
  return crashfs_inodes->len - 1;
}

static guint
number_of (const struct stat *st)
{
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (numbers, &(guint64) { st->st_ino }));
  g_assert_cmpuint (number, >, 0);
  return number - 1;
}

static guint
number_of_fd (int fd)
{
  struct stat st;
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  return number_of (&st);
}

/* The directory of the last part of @path, which is *@ret_leaf. */
static guint
dir_of (int dirfd, const char *path, const char **ret_leaf)
{
  const char *slash = strrchr (path, '/');
  *ret_leaf = slash != NULL ? slash + 1 : path;
  if (slash == NULL)
    return number_of_fd (dirfd);
  g_autofree char *parent = g_strndup (path, (gsize) (slash - path));
  struct stat st;
  g_assert_cmpint (fstatat (dirfd, parent, &st, 0), ==, 0);
  return number_of (&st);
}

static CrashOperation *
record (CrashKind kind, guint inode)
{
  CrashOperation operation = { .kind = kind, .inode = inode };
  g_array_append_val (crashfs_operations, operation);
  return &g_array_index (crashfs_operations, CrashOperation, crashfs_operations->len - 1);
}

static void
record_name (CrashKind kind, guint dir, const char *name, guint child, const char *old)
{
  CrashOperation *operation = record (kind, dir);
  operation->child = child;
  operation->name = g_strdup (name);
  operation->old = g_strdup (old);
}

/* TRUE: this call is to fail, with errno set. */
static gboolean
fails (gboolean allocates)
{
  n_calls++;
  if (fail_at == 0 || n_calls < fail_at || (n_calls > fail_at && !(fail_for_good && allocates)))
    return FALSE;
  errno = fail_errno;
  return fail_errno != 0;
}

/* A failure of 0 is a short write. */
static gboolean
is_short (void)
{
  return fail_errno == 0 && fail_at != 0 && n_calls == fail_at;
}

int
crashfs_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  struct stat st;
  gboolean may_be_new = (flags & O_CREAT) != 0 && fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0;
  if (may_be_new && fails (TRUE))
    return -1;
  int fd = openat (dirfd, path, flags | O_CLOEXEC, mode);
  if (fd >= 0 && may_be_new)
    {
      const char *leaf = NULL;
      guint dir = dir_of (dirfd, path, &leaf);
      fstat (fd, &st);
      record_name (CRASHFS_ADD, dir, leaf, add_inode (&st, leaf), NULL);
    }
  return fd;
}

int
crashfs_mkdirat (int dirfd, const char *path, mode_t mode)
{
  struct stat st;
  const char *leaf = NULL;
  if (fails (TRUE) || mkdirat (dirfd, path, mode) != 0)
    return -1;
  guint dir = dir_of (dirfd, path, &leaf);
  fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW);
  record_name (CRASHFS_ADD, dir, leaf, add_inode (&st, leaf), NULL);
  return 0;
}

static void
record_write (int fd, const void *data, ssize_t len, guint64 offset)
{
  if (len <= 0)
    return;
  CrashOperation *operation = record (CRASHFS_WRITE, number_of_fd (fd));
  operation->offset = offset;
  operation->data = g_bytes_new (data, (gsize) len);
}

ssize_t
crashfs_pwrite (int fd, const void *buffer, size_t len, off_t offset)
{
  if (fails (TRUE))
    return -1;
  ssize_t n = pwrite (fd, buffer, is_short () && len > 1 ? len / 2 : len, offset);
  record_write (fd, buffer, n, (guint64) offset);
  return n;
}

ssize_t
crashfs_pwritev (int fd, const struct iovec *parts, int n, off_t offset)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  for (int i = 0; i < n; i++)
    g_byte_array_append (all, parts[i].iov_base, (guint) parts[i].iov_len);
  return crashfs_pwrite (fd, all->data, all->len, offset);
}

ssize_t
crashfs_write (int fd, const void *buffer, size_t len)
{
  struct stat st;
  off_t at = lseek (fd, 0, SEEK_CUR);
  if ((fcntl (fd, F_GETFL) & O_APPEND) != 0 && fstat (fd, &st) == 0)
    at = st.st_size;
  if (fails (TRUE))
    return -1;
  ssize_t n = write (fd, buffer, is_short () && len > 1 ? len / 2 : len);
  record_write (fd, buffer, n, (guint64) at);
  return n;
}

int
crashfs_ftruncate (int fd, off_t len)
{
  int result = fails (FALSE) ? -1 : ftruncate (fd, len);
  if (result == 0)
    record (CRASHFS_TRUNCATE, number_of_fd (fd))->offset = (guint64) len;
  return result;
}

/* A hole is a write of zeros, a longer file one that was cut there. */
int
crashfs_fallocate (int fd, int mode, off_t offset, off_t len)
{
  int result = fails (TRUE) ? -1 : fallocate (fd, mode, offset, len);
  if (result == 0 && (mode & FALLOC_FL_PUNCH_HOLE) != 0)
    {
      g_autofree guint8 *zeros = g_malloc0 ((gsize) len);
      record_write (fd, zeros, len, (guint64) offset);
    }
  else if (result == 0)
    record (CRASHFS_TRUNCATE, number_of_fd (fd))->offset = (guint64) (offset + len);
  return result;
}

int
crashfs_linkat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)
{
  struct stat st;
  const char *leaf = NULL;
  int result = fails (TRUE) ? -1 : linkat (olddirfd, oldpath, newdirfd, newpath, flags);
  if (result != 0)
    return result;
  guint dir = dir_of (newdirfd, newpath, &leaf);
  fstatat (newdirfd, newpath, &st, AT_SYMLINK_NOFOLLOW);
  record_name (CRASHFS_ADD, dir, leaf, number_of (&st), NULL);
  return 0;
}

int
crashfs_unlinkat (int dirfd, const char *path, int flags)
{
  struct stat st;
  const char *leaf = NULL;
  gboolean is_there = fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
  int result = fails (FALSE) ? -1 : unlinkat (dirfd, path, flags);
  if (result != 0)
    return result;
  g_assert_true (is_there);
  guint dir = dir_of (dirfd, path, &leaf);
  record_name (CRASHFS_REMOVE, dir, leaf, number_of (&st), NULL);
  return 0;
}

/* Between two directories: a new name, perhaps without the old one being gone. */
int
crashfs_renameat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
  struct stat st;
  const char *old_leaf = NULL, *new_leaf = NULL;
  gboolean is_there = fstatat (olddirfd, oldpath, &st, AT_SYMLINK_NOFOLLOW) == 0;
  int result = fails (TRUE) ? -1 : renameat (olddirfd, oldpath, newdirfd, newpath);
  if (result != 0)
    return result;
  g_assert_true (is_there);
  guint old_dir = dir_of (olddirfd, oldpath, &old_leaf), new_dir = dir_of (newdirfd, newpath, &new_leaf),
        child = number_of (&st);
  CrashInode *inode = crashfs_inodes->pdata[child];
  g_free (inode->name);
  inode->name = g_strdup (new_leaf);
  if (old_dir == new_dir)
    {
      record_name (CRASHFS_REPLACE, new_dir, new_leaf, child, old_leaf);
      return 0;
    }
  record_name (CRASHFS_ADD, new_dir, new_leaf, child, NULL);
  record_name (CRASHFS_REMOVE, old_dir, old_leaf, child, NULL);
  g_array_index (crashfs_operations, CrashOperation, crashfs_operations->len - 1).pair =
      crashfs_operations->len - 1;
  return 0;
}

int
crashfs_fsync (int fd)
{
  guint number = number_of_fd (fd);
  const CrashInode *inode = crashfs_inodes->pdata[number];
  if (fails (TRUE))
    return -1;
  if (g_strcmp0 (inode->name, left_out) == 0)
    n_left_out++;
  else
    record (CRASHFS_SYNC, number);
  return 0;
}

/* Notes what is in a directory already, as something that is durable. */
static void
adopt_dir (int fd, guint number)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir))
    {
      struct stat st;
      g_assert_cmpint (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
      guint child = add_inode (&st, name);
      const CrashInode *parent = crashfs_inodes->pdata[number];
      g_hash_table_insert (parent->names, g_strdup (name), GUINT_TO_POINTER (child + 1));
      int below = openat (fd, name, O_RDONLY | O_CLOEXEC);
      g_assert_cmpint (below, >=, 0);
      if (S_ISDIR (st.st_mode))
        adopt_dir (below, child);
      else
        {
          CrashInode *inode = crashfs_inodes->pdata[child];
          g_byte_array_set_size (inode->content, (guint) st.st_size);
          g_assert_cmpint (pread (below, inode->content->data, (gsize) st.st_size, 0), ==, st.st_size);
        }
      close (below);
    }
}

void
crashfs_start (int root_fd)
{
  struct stat st;
  g_clear_pointer (&crashfs_operations, g_array_unref);
  g_clear_pointer (&crashfs_inodes, g_ptr_array_unref);
  g_clear_pointer (&numbers, g_hash_table_unref);
  crashfs_operations = g_array_new (FALSE, TRUE, sizeof (CrashOperation));
  g_array_set_clear_func (crashfs_operations, operation_clear);
  crashfs_inodes = g_ptr_array_new_with_free_func (crashfs_inode_free);
  numbers = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  n_left_out = 0;
  fstat (root_fd, &st);
  adopt_dir (root_fd, add_inode (&st, "/"));
}

void
crashfs_fail (guint nth, int errnum, gboolean for_good)
{
  n_calls = 0;
  fail_at = nth;
  fail_errno = errnum;
  fail_for_good = for_good;
}

guint
crashfs_n_calls (void)
{
  return n_calls;
}

void
crashfs_leave_out (const char *name)
{
  g_free (left_out);
  left_out = g_strdup (name);
}

guint
crashfs_n_left_out (void)
{
  return n_left_out;
}

void
crashfs_mark (guint number)
{
  record (CRASHFS_MARK, 0)->offset = number;
}

guint
crashfs_n_operations (void)
{
  return crashfs_operations->len;
}

char *
crashfs_describe (guint first, guint last)
{
  static const char *const kinds[] = { "add", "remove", "rename", "write", "truncate", "sync", "MARK" };
  GString *out = g_string_new (NULL);
  for (guint i = first; i < MIN (last, crashfs_operations->len); i++)
    {
      const CrashOperation *operation = &g_array_index (crashfs_operations, CrashOperation, i);
      g_string_append_printf (out, "%u %s %u %s", i, kinds[operation->kind], operation->inode,
                              ((const CrashInode *) crashfs_inodes->pdata[operation->inode])->name);
      if (operation->name != NULL)
        g_string_append_printf (out, ": %s (%u)%s%s", operation->name, operation->child,
                                operation->old != NULL ? " from " : "",
                                operation->old != NULL ? operation->old : "");
      g_string_append_printf (out, " %" G_GUINT64_FORMAT " %" G_GSIZE_FORMAT "\n", operation->offset,
                              operation->data != NULL ? g_bytes_get_size (operation->data) : 0);
    }
  return g_string_free (out, FALSE);
}
