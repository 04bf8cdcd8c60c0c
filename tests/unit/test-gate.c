/* SPDX-License-Identifier: MIT
 * Gate and mail in clear text: login, hand-over at every split, limits, grants that are not good, jobs and
 * ends.
 */
#include "config.h"

#include "core/session/gate/connection_table.h"
#include "core/session/gate/proxy.h"
#include "tests/lib/session_rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const SatchelGateListenerOptions clear = { .name = "toy", .protocol = &toy_gate_ops, .group = "toy" };
static const SatchelGateListenerOptions no_login = { .name = "open",
                                                     .protocol = &toy_open_ops,
                                                     .group = "toy" };

/* Commands before, with and after the login in any two pieces: each is answered once, in order, by the right
 * half. */
static void
test_every_split (void)
{
  const char script[] = "noop\nlogin alice pw\none\ntwo\nquit\n";
  const char want[] = "hello\nnoop ok\nwelcome alice@example.org from 127.0.0.1 note note tls none\nmail "
                      "one\nmail two\nbye\n";
  for (gsize split = 0; split <= strlen (script); split++)
    {
      Client client;
      client_connect (&client, "127.0.0.1", &clear);
      client_send (&client, script, split);
      loop_settle ();
      client_send (&client, script + split, strlen (script) - split);
      loop_until (client_ended (&client));
      g_assert_cmpstr (client.got->str, ==, want);
      client_drop (&client);
      rig_settle ();
    }
}

static void
test_byte_by_byte (void)
{
  const char script[] = "login bob pw\nlast\nquit\n";
  Client client;
  client_connect (&client, "127.0.0.1", &clear);
  for (const char *at = script; *at != '\0'; at++)
    {
      client_send (&client, at, 1);
      loop_settle ();
    }
  loop_until (client_ended (&client));
  g_assert_true (g_str_has_suffix (client.got->str, "mail last\nbye\n"));
  client_drop (&client);
  rig_settle ();
}

/* More pipelined input than goes along with the descriptor: gate keeps the connection and relays it. */
static void
test_many_pipelined (void)
{
  g_autoptr (GString) script = g_string_new ("login alice pw\n");
  g_autoptr (GString) want = g_string_new ("");
  for (guint i = 0; i < 10000; i++)
    {
      g_string_append_printf (script, "%u\n", i);
      g_string_append_printf (want, "mail %u\n", i);
    }
  Client client;
  client_connect (&client, "127.0.0.1", &clear);
  client_send (&client, script->str, script->len);
  loop_until (client_has (&client, "mail 9999\n"));
  g_assert_cmpuint (satchel_gate_n_relays (), ==, 1);
  client_say (&client, "quit\n");
  loop_until (client_ended (&client));
  const char *answers = strstr (client.got->str, "tls none\n") + 9;
  g_assert_true (g_str_has_prefix (answers, want->str));
  g_assert_cmpstr (answers + want->len, ==, "bye\n");
  client_drop (&client);
  rig_settle ();
}

static void
test_wrong_password (void)
{
  Client client;
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "login alice no\nlogin alice pw\n");
  loop_until (client_has (&client, "welcome"));
  g_assert_nonnull (strstr (client.got->str, "failed\nwelcome"));
  g_assert_cmpuint (rig.n_asked, ==, 2);
  client_drop (&client);
  loop_until (rig.n_mail_closed == 1);
  loop_until (rig.n_ended == 1); /* auth hears of the end of a connection that was handed over whole */
  rig_settle ();
}

static void
test_sasl_exchange (void)
{
  Client client;
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "auth SCRAM-SHA-1\nauth plain\n");
  loop_until (client_has (&client, "welcome sasl@example.org"));
  g_assert_nonnull (strstr (client.got->str, "bad-mechanism\n+ challenge\nwelcome"));
  client_drop (&client);
  rig_settle ();
}

