/* SPDX-License-Identifier: MIT
 * Role gate and role mail in one process, joined by real links to each other and to an auth process of the
 * test's own, with a toy protocol.  For tests of sessions, TLS and hand-over.
 */
#pragma once
#include "core/runtime/config_image.h"
#include "core/runtime/ipc.h"
#include "core/runtime/log_private.h"
#include "core/runtime/reactor_private.h"
#include "core/session/gate.h"
#include "core/session/mail.h"
#include "core/session/session_hold.h"
#include "tests/lib/loop.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Rig
{
  SatchelIpcLink *gate_auth, *auth_gate, *gate_mail, *mail_gate, *auth_mail, *mail_auth;
  SatchelConfigSet *limits, *toy;
  SatchelTlsContext *tls;
  /* What the fake auth saw. */
  guint n_asked, n_ended, n_released;
  gboolean is_silent;   /* answers nothing */
  gboolean grants_late; /* the grant is sent, but only read when mail looks for it */
  gboolean is_auth_away;
  guint8 last_grant[16];
  guint64 last_session;
  /* What the toy's mail half saw. */
  guint n_gate_open, n_mail_open, n_mail_closed;
  SatchelCloseReason mail_reason, gate_reason;
  guint n_commands; /* lines that the gate half ran */
  guint n_jobs_done;
  gboolean saw_cancel;
  guint keepalives;
  SatchelSession *last_mail;
  SatchelGateSession *last_gate;
} Rig;
static Rig rig;

/* ---- the toy protocol: lines ---- */

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
  if (result->status == SATCHEL_AUTH_OK)
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

static const SatchelGateProtocolOps toy_gate_ops = { .size = sizeof toy_gate_ops,
                                                     .alpn = "toy",
                                                     .service = "toy",
                                                     .session_new = toy_gate_new,
                                                     .handlers = &toy_gate_handlers,
                                                     .auth_result = toy_gate_auth_result,
                                                     .tls_started = toy_gate_tls_started,
                                                     .refusal = toy_refusal };
static const SatchelGateProtocolOps toy_open_ops = {
  .size = sizeof toy_open_ops, .flags = SATCHEL_PROTOCOL_NO_LOGIN, .service = "toy", .refusal = toy_refusal
};

static GMutex job_lock;
static GCond job_cond;
static gboolean job_may_end;

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
  satchel_connection_print (connection, "welcome %s from %s note %.*s tls %s\n",
                            satchel_session_user (session) != NULL ? satchel_session_user (session)
                                                                   : "nobody",
                            satchel_session_peer (session), (int) len, (const char *) note,
                            satchel_session_has_tls (session) ? satchel_session_tls_info (session) : "none");
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
static SatchelProtocolOps toy_mail_ops = { sizeof toy_mail_ops, "toy", toy_mail_new, &toy_mail_handlers,
                                           SATCHEL_PROTOCOL_NO_LOGIN };

/* ---- the fake auth ---- */

G_GNUC_UNUSED static void
auth_grant (guint64 session_id, const char *user, gint64 lifetime_ms)
{
  SatchelIpcMessage *grant = satchel_ipc_message_new (SATCHEL_IPC_GRANT, session_id);
  for (guint i = 0; i < 16; i++)
    rig.last_grant[i] = (guint8) g_random_int ();
  rig.last_session = session_id;
  satchel_ipc_put_bytes (grant, rig.last_grant, 16);
  satchel_ipc_put_u32 (grant, 3);
  satchel_ipc_put_string (grant, "toy");
  satchel_ipc_put_string (grant, user);
  satchel_place_put (
      grant, &(SatchelPlace) {
                 .path = "example.org/user", .profile = SATCHEL_DEFAULT_PROFILE, .volume = "", .epoch = 2 });
  satchel_ipc_put_bytes (grant, NULL, 0);
  satchel_ipc_put_u64 (grant, (guint64) (satchel_clock_ms () + lifetime_ms));
  g_assert_true (satchel_ipc_send (rig.auth_mail, grant));
}

