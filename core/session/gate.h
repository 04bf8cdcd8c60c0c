/* SPDX-License-Identifier: MIT
 * Role gate, as its process sees it: listeners, sessions before login, hand-over.  The process
 * (core/daemon/role/gate_role.c) brings messages here and lends what is in SatchelGateHost.  Main thread
 * only.
 */
#pragma once
#include "core/runtime/ipc.h"
#include "core/session/tls.h"
#include <satchel/protocol.h>
#include <satchel/service.h>

typedef struct SatchelGateHost
{
  guint slot;
  /* Each takes the message over; FALSE: the peer is away. */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
  gboolean (*send_to_mail) (guint slot, SatchelIpcMessage *message);
  gboolean (*is_auth_up) (void);
  gboolean (*is_mail_up) (guint slot);
  /* A group of the configuration in force. */
  const SatchelConfig *(*group) (const char *name);
} SatchelGateHost;

/* @table: SATCHEL_CONNECTION_TABLE_BYTES shared by all gates, or NULL; @key: 64 secret bytes that all gates
 * share. */
void satchel_gate_init (const SatchelGateHost *host, gpointer table, gsize table_len, const guint8 key[64]);
/* Limits anew from the group `limits`. */
void satchel_gate_configure (void);
/* Credentials for handshakes from now on; NULL: no TLS.  A reference is taken. */
void satchel_gate_set_tls (SatchelTlsContext *context);

typedef struct SatchelGateListenerOptions
{
  const char *name;
  const SatchelGateProtocolOps *protocol; /* or: */
  const SatchelServiceOps *service;
  const char *group; /* whose group of settings: the protocol's or service's module */
  gboolean implicit_tls, allow_cleartext;
  const char *const *trusted_proxies; /* copied */
} SatchelGateListenerOptions;
/* @fd: listening, non-blocking; borrowed for good. */
void satchel_gate_listen (int fd, const SatchelGateListenerOptions *options);
/* A connected socket as if it had been accepted (tests, and activation by connection); @fd taken over. */
struct sockaddr_storage;
void satchel_gate_take (int fd, const struct sockaddr_storage *peer,
                        const SatchelGateListenerOptions *options);

/* Messages; FALSE: not acceptable, the link must go. */
gboolean satchel_gate_auth_message (SatchelIpcMessage *message);
gboolean satchel_gate_mail_message (guint slot, SatchelIpcMessage *message);
void satchel_gate_auth_up (void);
void satchel_gate_auth_lost (void);
void satchel_gate_mail_lost (guint slot);

/* No new connections.  @drain_only: those that are there live on, else they are ended politely. */
void satchel_gate_stop (gboolean drain_only);
/* Connections that this process still serves (not those handed over whole). */
guint satchel_gate_n_connections (void);
guint satchel_gate_n_relays (void);
/* One line a connection before login: "SESSION RIP SERVICE". */
void satchel_gate_describe (GString *text);
