/* SPDX-License-Identifier: MIT
 * Lists the settings of group `lmtp`.
 */
#include "settings.h"

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, LmtpSettings, member)
#define RELOAD SATCHEL_CONFIG_RELOADABLE

const SatchelConfigRow lmtp_schema[] = {
  { "recipients", INTO (INT, recipients), "1000", "Largest number of recipients of one message", .min = 1,
    .max = 100000, .flags = RELOAD },
  { "line", INTO (SIZE, line_bytes), "4K", "Longest command line", .min = 512, .max = SATCHEL_KIB (64),
    .flags = RELOAD },
  { "bad_commands", INTO (INT, bad_commands), "20",
    "Number of bad commands after which the connection is closed", .min = 1, .max = 1000, .flags = RELOAD },
  { "over_quota", INTO (ENUM, over_quota), "temporary",
    "Answer to mail for a user over quota: temporary is 452 4.2.2, after which the sender tries again; "
    "permanent is 552 5.2.2, after which the mail bounces",
    "temporary|permanent", .flags = RELOAD },
  { "timeout", INTO (DURATION, timeout_ms), "5m", "Idle time after which the connection is closed",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "xforward_networks", INTO (STRINGS, xforward_networks), NULL,
    "Networks of MTAs that may say by XFORWARD where mail comes from, as ADDRESS/BITS; \"local\": by unix "
    "socket; unset: none may",
    .flags = RELOAD },
  { NULL },
};
