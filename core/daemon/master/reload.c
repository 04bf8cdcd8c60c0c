/* SPDX-License-Identifier: MIT
 * Does a reload: the config process runs anew, every role prepares, then all commit or none does. Another
 * set of gate modules, listeners or gate processes needs new gates: they start before anything is committed,
 * and get their listeners with the commit; the old ones end with their sessions.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/base/fd.h"
#include "core/daemon/master/master_private.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/daemon/master/notify.h"
#include "core/runtime/log/log_private.h"

#define PREPARE_TIMEOUT_MS 20000

struct SatchelReload
{
  SatchelMaster *master;
  SatchelPlan *plan; /* the plan to which the server reloads */
  guint64 generation;
  guint64 attempt; /* number of this reload, so that a late answer to an earlier one does not count */
  guint n_waiting;
  gboolean has_next_gates; /* gates with the new plan have been started */
  gboolean is_mistake;     /* the reload is refused because of a mistake in the configuration */
  GString *report;         /* problems, one a line */
  int log_fd;              /* the new log file; -1: the log stays where it is */
  SatchelTimer timeout;
};

static void
end_reload (SatchelReload *reload, gboolean ok)
{
  SatchelMaster *master = reload->master;
  satchel_timer_cancel (&reload->timeout);
  master->reload = NULL;
  master->next_plan = NULL;
  if (ok && reload->plan != NULL && reload->plan->is_other_build)
    satchel_log (SATCHEL_LOG_INFO, "server",
                 "reload: the program on disk is another one, which reads its configuration anew");
  else if (ok)
    satchel_log (SATCHEL_LOG_INFO, "server", "configuration reloaded: generation=%" G_GUINT64_FORMAT,
                 master->generation);
  else
    satchel_log (SATCHEL_LOG_ERROR, "server", "reload refused, nothing was changed");
  satchel_notify ("READY=1\nSTATUS=%s", ok ? "serving" : "serving; the last reload was refused");
  master->events->reload_done (master,
                               ok                   ? 0
                               : reload->is_mistake ? SATCHEL_EXIT_CONFIG
                                                    : SATCHEL_EXIT_FAILED,
                               reload->report->str);
  satchel_fd_clear (&reload->log_fd);
  satchel_plan_free (reload->plan);
  g_string_free (reload->report, TRUE);
  g_free (reload);
}

static void
note_problem (SatchelReload *reload, SatchelLogLevel level, const char *text)
{
  satchel_log (level, "config", "%s", text);
  g_string_append_printf (reload->report, "%s\n", text);
}

static void
note_problems (SatchelReload *reload, guint first)
{
  GPtrArray *problems = reload->plan->problems;
  for (guint i = first; i < problems->len; i++)
    {
      const SatchelConfigProblem *problem = g_ptr_array_index (problems, i);
      g_autofree char *text = satchel_config_problem_text (problem);
      note_problem (reload, problem->is_warning ? SATCHEL_LOG_WARNING : SATCHEL_LOG_ERROR, text);
    }
}

static void
tell_all (SatchelMaster *master, SatchelIpcType type, guint64 generation)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (!worker->is_ready || worker->is_retiring || worker->is_next)
        continue;
      if (type == SATCHEL_IPC_RELOAD_COMMIT)
        worker->generation = generation;
      SatchelIpcMessage *message = satchel_ipc_message_new (type, 0);
      satchel_ipc_put_u64 (message, generation);
      satchel_worker_send (worker, message);
    }
}

static void
tell_stop (SatchelWorker *worker, guint32 grace_ms)
{
  worker->is_stopping = TRUE;
  if (!worker->is_ready && worker->pid > 0)
    kill (worker->pid, SIGKILL);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_STOP, 0);
  satchel_ipc_put_u32 (message, grace_ms);
  satchel_worker_send (worker, message);
}

static void
stop_next_gates (SatchelMaster *master)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->is_next && !worker->is_stopping)
        tell_stop (worker, 0);
    }
}

static void
refuse_reload (SatchelReload *reload)
{
  SatchelMaster *master = reload->master;
  stop_next_gates (master);
  tell_all (master, SATCHEL_IPC_RELOAD_ABORT, reload->generation);
  for (guint i = 0; i < master->workers->len; i++)
    ((SatchelWorker *) g_ptr_array_index (master->workers, i))->is_preparing = FALSE;
  satchel_sockets_keep_only (master->sockets, master->plan);
  end_reload (reload, FALSE);
}

static void
ask_role (SatchelReload *reload, SatchelWorker *worker)
{
  if (!worker->is_ready || worker->is_retiring || worker->is_next)
    return;
  satchel_worker_send_config (worker, reload->plan, reload->generation);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELOAD, 0);
  satchel_ipc_put_u64 (message, reload->attempt);
  satchel_worker_send (worker, message);
  worker->is_preparing = TRUE;
  reload->n_waiting++;
}

