/* SPDX-License-Identifier: MIT
 * This file gives room in body files back: of bodies that were erased, which notes name, and of what was
 * written and never committed, which nothing names.  For the latter the volume notes where the files end
 * whenever nobody is writing; after a crash only what lies behind that is compared with the records.
 */
#include "config.h"

#include "body/body_notes.h"
#include "format/record.h"
#include "volume/backup_lock.h"
#include "volume/volume_private.h"

#include <satchel/log.h>

#define NOTES_AT_ONCE 64u

/* ---- places in order ---- */

typedef struct Extent
{
  BdbBodyPlace place;
  guint64 length;
} Extent;

static int
compare_places (BdbBodyPlace a, BdbBodyPlace b)
{
  if (a.file != b.file)
    return a.file < b.file ? -1 : 1;
  return (a.offset > b.offset) - (a.offset < b.offset);
}

static int
compare_extents (gconstpointer a, gconstpointer b)
{
  return compare_places (((const Extent *) a)->place, ((const Extent *) b)->place);
}

/* A file system without holes keeps the room until the volume's users are converted to another one. */
static void
give_back (BdbVolume *volume, BdbBodyPlace place, guint64 length)
{
  g_autoptr (GError) failure = NULL;
  if (length > 0 && !bdb_body_files_punch (volume->bodies, place, length, &failure)
      && satchel_error_is_news (failure))
    satchel_log (SATCHEL_LOG_WARNING, "bdb", "volume %s: %s", volume->home, failure->message);
}

/* ---- what was erased ---- */

typedef struct Notes
{
  BdbVolume *volume;
  GPtrArray *keys;   /* GBytes */
  GPtrArray *values; /* GBytes */
} Notes;

static gboolean
collect_note (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Notes *notes = data;
  g_ptr_array_add (notes->keys, g_bytes_new (key, key_len));
  g_ptr_array_add (notes->values, g_bytes_new (value, value_len));
  return notes->keys->len < NOTES_AT_ONCE;
}

static gboolean
remove_notes (BdbWrite *write, gpointer data, GError **error)
{
  const Notes *notes = data;
  for (guint i = 0; i < notes->keys->len; i++)
    {
      BdbKey key = { 0 };
      gsize len;
      gconstpointer bytes = g_bytes_get_data (notes->keys->pdata[i], &len);
      bdb_key_bytes (&key, bytes, len);
      if (!bdb_remove (write, BDB_RECORDS, &key, error))
        return FALSE;
    }
  return TRUE;
}

static void
give_back_note (BdbVolume *volume, GBytes *note)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (note, &len);
  BdbReader reader = { data, len, FALSE };
  while (reader.len > 0 && !reader.is_bad)
    {
      BdbBodyPlace place = { .file = bdb_reader_u32 (&reader) };
      place.offset = bdb_reader_u64 (&reader);
      guint32 length = bdb_reader_u32 (&reader);
      if (!reader.is_bad)
        give_back (volume, place, length);
    }
}

/* What the notes say must be durable first, or a crash would bring back messages without their bodies. */
static gboolean
give_back_some (Notes *notes, GError **error)
{
  BdbKey prefix;
  bdb_key_begin (&prefix, 0, BDB_KIND_FREED);
  if (!bdb_scan (notes->volume, NULL, BDB_RECORDS, &prefix, NULL, collect_note, notes, error))
    return FALSE;
  if (notes->keys->len == 0)
    return TRUE;
  if (!bdb_flush (notes->volume, error))
    return FALSE;
  for (guint i = 0; i < notes->values->len; i++)
    give_back_note (notes->volume, notes->values->pdata[i]);
  return bdb_write (notes->volume, BDB_LATER, remove_notes, notes, error);
}

static gboolean
give_back_noted (BdbVolume *volume, GError **error)
{
  guint n;
  do
    {
      g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      Notes notes = { volume, keys, values };
      if (!give_back_some (&notes, error))
        return FALSE;
      n = keys->len;
    }
  while (n == NOTES_AT_ONCE);
  return TRUE;
}

/* ---- where the files end ---- */

