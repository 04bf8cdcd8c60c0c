/* SPDX-License-Identifier: MIT
 * Logins at the auth role, as gates and mail processes meet them.
 */
#include "core/base/session_id.h"
#include "tests/lib/auth-stage.h"

#include <string.h>

/* The grant is with the mail process before the gate hears of it, and it is for this connection. */
static void
test_grant (void)
{
  stage_begin (NULL);
  g_assert_true (stage_password (1, 7, STAGE_PEER, "Alice", "pw"));
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
  g_autoptr (SatchelPlace) place = satchel_place_get (grant);
  g_assert_cmpstr (place->path, ==, "x.org/alice");
  g_assert_cmpstr (place->profile, ==, "default");
  g_assert_cmpuint (place->epoch, ==, 0);
  satchel_ipc_get_bytes (grant, &len);
  g_assert_cmpuint (len, ==, 0);
  gint64 left_ms = (gint64) satchel_ipc_get_u64 (grant) - g_get_monotonic_time () / 1000;
  g_assert_cmpint (left_ms, >, 0);
  g_assert_cmpint (left_ms, <=, 60000);
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "password");
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "");
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "");
  satchel_ipc_get_bytes (grant, &len);
  g_assert_cmpuint (len, ==, 0);
  g_assert_true (satchel_ipc_message_is_done (grant));
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  /* A second login of the same connection is a lie of the gate. */
  g_assert_false (stage_password (1, 7, STAGE_PEER, "bob", "pw"));
  g_assert_null (stage_take_from_mail (0));
  g_assert_null (stage_take_from_mail (1));
  stage_end ();
}

static void
test_grants_differ (void)
{
  stage_begin (NULL);
  g_autoptr (GHashTable) seen =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  for (guint64 i = 1; i <= 100; i++)
    {
      StageReply reply;
      g_assert_true (stage_password (0, i, STAGE_PEER, "alice", "pw"));
      stage_wait_reply (0, &reply);
      g_assert_true (g_hash_table_add (seen, g_bytes_new (reply.grant, 16)));
    }
  stage_end ();
}

