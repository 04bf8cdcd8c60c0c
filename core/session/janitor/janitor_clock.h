/* SPDX-License-Identifier: MIT
 * Declares who decides whether the machine's clock can be trusted, by comparing it with the time that has
 * passed. It makes no I/O, and asks no clock itself.
 */
#pragma once
#include <glib.h>

/* The result of the last look is stored over restarts. It is all zero if there was none. */
typedef struct SatchelJanitorClock
{
  gint64 wall_ms; /* the machine's clock, in ms since 1970 */
  gint64 boot_ms; /* CLOCK_BOOTTIME at that time */
  /* How far the clock is ahead of the time that has passed, as far as it is not trusted; negative: behind. */
  gint64 ahead_ms;
  gint64 unsettled_ms; /* how long the clock has been ahead or behind by that much */
} SatchelJanitorClock;

/* Looks again.  A difference of at most @bound_ms is trusted at once, a larger one after it has lasted for
 * @settle_ms.  TRUE means that the clock is ahead by more (ahead_ms).  Time during which the machine was off
 * is unknown, and counts as none. */
gboolean satchel_janitor_clock_look (SatchelJanitorClock *clock, gint64 wall_ms, gint64 boot_ms,
                                     gint64 bound_ms, gint64 settle_ms);
