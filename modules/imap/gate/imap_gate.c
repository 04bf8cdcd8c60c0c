/* SPDX-License-Identifier: MIT
 * Describes imap-gate.so: IMAP before login (RFC 3501 6.1, 6.2): CAPABILITY, NOOP, ID, STARTTLS, LOGIN,
 * AUTHENTICATE, LOGOUT, and nothing else. Role gate: no files, no mail, no passwords but those passing
 * through.
 */
#include "gate/imap_gate.h"
#include "capabilities.h"
#include "client_id.h"

#include <satchel/module.h>
#include <string.h>

#define ARGUMENTS_MAX 80u /* enough for ID, which may have 30 pairs (RFC 2971 3.3) */
#define DEPTH_MAX 1u
#define ID_BYTES_KEPT 512u  /* bytes of all arguments of ID that are kept, for name and version */
#define ID_BYTES_MAX 32768u /* 30 fields of 30 octets with values of 1,024 (RFC 2971 3.3) */

static void
write_capabilities (ImapGate *gate)
{
  ImapWriter *writer = &gate->writer;
  guint offers = IMAP_OFFER_BEFORE_LOGIN;
  if (satchel_gate_can_start_tls (gate->session))
    offers |= IMAP_OFFER_STARTTLS;
  if (!satchel_gate_may_login (gate->session))
    offers |= IMAP_OFFER_NO_LOGIN;
  imap_write_capabilities (writer, &gate->settings, offers);
  for (const char *const *name = satchel_gate_mechanisms (gate->session); *name != NULL; name++)
    {
      imap_write (writer, " AUTH=");
      imap_write (writer, *name);
    }
}

/* ---- the commands ---- */

static void
run_capability (ImapGate *gate, const char *tag, ImapReader *reader)
{
  imap_write (&gate->writer, "* CAPABILITY ");
  write_capabilities (gate);
  imap_write (&gate->writer, "\r\n");
  imap_gate_reply (gate, tag, "OK Capabilities listed.");
}

static void
run_noop (ImapGate *gate, const char *tag, ImapReader *reader)
{
  imap_gate_reply (gate, tag, "OK NOOP completed.");
}

static void
run_logout (ImapGate *gate, const char *tag, ImapReader *reader)
{
  imap_gate_say_goodbye (gate, "Logging out.", tag);
}

/* Notes what client this is.  Fields may be four times as long as a line; of what the lexer has kept of them,
 * name and version identify the client, and a webmail server sends the address of its user.  Only the first
 * such field counts: a webmail that passes on fields of its users puts its own first. */
static void
note_client (ImapGate *gate, ImapReader *reader)
{
  ImapReader members;
  const char *key, *value, *name = NULL, *version = NULL, *origin = NULL;
  gsize key_len, value_len;
  if (imap_reader_peek (reader) != IMAP_NODE_LIST || !imap_read_list (reader, &members))
    return;
  while (!imap_reader_is_done (&members) && imap_read_string (&members, &key, &key_len)
         && imap_read_nstring (&members, &value, &value_len))
    {
      imap_client_field (key, value, &name, &version);
      if (origin == NULL && value != NULL && g_ascii_strcasecmp (key, "x-originating-ip") == 0)
        origin = value;
    }
  if (origin != NULL)
    satchel_gate_set_origin (gate->session, origin);
  g_autofree char *text = imap_client_text (name, version);
  if (text != NULL)
    satchel_gate_set_client_id (gate->session, text);
}

static void
run_id (ImapGate *gate, const char *tag, ImapReader *reader)
{
  note_client (gate, reader);
  imap_write (&gate->writer, "* ID (\"name\" \"Satchel\")\r\n");
  imap_gate_reply (gate, tag, "OK ID completed.");
}

