/* SPDX-License-Identifier: MIT
 * Keeps everybody from waiting for a scanner that does not answer: after some failures in a row only one call
 * now and then goes on to try it.  Any thread.
 */
#pragma once
#include <satchel/types.h>

#define SPAM_BREAKER_FAILURES 3u
#define SPAM_BREAKER_WAIT_US (10 * G_USEC_PER_SEC)

typedef struct SpamBreaker /* starts zeroed */
{
  GMutex lock;
  guint n_failures; /* in a row */
  gint64 next_us;   /* of g_get_monotonic_time: when the next call may try */
} SpamBreaker;

/* Says whether nobody may call now, which spares the caller what a call has to have ready. */
gboolean spam_breaker_is_open (SpamBreaker *breaker, gint64 now_us);

/* Says whether a call may go to the scanner now; then the caller makes it and notes how it ended. */
gboolean spam_breaker_may_call (SpamBreaker *breaker, gint64 now_us);
void spam_breaker_note (SpamBreaker *breaker, gboolean ok, gint64 now_us);
