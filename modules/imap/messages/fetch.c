/* SPDX-License-Identifier: MIT
 * Runs FETCH (RFC 3501 6.4.5).  The main thread answers what a snapshot has, and jobs the rest: attributes in
 * batches, content as a stream.  Entry: imap_run_fetch.
 */
#include "messages/fetch.h"

#define INLINE_ROWS 50000u /* after so many rows without output, other sessions get their turn */

static void
fetch_free (gpointer data)
{
  ImapFetch *fetch = data;
  imap_fetch_clear_batch (fetch);
  g_clear_pointer (&fetch->fresh, satchel_snapshot_unref);
  g_clear_pointer (&fetch->content, satchel_stream_unref);
  if (fetch->block != NULL)
    g_string_free (fetch->block, TRUE);
  imap_decoding_clear (&fetch->decoding);
  for (guint i = 0; fetch->labels != NULL && fetch->labels[i] != NULL; i++)
    if (fetch->texts[i] != NULL)
      g_string_free (fetch->texts[i], TRUE);
  g_free (fetch->texts);
  g_strfreev (fetch->labels);
  satchel_uid_set_clear (&fetch->rows);
  imap_resync_clear (&fetch->resync);
  g_clear_error (&fetch->error);
  g_free (fetch);
}

static void
advance (ImapFetch *fetch)
{
  fetch->at = imap_fetch_next_after (fetch, &fetch->at_range, fetch->at);
  if (fetch->n_batch > 0 && ++fetch->at_batch == fetch->n_batch)
    imap_fetch_clear_batch (fetch);
}

/* Says whether a FETCH will certainly report flags (and MODSEQ, if that is among @items), since all that it
 * asks for is in memory. */
static gboolean
tells_flags (const ImapFetchArguments *arguments, guint items)
{
  const guint in_memory = IMAP_FETCH_UID | IMAP_FETCH_FLAGS | IMAP_FETCH_MODSEQ | IMAP_FETCH_INTERNALDATE;
  guint wanted = IMAP_FETCH_FLAGS | (items & IMAP_FETCH_MODSEQ);
  return (arguments->items & wanted) == wanted && !(arguments->items & ~in_memory)
         && arguments->sections->len == 0;
}

/* The update before a FETCH does not announce flags that the FETCH will report anyway.  That holds only for a
 * FETCH that cannot fail before it reports them. */
void
imap_note_answered (ImapSession *session, ImapCommand *command)
{
  ImapView *view = session->view;
  const ImapFetchArguments *fetch = command->arguments;
  /* A client that asks for content may take the first FETCH response for what it asked (curl does). */
  command->puts_off_flags = fetch->sections->len > 0;
  if (view->snapshot == NULL || command->answered.n_ranges > 0
      || !tells_flags (fetch, imap_session_unsolicited_items (session))
      || (fetch->has_changed_since && fetch->changed_since > imap_view_modseq (view))
      || !imap_view_is_behind (view))
    return;
  g_auto (SatchelUidSet) rows = { 0 };
  command->answered_modseq = G_MAXUINT64;
  if (imap_view_rows (view, &fetch->set, (command->row->flags & IMAP_COMMAND_UID) != 0, &rows))
    imap_view_uids (view, &rows, &command->answered);
}

/* Keeps only rows that have changed, and finds what vanished (RFC 7162 3.1.4.1, 3.2.6). */
static gboolean
narrow (ImapSession *session, const ImapFetchArguments *arguments, ImapFetch *fetch,
        const SatchelSnapshot *newest, GError **error)
{
  g_auto (SatchelUidSet) rows = fetch->rows;
  fetch->rows = (SatchelUidSet) { 0 };
  imap_resync_changed (session->view, newest, arguments->changed_since, &rows, &fetch->rows);
  if (!arguments->wants_vanished)
    return TRUE;
  g_auto (SatchelUidSet) wanted = { 0 };
  /* "*" is the last UID that the mailbox had, so that messages which vanished at its end are reported as
   * well. */
  imap_sequence_resolve (&arguments->set, session->view->snapshot->state.uidnext - 1, &wanted);
  return imap_resync_vanished (session->view, arguments->changed_since, &wanted, 0, &fetch->resync.vanished,
                               error);
}

