/* SPDX-License-Identifier: MIT
 * Credentials and users: modules that are a passdb, a userdb or a factor.  Role auth (and cli for the calls
 * of the administrator).  Calls marked [blocks] run in threads; all others run in the main thread of the one
 * auth process, where every login waits behind them, and may take as long as a stat or two.
 *
 * What a source is asked at a login comes as a *call* (SatchelAuthCall): the entry point returns soon, and
 * the call is answered exactly once, at once or later.  docs/modules/passdb.md, docs/modules/factor.md;
 * decision 0059.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/error.h>
#include <satchel/login.h>
#include <satchel/secret.h>

G_BEGIN_DECLS

/* ---- calls ---- */

/* A call asks one question to a passdb, userdb, factor or keyring. It belongs to the module from the entry
 * point to the answer, with all that it holds. The core sets its deadline; when that has passed, the login or
 * look-up ends as unavailable and `cancelled` tells the module, which answers all the same, soon: the answer
 * is dropped. A source that has too many calls unanswered is asked nothing more, so that one that hangs costs
 * no more than that. */
typedef struct SatchelAuthCall SatchelAuthCall;
typedef struct SatchelCredential SatchelCredential;

/* Returns the attempt that the call is about; NULL means that it is not about one.  [any thread, as all of
 * these] */
SATCHEL_API const SatchelLogin *satchel_auth_call_login (const SatchelAuthCall *call);
/* Returns the user it is about, local@domain; of a userdb's `look_up`, the address. */
SATCHEL_API const char *satchel_auth_call_user (const SatchelAuthCall *call);
/* Returns the secret, NUL-ended, never with a NUL inside: of `examine` and `confirm` exactly what the client
 * typed; of `verify` and `upgrade` the password; NULL means that the client proved who it is without sending
 * one.  It is wiped after the answer; the module wipes its own copies. */
SATCHEL_API const char *satchel_auth_call_secret (const SatchelAuthCall *call);
/* Returns what the passdb said of the user; NULL means that the user is unknown. */
SATCHEL_API const SatchelCredential *satchel_auth_call_credential (const SatchelAuthCall *call);
/* Returns, in `confirm`, how many bytes of the secret are the right password. */
SATCHEL_API gsize satchel_auth_call_password_len (const SatchelAuthCall *call);
/* Returns the milliseconds until nobody waits any more; 0 means that it is over. */
SATCHEL_API gint64 satchel_auth_call_left_ms (const SatchelAuthCall *call);
/* Sets or returns a pointer of the module's own; the core does not free it. */
SATCHEL_API void satchel_auth_call_set_data (SatchelAuthCall *call, gpointer data);
SATCHEL_API gpointer satchel_auth_call_data (SatchelAuthCall *call);

/* Runs @func in a thread, for what takes processor time or memory, such as a password hash: only as much at a
 * time as `limits.hash_memory` has room for, in order, each network a bounded share of the line.  @func
 * answers the call.  Where the line is full or the deadline passes before its turn, the core answers as
 * unavailable, and @func is not called.  @cost_bytes: the memory that @func needs.  Once a call, in the main
 * thread. */
typedef void (*SatchelAuthWorkFunc) (SatchelAuthCall *call);
SATCHEL_API void satchel_auth_call_work (SatchelAuthCall *call, guint64 cost_bytes, SatchelAuthWorkFunc func);

/* Asks the helper of @module (helper.h), and gives its reply to @func, which answers the call.  Where the
 * helper fails, is down, or says nothing by the deadline, the core answers as satchel_auth_call_fail; when
 * the call is given up, the helper hears of it.  Main thread, once at a time. */
typedef void (*SatchelAuthReplyFunc) (SatchelAuthCall *call, GBytes *reply);
SATCHEL_API void satchel_auth_call_ask_helper (SatchelAuthCall *call, const char *module, GBytes *request,
                                               SatchelAuthReplyFunc func);

