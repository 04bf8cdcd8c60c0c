/* SPDX-License-Identifier: MIT
 * crashfs.h
 */
#include "config.h"

#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/crashfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef enum
{
  ADD,
  REMOVE,
  REPLACE,
  WRITE,
  TRUNCATE,
  SYNC,
  MARK
} Kind;

typedef struct Operation
{
  Kind kind;
  guint inode;      /* whose: of names the directory */
  guint child;      /* of names */
  char *name, *old; /* old: REPLACE, a rename within one directory */
  guint pair;       /* REMOVE, of a rename: the ADD + 1; the old name never goes without the new one */
  gboolean is_durable;
  guint64 offset; /* or length, or the number of a mark */
  GBytes *data;
} Operation;

typedef struct Inode
{
  gboolean is_dir;
  char *name;          /* the last one */
  GByteArray *content; /* durable */
  GHashTable *names;   /* durable: name -> inode */
  GArray *pending;     /* guint, operations not synced */
} Inode;

static MdSys real;
static GArray *operations;  /* Operation */
static GPtrArray *inodes;   /* Inode; of the record, then of the states */
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
  Operation *operation = data;
  g_free (operation->name);
  g_free (operation->old);
  g_clear_pointer (&operation->data, g_bytes_unref);
}

static void
inode_free (gpointer data)
{
  Inode *inode = data;
  g_free (inode->name);
  g_byte_array_unref (inode->content);
  g_hash_table_unref (inode->names);
  g_array_unref (inode->pending);
  g_free (inode);
}

static Inode *
inode_new (gboolean is_dir, const char *name)
{
  Inode *inode = g_new0 (Inode, 1);
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
  g_ptr_array_add (inodes, inode_new (S_ISDIR (st->st_mode), name));
  g_hash_table_insert (numbers, g_memdup2 (&(guint64) { st->st_ino }, 8), GUINT_TO_POINTER (inodes->len));
  return inodes->len - 1;
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

static Operation *
record (Kind kind, guint inode)
{
  Operation operation = { .kind = kind, .inode = inode };
  g_array_append_val (operations, operation);
  return &g_array_index (operations, Operation, operations->len - 1);
}

static void
record_name (Kind kind, guint dir, const char *name, guint child, const char *old)
{
  Operation *operation = record (kind, dir);
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

static int
crash_openat (int dirfd, const char *path, int flags, mode_t mode)
{
  struct stat st;
  gboolean may_be_new = (flags & O_CREAT) != 0 && fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0;
  if (may_be_new && fails (TRUE))
    return -1;
  int fd = real.openat (dirfd, path, flags, mode);
  if (fd >= 0 && may_be_new)
    {
      const char *leaf = NULL;
      guint dir = dir_of (dirfd, path, &leaf);
      fstat (fd, &st);
      record_name (ADD, dir, leaf, add_inode (&st, leaf), NULL);
    }
  return fd;
}

static int
crash_mkdirat (int dirfd, const char *path, mode_t mode)
{
  struct stat st;
  const char *leaf = NULL;
  if (fails (TRUE) || real.mkdirat (dirfd, path, mode) != 0)
    return -1;
  guint dir = dir_of (dirfd, path, &leaf);
  fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW);
  record_name (ADD, dir, leaf, add_inode (&st, leaf), NULL);
  return 0;
}

static void
record_write (int fd, const void *data, ssize_t len, guint64 offset)
{
  if (len <= 0)
    return;
  Operation *operation = record (WRITE, number_of_fd (fd));
  operation->offset = offset;
  operation->data = g_bytes_new (data, (gsize) len);
}

static ssize_t
crash_pwrite (int fd, const void *buffer, size_t len, off_t offset)
{
  if (fails (TRUE))
    return -1;
  ssize_t n = real.pwrite (fd, buffer, is_short () && len > 1 ? len / 2 : len, offset);
  record_write (fd, buffer, n, (guint64) offset);
  return n;
}

static ssize_t
crash_pwritev (int fd, const struct iovec *parts, int n, off_t offset)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  for (int i = 0; i < n; i++)
    g_byte_array_append (all, parts[i].iov_base, (guint) parts[i].iov_len);
  return crash_pwrite (fd, all->data, all->len, offset);
}

