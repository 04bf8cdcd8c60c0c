/* SPDX-License-Identifier: MIT
 * Implements RETR and TOP (RFC 1939 5 and 7). Content is read a piece at a time, in jobs unless it is in
 * memory already, dot-stuffed, and sent as the client takes it, so that no big message is held as a whole.
 */
#include "pop3_session.h"

#include <string.h>

enum
{
  PIECE_BYTES = 65536
};

/* Stuffs a dot at each line start.  A lone LF counts as a line end too: a client that reads lines by LF must
 * not be made to see an end of the answer inside of it. Returns how much of @data is wanted (TOP ends early).
 */
static gsize
stuff (Pop3 *pop3, const guint8 *data, gsize len)
{
  gsize at = 0, copied = 0; /* lines are copied together until one begins with a dot */
  while (at < len)
    {
      if (pop3->is_at_line_start)
        {
          /* TOP counts lines after the header. */
          if (pop3->lines_left >= 0 && pop3->header_left == 0)
            {
              if (pop3->lines_left == 0)
                break;
              pop3->lines_left--;
            }
          if (data[at] == '.')
            {
              g_string_append_len (pop3->chunk, (const char *) data + copied, (gssize) (at - copied));
              g_string_append_c (pop3->chunk, '.');
              copied = at;
            }
        }
      const guint8 *lf = memchr (data + at, '\n', len - at);
      gsize n = lf != NULL ? (gsize) (lf - (data + at)) + 1 : len - at;
      pop3->header_left -= MIN (n, pop3->header_left);
      pop3->is_at_line_start = lf != NULL;
      at += n;
    }
  g_string_append_len (pop3->chunk, (const char *) data + copied, (gssize) (at - copied));
  return at;
}

/* Reads a piece of the content, which is open. */
static void
read_piece (Pop3 *pop3)
{
  g_autofree guint8 *buffer = g_malloc (pop3->want);
  gssize n = satchel_stream_read_at (pop3->content, pop3->offset, buffer, pop3->want, &pop3->error);
  if (n < 0)
    return;
  pop3->offset += (guint64) n;
  gsize used = stuff (pop3, buffer, (gsize) n);
  pop3->chunk_is_last = used < pop3->want;
  if (used >= 2)
    pop3->last_byte = buffer[used - 2];
  if (used >= 1)
    {
      pop3->ends_in_crlf = pop3->last_byte == '\r' && buffer[used - 1] == '\n';
      pop3->last_byte = buffer[used - 1];
    }
}

static void
piece_job (gpointer data)
{
  Pop3 *pop3 = data;
  if (pop3->content == NULL)
    pop3->content = pop3_open_message (pop3, pop3->message, pop3->lines_left >= 0 ? &pop3->header_left : NULL,
                                       &pop3->error);
  if (pop3->content != NULL)
    read_piece (pop3);
}

static void
send_chunk (Pop3 *pop3)
{
  if (!pop3->is_begun && pop3->lines_left < 0)
    pop3_say_ok (pop3->connection, "%" G_GUINT64_FORMAT " %s", pop3_size (pop3, pop3->message),
                 pop3_word (pop3, POP3_WORD_OCTETS));
  else if (!pop3->is_begun)
    pop3_reply (pop3, POP3_TEXT_TOP);
  pop3->is_begun = TRUE;
  if (pop3->chunk_is_last && !pop3->ends_in_crlf)
    g_string_append (pop3->chunk, "\r\n");
  pop3_say_lines (pop3->connection, g_steal_pointer (&pop3->chunk), pop3->chunk_is_last);
}

/* Notes a message that was retrieved whole, which counts as read. */
static void
note_seen (Pop3 *pop3)
{
  if (!pop3->settings.marks_seen)
    return;
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (pop3->snapshot, pop3->message, &row);
  if ((chunk->flags[row] & SATCHEL_FLAG_SEEN) == 0)
    satchel_uid_set_add (&pop3->seen, chunk->uid[row], chunk->uid[row]);
}

