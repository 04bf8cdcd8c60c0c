/* SPDX-License-Identifier: MIT
 * Declares the settings of group `socketmap`.
 */
#pragma once
#include <satchel/config.h>

typedef struct SocketmapSettings
{
  gint64 timeout_ms;
} SocketmapSettings;
extern const SatchelConfigRow socketmap_schema[];
