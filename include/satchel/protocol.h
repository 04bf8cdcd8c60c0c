/* SPDX-License-Identifier: MIT
 * Protocol modules.  A protocol is two objects: NAME-gate.so, the small grammar before login,
 * and NAME.so, the rest, which a gate never maps.  Both speak through a SatchelConnection.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/connection.h>
#include <satchel/job.h>
#include <satchel/mailbox-name.h>

G_BEGIN_DECLS

/* ---- Before login (role gate) ---- */

typedef enum
{
  SATCHEL_AUTH_CONTINUE = 1, /* `challenge` is to be sent (SASL), answer with satchel_gate_auth_step */
  SATCHEL_AUTH_OK,           /* a grant is held: call satchel_gate_hand_over */
  SATCHEL_AUTH_FAILED,       /* one text for every failure */
  SATCHEL_AUTH_UNAVAILABLE,  /* temporary: auth or the user's mail process is away ([UNAVAILABLE], [SYS/TEMP])
                              */
  SATCHEL_AUTH_NOT_ALLOWED,  /* mechanism not offered here: clear text without TLS ([PRIVACYREQUIRED]) */
  SATCHEL_AUTH_BAD_MECHANISM, /* unknown mechanism */
  SATCHEL_AUTH_LIMITED        /* too many connections of this address or user ([LIMIT], [SYS/TEMP]) */
} SatchelAuthStatus;

typedef struct SatchelAuthResult
{
  size_t size;
  SatchelAuthStatus status;
  const guint8 *challenge; /* raw, not base64; CONTINUE only */
  gsize challenge_len;
  const char *explain; /* what the client may be told beside the fixed text, or NULL */
} SatchelAuthResult;

enum
{
  SATCHEL_PROTOCOL_NO_LOGIN = 1 << 0 /* lmtp: handed to a mail process at once, if the peer is allowed
                                        (`networks` of its listener); gate callbacks are not used */
};

/* Why a connection is let go before its protocol's half has it. */
typedef enum
{
  SATCHEL_REFUSED_ADDRESS = 1, /* its address has too many */
  SATCHEL_REFUSED_FULL,        /* there are too many */
  SATCHEL_REFUSED_UNAVAILABLE, /* auth or a mail process is away, for longer than one waits; the server stops
                                */
  SATCHEL_REFUSED_NETWORK      /* its address may not use this service (`networks` of its listener) */
} SatchelRefusal;

typedef struct SatchelGateProtocolOps
{
  size_t size;
  guint flags;
  const char *alpn;     /* "imap"; NULL: none is accepted */
  const char *service;  /* "imap": in logs and grants */
  guint port, tls_port; /* IANA's: 143, 993; 0: has none.  Defaults of listeners */
  /* New connection; greets.  Returns the module's state. NULL: refused, connection closes. Must (but
   * NO_LOGIN). */
  gpointer (*session_new) (SatchelGateSession *session);
  const SatchelConnectionHandlers *handlers; /* self: the state.  `closed` frees it; after hand-over too */
  void (*auth_result) (gpointer self, const SatchelAuthResult *result);
  /* TLS is up after satchel_gate_start_tls; everything read before it has been dropped. */
  void (*tls_started) (gpointer self);
  /* What the client is told then: whole lines, static.  NULL: nothing.  May; of NO_LOGIN too. */
  const char *(*refusal) (SatchelRefusal why);
} SatchelGateProtocolOps;

SATCHEL_API SatchelConnection *satchel_gate_connection (SatchelGateSession *session);
SATCHEL_API gboolean satchel_gate_has_tls (SatchelGateSession *session);
/* A certificate is configured and TLS is not up. */
SATCHEL_API gboolean satchel_gate_can_start_tls (SatchelGateSession *session);
/* A password may be sent now: TLS, loopback, or `allow_cleartext` of the listener. */
SATCHEL_API gboolean satchel_gate_may_login (SatchelGateSession *session);
/* SASL names that may be used now, upper case, NULL-ended, borrowed; empty when may_login is false. */
SATCHEL_API const char *const *satchel_gate_mechanisms (SatchelGateSession *session);
/* This protocol's group. */
SATCHEL_API const SatchelConfig *satchel_gate_config (SatchelGateSession *session);