/* No password in clear text from elsewhere, and auth is not even asked. */
static void
test_clear_text_refused (void)
{
  Client client;
  client_connect (&client, "192.0.2.1", &clear);
  client_say (&client, "login alice pw\nauth PLAIN\n");
  loop_until (client_has (&client, "not-allowed\nnot-allowed\n"));
  g_assert_cmpuint (rig.n_asked, ==, 0);
  client_drop (&client);
  rig_settle ();
  SatchelGateListenerOptions allowed = clear;
  allowed.allow_cleartext = TRUE;
  client_connect (&client, "192.0.2.1", &allowed);
  client_say (&client, "login alice pw\n");
  loop_until (client_has (&client, "welcome alice@example.org from 192.0.2.1"));
  client_drop (&client);
  rig_settle ();
}

/* Auth gone, and gone in the middle: unavailable, never in; afterwards it works again. */
static void
test_auth_away (void)
{
  Client client;
  rig.is_auth_away = TRUE;
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "login alice pw\n");
  loop_until (client_has (&client, "unavailable\n"));
  rig.is_auth_away = FALSE;
  rig.is_silent = TRUE;
  client_say (&client, "login alice pw\n");
  loop_until (rig.n_asked == 1);
  satchel_gate_auth_lost ();
  loop_until (client_has (&client, "unavailable\nunavailable\n"));
  rig.is_silent = FALSE;
  client_say (&client, "login alice pw\n");
  loop_until (client_has (&client, "welcome"));
  client_drop (&client);
  rig_settle ();
}

static void
test_bad_commands (void)
{
  Client client;
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "x\ny\nz\nnoop\n");
  loop_until (client_ended (&client));
  g_assert_cmpstr (client.got->str, ==, "hello\nbad\nbad\nbad\n");
  client_drop (&client);
  rig_settle ();
}

