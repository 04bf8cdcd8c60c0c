/* SPDX-License-Identifier: MIT
 * Declares protocol modules. A protocol is two objects: NAME-gate.so is the small grammar before login, and
 * NAME.so is the rest, which a gate never maps. Both speak through a SatchelConnection.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/connection.h>
#include <satchel/job.h>
#include <satchel/mailbox_name.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_AUTH_CONTINUE = 1, /* send `challenge` (SASL), and answer with satchel_gate_auth_step */
  SATCHEL_AUTH_OK,           /* the login is granted: call satchel_gate_hand_over */
  SATCHEL_AUTH_FAILED,       /* the login failed; every failure has the same text */
  /* Temporary: auth or the user's mail process is away ([UNAVAILABLE], [SYS/TEMP]). */
  SATCHEL_AUTH_UNAVAILABLE,
  /* The mechanism is not offered here: clear text without TLS ([PRIVACYREQUIRED]). */
  SATCHEL_AUTH_NOT_ALLOWED,
  SATCHEL_AUTH_BAD_MECHANISM, /* the mechanism is unknown */
  SATCHEL_AUTH_LIMITED        /* too many connections of this address or user ([LIMIT], [SYS/TEMP]) */
} SatchelAuthStatus;

typedef struct SatchelAuthResult
{
  size_t size;
  SatchelAuthStatus status;
  const guint8 *challenge; /* raw, not base64; CONTINUE only */
  gsize challenge_len;
  const char *explain; /* a text for the client beside the fixed one, or NULL */
  /* Only SATCHEL_PROTOCOL_FOR_OTHERS sets it. With OK it is the user, local@domain; with FAILED the name as
   * the client sent it, any bytes but NUL, or NULL. */
  const char *user;
  /* FAILED: the login is right, but cannot open the user's sealed mail, as `explain` says ([CONTACTADMIN],
   * [SYS/PERM]). */
  gboolean is_withheld;
} SatchelAuthResult;

enum
{
  SATCHEL_PROTOCOL_NO_LOGIN =
      /* Lmtp: the connection is handed to a mail process at once if its peer is allowed (`networks` of the
       * listener); the gate's callbacks are not used. */
  1 << 0,
  SATCHEL_PROTOCOL_FOR_OTHERS =
      1 << 1 /* the peer is a server of its own, such as an MTA, that has its clients' logins checked here,
                one after another; satchel_gate_auth_for announces each.  Nothing is granted and handed over,
                and the connection may stay as long as the peer likes.  On unix sockets only, since the peer
                is trusted to tell whose login it is */
};

/* Why a connection is closed before the protocol's half has it. */
typedef enum
{
  SATCHEL_REFUSED_ADDRESS = 1, /* its address has too many connections */
  SATCHEL_REFUSED_FULL,        /* there are too many connections */
  SATCHEL_REFUSED_UNAVAILABLE, /* auth or a mail process is away for too long, or the server stops */
  SATCHEL_REFUSED_NETWORK      /* its address may not use this service (`networks` of its listener) */
} SatchelRefusal;

typedef struct SatchelGateProtocolOps
{
  size_t size;
  guint flags;
  const char *alpn;     /* "imap"; NULL: no ALPN is accepted */
  const char *service;  /* "imap": in logs and grants */
  guint port, tls_port; /* ports that IANA assigned (143, 993), the defaults of listeners; 0: none */
  /* Greets on a new connection.  Returns the module's state; NULL refuses, and the connection is closed.
   * Must (but not with NO_LOGIN). */
  gpointer (*session_new) (SatchelGateSession *session);
  /* Self is the state, which `closed` frees, after a hand-over too. */
  const SatchelConnectionHandlers *handlers;
  void (*auth_result) (gpointer self, const SatchelAuthResult *result);
  /* TLS is up after satchel_gate_start_tls; everything read before it has been dropped. */
  void (*tls_started) (gpointer self);
  /* May, also with NO_LOGIN. Returns the text that a client gets in that case: whole static lines; NULL means
   * nothing. */
  const char *(*refusal) (SatchelRefusal why);
} SatchelGateProtocolOps;

