/* SPDX-License-Identifier: MIT
 * This file finds the bdb driver's store below a user's store.
 */
#include "config.h"

#include "admin/level.h"
#include "driver.h"

BdbStore *
bdb_admin_level (SatchelStore *store, GError **error)
{
  if (store == NULL)
    return NULL;
  const SatchelStorage *level = satchel_store_level (store, &bdb_ops);
  if (level != NULL)
    return level->self;
  satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the user's mail is in another storage driver");
  return NULL;
}
