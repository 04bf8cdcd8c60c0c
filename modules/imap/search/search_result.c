/* SPDX-License-Identifier: MIT
 * Implements numbers that SEARCH and SORT found: told as SEARCH, SORT (RFC 3501 7.2.5, RFC 5256 4) or
 * ESEARCH (RFC 4731, RFC 5267 3), or saved for "$" (RFC 5182).
 */
#include "search/search.h"

/* A saved result has at most so many ranges, some 512 KiB a session; a result in more pieces is not saved
 * (RFC 5182 2.5). */
#define SAVED_RANGES_MAX 65536u

void
imap_result_clear (ImapResult *result)
{
  g_clear_pointer (&result->ranges, g_free);
  result->n_ranges = 0;
}

void
imap_result_set_found (ImapResult *result, ImapSession *session, const ImapCommand *command,
                       const ImapSearch *search)
{
  SatchelUidSet numbers = { 0 };
  if (command->row->flags & IMAP_COMMAND_UID)
    imap_view_uids (session->view, &search->rows, &numbers);
  else
    satchel_uid_set_copy (&search->rows, &numbers);
  result->ranges = numbers.ranges;
  result->n_ranges = numbers.n_ranges;
}

static guint64
modseq_of (ImapSession *session, const ImapCommand *command, const ImapSearch *search, guint32 number)
{
  const SatchelSnapshot *snapshot = session->view->snapshot;
  guint row;
  guint32 index = number - 1;
  if (command->row->flags & IMAP_COMMAND_UID)
    satchel_snapshot_find (snapshot, number, &index);
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  if (satchel_snapshot_find (search->snapshot, chunk->uid[row], &index))
    chunk = satchel_snapshot_at (search->snapshot, index, &row);
  return chunk->modseq[row];
}

/* Finds the mod-sequence to tell; MIN and MAX tell those of just what they return. */
void
imap_result_set_modseq (ImapResult *result, ImapSession *session, const ImapCommand *command,
                        const ImapSearch *search, guint returns)
{
  result->modseq = search->highest_modseq;
  if (result->n_ranges == 0 || returns == 0 || (returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT))
      || !(returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX)))
    return;
  guint64 first = modseq_of (session, command, search, result->ranges[0].first);
  guint64 last = modseq_of (session, command, search, result->ranges[result->n_ranges - 1].last);
  result->modseq = MAX (returns & IMAP_RETURN_MIN ? first : 0, returns & IMAP_RETURN_MAX ? last : 0);
}

static guint64
count (const ImapResult *result)
{
  guint64 n = 0;
  for (guint i = 0; i < result->n_ranges; i++)
    n += result->ranges[i].last - result->ranges[i].first + 1;
  return n;
}

static void
add_uid (ImapSession *session, const ImapCommand *command, guint32 number, SatchelUidSet *ret_uids)
{
  if (!(command->row->flags & IMAP_COMMAND_UID))
    number = imap_search_uid (session, number - 1);
  satchel_uid_set_add (ret_uids, number, number);
}

gboolean
imap_result_save (const ImapResult *result, ImapSession *session, const ImapCommand *command,
                  const ImapSearch *search, guint returns)
{
  SatchelUidSet *saved = &session->view->saved;
  satchel_uid_set_clear (saved);
  if (result->n_ranges == 0)
    return TRUE;
  /* MIN and MAX save just what they return, ALL and COUNT everything (RFC 5182 2.4). */
  if ((returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX)) && !(returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT)))
    {
      if (returns & IMAP_RETURN_MIN)
        add_uid (session, command, result->ranges[0].first, saved);
      if (returns & IMAP_RETURN_MAX)
        add_uid (session, command, result->ranges[result->n_ranges - 1].last, saved);
      return TRUE;
    }
  imap_view_uids (session->view, &search->rows, saved);
  if (saved->n_ranges <= SAVED_RANGES_MAX)
    return TRUE;
  satchel_uid_set_clear (saved);
  return FALSE;
}

/* Writes all numbers one by one.  FALSE means that the output is full. */
static gboolean
tell_numbers (ImapResult *result, ImapWriter *writer)
{
  for (; result->at_range < result->n_ranges; result->at_range++, result->at_number = 0)
    {
      const SatchelRange *range = &result->ranges[result->at_range];
      for (result->at_number = MAX (result->at_number, range->first); result->at_number <= range->last;
           result->at_number++)
        {
          if (imap_writer_is_full (writer))
            return FALSE;
          imap_write (writer, " ");
          imap_write_number (writer, result->at_number);
        }
    }
  return TRUE;
}

/* Writes " ALL 1:3,7". */
static gboolean
tell_set (ImapResult *result, ImapWriter *writer)
{
  for (; result->at_range < result->n_ranges; result->at_range++)
    {
      const SatchelRange *range = &result->ranges[result->at_range];
      if (imap_writer_is_full (writer))
        return FALSE;
      imap_write (writer, result->at_range == 0 ? " ALL " : ",");
      imap_write_number (writer, range->first);
      if (range->first == range->last)
        continue;
      imap_write (writer, ":");
      imap_write_number (writer, range->last);
    }
  return TRUE;
}

static void
tell_item (ImapWriter *writer, const char *name, guint64 number)
{
  imap_write (writer, name);
  imap_write_number (writer, number);
}

static void
tell_start (const ImapResult *result, ImapWriter *writer, const ImapCommand *command, const char *name,
            guint returns)
{
  if (returns == 0)
    {
      imap_write (writer, "* ");
      imap_write (writer, name);
      return;
    }
  /* The response says which command it belongs to, and what the numbers are (RFC 4466 2.6.2). */
  imap_write (writer, "* ESEARCH (TAG ");
  imap_write_string (writer, command->tag, strlen (command->tag));
  imap_write (writer, command->row->flags & IMAP_COMMAND_UID ? ") UID" : ")");
  if ((returns & IMAP_RETURN_MIN) && result->n_ranges > 0)
    tell_item (writer, " MIN ", result->ranges[0].first);
  if ((returns & IMAP_RETURN_MAX) && result->n_ranges > 0)
    tell_item (writer, " MAX ", result->ranges[result->n_ranges - 1].last);
  if (returns & IMAP_RETURN_COUNT)
    tell_item (writer, " COUNT ", count (result));
}

ImapStep
imap_result_tell (ImapResult *result, ImapSession *session, const ImapCommand *command, const char *name,
                  guint returns)
{
  ImapWriter *writer = &session->writer;
  if (returns == IMAP_RETURN_SAVE) /* RFC 5182 2.4 asks for no response */
    return IMAP_STEP_DONE;
  if (!result->is_started)
    tell_start (result, writer, command, name, returns);
  result->is_started = TRUE;
  if (returns == 0 ? !tell_numbers (result, writer)
                   : (returns & IMAP_RETURN_ALL) != 0 && !tell_set (result, writer))
    return IMAP_STEP_AGAIN;
  if (result->modseq != 0 && result->n_ranges > 0)
    imap_write_format (writer,
                       returns == 0 ? " (MODSEQ %" G_GUINT64_FORMAT ")" : " MODSEQ %" G_GUINT64_FORMAT,
                       result->modseq);
  imap_write (writer, "\r\n");
  return IMAP_STEP_DONE;
}
