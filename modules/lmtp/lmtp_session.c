/* SPDX-License-Identifier: MIT
 * LMTP (RFC 2033) in a mail process: the session and its input loop.  Commands are in commands.c, content in
 * content.c; storing is the core's (delivery.h).  Entry: lmtp_session_new.
 */
#include "lmtp_session.h"

#include <string.h>

/* Says whether the command is BDAT, which octets follow at once (RFC 3030 2). */
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

/* Takes one command line from the input. FALSE means that there is no whole one. It ends in CRLF: "receivers
 * MUST NOT recognize any other character or character sequence as a line terminator" (RFC 5321 2.3.8). What
 * others take for lines could be smuggled past an MTA that does not, so nothing behind a bare LF is read. */
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
      /* Octets are consumed only after they were taken: taking them copies what it needs, and may end with a
       * reply or begin a job, which must not find the connection reading already. */
      if (!lmtp_content_input (lmtp, data, len, &used))
        return;
      satchel_connection_consume (connection, used);
    }
}

static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  lmtp_say_goodbye (self, LMTP_SAY_IDLE);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  lmtp_say_goodbye (self, LMTP_SAY_STOPPING);
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
