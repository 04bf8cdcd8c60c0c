/* SPDX-License-Identifier: MIT
 * Implements the answers to commands: the status, the response code and the text of the tagged answer, and
 * the list of capabilities.
 */
#include "capabilities.h"
#include "imap_session.h"

static ImapStep
answer (ImapCommand *command, ImapStatus status, const char *code, const char *text)
{
  command->status = status;
  if (code != NULL)
    {
      g_free (command->code);
      command->code = g_strdup (code);
    }
  command->text = text;
  return IMAP_STEP_DONE;
}

ImapStep
imap_command_ok (ImapCommand *command, const char *text)
{
  return answer (command, IMAP_OK, NULL, text);
}

ImapStep
imap_command_no (ImapCommand *command, const char *code, const char *text)
{
  return answer (command, IMAP_NO, code, text);
}

ImapStep
imap_command_bad (ImapCommand *command, const char *text)
{
  return answer (command, IMAP_BAD, NULL, text);
}

ImapStep
imap_command_error (ImapSession *session, ImapCommand *command, const GError *error)
{
  const ImapErrorText *words = imap_error_text (error);
  if (satchel_error_is_of_machine (error) && !imap_session_is_cancelled (session)
      && satchel_error_is_news (error))
    satchel_session_log (session->session, SATCHEL_LOG_ERROR, "%s failed: %s", command->row->name,
                         error != NULL ? error->message : "no reason given");
  /* The client does not know what the command changed before it failed, so the update must report it. */
  if (session->view != NULL)
    imap_view_forget_own (session->view);
  return answer (command, IMAP_NO, words->code, words->text);
}

ImapStep
imap_command_destination_error (ImapSession *session, ImapCommand *command, const GError *error)
{
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return imap_command_no (command, "TRYCREATE", "No such mailbox.");
  return imap_command_error (session, command, error);
}

/* A client treats the highest MODSEQ it has seen as "known up to here".  That is too high while EXPUNGEs are
 * held back, and too low after an EXPUNGE, which carries no MODSEQ (RFC 7162 3.2, 3.2.7, 6; RFC 6851 4.4). */
static void
tell_modseq (ImapSession *session, ImapCommand *command)
{
  ImapView *view = session->view;
  if (view == NULL || !(session->enabled & IMAP_ENABLED_CONDSTORE)
      || (!view->is_held && !view->told_expunges))
    return;
  view->told_expunges = FALSE;
  g_autofree char *code = g_strdup_printf ("HIGHESTMODSEQ %" G_GUINT64_FORMAT, imap_view_modseq (view));
  if (command->status == IMAP_OK && command->code == NULL)
    command->code = g_steal_pointer (&code);
  else
    imap_write_format (&session->writer, "* OK [%s] Known so far.\r\n", code);
}

void
imap_command_write_reply (ImapSession *session, ImapCommand *command)
{
  static const char *const statuses[] = { " OK ", " NO ", " BAD " };
  ImapWriter *writer = &session->writer;
  tell_modseq (session, command);
  imap_write (writer, command->tag);
  imap_write (writer, statuses[command->status]);
  if (command->code != NULL)
    {
      imap_write (writer, "[");
      imap_write (writer, command->code);
      imap_write (writer, "] ");
    }
  imap_write (writer, command->text != NULL ? command->text : "Done.");
  imap_write (writer, "\r\n");
}

void
imap_session_write_capabilities (ImapSession *session)
{
  guint offers = IMAP_OFFER_AFTER_LOGIN;
  if (session->settings.may_compress)
    offers |= IMAP_OFFER_COMPRESS;
  if (satchel_store_quota (session->store, NULL))
    offers |= IMAP_OFFER_QUOTA;
  imap_write_capabilities (&session->writer, &session->settings, offers);
}

void
imap_command_free (ImapCommand *command)
{
  if (command == NULL)
    return;
  if (command->state != NULL && command->state_free != NULL)
    command->state_free (command->state);
  if (command->row->clear != NULL)
    command->row->clear (command->arguments);
  g_free (command->arguments);
  satchel_uid_set_clear (&command->answered);
  g_clear_pointer (&command->known, satchel_snapshot_unref);
  g_free (command->code);
  g_free (command->tag);
  g_free (command);
}
