/* SPDX-License-Identifier: MIT
 * Role gate and role mail in one process, joined by real links to each other and to an auth process of the
 * test's own, with a toy protocol.  For tests of sessions, TLS and hand-over.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/gate/gate.h"
#include "core/session/mail/mail.h"
#include "core/session/mail/mail.h"
#include "tests/lib/loop.h"

#include <gnutls/gnutls.h>
#include <string.h>

typedef struct Rig
{
  SatchelIpcLink *gate_auth, *auth_gate, *gate_mail, *mail_gate, *auth_mail, *mail_auth;
  SatchelConfigSet *limits, *toy;
  SatchelTlsContext *tls;
  /* The fake auth saw this. */
  guint n_asked, n_ended, n_released;
  gboolean is_silent;   /* answers nothing */
  gboolean grants_late; /* the grant is sent, but only read when mail looks for it */
  gboolean is_auth_away;
  guint8 last_grant[16];
  guint64 last_session;
  char asked_for[128];    /* "SERVICE PEER SECURE" of the last login of another server's client; "": none */
  const char *credential; /* that grants say; NULL: "password" */
  /* The toy's mail half saw this. */
  guint n_gate_open, n_mail_open, n_mail_closed;
  SatchelCloseReason mail_reason, gate_reason;
  guint n_commands; /* lines that the gate half ran */
  guint n_jobs_done;
  gboolean saw_cancel;
  guint keepalives;
  SatchelSession *last_mail;
  SatchelGateSession *last_gate;
} Rig;
extern Rig rig;

void rig_init (void);
void rig_set_limits (const char *text);
/* Runs until all sessions are gone, everywhere. */
void rig_settle (void);
/* A log that says nothing. */
void rig_quiet (SatchelLogLevel level, const char *area, const char *message);

/* ---- the toy protocol (toy_protocol.c): lines ---- */

/* The second one takes mail without a login, the third serves the clients of others. */
extern const SatchelGateProtocolOps toy_gate_ops, toy_open_ops, toy_others_ops;
extern SatchelProtocolOps toy_mail_ops;
/* The job of "job" ends when job_may_end is set. */
extern GMutex job_lock;
extern GCond job_cond;
extern gboolean job_may_end;

/* ---- the auth process of the test ---- */

/* Sends the mail half a grant; it stands in rig.last_grant. */
void auth_grant (guint64 session_id, const char *user, gint64 lifetime_ms);

/* ---- clients (rig_client.c) ---- */

typedef struct Client
{
  int fd;
  gnutls_session_t tls;
  gnutls_certificate_credentials_t credentials;
  GString *got;
  gboolean has_ended;
  int error; /* of TLS */
} Client;

/* A TCP connection whose far end is given to gate as if it came from @from. */
void client_connect (Client *client, const char *from, const SatchelGateListenerOptions *options);
void client_send (Client *client, const char *text, gsize len);
void client_say (Client *client, const char *text);
void client_read (Client *client);
gboolean client_has (Client *client, const char *text);
gboolean client_ended (Client *client);
void client_drop (Client *client);
void client_prepare_tls (Client *client, const char *name, const char *alpn);
/* Returns 0, or the error. */
int client_handshake (Client *client);
