/* SPDX-License-Identifier: MIT
 * Implements SELECT, EXAMINE, CLOSE, UNSELECT (RFC 3501 6.3.1, 6.3.2, 6.4.2; RFC 3691; RFC 7162 3.1.8,
 * 3.2.5), EXPUNGE and UID EXPUNGE (RFC 3501 6.4.3, RFC 4315 2.1).
 */
#include "messages/objectid.h"
#include "view/resync.h"
#include "imap_session.h"

/* Returns the number of the first message without \Seen; 0 means that there is none. */
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

/* Describes the selected mailbox. @infos: the list of mailboxes, for LIST; NULL means that the client does
 * not expect LIST. */
static void
tell_mailbox (ImapSession *session, const ImapView *view, const char *supplied_name, const GPtrArray *infos)
{
  ImapWriter *writer = &session->writer;
  const SatchelSnapshot *snapshot = view->snapshot;
  const SatchelMailboxState *state = &snapshot->state;
  char id[IMAP_OBJECTID_SIZE];
  imap_write (writer, "* FLAGS ");
  imap_write_known_flags (writer, SATCHEL_FLAGS_ALL, snapshot->keywords, snapshot->n_keywords, FALSE);
  imap_write (writer, "\r\n");
  imap_view_tell_size (view, writer);
  /* IMAP4rev2 has no UNSEEN (RFC 9051, Appendix E 11) */
  guint32 unseen = imap_session_is_rev2 (session) ? 0 : first_unseen (snapshot);
  if (unseen > 0)
    imap_write_format (writer, "* OK [UNSEEN %u] First unseen.\r\n", unseen);
  imap_view_tell_permanent_flags (view, writer, snapshot);
  imap_write_format (writer, "* OK [UIDVALIDITY %u] UIDs valid.\r\n", state->uidvalidity);
  imap_write_format (writer, "* OK [UIDNEXT %u] Predicted next UID.\r\n", state->uidnext);
  imap_mailbox_id (state->mailbox_id, id);
  imap_write_format (writer, "* OK [MAILBOXID (%s)] Object id.\r\n", id);
  imap_write_format (writer, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] Highest.\r\n", state->highestmodseq);
  if (infos == NULL)
    return;
  g_autofree char *name = satchel_mailbox_name (view->mailbox);
  g_autofree char *old_name = imap_name_denormalised (session, supplied_name, name);
  imap_list_tell (session, infos, name, old_name);
}

static void
resync_free (gpointer data)
{
  imap_resync_clear (data);
  g_free (data);
}

/* Finds what the client has missed since it was last connected, as if by UID FETCH known-uids (FLAGS)
 * (CHANGEDSINCE n VANISHED). [blocks] */
static gboolean
find_missed (ImapCommand *command, ImapView *view, const ImapQresync *qresync, GError **error)
{
  const SatchelMailboxState *state = &view->snapshot->state;
  if (qresync->uidvalidity != state->uidvalidity)
    return TRUE; /* the client sees the other UIDVALIDITY and begins anew (RFC 7162 3.2.5) */
  g_auto (SatchelUidSet) rows = { 0 };
  g_auto (SatchelUidSet) wanted = { 0 };
  SatchelRange all = { 1, 0 };
  const ImapSequence known = qresync->has_uids ? qresync->uids : (ImapSequence) { &all, 1 };
  imap_sequence_resolve (&known, state->uidnext - 1, &wanted);
  imap_view_rows (view, &known, TRUE, &rows);
  ImapResync *resync = g_new0 (ImapResync, 1);
  command->state = resync;
  command->state_free = resync_free;
  imap_resync_changed (view, view->snapshot, qresync->modseq, &rows, &resync->rows);
  guint32 match = imap_resync_match (view, &qresync->match_numbers, &qresync->match_uids);
  return imap_resync_vanished (view, qresync->modseq, &wanted, match, &resync->vanished, error);
}

static gboolean
opens_read_only (const ImapCommand *command)
{
  return (command->row->flags & IMAP_COMMAND_READ_ONLY) != 0;
}

