/* SPDX-License-Identifier: MIT
 * This file copies a volume that is in use, and checks such a copy.
 */
#include "config.h"

#include "admin/admin.h"
#include "admin/level.h"
#include "volume/copy.h"

#include <satchel/module.h>

gboolean
bdb_admin_backup (SatchelAdminCall *call, GError **error)
{
  const char *name = satchel_config_string (satchel_admin_options (call), "name");
  if (!bdb_settings_is_name (name))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "\"%s\" is no name for a backup: use letters, digits, '.', '_' and '-'", name);
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  BdbStore *own = bdb_admin_level (store, error);
  if (own == NULL)
    return FALSE;
  g_autofree char *where = bdb_copy_volume (own->volume, name, error);
  return where != NULL && (satchel_admin_print (call, "The copy is in %s.", where) || TRUE);
}

gboolean
bdb_admin_verify (SatchelAdminCall *call, GError **error)
{
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  BdbStore *own = bdb_admin_level (store, error);
  if (own == NULL || !bdb_copy_verify (own->volume, error))
    return FALSE;
  satchel_admin_print (call, "All pages and bodies of the volume are right.");
  return TRUE;
}
