/* SPDX-License-Identifier: MIT
 * Messages between Satchel's processes. A message is one packet (SOCK_SEQPACKET) with a fixed header, of
 * at most 16 KiB, and is treated as hostile: a wrong version, length or type for the link, or a field that
 * cannot be parsed, closes the link. This file has all messages; docs/architecture.md shows which
 * processes talk to each other.
 */
#pragma once
#include <satchel/error.h>

#define SATCHEL_IPC_VERSION 2u
#define SATCHEL_IPC_MAX_BYTES 16384u
#define SATCHEL_IPC_MAX_FDS 8u

/* The comments list the fields in their order. s is a string (UTF-8 without NUL, with its length before it),
 * b bytes, u32 and u64 are numbers, place says where a user's mail is (core/storage/store/place.h), and login
 * stands for: s service, s mechanism or command, s listener, s peer, s via, s client id, u32 SatchelIpcSecure
 * bits. A - means that there are no fields. */
typedef enum
{
  /* Messages of a role to master, on the control link (descriptor 3 of every role): */
  SATCHEL_IPC_HELLO = 1, /* s build_id, u32 role, u32 slot */
  SATCHEL_IPC_READY,     /* -: the process is in its sandbox and serves */
  SATCHEL_IPC_RELOADED,  /* u64 attempt, u32 ok, s message */
  /* u64 request, u32 final, u32 status, s text (several messages may make one answer). */
  SATCHEL_IPC_ADMIN_REPLY,
  SATCHEL_IPC_STOPPED, /* -: its last session has ended, and it is about to exit with status 0 */
  /* u32 role, u32 slot of a peer: the link to it broke (session id: serial of that PEER), so a new one is
   * needed. */
  SATCHEL_IPC_SYNC_PEER,
  /* s why: it cannot start, and is about to exit with status 1; or it cannot go on (satchel_process_fail). */
  SATCHEL_IPC_FAILED,
  SATCHEL_IPC_PONG, /* u64 number of the PING */
  /* u32 role, u32 slot of a helper that broke the rules of its link, which is closed now (session id: serial
   * of that PEER; from auth, mail). */
  SATCHEL_IPC_BAD_PEER,
  /* Messages of master to a role: */
  SATCHEL_IPC_CONFIG = 32, /* u64 generation; fd: sealed memfd (config_image.h) */
  SATCHEL_IPC_SHARED,      /* u32 bits of SatchelIpcShared; fds: one for each bit, in the order of the bits */
  SATCHEL_IPC_TLS_FILE,    /* u64 generation, u32 certificate index, u32 0 chain | 1 key; fd (gate, config) */
  SATCHEL_IPC_TICKET_KEY,  /* b 64 bytes (gate; GnuTLS derives changing keys from it) */
  /* s name, s protocol, u32 implicit_tls, u32 allow_cleartext; fd (gate; service: also mail). */
  SATCHEL_IPC_LISTENER,
  /* u32 role, u32 slot, s module (of a helper); fd: a new link, replacing an older one to the same peer;
   * session id: its serial. */
  SATCHEL_IPC_PEER,
  SATCHEL_IPC_START, /* -: everything was sent: enter the sandbox, then serve */
  /* u64 attempt, for the answer: CONFIG and TLS_FILEs were sent; prepare or refuse all of them (RELOADED). */
  SATCHEL_IPC_RELOAD,
  SATCHEL_IPC_STOP, /* u32 grace_ms */
  /* u64 request, u32 count, count * s: command and arguments; of a command perhaps fd: a channel to the
   * `satchel` that asks (mail). */
  SATCHEL_IPC_ADMIN,
  /* u32 uid, u32 gid, u32 one more gid, u32 sandbox mode, u32 trusted uid, u32 mail slots, u32 gates and
   * mails at most: the first message, before rights are dropped. */
  SATCHEL_IPC_SETUP,
  SATCHEL_IPC_MODULE,        /* s name, u32 is_gate; fd: the checked file */
  SATCHEL_IPC_RELOAD_COMMIT, /* u64 generation: all processes have prepared */
  SATCHEL_IPC_RELOAD_ABORT,  /* u64 generation */
  SATCHEL_IPC_LOG_FILE,      /* fd: replaces standard error */
  /* s suspect (core/storage/mailbox/suspects.h) that crashed the mail process of this slot again; before
   * START (mail). */
  SATCHEL_IPC_SUSPECT,
  SATCHEL_IPC_PING,         /* u64 number: the main loop must answer with PONG */
  SATCHEL_IPC_ADMIN_ROOM,   /* u64 request, u64 bytes of the answer that the administrator has read (mail) */
  SATCHEL_IPC_ADMIN_CANCEL, /* u64 request: nobody waits for its answer any more (mail) */

  /* Messages of gate to auth. The session id of the header names the connection. */
  SATCHEL_IPC_AUTH_START =
      /* Login (below), u32 has_initial, b initial, b tls-exporter, b tls-server-end-point, b certificate
       * (empty unless the mechanism sees them). */
  64,
  SATCHEL_IPC_AUTH_STEP,     /* b response */
  SATCHEL_IPC_AUTH_CANCEL,   /* - */
  SATCHEL_IPC_AUTH_PASSWORD, /* login, b user, b password */
  SATCHEL_IPC_SERVICE_GRANT, /* s service, s peer: a protocol without login (lmtp); auth checks `networks` */
  SATCHEL_IPC_SESSION_END,   /* -: the connection has ended (also one that was handed over and is relayed) */
  /* Messages of auth to gate: */
  SATCHEL_IPC_MECHANISMS, /* u32 count, count * (s name, u32 flags of sasl.h) */
  /* u32 SatchelAuthStatus or SATCHEL_IPC_AUTH_WITHHELD, b challenge, s explain, b grant (16, or 0), u32 mail
     slot, s user. */
  SATCHEL_IPC_AUTH_REPLY,

  /* Messages of auth to mail: */
  /* B grant (16), u32 gate slot, s service, s user ("" without login), place, b key, u64 expires_ms
   * (CLOCK_MONOTONIC), s credential id, s scopes ("": all services), s notice for the user (""), b copy of
   * the user's ring (keyring.h); the session id of the header names the connection for which it is. */
  SATCHEL_IPC_GRANT = 96,
  /* s user, place: end the user's sessions and close the store, unless they are of a later epoch; u32 look, s
   * profile, s volume: whether to look if there is mail, and if it could move to that profile and volume. */
  SATCHEL_IPC_RELEASE,
  SATCHEL_IPC_ADOPT, /* s user, place */
  /* u64 request, u32 SatchelDeliveryStatus, s why, u32 count, count * (s user, u32 slot, place). */
  SATCHEL_IPC_LOOKUP_REPLY,
  /* Messages of mail to auth: */
  SATCHEL_IPC_RELEASED, /* s user, u64 epoch of the RELEASE, u32 SatchelLook, s what was found */
  /* u64 request, s address without detail, and, if there was a detail, s address with it, for which each
   * database is asked first. */
  SATCHEL_IPC_LOOKUP,
  /* s user, u64 epoch, u32 has mail in the default stack: about a user whom a rule placed here. */
  SATCHEL_IPC_PLACED,

  /* u64 request, u32 0, s "", u32 count, count * s user: asks which of these belong to this process; or u32
   * 1, s after, u32 0: asks for the accounts behind this one. */
  SATCHEL_IPC_OWNED,
  /* A message of auth to mail: */
  /* u64 request, u32 is_last, s last account that was looked at, u32 count, count * (s user, place, which is
   * set only in an answer about one user). */
  SATCHEL_IPC_OWNED_REPLY,

  SATCHEL_IPC_END_SESSIONS = 112, /* s user, s credential id: what it opened ends, grants included */

  /* A message of mail to auth: */
  /* s user, s credential id, s client id: a session of that credential has said who its client is. */
  SATCHEL_IPC_CLIENT_NAMED,

  /* A message of auth to mail: */
  SATCHEL_IPC_ACCOUNT_MAIL, /* u64 request, s user, place, b message: a delivery to a user of this process */
  /* A message of mail to auth: */
  SATCHEL_IPC_ACCOUNT_MAIL_REPLY, /* u64 request, u32 SatchelDeliveryStatus */

  /* A message of mail to auth: */
  /* u64 request, s user, u64 epoch, s profile, s volume, u32 is_final: the user's mail, which was at that
   * epoch, is copied to that place, where it is from now on; not final: may it? */
  SATCHEL_IPC_TURN,
  /* A message of auth to mail: */
  SATCHEL_IPC_TURNED, /* u64 request, u32 0 or 1 + SatchelErrorCode, s why, u64 epoch from now on, u32 slot */

  /* A message of mail to auth: */
  SATCHEL_IPC_KEYRING_TOLD, /* s user, s module, s text: a layer tells the keyring of its module something */

  /* A message of gate to mail: */
  /* B grant, s peer, s tls_info, s client id, u32 has_tls, b note, b input; fd: the socket, or one end of the
   * relay's pair. */
  SATCHEL_IPC_HAND_OVER = 128,
  /* u32 SatchelCloseReason of a relayed connection, sent before the relay's end closes. */
  SATCHEL_IPC_PEER_CLOSED,
  /* Messages of mail to gate: */
  SATCHEL_IPC_KEEPALIVE = 131, /* u32 seconds, for the client's socket of a relayed connection */
  /* -: a connection whose socket was handed over has ended (gate keeps the counts). */
  SATCHEL_IPC_SESSION_OVER,

  /* Messages between mail processes: a delivery for the owner of a user. */
  SATCHEL_IPC_DELIVER =
      /* u64 request, s delivery id, s sender, s client address, s client name, s client user, s tls, u32
       * recipients, s spool path (empty: the content stands at the end), u32 is_lf, u64 size, b key of a
       * sealed spool file, u64 began_us (CLOCK_MONOTONIC), s recipient, s user, place, s detail mailbox, s
       * crumb; the verdict of filters: u32 flags, u32 special use, s mailbox, u32 count, count * s keyword; b
       * attributes (empty: compute them), b content. */
  160,
  /* u64 request, u32 SatchelDeliveryStatus, s text for the sender ("": the protocol's own). */
  SATCHEL_IPC_DELIVER_REPLY,

  /* Messages of gate, auth and mail to a helper. The session id is the caller's number of the call, the
   * deadline is when the caller gives up. "bytes" are u32 0 and b, or u32 1 and a sealed memfd that holds
   * them (core/runtime/ipc/helper_private.h). */
  SATCHEL_IPC_HELPER_CALL = 176, /* bytes request, u32 has_content; fd: a sealed memfd */
  SATCHEL_IPC_HELPER_CANCEL, /* -: nobody waits for the call any more; the helper answers it all the same */
  /* A message of a helper to gate, auth or mail, once for each call: */
  SATCHEL_IPC_HELPER_REPLY, /* u32 0, bytes reply; or u32 1 + SatchelErrorCode, s message */

  /* A message of a helper to the process that connects for it (core/daemon/role/connector.h), and back: */
  /* s endpoint, u32 only resolve, u32 timeout_ms; fd: one end of a pair, for the answer. */
  SATCHEL_IPC_CONNECT = 184,
  /* u32 0, s address (if only resolve), fd: the socket; or u32 1 + SatchelErrorCode, s why. */
  SATCHEL_IPC_CONNECTED,
  /* A message of a helper to the process that starts processes for it (core/daemon/role/launcher.h), and
   * back: */
  /* bytes request (as of HELPER_CALL); deadline: when it is killed; fd: one end of a pair, for the answer. */
  SATCHEL_IPC_RUN,
  SATCHEL_IPC_RAN, /* u32 0, bytes reply; or u32 1 + SatchelErrorCode, s why */

  /* Messages of a mail process to a `satchel` that lends it a directory, on the channel of a command
   * (core/cli/file_broker.h), and the answers; a path is below the directory, and "" is the directory itself.
   */
  SATCHEL_IPC_FILES_LIST = 208, /* b path of a directory: FILES_ENTRIES, then FILES_DONE */
  SATCHEL_IPC_FILES_OPEN,       /* b path of a file, to be read: FILES_DONE with fd */
  SATCHEL_IPC_FILES_CREATE,     /* b path of a file that is not there, to be written: FILES_DONE with fd */
  SATCHEL_IPC_FILES_MAKE,       /* b path of a directory, which may be there: FILES_DONE */
  /* B path, b new path, u32 whether it may take the place of a file, u64 its mtime in s from now on, or
   * G_MAXINT64: FILES_DONE. */
  SATCHEL_IPC_FILES_RENAME,
  SATCHEL_IPC_FILES_REMOVE,  /* b path of a file, which may be missing: FILES_DONE */
  SATCHEL_IPC_FILES_SYNC,    /* -: FILES_DONE when all is durable */
  SATCHEL_IPC_FILES_ENTRIES, /* u32 count, count * (b name, u32 SatchelFileKind, u64 size, u64 mtime in s) */
  SATCHEL_IPC_FILES_DONE,    /* u32 errno; 0: it went well */

  /* Messages of config to master (core/daemon/plan.h). CONFIG, TLS_FILE and MODULE (with u32 roles added) are
   * sent this way as well. */
  SATCHEL_IPC_PLAN = 192,    /* numbers and paths of the server */
  SATCHEL_IPC_PLAN_LISTENER, /* a socket to bind */
  SATCHEL_IPC_PROBLEM,       /* u32 is_warning, s where, s setting, s text */
  SATCHEL_IPC_PLAN_END,      /* u32 ok */
  SATCHEL_IPC_PLAN_HELPER    /* s module, u32 one more gid; fd: a sealed memfd with the configuration for its
                                helper; before    PLAN_END */
} SatchelIpcType;

