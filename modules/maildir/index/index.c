/* SPDX-License-Identifier: MIT
 * This file is for writing the index of a mailbox: a log of frames with checksums, of which the first ones
 * are a checkpoint. It is written after the commit and not synced, except for what names of files cannot
 * hold. Decision 0002 says why, and what its loss costs.
 */
#include "config.h"

#include "files/access_error.h"
#include "files/boot_id.h"
#include "files/checksum.h"
#include "files/file_io.h"
#include "index/index.h"
#include "index/index_format.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "store/slots.h"
#include "commit/sync_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void
append_bytes (GByteArray *out, const void *data, gsize len)
{
  g_byte_array_append (out, data, (guint) len);
}

static void
append_wide (GByteArray *out, const SatchelMessageRow *row)
{
  guint n = satchel_keyword_set_n_words (&row->keywords);
  if (n < 2)
    return;
  WideItem item = { row->uid, n - 1 };
  append_bytes (out, "W", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, &row->keywords.words[1], item.n_words * sizeof (guint64));
}

static void
append_row (GByteArray *out, const SatchelMessageRow *row, const MdEntry *entry, const char *name)
{
  RowItem item = { .uid = row->uid,
                   .flags = row->flags,
                   .modseq = row->modseq,
                   .keywords = row->keywords.words[0],
                   .size = row->size,
                   .cache_off = entry->cache_off,
                   .internal_date = row->internal_date,
                   .save_date = row->save_date,
                   .cache_len = entry->cache_len,
                   .bits = entry->bits,
                   .base_len = entry->base_len,
                   .name_len = entry->name_len };
  append_bytes (out, "R", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, name, entry->name_len);
  append_wide (out, row);
}

void
md_index_init (MdIndex *index)
{
  *index = (MdIndex) { .fd = -1, .pending = g_byte_array_new (), .is_unnamed = TRUE };
}

/* Returns where the next item is appended. NULL means that the next write is a checkpoint, which is made of
 * the tables and needs no items, because the file is gone or so much has changed that collecting items would
 * only cost memory. */
static GByteArray *
get_pending (MdIndex *index)
{
  if (index->pending->len > FRAME_MAX / 2)
    {
      g_byte_array_unref (index->pending);
      index->pending = g_byte_array_new ();
      index->has_overflowed = TRUE;
    }
  return index->is_broken || index->has_overflowed ? NULL : index->pending;
}

void
md_index_row (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    append_row (pending, row, entry, md_table_name (&mb->table, entry));
}

void
md_index_flags (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending == NULL)
    return;
  FlagsItem item = { .modseq = row->modseq,
                     .keywords = row->keywords.words[0],
                     .uid = row->uid,
                     .flags = row->flags,
                     .bits = entry->bits,
                     .end_len = entry->name_len - entry->base_len };
  append_bytes (pending, "F", 1);
  append_bytes (pending, &item, sizeof item);
  append_bytes (pending, md_table_name (&mb->table, entry) + entry->base_len, item.end_len);
  append_wide (pending, row);
}

static void
append_tombstone (GByteArray *out, guint32 first, guint32 last, guint64 modseq)
{
  append_bytes (out, "X", 1);
  append_bytes (out, &first, 4);
  append_bytes (out, &last, 4);
  append_bytes (out, &modseq, 8);
}

void
md_index_expunged (MdMailbox *mb, guint32 uid, guint64 modseq)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    append_tombstone (pending, uid, uid, modseq);
}

static void
append_keyword (GByteArray *out, const MdKeywords *keywords, guint bit)
{
  KeywordItem item = { (guint16) bit, keywords->letter[bit], (guint8) strlen (keywords->names[bit]) };
  append_bytes (out, "k", 1);
  append_bytes (out, &item, sizeof item);
  append_bytes (out, keywords->names[bit], item.name_len);
}

void
md_index_keyword (MdMailbox *mb, guint bit)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    append_keyword (pending, &mb->keywords, bit);
}

static void
append_metadata (GByteArray *out, guint32 uid, const char *key, GBytes *value)
{
  guint8 key_len = (guint8) strlen (key);
  gsize len = 0;
  gconstpointer data = value != NULL ? g_bytes_get_data (value, &len) : NULL;
  guint16 value_len = value != NULL ? (guint16) len : G_MAXUINT16;
  append_bytes (out, "M", 1);
  append_bytes (out, &uid, 4);
  append_bytes (out, &key_len, 1);
  append_bytes (out, &value_len, 2);
  append_bytes (out, key, key_len);
  if (len > 0)
    append_bytes (out, data, len);
}

void
md_index_metadata (MdMailbox *mb, guint32 uid, const char *key, GBytes *value)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    append_metadata (pending, uid, key, value);
}

/* Writes a hint into the state file. An index that was cut at the end of a frame, or an older one that was
 * put back, looks whole by itself, and the hint shows that it is not. */
