/* SPDX-License-Identifier: MIT
 * This file relays connections in role gate.  In each direction, the sender is not read while bytes wait
 * that the receiver does not take.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/base/list.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/gate/relay.h"
#include <errno.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE_BYTES 65536u /* room for four TLS records */
#define PIECES_A_TURN 4

typedef struct Waiting
{
  guint8 *data; /* NULL: no bytes wait */
  gsize start, len;
} Waiting;

struct SatchelRelay
{
  SatchelTransport *client;
  int mail_fd;
  SatchelWatch *client_watch, *mail_watch;
  Waiting to_mail, to_client;
  gboolean has_client_ended, has_mail_ended, is_over, is_running;
  const SatchelRelayCallbacks *callbacks;
  gpointer data;
  gint64 write_timeout_ms, last_progress_ms;
  SatchelTimer timer;
  SatchelTurn again;
};

static guint8 *piece;

static void run_relay (SatchelRelay *relay, guint32 client_events, guint32 mail_events);

static void
keep_waiting (Waiting *waiting, const guint8 *data, gsize len)
{
  if (len == 0)
    return;
  waiting->data = g_malloc (len);
  memcpy (waiting->data, data, len);
  waiting->start = 0;
  waiting->len = len;
}

static void
sent (Waiting *waiting, gsize len)
{
  waiting->start += len;
  waiting->len -= len;
  if (waiting->len == 0)
    g_clear_pointer (&waiting->data, g_free);
}

static void
release_ends (SatchelRelay *relay)
{
  satchel_turn_cancel (&relay->again);
  satchel_timer_cancel (&relay->timer);
  satchel_watch_remove (g_steal_pointer (&relay->client_watch));
  satchel_watch_remove (g_steal_pointer (&relay->mail_watch));
  if (relay->client != NULL)
    satchel_transport_destroy (g_steal_pointer (&relay->client));
  if (relay->mail_fd >= 0)
    close (relay->mail_fd);
  relay->mail_fd = -1;
  g_clear_pointer (&relay->to_mail.data, g_free);
  g_clear_pointer (&relay->to_client.data, g_free);
}

/* Ends the relay.  After this only `run`, which frees it, may use it. */
static void
end_relay (SatchelRelay *relay)
{
  if (relay->is_over)
    return;
  relay->is_over = TRUE;
  release_ends (relay);
  if (!relay->is_running)
    run_relay (relay, 0, 0);
}

static void
client_broke (SatchelRelay *relay, SatchelCloseReason reason)
{
  relay->callbacks->client_ended (relay, relay->data, reason);
  end_relay (relay);
}

static gssize
mail_write (SatchelRelay *relay, const guint8 *data, gsize len)
{
  gssize n = SATCHEL_RETRY (send (relay->mail_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL));
  return n >= 0 ? n : errno == EAGAIN ? 0 : -1;
}

/* Sends the client's bytes to the mail process.  FALSE means that it takes no more now. */
static gboolean
flush_to_mail (SatchelRelay *relay)
{
  if (relay->to_mail.data == NULL)
    return TRUE;
  gssize n = mail_write (relay, relay->to_mail.data + relay->to_mail.start, relay->to_mail.len);
  if (n < 0)
    n = (gssize) relay->to_mail
            .len; /* the mail process has closed its end, so further input of the client is dropped */
  sent (&relay->to_mail, (gsize) n);
  return relay->to_mail.data == NULL;
}

static void
client_to_mail (SatchelRelay *relay)
{
  for (guint i = 0; i < PIECES_A_TURN && !relay->is_over && !relay->has_client_ended && flush_to_mail (relay);
       i++)
    {
      gssize n = relay->client->ops->read (relay->client, piece, PIECE_BYTES);
      if (n == SATCHEL_IO_AGAIN)
        return;
      if (n == SATCHEL_IO_END)
        {
          relay->has_client_ended = TRUE;
          relay->callbacks->client_ended (relay, relay->data, SATCHEL_CLOSED_BY_PEER);
          shutdown (relay->mail_fd, SHUT_WR);
          return;
        }
      if (n < 0)
        {
          client_broke (relay, n == SATCHEL_IO_CUT ? SATCHEL_CLOSED_CUT : SATCHEL_CLOSED_RESET);
          return;
        }
      gssize written = mail_write (relay, piece, (gsize) n);
      if (written >= 0)
        keep_waiting (&relay->to_mail, piece + written, (gsize) (n - written));
      satchel_heap_wipe (piece, (gsize) n);
      if (n < (gssize) PIECE_BYTES && !relay->client->ops->has_buffered (relay->client))
        return;
    }
}

static gssize
client_write (SatchelRelay *relay, const guint8 *data, gsize len)
{
  struct iovec part = { (void *) data, len };
  gssize n = relay->client->ops->write (relay->client, &part, 1);
  if (n > 0)
    relay->last_progress_ms = satchel_now_ms ();
  return n == SATCHEL_IO_AGAIN ? 0 : n;
}

static gboolean
flush_to_client (SatchelRelay *relay)
{
  if (relay->to_client.data == NULL)
    return TRUE;
  gssize n = client_write (relay, relay->to_client.data + relay->to_client.start, relay->to_client.len);
  if (n < 0)
    {
      client_broke (relay, n == SATCHEL_IO_CUT ? SATCHEL_CLOSED_CUT : SATCHEL_CLOSED_RESET);
      return FALSE;
    }
  sent (&relay->to_client, (gsize) n);
  return relay->to_client.data == NULL;
}

/* Ends the client's side when the mail process has ended and everything has been sent: sends close_notify,
 * and waits a little for that of the client. */
