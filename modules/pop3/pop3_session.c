/* SPDX-License-Identifier: MIT
 * POP3 after login (role mail): the session and its input loop.  Commands are in commands.c, the maildrop and
 * its lock in maildrop.c, QUIT in update.c, long answers in listing.c and retrieve.c.  Entry:
 * pop3_session_new.
 */
#include "pop3_session.h"

enum
{
  LINE_MAX_BYTES = 255 /* RFC 2449 4 */
};

void
pop3_reply (Pop3 *pop3, Pop3Text text)
{
  pop3_say (pop3->connection, pop3->state.language, text);
}

const char *
pop3_word (Pop3 *pop3, guint word)
{
  return pop3->state.language->words[word];
}

void
pop3_ready (Pop3 *pop3)
{
  pop3->is_busy = FALSE;
  pop3->step = NULL;
  if (!pop3->is_closing)
    satchel_connection_resume (pop3->connection);
}

void
pop3_begin (Pop3 *pop3, Pop3Step step)
{
  pop3->step = step;
  pop3->is_busy = TRUE;
  satchel_connection_pause (pop3->connection);
  pop3_continue (pop3);
}

void
pop3_continue (Pop3 *pop3)
{
  while (!satchel_connection_is_full (pop3->connection))
    switch (pop3->step (pop3))
      {
      case POP3_STEP_AGAIN:
        break;
      case POP3_STEP_JOB:
        return;
      case POP3_STEP_DONE:
        pop3_ready (pop3);
        return;
      }
  pop3->is_waiting_for_room = TRUE;
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  while (!pop3->is_busy && !pop3->is_closing && !satchel_connection_is_full (connection))
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
          pop3->is_closing = TRUE; /* without the UPDATE state */
          satchel_connection_close (connection);
          break;
        }
    }
}

static void
on_drained (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  if (pop3->is_waiting_for_room)
    {
      pop3->is_waiting_for_room = FALSE;
      pop3_continue (pop3);
    }
  else
    on_input (connection, self);
}

/* RFC 1939 3: closed without the UPDATE state, and without a word. */
static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  satchel_session_log (pop3->session, SATCHEL_LOG_INFO, "closed: reason=idle");
  pop3->is_closing = TRUE;
  satchel_connection_close (connection);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  Pop3 *pop3 = self;
  pop3->is_closing = TRUE;
  if (!pop3->is_busy)
    pop3_reply (pop3, POP3_TEXT_STOPPING);
  satchel_connection_close (connection);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  (void) connection;
  (void) reason;
  Pop3 *pop3 = self;
  pop3_retrieve_end (pop3);
  pop3_keep_marks (pop3);
  pop3_close_maildrop (pop3);
  g_free (pop3->state.mechanisms);
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
  pop3_state_from_note (&pop3->state, note, len);
  const SatchelConfig *config = satchel_session_config (session);
  satchel_connection_set_idle_timeout (pop3->connection, satchel_config_duration_ms (config, "timeout"));
  /* A client that vanished must not keep the maildrop locked. */
  satchel_connection_set_keepalive (pop3->connection,
                                    (guint) (satchel_config_duration_ms (config, "keepalive") / 1000));
  pop3_open_maildrop (pop3);
  return pop3;
}