static void
write_hint (MdMailbox *mb)
{
  mb->state.hints[MD_HINT_SEQUENCE] = mb->index.sequence;
  memcpy (&mb->state.hints[MD_HINT_INDEX_BOOT_1], md_boot_id (), 16);
  if (mb->state.fd >= 0)
    md_slots_hint (&mb->state);
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
  summary->sequence = ++mb->index.sequence;
  summary->new_stamp = mb->new_stamp;
  summary->cur_stamp = mb->cur_stamp;
  summary->is_suspect = mb->suspect_due_ms != 0;
  summary->listed_upto = mb->listed_upto;
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

static guint32
count_unsized (const MdMailbox *mb)
{
  return mb->snapshot != NULL ? mb->snapshot->state.n_unsized : 0;
}

typedef struct Frame
{
  GByteArray *payload;
  MdSummary summary;
  guint32 n_unsized;
  gboolean is_checkpoint;
} Frame;

/* Writes one frame (head, payload, tail) at *@size, which is moved behind it. Empties the payload. */
static gboolean
write_frame (int fd, const Frame *frame, guint64 *size, GError **error)
{
  GByteArray *payload = frame->payload;
  FrameHead head = { FRAME_MAGIC, INDEX_VERSION, payload->len, md_crc32c (0, payload->data, payload->len) };
  FrameTail tail = { .summary = frame->summary,
                     .magic = TRAILER_MAGIC,
                     .version = INDEX_VERSION,
                     .checkpoint = frame->is_checkpoint,
                     .payload_crc = head.crc,
                     .unsized = frame->n_unsized + 1 };
  tail.crc = md_crc32c (0, &tail, G_STRUCT_OFFSET (FrameTail, crc));
  struct iovec parts[] = { { &head, sizeof head }, { payload->data, payload->len }, { &tail, sizeof tail } };
  const gsize len = sizeof head + payload->len + sizeof tail;
  if (!md_pwritev_all (fd, parts, G_N_ELEMENTS (parts), *size, "index", error))
    return FALSE;
  *size += len;
  g_byte_array_set_size (payload, 0);
  return TRUE;
}

/* Removes the file, which no longer says what is true: none is better than a wrong one. */
void
md_index_discard (MdMailbox *mb)
{
  md_fd_clear (&mb->index.fd);
  mb->index.size = 0;
  md_sys.unlinkat (mb->fd, MD_INDEX_FILE, 0);
  g_byte_array_set_size (mb->index.pending, 0);
  mb->index.has_overflowed = FALSE;
  mb->index.is_broken = TRUE;
}

/* Adds a byte behind the last frame, by which the next process takes the index for one that fell behind, and
 * which needs no space. The next write makes a new file. */
void
md_index_distrust (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  struct stat st;
  if (index->fd < 0)
    index->fd = md_open_file (mb->fd, MD_INDEX_FILE, NULL);
  if (index->fd >= 0
      && (md_sys.fstat (index->fd, &st) != 0
          || md_sys.ftruncate (index->fd, MAX (st.st_size, (off_t) index->size) + 1) != 0))
    {
      md_index_discard (mb);
      return;
    }
  md_fd_clear (&index->fd);
  index->size = 0;
  g_byte_array_set_size (index->pending, 0);
  index->has_overflowed = FALSE;
  index->is_broken = TRUE;
}

/* This is a checkpoint that is being written to a new file, in frames of a size that a reader accepts. */
typedef struct Checkpoint
{
  Frame frame;
  int fd;
  guint64 size;
  gboolean ok;
  gboolean holds_more; /* than names of files hold */
} Checkpoint;

static void
cut_last_frame (Checkpoint *checkpoint, guint at_least)
{
  if (checkpoint->frame.payload->len < at_least)
    return;
  checkpoint->ok =
      checkpoint->ok && write_frame (checkpoint->fd, &checkpoint->frame, &checkpoint->size, NULL);
  g_byte_array_set_size (checkpoint->frame.payload, 0);
}

/* Snapshot and table are both in order of UIDs. */
static void
append_all_rows (MdMailbox *mb, Checkpoint *checkpoint)
{
  const SatchelSnapshot *snapshot = mb->snapshot;
  const SatchelKeywordSet lettered = md_keywords_lettered (&mb->keywords);
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
          SatchelMessageRow row;
          satchel_chunk_get_row (chunk, i, &row);
          append_row (checkpoint->frame.payload, &row, entry, md_table_name (&mb->table, entry));
          satchel_keyword_set_subtract (&row.keywords, &lettered);
          checkpoint->holds_more |= (row.flags & ~(guint32) SATCHEL_FLAGS_ALL) != 0
                                    || !satchel_keyword_set_is_empty (&row.keywords);
          cut_last_frame (checkpoint, FRAME_BYTES);
        }
    }
}

