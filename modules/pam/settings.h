/* SPDX-License-Identifier: MIT
 * Declares the settings of module pam.
 */
#pragma once
#include <satchel/config.h>

typedef struct PamSettings
{
  const char *service, *domain; /* domain NULL: unset */
  gboolean wants_account;
  guint first_uid, processes;
} PamSettings;

extern const SatchelConfigRow pam_schema[];
/* Checks what the table of settings cannot. */
gboolean pam_settings_check (const PamSettings *settings, GError **error);
