/* SPDX-License-Identifier: MIT
 * The thread pool. Users with waiting jobs stand in a line, and each gets one job when it reaches the head
 * of the line, so that many jobs of one user cannot hold up the others. No user has more jobs running than
 * the cap allows.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/runtime/process/crash.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include <satchel/counter.h>
#include <satchel/hash.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct UserQueue
{
  char *name;     /* name of the user; "" for work of the process itself, which has no cap */
  GQueue waiting; /* Job */
  guint n_running;
  gboolean is_in_line;
} UserQueue;

typedef struct Job
{
  const char *operation;
  SatchelJobFunc func;
  SatchelJobDoneFunc done;
  gpointer data;
  gint64 submitted_us;
  char *user; /* set for work apart only, since otherwise the queue has the name */
} Job;

SATCHEL_HISTOGRAM (job_wait, "satchel_job_wait_seconds",
                   "Time that a job waits for a thread, or for its user's other jobs");

static GMutex lock;
static GCond work;
static GHashTable *users;          /* name -> UserQueue */
static GQueue line = G_QUEUE_INIT; /* UserQueue that have waiting jobs and are below the cap */
static guint n_threads, n_idle, n_pending;
static guint max_threads = 32, max_per_user = 8;
/* Jobs that run apart have threads of their own. */
static GCond apart_work;
static GQueue apart = G_QUEUE_INIT; /* Job */
static guint n_apart_threads, n_apart_idle, max_apart_threads = 8;
static SatchelBreadcrumb *crumbs; /* SATCHEL_BREADCRUMBS, or NULL */
static GPrivate own_crumb;        /* SatchelBreadcrumb * */
static SatchelTimer retry_timer;

static SatchelBreadcrumb *
main_crumb (void)
{
  return crumbs != NULL ? &crumbs[SATCHEL_BREADCRUMBS - 1] : NULL;
}

/* The calling thread is the main thread. */
void
satchel_job_set_breadcrumbs (SatchelBreadcrumb *area)
{
  crumbs = area;
  g_private_set (&own_crumb, main_crumb ());
  satchel_crash_set_crumb (main_crumb ());
}

void
satchel_job_set_limits (guint threads, guint threads_per_user)
{
  if (threads > 0)
    max_threads = MIN (threads, SATCHEL_BREADCRUMBS_JOBS);
  if (threads_per_user > 0)
    max_per_user = threads_per_user;
}

guint
satchel_job_n_pending (void)
{
  g_mutex_lock (&lock);
  guint n = n_pending;
  g_mutex_unlock (&lock);
  return n;
}

static void
write_crumb (SatchelBreadcrumb *slot, const char *user, const char *operation)
{
  if (slot == NULL)
    return;
  if (operation == NULL)
    {
      g_atomic_int_set (&slot->is_busy, 0);
      slot->module[0] = slot->call[0] = slot->where[0] = '\0';
      return;
    }
  g_strlcpy (slot->operation, operation, sizeof slot->operation);
  g_strlcpy (slot->user, user != NULL ? user : "", sizeof slot->user);
  slot->detail[0] = slot->module[0] = slot->call[0] = slot->where[0] = '\0';
  slot->since_ms = satchel_clock_ms ();
  g_atomic_int_set (&slot->is_busy, 1);
}

void
satchel_job_main_crumb (const char *user, const char *operation, const char *call)
{
  SatchelBreadcrumb *slot = main_crumb ();
  write_crumb (slot, user, operation);
  if (slot != NULL && call != NULL)
    g_strlcpy (slot->call, call, sizeof slot->call);
}

/* Returns the breadcrumb of this thread; NULL: a module made the thread, which has none. */
static SatchelBreadcrumb *
this_crumb (void)
{
  return g_private_get (&own_crumb);
}

void
satchel_job_call (const char *module, const char *call)
{
  SatchelBreadcrumb *slot = this_crumb ();
  if (slot == NULL)
    return;
  g_strlcpy (slot->module, module != NULL ? module : "", sizeof slot->module);
  g_strlcpy (slot->call, call != NULL ? call : "", sizeof slot->call);
  slot->where[0] = '\0';
  slot->n_beats++;
}