static ssize_t
crash_write (int fd, const void *buffer, size_t len)
{
  struct stat st;
  off_t at = lseek (fd, 0, SEEK_CUR);
  if ((fcntl (fd, F_GETFL) & O_APPEND) != 0 && fstat (fd, &st) == 0)
    at = st.st_size;
  if (fails (TRUE))
    return -1;
  ssize_t n = real.write (fd, buffer, is_short () && len > 1 ? len / 2 : len);
  record_write (fd, buffer, n, (guint64) at);
  return n;
}

static int
crash_ftruncate (int fd, off_t len)
{
  int result = fails (FALSE) ? -1 : real.ftruncate (fd, len);
  if (result == 0)
    record (TRUNCATE, number_of_fd (fd))->offset = (guint64) len;
  return result;
}

static int
crash_linkat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)
{
  struct stat st;
  const char *leaf = NULL;
  int result = fails (TRUE) ? -1 : real.linkat (olddirfd, oldpath, newdirfd, newpath, flags);
  if (result != 0)
    return result;
  guint dir = dir_of (newdirfd, newpath, &leaf);
  fstatat (newdirfd, newpath, &st, AT_SYMLINK_NOFOLLOW);
  record_name (ADD, dir, leaf, number_of (&st), NULL);
  return 0;
}

