/* SPDX-License-Identifier: MIT
 * Password database `keydb`, for tests: whoever logs in with "pw" is let in, and so is who says "pw WORD",
 * with WORD as the key that the login unlocks.  It knows every user, before other databases.
 */
#include <satchel/auth.h>
#include <satchel/module.h>
#include <string.h>

static const char password[] = "pw", separator = ' ';

static void
look_up (SatchelAuthCall *call)
{
  const SatchelCredential credential = { .size = sizeof credential,
                                         .user = (char *) satchel_auth_call_user (call),
                                         .verifier = (char *) "1" };
  satchel_auth_call_found (call, &credential);
}

static void
verify (SatchelAuthCall *call)
{
  gsize len = strlen (password);
  const char *secret = satchel_auth_call_secret (call);
  gboolean is_right = satchel_auth_call_credential (call) != NULL && strncmp (secret, password, len) == 0
                      && (secret[len] == '\0' || secret[len] == separator);
  g_autoptr (GBytes) key = is_right && secret[len] != '\0' && secret[len + 1] != '\0'
                               ? satchel_secret_new (secret + len + 1, strlen (secret + len + 1))
                               : NULL;
  satchel_auth_call_verified (call, is_right ? SATCHEL_VERIFY_RIGHT : SATCHEL_VERIFY_WRONG, key);
}

static const SatchelPassdbOps ops = {
  .size = sizeof ops,
  .band = 1,
  .look_up = look_up,
  .verify = verify,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_PASSDB, NULL, &ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "keydb",
    .version = "0.1",
    .description = "A password database that gives keys, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
