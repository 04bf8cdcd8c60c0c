/* SPDX-License-Identifier: MIT
 * Lists the settings of group `totp`. The policy of a user is that of his row, then of his domain's, then
 * the group's.
 */
#include "settings.h"

#define RELOAD SATCHEL_CONFIG_RELOADABLE
#define POLICIES "off|optional|required|required-unknown"

struct TotpSettings
{
  TotpPolicy policy;
  gint64 idle_ms, max_ms;
  gboolean password_alone;
  guint algorithm, digits; /* places in the choices */
  const char *issuer, *path;
  char *own_issuer, *own_path;
  SatchelUserChoices *policies; /* TotpPolicy */
};
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, TotpSettings, member)
#define OF_ROW(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, SatchelUserChoice, member)

static const SatchelConfigRow policy_rows[] = {
  { "name", OF_ROW (STRING, name), NULL, "Domain, or user with the domain, that has this policy",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "policy", OF_ROW (ENUM, choice), NULL, "As `policy` of the group totp", .choices = POLICIES,
    .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};

const SatchelConfigRow totp_schema[] = {
  { "key", SATCHEL_CONFIG_SECRET, NULL,
    "Master key that the secrets of users are sealed with, as \"file:PATH\" or \"credential:NAME\"; at least "
    "32 characters",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "new_key", SATCHEL_CONFIG_SECRET, NULL,
    "Another master key, to which `satchel totp rekey` changes; once it has, it is the `key`" },
  { "path", INTO (PATH, path), SATCHEL_STATE_DIR "/auth/totp",
    "File that holds who is enrolled, which codes were used, and grants" },
  { "policy", INTO (ENUM, policy), "optional",
    "off: codes are not looked at; optional: who is enrolled needs a code; required: who is not enrolled "
    "cannot log in; required-unknown: the same, but only from networks that the user has not logged in from "
    "within 90 days",
    .choices = POLICIES, .flags = RELOAD },
  { "policies", SATCHEL_CONFIG_GROUPS, NULL,
    "Another policy for a domain or a user, as { name = \"example.org\"; policy = \"required\"; }",
    .group = policy_rows, .flags = RELOAD },
  { "grant_idle", INTO (DURATION, idle_ms), "7d",
    "How long the string of password and code that a client logged in with works again from the same network "
    "after its last use; 0: every login needs a new code",
    .min = 0, .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { "grant_max", INTO (DURATION, max_ms), "30d",
    "How long such a string works at most; 0: every login needs a new code", .min = 0,
    .max = SATCHEL_DAYS (3650), .flags = RELOAD },
  { "password_alone", INTO (BOOL, password_alone), "false",
    "Whether the password without a code is enough from a network where a string of the user works; offices, "
    "carriers and webmail share addresses",
    .flags = RELOAD },
  { "algorithm", INTO (ENUM, algorithm), "SHA1", "Algorithm of new secrets; few apps know others than SHA1",
    .choices = "SHA1|SHA256|SHA512", .flags = RELOAD },
  { "digits", INTO (ENUM, digits), "6", "Digits of codes of new secrets", .choices = "6|8", .flags = RELOAD },
  { "issuer", INTO (STRING, issuer), "Satchel", "What apps show beside the name of the user",
    .flags = RELOAD },
  { NULL }
};

TotpSettings *
totp_settings_new (const SatchelConfig *section, GError **error)
{
  g_autoptr (TotpSettings) settings = g_new0 (TotpSettings, 1);
  settings->policies = satchel_user_choices_new (section, "policies", policy_rows, error);
  if (settings->policies == NULL)
    return NULL;
  satchel_config_fill (section, totp_schema, settings);
  settings->issuer = settings->own_issuer = g_strdup (settings->issuer);
  settings->path = settings->own_path = g_strdup (settings->path);
  return g_steal_pointer (&settings);
}

void
totp_settings_free (TotpSettings *settings)
{
  if (settings == NULL)
    return;
  satchel_user_choices_free (settings->policies);
  g_free (settings->own_issuer);
  g_free (settings->own_path);
  g_free (settings);
}

TotpPolicy
totp_settings_policy (const TotpSettings *settings, const char *user)
{
  return (TotpPolicy) satchel_user_choices_find (settings->policies, user, settings->policy);
}

TotpGrantTimes
totp_settings_grant_times (const TotpSettings *settings)
{
  return (TotpGrantTimes) { .idle_s = settings->idle_ms / 1000, .max_s = settings->max_ms / 1000 };
}

gboolean
totp_settings_has_grants (const TotpSettings *settings)
{
  return settings->idle_ms > 0 && settings->max_ms > 0;
}

gboolean
totp_settings_password_alone (const TotpSettings *settings)
{
  return settings->password_alone;
}

TotpAlgorithm
totp_settings_algorithm (const TotpSettings *settings)
{
  return (TotpAlgorithm) settings->algorithm;
}

guint
totp_settings_digits (const TotpSettings *settings)
{
  return settings->digits == 0 ? 6 : 8;
}

const char *
totp_settings_issuer (const TotpSettings *settings)
{
  return settings->issuer;
}

const char *
totp_settings_path (const TotpSettings *settings)
{
  return settings->path;
}