static void
auth_reply (guint64 session_id, SatchelAuthStatus status, const char *challenge)
{
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_AUTH_REPLY, session_id);
  satchel_ipc_put_u32 (reply, status);
  satchel_ipc_put_bytes (reply, challenge, challenge != NULL ? strlen (challenge) : 0);
  satchel_ipc_put_string (reply, "");
  satchel_ipc_put_bytes (reply, rig.last_grant, status == SATCHEL_AUTH_OK ? 16 : 0);
  satchel_ipc_put_u32 (reply, 0);
  satchel_ipc_put_string (reply, "");
  g_assert_true (satchel_ipc_send (rig.auth_gate, reply));
}

static gboolean
auth_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  gsize user_len, password_len;
  if (message->type == SATCHEL_IPC_SESSION_END)
    {
      rig.n_ended++;
      return TRUE;
    }
  if (message->type == SATCHEL_IPC_AUTH_CANCEL)
    return TRUE;
  rig.n_asked++;
  if (rig.is_silent)
    return TRUE;
  if (message->type == SATCHEL_IPC_AUTH_START)
    {
      auth_reply (message->session_id, SATCHEL_AUTH_CONTINUE, "challenge");
      return TRUE;
    }
  if (message->type == SATCHEL_IPC_SERVICE_GRANT || message->type == SATCHEL_IPC_AUTH_STEP)
    {
      auth_grant (message->session_id, message->type == SATCHEL_IPC_AUTH_STEP ? "sasl@example.org" : "",
                  5000);
      auth_reply (message->session_id, SATCHEL_AUTH_OK, NULL);
      return TRUE;
    }
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_AUTH_PASSWORD);
  g_assert_cmpstr (satchel_ipc_get_string (message), ==, "toy");
  g_assert_cmpstr (satchel_ipc_get_string (message), ==, "LOGIN");
  satchel_ipc_get_string (message);
  g_assert_cmpuint (satchel_ipc_get_u32 (message), !=, 0);
  const char *user = (const char *) satchel_ipc_get_bytes (message, &user_len);
  const char *password = (const char *) satchel_ipc_get_bytes (message, &password_len);
  g_assert_true (satchel_ipc_message_is_done (message));
  if (password_len != 2 || memcmp (password, "pw", 2) != 0)
    {
      auth_reply (message->session_id, SATCHEL_AUTH_FAILED, NULL);
      return TRUE;
    }
  g_autofree char *name = g_strdup_printf ("%.*s@example.org", (int) user_len, user);
  auth_grant (message->session_id, name, 5000);
  auth_reply (message->session_id, SATCHEL_AUTH_OK, NULL);
  return TRUE;
}

static gboolean
auth_from_mail (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  g_assert_cmpint (message->type, ==, SATCHEL_IPC_RELEASED);
  rig.n_released++;
  return TRUE;
}

/* ---- hosts ---- */

static gboolean
rig_gate_to_auth (SatchelIpcMessage *message)
{
  if (!rig.is_auth_away)
    return satchel_ipc_send (rig.gate_auth, message);
  satchel_ipc_message_free (message);
  return FALSE;
}

static gboolean
rig_gate_to_mail (guint slot, SatchelIpcMessage *message)
{
  return satchel_ipc_send (rig.gate_mail, message);
}

static gboolean
rig_is_auth_up (void)
{
  return !rig.is_auth_away;
}

static gboolean
rig_is_mail_up (guint slot)
{
  return slot == 0;
}

static const SatchelConfig *
rig_group (const char *name)
{
  return satchel_config_set_group (g_str_equal (name, "limits") ? rig.limits : rig.toy, name);
}

static gboolean
rig_mail_to_auth (SatchelIpcMessage *message)
{
  return satchel_ipc_send (rig.mail_auth, message);
}

static gboolean
rig_mail_to_gate (guint slot, SatchelIpcMessage *message)
{
  g_assert_cmpuint (slot, ==, 3);
  if (message->type == SATCHEL_IPC_KEEPALIVE)
    rig.keepalives++;
  return satchel_ipc_send (rig.mail_gate, message);
}

static void
rig_drain_auth (void)
{
  satchel_ipc_link_drain (rig.mail_auth);
}

