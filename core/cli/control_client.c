/* SPDX-License-Identifier: MIT
 * Sends one request to the control socket, and receives its answer. core/runtime/ipc/control_wire.h describes
 * the messages.
 */
#include "config.h"

#include "core/cli/control_client.h"

#include <errno.h>
#include <poll.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/ipc/control_wire.h"

/* The server lets the reading of the configuration take less than this. */
#define TIMEOUT_MS 90000
#define ANSWER_MAX (64u * 1024u * 1024u)

static int
connect_control (const char *run_dir, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = g_build_filename (run_dir, SATCHEL_CONTROL_NAME, NULL);
  if (strlen (path) >= sizeof address.sun_path)
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                         "%s is longer than the 107 bytes that the path of a unix socket may have", path);
      return -1;
    }
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_auto (SatchelFd) fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return satchel_fd_steal (&fd);
  int saved = errno;
  if (saved == ENOENT || saved == ECONNREFUSED)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "no server runs here (%s: %s)", path,
                       g_strerror (saved));
  else
    satchel_error_set_errno (error, saved, "the control socket %s cannot be used", path);
  return -1;
}

static gboolean
send_packet (int fd, GByteArray *packet, int channel_fd, GError **error)
{
  union
  {
    struct cmsghdr align;
    guint8 space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec part = { packet->data, packet->len };
  struct msghdr envelope = { .msg_iov = &part, .msg_iovlen = 1 };
  if (channel_fd >= 0)
    {
      envelope.msg_control = &control;
      envelope.msg_controllen = sizeof control;
      struct cmsghdr *rights = CMSG_FIRSTHDR (&envelope);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (rights), &channel_fd, sizeof (int));
    }
  return sendmsg (fd, &envelope, MSG_NOSIGNAL) == (gssize) packet->len
         || satchel_error_set_errno (error, errno, "the server cannot be reached by its control socket");
}

