/* SPDX-License-Identifier: MIT
 * Checks whether ports and sockets can be bound, and finds the process that has one which cannot; the
 * running server itself and systemd may have it.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/master/listeners.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/runtime/ipc/control_wire.h"
#include "core/daemon/master/read_only.h"

#define STATE_LISTEN 0x0a /* the state of a listening socket in /proc/net/tcp */
#define SYSTEMD_PID 1
#define LISTENING_MAX 65536u

/* A TCP socket that listens. */
typedef struct Listening
{
  guint port, uid;
  gulong inode;
} Listening;

/* Another process listens on the port. */
typedef struct Holder
{
  pid_t pid; /* 0: no process whose descriptors may be read */
  guint uid; /* owner of the socket */
  char name[32];
} Holder;

typedef struct Check
{
  SatchelPlan *plan;
  pid_t ours;        /* the running server; 0: none */
  GArray *listening; /* NULL: no port was in use yet */
} Check;

static void
read_listening (const char *table, GArray *listening)
{
  FILE *file = fopen (table, "re");
  char line[512];
  while (file != NULL && fgets (line, sizeof line, file) != NULL && listening->len < LISTENING_MAX)
    {
      Listening socket;
      guint state;
      if (sscanf (line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*u %lu", &socket.port,
                  &state, &socket.uid, &socket.inode)
              == 4
          && state == STATE_LISTEN)
        g_array_append_val (listening, socket);
    }
  if (file != NULL)
    fclose (file);
}

/* Lists the sockets of the machine that listen, once for all ports: the kernel goes through every connection
 * for that. */
static const GArray *
list_listening (Check *check)
{
  if (check->listening != NULL)
    return check->listening;
  check->listening = g_array_new (FALSE, FALSE, sizeof (Listening));
  read_listening ("/proc/net/tcp", check->listening);
  read_listening ("/proc/net/tcp6", check->listening);
  return check->listening;
}

static gboolean
has_socket (const char *pid, const GArray *inodes)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/fd", pid);
  DIR *dir = opendir (path);
  const struct dirent *entry;
  gboolean found = FALSE;
  while (dir != NULL && !found && (entry = readdir (dir)) != NULL)
    {
      char target[64];
      gulong inode;
      gssize len = readlinkat (dirfd (dir), entry->d_name, target, sizeof target - 1);
      target[MAX (len, 0)] = '\0';
      for (guint i = 0; i < inodes->len && sscanf (target, "socket:[%lu]", &inode) == 1; i++)
        found = found || g_array_index (inodes, gulong, i) == inode;
    }
  if (dir != NULL)
    closedir (dir);
  return found;
}

static void
read_name (Holder *holder)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", (int) holder->pid);
  g_autofree char *name = NULL;
  if (g_file_get_contents (path, &name, NULL, NULL))
    g_strlcpy (holder->name, g_strchomp (name), sizeof holder->name);
}

/* Finds the process that holds a port. The server itself is looked at first, since its children hold the same
 * sockets. */
static void
find_holder (Check *check, guint port, Holder *ret_holder)
{
  const GArray *listening = list_listening (check);
  g_autoptr (GArray) inodes = g_array_new (FALSE, FALSE, sizeof (gulong));
  *ret_holder = (Holder) { 0, SATCHEL_PLAN_NO_ID, "" };
  for (guint i = 0; i < listening->len; i++)
    {
      const Listening *socket = &g_array_index (listening, Listening, i);
      if (socket->port != port)
        continue;
      g_array_append_val (inodes, socket->inode);
      ret_holder->uid = socket->uid;
    }
  const pid_t first[] = { check->ours, SYSTEMD_PID };
  for (guint i = 0; i < G_N_ELEMENTS (first) && ret_holder->pid == 0; i++)
    {
      g_autofree char *pid = g_strdup_printf ("%d", (int) first[i]);
      if (first[i] > 0 && has_socket (pid, inodes))
        ret_holder->pid = first[i];
    }
  DIR *proc = ret_holder->pid == 0 ? opendir ("/proc") : NULL;
  const struct dirent *entry;
  guint64 pid;
  while (proc != NULL && ret_holder->pid == 0 && (entry = readdir (proc)) != NULL)
    if (g_ascii_string_to_unsigned (entry->d_name, 10, 1, G_MAXINT, &pid, NULL)
        && has_socket (entry->d_name, inodes))
      ret_holder->pid = (pid_t) pid;
  if (proc != NULL)
    closedir (proc);
  if (ret_holder->pid > 0)
    read_name (ret_holder);
}

