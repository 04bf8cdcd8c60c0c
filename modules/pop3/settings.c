/* SPDX-License-Identifier: MIT
 * Settings of POP3.
 */
#include "pop3_session.h"

static gboolean
check_language (const char *language, GError **error)
{
  return pop3_language_find (language) != NULL
         || satchel_error_set (error, SATCHEL_ERROR_INVALID,
                               "language: \"%s\" is none of the languages of LANG", language);
}

gboolean
pop3_check (const SatchelConfig *section, GError **error)
{
  return check_language (satchel_config_string (section, "language"), error);
}

static const SatchelConfigRow user_rows[] = {
  { "user", SATCHEL_CONFIG_STRING, NULL, "local@domain, as `satchel user list` shows it",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "expire", SATCHEL_CONFIG_DURATION, NULL, "As above, for this user; unset: never", .min = 86400000,
    .max = 315360000000, .flags = SATCHEL_CONFIG_RELOADABLE },
  { "login_delay", SATCHEL_CONFIG_DURATION, "0s", "As above, for this user", .min = 0, .max = 86400000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};

const SatchelConfigRow pop3_schema[] = {
  { "lock_wait", SATCHEL_CONFIG_DURATION, "0s", "How long a second login waits for the first session to end",
    .min = 0, .max = 600000, .flags = SATCHEL_CONFIG_RELOADABLE },
  { "mark_seen", SATCHEL_CONFIG_BOOL, "true", "RETR marks a message as read (\\Seen)",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "surrogates", SATCHEL_CONFIG_BOOL, "true",
    "Internationalized mail (it came by SMTPUTF8, or an address is not ASCII) goes as a surrogate to clients "
    "without UTF8",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "timeout", SATCHEL_CONFIG_DURATION, "10m",
    "Idle time after which a session ends without deleting (RFC 1939 3: at least 10m)", .min = 600000,
    .max = 86400000, .flags = SATCHEL_CONFIG_RELOADABLE },
  { "keepalive", SATCHEL_CONFIG_DURATION, "60s",
    "A client that vanished without a word is noticed after this time", .min = 5000, .max = 3600000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "bad_commands", SATCHEL_CONFIG_INT, "20", "Bad commands of one session; the last one closes", .min = 1,
    .max = 1000, .flags = SATCHEL_CONFIG_RELOADABLE },
  { "expire", SATCHEL_CONFIG_DURATION, NULL,
    "After how many days rules of this site may remove mail, as clients are told (EXPIRE); removes nothing "
    "itself; unset: never",
    .min = 86400000, .max = 315360000000, .flags = SATCHEL_CONFIG_RELOADABLE },
  { "login_delay", SATCHEL_CONFIG_DURATION, "0s",
    "Least time between two logins of a user (LOGIN-DELAY); 0s: none", .min = 0, .max = 86400000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "users", SATCHEL_CONFIG_GROUPS, NULL, "Users with other values of expire and login_delay",
    .group = user_rows, .flags = SATCHEL_CONFIG_RELOADABLE },
  { "language", SATCHEL_CONFIG_STRING, "en",
    "What a client gets that asks for your language (LANG *): en, de", .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};
