/* SPDX-License-Identifier: MIT
 * Guesses at passwords, as the auth role meets them: what is counted and delayed, what is spared, and what a
 * flood costs.
 */
#include "tests/lib/auth-stage.h"
#include "tests/lib/own_clock.h"

#include <string.h>

/* Logged at once, answered after the delay; the connection may not be asked for meanwhile. */
static void
test_delay (void)
{
  static const char *const settings[] = { "auth.failure_delay=\"15s\"", NULL };
  stage_begin (settings);
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_cmpuint (stage_count_lines ("reason=bad-password"), ==, 1);
  g_assert_false (stage_has_reply (0));
  g_assert_false (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  own_clock_pass_ms (15000);
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  /* One that ends during its delay is not answered. */
  g_assert_true (stage_password (0, 2, STAGE_PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, 2));
  g_assert_true (stage_password (0, 3, STAGE_PEER, "alice", "wrong"));
  stage_settle ();
  own_clock_pass_ms (15000);
  StageReply reply;
  stage_wait_reply (0, &reply);
  g_assert_cmpuint (reply.session, ==, 3);
  stage_end ();
}

/* Row 11: parallel attempts cannot get past the count, and the right password does not help then. */
static void
test_throttle (void)
{
  static const char *const settings[] = { "limits.login_failures=10", NULL };
  stage_begin (settings);
  stage_hold_hashes (TRUE);
  for (guint64 i = 1; i <= 50; i++)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", (guint) i);
      g_autofree char *peer = g_strdup_printf ("203.0.%u.5", (guint) i);
      g_assert_true (stage_password (0, i, peer, "alice", guess));
    }
  stage_hold_hashes (FALSE);
  for (guint i = 0; i < 50; i++)
    g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 8); /* ten, without the reserve of known networks */
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 42);
  g_assert_cmpint (stage_log_in (100, "alice", "pw"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 8);
  g_assert_cmpint (stage_log_in (101, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  /* Unknown names run into the same wall. */
  for (guint i = 1; i <= 20; i++)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", i);
      g_autofree char *peer = g_strdup_printf ("198.51.%u.5", i);
      g_assert_true (stage_password (0, 200 + i, peer, "nobody", guess));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
  g_assert_cmpuint (stage_counts.n_dummy_hashes, ==, 8);
  stage_end ();
}

/* Each time another password, from where nobody logged in. */
static void
guess_often (const char *user, guint n)
{
  for (guint64 i = 1; i <= n; i++)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", (guint) i);
      g_assert_true (stage_password (0, 10000 + i, "203.0.113.5", user, guess));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
}

/* A program that goes on with an old password, and one with an old code, cost their user one attempt. */
static void
test_throttle_counts_repeated_once (void)
{
  static const char *const settings[] = { "limits.login_failures=8", NULL };
  stage_begin (settings);
  stage_factor_user = "bob@x.org";
  stage_factor_verdict = SATCHEL_FACTOR_CODE_STALE;
  for (guint64 i = 1; i <= 20; i++)
    {
      g_assert_cmpint (stage_log_in (i, "alice", "old"), ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpint (stage_log_in (i, "bob", "pw111"), ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpint (stage_log_in (i, "nobody", "old"), ==, SATCHEL_AUTH_FAILED);
    }
  g_assert_cmpuint (stage_n_hashes (), ==, 60);
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 0);
  stage_factor_verdict = SATCHEL_FACTOR_ACCEPTED;
  g_assert_cmpint (stage_log_in (30, "bob", "pw222"), ==, SATCHEL_AUTH_OK);
  /* Each old code counts, though: one network has five. */
  stage_factor_verdict = SATCHEL_FACTOR_CODE_STALE;
  for (guint i = 1; i <= 5; i++)
    {
      g_autofree char *old = g_strdup_printf ("pw30%u", i);
      g_assert_cmpint (stage_log_in (30 + i, "bob", old), ==, SATCHEL_AUTH_FAILED);
    }
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 1);
  /* With another password the same secret is another guess. */
  stage_set_user ("alice@x.org", "new", FALSE);
  for (guint i = 1; i <= 6; i++)
    {
      g_autofree char *verifier = g_strdup_printf ("new%u", i);
      stage_set_user ("alice@x.org", verifier, FALSE);
      stage_log_in (40 + i, "alice", "old");
    }
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 3);
  stage_end ();
}

/* An exchange without a name concerns no account, and slows its address down all the same. */
static void
test_malformed_counts_for_address (void)
{
  static const char *const list[] = { "throttle", "list", "all", NULL };
  stage_begin (NULL);
  for (guint64 i = 1; i <= 3; i++)
    {
      g_assert_true (stage_sasl (0, i, "PLAIN", 3, "x", 1));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
  stage.hooks->admin (&stage.context, 1, list, -1);
  g_assert_nonnull (
      strstr (stage.admin_reply->str, "kind=address network=192.0.2.1 failures=3 limit=1000 refused=no"));
  g_assert_null (strstr (stage.admin_reply->str, "user="));
  stage_end ();
}

/* What a user is known by outlives a crash; what strangers did does not. */
static void
test_known_networks_stay (void)
{
  static const char *const settings[] = { "limits.login_failures=8", NULL };
  stage_begin (settings);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_restart (settings);
  for (guint i = 1; i <= 20; i++)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", i);
      g_autofree char *peer = g_strdup_printf ("203.0.%u.5", i);
      g_assert_true (stage_password (0, 100 + i, peer, "alice", guess));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 14);
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

static void
test_throttle_spares_known_places (void)
{
  static const char *const settings[] = { "limits.login_failures=5", NULL };
  stage_begin (settings);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  guess_often ("alice", 10);
  g_assert_true (stage_password (0, 30, "203.0.113.5", "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (stage_log_in (31, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* Success and trouble of ours do not use the count up; the cache does not get past it. */
static void
test_throttle_counts_failures_only (void)
{
  static const char *const settings[] = { "limits.login_failures=3", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i < 20; i++)
    g_assert_cmpint (stage_log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_hash_fails = TRUE;
  for (guint64 i = 20; i < 30; i++)
    g_assert_cmpint (stage_log_in (i, "bob", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_hash_fails = FALSE;
  g_assert_cmpint (stage_log_in (30, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  guess_often ("alice", 5);
  g_assert_true (stage_password (0, 50, "203.0.113.5", "alice", "pw")); /* in the cache */
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

/* What does not fit in time is told to come back, and is no failure. */
static void
test_hash_flood (void)
{
  static const char *const settings[] = { "limits.hash_memory=\"2M\"", "limits.login_failures=100000", NULL };
  stage_begin (settings);
  stage_hold_hashes (TRUE);
  for (guint64 i = 1; i <= 500; i++)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", (guint) i);
      g_assert_true (stage_password (0, i, "203.0.113.5", "bob", guess));
    }
  /* One address fills a quarter of the line; others still get a place.  Log lines are bounded, answers are
   * not. */
  g_assert_true (stage_has_reply (0));
  guint n_refused = 0;
  for (GList *link = stage.sent[0].head; link != NULL; link = link->next)
    n_refused += ((SatchelIpcMessage *) link->data)->type == SATCHEL_IPC_AUTH_REPLY ? 1 : 0;
  g_assert_cmpuint (n_refused, >, 200);
  g_assert_cmpuint (stage_count_lines ("reason=unavailable"), <, 100);
  g_assert_true (stage_password (1, 1, STAGE_PEER, "alice", "pw"));
  g_assert_false (stage_has_reply (1));
  stage_hold_hashes (FALSE);
  g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* A flood of wrong passwords of as many addresses: hashes keep to their memory, the line has an end, and who
 * needs no hash does not wait in it. */
static void
test_cheap_in_flood (void)
{
  static const char *const settings[] = { "limits.hash_memory=\"2M\"", NULL };
  stage_begin (settings);
  stage_cheap_user = "bob@x.org";
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  guint n_before = stage_n_hashes ();
  stage_hold_hashes (TRUE);
  for (guint i = 0; i < 4000; i++)
    {
      g_autofree char *name = g_strdup_printf ("nobody%u", i);
      g_autofree char *peer = g_strdup_printf ("%u.%u.0.5", 1 + i / 200, i % 200);
      g_assert_true (stage_password (0, i + 1, peer, name, "guess"));
    }
  g_assert_true (stage_has_reply (0));
  guint n_refused = 0;
  for (GList *link = stage.sent[0].head; link != NULL; link = link->next)
    n_refused += ((SatchelIpcMessage *) link->data)->type == SATCHEL_IPC_AUTH_REPLY ? 1 : 0;
  g_assert_cmpuint (n_refused, >=, 4000 - 1024 - 2);
  g_assert_cmpuint (stage_n_hashes () - n_before, <=, 2);
  for (guint64 i = 1; i <= 100; i++)
    {
      g_assert_true (stage_password (1, i, STAGE_PEER, i % 2 == 0 ? "alice" : "bob", "pw"));
      g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_OK);
      g_assert_true (stage_simple (1, SATCHEL_IPC_SESSION_END, i));
    }
  stage_hold_hashes (FALSE);
  stage_end ();
}

static void
test_connection_limit (void)
{
  static const char *const settings[] = { "limits.connections_per_user=3", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i <= 3; i++)
    {
      g_assert_true (stage_password (i % 2, i, STAGE_PEER, "alice", "pw"));
      g_assert_cmpint (stage_wait_status (i % 2), ==, SATCHEL_AUTH_OK);
    }
  g_assert_true (stage_password (0, 4, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_LIMITED);
  g_assert_cmpint (stage_log_in (5, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_simple (1, SATCHEL_IPC_SESSION_END, 3));
  g_assert_true (stage_simple (1, SATCHEL_IPC_SESSION_END, 3)); /* twice frees nothing more */
  g_assert_true (stage_password (0, 4, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_password (0, 6, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_LIMITED);
  /* A gate that dies takes its sessions with it. */
  stage.hooks->peer_down (&stage.context, &stage.gates[0]);
  stage.hooks->peer_up (&stage.context, &stage.gates[0]);
  for (guint64 i = 10; i < 12; i++)
    {
      g_assert_true (stage_password (0, i, STAGE_PEER, "alice", "pw"));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
    }
  stage_end ();
}

/* A refusal comes before its gate gives up, whatever the delay. */
static void
test_delay_ends_in_time (void)
{
  static const char *const settings[] = { "auth.failure_delay=\"15s\"", NULL };
  stage_begin (settings);
  SatchelIpcMessage *message =
      stage_password_message (1, "smtp", "PLAIN", "192.0.2.9", STAGE_ELSEWHERE, "alice", 5, "wrong", 5);
  message->deadline_ms = (guint64) satchel_now_ms () + 2000;
  g_assert_true (stage_deliver (&stage.gates[0], message));
  stage_settle ();
  g_assert_true (stage_has_reply (0));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_true (stage_password (0, 2, STAGE_PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth/role/delay", test_delay);
  g_test_add_func ("/auth/role/throttle", test_throttle);
  g_test_add_func ("/auth/role/throttle-spares-known-places", test_throttle_spares_known_places);
  g_test_add_func ("/auth/role/throttle-counts-failures-only", test_throttle_counts_failures_only);
  g_test_add_func ("/auth/role/throttle-counts-repeated-once", test_throttle_counts_repeated_once);
  g_test_add_func ("/auth/role/malformed-counts-for-address", test_malformed_counts_for_address);
  g_test_add_func ("/auth/role/known-networks-stay", test_known_networks_stay);
  g_test_add_func ("/auth/role/hash-flood", test_hash_flood);
  g_test_add_func ("/auth/role/connection-limit", test_connection_limit);
  g_test_add_func ("/auth/role/delay-ends-in-time", test_delay_ends_in_time);
  /* The last one: it uses up the log lines of a while. */
  g_test_add_func ("/auth/role/cheap-in-flood", test_cheap_in_flood);
  return g_test_run ();
}
