/* SPDX-License-Identifier: MIT
 * Relays between a client and a mail process that end before their first turn.
 */
#include "config.h"

#include "core/runtime/connection/connection_private.h"
#include "core/session/gate/relay.h"
#include "tests/lib/loop.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static guint n_calls;

static void
note_client_ended (SatchelRelay *relay, gpointer data, SatchelCloseReason reason)
{
  n_calls++;
}

static void
note_over (SatchelRelay *relay, gpointer data)
{
  n_calls++;
}

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

/* Nothing is sent to either side, nobody is called, and both ends are closed. */
static void
test_freed_at_once (void)
{
  static const SatchelRelayCallbacks callbacks = { note_client_ended, note_over };
  int client[2], mail[2];
  char byte;
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, client), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, mail), ==, 0);
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/relay/freed-at-once", test_freed_at_once);
  return g_test_run ();
}
