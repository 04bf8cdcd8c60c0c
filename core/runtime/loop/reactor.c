/* SPDX-License-Identifier: MIT
 * Runs the event loop: one epoll set as one GSource of the default main context, since GLib's own poll ()
 * takes time for every descriptor at each wake-up. A turn is timers, descriptors, deferred calls, queued
 * work, flushes. GLib waits by epoll_wait as well, so that a turn needs no second call to learn what has
 * happened.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/runtime/loop/reactor_private.h"
#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_A_TURN 256
#define WIPE_MS 10

struct SatchelWatch
{
  int fd;
  /* 0: the watch is not in the epoll set, since epoll would report HUP and ERR even without events */
  guint32 events;
  SatchelWatchFunc func;
  gpointer data;
  gboolean is_removed;
  SatchelWatch *next_removed;
};

typedef struct DeferredCall
{
  SatchelDeferFunc func;
  gpointer data;
} DeferredCall;

typedef struct Reactor
{
  GSource source;
  gpointer tag;
  int epoll_fd;
  int wake_fd;
  int glib_fd;        /* what GLib is woken up by, which is in the epoll set; -1: not known yet */
  int n_fetched;      /* events that are in `fetched`, and have not been served yet; -1: nobody has looked */
  gint64 wipe_due_ms; /* when the stack has to be wiped; 0: nothing is on it since that was done */
  gint64 now_ms;
  guint64 n_turns;
  guint n_watches;
  gboolean is_dispatching;
  SatchelWatch *removed;
  SatchelTurn *turns, **turns_end;
  SatchelTurn *flushes, **flushes_end;
  GThread *main_thread;
  GMutex lock;
  GArray *deferred; /* DeferredCall, under lock */
  GArray *running;  /* the batch that is being run; at other times a spare array */
} Reactor;

static Reactor *the_reactor;
static struct epoll_event fetched[EVENTS_A_TURN];
static const char of_glib; /* stands in the place of the watch of glib_fd */

static gboolean
has_deferred (Reactor *reactor)
{
  g_mutex_lock (&reactor->lock);
  gboolean has = reactor->deferred->len > 0;
  g_mutex_unlock (&reactor->lock);
  return has;
}

/* Returns when the loop has to run next, in monotonic ms; -1: never. */
static gint64
next_ms (const Reactor *reactor)
{
  gint64 timer_ms = satchel_timer_next_ms ();
  if (reactor->wipe_due_ms != 0 && (timer_ms < 0 || reactor->wipe_due_ms < timer_ms))
    return reactor->wipe_due_ms;
  return timer_ms;
}

static gboolean
reactor_prepare (GSource *source, int *timeout)
{
  Reactor *reactor = (Reactor *) source;
  *timeout = -1;
  if (reactor->turns != NULL || reactor->flushes != NULL || has_deferred (reactor))
    {
      *timeout = 0;
      return TRUE;
    }
  gint64 next = next_ms (reactor);
  if (next < 0)
    return FALSE;
  gint64 wait = next - satchel_clock_ms ();
  *timeout = (int) CLAMP (wait, 0, 3600 * 1000);
  return wait <= 0;
}

static gboolean
reactor_check (GSource *source)
{
  Reactor *reactor = (Reactor *) source;
  if (g_source_query_unix_fd (source, reactor->tag) != 0 || reactor->turns != NULL
      || reactor->flushes != NULL)
    return TRUE;
  gint64 next = next_ms (reactor);
  return (next >= 0 && next <= satchel_clock_ms ()) || has_deferred (reactor);
}

static void
run_deferred (Reactor *reactor)
{
  g_mutex_lock (&reactor->lock);
  GArray *batch = reactor->deferred;
  reactor->deferred = reactor->running;
  reactor->running = batch;
  g_mutex_unlock (&reactor->lock);
  for (guint i = 0; i < batch->len; i++)
    {
      DeferredCall call = g_array_index (batch, DeferredCall, i);
      call.func (call.data);
    }
  g_array_set_size (batch, 0);
}

static void
run_watches (Reactor *reactor)
{
  int n = reactor->n_fetched >= 0 ? reactor->n_fetched
                                  : epoll_wait (reactor->epoll_fd, fetched, EVENTS_A_TURN, 0);
  reactor->n_fetched = -1;
  for (int i = 0; i < n; i++)
    {
      SatchelWatch *watch = fetched[i].data.ptr;
      if (watch == NULL)
        {
          eventfd_t count;
          (void) eventfd_read (reactor->wake_fd, &count);
        }
      else if (fetched[i].data.ptr != &of_glib && !watch->is_removed && watch->events != 0)
        watch->func (watch->fd, fetched[i].events, watch->data);
    }
}

/* ---- waiting ---- */

/* Returns GLib's own descriptor, by which other threads wake it up, if GLib waits for that and the epoll set
 * alone.  Both stay the same for the life of the process. */
