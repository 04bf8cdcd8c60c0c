/* SPDX-License-Identifier: MIT
 * CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.3-6.3.7).
 */
#include "session.h"

ImapStep
imap_run_create (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL || !satchel_store_create (session->store, name, arguments->special_use, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "CREATE completed.");
}

ImapStep
imap_run_delete (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL || !satchel_store_delete (session->store, name, &error))
    return imap_command_error (session, command, error);
  /* Its own mailbox: the client knows. Other sessions that have it selected are told goodbye. */
  session->drops_view = session->view != NULL && satchel_mailbox_is_deleted (session->view->mailbox);
  return imap_command_ok (command, "DELETE completed.");
}

ImapStep
imap_run_rename (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *from = imap_name_to_internal (session, arguments->name, &error);
  g_autofree char *to = from != NULL ? imap_name_to_internal (session, arguments->to, &error) : NULL;
  if (to == NULL || !satchel_store_rename (session->store, from, to, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "RENAME completed.");
}

static ImapStep
subscribe (ImapSession *session, ImapCommand *command, gboolean is_subscribed)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL || !satchel_store_subscribe (session->store, name, is_subscribed, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, is_subscribed ? "SUBSCRIBE completed." : "UNSUBSCRIBE completed.");
}

ImapStep
imap_run_subscribe (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return subscribe (session, command, TRUE);
}

ImapStep
imap_run_unsubscribe (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return subscribe (session, command, FALSE);
}
