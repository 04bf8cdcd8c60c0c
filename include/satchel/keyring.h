/* SPDX-License-Identifier: MIT
 * Keyrings: modules that keep a key for each user, wrapped once for each credential that opens it (a *slot*),
 * so that layers have it in the user's sessions (access.h) and nobody has it between them.  Role auth, and
 * cli.  docs/modules/keyring.md.
 */
#pragma once
#include <satchel/auth.h>

G_BEGIN_DECLS

/* Says what opens a slot. */
typedef enum
{
  SATCHEL_KEY_SECRET = 1, /* the user's password */
  SATCHEL_KEY_CLIENT,     /* what a mechanism without password yields: SCRAM's ClientKey (RFC 5802 3) */
  SATCHEL_KEY_APP         /* a credential beside the password, by its id */
} SatchelKeySource;

typedef struct SatchelKeyMaterial
{
  size_t size;
  SatchelKeySource source;
  const char *slot;    /* the credential id; of the password, and of SCRAM with it: "password" */
  const char *variant; /* of CLIENT: the mechanism without -PLUS, "SCRAM-SHA-256"; else "" */
  const guint8 *data;
  gsize len;
} SatchelKeyMaterial;

/* For `unlock`, returns what the login brought, valid until the answer.  [any thread] */
SATCHEL_API const SatchelKeyMaterial *satchel_auth_call_material (const SatchelAuthCall *call);
/* This answers `unlock`. @key has at most SATCHEL_SECRET_BYTES_MAX bytes of satchel_secret_new; a
 * reference is taken. NULL means that the user has no ring here, or that this opens no slot of it: the
 * login goes on without a key. satchel_auth_call_fail says that it cannot be told now, and the login ends
 * as unavailable. */
SATCHEL_API void satchel_auth_call_unlocked (SatchelAuthCall *call, GBytes *key);
/* This answers `unlock_proved` where the user has a ring that such a login cannot open: the login is refused,
 * though it is right. @text tells the user why, in one line of ASCII; it is copied. */
SATCHEL_API void satchel_auth_call_withheld (SatchelAuthCall *call, const char *text);
/* Before the answer, leaves a line of ASCII that the session shows to the user once, where its protocol can
 * (IMAP: ALERT, RFC 9051 7.1); at most SATCHEL_NOTICE_BYTES_MAX bytes are shown. */
#define SATCHEL_NOTICE_BYTES_MAX 400u
SATCHEL_API void satchel_auth_call_notice (SatchelAuthCall *call, const char *text);
/* Before the answer, leaves what is to be kept beside the user's mail, such as a copy of the ring without
 * anything that opens it: the session's access has it (access.h), and a layer stores it.  At most
 * SATCHEL_RING_COPY_BYTES_MAX bytes; a reference is taken. */
#define SATCHEL_RING_COPY_BYTES_MAX 8192u
SATCHEL_API void satchel_auth_call_copy (SatchelAuthCall *call, GBytes *copy);
/* Before the answer, says that this login changed what `attributes` says of the user: it is asked again. */
SATCHEL_API void satchel_auth_call_changed (SatchelAuthCall *call);

typedef struct SatchelKeyringOps
{
  size_t size;
  guint band; /* lower bands are asked first; the first that gives a key decides */
  /* Opens the ring of the call's user with its material: answered by satchel_auth_call_unlocked.  Asked once
   * the login is right, and not where the login is remembered with a key: the core has it then.  What a
   * passdb gave (satchel_auth_call_verified) goes first, and keyrings are not asked.  Must. */
  void (*unlock) (SatchelAuthCall *call);
  void (*cancelled) (SatchelAuthCall *call); /* as of a passdb.  May */
  /* These change a ring, durably on return. Roles auth and cli. NONEXISTENT: @user has no ring here. NOPERM:
   * @opener opens no slot. [blocks]
   * This one wraps the key for @material in the place of @opener's slot: the user has another password. */
  gboolean (*rewrap) (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
                      GError **error);
  /* Adds a slot, or replaces the one of that name. */
  gboolean (*add_slot) (const char *user, const SatchelKeyMaterial *opener,
                        const SatchelKeyMaterial *material, GError **error);
  /* Drops a slot; one that is not there is dropped already. NOPERM means that it is the last slot. */
  gboolean (*drop_slot) (const char *user, const char *slot, GError **error);
  /* Adds to @attributes what layers shall know of @user's ring and is no secret, such as its public half, as
   * "NAME=VALUE" (g_free; auth.h has the bounds).  Layers have it as an attribute of the user
   * (satchel_storage_user_attribute), whatever a userdb says under that name.  TRUE also if there is no ring.
   * FALSE: it cannot be told now, and the login or delivery is put off.  Asked at each login and for each
   * recipient, in the main thread of role auth.  May. */
  gboolean (*attributes) (const char *user, GPtrArray *attributes, GError **error);
  /* Is asked in the place of `unlock` where a login has shown who the user is and brings no secret: a token,
   * or a certificate.  Answered as `unlock` is, or by satchel_auth_call_withheld.  Without it such a login
   * goes on without a key.  May. */
  void (*unlock_proved) (SatchelAuthCall *call);
  /* Gives the user another key, which the next login opens; what the present one opens stays locked until
   * something that opened it before is shown.  The user's password is about to be replaced without the
   * present one, on the administrator's word.  May. [blocks] */
  gboolean (*renew) (const char *user, GError **error);
  /* An administrator has added the user, with @password (prepared; NULL: none yet): makes what the user is to
   * have from the first moment.  *@ret_text is what the administrator is shown once, or NULL (g_free after it
   * was wiped).  A ring of an earlier user of that name must not open for this one.  May. [blocks] */
  gboolean (*added) (const char *user, const char *password, char **ret_text, GError **error);
  /* Hears what the layer of the same module says of @user (satchel_storage_tell_keyring), which comes from a
   * mail process: a text of at most 1 KiB that may be wrong, or come late or twice.  In the main thread of
   * role auth.  May. */
  void (*told) (const char *user, const char *module, const char *text);
} SatchelKeyringOps;

/* Modules that own credentials call these: each does it in every keyring that @user has a ring in, and
 * returns TRUE also if there is none. [blocks] */
SATCHEL_API gboolean satchel_keyring_rewrap (const char *user, const SatchelKeyMaterial *opener,
                                             const SatchelKeyMaterial *material, GError **error);
SATCHEL_API gboolean satchel_keyring_add_slot (const char *user, const SatchelKeyMaterial *opener,
                                               const SatchelKeyMaterial *material, GError **error);
SATCHEL_API gboolean satchel_keyring_drop_slot (const char *user, const char *slot, GError **error);
SATCHEL_API gboolean satchel_keyring_renew (const char *user, GError **error);

G_END_DECLS
