/* SPDX-License-Identifier: MIT
 * A protocol of lines for tests: its gate half and its mail half.
 */
#include "config.h"

#include "core/session/mail/mail_private.h"
#include "tests/lib/session_rig.h"

typedef struct ToyGate
{
  SatchelGateSession *session;
  SatchelConnection *connection;
} ToyGate;

static char *
toy_line (SatchelConnection *connection)
{
  gsize len;
  const char *data = (const char *) satchel_connection_peek (connection, &len);
  const char *end = memchr (data, '\n', len);
  if (end == NULL)
    return NULL;
  char *line = g_strndup (data, (gsize) (end - data));
  satchel_connection_consume (connection, (gsize) (end - data) + 1);
  return line;
}

static gpointer
toy_gate_new (SatchelGateSession *session)
{
  ToyGate *toy = g_new0 (ToyGate, 1);
  toy->session = session;
  toy->connection = satchel_gate_connection (session);
  rig.n_gate_open++;
  rig.last_gate = session;
  satchel_connection_print (toy->connection, "hello\n");
  return toy;
}

static void
toy_gate_input (SatchelConnection *connection, gpointer self)
{
  ToyGate *toy = self;
  for (;;)
    {
      g_autofree char *line = toy_line (connection);
      if (line == NULL)
        return;
      rig.n_commands++;
      g_auto (GStrv) words = g_strsplit (line, " ", 3);
      if (g_strcmp0 (words[0], "login") == 0 && g_strv_length (words) == 3)
        {
          satchel_gate_auth_password (toy->session, "LOGIN", words[1], strlen (words[1]), words[2],
                                      strlen (words[2]));
          return;
        }
      if (g_strcmp0 (words[0], "for") == 0 && g_strv_length (words) == 3)
        {
          gboolean has_tls = g_str_has_suffix (words[2], "+tls");
          if (has_tls)
            words[2][strlen (words[2]) - strlen ("+tls")] = '\0';
          const SatchelGateClient client = { .size = sizeof client,
                                             .service = words[1],
                                             .address = strcmp (words[2], "-") != 0 ? words[2] : NULL,
                                             .has_tls = has_tls };
          satchel_connection_print (connection,
                                    satchel_gate_auth_for (toy->session, &client) ? "announced\n" : "odd\n");
          continue;
        }
      if (g_strcmp0 (words[0], "auth") == 0 && words[1] != NULL)
        {
          satchel_gate_auth_start (toy->session, words[1], NULL, 0);
          return;
        }
      if (g_strcmp0 (words[0], "starttls") == 0 && satchel_gate_can_start_tls (toy->session))
        {
          satchel_connection_print (connection, "go\n");
          satchel_gate_start_tls (toy->session);
          return;
        }
      if (g_strcmp0 (words[0], "noop") == 0)
        satchel_connection_print (connection, "noop ok\n");
      else
        {
          satchel_connection_print (connection, "bad\n");
          if (!satchel_gate_count_bad (toy->session))
            return;
        }
    }
}

static void
toy_gate_auth_result (gpointer self, const SatchelAuthResult *result)
{
  ToyGate *toy = self;
  static const char *const names[] = {
    "", "continue", "ok", "failed", "unavailable", "not-allowed", "bad-mechanism", "limited"
  };
  if (result->user != NULL)
    satchel_connection_print (toy->connection, "%s %s\n", names[result->status], result->user);
  else if (result->status == SATCHEL_AUTH_OK)
    satchel_gate_hand_over (toy->session, "note", 4);
  else if (result->status == SATCHEL_AUTH_CONTINUE)
    {
      satchel_connection_print (toy->connection, "+ %.*s\n", (int) result->challenge_len,
                                (const char *) result->challenge);
      satchel_gate_auth_step (toy->session, (const guint8 *) "response", 8);
    }
  else
    satchel_connection_print (toy->connection, "%s\n", names[result->status]);
}

static void
toy_gate_tls_started (gpointer self)
{
  satchel_connection_print (((ToyGate *) self)->connection, "%s", "secure\n");
}

static void
toy_gate_timeout (SatchelConnection *connection, gpointer self)
{
  satchel_connection_print (connection, "login timeout\n");
}

static void
toy_gate_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  rig.gate_reason = reason;
  rig.n_gate_open--;
  rig.last_gate = NULL;
  g_free (self);
}

