/* SPDX-License-Identifier: MIT
 * Declares who is enrolled, which codes were used, and what they opened: in memory, and in a file of records
 * (<satchel/record_log.h>). Changes are accepted once totp_state_commit has returned TRUE. One thread at a
 * time.
 */
#pragma once
#include "user.h"

typedef struct TotpState TotpState;
typedef struct TotpGrantTimes
{
  gint64 idle_s, max_s; /* 0: there are no grants */
} TotpGrantTimes;

/* Reads the file @path. NULL means that it is damaged, was removed, or cannot be read. */
TotpState *totp_state_new (const char *path, GError **error);
void totp_state_free (TotpState *state);
/* Makes what is in memory durable. FALSE: it may not have reached the disk, so that
 * no login may be accepted on the strength of it. */
gboolean totp_state_commit (TotpState *state, GError **error);

/* Returns an enrolled user; NULL means that @name is not enrolled. */
TotpUser *totp_state_find (TotpState *state, const char *name);
typedef void (*TotpUserFunc) (const TotpUser *user, gpointer data);
void totp_state_foreach (TotpState *state, TotpUserFunc func, gpointer data);
/* These add a user, who is taken over, and remove one. */
void totp_state_add (TotpState *state, TotpUser *user);
void totp_state_remove (TotpState *state, TotpUser *user);
/* These note that the record of a user, or of a grant, is outdated. */
void totp_state_note_user (TotpState *state, const TotpUser *user);
void totp_state_note_grant (TotpState *state, const TotpUser *user, TotpGrant *grant);
/* Ends grants whose time was over at @now_s. */
void totp_state_expire (TotpState *state, TotpUser *user, TotpGrantTimes times, gint64 now_s);
void totp_state_end_grant (TotpState *state, TotpUser *user, TotpGrant *grant);
/* Takes @grant over, gives it its id, and notes user and grant. */
void totp_state_add_grant (TotpState *state, TotpUser *user, TotpGrant *grant);
/* Returns the time step of the newest code that anybody used. */
guint64 totp_state_newest_step (const TotpState *state);

/* Returns the sealed key of hashes; NULL means that the master key was never changed. */
const char *totp_state_hash_key (const TotpState *state);
/* Seals all secrets and the key of hashes anew, at once: @sealed has user -> sealed secret. FALSE means that
 * nothing has changed, or that the file is that of a change that was not acknowledged. */
gboolean totp_state_reseal (TotpState *state, GHashTable *sealed, const char *hash_key, GError **error);
