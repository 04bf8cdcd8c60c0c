/* SPDX-License-Identifier: MIT
 * Implements counters of failed logins: thirteen periods of five minutes each, so that any hour lies within
 * what is added up.
 */
#include "config.h"

#include "core/daemon/auth/throttle/auth_throttle_private.h"

#include <string.h>

#define USERS_MAX 131072
#define STRANGERS_MAX 16384
#define PAIRS_MAX 65536
#define NETWORKS_MAX 32768 /* of each level */
#define KEY_BYTES 512

const ThrottleLevel throttle_levels[] = {
  { SATCHEL_THROTTLE_ADDRESS, 32, 64 },
  { SATCHEL_THROTTLE_NETWORK, 24, 56 },
  { SATCHEL_THROTTLE_WIDE, 16, 48 },
};

/* Says what an attempt was counted at. */
enum
{
  IN_GENERAL = 1 << 0,
  IN_RESERVE = 1 << 1,
  IN_PAIR = 1 << 2,
  IN_NETWORKS = 1 << 3
};

SatchelThrottle *
satchel_throttle_new (SatchelKnown *known)
{
  SatchelThrottle *throttle = g_new0 (SatchelThrottle, 1);
  throttle->known = known;
  throttle->users = satchel_lru_new (sizeof (ThrottleAccount), USERS_MAX);
  throttle->strangers = satchel_lru_new (sizeof (ThrottleAccount), STRANGERS_MAX);
  throttle->pairs = satchel_lru_new (sizeof (ThrottleCounter), PAIRS_MAX);
  for (guint i = 0; i < N_LEVELS; i++)
    throttle->networks[i] = satchel_lru_new (sizeof (ThrottleCounter), NETWORKS_MAX);
  return throttle;
}

void
satchel_throttle_free (SatchelThrottle *throttle)
{
  if (throttle == NULL)
    return;
  satchel_lru_free (throttle->users);
  satchel_lru_free (throttle->strangers);
  satchel_lru_free (throttle->pairs);
  for (guint i = 0; i < N_LEVELS; i++)
    satchel_lru_free (throttle->networks[i]);
  g_free (throttle);
}

SatchelThrottleLimits
satchel_throttle_limits (guint max_failures)
{
  guint reserve = max_failures > 1 ? MAX (max_failures / 4, 1) : 0;
  return (SatchelThrottleLimits) { .account = max_failures,
                                   .reserve = reserve,
                                   .share = MAX (reserve / 2, 1),
                                   .pair = MAX (max_failures / 4, MIN (max_failures, 5)),
                                   .address = 10 * max_failures,
                                   .network = 40 * max_failures,
                                   .wide = 160 * max_failures };
}

const char *
satchel_throttle_word (SatchelThrottleReason reason)
{
  static const char *const words[] = { "none", "account", "pair", "address", "network", "wide-network" };
  return words[reason];
}

/* ---- counters ---- */

gint64
throttle_period (gint64 now_ms)
{
  return now_ms / PERIOD_MS + 1;
}

guint
throttle_sum (ThrottleCounter *counter, gint64 period)
{
  if (period - counter->newest >= N_PERIODS)
    memset (counter->counts, 0, sizeof counter->counts);
  else
    for (gint64 p = counter->newest + 1; p <= period; p++)
      counter->counts[p % N_PERIODS] = 0;
  counter->newest = MAX (counter->newest, period);
  guint sum = 0;
  for (guint i = 0; i < N_PERIODS; i++)
    sum += counter->counts[i];
  return sum;
}

static void
count_up (ThrottleCounter *counter, gint64 period)
{
  if (throttle_sum (counter, period) < G_MAXINT32)
    counter->counts[period % N_PERIODS]++;
}

/* It may have been forgotten, or have grown out of the hour, meanwhile. */
static void
count_down (ThrottleCounter *counter, gint64 period)
{
  if (counter != NULL && counter->newest - period < N_PERIODS && counter->newest >= period
      && counter->counts[period % N_PERIODS] > 0)
    counter->counts[period % N_PERIODS]--;
}

static SatchelLru *
accounts_of (SatchelThrottle *throttle, const SatchelGuess *guess)
{
  return guess->is_user ? throttle->users : throttle->strangers;
}