static void
test_login_timeout (void)
{
  rig_set_limits ("login_timeout = \"1s\";");
  satchel_gate_configure ();
  Client client;
  client_connect (&client, "127.0.0.1", &clear);
  while (!client_ended (&client)) /* busy all the time, and yet not in */
    {
      client_say (&client, "noop\n");
      g_main_context_iteration (NULL, TRUE);
    }
  g_assert_true (g_str_has_suffix (client.got->str, "login timeout\n") || client.error < 0);
  g_assert_nonnull (strstr (client.got->str, "login timeout\n"));
  client_drop (&client);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* Who is in is not sent away when the time for the login is over, and goes on to count among the connections
 * of the address. */
static void
test_stays_in (void)
{
  Client in, out, second;
  rig_set_limits ("login_timeout = \"1s\"; connections_per_address = 1;");
  satchel_gate_configure ();
  client_connect (&in, "127.0.0.1", &clear);
  client_say (&in, "login alice pw\n");
  loop_until (client_has (&in, "welcome"));
  client_connect (&out, "127.0.0.2", &clear);
  loop_until (client_ended (&out)); /* which came after the other one, and has the same time */
  client_say (&in, "still\n");
  loop_until (client_has (&in, "mail still\n"));
  client_connect (&second, "127.0.0.1", &clear);
  loop_until (client_ended (&second));
  g_assert_cmpstr (second.got->str, ==, "refused: address\n");
  client_drop (&in);
  client_drop (&out);
  client_drop (&second);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

static const SatchelGateListenerOptions others = { .name = "mta",
                                                   .protocol = &toy_others_ops,
                                                   .group = "toy" };

/* An MTA asks for one client after another: auth hears of each as it was announced, grants nothing, and the
 * connection goes on. */
static void
test_for_others (void)
{
  Client client;
  client_connect (&client, "local", &others);
  rig.n_asked = 0;
  client_say (&client, "for smtp 192.0.2.1+tls\nlogin alice pw\n");
  loop_until (client_has (&client, "announced\nok alice@example.org\n"));
  g_assert_cmpstr (rig.asked_for, ==, "smtp 192.0.2.1 11"); /* password, TLS, elsewhere */
  client_say (&client, "for submission 2001:db8::7+tls\nlogin bob no\n");
  loop_until (client_has (&client, "failed bob@example.org\n"));
  g_assert_cmpstr (rig.asked_for, ==, "submission 2001:db8::7 11");
  /* Without an address it is the peer itself. */
  client_say (&client, "for smtp -\nlogin carl pw\n");
  loop_until (client_has (&client, "ok carl@example.org\n"));
  g_assert_cmpstr (rig.asked_for, ==, "smtp local 9");
  g_assert_cmpuint (rig.n_asked, ==, 3);
  g_assert_cmpuint (rig.n_mail_open, ==, 0);
  client_drop (&client);
  loop_until (rig.n_ended > 0); /* auth may forget the connection */
  rig_settle ();
}

/* Nobody's login: it was not announced, or announced for another exchange, or by an address that is none. */
static void
test_for_nobody (void)
{
  Client client;
  client_connect (&client, "local", &others);
  rig.n_asked = 0;
  client_say (&client, "login alice pw\nauth PLAIN\n");
  loop_until (client_has (&client, "not-allowed\nnot-allowed\n"));
  client_say (&client,
              "for smtp local+tls\nfor smtp 192.0.2.300+tls\nfor s/p 192.0.2.1+tls\nlogin alice pw\n");
  loop_until (client_has (&client, "odd\nodd\nodd\nnot-allowed\n"));
  g_assert_cmpuint (rig.n_asked, ==, 0);
  client_say (&client, "for smtp 192.0.2.1+tls\nlogin alice pw\nlogin alice pw\n");
  loop_until (client_has (&client, "ok alice@example.org\nnot-allowed\n"));
  g_assert_cmpuint (rig.n_asked, ==, 1);
  client_drop (&client);
  rig_settle ();
}

/* It is the client's connection that needs TLS, not the socket. */
static void
test_for_others_in_clear (void)
{
  Client client;
  client_connect (&client, "local", &others);
  rig.n_asked = 0;
  client_say (&client, "for smtp 192.0.2.1\nlogin alice pw\n");
  loop_until (client_has (&client, "not-allowed\n"));
  g_assert_cmpuint (rig.n_asked, ==, 0);
  client_drop (&client);
  rig_settle ();
  SatchelGateListenerOptions allowed = others;
  allowed.allow_cleartext = TRUE;
  client_connect (&client, "local", &allowed);
  client_say (&client, "for smtp 192.0.2.1\nlogin alice pw\n");
  loop_until (client_has (&client, "ok alice@example.org\n"));
  g_assert_cmpstr (rig.asked_for, ==, "smtp 192.0.2.1 9");
  client_drop (&client);
  rig_settle ();
}

/* The time for a login is not that of an MTA's connection. */
static void
test_others_stay (void)
{
  Client mta, out;
  rig_set_limits ("login_timeout = \"1s\";");
  satchel_gate_configure ();
  client_connect (&mta, "local", &others);
  client_connect (&out, "127.0.0.1", &clear);
  loop_until (client_ended (&out)); /* which came after it, and has the same time */
  client_say (&mta, "for smtp 192.0.2.1+tls\nlogin alice pw\n");
  loop_until (client_has (&mta, "ok alice@example.org\n"));
  client_drop (&mta);
  client_drop (&out);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

static void
test_no_login (void)
{
  Client client;
  client_connect (&client, "local", &no_login);
  client_say (&client, "one\n");
  loop_until (client_has (&client, "welcome nobody from local note  tls none\nmail one\n"));
  client_drop (&client);
  loop_until (rig.n_mail_closed == 1);
  rig_settle ();
  /* Auth is away for a moment: the connection waits. */
  rig.is_auth_away = TRUE;
  client_connect (&client, "local", &no_login);
  client_say (&client, "two\n");
  loop_settle ();
  g_assert_false (client_ended (&client));
  rig.is_auth_away = FALSE;
  satchel_gate_auth_up ();
  loop_until (client_has (&client, "mail two\n"));
  client_drop (&client);
  rig_settle ();
}

static void
test_address_limit (void)
{
  rig_set_limits ("connections_per_address = 3;");
  satchel_gate_configure ();
  Client clients[4], other;
  for (guint i = 0; i < 3; i++)
    {
      client_connect (&clients[i], "192.0.2.7", &clear);
      loop_until (client_has (&clients[i], "hello"));
    }
  client_connect (&clients[3], "192.0.2.7", &clear);
  loop_until (client_ended (&clients[3]));
  g_assert_cmpstr (clients[3].got->str, ==,
                   "refused: address\n"); /* in its protocol's words, not by silence */
  client_connect (&other, "192.0.2.8", &clear);
  loop_until (client_has (&other, "hello"));
  client_drop (&clients[0]);
  loop_until (satchel_gate_n_connections () == 3);
  client_drop (&clients[3]);
  client_connect (&clients[0], "192.0.2.7", &clear);
  loop_until (client_has (&clients[0], "hello"));
  for (guint i = 0; i < 3; i++)
    client_drop (&clients[i]);
  client_drop (&other);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* A gate that was taken over tries what it likes: no session without a grant of its own for that connection
 *. */
static void
test_bad_grants (void)
{
  for (guint kind = 0; kind < 6; kind++)
    {
      int fds[2];
      /* The last kind: a session without user of a protocol that needs one. */
      toy_mail_ops.flags = kind == 5 ? 0 : SATCHEL_PROTOCOL_NO_LOGIN;
      guint8 token[16];
      guint64 id = 77 + kind;
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
      auth_grant (id, kind == 5 ? "" : "alice@example.org", kind == 1 ? -1 : 60000);
      memcpy (token, rig.last_grant, 16);
      if (kind == 0)
        token[15] ^= 1;
      if (kind == 2)
        id++;
      for (guint round = 0; round < 2; round++)
        {
          SatchelIpcMessage *message =
              satchel_ipc_message_new (SATCHEL_IPC_HAND_OVER, id + (kind == 4 && round == 1 ? 1 : 0));
          satchel_ipc_put_bytes (message, token, kind == 3 ? 15 : 16);
          satchel_ipc_put_string (message, "127.0.0.1");
          satchel_ipc_put_string (message, ""); /* TLS, client */
          satchel_ipc_put_string (message, "");
          satchel_ipc_put_u32 (message, 0);
          satchel_ipc_put_bytes (message, "", 0);
          satchel_ipc_put_bytes (message, "", 0);
          satchel_ipc_put_fd (message, fds[1]);
          if (kind == 3)
            {
              /* Malformed: the link must go, so straight to the function. */
              g_assert_false (satchel_mail_gate_message (3, message));
              message->n_fds = 0;
              satchel_ipc_message_free (message);
              continue;
            }
          satchel_ipc_send (rig.gate_mail, message);
          loop_settle ();
          g_assert_cmpuint (satchel_mail_n_sessions (), ==, kind == 4 ? 1 : 0); /* that kind is good, once */
        }
      close (fds[1]);
      close (fds[0]);
      satchel_mail_gate_lost (3);
      g_assert_cmpuint (satchel_mail_n_grants (), ==, 0);
      rig_settle ();
    }
  toy_mail_ops.flags = SATCHEL_PROTOCOL_NO_LOGIN;
}

/* A vanished client is noticed while its job runs; `closed` comes after `done`. */
static void
test_job_and_vanish (void)
{
  Client client;
  job_may_end = FALSE;
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "login alice pw\njob\nlater\n");
  loop_until (client_has (&client, "welcome"));
  loop_settle ();
  g_assert_null (strstr (client.got->str, "later"));
  /* A reset: the far end has thrown away what we had sent. */
  struct linger reset = { 1, 0 };
  setsockopt (client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  SatchelSession *session = rig.last_mail;
  close (client.fd);
  client.fd = -1;
  loop_until (satchel_session_is_cancelled (session));
  g_assert_cmpuint (rig.n_mail_closed, ==, 0);
  g_mutex_lock (&job_lock);
  job_may_end = TRUE;
  g_cond_broadcast (&job_cond);
  g_mutex_unlock (&job_lock);
  loop_until (rig.n_mail_closed == 1);
  g_assert_cmpuint (rig.n_jobs_done, ==, 1);
  g_assert_true (rig.saw_cancel);
  client_drop (&client);
  rig_settle ();
  /* Undisturbed: what was pipelined behind the job is answered after it. */
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "login alice pw\njob\nlater\nquit\n");
  loop_until (client_ended (&client));
  g_assert_nonnull (strstr (client.got->str, "job done\nmail later\nbye\n"));
  client_drop (&client);
  rig_settle ();
}

static void
send_release (const char *user, guint64 epoch)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASE, 0);
  satchel_ipc_put_string (message, user);
  satchel_place_put (message, &(SatchelPlace) { .path = "example.org/user",
                                                .profile = SATCHEL_DEFAULT_PROFILE,
                                                .volume = "",
                                                .epoch = epoch });
  satchel_ipc_put_u32 (message, 0);
  satchel_ipc_put_string (message, "");
  satchel_ipc_put_string (message, "");
  satchel_ipc_send (rig.auth_mail, message);
}

static void
send_end (const char *user, const char *credential)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_END_SESSIONS, 0);
  satchel_ipc_put_string (message, user);
  satchel_ipc_put_string (message, credential);
  satchel_ipc_send (rig.auth_mail, message);
}

