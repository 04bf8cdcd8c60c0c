/* SPDX-License-Identifier: MIT
 * Implements an IMAP session after login (RFC 3501 3): its login, what its connection tells it, and its end.
 * Role mail. Entry: imap_session_new.
 */
#include "imap_session.h"

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

/* Says goodbye. A job may be filling the session's writer: then the goodbye has one of its own. */
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
  imap_session_set_state (session, IMAP_SESSION_CLOSING);
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
  imap_session_set_state (session, IMAP_SESSION_CLOSING);
  session->connection = NULL;
  satchel_timer_cancel (&session->keepalive_timer);
  satchel_timer_cancel (&session->rest_timer);
  imap_renames_leave (session);
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

/* Writes what the login left for the user, before the login is answered (RFC 9051 7.1: ALERT). */
static void
write_notice (ImapSession *session)
{
  const char *notice = satchel_session_notice (session->session);
  if (notice == NULL)
    return;
  imap_write (&session->writer, "* OK [ALERT] ");
  imap_write_safe_text (&session->writer, notice, strlen (notice));
  imap_write (&session->writer, "\r\n");
}

static void
answer_login (ImapSession *session)
{
  ImapWriter *writer = &session->writer;
  if (session->store != NULL)
    write_notice (session);
  imap_write (writer, session->login_tag);
  if (session->store != NULL)
    {
      imap_write (writer, " OK [CAPABILITY ");
      imap_session_write_capabilities (session);
      imap_write (writer, "] Logged in.\r\n");
      g_clear_pointer (&session->login_tag, g_free);
      session->ns.others = satchel_store_namespace_names (session->store);
      imap_renames_join (session);
      imap_session_flush (session);
      imap_session_arm_timers (session);
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

gpointer
imap_session_new (SatchelSession *handle, const ImapCommandRow *commands, const void *note, gsize len)
{
  ImapSession *session = g_new0 (ImapSession, 1);
  session->refs = 1;
  session->commands = commands;
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
