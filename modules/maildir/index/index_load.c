/* SPDX-License-Identifier: MIT
 * This file is for reading an index, frame by frame up to the first that is damaged. Every size is checked
 * before memory is taken.
 */
#include "config.h"

#include "files/boot_id.h"
#include "files/checksum.h"
#include "files/file_io.h"
#include "names/file_name.h"
#include "index/index.h"
#include "index/index_format.h"
#include "names/keyword_letters.h"
#include "mailbox/mailbox.h"
#include "files/maildir_sys.h"
#include "mailbox/metadata.h"
#include "index/name_table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

gboolean
md_index_peek (int dirfd, MdSummary *ret, guint32 *ret_n_unsized)
{
  g_auto (MdFd) fd = md_sys.openat (dirfd, MD_INDEX_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;
  struct stat st;
  FrameTail tail;
  FrameHead head = { 0 };
  gboolean ok =
      md_sys.fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && (guint64) st.st_size >= sizeof head + sizeof tail
      && md_sys.pread (fd, &tail, sizeof tail, st.st_size - (off_t) sizeof tail) == (ssize_t) sizeof tail
      && tail_is_good (&tail);
  if (ok)
    {
      *ret = tail.summary;
      *ret_n_unsized = tail.unsized - 1;
    }
  return ok && memcmp (ret->boot_id, md_boot_id (), 16) == 0;
}

/* These are the facts that most messages need, kept small because there may be very many. */
typedef struct LoadedRow
{
  guint32 uid, flags;
  guint64 modseq, keywords, size;
  gint64 internal_date, save_date;
} LoadedRow;

typedef struct Loader
{
  MdMailbox *mb;
  GArray *rows;     /* LoadedRow, parallel to the table's entries */
  GHashTable *wide; /* UID to SatchelKeywordSet, whose first word is in the row */
  const guint8 *at, *end;
} Loader;

static const void *
take_bytes (Loader *loader, gsize len)
{
  if ((gsize) (loader->end - loader->at) < len)
    return NULL;
  const void *p = loader->at;
  loader->at += len;
  return p;
}

/* Reads the next @len bytes as the end of a name that starts with @base. */
static gboolean
take_name (Loader *loader, const char *base, guint base_len, guint len, char ret[MD_NAME_MAX + 1])
{
  const char *bytes = take_bytes (loader, len);
  if (bytes == NULL || base_len + len > MD_NAME_MAX || memchr (bytes, '\0', len) != NULL
      || memchr (bytes, '/', len) != NULL)
    return FALSE;
  memcpy (ret, base, base_len);
  memcpy (ret + base_len, bytes, len);
  ret[base_len + len] = '\0';
  return TRUE;
}

static gboolean
load_row (Loader *loader)
{
  char name[MD_NAME_MAX + 1];
  RowItem item;
  const void *p = take_bytes (loader, sizeof item);
  if (p == NULL)
    return FALSE;
  memcpy (&item, p, sizeof item);
  if (item.uid == 0 || item.uid > MD_UID_MAX || item.name_len == 0 || item.base_len > item.name_len
      || !take_name (loader, "", 0, item.name_len, name))
    return FALSE;
  MdTable *table = &loader->mb->table;
  LoadedRow row = { item.uid,  item.flags,         item.modseq,   item.keywords,
                    item.size, item.internal_date, item.save_date };
  g_hash_table_remove (loader->wide, GUINT_TO_POINTER (item.uid));
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
      g_array_index (loader->rows, LoadedRow, entry - (MdEntry *) (void *) table->entries->data) = row;
    }
  entry->cache_off = item.cache_off;
  entry->cache_len = item.cache_len;
  return TRUE;
}

