/* SPDX-License-Identifier: MIT
 * TLS in gate, and the relay: certificates by name, ALPN, tickets, STARTTLS injection, ends of all kinds.
 */
#include "config.h"

#include "core/runtime/log/log_private.h"
#include "tests/lib/own_clock.h"
#include "tests/lib/session_rig.h"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <sys/socket.h>
#include <unistd.h>

static const SatchelGateListenerOptions implicit = {
  .name = "toys", .protocol = &toy_gate_ops, .group = "toy", .implicit_tls = TRUE
};
static const SatchelGateListenerOptions clear = { .name = "toy", .protocol = &toy_gate_ops, .group = "toy" };

/* ---- certificates ---- */

static void
make_pair (const char *name, GBytes **ret_chain, GBytes **ret_key)
{
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;
  gnutls_datum_t pem;
  guint8 serial[8];
  gnutls_x509_privkey_init (&key);
  gnutls_x509_crt_init (&certificate);
  g_assert_cmpint (gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA,
                                                 GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0),
                   ==, 0);
  gnutls_rnd (GNUTLS_RND_NONCE, serial, sizeof serial);
  serial[0] &= 0x7f;
  gnutls_x509_crt_set_version (certificate, 3);
  gnutls_x509_crt_set_serial (certificate, serial, sizeof serial);
  gnutls_x509_crt_set_activation_time (certificate, time (NULL) - 3600);
  gnutls_x509_crt_set_expiration_time (certificate, time (NULL) + 3600);
  gnutls_x509_crt_set_dn_by_oid (certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned) strlen (name));
  gnutls_x509_crt_set_subject_alt_name (certificate, GNUTLS_SAN_DNSNAME, name, (unsigned) strlen (name),
                                        GNUTLS_FSAN_SET);
  gnutls_x509_crt_set_key (certificate, key);
  g_assert_cmpint (gnutls_x509_crt_sign2 (certificate, certificate, key, GNUTLS_DIG_SHA256, 0), ==, 0);
  gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_PEM, &pem);
  *ret_chain = g_bytes_new (pem.data, pem.size);
  gnutls_free (pem.data);
  gnutls_x509_privkey_export2 (key, GNUTLS_X509_FMT_PEM, &pem);
  *ret_key = g_bytes_new (pem.data, pem.size);
  gnutls_free (pem.data);
  gnutls_x509_crt_deinit (certificate);
  gnutls_x509_privkey_deinit (key);
}

static SatchelTlsPair pairs[2] = { { .chain_name = "/etc/a.crt", .key_name = "/etc/a.key" },
                                   { .chain_name = "/etc/b.crt", .key_name = "/etc/b.key" } };
static const guint8 ticket_key[64] = "tickets";

static void
set_tls (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelTlsContext) context = satchel_tls_context_new (pairs, 2, NULL, ticket_key, &error);
  g_assert_no_error (error);
  satchel_gate_set_tls (context);
}

static void
connect_tls (Client *client, const char *name, const char *alpn)
{
  client_connect (client, "192.0.2.1", &implicit);
  client_prepare_tls (client, name, alpn);
}

static void
login_tls (Client *client)
{
  connect_tls (client, "a.example", "toy");
  g_assert_cmpint (client_handshake (client), ==, 0);
  client_say (client, "login alice pw\n");
  loop_until (client_has (client, "welcome alice@example.org from 192.0.2.1 note note tls TLS1.3 "));
}

static char *
presented_name (Client *client)
{
  unsigned n;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers (client->tls, &n);
  gnutls_x509_crt_t certificate;
  char name[256];
  size_t len = sizeof name;
  gnutls_x509_crt_init (&certificate);
  gnutls_x509_crt_import (certificate, &chain[0], GNUTLS_X509_FMT_DER);
  gnutls_x509_crt_get_dn_by_oid (certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len);
  gnutls_x509_crt_deinit (certificate);
  return g_strdup (name);
}

