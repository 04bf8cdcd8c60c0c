/* SPDX-License-Identifier: MIT
 * Implements the run of a search over the messages of a view. What needs memory only runs on the main
 * thread, in turns; results are kept as ranges.
 */
#include "search/search.h"

#include <satchel/charset.h>

#define INLINE_ROWS 20000u /* most rows that are looked at in one turn */

/* Says whether sizes are known as far as the key asks for them: one on sizes needs attributes where a size is
 * unknown. */
static gboolean
knows_sizes (const ImapSearchKey *key, const SatchelSnapshot *snapshot)
{
  gboolean asks = key->kind == IMAP_KEY_LARGER || key->kind == IMAP_KEY_SMALLER;
  for (guint i = 0; key->children != NULL && i < key->children->len; i++)
    asks = asks || !knows_sizes (key->children->pdata[i], snapshot);
  for (guint c = 0; asks && c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      if (snapshot->chunks[c]->size[row] == SATCHEL_SIZE_UNKNOWN)
        return FALSE;
  return TRUE;
}

static gboolean
asks_dates (const ImapSearchKey *key)
{
  if (imap_search_asks_date (key->kind))
    return TRUE;
  for (guint i = 0; key->children != NULL && i < key->children->len; i++)
    if (asks_dates (key->children->pdata[i]))
      return TRUE;
  return FALSE;
}

static ImapSearch *
search_new (ImapSession *session, const ImapSearchArguments *arguments, GError **error)
{
  /* 8-bit text without CHARSET is taken as UTF-8 (RFC 3501 6.4.4); RFC 9051 6.4.4 demands that. */
  const char *charset = arguments->charset != NULL ? arguments->charset : "UTF-8";
  if (!satchel_charset_is_known (charset))
    {
      satchel_error_set (error, SATCHEL_ERROR_BADCHARSET, "unknown charset");
      return NULL;
    }
  g_autoptr (ImapSearch) search = g_new0 (ImapSearch, 1);
  search->snapshot = satchel_mailbox_snapshot (session->view->mailbox);
  search->now = g_get_real_time () / G_USEC_PER_SEC;
  if (!imap_search_prepare (session, search, arguments->key, charset, error))
    return NULL;
  search->wants_dates = asks_dates (arguments->key);
  search->is_blocking =
      arguments->key->cost >= IMAP_SEARCH_BLOCKING_COST || !knows_sizes (arguments->key, search->snapshot);
  return g_steal_pointer (&search);
}

static void
test_message (ImapSession *session, ImapSearch *search, const ImapSearchKey *key)
{
  ImapSubject subject = { .session = session, .search = search, .sequence = search->at + 1 };
  subject.chunk = imap_search_row (session, search, search->at, &subject.row);
  if (imap_search_test (&subject, key) && !subject.is_gone)
    {
      satchel_uid_set_add (&search->rows, subject.sequence, subject.sequence);
      search->highest_modseq = MAX (search->highest_modseq, subject.chunk->modseq[subject.row]);
    }
  g_clear_pointer (&subject.content, satchel_stream_unref);
}

static ImapStep
continue_search (ImapSession *session, ImapSearch *search, const ImapSearchKey *key, gboolean may_block,
                 GError **error)
{
  guint32 n = session->view->snapshot->state.n_messages;
  gboolean lacks_dates = search->wants_dates && search->snapshot->state.n_undated > 0 && search->at == 0;
  if ((search->is_blocking || lacks_dates) && !may_block && search->at < n)
    return IMAP_STEP_BLOCK;
  if (lacks_dates && n > 0)
    {
      SatchelSnapshot *dated = satchel_mailbox_dated_snapshot (session->view->mailbox, error);
      if (dated == NULL)
        return IMAP_STEP_DONE;
      satchel_snapshot_unref (search->snapshot);
      search->snapshot = dated;
    }
  for (guint turn = 0; search->at < n; search->at++, turn++)
    {
      if (turn == INLINE_ROWS && !may_block)
        return IMAP_STEP_AGAIN;
      if (may_block && imap_session_is_cancelled (session))
        {
          satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "interrupted");
          return IMAP_STEP_DONE;
        }
      test_message (session, search, key);
    }
  imap_search_clear_batch (search);
  return IMAP_STEP_DONE;
}

ImapStep
imap_search_fail (ImapSession *session, ImapCommand *command, const GError *error)
{
  const ImapSearchArguments *arguments = command->arguments;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID))
    return imap_command_bad (command, "Text does not fit its character set.");
  if (arguments->returns & IMAP_RETURN_SAVE)
    satchel_uid_set_clear (&session->view->saved);
  return imap_command_error (session, command, error);
}

ImapStep
imap_search_end (ImapSession *session, ImapCommand *command, const ImapSearch *search, const char *text)
{
  if (!search->has_locked)
    return imap_command_ok (command, text);
  g_autoptr (GError) error = NULL;
  satchel_error_set (&error, SATCHEL_ERROR_LOCKED, "messages are locked");
  return imap_search_fail (session, command, error);
}

gboolean
imap_search_run (ImapSession *session, ImapCommand *command, ImapSearch **search, gboolean may_block,
                 ImapStep *ret_step)
{
  g_autoptr (GError) error = NULL;
  const ImapSearchArguments *arguments = command->arguments;
  if (arguments->names_modseq)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  if (*search == NULL && (*search = search_new (session, arguments, &error)) != NULL)
    (*search)->wants_dates |=
        (command->row->flags & IMAP_COMMAND_SORTED) != 0; /* dates are what it orders by */
  *ret_step = *search != NULL ? continue_search (session, *search, arguments->key, may_block, &error)
                              : IMAP_STEP_DONE;
  if (error != NULL)
    *ret_step = imap_search_fail (session, command, error);
  return *ret_step == IMAP_STEP_DONE && error == NULL;
}