static void
check_port (Check *check, const SatchelPlanListener *listener)
{
  SatchelPlan *plan = check->plan;
  const pid_t ours = check->ours;
  int errnum = 0;
  g_auto (SatchelFd) fd = satchel_bind_tcp (listener, TRUE, &errnum);
  if (fd >= 0)
    return;
  if (listener->is_optional && (errnum == EAFNOSUPPORT || errnum == EADDRNOTAVAIL))
    return;
  if (errnum != EADDRINUSE)
    {
      satchel_listener_refused (plan, listener, errnum, NULL);
      return;
    }
  Holder holder;
  find_holder (check, listener->port, &holder);
  if (holder.pid > 0 && (holder.pid == ours || holder.pid == SYSTEMD_PID))
    return;
  if (holder.pid > 0)
    {
      g_autofree char *advice = g_strdup_printf ("%s (process %d) has it; stop that, or set another port",
                                                 holder.name, (int) holder.pid);
      satchel_listener_refused (plan, listener, errnum, advice);
    }
  /* Without root nobody can read which descriptors the server itself has, nor, inside a unit, those of
   * systemd. */
  else if (ours == 0 || holder.uid != geteuid ())
    satchel_plan_add_problem_of (plan, TRUE, listener->origin, "listen.listeners",
                                 "listener %s: %s port %u is in use, and by whom cannot be seen from here; "
                                 "unless it is systemd or Satchel itself, stop that program "
                                 "(ss -ltnp as root shows it), or set another port",
                                 listener->name, listener->address, listener->port);
}

static void
check_path (Check *check, const SatchelPlanListener *listener)
{
  SatchelPlan *plan = check->plan;
  const pid_t ours = check->ours;
  gboolean is_stale;
  int pid;
  g_autoptr (GError) error = NULL;
  g_autofree char *directory = g_path_get_dirname (listener->path),
                  *read_only = satchel_read_only_advice (directory);
  if (!satchel_unix_is_usable (listener->path, SOCK_STREAM, &is_stale, &pid, &error))
    {
      if (pid == 0 || (pid != ours && pid != SYSTEMD_PID))
        satchel_plan_add_problem_of (plan, FALSE, listener->origin, "listen.listeners", "listener %s: %s",
                                     listener->name, error->message);
    }
  else if (read_only != NULL)
    satchel_plan_add_problem_of (plan, FALSE, listener->origin, "listen.listeners", "listener %s: %s",
                                 listener->name, read_only);
  /* The run directory is made at the start, so it may be missing now. */
  else if (access (directory, W_OK | X_OK) != 0
           && !(errno == ENOENT && strcmp (directory, plan->run_dir) == 0))
    satchel_plan_add_problem_of (
        plan, FALSE, listener->origin, "listen.listeners",
        "listener %s: %s: the socket cannot be made (%s: %s); make that directory, or choose another path",
        listener->name, listener->path, directory, g_strerror (errno));
}

gboolean
satchel_listeners_check (SatchelPlan *plan)
{
  guint before = plan->n_errors;
  Check check = { .plan = plan };
  g_autofree char *control = g_build_filename (plan->run_dir, SATCHEL_CONTROL_NAME, NULL);
  gboolean is_stale;
  g_autoptr (GError) error = NULL;
  (void) satchel_unix_is_usable (control, SOCK_SEQPACKET, &is_stale, &check.ours, &error);
  for (guint i = 0; i < plan->listeners->len; i++)
    {
      const SatchelPlanListener *listener = g_ptr_array_index (plan->listeners, i);
      if (*listener->path != '\0')
        check_path (&check, listener);
      else
        check_port (&check, listener);
    }
  if (check.listening != NULL)
    g_array_unref (check.listening);
  return plan->n_errors == before;
}
