/* SPDX-License-Identifier: MIT
 * LMTP (RFC 2033) in a mail process: the session and its input loop.  Commands are in commands.c, content in
 * content.c; storing is the core's (delivery.h).  Entry: lmtp_session_new.
 */
#include "lmtp_session.h"

#include <satchel/log.h>
#include <string.h>

void
lmtp_log_refusal (Lmtp *lmtp, const char *reply, const char *why, const char *recipient)
{
  g_autoptr (GString) line = g_string_new ("refused:");
  satchel_log_field (line, "reply", reply);
  if (why != NULL && *why != '\0')
    satchel_log_field (line, "reason", why);
  if (lmtp->sender != NULL)
    satchel_log_field (line, "sender", lmtp->sender);
  if (recipient != NULL)
    satchel_log_field (line, "recipient", recipient);
  else if (lmtp->line != NULL)
    satchel_log_field (line, "line", lmtp->line);
  if (lmtp->forwarded[LMTP_FORWARDED_IDENT] != NULL)
    satchel_log_field (line, "queue-id", lmtp->forwarded[LMTP_FORWARDED_IDENT]);
  satchel_session_log (lmtp->session, SATCHEL_LOG_INFO, "%s", line->str);
}

void
lmtp_reply (Lmtp *lmtp, LmtpReply reply)
{
  const char *line = lmtp_reply_line (reply);
  gsize len = strlen (line);
  satchel_connection_write (lmtp->connection, line, len);
  /* A permanent refusal is logged, since its sender will ask why. */
  if (*line == '5')
    {
      g_autofree char *text = g_strndup (line, len - strlen ("\r\n"));
      lmtp_log_refusal (lmtp, text, NULL, NULL);
    }
}

#define TO(state) (1u << LMTP_##state)
static const guint8 next_states[] = {
  [LMTP_COMMAND] = TO (DATA) | TO (CHUNK) | TO (DISCARD_LINE) | TO (CLOSING),
  [LMTP_DATA] = TO (COMMAND) | TO (CLOSING),
  [LMTP_CHUNK] = TO (COMMAND) | TO (CLOSING),
  [LMTP_DISCARD_LINE] = TO (COMMAND) | TO (CLOSING),
};

void
lmtp_set_state (Lmtp *lmtp, LmtpState state)
{
  /* Nothing comes after the goodbye. */
  if (lmtp->state == LMTP_CLOSING)
    return;
  g_return_if_fail ((next_states[lmtp->state] & 1u << state) != 0);
  lmtp->state = state;
}

static const guint8 next_phases[] = {
  [LMTP_GREETED] = TO (READY),
  [LMTP_READY] = TO (READY) | TO (HAS_SENDER),
  [LMTP_HAS_SENDER] = TO (HAS_RECIPIENTS) | TO (READY),
  [LMTP_HAS_RECIPIENTS] = TO (HAS_RECIPIENTS) | TO (HAS_CHUNKS) | TO (READY),
  [LMTP_HAS_CHUNKS] = TO (READY),
};

void
lmtp_set_phase (Lmtp *lmtp, LmtpPhase phase)
{
  g_return_if_fail ((next_phases[lmtp->phase] & 1u << phase) != 0);
  lmtp->phase = phase;
}

void
lmtp_close (Lmtp *lmtp)
{
  lmtp_set_state (lmtp, LMTP_CLOSING);
  satchel_connection_close (lmtp->connection);
}

static void
say_goodbye (Lmtp *lmtp, LmtpReply reply)
{
  lmtp_reply (lmtp, reply);
  lmtp_close (lmtp);
}

void
lmtp_close_unclear (Lmtp *lmtp, LmtpReply reply)
{
  lmtp_reply (lmtp, reply);
  say_goodbye (lmtp, LMTP_SAY_UNCLEAR);
}

void
lmtp_bad_command (Lmtp *lmtp, LmtpReply reply)
{
  if (lmtp->is_chunk)
    {
      lmtp_close_unclear (lmtp, reply);
      return;
    }
  lmtp_reply (lmtp, reply);
  if (++lmtp->n_bad < lmtp->settings.bad_commands)
    return;
  say_goodbye (lmtp, LMTP_SAY_TOO_MANY_BAD);
  satchel_session_log (lmtp->session, SATCHEL_LOG_WARNING, "closed: reason=bad-commands");
}

void
lmtp_reset (Lmtp *lmtp)
{
  if (lmtp->phase != LMTP_GREETED)
    lmtp_set_phase (lmtp, LMTP_READY);
  lmtp->is_utf8 = FALSE;
  lmtp->declared_size = lmtp->n_bytes = 0;
  lmtp->failure = SATCHEL_DELIVERY_OK;
  lmtp->block_ends_content = FALSE;
  g_clear_pointer (&lmtp->sender, g_free);
  g_clear_pointer (&lmtp->delivery, satchel_delivery_free);
  lmtp_forget_forwarded (lmtp);
  g_ptr_array_set_size (lmtp->recipients, 0);
  g_byte_array_set_size (lmtp->block, 0);
}

