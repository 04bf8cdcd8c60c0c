/* SPDX-License-Identifier: MIT
 * The private index of a mailbox: a log of checksummed frames, the first ones a checkpoint.  Written
 * behind, without a sync, except for what file names cannot hold.  Decision 0002 tells why and what its loss costs.
 */
#include "config.h"

#include "maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FRAME_MAGIC 0x4d524653u   /* "SFRM" */
#define TRAILER_MAGIC 0x454e4453u /* "SDNE" */
#define INDEX_VERSION 1u
#define FRAME_BYTES (1u << 20)
#define FRAME_MAX (16u << 20)

typedef struct FrameHead
{
  guint32 magic, version, len, crc; /* of the payload */
} FrameHead;
typedef struct FrameTail
{
  MdSummary summary;
  guint32 magic, version, checkpoint, payload_crc, reserved, crc; /* of all before it */
} FrameTail;

static void
put (GByteArray *out, const void *data, gsize len)
{
  g_byte_array_append (out, data, (guint) len);
}

/* Fixed part of a row item, as in memory: the file never leaves the machine's byte order. */
typedef struct RowItem
{
  guint32 uid, flags;
  guint64 modseq, keywords, size, cache_off;
  gint64 internal_date, save_date;
  guint32 cache_len;
  guint8 bits, base_len, name_len, reserved;
} RowItem;

static void
put_row (GByteArray *out, const SatchelMessageRow *row, const MdEntry *entry, const char *name)
{
  RowItem item = { .uid = row->uid,
                   .flags = row->flags,
                   .modseq = row->modseq,
                   .keywords = row->keywords,
                   .size = row->size,
                   .cache_off = entry->cache_off,
                   .internal_date = row->internal_date,
                   .save_date = row->save_date,
                   .cache_len = entry->cache_len,
                   .bits = entry->bits,
                   .base_len = entry->base_len,
                   .name_len = entry->name_len };
  put (out, "R", 1);
  put (out, &item, sizeof item);
  put (out, name, entry->name_len);
}

void
md_index_init (MdIndex *index)
{
  *index = (MdIndex){ .fd = -1, .pending = g_byte_array_new () };
}

void
md_index_row (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry)
{
  put_row (mb->index.pending, row, entry, md_table_name (&mb->table, entry));
}

static void
put_tombstone (GByteArray *out, guint32 first, guint32 last, guint64 modseq)
{
  put (out, "X", 1);
  put (out, &first, 4);
  put (out, &last, 4);
  put (out, &modseq, 8);
}

void
md_index_expunged (MdMailbox *mb, guint32 uid, guint64 modseq)
{
  put_tombstone (mb->index.pending, uid, uid, modseq);
}

static void
put_keyword (GByteArray *out, const MdKeywords *keywords, guint bit)
{
  guint8 head[3] = { (guint8) bit, (guint8) keywords->letter[bit], (guint8) strlen (keywords->names[bit]) };
  put (out, "K", 1);
  put (out, head, 3);
  put (out, keywords->names[bit], head[2]);
}

void
md_index_keyword (MdMailbox *mb, guint bit)
{
  put_keyword (mb->index.pending, &mb->keywords, bit);
}

static void
put_metadata (GByteArray *out, guint32 uid, const char *key, GBytes *value)
{
  guint8 key_len = (guint8) strlen (key);
  gsize len = 0;
  gconstpointer data = value != NULL ? g_bytes_get_data (value, &len) : NULL;
  guint16 value_len = value != NULL ? (guint16) len : G_MAXUINT16;
  put (out, "M", 1);
  put (out, &uid, 4);
  put (out, &key_len, 1);
  put (out, &value_len, 2);
  put (out, key, key_len);
  if (len > 0)
    put (out, data, len);
}

void
md_index_metadata (MdMailbox *mb, guint32 uid, const char *key, GBytes *value)
{
  put_metadata (mb->index.pending, uid, key, value);
}