static ImapStep
tell_missed (ImapSession *session, ImapCommand *command)
{
  if (command->state != NULL
      && (!imap_resync_tell_vanished (command->state, &session->writer)
          || !imap_resync_tell_rows (command->state, session->view, &session->writer)))
    return IMAP_STEP_AGAIN;
  command->code = g_strdup (session->view->is_read_only ? "READ-ONLY" : "READ-WRITE");
  return imap_command_ok (command, opens_read_only (command) ? "EXAMINE completed." : "SELECT completed.");
}

/* Leaves the selected mailbox, even if the command fails afterwards (RFC 3501 6.3.1). */
static void
leave_mailbox (ImapSession *session)
{
  if (session->view != NULL)
    imap_write (&session->writer, "* OK [CLOSED] Previous mailbox closed.\r\n"); /* RFC 7162 3.2.11 */
  imap_session_unselect (session);
}

/* A mailbox in which nothing may be changed is selected as if by EXAMINE (RFC 4314 5.2). */
#define CHANGING                                                                                             \
  (SATCHEL_RIGHT_INSERT | SATCHEL_RIGHT_EXPUNGE | SATCHEL_RIGHT_SEEN | SATCHEL_RIGHT_WRITE                   \
   | SATCHEL_RIGHT_DELETE_MESSAGES)

/* Runs SELECT and EXAMINE. */
ImapStep
imap_run_select (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapSelectArguments *arguments = command->arguments;
  const ImapQresync *qresync = arguments->qresync.uidvalidity != 0 ? &arguments->qresync : NULL;
  if (command->state != NULL)
    return tell_missed (session, command);
  if (qresync != NULL && !(session->enabled & IMAP_ENABLED_QRESYNC))
    return imap_command_bad (command, "ENABLE QRESYNC comes first.");
  /* The first call is made in the main thread. */
  if (!may_block)
    leave_mailbox (session);
  if (arguments->is_condstore)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  g_autoptr (SatchelMailbox) mailbox = imap_name_open (session, arguments->name, may_block, &error);
  if (error != NULL)
    return imap_command_error (session, command, error);
  if (mailbox == NULL)
    return IMAP_STEP_BLOCK;
  if (!satchel_mailbox_check_rights (mailbox, SATCHEL_RIGHT_READ, &error))
    return imap_command_error (session, command, error);
  gboolean is_read_only = opens_read_only (command) || (satchel_mailbox_rights (mailbox) & CHANGING) == 0;
  g_autoptr (GPtrArray) infos =
      imap_session_is_rev2 (session) ? satchel_store_list_cached (session->store) : NULL;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autoptr (ImapView) view =
      imap_view_new (mailbox, snapshot, is_read_only, !imap_session_is_rev2 (session));
  gboolean must_claim = !is_read_only && imap_view_can_claim (view, &snapshot->state);
  /* IMAP4rev2 demands a LIST response (RFC 9051 6.3.2) */
  gboolean must_list = imap_session_is_rev2 (session) && infos == NULL;
  if ((must_claim || must_list || qresync != NULL) && !may_block)
    return IMAP_STEP_BLOCK;
  if (must_list && (infos = satchel_store_list (session->store, &error)) == NULL)
    return imap_command_error (session, command, error);
  if (!imap_view_claim_recent (view, &snapshot->state, &error)
      || (qresync != NULL && !find_missed (command, view, qresync, &error)))
    return imap_command_error (session, command, error);
  tell_mailbox (session, view, arguments->name, infos);
  imap_session_set_view (session, g_steal_pointer (&view));
  return tell_missed (session, command);
}

ImapStep
imap_run_unselect (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  command->at_end |= IMAP_END_UNSELECT;
  return imap_command_ok (command, "UNSELECT completed.");
}

/* Finds the messages that have \Deleted now, even if the client does not know that. */
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
  command->at_end |= IMAP_END_UNSELECT;
  /* Without the right to expunge, CLOSE only closes (RFC 4314 4). */
  if (!session->view->is_read_only
      && (satchel_mailbox_rights (session->view->mailbox) & SATCHEL_RIGHT_EXPUNGE))
    find_deleted (session->view, &uids);
  if (!expunge (session, &uids, &error))
    return imap_command_error (session, command, error);
  return imap_command_ok (command, "CLOSE completed.");
}

/* Runs EXPUNGE and UID EXPUNGE: the update that follows reports the messages that are gone. */
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
