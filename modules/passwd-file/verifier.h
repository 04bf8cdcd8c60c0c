/* SPDX-License-Identifier: MIT
 * Declares the stored forms of a password: which are known, what they cost, how they are checked and made.
 * The functions are pure, except for the policy, which is set once before there are threads.
 */
#pragma once
#include <satchel/auth.h>

typedef struct PasswdPolicy
{
  guint64 memory_bytes; /* memory for new Argon2id verifiers */
  guint passes;
  gboolean is_upgrading;
  gboolean allows_plain;
  guint scram_iterations; /* iterations of SCRAM keys of new passwords; 0: none are stored */
  gboolean has_scram_sha_1;
} PasswdPolicy;
extern PasswdPolicy passwd_policy;

typedef enum
{
  PASSWD_SCHEME_UNKNOWN = 0,
  PASSWD_SCHEME_ARGON2ID,
  PASSWD_SCHEME_YESCRYPT,
  PASSWD_SCHEME_BCRYPT,
  PASSWD_SCHEME_SHA512_CRYPT,
  PASSWD_SCHEME_PLAIN
} PasswdScheme;

/* Finds the scheme of a verifier. UNKNOWN with @error means that the form is unknown or damaged, or that a
 * check would cost more than is accepted (a flipped bit must not cost a gigabyte). *@ret_cost_bytes is the
 * memory of one check; it may be NULL. */
PasswdScheme passwd_verifier_scheme (const char *verifier, guint64 *ret_cost_bytes, GError **error);
/* Returns the verifier in @field, also as others write it: '!' before it means locked (shadow(5)), and a
 * scheme in braces before a form that names its own is left out. */
const char *passwd_verifier_strip (const char *field, gboolean *ret_is_locked);
const char *passwd_scheme_name (PasswdScheme scheme);
/* Returns the length of the part with scheme and cost, which is the same for all verifiers of one price. */
gsize passwd_verifier_price_len (const char *verifier);
/* Checks a secret. RIGHT_UPGRADE means that the policy asks for another form. It blocks as long as a hash
 * takes. */
SatchelVerify passwd_verifier_check (const char *verifier, const char *secret, GError **error);
/* Makes an Argon2id verifier by the policy; NULL with @error. It blocks as long as a hash takes. */
char *passwd_verifier_new (const char *secret, GError **error);
/* Makes the SCRAM keys that the policy asks for, with a blank between them. NULL means none, or @error.
 * [blocks] */
char *passwd_scram_new (const char *secret, GError **error);
/* Says whether @scram lacks keys that the policy asks for. */
gboolean passwd_scram_is_outdated (const char *scram);
/* Makes a verifier that no secret matches, and that costs as much as @sample does; NULL means as much as the
 * policy says. */
char *passwd_verifier_new_dummy (const char *sample);
