/* SPDX-License-Identifier: MIT
 * Runs the master process. It binds sockets, starts and restarts processes, and holds the lock of the mail
 * root. It parses neither the configuration nor bytes from the network, and loads no module. Its life is:
 * configuration, directories and sockets, children, running.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/base/exit.h"
#include "core/daemon/master/master_private.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/build_id.h"
#include "core/daemon/master/notify.h"
#include "core/daemon/master/read_only.h"
#include "core/runtime/log/log_private.h"
#include "core/runtime/loop/reactor_private.h"

#define LOG_LOOK_MS 5000

/* Makes the server end with this status; the last line on standard error is the cause. */
static G_GNUC_PRINTF (3, 4) void fail_start (SatchelMaster *master, int status, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  satchel_log (SATCHEL_LOG_ERROR, "server", "%s", text);
  /* Whoever started the server looks at standard error, not into the log file. */
  if (master->log_fd >= 0)
    fprintf (stderr, "satcheld: %s\n", text);
  if (master->exit_status == 0)
    master->exit_status = status;
  satchel_stop_begin (master, SATCHEL_MASTER_STOPPING);
}

static void
print_problems (SatchelMaster *master, const SatchelPlan *plan)
{
  for (guint i = 0; i < plan->problems->len; i++)
    {
      g_autofree char *text = satchel_plan_problem_text (plan, i);
      fprintf (stderr, "%s\n", text);
    }
  if (plan->n_errors > 0)
    fflush (stderr);
}

