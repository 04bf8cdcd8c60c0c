/* SPDX-License-Identifier: MIT
 * What a gate accepts: limits of addresses and connections, the PROXY protocol, networks, and who is hurried.
 */
#include "config.h"

#include "core/session/gate/connection_table.h"
#include "tests/lib/session_rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

static const SatchelGateListenerOptions clear = { .name = "toy", .protocol = &toy_gate_ops, .group = "toy" };
static const SatchelGateListenerOptions others = { .name = "mta",
                                                   .protocol = &toy_others_ops,
                                                   .group = "toy" };

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
  g_test_add_func ("/session/gate/address-limit", test_address_limit);
  g_test_add_func ("/session/gate/proxy", test_proxy);
  g_test_add_func ("/session/gate/accept-full", test_accept_full);
  g_test_add_func ("/session/gate/turned-away", test_turned_away);
  g_test_add_func ("/session/gate/hurried", test_hurried);
  g_test_add_func ("/session/gate/others-not-hurried", test_others_not_hurried);
  g_test_add_func ("/session/gate/accept-out-of-descriptors", test_accept_out_of_descriptors);
  g_test_add_func ("/session/networks", test_networks);
  g_test_add_func ("/session/connection-table", test_table);
  return g_test_run ();
}
