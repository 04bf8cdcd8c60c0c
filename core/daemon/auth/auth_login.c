/* SPDX-License-Identifier: MIT
 * Is this user's secret right?  Look-up, second factors, the count of attempts, the cache, one hash on a
 * thread. Known and unknown users take the same way: what differs is only whose verifier is hashed.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "auth"

struct SatchelLogin
{
  SatchelAuth *auth;
  char *user;   /* what is counted: the normal form, or the name as it came */
  char *secret; /* wiped */
  char *code;   /* what a factor cut off, wiped; NULL: none */
  char *peer;
  char place[SATCHEL_PLACE_BYTES];
  gint64 deadline_ms;
  gboolean is_name, is_user; /* the name can be one; it is one */
  SatchelAttempt attempt;

  const SatchelPassdbOps *passdb;
  SatchelCredential credential;   /* of a user */
  const SatchelFactorOps *factor; /* whose code is checked */
  gboolean is_code_missing;
  guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES]; /* in auth->running while has_key */
  gboolean has_key;
  GSList *joined; /* SatchelLogin: the same secret for the same user, waiting for our result */

  /* From the thread, or the cache. */
  GBytes *unlocked; /* what the secret unlocked, or NULL */
  SatchelVerify verify;
  SatchelFactorVerdict factor_verdict;
  char *trouble;

  SatchelLoginFunc func;
  gpointer data;
};

#define EXPIRE_MIN_MS 1000

SATCHEL_COUNTER (remembered, "satchel_login_cache_total",
                 "Passwords looked for among those verified a short time ago", "result");

/* What is over is forgotten when nobody asks, too: no key lies about because its user has gone on holiday. */
static void
expire_verified (SatchelTimer *timer, gpointer data)
{
  SatchelAuth *own = data;
  satchel_auth_cache_expire (own->cache, satchel_now_ms ());
  if (satchel_auth_cache_count (own->cache) > 0)
    satchel_timer_arm (timer, MAX (own->settings.cache_ms / 4, EXPIRE_MIN_MS), expire_verified, own);
}

/* Remembers a login for auth.cache_time, and forgets it in time. */
static void
keep_verified (SatchelAuth *own, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES], const char *secret,
               GBytes *unlocked)
{
  satchel_auth_cache_add (own->cache, key, secret, unlocked, satchel_now_ms () + own->settings.cache_ms);
  if (own->cache_timer.due_ms == 0)
    satchel_timer_arm (&own->cache_timer, MAX (own->settings.cache_ms / 4, EXPIRE_MIN_MS), expire_verified,
                       own);
}

static void
login_free (SatchelLogin *login)
{
  satchel_credential_clear (&login->credential);
  satchel_auth_wipe (login->secret);
  satchel_auth_wipe (login->code);
  g_clear_pointer (&login->unlocked, g_bytes_unref);
  g_free (login->user);
  g_free (login->peer);
  g_free (login->trouble);
  g_free (login);
}

/* What is no failure of the user's does not count against the account. */
static gboolean
counts_as_attempt (SatchelLoginVerdict verdict)
{
  switch (verdict)
    {
    case SATCHEL_LOGIN_BAD_PASSWORD:
    case SATCHEL_LOGIN_UNKNOWN_USER:
    case SATCHEL_LOGIN_LOCKED:
    case SATCHEL_LOGIN_BAD_CODE:
    case SATCHEL_LOGIN_CODE_STALE:
      return TRUE;
    case SATCHEL_LOGIN_UNAVAILABLE:
    case SATCHEL_LOGIN_RIGHT:
    case SATCHEL_LOGIN_THROTTLED:
    case SATCHEL_LOGIN_CODE_MISSING:
    case SATCHEL_LOGIN_MALFORMED:
      break;
    }
  return FALSE;
}

static void
tell_verdict (SatchelLogin *login, SatchelLoginVerdict verdict, GBytes *unlocked)
{
  if (!counts_as_attempt (verdict))
    satchel_throttle_give_back (login->auth->throttle, login->user, login->is_user, login->place,
                                &login->attempt);
  if (verdict == SATCHEL_LOGIN_RIGHT)
    satchel_throttle_remember (login->auth->throttle, login->user, login->place);
  login->func (verdict, login->is_name ? login->user : NULL, verdict == SATCHEL_LOGIN_RIGHT ? unlocked : NULL,
               login->data);
}