static gsize
pair_key (const char *user, const char *place, char ret_key[KEY_BYTES])
{
  gsize user_len = MIN (strlen (user), KEY_BYTES - 1);
  gsize place_len = MIN (strlen (place), KEY_BYTES - 1 - user_len);
  memcpy (ret_key, user, user_len);
  ret_key[user_len] = '\n';
  memcpy (ret_key + user_len + 1, place, place_len);
  return user_len + 1 + place_len;
}

/* A place is read once for all tables. */
typedef struct
{
  guint n_networks;                  /* N_LEVELS; 0: the place is no address, which the caller has seen to */
  SatchelAddress networks[N_LEVELS]; /* the keys of its networks */
  gboolean is_loopback;
} Origin;

static Origin
read_place (const char *place)
{
  Origin origin = { 0 };
  SatchelAddress address;
  if (!satchel_address_parse (place, &address))
    return origin;
  origin.is_loopback = satchel_address_is_loopback (&address);
  for (; origin.n_networks < N_LEVELS; origin.n_networks++)
    {
      const ThrottleLevel *level = &throttle_levels[origin.n_networks];
      origin.networks[origin.n_networks] = address;
      satchel_address_mask (&origin.networks[origin.n_networks], level->v4_bits, level->v6_bits);
    }
  return origin;
}

/* Returns the length of a key, which is shorter for a unix socket, since that has no address. */
static gsize
network_key_len (const SatchelAddress *address)
{
  return address->is_local ? 1 : sizeof address->bytes;
}

/* Finds the counter of a network.  NULL means that nothing was counted there, or that the place is no
 * address. */
static ThrottleCounter *
find_network (SatchelThrottle *throttle, const Origin *origin, guint level)
{
  const SatchelAddress *network = &origin->networks[level];
  return level < origin->n_networks
             ? satchel_lru_find (throttle->networks[level], network->bytes, network_key_len (network))
             : NULL;
}

ThrottleCounter *
throttle_find_network (SatchelThrottle *throttle, const char *place, guint level)
{
  const Origin origin = read_place (place);
  return find_network (throttle, &origin, level);
}

static void
count_networks (SatchelThrottle *throttle, const Origin *origin, gint64 period)
{
  for (guint i = 0; i < origin->n_networks; i++)
    {
      const SatchelAddress *network = &origin->networks[i];
      count_up (satchel_lru_add (throttle->networks[i], network->bytes, network_key_len (network)), period);
    }
}

/* ---- one attempt ---- */

static gboolean
was_wrong (const ThrottleAccount *account, guint64 secret, gint64 now_ms)
{
  for (guint i = 0; secret != 0 && i < WRONG_MAX; i++)
    if (account->wrong[i] == secret && now_ms - account->wrong_ms[i] < HOUR_MS)
      return TRUE;
  return FALSE;
}

static SatchelThrottleReason
judge_networks (SatchelThrottle *throttle, const Origin *origin, const SatchelThrottleLimits *limits,
                gint64 period)
{
  const guint most[N_LEVELS] = { limits->address, limits->network, limits->wide };
  /* The users of a webmail or of a proxy on this machine all come from here. */
  if (origin->is_loopback)
    return SATCHEL_THROTTLE_NONE;
  for (guint i = 0; i < N_LEVELS; i++)
    {
      ThrottleCounter *counter = find_network (throttle, origin, i);
      if (counter != NULL && throttle_sum (counter, period) >= most[i])
        return throttle_levels[i].reason;
    }
  return SATCHEL_THROTTLE_NONE;
}

/* Says whether the known network has some of the reserve left. */
static gboolean
has_reserve (ThrottleAccount *account, const SatchelKnownPlace *known, const SatchelThrottleLimits *limits,
             gint64 now_ms)
{
  guint n_share = known != NULL && known->share_hour == now_ms / HOUR_MS ? known->n_share : 0;
  return known != NULL && n_share < limits->share
         && throttle_sum (&account->reserved, throttle_period (now_ms)) < limits->reserve;
}

