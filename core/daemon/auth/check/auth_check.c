/* SPDX-License-Identifier: MIT
 * This file checks whether somebody is this user: it looks the user up, counts the attempt, asks factors,
 * and then checks a password or takes what a mechanism proved.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_check.h"

#include <string.h>

/* Counts the attempt.  That is done before anything is compared, even with remembered logins, since these
 * must not reveal more than a hash would. */
static gboolean
count_attempt (SatchelAuthCheck *check)
{
  SatchelAuth *auth = check->auth;
  if (check->secret != NULL && check->guess == 0)
    {
      guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES];
      const char *verifier = check->credential.verifier != NULL ? check->credential.verifier : "";
      satchel_auth_cache_key (auth->cache, check->user, check->secret, verifier, "a guess", digest);
      memcpy (&check->guess, digest, sizeof check->guess);
    }
  const SatchelGuess guess = satchel_check_guess (check);
  if (check->note == NULL)
    return satchel_throttle_begin (auth->throttle, &guess, auth->settings.max_failures, satchel_now_ms (),
                                   &check->attempt)
           == SATCHEL_THROTTLE_NONE;
  SatchelThrottleReason reason =
      satchel_throttle_judge (auth->throttle, &guess, auth->settings.max_failures, satchel_now_ms ());
  gboolean is_known = satchel_known_find (auth->known, check->user, check->login->network) != NULL;
  check->would_be_throttled = reason != SATCHEL_THROTTLE_NONE;
  satchel_check_note (check, "throttle", NULL,
                      reason == SATCHEL_THROTTLE_NONE
                          ? "lets the attempt through, from a network that is %s"
                          : "refuses the attempt, from a network that is %s: too many failures of the %s",
                      is_known ? "known" : "not known", satchel_throttle_word (reason));
  return TRUE;
}

static void verify_password (SatchelAuthCheck *check);

static void
count_and_examine (SatchelAuthCheck *check)
{
  if (!count_attempt (check))
    satchel_check_finish (check, SATCHEL_LOGIN_THROTTLED);
  else
    satchel_check_examine (check, verify_password);
}

/* Goes on when the factors have spoken: if one decides, nobody may share its answer. */
static void
verify_password (SatchelAuthCheck *check)
{
  if (check->factor != NULL)
    satchel_check_part (check, count_and_examine);
  satchel_check_verify (check);
}

/* Goes on when the user is known, or known not to be. */
static void
check_password (SatchelAuthCheck *check)
{
  if (check->note != NULL || !satchel_check_join (check))
    count_and_examine (check);
}

/* Lets the mechanism go on with what is known of the user.  For a name that is no user's it goes on in the
 * same way, and fails at its end. */
static void
tell_mechanism (SatchelAuthCheck *check)
{
  if (!count_attempt (check))
    satchel_check_finish (check, SATCHEL_LOGIN_THROTTLED);
  else
    check->found (check, check->user, check->is_user ? &check->credential : NULL, check->data);
}

static void look_up_next (SatchelAuthCheck *check);

static void
looked_up (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  gconstpointer source = check->auth->passdbs->pdata[check->index];
  if (answer->error != NULL)
    {
      satchel_check_note (check, "passdb", source, "cannot tell: %s", answer->error->message);
      satchel_check_trouble (check, answer->error);
      return;
    }
  satchel_check_note (check, "passdb", source, "%s",
                      !answer->is_found                     ? "does not know the user"
                      : answer->credential.is_locked        ? "knows the user, who is locked"
                      : answer->credential.verifier == NULL ? "knows the user, who has no password"
                                                            : "knows the user");
  if (answer->is_found)
    {
      check->passdb = source;
      check->is_user = TRUE;
      check->credential = answer->credential;
      check->found_turn = satchel_reactor_turn ();
      answer->credential = (SatchelCredential) { 0 };
    }
  check->index++;
  look_up_next (check);
}

/* Asks the next passdb.  The first that knows the user decides; if one cannot answer, no later one may
 * decide. */
