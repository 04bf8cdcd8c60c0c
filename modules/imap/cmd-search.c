/* SPDX-License-Identifier: MIT
 * SEARCH (RFC 3501 6.4.4, RFC 9051 6.4.4) with result options (RFC 4731, RFC 5182).
 */
#include "search.h"

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

ImapStep
imap_run_search (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapSearchArguments *arguments = command->arguments;
  if (command->state == NULL)
    {
      command->state = g_new0 (SearchState, 1);
      command->state_free = search_state_free;
    }
  SearchState *state = command->state;
  if (arguments->charset != NULL && (session->enabled & IMAP_ENABLED_UTF8))
    return imap_command_bad (command, "No CHARSET once UTF8=ACCEPT is enabled."); /* RFC 6855 3 */
  /* With IMAP4rev2 enabled there is no SEARCH response any more (RFC 9051 6.4.4). */
  guint returns = arguments->returns;
  if (returns == 0 && (session->enabled & IMAP_ENABLED_REV2))
    returns = IMAP_RETURN_ALL;
  if (arguments->names_modseq)
    imap_session_enable (session, IMAP_ENABLED_CONDSTORE);
  if (state->search == NULL && (state->search = imap_search_new (session, arguments, &error)) == NULL)
    return imap_search_fail (session, command, error);
  if (!state->is_telling)
    {
      ImapStep step = imap_search_step (session, state->search, arguments->key, may_block, &error);
      if (step != IMAP_STEP_DONE)
        return step;
      if (error != NULL)
        return imap_search_fail (session, command, error);
      imap_result_set_found (&state->result, session, command, state->search);
      if (arguments->names_modseq)
        imap_result_set_modseq (&state->result, session, command, state->search, returns);
      state->is_saved = !(returns & IMAP_RETURN_SAVE) ||
                        imap_result_save (&state->result, session, command, state->search, returns);
      state->is_telling = TRUE;
    }
  ImapStep step = imap_result_tell (&state->result, session, command, "SEARCH", returns);
  if (step != IMAP_STEP_DONE)
    return step;
  if (!state->is_saved)
    return imap_command_no (command, "NOTSAVED", "Too much to save.");
  return imap_command_ok (command, "SEARCH completed.");
}
