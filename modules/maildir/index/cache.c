/* SPDX-License-Identifier: MIT
 * Implements attributes of messages: a file of blobs with checksums that only grows. The index keeps their
 * offsets. Damage or loss costs a second computation, and is never an error.
 */
#include "config.h"

#include "index/cache.h"
#include "files/checksum.h"
#include "files/file_io.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "files/unique_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_MAGIC 0x42544153u /* "SATB" */
#define BLOB_MAX (4u << 20)
#define READ_BYTES (256u << 10)
#define GAP_BYTES 4096u

typedef struct CacheHead
{
  char magic[8];
  guint64 id;
  guint32 version, least_reader, reserved, crc;
} CacheHead;
typedef struct BlobHead
{
  guint32 magic, crc, len, uid; /* crc: of uid, len and the blob */
} BlobHead;

static guint32
checksum_blob (guint32 uid, const void *data, guint32 len)
{
  guint32 crc = md_crc32c (0, &uid, sizeof uid);
  crc = md_crc32c (crc, &len, sizeof len);
  return md_crc32c (crc, data, len);
}

void
md_cache_init (MdCache *cache)
{
  *cache = (MdCache) { .fd = -1 };
}

void
md_cache_close (MdCache *cache)
{
  md_fd_clear (&cache->fd);
}

static void
forget_offsets (MdMailbox *mb)
{
  g_mutex_lock (&mb->store->table);
  for (guint i = 0; i < mb->table.entries->len; i++)
    g_array_index (mb->table.entries, MdEntry, i).cache_off = 0;
  g_mutex_unlock (&mb->store->table);
}

/* Readers look at both under the lock of the table. */
static void
set_file (MdMailbox *mb, int fd, guint64 id)
{
  g_mutex_lock (&mb->store->table);
  mb->cache.fd = fd;
  mb->cache.id = id;
  g_mutex_unlock (&mb->store->table);
}

static gboolean
create_cache (MdMailbox *mb)
{
  MdCache *cache = &mb->cache;
  CacheHead head = { .magic = "SATCACHE", .version = 1, .least_reader = 1 };
  md_random (&head.id, sizeof head.id);
  head.crc = md_crc32c (0, &head, G_STRUCT_OFFSET (CacheHead, crc));
  forget_offsets (mb);
  set_file (mb, -1, 0);
  if (!md_replace_file (mb->fd, MD_CACHE_FILE, &head, sizeof head, FALSE, NULL))
    return FALSE;
  int fd = md_open_file (mb->fd, MD_CACHE_FILE, NULL);
  if (fd < 0)
    return FALSE;
  set_file (mb, fd, head.id);
  cache->size = sizeof head;
  cache->dead = 0;
  return TRUE;
}

gboolean
md_cache_open (MdMailbox *mb, gboolean create)
{
  MdCache *cache = &mb->cache;
  if (cache->fd >= 0)
    return TRUE;
  CacheHead head;
  struct stat st;
  g_auto (MdFd) fd = cache->id != 0 ? md_open_file (mb->fd, MD_CACHE_FILE, NULL) : -1;
  if (fd >= 0 && md_sys.fstat (fd, &st) == 0
      && md_sys.pread (fd, &head, sizeof head, 0) == (ssize_t) sizeof head
      && memcmp (head.magic, "SATCACHE", 8) == 0 && head.least_reader <= 1
      && head.crc == md_crc32c (0, &head, G_STRUCT_OFFSET (CacheHead, crc)) && head.id == cache->id)
    {
      set_file (mb, satchel_fd_steal (&fd), cache->id);
      cache->size = (guint64) st.st_size;
      return TRUE;
    }
  return create && create_cache (mb);
}

void
md_cache_put (MdMailbox *mb, const guint32 *uids, GBytes *const *blobs, guint n, guint64 *ret_offsets)
{
  MdCache *cache = &mb->cache;
  memset (ret_offsets, 0, n * sizeof *ret_offsets);
  if (!md_cache_open (mb, TRUE))
    return;
  gsize room = 0;
  for (guint i = 0; i < n; i++)
    room += blobs[i] != NULL ? sizeof (BlobHead) + MIN (g_bytes_get_size (blobs[i]), BLOB_MAX) : 0;
  g_autoptr (GByteArray) out = g_byte_array_sized_new ((guint) MIN (room, BLOB_MAX));
  for (guint i = 0; i < n; i++)
    {
      gsize len = 0;
      gconstpointer data = blobs[i] != NULL ? g_bytes_get_data (blobs[i], &len) : NULL;
      if (data == NULL || len == 0 || len > BLOB_MAX)
        continue;
      BlobHead head = { BLOB_MAGIC, checksum_blob (uids[i], data, (guint32) len), (guint32) len, uids[i] };
      ret_offsets[i] = cache->size + out->len;
      g_byte_array_append (out, (const guint8 *) &head, sizeof head);
      g_byte_array_append (out, data, (guint) len);
    }
  if (out->len == 0)
    return;
  if (md_pwrite_all (cache->fd, out->data, out->len, cache->size, "cache", NULL))
    cache->size += out->len;
  else
    memset (ret_offsets, 0, n * sizeof *ret_offsets);
}

