/* SPDX-License-Identifier: MIT
 * Lists the settings of module passwd-file.
 */
#include "settings.h"

#include <satchel/scram.h>

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, PasswdSettings, member)

const SatchelConfigRow passwd_schema[] = {
  { "path", INTO (PATH, path), SATCHEL_STATE_DIR "/auth/passwd",
    "File that holds users and password hashes; only its owner may have rights on it" },
  { "memory", INTO (SIZE, policy.memory_bytes), "19M",
    "Memory that hashing a new password with Argon2id uses", .min = SATCHEL_KIB (8), .max = SATCHEL_GIB (1) },
  { "passes", INTO (INT, policy.passes), "2", "Number of passes over that memory (Argon2id time cost)",
    .min = 1, .max = 64 },
  { "upgrade", INTO (BOOL, policy.is_upgrading), "true",
    "Whether a password is hashed again at its user's login if the stored hash has another form than "
    "`memory` and `passes` ask for" },
  { "allow_plain", INTO (BOOL, policy.allows_plain), "false",
    "Whether the file may have passwords in clear text, written {PLAIN}PASSWORD" },
  { "scram_iterations", INTO (INT, policy.scram_iterations), "0",
    "Iterations of keys for SCRAM, which are stored beside the hash of a new password, and at a login where "
    "they are missing (`upgrade`); whoever steals the file guesses passwords more cheaply by them; 0: none",
    .min = 0, .max = SATCHEL_SCRAM_ITERATIONS_MAX },
  { "scram_sha1", INTO (BOOL, policy.has_scram_sha_1), "false",
    "Whether keys for SCRAM-SHA-1 are stored as well, for old clients" },
  { NULL }
};
