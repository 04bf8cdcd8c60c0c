/* SPDX-License-Identifier: MIT
 * Declares the settings of module passwd-file.
 */
#pragma once
#include "verifier.h"

#include <satchel/config.h>

typedef struct PasswdSettings
{
  const char *path;
  PasswdPolicy policy;
} PasswdSettings;

extern const SatchelConfigRow passwd_schema[];