/* A call is answered by one of these, once, in any thread; @call is gone then. An answer that does not belong
 * to the question counts as a failure. */
/* This answers all of them: the source cannot tell now.  The login ends as unavailable, which is no failure
 * of the user's, and no other source is asked instead.  @error is copied; its message goes to the log. */
SATCHEL_API void satchel_auth_call_fail (SatchelAuthCall *call, const GError *error);
/* This answers `look_up`: the user's credential, which is copied; NULL means that the user is unknown
 * here. */
SATCHEL_API void satchel_auth_call_found (SatchelAuthCall *call, const SatchelCredential *credential);
/* This answers a userdb's `look_up` with the users, or the addresses that an alias leads to, NULL-ended and
 * copied; NULL means that the address is unknown here. */
SATCHEL_API void satchel_auth_call_resolved (SatchelAuthCall *call, const char *const *users);
/* Answers a userdb's `attributes`: each is "NAME=VALUE", a NULL ends them, and they are copied.  NULL means
 * that the user is unknown here. */
SATCHEL_API void satchel_auth_call_attributes (SatchelAuthCall *call, const char *const *attributes);

/* Fills bytes that follow from @text and a secret of this installation, and from nothing else. They are the
 * same each time, for values that are made up for users who are not there. @purpose keeps the uses apart.
 * Role auth. */
#define SATCHEL_DERIVED_BYTES 32u
SATCHEL_API void satchel_auth_derive (const char *purpose, const char *text,
                                      guint8 ret_bytes[SATCHEL_DERIVED_BYTES]);

/* ---- passdbs ---- */

/* A passdb has one user's stored credential in this form. */
struct SatchelCredential
{
  size_t size;
  char *user; /* local@domain */
  /* A string like that of crypt(3), or in a form of the module's own; it changes when the password does;
   * NULL: the user has no password. */
  char *verifier;
  gboolean is_locked;
  char *scram; /* keys for SCRAM, each as RFC 5803 2 writes it, with a blank between them; NULL: none */
  /* What the `userdb` of the same table says of the user, as satchel_auth_call_attributes has it: that need
   * not be asked then.  NULL means that it must be asked. */
  char **attributes;
};
SATCHEL_API void satchel_credential_clear (SatchelCredential *credential); /* wipes */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelCredential, satchel_credential_clear)

typedef enum
{
  SATCHEL_VERIFY_ERROR = 0, /* nobody can tell, as after satchel_auth_call_fail */
  SATCHEL_VERIFY_WRONG,
  SATCHEL_VERIFY_RIGHT,
  SATCHEL_VERIFY_RIGHT_UPGRADE /* the secret is right, but its stored form is outdated: `upgrade` is called */
} SatchelVerify;
/* This answers `verify`. @key is what the secret unlocks (satchel_secret_new), with RIGHT only, or NULL; it
 * becomes the key of the user's sessions (access.h), which layers use. A reference is taken. The core keeps
 * it no longer than it remembers the login, and sealed under the secret. */
SATCHEL_API void satchel_auth_call_verified (SatchelAuthCall *call, SatchelVerify verdict, GBytes *key);
/* This answers `upgrade`: the new verifier is stored. */
SATCHEL_API void satchel_auth_call_upgraded (SatchelAuthCall *call);

typedef struct SatchelUserEntry
{
  const char *user;
  const char *scheme; /* "argon2id", ...; NULL: no password */
  gboolean is_locked;
  gint64 changed; /* seconds since 1970; 0: unknown */
  SATCHEL_RESERVED (4);
} SatchelUserEntry;
typedef void (*SatchelUserEntryFunc) (const SatchelUserEntry *entry, gpointer data);

