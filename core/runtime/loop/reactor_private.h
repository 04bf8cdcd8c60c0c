/* SPDX-License-Identifier: MIT
 * What files of the core ask of the event loop beyond the public reactor.h.
 */
#pragma once
#include <satchel/reactor.h>

/* A turn is work for the end of this turn of the loop, after all descriptors were served. It is embedded in
 * another struct, zeroed at first. Work that is queued while other work of its kind runs waits for the next
 * turn, so that nothing starves the rest. */
typedef struct SatchelTurn SatchelTurn;
typedef void (*SatchelTurnFunc) (SatchelTurn *turn);
struct SatchelTurn
{
  SatchelTurn *next, **link; /* private */
  SatchelTurnFunc func;
};
void satchel_turn_queue (SatchelTurn *turn, SatchelTurnFunc func);
/* Does the same, but the work runs after all that satchel_turn_queue has queued, to flush what that has
 * written. */
void satchel_turn_queue_flush (SatchelTurn *turn, SatchelTurnFunc func);
void satchel_turn_cancel (SatchelTurn *turn);
/* Returns the number of this turn: between two equal numbers nothing else of this process has run. */
guint64 satchel_reactor_turn (void);

/* The reactor drives the timer wheel (timer.c). The first function does what satchel_timer_arm does, which
 * also makes the source of the loop. */
void satchel_timer_set (SatchelTimer *timer, gint64 delay_ms, SatchelTimerFunc func, gpointer data);
gint64 satchel_timer_next_ms (void); /* when the wheel has to run next, in monotonic ms; -1: never */
void satchel_timer_run (gint64 now_ms);

/* Returns the monotonic time in ms as it is now, not as it was when the turn began. */
static inline gint64
satchel_clock_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

/* Makes the source of the loop, in the thread that runs the default main context. */
void satchel_reactor_init (void);
/* Returns the number of watches, for tests that look for leaks. */
guint satchel_reactor_n_watches (void);
