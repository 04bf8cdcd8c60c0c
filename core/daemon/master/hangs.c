/* SPDX-License-Identifier: MIT
 * Finds processes that hang and jobs that are stuck. Master asks each process on its control link, which
 * its main loop answers, and reads of jobs in the breadcrumbs. Time is counted in master's own turns, so
 * that a machine that was suspended, or a paused guest, does not look like a hang. See
 * docs/decisions/0023.
 */
#include "config.h"

#include "core/daemon/master/master_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/daemon/master/notify.h"
#include "core/runtime/process/crash.h"

#define TURN_MIN_MS 25
#define TURN_MAX_MS 2500
#define TURNS 8         /* turns of master in one hang_time */
#define START_MS 90000  /* longer than a role tries to start before it gives up */
#define GOODBYE_MS 2000 /* how long sessions may take to end when a stuck job ends their process */

/* The work of a thread is kept as it was seen last. */
typedef struct Seen
{
  gint64 since_ms;
  guint32 n_beats;
  gint64 ms, busy_ms; /* time without a beat; the part of it in which the kernel did little for the thread */
  gint64 user_ms, kernel_ms;
  gboolean is_told;
} Seen;

struct SatchelWatched
{
  guint64 sent, answered;
  gint64 waits_ms; /* how long master has waited for the answer, counted in its own turns */
  gint64 answered_ms;
  gint64 cpu_ms; /* processor time that it had used when it answered last */
  gboolean is_hung;
  char *hang; /* the text about it for the log and `satchel status` */
  Seen jobs[SATCHEL_BREADCRUMBS_WATCHED];
  SatchelTimer end;
};

typedef struct Usage
{
  char state;
  gint64 user_ms, kernel_ms;
} Usage;

static SatchelTimer turn_timer;
static gint64 last_turn_ms;

static gint64
now_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

static gint64
turn_ms (const SatchelMaster *master)
{
  gint64 ms = MIN ((gint64) master->plan->hang_ms / TURNS, TURN_MAX_MS),
         watchdog_ms = satchel_notify_watchdog_ms ();
  return MAX (watchdog_ms > 0 ? MIN (ms, watchdog_ms / 2) : ms, TURN_MIN_MS);
}

/* Reads how much processor time a process, or one of its threads, has used. */
static gboolean
read_usage (pid_t pid, pid_t tid, Usage *ret)
{
  char path[64], text[1024];
  g_snprintf (path, sizeof path, "/proc/%d/task/%d/stat", (int) pid, (int) tid);
  FILE *file = fopen (path, "re");
  if (file == NULL)
    return FALSE;
  gsize len = fread (text, 1, sizeof text - 1, file);
  fclose (file);
  text[len] = '\0';
  const char *after_name = strrchr (text, ')');
  unsigned long user, kernel;
  if (after_name == NULL
      || sscanf (after_name, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ret->state, &user,
                 &kernel)
             != 3)
    return FALSE;
  long ticks = MAX (1, sysconf (_SC_CLK_TCK));
  ret->user_ms = (gint64) user * 1000 / ticks;
  ret->kernel_ms = (gint64) kernel * 1000 / ticks;
  return TRUE;
}

static void
ask_where (const SatchelWorker *worker, pid_t tid)
{
  /* The number comes from the process itself, but the kernel checks that it is one of its threads. */
  (void) syscall (SYS_tgkill, worker->pid, tid, SATCHEL_SIGNAL_WHERE);
}

static pid_t
main_thread (const SatchelWorker *worker)
{
  return worker->pid;
}

void
satchel_hangs_spawned (SatchelWorker *worker)
{
  if (worker->watched == NULL)
    worker->watched = g_new0 (struct SatchelWatched, 1);
  struct SatchelWatched *watched = worker->watched;
  gint64 answered_ms = watched->answered_ms;
  satchel_timer_cancel (&watched->end);
  g_free (watched->hang);
  memset (watched, 0, sizeof *watched);
  watched->answered_ms = answered_ms;
}

void
satchel_hangs_forget (SatchelWorker *worker)
{
  if (worker->watched == NULL)
    return;
  satchel_timer_cancel (&worker->watched->end);
  g_free (worker->watched->hang);
  g_clear_pointer (&worker->watched, g_free);
}

void
satchel_hangs_answered (SatchelWorker *worker, guint64 number)
{
  struct SatchelWatched *watched = worker->watched;
  if (number != watched->sent)
    return;
  watched->answered = number;
  watched->waits_ms = 0;
  watched->answered_ms = now_ms ();
  Usage usage;
  if (read_usage (worker->pid, main_thread (worker), &usage))
    watched->cpu_ms = usage.user_ms + usage.kernel_ms;
  if (watched->is_hung)
    satchel_log (SATCHEL_LOG_INFO, "server", "%s goes on: pid=%d", worker->name, (int) worker->pid);
  watched->is_hung = FALSE;
}

gboolean
satchel_worker_is_hung (const SatchelWorker *worker)
{
  return worker->watched != NULL && worker->watched->is_hung;
}

