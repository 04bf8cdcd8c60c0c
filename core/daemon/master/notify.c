/* SPDX-License-Identifier: MIT
 * Sends datagrams to the service manager.
 */
#include "config.h"

#include "core/daemon/master/notify.h"

#include "core/base/fd.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char *socket_path, *watchdog_usec, *watchdog_pid;

void
satchel_notify_init (void)
{
  socket_path = g_strdup (g_getenv ("NOTIFY_SOCKET"));
  watchdog_usec = g_strdup (g_getenv ("WATCHDOG_USEC"));
  watchdog_pid = g_strdup (g_getenv ("WATCHDOG_PID"));
  g_unsetenv ("NOTIFY_SOCKET");
  g_unsetenv ("WATCHDOG_USEC");
  g_unsetenv ("WATCHDOG_PID");
}

void
satchel_notify_restore (void)
{
  if (socket_path != NULL)
    g_setenv ("NOTIFY_SOCKET", socket_path, TRUE);
  if (watchdog_usec != NULL)
    g_setenv ("WATCHDOG_USEC", watchdog_usec, TRUE);
  if (watchdog_pid != NULL)
    g_setenv ("WATCHDOG_PID", watchdog_pid, TRUE);
}

guint
satchel_notify_watchdog_ms (void)
{
  guint64 usec, pid;
  if (watchdog_usec == NULL || !g_ascii_string_to_unsigned (watchdog_usec, 10, 1000, G_MAXINT, &usec, NULL))
    return 0;
  if (watchdog_pid != NULL
      && (!g_ascii_string_to_unsigned (watchdog_pid, 10, 1, G_MAXINT, &pid, NULL)
          || (pid_t) pid != getpid ()))
    return 0;
  return MAX (1u, (guint) (usec / 2000));
}

void
satchel_notify (const char *format, ...)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize path_len = socket_path != NULL ? strlen (socket_path) : 0;
  if (path_len < 2 || path_len >= sizeof address.sun_path || (socket_path[0] != '/' && socket_path[0] != '@'))
    return;
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  memcpy (address.sun_path, socket_path, path_len);
  if (socket_path[0] == '@')
    address.sun_path[0] = '\0';
  g_auto (SatchelFd) fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  socklen_t len = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + path_len);
  (void) !sendto (fd, text, strlen (text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *) &address, len);
}
