/* SPDX-License-Identifier: MIT
 * Implements the change log: see change_log.h. Each file begins with a checkpoint of all rows and is
 * replaced as a whole by the next but one, so that there is a bound.
 */
#include "config.h"

#include "core/storage/change_log/change_log.h"
#include "core/storage/store/store_private.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <string.h>

#define READ_BYTES 65536u
#define FILE_BYTES_MAX (1u << 30)

static const char *
name_of (guint64 generation)
{
  return (generation & 1) != 0 ? "changes-1" : "changes-0";
}

static gint64
now_s (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* Logs that the log of changes cannot be written: once, until it works again. */
static void
complain (SatchelChangeLog *log, const GError *error)
{
  if (!log->is_told)
    satchel_log (
        SATCHEL_LOG_WARNING, "storage",
        "user=%s the log of changes cannot be written, so listeners will have to look at everything: %s",
        log->store->user, error->message);
  log->is_told = TRUE;
}

static gboolean
write_bytes (SatchelChangeLog *log, guint64 generation, guint64 offset, GBytes *bytes, SatchelFileWrite how,
             GError **error)
{
  return satchel_storage_write_file (&log->store->client, log->store->background, name_of (generation),
                                     offset, bytes, how, error);
}

static gboolean
read_bytes (SatchelChangeLog *log, guint64 generation, guint64 offset, gsize max, GByteArray *data,
            GError **error)
{
  return satchel_storage_read_file (&log->store->client, log->store->background, name_of (generation), offset,
                                    max, data, error);
}

SatchelChangeRow *
satchel_change_log_row (SatchelChangeLog *log, const char *name)
{
  SatchelChangeRow *row = g_hash_table_lookup (log->rows, name);
  if (row == NULL)
    {
      row = satchel_change_row_new (name);
      g_hash_table_insert (log->rows, row->name, row);
    }
  return row;
}

static void
take_row (SatchelChangeLog *log, SatchelChangeRow *row)
{
  if (row->exists || row->is_subscribed)
    g_hash_table_replace (log->rows, row->name, row);
  else
    {
      g_hash_table_remove (log->rows, row->name);
      satchel_change_row_free (row);
    }
}

/* Reads the checkpoint at which log file @number, 0 or 1, begins; generations alternate between the two
 * files. A file that begins with anything else is not there, and leaves a gap unless it is empty. */
static gboolean
read_checkpoint (SatchelChangeLog *log, guint number, SatchelFrame *ret_frame, gboolean *ret_is_there,
                 GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  *ret_is_there = FALSE;
  *ret_frame = (SatchelFrame) { 0 };
  if (!read_bytes (log, number, 0, READ_BYTES, data, error))
    return FALSE;
  SatchelFrameState state = satchel_frame_check (data->data, data->len, ret_frame);
  if (state == SATCHEL_FRAME_SHORT && ret_frame->len > data->len)
    {
      gsize more = ret_frame->len - data->len;
      if (!read_bytes (log, number, data->len, more, data, error))
        return FALSE;
      state = satchel_frame_check (data->data, data->len, ret_frame);
    }
  *ret_is_there = state == SATCHEL_FRAME_OK && ret_frame->kind == SATCHEL_FRAME_CHECKPOINT
                  && (ret_frame->generation & 1) == number;
  if (!*ret_is_there && data->len > 0)
    log->has_gap = TRUE;
  return TRUE;
}

static gboolean
take_frame (SatchelChangeLog *log, const guint8 *data, const SatchelFrame *frame)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  g_autoptr (SatchelChangeSet) set = NULL;
  SatchelChangeSet *into =
      frame->kind == SATCHEL_FRAME_INTENT ? log->pending : (set = satchel_change_set_new ());
  if (!satchel_frame_read (data, frame, log->store->user, into, rows))
    {
      g_ptr_array_set_free_func (rows, satchel_change_row_free);
      return FALSE;
    }
  for (guint i = 0; i < rows->len; i++)
    take_row (log, rows->pdata[i]);
  if (frame->kind == SATCHEL_FRAME_CHANGES)
    satchel_change_log_drop_pending (log);
  log->next_sequence =
      frame->kind == SATCHEL_FRAME_INTENT ? log->next_sequence : frame->sequence + set->notes->len;
  return TRUE;
}

/* Reads up to the first frame that is not whole.  What stands behind a damaged frame is lost, and listeners
 * get a RESYNC. */
static gboolean
replay (SatchelChangeLog *log, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  if (!read_bytes (log, log->generation, 0, FILE_BYTES_MAX, data, error))
    return FALSE;
  while (log->offset < data->len)
    {
      SatchelFrame frame;
      const guint8 *at = data->data + log->offset;
      SatchelFrameState state = satchel_frame_check (at, data->len - log->offset, &frame);
      if (state == SATCHEL_FRAME_SHORT)
        break;
      if (state == SATCHEL_FRAME_BAD || frame.generation != log->generation || !take_frame (log, at, &frame))
        {
          satchel_log (SATCHEL_LOG_WARNING, "storage",
                       "user=%s the log of changes is damaged at byte %" G_GUINT64_FORMAT
                       " of %s; listeners have to look at everything",
                       log->store->user, log->offset, name_of (log->generation));
          log->has_gap = TRUE;
          break;
        }
      log->offset += frame.len;
    }
  return TRUE;
}

