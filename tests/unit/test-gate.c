/* SPDX-License-Identifier: MIT
 * Gate and mail in clear text: login, hand-over at every split, commands before login, and logins for others.
 */
#include "config.h"

#include "tests/lib/own_clock.h"
#include "tests/lib/session_rig.h"

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
  rig_set_limits ("login_timeout = \"1m\"; connections_per_address = 1;");
  satchel_gate_configure ();
  client_connect (&in, "127.0.0.1", &clear);
  client_say (&in, "login alice pw\n");
  loop_until (client_has (&in, "welcome"));
  client_connect (&out, "127.0.0.2", &clear);
  loop_until (client_has (&out, "hello"));
  own_clock_pass_ms (60000);
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
  rig_set_limits ("login_timeout = \"1m\";");
  satchel_gate_configure ();
  client_connect (&mta, "local", &others);
  client_connect (&out, "127.0.0.1", &clear);
  loop_until (client_has (&out, "hello"));
  own_clock_pass_ms (60000);
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
  return g_test_run ();
}
