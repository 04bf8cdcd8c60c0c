/* SPDX-License-Identifier: MIT
 * Watches, timers, deferred calls and jobs.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/base/sanitized.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "tests/lib/loop.h"
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- watches ---- */

typedef struct Pair
{
  int fds[2];
  SatchelWatch *watch;
  struct Pair *other;
  guint n_calls;
} Pair;

static void
read_and_remove_other (int fd, guint32 events, gpointer data)
{
  Pair *self = data;
  char byte;
  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  self->n_calls++;
  if (self->other->watch != NULL)
    {
      satchel_watch_remove (self->other->watch);
      self->other->watch = NULL;
    }
}

/* Both are ready in one batch: the one that is removed by the first must not be called. */
static void
test_watch_removed_in_batch (void)
{
  Pair pairs[2] = { { .other = &pairs[1] }, { .other = &pairs[0] } };
  guint before = satchel_reactor_n_watches ();
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, pairs[i].fds), ==, 0);
      g_assert_cmpint (write (pairs[i].fds[1], "x", 1), ==, 1);
      pairs[i].watch = satchel_watch_add (pairs[i].fds[0], EPOLLIN, read_and_remove_other, &pairs[i]);
    }
  loop_settle ();
  g_assert_cmpuint (pairs[0].n_calls + pairs[1].n_calls, ==, 1);
  for (int i = 0; i < 2; i++)
    {
      satchel_watch_remove (pairs[i].watch);
      close (pairs[i].fds[0]);
      close (pairs[i].fds[1]);
    }
  g_assert_cmpuint (satchel_reactor_n_watches (), ==, before);
}

static void
count_call (int fd, guint32 events, gpointer data)
{
  ((Pair *) data)->n_calls++;
}

/* A silent watch hears nothing, not even that the peer has gone: else the loop would spin. */
static void
test_watch_silent (void)
{
  Pair pair = { 0 };
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, pair.fds), ==, 0);
  pair.watch = satchel_watch_add (pair.fds[0], EPOLLIN, count_call, &pair);
  satchel_watch_set_events (pair.watch, 0);
  close (pair.fds[1]);
  loop_settle ();
  g_assert_cmpuint (pair.n_calls, ==, 0);
  satchel_watch_set_events (pair.watch, EPOLLIN);
  g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (pair.n_calls, ==, 1);
  satchel_watch_remove (pair.watch);
  close (pair.fds[0]);
}

/* Somebody asks only whether anything has happened.  What is told once is not lost by that, and a watch that
 * is removed before it is served is not called. */
static void
test_watch_asked_before (void)
{
  Pair pairs[2] = { 0 };
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, pairs[i].fds), ==, 0);
      pairs[i].watch = satchel_watch_add (pairs[i].fds[0], EPOLLIN | EPOLLET, count_call, &pairs[i]);
    }
  loop_settle ();
  for (int i = 0; i < 2; i++)
    g_assert_cmpint (write (pairs[i].fds[1], "x", 1), ==, 1);
  g_assert_true (g_main_context_pending (NULL));
  g_assert_true (g_main_context_pending (NULL));
  satchel_watch_remove (pairs[0].watch);
  g_assert_true (g_main_context_pending (NULL));
  loop_settle ();
  g_assert_cmpuint (pairs[0].n_calls, ==, 0);
  g_assert_cmpuint (pairs[1].n_calls, ==, 1);
  satchel_watch_remove (pairs[1].watch);
  for (int i = 0; i < 2; i++)
    {
      close (pairs[i].fds[0]);
      close (pairs[i].fds[1]);
    }
}

static gboolean
count_byte (int fd, GIOCondition condition, gpointer data)
{
  char byte;
  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  ++*(guint *) data;
  return G_SOURCE_CONTINUE;
}

static gpointer
wake_later (gpointer data)
{
  g_usleep (20000);
  g_main_context_wakeup (NULL);
  return NULL;
}

/* Sources of GLib's own are served beside the loop, and other threads wake it up. */
static void
test_watch_beside_glib (void)
{
  int fds[2];
  guint n_bytes = 0;
  loop_settle ();
  GThread *waker = g_thread_new ("waker", wake_later, NULL);
  g_main_context_iteration (NULL, TRUE); /* ends, though nothing is ready */
  g_thread_join (waker);
  g_assert_cmpint (pipe (fds), ==, 0);
  guint source = g_unix_fd_add (fds[0], G_IO_IN, count_byte, &n_bytes);
  g_assert_cmpint (write (fds[1], "xy", 2), ==, 2);
  g_main_context_iteration (NULL, TRUE);
  loop_until (n_bytes == 2);
  g_source_remove (source);
  close (fds[0]);
  close (fds[1]);
}

