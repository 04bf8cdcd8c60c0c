/* SPDX-License-Identifier: MIT
 * Declares the settings of group `lmtp`.
 */
#pragma once
#include <satchel/config.h>

extern const SatchelConfigRow lmtp_schema[];

typedef enum /* in the order of the choices of `over_quota` */
{
  LMTP_OVER_QUOTA_TEMPORARY = 0,
  LMTP_OVER_QUOTA_PERMANENT
} LmtpOverQuota;

typedef struct LmtpSettings
{
  guint recipients, bad_commands;
  guint64 line_bytes;
  gint64 timeout_ms;
  LmtpOverQuota over_quota;
  const char *const *xforward_networks;
} LmtpSettings;
