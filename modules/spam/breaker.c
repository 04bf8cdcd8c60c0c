/* SPDX-License-Identifier: MIT
 * Counts failures in a row.
 */
#include "breaker.h"

/* Says whether a call would have to wait; the caller holds the lock. */
static gboolean
is_open (const SpamBreaker *breaker, gint64 now_us)
{
  return breaker->n_failures >= SPAM_BREAKER_FAILURES && now_us < breaker->next_us;
}

gboolean
spam_breaker_is_open (SpamBreaker *breaker, gint64 now_us)
{
  g_mutex_lock (&breaker->lock);
  gboolean answer = is_open (breaker, now_us);
  g_mutex_unlock (&breaker->lock);
  return answer;
}

gboolean
spam_breaker_may_call (SpamBreaker *breaker, gint64 now_us)
{
  g_mutex_lock (&breaker->lock);
  gboolean may = !is_open (breaker, now_us);
  if (may && breaker->n_failures >= SPAM_BREAKER_FAILURES)
    breaker->next_us = now_us + SPAM_BREAKER_WAIT_US;
  g_mutex_unlock (&breaker->lock);
  return may;
}

void
spam_breaker_note (SpamBreaker *breaker, gboolean ok, gint64 now_us)
{
  g_mutex_lock (&breaker->lock);
  breaker->n_failures = ok ? 0 : MIN (breaker->n_failures + 1, SPAM_BREAKER_FAILURES);
  if (!ok)
    breaker->next_us = now_us + SPAM_BREAKER_WAIT_US;
  g_mutex_unlock (&breaker->lock);
}