static void
test_failures (void)
{
  static const char *const bad[][2] = { { "alice", "wrong" }, { "alice", "" }, { "nobody", "pw" },
                                        { "../etc", "pw" },   { "", "pw" },    { "locked", "pw" },
                                        { "locked", "no" } };
  stage_begin (NULL);
  stage_set_user ("locked@x.org", "pw", TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      StageReply reply;
      g_assert_true (stage_password (0, 1, STAGE_PEER, bad[i][0], bad[i][1]));
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
  } cases[] = { { "alice", "wrong", TRUE }, { "nobody", "wrong", FALSE }, { "a/b", "wrong", FALSE },
                { "locked", "pw", TRUE },   { "locked", "wrong", TRUE },  { "empty", "x", TRUE } };
  stage_begin (NULL);
  stage_set_user ("locked@x.org", "pw", TRUE);
  stage_set_user ("empty@x.org", NULL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint before = stage_n_hashes (), before_dummies = stage_counts.n_dummy_hashes;
      g_assert_cmpint (stage_log_in (1, cases[i].user, cases[i].password), ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpuint (stage_n_hashes (), ==, before + 1);
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
  g_assert_true (
      stage_password_full (0, 0xabc, "imap", "login", STAGE_PEER, 1, evil, strlen (evil), "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
  g_autofree char *hostile =
      g_strdup_printf ("auth failed: rip=192.0.2.1 service=imap method=LOGIN reason=unknown-user "
                       "user=\"a\\x22 session\\x3D1 reason\\x3Dok\\x5C\\x0A\\x1B[2J\\xFF\" session=%s\n",
                       ids[0]);
  g_assert_cmpstr (stage.log->str, ==, hostile);
  g_string_truncate (stage.log, 0);
  stage_log_in (2, "alice", "wrong");
  g_autofree char *failed = g_strdup_printf (
      "auth failed: rip=192.0.2.1 service=imap method=LOGIN reason=bad-password user=\"alice\" session=%s\n",
      ids[1]);
  g_assert_cmpstr (stage.log->str, ==, failed);
  g_string_truncate (stage.log, 0);
  g_assert_true (stage_password_full (0, 3, "pop3", "USER", "2001:db8::1", 3, "alice", 5, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_autofree char *ok = g_strdup_printf (
      "login ok: user=\"alice@x.org\" rip=2001:db8::1 service=pop3 method=USER session=%s tls=yes\n", ids[2]);
  g_assert_cmpstr (stage.log->str, ==, ok);
  g_assert_null (strstr (stage.log->str, "pw"));
  stage_end ();
}

/* The cache of verified logins never outlives the password, the lock or the user that it was made from. */
static void
test_cache (void)
{
  stage_begin (NULL);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  for (guint64 i = 2; i < 10; i++)
    g_assert_cmpint (stage_log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 1);
  g_assert_cmpint (stage_log_in (10, "bob", "pw"), ==,
                   SATCHEL_AUTH_OK); /* the same password of another is another */
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  stage_set_user ("alice@x.org", "new", FALSE);
  g_assert_cmpint (stage_log_in (11, "alice", "pw"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (stage_log_in (12, "alice", "new"), ==, SATCHEL_AUTH_OK);
  stage_set_user ("alice@x.org", "new", TRUE);
  g_assert_cmpint (stage_log_in (13, "alice", "new"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=locked"), ==, 1);
  stage_set_user ("alice@x.org", "new", FALSE);
  g_assert_cmpint (stage_log_in (14, "alice", "new"), ==, SATCHEL_AUTH_OK);
  stage_set_user ("alice@x.org", NULL, FALSE);
  g_assert_cmpint (stage_log_in (15, "alice", "new"), ==, SATCHEL_AUTH_FAILED);
  stage_database_is_down = TRUE;
  g_assert_cmpint (stage_log_in (16, "bob", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_end ();
}

/* The key in the next grant of any mail process; yours, "" for none. */
static char *
take_key (void)
{
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    {
      g_autoptr (SatchelIpcMessage) grant = stage_take_from_mail (slot);
      gsize len;
      if (grant == NULL)
        continue;
      satchel_ipc_get_bytes (grant, &len);
      satchel_ipc_get_u32 (grant);
      for (guint i = 0; i < 2; i++)
        satchel_ipc_get_string (grant);
      satchel_place_unref (satchel_place_get (grant));
      const guint8 *key = satchel_ipc_get_bytes (grant, &len);
      return g_strndup ((const char *) key, len);
    }
  return NULL;
}

static void
assert_key (const char *expected)
{
  g_autofree char *key = take_key ();
  g_assert_cmpstr (key, ==, expected);
}

/* What a login unlocks goes to the mail process, also when the login is remembered, and with nothing else. */
static void
test_keys (void)
{
  stage_begin (NULL);
  g_assert_cmpint (stage_log_in (1, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  assert_key ("");
  stage_key = "alice's key";
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  assert_key ("alice's key");
  stage_key = "another"; /* nobody asks for it: remembered */
  for (guint64 i = 3; i < 6; i++)
    {
      g_assert_cmpint (stage_log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
      assert_key ("alice's key");
    }
  g_assert_cmpint (stage_log_in (6, "bob", "pw"), ==, SATCHEL_AUTH_OK); /* had none when it was remembered */
  assert_key ("");
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  g_assert_cmpint (stage_log_in (7, "alice", "wrong"), ==, SATCHEL_AUTH_FAILED);
  assert_key (NULL);
  /* Forgotten at a reload: the database may say another one now. */
  stage.hooks->reload_commit (&stage.context);
  g_assert_cmpint (stage_log_in (8, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  assert_key ("another");
  g_assert_cmpuint (stage_counts.n_hashes, ==, 4);
  /* More than a grant can carry is a fault of the database, not a wrong password. */
  g_autofree char *large = g_strnfill (SATCHEL_SECRET_BYTES_MAX, 'k');
  stage_key = large;
  stage_set_user ("alice@x.org", "new", FALSE);
  g_assert_cmpint (stage_log_in (9, "alice", "new"), ==, SATCHEL_AUTH_OK);
  assert_key (large);
  stage_end ();
}

/* Logins that joined one that was under way get what it unlocked. */
static void
test_joined_keys (void)
{
  stage_begin (NULL);
  stage_key = "k";
  stage_hold_hashes (TRUE);
  for (guint64 i = 1; i <= 3; i++)
    g_assert_true (stage_password (0, i, STAGE_PEER, "alice", "pw"));
  stage_hold_hashes (FALSE);
  for (guint64 i = 1; i <= 3; i++)
    {
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
      assert_key ("k");
    }
  g_assert_cmpuint (stage_counts.n_hashes, ==, 1);
  stage_end ();
}

static void
test_cache_off (void)
{
  static const char *const settings[] = { "auth.cache_time=\"0\"", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i <= 3; i++)
    g_assert_cmpint (stage_log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
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
    g_assert_true (stage_password (0, i, STAGE_PEER, "alice", "pw"));
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
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
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
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_settle ();
  g_assert_cmpuint (stage_counts.n_upgrades, ==, 1);
  g_assert_cmpint (stage_log_in (2, "alice", "no"), ==, SATCHEL_AUTH_FAILED);
  stage_settle ();
  g_assert_cmpuint (stage_counts.n_upgrades, ==, 1);
  stage_end ();
}

static void
test_deadline (void)
{
  stage_begin (NULL);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==,
                   SATCHEL_AUTH_OK); /* and remembered: still no reason to grant */
  SatchelIpcMessage *message =
      stage_password_message (1, "imap", "LOGIN", STAGE_PEER, 1, "alice", 5, "pw", 2);
  message->deadline_ms = 1; /* long ago: auth was stopped */
  g_assert_true (stage_deliver (&stage.gates[0], message));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_cmpuint (stage_n_hashes (), ==, 1);
  g_assert_cmpuint (stage_count_lines ("login ok:"), ==, 1);
  stage_end ();
}

static void
test_cleartext (void)
{
  stage_begin (NULL);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", STAGE_PEER, 0, "alice", 5, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_true (stage_password_full (0, 1, "imap", "LOGIN", STAGE_PEER, 2, "alice", 5, "pw", 2));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_true (stage_sasl (0, 1, "PLAIN", 0, "\0alice\0pw", 9));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_cmpuint (stage_n_hashes (), ==, 0);
  g_assert_cmpuint (
      stage_count_lines ("auth refused: rip=192.0.2.1 service=imap method=LOGIN why=no-tls session="), ==, 2);
  stage_end ();
}

/* Every mechanism, left at every step by cancel, end, silence, or a message that does not fit. */
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
  g_assert_true (
      stage_step (0, 2, "alice@x.org\0alice\0pw", 20)); /* the same user as authorisation identity */
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
        g_assert_cmpint (stage_log_in (session, "alice", "pw"), ==, SATCHEL_AUTH_OK);
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
  g_assert_cmpuint (satchel_ipc_get_u32 (offered), ==, 1);
  g_assert_cmpstr (satchel_ipc_get_string (offered), ==, "PLAIN");
  g_assert_cmpuint (satchel_ipc_get_u32 (offered), ==, SATCHEL_SASL_SENDS_PASSWORD);
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
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  g_assert_true (stage_password (0, 2, STAGE_PEER, "alice", "wrong"));
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
  static const char *const settings[] = { "auth.failure_delay=\"5s\"", "limits.connections_per_user=1",
                                          NULL };
  stage_begin (settings);
  stage_hold_hashes (TRUE);
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, 1));
  stage_hold_hashes (FALSE);
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  g_assert_null (stage_take_from_mail (satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS)));
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "wrong"));
  stage_settle ();
  g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, 1)); /* during the delay */
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  g_assert_true (stage_simple (0, SATCHEL_IPC_AUTH_CANCEL, 1)); /* it crossed our yes */
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

static void
test_factor (void)
{
  stage_begin (NULL);
  stage_factor_user = "alice@x.org";
  stage_factor_verdict = SATCHEL_FACTOR_ACCEPTED;
  g_assert_cmpint (stage_log_in (1, "alice", "pw123"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (stage_log_in (2, "alice", "pw123"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_checks, ==, 2); /* a code is never remembered */
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  g_assert_cmpint (stage_log_in (3, "alice", "no123"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_checks, ==, 2); /* and spent with the right password only */
  stage_factor_verdict = SATCHEL_FACTOR_WRONG;
  g_assert_cmpint (stage_log_in (4, "alice", "pw123"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=bad-code"), ==, 1);
  stage_factor_verdict = SATCHEL_FACTOR_CODE_STALE;
  g_assert_cmpint (stage_log_in (5, "alice", "pw123"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=code-stale"), ==, 1);
  stage_factor_verdict = SATCHEL_FACTOR_UNAVAILABLE;
  g_assert_cmpint (stage_log_in (6, "alice", "pw123"), ==, SATCHEL_AUTH_UNAVAILABLE);
  /* Without a code: right or wrong, nobody gets in; only who knows the password is told why. */
  StageReply reply;
  g_assert_true (stage_password (0, 7, STAGE_PEER, "alice", "pw"));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpstr (reply.explain, !=, "");
  g_assert_cmpuint (stage_count_lines ("reason=code-missing"), ==, 1);
  g_assert_true (stage_password (0, 8, STAGE_PEER, "alice", "no"));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpstr (reply.explain, ==, "");
  g_assert_cmpint (stage_log_in (9, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  /* Switched on while the login without is remembered. */
  stage_factor_user = "bob@x.org";
  g_assert_cmpint (stage_log_in (10, "bob", "pw"), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

static void
test_explain_never (void)
{
  static const char *const settings[] = { "auth.explain=never", NULL };
  stage_begin (settings);
  stage_factor_user = "alice@x.org";
  StageReply reply;
  g_assert_true (stage_password (0, 7, STAGE_PEER, "alice", "pw"));
  stage_wait_reply (0, &reply);
  g_assert_cmpstr (reply.explain, ==, "");
  stage_end ();
}

static void
test_gate_dies_during_hash (void)
{
  stage_begin (NULL);
  stage_hold_hashes (TRUE);
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
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
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  stage_mail_away (slot);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_mail_back (slot);
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* A gate hears of its grant when the mail process has it: what is still queued for that one comes first. */
static void
test_grant_comes_first (void)
{
  stage_begin (NULL);
  stage.mails_are_slow = TRUE;
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  while (g_queue_is_empty (&stage.late))
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (stage_has_reply (0));
  const SatchelIpcMessage *late = g_queue_peek_head (&stage.late);
  g_assert_cmpint (late->type, ==, SATCHEL_IPC_AUTH_REPLY);
  g_assert_cmpuint (late->session_id, ==, 1);
  /* A refusal waits for nobody. */
  g_assert_cmpint (stage_log_in (2, "alice", "wrong"), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

/* A mail process that does not keep up gets no more logins; those come again when it does. */
static void
test_mail_behind (void)
{
  stage_begin (NULL);
  stage.mails_are_behind = TRUE;
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage.mails_are_behind = FALSE;
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

static void
ask_elsewhere (const char *user, const char *password, StageReply *ret_reply)
{
  g_assert_true (stage_password_full (0, 7, "smtp", "PLAIN", "192.0.2.9", STAGE_ELSEWHERE, user,
                                      strlen (user), password, strlen (password)));
  stage_wait_reply (0, ret_reply);
}

/* Logins to another server, one after another on one connection: a verdict and a name, logged as all logins
 * are, and nothing is granted. */
static void
test_elsewhere (void)
{
  static const char *const settings[] = { "limits.connections_per_user=1", NULL };
  StageReply reply;
  stage_begin (settings);
  stage_is_elsewhere = TRUE;
  for (guint i = 0; i < 3; i++)
    {
      ask_elsewhere ("Alice", "pw", &reply);
      g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_OK);
      g_assert_cmpstr (reply.user, ==, "alice@x.org");
      ask_elsewhere ("alice", "wrong", &reply);
      g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpstr (reply.user, ==, "alice");
    }
  g_assert_cmpuint (
      stage_count_lines ("login ok: user=\"alice@x.org\" rip=192.0.2.9 service=smtp method=PLAIN"), ==, 3);
  g_assert_cmpuint (
      stage_count_lines ("rip=192.0.2.9 service=smtp method=PLAIN reason=bad-password user=\"alice\""), ==,
      3);
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    g_assert_null (stage_take_from_mail (slot));
  /* Nor is it a connection of the user's, and no mail process has to be there. */
  stage_is_elsewhere = FALSE;
  g_assert_true (stage_password (0, 8, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  stage_mail_away (0);
  stage_mail_away (1);
  stage_is_elsewhere = TRUE;
  ask_elsewhere ("alice", "pw", &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_OK);
  stage_is_elsewhere = FALSE;
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
  g_test_add_func ("/auth/role/cache", test_cache);
  g_test_add_func ("/auth/role/keys", test_keys);
  g_test_add_func ("/auth/role/joined-keys", test_joined_keys);
  g_test_add_func ("/auth/role/cache-off", test_cache_off);
  g_test_add_func ("/auth/role/joined", test_joined);
  g_test_add_func ("/auth/role/change-during-hash", test_change_during_hash);
  g_test_add_func ("/auth/role/upgrade", test_upgrade);
  g_test_add_func ("/auth/role/deadline", test_deadline);
  g_test_add_func ("/auth/role/cleartext", test_cleartext);
  g_test_add_func ("/auth/role/sasl", test_sasl);
  g_test_add_func ("/auth/role/mechanism-setting", test_mechanism_setting);
  g_test_add_func ("/auth/role/end-during-hash", test_end_during_hash);
  g_test_add_func ("/auth/role/cancel", test_cancel);
  g_test_add_func ("/auth/role/factor", test_factor);
  g_test_add_func ("/auth/role/explain-never", test_explain_never);
  g_test_add_func ("/auth/role/gate-dies-during-hash", test_gate_dies_during_hash);
  g_test_add_func ("/auth/role/mail-away", test_mail_away);
  g_test_add_func ("/auth/role/mail-behind", test_mail_behind);
  g_test_add_func ("/auth/role/grant-comes-first", test_grant_comes_first);
  g_test_add_func ("/auth/role/elsewhere", test_elsewhere);
  return g_test_run ();
}