#ifndef SATCHEL_SANITIZED /* which have a stack of their own */
static guintptr left_at;

static void __attribute__ ((noinline))
leave_on_stack (gpointer data)
{
  guint8 secret[16384];
  memset (secret, 0xa5, sizeof secret);
  left_at = (guintptr) secret;
  __asm__ volatile ("" : : "r"(secret) : "memory");
}

/* What a turn leaves on the stack is wiped, though nothing else happens; then the loop is quiet. */
static void
test_stack_wiped (void)
{
  satchel_heap_set_wiping (TRUE);
  satchel_defer (leave_on_stack, NULL);
  loop_until (left_at != 0);
  const volatile guint8 *left = (const guint8 *) left_at;
  loop_until (left[64] != 0xa5);
  loop_settle ();
  g_assert_false (g_main_context_pending (NULL));
  satchel_heap_set_wiping (FALSE);
}
#endif

/* ---- timers ---- */

/* The wheel itself, with a clock of our own: the loop is not turned. */
typedef struct Stamp
{
  SatchelTimer timer;
  gint64 asked_ms, fired_ms;
} Stamp;
static gint64 wheel_now;

static void
note_time (SatchelTimer *timer, gpointer data)
{
  ((Stamp *) data)->fired_ms = wheel_now;
}

static void
test_timer_never_early_never_lost (void)
{
  g_autofree Stamp *stamps = g_new0 (Stamp, 3000);
  gint64 start = satchel_clock_ms ();
  for (guint i = 0; i < 3000; i++)
    {
      gint64 delay = i < 1000   ? (gint64) i * 37
                     : i < 2000 ? (gint64) i * 4001
                                : (gint64) g_test_rand_int_range (0, 40000000);
      satchel_timer_arm (&stamps[i].timer, delay, note_time, &stamps[i]);
      stamps[i].asked_ms = stamps[i].timer.due_ms;
    }
  /* Every seventh is taken back, every eleventh moved. */
  for (guint i = 0; i < 3000; i += 7)
    satchel_timer_cancel (&stamps[i].timer);
  for (guint i = 0; i < 3000; i += 11)
    {
      satchel_timer_arm (&stamps[i].timer, (gint64) i * 503, note_time, &stamps[i]);
      stamps[i].asked_ms = stamps[i].timer.due_ms;
    }
  wheel_now = start;
  for (gint64 next; (next = satchel_timer_next_ms ()) >= 0;)
    {
      g_assert_cmpint (next, >, wheel_now - 100);
      wheel_now = MAX (next, wheel_now + 1);
      satchel_timer_run (wheel_now);
    }
  for (guint i = 0; i < 3000; i++)
    {
      if (i % 7 == 0 && i % 11 != 0)
        {
          g_assert_cmpint (stamps[i].fired_ms, ==, 0);
          continue;
        }
      g_assert_cmpint (stamps[i].fired_ms, >=, stamps[i].asked_ms);
      g_assert_cmpint (stamps[i].fired_ms, <=, stamps[i].asked_ms + 100);
    }
}

static void
rearm_and_cancel (SatchelTimer *timer, gpointer data)
{
  Stamp *stamps = data;
  stamps[0].fired_ms++;
  satchel_timer_cancel (&stamps[1].timer);
  if (stamps[0].fired_ms < 3)
    satchel_timer_arm (timer, 1, rearm_and_cancel, stamps);
}

/* In the loop: a callback arms itself again and cancels a timer that is due in the same tick. */
static void
test_timer_in_callback (void)
{
  static Stamp stamps[2];
  /* The younger of a slot runs first. */
  satchel_timer_arm (&stamps[1].timer, 1, note_time, &stamps[1]);
  satchel_timer_arm (&stamps[0].timer, 1, rearm_and_cancel, stamps);
  loop_until (stamps[0].fired_ms == 3);
  g_assert_cmpint (stamps[1].fired_ms, ==, 0);
  g_assert_cmpint (satchel_timer_next_ms (), ==, -1);
}

/* ---- deferred calls ---- */

static GArray *order;
static GThread *main_thread;

