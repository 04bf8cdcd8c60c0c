/* SPDX-License-Identifier: MIT
 * POP3 before login (role gate): the AUTHORIZATION state of RFC 1939, STLS (RFC 2595), CAPA (RFC 2449), AUTH
 * (RFC 5034 by way of RFC 4422), UTF8 and LANG (RFC 6856).  APOP is left out on purpose: it needs passwords
 * stored in clear. The mail half answers a login that succeeded.
 */
#include "capability.h"
#include "line.h"
#include "settings.h"

#include <satchel/module.h>
#include <satchel/protocol.h>
#include <string.h>

/* What a gate is at.  set_state alone changes it.
 *
 *   state       input is read  goes on when
 *   READING     as commands    auth or TLS is at work: WAITING
 *   WAITING     no             TLS is there, or auth answers: RESPONDING with a challenge, READING without
 *   RESPONDING  as one line    it has been given to auth (WAITING), or cancels the exchange (READING)
 *   CLOSING     no             never: a goodbye was said, or a mail process has the connection */
typedef enum
{
  GATE_READING = 0,
  GATE_WAITING,
  GATE_RESPONDING,
  GATE_CLOSING
} GateState;

#define TO(state) (1u << GATE_##state)
static const guint8 next_states[] = {
  [GATE_READING] = TO (WAITING) | TO (CLOSING),
  [GATE_WAITING] = TO (READING) | TO (RESPONDING) | TO (CLOSING),
  [GATE_RESPONDING] = TO (READING) | TO (WAITING) | TO (CLOSING),
  [GATE_CLOSING] = 0,
};

typedef struct Pop3Gate
{
  SatchelGateSession *session;
  SatchelConnection *connection;
  Pop3LineReader reader;
  const Pop3Language *language;
  Pop3Settings settings;
  GateState state;
  gboolean is_utf8;
  char *user; /* what USER said, until the next command; NULL: nothing */
} Pop3Gate;

typedef struct Pop3GateCommand
{
  const char *name;
  guint flags;
  void (*run) (Pop3Gate *gate, char *argument);
} Pop3GateCommand;

enum
{
  TAKES_ARGUMENT = 1 << 0,
  FOLLOWS_USER = 1 << 1 /* without this, a command forgets what USER said (RFC 1939 7) */
};

static void
set_state (Pop3Gate *gate, GateState state)
{
  g_return_if_fail ((next_states[gate->state] & 1u << state) != 0);
  gate->state = state;
}

static void
reply (Pop3Gate *gate, Pop3Text text)
{
  pop3_say (gate->connection, gate->language, text);
}

static void
say_goodbye (Pop3Gate *gate, Pop3Text text)
{
  if (gate->state == GATE_CLOSING)
    return;
  reply (gate, text);
  set_state (gate, GATE_CLOSING);
  satchel_connection_close (gate->connection);
}

static void
reply_bad (Pop3Gate *gate, Pop3Text text)
{
  if (satchel_gate_count_bad (gate->session))
    reply (gate, text);
  else
    say_goodbye (gate, POP3_TEXT_TOO_MANY_BAD);
}

/* Describes the AUTHORIZATION state as it is now. ret_state->mechanisms is yours. */
static void
describe_authorization (Pop3Gate *gate, Pop3Authorization *ret_state)
{
  ret_state->language = gate->language;
  ret_state->is_utf8 = gate->is_utf8;
  ret_state->can_start_tls = satchel_gate_can_start_tls (gate->session);
  ret_state->mechanisms = g_strjoinv (" ", (char **) satchel_gate_mechanisms (gate->session));
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
  Pop3Authorization state;
  describe_authorization (gate, &state);
  pop3_send_capabilities (gate->connection, &state, satchel_gate_config (gate->session), NULL);
  g_free (state.mechanisms);
}

static void
run_lang (Pop3Gate *gate, char *argument)
{
  pop3_run_lang (gate->connection, &gate->language, argument, gate->settings.language);
}

static void
run_utf8 (Pop3Gate *gate, char *argument)
{
  gate->is_utf8 = TRUE;
  reply (gate, POP3_TEXT_UTF8_ON);
}

/* Begins TLS. Everything that the client said in clear text is forgotten (RFC 2595 4), including UTF8 and
 * LANG. */
static void
run_stls (Pop3Gate *gate, char *argument)
{
  if (!satchel_gate_can_start_tls (gate->session))
    {
      reply_bad (gate, POP3_TEXT_NO_TLS);
      return;
    }
  set_state (gate, GATE_WAITING);
  reply (gate, POP3_TEXT_BEGIN_TLS);
  gate->language = &pop3_languages[0];
  gate->is_utf8 = FALSE;
  satchel_gate_start_tls (gate->session);
}