static void
run_starttls (ImapGate *gate, const char *tag, ImapReader *reader)
{
  if (satchel_gate_has_tls (gate->session))
    imap_gate_bad (gate, tag, "TLS is active already.");
  else if (!satchel_gate_can_start_tls (gate->session))
    imap_gate_bad (gate, tag, "STARTTLS is not available.");
  else
    {
      imap_gate_reply (gate, tag, "OK Begin TLS negotiation now.");
      /* Input that came in clear text behind STARTTLS is dropped (RFC 3501 6.2.1, 11.1). */
      imap_lexer_reset (&gate->lexer, TRUE);
      satchel_gate_start_tls (gate->session);
    }
}

static const struct GateCommand
{
  const char *name;
  gboolean takes_arguments;
  void (*run) (ImapGate *gate, const char *tag, ImapReader *reader);
} commands[] = {
  { "CAPABILITY", FALSE, run_capability },
  { "LOGIN", TRUE, imap_gate_login },
  { "AUTHENTICATE", TRUE, imap_gate_authenticate },
  { "NOOP", FALSE, run_noop },
  { "ID", TRUE, run_id },
  { "STARTTLS", FALSE, run_starttls },
  { "LOGOUT", FALSE, run_logout },
};

static void
run_command (ImapGate *gate)
{
  ImapReader reader;
  const char *name = NULL, *tag = imap_lexer_tag (&gate->lexer);
  const struct GateCommand *command = NULL;
  imap_reader_init (&reader, &gate->lexer);
  if (tag == NULL || !imap_read_atom (&reader, &name))
    {
      imap_gate_bad (gate, tag, tag == NULL ? "Invalid tag." : "Command expected.");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (commands) && command == NULL; i++)
    if (g_ascii_strcasecmp (name, commands[i].name) == 0)
      command = &commands[i];
  if (command == NULL)
    imap_gate_bad (gate, tag, "Unknown command, or not logged in.");
  else if (!command->takes_arguments && !imap_reader_finish (&reader))
    imap_gate_bad (gate, tag, reader.error);
  else
    command->run (gate, tag, &reader);
}

/* ---- input ---- */

static void
read_command (ImapGate *gate, const guint8 *data, gsize len)
{
  gsize n;
  ImapLexStatus status = imap_lexer_feed (&gate->lexer, data, len, &n);
  satchel_connection_consume (gate->connection, n);
  switch (status)
    {
    case IMAP_LEX_MORE:
      return;
    case IMAP_LEX_LITERAL:
      imap_lexer_take_literal (&gate->lexer);
      if (gate->lexer.error == NULL && gate->lexer.literal_is_sync)
        {
          imap_write_continuation (&gate->writer, "OK");
          imap_gate_flush (gate);
        }
      return;
    case IMAP_LEX_COMMAND:
      run_command (gate);
      break;
    case IMAP_LEX_BAD:
      imap_gate_bad (gate, imap_lexer_tag (&gate->lexer), gate->lexer.error);
      break;
    case IMAP_LEX_FATAL:
      imap_gate_bad (gate, imap_lexer_tag (&gate->lexer), gate->lexer.error);
      imap_gate_bye (gate, gate->lexer.is_too_big ? "[TOOBIG] Command too long."
                                                  : "Cannot tell where the next command starts.");
      break;
    }
  imap_lexer_reset (&gate->lexer, TRUE);
}

static void
read_response (ImapGate *gate, const guint8 *data, gsize len)
{
  gsize n;
  ImapLineStatus status = imap_line_feed (&gate->line, satchel_limits ()->prelogin_line, data, len, &n);
  satchel_connection_consume (gate->connection, n);
  if (status != IMAP_LINE_MORE)
    imap_gate_response (gate, status);
}

