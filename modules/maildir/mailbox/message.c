/* SPDX-License-Identifier: MIT
 * Reads messages: content, email id and attributes. Any thread may call these, also during a commit.
 */
#include "config.h"

#include "files/access_error.h"
#include "index/cache.h"
#include "driver.h"
#include "names/file_name.h"
#include "index/index.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "mailbox/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/hash.h>
#include <string.h>

/* Content of up to this size is read and converted at once, and lives as long as its stream. */
#define SMALL_BYTES (128u << 10)

typedef struct Place
{
  char name[256];
  guint base_len;
  int fd;
  gboolean is_scanned; /* the size was counted, not taken from the name */
} Place;

static gboolean
find_file (MdMailbox *mb, guint32 uid, Place *ret)
{
  g_mutex_lock (&mb->store->table);
  const MdEntry *entry = md_table_find (&mb->table, uid);
  if (entry != NULL)
    {
      memcpy (ret->name, md_table_name (&mb->table, entry), entry->name_len + 1u);
      ret->base_len = entry->base_len;
      ret->is_scanned = entry->cache_off != 0;
      ret->fd = (entry->bits & MD_ENTRY_NEW) != 0 ? mb->new_fd : mb->cur_fd;
    }
  g_mutex_unlock (&mb->store->table);
  return entry != NULL;
}

/* O_NONBLOCK and the check, because a FIFO may have the name now. -1 with errno. */
static int
open_regular (int dirfd, const char *name, struct stat *st)
{
  g_auto (MdFd) fd = md_sys.openat (dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0)
    return -1;
  if (md_sys.fstat (fd, st) == 0 && S_ISREG (st->st_mode))
    return satchel_fd_steal (&fd);
  errno = EINVAL;
  return -1;
}

static int
open_message_file (MdMailbox *mb, guint32 uid, Place *place, struct stat *st, GError **error)
{
  for (int attempt = 0; attempt < 4; attempt++)
    {
      if (!find_file (mb, uid, place))
        break;
      int fd = open_regular (place->fd, place->name, st);
      if (fd >= 0)
        return fd;
      if (errno != ENOENT)
        {
          md_error_at (error, errno, place->fd, place->name, MD_ACCESS_READ, "message");
          return -1;
        }
      /* The file was renamed, by a commit that is at work, for which this waits, or by another program. */
      g_mutex_lock (&mb->store->writer);
      Place now;
      gboolean same = find_file (mb, uid, &now) && strcmp (now.name, place->name) == 0 && now.fd == place->fd;
      gboolean ok = !same || mb->is_deleted || md_sync (mb, TRUE, error);
      g_mutex_unlock (&mb->store->writer);
      if (same && mb->handle != NULL)
        satchel_storage_mailbox_changed_outside (mb->handle);
      if (!ok)
        return -1;
    }
  satchel_error_set (error, SATCHEL_ERROR_GONE, "message %u is gone", uid);
  return -1;
}

static GBytes *
convert_to_crlf (const guint8 *data, gsize len)
{
  const guint8 *end = data + len;
  gsize room = len + len / 16 + 64; /* this is enough if lines have 16 bytes or more */
  guint8 *out = g_malloc (room);
  gsize at = 0;
  for (const guint8 *p = data; p < end;)
    {
      const guint8 *lf = memchr (p, '\n', (gsize) (end - p));
      const guint8 *stop = lf != NULL ? lf : end;
      if (room - at < (gsize) (stop - p) + 2)
        {
          /* this is enough for the rest, even if each byte is a line end */
          room = at + 2 * (gsize) (end - p) + 2;
          out = g_realloc (out, room);
        }
      memcpy (out + at, p, (gsize) (stop - p));
      at += (gsize) (stop - p);
      if (lf == NULL)
        break;
      if (lf == data || lf[-1] != '\r')
        out[at++] = '\r';
      out[at++] = '\n';
      p = lf + 1;
    }
  return g_bytes_new_take (out, at);
}

/* Reads a whole file of @size bytes; @to_crlf makes CRLF of each LF. */
static GBytes *
read_small_file (int fd, gsize size, gboolean to_crlf, gboolean only_cached, GError **error)
{
  g_autofree guint8 *data = g_malloc (size + 1);
  gsize len = 0;
  while (len < size)
    {
      ssize_t n = only_cached ? md_sys.pread_cached (fd, data + len, size - len, (off_t) len)
                              : md_sys.pread (fd, data + len, size - len, (off_t) len);
      if (n < 0)
        {
          satchel_error_set_errno (error, errno, "a message file cannot be read");
          return NULL;
        }
      if (n == 0)
        break;
      len += (gsize) n;
    }
  return to_crlf ? convert_to_crlf (data, len) : g_bytes_new_take (g_steal_pointer (&data), len);
}

SatchelStream *
md_peek_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 uid)
{
  Place place;
  struct stat st;
  MdName name;
  if (!find_file (mailbox->driver, uid, &place))
    return NULL;
  g_auto (MdFd) fd =
      md_sys.openat_cached (place.fd, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return NULL;
  md_name_parse (place.name, strlen (place.name), &name);
  g_autoptr (GBytes) bytes = NULL;
  if (md_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && (guint64) st.st_size <= SMALL_BYTES)
    bytes = read_small_file (fd, (gsize) st.st_size, !name.is_raw, TRUE, NULL);
  return bytes != NULL ? satchel_stream_new_bytes (bytes) : NULL;
}

static guint64
get_counted_size (SatchelStorageMailbox *mailbox, guint32 uid)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  SatchelMessageRow row;
  return md_find_row (snapshot, uid, &row) ? row.size : SATCHEL_SIZE_UNKNOWN;
}

