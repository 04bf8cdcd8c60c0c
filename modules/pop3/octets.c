/* SPDX-License-Identifier: MIT
 * This file finds the number of octets of each message that LIST, STAT and RETR report (RFC 1939 11, RFC
 * 6856 2.1).  It differs from the size of the message if RETR has to end the last line, or sends a
 * surrogate.
 */
#include "pop3_session.h"

#include <string.h>

typedef struct Batch
{
  const SatchelChunk *chunk;
  gboolean wants_surrogates;
  guint8 is_surrogate[SATCHEL_CHUNK_MESSAGES], lacks_end[SATCHEL_CHUNK_MESSAGES];
} Batch;

static void
note_key (guint row, const void *key, gsize len, gpointer data)
{
  Batch *batch = data;
  gboolean is_internationalized, ends_in_crlf;
  satchel_key_maildrop (key, len, &is_internationalized, &ends_in_crlf);
  batch->is_surrogate[row] = is_internationalized && batch->wants_surrogates;
  batch->lacks_end[row] = !ends_in_crlf;
}

static gboolean
is_gone (const GError *error)
{
  return g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_GONE)
         || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
}

/* Counts the octets of a message, with the line end that RETR adds. */
static gboolean
count_octets (SatchelStream *content, guint64 *ret, GError **error)
{
  char tail[2] = "";
  gint64 length = satchel_stream_length (content, error);
  if (length < 0)
    return FALSE;
  *ret = (guint64) length;
  if (length >= 2 && satchel_stream_read_at (content, (guint64) length - 2, tail, 2, error) < 0)
    return FALSE;
  if (length > 0 && memcmp (tail, "\r\n", 2) != 0)
    *ret += 2;
  return TRUE;
}

static void
note_size (Pop3 *pop3, guint32 index, guint64 size)
{
  if (pop3->sizes == NULL)
    pop3->sizes = g_new0 (guint64, pop3->snapshot->state.n_messages);
  pop3->sizes[index] = size;
}

static void
note_surrogate (Pop3 *pop3, guint32 index)
{
  if (pop3->surrogates == NULL)
    pop3->surrogates = g_malloc0 (pop3->snapshot->state.n_messages / 8 + 1);
  pop3->surrogates[index / 8] = (guint8) (pop3->surrogates[index / 8] | (1u << (index % 8)));
}

/* Measures one message whose size is not that of the snapshot.  RETR refuses a message that cannot be read
 * now, so its size does not matter. */
static gboolean
measure (Pop3 *pop3, guint32 index, gboolean is_surrogate, GError **error)
{
  g_autoptr (GError) why = NULL;
  guint64 size;
  if (is_surrogate)
    note_surrogate (pop3, index);
  g_autoptr (SatchelStream) content = pop3_open_message (pop3, index, NULL, &why);
  if (content != NULL && count_octets (content, &size, &why))
    note_size (pop3, index, size);
  else if (!is_gone (why) && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED))
    satchel_session_log (pop3->session, SATCHEL_LOG_WARNING, "message %u not measured: %s", index + 1,
                         why->message);
  return !satchel_session_is_cancelled (pop3->session)
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "the session is about to end");
}

/* Notes the size that the newest snapshot has where this session's has none, or another: it was counted when
 * the key was made. */
static void
note_newest_size (Pop3 *pop3, const SatchelSnapshot *newest, guint32 index)
{
  guint32 at;
  guint row;
  if (!satchel_snapshot_find (newest, pop3_uid (pop3, index), &at))
    return;
  const SatchelChunk *chunk = satchel_snapshot_at (newest, at, &row);
  guint own_row;
  const SatchelChunk *own = satchel_snapshot_at (pop3->snapshot, index, &own_row);
  if (chunk->size[row] != SATCHEL_SIZE_UNKNOWN && chunk->size[row] != own->size[own_row])
    note_size (pop3, index, chunk->size[row]);
}

static gboolean
find_in_chunk (Pop3 *pop3, guint32 first, Batch *batch, GError **error)
{
  const SatchelChunk *chunk = batch->chunk;
  memset (batch->is_surrogate, 0, sizeof batch->is_surrogate);
  memset (batch->lacks_end, 0, sizeof batch->lacks_end);
  if (!satchel_mailbox_keys (pop3->mailbox, SATCHEL_KEY_MAILDROP, chunk->uid, chunk->n, note_key, batch, NULL,
                             error))
    return FALSE;
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (pop3->mailbox);
  for (guint row = 0; row < chunk->n; row++)
    {
      if (newest != pop3->snapshot)
        note_newest_size (pop3, newest, first + row);
      if ((batch->is_surrogate[row] || batch->lacks_end[row])
          && !measure (pop3, first + row, batch->is_surrogate[row], error))
        return FALSE;
      pop3->total_size += pop3_size (pop3, first + row);
    }
  return !satchel_session_is_cancelled (pop3->session)
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "the session is about to end");
}

gboolean
pop3_find_octets (Pop3 *pop3, GError **error)
{
  const SatchelSnapshot *snapshot = pop3->snapshot;
  g_autofree Batch *batch = g_new0 (Batch, 1);
  batch->wants_surrogates = !pop3->authorization.is_utf8 && pop3->settings.sends_surrogates;
  pop3->total_size = 0;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    {
      batch->chunk = snapshot->chunks[c];
      if (!find_in_chunk (pop3, snapshot->first_index[c], batch, error))
        return FALSE;
    }
  return TRUE;
}
