/* SPDX-License-Identifier: MIT
 * Lists the settings of group `dovecot-auth`.
 */
#include "settings.h"

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, DovecotSettings, member)

const SatchelConfigRow dovecot_schema[] = {
  { "services", INTO (STRINGS, services), "( \"smtp\" )",
    "Services that logins may be asked for, as the MTA names them; app passwords and policies are for "
    "services",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};
