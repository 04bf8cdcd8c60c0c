/* SPDX-License-Identifier: MIT
 * The auth role as gates and mail processes meet it.
 */
#include "core/session/session_id.h"
#include "tests/lib/auth-stage.h"

#include <string.h>

#define PEER "192.0.2.1"

static guint
n_hashes (void)
{
  return stage_counts.n_hashes + stage_counts.n_dummy_hashes;
}

static SatchelAuthStatus
log_in (guint64 session, const char *user, const char *password)
{
  g_assert_true (stage_password (0, session, PEER, user, password));
  SatchelAuthStatus status = stage_wait_status (0);
  if (status == SATCHEL_AUTH_OK)
    g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, session));
  return status;
}

/* The grant is with the mail process before the gate hears of it, and it is for this connection. */
static void
test_grant (void)
{
  stage_begin (NULL);
  g_assert_true (stage_password (1, 7, PEER, "Alice", "pw"));
  StageReply reply;
  stage_wait_reply (1, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_OK);
  g_assert_cmpstr (reply.user, ==, "alice@x.org");
  g_assert_cmpuint (reply.session, ==, 7);
  g_autoptr (SatchelIpcMessage) grant = stage_take_from_mail (reply.mail_slot);
  g_assert_nonnull (grant);
  g_assert_cmpint (grant->type, ==, SATCHEL_IPC_GRANT);
  g_assert_cmpuint (grant->session_id, ==, 7);
  gsize len;
  const guint8 *bytes = satchel_ipc_get_bytes (grant, &len);
  g_assert_cmpmem (bytes, len, reply.grant, reply.grant_len);
  g_assert_cmpuint (satchel_ipc_get_u32 (grant), ==, 1);
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "imap");
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "alice@x.org");
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "x.org/alice");
  satchel_ipc_get_bytes (grant, &len);
  g_assert_cmpuint (len, ==, 0);
  gint64 left_ms = (gint64) satchel_ipc_get_u64 (grant) - g_get_monotonic_time () / 1000;
  g_assert_cmpint (left_ms, >, 0);
  g_assert_cmpint (left_ms, <=, 60000);
  g_assert_true (satchel_ipc_message_is_done (grant));
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  /* A second login of the same connection is a lie of the gate. */
  g_assert_false (stage_password (1, 7, PEER, "bob", "pw"));
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  stage_end ();
}

