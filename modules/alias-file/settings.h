/* SPDX-License-Identifier: MIT
 * Declares the settings of module alias-file.
 */
#pragma once
#include <satchel/config.h>

typedef struct AliasSettings
{
  const char *path;
} AliasSettings;

extern const SatchelConfigRow alias_schema[];