static int
crash_unlinkat (int dirfd, const char *path, int flags)
{
  struct stat st;
  const char *leaf = NULL;
  gboolean is_there = fstatat (dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
  int result = fails (FALSE) ? -1 : real.unlinkat (dirfd, path, flags);
  if (result != 0)
    return result;
  g_assert_true (is_there);
  guint dir = dir_of (dirfd, path, &leaf);
  record_name (REMOVE, dir, leaf, number_of (&st), NULL);
  return 0;
}

/* Between two directories: a new name, perhaps without the old one being gone. */
static int
crash_renameat (int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
  struct stat st;
  const char *old_leaf = NULL, *new_leaf = NULL;
  gboolean is_there = fstatat (olddirfd, oldpath, &st, AT_SYMLINK_NOFOLLOW) == 0;
  int result = fails (TRUE) ? -1 : real.renameat (olddirfd, oldpath, newdirfd, newpath);
  if (result != 0)
    return result;
  g_assert_true (is_there);
  guint old_dir = dir_of (olddirfd, oldpath, &old_leaf), new_dir = dir_of (newdirfd, newpath, &new_leaf),
        child = number_of (&st);
  Inode *inode = inodes->pdata[child];
  g_free (inode->name);
  inode->name = g_strdup (new_leaf);
  if (old_dir == new_dir)
    {
      record_name (REPLACE, new_dir, new_leaf, child, old_leaf);
      return 0;
    }
  record_name (ADD, new_dir, new_leaf, child, NULL);
  record_name (REMOVE, old_dir, old_leaf, child, NULL);
  g_array_index (operations, Operation, operations->len - 1).pair = operations->len - 1;
  return 0;
}

static int
crash_fsync (int fd)
{
  guint number = number_of_fd (fd);
  const Inode *inode = inodes->pdata[number];
  if (fails (TRUE))
    return -1;
  if (g_strcmp0 (inode->name, left_out) == 0)
    n_left_out++;
  else
    record (SYNC, number);
  return 0;
}

static int
crash_close (int fd)
{
  return real.close (fd);
}

void
crashfs_start (int root_fd)
{
  struct stat st;
  md_sys_reset ();
  real = md_calls;
  g_clear_pointer (&operations, g_array_unref);
  g_clear_pointer (&inodes, g_ptr_array_unref);
  g_clear_pointer (&numbers, g_hash_table_unref);
  operations = g_array_new (FALSE, TRUE, sizeof (Operation));
  g_array_set_clear_func (operations, operation_clear);
  inodes = g_ptr_array_new_with_free_func (inode_free);
  numbers = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  n_left_out = 0;
  fstat (root_fd, &st);
  add_inode (&st, "/");
  md_calls.openat = crash_openat;
  md_calls.mkdirat = crash_mkdirat;
  md_calls.pwrite = crash_pwrite;
  md_calls.pwritev = crash_pwritev;
  md_calls.write = crash_write;
  md_calls.ftruncate = crash_ftruncate;
  md_calls.linkat = crash_linkat;
  md_calls.unlinkat = crash_unlinkat;
  md_calls.renameat = crash_renameat;
  md_calls.fsync = crash_fsync;
  md_calls.fdatasync = crash_fsync;
  md_calls.close = crash_close;
}

static int
no_sync (int fd)
{
  return 0;
}

void
crashfs_stop (void)
{
  md_sys_reset ();
  md_calls.fsync = md_calls.fdatasync = no_sync; /* the states are looked at one by one */
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
  record (MARK, 0)->offset = number;
}

guint
crashfs_n_operations (void)
{
  return operations->len;
}

char *
crashfs_describe (guint first, guint last)
{
  static const char *const kinds[] = { "add", "remove", "rename", "write", "truncate", "sync", "MARK" };
  GString *out = g_string_new (NULL);
  for (guint i = first; i < MIN (last, operations->len); i++)
    {
      const Operation *operation = &g_array_index (operations, Operation, i);
      g_string_append_printf (out, "%u %s %u %s", i, kinds[operation->kind], operation->inode,
                              ((const Inode *) inodes->pdata[operation->inode])->name);
      if (operation->name != NULL)
        g_string_append_printf (out, ": %s (%u)%s%s", operation->name, operation->child,
                                operation->old != NULL ? " from " : "",
                                operation->old != NULL ? operation->old : "");
      g_string_append_printf (out, " %" G_GUINT64_FORMAT " %" G_GSIZE_FORMAT "\n", operation->offset,
                              operation->data != NULL ? g_bytes_get_size (operation->data) : 0);
    }
  return g_string_free (out, FALSE);
}

/* ---------------------------------------------------------------- states */

typedef enum
{
  CONTENT_NONE,
  CONTENT_ALL,
  CONTENT_TORN,
  CONTENT_ZERO,
  N_CONTENTS
} Content;

static Operation *
operation_at (guint i)
{
  return &g_array_index (operations, Operation, i);
}

static void
apply_name (GHashTable *names, const Operation *operation)
{
  gpointer value = g_hash_table_lookup (names, operation->kind == REPLACE ? operation->old : operation->name);
  gboolean is_it = GPOINTER_TO_UINT (value) == operation->child + 1;
  if (operation->kind == REPLACE && is_it)
    g_hash_table_remove (names, operation->old);
  if (operation->kind != REMOVE)
    g_hash_table_insert (names, g_strdup (operation->name), GUINT_TO_POINTER (operation->child + 1));
  else if (is_it)
    g_hash_table_remove (names, operation->name);
}

static void
apply_content (GByteArray *content, const Operation *operation, Content how)
{
  if (operation->kind == TRUNCATE)
    {
      guint before = content->len;
      g_byte_array_set_size (content, (guint) operation->offset);
      if (content->len > before)
        memset (content->data + before, 0, content->len - before);
      return;
    }
  gsize len;
  const guint8 *data = g_bytes_get_data (operation->data, &len);
  gsize take = how == CONTENT_TORN ? len / 2 : len;
  guint before = content->len;
  if (operation->offset + take > before)
    {
      g_byte_array_set_size (content, (guint) (operation->offset + take));
      memset (content->data + before, 0, content->len - before);
    }
  if (how == CONTENT_ZERO)
    memset (content->data + operation->offset, 0, take);
  else
    memcpy (content->data + operation->offset, data, take);
}

static void
apply (Inode *inode, const Operation *operation)
{
  if (inode->is_dir)
    apply_name (inode->names, operation);
  else
    apply_content (inode->content, operation, CONTENT_ALL);
}

static void
settle_one (GPtrArray *nodes, guint at)
{
  Operation *operation = operation_at (at);
  if (operation->is_durable)
    return;
  operation->is_durable = TRUE;
  apply (nodes->pdata[operation->inode], operation);
  if (operation->pair != 0)
    settle_one (nodes, operation->pair - 1);
}

static void
settle (GPtrArray *nodes, Inode *inode)
{
  for (guint i = 0; i < inode->pending->len; i++)
    settle_one (nodes, g_array_index (inode->pending, guint, i));
  g_array_set_size (inode->pending, 0);
}

/* Which names that were not synced are there, and how the content is. */
static guint32
hash32 (guint32 x)
{
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15) * 0x846ca68bu;
  return x ^ x >> 16;
}