static GPollFD *
find_glib (Reactor *reactor, GPollFD *fds, guint n)
{
  if (n != 2 || (fds[0].fd != reactor->epoll_fd && fds[1].fd != reactor->epoll_fd))
    return NULL;
  GPollFD *other = fds[0].fd == reactor->epoll_fd ? &fds[1] : &fds[0];
  if (reactor->glib_fd < 0 && other->events == G_IO_IN)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.ptr = (gpointer) &of_glib };
      if (epoll_ctl (reactor->epoll_fd, EPOLL_CTL_ADD, other->fd, &event) == 0)
        reactor->glib_fd = other->fd;
    }
  return other->fd == reactor->glib_fd ? other : NULL;
}

/* Waits as poll () does, and keeps what the epoll set tells for the turn that follows. */
static int
wait_for_epoll (Reactor *reactor, GPollFD *glib, GPollFD *own, int timeout_ms)
{
  int n = epoll_wait (reactor->epoll_fd, fetched, EVENTS_A_TURN, timeout_ms);
  glib->revents = own->revents = 0;
  for (int i = 0; i < n; i++)
    if (fetched[i].data.ptr == &of_glib)
      glib->revents = G_IO_IN;
  own->revents = n > (glib->revents != 0) ? G_IO_IN : 0;
  reactor->n_fetched = own->revents != 0 ? n : 0; /* an interrupted call has told of nothing */
  return (glib->revents != 0) + (own->revents != 0);
}

/* Is GLib's way to wait.  Events that were fetched and not served, since somebody asked only whether there
 * are any, are not fetched again: some are told only once. */
static int
wait_for_events (GPollFD *fds, guint n, int timeout_ms)
{
  Reactor *reactor = the_reactor;
  if (reactor->is_dispatching)
    return poll ((struct pollfd *) fds, n, timeout_ms);
  if (reactor->n_fetched <= 0)
    {
      GPollFD *glib = find_glib (reactor, fds, n);
      if (glib != NULL)
        return wait_for_epoll (reactor, glib, glib == &fds[0] ? &fds[1] : &fds[0], timeout_ms);
    }
  int n_ready = poll ((struct pollfd *) fds, n, reactor->n_fetched > 0 ? 0 : timeout_ms);
  for (guint i = 0; reactor->n_fetched > 0 && i < n; i++)
    if (fds[i].fd == reactor->epoll_fd)
      fds[i].revents = G_IO_IN;
  return MAX (n_ready, reactor->n_fetched > 0);
}

/* ---- turns ---- */

/* Runs what is in the list now; items that are added meanwhile wait for the next turn. */
static void
run_turns (SatchelTurn **list, SatchelTurn ***list_end)
{
  /* The batch is static, since cancelling a waiting turn goes through its `link`. */
  static SatchelTurn *batch;
  batch = *list;
  if (batch == NULL)
    return;
  batch->link = &batch;
  *list = NULL;
  *list_end = list;
  while (batch != NULL)
    {
      SatchelTurn *turn = batch;
      batch = turn->next;
      if (batch != NULL)
        batch->link = &batch;
      turn->next = NULL;
      turn->link = NULL;
      turn->func (turn);
    }
}

/* Wipes what calls of this turn, and of others within WIPE_MS before it, have left on the stack, at the
 * latest that long after the first of them: some turns are shorter than this takes. */
static void
wipe_stack (Reactor *reactor)
{
  if (!satchel_heap_is_wiping)
    return;
  if (reactor->wipe_due_ms == 0)
    reactor->wipe_due_ms = reactor->now_ms + WIPE_MS;
  else if (reactor->now_ms >= reactor->wipe_due_ms)
    {
      satchel_heap_wipe_stack ();
      reactor->wipe_due_ms = 0;
    }
}

static gboolean
reactor_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Reactor *reactor = (Reactor *) source;
  if (reactor->is_dispatching)
    return G_SOURCE_CONTINUE;
  reactor->is_dispatching = TRUE;
  reactor->n_turns++;
  reactor->now_ms = satchel_clock_ms ();
  satchel_timer_run (reactor->now_ms);
  run_watches (reactor);
  run_deferred (reactor);
  run_turns (&reactor->turns, &reactor->turns_end);
  run_turns (&reactor->flushes, &reactor->flushes_end);
  reactor->is_dispatching = FALSE;
  while (reactor->removed != NULL)
    {
      SatchelWatch *watch = reactor->removed;
      reactor->removed = watch->next_removed;
      g_free (watch);
    }
  wipe_stack (reactor);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs reactor_funcs = { reactor_prepare, reactor_check, reactor_dispatch, NULL, NULL, NULL };

