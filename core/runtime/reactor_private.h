/* SPDX-License-Identifier: MIT
 * What the runtime's own files ask of the event loop beyond the public reactor.h.
 */
#pragma once
#include <satchel/reactor.h>

/* Work for the end of this turn of the loop, after all descriptors were served; embedded, zeroed at first.
 * Work queued while others of its kind run waits for the next turn, so that nobody starves the rest. */
typedef struct SatchelTurn SatchelTurn;
typedef void (*SatchelTurnFunc) (SatchelTurn *turn);
struct SatchelTurn
{
  SatchelTurn *next, **link; /* private */
  SatchelTurnFunc func;
};
void satchel_turn_queue (SatchelTurn *turn, SatchelTurnFunc func);
/* The same, but after everything of satchel_turn_queue: flushing what the others wrote. */
void satchel_turn_queue_flush (SatchelTurn *turn, SatchelTurnFunc func);
void satchel_turn_cancel (SatchelTurn *turn);

/* The timer wheel (timer.c), driven by the reactor.  As satchel_timer_arm, which also makes the loop's source
 * exist. */
void satchel_timer_set (SatchelTimer *timer, gint64 delay_ms, SatchelTimerFunc func, gpointer data);
gint64 satchel_timer_next_ms (void); /* when the wheel wants to run, monotonic ms; -1: never */
void satchel_timer_run (gint64 now_ms);

/* Monotonic milliseconds now, not as of the turn. */
static inline gint64
satchel_clock_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

/* Makes the loop's source exist, in the thread that runs the default main context. */
void satchel_reactor_init (void);
/* Number of watches: tests for leaks. */
guint satchel_reactor_n_watches (void);
