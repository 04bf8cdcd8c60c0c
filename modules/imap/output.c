/* SPDX-License-Identifier: MIT
 * This file sends the output of a session, up to its goodbye, and has the session's state.
 */
#include "imap_session.h"

#define FLUSH_BY_REFERENCE 8192u /* longer output is passed on without a copy */
#define KEEP_OUTPUT 4096u

#define TO(state) (1u << IMAP_SESSION_##state)
static const guint8 next_states[] = {
  [IMAP_SESSION_READING] = TO (RUNNING) | TO (IN_JOB) | TO (CLOSING),
  [IMAP_SESSION_RUNNING] =
      TO (RUNNING) | TO (READING) | TO (IN_JOB) | TO (DEFERRED) | TO (WAITING) | TO (CLOSING),
  [IMAP_SESSION_IN_JOB] = TO (RUNNING) | TO (READING) | TO (CLOSING),
  [IMAP_SESSION_DEFERRED] = TO (RUNNING) | TO (CLOSING),
  [IMAP_SESSION_WAITING] = TO (RUNNING) | TO (CLOSING),
};

void
imap_session_set_state (ImapSession *session, ImapSessionState state)
{
  /* Nothing comes after the goodbye. */
  if (session->state == IMAP_SESSION_CLOSING)
    return;
  g_return_if_fail ((next_states[session->state] & 1u << state) != 0);
  session->state = state;
}

gboolean
imap_session_is_cancelled (ImapSession *session)
{
  return session->connection == NULL || satchel_session_is_cancelled (session->session);
}

void
imap_session_flush (ImapSession *session)
{
  ImapWriter *writer = &session->writer;
  if (writer->len == 0 || session->state == IMAP_SESSION_CLOSING)
    {
      writer->len = 0;
      return;
    }
  if (writer->len >= FLUSH_BY_REFERENCE)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_take (writer->data, writer->len);
      writer->data = NULL;
      imap_writer_clear (writer);
      satchel_connection_write_bytes (session->connection, g_steal_pointer (&bytes));
      return;
    }
  satchel_connection_write (session->connection, writer->data, writer->len);
  writer->len = 0;
  if (writer->size > KEEP_OUTPUT)
    imap_writer_clear (writer);
}

void
imap_session_close (ImapSession *session)
{
  imap_session_flush (session);
  if (session->state == IMAP_SESSION_CLOSING)
    return;
  imap_session_set_state (session, IMAP_SESSION_CLOSING);
  satchel_timer_cancel (&session->keepalive_timer);
  satchel_timer_cancel (&session->rest_timer);
  satchel_connection_close (session->connection);
}

void
imap_session_bye (ImapSession *session, const char *text)
{
  imap_write_format (&session->writer, "* BYE %s\r\n", text);
  imap_session_close (session);
}
