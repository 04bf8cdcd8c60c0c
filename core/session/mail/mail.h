/* SPDX-License-Identifier: MIT
 * Declares the role mail for its process: grants, sessions after login, RELEASE and ADOPT. The process
 * (core/daemon/role/mail_role.c) passes messages to it, and provides the functions of SatchelMailHost. Main
 * thread only.
 */
#pragma once
#include "core/runtime/ipc/ipc.h"
#include <satchel/protocol.h>
#include <satchel/storage.h>

#include "core/storage/store/store_open.h"

typedef struct SatchelMailHost
{
  /* Both take the message over. FALSE means that the peer is away. */
  gboolean (*send_to_auth) (SatchelIpcMessage *message);
  gboolean (*send_to_gate) (guint slot, SatchelIpcMessage *message);
  /* Handles the messages that auth has sent already: a grant and its connection come by different links. */
  void (*drain_auth) (void);
  const SatchelConfig *(*group) (const char *name);
  /* Returns the protocol of a service, and its group in *ret_group; NULL means that this process does not
   * have it. */
  const SatchelProtocolOps *(*find_protocol) (const char *service, const char **ret_group);
  /* Opens the store for @access.  The handle is the caller's.  Called in a job. */
  SatchelStore *(*acquire_store) (const SatchelAccess *access, const SatchelPlace *place, GError **error);
  /* Does that if the store is open already; else NULL.  Called in the loop. */
  SatchelStore *(*acquire_open_store) (const SatchelAccess *access, const SatchelPlace *place);
  void (*release_store) (const char *user, const SatchelPlace *place, const SatchelPlace *target,
                         SatchelStoreReleasedFunc func, gpointer data);
  void (*adopt_store) (const char *user, guint64 epoch);
} SatchelMailHost;

void satchel_mail_init (const SatchelMailHost *host);
/* These take messages of the peers. FALSE means that the message is malformed, and that the link must be
 * closed. */
gboolean satchel_mail_auth_message (SatchelIpcMessage *message); /* takes GRANT, RELEASE and ADOPT */
gboolean satchel_mail_gate_message (guint slot, SatchelIpcMessage *message);
/* Takes in that a gate is gone: its grants are void; its relayed connections end by themselves. */
void satchel_mail_gate_lost (guint slot);

/* Ends all sessions with a goodbye, after their jobs. */
void satchel_mail_stop (void);
guint satchel_mail_n_sessions (void);
guint satchel_mail_n_grants (void);
/* Ends the sessions of @user, and returns their number. */
guint satchel_mail_kick (const char *user);
/* Ends the sessions that @credential opened, and grants for such; returns how many sessions there were. */
guint satchel_mail_end_credential (const char *user, const char *credential);
/* Ends the sessions of @user whose place is of an epoch up to @epoch; returns how many there were. */
guint satchel_mail_kick_outdated (const char *user, guint64 epoch);
/* Reports to auth what was found of a user who was placed here by a rule. */
void satchel_mail_tell_placed (const char *user, guint64 epoch, gboolean has_mail);
/* Ends the session of @user with this id; returns how many there were, 0 or 1. */
guint satchel_mail_end_session (const char *user, const char *id);
/* Calls @func with a line for each session of @user, or of all (NULL). */
typedef void (*SatchelMailDescribeFunc) (const char *line, gpointer data);
void satchel_mail_describe (const char *user, SatchelMailDescribeFunc func, gpointer data);

/* Holds a session: while an answer for it is on its way, its `closed` handler is not called, as while a job
 * runs. */
void satchel_session_hold (SatchelSession *session);
void satchel_session_unhold (SatchelSession *session);