typedef struct SatchelUserdbOps SatchelUserdbOps;
typedef struct SatchelPassdbOps
{
  size_t size;
  guint band; /* lower bands are asked first; the first module that knows the user decides */
  /* Must. Answers what is stored of the user, by satchel_auth_call_found. It is asked at the beginning of
   * each login, and again before it succeeds. */
  void (*look_up) (SatchelAuthCall *call);
  /* Compares the secret: answered by satchel_auth_call_verified.  What costs time belongs in
   * satchel_auth_call_work.  It must take the same time without a credential (the user is unknown: a real
   * hash of a dummy).  Must. */
  void (*verify) (SatchelAuthCall *call);
  /* Stores the secret in the current form if the stored credential still is the call's: answered by
   * satchel_auth_call_upgraded.  May. */
  void (*upgrade) (SatchelAuthCall *call);
  /* Nobody waits for @call any more; it is not answered yet.  May answer it.  May. */
  void (*cancelled) (SatchelAuthCall *call);
  /* Calls of the administrator; each may; durable on return.  Role cli.  [blocks] */
  gboolean (*add) (const char *user, const char *secret,
                   GError **error); /* @secret NULL: the user has no password yet */
  gboolean (*set_password) (const char *user, const char *secret, GError **error);
  gboolean (*remove) (const char *user, GError **error);
  gboolean (*set_locked) (const char *user, gboolean locked, GError **error);
  /* Also called in role auth, in the main thread, for upkeep (maintain.h): if the list would take long, it
   * must return an error there. */
  gboolean (*list) (SatchelUserEntryFunc func, gpointer data, GError **error);
  /* The attributes of this userdb, which is the same module's, come with a credential; NULL means that they
   * do not. */
  const SatchelUserdbOps *userdb;
  guint flags; /* SATCHEL_PASSDB_... */
} SatchelPassdbOps;
enum
{
  /* `verify` asks where the user is kept, and is wrong for who is gone or locked there: `look_up` is not
   * asked again after it. */
  SATCHEL_PASSDB_VERIFIES_AT_SOURCE = 1 << 0
};

/* ---- userdbs ---- */

typedef void (*SatchelAddressFunc) (const char *address, gpointer data);
/* Attributes of a user are texts for modules of the mail processes, by name ("quota.storage", "5G"); a module
 * reads those that begin with its own name (satchel_storage_user_attribute).  Bounds of one user's: */
#define SATCHEL_USER_ATTRIBUTES_MAX 16u
#define SATCHEL_USER_ATTRIBUTES_BYTES_MAX 1024u /* names, values, and two for each */
/* INVALID unless @name has 1 to 64 lower-case letters of ASCII, digits, '-', '_' and dots, and @value is at
 * most 255 bytes of UTF-8 without control characters. */
SATCHEL_API gboolean satchel_user_attribute_check (const char *name, const char *value, GError **error);
struct SatchelUserdbOps
{
  size_t size;
  guint band;
  /* Finds the users of a canonical address or user name (without detail): answered by
   * satchel_auth_call_resolved, with local@domain strings.  An address that is not the user's own means an
   * alias; the core looks each result up again in all userdbs, at most 10 deep.  Must. */
  void (*look_up) (SatchelAuthCall *call);
  /* May. TRUE means that this server takes mail for the domain. It is asked in the main thread, at each
   * look-up, and must answer from memory. */
  gboolean (*has_domain) (const char *domain);
  guint flags; /* SATCHEL_USERDB_... */
  /* Lists each address that is an alias, as it is looked up ("*@DOMAIN" for a catch-all), for checks.  Main
   * thread, role CONFIG.  May. */
  void (*list_aliases) (SatchelAddressFunc func, gpointer data);
  /* May. Answers what there is to know of the call's user, who is local@domain, by
   * satchel_auth_call_attributes. It is asked in the order of bands until one knows the user, at each login
   * and for each recipient of mail; the mail process has the new ones from then on. If the source cannot
   * tell, or an attribute is none, the login or delivery is put off. */
  void (*attributes) (SatchelAuthCall *call);
  /* It does what that of a passdb does.  May. */
  void (*cancelled) (SatchelAuthCall *call);
};
enum
{
  /* The module knows aliases only: a result that is equal to the address asked for means the user of that
   * name, if a userdb of a later band knows one.  Without the flag such a result is a user. */
  SATCHEL_USERDB_ALIASES = 1 << 0,
  /* The module answers from files alone and at once, so it may be configured and asked in role CONFIG, too,
   * where aliases are tried. */
  SATCHEL_USERDB_FILES = 1 << 1
};

