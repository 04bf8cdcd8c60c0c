/* SPDX-License-Identifier: MIT
 * Settings of LMTP.
 */
#include "settings.h"

const SatchelConfigRow lmtp_schema[] = {
  { "recipients", SATCHEL_CONFIG_INT, "1000", "Most recipients of one message", .min = 1, .max = 100000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "line", SATCHEL_CONFIG_SIZE, "4K", "Longest command line", .min = 512, .max = 65536,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "bad_commands", SATCHEL_CONFIG_INT, "20", "Bad commands; the last one closes", .min = 1, .max = 1000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "over_quota", SATCHEL_CONFIG_ENUM, "temporary",
    "Answer for a user over quota: temporary (452 4.2.2, the sender tries again), permanent (552 5.2.2)",
    "temporary|permanent", .flags = SATCHEL_CONFIG_RELOADABLE },
  { "timeout", SATCHEL_CONFIG_DURATION, "5m", "Longest wait for the client", .min = 1000, .max = 86400000,
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};