static gboolean
may_login (Pop3Gate *gate)
{
  if (satchel_gate_may_login (gate->session))
    return TRUE;
  reply_bad (gate, POP3_TEXT_NEEDS_TLS);
  return FALSE;
}

/* Refuses credentials that are not UTF-8 (RFC 6856 2.2). */
static gboolean
is_utf8_argument (Pop3Gate *gate, const char *argument)
{
  if (g_utf8_validate (argument, -1, NULL))
    return TRUE;
  reply_bad (gate, POP3_TEXT_BAD_UTF8);
  return FALSE;
}

static void
run_user (Pop3Gate *gate, char *argument)
{
  if (!may_login (gate))
    return;
  if (*argument == '\0')
    reply_bad (gate, POP3_TEXT_BAD_ARGUMENTS);
  else if (is_utf8_argument (gate, argument))
    {
      gate->user = g_strdup (argument);
      reply (gate, POP3_TEXT_SEND_PASS);
    }
}

static void
run_pass (Pop3Gate *gate, char *argument)
{
  if (!may_login (gate))
    return;
  g_autofree char *user = g_steal_pointer (&gate->user);
  if (user == NULL)
    reply_bad (gate, POP3_TEXT_USER_FIRST);
  else if (is_utf8_argument (gate, argument))
    {
      /* All of the rest is the password, spaces included (RFC 1939 7). */
      set_state (gate, GATE_WAITING);
      satchel_gate_auth_password (gate->session, "USER", user, strlen (user), argument, strlen (argument));
    }
}

static void
run_auth (Pop3Gate *gate, char *argument)
{
  if (*argument == '\0')
    {
      /* Old clients send AUTH alone to get a list of the mechanisms. */
      reply (gate, POP3_TEXT_MECHANISMS);
      GString *out = g_string_new (NULL);
      for (const char *const *name = satchel_gate_mechanisms (gate->session); *name != NULL; name++)
        g_string_append_printf (out, "%s\r\n", *name);
      pop3_say_lines (gate->connection, out, TRUE);
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
  /* "=": an empty initial response (RFC 5034 4). */
  if (initial != NULL
      && (data = satchel_sasl_decode (strcmp (initial, "=") == 0 ? "" : initial, &len)) == NULL)
    {
      reply_bad (gate, POP3_TEXT_BAD_BASE64);
      return;
    }
  set_state (gate, GATE_WAITING);
  satchel_gate_auth_start (gate->session, argument, data, len);
  if (data != NULL)
    explicit_bzero (data, len);
}

static void
cancel_exchange (Pop3Gate *gate, Pop3Text text)
{
  set_state (gate, GATE_READING);
  satchel_gate_auth_cancel (gate->session);
  reply_bad (gate, text);
}

static void
exchange_line (Pop3Gate *gate, const char *line)
{
  if (strcmp (line, "*") == 0)
    {
      cancel_exchange (gate, POP3_TEXT_CANCELLED);
      return;
    }
  gsize len = 0;
  g_autofree guint8 *data = satchel_sasl_decode (line, &len);
  if (data == NULL)
    {
      cancel_exchange (gate, POP3_TEXT_BAD_BASE64);
      return;
    }
  set_state (gate, GATE_WAITING);
  satchel_gate_auth_step (gate->session, data, len);
  explicit_bzero (data, len);
}

static void
run_quit (Pop3Gate *gate, char *argument)
{
  say_goodbye (gate, POP3_TEXT_BYE);
}

static const Pop3GateCommand commands[] = {
  { "CAPA", 0, run_capa },
  { "STLS", 0, run_stls },
  { "USER", TAKES_ARGUMENT, run_user },
  { "PASS", TAKES_ARGUMENT | FOLLOWS_USER, run_pass },
  { "AUTH", TAKES_ARGUMENT, run_auth },
  { "UTF8", 0, run_utf8 },
  { "LANG", TAKES_ARGUMENT, run_lang },
  { "QUIT", 0, run_quit },
};

/* Finds a command. NULL means that there is no such command. */
static const Pop3GateCommand *
find_command (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (name, commands[i].name) == 0)
      return &commands[i];
  return NULL;
}

static void
run_command (Pop3Gate *gate, const char *name, char *argument)
{
  const Pop3GateCommand *command = find_command (name);
  guint flags = command != NULL ? command->flags : 0;
  if (!(flags & FOLLOWS_USER))
    g_clear_pointer (&gate->user, g_free);
  if (command == NULL)
    reply_bad (gate, POP3_TEXT_UNKNOWN_COMMAND);
  else if (!(flags & TAKES_ARGUMENT) && *g_strchomp (argument) != '\0')
    reply_bad (gate, POP3_TEXT_BAD_ARGUMENTS);
  else
    command->run (gate, argument);
}

