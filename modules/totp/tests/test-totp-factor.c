/* SPDX-License-Identifier: MIT
 * The factor of module totp through its public table: logins, grants, limits, other keys, full disks.
 */
#include "record.h"
#include "totp.h"

#include "core/runtime/login/auth_call_private.h"
#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"

#include <glib/gstdio.h>
#include <satchel/module.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define USER "anna@example.org"
#define HOME "192.0.2.1"
#define AWAY "198.51.100.7"

const SatchelModule *satchel_module (void);

static struct
{
  char *directory, *path;
  const char *key;
  SatchelConfigSet *set;
  GString *told;
  guint8 secret[TOTP_SECRET_BYTES];
} rig;

static void
note_line (SatchelLogLevel level, const char *area, const char *text)
{
  g_string_append_printf (rig.told, "%s\n", text);
}

static void
begin_with (const char *settings)
{
  const SatchelModule *module = satchel_module ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text =
      g_strdup_printf ("enabled = true; key = \"%s\"; path = \"%s\"; %s", rig.key, rig.path, settings);
  rig.set = satchel_config_set_from_text (module->name, module->schema, text, &error);
  g_assert_no_error (error);
  g_assert_true (module->configure (satchel_config_set_group (rig.set, module->name), &error));
  g_assert_true (module->start (SATCHEL_ROLE_AUTH, &error));
}

static void
end_module (void)
{
  satchel_module ()->stop ();
  g_clear_pointer (&rig.set, satchel_config_set_free);
}

/* As after a kill: nothing is written at the end. */
static void
restart (const char *settings)
{
  end_module ();
  begin_with (settings);
}

static void
enrol (void)
{
  TotpUser *user = totp_user_new (USER);
  randombytes_buf (rig.secret, sizeof rig.secret);
  user->digits = 6;
  user->sealed = totp_seal (totp.keys, USER, rig.secret, sizeof rig.secret);
  totp_state_add (totp.state, user);
  g_assert_true (totp_state_commit (totp.state, NULL));
}

static void
set_up (const char *settings)
{
  rig.told = g_string_new (NULL);
  satchel_log_divert (note_line);
  rig.directory = g_dir_make_tmp ("satchel-totp-XXXXXX", NULL);
  rig.path = g_build_filename (rig.directory, "totp", NULL);
  rig.key = KEY;
  begin_with (settings);
  enrol ();
}

static char *last_credential; /* of the last answer */

static void
tear_down (void)
{
  g_clear_pointer (&last_credential, g_free);
  end_module ();
  static const char *const names[] = { "totp", "totp.mark", "totp.new" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_build_filename (rig.directory, names[i], NULL);
      g_unlink (name);
    }
  g_assert_cmpint (g_rmdir (rig.directory), ==, 0);
  g_free (rig.directory);
  g_free (rig.path);
  g_string_free (rig.told, TRUE);
  satchel_log_divert (NULL);
}

static void
take (SatchelCallAnswer *answer, gpointer data)
{
  *(SatchelCallAnswer *) data = *answer;
  *answer = (SatchelCallAnswer) { 0 };
}

static gboolean asks_as_test, asks_from_known;

/* @verifier changes with the password; @password_len 0: `examine`.  What the answer points to lives until the
 * next question. */
static SatchelCallAnswer
ask_full (const char *user, const char *network, const char *typed, gsize password_len, const char *verifier)
{
  const SatchelLogin login = { .size = sizeof login,
                               .user = user,
                               .service = "imap",
                               .listener = "",
                               .peer = network,
                               .network = network,
                               .mechanism = "PLAIN",
                               .client_id = "",
                               .is_test = asks_as_test,
                               .is_network_known = asks_from_known };
  SatchelCredential credential = { .size = sizeof credential,
                                   .user = (char *) user,
                                   .verifier = (char *) verifier };
  SatchelCallAnswer answer = { 0 };
  char *shared = typed != NULL ? satchel_shared_secret_new (typed, strlen (typed)) : NULL;
  SatchelLogin *copy = satchel_login_new (&login);
  const SatchelQuestion question = { .kind = password_len > 0 ? SATCHEL_CALL_CONFIRM : SATCHEL_CALL_EXAMINE,
                                     .source = &totp_factor,
                                     .ask = password_len > 0 ? totp_factor.confirm : totp_factor.examine,
                                     .login = copy,
                                     .user = user,
                                     .credential = &credential,
                                     .secret = shared,
                                     .password_len = password_len };
  satchel_call_ask (&question, take, &answer);
  satchel_login_unref (copy);
  satchel_shared_secret_unref (shared);
  g_free (last_credential);
  last_credential = answer.credential_id;
  return answer;
}

