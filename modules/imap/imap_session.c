/* SPDX-License-Identifier: MIT
 * This file has an IMAP session after login: steps of the running command on the main thread and in jobs,
 * output, timers, the end. Role mail.  RFC 3501 3.  Entry: imap_session_new.
 */
#include "imap_session.h"

#include <string.h>

#define FLUSH_BY_REFERENCE 8192u /* longer output is handed over, not copied */
#define KEEP_OUTPUT 4096u

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
  imap_announce_leave (session);
  g_clear_pointer (&session->vanished_levels, g_ptr_array_unref);
  g_clear_pointer (&session->view, imap_view_free);
  imap_lexer_clear (&session->lexer);
  imap_line_reset (&session->line, FALSE);
  imap_writer_clear (&session->writer);
  g_clear_error (&session->login_error);
  g_free (session->login_tag);
  g_free (session);
}

#define TO(state) (1u << IMAP_SESSION_##state)
static const guint8 next_states[] = {
  [IMAP_SESSION_READING] = TO (RUNNING) | TO (IN_JOB) | TO (CLOSING),
  [IMAP_SESSION_RUNNING] =
      TO (RUNNING) | TO (READING) | TO (IN_JOB) | TO (DEFERRED) | TO (WAITING) | TO (CLOSING),
  [IMAP_SESSION_IN_JOB] = TO (RUNNING) | TO (READING) | TO (CLOSING),
  [IMAP_SESSION_DEFERRED] = TO (RUNNING) | TO (CLOSING),
  [IMAP_SESSION_WAITING] = TO (RUNNING) | TO (CLOSING),
};

static void
set_state (ImapSession *session, ImapSessionState state)
{
  /* Nothing comes after the goodbye. */
  if (session->state == IMAP_SESSION_CLOSING)
    return;
  g_return_if_fail ((next_states[session->state] & 1u << state) != 0);
  session->state = state;
}

gboolean
imap_session_is_cancelled (ImapSession *session)
{
  return session->connection == NULL || satchel_session_is_cancelled (session->session);
}

void
imap_session_flush (ImapSession *session)
{
  ImapWriter *writer = &session->writer;
  if (writer->len == 0 || session->state == IMAP_SESSION_CLOSING)
    {
      writer->len = 0;
      return;
    }
  if (writer->len >= FLUSH_BY_REFERENCE)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_take (writer->data, writer->len);
      writer->data = NULL;
      imap_writer_clear (writer);
      satchel_connection_write_bytes (session->connection, g_steal_pointer (&bytes));
      return;
    }
  satchel_connection_write (session->connection, writer->data, writer->len);
  writer->len = 0;
  if (writer->size > KEEP_OUTPUT)
    imap_writer_clear (writer);
}

static void
close_session (ImapSession *session)
{
  imap_session_flush (session);
  if (session->state == IMAP_SESSION_CLOSING)
    return;
  set_state (session, IMAP_SESSION_CLOSING);
  satchel_timer_cancel (&session->keepalive_timer);
  satchel_timer_cancel (&session->rest_timer);
  satchel_connection_close (session->connection);
}

void
imap_session_bye (ImapSession *session, const char *text)
{
  imap_write_format (&session->writer, "* BYE %s\r\n", text);
  close_session (session);
}

/* ---- the view ---- */

static void
mailbox_changed (SatchelMailbox *mailbox, gpointer data)
{
  ImapSession *session = data;
  if (session->state == IMAP_SESSION_WAITING)
    imap_session_advance (session);
}

void
imap_session_set_view (ImapSession *session, ImapView *view)
{
  imap_session_unselect (session);
  session->view = view;
}

void
imap_session_unselect (ImapSession *session)
{
  g_clear_pointer (&session->view, imap_view_free);
}

/* A view made in a job is watched from the main thread only. */
static void
watch_view (ImapSession *session)
{
  if (session->view != NULL && session->view->watch == NULL)
    session->view->watch = satchel_mailbox_watch (session->view->mailbox, mailbox_changed, session);
}

/* ---- timers ---- */

