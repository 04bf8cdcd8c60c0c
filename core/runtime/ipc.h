/* SPDX-License-Identifier: MIT
 * Messages between our own processes: SOCK_SEQPACKET, fixed header, at most 16 KiB, every message
 * treated as hostile: wrong version, length, type for the link, or a field that does not parse closes the
 * link. The whole message set is in this file; docs/architecture.md draws who talks to whom.
 */
#pragma once
#include <satchel/error.h>

#define SATCHEL_IPC_VERSION 2u
#define SATCHEL_IPC_MAX_BYTES 16384u
#define SATCHEL_IPC_MAX_FDS 8u

/* Fields are written in the order given in the comments.  s: string (length-prefixed, NUL-free UTF-8), b:
 * bytes, u32, u64; place: where a user's mail is (core/storage/place.h); login: s service, s mechanism or
 * command, s listener, s peer, s client id, u32 SatchelIpcSecure bits. */
typedef enum
{
  /* role -> master, on the control link (descriptor 3 of every role) */
  SATCHEL_IPC_HELLO = 1,   /* s build_id, u32 role, u32 slot */
  SATCHEL_IPC_READY,       /* - : sandboxed and serving */
  SATCHEL_IPC_RELOADED,    /* u64 attempt, u32 ok, s message */
  SATCHEL_IPC_ADMIN_REPLY, /* u64 request, u32 final, u32 status, s text (several messages may make one
                              answer) */
  SATCHEL_IPC_STOPPED,     /* - : drained, about to exit 0 */
  SATCHEL_IPC_SYNC_PEER,   /* u32 role, u32 slot: the link to it broke (session id: the serial of its PEER);
                              send a new one */
  SATCHEL_IPC_FAILED,      /* s why: cannot start, about to exit 1; or cannot go on (satchel_process_fail) */
  SATCHEL_IPC_PONG,        /* u64 number of the PING */
  SATCHEL_IPC_BAD_PEER, /* u32 role, u32 slot: it broke the rules of its link, which is closed (auth, mail; of
                           a helper) */
  /* master -> role */
  SATCHEL_IPC_CONFIG = 32, /* u64 generation; fd: sealed memfd (config_image.h) */
  SATCHEL_IPC_SHARED,   /* u32 SatchelIpcShared bits of what follows, and its descriptors in the order of the
                           bits */
  SATCHEL_IPC_TLS_FILE, /* u64 generation, u32 certificate index, u32 0 chain | 1 key; fd (gate, config) */
  SATCHEL_IPC_TICKET_KEY, /* b 64 bytes (gate; GnuTLS rotates from it) */
  SATCHEL_IPC_LISTENER, /* s name, s protocol, u32 implicit_tls, u32 allow_cleartext; fd (gate; service: also
                           mail) */
  SATCHEL_IPC_PEER,   /* u32 role, u32 slot, s module (of a helper); fd: a new link, replacing an older one to
                         the same peer; session id: its serial */
  SATCHEL_IPC_START,  /* - : everything was sent; sandbox, then serve */
  SATCHEL_IPC_RELOAD, /* u64 attempt, for the answer: CONFIG and TLS_FILEs came; prepare or refuse whole
                         (RELOADED) */
  SATCHEL_IPC_STOP,   /* u32 grace_ms */
  SATCHEL_IPC_ADMIN,  /* u64 request, u32 count, count * s: command and arguments */
  SATCHEL_IPC_SETUP,  /* u32 uid, u32 gid, u32 sandbox mode, u32 trusted uid, u32 mail slots, u32 gates and
                         mails at most: the first  message, before rights are dropped */
  SATCHEL_IPC_MODULE, /* s name, u32 is_gate; fd: the checked file */
  SATCHEL_IPC_RELOAD_COMMIT, /* u64 generation: all have prepared */
  SATCHEL_IPC_RELOAD_ABORT,  /* u64 generation */
  SATCHEL_IPC_LOG_FILE,      /* fd: replaces standard error */
  SATCHEL_IPC_SUSPECT, /* s what (suspects.h of core/storage): it crashed the mail process of this slot again;
                          before START (mail) */
  SATCHEL_IPC_PING,    /* u64 number: is the main loop there? */
  SATCHEL_IPC_ADMIN_ROOM,   /* u64 request, u64 bytes: of its answer, which the admin took (mail) */
  SATCHEL_IPC_ADMIN_CANCEL, /* u64 request: nobody waits for the answer any more (mail) */

  /* gate -> auth.  Session id of the header names the connection. */
  SATCHEL_IPC_AUTH_START =
      64,                    /* login (below), u32 has_initial, b initial, b tls-exporter, b
                                tls-server-end-point, b certificate (empty unless the mechanism sees them) */
  SATCHEL_IPC_AUTH_STEP,     /* b response */
  SATCHEL_IPC_AUTH_CANCEL,   /* - */
  SATCHEL_IPC_AUTH_PASSWORD, /* login, b user, b password */
  SATCHEL_IPC_SERVICE_GRANT, /* s service, s peer: a protocol without login (lmtp); auth checks `networks` */
  SATCHEL_IPC_SESSION_END,   /* - : the connection (also one handed over and relayed) is over */
  /* auth -> gate */
  SATCHEL_IPC_MECHANISMS, /* u32 count, count * (s name, u32 flags of sasl.h) */
  SATCHEL_IPC_AUTH_REPLY, /* u32 SatchelAuthStatus, b challenge, s explain, b grant (16, or 0), u32 mail slot,
                             s user */

  /* auth -> mail */
  SATCHEL_IPC_GRANT = 96, /* b grant (16), u32 gate slot, s service, s user ("" without login), place, b key,
                             u64 expires_ms (CLOCK_MONOTONIC), s credential id, s scopes ("": all services);
                             the header's session id is the connection it is for */
  SATCHEL_IPC_RELEASE, /* s user, place: end its sessions, close its store, unless they are of a later epoch;
                          u32 look: is there mail, and could it go to s profile, s volume */
  SATCHEL_IPC_ADOPT,   /* s user, place */
  SATCHEL_IPC_LOOKUP_REPLY, /* u64 request, u32 SatchelDeliveryStatus, s why, u32 count, count * (s user, u32
                               slot, place) */
  /* mail -> auth */
  SATCHEL_IPC_RELEASED, /* s user, u64 epoch of the RELEASE, u32 SatchelLook, s what was found */
  SATCHEL_IPC_LOOKUP,   /* u64 request, s address (detail already cut off), and, if there was a detail, s
                           address with   it: each database is asked for that one first */
  SATCHEL_IPC_PLACED, /* s user, u64 epoch, u32 has mail in the default stack: of one whom a rule sent here */

  SATCHEL_IPC_OWNED, /* u64 request, u32 0, s "", u32 count, count * s user: which of these are mine?
                        or u32 1, s after, u32 0: which accounts behind this one? */
  /* auth -> mail */
  SATCHEL_IPC_OWNED_REPLY, /* u64 request, u32 is_last, s last account that was looked at, u32 count, count *
                              (s user, place: nobody's but for an answer about one) */

  SATCHEL_IPC_END_SESSIONS = 112, /* s user, s credential id: what it opened ends, grants included */

  /* gate -> mail */
  SATCHEL_IPC_HAND_OVER = 128, /* b grant, s peer, s tls_info, u32 has_tls, b note, b input; fd: the socket,
                                  or our end of the relay pair */
  SATCHEL_IPC_PEER_CLOSED, /* u32 SatchelCloseReason: of a relayed connection, before the relay's end closes
                            */
  /* mail -> gate */
  SATCHEL_IPC_KEEPALIVE = 131, /* u32 seconds: for the client's socket of a relayed connection */
  SATCHEL_IPC_SESSION_OVER, /* - : a connection that was handed over whole has ended (gate keeps the counts)
                             */

  /* mail <-> mail: a delivery for the owner */
  SATCHEL_IPC_DELIVER =
      160, /* u64 request, s delivery id, s sender, s client address, s client name, s client user, s tls, u32
              recipients, s spool path, u32 is_lf, u64 size, u64 began_us (CLOCK_MONOTONIC), s recipient, s
              user, place, s detail mailbox, s crumb; what filters say: u32 flags, u32 special use, s mailbox,
              u32 count, count * s keyword; b attributes (empty: compute) */
  SATCHEL_IPC_DELIVER_REPLY, /* u64 request, u32 SatchelDeliveryStatus, s text for the sender ("": the
                                protocol's own) */

  /* gate, auth, mail -> helper.  Session id: the caller's number of the call; deadline: when it gives up.
   * Bytes: u32 0 and b, or u32 1 and a sealed memfd with them (core/runtime/helper_private.h) */
  SATCHEL_IPC_HELPER_CALL = 176, /* bytes request, u32 has_content; fd: a sealed memfd */
  SATCHEL_IPC_HELPER_CANCEL,     /* - : nobody waits any more; it is answered all the same */
  /* helper -> gate, auth, mail: once for each call */
  SATCHEL_IPC_HELPER_REPLY, /* u32 0, bytes reply; or u32 1 + SatchelErrorCode, s message */

  /* helper <-> the process that connects for it (core/daemon/role/connector.h) */
  SATCHEL_IPC_CONNECT =
      184, /* s endpoint, u32 only resolve, u32 timeout_ms; fd: one end of a pair, for the answer */
  SATCHEL_IPC_CONNECTED, /* u32 0, s address (of only resolve) and fd: the socket; or u32 1 +
                            SatchelErrorCode, s why */

  /* config -> master (core/daemon/plan.h); CONFIG, TLS_FILE and MODULE (with u32 roles added) go this way too
   */
  SATCHEL_IPC_PLAN = 192,    /* numbers and paths of the server */
  SATCHEL_IPC_PLAN_LISTENER, /* a socket to bind */
  SATCHEL_IPC_PROBLEM,       /* u32 is_warning, s where, s setting, s text */
  SATCHEL_IPC_PLAN_END,      /* u32 ok */
  SATCHEL_IPC_PLAN_HELPER    /* s module; fd: the configuration as its helper sees it, a sealed memfd; before
                                PLAN_END */
} SatchelIpcType;

