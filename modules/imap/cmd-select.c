/* SPDX-License-Identifier: MIT
 * SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 6.3.1, 6.3.2, 6.4.2; RFC 3691), EXPUNGE and UID EXPUNGE (RFC 3501 6.4.3,
 * RFC 4315 2.1).
 */
#include "session.h"

/* Number of the first message without \Seen, 0: none. */
static guint32
first_unseen (const SatchelSnapshot *snapshot)
{
  if (snapshot->state.n_unseen == 0)
    return 0;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      if (!(snapshot->chunks[c]->flags[row] & SATCHEL_FLAG_SEEN))
        return snapshot->first_index[c] + row + 1;
  return 0;
}

static void
tell_mailbox (ImapWriter *writer, const ImapView *view)
{
  const SatchelSnapshot *snapshot = view->snapshot;
  const SatchelMailboxState *state = &snapshot->state;
  guint32 unseen = first_unseen (snapshot);
  imap_write (writer, "* FLAGS ");
  imap_write_known_flags (writer, snapshot->keywords, snapshot->n_keywords, FALSE);
  imap_write_format (writer, "\r\n* %u EXISTS\r\n* %u RECENT\r\n", state->n_messages, imap_view_count_recent (view));
  if (unseen > 0)
    imap_write_format (writer, "* OK [UNSEEN %u] First unseen.\r\n", unseen);
  imap_write (writer, "* OK [PERMANENTFLAGS ");
  if (view->is_read_only)
    imap_write (writer, "()");
  else
    imap_write_known_flags (writer, snapshot->keywords, snapshot->n_keywords, snapshot->n_keywords < SATCHEL_KEYWORDS_MAX);
  imap_write_format (writer, "] Flags permitted.\r\n* OK [UIDVALIDITY %u] UIDs valid.\r\n", state->uidvalidity);
  imap_write_format (writer, "* OK [UIDNEXT %u] Predicted next UID.\r\n", state->uidnext);
  imap_write (writer, "* OK [MAILBOXID ");
  imap_write_mailbox_id (writer, state->mailbox_id);
  imap_write (writer, "] Object id.\r\n");
}

static ImapStep
open_view (ImapSession *session, ImapCommand *command, gboolean is_read_only, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapMailboxArguments *arguments = command->arguments;
  /* A failed SELECT leaves nothing selected (RFC 3501 6.3.1).  The first call is on the main thread. */
  if (!may_block)
    imap_session_unselect (session);
  g_autoptr (SatchelMailbox) mailbox = imap_name_open (session, arguments->name, may_block, &error);
  if (error != NULL)
    return imap_command_error (session, command, error);
  if (mailbox == NULL)
    return IMAP_STEP_BLOCK;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  gboolean must_claim = !is_read_only && snapshot->state.first_recent_uid < snapshot->state.uidnext;
  if (must_claim && !may_block)
    return IMAP_STEP_BLOCK;
  g_autoptr (ImapView) view = imap_view_new (mailbox, snapshot, is_read_only);
  if (!imap_view_claim_recent (view, &snapshot->state, &error))
    return imap_command_error (session, command, error);
  tell_mailbox (&session->writer, view);
  imap_session_set_view (session, g_steal_pointer (&view));
  command->code = g_strdup (is_read_only ? "READ-ONLY" : "READ-WRITE");
  return imap_command_ok (command, is_read_only ? "EXAMINE completed." : "SELECT completed.");
}

ImapStep
imap_run_select (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return open_view (session, command, FALSE, may_block);
}

ImapStep
imap_run_examine (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return open_view (session, command, TRUE, may_block);
}

ImapStep
imap_run_unselect (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  session->drops_view = TRUE;
  return imap_command_ok (command, "UNSELECT completed.");
}

/* Messages with \Deleted now, the client's knowledge of them notwithstanding. */
static void
find_deleted (const ImapView *view, SatchelUidSet *ret_uids)
{
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (view->mailbox);
  if (newest->state.n_deleted == 0)
    return;
  for (guint c = 0; c < newest->n_chunks; c++)
    {
      const SatchelChunk *chunk = newest->chunks[c];
      for (guint row = 0; row < chunk->n; row++)
        if (chunk->flags[row] & SATCHEL_FLAG_DELETED)
          satchel_uid_set_add (ret_uids, chunk->uid[row], chunk->uid[row]);
    }
}

static gboolean
expunge (ImapSession *session, const SatchelUidSet *uids, GError **error)
{
  if (uids->n_ranges == 0)
    return TRUE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  satchel_transaction_expunge (transaction, session->view->mailbox, uids, TRUE);
  return satchel_transaction_commit (transaction, error);
}

ImapStep
imap_run_close (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  g_auto (SatchelUidSet) uids = { 0 };
  session->drops_view = TRUE;
  if (!session->view->is_read_only)
    find_deleted (session->view, &uids);
  if (!expunge (session, &uids, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "CLOSE completed.");
}

/* EXPUNGE, UID EXPUNGE: what went is told by the update that follows. */
ImapStep
imap_run_expunge (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  g_auto (SatchelUidSet) uids = { 0 };
  if (command->row->flags & IMAP_COMMAND_UID)
    {
      const ImapSetArguments *arguments = command->arguments;
      g_auto (SatchelUidSet) rows = { 0 };
      imap_view_rows (session->view, &arguments->set, TRUE, &rows);
      imap_view_uids (session->view, &rows, &uids);
    }
  else
    find_deleted (session->view, &uids);
  if (!expunge (session, &uids, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "EXPUNGE completed.");
}
