/* SPDX-License-Identifier: MIT
 * Implements SEARCH (RFC 3501 6.4.4, RFC 9051 6.4.4) and SORT (RFC 5256), both with result options (RFC
 * 4731, RFC 5182, RFC 5267).
 */
#include "search/search.h"

typedef struct SearchState
{
  ImapSearch *search;
  ImapResult result;
  gboolean is_telling, is_saved;
} SearchState;

static void
search_state_free (gpointer data)
{
  SearchState *state = data;
  g_clear_pointer (&state->search, imap_search_free);
  imap_result_clear (&state->result);
  g_free (state);
}

/* Makes the numbers to report and the set to save of the messages that were found. */
static gboolean
make_result (ImapSession *session, ImapCommand *command, SearchState *state, guint returns, GError **error)
{
  const ImapSearchArguments *arguments = command->arguments;
  if (arguments->n_sorts == 0)
    imap_result_set_found (&state->result, session, command, state->search);
  else if (!imap_result_set_sorted (&state->result, session, command, state->search, error))
    return FALSE;
  if (arguments->names_modseq)
    imap_result_set_modseq (&state->result, session, command, state->search, returns);
  state->is_saved = !(returns & IMAP_RETURN_SAVE)
                    || imap_result_save (&state->result, session, command, state->search, returns);
  return TRUE;
}

ImapStep
imap_run_search (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapSearchArguments *arguments = command->arguments;
  gboolean is_sort = arguments->n_sorts > 0;
  ImapStep step;
  if (command->state == NULL)
    {
      command->state = g_new0 (SearchState, 1);
      command->state_free = search_state_free;
    }
  SearchState *state = command->state;
  /* With UTF8 enabled SEARCH must name no charset (RFC 6855 3); SORT cannot be written without one (RFC 5256
   * 5). */
  if (arguments->charset != NULL && !is_sort && (session->enabled & IMAP_ENABLED_UTF8))
    return imap_command_bad (command, "No CHARSET once UTF8=ACCEPT is enabled.");
  /* With IMAP4rev2 enabled there is no SEARCH response any more (RFC 9051 6.4.4). */
  guint returns = arguments->returns;
  if (returns == 0 && !is_sort && (session->enabled & IMAP_ENABLED_REV2))
    returns = IMAP_RETURN_ALL;
  if (!state->is_telling)
    {
      if (!imap_search_run (session, command, &state->search, may_block, &step))
        return step;
      if (!make_result (session, command, state, returns, &error))
        return imap_search_fail (session, command, error);
      state->is_telling = TRUE;
    }
  step = imap_result_tell (&state->result, session, command, is_sort ? "SORT" : "SEARCH", returns);
  if (step != IMAP_STEP_DONE)
    return step;
  if (!state->is_saved)
    return imap_command_no (command, "NOTSAVED", "Too much to save.");
  return imap_search_end (session, command, state->search, is_sort ? "SORT completed." : "SEARCH completed.");
}