/* What SHARED brings. */
typedef enum
{
  SATCHEL_IPC_SHARED_CONNECTION_TABLE = 1, /* a memfd */
  SATCHEL_IPC_SHARED_BREADCRUMBS = 2,      /* a memfd */
  SATCHEL_IPC_SHARED_DIRECTORY = 4,        /* mail: the mail root; auth: STATE_DIR/auth */
  SATCHEL_IPC_SHARED_COUNTERS = 8          /* a memfd (counter_lane.h) */
} SatchelIpcShared;

/* What a client may do on the connection that it logs in on. */
typedef enum
{
  SATCHEL_IPC_SECURE_PASSWORD = 1, /* it may send a password as it is */
  SATCHEL_IPC_SECURE_TLS = 2,
  SATCHEL_IPC_SECURE_TLS13 = 4, /* with TLS */
  SATCHEL_IPC_SECURE_ALL = 7
} SatchelIpcSecure;

typedef struct SatchelIpcMessage
{
  SatchelIpcType type;
  guint64 session_id;
  guint64 deadline_ms; /* CLOCK_MONOTONIC; 0: none */
  GByteArray *body;    /* owned */
  gsize body_room;     /* private: what was reserved for it */
  gsize read_offset;
  gboolean failed;              /* a get went wrong: sticky */
  int fds[SATCHEL_IPC_MAX_FDS]; /* received ones are owned; -1 where taken */
  guint n_fds;
  gboolean lacks_fds; /* some that came with it were lost: this process may have no more open (EMFILE) */
  gboolean owns_fds;  /* private: freeing closes them */
} SatchelIpcMessage;

