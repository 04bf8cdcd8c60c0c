/* SPDX-License-Identifier: MIT
 * Declares the role gate for its process: listeners, sessions before login, hand-over. The process
 * (core/daemon/role/gate_role.c) passes messages to it, and provides the functions of SatchelGateHost. Main
 * thread only.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include "core/session/gate/tls.h"
#include <satchel/protocol.h>
#include <satchel/service.h>

typedef struct SatchelGateHost
{
  guint slot;
  /* Both take the message over. FALSE means that the peer is away. */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
  gboolean (*send_to_mail) (guint slot, SatchelIpcMessage *message);
  gboolean (*is_auth_up) (void);
  gboolean (*is_mail_up) (guint slot);
  /* Returns a group of the current configuration. */
  const SatchelConfig *(*group) (const char *name);
} SatchelGateHost;

/* Starts the role.  @table has SATCHEL_CONNECTION_TABLE_BYTES that all gates share, or is NULL; @key has 64
 * secret bytes that all gates share. */
void satchel_gate_init (const SatchelGateHost *host, gpointer table, gsize table_len, const guint8 key[64]);
/* Reads the group `limits` again. */
void satchel_gate_configure (void);
/* Sets the credentials for later handshakes; NULL: no TLS.  A reference is taken. */
void satchel_gate_set_tls (SatchelTlsContext *context);

typedef struct SatchelGateListenerOptions
{
  const char *name;
  const SatchelGateProtocolOps *protocol; /* NULL: the listener has a service */
  const SatchelServiceOps *service;       /* NULL: the listener has a protocol */
  const char *group;                      /* the group of settings of the protocol's or service's module */
  gboolean implicit_tls, allow_cleartext;
  const char *const *trusted_proxies; /* copied */
  const char *const *mechanisms;      /* copied; NULL or none: all that auth offers */
  gboolean asks_certificate;
  const char *const *id_networks; /* copied */
} SatchelGateListenerOptions;
/* Accepts connections at @fd, which is listening and non-blocking, and is borrowed for good. */
void satchel_gate_listen (int fd, const SatchelGateListenerOptions *options);
/* Takes a connected socket over as if it had been accepted (tests, and activation by connection). */
struct sockaddr_storage;
void satchel_gate_take (int fd, const struct sockaddr_storage *peer,
                        const SatchelGateListenerOptions *options);

/* These take messages of the peers. FALSE means that the message is malformed, and that the link must be
 * closed. */
gboolean satchel_gate_auth_message (SatchelIpcMessage *message);
gboolean satchel_gate_mail_message (guint slot, SatchelIpcMessage *message);
void satchel_gate_auth_up (void);
void satchel_gate_auth_lost (void);
void satchel_gate_mail_lost (guint slot);

/* Accepts no more connections.  @drain_only: existing connections live on; otherwise they are ended with a
 * goodbye. */
void satchel_gate_stop (gboolean drain_only);
/* Returns the number of connections that this process still serves (without those whose descriptor was handed
 * over). */
guint satchel_gate_n_connections (void);
guint satchel_gate_n_relays (void);