SatchelStream *
md_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 uid, GError **error)
{
  MdMailbox *mb = mailbox->driver;
  Place place;
  struct stat st;
  g_auto (MdFd) fd = open_message_file (mb, uid, &place, &st, error);
  if (fd < 0)
    return NULL;
  MdName name;
  md_name_parse (place.name, strlen (place.name), &name);
  if ((guint64) st.st_size <= SMALL_BYTES)
    {
      g_autoptr (GBytes) bytes = read_small_file (fd, (gsize) st.st_size, !name.is_raw, FALSE, error);
      return bytes != NULL ? satchel_stream_new_bytes (bytes) : NULL;
    }
  SatchelStream *content = satchel_stream_new_fd (satchel_fd_steal (&fd), 0);
  if (name.is_raw)
    return content;
  /* A size in the name is believed only where it was counted; other programs may write anything there. */
  gint64 length = -1;
  if (place.is_scanned && name.has_uid && name.has_wire && name.size == (guint64) st.st_size
      && name.wire == get_counted_size (mailbox, uid))
    length = (gint64) (name.has_length ? name.length : name.wire);
  SatchelStream *view = satchel_stream_new_crlf (content, length);
  satchel_stream_unref (content);
  return view;
}

gboolean
md_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
             guint32 uid, guint8 ret_id[16], GError **error)
{
  Place place;
  if (!find_file (mailbox->driver, uid, &place))
    return satchel_error_set (error, SATCHEL_ERROR_GONE, "message %u is gone", uid);
  md_name_email_id (place.name, place.base_len, ret_id);
  return TRUE;
}

gboolean
md_get_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes, GError **error)
{
  MdMailbox *mb = mailbox->driver;
  MdStore *store = mb->store;
  g_autofree MdCacheRef *refs = g_new (MdCacheRef, n);
  guint n_refs = 0;
  memset (ret, 0, n * sizeof *ret);
  g_mutex_lock (&store->table);
  gboolean is_closed = mb->cache.fd < 0 && mb->cache.id != 0;
  g_mutex_unlock (&store->table);
  if (is_closed)
    {
      g_mutex_lock (&store->writer);
      md_cache_open (mb, FALSE);
      g_mutex_unlock (&store->writer);
    }
  g_mutex_lock (&store->table);
  /* A descriptor of its own, since a compaction may close the other one meanwhile. */
  g_auto (MdFd) fd = mb->cache.fd >= 0 ? fcntl (mb->cache.fd, F_DUPFD_CLOEXEC, 3) : -1;
  for (guint i = 0; fd >= 0 && i < n; i++)
    {
      const MdEntry *entry = md_table_find (&mb->table, uids[i]);
      if (entry != NULL && entry->cache_off != 0)
        refs[n_refs++] = (MdCacheRef) { entry->cache_off, entry->cache_len, uids[i], i };
    }
  g_mutex_unlock (&store->table);
  if (fd >= 0)
    md_cache_get (fd, refs, n_refs, ret);
  return TRUE;
}

static gboolean
fill_sizes (MdMailbox *mb, const guint32 *uids, guint n, const guint64 *sizes)
{
  SatchelSnapshotBuilder *builder = NULL;
  for (guint i = 0; sizes != NULL && i < n; i++)
    {
      guint32 index;
      guint at;
      if (sizes[i] == SATCHEL_SIZE_UNKNOWN || !satchel_snapshot_find (mb->snapshot, uids[i], &index))
        continue;
      const SatchelChunk *chunk = satchel_snapshot_at (mb->snapshot, index, &at);
      if (chunk->size[at] == sizes[i])
        continue;
      if (builder == NULL)
        builder = satchel_snapshot_builder_new (mb->snapshot);
      SatchelMessageRow row;
      satchel_snapshot_builder_get (builder, index, &row);
      row.size = sizes[i];
      satchel_snapshot_builder_set (builder, index, &row);
    }
  if (builder == NULL)
    return FALSE;
  SatchelMailboxState state;
  md_mailbox_state (mb, mb->snapshot->state.highestmodseq, &state);
  md_mailbox_take_snapshot (mb, satchel_snapshot_builder_finish (builder, &state));
  return TRUE;
}

gboolean
md_put_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const guint32 *uids, guint n, GBytes *const *attributes, const guint64 *sizes,
                   GError **error)
{
  MdMailbox *mb = mailbox->driver;
  MdStore *store = mb->store;
  g_autofree guint64 *offsets = g_new0 (guint64, n);
  g_mutex_lock (&store->writer);
  if (mb->is_deleted)
    {
      g_mutex_unlock (&store->writer);
      return TRUE;
    }
  md_cache_put (mb, uids, attributes, n, offsets);
  gboolean resized = fill_sizes (mb, uids, n, sizes);
  for (guint i = 0; i < n; i++)
    {
      guint32 index;
      guint at;
      g_mutex_lock (&store->table);
      MdEntry *entry = md_table_find (&mb->table, uids[i]);
      if (entry != NULL && offsets[i] != 0)
        {
          mb->cache.dead += entry->cache_off != 0 ? entry->cache_len : 0;
          entry->cache_off = offsets[i];
          entry->cache_len = (guint32) g_bytes_get_size (attributes[i]);
        }
      g_mutex_unlock (&store->table);
      if (entry == NULL || !satchel_snapshot_find (mb->snapshot, uids[i], &index))
        continue;
      const SatchelChunk *chunk = satchel_snapshot_at (mb->snapshot, index, &at);
      SatchelMessageRow row;
      satchel_chunk_get_row (chunk, at, &row);
      md_index_row (mb, &row, entry);
    }
  md_index_flush (mb, FALSE, NULL);
  if (resized)
    md_mailbox_publish (mb);
  g_mutex_unlock (&store->writer);
  return TRUE;
}
