/* SPDX-License-Identifier: MIT
 * Timers of a session: it comes to rest, and IDLE says that it is still there.
 */
#include "imap_session.h"

/* Gives memory back: a session that has been quiet keeps UID ranges only, and no buffers. */
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
  /* Keeps address translation on the way alive; a vanished client is noticed by it as well. */
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
