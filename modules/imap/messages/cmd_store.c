/* SPDX-License-Identifier: MIT
 * Implements STORE (RFC 3501 6.4.6), COPY and MOVE (RFC 3501 6.4.7, RFC 6851, COPYUID of RFC 4315).
 */
#include "imap_session.h"

/* A part of STORE's answer is still to be sent: the flags of @rows in @after. */
typedef struct Telling
{
  SatchelUidSet rows;
  guint at_range;
  guint32 at; /* sequence number; 0: the first one of the range */
  SatchelSnapshot *after;
  guint items;        /* IMAP_FETCH_* items of every FETCH response */
  guint64 own_modseq; /* mod-sequence of the changes of this command; 0: it has changed nothing */
  gboolean is_silent, is_conditional;
  SatchelUidSet failed; /* UIDs of messages that others have changed (RFC 7162 3.1.3) */
  SatchelUidSet failed_numbers;
  gboolean is_missing; /* some messages have gone */
} Telling;

/* Keeps what the client knew before its STORE: the condition is measured by it (RFC 7162 3.1.12), and so is
 * what must be reported. */
void
imap_note_known (ImapSession *session, ImapCommand *command)
{
  const ImapView *view = session->view;
  const ImapStoreArguments *arguments = command->arguments;
  if (command->known_modseq != 0)
    return;
  command->known_modseq = imap_view_modseq (view);
  if (view->snapshot != NULL && !view->is_rebuilt && arguments->unchanged_since != G_MAXUINT64)
    command->known = satchel_snapshot_ref (view->snapshot);
}

static void
telling_free (gpointer data)
{
  Telling *telling = data;
  satchel_uid_set_clear (&telling->rows);
  satchel_uid_set_clear (&telling->failed);
  satchel_uid_set_clear (&telling->failed_numbers);
  g_clear_pointer (&telling->after, satchel_snapshot_unref);
  g_free (telling);
}

/* Decides what to report of a message besides `items`, and whether to report it at all.  @old_modseq is the
 * mod-sequence that the command found. */
static gboolean
choose_items (const Telling *telling, const ImapCommand *command, guint64 old_modseq, guint32 uid,
              guint64 modseq, guint *ret_items)
{
  *ret_items = telling->items;
  /* Flags that were told when the command began are told again: a client that counts its own change in when
   * it sends the command could not know that they are older (RFC 3501 6.4.6: flags are to be determinate).
   * Those that failed tell the client what has changed. */
  if (!telling->is_silent || old_modseq > command->known_modseq
      || satchel_uid_set_contains (&telling->failed, uid))
    *ret_items |= IMAP_FETCH_FLAGS;
  else if (!telling->is_conditional) /* with .SILENT only new mod-sequences are reported (RFC 7162 3.2.4) */
    return (telling->items & IMAP_FETCH_MODSEQ) && modseq == telling->own_modseq;
  return TRUE;
}

static void
tell_flags (ImapSession *session, const ImapCommand *command, Telling *telling, guint32 sequence,
            ImapFlagsMemo *memo)
{
  guint row;
  guint32 index;
  guint items;
  const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, sequence - 1, &row);
  guint32 uid = chunk->uid[row];
  guint64 old_modseq = chunk->modseq[row];
  if (!satchel_snapshot_find (telling->after, uid, &index))
    {
      telling->is_missing = telling->is_missing || !telling->is_silent || telling->is_conditional;
      return;
    }
  chunk = satchel_snapshot_at (telling->after, index, &row);
  if (satchel_uid_set_contains (&telling->failed, uid))
    satchel_uid_set_add (&telling->failed_numbers, sequence, sequence);
  if (choose_items (telling, command, old_modseq, uid, chunk->modseq[row], &items))
    imap_view_write_fetch (session->view, &session->writer, memo, sequence, telling->after, chunk, row,
                           items);
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
  const char *code = NULL;
  g_autofree char *modified = NULL;
  if (telling->failed_numbers.n_ranges > 0)
    {
      gboolean is_uid = (command->row->flags & IMAP_COMMAND_UID) != 0;
      g_autoptr (GString) text = g_string_new ("MODIFIED ");
      satchel_uid_set_format (is_uid ? &telling->failed : &telling->failed_numbers, text);
      code = modified = g_string_free (g_steal_pointer (&text), FALSE);
    }
  if (telling->is_missing)
    return imap_command_no (command, code != NULL ? code : "EXPUNGEISSUED", "Some messages no longer exist.");
  imap_command_ok (command, code != NULL ? "Conditional STORE failed for some." : "STORE completed.");
  command->code = g_steal_pointer (&modified);
  return IMAP_STEP_DONE;
}

