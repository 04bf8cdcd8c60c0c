/* SPDX-License-Identifier: MIT
 * How many failed logins an account and an address have behind them.  Attempts are counted before they are
 * checked, so that parallel ones cannot get past the limit.  Pure: the caller brings the clock.  In memory: a
 * restart of auth forgets.
 */
#pragma once
#include "core/session/log_budget.h"

typedef struct SatchelThrottle SatchelThrottle;
SatchelThrottle *satchel_throttle_new (void);
void satchel_throttle_free (SatchelThrottle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelThrottle, satchel_throttle_free)

/* A counted attempt, to be given back if it turns out not to be a failure. */
typedef struct SatchelAttempt
{
  gint64 period; /* 0: none */
  gboolean from_known_place;
} SatchelAttempt;
/* FALSE: the account has @max_failures within the last hour, running attempts included.  A place that logged
 * in before has a count of its own.  @is_user: unknown names are counted alike but cannot push out real ones.
 */
gboolean satchel_throttle_begin (SatchelThrottle *throttle, const char *user, gboolean is_user,
                                 const char *place, guint max_failures, gint64 now_ms,
                                 SatchelAttempt *ret_attempt);
/* Not a failure: the secret was right, or nothing was checked.  Once a begin. */
void satchel_throttle_give_back (SatchelThrottle *throttle, const char *user, gboolean is_user,
                                 const char *place, SatchelAttempt *attempt);
/* The user got in from @place. */
void satchel_throttle_remember (SatchelThrottle *throttle, const char *user, const char *place);
gboolean satchel_throttle_is_known (SatchelThrottle *throttle, const char *user, const char *place);

/* Counts a failure of an address; returns how many it had within the hour, this one included. */
guint satchel_throttle_fail_place (SatchelThrottle *throttle, const char *place, gint64 now_ms);
/* Its answer waits this long: @base_ms, doubled with every fifth failure, at most eightfold. */
gint64 satchel_throttle_delay_ms (guint n_failures, gint64 base_ms);
