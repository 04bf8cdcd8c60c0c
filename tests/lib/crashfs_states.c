/* SPDX-License-Identifier: MIT
 * This file makes the states of crashfs.h from the record.
 */
#include "config.h"

#include "tests/lib/crashfs_private.h"
#include "tests/lib/rounds.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- states */

typedef enum
{
  CONTENT_NONE,
  CONTENT_ALL,
  CONTENT_TORN,
  CONTENT_ZERO,
  N_CONTENTS,
  CONTENT_SOME /* each write is there, or not, by chance */
} Content;

#define SMALL_BYTES 65536u
/* How many orders of writes are tried at each place, where there are pages. */
#define N_ORDERS 2u

static char *page_suffix;

void
crashfs_use_pages (const char *suffix)
{
  g_free (page_suffix);
  page_suffix = g_strdup (suffix);
}

static gboolean
has_pages (const CrashOperation *operation)
{
  const CrashInode *inode = crashfs_inodes->pdata[operation->inode];
  return page_suffix != NULL && operation->kind == CRASHFS_WRITE
         && g_str_has_suffix (inode->name, page_suffix);
}

static CrashOperation *
operation_at (guint i)
{
  return &g_array_index (crashfs_operations, CrashOperation, i);
}

static void
apply_name (GHashTable *names, const CrashOperation *operation)
{
  gpointer value =
      g_hash_table_lookup (names, operation->kind == CRASHFS_REPLACE ? operation->old : operation->name);
  gboolean is_it = GPOINTER_TO_UINT (value) == operation->child + 1;
  if (operation->kind == CRASHFS_REPLACE && is_it)
    g_hash_table_remove (names, operation->old);
  if (operation->kind != CRASHFS_REMOVE)
    g_hash_table_insert (names, g_strdup (operation->name), GUINT_TO_POINTER (operation->child + 1));
  else if (is_it)
    g_hash_table_remove (names, operation->name);
}

static void
apply_content (GByteArray *content, const CrashOperation *operation, Content how)
{
  if (operation->kind == CRASHFS_TRUNCATE)
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
apply (CrashInode *inode, const CrashOperation *operation)
{
  if (inode->is_dir)
    apply_name (inode->names, operation);
  else
    apply_content (inode->content, operation, CONTENT_ALL);
}

static void
settle_one (GPtrArray *nodes, guint at)
{
  CrashOperation *operation = operation_at (at);
  if (operation->is_durable)
    return;
  operation->is_durable = TRUE;
  ((CrashInode *) nodes->pdata[operation->inode])->n_settled++;
  apply (nodes->pdata[operation->inode], operation);
  if (operation->pair != 0)
    settle_one (nodes, operation->pair - 1);
}

static void
settle (GPtrArray *nodes, CrashInode *inode)
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
  guint32 seed;  /* not 0: each by chance */
  guint32 order; /* of CONTENT_SOME */
  guint torn;    /* an operation + 1 of which half is there; 0: none */
} Choice;

