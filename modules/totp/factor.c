/* SPDX-License-Identifier: MIT
 * The factor: what each login of an enrolled user needs, and what a right code opens.
 */
#include "totp.h"

#include <satchel/account_event.h>
#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

#define USED_NOTE_S 3600 /* the last use of a grant in the file is at most so old */

/* What is asked, and what comes out under the lock, is kept here. It is answered without the lock, since an
 * answer may ask again. */
typedef struct Question
{
  SatchelAuthCall *call;
  SatchelFactorAnswer answer;
  char *credential;
  GError *error;
} Question;

static void
judge (Question *question, SatchelFactorVerdict verdict)
{
  question->answer.verdict = verdict;
}

static void
accept_by (Question *question, const TotpGrant *grant, gsize password_len)
{
  question->answer.verdict = SATCHEL_FACTOR_ACCEPTED;
  question->answer.credential = question->credential = grant != NULL ? totp_grant_name (grant) : NULL;
  question->answer.password_len = password_len;
}

static void
answer_call (SatchelAuthCall *call, void (*func) (Question *question))
{
  Question question = { .call = call, .answer.size = sizeof question.answer };
  g_mutex_lock (&totp.lock);
  func (&question);
  g_mutex_unlock (&totp.lock);
  if (question.error != NULL)
    satchel_auth_call_fail (call, question.error);
  else
    satchel_auth_call_judge (call, &question.answer);
  g_clear_error (&question.error);
  g_free (question.credential);
}

/* Says whether an administrator asks, so that nothing may change. */
static gboolean
is_test (const Question *question)
{
  return satchel_auth_call_login (question->call)->is_test;
}

static void
hash_verifier (const Question *question, guint8 ret_hash[TOTP_HASH_BYTES])
{
  const SatchelCredential *credential = satchel_auth_call_credential (question->call);
  const char *verifier = credential != NULL && credential->verifier != NULL ? credential->verifier : "";
  totp_hash (totp.keys, "verifier", satchel_auth_call_user (question->call), verifier, ret_hash);
}

/* Finds a grant from where the call comes, that @string opened; @string NULL means any. */
static TotpGrant *
find_grant (const Question *question, const TotpUser *user, const char *string)
{
  guint8 verifier[TOTP_HASH_BYTES], hash[TOTP_HASH_BYTES];
  const char *network = satchel_auth_call_login (question->call)->network;
  if (!totp_settings_has_grants (totp.settings))
    return NULL;
  hash_verifier (question, verifier);
  if (string != NULL)
    totp_hash (totp.keys, "string", user->name, string, hash);
  for (guint i = 0; i < user->grants->len; i++)
    {
      TotpGrant *grant = user->grants->pdata[i];
      if (strcmp (grant->network, network) == 0
          && sodium_memcmp (grant->verifier, verifier, sizeof verifier) == 0
          && (string == NULL || sodium_memcmp (grant->string, hash, sizeof hash) == 0))
        return grant;
    }
  return NULL;
}

/* Notes that the grant was used, which need not be durable at once. */
static void
use_grant (const Question *question, TotpUser *user, TotpGrant *grant, gint64 now_s)
{
  g_autoptr (GError) error = NULL;
  if (is_test (question))
    return;
  gint64 idle_s = totp_settings_grant_times (totp.settings).idle_s;
  grant->used_s = MAX (grant->used_s, now_s);
  if (grant->used_s - grant->written_s < MIN (USED_NOTE_S, idle_s / 8))
    return;
  totp_state_note_grant (totp.state, user, grant);
  if (!totp_state_commit (totp.state, &error))
    satchel_log (SATCHEL_LOG_WARNING, TOTP_AREA, "the last use of a grant of %s was not stored: %s",
                 user->name, error->message);
}

/* Returns the place of a recovery code of @user's, or -1. */
static int
find_recovery (const TotpUser *user, const char *code)
{
  guint8 hash[TOTP_HASH_BYTES];
  int found = -1;
  totp_hash (totp.keys, "recovery", user->name, code, hash);
  for (guint i = 0; i < user->n_recovery; i++)
    if (sodium_memcmp (hash, user->recovery[i], sizeof hash) == 0)
      found = (int) i;
  return found;
}

/* Returns how long the password is in a string that has opened a grant. */
static gsize
password_len_of (const TotpUser *user, const TotpGrant *grant, const char *string)
{
  char code[TOTP_RECOVERY_CHARS + 1];
  gsize len = 0;
  if (grant->kind == TOTP_BY_RECOVERY ? !totp_split_recovery (string, &len, code)
                                      : !totp_split_code (string, user->digits, &len, code))
    return 0;
  return len;
}

/* ---- before the password ---- */

/* Says whether the policy asks for no code here, since the user has logged in from this network. */
static gboolean
needs_no_code (const Question *question)
{
  return totp_settings_policy (totp.settings, satchel_auth_call_user (question->call))
             == TOTP_POLICY_REQUIRED_UNKNOWN
         && satchel_auth_call_login (question->call)->is_network_known;
}

