/* SPDX-License-Identifier: MIT
 * Runs the links of ipc.h: one end of a socket pair in the reactor, with a bounded queue for a slow peer.
 */
#include "config.h"

#include "core/base/list.h"
#include "core/runtime/ipc/ipc_private.h"
#include "core/runtime/loop/reactor_private.h"
#include <errno.h>
#include <fcntl.h>
#include <satchel/log.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX 4096u
#define MESSAGES_A_TURN 64

struct SatchelIpcLink
{
  int fd;
  SatchelWatch *watch;
  SatchelIpcFunc func;
  SatchelIpcClosedFunc closed;
  gpointer data;
  /* SatchelIpcMessage that own their (duplicated) descriptors; those that have `via` are for that link, and
   * hold it. */
  GQueue queue;
  SatchelTimer retry;
  SatchelTurn break_turn;
  gboolean is_broken, is_freed, is_malformed;
  guint n_users; /* running calls that use it, and messages in other links' queues that are for it */
};

/* Frees a link that its owner has freed, once nobody uses it any more. */
static void
release_if_freed (SatchelIpcLink *link)
{
  if (link->is_freed && link->n_users == 0)
    g_free (link);
}

/* Sends a message that stood in the queue of another link. */
static void
send_via (SatchelIpcMessage *message)
{
  SatchelIpcLink *link = g_steal_pointer (&message->via);
  satchel_ipc_send (link, message);
  link->n_users--;
  release_if_freed (link);
}

/* Empties the queue of a broken link. */
static void
clear_queue (SatchelIpcLink *link)
{
  SatchelIpcMessage *message;
  while ((message = g_queue_pop_head (&link->queue)) != NULL)
    {
      if (message->via != NULL)
        send_via (message);
      else
        satchel_ipc_message_free (message);
    }
}

static void
tell_closed (SatchelTurn *turn)
{
  SatchelIpcLink *link = SATCHEL_CONTAINER (turn, SatchelIpcLink, break_turn);
  if (link->closed != NULL)
    link->closed (link, link->data);
}

/* Breaks a link. The owner hears of it in the loop, never inside a call that it makes. */
static void
link_break (SatchelIpcLink *link)
{
  if (link->is_broken)
    return;
  link->is_broken = TRUE;
  satchel_watch_remove (g_steal_pointer (&link->watch));
  satchel_timer_cancel (&link->retry);
  close (link->fd);
  link->fd = -1;
  clear_queue (link);
  if (!link->is_freed)
    satchel_turn_queue (&link->break_turn, tell_closed);
}

static void flush_queue (SatchelIpcLink *link);

static void
retry_flush (SatchelTimer *timer, gpointer data)
{
  flush_queue (data);
}

/* Tries to send a message. FALSE means that it was not sent, so it must be tried later; a link that cannot be
 * used any more breaks. */
static gboolean
try_send (SatchelIpcLink *link, const SatchelIpcMessage *message)
{
  int errnum = satchel_ipc_write (link->fd, message, MSG_DONTWAIT);
  if (errnum == 0)
    return TRUE;
  if (errnum == EAGAIN)
    satchel_watch_set_events (link->watch, EPOLLIN | EPOLLOUT);
  else if (errnum == ENOBUFS || errnum == ENOMEM || errnum == ETOOMANYREFS)
    satchel_timer_arm (&link->retry, 100, retry_flush, link);
  else
    link_break (link);
  return FALSE;
}

static void
flush_queue (SatchelIpcLink *link)
{
  if (link->is_broken)
    return;
  satchel_watch_set_events (link->watch, EPOLLIN);
  SatchelIpcMessage *message;
  while ((message = g_queue_peek_head (&link->queue)) != NULL)
    {
      if (message->via == NULL && !try_send (link, message))
        return;
      g_queue_pop_head (&link->queue);
      if (message->via != NULL)
        send_via (message);
      else
        satchel_ipc_message_free (message);
    }
}

/* Reads one message. FALSE means that there is nothing more to read now. */
static gboolean
read_one (SatchelIpcLink *link)
{
  g_autoptr (SatchelIpcMessage) message = NULL;
  switch (satchel_ipc_read (link->fd, MSG_DONTWAIT, &message))
    {
    case SATCHEL_IPC_READ_AGAIN:
      return FALSE;
    case SATCHEL_IPC_READ_ENDED:
      link_break (link);
      return FALSE;
    case SATCHEL_IPC_READ_BAD:
      satchel_log (SATCHEL_LOG_ERROR, "ipc",
                   "another process sent a malformed message: the link to it is closed");
      link->is_malformed = TRUE;
      link_break (link);
      return FALSE;
    case SATCHEL_IPC_READ_OK:
      break;
    }
  link->n_users++;
  gboolean is_accepted = link->func (link, message, link->data);
  link->n_users--;
  if (!is_accepted && !link->is_freed && !link->is_broken)
    {
      satchel_log (
          SATCHEL_LOG_ERROR, "ipc",
          "another process sent a message with type=%d that it may not send now: the link to it is closed",
          (int) message->type);
      link_break (link);
    }
  return !link->is_broken && !link->is_freed;
}