static void
finish_login (SatchelLogin *login, SatchelLoginVerdict verdict)
{
  if (login->has_key)
    g_hash_table_remove (login->auth->running, login->key);
  GSList *joined = g_slist_reverse (g_steal_pointer (&login->joined));
  tell_verdict (login, verdict, login->unlocked);
  for (GSList *other = joined; other != NULL; other = other->next)
    {
      tell_verdict (other->data, verdict, login->unlocked); /* the same secret of the same user */
      login_free (other->data);
    }
  g_slist_free (joined);
  login_free (login);
}

typedef struct
{
  const SatchelPassdbOps *passdb;
  SatchelCredential credential;
  char *secret;
} Upgrade;

static void
upgrade_run (gpointer data)
{
  Upgrade *upgrade = data;
  g_autoptr (GError) error = NULL;
  if (upgrade->passdb->upgrade (&upgrade->credential, upgrade->secret, &error))
    satchel_log (SATCHEL_LOG_INFO, AREA, "password of \"%s\" stored in the current form",
                 upgrade->credential.user);
  else if (error != NULL && error->code != SATCHEL_ERROR_CANCELLED && error->code != SATCHEL_ERROR_INUSE)
    satchel_log (SATCHEL_LOG_WARNING, AREA, "password of \"%s\" not renewed: %s", upgrade->credential.user,
                 error->message);
}

static void
upgrade_done (gpointer data, gboolean ran)
{
  Upgrade *upgrade = data;
  satchel_credential_clear (&upgrade->credential);
  satchel_auth_wipe (upgrade->secret);
  g_free (upgrade);
}

static void
start_upgrade (SatchelLogin *login)
{
  if (!SATCHEL_HAS (login->passdb, upgrade))
    return;
  Upgrade *upgrade = g_new0 (Upgrade, 1);
  upgrade->passdb = login->passdb;
  upgrade->credential = login->credential;
  login->credential = (SatchelCredential) { .size = sizeof login->credential };
  upgrade->secret = g_strdup (login->secret);
  guint64 cost = SATCHEL_HAS (login->passdb, verify_cost_bytes) ? login->passdb->verify_cost_bytes (NULL) : 0;
  satchel_hash_pool_submit (login->auth->pool, "upgrade", cost, 0, upgrade_run, upgrade_done, upgrade);
}

static SatchelVerify
verify_secret (SatchelLogin *login, GError **error)
{
  const SatchelCredential *credential = login->is_user ? &login->credential : NULL;
  if (!SATCHEL_HAS (login->passdb, verify_with_key))
    return login->passdb->verify (credential, login->secret, error);
  SatchelVerify verdict = login->passdb->verify_with_key (credential, login->secret, &login->unlocked, error);
  gsize len = login->unlocked != NULL ? g_bytes_get_size (login->unlocked) : 0;
  if (login->unlocked == NULL || (len > 0 && len <= SATCHEL_SECRET_BYTES_MAX))
    return verdict;
  g_clear_pointer (&login->unlocked, g_bytes_unref);
  satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the password database gave a key of %zu bytes", len);
  return SATCHEL_VERIFY_ERROR;
}

static void
verify_run (gpointer data)
{
  SatchelLogin *login = data;
  g_autoptr (GError) error = NULL;
  login->verify = verify_secret (login, &error);
  gboolean is_right = login->verify == SATCHEL_VERIFY_RIGHT || login->verify == SATCHEL_VERIFY_RIGHT_UPGRADE;
  /* A code is spent only with the right password of an open account. */
  if (is_right && login->factor != NULL && !login->credential.is_locked)
    login->factor_verdict = login->factor->check (login->credential.user, login->code, login->peer, &error);
  if (error != NULL)
    login->trouble = g_strdup (error->message);
}