/* A login with the right password "pw". */
static SatchelFactorVerdict
log_in (const char *network, const char *typed)
{
  SatchelCallAnswer answer = ask_full (USER, network, typed, 0, "v1");
  SatchelFactorVerdict verdict = answer.error != NULL ? SATCHEL_FACTOR_UNAVAILABLE : answer.judgement.verdict;
  if (verdict == SATCHEL_FACTOR_CANDIDATES)
    {
      gsize len = answer.judgement.candidates[0];
      for (guint i = 0; i < answer.judgement.n_candidates; i++)
        if (answer.judgement.candidates[i] == 2)
          len = 2;
      answer = ask_full (USER, network, typed, len, "v1");
      verdict = answer.error != NULL ? SATCHEL_FACTOR_UNAVAILABLE : answer.judgement.verdict;
    }
  g_clear_error (&answer.error);
  return verdict;
}

/* "pw" and the code of the step @ahead of now. */
static char *
with_code (int ahead)
{
  char code[TOTP_DIGITS_MAX + 1];
  guint64 step = (guint64) (g_get_real_time () / G_USEC_PER_SEC) / TOTP_STEP_S;
  totp_code_at (TOTP_SHA1, rig.secret, sizeof rig.secret, step + (guint64) (gint64) ahead, 6, code);
  return g_strconcat ("pw", code, NULL);
}

/* The @n-th of codes that are none around now. */
static char *
another_wrong (guint n)
{
  for (guint number = 0;; number++)
    {
      g_autofree char *typed = g_strdup_printf ("pw%06u", number);
      gboolean is_right = FALSE;
      for (int ahead = -4; ahead <= 4; ahead++)
        {
          g_autofree char *right = with_code (ahead);
          is_right = is_right || strcmp (right, typed) == 0;
        }
      if (!is_right && n-- == 0)
        return g_steal_pointer (&typed);
    }
}

