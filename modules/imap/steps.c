/* SPDX-License-Identifier: MIT
 * This file runs commands.  Input becomes a command, its steps run in the main thread and in jobs, and
 * after its end more input is read.
 */
#include "imap_session.h"

static ImapSession *
session_ref (ImapSession *session)
{
  session->refs++;
  return session;
}

void
imap_session_unref (ImapSession *session)
{
  if (--session->refs > 0)
    return;
  imap_command_free (session->command);
  imap_incoming_clear (&session->incoming);
  imap_renames_leave (session);
  g_clear_pointer (&session->vanished_levels, g_ptr_array_unref);
  g_clear_pointer (&session->view, imap_view_free);
  imap_lexer_clear (&session->lexer);
  imap_line_reset (&session->line, FALSE);
  imap_writer_clear (&session->writer);
  g_clear_error (&session->login_error);
  g_free (session->login_tag);
  g_free (session);
}

static void
mailbox_changed (SatchelMailbox *mailbox, gpointer data)
{
  ImapSession *session = data;
  if (session->state == IMAP_SESSION_WAITING)
    imap_session_advance (session);
}

/* Watches a view, even one that was made in a job.  Main thread only. */
static void
watch_view (ImapSession *session)
{
  if (session->view != NULL && session->view->watch == NULL)
    session->view->watch = satchel_mailbox_watch (session->view->mailbox, mailbox_changed, session);
}

static gboolean
may_expunge_after (const ImapCommand *command)
{
  guint flags = command->row->flags;
  if (flags & IMAP_COMMAND_NO_EXPUNGE)
    return FALSE;
  return !(flags & IMAP_COMMAND_MAY_NAME_NUMBERS)
         || !((const ImapSearchArguments *) command->arguments)->names_numbers;
}

static ImapStep
run_phase (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  guint flags = command->row->flags;
  switch (command->phase)
    {
    case IMAP_PHASE_PREPARE:
      if (!(flags & IMAP_COMMAND_NEEDS_VIEW))
        return IMAP_STEP_DONE;
      if (command->row->prepare != NULL)
        command->row->prepare (session, command);
      return imap_session_update_view (session, (flags & IMAP_COMMAND_EXPUNGE_BEFORE) != 0, may_block);
    case IMAP_PHASE_RUN:
      if (!may_block && !(flags & IMAP_COMMAND_INLINE))
        return IMAP_STEP_BLOCK;
      return command->row->run (session, command, may_block);
    case IMAP_PHASE_UPDATE:
      if (flags & IMAP_COMMAND_NO_UPDATE)
        return IMAP_STEP_DONE;
      return imap_session_update_view (session, may_expunge_after (command), may_block);
    case IMAP_PHASE_REPLY:
      if (imap_renames_tell (session, may_block) == IMAP_STEP_BLOCK)
        return IMAP_STEP_BLOCK;
      imap_command_write_reply (session, command);
      return IMAP_STEP_DONE;
    case IMAP_PHASE_END:
      break;
    }
  return IMAP_STEP_DONE;
}

static ImapStep
run_phases (ImapSession *session, gboolean may_block)
{
  ImapCommand *command = session->command;
  while (command->phase < IMAP_PHASE_END)
    {
      ImapStep step = run_phase (session, command, may_block);
      if (step == IMAP_STEP_AGAIN && may_block && !imap_writer_is_full (&session->writer)
          && !imap_session_is_cancelled (session))
        continue;
      if (step != IMAP_STEP_DONE)
        return step;
      command->phase++;
    }
  return IMAP_STEP_DONE;
}

/* Does what is due once the command has been answered. */
static void
finish_command (ImapSession *session, ImapCommand *command)
{
  gboolean wants_close = (command->at_end & IMAP_END_CLOSE) != 0;
  /* If compression cannot begin, the client's next input would not be understood. */
  if ((command->at_end & IMAP_END_COMPRESS) && !satchel_connection_compress (session->connection))
    wants_close = TRUE;
  if (command->at_end & IMAP_END_UNSELECT)
    imap_session_unselect (session);
  imap_session_arm_timers (session);
  if (session->view != NULL && satchel_mailbox_is_deleted (session->view->mailbox))
    imap_session_bye (session, "The selected mailbox was deleted.");
  else if (wants_close)
    imap_session_close (session);
  else if (session->n_bad >= session->settings.bad_commands)
    imap_session_bye (session, "Too many bad commands.");
}

static void
end_command (ImapSession *session)
{
  ImapCommand *command = session->command;
  session->n_bad = command->status == IMAP_BAD ? session->n_bad + 1 : 0;
  session->command = NULL;
  imap_session_set_state (session, IMAP_SESSION_READING);
  satchel_timer_cancel (&session->keepalive_timer);
  if (command->row->succeeded != NULL && command->status == IMAP_OK)
    command->row->succeeded (session, command);
  imap_incoming_clear (&session->incoming);
  imap_lexer_reset (&session->lexer, FALSE);
  imap_session_flush (session);
  finish_command (session, command);
  imap_command_free (command);
}

