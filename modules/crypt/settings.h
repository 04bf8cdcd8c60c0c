/* SPDX-License-Identifier: MIT
 * The settings of group `crypt`.
 */
#pragma once
#include "slot.h"

#include <satchel/config.h>

extern const SatchelConfigRow crypt_schema[];

typedef struct CryptSettings
{
  const char *path; /* borrowed from the section */
  CryptCost cost;   /* of slots that passwords open */
} CryptSettings;
void crypt_settings_fill (const SatchelConfig *section, CryptSettings *settings);
