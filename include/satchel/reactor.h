/* SPDX-License-Identifier: MIT
 * The process's event loop: one epoll set as a single GSource, a timer wheel.  Main thread only.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

typedef struct SatchelWatch SatchelWatch;
/* @events: EPOLLIN | EPOLLOUT | EPOLLHUP | ...  Level-triggered. */
typedef void (*SatchelWatchFunc) (int fd, guint32 events, gpointer data);
/* @fd stays the caller's; remove the watch before closing it. */
SATCHEL_API SatchelWatch *satchel_watch_add (int fd, guint32 events, SatchelWatchFunc func, gpointer data);
SATCHEL_API void satchel_watch_set_events (SatchelWatch *watch, guint32 events); /* 0: keep, but silent */
SATCHEL_API void satchel_watch_remove (SatchelWatch *watch);

/* A one-shot timer, embedded by its owner and zeroed at first; O(1) to arm, move and cancel.
 * Granularity: 100 ms, never early. */
typedef struct SatchelTimer SatchelTimer;
typedef void (*SatchelTimerFunc) (SatchelTimer *timer, gpointer data);
struct SatchelTimer
{
  SatchelTimer *next, **link; /* private */
  gint64 due_ms;              /* private; 0: not armed */
  SatchelTimerFunc func;
  gpointer data;
  SATCHEL_RESERVED (2);
};
SATCHEL_API void satchel_timer_arm (SatchelTimer *timer, gint64 delay_ms, SatchelTimerFunc func,
                                    gpointer data);
SATCHEL_API void satchel_timer_cancel (SatchelTimer *timer);
/* Monotonic milliseconds, as of this turn of the loop. */
SATCHEL_API gint64 satchel_now_ms (void);

/* Runs @func in the main thread, soon; may be called from any thread; order is kept. */
typedef void (*SatchelDeferFunc) (gpointer data);
SATCHEL_API void satchel_defer (SatchelDeferFunc func, gpointer data);

G_END_DECLS