static gboolean
load_log (SatchelChangeLog *log, GError **error)
{
  SatchelFrame first[2];
  gboolean is_there[2];
  for (guint i = 0; i < 2; i++)
    if (!read_checkpoint (log, i, &first[i], &is_there[i], error))
      return FALSE;
  if (!is_there[0] && !is_there[1])
    {
      /* These numbers are above all that were used before, so no reader takes a new change for one that it
       * knows. */
      log->is_fresh = TRUE;
      log->generation = log->oldest_generation = (guint64) now_s ();
      log->next_sequence = (guint64) g_get_real_time ();
      return TRUE;
    }
  guint last = is_there[0] && (!is_there[1] || first[0].generation > first[1].generation) ? 0 : 1;
  log->generation = log->oldest_generation = first[last].generation;
  if (is_there[1 - last] && first[1 - last].generation + 1 == log->generation)
    log->oldest_generation--;
  log->began = first[last].time;
  return replay (log, error);
}

SatchelChangeLog *
satchel_change_log_open (SatchelStoreCore *store, guint64 max_bytes, gint64 max_age, GError **error)
{
  SatchelChangeLog *log = g_new0 (SatchelChangeLog, 1);
  log->store = store;
  log->max_bytes = max_bytes;
  log->max_age = max_age;
  g_mutex_init (&log->lock);
  log->rows = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, satchel_change_row_free);
  log->pending = satchel_change_set_new ();
  if (load_log (log, error))
    return log;
  satchel_change_log_free (log);
  return NULL;
}

void
satchel_change_log_free (SatchelChangeLog *log)
{
  satchel_change_set_free (log->pending);
  g_hash_table_unref (log->rows);
  g_mutex_clear (&log->lock);
  g_free (log);
}

void
satchel_change_log_drop_pending (SatchelChangeLog *log)
{
  if (log->pending->notes->len == 0)
    return;
  satchel_change_set_free (log->pending);
  log->pending = satchel_change_set_new ();
}

/* Begins the next file with all rows, and @set or NULL; the one before the present one is gone then. */
static gboolean
begin_file (SatchelChangeLog *log, const SatchelChangeSet *set, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer row;
  g_hash_table_iter_init (&iter, log->rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    g_ptr_array_add (rows, row);
  gboolean is_first = log->is_fresh;
  SatchelFrame frame = { .kind = SATCHEL_FRAME_CHECKPOINT,
                         .generation = log->generation + (is_first ? 0 : 1),
                         .sequence = log->next_sequence,
                         .time = now_s () };
  g_autoptr (GBytes) bytes = satchel_frame_write (&frame, set, rows);
  if (!write_bytes (log, frame.generation, 0, bytes, SATCHEL_FILE_REPLACE_SYNC, error))
    return FALSE;
  g_mutex_lock (&log->lock);
  log->oldest_generation = is_first ? frame.generation : log->generation;
  log->generation = frame.generation;
  log->offset = g_bytes_get_size (bytes);
  log->next_sequence += set != NULL ? set->notes->len : 0;
  g_mutex_unlock (&log->lock);
  log->began = frame.time;
  log->is_fresh = log->is_told = FALSE;
  return TRUE;
}

static gboolean
is_file_due (const SatchelChangeLog *log)
{
  gint64 age = now_s () - log->began;
  return log->offset > log->max_bytes / 2 || age > log->max_age / 2 || age < -60;
}

static gboolean
write_frame (SatchelChangeLog *log, SatchelFrameKind kind, const SatchelChangeSet *set, const GPtrArray *rows,
             gboolean sync, GError **error)
{
  SatchelFrame frame = {
    .kind = kind, .generation = log->generation, .sequence = log->next_sequence, .time = now_s ()
  };
  g_autoptr (GBytes) bytes = satchel_frame_write (&frame, set, rows);
  if (bytes == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "there are more changes at once than the log can hold");
  if (!write_bytes (log, log->generation, log->offset, bytes, sync ? SATCHEL_FILE_SYNC : SATCHEL_FILE_WRITE,
                    error))
    return FALSE;
  g_mutex_lock (&log->lock);
  log->offset += g_bytes_get_size (bytes);
  if (kind == SATCHEL_FRAME_CHANGES && set != NULL)
    log->next_sequence += set->notes->len;
  g_mutex_unlock (&log->lock);
  log->is_told = FALSE;
  return TRUE;
}

void
satchel_change_log_intend (SatchelChangeLog *log, const SatchelChangeSet *set)
{
  g_autoptr (GError) error = NULL;
  if (set->notes->len > 0 && !log->is_fresh
      && !write_frame (log, SATCHEL_FRAME_INTENT, set, NULL, FALSE, &error)
      && !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT))
    complain (log, error);
}