static SatchelLoginVerdict
judge_secret (SatchelLogin *login)
{
  switch (login->verify)
    {
    case SATCHEL_VERIFY_ERROR:
      return SATCHEL_LOGIN_UNAVAILABLE;
    case SATCHEL_VERIFY_WRONG:
      return login->is_user ? SATCHEL_LOGIN_BAD_PASSWORD : SATCHEL_LOGIN_UNKNOWN_USER;
    case SATCHEL_VERIFY_RIGHT:
    case SATCHEL_VERIFY_RIGHT_UPGRADE:
      break;
    }
  if (!login->is_user)
    return SATCHEL_LOGIN_UNKNOWN_USER; /* a module that says right to nobody */
  if (login->credential.is_locked)
    return SATCHEL_LOGIN_LOCKED;
  if (login->is_code_missing)
    return SATCHEL_LOGIN_CODE_MISSING;
  if (login->factor == NULL)
    return SATCHEL_LOGIN_RIGHT;
  switch (login->factor_verdict)
    {
    case SATCHEL_FACTOR_UNAVAILABLE:
      return SATCHEL_LOGIN_UNAVAILABLE;
    case SATCHEL_FACTOR_WRONG:
      return SATCHEL_LOGIN_BAD_CODE;
    case SATCHEL_FACTOR_STALE:
      return SATCHEL_LOGIN_CODE_STALE;
    case SATCHEL_FACTOR_RIGHT:
      return SATCHEL_LOGIN_RIGHT;
    }
  return SATCHEL_LOGIN_UNAVAILABLE;
}

/* A lock or a removal while the hash ran counts: the login would otherwise outlive it. */
static SatchelLoginVerdict
judge_again (SatchelLogin *login)
{
  g_auto (SatchelCredential) now = { .size = sizeof now };
  g_autoptr (GError) error = NULL;
  if (!login->passdb->look_up (login->user, &now, &error))
    return error != NULL ? SATCHEL_LOGIN_UNAVAILABLE : SATCHEL_LOGIN_UNKNOWN_USER;
  return now.is_locked ? SATCHEL_LOGIN_LOCKED : SATCHEL_LOGIN_RIGHT;
}

static void
verify_done (gpointer data, gboolean ran)
{
  SatchelLogin *login = data;
  if (!ran)
    {
      finish_login (login, SATCHEL_LOGIN_UNAVAILABLE);
      return;
    }
  SatchelLoginVerdict verdict = judge_secret (login);
  if (login->trouble != NULL)
    satchel_auth_log_trouble (login->user, login->place, login->trouble);
  if (verdict == SATCHEL_LOGIN_RIGHT)
    verdict = judge_again (login);
  if (verdict == SATCHEL_LOGIN_RIGHT && login->has_key && login->auth->settings.cache_ms > 0)
    keep_verified (login->auth, login->key, login->secret, login->unlocked);
  if (verdict == SATCHEL_LOGIN_RIGHT && login->verify == SATCHEL_VERIFY_RIGHT_UPGRADE)
    start_upgrade (login);
  finish_login (login, verdict);
}

/* FALSE: a database does not answer. */
static gboolean
find_user (SatchelLogin *login)
{
  GPtrArray *passdbs = login->auth->passdbs;
  if (passdbs->len == 0)
    return FALSE;
  login->passdb = passdbs->pdata[0]; /* its dummy for unknown users */
  for (guint i = 0; login->is_name && i < passdbs->len; i++)
    {
      const SatchelPassdbOps *passdb = passdbs->pdata[i];
      g_autoptr (GError) error = NULL;
      if (passdb->look_up (login->user, &login->credential, &error))
        {
          login->passdb = passdb;
          login->is_user = TRUE;
          return TRUE;
        }
      if (error != NULL)
        {
          satchel_log (SATCHEL_LOG_DEBUG, AREA, "no look-up of \"%s\": %s", login->user, error->message);
          return FALSE;
        }
    }
  return TRUE;
}

/* The first factor the user is enrolled with cuts its code off the secret. */
static gboolean
split_secret (SatchelLogin *login)
{
  GPtrArray *factors = login->auth->factors;
  for (guint i = 0; login->is_user && i < factors->len; i++)
    {
      const SatchelFactorOps *factor = factors->pdata[i];
      gsize len = 0;
      switch (factor->split (login->user, login->secret, &len))
        {
        case SATCHEL_FACTOR_NOT_ENROLLED:
          break;
        case SATCHEL_FACTOR_MISSING:
          login->is_code_missing = TRUE;
          return TRUE;
        case SATCHEL_FACTOR_SPLIT:
          if (len > strlen (login->secret))
            return FALSE;
          login->factor = factor;
          login->code = g_strdup (login->secret + len);
          explicit_bzero (login->secret + len, strlen (login->secret + len));
          return TRUE;
        }
    }
  return TRUE;
}