typedef struct Choice
{
  const char *kind;
  gboolean all; /* or none, but for @but */
  guint but;    /* an operation; G_MAXUINT: none */
  Content content;
  guint32 seed; /* not 0: each by chance */
} Choice;

typedef struct Maker
{
  GPtrArray *nodes; /* Inode as they are at this place */
  const Choice *choice;
  GHashTable *names;   /* inode of a file -> path it has already */
  GHashTable *dirs;    /* directories that are made */
  GChecksum *checksum; /* NULL: make it; else only tell it */
} Maker;

static gboolean
is_chosen (const Choice *choice, guint at)
{
  if (operation_at (at)->is_durable)
    return FALSE; /* it is there already */
  return choice->seed != 0 ? (hash32 (at ^ choice->seed) & 1) != 0 : choice->all != (at == choice->but);
}

static void
make_file (Maker *maker, guint number, int fd, const char *name, const char *path)
{
  const Inode *inode = maker->nodes->pdata[number];
  const char *other = g_hash_table_lookup (maker->names, GUINT_TO_POINTER (number + 1));
  if (other != NULL && maker->checksum == NULL)
    {
      g_assert_cmpint (link (other, path), ==, 0);
      return;
    }
  g_hash_table_insert (maker->names, GUINT_TO_POINTER (number + 1), g_strdup (path));
  guint32 seed = maker->choice->seed;
  Content how = seed != 0 ? (Content) (hash32 (number + seed) % N_CONTENTS) : maker->choice->content;
  g_autoptr (GByteArray) content = g_byte_array_new ();
  g_byte_array_append (content, inode->content->data, inode->content->len);
  for (guint i = 0; how != CONTENT_NONE && i < inode->pending->len; i++)
    apply_content (content, operation_at (g_array_index (inode->pending, guint, i)), how);
  if (maker->checksum != NULL)
    {
      g_checksum_update (maker->checksum, content->data, content->len);
      return;
    }
  int file = openat (fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  g_assert_cmpint (file, >=, 0);
  g_assert_cmpint (write (file, content->data, content->len), ==, content->len);
  close (file);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
make_dir (Maker *maker, guint number, int fd, const char *path)
{
  const Inode *inode = maker->nodes->pdata[number];
  const Choice *choice = maker->choice;
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, inode->names);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_hash_table_insert (names, g_strdup (name), value);
  for (guint i = 0; i < inode->pending->len; i++)
    {
      guint at = g_array_index (inode->pending, guint, i);
      guint pair = operation_at (at)->pair;
      if (is_chosen (choice, at)
          && (pair == 0 || operation_at (pair - 1)->is_durable || is_chosen (choice, pair - 1)))
        apply_name (names, operation_at (at));
    }
  g_autoptr (GPtrArray) sorted = g_ptr_array_new ();
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (sorted, name);
  g_ptr_array_sort (sorted, by_name);
  for (guint i = 0; i < sorted->len; i++)
    {
      guint child = GPOINTER_TO_UINT (g_hash_table_lookup (names, sorted->pdata[i])) - 1;
      g_autofree char *below = g_build_filename (path, sorted->pdata[i], NULL);
      if (maker->checksum != NULL)
        g_checksum_update (maker->checksum, (const guchar *) below, (gssize) strlen (below) + 1);
      if (!((const Inode *) maker->nodes->pdata[child])->is_dir)
        {
          make_file (maker, child, fd, sorted->pdata[i], below);
          continue;
        }
      /* On its way from one directory to another it has one name on any file system. */
      if (!g_hash_table_add (maker->dirs, GUINT_TO_POINTER (child)))
        continue;
      int child_fd = -1;
      if (maker->checksum == NULL)
        {
          g_assert_cmpint (mkdirat (fd, sorted->pdata[i], 0700), ==, 0);
          child_fd = openat (fd, sorted->pdata[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
      make_dir (maker, child, child_fd, below);
      if (child_fd >= 0)
        close (child_fd);
    }
}

typedef struct Walk
{
  GPtrArray *nodes;
  GHashTable *seen; /* checksums since the last mark */
  const char *path;
  CrashFunc func;
  gpointer data;
  CrashState state;
  gboolean is_over;
} Walk;

static void
one_state (Walk *walk, const Choice *choice)
{
  if (walk->is_over)
    return;
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_MD5);
  for (guint pass = 0; pass < 2; pass++)
    {
      g_autoptr (GHashTable) names = g_hash_table_new_full (NULL, NULL, NULL, g_free);
      g_autoptr (GHashTable) dirs = g_hash_table_new (NULL, NULL);
      Maker maker = { walk->nodes, choice, names, dirs, pass == 0 ? checksum : NULL };
      if (pass == 1 && !walk->state.is_kill
          && !g_hash_table_add (walk->seen, g_strdup (g_checksum_get_string (checksum))))
        return;
      int fd = open (walk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      make_dir (&maker, 0, fd, walk->path);
      close (fd);
    }
  walk->state.kind = choice->kind;
  walk->is_over = !walk->func (&walk->state, walk->path, walk->data);
}

/* A later place with the last changes missing is an earlier one: it is enough to look before each sync and
 * mark. */
static void
states_here (Walk *walk, guint n_random, GRand *rand)
{
  for (Content content = CONTENT_NONE; content < N_CONTENTS; content++)
    {
      one_state (walk, &(Choice) { "all names", TRUE, G_MAXUINT, content, 0 });
      if (n_random > 0 || content == CONTENT_ALL)
        one_state (walk, &(Choice) { "no names", FALSE, G_MAXUINT, content, 0 });
    }
  walk->state.is_kill = TRUE;
  one_state (walk, &(Choice) { "kill", TRUE, G_MAXUINT, CONTENT_ALL, 0 });
  walk->state.is_kill = FALSE;
  for (guint n = 0; n < walk->nodes->len; n++)
    {
      const Inode *inode = walk->nodes->pdata[n];
      for (guint i = 0; inode->is_dir && i < inode->pending->len; i++)
        {
          guint at = g_array_index (inode->pending, guint, i);
          one_state (walk, &(Choice) { "one name missing", TRUE, at, CONTENT_ALL, 0 });
          if (n_random == 0)
            continue;
          one_state (walk, &(Choice) { "one name missing, content torn", TRUE, at, CONTENT_TORN, 0 });
          one_state (walk, &(Choice) { "one name", FALSE, at, CONTENT_NONE, 0 });
        }
    }
  for (guint i = 0; i < n_random; i++)
    one_state (walk, &(Choice) { "by chance", FALSE, G_MAXUINT, CONTENT_NONE, g_rand_int (rand) | 1 });
}

void
crashfs_each (const char *path, guint n_random, guint32 seed, CrashFunc func, gpointer data)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func (inode_free);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  for (guint i = 0; i < operations->len; i++)
    operation_at (i)->is_durable = FALSE;
  for (guint i = 0; i < inodes->len; i++)
    g_ptr_array_add (nodes, inode_new (((const Inode *) inodes->pdata[i])->is_dir, NULL));
  Walk walk = {
    .nodes = nodes, .seen = seen, .path = path, .func = func, .data = data, .state.mark = G_MAXUINT
  };
  gboolean has_changed = FALSE;
  for (guint i = 0; i <= operations->len && !walk.is_over; i++)
    {
      Operation *operation = i < operations->len ? operation_at (i) : NULL;
      walk.state.at = i;
      if (has_changed && walk.state.mark != G_MAXUINT
          && (operation == NULL || operation->kind == SYNC || operation->kind == MARK))
        {
          states_here (&walk, n_random, rand);
          has_changed = FALSE;
        }
      if (operation == NULL)
        break;
      Inode *inode = nodes->pdata[operation->inode];
      if (operation->kind == MARK)
        {
          walk.state.mark = (guint) operation->offset;
          has_changed = TRUE; /* what is asked of the same state is more now */
          g_hash_table_remove_all (seen);
        }
      else if (operation->kind == SYNC)
        settle (nodes, inode);
      else
        {
          g_array_append_val (inode->pending, i);
          has_changed = TRUE;
        }
    }
}
