/* SPDX-License-Identifier: MIT
 * What gate, mail and services need of a connection beyond the public connection.h: transports, attaching,
 * taking it apart for a hand-over.
 */
#pragma once
#include <satchel/connection.h>
#include <sys/uio.h>

/* What a connection runs over.  Results of read and write: a count, or one of these. */
enum
{
  SATCHEL_IO_AGAIN = -1, /* wait for the descriptor */
  SATCHEL_IO_END = -2,   /* orderly end */
  SATCHEL_IO_CUT = -3,   /* TLS: end without close_notify */
  SATCHEL_IO_RESET = -4,
  SATCHEL_IO_DAMAGED = -5 /* reading only: it cannot be decompressed; output goes on */
};
typedef struct SatchelTransport SatchelTransport;
typedef struct SatchelTransportOps
{
  gssize (*read) (SatchelTransport *transport, void *buffer, gsize len);
  gssize (*write) (SatchelTransport *transport, const struct iovec *parts, int n);
  /* Ends our direction: FIN, or close_notify and FIN. */
  void (*end_output) (SatchelTransport *transport);
  /* More can be read without the descriptor being readable. */
  gboolean (*has_buffered) (SatchelTransport *transport);
  /* Frees without closing the descriptor. */
  void (*free) (SatchelTransport *transport);
} SatchelTransportOps;
struct SatchelTransport
{
  const SatchelTransportOps *ops;
  int fd; /* owned by the owner of the transport */
};
/* A plain socket; takes @fd over. */
SatchelTransport *satchel_transport_new_plain (int fd);
/* Compresses over @inner, which it takes over.  @input was read from @inner already; the first @n_plain bytes
 * of output go as they are.  A write that reports less than it was given must come again with the rest. NULL:
 * not built in, no memory. */
SatchelTransport *satchel_transport_new_deflate (SatchelTransport *inner, const void *input, gsize len,
                                                 gsize n_plain);
/* Lets go of memory that costs a little compression to get back. */
void satchel_transport_deflate_rest (SatchelTransport *transport);
/* Frees the transport and closes its descriptor. */
void satchel_transport_destroy (SatchelTransport *transport);

/* A vanished TCP peer is noticed within @within_s seconds; 0: off.  Nothing on other sockets. */
void satchel_socket_set_keepalive (int fd, guint within_s);

/* Takes @transport over.  Callbacks start with the next turn of the loop. */
SatchelConnection *satchel_connection_new (SatchelTransport *transport,
                                           const SatchelConnectionHandlers *handlers, gpointer self);
void satchel_connection_set_handlers (SatchelConnection *connection,
                                      const SatchelConnectionHandlers *handlers, gpointer self);
SatchelTransport *satchel_connection_transport (SatchelConnection *connection);
/* The number of bytes of output that wait. */
gsize satchel_connection_pending (SatchelConnection *connection);
/* Unread input from the process before us; `input` is called soon. */
void satchel_connection_push_input (SatchelConnection *connection, const void *data, gsize len);
/* As pause and resume, beside them: what a protocol resumes stays paused while its job or login runs. */
void satchel_connection_set_busy (SatchelConnection *connection, gboolean busy);
/* Consumed input is wiped (before login). */
void satchel_connection_set_wiping (SatchelConnection *connection, gboolean wipe);
void satchel_connection_set_high_water (SatchelConnection *connection, gsize bytes);
void satchel_connection_set_write_timeout (SatchelConnection *connection, gint64 timeout_ms);
/* Ends with a reason of the caller's: dead at once, `closed` comes soon. */
void satchel_connection_end (SatchelConnection *connection, SatchelCloseReason reason);
/* While held (counted) `closed` waits; what is written to a dead connection is dropped. */
void satchel_connection_hold (SatchelConnection *connection);
void satchel_connection_release (SatchelConnection *connection);
gboolean satchel_connection_is_dead (SatchelConnection *connection);
/* Called once, in the loop, when the connection dies while held. */
typedef void (*SatchelConnectionFunc) (SatchelConnection *connection, gpointer data);
void satchel_connection_set_dying (SatchelConnection *connection, SatchelConnectionFunc func, gpointer data);
/* Sends what waits now; TRUE if nothing waits any more. */
gboolean satchel_connection_flush (SatchelConnection *connection);
/* @func when all output has been sent (at once if so); one at a time. */
void satchel_connection_when_flushed (SatchelConnection *connection, SatchelConnectionFunc func,
                                      gpointer data);
/* Forgets unread input (RFC 3501 6.2.1: nothing sent before TLS may count). */
void satchel_connection_drop_input (SatchelConnection *connection);
/* Replaces the transport by what @wrap makes of it; NULL @transport is allowed meanwhile. */
SatchelTransport *satchel_connection_swap_transport (SatchelConnection *connection,
                                                     SatchelTransport *transport);
/* Calls `closed` (BY_US) before return and gives out transport, unread input and unsent output (yours). */
SatchelTransport *satchel_connection_take_apart (SatchelConnection *connection, GBytes **ret_input,
                                                 GBytes **ret_output);
/* Sets the reason of the end (from the relay's PEER_CLOSED), which counts instead of what the descriptor will
 * show. */
void satchel_connection_set_end_reason (SatchelConnection *connection, SatchelCloseReason reason);
/* satchel_connection_set_keepalive calls @func instead: the TCP socket is in another process. */
void satchel_connection_set_keepalive_hook (SatchelConnection *connection,
                                            void (*func) (gpointer data, guint within_s), gpointer data);
/* Calls handlers->shutdown of every connection (NULL: closes it). */
void satchel_connections_shutdown (void);
guint satchel_connections_count (void);
/* Bytes of buffers that this connection holds: tests. */
gsize satchel_connection_memory (SatchelConnection *connection);
