/* SPDX-License-Identifier: MIT
 * Settings of group `socketmap`.
 */
#pragma once
#include <satchel/config.h>

typedef struct SocketmapSettings
{
  gint64 timeout_ms;
} SocketmapSettings;
extern const SatchelConfigRow socketmap_schema[];
