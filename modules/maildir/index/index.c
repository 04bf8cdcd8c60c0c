/* SPDX-License-Identifier: MIT
 * Writes the index of a mailbox: a log of frames with checksums, of which the first ones are a checkpoint.
 * It is written after the commit and not synced; what names of files cannot hold of new messages is written
 * and synced before it. Decisions 0002 and 0101 say why, and what its loss costs.
 */
#include "config.h"

#include "files/access_error.h"
#include "files/boot_id.h"
#include "files/checksum.h"
#include "files/file_io.h"
#include "index/index.h"
#include "index/index_format.h"
#include "index/index_items.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "files/maildir_sys.h"
#include "index/name_table.h"
#include "index/planned.h"
#include "store/slots.h"
#include "commit/sync_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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
    md_item_row (pending, row, entry, md_table_name (&mb->table, entry));
}

void
md_index_flags (MdMailbox *mb, const SatchelMessageRow *row, const MdEntry *entry)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    md_item_flags (pending, row, entry, md_table_name (&mb->table, entry));
}

void
md_index_expunged (MdMailbox *mb, guint32 uid, guint64 modseq)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    md_item_tombstone (pending, uid, uid, modseq);
}

void
md_index_keyword (MdMailbox *mb, guint bit)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    md_item_keyword (pending, &mb->keywords, bit);
}

void
md_index_metadata (MdMailbox *mb, guint32 uid, const char *key, GBytes *value)
{
  GByteArray *pending = get_pending (&mb->index);
  if (pending != NULL)
    md_item_metadata (pending, uid, key, value);
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
  summary->sequence = mb->index.sequence;
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

/* Notes what the file says now. */
static void
note_last (MdIndex *index, const Frame *frame)
{
  index->last = frame->summary;
  index->last_n_unsized = frame->n_unsized;
}

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

/* A checkpoint is written to a new file, in frames of a size that a reader accepts. */
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
          md_item_row (checkpoint->frame.payload, &row, entry, md_table_name (&mb->table, entry));
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
      md_item_tombstone (checkpoint->frame.payload, t->first, t->last, t->modseq);
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
        md_item_metadata (checkpoint->frame.payload, GPOINTER_TO_UINT (uid), key, value);
      cut_last_frame (checkpoint, FRAME_BYTES);
    }
}

/* They may still come: a change that a failure left half done is done later. */
static void
append_all_planned (MdMailbox *mb, Checkpoint *checkpoint)
{
  GHashTableIter iter;
  gpointer base, value;
  if (mb->planned == NULL)
    return;
  g_hash_table_iter_init (&iter, mb->planned);
  while (g_hash_table_iter_next (&iter, &base, &value))
    {
      const MdPlanned *planned = value;
      md_item_planned (checkpoint->frame.payload, &planned->row, base, (guint) strlen (base),
                       planned->metadata);
      cut_last_frame (checkpoint, FRAME_BYTES);
      checkpoint->holds_more = TRUE;
    }
}

