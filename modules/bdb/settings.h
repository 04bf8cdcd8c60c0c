/* SPDX-License-Identifier: MIT
 * This header declares settings of group `bdb`.
 */
#pragma once
#include <satchel/config.h>

typedef struct BdbSettings
{
  const char *path;                   /* below the mail root; borrowed */
  const char *const *volumes;         /* names; borrowed */
  guint64 cache, log_file, log_bytes; /* bytes */
  guint64 reserve;                    /* bytes */
  gint64 checkpoint_ms;
  gboolean keeps_open;
} BdbSettings;

extern const SatchelConfigRow bdb_schema[];
gboolean bdb_settings_check (const SatchelConfig *section, GError **error);
void bdb_settings_fill (const SatchelConfig *section, BdbSettings *ret_settings);
/* Is @volume ("": the only one) a volume? */
gboolean bdb_settings_has_volume (const BdbSettings *settings, const char *volume);
/* May a volume or a backup have this name? */
gboolean bdb_settings_is_name (const char *name);