static gboolean
send_request (int fd, const char *const *argv, int channel_fd, GError **error)
{
  g_autoptr (GByteArray) packet = g_byte_array_sized_new (SATCHEL_CONTROL_REQUEST_MAX);
  SatchelControlRequest request = { SATCHEL_CONTROL_MAGIC, SATCHEL_CONTROL_VERSION,
                                    g_strv_length ((char **) argv), 0 };
  g_byte_array_append (packet, (const guint8 *) &request, sizeof request);
  for (guint i = 0; argv[i] != NULL; i++)
    g_byte_array_append (packet, (const guint8 *) argv[i], (guint) strlen (argv[i]) + 1);
  if (packet->len > SATCHEL_CONTROL_REQUEST_MAX || request.n_args > SATCHEL_CONTROL_ARGS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the request is too long");
  gboolean ok = send_packet (fd, packet, channel_fd, error);
  explicit_bzero (packet->data, packet->len); /* the packet may hold a password */
  return ok;
}

static int
get_timeout_ms (const SatchelControlCall *call)
{
  return call->timeout_ms != 0 ? (int) call->timeout_ms : TIMEOUT_MS;
}

/* Waits until the server has sent something. */
static gboolean
wait_for_reply (int fd, const SatchelControlCall *call, GError **error)
{
  const int signal_fd = call->interrupted != NULL ? call->signal_fd : -1;
  for (;;)
    {
      struct signalfd_siginfo info;
      struct pollfd poll_fds[] = { { fd, POLLIN, 0 }, { signal_fd, POLLIN, 0 } };
      int n = SATCHEL_RETRY (poll (poll_fds, 2, get_timeout_ms (call)));
      if (n == 0)
        return satchel_error_set (error, SATCHEL_ERROR_TIMEOUT, "the server did not answer in time");
      if (poll_fds[1].revents == 0)
        return TRUE;
      if (read (signal_fd, &info, sizeof info) != sizeof info)
        continue;
      if (!call->interrupted (call->data))
        return satchel_error_set (error, SATCHEL_ERROR_CANCELLED,
                                  "the command ended without waiting for the server");
      if (!send_request (fd, (const char *const[]) { "cancel", NULL }, -1, error))
        return FALSE;
    }
}

static gboolean
fail_unknown_answer (GError **error)
{
  return satchel_error_set (
      error, SATCHEL_ERROR_INVALID,
      "satchel does not understand the server's answer; is the server of another version?");
}

/* Receives one packet of the answer, and gives its text to the caller. */
static gboolean
receive_reply (int fd, const SatchelControlCall *call, SatchelControlReply *ret_reply, GError **error)
{
  if (!wait_for_reply (fd, call, error))
    return FALSE;
  char packet[SATCHEL_CONTROL_REPLY_MAX + 1];
  const gssize len = recv (fd, packet, SATCHEL_CONTROL_REPLY_MAX, 0), head_len = sizeof *ret_reply;
  if (len < 0)
    return satchel_error_set_errno (error, errno, "the server cannot be reached by its control socket");
  if (len == 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "the server closed the connection before its answer was complete");
  if (len < head_len)
    return fail_unknown_answer (error);
  memcpy (ret_reply, packet, sizeof *ret_reply);
  if (ret_reply->magic != SATCHEL_CONTROL_MAGIC || ret_reply->version != SATCHEL_CONTROL_VERSION)
    return fail_unknown_answer (error);
  packet[len] = '\0';
  if (call->func != NULL && len > head_len)
    call->func (packet + head_len, call->data);
  return TRUE;
}

/* Waits until master has closed the socket and, if its process can be named, until that has ended. */
static gboolean
wait_for_end (int fd, int process_fd, int timeout_ms, GError **error)
{
  char packet[SATCHEL_CONTROL_REPLY_MAX];
  struct pollfd poll_fd = { process_fd >= 0 ? process_fd : fd, POLLIN, 0 };
  gint64 end_ms = g_get_monotonic_time () / 1000 + timeout_ms;
  for (;;)
    {
      gint64 left_ms = end_ms - g_get_monotonic_time () / 1000;
      int n = SATCHEL_RETRY (poll (&poll_fd, 1, (int) MAX (left_ms, 0)));
      if (n <= 0)
        return satchel_error_set (error, SATCHEL_ERROR_TIMEOUT,
                                  "the server was told to stop and has not ended yet");
      if (process_fd >= 0 || recv (fd, packet, sizeof packet, 0) <= 0)
        return TRUE;
    }
}

static int
open_server_process (int fd)
{
  struct ucred peer;
  socklen_t len = sizeof peer;
  /* The pid is 0 if the server is in another process namespace. */
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid <= 0)
    return -1;
  return (int) syscall (SYS_pidfd_open, peer.pid, 0);
}

gboolean
satchel_control_call (const SatchelControlCall *call, guint *ret_status, GError **error)
{
  g_auto (SatchelFd) fd = connect_control (call->run_dir, error);
  if (fd < 0)
    return FALSE;
  g_auto (SatchelFd) process_fd = call->waits_for_end ? open_server_process (fd) : -1;
  if (!send_request (fd, call->argv, call->channel_fd != NULL ? *call->channel_fd : -1, error))
    return FALSE;
  SatchelControlReply reply;
  do
    if (!receive_reply (fd, call, &reply, error))
      return FALSE;
  while (reply.is_final == 0);
  if (call->waits_for_end && reply.status == 0
      && !wait_for_end (fd, process_fd, get_timeout_ms (call), error))
    return FALSE;
  *ret_status = reply.status;
  return TRUE;
}

void
satchel_control_collect (const char *text, gpointer data)
{
  GString *answer = data;
  if (answer->len < ANSWER_MAX)
    g_string_append (answer, text);
}

gboolean
satchel_control_ask (const char *run_dir, const char *const *argv, GString *answer, guint *ret_status,
                     GError **error)
{
  const SatchelControlCall call = {
    .run_dir = run_dir, .argv = argv, .func = satchel_control_collect, .data = answer
  };
  return satchel_control_call (&call, ret_status, error);
}
