/* SPDX-License-Identifier: MIT
 * Ends the server: gates and mails first, the processes that they need last. An upgrade ends the same way,
 * and then executes the new program, which keeps listeners, control socket and lock.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/master/master_private.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/number.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/daemon/master/notify.h"

#define UPGRADE_GRACE_MS 2000u
#define KILL_AFTER_MS 2000
#define INHERIT "SATCHEL_INHERIT" /* "PID:FD" of a memory file with "FD KEY" lines */
#define INHERIT_MAX 65536

static void
keep_open (int fd)
{
  (void) fcntl (fd, F_SETFD, 0);
}

static void
write_socket (const char *key, int fd, gboolean is_ours, gpointer data)
{
  g_autofree char *escaped = g_strescape (key, NULL);
  keep_open (fd);
  g_string_append_printf (data, "%d %s%s\n", fd, is_ours ? "own " : "", escaped);
}

static void
write_control (int fd, gboolean is_client, gpointer data)
{
  keep_open (fd);
  g_string_append_printf (data, "%d %s\n", fd, is_client ? "admin" : "control");
}

static void
execute_again (SatchelMaster *master)
{
  g_autoptr (GString) table = g_string_new (NULL);
  satchel_sockets_foreach (master->sockets, write_socket, table);
  if (master->control_server != NULL)
    satchel_control_server_foreach_fd (master->control_server, write_control, table);
  keep_open (master->dirs.lock_fd);
  g_string_append_printf (table, "%d lock\n", master->dirs.lock_fd);
  int fd = memfd_create ("satchel-inherit", 0);
  if (fd < 0 || !satchel_fd_write_all (fd, table->str, table->len))
    {
      satchel_log (SATCHEL_LOG_ERROR, "server",
                   "upgrade: no file in memory can be made to hand the listeners over: %s",
                   g_strerror (errno));
      return;
    }
  g_autofree char *value = g_strdup_printf ("%d:%d", (int) getpid (), fd);
  g_setenv (INHERIT, value, TRUE);
  satchel_notify_restore ();
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  const SatchelOptions *options = master->options;
  g_ptr_array_add (argv, g_strdup ("satcheld"));
  g_ptr_array_add (argv, g_strdup_printf ("--config-dir=%s", options->config_dir));
  g_ptr_array_add (argv, g_strdup_printf ("--defaults-dir=%s", options->defaults_dir));
  if (options->module_dir != NULL)
    g_ptr_array_add (argv, g_strdup_printf ("--module-dir=%s", options->module_dir));
  if (options->pid_file != NULL)
    g_ptr_array_add (argv, g_strdup_printf ("--pid-file=%s", options->pid_file));
  for (guint i = 0; options->sets != NULL && options->sets[i] != NULL; i++)
    g_ptr_array_add (argv, g_strdup_printf ("--set=%s", options->sets[i]));
  g_ptr_array_add (argv, NULL);
  execv (options->program, (char **) argv->pdata);
  satchel_log (SATCHEL_LOG_ERROR, "server", "upgrade: %s cannot be executed: %s", options->program,
               g_strerror (errno));
}

static void
take_line (SatchelMaster *master, const char *line)
{
  guint64 fd;
  if (!satchel_number_take (&line, NULL, 10, G_MAXINT, &fd) || *line != ' ' || fd < 3
      || fcntl ((int) fd, F_SETFD, FD_CLOEXEC) != 0)
    return;
  g_autofree char *key = g_strcompress (line + 1);
  if (strcmp (key, "lock") == 0)
    master->dirs.lock_fd = (int) fd;
  else if (strcmp (key, "control") == 0)
    master->inherited_control_fd = (int) fd;
  else if (strcmp (key, "admin") == 0)
    {
      int client_fd = (int) fd;
      g_array_append_val (master->inherited_control_clients, client_fd);
    }
  else if (g_str_has_prefix (key, "own "))
    satchel_sockets_inherit (master->sockets, key + strlen ("own "), (int) fd, TRUE);
  else
    satchel_sockets_inherit (master->sockets, key, (int) fd, FALSE);
}

void
satchel_upgrade_restore (SatchelMaster *master)
{
  g_autofree char *value = g_strdup (g_getenv (INHERIT));
  g_unsetenv (INHERIT);
  const char *at = value;
  guint64 pid, inherited;
  if (value == NULL || !satchel_number_take (&at, NULL, 10, G_MAXINT, &pid) || (pid_t) pid != getpid ()
      || !satchel_text_take (&at, ":") || !satchel_number_take (&at, NULL, 10, G_MAXINT, &inherited))
    return;
  int fd = (int) inherited;
  g_autofree char *text = g_malloc0 (INHERIT_MAX + 1);
  gssize len = satchel_fd_read_all (fd, text, INHERIT_MAX);
  close (fd);
  g_auto (GStrv) lines = g_strsplit (len > 0 ? text : "", "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    take_line (master, lines[i]);
}

static void
tell_stop (SatchelWorker *worker, guint32 grace_ms)
{
  worker->is_stopping = TRUE;
  satchel_timer_cancel (&worker->restart);
  if (worker->pid == 0)
    return;
  if (!worker->is_ready || worker->link == NULL)
    {
      kill (worker->pid, SIGKILL);
      return;
    }
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_STOP, 0);
  satchel_ipc_put_u32 (message, grace_ms);
  satchel_worker_send (worker, message);
}