SATCHEL_API SatchelConnection *satchel_gate_connection (SatchelGateSession *session);
SATCHEL_API gboolean satchel_gate_has_tls (SatchelGateSession *session);
/* Says whether TLS can be started: a certificate is configured, and TLS is not up yet. */
SATCHEL_API gboolean satchel_gate_can_start_tls (SatchelGateSession *session);
/* Says whether the client may send a password now: there is TLS, the client is local, or the listener has
 * `allow_cleartext`.  With SATCHEL_PROTOCOL_FOR_OTHERS this is about the client that was announced, and TRUE
 * if none is. */
SATCHEL_API gboolean satchel_gate_may_login (SatchelGateSession *session);
/* Returns the SASL mechanisms that may be used now, in upper case, NULL-ended; there are none if
 * satchel_gate_may_login is FALSE. They are borrowed until the next call for any session. */
SATCHEL_API const char *const *satchel_gate_mechanisms (SatchelGateSession *session);
/* Returns the flags of a mechanism (sasl.h); 0 if it is not offered now. */
SATCHEL_API guint satchel_gate_mechanism_flags (SatchelGateSession *session, const char *name);
/* Says what the client calls itself (IMAP ID), for lists of devices. It is copied; more than 255 bytes, or
 * what is no UTF-8, count as nothing. */
SATCHEL_API void satchel_gate_set_client_id (SatchelGateSession *session, const char *text);
/* Sets the address of the client behind a webmail server, as that tells it: it is what logins, limits and
 * logs have from now on. What the client may do in clear text, and how many connections it has, goes by the
 * connection. FALSE means that the peer is none of the listener's `id_networks`, or this is no address;
 * nothing has changed. */
SATCHEL_API gboolean satchel_gate_set_origin (SatchelGateSession *session, const char *address);
/* Returns the settings of this protocol. */
SATCHEL_API const SatchelConfig *satchel_gate_config (SatchelGateSession *session);

/* Sends the waiting output (the OK of STARTTLS), drops all unread input, and starts the handshake. */
SATCHEL_API void satchel_gate_start_tls (SatchelGateSession *session);
/* Begins an exchange, one at a time; the answer comes by `auth_result`, and input is paused until then.
 * @initial NULL: there is no initial response.  The core wipes its copies of secrets; the caller wipes its
 * own. */
SATCHEL_API void satchel_gate_auth_start (SatchelGateSession *session, const char *mechanism,
                                          const guint8 *initial, gsize len);
SATCHEL_API void satchel_gate_auth_step (SatchelGateSession *session, const guint8 *response, gsize len);
SATCHEL_API void satchel_gate_auth_cancel (SatchelGateSession *session);
/* Whose login the next exchange is, with SATCHEL_PROTOCOL_FOR_OTHERS. */
typedef struct SatchelGateClient
{
  size_t size;
  const char *service; /* "smtp": in logs, and for the services of app passwords; [A-Za-z0-9_-]{1,32} */
  /* The client's IP address; NULL: the client of the MTA is not known, the peer stands for it. */
  const char *address;
  gboolean has_tls; /* between client and MTA */
} SatchelGateClient;
/* Announces the next exchange, which needs it; not while one goes on.  @client is copied.  FALSE means that
 * the address or the service is none, and nothing was announced. */
SATCHEL_API gboolean satchel_gate_auth_for (SatchelGateSession *session, const SatchelGateClient *client);
/* Decodes a response as clients send it: base64 (RFC 4648 4) without white space, and with its padding.
 * Yours, to be wiped; NULL means that the text is not base64. */
SATCHEL_API guint8 *satchel_sasl_decode (const char *text, gsize *ret_len);
/* Begins a login by name and password (IMAP LOGIN, POP3 USER and PASS). @method is a word for the log, such
 * as "LOGIN" or "USER". */
SATCHEL_API void satchel_gate_auth_password (SatchelGateSession *session, const char *method,
                                             const char *user, gsize user_len, const char *password,
                                             gsize password_len);
/* Hands the connection over; after AUTH_OK only.  The mail half gets the unread input and @note (at most
 * 1,024 bytes, such as the tag of LOGIN), and answers the login itself.  handlers->closed (BY_US) frees the
 * state before this returns. */
