/* SPDX-License-Identifier: MIT
 * Declares the event loop of the process: one epoll set as a single GSource, and a timer wheel. Main thread
 * only.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

typedef struct SatchelWatch SatchelWatch;
/* Is told of events of a watch: EPOLLIN | EPOLLOUT | EPOLLHUP | ...  They are level-triggered. */
typedef void (*SatchelWatchFunc) (int fd, guint32 events, gpointer data);
/* Watches @fd, which stays the caller's.  The watch must be removed before @fd is closed. */
SATCHEL_API SatchelWatch *satchel_watch_add (int fd, guint32 events, SatchelWatchFunc func, gpointer data);
SATCHEL_API void satchel_watch_set_events (SatchelWatch *watch,
                                           guint32 events); /* 0: the watch stays, but is never called */
SATCHEL_API void satchel_watch_remove (SatchelWatch *watch);

/* A one-shot timer is embedded in the structure of its owner and zeroed at first. Arming, moving and
 * cancelling are O(1). The granularity is 100 ms; a timer never fires early. */
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
/* Returns monotonic time in milliseconds, as of this turn of the loop. */
SATCHEL_API gint64 satchel_now_ms (void);

/* Runs @func in the main thread soon.  May be called from any thread; calls keep their order. */
typedef void (*SatchelDeferFunc) (gpointer data);
SATCHEL_API void satchel_defer (SatchelDeferFunc func, gpointer data);

G_END_DECLS