static int
make_table (void)
{
  int fd = memfd_create ("satchel-connections", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd >= 0 && ftruncate (fd, SATCHEL_CONNECTION_TABLE_BYTES) == 0
      && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return fd;
  return -1;
}

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* the number is the same on every architecture; older headers lack it */
#endif

/* Makes memory that is never swapped out and that the kernel itself does not map.  -1 means that the kernel
 * has none (before Linux 5.14, or without secretmem.enable=1).  Its size cannot change once it is set. */
static int
make_secret_memory (gsize len)
{
  int fd = (int) syscall (SYS_memfd_secret, O_CLOEXEC);
  if (fd >= 0 && ftruncate (fd, (off_t) len) == 0)
    return fd;
  satchel_log (SATCHEL_LOG_INFO, "server",
               "a crash of auth will forget verified logins: the kernel gives no secret memory "
               "(memfd_secret: %s)",
               g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return -1;
}

static void
spawn_all (SatchelMaster *master)
{
  const SatchelPlan *plan = master->plan;
  for (const SatchelRoleRow *row = satchel_role_rows (); row->role != 0; row++)
    for (guint i = 0; i < satchel_plan_n_processes (plan, row); i++)
      satchel_worker_new (master, row->role, i, satchel_plan_module_of (plan, row, i));
  /* All records are made before the first child starts, since its HELLO waits for those of the others. */
  for (guint i = 0; i < master->workers->len; i++)
    satchel_worker_spawn (g_ptr_array_index (master->workers, i));
}

static void
end_with_problems (SatchelMaster *master, SatchelPlan *plan)
{
  print_problems (master, plan);
  satchel_plan_free (plan);
  master->exit_status = SATCHEL_EXIT_CONFIG;
  g_main_loop_quit (master->loop);
}

static void
print_json (const SatchelMaster *master, const SatchelPlan *plan, gboolean is_valid)
{
  g_autoptr (GString) out = g_string_new (NULL);
  satchel_config_problems_json (plan->problems, master->options->config_dir, is_valid, out);
  fputs (out->str, stdout);
}

/* Does --check: finds everything that a start would find, and changes nothing. */
static void
check_only (SatchelMaster *master, SatchelPlan *plan)
{
  gboolean ok = plan->is_ok;
  if (plan->mail_root != NULL)
    {
      ok = satchel_dirs_check (plan) && ok;
      ok = satchel_listeners_check (plan) && ok;
    }
  if (master->options->json)
    print_json (master, plan, ok);
  else
    print_problems (master, plan);
  if (ok && !master->options->json)
    printf ("the configuration is fine\n");
  satchel_plan_free (plan);
  master->exit_status = ok ? 0 : SATCHEL_EXIT_CONFIG;
  g_main_loop_quit (master->loop);
}

static void
first_plan (SatchelMaster *master, SatchelPlan *plan)
{
  if (master->options->check)
    {
      check_only (master, plan);
      return;
    }
  gboolean ok = plan->is_ok;
  /* Nothing is made before everything is known to be right. */
  if (plan->mail_root != NULL)
    ok = satchel_dirs_check (plan) && ok;
  /* Sockets are checked even after other mistakes, so that a port in use is reported in the same run. */
  if (plan->mail_root != NULL && plan->listeners->len > 0 && !ok)
    (void) satchel_sockets_bind (master->sockets, plan);
  if (ok)
    ok = satchel_dirs_prepare (&master->dirs, plan);
  if (ok)
    ok = satchel_sockets_bind (master->sockets, plan);
  if (ok)
    ok = satchel_master_open_log (master, plan);
  if (!ok)
    {
      end_with_problems (master, plan);
      return;
    }
  for (guint i = 0; i < plan->problems->len; i++)
    {
      g_autofree char *text = satchel_plan_problem_text (plan, i);
      satchel_log (SATCHEL_LOG_WARNING, "config", "%s", text);
    }
  satchel_log_set_level ((SatchelLogLevel) plan->log_level);
  master->plan = plan;
  master->generation = 1;
  g_autoptr (GError) error = NULL;
  master->control = satchel_control_new (master, &error);
  if (master->control == NULL)
    {
      fail_start (master, SATCHEL_EXIT_FAILED, "start failed: the control socket cannot be opened: %s",
                  error->message);
      return;
    }
  satchel_sockets_keep_only (master->sockets, plan);
  master->remembered_fd = make_secret_memory (SATCHEL_REMEMBERED_BYTES);
  spawn_all (master);
}

static void
beat_watchdog (SatchelTimer *timer, gpointer data)
{
  guint beat_ms = satchel_notify_watchdog_ms ();
  /* Master sends WATCHDOG=1 only if all processes answer, not whenever its own timer runs. */
  gboolean is_true = satchel_hangs_all_answered (data, beat_ms);
  if (is_true)
    satchel_notify ("WATCHDOG=1");
  satchel_timer_arm (timer, is_true ? beat_ms : MAX (1u, beat_ms / 8), beat_watchdog, data);
}

/* Makes a log file that was removed again as soon as its directory exists, so that no line is written where
 * nobody looks. */
static void
look_at_log (SatchelTimer *timer, gpointer data)
{
  SatchelMaster *master = data;
  struct stat st;
  g_autoptr (GError) error = NULL;
  if (master->log_fd >= 0 && fstat (master->log_fd, &st) == 0 && st.st_nlink == 0)
    (void) satchel_reopen_log (master, &error);
  satchel_timer_arm (timer, LOG_LOOK_MS, look_at_log, master);
}

static void
write_pid_file (SatchelMaster *master)
{
  const char *path = master->options->pid_file;
  if (path == NULL)
    return;
  g_autofree char *text = g_strdup_printf ("%d\n", (int) getpid ());
  g_autoptr (GError) error = NULL;
  if (!g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &error))
    satchel_log (SATCHEL_LOG_ERROR, "server", "the process id cannot be written to the pid file: %s",
                 error->message);
}

static void
all_ready (SatchelMaster *master)
{
  master->state = SATCHEL_MASTER_RUNNING;
  write_pid_file (master);
  satchel_log (SATCHEL_LOG_INFO, "server", "satcheld %s ready: pid=%d gates=%u mails=%u", PACKAGE_VERSION,
               (int) getpid (), master->plan->n_gates, master->plan->n_mails);
  satchel_notify ("READY=1\nMAINPID=%d\nSTATUS=serving", (int) getpid ());
  satchel_hangs_start (master);
  satchel_timer_arm (&master->log_look, LOG_LOOK_MS, look_at_log, master);
  guint beat_ms = satchel_notify_watchdog_ms ();
  if (beat_ms > 0)
    satchel_timer_arm (&master->watchdog, beat_ms, beat_watchdog, master);
}

static void
worker_died (SatchelWorker *worker)
{
  satchel_control_worker_died (worker);
  satchel_reload_worker_died (worker);
}

static void
start_failed (SatchelWorker *worker)
{
  fail_start (worker->master, SATCHEL_EXIT_FAILED, "start failed: %s: %s", worker->name,
              worker->failure != NULL ? worker->failure : "it died; the log says of what");
}

static const SatchelMasterEvents master_events = {
  .all_ready = all_ready,
  .start_failed = start_failed,
  .worker_ready = satchel_reload_worker_ready,
  .worker_reloaded = satchel_reload_answer,
  .worker_replied = satchel_control_worker_reply,
  .worker_died = worker_died,
  .reload_done = satchel_control_reload_done,
};

static void
reap_children (SatchelMaster *master)
{
  int status;
  pid_t pid;
  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    {
      if (satchel_config_run_ended (master, pid, status))
        continue;
      for (guint i = 0; i < master->workers->len; i++)
        {
          SatchelWorker *worker = g_ptr_array_index (master->workers, i);
          if (worker->pid != pid)
            continue;
          satchel_worker_ended (worker, status);
          break;
        }
    }
}

static void
signal_event (int fd, guint32 events, gpointer data)
{
  SatchelMaster *master = data;
  struct signalfd_siginfo info;
  while (read (fd, &info, sizeof info) == (gssize) sizeof info)
    {
      if (info.ssi_signo == SIGCHLD)
        reap_children (master);
      else if (info.ssi_signo == SIGHUP)
        satchel_reload_begin (master);
      else if (info.ssi_signo == SIGUSR1)
        {
          g_autoptr (GError) error = NULL;
          if (!satchel_reopen_log (master, &error))
            satchel_log (SATCHEL_LOG_ERROR, "server", "log: %s", error->message);
        }
      else
        satchel_stop_begin (master, SATCHEL_MASTER_STOPPING);
    }
}

static SatchelWatch *signal_watch;

static int
watch_signals (SatchelMaster *master)
{
  sigset_t mask;
  sigemptyset (&mask);
  const int signals[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1 };
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaddset (&mask, signals[i]);
  sigprocmask (SIG_BLOCK, &mask, NULL);
  signal (SIGPIPE, SIG_IGN);
  int fd = signalfd (-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd >= 0)
    signal_watch = satchel_watch_add (fd, EPOLLIN, signal_event, master);
  return fd;
}

static void
raise_limits (void)
{
  struct rlimit files;
  if (getrlimit (RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = files.rlim_max;
  (void) setrlimit (RLIMIT_NOFILE, &files);
}

int
satchel_master_main (SatchelOptions *options)
{
  /* Commands of administrators and their answers pass here, and some have passwords and recovery keys. */
  satchel_heap_set_wiping (TRUE);
  static SatchelMaster master;
  master.options = options;
  master.events = &master_events;
  master.loop = g_main_loop_new (NULL, FALSE);
  master.past_counters = satchel_counter_totals_new ();
  master.workers = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_worker_free);
  master.dirs = (SatchelDirs) { -1, -1, -1 };
  master.inherited_control_fd = -1;
  master.inherited_control_clients = g_array_new (FALSE, FALSE, sizeof (int));
  master.log_fd = master.remembered_fd = -1;
  master.began_s = g_get_real_time () / G_USEC_PER_SEC;
  satchel_log_open (-1, SATCHEL_LOG_INFO, "master");
  satchel_notify_init ();
  raise_limits ();
  umask (077);
  (void) prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
  satchel_reactor_init ();
  master.build_id = satchel_build_id ();
  master.sockets = satchel_sockets_new ();
  satchel_upgrade_restore (&master);
  master.connection_table_fd = make_table ();
  g_autoptr (GError) error = NULL;
  if (watch_signals (&master) < 0 || master.connection_table_fd < 0
      || getrandom (master.ticket_key, sizeof master.ticket_key, 0) != sizeof master.ticket_key)
    {
      fprintf (stderr, "satcheld: signals, shared memory or random numbers cannot be set up: %s\n",
               g_strerror (errno));
      return SATCHEL_EXIT_FAILED;
    }
  if (!satchel_config_run_start (&master, first_plan, &error))
    {
      fprintf (stderr, "satcheld: %s\n", error->message);
      return SATCHEL_EXIT_FAILED;
    }
  g_main_loop_run (master.loop);
  satchel_watch_remove (signal_watch);
  satchel_control_free (master.control);
  satchel_sockets_free (master.sockets);
  if (options->pid_file != NULL && master.state == SATCHEL_MASTER_STOPPING)
    (void) unlink (options->pid_file);
  return master.exit_status;
}