static void
test_sni (void)
{
  static const char *const asked[] = { "a.example", "b.example", "unknown.example", NULL };
  static const char *const given[] = { "a.example", "b.example", "a.example", "a.example" };
  for (guint i = 0; i < 4; i++)
    {
      Client client;
      connect_tls (&client, asked[i], NULL);
      g_assert_cmpint (client_handshake (&client), ==, 0);
      g_autofree char *name = presented_name (&client);
      g_assert_cmpstr (name, ==, given[i]);
      loop_until (client_has (&client, "hello\n"));
      client_drop (&client);
      rig_settle ();
    }
}

/* RFC 7301 3.2; a browser that was lured here gets nowhere. */
static void
test_alpn (void)
{
  Client client;
  connect_tls (&client, NULL, "h2");
  g_assert_cmpint (client_handshake (&client), ==, GNUTLS_E_FATAL_ALERT_RECEIVED);
  g_assert_cmpint (gnutls_alert_get (client.tls), ==, GNUTLS_A_NO_APPLICATION_PROTOCOL);
  client_drop (&client);
  rig_settle ();
  connect_tls (&client, NULL, "toy");
  g_assert_cmpint (client_handshake (&client), ==, 0);
  gnutls_datum_t protocol;
  g_assert_cmpint (gnutls_alpn_get_selected_protocol (client.tls, &protocol), ==, 0);
  g_assert_cmpmem (protocol.data, protocol.size, "toy", 3);
  client_drop (&client);
  rig_settle ();
}

static void
check_version (const char *priority, gboolean is_accepted)
{
  Client client;
  connect_tls (&client, NULL, NULL);
  g_assert_cmpint (gnutls_priority_set_direct (client.tls, priority, NULL), ==, 0);
  g_assert_cmpint (client_handshake (&client) == 0, ==, is_accepted);
  client_drop (&client);
  rig_settle ();
}

static void
test_versions (void)
{
  check_version ("NORMAL:-VERS-ALL:+VERS-TLS1.3", TRUE);
  check_version ("NORMAL:-VERS-ALL:+VERS-TLS1.2", TRUE);
  check_version ("NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", FALSE);
  check_version ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", FALSE);
  check_version ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", FALSE);
}

/* A ticket is good at another gate with the same key, and not with another key. */
static void
test_tickets (void)
{
  Client client;
  gnutls_datum_t ticket;
  connect_tls (&client, "a.example", NULL);
  g_assert_cmpint (client_handshake (&client), ==, 0);
  loop_until (client_has (&client, "hello\n"));
  g_assert_cmpint (gnutls_session_get_data2 (client.tls, &ticket), ==, 0);
  client_drop (&client);
  rig_settle ();
  for (guint round = 0; round < 2; round++)
    {
      guint8 other[64] = "another";
      g_autoptr (SatchelTlsContext) context =
          satchel_tls_context_new (pairs, 2, NULL, round == 0 ? ticket_key : other, NULL);
      satchel_gate_set_tls (context);
      connect_tls (&client, "a.example", NULL);
      gnutls_session_set_data (client.tls, ticket.data, ticket.size);
      g_assert_cmpint (client_handshake (&client), ==, 0);
      g_assert_cmpint (gnutls_session_is_resumed (client.tls) != 0, ==, round == 0);
      loop_until (client_has (&client, "hello\n"));
      client_drop (&client);
      rig_settle ();
    }
  gnutls_free (ticket.data);
  set_tls ();
}

static void
check_bad (SatchelTlsPair pair, const char *priority, const char *named)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_tls_context_new (&pair, 1, priority, ticket_key, &error));
  g_assert_nonnull (error);
  if (strstr (error->message, named) == NULL)
    g_error ("%s is not named in: %s", named, error->message);
}

