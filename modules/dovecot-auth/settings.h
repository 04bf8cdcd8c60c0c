/* SPDX-License-Identifier: MIT
 * Declares the settings of group `dovecot-auth`.
 */
#pragma once
#include <satchel/config.h>

typedef struct DovecotSettings
{
  const char *const *services;
} DovecotSettings;
extern const SatchelConfigRow dovecot_schema[];