static void
fill_summary (MdMailbox *mb, MdSummary *summary)
{
  memset (summary, 0, sizeof *summary);
  memcpy (summary->boot_id, md_boot_id (), 16);
  summary->uidvalidity = mb->uidvalidity;
  summary->uidnext = mb->uidnext;
  summary->first_recent = mb->first_recent;
  summary->history_start = mb->history_start;
  summary->cache_id = mb->cache.id;
  summary->new_stamp = mb->new_stamp;
  summary->cur_stamp = mb->cur_stamp;
  summary->is_suspect = mb->suspect_due_ms != 0;
  if (mb->snapshot != NULL)
    {
      const SatchelMailboxState *state = &mb->snapshot->state;
      summary->n_messages = state->n_messages;
      summary->n_unseen = state->n_unseen;
      summary->n_deleted = state->n_deleted;
      summary->highestmodseq = state->highestmodseq;
      summary->size_bytes = state->size_bytes;
    }
}

static gboolean
tail_is_good (const FrameTail *tail)
{
  return tail->magic == TRAILER_MAGIC && tail->version == INDEX_VERSION
         && tail->crc == md_crc32c (0, tail, G_STRUCT_OFFSET (FrameTail, crc));
}

/* One frame in @out: head, payload, tail. */
static void
put_frame (GByteArray *out, const guint8 *payload, guint len, const MdSummary *summary, gboolean checkpoint)
{
  FrameHead head = { FRAME_MAGIC, INDEX_VERSION, len, md_crc32c (0, payload, len) };
  FrameTail tail = { .summary = *summary, .magic = TRAILER_MAGIC, .version = INDEX_VERSION, .checkpoint = checkpoint,
                    .payload_crc = head.crc };
  tail.crc = md_crc32c (0, &tail, G_STRUCT_OFFSET (FrameTail, crc));
  put (out, &head, sizeof head);
  put (out, payload, len);
  put (out, &tail, sizeof tail);
}

/* The file no longer says what is true: better none than a wrong one. */
void
md_index_discard (MdMailbox *mb)
{
  if (mb->index.fd >= 0)
    md_sys.close (mb->index.fd);
  mb->index.fd = -1;
  mb->index.size = 0;
  md_sys.unlinkat (mb->fd, MD_INDEX_FILE, 0);
  g_byte_array_set_size (mb->index.pending, 0);
  mb->index.is_broken = TRUE;
}

/* A checkpoint on its way to a new file, in frames that a reader can hold. */
typedef struct Checkpoint
{
  MdSummary summary;
  GByteArray *payload, *frame;
  int fd;
  guint64 size;
  gboolean ok;
} Checkpoint;

static void
cut_frame (Checkpoint *checkpoint, guint at_least)
{
  GByteArray *payload = checkpoint->payload;
  if (payload->len < at_least)
    return;
  g_byte_array_set_size (checkpoint->frame, 0);
  put_frame (checkpoint->frame, payload->data, payload->len, &checkpoint->summary, TRUE);
  checkpoint->ok = checkpoint->ok && md_write_all (checkpoint->fd, checkpoint->frame->data, checkpoint->frame->len, NULL);
  checkpoint->size += checkpoint->frame->len;
  g_byte_array_set_size (payload, 0);
}

/* Snapshot and table are both in order of UIDs. */
static void
checkpoint_rows (MdMailbox *mb, Checkpoint *checkpoint)
{
  const SatchelSnapshot *snapshot = mb->snapshot;
  const MdEntry *entry = (const MdEntry *) (void *) mb->table.entries->data;
  const MdEntry *end = entry + mb->table.entries->len;
  for (guint c = 0; snapshot != NULL && c < snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      for (guint i = 0; i < chunk->n; i++)
        {
          while (entry < end && (entry->uid < chunk->uid[i] || (entry->bits & MD_ENTRY_DEAD) != 0))
            entry++;
          if (entry == end || entry->uid != chunk->uid[i])
            continue;
          SatchelMessageRow row = { chunk->uid[i],           chunk->flags[i],        chunk->modseq[i],
                                    chunk->keywords[i],      chunk->size[i],         chunk->internal_date[i],
                                    chunk->save_date[i] };
          put_row (checkpoint->payload, &row, entry, md_table_name (&mb->table, entry));
          cut_frame (checkpoint, FRAME_BYTES);
        }
    }
}