static void
run_in_job (ImapSession *session)
{
  session->job_step = imap_session_is_cancelled (session) ? IMAP_STEP_AGAIN : run_phases (session, TRUE);
}

static void follow_job_step (ImapSession *session);

/* Goes on with a command that has yielded, when other sessions have had their turns. */
static void
resume_deferred (gpointer data)
{
  ImapSession *session = data;
  if (session->state == IMAP_SESSION_DEFERRED)
    {
      imap_session_set_state (session, IMAP_SESSION_RUNNING);
      imap_session_advance (session);
      imap_session_read (session);
    }
  imap_session_unref (session);
}

static void
defer_command (ImapSession *session)
{
  imap_session_set_state (session, IMAP_SESSION_DEFERRED);
  satchel_defer (resume_deferred, session_ref (session));
}

static void
wait_for_changes (ImapSession *session)
{
  imap_session_set_state (session, IMAP_SESSION_WAITING);
  if (session->view != NULL && satchel_mailbox_is_deleted (session->view->mailbox))
    {
      imap_session_bye (session, "The selected mailbox was deleted.");
      return;
    }
  imap_session_arm_timers (session);
  if (session->writer.len == 0)
    imap_writer_clear (&session->writer);
}

/* Does what @step of the command asks for. */
static void
follow_step (ImapSession *session, ImapStep step)
{
  watch_view (session);
  imap_session_flush (session);
  if (session->state == IMAP_SESSION_CLOSING)
    return;
  if (session->is_broken)
    {
      satchel_connection_abort (session->connection);
      return;
    }
  switch (step)
    {
    case IMAP_STEP_DONE:
      end_command (session);
      break;
    case IMAP_STEP_BLOCK:
      imap_session_run_job (session, session->command->row->name, run_in_job, follow_job_step);
      break;
    case IMAP_STEP_AGAIN:
      /* If the output is full, `drained` will be called; otherwise other sessions get their turn first. */
      imap_session_set_state (session, IMAP_SESSION_RUNNING);
      if (!satchel_connection_is_full (session->connection))
        defer_command (session);
      break;
    case IMAP_STEP_WAIT:
      wait_for_changes (session);
      break;
    }
}

static void
follow_job_step (ImapSession *session)
{
  follow_step (session, session->job_step);
  /* The mailbox changed again while the job looked at it, so another look follows. */
  if (session->state == IMAP_SESSION_WAITING && session->view != NULL && imap_view_is_behind (session->view))
    imap_session_advance (session);
}

void
imap_session_advance (ImapSession *session)
{
  if ((session->state != IMAP_SESSION_RUNNING && session->state != IMAP_SESSION_WAITING)
      || satchel_connection_is_full (session->connection))
    return;
  imap_session_set_state (session, IMAP_SESSION_RUNNING);
  session->writer.room = MAX (1, satchel_connection_room (session->connection));
  follow_step (session, run_phases (session, FALSE));
}

/* ---- jobs ---- */

static void
run_job (gpointer data)
{
  ImapSession *session = data;
  session->job (session);
}

static void
end_job (gpointer data)
{
  ImapSession *session = data;
  if (session->state == IMAP_SESSION_CLOSING)
    {
      /* The client would take a goodbye for the rest of the literal, so the connection ends without one. */
      if (session->is_broken && session->connection != NULL)
        satchel_connection_abort (session->connection);
      return;
    }
  imap_session_set_state (session, session->command != NULL ? IMAP_SESSION_RUNNING : IMAP_SESSION_READING);
  if (session->after_job != NULL)
    session->after_job (session);
  imap_session_read (session);
}

void
imap_session_run_job (ImapSession *session, const char *name, void (*func) (ImapSession *session),
                      void (*after) (ImapSession *session))
{
  imap_session_set_state (session, IMAP_SESSION_IN_JOB);
  session->job = func;
  session->after_job = after;
  satchel_session_run (session->session, name, run_job, end_job, session);
}

/* ---- input ---- */

/* Runs what input has completed: a new command, or one that waited for a line. */
static void
run_command (ImapSession *session)
{
  if (session->state == IMAP_SESSION_READING)
    {
      imap_session_set_state (session, IMAP_SESSION_RUNNING);
      satchel_timer_cancel (&session->rest_timer);
    }
  imap_session_advance (session);
}

static gboolean
wants_input (const ImapSession *session)
{
  return (session->state == IMAP_SESSION_READING || session->state == IMAP_SESSION_WAITING)
         && !satchel_connection_is_full (session->connection);
}

void
imap_session_read (ImapSession *session)
{
  /* Commands end inside this loop, and the end of a command may call this function again. */
  if (session->is_reading)
    return;
  session->is_reading = TRUE;
  session->refs++;
  for (ImapInput input = IMAP_INPUT_MORE; input != IMAP_INPUT_NONE && wants_input (session);)
    {
      input = imap_input_read (session);
      if (input == IMAP_INPUT_RUN)
        run_command (session);
    }
  session->is_reading = FALSE;
  imap_session_unref (session);
}
