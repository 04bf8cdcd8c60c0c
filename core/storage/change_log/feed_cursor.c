/* SPDX-License-Identifier: MIT
 * Implements the cursor of a listener: how much of a user's change log it has heard. The cursor is a small
 * file that is replaced as a whole. After the process has ended, for any reason, the listener hears the last
 * changes again, and misses none.
 */
#include "config.h"

#include "core/storage/change_log/change_log.h"
#include "core/storage/change_log/feed_private.h"

#include <satchel/number.h>
#include <stdio.h>
#include <string.h>

#define CURSOR_BYTES 256u
#define SAVE_CHANGES 32u
#define SAVE_US (200 * 1000)
/* after so many processes ended during a change, the next one waits before it tries that change */
#define DEATHS_FREE 3u
#define WAIT_MAX_MS 300000u

typedef struct Cursor
{
  SatchelStoreCore *store;
  char *file;
  SatchelChangePlace place;
  guint64 sequence; /* sequence number of the last change before `place` */
  gboolean needs_resync;
  guint deaths; /* number of processes that ended while the listener heard the change at `place` */
  guint n_unsaved;
  gint64 saved_us;
} Cursor;

static gboolean
save_cursor (Cursor *cursor, SatchelFileWrite how, GError **error)
{
  g_autofree char *text = g_strdup_printf ("satchel-cursor 1 %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                                           " %u %" G_GUINT64_FORMAT " %d %u",
                                           cursor->place.generation, cursor->place.offset, cursor->place.done,
                                           cursor->sequence, cursor->needs_resync, cursor->deaths);
  g_autofree char *line = g_strdup_printf ("%s %08x\n", text, satchel_change_checksum (text, strlen (text)));
  g_autoptr (GBytes) bytes = g_bytes_new (line, strlen (line));
  cursor->n_unsaved = 0;
  cursor->saved_us = g_get_monotonic_time ();
  return satchel_storage_write_file (&cursor->store->client, cursor->store->background, cursor->file, 0,
                                     bytes, how, error);
}

static gboolean
parse_cursor (Cursor *cursor, const char *line)
{
  const char *last = strrchr (line, ' '), *at = last != NULL ? last + 1 : NULL;
  guint64 sum, numbers[6];
  if (at == NULL || !satchel_number_take (&at, NULL, 16, G_MAXUINT32, &sum)
      || sum != satchel_change_checksum (line, (gsize) (last - line)))
    return FALSE;
  at = line;
  if (!satchel_text_take (&at, "satchel-cursor 1"))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!satchel_text_take (&at, " ") || !satchel_number_take (&at, NULL, 10, G_MAXUINT64, &numbers[i]))
      return FALSE;
  cursor->place = (SatchelChangePlace) { numbers[0], numbers[1], (guint) numbers[2] };
  cursor->sequence = numbers[3];
  cursor->needs_resync = numbers[4] != 0;
  cursor->deaths = (guint) numbers[5];
  return TRUE;
}

/* Puts the cursor at the end of the log. */
static gboolean
begin_anew (Cursor *cursor, GError **error)
{
  cursor->sequence = satchel_change_log_end (cursor->store->changes, &cursor->place);
  cursor->needs_resync = TRUE;
  cursor->deaths = 0;
  return save_cursor (cursor, SATCHEL_FILE_REPLACE_SYNC, error);
}

/* Loads a cursor. If it is missing or damaged, it begins at the end of the log with a RESYNC, which must not
 * get lost either. */
static gboolean
load_cursor (Cursor *cursor, SatchelStoreCore *store, const char *listener, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  *cursor = (Cursor) { .store = store,
                       .file = g_strconcat ("cursor-", listener, NULL),
                       .saved_us = g_get_monotonic_time () };
  g_strcanon (cursor->file, "abcdefghijklmnopqrstuvwxyz0123456789", '-');
  if (!satchel_storage_read_file (&store->client, store->background, cursor->file, 0, CURSOR_BYTES, data,
                                  error))
    return FALSE;
  g_byte_array_append (data, (const guint8 *) "", 1);
  if (parse_cursor (cursor, (const char *) data->data))
    return TRUE;
  return begin_anew (cursor, error);
}

static void
cursor_clear (Cursor *cursor)
{
  g_free (cursor->file);
}

gboolean
satchel_feed_cursor_attach (SatchelStoreCore *store, const char *listener, GError **error)
{
  Cursor cursor;
  gboolean ok = load_cursor (&cursor, store, listener, error);
  cursor_clear (&cursor);
  return ok;
}

static gboolean
call_listener (const SatchelStoreListener *listener, SatchelStore *store, const SatchelChange *change,
               GError **error)
{
  g_autoptr (GError) local = NULL;
  satchel_feed_begin_call (listener->name, store->core->user, change);
  gboolean is_done = listener->ops->heard (store, change, &local);
  satchel_feed_end_call (listener->name, is_done);
  if (is_done)
    return TRUE;
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  else
    satchel_error_set (error, SATCHEL_ERROR_FAILED, "the listener gave no reason");
  return FALSE;
}