static void
test_policy (void)
{
  set_up (
      "policies = ( { name = \"must.org\"; policy = \"required\"; }, { name = \"free@must.org\"; policy = "
      "\"optional\"; }, { name = \"" USER "\"; policy = \"off\"; } );");
  g_assert_cmpint (ask_full ("x@other.org", HOME, "pw", 0, "v").judgement.verdict, ==,
                   SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (ask_full ("x@must.org", HOME, "pw", 0, "v").judgement.verdict, ==,
                   SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (ask_full ("free@must.org", HOME, "pw", 0, "v").judgement.verdict, ==,
                   SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (ask_full (USER, HOME, "pw", 0, "v").judgement.verdict, ==, SATCHEL_FACTOR_NOT_MINE);
  tear_down ();
}

static void
test_login (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0), *wrong = another_wrong (0), *far = with_code (3);
  g_assert_cmpint (log_in (HOME, "pw"), ==, SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (log_in (HOME, wrong), ==, SATCHEL_FACTOR_WRONG);
  g_assert_cmpint (log_in (HOME, far), ==, SATCHEL_FACTOR_WRONG);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  /* The grant: the exact string, the same place, the same password. */
  g_assert_cmpint (ask_full (USER, HOME, typed, 0, "v1").judgement.verdict, ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (ask_full (USER, HOME, typed, 0, "v2").judgement.verdict, ==, SATCHEL_FACTOR_CANDIDATES);
  g_assert_cmpint (log_in (AWAY, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  g_autofree char *spaced = g_strdup_printf ("pw %s", typed + 2);
  g_assert_cmpint (log_in (HOME, spaced), ==, SATCHEL_FACTOR_CODE_STALE);
  g_assert_cmpint (log_in (HOME, "pw"), ==, SATCHEL_FACTOR_CODE_MISSING);
  SatchelCallAnswer answer = ask_full (USER, HOME, typed, 0, "v1");
  g_assert_cmpstr (answer.credential_id, ==, "grant:1");
  g_assert_cmpuint (answer.judgement.password_len, ==, 2);
  tear_down ();
}

static void
test_window (void)
{
  set_up ("");
  g_autofree char *next = with_code (1);
  g_assert_cmpint (log_in (HOME, next), ==, SATCHEL_FACTOR_ACCEPTED);
  g_autofree char *current = with_code (0);
  g_assert_cmpint (log_in (AWAY, current), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in ("203.0.113.9", current), ==, SATCHEL_FACTOR_CODE_STALE);
  tear_down ();
}

/* What was acknowledged is there after a kill; the code is not accepted again, and the grant goes on. */
static void
test_restart (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  restart ("");
  g_assert_cmpint (log_in (AWAY, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  restart ("grant_idle = \"0\";");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  tear_down ();
}

static void
test_no_grants (void)
{
  set_up ("grant_max = \"0\";");
  g_autofree char *typed = with_code (0);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  tear_down ();
}

static void
test_password_alone (void)
{
  set_up ("password_alone = true;");
  g_autofree char *typed = with_code (0);
  g_assert_cmpint (log_in (HOME, "pw"), ==, SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (HOME, "pw"), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (AWAY, "pw"), ==, SATCHEL_FACTOR_CODE_MISSING);
  /* One hash, whatever was typed: a second one would tell who is enrolled. */
  g_autofree char *other = with_code (1), *far = with_code (3);
  const char *const strings[] = { "pw", "pw000000", "wrong", "wrong123456", far, other };
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      SatchelCallAnswer answer = ask_full (USER, HOME, strings[i], 0, "v1");
      g_assert_cmpint (answer.judgement.verdict, ==, SATCHEL_FACTOR_CANDIDATES);
      g_assert_cmpuint (answer.judgement.n_candidates, ==, 1);
      g_assert_cmpuint (answer.judgement.candidates[0], ==, strings[i] == other ? 2 : strlen (strings[i]));
    }
  g_assert_cmpint (log_in (HOME, other), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* From a network that the user has logged in from the password is enough, whoever is enrolled; elsewhere a
 * code is needed, and who has none cannot log in. */
static void
test_required_unknown (void)
{
  set_up ("policy = \"required-unknown\";");
  g_autofree char *typed = with_code (0), *wrong = another_wrong (0);
  g_assert_cmpint (ask_full ("x@other.org", HOME, "pw", 0, "v").judgement.verdict, ==,
                   SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (log_in (HOME, "pw"), ==, SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (log_in (HOME, wrong), ==, SATCHEL_FACTOR_WRONG);
  g_assert_cmpint (log_in (HOME, NULL), ==, SATCHEL_FACTOR_NEEDS_GRANT);
  asks_from_known = TRUE;
  g_assert_cmpint (ask_full ("x@other.org", HOME, "pw", 0, "v").judgement.verdict, ==,
                   SATCHEL_FACTOR_NOT_MINE);
  g_assert_cmpint (log_in (HOME, "pw"), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_null (last_credential);
  g_assert_cmpint (log_in (HOME, NULL), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpstr (last_credential, ==, "grant:1");
  /* Digits that are no code of now belong to the password: one hash, as for all. */
  g_assert_cmpuint (ask_full (USER, HOME, wrong, 0, "v1").judgement.candidates[0], ==, strlen (wrong));
  asks_from_known = FALSE;
  g_assert_cmpint (log_in (AWAY, "pw"), ==, SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (log_in (AWAY, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  tear_down ();
}

/* An administrator tries a login: the answers are those of a login, and nothing is spent, counted or opened.
 */
static void
test_test (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0), *wrong = another_wrong (0);
  TotpUser *user = totp_state_find (totp.state, USER);
  totp_hash (totp.keys, "recovery", USER, "ABCDEFGHIJKLMN23", user->recovery[user->n_recovery++]);
  asks_as_test = TRUE;
  for (guint i = 0; i < 2 * TOTP_WRONG_MAX; i++)
    {
      g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
      g_assert_cmpint (log_in (HOME, wrong), ==, SATCHEL_FACTOR_WRONG);
      g_assert_cmpint (log_in (HOME, "pw abcd-efgh-ijkl-mn23"), ==, SATCHEL_FACTOR_ACCEPTED);
    }
  g_assert_cmpuint (user->grants->len, ==, 0);
  g_assert_cmpuint (user->n_used + user->n_wrong, ==, 0);
  g_assert_cmpuint (user->n_recovery, ==, 1);
  asks_as_test = FALSE;
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  TotpGrant *grant = user->grants->pdata[0];
  gint64 used_s = grant->used_s -= 60;
  asks_as_test = TRUE;
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (AWAY, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  g_assert_cmpint (grant->used_s, ==, used_s);
  asks_as_test = FALSE;
  tear_down ();
}

/* SCRAM: who the user is, is known, and no code can come. */
static void
test_without_secret (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0);
  g_assert_cmpint (log_in (HOME, NULL), ==, SATCHEL_FACTOR_NEEDS_GRANT);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (HOME, NULL), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (AWAY, NULL), ==, SATCHEL_FACTOR_NEEDS_GRANT);
  tear_down ();
}

static void
test_recovery (void)
{
  set_up ("");
  TotpUser *user = totp_state_find (totp.state, USER);
  totp_hash (totp.keys, "recovery", USER, "ABCDEFGHIJKLMN23", user->recovery[user->n_recovery++]);
  totp_state_note_user (totp.state, user);
  g_assert_true (totp_state_commit (totp.state, NULL));
  restart ("");
  g_assert_cmpint (log_in (HOME, "pw abcd-efgh-ijkl-mn24"), ==, SATCHEL_FACTOR_CODE_MISSING);
  g_assert_cmpint (log_in (HOME, "pw abcd-efgh-ijkl-mn23"), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (HOME, "pw abcd-efgh-ijkl-mn23"), ==, SATCHEL_FACTOR_ACCEPTED); /* the grant */
  g_assert_cmpint (log_in (AWAY, "pw abcd-efgh-ijkl-mn23"), ==, SATCHEL_FACTOR_CODE_MISSING);
  g_assert_nonnull (strstr (rig.told->str, "used a recovery code; 0 are left"));
  tear_down ();
}

static void
assert_wrong (guint first, guint n)
{
  for (guint i = first; i < first + n; i++)
    {
      g_autofree char *typed = another_wrong (i);
      g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_WRONG);
    }
}

static void
let_pass (gint64 seconds)
{
  TotpUser *user = totp_state_find (totp.state, USER);
  for (guint i = 0; i < user->n_wrong; i++)
    user->wrong_s[i] -= seconds;
  totp_state_note_user (totp.state, user);
  g_assert_true (totp_state_commit (totp.state, NULL));
}

static void
test_limits (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0), *repeated = another_wrong (0);
  assert_wrong (0, 4);
  for (guint i = 0; i < 50; i++) /* it counts once */
    g_assert_cmpint (log_in (AWAY, repeated), ==, SATCHEL_FACTOR_WRONG);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  for (guint i = 0; i < 50; i++) /* nor does what was used */
    g_assert_cmpint (log_in (AWAY, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  assert_wrong (4, 1);
  g_autofree char *next = with_code (1);
  restart ("");
  g_assert_cmpint (log_in (AWAY, next), ==, SATCHEL_FACTOR_THROTTLED);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED); /* the grant */
  let_pass (901);
  g_assert_cmpint (log_in (AWAY, next), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

static void
test_shut (void)
{
  set_up ("");
  TotpUser *user = totp_state_find (totp.state, USER);
  totp_hash (totp.keys, "recovery", USER, "ABCDEFGHIJKLMN23", user->recovery[user->n_recovery++]);
  assert_wrong (0, 5);
  let_pass (901);
  assert_wrong (5, 5);
  g_assert_nonnull (strstr (rig.told->str, "satchel totp unlock " USER));
  let_pass (100000);
  restart ("");
  g_autofree char *typed = with_code (0);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_THROTTLED);
  g_assert_cmpint (log_in (AWAY, "pwABCDEFGHIJKLMN23"), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* A grant ends by time; the file agrees after a restart. */
static void
test_expiry (void)
{
  set_up ("grant_idle = \"1h\"; grant_max = \"2h\";");
  g_autofree char *typed = with_code (0);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  TotpUser *user = totp_state_find (totp.state, USER);
  TotpGrant *grant = user->grants->pdata[0];
  grant->used_s -= 3599;
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  grant->used_s -= 3601;
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  g_assert_cmpuint (user->grants->len, ==, 0);
  tear_down ();
}

/* A damaged file, or none where there was one, lets nobody in. */
static void
test_damage (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0), *content = NULL;
  gsize len;
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  end_module ();
  g_assert_true (g_file_get_contents (rig.path, &content, &len, NULL));
  content[len / 2] ^= 1;
  g_assert_true (g_file_set_contents (rig.path, content, (gssize) len, NULL));
  begin_with ("");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_UNAVAILABLE);
  g_assert_nonnull (strstr (rig.told->str, "/totp: 1 records are damaged"));
  end_module ();
  g_assert_cmpint (g_unlink (rig.path), ==, 0);
  begin_with ("");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_UNAVAILABLE);
  g_assert_nonnull (strstr (rig.told->str, "was removed; restore it"));
  end_module ();
  content[len / 2] ^= 1;
  g_assert_true (g_file_set_contents (rig.path, content, (gssize) len, NULL));
  begin_with ("");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* The disk takes nothing: the code does not count as accepted, and no grant is left behind. */
static void
test_no_disk (void)
{
  set_up ("");
  g_autofree char *typed = with_code (0);
  totp_state_free (totp.state);
  g_assert_cmpint (g_unlink (rig.path), ==, 0);
  g_autofree char *mark = g_strconcat (rig.path, ".mark", NULL);
  g_assert_cmpint (g_unlink (mark), ==, 0);
  totp.state = totp_state_new (rig.path, NULL);
  TotpUser *user = totp_user_new (USER);
  user->digits = 6;
  user->sealed = totp_seal (totp.keys, USER, rig.secret, sizeof rig.secret);
  g_autofree char *in_the_way = g_strconcat (rig.path, ".new", NULL);
  g_assert_cmpint (g_mkdir (in_the_way, 0700), ==, 0);
  totp_state_add (totp.state, user);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_UNAVAILABLE);
  g_assert_cmpuint (user->grants->len, ==, 0);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  g_assert_cmpint (g_rmdir (in_the_way), ==, 0);
  tear_down ();
}

#define NEW_KEY KEY "new"

static void
restart_with (const char *key, const char *settings)
{
  rig.key = key;
  restart (settings);
}

/* The master key is changed: codes, grants and recovery codes go on, with both keys set and with the new one
 * alone; with the old one nobody gets in. */
static void
test_rekey (void)
{
  guint n;
  g_autoptr (GError) error = NULL;
  set_up ("");
  g_autofree char *typed = with_code (0), *next = with_code (1);
  TotpUser *user = totp_state_find (totp.state, USER);
  totp_hash (totp.keys, "recovery", USER, "ABCDEFGHIJKLMN23", user->recovery[user->n_recovery++]);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_false (totp_rekey (&n, &error));
  g_assert_nonnull (strstr (error->message, "set totp.new_key"));
  g_clear_error (&error);
  restart ("new_key = \"" KEY "\";");
  g_assert_false (totp_rekey (&n, &error));
  g_assert_nonnull (strstr (error->message, "the same key"));
  restart ("new_key = \"" NEW_KEY "\";");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_true (totp_rekey (&n, NULL));
  g_assert_cmpuint (n, ==, 1);
  g_assert_false (totp_rekey (&n, NULL)); /* not back */
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (AWAY, typed), ==, SATCHEL_FACTOR_CODE_STALE);
  restart ("new_key = \"" NEW_KEY "\";");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  restart ("");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_UNAVAILABLE);
  g_assert_nonnull (strstr (rig.told->str, "nobody can log in: totp.key is not the key"));
  restart_with (NEW_KEY, "");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (AWAY, next), ==, SATCHEL_FACTOR_ACCEPTED);
  g_assert_cmpint (log_in (AWAY, "pw abcd-efgh-ijkl-mn23"), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* No room for the new file: the old key goes on, and so does the next change of the state. */
static void
test_rekey_without_disk (void)
{
  guint n;
  set_up ("new_key = \"" NEW_KEY "\";");
  g_autofree char *typed = with_code (0), *next = with_code (1);
  g_autofree char *in_the_way = g_strconcat (rig.path, ".new", NULL);
  g_assert_cmpint (g_mkdir (in_the_way, 0700), ==, 0);
  g_assert_false (totp_rekey (&n, NULL));
  g_assert_cmpint (g_rmdir (in_the_way), ==, 0);
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  restart ("");
  g_assert_cmpint (log_in (HOME, typed), ==, SATCHEL_FACTOR_ACCEPTED);
  restart ("new_key = \"" NEW_KEY "\";");
  g_assert_true (totp_rekey (&n, NULL));
  restart_with (NEW_KEY, "");
  g_assert_cmpint (log_in (HOME, next), ==, SATCHEL_FACTOR_ACCEPTED);
  tear_down ();
}

/* Steps that were used stay used, whatever the clock says and however many there are. */
static void
test_used_steps (void)
{
  g_autoptr (TotpUser) user = totp_user_new (USER);
  for (guint64 step = 1000; step < 1100; step += 2)
    totp_user_use (user, step);
  for (guint64 step = 1000; step < 1100; step += 2)
    g_assert_true (totp_user_has_used (user, step));
  g_assert_false (totp_user_has_used (user, 1101));
  g_assert_false (totp_user_has_used (user, 1097));
  totp_user_use (user, 1097); /* the clock was set back */
  g_assert_true (totp_user_has_used (user, 1097));
  g_assert_true (totp_user_has_used (user, 1098));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  g_test_add_func ("/totp/rekey", test_rekey);
  g_test_add_func ("/totp/rekey-without-disk", test_rekey_without_disk);
  g_test_add_func ("/totp/factor/policy", test_policy);
  g_test_add_func ("/totp/factor/login", test_login);
  g_test_add_func ("/totp/factor/window", test_window);
  g_test_add_func ("/totp/factor/restart", test_restart);
  g_test_add_func ("/totp/factor/no-grants", test_no_grants);
  g_test_add_func ("/totp/factor/password-alone", test_password_alone);
  g_test_add_func ("/totp/factor/required-unknown", test_required_unknown);
  g_test_add_func ("/totp/factor/test", test_test);
  g_test_add_func ("/totp/factor/without-secret", test_without_secret);
  g_test_add_func ("/totp/factor/recovery", test_recovery);
  g_test_add_func ("/totp/factor/limits", test_limits);
  g_test_add_func ("/totp/factor/shut", test_shut);
  g_test_add_func ("/totp/factor/expiry", test_expiry);
  g_test_add_func ("/totp/factor/damage", test_damage);
  g_test_add_func ("/totp/factor/no-disk", test_no_disk);
  g_test_add_func ("/totp/used-steps", test_used_steps);
  return g_test_run ();
}