static gboolean
save_end (BdbWrite *write, gpointer data, GError **error)
{
  const BdbBodyPlace *end = data;
  BdbKey key;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_record_u32 (record, end->file);
  bdb_record_u64 (record, end->offset);
  bdb_key_begin (&key, 0, BDB_KIND_END);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

static gboolean
load_end (BdbVolume *volume, BdbBodyPlace *ret_end, GError **error)
{
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_key_begin (&key, 0, BDB_KIND_END);
  if (!bdb_get (volume, NULL, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  BdbReader reader = { record->data, record->len, FALSE };
  *ret_end = (BdbBodyPlace) { .file = bdb_reader_u32 (&reader) };
  ret_end->offset = bdb_reader_u64 (&reader);
  return TRUE;
}

gboolean
bdb_body_mark_end (BdbVolume *volume, GError **error)
{
  BdbBodyPlace end;
  if (volume->reclaimed != bdb_volume_generation (volume) || !bdb_body_files_end (volume->bodies, &end)
      || compare_places (end, volume->marked_end) == 0)
    return TRUE;
  if (!bdb_write (volume, BDB_LATER, save_end, &end, error))
    return FALSE;
  volume->marked_end = end;
  return TRUE;
}

/* ---- what a crash left ---- */

typedef struct Live
{
  BdbBodyPlace start, stop;
  GArray *extents; /* Extent, that are in use between the two */
  gboolean is_bad; /* a record cannot be read, so nothing may be given back */
} Live;

static void
note_extent (BdbBodyPlace place, guint length, gpointer data)
{
  Live *live = data;
  Extent extent = { place, length };
  if (compare_places (place, live->start) >= 0 && compare_places (place, live->stop) < 0)
    g_array_append_val (live->extents, extent);
}

static gboolean
note_body (guint32 user, guint64 content, const guint8 *record, guint len, gpointer data)
{
  Live *live = data;
  guint64 length;
  live->is_bad = !bdb_body_record_length (record, len, &length);
  if (!live->is_bad)
    bdb_body_record_extents (record, len, note_extent, live);
  return !live->is_bad;
}

static void
give_back_up_to (BdbVolume *volume, BdbBodyPlace from, BdbBodyPlace to)
{
  for (; from.file < to.file; from = (BdbBodyPlace) { from.file + 1, 0 })
    {
      guint64 length = bdb_body_files_length (volume->bodies, from.file);
      if (length > from.offset)
        give_back (volume, from, length - from.offset);
    }
  if (to.offset > from.offset)
    give_back (volume, from, to.offset - from.offset);
}

static void
give_back_gaps (BdbVolume *volume, const Live *live)
{
  BdbBodyPlace at = live->start;
  for (guint i = 0; i < live->extents->len; i++)
    {
      const Extent *extent = &g_array_index (live->extents, Extent, i);
      give_back_up_to (volume, at, extent->place);
      at = extent->place;
      at.offset += (extent->length + BDB_BODY_ALIGN - 1) / BDB_BODY_ALIGN * BDB_BODY_ALIGN;
    }
  give_back_up_to (volume, at, live->stop);
}

/* Once after each opening. */
static gboolean
give_back_unnamed (BdbVolume *volume, GError **error)
{
  guint generation = bdb_volume_generation (volume);
  if (volume->reclaimed == generation)
    return TRUE;
  g_autoptr (GArray) extents = g_array_new (FALSE, FALSE, sizeof (Extent));
  Live live = { .stop = bdb_body_files_epoch_start (volume->bodies), .extents = extents };
  if (!load_end (volume, &live.start, error))
    return FALSE;
  if (live.start.file == 0)
    live.start.file = 1;
  if (compare_places (live.start, live.stop) < 0)
    {
      if (!bdb_body_scan (volume, note_body, &live, error))
        return FALSE;
      if (live.is_bad)
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                  "volume %s: the record of a body cannot be read, so the room that a crash "
                                  "left in body files is kept",
                                  volume->home);
      g_array_sort (extents, compare_extents);
      give_back_gaps (volume, &live);
    }
  volume->marked_end = live.start;
  volume->reclaimed = generation;
  return TRUE;
}

gboolean
bdb_body_reclaim (BdbVolume *volume, GError **error)
{
  if (!bdb_backup_lock_try (volume->home_fd))
    return TRUE;
  gboolean ok = give_back_noted (volume, error) && give_back_unnamed (volume, error)
                && bdb_body_mark_end (volume, error);
  bdb_backup_lock_release (volume->home_fd);
  return ok;
}