static gboolean
write_checkpoint (MdMailbox *mb, Checkpoint *checkpoint)
{
  md_sys.unlinkat (mb->fd, MD_INDEX_FILE ".new", 0);
  checkpoint->fd = md_sys.openat (mb->fd, MD_INDEX_FILE ".new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (checkpoint->fd < 0)
    return FALSE;
  mb->index.sequence++;
  fill_summary (mb, &checkpoint->frame.summary);
  checkpoint->frame.n_unsized = count_unsized (mb);
  checkpoint->ok = TRUE;
  checkpoint->holds_more =
      mb->index.needs_sync || (mb->metadata != NULL && g_hash_table_size (mb->metadata) > 0);
  checkpoint->frame.payload = g_byte_array_sized_new (FRAME_BYTES + 4096);
  for (guint bit = 0; bit < mb->keywords.n; bit++)
    md_item_keyword (checkpoint->frame.payload, &mb->keywords, bit);
  append_all_rows (mb, checkpoint);
  append_all_others (mb, checkpoint);
  append_all_planned (mb, checkpoint);
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
  note_last (index, &checkpoint.frame);
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
  index->sequence++;
  fill_summary (mb, &frame.summary);
  if (!write_frame (index->fd, &frame, &index->size, error))
    return FALSE;
  note_last (index, &frame);
  write_hint (mb);
  return TRUE;
}

/* Makes durable what was written so far. */
static gboolean
sync_index (MdMailbox *mb, GError **error)
{
  MdIndex *index = &mb->index;
  if (md_sys.fdatasync (index->fd) != 0 || (index->is_unnamed && md_sys.fsync (mb->fd) != 0))
    {
      satchel_error_set_errno (error, errno, "the index cannot be written to disk");
      md_index_distrust (mb);
      return FALSE;
    }
  index->is_unnamed = index->needs_sync = FALSE;
  return TRUE;
}

static void
open_index (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  if (index->fd >= 0 || index->is_broken)
    return;
  index->fd = md_open_file (mb->fd, MD_INDEX_FILE, NULL);
  index->is_broken = index->fd < 0;
}

static gboolean
say_broken (MdMailbox *mb, GError **error)
{
  const int failure = mb->index.failure != 0 ? mb->index.failure : EIO;
  return md_error_at (error, failure, mb->fd, MD_INDEX_FILE, MD_ACCESS_CHANGE, "index");
}

/* Says whether the last frame already has what one written now would have. */
static gboolean
says_all (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  MdSummary summary;
  fill_summary (mb, &summary);
  return index->size > 0 && count_unsized (mb) == index->last_n_unsized
         && memcmp (&summary, &index->last, sizeof summary) == 0;
}

gboolean
md_index_flush (MdMailbox *mb, gboolean durable, GError **error)
{
  MdIndex *index = &mb->index;
  gboolean must_sync = durable && index->needs_sync;
  open_index (mb);
  gboolean wants_checkpoint = index->is_broken
                              || index->size + index->pending->len > 2 * index->checkpoint_size + 256 * 1024
                              || index->has_overflowed;
  if (wants_checkpoint)
    md_index_checkpoint (mb);
  if (index->is_broken)
    {
      md_index_distrust (mb);
      return !must_sync || say_broken (mb, error);
    }
  if (index->pending->len == 0 && !must_sync && (wants_checkpoint || says_all (mb)))
    return TRUE;
  g_autoptr (GError) local = NULL;
  if (!append_frame (mb, &local))
    {
      md_index_distrust (mb);
      if (must_sync)
        g_propagate_error (error, g_steal_pointer (&local));
      return !must_sync;
    }
  return !must_sync || sync_index (mb, error);
}

void
md_index_prepare (MdMailbox *mb)
{
  const MdIndex *index = &mb->index;
  if (index->is_broken || index->has_overflowed || index->pending->len > 0)
    md_index_flush (mb, FALSE, NULL);
}

/* Writes a frame that leaves the mailbox as the last one says it is.  Whoever finds it last looks at the
 * directories. */
static gboolean
append_planned_frame (MdMailbox *mb, GByteArray *payload, GError **error)
{
  MdIndex *index = &mb->index;
  Frame frame = { .payload = payload, .summary = index->last, .n_unsized = index->last_n_unsized };
  frame.summary.sequence = ++index->sequence;
  frame.summary.is_suspect = TRUE;
  if (!write_frame (index->fd, &frame, &index->size, error))
    return FALSE;
  note_last (index, &frame);
  return TRUE;
}

gboolean
md_index_write_ahead (MdMailbox *mb, guint n, MdPlannedFunc func, gpointer data, GError **error)
{
  MdIndex *index = &mb->index;
  open_index (mb);
  if (index->is_broken || index->has_overflowed)
    return say_broken (mb, error);
  /* Keywords that the messages have were added by the same transaction. */
  g_autoptr (GByteArray) payload = g_steal_pointer (&index->pending);
  index->pending = g_byte_array_new ();
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < n; i++)
    {
      func (i, payload, data);
      if (payload->len >= FRAME_BYTES)
        ok = append_planned_frame (mb, payload, error);
    }
  ok = ok && (payload->len == 0 || append_planned_frame (mb, payload, error));
  if (!ok)
    {
      md_index_distrust (mb);
      return FALSE;
    }
  write_hint (mb);
  return !index->needs_sync || sync_index (mb, error);
}

void
md_index_close (MdMailbox *mb)
{
  MdIndex *index = &mb->index;
  md_fd_clear (&index->fd);
  g_clear_pointer (&index->pending, g_byte_array_unref);
}
