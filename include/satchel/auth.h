/* SPDX-License-Identifier: MIT
 * Credentials and users: modules that are a passdb, a userdb or a factor.  Role auth (and cli for the calls
 * of the administrator).  Calls marked [blocks] run in auth's own threads; the others must answer from memory
 * and a stat or two.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/error.h>
#include <satchel/secret.h>

G_BEGIN_DECLS

/* One user's stored credential, as a passdb sees it. */
typedef struct SatchelCredential
{
  size_t size;
  char *user;     /* local@domain */
  char *verifier; /* a string like that of crypt(3), or in a form of the module's own; it changes when the
                     password does; NULL: the user has no password */
  gboolean is_locked;
} SatchelCredential;
SATCHEL_API void satchel_credential_clear (SatchelCredential *credential); /* wipes */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelCredential, satchel_credential_clear)

typedef enum
{
  SATCHEL_VERIFY_ERROR = 0, /* unavailable: it never counts as a failure of the user */
  SATCHEL_VERIFY_WRONG,
  SATCHEL_VERIFY_RIGHT,
  SATCHEL_VERIFY_RIGHT_UPGRADE /* the secret is right, but its stored form is outdated: `upgrade` is called */
} SatchelVerify;

typedef struct SatchelUserEntry
{
  const char *user;
  const char *scheme; /* "argon2id", ...; NULL: no password */
  gboolean is_locked;
  gint64 changed; /* seconds since 1970; 0: unknown */
  SATCHEL_RESERVED (4);
} SatchelUserEntry;
typedef void (*SatchelUserEntryFunc) (const SatchelUserEntry *entry, gpointer data);

typedef struct SatchelPassdbOps
{
  size_t size;
  guint band; /* lower bands are asked first; the first module that knows the user decides */
  /* FALSE without @error: the user is unknown. */
  gboolean (*look_up) (const char *user, SatchelCredential *ret_credential, GError **error);
  /* Hashes and compares the secret.  It must take the same time for a NULL @credential (the user is
   * unknown: a real hash of a dummy).  [blocks] */
  SatchelVerify (*verify) (const SatchelCredential *credential, const char *secret, GError **error);
  /* The memory that one call of `verify` needs, in bytes: the core limits how many run at a time.  May. */
  guint64 (*verify_cost_bytes) (const SatchelCredential *credential);
  /* Stores @secret in the current form if the stored credential still is @credential.  May.  [blocks] */
  gboolean (*upgrade) (const SatchelCredential *credential, const char *secret, GError **error);
  /* Calls of the administrator; each may; durable on return.  Role cli.  [blocks] */
  gboolean (*add) (const char *user, const char *secret,
                   GError **error); /* @secret NULL: the user has no password yet */
  gboolean (*set_password) (const char *user, const char *secret, GError **error);
  gboolean (*remove) (const char *user, GError **error);
  gboolean (*set_locked) (const char *user, gboolean locked, GError **error);
  /* Also called in role auth, in the main thread, for upkeep (maintain.h): if the list would take long, it
   * must return an error there. */
  gboolean (*list) (SatchelUserEntryFunc func, gpointer data, GError **error);
  /* May; called instead of `verify`, which must exist all the same.  With RIGHT it also returns what the
   * secret unlocks (satchel_secret_new; at most SATCHEL_SECRET_BYTES_MAX bytes), or NULL: the key of the
   * user's sessions (access.h), which layers use.  The core keeps it no longer than it remembers the login,
   * and encrypted.  [blocks] */
  SatchelVerify (*verify_with_key) (const SatchelCredential *credential, const char *secret, GBytes **ret_key,
                                    GError **error);
} SatchelPassdbOps;

typedef enum
{
  SATCHEL_USERDB_UNKNOWN = 0,
  SATCHEL_USERDB_FOUND,
  SATCHEL_USERDB_TEMPORARY
} SatchelUserdbStatus;

typedef void (*SatchelAddressFunc) (const char *address, gpointer data);
/* Attributes of a user are texts for modules of the mail processes, by name ("quota.storage", "5G"); a module
 * reads those that begin with its own name (satchel_storage_user_attribute).  Bounds of one user's: */