static void
gate_unref (ImapGate *gate)
{
  if (--gate->refs > 0)
    return;
  imap_lexer_clear (&gate->lexer);
  imap_line_reset (&gate->line, TRUE);
  imap_writer_clear (&gate->writer);
  g_free (gate->tag);
  g_free (gate);
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  ImapGate *gate = self;
  gate->refs++;
  while (gate->connection != NULL && (gate->state == IMAP_GATE_READING || gate->state == IMAP_GATE_RESPONDING)
         && !satchel_connection_is_full (connection))
    {
      gsize len;
      const guint8 *data = satchel_connection_peek (connection, &len);
      /* A refused literal ends its command without further input. */
      if (len == 0 && gate->lexer.error == NULL)
        break;
      if (gate->state == IMAP_GATE_RESPONDING)
        read_response (gate, data, len);
      else
        read_command (gate, data, len);
      if (len == 0 && gate->lexer.error != NULL)
        break;
    }
  gate_unref (gate);
}

static void
on_tls_started (gpointer self)
{
  ImapGate *gate = self;
  imap_lexer_reset (&gate->lexer, TRUE);
}

static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  imap_gate_bye (self, "[UNAVAILABLE] Login took too long.");
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  imap_gate_bye (self, "[UNAVAILABLE] Server is going down.");
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  ImapGate *gate = self;
  gate->connection = NULL;
  gate_unref (gate);
}

static const SatchelConnectionHandlers handlers = {
  .size = sizeof (SatchelConnectionHandlers),
  .input = on_input,
  .drained = on_input,
  .timeout = on_timeout,
  .shutdown = on_shutdown,
  .closed = on_closed,
};

static gpointer
session_new (SatchelGateSession *session)
{
  ImapGate *gate = g_new0 (ImapGate, 1);
  gsize line = satchel_limits ()->prelogin_line;
  gate->refs = 1;
  gate->session = session;
  gate->connection = satchel_gate_connection (session);
  imap_settings_read (&gate->settings, satchel_gate_config (session));
  const ImapLexerLimits limits = { .command_bytes = line,
                                   .literal_bytes = line,
                                   .nonsync_bytes = imap_nonsync_bytes (&gate->settings),
                                   .nodes = ARGUMENTS_MAX,
                                   .depth = DEPTH_MAX,
                                   .close_on_limit = TRUE,
                                   .unkept_command = "ID",
                                   .unkept_bytes = ID_BYTES_MAX,
                                   .kept_bytes = ID_BYTES_KEPT };
  imap_lexer_init (&gate->lexer, &limits);
  imap_write (&gate->writer, "* OK [CAPABILITY ");
  write_capabilities (gate);
  imap_write (&gate->writer, "] ");
  imap_write_safe_text (&gate->writer, satchel_hostname (), 255);
  imap_write (&gate->writer, " Satchel ready.\r\n");
  imap_gate_flush (gate);
  return gate;
}

/* Returns the line that replaces the greeting, which may be BYE (RFC 3501 7.1.5). */
static const char *
refusal (SatchelRefusal why)
{
  switch (why)
    {
    case SATCHEL_REFUSED_ADDRESS:
      return "* BYE [UNAVAILABLE] Too many connections from your address.\r\n";
    case SATCHEL_REFUSED_FULL:
      return "* BYE [UNAVAILABLE] Too many connections, try again later.\r\n";
    case SATCHEL_REFUSED_UNAVAILABLE:
    case SATCHEL_REFUSED_NETWORK:
      break;
    }
  return "* BYE [UNAVAILABLE] Not available now, try again later.\r\n";
}

static const SatchelGateProtocolOps gate_ops = {
  .size = sizeof (SatchelGateProtocolOps),
  .alpn = "imap",
  .service = "imap",
  .port = 143,
  .tls_port = 993,
  .session_new = session_new,
  .handlers = &handlers,
  .auth_result = imap_gate_auth_result,
  .tls_started = on_tls_started,
  .refusal = refusal,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL_GATE, .name = "imap", .ops = &gate_ops }, { 0 }
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "imap",       .version = "0.1.0",         .description = "IMAP before login",
  .licence = "MIT",     .roles = SATCHEL_ROLE_GATE, .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
