/* SPDX-License-Identifier: MIT
 * This file checks passwords: against logins that were verified a short time ago, by joining a check that
 * is running, and by one question to the passdb for each candidate.  Known and unknown users take the same
 * way; only the verifier that is hashed differs.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_check.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "auth"
#define EXPIRE_MIN_MS 1000
#define UPGRADE_MS 60000

SATCHEL_COUNTER (remembered, "satchel_login_cache_total",
                 "Passwords looked for among those verified a short time ago", "result");

/* Forgets remembered logins whose time is over, even if nobody logs in, so that no key is kept without need.
 * */
static void
expire_verified (SatchelTimer *timer, gpointer data)
{
  SatchelAuth *own = data;
  satchel_auth_cache_expire (own->cache, satchel_now_ms ());
  if (satchel_auth_cache_count (own->cache) > 0)
    satchel_timer_arm (timer, MAX (own->settings.cache_ms / 4, EXPIRE_MIN_MS), expire_verified, own);
}

void
satchel_check_expire_later (SatchelAuth *own)
{
  if (own->cache_timer.due_ms == 0)
    satchel_timer_arm (&own->cache_timer, MAX (own->settings.cache_ms / 4, EXPIRE_MIN_MS), expire_verified,
                       own);
}

/* Remembers a login for auth.cache_time, and forgets it in time. */
static void
remember (SatchelAuthCheck *check)
{
  SatchelAuth *own = check->auth;
  if (own->settings.cache_ms <= 0)
    return;
  satchel_auth_cache_add (own->cache, check->key, check->secret, check->unlocked,
                          satchel_now_ms () + own->settings.cache_ms);
  satchel_check_expire_later (own);
}

static void
remember_key (SatchelAuthCheck *check)
{
  if (check->unlocked != NULL)
    remember (check);
}

static void
upgraded (SatchelCallAnswer *answer, gpointer data)
{
  g_autofree char *user = data;
  const GError *error = answer->error;
  if (error == NULL)
    satchel_log (SATCHEL_LOG_INFO, AREA, "password of \"%s\" stored in the current form", user);
  else if (error->code != SATCHEL_ERROR_CANCELLED && error->code != SATCHEL_ERROR_INUSE)
    satchel_log (SATCHEL_LOG_WARNING, AREA, "password of \"%s\" not renewed: %s", user, error->message);
}

