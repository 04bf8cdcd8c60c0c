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
  const char *escrow_key; /* a path, borrowed, or NULL */
  gboolean has_escrow;
  CryptPublic escrow;
  guint64 rate; /* of work.h, bytes a second; 0: as fast as it can */
} CryptSettings;
/* Reads them into @settings.  FALSE: one cannot be used. */
gboolean crypt_settings_fill (const SatchelConfig *section, CryptSettings *settings, GError **error);
