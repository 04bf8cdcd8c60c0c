/* SPDX-License-Identifier: MIT
 * CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.3-6.3.7), uses of new mailboxes (RFC 6154
 * 3), their ids (RFC 8474 4.1).
 */
#include "messages/objectid.h"
#include "imap_session.h"

#include <string.h>

/* A mailbox with \All or \Flagged would have to show messages of others, which this server does not do (RFC
 * 6154 2). */
#define GIVEN_USES                                                                                           \
  (SATCHEL_USE_ARCHIVE | SATCHEL_USE_DRAFTS | SATCHEL_USE_JUNK | SATCHEL_USE_SENT | SATCHEL_USE_TRASH)

#define VANISHED_MAX 64u /* most levels that a session remembers */

/* Runs CREATE. A special use that another mailbox has moves to the new one: a use has one mailbox (RFC 6154
 * 3), and the last one that was asked for gets it. */
ImapStep
imap_run_create (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL)
    return imap_command_error (session, command, error);
  if (arguments->has_other_use || (arguments->special_use & ~GIVEN_USES) != 0)
    return imap_command_no (command, "USEATTR", "No mailbox can have this use.");
  SatchelMailboxState state;
  if (!satchel_store_create (session->store, name, arguments->special_use, &error))
    return imap_command_error (session, command, error);
  imap_announce_supplied (session, arguments->name, name);
  gboolean has_state = satchel_store_status (session->store, name, &state, &error);
  if (!has_state && g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    return imap_command_ok (command, "CREATE completed, you may not look into it.");
  if (!has_state)
    return imap_command_error (session, command, error);
  char id[IMAP_OBJECTID_SIZE];
  imap_mailbox_id (state.mailbox_id, id);
  command->code = g_strdup_printf ("MAILBOXID (%s)", id);
  return imap_command_ok (command, "CREATE completed.");
}

/* Says whether a name is only a level above others. */
static gboolean
is_level (ImapSession *session, const char *name)
{
  g_autofree char *prefix = g_strconcat (name, "/", NULL);
  g_autoptr (GPtrArray) infos = satchel_store_list (session->store, NULL);
  gboolean has_children = FALSE;
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (strcmp (info->name, name) == 0 && info->is_selectable)
        return FALSE;
      has_children = has_children || (info->exists && g_str_has_prefix (info->name, prefix));
    }
  return has_children;
}

/* Notes the levels that existed only for the sake of @gone and vanished with it: a client that deletes a tree
 * from its leaves on deletes them next. [blocks] */
static void
note_vanished_levels (ImapSession *session, const char *gone)
{
  if (strchr (gone, '/') == NULL)
    return;
  g_autoptr (GPtrArray) infos = satchel_store_list (session->store, NULL);
  for (const char *at = gone; infos != NULL && (at = strchr (at + 1, '/')) != NULL;)
    {
      gsize len = (gsize) (at - gone);
      gboolean is_there = FALSE;
      for (guint i = 0; i < infos->len && !is_there; i++)
        {
          const SatchelMailboxInfo *info = infos->pdata[i];
          is_there = info->exists && strncmp (info->name, gone, len) == 0
                     && (info->name[len] == '\0' || info->name[len] == '/');
        }
      if (is_there)
        continue;
      if (session->vanished_levels == NULL)
        session->vanished_levels = g_ptr_array_new_with_free_func (g_free);
      if (session->vanished_levels->len >= VANISHED_MAX)
        g_ptr_array_remove_index (session->vanished_levels, 0);
      g_ptr_array_add (session->vanished_levels, g_strndup (gone, len));
    }
}

/* Takes a level that vanished off the list of those, so that it is named once. FALSE means that it is not
 * there. */
static gboolean
take_vanished_level (ImapSession *session, const char *name)
{
  guint index;
  GPtrArray *levels = session->vanished_levels;
  if (levels == NULL || !g_ptr_array_find_with_equal_func (levels, name, g_str_equal, &index))
    return FALSE;
  g_ptr_array_remove_index (levels, index);
  return TRUE;
}

/* Keeps the names that imap_announce_deleted and imap_announce_renamed tell other sessions of. */
static void
keep_names (ImapCommand *command, const char *name, const char *to)
{
  const char *const names[] = { name, to, NULL };
  command->state = g_strdupv ((char **) names);
  command->state_free = (GDestroyNotify) g_strfreev;
}