/* TRUE: the answer is known, or another login is about to find it. */
static gboolean
was_verified (SatchelLogin *login)
{
  SatchelAuth *auth = login->auth;
  /* Never with a code, and nothing to remember of users that are not. */
  if (!login->is_user || login->credential.verifier == NULL || login->factor != NULL
      || login->is_code_missing)
    return FALSE;
  satchel_auth_cache_key (auth->cache, login->user, login->secret, login->credential.verifier, "none",
                          login->key);
  SatchelLogin *same = g_hash_table_lookup (auth->running, login->key);
  if (same == NULL)
    return FALSE;
  /* The one guess that it shares is counted already; another place must not learn of it for free. */
  if (strcmp (same->place, login->place) != 0)
    return FALSE;
  same->joined = g_slist_prepend (same->joined, login);
  return TRUE;
}

static void
start_hash (SatchelLogin *login)
{
  const SatchelPassdbOps *passdb = login->passdb;
  guint64 cost = SATCHEL_HAS (passdb, verify_cost_bytes)
                     ? passdb->verify_cost_bytes (login->is_user ? &login->credential : NULL)
                     : 0;
  satchel_hash_pool_submit (login->auth->pool, login->place, cost, login->deadline_ms, verify_run,
                            verify_done, login);
}

static char *
normal_name (SatchelAuth *auth, const char *name, gsize len)
{
  return satchel_user_normalise (name, len, auth->settings.default_domain, auth->settings.lowers_users, NULL);
}

static SatchelLogin *
login_new (SatchelAuth *auth, const char *name, gsize name_len, const char *authorisation, char *secret,
           const char *peer)
{
  SatchelLogin *login = g_new0 (SatchelLogin, 1);
  login->auth = auth;
  login->secret = secret;
  login->peer = g_strdup (peer);
  login->credential.size = sizeof login->credential;
  if (!satchel_place_from_peer (peer, login->place))
    g_strlcpy (login->place, "local", sizeof login->place);
  login->user = normal_name (auth, name, name_len);
  if (login->user != NULL && authorisation != NULL)
    {
      /* Logging in as somebody else is not offered (RFC 4616 2: the authorisation identity). */
      g_autofree char *other = normal_name (auth, authorisation, strlen (authorisation));
      if (g_strcmp0 (other, login->user) != 0)
        g_clear_pointer (&login->user, g_free);
    }
  login->is_name = login->user != NULL;
  if (login->user == NULL)
    login->user = g_utf8_make_valid (name, (gssize) MIN (name_len, 255));
  return login;
}

void
satchel_login_start (SatchelAuth *auth, const char *name, gsize name_len, const char *authorisation,
                     char *secret, const char *peer, gint64 deadline_ms, SatchelLoginFunc func, gpointer data)
{
  SatchelLogin *login = login_new (auth, name, name_len, authorisation, secret, peer);
  login->deadline_ms = deadline_ms;
  login->func = func;
  login->data = data;
  /* We were stopped, or slow: the gate has given up. */
  gboolean is_late = deadline_ms > 0 && deadline_ms <= satchel_now_ms ();
  if (is_late || !find_user (login) || !split_secret (login))
    {
      finish_login (login, SATCHEL_LOGIN_UNAVAILABLE);
      return;
    }
  if (was_verified (login))
    return;
  /* The attempt is counted before the secret is compared, with the cache as well: a hit in the cache must not
   * reveal more than the hash would. */
  if (!satchel_throttle_begin (auth->throttle, login->user, login->is_user, login->place,
                               auth->settings.max_failures, satchel_now_ms (), &login->attempt))
    {
      finish_login (login, SATCHEL_LOGIN_THROTTLED);
      return;
    }
  gboolean may_share = login->is_user && login->credential.verifier != NULL && login->factor == NULL
                       && !login->is_code_missing;
  if (may_share && !login->credential.is_locked
      && satchel_auth_cache_find (auth->cache, login->key, login->secret, satchel_now_ms (),
                                  &login->unlocked))
    {
      satchel_counter_add (&remembered, 1, "hit");
      finish_login (login, SATCHEL_LOGIN_RIGHT);
      return;
    }
  satchel_counter_add (&remembered, 1, "miss");
  if (may_share && !g_hash_table_contains (auth->running, login->key))
    {
      login->has_key = TRUE;
      g_hash_table_insert (auth->running, login->key, login);
    }
  start_hash (login);
}