static void
examine_without_secret (Question *question, TotpUser *user, gint64 now_s)
{
  TotpGrant *grant = find_grant (question, user, NULL);
  if (grant == NULL && !needs_no_code (question))
    {
      judge (question, SATCHEL_FACTOR_NEEDS_GRANT);
      return;
    }
  if (grant != NULL)
    use_grant (question, user, grant, now_s);
  accept_by (question, grant, 0);
}

/* Says whether it is the code of a step around now, used or not. */
static gboolean
is_code_of_now (Question *question, const TotpUser *user, const char *code, gint64 now_s)
{
  guint64 step;
  gboolean is_spent = FALSE;
  return totp_find_step (user, code, now_s, &step, &is_spent, &question->error) && (step != 0 || is_spent);
}

/* Finds the length that the password may have. There is one: a second hash would tell by its time who is
 * enrolled. So where the password alone is enough, digits at its end are a code only if they are the right
 * one; and a recovery code is known as one before the password is looked at, since it cannot be guessed. */
static void
find_candidate (Question *question, const TotpUser *user, gint64 now_s)
{
  char code[TOTP_RECOVERY_CHARS + 1];
  const char *secret = satchel_auth_call_secret (question->call);
  SatchelFactorAnswer *answer = &question->answer;
  gboolean is_alone =
      needs_no_code (question)
      || (totp_settings_password_alone (totp.settings) && find_grant (question, user, NULL) != NULL);
  gsize len;
  if ((totp_split_recovery (secret, &len, code) && find_recovery (user, code) >= 0)
      || (totp_split_code (secret, user->digits, &len, code)
          && (!is_alone || is_code_of_now (question, user, code, now_s))))
    answer->candidates[answer->n_candidates++] = len;
  else if (is_alone)
    answer->candidates[answer->n_candidates++] = strlen (secret);
  answer->verdict = answer->n_candidates > 0 ? SATCHEL_FACTOR_CANDIDATES : SATCHEL_FACTOR_CODE_MISSING;
}

static void
examine_enrolled (Question *question, TotpUser *user)
{
  const char *secret = satchel_auth_call_secret (question->call);
  gint64 now_s = totp_now_s ();
  totp_state_expire (totp.state, user, totp_settings_grant_times (totp.settings), now_s);
  if (secret == NULL)
    {
      examine_without_secret (question, user, now_s);
      return;
    }
  TotpGrant *grant = *secret != '\0' ? find_grant (question, user, secret) : NULL;
  if (grant != NULL)
    {
      use_grant (question, user, grant, now_s);
      accept_by (question, grant, password_len_of (user, grant, secret));
      return;
    }
  find_candidate (question, user, now_s);
}

static void
examine_call (Question *question)
{
  g_autoptr (GError) error = NULL;
  const char *name = satchel_auth_call_user (question->call);
  TotpPolicy policy = totp_settings_policy (totp.settings, name);
  if (policy == TOTP_POLICY_OFF)
    judge (question, SATCHEL_FACTOR_NOT_MINE);
  else if (totp_ready (&question->error))
    {
      TotpUser *user = totp_state_find (totp.state, name);
      if (user != NULL)
        examine_enrolled (question, user);
      else
        judge (question, policy == TOTP_POLICY_OPTIONAL || needs_no_code (question)
                             ? SATCHEL_FACTOR_NOT_MINE
                             : SATCHEL_FACTOR_CODE_MISSING);
    }
}

static void
examine (SatchelAuthCall *call)
{
  answer_call (call, examine_call);
}

/* ---- with a right password ---- */

static TotpGrant *
grant_new (const Question *question, const TotpUser *user, TotpKind kind, gint64 now_s)
{
  const SatchelLogin *login = satchel_auth_call_login (question->call);
  TotpGrant *grant = g_new0 (TotpGrant, 1);
  grant->network = g_strdup (login->network);
  grant->kind = kind;
  grant->service = g_strdup (login->service);
  grant->peer = g_strdup (login->peer);
  grant->client =
      g_utf8_make_valid (login->client_id, (gssize) strnlen (login->client_id, TOTP_CLIENT_BYTES));
  grant->created_s = grant->used_s = now_s;
  totp_hash (totp.keys, "string", user->name, satchel_auth_call_secret (question->call), grant->string);
  hash_verifier (question, grant->verifier);
  return grant;
}

/* Opens a grant. What has been used up is durable before the login is told that it is right. */
static void
open_grant (Question *question, TotpUser *user, TotpKind kind, gint64 now_s)
{
  TotpGrant *grant = NULL;
  if (totp_settings_has_grants (totp.settings))
    totp_state_add_grant (totp.state, user, grant = grant_new (question, user, kind, now_s));
  else
    totp_state_note_user (totp.state, user);
  if (totp_state_commit (totp.state, &question->error))
    {
      accept_by (question, grant, satchel_auth_call_password_len (question->call));
      return;
    }
  if (grant != NULL)
    totp_state_end_grant (totp.state, user, grant);
}

