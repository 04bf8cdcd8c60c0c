/* SPDX-License-Identifier: MIT
 * Lists the settings of module alias-file.
 */
#include "settings.h"

const SatchelConfigRow alias_schema[] = { { "path", SATCHEL_CONFIG_INTO (PATH, AliasSettings, path),
                                            "aliases", "File that lists aliases and further domains" },
                                          { NULL } };
