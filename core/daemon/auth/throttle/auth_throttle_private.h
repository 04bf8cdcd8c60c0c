/* SPDX-License-Identifier: MIT
 * Declares the counters, between auth_throttle.c, which counts, and auth_throttle_list.c, which shows and
 * forgets.
 */
#pragma once
#include "core/daemon/auth/check/auth_lru.h"
#include "core/daemon/auth/throttle/auth_throttle.h"

#define PERIOD_MS (5 * 60 * 1000)
#define HOUR_MS (60 * 60 * 1000)
#define N_PERIODS 13
#define WRONG_MAX 12u /* wrong secrets that are remembered of one account */

typedef struct
{
  gint64 newest; /* the period that counts[newest % N_PERIODS] is of */
  guint32 counts[N_PERIODS];
} ThrottleCounter;

typedef struct
{
  ThrottleCounter general, reserved;
  guint64 wrong[WRONG_MAX]; /* digests of secrets that were counted */
  gint64 wrong_ms[WRONG_MAX];
} ThrottleAccount;

/* Failures are counted for an address, and for the networks of two sizes around it. */
typedef struct
{
  SatchelThrottleReason reason;
  guint v4_bits, v6_bits;
} ThrottleLevel;
#define N_LEVELS 3u
extern const ThrottleLevel throttle_levels[N_LEVELS];

struct SatchelThrottle
{
  SatchelKnown *known;
  SatchelLru *users, *strangers;  /* name -> ThrottleAccount */
  SatchelLru *pairs;              /* name NEWLINE place -> ThrottleCounter */
  SatchelLru *networks[N_LEVELS]; /* address, masked -> ThrottleCounter */
};

/* Returns the number of the period of @now_ms; it is never 0, which stands for no period. */
gint64 throttle_period (gint64 now_ms);
/* Returns the count of the last thirteen periods, of which @period is the present one. */
guint throttle_sum (ThrottleCounter *counter, gint64 period);
/* Returns the counter of the network around @place; NULL means that there is none. */
ThrottleCounter *throttle_find_network (SatchelThrottle *throttle, const char *place, guint level);