static void
ask_worker (SatchelWorker *worker)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PING, 0);
  satchel_ipc_put_u64 (message, ++worker->watched->sent);
  satchel_worker_send (worker, message);
}

/* Ends the process. The work that it was at counts as if the process had crashed there. */
static void
end_hung (SatchelWorker *worker, SatchelBreadcrumb *crumb)
{
  worker->was_hung = TRUE;
  if (crumb != NULL)
    g_atomic_int_set (&crumb->is_culprit, 1);
  kill (worker->pid, SIGKILL);
}

typedef enum
{
  LOOP_HANGS = 0,
  LOOP_STARVES, /* the process could run, but others have the processor */
  LOOP_IN_DISK  /* the process waits for a disk and cannot be ended at all */
} LoopState;

/* Tells a process that is slow from one that hangs: a starved one hangs as well once it has had a good share
 * of its time and still does not answer. */
static LoopState
judge_loop (const Usage *usage, gint64 used_ms, gint64 limit_ms)
{
  if (usage->state == 'R' && used_ms < limit_ms / 4)
    return LOOP_STARVES;
  return usage->state == 'D' ? LOOP_IN_DISK : LOOP_HANGS;
}

/* Logs the state of a loop that does not answer, and keeps what the process was at. */
static void
note_hang (SatchelWorker *worker, LoopState state, const Usage *usage, gint64 used_ms, char *what)
{
  static const char *const words[] = {
    [LOOP_HANGS] = "hangs",
    [LOOP_STARVES] = "gets no processor",
    [LOOP_IN_DISK] = "hangs in a disk or file system",
  };
  struct SatchelWatched *watched = worker->watched;
  satchel_log (state == LOOP_STARVES ? SATCHEL_LOG_WARNING : SATCHEL_LOG_ERROR, "server",
               "%s %s: pid=%d for_ms=%" G_GINT64_FORMAT " state=%c cpu_ms=%" G_GINT64_FORMAT "%s",
               worker->name, words[state], (int) worker->pid, watched->waits_ms, usage->state, used_ms, what);
  watched->is_hung = TRUE;
  g_free (watched->hang);
  watched->hang = what;
}

/* Judges a process that has not answered for the whole limit; ends it if it hangs. */
static void
look_at_silent (SatchelWorker *worker)
{
  struct SatchelWatched *watched = worker->watched;
  SatchelBreadcrumb *crumb = worker->crumbs != NULL ? &worker->crumbs[SATCHEL_BREADCRUMBS - 1] : NULL;
  Usage usage;
  if (!read_usage (worker->pid, main_thread (worker), &usage))
    usage = (Usage) { '?', 0, 0 }; /* counts as a hang */
  gint64 used_ms = usage.user_ms + usage.kernel_ms - watched->cpu_ms;
  LoopState state = judge_loop (&usage, used_ms, worker->master->plan->hang_ms);
  /* A process that got no processor at first may still hang later; the line about its end then says what it
   * is. */
  if (!watched->is_hung || state == LOOP_HANGS)
    note_hang (worker, state, &usage, used_ms, satchel_crumb_text (crumb));
  if (state == LOOP_HANGS)
    end_hung (worker, crumb);
}

static void
look_at_loop (SatchelWorker *worker, gint64 passed_ms)
{
  struct SatchelWatched *watched = worker->watched;
  gint64 limit_ms = worker->master->plan->hang_ms;
  if (watched->answered == watched->sent)
    {
      ask_worker (worker);
      return;
    }
  watched->waits_ms += passed_ms;
  if (watched->waits_ms >= limit_ms)
    look_at_silent (worker);
  else if (watched->waits_ms + 2 * turn_ms (worker->master) >= limit_ms)
    /* Master asks some turns before it looks, since the question itself wakes the thread, which would then
     * look as if it were running. */
    ask_where (worker, main_thread (worker));
}

static void
say_goodbye_over (SatchelTimer *timer, gpointer data)
{
  SatchelWorker *worker = data;
  if (worker->pid > 0)
    kill (worker->pid, SIGKILL);
}

/* Ends the process of a stuck job. A thread cannot be ended alone, since it may hold locks or be changing
 * the heap. The other sessions of the process get a goodbye. */
static void
give_up (SatchelWorker *worker, SatchelBreadcrumb *crumb)
{
  if (worker->was_hung)
    return;
  satchel_log (SATCHEL_LOG_ERROR, "server",
               "%s starts again: a job of it has been stuck for server.stuck_time", worker->name);
  worker->was_hung = TRUE;
  g_atomic_int_set (&crumb->is_culprit, 1);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_STOP, 0);
  satchel_ipc_put_u32 (message, GOODBYE_MS);
  satchel_worker_send (worker, message);
  satchel_timer_arm (&worker->watched->end, 2 * GOODBYE_MS, say_goodbye_over, worker);
}

static void
tell_job (const SatchelWorker *worker, const Seen *seen, const SatchelBreadcrumb *crumb, char state)
{
  g_autofree char *what = satchel_crumb_text (crumb);
  satchel_log (SATCHEL_LOG_ERROR, "server",
               "%s has a stuck job: pid=%d for_ms=%" G_GINT64_FORMAT " state=%c%s", worker->name,
               (int) worker->pid, seen->ms, state, what);
}