SatchelIpcMessage *satchel_ipc_message_new (SatchelIpcType type, guint64 session_id);
void satchel_ipc_message_free (SatchelIpcMessage *message); /* closes fds not taken, wipes the body */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelIpcMessage, satchel_ipc_message_free)
void satchel_ipc_put_u32 (SatchelIpcMessage *message, guint32 value);
void satchel_ipc_put_u64 (SatchelIpcMessage *message, guint64 value);
void satchel_ipc_put_string (SatchelIpcMessage *message, const char *value); /* NULL: "" */
void satchel_ipc_put_bytes (SatchelIpcMessage *message, const void *data, gsize len);
void satchel_ipc_put_fd (SatchelIpcMessage *message, int fd); /* borrowed until sent; the caller closes */
/* On failure `failed` is set and 0, "" or an empty range comes back.  Strings and bytes are borrowed from the
 * message. */
guint32 satchel_ipc_get_u32 (SatchelIpcMessage *message);
guint64 satchel_ipc_get_u64 (SatchelIpcMessage *message);
const char *satchel_ipc_get_string (SatchelIpcMessage *message);
const guint8 *satchel_ipc_get_bytes (SatchelIpcMessage *message, gsize *ret_len);
int satchel_ipc_take_fd (SatchelIpcMessage *message); /* -1: none left */
/* All read, nothing left over, nothing failed. */
gboolean satchel_ipc_message_is_done (SatchelIpcMessage *message);

/* A link: one end of a socket pair in the reactor.  Sends queue when the socket is full (bounded: 4,096
 * messages, then the link breaks).  Main thread only. */
typedef struct SatchelIpcLink SatchelIpcLink;
/* FALSE closes the link: the message was not acceptable. */
typedef gboolean (*SatchelIpcFunc) (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data);
typedef void (*SatchelIpcClosedFunc) (SatchelIpcLink *link, gpointer data);
SatchelIpcLink *satchel_ipc_link_new (int fd, SatchelIpcFunc func, SatchelIpcClosedFunc closed,
                                      gpointer data);
void satchel_ipc_link_free (SatchelIpcLink *link);
/* Takes the message over (its fds stay the caller's).  FALSE: the link is broken. */
gboolean satchel_ipc_send (SatchelIpcLink *link, SatchelIpcMessage *message);
/* What came last was no message at all, which closed the link; for `closed` to ask. */
gboolean satchel_ipc_link_is_malformed (const SatchelIpcLink *link);
/* Handles what has arrived already, without waiting: used when a HAND_OVER comes before its GRANT. */
void satchel_ipc_link_drain (SatchelIpcLink *link);
/* Blocking, for start-up before the loop runs.  Sending takes the message over. */
SatchelIpcMessage *satchel_ipc_receive_blocking (int fd, int timeout_ms, GError **error);
gboolean satchel_ipc_send_blocking (int fd, SatchelIpcMessage *message, GError **error);