static gboolean
load_flags (Loader *loader)
{
  FlagsItem item;
  const void *p = take_bytes (loader, sizeof item);
  if (p == NULL)
    return FALSE;
  memcpy (&item, p, sizeof item);
  MdTable *table = &loader->mb->table;
  MdEntry *entry = md_table_find (table, item.uid);
  char name[MD_NAME_MAX + 1];
  if (entry == NULL || !take_name (loader, md_table_name (table, entry), entry->base_len, item.end_len, name))
    return FALSE;
  md_table_rename (table, entry, item.bits & (MD_ENTRY_NEW | MD_ENTRY_OURS), name, entry->base_len);
  LoadedRow *row =
      &g_array_index (loader->rows, LoadedRow, entry - (MdEntry *) (void *) table->entries->data);
  row->flags = item.flags;
  row->modseq = item.modseq;
  row->keywords = item.keywords;
  g_hash_table_remove (loader->wide, GUINT_TO_POINTER (item.uid));
  return TRUE;
}

static gboolean
load_wide (Loader *loader)
{
  WideItem item;
  const void *p = take_bytes (loader, sizeof item);
  if (p == NULL)
    return FALSE;
  memcpy (&item, p, sizeof item);
  const void *words = item.n_words > 0 && item.n_words < SATCHEL_KEYWORD_WORDS
                          ? take_bytes (loader, item.n_words * sizeof (guint64))
                          : NULL;
  if (words == NULL || md_table_find (&loader->mb->table, item.uid) == NULL)
    return FALSE;
  SatchelKeywordSet *set = g_new0 (SatchelKeywordSet, 1);
  memcpy (&set->words[1], words, item.n_words * sizeof (guint64));
  g_hash_table_replace (loader->wide, GUINT_TO_POINTER (item.uid), set);
  return TRUE;
}

static gboolean
load_tombstone (Loader *loader)
{
  guint32 uids[2];
  guint64 modseq;
  const guint8 *p = take_bytes (loader, 16);
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
      md_metadata_drop (loader->mb, uids[0]);
    }
  return TRUE;
}

static gboolean
take_keyword (Loader *loader, const KeywordItem *item)
{
  const char *bytes = take_bytes (loader, item->name_len);
  MdKeywords *keywords = &loader->mb->keywords;
  if (bytes == NULL)
    return FALSE;
  g_autofree char *name = g_strndup (bytes, item->name_len);
  int letter = item->letter;
  if (item->bit < keywords->n && md_keywords_is_valid (name) && md_keywords_find (keywords, name) < 0)
    {
      md_keywords_rename (keywords, item->bit,
                          name); /* the bit has another keyword now, and no message had the old one */
      return TRUE;
    }
  if (item->bit != keywords->n || keywords->n == SATCHEL_KEYWORDS_MAX || letter >= (int) MD_LETTERS
      || !md_keywords_is_valid (name) || md_keywords_find (keywords, name) >= 0
      || (letter >= 0 && keywords->bit_of_letter[letter] >= 0))
    return FALSE;
  return md_keywords_add_without_letter (keywords, name, letter < 0 ? -1 : letter) >= 0;
}

static gboolean
load_keyword (Loader *loader)
{
  KeywordItem item;
  const void *p = take_bytes (loader, sizeof item);
  if (p == NULL)
    return FALSE;
  memcpy (&item, p, sizeof item);
  return take_keyword (loader, &item);
}

static gboolean
load_old_keyword (Loader *loader)
{
  const guint8 *head = take_bytes (loader, 3);
  return head != NULL && take_keyword (loader, &(KeywordItem) { head[0], (gint8) head[1], head[2] });
}

static gboolean
load_metadata (Loader *loader)
{
  const guint8 *head = take_bytes (loader, 7);
  if (head == NULL)
    return FALSE;
  guint32 uid;
  guint16 len;
  memcpy (&uid, head, 4);
  memcpy (&len, head + 5, 2);
  guint8 key_len = head[4];
  const char *key_bytes = take_bytes (loader, key_len);
  const void *value = key_bytes != NULL && len != G_MAXUINT16 ? take_bytes (loader, len) : NULL;
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
        case 'F':
          ok = load_flags (loader);
          break;
        case 'X':
          ok = load_tombstone (loader);
          break;
        case 'W':
          ok = load_wide (loader);
          break;
        case 'k':
          ok = load_keyword (loader);
          break;
        case 'K':
          ok = load_old_keyword (loader);
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
      if (n <= 0)
        return FALSE;
      at += (gsize) n;
    }
  return TRUE;
}

