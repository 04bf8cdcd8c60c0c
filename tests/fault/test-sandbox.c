/* SPDX-License-Identifier: MIT
 * From inside each role's cage: open, connect, exec, ptrace, signal and the rest.  None may succeed
 * (docs/security.md), and what the role lives of must still work.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <glib/gstdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/sandbox/drop.h"
#include "core/daemon/plan.h"
#include "core/daemon/sandbox/sandbox.h"
#include "core/base/sanitized.h"

#define TEST_UID 60001

static char *root, *outside; /* the role's directory; a directory beside it */
static int listen_fd;        /* TCP on loopback */
static guint16 listen_port;
static int unix_fd; /* a listening abstract socket */
static char unix_name[64];
static pid_t bystander; /* a process of the same user, outside */
static long bystander_word = 42;
static int landlock_abi;

/* TRUE: it got out. */
typedef gboolean (*Escape) (void);

static gboolean
opens (const char *path, int flags)
{
  return open (path, flags, 0600) >= 0;
}

static gboolean
open_passwd (void)
{
  return opens ("/etc/passwd", O_RDONLY);
}

static gboolean
open_by_dots (void)
{
  return opens ("../../../../../../etc/passwd", O_RDONLY);
}

static gboolean
create_outside (void)
{
  g_autofree char *path = g_build_filename (outside, "made", NULL);
  return opens (path, O_WRONLY | O_CREAT);
}

static gboolean
read_outside (void)
{
  g_autofree char *path = g_build_filename (outside, "secret", NULL);
  return opens (path, O_RDONLY);
}

static gboolean
link_in (void)
{
  g_autofree char *path = g_build_filename (outside, "secret", NULL);
  return link (path, "stolen") == 0 || linkat (AT_FDCWD, path, AT_FDCWD, "stolen2", 0) == 0;
}

static gboolean
rename_out (void)
{
  g_autofree char *path = g_build_filename (outside, "moved", NULL);
  return rename ("own", path) == 0;
}

static gboolean
remove_outside (void)
{
  g_autofree char *path = g_build_filename (outside, "secret", NULL);
  return unlink (path) == 0;
}

static gboolean
through_link (void)
{
  g_autofree char *path = g_build_filename (outside, "secret", NULL);
  return symlink (path, "link") == 0 ? opens ("link", O_RDONLY)
                                     : symlinkat (path, AT_FDCWD, "link2") == 0 && opens ("link2", O_RDONLY);
}

static gboolean
list_root (void)
{
  return opens ("/", O_RDONLY | O_DIRECTORY);
}

static gboolean
open_mem_of_other (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/mem", (int) bystander);
  return opens (path, O_RDWR);
}

static gboolean
steal_fd (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd/0", (int) bystander);
  return opens (path, O_RDONLY | O_NONBLOCK);
}

static gboolean
connect_tcp (void)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons (listen_port),
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  return fd >= 0 && connect (fd, (struct sockaddr *) &to, sizeof to) == 0;
}

static gboolean
bind_tcp (void)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  return fd >= 0 && bind (fd, (struct sockaddr *) &at, sizeof at) == 0 && listen (fd, 1) == 0;
}

static gboolean
send_udp (void)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons (53),
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  return fd >= 0 && sendto (fd, "x", 1, 0, (struct sockaddr *) &to, sizeof to) == 1;
}

static gboolean
connect_abstract (void)
{
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  g_strlcpy (to.sun_path + 1, unix_name, sizeof to.sun_path - 1);
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  socklen_t len = (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + strlen (unix_name));
  return fd >= 0 && connect (fd, (struct sockaddr *) &to, len) == 0;
}

static gboolean
execute (void)
{
  char *argv[] = { (char *) "true", NULL };
  execv ("/bin/true", argv);
  return FALSE; /* a successful exec ends with 0, which is the sign of an escape */
}

static gboolean
execute_fd (void)
{
  char *argv[] = { (char *) "true", NULL };
  int fd = open ("/bin/true", O_PATH);
  syscall (SYS_execveat, fd >= 0 ? fd : 0, "", argv, NULL, AT_EMPTY_PATH);
  return FALSE;
}

static gboolean
make_process (void)
{
  return syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) >= 0;
}

static gboolean
trace (void)
{
  return ptrace (PTRACE_ATTACH, bystander, NULL, NULL) == 0;
}

