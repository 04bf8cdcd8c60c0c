/* SPDX-License-Identifier: MIT
 * Declares the settings of group `totp`.
 */
#pragma once
#include "state.h"

#include <satchel/config.h>

typedef enum /* in the order of the setting's choices */
{
  TOTP_POLICY_OFF = 0,
  TOTP_POLICY_OPTIONAL,
  TOTP_POLICY_REQUIRED,
  TOTP_POLICY_REQUIRED_UNKNOWN /* from networks that the user has not logged in from */
} TotpPolicy;

extern const SatchelConfigRow totp_schema[];

typedef struct TotpSettings TotpSettings;
TotpSettings *totp_settings_new (const SatchelConfig *section, GError **error);
void totp_settings_free (TotpSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TotpSettings, totp_settings_free)

TotpPolicy totp_settings_policy (const TotpSettings *settings, const char *user);
TotpGrantTimes totp_settings_grant_times (const TotpSettings *settings);
gboolean totp_settings_has_grants (const TotpSettings *settings);
gboolean totp_settings_password_alone (const TotpSettings *settings);
/* Say how secrets are made from now on. */
TotpAlgorithm totp_settings_algorithm (const TotpSettings *settings);
guint totp_settings_digits (const TotpSettings *settings);
const char *totp_settings_issuer (const TotpSettings *settings);
const char *totp_settings_path (const TotpSettings *settings);