/* Says whether this session may set \Seen.  Without the right to do so, FETCH leaves the flag alone, which is
 * no error (RFC 4314 4). */
static gboolean
may_set_seen (const ImapView *view)
{
  gboolean keeps_keywords;
  return !view->is_read_only
         && (satchel_mailbox_permanent_flags (view->mailbox, &keeps_keywords) & SATCHEL_FLAG_SEEN) != 0;
}

/* Notes for each section what it is called in the answer, and what it asks of the FETCH. */
static void
prepare_sections (const ImapSession *session, const ImapFetchArguments *arguments, ImapFetch *fetch)
{
  guint n = arguments->sections->len;
  fetch->labels = g_new0 (char *, n + 1);
  fetch->texts = g_new0 (GString *, n + 1);
  for (guint i = 0; i < n; i++)
    {
      const ImapSection *section = arguments->sections->pdata[i];
      fetch->labels[i] = imap_section_label (section);
      if (section->sets_seen && may_set_seen (session->view))
        fetch->sets_seen = TRUE;
      if (section->kind != IMAP_SECTION_CONTENT || section->n_path > 0)
        fetch->wants_attributes = TRUE;
    }
}

/* Makes the state of the command.  NULL means that the client asks for messages that it does not have. */
static ImapFetch *
fetch_new (ImapSession *session, ImapCommand *command)
{
  const guint of_attributes = IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE
                              | IMAP_FETCH_PREVIEW | IMAP_FETCH_THREADID;
  const ImapFetchArguments *arguments = command->arguments;
  ImapView *view = session->view;
  ImapFetch *fetch = g_new0 (ImapFetch, 1);
  command->state = fetch;
  command->state_free = fetch_free;
  prepare_sections (session, arguments, fetch);
  if (arguments->items & of_attributes)
    fetch->wants_attributes = TRUE;
  if (!imap_view_rows (view, &arguments->set, (command->row->flags & IMAP_COMMAND_UID) != 0, &fetch->rows))
    return NULL;
  fetch->wants_dates = (arguments->items & IMAP_FETCH_INTERNALDATE) && view->snapshot->state.n_undated > 0;
  if (imap_view_is_behind (view))
    fetch->fresh = satchel_mailbox_snapshot (view->mailbox);
  const SatchelSnapshot *newest = fetch->fresh != NULL ? fetch->fresh : view->snapshot;
  command->answered_modseq = newest->state.highestmodseq;
  if (arguments->items & IMAP_FETCH_MODSEQ)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  if (!arguments->has_changed_since || narrow (session, arguments, fetch, newest, &fetch->error))
    fetch->at = imap_fetch_next_after (fetch, &fetch->at_range, 0);
  return fetch;
}

static guint
wanted_items (const ImapSession *session, const ImapCommand *command, const ImapFetch *fetch)
{
  guint items = ((ImapFetchArguments *) command->arguments)->items;
  if (command->row->flags & IMAP_COMMAND_UID)
    items |= IMAP_FETCH_UID;
  if (fetch->n_batch > 0 && fetch->batch_newly_seen[fetch->at_batch])
    /* A \Seen that FETCH has set is reported (RFC 3501 6.4.5). */
    items |= IMAP_FETCH_FLAGS | imap_session_unsolicited_items (session);
  return items;
}

static gboolean
find_object_ids (ImapSession *session, ImapFetch *fetch, guint items, guint32 uid, GBytes *attributes,
                 GError **error)
{
  SatchelMailbox *mailbox = session->view->mailbox;
  return (!(items & IMAP_FETCH_EMAILID) || imap_email_id (mailbox, uid, fetch->email_id, error))
         && (!(items & IMAP_FETCH_THREADID)
             || imap_thread_id (mailbox, uid, attributes, fetch->thread_id, error));
}