/* Says whether the message has the same of those keywords that @old_bits, or @bits, name. */
static gboolean
has_same_keywords (const SatchelChunk *old, guint old_row, const SatchelKeywordSet *old_bits,
                   const SatchelChunk *chunk, guint row, const SatchelKeywordSet *bits)
{
  SatchelKeywordSet before = satchel_chunk_keywords (old, old_row), now = satchel_chunk_keywords (chunk, row);
  satchel_keyword_set_intersect (&before, old_bits);
  satchel_keyword_set_intersect (&now, bits);
  return satchel_keyword_set_equal (&before, &now);
}

/* Finds those of @failed that can be tried again: the flags that the operation changes are as the client
 * knew them, and only other flags were changed (RFC 7162 3.1.12). With UNCHANGEDSINCE 0 a keyword must only
 * be missing (RFC 7162 3.1.3, example 8). */
static void
find_spurious (const ImapStoreArguments *arguments, const SatchelSnapshot *known,
               const SatchelSnapshot *newest, const SatchelUidSet *failed, SatchelUidSet *ret_uids)
{
  const ImapFlagList *flags = &arguments->flags;
  SatchelKeywordSet known_bits =
      known != NULL ? imap_view_keyword_bits (known, flags->keywords) : (SatchelKeywordSet) { { 0 } };
  SatchelKeywordSet bits = imap_view_keyword_bits (newest, flags->keywords);
  gboolean tests_absence = arguments->unchanged_since == 0 && flags->flags == 0;
  for (guint i = 0; i < failed->n_ranges; i++)
    for (guint64 uid = failed->ranges[i].first; uid <= failed->ranges[i].last; uid++)
      {
        guint32 index;
        guint row, old_row;
        if (!satchel_snapshot_find (newest, (guint32) uid, &index))
          continue;
        const SatchelChunk *chunk = satchel_snapshot_at (newest, index, &row), *old = NULL;
        if (known != NULL && satchel_snapshot_find (known, (guint32) uid, &index))
          old = satchel_snapshot_at (known, index, &old_row);
        gboolean is_same = old != NULL && old->modseq[old_row] <= arguments->unchanged_since
                           && ((old->flags[old_row] ^ chunk->flags[row]) & flags->flags) == 0
                           && has_same_keywords (old, old_row, &known_bits, chunk, row, &bits);
        SatchelKeywordSet present = satchel_chunk_keywords (chunk, row);
        satchel_keyword_set_intersect (&present, &bits);
        if (is_same || (tests_absence && satchel_keyword_set_is_empty (&present)))
          satchel_uid_set_add (ret_uids, (guint32) uid, (guint32) uid);
      }
}

/* Changes flags in one transaction. @ret_modseq: the mod-sequence of the changed messages; 0 means that none
 * was changed. @ret_failed: messages that were modified after @unchanged_since. */
static gboolean
change_flags (ImapSession *session, const ImapStoreArguments *arguments, const SatchelUidSet *uids,
              guint64 unchanged_since, guint64 *ret_modseq, SatchelUidSet *ret_failed, GError **error)
{
  ImapView *view = session->view;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (session->store);
  SatchelOperation *operation = satchel_transaction_flags (
      transaction, view->mailbox, uids, (SatchelFlagsMode) arguments->mode, arguments->flags.flags,
      (const char *const *) arguments->flags.keywords, unchanged_since);
  if (!satchel_transaction_commit (transaction, error))
    return FALSE;
  if (operation->ret_modseq != 0)
    imap_view_add_own (view, operation->ret_modseq, arguments->mode, arguments->flags.flags,
                       arguments->flags.keywords);
  *ret_modseq = operation->ret_modseq;
  satchel_uid_set_copy (&operation->ret_failed, ret_failed);
  return TRUE;
}

/* Changes flags with a condition. Messages that failed only because other flags were changed are tried once
 * more. */
static gboolean
change_unchanged (ImapSession *session, ImapCommand *command, const SatchelUidSet *uids,
                  SatchelUidSet *ret_failed, GError **error)
{
  const ImapStoreArguments *arguments = command->arguments;
  g_auto (SatchelUidSet) again = { 0 };
  g_auto (SatchelUidSet) failed_again = { 0 };
  g_auto (SatchelUidSet) failed = { 0 };
  guint64 modseq;
  if (!change_flags (session, arguments, uids, arguments->unchanged_since, &modseq, &failed, error))
    return FALSE;
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (session->view->mailbox);
  if (arguments->mode != SATCHEL_FLAGS_REPLACE)
    find_spurious (arguments, command->known, newest, &failed, &again);
  if (again.n_ranges > 0
      && !change_flags (session, arguments, &again, newest->state.highestmodseq, &modseq, &failed_again,
                        error))
    return FALSE;
  for (guint i = 0; i < failed.n_ranges; i++)
    for (guint64 uid = failed.ranges[i].first; uid <= failed.ranges[i].last; uid++)
      if (!satchel_uid_set_contains (&again, (guint32) uid)
          || satchel_uid_set_contains (&failed_again, (guint32) uid))
        satchel_uid_set_add (ret_failed, (guint32) uid, (guint32) uid);
  return TRUE;
}