/* ---- second factors, and credentials beside the password ---- */

/* A factor is asked of each login of a known user: before the password is looked at (`examine`), with the
 * secret exactly as it was typed and the place that it came from, and, where it asks for that, once the
 * password is known to be right (`confirm`).  The first factor that does not say NOT_MINE decides.  What a
 * factor can say: */
typedef enum
{
  SATCHEL_FACTOR_UNAVAILABLE = 0, /* the factor cannot tell, so the login ends as unavailable */
  SATCHEL_FACTOR_NOT_MINE,        /* as far as this factor goes, the password alone decides */
  /* The login is right.  From `examine`: no password is checked (a string that opened a grant before, an app
   * password), and it must have taken no longer than a wrong password does. */
  SATCHEL_FACTOR_ACCEPTED,
  /* From `examine` only: the password is a beginning of the secret, one of `candidates`, which are tried in
   * their order.  With the first that is right, `confirm` is called. */
  SATCHEL_FACTOR_CANDIDATES,
  /* Reasons to refuse.  From `examine`, the whole secret is still checked as the password, and only who knows
   * it is refused for this reason.  Each has its word in the log. */
  SATCHEL_FACTOR_CODE_MISSING,
  SATCHEL_FACTOR_CODE_STALE,         /* the code was right, and has been used */
  SATCHEL_FACTOR_WRONG,              /* the code is wrong: counts as a failed attempt */
  SATCHEL_FACTOR_NEEDS_APP_PASSWORD, /* the password does not open this service */
  SATCHEL_FACTOR_NEEDS_GRANT,        /* the mechanism carries no code, and the place has no grant */
  SATCHEL_FACTOR_THROTTLED,          /* too many wrong codes: none is looked at */
  /* The secret is that of a credential which is not good for this login: another service or network, or its
   * time is over.  From `examine`, too, the login ends at once. */
  SATCHEL_FACTOR_OUT_OF_SCOPE
} SatchelFactorVerdict;

#define SATCHEL_FACTOR_CANDIDATES_MAX 3u /* each costs a password hash */
#define SATCHEL_CREDENTIAL_ID_MAX 64u
/* A login by the user's own password has this credential id. */
#define SATCHEL_CREDENTIAL_PASSWORD "password"

typedef struct SatchelFactorAnswer
{
  size_t size;
  SatchelFactorVerdict verdict;
  /* CANDIDATES: how many bytes of the secret each candidate is, from 1 to all of them. */
  guint n_candidates;
  gsize candidates[SATCHEL_FACTOR_CANDIDATES_MAX];
  /* ACCEPTED: this says which credential of the user's opened the session, in 1 to SATCHEL_CREDENTIAL_ID_MAX
   * characters of a-z, A-Z, 0-9, '-', '_', '.' and ':', unique with the user ("app:3f2a", "grant:17"); NULL
   * means the password. Sessions carry it, and satchel_auth_end_credential ends those that do. */
  const char *credential;
  /* ACCEPTED: these are the services that it is good for, with a blank between them ("imap pop3"); NULL means
   * all. The login fails for another one, and the session carries them. */
  const char *scopes;
  /* ACCEPTED from `examine`: so many bytes of the secret are the user's password, for keyrings
   * (SATCHEL_KEY_SECRET); 0 means none, since the secret is one of its own (SATCHEL_KEY_APP). */
  gsize password_len;
  /* ACCEPTED from `examine`, with password_len 0: this is the secret in its one form, in which keyrings get
   * it however it was typed, and no longer than that; NULL means as it was typed. The core wipes its copy. */
  const char *key_secret;
} SatchelFactorAnswer;
/* This answers `examine` and `confirm`.  @answer is copied. */
SATCHEL_API void satchel_auth_call_judge (SatchelAuthCall *call, const SatchelFactorAnswer *answer);

