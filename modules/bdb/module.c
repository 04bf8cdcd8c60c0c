/* SPDX-License-Identifier: MIT
 * Describes bdb.so.
 */
#include "config.h"

#include "admin/admin.h"
#include "driver.h"
#include "settings.h"
#include "volume/volume.h"

#include <satchel/module.h>

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  return bdb_settings_check (section, error);
}

static void
close_volumes (void)
{
  bdb_volumes_release ();
}

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_DRIVER, NULL, &bdb_ops },
                                              { SATCHEL_KIND_ADMIN, NULL, &bdb_admin_ops },
                                              { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "bdb",
    .version = PACKAGE_VERSION,
    .description = "Mail in Berkeley DB tables with a write-ahead log",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .schema = bdb_schema,
    .provides = provides,
    .check = check_settings,
    .configure = check_settings,
    .stop = close_volumes,
  };
  return &module;
}
