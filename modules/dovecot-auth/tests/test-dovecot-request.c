/* SPDX-License-Identifier: MIT
 * This program tests lines of the Dovecot authentication protocol: those that Postfix and Exim send, and
 * malformed ones.
 */
#include "modules/dovecot-auth/request.h"

#include <string.h>

/* Returns what a line is read as: "COMMAND ID MECHANISM SERVICE ADDRESS SECURED RESPONSE", with "-" for what
 * is missing. */
static char *
read_line (const char *text, gsize len)
{
  static const char *const names[] = { "bad", "ignored", "VERSION", "AUTH", "CONT", "CANCEL" };
  g_autofree char *line = g_malloc (len + 1);
  memcpy (line, text, len);
  line[len] = '\0';
  DovecotRequest request;
  dovecot_request_parse (line, len, &request);
  if (request.command <= DOVECOT_VERSION)
    return g_strdup (names[request.command]);
  const char *parts[] = { request.mechanism, request.service, request.address,
                          request.is_secured ? "secured" : NULL, request.response };
  g_autoptr (GString) read = g_string_new (NULL);
  g_string_printf (read, "%s %u", names[request.command], request.id);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_string_append_printf (read, " %s", parts[i] != NULL ? parts[i] : "-");
  return g_string_free (g_steal_pointer (&read), FALSE);
}

static void
assert_read (const char *text, const char *expected)
{
  g_autofree char *found = read_line (text, strlen (text));
  g_assert_cmpstr (found, ==, expected);
}

static void
test_requests (void)
{
  assert_read ("VERSION\t1\t1", "VERSION");
  assert_read ("VERSION\t1\t3", "VERSION");
  assert_read ("CPID\t4711", "ignored");
  assert_read ("SERVICE\tSMTP", "ignored");
  /* Postfix */
  assert_read ("AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.2\trip=192.0.2.1\tsecured\tresp=AGEAYg==",
               "AUTH 1 PLAIN smtp 192.0.2.1 secured AGEAYg==");
  assert_read ("AUTH\t7\tLOGIN\tservice=smtp\tnologin\tlip=::1\trip=2001:db8::1",
               "AUTH 7 LOGIN smtp 2001:db8::1 - -");
  /* Exim */
  assert_read ("AUTH\t1\tPLAIN\tservice=smtp\tsecured\trip=192.0.2.1\tlip=192.0.2.2\tnologin\tresp=",
               "AUTH 1 PLAIN smtp 192.0.2.1 secured ");
  assert_read ("AUTH\t1\tPLAIN\tservice=smtp\tsecured=tls", "AUTH 1 PLAIN smtp - secured -");
  assert_read ("CONT\t4294967295\tcGFzcw==", "CONT 4294967295 - - - - cGFzcw==");
  assert_read ("CONT\t2\t", "CONT 2 - - - - ");
  assert_read ("CANCEL\t2", "CANCEL 2 - - - - -");
  /* A user name "secured" does not make a login secure. */
  assert_read ("AUTH\t1\tPLAIN\tservice=smtp\tuser=secured\tunsecured\tresp=secured",
               "AUTH 1 PLAIN smtp - - secured");
}

static void
test_escapes (void)
{
  assert_read ("AUTH\t1\tPLAIN\tservice=a\001tb\0011c\001rd\001ne\001xf",
               "AUTH 1 PLAIN a\tb\001c\rd\nexf - - -");
  assert_read ("AUTH\t1\tPLAIN\trip=\0011\0011t", "AUTH 1 PLAIN - \001\001t - -");
  assert_read ("AUTH\t1\tPLAIN\tservice=a\0010b", "bad");
  assert_read ("AUTH\t1\tPLAIN\trip=a\001", "bad");
  g_autoptr (GString) line = g_string_new ("FAIL\t1");
  dovecot_append_value (line, "reason", "a\tb\nc\rd\001e");
  g_assert_cmpstr (line->str, ==, "FAIL\t1\treason=a\001tb\001nc\001rd\0011e");
}

static void
test_bad (void)
{
  static const char *const lines[] = {
    "",
    "\t",
    "hello there",
    "auth\t1\tPLAIN",
    "VERSION",
    "VERSION\t2\t0",
    "VERSION\t1",
    "VERSION\tx\t1",
    "AUTH",
    "AUTH\t1",
    "AUTH\t1\t",
    "AUTH\t\tPLAIN",
    "AUTH\t-1\tPLAIN",
    "AUTH\t+1\tPLAIN",
    "AUTH\t 1\tPLAIN",
    "AUTH\t4294967296\tPLAIN",
    "AUTH\t99999999999999999999999\tPLAIN",
    "AUTH\t1\tPLAIN\tservice=smtp\tresp=AA==\tsecured",
    "CONT",
    "CONT\t1",
    "CONT\tx\tAA==",
    "CONT\t1\tAA==\tsecured",
    "CANCEL",
    "CANCEL\tx",
    "CANCEL\t1\t2",
    "GET / HTTP/1.1\r",
    "\377\376",
  };
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    assert_read (lines[i], "bad");
  g_autofree char *found = read_line ("AUTH\t1\tPL\0AIN", 13);
  g_assert_cmpstr (found, ==, "bad");
}

/* Each line of a dialogue is cut anywhere and has any byte damaged.  It is read without access beyond it
 * (valgrind), and the results lie within it. */
static void
test_damaged (void)
{
  static const char good[] = "AUTH\t1\tPLAIN\tservice=sm\001ttp\trip=192.0.2.1\tsecured\tresp=AGEAYg==";
  for (gsize len = 0; len < sizeof good; len++)
    for (guint byte = 0; byte < 256; byte++)
      {
        g_autofree char *line = g_malloc (len + 1);
        memcpy (line, good, len);
        if (len > 0)
          line[len - 1] = (char) byte;
        line[len] = '\0';
        DovecotRequest request;
        dovecot_request_parse (line, len, &request);
        const char *parts[] = { request.mechanism, request.service, request.address, request.response };
        g_assert_cmpint (request.command, <=, DOVECOT_CANCEL);
        for (guint i = 0; i < G_N_ELEMENTS (parts) && request.command > DOVECOT_VERSION; i++)
          g_assert_true (parts[i] == NULL || (parts[i] > line && parts[i] + strlen (parts[i]) <= line + len));
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dovecot-request/requests", test_requests);
  g_test_add_func ("/dovecot-request/escapes", test_escapes);
  g_test_add_func ("/dovecot-request/bad", test_bad);
  g_test_add_func ("/dovecot-request/damaged", test_damaged);
  return g_test_run ();
}