static gboolean
seize (void)
{
  return ptrace (PTRACE_SEIZE, bystander, NULL, NULL) == 0;
}

static gboolean
read_memory (void)
{
  long word = 0;
  struct iovec to = { &word, sizeof word }, from = { &bystander_word, sizeof bystander_word };
  return process_vm_readv (bystander, &to, 1, &from, 1, 0) > 0;
}

static gboolean
signal_other (void)
{
  return kill (bystander, 0) == 0;
}

static gboolean
signal_thread (void)
{
  return syscall (SYS_tgkill, bystander, bystander, SIGURG) == 0;
}

static gboolean
signal_queue (void)
{
  return sigqueue (bystander, SIGURG, (union sigval) { 0 }) == 0;
}

static gboolean
signal_pidfd (void)
{
  int fd = (int) syscall (SYS_pidfd_open, bystander, 0);
  return fd >= 0 && syscall (SYS_pidfd_send_signal, fd, SIGURG, NULL, 0) == 0;
}

static gboolean
become_root (void)
{
  return geteuid () != 0 && setuid (0) == 0;
}

static gboolean
new_namespace (void)
{
  return unshare (CLONE_NEWUSER) == 0;
}

static gboolean
change_root (void)
{
  return chroot ("/") == 0;
}

static gboolean
mount_something (void)
{
  return mount ("none", "/tmp", "tmpfs", 0, NULL) == 0;
}

static gboolean
make_code (void)
{
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && mprotect (page, 4096, PROT_READ | PROT_EXEC) == 0;
}

/* A function that returns 42. */
static const guint8 code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

/* TRUE: what lies at @page runs. */
static gboolean
runs (void *page)
{
#ifdef __x86_64__
  int (*function) (void) = NULL;
  memcpy (&function, &page, sizeof page);
  return function () == 42;
#else
  return page != NULL;
#endif
}

static gboolean
map_code (void)
{
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && memcpy (page, code, sizeof code) != NULL && runs (page);
}

/* Written first, then mapped to be run: no page is ever both. */
static gboolean
map_written (int fd, int flags)
{
  if (fd < 0 || write (fd, code, sizeof code) != sizeof code)
    return FALSE;
  void *page = mmap (NULL, 4096, PROT_READ | PROT_EXEC, flags, fd, 0);
  return page != MAP_FAILED && runs (page);
}

static gboolean
map_written_file (void)
{
  return map_written (open ("code", O_RDWR | O_CREAT | O_TRUNC, 0700), MAP_PRIVATE);
}

static gboolean
map_written_memory (void)
{
  return map_written ((int) syscall (SYS_memfd_create, "code", 0), MAP_SHARED);
}