/* Finds the internal dates of the batch.  FALSE means that *error says why it failed. [blocks] */
static gboolean
find_dates (ImapSession *session, ImapFetch *fetch, GError **error)
{
  SatchelSnapshot *dated = satchel_mailbox_dated_snapshot (session->view->mailbox, error);
  if (dated == NULL)
    return FALSE;
  g_clear_pointer (&fetch->fresh, satchel_snapshot_unref);
  fetch->fresh = dated;
  fetch->wants_dates = FALSE;
  return TRUE;
}

/* Counts the octets of the content, which is the size that is announced, whatever the name of the file says
 * that another program made.  That corrects the size for all sessions from now on. */
static void
count_octets (ImapSession *session, ImapFetch *fetch, guint32 uid, guint64 *size)
{
  g_autoptr (GBytes) counted = NULL;
  gint64 length = satchel_stream_length (fetch->content, NULL);
  if (length < 0 || (guint64) length == *size)
    return;
  *size = (guint64) length;
  satchel_mailbox_attributes (session->view->mailbox, &uid, 1, &counted, NULL, NULL);
}

/* Finds the size to announce if the row does not have it.  FALSE means that the message cannot be read (with
 * @error) or is gone. */
static gboolean
find_size (ImapSession *session, const ImapFetch *fetch, guint items, guint64 *ret_size, GError **error)
{
  GBytes *attributes = fetch->batch_attributes[fetch->at_batch];
  guint32 uid = fetch->batch_uids[fetch->at_batch];
  guint64 size =
      attributes != NULL ? satchel_attributes_size (attributes) : imap_fetch_row_size (session, fetch);
  if ((items & IMAP_FETCH_SIZE) && size == SATCHEL_SIZE_UNKNOWN)
    {
      GBytes *found = NULL;
      if (!satchel_mailbox_attributes (session->view->mailbox, &uid, 1, &found, NULL, error) || found == NULL)
        return FALSE;
      size = satchel_attributes_size (found);
      g_bytes_unref (found);
    }
  *ret_size = size;
  return TRUE;
}

/* Says whether the message at hand is gone, which shows when what only storage has was not found. */
static gboolean
is_gone (const ImapSession *session, const ImapFetch *fetch, guint items)
{
  return (fetch->wants_attributes && fetch->batch_attributes[fetch->at_batch] == NULL)
         || ((items & IMAP_FETCH_INTERNALDATE) && !imap_fetch_has_date (session, fetch));
}

/* Begins the answer for a message.  FALSE means that it is gone or cannot be read; nothing was written then.
 */
static gboolean
start_message (ImapSession *session, ImapCommand *command, ImapFetch *fetch)
{
  const ImapFetchArguments *arguments = command->arguments;
  GBytes *attributes = fetch->batch_attributes[fetch->at_batch];
  guint32 uid = fetch->batch_uids[fetch->at_batch];
  GError *error = NULL;
  guint64 size;
  if (is_gone (session, fetch, arguments->items))
    {
      fetch->is_missing = TRUE; /* an error that was noted decides the answer all the same */
      return FALSE;
    }
  if (!find_size (session, fetch, arguments->items, &size, &error)
      || !find_object_ids (session, fetch, arguments->items, uid, attributes, &error)
      || (arguments->sections->len > 0
          && !imap_fetch_open_message (session, command, fetch, fetch->at_batch, &error)))
    {
      imap_fetch_note_failure (fetch, error);
      return FALSE;
    }
  if (fetch->content != NULL)
    count_octets (session, fetch, uid, &size);
  imap_fetch_write_items (session, fetch, wanted_items (session, command, fetch), attributes, size);
  if (arguments->sections->len > 0 && session->writer.data[session->writer.len - 1] != '(')
    imap_write (&session->writer, " ");
  return TRUE;
}

