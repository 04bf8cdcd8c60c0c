/* SPDX-License-Identifier: MIT
 * Declares what is shared by the files of the module. The factor is asked in the main thread and commands
 * run as jobs, so every use of the state holds the lock.
 */
#pragma once
#include "settings.h"

#include <satchel/admin.h>
#include <satchel/auth.h>

#define TOTP_AREA "totp"
#define TOTP_CLIENT_BYTES 64u

typedef struct Totp
{
  GMutex lock; /* guards all members below */
  TotpSettings *settings;
  TotpKeys *keys;      /* the keys that the file is sealed with */
  TotpKeys *new_keys;  /* the keys of totp.new_key, as long as the file is not sealed with them; or NULL */
  TotpState *state;    /* NULL: the file cannot be used */
  gint64 opened_at_ms; /* monotonic time of the last try to open the file, and what was wrong then */
  char *trouble;
  gint64 clock_lead_us; /* real time less monotonic time at the last look; 0: there was none */
} Totp;
extern Totp totp;

/* totp.c has these. */
/* Opens the file. FALSE means that it is unusable, which is in the log. The caller holds the lock, or is
 * alone. */
gboolean totp_open (GError **error);
/* Says whether the file can be used. FALSE means that nobody may be let in. The caller holds the lock. */
gboolean totp_ready (GError **error);
/* Takes the lock. FALSE means that the file cannot be used, and that the lock is not held. */
gboolean totp_lock_state (GError **error);
/* Fails, since @name has no secret. */
gboolean totp_fail_not_enrolled (const char *name, GError **error);
/* Returns seconds since 1970, and says in the log if the clock was set. */
gint64 totp_now_s (void);
/* Finds the step of the window around @now_s that @code belongs to; the caller holds the lock. FALSE with
 * @error means that the secret cannot be unsealed. *@ret_step is 0 if it belongs to none; *@ret_is_spent,
 * which may be NULL, says that it is that of a step that was used. */
gboolean totp_find_step (const TotpUser *user, const char *code, gint64 now_s, guint64 *ret_step,
                         gboolean *ret_is_spent, GError **error);
/* Makes the new keys count, with which the file is sealed from now on. The caller holds the lock. */
void totp_change_keys (void);
/* Returns "grant:17", the name of the credential that sessions have.  Yours. */
char *totp_grant_name (const TotpGrant *grant);

/* rekey.c seals all with the new keys; *@ret_n is the number of secrets.  The caller holds the lock. */
gboolean totp_rekey (guint *ret_n, GError **error);

/* grants.c has these, which the factor shows for lists of devices.  They take the lock themselves. */
gboolean totp_list_credentials (const char *name, SatchelCredentialEntryFunc func, gpointer data,
                                GError **error);
/* Ends a grant durably, and its sessions. NONEXISTENT means that the user has no such grant. */
gboolean totp_end_credential (const char *name, const char *credential, GError **error);
/* Notes what the client of a grant calls itself, which is written to the file with the next use. */
void totp_client_named (const char *name, const char *credential, const char *client);

/* admin.c removes everything that a user has, if there is anything, and takes the lock itself. */
gboolean totp_forget_user (const char *name, GError **error);

extern const SatchelFactorOps totp_factor;  /* factor.c */
extern const SatchelAdminOps totp_commands; /* admin.c */
/* enrol.c forgets all enrolments that wait for a code.  The caller holds the lock. */
void totp_clear_pending (void);
