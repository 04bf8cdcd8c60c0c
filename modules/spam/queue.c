/* SPDX-License-Identifier: MIT
 * Keeps the queue in segments, each a blob of rows, and what is counted in the blob "state".  A segment is
 * read when its rows are needed, and removed when its last row is.
 */
#include "queue.h"

#include "names.h"

#include <satchel/log.h>
#include <satchel/number.h>
#include <string.h>

#define STATE "state"
#define PREFIX "queue-"
#define DAY_S (24 * 3600)

/* Rows are stored with the lowest byte of each number first. */
enum
{
  ROW_FLAGS = 0, /* ROW_FLAG_* */
  ROW_MAILBOX = 1,
  ROW_UIDVALIDITY = 17,
  ROW_UID = 21,
  ROW_QUEUED = 25,
  ROW_BYTES = 33
};
#define ROW_FLAG_SPAM 1u
#define ROW_FLAG_CONTRARY 2u

typedef struct Segment
{
  GByteArray *rows; /* NULL: they have not been read */
  gboolean is_changed;
  GBytes *stored; /* for the blob; NULL: it is to be removed */
  char name[24];
} Segment;

typedef struct Day
{
  gint64 day; /* since 1970 */
  guint64 counts[SPAM_N_COUNTS];
} Day;

struct SpamQueue
{
  SatchelStore *store;
  GPtrArray *segments, *removed; /* Segment */
  guint32 next_number;           /* of the next segment: none that is removed in the same step */
  guint64 sequence;
  Day days[SPAM_DAYS];
  gboolean is_state_changed;
  GBytes *state;
};

const char *const spam_count_names[SPAM_N_COUNTS] = { "spam", "ham", "before", "declined", "gone", "failed" };

static void
segment_free (gpointer data)
{
  Segment *segment = data;
  g_clear_pointer (&segment->rows, g_byte_array_unref);
  g_clear_pointer (&segment->stored, g_bytes_unref);
  g_free (segment);
}

static Segment *
add_segment (SpamQueue *queue, guint32 number, GByteArray *rows)
{
  Segment *segment = g_new0 (Segment, 1);
  segment->rows = rows;
  queue->next_number = number + 1;
  g_snprintf (segment->name, sizeof segment->name, PREFIX "%08x", number);
  g_ptr_array_add (queue->segments, segment);
  return segment;
}

void
spam_queue_free (SpamQueue *queue)
{
  if (queue == NULL)
    return;
  g_ptr_array_unref (queue->segments);
  g_ptr_array_unref (queue->removed);
  g_clear_pointer (&queue->state, g_bytes_unref);
  g_free (queue);
}

/* ---- reading ---- */

static void
list_segment (SpamQueue *queue, const char *name)
{
  const char *at = name + strlen (PREFIX);
  guint64 number;
  if (satchel_number_take (&at, NULL, 16, G_MAXUINT32, &number) && *at == '\0')
    (void) add_segment (queue, (guint32) number, NULL);
}

/* Reads the rows of a segment, unless they have been read. */
static gboolean
read_segment (SpamQueue *queue, Segment *segment, GError **error)
{
  if (segment->rows != NULL)
    return TRUE;
  g_autoptr (GBytes) blob = satchel_store_get_blob (queue->store, SPAM_SPACE, segment->name, error);
  if (blob == NULL)
    return FALSE;
  gsize len;
  const guint8 *data = g_bytes_get_data (blob, &len);
  segment->rows = g_byte_array_new ();
  if (len % ROW_BYTES == 0 && len <= SPAM_SEGMENT_ITEMS * ROW_BYTES)
    g_byte_array_append (segment->rows, data, (guint) len);
  else
    satchel_log (SATCHEL_LOG_ERROR, "spam", "user=%s a part of the queue of messages to learn is damaged",
                 satchel_store_user (queue->store));
  return TRUE;
}

static void
parse_day (SpamQueue *queue, const char *line)
{
  Day day = { 0 };
  guint64 number;
  if (!satchel_text_take (&line, "day ") || !satchel_number_take (&line, NULL, 10, G_MAXUINT32, &number))
    return;
  day.day = (gint64) number;
  for (guint i = 0; i < SPAM_N_COUNTS; i++)
    if (!satchel_text_take (&line, " ")
        || !satchel_number_take (&line, NULL, 10, G_MAXUINT64 / 2, &day.counts[i]))
      return;
  queue->days[number % SPAM_DAYS] = day;
}