static int
compare_offsets (const void *a, const void *b)
{
  const MdCacheRef *x = a, *y = b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

static GBytes *
check_blob (const guint8 *at, const MdCacheRef *ref)
{
  BlobHead head;
  memcpy (&head, at, sizeof head);
  if (head.magic != BLOB_MAGIC || head.len != ref->len || head.uid != ref->uid
      || head.crc != checksum_blob (ref->uid, at + sizeof head, ref->len))
    return NULL;
  return g_bytes_new (at + sizeof head, ref->len);
}

void
md_cache_get (int fd, MdCacheRef *refs, guint n, GBytes **ret)
{
  if (n == 0) /* @refs may be NULL if @n is 0, and qsort must not get NULL */
    return;
  qsort (refs, n, sizeof *refs, compare_offsets);
  g_autofree guint8 *buffer = NULL;
  gsize room = 0;
  for (guint first = 0; first < n;)
    {
      if (refs[first].len > BLOB_MAX)
        {
          first++;
          continue;
        }
      guint64 start = refs[first].offset, end = start + sizeof (BlobHead) + refs[first].len;
      guint last = first + 1;
      for (; last < n && refs[last].len <= BLOB_MAX && refs[last].offset <= end + GAP_BYTES; last++)
        {
          guint64 next_end = refs[last].offset + sizeof (BlobHead) + refs[last].len;
          if (next_end - start > READ_BYTES)
            break;
          end = MAX (end, next_end);
        }
      if (end - start > room)
        {
          room = MAX (end - start, READ_BYTES);
          g_free (buffer);
          buffer = g_malloc (room);
        }
      ssize_t got = md_sys.pread (fd, buffer, end - start, (off_t) start);
      for (guint i = first; i < last; i++)
        {
          guint64 at = refs[i].offset - start;
          if (got >= 0 && at + sizeof (BlobHead) + refs[i].len <= (guint64) got)
            ret[refs[i].slot] = check_blob (buffer + at, &refs[i]);
        }
      first = last;
    }
}

/* Returns how many bytes the file would have without what is dead. */
static guint64
count_live (const MdTable *table)
{
  guint64 n = sizeof (CacheHead);
  for (guint i = 0; i < table->entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (table->entries, MdEntry, i);
      if (entry->cache_off != 0 && (entry->bits & MD_ENTRY_DEAD) == 0)
        n += sizeof (BlobHead) + entry->cache_len;
    }
  return n;
}

gboolean
md_cache_compact (MdMailbox *mb, gboolean all)
{
  MdCache *cache = &mb->cache;
  MdTable *table = &mb->table;
  if (cache->fd < 0
      || (all ? cache->size <= count_live (table)
              : cache->dead < (1u << 20) || cache->dead < cache->size / 2))
    return FALSE;
  g_auto (MdFd) old_fd = cache->fd;
  g_autoptr (GArray) refs = g_array_new (FALSE, FALSE, sizeof (MdCacheRef));
  for (guint i = 0; i < table->entries->len; i++)
    {
      const MdEntry *entry = &g_array_index (table->entries, MdEntry, i);
      if (entry->cache_off == 0 || (entry->bits & MD_ENTRY_DEAD) != 0)
        continue;
      MdCacheRef ref = { entry->cache_off, entry->cache_len, entry->uid, i };
      g_array_append_val (refs, ref);
    }
  gboolean ok = create_cache (mb);
  for (guint at = 0; ok && at < refs->len; at += 256)
    {
      guint n = MIN (256, refs->len - at);
      g_autofree guint32 *uids = g_new (guint32, n);
      g_autofree guint64 *offsets = g_new (guint64, n);
      g_autofree guint *indexes = g_new (guint, n);
      GBytes *blobs[256] = { NULL };
      MdCacheRef *part = &g_array_index (refs, MdCacheRef, at);
      for (guint i = 0; i < n; i++)
        {
          uids[i] = part[i].uid;
          indexes[i] = part[i].slot;
          part[i].slot = i;
        }
      md_cache_get (old_fd, part, n, blobs); /* reads in the order of offsets */
      md_cache_put (mb, uids, blobs, n, offsets);
      g_mutex_lock (&mb->store->table);
      for (guint i = 0; i < n; i++)
        g_array_index (table->entries, MdEntry, indexes[i]).cache_off = offsets[i];
      g_mutex_unlock (&mb->store->table);
      for (guint i = 0; i < n; i++)
        g_clear_pointer (&blobs[i], g_bytes_unref);
    }
  return TRUE;
}