/* Notes that the listener has heard one change more. */
static gboolean
count_heard (Cursor *cursor, GError **error)
{
  cursor->deaths = 0;
  cursor->n_unsaved++;
  return (cursor->n_unsaved < SAVE_CHANGES && g_get_monotonic_time () - cursor->saved_us < SAVE_US)
         || save_cursor (cursor, SATCHEL_FILE_REPLACE, error);
}

static gboolean
tell_resync (Cursor *cursor, const SatchelStoreListener *listener, SatchelStore *store, GError **error)
{
  SatchelChange change = { .size = sizeof change,
                           .kind = SATCHEL_CHANGE_RESYNC,
                           .sequence = cursor->sequence,
                           .time = g_get_real_time () / G_USEC_PER_SEC,
                           .mailbox.name = "",
                           .destination.name = "",
                           .access = cursor->store->background };
  if (!call_listener (listener, store, &change, error))
    return FALSE;
  cursor->needs_resync = FALSE;
  cursor->deaths = 0;
  return save_cursor (cursor, SATCHEL_FILE_REPLACE, error);
}

static gboolean
tell_frame (Cursor *cursor, const SatchelStoreListener *listener, SatchelStore *store,
            const SatchelChangeSet *set, GError **error)
{
  while (cursor->place.done < set->notes->len)
    {
      const SatchelChangeNote *note = set->notes->pdata[cursor->place.done];
      if (satchel_feed_is_stopping ())
        return TRUE;
      if (!call_listener (listener, store, &note->change, error))
        return FALSE;
      cursor->place.done++;
      cursor->sequence = note->change.sequence;
      if (!count_heard (cursor, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
call_for_all (Cursor *cursor, const SatchelStoreListener *listener, SatchelStore *store, GError **error)
{
  while (!satchel_feed_is_stopping ())
    {
      g_autoptr (SatchelChangeSet) set = NULL;
      SatchelChangePlace next;
      if (cursor->needs_resync && !tell_resync (cursor, listener, store, error))
        return FALSE;
      switch (satchel_change_log_read (cursor->store->changes, &cursor->place, &set, &next, error))
        {
        case SATCHEL_CHANGE_READ_OK:
          if (!tell_frame (cursor, listener, store, set, error))
            return FALSE;
          if (cursor->place.done >= set->notes->len)
            cursor->place = next;
          break;
        case SATCHEL_CHANGE_READ_END:
          return TRUE;
        case SATCHEL_CHANGE_READ_LOST:
          if (!begin_anew (cursor, error))
            return FALSE;
          break;
        case SATCHEL_CHANGE_READ_FAILED:
          return FALSE;
        }
    }
  return TRUE;
}

/* Returns how many ms to wait before the change is tried.  A process that ended during a listener's call may
 * have ended because of it, so with each such end the wait grows. 0: no wait. */
static guint
wait_after_deaths (const Cursor *cursor)
{
  return cursor->deaths < DEATHS_FREE ? 0
                                      : MIN (WAIT_MAX_MS, 1000u << MIN (cursor->deaths - DEATHS_FREE, 9u));
}

/* Counts an end of the process in advance, so that the cursor has it if this process ends during the call. */
static gboolean
count_death (Cursor *cursor, GError **error)
{
  cursor->deaths++;
  return save_cursor (cursor, SATCHEL_FILE_REPLACE, error);
}

gboolean
satchel_feed_run (SatchelStore *store, const SatchelStoreListener *listener, SatchelFeedTurn turn,
                  guint *ret_wait_ms, GError **error)
{
  Cursor cursor;
  *ret_wait_ms = 0;
  if (store->core->changes == NULL)
    return TRUE;
  gboolean ok = load_cursor (&cursor, store->core, listener->name, error);
  if (ok && (cursor.needs_resync || !satchel_change_log_is_at_end (store->core->changes, &cursor.place)))
    {
      /* A process that is killed while it waits has made no call, so it is no death to count. */
      if (turn == SATCHEL_FEED_FIRST)
        *ret_wait_ms = wait_after_deaths (&cursor);
      ok = *ret_wait_ms > 0 || turn == SATCHEL_FEED_AGAIN || count_death (&cursor, error);
      if (ok && *ret_wait_ms == 0)
        {
          ok = call_for_all (&cursor, listener, store, error);
          if (!ok)
            cursor.deaths = 0; /* the listener has answered, so the process lives */
          ok = save_cursor (&cursor, SATCHEL_FILE_REPLACE, ok ? error : NULL) && ok;
        }
    }
  cursor_clear (&cursor);
  return ok;
}
