/* SPDX-License-Identifier: MIT
 * How many failed logins accounts, addresses and networks have behind them, and whether one more attempt may
 * be looked at.  Attempts are counted before they are checked, so that parallel ones cannot get past a limit.
 * Decision 0064 has the limits and their reasons.
 *
 * Pure: the caller brings the clock.  In memory, bounded; a restart of auth forgets all but known networks.
 */
#pragma once
#include "core/daemon/auth/throttle/auth_known.h"
#include "core/session/gate/log_budget.h"

/* Limits of an hour that follow from @max_failures, the limit of an account. */
typedef struct SatchelThrottleLimits
{
  guint account, reserve, share, pair; /* share: what one known network may use of the reserve */
  guint address, network, wide;
} SatchelThrottleLimits;
SatchelThrottleLimits satchel_throttle_limits (guint max_failures);

typedef enum
{
  SATCHEL_THROTTLE_NONE = 0,
  SATCHEL_THROTTLE_ACCOUNT, /* from networks that are not known, or altogether */
  SATCHEL_THROTTLE_PAIR,    /* the account, from this network */
  SATCHEL_THROTTLE_ADDRESS, /* any account from: an IPv4 address, an IPv6 /64 */
  SATCHEL_THROTTLE_NETWORK, /* an IPv4 /24, an IPv6 /56 */
  SATCHEL_THROTTLE_WIDE     /* an IPv4 /16, an IPv6 /48 */
} SatchelThrottleReason;
/* Returns a word for lists: "account", ... */
const char *satchel_throttle_word (SatchelThrottleReason reason);

typedef struct SatchelThrottle SatchelThrottle;
/* @known is borrowed. */
SatchelThrottle *satchel_throttle_new (SatchelKnown *known);
void satchel_throttle_free (SatchelThrottle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelThrottle, satchel_throttle_free)

/* This says who tries, from where, with what. */
typedef struct SatchelGuess
{
  const char *user;
  gboolean is_user;  /* unknown names are counted alike, but cannot push out real ones */
  const char *place; /* the network of the login */
  guint64 secret;    /* a keyed digest of user, secret and verifier; 0: there is no secret */
} SatchelGuess;

/* What was counted, to be given back if it turns out not to be a failure. */
typedef struct SatchelAttempt
{
  gint64 period; /* 0: nothing */
  guint counted;
} SatchelAttempt;
/* NONE means: it is counted, and may be looked at; then one of the two below follows. */
SatchelThrottleReason satchel_throttle_begin (SatchelThrottle *throttle, const SatchelGuess *guess,
                                              guint max_failures, gint64 now_ms, SatchelAttempt *ret_attempt);
/* Does the same, without counting. */
SatchelThrottleReason satchel_throttle_judge (SatchelThrottle *throttle, const SatchelGuess *guess,
                                              guint max_failures, gint64 now_ms);
/* Takes back what begin has counted: the secret was right, or nothing was checked. */
void satchel_throttle_give_back (SatchelThrottle *throttle, const SatchelGuess *guess,
                                 SatchelAttempt *attempt);
/* Counts a failure.  The same secret costs the account nothing more for an hour. */
void satchel_throttle_fail (SatchelThrottle *throttle, const SatchelGuess *guess, gint64 now_ms,
                            SatchelAttempt *attempt);

/* Counts a failure of an address that concerns no account. */
void satchel_throttle_fail_place (SatchelThrottle *throttle, const char *place, gint64 now_ms);
/* Returns how many failures the address had within the hour, running attempts included. */
guint satchel_throttle_n_failures (SatchelThrottle *throttle, const char *place, gint64 now_ms);
/* Returns how long the answer to a failure waits: @base_ms, doubled with every fifth, at most eightfold. */
gint64 satchel_throttle_delay_ms (guint n_failures, gint64 base_ms);

typedef struct SatchelThrottled
{
  SatchelThrottleReason kind;
  const char *user;          /* of ACCOUNT and PAIR; "": others */
  char network[64];          /* "192.0.2.0/24", of all but ACCOUNT; "" */
  guint n_failures, limit;   /* of an ACCOUNT: without the reserve */
  guint n_reserved, reserve; /* of an ACCOUNT */
  gint64 ends_ms;            /* until it is forgotten, if nothing more happens */
  gboolean is_user;          /* ACCOUNT: it is a user's, and not only a name that was tried */
} SatchelThrottled;
typedef void (*SatchelThrottledFunc) (const SatchelThrottled *throttled, gpointer data);
/* All that has failures within the hour. */
void satchel_throttle_foreach (SatchelThrottle *throttle, guint max_failures, gint64 now_ms,
                               SatchelThrottledFunc func, gpointer data);
/* Forgets the failures of an account, also those from single networks; returns how many. */
guint satchel_throttle_clear_user (SatchelThrottle *throttle, const char *user, gint64 now_ms);
/* Forgets those of an address and the networks around it. */
guint satchel_throttle_clear_place (SatchelThrottle *throttle, const char *place, gint64 now_ms);
void satchel_throttle_clear (SatchelThrottle *throttle);
