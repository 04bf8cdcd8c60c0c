/* SPDX-License-Identifier: MIT
 * Takes the content of a message: DATA, whose dots are unstuffed (RFC 5321 4.5.2), and chunks of BDAT (RFC
 * 3030). It puts trace fields in front, and sends one reply for each recipient at the end (RFC 2033 4.2).
 */
#include "lmtp_session.h"

#include <string.h>

static void
append (Lmtp *lmtp, const void *data, gsize len)
{
  if (len > 0 && lmtp->failure == SATCHEL_DELIVERY_OK)
    g_byte_array_append (lmtp->block, data, (guint) len);
}

/* Writes Return-Path and one Received (RFC 5321 4.4), without "for", which would tell recipients of each
 * other. Delivered-To comes only with a single recipient, so that several can share one file. */
static void
append_trace (Lmtp *lmtp)
{
  g_autoptr (GString) trace = g_string_new (NULL);
  g_string_append_printf (trace, "Return-Path: <%s>\r\n", lmtp->sender);
  if (lmtp->recipients->len == 1)
    g_string_append_printf (trace, "Delivered-To: %s\r\n", (char *) g_ptr_array_index (lmtp->recipients, 0));
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *date = g_date_time_format (now, "%a, %d %b %Y %H:%M:%S %z");
  const char *peer = satchel_session_peer (lmtp->session);
  g_string_append_printf (trace, "Received: from %s (%s%s%s)\r\n\tby %s with %s id %s;\r\n\t%s\r\n",
                          lmtp->client, strcmp (peer, "local") == 0 ? "" : "[", peer,
                          strcmp (peer, "local") == 0 ? "" : "]", satchel_hostname (),
                          lmtp->is_utf8 ? "UTF8LMTP" : "LMTP", satchel_delivery_id (lmtp->delivery), date);
  append (lmtp, trace->str, trace->len);
}

void
lmtp_content_begin (Lmtp *lmtp)
{
  lmtp->data_state = LMTP_AT_START;
  lmtp->n_bytes = 0;
  lmtp->failure = SATCHEL_DELIVERY_OK;
  append_trace (lmtp);
}

static void
finish_content (Lmtp *lmtp, const SatchelDeliveryStatus *statuses)
{
  for (guint i = 0; i < lmtp->recipients->len; i++)
    {
      SatchelDeliveryStatus status = statuses != NULL ? statuses[i] : lmtp->failure;
      const char *recipient = g_ptr_array_index (lmtp->recipients, i);
      if (status == SATCHEL_DELIVERY_OK)
        {
          lmtp_say_saved (lmtp->connection, recipient, satchel_delivery_id (lmtp->delivery));
          continue;
        }
      const char *text = statuses != NULL ? satchel_delivery_text (lmtp->delivery, i) : NULL;
      g_autofree char *reply = lmtp_refusal (&lmtp->settings, status, text);
      lmtp_say_refusal (lmtp->connection, reply, recipient);
      if (*reply == '5')
        lmtp_log_refusal (lmtp, reply, satchel_delivery_id (lmtp->delivery), recipient);
    }
  lmtp_reset (lmtp);
  lmtp_set_busy (lmtp, FALSE);
}

static void
on_finished (SatchelDelivery *delivery, const SatchelDeliveryStatus *statuses, guint n, gpointer data)
{
  finish_content (data, statuses);
}

static void
end_content (Lmtp *lmtp)
{
  lmtp_set_state (lmtp, LMTP_COMMAND);
  lmtp_set_busy (lmtp, TRUE);
  if (lmtp->failure != SATCHEL_DELIVERY_OK)
    finish_content (lmtp, NULL);
  else
    satchel_delivery_finish (lmtp->delivery, on_finished, lmtp);
}

static void
answer_chunk (Lmtp *lmtp)
{
  if (lmtp->failure == SATCHEL_DELIVERY_OK)
    {
      lmtp_reply (lmtp, LMTP_SAY_CHUNK_TAKEN);
      return;
    }
  g_autofree char *reply = lmtp_refusal (&lmtp->settings, lmtp->failure, NULL);
  lmtp_say_refusal (lmtp->connection, reply, NULL);
}

/* Goes on after a block was written. */
static void
block_written (Lmtp *lmtp)
{
  g_byte_array_set_size (lmtp->block, 0);
  gboolean ends_content = lmtp->block_ends_content;
  lmtp->block_ends_content = FALSE;
  if (ends_content)
    end_content (lmtp);
  else if (lmtp->state == LMTP_CHUNK && lmtp->chunk_left == 0)
    {
      lmtp_set_state (lmtp, LMTP_COMMAND);
      answer_chunk (lmtp);
    }
}

static void
write_block (Lmtp *lmtp)
{
  g_autoptr (GError) error = NULL;
  if (lmtp->failure == SATCHEL_DELIVERY_OK && lmtp->block->len > 0
      && !satchel_delivery_write (lmtp->delivery, lmtp->block->data, lmtp->block->len, &error))
    {
      gboolean is_full = g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE);
      lmtp->failure = is_full ? SATCHEL_DELIVERY_NOSPACE : SATCHEL_DELIVERY_TEMPORARY;
      satchel_session_log (lmtp->session, SATCHEL_LOG_WARNING, "content not taken: %s", error->message);
    }
}

static void
write_block_job (gpointer data)
{
  write_block (data);
}

static void
write_block_done (gpointer data)
{
  Lmtp *lmtp = data;
  lmtp->is_busy = FALSE;
  block_written (lmtp);
  if (!lmtp->is_busy)
    lmtp_set_busy (lmtp, FALSE);
}

