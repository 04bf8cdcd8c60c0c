/* SPDX-License-Identifier: MIT
 * The settings of group `crypt`.
 */
#include "settings.h"

typedef struct Values
{
  const char *path;
  guint64 memory;
  guint passes;
  gboolean carries_over;
} Values;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Values, member)

const SatchelConfigRow crypt_schema[] = {
  { "path", INTO (PATH, path), SATCHEL_STATE_DIR "/auth/rings",
    "Directory that holds the keys of users' mail, sealed with what opens them: without it the mail is lost",
    .flags = SATCHEL_CONFIG_OF_AUTH },
  { "memory", INTO (SIZE, memory), "19M",
    "Memory that it takes to try a password at a stolen key (Argon2id); for keys that are sealed from now on",
    .min = CRYPT_COST_MEMORY_MIN, .max = CRYPT_COST_MEMORY_MAX },
  { "passes", INTO (INT, passes), "2", "How often that memory is gone over", .min = 1,
    .max = CRYPT_COST_PASSES_MAX },
  { "carry_over", INTO (BOOL, carries_over), "true",
    "Whether a login with an app password lets a password that was changed elsewhere open the mail: if not, "
    "only `satchel crypt recover` does" },
  { NULL }
};

void
crypt_settings_fill (const SatchelConfig *section, CryptSettings *settings)
{
  Values values = { 0 };
  satchel_config_fill (section, crypt_schema, &values);
  *settings = (CryptSettings) { .path = values.path,
                                .site = { .cost = { .memory_bytes = values.memory, .passes = values.passes },
                                          .carries_over = values.carries_over } };
}
