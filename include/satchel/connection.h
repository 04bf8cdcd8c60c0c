/* SPDX-License-Identifier: MIT
 * A buffered connection: the same in gate and mail, over a socket, over TLS or over a relay.
 * Main thread only.  Callbacks may close or abort the connection they are called for.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_CLOSED_BY_US = 0, /* satchel_connection_close or _abort */
  SATCHEL_CLOSED_BY_PEER,   /* orderly: FIN, or close_notify under TLS */
  SATCHEL_CLOSED_CUT, /* TLS ended without close_notify, or compressed input is damaged: later input must not
                         be trusted */
  SATCHEL_CLOSED_RESET,   /* RST or an I/O error */
  SATCHEL_CLOSED_TIMEOUT, /* the idle or write timeout */
  SATCHEL_CLOSED_SHUTDOWN /* the process stops gracefully */
} SatchelCloseReason;

typedef struct SatchelConnectionHandlers
{
  size_t size;
  /* There is unconsumed input (again, whenever more came).  Must. */
  void (*input) (SatchelConnection *connection, gpointer self);
  /* Output was at or over the high-water mark and is below the low-water mark now. */
  void (*drained) (SatchelConnection *connection, gpointer self);
  /* No input for the idle timeout.  NULL: the connection is closed. May send and close. */
  void (*timeout) (SatchelConnection *connection, gpointer self);
  /* The process is about to stop: say goodbye (BYE) and close.  NULL: just closed. */
  void (*shutdown) (SatchelConnection *connection, gpointer self);
  /* Last call; the connection is freed after it. Unconsumed input is gone.  Must. */
  void (*closed) (SatchelConnection *connection, gpointer self, SatchelCloseReason reason);
  /* What comes cannot be decompressed: nothing more will be read.  Say so (BYE) and close.  NULL: just
   * closed. */
  void (*damaged) (SatchelConnection *connection, gpointer self);
} SatchelConnectionHandlers;

/* Unconsumed input, contiguous; valid until consume or return to the loop. */
SATCHEL_API const guint8 *satchel_connection_peek (SatchelConnection *connection, gsize *ret_len);
SATCHEL_API void satchel_connection_consume (SatchelConnection *connection, gsize len);
/* Most unconsumed input that is kept (default 64 KiB); beyond it reading pauses by itself. */
SATCHEL_API void satchel_connection_set_input_limit (SatchelConnection *connection, gsize limit_bytes);
/* While paused nothing is read and `input` is not called (a job runs).  Resume calls `input` soon
 * if something is buffered.  A vanished peer is still noticed. */
SATCHEL_API void satchel_connection_pause (SatchelConnection *connection);
SATCHEL_API void satchel_connection_resume (SatchelConnection *connection);

/* Output is sent at the end of the loop turn, or when 16 KiB wait. Never blocks. */
SATCHEL_API void satchel_connection_write (SatchelConnection *connection, const void *data, gsize len);
SATCHEL_API void satchel_connection_print (SatchelConnection *connection, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* Without a copy: takes over @bytes. */
SATCHEL_API void satchel_connection_write_bytes (SatchelConnection *connection, GBytes *bytes);
/* Does as much output wait as the high-water mark allows (256 KiB by default)?  A producer must stop then
 * until `drained` is called. */
SATCHEL_API gboolean satchel_connection_is_full (SatchelConnection *connection);
/* How many bytes fit until it is full; 0 if full. */
SATCHEL_API gsize satchel_connection_room (SatchelConnection *connection);

/* Was compression built in? */
SATCHEL_API gboolean satchel_connection_can_compress (void);
/* Raw DEFLATE (RFC 1951) both ways from here on: what was written so far goes as it is, unconsumed input is
 * compressed.  The limits of input and output count plain bytes.  FALSE: not built in, no memory, compressed
 * already. */
SATCHEL_API gboolean satchel_connection_compress (SatchelConnection *connection);
/* The connection is quiet: what a compression can do without goes back to the system (96 of some 125 KiB). */
SATCHEL_API void satchel_connection_rest (SatchelConnection *connection);

/* 0: none.  Counts from the last input; a peer that reads nothing for `limits.write_timeout` is closed
 * anyway. */
SATCHEL_API void satchel_connection_set_idle_timeout (SatchelConnection *connection, gint64 timeout_ms);
/* TCP keepalive so that a vanished peer is noticed within @within_s seconds; 0: off. */
SATCHEL_API void satchel_connection_set_keepalive (SatchelConnection *connection, guint within_s);
/* Sends what waits, then closes; `closed` comes later.  Input is ignored from now on. */
SATCHEL_API void satchel_connection_close (SatchelConnection *connection);
/* Closes now, dropping what waits. */
SATCHEL_API void satchel_connection_abort (SatchelConnection *connection);

G_END_DECLS