/* SHARED has these bits. */
typedef enum
{
  SATCHEL_IPC_SHARED_CONNECTION_TABLE = 1, /* a memfd */
  SATCHEL_IPC_SHARED_BREADCRUMBS = 2,      /* a memfd */
  SATCHEL_IPC_SHARED_DIRECTORY = 4,        /* mail: the mail root; auth: STATE_DIR/auth */
  SATCHEL_IPC_SHARED_COUNTERS = 8,         /* a memfd (counter_lane.h) */
  SATCHEL_IPC_SHARED_REMEMBERED = 16       /* auth: a memfd_secret of SATCHEL_REMEMBERED_BYTES */
} SatchelIpcShared;

/* In AUTH_REPLY: FAILED, though the login is right (SatchelAuthResult.is_withheld). */
#define SATCHEL_IPC_AUTH_WITHHELD 1000u

/* Says what a client may do on the connection on which it logs in. */
typedef enum
{
  SATCHEL_IPC_SECURE_PASSWORD = 1, /* it may send a password in clear text */
  SATCHEL_IPC_SECURE_TLS = 2,
  SATCHEL_IPC_SECURE_TLS13 = 4, /* set besides TLS if the version is 1.3 */
  /* It logs in to another server, such as an MTA: the answer is a verdict with the user's name, and nothing
   * is granted. */
  SATCHEL_IPC_SECURE_ELSEWHERE = 8,
  SATCHEL_IPC_SECURE_ALL = 15
} SatchelIpcSecure;

