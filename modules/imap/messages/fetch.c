/* SPDX-License-Identifier: MIT
 * This file has FETCH (RFC 3501 6.4.5, 7.4.2).  The main thread answers what a snapshot has, and jobs the
 * rest: attributes in batches, content as a stream.  Entry: imap_run_fetch.
 */
#include "messages/fetch.h"

#define INLINE_ROWS 50000u /* after so many rows without output, other sessions get their turn */

static void
batch_clear (ImapFetch *fetch)
{
  for (guint i = 0; i < fetch->n_batch; i++)
    g_clear_pointer (&fetch->batch_attributes[i], g_bytes_unref);
  fetch->n_batch = fetch->at_batch = 0;
}

static void
fetch_free (gpointer data)
{
  ImapFetch *fetch = data;
  batch_clear (fetch);
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

static guint32
next_after (const ImapFetch *fetch, guint *range, guint32 sequence)
{
  if (sequence != 0 && sequence < fetch->rows.ranges[*range].last)
    return sequence + 1;
  *range += sequence != 0;
  return *range < fetch->rows.n_ranges ? fetch->rows.ranges[*range].first : 0;
}

static void
advance (ImapFetch *fetch)
{
  fetch->at = next_after (fetch, &fetch->at_range, fetch->at);
  if (fetch->n_batch > 0 && ++fetch->at_batch == fetch->n_batch)
    batch_clear (fetch);
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

static ImapFetch *
fetch_new (ImapSession *session, ImapCommand *command)
{
  const ImapFetchArguments *arguments = command->arguments;
  ImapFetch *fetch = g_new0 (ImapFetch, 1);
  command->state = fetch;
  command->state_free = fetch_free;
  guint n = arguments->sections->len;
  fetch->labels = g_new0 (char *, n + 1);
  fetch->texts = g_new0 (GString *, n + 1);
  for (guint i = 0; i < n; i++)
    {
      const ImapSection *section = arguments->sections->pdata[i];
      fetch->labels[i] = imap_section_label (section);
      fetch->sets_seen = fetch->sets_seen || (section->sets_seen && may_set_seen (session->view));
      fetch->wants_attributes =
          fetch->wants_attributes || section->kind != IMAP_SECTION_CONTENT || section->n_path > 0;
    }
  fetch->wants_attributes = fetch->wants_attributes
                            || (arguments->items
                                & (IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE
                                   | IMAP_FETCH_PREVIEW | IMAP_FETCH_THREADID));
  if (!imap_view_rows (session->view, &arguments->set, (command->row->flags & IMAP_COMMAND_UID) != 0,
                       &fetch->rows))
    return NULL;
  fetch->wants_dates =
      (arguments->items & IMAP_FETCH_INTERNALDATE) && session->view->snapshot->state.n_undated > 0;
  if (imap_view_is_behind (session->view))
    fetch->fresh = satchel_mailbox_snapshot (session->view->mailbox);
  const SatchelSnapshot *newest = fetch->fresh != NULL ? fetch->fresh : session->view->snapshot;
  command->answered_modseq = newest->state.highestmodseq;
  if (arguments->items & IMAP_FETCH_MODSEQ)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  if (!arguments->has_changed_since || narrow (session, arguments, fetch, newest, &fetch->error))
    fetch->at = next_after (fetch, &fetch->at_range, 0);
  return fetch;
}

/* Returns the columns of the message from the newest snapshot. */
static const SatchelChunk *
find_row (const ImapSession *session, const ImapFetch *fetch, const SatchelSnapshot **ret_snapshot,
          guint *ret_row)
{
  guint32 index;
  const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, fetch->at - 1, ret_row);
  *ret_snapshot = session->view->snapshot;
  if (fetch->fresh != NULL && satchel_snapshot_find (fetch->fresh, chunk->uid[*ret_row], &index))
    {
      *ret_snapshot = fetch->fresh;
      return satchel_snapshot_at (fetch->fresh, index, ret_row);
    }
  return chunk;
}

/* ---- batches ---- */

/* Notes that a message could not be read, which is reported at the end of the command.  Takes @error over;
 * NULL means that the message was removed. */
static void
note_failure (ImapFetch *fetch, GError *error)
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

/* Opens the sections of message @i of the batch, if they are not open yet. */
static gboolean
open_sections (ImapSession *session, const ImapCommand *command, ImapFetch *fetch, guint i, GError **error)
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
      is_unseen[i] = open_sections (session, command, fetch, i, &error);
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

static void
load_batch (ImapSession *session, const ImapCommand *command, ImapFetch *fetch)
{
  guint max = fetch->sets_seen ? IMAP_FETCH_SEEN_BATCH : IMAP_FETCH_BATCH;
  guint range = fetch->at_range;
  batch_clear (fetch);
  for (guint32 at = fetch->at; at != 0 && fetch->n_batch < max; at = next_after (fetch, &range, at))
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
    note_failure (fetch, error);
  if (fetch->sets_seen)
    mark_seen (session, command, fetch);
}

/* ---- one message ---- */

static void
write_item_start (ImapWriter *writer, const char **separator, const char *name)
{
  imap_write (writer, *separator);
  imap_write (writer, name);
  *separator = " ";
}

static void
write_attribute (ImapWriter *writer, const char **separator, const char *name, const char *text, gsize len)
{
  write_item_start (writer, separator, name);
  imap_write_raw (writer, text, len);
}

/* Writes the items that attributes hold ready to send. */
static void
write_attributes (ImapWriter *writer, const char **separator, guint items, GBytes *attributes)
{
  gsize len;
  const char *text;
  if (items & IMAP_FETCH_ENVELOPE)
    {
      text = satchel_attributes_envelope (attributes, &len);
      write_attribute (writer, separator, "ENVELOPE ", text, len);
    }
  if (items & IMAP_FETCH_BODY)
    {
      text = satchel_attributes_body_structure (attributes, FALSE, &len);
      write_attribute (writer, separator, "BODY ", text, len);
    }
  if (items & IMAP_FETCH_BODYSTRUCTURE)
    {
      text = satchel_attributes_body_structure (attributes, TRUE, &len);
      write_attribute (writer, separator, "BODYSTRUCTURE ", text, len);
    }
  if (items & IMAP_FETCH_PREVIEW)
    {
      text = satchel_attributes_preview (attributes, &len);
      write_item_start (writer, separator, "PREVIEW ");
      imap_write_string (writer, text, len);
    }
}

static void
write_object_id (ImapWriter *writer, const char **separator, const char *name, const char *id)
{
  write_item_start (writer, separator, name);
  imap_write (writer, "(");
  imap_write (writer, id);
  imap_write (writer, ")");
}

/* Writes everything but sections.  @size is RFC822.SIZE. */
static void
write_items (ImapSession *session, ImapFetch *fetch, guint items, GBytes *attributes, guint64 size)
{
  ImapWriter *writer = &session->writer;
  const char *separator = "";
  const SatchelSnapshot *snapshot;
  guint row;
  const SatchelChunk *chunk = find_row (session, fetch, &snapshot, &row);
  imap_write_fetch_start (writer, fetch->at);
  if (items & IMAP_FETCH_UID)
    {
      write_item_start (writer, &separator, "UID ");
      imap_write_number (writer, chunk->uid[row]);
    }
  if (items & IMAP_FETCH_FLAGS)
    {
      write_item_start (writer, &separator, "FLAGS ");
      imap_view_write_flags (session->view, writer, &fetch->memo, snapshot, chunk, row);
    }
  if (items & IMAP_FETCH_MODSEQ)
    {
      write_item_start (writer, &separator, "MODSEQ (");
      imap_write_number (writer, chunk->modseq[row]);
      imap_write (writer, ")");
    }
  if (items & IMAP_FETCH_INTERNALDATE)
    {
      write_item_start (writer, &separator, "INTERNALDATE ");
      imap_write_date_time (writer, chunk->internal_date[row]);
    }
  if (items & IMAP_FETCH_SAVEDATE)
    {
      write_item_start (writer, &separator, "SAVEDATE ");
      if (chunk->save_date[row] == 0)
        imap_write_nstring (writer, NULL);
      else
        imap_write_date_time (writer, chunk->save_date[row]);
    }
  if (items & IMAP_FETCH_EMAILID)
    write_object_id (writer, &separator, "EMAILID ", fetch->email_id);
  if (items & IMAP_FETCH_THREADID)
    write_object_id (writer, &separator, "THREADID ", fetch->thread_id);
  if (items & IMAP_FETCH_SIZE)
    {
      write_item_start (writer, &separator, "RFC822.SIZE ");
      imap_write_number (writer, size);
    }
  if (attributes != NULL)
    write_attributes (writer, &separator, items, attributes);
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

static guint64
row_size (const ImapSession *session, const ImapFetch *fetch)
{
  const SatchelSnapshot *snapshot;
  guint row;
  const SatchelChunk *chunk = find_row (session, fetch, &snapshot, &row);
  return chunk->size[row];
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

/* Says whether the internal date is known.  If it is not, the message was removed. */
static gboolean
has_date (const ImapSession *session, const ImapFetch *fetch)
{
  const SatchelSnapshot *snapshot;
  guint row;
  const SatchelChunk *chunk = find_row (session, fetch, &snapshot, &row);
  return chunk->internal_date[row] != SATCHEL_DATE_UNKNOWN;
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
  guint64 size = attributes != NULL ? satchel_attributes_size (attributes) : row_size (session, fetch);
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
         || ((items & IMAP_FETCH_INTERNALDATE) && !has_date (session, fetch));
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
      || (arguments->sections->len > 0 && !open_sections (session, command, fetch, fetch->at_batch, &error)))
    {
      note_failure (fetch, error);
      return FALSE;
    }
  if (fetch->content != NULL)
    count_octets (session, fetch, uid, &size);
  write_items (session, fetch, wanted_items (session, command, fetch), attributes, size);
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
        load_batch (session, command, fetch);
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
      guint64 size = items & IMAP_FETCH_SIZE ? row_size (session, fetch) : 0;
      if (size == SATCHEL_SIZE_UNKNOWN)
        return IMAP_STEP_BLOCK;
      write_items (session, fetch, items, NULL, size);
      imap_write (&session->writer, ")\r\n");
      advance (fetch);
    }
  return IMAP_STEP_DONE;
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
  gboolean must_block = fetch->wants_attributes || fetch->wants_dates || arguments->sections->len > 0
                        || (arguments->items & IMAP_FETCH_EMAILID);
  if (must_block && !may_block && fetch->at != 0)
    return IMAP_STEP_BLOCK;
  g_autoptr (GError) error = NULL;
  if (fetch->wants_dates && fetch->at != 0 && !find_dates (session, fetch, &error))
    return imap_command_error (session, command, error);
  ImapStep step = may_block && fetch->at != 0 ? run_blocking (session, command, fetch)
                                              : run_inline (session, command, fetch);
  if (step != IMAP_STEP_DONE || command->text != NULL)
    return step;
  if (fetch->has_unknown_encoding)
    return imap_command_no (command, "UNKNOWN-CTE", "A transfer encoding is unknown.");
  if (fetch->error != NULL)
    return imap_command_error (session, command, fetch->error);
  if (fetch->is_missing)
    return imap_command_no (command, "EXPUNGEISSUED", "Some messages no longer exist.");
  return imap_command_ok (command, "FETCH completed.");
}
