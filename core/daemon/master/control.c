/* SPDX-License-Identifier: MIT
 * Does the framing of the control socket. Clients, their requests (one at a time) and waiting answers are
 * all bounded.
 */
#include "config.h"

#include "core/daemon/master/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <satchel/fd.h>
#include <satchel/log.h>
#include <satchel/reactor.h>

#include "core/daemon/master/listeners.h"

#define CLIENTS_MAX 32u
#define WAITING_MAX (4u * 1024u * 1024u)

struct SatchelControlServer
{
  int fd;
  char *path;
  SatchelWatch *watch;
  SatchelControlRequestFunc request;
  SatchelControlGoneFunc gone, cancels, drained; /* `cancels` and `drained` may be NULL */
  gpointer data;
  GPtrArray *clients; /* SatchelControlClient */
};

struct SatchelControlClient
{
  SatchelControlServer *server;
  int fd;
  SatchelWatch *watch;
  gboolean is_asking; /* a request is being answered */
  GQueue waiting;     /* GBytes: packets that the client has not taken yet */
  gsize waiting_bytes;
  int given_fd; /* the descriptor that came with the request that is being handled; -1: none */
};

static void
client_free (SatchelControlClient *client)
{
  satchel_watch_remove (client->watch);
  close (client->fd);
  satchel_fd_clear (&client->given_fd);
  g_queue_clear_full (&client->waiting, (GDestroyNotify) g_bytes_unref);
  g_free (client);
}

static void
drop_client (SatchelControlClient *client)
{
  client->server->gone (client, client->server->data);
  g_ptr_array_remove_fast (client->server->clients, client);
}

char **
satchel_control_parse (const void *packet, gsize len)
{
  SatchelControlRequest request;
  if (len < sizeof request || len > SATCHEL_CONTROL_REQUEST_MAX)
    return NULL;
  memcpy (&request, packet, sizeof request);
  if (request.magic != SATCHEL_CONTROL_MAGIC || request.version != SATCHEL_CONTROL_VERSION
      || request.reserved != 0 || request.n_args == 0 || request.n_args > SATCHEL_CONTROL_ARGS_MAX)
    return NULL;
  const char *next = (const char *) packet + sizeof request, *end = (const char *) packet + len;
  g_auto (GStrv) argv = g_new0 (char *, request.n_args + 1);
  for (guint32 i = 0; i < request.n_args; i++)
    {
      const char *nul = memchr (next, '\0', (gsize) (end - next));
      if (nul == NULL || !g_utf8_validate (next, nul - next, NULL))
        return NULL;
      argv[i] = g_strdup (next);
      next = nul + 1;
    }
  return next == end ? g_steal_pointer (&argv) : NULL;
}