static gboolean
load_state (SpamQueue *queue, SatchelStore *store, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) blob = satchel_store_get_blob (store, SPAM_SPACE, STATE, &local);
  if (blob == NULL && g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  if (blob == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  gsize len;
  const char *data = g_bytes_get_data (blob, &len);
  g_autofree char *text = g_strndup (data, len);
  g_auto (GStrv) lines = g_strsplit (text, "\n", SPAM_DAYS + 2);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = lines[i];
      if (satchel_text_take (&line, "sequence "))
        (void) satchel_number_take (&line, NULL, 10, G_MAXUINT64, &queue->sequence);
      else
        parse_day (queue, line);
    }
  return TRUE;
}

SpamQueue *
spam_queue_load (SatchelStore *store, GError **error)
{
  g_autoptr (SpamQueue) queue = g_new0 (SpamQueue, 1);
  queue->store = store;
  queue->segments = g_ptr_array_new_with_free_func (segment_free);
  queue->removed = g_ptr_array_new_with_free_func (segment_free);
  g_auto (GStrv) names = satchel_store_list_blobs (store, SPAM_SPACE, error);
  if (names == NULL || !load_state (queue, store, error))
    return NULL;
  for (guint i = 0; names[i] != NULL; i++)
    if (g_str_has_prefix (names[i], PREFIX))
      list_segment (queue, names[i]);
  return g_steal_pointer (&queue);
}

/* ---- items ---- */

guint64
spam_queue_sequence (const SpamQueue *queue)
{
  return queue->sequence;
}

void
spam_queue_set_sequence (SpamQueue *queue, guint64 sequence)
{
  queue->is_state_changed = queue->is_state_changed || queue->sequence != sequence;
  queue->sequence = sequence;
}

gboolean
spam_queue_is_empty (const SpamQueue *queue)
{
  return queue->segments->len == 0;
}

static guint
n_rows (const Segment *segment)
{
  return segment->rows != NULL ? segment->rows->len / ROW_BYTES : 0;
}

static void
drop_segment (SpamQueue *queue, guint index)
{
  g_ptr_array_add (queue->removed, g_ptr_array_steal_index (queue->segments, index));
}

gboolean
spam_queue_need (SpamQueue *queue, guint n, GError **error)
{
  guint n_read = 0;
  for (guint i = 0; i < queue->segments->len && (n_read < n || i + 1 == queue->segments->len);)
    {
      if (!read_segment (queue, queue->segments->pdata[i], error))
        return FALSE;
      guint here = n_rows (queue->segments->pdata[i]);
      n_read += here;
      if (here == 0)
        drop_segment (queue, i);
      else
        i++;
    }
  guint last = queue->segments->len - 1;
  return queue->segments->len == 0 || read_segment (queue, queue->segments->pdata[last], error);
}

guint
spam_queue_n_items (const SpamQueue *queue)
{
  guint n = 0;
  for (guint i = 0; i < queue->segments->len; i++)
    n += n_rows (queue->segments->pdata[i]);
  return n;
}

static guint64
read_number (const guint8 *at, guint n_bytes)
{
  guint64 number = 0;
  for (guint i = n_bytes; i > 0; i--)
    number = number << 8 | at[i - 1];
  return number;
}

static void
write_number (guint8 *at, guint n_bytes, guint64 number)
{
  for (guint i = 0; i < n_bytes; i++, number >>= 8)
    at[i] = (guint8) number;
}

gboolean
spam_queue_item (const SpamQueue *queue, guint index, SpamItem *ret_item)
{
  for (guint i = 0; i < queue->segments->len; i++)
    {
      const Segment *segment = queue->segments->pdata[i];
      if (index >= n_rows (segment))
        {
          index -= n_rows (segment);
          continue;
        }
      const guint8 *row = segment->rows->data + (gsize) index * ROW_BYTES;
      ret_item->is_spam = (row[ROW_FLAGS] & ROW_FLAG_SPAM) != 0;
      ret_item->had_contrary = (row[ROW_FLAGS] & ROW_FLAG_CONTRARY) != 0;
      memcpy (ret_item->mailbox_id, row + ROW_MAILBOX, sizeof ret_item->mailbox_id);
      ret_item->uidvalidity = (guint32) read_number (row + ROW_UIDVALIDITY, 4);
      ret_item->uid = (guint32) read_number (row + ROW_UID, 4);
      ret_item->queued_s = (gint64) read_number (row + ROW_QUEUED, 8);
      return TRUE;
    }
  return FALSE;
}

