/* SPDX-License-Identifier: MIT
 * This file runs `satchel bdb salvage`: the volume need not be one that can be opened.
 */
#include "config.h"

#include "admin/admin.h"
#include "admin/level.h"
#include "store/places.h"
#include "volume/copy.h"

gboolean
bdb_admin_salvage (SatchelAdminCall *call, GError **error)
{
  guint64 n_records;
  g_autoptr (GError) failure = NULL;
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, &failure);
  const BdbStore *own = bdb_admin_level (store, &failure);
  g_autofree char *home = own != NULL ? g_strdup (bdb_volume_path (own->volume))
                                      : bdb_places_find (satchel_admin_access (call)->owner);
  if (home == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  if (!bdb_copy_salvage (home, &n_records, error))
    return FALSE;
  satchel_admin_print (call, "%" G_GUINT64_FORMAT " records were saved.  The new volume is in %s/salvage.",
                       n_records, home);
  return TRUE;
}