static void
run_line (Pop3Gate *gate, char *line)
{
  if (gate->state == GATE_RESPONDING)
    {
      exchange_line (gate, line);
      return;
    }
  char *argument = pop3_split_command (line);
  run_command (gate, line, argument);
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Pop3Gate *gate = self;
  gsize limit = satchel_limits ()->prelogin_line;
  while (gate->state == GATE_READING || gate->state == GATE_RESPONDING)
    {
      char *line = NULL;
      gsize len;
      switch (pop3_read_line (&gate->reader, connection,
                              gate->state == GATE_RESPONDING ? limit : MIN (limit, 512), &line, &len))
        {
        case POP3_LINE_NONE:
          return;
        case POP3_LINE_READ:
          run_line (gate, line);
          /* After a hand-over the gate is gone, but then nothing was waiting: hand_over comes from
           * auth_result. */
          free_secret (line);
          break;
        case POP3_LINE_TOO_LONG:
        case POP3_LINE_BAD:
          if (gate->state == GATE_RESPONDING)
            cancel_exchange (gate, POP3_TEXT_BAD_LINE);
          else
            reply_bad (gate, POP3_TEXT_BAD_LINE);
          break;
        case POP3_LINE_BARE_LF:
          say_goodbye (gate, POP3_TEXT_BAD_LINE_END);
          break;
        }
    }
}

static void
hand_over (Pop3Gate *gate)
{
  Pop3Authorization state;
  describe_authorization (gate, &state);
  g_autofree char *note = pop3_authorization_to_note (&state);
  g_free (state.mechanisms);
  satchel_gate_hand_over (gate->session, note, strlen (note));
}

static void
reply_refused (Pop3Gate *gate, const SatchelAuthResult *result)
{
  switch (result->status)
    {
    case SATCHEL_AUTH_UNAVAILABLE:
      reply (gate, POP3_TEXT_LOGIN_UNAVAILABLE);
      break;
    case SATCHEL_AUTH_LIMITED:
      reply (gate, POP3_TEXT_TOO_MANY_CONNECTIONS);
      break;
    case SATCHEL_AUTH_NOT_ALLOWED:
      reply_bad (gate, POP3_TEXT_NEEDS_TLS);
      break;
    case SATCHEL_AUTH_BAD_MECHANISM:
      reply_bad (gate, POP3_TEXT_BAD_MECHANISM);
      break;
    case SATCHEL_AUTH_FAILED:
    case SATCHEL_AUTH_CONTINUE:
    case SATCHEL_AUTH_OK:
      if (result->is_withheld && result->explain != NULL)
        pop3_say_words (gate->connection, POP3_TEXT_LOGIN_WITHHELD, result->explain);
      else if (result->explain != NULL)
        pop3_say_words (gate->connection, POP3_TEXT_LOGIN_FAILED, result->explain);
      else
        reply (gate, POP3_TEXT_LOGIN_FAILED);
      break;
    }
}

static void
on_auth_result (gpointer self, const SatchelAuthResult *result)
{
  Pop3Gate *gate = self;
  if (gate->state != GATE_WAITING)
    return;
  set_state (gate, result->status == SATCHEL_AUTH_CONTINUE ? GATE_RESPONDING
                   : result->status == SATCHEL_AUTH_OK     ? GATE_CLOSING
                                                           : GATE_READING);
  if (result->status == SATCHEL_AUTH_OK)
    {
      hand_over (gate);
      return;
    }
  if (result->status == SATCHEL_AUTH_CONTINUE)
    {
      pop3_say_challenge (gate->connection, result->challenge, result->challenge_len);
      return;
    }
  reply_refused (gate, result);
}

static void
on_tls_started (gpointer self)
{
  Pop3Gate *gate = self;
  if (gate->state == GATE_WAITING) /* the time for the login may have ended while it waited */
    set_state (gate, GATE_READING);
}

/* Ends the connection with a word when the time for a login is over, so that the user knows. This is not the
 * inactivity timer of RFC 1939 3, which ends a session without a word. */
static void
on_timeout (SatchelConnection *connection, gpointer self)
{
  say_goodbye (self, POP3_TEXT_LOGIN_TIMEOUT);
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  say_goodbye (self, POP3_TEXT_STOPPING);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
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
  gate->language = &pop3_languages[0];
  pop3_settings_read (&gate->settings, satchel_gate_config (session));
  gate->connection = satchel_gate_connection (session);
  /* The greeting has no time stamp in angle brackets, which would offer APOP (RFC 1939 7). */
  pop3_say_ok (gate->connection, "%s POP3 ready", satchel_hostname ());
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
  .refusal = pop3_refusal,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL_GATE, .name = "pop3", .ops = &gate_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "pop3",       .version = "0.1.0",         .description = "POP3, before login",
  .licence = "MIT",     .roles = SATCHEL_ROLE_GATE, .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