static void
checkpoint_rest (MdMailbox *mb, Checkpoint *checkpoint)
{
  for (guint i = 0; i < mb->tombstones->len; i++)
    {
      const MdTombstone *t = &g_array_index (mb->tombstones, MdTombstone, i);
      put_tombstone (checkpoint->payload, t->first, t->last, t->modseq);
    }
  if (mb->metadata == NULL)
    return;
  GHashTableIter messages, keys;
  gpointer uid, table, key, value;
  g_hash_table_iter_init (&messages, mb->metadata);
  while (g_hash_table_iter_next (&messages, &uid, &table))
    {
      g_hash_table_iter_init (&keys, table);
      while (g_hash_table_iter_next (&keys, &key, &value))
        put_metadata (checkpoint->payload, GPOINTER_TO_UINT (uid), key, value);
      cut_frame (checkpoint, FRAME_BYTES);
    }
}

static gboolean
write_checkpoint (MdMailbox *mb, Checkpoint *checkpoint, gboolean durable)
{
  md_sys.unlinkat (mb->fd, MD_INDEX_FILE ".new", 0);
  checkpoint->fd = md_sys.openat (mb->fd, MD_INDEX_FILE ".new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (checkpoint->fd < 0)
    return FALSE;
  fill_summary (mb, &checkpoint->summary);
  checkpoint->ok = TRUE;
  checkpoint->payload = g_byte_array_sized_new (FRAME_BYTES + 4096);
  checkpoint->frame = g_byte_array_new ();
  for (guint bit = 0; bit < mb->keywords.n; bit++)
    put_keyword (checkpoint->payload, &mb->keywords, bit);
  checkpoint_rows (mb, checkpoint);
  checkpoint_rest (mb, checkpoint);
  cut_frame (checkpoint, 0);
  g_byte_array_unref (checkpoint->payload);
  g_byte_array_unref (checkpoint->frame);
  gboolean ok = checkpoint->ok && (!durable || md_fsync (checkpoint->fd, "index", NULL))
                && md_sys.renameat (mb->fd, MD_INDEX_FILE ".new", mb->fd, MD_INDEX_FILE) == 0;
  if (!ok)
    {
      md_sys.close (checkpoint->fd);
      md_sys.unlinkat (mb->fd, MD_INDEX_FILE ".new", 0);
    }
  return ok;
}

void
md_index_checkpoint (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  gboolean durable = index->needs_sync;
  Checkpoint checkpoint = { .fd = -1 };
  /* If it fails, the old file with its frames goes on as long as it takes them. */
  if (!write_checkpoint (mb, &checkpoint, durable))
    return;
  if (index->fd >= 0)
    md_sys.close (index->fd);
  index->fd = checkpoint.fd;
  index->size = index->checkpoint_size = checkpoint.size;
  index->is_broken = FALSE;
  g_byte_array_set_size (index->pending, 0);
  /* A name that is not durable does not keep what is behind it. */
  index->needs_sync = durable && md_sys.fsync (mb->fd) != 0;
}

static gboolean
append_frame (MdMailbox *mb, gboolean clean, GError **error)
{
  MdIndex *index = &mb->index;
  MdSummary summary;
  fill_summary (mb, &summary);
  summary.is_clean = clean;
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  put_frame (frame, index->pending->data, index->pending->len, &summary, FALSE);
  if (!md_pwrite_all (index->fd, frame->data, frame->len, index->size, error))
    return FALSE;
  index->size += frame->len;
  g_byte_array_set_size (index->pending, 0);
  return TRUE;
}

gboolean
md_index_flush (MdMailbox *mb, gboolean durable, GError **error)
{
  MdIndex *index = &mb->index;
  gboolean must_sync = durable && index->needs_sync;
  if (index->fd < 0 && !index->is_broken)
    {
      index->fd = md_open_file (mb->fd, MD_INDEX_FILE, NULL);
      index->is_broken = index->fd < 0;
    }
  gboolean wants_checkpoint
      = index->is_broken || index->size + index->pending->len > 2 * index->checkpoint_size + 256 * 1024
        || index->pending->len > FRAME_MAX / 2;
  if (wants_checkpoint)
    md_index_checkpoint (mb);
  if (index->is_broken)
    {
      md_index_discard (mb);
      return !must_sync || satchel_error_set (error, SATCHEL_ERROR_OVERQUOTA, "index cannot be written");
    }
  if (wants_checkpoint && index->pending->len == 0 && !(durable && index->needs_sync))
    return TRUE;
  g_autoptr (GError) local = NULL;
  if (!append_frame (mb, FALSE, &local))
    {
      md_index_discard (mb);
      if (must_sync)
        g_propagate_error (error, g_steal_pointer (&local));
      return !must_sync;
    }
  if (!must_sync)
    return TRUE;
  if (md_sys.fdatasync (index->fd) != 0)
    {
      gboolean result = satchel_error_set_errno (error, errno, "index: fdatasync");
      md_index_discard (mb);
      return result;
    }
  index->needs_sync = FALSE;
  return TRUE;
}

void
md_index_close (MdMailbox *mb, gboolean clean)
{
  MdIndex *index = &mb->index;
  if (index->fd >= 0)
    {
      if (clean && append_frame (mb, TRUE, NULL))
        md_sys.fdatasync (index->fd);
      md_sys.close (index->fd);
    }
  index->fd = -1;
  g_clear_pointer (&index->pending, g_byte_array_unref);
}

gboolean
md_index_peek (int dirfd, MdSummary *ret)
{
  int fd = md_sys.openat (dirfd, MD_INDEX_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;
  struct stat st;
  FrameTail tail;
  FrameHead head = { 0 };
  gboolean ok = md_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode)
                && (guint64) st.st_size >= sizeof head + sizeof tail
                && md_sys.pread (fd, &tail, sizeof tail, st.st_size - (off_t) sizeof tail) == (ssize_t) sizeof tail
                && tail_is_good (&tail);
  md_sys.close (fd);
  if (ok)
    *ret = tail.summary;
  return ok && memcmp (ret->boot_id, md_boot_id (), 16) == 0;
}

/* ---------------------------------------------------------------- loading */

typedef struct Loader
{
  MdMailbox *mb;
  GArray *rows; /* SatchelMessageRow, parallel to the table's entries */
  const guint8 *at, *end;
} Loader;

static const void *
take (Loader *loader, gsize len)
{
  if ((gsize) (loader->end - loader->at) < len)
    return NULL;
  const void *p = loader->at;
  loader->at += len;
  return p;
}

static gboolean
load_row (Loader *loader)
{
  RowItem item;
  const void *p = take (loader, sizeof item);
  if (p == NULL)
    return FALSE;
  memcpy (&item, p, sizeof item);
  const char *bytes = take (loader, item.name_len);
  if (bytes == NULL || item.uid == 0 || item.uid > MD_UID_MAX || item.name_len == 0
      || item.base_len > item.name_len || memchr (bytes, '\0', item.name_len) != NULL
      || memchr (bytes, '/', item.name_len) != NULL)
    return FALSE;
  char name[256];
  memcpy (name, bytes, item.name_len);
  name[item.name_len] = '\0';
  MdTable *table = &loader->mb->table;
  SatchelMessageRow row = { item.uid,  item.flags,         item.modseq,   item.keywords,
                            item.size, item.internal_date, item.save_date };
  MdEntry *entry = md_table_find (table, item.uid);
  guint8 bits = item.bits & (MD_ENTRY_NEW | MD_ENTRY_OURS);
  if (entry == NULL)
    {
      guint n = table->entries->len;
      if (n > 0 && g_array_index (table->entries, MdEntry, n - 1).uid >= item.uid)
        return FALSE;
      entry = md_table_add (table, item.uid, bits, name, item.base_len);
      g_array_append_val (loader->rows, row);
    }
  else
    {
      if (strcmp (md_table_name (table, entry), name) != 0 || entry->bits != bits)
        md_table_rename (table, entry, bits, name, item.base_len);
      g_array_index (loader->rows, SatchelMessageRow, entry - (MdEntry *) (void *) table->entries->data) = row;
    }
  entry->cache_off = item.cache_off;
  entry->cache_len = item.cache_len;
  return TRUE;
}

static gboolean
load_tombstone (Loader *loader)
{
  guint32 uids[2];
  guint64 modseq;
  const guint8 *p = take (loader, 16);
  if (p == NULL)
    return FALSE;
  memcpy (uids, p, 8);
  memcpy (&modseq, p + 8, 8);
  if (uids[0] > uids[1])
    return FALSE;
  MdTombstone tombstone = { uids[0], uids[1], modseq };
  g_array_append_val (loader->mb->tombstones, tombstone);
  MdTable *table = &loader->mb->table;
  MdEntry *entry = uids[0] == uids[1] ? md_table_find (table, uids[0]) : NULL;
  if (entry != NULL)
    {
      entry->bits |= MD_ENTRY_DEAD;
      table->n_dead++;
    }
  return TRUE;
}

static gboolean
load_keyword (Loader *loader)
{
  const guint8 *head = take (loader, 3);
  const char *bytes = head != NULL ? take (loader, head[2]) : NULL;
  MdKeywords *keywords = &loader->mb->keywords;
  if (bytes == NULL)
    return FALSE;
  g_autofree char *name = g_strndup (bytes, head[2]);
  int letter = (gint8) head[1];
  if (head[0] != keywords->n || keywords->n == SATCHEL_KEYWORDS_MAX || letter >= (int) MD_LETTERS
      || !md_keywords_is_valid (name) || md_keywords_find (keywords, name) >= 0
      || (letter >= 0 && keywords->bit_of_letter[letter] >= 0))
    return FALSE;
  return md_keywords_add_without_letter (keywords, name, letter < 0 ? -1 : letter) >= 0;
}

static gboolean
load_metadata (Loader *loader)
{
  const guint8 *head = take (loader, 7);
  if (head == NULL)
    return FALSE;
  guint32 uid;
  guint16 len;
  memcpy (&uid, head, 4);
  memcpy (&len, head + 5, 2);
  guint8 key_len = head[4];
  const char *key_bytes = take (loader, key_len);
  const void *value = key_bytes != NULL && len != G_MAXUINT16 ? take (loader, len) : NULL;
  if (key_bytes == NULL || (len != G_MAXUINT16 && value == NULL))
    return FALSE;
  g_autofree char *key = g_strndup (key_bytes, key_len);
  g_autoptr (GBytes) bytes = len != G_MAXUINT16 ? g_bytes_new (value, len) : NULL;
  md_metadata_set (loader->mb, uid, key, bytes);
  return TRUE;
}

static gboolean
load_items (Loader *loader)
{
  while (loader->at < loader->end)
    {
      gboolean ok;
      switch (*loader->at++)
        {
        case 'R':
          ok = load_row (loader);
          break;
        case 'X':
          ok = load_tombstone (loader);
          break;
        case 'K':
          ok = load_keyword (loader);
          break;
        case 'M':
          ok = load_metadata (loader);
          break;
        default:
          ok = FALSE;
        }
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_exactly (int fd, void *buffer, gsize len, guint64 offset)
{
  for (gsize at = 0; at < len;)
    {
      ssize_t n = md_sys.pread (fd, (guint8 *) buffer + at, len - at, (off_t) (offset + at));
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      at += (gsize) n;
    }
  return TRUE;
}

/* TRUE: a good frame; its items are in, its summary in @summary. */
static gboolean
load_frame (Loader *loader, guint64 size, GByteArray *buffer, MdSummary *summary, gboolean *is_checkpoint)
{
  MdIndex *index = &loader->mb->index;
  FrameHead head;
  FrameTail tail;
  if (index->size + sizeof head + sizeof tail > size || !read_exactly (index->fd, &head, sizeof head, index->size))
    return FALSE;
  if (head.magic != FRAME_MAGIC || head.version != INDEX_VERSION || head.len > FRAME_MAX
      || index->size + sizeof head + head.len + sizeof tail > size)
    return FALSE;
  g_byte_array_set_size (buffer, (guint) (head.len + sizeof tail));
  if (!read_exactly (index->fd, buffer->data, buffer->len, index->size + sizeof head)
      || md_crc32c (0, buffer->data, head.len) != head.crc)
    return FALSE;
  memcpy (&tail, buffer->data + head.len, sizeof tail);
  if (!tail_is_good (&tail) || tail.payload_crc != head.crc)
    return FALSE;
  loader->at = buffer->data;
  loader->end = buffer->data + head.len;
  if (!load_items (loader))
    return FALSE;
  index->size += sizeof head + head.len + sizeof tail;
  *summary = tail.summary;
  *is_checkpoint = tail.checkpoint != 0;
  return TRUE;
}

static SatchelSnapshot *
build_snapshot (Loader *loader, const MdSummary *summary)
{
  MdMailbox *mb = loader->mb;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  for (guint i = 0; i < mb->keywords.n; i++)
    satchel_snapshot_builder_keyword (builder, mb->keywords.names[i]);
  guint64 known = mb->keywords.n == 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT (1) << mb->keywords.n) - 1;
  for (guint i = 0; i < loader->rows->len; i++)
    {
      SatchelMessageRow *row = &g_array_index (loader->rows, SatchelMessageRow, i);
      row->keywords &= known;
      if ((g_array_index (mb->table.entries, MdEntry, i).bits & MD_ENTRY_DEAD) == 0)
        satchel_snapshot_builder_append (builder, row);
    }
  mb->uidnext = summary->uidnext;
  mb->first_recent = summary->first_recent;
  mb->history_start = summary->history_start;
  SatchelMailboxState state;
  md_mailbox_state (mb, summary->highestmodseq, &state);
  return satchel_snapshot_builder_finish (builder, &state);
}

/* Back to nothing, after a file that cannot be used. */
static void
forget (MdMailbox *mb)
{
  md_table_clear (&mb->table);
  md_table_init (&mb->table);
  md_keywords_clear (&mb->keywords);
  g_clear_pointer (&mb->metadata, g_hash_table_unref);
  g_array_set_size (mb->tombstones, 0);
  md_index_discard (mb);
}

MdIndexTrust
md_index_load (MdMailbox *mb, SatchelSnapshot **ret_snapshot, MdSummary *ret_summary)
{
  MdIndex *index = &mb->index;
  *ret_snapshot = NULL;
  index->fd = md_open_file (mb->fd, MD_INDEX_FILE, NULL);
  struct stat st;
  if (index->fd < 0 || md_sys.fstat (index->fd, &st) != 0)
    {
      forget (mb);
      return MD_INDEX_LOST;
    }
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (SatchelMessageRow));
  g_autoptr (GByteArray) buffer = g_byte_array_new ();
  Loader loader = { .mb = mb, .rows = rows };
  gboolean is_checkpoint = FALSE, got_any = FALSE;
  index->size = 0;
  while (load_frame (&loader, (guint64) st.st_size, buffer, ret_summary, &is_checkpoint))
    {
      got_any = TRUE;
      if (is_checkpoint)
        index->checkpoint_size = index->size;
    }
  /* A row that was added by a frame that did not check out is no harm: its file decides. */
  if (!got_any || rows->len != mb->table.entries->len)
    {
      forget (mb);
      return MD_INDEX_LOST;
    }
  *ret_snapshot = build_snapshot (&loader, ret_summary);
  gboolean whole = index->size == (guint64) st.st_size
                   && (*ret_snapshot)->state.n_messages == ret_summary->n_messages;
  gboolean kept = ret_summary->is_clean || memcmp (ret_summary->boot_id, md_boot_id (), 16) == 0;
  return whole && kept ? MD_INDEX_EXACT : MD_INDEX_STALE;
}
