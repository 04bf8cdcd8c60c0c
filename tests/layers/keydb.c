/* SPDX-License-Identifier: MIT
 * Password database `keydb`, for tests: whoever logs in with "pw" is let in, and so is who says "pw WORD",
 * with WORD as the key that the login unlocks.  It knows every user, before other databases.
 */
#include <satchel/auth.h>
#include <satchel/module.h>
#include <string.h>

static const char password[] = "pw", separator = ' ';

static gboolean
look_up (const char *user, SatchelCredential *ret_credential, GError **error)
{
  ret_credential->user = g_strdup (user);
  ret_credential->verifier = g_strdup ("1");
  return TRUE;
}

static SatchelVerify
verify_with_key (const SatchelCredential *credential, const char *secret, GBytes **ret_key, GError **error)
{
  gsize len = strlen (password);
  if (credential == NULL || strncmp (secret, password, len) != 0)
    return SATCHEL_VERIFY_WRONG;
  if (secret[len] == separator)
    *ret_key = satchel_secret_new (secret + len + 1, strlen (secret + len + 1));
  return secret[len] == '\0' || *ret_key != NULL ? SATCHEL_VERIFY_RIGHT : SATCHEL_VERIFY_WRONG;
}

static SatchelVerify
verify (const SatchelCredential *credential, const char *secret, GError **error)
{
  g_assert_not_reached (); /* verify_with_key is there */
}

static const SatchelPassdbOps ops = {
  .size = sizeof ops,
  .band = 1,
  .look_up = look_up,
  .verify = verify,
  .verify_with_key = verify_with_key,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_PASSDB, NULL, &ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* what it was built against */
    .name = "keydb",
    .version = "0.1",
    .description = "A password database that gives keys, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
