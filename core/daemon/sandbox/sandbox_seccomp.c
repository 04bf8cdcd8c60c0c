/* SPDX-License-Identifier: MIT
 * Implements the seccomp half of the sandbox: a list of allowed calls for each role. Another call fails with
 * EPERM if it is known here, with ENOSYS if it is newer (glibc falls back on ENOSYS only), and ends the
 * process if only an attacker would make it.
 */
#include "config.h"

#include "core/daemon/sandbox/sandbox.h"
#include "core/base/sanitized.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS (name)
#define END (-10000)
/* futex_waitv, of Linux 5.16, is the last call that the libraries of Debian 12 know. */
#define NEWEST_KNOWN 449

static const int common_calls[] = { CALL (read),
                                    CALL (write),
                                    CALL (writev),
                                    CALL (pread64),
                                    CALL (close),
                                    CALL (munmap),
                                    CALL (mremap),
                                    CALL (madvise),
                                    CALL (brk),
                                    CALL (futex),
                                    CALL (rt_sigaction),
                                    CALL (rt_sigprocmask),
                                    CALL (rt_sigreturn),
                                    CALL (clock_gettime),
                                    CALL (getpid),
                                    CALL (gettid),
                                    CALL (exit),
                                    CALL (exit_group),
                                    CALL (epoll_ctl),
                                    CALL (epoll_wait),
                                    CALL (epoll_pwait),
                                    CALL (poll),
                                    CALL (ppoll),
                                    CALL (fcntl),
                                    CALL (fstat),
                                    CALL (sendmsg),
                                    CALL (recvmsg),
                                    CALL (sendto),
                                    CALL (recvfrom),
                                    CALL (shutdown),
                                    CALL (getsockopt),
                                    CALL (setsockopt),
                                    CALL (getsockname),
                                    CALL (getpeername),
                                    CALL (getrandom),
                                    CALL (restart_syscall),
                                    END };
static const int accept_calls[] = { CALL (accept4), CALL (socketpair), CALL (dup3), END };
static const int pair_calls[] = { CALL (socketpair), END };
/* Calls for threads, and for files below the directories that Landlock leaves open. */
static const int file_calls[] = { CALL (readv),
                                  CALL (clock_nanosleep),
                                  CALL (openat),
                                  CALL (open),
                                  CALL (stat),
                                  CALL (lstat),
                                  CALL (statx),
                                  CALL (newfstatat),
                                  CALL (lseek),
                                  CALL (pwrite64),
                                  CALL (pwritev),
                                  CALL (preadv),
                                  CALL (getdents64),
                                  CALL (unlink),
                                  CALL (unlinkat),
                                  CALL (rename),
                                  CALL (renameat),
                                  CALL (renameat2),
                                  CALL (mkdir),
                                  CALL (mkdirat),
                                  CALL (rmdir),
                                  CALL (fsync),
                                  CALL (fdatasync),
                                  CALL (ftruncate),
                                  CALL (fallocate),
                                  CALL (flock),
                                  CALL (access),
                                  CALL (faccessat),
                                  CALL (faccessat2),
                                  CALL (fchmod),
                                  CALL (umask),
                                  CALL (readlink),
                                  CALL (readlinkat),
                                  CALL (fstatfs),
                                  CALL (statfs),
                                  CALL (getcwd),
                                  CALL (geteuid),
                                  CALL (getuid),
                                  CALL (getegid),
                                  CALL (getgid),
                                  CALL (getppid),
                                  CALL (dup),
                                  CALL (dup2),
                                  CALL (dup3),
                                  CALL (fadvise64),
                                  CALL (eventfd2),
                                  CALL (epoll_create1),
                                  CALL (pipe2),
                                  CALL (set_robust_list),
                                  CALL (rseq),
                                  CALL (sched_yield),
                                  CALL (sched_getaffinity),
                                  CALL (sigaltstack),
                                  CALL (mlock),
                                  CALL (mlock2),
                                  CALL (munlock),
                                  CALL (getrusage),
                                  CALL (uname),
                                  CALL (sysinfo),
                                  CALL (membarrier),
                                  CALL (nanosleep),
                                  CALL (gettimeofday),
                                  CALL (time),
                                  CALL (memfd_create),
                                  CALL (timerfd_create),
                                  CALL (timerfd_settime),
                                  CALL (fchdir),
                                  CALL (epoll_pwait2),
                                  CALL (mincore),
                                  CALL (close_range),
                                  END };
