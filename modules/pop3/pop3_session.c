/* SPDX-License-Identifier: MIT
 * POP3 after login (role mail): the session and its input loop.  commands.c has the table of commands. Entry:
 * pop3_session_new.
 */
#include "pop3_session.h"

enum
{
  LINE_MAX_BYTES = 255 /* RFC 2449 4 */
};

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  while (pop3->state == POP3_READING && !satchel_connection_is_full (connection))
    {
      g_autofree char *line = NULL;
      gsize len;
      switch (pop3_read_line (&pop3->reader, connection, LINE_MAX_BYTES, &line, &len))
        {
        case POP3_LINE_NONE:
          return;
        case POP3_LINE_READ:
          pop3_command (pop3, line);
          break;
        case POP3_LINE_TOO_LONG:
        case POP3_LINE_BAD:
          pop3_bad (pop3, POP3_TEXT_BAD_LINE);
          break;
        case POP3_LINE_BARE_LF:
          pop3_reply (pop3, POP3_TEXT_BAD_LINE_END);
          pop3_close (pop3);
          break;
        }
    }
}

static void
on_drained (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  if (pop3->state == POP3_FULL)
    {
      pop3_set_state (pop3, POP3_ANSWERING);
      pop3_continue (pop3);
    }
  else
    on_input (connection, self);
}

/* Closes the connection without the UPDATE state, and without a word (RFC 1939 3). */
static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  satchel_session_log (pop3->session, SATCHEL_LOG_INFO, "closed: reason=idle");
  pop3_close (pop3);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  if (pop3->state == POP3_READING)
    pop3_reply (pop3, POP3_TEXT_STOPPING);
  pop3_close (pop3);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  Pop3 *pop3 = self;
  pop3_retrieve_end (pop3);
  pop3_keep_marks (pop3);
  pop3_close_maildrop (pop3);
  g_free (pop3->authorization.mechanisms);
  g_free (pop3);
}

const SatchelConnectionHandlers pop3_session_handlers = {
  .size = sizeof (SatchelConnectionHandlers),
  .input = on_input,
  .drained = on_drained,
  .timeout = on_timeout,
  .shutdown = on_shutdown,
  .closed = on_closed,
};

gpointer
pop3_session_new (SatchelSession *session, const void *note, gsize len)
{
  Pop3 *pop3 = g_new0 (Pop3, 1);
  pop3->session = session;
  pop3->connection = satchel_session_connection (session);
  pop3_authorization_from_note (&pop3->authorization, note, len);
  pop3_settings_read (&pop3->settings, satchel_session_config (session));
  satchel_connection_set_idle_timeout (pop3->connection, pop3->settings.timeout_ms);
  /* A client that vanished must not keep the maildrop locked. */
  satchel_connection_set_keepalive (pop3->connection, (guint) (pop3->settings.keepalive_ms / 1000));
  pop3_open_maildrop (pop3);
  return pop3;
}
