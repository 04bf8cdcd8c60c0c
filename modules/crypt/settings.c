/* SPDX-License-Identifier: MIT
 * The settings of group `crypt`.
 */
#include "settings.h"
#include "escrow.h"

#include <satchel/hash.h>

typedef struct Values
{
  const char *path;
  guint64 memory;
  guint passes;
  gboolean carries_over;
  const char *escrow, *escrow_key;
  CryptPolicy policy;
  guint64 rate;
} Values;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Values, member)

/* Of a domain, in `domains`. */
typedef struct OfDomain
{
  const char *name;
  CryptPolicy policy;
} OfDomain;
#define POLICIES "off|new|everyone"

static const SatchelConfigRow domain_rows[] = {
  { "name", SATCHEL_CONFIG_INTO (STRING, OfDomain, name), NULL, "Domain that this is for",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "policy", SATCHEL_CONFIG_INTO (ENUM, OfDomain, policy), "off", "Who gets a ring", POLICIES },
  { NULL }
};

const SatchelConfigRow crypt_schema[] = {
  { "path", INTO (PATH, path), SATCHEL_STATE_DIR "/auth/rings",
    "Directory that holds the keys of users' mail, sealed with what opens them: without it the mail is lost",
    .flags = SATCHEL_CONFIG_OF_AUTH },
  { "memory", INTO (SIZE, memory), "19M",
    "Memory that it takes to try a password at a stolen key (Argon2id); for keys that are sealed from now on",
    .min = CRYPT_COST_MEMORY_MIN, .max = CRYPT_COST_MEMORY_MAX },
  { "passes", INTO (INT, passes), "2", "How often that memory is gone over", .min = 1,
    .max = CRYPT_COST_PASSES_MAX },
  { "policy", INTO (ENUM, policy), "off",
    "Whose new mail is sealed without `satchel crypt enable`: off, nobody's; new, that of users whom "
    "`satchel "
    "user add` adds; everyone, that and of whoever logs in with the password",
    POLICIES },
  { "domains", SATCHEL_CONFIG_GROUPS, NULL,
    "Other values of policy for users of a domain, as { name = \"example.org\"; policy = \"everyone\"; }",
    .group = domain_rows },
  { "carry_over", INTO (BOOL, carries_over), "true",
    "Whether a login with an app password lets a password that was changed elsewhere open the mail: if not, "
    "only `satchel crypt recover` does" },
  { "escrow", INTO (STRING, escrow), NULL,
    "The site's public key (`satchel crypt escrow-key`): who has the private one can open the mail of all "
    "users whose rings have a slot for it, and they are told so" },
  { "escrow_key", INTO (PATH, escrow_key), NULL,
    "File with the site's private key, by which logins that bring no secret (tokens, certificates) open "
    "mail; "
    "for role auth alone, and only where crypt.escrow is set",
    .flags = SATCHEL_CONFIG_OF_AUTH },
  { "rate", INTO (SIZE, rate), "0",
    "How many bytes of mail a second the upkeep seals or opens for a user; 0: as fast as it can" },
  { NULL }
};

/* Reads the site's public key. */
static gboolean
fill_escrow (const Values *values, CryptSettings *settings, GError **error)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  if (values->escrow == NULL || *values->escrow == '\0')
    return TRUE;
  if (!crypt_escrow_parse (values->escrow, bytes))
    return satchel_error_set_setting (error, "escrow", "is no key of 64 hexadecimal digits");
  crypt_public_set (&settings->escrow, bytes);
  settings->has_escrow = TRUE;
  return TRUE;
}

static GHashTable *
read_policies (const SatchelConfig *section)
{
  GHashTable *policies = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < satchel_config_n_groups (section, "domains"); i++)
    {
      OfDomain row = { 0 };
      satchel_config_fill (satchel_config_group (section, "domains", i), domain_rows, &row);
      g_hash_table_replace (policies, g_ascii_strdown (row.name, -1), GUINT_TO_POINTER (row.policy));
    }
  return policies;
}

gboolean
crypt_settings_fill (const SatchelConfig *section, CryptSettings *settings, GError **error)
{
  Values values = { 0 };
  satchel_config_fill (section, crypt_schema, &values);
  *settings = (CryptSettings) { .path = values.path,
                                .site = { .cost = { .memory_bytes = values.memory, .passes = values.passes },
                                          .policy = values.policy,
                                          .carries_over = values.carries_over },
                                .rate = values.rate,
                                .escrow_key = values.escrow_key };
  settings->site.policies = read_policies (section);
  return fill_escrow (&values, settings, error);
}