static void
note_order (gpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  g_assert_true (g_thread_self () == main_thread);
  g_array_append_val (order, number);
}

static gpointer
defer_many (gpointer data)
{
  for (guint i = 0; i < 1000; i++)
    satchel_defer (note_order, GUINT_TO_POINTER (GPOINTER_TO_UINT (data) + i));
  return NULL;
}

static void
test_defer (void)
{
  order = g_array_new (FALSE, FALSE, sizeof (guint));
  GThread *threads[4];
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("defer", defer_many, GUINT_TO_POINTER (i * 10000));
  loop_until (order->len == 4000);
  guint next[4] = { 0 };
  for (guint i = 0; i < order->len; i++)
    {
      guint number = g_array_index (order, guint, i);
      g_assert_cmpuint (number % 10000, ==, next[number / 10000]++);
    }
  for (guint i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  g_array_unref (order);
}

/* ---- jobs ---- */

static GMutex gate_lock;
static GCond gate_cond;
static gboolean gate_is_open;
static int n_inside, n_inside_max, n_other_done;
static guint n_done;
static SatchelBreadcrumb crumbs[SATCHEL_BREADCRUMBS];

static void
capped_job (gpointer data)
{
  int now = g_atomic_int_add (&n_inside, 1) + 1;
  satchel_job_crumb ("mailbox %d", 7);
  g_mutex_lock (&gate_lock);
  if (now > n_inside_max)
    n_inside_max = now;
  while (!gate_is_open)
    g_cond_wait (&gate_cond, &gate_lock);
  g_mutex_unlock (&gate_lock);
  g_atomic_int_add (&n_inside, -1);
}

static void
count_done (gpointer data)
{
  g_assert_true (g_thread_self () == main_thread);
  n_done++;
}

static void
other_job (gpointer data)
{
  g_atomic_int_inc (&n_other_done);
}

static void
ordered_job (gpointer data)
{
}

static void
open_the_gate (void)
{
  g_mutex_lock (&gate_lock);
  gate_is_open = TRUE;
  g_cond_broadcast (&gate_cond);
  g_mutex_unlock (&gate_lock);
}

/* One user's many blocked jobs: no more than the cap run, and another user's job is not held up. */
static void
test_job_cap (void)
{
  satchel_job_set_breadcrumbs (crumbs);
  satchel_job_set_limits (4, 3);
  for (guint i = 0; i < 20; i++)
    satchel_job_submit ("alice@example.org", "test BLOCK", capped_job, count_done, NULL);
  loop_until (g_atomic_int_get (&n_inside) == 3);
  satchel_job_submit ("bob@example.org", "test OTHER", other_job, count_done, NULL);
  loop_until (n_done == 1);
  g_assert_cmpint (n_other_done, ==, 1);
  guint n_busy = 0;
  for (guint i = 0; i < SATCHEL_BREADCRUMBS; i++)
    if (crumbs[i].is_busy)
      {
        n_busy++;
        g_assert_cmpstr (crumbs[i].user, ==, "alice@example.org");
        g_assert_cmpstr (crumbs[i].operation, ==, "test BLOCK");
        g_assert_cmpstr (crumbs[i].detail, ==, "mailbox 7");
      }
  g_assert_cmpuint (n_busy, ==, 3);
  open_the_gate ();
  loop_until (n_done == 21);
  g_assert_cmpint (n_inside_max, ==, 3);
  g_assert_cmpuint (satchel_job_n_pending (), ==, 0);
  for (guint i = 0; i < SATCHEL_BREADCRUMBS; i++)
    g_assert_cmpuint (crumbs[i].is_busy, ==, 0);
}

/* Work apart that blocks takes its own threads only, no more of them than it may have, with breadcrumbs of
 * their own. */
static void
test_job_apart (void)
{
  gate_is_open = FALSE;
  n_inside_max = 0;
  guint before = n_done;
  int others = n_other_done;
  satchel_job_set_breadcrumbs (crumbs);
  satchel_job_set_limits (2, 2);
  satchel_job_set_apart_limit (5);
  for (guint i = 0; i < 20; i++)
    satchel_job_submit_apart ("alice@example.org", "test APART", capped_job, count_done, NULL);
  loop_until (g_atomic_int_get (&n_inside) == 5);
  for (guint i = 0; i < 10; i++)
    satchel_job_submit ("alice@example.org", "test OTHER", other_job, count_done, NULL);
  loop_until (n_done == before + 10);
  g_assert_cmpint (n_other_done, ==, others + 10);
  for (guint i = 0; i < SATCHEL_BREADCRUMBS; i++)
    g_assert_cmpuint (crumbs[i].is_busy, ==,
                      i >= SATCHEL_BREADCRUMBS_JOBS && i < SATCHEL_BREADCRUMBS_JOBS + 5);
  g_assert_cmpstr (crumbs[SATCHEL_BREADCRUMBS_JOBS].operation, ==, "test APART");
  g_assert_cmpstr (crumbs[SATCHEL_BREADCRUMBS_JOBS].user, ==, "alice@example.org");
  open_the_gate ();
  loop_until (n_done == before + 30);
  g_assert_cmpint (n_inside_max, ==, 5);
  g_assert_cmpuint (satchel_job_n_pending (), ==, 0);
}

/* ---- one user's next job ---- */

static GMutex held_lock;
static GCond held_changed;
static gboolean is_held;
static gint n_beside, n_held;

static void
held_job (gpointer data)
{
  g_atomic_int_inc (&n_held);
  g_mutex_lock (&held_lock);
  while (is_held)
    g_cond_wait (&held_changed, &held_lock);
  g_mutex_unlock (&held_lock);
}

static void
beside_job (gpointer data)
{
  g_atomic_int_inc (&n_beside);
}

static void
release_held (void)
{
  g_mutex_lock (&held_lock);
  is_held = FALSE;
  g_cond_broadcast (&held_changed);
  g_mutex_unlock (&held_lock);
  loop_until (satchel_job_n_pending () == 0);
}

/* A job that takes long does not hold up the same user's next one when both come at once and just one thread
 * waits for work. The first test of jobs: it counts on the threads that there are. */
static void
test_job_beside (void)
{
  satchel_job_set_breadcrumbs (crumbs);
  satchel_job_set_limits (4, 3);
  satchel_job_submit ("dora@example.org", "test FIRST", beside_job, NULL, NULL);
  loop_until (satchel_job_n_pending () == 0);
  for (gint n_others = 0; n_others < 3; n_others++)
    {
      is_held = TRUE;
      g_atomic_int_set (&n_held, 0);
      g_atomic_int_set (&n_beside, 0);
      for (gint i = 0; i < n_others; i++)
        satchel_job_submit (i == 0 ? "eve@example.org" : "finn@example.org", "test OTHER", held_job, NULL,
                            NULL);
      loop_until (g_atomic_int_get (&n_held) == n_others);
      satchel_job_submit ("dora@example.org", "test HELD", held_job, NULL, NULL);
      satchel_job_submit ("dora@example.org", "test BESIDE", beside_job, NULL, NULL);
      loop_until (g_atomic_int_get (&n_beside) == 1);
      release_held ();
    }
}

/* With a cap of one, one user's jobs keep their order. */
static void
test_job_order (void)
{
  order = g_array_new (FALSE, FALSE, sizeof (guint));
  satchel_job_set_limits (4, 1);
  for (guint i = 0; i < 200; i++)
    satchel_job_submit ("carol@example.org", "test ORDER", ordered_job, note_order, GUINT_TO_POINTER (i));
  loop_until (order->len == 200);
  for (guint i = 0; i < 200; i++)
    g_assert_cmpuint (g_array_index (order, guint, i), ==, i);
  g_array_unref (order);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  main_thread = g_thread_self ();
  g_test_add_func ("/runtime/watch/removed-in-batch", test_watch_removed_in_batch);
  g_test_add_func ("/runtime/watch/silent", test_watch_silent);
  g_test_add_func ("/runtime/watch/asked-before", test_watch_asked_before);
  g_test_add_func ("/runtime/watch/beside-glib", test_watch_beside_glib);
#ifndef SATCHEL_SANITIZED
  g_test_add_func ("/runtime/stack-wiped", test_stack_wiped);
#endif
  g_test_add_func ("/runtime/timer/never-early-never-lost", test_timer_never_early_never_lost);
  g_test_add_func ("/runtime/timer/in-callback", test_timer_in_callback);
  g_test_add_func ("/runtime/defer/threads", test_defer);
  g_test_add_func ("/runtime/job/beside", test_job_beside);
  g_test_add_func ("/runtime/job/cap", test_job_cap);
  g_test_add_func ("/runtime/job/apart", test_job_apart);
  g_test_add_func ("/runtime/job/order", test_job_order);
  return g_test_run ();
}
