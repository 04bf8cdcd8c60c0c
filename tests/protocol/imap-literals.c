/* SPDX-License-Identifier: MIT
 * No octet that a client sends as a literal runs as a command (RFC 7888 3): lines put together at random,
 * whole and broken, each ending in "{n+}", and behind them n octets that look like commands, in every state
 * in which a line is read.  TAP. SATCHEL_SEED=n repeats a run; SATCHEL_LONG=1 makes more of them.
 */
#include "config.h"

#include "harness.h"

#include "core/runtime/loop/reactor_private.h"
#include <string.h>
#include "tests/lib/rounds.h"

static const struct State
{
  const char *name, *before; /* what is sent first */
  const char *answer;        /* what its last line begins with; NULL: none */
  gboolean is_gate;
} states[] = {
  { "gate", NULL, NULL, TRUE },
  { "sasl-response", "s AUTHENTICATE PLAIN\r\n", "+ ", TRUE },
  { "sasl-second-response", "s AUTHENTICATE LOGIN YWxpY2U=\r\n", "+ ", TRUE },
  { "gate-argument", "s LOGIN {5+}\r\nalice ", NULL, TRUE },
  { "authenticated", NULL, NULL, FALSE },
  { "selected", "s SELECT INBOX\r\n", "s OK", FALSE },
  { "idle", "s IDLE\r\n", "+ ", FALSE },
  { "append", "s APPEND INBOX {3+}\r\nabc", NULL, FALSE },
  { "catenate", "s APPEND INBOX CATENATE (TEXT {3+}\r\nabc", NULL, FALSE },
  { "search-argument", "s SEARCH OR SUBJECT {3+}\r\nabc", NULL, FALSE },
};

static const char *const pieces[] = { "b ",
                                      "LOGIN ",
                                      "AUTHENTICATE PLAIN ",
                                      "ID ",
                                      "STARTTLS",
                                      "NOOP ",
                                      "APPEND INBOX ",
                                      "APPEND nowhere ",
                                      "REPLACE 1 INBOX ",
                                      "SEARCH ",
                                      "COMPRESS DEFLATE ",
                                      "LOGOUT ",
                                      "STATUS ",
                                      "UID ",
                                      "FETCH 1:* ",
                                      "DONE",
                                      "*",
                                      "(a\"b) ",
                                      "(\\Seen) ",
                                      "CATENATE (",
                                      "TEXT ",
                                      "UTF8 (~",
                                      "\"",
                                      "\"text\" ",
                                      "\\",
                                      "(",
                                      ")",
                                      "((((((((((((",
                                      " ",
                                      "  ",
                                      "{",
                                      "}",
                                      "{5",
                                      "{5}",
                                      "{5+}",
                                      "{x}",
                                      "{+",
                                      "{-1}",
                                      "~",
                                      "+",
                                      "\r",
                                      "\x01",
                                      "\x80",
                                      "\xc3\xa4",
                                      "atom ",
                                      "YWxpY2U=",
                                      "%",
                                      "[",
                                      "]",
                                      "99999999999999999999" };

static void
add_line (GRand *random, GString *out)
{
  gint n = g_rand_int_range (random, 0, 8);
  for (gint i = 0; i < n; i++)
    g_string_append (out, pieces[g_rand_int_range (random, 0, G_N_ELEMENTS (pieces))]);
  if (g_rand_int_range (random, 0, 16) == 0)
    g_string_append_len (out, "\0x", 2);
  if (g_rand_int_range (random, 0, 32) == 0)
    for (guint i = 0; i < 900; i++)
      g_string_append (out, "long line ");
}

/* Octets that answer with "ran ..." if they run, wherever a command may be thought to begin. */
static void
add_octets (GRand *random, GString *out)
{
  static const char *const commands[] = { "ran NOOP\r\n", "ran CAPABILITY\r\n", "ran BOGUS\r\n",
                                          "ran NOOP \"\r\n" };
  g_autoptr (GString) octets = g_string_new (g_rand_boolean (random) ? "" : "\r\n");
  gint n = g_rand_int_range (random, 1, 4);
  for (gint i = 0; i < n; i++)
    g_string_append (octets, commands[g_rand_int_range (random, 0, G_N_ELEMENTS (commands))]);
  const char *zeros = g_rand_int_range (random, 0, 8) == 0 ? "00" : "";
  g_string_append_printf (out, "{%s%" G_GSIZE_FORMAT "+}\r\n", zeros, octets->len);
  g_string_append_len (out, octets->str, (gssize) octets->len);
}

/* All that comes until a line begins with @end, or the connection has ended. */
static void
receive (HarnessClient *client, const char *end)
{
  g_autofree char *line = g_strconcat ("\r\n", end, NULL);
  while (!g_str_has_prefix (client->received->str, end) && strstr (client->received->str, line) == NULL
         && !client->is_at_end)
    g_assert_true (harness_wait (client));
}

static void
try_once (const struct State *state, guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  HarnessClient *client = state->is_gate ? harness_connect_gate (FALSE) : harness_connect ("alice", NULL);
  if (state->before != NULL)
    harness_send (client, state->before, strlen (state->before), FALSE);
  if (state->answer != NULL)
    receive (client, state->answer);
  g_autoptr (GString) text = g_string_new (state->before == NULL || state->answer != NULL ? "" : " ");
  gint n = g_rand_int_range (random, 1, 4);
  for (gint i = 0; i < n; i++)
    {
      add_line (random, text);
      add_octets (random, text);
    }
  /* "OK" ends what is whole, and the quote a string that is not. */
  g_string_append (text, g_rand_boolean (random) ? "\r\n" : " \"\r\n");
  g_string_append (text, "end1 NOOP\r\nend2 NOOP\r\n");
  harness_send (client, text->str, text->len, FALSE);
  receive (client, "end2 ");
  if (strstr (client->received->str, "ran ") != NULL
      || (strstr (client->received->str, "\r\nend2 OK") == NULL
          && strstr (client->received->str, "* BYE") == NULL))
    {
      g_autofree char *sent = g_strescape (text->str, NULL);
      g_error ("%s, seed %u\nsent: %s\ngot: %s", state->name, seed, sent, client->received->str);
    }
  harness_client_free (client);
  harness_settle ();
}

static void
test_state (gconstpointer data)
{
  const struct State *state = data;
  const char *given = g_getenv ("SATCHEL_SEED");
  guint32 seed = given != NULL ? (guint32) g_ascii_strtoull (given, NULL, 10) : 1;
  guint n = given != NULL ? 1 : count_rounds (300, 20000);
  const HarnessOptions options = { .stack = "memory" };
  g_autofree char *why = harness_begin (&options);
  if (why != NULL)
    g_test_skip (why);
  for (guint i = 0; i < n && why == NULL; i++)
    try_once (state, seed + i);
  harness_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_reactor_init ();
  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    {
      g_autofree char *path = g_strconcat ("/imap/literals/", states[i].name, NULL);
      g_test_add_data_func (path, &states[i], test_state);
    }
  return g_test_run ();
}
