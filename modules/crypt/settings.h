/* SPDX-License-Identifier: MIT
 * The settings of group `crypt`.
 */
#pragma once
#include "login.h"

#include <satchel/config.h>

extern const SatchelConfigRow crypt_schema[];

typedef struct CryptSettings
{
  const char *path; /* borrowed from the section */
  CryptSite site;
} CryptSettings;
void crypt_settings_fill (const SatchelConfig *section, CryptSettings *settings);