/* A credential that is revoked ends the sessions that it opened, and no other of the user, and no session of
 * another user. */
static void
test_end_credential (void)
{
  static const struct
  {
    const char *login, *credential;
  } logins[] = { { "login alice pw\n", "app:1" },
                 { "login alice pw\n", "app:2" },
                 { "login alice pw\n", NULL },
                 { "login bob pw\n", "app:1" } };
  Client clients[G_N_ELEMENTS (logins)];
  for (guint i = 0; i < G_N_ELEMENTS (logins); i++)
    {
      rig.credential = logins[i].credential;
      client_connect (&clients[i], "127.0.0.1", &clear);
      client_say (&clients[i], logins[i].login);
      loop_until (client_has (&clients[i], "welcome"));
    }
  rig.credential = NULL;
  send_end ("alice@example.org", "app:3");
  send_end ("alice@example.org", "app:1");
  loop_until (client_ended (&clients[0]));
  loop_settle ();
  g_assert_cmpuint (satchel_mail_n_sessions (), ==, 3);
  send_end ("alice@example.org", "password");
  loop_until (client_ended (&clients[2]));
  loop_settle ();
  g_assert_false (client_ended (&clients[1]));
  g_assert_false (client_ended (&clients[3]));
  for (guint i = 0; i < G_N_ELEMENTS (logins); i++)
    client_drop (&clients[i]);
  rig_settle ();
}