static gboolean
needs_new_gates (const SatchelPlan *now, const SatchelPlan *next)
{
  return now->n_gates != next->n_gates || !satchel_plan_same_listeners (now, next)
         || !satchel_plan_same_modules (now, next, SATCHEL_ROLE_GATE, TRUE);
}

/* Makes the gates of the plan in force those of an old generation, which end with their last sessions. */
static void
retire_gates (SatchelMaster *master)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->role != SATCHEL_ROLE_GATE || worker->is_next || worker->is_retiring)
        continue;
      worker->is_retiring = TRUE;
      satchel_timer_cancel (&worker->restart);
      tell_stop (worker, SATCHEL_GRACE_DRAIN);
    }
}

static void
open_next_gates (SatchelMaster *master)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (!worker->is_next || worker->is_stopping)
        continue;
      worker->is_next = FALSE;
      satchel_worker_send_listeners (worker, master->plan);
    }
}

static void
commit_reload (SatchelReload *reload)
{
  SatchelMaster *master = reload->master;
  SatchelPlan *old = master->plan;
  tell_all (master, SATCHEL_IPC_RELOAD_COMMIT, reload->generation);
  master->plan = g_steal_pointer (&reload->plan);
  master->generation = reload->generation;
  satchel_log_set_level ((SatchelLogLevel) master->plan->log_level);
  if (reload->has_next_gates)
    {
      retire_gates (master);
      open_next_gates (master);
    }
  satchel_sockets_keep_only (master->sockets, master->plan);
  if (reload->log_fd >= 0)
    satchel_master_take_log (master, g_steal_fd (&reload->log_fd));
  satchel_plan_free (old);
  end_reload (reload, TRUE);
}

static void
start_timeout (SatchelTimer *timer, gpointer data)
{
  SatchelReload *reload = data;
  note_problem (reload, SATCHEL_LOG_ERROR, "a gate with the new configuration did not start in time");
  refuse_reload (reload);
}

static gboolean
start_next_gate (SatchelMaster *master, GError **error)
{
  guint slot = satchel_master_free_slot (master, SATCHEL_ROLE_GATE);
  if (slot == SATCHEL_SLOTS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                              "too many gates of earlier reloads still have sessions; end some (satchel "
                              "who, satchel kick), or reload later");
  SatchelWorker *worker = satchel_worker_new (master, SATCHEL_ROLE_GATE, slot, "");
  worker->is_next = TRUE;
  satchel_worker_spawn (worker);
  if (worker->pid > 0)
    return TRUE;
  g_ptr_array_remove (master->workers, worker);
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                            "a gate with the new configuration cannot be started; the log says why");
}

/* Starts the gates that will take the place of the present ones. FALSE means that a process cannot be
 * started, and that the reload was refused. */
static gboolean
start_next_gates (SatchelReload *reload)
{
  SatchelMaster *master = reload->master;
  reload->has_next_gates = TRUE;
  master->next_plan = reload->plan;
  master->next_generation = reload->generation;
  satchel_timer_arm (&reload->timeout, PREPARE_TIMEOUT_MS, start_timeout, reload);
  for (guint i = 0; i < reload->plan->n_gates; i++)
    {
      g_autoptr (GError) error = NULL;
      if (start_next_gate (master, &error))
        continue;
      note_problem (reload, SATCHEL_LOG_ERROR, error->message);
      refuse_reload (reload);
      return FALSE;
    }
  return TRUE;
}

static gboolean
are_next_gates_ready (const SatchelMaster *master)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->is_next && !worker->is_stopping && !worker->is_ready)
        return FALSE;
    }
  return TRUE;
}

/* Does what the reload may do now: start new gates when every role is prepared, commit when they are ready.
 */
static void
go_on (SatchelReload *reload)
{
  if (reload->n_waiting > 0)
    return;
  if (!reload->has_next_gates && needs_new_gates (reload->master->plan, reload->plan)
      && !start_next_gates (reload))
    return;
  if (are_next_gates_ready (reload->master))
    commit_reload (reload);
}

void
satchel_reload_worker_ready (SatchelWorker *worker)
{
  SatchelReload *reload = worker->master->reload;
  if (reload == NULL || reload->plan == NULL)
    return;
  if (worker->is_next && !worker->is_stopping)
    go_on (reload);
  else
    ask_role (reload, worker); /* the process started with the settings in force */
}

static void
prepare_timeout (SatchelTimer *timer, gpointer data)
{
  SatchelReload *reload = data;
  note_problem (reload, SATCHEL_LOG_ERROR, "a process did not answer in time");
  refuse_reload (reload);
}