static void
look_at_job (SatchelWorker *worker, guint i, gint64 passed_ms)
{
  Seen *seen = &worker->watched->jobs[i];
  SatchelBreadcrumb *crumb = &worker->crumbs[i];
  const SatchelPlan *plan = worker->master->plan;
  gint64 since_ms = crumb->since_ms;
  guint32 n_beats = crumb->n_beats;
  if (!crumb->is_busy || since_ms != seen->since_ms || n_beats != seen->n_beats)
    {
      if (seen->is_told)
        satchel_log (SATCHEL_LOG_INFO, "server", "%s: the job that was stuck goes on", worker->name);
      *seen = (Seen) { .since_ms = since_ms, .n_beats = n_beats };
      return;
    }
  seen->ms += passed_ms;
  if (seen->ms + 2 * turn_ms (worker->master) < plan->hang_ms)
    return;
  pid_t tid = (pid_t) crumb->tid;
  Usage usage = { '?', 0, 0 };
  (void) read_usage (worker->pid, tid, &usage);
  /* If the kernel works for a thread, it reads, writes or maps something and makes progress. A loop, or a
   * lock that never becomes free, makes none. */
  gint64 kernel_ms = usage.kernel_ms - seen->kernel_ms, user_ms = usage.user_ms - seen->user_ms;
  gboolean gets_somewhere = (kernel_ms > passed_ms / 10 && kernel_ms > user_ms / 2) || usage.state == 'D';
  seen->busy_ms = gets_somewhere ? 0 : seen->busy_ms + passed_ms;
  seen->kernel_ms = usage.kernel_ms;
  seen->user_ms = usage.user_ms;
  if (!seen->is_told)
    ask_where (worker, tid);
  if (seen->ms >= plan->hang_ms && !seen->is_told)
    {
      seen->is_told = TRUE;
      tell_job (worker, seen, crumb, usage.state);
    }
  if (seen->is_told && seen->busy_ms >= plan->stuck_ms)
    give_up (worker, crumb);
}

static void
look_at (SatchelWorker *worker, gint64 passed_ms)
{
  if (worker->pid == 0 || worker->watched == NULL || worker->is_stopping || worker->was_hung)
    return;
  if (!worker->is_ready)
    {
      if (now_ms () - worker->started_ms > MAX (START_MS, worker->master->plan->hang_ms))
        {
          satchel_log (SATCHEL_LOG_ERROR, "server", "%s does not get ready: pid=%d", worker->name,
                       (int) worker->pid);
          end_hung (worker, NULL);
        }
      return;
    }
  look_at_loop (worker, passed_ms);
  for (guint i = 0; worker->crumbs != NULL && i < SATCHEL_BREADCRUMBS_WATCHED; i++)
    look_at_job (worker, i, passed_ms);
}

static void
look_at_workers (SatchelTimer *timer, gpointer data)
{
  SatchelMaster *master = data;
  gint64 now = now_ms (), passed_ms = now - last_turn_ms, due_ms = turn_ms (master);
  last_turn_ms = now;
  /* If more time has passed than that, master itself was not running. */
  passed_ms = MIN (passed_ms, 2 * due_ms);
  for (guint i = 0; master->state == SATCHEL_MASTER_RUNNING && i < master->workers->len; i++)
    look_at (g_ptr_array_index (master->workers, i), passed_ms);
  satchel_timer_arm (timer, due_ms, look_at_workers, master);
}

void
satchel_hangs_start (SatchelMaster *master)
{
  last_turn_ms = now_ms ();
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->watched != NULL)
        worker->watched->answered_ms = last_turn_ms;
    }
  satchel_timer_arm (&turn_timer, 0, look_at_workers, master);
}

gboolean
satchel_hangs_all_answered (const SatchelMaster *master, gint64 within_ms)
{
  gint64 since_ms = now_ms () - MAX (within_ms, 2 * turn_ms (master));
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (!worker->is_retiring && (worker->watched == NULL || worker->watched->answered_ms < since_ms))
        return FALSE;
    }
  return TRUE;
}

void
satchel_hangs_describe (const SatchelWorker *worker, GString *text)
{
  const struct SatchelWatched *watched = worker->watched;
  if (watched == NULL || worker->pid == 0)
    return;
  if (watched->is_hung)
    g_string_append_printf (text, "hung role=%s slot=%u for_s=%" G_GINT64_FORMAT "%s\n",
                            satchel_role_name (worker->role), worker->slot, watched->waits_ms / 1000,
                            watched->hang != NULL ? watched->hang : "");
  for (guint i = 0; worker->crumbs != NULL && i < SATCHEL_BREADCRUMBS_WATCHED; i++)
    {
      if (!watched->jobs[i].is_told)
        continue;
      g_autofree char *what = satchel_crumb_text (&worker->crumbs[i]);
      g_string_append_printf (text, "stuck role=%s slot=%u for_s=%" G_GINT64_FORMAT "%s\n",
                              satchel_role_name (worker->role), worker->slot, watched->jobs[i].ms / 1000,
                              what);
    }
}
