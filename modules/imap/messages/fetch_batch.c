/* SPDX-License-Identifier: MIT
 * Loads what a FETCH needs of the next messages in one go: their attributes, and \Seen in one transaction.
 * In jobs only.  Entry: imap_fetch_load_batch.
 */
#include "messages/fetch.h"

void
imap_fetch_clear_batch (ImapFetch *fetch)
{
  for (guint i = 0; i < fetch->n_batch; i++)
    g_clear_pointer (&fetch->batch_attributes[i], g_bytes_unref);
  fetch->n_batch = fetch->at_batch = 0;
}

void
imap_fetch_note_failure (ImapFetch *fetch, GError *error)
{
  if (error == NULL || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_GONE)
      || g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    fetch->is_missing = TRUE;
  else if (fetch->error == NULL)
    {
      fetch->error = error;
      return;
    }
  g_clear_error (&error);
}

gboolean
imap_fetch_open_message (ImapSession *session, const ImapCommand *command, ImapFetch *fetch, guint i,
                         GError **error)
{
  const ImapFetchArguments *arguments = command->arguments;
  guint32 uid = fetch->batch_uids[i];
  if (fetch->opened_uid == uid)
    return TRUE;
  imap_fetch_close_sections (fetch, arguments);
  if (!imap_fetch_open_sections (session, fetch, arguments, uid, fetch->batch_attributes[i], error))
    {
      imap_fetch_close_sections (fetch, arguments);
      return FALSE;
    }
  fetch->opened_uid = uid;
  return TRUE;
}

/* Finds the messages of the batch that will be sent and are not \Seen.  A request that fails sets no flag
 * (RFC 3501 6.4.5: the flag comes with the data; RFC 3516 4.3). */
static void
find_unseen (ImapSession *session, const ImapCommand *command, ImapFetch *fetch, SatchelUidSet *ret_uids)
{
  gboolean is_unseen[IMAP_FETCH_BATCH] = { FALSE };
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (session->view->mailbox);
  /* Only the message that was opened last stays open, so we go backwards: it is the first, which is sent
   * next. */
  for (guint i = fetch->n_batch; i-- > 0;)
    {
      guint32 index;
      guint row;
      if (!satchel_snapshot_find (newest, fetch->batch_uids[i], &index)
          || (satchel_snapshot_at (newest, index, &row)->flags[row] & SATCHEL_FLAG_SEEN)
          || (fetch->wants_attributes && fetch->batch_attributes[i] == NULL))
        continue;
      g_autoptr (GError) error = NULL; /* the failure is reported when it is the message's turn */
      is_unseen[i] = imap_fetch_open_message (session, command, fetch, i, &error);
    }
  for (guint i = 0; i < fetch->n_batch; i++)
    if (is_unseen[i])
      satchel_uid_set_add (ret_uids, fetch->batch_uids[i], fetch->batch_uids[i]);
}

/* Sets \Seen on messages of the batch that lack it.  If that fails, messages are sent all the same. */
static void
mark_seen (ImapSession *session, const ImapCommand *command, ImapFetch *fetch)
{
  g_auto (SatchelUidSet) uids = { 0 };
  find_unseen (session, command, fetch, &uids);
  if (uids.n_ranges == 0)
    return;
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  SatchelOperation *operation = satchel_transaction_flags (
      transaction, session->view->mailbox, &uids, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, G_MAXUINT64);
  if (!satchel_transaction_commit (transaction, &error))
    {
      satchel_session_log (session->session, SATCHEL_LOG_WARNING, "cannot mark messages as seen: %s",
                           error->message);
      return;
    }
  for (guint i = 0; i < fetch->n_batch; i++)
    fetch->batch_newly_seen[i] = satchel_uid_set_contains (&uids, fetch->batch_uids[i]);
  imap_view_add_own (session->view, operation->ret_modseq, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL);
  g_clear_pointer (&fetch->fresh, satchel_snapshot_unref);
  fetch->fresh = satchel_mailbox_snapshot (session->view->mailbox);
}

void
imap_fetch_load_batch (ImapSession *session, const ImapCommand *command, ImapFetch *fetch)
{
  guint max = fetch->sets_seen ? IMAP_FETCH_SEEN_BATCH : IMAP_FETCH_BATCH;
  guint range = fetch->at_range;
  imap_fetch_clear_batch (fetch);
  for (guint32 at = fetch->at; at != 0 && fetch->n_batch < max;
       at = imap_fetch_next_after (fetch, &range, at))
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, at - 1, &row);
      fetch->batch_newly_seen[fetch->n_batch] = FALSE;
      fetch->batch_uids[fetch->n_batch++] = chunk->uid[row];
    }
  GError *error = NULL;
  if (fetch->wants_attributes
      && !satchel_mailbox_attributes (session->view->mailbox, fetch->batch_uids, fetch->n_batch,
                                      fetch->batch_attributes, NULL, &error))
    imap_fetch_note_failure (fetch, error);
  if (fetch->sets_seen)
    mark_seen (session, command, fetch);
}