/* Sends what waits (the OK of STARTTLS), drops all unread input, starts the handshake. */
SATCHEL_API void satchel_gate_start_tls (SatchelGateSession *session);
/* One exchange at a time; the answer comes by `auth_result`, and input is paused until then.
 * @initial NULL: no initial response.  Secrets are wiped by the core; the caller wipes its own copy. */
SATCHEL_API void satchel_gate_auth_start (SatchelGateSession *session, const char *mechanism,
                                          const guint8 *initial, gsize len);
SATCHEL_API void satchel_gate_auth_step (SatchelGateSession *session, const guint8 *response, gsize len);
SATCHEL_API void satchel_gate_auth_cancel (SatchelGateSession *session);
/* A response as clients send it: base64 (RFC 4648 4) without white space, padded where it belongs.  Yours, to
 * be wiped; NULL: it is something else. */
SATCHEL_API guint8 *satchel_sasl_decode (const char *text, gsize *ret_len);
/* IMAP LOGIN, POP3 USER and PASS.  @method: "LOGIN", "USER": for the log. */
SATCHEL_API void satchel_gate_auth_password (SatchelGateSession *session, const char *method,
                                             const char *user, gsize user_len, const char *password,
                                             gsize password_len);
/* After AUTH_OK only.  The mail half gets the unread input and @note (at most 1,024 bytes: the tag
 * of LOGIN), and answers the login itself.  @self is freed by handlers->closed (BY_US) before return. */
SATCHEL_API void satchel_gate_hand_over (SatchelGateSession *session, const void *note, gsize len);
/* For the log and the limits: another protocol error.  FALSE: that was the last one allowed
 * (limits.bad_commands): write a reply or a goodbye and return; the connection closes by itself once it is
 * sent. */
SATCHEL_API gboolean satchel_gate_count_bad (SatchelGateSession *session);

/* ---- After login (role mail) ---- */

typedef struct SatchelProtocolOps
{
  size_t size;
  const char *service; /* "imap": the same as in the gate half */
  /* A login has been handed over (or, NO_LOGIN, a connection).  @note: from the gate half.  NULL closes. */
  gpointer (*session_new) (SatchelSession *session, const void *note, gsize len);
  const SatchelConnectionHandlers *handlers; /* self: what session_new gave; `closed` frees it */
  guint flags; /* SATCHEL_PROTOCOL_NO_LOGIN: sessions without user are taken; else the core refuses them,
                  whatever a gate says */
} SatchelProtocolOps;

SATCHEL_API SatchelConnection *satchel_session_connection (SatchelSession *session);
SATCHEL_API const char *satchel_session_user (SatchelSession *session); /* local@domain; NULL with NO_LOGIN */
SATCHEL_API const char *
satchel_session_peer (SatchelSession *session); /* "192.0.2.1", "2001:db8::1", "local" */
SATCHEL_API const SatchelConfig *satchel_session_config (SatchelSession *session);
/* The user's store, open for the life of the session; NULL with NO_LOGIN. Opening may block: call from a job
 * the first time; afterwards it only returns the pointer. Errors: UNAVAILABLE, CORRUPT, IO. */
SATCHEL_API SatchelStore *satchel_session_open_store (SatchelSession *session, GError **error);
/* The store if it is open already, else NULL.  Never blocks. */
SATCHEL_API SatchelStore *satchel_session_store (SatchelSession *session);
/* A job of this session: at most one at a time; input is paused until @done has returned.  If the
 * connection ends meanwhile, `closed` comes after @done. */
SATCHEL_API void satchel_session_run (SatchelSession *session, const char *operation, SatchelJobFunc func,
                                      SatchelJobDoneFunc done, gpointer data);
/* The peer has gone or the process stops: a running job should end soon.  Any thread. */
SATCHEL_API gboolean satchel_session_is_cancelled (SatchelSession *session);
/* Logs "SERVICE: user=… session=… rip=… MESSAGE". */
SATCHEL_API void satchel_session_log (SatchelSession *session, int level, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* The server's name in greetings and Received lines (server.hostname). */
SATCHEL_API const char *satchel_hostname (void);
/* What the protocol's own limits are named in config: group `limits` (docs/limits). */
SATCHEL_API const SatchelConfig *satchel_limits (void);
/* How clients see names of mailboxes: group `namespace`.  Borrowed, for the life of the process. */
SATCHEL_API const SatchelNamespace *satchel_namespace (void);

G_END_DECLS
