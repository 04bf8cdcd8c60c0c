/* SPDX-License-Identifier: MIT
 * Binds sockets, and recognises those that systemd, or the program that this one replaced, has bound
 * already.
 */
#include "config.h"

#include "core/daemon/master/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <satchel/log.h>

#include "core/base/fd.h"
#include "core/daemon/master/read_only.h"

#define SYSTEMD_FIRST_FD 3
#define BACKLOG 1024

typedef struct Socket
{
  int fd;
  char *key;
  char *name;       /* LISTEN_FDNAMES, or NULL */
  gboolean is_ours; /* the server made it, so a unix path is removed at the end */
} Socket;

struct SatchelSockets
{
  GPtrArray *all; /* Socket */
};

static void
socket_free (Socket *socket)
{
  if (socket->is_ours && g_str_has_prefix (socket->key, "unix "))
    (void) unlink (socket->key + strlen ("unix "));
  close (socket->fd);
  g_free (socket->key);
  g_free (socket->name);
  g_free (socket);
}

static char *
key_of (const SatchelPlanListener *listener)
{
  if (*listener->path != '\0')
    return g_strconcat ("unix ", listener->path, NULL);
  return g_strdup_printf ("tcp %s %u", listener->address, listener->port);
}

/* Returns the key of a socket that somebody else has bound. */
static char *
key_of_fd (int fd)
{
  union
  {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } address = { 0 };
  socklen_t len = sizeof address - 1;
  char text[INET6_ADDRSTRLEN];
  if (getsockname (fd, &address.any, &len) != 0)
    return NULL;
  if (address.any.sa_family == AF_INET
      && inet_ntop (AF_INET, &address.in.sin_addr, text, sizeof text) != NULL)
    return g_strdup_printf ("tcp %s %u", text, ntohs (address.in.sin_port));
  if (address.any.sa_family == AF_INET6
      && inet_ntop (AF_INET6, &address.in6.sin6_addr, text, sizeof text) != NULL)
    return g_strdup_printf ("tcp %s %u", text, ntohs (address.in6.sin6_port));
  if (address.any.sa_family == AF_UNIX)
    return g_strconcat ("unix ", address.un.sun_path, NULL);
  return NULL;
}

static void
add_socket (SatchelSockets *sockets, int fd, const char *key, const char *name, gboolean is_ours)
{
  Socket *socket = g_new0 (Socket, 1);
  socket->fd = fd;
  socket->key = g_strdup (key);
  socket->name = g_strdup (name);
  socket->is_ours = is_ours;
  (void) fcntl (fd, F_SETFD, FD_CLOEXEC);
  (void) fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
  g_ptr_array_add (sockets->all, socket);
}

static void
take_systemd (SatchelSockets *sockets)
{
  const char *pid = g_getenv ("LISTEN_PID"), *count = g_getenv ("LISTEN_FDS"),
             *names = g_getenv ("LISTEN_FDNAMES");
  guint64 n = 0, meant = 0;
  if (pid != NULL && count != NULL && g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT, &meant, NULL)
      && (pid_t) meant == getpid ())
    (void) g_ascii_string_to_unsigned (count, 10, 0, 1000, &n, NULL);
  g_auto (GStrv) parts = g_strsplit (names != NULL ? names : "", ":", -1);
  guint n_names = g_strv_length (parts);
  for (guint i = 0; i < n; i++)
    {
      int fd = SYSTEMD_FIRST_FD + (int) i;
      g_autofree char *key = key_of_fd (fd);
      if (key != NULL)
        add_socket (sockets, fd, key, i < n_names ? parts[i] : NULL, FALSE);
    }
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
}

SatchelSockets *
satchel_sockets_new (void)
{
  SatchelSockets *sockets = g_new0 (SatchelSockets, 1);
  sockets->all = g_ptr_array_new_with_free_func ((GDestroyNotify) socket_free);
  take_systemd (sockets);
  return sockets;
}

void
satchel_sockets_free (SatchelSockets *sockets)
{
  if (sockets == NULL)
    return;
  g_ptr_array_unref (sockets->all);
  g_free (sockets);
}

void
satchel_sockets_inherit (SatchelSockets *sockets, const char *key, int fd, gboolean is_ours)
{
  add_socket (sockets, fd, key, NULL, is_ours);
}

static Socket *
find_socket (SatchelSockets *sockets, const SatchelPlanListener *listener)
{
  g_autofree char *key = key_of (listener);
  for (guint i = 0; i < sockets->all->len; i++)
    {
      Socket *socket = g_ptr_array_index (sockets->all, i);
      if (strcmp (socket->key, key) == 0)
        return socket;
    }
  return NULL;
}

int
satchel_sockets_fd (SatchelSockets *sockets, const SatchelPlanListener *listener)
{
  const Socket *socket = find_socket (sockets, listener);
  return socket != NULL ? socket->fd : -1;
}

