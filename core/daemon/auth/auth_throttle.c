/* SPDX-License-Identifier: MIT
 * Counters of failed logins: thirteen periods of five minutes each, so that any hour lies within what is
 * added up.
 */
#include "config.h"

#include "core/daemon/auth/auth_lru.h"
#include "core/daemon/auth/auth_throttle.h"

#include <string.h>

#define PERIOD_MS (5 * 60 * 1000)
#define N_PERIODS 13
#define MAX_USERS 131072
#define MAX_STRANGERS 16384
#define MAX_PLACES 65536

typedef struct
{
  gint64 newest; /* period of counts[newest % N_PERIODS] */
  guint32 counts[N_PERIODS];
} Counter;

struct SatchelThrottle
{
  SatchelLru *users, *strangers; /* name -> Counter */
  SatchelLru *known;             /* name NUL place -> Counter; being there is what makes a place known */
  SatchelLru *places;            /* place -> Counter */
};

SatchelThrottle *
satchel_throttle_new (void)
{
  SatchelThrottle *throttle = g_new0 (SatchelThrottle, 1);
  throttle->users = satchel_lru_new (sizeof (Counter), MAX_USERS);
  throttle->strangers = satchel_lru_new (sizeof (Counter), MAX_STRANGERS);
  throttle->known = satchel_lru_new (sizeof (Counter), MAX_PLACES);
  throttle->places = satchel_lru_new (sizeof (Counter), MAX_PLACES);
  return throttle;
}

void
satchel_throttle_free (SatchelThrottle *throttle)
{
  if (throttle == NULL)
    return;
  satchel_lru_free (throttle->users);
  satchel_lru_free (throttle->strangers);
  satchel_lru_free (throttle->known);
  satchel_lru_free (throttle->places);
  g_free (throttle);
}

/* 0 stands for no period. */
static gint64
period_of (gint64 now_ms)
{
  return now_ms / PERIOD_MS + 1;
}

static guint
counter_sum (Counter *counter, gint64 period)
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

static gsize
known_key (const char *user, const char *place, char ret_key[512])
{
  return (gsize) g_snprintf (ret_key, 512, "%s\n%s", user, place);
}

static Counter *
find_known (SatchelThrottle *throttle, const char *user, const char *place)
{
  char key[512];
  gsize len = known_key (user, place, key);
  return satchel_lru_find (throttle->known, key, MIN (len, sizeof key - 1));
}

gboolean
satchel_throttle_begin (SatchelThrottle *throttle, const char *user, gboolean is_user, const char *place,
                        guint max_failures, gint64 now_ms, SatchelAttempt *ret_attempt)
{
  gint64 period = period_of (now_ms);
  Counter *counter = find_known (throttle, user, place);
  gboolean is_known = counter != NULL;
  if (!is_known)
    counter = satchel_lru_add (is_user ? throttle->users : throttle->strangers, user, strlen (user));
  if (counter_sum (counter, period) >= max_failures)
    return FALSE;
  counter->counts[period % N_PERIODS]++;
  *ret_attempt = (SatchelAttempt) { .period = period, .from_known_place = is_known };
  return TRUE;
}

void
satchel_throttle_give_back (SatchelThrottle *throttle, const char *user, gboolean is_user, const char *place,
                            SatchelAttempt *attempt)
{
  Counter *counter =
      attempt->period == 0 ? NULL
      : attempt->from_known_place
          ? find_known (throttle, user, place)
          : satchel_lru_find (is_user ? throttle->users : throttle->strangers, user, strlen (user));
  /* It may have been forgotten, or have grown out of the hour, meanwhile. */
  if (counter != NULL && counter->newest - attempt->period < N_PERIODS && counter->newest >= attempt->period
      && counter->counts[attempt->period % N_PERIODS] > 0)
    counter->counts[attempt->period % N_PERIODS]--;
  attempt->period = 0;
}

void
satchel_throttle_remember (SatchelThrottle *throttle, const char *user, const char *place)
{
  char key[512];
  gsize len = known_key (user, place, key);
  satchel_lru_add (throttle->known, key, MIN (len, sizeof key - 1));
}

gboolean
satchel_throttle_is_known (SatchelThrottle *throttle, const char *user, const char *place)
{
  return find_known (throttle, user, place) != NULL;
}

guint
satchel_throttle_fail_place (SatchelThrottle *throttle, const char *place, gint64 now_ms)
{
  gint64 period = period_of (now_ms);
  Counter *counter = satchel_lru_add (throttle->places, place, strlen (place));
  guint sum = counter_sum (counter, period);
  if (sum < G_MAXUINT32)
    counter->counts[period % N_PERIODS]++;
  return sum + 1;
}

gint64
satchel_throttle_delay_ms (guint n_failures, gint64 base_ms)
{
  return base_ms << MIN (n_failures / 5, 3);
}