/* Says whether the message has the flags that a conditional STORE replaces its flags by, and has not changed
 * since. */
static gboolean
is_so_already (const ImapStoreArguments *arguments, const SatchelKeywordSet *keywords,
               const SatchelSnapshot *newest, guint32 uid)
{
  guint row;
  guint32 index;
  if (!satchel_snapshot_find (newest, uid, &index))
    return FALSE;
  const SatchelChunk *chunk = satchel_snapshot_at (newest, index, &row);
  return chunk->modseq[row] <= arguments->unchanged_since
         && (chunk->flags[row] & SATCHEL_FLAGS_ALL) == arguments->flags.flags
         && satchel_chunk_keywords_are (chunk, row, keywords);
}

/* A program that keeps accounts equal may state flags that are so already (interimap does, of mail that it
 * has copied): in a mailbox that cannot be changed that alone is no error. */
static gboolean
changes_nothing (const ImapView *view, const ImapStoreArguments *arguments, const SatchelUidSet *uids)
{
  g_autoptr (SatchelSnapshot) newest = satchel_mailbox_snapshot (view->mailbox);
  char *const *keywords = arguments->flags.keywords;
  SatchelKeywordSet bits = imap_view_keyword_bits (newest, keywords);
  gboolean is_so = arguments->mode == SATCHEL_FLAGS_REPLACE && arguments->unchanged_since != G_MAXUINT64;
  for (guint i = 0; is_so && keywords != NULL && keywords[i] != NULL; i++)
    is_so = satchel_snapshot_keyword (newest, keywords[i]) >= 0;
  for (guint i = 0; is_so && i < uids->n_ranges; i++)
    for (guint64 uid = uids->ranges[i].first; is_so && uid <= uids->ranges[i].last; uid++)
      is_so = is_so_already (arguments, &bits, newest, (guint32) uid);
  return is_so;
}

static gboolean
change (ImapSession *session, ImapCommand *command, Telling *telling, const SatchelUidSet *uids,
        GError **error)
{
  const ImapStoreArguments *arguments = command->arguments;
  if (session->view->is_read_only)
    return TRUE; /* nothing is to be changed: see imap_run_store */
  if (telling->is_conditional)
    return change_unchanged (session, command, uids, &telling->failed, error);
  return change_flags (session, arguments, uids, G_MAXUINT64, &telling->own_modseq, &telling->failed, error);
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
  telling->is_conditional = arguments->unchanged_since != G_MAXUINT64;
  telling->is_silent = arguments->is_silent;
  if (telling->is_conditional)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  if (!imap_view_rows (view, &arguments->set, (command->row->flags & IMAP_COMMAND_UID) != 0, &telling->rows))
    return imap_command_bad (command, "No such message.");
  if (arguments->flags.has_long_keyword)
    return imap_command_no (command, "LIMIT", imap_text_long_keyword);
  g_auto (SatchelUidSet) uids = { 0 };
  imap_view_uids (view, &telling->rows, &uids);
  if (view->is_read_only && !changes_nothing (view, arguments, &uids))
    return imap_command_no (command, "NOPERM", "The mailbox is selected read-only.");
  if (uids.n_ranges == 0)
    return imap_command_ok (command, "STORE completed.");
  if (!change (session, command, telling, &uids, &error))
    return g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT)
               ? imap_command_no (command, "LIMIT", imap_text_many_keywords)
               : imap_command_error (session, command, error);
  telling->items = imap_session_unsolicited_items (session)
                   | (command->row->flags & IMAP_COMMAND_UID ? IMAP_FETCH_UID : 0);
  telling->after = satchel_mailbox_snapshot (view->mailbox);
  imap_view_tell_keywords (view, &session->writer, telling->after);
  gboolean has_modseqs =
      (telling->items & IMAP_FETCH_MODSEQ) && (telling->own_modseq != 0 || telling->is_conditional);
  if (telling->is_silent && !has_modseqs && imap_view_modseq (view) <= command->known_modseq)
    return imap_command_ok (command, "STORE completed.");
  /* The update does not report flags again that are reported here, whoever changed them. */
  command->answered_modseq = telling->after->state.highestmodseq;
  if (view->snapshot != telling->after && !telling->is_silent)
    imap_view_uids (view, &telling->rows, &command->answered);
  else
    satchel_uid_set_copy (&telling->failed, &command->answered);
  return tell_all (session, command);
}

/* ---- COPY, MOVE ---- */

/* Makes "COPYUID 38505 304,319:320 3956:3958". */
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
  SatchelOperation *operation =
      is_move ? satchel_transaction_move (transaction, view->mailbox, &uids, destination)
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
  /* This response precedes the EXPUNGEs, which the update sends (RFC 6851 4.3). */
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
