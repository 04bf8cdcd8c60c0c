/* SPDX-License-Identifier: MIT
 * Implements blobs of modules. Each space has one file with a checksum, which is replaced whole and kept in
 * two generations, as the user's file is.
 */
#include "config.h"

#include "files/checksum.h"
#include "driver.h"
#include "files/file_io.h"
#include "names/folder_name.h"
#include "files/log_area.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <satchel/log.h>
#include <stdio.h>
#include <string.h>

#define HEAD_MAX 64u
/* Behind the head line each blob has this, its name and its value in the file. */
typedef struct BlobHead
{
  guint32 name_len, size;
} BlobHead;
#define FILE_MAX_BYTES                                                                                       \
  (HEAD_MAX + SATCHEL_BLOBS_BYTES + SATCHEL_BLOBS_MAX * (sizeof (BlobHead) + SATCHEL_BLOB_NAME))

static GHashTable *
new_blob_table (void)
{
  return g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
}

static gboolean
parse_blobs (const guint8 *at, const guint8 *end, GHashTable *blobs)
{
  while (at < end)
    {
      BlobHead head;
      if ((gsize) (end - at) < sizeof head)
        return FALSE;
      memcpy (&head, at, sizeof head);
      at += sizeof head;
      if (head.name_len == 0 || head.name_len > SATCHEL_BLOB_NAME || head.size > SATCHEL_BLOB_BYTES
          || (gsize) (end - at) < (gsize) head.name_len + head.size
          || memchr (at, '\0', head.name_len) != NULL || g_hash_table_size (blobs) == SATCHEL_BLOBS_MAX)
        return FALSE;
      g_hash_table_insert (blobs, g_strndup ((const char *) at, head.name_len),
                           g_bytes_new (at + head.name_len, head.size));
      at += head.name_len + head.size;
    }
  return TRUE;
}

/* Reads a file of blobs. It returns NULL with NONEXISTENT, CORRUPT or what else kept the file from being
 * read. */
static GHashTable *
load_blob_generation (MdStore *store, const char *file, GError **error)
{
  g_autoptr (GByteArray) data = md_read_file (store->user_fd, file, FILE_MAX_BYTES, error);
  if (data == NULL)
    return NULL;
  g_autoptr (GHashTable) blobs = new_blob_table ();
  const guint8 *line_end = data->len > 0 ? memchr (data->data, '\n', MIN (data->len, HEAD_MAX)) : NULL;
  if (line_end != NULL)
    {
      g_autofree char *line = g_strndup ((const char *) data->data, (gsize) (line_end - data->data));
      const guint8 *body = line_end + 1, *end = data->data + data->len;
      if (md_check_head (line, "satchel-blobs", body, (gsize) (end - body)) && parse_blobs (body, end, blobs))
        return g_steal_pointer (&blobs);
    }
  satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the file %s is damaged: its checksum does not match",
                     file);
  return NULL;
}

/* Returns the newest generation that is whole; an empty table if there is none at all. *@ret_is_newest is
 * FALSE if it is the older one. */
static GHashTable *
load_blobs (MdStore *store, const char *space, gboolean *ret_is_newest, GError **error)
{
  g_autofree char *file = g_strconcat (MD_BLOBS_FILE, space, NULL),
                  *previous = g_strconcat (file, ".old", NULL);
  g_autoptr (GError) first = NULL, second = NULL;
  GHashTable *blobs = load_blob_generation (store, file, &first);
  *ret_is_newest = blobs != NULL;
  if (blobs != NULL)
    return blobs;
  gboolean is_missing = g_error_matches (first, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  if (!is_missing && !g_error_matches (first, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT))
    {
      g_propagate_error (error, g_steal_pointer (&first));
      return NULL;
    }
  blobs = load_blob_generation (store, previous, &second);
  if (blobs != NULL && satchel_error_is_news (first))
    satchel_log (SATCHEL_LOG_WARNING, MD_AREA, "user=%s %s; its content from before the last change is used",
                 store->storage->identity->user, first->message);
  if (blobs != NULL)
    return blobs;
  if (is_missing && g_error_matches (second, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return new_blob_table ();
  g_propagate_error (error, is_missing ? g_steal_pointer (&second) : g_steal_pointer (&first));
  return NULL;
}

static GString *
format_blobs (GHashTable *blobs)
{
  g_autoptr (GString) body = g_string_new (NULL);
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, blobs);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      gsize size;
      const char *bytes = g_bytes_get_data (value, &size);
      BlobHead head = { (guint32) strlen (name), (guint32) size };
      g_string_append_len (body, (const char *) &head, sizeof head);
      g_string_append (body, name);
      g_string_append_len (body, bytes, (gssize) size);
    }
  GString *file = g_string_new (NULL);
  g_string_printf (file, "satchel-blobs 1 1 %08x\n", md_crc32c (0, body->str, body->len));
  g_string_append_len (file, body->str, (gssize) body->len);
  return file;
}

/* A failure may come before or after the rename, so what was there is put back if possible. @is_newest:
 * the newest generation was loaded and becomes the older one; otherwise the older one stays. */
static gboolean
save_blobs (MdStore *store, const char *space, GHashTable *blobs, gboolean is_newest, GError **error)
{
  g_autofree char *file = g_strconcat (MD_BLOBS_FILE, space, NULL),
                  *previous = g_strconcat (file, ".old", NULL);
  g_autoptr (GString) text = format_blobs (blobs);
  if (is_newest)
    md_sys.unlinkat (store->user_fd, previous, 0);
  gboolean had_file = is_newest && md_sys.linkat (store->user_fd, file, store->user_fd, previous, 0) == 0;
  if (md_replace_file (store->user_fd, file, text->str, text->len, TRUE, error))
    return TRUE;
  if (had_file)
    md_sys.renameat (store->user_fd, previous, store->user_fd, file);
  else if (!is_newest)
    md_sys.unlinkat (store->user_fd, file, 0);
  return FALSE;
}

GBytes *
md_get_blob (SatchelStorage *storage, const SatchelAccess *access, const char *space, const char *name,
             GError **error)
{
  MdStore *store = storage->self;
  gboolean is_newest;
  g_mutex_lock (&store->writer);
  g_autoptr (GHashTable) blobs = load_blobs (store, space, &is_newest, error);
  g_mutex_unlock (&store->writer);
  if (blobs == NULL)
    return NULL;
  GBytes *value = g_hash_table_lookup (blobs, name);
  if (value == NULL)
    satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "there is no such blob");
  return value != NULL ? g_bytes_ref (value) : NULL;
}

