/* SPDX-License-Identifier: MIT
 * STORE (RFC 3501 6.4.6), COPY and MOVE (RFC 3501 6.4.7, RFC 6851, COPYUID of RFC 4315).
 */
#include "session.h"

/* What STORE still has to tell: the flags of @rows in @after. */
typedef struct Telling
{
  SatchelUidSet rows;
  guint at_range;
  guint32 at; /* sequence number, 0: the range's first */
  SatchelSnapshot *after;
  gboolean is_missing; /* some messages have gone */
} Telling;

static void
telling_free (gpointer data)
{
  Telling *telling = data;
  satchel_uid_set_clear (&telling->rows);
  g_clear_pointer (&telling->after, satchel_snapshot_unref);
  g_free (telling);
}

static void
tell_flags (ImapSession *session, ImapCommand *command, Telling *telling, guint32 sequence, ImapFlagsMemo *memo)
{
  ImapWriter *writer = &session->writer;
  guint row;
  guint32 index, uid;
  const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, sequence - 1, &row);
  uid = chunk->uid[row];
  if (!satchel_snapshot_find (telling->after, uid, &index))
    {
      telling->is_missing = TRUE;
      return;
    }
  chunk = satchel_snapshot_at (telling->after, index, &row);
  imap_write_fetch_start (writer, sequence);
  if (command->row->flags & IMAP_COMMAND_UID)
    {
      imap_write (writer, "UID ");
      imap_write_number (writer, uid);
      imap_write (writer, " ");
    }
  imap_write (writer, "FLAGS ");
  imap_view_write_flags (session->view, writer, memo, telling->after, chunk, row);
  imap_write (writer, ")\r\n");
}

static ImapStep
tell_all (ImapSession *session, ImapCommand *command)
{
  Telling *telling = command->state;
  ImapFlagsMemo memo = { 0 };
  for (; telling->at_range < telling->rows.n_ranges; telling->at_range++, telling->at = 0)
    {
      const SatchelRange *range = &telling->rows.ranges[telling->at_range];
      for (telling->at = MAX (telling->at, range->first); telling->at <= range->last; telling->at++)
        {
          if (imap_writer_is_full (&session->writer))
            return IMAP_STEP_AGAIN;
          tell_flags (session, command, telling, telling->at, &memo);
        }
    }
  if (telling->is_missing)
    return imap_command_no (command, "EXPUNGEISSUED", "Some messages no longer exist.");
  return imap_command_ok (command, "STORE completed.");
}

ImapStep
imap_run_store (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapStoreArguments *arguments = command->arguments;
  ImapView *view = session->view;
  if (command->state != NULL)
    return tell_all (session, command);
  Telling *telling = g_new0 (Telling, 1);
  command->state = telling;
  command->state_free = telling_free;
  if (!imap_view_rows (view, &arguments->set, (command->row->flags & IMAP_COMMAND_UID) != 0, &telling->rows))
    return imap_command_bad (command, "No such message.");
  g_auto (SatchelUidSet) uids = { 0 };
  imap_view_uids (view, &telling->rows, &uids);
  if (uids.n_ranges == 0)
    return imap_command_ok (command, "STORE completed.");
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  SatchelOperation *operation
      = satchel_transaction_flags (transaction, view->mailbox, &uids, (SatchelFlagsMode) arguments->mode,
                                   arguments->flags.flags, (const char *const *) arguments->flags.keywords, G_MAXUINT64);
  if (!satchel_transaction_commit (transaction, &error))
    return imap_command_error (session, command, error);
  imap_view_add_own (view, operation->ret_modseq, arguments->mode, arguments->flags.flags, arguments->flags.keywords);
  if (arguments->is_silent)
    return imap_command_ok (command, "STORE completed.");
  telling->after = satchel_mailbox_snapshot (view->mailbox);
  imap_view_tell_keywords (view, &session->writer, telling->after);
  /* What is told here is not told again, whoever changed it. */
  if (view->snapshot != telling->after)
    imap_view_uids (view, &telling->rows, &command->answered);
  return tell_all (session, command);
}

/* ---- COPY, MOVE ---- */

/* "COPYUID 38505 304,319:320 3956:3958" */
static char *
copyuid (const SatchelOperation *operation)
{
  ImapWriter writer = { .room = 1 };
  g_auto (SatchelUidSet) destination = { 0 };
  for (guint i = 0; i < operation->ret_uids->len; i++)
    {
      guint32 uid = g_array_index (operation->ret_uids, guint32, i);
      satchel_uid_set_add (&destination, uid, uid);
    }
  imap_write_format (&writer, "COPYUID %u ", operation->ret_uidvalidity);
  imap_write_set (&writer, &operation->ret_source);
  imap_write (&writer, " ");
  imap_write_set (&writer, &destination);
  imap_write_raw (&writer, "", 1);
  return writer.data;
}

static ImapStep
copy (ImapSession *session, ImapCommand *command, gboolean is_move)
{
  g_autoptr (GError) error = NULL;
  const ImapSetArguments *arguments = command->arguments;
  ImapView *view = session->view;
  g_auto (SatchelUidSet) rows = { 0 };
  g_auto (SatchelUidSet) uids = { 0 };
  if (!imap_view_rows (view, &arguments->set, (command->row->flags & IMAP_COMMAND_UID) != 0, &rows))
    return imap_command_bad (command, "No such message.");
  g_autoptr (SatchelMailbox) destination = imap_name_open (session, arguments->name, TRUE, &error);
  if (destination == NULL)
    return imap_command_destination_error (session, command, error);
  imap_view_uids (view, &rows, &uids);
  const char *text = is_move ? "MOVE completed." : "COPY completed.";
  if (uids.n_ranges == 0)
    return imap_command_ok (command, text);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  SatchelOperation *operation = is_move ? satchel_transaction_move (transaction, view->mailbox, &uids, destination)
                                        : satchel_transaction_copy (transaction, view->mailbox, &uids, destination);
  if (!satchel_transaction_commit (transaction, &error))
    return imap_command_destination_error (session, command, error);
  if (operation->ret_uids == NULL || operation->ret_uids->len == 0)
    return imap_command_no (command, "EXPUNGEISSUED", "These messages no longer exist.");
  g_autofree char *code = copyuid (operation);
  if (!is_move)
    {
      command->code = g_steal_pointer (&code);
      return imap_command_ok (command, text);
    }
  /* RFC 6851 4.3: before the EXPUNGEs, which the update tells. */
  imap_write (&session->writer, "* OK [");
  imap_write (&session->writer, code);
  imap_write (&session->writer, "] Moved UIDs.\r\n");
  return imap_command_ok (command, text);
}

ImapStep
imap_run_copy (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return copy (session, command, FALSE);
}

ImapStep
imap_run_move (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  return copy (session, command, TRUE);
}