void
satchel_job_crumb (const char *format, ...)
{
  SatchelBreadcrumb *slot = this_crumb ();
  if (slot == NULL)
    return;
  slot->n_beats++;
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (slot->detail, sizeof slot->detail, format, arguments);
  va_end (arguments);
}

void
satchel_job_beat (void)
{
  SatchelBreadcrumb *slot = this_crumb ();
  if (slot != NULL)
    slot->n_beats++;
}

void
satchel_job_get_crumb (char *buffer, gsize len)
{
  const SatchelBreadcrumb *slot = this_crumb ();
  g_strlcpy (buffer, slot != NULL ? slot->detail : "", len);
}

/* Puts a user in the line who has waiting jobs and is below the cap.  The caller holds the lock. */
static void
join_line (UserQueue *user)
{
  guint cap = user->name[0] != '\0' ? max_per_user : max_threads;
  if (user->is_in_line || g_queue_is_empty (&user->waiting) || user->n_running >= cap)
    return;
  user->is_in_line = TRUE;
  g_queue_push_tail (&line, user);
}

static void
finish_job (gpointer data)
{
  Job *job = data;
  if (job->done != NULL)
    job->done (job->data);
  g_mutex_lock (&lock);
  n_pending--;
  g_mutex_unlock (&lock);
  g_free (job->user);
  g_free (job);
}

static gpointer thread_main (gpointer data);

/* Makes a thread if none is free to take what stands in line. FALSE means that the system gives no thread.
 * Called under the lock. */
static gboolean
add_thread (void)
{
  if (g_queue_get_length (&line) <= n_idle || n_threads >= max_threads)
    return TRUE;
  GThread *thread = g_thread_try_new ("job", thread_main, GUINT_TO_POINTER (n_threads), NULL);
  if (thread == NULL)
    return FALSE;
  n_threads++;
  g_thread_unref (thread);
  return TRUE;
}

/* Runs one job. Called under the lock, which is released while the job runs. */
static void
run_one (SatchelBreadcrumb *slot)
{
  UserQueue *user = g_queue_pop_head (&line);
  user->is_in_line = FALSE;
  Job *job = g_queue_pop_head (&user->waiting);
  user->n_running++;
  join_line (user);
  add_thread ();
  /* A user stands in line once, however many jobs of the user wait, so no thread has been woken for the next
   * one yet; for each other user in line one has. */
  if (user->is_in_line)
    g_cond_signal (&work);
  write_crumb (slot, user->name, job->operation);
  g_mutex_unlock (&lock);
  satchel_counter_observe (&job_wait, (guint64) (g_get_monotonic_time () - job->submitted_us));
  job->func (job->data);
  satchel_heap_wipe_stack ();
  g_mutex_lock (&lock);
  write_crumb (slot, NULL, NULL);
  user->n_running--;
  join_line (user);
  if (user->n_running == 0 && g_queue_is_empty (&user->waiting))
    g_hash_table_remove (users, user->name);
  satchel_defer (finish_job, job);
}

/* Prepares a thread. @number: index of its breadcrumb, if that is below @end. */
static SatchelBreadcrumb *
begin_thread (guint number, guint end)
{
  SatchelBreadcrumb *slot = crumbs != NULL && number < end ? &crumbs[number] : NULL;
  g_private_set (&own_crumb, slot);
  satchel_crash_init_thread (slot);
  return slot;
}

void
satchel_job_begin_listener_thread (guint number)
{
  (void) begin_thread (SATCHEL_BREADCRUMBS_WATCHED + MIN (number, SATCHEL_BREADCRUMBS_LISTENERS),
                       SATCHEL_BREADCRUMBS_WATCHED + SATCHEL_BREADCRUMBS_LISTENERS);
}

void
satchel_job_listener_crumb (const char *user, const char *operation)
{
  write_crumb (this_crumb (), user, operation);
}

static gpointer
thread_main (gpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  SatchelBreadcrumb *slot = begin_thread (number, SATCHEL_BREADCRUMBS_JOBS);
  g_mutex_lock (&lock);
  for (;;)
    {
      n_idle++;
      while (g_queue_is_empty (&line))
        g_cond_wait (&work, &lock);
      n_idle--;
      run_one (slot);
    }
  return NULL;
}

