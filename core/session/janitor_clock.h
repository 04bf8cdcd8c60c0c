/* SPDX-License-Identifier: MIT
 * Whether the machine's clock can be believed: it is compared with the time that has passed.  No I/O, no
 * clock of its own.
 */
#pragma once
#include <glib.h>

/* Of the last look, kept over restarts.  All zero: never looked. */
typedef struct SatchelJanitorClock
{
  gint64 wall_ms;      /* the machine's clock, since 1970 */
  gint64 boot_ms;      /* CLOCK_BOOTTIME */
  gint64 ahead_ms;     /* of the time that has passed, as far as it is not believed; negative: behind */
  gint64 unsettled_ms; /* how long it has stood so */
} SatchelJanitorClock;

/* Looks again.  What differs by at most @bound_ms is believed at once, more after it has stood for
 * @settle_ms.  TRUE: it is ahead by more (ahead_ms).  After a start of the machine the time that it was off
 * is not known: it counts as none. */
gboolean satchel_janitor_clock_look (SatchelJanitorClock *clock, gint64 wall_ms, gint64 boot_ms,
                                     gint64 bound_ms, gint64 settle_ms);