/* RELEASE ends the sessions of that user, and of nobody else, and not those of a later epoch; a kick as well.
 */
static void
test_release (void)
{
  Client alice, bob;
  rig.n_released = 0;
  client_connect (&alice, "127.0.0.1", &clear);
  client_say (&alice, "login alice pw\n");
  client_connect (&bob, "127.0.0.1", &clear);
  client_say (&bob, "login bob pw\n");
  loop_until (client_has (&alice, "welcome") && client_has (&bob, "welcome"));
  send_release ("alice@example.org", 1);
  loop_until (rig.n_released == 1);
  client_say (&alice, "still\n");
  loop_until (client_has (&alice, "mail still\n"));
  rig.n_released = 0;
  send_release ("alice@example.org", 2);
  loop_until (client_ended (&alice));
  g_assert_true (g_str_has_suffix (alice.got->str, "mail stops\n"));
  loop_until (rig.n_released == 1);
  client_say (&bob, "still\n");
  loop_until (client_has (&bob, "mail still\n"));
  g_assert_cmpuint (satchel_mail_kick ("bob@example.org"), ==, 1);
  loop_until (client_ended (&bob));
  client_drop (&alice);
  client_drop (&bob);
  rig_settle ();
}

/* A stop during a job: the job ends first, then the goodbye. */
static void
test_stop_during_job (void)
{
  Client client;
  job_may_end = FALSE;
  client_connect (&client, "127.0.0.1", &clear);
  client_say (&client, "login alice pw\njob\n");
  loop_until (client_has (&client, "welcome"));
  loop_settle ();
  satchel_mail_stop ();
  loop_settle ();
  g_assert_false (client_ended (&client));
  g_mutex_lock (&job_lock);
  job_may_end = TRUE;
  g_cond_broadcast (&job_cond);
  g_mutex_unlock (&job_lock);
  loop_until (client_ended (&client));
  g_assert_true (g_str_has_suffix (client.got->str, "job done\nmail stops\n"));
  client_drop (&client);
  rig_settle ();
}

