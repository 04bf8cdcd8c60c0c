/* SPDX-License-Identifier: MIT
 * The gate half of a protocol for scripts: gate and auth are played here, see harness.h.
 */
#include "config.h"

#include "harness-private.h"

#include <satchel/module.h>
#include <string.h>
#include <sys/socket.h>

struct SatchelGateSession
{
  SatchelConnection *connection;
  gpointer self;
  gboolean is_clear, has_tls;
  guint n_bad;
  SatchelAuthStatus status; /* to be told */
  gboolean asks_user;       /* LOGIN mechanism */
  char *login_user, *user;
};

guint harness_n_gates;

/* ---- a gate session ---- */

static const SatchelGateProtocolOps *
gate_ops (void)
{
  return satchel_module ()->provides[0].ops;
}

SatchelConnection *
satchel_gate_connection (SatchelGateSession *session)
{
  return session->connection;
}
gboolean
satchel_gate_has_tls (SatchelGateSession *session)
{
  return session->has_tls;
}
gboolean
satchel_gate_can_start_tls (SatchelGateSession *session)
{
  return !session->has_tls;
}
gboolean
satchel_gate_may_login (SatchelGateSession *session)
{
  return session->has_tls || !session->is_clear;
}
const char *const *
satchel_gate_mechanisms (SatchelGateSession *session)
{
  static const char *const names[] = { "PLAIN", "LOGIN", NULL }, *const none[] = { NULL };
  return satchel_gate_may_login (session) ? names : none;
}
gboolean
satchel_gate_count_bad (SatchelGateSession *session)
{
  return ++session->n_bad < 3;
}

static void
tls_done (gpointer data)
{
  SatchelGateSession *session = data;
  session->has_tls = TRUE;
  satchel_connection_resume (session->connection);
  gate_ops ()->tls_started (session->self);
}

void
satchel_gate_start_tls (SatchelGateSession *session)
{
  satchel_connection_pause (session->connection);
  satchel_connection_flush (session->connection);
  /* What the client pipelined is on its way or here already. */
  for (guint i = 0; i < 100; i++)
    {
      char buffer[4096];
      while (
          recv (satchel_connection_transport (session->connection)->fd, buffer, sizeof buffer, MSG_DONTWAIT)
          > 0)
        ;
    }
  satchel_connection_drop_input (session->connection);
  satchel_defer (tls_done, session);
}

static void
tell_result (gpointer data)
{
  SatchelGateSession *session = data;
  SatchelAuthResult result = { .size = sizeof result, .status = session->status };
  if (session->status == SATCHEL_AUTH_CONTINUE && session->asks_user)
    {
      result.challenge = (const guint8 *) (session->login_user == NULL ? "Username:" : "Password:");
      result.challenge_len = 9;
    }
  satchel_connection_resume (session->connection);
  gate_ops ()->auth_result (session->self, &result);
}

static void
answer (SatchelGateSession *session, SatchelAuthStatus status)
{
  session->status = status;
  satchel_connection_pause (session->connection);
  satchel_defer (tell_result, session);
}

static void
check_password (SatchelGateSession *session, const char *user, const char *password)
{
  g_free (session->user);
  session->user = g_strdup (user);
  if (strcmp (user, "full") == 0)
    answer (session, SATCHEL_AUTH_LIMITED);
  else if (strcmp (user, "away") == 0)
    answer (session, SATCHEL_AUTH_UNAVAILABLE);
  else
    answer (session, strcmp (password, "pw") == 0 ? SATCHEL_AUTH_OK : SATCHEL_AUTH_FAILED);
}

void
satchel_gate_auth_password (SatchelGateSession *session, const char *method, const char *user, gsize user_len,
                            const char *password, gsize password_len)
{
  g_autofree char *name = g_strndup (user, user_len), *secret = g_strndup (password, password_len);
  check_password (session, name, secret);
}