static const SatchelProtocolOps *
rig_find_protocol (const char *service, const char **ret_group)
{
  *ret_group = "toy";
  return g_str_equal (service, "toy") ? &toy_mail_ops : NULL;
}

static void
rig_release (const char *user, const SatchelPlace *place, const SatchelPlace *target,
             SatchelStoreReleasedFunc func, gpointer data)
{
  func (user, place->epoch, SATCHEL_LOOK_FREE, NULL, data);
}

static void
rig_adopt (const char *user, guint64 epoch)
{
}

static gboolean
gate_from_auth (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_gate_auth_message (message);
}

static gboolean
gate_from_mail (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_gate_mail_message (0, message);
}

static gboolean
mail_from_auth (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_mail_auth_message (message);
}

static gboolean
mail_from_gate (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  return satchel_mail_gate_message (3, message);
}

static void
rig_link (SatchelIpcLink **one, SatchelIpcFunc one_func, SatchelIpcLink **two, SatchelIpcFunc two_func)
{
  int fds[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  *one = satchel_ipc_link_new (fds[0], one_func, NULL, NULL);
  *two = satchel_ipc_link_new (fds[1], two_func, NULL, NULL);
}

static void
rig_set_limits (const char *text)
{
  static const SatchelConfigRow none[] = { { NULL } };
  const SatchelConfigRow *rows = NULL;
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    if (g_str_equal (schema->group, "limits"))
      rows = schema->rows;
  g_autoptr (GError) error = NULL;
  if (rig.limits != NULL)
    satchel_config_set_free (rig.limits);
  rig.limits = satchel_config_set_from_text ("limits", rows, text, &error);
  g_assert_no_error (error);
  if (rig.toy == NULL)
    rig.toy = satchel_config_set_from_text ("toy", none, "", &error);
  g_assert_no_error (error);
}

static void
rig_quiet (SatchelLogLevel level, const char *area, const char *message)
{
}

static void
rig_init (void)
{
  static const guint8 key[64] = "a key that all gates share";
  satchel_log_set_test (rig_quiet);
  rig_set_limits ("");
  rig_link (&rig.gate_auth, gate_from_auth, &rig.auth_gate, auth_message);
  rig_link (&rig.gate_mail, gate_from_mail, &rig.mail_gate, mail_from_gate);
  rig_link (&rig.mail_auth, mail_from_auth, &rig.auth_mail, auth_from_mail);
  SatchelGateHost gate_host = { .slot = 3,
                                .send_to_auth = rig_gate_to_auth,
                                .send_to_mail = rig_gate_to_mail,
                                .is_auth_up = rig_is_auth_up,
                                .is_mail_up = rig_is_mail_up,
                                .group = rig_group };
  SatchelMailHost mail_host = { .send_to_auth = rig_mail_to_auth,
                                .send_to_gate = rig_mail_to_gate,
                                .drain_auth = rig_drain_auth,
                                .group = rig_group,
                                .find_protocol = rig_find_protocol,
                                .release_store = rig_release,
                                .adopt_store = rig_adopt };
  satchel_gate_init (&gate_host, NULL, 0, key);
  satchel_mail_init (&mail_host);
  SatchelIpcMessage *mechanisms = satchel_ipc_message_new (SATCHEL_IPC_MECHANISMS, 0);
  satchel_ipc_put_string (mechanisms, "PLAIN LOGIN");
  satchel_ipc_send (rig.auth_gate, mechanisms);
  loop_settle ();
}

/* ---- clients ---- */

typedef struct Client
{
  int fd;
  gnutls_session_t tls;
  gnutls_certificate_credentials_t credentials;
  GString *got;
  gboolean has_ended;
  int error; /* of TLS */
} Client;

/* A TCP connection whose far end is given to gate as if it came from @from. */
static void
client_connect (Client *client, const char *from, const SatchelGateListenerOptions *options)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  memset (client, 0, sizeof *client);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, len), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  getsockname (listener, (struct sockaddr *) &address, &len);
  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (client->fd, (struct sockaddr *) &address, len), ==, 0);
  int far = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  g_assert_cmpint (far, >=, 0);
  close (listener);
  fcntl (client->fd, F_SETFL, O_NONBLOCK);
  client->got = g_string_new ("");
  struct sockaddr_storage peer = { 0 };
  if (g_str_equal (from, "local"))
    peer.ss_family = AF_UNIX;
  else
    {
      peer.ss_family = AF_INET;
      inet_pton (AF_INET, from, &((struct sockaddr_in *) &peer)->sin_addr);
    }
  satchel_gate_take (far, &peer, options);
}

