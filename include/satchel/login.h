/* SPDX-License-Identifier: MIT
 * Declares one attempt to log in, as every module that takes part in it sees it: passdb, factor, mechanism,
 * keyring.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

/* Says who tries to log in, where, and how.  Immutable while the module has it. */
typedef struct SatchelLogin
{
  SATCHEL_MADE_BY_CORE
  size_t size;
  const char *user;      /* local@domain; NULL: what the client sent can be no name, or there is none yet */
  const char *service;   /* "imap", "pop3", "smtp" */
  const char *listener;  /* the name of the listener (listen.listeners, or of the protocol's default); "" */
  const char *peer;      /* "192.0.2.1", "2001:db8::1", "local" */
  const char *network;   /* what counts as one place: an IPv4 address, "2001:db8:0:1::/64", "local" */
  const char *mechanism; /* "PLAIN", "SCRAM-SHA-256", ...; of a command: "LOGIN" (IMAP), "USER" (POP3) */
  const char *client_id; /* what the client called itself (IMAP ID) before it logged in; "" */
  gint64 deadline_ms;    /* nobody waits for the answer any longer then (satchel_now_ms); 0: none */
  guint tls_version;     /* 0x0303: TLS 1.2, 0x0304: TLS 1.3; 0: the connection is in clear text */
  /* The connection has these channel bindings, or NULL: tls-exporter (RFC 9266) and tls-server-end-point (RFC
   * 5929 4). Only mechanisms that ask for them have them (sasl.h), as with the certificate. */
  GBytes *tls_exporter, *tls_server_end_point;
  GBytes *client_certificate; /* DER, the leaf; the client holds its key, no more is known; or NULL */
  /* An administrator asks how the login would end (`satchel auth test`): the module answers as it would, and
   * changes nothing: no code is spent, no grant opened or used, no failure counted. */
  gboolean is_test;
  /* The user has logged in from this network within 90 days, by more than an app password; never TRUE for
   * loopback and unix sockets.  Of `examine` and `confirm`. */
  gboolean is_network_known;
  /* Who told the address that is `peer`: a webmail in ID, or a proxy in its header (id_networks and
   * trusted_proxies of listeners); "": nobody, `peer` itself has connected. */
  const char *via;
  gboolean is_elsewhere; /* it is a login to another server, such as an MTA: no session begins here */
} SatchelLogin;

/* Says whether the login comes from one of @networks, each ADDRESS/BITS, ADDRESS, or "local" for unix
 * sockets. Texts that are none of these match nothing, nor does NULL. */
SATCHEL_API gboolean satchel_login_is_from (const SatchelLogin *login, const char *const *networks);
/* Says whether @text is one of these. */
SATCHEL_API gboolean satchel_network_check (const char *text);

G_END_DECLS