static void
start_upgrade (SatchelAuthCheck *check)
{
  const SatchelPassdbOps *ops = check->passdb;
  if (!SATCHEL_HAS (ops, upgrade))
    return;
  SatchelQuestion question = satchel_check_question (check, SATCHEL_CALL_UPGRADE, ops, ops->upgrade,
                                                     SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
  question.secret = check->password;
  question.deadline_ms = satchel_now_ms () + UPGRADE_MS;
  satchel_call_ask (&question, upgraded, g_strdup (check->user));
}

static void
finish_right (SatchelAuthCheck *check)
{
  if (check->has_key)
    remember (check);
  if (check->verdict == SATCHEL_VERIFY_RIGHT_UPGRADE)
    start_upgrade (check);
}

static void
judge_right (SatchelAuthCheck *check, SatchelCallAnswer *answer)
{
  check->verdict = answer->verdict;
  check->unlocked = g_steal_pointer (&answer->key);
  check->source = SATCHEL_KEY_SECRET;
  check->remember = finish_right;
  if (!check->is_user) /* a module that says right to nobody */
    satchel_check_finish (check, SATCHEL_LOGIN_UNKNOWN_USER);
  else if (check->credential.is_locked) /* a code must not be used up for a locked account */
    satchel_check_finish (check, SATCHEL_LOGIN_LOCKED);
  else if (!satchel_main_password_is_good (check->auth, check->user, check->login))
    satchel_check_finish (check, SATCHEL_LOGIN_NEEDS_APP_PASSWORD);
  else
    satchel_check_confirm (check);
}

static void verify_candidate (SatchelAuthCheck *check);

static gsize
candidate_len (const SatchelAuthCheck *check)
{
  return check->n_candidates == 0 ? strlen (check->secret) : check->candidates[check->candidate];
}

/* Says whether the candidate was typed in another form than the one that was wrong.  What was typed is then
 * verified next, since databases that were made elsewhere may have hashed that. */
static gboolean
has_another_form (SatchelAuthCheck *check)
{
  gsize len = candidate_len (check);
  gboolean differs = strlen (check->password) != len || memcmp (check->password, check->secret, len) != 0;
  check->is_as_typed = differs;
  return differs;
}

static void
verified (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  satchel_check_note (check, "password", check->passdb, "%s",
                      answer->error != NULL                     ? answer->error->message
                      : answer->verdict == SATCHEL_VERIFY_WRONG ? "is wrong"
                                                                : "is right");
  if (answer->error != NULL)
    satchel_check_trouble (check, answer->error);
  else if (answer->verdict != SATCHEL_VERIFY_WRONG)
    judge_right (check, answer);
  else if (has_another_form (check) || ++check->candidate < check->n_candidates)
    verify_candidate (check);
  else
    satchel_check_finish (check, check->is_user ? SATCHEL_LOGIN_BAD_PASSWORD : SATCHEL_LOGIN_UNKNOWN_USER);
}

static void
verify_candidate (SatchelAuthCheck *check)
{
  const SatchelPassdbOps *ops = check->passdb;
  satchel_shared_secret_unref (check->password);
  check->password = satchel_shared_secret_new (check->secret, candidate_len (check));
  if (!check->is_as_typed)
    {
      char *prepared = satchel_secret_prepare (check->password);
      satchel_shared_secret_unref (check->password);
      check->password = satchel_shared_secret_new (prepared, strlen (prepared));
      satchel_auth_wipe (prepared);
    }
  SatchelQuestion question = satchel_check_question (check, SATCHEL_CALL_VERIFY, ops, ops->verify,
                                                     SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
  question.secret = check->password;
  satchel_call_ask (&question, verified, check);
}

/* Says whether others may share the answer. A check that asks a second factor is never shared, nor is one of
 * a name that is no user. */
static gboolean
may_share (const SatchelAuthCheck *check)
{
  return check->is_user && check->credential.verifier != NULL && check->factor == NULL;
}

gboolean
satchel_check_join (SatchelAuthCheck *check)
{
  SatchelAuth *auth = check->auth;
  if (!may_share (check))
    return FALSE;
  /* Factors may let one service in and another not, as may auth.main_password. */
  gboolean is_of_service = auth->factors->len > 0 || !satchel_main_password_is_everywhere (auth, check->user);
  satchel_auth_cache_key (auth->cache, check->user, check->secret, check->credential.verifier,
                          is_of_service ? check->login->service : "none", check->key);
  check->has_key = TRUE;
  if (!is_of_service) /* otherwise each service would count as another guess */
    memcpy (&check->guess, check->key, sizeof check->guess);
  SatchelAuthCheck *same = g_hash_table_lookup (auth->running, check->key);
  if (same == NULL)
    {
      check->is_running = TRUE;
      g_hash_table_insert (auth->running, check->key, check);
      return FALSE;
    }
  /* The guess has been counted for one network; another network must not learn its result without being
   * counted. */
  if (strcmp (same->login->network, check->login->network) != 0)
    return FALSE;
  check->has_key = FALSE;
  same->joined = g_slist_prepend (same->joined, check);
  return TRUE;
}

/* Says whether the login was verified before. A hit must not outlive what made it: the verifier is in its
 * key, factors have been asked, and the lock is looked at. */
static gboolean
was_verified (SatchelAuthCheck *check)
{
  return check->has_key && !check->credential.is_locked
         && satchel_auth_cache_find (check->auth->cache, check->key, check->secret, satchel_now_ms (),
                                     &check->unlocked);
}

/* Lets keyrings be asked though the login is remembered: when it was verified, none was opened, and the user
 * may have got a ring, or a slot, since. */
static void
open_now (SatchelAuthCheck *check)
{
  char *prepared = satchel_secret_prepare (check->secret);
  check->password = satchel_shared_secret_new (prepared, strlen (prepared));
  satchel_auth_wipe (prepared);
  check->source = SATCHEL_KEY_SECRET;
  check->remember = remember_key;
}

void
satchel_check_verify (SatchelAuthCheck *check)
{
  if (check->factor != NULL)
    check->has_key = FALSE;
  gboolean is_remembered = was_verified (check);
  satchel_counter_add (&remembered, 1, is_remembered ? "hit" : "miss");
  if (is_remembered && !satchel_main_password_is_good (check->auth, check->user, check->login))
    satchel_check_finish (check, SATCHEL_LOGIN_NEEDS_APP_PASSWORD);
  else if (is_remembered)
    {
      if (check->unlocked == NULL && check->auth->keyrings->len > 0)
        open_now (check);
      satchel_check_accept (check);
    }
  else
    verify_candidate (check);
}