/* Begins a new file, whose rows say that changes are missing, which includes those that would be written now.
 * */
static gboolean
fill_gap (SatchelChangeLog *log, GError **error)
{
  g_autoptr (SatchelChangeSet) set = log->has_gap ? satchel_change_set_new () : NULL;
  if (log->has_gap)
    satchel_change_set_add (set, SATCHEL_CHANGE_RESYNC, log->store->background);
  if (!begin_file (log, set, error))
    return FALSE;
  log->has_gap = FALSE;
  return TRUE;
}

void
satchel_change_log_append (SatchelChangeLog *log, const SatchelChangeSet *set, const GPtrArray *rows,
                           gboolean sync)
{
  g_autoptr (GError) error = NULL;
  gboolean is_filling = log->has_gap || log->is_fresh;
  satchel_change_log_drop_pending (log);
  if (!(is_filling ? fill_gap (log, &error)
                   : write_frame (log, SATCHEL_FRAME_CHANGES, set, rows, sync, &error)))
    {
      log->has_gap = TRUE;
      complain (log, error);
    }
  /* A new file begins only now, since the rows of its checkpoint must include what was just written. */
  else if (is_file_due (log) && !begin_file (log, NULL, &error))
    complain (log, error);
}

guint64
satchel_change_log_end (SatchelChangeLog *log, SatchelChangePlace *ret_place)
{
  g_mutex_lock (&log->lock);
  *ret_place = (SatchelChangePlace) { .generation = log->generation, .offset = log->offset };
  guint64 last = log->next_sequence - 1;
  g_mutex_unlock (&log->lock);
  return last;
}

gboolean
satchel_change_log_is_at_end (SatchelChangeLog *log, const SatchelChangePlace *place)
{
  SatchelChangePlace end;
  satchel_change_log_end (log, &end);
  return place->generation == end.generation && place->offset == end.offset;
}

static gboolean
is_in_log (SatchelChangeLog *log, const SatchelChangePlace *place)
{
  g_mutex_lock (&log->lock);
  gboolean is_there = place->generation >= log->oldest_generation && place->generation <= log->generation
                      && (place->generation < log->generation || place->offset <= log->offset);
  g_mutex_unlock (&log->lock);
  return is_there;
}

/* Reads the frame at @place into @data; FALSE with no bytes: the end of its file. */
static gboolean
read_frame (SatchelChangeLog *log, const SatchelChangePlace *place, GByteArray *data, SatchelFrame *ret_frame,
            GError **error)
{
  if (!read_bytes (log, place->generation, place->offset, READ_BYTES, data, error))
    return FALSE;
  SatchelFrameState state = satchel_frame_check (data->data, data->len, ret_frame);
  if (state == SATCHEL_FRAME_SHORT && ret_frame->len > data->len && data->len == READ_BYTES)
    {
      gsize more = ret_frame->len - data->len;
      if (!read_bytes (log, place->generation, place->offset + data->len, more, data, error))
        return FALSE;
      state = satchel_frame_check (data->data, data->len, ret_frame);
    }
  return state == SATCHEL_FRAME_OK && ret_frame->generation == place->generation;
}

SatchelChangeRead
satchel_change_log_read (SatchelChangeLog *log, SatchelChangePlace *place, SatchelChangeSet **ret_set,
                         SatchelChangePlace *ret_next, GError **error)
{
  for (;;)
    {
      g_autoptr (GByteArray) data = g_byte_array_new ();
      g_autoptr (GError) local = NULL;
      SatchelFrame frame;
      if (!is_in_log (log, place))
        return SATCHEL_CHANGE_READ_LOST;
      if (satchel_change_log_is_at_end (log, place))
        return SATCHEL_CHANGE_READ_END;
      gboolean is_read = read_frame (log, place, data, &frame, &local);
      if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return SATCHEL_CHANGE_READ_FAILED;
        }
      if (!is_in_log (log, place)) /* the file of @place has been replaced */
        return SATCHEL_CHANGE_READ_LOST;
      if (!is_read && data->len > 0)
        return SATCHEL_CHANGE_READ_LOST;
      if (!is_read) /* the end of the older file */
        {
          *place = (SatchelChangePlace) { .generation = place->generation + 1 };
          continue;
        }
      g_autoptr (SatchelChangeSet) set = satchel_change_set_new ();
      *ret_next =
          (SatchelChangePlace) { .generation = place->generation, .offset = place->offset + frame.len };
      if (frame.kind != SATCHEL_FRAME_INTENT
          && !satchel_frame_read (data->data, &frame, log->store->user, set, NULL))
        return SATCHEL_CHANGE_READ_LOST;
      if (set->notes->len > place->done)
        {
          *ret_set = g_steal_pointer (&set);
          return SATCHEL_CHANGE_READ_OK;
        }
      *place = *ret_next;
    }
}