gboolean
satchel_unix_is_usable (const char *path, int type, gboolean *ret_is_stale, int *ret_pid, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct stat st;
  *ret_is_stale = FALSE;
  *ret_pid = 0;
  if (strlen (path) >= sizeof address.sun_path)
    return satchel_error_set (
        error, SATCHEL_ERROR_CANNOT,
        "%s is longer than the 107 bytes that the path of a unix socket may have; choose a shorter path",
        path);
  if (lstat (path, &st) != 0)
    return TRUE;
  if (!S_ISSOCK (st.st_mode))
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS,
                              "%s exists and is not a socket; move it away, or choose another path", path);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_auto (SatchelFd) fd = socket (AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  gboolean is_live =
      fd >= 0 && (connect (fd, (const struct sockaddr *) &address, sizeof address) == 0 || errno == EAGAIN);
  struct ucred peer;
  socklen_t len = sizeof peer;
  if (is_live && getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
    *ret_pid = peer.pid;
  if (is_live)
    return satchel_error_set (error, SATCHEL_ERROR_INUSE,
                              "%s is in use by another process; stop it, or choose another path", path);
  *ret_is_stale = TRUE;
  return TRUE;
}

int
satchel_bind_unix (const char *path, guint mode, int type, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gboolean is_stale;
  int pid;
  if (!satchel_unix_is_usable (path, type, &is_stale, &pid, error))
    return -1;
  /* A socket file to which nothing listens was left by a crash. */
  if (is_stale && unlink (path) != 0 && errno != ENOENT)
    {
      satchel_error_set_errno (error, errno,
                               "the socket %s, which an earlier process left, cannot be removed", path);
      return -1;
    }
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_auto (SatchelFd) fd = socket (AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* The mode is set by umask, not by a later chmod of the path: the owner of the directory could put a link
   * there in between. */
  mode_t mask = umask (0);
  gboolean ok =
      fd >= 0 && fchmod (fd, mode) == 0 && bind (fd, (struct sockaddr *) &address, sizeof address) == 0;
  int errnum = errno;
  umask (mask);
  errno = errnum;
  if (ok && listen (fd, BACKLOG) == 0)
    return satchel_fd_steal (&fd);
  satchel_error_set_errno (error, errno, "the socket %s cannot be made", path);
  return -1;
}

int
satchel_bind_tcp (const SatchelPlanListener *listener, gboolean is_trial, int *ret_errno)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons ((guint16) listener->port) };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons ((guint16) listener->port) };
  gboolean is_v6 = strchr (listener->address, ':') != NULL;
  if (inet_pton (is_v6 ? AF_INET6 : AF_INET, listener->address,
                 is_v6 ? (void *) &in6.sin6_addr : (void *) &in.sin_addr)
      != 1)
    {
      *ret_errno = EINVAL;
      return -1;
    }
  g_auto (SatchelFd) fd = socket (is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int one = 1;
  gboolean ok =
      fd >= 0 && setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0
      && (!is_v6 || setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0)
      && bind (fd, is_v6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in, is_v6 ? sizeof in6 : sizeof in)
             == 0
      && (is_trial || listen (fd, BACKLOG) == 0);
  *ret_errno = errno;
  return ok ? satchel_fd_steal (&fd) : -1;
}

static const char *
advice_for (int errnum)
{
  switch (errnum)
    {
    case EADDRINUSE:
      return "another program has it (ss -ltnp shows which); stop that, or set another port";
    case EACCES:
      return "ports below 1024 need root, CAP_NET_BIND_SERVICE or a systemd socket; or set a higher port";
    case EAFNOSUPPORT:
      return "this service may not open ports: put it into the socket unit that hands them over as well";
    case EADDRNOTAVAIL:
      return "this machine does not have that address; correct it, or use \"*\"";
    default:
      return "correct the listener";
    }
}

void
satchel_listener_refused (SatchelPlan *plan, const SatchelPlanListener *listener, int errnum,
                          const char *advice)
{
  satchel_plan_add_problem_of (plan, FALSE, listener->origin, "listen.listeners",
                               "listener %s: %s port %u cannot be bound (%s); %s", listener->name,
                               listener->address, listener->port, g_strerror (errnum),
                               advice != NULL ? advice : advice_for (errnum));
}

/* Says whether the server itself has this port. A reload opens new listeners before it closes old ones, and
 * a socket on all addresses and one on a single address cannot both have a port. */
static gboolean
is_our_port (const SatchelSockets *sockets, guint port)
{
  for (guint i = 0; i < sockets->all->len; i++)
    {
      struct sockaddr_storage address;
      socklen_t len = sizeof address;
      if (getsockname (((const Socket *) sockets->all->pdata[i])->fd, (struct sockaddr *) &address, &len)
          != 0)
        continue;
      if ((address.ss_family == AF_INET && ntohs (((const struct sockaddr_in *) &address)->sin_port) == port)
          || (address.ss_family == AF_INET6
              && ntohs (((const struct sockaddr_in6 *) &address)->sin6_port) == port))
        return TRUE;
    }
  return FALSE;
}