static void
finish_client (SatchelRelay *relay)
{
  satchel_watch_remove (g_steal_pointer (&relay->client_watch));
  satchel_connection_close (satchel_connection_new (g_steal_pointer (&relay->client), NULL, NULL));
  end_relay (relay);
}

static void
mail_to_client (SatchelRelay *relay)
{
  for (guint i = 0; i < PIECES_A_TURN && !relay->is_over && flush_to_client (relay); i++)
    {
      if (relay->has_mail_ended)
        {
          finish_client (relay);
          return;
        }
      gssize n = SATCHEL_RETRY (recv (relay->mail_fd, piece, PIECE_BYTES, MSG_DONTWAIT));
      if (n < 0 && errno == EAGAIN)
        return;
      if (n <= 0)
        {
          /* An error is the end as well, since it means that the mail process died. */
          relay->has_mail_ended = TRUE;
          continue;
        }
      gssize written = client_write (relay, piece, (gsize) n);
      if (written >= 0)
        keep_waiting (&relay->to_client, piece + written, (gsize) (n - written));
      satchel_heap_wipe (piece, (gsize) n);
      if (written < 0)
        {
          client_broke (relay, written == SATCHEL_IO_CUT ? SATCHEL_CLOSED_CUT : SATCHEL_CLOSED_RESET);
          return;
        }
      if (n < (gssize) PIECE_BYTES && relay->to_client.data == NULL)
        return;
    }
}

static void
timer_fired (SatchelTimer *timer, gpointer data)
{
  SatchelRelay *relay = data;
  if (relay->to_client.data == NULL)
    return;
  gint64 left = relay->last_progress_ms + relay->write_timeout_ms - satchel_clock_ms ();
  if (left > 0)
    satchel_timer_arm (timer, left, timer_fired, relay);
  else
    client_broke (relay, SATCHEL_CLOSED_TIMEOUT);
}

static void
again (SatchelTurn *turn)
{
  run_relay (SATCHEL_CONTAINER (turn, SatchelRelay, again), EPOLLIN, EPOLLIN);
}

static void
update (SatchelRelay *relay)
{
  /* With EPOLLET alone, epoll still reports once that an end has gone which is not being read. */
  guint32 client = EPOLLET, mail = EPOLLET;
  if (relay->to_mail.data != NULL)
    mail = EPOLLOUT;
  else if (!relay->has_client_ended)
    client = EPOLLIN;
  if (relay->to_client.data != NULL)
    client = (client & EPOLLIN) | EPOLLOUT;
  else if (!relay->has_mail_ended)
    mail = (mail & EPOLLOUT) | EPOLLIN;
  satchel_watch_set_events (relay->client_watch, client);
  satchel_watch_set_events (relay->mail_watch, mail);
  if (relay->to_client.data != NULL && relay->timer.due_ms == 0 && relay->write_timeout_ms > 0)
    {
      relay->last_progress_ms = satchel_clock_ms ();
      satchel_timer_arm (&relay->timer, relay->write_timeout_ms, timer_fired, relay);
    }
  if (relay->to_mail.data == NULL && !relay->has_client_ended
      && relay->client->ops->has_buffered (relay->client) && relay->again.link == NULL)
    satchel_turn_queue (&relay->again, again);
}

static void
run_relay (SatchelRelay *relay, guint32 client_events, guint32 mail_events)
{
  relay->is_running = TRUE;
  /* Even if only HUP or ERR is reported, there may be input that came before it. */
  if (!relay->is_over && (client_events != 0 || relay->to_mail.data != NULL))
    client_to_mail (relay);
  if (!relay->is_over && (mail_events != 0 || relay->to_client.data != NULL))
    mail_to_client (relay);
  if (!relay->is_over && (client_events & EPOLLERR))
    client_broke (relay, SATCHEL_CLOSED_RESET);
  relay->is_running = FALSE;
  if (!relay->is_over)
    {
      update (relay);
      return;
    }
  relay->callbacks->over (relay, relay->data);
  release_ends (relay);
  g_free (relay);
}

static void
client_event (int fd, guint32 events, gpointer data)
{
  run_relay (data, events, 0);
}

static void
mail_event (int fd, guint32 events, gpointer data)
{
  run_relay (data, 0, events);
}

SatchelRelay *
satchel_relay_new (SatchelTransport *client, int mail_fd, GBytes *to_mail, GBytes *to_client,
                   gint64 write_timeout_ms, const SatchelRelayCallbacks *callbacks, gpointer data)
{
  SatchelRelay *relay = g_new0 (SatchelRelay, 1);
  gsize len;
  if (piece == NULL)
    piece = g_malloc (PIECE_BYTES);
  relay->client = client;
  relay->mail_fd = mail_fd;
  relay->write_timeout_ms = write_timeout_ms;
  relay->callbacks = callbacks;
  relay->data = data;
  if (to_mail != NULL)
    {
      const guint8 *bytes = g_bytes_get_data (to_mail, &len);
      keep_waiting (&relay->to_mail, bytes, len);
    }
  if (to_client != NULL)
    {
      const guint8 *bytes = g_bytes_get_data (to_client, &len);
      keep_waiting (&relay->to_client, bytes, len);
    }
  relay->client_watch = satchel_watch_add (client->fd, EPOLLIN, client_event, relay);
  relay->mail_watch = satchel_watch_add (mail_fd, EPOLLIN, mail_event, relay);
  /* The descriptor does not report what GnuTLS has decrypted already. */
  satchel_turn_queue (&relay->again, again);
  return relay;
}

void
satchel_relay_free (SatchelRelay *relay)
{
  if (relay == NULL)
    return;
  relay->is_over = TRUE;
  release_ends (relay);
  g_free (relay);
}

int
satchel_relay_client_fd (SatchelRelay *relay)
{
  return relay->client != NULL ? relay->client->fd : -1;
}
