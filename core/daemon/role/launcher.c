/* SPDX-License-Identifier: MIT
 * Starts processes for a helper (launcher.h). It has one thread, so that its forks have all that libraries
 * expect. Each request brings one end of a pair: the process that was started answers there, and when the
 * other end is closed, or the time is over, that process is killed with its group.
 */
#include "config.h"

#include "core/daemon/role/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/ipc/ipc.h"
#include "core/runtime/log/log_private.h"
#include "core/runtime/loop/breadcrumb.h"

#define QUESTION_FD 3
#define CHILDREN_MAX 512u
#define DNS_PORT 53

typedef struct Child
{
  pid_t pid;
  int answer_fd;
  gint64 end_ms;
  gboolean is_killed;
} Child;

static const SatchelHelperOps *ops;
static Child children[CHILDREN_MAX];
static guint n_children;

static gint64
now_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

static void
send_error (int answer_fd, SatchelErrorCode code, const char *why)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RAN, 0);
  satchel_helper_put_error (message, code, why);
  (void) satchel_ipc_send_blocking (answer_fd, message, NULL);
}

/* ---- in the process of one request ---- */

static void
send_reply (GBytes *reply)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_RAN, 0);
  g_auto (SatchelFd) fd = -1;
  satchel_ipc_put_u32 (message, 0);
  if (satchel_helper_put_bytes (message, reply, &fd))
    (void) satchel_ipc_send_blocking (QUESTION_FD, g_steal_pointer (&message), NULL);
  else
    send_error (QUESTION_FD, SATCHEL_ERROR_LIMIT, "the reply is too long");
}

/* Closes what is not for this process: the requests of others and the answers to them, and the log, which is
 * not for what its libraries print. */
static gboolean
keep_only (int answer_fd)
{
  g_auto (SatchelFd) null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return FALSE;
  for (int fd = 0; fd < QUESTION_FD; fd++)
    if (dup2 (null, fd) < 0)
      return FALSE;
  if (dup3 (answer_fd, QUESTION_FD, O_CLOEXEC) < 0)
    return FALSE;
  satchel_fd_clear (&null);
  return syscall (SYS_close_range, QUESTION_FD + 1u, ~0u, 0) == 0;
}

static G_GNUC_NORETURN void
work (GBytes *request, int answer_fd, pid_t launcher)
{
  sigset_t none;
  sigemptyset (&none);
  (void) setpgid (0, 0);
  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid () != launcher || !keep_only (answer_fd))
    _exit (1);
  signal (SIGCHLD, SIG_DFL);
  signal (SIGPIPE, SIG_DFL);
  sigprocmask (SIG_SETMASK, &none, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) reply = ops->run_child (request, &error);
  if (reply != NULL)
    send_reply (reply);
  else
    send_error (QUESTION_FD, error != NULL ? (SatchelErrorCode) error->code : SATCHEL_ERROR_FAILED,
                error != NULL ? error->message : "no reason given");
  _exit (0);
}

/* ---- in the launcher ---- */

static Child *
child_of (pid_t pid)
{
  for (guint i = 0; i < n_children; i++)
    if (children[i].pid == pid)
      return &children[i];
  return NULL;
}

static void
forget_child (Child *child)
{
  close (child->answer_fd);
  *child = children[--n_children];
}

/* Reports how a process ended, unless it ended by itself, since it has answered then. */
static void
tell_end (const Child *child, const siginfo_t *how)
{
  if (how->si_code == CLD_EXITED && how->si_status == 0)
    return;
  g_autofree char *why = g_strdup_printf (how->si_code == CLD_EXITED ? "the process ended with status %d"
                                                                     : "the process was ended by signal %d",
                                          how->si_status);
  send_error (child->answer_fd, child->is_killed ? SATCHEL_ERROR_TIMEOUT : SATCHEL_ERROR_UNAVAILABLE, why);
}

/* Ends what processes of requests have left running, which is a child of the launcher when these have ended,
 * and then what that has started. */