/* A session that has been quiet keeps UID ranges only, and no buffers. */
static void
take_rest (SatchelTimer *timer, gpointer data)
{
  ImapSession *session = data;
  if (session->state != IMAP_SESSION_READING && session->state != IMAP_SESSION_WAITING)
    return;
  if (session->view != NULL)
    imap_view_rest (session->view);
  if (session->command == NULL && imap_lexer_is_empty (&session->lexer))
    imap_lexer_reset (&session->lexer, FALSE);
  if (session->writer.len == 0)
    imap_writer_clear (&session->writer);
  satchel_connection_rest (session->connection);
}

static void
still_here (SatchelTimer *timer, gpointer data)
{
  ImapSession *session = data;
  /* Keeps address translation on the way alive; a vanished client is noticed by it as well. */
  if (session->state == IMAP_SESSION_WAITING)
    {
      imap_write (&session->writer, "* OK Still here\r\n");
      imap_session_flush (session);
      satchel_timer_arm (timer, session->settings.idle_keepalive_ms, still_here, session);
      satchel_timer_arm (&session->rest_timer, session->settings.rest_ms, take_rest, session);
    }
}

static void
arm_timers (ImapSession *session)
{
  satchel_timer_arm (&session->rest_timer, session->settings.rest_ms, take_rest, session);
  if (session->state == IMAP_SESSION_WAITING && session->settings.idle_keepalive_ms > 0)
    satchel_timer_arm (&session->keepalive_timer, session->settings.idle_keepalive_ms, still_here, session);
}

/* ---- steps ---- */

void
imap_session_enable (ImapSession *session, guint bits)
{
  gboolean is_first = (bits & ~session->enabled & IMAP_ENABLED_CONDSTORE) != 0;
  session->enabled |= bits;
  session->writer.is_utf8 = imap_session_is_utf8 (session);
  if (imap_session_is_rev2 (session) && session->view != NULL)
    imap_view_forget_recent (session->view);
  if (is_first && session->view != NULL)
    imap_write_format (&session->writer, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] Highest.\r\n",
                       imap_view_modseq (session->view));
}

guint
imap_session_unsolicited_items (const ImapSession *session)
{
  if (session->enabled & IMAP_ENABLED_CONDSTORE)
    return IMAP_FETCH_UID | IMAP_FETCH_MODSEQ;
  return imap_session_is_rev2 (session) ? IMAP_FETCH_UID : 0; /* RFC 9051 7.5.2 */
}

/* A client treats the highest MODSEQ it has seen as "known up to here".  That is too high while EXPUNGEs are
 * held back, and too low after an EXPUNGE, which carries no MODSEQ (RFC 7162 3.2, 3.2.7, 6; RFC 6851 4.4). */
static void
tell_modseq (ImapSession *session, ImapCommand *command)
{
  ImapView *view = session->view;
  if (view == NULL || !(session->enabled & IMAP_ENABLED_CONDSTORE)
      || (!view->is_held && !view->told_expunges))
    return;
  view->told_expunges = FALSE;
  g_autofree char *code = g_strdup_printf ("HIGHESTMODSEQ %" G_GUINT64_FORMAT, imap_view_modseq (view));
  if (command->status == IMAP_OK && command->code == NULL)
    command->code = g_steal_pointer (&code);
  else
    imap_write_format (&session->writer, "* OK [%s] Known so far.\r\n", code);
}

static void
write_reply (ImapSession *session, ImapCommand *command)
{
  static const char *const statuses[] = { " OK ", " NO ", " BAD " };
  ImapWriter *writer = &session->writer;
  tell_modseq (session, command);
  imap_write (writer, command->tag);
  imap_write (writer, statuses[command->status]);
  if (command->code != NULL)
    {
      imap_write (writer, "[");
      imap_write (writer, command->code);
      imap_write (writer, "] ");
    }
  imap_write (writer, command->text != NULL ? command->text : "Done.");
  imap_write (writer, "\r\n");
}