/* The message names the file that is at fault. */
static void
test_bad_certificates (void)
{
  g_autoptr (GBytes) junk = g_bytes_new_static ("junk", 4);
  g_autoptr (GBytes) half = g_bytes_new_from_bytes (pairs[0].chain, 0, g_bytes_get_size (pairs[0].chain) / 2);
  SatchelTlsPair pair = pairs[0];
  pair.key = pairs[1].key;
  check_bad (pair, NULL, "/etc/a.key is not the key of the certificate in /etc/a.crt");
  pair = pairs[0];
  pair.chain = junk;
  check_bad (pair, NULL, "/etc/a.crt");
  pair.chain = half;
  check_bad (pair, NULL, "/etc/a.crt");
  pair = pairs[0];
  pair.key = junk;
  check_bad (pair, NULL, "/etc/a.key");
  check_bad (pairs[0], "NORMAL:+NO-SUCH-THING", "tls.priority");
}

/* Whatever a man in the middle puts behind the command, in any piece, no command of it is run. */
static void
test_starttls_injection (void)
{
  const char script[] = "starttls\nlogin alice pw\nnoop\n";
  for (gsize split = 1; split <= strlen (script); split++)
    {
      Client client;
      client_connect (&client, "127.0.0.1", &clear);
      loop_until (client_has (&client, "hello\n"));
      client_send (&client, script, split);
      loop_settle ();
      client_send (&client, script + split, strlen (script) - split);
      loop_until (client_has (&client, "go\n"));
      loop_settle ();
      g_assert_cmpuint (rig.n_commands, ==, 1);
      g_assert_cmpuint (rig.n_asked, ==, 0);
      g_assert_true (g_str_has_prefix (client.got->str, "hello\ngo\n"));
      g_assert_null (strstr (client.got->str, "noop"));
      client_prepare_tls (&client, NULL, NULL);
      if (client_handshake (&client) == 0)
        {
          /* All of it was dropped in one piece with the command. */
          client_say (&client, "x\n");
          loop_until (client_has (&client, "bad\n"));
          g_assert_cmpuint (rig.n_asked, ==, 0);
          g_assert_null (strstr (client.got->str, "noop"));
        }
      client_drop (&client);
      rig_settle ();
    }
}

static void
test_starttls (void)
{
  Client client;
  client_connect (&client, "192.0.2.1", &clear);
  client_say (&client, "login alice pw\n");
  loop_until (client_has (&client, "not-allowed\n"));
  client_say (&client, "starttls\n");
  loop_until (client_has (&client, "go\n"));
  client_prepare_tls (&client, "b.example", NULL);
  g_assert_cmpint (client_handshake (&client), ==, 0);
  loop_until (client_has (&client, "secure\n"));
  client_say (&client, "starttls\nlogin alice pw\nafter\n");
  loop_until (client_has (&client, "mail after\n"));
  g_assert_nonnull (strstr (client.got->str, "secure\nbad\nwelcome alice@example.org"));
  client_drop (&client);
  rig_settle ();
}

/* Pipelined behind the login, in one record and in many, nothing is lost between gate and mail. */
static void
test_relay_pipelined (void)
{
  Client client;
  connect_tls (&client, NULL, NULL);
  g_assert_cmpint (client_handshake (&client), ==, 0);
  g_autoptr (GString) script = g_string_new ("login alice pw\n");
  g_autoptr (GString) want = g_string_new ("");
  for (guint i = 0; i < 5000; i++)
    {
      g_string_append_printf (script, "%u\n", i);
      g_string_append_printf (want, "mail %u\n", i);
    }
  g_string_append (script, "quit\n");
  client_send (&client, script->str, script->len);
  loop_until (client_ended (&client));
  g_assert_cmpint (client.error, ==, 0); /* close_notify */
  const char *answers = strstr (client.got->str, "mail 0\n");
  g_assert_nonnull (answers);
  g_assert_true (g_str_has_prefix (answers, want->str));
  g_assert_cmpstr (answers + want->len, ==, "bye\n");
  client_drop (&client);
  loop_until (rig.n_ended == 1);
  rig_settle ();
}