SATCHEL_API void satchel_gate_hand_over (SatchelGateSession *session, const void *note, gsize len);
/* Counts a protocol error, for the log and the limits.  FALSE means that it was the last one that
 * limits.bad_commands allows: write a reply or a goodbye and return; the connection closes once it is
 * sent. */
SATCHEL_API gboolean satchel_gate_count_bad (SatchelGateSession *session);

typedef struct SatchelProtocolOps
{
  size_t size;
  const char *service; /* "imap": the same as in the gate half */
  /* Begins a session: a login was handed over (with NO_LOGIN: a connection).  @note: from the gate half.
   * Returns the module's state; NULL closes the connection. */
  gpointer (*session_new) (SatchelSession *session, const void *note, gsize len);
  /* Self is the state that session_new returned; `closed` frees it. */
  const SatchelConnectionHandlers *handlers;
  /* SATCHEL_PROTOCOL_NO_LOGIN: sessions without a user are accepted; otherwise the core refuses them,
   * whatever a gate says. */
  guint flags;
} SatchelProtocolOps;

SATCHEL_API SatchelConnection *satchel_session_connection (SatchelSession *session);
SATCHEL_API const char *satchel_session_user (SatchelSession *session); /* local@domain; NULL with NO_LOGIN */
SATCHEL_API const char *
satchel_session_peer (SatchelSession *session); /* "192.0.2.1", "2001:db8::1", "local" */
/* Says whether the peer is in one of @networks, each ADDRESS/BITS, ADDRESS, or "local" for unix sockets.
 * Texts that are none of these match nothing, nor does NULL. */
SATCHEL_API gboolean satchel_session_is_from (SatchelSession *session, const char *const *networks);
/* Helps a module's `check`: fails with an error about the setting @key if one of its entries is no such text.
 * Any role. */
SATCHEL_API gboolean satchel_networks_check (const SatchelConfig *section, const char *key, GError **error);
/* Says what the client calls itself, where it says so after the login, as satchel_gate_set_client_id does.
 * The first time goes to the module that keeps the credential. */
SATCHEL_API void satchel_session_set_client_id (SatchelSession *session, const char *text);
/* Returns a line for the user, which the login left (satchel_auth_call_notice), to be shown once; NULL: there
 * is none. */
SATCHEL_API const char *satchel_session_notice (SatchelSession *session);
SATCHEL_API const SatchelConfig *satchel_session_config (SatchelSession *session);
/* Returns the user's store, open for the life of the session; NULL with NO_LOGIN. Opening may block: call
 * from a job the first time; afterwards it only returns the pointer. Errors: UNAVAILABLE, CORRUPT, IO. */
SATCHEL_API SatchelStore *satchel_session_open_store (SatchelSession *session, GError **error);
/* Returns the store if it is open already, else NULL.  Never blocks. */
SATCHEL_API SatchelStore *satchel_session_store (SatchelSession *session);
/* Runs a job of this session, at most one at a time; input is paused until @done has returned.  If the
 * connection ends meanwhile, `closed` is called after @done. */
SATCHEL_API void satchel_session_run (SatchelSession *session, const char *operation, SatchelJobFunc func,
                                      SatchelJobDoneFunc done, gpointer data);
/* Says whether the peer has gone or the process stops, so that a running job should end soon.  [any thread]
 * */
SATCHEL_API gboolean satchel_session_is_cancelled (SatchelSession *session);
/* Logs "SERVICE: user=… session=… rip=… MESSAGE". */
SATCHEL_API void satchel_session_log (SatchelSession *session, int level, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* Returns the server's name in greetings and Received lines (server.hostname). */
SATCHEL_API const char *satchel_hostname (void);
/* Says what the administrator allows all protocols: group `limits`.  Borrowed, for the life of the
 * process; a reload changes what it says.  Main thread. */
typedef struct SatchelLimits
{
  SATCHEL_MADE_BY_CORE
  guint64 prelogin_line; /* longest line or literal before login, in bytes */
  guint64 message_size;  /* largest message taken in, in bytes */
} SatchelLimits;
SATCHEL_API const SatchelLimits *satchel_limits (void);
/* Returns the form in which clients see names of mailboxes: group `namespace`.  Borrowed, for the life of the
 * process. */
SATCHEL_API const SatchelNamespace *satchel_namespace (void);

G_END_DECLS
