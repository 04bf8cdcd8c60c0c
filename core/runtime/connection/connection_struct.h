/* SPDX-License-Identifier: MIT
 * The inside of a connection, which the connection_*.c share.
 */
#pragma once
#include "core/runtime/connection/connection_private.h"
#include "core/runtime/loop/reactor_private.h"

/* What may follow each state is in connection_life.c. */
typedef enum
{
  STATE_OPEN = 1,
  STATE_CLOSING, /* sends what waits, then closes */
  /* Closed for its owner; waits for the peer's end, since a reset could destroy the last bytes sent. */
  STATE_LINGER,
  STATE_DEAD, /* `closed` will be called */
  STATE_GONE  /* will be freed when the last call into it returns */
} ConnectionState;

#define CONNECTION_BLOCK_BYTES 16384u /* bytes of `data` in a block */
typedef struct OutBlock OutBlock;
struct OutBlock
{
  OutBlock *next;
  GBytes *bytes; /* NULL: the bytes are in `data` */
  gsize start, end;
  guint8 data[];
};

struct SatchelConnection
{
  SatchelTransport *transport;
  SatchelWatch *watch;
  guint32 events;
  const SatchelConnectionHandlers *handlers;
  gpointer self;
  SatchelConnection *previous, *next; /* list of all connections */

  guint8 *in; /* NULL while nothing waits: an idle connection holds no buffer */
  gsize in_start, in_len, in_size, in_limit;

  OutBlock *out_head, *out_tail;
  gsize out_pending, high_water;

  gint64 idle_timeout_ms, last_input_ms;
  gint64 write_timeout_ms, last_progress_ms;
  SatchelTimer idle_timer, write_timer;
  SatchelTurn soon_turn, flush_turn;
  SatchelConnectionFunc dying, flushed;
  gpointer dying_data, flushed_data;
  void (*keepalive) (gpointer data, guint within_s);
  gpointer keepalive_data;

  guint16 depth; /* depth of calls to the handlers */
  guint16 holds;
  ConnectionState state : 8;
  guint reason : 8;
  guint end_reason : 8; /* SatchelCloseReason + 1; 0: none */
  guint is_paused : 1;  /* paused by the protocol */
  guint is_busy : 1;    /* paused by gate or mail, which work for it */
  guint is_blocked : 1; /* the descriptor takes no output now */
  guint was_full : 1;
  guint has_peer_ended : 1;
  guint is_scratch : 1; /* `in` is the process's shared buffer */
  guint is_wiping : 1;
  guint wants_input : 1;
  guint is_compressed : 1;
};

/* connection_buffers.c has these. */
void connection_wipe (SatchelConnection *connection, gsize start, gsize len);
void connection_free_input (SatchelConnection *connection);
/* Moves unread input into a buffer of the connection, or frees that buffer if all was read. */
void connection_settle_input (SatchelConnection *connection);
/* Makes room for at least one more byte, and for @wanted if the limit allows. Returns the number of bytes
 * for which there is room. */
gsize connection_make_room (SatchelConnection *connection, gsize wanted);
/* Returns an empty block for connection_append_block. */
OutBlock *connection_new_block (void);
void connection_append_block (SatchelConnection *connection, OutBlock *block);
const guint8 *connection_block_data (const OutBlock *block);
/* Drops the first @len bytes of output, which were sent. */
void connection_drop_sent (SatchelConnection *connection, gsize len);
void connection_output_free (SatchelConnection *connection);
/* Takes all output that was not sent; yours. */
GBytes *connection_output_take (SatchelConnection *connection);

/* connection_life.c has these. */
/* Puts it among the connections of the process, in STATE_OPEN. */
void connection_begin (SatchelConnection *connection);
void connection_set_state (SatchelConnection *connection, ConnectionState state);
void connection_update_events (SatchelConnection *connection);
/* Says whether no input is read or given to the handlers, since the protocol, gate or mail has paused it. */
gboolean connection_is_stopped (const SatchelConnection *connection);
gboolean connection_wants_to_read (const SatchelConnection *connection);
/* Looks at input and state again later in this turn of the loop. */
void connection_queue_soon (SatchelConnection *connection);
void connection_die (SatchelConnection *connection, SatchelCloseReason reason);
/* Calls `closed`, and ends the connection. */
void connection_tell_closed (SatchelConnection *connection);
/* Ends the connection if the peer has ended its side and all its input is answered. */
void connection_check_end (SatchelConnection *connection);
void connection_linger (SatchelConnection *connection);
void connection_unref_call (SatchelConnection *connection);

/* connection_input.c watches the descriptor of the transport. */
void connection_attach (SatchelConnection *connection);

/* connection_output.c has these. */
/* Sends output, after EPOLLOUT or at the end of a turn, and makes callbacks. */
void connection_output_run (SatchelConnection *connection);
void connection_queue_flush (SatchelConnection *connection);
