/* SPDX-License-Identifier: MIT
 * Declares what is shared by the files of the auth role, the one process that sees credentials; README.md
 * says what each file does.
 */
#pragma once
#include "core/daemon/auth/check/auth_cache.h"
#include "core/daemon/auth/throttle/auth_known.h"
#include "core/daemon/auth/check/auth_pool.h"
#include "core/daemon/auth/exchange/auth_sasl.h"
#include "core/daemon/auth/throttle/auth_throttle.h"
#include "core/daemon/auth/placement/placement.h"
#include "core/daemon/role/role.h"
#include "core/runtime/login/auth_call_private.h"

#include <satchel/auth.h>
#include <satchel/delivery.h>
#include <satchel/reactor.h>

#define SATCHEL_GRANT_BYTES 16

typedef enum
{
  SATCHEL_EXPLAIN_NEVER = 0,
  SATCHEL_EXPLAIN_KNOWN_NETWORKS,
  SATCHEL_EXPLAIN_ALWAYS
} SatchelExplain;

/* These come from the configuration, and are replaced at a reload. */
typedef struct SatchelAuthSettings
{
  char *default_domain;
  gboolean lowers_users;
  char **domains;        /* auth.domains, lower case */
  GPtrArray *mechanisms; /* const SatchelSaslOps *, in the order of auth.mechanisms */
  gint64 failure_delay_ms, cache_ms, source_ms;
  guint max_failures, max_connections; /* of a user */
  guint max_sessions;                  /* of a gate */
  SatchelExplain explain;
  guint main_password;                /* auth_main_password.c */
  SatchelUserChoices *main_passwords; /* of single users and domains */
  char **webmail_networks;
} SatchelAuthSettings;

typedef struct SatchelAuth
{
  SatchelRoleContext *context;
  SatchelAuthSettings settings;
  GPtrArray *passdbs, *userdbs, *factors, *keyrings; /* const SatchelPassdbOps *, ..., in their order */
  GPtrArray *account_listeners;                      /* const SatchelAccountListenerOps * */
  SatchelThrottle *throttle;
  SatchelKnown *known;
  SatchelTimer known_timer; /* while there is something to store */
  SatchelAuthCache *cache;
  SatchelKept *kept;        /* where the cache outlives a crash; NULL: nowhere */
  SatchelTimer cache_timer; /* while something is in it */
  gboolean is_stopping;
  SatchelHashPool *pool;
  SatchelPlacements *placements;
  /* Digest (auth_cache.h) -> the SatchelAuthCheck that computes it; others with the same join it. */
  GHashTable *running;
  GHashTable *n_connections; /* user -> how many */
  guint next_service_slot;
} SatchelAuth;

/* Each verdict has a word in the log (reason=). The words are frozen, since programs read them. */
typedef enum
{
  SATCHEL_LOGIN_UNAVAILABLE = 0,
  SATCHEL_LOGIN_RIGHT,
  SATCHEL_LOGIN_BAD_PASSWORD,
  SATCHEL_LOGIN_UNKNOWN_USER,
  SATCHEL_LOGIN_LOCKED,
  SATCHEL_LOGIN_THROTTLED,
  SATCHEL_LOGIN_BAD_CODE,
  SATCHEL_LOGIN_CODE_MISSING,
  SATCHEL_LOGIN_CODE_STALE,
  SATCHEL_LOGIN_MALFORMED, /* no name and password to check */
  SATCHEL_LOGIN_NEEDS_APP_PASSWORD,
  SATCHEL_LOGIN_NEEDS_GRANT,
  SATCHEL_LOGIN_OUT_OF_SCOPE,
  SATCHEL_LOGIN_NO_KEY /* the login is right, and cannot open the user's sealed mail */
} SatchelLoginVerdict;

/* Says how a check ended.  Borrowed. */
typedef struct SatchelCheckResult
{
  SatchelLoginVerdict verdict;
  const char *user;                /* local@domain, or NULL where the name is none */
  GBytes *unlocked;                /* RIGHT: the key that came with it, or NULL */
  GBytes *copy;                    /* RIGHT: what is to be kept beside the mail, or NULL */
  const char *notice;              /* RIGHT and NO_KEY: what the user should be told, or NULL */
  const char *credential, *scopes; /* RIGHT: what opened the session, and for which services ("": all) */
  const char *attributes;          /* RIGHT: what the userdbs say of the user */
} SatchelCheckResult;
typedef struct SatchelAuthCheck SatchelAuthCheck;
typedef void (*SatchelCheckFunc) (const SatchelCheckResult *result, gpointer data);
/* Checks a name with its password.  @login is what the gate has sent, without a user; @name and
 * @authorisation (or NULL) are what the client has sent; @secret (satchel_shared_secret_new) is taken over.
 * @func is called once, later or before this returns.  A check cannot be withdrawn: an attempt counts even if
 * nobody waits for its answer. */