static void
free_user (gpointer data)
{
  UserQueue *user = data;
  g_free (user->name);
  g_free (user);
}

void
satchel_job_set_apart_limit (guint threads)
{
  g_mutex_lock (&lock);
  max_apart_threads = CLAMP (threads, 1, SATCHEL_BREADCRUMBS_APART);
  g_mutex_unlock (&lock);
}

static gpointer
apart_thread_main (gpointer data)
{
  SatchelBreadcrumb *slot =
      begin_thread (SATCHEL_BREADCRUMBS_JOBS + GPOINTER_TO_UINT (data), SATCHEL_BREADCRUMBS_WATCHED);
  g_mutex_lock (&lock);
  for (;;)
    {
      n_apart_idle++;
      while (g_queue_is_empty (&apart))
        g_cond_wait (&apart_work, &lock);
      n_apart_idle--;
      Job *job = g_queue_pop_head (&apart);
      write_crumb (slot, job->user, job->operation);
      g_mutex_unlock (&lock);
      job->func (job->data);
      satchel_heap_wipe_stack ();
      g_mutex_lock (&lock);
      write_crumb (slot, NULL, NULL);
      satchel_defer (finish_job, job);
    }
  return NULL;
}

/* Does what add_thread does, for jobs apart. Called under the lock. */
static gboolean
add_apart_thread (void)
{
  if (g_queue_get_length (&apart) <= n_apart_idle || n_apart_threads >= max_apart_threads)
    return TRUE;
  GThread *thread = g_thread_try_new ("apart", apart_thread_main, GUINT_TO_POINTER (n_apart_threads), NULL);
  if (thread == NULL)
    return FALSE;
  n_apart_threads++;
  g_thread_unref (thread);
  return TRUE;
}

static void retry_threads (SatchelTimer *timer, gpointer data);

/* Sees to it that a thread takes the next job.  The caller is the main thread and holds the lock. */
static void
ensure_thread (void)
{
  /* If no thread can be made, those that exist will take the job, or this is tried again. */
  gboolean has_apart = add_apart_thread ();
  if (!add_thread () || !has_apart)
    satchel_timer_arm (&retry_timer, 500, retry_threads, NULL);
}

static void
retry_threads (SatchelTimer *timer, gpointer data)
{
  g_mutex_lock (&lock);
  ensure_thread ();
  g_mutex_unlock (&lock);
}

static Job *
new_job (const char *operation, SatchelJobFunc func, SatchelJobDoneFunc done, gpointer data)
{
  Job *job = g_new0 (Job, 1);
  job->operation = operation;
  job->func = func;
  job->done = done;
  job->data = data;
  job->submitted_us = g_get_monotonic_time ();
  return job;
}

void
satchel_job_submit_apart (const char *user, const char *operation, SatchelJobFunc func,
                          SatchelJobDoneFunc done, gpointer data)
{
  g_return_if_fail (func != NULL);
  satchel_reactor_init ();
  Job *job = new_job (operation, func, done, data);
  job->user = g_strdup (user);
  g_mutex_lock (&lock);
  n_pending++;
  g_queue_push_tail (&apart, job);
  ensure_thread ();
  g_cond_signal (&apart_work);
  g_mutex_unlock (&lock);
}

void
satchel_job_submit (const char *user, const char *operation, SatchelJobFunc func, SatchelJobDoneFunc done,
                    gpointer data)
{
  g_return_if_fail (func != NULL);
  satchel_reactor_init ();
  const char *name = user != NULL ? user : "";
  Job *job = new_job (operation, func, done, data);
  g_mutex_lock (&lock);
  if (users == NULL)
    users = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, free_user);
  UserQueue *owner = g_hash_table_lookup (users, name);
  if (owner == NULL)
    {
      owner = g_new0 (UserQueue, 1);
      owner->name = g_strdup (name);
      g_queue_init (&owner->waiting);
      g_hash_table_insert (users, owner->name, owner);
    }
  n_pending++;
  g_queue_push_tail (&owner->waiting, job);
  gboolean was_in_line = owner->is_in_line;
  join_line (owner);
  ensure_thread ();
  if (owner->is_in_line && !was_in_line)
    g_cond_signal (&work);
  g_mutex_unlock (&lock);
}
