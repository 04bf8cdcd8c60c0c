/* SPDX-License-Identifier: MIT
 * Settings of module passwd-file.
 */
#include "settings.h"

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, PasswdSettings, member)

const SatchelConfigRow passwd_schema[] = {
  { "path", INTO (PATH, path), SATCHEL_STATE_DIR "/auth/passwd",
    "File of users; its owner alone may read it" },
  { "memory", INTO (SIZE, policy.memory_bytes), "19M", "Memory of one Argon2id hash of a new password",
    .min = SATCHEL_KIB (8), .max = SATCHEL_GIB (1) },
  { "passes", INTO (INT, policy.passes), "2", "Passes of one Argon2id hash of a new password", .min = 1,
    .max = 64 },
  { "upgrade", INTO (BOOL, policy.is_upgrading), "true",
    "Hash a password anew at login when its stored form is not what `memory` and `passes` ask for" },
  { "allow_plain", INTO (BOOL, policy.allows_plain), "false",
    "Accept clear-text passwords in the file, written {PLAIN}PASSWORD" },
  { NULL }
};
