/* SPDX-License-Identifier: MIT
 * Declares settings of group `bdb`.
 */
#pragma once
#include <satchel/config.h>

typedef struct BdbSettings
{
  const char *path;                   /* path of volumes, below the mail root; borrowed */
  const char *const *volumes;         /* names of volumes; borrowed */
  guint64 cache, log_file, log_bytes; /* sizes in bytes */
  guint64 reserve;                    /* in bytes */
  gint64 checkpoint_ms;
  gboolean keeps_open;
} BdbSettings;

extern const SatchelConfigRow bdb_schema[];
gboolean bdb_settings_check (const SatchelConfig *section, GError **error);
void bdb_settings_fill (const SatchelConfig *section, BdbSettings *ret_settings);
/* Says whether there is a volume @volume; "" stands for the only one. */
gboolean bdb_settings_has_volume (const BdbSettings *settings, const char *volume);
/* Says whether a volume or a backup may have this name. */
gboolean bdb_settings_is_name (const char *name);