static void
test_grants_differ (void)
{
  stage_begin (NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  for (guint64 i = 1; i <= 100; i++)
    {
      StageReply reply;
      g_assert_true (stage_password (0, i, PEER, "alice", "pw"));
      stage_wait_reply (0, &reply);
      g_assert_true (g_hash_table_add (seen, g_bytes_new (reply.grant, 16)));
    }
  stage_end ();
}

static void
test_failures (void)
{
  static const char *const bad[][2] = { { "alice", "wrong" }, { "alice", "" }, { "nobody", "pw" }, { "../etc", "pw" }, { "", "pw" }, { "locked", "pw" }, { "locked", "no" } };
  stage_begin (NULL);
  stage_set_user ("locked@x.org", "pw", TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      StageReply reply;
      g_assert_true (stage_password (0, 1, PEER, bad[i][0], bad[i][1]));
      stage_wait_reply (0, &reply);
      g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpstr (reply.explain, ==, "");
      g_assert_cmpstr (reply.user, ==, "");
    }
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  stage_end ();
}

/* No user enumeration: one hash each, whoever is asked for.  Counted, not timed. */
static void
test_same_work (void)
{
  static const struct
  {
    const char *user, *password;
    gboolean is_user;
  } cases[] = { { "alice", "wrong", TRUE }, { "nobody", "wrong", FALSE }, { "a/b", "wrong", FALSE }, { "locked", "pw", TRUE }, { "locked", "wrong", TRUE }, { "empty", "x", TRUE } };
  stage_begin (NULL);
  stage_set_user ("locked@x.org", "pw", TRUE);
  stage_set_user ("empty@x.org", NULL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint before = n_hashes (), before_dummies = stage_counts.n_dummy_hashes;
      g_assert_cmpint (log_in (1, cases[i].user, cases[i].password), ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpuint (n_hashes (), ==, before + 1);
      g_assert_cmpuint (stage_counts.n_dummy_hashes - before_dummies, ==, !cases[i].is_user);
    }
  stage_end ();
}

static void
test_log_lines (void)
{
  stage_begin (NULL);
  char ids[3][SATCHEL_SESSION_ID_CHARS + 1];
  static const guint64 sessions[] = { 0xabc, 2, 3 };
  for (guint i = 0; i < G_N_ELEMENTS (sessions); i++)
    satchel_session_id_text (sessions[i], ids[i]);
  const char evil[] = "a\" session=1 reason=ok\\\n\033[2J\377";
  g_assert_true (stage_password_full (0, 0xabc, "imap", "login", PEER, 1, evil, strlen (evil), "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_autofree char *hostile = g_strdup_printf ("auth failed: rip=192.0.2.1 service=imap method=LOGIN reason=unknown-user "
                                              "user=\"a\\\" session=1 reason=ok\\\\\\x0A\\x1B[2J\\xFF\" session=%s\n", ids[0]);
  g_assert_cmpstr (stage.log->str, ==, hostile);
  g_string_truncate (stage.log, 0);
  log_in (2, "alice", "wrong");
  g_autofree char *failed = g_strdup_printf ("auth failed: rip=192.0.2.1 service=imap method=LOGIN reason=bad-password user=\"alice\" session=%s\n", ids[1]);
  g_assert_cmpstr (stage.log->str, ==, failed);
  g_string_truncate (stage.log, 0);
  g_assert_true (stage_password_full (0, 3, "pop3", "USER", "2001:db8::1", 3, "alice", 5, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_autofree char *ok = g_strdup_printf ("login ok: user=\"alice@x.org\" rip=2001:db8::1 service=pop3 method=USER session=%s tls=yes\n", ids[2]);
  g_assert_cmpstr (stage.log->str, ==, ok);
  g_assert_null (strstr (stage.log->str, "pw"));
  stage_end ();
}

static void
test_log_flood (void)
{
  static const char *const settings[] = { "limits.login_failures=100000", NULL };
  stage_begin (settings);
  for (guint i = 0; i < 3000; i++)
    {
      g_assert_true (stage_password (0, 1, PEER, "alice", "wrong"));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
  g_assert_cmpuint (stage_count_lines ("auth failed:"), ==, 200); /* of one address */
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

/* Logged at once, answered after the delay; the connection may not be asked for meanwhile. */
static void
test_delay (void)
{
  static const char *const settings[] = { "auth.failure_delay=\"300ms\"", NULL };
  stage_begin (settings);
  gint64 began = g_get_monotonic_time ();
  g_assert_true (stage_password (0, 1, PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_cmpuint (stage_count_lines ("reason=bad-password"), ==, 1);
  g_assert_false (stage_has_reply (0));
  g_assert_false (stage_password (0, 1, PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 300000);
  /* One that ends during its delay is not answered. */
  g_assert_true (stage_password (0, 2, PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, 2));
  g_assert_true (stage_password (0, 3, PEER, "alice", "wrong"));
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
      g_assert_true (stage_password (0, i, "203.0.113.5", "alice", guess));
    }
  stage_hold_hashes (FALSE);
  for (guint i = 0; i < 50; i++)
    g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 10);
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 40);
  g_assert_cmpint (log_in (100, "alice", "pw"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 10);
  g_assert_cmpint (log_in (101, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  /* Unknown names run into the same wall. */
  for (guint64 i = 200; i < 220; i++)
    log_in (i, "nobody", "x");
  g_assert_cmpuint (stage_counts.n_dummy_hashes, ==, 10);
  stage_end ();
}

static void
test_throttle_spares_known_places (void)
{
  static const char *const settings[] = { "limits.login_failures=5", NULL };
  stage_begin (settings);
  g_assert_cmpint (log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  for (guint64 i = 10; i < 20; i++)
    {
      g_assert_true (stage_password (0, i, "203.0.113.5", "alice", "guess"));
      stage_wait_status (0);
    }
  g_assert_true (stage_password (0, 30, "203.0.113.5", "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (log_in (31, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* Success and trouble of ours do not use the count up; the cache does not get past it. */
static void
test_throttle_counts_failures_only (void)
{
  static const char *const settings[] = { "limits.login_failures=3", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i < 20; i++)
    g_assert_cmpint (log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_hash_fails = TRUE;
  for (guint64 i = 20; i < 30; i++)
    g_assert_cmpint (log_in (i, "bob", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_hash_fails = FALSE;
  g_assert_cmpint (log_in (30, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  for (guint64 i = 40; i < 45; i++)
    {
      g_assert_true (stage_password (0, i, "203.0.113.5", "alice", "guess"));
      stage_wait_status (0);
    }
  g_assert_true (stage_password (0, 50, "203.0.113.5", "alice", "pw")); /* in the cache */
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

/* U16 */
static void
test_cache (void)
{
  stage_begin (NULL);
  g_assert_cmpint (log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  for (guint64 i = 2; i < 10; i++)
    g_assert_cmpint (log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 1);
  g_assert_cmpint (log_in (10, "bob", "pw"), ==, SATCHEL_AUTH_OK); /* the same password of another is another */
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  stage_set_user ("alice@x.org", "new", FALSE);
  g_assert_cmpint (log_in (11, "alice", "pw"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (log_in (12, "alice", "new"), ==, SATCHEL_AUTH_OK);
  stage_set_user ("alice@x.org", "new", TRUE);
  g_assert_cmpint (log_in (13, "alice", "new"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=locked"), ==, 1);
  stage_set_user ("alice@x.org", "new", FALSE);
  g_assert_cmpint (log_in (14, "alice", "new"), ==, SATCHEL_AUTH_OK);
  stage_set_user ("alice@x.org", NULL, FALSE);
  g_assert_cmpint (log_in (15, "alice", "new"), ==, SATCHEL_AUTH_FAILED);
  stage_database_is_down = TRUE;
  g_assert_cmpint (log_in (16, "bob", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_end ();
}

static void
test_cache_off (void)
{
  static const char *const settings[] = { "auth.cache_time=\"0\"", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i <= 3; i++)
    g_assert_cmpint (log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 3);
  stage_end ();
}

/* Many clients of one user come back at once: one hash for all that say the same. */
static void
test_joined (void)
{
  static const char *const settings[] = { "limits.login_failures=5", NULL };
  stage_begin (settings);
  stage_hold_hashes (TRUE);
  for (guint64 i = 1; i <= 20; i++)
    g_assert_true (stage_password (0, i, PEER, "alice", "pw"));
  stage_hold_hashes (FALSE);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 1);
  stage_end ();
}

/* A lock or a removal while the hash runs counts. */
static void
test_change_during_hash (void)
{
  stage_begin (NULL);
  stage_hold_hashes (TRUE);
  g_assert_true (stage_password (0, 1, PEER, "alice", "pw"));
  stage_set_user ("alice@x.org", "pw", TRUE);
  stage_hold_hashes (FALSE);
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

static void
test_upgrade (void)
{
  stage_begin (NULL);
  stage_wants_upgrade = TRUE;
  g_assert_cmpint (log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_settle ();
  g_assert_cmpuint (stage_counts.n_upgrades, ==, 1);
  g_assert_cmpint (log_in (2, "alice", "no"), ==, SATCHEL_AUTH_FAILED);
  stage_settle ();
  g_assert_cmpuint (stage_counts.n_upgrades, ==, 1);
  stage_end ();
}

/* U11: what does not fit in time is told to come back, and is no failure. */
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
  /* One address fills a quarter of the line; others still get a place. */
  g_assert_cmpuint (stage_count_lines ("reason=unavailable"), >, 200);
  guint before = stage_count_lines ("reason=unavailable");
  g_assert_true (stage_password (1, 1, PEER, "alice", "pw"));
  g_assert_cmpuint (stage_count_lines ("reason=unavailable"), ==, before);
  stage_hold_hashes (FALSE);
  g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

static void
test_deadline (void)
{
  stage_begin (NULL);
  g_assert_cmpint (log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK); /* and remembered: still no reason to grant */
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_PASSWORD, 1);
  message->deadline_ms = 1; /* long ago: auth was stopped (U15) */
  satchel_ipc_put_string (message, "imap");
  satchel_ipc_put_string (message, "LOGIN");
  satchel_ipc_put_string (message, PEER);
  satchel_ipc_put_u32 (message, 1);
  satchel_ipc_put_bytes (message, "alice", 5);
  satchel_ipc_put_bytes (message, "pw", 2);
  g_assert_true (stage_deliver (&stage.gates[0], message));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_cmpuint (n_hashes (), ==, 1);
  g_assert_cmpuint (stage_count_lines ("login ok:"), ==, 1);
  stage_end ();
}

static void
test_cleartext (void)
{
  stage_begin (NULL);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", PEER, 0, "alice", 5, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", PEER, 2, "alice", 5, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_true (stage_sasl (0, 1, "PLAIN", 0, "\0alice\0pw", 9));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_cmpuint (n_hashes (), ==, 0);
  g_assert_cmpuint (stage_count_lines ("auth refused: rip=192.0.2.1 service=imap method=LOGIN why=no-tls session="), ==, 2);
  stage_end ();
}

/* U13: every mechanism, left at every step by cancel, end, silence, or a message that does not fit. */
static void
test_sasl (void)
{
  stage_begin (NULL);
  StageReply reply;
  g_assert_true (stage_sasl (0, 1, "plain", 1, "\0alice\0pw", 9));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_sasl (0, 2, "PLAIN", 1, NULL, -1));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_CONTINUE);
  g_assert_cmpstr (reply.challenge, ==, "");
  g_assert_true (stage_step (0, 2, "alice@x.org\0alice\0pw", 20)); /* the same user as authorisation identity */
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_sasl (0, 3, "PLAIN", 1, "bob\0alice\0pw", 12)); /* another one */
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_true (stage_sasl (0, 4, "LOGIN", 1, NULL, -1));
  stage_wait_reply (0, &reply);
  g_assert_cmpstr (reply.challenge, ==, "Username:");
  g_assert_true (stage_step (0, 4, "alice", 5));
  stage_wait_reply (0, &reply);
  g_assert_cmpstr (reply.challenge, ==, "Password:");
  g_assert_true (stage_step (0, 4, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_count_lines ("login ok:"), ==, 3);

  static const char *const mechanisms[] = { "PLAIN", "LOGIN", "LOGIN" };
  static const guint n_steps[] = { 0, 0, 1 };
  for (guint i = 0; i < G_N_ELEMENTS (mechanisms); i++)
    for (guint way = 0; way < 4; way++)
      {
        guint64 session = 100 + i * 10 + way;
        g_assert_true (stage_sasl (0, session, mechanisms[i], 1, NULL, -1));
        g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_CONTINUE);
        for (guint k = 0; k < n_steps[i]; k++)
          {
            g_assert_true (stage_step (0, session, "alice", 5));
            g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_CONTINUE);
          }
        g_autofree char *huge = g_strnfill (12000, 'x');
        if (way == 0)
          g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, session));
        else if (way == 1)
          g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, session));
        else
          {
            g_assert_true (stage_step (0, session, huge, way == 2 ? 0 : 12000));
            g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
          }
        g_assert_false (stage_has_reply (0));
        /* The connection may try again (a new one after its end). */
        g_assert_cmpint (log_in (session, "alice", "pw"), ==, SATCHEL_AUTH_OK);
      }
  g_assert_true (stage_sasl (0, 300, "CRAM-MD5", 1, NULL, -1));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_BAD_MECHANISM);
  g_assert_true (stage_sasl (0, 301, "LOGIN", 1, NULL, -1)); /* left open till the end */
  stage_end ();
}

static void
test_mechanism_setting (void)
{
  static const char *const settings[] = { "auth.mechanisms=( \"plain\", \"SCRAM\" )", NULL };
  stage_begin (settings);
  g_autoptr (SatchelIpcMessage) offered = g_queue_pop_head (&stage.sent[0]);
  g_assert_cmpint (offered->type, ==, SATCHEL_IPC_MECHANISMS);
  g_assert_cmpstr (satchel_ipc_get_string (offered), ==, "PLAIN");
  g_assert_true (stage_sasl (0, 1, "LOGIN", 1, NULL, -1));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_BAD_MECHANISM);
  stage_end ();
}

/* The client leaves while its password is hashed: counted and logged, nothing granted, nothing answered. */
static void
test_end_during_hash (void)
{
  stage_begin (NULL);
  stage_hold_hashes (TRUE);
  g_assert_true (stage_password (0, 1, PEER, "alice", "pw"));
  g_assert_true (stage_password (0, 2, PEER, "alice", "wrong"));
  g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, 1));
  g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, 2));
  stage_hold_hashes (FALSE);
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  g_assert_cmpuint (stage_count_lines ("reason=bad-password"), ==, 1);
  g_assert_cmpuint (stage_count_lines ("login ok:"), ==, 0);
  stage_end ();
}

/* A gate that waited long enough gives up and may ask again, whatever we were about to say. */
static void
test_cancel (void)
{
  static const char *const settings[] = { "auth.failure_delay=\"5s\"", "limits.connections_per_user=1", NULL };
  stage_begin (settings);
  stage_hold_hashes (TRUE);
  g_assert_true (stage_password (0, 1, PEER, "alice", "pw"));
  g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, 1));
  stage_hold_hashes (FALSE);
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  g_assert_null (stage_take_from_mail (satchel_owners_default_slot ("alice@x.org", STAGE_MAILS)));
  g_assert_true (stage_password (0, 1, PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, 1)); /* during the delay */
  g_assert_true (stage_password (0, 1, PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, 1)); /* it crossed our yes */
  g_assert_true (stage_password (0, 1, PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

static void
test_factor (void)
{
  stage_begin (NULL);
  stage_factor_user = "alice@x.org";
  stage_factor_verdict = SATCHEL_FACTOR_RIGHT;
  g_assert_cmpint (log_in (1, "alice", "pw123"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (log_in (2, "alice", "pw123"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_checks, ==, 2); /* a code is never remembered */
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  g_assert_cmpint (log_in (3, "alice", "no123"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_checks, ==, 2); /* and spent with the right password only */
  stage_factor_verdict = SATCHEL_FACTOR_WRONG;
  g_assert_cmpint (log_in (4, "alice", "pw123"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=bad-code"), ==, 1);
  stage_factor_verdict = SATCHEL_FACTOR_STALE;
  g_assert_cmpint (log_in (5, "alice", "pw123"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=code-stale"), ==, 1);
  stage_factor_verdict = SATCHEL_FACTOR_UNAVAILABLE;
  g_assert_cmpint (log_in (6, "alice", "pw123"), ==, SATCHEL_AUTH_UNAVAILABLE);
  /* Without a code: right or wrong, nobody gets in; only who knows the password is told why. */
  StageReply reply;
  g_assert_true (stage_password (0, 7, PEER, "alice", "pw"));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpstr (reply.explain, !=, "");
  g_assert_cmpuint (stage_count_lines ("reason=code-missing"), ==, 1);
  g_assert_true (stage_password (0, 8, PEER, "alice", "no"));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpstr (reply.explain, ==, "");
  g_assert_cmpint (log_in (9, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  /* Switched on while the login without is remembered. */
  stage_factor_user = "bob@x.org";
  g_assert_cmpint (log_in (10, "bob", "pw"), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

static void
test_explain_never (void)
{
  static const char *const settings[] = { "auth.explain=never", NULL };
  stage_begin (settings);
  stage_factor_user = "alice@x.org";
  StageReply reply;
  g_assert_true (stage_password (0, 7, PEER, "alice", "pw"));
  stage_wait_reply (0, &reply);
  g_assert_cmpstr (reply.explain, ==, "");
  stage_end ();
}

static void
test_connection_limit (void)
{
  static const char *const settings[] = { "limits.connections_per_user=3", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i <= 3; i++)
    {
      g_assert_true (stage_password (i % 2, i, PEER, "alice", "pw"));
      g_assert_cmpint (stage_wait_status (i % 2), ==, SATCHEL_AUTH_OK);
    }
  g_assert_true (stage_password (0, 4, PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_LIMITED);
  g_assert_cmpint (log_in (5, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_simple (1, SATCHEL_IPC_SESSION_END, 3));
  g_assert_true (stage_simple (1, SATCHEL_IPC_SESSION_END, 3)); /* twice frees nothing more */
  g_assert_true (stage_password (0, 4, PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_password (0, 6, PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_LIMITED);
  /* A gate that dies takes its sessions with it. */
  stage.hooks->peer_down (&stage.context, &stage.gates[0]);
  stage.hooks->peer_up (&stage.context, &stage.gates[0]);
  for (guint64 i = 10; i < 12; i++)
    {
      g_assert_true (stage_password (0, i, PEER, "alice", "pw"));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
    }
  stage_end ();
}

static void
test_gate_dies_during_hash (void)
{
  stage_begin (NULL);
  stage_hold_hashes (TRUE);
  g_assert_true (stage_password (0, 1, PEER, "alice", "pw"));
  stage.hooks->peer_down (&stage.context, &stage.gates[0]);
  stage.hooks->peer_up (&stage.context, &stage.gates[0]);
  stage_hold_hashes (FALSE);
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  stage_end ();
}

static void
test_mail_away (void)
{
  stage_begin (NULL);
  guint slot = satchel_owners_default_slot ("alice@x.org", STAGE_MAILS);
  stage_mail_away (slot);
  g_assert_cmpint (log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_mail_back (slot);
  g_assert_cmpint (log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

static SatchelAuthStatus
ask_service (guint64 session, const char *service, const char *peer)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SERVICE_GRANT, session);
  satchel_ipc_put_string (message, service);
  satchel_ipc_put_string (message, peer);
  g_assert_true (stage_deliver (&stage.gates[0], message));
  return stage_wait_status (0);
}

static void
test_service_grant (void)
{
  static const char *const settings[] = {
    "listen.listeners=( { name = \"a\"; protocol = \"lmtp\"; address = \"*\"; networks = ( \"192.0.2.0/24\", \"2001:db8::/32\" ); } )", NULL
  };
  stage_begin (NULL);
  g_assert_cmpint (ask_service (1, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (2, "lmtp", "127.0.0.1"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (3, "lmtp", "::1"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (4, "lmtp", "192.0.2.1"), ==, SATCHEL_AUTH_NOT_ALLOWED);
  /* On the mail processes in turn, those that are there. */
  g_autoptr (SatchelIpcMessage) one = stage_take_from_mail (0);
  g_autoptr (SatchelIpcMessage) two = stage_take_from_mail (1);
  g_assert_nonnull (one);
  g_assert_nonnull (two);
  stage_mail_away (0);
  g_assert_cmpint (ask_service (5, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (6, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  stage_mail_away (1);
  g_assert_cmpint (ask_service (7, "lmtp", "local"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_restart (settings);
  g_assert_cmpint (ask_service (1, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (2, "lmtp", "127.0.0.1"), ==, SATCHEL_AUTH_NOT_ALLOWED); /* said otherwise */
  g_assert_cmpint (ask_service (3, "lmtp", "192.0.2.9"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (4, "lmtp", "2001:db8:1::9"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (5, "lmtp", "198.51.100.1"), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_cmpuint (stage_count_lines ("why=network"), ==, 3);
  stage_end ();
}

/* ---- owners ---- */

static void
ask_admin (const char *command, const char *first, const char *second)
{
  const char *const argv[] = { command, first, second, NULL };
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (stage.hooks->admin (&stage.context, 1, argv));
}

static gboolean
send_released (guint slot, const char *user)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASED, 0);
  satchel_ipc_put_string (message, user);
  return stage_deliver (&stage.mails[slot], message);
}

static void
test_release_and_adopt (void)
{
  stage_begin (NULL);
  guint slot = satchel_owners_default_slot ("alice@x.org", STAGE_MAILS);
  g_autofree char *other = g_strdup_printf ("%u", 1 - slot);
  ask_admin ("adopt", "alice", other); /* not before a release */
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "1 "));
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 0); /* until the mail process has closed the store */
  g_autoptr (SatchelIpcMessage) release = stage_take_from_mail (slot);
  g_assert_cmpint (release->type, ==, SATCHEL_IPC_RELEASE);
  g_assert_cmpstr (satchel_ipc_get_string (release), ==, "alice@x.org");
  g_assert_cmpint (log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  ask_admin ("adopt", "alice", other);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "75 "));
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (send_released (slot, "alice@x.org"));
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "0 "));
  /* A restart of auth does not hand a user to two processes. */
  stage_restart (NULL);
  g_assert_cmpint (log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  ask_admin ("adopt", "alice", other);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "0 "));
  g_autoptr (SatchelIpcMessage) adopt = stage_take_from_mail (1 - slot);
  g_assert_cmpint (adopt->type, ==, SATCHEL_IPC_ADOPT);
  g_assert_cmpstr (satchel_ipc_get_string (adopt), ==, "alice@x.org");
  g_assert_cmpstr (satchel_ipc_get_string (adopt), ==, "x.org/alice");
  stage_restart (NULL);
  StageReply reply;
  g_assert_true (stage_password (0, 3, PEER, "alice", "pw"));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (reply.mail_slot, ==, 1 - slot);
  stage_end ();
}

static void
test_release_of_dead_owner (void)
{
  stage_begin (NULL);
  guint slot = satchel_owners_default_slot ("alice@x.org", STAGE_MAILS);
  ask_admin ("release", "alice@x.org", NULL);
  stage_mail_away (slot);
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  ask_admin ("release", "a/b", NULL);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "64 "));
  ask_admin ("release", NULL, NULL);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "64 "));
  ask_admin ("adopt", "alice", "7");
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "1 "));
  ask_admin ("adopt", "alice", "x");
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "64 "));
  static const char *const unknown[] = { "dance", NULL };
  g_assert_false (stage.hooks->admin (&stage.context, 1, unknown));
  stage_end ();
}

/* ---- look-ups ---- */

static char *
look_up (const char *plain, const char *full)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP, 0);
  satchel_ipc_put_u64 (message, 42);
  satchel_ipc_put_string (message, plain);
  if (full != NULL)
    satchel_ipc_put_string (message, full);
  g_assert_true (stage_deliver (&stage.mails[0], message));
  g_autoptr (SatchelIpcMessage) reply = stage_take_from_mail (0);
  g_assert_cmpint (reply->type, ==, SATCHEL_IPC_LOOKUP_REPLY);
  g_assert_cmpuint (satchel_ipc_get_u64 (reply), ==, 42);
  GString *text = g_string_new (NULL);
  guint status = satchel_ipc_get_u32 (reply);
  g_string_append (text, status == SATCHEL_DELIVERY_OK ? "ok" : status == SATCHEL_DELIVERY_UNKNOWN ? "unknown" : status == SATCHEL_DELIVERY_TEMPORARY ? "temporary" : "?");
  for (guint n = satchel_ipc_get_u32 (reply); n > 0; n--)
    {
      const char *user = satchel_ipc_get_string (reply);
      guint slot = satchel_ipc_get_u32 (reply);
      g_autofree char *path = satchel_auth_user_path (user);
      g_assert_cmpuint (slot, ==, satchel_owners_default_slot (user, STAGE_MAILS));
      g_assert_cmpstr (satchel_ipc_get_string (reply), ==, path);
      g_string_append_printf (text, " %s", user);
    }
  g_assert_true (satchel_ipc_message_is_done (reply));
  return g_string_free (text, FALSE);
}
#define EXPECT_LOOKUP(plain, full, expected)                                                                                 \
  G_STMT_START                                                                                                               \
  {                                                                                                                          \
    g_autofree char *found = look_up (plain, full);                                                                          \
    g_assert_cmpstr (found, ==, expected);                                                                                   \
  }                                                                                                                          \
  G_STMT_END

static void
alias (const char *address, const char *targets)
{
  g_hash_table_replace (stage_aliases, g_strdup (address), g_strdup (targets));
}

static void
test_lookup (void)
{
  stage_begin (NULL);
  EXPECT_LOOKUP ("alice@x.org", NULL, "ok alice@x.org");
  EXPECT_LOOKUP ("Alice@X.ORG", NULL, "ok alice@x.org");
  EXPECT_LOOKUP ("alice", NULL, "ok alice@x.org"); /* a bare name */
  EXPECT_LOOKUP ("nobody@x.org", NULL, "unknown");
  EXPECT_LOOKUP ("alice@elsewhere.org", NULL, "unknown");
  EXPECT_LOOKUP ("", NULL, "unknown");
  EXPECT_LOOKUP ("../alice@x.org", NULL, "unknown");
  alias ("team@x.org", "alice@x.org bob@x.org alice@x.org all@x.org");
  alias ("all@x.org", "team@x.org bob@x.org"); /* a loop */
  EXPECT_LOOKUP ("team@x.org", NULL, "ok alice@x.org bob@x.org");
  alias ("bob@x.org", "bob@x.org alice@x.org"); /* itself and a copy */
  EXPECT_LOOKUP ("bob@x.org", NULL, "ok bob@x.org alice@x.org");
  alias ("dead@x.org", "gone@x.org");
  EXPECT_LOOKUP ("dead@x.org", NULL, "unknown");
  g_assert_cmpuint (stage_count_lines ("leads to \"gone@x.org\", which is no user here"), ==, 1);
  alias ("half@x.org", "gone@x.org alice@x.org ../x");
  EXPECT_LOOKUP ("half@x.org", NULL, "ok alice@x.org");
  alias ("self@x.org", "self@x.org"); /* no such user */
  EXPECT_LOOKUP ("self@x.org", NULL, "unknown");
  alias ("stranger@elsewhere.org", "alice@x.org"); /* of a domain that is not ours */
  EXPECT_LOOKUP ("stranger@elsewhere.org", NULL, "unknown");
  /* With its detail first, in each database. */
  alias ("alice+sales@x.org", "bob@x.org");
  alias ("bob@x.org", "bob@x.org");
  EXPECT_LOOKUP ("alice@x.org", "alice+sales@x.org", "ok bob@x.org");
  EXPECT_LOOKUP ("alice@x.org", "alice+other@x.org", "ok alice@x.org");
  EXPECT_LOOKUP ("nobody@x.org", "nobody+other@x.org", "unknown");
  /* An alias of a whole domain keeps the detail's place. */
  alias ("alice+d@old.org", "alice+d@x.org");
  EXPECT_LOOKUP ("alice@old.org", "alice+d@old.org", "ok alice@x.org");
  stage_database_is_down = TRUE;
  EXPECT_LOOKUP ("alice@x.org", NULL, "temporary");
  EXPECT_LOOKUP ("nobody@x.org", NULL, "temporary");
  stage_end ();
}

static void
test_lookup_bounds (void)
{
  stage_begin (NULL);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *from = g_strdup_printf ("deep%u@x.org", i), *to = g_strdup_printf ("deep%u@x.org", i + 1);
      alias (from, i == 19 ? "alice@x.org" : to);
    }
  EXPECT_LOOKUP ("deep10@x.org", NULL, "ok alice@x.org"); /* ten aliases */
  EXPECT_LOOKUP ("deep9@x.org", NULL, "temporary");
  g_autoptr (GString) many = g_string_new ("alice@x.org");
  for (guint i = 0; i < 99; i++)
    {
      g_autofree char *user = g_strdup_printf ("m%02u@x.org", i);
      stage_set_user (user, "pw", FALSE);
      g_string_append_printf (many, " %s", user);
    }
  alias ("hundred@x.org", many->str);
  g_autofree char *hundred = look_up ("hundred@x.org", NULL);
  g_assert_true (g_str_has_prefix (hundred, "ok alice@x.org m00@x.org"));
  g_string_append (many, " bob@x.org");
  alias ("more@x.org", many->str);
  EXPECT_LOOKUP ("more@x.org", NULL, "temporary");
  /* A released user has no owner: try later. */
  ask_admin ("release", "alice", NULL);
  satchel_ipc_message_free (stage_take_from_mail (satchel_owners_default_slot ("alice@x.org", STAGE_MAILS)));
  EXPECT_LOOKUP ("alice@x.org", NULL, "temporary");
  stage_end ();
}

static void
test_extra_domain (void)
{
  static const char *const settings[] = { "auth.domains=( \"Elsewhere.org\" )", NULL };
  stage_begin (settings);
  alias ("stranger@elsewhere.org", "alice@x.org");
  EXPECT_LOOKUP ("stranger@elsewhere.org", NULL, "ok alice@x.org");
  stage_end ();
}

/* ---- hostile gates (U18) ---- */

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
  g_assert_false (stage_password_full (0, 3, "imap x", "LOGIN", PEER, 1, "a", 1, "b", 1));
  g_assert_false (stage_password_full (0, 3, "imap", "LO\"GIN", PEER, 1, "a", 1, "b", 1));
  g_assert_false (stage_password_full (0, 3, "imap", "LOGIN", "example.org", 1, "a", 1, "b", 1));
  g_assert_false (stage_password_full (0, 3, "", "LOGIN", PEER, 1, "a", 1, "b", 1));
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

/* Secrets that cannot be one are not hashed; U14's names change nothing. */
static void
test_odd_input (void)
{
  stage_begin (NULL);
  g_autofree char *huge = g_strnfill (8000, 'a');
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", PEER, 1, "alice", 5, huge, 8000));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", PEER, 1, "alice", 5, "pw\0x", 4));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (n_hashes (), ==, 0);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", PEER, 1, huge, 8000, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  static const char *const names[] = { "", "\377\376", "../", "'; --", "%n%s", "*", "\320\260lice", "alice ", " alice", "alice@", "@x.org", "alice@x.org@x.org" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpint (log_in (2, names[i], "pw"), ==, SATCHEL_AUTH_FAILED);
  g_assert_true (stage_password_full (0, 3, "imap", "LOGIN", PEER, 1, "alice\0", 6, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (log_in (4, "ALICE@X.org", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* A message as a gate or a mail process may send it, for damaging. */
static SatchelIpcMessage *
random_message (GRand *random)
{
  static const SatchelIpcType types[] = { SATCHEL_IPC_AUTH_START,    SATCHEL_IPC_AUTH_START,  SATCHEL_IPC_AUTH_STEP, SATCHEL_IPC_AUTH_CANCEL,
                                          SATCHEL_IPC_AUTH_PASSWORD, SATCHEL_IPC_SESSION_END, SATCHEL_IPC_LOOKUP,    SATCHEL_IPC_RELEASED };
  SatchelIpcMessage *message = satchel_ipc_message_new (types[g_rand_int_range (random, 0, G_N_ELEMENTS (types))],
                                                        (guint64) g_rand_int_range (random, 0, 40));
  gboolean is_start = message->type == SATCHEL_IPC_AUTH_START;
  if (is_start || message->type == SATCHEL_IPC_AUTH_PASSWORD)
    {
      satchel_ipc_put_string (message, "imap");
      satchel_ipc_put_string (message, g_rand_boolean (random) ? "PLAIN" : "LOGIN");
      satchel_ipc_put_string (message, PEER);
      satchel_ipc_put_u32 (message, 1);
    }
  if (is_start)
    satchel_ipc_put_u32 (message, g_rand_boolean (random));
  if (message->type == SATCHEL_IPC_AUTH_PASSWORD)
    satchel_ipc_put_bytes (message, "alice", 5);
  if (is_start || message->type == SATCHEL_IPC_AUTH_PASSWORD || message->type == SATCHEL_IPC_AUTH_STEP)
    satchel_ipc_put_bytes (message, "\0alice\0no", (gsize) g_rand_int_range (random, 0, 10));
  if (message->type == SATCHEL_IPC_LOOKUP)
    satchel_ipc_put_u64 (message, g_rand_int (random));
  if (message->type == SATCHEL_IPC_LOOKUP || message->type == SATCHEL_IPC_RELEASED)
    satchel_ipc_put_string (message, "alice@x.org");
  return message;
}

static void
expect_no_grants (void)
{
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    for (SatchelIpcMessage *message; (message = stage_take_from_mail (slot)) != NULL; satchel_ipc_message_free (message))
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
  const guint n_messages = g_getenv ("SATCHEL_LONG") != NULL ? 10 * 1000 * 1000 : 30 * 1000;
  for (guint i = 0; i < n_messages; i++)
    {
      SatchelPeer *peer = i % 4 == 0 ? &stage.mails[i % 2] : &stage.gates[i % 2];
      SatchelIpcMessage *message = random_message (random);
      for (gint n = message->body->len > 0 ? g_rand_int_range (random, -3, 4) : 0; n > 0; n--)
        message->body->data[g_rand_int_range (random, 0, (gint32) message->body->len)] = (guint8) g_rand_int (random);
      if (message->body->len > 0 && g_rand_int (random) % 5 == 0)
        g_byte_array_set_size (message->body, (guint) g_rand_int_range (random, 0, (gint32) message->body->len));
      n_accepted += stage_deliver (peer, message);
      if (i % 500 != 0)
        continue;
      expect_no_grants ();
      for (guint gate = 0; gate < STAGE_GATES; gate++)
        while (stage_has_reply (gate))
          g_assert_cmpint (stage_wait_status (gate), !=, SATCHEL_AUTH_OK);
    }
  stage_settle ();
  g_assert_cmpuint (n_accepted, >, 3000);
  g_assert_cmpuint (n_hashes (), >, 20);
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
  g_test_add_func ("/auth/role/grant", test_grant);
  g_test_add_func ("/auth/role/grants-differ", test_grants_differ);
  g_test_add_func ("/auth/role/failures", test_failures);
  g_test_add_func ("/auth/role/same-work", test_same_work);
  g_test_add_func ("/auth/role/log-lines", test_log_lines);
  g_test_add_func ("/auth/role/delay", test_delay);
  g_test_add_func ("/auth/role/throttle", test_throttle);
  g_test_add_func ("/auth/role/throttle-spares-known-places", test_throttle_spares_known_places);
  g_test_add_func ("/auth/role/throttle-counts-failures-only", test_throttle_counts_failures_only);
  g_test_add_func ("/auth/role/cache", test_cache);
  g_test_add_func ("/auth/role/cache-off", test_cache_off);
  g_test_add_func ("/auth/role/joined", test_joined);
  g_test_add_func ("/auth/role/change-during-hash", test_change_during_hash);
  g_test_add_func ("/auth/role/upgrade", test_upgrade);
  g_test_add_func ("/auth/role/hash-flood", test_hash_flood);
  g_test_add_func ("/auth/role/deadline", test_deadline);
  g_test_add_func ("/auth/role/cleartext", test_cleartext);
  g_test_add_func ("/auth/role/sasl", test_sasl);
  g_test_add_func ("/auth/role/mechanism-setting", test_mechanism_setting);
  g_test_add_func ("/auth/role/end-during-hash", test_end_during_hash);
  g_test_add_func ("/auth/role/cancel", test_cancel);
  g_test_add_func ("/auth/role/factor", test_factor);
  g_test_add_func ("/auth/role/explain-never", test_explain_never);
  g_test_add_func ("/auth/role/connection-limit", test_connection_limit);
  g_test_add_func ("/auth/role/gate-dies-during-hash", test_gate_dies_during_hash);
  g_test_add_func ("/auth/role/mail-away", test_mail_away);
  g_test_add_func ("/auth/role/service-grant", test_service_grant);
  g_test_add_func ("/auth/role/release-and-adopt", test_release_and_adopt);
  g_test_add_func ("/auth/role/release-of-dead-owner", test_release_of_dead_owner);
  g_test_add_func ("/auth/role/lookup", test_lookup);
  g_test_add_func ("/auth/role/lookup-bounds", test_lookup_bounds);
  g_test_add_func ("/auth/role/extra-domain", test_extra_domain);
  g_test_add_func ("/auth/role/forged-messages", test_forged_messages);
  g_test_add_func ("/auth/role/odd-input", test_odd_input);
  /* Last: these empty the bucket of log lines. */
  g_test_add_func ("/auth/role/log-flood", test_log_flood);
  g_test_add_func ("/auth/role/fuzz", test_fuzz);
  return g_test_run ();
}