/* ---- accepting ---- */

static int listening_fd = -1;
static struct sockaddr_in listening_address;

static void
listen_once (void)
{
  socklen_t len = sizeof listening_address;
  if (listening_fd >= 0)
    return;
  listening_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  listening_address.sin_family = AF_INET;
  listening_address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (listening_fd, (struct sockaddr *) &listening_address, len), ==, 0);
  g_assert_cmpint (listen (listening_fd, 64), ==, 0);
  getsockname (listening_fd, (struct sockaddr *) &listening_address, &len);
  satchel_gate_listen (listening_fd, &clear);
}

static void
client_dial (Client *client)
{
  memset (client, 0, sizeof *client);
  client->got = g_string_new ("");
  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (client->fd, (struct sockaddr *) &listening_address, sizeof listening_address), ==,
                   0);
  fcntl (client->fd, F_SETFL, O_NONBLOCK);
}

static void
test_accept_full (void)
{
  Client clients[4];
  listen_once ();
  rig_set_limits ("connections = 2;");
  satchel_gate_configure ();
  for (guint i = 0; i < 4; i++)
    client_dial (&clients[i]);
  loop_until (client_has (&clients[0], "hello") && client_has (&clients[1], "hello"));
  loop_settle ();
  g_assert_false (g_main_context_pending (NULL)); /* two wait in the kernel's queue, and nothing spins */
  g_assert_false (client_has (&clients[2], "hello"));
  client_drop (&clients[0]);
  client_drop (&clients[1]);
  loop_until (client_has (&clients[2], "hello") && client_has (&clients[3], "hello"));
  client_drop (&clients[2]);
  client_drop (&clients[3]);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* Full for long: those that wait are told so, and a place that comes free serves the next. */
static void
test_turned_away (void)
{
  Client clients[4];
  listen_once ();
  rig_set_limits ("connections = 1;");
  satchel_gate_configure ();
  for (guint i = 0; i < 3; i++)
    client_dial (&clients[i]);
  loop_until (client_ended (&clients[1]) && client_ended (&clients[2]));
  g_assert_true (client_has (&clients[0], "hello"));
  for (guint i = 1; i < 3; i++)
    g_assert_cmpstr (clients[i].got->str, ==, "refused: full\n");
  client_drop (&clients[0]);
  client_dial (&clients[3]);
  loop_until (client_has (&clients[3], "hello"));
  for (guint i = 1; i < 4; i++)
    client_drop (&clients[i]);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* Full of clients that say nothing: they have a third of the usual time, and the next one gets in. */
static void
test_hurried (void)
{
  Client silent, next;
  listen_once ();
  rig_set_limits ("connections = 1; login_timeout = \"12s\";");
  satchel_gate_configure ();
  client_dial (&silent);
  client_dial (&next);
  loop_until (client_ended (&silent) && client_has (&next, "hello"));
  g_assert_cmpstr (silent.got->str, ==, "hello\nlogin timeout\n");
  client_drop (&silent);
  client_drop (&next);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* A full gate hurries who still has to log in, not an MTA, which never does. */
static void
test_others_not_hurried (void)
{
  Client mta, silent, next;
  client_connect (&mta, "local", &others);
  listen_once ();
  rig_set_limits ("connections = 2; login_timeout = \"12s\";");
  satchel_gate_configure ();
  client_dial (&silent);
  client_dial (&next);
  loop_until (client_ended (&silent) && client_has (&next, "hello"));
  client_say (&mta, "for smtp 192.0.2.1+tls\nlogin alice pw\n");
  loop_until (client_has (&mta, "ok alice@example.org\n"));
  client_drop (&mta);
  client_drop (&silent);
  client_drop (&next);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* Out of descriptors: accepting rests, nothing spins, and it recovers by itself. */
static void
test_accept_out_of_descriptors (void)
{
  struct rlimit before, low;
  Client client;
  listen_once ();
  client_dial (&client);
  getrlimit (RLIMIT_NOFILE, &before);
  int next = dup (client.fd);
  close (next);
  low = before;
  low.rlim_cur = (rlim_t) next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  loop_settle ();
  g_assert_false (g_main_context_pending (NULL));
  g_assert_false (client_has (&client, "hello"));
  setrlimit (RLIMIT_NOFILE, &before);
  loop_until (client_has (&client, "hello"));
  client_drop (&client);
  rig_settle ();
}

/* ---- PROXY protocol ---- */

static const guint8 proxy_v4[] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
                                   0x54, 0x0a, 0x21, 0x11, 0,    12,   198,  51,   100,  9,
                                   127,  0,    0,    1,    1,    1,    0,    143 };

static void
test_proxy (void)
{
  static const char *const trusted[] = { "192.0.2.0/24", NULL };
  SatchelGateListenerOptions options = clear;
  options.trusted_proxies = trusted;
  options.allow_cleartext = TRUE;
  for (gsize split = 0; split < sizeof proxy_v4; split += 3)
    {
      Client client;
      client_connect (&client, "192.0.2.9", &options);
      client_send (&client, (const char *) proxy_v4, split);
      loop_settle ();
      client_read (&client);
      g_assert_cmpstr (client.got->str, ==, "");
      client_send (&client, (const char *) proxy_v4 + split, sizeof proxy_v4 - split);
      client_say (&client, "login alice pw\n");
      loop_until (client_has (&client, "welcome alice@example.org from 198.51.100.9"));
      client_drop (&client);
      rig_settle ();
    }
  /* From elsewhere the header is only a bad command. */
  Client client;
  client_connect (&client, "203.0.113.1", &options);
  client_send (&client, (const char *) proxy_v4, sizeof proxy_v4);
  loop_until (client_has (&client, "bad\n"));
  client_drop (&client);
  rig_settle ();
  /* Malformed, or too long: refused. */
  for (guint kind = 0; kind < 3; kind++)
    {
      guint8 header[sizeof proxy_v4];
      memcpy (header, proxy_v4, sizeof header);
      if (kind == 0)
        header[0] = 'P';
      else if (kind == 1)
        header[14] = 0xff;
      /* Too short for its family. */
      else
        header[15] = 4;
      client_connect (&client, "192.0.2.9", &options);
      client_send (&client, (const char *) header, sizeof header);
      loop_until (client_ended (&client));
      g_assert_cmpstr (client.got->str, ==, "");
      client_drop (&client);
      rig_settle ();
    }
}

/* ---- tables ---- */

static void
test_networks (void)
{
  static const struct
  {
    const char *network, *address;
    gboolean is_in;
  } cases[] = { { "192.0.2.0/24", "192.0.2.255", TRUE },
                { "192.0.2.0/24", "192.0.3.0", FALSE },
                { "0.0.0.0/0", "203.0.113.9", TRUE },
                { "0.0.0.0/0", "2001:db8::1", FALSE },
                { "2001:db8::/33", "2001:db8:7fff::", TRUE },
                { "2001:db8::/33", "2001:db8:8000::", FALSE },
                { "127.0.0.1", "127.0.0.1", TRUE },
                { "::ffff:192.0.2.1", "192.0.2.1", TRUE },
                { "local", "local", TRUE },
                { "0.0.0.0/0", "local", FALSE },
                { "192.0.2.0/33", "192.0.2.1", FALSE },
                { "192.0.2.0/x", "192.0.2.1", FALSE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const networks[] = { cases[i].network, NULL };
      SatchelAddress address;
      g_assert_true (satchel_address_parse (cases[i].address, &address));
      g_assert_cmpint (satchel_networks_contain (networks, &address), ==, cases[i].is_in);
    }
}

/* Two gates count into one table; a dead gate's counts go when its successor starts. */
static void
test_table (void)
{
  static guint64 area[4096];
  static const guint8 key[16] = "key";
  SatchelConnectionTable *one = satchel_connection_table_new (area, sizeof area, 1, key);
  SatchelConnectionTable *two = satchel_connection_table_new (area, sizeof area, 2, key);
  SatchelAddress a, b, c;
  satchel_address_parse ("192.0.2.1", &a);
  satchel_address_parse ("2001:db8:0:1::1", &b);
  satchel_address_parse ("2001:db8:0:1:ffff::2", &c); /* the same /64 */
  for (guint i = 0; i < 5; i++)
    {
      g_assert_true (satchel_connection_table_add (one, &a, 10));
      g_assert_true (satchel_connection_table_add (two, &a, 10));
    }
  g_assert_false (satchel_connection_table_add (one, &a, 10));
  g_assert_false (satchel_connection_table_add (two, &a, 10));
  satchel_connection_table_remove (two, &a);
  g_assert_true (satchel_connection_table_add (one, &a, 10));
  g_assert_true (satchel_connection_table_add (one, &b, 1));
  g_assert_false (satchel_connection_table_add (two, &c, 1));
  satchel_connection_table_free (one);
  one = satchel_connection_table_new (area, sizeof area, 1, key);
  g_assert_cmpuint (satchel_connection_table_count (one, &a), ==, 4);
  g_assert_cmpuint (satchel_connection_table_count (one, &b), ==, 0);
  satchel_connection_table_remove (one, &b); /* not counted: nothing happens */
  g_assert_cmpuint (satchel_connection_table_count (two, &b), ==, 0);
  satchel_connection_table_free (one);
  satchel_connection_table_free (two);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  rig_init ();
  g_test_add_func ("/session/gate/every-split", test_every_split);
  g_test_add_func ("/session/gate/byte-by-byte", test_byte_by_byte);
  g_test_add_func ("/session/gate/many-pipelined", test_many_pipelined);
  g_test_add_func ("/session/gate/wrong-password", test_wrong_password);
  g_test_add_func ("/session/gate/sasl-exchange", test_sasl_exchange);
  g_test_add_func ("/session/gate/clear-text-refused", test_clear_text_refused);
  g_test_add_func ("/session/gate/auth-away", test_auth_away);
  g_test_add_func ("/session/gate/bad-commands", test_bad_commands);
  g_test_add_func ("/session/gate/login-timeout", test_login_timeout);
  g_test_add_func ("/session/gate/stays-in", test_stays_in);
  g_test_add_func ("/session/gate/for-others", test_for_others);
  g_test_add_func ("/session/gate/for-nobody", test_for_nobody);
  g_test_add_func ("/session/gate/for-others-in-clear", test_for_others_in_clear);
  g_test_add_func ("/session/gate/others-stay", test_others_stay);
  g_test_add_func ("/session/gate/no-login", test_no_login);
  g_test_add_func ("/session/gate/address-limit", test_address_limit);
  g_test_add_func ("/session/gate/proxy", test_proxy);
  g_test_add_func ("/session/gate/accept-full", test_accept_full);
  g_test_add_func ("/session/gate/turned-away", test_turned_away);
  g_test_add_func ("/session/gate/hurried", test_hurried);
  g_test_add_func ("/session/gate/others-not-hurried", test_others_not_hurried);
  g_test_add_func ("/session/gate/accept-out-of-descriptors", test_accept_out_of_descriptors);
  g_test_add_func ("/session/mail/bad-grants", test_bad_grants);
  g_test_add_func ("/session/mail/job-and-vanish", test_job_and_vanish);
  g_test_add_func ("/session/mail/release", test_release);
  g_test_add_func ("/session/mail/end-credential", test_end_credential);
  g_test_add_func ("/session/mail/stop-during-job", test_stop_during_job);
  g_test_add_func ("/session/networks", test_networks);
  g_test_add_func ("/session/connection-table", test_table);
  return g_test_run ();
}