gboolean
md_list_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space, GPtrArray *names,
               GError **error)
{
  MdStore *store = storage->self;
  gboolean is_newest;
  g_mutex_lock (&store->writer);
  g_autoptr (GHashTable) blobs = load_blobs (store, space, &is_newest, error);
  g_mutex_unlock (&store->writer);
  if (blobs == NULL)
    return FALSE;
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, blobs);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, g_strdup (name));
  return TRUE;
}

static guint64
sum_blob_sizes (GHashTable *blobs)
{
  GHashTableIter iter;
  gpointer value;
  guint64 size = 0;
  g_hash_table_iter_init (&iter, blobs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    size += g_bytes_get_size (value);
  return size;
}

static gboolean
put_blobs_locked (MdStore *store, const char *space, const SatchelBlob *changes, guint n, GError **error)
{
  gboolean is_newest;
  g_autoptr (GHashTable) blobs = load_blobs (store, space, &is_newest, error);
  if (blobs == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (changes[i].value != NULL)
      g_hash_table_insert (blobs, g_strdup (changes[i].name), g_bytes_ref (changes[i].value));
    else
      g_hash_table_remove (blobs, changes[i].name);
  if (g_hash_table_size (blobs) > SATCHEL_BLOBS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "a module may keep at most %u blobs for a user",
                              SATCHEL_BLOBS_MAX);
  if (sum_blob_sizes (blobs) > SATCHEL_BLOBS_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "the blobs that a module keeps for a user may have at most %u bytes together",
                              SATCHEL_BLOBS_BYTES);
  return save_blobs (store, space, blobs, is_newest, error);
}

gboolean
md_put_blobs (SatchelStorage *storage, const SatchelAccess *access, const char *space,
              const SatchelBlob *changes, guint n, GError **error)
{
  MdStore *store = storage->self;
  g_mutex_lock (&store->writer);
  gboolean ok = put_blobs_locked (store, space, changes, n, error);
  g_mutex_unlock (&store->writer);
  return ok;
}

/* Both generations of a space, and files of other purposes, are in the directory. */
static void
add_space (const char *file, gsize len, guint8 type, gpointer data)
{
  if (!g_str_has_prefix (file, MD_BLOBS_FILE))
    return;
  g_autofree char *space = g_strdup (file + strlen (MD_BLOBS_FILE));
  if (g_str_has_suffix (space, ".old"))
    space[strlen (space) - strlen (".old")] = '\0';
  if (*space != '\0' && strchr (space, '.') == NULL
      && !g_ptr_array_find_with_equal_func (data, space, g_str_equal, NULL))
    g_ptr_array_add (data, g_steal_pointer (&space));
}

gboolean
md_list_spaces (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *spaces, GError **error)
{
  const MdStore *store = storage->self;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  if (!md_read_dir (store->user_fd, add_space, found, error))
    return FALSE;
  for (guint i = 0; i < found->len; i++)
    {
      /* A space that cannot be read has blobs as far as anybody knows. */
      g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
      if (!md_list_blobs (storage, access, found->pdata[i], names, NULL) || names->len > 0)
        g_ptr_array_add (spaces, g_strdup (found->pdata[i]));
    }
  return TRUE;
}