/* TRUE means: the frame is good, its items are loaded, and its summary is in @summary. */
static gboolean
load_frame (Loader *loader, guint64 size, GByteArray *buffer, MdSummary *summary, gboolean *is_checkpoint)
{
  MdIndex *index = &loader->mb->index;
  FrameHead head;
  FrameTail tail;
  if (index->size + sizeof head + sizeof tail > size
      || !read_exactly (index->fd, &head, sizeof head, index->size))
    return FALSE;
  if (head.magic != FRAME_MAGIC || head.version > INDEX_VERSION || head.len > FRAME_MAX
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

static void
get_whole_row (const Loader *loader, guint index, SatchelMessageRow *ret)
{
  const LoadedRow *row = &g_array_index (loader->rows, LoadedRow, index);
  const SatchelKeywordSet *wide = g_hash_table_lookup (loader->wide, GUINT_TO_POINTER (row->uid));
  *ret = (SatchelMessageRow) { .uid = row->uid,
                               .flags = row->flags,
                               .modseq = row->modseq,
                               .size = row->size,
                               .internal_date = row->internal_date,
                               .save_date = row->save_date };
  if (wide != NULL)
    ret->keywords = *wide;
  ret->keywords.words[0] = row->keywords;
}

static SatchelSnapshot *
build_snapshot (Loader *loader, const MdSummary *summary)
{
  MdMailbox *mb = loader->mb;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  satchel_snapshot_builder_set_keywords (builder, mb->keywords.names, mb->keywords.n);
  SatchelKeywordSet known = { { 0 } };
  for (guint i = 0; i < mb->keywords.n; i++)
    satchel_keyword_set_add (&known, i);
  for (guint i = 0; i < loader->rows->len; i++)
    {
      SatchelMessageRow row;
      if ((g_array_index (mb->table.entries, MdEntry, i).bits & MD_ENTRY_DEAD) != 0)
        continue;
      get_whole_row (loader, i, &row);
      satchel_keyword_set_intersect (&row.keywords, &known);
      satchel_snapshot_builder_append (builder, &row);
    }
  mb->uidnext = summary->uidnext;
  mb->first_recent = summary->first_recent;
  mb->history_start = summary->history_start;
  SatchelMailboxState state;
  md_mailbox_state (mb, summary->highestmodseq, &state);
  return satchel_snapshot_builder_finish (builder, &state);
}

/* Forgets all that was loaded from a file that cannot be used. */
static void
forget_index (MdMailbox *mb)
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
      forget_index (mb);
      return MD_INDEX_LOST;
    }
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (LoadedRow));
  g_autoptr (GHashTable) wide = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GByteArray) buffer = g_byte_array_new ();
  Loader loader = { .mb = mb, .rows = rows, .wide = wide };
  gboolean is_checkpoint = FALSE, got_any = FALSE;
  index->size = 0;
  while (load_frame (&loader, (guint64) st.st_size, buffer, ret_summary, &is_checkpoint))
    {
      got_any = TRUE;
      if (is_checkpoint)
        index->checkpoint_size = index->size;
    }
  /* A row that came with a damaged frame does no harm, since the file of the message decides. */
  if (!got_any || rows->len != mb->table.entries->len)
    {
      forget_index (mb);
      return MD_INDEX_LOST;
    }
  *ret_snapshot = build_snapshot (&loader, ret_summary);
  md_table_compact (&mb->table);
  gboolean whole =
      index->size == (guint64) st.st_size && (*ret_snapshot)->state.n_messages == ret_summary->n_messages;
  index->sequence = ret_summary->sequence;
  return whole && md_hint_is_of (&mb->state, ret_summary->sequence) ? MD_INDEX_EXACT : MD_INDEX_STALE;
}
