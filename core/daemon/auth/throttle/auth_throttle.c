/* SPDX-License-Identifier: MIT
 * This file has counters of failed logins: thirteen periods of five minutes each, so that any hour lies
 * within what is added up.
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

/* This says what an attempt was counted at. */
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
  gsize len = (gsize) g_snprintf (ret_key, KEY_BYTES, "%s\n%s", user, place);
  return MIN (len, KEY_BYTES - 1);
}

/* FALSE means: @place is no address, which the caller has seen to. */
static gboolean
network_key (const char *place, guint level, SatchelAddress *ret_address)
{
  SatchelAddress address;
  if (!satchel_address_parse (place, &address))
    return FALSE;
  satchel_address_mask (&address, throttle_levels[level].v4_bits, throttle_levels[level].v6_bits);
  *ret_address = address;
  return TRUE;
}

/* Returns the length of a key, which is shorter for a unix socket, since that has no address. */
static gsize
network_key_len (const SatchelAddress *address)
{
  return address->is_local ? 1 : sizeof address->bytes;
}

ThrottleCounter *
throttle_find_network (SatchelThrottle *throttle, const char *place, guint level)
{
  SatchelAddress address;
  if (!network_key (place, level, &address))
    return NULL;
  return satchel_lru_find (throttle->networks[level], address.bytes, network_key_len (&address));
}

static guint
sum_network (SatchelThrottle *throttle, const char *place, guint level, gint64 period)
{
  ThrottleCounter *counter = throttle_find_network (throttle, place, level);
  return counter != NULL ? throttle_sum (counter, period) : 0;
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
judge_networks (SatchelThrottle *throttle, const char *place, const SatchelThrottleLimits *limits,
                gint64 period)
{
  const guint most[N_LEVELS] = { limits->address, limits->network, limits->wide };
  SatchelAddress address;
  /* The users of a webmail or of a proxy on this machine all come from here. */
  if (!satchel_address_parse (place, &address) || satchel_address_is_loopback (&address))
    return SATCHEL_THROTTLE_NONE;
  for (guint i = 0; i < N_LEVELS; i++)
    if (sum_network (throttle, place, i, period) >= most[i])
      return throttle_levels[i].reason;
  return SATCHEL_THROTTLE_NONE;
}

/* TRUE means: the known network has some of the reserve left. */
static gboolean
has_reserve (ThrottleAccount *account, const SatchelKnownPlace *known, const SatchelThrottleLimits *limits,
             gint64 now_ms)
{
  guint n_share = known != NULL && known->share_hour == now_ms / HOUR_MS ? known->n_share : 0;
  return known != NULL && n_share < limits->share
         && throttle_sum (&account->reserved, throttle_period (now_ms)) < limits->reserve;
}

/* @ret_counted is where it has to be counted. */
static SatchelThrottleReason
judge (SatchelThrottle *throttle, const SatchelGuess *guess, guint max_failures, gint64 now_ms,
       guint *ret_counted)
{
  const SatchelThrottleLimits limits = satchel_throttle_limits (max_failures);
  gint64 period = throttle_period (now_ms);
  ThrottleAccount *account =
      satchel_lru_add (accounts_of (throttle, guess), guess->user, strlen (guess->user));
  SatchelKnownPlace *known = satchel_known_find (throttle->known, guess->user, guess->place);
  char key[KEY_BYTES];
  gsize len = pair_key (guess->user, guess->place, key);
  gboolean is_repeated = was_wrong (account, guess->secret, now_ms);
  SatchelThrottleReason reason = SATCHEL_THROTTLE_NONE;
  /* What costs the account nothing is bounded for its network at least. */
  if (known == NULL || is_repeated)
    reason = judge_networks (throttle, guess->place, &limits, period);
  if (reason != SATCHEL_THROTTLE_NONE)
    return reason;
  gboolean is_general = throttle_sum (&account->general, period) < limits.account - limits.reserve;
  if (!is_general && !has_reserve (account, known, &limits, now_ms))
    return SATCHEL_THROTTLE_ACCOUNT;
  ThrottleCounter *pair = satchel_lru_find (throttle->pairs, key, len);
  if (!is_repeated && pair != NULL && throttle_sum (pair, period) >= limits.pair)
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
  guint counted;
  return judge (throttle, guess, max_failures, now_ms, &counted);
}

static void
use_share (SatchelKnownPlace *known, gint64 now_ms)
{
  gint64 hour = now_ms / HOUR_MS;
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
  SatchelThrottleReason reason = judge (throttle, guess, max_failures, now_ms, &attempt.counted);
  if (reason != SATCHEL_THROTTLE_NONE)
    return reason;
  ThrottleAccount *account =
      satchel_lru_add (accounts_of (throttle, guess), guess->user, strlen (guess->user));
  if (attempt.counted & IN_GENERAL)
    count_up (&account->general, attempt.period);
  if (attempt.counted & IN_RESERVE)
    {
      count_up (&account->reserved, attempt.period);
      use_share (satchel_known_find (throttle->known, guess->user, guess->place), now_ms);
    }
  if (attempt.counted & IN_PAIR)
    {
      char key[KEY_BYTES];
      gsize len = pair_key (guess->user, guess->place, key);
      count_up (satchel_lru_add (throttle->pairs, key, len), attempt.period);
    }
  satchel_throttle_fail_place (throttle, guess->place, now_ms);
  *ret_attempt = attempt;
  return SATCHEL_THROTTLE_NONE;
}

/* Takes the account's part back. */
static void
spare_account (SatchelThrottle *throttle, const SatchelGuess *guess, SatchelAttempt *attempt)
{
  char key[KEY_BYTES];
  gsize len = pair_key (guess->user, guess->place, key);
  ThrottleAccount *account =
      satchel_lru_find (accounts_of (throttle, guess), guess->user, strlen (guess->user));
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
    count_down (satchel_lru_find (throttle->pairs, key, len), attempt->period);
  attempt->counted &= IN_NETWORKS;
}

void
satchel_throttle_give_back (SatchelThrottle *throttle, const SatchelGuess *guess, SatchelAttempt *attempt)
{
  if (attempt->period != 0)
    {
      spare_account (throttle, guess, attempt);
      for (guint i = 0; i < N_LEVELS; i++)
        count_down (throttle_find_network (throttle, guess->place, i), attempt->period);
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
  ThrottleAccount *account =
      satchel_lru_find (accounts_of (throttle, guess), guess->user, strlen (guess->user));
  gboolean is_counted = attempt->period != 0 && (attempt->counted & IN_PAIR) != 0;
  if (account != NULL && is_counted && was_wrong (account, guess->secret, now_ms))
    spare_account (throttle, guess, attempt); /* another that ran beside it was first */
  else if (account != NULL && is_counted && guess->secret != 0)
    note_wrong (account, guess->secret, now_ms);
  *attempt = (SatchelAttempt) { 0 };
}

/* ---- addresses ---- */

void
satchel_throttle_fail_place (SatchelThrottle *throttle, const char *place, gint64 now_ms)
{
  for (guint i = 0; i < N_LEVELS; i++)
    {
      SatchelAddress address;
      if (network_key (place, i, &address))
        count_up (satchel_lru_add (throttle->networks[i], address.bytes, network_key_len (&address)),
                  throttle_period (now_ms));
    }
}

guint
satchel_throttle_n_failures (SatchelThrottle *throttle, const char *place, gint64 now_ms)
{
  return sum_network (throttle, place, 0, throttle_period (now_ms));
}

gint64
satchel_throttle_delay_ms (guint n_failures, gint64 base_ms)
{
  return base_ms << MIN (n_failures / 5, 3);
}
