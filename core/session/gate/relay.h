/* SPDX-License-Identifier: MIT
 * Declares a relay, which copies bytes between a client's transport, which stays in gate, and a socket pair
 * to its mail process. All bytes of TLS sessions pass it, so it is fast. Buffers exist only while bytes are
 * in flight.
 */
#pragma once
#include "core/runtime/connection/connection_private.h"

typedef struct SatchelRelay SatchelRelay;
typedef struct SatchelRelayCallbacks
{
  /* Is called when the client has ended (orderly, cut off or reset), before the mail process sees the end of
   * the pair. */
  void (*client_ended) (SatchelRelay *relay, gpointer data, SatchelCloseReason reason);
  /* Is called when the relay is over, which is freed after this call. */
  void (*over) (SatchelRelay *relay, gpointer data);
} SatchelRelayCallbacks;

/* Takes @client and @mail_fd (stream, non-blocking) over.  @to_mail, @to_client (borrowed, may be NULL):
 * bytes that are in flight already.  @write_timeout_ms: a client that reads nothing for this long is
 * dropped. */
SatchelRelay *satchel_relay_new (SatchelTransport *client, int mail_fd, GBytes *to_mail, GBytes *to_client,
                                 gint64 write_timeout_ms, const SatchelRelayCallbacks *callbacks,
                                 gpointer data);
/* Closes both ends at once; `over` is not called. */
void satchel_relay_free (SatchelRelay *relay);
int satchel_relay_client_fd (SatchelRelay *relay);