/* What the tables have of a guess is found once for its judgement and its count. */
typedef struct
{
  Origin origin;
  ThrottleAccount *account;
  SatchelKnownPlace *known; /* NULL: the user has not logged in from there lately */
  ThrottleCounter *pair;    /* of this user from this place; NULL: there is none yet */
  char key[KEY_BYTES];      /* of the pair */
  gsize key_len;
} Found;

static void
find_guess (SatchelThrottle *throttle, const SatchelGuess *guess, Found *ret)
{
  ret->origin = read_place (guess->place);
  ret->account = satchel_lru_add (accounts_of (throttle, guess), guess->user, strlen (guess->user));
  ret->known = satchel_known_find (throttle->known, guess->user, guess->place);
  ret->key_len = pair_key (guess->user, guess->place, ret->key);
  ret->pair = satchel_lru_find (throttle->pairs, ret->key, ret->key_len);
}

/* Decides about an attempt.  *ret_counted says at which counters it has to be counted. */
static SatchelThrottleReason
judge (SatchelThrottle *throttle, const SatchelGuess *guess, const Found *found, guint max_failures,
       gint64 now_ms, guint *ret_counted)
{
  const SatchelThrottleLimits limits = satchel_throttle_limits (max_failures);
  gint64 period = throttle_period (now_ms);
  gboolean is_repeated = was_wrong (found->account, guess->secret, now_ms);
  SatchelThrottleReason reason = SATCHEL_THROTTLE_NONE;
  /* What costs the account nothing is bounded for its network at least. */
  if (found->known == NULL || is_repeated)
    reason = judge_networks (throttle, &found->origin, &limits, period);
  if (reason != SATCHEL_THROTTLE_NONE)
    return reason;
  gboolean is_general = throttle_sum (&found->account->general, period) < limits.account - limits.reserve;
  if (!is_general && !has_reserve (found->account, found->known, &limits, now_ms))
    return SATCHEL_THROTTLE_ACCOUNT;
  if (!is_repeated && found->pair != NULL && throttle_sum (found->pair, period) >= limits.pair)
    return SATCHEL_THROTTLE_PAIR;
  *ret_counted = IN_NETWORKS;
  if (!is_repeated)
    *ret_counted |= IN_PAIR | (is_general ? IN_GENERAL : IN_RESERVE);
  return SATCHEL_THROTTLE_NONE;
}

SatchelThrottleReason
satchel_throttle_judge (SatchelThrottle *throttle, const SatchelGuess *guess, guint max_failures,
                        gint64 now_ms)
{
  Found found;
  guint counted;
  find_guess (throttle, guess, &found);
  return judge (throttle, guess, &found, max_failures, now_ms, &counted);
}

static void
use_share (SatchelKnownPlace *known, gint64 now_ms)
{
  guint32 hour = (guint32) (now_ms / HOUR_MS);
  if (known->share_hour != hour)
    known->n_share = 0;
  known->share_hour = hour;
  known->n_share++;
}

SatchelThrottleReason
satchel_throttle_begin (SatchelThrottle *throttle, const SatchelGuess *guess, guint max_failures,
                        gint64 now_ms, SatchelAttempt *ret_attempt)
{
  SatchelAttempt attempt = { .period = throttle_period (now_ms) };
  Found found;
  find_guess (throttle, guess, &found);
  SatchelThrottleReason reason = judge (throttle, guess, &found, max_failures, now_ms, &attempt.counted);
  if (reason != SATCHEL_THROTTLE_NONE)
    return reason;
  if (attempt.counted & IN_GENERAL)
    count_up (&found.account->general, attempt.period);
  if (attempt.counted & IN_RESERVE)
    {
      count_up (&found.account->reserved, attempt.period);
      use_share (found.known, now_ms);
    }
  if (attempt.counted & IN_PAIR)
    {
      if (found.pair == NULL)
        found.pair = satchel_lru_add (throttle->pairs, found.key, found.key_len);
      count_up (found.pair, attempt.period);
    }
  count_networks (throttle, &found.origin, attempt.period);
  *ret_attempt = attempt;
  return SATCHEL_THROTTLE_NONE;
}

/* Takes the account's part back.  What is at zero again leaves its table: most logins are right, and nothing
 * has to be remembered of them. */