static const int store_calls[] = {
  CALL (link),      CALL (linkat),        CALL (symlinkat),         CALL (copy_file_range),
  CALL (sendfile),  CALL (inotify_init1), CALL (inotify_add_watch), CALL (inotify_rm_watch),
  CALL (utimensat), CALL (syncfs),        CALL (sync_file_range),   CALL (readahead),
  CALL (splice),    CALL (openat2),       CALL (preadv2),           END
};
/* Neither Satchel nor a library makes these calls, so a process that makes one has been taken over. */
static const int deadly_calls[] = { CALL (execve),
                                    CALL (execveat),
                                    CALL (fork),
                                    CALL (vfork),
                                    CALL (ptrace),
                                    CALL (process_vm_readv),
                                    CALL (process_vm_writev),
                                    CALL (pidfd_open),
                                    CALL (pidfd_getfd),
                                    CALL (pidfd_send_signal),
                                    CALL (connect),
                                    CALL (bind),
                                    CALL (listen),
                                    CALL (kill),
                                    CALL (tkill),
                                    CALL (rt_sigqueueinfo),
                                    CALL (mount),
                                    CALL (umount2),
                                    CALL (pivot_root),
                                    CALL (chroot),
                                    CALL (unshare),
                                    CALL (setns),
                                    CALL (setuid),
                                    CALL (setgid),
                                    CALL (setresuid),
                                    CALL (setresgid),
                                    CALL (setgroups),
                                    CALL (capset),
                                    CALL (bpf),
                                    CALL (keyctl),
                                    CALL (add_key),
                                    CALL (request_key),
                                    CALL (perf_event_open),
                                    CALL (userfaultfd),
                                    CALL (io_uring_setup),
                                    CALL (init_module),
                                    CALL (finit_module),
                                    CALL (delete_module),
                                    CALL (kexec_load),
                                    CALL (reboot),
                                    CALL (swapon),
                                    CALL (open_by_handle_at),
                                    CALL (name_to_handle_at),
                                    CALL (mknod),
                                    CALL (mknodat),
                                    CALL (personality),
                                    CALL (iopl),
                                    CALL (ioperm),
                                    CALL (quotactl),
                                    CALL (acct),
                                    CALL (settimeofday),
                                    CALL (clock_settime),
                                    CALL (adjtimex),
                                    CALL (sethostname),
                                    CALL (vhangup),
                                    END };
/* Libraries use other calls if these fail with ENOSYS. */
static const int unknown_calls[] = { CALL (clone3), CALL (futex_waitv), CALL (openat2), CALL (io_uring_enter),
                                     END };

/* A role may make the calls of each of its traits. */
static const struct
{
  SatchelTraits trait;
  const int *calls;
} lists[] = {
  { SATCHEL_TRAIT_CAGE_ACCEPT, accept_calls },
  { SATCHEL_TRAIT_CAGE_FILES, file_calls },
  { SATCHEL_TRAIT_CAGE_STORE, store_calls },
  { SATCHEL_TRAIT_CAGE_PAIRS, pair_calls },
};

static gboolean
allow_list (scmp_filter_ctx filter, const int *calls, GError **error)
{
  for (guint i = 0; calls[i] != END; i++)
    {
      int rc = seccomp_rule_add (filter, SCMP_ACT_ALLOW, calls[i], 0);
      /* -EEXIST means that the call is on two lists. Negative numbers are calls that this machine does not
       * have. */
      if (rc != 0 && rc != -EEXIST && calls[i] >= 0)
        return satchel_error_set_errno (error, -rc, "the seccomp filter takes no rule for system call %d",
                                        calls[i]);
    }
  return TRUE;
}

static gboolean
allow_if (scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition, GError **error)
{
  int rc = seccomp_rule_add (filter, SCMP_ACT_ALLOW, call, 1, condition);
  return rc == 0 ? TRUE
                 : satchel_error_set_errno (error, -rc, "the seccomp filter takes no rule for system call %d",
                                            call);
}

static gboolean
has_files (SatchelRole role)
{
  return satchel_role_has (role, SATCHEL_TRAIT_CAGE_FILES);
}

/* Allows calls with some arguments only. All code is in memory before the sandbox closes, so no page becomes
 * executable in it: neither one that was written (mprotect), nor one of a file that was (mmap of it or of a
 * memfd). */
