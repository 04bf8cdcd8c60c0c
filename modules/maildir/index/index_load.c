/* SPDX-License-Identifier: MIT
 * Reads an index, frame by frame up to the first that is damaged. Every size is checked before memory is
 * taken.
 */
#include "config.h"

#include "files/access_error.h"
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
#include "index/planned.h"

#include <errno.h>
#include <satchel/error.h>
#include <string.h>

#define WINDOW_BYTES (64u << 10)

/* Most messages need only these facts, which are kept small because there may be very many. */
typedef struct LoadedRow
{
  guint32 uid, flags;
  guint64 modseq, keywords, size;
  gint64 internal_date, save_date;
} LoadedRow;

typedef struct Loader
{
  MdMailbox *mb;
  GArray *rows;       /* LoadedRow, parallel to the table's entries */
  GHashTable *wide;   /* UID to SatchelKeywordSet, whose first word is in the row */
  MdPlanned *planned; /* of the last item, to which what follows belongs; NULL: that was of another kind */
  const guint8 *at, *end;
  GByteArray *window; /* a part of the file, since most frames are small */
  guint64 size, window_at;
  int failure; /* errno of a read that failed, after which nothing is known of the rest */
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
take_row (Loader *loader, RowItem *ret, char ret_name[MD_NAME_MAX + 1])
{
  const void *p = take_bytes (loader, sizeof *ret);
  if (p == NULL)
    return FALSE;
  memcpy (ret, p, sizeof *ret);
  return ret->uid != 0 && ret->uid <= MD_UID_MAX && ret->name_len > 0 && ret->base_len <= ret->name_len
         && take_name (loader, "", 0, ret->name_len, ret_name);
}

static gboolean
load_row (Loader *loader)
{
  char name[MD_NAME_MAX + 1];
  RowItem item;
  if (!take_row (loader, &item, name))
    return FALSE;
  MdTable *table = &loader->mb->table;
  md_planned_remove (loader->mb, name, item.base_len);
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
load_planned (Loader *loader)
{
  char name[MD_NAME_MAX + 1];
  RowItem item;
  if (!take_row (loader, &item, name) || item.base_len != item.name_len)
    return FALSE;
  const SatchelMessageRow row = { .uid = item.uid,
                                  .flags = item.flags,
                                  .modseq = item.modseq,
                                  .size = item.size,
                                  .internal_date = item.internal_date,
                                  .save_date = item.save_date,
                                  .keywords = { { item.keywords } } };
  loader->planned = md_planned_add (loader->mb, name, item.base_len, &row);
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

/* Reads all but the first word of the keywords of message *@ret_uid. */
static gboolean
take_wide (Loader *loader, guint32 *ret_uid, SatchelKeywordSet *ret)
{
  WideItem item;
  const void *p = take_bytes (loader, sizeof item);
  if (p == NULL)
    return FALSE;
  memcpy (&item, p, sizeof item);
  const void *words = item.n_words > 0 && item.n_words < SATCHEL_KEYWORD_WORDS
                          ? take_bytes (loader, item.n_words * sizeof (guint64))
                          : NULL;
  if (words == NULL)
    return FALSE;
  memcpy (&ret->words[1], words, item.n_words * sizeof (guint64));
  *ret_uid = item.uid;
  return TRUE;
}

static gboolean
load_wide (Loader *loader)
{
  guint32 uid;
  SatchelKeywordSet set = { { 0 } };
  if (!take_wide (loader, &uid, &set) || md_table_find (&loader->mb->table, uid) == NULL)
    return FALSE;
  g_hash_table_replace (loader->wide, GUINT_TO_POINTER (uid), g_memdup2 (&set, sizeof set));
  return TRUE;
}

static gboolean
load_planned_wide (Loader *loader)
{
  guint32 uid;
  return loader->planned != NULL && take_wide (loader, &uid, &loader->planned->row.keywords)
         && uid == loader->planned->row.uid;
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

/* Takes metadata out of an item.  *@ret_key and *@ret_value, which may be NULL, are yours. */
static gboolean
take_metadata (Loader *loader, guint32 *ret_uid, char **ret_key, GBytes **ret_value)
{
  const guint8 *head = take_bytes (loader, 7);
  if (head == NULL)
    return FALSE;
  guint16 len;
  memcpy (ret_uid, head, 4);
  memcpy (&len, head + 5, 2);
  guint8 key_len = head[4];
  const char *key_bytes = take_bytes (loader, key_len);
  const void *value = key_bytes != NULL && len != G_MAXUINT16 ? take_bytes (loader, len) : NULL;
  if (key_bytes == NULL || (len != G_MAXUINT16 && value == NULL))
    return FALSE;
  *ret_key = g_strndup (key_bytes, key_len);
  *ret_value = len != G_MAXUINT16 ? g_bytes_new (value, len) : NULL;
  return TRUE;
}

static gboolean
load_metadata (Loader *loader, gboolean is_planned)
{
  guint32 uid;
  g_autofree char *key = NULL;
  g_autoptr (GBytes) value = NULL;
  if (!take_metadata (loader, &uid, &key, &value))
    return FALSE;
  if (!is_planned)
    md_metadata_set (loader->mb, uid, key, value);
  else if (loader->planned != NULL && loader->planned->row.uid == uid)
    md_planned_set_metadata (loader->planned, key, value);
  else
    return FALSE;
  return TRUE;
}

static gboolean
load_item (Loader *loader, char kind)
{
  switch (kind)
    {
    case 'R':
      return load_row (loader);
    case 'F':
      return load_flags (loader);
    case 'X':
      return load_tombstone (loader);
    case 'W':
      return load_wide (loader);
    case 'k':
      return load_keyword (loader);
    case 'K':
      return load_old_keyword (loader);
    case 'M':
      return load_metadata (loader, FALSE);
    case 'P':
      return load_planned (loader);
    case 'w':
      return load_planned_wide (loader);
    case 'm':
      return load_metadata (loader, TRUE);
    default:
      return FALSE;
    }
}

static gboolean
load_items (Loader *loader)
{
  while (loader->at < loader->end)
    {
      const char kind = (char) *loader->at++;
      if (kind != 'w' && kind != 'm')
        loader->planned = NULL;
      if (!load_item (loader, kind))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_exactly (Loader *loader, void *buffer, gsize len, guint64 offset)
{
  for (gsize at = 0; at < len;)
    {
      ssize_t n =
          md_sys.pread (loader->mb->index.fd, (guint8 *) buffer + at, len - at, (off_t) (offset + at));
      if (n < 0)
        loader->failure = errno;
      if (n <= 0)
        return FALSE;
      at += (gsize) n;
    }
  return TRUE;
}

/* Returns bytes of the file, which are valid until the next call; NULL: the file ends before, or cannot be
 * read. */
static const guint8 *
look_at (Loader *loader, guint64 offset, gsize len)
{
  GByteArray *window = loader->window;
  if (offset + len > loader->size)
    return NULL;
  if (offset < loader->window_at || offset + len > loader->window_at + window->len)
    {
      g_byte_array_set_size (window, (guint) MIN (loader->size - offset, MAX (len, WINDOW_BYTES)));
      loader->window_at = offset;
      if (!read_exactly (loader, window->data, window->len, offset))
        return NULL;
    }
  return window->data + (offset - loader->window_at);
}

/* Loads a frame.  TRUE means that it is good, that its items are loaded, and that its summary is kept. */
static gboolean
load_frame (Loader *loader, gboolean *is_checkpoint)
{
  MdIndex *index = &loader->mb->index;
  FrameHead head;
  FrameTail tail;
  const guint8 *bytes = look_at (loader, index->size, sizeof head);
  if (bytes == NULL)
    return FALSE;
  memcpy (&head, bytes, sizeof head);
  if (head.magic != FRAME_MAGIC || head.version > INDEX_VERSION || head.len > FRAME_MAX)
    return FALSE;
  bytes = look_at (loader, index->size + sizeof head, head.len + sizeof tail);
  if (bytes == NULL || md_crc32c (0, bytes, head.len) != head.crc)
    return FALSE;
  memcpy (&tail, bytes + head.len, sizeof tail);
  if (!tail_is_good (&tail) || tail.payload_crc != head.crc)
    return FALSE;
  loader->at = bytes;
  loader->end = bytes + head.len;
  if (!load_items (loader))
    return FALSE;
  index->size += sizeof head + head.len + sizeof tail;
  index->last = tail.summary;
  index->last_n_unsized = tail.unsized - 1;
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

static SatchelKeywordSet
get_known_keywords (const MdMailbox *mb)
{
  SatchelKeywordSet known = { { 0 } };
  for (guint i = 0; i < mb->keywords.n; i++)
    satchel_keyword_set_add (&known, i);
  return known;
}

static void
drop_other_keywords (GHashTable *planned, const SatchelKeywordSet *known)
{
  GHashTableIter iter;
  gpointer value;
  if (planned == NULL)
    return;
  g_hash_table_iter_init (&iter, planned);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    satchel_keyword_set_intersect (&((MdPlanned *) value)->row.keywords, known);
}

static SatchelSnapshot *
build_snapshot (Loader *loader, const MdSummary *summary)
{
  MdMailbox *mb = loader->mb;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  satchel_snapshot_builder_set_keywords (builder, mb->keywords.names, mb->keywords.n);
  const SatchelKeywordSet known = get_known_keywords (mb);
  drop_other_keywords (mb->planned, &known);
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

void
md_index_forget (MdMailbox *mb)
{
  md_table_clear (&mb->table);
  md_table_init (&mb->table);
  md_keywords_clear (&mb->keywords);
  g_clear_pointer (&mb->metadata, g_hash_table_unref);
  md_planned_clear (mb);
  g_array_set_size (mb->tombstones, 0);
  md_index_discard (mb);
}

/* Opens the file. FALSE without an error: there is none, or something that no index can be. */
static gboolean
open_file (Loader *loader, GError **error)
{
  MdMailbox *mb = loader->mb;
  struct stat st;
  g_autoptr (GError) local = NULL;
  mb->index.fd = md_open_file (mb->fd, MD_INDEX_FILE, &local);
  if (mb->index.fd < 0)
    {
      if (!md_file_is_lost (local))
        g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (md_sys.fstat (mb->index.fd, &st) != 0)
    return md_error_at (error, errno, mb->fd, MD_INDEX_FILE, MD_ACCESS_WRITE, "look at");
  loader->size = (guint64) st.st_size;
  return TRUE;
}

static gboolean
load_all_frames (Loader *loader, GError **error)
{
  MdIndex *index = &loader->mb->index;
  gboolean is_checkpoint = FALSE;
  index->size = 0;
  while (load_frame (loader, &is_checkpoint))
    if (is_checkpoint)
      index->checkpoint_size = index->size;
  return loader->failure == 0
         || md_error_at (error, loader->failure, loader->mb->fd, MD_INDEX_FILE, MD_ACCESS_READ, "read");
}

gboolean
md_index_load (MdMailbox *mb, MdIndexTrust *ret_trust, SatchelSnapshot **ret_snapshot, MdSummary *ret_summary,
               GError **error)
{
  MdIndex *index = &mb->index;
  g_autoptr (GError) local = NULL;
  *ret_snapshot = NULL;
  *ret_trust = MD_INDEX_LOST;
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (LoadedRow));
  g_autoptr (GHashTable) wide = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GByteArray) window = g_byte_array_new ();
  Loader loader = { .mb = mb, .rows = rows, .wide = wide, .window = window };
  gboolean is_there = open_file (&loader, &local) && load_all_frames (&loader, &local);
  /* A file that cannot be read just now holds what no other does: it must not be made anew from names. */
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  /* A row that came with a damaged frame does no harm, since the file of the message decides. */
  if (!is_there || index->size == 0 || rows->len != mb->table.entries->len)
    {
      md_index_forget (mb);
      return TRUE;
    }
  *ret_summary = index->last;
  *ret_snapshot = build_snapshot (&loader, ret_summary);
  md_table_compact (&mb->table);
  gboolean whole = index->size == loader.size && (*ret_snapshot)->state.n_messages == ret_summary->n_messages;
  index->sequence = ret_summary->sequence;
  *ret_trust = whole && md_hint_is_of (&mb->state, ret_summary->sequence) ? MD_INDEX_EXACT : MD_INDEX_STALE;
  return TRUE;
}
