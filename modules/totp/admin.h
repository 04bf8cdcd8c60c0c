/* SPDX-License-Identifier: MIT
 * Declares what is shared by the commands `satchel totp ...`. Changes are made under the lock; lines are
 * printed without it, since printing waits for a terminal.
 */
#pragma once
#include "totp.h"

/* Returns the user that a command is about; borrowed from @call. */
static inline const char *
totp_admin_user (const SatchelAdminCall *call)
{
  return satchel_admin_access (call)->owner;
}

/* enrol.c has these. */
gboolean totp_run_enrol (SatchelAdminCall *call, GError **error);
/* Forgets an enrolment of @name that waits for its first code. The caller holds the lock. */
void totp_forget_pending (const char *name);

/* grants.c has these. */
gboolean totp_run_grants (SatchelAdminCall *call, GError **error);
gboolean totp_run_revoke (SatchelAdminCall *call, GError **error);
/* Returns the names of a user's grants, or of the one @id if it is not 0, for totp_end_sessions once they are
 * revoked durably. The caller holds the lock. */
GPtrArray *totp_grant_names (const TotpUser *user, guint64 id);
/* Ends the sessions that grants opened, later, in the main thread. */
void totp_end_sessions (const char *user, const GPtrArray *names);