void
satchel_reactor_init (void)
{
  static gsize once;
  if (!g_once_init_enter (&once))
    return;
  GSource *source = g_source_new (&reactor_funcs, sizeof (Reactor));
  Reactor *reactor = (Reactor *) source;
  reactor->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  reactor->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  /* Nothing works without these two descriptors, which are made only at the start. */
  if (reactor->epoll_fd < 0 || reactor->wake_fd < 0
      || epoll_ctl (reactor->epoll_fd, EPOLL_CTL_ADD, reactor->wake_fd, &event) < 0)
    g_error ("cannot make the event loop: %s", g_strerror (errno));
  reactor->glib_fd = reactor->n_fetched = -1;
  reactor->now_ms = satchel_clock_ms ();
  reactor->turns_end = &reactor->turns;
  reactor->flushes_end = &reactor->flushes;
  reactor->main_thread = g_thread_self ();
  g_mutex_init (&reactor->lock);
  reactor->deferred = g_array_new (FALSE, FALSE, sizeof (DeferredCall));
  reactor->running = g_array_new (FALSE, FALSE, sizeof (DeferredCall));
  reactor->tag = g_source_add_unix_fd (source, reactor->epoll_fd, G_IO_IN);
  g_source_set_name (source, "satchel reactor");
  /* Without this GLib removes and adds the descriptor around each dispatch and wakes itself up for that,
   * with four system calls. */
  g_source_set_can_recurse (source, TRUE);
  g_source_attach (source, NULL);
  the_reactor = reactor;
  g_main_context_set_poll_func (NULL, wait_for_events);
  g_once_init_leave (&once, 1);
}

static Reactor *
get_reactor (void)
{
  if (G_UNLIKELY (g_atomic_pointer_get (&the_reactor) == NULL))
    satchel_reactor_init ();
  return the_reactor;
}

void
satchel_timer_arm (SatchelTimer *timer, gint64 delay_ms, SatchelTimerFunc func, gpointer data)
{
  satchel_reactor_init ();
  satchel_timer_set (timer, delay_ms, func, data);
}

static void
change_watch (SatchelWatch *watch, int operation, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };
  if (epoll_ctl (get_reactor ()->epoll_fd, operation, watch->fd, &event) < 0)
    g_warning ("epoll_ctl on descriptor %d: %s", watch->fd, g_strerror (errno));
}

SatchelWatch *
satchel_watch_add (int fd, guint32 events, SatchelWatchFunc func, gpointer data)
{
  SatchelWatch *watch = g_new0 (SatchelWatch, 1);
  watch->fd = fd;
  watch->func = func;
  watch->data = data;
  get_reactor ()->n_watches++;
  satchel_watch_set_events (watch, events);
  return watch;
}

void
satchel_watch_set_events (SatchelWatch *watch, guint32 events)
{
  g_return_if_fail (watch != NULL && !watch->is_removed);
  if (watch->events == events)
    return;
  if (watch->events == 0)
    change_watch (watch, EPOLL_CTL_ADD, events);
  else if (events == 0)
    change_watch (watch, EPOLL_CTL_DEL, 0);
  else
    change_watch (watch, EPOLL_CTL_MOD, events);
  watch->events = events;
}

void
satchel_watch_remove (SatchelWatch *watch)
{
  if (watch == NULL)
    return;
  Reactor *reactor = get_reactor ();
  satchel_watch_set_events (watch, 0);
  reactor->n_watches--;
  watch->is_removed = TRUE;
  if (!reactor->is_dispatching && reactor->n_fetched <= 0)
    {
      g_free (watch);
      return;
    }
  /* The current batch of events may still name the watch. */
  watch->next_removed = reactor->removed;
  reactor->removed = watch;
}

guint
satchel_reactor_n_watches (void)
{
  return get_reactor ()->n_watches;
}

gint64
satchel_now_ms (void)
{
  Reactor *reactor = get_reactor ();
  return reactor->is_dispatching ? reactor->now_ms : satchel_clock_ms ();
}

guint64
satchel_reactor_turn (void)
{
  return get_reactor ()->n_turns;
}

void
satchel_defer (SatchelDeferFunc func, gpointer data)
{
  Reactor *reactor = get_reactor ();
  DeferredCall call = { func, data };
  g_mutex_lock (&reactor->lock);
  gboolean was_empty = reactor->deferred->len == 0;
  g_array_append_val (reactor->deferred, call);
  g_mutex_unlock (&reactor->lock);
  /* In the thread of the loop, `prepare` will see the call. */
  if (was_empty && g_thread_self () != reactor->main_thread)
    (void) eventfd_write (reactor->wake_fd, 1);
}

static void
append_turn (SatchelTurn *turn, SatchelTurnFunc func, SatchelTurn ***list_end)
{
  turn->func = func;
  if (turn->link != NULL)
    return;
  turn->next = NULL;
  turn->link = *list_end;
  **list_end = turn;
  *list_end = &turn->next;
}

void
satchel_turn_queue (SatchelTurn *turn, SatchelTurnFunc func)
{
  append_turn (turn, func, &get_reactor ()->turns_end);
}

void
satchel_turn_queue_flush (SatchelTurn *turn, SatchelTurnFunc func)
{
  append_turn (turn, func, &get_reactor ()->flushes_end);
}

void
satchel_turn_cancel (SatchelTurn *turn)
{
  Reactor *reactor = get_reactor ();
  if (turn->link == NULL)
    return;
  *turn->link = turn->next;
  if (turn->next != NULL)
    turn->next->link = turn->link;
  else if (reactor->turns_end == &turn->next)
    reactor->turns_end = turn->link;
  else if (reactor->flushes_end == &turn->next)
    reactor->flushes_end = turn->link;
  turn->next = NULL;
  turn->link = NULL;
}