typedef struct SatchelIpcMessage
{
  SatchelIpcType type;
  guint64 session_id;
  guint64 deadline_ms; /* deadline on CLOCK_MONOTONIC; 0: none */
  GByteArray *body;    /* owned */
  gsize body_room;     /* private: bytes reserved for the body */
  gsize read_offset;
  gboolean failed;              /* a call of satchel_ipc_get_... failed; stays set */
  int fds[SATCHEL_IPC_MAX_FDS]; /* those of a received message are owned; -1: it was taken */
  guint n_fds;
  /* Some descriptors of the message were lost, since this process may have no more open (EMFILE). */
  gboolean lacks_fds;
  gboolean owns_fds; /* private: the descriptors are closed when the message is freed */
  /* private: set while the message waits in another link's queue; the link on which it is sent then */
  struct SatchelIpcLink *via;
} SatchelIpcMessage;

SatchelIpcMessage *satchel_ipc_message_new (SatchelIpcType type, guint64 session_id);
/* Closes descriptors that were not taken, and wipes the body. */
void satchel_ipc_message_free (SatchelIpcMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelIpcMessage, satchel_ipc_message_free)
void satchel_ipc_put_u32 (SatchelIpcMessage *message, guint32 value);
void satchel_ipc_put_u64 (SatchelIpcMessage *message, guint64 value);
void satchel_ipc_put_string (SatchelIpcMessage *message, const char *value); /* NULL: "" */
void satchel_ipc_put_bytes (SatchelIpcMessage *message, const void *data, gsize len);
void satchel_ipc_put_fd (SatchelIpcMessage *message, int fd); /* borrowed until sent; the caller closes */
/* These read the next field. On failure they set `failed` and return 0, "" or an empty range. Strings and
 * bytes are borrowed from the message. */
