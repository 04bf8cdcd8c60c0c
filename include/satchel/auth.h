/* SPDX-License-Identifier: MIT
 * Credentials and users: passdb, userdb and factor modules.  Role auth (and cli for the admin calls).
 * Calls marked [blocks] run on auth's own threads; others must answer from memory and a stat or two.
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
  char *verifier; /* crypt(3) style string or what the module likes; changes when the password does; NULL: no
                     password */
  gboolean is_locked;
} SatchelCredential;
SATCHEL_API void satchel_credential_clear (SatchelCredential *credential); /* wipes */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelCredential, satchel_credential_clear)

typedef enum
{
  SATCHEL_VERIFY_ERROR = 0, /* unavailable: never counted as a failure of the user */
  SATCHEL_VERIFY_WRONG,
  SATCHEL_VERIFY_RIGHT,
  SATCHEL_VERIFY_RIGHT_UPGRADE /* right, and the stored form should be renewed: `upgrade` is called */
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
  guint band; /* lower is asked first; the first that knows the user decides */
  /* FALSE without error: unknown user. */
  gboolean (*look_up) (const char *user, SatchelCredential *ret_credential, GError **error);
  /* Hashes and compares; takes the same time for a NULL @credential (unknown user: a real dummy hash).
   * [blocks] */
  SatchelVerify (*verify) (const SatchelCredential *credential, const char *secret, GError **error);
  /* Memory one verify needs, bytes: the core bounds how many run at a time. May. */
  guint64 (*verify_cost_bytes) (const SatchelCredential *credential);
  /* Stores @secret anew if the credential still is @credential.  May.  [blocks] */
  gboolean (*upgrade) (const SatchelCredential *credential, const char *secret, GError **error);
  /* Admin calls; all may; durable on return.  Role cli.  [blocks] */
  gboolean (*add) (const char *user, const char *secret, GError **error); /* @secret NULL: no password yet */
  gboolean (*set_password) (const char *user, const char *secret, GError **error);
  gboolean (*remove) (const char *user, GError **error);
  gboolean (*set_locked) (const char *user, gboolean locked, GError **error);
  /* Also in role auth, in the main thread, for upkeep (maintain.h): a list that is long in coming is an error
   * there. */
  gboolean (*list) (SatchelUserEntryFunc func, gpointer data, GError **error);
  /* May; asked instead of `verify`, which is there all the same: with RIGHT also what the secret unlocks
   * (satchel_secret_new; at most SATCHEL_SECRET_BYTES_MAX), or NULL.  It is the key of the user's sessions
   * (access.h), for layers.  The core keeps it no longer than the login is remembered, and sealed.  [blocks]
   */
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
  /* A canonical address or user (no detail) to users that exist: adds local@domain strings to @users.  FOUND
   * with an address that is not a user itself is an alias; the core asks all userdbs again for each result,
   * at most 10 deep. */
  SatchelUserdbStatus (*look_up) (const char *address, GPtrArray *users, GError **error);
  /* TRUE: mail for this domain is ours. May. */
  gboolean (*has_domain) (const char *domain);
  guint flags; /* SATCHEL_USERDB_... */
  /* Aliases: each address that leads elsewhere, as it is looked up ("*@DOMAIN" for a catch-all).  For checks;
   * may. */
  void (*list_aliases) (SatchelAddressFunc func, gpointer data);
  /* May: calls @func for each attribute of @user, who is local@domain.  Asked in the order of bands until one
   * knows the user, at each login and for each recipient of mail; the mail process has the new ones from then
   * on.  TEMPORARY, or an attribute that is none: the login or delivery is put off. */
  SatchelUserdbStatus (*attributes) (const char *user, SatchelUserAttributeFunc func, gpointer data,
                                     GError **error);
} SatchelUserdbOps;
enum
{
  /* Knows aliases only: a result equal to the address asked for means the user of that name, if a userdb of a
   * later band knows one.  Without the flag such a result is a user. */
  SATCHEL_USERDB_ALIASES = 1 << 0,
  /* Answers from files alone: the module may be configured and asked in CONFIG, too, where aliases are tried.
   */
  SATCHEL_USERDB_FILES = 1 << 1
};

/* Second factors.  Called after the user is found, before the password is verified, so that a factor may cut
 * its code off the secret. */
typedef enum
{
  SATCHEL_FACTOR_NOT_ENROLLED = 0,
  SATCHEL_FACTOR_SPLIT,  /* *ret_secret_len bytes of the secret are the password, the rest is for `check` */
  SATCHEL_FACTOR_MISSING /* no code in the secret */
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
  /* Durably spends the code before it says RIGHT.  @code: what split cut off.  [blocks] */
  SatchelFactorVerdict (*check) (const char *user, const char *code, const char *peer, GError **error);
} SatchelFactorOps;

/* "local@domain" from what a client sent: trimmed of nothing, lower-cased if @lower, @default_domain added to
 * a bare name; Unicode NFC; bounded to 255 bytes.  INVALID for NUL, '/', control characters, empty parts, "."
 * or "..", bad UTF-8, a second '@', a domain with an empty label. */
SATCHEL_API char *satchel_user_normalise (const char *name, gsize len, const char *default_domain,
                                          gboolean lower, GError **error);
/* The same by this server's rules (server.default_domain, server.lower_case_users): for names in files of
 * modules. Any thread after start. */
SATCHEL_API char *satchel_user_canonical (const char *name, gsize len, GError **error);

G_END_DECLS