static void
confirm_recovery (Question *question, TotpUser *user, int place, gint64 now_s)
{
  if (is_test (question))
    {
      accept_by (question, NULL, satchel_auth_call_password_len (question->call));
      return;
    }
  satchel_log (SATCHEL_LOG_WARNING, TOTP_AREA, "user=\"%s\" used a recovery code; %u are left", user->name,
               user->n_recovery - 1);
  memmove (user->recovery[place], user->recovery[place + 1],
           (--user->n_recovery - (guint) place) * sizeof user->recovery[0]);
  totp_user_forgive (user);
  open_grant (question, user, TOTP_BY_RECOVERY, now_s);
}

static void
tell_shut (const SatchelLogin *login, const TotpUser *user)
{
  satchel_log (
      SATCHEL_LOG_WARNING, TOTP_AREA,
      "user=\"%s\" somebody who knows the password typed %u wrong codes in a day: no more are looked "
      "at until a recovery code comes, or: satchel totp unlock %s",
      user->name, TOTP_WRONG_MAX, user->name);
  satchel_account_event (&(SatchelAccountEvent) { .size = sizeof (SatchelAccountEvent),
                                                  .kind = SATCHEL_ACCOUNT_FACTOR_SHUT,
                                                  .user = user->name,
                                                  .network = login->network,
                                                  .service = login->service,
                                                  .client = login->client_id });
}

/* Counts a wrong code, durably, so that a restart gives no more tries. */
static void
count_wrong (Question *question, TotpUser *user, const guint8 text[TOTP_HASH_BYTES], gint64 now_s)
{
  gboolean was_shut = user->is_shut;
  totp_user_count_wrong (user, text, now_s);
  if (user->is_shut && !was_shut)
    tell_shut (satchel_auth_call_login (question->call), user);
  totp_state_note_user (totp.state, user);
  if (totp_state_commit (totp.state, &question->error))
    judge (question, SATCHEL_FACTOR_WRONG);
}

static void
confirm_code (Question *question, TotpUser *user, const char *code, gint64 now_s)
{
  guint8 text[TOTP_HASH_BYTES];
  guint64 step;
  gboolean is_spent;
  if (!totp_find_step (user, code, now_s, &step, &is_spent, &question->error))
    return;
  totp_hash (totp.keys, "string", user->name, satchel_auth_call_secret (question->call), text);
  /* A code that was used, and a string that was wrong, are never right again: who polls with one learns
   * nothing more, and does not count. */
  if (is_spent)
    judge (question, SATCHEL_FACTOR_CODE_STALE);
  else if (totp_user_was_wrong (user, text))
    judge (question, SATCHEL_FACTOR_WRONG);
  else if (totp_user_is_closed (user, now_s))
    judge (question, SATCHEL_FACTOR_THROTTLED);
  else if (step == 0 && is_test (question))
    judge (question, SATCHEL_FACTOR_WRONG);
  else if (is_test (question))
    accept_by (question, NULL, satchel_auth_call_password_len (question->call));
  else if (step == 0)
    count_wrong (question, user, text, now_s);
  else
    {
      totp_user_use (user, step);
      open_grant (question, user, TOTP_BY_CODE, now_s);
    }
}

static void
confirm_user (Question *question, TotpUser *user)
{
  char code[TOTP_RECOVERY_CHARS + 1];
  const char *secret = satchel_auth_call_secret (question->call);
  gsize password_len = satchel_auth_call_password_len (question->call), len;
  gint64 now_s = totp_now_s ();
  gboolean is_whole = secret[password_len] == '\0';
  /* The same string may have opened a grant since. */
  TotpGrant *grant = find_grant (question, user, is_whole ? NULL : secret);
  int place = -1;
  if (grant != NULL || (is_whole && needs_no_code (question)))
    accept_by (question, grant, password_len);
  else if (is_whole)
    judge (question, SATCHEL_FACTOR_CODE_MISSING);
  else if (totp_split_recovery (secret, &len, code) && len == password_len
           && (place = find_recovery (user, code)) >= 0)
    confirm_recovery (question, user, place, now_s);
  else if (totp_split_code (secret, user->digits, &len, code) && len == password_len)
    confirm_code (question, user, code, now_s);
  else
    judge (question, SATCHEL_FACTOR_CODE_MISSING); /* another secret was enrolled meanwhile */
}

static void
confirm_call (Question *question)
{
  TotpUser *user;
  if (!totp_ready (&question->error))
    return;
  if ((user = totp_state_find (totp.state, satchel_auth_call_user (question->call))) == NULL)
    judge (question, SATCHEL_FACTOR_CODE_MISSING); /* no more; the next login goes another way */
  else
    confirm_user (question, user);
}

static void
confirm (SatchelAuthCall *call)
{
  answer_call (call, confirm_call);
}

const SatchelFactorOps totp_factor = { .size = sizeof totp_factor,
                                       .band = 500,
                                       .examine = examine,
                                       .confirm = confirm,
                                       .list_credentials = totp_list_credentials,
                                       .end_credential = totp_end_credential,
                                       .client_named = totp_client_named,
                                       .forget_user = totp_forget_user };