static Pop3Text
text_for_message (const GError *error)
{
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_GONE))
    return POP3_TEXT_MESSAGE_GONE;
  /* AUTH is for answers to a login only (RFC 3206 4). */
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED))
    return POP3_TEXT_MESSAGE_LOCKED;
  return pop3_error_lasting (error) == POP3_ERROR_PERMANENT ? POP3_TEXT_MESSAGE_BROKEN
                                                            : POP3_TEXT_MESSAGE_UNREADABLE;
}

static void
fail_retrieval (Pop3 *pop3)
{
  Pop3Text text = text_for_message (pop3->error);
  /* An administrator need not hear of these. */
  gboolean is_usual = text == POP3_TEXT_MESSAGE_GONE || text == POP3_TEXT_MESSAGE_LOCKED;
  if (is_usual || satchel_error_is_news (pop3->error))
    satchel_session_log (pop3->session, is_usual ? SATCHEL_LOG_INFO : SATCHEL_LOG_WARNING,
                         "message %u not sent: %s", pop3->message + 1, pop3->error->message);
  g_clear_error (&pop3->error);
  if (!pop3->is_begun)
    {
      pop3_reply (pop3, text);
      return;
    }
  /* Half of an answer has been sent, so only the end of the connection tells the client that it failed. */
  pop3_set_state (pop3, POP3_CLOSING);
  satchel_connection_abort (pop3->connection);
}

/* Goes on when a piece was read, or could not be. */
static Pop3StepResult
end_piece (Pop3 *pop3)
{
  if (pop3->error != NULL)
    fail_retrieval (pop3);
  else
    {
      send_chunk (pop3);
      if (!pop3->chunk_is_last)
        return POP3_STEP_AGAIN;
      if (pop3->lines_left < 0)
        note_seen (pop3);
    }
  pop3_retrieve_end (pop3);
  return POP3_STEP_DONE;
}

static void
piece_done (gpointer data)
{
  Pop3 *pop3 = data;
  if (end_piece (pop3) == POP3_STEP_DONE)
    pop3_ready (pop3);
  else
    pop3_continue (pop3);
}

/* Sends the next piece. A message in memory is sent at once: the way through a job costs more than reading
 * it. */
static Pop3StepResult
retrieve_step (Pop3 *pop3)
{
  pop3->want = CLAMP (satchel_connection_room (pop3->connection), 1, PIECE_BYTES);
  pop3->chunk = g_string_sized_new (pop3->want + 64);
  if (pop3->is_in_memory)
    {
      read_piece (pop3);
      return end_piece (pop3);
    }
  satchel_session_run (pop3->session, "pop3 RETR", piece_job, piece_done, pop3);
  return POP3_STEP_JOB;
}

void
pop3_retrieve_end (Pop3 *pop3)
{
  g_clear_pointer (&pop3->content, satchel_stream_unref);
  if (pop3->chunk != NULL)
    g_string_free (g_steal_pointer (&pop3->chunk), TRUE);
}

void
pop3_retrieve (Pop3 *pop3, guint32 index, gint64 lines)
{
  pop3->message = index;
  pop3->lines_left = lines;
  pop3->offset = 0;
  pop3->header_left = 0;
  pop3->is_at_line_start = TRUE;
  pop3->is_begun = pop3->chunk_is_last = FALSE;
  pop3->ends_in_crlf = TRUE; /* an empty message needs no line end */
  pop3->last_byte = 0;
  /* The attributes say where the header ends, as they do for IMAP, so a job asks for them. */
  if (lines < 0 && !pop3_has_surrogate (pop3, index))
    pop3->content = satchel_mailbox_peek_message (pop3->mailbox, pop3_uid (pop3, index));
  pop3->is_in_memory = pop3->content != NULL;
  pop3_begin (pop3, retrieve_step);
}
