/* SPDX-License-Identifier: MIT
 * The hot path of every TLS session: bytes between a client's transport, which stays in gate, and a socket
 * pair to its mail process.  Buffers exist only while bytes are in flight.
 */
#pragma once
#include "core/runtime/connection_private.h"

typedef struct SatchelRelay SatchelRelay;
typedef struct SatchelRelayCallbacks
{
  /* The client has ended (orderly, cut off or reset); told before mail's end of the pair hears of it. */
  void (*client_ended) (SatchelRelay *relay, gpointer data, SatchelCloseReason reason);
  /* Over; the relay is freed after it. */
  void (*over) (SatchelRelay *relay, gpointer data);
} SatchelRelayCallbacks;

/* Takes @client and @mail_fd (stream, non-blocking) over.  @to_mail, @to_client (borrowed, may be NULL):
 * bytes that are on their way already.  @write_timeout_ms: a client that reads nothing for this long is
 * dropped. */
SatchelRelay *satchel_relay_new (SatchelTransport *client, int mail_fd, GBytes *to_mail, GBytes *to_client,
                                 gint64 write_timeout_ms, const SatchelRelayCallbacks *callbacks,
                                 gpointer data);
/* Both ends are closed at once; `over` is not called. */
void satchel_relay_free (SatchelRelay *relay);
int satchel_relay_client_fd (SatchelRelay *relay);
/* Bytes of buffers held now: tests. */
gsize satchel_relay_memory (SatchelRelay *relay);
