/* SPDX-License-Identifier: MIT
 * Has requests of a helper worked on in processes of their own, by its launcher
 * (core/daemon/role/launcher.c). Each request brings one end of its own pair for the answer, so that threads
 * do not wait for each other; whoever closes the other end has the process killed.
 */
#include "config.h"

#include "core/runtime/ipc/helper_private.h"

#include <errno.h>
#include <poll.h>
#include <satchel/module.h>
#include <sys/socket.h>

#include "core/base/fd.h"

#define LOOK_EVERY_MS 200 /* how often it is checked whether the caller has gone */

static int launcher_fd = -1;

void
satchel_helper_set_launcher (int fd)
{
  launcher_fd = fd;
}

static gboolean
send_request (GBytes *request, int answer_fd, gint64 left_ms, GError **error)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_RUN, 0);
  g_auto (SatchelFd) fd = -1;
  message->deadline_ms = (guint64) (g_get_monotonic_time () / 1000 + left_ms);
  satchel_ipc_put_fd (message, answer_fd);
  if (!satchel_helper_put_bytes (message, request, &fd))
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the request is too long");
  return satchel_ipc_send_blocking (launcher_fd, g_steal_pointer (&message), error);
}

/* Waits until there is an answer at @fd.  FALSE with @error means that nobody waits for it any more. */
static gboolean
wait_for_answer (SatchelHelperCall *call, int fd, GError **error)
{
  for (;;)
    {
      gint64 left_ms = satchel_helper_call_left_ms (call);
      struct pollfd wait = { fd, POLLIN, 0 };
      if (left_ms <= 0)
        return satchel_error_set (error, SATCHEL_ERROR_TIMEOUT,
                                  "the process did not answer in time, and was killed");
      if (satchel_helper_call_is_cancelled (call))
        return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "nobody waits for the answer any more");
      if (poll (&wait, 1, (int) MIN (left_ms, LOOK_EVERY_MS)) > 0)
        return TRUE;
    }
}

static GBytes *
read_answer (int fd, GError **error)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (fd, 0, NULL);
  /* The launcher reports the end of each process, so an end without a report is that of the launcher. */
  if (message == NULL)
    satchel_process_fail ("the process that starts programs for this helper has ended");
  GError *why = NULL;
  g_autoptr (GBytes) reply =
      message->type == SATCHEL_IPC_RAN ? satchel_helper_take_answer (message, &why) : NULL;
  if (reply == NULL && why == NULL)
    satchel_error_set (&why, SATCHEL_ERROR_CORRUPT, "the process sent a malformed answer");
  if (why != NULL)
    g_propagate_error (error, why);
  return g_steal_pointer (&reply);
}

GBytes *
satchel_helper_run_child (SatchelHelperCall *call, GBytes *request, GError **error)
{
  g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
  gint64 left_ms = satchel_helper_call_left_ms (call);
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends) != 0)
    {
      satchel_error_set_errno (error, errno, "no link to a working process can be made (socketpair)");
      return NULL;
    }
  if (!send_request (request, pair.ends[1], left_ms, error))
    satchel_process_fail ("the process that starts programs for this helper has ended");
  satchel_fd_clear (&pair.ends[1]);
  return wait_for_answer (call, pair.ends[0], error) ? read_answer (pair.ends[0], error) : NULL;
}