ImapStep
imap_session_update_view (ImapSession *session, gboolean may_expunge, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  const ImapCommand *command = session->command;
  if (session->view == NULL || satchel_mailbox_is_deleted (session->view->mailbox))
    return IMAP_STEP_DONE;
  const ImapUpdate update = { .may_expunge = may_expunge,
                              .uses_vanished = (session->enabled & IMAP_ENABLED_QRESYNC) != 0,
                              .items = IMAP_FETCH_FLAGS | imap_session_unsolicited_items (session),
                              .answered = &command->answered,
                              .answered_modseq = command->answered_modseq };
  return imap_view_update (session->view, &session->writer, &update, may_block, &error);
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
      if (imap_announce_tell (session, may_block) == IMAP_STEP_BLOCK)
        return IMAP_STEP_BLOCK;
      write_reply (session, command);
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
  arm_timers (session);
  if (session->view != NULL && satchel_mailbox_is_deleted (session->view->mailbox))
    imap_session_bye (session, "The selected mailbox was deleted.");
  else if (wants_close)
    close_session (session);
  else if (session->n_bad >= session->settings.bad_commands)
    imap_session_bye (session, "Too many bad commands.");
}

static void
end_command (ImapSession *session)
{
  ImapCommand *command = session->command;
  session->n_bad = command->status == IMAP_BAD ? session->n_bad + 1 : 0;
  session->command = NULL;
  set_state (session, IMAP_SESSION_READING);
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

/* The command has had its turn, and others have had theirs. */
static void
resume_deferred (gpointer data)
{
  ImapSession *session = data;
  if (session->state == IMAP_SESSION_DEFERRED)
    {
      set_state (session, IMAP_SESSION_RUNNING);
      imap_session_advance (session);
      imap_session_read (session);
    }
  imap_session_unref (session);
}

static void
defer_command (ImapSession *session)
{
  set_state (session, IMAP_SESSION_DEFERRED);
  satchel_defer (resume_deferred, session_ref (session));
}

static void
wait_for_changes (ImapSession *session)
{
  set_state (session, IMAP_SESSION_WAITING);
  if (session->view != NULL && satchel_mailbox_is_deleted (session->view->mailbox))
    {
      imap_session_bye (session, "The selected mailbox was deleted.");
      return;
    }
  arm_timers (session);
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
      /* A full connection calls `drained`; else others get their turn first. */
      set_state (session, IMAP_SESSION_RUNNING);
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
  /* The mailbox changed again while the job looked at it. */
  if (session->state == IMAP_SESSION_WAITING && session->view != NULL && imap_view_is_behind (session->view))
    imap_session_advance (session);
}

void
imap_session_advance (ImapSession *session)
{
  if ((session->state != IMAP_SESSION_RUNNING && session->state != IMAP_SESSION_WAITING)
      || satchel_connection_is_full (session->connection))
    return;
  set_state (session, IMAP_SESSION_RUNNING);
  session->writer.room = MAX (1, satchel_connection_room (session->connection));
  follow_step (session, run_phases (session, FALSE));
}

void
imap_session_begin_command (ImapSession *session, ImapCommand *command)
{
  session->command = command;
  set_state (session, IMAP_SESSION_RUNNING);
  satchel_timer_cancel (&session->rest_timer);
  imap_session_advance (session);
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
      /* The goodbye must not be taken for what the literal lacks. */
      if (session->is_broken && session->connection != NULL)
        satchel_connection_abort (session->connection);
      return;
    }
  set_state (session, session->command != NULL ? IMAP_SESSION_RUNNING : IMAP_SESSION_READING);
  if (session->after_job != NULL)
    session->after_job (session);
  imap_session_read (session);
}

void
imap_session_run_job (ImapSession *session, const char *name, void (*func) (ImapSession *session),
                      void (*after) (ImapSession *session))
{
  set_state (session, IMAP_SESSION_IN_JOB);
  session->job = func;
  session->after_job = after;
  satchel_session_run (session->session, name, run_job, end_job, session);
}

/* ---- life ---- */

static void
on_input (SatchelConnection *connection, gpointer self)
{
  imap_session_read (self);
}

static void
on_drained (SatchelConnection *connection, gpointer self)
{
  ImapSession *session = self;
  imap_session_advance (session);
  imap_session_read (session);
}