/* Lists of devices have an entry for each of a user's credentials. Texts are UTF-8; "" says that there is
 * nothing to say, as 0 does for times, which are seconds since 1970. */
typedef struct SatchelCredentialEntry
{
  size_t size;
  const char *id;                      /* the credential's id, as in SatchelFactorAnswer */
  const char *label;                   /* the name that the user gave it */
  const char *network;                 /* the network in which it may be used; "": everywhere */
  const char *service, *peer, *client; /* those of its last use, or of the login that made it */
  gint64 created_s, used_s, expires_s;
} SatchelCredentialEntry;
typedef void (*SatchelCredentialEntryFunc) (const SatchelCredentialEntry *entry, gpointer data);

typedef struct SatchelFactorOps
{
  size_t size;
  guint band; /* lower bands are asked first */
  /* Must. satchel_auth_call_judge answers it. The attempt is counted already. Its credential is the user's,
   * so that what a factor keeps can end when the verifier changes. Without a secret (SCRAM, EXTERNAL) the
   * client has proved who it is: ACCEPTED and NOT_MINE let it in, reasons to refuse apply at once, and
   * CANDIDATES is a failure. */
  void (*examine) (SatchelAuthCall *call);
  /* Must. satchel_auth_call_judge answers it, with ACCEPTED or a reason to refuse. That a code is used up
   * must be durable before it answers ACCEPTED. */
  void (*confirm) (SatchelAuthCall *call);
  /* It does what that of a passdb does.  May. */
  void (*cancelled) (SatchelAuthCall *call);
  /* May. The three below go together; they are called in the main thread. This one calls @func for each
   * credential of @user that this module keeps. */
  gboolean (*list_credentials) (const char *user, SatchelCredentialEntryFunc func, gpointer data,
                                GError **error);
  /* Ends the credential durably, and then its sessions (satchel_auth_end_credential).  NONEXISTENT: it is not
   * the user's, or not of this module. */
  gboolean (*end_credential) (const char *user, const char *credential, GError **error);
  /* Is called when a session that @credential opened has heard what its client is called (IMAP ID): up to 255
   * bytes of UTF-8, as the client sent it. Nobody waits for it to be durable. */
  void (*client_named) (const char *user, const char *credential, const char *client);
  /* May. Is called when the user is no more: forgets durably all that this module keeps, and ends the
   * sessions that it opened, so that whoever gets the name later begins anew. TRUE also if there was nothing.
   * Main thread. */
  gboolean (*forget_user) (const char *user, GError **error);
  guint flags; /* SATCHEL_FACTOR_... */
} SatchelFactorOps;
enum
{
  /* Users of this module can have secrets that open mail in the place of their password. */
  SATCHEL_FACTOR_HAS_OWN_SECRETS = 1 << 0
};

/* Ends the sessions of @user that @credential opened, and those that are about to begin; no others.  For a
 * module that has revoked it (durably, before).  Soon, from any thread, in the order of the calls.  Role
 * auth. */
SATCHEL_API void satchel_auth_end_credential (const char *user, const char *credential);

/* Returns the user name "local@domain" of a name that a client sent: lower-cased if @lower, with
 * @default_domain added to a bare name, in Unicode NFC, at most 255 bytes; nothing is trimmed.  INVALID for
 * NUL, '/', control characters, empty parts, "." or "..", bad UTF-8, a second '@', or a domain with an empty
 * label. Yours. */
SATCHEL_API char *satchel_user_normalise (const char *name, gsize len, const char *default_domain,
                                          gboolean lower, GError **error);
/* Does the same by this server's rules (server.default_domain, server.lower_case_users), for names in files
 * of modules.  Yours.  Any thread after start. */
SATCHEL_API char *satchel_user_canonical (const char *name, gsize len, GError **error);

G_END_DECLS
