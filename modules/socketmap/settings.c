/* SPDX-License-Identifier: MIT
 * Lists the settings of group `socketmap`.
 */
#include "settings.h"

const SatchelConfigRow socketmap_schema[] = {
  { "timeout", SATCHEL_CONFIG_INTO (DURATION, SocketmapSettings, timeout_ms), "5m",
    "Idle time after which the connection is closed", .min = SATCHEL_SECONDS (1), .max = SATCHEL_DAYS (1),
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};
