/* SPDX-License-Identifier: MIT
 * Declares a buffered connection: the same in gate and mail, over a socket, over TLS or over a relay. Main
 * thread only. A callback may close or abort the connection that it is called for.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_CLOSED_BY_US = 0, /* satchel_connection_close or _abort */
  SATCHEL_CLOSED_BY_PEER,   /* orderly end: FIN, or close_notify under TLS */
  /* TLS ended without close_notify, or compressed input is damaged: later input must not be trusted. */
  SATCHEL_CLOSED_CUT,
  SATCHEL_CLOSED_RESET,   /* RST or an I/O error */
  SATCHEL_CLOSED_TIMEOUT, /* the idle or write timeout */
  SATCHEL_CLOSED_SHUTDOWN /* the process stops gracefully */
} SatchelCloseReason;

typedef struct SatchelConnectionHandlers
{
  size_t size;
  /* New input has arrived and is not consumed yet.  Must. */
  void (*input) (SatchelConnection *connection, gpointer self);
  /* Is called when the waiting output had reached the high-water mark, and is below the low-water mark
   * now. */
  void (*drained) (SatchelConnection *connection, gpointer self);
  /* No input has come for the idle timeout.  The callback may send and close.  NULL means that the connection
   * is closed. */
  void (*timeout) (SatchelConnection *connection, gpointer self);
  /* The process is about to stop: the callback says goodbye (BYE) and closes.  NULL means that the connection
   * is closed without a word. */
  void (*shutdown) (SatchelConnection *connection, gpointer self);
  /* Must. This is the last call; the connection is freed after it, and unconsumed input is gone. */
  void (*closed) (SatchelConnection *connection, gpointer self, SatchelCloseReason reason);
  /* The input cannot be decompressed, so nothing more will be read: the callback says so (BYE) and closes.
   * NULL means that the connection is closed without a word. */
  void (*damaged) (SatchelConnection *connection, gpointer self);
} SatchelConnectionHandlers;

/* Returns the unconsumed input in one piece, borrowed until it is consumed or the loop turns. */
SATCHEL_API const guint8 *satchel_connection_peek (SatchelConnection *connection, gsize *ret_len);
SATCHEL_API void satchel_connection_consume (SatchelConnection *connection, gsize len);
/* Sets how much unconsumed input is kept (64 KiB by default); beyond it, reading pauses by itself. */
SATCHEL_API void satchel_connection_set_input_limit (SatchelConnection *connection, gsize limit_bytes);
/* While a connection is paused, nothing is read and `input` is not called (a job runs).  Resuming calls
 * `input` soon if input waits.  A vanished peer is still noticed. */
SATCHEL_API void satchel_connection_pause (SatchelConnection *connection);
SATCHEL_API void satchel_connection_resume (SatchelConnection *connection);

/* Output is sent at the end of the turn of the loop, or when 16 KiB wait.  Never blocks. */
SATCHEL_API void satchel_connection_write (SatchelConnection *connection, const void *data, gsize len);
SATCHEL_API void satchel_connection_print (SatchelConnection *connection, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* Does the same without a copy; @bytes is taken over. */
SATCHEL_API void satchel_connection_write_bytes (SatchelConnection *connection, GBytes *bytes);
/* Says whether as much output waits as the high-water mark allows (256 KiB by default). A producer must stop
 * then until `drained` is called. */
SATCHEL_API gboolean satchel_connection_is_full (SatchelConnection *connection);
/* Returns the number of bytes that fit until the output is full; 0 if it is full. */
SATCHEL_API gsize satchel_connection_room (SatchelConnection *connection);

/* Says whether the server was built with compression. */
SATCHEL_API gboolean satchel_connection_can_compress (void);
/* Compresses with raw DEFLATE (RFC 1951) both ways from here on: output that was written before goes out as
 * it is, and unconsumed input is taken for compressed.  The limits of input and output count plain bytes.
 * FALSE means that the server has no compression, there is no memory, or the connection is compressed
 * already. */
SATCHEL_API gboolean satchel_connection_compress (SatchelConnection *connection);
/* Gives memory of a quiet connection's compression that can be made again back to the system (96 of some 125
 * KiB). */
SATCHEL_API void satchel_connection_rest (SatchelConnection *connection);

/* Time without input after which `timeout` is called; 0: none.  Beside it, a peer that reads nothing for
 * `limits.write_timeout` is disconnected. */
SATCHEL_API void satchel_connection_set_idle_timeout (SatchelConnection *connection, gint64 timeout_ms);
/* TCP keepalive, which notices within @within_s seconds that the peer has vanished; 0: off. */
SATCHEL_API void satchel_connection_set_keepalive (SatchelConnection *connection, guint within_s);
/* Sends the waiting output, then closes; `closed` is called later.  Input is ignored from now on. */
SATCHEL_API void satchel_connection_close (SatchelConnection *connection);
/* Closes now, and drops the waiting output. */
SATCHEL_API void satchel_connection_abort (SatchelConnection *connection);

G_END_DECLS