/* Sends what waits. FALSE means that the client has gone. */
static gboolean
flush_client (SatchelControlClient *client)
{
  while (!g_queue_is_empty (&client->waiting))
    {
      gsize len;
      GBytes *packet = g_queue_peek_head (&client->waiting);
      const void *data = g_bytes_get_data (packet, &len);
      if (send (client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        {
          if (errno != EAGAIN)
            return FALSE;
          satchel_watch_set_events (client->watch, EPOLLIN | EPOLLOUT);
          return TRUE;
        }
      client->waiting_bytes -= len;
      g_bytes_unref (g_queue_pop_head (&client->waiting));
    }
  satchel_watch_set_events (client->watch, EPOLLIN);
  return TRUE;
}

/* Returns the length of the next packet, which has whole lines if one fits. */
static gsize
part_len (const char *text, gsize len)
{
  gsize max = SATCHEL_CONTROL_REPLY_MAX - sizeof (SatchelControlReply);
  if (len <= max)
    return len;
  const char *newline = memrchr (text, '\n', max);
  return newline != NULL ? (gsize) (newline - text) + 1 : max;
}

void
satchel_control_reply (SatchelControlClient *client, const char *text, gboolean is_final, guint status)
{
  gsize len = strlen (text);
  do
    {
      gsize part = part_len (text, len);
      gboolean is_last = part == len;
      SatchelControlReply reply = { SATCHEL_CONTROL_MAGIC, SATCHEL_CONTROL_VERSION, status,
                                    is_final && is_last };
      g_autoptr (GByteArray) packet = g_byte_array_sized_new ((guint) (sizeof reply + part));
      g_byte_array_append (packet, (const guint8 *) &reply, sizeof reply);
      g_byte_array_append (packet, (const guint8 *) text, (guint) part);
      /* A client that reads nothing gets no more; it sees that by the end of its socket. */
      if (client->waiting_bytes + packet->len <= WAITING_MAX)
        {
          client->waiting_bytes += packet->len;
          g_queue_push_tail (&client->waiting, g_byte_array_free_to_bytes (g_steal_pointer (&packet)));
        }
      text += part;
      len -= part;
    }
  while (len > 0);
  if (is_final)
    client->is_asking = FALSE;
  /* A broken client is dropped when its event comes, since the caller still holds it. */
  (void) flush_client (client);
}

static void
log_request (SatchelControlClient *client, char *const *argv)
{
  struct ucred who = { 0 };
  socklen_t len = sizeof who;
  if (getsockopt (client->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
    who.pid = 0;
  g_autoptr (GStrvBuilder) told = g_strv_builder_new ();
  for (char *const *word = argv; *word != NULL; word++)
    if (word[1] != NULL || strcmp (argv[0], SATCHEL_CONTROL_SECRET_REQUEST) != 0)
      g_strv_builder_add (told, *word);
  g_auto (GStrv) all = g_strv_builder_end (told);
  g_autofree char *words = g_strjoinv (" ", all);
  g_autoptr (GString) line = g_string_new (NULL);
  satchel_log_field (line, "request", words);
  satchel_log (strcmp (argv[0], "status") == 0 ? SATCHEL_LOG_DEBUG : SATCHEL_LOG_INFO, "admin",
               "uid=%u pid=%d%s", (guint) who.uid, (int) who.pid, line->str);
}

/* Receives a packet, and at most one descriptor with it, which waits in `given_fd`. */
static gssize
receive (SatchelControlClient *client, void *packet, gsize room)
{
  union
  {
    struct cmsghdr align;
    guint8 space[CMSG_SPACE (sizeof (int))];
  } control;
  struct iovec part = { packet, room };
  struct msghdr envelope = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  gssize len = recvmsg (client->fd, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const struct cmsghdr *rights = len >= 0 ? CMSG_FIRSTHDR (&envelope) : NULL;
  if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS
      && rights->cmsg_len == CMSG_LEN (sizeof (int)))
    memcpy (&client->given_fd, CMSG_DATA (rights), sizeof (int));
  return len;
}

int
satchel_control_client_take_fd (SatchelControlClient *client)
{
  return satchel_fd_steal (&client->given_fd);
}

static void
client_event (int fd, guint32 events, gpointer data)
{
  SatchelControlClient *client = data;
  if ((events & EPOLLOUT) && !flush_client (client))
    {
      drop_client (client);
      return;
    }
  if ((events & EPOLLOUT) && client->waiting_bytes == 0 && client->server->drained != NULL)
    client->server->drained (client, client->server->data);
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
    return;
  char packet[SATCHEL_CONTROL_REQUEST_MAX + 1];
  gssize len = receive (client, packet, sizeof packet);
  if (len < 0 && errno == EAGAIN)
    return;
  g_auto (GStrv) argv = len > 0 ? satchel_control_parse (packet, (gsize) len) : NULL;
  gboolean is_cancel =
      argv != NULL && strcmp (argv[0], "cancel") == 0 && argv[1] == NULL && client->server->cancels != NULL;
  if (is_cancel && client->is_asking)
    client->server->cancels (client, client->server->data);
  /* A cancel that came when the answer had ended has nothing to cancel. */
  if (is_cancel)
    {
      satchel_fd_clear (&client->given_fd);
      return;
    }
  if (argv == NULL || client->is_asking)
    {
      drop_client (client);
      return;
    }
  client->is_asking = TRUE;
  log_request (client, argv);
  client->server->request (client, (const char *const *) argv, client->server->data);
  satchel_fd_clear (&client->given_fd); /* this closes it unless the request has taken it */
  if (strcmp (argv[0], SATCHEL_CONTROL_SECRET_REQUEST) == 0)
    {
      for (char **word = argv; *word != NULL; word++)
        explicit_bzero (*word, strlen (*word));
      explicit_bzero (packet, (gsize) len);
    }
}

void
satchel_control_server_add_client (SatchelControlServer *server, int fd)
{
  if (server->clients->len >= CLIENTS_MAX)
    {
      close (fd);
      return;
    }
  SatchelControlClient *client = g_new0 (SatchelControlClient, 1);
  client->server = server;
  client->fd = fd;
  client->given_fd = -1;
  g_queue_init (&client->waiting);
  g_ptr_array_add (server->clients, client);
  client->watch = satchel_watch_add (fd, EPOLLIN, client_event, client);
}

static void
accept_event (int fd, guint32 events, gpointer data)
{
  int client_fd = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client_fd >= 0)
    satchel_control_server_add_client (data, client_fd);
}

/* Says whether @fd listens at @path with the rights that are wanted now; if so it is kept, and no client
 * that waits there is lost. */
static gboolean
is_as_wanted (int fd, const char *path, guint mode, guint gid)
{
  struct sockaddr_un address = { 0 };
  socklen_t len = sizeof address - 1;
  struct stat st;
  return getsockname (fd, (struct sockaddr *) &address, &len) == 0 && strcmp (address.sun_path, path) == 0
         && lstat (path, &st) == 0 && S_ISSOCK (st.st_mode) && (st.st_mode & 0777) == mode
         && (gid == G_MAXUINT32 || st.st_gid == gid);
}

/* Removes the name of a socket that is no longer wanted there. */
static void
remove_socket (int fd)
{
  struct sockaddr_un address = { 0 };
  socklen_t len = sizeof address - 1;
  if (getsockname (fd, (struct sockaddr *) &address, &len) == 0 && address.sun_path[0] != '\0')
    (void) unlink (address.sun_path);
  close (fd);
}

static int
bind_socket (const char *path, guint mode, guint gid, GError **error)
{
  int fd = satchel_bind_unix (path, mode, SOCK_SEQPACKET, error);
  if (fd >= 0 && gid != G_MAXUINT32 && lchown (path, (uid_t) -1, gid) != 0 && geteuid () == 0)
    satchel_log (SATCHEL_LOG_WARNING, "admin", "the control socket cannot be given to group %u: %s", gid,
                 g_strerror (errno));
  return fd;
}

SatchelControlServer *
satchel_control_server_new (const char *path, guint gid, int inherited_fd, SatchelControlRequestFunc request,
                            SatchelControlGoneFunc gone, gpointer data, GError **error)
{
  guint mode = gid != G_MAXUINT32 ? 0660 : 0600;
  int fd = inherited_fd;
  if (fd >= 0 && !is_as_wanted (fd, path, mode, gid))
    {
      remove_socket (fd);
      fd = -1;
    }
  if (fd < 0)
    fd = bind_socket (path, mode, gid, error);
  if (fd < 0)
    return NULL;
  SatchelControlServer *server = g_new0 (SatchelControlServer, 1);
  server->fd = fd;
  server->path = g_strdup (path);
  server->request = request;
  server->gone = gone;
  server->data = data;
  server->clients = g_ptr_array_new_with_free_func ((GDestroyNotify) client_free);
  server->watch = satchel_watch_add (fd, EPOLLIN, accept_event, server);
  return server;
}

void
satchel_control_server_foreach_fd (SatchelControlServer *server, SatchelControlFdFunc func, gpointer data)
{
  satchel_control_server_flush (server);
  func (server->fd, FALSE, data);
  for (guint i = 0; i < server->clients->len; i++)
    {
      const SatchelControlClient *client = g_ptr_array_index (server->clients, i);
      if (!client->is_asking && client->waiting_bytes == 0)
        func (client->fd, TRUE, data);
    }
}

void
satchel_control_server_set_long_answers (SatchelControlServer *server, SatchelControlGoneFunc cancels,
                                         SatchelControlGoneFunc drained)
{
  server->cancels = cancels;
  server->drained = drained;
}

gboolean
satchel_control_client_is_drained (const SatchelControlClient *client)
{
  return client->waiting_bytes == 0;
}

void
satchel_control_server_flush (SatchelControlServer *server)
{
  for (guint i = 0; i < server->clients->len; i++)
    (void) flush_client (g_ptr_array_index (server->clients, i));
}

void
satchel_control_server_free (SatchelControlServer *server)
{
  if (server == NULL)
    return;
  satchel_control_server_flush (server);
  g_ptr_array_unref (server->clients);
  satchel_watch_remove (server->watch);
  close (server->fd);
  (void) unlink (server->path);
  g_free (server->path);
  g_free (server);
}
