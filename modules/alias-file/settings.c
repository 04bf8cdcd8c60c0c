/* SPDX-License-Identifier: MIT
 * Settings of module alias-file.
 */
#include "settings.h"

const SatchelConfigRow alias_schema[] = { { "path", SATCHEL_CONFIG_INTO (PATH, AliasSettings, path),
                                            "aliases", "File of domains and aliases" },
                                          { NULL } };