static void
client_send (Client *client, const char *text, gsize len)
{
  while (len > 0)
    {
      gssize n = client->tls != NULL ? gnutls_record_send (client->tls, text, len)
                                     : send (client->fd, text, len, MSG_NOSIGNAL);
      if (n > 0)
        {
          text += n;
          len -= (gsize) n;
        }
      else if (client->tls != NULL ? n != GNUTLS_E_AGAIN : errno != EAGAIN)
        return;
      else
        g_main_context_iteration (NULL, FALSE);
    }
}

G_GNUC_UNUSED static void
client_say (Client *client, const char *text)
{
  client_send (client, text, strlen (text));
}

static void
client_read (Client *client)
{
  char buffer[65536];
  for (;;)
    {
      gssize n = client->tls != NULL ? gnutls_record_recv (client->tls, buffer, sizeof buffer)
                                     : recv (client->fd, buffer, sizeof buffer, 0);
      if (n > 0)
        {
          g_string_append_len (client->got, buffer, n);
          continue;
        }
      if (client->tls != NULL && n < 0 && (n == GNUTLS_E_AGAIN || !gnutls_error_is_fatal ((int) n)))
        return;
      if (client->tls == NULL && n < 0 && errno == EAGAIN)
        return;
      client->has_ended = TRUE;
      client->error = (int) n;
      return;
    }
}

G_GNUC_UNUSED static gboolean
client_has (Client *client, const char *text)
{
  client_read (client);
  return strstr (client->got->str, text) != NULL;
}

G_GNUC_UNUSED static gboolean
client_ended (Client *client)
{
  client_read (client);
  return client->has_ended;
}

G_GNUC_UNUSED static void
client_drop (Client *client)
{
  if (client->tls != NULL)
    gnutls_deinit (client->tls);
  if (client->credentials != NULL)
    gnutls_certificate_free_credentials (client->credentials);
  if (client->fd >= 0)
    close (client->fd);
  g_string_free (client->got, TRUE);
  memset (client, 0, sizeof *client);
  client->fd = -1;
}

/* All sessions gone, everywhere. */
G_GNUC_UNUSED static void
rig_settle (void)
{
  loop_until (satchel_gate_n_connections () == 0 && satchel_mail_n_sessions () == 0
              && satchel_connections_count () == 0);
  loop_settle ();
  rig.n_asked = rig.n_ended = rig.n_commands = rig.n_mail_closed = rig.n_jobs_done = 0;
}

G_GNUC_UNUSED static void
client_prepare_tls (Client *client, const char *name, const char *alpn)
{
  gnutls_init (&client->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  gnutls_set_default_priority (client->tls);
  gnutls_certificate_allocate_credentials (&client->credentials);
  gnutls_credentials_set (client->tls, GNUTLS_CRD_CERTIFICATE, client->credentials);
  if (name != NULL)
    gnutls_server_name_set (client->tls, GNUTLS_NAME_DNS, name, strlen (name));
  if (alpn != NULL)
    {
      gnutls_datum_t protocol = { (void *) alpn, (unsigned) strlen (alpn) };
      gnutls_alpn_set_protocols (client->tls, &protocol, 1, 0);
    }
  gnutls_transport_set_int (client->tls, client->fd);
}

/* 0, or the error. */
G_GNUC_UNUSED static int
client_handshake (Client *client)
{
  int result;
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
  while ((result = gnutls_handshake (client->tls)) < 0 && !gnutls_error_is_fatal (result))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_main_context_iteration (NULL, FALSE);
    }
  return result;
}