/* Answers for messages of which something must be read or changed: attributes, content, \Seen. */
static ImapStep
run_blocking (ImapSession *session, ImapCommand *command, ImapFetch *fetch)
{
  const ImapFetchArguments *arguments = command->arguments;
  while (fetch->at != 0)
    {
      if (imap_writer_is_full (&session->writer))
        return IMAP_STEP_AGAIN;
      if (imap_session_is_cancelled (session))
        {
          imap_view_forget_own (session->view);
          return imap_command_no (command, NULL, "Interrupted.");
        }
      if (fetch->n_batch == 0)
        imap_fetch_load_batch (session, command, fetch);
      if (!fetch->in_message && !start_message (session, command, fetch))
        {
          /* The message could be opened a moment ago, so the update after the command reports its \Seen. */
          if (fetch->batch_newly_seen[fetch->at_batch])
            imap_view_forget_own (session->view);
          advance (fetch);
          continue;
        }
      fetch->in_message = TRUE;
      if (arguments->sections->len > 0)
        {
          ImapStep step =
              imap_fetch_send_sections (session, fetch, arguments, fetch->batch_attributes[fetch->at_batch]);
          if (step != IMAP_STEP_DONE || session->is_broken)
            return step;
          imap_fetch_close_sections (fetch, arguments);
        }
      imap_write (&session->writer, ")\r\n");
      fetch->in_message = FALSE;
      advance (fetch);
    }
  return IMAP_STEP_DONE;
}

/* Reports the messages whose answer is in memory.  Returns BLOCK at the first one whose size is unknown. */
static ImapStep
run_inline (ImapSession *session, ImapCommand *command, ImapFetch *fetch)
{
  guint items = wanted_items (session, command, fetch);
  for (guint n = 0; fetch->at != 0; n++)
    {
      if (imap_writer_is_full (&session->writer) || n == INLINE_ROWS)
        return IMAP_STEP_AGAIN;
      guint64 size = items & IMAP_FETCH_SIZE ? imap_fetch_row_size (session, fetch) : 0;
      if (size == SATCHEL_SIZE_UNKNOWN)
        return IMAP_STEP_BLOCK;
      imap_fetch_write_items (session, fetch, items, NULL, size);
      imap_write (&session->writer, ")\r\n");
      advance (fetch);
    }
  return IMAP_STEP_DONE;
}

/* Says whether something of the FETCH is not in memory, so that it needs a job. */
static gboolean
needs_job (const ImapFetchArguments *arguments, const ImapFetch *fetch)
{
  return fetch->wants_attributes || fetch->wants_dates || arguments->sections->len > 0
         || (arguments->items & IMAP_FETCH_EMAILID);
}

/* Answers the command once all messages were sent or skipped. */
static ImapStep
answer_fetch (ImapSession *session, ImapCommand *command, const ImapFetch *fetch)
{
  if (fetch->has_unknown_encoding)
    return imap_command_no (command, "UNKNOWN-CTE", "A transfer encoding is unknown.");
  if (fetch->error != NULL)
    return imap_command_error (session, command, fetch->error);
  if (fetch->is_missing)
    return imap_command_no (command, "EXPUNGEISSUED", "Some messages no longer exist.");
  return imap_command_ok (command, "FETCH completed.");
}

ImapStep
imap_run_fetch (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  const ImapFetchArguments *arguments = command->arguments;
  if (arguments->wants_vanished
      && (!(session->enabled & IMAP_ENABLED_QRESYNC) || !(command->row->flags & IMAP_COMMAND_UID)))
    return imap_command_bad (command, "VANISHED is for UID FETCH after ENABLE QRESYNC.");
  if (command->state == NULL && arguments->wants_vanished && !may_block)
    return IMAP_STEP_BLOCK;
  ImapFetch *fetch = command->state != NULL ? command->state : fetch_new (session, command);
  if (fetch == NULL)
    return imap_command_bad (command, "No such message.");
  if (!imap_resync_tell_vanished (&fetch->resync, &session->writer))
    return IMAP_STEP_AGAIN;
  if (fetch->at == 0)
    return answer_fetch (session, command, fetch);
  if (!may_block && needs_job (arguments, fetch))
    return IMAP_STEP_BLOCK;
  g_autoptr (GError) error = NULL;
  if (fetch->wants_dates && !find_dates (session, fetch, &error))
    return imap_command_error (session, command, error);
  ImapStep step = may_block ? run_blocking (session, command, fetch) : run_inline (session, command, fetch);
  if (step != IMAP_STEP_DONE || command->text != NULL)
    return step;
  return answer_fetch (session, command, fetch);
}
