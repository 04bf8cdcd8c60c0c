/* SPDX-License-Identifier: MIT
 * A stage for the auth role: the role's hooks, gates and mail processes that only note what they are sent,
 * and databases in memory that count how often they hash.
 */
#pragma once
#include "core/daemon/auth/auth.h"
#include "core/daemon/auth/admin/auth_admin.h"

#define STAGE_GATES 2u
#define STAGE_MAILS 2u
#define STAGE_PEER "192.0.2.1"
/* A login to another server, such as an MTA, over TLS. */
#define STAGE_ELSEWHERE (SATCHEL_IPC_SECURE_PASSWORD | SATCHEL_IPC_SECURE_TLS | SATCHEL_IPC_SECURE_ELSEWHERE)

typedef struct Stage
{
  SatchelRoleContext context;
  const SatchelRoleHooks *hooks;
  SatchelPeer gates[STAGE_GATES], mails[STAGE_MAILS];
  GQueue sent[STAGE_GATES + STAGE_MAILS]; /* SatchelIpcMessage to each: gates, then mails */
  gboolean mails_are_slow;   /* what is sent to a gate after something for a mail process stays in `late` */
  gboolean mails_are_behind; /* they take no more logins */
  GQueue late;
  GString *log;
  GString *admin_reply;
  guint n_admin_final;
  char *directory; /* its configuration */
  int root_fd;
} Stage;
extern Stage stage;

/* @overrides are "group.setting=VALUE", NULL-ended. A failure is answered without delay unless they say
 * else. */
void stage_begin (const char *const *overrides);
void stage_end (void);
/* Ends and begins anew with the same files, as after a crash. */
void stage_restart (const char *const *overrides);
void stage_mail_away (guint slot);
void stage_mail_back (guint slot);

/* The fake database has "alice@x.org" and "bob@x.org", password "pw".  @password NULL: none; and not locked:
 * removes. */
void stage_set_user (const char *user, const char *password, gboolean is_locked);
typedef struct StageCounts
{
  guint n_hashes, n_dummy_hashes, n_upgrades, n_checks;
  guint n_resolved, n_attributes; /* by the userdb */
  guint n_look_ups, n_cancelled, n_examined, n_unlocked;
  gsize password_len; /* of the last question for a code */
} StageCounts;
extern StageCounts stage_counts; /* atomic */
extern const char *stage_key;    /* what a right password unlocks, or NULL */
extern gboolean stage_database_is_down, stage_hash_fails, stage_wants_upgrade;
/* While it is TRUE, hashes wait on their thread. */
void stage_hold_hashes (gboolean hold);
extern const char *const *stage_attributes; /* of all users: NAME=VALUE, ..., NULL; NULL: they are unknown */
extern const char *const *stage_attributes_of_passdb; /* which come with the credential, or NULL */
extern gboolean stage_attributes_are_down;
extern gboolean stage_userdb_is_silent; /* says nothing, until stage_userdb_speaks */
guint stage_userdb_speaks (void);       /* how many questions there were */
extern GHashTable *stage_aliases;       /* address -> "target target" */
extern const char *stage_factor_user;   /* enrolled: last three characters of the secret are the code */
extern SatchelFactorVerdict stage_factor_verdict;
extern SatchelFactorAnswer stage_factor_answer; /* not UNAVAILABLE: what the factor says to every login */
extern const char *stage_cheap_user;            /* whose every secret the factor accepts, without a hash */
/* What the factor keeps for every user: "ID LABEL", as many as there are. */
extern GPtrArray *stage_credentials;
extern gboolean stage_credentials_are_down;
extern GString *stage_told_factor;    /* "forgot USER\n", "USER CREDENTIAL is CLIENT\n" */
extern const char *stage_silent_user; /* whom the database says nothing of, until stage_answer_late */
extern const char *stage_binding;     /* tls-exporter of the connections, or NULL */
extern char *stage_scram;             /* SCRAM keys of all users, or NULL */
extern const char
    *stage_ring_says; /* an attribute of every user, by the keyring; "": it cannot tell; NULL: none */
extern const char *stage_notice; /* what the keyring wants the user to be told, or NULL */
extern gboolean stage_has_ring;  /* every user has a keyring, and its key tells what opened it */
guint stage_answer_late (void);  /* how many questions there were */

/* Delivers a message from gate @slot. FALSE means that the link would be closed. */
gboolean stage_deliver (SatchelPeer *peer, SatchelIpcMessage *message); /* taken over */
gboolean stage_password (guint gate, guint64 session, const char *peer, const char *user,
                         const char *password);
gboolean stage_password_full (guint gate, guint64 session, const char *service, const char *method,
                              const char *peer, guint secure, const void *user, gsize user_len,
                              const void *password, gsize password_len);
SatchelIpcMessage *stage_password_message (guint64 session, const char *service, const char *method,
                                           const char *peer, guint secure, const void *user, gsize user_len,
                                           const void *password, gsize password_len);
gboolean stage_sasl (guint gate, guint64 session, const char *mechanism, guint secure, const void *initial,
                     gssize len);
gboolean stage_step (guint gate, guint64 session, const void *response, gsize len);
gboolean stage_simple (guint gate, SatchelIpcType type, guint64 session);

typedef struct StageReply
{
  guint64 session;
  SatchelAuthStatus status;
  char challenge[64], explain[128], user[256];
  guint8 grant[16];
  gsize grant_len;
  guint mail_slot;
} StageReply;
/* Runs the loop until gate @slot is answered. */
void stage_wait_reply (guint gate, StageReply *ret_reply);
extern gboolean stage_is_elsewhere; /* the logins are those of other servers: OK comes without a grant */
SatchelAuthStatus stage_wait_status (guint gate);
/* Logs in with a password from gate 0 at STAGE_PEER, up to the answer; then the connection ends. */
SatchelAuthStatus stage_log_in (guint64 session, const char *user, const char *password);
guint stage_n_hashes (void); /* of passwords and dummies */
/* Runs what is ready; TRUE if gate @slot has an answer now. */
gboolean stage_has_reply (guint gate);
/* Runs the loop until no hash runs. */
void stage_settle (void);
/* Returns the next message to mail @slot, which the caller frees, or NULL. */
SatchelIpcMessage *stage_take_from_mail (guint slot);
guint stage_count_lines (const char *text);