ImapStep
imap_run_delete (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL)
    return imap_command_error (session, command, error);
  g_autofree char *annotations = imap_metadata_of (session, name);
  if (!satchel_store_delete (session->store, name, &error))
    {
      if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM) && is_level (session, name))
        return imap_command_no (command, "HASCHILDREN", "Only a level above other mailboxes.");
      if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
          && take_vanished_level (session, name))
        return imap_command_ok (command, "DELETE completed, it went with the last mailbox below.");
      return imap_command_error (session, command, error);
    }
  imap_metadata_remove (session, annotations);
  note_vanished_levels (session, name);
  imap_announce_supplied (session, arguments->name, name);
  keep_names (command, name, NULL);
  /* This client knows that its own mailbox is gone.  Other sessions that have it selected say goodbye. */
  if (session->view != NULL && satchel_mailbox_is_deleted (session->view->mailbox))
    command->at_end |= IMAP_END_UNSELECT;
  return imap_command_ok (command, "DELETE completed.");
}

void
imap_announce_deleted (ImapSession *session, ImapCommand *command)
{
  char **names = command->state;
  if (names != NULL)
    imap_renames_forget (session, names[0]);
}

void
imap_announce_renamed (ImapSession *session, ImapCommand *command)
{
  char **names = command->state;
  if (names != NULL)
    imap_announce_rename (session, names[0], names[1]);
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
  note_vanished_levels (session, from);
  imap_announce_own_rename (session, arguments, from, to);
  /* INBOX keeps its place, so only another mailbox has a new name. */
  if (strcmp (from, "INBOX") != 0)
    keep_names (command, from, to);
  else
    imap_metadata_copy (session, from, to);
  return imap_command_ok (command, "RENAME completed.");
}

/* Writes rights as letters; "c" and "d" are what RFC 2086 called some of them (RFC 4314 3.5, 2.1.1). */
static void
write_rights (ImapWriter *writer, guint rights)
{
  static const struct
  {
    guint of;
    const char *letter;
  } letters[] = {
    { SATCHEL_RIGHT_LOOKUP, "l" },
    { SATCHEL_RIGHT_READ, "r" },
    { SATCHEL_RIGHT_SEEN, "s" },
    { SATCHEL_RIGHT_WRITE, "w" },
    { SATCHEL_RIGHT_INSERT, "i" },
    { SATCHEL_RIGHT_POST, "p" },
    { SATCHEL_RIGHT_CREATE, "k" },
    { SATCHEL_RIGHT_DELETE_MAILBOX, "x" },
    { SATCHEL_RIGHT_DELETE_MESSAGES, "t" },
    { SATCHEL_RIGHT_EXPUNGE, "e" },
    { SATCHEL_RIGHT_CREATE | SATCHEL_RIGHT_DELETE_MAILBOX, "c" },
    { SATCHEL_RIGHT_DELETE_MESSAGES | SATCHEL_RIGHT_EXPUNGE, "d" },
    { SATCHEL_RIGHT_ADMINISTER, "a" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (letters); i++)
    if (rights & letters[i].of)
      imap_write (writer, letters[i].letter);
}

#define TELLING                                                                                              \
  (SATCHEL_RIGHT_LOOKUP | SATCHEL_RIGHT_READ | SATCHEL_RIGHT_INSERT | SATCHEL_RIGHT_CREATE                   \
   | SATCHEL_RIGHT_DELETE_MAILBOX | SATCHEL_RIGHT_ADMINISTER)

/* Runs MYRIGHTS. A name that the user may not see is answered as if it did not exist (RFC 4314 6). */
ImapStep
imap_run_myrights (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  g_autofree char *name = imap_name_to_internal (session, arguments->name, &error);
  if (name == NULL)
    return imap_command_error (session, command, error);
  g_autoptr (GPtrArray) infos = satchel_store_list_cached (session->store);
  if (infos == NULL && !may_block)
    return IMAP_STEP_BLOCK;
  if (infos == NULL && (infos = satchel_store_list (session->store, &error)) == NULL)
    return imap_command_error (session, command, error);
  gboolean is_there = FALSE;
  for (guint i = 0; i < infos->len && !is_there; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      is_there = info->exists && strcmp (info->name, name) == 0;
    }
  guint rights = satchel_store_rights (session->store, name);
  if (!is_there || (rights & TELLING) == 0)
    return imap_command_no (command, "NONEXISTENT", "No such mailbox.");
  g_autofree char *client_name = imap_name_to_client (session, name);
  imap_write (&session->writer, "* MYRIGHTS ");
  imap_write_mailbox (&session->writer, client_name);
  imap_write (&session->writer, " ");
  write_rights (&session->writer, rights);
  imap_write (&session->writer, "\r\n");
  return imap_command_ok (command, "MYRIGHTS completed.");
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
