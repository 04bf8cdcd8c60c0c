/* SPDX-License-Identifier: MIT
 * Keeps what all files of a session use: replies, the session's state, and the steps of a long answer.
 */
#include "pop3_session.h"

void
pop3_reply (Pop3 *pop3, Pop3Text text)
{
  pop3_say (pop3->connection, pop3->authorization.language, text);
}

const char *
pop3_word (Pop3 *pop3, guint word)
{
  return pop3->authorization.language->words[word];
}

#define TO(state) (1u << POP3_##state)
static const guint8 next_states[] = {
  [POP3_OPENING] = TO (READING) | TO (CLOSING),
  [POP3_READING] = TO (ANSWERING) | TO (UPDATING) | TO (CLOSING),
  [POP3_ANSWERING] = TO (READING) | TO (FULL) | TO (CLOSING),
  [POP3_FULL] = TO (ANSWERING) | TO (CLOSING),
  [POP3_UPDATING] = TO (CLOSING),
};

void
pop3_set_state (Pop3 *pop3, Pop3State state)
{
  /* Nothing comes after the goodbye. */
  if (pop3->state == POP3_CLOSING)
    return;
  g_return_if_fail ((next_states[pop3->state] & 1u << state) != 0);
  pop3->state = state;
}

void
pop3_close (Pop3 *pop3)
{
  pop3_set_state (pop3, POP3_CLOSING);
  satchel_connection_close (pop3->connection);
}

void
pop3_bad (Pop3 *pop3, Pop3Text text)
{
  gboolean is_last = ++pop3->n_bad >= pop3->settings.bad_commands;
  pop3_reply (pop3, is_last ? POP3_TEXT_TOO_MANY_BAD : text);
  if (!is_last)
    return;
  satchel_session_log (pop3->session, SATCHEL_LOG_WARNING, "closed: reason=bad-commands");
  pop3_close (pop3);
}

void
pop3_ready (Pop3 *pop3)
{
  pop3->step = NULL;
  if (pop3->state == POP3_CLOSING)
    return;
  pop3_set_state (pop3, POP3_READING);
  satchel_connection_resume (pop3->connection);
}

void
pop3_begin (Pop3 *pop3, Pop3Step step)
{
  pop3->step = step;
  pop3_set_state (pop3, POP3_ANSWERING);
  satchel_connection_pause (pop3->connection);
  pop3_continue (pop3);
}

void
pop3_continue (Pop3 *pop3)
{
  if (pop3->state == POP3_CLOSING)
    return;
  while (!satchel_connection_is_full (pop3->connection))
    switch (pop3->step (pop3))
      {
      case POP3_STEP_AGAIN:
        break;
      case POP3_STEP_JOB:
        return;
      case POP3_STEP_DONE:
        pop3_ready (pop3);
        return;
      }
  pop3_set_state (pop3, POP3_FULL);
}