static void
prepare_roles (SatchelReload *reload)
{
  SatchelMaster *master = reload->master;
  for (guint i = 0; i < master->workers->len; i++)
    ask_role (reload, g_ptr_array_index (master->workers, i));
  satchel_timer_arm (&reload->timeout, PREPARE_TIMEOUT_MS, prepare_timeout, reload);
}

/* Does what may fail before anybody is asked: afterwards the reload could not be refused any more. */
static gboolean
open_files (SatchelReload *reload)
{
  SatchelMaster *master = reload->master;
  SatchelPlan *plan = reload->plan;
  guint n = plan->problems->len;
  gboolean ok = satchel_sockets_bind (master->sockets, plan);
  if (ok && strcmp (master->plan->log_file, plan->log_file) != 0)
    ok = (reload->log_fd = satchel_plan_open_log (plan)) >= 0;
  if (!ok)
    note_problems (reload, n);
  return ok;
}

static void
take_plan (SatchelMaster *master, SatchelPlan *plan)
{
  SatchelReload *reload = master->reload;
  reload->plan = plan;
  reload->generation = master->generation + 1;
  reload->attempt = ++master->last_attempt;
  /* Processes of this build cannot take modules of another one. If the plan of another build cannot be read,
   * that is not the administrator's mistake. */
  if (plan->is_other_build && (plan->is_ok || !plan->is_whole))
    {
      g_string_append (reload->report,
                       "The program was upgraded: the server starts it anew, with the same ports.\n");
      end_reload (reload, TRUE);
      satchel_upgrade_begin (master);
      return;
    }
  note_problems (reload, 0);
  if (!plan->is_ok)
    {
      reload->is_mistake = TRUE;
      end_reload (reload, FALSE);
      return;
    }
  g_autofree char *fixed = satchel_plan_needs_restart (master->plan, plan);
  if (fixed != NULL)
    {
      g_autofree char *text = g_strdup_printf (
          "a restart is needed to change %s; restart the server, or take the change back", fixed);
      note_problem (reload, SATCHEL_LOG_ERROR, text);
      end_reload (reload, FALSE);
      return;
    }
  if (!open_files (reload))
    {
      satchel_sockets_keep_only (master->sockets, master->plan);
      end_reload (reload, FALSE);
      return;
    }
  prepare_roles (reload);
}

void
satchel_reload_begin (SatchelMaster *master)
{
  if (master->state != SATCHEL_MASTER_RUNNING || master->reload != NULL || master->config_run != NULL)
    {
      satchel_log (SATCHEL_LOG_WARNING, "server", "reload: the server is %s; ask again later",
                   master->state == SATCHEL_MASTER_RUNNING ? "reloading already" : "starting or stopping");
      master->events->reload_done (master, SATCHEL_EXIT_FAILED,
                                   "the server is starting, stopping or reloading; ask again later\n");
      return;
    }
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  satchel_notify ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                  (gint64) now.tv_sec * 1000000 + now.tv_nsec / 1000);
  SatchelReload *reload = g_new0 (SatchelReload, 1);
  reload->master = master;
  reload->report = g_string_new (NULL);
  reload->log_fd = -1;
  master->reload = reload;
  g_autoptr (GError) error = NULL;
  if (satchel_config_run_start (master, take_plan, &error))
    return;
  note_problem (reload, SATCHEL_LOG_ERROR, error->message);
  end_reload (reload, FALSE);
}

void
satchel_reload_answer (SatchelWorker *worker, guint64 attempt, gboolean ok, const char *message)
{
  SatchelReload *reload = worker->master->reload;
  if (reload == NULL || !worker->is_preparing || attempt != reload->attempt)
    return;
  worker->is_preparing = FALSE;
  reload->n_waiting--;
  if (!ok)
    {
      reload->is_mistake = TRUE;
      const char *who = *worker->module != '\0' ? worker->name : satchel_role_name (worker->role);
      g_autofree char *text = g_strdup_printf ("%s: %s", who, message);
      note_problem (reload, SATCHEL_LOG_ERROR, text);
      refuse_reload (reload);
    }
  else
    go_on (reload);
}

void
satchel_reload_worker_died (SatchelWorker *worker)
{
  SatchelReload *reload = worker->master->reload;
  gboolean was_starting = worker->is_next && !worker->is_stopping;
  if (reload == NULL || (!worker->is_preparing && !was_starting))
    return;
  worker->is_preparing = FALSE;
  g_autofree char *why =
      was_starting && worker->failure != NULL
          ? g_strdup_printf ("gate: the new configuration does not start: %s", worker->failure)
          : g_strdup_printf ("%s died while it prepared the new configuration", worker->name);
  reload->is_mistake = was_starting && worker->failure != NULL;
  note_problem (reload, SATCHEL_LOG_ERROR, why);
  refuse_reload (reload);
}
