/* SPDX-License-Identifier: MIT
 * POP3 before login (role gate): the AUTHORIZATION state of RFC 1939, STLS (RFC 2595), CAPA (RFC 2449), AUTH (RFC
 * 5034 by way of RFC 4422).  APOP is left out on purpose: it needs passwords stored in clear.
 * The mail half answers a login that succeeded.
 */
#include "line.h"

#include <satchel/module.h>
#include <satchel/protocol.h>
#include <string.h>

typedef struct Pop3Gate
{
  SatchelGateSession *session;
  SatchelConnection *connection;
  Pop3LineReader reader;
  char *user;              /* of USER; NULL: none given */
  gboolean is_in_exchange; /* lines are SASL responses */
  gboolean is_waiting;     /* auth or TLS is at work */
  gboolean is_closing;
} Pop3Gate;

typedef struct Pop3GateCommand
{
  const char *name;
  void (*run) (Pop3Gate *gate, char *argument);
} Pop3GateCommand;

static void
reply (Pop3Gate *gate, const char *text)
{
  satchel_connection_print (gate->connection, "%s\r\n", text);
}

static void
reply_bad (Pop3Gate *gate, const char *text)
{
  reply (gate, text);
  if (satchel_gate_count_bad (gate->session))
    return;
  gate->is_closing = TRUE;
  satchel_connection_close (gate->connection);
}

