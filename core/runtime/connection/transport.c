/* SPDX-License-Identifier: MIT
 * Implements the plain transport, which is a stream socket.
 */
#include "config.h"

#include "core/runtime/connection/connection_private.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <satchel/retry.h>
#include <sys/socket.h>
#include <unistd.h>

static gssize
plain_read (SatchelTransport *transport, void *buffer, gsize len)
{
  gssize n = SATCHEL_RETRY (recv (transport->fd, buffer, len, MSG_DONTWAIT));
  if (n > 0)
    return n;
  if (n == 0)
    return SATCHEL_IO_END;
  return errno == EAGAIN ? SATCHEL_IO_AGAIN : SATCHEL_IO_RESET;
}

static gssize
plain_write (SatchelTransport *transport, const struct iovec *parts, int n_parts)
{
  struct msghdr message = { .msg_iov = (struct iovec *) parts, .msg_iovlen = (gsize) n_parts };
  gssize n = SATCHEL_RETRY (sendmsg (transport->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  if (n >= 0)
    return n;
  return errno == EAGAIN ? SATCHEL_IO_AGAIN : SATCHEL_IO_RESET;
}

static void
plain_end_output (SatchelTransport *transport)
{
  shutdown (transport->fd, SHUT_WR);
}

static gboolean
plain_has_buffered (SatchelTransport *transport)
{
  return FALSE;
}

static void
plain_free (SatchelTransport *transport)
{
  g_free (transport);
}

static const SatchelTransportOps plain_ops = {
  .read = plain_read,
  .write = plain_write,
  .end_output = plain_end_output,
  .has_buffered = plain_has_buffered,
  .free = plain_free,
};

SatchelTransport *
satchel_transport_new_plain (int fd)
{
  SatchelTransport *transport = g_new0 (SatchelTransport, 1);
  transport->ops = &plain_ops;
  transport->fd = fd;
  return transport;
}

void
satchel_transport_destroy (SatchelTransport *transport)
{
  int fd = transport->fd;
  transport->ops->free (transport);
  if (fd >= 0)
    close (fd);
}

void
satchel_socket_set_keepalive (int fd, guint within_s)
{
  int domain = 0, on = within_s > 0;
  socklen_t len = sizeof domain;
  if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || (domain != AF_INET && domain != AF_INET6))
    return;
  (void) setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (!on)
    return;
  /* The kernel sends the first of three probes when the connection has been silent for half the time. */
  int probes = 3, idle = MAX (1, (int) within_s / 2), interval = MAX (1, (int) within_s / 6);
  (void) setsockopt (fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  (void) setsockopt (fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  (void) setsockopt (fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}
