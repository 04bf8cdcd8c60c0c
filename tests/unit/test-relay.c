/* SPDX-License-Identifier: MIT
 * Relays between a client and a mail process: one that ends before its first turn, and clients that are slow
 * to read, or do not read at all.
 */
#include "config.h"

#include "core/runtime/connection/connection_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/gate/relay.h"
#include "tests/lib/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WRITE_TIMEOUT_MS 400
/* More than both sockets hold, so that the relay has to wait for the client. */
#define MUCH (4u << 20)

static guint n_calls, n_over;
static SatchelCloseReason close_reason;
static gint64 ended_ms;

static void
note_client_ended (SatchelRelay *relay, gpointer data, SatchelCloseReason reason)
{
  n_calls++;
  close_reason = reason;
  ended_ms = satchel_clock_ms ();
}

static void
note_over (SatchelRelay *relay, gpointer data)
{
  n_calls++;
  n_over++;
}

static const SatchelRelayCallbacks callbacks = { note_client_ended, note_over };

/* Memory that was given back is written to, as others would. */
static void
use_free_memory (void)
{
  gpointer blocks[64];
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    {
      gsize len = 16 + 16 * (gsize) i;
      blocks[i] = g_malloc (len);
      memset (blocks[i], 0xff, len);
    }
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    g_free (blocks[i]);
}

static void
make_pairs (int client[2], int mail[2])
{
  n_calls = n_over = 0;
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, client), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, mail), ==, 0);
}

/* Writes what the socket takes of @len bytes, whose values tell their places. Returns how many that are. */
static gsize
write_numbered (int fd, gsize done, gsize len)
{
  guint8 block[4096];
  while (done < len)
    {
      gsize n = MIN (sizeof block, len - done);
      for (gsize i = 0; i < n; i++)
        block[i] = (guint8) ((done + i) % 251);
      gssize written = send (fd, block, n, MSG_NOSIGNAL);
      if (written < 0)
        {
          g_assert_cmpint (errno, ==, EAGAIN);
          break;
        }
      done += (gsize) written;
    }
  return done;
}

/* Reads what is there, @most bytes at most, and checks each. Returns how many were read since the start. */
static gsize
read_numbered (int fd, gsize done, gsize most)
{
  guint8 block[4096];
  gssize n = 1;
  while (most > 0 && n > 0)
    {
      n = recv (fd, block, MIN (sizeof block, most), 0);
      for (gssize i = 0; i < n; i++)
        g_assert_cmpuint (block[i], ==, (done + (gsize) i) % 251);
      done += (gsize) MAX (n, 0);
      most -= (gsize) MAX (n, 0);
    }
  return done;
}

/* Writes until the relay takes no more. Returns how many bytes were written since the start. */
static gsize
fill (int mail_fd, gsize done)
{
  for (gsize before = done - 1; done != before;)
    {
      before = done;
      loop_settle ();
      done = write_numbered (mail_fd, done, MUCH);
    }
  g_assert_cmpuint (done, <, MUCH);
  return done;
}

/* Nothing is sent to either side, nobody is called, and both ends are closed. */
static void
test_freed_at_once (void)
{
  int client[2], mail[2];
  char byte;
  make_pairs (client, mail);
  g_autoptr (GBytes) text = g_bytes_new_static ("text", 4);
  SatchelRelay *relay = satchel_relay_new (satchel_transport_new_plain (client[0]), mail[0], text, text, 1000,
                                           &callbacks, NULL);
  satchel_relay_free (relay);
  use_free_memory ();
  loop_settle ();
  g_assert_cmpuint (n_calls, ==, 0);
  g_assert_cmpint (read (client[1], &byte, 1), ==, 0);
  g_assert_cmpint (read (mail[1], &byte, 1), ==, 0);
  close (client[1]);
  close (mail[1]);
}

/* All that mail sends arrives in order, however slowly the client takes it. */
static void
test_slow_client (void)
{
  int client[2], mail[2];
  gsize written = 0, got = 0;
  make_pairs (client, mail);
  SatchelRelay *relay = satchel_relay_new (satchel_transport_new_plain (client[0]), mail[0], NULL, NULL,
                                           60 * 1000, &callbacks, NULL);
  while (got < MUCH)
    {
      written = write_numbered (mail[1], written, MUCH);
      got = read_numbered (client[1], got, 50000);
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (n_calls, ==, 0);
  satchel_relay_free (relay);
  close (client[1]);
  close (mail[1]);
}

/* A client that stops reading is cut off, but not before the time to write is over since it took something.
 */
static void
test_client_that_stops (void)
{
  int client[2], mail[2];
  make_pairs (client, mail);
  (void) satchel_relay_new (satchel_transport_new_plain (client[0]), mail[0], NULL, NULL, WRITE_TIMEOUT_MS,
                            &callbacks, NULL);
  gint64 began_ms = satchel_clock_ms ();
  gsize written = fill (mail[1], 0);
  /* In the middle of its time it takes something. On a machine that is too busy for that it was late. */
  loop_until (satchel_clock_ms () >= began_ms + WRITE_TIMEOUT_MS / 2);
  gint64 took_ms = satchel_clock_ms ();
  gsize got = n_calls == 0 ? read_numbered (client[1], 0, MUCH) : 0;
  if (got > 0)
    (void) fill (mail[1], written);
  loop_until (n_over == 1);
  g_assert_cmpint (close_reason, ==, SATCHEL_CLOSED_TIMEOUT);
  g_assert_cmpuint (n_calls, ==, 2);
  g_assert_cmpint (ended_ms, >=, (got > 0 ? took_ms : began_ms) + WRITE_TIMEOUT_MS);
  (void) read_numbered (client[1], got, MUCH);
  char byte;
  g_assert_cmpint (read (client[1], &byte, 1), ==, 0);
  close (client[1]);
  close (mail[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/relay/freed-at-once", test_freed_at_once);
  g_test_add_func ("/relay/slow-client", test_slow_client);
  g_test_add_func ("/relay/client-that-stops", test_client_that_stops);
  return g_test_run ();
}
