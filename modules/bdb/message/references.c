/* SPDX-License-Identifier: MIT
 * This file notes which contents messages began or ceased to use, and settles the notes later, so that
 * removing many messages is one record (decision 0079).
 */
#include "config.h"

#include "body/body_notes.h"
#include "format/record.h"
#include "message/content.h"

#include <string.h>

#define SETTLED_AT_ONCE 64u /* contents that are settled in one transaction */

static void
append_list (GByteArray *record, const GArray *contents)
{
  guint n = contents != NULL ? contents->len : 0;
  bdb_record_u32 (record, n);
  for (guint i = 0; i < n; i++)
    bdb_record_u64 (record, g_array_index (contents, guint64, i));
}

static void
key_of_note (BdbKey *key, const BdbStore *store, guint64 sequence)
{
  bdb_key_begin (key, store->user, BDB_KIND_REFERENCES);
  bdb_key_u64 (key, sequence);
}

static gboolean
put_note (BdbStore *store, BdbWrite *write, guint64 sequence, const GArray *more, const GArray *less,
          GError **error)
{
  BdbKey key;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  append_list (record, more);
  append_list (record, less);
  key_of_note (&key, store, sequence);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

gboolean
bdb_references_save (BdbStore *store, BdbWrite *write, const BdbReferences *references, GError **error)
{
  if (references->more->len == 0 && references->less->len == 0)
    return TRUE;
  return put_note (store, write, store->next_references++, references->more, references->less, error);
}

static gboolean
collect_block (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  g_auto (BdbBlock) block = { 0 };
  if (bdb_block_read (&block, 0, value, value_len))
    for (guint i = 0; i < BDB_BLOCK_MESSAGES; i++)
      if (block.present >> i & 1)
        g_array_append_val ((GArray *) data, block.rows[i].content);
  return TRUE;
}

gboolean
bdb_references_drop_box (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error)
{
  BdbKey prefix;
  g_autoptr (GArray) more = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GArray) less = g_array_new (FALSE, FALSE, sizeof (guint64));
  BdbReferences references = { more, less };
  bdb_key_begin (&prefix, store->user, BDB_KIND_MESSAGES);
  bdb_key_u32 (&prefix, box->number);
  return bdb_scan (store->volume, write, BDB_RECORDS, &prefix, NULL, collect_block, less, error)
         && bdb_references_save (store, write, &references, error);
}

/* ---- settling ---- */

typedef struct Note
{
  BdbStore *store;
  gboolean is_there, is_bad;
  guint64 sequence;
  GArray *more, *less;
  guint n_pinned;      /* contents that cannot be removed now, since streams read them */
  GByteArray *freed;   /* places in body files that become free */
  guint64 last_erased; /* the content that was erased last */
} Note;

static void
read_list (BdbReader *reader, GArray *contents)
{
  for (guint32 n = bdb_reader_u32 (reader); n > 0 && !reader->is_bad; n--)
    {
      guint64 content = bdb_reader_u64 (reader);
      g_array_append_val (contents, content);
    }
}

static gboolean
read_oldest (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Note *note = data;
  BdbReader reader = { value, value_len, FALSE };
  g_array_set_size (note->more, 0);
  g_array_set_size (note->less, 0);
  note->is_there = TRUE;
  note->sequence = bdb_key_read_u64 (key + BDB_KEY_HEAD);
  read_list (&reader, note->more);
  read_list (&reader, note->less);
  note->is_bad = reader.is_bad;
  return FALSE;
}

/* Adds @by to the number of messages that use a content beyond the first.  *ret_is_unused says that no
 * message uses it any more. */
static gboolean
change_shares (Note *note, BdbWrite *write, guint64 content, int by, gboolean *ret_is_unused, GError **error)
{
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_key_begin (&key, note->store->user, BDB_KIND_SHARED);
  bdb_key_u64 (&key, content);
  if (!bdb_get (note->store->volume, write, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  BdbReader reader = { record->data, record->len, FALSE };
  gint64 count = (is_found ? bdb_reader_u32 (&reader) : 0) + (gint64) by;
  *ret_is_unused = count < 0;
  if (count <= 0)
    return bdb_remove (write, BDB_RECORDS, &key, error);
  g_byte_array_set_size (record, 0);
  bdb_record_u32 (record, (guint32) count);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

static gboolean
erase_content (Note *note, BdbWrite *write, guint64 content, GError **error)
{
  BdbKey imported;
  bdb_key_begin (&imported, note->store->user, BDB_KIND_IMPORTED);
  bdb_key_u64 (&imported, content);
  note->last_erased = content;
  return bdb_content_erase (write, note->store->user, content, note->freed, error)
         && bdb_remove (write, BDB_RECORDS, &imported, error);
}

static gboolean
settle_one (Note *note, BdbWrite *write, guint64 content, int by, GError **error)
{
  gboolean is_unused;
  return change_shares (note, write, content, by, &is_unused, error)
         && (!is_unused || erase_content (note, write, content, error));
}

/* Settles some contents of the oldest note, and writes the rest of the note. */
static gboolean
settle_some (BdbWrite *write, gpointer data, GError **error)
{
  Note *note = data;
  BdbStore *store = note->store;
  BdbKey key;
  bdb_key_begin (&key, store->user, BDB_KIND_REFERENCES);
  note->is_there = FALSE;
  g_byte_array_set_size (note->freed, 0);
  if (!bdb_scan (store->volume, write, BDB_RECORDS, &key, NULL, read_oldest, note, error) || !note->is_there)
    return error == NULL || *error == NULL;
  guint n = 0;
  for (; note->more->len > 0 && n < SETTLED_AT_ONCE; n++)
    {
      guint64 content = g_array_index (note->more, guint64, note->more->len - 1);
      if (!settle_one (note, write, content, 1, error))
        return FALSE;
      g_array_set_size (note->more, note->more->len - 1);
    }
  note->n_pinned = 0;
  for (guint i = note->less->len; note->more->len == 0 && i > 0 && n < SETTLED_AT_ONCE; i--)
    {
      guint64 content = g_array_index (note->less, guint64, i - 1);
      if (bdb_pins_has (store->pins, content))
        {
          note->n_pinned++;
          continue;
        }
      if (!settle_one (note, write, content, -1, error))
        return FALSE;
      g_array_remove_index (note->less, i - 1);
      n++;
    }
  if (!bdb_body_note_freed (write, store->user, note->last_erased, note->freed, error))
    return FALSE;
  key_of_note (&key, store, note->sequence);
  if (note->more->len == 0 && note->less->len == 0)
    return bdb_remove (write, BDB_RECORDS, &key, error);
  return n == 0 || put_note (store, write, note->sequence, note->more, note->less, error);
}

gboolean
bdb_references_settle (BdbStore *store, gboolean *ret_is_done, GError **error)
{
  g_autoptr (GArray) more = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GArray) less = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GByteArray) freed = g_byte_array_new ();
  Note note = { .store = store, .more = more, .less = less, .freed = freed };
  /* removed contents are in the log once more, so it needs room */
  *ret_is_done = !bdb_volume_has_room (store->volume);
  if (*ret_is_done)
    return TRUE;
  if (!bdb_write (store->volume, BDB_LATER, settle_some, &note, error))
    return FALSE;
  if (note.is_bad)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "a note about contents of user number %u cannot be read", store->user);
  /* Contents that are being read wait for the next visit, and so do newer notes. */
  *ret_is_done = !note.is_there || (note.n_pinned > 0 && note.n_pinned == note.less->len);
  return TRUE;
}
