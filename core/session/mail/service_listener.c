/* SPDX-License-Identifier: MIT
 * This file accepts connections of services in role mail.
 */
#include "config.h"

#include "core/runtime/connection/connection_private.h"
#include "core/session/network.h"
#include "core/session/mail/service_listener.h"
#include <errno.h>
#include <satchel/reactor.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CONNECTIONS_MAX 100000u
#define RETRY_MS 500

typedef struct ServiceListener
{
  int fd;
  const SatchelServiceOps *ops;
  const char *group;
  SatchelServiceSectionFunc section;
  SatchelWatch *watch;
  SatchelTimer timer;
} ServiceListener;

static GPtrArray *listeners;

static void
accept_again (SatchelTimer *timer, gpointer data)
{
  satchel_watch_set_events (((ServiceListener *) data)->watch, EPOLLIN | EPOLLEXCLUSIVE);
}

static void
start_session (ServiceListener *listener, int fd, const struct sockaddr_storage *peer)
{
  char text[SATCHEL_ADDRESS_CHARS];
  SatchelAddress address;
  satchel_address_from_socket (&address, peer);
  satchel_address_text (&address, text);
  SatchelConnection *connection = satchel_connection_new (satchel_transport_new_plain (fd), NULL, NULL);
  gpointer self = listener->ops->session_new (connection, text, listener->section (listener->group));
  satchel_connection_set_handlers (connection, self != NULL ? listener->ops->handlers : NULL, self);
  if (self == NULL)
    satchel_connection_close (connection);
}

static void
listener_event (int fd, guint32 events, gpointer data)
{
  ServiceListener *listener = data;
  struct sockaddr_storage peer = { 0 };
  socklen_t len = sizeof peer;
  gboolean is_full = satchel_connections_count () >= CONNECTIONS_MAX;
  int client = is_full ? -1 : accept4 (fd, (struct sockaddr *) &peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client >= 0)
    {
      start_session (listener, client, &peer);
      return;
    }
  if (!is_full && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
    return;
  satchel_watch_set_events (listener->watch, 0);
  satchel_timer_arm (&listener->timer, RETRY_MS, accept_again, listener);
}

void
satchel_service_listen (int fd, const SatchelServiceOps *ops, const char *group,
                        SatchelServiceSectionFunc section)
{
  ServiceListener *listener = g_new0 (ServiceListener, 1);
  if (listeners == NULL)
    listeners = g_ptr_array_new ();
  listener->fd = fd;
  listener->ops = ops;
  listener->group = group;
  listener->section = section;
  listener->watch = satchel_watch_add (fd, EPOLLIN | EPOLLEXCLUSIVE, listener_event, listener);
  g_ptr_array_add (listeners, listener);
}

void
satchel_services_stop (void)
{
  for (guint i = 0; listeners != NULL && i < listeners->len; i++)
    {
      ServiceListener *listener = g_ptr_array_index (listeners, i);
      satchel_timer_cancel (&listener->timer);
      satchel_watch_remove (g_steal_pointer (&listener->watch));
    }
}
