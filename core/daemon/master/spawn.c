/* SPDX-License-Identifier: MIT
 * Forks and executes roles. The program is executed by its path, so that after an upgrade a new child is
 * of the new build and says so in its HELLO.
 */
#include "config.h"

#include "core/daemon/master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/daemon/role/role_private.h"

static char **
make_argv (const SatchelOptions *options, SatchelRole role, guint slot)
{
  GPtrArray *argv = g_ptr_array_new ();
  g_ptr_array_add (argv, g_strdup ("satcheld"));
  g_ptr_array_add (argv, g_strdup_printf ("--role=%s", satchel_role_name (role)));
  g_ptr_array_add (argv, g_strdup_printf ("--slot=%u", slot));
  if (role == SATCHEL_ROLE_CONFIG)
    {
      g_ptr_array_add (argv, g_strdup_printf ("--config-dir=%s", options->config_dir));
      g_ptr_array_add (argv, g_strdup_printf ("--defaults-dir=%s", options->defaults_dir));
      if (options->module_dir != NULL)
        g_ptr_array_add (argv, g_strdup_printf ("--module-dir=%s", options->module_dir));
      for (guint i = 0; options->sets != NULL && options->sets[i] != NULL; i++)
        g_ptr_array_add (argv, g_strdup_printf ("--set=%s", options->sets[i]));
    }
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_free (argv, FALSE);
}

/* It runs between fork and exec: async-signal-safe calls only. */
static G_GNUC_NORETURN void
become_child (const char *program, char *const *argv, char *const *envp, int link, pid_t master)
{
  sigset_t none;
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  /* ^C in a terminal reaches the whole process group, but master decides how to end. */
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  signal (SIGPIPE, SIG_IGN);
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0)
    dup2 (null, STDIN_FILENO);
  /* dup2 onto itself would leave the close-on-exec flag. */
  if (link == 3)
    fcntl (link, F_SETFD, 0);
  else
    dup2 (link, 3);
  syscall (SYS_close_range, 4u, ~0u, 0);
  prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid () != master)
    _exit (1);
  execve (program, argv, envp);
  _exit (127);
}

pid_t
satchel_spawn (const SatchelOptions *options, SatchelRole role, guint slot, int *ret_fd, GError **error)
{
  g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends) != 0)
    {
      satchel_error_set_errno (error, errno, "no link to a new process can be made (socketpair)");
      return -1;
    }
  g_auto (GStrv) argv = make_argv (options, role, slot);
  g_auto (GStrv) envp = g_environ_setenv (g_get_environ (), "MALLOC_ARENA_MAX", "2", FALSE);
  pid_t master = getpid ();
  pid_t pid = fork ();
  if (pid == 0)
    become_child (options->program, argv, envp, pair.ends[1], master);
  if (pid < 0)
    {
      satchel_error_set_errno (error, errno, "no process can be started (fork)");
      return -1;
    }
  *ret_fd = satchel_fd_steal (&pair.ends[0]);
  return pid;
}