static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  ImapSession *session = self;
  /* While a job runs, the server takes long, not the client. */
  if (session->state == IMAP_SESSION_IN_JOB)
    satchel_connection_set_idle_timeout (connection, session->settings.autologout_ms);
  else
    imap_session_bye (session, "Autologout; idle for too long.");
}

/* A job may be filling the session's writer: then the goodbye has one of its own. */
static void
say_bye_at_once (ImapSession *session, const char *text)
{
  if (session->state != IMAP_SESSION_IN_JOB)
    {
      imap_session_bye (session, text);
      return;
    }
  ImapWriter goodbye = { .room = 1 };
  imap_write_format (&goodbye, "* BYE %s\r\n", text);
  set_state (session, IMAP_SESSION_CLOSING);
  satchel_connection_write (session->connection, goodbye.data, goodbye.len);
  satchel_connection_close (session->connection);
  imap_writer_clear (&goodbye);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  say_bye_at_once (self, "[UNAVAILABLE] Server is going down.");
}

static void
on_damaged (SatchelConnection *connection, gpointer self)
{
  say_bye_at_once (self, "What came cannot be decompressed.");
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  ImapSession *session = self;
  set_state (session, IMAP_SESSION_CLOSING);
  session->connection = NULL;
  satchel_timer_cancel (&session->keepalive_timer);
  satchel_timer_cancel (&session->rest_timer);
  imap_announce_leave (session);
  g_clear_pointer (&session->view, imap_view_free);
  imap_session_unref (session);
}

const SatchelConnectionHandlers imap_session_handlers = {
  .size = sizeof (SatchelConnectionHandlers),
  .input = on_input,
  .drained = on_drained,
  .timeout = on_timeout,
  .shutdown = on_shutdown,
  .closed = on_closed,
  .damaged = on_damaged,
};

/* ---- the login ---- */

static void
answer_login (ImapSession *session)
{
  ImapWriter *writer = &session->writer;
  imap_write (writer, session->login_tag);
  if (session->store != NULL)
    {
      imap_write (writer, " OK [CAPABILITY ");
      imap_session_write_capabilities (session);
      imap_write (writer, "] Logged in.\r\n");
      g_clear_pointer (&session->login_tag, g_free);
      session->ns.others = satchel_store_namespace_names (session->store);
      imap_announce_join (session);
      imap_session_flush (session);
      arm_timers (session);
      return;
    }
  const ImapErrorText *words = imap_error_text (session->login_error);
  satchel_session_log (session->session, SATCHEL_LOG_ERROR, "cannot open the store: %s",
                       session->login_error != NULL ? session->login_error->message : "no reason given");
  imap_write_format (writer, " NO [%s] %s\r\n", words->code, words->text);
  imap_session_bye (session, "Mail cannot be reached, try again later.");
}

static void
open_store (ImapSession *session)
{
  session->store = satchel_session_open_store (session->session, &session->login_error);
}

/* Begins a session. @note: the tag of LOGIN or AUTHENTICATE. */
gpointer
imap_session_new (SatchelSession *handle, const void *note, gsize len)
{
  ImapSession *session = g_new0 (ImapSession, 1);
  session->refs = 1;
  session->session = handle;
  session->connection = satchel_session_connection (handle);
  session->login_tag = len > 0 ? g_strndup (note, MIN (len, 128)) : g_strdup ("*");
  imap_settings_read (&session->settings, satchel_session_config (handle));
  session->ns = *satchel_namespace ();
  const ImapLexerLimits limits = { .command_bytes = session->settings.command_bytes,
                                   .literal_bytes = session->settings.literal_bytes,
                                   .nonsync_bytes = imap_nonsync_bytes (&session->settings),
                                   .nodes = session->settings.nodes,
                                   .depth = session->settings.depth };
  imap_lexer_init (&session->lexer, &limits);
  satchel_connection_set_idle_timeout (session->connection, session->settings.autologout_ms);
  satchel_connection_set_keepalive (session->connection, (guint) (session->settings.tcp_keepalive_ms / 1000));
  session->store = satchel_session_store (handle);
  if (session->store != NULL)
    answer_login (session);
  else
    imap_session_run_job (session, "imap login", open_store, answer_login);
  return session;
}