/* Much in both directions, with a client that reads late; afterwards no buffer is left. */
static void
test_relay_bulk (void)
{
  Client client;
  login_tls (&client);
  client_say (&client, "big 5000000\n");
  loop_settle ();
  loop_until (client_has (&client, "welcome") && client.got->len >= 5000000);
  g_autofree char *line = g_strnfill (50000, 'e');
  memcpy (line, "eat ", 4);
  line[49999] = '\n';
  for (guint i = 0; i < 20; i++)
    client_send (&client, line, 50000);
  client_say (&client, "end\n");
  loop_until (client_has (&client, "mail end\n"));
  guint n = 0;
  for (const char *at = client.got->str; (at = strstr (at, "ate 49995\n")) != NULL; at++)
    n++;
  g_assert_cmpuint (n, ==, 20);
  g_assert_cmpuint (satchel_gate_n_relays (), ==, 1);
  client_say (&client, "keepalive\n");
  loop_until (client_has (&client, "mail keepalive\n"));
  g_assert_cmpuint (rig.keepalives, ==, 1);
  client_drop (&client);
  rig_settle ();
}

static ssize_t
push_together (gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
  g_string_append_len (pointer, data, (gssize) len);
  return (ssize_t) len;
}

/* What a client says and its close_notify may come in one segment, and no event tells of the second. */
static void
test_end_in_one_segment (void)
{
  Client client;
  login_tls (&client);
  g_autoptr (GString) segment = g_string_new ("");
  gnutls_transport_set_ptr2 (client.tls, GINT_TO_POINTER (client.fd), segment);
  gnutls_transport_set_push_function (client.tls, push_together);
  client_say (&client, "one\n");
  gnutls_bye (client.tls, GNUTLS_SHUT_WR);
  g_assert_cmpint (send (client.fd, segment->str, segment->len, MSG_NOSIGNAL), ==, (gssize) segment->len);
  loop_until (client_ended (&client));
  g_assert_nonnull (strstr (client.got->str, "mail one\n"));
  loop_until (rig.n_mail_closed == 1);
  g_assert_cmpint (rig.mail_reason, ==, SATCHEL_CLOSED_BY_PEER);
  client_drop (&client);
  rig_settle ();
}