void
lmtp_set_busy (Lmtp *lmtp, gboolean is_busy)
{
  lmtp->is_busy = is_busy;
  if (is_busy)
    satchel_connection_pause (lmtp->connection);
  else if (lmtp->state != LMTP_CLOSING)
    satchel_connection_resume (lmtp->connection);
}

/* Octets follow a BDAT at once (RFC 3030 2). */
static gboolean
begins_a_chunk (const guint8 *data, gsize len)
{
  while (len > 0 && *data <= ' ')
    {
      data++;
      len--;
    }
  return len >= 4 && g_ascii_strncasecmp ((const char *) data, "BDAT", 4) == 0;
}

/* One command line from the input; FALSE: there is no whole one.  It ends in CRLF: "receivers MUST NOT
 * recognize any other character or character sequence as a line terminator" (RFC 5321 2.3.8).  What others
 * take for lines could be smuggled past an MTA that does not, so nothing behind a bare LF is read. */
static gboolean
line_input (Lmtp *lmtp, const guint8 *data, gsize len)
{
  const guint8 *end = memchr (data, '\n', len);
  gsize limit = lmtp->settings.line_bytes;
  if (lmtp->state != LMTP_DISCARD_LINE)
    lmtp->is_chunk = begins_a_chunk (data, len);
  if (end == NULL)
    {
      if (len < limit && lmtp->state != LMTP_DISCARD_LINE)
        return FALSE;
      /* A CR may be the first half of the end. */
      satchel_connection_consume (lmtp->connection, len - (data[len - 1] == '\r' ? 1 : 0));
      if (lmtp->state != LMTP_DISCARD_LINE)
        lmtp_set_state (lmtp, LMTP_DISCARD_LINE);
      return FALSE;
    }
  if (end == data || end[-1] != '\r')
    {
      lmtp_close_unclear (lmtp, LMTP_SAY_BAD_LINE_END);
      return FALSE;
    }
  gsize n = (gsize) (end - data) - 1;
  g_autofree char *line = g_strndup ((const char *) data, n);
  satchel_connection_consume (lmtp->connection, n + 2);
  if (lmtp->state == LMTP_DISCARD_LINE || n >= limit)
    {
      if (lmtp->state == LMTP_DISCARD_LINE)
        lmtp_set_state (lmtp, LMTP_COMMAND);
      lmtp_bad_command (lmtp, LMTP_SAY_LONG_LINE);
      return TRUE;
    }
  lmtp->line = line;
  lmtp_command (lmtp, line, n);
  lmtp->line = NULL;
  return TRUE;
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Lmtp *lmtp = self;
  while (!lmtp->is_busy && lmtp->state != LMTP_CLOSING)
    {
      gsize len, used = 0;
      const guint8 *data = satchel_connection_peek (connection, &len);
      if (len == 0 || satchel_connection_is_full (connection))
        return;
      if (lmtp->state == LMTP_COMMAND || lmtp->state == LMTP_DISCARD_LINE)
        {
          if (!line_input (lmtp, data, len))
            return;
          continue;
        }
      /* What content_input used is copied before anything else can happen to the buffer, but replies and jobs
       * may start inside: consume comes after, so the connection is only resumed once we are back here. */
      if (!lmtp_content_input (lmtp, data, len, &used))
        return;
      satchel_connection_consume (connection, used);
    }
}

static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  say_goodbye (self, LMTP_SAY_IDLE);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  say_goodbye (self, LMTP_SAY_STOPPING);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  Lmtp *lmtp = self;
  lmtp_reset (lmtp);
  g_ptr_array_unref (lmtp->recipients);
  g_byte_array_unref (lmtp->block);
  g_free (lmtp->client);
  g_free (lmtp->pending);
  g_free (lmtp);
}

const SatchelConnectionHandlers lmtp_session_handlers = {
  .size = sizeof lmtp_session_handlers,
  .input = on_input,
  .drained = on_input,
  .timeout = on_timeout,
  .shutdown = on_shutdown,
  .closed = on_closed,
};

gpointer
lmtp_session_new (SatchelSession *session, const void *note, gsize len)
{
  Lmtp *lmtp = g_new0 (Lmtp, 1);
  lmtp->session = session;
  lmtp->connection = satchel_session_connection (session);
  lmtp->recipients = g_ptr_array_new_with_free_func (g_free);
  lmtp->block = g_byte_array_new ();
  satchel_config_fill (satchel_session_config (session), lmtp_schema, &lmtp->settings);
  lmtp->may_forward = satchel_session_is_from (session, lmtp->settings.xforward_networks);
  satchel_connection_set_idle_timeout (lmtp->connection, lmtp->settings.timeout_ms);
  lmtp_say_greeting (lmtp->connection);
  return lmtp;
}
