/* SPDX-License-Identifier: MIT
 * Passdbs, factors, mechanisms and keyrings as the auth role asks them: answers that come late, break the
 * contract, or decide otherwise than the password would.
 */
#include "core/runtime/login/auth_call_private.h"
#include "tests/lib/auth-stage.h"
#include "tests/lib/own_clock.h"

#include <string.h>

/* What the next grant to any mail process carries. */
typedef struct Granted
{
  char key[128], credential[80], scopes[80];
  char notice[128], copy[32];
} Granted;

static gboolean
take_grant (Granted *ret_granted)
{
  *ret_granted = (Granted) { 0 };
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
      memcpy (ret_granted->key, key, MIN (len, sizeof ret_granted->key - 1));
      satchel_ipc_get_u64 (grant);
      g_strlcpy (ret_granted->credential, satchel_ipc_get_string (grant), sizeof ret_granted->credential);
      g_strlcpy (ret_granted->scopes, satchel_ipc_get_string (grant), sizeof ret_granted->scopes);
      g_strlcpy (ret_granted->notice, satchel_ipc_get_string (grant), sizeof ret_granted->notice);
      const guint8 *copy = satchel_ipc_get_bytes (grant, &len);
      memcpy (ret_granted->copy, copy, MIN (len, sizeof ret_granted->copy - 1));
      g_assert_true (satchel_ipc_message_is_done (grant));
      return TRUE;
    }
  return FALSE;
}

static void
judge_all (SatchelFactorVerdict verdict)
{
  stage_factor_answer = (SatchelFactorAnswer) { .size = sizeof stage_factor_answer, .verdict = verdict };
}

/* ---- late answers ---- */

/* A database that does not answer for one user stops nobody else, fails nobody for good, and what it says
 * too late changes nothing. */