static void
append_all_others (MdMailbox *mb, Checkpoint *checkpoint)
{
  for (guint i = 0; i < mb->tombstones->len; i++)
    {
      const MdTombstone *t = &g_array_index (mb->tombstones, MdTombstone, i);
      append_tombstone (checkpoint->frame.payload, t->first, t->last, t->modseq);
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
        append_metadata (checkpoint->frame.payload, GPOINTER_TO_UINT (uid), key, value);
      cut_last_frame (checkpoint, FRAME_BYTES);
    }
}

static gboolean
write_checkpoint (MdMailbox *mb, Checkpoint *checkpoint)
{
  md_sys.unlinkat (mb->fd, MD_INDEX_FILE ".new", 0);
  checkpoint->fd = md_sys.openat (mb->fd, MD_INDEX_FILE ".new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (checkpoint->fd < 0)
    return FALSE;
  fill_summary (mb, &checkpoint->frame.summary);
  checkpoint->frame.n_unsized = count_unsized (mb);
  checkpoint->ok = TRUE;
  checkpoint->holds_more =
      mb->index.needs_sync || (mb->metadata != NULL && g_hash_table_size (mb->metadata) > 0);
  checkpoint->frame.payload = g_byte_array_sized_new (FRAME_BYTES + 4096);
  for (guint bit = 0; bit < mb->keywords.n; bit++)
    append_keyword (checkpoint->frame.payload, &mb->keywords, bit);
  append_all_rows (mb, checkpoint);
  append_all_others (mb, checkpoint);
  cut_last_frame (checkpoint, 0);
  g_byte_array_unref (checkpoint->frame.payload);
  /* What only the index holds must not go from a durable file to one that is not. */
  gboolean ok = checkpoint->ok && (!checkpoint->holds_more || md_fsync (checkpoint->fd, "index", NULL))
                && md_sys.renameat (mb->fd, MD_INDEX_FILE ".new", mb->fd, MD_INDEX_FILE) == 0;
  if (!ok)
    {
      int why = errno;
      md_fd_clear (&checkpoint->fd);
      md_sys.unlinkat (mb->fd, MD_INDEX_FILE ".new", 0);
      errno = why;
    }
  return ok;
}

void
md_index_checkpoint (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  Checkpoint checkpoint = { .fd = -1 };
  /* If it fails, the old file stays in use as long as frames can be appended to it. */
  errno = 0;
  if (!write_checkpoint (mb, &checkpoint))
    {
      index->failure = errno;
      index->is_broken |= index->has_overflowed;
      return;
    }
  md_fd_clear (&index->fd);
  index->fd = checkpoint.fd;
  index->size = index->checkpoint_size = checkpoint.size;
  index->is_broken = index->has_overflowed = FALSE;
  write_hint (mb);
  g_byte_array_set_size (index->pending, 0);
  /* If the name of the file is not durable, a sync of its content is worth nothing. */
  index->is_unnamed = !index->needs_sync || md_sys.fsync (mb->fd) != 0;
  index->needs_sync &= index->is_unnamed;
}

static gboolean
append_frame (MdMailbox *mb, GError **error)
{
  MdIndex *index = &mb->index;
  Frame frame = { .payload = index->pending, .n_unsized = count_unsized (mb) };
  fill_summary (mb, &frame.summary);
  if (!write_frame (index->fd, &frame, &index->size, error))
    return FALSE;
  write_hint (mb);
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
  gboolean wants_checkpoint = index->is_broken
                              || index->size + index->pending->len > 2 * index->checkpoint_size + 256 * 1024
                              || index->has_overflowed;
  if (wants_checkpoint)
    md_index_checkpoint (mb);
  if (index->is_broken)
    {
      md_index_distrust (mb);
      return !must_sync
             || md_error_at (error, index->failure != 0 ? index->failure : EIO, mb->fd, MD_INDEX_FILE,
                             MD_ACCESS_CHANGE, "index");
    }
  if (wants_checkpoint && index->pending->len == 0 && !(durable && index->needs_sync))
    return TRUE;
  g_autoptr (GError) local = NULL;
  if (!append_frame (mb, &local))
    {
      md_index_distrust (mb);
      if (must_sync)
        g_propagate_error (error, g_steal_pointer (&local));
      return !must_sync;
    }
  if (!must_sync)
    return TRUE;
  if (md_sys.fdatasync (index->fd) != 0 || (index->is_unnamed && md_sys.fsync (mb->fd) != 0))
    {
      gboolean result = satchel_error_set_errno (error, errno, "the index cannot be written to disk");
      md_index_distrust (mb);
      return result;
    }
  index->is_unnamed = index->needs_sync = FALSE;
  return TRUE;
}

void
md_index_close (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  md_fd_clear (&index->fd);
  g_clear_pointer (&index->pending, g_byte_array_unref);
}