typedef struct Maker
{
  GPtrArray *nodes; /* CrashInode as they are at this place */
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

/* What of an operation on a file's content is there. */
static Content
content_of (const Choice *choice, guint file, guint at)
{
  Content how = choice->seed != 0 ? (Content) (hash32 (file + choice->seed) % N_CONTENTS) : choice->content;
  if (choice->torn == at + 1)
    return CONTENT_TORN;
  if (how == CONTENT_SOME)
    return (hash32 (at ^ choice->order) & 1) != 0 ? CONTENT_ALL : CONTENT_NONE;
  return has_pages (operation_at (at)) && how != CONTENT_NONE ? CONTENT_ALL : how;
}

/* Content that is long is told by what was done to it. */
static void
tell_file (Maker *maker, const CrashInode *inode, guint number, GByteArray *content, GArray *how)
{
  if (content->len <= SMALL_BYTES)
    {
      g_checksum_update (maker->checksum, content->data, content->len);
      return;
    }
  const guint who[] = { number, inode->n_settled };
  g_checksum_update (maker->checksum, (const guchar *) who, sizeof who);
  g_checksum_update (maker->checksum, (const guchar *) how->data, (gssize) (how->len * sizeof (guint)));
}

/* The zeros at the end are not written. */
static void
write_file (int fd, const char *name, const GByteArray *content)
{
  gsize len = content->len;
  while (len > 0 && content->data[len - 1] == 0)
    len--;
  int file = openat (fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  g_assert_cmpint (file, >=, 0);
  g_assert_cmpint (write (file, content->data, len), ==, len);
  g_assert_cmpint (ftruncate (file, content->len), ==, 0);
  close (file);
}

static void
make_file (Maker *maker, guint number, int fd, const char *name, const char *path)
{
  const CrashInode *inode = maker->nodes->pdata[number];
  const char *other = g_hash_table_lookup (maker->names, GUINT_TO_POINTER (number + 1));
  if (other != NULL && maker->checksum == NULL)
    {
      g_assert_cmpint (link (other, path), ==, 0);
      return;
    }
  g_hash_table_insert (maker->names, GUINT_TO_POINTER (number + 1), g_strdup (path));
  g_autoptr (GArray) how = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GByteArray) content = g_byte_array_new ();
  g_byte_array_append (content, inode->content->data, inode->content->len);
  for (guint i = 0; i < inode->pending->len; i++)
    {
      guint at = g_array_index (inode->pending, guint, i);
      guint does = content_of (maker->choice, number, at);
      g_array_append_val (how, does);
      if (does != CONTENT_NONE)
        apply_content (content, operation_at (at), does);
    }
  if (maker->checksum != NULL)
    tell_file (maker, inode, number, content, how);
  else
    write_file (fd, name, content);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
make_dir (Maker *maker, guint number, int fd, const char *path)
{
  const CrashInode *inode = maker->nodes->pdata[number];
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
      if (!((const CrashInode *) maker->nodes->pdata[child])->is_dir)
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
  guint step; /* only each of so many states is made */
  guint n_states;
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
      if (pass == 1 && walk->n_states++ % walk->step != 0)
        return;
      int fd = open (walk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      make_dir (&maker, 0, fd, walk->path);
      close (fd);
    }
  walk->state.kind = choice->kind;
  walk->state.has_torn_page = choice->torn != 0;
  walk->is_over = !walk->func (&walk->state, walk->path, walk->data);
}

/* A later place with the last changes missing is an earlier one: it is enough to look before each sync and
 * mark. */
static void
states_here (Walk *walk, guint n_random, GRand *rand)
{
  for (Content content = CONTENT_NONE; content < N_CONTENTS; content++)
    {
      one_state (walk, &(Choice) { .kind = "all names", .all = TRUE, .but = G_MAXUINT, .content = content });
      if (n_random > 0 || content == CONTENT_ALL)
        one_state (walk,
                   &(Choice) { .kind = "no names", .all = FALSE, .but = G_MAXUINT, .content = content });
    }
  walk->state.is_kill = TRUE;
  one_state (walk, &(Choice) { .kind = "kill", .all = TRUE, .but = G_MAXUINT, .content = CONTENT_ALL });
  walk->state.is_kill = FALSE;
  for (guint n = 0; n < walk->nodes->len; n++)
    {
      const CrashInode *inode = walk->nodes->pdata[n];
      for (guint i = 0; inode->is_dir && i < inode->pending->len; i++)
        {
          guint at = g_array_index (inode->pending, guint, i);
          one_state (
              walk, &(Choice) { .kind = "one name missing", .all = TRUE, .but = at, .content = CONTENT_ALL });
          if (n_random == 0)
            continue;
          one_state (walk, &(Choice) { .kind = "one name missing, content torn",
                                       .all = TRUE,
                                       .but = at,
                                       .content = CONTENT_TORN });
          one_state (walk,
                     &(Choice) { .kind = "one name", .all = FALSE, .but = at, .content = CONTENT_NONE });
        }
    }
  for (guint i = 0; i < n_random; i++)
    one_state (walk, &(Choice) { .kind = "by chance",
                                 .all = FALSE,
                                 .but = G_MAXUINT,
                                 .content = CONTENT_NONE,
                                 .seed = g_rand_int (rand) | 1 });
}

/* Of pages that were not synced, some are there, with any part of the log; and one that was on its way. */
static void
page_states_here (Walk *walk, guint n_random, GRand *rand)
{
  guint last = 0;
  for (guint i = 0; i < N_ORDERS + n_random; i++)
    one_state (walk, &(Choice) { .kind = "some writes",
                                 .all = TRUE,
                                 .but = G_MAXUINT,
                                 .content = CONTENT_SOME,
                                 .order = g_rand_int (rand) });
  for (guint n = 0; n < walk->nodes->len; n++)
    {
      const CrashInode *inode = walk->nodes->pdata[n];
      for (guint i = 0; i < inode->pending->len; i++)
        if (has_pages (operation_at (g_array_index (inode->pending, guint, i))))
          last = g_array_index (inode->pending, guint, i) + 1;
    }
  if (last != 0)
    one_state (
        walk,
        &(Choice) {
            .kind = "a page torn", .all = TRUE, .but = G_MAXUINT, .content = CONTENT_ALL, .torn = last });
}

/* The state in which the record began. */
static CrashInode *
copy_inode (const CrashInode *first)
{
  CrashInode *inode = crashfs_inode_new (first->is_dir, first->name);
  GHashTableIter iter;
  gpointer name, value;
  g_byte_array_append (inode->content, first->content->data, first->content->len);
  g_hash_table_iter_init (&iter, first->names);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_hash_table_insert (inode->names, g_strdup (name), value);
  return inode;
}

void
crashfs_each (const char *path, guint n_random, guint32 seed, CrashFunc func, gpointer data)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func (crashfs_inode_free);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  for (guint i = 0; i < crashfs_operations->len; i++)
    operation_at (i)->is_durable = FALSE;
  for (guint i = 0; i < crashfs_inodes->len; i++)
    g_ptr_array_add (nodes, copy_inode (crashfs_inodes->pdata[i]));
  Walk walk = { .nodes = nodes,
                .seen = seen,
                .path = path,
                .func = func,
                .data = data,
                .state.mark = G_MAXUINT,
                .step = get_kill_step () };
  gboolean has_changed = FALSE;
  for (guint i = 0; i <= crashfs_operations->len && !walk.is_over; i++)
    {
      CrashOperation *operation = i < crashfs_operations->len ? operation_at (i) : NULL;
      walk.state.at = i;
      if (has_changed && walk.state.mark != G_MAXUINT
          && (operation == NULL || operation->kind == CRASHFS_SYNC || operation->kind == CRASHFS_MARK))
        {
          states_here (&walk, n_random, rand);
          if (page_suffix != NULL)
            page_states_here (&walk, n_random, rand);
          has_changed = FALSE;
        }
      if (operation == NULL)
        break;
      CrashInode *inode = nodes->pdata[operation->inode];
      if (operation->kind == CRASHFS_MARK)
        {
          walk.state.mark = (guint) operation->offset;
          has_changed = TRUE; /* what is asked of the same state is more now */
          g_hash_table_remove_all (seen);
        }
      else if (operation->kind == CRASHFS_SYNC)
        settle (nodes, inode);
      else
        {
          g_array_append_val (inode->pending, i);
          has_changed = TRUE;
        }
    }
}
