/* SPDX-License-Identifier: MIT
 * Role mail, as its process sees it: grants, sessions after login, RELEASE and ADOPT.  The process
 * (core/daemon/role/mail_role.c) brings messages here and lends what is in SatchelMailHost.  Main thread
 * only.
 */
#pragma once
#include "core/runtime/ipc.h"
#include <satchel/protocol.h>
#include <satchel/storage.h>

#include "core/storage/store_open.h"

typedef struct SatchelMailHost
{
  /* Each takes the message over; FALSE: the peer is away. */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
  gboolean (*send_to_gate) (guint slot, SatchelIpcMessage *message);
  /* Takes in what auth has sent already: a grant travels another way than its connection. */
  void (*drain_auth) (void);
  const SatchelConfig *(*group) (const char *name);
  /* The protocol's half of a service, and its group in *ret_group; NULL: not here. */
  const SatchelProtocolOps *(*find_protocol) (const char *service, const char **ret_group);
  /* In a job; a handle of the caller's. */
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
  void (*release_store) (const char *user, const SatchelPlace *place, const SatchelPlace *target,
                         SatchelStoreReleasedFunc func, gpointer data);
  void (*adopt_store) (const char *user, guint64 epoch);
} SatchelMailHost;

void satchel_mail_init (const SatchelMailHost *host);
/* Messages; FALSE: not acceptable, the link must go. */
gboolean satchel_mail_auth_message (SatchelIpcMessage *message); /* GRANT RELEASE ADOPT */
gboolean satchel_mail_gate_message (guint slot, SatchelIpcMessage *message);
/* Its grants are void; its relayed connections end by themselves. */
void satchel_mail_gate_lost (guint slot);

/* Ends all sessions politely (jobs finish first). */
void satchel_mail_stop (void);
guint satchel_mail_n_sessions (void);
guint satchel_mail_n_grants (void);
/* Ends the sessions of @user; how many there were. */
guint satchel_mail_kick (const char *user);
/* The same of those whose place is of an epoch up to @epoch. */
guint satchel_mail_kick_outdated (const char *user, guint64 epoch);
/* Tells auth what was found of a user whom a rule has sent here. */
void satchel_mail_tell_placed (const char *user, guint64 epoch, gboolean has_mail);
/* One line a session: "USER SERVICE RIP TLS SESSION SECONDS"; TLS "-" without. */
typedef void (*SatchelMailDescribeFunc) (const char *line, gpointer data);
void satchel_mail_describe (SatchelMailDescribeFunc func, gpointer data);