static void
end_strays (void)
{
  char path[64], pids[16384];
  g_snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) getpid ());
  g_auto (SatchelFd) fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize len = fd >= 0 ? read (fd, pids, sizeof pids - 1) : 0;
  pids[MAX (len, 0)] = '\0';
  char *end = pids;
  for (gint64 pid; (pid = g_ascii_strtoll (end, &end, 10)) > 0;)
    if (child_of ((pid_t) pid) == NULL)
      (void) kill ((pid_t) pid, SIGKILL);
}

/* While the process is a zombie its group has its number, so what it left running can be ended. */
static void
reap_children (void)
{
  siginfo_t how = { 0 };
  gboolean has_ended = FALSE;
  while (waitid (P_ALL, 0, &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid != 0)
    {
      Child *child = child_of (how.si_pid);
      if (child != NULL)
        {
          (void) kill (-child->pid, SIGKILL);
          tell_end (child, &how);
          forget_child (child);
        }
      (void) waitpid (how.si_pid, NULL, 0);
      how = (siginfo_t) { 0 };
      has_ended = TRUE;
    }
  if (has_ended)
    end_strays ();
}

/* Ends with all that it has started. */
static G_GNUC_NORETURN void
end_all (int status)
{
  for (guint i = 0; i < n_children; i++)
    (void) kill (-children[i].pid, SIGKILL);
  n_children = 0;
  do
    end_strays ();
  while (waitpid (-1, NULL, 0) > 0);
  _exit (status);
}

static void
start_child (GBytes *request, int *answer_fd, gint64 end_ms)
{
  pid_t launcher = getpid (), pid = fork ();
  if (pid == 0)
    work (request, *answer_fd, launcher);
  if (pid < 0)
    {
      send_error (*answer_fd, SATCHEL_ERROR_RESOURCES, "no process could be started");
      return;
    }
  (void) setpgid (pid, pid);
  children[n_children++] = (Child) { pid, satchel_fd_steal (answer_fd), end_ms, FALSE };
}

static void
take_request (void)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (QUESTION_FD, 0, NULL);
  /* The helper has ended, or breaks the rules. */
  if (message == NULL || message->type != SATCHEL_IPC_RUN)
    end_all (message == NULL ? 0 : 1);
  g_auto (SatchelFd) answer_fd = satchel_ipc_take_fd (message);
  g_autoptr (GBytes) request = satchel_helper_take_bytes (message);
  if (request == NULL || answer_fd < 0 || !satchel_ipc_message_is_done (message))
    end_all (1);
  if (n_children >= CHILDREN_MAX)
    send_error (answer_fd, SATCHEL_ERROR_RESOURCES, "too many processes work already");
  else if ((gint64) message->deadline_ms > now_ms ())
    start_child (request, &answer_fd, (gint64) message->deadline_ms);
}

static void
kill_child (Child *child)
{
  if (!child->is_killed)
    (void) kill (-child->pid, SIGKILL);
  child->is_killed = TRUE;
}

/* Waits until something has happened: a request, the end of a process, of its time or of whoever waits for
 * it. */
static gboolean
wait_for_events (const sigset_t *awake)
{
  struct pollfd fds[1 + CHILDREN_MAX] = { { QUESTION_FD, POLLIN, 0 } };
  gint64 now = now_ms (), next_ms = G_MAXINT64;
  for (guint i = 0; i < n_children; i++)
    {
      fds[1 + i] = (struct pollfd) { children[i].is_killed ? -1 : children[i].answer_fd, 0, 0 };
      if (!children[i].is_killed)
        next_ms = MIN (next_ms, children[i].end_ms);
    }
  gint64 left = MAX (next_ms - now, 0);
  const struct timespec timeout = { left / 1000, left % 1000 * 1000000 };
  if (ppoll (fds, 1 + n_children, next_ms == G_MAXINT64 ? NULL : &timeout, awake) < 0)
    return FALSE;
  now = now_ms ();
  for (guint i = 0; i < n_children; i++)
    if ((fds[1 + i].revents & (POLLHUP | POLLERR)) != 0 || children[i].end_ms <= now)
      kill_child (&children[i]);
  return fds[0].revents != 0;
}

