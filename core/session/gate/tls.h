/* SPDX-License-Identifier: MIT
 * Declares TLS by GnuTLS: credentials that can be swapped at a reload, and a transport for connections and
 * relays. It has TLS 1.2 and 1.3 with AEAD only. Main thread only.
 */
#pragma once
#include "core/runtime/connection/connection_private.h"
#include <satchel/error.h>

/* The chain begins with the leaf; chain and key are PEM. */
typedef struct SatchelTlsPair
{
  const char *chain_name, *key_name; /* paths of the files, for messages */
  GBytes *chain, *key;
} SatchelTlsPair;

/* A context has the certificates, priorities and ticket key of one configuration. It is reference-counted and
 * immutable. */
typedef struct SatchelTlsContext SatchelTlsContext;
/* Makes a context. pairs[0] is used if no other pair matches the name that the client asks for.  @priority
 * NULL means the server's own.  @ticket_key has 64 bytes that all gates share; NULL means that there are no
 * tickets.  An error names the file that is wrong. */
SatchelTlsContext *satchel_tls_context_new (const SatchelTlsPair *pairs, guint n_pairs, const char *priority,
                                            const guint8 *ticket_key, GError **error);
SatchelTlsContext *satchel_tls_context_ref (SatchelTlsContext *context);
void satchel_tls_context_unref (SatchelTlsContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelTlsContext, satchel_tls_context_unref)

/* Makes the server's end of TLS over the socket @fd, which is taken over; the handshake comes before any
 * other use. @alpn is the one protocol that a client may ask for; NULL means that the extension is ignored.
 * It returns NULL when out of resources. */
SatchelTransport *satchel_tls_transport_new (SatchelTlsContext *context, int fd, const char *alpn);
typedef enum
{
  SATCHEL_HANDSHAKE_FAILED = 0,
  SATCHEL_HANDSHAKE_DONE,
  SATCHEL_HANDSHAKE_READ, /* wait until the descriptor is readable */
  SATCHEL_HANDSHAKE_WRITE
} SatchelHandshake;
/* On failure *@ret_why is a static text for the log. */
SatchelHandshake satchel_tls_handshake (SatchelTransport *transport, const char **ret_why);
/* Sets @func, which is called for a fatal alert after the handshake, with a static text for the log: under
 * TLS 1.3 a client that does not trust the certificate says so only then (RFC 8446 4.4.2.4, 6.2).  NULL means
 * that none is called. */
typedef void (*SatchelTlsAlertFunc) (const char *alert, gpointer data);
void satchel_tls_set_alert_func (SatchelTransport *transport, SatchelTlsAlertFunc func, gpointer data);
/* Says whether SASL can be bound to this session, which it can under TLS 1.3 only: under 1.2 clients bind by
 * tls-unique, which is insecure (RFC 9266 1), and the server cannot make them use another binding. */
gboolean satchel_tls_can_bind (SatchelTransport *transport);
/* These return tls-exporter (RFC 9266 2), of 32 bytes, and tls-server-end-point (RFC 5929 4); the caller
 * frees them. NULL means that there is none. */
GBytes *satchel_tls_exporter (SatchelTransport *transport);
GBytes *satchel_tls_server_end_point (SatchelTransport *transport);
/* Say whether there is a certificate that the client has proved to hold the key of, and return it
 * (DER); nobody has vouched for it. */
gboolean satchel_tls_has_peer_certificate (SatchelTransport *transport);
GBytes *satchel_tls_peer_certificate (SatchelTransport *transport); /* The caller frees it. */
/* Makes the handshake, which must not have begun, ask the client for a certificate; it may send none. */
void satchel_tls_ask_certificate (SatchelTransport *transport);
/* Returns a text such as "TLS1.3 TLS_AES_256_GCM_SHA384", which the caller frees. */
char *satchel_tls_info (SatchelTransport *transport);
