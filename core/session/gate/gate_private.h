/* SPDX-License-Identifier: MIT
 * Inside of role gate.
 * - gate_accept.c: set-up, listeners, accepting
 * - gate_session.c: a session's life and its TLS
 * - gate_hand_over.c: handing a connection to a mail process, by descriptor or by relay
 * - gate_auth.c: the exchange with auth
 * - gate_state.c: what they share; a file calls only those below it
 */
#pragma once
#include "core/runtime/loop/reactor_private.h"
#include "core/session/gate/connection_table.h"
#include "core/session/gate/gate.h"
#include "core/session/gate/relay.h"
#include "core/base/session_id.h"
#include <satchel/log.h>
#include <satchel/sasl.h>

/* Auth offers this mechanism. */
typedef struct GateMechanism
{
  char name[SATCHEL_SASL_NAME_MAX + 1];
  guint32 flags; /* SATCHEL_SASL_* (<satchel/sasl.h>) */
} GateMechanism;
#define GATE_MECHANISMS_MAX 32u

typedef struct GateListener
{
  char *name, *group;
  int fd;
  SatchelWatch *watch;
  const SatchelGateProtocolOps *protocol;
  const SatchelServiceOps *service;
  gboolean implicit_tls, allow_cleartext;
  char **trusted_proxies, **id_networks;
  char **mechanisms; /* NULL, or none: all that auth offers */
  gboolean asks_certificate;
} GateListener;

/* A peer that asks for the logins of others asks for this client. */
typedef struct GateClient
{
  char *service;
  SatchelAddress address;
  char peer[SATCHEL_ADDRESS_CHARS];
  gboolean has_tls;
} GateClient;

/* What may follow each state is in gate_state.c; gate_set_state alone changes it. */
typedef enum
{
  GATE_NEW = 0,
  GATE_PROXY, /* the PROXY header is read */
  GATE_HANDSHAKE,
  GATE_OPEN,     /* the protocol's half before login speaks */
  GATE_GRANTING, /* a protocol without login: auth is asked for a grant */
  GATE_RELAYED,  /* handed over, but the transport stays here */
  GATE_HANDED    /* handed over with its descriptor; kept for the counts only */
} GateState;

typedef enum
{
  EXCHANGE_NONE = 0,
  EXCHANGE_ASKED,    /* auth's answer is awaited */
  EXCHANGE_CONTINUE, /* the client's response is awaited */
  EXCHANGE_ANSWERED  /* the result waits for the end of the turn */
} GateExchange;

/* Takes auth's answer about a connection without login. */
typedef void (*GateGrantFunc) (SatchelGateSession *session, SatchelAuthStatus status);

struct SatchelGateSession
{
  guint64 id;
  char id_text[SATCHEL_SESSION_ID_CHARS + 1];
  /* address of the client, as its webmail has sent it; for logins and logs */
  char peer[SATCHEL_ADDRESS_CHARS];
  char via[SATCHEL_ADDRESS_CHARS]; /* address of the webmail or proxy that told `peer`; "": nobody did */
  SatchelAddress address;          /* address of the connection itself */
  GateListener *listener;
  GateState state;
  GateExchange exchange;
  gpointer self; /* the protocol's own data */
  SatchelConnection *connection;
  SatchelTransport *transport; /* set while there is no connection */
  SatchelWatch *watch;         /* used in the states PROXY, HANDSHAKE and GRANTING */
  SatchelRelay *relay;
  guint8 *proxy; /* the part of the header that was read */
  guint proxy_len;
  SatchelRefusal refusal; /* not 0: the client gets it as soon as TLS is up */
  guint has_tls : 1, is_counted : 1, is_in_handshake_queue : 1, was_started : 1, is_told_auth : 1,
      has_timed_out : 1, has_grant : 1, is_withheld : 1;
  guint n_bad;
  char *tls_info;  /* kept until the hand-over, as are the members below */
  char *client_id; /* or NULL */
  guint8 grant[16];
  GateGrantFunc take_grant; /* called when the grant has come, in the state GRANTING */
  guint mail_slot;
  /* The protocol gets this answer at the end of the turn. */
  SatchelAuthStatus status;
  GBytes *challenge;
  char *explain, *user;
  GateClient *client; /* the client that satchel_gate_auth_for announced; NULL: none */
  SatchelTurn turn;
  SatchelTimer login_timer, step_timer; /* step_timer: of the handshake, and of auth's answer */
  SatchelGateSession *previous, *next;
};

