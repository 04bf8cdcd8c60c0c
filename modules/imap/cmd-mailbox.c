/* SPDX-License-Identifier: MIT
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE and STATUS (RFC 3501 6.3.3-6.3.7, 6.3.10).
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

/* ---- STATUS ---- */

static guint32
count_recent (SatchelMailbox *mailbox, const SatchelMailboxState *state)
{
  if (state->first_recent_uid >= state->uidnext)
    return 0;
  if (mailbox == NULL)
    return MIN (state->uidnext - state->first_recent_uid, state->n_messages);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  guint32 index;
  satchel_snapshot_find (snapshot, state->first_recent_uid, &index);
  return snapshot->state.n_messages - index;
}

static void
write_status (ImapWriter *writer, const char *client_name, guint items, const SatchelMailboxState *state, guint32 n_recent)
{
  const struct
  {
    guint item;
    const char *name;
    guint32 value;
  } values[] = {
    { IMAP_STATUS_MESSAGES, "MESSAGES", state->n_messages }, { IMAP_STATUS_RECENT, "RECENT", n_recent },
    { IMAP_STATUS_UIDNEXT, "UIDNEXT", state->uidnext },      { IMAP_STATUS_UIDVALIDITY, "UIDVALIDITY", state->uidvalidity },
    { IMAP_STATUS_UNSEEN, "UNSEEN", state->n_unseen },
  };
  const char *separator = " (";
  imap_write (writer, "* STATUS ");
  imap_write_mailbox (writer, client_name);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    if (items & values[i].item)
      {
        imap_write_format (writer, "%s%s %u", separator, values[i].name, values[i].value);
        separator = " ";
      }
  imap_write (writer, ")\r\n");
}

ImapStep
imap_run_status (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapStatusArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL)
    return imap_command_error (session, command, error);
  SatchelMailboxState state;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_peek_mailbox (session->store, name);
  if (mailbox != NULL)
    {
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
      state = snapshot->state;
    }
  else if (!may_block)
    return IMAP_STEP_BLOCK;
  else if (!satchel_store_status (session->store, name, &state, &error))
    return imap_command_error (session, command, error);
  g_autofree char *client_name = imap_name_to_client (session, name);
  write_status (&session->writer, client_name, arguments->items, &state, count_recent (mailbox, &state));
  return imap_command_ok (command, "STATUS completed.");
}