guint32 satchel_ipc_get_u32 (SatchelIpcMessage *message);
guint64 satchel_ipc_get_u64 (SatchelIpcMessage *message);
const char *satchel_ipc_get_string (SatchelIpcMessage *message);
const guint8 *satchel_ipc_get_bytes (SatchelIpcMessage *message, gsize *ret_len);
int satchel_ipc_take_fd (SatchelIpcMessage *message); /* -1: none left */
/* Says whether every field was read, and none failed. */
gboolean satchel_ipc_message_is_done (SatchelIpcMessage *message);

/* A link is one end of a socket pair in the reactor. Messages queue while the socket is full (at most 4,096,
 * then the link breaks). Links belong to the main thread. */
typedef struct SatchelIpcLink SatchelIpcLink;
/* Takes a message. FALSE means that it is not acceptable, so the link is closed. */
typedef gboolean (*SatchelIpcFunc) (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data);
typedef void (*SatchelIpcClosedFunc) (SatchelIpcLink *link, gpointer data);
SatchelIpcLink *satchel_ipc_link_new (int fd, SatchelIpcFunc func, SatchelIpcClosedFunc closed,
                                      gpointer data);
void satchel_ipc_link_free (SatchelIpcLink *link);
/* Sends @message (taken over; its descriptors stay the caller's). FALSE means that the link is broken. */
gboolean satchel_ipc_send (SatchelIpcLink *link, SatchelIpcMessage *message);
/* Sends @message (taken over) when everything that @first has queued is sent, or @first is broken, since the
 * peer of @first must know of it before.  NULL means that there is nothing to wait for.  FALSE means that
 * @link is broken. */
gboolean satchel_ipc_send_after (SatchelIpcLink *link, SatchelIpcMessage *message, SatchelIpcLink *first);
/* Says whether the peer is so far behind that half of the queue is taken; what can be refused should be. */
gboolean satchel_ipc_link_is_behind (const SatchelIpcLink *link);
/* Says whether the link was closed because the last packet was malformed; `closed` may ask this. */
gboolean satchel_ipc_link_is_malformed (const SatchelIpcLink *link);
/* Handles messages that have arrived, without waiting, as when a HAND_OVER comes before its GRANT. */
void satchel_ipc_link_drain (SatchelIpcLink *link);
/* These block, and are for the start, before the loop runs. Sending takes over the message. */
SatchelIpcMessage *satchel_ipc_receive_blocking (int fd, int timeout_ms, GError **error);
gboolean satchel_ipc_send_blocking (int fd, SatchelIpcMessage *message, GError **error);