static void
look_up_next (SatchelAuthCheck *check)
{
  GPtrArray *passdbs = check->auth->passdbs;
  if (check->is_user || !check->is_name || check->index >= passdbs->len)
    {
      check->next (check);
      return;
    }
  const SatchelPassdbOps *ops = passdbs->pdata[check->index];
  SatchelQuestion question = satchel_check_question (check, SATCHEL_CALL_LOOK_UP, ops, ops->look_up,
                                                     SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
  satchel_call_ask (&question, looked_up, check);
}

static char *
normal_name (SatchelAuth *auth, const char *name, gsize len)
{
  return satchel_user_normalise (name, len, auth->settings.default_domain, auth->settings.lowers_users, NULL);
}

static void
set_user (SatchelAuthCheck *check, const char *name, gsize name_len, const char *authorisation)
{
  check->user = normal_name (check->auth, name, name_len);
  if (check->user != NULL && authorisation != NULL)
    {
      /* Logging in as somebody else is not offered (RFC 4616 2: the authorisation identity). */
      g_autofree char *other = normal_name (check->auth, authorisation, strlen (authorisation));
      if (g_strcmp0 (other, check->user) != 0)
        g_clear_pointer (&check->user, g_free);
    }
  check->is_name = check->user != NULL;
  if (check->user == NULL)
    check->user = g_utf8_make_valid (name, (gssize) MIN (name_len, 255));
}

static void
note_name (const SatchelAuthCheck *check)
{
  satchel_check_note (check, "name", NULL, check->is_name ? "is the user %s" : "%s cannot be a user",
                      check->user);
}

static SatchelAuthCheck *
check_new (SatchelAuth *auth, const SatchelLogin *login, const char *name, gsize name_len,
           const char *authorisation, gpointer data)
{
  SatchelAuthCheck *check = g_new0 (SatchelAuthCheck, 1);
  check->auth = auth;
  check->credential.size = sizeof check->credential;
  set_user (check, name, name_len, authorisation);
  SatchelLogin own = *login;
  own.user = check->is_name ? check->user : NULL;
  own.is_network_known = check->is_name
                         && satchel_known_is_proved (auth->known, check->user, login->network,
                                                     g_get_real_time () / G_USEC_PER_SEC);
  check->login = satchel_login_new (&own);
  gint64 latest_ms = satchel_now_ms () + auth->settings.source_ms;
  check->asked_until_ms = login->deadline_ms > 0 ? MIN (latest_ms, login->deadline_ms) : latest_ms;
  check->data = data;
  return check;
}

static void
begin (SatchelAuthCheck *check, SatchelCheckNext next)
{
  GPtrArray *passdbs = check->auth->passdbs;
  gint64 deadline_ms = check->login->deadline_ms;
  check->next = next;
  note_name (check);
  /* The process was stopped, or slow, so that the gate does not wait any more. */
  gboolean is_late = deadline_ms > 0 && deadline_ms <= satchel_now_ms ();
  if (is_late || passdbs->len == 0)
    {
      satchel_check_finish (check, SATCHEL_LOGIN_UNAVAILABLE);
      return;
    }
  check->passdb = passdbs->pdata[0]; /* the first passdb hashes a dummy for unknown users */
  look_up_next (check);
}

void
satchel_check_password (SatchelAuth *auth, const SatchelLogin *login, const char *name, gsize name_len,
                        const char *authorisation, char *secret, SatchelCheckFunc func, gpointer data)
{
  SatchelAuthCheck *check = check_new (auth, login, name, name_len, authorisation, data);
  check->secret = secret;
  check->func = func;
  begin (check, check_password);
}

void
satchel_check_test (SatchelAuth *auth, const SatchelLogin *login, const char *name, char *secret,
                    SatchelCheckNote note, SatchelCheckFunc func, gpointer data)
{
  SatchelLogin test = *login;
  test.is_test = TRUE;
  SatchelAuthCheck *check = check_new (auth, &test, name, strlen (name), NULL, data);
  check->secret = secret;
  check->note = note;
  check->func = func;
  begin (check, check_password);
}

void
satchel_check_look_up (SatchelAuth *auth, const SatchelLogin *login, const char *name,
                       const char *authorisation, SatchelCheckFound found, SatchelCheckFunc func,
                       gpointer data)
{
  SatchelAuthCheck *check = check_new (auth, login, name, strlen (name), authorisation, data);
  check->found = found;
  check->func = func;
  begin (check, tell_mechanism);
}

void
satchel_check_test_look_up (SatchelAuth *auth, const SatchelLogin *login, const char *name,
                            SatchelCheckNote note, SatchelCheckFound found, SatchelCheckFunc func,
                            gpointer data)
{
  SatchelLogin test = *login;
  test.is_test = TRUE;
  SatchelAuthCheck *check = check_new (auth, &test, name, strlen (name), NULL, data);
  check->note = note;
  check->found = found;
  check->func = func;
  begin (check, tell_mechanism);
}

static void
take_proof (SatchelAuthCheck *check, const SatchelSaslTurn *turn)
{
  check->credential_id = g_strdup (turn->credential);
  if (turn->key != NULL)
    {
      check->client_key = g_bytes_ref (turn->key);
      check->source = SATCHEL_KEY_CLIENT;
    }
}

/* The proof of the mechanism opens the keyring, and factors are told that there is no secret. */
void
satchel_check_proved (SatchelAuthCheck *check, const SatchelSaslTurn *turn, gint64 deadline_ms)
{
  gint64 latest_ms = satchel_now_ms () + check->auth->settings.source_ms;
  check->asked_until_ms = deadline_ms > 0 ? MIN (latest_ms, deadline_ms) : latest_ms;
  take_proof (check, turn);
  if (!check->is_user)
    satchel_check_finish (check, SATCHEL_LOGIN_UNKNOWN_USER);
  else if (check->credential.is_locked)
    satchel_check_finish (check, SATCHEL_LOGIN_LOCKED);
  else if (turn->key != NULL && !satchel_main_password_is_good (check->auth, check->user, check->login))
    satchel_check_finish (check, SATCHEL_LOGIN_NEEDS_APP_PASSWORD);
  else if (turn->is_whole)
    satchel_check_accept (check);
  else
    satchel_check_examine (check, satchel_check_confirm);
}

static SatchelLoginVerdict
refuted_verdict (const SatchelAuthCheck *check)
{
  return check->is_user ? SATCHEL_LOGIN_BAD_PASSWORD : SATCHEL_LOGIN_UNKNOWN_USER;
}

void
satchel_check_refuted (SatchelAuthCheck *check)
{
  satchel_check_finish (check, refuted_verdict (check));
}

SatchelLoginVerdict
satchel_check_abandon_refuted (SatchelAuthCheck *check)
{
  SatchelLoginVerdict verdict = refuted_verdict (check);
  check->func = NULL;
  satchel_check_finish (check, verdict);
  return verdict;
}

void
satchel_check_withdraw (SatchelAuthCheck *check)
{
  check->func = NULL;
  satchel_check_finish (check, SATCHEL_LOGIN_MALFORMED);
}
