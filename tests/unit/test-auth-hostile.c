/* SPDX-License-Identifier: MIT
 * The auth role and gates that lie or flood it.
 */
#include "tests/lib/auth-stage.h"

#include <string.h>
#include "tests/lib/rounds.h"

/* Lines that no filter counts leave the room of those that one counts: a guess behind a flood of them is
 * still told. */
static void
test_flood_before_guess (void)
{
  stage_begin (NULL);
  stage_database_is_down = TRUE;
  for (guint i = 0; i < 1000; i++)
    {
      g_assert_true (stage_password (0, 1, "192.0.2.98", "alice", "wrong"));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_UNAVAILABLE);
    }
  g_assert_cmpuint (stage_count_lines ("reason=unavailable"), <, 100);
  stage_database_is_down = FALSE;
  g_assert_true (stage_password (0, 1, "192.0.2.98", "alice", "wrong"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (
      stage_count_lines ("rip=192.0.2.98 service=imap method=LOGIN reason=bad-password user=\"alice\""), ==,
      1);
  stage_end ();
}

static void
test_log_flood (void)
{
  static const char *const settings[] = { "limits.login_failures=100000", NULL };
  stage_begin (settings);
  for (guint i = 0; i < 3000; i++)
    {
      g_assert_true (stage_password (0, 1, "192.0.2.99", "alice", "wrong"));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
  /* Of one address; one more each 18 seconds, which a slow machine may need. */
  g_assert_cmpuint (stage_count_lines ("auth failed:"), >=, 200);
  g_assert_cmpuint (stage_count_lines ("auth failed:"), <, 250);
  for (guint i = 0; i < 5000; i++)
    {
      g_autofree char *peer = g_strdup_printf ("198.51.%u.%u", i / 250, i % 250);
      g_assert_true (stage_password (0, 1, peer, "alice", "wrong"));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
  /* Other addresses are heard of until the bucket is empty. */
  g_assert_cmpuint (stage_count_lines ("auth failed:"), >, 250);
  g_assert_cmpuint (stage_count_lines ("auth failed:"), <, 2500);
  stage_end ();
}

/* ---- hostile gates ---- */

static void
test_forged_messages (void)
{
  stage_begin (NULL);
  SatchelIpcMessage *message;
  /* Only mail may ask for addresses, only gates about logins. */
  message = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP, 0);
  satchel_ipc_put_u64 (message, 1);
  satchel_ipc_put_string (message, "alice@x.org");
  g_assert_false (stage_deliver (&stage.gates[0], message));
  message = satchel_ipc_message_new (SATCHEL_IPC_SERVICE_GRANT, 1);
  satchel_ipc_put_string (message, "lmtp");
  satchel_ipc_put_string (message, "local");
  g_assert_false (stage_deliver (&stage.mails[0], message));
  /* A step of nothing, of somebody else's exchange, of a finished one. */
  g_assert_false (stage_step (0, 1, "x", 1));
  g_assert_true (stage_sasl (0, 2, "LOGIN", 1, NULL, -1));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_CONTINUE);
  g_assert_false (stage_step (1, 2, "alice", 5));
  g_assert_false (stage_password_full (0, 3, "imap x", "LOGIN", STAGE_PEER, 1, "a", 1, "b", 1));
  g_assert_false (stage_password_full (0, 3, "imap", "LO\"GIN", STAGE_PEER, 1, "a", 1, "b", 1));
  g_assert_false (stage_password_full (0, 3, "imap", "LOGIN", "example.org", 1, "a", 1, "b", 1));
  g_assert_false (stage_password_full (0, 3, "", "LOGIN", STAGE_PEER, 1, "a", 1, "b", 1));
  /* Every type with no body, and with one byte too many. */
  for (guint type = 0; type < 300; type++)
    {
      gboolean is_fine = type == SATCHEL_IPC_AUTH_CANCEL || type == SATCHEL_IPC_SESSION_END;
      g_assert_cmpint (stage_simple (0, type, 99), ==, is_fine);
      message = satchel_ipc_message_new (type, 99);
      satchel_ipc_put_u32 (message, 0);
      g_assert_false (stage_deliver (&stage.gates[0], message));
    }
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  stage_end ();
}

/* Secrets that cannot be one are not hashed; the names that are no users change nothing. */
static void
test_odd_input (void)
{
  stage_begin (NULL);
  g_autofree char *huge = g_strnfill (8000, 'a');
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", STAGE_PEER, 1, "alice", 5, huge, 8000));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", STAGE_PEER, 1, "alice", 5, "pw\0x", 4));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_n_hashes (), ==, 0);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", STAGE_PEER, 1, huge, 8000, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  static const char *const names[] = { "",       "\377\376", "../",          "'; --",
                                       "%n%s",   "*",        "\320\260lice", "alice ",
                                       " alice", "alice@",   "@x.org",       "alice@x.org@x.org" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpint (stage_log_in (2, names[i], "pw"), ==, SATCHEL_AUTH_FAILED);
  g_assert_true (stage_password_full (0, 3, "imap", "LOGIN", STAGE_PEER, 1, "alice\0", 6, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (stage_log_in (4, "ALICE@X.org", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* A message as a gate or a mail process may send it, for damaging. */
static SatchelIpcMessage *
random_message (GRand *random)
{
  static const SatchelIpcType types[] = { SATCHEL_IPC_AUTH_START,    SATCHEL_IPC_AUTH_START,
                                          SATCHEL_IPC_AUTH_STEP,     SATCHEL_IPC_AUTH_CANCEL,
                                          SATCHEL_IPC_AUTH_PASSWORD, SATCHEL_IPC_SESSION_END,
                                          SATCHEL_IPC_LOOKUP,        SATCHEL_IPC_RELEASED,
                                          SATCHEL_IPC_PLACED };
  SatchelIpcMessage *message = satchel_ipc_message_new (
      types[g_rand_int_range (random, 0, G_N_ELEMENTS (types))], (guint64) g_rand_int_range (random, 0, 40));
  gboolean is_start = message->type == SATCHEL_IPC_AUTH_START;
  if (is_start || message->type == SATCHEL_IPC_AUTH_PASSWORD)
    {
      satchel_ipc_put_string (message, "imap");
      satchel_ipc_put_string (message, g_rand_boolean (random) ? "PLAIN" : "LOGIN");
      satchel_ipc_put_string (message, "imaps");
      satchel_ipc_put_string (message, STAGE_PEER);
      satchel_ipc_put_string (message, g_rand_boolean (random) ? "" : STAGE_PEER);
      satchel_ipc_put_string (message, "");
      satchel_ipc_put_u32 (message, 1);
    }
  if (is_start)
    satchel_ipc_put_u32 (message, g_rand_boolean (random));
  if (message->type == SATCHEL_IPC_AUTH_PASSWORD)
    satchel_ipc_put_bytes (message, "alice", 5);
  if (is_start || message->type == SATCHEL_IPC_AUTH_PASSWORD || message->type == SATCHEL_IPC_AUTH_STEP)
    satchel_ipc_put_bytes (message, "\0alice\0no", (gsize) g_rand_int_range (random, 0, 10));
  for (guint i = 0; is_start && i < 3; i++)
    satchel_ipc_put_bytes (message, NULL, 0);
  if (message->type == SATCHEL_IPC_LOOKUP)
    satchel_ipc_put_u64 (message, g_rand_int (random));
  if (message->type == SATCHEL_IPC_LOOKUP || message->type == SATCHEL_IPC_RELEASED
      || message->type == SATCHEL_IPC_PLACED)
    satchel_ipc_put_string (message, "alice@x.org");
  if (message->type == SATCHEL_IPC_RELEASED || message->type == SATCHEL_IPC_PLACED)
    {
      satchel_ipc_put_u64 (message, (guint64) g_rand_int_range (random, 0, 3));
      satchel_ipc_put_u32 (message, (guint32) g_rand_int_range (random, 0, 5));
    }
  if (message->type == SATCHEL_IPC_RELEASED)
    satchel_ipc_put_string (message, "");
  return message;
}

static void
expect_no_grants (void)
{
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    for (SatchelIpcMessage *message; (message = stage_take_from_mail (slot)) != NULL;
         satchel_ipc_message_free (message))
      g_assert_cmpint (message->type, !=, SATCHEL_IPC_GRANT);
}

/* Random and damaged messages: no crash, and no grant but for the one right password, which is never sent. */
static void
test_fuzz (void)
{
  static const char *const settings[] = { "limits.connections=50", "limits.login_failures=100000", NULL };
  stage_begin (settings);
  g_autoptr (GRand) random = g_rand_new_with_seed (4616);
  guint n_accepted = 0;
  const guint n_messages = count_rounds (30 * 1000, 10 * 1000 * 1000);
  for (guint i = 0; i < n_messages; i++)
    {
      SatchelPeer *peer = i % 4 == 0 ? &stage.mails[i % 2] : &stage.gates[i % 2];
      SatchelIpcMessage *message = random_message (random);
      for (gint n = message->body->len > 0 ? g_rand_int_range (random, -3, 4) : 0; n > 0; n--)
        message->body->data[g_rand_int_range (random, 0, (gint32) message->body->len)] =
            (guint8) g_rand_int (random);
      if (message->body->len > 0 && g_rand_int (random) % 5 == 0)
        g_byte_array_set_size (message->body,
                               (guint) g_rand_int_range (random, 0, (gint32) message->body->len));
      n_accepted += stage_deliver (peer, message);
      if (i % 500 != 0)
        continue;
      stage_settle (); /* otherwise the speed of the machine decides how many attempts find the queue full */
      expect_no_grants ();
      for (guint gate = 0; gate < STAGE_GATES; gate++)
        while (stage_has_reply (gate))
          g_assert_cmpint (stage_wait_status (gate), !=, SATCHEL_AUTH_OK);
    }
  stage_settle ();
  g_assert_cmpuint (n_accepted, >, n_messages / 10);
  g_assert_cmpuint (stage_n_hashes (), >, n_messages / 1500);
  expect_no_grants ();
  /* A gate cannot have more connections noted than it may have. */
  guint n_refused = 0;
  for (guint64 session = 1000; session < 3000; session++)
    n_refused += !stage_sasl (0, session, "LOGIN", 1, NULL, -1);
  g_assert_cmpuint (n_refused, >, 500);
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth/hostile/forged-messages", test_forged_messages);
  g_test_add_func ("/auth/hostile/odd-input", test_odd_input);
  /* Last: these empty the bucket of log lines. */
  g_test_add_func ("/auth/hostile/flood-before-guess", test_flood_before_guess);
  /* Behind the other: it uses up what the process has for all guesses. */
  g_test_add_func ("/auth/hostile/log-flood", test_log_flood);
  g_test_add_func ("/auth/hostile/fuzz", test_fuzz);
  return g_test_run ();
}
