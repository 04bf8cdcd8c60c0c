/* SPDX-License-Identifier: MIT
 * Declares the counters of failed logins by account, address and network, which decide whether one more
 * attempt may be checked. Attempts are counted before they are checked, so that parallel ones cannot get
 * past a limit. Decision 0064 has the limits and their reasons. The functions ask no clock: the caller says
 * what time it is. The counters are in memory and bounded; a restart of auth forgets all but known networks.
 */
#pragma once
#include "core/daemon/auth/throttle/auth_known.h"
#include "core/session/gate/log_budget.h"

/* These limits of an hour follow from @max_failures, the limit of an account. */
typedef struct SatchelThrottleLimits
{
  guint account, reserve, share, pair; /* share: how much of the reserve one known network may use */
  guint address, network, wide;
} SatchelThrottleLimits;
SatchelThrottleLimits satchel_throttle_limits (guint max_failures);

typedef enum
{
  SATCHEL_THROTTLE_NONE = 0,
  /* too many failures of the account, from networks that are not known or from all */
  SATCHEL_THROTTLE_ACCOUNT,
  SATCHEL_THROTTLE_PAIR,    /* too many failures of the account from this network */
  SATCHEL_THROTTLE_ADDRESS, /* too many from this address: an IPv4 address or an IPv6 /64 */
  SATCHEL_THROTTLE_NETWORK, /* too many from this network: an IPv4 /24 or an IPv6 /56 */
  SATCHEL_THROTTLE_WIDE     /* too many from this network: an IPv4 /16 or an IPv6 /48 */
} SatchelThrottleReason;
/* Returns a word for lists: "account", ... */
const char *satchel_throttle_word (SatchelThrottleReason reason);

typedef struct SatchelThrottle SatchelThrottle;
/* Makes counters without failures.  @known is borrowed. */
SatchelThrottle *satchel_throttle_new (SatchelKnown *known);
void satchel_throttle_free (SatchelThrottle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelThrottle, satchel_throttle_free)

/* Says who tries, from where, with what. */
typedef struct SatchelGuess
{
  const char *user;
  /* FALSE: unknown names are counted alike, but in a table of their own, so that they cannot displace real
   * ones */
  gboolean is_user;
  const char *place; /* the network of the login */
  guint64 secret;    /* a keyed digest of user, secret and verifier; 0: there is no secret */
} SatchelGuess;

/* What was counted is kept, so that it can be given back if the attempt turns out not to be a failure. */
typedef struct SatchelAttempt
{
  gint64 period; /* 0: nothing was counted */
  guint counted;
} SatchelAttempt;
/* Counts an attempt before it is checked.  NONE means that it may be checked; then satchel_throttle_give_back
 * or satchel_throttle_fail must follow. */
SatchelThrottleReason satchel_throttle_begin (SatchelThrottle *throttle, const SatchelGuess *guess,
                                              guint max_failures, gint64 now_ms, SatchelAttempt *ret_attempt);
/* Says what satchel_throttle_begin would say, without counting. */
SatchelThrottleReason satchel_throttle_judge (SatchelThrottle *throttle, const SatchelGuess *guess,
                                              guint max_failures, gint64 now_ms);
/* Takes back what satchel_throttle_begin has counted, if the secret was right or nothing was checked. */
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
  const char *user;          /* of ACCOUNT and PAIR; "" for the others */
  char network[64];          /* "192.0.2.0/24", of all but ACCOUNT; "" for that */
  guint n_failures, limit;   /* of an ACCOUNT: failures and limit without the reserve */
  guint n_reserved, reserve; /* of an ACCOUNT: failures and limit of the reserve */
  gint64 ends_ms;            /* when this is forgotten, if no failure follows */
  gboolean is_user;          /* of an ACCOUNT: it is a user's, and not only a name that was tried */
} SatchelThrottled;
typedef void (*SatchelThrottledFunc) (const SatchelThrottled *throttled, gpointer data);
/* Calls @func for each account, network and pair that has failures within the hour. */
void satchel_throttle_foreach (SatchelThrottle *throttle, guint max_failures, gint64 now_ms,
                               SatchelThrottledFunc func, gpointer data);
/* Forgets the failures of an account, also those from single networks; returns how many. */
guint satchel_throttle_clear_user (SatchelThrottle *throttle, const char *user, gint64 now_ms);
/* Forgets the failures of an address and of the networks around it; returns how many the address had. */
guint satchel_throttle_clear_place (SatchelThrottle *throttle, const char *place, gint64 now_ms);
void satchel_throttle_clear (SatchelThrottle *throttle);