/* Writes a block. Small messages stay in memory, and need no job. */
static void
flush_block (Lmtp *lmtp, gboolean ends_content)
{
  lmtp->block_ends_content = ends_content;
  lmtp->n_bytes += lmtp->block->len;
  if (lmtp->failure == SATCHEL_DELIVERY_OK && lmtp->n_bytes > satchel_limits ()->message_size + 4096)
    {
      lmtp->failure = SATCHEL_DELIVERY_TOO_BIG;
      g_byte_array_set_size (lmtp->block, 0);
    }
  if (lmtp->n_bytes <= LMTP_INLINE_BYTES || lmtp->failure != SATCHEL_DELIVERY_OK)
    {
      write_block (lmtp);
      block_written (lmtp);
      return;
    }
  lmtp->is_busy = TRUE;
  satchel_session_run (lmtp->session, "lmtp content", write_block_job, write_block_done, lmtp);
}

/* These take content of DATA in one state each, and return how many bytes they took. */
static gsize
take_text (Lmtp *lmtp, const guint8 *data, gsize len)
{
  const guint8 *cr = memchr (data, '\r', len);
  gsize n = cr != NULL ? (gsize) (cr - data) + 1 : len;
  append (lmtp, data, n);
  if (cr != NULL)
    lmtp->data_state = LMTP_AT_CR;
  return n;
}

static gsize
take_after_cr (Lmtp *lmtp, guint8 byte)
{
  lmtp->data_state = byte == '\n' ? LMTP_AT_START : byte == '\r' ? LMTP_AT_CR : LMTP_AT_TEXT;
  append (lmtp, &byte, 1);
  return 1;
}

static gsize
take_line_start (Lmtp *lmtp, guint8 byte)
{
  lmtp->data_state = byte == '.' ? LMTP_AT_DOT : LMTP_AT_TEXT;
  return byte == '.';
}

/* The dot before was stuffed unless CRLF follows. */
static gsize
take_after_dot (Lmtp *lmtp, guint8 byte)
{
  lmtp->data_state = byte == '\r' ? LMTP_AT_DOT_CR : LMTP_AT_TEXT;
  return byte == '\r';
}

static gsize
take_after_dot_cr (Lmtp *lmtp, guint8 byte)
{
  append (lmtp, "\r", 1);
  lmtp->data_state = byte == '\r' ? LMTP_AT_CR : LMTP_AT_TEXT;
  if (byte != '\r')
    return 0;
  append (lmtp, &byte, 1);
  return 1;
}

/* Takes content of DATA. Its end is CRLF.CRLF and nothing else: a bare LF or CR is content (against SMTP
 * smuggling). */
static gboolean
data_input (Lmtp *lmtp, const guint8 *data, gsize len, gsize *ret_used)
{
  for (gsize at = 0; at < len;)
    switch (lmtp->data_state)
      {
      case LMTP_AT_TEXT:
        at += take_text (lmtp, data + at, len - at);
        break;
      case LMTP_AT_CR:
        at += take_after_cr (lmtp, data[at]);
        break;
      case LMTP_AT_START:
        at += take_line_start (lmtp, data[at]);
        break;
      case LMTP_AT_DOT:
        at += take_after_dot (lmtp, data[at]);
        break;
      case LMTP_AT_DOT_CR:
        if (data[at] == '\n')
          {
            *ret_used = at + 1;
            flush_block (lmtp, TRUE);
            return TRUE;
          }
        at += take_after_dot_cr (lmtp, data[at]);
        break;
      }
  *ret_used = len;
  flush_block (lmtp, FALSE);
  return TRUE;
}

void
lmtp_chunk_begin (Lmtp *lmtp, guint64 size, gboolean is_last)
{
  lmtp_set_state (lmtp, LMTP_CHUNK);
  lmtp->chunk_left = size;
  lmtp->chunk_is_last = is_last;
  if (lmtp->phase == LMTP_HAS_RECIPIENTS)
    {
      lmtp_set_phase (lmtp, LMTP_HAS_CHUNKS);
      lmtp->n_bytes = 0;
      lmtp->failure = SATCHEL_DELIVERY_OK;
      append_trace (lmtp);
    }
  /* Without recipients the octets still have to be read past (RFC 3030 4.2). */
  if (lmtp->phase < LMTP_HAS_RECIPIENTS)
    lmtp->failure = SATCHEL_DELIVERY_TEMPORARY;
  if (size == 0)
    {
      gsize used;
      lmtp_content_input (lmtp, NULL, 0, &used);
    }
}

static gboolean
chunk_input (Lmtp *lmtp, const guint8 *data, gsize len, gsize *ret_used)
{
  gsize n = (gsize) MIN ((guint64) len, lmtp->chunk_left);
  *ret_used = n;
  append (lmtp, data, n);
  lmtp->chunk_left -= n;
  gboolean at_end = lmtp->chunk_left == 0;
  if (at_end && lmtp->phase < LMTP_HAS_RECIPIENTS)
    {
      lmtp_reset (lmtp);
      lmtp_set_state (lmtp, LMTP_COMMAND);
      lmtp_reply (lmtp, LMTP_SAY_RCPT_FIRST);
      return TRUE;
    }
  flush_block (lmtp, at_end && lmtp->chunk_is_last);
  return TRUE;
}

gboolean
lmtp_content_input (Lmtp *lmtp, const guint8 *data, gsize len, gsize *ret_used)
{
  return lmtp->state == LMTP_DATA ? data_input (lmtp, data, len, ret_used)
                                  : chunk_input (lmtp, data, len, ret_used);
}