static void
hear_child (int number)
{
}

static gboolean
close_door (const GArray *granted, SatchelSandboxMode mode, GError **error)
{
  static const guint16 dns = DNS_PORT;
  g_auto (SatchelFd) root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return satchel_error_set_errno (error, errno, "the root directory cannot be opened for the sandbox");
  g_auto (SatchelFd) null = open ("/dev/null", O_PATH | O_CLOEXEC);
  if (null < 0)
    return satchel_error_set_errno (error, errno, "/dev/null cannot be opened for the sandbox");
  const SatchelSandboxPath paths[] = { { root, FALSE, TRUE }, { null, TRUE, FALSE } };
  g_autoptr (GArray) ports = g_array_new (FALSE, FALSE, sizeof (guint16));
  if (granted->len > 0)
    {
      g_array_append_vals (ports, granted->data, granted->len);
      g_array_append_val (ports, dns);
    }
  satchel_sandbox_preload (SATCHEL_ROLE_LAUNCHER);
  return satchel_sandbox_enter (SATCHEL_ROLE_LAUNCHER, mode, paths, G_N_ELEMENTS (paths), ports, error);
}

static G_GNUC_NORETURN void
serve_requests (const GArray *ports, SatchelSandboxMode mode)
{
  g_autoptr (GError) error = NULL;
  sigset_t child, awake;
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child, &awake);
  sigdelset (&awake, SIGCHLD);
  signal (SIGCHLD, hear_child);
  /* The descriptors that the helper was given are not for the launcher. */
  satchel_log_open (-1, SATCHEL_LOG_ERROR, "launcher");
  syscall (SYS_close_range, QUESTION_FD + 1u, ~0u, 0);
  satchel_job_set_breadcrumbs (NULL);
  (void) prctl (PR_SET_NAME, "launcher", 0, 0, 0);
  (void) prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (!close_door (ports, mode, &error))
    {
      send_error (QUESTION_FD, SATCHEL_ERROR_FAILED, error->message);
      _exit (1);
    }
  g_autoptr (SatchelIpcMessage) ready = satchel_ipc_message_new (SATCHEL_IPC_RAN, 0);
  satchel_ipc_put_u32 (ready, 0);
  (void) satchel_ipc_send_blocking (QUESTION_FD, g_steal_pointer (&ready), NULL);
  for (;;)
    {
      gboolean has_request = wait_for_events (&awake);
      reap_children ();
      if (has_request)
        take_request ();
    }
}

/* Waits for the first message of the launcher, which says that its sandbox is closed. */
static gboolean
hear_ready (int fd, GError **error)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (fd, 60000, error);
  if (message == NULL)
    return FALSE;
  guint32 status = satchel_ipc_get_u32 (message);
  return status == 0 ? TRUE
                     : satchel_error_set (error, SATCHEL_ERROR_FAILED,
                                          "the process that starts programs for this helper failed: %s",
                                          satchel_ipc_get_string (message));
}

gboolean
satchel_launcher_start (const SatchelHelperOps *own_ops, const GArray *ports, SatchelSandboxMode mode,
                        GError **error)
{
  g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
  ops = own_ops;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends) != 0)
    return satchel_error_set_errno (error, errno,
                                    "no link to the launching process can be made (socketpair)");
  pid_t parent = getpid (), pid = fork ();
  if (pid == 0)
    {
      /* Its end of the pair tells it when the helper has ended. */
      prctl (PR_SET_PDEATHSIG, 0, 0, 0, 0);
      satchel_fd_clear (&pair.ends[0]);
      if (getppid () != parent || dup3 (pair.ends[1], QUESTION_FD, O_CLOEXEC) < 0)
        _exit (1);
      serve_requests (ports, mode);
    }
  if (pid < 0)
    return satchel_error_set_errno (error, errno, "the launching process cannot be started (fork)");
  satchel_fd_clear (&pair.ends[1]);
  if (!hear_ready (pair.ends[0], error))
    return FALSE;
  satchel_helper_set_launcher (satchel_fd_steal (&pair.ends[0]));
  return TRUE;
}