gboolean
spam_queue_add (SpamQueue *queue, const SpamItem *item)
{
  Segment *last = queue->segments->len > 0 ? queue->segments->pdata[queue->segments->len - 1] : NULL;
  if (last == NULL || n_rows (last) >= SPAM_SEGMENT_ITEMS)
    {
      if (queue->segments->len >= SPAM_SEGMENTS_MAX)
        return FALSE;
      last = add_segment (queue, queue->next_number, g_byte_array_new ());
    }
  guint8 row[ROW_BYTES] = { [ROW_FLAGS] = (guint8) ((item->is_spam ? ROW_FLAG_SPAM : 0u)
                                                    | (item->had_contrary ? ROW_FLAG_CONTRARY : 0u)) };
  memcpy (row + ROW_MAILBOX, item->mailbox_id, sizeof item->mailbox_id);
  write_number (row + ROW_UIDVALIDITY, 4, item->uidvalidity);
  write_number (row + ROW_UID, 4, item->uid);
  write_number (row + ROW_QUEUED, 8, (guint64) item->queued_s);
  g_byte_array_append (last->rows, row, ROW_BYTES);
  last->is_changed = TRUE;
  return TRUE;
}

void
spam_queue_remove_first (SpamQueue *queue, guint n)
{
  while (n > 0 && queue->segments->len > 0)
    {
      Segment *first = queue->segments->pdata[0];
      guint here = MIN (n, n_rows (first));
      n -= here;
      g_byte_array_remove_range (first->rows, 0, here * ROW_BYTES);
      first->is_changed = TRUE;
      if (first->rows->len == 0)
        drop_segment (queue, 0);
    }
}

/* ---- counts ---- */

void
spam_queue_count (SpamQueue *queue, SpamCount what, guint n, gint64 now_s)
{
  gint64 day = MAX (now_s, 0) / DAY_S;
  Day *today = &queue->days[day % SPAM_DAYS];
  if (today->day != day)
    *today = (Day) { .day = day };
  today->counts[what] += n;
  queue->is_state_changed = queue->is_state_changed || n > 0;
}

guint64
spam_queue_sum (const SpamQueue *queue, SpamCount what, guint n_days, gint64 now_s)
{
  gint64 today = MAX (now_s, 0) / DAY_S;
  guint64 sum = 0;
  for (guint i = 0; i < SPAM_DAYS; i++)
    if (queue->days[i].day <= today && queue->days[i].day > today - n_days)
      sum += queue->days[i].counts[what];
  return sum;
}

/* ---- storing ---- */

static GBytes *
format_state (const SpamQueue *queue)
{
  GString *text = g_string_new (NULL);
  g_string_append_printf (text, "sequence %" G_GUINT64_FORMAT "\n", queue->sequence);
  for (guint i = 0; i < SPAM_DAYS; i++)
    if (queue->days[i].day > 0)
      {
        g_string_append_printf (text, "day %" G_GINT64_FORMAT, queue->days[i].day);
        for (guint k = 0; k < SPAM_N_COUNTS; k++)
          g_string_append_printf (text, " %" G_GUINT64_FORMAT, queue->days[i].counts[k]);
        g_string_append_c (text, '\n');
      }
  return g_string_free_to_bytes (text);
}

static void
add_change (GArray *changes, const char *name, GBytes *value)
{
  const SatchelBlob change = { name, value };
  g_array_append_val (changes, change);
}

void
spam_queue_add_changes (SpamQueue *queue, GArray *changes)
{
  for (guint i = 0; i < queue->segments->len; i++)
    {
      Segment *segment = queue->segments->pdata[i];
      if (!segment->is_changed)
        continue;
      g_clear_pointer (&segment->stored, g_bytes_unref);
      segment->stored = g_bytes_new (segment->rows->data, segment->rows->len);
      segment->is_changed = FALSE;
      add_change (changes, segment->name, segment->stored);
    }
  for (guint i = 0; i < queue->removed->len; i++)
    add_change (changes, ((Segment *) queue->removed->pdata[i])->name, NULL);
  if (queue->is_state_changed)
    {
      g_clear_pointer (&queue->state, g_bytes_unref);
      queue->state = format_state (queue);
      queue->is_state_changed = FALSE;
      add_change (changes, STATE, queue->state);
    }
}