/* Gives a socket that was made just now to another account or group.  Who owns the directory could have put
 * something else in its place, so what is given away is looked at, and not found by its path again. */
static gboolean
give_unix (const char *path, guint32 uid, guint32 gid, GError **error)
{
  struct stat st;
  if (uid == SATCHEL_PLAN_NO_ID && gid == SATCHEL_PLAN_NO_ID)
    return TRUE;
  g_auto (SatchelFd) fd = open (path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && fstat (fd, &st) == 0 && S_ISSOCK (st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid ()
      && fchownat (fd, "", uid, gid, AT_EMPTY_PATH) == 0)
    return TRUE;
  return satchel_error_set_errno (
      error, errno,
      "the socket %s cannot be given to its owner and group (only root may give files to others, and others "
      "only to groups of their own)",
      path);
}

static int
bind_path (const SatchelPlanListener *listener, GError **error)
{
  g_auto (SatchelFd) fd = satchel_bind_unix (listener->path, listener->mode, SOCK_STREAM, error);
  if (fd < 0)
    return -1;
  if (give_unix (listener->path, listener->uid, listener->gid, error))
    return satchel_fd_steal (&fd);
  (void) unlink (listener->path);
  return -1;
}

static gboolean
bind_one (SatchelSockets *sockets, SatchelPlan *plan, const SatchelPlanListener *listener)
{
  g_autofree char *key = key_of (listener);
  g_autoptr (GError) error = NULL;
  int errnum = 0;
  int fd =
      *listener->path != '\0' ? bind_path (listener, &error) : satchel_bind_tcp (listener, FALSE, &errnum);
  if (fd >= 0)
    {
      add_socket (sockets, fd, key, NULL, TRUE);
      return TRUE;
    }
  if (error != NULL)
    {
      g_autofree char *dir = g_path_get_dirname (listener->path), *read_only = satchel_read_only_advice (dir);
      satchel_plan_add_problem_of (plan, FALSE, listener->origin, "listen.listeners", "listener %s: %s",
                                   listener->name, read_only != NULL ? read_only : error->message);
    }
  else if (listener->is_optional && (errnum == EAFNOSUPPORT || errnum == EADDRNOTAVAIL))
    {
      satchel_log (SATCHEL_LOG_WARNING, "server",
                   "listener %s: this machine has no %s, so it listens on IPv4 only", listener->name,
                   listener->address);
      return TRUE;
    }
  else
    satchel_listener_refused (plan, listener, errnum,
                              errnum == EADDRINUSE && is_our_port (sockets, listener->port)
                                  ? "a listener of this server has that port on other addresses; restart the "
                                    "server if the new one takes its place, "
                                    "or set another port"
                                  : NULL);
  return FALSE;
}

/* Finds a socket by name: one from systemd may have the name of the listener instead of its exact address. */
static Socket *
find_by_name (SatchelSockets *sockets, const SatchelPlanListener *listener)
{
  for (guint i = 0; i < sockets->all->len; i++)
    {
      Socket *socket = g_ptr_array_index (sockets->all, i);
      if (socket->name != NULL && strcmp (socket->name, listener->name) == 0)
        return socket;
    }
  return NULL;
}

gboolean
satchel_sockets_bind (SatchelSockets *sockets, SatchelPlan *plan)
{
  gboolean ok = TRUE;
  for (guint i = 0; i < plan->listeners->len; i++)
    {
      const SatchelPlanListener *listener = g_ptr_array_index (plan->listeners, i);
      if (find_socket (sockets, listener) != NULL)
        continue;
      Socket *named = find_by_name (sockets, listener);
      if (named == NULL)
        {
          ok = bind_one (sockets, plan, listener) && ok;
          continue;
        }
      g_free (named->key);
      named->key = key_of (listener);
      g_clear_pointer (&named->name, g_free);
    }
  return ok;
}

void
satchel_sockets_keep_only (SatchelSockets *sockets, const SatchelPlan *plan)
{
  for (guint i = sockets->all->len; i-- > 0;)
    {
      const Socket *socket = g_ptr_array_index (sockets->all, i);
      gboolean is_listed = FALSE;
      for (guint j = 0; j < plan->listeners->len && !is_listed; j++)
        {
          g_autofree char *key = key_of (g_ptr_array_index (plan->listeners, j));
          is_listed = strcmp (key, socket->key) == 0;
        }
      /* A socket that systemd bound stays open, since the next reload may want it again. */
      if (!is_listed && socket->is_ours)
        g_ptr_array_remove_index (sockets->all, i);
    }
}

void
satchel_sockets_foreach (SatchelSockets *sockets, SatchelSocketFunc func, gpointer data)
{
  for (guint i = 0; i < sockets->all->len; i++)
    {
      const Socket *socket = g_ptr_array_index (sockets->all, i);
      func (socket->key, socket->fd, socket->is_ours, data);
    }
}