#define SATCHEL_USER_ATTRIBUTES_MAX 16u
#define SATCHEL_USER_ATTRIBUTES_BYTES_MAX 1024u /* names, values, and two for each */
typedef void (*SatchelUserAttributeFunc) (const char *name, const char *value, gpointer data);
/* INVALID unless @name has 1 to 64 lower-case letters of ASCII, digits, '-', '_' and dots, and @value is at
 * most 255 bytes of UTF-8 without control characters. */
SATCHEL_API gboolean satchel_user_attribute_check (const char *name, const char *value, GError **error);
typedef struct SatchelUserdbOps
{
  size_t size;
  guint band;
  /* Finds the users of a canonical address or user name (without detail), and adds them to @users as
   * local@domain strings.  FOUND with an address that is not the user's own means an alias; the core looks
   * each result up again in all userdbs, at most 10 deep. */
  SatchelUserdbStatus (*look_up) (const char *address, GPtrArray *users, GError **error);
  /* TRUE: this server takes mail for the domain.  May. */
  gboolean (*has_domain) (const char *domain);
  guint flags; /* SATCHEL_USERDB_... */
  /* Lists each address that is an alias, as it is looked up ("*@DOMAIN" for a catch-all), for checks.  May.
   */
  void (*list_aliases) (SatchelAddressFunc func, gpointer data);
  /* May: calls @func for each attribute of @user, who is local@domain.  Asked in the order of bands until one
   * knows the user, at each login and for each recipient of mail; the mail process has the new ones from then
   * on.  TEMPORARY, or an attribute that is none: the login or delivery is put off. */
  SatchelUserdbStatus (*attributes) (const char *user, SatchelUserAttributeFunc func, gpointer data,
                                     GError **error);
} SatchelUserdbOps;
enum
{
  /* The module knows aliases only: a result that is equal to the address asked for means the user of that
   * name, if a userdb of a later band knows one.  Without the flag such a result is a user. */
  SATCHEL_USERDB_ALIASES = 1 << 0,
  /* The module answers from files alone, so it may be configured and asked in role CONFIG, too, where
   * aliases are tried. */
  SATCHEL_USERDB_FILES = 1 << 1
};

/* Second factors.  They are called once the user is found and before the password is verified, so that a
 * factor may cut its code off the secret. */
typedef enum
{
  SATCHEL_FACTOR_NOT_ENROLLED = 0,
  SATCHEL_FACTOR_SPLIT,  /* the first *ret_secret_len bytes of the secret are the password, the rest is for
                            `check` */
  SATCHEL_FACTOR_MISSING /* the secret has no code */
} SatchelFactorSplit;
typedef enum
{
  SATCHEL_FACTOR_UNAVAILABLE = 0,
  SATCHEL_FACTOR_RIGHT,
  SATCHEL_FACTOR_WRONG,
  SATCHEL_FACTOR_STALE
} SatchelFactorVerdict;
typedef struct SatchelFactorOps
{
  size_t size;
  guint band;
  SatchelFactorSplit (*split) (const char *user, const char *secret, gsize *ret_secret_len);
  /* Verifies a code, and makes durable that it is used up before it returns RIGHT.  @code: the part that
   * `split` cut off.  [blocks] */
  SatchelFactorVerdict (*check) (const char *user, const char *code, const char *peer, GError **error);
} SatchelFactorOps;

/* The user name "local@domain" of a name that a client sent: lower-cased if @lower, with @default_domain
 * added to a bare name, in Unicode NFC, at most 255 bytes; nothing is trimmed.  INVALID for NUL, '/',
 * control characters, empty parts, "." or "..", bad UTF-8, a second '@', or a domain with an empty label.
 * Yours. */
SATCHEL_API char *satchel_user_normalise (const char *name, gsize len, const char *default_domain,
                                          gboolean lower, GError **error);
/* The same by this server's rules (server.default_domain, server.lower_case_users), for names in files of
 * modules.  Yours.  Any thread after start. */
SATCHEL_API char *satchel_user_canonical (const char *name, gsize len, GError **error);

G_END_DECLS