typedef struct Gate
{
  SatchelGateHost host;
  SatchelConnectionTable *table;
  guint8 key[64];
  SatchelTlsContext *tls;
  GPtrArray *listeners; /* GateListener */
  GHashTable *sessions; /* &id to session */
  SatchelGateSession *first;
  GQueue handshakes; /* sessions whose client has sent something */
  guint n_served, n_relays;
  guint n_farewells; /* handshakes that end in a refusal */
  gboolean is_paused, is_stopping;
  SatchelTimer accept_timer, full_timer;
  GArray *mechanisms; /* GateMechanism */
  /* those that may be used on the connection that was asked about last */
  const char *offered[GATE_MECHANISMS_MAX + 1];
  /* The settings say these limits. */
  guint max_connections, max_per_address, bad_commands;
  gint64 handshake_timeout_ms, login_timeout_ms, write_timeout_ms;
  gsize prelogin_line, output_buffer;
} Gate;
extern Gate satchel_gate;

/* gate_session.c has these. */
void gate_session_begin (GateListener *listener, int fd, const SatchelAddress *address);
/* Closes the connection with the refusal of its protocol; under TLS after the handshake, for a few at a
 * time. */
void gate_session_refuse (SatchelGateSession *session, SatchelRefusal why);
/* Ends the session as if its time to log in were over; not while auth is asked. */
void gate_session_time_out (SatchelGateSession *session);
/* Refuses a connection that there is no room for. */
void gate_session_turn_away (GateListener *listener, int fd, const SatchelAddress *address);
/* Says whether a connection may be refused with words. Handshakes that end in a refusal are few. */
gboolean gate_may_turn_away (const GateListener *listener);
/* Goes on when the transport is ready: the protocol greets, or auth is asked for a grant. */
void gate_session_greet (SatchelGateSession *session);
/* Ends the session, and calls `closed` of its protocol. */
void gate_session_end (SatchelGateSession *session, SatchelCloseReason reason);
/* Handshakes are made, a few in each turn. */
void gate_handshake_start (SatchelGateSession *session, int fd);

/* gate_hand_over.c has these. */
void gate_hand_over (SatchelGateSession *session, const void *note, gsize len);

/* gate_auth.c has these. */
void gate_auth_ask_grant (SatchelGateSession *session, GateGrantFunc func);

/* gate_state.c has these. */
/* Says whether the protocol has SATCHEL_PROTOCOL_FOR_OTHERS. */
gboolean gate_is_for_others (const SatchelGateSession *session);
/* Forgets the client that was announced; the next exchange needs another announcement. */
void gate_forget_client (SatchelGateSession *session);
void gate_set_state (SatchelGateSession *session, GateState state);
/* Finds a mechanism by its name in any case of letters.  NULL means that it is not offered on this
 * connection. */
const GateMechanism *gate_find_mechanism (SatchelGateSession *session, const char *name);
/* Says whether a mechanism that needs a channel binding is offered on this connection. */
gboolean gate_offers_binding (SatchelGateSession *session);
/* Accepts again if there is room for another session. */
void gate_sessions_changed (void);
/* Stops accepting, and logs @reason once a minute at most.  @is_retrying: for a moment only. */
void gate_pause_accepting (const char *reason, gboolean is_retrying);
/* Ends a session for good.  Its protocol has been told, or never knew it. */
void gate_session_free (SatchelGateSession *session);
void gate_leave_handshakes (SatchelGateSession *session);
/* Tells auth to forget the session. */
void gate_forget_auth (SatchelGateSession *session);
void gate_session_log (SatchelGateSession *session, SatchelLogLevel level, const char *text,
                       const char *reason);
