/* SPDX-License-Identifier: MIT
 * For unit tests: a monotonic clock that the test moves on, so that no test depends on what is done within a
 * time.  Its g_get_monotonic_time takes the place of GLib's in the whole program, so one file includes it.
 */
#pragma once
#include "core/runtime/loop/reactor_private.h"

#include <time.h>

static gint64 own_clock_ahead_us; /* atomic: how far the clock is ahead of the kernel's */

static inline gint64
own_clock_kernel_us (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
g_get_monotonic_time (void)
{
  return own_clock_kernel_us () + __atomic_load_n (&own_clock_ahead_us, __ATOMIC_SEQ_CST);
}

/* Lets time pass.  Timers that are due then have run when it returns.  Main thread. */
static inline void
own_clock_pass_ms (gint64 ms)
{
  __atomic_add_fetch (&own_clock_ahead_us, ms * 1000, __ATOMIC_SEQ_CST);
  satchel_timer_run (satchel_clock_ms ());
}