void
satchel_gate_auth_start (SatchelGateSession *session, const char *mechanism, const guint8 *initial, gsize len)
{
  session->asks_user = strcmp (mechanism, "LOGIN") == 0;
  g_clear_pointer (&session->login_user, g_free);
  if (strcmp (mechanism, "PLAIN") != 0 && !session->asks_user)
    answer (session, SATCHEL_AUTH_BAD_MECHANISM);
  else if (initial == NULL)
    answer (session, SATCHEL_AUTH_CONTINUE);
  else
    satchel_gate_auth_step (session, initial, len);
}

void
satchel_gate_auth_step (SatchelGateSession *session, const guint8 *response, gsize len)
{
  g_autofree char *text = g_malloc0 (len + 1);
  memcpy (text, response, len);
  if (session->asks_user && session->login_user == NULL)
    {
      session->login_user = g_strdup (text);
      answer (session, SATCHEL_AUTH_CONTINUE);
    }
  else if (session->asks_user)
    check_password (session, session->login_user, text);
  else
    {
      const char *user = memchr (text, '\0', len);
      const char *password = user != NULL ? memchr (user + 1, '\0', len - (gsize) (user + 1 - text)) : NULL;
      if (password == NULL)
        answer (session, SATCHEL_AUTH_FAILED);
      else
        check_password (session, user + 1, password + 1);
    }
}

void
satchel_gate_auth_cancel (SatchelGateSession *session)
{
}

void
satchel_gate_hand_over (SatchelGateSession *session, const void *note, gsize len)
{
  g_autofree char *text = g_strndup (note, len), *user = g_strdup (session->user);
  g_autoptr (GBytes) input = NULL, output = NULL;
  satchel_connection_flush (session->connection);
  SatchelTransport *transport = satchel_connection_take_apart (session->connection, &input, &output);
  harness_begin_session (transport, user, NULL, text, input);
}

static void
gate_input (SatchelConnection *connection, gpointer data)
{
  gate_ops ()->handlers->input (connection, ((SatchelGateSession *) data)->self);
}
static void
gate_drained (SatchelConnection *connection, gpointer data)
{
  if (SATCHEL_HAS (gate_ops ()->handlers, drained))
    gate_ops ()->handlers->drained (connection, ((SatchelGateSession *) data)->self);
}
static void
gate_closed (SatchelConnection *connection, gpointer data, SatchelCloseReason reason)
{
  SatchelGateSession *session = data;
  gate_ops ()->handlers->closed (connection, session->self, reason);
  g_free (session->login_user);
  g_free (session->user);
  g_free (session);
  harness_n_gates--;
}
static const SatchelConnectionHandlers gate_handlers = {
  sizeof (SatchelConnectionHandlers), gate_input, gate_drained, NULL, NULL, gate_closed
};

/* Nobody here asks who the client is. Without these the functions of the core would take our sessions for
 * theirs. */
void
satchel_gate_set_client_id (SatchelGateSession *session, const char *text)
{
}
gboolean
satchel_gate_set_origin (SatchelGateSession *session, const char *address)
{
  return FALSE;
}
guint
satchel_gate_mechanism_flags (SatchelGateSession *session, const char *name)
{
  return 0;
}
gboolean
satchel_gate_auth_for (SatchelGateSession *session, const SatchelGateClient *client)
{
  return FALSE;
}

const SatchelConfig *
satchel_gate_config (SatchelGateSession *session)
{
  return harness_settings ();
}

HarnessClient *
harness_connect_gate (gboolean is_clear)
{
  int fd;
  HarnessClient *client = harness_client_new (&fd);
  SatchelGateSession *session = g_new0 (SatchelGateSession, 1);
  session->is_clear = is_clear;
  session->connection = satchel_connection_new (satchel_transport_new_plain (fd), &gate_handlers, session);
  session->self = gate_ops ()->session_new (session);
  harness_n_gates++;
  return client;
}