static void
spare_account (SatchelThrottle *throttle, const SatchelGuess *guess, ThrottleAccount *account,
               SatchelAttempt *attempt)
{
  if (account != NULL && attempt->counted & IN_GENERAL)
    count_down (&account->general, attempt->period);
  if (account != NULL && attempt->counted & IN_RESERVE)
    {
      SatchelKnownPlace *known = satchel_known_find (throttle->known, guess->user, guess->place);
      count_down (&account->reserved, attempt->period);
      if (known != NULL && known->share_hour == (attempt->period - 1) * PERIOD_MS / HOUR_MS
          && known->n_share > 0)
        known->n_share--;
    }
  if (attempt->counted & IN_PAIR)
    {
      char key[KEY_BYTES];
      gsize len = pair_key (guess->user, guess->place, key);
      ThrottleCounter *pair = satchel_lru_find (throttle->pairs, key, len);
      count_down (pair, attempt->period);
      if (pair != NULL && throttle_sum (pair, attempt->period) == 0)
        satchel_lru_drop (throttle->pairs, pair);
    }
  attempt->counted &= IN_NETWORKS;
}

static gboolean
is_blank (ThrottleAccount *account, gint64 period)
{
  for (guint i = 0; i < WRONG_MAX; i++)
    if (account->wrong[i] != 0)
      return FALSE;
  return throttle_sum (&account->general, period) == 0 && throttle_sum (&account->reserved, period) == 0;
}

void
satchel_throttle_give_back (SatchelThrottle *throttle, const SatchelGuess *guess, SatchelAttempt *attempt)
{
  if (attempt->period != 0)
    {
      const Origin origin = read_place (guess->place);
      SatchelLru *accounts = accounts_of (throttle, guess);
      ThrottleAccount *account = satchel_lru_find (accounts, guess->user, strlen (guess->user));
      spare_account (throttle, guess, account, attempt);
      if (account != NULL && is_blank (account, attempt->period))
        satchel_lru_drop (accounts, account);
      for (guint i = 0; i < N_LEVELS; i++)
        count_down (find_network (throttle, &origin, i), attempt->period);
    }
  *attempt = (SatchelAttempt) { 0 };
}

/* Notes the secret in the place that it had, or instead of the oldest one. */
static void
note_wrong (ThrottleAccount *account, guint64 secret, gint64 now_ms)
{
  guint place = 0;
  for (guint i = 0; i < WRONG_MAX && account->wrong[place] != secret; i++)
    if (account->wrong[i] == secret || account->wrong_ms[i] < account->wrong_ms[place])
      place = i;
  account->wrong[place] = secret;
  account->wrong_ms[place] = now_ms;
}

void
satchel_throttle_fail (SatchelThrottle *throttle, const SatchelGuess *guess, gint64 now_ms,
                       SatchelAttempt *attempt)
{
  if (attempt->period != 0 && (attempt->counted & IN_PAIR) != 0)
    {
      /* It may have been forgotten meanwhile. */
      ThrottleAccount *account =
          satchel_lru_add (accounts_of (throttle, guess), guess->user, strlen (guess->user));
      if (was_wrong (account, guess->secret, now_ms))
        spare_account (throttle, guess, account, attempt); /* another that ran beside it was first */
      else if (guess->secret != 0)
        note_wrong (account, guess->secret, now_ms);
    }
  *attempt = (SatchelAttempt) { 0 };
}

/* ---- addresses ---- */

void
satchel_throttle_fail_place (SatchelThrottle *throttle, const char *place, gint64 now_ms)
{
  const Origin origin = read_place (place);
  count_networks (throttle, &origin, throttle_period (now_ms));
}

guint
satchel_throttle_n_failures (SatchelThrottle *throttle, const char *place, gint64 now_ms)
{
  ThrottleCounter *counter = throttle_find_network (throttle, place, 0);
  return counter != NULL ? throttle_sum (counter, throttle_period (now_ms)) : 0;
}

gint64
satchel_throttle_delay_ms (guint n_failures, gint64 base_ms)
{
  return base_ms << MIN (n_failures / 5, 3);
}
