/* SPDX-License-Identifier: MIT
 * The mailbox that a session has selected: reports of its changes, and what extensions that the client has
 * enabled add to them.
 */
#include "imap_session.h"

void
imap_session_set_view (ImapSession *session, ImapView *view)
{
  imap_session_unselect (session);
  session->view = view;
}

void
imap_session_unselect (ImapSession *session)
{
  g_clear_pointer (&session->view, imap_view_free);
}

void
imap_session_enable (ImapSession *session, guint bits)
{
  gboolean is_first = (bits & ~session->enabled & IMAP_ENABLED_CONDSTORE) != 0;
  session->enabled |= bits;
  session->writer.is_utf8 = imap_session_is_utf8 (session);
  if (imap_session_is_rev2 (session) && session->view != NULL)
    imap_view_forget_recent (session->view);
  if (is_first && session->view != NULL)
    imap_write_format (&session->writer, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] Highest.\r\n",
                       imap_view_modseq (session->view));
}

guint
imap_session_unsolicited_items (const ImapSession *session)
{
  if (session->enabled & IMAP_ENABLED_CONDSTORE)
    return IMAP_FETCH_UID | IMAP_FETCH_MODSEQ;
  return imap_session_is_rev2 (session) ? IMAP_FETCH_UID : 0; /* RFC 9051 7.5.2 */
}

ImapStep
imap_session_update_view (ImapSession *session, gboolean may_expunge, gboolean may_block)
{
  const ImapCommand *command = session->command;
  if (session->view == NULL || satchel_mailbox_is_deleted (session->view->mailbox))
    return IMAP_STEP_DONE;
  const ImapUpdate update = { .may_expunge = may_expunge,
                              .uses_vanished = (session->enabled & IMAP_ENABLED_QRESYNC) != 0,
                              .items = IMAP_FETCH_FLAGS | imap_session_unsolicited_items (session),
                              .answered = &command->answered,
                              .answered_modseq = command->answered_modseq,
                              .puts_off_flags =
                                  command->puts_off_flags && command->phase == IMAP_PHASE_PREPARE };
  return imap_view_update (session->view, &session->writer, &update, may_block);
}
