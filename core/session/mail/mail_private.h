/* SPDX-License-Identifier: MIT
 * Declares what is shared by mail.c (grants, hand-over, owners) and session.c (sessions, what protocols
 * call).
 */
#pragma once
#include "core/runtime/connection/connection_private.h"
#include "core/session/mail/mail.h"
#include "core/base/session_id.h"
#include <satchel/reactor.h>

struct SatchelSession
{
  guint64 id;
  char id_text[SATCHEL_SESSION_ID_CHARS + 1];
  guint gate_slot;
  char *user, *peer, *tls_info; /* `user` is NULL without login */
  char *client_id;              /* "": the client has not said what it is */
  char *notice;                 /* for the user, or NULL */
  SatchelPlace *place;
  SatchelAccess *access; /* NULL without login */
  const char *group;     /* the group of settings of the protocol's module */
  const SatchelProtocolOps *protocol;
  gpointer self;
  SatchelConnection *connection;
  SatchelStore *store; /* set once by a job; atomic */
  gint64 started_ms;
  gint is_cancelled; /* atomic */
  gboolean has_tls, is_relayed, is_running, was_started;
  gboolean is_shutdown_due; /* the session has to say goodbye once its job has ended */
  SatchelSession *previous, *next;
};

extern SatchelMailHost satchel_mail_host;
extern SatchelSession *satchel_mail_sessions; /* newest first */

typedef struct MailHandOver
{
  guint64 id;
  guint gate_slot;
  const char *service, *user, *peer, *tls_info, *client_id, *credential, *scopes, *notice;
  SatchelPlace *place;
  GBytes *key, *copy;
  gboolean has_tls;
  const guint8 *note, *input;
  gsize note_len, input_len;
  int fd; /* the descriptor of the connection; taken over */
} MailHandOver;
void mail_session_start (const MailHandOver *hand_over);
/* Ends the session with a goodbye, as soon as no job runs. */
void mail_session_shutdown (SatchelSession *session);
SatchelSession *mail_session_find (guint gate_slot, guint64 id);
/* Returns a text such as "TLS1.3 TLS_AES_256_GCM_SHA384", or "" if the connection is in clear text. */
const char *satchel_session_tls_info (SatchelSession *session);
