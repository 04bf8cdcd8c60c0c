/* SPDX-License-Identifier: MIT
 * Sessions in role mail: grants that are not good, jobs, released users, credentials and ends.
 */
#include "config.h"

#include "tests/lib/session_rig.h"

#include <sys/socket.h>
#include <unistd.h>

static const SatchelGateListenerOptions clear = { .name = "toy", .protocol = &toy_gate_ops, .group = "toy" };
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  rig_init ();
  g_test_add_func ("/session/mail/bad-grants", test_bad_grants);
  g_test_add_func ("/session/mail/job-and-vanish", test_job_and_vanish);
  g_test_add_func ("/session/mail/release", test_release);
  g_test_add_func ("/session/mail/end-credential", test_end_credential);
  g_test_add_func ("/session/mail/stop-during-job", test_stop_during_job);
  return g_test_run ();
}