static guint32
choose_grace_ms (const SatchelMaster *master)
{
  guint32 configured = master->plan != NULL ? master->plan->stop_grace_ms : 0;
  return master->state == SATCHEL_MASTER_UPGRADING ? MIN (configured, UPGRADE_GRACE_MS) : configured;
}

static guint
count_alive (const SatchelMaster *master, gboolean with_last)
{
  guint n = 0;
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      n += worker->pid > 0 && (with_last || !satchel_role_has (worker->role, SATCHEL_TRAIT_STOPS_LAST));
    }
  return n;
}

static void
kill_all (SatchelTimer *timer, gpointer data)
{
  SatchelMaster *master = data;
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->pid <= 0)
        continue;
      satchel_log (SATCHEL_LOG_WARNING, "server", "%s did not end in time and was killed", worker->name);
      kill (worker->pid, SIGKILL);
    }
}

void
satchel_stop_step (SatchelMaster *master)
{
  if (count_alive (master, FALSE) > 0)
    return;
  if (!master->last_told)
    {
      master->last_told = TRUE;
      for (guint i = 0; i < master->workers->len; i++)
        {
          SatchelWorker *worker = g_ptr_array_index (master->workers, i);
          if (satchel_role_has (worker->role, SATCHEL_TRAIT_STOPS_LAST))
            tell_stop (worker, choose_grace_ms (master));
        }
    }
  if (count_alive (master, TRUE) > 0)
    return;
  satchel_timer_cancel (&master->stop_timer);
  if (master->state == SATCHEL_MASTER_UPGRADING)
    {
      execute_again (master);
      master->exit_status = 1;
    }
  satchel_log (SATCHEL_LOG_INFO, "server", "stopped");
  g_main_loop_quit (master->loop);
}

void
satchel_stop_begin (SatchelMaster *master, SatchelMasterState state)
{
  if (master->state == SATCHEL_MASTER_STOPPING || master->state == SATCHEL_MASTER_UPGRADING)
    {
      /* If the server is asked to stop during an upgrade, it stops. */
      if (state == SATCHEL_MASTER_STOPPING)
        master->state = state;
      return;
    }
  master->state = state;
  satchel_notify (state == SATCHEL_MASTER_UPGRADING ? "STATUS=upgrading" : "STOPPING=1\nSTATUS=stopping");
  satchel_config_run_cancel (master);
  satchel_timer_arm (&master->stop_timer, (gint64) choose_grace_ms (master) + KILL_AFTER_MS, kill_all,
                     master);
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (!satchel_role_has (worker->role, SATCHEL_TRAIT_STOPS_LAST) || !worker->is_ready)
        tell_stop (worker, choose_grace_ms (master));
    }
  satchel_stop_step (master);
}

void
satchel_upgrade_begin (SatchelMaster *master)
{
  satchel_log (SATCHEL_LOG_INFO, "server", "the program was upgraded: starting it anew, listeners stay open");
  satchel_stop_begin (master, SATCHEL_MASTER_UPGRADING);
}

static void
trial_done (SatchelMaster *master, SatchelPlan *plan)
{
  /* If the plan of a new build cannot be read, that is not the administrator's mistake: the new build can
   * read it. */
  master->trial_runs = FALSE;
  gboolean is_refused = plan->is_whole && !plan->is_ok;
  for (guint i = 0; is_refused && i < plan->problems->len; i++)
    {
      g_autofree char *text = satchel_plan_problem_text (plan, i);
      satchel_log (SATCHEL_LOG_ERROR, "config", "%s", text);
    }
  satchel_plan_free (plan);
  if (!is_refused)
    {
      satchel_upgrade_begin (master);
      return;
    }
  satchel_log (SATCHEL_LOG_ERROR, "server",
               "the program was upgraded, but it refuses the configuration: the old one goes on with the "
               "processes that it has");
  /* Each of them ends, and its next start tries the build again. */
  for (guint i = 0; i < master->workers->len; i++)
    {
      const SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (worker->is_other_build && worker->pid > 0)
        kill (worker->pid, SIGKILL);
    }
}

gboolean
satchel_upgrade_consider (SatchelMaster *master)
{
  g_autoptr (GError) error = NULL;
  if (master->state == SATCHEL_MASTER_STOPPING || master->state == SATCHEL_MASTER_UPGRADING)
    return TRUE;
  if (master->state != SATCHEL_MASTER_RUNNING)
    {
      satchel_upgrade_begin (master);
      return TRUE;
    }
  if (master->trial_runs)
    return TRUE;
  /* A reload is under way, so the build is tried later. */
  if (master->config_run != NULL || master->reload != NULL)
    return FALSE;
  if (satchel_config_run_start (master, trial_done, &error))
    {
      master->trial_runs = TRUE;
      return TRUE;
    }
  satchel_log (SATCHEL_LOG_ERROR, "server",
               "the program was upgraded, but its configuration cannot be tried: %s", error->message);
  return FALSE;
}