static const SatchelConnectionHandlers toy_gate_handlers = {
  sizeof toy_gate_handlers, toy_gate_input, NULL, toy_gate_timeout, NULL, toy_gate_closed
};
static const char *
toy_refusal (SatchelRefusal why)
{
  static const char *const texts[] = { "?\n", "refused: address\n", "refused: full\n",
                                       "refused: unavailable\n", "refused: network\n" };
  return texts[why];
}

const SatchelGateProtocolOps toy_gate_ops = { .size = sizeof toy_gate_ops,
                                              .alpn = "toy",
                                              .service = "toy",
                                              .session_new = toy_gate_new,
                                              .handlers = &toy_gate_handlers,
                                              .auth_result = toy_gate_auth_result,
                                              .tls_started = toy_gate_tls_started,
                                              .refusal = toy_refusal };
const SatchelGateProtocolOps toy_open_ops = {
  .size = sizeof toy_open_ops, .flags = SATCHEL_PROTOCOL_NO_LOGIN, .service = "toy", .refusal = toy_refusal
};

const SatchelGateProtocolOps toy_others_ops = { .size = sizeof toy_others_ops,
                                                .flags = SATCHEL_PROTOCOL_FOR_OTHERS,
                                                .service = "toy",
                                                .session_new = toy_gate_new,
                                                .handlers = &toy_gate_handlers,
                                                .auth_result = toy_gate_auth_result };

GMutex job_lock;
GCond job_cond;
gboolean job_may_end;

static void
toy_job (gpointer data)
{
  g_mutex_lock (&job_lock);
  while (!job_may_end)
    g_cond_wait (&job_cond, &job_lock);
  g_mutex_unlock (&job_lock);
  rig.saw_cancel = satchel_session_is_cancelled (data);
}

static void
toy_job_done (gpointer data)
{
  SatchelSession *session = data;
  rig.n_jobs_done++;
  g_assert_cmpuint (rig.n_mail_closed, ==, 0); /* `closed` comes after it */
  satchel_connection_print (satchel_session_connection (session), "job done\n");
}

static gpointer
toy_mail_new (SatchelSession *session, const void *note, gsize len)
{
  SatchelConnection *connection = satchel_session_connection (session);
  rig.n_mail_open++;
  rig.last_mail = session;
  satchel_connection_print (
      connection, "welcome %s from %s note %.*s tls %s\n",
      satchel_session_user (session) != NULL ? satchel_session_user (session) : "nobody",
      satchel_session_peer (session), (int) len, (const char *) note,
      *satchel_session_tls_info (session) != '\0' ? satchel_session_tls_info (session) : "none");
  return session;
}

static void
toy_mail_input (SatchelConnection *connection, gpointer self)
{
  char *line;
  while ((line = toy_line (connection)) != NULL)
    {
      g_autofree char *own = line;
      if (g_str_equal (line, "quit"))
        {
          satchel_connection_print (connection, "bye\n");
          satchel_connection_close (connection);
          return;
        }
      if (g_str_equal (line, "job"))
        {
          satchel_session_run (self, "toy job", toy_job, toy_job_done, self);
          return;
        }
      if (g_str_has_prefix (line, "big "))
        {
          gsize n = (gsize) g_ascii_strtoull (line + 4, NULL, 10);
          satchel_connection_write_bytes (connection, g_bytes_new_take (g_strnfill (n, 'b'), n));
          continue;
        }
      if (g_str_has_prefix (line, "eat "))
        {
          satchel_connection_print (connection, "ate %d\n", (int) strlen (line) - 4);
          continue;
        }
      if (g_str_equal (line, "keepalive"))
        satchel_connection_set_keepalive (connection, 60);
      satchel_connection_print (connection, "mail %s\n", line);
    }
}

static void
toy_mail_shutdown (SatchelConnection *connection, gpointer self)
{
  satchel_connection_print (connection, "mail stops\n");
  satchel_connection_close (connection);
}

static void
toy_mail_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  rig.n_mail_open--;
  rig.n_mail_closed++;
  rig.mail_reason = reason;
  rig.last_mail = NULL;
}

static const SatchelConnectionHandlers toy_mail_handlers = {
  sizeof toy_mail_handlers, toy_mail_input, NULL, NULL, toy_mail_shutdown, toy_mail_closed
};
SatchelProtocolOps toy_mail_ops = { sizeof toy_mail_ops, "toy", toy_mail_new, &toy_mail_handlers,
                                    SATCHEL_PROTOCOL_NO_LOGIN };