static void
link_event (int fd, guint32 events, gpointer data)
{
  SatchelIpcLink *link = data;
  link->n_users++;
  if (events & EPOLLOUT)
    flush_queue (link);
  for (guint i = 0; i < MESSAGES_A_TURN && !link->is_broken && !link->is_freed; i++)
    if (!read_one (link))
      break;
  link->n_users--;
  release_if_freed (link);
}

void
satchel_ipc_link_drain (SatchelIpcLink *link)
{
  link->n_users++;
  while (!link->is_broken && !link->is_freed && read_one (link))
    ;
  link->n_users--;
  release_if_freed (link);
}

SatchelIpcLink *
satchel_ipc_link_new (int fd, SatchelIpcFunc func, SatchelIpcClosedFunc closed, gpointer data)
{
  SatchelIpcLink *link = g_new0 (SatchelIpcLink, 1);
  link->fd = fd;
  link->func = func;
  link->closed = closed;
  link->data = data;
  g_queue_init (&link->queue);
  link->watch = satchel_watch_add (fd, EPOLLIN, link_event, link);
  return link;
}

gboolean
satchel_ipc_link_is_malformed (const SatchelIpcLink *link)
{
  return link->is_malformed;
}

void
satchel_ipc_link_free (SatchelIpcLink *link)
{
  if (link == NULL)
    return;
  link->is_freed = TRUE;
  satchel_turn_cancel (&link->break_turn);
  link_break (link);
  release_if_freed (link);
}

/* Duplicates the descriptors of a message, since a queued message outlives those of the caller. */
static gboolean
own_fds (SatchelIpcMessage *message)
{
  for (guint i = 0; i < message->n_fds; i++)
    {
      message->fds[i] = fcntl (message->fds[i], F_DUPFD_CLOEXEC, 3);
      if (message->fds[i] < 0)
        {
          message->n_fds = i;
          message->owns_fds = TRUE;
          return FALSE;
        }
    }
  message->owns_fds = TRUE;
  return TRUE;
}

/* Queues a message, which is taken over. FALSE means that the queue was full, so the link is broken. */
static gboolean
queue_message (SatchelIpcLink *link, SatchelIpcMessage *message)
{
  gboolean has_fds = own_fds (message);
  g_queue_push_tail (&link->queue, message);
  if (has_fds && g_queue_get_length (&link->queue) <= QUEUE_MAX)
    return TRUE;
  satchel_log (SATCHEL_LOG_ERROR, "ipc",
               "another process does not read its messages: the link to it is closed");
  link_break (link);
  return FALSE;
}

gboolean
satchel_ipc_send (SatchelIpcLink *link, SatchelIpcMessage *message)
{
  g_autoptr (SatchelIpcMessage) owned = message;
  if (link->is_broken)
    return FALSE;
  if (owned->failed)
    {
      /* A field was too long, or there were too many. The sender should have bounded them, and the peer must
       * not see half of a message. */
      satchel_log (SATCHEL_LOG_ERROR, "ipc",
                   "a message to another process, type=%d, is too long and was not sent", (int) owned->type);
      return FALSE;
    }
  if (g_queue_is_empty (&link->queue) && try_send (link, owned))
    return TRUE;
  if (link->is_broken)
    return FALSE;
  return queue_message (link, g_steal_pointer (&owned));
}

gboolean
satchel_ipc_send_after (SatchelIpcLink *link, SatchelIpcMessage *message, SatchelIpcLink *first)
{
  if (first == NULL || first->is_broken || g_queue_is_empty (&first->queue))
    return satchel_ipc_send (link, message);
  if (link->is_broken)
    {
      satchel_ipc_message_free (message);
      return FALSE;
    }
  message->via = link;
  link->n_users++;
  queue_message (first, message);
  return TRUE;
}

gboolean
satchel_ipc_link_is_behind (const SatchelIpcLink *link)
{
  return g_queue_get_length ((GQueue *) &link->queue) >= QUEUE_MAX / 2;
}