/* Wipes what may hold a password. */
static void
free_secret (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

static void
run_capa (Pop3Gate *gate, char *argument)
{
  (void)argument;
  g_autoptr (GString) out = g_string_new ("+OK Capabilities follow\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
  if (satchel_gate_can_start_tls (gate->session))
    g_string_append (out, "STLS\r\n");
  if (satchel_gate_may_login (gate->session))
    {
      g_string_append (out, "USER\r\nSASL");
      for (const char *const *name = satchel_gate_mechanisms (gate->session); *name != NULL; name++)
        g_string_append_printf (out, " %s", *name);
      g_string_append (out, "\r\n");
    }
  g_string_append (out, "IMPLEMENTATION Satchel\r\n.\r\n");
  satchel_connection_write (gate->connection, out->str, out->len);
}

static void
run_stls (Pop3Gate *gate, char *argument)
{
  (void)argument;
  if (!satchel_gate_can_start_tls (gate->session))
    {
      reply_bad (gate, "-ERR TLS is not available now");
      return;
    }
  g_clear_pointer (&gate->user, g_free);
  gate->is_waiting = TRUE;
  reply (gate, "+OK Begin TLS");
  satchel_gate_start_tls (gate->session);
}

static gboolean
may_login (Pop3Gate *gate)
{
  if (satchel_gate_may_login (gate->session))
    return TRUE;
  reply_bad (gate, "-ERR [AUTH] No login in clear text: use STLS first"); /* RFC 3206 4 */
  return FALSE;
}

static void
run_user (Pop3Gate *gate, char *argument)
{
  if (!may_login (gate))
    return;
  if (*argument == '\0')
    {
      reply_bad (gate, "-ERR USER wants a name");
      return;
    }
  g_free (gate->user);
  gate->user = g_strdup (argument);
  reply (gate, "+OK Send PASS");
}

static void
run_pass (Pop3Gate *gate, char *argument)
{
  if (!may_login (gate))
    return;
  if (gate->user == NULL)
    {
      reply_bad (gate, "-ERR USER first");
      return;
    }
  /* All of the rest is the password, spaces included (RFC 1939 7). */
  gate->is_waiting = TRUE;
  g_autofree char *user = g_steal_pointer (&gate->user);
  satchel_gate_auth_password (gate->session, "USER", user, strlen (user), argument, strlen (argument));
}

/* *ret_len bytes, yours; NULL: not base64. */
static guint8 *
decode (const char *text, gsize *ret_len)
{
  gsize len = strlen (text);
  gsize pad = 0;
  if (len % 4 != 0)
    return NULL;
  while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
    pad++;
  for (gsize i = 0; i < len - pad; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
      return NULL;
  guint8 *data = g_base64_decode (text, ret_len);
  return data != NULL ? data : g_malloc0 (1);
}

static void
run_auth (Pop3Gate *gate, char *argument)
{
  if (*argument == '\0')
    {
      /* Old clients ask so for the mechanisms, and expect a list. */
      g_autoptr (GString) out = g_string_new ("+OK\r\n");
      for (const char *const *name = satchel_gate_mechanisms (gate->session); *name != NULL; name++)
        g_string_append_printf (out, "%s\r\n", *name);
      g_string_append (out, ".\r\n");
      satchel_connection_write (gate->connection, out->str, out->len);
      return;
    }
  if (!may_login (gate))
    return;
  char *initial = strchr (argument, ' ');
  if (initial != NULL)
    *initial++ = '\0';
  for (char *c = argument; *c != '\0'; c++)
    *c = g_ascii_toupper (*c);
  gsize len = 0;
  g_autofree guint8 *data = NULL;
  if (initial != NULL && strcmp (initial, "=") == 0)
    data = g_malloc0 (1); /* an empty initial response (RFC 5034 4) */
  else if (initial != NULL && (data = decode (initial, &len)) == NULL)
    {
      reply_bad (gate, "-ERR Bad base64");
      return;
    }
  gate->is_waiting = TRUE;
  gate->is_in_exchange = TRUE;
  satchel_gate_auth_start (gate->session, argument, data, len);
  if (data != NULL)
    explicit_bzero (data, len);
}

static void
exchange_line (Pop3Gate *gate, const char *line)
{
  if (strcmp (line, "*") == 0)
    {
      gate->is_in_exchange = FALSE;
      satchel_gate_auth_cancel (gate->session);
      reply_bad (gate, "-ERR Authentication cancelled");
      return;
    }
  gsize len = 0;
  g_autofree guint8 *data = decode (line, &len);
  if (data == NULL)
    {
      gate->is_in_exchange = FALSE;
      satchel_gate_auth_cancel (gate->session);
      reply_bad (gate, "-ERR Bad base64");
      return;
    }
  gate->is_waiting = TRUE;
  satchel_gate_auth_step (gate->session, data, len);
  explicit_bzero (data, len);
}

static void
run_quit (Pop3Gate *gate, char *argument)
{
  (void)argument;
  reply (gate, "+OK Bye");
  gate->is_closing = TRUE;
  satchel_connection_close (gate->connection);
}

static const Pop3GateCommand commands[] = {
  { "CAPA", run_capa }, { "STLS", run_stls }, { "USER", run_user },
  { "PASS", run_pass }, { "AUTH", run_auth }, { "QUIT", run_quit },
};

static void
run_line (Pop3Gate *gate, char *line)
{
  if (gate->is_in_exchange)
    {
      exchange_line (gate, line);
      return;
    }
  char *argument = pop3_split_command (line);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (line, commands[i].name) == 0)
      {
        commands[i].run (gate, argument);
        return;
      }
  reply_bad (gate, "-ERR Unknown command");
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Pop3Gate *gate = self;
  gsize limit = (gsize)satchel_config_size (satchel_limits (), "prelogin_line");
  while (!gate->is_waiting && !gate->is_closing)
    {
      char *line = NULL;
      gsize len;
      switch (pop3_read_line (&gate->reader, connection, gate->is_in_exchange ? limit : MIN (limit, 512), &line, &len))
        {
        case POP3_LINE_NONE:
          return;
        case POP3_LINE_READ:
          run_line (gate, line);
          /* After a hand-over the gate is gone, but then nothing was waiting: hand_over comes from auth_result. */
          free_secret (line);
          break;
        case POP3_LINE_TOO_LONG:
        case POP3_LINE_BAD:
          if (gate->is_in_exchange)
            satchel_gate_auth_cancel (gate->session);
          gate->is_in_exchange = FALSE;
          reply_bad (gate, "-ERR Line too long, or with control characters");
          break;
        }
    }
}

static void
on_auth_result (gpointer self, const SatchelAuthResult *result)
{
  Pop3Gate *gate = self;
  gate->is_waiting = FALSE;
  if (result->status == SATCHEL_AUTH_OK)
    {
      satchel_gate_hand_over (gate->session, NULL, 0);
      return;
    }
  if (result->status == SATCHEL_AUTH_CONTINUE)
    {
      g_autofree char *challenge = g_base64_encode (result->challenge, result->challenge_len);
      satchel_connection_print (gate->connection, "+ %s\r\n", challenge);
      return;
    }
  gate->is_in_exchange = FALSE;
  switch (result->status)
    {
    case SATCHEL_AUTH_UNAVAILABLE:
      reply (gate, "-ERR [SYS/TEMP] Login is not available now, try again later");
      break;
    case SATCHEL_AUTH_LIMITED:
      reply (gate, "-ERR [SYS/TEMP] Too many connections");
      break;
    case SATCHEL_AUTH_NOT_ALLOWED:
      reply_bad (gate, "-ERR [AUTH] No login in clear text: use STLS first");
      break;
    case SATCHEL_AUTH_BAD_MECHANISM:
      reply_bad (gate, "-ERR Unknown mechanism");
      break;
    case SATCHEL_AUTH_FAILED:
    case SATCHEL_AUTH_CONTINUE:
    case SATCHEL_AUTH_OK:
      satchel_connection_print (gate->connection, "-ERR [AUTH] %s\r\n",
                                result->explain != NULL ? result->explain : "Authentication failed.");
      break;
    }
}

static void
on_tls_started (gpointer self)
{
  Pop3Gate *gate = self;
  gate->is_waiting = FALSE;
}

static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  Pop3Gate *gate = self;
  gate->is_closing = TRUE;
  reply (gate, "-ERR Too slow");
  satchel_connection_close (connection);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  Pop3Gate *gate = self;
  gate->is_closing = TRUE;
  reply (gate, "-ERR [SYS/TEMP] Server is stopping");
  satchel_connection_close (connection);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  (void)connection;
  (void)reason;
  Pop3Gate *gate = self;
  g_free (gate->user);
  g_free (gate);
}

static const SatchelConnectionHandlers handlers = {
  .size = sizeof handlers,
  .input = on_input,
  .timeout = on_timeout,
  .shutdown = on_shutdown,
  .closed = on_closed,
};

static gpointer
session_new (SatchelGateSession *session)
{
  Pop3Gate *gate = g_new0 (Pop3Gate, 1);
  gate->session = session;
  gate->connection = satchel_gate_connection (session);
  /* No time stamp in angle brackets: that would offer APOP (RFC 1939 7). */
  satchel_connection_print (gate->connection, "+OK %s POP3 ready\r\n", satchel_hostname ());
  return gate;
}

static const SatchelGateProtocolOps gate_ops = {
  .size = sizeof gate_ops,
  .alpn = "pop3",
  .service = "pop3",
  .port = 110,
  .tls_port = 995,
  .session_new = session_new,
  .handlers = &handlers,
  .auth_result = on_auth_result,
  .tls_started = on_tls_started,
};

static const SatchelProvides provides[] = {
  { SATCHEL_KIND_PROTOCOL_GATE, "pop3", &gate_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS,
  .name = "pop3",
  .version = "1",
  .description = "POP3, before login",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_GATE,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