static gboolean
add_conditions (scmp_filter_ctx filter, SatchelRole role, GError **error)
{
  gboolean ok = allow_if (filter, CALL (mprotect), SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0), error)
                && allow_if (filter, CALL (mmap), SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0), error)
                && allow_if (filter, CALL (prctl), SCMP_A0 (SCMP_CMP_EQ, PR_SET_NAME), error)
                && allow_if (filter, CALL (tgkill), SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t) getpid ()), error)
                && allow_if (filter, CALL (ioctl), SCMP_A1 (SCMP_CMP_EQ, FIONREAD), error)
                && allow_if (filter, CALL (ioctl), SCMP_A1 (SCMP_CMP_EQ, FIONBIO), error)
                && allow_if (filter, CALL (ioctl), SCMP_A1 (SCMP_CMP_EQ, 0x5411 /* SIOCOUTQ */), error);
  if (!ok)
    return FALSE;
  if (has_files (role))
    return allow_if (filter, CALL (clone), SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD), error);
  return allow_if (filter, CALL (newfstatat), SCMP_A3 (SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH),
                   error);
}

static gboolean
is_on (const int *calls, int call)
{
  for (guint i = 0; calls[i] != END; i++)
    if (calls[i] == call)
      return TRUE;
  return FALSE;
}

static gboolean
is_allowed (SatchelRole role, int call)
{
  static const int conditional[] = { CALL (mprotect), CALL (mmap),       CALL (prctl), CALL (tgkill),
                                     CALL (ioctl),    CALL (newfstatat), END };
  gboolean is_listed =
      is_on (common_calls, call) || is_on (conditional, call) || (has_files (role) && call == CALL (clone));
  for (guint i = 0; !is_listed && i < G_N_ELEMENTS (lists); i++)
    is_listed = satchel_role_has (role, lists[i].trait) && is_on (lists[i].calls, call);
  return is_listed;
}

guint
satchel_sandbox_n_allowed (SatchelRole role)
{
  guint n = 0;
  for (int call = 0; call <= NEWEST_KNOWN; call++)
    n += is_allowed (role, call);
  return n;
}

static void
deny_known (scmp_filter_ctx filter, SatchelRole role, gboolean may_connect)
{
  for (int call = 0; call <= NEWEST_KNOWN; call++)
    if (!is_allowed (role, call) && !(may_connect && call == CALL (socket)) && !is_on (deadly_calls, call)
        && !is_on (unknown_calls, call))
      (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), call, 0);
  (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), CALL (mprotect), 1,
                           SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
  (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), CALL (mmap), 1,
                           SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
  for (guint i = 0; deadly_calls[i] != END; i++)
    if (!is_allowed (role, deadly_calls[i]) && !(may_connect && deadly_calls[i] == CALL (connect)))
      (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
  /* These end the process: clone for a new process instead of a thread, and tgkill of another process. */
  if (has_files (role))
    (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, CALL (clone), 1,
                             SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, CALL (tgkill), 1,
                           SCMP_A0 (SCMP_CMP_NE, (scmp_datum_t) getpid ()));
}

/* Lets the process itself connect by TCP, where Landlock restricts the ports. Landlock cannot restrict unix
 * sockets, so only the connector may connect them. */
static gboolean
allow_connect (scmp_filter_ctx filter, GError **error)
{
  static const int families[] = { AF_INET, AF_INET6 };
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      int rc = seccomp_rule_add (filter, SCMP_ACT_ALLOW, CALL (socket), 2,
                                 SCMP_A0 (SCMP_CMP_EQ, (scmp_datum_t) families[i]),
                                 SCMP_A1 (SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM));
      if (rc != 0)
        return satchel_error_set_errno (error, -rc, "the seccomp filter takes no rule for socket");
    }
  int rc = seccomp_rule_add (filter, SCMP_ACT_ALLOW, CALL (connect), 0);
  return rc == 0 ? TRUE
                 : satchel_error_set_errno (error, -rc, "the seccomp filter takes no rule for connect");
}

/* A resolver reads files, loads its parts, asks by UDP, and asks the kernel by a bound netlink socket for
 * the machine's addresses. Landlock restricts the ports of TCP. */