static gboolean
map_shared_writable (void)
{
  int fd = (int) syscall (SYS_memfd_create, "code", 0);
  void *page = fd >= 0 && ftruncate (fd, 4096) == 0
                   ? mmap (NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
  return page != MAP_FAILED && memcpy (page, code, sizeof code) != NULL && runs (page);
}

static gboolean
map_over (void)
{
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *again = page != MAP_FAILED ? mmap (page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
                                   : MAP_FAILED;
  return again != MAP_FAILED && memcpy (again, code, sizeof code) != NULL && runs (again);
}

static gboolean
protect_all (void)
{
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && memcpy (page, code, sizeof code) != NULL
         && mprotect (page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 && runs (page);
}

/* The stack, which may grow: a flag beside the rights. */
static gboolean
protect_stack (void)
{
  guint8 here[sizeof code];
  memcpy (here, code, sizeof code);
  void *page = (void *) ((gsize) here & ~(gsize) 4095);
  return mprotect (page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN) == 0 && runs (here);
}

/* Our own code made writable. */
static gboolean
protect_text (void)
{
  void *page = (void *) ((gsize) &protect_stack & ~(gsize) 4095);
  return mprotect (page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
}

static gboolean
protect_by_key (void)
{
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && memcpy (page, code, sizeof code) != NULL
         && syscall (SYS_pkey_mprotect, page, 4096ul, (unsigned long) (PROT_READ | PROT_EXEC), -1L) == 0
         && runs (page);
}

static gboolean
attach_shared (void)
{
  int id = (int) syscall (SYS_shmget, IPC_PRIVATE, 4096ul, IPC_CREAT | 0700);
  void *page = id >= 0 ? (void *) syscall (SYS_shmat, id, NULL, SHM_EXEC) : (void *) -1;
  return page != (void *) -1 && memcpy (page, code, sizeof code) != NULL && runs (page);
}

static gboolean
read_is_execute (void)
{
  if (syscall (SYS_personality, (unsigned long) READ_IMPLIES_EXEC) < 0)
    return FALSE;
  void *page = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && memcpy (page, code, sizeof code) != NULL && runs (page);
}

/* Maps the library's text, as a loaded one may be rewritten on disk. */
static gboolean
load_library (void)
{
  return dlopen ("libanl.so.1", RTLD_NOW) != NULL
         || dlopen ("/lib/x86_64-linux-gnu/libanl.so.1", RTLD_NOW) != NULL;
}

static gboolean
keyring (void)
{
  return syscall (SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1) >= 0;
}

static gboolean
ring (void)
{
  char parameters[256] = { 0 };
  return syscall (SYS_io_uring_setup, 4, parameters) >= 0;
}

static gboolean
program_kernel (void)
{
  return syscall (SYS_bpf, 0, NULL, 0) >= 0;
}

static gboolean
make_device (void)
{
  return mknod ("device", S_IFCHR | 0600, 0x103) == 0;
}

static gboolean
by_handle (void)
{
  char handle[64] = { 0 };
  int mount_id;
  *(unsigned *) handle = 48;
  return syscall (SYS_name_to_handle_at, AT_FDCWD, "/etc/passwd", handle, &mount_id, 0) == 0;
}

typedef struct Row
{
  const char *name;
  Escape escape;
  gboolean needs_landlock; /* in roles that may use files at all */
  gboolean is_held_by_seccomp_only;
} Row;
static const Row rows[] = {
  { "open /etc/passwd", open_passwd, TRUE, FALSE },
  { "open by ..", open_by_dots, TRUE, FALSE },
  { "open / for listing", list_root, TRUE, FALSE },
  { "create a file outside", create_outside, TRUE, FALSE },
  { "read a file outside", read_outside, TRUE, FALSE },
  { "link a file in", link_in, TRUE, FALSE },
  { "move a file out", rename_out, TRUE, FALSE },
  { "remove a file outside", remove_outside, TRUE, FALSE },
  { "read through a symbolic link", through_link, TRUE, FALSE },
  { "open memory of another process", open_mem_of_other, TRUE, FALSE },
  { "open a descriptor of another process", steal_fd, TRUE, FALSE },
  { "connect by TCP", connect_tcp, FALSE, FALSE },
  { "bind a TCP port", bind_tcp, FALSE, FALSE },
  { "send UDP", send_udp, FALSE, TRUE },
  { "connect to an abstract socket", connect_abstract, FALSE, FALSE },
  { "exec", execute, FALSE, FALSE },
  { "exec by descriptor", execute_fd, FALSE, FALSE },
  { "make a process", make_process, FALSE, TRUE },
  { "ptrace", trace, FALSE, FALSE },
  { "ptrace seize", seize, FALSE, FALSE },
  { "read memory of another process", read_memory, FALSE, FALSE },
  { "kill", signal_other, FALSE, FALSE },
  { "tgkill", signal_thread, FALSE, FALSE },
  { "sigqueue", signal_queue, FALSE, FALSE },
  { "signal by pidfd", signal_pidfd, FALSE, FALSE },
  { "become root", become_root, FALSE, FALSE },
  { "new user namespace", new_namespace, FALSE, FALSE },
  { "chroot", change_root, FALSE, FALSE },
  { "mount", mount_something, FALSE, FALSE },
  { "make memory executable", make_code, FALSE, TRUE },
  { "make memory writable and executable", protect_all, FALSE, TRUE },
  { "make the stack executable", protect_stack, FALSE, TRUE },
  { "make code writable", protect_text, FALSE, TRUE },
  { "make memory executable by key", protect_by_key, FALSE, TRUE },
  { "map writable and executable memory", map_code, FALSE, TRUE },
  { "map it over other memory", map_over, FALSE, TRUE },
  { "map a written file to run it", map_written_file, FALSE, TRUE },
  { "map a written memory file to run it", map_written_memory, FALSE, TRUE },
  { "map a memory file writable and executable", map_shared_writable, FALSE, TRUE },
  { "attach executable shared memory", attach_shared, FALSE, TRUE },
  { "let reading imply executing", read_is_execute, FALSE, TRUE },
  { "load a library", load_library, FALSE, TRUE },
  { "keyring", keyring, FALSE, TRUE },
  { "io_uring", ring, FALSE, FALSE },
  { "bpf", program_kernel, FALSE, FALSE },
  { "make a device", make_device, FALSE, FALSE },
  { "name_to_handle_at", by_handle, FALSE, FALSE },
};

/* What role.c does, in a fresh process; never returns on failure. */
static void
enter (SatchelRole role)
{
  struct stat st;
  g_autoptr (GError) error = NULL;
  guint uid = geteuid () == 0 ? TEST_UID : SATCHEL_PLAN_NO_ID;
  int root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean ok = root_fd >= 0 && fstat (root_fd, &st) == 0
                && satchel_drop_rights (uid, uid, SATCHEL_PLAN_NO_ID, FALSE, &error);
  SatchelSandboxPath path = { root_fd, TRUE, FALSE };
  satchel_sandbox_preload (role);
  ok = ok && (role == SATCHEL_ROLE_GATE || fchdir (root_fd) == 0);
  ok = ok
       && satchel_sandbox_enter (role, SATCHEL_SANDBOX_BEST_EFFORT, &path, role == SATCHEL_ROLE_GATE ? 0 : 1,
                                 NULL, &error);
  if (!ok)
    {
      fprintf (stderr, "# cannot enter: %s\n", error != NULL ? error->message : g_strerror (errno));
      _exit (3);
    }
}

/* Exit status of @func inside the cage; 128 + signal. */
static int
run_inside (SatchelRole role, Escape func)
{
  pid_t pid = fork ();
  if (pid == 0)
    {
      enter (role);
      _exit (func () ? 0 : 1);
    }
  int status = 0;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static void
refresh (void)
{
  g_autofree char *secret = g_build_filename (outside, "secret", NULL),
                  *own = g_build_filename (root, "own", NULL);
  g_assert_true (g_file_set_contents (secret, "x", 1, NULL));
  g_assert_true (g_file_set_contents (own, "x", 1, NULL));
  /* The file system's own rights are not what is tested. */
  g_assert_cmpint (chmod (secret, 0666) | chmod (own, 0666) | chmod (outside, 0777) | chmod (root, 0777), ==,
                   0);
}

static void
test_escapes (gconstpointer data)
{
  SatchelRole role = (SatchelRole) GPOINTER_TO_UINT (data);
  guint n_tried = 0, n_out = 0, n_skipped = 0;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if ((rows[i].needs_landlock && landlock_abi == 0
           && (role != SATCHEL_ROLE_GATE || satchel_is_sanitized ()))
          || (satchel_is_sanitized () && rows[i].is_held_by_seccomp_only))
        {
          n_skipped++;
          continue;
        }
      refresh ();
      int status = run_inside (role, rows[i].escape);
      n_tried++;
      if (status == 0 || status == 3)
        {
          n_out++;
          g_test_message ("%s: %s", rows[i].name, status == 0 ? "got out" : "the cage could not be entered");
        }
    }
  g_test_message ("%u escapes tried, %u succeeded, %u skipped (this kernel's Landlock: ABI %d)", n_tried,
                  n_out, n_skipped, landlock_abi);
  g_assert_cmpuint (n_out, ==, 0);
  if (n_skipped > 0)
    g_test_skip ("some were skipped: no Landlock here, or a sanitizer's build");
}

/* The cage of a launcher, which may load and start whatever its account may. */
static int
run_in_launcher (Escape func)
{
  pid_t pid = fork ();
  if (pid == 0)
    {
      guint uid = geteuid () == 0 ? TEST_UID : SATCHEL_PLAN_NO_ID;
      const SatchelSandboxPath paths[] = { { open ("/", O_PATH | O_DIRECTORY), FALSE, TRUE },
                                           { open ("/dev/null", O_PATH), TRUE, FALSE } };
      g_autoptr (GArray) ports = g_array_new (FALSE, FALSE, sizeof (guint16));
      satchel_sandbox_preload (SATCHEL_ROLE_LAUNCHER);
      if (!satchel_drop_rights (uid, uid, SATCHEL_PLAN_NO_ID, FALSE, NULL)
          || !satchel_sandbox_enter (SATCHEL_ROLE_LAUNCHER, SATCHEL_SANDBOX_BEST_EFFORT, paths,
                                     G_N_ELEMENTS (paths), ports, NULL))
        _exit (3);
      _exit (func () ? 0 : 1);
    }
  int status = 0;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

/* What is left of a write goes nowhere, and a program that is started is in the same cage. */
static gboolean
start_and_write (void)
{
  int fd = open ("/dev/null", O_WRONLY);
  int status = -1;
  pid_t pid = fork ();
  if (pid == 0)
    {
      g_autofree char *path = g_build_filename (outside, "made", NULL);
      char *argv[] = { (char *) "touch", path, NULL };
      execv ("/usr/bin/touch", argv);
      _exit (127);
    }
  return fd >= 0 && write (fd, "x", 1) == 1 && waitpid (pid, &status, 0) == pid && WIFEXITED (status)
         && WEXITSTATUS (status) == 1;
}

static void
test_launcher (void)
{
  static const struct
  {
    Escape escape;
    gboolean needs_landlock;
  } held[] = {
    { create_outside, TRUE }, { link_in, TRUE },          { rename_out, TRUE },    { remove_outside, TRUE },
    { connect_tcp, TRUE },    { bind_tcp, TRUE },         { signal_other, TRUE },  { trace, FALSE },
    { seize, FALSE },         { read_memory, FALSE },     { signal_pidfd, FALSE }, { new_namespace, FALSE },
    { change_root, FALSE },   { mount_something, FALSE }, { ring, FALSE },         { program_kernel, FALSE },
    { make_device, FALSE },   { by_handle, FALSE },       { become_root, FALSE },  { keyring, FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (held); i++)
    {
      refresh ();
      int status = held[i].needs_landlock && landlock_abi < 6 ? 1 : run_in_launcher (held[i].escape);
      g_test_message ("escape %u: %d", i, status);
      g_assert_cmpint (status, !=, 0);
      g_assert_cmpint (status, !=, 3);
    }
  refresh ();
  g_assert_cmpint (run_in_launcher (execute), ==, 0);
  g_assert_cmpint (run_in_launcher (load_library), ==, 0);
  g_assert_cmpint (run_in_launcher (make_process), ==, 0);
  if (landlock_abi > 0)
    g_assert_cmpint (run_in_launcher (start_and_write), ==, 0);
}

static void *
thread (void *data)
{
  *(int *) data = 1;
  return NULL;
}

static gboolean
live_of_files (void)
{
  pthread_t id;
  int ran = 0;
  int fd = open ("tmp-file", O_RDWR | O_CREAT, 0600);
  gboolean ok = fd >= 0 && write (fd, "mail", 4) == 4 && fsync (fd) == 0
                && (mkdir ("tmp", 0700) == 0 || errno == EEXIST)
                && (mkdir ("new", 0700) == 0 || errno == EEXIST) && rename ("tmp-file", "tmp/a") == 0
                && rename ("tmp/a", "new/a") == 0 && open ("new", O_RDONLY | O_DIRECTORY) >= 0
                && unlink ("new/a") == 0;
  ok = ok && pthread_create (&id, NULL, thread, &ran) == 0 && pthread_join (id, NULL) == 0 && ran == 1;
  return ok && eventfd (0, EFD_CLOEXEC) >= 0;
}

static gboolean
live_of_sockets (void)
{
  int pair[2];
  char byte;
  void *page = mmap (NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_autofree char *big = g_malloc (1024 * 1024);
  memset (big, 1, 1024 * 1024);
  return page != MAP_FAILED && socketpair (AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write (pair[0], "x", 1) == 1
         && read (pair[1], &byte, 1) == 1 && accept4 (listen_fd, NULL, NULL, SOCK_NONBLOCK) < 0
         && errno == EAGAIN;
}

static void
test_life (void)
{
  refresh ();
  g_assert_cmpint (run_inside (SATCHEL_ROLE_MAIL, live_of_files), ==, 0);
  refresh ();
  g_assert_cmpint (run_inside (SATCHEL_ROLE_AUTH, live_of_files), ==, 0);
  refresh ();
  g_assert_cmpint (run_inside (SATCHEL_ROLE_HELPER, live_of_files), ==, 0);
  g_assert_cmpint (run_inside (SATCHEL_ROLE_GATE, live_of_sockets), ==, 0);
  g_assert_cmpint (run_inside (SATCHEL_ROLE_MAIL, live_of_sockets), ==, 0);
}

static void
test_size (void)
{
  guint n = satchel_sandbox_n_allowed (SATCHEL_ROLE_GATE);
  g_test_message ("a gate may make %u system calls, auth %u, mail %u", n,
                  satchel_sandbox_n_allowed (SATCHEL_ROLE_AUTH),
                  satchel_sandbox_n_allowed (SATCHEL_ROLE_MAIL));
  g_assert_cmpuint (n, <=, 45);
}

static gboolean
required_works (void)
{
  return TRUE;
}

static void
test_required (void)
{
  /* Where the kernel has all of it, "required" starts; where it lacks Landlock, it refuses with words. */
  pid_t pid = fork ();
  if (pid == 0)
    {
      g_autoptr (GError) error = NULL;
      gboolean ok =
          satchel_sandbox_enter (SATCHEL_ROLE_GATE, SATCHEL_SANDBOX_REQUIRED, NULL, 0, NULL, &error);
      gboolean is_right = landlock_abi >= 4 ? ok : !ok && strstr (error->message, "best-effort") != NULL;
      _exit (is_right && required_works () ? 0 : 1);
    }
  int status = 0;
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
prepare_targets (void)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof at;
  listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (listen_fd, (struct sockaddr *) &at, sizeof at), ==, 0);
  g_assert_cmpint (listen (listen_fd, 8), ==, 0);
  g_assert_cmpint (getsockname (listen_fd, (struct sockaddr *) &at, &len), ==, 0);
  listen_port = ntohs (at.sin_port);
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  g_snprintf (unix_name, sizeof unix_name, "satchel-sandbox-%d", (int) getpid ());
  g_strlcpy (un.sun_path + 1, unix_name, sizeof un.sun_path - 1);
  unix_fd = socket (AF_UNIX, SOCK_STREAM, 0);
  len = (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + strlen (unix_name));
  g_assert_cmpint (bind (unix_fd, (struct sockaddr *) &un, len), ==, 0);
  g_assert_cmpint (listen (unix_fd, 8), ==, 0);
  bystander = fork ();
  if (bystander == 0)
    {
      if (geteuid () == 0 && (setgid (TEST_UID) != 0 || setuid (TEST_UID) != 0))
        _exit (1);
      /* With the test's own end, also where it fails: who reads its output waits for us, too.  (A change of
       * user clears it.) */
      if (prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        _exit (1);
      for (;;)
        pause ();
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autofree char *base = g_dir_make_tmp ("satchel-sandbox-XXXXXX", NULL);
  g_assert_cmpint (chmod (base, 0755), ==, 0);
  root = g_build_filename (base, "root", NULL);
  outside = g_build_filename (base, "outside", NULL);
  g_assert_cmpint (g_mkdir (root, 0777) | g_mkdir (outside, 0777), ==, 0);
  long abi = syscall (444 /* landlock_create_ruleset */, NULL, 0, 1);
  landlock_abi = abi < 0 ? 0 : (int) abi;
  prepare_targets ();
  g_test_add_data_func ("/sandbox/gate/escapes", GUINT_TO_POINTER (SATCHEL_ROLE_GATE), test_escapes);
  g_test_add_data_func ("/sandbox/auth/escapes", GUINT_TO_POINTER (SATCHEL_ROLE_AUTH), test_escapes);
  g_test_add_data_func ("/sandbox/mail/escapes", GUINT_TO_POINTER (SATCHEL_ROLE_MAIL), test_escapes);
  g_test_add_data_func ("/sandbox/helper/escapes", GUINT_TO_POINTER (SATCHEL_ROLE_HELPER), test_escapes);
  g_test_add_func ("/sandbox/life", test_life);
  g_test_add_func ("/sandbox/launcher", test_launcher);
  g_test_add_func ("/sandbox/size", test_size);
  g_test_add_func ("/sandbox/required", test_required);
  int status = g_test_run ();
  kill (bystander, SIGKILL);
  waitpid (bystander, NULL, 0);
  g_autofree char *command = g_strdup_printf ("rm -rf '%s'", base);
  return system (command) == 0 ? status : 1;
}
