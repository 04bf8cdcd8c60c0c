/* SPDX-License-Identifier: MIT
 * What gate, mail and services need of a connection beyond the public connection.h: transports, and taking
 * a connection apart to hand it over.
 */
#pragma once
#include <satchel/connection.h>
#include <sys/uio.h>

/* Read and write of a transport return a count of bytes, or one of these. */
enum
{
  SATCHEL_IO_AGAIN = -1, /* nothing can be read or written now; wait for the descriptor */
  SATCHEL_IO_END = -2,   /* the peer has ended its side in good order */
  SATCHEL_IO_CUT = -3,   /* TLS: the peer has ended without close_notify */
  SATCHEL_IO_RESET = -4,
  SATCHEL_IO_DAMAGED = -5 /* reading only: the input cannot be decompressed; output still works */
};
typedef struct SatchelTransport SatchelTransport;
typedef struct SatchelTransportOps
{
  gssize (*read) (SatchelTransport *transport, void *buffer, gsize len);
  gssize (*write) (SatchelTransport *transport, const struct iovec *parts, int n);
  /* Ends the output of the transport, by close_notify (TLS) and FIN. */
  void (*end_output) (SatchelTransport *transport);
  /* Says whether more can be read although the descriptor is not readable. */
  gboolean (*has_buffered) (SatchelTransport *transport);
  /* Frees the transport, and leaves the descriptor open. */
  void (*free) (SatchelTransport *transport);
} SatchelTransportOps;
struct SatchelTransport
{
  const SatchelTransportOps *ops;
  int fd; /* owned by the owner of the transport */
};
/* Makes a transport over a plain socket. Takes over @fd. */
SatchelTransport *satchel_transport_new_plain (int fd);
/* Makes a transport that compresses over @inner, which it takes over. @input was read from @inner before; the
 * first @n_plain bytes of output are sent as they are. If a write reports less than it was given, the caller
 * must come again with the rest. NULL means that the build has no zlib, or there is no memory. */
SatchelTransport *satchel_transport_new_deflate (SatchelTransport *inner, const void *input, gsize len,
                                                 gsize n_plain);
/* Frees memory of an idle transport; its next output is compressed a little less well. */
void satchel_transport_deflate_rest (SatchelTransport *transport);
/* Frees the transport and closes its descriptor. */
void satchel_transport_destroy (SatchelTransport *transport);

/* Lets TCP notice within @within_s seconds that the peer has vanished; 0: turns that off. Does nothing on
 * other sockets. */
void satchel_socket_set_keepalive (int fd, guint within_s);

/* Makes a connection. Takes over @transport. Callbacks begin with the next turn of the loop. */
SatchelConnection *satchel_connection_new (SatchelTransport *transport,
                                           const SatchelConnectionHandlers *handlers, gpointer self);
void satchel_connection_set_handlers (SatchelConnection *connection,
                                      const SatchelConnectionHandlers *handlers, gpointer self);
SatchelTransport *satchel_connection_transport (SatchelConnection *connection);
/* Returns the number of bytes of output that wait. */
gsize satchel_connection_pending (SatchelConnection *connection);
/* Adds input that another process read and did not use; `input` is called soon. */
void satchel_connection_push_input (SatchelConnection *connection, const void *data, gsize len);
/* Pauses and resumes independently of the protocol: while its job or login runs, the connection stays paused
 * even if the protocol resumes it. */
void satchel_connection_set_busy (SatchelConnection *connection, gboolean busy);
/* Sets whether consumed input is wiped, as before login. */
void satchel_connection_set_wiping (SatchelConnection *connection, gboolean wipe);
void satchel_connection_set_high_water (SatchelConnection *connection, gsize bytes);
void satchel_connection_set_write_timeout (SatchelConnection *connection, gint64 timeout_ms);
/* Ends the connection with the caller's reason. It is dead at once, and `closed` is called soon. */
void satchel_connection_end (SatchelConnection *connection, SatchelCloseReason reason);
/* While a connection is held (holds are counted), `closed` is not called; output to a dead connection is
 * dropped. */
void satchel_connection_hold (SatchelConnection *connection);
void satchel_connection_release (SatchelConnection *connection);
gboolean satchel_connection_is_dead (SatchelConnection *connection);
/* Sets a function that is called once, in the loop, when the connection dies while it is held. */
typedef void (*SatchelConnectionFunc) (SatchelConnection *connection, gpointer data);
void satchel_connection_set_dying (SatchelConnection *connection, SatchelConnectionFunc func, gpointer data);
/* Sends the output that waits.  TRUE means that none is left. */
gboolean satchel_connection_flush (SatchelConnection *connection);
/* Calls @func when all output has been sent, which may be at once. Only one such call can wait. */
void satchel_connection_when_flushed (SatchelConnection *connection, SatchelConnectionFunc func,
                                      gpointer data);
/* Drops unread input (RFC 3501 6.2.1: nothing that was sent before TLS may count). */
void satchel_connection_drop_input (SatchelConnection *connection);
/* Sets another transport and returns the old one. @transport may be NULL for a moment. */
SatchelTransport *satchel_connection_swap_transport (SatchelConnection *connection,
                                                     SatchelTransport *transport);
/* Calls `closed` (BY_US) before it returns. Gives out transport, unread input and unsent output (yours). */
SatchelTransport *satchel_connection_take_apart (SatchelConnection *connection, GBytes **ret_input,
                                                 GBytes **ret_output);
/* Sets the reason of the end (from the relay's PEER_CLOSED), which counts instead of what the descriptor will
 * show. */
void satchel_connection_set_end_reason (SatchelConnection *connection, SatchelCloseReason reason);
/* Makes satchel_connection_set_keepalive call @func, since the TCP socket is in another process. */
void satchel_connection_set_keepalive_hook (SatchelConnection *connection,
                                            void (*func) (gpointer data, guint within_s), gpointer data);
/* Calls handlers->shutdown of every connection (NULL: closes it). */
void satchel_connections_shutdown (void);
guint satchel_connections_count (void);
/* Returns the bytes of buffers that this connection holds, for tests. */
gsize satchel_connection_memory (SatchelConnection *connection);