static gboolean
fill_connector_filter (scmp_filter_ctx filter)
{
  for (guint i = 0; deadly_calls[i] != END; i++)
    if (deadly_calls[i] != CALL (connect) && deadly_calls[i] != CALL (bind))
      (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
  (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, CALL (clone), 1,
                           SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  /* The flags of clone3 are behind a pointer, which seccomp cannot read, so threads are made with clone
   * instead. */
  (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (ENOSYS), CALL (clone3), 0);
  return TRUE;
}

/* Programs and plug-ins of the machine's may do what they like, but take part in no change of the machine,
 * look into no other process, and make no namespace, in which they would have capabilities. */
static gboolean
fill_launcher_filter (scmp_filter_ctx filter)
{
  static const int needed[] = { CALL (execve),    CALL (execveat),  CALL (fork),
                                CALL (vfork),     CALL (connect),   CALL (bind),
                                CALL (kill),      CALL (tkill),     CALL (setuid),
                                CALL (setgid),    CALL (setresuid), CALL (setresgid),
                                CALL (setgroups), CALL (capset),    END };
  /* Libraries (of Kerberos, for one) try these, and have another way. */
  static const int refused[] = { CALL (keyctl), CALL (add_key), CALL (request_key), END };
  static const guint64 namespaces[] = { CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                        CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP };
  for (guint i = 0; deadly_calls[i] != END; i++)
    if (!is_on (needed, deadly_calls[i]))
      (void) seccomp_rule_add (
          filter, is_on (refused, deadly_calls[i]) ? SCMP_ACT_ERRNO (EPERM) : SCMP_ACT_KILL_PROCESS,
          deadly_calls[i], 0);
  for (guint i = 0; i < G_N_ELEMENTS (namespaces); i++)
    (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, CALL (clone), 1,
                             SCMP_A0 (SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
  /* The flags of clone3 lie behind a pointer, where seccomp cannot read them. Refused, libraries use clone.
   */
  (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (ENOSYS), CALL (clone3), 0);
  return TRUE;
}

/* To look up accounts the process may need a socket to a name service, and it may read anything; only calls
 * that change something are forbidden. */
static gboolean
fill_config_filter (scmp_filter_ctx filter)
{
  static const int needed[] = { CALL (connect), CALL (kill), CALL (fork),  CALL (vfork),
                                CALL (capset),  CALL (bind), CALL (tkill), END };
  for (guint i = 0; deadly_calls[i] != END; i++)
    if (!is_on (needed, deadly_calls[i]))
      (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
  (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), CALL (socket), 1, SCMP_A0 (SCMP_CMP_EQ, AF_INET));
  (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), CALL (socket), 1, SCMP_A0 (SCMP_CMP_EQ, AF_INET6));
  return TRUE;
}

static gboolean
fill_filter (scmp_filter_ctx filter, SatchelRole role, gboolean may_connect, GError **error)
{
  if (satchel_role_has (role, SATCHEL_TRAIT_CAGE_CONNECT))
    return fill_connector_filter (filter);
  if (satchel_role_has (role, SATCHEL_TRAIT_CAGE_PROGRAMS))
    return fill_launcher_filter (filter);
  if (satchel_role_has (role, SATCHEL_TRAIT_CAGE_CONFIG))
    return fill_config_filter (filter);
  if (satchel_is_sanitized ())
    {
      /* The run time of sanitizers makes calls of its own, so only the calls that always end the process are
       * forbidden. */
      for (guint i = 0; deadly_calls[i] != END; i++)
        if (deadly_calls[i] != CALL (personality) && deadly_calls[i] != CALL (kill)
            && deadly_calls[i] != CALL (ptrace) && !(may_connect && deadly_calls[i] == CALL (connect)))
          (void) seccomp_rule_add (filter, SCMP_ACT_KILL_PROCESS, deadly_calls[i], 0);
      /* Libraries that get no socket do without one; with one they would go on to connect it, and die. */
      if (!may_connect)
        (void) seccomp_rule_add (filter, SCMP_ACT_ERRNO (EPERM), CALL (socket), 0);
      return TRUE;
    }
  if (!allow_list (filter, common_calls, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    if (satchel_role_has (role, lists[i].trait) && !allow_list (filter, lists[i].calls, error))
      return FALSE;
  if (!add_conditions (filter, role, error) || (may_connect && !allow_connect (filter, error)))
    return FALSE;
  deny_known (filter, role, may_connect);
  return TRUE;
}

gboolean
satchel_sandbox_seccomp (SatchelRole role, gboolean may_connect, GError **error)
{
  gboolean is_open = satchel_role_has (role, SATCHEL_TRAIT_CAGE_CONFIG | SATCHEL_TRAIT_CAGE_CONNECT
                                                 | SATCHEL_TRAIT_CAGE_PROGRAMS)
                     || satchel_is_sanitized ();
  scmp_filter_ctx filter = seccomp_init (is_open ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO (ENOSYS));
  if (filter == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                              "the seccomp filter cannot be made (seccomp_init)");
  (void) seccomp_attr_set (filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  (void) seccomp_attr_set (filter, SCMP_FLTATR_CTL_TSYNC, 1);
  /* The filter is a binary tree, since each call would otherwise pass some 400 rules. */
  (void) seccomp_attr_set (filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  gboolean ok = fill_filter (filter, role, may_connect, error);
  int rc = ok ? seccomp_load (filter) : 0;
  seccomp_release (filter);
  if (ok && rc != 0)
    return satchel_error_set_errno (error, -rc, "the kernel does not take the seccomp filter (seccomp_load)");
  return ok;
}