void satchel_check_password (SatchelAuth *auth, const SatchelLogin *login, const char *name, gsize name_len,
                             const char *authorisation, char *secret, SatchelCheckFunc func, gpointer data);
/* Hears what one step of a test found. @source is the table of the module that was asked, or NULL. */
typedef void (*SatchelCheckNote) (const char *step, gconstpointer source, const char *text, gpointer data);
/* Does the same for an administrator, by the same way: @note is told of each step.  Nothing is counted,
 * remembered, spent or opened, and modules are told so (SatchelLogin.is_test). */
void satchel_check_test (SatchelAuth *auth, const SatchelLogin *login, const char *name, char *secret,
                         SatchelCheckNote note, SatchelCheckFunc func, gpointer data);
/* Begins a check for a mechanism that compares secrets by itself, and calls @found with the user's
 * credential, or @func if the check ends before.  After @found the caller has the check, and ends it by one
 * of the functions below. */
typedef void (*SatchelCheckFound) (SatchelAuthCheck *check, const char *user,
                                   const SatchelCredential *credential, gpointer data);
void satchel_check_look_up (SatchelAuth *auth, const SatchelLogin *login, const char *name,
                            const char *authorisation, SatchelCheckFound found, SatchelCheckFunc func,
                            gpointer data);
/* Does the same for an administrator, as satchel_check_test does; @data goes to @note, too. */
void satchel_check_test_look_up (SatchelAuth *auth, const SatchelLogin *login, const char *name,
                                 SatchelCheckNote note, SatchelCheckFound found, SatchelCheckFunc func,
                                 gpointer data);
/* Ends the check with what the mechanism proved. @turn is what came with RIGHT. */
void satchel_check_proved (SatchelAuthCheck *check, const SatchelSaslTurn *turn, gint64 deadline_ms);
void satchel_check_refuted (SatchelAuthCheck *check);
/* Forgets verified logins in time, from now on. */
void satchel_check_expire_later (SatchelAuth *own);
/* Does the same where nobody waits for the end any more. */
SatchelLoginVerdict satchel_check_abandon_refuted (SatchelAuthCheck *check);
/* Ends the check where nothing was compared: the attempt does not count, and nobody is told. */
void satchel_check_withdraw (SatchelAuthCheck *check);

/* auth_main_password.c says whether @user's own password may open what @login wants, and whether it may open
 * everything. */
gboolean satchel_main_password_is_good (const SatchelAuth *auth, const char *user, const SatchelLogin *login);
gboolean satchel_main_password_is_everywhere (const SatchelAuth *auth, const char *user);
/* Reads them from the group `auth`, which was checked (below). */
void satchel_main_password_read (SatchelAuthSettings *settings, const SatchelConfig *group);
/* Checks the settings. FALSE with @error means that they cannot be used. */
gboolean satchel_main_password_check (const SatchelConfig *group, GError **error);

gpointer satchel_auth_gate_new (SatchelAuth *auth,
                                SatchelPeer *peer); /* the peer's data; sends the mechanisms to the gate */
void satchel_auth_gate_free (gpointer gate);        /* its sessions are over */
gboolean satchel_auth_gate_message (gpointer gate, SatchelIpcMessage *message);
void satchel_auth_gate_send_mechanisms (gpointer gate);
guint satchel_auth_gate_n_sessions (gpointer gate);

/* Says what a grant is for. */
typedef struct SatchelGrantRequest
{
  guint gate_slot;
  guint64 session_id;
  const char *service;
  const char *user;   /* NULL: a session without login, on the mail processes in turn */
  GBytes *unlocked;   /* the key that the login unlocked, or NULL */
  GBytes *copy;       /* what is to be kept beside the mail, or NULL */
  const char *notice; /* what the user should be told, or NULL */
  const char *credential, *scopes;
  const char *attributes; /* of @user, as SatchelPlace has them */
} SatchelGrantRequest;
/* Sends GRANT to the owner's mail process.  OK, LIMITED or UNAVAILABLE.  OK counts a connection of the user,
 * until satchel_auth_grant_end. */
