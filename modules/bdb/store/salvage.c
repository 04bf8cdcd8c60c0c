/* SPDX-License-Identifier: MIT
 * This file saves what can be read of the volume that has a user's mail, even if the volume cannot be
 * opened.
 */
#include "config.h"

#include "driver.h"
#include "settings.h"
#include "volume/copy.h"

gboolean
bdb_salvage (const SatchelStorageIdentity *identity, const SatchelConfig *section, GString *said,
             GError **error)
{
  BdbSettings settings;
  guint64 n_records;
  bdb_settings_fill (section, &settings);
  g_autofree char *home = bdb_volume_home (identity->root_fd, &settings, identity->volume);
  if (home == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the directory of the volume is not known");
  if (!bdb_copy_salvage (home, &n_records, error))
    return FALSE;
  g_string_append_printf (said,
                          "%" G_GUINT64_FORMAT
                          " records were saved.  The new volume is in %s/salvage.  To use it, "
                          "stop the server, and put its tables, its log and its directory bodies in place of "
                          "those of the volume.",
                          n_records, home);
  return TRUE;
}