/* Mail is told how the client ended. */
static void
test_ends (void)
{
  Client client;
  login_tls (&client);
  client_say (&client, "one\n");
  gnutls_bye (client.tls, GNUTLS_SHUT_WR);
  loop_until (client_ended (&client));
  g_assert_nonnull (strstr (client.got->str, "mail one\n")); /* what came before an orderly end is answered */
  loop_until (rig.n_mail_closed == 1);
  g_assert_cmpint (rig.mail_reason, ==, SATCHEL_CLOSED_BY_PEER);
  client_drop (&client);
  rig_settle ();

  login_tls (&client);
  shutdown (client.fd, SHUT_WR); /* FIN without close_notify */
  loop_until (rig.n_mail_closed == 1);
  g_assert_cmpint (rig.mail_reason, ==, SATCHEL_CLOSED_CUT);
  client_drop (&client);
  rig_settle ();

  login_tls (&client);
  struct linger reset = { 1, 0 };
  setsockopt (client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close (client.fd);
  client.fd = -1;
  loop_until (rig.n_mail_closed == 1);
  g_assert_cmpint (rig.mail_reason, ==, SATCHEL_CLOSED_RESET);
  client_drop (&client);
  rig_settle ();

  /* close_notify, then clear text in its wake: never read. */
  login_tls (&client);
  gnutls_bye (client.tls, GNUTLS_SHUT_WR);
  g_assert_cmpint (send (client.fd, "injected\n", 9, MSG_NOSIGNAL), ==, 9);
  loop_until (rig.n_mail_closed == 1);
  client_read (&client);
  g_assert_null (strstr (client.got->str, "injected"));
  client_drop (&client);
  rig_settle ();

  /* Clear text instead of a record. */
  login_tls (&client);
  g_assert_cmpint (send (client.fd, "injected\n", 9, MSG_NOSIGNAL), ==, 9);
  loop_until (rig.n_mail_closed == 1);
  g_assert_cmpint (rig.mail_reason, ==, SATCHEL_CLOSED_CUT);
  client_drop (&client);
  rig_settle ();
}

/* A client asks for renegotiation again and again: the connection lives or ends, and nothing spins. */
static void
test_renegotiation (void)
{
  Client client;
  connect_tls (&client, NULL, NULL);
  gnutls_priority_set_direct (client.tls, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
  g_assert_cmpint (client_handshake (&client), ==, 0);
  loop_until (client_has (&client, "hello\n"));
  int result = gnutls_handshake (client.tls);
  for (guint i = 0; i < 200 && result < 0 && !gnutls_error_is_fatal (result); i++)
    {
      loop_settle ();
      result = gnutls_handshake (client.tls);
    }
  g_assert_cmpint (result, !=, 0);
  client_drop (&client);
  rig_settle ();
}

static void
test_handshake_timeout (void)
{
  rig_set_limits ("handshake_timeout = \"1s\";");
  satchel_gate_configure ();
  Client client;
  client_connect (&client, "192.0.2.1", &implicit);
  client_send (&client, "\x16\x03\x01", 3);
  loop_until (client_ended (&client));
  client_drop (&client);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

static GString *noted;

static void
note_line (SatchelLogLevel level, const char *area, const char *message)
{
  g_string_append_printf (noted, "%s\n", message);
}

/* RFC 8446 4.4.2.4, 6.2: under TLS 1.3 a client may refuse the certificate when its handshake is over.  After
 * login nobody asks why it leaves. */
static void
test_late_refusal (void)
{
  static const struct
  {
    gnutls_alert_description_t alert;
    const char *text;
  } cases[] = { { GNUTLS_A_UNKNOWN_CA, "reason=\"CA is unknown\"" },
                { GNUTLS_A_BAD_CERTIFICATE, "reason=\"Certificate is bad\"" },
                { GNUTLS_A_CERTIFICATE_EXPIRED, "reason=\"Certificate is expired\"" } };
  Client client;
  noted = g_string_new (NULL);
  satchel_log_divert (note_line);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_string_truncate (noted, 0);
      connect_tls (&client, "a.example", NULL);
      g_assert_cmpint (client_handshake (&client), ==, 0);
      loop_until (client_has (&client, "hello\n"));
      g_assert_cmpint (gnutls_alert_send (client.tls, GNUTLS_AL_FATAL, cases[i].alert), ==, 0);
      loop_until (strstr (noted->str, "tls failed:") != NULL);
      if (strstr (noted->str, cases[i].text) == NULL)
        g_error ("%s is missing in: %s", cases[i].text, noted->str);
      client_drop (&client);
      rig_settle ();
    }
  g_string_truncate (noted, 0);
  login_tls (&client);
  g_assert_cmpint (gnutls_alert_send (client.tls, GNUTLS_AL_FATAL, GNUTLS_A_UNKNOWN_CA), ==, 0);
  loop_until (client_ended (&client));
  client_drop (&client);
  rig_settle ();
  g_assert_null (strstr (noted->str, "tls failed:"));
  satchel_log_divert (rig_quiet);
  g_string_free (noted, TRUE);
}

/* What the log says of a handshake into which the client sends @record in clear text; yours. */
static char *
refuse_in_clear_text (const char *record, gsize len)
{
  Client client;
  char byte;
  noted = g_string_new (NULL);
  satchel_log_divert (note_line);
  connect_tls (&client, "a.example", NULL);
  g_assert_cmpint (gnutls_handshake (client.tls), <, 0); /* its hello is on the way */
  loop_until (recv (client.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
  g_assert_cmpint (send (client.fd, record, len, MSG_NOSIGNAL), ==, (gssize) len);
  loop_until (strstr (noted->str, "tls failed:") != NULL);
  client_drop (&client);
  rig_settle ();
  satchel_log_divert (rig_quiet);
  return g_string_free (g_steal_pointer (&noted), FALSE);
}

/* Some clients refuse a certificate of TLS 1.3 before they have keys for it (RFC 8446 6): the log says why.
 * Nothing else in clear text is taken for a reason. */
static void
test_refusal_in_clear_text (void)
{
  static const struct
  {
    const char *record;
    gsize len;
    gboolean is_alert;
  } cases[] = {
    { "\x15\x03\x03\x00\x02\x02\x30", 7, TRUE },      /* fatal, unknown_ca */
    { "\x15\x03\x03\x00\x02\x01\x30", 7, FALSE },     /* a warning */
    { "\x16\x03\x03\x00\x02\x02\x30", 7, FALSE },     /* a handshake message */
    { "\x15\x03\x03\x00\x03\x02\x30\x00", 8, FALSE }, /* too long for an alert */
    { "\x15\x03\x03\x01\x02\x02\x30", 7, FALSE },     /* its length is 258; then the client is gone */
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = refuse_in_clear_text (cases[i].record, cases[i].len);
      gboolean says_why = strstr (line, "CA is unknown") != NULL;
      if (says_why != cases[i].is_alert)
        g_error ("case %u: %s", i, line);
    }
}

/* Who is in is not sent away when the time for the login is over. */
static void
test_stays_in (void)
{
  Client in, out;
  rig_set_limits ("login_timeout = \"1m\";");
  satchel_gate_configure ();
  login_tls (&in);
  connect_tls (&out, NULL, NULL);
  g_assert_cmpint (client_handshake (&out), ==, 0);
  loop_until (client_has (&out, "hello"));
  own_clock_pass_ms (60000);
  loop_until (client_ended (&out)); /* which came after the other one, and has the same time */
  client_say (&in, "still\n");
  loop_until (client_has (&in, "mail still\n"));
  client_drop (&in);
  client_drop (&out);
  rig_settle ();
  rig_set_limits ("");
  satchel_gate_configure ();
}

/* New credentials serve new handshakes; who is there stays. */
static void
test_swap (void)
{
  Client before, after;
  login_tls (&before);
  SatchelTlsPair swapped[2] = { pairs[1], pairs[0] };
  g_autoptr (SatchelTlsContext) context = satchel_tls_context_new (swapped, 2, NULL, ticket_key, NULL);
  satchel_gate_set_tls (context);
  connect_tls (&after, NULL, NULL);
  g_assert_cmpint (client_handshake (&after), ==, 0);
  g_autofree char *name = presented_name (&after);
  g_assert_cmpstr (name, ==, "b.example");
  client_say (&before, "still\n");
  loop_until (client_has (&before, "mail still\n"));
  client_drop (&before);
  client_drop (&after);
  rig_settle ();
  set_tls ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  rig_init ();
  make_pair ("a.example", &pairs[0].chain, &pairs[0].key);
  make_pair ("b.example", &pairs[1].chain, &pairs[1].key);
  set_tls ();
  g_test_add_func ("/tls/sni", test_sni);
  g_test_add_func ("/tls/alpn", test_alpn);
  g_test_add_func ("/tls/versions", test_versions);
  g_test_add_func ("/tls/late-refusal", test_late_refusal);
  g_test_add_func ("/tls/tickets", test_tickets);
  g_test_add_func ("/tls/bad-certificates", test_bad_certificates);
  g_test_add_func ("/tls/starttls", test_starttls);
  g_test_add_func ("/tls/starttls-injection", test_starttls_injection);
  g_test_add_func ("/tls/relay-pipelined", test_relay_pipelined);
  g_test_add_func ("/tls/relay-bulk", test_relay_bulk);
  g_test_add_func ("/tls/ends", test_ends);
  g_test_add_func ("/tls/end-in-one-segment", test_end_in_one_segment);
  g_test_add_func ("/tls/renegotiation", test_renegotiation);
  g_test_add_func ("/tls/handshake-timeout", test_handshake_timeout);
  g_test_add_func ("/tls/refusal-in-clear-text", test_refusal_in_clear_text);
  g_test_add_func ("/tls/stays-in", test_stays_in);
  g_test_add_func ("/tls/swap", test_swap);
  return g_test_run ();
}