SatchelAuthStatus satchel_auth_grant (SatchelAuth *auth, const SatchelGrantRequest *request,
                                      guint8 ret_grant[SATCHEL_GRANT_BYTES], guint *ret_mail_slot);
void satchel_auth_grant_end (SatchelAuth *auth, const char *user);
/* Reads the installation's secret below @root_fd, or makes it. */
void satchel_auth_load_secret (int root_fd);
/* Ends the sessions of @user that @credential opened, in all mail processes, and grants on their way. */
void satchel_auth_end_sessions (SatchelAuth *auth, const char *user, const char *credential);
/* Says whether @peer may use @service without login, by `networks` of its listeners; where they are unset,
 * from this machine only. */
gboolean satchel_auth_may_use_service (SatchelAuth *auth, const char *service, const char *peer);

/* Takes the result of a look-up.  @users are local@domain strings, which may be taken; there are none unless
 * the status is OK.  @why is a word for the log, static, "" with OK. */
typedef void (*SatchelLookUpFunc) (SatchelDeliveryStatus status, GPtrArray *users, const char *why,
                                   gpointer data);
/* Finds the users of an address.  @plain is @address without its detail, or NULL.  @func is called once,
 * later or before this returns. */
void satchel_auth_look_up (SatchelAuth *auth, const char *address, const char *plain, gint64 deadline_ms,
                           SatchelLookUpFunc func, gpointer data);
/* Returns when a question that is asked now must be answered. */
gint64 satchel_auth_deadline_ms (const SatchelAuth *auth);
/* Takes a LOOKUP of @peer, which is answered once users, places and attributes are known. */
gboolean satchel_auth_lookup_message (SatchelAuth *auth, SatchelPeer *peer, SatchelIpcMessage *message);

/* What the userdbs say of a user, as SatchelPlace has it; NULL with @error means that it is not known now.
 * All borrowed. */
typedef void (*SatchelAttributesFunc) (const char *attributes, const GError *error, gpointer data);
typedef struct SatchelAttributesQuestion
{
  const char *user;
  SatchelLogin *login; /* or NULL */
  gint64 deadline_ms;
  /* The passdb that has told of the user, and what, or NULL: its own userdb need not be asked again. */
  const SatchelPassdbOps *passdb;
  const SatchelCredential *credential;
} SatchelAttributesQuestion;
/* Asks the userdbs for a user's attributes.  @func is called once, later or before this returns. */
void satchel_auth_ask_attributes (SatchelAuth *auth, const SatchelAttributesQuestion *question,
                                  SatchelAttributesFunc func, gpointer data);

/* Takes an OWNED of @mail, the question which users belong to that process; the answer may come later. FALSE
 * means that it is malformed. */
gboolean satchel_auth_owned_message (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message);

typedef struct SatchelAuthEvent
{
  const char *peer, *service, *method, *name; /* as the client sent it */
  gsize name_len;
  guint64 session_id;
  gboolean has_tls;
} SatchelAuthEvent;
/* Returns the word of the log's reason=. */
const char *satchel_auth_reason (SatchelLoginVerdict verdict);
/* Returns what a client with the right password is told, if it may be told anything; NULL means nothing. */
const char *satchel_auth_explain (SatchelAuth *auth, SatchelLoginVerdict verdict, const char *user,
                                  const char *place);
/* Logs every verdict but success, at once, before any delay. In a flood, of one address or altogether, it is
 * only counted (log_budget.h). */
void satchel_auth_log_failure (const SatchelAuthEvent *event, SatchelLoginVerdict verdict);
/* Logs for the administrator that a login could not be checked, and why. */
void satchel_auth_log_trouble (const char *user, const char *peer, const char *why);
/* Logs why a mechanism took what the client showed for wrong, beside the line of the failed login. */
void satchel_auth_log_proof (const SatchelAuthEvent *event, const char *why);
void satchel_auth_log_success (const SatchelAuthEvent *event, const char *user, const char *credential);
/* Logs a login that was not tried, since its secret would go where others could listen. */
void satchel_auth_log_refusal (const SatchelAuthEvent *event, const char *why);
/* Logs that a user has no place, or that the attributes of a user are not known; says nothing of a user whom
 * an admin has released. */
void satchel_auth_log_misplaced (const GError *error);
