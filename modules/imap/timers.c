/* SPDX-License-Identifier: MIT
 * Implements the timers of a session: after one it rests, and after another IDLE shows the client that it is
 * still there.
 */
#include "imap_session.h"

/* Frees memory: a session that has been quiet keeps UID ranges only, and no buffers. */
static void
take_rest (SatchelTimer *timer, gpointer data)
{
  ImapSession *session = data;
  if (session->state != IMAP_SESSION_READING && session->state != IMAP_SESSION_WAITING)
    return;
  if (session->view != NULL)
    imap_view_rest (session->view);
  if (session->command == NULL && imap_lexer_is_empty (&session->lexer))
    imap_lexer_reset (&session->lexer, FALSE);
  if (session->writer.len == 0)
    imap_writer_clear (&session->writer);
  satchel_connection_rest (session->connection);
}

static void
still_here (SatchelTimer *timer, gpointer data)
{
  ImapSession *session = data;
  /* This keeps address translation between client and server alive, and finds out whether the client has
   * gone. */
  if (session->state == IMAP_SESSION_WAITING)
    {
      imap_write (&session->writer, "* OK Still here\r\n");
      imap_session_flush (session);
      satchel_timer_arm (timer, session->settings.idle_keepalive_ms, still_here, session);
      satchel_timer_arm (&session->rest_timer, session->settings.rest_ms, take_rest, session);
    }
}

void
imap_session_arm_timers (ImapSession *session)
{
  satchel_timer_arm (&session->rest_timer, session->settings.rest_ms, take_rest, session);
  if (session->state == IMAP_SESSION_WAITING && session->settings.idle_keepalive_ms > 0)
    satchel_timer_arm (&session->keepalive_timer, session->settings.idle_keepalive_ms, still_here, session);
}
