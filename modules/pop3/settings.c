/* SPDX-License-Identifier: MIT
 * Lists the settings of group `pop3`, and what they mean for a user.
 */
#include "settings.h"
#include "texts.h"

#include <string.h>

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Pop3Settings, member)
#define RELOAD SATCHEL_CONFIG_RELOADABLE

typedef struct UserSettings
{
  const char *user;
  Pop3Policy policy;
} UserSettings;
#define OF_USER(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, UserSettings, member)

static const SatchelConfigRow user_rows[] = {
  { "user", OF_USER (STRING, user), NULL, "User, as `satchel user list` shows the name",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "expire", OF_USER (DURATION, policy.expire_ms), NULL, "Value of expire for this user; unset: never",
    .min = SATCHEL_DAYS (1), .max = SATCHEL_DAYS (3650), .flags = RELOAD },
  { "login_delay", OF_USER (DURATION, policy.login_delay_ms), "0s", "Value of login_delay for this user",
    .min = 0, .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { NULL },
};

const SatchelConfigRow pop3_schema[] = {
  { "lock_wait", INTO (DURATION, lock_wait_ms), "0s",
    "How long a login waits for an earlier session of the user to end", .min = 0, .max = SATCHEL_MINUTES (10),
    .flags = RELOAD },
  { "mark_seen", INTO (BOOL, marks_seen), "true", "Whether RETR marks a message as read (\\Seen)",
    .flags = RELOAD },
  { "surrogates", INTO (BOOL, sends_surrogates), "true",
    "Whether a client without UTF8 gets an ASCII version (a surrogate, RFC 6857) of mail that came by "
    "SMTPUTF8 or has an address that is not ASCII; false: such mail is sent as it is",
    .flags = RELOAD },
  { "timeout", INTO (DURATION, timeout_ms), "10m",
    "Idle time after which a session ends without deleting (RFC 1939 3: at least 10m)",
    .min = SATCHEL_MINUTES (10), .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "keepalive", INTO (DURATION, keepalive_ms), "60s",
    "Time after which the server notices that a client has vanished (TCP keepalive)",
    .min = SATCHEL_SECONDS (5), .max = SATCHEL_HOURS (1), .flags = RELOAD },
  { "bad_commands", INTO (INT, bad_commands), "20",
    "Number of bad commands of a session after which the connection is closed", .min = 1, .max = 1000,
    .flags = RELOAD },
  { "expire", INTO (DURATION, policy.expire_ms), NULL,
    "Age after which mail may be removed, as POP3 announces it to clients (EXPIRE); the server removes "
    "nothing because of it; unset: never",
    .min = SATCHEL_DAYS (1), .max = SATCHEL_DAYS (3650), .flags = RELOAD },
  { "login_delay", INTO (DURATION, policy.login_delay_ms), "0s",
    "Shortest time between two logins of one user (LOGIN-DELAY); 0s: no limit", .min = 0,
    .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "users", SATCHEL_CONFIG_GROUPS, NULL, "Users who have their own values of expire and login_delay",
    .group = user_rows, .flags = RELOAD },
  { "language", INTO (STRING, language), "en",
    "Language of error texts for a client that leaves the choice to the server (LANG *): en or de",
    .flags = RELOAD },
  { NULL },
};

void
pop3_settings_read (Pop3Settings *settings, const SatchelConfig *config)
{
  satchel_config_fill (config, pop3_schema, settings);
  /* The text of the setting lives only until the next reload. */
  const Pop3Language *language = pop3_language_find (settings->language);
  settings->language = language != NULL ? language->tag : pop3_languages[0].tag;
}

gboolean
pop3_check (const SatchelConfig *section, GError **error)
{
  Pop3Settings settings = { 0 };
  satchel_config_fill (section, pop3_schema, &settings);
  return pop3_language_find (settings.language) != NULL
         || satchel_error_set_setting (error, "language",
                                       "\"%s\" is not a language of the POP3 module; use en or de",
                                       settings.language);
}

static Pop3Policy
get_policy_of_all (const SatchelConfig *config)
{
  Pop3Settings settings = { 0 };
  satchel_config_fill (config, pop3_schema, &settings);
  return settings.policy;
}

static void
read_user (const SatchelConfig *config, guint index, UserSettings *ret_settings)
{
  *ret_settings = (UserSettings) { 0 };
  satchel_config_fill (satchel_config_group (config, "users", index), user_rows, ret_settings);
}

Pop3Policy
pop3_policy_of_user (const SatchelConfig *config, const char *user)
{
  for (guint i = 0; i < satchel_config_n_groups (config, "users"); i++)
    {
      UserSettings own;
      read_user (config, i, &own);
      if (strcmp (own.user, user) == 0)
        return own.policy;
    }
  return get_policy_of_all (config);
}

/* Returns the shorter of two times; never, which is 0, is longer than all others. */
static gint64
get_shorter (gint64 a_ms, gint64 b_ms)
{
  return a_ms == 0 || (b_ms != 0 && b_ms < a_ms) ? b_ms : a_ms;
}

Pop3Policies
pop3_policies_of_all (const SatchelConfig *config)
{
  const Pop3Policy common = get_policy_of_all (config);
  Pop3Policies policies = { .strictest = common };
  for (guint i = 0; i < satchel_config_n_groups (config, "users"); i++)
    {
      UserSettings own;
      read_user (config, i, &own);
      policies.has_expires |= own.policy.expire_ms != common.expire_ms;
      policies.has_delays |= own.policy.login_delay_ms != common.login_delay_ms;
      policies.strictest.expire_ms = get_shorter (policies.strictest.expire_ms, own.policy.expire_ms);
      policies.strictest.login_delay_ms = MAX (policies.strictest.login_delay_ms, own.policy.login_delay_ms);
    }
  return policies;
}