static void
test_silent_database (void)
{
  stage_begin (NULL);
  stage_silent_user = "alice@x.org";
  g_assert_true (stage_password (1, 1, STAGE_PEER, "alice", "pw"));
  for (guint64 i = 10; i < 20; i++)
    g_assert_cmpint (stage_log_in (i, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_cancelled, ==, 0);
  own_clock_pass_ms (10000); /* auth.source_timeout */
  g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_cmpuint (stage_counts.n_cancelled, ==, 1);
  g_assert_cmpuint (stage_n_hashes (), ==, 1);
  g_assert_cmpuint (stage_count_lines ("reason=unavailable user=\"alice\""), ==, 1);
  g_assert_cmpuint (satchel_calls_n_pending (), ==, 1);
  g_assert_cmpuint (stage_answer_late (), ==, 1);
  g_assert_cmpuint (satchel_calls_n_pending (), ==, 0);
  g_assert_false (stage_has_reply (1));
  stage_silent_user = NULL;
  g_assert_true (stage_password (1, 1, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* The client leaves before the database has spoken. */
static void
test_gone_before_answer (void)
{
  stage_begin (NULL);
  stage_silent_user = "alice@x.org";
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, 1));
  g_assert_cmpuint (stage_answer_late (), ==, 1);
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  g_assert_cmpuint (stage_count_lines ("reason=unknown-user"), ==, 1);
  /* And the role stops while one is open. */
  g_assert_true (stage_password (0, 2, STAGE_PEER, "alice", "pw"));
  stage_end ();
  g_assert_cmpuint (stage_answer_late (), ==, 1);
}

/* What one that hangs may cost has a bound, and those beyond it hear at once. */
static void
test_books (void)
{
  static const char *const settings[] = { "limits.login_failures=100000", NULL };
  enum
  {
    MAX = 1024,
    MORE = 30
  };
  stage_begin (settings);
  stage_silent_user = "alice@x.org";
  for (guint64 i = 1; i <= MAX + MORE; i++)
    g_assert_true (stage_password (0, i, STAGE_PEER, "alice", "pw"));
  for (guint i = 0; i < MORE; i++)
    g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_false (stage_has_reply (0));
  g_assert_cmpuint (stage_answer_late (), ==, MAX);
  stage_settle ();
  stage_silent_user = NULL;
  g_assert_true (stage_password (1, 1, STAGE_PEER, "alice", "pw"));
  g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* ---- factors ---- */

/* The whole string counts: no password is looked at, and the session says what opened it. */
static void
test_factor_accepts (void)
{
  Granted granted;
  stage_begin (NULL);
  judge_all (SATCHEL_FACTOR_ACCEPTED);
  stage_factor_answer.credential = "app:3f2a";
  stage_factor_answer.scopes = "pop3 imap";
  g_assert_cmpint (stage_log_in (1, "alice", "anything"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_n_hashes (), ==, 0);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.credential, ==, "app:3f2a");
  g_assert_cmpstr (granted.scopes, ==, "pop3 imap");
  g_assert_cmpuint (stage_count_lines ("credential=app:3f2a"), ==, 1);
  stage_factor_answer.scopes = "pop3 smtp";
  g_assert_cmpint (stage_log_in (2, "alice", "anything"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=out-of-scope"), ==, 1);
  stage_factor_answer.scopes = NULL;
  stage_set_user ("alice@x.org", "pw", TRUE);
  g_assert_cmpint (stage_log_in (3, "alice", "anything"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=locked"), ==, 1);
  /* It is asked of users only. */
  guint n_examined = stage_counts.n_examined;
  g_assert_cmpint (stage_log_in (4, "nobody", "anything"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_examined, ==, n_examined);
  g_assert_cmpuint (stage_counts.n_dummy_hashes, ==, 1);
  stage_end ();
}

/* Passwords of several lengths are tried in order; the factor hears which one was right. */
static void
test_factor_candidates (void)
{
  stage_begin (NULL);
  judge_all (SATCHEL_FACTOR_CANDIDATES);
  stage_factor_verdict = SATCHEL_FACTOR_ACCEPTED;
  stage_factor_answer.n_candidates = 3;
  stage_factor_answer.candidates[0] = 8;
  stage_factor_answer.candidates[1] = 2;
  stage_factor_answer.candidates[2] = 1;
  g_assert_cmpint (stage_log_in (1, "alice", "pw123456"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  g_assert_cmpuint (stage_counts.n_checks, ==, 1);
  g_assert_cmpuint (stage_counts.password_len, ==, 2);
  g_assert_cmpint (stage_log_in (2, "alice", "no123456"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 5);
  g_assert_cmpuint (stage_counts.n_checks, ==, 1);
  g_assert_cmpuint (stage_count_lines ("reason=bad-password"), ==, 1);
  stage_end ();
}

/* Who does not know the password does not learn that something else is missing. */
static void
test_factor_refuses (void)
{
  static const struct
  {
    SatchelFactorVerdict verdict;
    const char *line;
    gboolean is_explained;
  } cases[] = { { SATCHEL_FACTOR_CODE_MISSING, "reason=code-missing", TRUE },
                { SATCHEL_FACTOR_CODE_STALE, "reason=code-stale", TRUE },
                { SATCHEL_FACTOR_NEEDS_APP_PASSWORD, "reason=needs-app-password", TRUE },
                { SATCHEL_FACTOR_THROTTLED, "reason=throttled", FALSE },
                { SATCHEL_FACTOR_WRONG, "reason=bad-code", FALSE } };
  StageReply reply;
  stage_begin ((const char *const[]) { "auth.explain=\"always\"", NULL });
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      judge_all (cases[i].verdict);
      g_assert_cmpuint (stage_count_lines (cases[i].line), ==, 0);
      g_assert_cmpint (stage_log_in (1 + i, "alice", "wrong"), ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpuint (stage_count_lines (cases[i].line), ==, 0);
      g_assert_true (stage_password (0, 100 + i, STAGE_PEER, "alice", "pw"));
      stage_wait_reply (0, &reply);
      g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_FAILED);
      g_assert_cmpint (reply.explain[0] != '\0', ==, cases[i].is_explained);
      g_assert_cmpuint (stage_count_lines (cases[i].line), ==, 1);
    }
  stage_end ();
}

/* A factor that breaks its contract lets nobody in. */
static void
test_factor_breaks_contract (void)
{
  static const struct
  {
    SatchelFactorVerdict verdict;
    guint n_candidates;
    gsize candidate;
    const char *credential;
  } cases[] = { { SATCHEL_FACTOR_CANDIDATES, 0, 0, NULL },
                { SATCHEL_FACTOR_CANDIDATES, 1, 3, NULL },
                { SATCHEL_FACTOR_CANDIDATES, 1, 0, NULL },
                { SATCHEL_FACTOR_CANDIDATES, 99, 1, NULL },
                { SATCHEL_FACTOR_ACCEPTED, 0, 0, "a b" },
                { SATCHEL_FACTOR_ACCEPTED, 0, 0, "" },
                { 77, 0, 0, NULL } };
  stage_begin (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      judge_all (cases[i].verdict);
      stage_factor_answer.n_candidates = cases[i].n_candidates;
      stage_factor_answer.candidates[0] = cases[i].candidate;
      stage_factor_answer.credential = cases[i].credential;
      g_assert_cmpint (stage_log_in (1 + i, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
    }
  judge_all (SATCHEL_FACTOR_CANDIDATES);
  stage_factor_answer.n_candidates = 1;
  stage_factor_answer.candidates[0] = 2;
  stage_factor_verdict = SATCHEL_FACTOR_NOT_MINE; /* to a question that is the factor's own */
  g_assert_cmpint (stage_log_in (50, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_end ();
}

/* A factor that leaves a login to the password is asked each time, also where the password is remembered. */
static void
test_factor_and_memory (void)
{
  stage_begin (NULL);
  judge_all (SATCHEL_FACTOR_NOT_MINE);
  for (guint64 i = 1; i <= 3; i++)
    g_assert_cmpint (stage_log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 1);
  g_assert_cmpuint (stage_counts.n_examined, ==, 3);
  judge_all (SATCHEL_FACTOR_NEEDS_APP_PASSWORD);
  g_assert_cmpint (stage_log_in (4, "alice", "pw"), ==, SATCHEL_AUTH_FAILED);
  stage_end ();
}

/* RFC 8265: a password is right however its letters were composed; a database may have what was typed. */
static void
test_prepared (void)
{
  stage_begin (NULL);
  stage_set_user ("alice@x.org", "caf\303\251", FALSE);
  g_assert_cmpint (stage_log_in (1, "alice", "caf\303\251"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (stage_log_in (2, "alice", "cafe\314\201"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 2);
  stage_set_user ("bob@x.org", "cafe\314\201", FALSE);
  g_assert_cmpint (stage_log_in (3, "bob", "cafe\314\201"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 4);
  g_assert_cmpint (stage_log_in (4, "bob", "caf\303\251"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_hashes, ==, 5);
  stage_end ();
}

/* ---- mechanisms ---- */

static SatchelAuthStatus
prove (guint64 session, const char *user, const char *word)
{
  stage_binding = "binding";
  g_assert_true (stage_sasl (0, session, "TOKEN-PLUS", 3, user, (gssize) strlen (user)));
  SatchelAuthStatus status = stage_wait_status (0);
  if (status != SATCHEL_AUTH_CONTINUE)
    return status;
  g_assert_true (stage_step (0, session, word, strlen (word)));
  status = stage_wait_status (0);
  if (status == SATCHEL_AUTH_OK)
    g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, session));
  return status;
}

static void
test_mechanism (void)
{
  Granted granted;
  static const char *const settings[] = { "limits.login_failures=10", NULL };
  stage_begin (settings);
  stage_has_ring = TRUE;
  g_assert_cmpint (prove (1, "Alice", "right"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.credential, ==, "password");
  g_assert_cmpstr (granted.key, ==, "2 password TOKEN client key");
  g_assert_cmpint (prove (2, "alice", "wrong"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("method=TOKEN-PLUS reason=bad-password user=\"alice\""), ==, 1);
  /* A mechanism that says right of nobody lets nobody in. */
  g_assert_cmpint (prove (3, "nobody", "right"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (prove (4, "a/b", "right"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=unknown-user"), ==, 2);
  stage_set_user ("locked@x.org", "pw", TRUE);
  g_assert_cmpint (prove (5, "locked", "right"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=locked"), ==, 1);
  g_assert_cmpuint (stage_n_hashes (), ==, 0);
  judge_all (SATCHEL_FACTOR_NEEDS_GRANT);
  g_assert_cmpint (prove (6, "alice", "right"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=scram-needs-grant"), ==, 1);
  /* Only where there is a channel binding. */
  stage_binding = NULL;
  g_assert_true (stage_sasl (0, 7, "TOKEN-PLUS", 3, "alice", 5));
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_NOT_ALLOWED);
  stage_end ();
}

/* Guesses are counted before their proof is looked at; exchanges that end before are given back. */
static void
test_mechanism_counts (void)
{
  static const char *const settings[] = { "limits.login_failures=5", NULL };
  stage_begin (settings);
  stage_binding = "binding";
  for (guint64 i = 1; i <= 20; i++)
    {
      g_assert_true (stage_sasl (0, i, "TOKEN-PLUS", 3, "alice", 5));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_CONTINUE);
      if (i % 2 == 0)
        g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, i));
      else
        {
          g_assert_true (stage_step (0, i, "", 0));
          g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
        }
    }
  for (guint64 i = 100; i < 104; i++) /* one is kept for networks that are known */
    g_assert_cmpint (prove (i, "alice", "wrong"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpint (prove (200, "alice", "right"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_count_lines ("reason=throttled"), ==, 1);
  stage_end ();
}

/* The look-up in the middle of an exchange hangs, and the client goes. */
static void
test_mechanism_gone (void)
{
  stage_begin (NULL);
  stage_binding = "binding";
  stage_silent_user = "alice@x.org";
  g_assert_true (stage_sasl (0, 1, "TOKEN-PLUS", 3, "alice", 5));
  g_assert_false (stage_has_reply (0));
  g_assert_false (stage_step (0, 1, "right", 5)); /* nothing was asked of it */
  g_assert_true (stage_sasl (0, 2, "TOKEN-PLUS", 3, "alice", 5));
  g_assert_true (stage_simple (0, SATCHEL_IPC_SESSION_END, 2));
  g_assert_cmpuint (stage_answer_late (), ==, 2);
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_CONTINUE);
  g_assert_false (stage_has_reply (0));
  stage_end ();
}

/* ---- keyrings, and the end of a credential ---- */

/* What opens the ring, and that a remembered login has the key without opening it again. */
static void
test_keyring (void)
{
  Granted granted;
  stage_begin (NULL);
  g_assert_cmpint (stage_log_in (20, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.key, ==, "");
  stage_has_ring = TRUE; /* which a remembered login opens as well, once */
  for (guint64 i = 21; i <= 22; i++)
    {
      g_assert_cmpint (stage_log_in (i, "bob", "pw"), ==, SATCHEL_AUTH_OK);
      g_assert_true (take_grant (&granted));
      g_assert_cmpstr (granted.key, ==, "1 password  pw");
      g_assert_cmpuint (stage_counts.n_unlocked, ==, 2);
    }
  stage_counts.n_unlocked = 0;
  for (guint64 i = 1; i <= 3; i++)
    {
      g_assert_cmpint (stage_log_in (i, "alice", "pw"), ==, SATCHEL_AUTH_OK);
      g_assert_true (take_grant (&granted));
      g_assert_cmpstr (granted.key, ==, "1 password  pw");
    }
  g_assert_cmpuint (stage_counts.n_unlocked, ==, 1);
  g_assert_cmpint (stage_log_in (4, "alice", "wrong"), ==, SATCHEL_AUTH_FAILED);
  g_assert_cmpuint (stage_counts.n_unlocked, ==, 1);
  stage_factor_user = "alice@x.org"; /* a code is no part of what opens it */
  stage_factor_verdict = SATCHEL_FACTOR_ACCEPTED;
  g_assert_cmpint (stage_log_in (5, "alice", "pw123"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.key, ==, "1 password  pw");
  judge_all (SATCHEL_FACTOR_ACCEPTED);
  stage_factor_answer.credential = "app:1";
  g_assert_cmpint (stage_log_in (6, "alice", "app secret"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.key, ==, "3 app:1  app secret");
  stage_factor_answer.key_secret = "appsecret"; /* the module knows in which form */
  g_assert_cmpint (stage_log_in (9, "alice", "APP-secret"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.key, ==, "3 app:1  appsecret");
  stage_factor_answer.credential = "grant:1";
  stage_factor_answer.key_secret = NULL;
  stage_factor_answer.password_len = 2;
  g_assert_cmpint (stage_log_in (7, "alice", "pw999"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.key, ==, "1 password  pw");
  stage_key = "of the passdb"; /* goes first */
  judge_all (SATCHEL_FACTOR_NOT_MINE);
  stage_set_user ("alice@x.org", "new", FALSE);
  g_assert_cmpint (stage_log_in (8, "alice", "new"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.key, ==, "of the passdb");
  stage_end ();
}

/* What a keyring leaves for the user, and for the mail, comes with the grant. */
static void
test_notice (void)
{
  Granted granted;
  stage_begin (NULL);
  stage_notice = "Read this.";
  g_assert_cmpint (stage_log_in (1, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.notice, ==, "Read this.");
  g_assert_cmpstr (granted.copy, ==, "a copy");
  stage_notice = NULL;
  g_assert_cmpint (stage_log_in (2, "bob", "pw"), ==, SATCHEL_AUTH_OK);
  g_assert_true (take_grant (&granted));
  g_assert_cmpstr (granted.notice, ==, "");
  stage_end ();
}

static GString *changes;            /* what keyrings were asked to do */
static SatchelErrorCode ring_error; /* what rings say; 0: they do it */

static gboolean
note_change (const char *what, const char *user, const SatchelKeyMaterial *opener,
             const SatchelKeyMaterial *material, GError **error)
{
  g_string_append_printf (changes, "%s %s %s>%s\n", what, user, opener->slot, material->slot);
  return ring_error == 0 || satchel_error_set (error, ring_error, "as the test wants it");
}

static gboolean
note_rewrap (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
             GError **error)
{
  return note_change ("rewrap", user, opener, material, error);
}

static gboolean
note_add (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
          GError **error)
{
  return note_change ("add", user, opener, material, error);
}

static gboolean
note_drop (const char *user, const char *slot, GError **error)
{
  const SatchelKeyMaterial material = { .slot = slot };
  return note_change ("drop", user, &material, &material, error);
}

/* Each change goes to every ring; a user whom one does not know is no failure, and any other is one. */
static void
test_ring_changes (void)
{
  static const SatchelKeyringOps bare = { .size = sizeof bare }, full = {
    .size = sizeof full, .rewrap = note_rewrap, .add_slot = note_add, .drop_slot = note_drop
  };
  static const SatchelKeyMaterial old = { .slot = "password" }, new = { .slot = "app:1" };
  g_autoptr (GPtrArray) rings = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  changes = g_string_new (NULL);
  g_assert_true (satchel_keyring_add_slot ("alice@x.org", &old, &new, &error)); /* there is no keyring */
  g_ptr_array_add (rings, (gpointer) &full);
  g_ptr_array_add (rings, (gpointer) &bare);
  g_ptr_array_add (rings, (gpointer) &full);
  satchel_keyrings_set (rings);
  g_assert_true (satchel_keyring_rewrap ("alice@x.org", &old, &old, &error));
  ring_error = SATCHEL_ERROR_NONEXISTENT;
  g_assert_true (satchel_keyring_drop_slot ("bob@x.org", "app:1", &error));
  ring_error = SATCHEL_ERROR_NOPERM;
  g_assert_false (satchel_keyring_add_slot ("alice@x.org", &old, &new, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_assert_cmpstr (
      changes->str, ==,
      "rewrap alice@x.org password>password\nrewrap alice@x.org password>password\n"
      "drop bob@x.org app:1>app:1\ndrop bob@x.org app:1>app:1\nadd alice@x.org password>app:1\n");
  ring_error = 0;
  satchel_keyrings_set (NULL);
  g_string_free (changes, TRUE);
}

static void
test_end_credential (void)
{
  stage_begin (NULL);
  satchel_auth_end_credential ("alice@x.org", "app:1");
  g_main_context_iteration (NULL, FALSE);
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    {
      g_autoptr (SatchelIpcMessage) message = stage_take_from_mail (slot);
      g_assert_nonnull (message);
      g_assert_cmpint (message->type, ==, SATCHEL_IPC_END_SESSIONS);
      g_assert_cmpstr (satchel_ipc_get_string (message), ==, "alice@x.org");
      g_assert_cmpstr (satchel_ipc_get_string (message), ==, "app:1");
      g_assert_true (satchel_ipc_message_is_done (message));
    }
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth/calls/silent-database", test_silent_database);
  g_test_add_func ("/auth/calls/gone-before-answer", test_gone_before_answer);
  g_test_add_func ("/auth/factor/accepts", test_factor_accepts);
  g_test_add_func ("/auth/factor/candidates", test_factor_candidates);
  g_test_add_func ("/auth/factor/refuses", test_factor_refuses);
  g_test_add_func ("/auth/factor/breaks-contract", test_factor_breaks_contract);
  g_test_add_func ("/auth/factor/memory", test_factor_and_memory);
  g_test_add_func ("/auth/factor/prepared", test_prepared);
  g_test_add_func ("/auth/mechanism/proof", test_mechanism);
  g_test_add_func ("/auth/mechanism/counts", test_mechanism_counts);
  g_test_add_func ("/auth/mechanism/gone", test_mechanism_gone);
  g_test_add_func ("/auth/keyring/unlock", test_keyring);
  g_test_add_func ("/auth/keyring/notice", test_notice);
  g_test_add_func ("/auth/keyring/changes", test_ring_changes);
  g_test_add_func ("/auth/credential/end", test_end_credential);
  /* The last: it uses up the log's room for lines that are no guesses. */
  g_test_add_func ("/auth/flood/books", test_books);
  return g_test_run ();
}
